//! Artifacts of runs, logged models and versions: three tables of one form.

use rusqlite::{Transaction, params};

use super::hold::{hold_what_is_replaced, hold_what_lies_at};
use super::stored_size;
use crate::Artifact;
use crate::key::check_path;
use crate::sqlite::fault::Fault;

/// Whose artifacts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::sqlite) enum Table {
    Run,
    Model,
    Version,
}

impl Table {
    /// The table, and its column that says whose they are.
    pub(in crate::sqlite) fn names(self) -> (&'static str, &'static str) {
        match self {
            Table::Run => ("artifact", "run"),
            Table::Model => ("logged_model_artifact", "owner"),
            Table::Version => ("model_version_artifact", "owner"),
        }
    }
}

/// Adds artifacts; one with the path of an earlier one takes its place, but not in versions that were made of that.
pub(super) fn log(
    transaction: &Transaction,
    table: Table,
    owner: i64,
    artifacts: &[Artifact],
) -> Result<(), Fault> {
    hold_what_is_replaced(transaction, (table, owner), artifacts)?;
    let (name, column) = table.names();
    let mut insert = transaction.prepare_cached(&format!(
        "INSERT OR REPLACE INTO {name} ({column}, path, digest, size) VALUES (?1, ?2, ?3, ?4)"
    ))?;
    for artifact in artifacts {
        check_path("artifact", &artifact.path)?;
        let digest = artifact.digest.to_string();
        insert.execute(params![owner, artifact.path, digest, stored_size(artifact.size)])?;
    }
    Ok(())
}

/// Removes what has a path and what lies in the folder of that path; everything, when the path is empty. Versions that were made
/// of it keep it.
pub(super) fn delete(transaction: &Transaction, table: Table, owner: i64, path: &str) -> Result<(), Fault> {
    hold_what_lies_at(transaction, (table, owner), &[path])?;
    let (name, column) = table.names();
    if path.is_empty() {
        transaction.execute(&format!("DELETE FROM {name} WHERE {column} = ?1"), [owner])?;
        return Ok(());
    }
    check_path("artifact", path)?;
    // `0` is the character after `/`.
    let mut delete = transaction.prepare_cached(&format!(
        "DELETE FROM {name} WHERE {column} = ?1 AND (path = ?2 OR path >= ?2 || '/' AND path < ?2 || '0')"
    ))?;
    delete.execute(params![owner, path])?;
    Ok(())
}
