//! Between a project's files and its cache: what a path holds, storing it, putting it back.
//!
//! Symlinks are followed: what counts is what a reader of the path gets. A restored folder therefore
//! holds files where links were, with the same digest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use base::{Digest, FileState, ProjectPath};
use disk::{LinkType, Stamp};
use rayon::prelude::*;

use crate::agreed::{Agreed, Agreement};
use crate::hash::Opened;
use crate::links::{Damage, Links, Placement};
use crate::listing::check_size;
use crate::pipeignore::Within;
use crate::sink::{Observe, Show};
use crate::tree::TreeEntry;
use crate::{Blobs, CacheError, Files, Ignores, StageCache, State};

/// From this size on, waiting until a file's stamp is no longer racy costs less than hashing it twice.
const WORTH_WAITING: u64 = 64 << 20;

/// So many stamps are noted at most: to look at more costs so much that what it saves to know them is little.
const MOST_NOTED: usize = 250_000;

/// A project's files with the cache and the memory of what was hashed.
#[derive(Debug)]
pub struct Workspace {
    root: PathBuf,
    /// The blobs that hold its content.
    pub blobs: Blobs,
    /// The results of its stages.
    pub stages: StageCache,
    pub(crate) links: Links,
    state: Mutex<State>,
    agreed: Mutex<Agreed>,
    /// Where it is noted what is being brought.
    pub(crate) bringing: PathBuf,
    /// What is passed over in folders.
    pub(crate) ignores: Ignores,
    damage: Mutex<Vec<Damage>>,
    /// The stamps of all that was looked at, while somebody wants them.
    witness: Mutex<Option<Vec<(ProjectPath, Stamp)>>>,
}

impl Workspace {
    /// The project at `root` with the cache folder `cache` and what `state` remembers.
    pub fn new(root: &Path, cache: &Path, state: State) -> Self {
        Workspace::with_caches(root, Blobs::new(cache), StageCache::new(cache), state)
    }

    /// The same with caches in any place and layout.
    pub fn with_caches(root: &Path, blobs: Blobs, stages: StageCache, state: State) -> Self {
        Workspace {
            root: root.to_owned(),
            ignores: Ignores::of_layout(root, blobs.layout()),
            blobs,
            stages,
            links: Links::new(vec![LinkType::Reflink]),
            agreed: Mutex::new(Agreed::load(state.folder())),
            bringing: state.folder().join("tmp").join("checkouts"),
            state: Mutex::new(state),
            damage: Mutex::default(),
            witness: Mutex::new(None),
        }
    }

    /// The same, with files made from the cache by the first of these types that works.
    #[must_use]
    pub fn with_link_types(self, types: Vec<LinkType>) -> Self {
        Workspace { links: Links::new(types), ..self }
    }

    /// Blobs that were found to have been written to through a link in the workspace, until now.
    pub fn take_damage(&self) -> Vec<Damage> {
        std::mem::take(&mut self.damage())
    }

    pub(crate) fn damage(&self) -> MutexGuard<'_, Vec<Damage>> {
        self.damage.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Begins to note the stamps of all files and folders that are looked at. Where they are too many to be held in
    /// memory, nothing is noted.
    pub fn begin_witness(&self) {
        *self.witness.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Vec::new());
    }

    /// Ends noting, and tells what was noted.
    pub fn end_witness(&self) -> Vec<(ProjectPath, Stamp)> {
        self.witness.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take().unwrap_or_default()
    }

    pub(crate) fn note(&self, path: &ProjectPath, metadata: &fs::Metadata) {
        self.note_stamp(path, Some(Stamp::of(metadata)));
    }

    pub(crate) fn note_stamp(&self, path: &ProjectPath, stamp: Option<Stamp>) {
        let mut witness = self.witness.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &mut *witness {
            Some(noted) if noted.len() < MOST_NOTED => noted.extend(stamp.map(|stamp| (path.clone(), stamp))),
            Some(_) => *witness = None,
            None => {}
        }
    }

    /// Where a path of the project lies on this system.
    pub fn os_path(&self, path: &ProjectPath) -> PathBuf {
        path.to_path(&self.root)
    }

    /// Writes down what was hashed, and what data and pointers agree on, for the next process.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save_state(&self) -> Result<(), CacheError> {
        self.state().save()?;
        Ok(self.agreements().save()?)
    }

    /// Writes down what data and pointers agree on alone.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save_agreements(&self) -> Result<(), CacheError> {
        Ok(self.agreements().save()?)
    }

    fn agreements(&self) -> MutexGuard<'_, Agreed> {
        self.agreed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What its pointer recorded when data last agreed with it here; `None` where nothing is remembered.
    pub fn agreed(&self, path: &ProjectPath) -> Option<Digest> {
        self.agreements().get(path).map(|agreement| agreement.recorded)
    }

    /// Whether data is what it was when it last agreed with its pointer here, now that it has this digest.
    pub fn is_as_agreed(&self, path: &ProjectPath, now: Digest) -> bool {
        self.agreements().get(path).is_some_and(|agreement| agreement.bytes == now)
    }

    /// Remembers that data and its pointer agree on `digest`; or, without one, forgets what they agreed on.
    pub fn agree(&self, path: &ProjectPath, digest: Option<Digest>) {
        self.agreements().set(path, digest.map(Agreement::on));
    }

    /// Remembers that data with the digest `now` is what its pointer records, also where that is by the rule of DVC 1 and 2.
    pub fn agree_with(&self, path: &ProjectPath, recorded: Digest, now: Digest) {
        self.agreements().set(path, Some(Agreement { recorded, bytes: now }));
    }

    /// Data moved, and what it agreed on goes with it.
    pub fn move_agreement(&self, from: &ProjectPath, to: &ProjectPath) {
        let mut agreements = self.agreements();
        let agreement = agreements.get(from);
        agreements.set(to, agreement);
        agreements.set(from, None);
    }

    /// Forgets what data agreed on with pointers that are gone: when git brings one back, whether the data was edited
    /// since or the pointer is another cannot be told.
    pub fn agree_only(&self, has_pointer: impl Fn(&ProjectPath) -> bool) {
        self.agreements().retain(has_pointer);
    }

    /// The folder with the memory of what was hashed, where the project's other memories lie too.
    pub fn memory_folder(&self) -> PathBuf {
        self.state().folder().to_owned()
    }

    /// A further memory of what was hashed, in the file `path`: believed, or begun anew as this workspace's own was.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn memory(&self, path: &Path) -> Result<State, disk::DiskError> {
        if self.state().is_anew() { Ok(State::anew(path)) } else { State::load(path) }
    }

    /// The whole file system: its paths are those below `/`. It shares the caches, and has a memory of its own of what was
    /// hashed there.
    ///
    /// # Errors
    /// When that memory is there and cannot be read.
    pub fn outside(&self) -> Result<Workspace, disk::DiskError> {
        let state = self.memory(&self.memory_folder().join("outside"))?;
        let (blobs, stages) = (self.blobs.clone(), self.stages.clone());
        Ok(Workspace::with_caches(Path::new("/"), blobs, stages, state))
    }

    /// What the path holds now; `None` when there is nothing. Files whose stamp is known are not read.
    ///
    /// # Errors
    /// When something there cannot be read, is no file or folder, or has a name that records cannot hold.
    pub fn observe(&self, path: &ProjectPath) -> Result<Option<FileState>, CacheError> {
        self.scan(path, Within::Records, &mut Observe)
    }

    /// The same of what is only read: folders in it that git, pipe or DVC keeps for itself are passed over, as by DVC.
    ///
    /// # Errors
    /// As [`Workspace::observe`].
    pub fn observe_input(&self, path: &ProjectPath) -> Result<Option<FileState>, CacheError> {
        self.scan(path, Within::Inputs, &mut Observe)
    }

    /// The files at `path` as they are now; none when there is nothing.
    ///
    /// # Errors
    /// As [`Workspace::observe`].
    pub fn listing(&self, path: &ProjectPath) -> Result<Files, CacheError> {
        self.list(path, Within::Records)
    }

    /// The same of what is only read.
    ///
    /// # Errors
    /// As [`Workspace::observe`].
    pub fn input_listing(&self, path: &ProjectPath) -> Result<Files, CacheError> {
        self.list(path, Within::Inputs)
    }

    fn list(&self, path: &ProjectPath, within: Within) -> Result<Files, CacheError> {
        let mut files = Files::new();
        self.scan(path, within, &mut files)?;
        if self.blobs.layout().is_flat() {
            // As a manifest of that layout tells of them: without modes, and without folders that hold nothing of it.
            files.retain(|file, state| file == path || !state.is_folder());
            let inside = files.iter_mut().filter(|(file, _)| *file != path);
            inside.for_each(|(_, state)| state.executable = false);
        }
        Ok(files)
    }

    /// What the path holds, as [`Workspace::observe`] tells it; shows the paths of all files, and of folders in which nothing is,
    /// in any order.
    ///
    /// # Errors
    /// As [`Workspace::observe`].
    pub fn observe_each(
        &self,
        path: &ProjectPath,
        show: &mut dyn FnMut(&ProjectPath),
    ) -> Result<Option<FileState>, CacheError> {
        self.scan(path, Within::Records, &mut Show(show))
    }

    /// Stores what the path holds in the cache, and says what it was; `None` when there is nothing. With
    /// [`Placement::Linked`], files are replaced by links where the settings want them.
    ///
    /// # Errors
    /// As [`Workspace::observe`], and when the disk refuses or a file changes meanwhile.
    pub fn store(&self, path: &ProjectPath, placement: Placement) -> Result<Option<FileState>, CacheError> {
        self.store_each(path, placement, &mut |_| ())
    }

    /// The same, with paths shown as [`Workspace::observe_each`] does.
    ///
    /// # Errors
    /// As [`Workspace::store`].
    pub fn store_each(
        &self,
        path: &ProjectPath,
        placement: Placement,
        show: &mut dyn FnMut(&ProjectPath),
    ) -> Result<Option<FileState>, CacheError> {
        self.scan_stored(path, Within::Records, placement, show).map(|(state, _)| state)
    }

    /// The files at and below a path, with what they hold; none of git's, pipe's or DVC's own.
    pub(crate) fn files(
        &self,
        path: &ProjectPath,
    ) -> Result<Vec<(ProjectPath, PathBuf, Digest)>, CacheError> {
        let mut files = Vec::new();
        self.scan(path, Within::Inputs, &mut files)?;
        Ok(files)
    }

    /// Puts `state` back at the path. Files that already hold the right bytes are not touched, but for links where
    /// they shall be [private](Placement::Private); what else stands in the way is removed, so that the caller saves it
    /// first.
    ///
    /// # Errors
    /// When the cache lacks something or holds it damaged, or the disk refuses. A fault in the middle of
    /// a folder leaves it half restored; the next attempt goes on.
    pub fn restore(
        &self,
        path: &ProjectPath,
        state: &FileState,
        placement: Placement,
    ) -> Result<(), CacheError> {
        self.make_way(path)?;
        if state.is_folder() {
            self.restore_folder(path, state, placement, false)
        } else {
            self.restore_file(path, &state.digest, state.executable, placement)
        }
    }

    fn restore_file(
        &self,
        path: &ProjectPath,
        digest: &Digest,
        executable: bool,
        placement: Placement,
    ) -> Result<(), CacheError> {
        let os_path = self.os_path(path);
        if let Ok(metadata) = fs::symlink_metadata(&os_path) {
            if metadata.is_dir() {
                self.check_gives_way(path)?;
                self.remove(path)?;
            } else if self.is_placed(path, digest, executable, placement, &metadata)? {
                return Ok(());
            }
        }
        self.place(path, digest, executable, placement)
    }

    /// Whether a file is there already as it shall be.
    fn is_placed(
        &self,
        path: &ProjectPath,
        digest: &Digest,
        executable: bool,
        placement: Placement,
        metadata: &fs::Metadata,
    ) -> Result<bool, CacheError> {
        let os_path = self.os_path(path);
        if self.is_linked(digest, &os_path, metadata) {
            return Ok(placement == Placement::Linked && !executable);
        }
        if !metadata.is_file() {
            return Ok(false);
        }
        let stamp = Stamp::of(metadata);
        Ok(stamp.is_executable() == executable && self.digest_of(path, &os_path, &stamp)? == *digest)
    }

    fn restore_folder(
        &self,
        path: &ProjectPath,
        state: &FileState,
        placement: Placement,
        is_listed: bool,
    ) -> Result<(), CacheError> {
        check_size(path, &state.digest, 0)?;
        let tree = self.blobs.true_tree(state, is_listed)?;
        let os_path = self.os_path(path);
        if fs::symlink_metadata(&os_path).is_ok_and(|metadata| !metadata.is_dir()) {
            disk::remove(&os_path)?;
        }
        disk::make_folder(&os_path)?;
        let wanted =
            |name: &str| tree.entries().binary_search_by(|(known, _)| known.as_str().cmp(name)).is_ok();
        for entry in fs::read_dir(&os_path).map_err(|source| CacheError::of_read(&os_path, source))? {
            let name = entry.map_err(|source| CacheError::of_read(&os_path, source))?.file_name();
            let is_kept = |name: &str| self.is_kept(&path.join(name), os_path.join(name).is_dir());
            if !name.to_str().is_some_and(|name| wanted(name) || is_kept(name)) {
                match name.to_str() {
                    Some(name) => self.remove(&path.join(name))?,
                    None => disk::remove(&os_path.join(name))?,
                }
            }
        }
        tree.entries().par_iter().try_for_each(|(name, entry)| {
            let below = path.join(name);
            match entry {
                TreeEntry::File { digest, executable, .. } => {
                    self.restore_file(&below, digest, *executable, placement)
                }
                TreeEntry::Folder { .. } => self.restore_folder(&below, &entry.state(), placement, true),
            }
        })
    }

    /// Whether a folder above the path is a symlink, which could lead out of the project.
    pub fn leads_through_symlink(&self, path: &ProjectPath) -> bool {
        self.symlink_above(path).is_some()
    }

    pub(crate) fn symlink_above(&self, path: &ProjectPath) -> Option<PathBuf> {
        disk::symlink_between(&self.root, &self.os_path(path))
    }

    /// A symlink above the path would lead the write out of the project: it is refused.
    pub(crate) fn make_way(&self, path: &ProjectPath) -> Result<(), CacheError> {
        match self.symlink_above(path) {
            None => Ok(()),
            Some(link) => {
                let source = io::Error::other("it is a symlink, and restoring never writes through one");
                Err(disk::DiskError::new("restore into", &link, source).into())
            }
        }
    }

    fn digest_of(&self, path: &ProjectPath, os_path: &Path, stamp: &Stamp) -> Result<Digest, CacheError> {
        let known = self.state().get(path, stamp);
        match known {
            Some(digest) => Ok(digest),
            None => self.hash_anew(path, os_path, false).map(|(digest, ..)| digest),
        }
    }

    /// The digest of a file that is not known by its stamp, with the stamp it had, and with its bytes where they are few.
    pub(crate) fn hash_anew(
        &self,
        path: &ProjectPath,
        os_path: &Path,
        is_symlink: bool,
    ) -> Result<(Digest, Stamp, Option<Vec<u8>>), CacheError> {
        let mut now = Stamp::now();
        let mut opened = Opened::open(os_path)?;
        if opened.stamp.size >= WORTH_WAITING && opened.stamp.is_racy(now) {
            std::thread::sleep(Duration::from_millis(25));
            now = Stamp::now();
            opened = Opened::open(os_path)?;
        }
        let (digest, stamp, bytes) = opened.read_and_hash(self.blobs.layout().algorithm())?;
        // A link that was written through stays known by its blob, so that it is named each time.
        if !self.note_damage(path, os_path, is_symlink, &digest) {
            self.state().put(path, stamp, digest, now);
        }
        Ok((digest, stamp, bytes))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked left at worst a record out: the map itself is whole.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "workspace_tests.rs"]
mod tests;
