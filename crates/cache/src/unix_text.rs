//! Digests as DVC 1 and 2 made them: of text, its line ends are those of Unix, whatever the file has.
//!
//! They name contents in old locks and in the old part of a cache, where the file itself lies as it was. What is text is
//! guessed from the start of each mebibyte; a line end that lies across two of them stays as it is. All of this is theirs.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use base::{Algorithm, Digest, FileState, ProjectPath};

use crate::hash::{Hasher, hash_blob, hash_bytes_by};
use crate::{Blobs, CacheError, Workspace};

/// How much is looked at together.
const PIECE: usize = 1 << 20;
/// How much of it tells whether it is text.
const BLOCK: usize = 512;

/// The digest of a file's bytes with the line ends of Unix, if they are text.
fn hash_unix_text(path: &Path) -> Result<Digest, CacheError> {
    let hash = || -> io::Result<Digest> {
        let mut file = disk::open(path)?;
        let mut hasher = UnixHasher::default();
        let mut buffer = vec![0; PIECE];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok(hasher.digest());
            }
            hasher.update(&buffer[..count]);
        }
    };
    hash().map_err(|source| CacheError::of_read(path, source))
}

/// Digests bytes by that rule as they come.
struct UnixHasher {
    hasher: Hasher,
    /// What came since the last whole piece.
    piece: Vec<u8>,
}

impl Default for UnixHasher {
    fn default() -> Self {
        UnixHasher { hasher: Hasher::new(Algorithm::Md5), piece: Vec::new() }
    }
}

impl UnixHasher {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(PIECE - self.piece.len()));
            self.piece.extend_from_slice(now);
            bytes = rest;
            if self.piece.len() == PIECE {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        match is_text(&self.piece[..self.piece.len().min(BLOCK)]) {
            true => self.hasher.update(&without_returns(&self.piece)),
            false => self.hasher.update(&self.piece),
        }
        self.piece.clear();
    }

    fn digest(mut self) -> Digest {
        self.flush();
        self.hasher.digest()
    }
}

/// Tells whether bytes are those of a name, of an old one also by the old rule.
pub(crate) struct NamedHasher {
    hasher: Hasher,
    unix: Option<UnixHasher>,
}

impl NamedHasher {
    pub(crate) fn new(algorithm: Algorithm, is_old: bool) -> Self {
        NamedHasher { hasher: Hasher::new(algorithm), unix: is_old.then(UnixHasher::default) }
    }

    /// Takes the next bytes while `work` is done, as [`Hasher::update_while`].
    pub(crate) fn update_while<R>(&mut self, bytes: &[u8], work: impl FnOnce() -> R) -> R {
        if let Some(unix) = &mut self.unix {
            unix.update(bytes);
        }
        self.hasher.update_while(bytes, work)
    }

    /// The digest of the bytes, where they are those of `name`.
    pub(crate) fn bytes_of(self, name: &Digest) -> Option<Digest> {
        let digest = self.hasher.digest();
        let is_it = digest == *name || self.unix.is_some_and(|unix| unix.digest() == *name);
        is_it.then_some(digest)
    }

    /// Whether the bytes are those of `name`.
    pub(crate) fn is(self, name: &Digest) -> bool {
        self.bytes_of(name).is_some()
    }
}

fn is_text(block: &[u8]) -> bool {
    let is_plain = |byte: &&u8| matches!(byte, 32..=126 | b'\n' | b'\r' | b'\t' | 0x0c | 0x08);
    let odd = block.len() - block.iter().filter(is_plain).count();
    !block.contains(&0) && odd * 10 <= block.len() * 3
}

fn without_returns(bytes: &[u8]) -> Vec<u8> {
    let is_kept = |at: &usize| bytes[*at] != b'\r' || bytes.get(at + 1) != Some(&b'\n');
    (0..bytes.len()).filter(is_kept).map(|at| bytes[at]).collect()
}

impl Workspace {
    /// The digest that DVC 1 or 2 would have given to what stands at a path; `None` when there is nothing.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn unix_digest(&self, path: &ProjectPath) -> Result<Option<Digest>, CacheError> {
        let os_path = self.os_path(path);
        match fs::metadata(&os_path) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(fault) => return Err(CacheError::of_read(&os_path, fault)),
            Ok(found) if !found.is_dir() => return hash_unix_text(&os_path).map(Some),
            Ok(_) => {}
        }
        let mut files = Vec::new();
        for (file, state) in self.listing(path)? {
            if !state.is_folder() {
                let below = file.as_str()[path.as_str().len()..].trim_start_matches('/').to_owned();
                files.push((below, hash_unix_text(&self.os_path(&file))?));
            }
        }
        let manifest = self.blobs.layout().encode_files(files);
        Ok(manifest.map(|manifest| hash_bytes_by(Algorithm::Md5, &manifest)))
    }

    /// By which name the old part of the cache holds the very bytes of a file, which is `now`; `None` where it does not.
    pub(crate) fn old_name(&self, path: &ProjectPath, now: &FileState) -> Result<Option<Digest>, CacheError> {
        if now.is_folder() || now.digest.algorithm() != Algorithm::Md5 {
            return Ok(None);
        }
        let name = hash_unix_text(&self.os_path(path))?;
        if !self.blobs.is_old(&name) || !self.blobs.has(&name) {
            return Ok(None);
        }
        let blob = self.blobs.path(&name);
        let held = hash_blob(Algorithm::Md5, &blob).map_err(|fault| fault.of_blob(&name, &blob))?;
        Ok((held.0 == now.digest).then_some(name))
    }
}

impl Blobs {
    /// Whether a file of the cache is what its name says: in the part that DVC 1 and 2 wrote, also by their rule.
    pub(crate) fn is_named_right(&self, digest: &Digest, path: &Path) -> Result<bool, CacheError> {
        let found = hash_blob(digest.algorithm(), path).map_err(|fault| fault.of_blob(digest, path))?;
        if found.0 == *digest {
            return Ok(true);
        }
        Ok(!path.starts_with(self.folder()) && hash_unix_text(path)? == *digest)
    }

    /// Whether a content lies where only DVC 1 and 2 put it.
    pub(crate) fn is_old(&self, digest: &Digest) -> bool {
        !self.path(digest).starts_with(self.folder())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_count_in_what_is_no_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let digest = |bytes: &[u8]| {
            disk::replace(&path, bytes).expect("written");
            hash_unix_text(&path).expect("read")
        };
        let plain = |bytes: &[u8]| hash_bytes_by(Algorithm::Md5, bytes);
        assert_eq!(digest(b"a\r\nb\rc\r\n"), plain(b"a\nb\rc\n"));
        assert_eq!(digest(b"a\0\r\n"), plain(b"a\0\r\n"));
        assert_eq!(digest(b""), plain(b""));
        // Three of ten odd bytes are text still, four are none.
        assert_eq!(digest(b"\xff\xff\xff12345\r\n"), plain(b"\xff\xff\xff12345\n"));
        assert_eq!(digest(b"\xff\xff\xff\xff1234\r\n"), plain(b"\xff\xff\xff\xff1234\r\n"));
    }
}
