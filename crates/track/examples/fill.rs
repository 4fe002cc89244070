//! Fills a project's run store for measurements: `cargo run --release -p track --example fill -- .pipe/runs.db`, with
//! numbers of runs, of metrics of one run, and of points of another one after it.
#![allow(clippy::disallowed_macros, reason = "a loader knows its arguments")]

#[path = "../benches/filled/mod.rs"]
mod filled;

use std::path::PathBuf;

use base::Timestamp;
use filled::{id, point, run_with_data};
use track::{Change, Changes, Metric, NewRun, RunStatus, RunStore, SqliteStore};

/// Metrics that share the many points.
const LONG: usize = 10;
/// Points of each of the many metrics.
const EACH: i64 = 10;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().expect("the path of a store"));
    let mut number =
        |default: usize| arguments.next().map_or(default, |text| text.parse().expect("a number"));
    let (runs, metrics, points) = (number(100_000), number(10_000), number(10_000_000));
    let store = SqliteStore::open(&path).expect("opens");
    let apply = |changes| drop(store.apply(Changes::new(Timestamp(1), changes)).expect("applied"));
    apply(vec![Change::CreateExperiment { name: "filled".into(), if_absent: true }]);
    let all: Vec<u128> = (0..runs as u128).collect();
    for numbers in all.chunks(500) {
        apply(numbers.iter().flat_map(|number| run_with_data(*number)).collect());
    }
    let new = |number: usize, name: &str| {
        let run = id(number as u128);
        let new = NewRun { name: Some(name.to_owned()), ..NewRun::new(run, Timestamp(number as i64)) };
        apply(vec![Change::CreateRun(new)]);
        run
    };
    let log = |run, metrics: &mut Vec<Metric>| {
        apply(vec![Change::LogMetrics { run, metrics: std::mem::take(metrics) }]);
    };
    let end = |run| {
        let status = Some(RunStatus::Finished);
        apply(vec![Change::UpdateRun { run, status, end_time: Some(Timestamp(1)), name: None }]);
    };
    let wide = new(runs, "wide");
    let keys: Vec<String> = (0..metrics).map(|key| format!("layer/{key}")).collect();
    for step in 0..EACH {
        for keys in keys.chunks(1000) {
            log(wide, &mut keys.iter().map(|key| point(key, step, (step as f64).sin())).collect());
        }
    }
    let long = new(runs + 1, "long");
    let keys: Vec<String> = (0..LONG).map(|key| format!("curve{key}")).collect();
    let mut waiting = Vec::new();
    for step in 0..points / LONG {
        waiting.extend(keys.iter().map(|key| point(key, step as i64, (step as f64).sqrt())));
        if waiting.len() >= 10_000 {
            log(long, &mut waiting);
        }
    }
    log(long, &mut waiting);
    // The wide one is still at work, as where somebody looks at it: its points are in blocks.
    end(long);
}
