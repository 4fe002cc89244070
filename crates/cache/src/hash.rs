//! BLAKE3 of bytes and files.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use base::Digest;
use disk::Stamp;

use crate::CacheError;

/// From this size on, a file is mapped and hashed on several threads; below, one read is faster.
const LARGE: u64 = 1 << 20;

/// The digest of some bytes.
pub fn hash_bytes(bytes: &[u8]) -> Digest {
    Digest::Blake3(*blake3::hash(bytes).as_bytes())
}

/// Makes a digest of bytes that come in pieces.
#[derive(Clone, Debug, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes until now.
    pub fn digest(&self) -> Digest {
        Digest::Blake3(*self.0.finalize().as_bytes())
    }
}

/// The digest of a file, with the stamp it had both before and after reading.
///
/// # Errors
/// When it cannot be read, or was written meanwhile.
pub fn hash_file(path: &Path) -> Result<(Digest, Stamp), CacheError> {
    let fault = |source: io::Error| CacheError::Read { path: path.to_owned(), source };
    let before = Stamp::of(&fs::metadata(path).map_err(fault)?);
    let mut hasher = blake3::Hasher::new();
    if before.size >= LARGE {
        hasher.update_mmap_rayon(path).map_err(fault)?;
    } else {
        hasher.update_reader(File::open(path).map_err(fault)?).map_err(fault)?;
    }
    let after = Stamp::of(&fs::metadata(path).map_err(fault)?);
    if before != after {
        return Err(CacheError::Changed { path: path.to_owned() });
    }
    Ok((Digest::Blake3(*hasher.finalize().as_bytes()), before))
}
