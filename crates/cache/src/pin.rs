//! Signs that somebody stores blobs that nothing names yet, for those who hold no lock while they do: a server whose
//! client uploads. A collection of garbage keeps whatever is as young as the oldest sign.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use disk::{Holder, Liveness, Stamp};

use crate::gc::GIVEN_UP;
use crate::incoming::in_cache;
use crate::{Blobs, CacheError};

/// The folder of the signs, in the cache.
const FOLDER: &str = "arriving";

/// A sign. Dropped it goes: by then the blobs must be named.
#[derive(Debug)]
pub struct Pin(PathBuf);

impl Drop for Pin {
    fn drop(&mut self) {
        let _ = disk::remove(&self.0);
    }
}

impl Blobs {
    /// Keeps what is stored from now on until the sign is dropped, or this process is gone.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn pin(&self) -> Result<Pin, CacheError> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let holder = Holder::current();
        let name = format!("{}-{}", holder.file_name(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let path = self.root().join(FOLDER).join(name);
        let sign = serde_json::to_vec(&holder).expect("plain data");
        disk::replace_volatile(&path, &sign).map_err(|fault| in_cache(self, fault))?;
        Ok(Pin(path))
    }

    /// When the oldest of those began who are storing blobs now, nanoseconds since 1970 by the clock of the cache's file
    /// system. Asked before it is asked what is named: who is done between the two has named his blobs by then. The
    /// signs of dead processes are taken away.
    ///
    /// # Errors
    /// When the folder with the signs cannot be read.
    pub fn pinned_since(&self) -> Result<Option<i64>, CacheError> {
        let folder = self.root().join(FOLDER);
        let entries = match fs::read_dir(&folder) {
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            entries => entries.map_err(|source| CacheError::Read { path: folder, source })?,
        };
        let mut oldest: Option<i64> = None;
        for entry in entries.flatten() {
            // One that is taken away just now is none.
            let Ok(metadata) = entry.metadata() else { continue };
            let (path, began) = (entry.path(), Stamp::of(&metadata).mtime);
            let holder = disk::read_optional(&path)?;
            let holder = holder.and_then(|bytes| serde_json::from_slice::<Holder>(&bytes).ok());
            // Of one elsewhere it is not known; nobody takes longer than a day.
            let is_young = began > Stamp::now().saturating_sub(GIVEN_UP);
            match holder.map(|holder| holder.liveness()) {
                Some(Liveness::Alive) => {}
                Some(Liveness::Elsewhere) | None if is_young => {}
                _ => {
                    let _ = disk::remove(&path);
                    continue;
                }
            }
            oldest = Some(oldest.map_or(began, |oldest| oldest.min(began)));
        }
        Ok(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_stays_until_it_is_dropped_or_its_process_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        assert_eq!(blobs.pinned_since().unwrap(), None);
        let first = blobs.pin().unwrap();
        let since = blobs.pinned_since().unwrap().expect("somebody is storing");
        let digest = blobs.store_bytes(b"x").unwrap();
        let stored = Stamp::of(&fs::metadata(blobs.path(&digest)).unwrap()).mtime;
        assert!(since <= stored);
        let second = blobs.pin().unwrap();
        assert_eq!(blobs.pinned_since().unwrap(), Some(since), "the oldest counts");
        drop(first);
        assert!(blobs.pinned_since().unwrap() >= Some(since));
        drop(second);
        assert_eq!(blobs.pinned_since().unwrap(), None);
        let dead = Holder { boot: "before".to_owned(), ..Holder::current() };
        let path = folder.path().join(FOLDER).join("dead");
        disk::replace_volatile(&path, &serde_json::to_vec(&dead).unwrap()).unwrap();
        assert_eq!(blobs.pinned_since().unwrap(), None);
        assert!(!path.exists());
    }
}
