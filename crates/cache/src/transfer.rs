//! What of some contents is here and what at a remote, and bringing what is here there.
//!
//! Folders are followed by their manifests, level by level. What a remote has is asked by listing, never object by
//! object when there are many. A manifest is put there after everything that it names, so that one that is there is
//! whole; that is trusted of manifests that are not here, and asked of all others.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base::{Digest, FileState, ProjectPath};

use crate::gc::Tally;
use crate::hash::hash_file_by;
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
    /// What tells it from others: the same content may be recorded in the old way and in that of now.
    fn name(&self) -> (Digest, bool) {
        (self.state.digest, self.is_old)
    }

    fn bytes(&self) -> u64 {
        if self.state.is_folder() { 0 } else { self.state.size }
    }
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

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The object.
    pub item: Item,
    /// Whether the cache holds it.
    pub here: bool,
    /// Whether the remote does.
    pub there: bool,
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

/// A file or folder with what is known of what it names.
pub(crate) struct Node {
    pub(crate) item: Item,
    /// Places of what a folder holds.
    pub(crate) below: Vec<usize>,
    /// Whether it is a file, or its manifest is known.
    pub(crate) is_known: bool,
    /// Whether it is an object of its own: a folder in a folder may stand in the manifest of that one.
    pub(crate) is_object: bool,
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
            Err(CacheError::Missing { .. }) => Ok(None),
            Err(fault @ (CacheError::Damaged { .. } | CacheError::Tree { .. })) => {
                lock(&damaged).insert(item.state.digest, fault.to_string());
                Ok(None)
            }
            Err(fault) => Err(fault.into()),
        };
        let nodes = self.walk(roots, &manifest)?;
        let damaged = damaged.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut there = self.there(&nodes)?;
        let mut report = Report::default();
        if verify {
            report.damaged = self.damaged_there(&nodes, &there)?;
            for item in &report.damaged {
                there.remove(&item.name());
            }
        }
        let now = self.remote.now()?;
        let mut uploads: Vec<usize> = Vec::new();
        let mut to_mark: Vec<usize> = Vec::new();
        let mut bad: HashSet<usize> = HashSet::new();
        for (at, node) in nodes.iter().enumerate().filter(|(_, node)| node.is_object) {
            let digest = &node.item.state.digest;
            let here = size_here(self.blobs, &node.item).filter(|_| !damaged.contains_key(digest));
            match (here, there.get(&node.item.name())) {
                (here, Some(object)) if here.is_none_or(|size| size == object.size) => {
                    report.present.add(object.size);
                    if object.modified.is_none_or(|modified| modified < now - JUST_USED) {
                        to_mark.push(at);
                    }
                }
                (Some(_), _) => uploads.push(at),
                (None, _) => {
                    bad.insert(at);
                    match damaged.get(digest) {
                        Some(fault) => report.failed.push((node.item.clone(), fault.clone())),
                        None if report.damaged.contains(&node.item) => {
                            let text = "the remote holds it damaged, and the cache does not have it";
                            report.failed.push((node.item.clone(), text.to_owned()));
                        }
                        None => report.missing.push(node.item.clone()),
                    }
                }
            }
        }
        // What is relied on must not be taken away by a collection of garbage that goes on meanwhile.
        for at in self.mark(&nodes, &to_mark, &mut report)? {
            report.present.count -= 1;
            if size_here(self.blobs, &nodes[at].item).is_some() {
                uploads.push(at);
            } else {
                bad.insert(at);
                report.missing.push(nodes[at].item.clone());
            }
        }
        self.upload(&nodes, &uploads, &mut bad, &mut report)?;
        report.absent = bad.iter().map(|at| nodes[*at].item.state.digest).collect();
        Ok(report)
    }

    /// Where the objects of `roots` are. Manifests that only the remote has are read there, and kept nowhere.
    ///
    /// # Errors
    /// When the remote cannot be asked.
    pub fn compare(&self, roots: &[Root]) -> Result<Vec<Whereabouts>, TransferError> {
        let nodes = self.walk(roots, &|item| self.manifest(&item.state.digest, item.is_old))?;
        let there = self.there(&nodes)?;
        let found = nodes.into_iter().filter(|node| node.is_object).map(|Node { item, .. }| {
            let here = size_here(self.blobs, &item);
            let there =
                there.get(&item.name()).is_some_and(|object| here.is_none_or(|size| size == object.size));
            Whereabouts { item, here: here.is_some(), there }
        });
        Ok(found.collect())
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

    /// The key of a file or folder.
    pub(crate) fn key(&self, item: &Item) -> String {
        self.blobs.layout().key(&item.state.digest, item.state.is_folder(), item.is_old)
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
    ) -> Result<Vec<Node>, TransferError> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut known: HashMap<(Digest, bool, bool), usize> = HashMap::new();
        let mut level: Vec<usize> = Vec::new();
        let is_flat = self.blobs.layout().is_flat();
        let mut enter = |nodes: &mut Vec<Node>,
                         level: &mut Vec<usize>,
                         path: ProjectPath,
                         state: FileState,
                         (is_old, is_root): (bool, bool)| {
            *known.entry((state.digest, state.is_folder(), is_old)).or_insert_with(|| {
                if state.is_folder() {
                    level.push(nodes.len());
                }
                let is_known = !state.is_folder();
                let is_object = is_root || is_known || !is_flat;
                nodes.push(Node {
                    item: Item { path, state, is_old },
                    below: Vec::new(),
                    is_known,
                    is_object,
                });
                nodes.len() - 1
            })
        };
        for root in roots {
            enter(&mut nodes, &mut level, root.path.clone(), root.state, (root.is_old, true));
        }
        while !level.is_empty() {
            let trees = self.each(&level, |at| manifest(&nodes[*at].item))?;
            let mut next = Vec::new();
            for (at, tree) in level.iter().zip(trees) {
                let Some(tree) = tree else { continue };
                let Item { path, is_old, .. } = nodes[*at].item.clone();
                let below = tree.entries().iter().map(|(name, entry)| {
                    enter(&mut nodes, &mut next, path.join(name), entry.state(), (is_old, false))
                });
                let below = below.collect();
                nodes[*at].below = below;
                nodes[*at].is_known = true;
            }
            level = next;
        }
        Ok(nodes)
    }

    /// What of these blobs the remote has.
    fn there(&self, nodes: &[Node]) -> Result<HashMap<(Digest, bool), Object>, TransferError> {
        let objects = nodes.iter().filter(|node| node.is_object).map(|node| &node.item);
        let wanted: HashMap<String, (Digest, bool)> =
            objects.map(|item| (self.key(item), item.name())).collect();
        let folder = |key: &String| key[..=key.rfind('/').unwrap_or_default()].to_owned();
        let prefixes: HashSet<String> = match wanted.len() {
            0..=FEW => wanted.keys().cloned().collect(),
            _ => wanted.keys().map(folder).collect(),
        };
        let prefixes: Vec<String> = prefixes.into_iter().collect();
        let listed = self.each(&prefixes, |prefix| {
            let mut found = Vec::new();
            self.remote.list(prefix, &mut |object| {
                if let Some(name) = wanted.get(&object.key) {
                    found.push((*name, object));
                }
                if self.meter.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            Ok(found)
        })?;
        Ok(listed.into_iter().flatten().collect())
    }

    /// What the remote has with other bytes than its name says.
    fn damaged_there(
        &self,
        nodes: &[Node],
        there: &HashMap<(Digest, bool), Object>,
    ) -> Result<Vec<Item>, TransferError> {
        let is_there = |node: &&Node| node.is_object && there.contains_key(&node.item.name());
        let items: Vec<&Item> = nodes.iter().filter(is_there).map(|node| &node.item).collect();
        let damaged = self.each(&items, |item| {
            let mut hasher = NamedHasher::new(self.blobs.layout().algorithm(), item.is_old);
            let read = self.remote.get(&self.key(item), 0, &mut |piece| {
                hasher.update(piece);
                if self.meter.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            match read {
                _ if self.meter.is_stopped() => Err(TransferError::Stopped),
                Ok(()) => Ok((!hasher.is(&item.state.digest)).then(|| (*item).clone())),
                // It went away meanwhile, and is put there again.
                Err(RemoteError::Missing { .. }) => Ok(Some((*item).clone())),
                Err(fault) => Err(fault.into()),
            }
        })?;
        Ok(damaged.into_iter().flatten().collect())
    }

    /// Touches objects that are relied on. Returns the places of those that went away meanwhile.
    fn mark(
        &self,
        nodes: &[Node],
        places: &[usize],
        report: &mut Report,
    ) -> Result<Vec<usize>, TransferError> {
        let unmarked = AtomicUsize::new(0);
        let marked = self.each(places, |at| {
            let touched = self.remote.touch(&self.key(&nodes[*at].item));
            unmarked.fetch_add(usize::from(touched.is_err()), Ordering::Relaxed);
            Ok((!touched.unwrap_or(true)).then_some(*at))
        })?;
        report.unmarked = unmarked.into_inner();
        Ok(marked.into_iter().flatten().collect())
    }

    /// Uploads, what is in a folder before the folder. What names something `bad` is bad too, and is not uploaded.
    fn upload(
        &self,
        nodes: &[Node],
        places: &[usize],
        bad: &mut HashSet<usize>,
        report: &mut Report,
    ) -> Result<(), TransferError> {
        let wanted: HashSet<usize> = places.iter().copied().collect();
        let size = |at: &usize| size_here(self.blobs, &nodes[*at].item).unwrap_or_default();
        let all = wanted.iter().map(size).fold(Tally::default(), |mut all, bytes| {
            all.add(bytes);
            all
        });
        self.meter.expect(all);
        for level in heights(nodes) {
            let (held, free): (Vec<usize>, Vec<usize>) =
                level.into_iter().partition(|at| nodes[*at].below.iter().any(|below| bad.contains(below)));
            bad.extend(held);
            let mut free: Vec<usize> = free.into_iter().filter(|at| wanted.contains(at)).collect();
            // The largest first, so that none of them is the last one alone.
            free.sort_by_key(|at| std::cmp::Reverse(size(at)));
            let results = self.put_each(&free, |at| Ok((*at, self.put(&nodes[*at].item)?)))?;
            for (at, result) in results {
                match result {
                    Ok(bytes) => report.moved.add(bytes),
                    Err(reason) => {
                        bad.insert(at);
                        report.failed.push((nodes[at].item.clone(), reason));
                    }
                }
            }
        }
        Ok(())
    }

    /// Uploads one blob. Returns its size, or why it is not to be had.
    fn put(&self, item: &Item) -> Result<Result<u64, String>, TransferError> {
        let digest = item.state.digest;
        let path = path_here(self.blobs, item);
        let Some(size) = size_here(self.blobs, item) else {
            return Ok(Err(CacheError::Missing { digest }.to_string()));
        };
        // What is text may be known by another digest than that of its bytes.
        let bytes = match item.is_old && !item.state.is_folder() {
            true if self.blobs.is_named_right(&digest, &path)? => hash_file_by(digest.algorithm(), &path)?.0,
            _ => digest,
        };
        match self.put_file(&self.key(item), &path, size, bytes) {
            Ok(()) => Ok(Ok(size)),
            Err(TransferError::Remote(RemoteError::Mismatch { .. })) => {
                Ok(Err(CacheError::Damaged { digest, path }.to_string()))
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
fn size_here(blobs: &Blobs, item: &Item) -> Option<u64> {
    fs::metadata(path_here(blobs, item)).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len())
}

/// Where the cache has a file or a folder's manifest.
pub(crate) fn path_here(blobs: &Blobs, item: &Item) -> PathBuf {
    match (item.is_old, item.state.is_folder()) {
        (true, is_folder) => blobs.old_place(&item.state.digest, is_folder),
        (false, true) => blobs.manifest_path(&item.state.digest),
        (false, false) => blobs.path(&item.state.digest),
    }
}

/// The nodes by how far they are above files: what is in a folder comes in an earlier level than the folder.
fn heights(nodes: &[Node]) -> Vec<Vec<usize>> {
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut waiting: Vec<usize> = vec![0; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        // A folder may hold a content more than once.
        waiting[at] = node.below.len();
        for below in &node.below {
            above[*below].push(at);
        }
    }
    let mut levels = Vec::new();
    let mut level: Vec<usize> = (0..nodes.len()).filter(|at| waiting[*at] == 0).collect();
    while !level.is_empty() {
        let mut next = Vec::new();
        for folder in level.iter().flat_map(|at| &above[*at]) {
            waiting[*folder] -= 1;
            if waiting[*folder] == 0 {
                next.push(*folder);
            }
        }
        levels.push(std::mem::replace(&mut level, next));
    }
    levels
}

/// The objects that a transfer from the remote would bring, for whoever shows it: not known to be there.
pub(crate) fn expected(items: &[&Item]) -> Tally {
    items.iter().fold(Tally::default(), |mut all, item| {
        all.add(item.bytes());
        all
    })
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
