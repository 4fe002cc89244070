//! From SQLite's result codes to our errors: which file, what was being done, and whether it is damage.

use std::path::Path;

use rusqlite::ErrorCode;

use super::file::folder_of;
use super::patience::BUSY_SECONDS;
use crate::{ChunkError, KeyError, StoreError};

/// An error below the surface, which does not know the file yet.
#[derive(Debug)]
pub(super) enum Fault {
    /// Complete as it is.
    Store(StoreError),
    /// From SQLite.
    Sql(rusqlite::Error),
    /// The tables hold what this crate cannot have written.
    Content(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        Fault::Store(error.into())
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(error)
    }
}

impl From<ChunkError> for Fault {
    fn from(error: ChunkError) -> Self {
        Fault::Content(error.to_string())
    }
}

impl Fault {
    /// Whether SQLite said that someone else holds a lock.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Fault::Sql(error) if is_busy(error))
    }

    /// Whether the system failed, which on a network it may not do again.
    pub(super) fn is_unanswered(&self) -> bool {
        let codes = [ErrorCode::SystemIoFailure, ErrorCode::CannotOpen, ErrorCode::FileLockingProtocolFailed];
        matches!(self, Fault::Sql(error) if error.sqlite_error_code().is_some_and(|code| codes.contains(&code)))
    }

    /// The error for the caller.
    pub(super) fn into_error(self, path: &Path, doing: &'static str) -> StoreError {
        let path = path.to_owned();
        match self {
            Fault::Store(error) => error,
            Fault::Content(reason) => StoreError::Damaged { path, reason },
            Fault::Sql(error) if is_busy(&error) => StoreError::Busy { path, seconds: BUSY_SECONDS },
            Fault::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    StoreError::Damaged { path, reason: error.to_string() }
                }
                // SQLite does not say why it cannot open a file.
                Some(ErrorCode::CannotOpen) if disk::may_not_be_read(&path) => {
                    StoreError::Unreadable { path }
                }
                Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { path },
                Some(ErrorCode::DiskFull) => StoreError::Full { path },
                // Of what it cannot put beside the file SQLite does not say why.
                Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)
                    if !disk::has_room(folder_of(&path)) =>
                {
                    StoreError::Full { path }
                }
                _ if is_foreign_content(&error) => StoreError::Damaged { path, reason: error.to_string() },
                Some(ErrorCode::CannotOpen) if !path.exists() => {
                    let source = "there is none yet, and none can be made there".into();
                    StoreError::Failed { doing, path, source }
                }
                // SQLite's text says what its code says again.
                _ => StoreError::Failed { doing, path, source: error.to_string().into() },
            },
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// A column of another type than the schema's, or a value out of its range.
fn is_foreign_content(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
    )
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, ffi};

    use super::*;

    /// What SQLite says of a file that it cannot open.
    fn refused() -> Fault {
        rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), None).into()
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("gone/runs.db");
        let told = refused().into_error(&path, "read");
        assert!(matches!(told, StoreError::Failed { .. }), "{told}");
        assert!(!folder.path().join("gone").exists());
    }

    /// The system takes away all locks of a process on a file when it closes any handle to it.
    #[cfg(target_os = "linux")]
    #[test]
    fn looking_for_the_reason_leaves_the_locks_of_other_connections() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.db");
        let connection = Connection::open(&path).expect("opens");
        connection.execute_batch("CREATE TABLE t (x); BEGIN EXCLUSIVE").expect("locked");
        let file = format!(":{} ", std::fs::metadata(&path).expect("there").ino());
        let is_locked = || disk::read_text("/proc/locks".as_ref()).expect("read").contains(&file);
        assert!(is_locked());
        drop(refused().into_error(&path, "read"));
        assert!(is_locked());
    }
}
