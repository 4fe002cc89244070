//! One error for file operations: what was being done, to which file, and the system's answer.

use std::io;
use std::path::{Path, PathBuf};

use crate::open::is_no_file;

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action}: {}", base::shown(path))]
pub struct DiskError {
    /// What was being done, as in "failed to …".
    pub action: &'static str,
    /// The file or folder it was done to.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}

impl DiskError {
    /// An error of `action` on `path`.
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        DiskError { action, path: path.to_owned(), source }
    }

    /// What to do next, where the system's answer suggests it.
    pub fn hint(&self) -> Option<&'static str> {
        match self.source.kind() {
            _ if is_no_file(&self.source) => Some("move it elsewhere: a file belongs there"),
            io::ErrorKind::StorageFull => Some("the disk is full: free some space and run the command again"),
            io::ErrorKind::QuotaExceeded => Some("the disk quota is used up: free some space and try again"),
            io::ErrorKind::ReadOnlyFilesystem => Some("the file system is mounted read-only"),
            io::ErrorKind::PermissionDenied => Some("check the owner and the permissions of that path"),
            _ => None,
        }
    }

    /// Whether the disk has no room left, or no more for this user.
    pub fn is_full(&self) -> bool {
        is_full(&self.source)
    }

    /// Whether it failed because nothing can be written there: a file system that is mounted read-only, or what is somebody else's.
    pub fn is_read_only(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
    }
}

/// Whether the disk has no room left, or no more for this user.
pub(crate) fn is_full(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Adds what was being done, and to what, to an I/O result.
pub(crate) trait Context<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, DiskError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError::new(action, path, source))
    }
}
