//! How the file is opened, on file systems of this machine and on those of a network.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::file::{self, FileId, folder_of};
use super::patience::{Patience, patiently};
use super::{ATTEMPTS, Sync, schema};
use crate::StoreError;

/// How often a question or a write is tried that a network does not answer.
const TRIES: usize = 8;

/// The pause between two of them.
const PAUSE: Duration = Duration::from_millis(50);

/// How SQLite keeps a write whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Journaling {
    /// Writes go to a log beside the file, whose index is in memory that all processes of one machine share.
    Ahead,
    /// What a write is about to change is saved in a journal first, and put back if it is cut off. Readers and writers wait
    /// for each other, and nothing but the two files and their locks has to be the same on all machines.
    ///
    /// The journal stays, empty, and is not removed: a machine may know for a minute that a name is not there, and so
    /// not see the journal of one that was cut off; a file is asked about anew when it is opened.
    Rollback,
}

impl Journaling {
    /// What the file system of a file needs.
    ///
    /// # Errors
    /// When several machines may have the file, and its mount keeps their locks from each other.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let folder = folder_of(path);
        match disk::lock_hiding_option(folder) {
            Some(option) => Err(StoreError::NoLocks { path: path.to_owned(), option }),
            None if disk::is_network(folder) => Ok(Journaling::Rollback),
            None => Ok(Journaling::Ahead),
        }
    }

    /// What connections that only read are opened with. One that cannot write cannot put back either what another machine
    /// was cut off from writing.
    pub(super) fn reading(self) -> OpenFlags {
        match self {
            Journaling::Ahead => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Journaling::Rollback => OpenFlags::SQLITE_OPEN_READ_WRITE,
        }
    }

    /// Tries again what a network did not answer: a server that restarts, a file that another machine has just replaced.
    pub(super) fn persistently<T>(self, mut attempt: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
        for _ in 1..if self == Journaling::Rollback { TRIES } else { 1 } {
            match attempt() {
                Err(fault) if fault.is_unanswered() => std::thread::sleep(PAUSE),
                done => return done,
            }
        }
        attempt()
    }

    /// Makes the file one that is written to in this way, which it may be already. What it held is looked at first, and left
    /// if it is not ours.
    fn establish(self, connection: &mut Connection, path: &Path, patience: Patience) -> Result<(), Fault> {
        if self == Journaling::Ahead {
            connection.busy_handler(Some(patience.nap()))?;
            schema::check(connection, path)?;
            make_private(path);
            return patiently(patience.nap(), || {
                Ok(connection.pragma_update(None, "journal_mode", "wal")?)
            });
        }
        // A file with a log is opened without memory that processes share, or not at all while others have it open. Of
        // two that come at once none gets it while the other waits, so that none waits before it has closed it.
        connection.busy_handler(None::<fn(i32) -> bool>)?;
        connection.pragma_update(None, "locking_mode", "exclusive")?;
        schema::check(connection, path)?;
        make_private(path);
        connection.pragma_update(None, "journal_mode", "truncate")?;
        connection.pragma_update(None, "locking_mode", "normal")?;
        // The lock goes with the next question.
        schema::check(connection, path)?;
        Ok(connection.busy_handler(Some(patience.nap()))?)
    }
}

/// Opens the file that is at this path, or makes it.
pub(super) fn connect(
    path: &Path,
    journaling: Journaling,
    sync: Sync,
    patience: Patience,
) -> Result<(Connection, FileId), Fault> {
    let connect = || connect_once(path, journaling, sync, patience);
    match journaling {
        Journaling::Ahead => connect(),
        Journaling::Rollback => patiently(patience.nap(), || journaling.persistently(connect)),
    }
}

fn connect_once(
    path: &Path,
    journaling: Journaling,
    sync: Sync,
    patience: Patience,
) -> Result<(Connection, FileId), Fault> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    for _ in 0..ATTEMPTS {
        let before = FileId::at(path)?;
        file::make_ready(path)?;
        let mut connection = Connection::open_with_flags(path, flags)?;
        // SQLite has looked for no log yet.
        let opened = FileId::at(path)?;
        let Some(file) = opened.filter(|_| opened == before) else { continue };
        // Before anything is written: what is not ours stays as it is.
        journaling.establish(&mut connection, path, patience)?;
        configure(&connection, journaling, sync)?;
        schema::prepare(&mut connection, path)?;
        file::note_log(path, file)?;
        return Ok((connection, file));
    }
    Err(StoreError::Gone { path: path.to_owned() }.into())
}

/// On a network every write waits for the disk: what one machine was told must be there when another asks.
pub(super) fn configure(connection: &Connection, journaling: Journaling, sync: Sync) -> Result<(), Fault> {
    let level = match (sync, journaling) {
        (Sync::Normal, Journaling::Ahead) => "normal",
        (Sync::Full, _) | (_, Journaling::Rollback) => "full",
    };
    connection.pragma_update(None, "synchronous", level)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(())
}

/// Files 0600: commands, params and host names are nobody else's business. SQLite gives what it puts beside the file
/// the mode of the file, so this comes before anything is written. On a file of another user
/// it fails, and then that user has decided.
pub(super) fn make_private(path: &Path) {
    if let Ok(metadata) = std::fs::metadata(path)
        && metadata.permissions().mode() & 0o077 != 0
    {
        let _ = std::fs::set_permissions(path, Permissions::from_mode(0o600));
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;
    use crate::sqlite::file::beside;
    use crate::{Change, Changes, RunStore, SqliteStore};

    fn open(path: &Path, journaling: Journaling) -> Result<SqliteStore, StoreError> {
        SqliteStore::open_by(path, journaling, Sync::Normal, Patience::Moment)
    }

    fn add(store: &SqliteStore, name: &str) {
        let change = Change::CreateExperiment { name: name.to_owned(), if_absent: false };
        store.apply(Changes::new(Timestamp(1), vec![change])).expect("applied");
    }

    #[test]
    fn on_a_network_nothing_is_shared_but_the_file_and_its_journal() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.db");
        let [one, other] = [(), ()].map(|()| open(&path, Journaling::Rollback).expect("opens"));
        add(&one, "one");
        add(&other, "other");
        assert_eq!(one.experiments().expect("read").len(), 3);
        let names =
            std::fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("named").file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        assert_eq!(names, ["runs.db", "runs.db-journal"]);
        let level = |store: &SqliteStore| {
            let writer = store.writer().expect("it is there");
            writer.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).expect("told")
        };
        assert_eq!(level(&one), 2, "full");
    }

    #[test]
    fn a_store_with_a_log_gets_a_journal_once_nobody_else_has_it_open() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.db");
        let before = open(&path, Journaling::Ahead).expect("opens");
        add(&before, "one");
        let refused = open(&path, Journaling::Rollback).expect_err("it is open");
        assert!(matches!(refused, StoreError::Busy { .. }), "{refused}");
        add(&before, "other");
        drop(before);
        let store = open(&path, Journaling::Rollback).expect("opens");
        assert_eq!(store.experiments().expect("read").len(), 3);
        assert!(!beside(&path, "-wal").exists());
        // And back, where the project was copied to a disk.
        drop(store);
        let store = open(&path, Journaling::Ahead).expect("opens");
        add(&store, "third");
        assert!(beside(&path, "-wal").exists());
    }

    /// As another machine finds it.
    #[test]
    fn what_was_cut_off_is_put_back_by_who_only_asks() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, cut_off) = (folder.path().join("runs.db"), folder.path().join("cut.db"));
        let store = open(&path, Journaling::Rollback).expect("opens");
        add(&store, "one");
        {
            let writer = store.writer().expect("it is there");
            writer
                .execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE; CREATE TABLE t (x)")
                .expect("begun");
            let rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) \
                        INSERT INTO t SELECT zeroblob(999) FROM n; DELETE FROM experiment WHERE name = 'one'";
            writer.execute_batch(rows).expect("written");
            for suffix in ["", "-journal"] {
                std::fs::copy(beside(&path, suffix), beside(&cut_off, suffix)).expect("copied");
            }
            writer.execute_batch("ROLLBACK").expect("undone");
        }
        let long = std::fs::metadata(&cut_off).expect("there").len();
        let readers = crate::sqlite::Readers::new(cut_off.clone(), Journaling::Rollback, Patience::Moment);
        let file = FileId::at(&cut_off).expect("told");
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 't'";
        let ask =
            |connection: &mut Connection| Ok(connection.query_row(tables, [], |row| row.get::<_, i64>(0))?);
        assert_eq!(readers.with(file, ask).expect("asked"), 0);
        assert!(std::fs::metadata(&cut_off).expect("there").len() < long);
    }

    #[test]
    fn what_a_network_does_not_answer_is_tried_again_and_applied_once() {
        use rusqlite::ffi;
        let lost =
            || Fault::from(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None));
        let folder = tempfile::tempdir().expect("a folder");
        for (journaling, tries) in [(Journaling::Ahead, 1), (Journaling::Rollback, 2)] {
            let path = folder.path().join(format!("{journaling:?}.db"));
            let store = open(&path, journaling).expect("opens");
            let changes = vec![Change::CreateExperiment { name: "one".to_owned(), if_absent: false }];
            let changes = Changes::new(Timestamp(1), changes);
            let changes = store.applied_once(&changes);
            let mut tried = 0;
            let answer = journaling.persistently(|| {
                tried += 1;
                let applied = crate::sqlite::apply::apply(&mut *store.writer()?, &changes, None)?;
                // The first answer is lost after the row is there.
                if tried == 1 { Err(lost()) } else { Ok(applied) }
            });
            assert_eq!((answer.is_ok(), tried), (tries == 2, tries), "{journaling:?}");
            assert_eq!(store.experiments().expect("read").len(), 2);
        }
    }
}
