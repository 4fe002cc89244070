//! Connections for questions, so that a long one does not delay a write of the same process.
//!
//! Write-ahead logging shows each of them the state at the moment of its question, whatever is written meanwhile, and
//! everything that was applied before it. They open when two questions are asked at once, and a few stay open.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::{Patience, Sync, configure};

/// How many stay open while nobody asks.
const IDLE: usize = 4;

/// How many KiB of the file each keeps in memory; what it reads again comes from the system's memory.
const CACHED: i64 = 512;

/// Connections that read one file and never write it.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    patience: Patience,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Readers of a file that is there.
    pub(super) fn new(path: PathBuf, patience: Patience) -> Self {
        Readers { path, patience, idle: Mutex::default() }
    }

    /// Lends a connection for one question.
    pub(super) fn with<T>(&self, ask: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let known = self.lock().pop();
        let mut connection = known.map_or_else(|| self.open(), Ok)?;
        let answer = ask(&mut connection);
        let mut idle = self.lock();
        if idle.len() < IDLE {
            idle.push(connection);
        }
        answer
    }

    fn open(&self) -> Result<Connection, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_handler(Some(self.patience.nap()))?;
        configure(&connection, Sync::Normal)?;
        connection.pragma_update(None, "cache_size", -CACHED)?;
        Ok(connection)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
