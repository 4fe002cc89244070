//! Chunks and files written by earlier versions must read for ever. The golden bytes of chunks were put together by
//! hand from docs/design/run-store.md, not by the encoder; files are dumps of what earlier versions wrote.

use std::path::{Path, PathBuf};

use base::Timestamp;
use track::{
    Changes, ModelStore, RunStatus, RunStore, Search, SqliteStore, Stage, decode_block, decode_chunk,
    encode_block, encode_chunk,
};

use crate::{at, id, make_run};

const CHUNK_1: &str = include_str!("../golden/chunk-1.hex");

const BLOCK_1: &str = include_str!("../golden/block-1.hex");

fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text.lines().filter_map(|line| line.split('#').next()).collect();
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal"))
        .collect()
}

#[test]
fn a_chunk_of_version_1() {
    let points = [
        (-1, Timestamp(1_000), 1.0),
        (0, Timestamp(1_020), -0.5),
        (300, Timestamp(1_010), f64::INFINITY),
        (i64::MAX, Timestamp(1_010), f64::NAN),
    ];
    assert_eq!(encode_chunk(&points), bytes(CHUNK_1));
    let read = decode_chunk(&bytes(CHUNK_1)).expect("a chunk");
    let bits = |points: &[(i64, Timestamp, f64)]| -> Vec<(i64, Timestamp, u64)> {
        points.iter().map(|point| (point.0, point.1, point.2.to_bits())).collect()
    };
    assert_eq!(bits(&read), bits(&points));
}

#[test]
fn a_block_of_version_1() {
    let first = vec![(5, Timestamp(1000), 0.5)];
    let second = vec![(0, Timestamp(0), 1.0), (1, Timestamp(10), -0.0)];
    let series = [(1, first), (300, second)];
    let written = encode_block(series.iter().map(|(key, points)| (*key, points.as_slice())));
    assert_eq!(written, bytes(BLOCK_1));
    assert_eq!(decode_block(&bytes(BLOCK_1)), Ok(series.to_vec()));
}

/// A file with this text of it, and the folder that it lies in.
fn file_of(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("runs.db");
    rusqlite::Connection::open(&path).expect("opens").execute_batch(text).expect("filled");
    (folder, path)
}

/// Checks that a store that was opened over a file of `schema` is as good as a new one, and that the file was kept.
fn expect_upgraded(store: SqliteStore, path: &Path, schema: i64) {
    make_run(&store, 9);
    drop(store);
    let backup = path.with_file_name(format!("runs.db.schema-{schema}.bak"));
    let backup = rusqlite::Connection::open(backup).expect("there is a backup");
    assert_eq!(backup.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)), Ok(schema));
    let (new, made) = (tempfile::tempdir().expect("a folder"), "runs.db");
    drop(SqliteStore::open(&new.path().join(made)).expect("opens"));
    assert_eq!(tables(path), tables(&new.path().join(made)), "an upgraded file is as a new one");
}

/// A file that schema 1 wrote, as text: two experiments; a reproduction with a stage's run that ended, one that runs
/// elsewhere, and a deleted one.
const SCHEMA_1: &str = include_str!("../golden/schema-1.sql");

#[test]
fn a_file_of_schema_1_is_upgraded_and_all_of_it_reads_back() {
    let (_folder, path) = file_of(SCHEMA_1);
    assert!(SqliteStore::open_read_only(&path).is_err(), "it cannot be upgraded without writing");
    let store = SqliteStore::open(&path).expect("upgraded");
    let experiment = store.experiment("spirals").expect("read").expect("there");
    assert_eq!((experiment.created, experiment.updated), (Timestamp(1_000_000), Timestamp(1_000_000)));
    assert_eq!((experiment.artifact_location, experiment.tags["owner"].as_str()), (None, "ada"));
    let run = store.run(id(2)).expect("there");
    assert_eq!((run.info.parent, run.info.status), (Some(id(1)), RunStatus::Finished));
    assert_eq!((run.data.params["lr"].as_str(), run.data.tags["phase"].as_str()), ("0.1", "two"));
    assert_eq!(store.tag_history(id(2), "phase").expect("read").len(), 2);
    assert_eq!(store.artifacts(id(2)).expect("read").len(), 1);
    assert_eq!(store.lineage(id(2), track::Role::Output).expect("read").len(), 1);
    assert_eq!(store.leases().expect("read").len(), 1);
    // What schema 1 did not know is computed: of points in chunks and of points in the tail.
    for run in [id(2), id(3)] {
        let data = store.run(run).expect("there").data;
        let range = |key: &str| (data.ranges[key].min.to_bits(), data.ranges[key].max.to_bits());
        assert_eq!(range("loss"), ((-0.25_f64).to_bits(), 0.5_f64.to_bits()));
        assert_eq!(range("acc"), ((-0.0_f64).to_bits(), f64::INFINITY.to_bits()));
        let history = store.metric_history(run, "loss").expect("read");
        assert_eq!(history.len(), 3);
        assert_eq!(
            store.metric_page(run, "loss", Some(track::MetricCursor::of(&history[0])), 9).expect("read"),
            history[1..]
        );
    }
    let deleted = Search { view: track::View::Deleted, ..Search::default() };
    assert_eq!(store.search(&deleted).expect("read").len(), 1);
    assert_eq!(store.purgeable(None).expect("read").runs, [id(4)]);
    // A set that was applied before is answered as it was, and the file is as good as a new one.
    let again = Changes { id: Some(track::ChangesId("first".into())), ..at(1_000_001, vec![]) };
    assert_eq!(store.apply(again).expect("answered").experiments, [track::ExperimentId(1)]);
    expect_upgraded(store, &path, 1);
}

/// A file that schema 2 wrote, as text: a run with a registered model.
const SCHEMA_2: &str = include_str!("../golden/schema-2.sql");

#[test]
fn a_file_of_schema_2_is_upgraded_and_all_of_it_reads_back() {
    let (_folder, path) = file_of(SCHEMA_2);
    let store = SqliteStore::open(&path).expect("upgraded");
    let run = store.find_run("first").expect("there");
    assert_eq!(store.metric_history(run, "loss").expect("read").len(), 2);
    assert_eq!(store.run(run).expect("there").data.params["lr"], "0.1");
    let version = store.version_by_alias("net", "champion").expect("there");
    assert_eq!((version.version, version.run, version.run_link), (1, Some(run), None));
    assert_eq!((version.stage, version.description.as_deref()), (Stage::Staging, Some("one")));
    assert_eq!(version.tags["k"], "v");
    expect_upgraded(store, &path, 2);
}

/// A file that schema 3 wrote, as text: a run that goes on, and one that has ended.
const SCHEMA_3: &str = include_str!("../golden/schema-3.sql");

#[test]
fn a_file_of_schema_3_is_upgraded_and_tells_when_its_runs_were_heard_of() {
    let (_folder, path) = file_of(SCHEMA_3);
    let store = SqliteStore::open(&path).expect("upgraded");
    let run = |name: &str| store.run(store.find_run(name).expect("there")).expect("there");
    let (going, ended) = (run("going"), run("ended"));
    let tags = store.tag_history(going.info.id, "phase").expect("read");
    assert_eq!(going.last_heard(), Some(tags[0].set), "what came last was a tag");
    assert!(going.info.heard > Some(going.info.start_time));
    assert_eq!((ended.info.status, ended.info.heard), (RunStatus::Finished, None));
    expect_upgraded(store, &path, 3);
}

#[test]
fn eight_that_open_an_older_file_at_once_upgrade_it_once_and_lose_nothing() {
    let (folder, path) = file_of(SCHEMA_3);
    let go = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (path, go) = (&path, &go);
            scope.spawn(move || {
                go.wait();
                let store = SqliteStore::open(path).expect("upgraded by one of them");
                let run = make_run(&store, 100 + number);
                for step in 0..20 {
                    let metrics = vec![crate::point("loss", step, 1, 0.5)];
                    store.apply(at(1, vec![track::Change::LogMetrics { run, metrics }])).expect("logged");
                }
            });
        }
    });
    let store = SqliteStore::open(&path).expect("opens");
    for number in 0..8 {
        assert_eq!(store.metric_history(id(100 + number), "loss").expect("read").len(), 20);
    }
    let backup =
        rusqlite::Connection::open(folder.path().join("runs.db.schema-3.bak")).expect("there is a backup");
    assert_eq!(backup.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)), Ok(3));
}

fn tables(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).expect("opens");
    let mut query = connection
        .prepare(
            "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name != 'sqlite_sequence' ORDER BY name",
        )
        .expect("a query");
    query.query_map([], |row| row.get(0)).expect("asks").collect::<Result<_, _>>().expect("reads")
}
