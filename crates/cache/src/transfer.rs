//! What of some contents is here and what at a remote, and bringing what is here there.
//!
//! Folders are followed by their manifests, level by level. What a remote has is asked by listing, never object by
//! object when there are many. A manifest is put there after everything of it that is meant, so that what a push that
//! was cut off has left names nothing that is not there; where a part was pushed, the rest may be missing, and is asked for.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base::{Digest, FileState, ProjectPath};

use rayon::prelude::*;

use crate::gc::Tally;
use crate::graph::{Graph, Place};
use crate::hash::hash_blob;
use crate::meter::Meter;
use crate::remote::{Object, Remote, RemoteError, Upload};
use crate::tree::Tree;
use crate::unix_text::NamedHasher;
use crate::{Blobs, CacheError};

/// Up to so many objects are asked for one by one.
const FEW: usize = 64;

/// What was written or touched at the remote since so long counts as just used, nanoseconds.
const JUST_USED: i64 = 3600 * 1_000_000_000;

/// No manifest is larger.
const LARGEST_MANIFEST: u64 = 1 << 32;

/// So many manifests are held at once.
const MANIFESTS: usize = 64;

/// How often something that may pass is tried.
pub(crate) const ATTEMPTS: usize = 3;

/// A content that somebody wants to have on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Where it belongs, for messages.
    pub path: ProjectPath,
    /// What it is.
    pub state: FileState,
    /// Whether it was recorded by a version of DVC that keeps it elsewhere.
    pub is_old: bool,
    /// How much of it is meant.
    pub extent: Extent,
}

/// How much of a content is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    #[default]
    Whole,
    /// All of it, which lies in what is recorded: as a folder it may stand only in the manifest of that one.
    Part,
    /// The manifest of a folder alone, by which a part of it is found.
    List,
}

/// One object: a file, or the manifest of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The first place where it belongs.
    pub path: ProjectPath,
    /// Its name. Of a folder, size and number are of all files below.
    pub state: FileState,
    /// Whether it was recorded by a version of DVC that keeps it elsewhere.
    pub is_old: bool,
}

impl Item {
    pub(crate) fn name(&self) -> Name {
        let FileState { digest, .. } = self.state;
        Name { digest, is_folder: self.state.is_folder(), is_old: self.is_old }
    }
}

/// What tells an object from others: the same content may be recorded in the old way and in that of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) digest: Digest,
    pub(crate) is_folder: bool,
    pub(crate) is_old: bool,
}

/// What a transfer came to.
#[derive(Debug, Default)]
pub struct Report {
    /// What went over.
    pub moved: Tally,
    /// What was there already.
    pub present: Tally,
    /// What is on neither side.
    pub missing: Vec<Item>,
    /// What could not be brought over, and why.
    pub failed: Vec<(Item, String)>,
    /// Why one of them could not be read that the remote has: when somebody sees to that, it can be had.
    pub unread: Option<String>,
    /// What the side that it was brought to held with other bytes than its name says.
    pub damaged: Vec<Item>,
    /// How many objects could not be marked as used, since they are another user's.
    pub unmarked: usize,
    /// Contents that are not whole on the other side.
    pub absent: HashSet<Digest>,
}

impl Report {
    /// Whether everything that was wanted is there.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.failed.is_empty()
    }
}

/// What a recorded folder holds at a path below it.
#[derive(Clone, Debug)]
pub struct Below {
    /// The folders on the way whose manifests tell that, from the outermost one on, which is at the root.
    pub lists: Vec<(ProjectPath, FileState)>,
    /// What is there; `None` when nothing is.
    pub found: Option<FileState>,
}

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The object.
    pub item: Item,
    /// Whether the cache holds it.
    pub here: bool,
    /// Whether the remote does.
    pub there: bool,
    /// Its bytes: of a folder, those of its list. Zero where neither has it.
    pub size: u64,
}

/// What a cache and a remote hold of some contents.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Every object that is known.
    pub places: Vec<Whereabouts>,
    /// The lists of folders that the remote does not let be read, and why: what they name is not among the places.
    pub unread: Vec<(Item, String)>,
}

/// Why a transfer ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The remote failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The cache failed.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The remote does not let something be read that it has.
    #[error("{0}")]
    Unread(String),
    /// It was told to stop.
    #[error("the transfer was stopped")]
    Stopped,
}

impl From<disk::DiskError> for TransferError {
    fn from(fault: disk::DiskError) -> Self {
        TransferError::Cache(fault.into())
    }
}

/// A cache and a remote, and how to transfer between them.
#[derive(Clone, Copy)]
pub struct Transfer<'a> {
    /// The cache.
    pub blobs: &'a Blobs,
    /// The remote.
    pub remote: &'a dyn Remote,
    /// How many objects are transferred at once, at least one.
    pub jobs: usize,
    /// From this size on, what has arrived of an object stays when its transfer is cut off.
    pub resumed: u64,
    /// Counts, and tells to stop.
    pub meter: &'a Meter,
}

/// What a remote says of an object.
#[derive(Clone, Copy)]
struct There {
    size: u64,
    /// When it was last written or touched; before all times where that is not known.
    modified: i64,
}

impl Transfer<'_> {
    /// Puts at the remote what of `roots` it lacks. What cannot be put there is told in the report, and the rest is done.
    ///
    /// # Errors
    /// When the remote cannot be asked or written to, or the transfer was stopped. What went over until then stays, and
    /// the next attempt goes on.
    pub fn push(&self, roots: &[Root]) -> Result<Report, TransferError> {
        self.push_checked(roots, false)
    }

    /// The same; with `verify`, what the remote has is read and hashed, and replaced where it holds other bytes than its
    /// name says. Otherwise its size has to do.
    ///
    /// # Errors
    /// As [`Transfer::push`].
    pub fn push_checked(&self, roots: &[Root], verify: bool) -> Result<Report, TransferError> {
        let damaged = Mutex::new(HashMap::new());
        let manifest = |item: &Item| match self.blobs.tree(&item.state.digest) {
            Ok(tree) => Ok(Some(tree)),
            // A push of a part puts the manifest there without the rest.
            Err(CacheError::Missing { .. }) => match self.manifest_if_any(&item.state.digest, item.is_old) {
                Err(TransferError::Remote(fault)) if fault.is_of_one() => Ok(None),
                found => found,
            },
            Err(fault @ (CacheError::Damaged { .. } | CacheError::Tree { .. })) => {
                lock(&damaged).insert(item.state.digest, fault.to_string());
                Ok(None)
            }
            Err(fault @ CacheError::Unreadable { .. }) => {
                lock(&damaged).insert(item.state.digest, fault.told());
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        };
        let graph = self.walk(roots, &manifest)?;
        let faults = damaged.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut there = self.there(&graph)?;
        let mut report = Report::default();
        let mut damaged = HashSet::new();
        if verify {
            for place in self.damaged_there(&graph, &there)? {
                report.damaged.push(graph.item(place));
                there[place.at()] = None;
                damaged.insert(place);
            }
        }
        let now = self.remote.now()?;
        let mut uploads: Vec<Option<u64>> = vec![None; graph.len()];
        let mut to_mark: Vec<Place> = Vec::new();
        let mut bad: HashSet<Place> = HashSet::new();
        let objects: Vec<Place> = graph.objects().collect();
        let sizes: Vec<Option<u64>> =
            objects.par_iter().map(|place| size_here(self.blobs, &graph.name(*place))).collect();
        for (place, size) in objects.into_iter().zip(sizes) {
            let fault = faults.get(&graph.name(place).digest);
            let here = size.filter(|_| fault.is_none());
            let wanted = here.or_else(|| self.size_recorded(&graph, place));
            match (here, there[place.at()]) {
                (_, Some(There { size, modified })) if wanted.is_none_or(|wanted| wanted == size) => {
                    report.present.add(size);
                    if modified < now - JUST_USED {
                        to_mark.push(place);
                    }
                }
                (Some(size), _) => uploads[place.at()] = Some(size),
                (None, _) => {
                    bad.insert(place);
                    match fault {
                        Some(fault) => report.failed.push((graph.item(place), fault.clone())),
                        None if damaged.contains(&place) => {
                            let text =
                                "the remote holds it damaged or unreadable, and the cache does not have it";
                            report.failed.push((graph.item(place), text.to_owned()));
                        }
                        None => report.missing.push(graph.item(place)),
                    }
                }
            }
        }
        drop(there);
        // What is relied on must not be taken away by a collection of garbage that goes on meanwhile.
        for place in self.mark(&graph, &to_mark, &mut report)? {
            report.present.count -= 1;
            uploads[place.at()] = size_here(self.blobs, &graph.name(place));
            if uploads[place.at()].is_none() {
                bad.insert(place);
                report.missing.push(graph.item(place));
            }
        }
        drop(to_mark);
        self.upload(&graph, &uploads, &mut bad, &mut report)?;
        report.absent = bad.iter().map(|place| graph.state(*place).digest).collect();
        Ok(report)
    }

    /// Where the objects of `roots` are. Manifests that only the remote has are read there, and kept nowhere. What is in one
    /// that it does not let be read is not known, and the rest is told.
    ///
    /// # Errors
    /// When the remote cannot be asked.
    pub fn compare(&self, roots: &[Root]) -> Result<Comparison, TransferError> {
        let unread = Mutex::new(Vec::new());
        let graph = self.walk(roots, &|item| match self.manifest(&item.state.digest, item.is_old) {
            Err(TransferError::Remote(fault)) if fault.is_of_one() => {
                lock(&unread).push((item.clone(), fault.told()));
                Ok(None)
            }
            found => found,
        })?;
        let there = self.there(&graph)?;
        let found = graph.objects().map(|place| {
            let here = size_here(self.blobs, &graph.name(place));
            let wanted = here.or_else(|| self.size_recorded(&graph, place));
            let size = here.or(there[place.at()].map(|there| there.size)).unwrap_or_default();
            let there = there[place.at()].is_some_and(|there| wanted.is_none_or(|size| size == there.size));
            Whereabouts { item: graph.item(place), here: here.is_some(), there, size }
        });
        let places = found.collect();
        let mut unread = unread.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        unread.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        Ok(Comparison { places, unread })
    }

    /// How long an object is by the manifest that names it, where manifests tell that.
    fn size_recorded(&self, graph: &Graph, place: Place) -> Option<u64> {
        let state = graph.state(place);
        (!state.is_folder() && !self.blobs.layout().is_flat()).then_some(state.size)
    }

    /// A manifest from the cache or else the remote; `None` when neither has it as it should be.
    pub(crate) fn manifest(&self, digest: &Digest, is_old: bool) -> Result<Option<Tree>, TransferError> {
        match self.blobs.tree(digest) {
            Ok(tree) => return Ok(Some(tree)),
            Err(CacheError::Disk(fault)) => return Err(fault.into()),
            Err(_) => {}
        }
        let key = self.blobs.layout().key(digest, true, is_old);
        let Some(bytes) = self.bytes(&key, LARGEST_MANIFEST)? else { return Ok(None) };
        Ok(self.blobs.read_manifest(digest, &bytes))
    }

    /// The same where nothing may ever have been put at the remote, which cannot be read then.
    fn manifest_if_any(&self, digest: &Digest, is_old: bool) -> Result<Option<Tree>, TransferError> {
        self.manifest(digest, is_old).or_else(|fault| {
            let mut is_there = false;
            self.remote.list(&self.blobs.layout().key(digest, true, is_old), &mut |_| {
                is_there = true;
                ControlFlow::Break(())
            })?;
            if is_there { Err(fault) } else { Ok(None) }
        })
    }

    /// The key of a file or folder.
    pub(crate) fn key(&self, name: &Name) -> String {
        self.blobs.layout().key(&name.digest, name.is_folder, name.is_old)
    }

    /// The bytes of an object, at most so many; `None` when there is no such object or it is larger.
    pub(crate) fn bytes(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, TransferError> {
        let mut bytes = Vec::new();
        let mut take = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            if bytes.len() as u64 > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match self.remote.get(key, 0, &mut take) {
            Ok(()) => Ok((bytes.len() as u64 <= limit).then_some(bytes)),
            Err(RemoteError::Missing { .. }) => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Everything at and below `roots`, each content once. `manifest` tells what is in a folder.
    pub(crate) fn walk(
        &self,
        roots: &[Root],
        manifest: &(dyn Fn(&Item) -> Result<Option<Tree>, TransferError> + Sync),
    ) -> Result<Graph, TransferError> {
        let mut graph = Graph::default();
        let mut level: Vec<Place> = Vec::new();
        let is_flat = self.blobs.layout().is_flat();
        let (lists, contents): (Vec<&Root>, Vec<&Root>) =
            roots.iter().partition(|root| root.extent == Extent::List);
        for root in contents {
            graph.add_root(root, is_flat, &mut level);
        }
        while !level.is_empty() {
            let mut next = Vec::new();
            for folders in level.chunks(MANIFESTS) {
                let trees = self.each(folders, |folder| manifest(&graph.item(*folder)))?;
                for (folder, tree) in folders.iter().zip(trees) {
                    if let Some(tree) = tree {
                        graph.add_entries(*folder, &tree, is_flat, &mut next);
                    }
                }
            }
            level = next;
        }
        // Of these nothing else is asked for. One that is in what is meant as a whole has been followed.
        for list in lists {
            graph.add_root(list, is_flat, &mut Vec::new());
        }
        Ok(graph)
    }

    /// What a recorded folder holds at the path `below` it, and the folders on the way whose manifests tell that, from the
    /// outermost one on. Manifests that only the remote has are read there, and kept nowhere.
    ///
    /// # Errors
    /// When a manifest on the way is not to be had.
    pub fn look_below(
        &self,
        folder: &FileState,
        below: &ProjectPath,
        is_old: bool,
    ) -> Result<Below, TransferError> {
        let (mut path, mut state) = (ProjectPath::root(), *folder);
        let mut lists = Vec::new();
        for name in below.parts() {
            if !state.is_folder() {
                return Ok(Below { lists, found: None });
            }
            let digest = state.digest;
            let tree = self.manifest_if_any(&digest, is_old)?.ok_or(CacheError::Missing { digest })?;
            if path.is_root() || !self.blobs.layout().is_flat() {
                lists.push((path.clone(), state));
            }
            let Ok(at) = tree.entries().binary_search_by(|(known, _)| known.as_str().cmp(name)) else {
                return Ok(Below { lists, found: None });
            };
            state = tree.entries()[at].1.state();
            path = path.join(name);
        }
        Ok(Below { lists, found: Some(state) })
    }

    /// What the remote says of the objects, by place.
    fn there(&self, graph: &Graph) -> Result<Vec<Option<There>>, TransferError> {
        let key = |place: Place| self.key(&graph.name(place));
        let folder = |mut key: String| {
            key.truncate(key.rfind('/').map_or(0, |end| end + 1));
            key
        };
        let prefixes: HashSet<String> = match graph.objects().nth(FEW) {
            None => graph.objects().map(key).collect(),
            Some(_) => graph.objects().map(|place| folder(key(place))).collect(),
        };
        let prefixes: Vec<String> = prefixes.into_iter().collect();
        let all = Mutex::new(vec![None; graph.len()]);
        self.each(&prefixes, |prefix| {
            let mut found = Vec::new();
            self.remote.list(prefix, &mut |object| {
                let Object { size, modified, .. } = object;
                let digest = self.blobs.layout().digest_of_key(&object.key);
                for place in digest.iter().flat_map(|digest| graph.of_digest(digest)) {
                    if key(place) == object.key {
                        found.push((place, There { size, modified: modified.unwrap_or(i64::MIN) }));
                    }
                }
                if self.meter.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            let mut all = lock(&all);
            for (place, there) in found {
                all[place.at()] = Some(there);
            }
            Ok(())
        })?;
        Ok(all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// What the remote has with other bytes than its name says, or does not let be read.
    fn damaged_there(&self, graph: &Graph, there: &[Option<There>]) -> Result<Vec<Place>, TransferError> {
        let places: Vec<Place> = graph.objects().filter(|place| there[place.at()].is_some()).collect();
        let damaged = self.each(&places, |place| {
            let name = graph.name(*place);
            let mut hasher = NamedHasher::new(self.blobs.layout().algorithm(), name.is_old);
            let read = self.remote.get(&self.key(&name), 0, &mut |piece| {
                hasher.update_while(piece, || ());
                if self.meter.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            match read {
                _ if self.meter.is_stopped() => Err(TransferError::Stopped),
                Ok(()) => Ok((!hasher.is(&name.digest)).then_some(*place)),
                // It went away meanwhile, and is put there again.
                Err(RemoteError::Missing { .. }) => Ok(Some(*place)),
                // A new one takes its place.
                Err(fault) if fault.is_of_one() => Ok(Some(*place)),
                Err(fault) => Err(fault.into()),
            }
        })?;
        Ok(damaged.into_iter().flatten().collect())
    }

    /// Touches objects that are relied on. Returns the places of those that went away meanwhile.
    fn mark(
        &self,
        graph: &Graph,
        places: &[Place],
        report: &mut Report,
    ) -> Result<Vec<Place>, TransferError> {
        let unmarked = AtomicUsize::new(0);
        let gone = Mutex::new(Vec::new());
        self.each(places, |place| {
            match self.remote.touch(&self.key(&graph.name(*place))) {
                Ok(true) => {}
                Ok(false) => lock(&gone).push(*place),
                Err(_) => drop(unmarked.fetch_add(1, Ordering::Relaxed)),
            }
            Ok(())
        })?;
        report.unmarked = unmarked.into_inner();
        Ok(gone.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Uploads what has a size in `sizes`, what is in a folder before the folder. What names something `bad` is bad too, and
    /// is not uploaded.
    fn upload(
        &self,
        graph: &Graph,
        sizes: &[Option<u64>],
        bad: &mut HashSet<Place>,
        report: &mut Report,
    ) -> Result<(), TransferError> {
        let all = sizes.iter().flatten().fold(Tally::default(), |mut all, bytes| {
            all.add(*bytes);
            all
        });
        self.meter.expect(all);
        for level in graph.levels() {
            let (held, free): (Vec<Place>, Vec<Place>) = level
                .into_iter()
                .partition(|place| graph.below(*place).iter().any(|below| bad.contains(below)));
            bad.extend(held);
            let size = |place: &Place| sizes[place.at()];
            let mut free: Vec<Place> = free.into_iter().filter(|place| size(place).is_some()).collect();
            // The largest first, so that none of them is the last one alone.
            free.sort_unstable_by_key(|place| (std::cmp::Reverse(size(place)), *place));
            let moved = Mutex::new(Tally::default());
            let failed = Mutex::new(Vec::new());
            self.put_each(&free, |place| {
                match self.put(&graph.name(*place), sizes[place.at()].unwrap_or_default())? {
                    Ok(bytes) => lock(&moved).add(bytes),
                    Err(reason) => lock(&failed).push((*place, reason)),
                }
                Ok(())
            })?;
            report.moved = report.moved.with(*lock(&moved));
            let mut failed = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            failed.sort();
            for (place, reason) in failed {
                bad.insert(place);
                report.failed.push((graph.item(place), reason));
            }
        }
        Ok(())
    }

    /// Uploads one blob, which had so many bytes when it was looked for. Returns its size, or why it is not to be had.
    fn put(&self, name: &Name, size: u64) -> Result<Result<u64, String>, TransferError> {
        let digest = name.digest;
        let path = path_here(self.blobs, name);
        // What is text may be known by another digest than that of its bytes.
        let bytes = match name.is_old && !name.is_folder {
            true => match self.blobs.is_named_right(&digest, &path) {
                Ok(true) => hash_blob(digest.algorithm(), &path)?.0,
                Ok(false) => digest,
                Err(fault @ CacheError::Unreadable { .. }) => return Ok(Err(fault.told())),
                Err(fault) => return Err(fault.into()),
            },
            false => digest,
        };
        match self.put_file(&self.key(name), &path, size, bytes) {
            Ok(()) => Ok(Ok(size)),
            Err(TransferError::Remote(RemoteError::Mismatch { .. })) => {
                let fault = CacheError::Damaged { digest, path };
                Ok(Err(format!("{fault}; `pipe status --verify` stores it anew where the workspace has it")))
            }
            Err(_) if size_here(self.blobs, name).is_none() => {
                Ok(Err(CacheError::Missing { digest }.to_string()))
            }
            Err(TransferError::Remote(RemoteError::Unreadable { path, source })) => {
                Ok(Err(CacheError::Unreadable { digest, path, source }.told()))
            }
            Err(fault) => Err(fault),
        }
    }

    /// Uploads a file, trying again what may pass.
    pub(crate) fn put_file(
        &self,
        key: &str,
        from: &std::path::Path,
        size: u64,
        digest: Digest,
    ) -> Result<(), TransferError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let count = std::sync::atomic::AtomicU64::new(0);
            let moved = |bytes| {
                count.fetch_add(bytes, Ordering::Relaxed);
                self.meter.moved(bytes)
            };
            match self.remote.put(key, &Upload { from, size, digest, moved: &moved }) {
                Ok(()) => {
                    self.meter.arrived();
                    return Ok(());
                }
                Err(RemoteError::Stopped) => return Err(TransferError::Stopped),
                Err(fault) if fault.is_passing() && attempts < ATTEMPTS => {
                    self.meter.undo(count.into_inner());
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    /// As [`each`](Self::each), for work that puts: what was put is there afterwards, also before a fault.
    pub(crate) fn put_each<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> Result<R, TransferError> + Sync,
    ) -> Result<Vec<R>, TransferError> {
        let results = self.each(items, work);
        let settled = self.remote.settle();
        let results = results?;
        settled?;
        Ok(results)
    }

    /// Does `work` with each item on several threads. Returns the results in the order of the items. The first fault ends
    /// it, and so does a meter that says to stop.
    pub(crate) fn each<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> Result<R, TransferError> + Sync,
    ) -> Result<Vec<R>, TransferError> {
        let next = AtomicUsize::new(0);
        let ended = AtomicBool::new(false);
        let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
        let fault: Mutex<Option<TransferError>> = Mutex::new(None);
        let labour = || {
            while !ended.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(at) else { return };
                let result = if self.meter.is_stopped() { Err(TransferError::Stopped) } else { work(item) };
                match result {
                    Ok(result) => lock(&done).push((at, result)),
                    Err(found) => {
                        ended.store(true, Ordering::Relaxed);
                        lock(&fault).get_or_insert(found);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.jobs.min(items.len()) {
                scope.spawn(labour);
            }
            labour();
        });
        if let Some(fault) = lock(&fault).take() {
            return Err(fault);
        }
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_by_key(|(at, _)| *at);
        Ok(done.into_iter().map(|(_, result)| result).collect())
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The length of a blob in the cache; `None` when it is not there.
fn size_here(blobs: &Blobs, name: &Name) -> Option<u64> {
    fs::metadata(path_here(blobs, name)).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// Where a file or a folder's manifest is put in the cache: where the version looks that recorded it.
pub(crate) fn place_here(blobs: &Blobs, name: &Name) -> PathBuf {
    blobs.root().join(blobs.layout().key(&name.digest, name.is_folder, name.is_old))
}

/// Where the cache has a file or a folder's manifest.
pub(crate) fn path_here(blobs: &Blobs, name: &Name) -> PathBuf {
    match (name.is_old, name.is_folder) {
        (true, is_folder) => blobs.old_place(&name.digest, is_folder),
        (false, true) => blobs.manifest_path(&name.digest),
        (false, false) => blobs.path(&name.digest),
    }
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
