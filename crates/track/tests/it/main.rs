//! The tests of the store as its users see it: one contract, every implementation.
#![allow(clippy::disallowed_methods, reason = "tests write broken files and start processes of their own")]

mod clock;
mod conformance;
mod cursor;
mod experiments;
mod filter;
mod golden;
mod joined;
mod mlflow;
mod models;
mod moved;
mod sqlite;
mod unheard;

use base::Timestamp;
use track::{Change, Changes, Metric, NewRun, Param, RunId, RunStore, Tag};

/// A run id made of a small number.
pub fn id(number: u128) -> RunId {
    RunId::from_parts(Timestamp(1_000_000), number)
}

/// The changes of a moment.
pub fn at(millis: i64, changes: Vec<Change>) -> Changes {
    Changes::new(Timestamp(millis), changes)
}

/// Makes a running run.
pub fn make_run(store: &dyn RunStore, number: u128) -> RunId {
    let run = NewRun::new(id(number), Timestamp(1_000_000 + number as i64));
    store.apply(at(0, vec![Change::CreateRun(run)])).expect("a fresh run");
    id(number)
}

/// A point.
pub fn point(key: &str, step: i64, timestamp: i64, value: f64) -> Metric {
    Metric { key: key.to_owned(), value, step, timestamp: Timestamp(timestamp) }
}

/// A param.
pub fn param(key: &str, value: &str) -> Param {
    Param { key: key.to_owned(), value: value.to_owned() }
}

/// A tag.
pub fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}
