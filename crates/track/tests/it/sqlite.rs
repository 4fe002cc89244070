//! What is true of the SQLite file alone: its mode, its schema, many processes at once, damage.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rusqlite::Connection;
use track::{
    Artifact, Change, ExperimentRef, Lifecycle, LoggedModelChange, LoggedModelSearch, ModelId, ModelStore,
    NewLoggedModel, NewVersion, Param, RegistryChange, RunStore, SqliteStore, StoreError, Sync, Tag,
    VersionSearch,
};

use crate::{at, id, make_run, point};

const WRITERS: u128 = 8;
const BATCHES: i64 = 60;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// One writer: its own run and one that all share.
fn write_batches(store: &dyn RunStore, writer: u128) {
    let own = make_run(store, 100 + writer);
    for batch in 0..BATCHES {
        let metrics = |run| {
            let points = (0..5).map(|i| point("loss", batch * 5 + i, writer as i64, 0.5)).collect();
            Change::LogMetrics { run, metrics: points }
        };
        store.apply(at(0, vec![metrics(own), metrics(id(1))])).expect("never locked");
        store.apply(at(0, everything_else(writer, batch))).expect("never locked");
    }
}

/// What else is logged at the same time: everybody to one run, one experiment, and one registered model.
fn everything_else(writer: u128, batch: i64) -> Vec<Change> {
    let name = format!("{writer}/{batch}");
    let digest = base::Digest::Blake3([writer as u8; 32]);
    let artifact = |path: &str| Artifact { path: path.to_owned(), digest, size: 1 };
    let model = ModelId::from_parts(base::Timestamp(batch), writer);
    let logged = NewLoggedModel {
        id: model,
        experiment: ExperimentRef::Name("shared".into()),
        name: None,
        model_type: None,
        run: None,
        params: vec![],
        tags: vec![],
    };
    let registered =
        RegistryChange::CreateModel { name: "m".into(), description: None, tags: vec![], if_absent: true };
    let version = NewVersion {
        model: "m".into(),
        source: name.clone(),
        logged_model: Some(model),
        artifacts: vec![artifact("m")],
        ..NewVersion::default()
    };
    vec![
        Change::CreateExperiment { name: "shared".into(), if_absent: true },
        Change::LogParams { run: id(1), params: vec![Param { key: name.clone(), value: name.clone() }] },
        Change::SetTags {
            run: id(1),
            tags: vec![
                Tag { key: name.clone(), value: name.clone() },
                Tag { key: "everybody".into(), value: name.clone() },
            ],
        },
        Change::LogArtifacts { run: id(1), artifacts: vec![artifact(&name), artifact("everybody")] },
        Change::LoggedModel(LoggedModelChange::Create(logged)),
        Change::Registry(registered),
        Change::Registry(RegistryChange::CreateVersion(version)),
    ]
}

fn judge(store: &SqliteStore) {
    for writer in 0..WRITERS {
        assert_eq!(store.metric_history(id(100 + writer), "loss").expect("read").len(), 300);
    }
    let shared = store.metric_history(id(1), "loss").expect("read");
    let different: HashSet<(i64, i64)> =
        shared.iter().map(|metric| (metric.step, metric.timestamp.0)).collect();
    assert_eq!((shared.len(), different.len()), (2400, 2400));
    let run = store.run(id(1)).expect("there").data;
    let artifacts = store.artifacts(id(1)).expect("read");
    let all = WRITERS as usize * BATCHES as usize;
    assert_eq!((run.params.len(), run.tags.len(), artifacts.len()), (all, all + 1, all + 1));
    assert!(run.params.iter().all(|(key, value)| key == value), "each its own");
    let history = store.tag_history(id(1), "everybody").expect("read");
    assert_eq!(history.len(), all, "every value that it ever had");
    let experiments = store.experiments().expect("read");
    let shared: Vec<_> = experiments.iter().filter(|experiment| experiment.name == "shared").collect();
    assert_eq!(shared.len(), 1);
    let search = LoggedModelSearch { experiments: vec![shared[0].id], ..LoggedModelSearch::default() };
    assert_eq!(store.search_logged_models(&search).expect("read").len(), all);
    let versions = store.search_model_versions(&VersionSearch::default()).expect("read");
    let numbers: HashSet<i64> = versions.iter().map(|version| version.version).collect();
    assert_eq!(numbers, (1..=all as i64).collect(), "no number twice, none left out");
}

#[test]
fn eight_threads_lose_nothing() {
    let folder = folder();
    let path = folder.path().join("runs.db");
    make_run(&SqliteStore::open(&path).expect("opens"), 1);
    let one = Arc::new(SqliteStore::open(&path).expect("opens"));
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (one, path) = (&one, &path);
            // Half of them over one connection, half over their own.
            scope.spawn(move || match writer % 2 {
                0 => write_batches(one.as_ref(), writer),
                _ => write_batches(&SqliteStore::open(path).expect("opens"), writer),
            });
        }
    });
    judge(&one);
}

/// Not a test of its own: what `eight_processes_lose_nothing` starts.
#[test]
fn writer_process() {
    let Ok(path) = std::env::var("TRACK_TEST_STORE") else { return };
    let writer = std::env::var("TRACK_TEST_WRITER").expect("set beside").parse().expect("a number");
    let store = SqliteStore::open(Path::new(&path)).expect("opens");
    if writer == 0 {
        make_run(&store, 1);
    }
    while matches!(store.run(id(1)), Err(StoreError::UnknownRun(_))) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    write_batches(&store, writer);
}

#[test]
fn eight_processes_lose_nothing_even_where_none_made_the_file() {
    let folder = folder();
    let path = folder.path().join("runs.db");
    let start = |writer: u128| {
        Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "sqlite::writer_process"])
            .env("TRACK_TEST_STORE", &path)
            .env("TRACK_TEST_WRITER", writer.to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("starts")
    };
    let children: Vec<_> = (0..WRITERS).map(start).collect();
    for mut child in children {
        assert!(child.wait().expect("ours").success());
    }
    judge(&SqliteStore::open(&path).expect("opens"));
}

#[test]
fn the_files_are_private() {
    let folder = folder();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).expect("opens");
    make_run(&store, 1);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).expect("lists") {
        let entry = entry.expect("lists");
        assert_eq!(entry.metadata().expect("there").permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().expect("ASCII"));
    }
    names.sort();
    assert_eq!(names, ["runs.db", "runs.db-owner", "runs.db-shm", "runs.db-wal"]);
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let folder = folder();
    let path = folder.path().join("runs.db");
    drop(SqliteStore::open(&path).expect("opens"));
    Connection::open(&path).expect("opens").pragma_update(None, "user_version", 7).expect("set");
    let before = std::fs::read(&path).expect("there");
    let error = SqliteStore::open(&path).expect_err("newer");
    let expected =
        format!("the run store {} was made by a newer pipe: schema 7, this pipe knows 4", path.display());
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().is_some());
    assert!(std::fs::read(&path).expect("there") == before, "the file was changed");
}

#[test]
fn what_is_no_run_store_is_named_and_left_alone() {
    let folder = folder();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is a text and no database, long enough to have a header".repeat(40))
        .expect("written");
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).expect("opens").execute_batch("CREATE TABLE a (b)").expect("made");
    for path in [text, foreign] {
        let before = std::fs::read(&path).expect("there");
        let error = SqliteStore::open(&path).expect_err("no run store");
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().expect("UTF-8")), "{error}");
        assert_eq!(error.hint(), Some("move it away; the runs in it are lost to pipe, the pipeline is not"));
        assert!(std::fs::read(&path).expect("there") == before, "{path:?} was changed");
    }
}

#[test]
fn a_file_with_holes_is_an_error_and_no_panic() {
    let folder = folder();
    let path = folder.path().join("runs.db");
    let store = SqliteStore::open(&path).expect("opens");
    let run = make_run(&store, 1);
    store
        .apply(at(0, vec![Change::LogMetrics { run, metrics: vec![point("a", 0, 0, 1.0)] }]))
        .expect("logged");
    drop(store);
    let whole = std::fs::read(&path).expect("there");
    for page in 0..whole.len() / 4096 {
        let mut holed = whole.clone();
        let start = if page == 0 { 100 } else { page * 4096 };
        holed[start..(page + 1) * 4096].fill(0xa5);
        std::fs::write(&path, holed).expect("written");
        if let Ok(store) = SqliteStore::open(&path) {
            let _ = store.run(run);
            let _ = store.metric_history(run, "a");
            let _ = store.find_run("0");
        }
    }
}

#[test]
fn a_store_for_questions_alone_writes_nothing() {
    let folder = folder();
    let path = folder.path().join("odd %?# name.db");
    let run = make_run(&SqliteStore::open(&path).expect("opens"), 1);
    let store = SqliteStore::open_read_only(&path).expect("opens");
    assert_eq!(store.run(run).expect("there").info.id, run);
    let change = Change::UpdateRun { run, status: None, end_time: None, name: Some("x".into()) };
    assert!(store.apply(at(0, vec![change])).is_err());
    // Beside a process that writes, its newest changes are seen.
    let writer = SqliteStore::open(&path).expect("opens");
    let newer = make_run(&writer, 2);
    let store = SqliteStore::open_read_only(&path).expect("opens");
    assert_eq!(store.run(newer).expect("there").info.id, newer);
    assert!(SqliteStore::open_read_only(&folder.path().join("none.db")).is_err());
    assert!(!folder.path().join("none.db").exists());
}

#[test]
fn a_store_that_is_to_survive_a_loss_of_power_writes_as_well() {
    let folder = folder();
    let path = folder.path().join("runs.db");
    let run = make_run(&SqliteStore::open_with(&path, Sync::Full).expect("opens"), 1);
    assert_eq!(SqliteStore::open(&path).expect("opens").run(run).expect("there").info.id, run);
}

#[test]
fn a_missing_folder_is_named() {
    let error = SqliteStore::open(Path::new("/nonexistent/runs.db")).expect_err("no folder").to_string();
    assert_eq!(error, "failed to open the run store /nonexistent/runs.db");
}

#[test]
fn what_is_closed_is_there_when_opened() {
    let folder = folder();
    let path = folder.path().join("runs.db");
    let run = make_run(&SqliteStore::open(&path).expect("opens"), 1);
    assert_eq!(SqliteStore::open(&path).expect("opens").run(run).expect("there").info.id, run);
}

#[test]
fn artifacts_are_kept_as_long_as_something_that_has_them_is_not_deleted() {
    let store = SqliteStore::open_in_memory().expect("memory");
    let artifacts = |bytes: &[u8]| -> Vec<Artifact> {
        let digest = |byte: u8| base::Digest::Blake3([byte; 32]);
        bytes.iter().map(|byte| Artifact { path: byte.to_string(), digest: digest(*byte), size: 1 }).collect()
    };
    let run = |number| make_run(&store, number);
    let model = ModelId::from_parts(base::Timestamp(1), 1);
    let logged = NewLoggedModel {
        id: model,
        experiment: ExperimentRef::default(),
        name: None,
        model_type: None,
        run: None,
        params: vec![],
        tags: vec![],
    };
    let version = NewVersion { model: "iris".into(), artifacts: artifacts(&[1, 5]), ..NewVersion::default() };
    let registered = RegistryChange::CreateModel {
        name: "iris".into(),
        description: None,
        tags: vec![],
        if_absent: false,
    };
    let changes = vec![
        Change::LogArtifacts { run: run(1), artifacts: artifacts(&[1, 2, 3]) },
        Change::LogArtifacts { run: run(2), artifacts: artifacts(&[2]) },
        Change::LoggedModel(LoggedModelChange::Create(logged)),
        Change::LoggedModel(LoggedModelChange::LogArtifacts { model, artifacts: artifacts(&[4]) }),
        Change::Registry(registered),
        Change::Registry(RegistryChange::CreateVersion(version)),
    ];
    store.apply(at(0, changes)).expect("logged");
    let assert_kept = |bytes: &[u8], why: &str| {
        let mut kept = store.kept_artifacts().expect("read");
        kept.sort();
        let wanted: Vec<_> = artifacts(bytes).into_iter().map(|artifact| artifact.digest).collect();
        assert_eq!(kept, wanted, "{why}");
    };
    assert_kept(&[1, 2, 3, 4, 5], "all");
    let deleted = Lifecycle::Deleted;
    let delete = |change| store.apply(at(0, vec![change])).expect("deleted");
    delete(Change::SetLifecycle { run: id(1), lifecycle: deleted });
    assert_kept(&[1, 2, 4, 5], "a version has the first, another run the second");
    delete(Change::LoggedModel(LoggedModelChange::SetLifecycle { model, lifecycle: deleted }));
    assert_kept(&[1, 2, 5], "the logged model's is gone");
    delete(Change::Registry(RegistryChange::DeleteModel { name: "iris".into() }));
    assert_kept(&[2], "the version's are gone");
}

/// What stands in for a store keeps no history without end.
#[test]
fn the_newest_points_are_kept() {
    let store = SqliteStore::open_in_memory().expect("opens");
    let (one, two) = (make_run(&store, 1), make_run(&store, 2));
    let model = ModelId::from_parts(base::Timestamp(1), 1);
    let new = NewLoggedModel {
        id: model,
        experiment: ExperimentRef::default(),
        name: None,
        model_type: None,
        run: None,
        params: Vec::new(),
        tags: Vec::new(),
    };
    store.apply(at(0, vec![Change::LoggedModel(LoggedModelChange::Create(new))])).expect("made");
    for step in 0..3000 {
        let metrics = vec![point("loss", step, 5, -step as f64), point("acc", step, 5, 0.5)];
        let of_model = LoggedModelChange::LogMetrics {
            model,
            metrics: vec![point("loss", step, 5, 1.0)],
            run: Some(one),
            dataset: None,
        };
        let changes = vec![
            Change::LogMetrics { run: one, metrics },
            Change::LoggedModel(of_model),
            Change::SetTags { run: one, tags: vec![Tag { key: "at".into(), value: step.to_string() }] },
        ];
        store.apply(at(0, changes)).expect("logged");
    }
    store
        .apply(at(0, vec![Change::LogMetrics { run: two, metrics: vec![point("loss", 1, 5, 0.5)] }]))
        .expect("logged");
    let read = store.run(one).expect("there").data;
    assert_eq!(store.keep_newest(400).expect("cut"), 301);
    let steps = |run, key| -> Vec<i64> {
        store.metric_history(run, key).expect("read").iter().map(|point| point.step).collect()
    };
    let newest: Vec<i64> = (2900..3000).collect();
    assert_eq!(
        (steps(one, "loss"), steps(one, "acc"), steps(two, "loss")),
        (newest.clone(), newest.clone(), vec![1])
    );
    let kept = store.logged_model(model).expect("there").metrics;
    assert_eq!(kept.iter().map(|point| point.metric.step).collect::<Vec<_>>(), newest);
    assert_eq!(store.run(one).expect("there").data, read);
    assert_eq!(store.tag_history(one, "at").expect("read").len(), 1, "what it is");
    store
        .apply(at(0, vec![Change::LogMetrics { run: one, metrics: vec![point("loss", 3000, 5, 0.5)] }]))
        .expect("on");
    assert_eq!(steps(one, "loss").len(), 101);
    assert_eq!(store.keep_newest(0).expect("cut"), 4);
    assert_eq!((steps(one, "loss"), steps(one, "acc")), (vec![3000], vec![2999]));
}

#[test]
fn the_next_version_may_be_numbered() {
    let store = SqliteStore::open_in_memory().expect("opens");
    let model = RegistryChange::CreateModel {
        name: "net".into(),
        description: None,
        tags: Vec::new(),
        if_absent: false,
    };
    let version = RegistryChange::CreateVersion(NewVersion { model: "net".into(), ..NewVersion::default() });
    let make = |change| store.apply(at(0, vec![Change::Registry(change)])).expect("made").versions;
    make(model);
    store.number_next("net", 1_000_001).expect("numbered");
    assert_eq!([make(version.clone()), make(version)], [[1_000_001], [1_000_002]]);
}
