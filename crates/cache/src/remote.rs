//! What a remote is to the rest: a store of objects by key, that several processes on several machines use at once.
//!
//! A key is a relative path with `/` between its parts. The layout below is that of the cache, and fixed in
//! docs/design/remote.md. A remote knows nothing of what the objects mean, and nobody believes what it says: bytes are
//! checked against their digest wherever they arrive.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use base::{Algorithm, Digest};

use crate::Layout;

/// From this size on, what has arrived of an object stays when its transfer is cut off, and the next one goes on.
pub const RESUMED: u64 = 64 << 20;

/// An object, as a listing tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written or touched, nanoseconds since 1970 by the remote's clock; `None` where that is not known.
    pub modified: Option<i64>,
}

/// A file that is to become an object.
pub struct Upload<'a> {
    /// The file.
    pub from: &'a Path,
    /// Its length.
    pub size: u64,
    /// What its bytes have to be.
    pub digest: Digest,
    /// Called with the number of bytes that went over; ends the transfer where it says so.
    pub moved: &'a dyn Fn(u64) -> ControlFlow<()>,
}

/// Takes the next bytes of an object; ends the transfer where it says so.
pub type Sink<'a> = dyn FnMut(&[u8]) -> ControlFlow<()> + 'a;

/// A store of objects. All methods are called from many threads at once.
pub trait Remote: Send + Sync {
    /// What the user calls it.
    fn name(&self) -> &str;

    /// Calls `found` with every object whose key begins with `prefix` (which need not end where a part does), in any
    /// order, until it says that it has enough. What is not written to its end is no object. A place where nothing was
    /// ever put has no objects; one that cannot be asked is an error.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn list(&self, prefix: &str, found: &mut dyn FnMut(Object) -> ControlFlow<()>)
    -> Result<(), RemoteError>;

    /// Calls `found` with what transfers that ended before their end have left behind. Their keys serve to remove them.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn leftovers(&self, found: &mut dyn FnMut(Object)) -> Result<(), RemoteError> {
        let _ = found;
        Ok(())
    }

    /// Hands the bytes of an object from the offset `start` on to `sink`, in order; none when it ends before that. When
    /// `sink` has enough, that is no error.
    ///
    /// # Errors
    /// [`RemoteError::Missing`] when there is no such object; otherwise when it cannot be read.
    fn get(&self, key: &str, start: u64, sink: &mut Sink<'_>) -> Result<(), RemoteError>;

    /// Makes a file an object, over one that is there. Nobody ever sees a part of it: it is there once all bytes are,
    /// and these are those of the digest. It may take until the remote is [settled](Remote::settle).
    ///
    /// # Errors
    /// [`RemoteError::Mismatch`] when the file holds other bytes, [`RemoteError::Unreadable`] when it cannot be read,
    /// [`RemoteError::Stopped`] when `moved` ended it;
    /// otherwise when it cannot be written.
    fn put(&self, key: &str, upload: &Upload<'_>) -> Result<(), RemoteError>;

    /// Ends what [`put`](Remote::put) has begun: what was put is there.
    ///
    /// # Errors
    /// When it cannot be written.
    fn settle(&self) -> Result<(), RemoteError> {
        Ok(())
    }

    /// Removes an object, unless it was written or touched at `unless_since` or later. False when it was, or is not
    /// there.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, key: &str, unless_since: Option<i64>) -> Result<bool, RemoteError>;

    /// Makes now the time of an object's last use, so that a collection of garbage leaves it. False when it is not
    /// there.
    ///
    /// # Errors
    /// When that is refused.
    fn touch(&self, key: &str) -> Result<bool, RemoteError>;

    /// The remote's clock, nanoseconds since 1970.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn now(&self) -> Result<i64, RemoteError>;
}

/// Why a remote did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// There is no such object.
    #[error("remote `{remote}` has no {key}")]
    Missing {
        /// The remote's name.
        remote: String,
        /// The object.
        key: String,
    },
    /// A file that was to be put there holds other bytes than those of its digest.
    #[error("{key} was not put at remote `{remote}`: the file here holds other bytes than its name says")]
    Mismatch {
        /// The remote's name.
        remote: String,
        /// The object.
        key: String,
    },
    /// A file that was to be put there cannot be read. That is no fault of the remote's.
    #[error("failed to read {}, which was to be put at a remote", base::shown(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It was told to stop.
    #[error("the transfer was stopped")]
    Stopped,
    /// It refused, or cannot be reached.
    #[error("failed to {action} {key} at remote `{remote}`")]
    Failed {
        /// The remote's name.
        remote: String,
        /// The object, or the beginning of keys.
        key: String,
        /// What was being done.
        action: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What to do about it.
        hint: Option<String>,
        /// Whether it may go well when it is tried again at once.
        is_passing: bool,
        /// Whether it is of this object alone: others may be had all the same.
        is_of_one: bool,
    },
}

impl RemoteError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            RemoteError::Failed { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }

    /// Whether it may go well when it is tried again at once.
    pub fn is_passing(&self) -> bool {
        matches!(self, RemoteError::Failed { is_passing: true, .. })
    }

    /// Whether it is of one object alone, and others may be had all the same.
    pub fn is_of_one(&self) -> bool {
        matches!(self, RemoteError::Failed { is_of_one: true, .. })
    }

    /// What happened, why, and what to do about it, in one line.
    pub(crate) fn told(&self) -> String {
        crate::error::told(self, self.hint())
    }
}

/// Where the entries of stage caches are.
pub(crate) const ENTRIES: &str = "stages/";

/// The key of a blob.
pub fn blob_key(digest: &Digest) -> String {
    Layout::Native.key(digest, false, false)
}

/// The key of an entry of the stage cache: of a result of a stage key.
pub(crate) fn entry_key(key: &Digest, result: &Digest) -> String {
    let hex = key.hex();
    format!("{ENTRIES}{}/{hex}/{}.json", &hex[..2], result.hex())
}

/// Stage key and result of an entry by its key at a remote; `None` for other keys.
pub(crate) fn entry_of_key(key: &str) -> Option<(Digest, Digest)> {
    let mut parts = key.strip_prefix(ENTRIES)?.split('/');
    let (start, stage, file) = (parts.next()?, parts.next()?, parts.next()?);
    let digest = |hex: &str| Digest::from_hex(Algorithm::Blake3, hex).ok();
    let names = (digest(stage)?, digest(file.strip_suffix(".json")?)?);
    (parts.next().is_none() && stage.starts_with(start) && start.len() == 2).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_bytes;

    #[test]
    fn keys_are_read_as_they_are_written_and_no_others() {
        let (one, two) = (hash_bytes(b"1"), hash_bytes(b"2"));
        let blob = |key: &str| Layout::Native.name_of_key(key);
        assert_eq!(blob(&blob_key(&one)), Some((one, false)));
        assert_eq!(entry_of_key(&entry_key(&one, &two)), Some((one, two)));
        let hex = one.hex();
        for key in [
            "blake3/../../etc/passwd".to_owned(),
            format!("/blake3/{}/{}", &hex[..2], &hex[2..]),
            format!("blake3/{}/{}", &hex[..3], &hex[3..]),
            format!("blake3/{}/{}", &hex[..2], hex[2..].to_uppercase()),
            format!("{}/x", blob_key(&one)),
            entry_key(&one, &two).replace(".json", ""),
            format!("stages/zz/{hex}/{hex}.json"),
        ] {
            assert_eq!((blob(&key), entry_of_key(&key)), (None, None), "{key}");
        }
    }
}
