//! Bringing what a remote has into the cache.
//!
//! Nothing that arrives is believed: it is written under a name of its own, hashed meanwhile, and becomes a blob only
//! when its digest is the one that was asked for. What has arrived of a large object when a transfer is cut off stays,
//! and is hashed again when the next one goes on with it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Mutex;

use base::{Digest, FileState, ProjectPath};
use disk::{DiskError, Partial, Stamp};

use crate::CacheError;
use crate::gc::Tally;
use crate::graph::Place;
use crate::remote::RemoteError;
use crate::seal::seal;
use crate::transfer::{ATTEMPTS, Item, Report, Root, Transfer, TransferError, lock, path_here, place_here};
use crate::unix_text::NamedHasher;

/// What became of one object.
enum Arrival {
    Moved(u64),
    Missing,
    Failed(String),
    /// It is there, and the remote does not let it be read.
    Unread(String),
}

/// What came of appending to what has arrived.
struct Appended {
    /// How much there was.
    start: u64,
    /// How much there is now.
    length: u64,
    /// The digest of its bytes, when they are those of the item.
    found: Option<Digest>,
    /// What the remote said.
    result: Result<(), RemoteError>,
}

/// Why a manifest is none, with its cause.
fn no_list(fault: &CacheError) -> String {
    let cause = std::error::Error::source(fault).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{fault}{cause}")
}

impl Transfer<'_> {
    /// Brings into the cache what of `roots` it lacks. What the remote does not have, has with other bytes or does not let
    /// be read is told in the report, and the rest is done.
    ///
    /// # Errors
    /// When the remote as a whole cannot be read or the cache cannot be written, or the transfer was stopped. What arrived until
    /// then stays, and the next attempt goes on.
    pub fn fetch(&self, roots: &[Root]) -> Result<Report, TransferError> {
        let report = Mutex::new(Report::default());
        // Folders that the list of another one describes. As outs of their own, they have lists of their own.
        let described = Mutex::new(HashSet::new());
        let graph = self.walk(roots, &|item| {
            let mut is_damaged = false;
            match self.blobs.tree(&item.state.digest) {
                Ok(tree) => {
                    match place_here(self.blobs, &item.name()).exists() {
                        true => lock(&report).present.add(0),
                        false => drop(lock(&described).insert(item.name())),
                    }
                    return Ok(Some(tree));
                }
                Err(CacheError::Missing { .. }) => {}
                Err(CacheError::Damaged { .. }) => {
                    is_damaged = true;
                    lock(&report).damaged.push(item.clone());
                }
                Err(fault @ CacheError::Tree { .. }) => {
                    lock(&report).failed.push((item.clone(), no_list(&fault)));
                    return Ok(None);
                }
                Err(fault) => return Err(fault.into()),
            }
            self.meter.expect(Tally { count: 1, bytes: 0 });
            self.settle(item, self.bring(item, is_damaged)?, &report);
            match self.blobs.tree(&item.state.digest) {
                Ok(tree) => Ok(Some(tree)),
                Err(CacheError::Disk(fault)) => Err(fault.into()),
                Err(CacheError::Missing { .. }) => Ok(None),
                Err(fault) => {
                    lock(&report).failed.push((item.clone(), no_list(&fault)));
                    Ok(None)
                }
            }
        })?;
        let files: Vec<Place> = graph.files().collect();
        let has_old_part = self.blobs.has_old_part();
        // Hashes only those that have no seal.
        let lacking = Mutex::new(Vec::new());
        self.each(&files, |place| {
            let state = graph.state(*place);
            let sound = self.blobs.is_sound(&state.digest)?;
            let is_elsewhere = || has_old_part && !place_here(self.blobs, &graph.name(*place)).exists();
            if sound == Some(true) && is_elsewhere() {
                lock(&lacking).push((*place, false));
                return Ok(());
            }
            match sound {
                Some(true) => lock(&report).present.add(state.size),
                Some(false) => lock(&report).damaged.push(graph.item(*place)),
                None => {}
            }
            if sound != Some(true) {
                lock(&lacking).push((*place, sound.is_some()));
            }
            Ok(())
        })?;
        drop(files);
        let mut lacking = lacking.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let described = described.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let described = graph.objects().filter(|place| described.contains(&graph.name(*place)));
        lacking.extend(described.map(|place| (place, false)));
        lacking.sort_unstable();
        let bytes = lacking.iter().map(|(place, _)| graph.state(*place).size).fold(0, u64::saturating_add);
        self.meter.expect(Tally { count: lacking.len(), bytes });
        self.each(&lacking, |(place, is_damaged)| {
            let item = graph.item(*place);
            match self.bring(&item, *is_damaged)? {
                // The part of the cache that belongs to another version has it.
                Arrival::Missing if path_here(self.blobs, &item.name()).exists() => {
                    lock(&report).present.add(item.state.size);
                }
                arrival => self.settle(&item, arrival, &report),
            }
            Ok(())
        })?;
        let mut report = report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        report.missing.sort_by(|a, b| a.path.cmp(&b.path));
        report.failed.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        report.damaged.sort_by(|a, b| a.path.cmp(&b.path));
        let lacking = report.missing.iter().chain(report.failed.iter().map(|(item, _)| item));
        report.absent = lacking.map(|item| item.state.digest).collect();
        Ok(report)
    }

    /// What a recorded folder holds at the path `below` it, with manifests that the cache lacks fetched; `None` when it
    /// holds nothing there.
    ///
    /// # Errors
    /// When a manifest on the way is not to be had.
    pub fn entry_below(
        &self,
        folder: &FileState,
        below: &ProjectPath,
        is_old: bool,
    ) -> Result<Option<FileState>, TransferError> {
        loop {
            match self.blobs.entry_below(folder, below) {
                Err(CacheError::Missing { digest }) => {
                    let state = FileState { digest, size: 0, files: Some(0), executable: false };
                    let item = Item { path: below.clone(), state, is_old };
                    if !matches!(self.bring(&item, false)?, Arrival::Moved(_)) {
                        return Err(CacheError::Missing { digest }.into());
                    }
                }
                found => return Ok(found?),
            }
        }
    }

    /// Fetches the manifests of a recorded folder that the cache lacks, without the files that they name.
    ///
    /// # Errors
    /// When one is not to be had.
    pub fn fetch_manifests(&self, folder: &FileState) -> Result<(), TransferError> {
        let root = ProjectPath::root();
        loop {
            match self.blobs.files(&root, folder) {
                Err(CacheError::Missing { digest }) => {
                    let state = FileState { digest, size: 0, files: Some(0), executable: false };
                    match self.bring(&Item { path: root.clone(), state, is_old: false }, false)? {
                        Arrival::Moved(_) => {}
                        Arrival::Missing => return Err(CacheError::Missing { digest }.into()),
                        Arrival::Failed(reason) | Arrival::Unread(reason) => {
                            return Err(TransferError::Unread(reason));
                        }
                    }
                }
                found => return Ok(found.map(drop)?),
            }
        }
    }

    fn settle(&self, item: &Item, arrival: Arrival, report: &Mutex<Report>) {
        let mut report = lock(report);
        match arrival {
            Arrival::Moved(bytes) => {
                self.meter.arrived();
                report.moved.add(bytes);
            }
            Arrival::Missing => report.missing.push(item.clone()),
            Arrival::Failed(reason) => report.failed.push((item.clone(), reason)),
            Arrival::Unread(reason) => {
                report.failed.push((item.clone(), reason.clone()));
                report.unread.get_or_insert(reason);
            }
        }
    }

    /// Brings one object into the cache, which has nothing in its place, or other bytes than its name says.
    fn bring(&self, item: &Item, is_damaged: bool) -> Result<Arrival, TransferError> {
        let digest = item.state.digest;
        let key = self.key(&item.name());
        let keeps = !item.state.is_folder() && item.state.size >= self.resumed;
        let mut partial = Partial::open(&place_here(self.blobs, &item.name()), keeps)?;
        let mut whole_attempts = 0;
        for attempt in 1.. {
            let Appended { start, length, found, result } = self.append(item, &key, &mut partial)?;
            match result {
                Err(RemoteError::Missing { .. }) => {
                    partial.discard();
                    return Ok(Arrival::Missing);
                }
                // What has arrived is gone on with.
                Err(fault) if fault.is_passing() && attempt < ATTEMPTS => {
                    self.meter.undo(length - start);
                    continue;
                }
                Err(fault) if fault.is_of_one() => {
                    self.meter.undo(length - start);
                    return Ok(Arrival::Unread(fault.told()));
                }
                Err(fault) => return Err(fault.into()),
                Ok(()) => {}
            }
            if found.is_some() {
                // Somebody may have written what is damaged: it goes aside, and only now.
                if is_damaged && self.is_damaged(item)? {
                    self.blobs.quarantine(&digest)?;
                }
                // A seal would say that its bytes have this very digest.
                let sealed = (found == Some(digest)).then(|| seal(&digest, length, Stamp::now()));
                partial.finish(sealed)?;
                return Ok(Arrival::Moved(length));
            }
            // What an earlier transfer left may be what is wrong.
            self.meter.undo(length - start);
            partial.restart()?;
            whole_attempts += usize::from(start == 0);
            if whole_attempts == 2 || attempt >= 2 * ATTEMPTS {
                break;
            }
        }
        partial.discard();
        let remote = self.remote.name();
        Ok(Arrival::Failed(format!(
            "remote `{remote}` delivers other bytes under {key}, and nothing of them was taken; `pipe push --verify` \
             replaces it, where somebody has it"
        )))
    }

    /// Whether the cache has other bytes in the place of an object.
    fn is_damaged(&self, item: &Item) -> Result<bool, CacheError> {
        let digest = item.state.digest;
        match item.state.is_folder() {
            true => Ok(matches!(self.blobs.tree(&digest), Err(CacheError::Damaged { .. }))),
            false => Ok(self.blobs.is_sound(&digest)? == Some(false)),
        }
    }

    /// Appends to what has arrived.
    fn append(&self, item: &Item, key: &str, partial: &mut Partial) -> Result<Appended, TransferError> {
        let mut hasher = NamedHasher::new(self.blobs.layout().algorithm(), item.is_old);
        let start = partial.reread(|piece| hasher.update_while(piece, || ()))?;
        let mut length = start;
        let mut broken: Option<DiskError> = None;
        let mut stopped = false;
        let result = self.remote.get(key, start, &mut |piece| {
            if let Err(fault) = hasher.update_while(piece, || partial.append(piece)) {
                broken = Some(fault);
                return ControlFlow::Break(());
            }
            length += piece.len() as u64;
            let flow = self.meter.moved(piece.len() as u64);
            stopped = flow.is_break();
            flow
        });
        match broken {
            Some(fault) => Err(fault.into()),
            None if stopped => Err(TransferError::Stopped),
            None => {
                let found = hasher.bytes_of(&item.state.digest);
                Ok(Appended { start, length, found, result })
            }
        }
    }
}
