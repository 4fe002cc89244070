//! How fast the store takes points and answers, in one process: `cargo bench -p track`. Each line is a median; an
//! argument chooses the lines whose name has it. The store lies in the temporary folder (`TMPDIR`).
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a benchmark reports on its standard output"
)]

mod filled;

use std::time::{Duration, Instant};

use base::{Digest, Timestamp};
use filled::{id, point, run_with_data};
use track::{
    Artifact, ArtifactOwner, Change, Changes, ExperimentId, Filter, Metric, NewRun, OrderBy, RunStore,
    Search, Searched, SqliteStore, Sync,
};

fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let parts: [(&str, fn()); 5] = [
        ("single", single),
        ("batches", batches),
        ("history", history),
        ("search", search),
        ("artifacts", artifacts),
    ];
    for (name, part) in parts {
        if name.contains(&wanted) {
            part();
        }
    }
}

struct Place {
    store: SqliteStore,
    folder: tempfile::TempDir,
}

impl Place {
    fn new(sync: Sync) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open_with(&folder.path().join("runs.db"), sync).expect("opens");
        Place { store, folder }
    }

    fn apply(&self, changes: Vec<Change>) {
        self.store.apply(Changes::new(Timestamp(1), changes)).expect("applied");
    }

    /// What it takes once it is closed, with nothing left in the log.
    fn bytes(self) -> u64 {
        let Place { store, folder } = self;
        drop(store);
        let files = std::fs::read_dir(folder.path()).expect("lists");
        files.map(|file| file.expect("lists").metadata().expect("there").len()).sum()
    }
}

fn median(count: usize, mut work: impl FnMut(usize)) -> Duration {
    let mut times: Vec<Duration> = (0..count)
        .map(|turn| {
            let start = Instant::now();
            work(turn);
            start.elapsed()
        })
        .collect();
    times.sort();
    times[count / 2]
}

fn tell(name: &str, time: Duration) {
    println!("{name:<64} {:>10.3} ms", time.as_secs_f64() * 1000.0);
}

/// One point, one set of 1,000 points and one run at a time, each acknowledged.
fn single() {
    for sync in [Sync::Normal, Sync::Full] {
        let place = Place::new(sync);
        place.apply(vec![Change::CreateRun(NewRun::new(id(1), Timestamp(1)))]);
        let log = |turn: usize| {
            let metrics = vec![point("loss", turn as i64, 0.5)];
            place.apply(vec![Change::LogMetrics { run: id(1), metrics }]);
        };
        tell(&format!("log one point, sync {sync:?}"), median(500, log));
        let log = |turn: usize| {
            let metrics = (0..1000).map(|i| point("acc", turn as i64 * 1000 + i, 0.5)).collect();
            place.apply(vec![Change::LogMetrics { run: id(1), metrics }]);
        };
        tell(&format!("log 1,000 points of one key, sync {sync:?}"), median(30, log));
        let create = |turn: usize| {
            place.apply(vec![Change::CreateRun(NewRun::new(id(100 + turn as u128), Timestamp(1)))]);
        };
        tell(&format!("create a run, sync {sync:?}"), median(100, create));
    }
}

/// 10 runs with 100 keys each, in sets of 1,000 points, each applied before the next; a reader of its own has looked
/// at what each set brought, which is not counted.
fn batches() {
    let place = Place::new(Sync::Normal);
    let reader = SqliteStore::open(&place.folder.path().join("runs.db")).expect("opens");
    let keys: Vec<String> = (0..100).map(|key| format!("metric/{key}")).collect();
    place.apply((0..10).map(|run| Change::CreateRun(NewRun::new(id(run), Timestamp(1)))).collect());
    let mut spent = Duration::ZERO;
    let mut points = 0_u64;
    for round in 0..100_i64 {
        for run in 0..10 {
            let metrics: Vec<Metric> = (0..10)
                .flat_map(|step| {
                    keys.iter().map(move |key| point(key, round * 10 + step, (step as f64).sin()))
                })
                .collect();
            points += metrics.len() as u64;
            let start = Instant::now();
            place.apply(vec![Change::LogMetrics { run: id(run), metrics }]);
            spent += start.elapsed();
            let seen = reader.run(id(run)).expect("read").data.metrics;
            assert!(seen.len() == 100 && seen.values().all(|last| last.step == round * 10 + 9));
        }
    }
    for run in 0..10 {
        assert!(keys.iter().all(|key| reader.metric_history(id(run), key).expect("read").len() == 1000));
    }
    drop(reader);
    let rate = points as f64 / spent.as_secs_f64();
    println!("{:<64} {rate:>10.0} points/s", "10 runs x 100 keys in sets of 1,000");
    for run in 0..10 {
        let end = Change::UpdateRun {
            run: id(run),
            status: Some(track::RunStatus::Finished),
            end_time: None,
            name: None,
        };
        place.apply(vec![end]);
    }
    println!(
        "{:<64} {:>10.1} bytes/point",
        "… once the runs have ended",
        place.bytes() as f64 / points as f64
    );
}

/// A million points of one metric.
fn history() {
    let place = Place::new(Sync::Normal);
    place.apply(vec![Change::CreateRun(NewRun::new(id(1), Timestamp(1)))]);
    for set in 0..100_i64 {
        let metrics = (0..10_000).map(|i| point("loss", set * 10_000 + i, 0.5)).collect();
        place.apply(vec![Change::LogMetrics { run: id(1), metrics }]);
    }
    let whole = || place.store.metric_history(id(1), "loss").expect("read");
    tell("history of 1,000,000 points, whole", median(5, |_| assert_eq!(whole().len(), 1_000_000)));
    let after = track::MetricCursor::of(&whole()[500_000]);
    let page = |_| {
        let page = place.store.metric_page(id(1), "loss", Some(after), 25_000).expect("read");
        assert_eq!(page.len(), 25_000);
    };
    tell("… a page of 25,000 from its middle", median(20, page));
    let sampled = |_| {
        place.store.sampled_history(&[id(1)], "loss", None, 320).expect("read");
    };
    tell("… 320 points of it", median(5, sampled));
    let latest = |_| {
        place.store.run(id(1)).expect("read");
    };
    tell("… its run", median(50, latest));
}

/// 10,000 and 100,000 runs with metrics, params and tags.
fn search() {
    for count in [10_000_u128, 100_000] {
        let place = Place::new(Sync::Normal);
        place.apply(vec![Change::CreateExperiment { name: "e".into(), if_absent: false }]);
        let all: Vec<u128> = (0..count).collect();
        for numbers in all.chunks(500) {
            place.apply(numbers.iter().flat_map(|number| run_with_data(*number)).collect());
        }
        let filter = |text: &str| Filter::parse_mlflow(text, Searched::Runs).expect(text);
        let order = |text: &str| OrderBy::parse_mlflow(&[text], Searched::Runs).expect(text);
        let e = vec![ExperimentId(1)];
        let base = Search { experiments: e, limit: Some(1000), ..Search::default() };
        let few = Search { limit: Some(100), ..base.clone() };
        let all = Search { limit: Some(100), ..Search::default() };
        let cases = [
            ("the newest 20", Search { limit: Some(20), ..Search::default() }),
            ("the newest 100 of an experiment", few.clone()),
            ("a page of 1,000", base.clone()),
            ("page 50 of 100", Search { offset: 5000, ..few.clone() }),
            (
                "metrics.acc > 0.5, 100 by metrics.acc",
                Search {
                    filter: filter("metrics.acc > 0.5"),
                    order_by: order("metrics.acc DESC"),
                    ..few.clone()
                },
            ),
            (
                "… and params.lr = '0.1' and tags.stage = 'train'",
                Search {
                    filter: filter("metrics.acc > 0.5 AND params.lr = '0.1' AND tags.stage = 'train'"),
                    order_by: order("metrics.acc DESC"),
                    ..few.clone()
                },
            ),
            (
                "… 1,000 of them",
                Search {
                    filter: filter("metrics.acc > 0.5 AND params.lr = '0.1' AND tags.stage = 'train'"),
                    order_by: order("metrics.acc DESC"),
                    ..base.clone()
                },
            ),
            (
                "status and name",
                Search { filter: filter("status = 'FINISHED' AND run_name LIKE '%7%'"), ..few.clone() },
            ),
            ("best(acc) > 0.5 by start", Search { filter: Filter::parse("best(acc) > 0.5").ok(), ..all }),
        ];
        for (name, search) in cases {
            let time = median(7, |_| drop(place.store.search(&search).expect("read")));
            tell(&format!("{count} runs: {name}"), time);
        }
        let find = |_| {
            place.store.find_run("0000007b").expect("read");
        };
        tell(&format!("{count} runs: by the end of an id"), median(7, find));
    }
}

/// 100,000 artifacts in 1,000 folders.
fn artifacts() {
    let place = Place::new(Sync::Normal);
    place.apply(vec![Change::CreateRun(NewRun::new(id(1), Timestamp(1)))]);
    let artifact = |i: usize| Artifact {
        path: format!("images/{:03}/{i}.png", i / 100),
        digest: Digest::Blake3([1; 32]),
        size: 1,
    };
    place.apply(vec![Change::LogArtifacts { run: id(1), artifacts: (0..100_000).map(artifact).collect() }]);
    let owner = ArtifactOwner::Run(id(1));
    for (folder, count) in [("", 1), ("images", 1000), ("images/500", 100)] {
        let list = |_| assert_eq!(place.store.artifact_folder(&owner, folder).expect("read").len(), count);
        tell(&format!("100,000 artifacts: the folder `{folder}`"), median(7, list));
    }
}
