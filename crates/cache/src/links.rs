//! How files of the workspace and blobs are made from each other: by sharing blocks, as one file, or by copying.
//!
//! The types are tried in the order that the settings give. One that two file systems cannot do between them is not
//! tried again by this process; one that fails for a single file (too many links, another user's blob) leaves the others
//! alone. What remains when nothing works is a copy. Files that are empty or executable are never shared: the first would
//! all be one file, and the second would lend their bit to the blob.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use base::{Digest, ProjectPath};
use disk::{LinkType, Mode, Stamp};
use rayon::prelude::*;

use crate::hash::{SMALL, hash_bytes_by, hash_file_by, read_and_hash, read_small};
use crate::seal::{is_sealed, seal};
use crate::shelves::Shelves;
use crate::unix_text::NamedHasher;
use crate::{Blobs, CacheError, Workspace};

/// So many bytes of a large file are copied at once.
const PIECE: usize = 1 << 20;

/// Mode of a blob, and so of what shares its file.
const BLOB_MODE: u32 = 0o444;
/// Mode of a file that becomes one of its own again.
const WRITABLE: Mode = Mode::New { executable: false };
const BLOB: Mode = Mode::Exact(BLOB_MODE);

/// Whether a file of the workspace may share its bytes with the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// As the settings say: it may be a link, which nobody writes to.
    Linked,
    /// A writable file of its own.
    Private,
}

/// A blob that was written to through a link in the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The link.
    pub path: ProjectPath,
    /// What the blob should hold.
    pub digest: Digest,
    /// The blob.
    pub blob: PathBuf,
}

/// The types that are wanted, and which of them two file systems turned out not to be able to do.
#[derive(Debug)]
pub(crate) struct Links {
    types: Vec<LinkType>,
    /// The device of the cache, once somebody asked.
    cache_device: OnceLock<Option<u64>>,
    /// Whether there is anything in `unable`: as long as there is not, nobody has to ask for devices.
    any_unable: AtomicBool,
    unable: Mutex<HashSet<(u64, u64, LinkType)>>,
}

impl Links {
    pub(crate) fn new(mut types: Vec<LinkType>) -> Self {
        if !types.contains(&LinkType::Copy) {
            types.push(LinkType::Copy);
        }
        Links {
            types,
            cache_device: OnceLock::new(),
            any_unable: AtomicBool::new(false),
            unable: Mutex::default(),
        }
    }

    /// Whether a file of the workspace may become a link, as long as nothing speaks against it.
    pub(crate) fn may_share(&self) -> bool {
        self.types.iter().any(|kind| kind.is_shared())
    }

    /// Whether a file of the workspace may become a symlink, which leads elsewhere once it is moved.
    pub(crate) fn may_point(&self) -> bool {
        self.types.contains(&LinkType::Symlink)
    }

    /// Does `attempt` with each type until one works; copying is the last. `cache` and the file `place` are on the two file
    /// systems.
    fn first_that_works<T>(
        &self,
        cache: &Path,
        place: &Path,
        may_share: bool,
        mut attempt: impl FnMut(LinkType) -> Result<T, CacheError>,
    ) -> Result<T, CacheError> {
        let as_set = may_share || !self.may_share();
        let ways = if as_set { self.types.as_slice() } else { &[LinkType::Reflink, LinkType::Copy] };
        let place_device = OnceCell::new();
        for kind in ways {
            let key = || {
                let cache = (*self.cache_device.get_or_init(|| device(cache)))?;
                Some((cache, (*place_device.get_or_init(|| device_beside(place)))?, *kind))
            };
            if *kind != LinkType::Copy
                && self.any_unable.load(Ordering::Relaxed)
                && key().is_some_and(|key| self.unable().contains(&key))
            {
                continue;
            }
            match attempt(*kind) {
                Err(CacheError::Disk(fault)) if *kind != LinkType::Copy && is_refusal(&fault.source) => {
                    if let (true, Some(key)) = (is_of_file_systems(&fault.source), key()) {
                        self.unable().insert(key);
                        self.any_unable.store(true, Ordering::Relaxed);
                    }
                }
                result => return result,
            }
            if *kind == LinkType::Copy {
                break;
            }
        }
        attempt(LinkType::Copy)
    }

    fn unable(&self) -> std::sync::MutexGuard<'_, HashSet<(u64, u64, LinkType)>> {
        self.unable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The device of a path, or of the nearest folder above that exists.
fn device(path: &Path) -> Option<u64> {
    path.ancestors().find_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.dev())
}

/// The device of the folder that a path lies in. Most often it is that of the path asked about before.
fn device_beside(path: &Path) -> Option<u64> {
    thread_local! {
        static LAST: RefCell<(PathBuf, Option<u64>)> = RefCell::default();
    }
    let folder = path.parent()?;
    LAST.with_borrow_mut(|(last, known)| {
        if last != folder {
            *known = device(folder);
            folder.clone_into(last);
        }
        *known
    })
}

/// Whether another type may do what this one was refused.
fn is_refusal(fault: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, TooManyLinks};
    is_of_file_systems(fault) || matches!(fault.kind(), TooManyLinks | PermissionDenied)
}

/// Whether a fault is of the two file systems rather than of one file.
fn is_of_file_systems(fault: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, InvalidInput, Unsupported};
    // ENOTTY, which some answer who never heard of sharing blocks, has no kind of its own.
    matches!(fault.kind(), CrossesDevices | InvalidInput | Unsupported) || fault.raw_os_error() == Some(25)
}

/// A file to be stored: where it is, what it was found to be, and with which stamp.
pub(crate) struct Found<'a> {
    pub(crate) path: &'a ProjectPath,
    pub(crate) os_path: &'a Path,
    pub(crate) stamp: &'a Stamp,
    pub(crate) digest: Digest,
    /// What it held then, where that was kept.
    pub(crate) bytes: Option<&'a [u8]>,
    /// Whether it may be replaced by a link: nothing on its path is a symlink.
    pub(crate) may_share: bool,
}

impl Workspace {
    /// Stores a file, and with [`Placement::Linked`] makes it share its bytes with the cache. What `shelves` lack is not
    /// looked for.
    pub(crate) fn store_file(
        &self,
        found: &Found<'_>,
        placement: Placement,
        shelves: Option<&Shelves<'_>>,
    ) -> Result<(), CacheError> {
        let Found { os_path, stamp, digest, .. } = *found;
        let blob = self.blobs.place(&digest, false);
        let may_share = placement == Placement::Linked
            && self.links.may_share()
            && found.may_share
            && stamp.size > 0
            && !stamp.is_executable();
        // Where an older version has it nobody looks for what is recorded now.
        let is_absent = self.blobs.is_old(&digest) || shelves.is_some_and(|shelves| shelves.lacks(&digest));
        let sound = if is_absent { None } else { self.blobs.is_sound(&digest)? };
        if sound == Some(false) {
            self.blobs.quarantine(&digest)?;
        }
        let mut is_stored = sound == Some(true);
        if is_stored && !may_share {
            return Ok(());
        }
        if may_share
            && let Ok(now) = fs::symlink_metadata(os_path)
            && self.is_linked(&digest, os_path, &now)
        {
            return Ok(());
        }
        self.links.first_that_works(&blob, os_path, may_share, |kind| {
            if kind.is_shared() {
                if !is_stored {
                    let is_blob = self.adopt(found, &blob)?;
                    is_stored = true;
                    if is_blob && kind == LinkType::Hardlink {
                        return self.remember_link(found.path, &digest, os_path);
                    }
                } else if !is_unchanged(os_path, stamp, &digest) {
                    return Err(CacheError::Changed { path: os_path.to_owned() });
                }
                self.share(kind, found.path, &digest, os_path)?;
            } else if !is_stored {
                copy_to_cache(kind, found, &blob)?;
            }
            Ok(())
        })
    }

    /// Makes a file of the workspace the blob itself, when nothing else has it under another name. Its bytes are not
    /// copied. A process that still holds it open for writing breaks the seal when it writes. False when the blob is a
    /// copy, because it had to be.
    fn adopt(&self, found: &Found<'_>, blob: &Path) -> Result<bool, CacheError> {
        let Found { os_path, stamp, digest, .. } = *found;
        let metadata =
            fs::symlink_metadata(os_path).map_err(|source| CacheError::of_read(os_path, source))?;
        if metadata.nlink() > 1 || metadata.is_symlink() {
            // The other name is somebody's who did not ask for anything, or a blob that was written to.
            return self
                .links
                .first_that_works(blob, os_path, false, |kind| copy_to_cache(kind, found, blob))
                .map(|()| false);
        }
        if Stamp::of(&metadata) != *stamp {
            return Err(CacheError::Changed { path: os_path.to_owned() });
        }
        let is_racy = stamp.is_racy(Stamp::now());
        let undo = || {
            disk::set_modified(os_path, stamp.mtime)?;
            disk::set_mode(os_path, stamp.mode & 0o7777)
        };
        disk::set_mode(os_path, BLOB_MODE)?;
        disk::set_modified(os_path, seal(&digest, stamp.size, Stamp::now()))?;
        // A racy stamp proves nothing, so the sealed file itself is asked.
        if is_racy && hash_file_by(digest.algorithm(), os_path)?.0 != digest {
            undo()?;
            return Err(CacheError::Changed { path: os_path.to_owned() });
        }
        match disk::hard_link_new(os_path, blob) {
            // Where another process was faster, the file is no blob.
            Ok(linked) => Ok(linked),
            Err(fault) => {
                undo()?;
                match is_refusal(&fault.source) {
                    // A symlink works between two file systems all the same, once there is a blob.
                    true => copy_to_cache(LinkType::Copy, found, blob).map(|()| false),
                    false => Err(fault.into()),
                }
            }
        }
    }

    /// Places a link to a blob that is sound, and remembers what it is.
    fn share(
        &self,
        kind: LinkType,
        path: &ProjectPath,
        digest: &Digest,
        os_path: &Path,
    ) -> Result<(), CacheError> {
        let blob = self.blobs.path(digest);
        match kind {
            LinkType::Hardlink => disk::hard_link(&blob, os_path)?,
            _ => disk::replace_symlink(&self.target(path, &blob), os_path)?,
        }
        self.remember_link(path, digest, os_path)
    }

    /// Remembers what a link or copy that was just made is.
    fn remember_link(&self, path: &ProjectPath, digest: &Digest, os_path: &Path) -> Result<(), CacheError> {
        let metadata = fs::metadata(os_path).map_err(|source| CacheError::of_read(os_path, source))?;
        self.remember_sealed(path, digest, Stamp::of(&metadata));
        Ok(())
    }

    /// The same of one with this stamp.
    fn remember_sealed(&self, path: &ProjectPath, digest: &Digest, stamp: Stamp) {
        if is_sealed(digest, &stamp) {
            self.state().put_sealed(path, stamp, *digest);
        }
    }

    /// What a symlink at `path` says: a way that moves with the project when the cache lies in it.
    fn target(&self, path: &ProjectPath, blob: &Path) -> PathBuf {
        match blob.strip_prefix(self.root()) {
            Ok(inside) => {
                let up = path.parent().map_or(0, |parent| parent.parts().count());
                std::iter::repeat_n(Path::new(".."), up).collect::<PathBuf>().join(inside)
            }
            Err(_) => blob.to_owned(),
        }
    }

    /// Places a blob's bytes in the workspace, after checking them, over whatever file stands there.
    ///
    /// # Errors
    /// When the blob is missing or damaged, or the disk refuses; what stood there stands then.
    pub(crate) fn place(
        &self,
        path: &ProjectPath,
        digest: &Digest,
        executable: bool,
        placement: Placement,
    ) -> Result<(), CacheError> {
        let write = |bytes: &[u8], to: &Path, mode, modified| {
            disk::place_bytes(bytes, to, mode, modified).map(|()| None)
        };
        self.place_at(path, &self.os_path(path), digest, executable, placement, write)
    }

    /// The same at `os_path`, in a folder of this thread's from where the file is moved to `path` with all that is in the
    /// folder.
    pub(crate) fn place_aside(
        &self,
        path: &ProjectPath,
        os_path: &Path,
        digest: &Digest,
        executable: bool,
    ) -> Result<(), CacheError> {
        let write =
            |bytes: &[u8], to: &Path, mode, modified| disk::create_bytes(bytes, to, mode, modified).map(Some);
        self.place_at(path, os_path, digest, executable, Placement::Linked, write)
    }

    /// `write` makes a file of bytes, and returns its stamp where that is known.
    fn place_at(
        &self,
        path: &ProjectPath,
        os_path: &Path,
        digest: &Digest,
        executable: bool,
        placement: Placement,
        write: impl Fn(&[u8], &Path, Mode, i64) -> Result<Option<Stamp>, disk::DiskError>,
    ) -> Result<(), CacheError> {
        let blob = self.blobs.path(digest);
        // What is read anyway is asked by what was opened: its name is gone through once.
        let mut opened = if self.links.may_share() { None } else { disk::open_known(&blob).ok() };
        let metadata =
            opened.as_ref().map_or_else(|| fs::metadata(&blob).ok(), |(_, known)| Some(known.clone()));
        let Some(metadata) = metadata else { return Err(CacheError::Missing { digest: *digest }) };
        // What an old DVC stored may be known by another digest than that of its bytes.
        let may_share =
            placement == Placement::Linked && !executable && metadata.len() > 0 && !self.blobs.is_old(digest);
        let damaged = || CacheError::Damaged { digest: *digest, path: blob.clone() };
        if !metadata.is_file() {
            return Err(damaged());
        }
        let mode = Mode::New { executable };
        let placed = self.links.first_that_works(&blob, os_path, may_share, |kind| {
            if kind.is_shared() {
                if !is_sealed(digest, &Stamp::of(&metadata)) && self.blobs.is_sound(digest)? != Some(true) {
                    return Err(damaged());
                }
                return self.share(kind, path, digest, os_path);
            }
            // Bytes that are copied anyway are read, whatever their seal says.
            let modified = seal(digest, metadata.len(), Stamp::now());
            let is_old = self.blobs.is_old(digest);
            if kind == LinkType::Copy && metadata.len() <= SMALL && !is_old {
                let file = opened.take().map_or_else(|| disk::open(&blob), |(file, _)| Ok(file));
                let bytes = file.and_then(|mut file| read_small(&mut file, metadata.len()));
                let bytes = bytes.map_err(|source| CacheError::of_read(&blob, source))?;
                if hash_bytes_by(digest.algorithm(), &bytes) != *digest {
                    return Err(damaged());
                }
                if let Some(stamp) = write(&bytes, os_path, mode, modified)? {
                    self.remember_sealed(path, digest, stamp);
                    return Ok(());
                }
            } else {
                let is_right = match kind {
                    LinkType::Copy => {
                        let file = opened.take().map_or_else(|| disk::open(&blob), |(file, _)| Ok(file));
                        let file = file.map_err(|source| CacheError::of_read(&blob, source))?;
                        copy_from_cache(digest, is_old, &blob, file, os_path, mode, modified)?
                    }
                    _ => self.duplicate_blob(kind, digest, &blob, os_path, mode, modified)?,
                };
                if !is_right {
                    return Err(damaged());
                }
            }
            if is_old {
                // Its bytes may have another digest.
                return Ok(());
            }
            self.remember_link(path, digest, os_path)
        });
        placed.map_err(|fault| fault.of_blob(digest, &blob))
    }

    /// Makes a file of a blob by `kind`, and reads the blob only once that turned out to be possible. False when it is not
    /// what its name says; what stood there stands then.
    fn duplicate_blob(
        &self,
        kind: LinkType,
        digest: &Digest,
        blob: &Path,
        os_path: &Path,
        mode: Mode,
        modified: i64,
    ) -> Result<bool, CacheError> {
        let fault = Cell::new(None);
        let is_right = |_: &Path| match self.blobs.is_named_right(digest, blob) {
            Ok(is_right) => is_right,
            Err(source) => {
                fault.set(Some(source));
                false
            }
        };
        let is_made = disk::duplicate_checked(kind, blob, os_path, mode, modified, &is_right)?;
        fault.into_inner().map_or(Ok(is_made), Err)
    }

    /// Whether the path is a link to the blob of `digest`, which nobody wrote to since it was stored.
    pub(crate) fn is_linked(&self, digest: &Digest, os_path: &Path, metadata: &Metadata) -> bool {
        let followed =
            if metadata.is_symlink() { fs::metadata(os_path).ok() } else { Some(metadata.clone()) };
        let Some(metadata) = followed.filter(|found| found.nlink() > 1 || metadata.is_symlink()) else {
            return false;
        };
        is_sealed(digest, &Stamp::of(&metadata)) && self.is_blob(digest, &metadata)
    }

    /// Whether what has this metadata is the file of a blob.
    fn is_blob(&self, digest: &Digest, metadata: &Metadata) -> bool {
        let blob = fs::metadata(self.blobs.path(digest));
        blob.is_ok_and(|blob| (blob.dev(), blob.ino()) == (metadata.dev(), metadata.ino()))
    }

    /// The digest of a link to a blob, without reading it: of a file whose stamp is another than that remembered. What
    /// says which blob it may be is the memory, or the symlink itself; what proves it is the seal.
    pub(crate) fn digest_of_link(
        &self,
        path: &ProjectPath,
        os_path: &Path,
        metadata: &Metadata,
    ) -> Option<Digest> {
        if metadata.mode() & 0o777 != BLOB_MODE {
            return None;
        }
        let stamp = Stamp::of(metadata);
        let is_it = |digest: &Digest| is_sealed(digest, &stamp) && self.is_blob(digest, metadata);
        let remembered = self.state().last(path);
        let digest = remembered.filter(is_it).or_else(|| self.digest_of_symlink(os_path).filter(is_it))?;
        self.state().put_sealed(path, stamp, digest);
        Some(digest)
    }

    /// The blob that a symlink leads to by its name, whether it is there or not; `None` for what leads elsewhere.
    pub fn digest_of_symlink(&self, os_path: &Path) -> Option<Digest> {
        let target = fs::read_link(os_path).ok()?;
        self.blobs.digest_at(&lexical(&os_path.parent()?.join(target)))
    }

    /// Notes when what was read at a path, and found to be `digest`, is the blob of something else. True when it is.
    pub(crate) fn note_damage(
        &self,
        path: &ProjectPath,
        os_path: &Path,
        is_symlink: bool,
        digest: &Digest,
    ) -> bool {
        let remembered = self.state().last(path);
        let linked = if is_symlink { self.digest_of_symlink(os_path) } else { None };
        let claimed: Vec<Digest> =
            remembered.into_iter().chain(linked).filter(|claimed| claimed != digest).collect();
        if claimed.is_empty() {
            return false;
        }
        let Ok(metadata) = fs::metadata(os_path) else { return false };
        let damaged = claimed.into_iter().find(|claimed| self.is_blob(claimed, &metadata));
        if let Some(damaged) = damaged {
            let damage = Damage { path: path.clone(), digest: damaged, blob: self.blobs.path(&damaged) };
            let mut known = self.damage();
            if !known.contains(&damage) {
                known.push(damage);
            }
        }
        damaged.is_some()
    }

    /// Makes links to blobs at and below a path writable files of their own. Returns how many there were.
    ///
    /// # Errors
    /// When the cache lacks what a link shows, or the disk refuses.
    pub fn unprotect(&self, path: &ProjectPath) -> Result<usize, CacheError> {
        let files = self.files(path)?;
        let counts = files.par_iter().map(|(path, os_path, digest)| {
            let metadata =
                fs::symlink_metadata(os_path).map_err(|source| CacheError::of_read(os_path, source))?;
            let shared = metadata.is_symlink() || metadata.nlink() > 1;
            let followed = fs::metadata(os_path).map_err(|source| CacheError::of_read(os_path, source))?;
            if shared
                && self.symlink_above(path).is_none()
                && self.is_any_blob(path, os_path, digest, &followed)
            {
                let copy = |kind| Ok(disk::duplicate(kind, os_path, os_path, WRITABLE, None)?);
                self.links.first_that_works(&self.blobs.path(digest), os_path, false, copy)?;
                return Ok(1);
            }
            // What was a link until its blob was removed is the only file left, and as read-only as before.
            let was_shared = !shared && metadata.mode() & 0o777 == BLOB_MODE;
            if was_shared && is_sealed(digest, &Stamp::of(&metadata)) {
                disk::set_mode(os_path, WRITABLE.bits())?;
                return Ok(1);
            }
            Ok::<usize, CacheError>(0)
        });
        counts.try_reduce(|| 0, |a, b| Ok(a + b))
    }

    /// Whether a file is a blob: of what it holds, or of what it held before somebody wrote to it.
    fn is_any_blob(&self, path: &ProjectPath, os_path: &Path, digest: &Digest, metadata: &Metadata) -> bool {
        self.is_blob(digest, metadata)
            || self.damage().iter().any(|damage| damage.path == *path)
            || self.digest_of_symlink(os_path).is_some()
    }
}

/// Whether a file still holds what it was found to hold. Its inode may have been touched since, by a link that was
/// tried.
fn is_unchanged(os_path: &Path, stamp: &Stamp, digest: &Digest) -> bool {
    let is_same = |now: Stamp| Stamp { ctime: stamp.ctime, ..now } == *stamp;
    fs::metadata(os_path).is_ok_and(|now| is_same(Stamp::of(&now)))
        && (!stamp.is_racy(Stamp::now())
            || hash_file_by(digest.algorithm(), os_path).is_ok_and(|(found, _)| found == *digest))
}

/// Copies a file into the cache, unless it was written to since it was hashed.
fn copy_to_cache(kind: LinkType, found: &Found<'_>, blob: &Path) -> Result<(), CacheError> {
    let Found { os_path, stamp, digest, bytes, .. } = *found;
    let modified = seal(&digest, stamp.size, Stamp::now());
    if let (LinkType::Copy, Some(bytes)) = (kind, bytes) {
        return Ok(disk::place_bytes(bytes, blob, BLOB, modified)?);
    }
    if kind == LinkType::Copy && stamp.size <= SMALL {
        let (now, _, bytes) = read_and_hash(digest.algorithm(), os_path)?;
        return match bytes.filter(|_| now == digest) {
            Some(bytes) => Ok(disk::place_bytes(&bytes, blob, BLOB, modified)?),
            None => Err(CacheError::Changed { path: os_path.to_owned() }),
        };
    }
    let is_right = |copy: &Path| {
        let now = fs::metadata(os_path).ok().map(|now| Stamp::of(&now));
        // A racy stamp proves nothing, so the copy itself is asked.
        (now == Some(*stamp) && !stamp.is_racy(Stamp::now()))
            || hash_file_by(digest.algorithm(), copy).is_ok_and(|(found, _)| found == digest)
    };
    match disk::duplicate_checked(kind, os_path, blob, BLOB, modified, &is_right)? {
        true => Ok(()),
        false => Err(CacheError::Changed { path: os_path.to_owned() }),
    }
}

impl Blobs {
    /// Makes a file of its own of a blob, over one that stands there.
    ///
    /// # Errors
    /// When the blob is missing or damaged, or the disk refuses; what stood there stands then.
    pub fn copy_to(&self, digest: &Digest, to: &Path, mode: Mode) -> Result<(), CacheError> {
        let blob = self.path(digest);
        let file = match disk::open(&blob) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                return Err(CacheError::Missing { digest: *digest });
            }
            file => file.map_err(|source| CacheError::of_read(&blob, source).of_blob(digest, &blob))?,
        };
        match copy_from_cache(digest, self.is_old(digest), &blob, file, to, mode, Stamp::now())? {
            true => Ok(()),
            false => Err(CacheError::Damaged { digest: *digest, path: blob }),
        }
    }
}

/// Copies a blob, which is opened as `file`, and hashes it on the way. False when it is not what its name says; what stood
/// there stands then.
fn copy_from_cache(
    digest: &Digest,
    is_old: bool,
    blob: &Path,
    mut file: File,
    os_path: &Path,
    mode: Mode,
    modified: i64,
) -> Result<bool, CacheError> {
    let mut unread = None;
    let made = disk::place_filled(os_path, mode, modified, |to| {
        let mut hasher = NamedHasher::new(digest.algorithm(), is_old);
        let mut piece = vec![0; PIECE];
        loop {
            let length = match file.read(&mut piece) {
                Ok(0) => return Ok(hasher.is(digest)),
                Ok(length) => length,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                Err(fault) => {
                    unread = Some(fault);
                    return Ok(false);
                }
            };
            let piece = &piece[..length];
            hasher.update_while(piece, || to.write_all(piece))?;
        }
    });
    match unread {
        Some(source) => Err(CacheError::of_read(blob, source)),
        None => Ok(made?),
    }
}

/// A path without `.` and `..`, taken as it is written.
pub fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
