//! Artifacts of runs, logged models and versions: three tables of one form.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Transaction, params};

use super::hold::{hold_what_is_replaced, hold_what_lies_at};
use super::stored_size;
use crate::key::{check_artifact_path, check_path};
use crate::sqlite::fault::Fault;
use crate::{Artifact, StoreError};

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

/// Adds artifacts; one with the path of an earlier one takes its place, but not in versions that were made of that. None gets a
/// path that makes a folder of a file, or a file of a folder: no disk could hold both, and nobody could fetch them.
pub(super) fn log(
    transaction: &Transaction,
    table: Table,
    owner: i64,
    artifacts: &[Artifact],
) -> Result<(), Fault> {
    hold_what_is_replaced(transaction, (table, owner), artifacts)?;
    let mut places = Places::of(transaction, table, owner)?;
    for artifact in artifacts {
        places.check(&artifact.path)?;
        put(transaction, table, owner, std::slice::from_ref(artifact))?;
    }
    Ok(())
}

/// What lies at the paths around that of a new artifact.
struct Places<'t> {
    at: rusqlite::CachedStatement<'t>,
    below: rusqlite::CachedStatement<'t>,
    owner: i64,
    /// What is known to be no file: what is logged into such a folder becomes none either.
    folders: HashSet<String>,
}

impl<'t> Places<'t> {
    fn of(transaction: &'t Transaction, table: Table, owner: i64) -> Result<Self, Fault> {
        let (name, column) = table.names();
        let at = format!("SELECT 1 FROM {name} WHERE {column} = ?1 AND path = ?2");
        // `0` is the character after `/`.
        let below = format!(
            "SELECT path FROM {name} WHERE {column} = ?1 AND path >= ?2 || '/' AND path < ?2 || '0' LIMIT 1"
        );
        let (at, below) = (transaction.prepare_cached(&at)?, transaction.prepare_cached(&below)?);
        Ok(Places { at, below, owner, folders: HashSet::new() })
    }

    /// Refuses a path that is new where a file is in its way, or a folder. What earlier versions let in stays, and may be
    /// logged again.
    fn check(&mut self, path: &str) -> Result<(), Fault> {
        if self.at.exists(params![self.owner, path])? {
            return Ok(());
        }
        check_artifact_path(path)?;
        let in_the_way =
            |other: &str| StoreError::ArtifactInTheWay { path: path.to_owned(), other: other.to_owned() };
        for (end, _) in path.match_indices('/') {
            let folder = &path[..end];
            if self.folders.contains(folder) {
                continue;
            }
            if self.at.exists(params![self.owner, folder])? {
                return Err(in_the_way(folder).into());
            }
            self.folders.insert(folder.to_owned());
        }
        let inner = self.below.query_row(params![self.owner, path], |row| row.get::<_, String>(0));
        inner.optional()?.map_or(Ok(()), |inner| Err(in_the_way(&inner).into()))
    }
}

/// Adds artifacts as they are.
pub(super) fn put(
    transaction: &Transaction,
    table: Table,
    owner: i64,
    artifacts: &[Artifact],
) -> Result<(), Fault> {
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
