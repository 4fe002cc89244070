//! A blob that arrives in pieces from somebody who cannot say beforehand what it will be: hashed as it comes, named at
//! the end, never whole in memory.

use std::error::Error;
use std::io;

use base::Digest;
use disk::{DiskError, Partial, Stamp};

use crate::hash::Hasher;
use crate::seal::seal;
use crate::{Blobs, CacheError};

/// A blob on its way into the cache. Dropped before its end it leaves nothing.
#[derive(Debug)]
pub struct Incoming {
    blobs: Blobs,
    partial: Partial,
    hasher: Hasher,
    size: u64,
}

impl Blobs {
    /// Begins a blob.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin(&self) -> Result<Incoming, CacheError> {
        let hasher = Hasher::new(self.layout().algorithm());
        // Any place among the blobs does: there a collection of garbage finds what was given up.
        let partial = Partial::open(&self.place(&hasher.digest(), false), false);
        let partial = partial.map_err(|fault| in_cache(self, fault))?;
        Ok(Incoming { blobs: self.clone(), partial, hasher, size: 0 })
    }
}

/// What arrives is not known before its end: until then a fault names the cache, and neither the blob of no bytes at all
/// nor another file of ours, which would tell nobody what is the matter.
pub(crate) fn in_cache(blobs: &Blobs, fault: DiskError) -> DiskError {
    let first: &(dyn Error + 'static) = &fault.source;
    let causes = std::iter::successors(Some(first), |cause| (*cause).source());
    let mut system = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error());
    let source = system.next().map_or(fault.source.kind().into(), io::Error::from_raw_os_error);
    DiskError::new("write into the cache", blobs.root(), source)
}

impl Incoming {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        self.partial.append(bytes).map_err(|fault| in_cache(&self.blobs, fault))?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Makes a blob of what has come; returns its digest and length. One that is there already stays, and is touched,
    /// as by [`Blobs::store_bytes`]; one that is damaged goes aside.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(self) -> Result<(Digest, u64), CacheError> {
        let digest = self.hasher.digest();
        let place = self.blobs.place(&digest, false);
        let is_there = !self.blobs.is_old(&digest);
        match if is_there { self.blobs.is_sound(&digest)? } else { None } {
            // Touching alone would break the seal. One that was being taken away in that moment is written anew.
            Some(true)
                if disk::set_modified(&place, seal(&digest, self.size, Stamp::now())).is_ok()
                    && place.is_file() =>
            {
                return Ok((digest, self.size));
            }
            Some(false) => drop(self.blobs.quarantine(&digest)?),
            _ => {}
        }
        self.partial.finish_as(&place, Some(seal(&digest, self.size, Stamp::now())))?;
        Ok((digest, self.size))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test plays the disk's faults")]
mod tests {
    use super::*;
    use crate::hash_bytes;

    #[test]
    fn pieces_become_one_blob_and_an_end_before_time_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let store = |pieces: &[&[u8]]| {
            let mut incoming = blobs.begin().unwrap();
            for piece in pieces {
                incoming.append(piece).unwrap();
            }
            incoming.finish().unwrap()
        };
        let (digest, size) = store(&[b"ab", b"", b"c"]);
        assert_eq!((digest, size), (hash_bytes(b"abc"), 3));
        assert_eq!(blobs.read(&digest).unwrap(), b"abc");
        assert_eq!(blobs.is_sound(&digest).unwrap(), Some(true));
        assert_eq!(store(&[b"abc"]), (digest, 3));
        assert_eq!(store(&[]).1, 0);
        let mut given_up = blobs.begin().unwrap();
        given_up.append(b"x").unwrap();
        drop(given_up);
        let files = |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().count();
        let empty = blobs.path(&hash_bytes(b""));
        assert_eq!(files(empty.parent().unwrap()), 1, "the empty blob alone");
    }

    #[test]
    fn a_damaged_blob_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let digest = blobs.store_bytes(b"abc").unwrap();
        disk::set_mode(&blobs.path(&digest), 0o644).unwrap();
        std::fs::write(blobs.path(&digest), b"xyz").unwrap();
        let mut incoming = blobs.begin().unwrap();
        incoming.append(b"abc").unwrap();
        incoming.finish().unwrap();
        assert_eq!(blobs.read(&digest).unwrap(), b"abc");
    }
}
