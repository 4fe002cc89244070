//! Writers and servers of the run store are killed (SIGKILL) at any moment. What they had acknowledged is there
//! afterwards, once; no run is left running; the file is whole.
//!
//! `PIPE_TEST_KILLS` and `PIPE_TEST_SEED` as for the kills of reproductions.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::Timestamp;
use serde_json::json;
use track::{ArtifactOwner, RunId, RunStore, SqliteStore};

use crate::harness::{Said, Sandbox, Started, await_that, is_alive};
use crate::histories::{Random, number, seed};
use crate::mlflow_tool::Served;

/// Logs a point, a tag and a file, over and over, and notes each that was acknowledged.
const LOOP: &str = "\
i=$FROM
while :; do
  i=$((i+1))
  \"$PIPE\" log metric loss $i --step $i $TARGET && echo $i >> acked.metric
  \"$PIPE\" log tag last=$i t$i=$i $TARGET && echo $i >> acked.tag
  echo $i > file.$i
  \"$PIPE\" log artifact file.$i $TARGET && echo $i >> acked.artifact
  rm file.$i
done
";

const PIPE: &str = env!("CARGO_BIN_EXE_pipe");

/// Kills a program with everything that it started.
fn kill_group(sandbox: &Sandbox, mut started: Started) -> Said {
    if started.is_running() {
        let mut kill = sandbox.program("kill");
        kill.args(["-KILL", "--", &format!("-{}", started.pid())]);
        sandbox.finish(kill);
    }
    started.wait()
}

/// Signals a program with everything that it started.
fn signal_group(sandbox: &Sandbox, started: &Started, signal: &str) {
    let mut kill = sandbox.program("kill");
    kill.args([&format!("-{signal}"), "--", &format!("-{}", started.pid())]);
    sandbox.finish(kill).code(0);
}

/// The numbers that were acknowledged.
fn acked(sandbox: &Sandbox, what: &str) -> BTreeSet<i64> {
    acked_in(&sandbox.root(), what)
}

/// The same of a loop in a folder of its own.
fn acked_in(folder: &Path, what: &str) -> BTreeSet<i64> {
    let text = std::fs::read_to_string(folder.join(format!("acked.{what}"))).unwrap_or_default();
    // The last line may be cut.
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.parse().ok()).collect()
}

fn store(sandbox: &Sandbox) -> SqliteStore {
    SqliteStore::open(&sandbox.path(".pipe/runs.db")).unwrap()
}

#[track_caller]
fn check_whole(sandbox: &Sandbox, story: &str) {
    let file = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    let told: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(told, "ok", "{story}");
    let broken: i64 =
        file.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0)).unwrap();
    assert_eq!(broken, 0, "{story}");
}

/// What `LOOP` was told is logged to this run is there; at most one more of each kind is.
#[track_caller]
fn check_logged(sandbox: &Sandbox, run: RunId, unacked: usize, story: &str) {
    check_logged_in(sandbox, &sandbox.root(), run, unacked, story);
}

/// The same of a loop in a folder of its own.
#[track_caller]
fn check_logged_in(sandbox: &Sandbox, folder: &Path, run: RunId, unacked: usize, story: &str) {
    let store = store(sandbox);
    let points = store.metric_history(run, "loss").unwrap();
    let steps: BTreeSet<i64> = points.iter().map(|point| point.step).collect();
    assert_eq!(steps.len(), points.len(), "nothing is there twice: {story}");
    let tags = store.run(run).unwrap().data.tags;
    let tags: BTreeSet<i64> = tags.keys().filter_map(|key| key.strip_prefix('t')?.parse().ok()).collect();
    let artifacts = store.artifacts_of(&ArtifactOwner::Run(run)).unwrap();
    let mut files = BTreeSet::new();
    for artifact in artifacts.iter().filter(|artifact| artifact.path.starts_with("file.")) {
        let number = artifact.path.strip_prefix("file.").unwrap();
        let hex = artifact.digest.hex();
        let blob = sandbox.read(&format!(".pipe/cache/blake3/{}/{}", &hex[..2], &hex[2..]));
        assert_eq!(blob, format!("{number}\n"), "{story}");
        files.insert(number.parse::<i64>().unwrap());
    }
    for (what, found) in [("metric", steps), ("tag", tags), ("artifact", files)] {
        let acked = acked_in(folder, what);
        let lost: Vec<&i64> = acked.difference(&found).collect();
        assert!(lost.is_empty(), "{what} {lost:?} are lost: {story}");
        assert!(found.len() <= acked.len() + unacked, "{what}: {acked:?} {found:?} {story}");
    }
}

#[track_caller]
fn check_none_runs(sandbox: &Sandbox, story: &str) {
    let list = sandbox.ok(["runs", "list", "-n", "0"]).stdout;
    assert!(!list.contains("RUNNING"), "{story}\n{list}");
}

fn clear(sandbox: &Sandbox) {
    for what in ["metric", "tag", "artifact"] {
        let _ = std::fs::remove_file(sandbox.path(&format!("acked.{what}")));
    }
}

fn count() -> (u64, Random) {
    let seed = seed();
    println!("PIPE_TEST_SEED={seed}");
    (number("PIPE_TEST_KILLS").unwrap_or(6), Random(seed))
}

#[test]
fn killed_loggers_lose_nothing_they_had_acknowledged() {
    let (kills, mut random) = count();
    let sandbox = Sandbox::new();
    let mut total = 0;
    for index in 0..kills {
        // A run that lives in the shell which logs: when that is killed, so is the run.
        let script = format!(
            "RUN=$(\"$PIPE\" runs start --process $$); echo $RUN > run; TARGET=\"--run $RUN\"\n{LOOP}"
        );
        let mut shell = sandbox.program("sh");
        shell.args(["-c", &script]).env("PIPE", PIPE).env("FROM", "0");
        let _ = std::fs::remove_file(sandbox.path("run"));
        let shell = sandbox.start(shell);
        let is_away = index % 3 == 2;
        await_that("the run began", || sandbox.exists("run") && sandbox.read("run").len() == 33);
        if is_away {
            // From now on everything goes to the spool. Nobody makes a new one in the moment between.
            signal_group(&sandbox, &shell, "STOP");
            std::fs::rename(sandbox.path(".pipe/runs.db"), sandbox.path(".pipe/aside.db")).unwrap();
            for name in ["wal", "shm"] {
                let from = sandbox.path(&format!(".pipe/runs.db-{name}"));
                let _ = std::fs::rename(from, sandbox.path(&format!(".pipe/aside.db-{name}")));
            }
            std::fs::create_dir(sandbox.path(".pipe/runs.db")).unwrap();
            signal_group(&sandbox, &shell, "CONT");
        }
        let after = Duration::from_micros(random.below(600_000) as u64);
        std::thread::sleep(after);
        kill_group(&sandbox, shell);
        let run: RunId = sandbox.read("run").trim().parse().unwrap();
        let story = format!("killed after {after:?}, round {index}");
        if is_away {
            std::fs::remove_dir(sandbox.path(".pipe/runs.db")).unwrap();
            for name in ["", "-wal", "-shm"] {
                let from = sandbox.path(&format!(".pipe/aside.db{name}"));
                let _ = std::fs::rename(from, sandbox.path(&format!(".pipe/runs.db{name}")));
            }
            // Whoever brings it into the store may be killed too.
            let replaying = sandbox.start(sandbox.pipe_command(["runs", "list"]));
            std::thread::sleep(Duration::from_micros(random.below(40_000) as u64));
            kill_group(&sandbox, replaying);
        }
        check_none_runs(&sandbox, &story);
        check_whole(&sandbox, &story);
        // Who was moved away under may have had one more of each on its way.
        check_logged(&sandbox, run, 1 + usize::from(is_away), &story);
        assert_eq!(sandbox.json(["runs", "show", "--json", &run.to_string()])["status"], "KILLED", "{story}");
        // One that was killed while it wrote leaves a part of a file, which goes after an hour.
        let waiting = sandbox.files(".pipe/tmp/spool").into_iter().filter(|file| file.ends_with(".json"));
        assert_eq!(waiting.collect::<Vec<_>>(), [""; 0], "{story}");
        total += acked(&sandbox, "metric").len();
        clear(&sandbox);
    }
    println!("{kills} kills, {total} points were acknowledged");
}

#[test]
fn killed_reproductions_lose_nothing_that_their_stages_logged() {
    let (kills, mut random) = count();
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: sh loop.sh\n    deps: [n]\n    outs: [out]\n");
    sandbox.write(
        "loop.sh",
        format!(
            "echo $$ > shell; echo $PIPE_RUN_ID > run.$$; mv run.$$ run; \"$PIPE\" runs start --name inner > inner\n{LOOP}"
        ),
    );
    let mut total = 0;
    for index in 0..kills {
        sandbox.write("n", index.to_string());
        let _ = std::fs::remove_file(sandbox.path("run"));
        let mut command = sandbox.pipe_command(["repro"]);
        command.env("PIPE", PIPE).env("FROM", "0").env("TARGET", "");
        let started = sandbox.start(command);
        await_that("the stage began", || sandbox.exists("run"));
        let after = Duration::from_micros(random.below(600_000) as u64);
        std::thread::sleep(after);
        started.signal("KILL");
        started.wait();
        let story = format!("killed after {after:?}, round {index}");
        // The guard ends the stage; what it logs until then counts.
        let shell = sandbox.read("shell");
        await_that("the stage has ended", || !is_alive(&shell));
        let run: RunId = sandbox.read("run").trim().parse().unwrap();
        sandbox.pipe(["status"]);
        check_none_runs(&sandbox, &story);
        check_whole(&sandbox, &story);
        let known = store(&sandbox).run(run);
        if known.is_ok() {
            check_logged(&sandbox, run, 2, &story);
        } else {
            // Its run was not written yet; what waits for it is nobody's.
            assert!(acked(&sandbox, "metric").len() <= 1, "{story}");
        }
        total += acked(&sandbox, "metric").len();
        clear(&sandbox);
    }
    println!("{kills} kills, {total} points were acknowledged");
}

#[test]
fn a_killed_server_has_all_that_it_answered() {
    let (kills, mut random) = count();
    let mut sandbox = Sandbox::new();
    let total = AtomicU64::new(0);
    for index in 0..kills {
        let served = Served::with(sandbox, &["--no-token"]);
        let after = Duration::from_micros(random.below(400_000) as u64);
        let address = served.address.clone();
        let clients: Vec<_> = (0..3)
            .map(|client| {
                let address = address.clone();
                std::thread::spawn(move || log_until_it_is_gone(&address, client))
            })
            .collect();
        std::thread::sleep(after);
        let (left, said) = served.end("KILL");
        sandbox = left;
        assert_eq!(said.signal(), Some(9));
        let story = format!("killed after {after:?}, round {index}");
        check_whole(&sandbox, &story);
        let store = store(&sandbox);
        for client in clients {
            let Acked { run, points, params, files } = client.join().unwrap();
            let Some(run) = run else { continue };
            let history = store.metric_history(run, "loss").unwrap();
            let steps: BTreeSet<i64> = history.iter().map(|point| point.step).collect();
            assert_eq!(steps.len(), history.len(), "{story}");
            assert!(
                (points..points + 20).contains(&(history.len() as i64)),
                "{points} {} {story}",
                history.len()
            );
            let found = store.run(run).unwrap();
            assert!((0..params).all(|at| found.data.params[&format!("p{at}")] == at.to_string()), "{story}");
            assert_eq!(found.info.start_time, Timestamp(1));
            for at in 0..files {
                let path = format!("deep/{at}.bin");
                let artifact = store.artifact(&ArtifactOwner::Run(run), &path).unwrap();
                let artifact = artifact.unwrap_or_else(|| panic!("{path} is lost: {story}"));
                let hex = artifact.digest.hex();
                let bytes = sandbox.bytes(&format!(".pipe/cache/blake3/{}/{}", &hex[..2], &hex[2..]));
                assert!(bytes == content(at), "{path}: {story}");
            }
            total.fetch_add(points as u64, Ordering::Relaxed);
        }
        // Everybody who asks for it can go on.
        sandbox.ok(["runs", "list", "-n", "0"]);
    }
    // Nobody can tell of a client that it was killed; a week of silence does.
    let file = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    file.execute("UPDATE run SET heard = heard - 8 * 86400000", []).unwrap();
    check_none_runs(&sandbox, "none runs for ever");
    println!("{kills} kills, {total:?} points were acknowledged");
}

/// Eight that log, one of which is killed again and again, while runs are removed for ever, the cache is collected, and
/// somebody copies the store.
#[test]
fn loggers_that_are_killed_beside_collections_and_backups_lose_nothing_and_see_no_lock() {
    let (kills, mut random) = count();
    let sandbox = Sandbox::new();
    let runs: Vec<String> = (0..8).map(|_| sandbox.ok(["runs", "start"]).stdout.trim().to_owned()).collect();
    let start = |logger: usize, life: u64| {
        let mut shell = sandbox.program("sh");
        let text = format!("mkdir -p in.{logger}; cd in.{logger}; {LOOP}");
        let from = (life * 1_000_000).to_string();
        shell.args(["-c", &text]).env("PIPE", PIPE).env("FROM", from);
        shell.env("TARGET", format!("--run {}", runs[logger]));
        sandbox.start(shell)
    };
    let mut loggers: Vec<Started> = (0..8).map(|logger| start(logger, 0)).collect();
    for life in 1..=kills {
        let gone = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
        sandbox.ok(["runs", "delete", "--yes", &gone]);
        for collection in [&["runs", "gc", "--yes"][..], &["gc", "-w", "--force"]] {
            let said = sandbox.ok(collection);
            assert!(!said.stderr.contains("locked"), "{}", said.stderr);
        }
        let copy = sandbox.path(&format!("copy.{life}.db"));
        let file = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
        file.busy_timeout(Duration::from_secs(30)).unwrap();
        file.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
        drop(file);
        assert!(SqliteStore::open(&copy).is_ok(), "a copy is a store");
        let logger = random.below(loggers.len());
        let killed = std::mem::replace(&mut loggers[logger], start(logger, life));
        let said = kill_group(&sandbox, killed);
        assert!(!said.stderr.contains("locked"), "{}", said.stderr);
    }
    for logger in loggers {
        let said = kill_group(&sandbox, logger);
        assert!(!said.stderr.contains("locked"), "{}", said.stderr);
    }
    sandbox.ok(["runs", "list"]);
    check_whole(&sandbox, "collected and copied");
    for (logger, run) in runs.iter().enumerate() {
        let folder = sandbox.path(&format!("in.{logger}"));
        let run = run.parse().unwrap();
        check_logged_in(&sandbox, &folder, run, 2 + 2 * kills as usize, &format!("logger {logger}"));
    }
}

/// What a client was told is done.
#[derive(Default)]
struct Acked {
    run: Option<RunId>,
    points: i64,
    params: i64,
    files: i64,
}

fn content(at: i64) -> Vec<u8> {
    at.to_string().repeat(30_000).into_bytes()
}

fn log_until_it_is_gone(address: &str, client: i64) -> Acked {
    let mut acked = Acked::default();
    let post = |path: &str, body: serde_json::Value| {
        ask(address, "POST", &format!("/api/2.0/mlflow/{path}"), body.to_string().as_bytes())
    };
    let made =
        post("runs/create", json!({"experiment_id": "0", "start_time": 1, "run_name": format!("c{client}")}));
    let Some(made) = made else { return acked };
    let made: serde_json::Value = serde_json::from_slice(&made).unwrap();
    let run = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    acked.run = Some(run.parse().unwrap());
    loop {
        let points: Vec<_> = (0..10)
            .map(|at| json!({"key": "loss", "value": 0.5, "timestamp": 1, "step": acked.points + at}))
            .collect();
        if post("runs/log-batch", json!({"run_id": run, "metrics": points})).is_none() {
            return acked;
        }
        acked.points += 10;
        let param =
            json!({"run_id": run, "key": format!("p{}", acked.params), "value": acked.params.to_string()});
        if post("runs/log-parameter", param).is_none() {
            return acked;
        }
        acked.params += 1;
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/deep/{}.bin", acked.files);
        if ask(address, "PUT", &path, &content(acked.files)).is_none() {
            return acked;
        }
        acked.files += 1;
    }
}

/// The body of the answer 200; nothing when there is none.
fn ask(address: &str, method: &str, path: &str, body: &[u8]) -> Option<Vec<u8>> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes[end + 4..].to_vec());
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    (length == Some(body.len())).then_some(body)
}
