//! Between a project's files and its cache: what a path holds, storing it, putting it back.
//!
//! Symlinks are followed: what counts is what a reader of the path gets. A restored folder therefore
//! holds files where links were, with the same digest.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use base::{Digest, FileState, ProjectPath};
use disk::{LinkType, Stamp};
use rayon::prelude::*;
use walkdir::WalkDir;

use crate::agreed::Agreed;
use crate::hash::{hash_bytes_by, hash_file_by};
use crate::layout::Layout;
use crate::links::{Damage, Found, Links, Placement};
use crate::listing::check_size;
use crate::pipeignore::Within;
use crate::tree::{Tree, TreeEntry};
use crate::{Blobs, CacheError, Files, Ignores, StageCache, State};

/// From this size on, waiting until a file's stamp is no longer racy costs less than hashing it twice.
const WORTH_WAITING: u64 = 64 << 20;

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
    /// What is passed over in folders.
    pub(crate) ignores: Ignores,
    damage: Mutex<Vec<Damage>>,
    /// The stamps of all that was looked at, while somebody wants them.
    witness: Mutex<Option<Vec<(ProjectPath, Stamp)>>>,
}

/// What was found at a path, before it is made into manifests.
enum Node {
    File { path: ProjectPath, os_path: PathBuf, stamp: Stamp, digest: Option<Digest>, may_share: bool },
    Folder { entries: Vec<(String, Node)> },
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

    /// Begins to note the stamps of all files and folders that are looked at.
    pub fn begin_witness(&self) {
        *self.witness.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Vec::new());
    }

    /// Ends noting, and tells what was noted.
    pub fn end_witness(&self) -> Vec<(ProjectPath, Stamp)> {
        self.witness.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take().unwrap_or_default()
    }

    fn note(&self, path: &ProjectPath, metadata: &fs::Metadata) {
        if let Some(witness) = &mut *self.witness.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
            witness.push((path.clone(), Stamp::of(metadata)));
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

    fn agreements(&self) -> MutexGuard<'_, Agreed> {
        self.agreed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What data and its pointer last agreed on here; `None` where nothing is remembered.
    pub fn agreed(&self, path: &ProjectPath) -> Option<Digest> {
        self.agreements().get(path)
    }

    /// Remembers that data and its pointer agree on `digest`; or, without one, forgets what they agreed on.
    pub fn agree(&self, path: &ProjectPath, digest: Option<Digest>) {
        self.agreements().set(path, digest);
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

    /// What the path holds now; `None` when there is nothing. Files whose stamp is known are not read.
    ///
    /// # Errors
    /// When something there cannot be read, is no file or folder, or has a name that records cannot hold.
    pub fn observe(&self, path: &ProjectPath) -> Result<Option<FileState>, CacheError> {
        Ok(self.scan(path, Within::Records)?.map(|node| {
            summarize(self.blobs.layout(), &node, &mut |_, _| Ok(())).expect("nothing here can fail")
        }))
    }

    /// The same of what is only read: folders in it that git, pipe or DVC keeps for itself are passed over, as by DVC.
    ///
    /// # Errors
    /// As [`Workspace::observe`].
    pub fn observe_input(&self, path: &ProjectPath) -> Result<Option<FileState>, CacheError> {
        let node = self.scan(path, Within::Inputs)?;
        let state = |node| summarize(self.blobs.layout(), &node, &mut |_, _| Ok(()));
        Ok(node.map(|node| state(node).expect("nothing here can fail")))
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
        if let Some(node) = self.scan(path, within)? {
            list(self.blobs.layout(), path.clone(), &node, &mut files);
        }
        Ok(files)
    }

    /// Stores what the path holds in the cache, and says what it was; `None` when there is nothing. With
    /// [`Placement::Linked`], files are replaced by links where the settings want them.
    ///
    /// # Errors
    /// As [`Workspace::observe`], and when the disk refuses or a file changes meanwhile.
    pub fn store(&self, path: &ProjectPath, placement: Placement) -> Result<Option<FileState>, CacheError> {
        let Some(node) = self.scan(path, Within::Records)? else { return Ok(None) };
        let mut files = Vec::new();
        collect_files(&node, &mut files);
        files.par_iter().try_for_each(|found| self.store_file(found, placement))?;
        summarize(self.blobs.layout(), &node, &mut |digest, manifest| {
            self.blobs.store_manifest(digest, manifest)
        })
        .map(Some)
    }

    /// The files at and below a path, with what they hold; none of git's, pipe's or DVC's own.
    pub(crate) fn files(
        &self,
        path: &ProjectPath,
    ) -> Result<Vec<(ProjectPath, PathBuf, Digest)>, CacheError> {
        let Some(node) = self.scan(path, Within::Inputs)? else { return Ok(Vec::new()) };
        let mut files = Vec::new();
        collect_files(&node, &mut files);
        let owned = |found: &Found<'_>| (found.path.clone(), found.os_path.to_owned(), found.digest);
        Ok(files.iter().map(owned).collect())
    }

    /// Stores what the path holds when the cache has no copy of it yet; says what was saved.
    ///
    /// # Errors
    /// As [`Workspace::store`].
    pub fn save_unsaved(&self, path: &ProjectPath) -> Result<Option<FileState>, CacheError> {
        match self.observe(path)? {
            Some(state) if !self.blobs.has_all(&state) => self.store(path, Placement::Private),
            _ => Ok(None),
        }
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
            self.restore_folder(path, &state.digest, placement)
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
                disk::remove(&os_path)?;
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
        digest: &Digest,
        placement: Placement,
    ) -> Result<(), CacheError> {
        check_size(path, digest, 0)?;
        let tree = self.blobs.tree(digest)?;
        let os_path = self.os_path(path);
        if fs::symlink_metadata(&os_path).is_ok_and(|metadata| !metadata.is_dir()) {
            disk::remove(&os_path)?;
        }
        disk::make_folder(&os_path)?;
        let wanted =
            |name: &str| tree.entries().binary_search_by(|(known, _)| known.as_str().cmp(name)).is_ok();
        for entry in fs::read_dir(&os_path).map_err(|source| read_fault(&os_path, source))? {
            let name = entry.map_err(|source| read_fault(&os_path, source))?.file_name();
            let is_ignored = |name: &str| {
                let below = os_path.join(name);
                self.ignores.is_ignored(&path.join(name), below.is_dir())
            };
            if !name.to_str().is_some_and(|name| wanted(name) || is_ignored(name)) {
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
                TreeEntry::Folder { digest, .. } => self.restore_folder(&below, digest, placement),
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
        if let Some(digest) = self.state().get(path, stamp) {
            return Ok(digest);
        }
        if stamp.size >= WORTH_WAITING && stamp.is_racy(Stamp::now()) {
            std::thread::sleep(Duration::from_millis(25));
        }
        let now = Stamp::now();
        let (digest, stamp) = hash_file_by(self.blobs.layout().algorithm(), os_path)?;
        // A link that was written through stays known by its blob, so that it is named each time.
        if !self.note_damage(path, os_path, &digest) {
            self.state().put(path, stamp, digest, now);
        }
        Ok(digest)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked left at worst a record out: the map itself is whole.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn scan(&self, path: &ProjectPath, within: Within) -> Result<Option<Node>, CacheError> {
        let os_path = self.os_path(path);
        let own = fs::symlink_metadata(&os_path);
        let is_symlink = own.as_ref().is_ok_and(fs::Metadata::is_symlink);
        let metadata = match if is_symlink { fs::metadata(&os_path) } else { own } {
            Ok(metadata) => metadata,
            Err(fault) if matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(read_fault(&os_path, source)),
        };
        if metadata.is_dir() {
            self.note(path, &metadata);
        }
        let mut node = match metadata.is_dir() {
            true => self.walk(path, &os_path, within)?,
            false => {
                let is_ours = !is_symlink || self.digest_of_symlink(&os_path).is_some();
                let may_share = is_ours && self.links.may_share() && !self.leads_through_symlink(path);
                self.file(path.clone(), os_path, &metadata, may_share)?
            }
        };
        let mut unknown = Vec::new();
        collect_unknown(&mut node, &mut unknown);
        unknown.into_par_iter().try_for_each(|(path, os_path, stamp, digest)| {
            *digest = Some(self.digest_of(path, os_path, stamp)?);
            Ok::<(), CacheError>(())
        })?;
        Ok(Some(node))
    }

    /// Whether a path may be made a link: it is no symlink, or one that was made so.
    fn is_ours(&self, os_path: &Path) -> bool {
        !os_path.is_symlink() || self.digest_of_symlink(os_path).is_some()
    }

    /// What the folder `os_path` holds, with symlinks followed.
    fn walk(&self, path: &ProjectPath, os_path: &Path, within: Within) -> Result<Node, CacheError> {
        // The folders from the top down to where the walk is, each with what was found in it.
        let may_share = !os_path.is_symlink() && !self.leads_through_symlink(path);
        let top = OpenFolder { name: String::new(), path: path.clone(), entries: Vec::new(), may_share };
        let mut open = vec![top];
        // Asked with what stands for the top, so that a walk through a link is judged as what it is in the project.
        let is_ignored = |os_below: &Path, is_folder: bool| {
            let below = os_below.strip_prefix(os_path).ok().and_then(Path::to_str);
            let place = below.and_then(|below| ProjectPath::resolve(path, below).ok());
            place.is_some_and(|place| {
                place != *path
                    && (within.passes_over(&place, self.blobs.layout())
                        || self.ignores.is_ignored(&place, is_folder))
            })
        };
        let is_wanted = |entry: &walkdir::DirEntry| !is_ignored(entry.path(), entry.file_type().is_dir());
        for source in self.ignores.above(path) {
            if let Ok(metadata) = fs::metadata(self.os_path(&source)) {
                self.note(&source, &metadata);
            }
        }
        let walk = WalkDir::new(os_path).min_depth(1).follow_links(true).into_iter();
        for entry in walk.filter_entry(is_wanted) {
            // A link that leads nowhere, or a closed folder, that nobody asks for is nobody's fault.
            let faulty = entry.as_ref().err().and_then(|fault| fault.path());
            if faulty.is_some_and(|path| is_ignored(path, path.is_dir())) {
                continue;
            }
            let entry = match entry.map_err(|fault| walk_fault(os_path, fault)) {
                // A link to a blob that is gone is a file that is gone.
                Err(CacheError::Dangling { path }) if self.digest_of_symlink(&path).is_some() => continue,
                entry => entry?,
            };
            close(&mut open, entry.depth());
            // What a killed process of ours was about to put there is nobody's data.
            if entry.file_name().to_str().is_some_and(disk::is_unfinished) {
                continue;
            }
            let name = record_name(entry.path(), entry.file_name())?;
            let folder = open.last_mut().expect("the top is never closed");
            let path = folder.path.join(&name);
            let may_share = folder.may_share && (!entry.path_is_symlink() || self.is_ours(entry.path()));
            if entry.file_type().is_dir() {
                self.note(&path, &entry.metadata().map_err(|fault| walk_fault(os_path, fault))?);
                open.push(OpenFolder { name, path, entries: Vec::new(), may_share });
            } else {
                let metadata = entry.metadata().map_err(|fault| walk_fault(os_path, fault))?;
                let file = self.file(path, entry.into_path(), &metadata, may_share)?;
                folder.entries.push((name, file));
            }
        }
        close(&mut open, 1);
        Ok(Node::Folder { entries: open.remove(0).entries })
    }

    fn file(
        &self,
        path: ProjectPath,
        os_path: PathBuf,
        metadata: &fs::Metadata,
        may_share: bool,
    ) -> Result<Node, CacheError> {
        if !metadata.is_file() {
            return Err(CacheError::Special { path: os_path });
        }
        self.note(&path, metadata);
        let stamp = Stamp::of(metadata);
        let known = self.state().get(&path, &stamp);
        let digest = known.or_else(|| self.digest_of_link(&path, &os_path, metadata));
        Ok(Node::File { path, os_path, stamp, digest, may_share })
    }
}

/// A folder that a walk is in.
struct OpenFolder {
    name: String,
    path: ProjectPath,
    entries: Vec<(String, Node)>,
    /// Whether no folder on the way is a symlink.
    may_share: bool,
}

/// Hands folders that the walk has left to the folders that hold them, until `depth` of them are open.
fn close(open: &mut Vec<OpenFolder>, depth: usize) {
    while open.len() > depth.max(1) {
        let left = open.pop().expect("more than one is open");
        let above = open.last_mut().expect("more than one was open");
        above.entries.push((left.name, Node::Folder { entries: left.entries }));
    }
}

/// The name of an entry as records hold it.
pub(crate) fn record_name(os_path: &Path, name: &OsStr) -> Result<String, CacheError> {
    ProjectPath::from_relative(Path::new(name))
        .and_then(|name| ProjectPath::from_record(name.as_str()))
        .map(|name| name.as_str().to_owned())
        .map_err(|source| CacheError::Name { path: os_path.to_owned(), source })
}

/// `top` is where the walk began, for faults that name no path.
fn walk_fault(top: &Path, fault: walkdir::Error) -> CacheError {
    let path = fault.path().unwrap_or(top).to_owned();
    match fault.into_io_error() {
        Some(source) if source.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
            CacheError::Dangling { path }
        }
        Some(source) => CacheError::Read { path, source },
        None => CacheError::Loop { path },
    }
}

pub(crate) fn read_fault(path: &Path, source: io::Error) -> CacheError {
    CacheError::Read { path: path.to_owned(), source }
}

type Unknown<'a> = (&'a ProjectPath, &'a PathBuf, &'a Stamp, &'a mut Option<Digest>);

fn collect_unknown<'a>(node: &'a mut Node, unknown: &mut Vec<Unknown<'a>>) {
    match node {
        Node::File { path, os_path, stamp, digest, .. } if digest.is_none() => {
            unknown.push((path, os_path, stamp, digest));
        }
        Node::File { .. } => {}
        Node::Folder { entries } => {
            for (_, below) in entries {
                collect_unknown(below, unknown);
            }
        }
    }
}

fn collect_files<'a>(node: &'a Node, files: &mut Vec<Found<'a>>) {
    match node {
        Node::File { path, os_path, stamp, digest, may_share } => {
            let digest = digest.expect("scanned nodes know their digests");
            files.push(Found { path, os_path, stamp, digest, may_share: *may_share });
        }
        Node::Folder { entries } => {
            for (_, below) in entries {
                collect_files(below, files);
            }
        }
    }
}

/// All files below a node, each with its path from the top, and the sum of their sizes.
fn flatten(node: &Node, path: &str, files: &mut Vec<(String, Digest)>, size: &mut u64) {
    match node {
        Node::File { stamp, digest, .. } => {
            *size += stamp.size;
            files.push((path.to_owned(), digest.expect("scanned nodes know their digests")));
        }
        Node::Folder { entries } => {
            for (name, below) in entries {
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                flatten(below, &path, files, size);
            }
        }
    }
}

fn list(layout: Layout, path: ProjectPath, node: &Node, files: &mut Files) {
    match node {
        Node::Folder { entries } if !entries.is_empty() => {
            for (name, below) in entries {
                list(layout, path.join(name), below, files);
            }
        }
        node => {
            let state = summarize(layout, node, &mut |_, _| Ok(())).expect("nothing here can fail");
            files.insert(path, state);
        }
    }
}

/// Is shown a folder's digest and manifest.
type OnFolder<'a> = dyn FnMut(&Digest, &[u8]) -> Result<(), CacheError> + 'a;

/// Digest and size of a scanned node; each folder's manifest is shown to `on_folder`, children first.
fn summarize(layout: Layout, node: &Node, on_folder: &mut OnFolder<'_>) -> Result<FileState, CacheError> {
    match node {
        Node::File { stamp, digest, .. } => Ok(FileState {
            digest: digest.expect("scanned nodes know their digests"),
            size: stamp.size,
            files: None,
            executable: stamp.is_executable(),
        }),
        Node::Folder { .. } if layout.is_flat() => {
            let (mut files, mut size) = (Vec::new(), 0);
            flatten(node, "", &mut files, &mut size);
            let count = files.len() as u64;
            let manifest = layout.encode_files(files).expect("a flat layout has a form for all files");
            let digest = hash_bytes_by(layout.algorithm(), &manifest);
            on_folder(&digest, &manifest)?;
            Ok(FileState { digest, size, files: Some(count), executable: false })
        }
        Node::Folder { entries } => {
            let mut named = Vec::with_capacity(entries.len());
            for (name, below) in entries {
                let FileState { digest, size, files, executable } = summarize(layout, below, on_folder)?;
                let entry = match files {
                    None => TreeEntry::File { digest, size, executable },
                    Some(files) => TreeEntry::Folder { digest, size, files },
                };
                named.push((name.clone(), entry));
            }
            let tree = Tree::new(named);
            let manifest = tree.encode();
            let digest = hash_bytes_by(layout.algorithm(), &manifest);
            on_folder(&digest, &manifest)?;
            let (size, files) = tree.totals();
            Ok(FileState { digest, size, files: Some(files), executable: false })
        }
    }
}

#[cfg(test)]
#[path = "workspace_tests.rs"]
mod tests;
