//! Which contents a cache lacks, told by listing its folders: who stores many files does not ask for each of them.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};

use base::Digest;

use crate::Blobs;

/// From so many files on, listing costs less than asking.
pub(crate) const MANY: usize = 512;

/// A folder whose own size (bytes) is larger has more names in it than are worth reading.
const LARGE: u64 = 1 << 16;

/// So many contents of a folder are kept in mind.
const MOST: usize = 1 << 10;

/// The folders of a cache, each listed when it is asked for the first time.
#[derive(Debug)]
pub(crate) struct Shelves<'a> {
    blobs: &'a Blobs,
    /// By the first byte of the digest: what the folder held, with what was stored since; `None` where it is not known.
    shelves: [OnceLock<Option<Mutex<HashSet<Digest>>>>; 256],
}

impl<'a> Shelves<'a> {
    pub(crate) fn new(blobs: &'a Blobs) -> Self {
        Shelves { blobs, shelves: [const { OnceLock::new() }; 256] }
    }

    /// Whether nothing is there of a content, which the caller stores then: asked again, it may be there. False says
    /// nothing. Another process may have stored it since, and a second time does no harm.
    pub(crate) fn lacks(&self, digest: &Digest) -> bool {
        let shelf = &self.shelves[usize::from(digest.bytes()[0])];
        let Some(known) = shelf.get_or_init(|| self.list(digest)) else { return false };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.len() < MOST && known.insert(*digest)
    }

    fn list(&self, digest: &Digest) -> Option<Mutex<HashSet<Digest>>> {
        let place = self.blobs.place(digest, false);
        match std::fs::metadata(place.parent()?) {
            Ok(folder) if folder.len() > LARGE => return None,
            Ok(_) => {}
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Some(Mutex::default()),
            Err(_) => return None,
        }
        let there = self.blobs.starting_with(&digest.hex()[..2]).ok()?;
        Some(Mutex::new(there.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_bytes;

    #[test]
    fn what_is_there_or_was_stored_since_is_not_lacking() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let there = blobs.store_bytes(b"there").unwrap();
        let absent = hash_bytes(b"absent");
        let shelves = Shelves::new(&blobs);
        assert!(!shelves.lacks(&there));
        assert!(shelves.lacks(&absent));
        assert!(!shelves.lacks(&absent), "it was stored since");
        // One in the folder of another, which is there.
        let last = if there.hex().ends_with('0') { "1" } else { "0" };
        let beside = format!("{}{last}", &there.hex()[..63]);
        assert!(shelves.lacks(&Digest::from_hex(there.algorithm(), &beside).unwrap()));
        assert!(!shelves.lacks(&there));
    }

    #[test]
    fn of_a_folder_with_very_many_nothing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let shelves = Shelves::new(&blobs);
        let digest = |number: usize| {
            let mut bytes = [0; 32];
            bytes[8..16].copy_from_slice(&number.to_le_bytes());
            Digest::Blake3(bytes)
        };
        assert!((0..MOST).all(|number| shelves.lacks(&digest(number))));
        assert!(!shelves.lacks(&digest(MOST)));
        assert!(!shelves.lacks(&digest(MOST)));
    }
}
