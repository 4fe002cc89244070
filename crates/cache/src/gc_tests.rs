//! What a collection keeps and in which order the rest goes, on a cache made by hand.
#![allow(clippy::disallowed_methods, reason = "tests age files as a file system would")]

use std::time::{Duration, SystemTime};

use base::Timestamp;

use super::*;
use crate::stages::StageOut;
use crate::{Maker, Tree, hash_bytes};

struct Cache {
    folder: tempfile::TempDir,
    blobs: Blobs,
    stages: StageCache,
}

fn cache() -> Cache {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, stages) = (Blobs::new(folder.path()), StageCache::new(folder.path()));
    Cache { folder, blobs, stages }
}

/// After all that a test writes.
fn later() -> i64 {
    Stamp::now() + 3_600_000_000_000
}

fn options() -> GcOptions {
    GcOptions { start: later(), entries: Entries::Limited, older_than: None, max_size: None }
}

fn age(path: &Path, hours: u64) {
    let file = fs::File::open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours)).unwrap();
}

impl Cache {
    fn file(&self, text: &str) -> FileState {
        let digest = self.blobs.store_bytes(text.as_bytes()).unwrap();
        FileState { digest, size: text.len() as u64, files: None, executable: false }
    }

    fn folder(&self, entries: &[(&str, FileState)]) -> FileState {
        let entry = |state: &FileState| match state.files {
            None => TreeEntry::File { digest: state.digest, size: state.size, executable: false },
            Some(files) => TreeEntry::Folder { digest: state.digest, size: state.size, files },
        };
        let tree =
            Tree::new(entries.iter().map(|(name, state)| ((*name).to_owned(), entry(state))).collect());
        let digest = self.blobs.store_bytes(&tree.encode()).unwrap();
        let (size, files) = tree.totals();
        FileState { digest, size, files: Some(files), executable: false }
    }

    /// An entry of the stage cache that was last used so many hours ago, with its blobs of the same age.
    fn entry(&self, key: &str, out: FileState, hours: u64) -> Digest {
        let path = ProjectPath::from_record("out").unwrap();
        let out = StageOut { path, state: out };
        let maker = Maker { created: Timestamp(0), ..Maker::here() };
        let entry = StageEntry::new(hash_bytes(key.as_bytes()), "stage".to_owned(), vec![out], maker);
        self.stages.store(&entry).unwrap();
        for (_, file) in
            children(&self.stages.root().join(&entry.key.hex()[..2]).join(entry.key.hex())).unwrap()
        {
            age(&file, hours);
        }
        age(&self.blobs.path(&entry.outs[0].state.digest), hours);
        entry.key
    }

    fn entries(&self) -> usize {
        list_entries(&self.stages, &Roots::default()).unwrap().len()
    }

    #[track_caller]
    fn collect(&self, roots: &Roots, options: &GcOptions) -> Removed {
        let plan = plan_gc(&self.blobs, &self.stages, roots, options).unwrap();
        let before = list_blobs(&self.blobs).unwrap().len() + self.entries();
        let removed = sweep(&plan).unwrap();
        assert_eq!(removed, plan.removed);
        assert_eq!(list_blobs(&self.blobs).unwrap().len() + self.entries(), before - removed.total().count);
        removed
    }
}

#[test]
fn folders_are_kept_with_all_that_is_in_them() {
    let cache = cache();
    let (a, b, garbage) = (cache.file("a"), cache.file("b"), cache.file("garbage"));
    let inner = cache.folder(&[("b", b)]);
    let outer = cache.folder(&[("a", a), ("inner", inner)]);
    let lost = cache.folder(&[("a", a), ("garbage", garbage)]);
    let mut roots = Roots::default();
    roots.keep(&outer);
    let removed = cache.collect(&roots, &options());
    assert_eq!((removed.files.count, removed.folders.count, removed.entries.count), (1, 1, 0));
    assert!(cache.blobs.has_all(&outer));
    assert!(!cache.blobs.has(&garbage.digest) && !cache.blobs.has(&lost.digest));
    assert_eq!(cache.collect(&roots, &options()), Removed::default(), "a second time there is nothing");
}

#[test]
fn a_damaged_root_stops_everything_and_a_missing_one_nothing() {
    let cache = cache();
    let folder = cache.folder(&[("a", cache.file("a"))]);
    cache.file("garbage");
    let mut roots = Roots::default();
    roots.keep(&folder);
    disk::replace(&cache.blobs.path(&folder.digest), b"pipe-tree 1\ndamaged\n").unwrap();
    let fault = plan_gc(&cache.blobs, &cache.stages, &roots, &options()).unwrap_err();
    assert!(matches!(fault, GcError::Root(CacheError::Damaged { .. })), "{fault}");
    disk::remove(&cache.blobs.path(&folder.digest)).unwrap();
    let plan = plan_gc(&cache.blobs, &cache.stages, &roots, &options()).unwrap();
    assert_eq!((plan.removed.files.count, plan.missing), (2, 1));
}

#[test]
fn what_is_stored_again_meanwhile_stays() {
    let cache = cache();
    let (old, again, young) = (cache.file("old"), cache.file("again"), cache.file("young"));
    for state in [old, again] {
        age(&cache.blobs.path(&state.digest), 1);
    }
    let start = Stamp::now() - 60_000_000_000;
    let plan =
        plan_gc(&cache.blobs, &cache.stages, &Roots::default(), &GcOptions { start, ..options() }).unwrap();
    cache.file("again");
    sweep(&plan).unwrap();
    assert!(!cache.blobs.has(&old.digest));
    assert!(cache.blobs.has(&again.digest) && cache.blobs.has(&young.digest));
}

#[test]
fn entries_are_roots_unless_told_otherwise() {
    let cache = cache();
    let kept = cache.folder(&[("x", cache.file("kept"))]);
    let key = cache.entry("kept", kept, 5);
    let other = cache.file("other");
    cache.entry("other", other, 5);
    assert_eq!(cache.collect(&Roots::default(), &options()), Removed::default());
    let mut roots = Roots::default();
    roots.keep_result(key, &[(ProjectPath::from_record("out").unwrap(), kept)]);
    let removed = cache.collect(&roots, &GcOptions { entries: Entries::Drop, ..options() });
    assert_eq!((removed.files.count, removed.folders.count, removed.entries.count), (1, 0, 1));
    assert!(cache.blobs.has_all(&kept));
    assert_eq!(cache.stages.results(&key).len(), 1, "the lock stands on that one");
    assert!(!cache.blobs.has(&other.digest));
}

#[test]
fn an_entry_that_cannot_be_read_stops_everything() {
    let cache = cache();
    let key = cache.entry("a", cache.file("a"), 0);
    let path = cache.folder.path().join("stages").join(&key.hex()[..2]).join(key.hex()).join("x.json");
    for text in ["{", r#"{"version": 99}"#] {
        disk::replace(&path, text.as_bytes()).unwrap();
        let fault = plan_gc(&cache.blobs, &cache.stages, &Roots::default(), &options()).unwrap_err();
        assert!(matches!(fault, GcError::Entry { .. }), "{fault}");
    }
    // As no root it is only an old file.
    let removed = cache.collect(&Roots::default(), &GcOptions { entries: Entries::Drop, ..options() });
    assert_eq!(removed.entries.count, 2);
}

#[test]
fn age_spares_the_young_and_what_they_name() {
    let cache = cache();
    let shared = cache.file("shared");
    cache.entry("old", cache.folder(&[("s", shared), ("only", cache.file("only old"))]), 100);
    cache.entry("young", cache.folder(&[("s", shared)]), 1);
    let young_garbage = cache.file("young garbage");
    let limit = Some(Stamp::now() - 50 * 3_600_000_000_000);
    age(&cache.blobs.path(&hash_bytes(b"only old")), 100);
    age(&cache.blobs.path(&shared.digest), 100);
    let keep = GcOptions { entries: Entries::Keep, older_than: limit, ..options() };
    assert_eq!(cache.collect(&Roots::default(), &keep), Removed::default());
    let removed = cache.collect(&Roots::default(), &GcOptions { older_than: limit, ..options() });
    assert_eq!((removed.files.count, removed.folders.count, removed.entries.count), (1, 1, 1));
    assert!(cache.blobs.has(&young_garbage.digest) && cache.blobs.has(&shared.digest));
}

#[test]
fn a_young_folder_keeps_its_old_files() {
    let cache = cache();
    let file = cache.file("old");
    age(&cache.blobs.path(&file.digest), 100);
    let folder = cache.folder(&[("x", file)]);
    let limit = Some(Stamp::now() - 50 * 3_600_000_000_000);
    let removed = cache.collect(&Roots::default(), &GcOptions { older_than: limit, ..options() });
    assert_eq!(removed, Removed::default());
    assert!(cache.blobs.has_all(&folder));
}

#[test]
fn a_size_drops_garbage_first_then_the_oldest_results_and_no_more_than_needed() {
    let cache = cache();
    let big = |fill: char| std::iter::repeat_n(fill, 10_000).collect::<String>();
    let garbage = cache.file(&big('g'));
    let shared = cache.file(&big('s'));
    let oldest = cache.folder(&[("s", shared), ("x", cache.file(&big('o')))]);
    let middle = cache.folder(&[("s", shared), ("x", cache.file(&big('m')))]);
    cache.entry("oldest", oldest, 30);
    cache.entry("middle", middle, 20);
    let newest = cache.file(&big('n'));
    let key = cache.entry("newest", newest, 40);
    let mut roots = Roots::default();
    roots.keep_result(key, &[(ProjectPath::from_record("out").unwrap(), newest)]);
    let sized = |size: u64| GcOptions { max_size: Some(size), ..options() };
    assert_eq!(cache.collect(&roots, &sized(60_000)), Removed::default(), "it fits");
    assert_eq!(cache.collect(&roots, &sized(50_000)).files.count, 1);
    assert!(!cache.blobs.has(&garbage.digest));
    let removed = cache.collect(&roots, &sized(35_000));
    assert_eq!((removed.files.count, removed.folders.count, removed.entries.count), (1, 1, 1));
    assert!(cache.blobs.has_all(&middle), "what the younger one shares with the oldest stays");
    let keep = GcOptions { entries: Entries::Keep, ..sized(0) };
    assert_eq!(cache.collect(&roots, &keep), Removed::default());
    let removed = cache.collect(&roots, &sized(0));
    assert_eq!((removed.files.count, removed.entries.count), (2, 1));
    assert!(cache.blobs.has_all(&newest), "the lock needs it, however old it is");
}

#[test]
fn what_killed_writers_left_behind_goes_after_a_day() {
    let cache = cache();
    let blob = cache.blobs.path(&cache.file("kept").digest);
    let mut roots = Roots::default();
    roots.keep(&cache.file("kept"));
    for (name, hours) in [(".pipe-a1b2c3.tmp", 30), (".pipe-d4e5f6.tmp", 20)] {
        let path = blob.with_file_name(name);
        disk::replace(&path, b"half").unwrap();
        age(&path, hours);
    }
    let now = GcOptions { start: Stamp::now(), ..options() };
    let plan = plan_gc(&cache.blobs, &cache.stages, &roots, &now).unwrap();
    assert_eq!(sweep(&plan).unwrap().files, Tally { count: 1, bytes: 4 });
    assert!(!blob.with_file_name(".pipe-a1b2c3.tmp").exists());
    assert!(blob.with_file_name(".pipe-d4e5f6.tmp").exists() && blob.exists());
}

#[test]
fn what_was_stored_since_the_start_stays_though_its_seal_puts_its_time_back() {
    let cache = cache();
    for number in 0..40 {
        let start = Stamp::now() - 20_000_000;
        let options = GcOptions { start, ..options() };
        let mut incoming = cache.blobs.begin().unwrap();
        incoming.append(format!("{number}").as_bytes()).unwrap();
        let (digest, _) = incoming.finish().unwrap();
        let plan = plan_gc(&cache.blobs, &cache.stages, &Roots::default(), &options).unwrap();
        sweep(&plan).unwrap();
        assert!(cache.blobs.has(&digest), "{number}");
        // Planned before it was stored once more.
        let plan = plan_gc(&cache.blobs, &cache.stages, &Roots::default(), &self::options()).unwrap();
        let plan = GcPlan { start, ..plan };
        sweep(&plan).unwrap();
        assert!(cache.blobs.has(&digest), "{number}");
    }
}
