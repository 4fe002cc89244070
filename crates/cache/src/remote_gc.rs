//! Garbage at a remote: what nobody needs of the objects there, and removing it.
//!
//! As [`crate::plan_gc`] does for a cache: everything is marked first, a root that cannot be followed stops it, and what
//! is removed is closed under "is named by". Other processes push meanwhile. What they rely on they touch, and what is as
//! young as the grace period stays, with what it names; an object is looked at again right before it goes.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use base::Digest;

use crate::CacheError;
use crate::gc::{Entries, GcError, GcOptions, Removed, Roots, Tally};
use crate::remote::{Object, RemoteError, entry_of_key};
use crate::transfer::{Transfer, TransferError};
use crate::tree::{HEADER, TreeEntry};

/// What is to go from a remote, and what stays.
#[derive(Debug, Default)]
pub struct RemotePlan {
    /// What would be removed.
    pub removed: Removed,
    /// What transfers that were cut off left behind, and would be removed.
    pub leftovers: Tally,
    /// What stays.
    pub kept: Tally,
    /// In the order of their removal, by kind.
    entries: Vec<Object>,
    folders: Vec<Object>,
    files: Vec<Object>,
    unfinished: Vec<Object>,
    limit: i64,
}

/// A content by its digest, and whether it is the list of a folder where such lists have names of their own.
type Name = (Digest, bool);

/// Says what would go from the remote of `transfer`. Touches nothing there. Of the options, `start` is the moment
/// from which on everything stays, by the remote's clock; `max_size` means nothing here.
///
/// # Errors
/// When something that is needed cannot be followed, or the remote cannot be asked.
pub fn plan_remote_gc(
    transfer: &Transfer<'_>,
    roots: &Roots,
    options: &GcOptions,
) -> Result<RemotePlan, RemoteGcError> {
    let limit = options.older_than.map_or(options.start, |limit| limit.min(options.start));
    let is_old = |object: &Object| object.modified.is_some_and(|modified| modified < limit);
    let drops_entries = match options.entries {
        Entries::Keep => false,
        Entries::Limited => options.older_than.is_some(),
        Entries::Drop => true,
    };
    let layout = transfer.blobs.layout();
    let mut blobs: HashMap<Name, Object> = HashMap::new();
    transfer.remote.list(layout.keys(), &mut |object| {
        blobs.extend(layout.name_of_key(&object.key).map(|name| (name, object)));
        ControlFlow::Continue(())
    })?;
    let mut plan = RemotePlan { limit, ..RemotePlan::default() };
    let mut kept_entries = Vec::new();
    for (key, object) in transfer.list_entries()? {
        let is_needed = entry_of_key(&key).is_some_and(|names| roots.results.contains(&names));
        if drops_entries && !is_needed && is_old(&object) {
            plan.removed.entries.add(object.size);
            plan.entries.push(object);
        } else {
            plan.kept.add(object.size);
            kept_entries.push(key);
        }
    }
    let mut marks = Marks { transfer, needed: HashSet::new(), folders: HashSet::new() };
    let mut open = roots.contents.clone();
    let read = transfer.each(&kept_entries, |key| Ok((key.clone(), transfer.read_entry(key)?)))?;
    for (key, entry) in read {
        let entry = entry
            .map_err(|reason| GcError::Entry { path: PathBuf::from(&key), reason })
            .map_err(RemoteGcError::Gc)?;
        let outs = entry.into_iter().flat_map(|entry| entry.outs);
        open.extend(outs.map(|out| (out.state.digest, out.state.is_folder())));
    }
    marks.mark(open)?;
    // A manifest that is too young to go keeps what it names.
    let mut unneeded: Vec<(Name, Object)> =
        blobs.iter().filter(|(name, _)| !marks.needed.contains(name)).map(|(a, b)| (*a, b.clone())).collect();
    unneeded.sort_by_key(|(name, _)| *name);
    let folders = transfer.each(&unneeded, |((digest, is_list), _)| match layout.is_flat() {
        true => Ok(*is_list),
        false => transfer.is_manifest(digest),
    })?;
    let unneeded: Vec<(Name, Object, bool)> =
        unneeded.into_iter().zip(folders).map(|((name, object), folder)| (name, object, folder)).collect();
    let young = unneeded.iter().filter(|(_, object, folder)| *folder && !is_old(object));
    marks.mark(young.map(|((digest, _), ..)| (*digest, true)).collect())?;
    for (name, object, folder) in unneeded {
        if marks.needed.contains(&name) || !is_old(&object) {
            continue;
        }
        blobs.remove(&name);
        if folder {
            plan.removed.folders.add(object.size);
            plan.folders.push(object);
        } else {
            plan.removed.files.add(object.size);
            plan.files.push(object);
        }
    }
    for object in blobs.values() {
        plan.kept.add(object.size);
    }
    transfer.remote.leftovers(&mut |object| {
        if is_old(&object) {
            plan.leftovers.add(object.size);
            plan.unfinished.push(object);
        }
    })?;
    Ok(plan)
}

/// Removes what was planned, but for what was written or touched since. Returns what was removed, left-overs among the
/// files.
///
/// # Errors
/// When something cannot be removed; what was until then is gone.
pub fn sweep_remote(transfer: &Transfer<'_>, plan: &RemotePlan) -> Result<Removed, TransferError> {
    let remove = |objects: &[Object]| -> Result<Tally, TransferError> {
        let gone = transfer.each(objects, |object| {
            let is_gone = transfer.remote.remove(&object.key, Some(plan.limit))?;
            Ok(is_gone.then_some(object.size))
        })?;
        Ok(gone.into_iter().flatten().fold(Tally::default(), |mut tally, bytes| {
            tally.add(bytes);
            tally
        }))
    };
    let entries = remove(&plan.entries)?;
    let folders = remove(&plan.folders)?;
    let files = remove(&plan.files)?.with(remove(&plan.unfinished)?);
    Ok(Removed { files, folders, entries })
}

/// Why it cannot be said what is garbage at a remote.
#[derive(Debug, thiserror::Error)]
pub enum RemoteGcError {
    /// Something that is needed cannot be followed.
    #[error(transparent)]
    Gc(GcError),
    /// The remote failed.
    #[error(transparent)]
    Transfer(#[from] TransferError),
}

impl From<RemoteError> for RemoteGcError {
    fn from(fault: RemoteError) -> Self {
        RemoteGcError::Transfer(fault.into())
    }
}

/// What is needed.
struct Marks<'a, 't> {
    transfer: &'a Transfer<'t>,
    needed: HashSet<Name>,
    folders: HashSet<Digest>,
}

impl Marks<'_, '_> {
    /// Marks contents (each with whether it is a folder) and all that they name. A folder whose manifest is nowhere names
    /// nothing.
    fn mark(&mut self, mut level: Vec<(Digest, bool)>) -> Result<(), RemoteGcError> {
        while !level.is_empty() {
            let mut folders = Vec::new();
            for (digest, folder) in level {
                self.needed.insert((digest, folder && self.transfer.blobs.layout().is_flat()));
                if folder && self.folders.insert(digest) {
                    folders.push(digest);
                }
            }
            let trees = self
                .transfer
                .each(&folders, |digest| Ok((*digest, self.transfer.manifest(digest, false)?)))?;
            level = Vec::new();
            for (digest, tree) in trees {
                let Some(tree) = tree else {
                    self.check_absent(&digest)?;
                    continue;
                };
                level.extend(tree.entries().iter().map(|(_, entry)| match *entry {
                    TreeEntry::File { digest, .. } => (digest, false),
                    TreeEntry::Folder { digest, .. } => (digest, true),
                }));
            }
        }
        Ok(())
    }

    /// A manifest that is there and cannot be read would have kept nobody knows what.
    fn check_absent(&self, digest: &Digest) -> Result<(), RemoteGcError> {
        let key = self.transfer.blobs.layout().key(digest, true, false);
        let mut is_there = false;
        self.transfer.remote.list(&key, &mut |object| {
            is_there |= object.key == key;
            ControlFlow::Continue(())
        })?;
        if !is_there {
            return Ok(());
        }
        let path = PathBuf::from(key);
        Err(RemoteGcError::Gc(GcError::Root(CacheError::Damaged { digest: *digest, path })))
    }
}

impl Transfer<'_> {
    /// Whether a blob at the remote begins as manifests do.
    fn is_manifest(&self, digest: &Digest) -> Result<bool, TransferError> {
        let mut start = Vec::new();
        let read = self.remote.get(&self.blobs.layout().key(digest, true, false), 0, &mut |piece| {
            let more = HEADER.len() - start.len();
            start.extend_from_slice(&piece[..piece.len().min(more)]);
            if start.len() < HEADER.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        match read {
            Ok(()) => Ok(start == HEADER.as_bytes()),
            Err(RemoteError::Missing { .. }) => Ok(false),
            Err(fault) => Err(fault.into()),
        }
    }
}
