//! The blobs of a cache folder: one read-only file per content, named by its digest.

use std::fs;
use std::path::{Path, PathBuf};

use base::{Digest, FileState};
use disk::Stamp;

use crate::CacheError;
use crate::hash::{hash_bytes, hash_file};
use crate::seal::{is_sealed, seal};
use crate::tree::{Tree, TreeEntry};

/// The blobs below one folder: `blake3/ab/cdef…`.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
}

impl Blobs {
    /// The blobs of the cache folder `root`, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        Blobs { root: root.to_owned() }
    }

    /// The folder with all blobs of an algorithm.
    pub(crate) fn folder(&self, algorithm: base::Algorithm) -> PathBuf {
        self.root.join(algorithm.name())
    }

    /// Where the blob of `digest` lies, or would lie.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.folder(digest.algorithm()).join(&hex[..2]).join(&hex[2..])
    }

    /// Whether the blob is there. Its bytes are not read.
    pub fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Whether a content is there whole: the blob, or the tree with everything it names.
    pub fn has_all(&self, state: &FileState) -> bool {
        if !state.is_folder() {
            return self.has(&state.digest);
        }
        let Ok(tree) = self.tree(&state.digest) else { return false };
        tree.entries().iter().all(|(_, entry)| match entry {
            TreeEntry::File { digest, .. } => self.has(digest),
            TreeEntry::Folder { digest, size, files } => self.has_all(&FileState {
                digest: *digest,
                size: *size,
                files: Some(*files),
                executable: false,
            }),
        })
    }

    /// Stores bytes and returns their digest. A blob that is there already is touched: outside of stages this is
    /// called without the project's lock, and a collection of garbage that is under way keeps what was touched.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn store_bytes(&self, bytes: &[u8]) -> Result<Digest, CacheError> {
        let digest = hash_bytes(bytes);
        let path = self.path(&digest);
        // One that a loss of power cut off has another size.
        let is_whole =
            fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == bytes.len() as u64);
        // Where touching is refused (another user's blob), that it is there has to do.
        if !is_whole || !disk::touch(&path).unwrap_or_else(|_| self.has(&digest)) {
            disk::replace_volatile(&path, bytes)?;
            disk::set_mode(&path, 0o444)?;
        }
        Ok(digest)
    }

    /// The digest that a path inside this cache is the blob of.
    pub fn digest_at(&self, path: &Path) -> Option<Digest> {
        let mut parts =
            path.strip_prefix(&self.root).ok()?.components().map(|part| part.as_os_str().to_str());
        let (algorithm, start, rest) = (parts.next()??, parts.next()??, parts.next()??);
        let algorithm = base::Algorithm::Blake3.name().eq(algorithm).then_some(base::Algorithm::Blake3)?;
        parts.next().is_none().then(|| Digest::from_hex(algorithm, &format!("{start}{rest}")).ok())?
    }

    /// Whether the blob holds what its name says; `None` when there is none. A [sealed](crate::seal) one is not read;
    /// one that turns out right is sealed.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(crate) fn is_sound(&self, digest: &Digest) -> Result<Option<bool>, CacheError> {
        let path = self.path(digest);
        let Ok(metadata) = fs::metadata(&path) else { return Ok(None) };
        if metadata.is_file() && is_sealed(digest, &Stamp::of(&metadata)) {
            return Ok(Some(true));
        }
        let (found, stamp) = hash_file(&path)?;
        if found == *digest {
            // Refused where it is another user's: it is hashed each time then.
            let _ = disk::set_modified(&path, seal(digest, stamp.size, Stamp::now()));
        }
        Ok(Some(found == *digest))
    }

    /// The bytes of a blob, checked against its name.
    ///
    /// # Errors
    /// When the blob is missing or damaged.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, CacheError> {
        let path = self.path(digest);
        let bytes = disk::read_optional(&path)?.ok_or(CacheError::Missing { digest: *digest })?;
        if hash_bytes(&bytes) != *digest {
            return Err(CacheError::Damaged { digest: *digest, path });
        }
        Ok(bytes)
    }

    /// The manifest of a folder.
    ///
    /// # Errors
    /// When it is missing, damaged, or no manifest.
    pub fn tree(&self, digest: &Digest) -> Result<Tree, CacheError> {
        Tree::decode(&self.read(digest)?).map_err(|source| CacheError::Tree { digest: *digest, source })
    }

    /// The contents whose digest begins with the hexadecimal digits `start`, ascending; at least two digits.
    ///
    /// # Errors
    /// When the cache folder is there and cannot be read.
    pub fn starting_with(&self, start: &str) -> Result<Vec<Digest>, CacheError> {
        let algorithm = base::Algorithm::Blake3;
        let (Some(folder), Some(rest)) = (start.get(..2), start.get(2..)) else { return Ok(Vec::new()) };
        let path = self.root.join(algorithm.name()).join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(CacheError::Read { path, source }),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let matching = names.filter(|name| name.starts_with(rest));
        let mut found: Vec<Digest> = matching
            .filter_map(|name| Digest::from_hex(algorithm, &format!("{folder}{name}")).ok())
            .collect();
        found.sort();
        Ok(found)
    }

    /// What the blob of `digest` is: a folder when it is a manifest, a file otherwise.
    ///
    /// # Errors
    /// When the blob is missing or damaged.
    pub fn describe(&self, digest: &Digest) -> Result<FileState, CacheError> {
        let bytes = self.read(digest)?;
        let state = FileState { digest: *digest, size: bytes.len() as u64, files: None, executable: false };
        Ok(Tree::decode(&bytes).map_or(state, |tree| {
            let (size, files) = tree.totals();
            FileState { size, files: Some(files), ..state }
        }))
    }

    /// Takes a damaged blob out of the way, so that the next result can take its place; the bytes are
    /// kept beside it for a look.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn quarantine(&self, digest: &Digest) -> Result<PathBuf, CacheError> {
        let folder = self.root.join("damaged");
        // What lies there already may be all that is left of somebody's work.
        let mut aside = folder.join(digest.hex());
        for number in 1.. {
            if fs::symlink_metadata(&aside).is_err() {
                break;
            }
            aside = folder.join(format!("{}.{number}", digest.hex()));
        }
        disk::move_path(&self.path(digest), &aside)?;
        Ok(aside)
    }
}
