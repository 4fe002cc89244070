//! The blobs of a cache folder: one read-only file per content, named by its digest.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::{Digest, FileState};
use disk::{Mode, Stamp};

use crate::CacheError;
use crate::hash::{hash_blob, hash_bytes_by};
use crate::layout::Layout;
use crate::seal::{is_sealed, may_be_sealed, seal};
use crate::tree::Tree;

/// The blobs below one folder, as a [layout](Layout) has them.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
    layout: Layout,
    /// Folders that have no manifest of their own in the cache: what lists that were read say of them.
    below: Arc<Mutex<HashMap<Digest, Tree>>>,
    /// Whether a blob could not be sealed, as another user's cannot: a broken seal says nothing here.
    seals_fail: Arc<AtomicBool>,
}

impl Blobs {
    /// The blobs of the cache folder `root`, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        Blobs::with_layout(root, Layout::Native)
    }

    /// The same in another layout.
    pub fn with_layout(root: &Path, layout: Layout) -> Self {
        Blobs { root: root.to_owned(), layout, below: Arc::default(), seals_fail: Arc::default() }
    }

    /// The cache folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// How they lie there.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The folder with all blobs.
    pub(crate) fn folder(&self) -> PathBuf {
        self.layout.folder(&self.root)
    }

    /// The folders with blobs, also those that an older version left.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        self.layout.folders(&self.root)
    }

    /// Where the blob of `digest` lies, or would lie.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.layout.file(&self.root, digest)
    }

    /// Where the blob of a file lies, or the manifest of a folder, or would lie.
    pub fn path_of(&self, state: &FileState) -> PathBuf {
        if state.is_folder() { self.manifest_path(&state.digest) } else { self.path(&state.digest) }
    }

    /// Where a content is stored: never where only an older version looks for it.
    pub(crate) fn place(&self, digest: &Digest, is_folder: bool) -> PathBuf {
        self.root.join(self.layout.key(digest, is_folder, false))
    }

    /// Where a content lies that an older version recorded, or would lie.
    pub(crate) fn old_place(&self, digest: &Digest, is_folder: bool) -> PathBuf {
        let old = self.root.join(self.layout.key(digest, is_folder, true));
        let now = self.place(digest, is_folder);
        if !old.exists() && now.exists() { now } else { old }
    }

    /// Whether the blob is there. Its bytes are not read.
    pub fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// The length of a blob; `None` when it is not there.
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        fs::metadata(self.path(digest)).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
    }

    /// Whether the blob of a file is there and not seen to be damaged: as if it were not there, it is stored anew where its
    /// content is at hand. A sealed one is not read. Another is, once, where its size is not the recorded
    /// one, or where all are sealed and somebody wrote to it; one of another tool is believed by its size.
    pub fn holds(&self, state: &FileState) -> bool {
        self.size_held(state).is_some()
    }

    /// Whether the list of a folder is there. The files in it are not asked for.
    pub fn has_list(&self, state: &FileState) -> bool {
        self.path_of(state).is_file()
    }

    /// The same where the only other copy of the content is about to go: a blob that is not sealed is read, once, also one of
    /// another tool.
    pub fn keeps(&self, state: &FileState) -> bool {
        matches!(self.is_sound(&state.digest), Ok(Some(true)))
    }

    /// The same of a whole content.
    pub fn keeps_all(&self, state: &FileState) -> bool {
        if !state.is_folder() {
            return self.keeps(state);
        }
        let (mut open, mut seen) = (vec![*state], HashSet::new());
        while let Some(folder) = open.pop() {
            let Ok(tree) = self.tree(&folder.digest) else { return false };
            for entry in tree.entries().iter().map(|(_, entry)| entry.state()) {
                if !seen.insert(entry.digest) {
                    continue;
                }
                if entry.is_folder() {
                    open.push(entry);
                } else if !self.keeps(&entry) {
                    return false;
                }
            }
        }
        true
    }

    /// The size of a blob that is [held](Blobs::holds).
    fn size_held(&self, state: &FileState) -> Option<u64> {
        let metadata = fs::metadata(self.path(&state.digest)).ok().filter(fs::Metadata::is_file)?;
        let stamp = Stamp::of(&metadata);
        if is_sealed(&state.digest, &stamp) || self.is_old(&state.digest) {
            return Some(stamp.size);
        }
        // What is recorded as the size is a hint, and zero where nothing is known of it.
        let is_as_recorded = state.size == 0 || state.size == stamp.size;
        let seals =
            self.layout.seals_all() && may_be_sealed(&stamp) && !self.seals_fail.load(Ordering::Relaxed);
        let is_sound = || matches!(self.is_sound(&state.digest), Ok(Some(true)));
        ((is_as_recorded && !seals) || is_sound()).then_some(stamp.size)
    }

    /// The first blob of a content, or folder of the cache, that lies there and may not be read.
    pub fn denied(&self, state: &FileState) -> Option<PathBuf> {
        let is_denied = |path: &Path| {
            disk::open(path).is_err_and(|fault| fault.kind() == std::io::ErrorKind::PermissionDenied)
        };
        let (mut open, mut seen) = (vec![*state], HashSet::new());
        while let Some(state) = open.pop() {
            let path = self.path_of(&state);
            if is_denied(&path) {
                return Some(path);
            }
            if state.is_folder()
                && seen.insert(state.digest)
                && let Ok(tree) = self.tree(&state.digest)
            {
                open.extend(tree.entries().iter().map(|(_, entry)| entry.state()));
            }
        }
        None
    }

    /// Whether a content is there whole: the blob, or the tree with everything it names. Each content is asked for once,
    /// however often a manifest that came from elsewhere names it.
    pub fn has_all(&self, state: &FileState) -> bool {
        let mut open = vec![*state];
        let mut seen = HashSet::new();
        while let Some(state) = open.pop() {
            if !state.is_folder() {
                if !self.has(&state.digest) {
                    return false;
                }
            } else if seen.insert(state.digest) {
                let Ok(tree) = self.tree(&state.digest) else { return false };
                open.extend(tree.entries().iter().map(|(_, entry)| entry.state()));
            }
        }
        true
    }

    /// Whether an older version has left something here.
    pub(crate) fn has_old_part(&self) -> bool {
        self.layout.has_old_part(&self.root)
    }

    /// Whether a content is there whole, and what is recorded of it today is found where it lies.
    pub fn can_restore(&self, state: &FileState) -> bool {
        self.has_all(state) && self.is_in_its_part(state, false)
    }

    /// Whether a content, which is there whole, lies where the version of DVC looks that recorded it: DVC 3 and those before
    /// it have a part of the cache each, and pass over the other's.
    pub fn is_in_its_part(&self, state: &FileState, is_old: bool) -> bool {
        if !self.has_old_part() {
            return !is_old;
        }
        let is_there =
            |digest: &Digest, is_folder| self.root.join(self.layout.key(digest, is_folder, is_old)).is_file();
        if !state.is_folder() || !is_there(&state.digest, true) {
            return is_there(&state.digest, state.is_folder());
        }
        let (mut open, mut seen) = (vec![state.digest], HashSet::new());
        while let Some(folder) = open.pop() {
            let Ok(tree) = self.tree(&folder) else { return false };
            for entry in tree.entries().iter().map(|(_, entry)| entry.state()) {
                if entry.is_folder() {
                    open.push(entry.digest);
                } else if seen.insert(entry.digest) && !is_there(&entry.digest, false) {
                    return false;
                }
            }
        }
        true
    }

    /// The same of a whole content: the blob, or the tree with everything it names. Who is about to store what is at hand asks
    /// this; who is about to place what is there asks whether it [has](Blobs::has_all) it, and names what turns out damaged.
    pub fn holds_all(&self, state: &FileState) -> bool {
        let mut open = vec![*state];
        let mut seen = HashSet::new();
        // Of the files, as they are named, where one list without sizes tells of all.
        let (mut files, mut size) = (Vec::new(), 0_u64);
        while let Some(state) = open.pop() {
            if !state.is_folder() {
                let Some(held) = self.size_held(&state) else { return false };
                if self.layout.is_flat() {
                    size = size.saturating_add(held);
                    files.push(state.digest);
                }
            } else if self.layout.is_flat() || seen.insert(state.digest) {
                let Ok(tree) = self.tree(&state.digest) else { return false };
                open.extend(tree.entries().iter().map(|(_, entry)| entry.state()));
            }
        }
        let is_as_recorded = !state.is_folder() || state.size == 0 || state.size == size;
        // Which of them it is, their bytes tell.
        is_as_recorded || files.iter().all(|digest| matches!(self.is_sound(digest), Ok(Some(true))))
    }

    /// Stores bytes and returns their digest. A blob that is there already is touched: outside of stages this is
    /// called without the project's lock, and a collection of garbage that is under way keeps what was touched.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn store_bytes(&self, bytes: &[u8]) -> Result<Digest, CacheError> {
        let digest = hash_bytes_by(self.layout.algorithm(), bytes);
        let path = self.place(&digest, false);
        // One that a loss of power cut off has another size.
        let is_whole = |found: fs::Metadata| found.is_file() && found.len() == bytes.len() as u64;
        self.touch_or_place(&digest, &path, bytes, fs::metadata(&path).is_ok_and(is_whole))?;
        Ok(digest)
    }

    /// Stores the manifest of a folder.
    pub(crate) fn store_manifest(&self, digest: &Digest, manifest: &[u8]) -> Result<(), CacheError> {
        let path = self.place(digest, true);
        // It has no seal, and is small.
        let is_whole = disk::read_bytes(&path).is_ok_and(|found| found == manifest);
        self.touch_or_place(digest, &path, manifest, is_whole)
    }

    fn touch_or_place(
        &self,
        digest: &Digest,
        path: &Path,
        bytes: &[u8],
        is_whole: bool,
    ) -> Result<(), CacheError> {
        // Where touching is refused (another user's blob), that it is there has to do.
        if is_whole && disk::touch(path).unwrap_or_else(|_| path.is_file()) {
            return Ok(());
        }
        let place = || disk::place_bytes(bytes, path, Mode::Exact(0o444), Stamp::now());
        match place() {
            // A file takes the place of all but a folder.
            Err(_) if path.is_dir() => {
                self.quarantine(digest)?;
                Ok(place()?)
            }
            placed => Ok(placed?),
        }
    }

    /// The digest that a path inside this cache is the blob of.
    pub fn digest_at(&self, path: &Path) -> Option<Digest> {
        let mut parts =
            path.strip_prefix(self.folder()).ok()?.components().map(|part| part.as_os_str().to_str());
        let (start, rest) = (parts.next()??, parts.next()??);
        let hex = format!("{start}{rest}");
        parts.next().is_none().then(|| Digest::from_hex(self.layout.algorithm(), &hex).ok())?
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
        if !metadata.is_file() {
            return Ok(Some(false));
        }
        if self.is_old(digest) {
            return self.is_named_right(digest, &path).map(Some);
        }
        let (found, stamp) =
            hash_blob(digest.algorithm(), &path).map_err(|fault| fault.of_blob(digest, &path))?;
        if found == *digest {
            // Refused where it is another user's: it is hashed each time then.
            if disk::set_modified(&path, seal(digest, stamp.size, Stamp::now())).is_err() {
                self.seals_fail.store(true, Ordering::Relaxed);
            }
        }
        Ok(Some(found == *digest))
    }

    /// Opens a blob to read it.
    ///
    /// # Errors
    /// When it is missing, cannot be read, or is no file.
    pub fn open(&self, digest: &Digest) -> std::io::Result<fs::File> {
        disk::open(&self.path(digest))
    }

    /// The bytes of a blob, checked against its name.
    ///
    /// # Errors
    /// When the blob is missing or damaged.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, CacheError> {
        read_at(self.path(digest), digest)
    }

    /// Where the manifest of a folder lies, or would lie.
    pub(crate) fn manifest_path(&self, digest: &Digest) -> PathBuf {
        self.layout.manifest(&self.root, digest)
    }

    /// Reads a manifest that comes from elsewhere; `None` when it is none of this digest.
    pub(crate) fn read_manifest(&self, digest: &Digest, bytes: &[u8]) -> Option<Tree> {
        if hash_bytes_by(self.layout.algorithm(), bytes) != *digest {
            return None;
        }
        let decoded = self.layout.decode(bytes).ok()?;
        self.below().extend(decoded.below);
        Some(decoded.tree)
    }

    /// The manifest of a folder.
    ///
    /// # Errors
    /// When it is missing, damaged, or no manifest.
    pub fn tree(&self, digest: &Digest) -> Result<Tree, CacheError> {
        if let Some(tree) = self.below().get(digest) {
            return Ok(tree.clone());
        }
        let manifest = read_at(self.layout.manifest(&self.root, digest), digest)?;
        let decoded = self.layout.decode(&manifest);
        let decoded = decoded.map_err(|source| CacheError::Tree { digest: *digest, source })?;
        self.below().extend(decoded.below);
        Ok(decoded.tree)
    }

    fn below(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Tree>> {
        // A thread that panicked left at worst a tree out.
        self.below.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The contents whose digest begins with the hexadecimal digits `start`, ascending; at least two digits.
    ///
    /// # Errors
    /// When the cache folder is there and cannot be read.
    pub fn starting_with(&self, start: &str) -> Result<Vec<Digest>, CacheError> {
        let algorithm = self.layout.algorithm();
        let (Some(folder), Some(rest)) = (start.get(..2), start.get(2..)) else { return Ok(Vec::new()) };
        let path = self.layout.folder(&self.root).join(folder);
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
        if let Ok(tree) = self.tree(digest) {
            let (size, files) = tree.totals();
            return Ok(FileState { digest: *digest, size, files: Some(files), executable: false });
        }
        let size = self.read(digest)?.len() as u64;
        Ok(FileState { digest: *digest, size, files: None, executable: false })
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
        let manifest = self.layout.manifest(&self.root, digest);
        // In place of either there may be what is no file.
        let is_manifest = !self.has(digest) && fs::symlink_metadata(&manifest).is_ok();
        let path = if is_manifest { manifest } else { self.path(digest) };
        disk::move_path(&path, &aside)?;
        Ok(aside)
    }
}

fn read_at(path: PathBuf, digest: &Digest) -> Result<Vec<u8>, CacheError> {
    let bytes = disk::read_optional(&path)
        .map_err(|fault| CacheError::of_read(&path, fault.source).of_blob(digest, &path))?;
    let bytes = bytes.ok_or(CacheError::Missing { digest: *digest })?;
    if hash_bytes_by(digest.algorithm(), &bytes) != *digest {
        return Err(CacheError::Damaged { digest: *digest, path });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of many files with one content, each thread that stores one asks for the blob, and one of them seals it.
    #[test]
    fn a_blob_that_is_sealed_meanwhile_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let digest = blobs.store_bytes(&vec![7; 100_000]).unwrap();
        let unsealed = seal(&digest, 100_000, Stamp::now()) - 1;
        for _ in 0..500 {
            disk::set_modified(&blobs.path(&digest), unsealed).unwrap();
            let ask = || blobs.is_sound(&digest);
            let (one, other) = rayon::join(ask, ask);
            assert_eq!((one.unwrap(), other.unwrap()), (Some(true), Some(true)));
        }
    }

    /// A blob of `bytes` that another tool wrote, or somebody.
    fn write_unsealed(blobs: &Blobs, digest: &Digest, bytes: &[u8]) {
        let path = blobs.path(digest);
        disk::replace(&path, bytes).unwrap();
        // No seal of what is stored here, and no time of a file system with coarse ones.
        disk::set_modified(&path, 1_700_000_000_000_000_001).unwrap();
    }

    #[test]
    fn a_blob_that_is_seen_to_be_damaged_is_not_held() {
        for layout in [Layout::Native, Layout::Dvc] {
            let folder = tempfile::tempdir().unwrap();
            let blobs = Blobs::with_layout(folder.path(), layout);
            let digest = blobs.store_bytes(b"hello").unwrap();
            let state = |size| FileState { digest, size, files: None, executable: false };
            assert!(blobs.holds(&state(5)) && blobs.holds(&state(0)));
            assert!(blobs.holds(&state(7)), "what a record says of a size is a hint");
            write_unsealed(&blobs, &digest, b"he");
            assert!(!blobs.holds(&state(5)), "{layout:?}");
            // Where nothing is known of its size, one of another tool is believed.
            assert_eq!(blobs.holds(&state(0)), layout == Layout::Dvc);
            write_unsealed(&blobs, &digest, b"jello");
            assert_eq!(blobs.holds(&state(5)), layout == Layout::Dvc);
            // One that turns out right is sealed, so that it is read once.
            write_unsealed(&blobs, &digest, b"hello");
            assert!(blobs.holds(&state(7)));
            let stamp = Stamp::of(&fs::metadata(blobs.path(&digest)).unwrap());
            assert!(is_sealed(&digest, &stamp), "{layout:?}");
        }
    }

    #[test]
    fn a_folder_whose_files_are_not_as_large_as_recorded_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::with_layout(folder.path(), Layout::Dvc);
        let file = blobs.store_bytes(b"hello").unwrap();
        // The same file twice.
        let files = ["a", "sub/a"].map(|name| (name.to_owned(), file)).to_vec();
        let list = Layout::Dvc.encode_files(files).unwrap();
        let digest = hash_bytes_by(Layout::Dvc.algorithm(), &list);
        blobs.store_manifest(&digest, &list).unwrap();
        let state = |size| FileState { digest, size, files: Some(2), executable: false };
        assert!(blobs.holds_all(&state(10)) && blobs.holds_all(&state(9)));
        write_unsealed(&blobs, &file, b"he");
        assert!(!blobs.holds_all(&state(10)));
        write_unsealed(&blobs, &file, b"hello");
        assert!(blobs.holds_all(&state(10)));
    }

    #[test]
    fn a_manifest_of_the_right_size_and_other_bytes_is_stored_anew() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(folder.path());
        let manifest = Tree::new(Vec::new()).encode();
        let digest = hash_bytes_by(Layout::Native.algorithm(), &manifest);
        blobs.store_manifest(&digest, &manifest).unwrap();
        let damaged = vec![b'x'; manifest.len()];
        disk::replace(&blobs.manifest_path(&digest), &damaged).unwrap();
        assert!(blobs.tree(&digest).is_err());
        blobs.store_manifest(&digest, &manifest).unwrap();
        assert!(blobs.tree(&digest).is_ok());
    }
}
