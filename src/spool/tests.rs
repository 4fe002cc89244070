//! Sets that wait: kept in their order, applied each once, put aside or refused for themselves.

use track::{Artifact, Metric, NewRun, Param, RunStore, SqliteStore, Tag};

use super::*;

fn logged(id: &str, change: Change) -> Changes {
    Changes { id: Some(ChangesId(id.into())), ..Changes::new(Timestamp::now(), vec![change]) }
}

#[test]
fn what_is_kept_at_once_by_several_is_kept_of_each() {
    let folder = tempfile::tempdir().unwrap();
    // Later than any clock: the names that follow are counted on from it.
    let newest = RunId::from_parts(Timestamp(i64::from(u32::MAX) * 1000), 0);
    let changes = logged("a", Change::LogParams { run: newest, params: Vec::new() });
    keep(folder.path(), &newest, &changes).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| keep(folder.path(), &new_run_id(), &changes).unwrap()));
        }
    });
    assert_eq!(files(folder.path()).len(), 161);
}

#[test]
fn the_folder_is_read_for_the_first_set_alone() {
    let folder = tempfile::tempdir().unwrap();
    let name = |number| RunId::from_parts(Timestamp(number), 0);
    let changes = logged("a", Change::LogParams { run: name(1), params: Vec::new() });
    let file = |name: RunId| folder.path().join(format!("{name}.json"));
    disk::create_private(&file(name(5_000)), b"{}").unwrap();
    keep(folder.path(), &name(4_000), &changes).unwrap();
    let first = files(folder.path()).pop().unwrap();
    assert!(first > file(name(5_000)), "behind what waited");
    // Another process, whose clock is ahead.
    disk::create_private(&file(name(90_000)), b"{}").unwrap();
    keep(folder.path(), &name(3_000), &changes).unwrap();
    keep(folder.path(), &name(6_000), &changes).unwrap();
    let files = files(folder.path());
    assert_eq!((&files[1], &files[3..]), (&first, &[file(name(6_000)), file(name(90_000))][..]));
}

/// Files that earlier versions left must be read for ever.
const SPOOL_1: &str = include_str!("../../tests/golden/spool-1.json");

#[test]
fn a_file_of_version_1() {
    let run = RunId::from_parts(Timestamp(1), 1);
    let point =
        |value, step| Metric { key: "loss".into(), value, step, timestamp: Timestamp(1_764_000_000_000) };
    let changes = Changes {
        id: Some(ChangesId("log-0".into())),
        ..Changes::new(
            Timestamp(1_764_000_000_000),
            vec![Change::LogMetrics { run, metrics: vec![point(0.5, 1), point(f64::NAN, -2)] }],
        )
    };
    assert_eq!(serde_json::to_string(&changes).unwrap(), SPOOL_1.trim_end());
    assert_eq!(serde_json::from_str::<Changes>(SPOOL_1).unwrap(), changes);
}

/// What a reproduction logs must not wait behind what was logged to a run that is gone.
#[test]
fn what_waits_for_a_run_that_does_not_come_goes_aside() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let store = SqliteStore::open_in_memory().unwrap();
    let run = RunId::from_parts(Timestamp(1), 1);
    let tag = |value: &str| {
        let tags = vec![Tag { key: "k".into(), value: value.into() }];
        Change::SetTags { run, tags }
    };
    let digest = Digest::from_hex(base::Algorithm::Blake3, &"0".repeat(64)).unwrap();
    let artifact = Artifact { path: "a".into(), digest, size: 4 };
    let log = Change::LogArtifacts { run, artifacts: vec![artifact] };
    let old = Timestamp(Timestamp::now().0 - 2 * SOON_MILLIS);
    let keep_at = |at, number, change| {
        let name = RunId::from_parts(Timestamp(number), 0);
        let id = Some(ChangesId(format!("log-{number}")));
        keep(&spool, &name, &Changes { id, ..Changes::new(at, vec![change]) }).unwrap();
    };
    keep_at(old, 1, tag("first"));
    keep_at(old, 2, log);
    replay(&spool, &store).unwrap();
    assert!(is_empty(&spool) && has_orphans(&spool));
    assert_eq!(kept_artifacts(&spool).unwrap(), [digest]);
    // What comes about it is no reason to be quicker.
    keep_at(Timestamp::now(), 3, tag("last"));
    replay(&spool, &store).unwrap();
    assert!(!is_empty(&spool));
    let begin = Change::CreateRun(NewRun { name: Some("late".into()), ..NewRun::new(run, old) });
    keep_at(Timestamp::now(), 4, begin);
    assert_eq!(run_named(&spool, "late"), Some(run));
    assert_eq!(run_named(&spool, "early"), None);
    replay(&spool, &store).unwrap();
    assert!(is_empty(&spool) && !has_orphans(&spool));
    let found = store.run(run).unwrap();
    assert_eq!(found.data.tags["k"], "last");
    assert_eq!(store.artifacts(run).unwrap().len(), 1);
}

#[test]
fn what_waits_is_applied_once_and_what_is_refused_goes_aside() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let store = SqliteStore::open_in_memory().unwrap();
    let run = RunId::from_parts(Timestamp(1), 1);
    let point = |value| Metric { key: "loss".into(), value, step: 1, timestamp: Timestamp(5) };
    let metrics = Change::LogMetrics { run, metrics: vec![point(0.5), point(f64::NAN)] };
    let name = |number| RunId::from_parts(Timestamp(number), 0);
    let file = |number| spool.join(format!("{}.json", name(number)));
    keep(&spool, &name(1), &logged("a", metrics)).unwrap();
    let param =
        |value: &str| Change::LogParams { run, params: vec![Param { key: "p".into(), value: value.into() }] };
    keep(&spool, &name(2), &logged("b", param("1"))).unwrap();
    keep(&spool, &name(3), &logged("c", param("2"))).unwrap();
    // The run is not there yet.
    replay(&spool, &store).unwrap();
    assert_eq!(files(&spool).len(), 3);
    store.apply(Changes::new(Timestamp(1), vec![Change::CreateRun(NewRun::new(run, Timestamp(1)))])).unwrap();
    let bytes = disk::read(&file(1)).unwrap();
    replay(&spool, &store).unwrap();
    assert_eq!(files(&spool), Vec::<PathBuf>::new());
    assert_eq!(files(&spool.join("refused")), [spool.join("refused").join(file(3).file_name().unwrap())]);
    assert_eq!(store.run(run).unwrap().data.params["p"], "1");
    // Killed before the file was removed: it counts once.
    disk::create_private(&file(1), &bytes).unwrap();
    replay(&spool, &store).unwrap();
    assert_eq!(store.metric_history(run, "loss").unwrap().len(), 2);
    assert_eq!(files(&spool), Vec::<PathBuf>::new());
}

#[test]
fn a_clock_that_goes_back_does_not_change_the_order() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let store = SqliteStore::open_in_memory().unwrap();
    let run = RunId::from_parts(Timestamp(1), 1);
    let new = Change::CreateRun(NewRun::new(run, Timestamp(9_000)));
    store.apply(Changes::new(Timestamp(9_000), vec![new])).unwrap();
    for (at, value) in [(9_000, "first"), (8_000, "second"), (20, "third")] {
        let tags = vec![Tag { key: "which".into(), value: value.into() }];
        let changes = logged(value, Change::SetTags { run, tags });
        keep(&spool, &RunId::from_parts(Timestamp(at), 7), &changes).unwrap();
    }
    assert_eq!(files(&spool).len(), 3);
    // One that is written now, and one whose writer is long gone.
    for (name, age) in [(".pipe-a1b2c3.tmp", 0), (".pipe-d4e5f6.tmp", 7200)] {
        disk::create_private(&spool.join(name), b"{").unwrap();
        let old = std::time::SystemTime::now() - Duration::from_secs(age);
        disk::open(&spool.join(name)).unwrap().set_modified(old).unwrap();
    }
    replay(&spool, &store).unwrap();
    let left: Vec<_> = std::fs::read_dir(&spool).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".pipe-a1b2c3.tmp"]);
    assert_eq!(store.run(run).unwrap().data.tags["which"], "third");
    assert!(is_empty(&spool));
}

#[test]
fn what_waits_for_a_run_that_was_kept_after_it_is_applied_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_in_memory().unwrap();
    let [parent, child, inner] = [1, 2, 3].map(|number| RunId::from_parts(Timestamp(number), 1));
    let begin = |run, parent| Change::CreateRun(NewRun { parent, ..NewRun::new(run, Timestamp(1)) });
    let tag = |run, key: &str, value: &str| Change::SetTags {
        run,
        tags: vec![Tag { key: key.into(), value: value.into() }],
    };
    let sets = [
        vec![tag(child, "k", "v")],
        vec![begin(child, Some(parent))],
        // It says by a tag where it comes from.
        vec![begin(inner, None), tag(inner, track::PARENT_TAG, &child.to_string())],
        vec![begin(parent, None)],
    ];
    replay_in_order(folder.path(), sets, &store);
    let found = store.run(child).unwrap();
    assert_eq!((found.info.parent, &*found.data.tags["k"]), (Some(parent), "v"));
    assert_eq!(store.run(inner).unwrap().info.parent, Some(child));
}

/// Has the sets wait one after the other, and applies them all.
fn replay_in_order(folder: &Path, sets: impl IntoIterator<Item = Vec<Change>>, store: &SqliteStore) {
    for (at, changes) in (1..).zip(sets) {
        let id = Some(ChangesId(format!("log-{at}")));
        let changes = Changes { id, ..Changes::new(Timestamp::now(), changes) };
        keep(folder, &RunId::from_parts(Timestamp(at), 0), &changes).unwrap();
    }
    replay(folder, store).unwrap();
    assert!(is_empty(folder));
}

/// A tag is the one that was set last.
#[test]
fn what_comes_after_something_that_waits_for_the_same_run_is_applied_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_in_memory().unwrap();
    let run = RunId::from_parts(Timestamp(1), 1);
    let tag = |value: &str| Change::SetTags { run, tags: vec![Tag { key: "k".into(), value: value.into() }] };
    let begin = Change::CreateRun(NewRun::new(run, Timestamp(1)));
    let sets = [vec![tag("first")], vec![begin, tag("begun")], vec![tag("last")]];
    replay_in_order(folder.path(), sets, &store);
    assert_eq!(&*store.run(run).unwrap().data.tags["k"], "last");
}

#[test]
fn artifacts_that_wait_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunId::from_parts(Timestamp(1), 1);
    let digest = Digest::Blake3([7; 32]);
    let artifacts = vec![Artifact { path: "a".into(), digest, size: 1 }];
    let changes = logged("a", Change::LogArtifacts { run, artifacts });
    keep(folder.path(), &run, &changes).unwrap();
    disk::create_private(&folder.path().join("z.json"), b"no changes").unwrap();
    assert_eq!(kept_artifacts(folder.path()).unwrap(), [digest]);
}

/// Where each set in a file of its own would take too much of a full disk.
#[test]
fn of_several_sets_in_a_file_each_is_applied_waits_or_is_refused_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool");
    let store = SqliteStore::open_in_memory().unwrap();
    let [known, late] = [1, 2].map(|number| RunId::from_parts(Timestamp(number), 1));
    let begin = |run| Changes::new(Timestamp::now(), vec![Change::CreateRun(NewRun::new(run, Timestamp(1)))]);
    store.apply(begin(known)).unwrap();
    let param = |run, value: &str| {
        let params = vec![Param { key: "p".into(), value: value.into() }];
        named(vec![Change::LogParams { run, params }]).1
    };
    let digest = Digest::Blake3([7; 32]);
    let artifact = Artifact { path: "a".into(), digest, size: 1 };
    let log = named(vec![Change::LogArtifacts { run: late, artifacts: vec![artifact] }]).1;
    let sets = [param(known, "1"), param(late, "1"), param(known, "2"), log];
    write(&spool, new_run_id(), &[bytes_of_all(&sets), b"\n{\"id\": \"to".to_vec()].concat()).unwrap();
    assert_eq!(kept_artifacts(&spool).unwrap(), [digest]);
    assert!(has_about(&spool, late));
    replay(&spool, &store).unwrap();
    assert_eq!(store.run(known).unwrap().data.params["p"], "1");
    assert_eq!(read_sets(&files(&spool)[0]).len(), 2, "those of the run that is not there");
    let refused = || files(&spool.join("refused")).len();
    assert_eq!(refused(), 2, "another value, and what is torn");
    replay(&spool, &store).unwrap();
    assert_eq!(refused(), 2, "once");
    store.apply(begin(late)).unwrap();
    replay(&spool, &store).unwrap();
    assert!(is_empty(&spool));
    assert_eq!(store.run(late).unwrap().data.params["p"], "1");
    assert_eq!(store.artifacts(late).unwrap().len(), 1);
}

/// Where much waits, who awaited a run read all of it every two milliseconds.
#[test]
fn who_looks_out_for_a_run_reads_each_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let run = new_run_id();
    let of_another = || logged("a", Change::CreateRun(NewRun::new(new_run_id(), Timestamp::now())));
    let making = logged("b", Change::CreateRun(NewRun::new(run, Timestamp::now())));
    let mut maker = Maker::of(run);
    assert!(!maker.waits(folder.path()), "there is no folder");
    let first = new_run_id();
    keep(folder.path(), &first, &of_another()).unwrap();
    assert!(!maker.waits(folder.path()));
    let path = folder.path().join(format!("{first}.json"));
    disk::replace(&path, &bytes_of(&making)).unwrap();
    assert!(!maker.waits(folder.path()), "it was read");
    keep(folder.path(), &new_run_id(), &making).unwrap();
    assert!(maker.waits(folder.path()));
}
