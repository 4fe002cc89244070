//! Garbage collection: what of a cache nobody needs, and removing it.
//!
//! Whoever calls names the roots; who those are (locks, runs, jobs) is not known here. Everything is marked before
//! anything is removed, and a root that cannot be followed stops the collection: what it would have kept is not known.
//! A blob that was written, or stored once more, since the collection began stays, whatever the marks say.
//!
//! What is removed is closed under "is named by": entries go first, then manifests, then files. So a collection that
//! is cut off leaves nothing that names what is gone, but for what was garbage itself.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use base::{Algorithm, Digest, FileState, ProjectPath};
use disk::{DiskError, Stamp};

use crate::seal::SECOND;
use crate::stages::{StageEntry, result_digest};
use crate::tree::{HEADER, TreeEntry};
use crate::{Blobs, CacheError, StageCache};

/// What must stay.
#[derive(Debug, Default)]
pub struct Roots {
    pub(crate) contents: Vec<(Digest, bool)>,
    /// Stage key and result of each stage cache entry that a lock stands on.
    pub(crate) results: HashSet<(Digest, Digest)>,
    /// Whether somebody needs contents of which it cannot be told which they are.
    pub(crate) untold: bool,
}

impl Roots {
    /// Keeps a content; of a folder everything in it.
    pub fn keep(&mut self, state: &FileState) {
        self.contents.push((state.digest, state.is_folder()));
    }

    /// Keeps the blob of a file.
    pub fn keep_file(&mut self, digest: Digest) {
        self.contents.push((digest, false));
    }

    /// Keeps every content: it cannot be told what somebody needs.
    pub fn keep_untold(&mut self) {
        self.untold = true;
    }

    /// Keeps a stage's result: the outs, and the stage cache entry that tells where they came from. `outs` are
    /// ascending by path.
    pub fn keep_result(&mut self, key: Digest, outs: &[(ProjectPath, FileState)]) {
        self.results.insert((key, result_digest(outs.iter().map(|(path, state)| (path, state)))));
        for (_, state) in outs {
            self.keep(state);
        }
    }
}

/// What becomes of stage cache entries that no lock stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entries {
    /// They keep what they name, unless limits of age or size are given: then the oldest go.
    #[default]
    Limited,
    /// They keep what they name, whatever the limits are.
    Keep,
    /// They keep nothing: without limits all go, with limits the oldest.
    Drop,
}

/// What else decides what goes.
#[derive(Clone, Copy, Debug)]
pub struct GcOptions {
    /// What is as young as this stays: when the collection, or the oldest job that is still at work, began.
    /// Nanoseconds since 1970.
    pub start: i64,
    /// What becomes of stage cache entries that no lock stands on.
    pub entries: Entries,
    /// Only what was last used before this moment goes, entries of the stage cache included. Nanoseconds since 1970.
    pub older_than: Option<i64>,
    /// The oldest go, entries of the stage cache included, until the cache has at most so many bytes.
    pub max_size: Option<u64>,
}

/// A number of files, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files.
    pub count: usize,
    /// Bytes.
    pub bytes: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }

    /// Both together.
    #[must_use]
    pub fn with(self, other: Tally) -> Tally {
        Tally { count: self.count + other.count, bytes: self.bytes + other.bytes }
    }
}

/// What a collection removes, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Blobs of files.
    pub files: Tally,
    /// Blobs that are manifests of folders.
    pub folders: Tally,
    /// Entries of the stage cache.
    pub entries: Tally,
}

impl Removed {
    /// All kinds together.
    pub fn total(&self) -> Tally {
        self.files.with(self.folders).with(self.entries)
    }
}

/// What is to go and what stays.
#[derive(Debug)]
pub struct GcPlan {
    /// What would be removed.
    pub removed: Removed,
    /// What stays.
    pub kept: Tally,
    /// What of it only stays since it cannot be told what somebody needs.
    pub spared: Tally,
    /// How many contents are needed that the cache does not hold.
    pub missing: usize,
    entries: Vec<Listed<PathBuf>>,
    folders: Vec<Listed<Name>>,
    files: Vec<Listed<Name>>,
    unfinished: Vec<Listed<PathBuf>>,
    start: i64,
    blobs: Blobs,
}

/// Why it cannot be said what is garbage, or why it cannot be removed.
#[derive(Debug, thiserror::Error)]
pub enum GcError {
    /// Something that is needed names other things, and cannot be read.
    #[error("nothing was removed, since something that is needed cannot be read")]
    Root(#[source] CacheError),
    /// An entry of the stage cache cannot be read.
    #[error(
        "nothing was removed, since the stage cache entry {} cannot be read: {reason}",
        base::shown(path)
    )]
    Entry {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The cache folder cannot be listed.
    #[error(transparent)]
    List(CacheError),
    /// Something cannot be removed.
    #[error(transparent)]
    Remove(#[from] DiskError),
}

/// Which blob: there may be a million, so that paths are made when they are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    digest: Digest,
    /// In DVC's layout, whether its name says that it is of a folder.
    is_folder: bool,
    /// Whether it lies where an older version put it.
    is_old: bool,
}

impl Name {
    fn path(&self, blobs: &Blobs) -> PathBuf {
        blobs.root().join(blobs.layout().key(&self.digest, self.is_folder, self.is_old))
    }
}

/// A file of the cache, by its path or what makes it.
#[derive(Clone, Debug)]
struct Listed<N> {
    name: N,
    bytes: u64,
    /// When it was last written, stored again or restored from, nanoseconds since 1970.
    used: i64,
}

/// An entry of the stage cache, with the names that its path gives it.
struct ListedEntry {
    file: Listed<PathBuf>,
    is_needed: bool,
}

/// Says what would go. Touches nothing.
///
/// # Errors
/// When something that is needed is damaged or unreadable. What the cache lacks is only counted.
pub fn plan_gc(
    blobs: &Blobs,
    stages: &StageCache,
    roots: &Roots,
    options: &GcOptions,
) -> Result<GcPlan, GcError> {
    let mut found = list_blobs(blobs).map_err(GcError::List)?;
    let mut entries = list_entries(stages, roots).map_err(GcError::List)?;
    // The newest first: what two of them name belongs to the younger.
    entries.sort_by(|a, b| b.file.used.cmp(&a.file.used).then_with(|| a.file.name.cmp(&b.file.name)));
    let is_old = |used: i64| used < options.start && options.older_than.is_none_or(|limit| used < limit);
    let drops_entries = match options.entries {
        Entries::Keep => false,
        Entries::Limited => options.older_than.is_some(),
        Entries::Drop => options.older_than.is_some() || options.max_size.is_none(),
    };
    let (gone, kept): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| drops_entries && !entry.is_needed && is_old(entry.file.used));
    let mut marks = Marks { blobs, owners: HashMap::new(), folders: HashSet::new(), missing: 0 };
    for (digest, folder) in &roots.contents {
        marks.mark(*digest, *folder, FIXED)?;
    }
    // Needed entries mark first: what they name must not be charged to one that may go.
    for entry in kept.iter().filter(|entry| entry.is_needed) {
        marks.mark_entry(entry, FIXED)?;
    }
    for (index, entry) in kept.iter().enumerate().filter(|(_, entry)| !entry.is_needed) {
        marks.mark_entry(entry, u32::try_from(index).unwrap_or(FIXED))?;
    }
    // What is too young to go keeps what it names, whatever it is: somebody may be about to name it.
    let is_needed = |marks: &Marks<'_>, file: &Listed<Name>| marks.owners.contains_key(&file.name.digest);
    let young: Vec<Name> = (found.iter().filter(|file| !is_old(file.used) && !is_needed(&marks, file)))
        .map(|file| file.name)
        .collect();
    for name in young {
        if is_manifest(blobs, &name)? {
            // A manifest that cannot be read keeps nothing, and is no root either.
            let _ = marks.mark(name.digest, true, FIXED);
        }
    }
    // A content may lie there as a file and as a folder, or in an older place, too.
    found.sort_unstable_by_key(|file| file.name);
    let mut here = 0;
    for same in found.chunk_by(|a, b| a.name.digest == b.name.digest) {
        here += usize::from(is_needed(&marks, &same[0]));
    }
    marks.missing += marks.owners.len() - here;
    let mut sorting = Sorting::new(found, kept, gone, &marks, options.start);
    sorting.spares = roots.untold;
    for file in list_unfinished(blobs, options.start).map_err(GcError::List)? {
        sorting.unfinished.push(file);
    }
    if options.max_size.is_none() || options.older_than.is_some() {
        sorting.drop_garbage(is_old);
    }
    // Entries alone make no room.
    if let Some(limit) = options.max_size.filter(|_| !roots.untold) {
        if options.entries == Entries::Keep {
            sorting.entries.clear();
        }
        sorting.shrink(limit);
    }
    sorting.finish(marks.missing, blobs)
}

/// Removes what was planned, but for what was stored anew since. Returns what was removed.
///
/// # Errors
/// When something cannot be removed; what was until then is gone.
pub fn sweep(plan: &GcPlan) -> Result<Removed, GcError> {
    let mut removed = Removed::default();
    for Listed { name: path, bytes, .. } in &plan.entries {
        if remove((path, *bytes), plan.start, &mut removed.entries)?
            && let (Some(folder), Some(above)) = (path.parent(), path.ancestors().nth(3))
        {
            disk::remove_empty_folders(folder, above);
        }
    }
    for Listed { name, bytes, .. } in &plan.folders {
        remove((&name.path(&plan.blobs), *bytes), plan.start, &mut removed.folders)?;
    }
    for Listed { name, bytes, .. } in &plan.files {
        remove((&name.path(&plan.blobs), *bytes), plan.start, &mut removed.files)?;
    }
    for Listed { name: path, bytes, .. } in &plan.unfinished {
        remove((path, *bytes), plan.start, &mut removed.files)?;
    }
    Ok(removed)
}

/// Whoever stores a content that is there already touches its blob instead of writing it. Should he do so in the very
/// moment in which it goes, it is there once more: it is moved away before it is looked at for the last time, and who
/// comes later finds none to touch.
fn remove((path, bytes): (&Path, u64), start: i64, tally: &mut Tally) -> Result<bool, DiskError> {
    let stamp = |path: &Path| fs::symlink_metadata(path).ok().map(|metadata| Stamp::of(&metadata));
    let Some(before) = stamp(path).filter(|stamp| used(stamp) < start) else { return Ok(false) };
    let aside = aside_of(path);
    // A full disk may have no room for another name, and must not keep anybody from making some.
    let gone = if disk::move_path(path, &aside).is_ok() { &aside } else { path };
    if *gone == aside && stamp(&aside).is_some_and(|after| after.mtime != before.mtime) {
        disk::move_path(&aside, path)?;
        return Ok(false);
    }
    disk::remove(gone)?;
    tally.add(bytes);
    Ok(true)
}

/// The latest moment at which a file can have been stored: its seal puts the time of its last change back by up to a
/// second, and a link to it made later moves the time of the inode alone.
fn used(stamp: &Stamp) -> i64 {
    stamp.ctime.clamp(stamp.mtime, stamp.mtime.saturating_add(SECOND))
}

/// A name beside a file that means nothing: should this process die, the file is one that was given up.
fn aside_of(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".pipe-{}.tmp", &stem[stem.len().saturating_sub(6)..]))
}

/// Owner of what a root needs.
const FIXED: u32 = u32::MAX;

/// What is needed, and by whom.
struct Marks<'a> {
    blobs: &'a Blobs,
    /// By content: the youngest entry that names it, by its place in the list, or [`FIXED`].
    owners: HashMap<Digest, u32>,
    /// The manifests that were followed.
    folders: HashSet<Digest>,
    missing: usize,
}

impl Marks<'_> {
    fn mark(&mut self, digest: Digest, folder: bool, owner: u32) -> Result<(), GcError> {
        let mut open = vec![(digest, folder)];
        let mut is_outermost = true;
        while let Some((digest, folder)) = open.pop() {
            // A folder in a manifest for all files below it has none of its own.
            if is_outermost || !folder || !self.blobs.layout().is_flat() {
                self.owners.entry(digest).or_insert(owner);
            }
            is_outermost = false;
            if !folder || !self.folders.insert(digest) {
                continue;
            }
            let tree = match self.blobs.tree(&digest) {
                Ok(tree) => tree,
                // Nothing can be brought back by it. It is counted as missing, like a file.
                Err(CacheError::Missing { .. }) => continue,
                Err(fault) => return Err(GcError::Root(fault)),
            };
            open.extend(tree.entries().iter().map(|(_, entry)| match *entry {
                TreeEntry::File { digest, .. } => (digest, false),
                TreeEntry::Folder { digest, .. } => (digest, true),
            }));
        }
        Ok(())
    }

    fn mark_entry(&mut self, entry: &ListedEntry, owner: u32) -> Result<(), GcError> {
        for out in StageEntry::read(&entry.file.name)
            .map_err(|reason| GcError::Entry { path: entry.file.name.clone(), reason })?
            .outs
        {
            self.mark(out.state.digest, out.state.is_folder(), owner)?;
        }
        Ok(())
    }
}

/// Everything in the cache on its way to one side or the other.
struct Sorting {
    /// Not needed by anything that stays, the oldest last.
    garbage: Vec<Listed<Name>>,
    /// Entries that may go, the oldest last, each with what it alone still needs.
    entries: Vec<(Listed<PathBuf>, Vec<Listed<Name>>)>,
    /// Bytes of all that stays as things are, garbage that was not dropped included.
    kept: Tally,
    /// Whether no content goes, and what would have.
    spares: bool,
    spared: Tally,
    gone_entries: Vec<Listed<PathBuf>>,
    gone_blobs: Vec<Listed<Name>>,
    unfinished: Vec<Listed<PathBuf>>,
    start: i64,
}

impl Sorting {
    fn new(
        found: Vec<Listed<Name>>,
        kept_entries: Vec<ListedEntry>,
        gone_entries: Vec<ListedEntry>,
        marks: &Marks<'_>,
        start: i64,
    ) -> Self {
        let mut kept = Tally::default();
        let mut owned: HashMap<u32, Vec<Listed<Name>>> = HashMap::new();
        let mut garbage = Vec::new();
        for file in found {
            kept.add(file.bytes);
            match marks.owners.get(&file.name.digest) {
                None => garbage.push(file),
                Some(&FIXED) => {}
                Some(owner) => owned.entry(*owner).or_default().push(file),
            }
        }
        let mut entries = Vec::new();
        for (index, entry) in kept_entries.into_iter().enumerate() {
            kept.add(entry.file.bytes);
            if !entry.is_needed {
                let owned = u32::try_from(index).ok().and_then(|index| owned.remove(&index));
                entries.push((entry.file, owned.unwrap_or_default()));
            }
        }
        garbage.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.name.cmp(&b.name)));
        let gone_entries = gone_entries.into_iter().map(|entry| entry.file).collect();
        let (gone_blobs, unfinished) = (Vec::new(), Vec::new());
        let (spares, spared) = (false, Tally::default());
        Sorting { garbage, entries, kept, spares, spared, gone_entries, gone_blobs, unfinished, start }
    }

    fn drop_garbage(&mut self, is_old: impl Fn(i64) -> bool) {
        let (old, young): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.garbage).into_iter().partition(|file| is_old(file.used));
        self.garbage = young;
        for file in old {
            self.drop_blob(file);
        }
    }

    fn drop_blob(&mut self, file: Listed<Name>) {
        if self.spares {
            return self.spared.add(file.bytes);
        }
        self.kept.count -= 1;
        self.kept.bytes -= file.bytes;
        self.gone_blobs.push(file);
    }

    /// Drops the oldest until at most `limit` bytes are left: first what nothing needs, then entries with what they
    /// alone need.
    fn shrink(&mut self, limit: u64) {
        while self.kept.bytes > limit
            && let Some(file) = self.garbage.pop()
        {
            if file.used < self.start {
                self.drop_blob(file);
            }
        }
        while self.kept.bytes > limit
            && let Some((entry, owned)) = self.entries.pop()
        {
            if entry.used >= self.start {
                continue;
            }
            self.kept.count -= 1;
            self.kept.bytes -= entry.bytes;
            self.gone_entries.push(entry);
            for file in owned {
                if file.used < self.start {
                    self.drop_blob(file);
                }
            }
        }
    }

    fn finish(self, missing: usize, blobs: &Blobs) -> Result<GcPlan, GcError> {
        let mut removed = Removed::default();
        self.gone_entries.iter().for_each(|entry| removed.entries.add(entry.bytes));
        self.unfinished.iter().for_each(|file| removed.files.add(file.bytes));
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for blob in self.gone_blobs {
            if is_manifest(blobs, &blob.name)? {
                removed.folders.add(blob.bytes);
                folders.push(blob);
            } else {
                removed.files.add(blob.bytes);
                files.push(blob);
            }
        }
        let Sorting { kept, spared, gone_entries: entries, unfinished, start, .. } = self;
        Ok(GcPlan {
            removed,
            kept,
            spared,
            missing,
            entries,
            folders,
            files,
            unfinished,
            start,
            blobs: blobs.clone(),
        })
    }
}

/// All blobs. Other files in the folder (those being written, for one) are none. In DVC's layout a file and a folder may
/// have the same digest.
fn list_blobs(blobs: &Blobs) -> Result<Vec<Listed<Name>>, CacheError> {
    let algorithm = blobs.layout().algorithm();
    let mut found = Vec::new();
    for (place, top) in blobs.folders().into_iter().enumerate() {
        for (start, folder) in children(&top)? {
            for (rest, path) in children(&folder)? {
                let digits = blobs.layout().digits(&rest);
                let Ok(digest) = Digest::from_hex(algorithm, &format!("{start}{digits}")) else { continue };
                let name = Name { digest, is_folder: digits != rest, is_old: place > 0 };
                // Spelled in another way it is no blob: nothing looks for it there.
                if name.path(blobs) == path {
                    found.extend(listed(&path)?.map(|(bytes, used)| Listed { name, bytes, used }));
                }
            }
        }
    }
    Ok(found)
}

/// Whether a blob is the manifest of a folder.
fn is_manifest(blobs: &Blobs, name: &Name) -> Result<bool, DiskError> {
    match blobs.layout().is_flat() {
        true => Ok(name.is_folder),
        false => disk::starts_with(&name.path(blobs), HEADER.as_bytes()),
    }
}

/// How long ago a blob must have been begun to count as given up, nanoseconds.
pub(crate) const GIVEN_UP: i64 = 24 * 3600 * 1_000_000_000;

/// Blobs that processes began to write and never will finish.
fn list_unfinished(blobs: &Blobs, start: i64) -> Result<Vec<Listed<PathBuf>>, CacheError> {
    let mut found = Vec::new();
    for (_, folder) in children(&blobs.folder())? {
        for (_, path) in children(&folder)?.into_iter().filter(|(name, _)| disk::is_unfinished(name)) {
            let is_given_up = |(_, used): &(u64, i64)| *used < start.saturating_sub(GIVEN_UP);
            let file = listed(&path)?.filter(is_given_up);
            found.extend(file.map(|(bytes, used)| Listed { name: path, bytes, used }));
        }
    }
    Ok(found)
}

fn list_entries(stages: &StageCache, roots: &Roots) -> Result<Vec<ListedEntry>, CacheError> {
    let mut found = Vec::new();
    for (_, start) in children(stages.root())? {
        for (key, folder) in children(&start)? {
            let key = Digest::from_hex(Algorithm::Blake3, &key).ok();
            for (name, path) in children(&folder)? {
                let Some(result) = name.strip_suffix(".json") else { continue };
                let result = Digest::from_hex(Algorithm::Blake3, result).ok();
                let is_needed = key.zip(result).is_some_and(|names| roots.results.contains(&names));
                let file = listed(&path)?.map(|(bytes, used)| Listed { name: path, bytes, used });
                found.extend(file.map(|file| ListedEntry { file, is_needed }));
            }
        }
    }
    Ok(found)
}

/// Names and paths in a folder; none when there is no folder. Names that are not UTF-8 are none of ours.
fn children(folder: &Path) -> Result<Vec<(String, PathBuf)>, CacheError> {
    let fault = |source| CacheError::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(missing)
            if matches!(missing.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(Vec::new());
        }
        Err(source) => return Err(fault(source)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fault)?;
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

/// Bytes and last use of a file; `None` for what is no file, or went away meanwhile.
fn listed(path: &Path) -> Result<Option<(u64, i64)>, CacheError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            let stamp = Stamp::of(&metadata);
            Ok(Some((stamp.size, used(&stamp))))
        }
        Ok(_) => Ok(None),
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CacheError::Read { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
#[path = "gc_tests.rs"]
mod tests;
