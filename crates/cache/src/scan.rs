//! What a path holds: a walk over it that hands on files as they are known, a number at a time, and folders once all that
//! is in them is known. However large a folder is, little more than its manifests is held at once.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use base::{Digest, FileState, ProjectPath};
use disk::Stamp;
use rayon::prelude::*;
use walkdir::WalkDir;

use crate::hash::hash_bytes_by;
use crate::links::{Found, Placement};
use crate::one_name::refuse_same;
use crate::pipeignore::Within;
use crate::sink::{Each, Sink, Store, Storing, state_of};
use crate::tree::{Tree, TreeEntry};
use crate::{CacheError, Workspace};

/// So many files are hashed and handed on together, while the next are looked for; few in tests, for many turns.
const BATCH: usize = if cfg!(test) { 7 } else { 1 << 12 };

/// So many files are examined together while the walk goes on.
const SOME: usize = if cfg!(test) { 3 } else { 64 };

/// A file that was found, or anything else that is no folder.
struct Pending {
    /// The number of its folder.
    folder: usize,
    name: String,
    path: ProjectPath,
    os_path: PathBuf,
    /// Known once it was [examined](Workspace::examine), as the digest is.
    stamp: Option<Stamp>,
    digest: Option<Digest>,
    is_symlink: bool,
    /// Whether the folder that it lies in calls it a file: neither a link nor anything else.
    is_plain: bool,
    may_share: bool,
    /// Whether other machines may change it, of which this one asks anew.
    is_remote: bool,
}

impl Pending {
    fn found(&self) -> Found<'_> {
        let Pending { path, os_path, may_share, .. } = self;
        let known = self.stamp.as_ref().zip(self.digest);
        let (stamp, digest) = known.expect("it was examined before it is handed on");
        Found { path, os_path, stamp, digest, bytes: None, may_share: *may_share }
    }
}

/// A folder that was entered, and is not summed up yet.
struct Folder {
    name: String,
    path: ProjectPath,
    /// The number of the folder that it lies in.
    above: Option<usize>,
    /// Whether the walk has left it.
    left: bool,
    /// How many files and folders in it are not among the entries yet.
    awaited: usize,
    /// Whether anything is in it.
    is_empty: bool,
    /// What is in it and known.
    entries: Vec<(String, TreeEntry)>,
    /// Whether no folder on the way is a symlink.
    may_share: bool,
    /// Whether an ignore file says something about what is in it.
    is_ruled: bool,
}

/// A walk on its way.
struct Walk<'a> {
    workspace: &'a Workspace,
    sink: &'a mut dyn Sink,
    each: Option<Each<'a>>,
    /// By their number, in the order in which they were entered: what lies in a folder comes after it.
    folders: BTreeMap<usize, Folder>,
    /// How many folders were entered.
    entered: usize,
    /// Files that were examined and are not handed on.
    pending: Vec<Pending>,
    /// How many files are to be found before those are handed on that were examined.
    batch: usize,
    /// With one manifest for all: files by their path from the top, and their size.
    flat: Option<(Vec<(String, Digest)>, u64)>,
}

impl Workspace {
    /// What the path holds; `None` when there is nothing.
    pub(crate) fn scan(
        &self,
        path: &ProjectPath,
        within: Within,
        sink: &mut dyn Sink,
    ) -> Result<Option<FileState>, CacheError> {
        self.scan_each(path, within, sink, None)
    }

    /// The same, and stores it; shows the paths of all files, and of folders in which nothing is, in any order. Tells the links
    /// that were passed over, too.
    pub(crate) fn scan_stored(
        &self,
        path: &ProjectPath,
        within: Within,
        placement: Placement,
        show: &mut dyn FnMut(&ProjectPath),
    ) -> Result<(Option<FileState>, Vec<ProjectPath>), CacheError> {
        let storing = Storing::new(self, placement);
        let store: Each<'_> = &|found: &Found<'_>| storing.store(found);
        let each = (!storing.replaces()).then_some(store);
        let mut store = Store::new(&storing, show);
        let state = self.scan_each(path, within, &mut store, each)?;
        Ok((state, store.into_links()))
    }

    fn scan_each(
        &self,
        path: &ProjectPath,
        within: Within,
        sink: &mut dyn Sink,
        each: Option<Each<'_>>,
    ) -> Result<Option<FileState>, CacheError> {
        let os_path = self.os_path(path);
        let is_remote = disk::look_anew(self.root(), &os_path);
        let own = fs::symlink_metadata(&os_path);
        let is_symlink = own.as_ref().is_ok_and(fs::Metadata::is_symlink);
        if within == Within::Own && self.leads_elsewhere(path) {
            sink.link(path);
            return Ok(None);
        }
        let metadata = match if is_symlink { fs::metadata(&os_path) } else { own } {
            Ok(metadata) => metadata,
            Err(fault) if matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(CacheError::of_read(&os_path, source)),
        };
        if metadata.is_dir() {
            self.note(path, &metadata);
            return self.walk(path, (&os_path, is_remote), within, (sink, each)).map(Some);
        }
        let is_ours = !is_symlink || self.digest_of_symlink(&os_path).is_some();
        let may_share = is_ours && self.links.may_share() && !self.leads_through_symlink(path);
        let mut file = Pending {
            folder: 0,
            name: String::new(),
            path: path.clone(),
            os_path,
            stamp: None,
            digest: None,
            is_symlink,
            is_plain: false,
            may_share,
            is_remote,
        };
        self.examine(&mut file, Some(metadata), each)?;
        self.note_stamp(path, file.stamp);
        let found = file.found();
        sink.files(std::slice::from_ref(&found))?;
        Ok(Some(state_of(&found)))
    }

    /// Whether a path may be made a link: it is no symlink, or one that was made so.
    fn is_ours(&self, os_path: &Path) -> bool {
        !os_path.is_symlink() || self.digest_of_symlink(os_path).is_some()
    }

    /// What the folder `os_path` holds, with symlinks followed unless only what is its own counts.
    fn walk(
        &self,
        path: &ProjectPath,
        (os_path, is_remote): (&Path, bool),
        within: Within,
        (sink, each): (&mut dyn Sink, Option<Each<'_>>),
    ) -> Result<FileState, CacheError> {
        let may_share = !os_path.is_symlink() && !self.leads_through_symlink(path);
        let mut walk = Walk {
            workspace: self,
            sink,
            each,
            folders: BTreeMap::new(),
            entered: 0,
            pending: Vec::new(),
            batch: BATCH,
            flat: self.blobs.layout().is_flat().then(Default::default),
        };
        for source in self.ignores.above(path) {
            if let Ok(metadata) = fs::metadata(self.os_path(&source)) {
                self.note(&source, &metadata);
            }
        }
        let open = vec![walk.enter(String::new(), path.clone(), None, may_share)];
        let follows = within != Within::Own;
        let entries = WalkDir::new(os_path).min_depth(1).follow_links(follows).into_iter();
        let mut steps = Steps { workspace: self, within, path, os_path, is_remote, entries, open };
        while self.examine_next(&mut steps, &mut walk)? {}
        walk.end()
    }

    /// Goes on until a batch of files is there, which are examined meanwhile, and hands on those before. False at the end
    /// of the walk.
    fn examine_next(&self, steps: &mut Steps<'_>, walk: &mut Walk<'_>) -> Result<bool, CacheError> {
        let (wanted, each) = (walk.batch, walk.each);
        let examined = Mutex::new(Vec::new());
        let examine = |at: usize, mut files: Vec<Pending>| {
            let result = files.par_iter_mut().try_for_each(|file| self.examine(file, None, each));
            let mut examined = examined.lock().unwrap_or_else(PoisonError::into_inner);
            examined.push((at, result.map(|()| files)));
        };
        let examine = &examine;
        let goes_on = rayon::in_place_scope(|scope| {
            let mut count = 0;
            while count < wanted {
                let mut files = Vec::new();
                while files.len() < SOME
                    && let Some(file) = steps.next(walk)?
                {
                    files.push(file);
                }
                let (at, is_end) = (count, files.len() < SOME);
                count += files.len();
                // A few files alone are not worth another thread's being woken.
                match is_end && at == 0 {
                    true => examine(at, files),
                    false => scope.spawn(move |_| examine(at, files)),
                }
                if is_end {
                    walk.sink.ends();
                    return walk.hand_on().map(|()| false);
                }
            }
            walk.hand_on().map(|()| true)
        })?;
        let mut examined = examined.into_inner().unwrap_or_else(PoisonError::into_inner);
        examined.sort_by_key(|(at, _)| *at);
        for (_, files) in examined {
            walk.pending.extend(files?);
        }
        Ok(goes_on)
    }

    /// Finds out what a file is and holds; it is read where that is not known.
    fn examine(
        &self,
        file: &mut Pending,
        metadata: Option<fs::Metadata>,
        each: Option<Each<'_>>,
    ) -> Result<(), CacheError> {
        let (digest, stamp, bytes) = self.look_at(file, metadata)?;
        (file.stamp, file.digest) = (Some(stamp), Some(digest));
        // What was read is in memory still.
        each.map_or(Ok(()), |each| each(&Found { bytes: bytes.as_deref(), ..file.found() }))
    }

    fn look_at(
        &self,
        file: &Pending,
        metadata: Option<fs::Metadata>,
    ) -> Result<(Digest, Stamp, Option<Vec<u8>>), CacheError> {
        let Pending { path, os_path, is_symlink, .. } = file;
        // Of what nobody remembers anything, and what cannot be a link to a blob, opening says all.
        if file.is_plain && !self.links.may_share() && self.state().last(path).is_none() {
            return self.hash_anew(path, os_path, false);
        }
        if file.is_remote && metadata.is_none() {
            disk::ask_anew(os_path);
        }
        let metadata = match metadata {
            Some(metadata) => Ok(metadata),
            None if *is_symlink => fs::metadata(os_path),
            None => fs::symlink_metadata(os_path),
        };
        let metadata = metadata.map_err(|source| CacheError::of_read(os_path, source))?;
        if !metadata.is_file() {
            return Err(CacheError::Special { path: os_path.clone() });
        }
        let stamp = Stamp::of(&metadata);
        let known = self.state().get(path, &stamp);
        match known.or_else(|| self.digest_of_link(path, os_path, &metadata)) {
            Some(digest) => Ok((digest, stamp, None)),
            None => self.hash_anew(path, os_path, *is_symlink),
        }
    }
}

/// The entries of a walk, one after the other.
struct Steps<'a> {
    workspace: &'a Workspace,
    within: Within,
    /// Where the walk began, and what stands there in the project.
    path: &'a ProjectPath,
    os_path: &'a Path,
    is_remote: bool,
    entries: walkdir::IntoIter,
    /// The numbers of the folders from the top down to where the walk is.
    open: Vec<usize>,
}

impl Steps<'_> {
    /// The next file, with the folders before it entered; `None` at the end.
    fn next(&mut self, walk: &mut Walk<'_>) -> Result<Option<Pending>, CacheError> {
        let workspace = self.workspace;
        while let Some(entry) = self.entries.next() {
            // A link that leads nowhere, or a closed folder, that nobody asks for is nobody's fault.
            let faulty = entry.as_ref().err().and_then(|fault| fault.path());
            let is_nobodys = |path: &Path| {
                self.is_ignored(path, path.is_dir()) || (path.is_symlink() && workspace.is_left_out(path))
            };
            if faulty.is_some_and(is_nobodys) {
                continue;
            }
            let entry = match entry.map_err(|fault| CacheError::of_walk(self.os_path, fault)) {
                // A link to a blob that is gone is a file that is gone.
                Err(CacheError::Dangling { path }) if workspace.digest_of_symlink(&path).is_some() => {
                    continue;
                }
                entry => entry?,
            };
            for left in self.open.drain(entry.depth()..) {
                walk.folder(left).left = true;
            }
            let is_link = self.within == Within::Own && entry.path_is_symlink();
            let is_folder = entry.file_type().is_dir();
            // Ignored is what it leads to, also where that is not entered.
            let shows_folder = is_folder || (is_link && entry.path().is_dir());
            let name = entry.file_name().to_str();
            let place = *self.open.last().expect("the top is never left");
            let folder = walk.folder(place);
            let path = name.map(|name| folder.path.join(name));
            let is_passed_over = |path: &ProjectPath| {
                self.within.passes_over(path, workspace.blobs.layout())
                    || (folder.is_ruled && workspace.ignores.is_ignored(path, shows_folder))
            };
            // What a killed process of ours was about to put there is nobody's data, nor is what NFS keeps of an open file.
            let is_remnant = self.is_remote && name.is_some_and(disk::is_open_remnant);
            if is_remnant
                || name.is_some_and(disk::is_unfinished)
                || path.as_ref().is_some_and(is_passed_over)
            {
                if is_folder {
                    self.entries.skip_current_dir();
                }
                continue;
            }
            if (shows_folder || name == Some(".git")) && workspace.is_left_out(entry.path()) {
                // Whether it still is, is asked again once it looks otherwise.
                if let Some((path, metadata)) = path.zip(entry.metadata().ok()) {
                    workspace.note(&path, &metadata);
                }
                if is_folder {
                    self.entries.skip_current_dir();
                }
                continue;
            }
            let name = record_name(entry.path(), entry.file_name())?;
            if is_link {
                let path = folder.path.join(&name);
                if workspace.leads_elsewhere(&path) {
                    walk.sink.link(&path);
                    continue;
                }
                // A link to a blob that is gone is a file that is gone.
                if !entry.path().exists() {
                    continue;
                }
            }
            folder.is_empty = false;
            folder.awaited += 1;
            let path = path.unwrap_or_else(|| folder.path.join(&name));
            let is_symlink = entry.path_is_symlink();
            let may_share = folder.may_share && (!is_symlink || workspace.is_ours(entry.path()));
            if is_folder {
                let metadata = entry.metadata().map_err(|fault| CacheError::of_walk(self.os_path, fault))?;
                workspace.note(&path, &metadata);
                self.open.push(walk.enter(name, path, Some(place), may_share));
                continue;
            }
            let is_plain = !is_symlink && entry.file_type().is_file();
            let (folder, os_path) = (place, entry.into_path());
            let (stamp, digest) = (None, None);
            return Ok(Some(Pending {
                folder,
                name,
                path,
                os_path,
                stamp,
                digest,
                is_symlink,
                is_plain,
                may_share,
                is_remote: self.is_remote,
            }));
        }
        Ok(None)
    }

    /// Asked with what stands for the top, so that a walk through a link is judged as what it is in the project.
    fn is_ignored(&self, os_below: &Path, is_folder: bool) -> bool {
        let below = os_below.strip_prefix(self.os_path).ok().and_then(Path::to_str);
        let place = below.and_then(|below| ProjectPath::resolve(self.path, below).ok());
        place.is_some_and(|place| {
            place != *self.path
                && (self.within.passes_over(&place, self.workspace.blobs.layout())
                    || self.workspace.ignores.is_ignored(&place, is_folder))
        })
    }
}

impl Walk<'_> {
    fn enter(&mut self, name: String, path: ProjectPath, above: Option<usize>, may_share: bool) -> usize {
        let (left, awaited, is_empty, entries) = (false, 0, true, Vec::new());
        let ignores = &self.workspace.ignores;
        let is_ruled = match above {
            Some(above) => self.folders[&above].is_ruled || ignores.has_file(&path),
            None => !ignores.above(&path).is_empty(),
        };
        let folder = Folder { name, path, above, left, awaited, is_empty, entries, may_share, is_ruled };
        self.folders.insert(self.entered, folder);
        self.entered += 1;
        self.entered - 1
    }

    /// A folder that is not summed up.
    fn folder(&mut self, number: usize) -> &mut Folder {
        self.folders.get_mut(&number).expect("a folder that something is awaited in is not summed up")
    }

    /// Hands on the files that were examined and may be, and sums up the folders that were left and all of whose entries
    /// are known.
    fn hand_on(&mut self) -> Result<(), CacheError> {
        let replaces = self.sink.replaces();
        let may_go = |file: &Pending| !replaces || self.folders[&file.folder].left;
        let (files, kept): (Vec<Pending>, Vec<Pending>) =
            std::mem::take(&mut self.pending).into_iter().partition(may_go);
        self.pending = kept;
        // A folder that has many files is not asked again and again.
        self.batch = BATCH.max(self.pending.len());
        for file in &files {
            self.workspace.note_stamp(&file.path, file.stamp);
        }
        let found: Vec<Found<'_>> = files.iter().map(Pending::found).collect();
        self.sink.files(&found)?;
        drop(found);
        for file in files {
            let state = state_of(&file.found());
            self.folder(file.folder).awaited -= 1;
            match &mut self.flat {
                Some((all, size)) => {
                    *size += state.size;
                    let top = &self.folders[&0].path;
                    all.push((below(top, &file.path).to_owned(), state.digest));
                }
                None => {
                    let FileState { digest, size, executable, .. } = state;
                    let entry = TreeEntry::File { digest, size, executable };
                    self.folder(file.folder).entries.push((file.name, entry));
                }
            }
        }
        // What is in a folder comes after it.
        let mut at = self.entered;
        while let Some((&number, folder)) = self.folders.range(..at).next_back() {
            at = number;
            let (true, 0, Some(above)) = (folder.left, folder.awaited, folder.above) else { continue };
            let folder = self.folders.remove(&number).expect("it was there a moment ago");
            let entry = self.sum_up(folder)?;
            let above = self.folder(above);
            above.awaited -= 1;
            above.entries.extend(entry);
        }
        Ok(())
    }

    /// What a folder is in the manifest of the one that it lies in; `None` where there is but one for all.
    fn sum_up(&mut self, folder: Folder) -> Result<Option<(String, TreeEntry)>, CacheError> {
        if self.flat.is_some() {
            if folder.is_empty {
                let state = self.flat_state(Vec::new(), 0)?.0;
                self.sink.empty(&folder.path, &state);
            }
            return Ok(None);
        }
        let state = self.tree_state(&folder.path, folder.entries)?;
        if folder.is_empty {
            self.sink.empty(&folder.path, &state);
        }
        let FileState { digest, size, files, .. } = state;
        Ok(Some((folder.name, TreeEntry::Folder { digest, size, files: files.unwrap_or_default() })))
    }

    fn tree_state(
        &mut self,
        path: &ProjectPath,
        entries: Vec<(String, TreeEntry)>,
    ) -> Result<FileState, CacheError> {
        if self.sink.records() {
            refuse_same(path, entries.iter().map(|(name, _)| name.as_str()))?;
        }
        let tree = Tree::new(entries);
        let (size, files) = tree.totals();
        let manifest = tree.encode();
        drop(tree);
        let digest = hash_bytes_by(self.workspace.blobs.layout().algorithm(), &manifest);
        self.sink.manifest(&digest, &manifest)?;
        Ok(FileState { digest, size, files: Some(files), executable: false })
    }

    fn flat_state(
        &self,
        files: Vec<(String, Digest)>,
        size: u64,
    ) -> Result<(FileState, Vec<u8>), CacheError> {
        let layout = self.workspace.blobs.layout();
        let count = files.len() as u64;
        let manifest = layout.encode_files(files).expect("a flat layout has a form for all files");
        let digest = hash_bytes_by(layout.algorithm(), &manifest);
        Ok((FileState { digest, size, files: Some(count), executable: false }, manifest))
    }

    /// The state of the whole.
    fn end(mut self) -> Result<FileState, CacheError> {
        self.folders.values_mut().for_each(|folder| folder.left = true);
        self.hand_on()?;
        let (_, top) = self.folders.pop_first().expect("the top lies in nothing");
        let state = match self.flat.take() {
            Some((files, size)) => {
                if self.sink.records() {
                    refuse_same(&top.path, files.iter().map(|(name, _)| name.as_str()))?;
                }
                let (state, manifest) = self.flat_state(files, size)?;
                self.sink.manifest(&state.digest, &manifest)?;
                state
            }
            None => self.tree_state(&top.path, top.entries)?,
        };
        if top.is_empty {
            self.sink.empty(&top.path, &state);
        }
        Ok(state)
    }
}

/// The part of `path` below `top`.
fn below<'a>(top: &ProjectPath, path: &'a ProjectPath) -> &'a str {
    match top.as_str().len() {
        0 => path.as_str(),
        length => &path.as_str()[length + 1..],
    }
}

/// The name of an entry as records hold it.
pub(crate) fn record_name(os_path: &Path, name: &OsStr) -> Result<String, CacheError> {
    ProjectPath::from_relative(Path::new(name))
        .and_then(|name| ProjectPath::from_record(name.as_str()))
        .map(|name| name.as_str().to_owned())
        .map_err(|source| CacheError::Name { path: os_path.to_owned(), source })
}
