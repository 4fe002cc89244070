//! Entries of the stage cache, or of DVC's run cache, at a remote: pushed after the blobs that they name, and believed only
//! as far as they can be checked. In the stage cache key and result are those of their name, and paths are paths of a
//! project; of an entry of DVC, the stage that it is restored for says what it may be. One of the same name is never
//! put in the place of another in DVC's run cache: the first stays, and who made that one is who is told.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use base::{Digest, ProjectPath};
use walkdir::WalkDir;

use crate::hash::hash_bytes;
use crate::remote::{ENTRIES, Object, entry_key, entry_of_key};
use crate::stages::{StageCache, StageEntry};
use crate::transfer::{Report, Root, Transfer, TransferError};
use crate::{Blobs, CacheError, Maker, Trust};

/// No entry is larger.
const LARGEST: u64 = 16 << 20;

/// Where the entries of DVC's run cache are, here below the cache and at remotes.
const RUNS: &str = "runs/";

/// Results as files, which are called the same here and at remotes.
#[derive(Clone, Copy)]
pub enum Results<'a> {
    /// Those of the stage cache.
    Stages(&'a StageCache),
    /// Those of DVC's run cache, which is in the cache itself.
    Runs {
        /// The cache.
        blobs: &'a Blobs,
        /// Which results count.
        trust: &'a Trust,
        /// What the text of an entry names; `None` of one that is none.
        read: fn(&str) -> Option<Vec<Root>>,
    },
}

/// An entry with the bytes of its file.
#[derive(Clone, Debug)]
pub struct SharedEntry {
    pub(crate) key: String,
    bytes: Vec<u8>,
    roots: Vec<Root>,
    /// Who made it, where it tells that.
    maker: Option<Maker>,
}

impl SharedEntry {
    /// The contents that it names.
    pub fn roots(&self) -> impl Iterator<Item = Root> + '_ {
        self.roots.iter().cloned()
    }

    fn of_stage(entry: StageEntry, bytes: Vec<u8>) -> Self {
        let root = |out: &crate::StageOut| Root {
            path: out.path.clone(),
            state: out.state,
            is_old: false,
            extent: crate::Extent::Whole,
        };
        let roots = entry.outs.iter().map(root).collect();
        let key = entry_key(&entry.key, &entry.result());
        SharedEntry { key, bytes, roots, maker: Some(entry.maker) }
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

/// The entries of a remote.
#[derive(Debug, Default)]
pub struct RemoteEntries {
    /// Those that the cache lacks, the newest first.
    pub entries: Vec<SharedEntry>,
    /// How many the cache has.
    pub present: usize,
    /// Why others cannot be read, of each.
    pub unread: Vec<String>,
}

/// What a remote has under the key of an entry.
enum Entry {
    New(Box<SharedEntry>),
    Here,
    /// None, or one that is not trusted.
    Foreign,
    Unread(String),
}

impl Results<'_> {
    /// All entries here that can be read.
    ///
    /// # Errors
    /// When the folder is there and cannot be listed.
    pub fn all(&self) -> Result<Vec<SharedEntry>, CacheError> {
        let mut found = Vec::new();
        let folder = self.folder();
        if !folder.is_dir() {
            return Ok(found);
        }
        for file in WalkDir::new(&folder).min_depth(3).max_depth(3).sort_by_file_name() {
            let file =
                file.map_err(|fault| CacheError::Read { path: folder.clone(), source: fault.into() })?;
            let name = file.path().strip_prefix(&folder).ok().and_then(|path| path.to_str());
            let key = name.map(|name| format!("{}{name}", self.prefix())).filter(|key| self.is_key(key));
            if let Some(key) = key
                && let Ok(bytes) = disk::read(file.path())
            {
                found.extend(self.checked(key, bytes));
            }
        }
        Ok(found)
    }

    /// The entries here whose keys are a prefix, which ends with a slash, and one name more.
    fn below(&self, prefix: &str) -> Vec<SharedEntry> {
        let files = std::fs::read_dir(self.path(prefix)).into_iter().flatten().flatten();
        let mut names: Vec<String> = files.filter_map(|file| file.file_name().into_string().ok()).collect();
        names.sort_unstable();
        let keys = names.into_iter().map(|name| format!("{prefix}{name}")).filter(|key| self.is_key(key));
        keys.filter_map(|key| {
            let bytes = disk::read(&self.path(&key)).ok()?;
            self.checked(key, bytes)
        })
        .collect()
    }

    fn prefix(&self) -> &'static str {
        match self {
            Results::Stages(_) => ENTRIES,
            Results::Runs { .. } => RUNS,
        }
    }

    fn folder(&self) -> PathBuf {
        match self {
            Results::Stages(stages) => stages.root().to_owned(),
            Results::Runs { blobs, .. } => blobs.root().join(RUNS),
        }
    }

    /// Where an entry is here.
    fn path(&self, key: &str) -> PathBuf {
        self.folder().join(key.strip_prefix(self.prefix()).expect("it was checked to be a key"))
    }

    /// Whether a key is one of an entry: nothing of it leads elsewhere.
    fn is_key(&self, key: &str) -> bool {
        match self {
            Results::Stages(_) => entry_of_key(key).is_some(),
            Results::Runs { .. } => is_run_key(key),
        }
    }

    /// An entry that is what its name says.
    fn checked(&self, key: String, bytes: Vec<u8>) -> Option<SharedEntry> {
        match self {
            Results::Stages(_) => {
                let entry = StageEntry::decode(&bytes).ok()?;
                let is_sorted = entry.outs.is_sorted_by(|a, b| a.path < b.path);
                let is_right = entry_key(&entry.key, &entry.result()) == key;
                let is_right = is_right && is_sorted && !entry.outs.is_empty();
                is_right.then(|| SharedEntry::of_stage(entry, bytes))
            }
            Results::Runs { read, .. } => {
                let text = std::str::from_utf8(&bytes).ok()?;
                let (roots, maker) = (read(text)?, Maker::of_entry(text));
                Some(SharedEntry { key, bytes, roots, maker })
            }
        }
    }

    fn trust(&self) -> &Trust {
        match self {
            Results::Stages(stages) => stages.trust(),
            Results::Runs { trust, .. } => trust,
        }
    }

    fn admits(&self, shared: &SharedEntry) -> bool {
        self.trust().admits(shared.maker.as_ref())
    }

    fn store(&self, shared: &SharedEntry) -> Result<(), CacheError> {
        let path = self.path(&shared.key);
        if matches!(self, Results::Runs { .. }) && path.exists() {
            // The newest is what DVC restores, and this one's bytes have just come.
            let _ = disk::touch(&path);
            return Ok(());
        }
        // As it came: a later version may tell more than this one knows of.
        Ok(disk::replace_volatile(&path, &shared.bytes)?)
    }
}

/// Whether a key is that of an entry of DVC's run cache: `runs/ab/KEY/VALUE` in SHA-256.
fn is_run_key(key: &str) -> bool {
    let Some(name) = key.strip_prefix(RUNS) else { return false };
    let parts: Vec<&str> = name.split('/').collect();
    let is_digest = |hex: &str| {
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        hex.len() == 64 && hex.bytes().all(digits)
    };
    matches!(parts.as_slice(), [start, key, value]
        if is_digest(key) && is_digest(value) && start.len() == 2 && key.starts_with(start))
}

impl Transfer<'_> {
    /// Puts entries at the remote whose contents [`Transfer::push`] brought there, as `report` tells. One that is there
    /// already stays.
    ///
    /// # Errors
    /// When the remote cannot be asked or written to.
    pub fn push_entries(
        &self,
        results: &Results<'_>,
        entries: &[SharedEntry],
        report: &Report,
    ) -> Result<EntryReport, TransferError> {
        if entries.is_empty() {
            return Ok(EntryReport::default());
        }
        let there = self.list_keys(results.prefix(), |key| results.is_key(key))?;
        let is_whole =
            |entry: &&SharedEntry| entry.roots.iter().all(|root| !report.absent.contains(&root.state.digest));
        let (whole, partial): (Vec<_>, Vec<_>) = entries.iter().partition(is_whole);
        let moved = self.put_each(&whole, |shared| {
            // Refused where it is another user's; then its age stays what it is.
            if there.contains_key(&shared.key) && self.remote.touch(&shared.key).unwrap_or(true) {
                return Ok(false);
            }
            let path = results.path(&shared.key);
            self.put_file(&shared.key, &path, shared.bytes.len() as u64, hash_bytes(&shared.bytes))?;
            Ok(true)
        })?;
        let moved = moved.into_iter().filter(|moved| *moved).count();
        Ok(EntryReport { moved, present: whole.len() - moved, left_out: partial.len() })
    }

    /// The entries at the remote that the cache lacks and trusts. Those that are no entries are passed over.
    ///
    /// # Errors
    /// When the remote cannot be asked.
    pub fn remote_entries(&self, results: &Results<'_>) -> Result<RemoteEntries, TransferError> {
        self.entries_below(results, results.prefix())
    }

    fn entries_below(&self, results: &Results<'_>, prefix: &str) -> Result<RemoteEntries, TransferError> {
        if !results.trust().admits_others() {
            return Ok(RemoteEntries::default());
        }
        let mut listed: Vec<String> =
            self.list_keys(prefix, |key| results.is_key(key))?.into_keys().collect();
        listed.sort_unstable();
        let found = self.each(&listed, |key| {
            let bytes = match self.bytes(key, LARGEST) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(Entry::Foreign),
                Err(TransferError::Remote(fault)) if fault.is_of_one() => {
                    return Ok(Entry::Unread(fault.told()));
                }
                Err(fault) => return Err(fault),
            };
            match results.checked(key.clone(), bytes).filter(|shared| results.admits(shared)) {
                None => Ok(Entry::Foreign),
                Some(shared) if results.path(&shared.key).is_file() => Ok(Entry::Here),
                Some(shared) => Ok(Entry::New(Box::new(shared))),
            }
        })?;
        let mut there = RemoteEntries::default();
        for entry in found {
            match entry {
                Entry::New(shared) => there.entries.push(*shared),
                Entry::Here => there.present += 1,
                Entry::Foreign => {}
                Entry::Unread(reason) => there.unread.push(reason),
            }
        }
        sort(&mut there.entries);
        Ok(there)
    }

    /// Keeps entries whose contents [`Transfer::fetch`] brought here.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn keep_entries(
        &self,
        results: &Results<'_>,
        entries: &[SharedEntry],
    ) -> Result<EntryReport, TransferError> {
        let mut report = EntryReport::default();
        for shared in entries {
            if shared.roots.iter().all(|root| self.blobs.has_all(&root.state)) {
                results.store(shared)?;
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
    /// When the remote cannot be asked or does not let what it has be read, or the cache cannot be written.
    pub fn fetch_result(
        &self,
        stages: &StageCache,
        key: &Digest,
        paths: &[&ProjectPath],
    ) -> Result<bool, TransferError> {
        let fits =
            |shared: &&SharedEntry| shared.roots.iter().map(|root| &root.path).eq(paths.iter().copied());
        let results = Results::Stages(stages);
        // Those that were here already and lack their bytes only.
        let known = stages.all_of(key).into_iter().filter(|shared| results.admits(shared));
        let mut candidates: Vec<SharedEntry> = known.collect();
        let prefix = format!("{ENTRIES}{}/{}/", &key.hex()[..2], key.hex());
        let there = self.entries_below(&results, &prefix)?;
        candidates.extend(there.entries);
        sort(&mut candidates);
        self.fetch_first(&results, candidates.iter().filter(fits), there.unread)
    }

    /// Brings a result of DVC's run cache into the cache, entry and contents: one for the inputs of this key whose text
    /// `fits`. False when the remote has none that is trusted and whole.
    ///
    /// # Errors
    /// When the remote cannot be asked or does not let what it has be read, or the cache cannot be written.
    pub fn fetch_run(
        &self,
        results: &Results<'_>,
        key: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Result<bool, TransferError> {
        let prefix = format!("{}{}/{key}/", results.prefix(), &key[..2]);
        // Those that are here already and lack their bytes only.
        let mut candidates = results.below(&prefix);
        candidates.retain(|shared| results.admits(shared));
        let there = self.entries_below(results, &prefix)?;
        candidates.extend(there.entries);
        let fits = |shared: &&SharedEntry| std::str::from_utf8(&shared.bytes).is_ok_and(&fits);
        self.fetch_first(results, candidates.iter().filter(fits), there.unread)
    }

    /// Brings the first of these entries that comes whole. Where none does, and the remote did not let something of them be
    /// read (why, `unread` tells of entries), that is an error: a result that somebody has is no reason to compute it anew.
    fn fetch_first<'a>(
        &self,
        results: &Results<'_>,
        entries: impl Iterator<Item = &'a SharedEntry>,
        unread: Vec<String>,
    ) -> Result<bool, TransferError> {
        let mut unread = unread.into_iter().next();
        for shared in entries {
            let roots: Vec<Root> = shared.roots().collect();
            let report = self.fetch(&roots)?;
            if report.is_whole() {
                results.store(shared)?;
                return Ok(true);
            }
            unread = unread.or(report.unread);
        }
        unread.map_or(Ok(false), |reason| Err(TransferError::Unread(reason)))
    }

    /// The entries of the stage cache at the remote.
    pub(crate) fn list_entries(&self) -> Result<HashMap<String, Object>, TransferError> {
        self.list_keys(ENTRIES, |key| entry_of_key(key).is_some())
    }

    fn list_keys(
        &self,
        prefix: &str,
        is_key: impl Fn(&str) -> bool,
    ) -> Result<HashMap<String, Object>, TransferError> {
        let mut found = HashMap::new();
        self.remote.list(prefix, &mut |object| {
            if is_key(&object.key) {
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
            .filter_map(|entry| {
                let bytes = disk::read(&self.path(&entry)).ok()?;
                Some(SharedEntry::of_stage(entry, bytes))
            })
            .collect()
    }
}

/// The newest first, and last those that tell no time: the same one shall be taken everywhere.
fn sort(entries: &mut [SharedEntry]) {
    entries.sort_by_cached_key(|shared| {
        std::cmp::Reverse((shared.maker.as_ref().map(|maker| maker.created), shared.key.clone()))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_called_like_a_result_of_dvc_is_one() {
        let (key, value) = ("ab".repeat(32), "cd".repeat(32));
        assert!(is_run_key(&format!("runs/ab/{key}/{value}")));
        for wrong in [
            format!("runs/cd/{key}/{value}"),
            format!("runs/ab/{key}/{value}.tmp"),
            format!("runs/ab/{key}/{}", value.to_uppercase()),
            format!("runs/ab/{key}"),
            format!("runs/ab/{key}/../{value}"),
            format!("stages/ab/{key}/{value}"),
        ] {
            assert!(!is_run_key(&wrong), "{wrong}");
        }
    }
}
