//! Entries of the stage cache at a remote: pushed after the blobs that they name, and believed only as far as they can be
//! checked: key and result are those of their name, paths are paths of a project.

use std::collections::HashMap;
use std::ops::ControlFlow;

use base::{Digest, ProjectPath};
use walkdir::WalkDir;

use crate::CacheError;
use crate::hash::hash_bytes;
use crate::remote::{ENTRIES, Object, entry_key, entry_of_key};
use crate::stages::{StageCache, StageEntry};
use crate::transfer::{Report, Root, Transfer, TransferError};

/// No entry is larger.
const LARGEST: u64 = 16 << 20;

/// An entry with the bytes of its file.
#[derive(Clone, Debug)]
pub struct SharedEntry {
    /// What it says.
    pub entry: StageEntry,
    bytes: Vec<u8>,
}

impl SharedEntry {
    /// The contents that it names.
    pub fn roots(&self) -> impl Iterator<Item = Root> + '_ {
        self.entry.outs.iter().map(|out| Root { path: out.path.clone(), state: out.state, is_old: false })
    }

    fn key(&self) -> String {
        entry_key(&self.entry.key, &self.entry.result())
    }
}

/// What a transfer of entries came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryReport {
    /// How many went over.
    pub moved: usize,
    /// How many were there already.
    pub present: usize,
    /// How many were left out, since not all that they name is there.
    pub left_out: usize,
}

impl StageCache {
    /// All entries that can be read.
    ///
    /// # Errors
    /// When the folder is there and cannot be listed.
    pub fn all(&self) -> Result<Vec<SharedEntry>, CacheError> {
        let mut found = Vec::new();
        if !self.root().is_dir() {
            return Ok(found);
        }
        for file in WalkDir::new(self.root()).min_depth(3).max_depth(3).sort_by_file_name() {
            let file = file
                .map_err(|fault| CacheError::Read { path: self.root().to_owned(), source: fault.into() })?;
            let key = file.path().strip_prefix(self.root()).ok().and_then(|path| path.to_str());
            let names = key.and_then(|key| entry_of_key(&format!("{ENTRIES}{key}")));
            if let Some(names) = names
                && let Ok(bytes) = disk::read(file.path())
            {
                found.extend(checked(names, bytes));
            }
        }
        Ok(found)
    }

    /// Whether an entry of this name is there, whatever it tells of its making.
    fn has(&self, entry: &StageEntry) -> bool {
        self.path(entry).is_file()
    }

    fn store_shared(&self, shared: &SharedEntry) -> Result<(), CacheError> {
        // As it came: a later version may tell more than this one knows of.
        Ok(disk::replace_volatile(&self.path(&shared.entry), &shared.bytes)?)
    }
}

/// An entry that is what its name says.
fn checked((key, result): (Digest, Digest), bytes: Vec<u8>) -> Option<SharedEntry> {
    let entry = StageEntry::decode(&bytes).ok()?;
    let is_sorted = entry.outs.is_sorted_by(|a, b| a.path < b.path);
    let is_right = entry.key == key && entry.result() == result && is_sorted && !entry.outs.is_empty();
    is_right.then_some(SharedEntry { entry, bytes })
}

impl Transfer<'_> {
    /// Puts entries at the remote whose contents [`Transfer::push`] brought there, as `report` tells. One that is there
    /// already stays.
    ///
    /// # Errors
    /// When the remote cannot be asked or written to.
    pub fn push_entries(
        &self,
        stages: &StageCache,
        entries: &[SharedEntry],
        report: &Report,
    ) -> Result<EntryReport, TransferError> {
        let there = self.list_entries(ENTRIES)?;
        let is_whole =
            |entry: &&SharedEntry| entry.roots().all(|root| !report.absent.contains(&root.state.digest));
        let (whole, partial): (Vec<_>, Vec<_>) = entries.iter().partition(is_whole);
        let moved = self.put_each(&whole, |shared| {
            let key = shared.key();
            // Refused where it is another user's; then its age stays what it is.
            if there.contains_key(&key) && self.remote.touch(&key).unwrap_or(true) {
                return Ok(false);
            }
            let path = stages.path(&shared.entry);
            self.put_file(&key, &path, shared.bytes.len() as u64, hash_bytes(&shared.bytes))?;
            Ok(true)
        })?;
        let moved = moved.into_iter().filter(|moved| *moved).count();
        Ok(EntryReport { moved, present: whole.len() - moved, left_out: partial.len() })
    }

    /// The entries at the remote that the cache lacks and trusts, of one stage key or all. Those that are no entries are
    /// passed over. And how many are here already.
    ///
    /// # Errors
    /// When the remote cannot be asked.
    pub fn remote_entries(
        &self,
        stages: &StageCache,
        key: Option<&Digest>,
    ) -> Result<(Vec<SharedEntry>, usize), TransferError> {
        if !stages.trust().admits_others() {
            return Ok((Vec::new(), 0));
        }
        let prefix = key
            .map_or_else(|| ENTRIES.to_owned(), |key| format!("{ENTRIES}{}/{}/", &key.hex()[..2], key.hex()));
        let listed: Vec<String> = self.list_entries(&prefix)?.into_keys().collect();
        let found = self.each(&listed, |key| {
            let names = entry_of_key(key).expect("others were left out");
            let Some(bytes) = self.bytes(key, LARGEST)? else { return Ok((None, false)) };
            let shared = checked(names, bytes).filter(|shared| stages.trust().admits(&shared.entry));
            let is_here = shared.as_ref().is_some_and(|shared| stages.has(&shared.entry));
            Ok((shared.filter(|_| !is_here), is_here))
        })?;
        let present = found.iter().filter(|(_, is_here)| *is_here).count();
        let mut entries: Vec<SharedEntry> = found.into_iter().filter_map(|(shared, _)| shared).collect();
        entries.sort_by_key(|shared| std::cmp::Reverse((shared.entry.created, shared.entry.result())));
        Ok((entries, present))
    }

    /// Keeps entries whose contents [`Transfer::fetch`] brought here.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn keep_entries(
        &self,
        stages: &StageCache,
        entries: &[SharedEntry],
    ) -> Result<EntryReport, TransferError> {
        let mut report = EntryReport::default();
        for shared in entries {
            if shared.roots().all(|root| self.blobs.has_all(&root.state)) {
                stages.store_shared(shared)?;
                report.moved += 1;
            } else {
                report.left_out += 1;
            }
        }
        Ok(report)
    }

    /// Brings the newest result of a stage key that makes exactly the outs `paths` (ascending) into the cache, entry and
    /// contents. False when the remote has none that is trusted and whole.
    ///
    /// # Errors
    /// When the remote cannot be asked or the cache cannot be written.
    pub fn fetch_result(
        &self,
        stages: &StageCache,
        key: &Digest,
        paths: &[&ProjectPath],
    ) -> Result<bool, TransferError> {
        let fits =
            |shared: &&SharedEntry| shared.entry.outs.iter().map(|out| &out.path).eq(paths.iter().copied());
        // Those that were here already and lack their bytes only.
        let known = stages.all_of(key).into_iter().filter(|shared| stages.trust().admits(&shared.entry));
        let mut candidates: Vec<SharedEntry> = known.collect();
        candidates.extend(self.remote_entries(stages, Some(key))?.0);
        candidates.sort_by_key(|shared| std::cmp::Reverse((shared.entry.created, shared.entry.result())));
        for shared in candidates.iter().filter(fits) {
            let roots: Vec<Root> = shared.roots().collect();
            if self.fetch(&roots)?.is_whole() {
                stages.store_shared(shared)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn list_entries(&self, prefix: &str) -> Result<HashMap<String, Object>, TransferError> {
        let mut found = HashMap::new();
        self.remote.list(prefix, &mut |object| {
            if entry_of_key(&object.key).is_some() {
                found.insert(object.key.clone(), object);
            }
            if self.meter.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// Reads an entry at the remote; why it cannot be read, if it is there.
    pub(crate) fn read_entry(&self, key: &str) -> Result<Result<Option<StageEntry>, String>, TransferError> {
        let mut is_there = false;
        self.remote.list(key, &mut |_| {
            is_there = true;
            ControlFlow::Break(())
        })?;
        let Some(bytes) = self.bytes(key, LARGEST)? else {
            return Ok(if is_there { Err("it is too large".to_owned()) } else { Ok(None) });
        };
        Ok(StageEntry::decode(&bytes).map(Some))
    }
}

impl StageCache {
    fn all_of(&self, key: &Digest) -> Vec<SharedEntry> {
        let entries = self.results(key).into_iter();
        entries
            .filter_map(|entry| Some(SharedEntry { bytes: disk::read(&self.path(&entry)).ok()?, entry }))
            .collect()
    }
}
