//! Digests of bytes and files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base::{Algorithm, Digest};
use disk::Stamp;
use md5::Digest as _;

use crate::CacheError;
use crate::pieces;

/// From this size on, a file is hashed on several threads; below, one is faster.
const LARGE: u64 = 1 << 20;

/// Up to this size (bytes) a file is read whole, and copied by writing what was read, which takes half the calls of a copy
/// by the system, and no second look at what was copied.
pub(crate) const SMALL: u64 = 1 << 17;

/// So many bytes are worth other threads.
const MANY: usize = 1 << 17;

/// The BLAKE3 digest of some bytes.
pub fn hash_bytes(bytes: &[u8]) -> Digest {
    hash_bytes_by(Algorithm::Blake3, bytes)
}

/// The digest of some bytes.
pub fn hash_bytes_by(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    match algorithm {
        Algorithm::Blake3 => Digest::Blake3(*blake3::hash(bytes).as_bytes()),
        Algorithm::Md5 => Digest::Md5(md5::Md5::digest(bytes).into()),
    }
}

/// The BLAKE3 digest of a file, with the stamp it had both before and after reading.
///
/// # Errors
/// When it cannot be read, or was written meanwhile.
pub fn hash_file(path: &Path) -> Result<(Digest, Stamp), CacheError> {
    hash_file_by(Algorithm::Blake3, path)
}

/// Makes a digest of bytes that come in pieces.
#[derive(Clone, Debug)]
pub struct Hasher(By);

#[derive(Clone, Debug)]
enum By {
    Blake3(Box<blake3::Hasher>),
    Md5(md5::Md5),
}

impl Hasher {
    /// One for digests of this algorithm.
    pub fn new(algorithm: Algorithm) -> Self {
        Hasher(match algorithm {
            Algorithm::Blake3 => By::Blake3(Box::default()),
            Algorithm::Md5 => By::Md5(md5::Md5::default()),
        })
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            By::Blake3(hasher) => drop(hasher.update(bytes)),
            By::Md5(hasher) => hasher.update(bytes),
        }
    }

    /// Takes the next bytes while `work` is done; many of them on other threads. Returns what `work` does.
    pub fn update_while<R>(&mut self, bytes: &[u8], work: impl FnOnce() -> R) -> R {
        if bytes.len() < MANY {
            self.update(bytes);
            return work();
        }
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| match &mut self.0 {
                By::Blake3(hasher) => drop(hasher.update_rayon(bytes)),
                By::Md5(hasher) => hasher.update(bytes),
            });
            work()
        })
    }

    /// The digest of all bytes until now.
    pub fn digest(&self) -> Digest {
        match &self.0 {
            By::Blake3(hasher) => Digest::Blake3(*hasher.finalize().as_bytes()),
            By::Md5(hasher) => Digest::Md5(hasher.clone().finalize().into()),
        }
    }
}

/// The digest of a file, with the stamp it had both before and after reading.
///
/// # Errors
/// When it cannot be read, or was written meanwhile.
pub fn hash_file_by(algorithm: Algorithm, path: &Path) -> Result<(Digest, Stamp), CacheError> {
    let (digest, stamp, _) = read_and_hash(algorithm, path)?;
    Ok((digest, stamp))
}

/// How often a blob is read anew whose times change meanwhile.
const ATTEMPTS: usize = 20;

/// The same of a blob: others who store or place the same content seal it, touch it and link it, which changes its times and
/// not its bytes.
pub(crate) fn hash_blob(algorithm: Algorithm, path: &Path) -> Result<(Digest, Stamp), CacheError> {
    let mut found = hash_file_by(algorithm, path);
    for _ in 1..ATTEMPTS {
        match found {
            Err(CacheError::Changed { .. }) => found = hash_file_by(algorithm, path),
            _ => break,
        }
    }
    found
}

/// The same, with the bytes of a file that is [small](SMALL).
pub(crate) fn read_and_hash(
    algorithm: Algorithm,
    path: &Path,
) -> Result<(Digest, Stamp, Option<Vec<u8>>), CacheError> {
    Opened::open(path)?.read_and_hash(algorithm)
}

/// A file that is about to be read.
pub(crate) struct Opened<'a> {
    path: &'a Path,
    file: File,
    /// What it was when it was opened.
    pub(crate) stamp: Stamp,
}

impl<'a> Opened<'a> {
    pub(crate) fn open(path: &'a Path) -> Result<Self, CacheError> {
        let (file, metadata) = disk::open_known(path).map_err(|source| CacheError::of_read(path, source))?;
        Ok(Opened { path, file, stamp: Stamp::of(&metadata) })
    }

    /// The digest of the file, with the stamp it had both before and after reading, and with its bytes where it is
    /// [small](SMALL).
    pub(crate) fn read_and_hash(
        self,
        algorithm: Algorithm,
    ) -> Result<(Digest, Stamp, Option<Vec<u8>>), CacheError> {
        let Opened { path, mut file, stamp: before } = self;
        let fault = |source: io::Error| CacheError::Read { path: path.to_owned(), source };
        let mut bytes = None;
        let digest = match algorithm {
            _ if before.size <= SMALL => {
                let read = read_small(&mut file, before.size).map_err(fault)?;
                let digest = hash_bytes_by(algorithm, &read);
                bytes = Some(read);
                digest
            }
            Algorithm::Blake3 => {
                let mut hasher = blake3::Hasher::new();
                if before.size >= LARGE {
                    pieces::update_from(&mut hasher, &mut file, before.size).map_err(fault)?;
                } else {
                    hasher.update_reader(&mut file).map_err(fault)?;
                }
                Digest::Blake3(*hasher.finalize().as_bytes())
            }
            Algorithm::Md5 => {
                // One byte after the other; only several files go at once.
                let mut hasher = md5::Md5::new();
                io::copy(&mut io::BufReader::with_capacity(1 << 17, &mut file), &mut hasher)
                    .map_err(fault)?;
                Digest::Md5(hasher.finalize().into())
            }
        };
        let after = Stamp::of(&file.metadata().map_err(fault)?);
        if before != after {
            return Err(CacheError::Changed { path: path.to_owned() });
        }
        Ok((digest, before, bytes))
    }
}

/// The bytes of a file that has `size` of them: with one call where that is so. Of a longer file, more than `size`.
pub(crate) fn read_small(file: &mut File, size: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
    let mut bytes = vec![0; size + 1];
    let mut length = 0;
    loop {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
        if length >= size {
            break;
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_size_hash_as_the_whole() {
        let bytes: Vec<u8> = (0..3_000_001_u32).map(|at| (at % 251) as u8).collect();
        for algorithm in [Algorithm::Blake3, Algorithm::Md5] {
            for piece in [1 << 12, 100_003, 1 << 20, bytes.len()] {
                let mut hasher = Hasher::new(algorithm);
                let taken: usize =
                    bytes.chunks(piece).map(|piece| hasher.update_while(piece, || piece.len())).sum();
                assert_eq!(taken, bytes.len());
                assert_eq!(hasher.digest(), hash_bytes_by(algorithm, &bytes), "{algorithm:?} {piece}");
            }
        }
    }

    #[test]
    fn small_and_large_files_hash_as_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for size in [0, 1, SMALL, SMALL + 1, LARGE, LARGE + 1] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 253) as u8).collect();
            disk::replace(&path, &bytes).unwrap();
            for algorithm in [Algorithm::Blake3, Algorithm::Md5] {
                let (digest, stamp, read) = read_and_hash(algorithm, &path).unwrap();
                assert_eq!((digest, stamp.size), (hash_bytes_by(algorithm, &bytes), size));
                assert_eq!(read, (size <= SMALL).then(|| bytes.clone()));
            }
            // One that is not as long as it was said to be.
            let read = |size| read_small(&mut disk::open(&path).unwrap(), size).unwrap();
            assert_eq!(read(size + 10), bytes);
            assert_eq!(read(size.saturating_sub(1)), bytes);
        }
    }

    #[test]
    fn a_large_file_may_be_cut_off_while_it_is_hashed() {
        use std::sync::atomic::{AtomicBool, Ordering};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        disk::replace(&path, b"").unwrap();
        let file = disk::open_output(&path, false).unwrap();
        let is_done = AtomicBool::new(false);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    file.set_len(64 * LARGE).unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    file.set_len(4096).unwrap();
                    is_over.store(true, Ordering::Relaxed);
                }
            });
            let mut hashed = 0;
            while hashed < 10 || !is_over.load(Ordering::Relaxed) {
                match hash_file(&path) {
                    Ok(_) | Err(CacheError::Changed { .. }) => hashed += 1,
                    Err(fault) => panic!("{fault}"),
                }
            }
            is_done.store(true, Ordering::Relaxed);
        });
        assert!(matches!(hash_file(&path), Ok((Digest::Blake3(_), Stamp { size: 4096, .. }))));
    }
}
