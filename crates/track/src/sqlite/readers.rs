//! Connections for questions, so that a long one does not delay a write of the same process.
//!
//! Write-ahead logging shows each of them the state at the moment of its question, whatever is written meanwhile, and
//! everything that was applied before it. They open when two questions are asked at once, and a few stay open.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::file::{self, FileId, beside};
use super::open::{Journaling, configure};
use super::{Patience, Sync, schema};
use crate::StoreError;

/// How many stay open while nobody asks.
const IDLE: usize = 4;

/// How many KiB of the file each keeps in memory; what it reads again comes from the system's memory.
const CACHED: i64 = 512;

/// Connections that read one file and never write it.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    journaling: Journaling,
    patience: Patience,
    /// Whether nobody of this process writes, and perhaps nobody may.
    is_only_read: AtomicBool,
    /// Each with the file that it has open.
    idle: Mutex<Vec<(FileId, Connection)>>,
}

impl Readers {
    /// Readers of a file that is there.
    pub(super) fn new(path: PathBuf, journaling: Journaling, patience: Patience) -> Self {
        Readers { path, journaling, patience, is_only_read: false.into(), idle: Mutex::default() }
    }

    /// Readers of a file to which this process writes nothing, not even beside it. Each question opens it anew, since what
    /// another process writes meanwhile may not be seen otherwise.
    pub(super) fn of_what_is_only_read(path: PathBuf, journaling: Journaling) -> Self {
        Readers {
            path,
            journaling,
            patience: Patience::Long,
            is_only_read: true.into(),
            idle: Mutex::default(),
        }
    }

    /// From now on this process writes to the file, which those who read it see.
    pub(super) fn stay_open(&self) {
        self.is_only_read.store(false, Ordering::SeqCst);
    }

    /// Lends a connection to this file, which is at the path, for one question.
    pub(super) fn with<T>(
        &self,
        file: Option<FileId>,
        ask: impl FnOnce(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(file) = file.filter(|_| !self.is_only_read.load(Ordering::SeqCst)) else {
            return ask(&mut open_to_read(&self.path)?);
        };
        let known = {
            let mut idle = self.lock();
            // Of a file that was replaced.
            idle.retain(|(opened, _)| *opened == file);
            idle.pop().map(|(_, connection)| connection)
        };
        let mut connection = known.map_or_else(|| self.open(file), Ok)?;
        let answer = ask(&mut connection);
        let mut idle = self.lock();
        if idle.len() < IDLE {
            idle.push((file, connection));
        }
        answer
    }

    fn open(&self, file: FileId) -> Result<Connection, Fault> {
        let flags = self.journaling.reading() | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        // SQLite has looked for no log yet.
        if FileId::at(&self.path)? != Some(file) {
            return Err(StoreError::Gone { path: self.path.clone() }.into());
        }
        connection.busy_handler(Some(self.patience.nap()))?;
        configure(&connection, self.journaling, Sync::Normal)?;
        if self.journaling == Journaling::Rollback {
            connection.pragma_update(None, "query_only", true)?;
        }
        connection.pragma_update(None, "cache_size", -CACHED)?;
        Ok(connection)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(FileId, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a file of the current schema and writes nothing, not even beside it.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    FileId::at(path)?;
    if file::has_foreign_log(path)? {
        let source = "the log beside it belongs to a file that lay there before".into();
        return Err(StoreError::Failed { doing: "read", path: path.to_owned(), source }.into());
    }
    let open = |name: &Path, flags: OpenFlags| -> Result<Connection, Fault> {
        let mut connection = Connection::open_with_flags(name, flags)?;
        connection.busy_handler(Some(Patience::Long.nap()))?;
        schema::check_current(&connection, path)?;
        configure(&connection, Journaling::Ahead, Sync::Normal)?;
        Ok(connection)
    };
    open(path, flags).or_else(|fault| {
        // Without the files that processes share, SQLite reads only what it is told not to change under
        // its eyes. That is safe as long as no log beside the file holds something newer.
        let log = beside(path, "-wal");
        if matches!(fault, Fault::Store(_)) || std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            return Err(fault);
        }
        open(&immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI).map_err(|_| fault)
    })
}

/// The file as SQLite's URI for one that never changes.
fn immutable_uri(path: &Path) -> PathBuf {
    let mut uri = b"file:".to_vec();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'?' | b'#' | b'%' => uri.extend(format!("%{byte:02x}").as_bytes()),
            _ => uri.push(*byte),
        }
    }
    uri.extend(b"?immutable=1");
    PathBuf::from(OsString::from_vec(uri))
}
