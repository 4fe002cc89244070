//! The tables of `runs.db`, and the steps from older schemas to this one.
//!
//! docs/design/run-store.md explains them. A schema that was ever released is never edited: a change
//! is a new step at the end of [`STEPS`], and what it starts from is saved beside the file first.

mod fill;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::fault::Fault;
use crate::StoreError;

/// The schema that this program writes; stands in the file's `user_version`.
pub const SCHEMA_VERSION: i64 = STEPS.len() as i64;

/// Says in the file's header what it is: `pipe` in ASCII.
const APPLICATION_ID: i64 = 0x7069_7065;

/// Step `n` leads from schema `n` to schema `n + 1`; a new file starts from 0.
const STEPS: &[Step] = &[
    Step { sql: include_str!("schema_1.sql"), and_then: None, at_last: "" },
    Step { sql: include_str!("schema_2.sql"), and_then: Some(fill::histories), at_last: AFTER_2 },
    Step { sql: include_str!("schema_3.sql"), and_then: None, at_last: "" },
    Step { sql: include_str!("schema_4.sql"), and_then: None, at_last: "" },
];

/// One step from a schema to the next.
struct Step {
    /// The tables that it makes and alters.
    sql: &'static str,
    /// What SQL cannot say, done to the new tables.
    and_then: Option<Fill>,
    /// What can go then.
    at_last: &'static str,
}

/// Rows of points, which are chunks and blocks from schema 2 on.
const AFTER_2: &str = "DROP TABLE metric_tail; ALTER TABLE metric_latest DROP COLUMN tail";

/// Work on the tables of a step.
type Fill = fn(&Transaction) -> Result<(), Fault>;

/// Refuses a file of another program or of a newer `pipe`; writes nothing.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), Fault> {
    // One snapshot: between two questions another process may have filled the file.
    let transaction = connection.unchecked_transaction()?;
    version(&transaction, path, SCHEMA_VERSION).map(drop)
}

/// Refuses every file but one of the current schema; writes nothing.
pub(super) fn check_current(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let transaction = connection.unchecked_transaction()?;
    let found = version(&transaction, path, SCHEMA_VERSION)?;
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    let source =
        format!("its schema is {found}, and it cannot be upgraded to {SCHEMA_VERSION} without writing");
    Err(StoreError::Failed { doing: "read", path: path.to_owned(), source: source.into() }.into())
}

/// Brings the file to the current schema: nothing, a first filling, or an upgrade after a backup.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), Fault> {
    advance(connection, path, STEPS)
}

fn advance(connection: &mut Connection, path: &Path, steps: &[Step]) -> Result<(), Fault> {
    let known = steps.len() as i64;
    let seen: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if seen == known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it while we waited for the lock.
    let found = version(&transaction, path, known)?;
    if found > 0 && found < known {
        // A reader of its own: the state before our transaction, which has changed nothing yet.
        back_up(path, found)?;
    }
    for step in &steps[found as usize..] {
        transaction.execute_batch(step.sql)?;
        if let Some(and_then) = step.and_then {
            and_then(&transaction)?;
        }
        transaction.execute_batch(step.at_last)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

/// The schema of the file; 0 for an empty one.
fn version(connection: &Connection, path: &Path, known: i64) -> Result<i64, Fault> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, found) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && found == 0 && tables == 0 {
        return Ok(0);
    }
    let path = path.to_owned();
    if application != APPLICATION_ID || found < 1 {
        let reason = "it is the database of another program".to_owned();
        return Err(StoreError::Damaged { path, reason }.into());
    }
    if found > known {
        return Err(StoreError::Newer { path, found, known }.into());
    }
    Ok(found)
}

/// Where the state before an upgrade is kept.
fn backup_path(path: &Path, found: i64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema-{found}.bak"));
    PathBuf::from(name)
}

/// Copies the file as it is, in place of an older backup of that schema: who went back to one and logged on has more now.
fn back_up(path: &Path, found: i64) -> Result<(), Fault> {
    let target = backup_path(path, found);
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    let mut half = target.clone().into_os_string();
    half.push(".half");
    let half = PathBuf::from(half);
    let source = Connection::open(path)?;
    {
        let mut copy = Connection::open(&half)?;
        crate::sqlite::open::make_private(&half);
        rusqlite::backup::Backup::new(&source, &mut copy)?.run_to_completion(
            256,
            std::time::Duration::ZERO,
            None,
        )?;
    }
    disk::move_path(&half, &target).map_err(|source| {
        Fault::from(StoreError::Failed { doing: "back up", path: path.to_owned(), source: source.into() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(sql: &'static str) -> Step {
        Step { sql, and_then: None, at_last: "" }
    }

    #[test]
    fn an_older_file_is_upgraded_and_kept_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.db");
        let steps = ["CREATE TABLE a (x); INSERT INTO a VALUES (7)", "ALTER TABLE a RENAME TO b"].map(step);
        let mut connection = Connection::open(&path).expect("opens");
        advance(&mut connection, &path, &steps[..1]).expect("filled");
        advance(&mut connection, &path, &steps).expect("upgraded");
        assert_eq!(connection.query_row("SELECT x FROM b", [], |row| row.get::<_, i64>(0)), Ok(7));
        let backup = Connection::open(backup_path(&path, 1)).expect("there is a backup");
        assert_eq!(backup.query_row("SELECT x FROM a", [], |row| row.get::<_, i64>(0)), Ok(7));
        assert_eq!(backup.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)), Ok(1));
        // Somebody goes back to it, has the old program log more, and upgrades again.
        drop((connection, backup));
        std::fs::copy(backup_path(&path, 1), &path).expect("copied");
        let mut connection = Connection::open(&path).expect("opens");
        connection.execute_batch("UPDATE a SET x = 8").expect("logged");
        advance(&mut connection, &path, &steps).expect("upgraded");
        let backup = Connection::open(backup_path(&path, 1)).expect("there is a backup");
        assert_eq!(backup.query_row("SELECT x FROM a", [], |row| row.get::<_, i64>(0)), Ok(8));
        let refused = advance(&mut connection, &path, &steps[..1]);
        let message = refused.expect_err("a newer schema").into_error(&path, "open").to_string();
        assert!(message.ends_with("was made by a newer pipe: schema 2, this pipe knows 1"), "{message}");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_at_the_old_schema() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.db");
        let mut connection = Connection::open(&path).expect("opens");
        advance(&mut connection, &path, &[step("CREATE TABLE a (x)")]).expect("filled");
        assert!(advance(&mut connection, &path, &["", "CREATE TABLE b (x); nonsense"].map(step)).is_err());
        assert_eq!(connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)), Ok(1));
        assert!(connection.prepare("SELECT * FROM b").is_err());
    }
}
