//! Tags and params of everything but runs, whose tags have a history: plain tables of an owner, a key and a text.

use rusqlite::{Transaction, params};

use crate::key::check_length;
use crate::sqlite::fault::Fault;
use crate::{Tag, check_key};

/// A table of tags; each has the columns of its owner, `key` and `value`.
#[derive(Clone, Copy)]
pub(super) struct Table {
    name: &'static str,
    owner: &'static str,
    /// The longest value, in characters.
    longest: usize,
}

pub(super) const EXPERIMENT: Table =
    Table { name: "experiment_tag", owner: "experiment", longest: crate::MAX_EXPERIMENT_TAG_VALUE };
pub(super) const LOGGED_MODEL: Table =
    Table { name: "logged_model_tag", owner: "model", longest: crate::MAX_TAG_VALUE };
pub(super) const REGISTERED_MODEL: Table =
    Table { name: "registered_model_tag", owner: "model", longest: crate::MAX_REGISTRY_TAG_VALUE };
pub(super) const VERSION: Table =
    Table { name: "model_version_tag", owner: "version", longest: crate::MAX_REGISTRY_TAG_VALUE };

/// Sets tags, whatever values they had.
pub(super) fn set(transaction: &Transaction, table: Table, owner: i64, tags: &[Tag]) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(&format!(
        "INSERT OR REPLACE INTO {} ({}, key, value) VALUES (?1, ?2, ?3)",
        table.name, table.owner
    ))?;
    for tag in tags {
        check_key("tag", &tag.key)?;
        check_length(&tag.value, table.longest, || format!("the value of tag `{}`", tag.key))?;
        insert.execute(params![owner, tag.key, tag.value])?;
    }
    Ok(())
}

/// Removes a tag; whether it was there.
pub(super) fn delete(transaction: &Transaction, table: Table, owner: i64, key: &str) -> Result<bool, Fault> {
    let mut delete = transaction
        .prepare_cached(&format!("DELETE FROM {} WHERE {} = ?1 AND key = ?2", table.name, table.owner))?;
    Ok(delete.execute(params![owner, key])? > 0)
}
