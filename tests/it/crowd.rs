//! Processes of all kinds that log to one run store at once: nothing is lost, and nobody is told that it is locked.

use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::harness::{Said, Sandbox, Started, await_that};
use crate::mlflow_tool::{Mlflow, Served};

/// How often each of them writes a set of points, a param or a version.
const PARTS: usize = 10;
/// How many points are in a set.
const POINTS: usize = 100;

/// Those that log by `pipe log`, to which of two runs, and what.
const WRITERS: [(&str, &str, &str); 4] = [
    ("one", "first", "metric"),
    ("two", "first", "metric"),
    ("three", "second", "metric"),
    ("four", "first", "param"),
];
/// Clients of the served project.
const CLIENTS: [(&str, Mlflow); 2] = [("five", Mlflow::Newest), ("six", Mlflow::Old)];
/// Scripts of the stages of one reproduction.
const STAGES: [(&str, Mlflow); 2] = [("seven", Mlflow::Newest), ("eight", Mlflow::Old)];

/// Calls `pipe log` again and again, once all are there.
fn writer(sandbox: &Sandbox, name: &str, run: &str, kind: &str) -> Command {
    let log = match kind {
        "metric" => concat!(
            "seq $((part * POINTS)) $((part * POINTS + POINTS - 1)) | ",
            r#"sed "s/.*/{\"$NAME\": &, \"step\": &}/" | "$PIPE" log metric - --run $RUN"#
        ),
        _ => r#""$PIPE" log param $NAME$part=$part --run $RUN"#,
    };
    let text = format!(
        "touch here.$NAME; while [ ! -e go ]; do sleep 0.01; done
        for part in $(seq 0 $((PARTS - 1))); do {log} || exit; done"
    );
    let mut command = sandbox.program("sh");
    command.args(["-c", &text]).env("PIPE", env!("CARGO_BIN_EXE_pipe")).env("NAME", name).env("RUN", run);
    command.env("PARTS", PARTS.to_string()).env("POINTS", POINTS.to_string());
    command
}

/// A reproduction of two stages side by side, with what keeps clients quiet.
fn reproduction(sandbox: &Sandbox) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow/crowd.py");
    let mut text = "stages:\n".to_owned();
    for (name, mlflow) in STAGES {
        let cmd = format!("{} {} {name} {PARTS} {POINTS}", mlflow.python().display(), script.display());
        text.push_str(&format!("  {name}:\n    cmd: {cmd}\n    outs: [{name}.json]\n"));
    }
    sandbox.write("pipeline.yaml", text);
    let mut command = sandbox.pipe_command(["repro", "-j", "2"]);
    command.env("MLFLOW_DISABLE_TELEMETRY", "true").env("DO_NOT_TRACK", "1").env("MPLBACKEND", "agg");
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("GIT_PYTHON_REFRESH", "quiet");
    command
}

#[track_caller]
fn judge_said(who: &str, said: &Said) {
    for text in [&said.stdout, &said.stderr] {
        assert!(!text.to_lowercase().contains("locked"), "{who} tells:\n{text}");
    }
}

/// The points of a metric as they were logged: every step with the value that is its number.
#[track_caller]
fn judge_points(run: &Json, key: &str, count: usize) {
    let points = run["metrics"][key].as_array().unwrap_or_else(|| panic!("no {key} in {run:#}"));
    let found: Vec<_> =
        points.iter().map(|point| (point["step"].as_u64(), point["value"].as_f64())).collect();
    let expected: Vec<_> = (0..count).map(|step| (Some(step as u64), Some(step as f64))).collect();
    assert_eq!(found, expected, "{key}");
}

#[test]
fn eight_of_all_kinds_at_once_lose_nothing_and_see_no_lock() {
    let served = Served::start();
    let sandbox = &served.sandbox;
    let begin = |name: &str| sandbox.ok(["runs", "start", "--name", name]).stdout.trim().to_owned();
    let runs = [begin("first"), begin("second")];
    // Who reads all the while keeps the write-ahead log from being begun anew, where a writer that holds the lock
    // waits for the disk: how long a disk takes is nobody's to say.
    let reader = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM run").unwrap();

    let mut crowd: Vec<(&str, Started)> = Vec::new();
    for (name, run, kind) in WRITERS {
        let run = &runs[usize::from(run == "second")];
        crowd.push((name, sandbox.start(writer(sandbox, name, run, kind))));
    }
    for (name, mlflow) in CLIENTS {
        let mut command = mlflow.script(sandbox, "crowd.py");
        command.args([name, &PARTS.to_string(), &POINTS.to_string()]);
        command.env("MLFLOW_TRACKING_URI", served.uri());
        crowd.push((name, sandbox.start(command)));
    }
    crowd.push(("repro", sandbox.start(reproduction(sandbox))));
    let names =
        WRITERS.iter().map(|writer| writer.0).chain(CLIENTS.iter().chain(&STAGES).map(|client| client.0));
    let names: Vec<&str> = names.collect();
    await_that("all are there, or one has failed", || {
        let has_failed = crowd.iter_mut().any(|(_, process)| !process.is_running());
        has_failed || names.iter().all(|name| sandbox.exists(&format!("here.{name}")))
    });
    sandbox.write("go", "");
    for (name, process) in crowd {
        let said = process.wait();
        judge_said(name, &said);
        let said = said.code(0);
        assert!(!said.stderr.contains("warning: "), "{name}: {}", said.stderr);
    }
    drop(reader);

    let none: [&str; 0] = [];
    assert_eq!(sandbox.files(".pipe/tmp/spool"), none, "nothing had to wait there");
    let show = |run: &str| sandbox.json(["runs", "show", "--json", run]);
    let [first, second] = runs.map(|run| show(&run));
    for (run, key) in [(&first, "one"), (&first, "two"), (&second, "three")] {
        judge_points(run, key, PARTS * POINTS);
    }
    for part in 0..PARTS {
        assert_eq!(first["params"][format!("four{part}")], json!(part.to_string()), "{part}");
    }
    let mut versions = Vec::new();
    for (name, _) in CLIENTS.iter().chain(&STAGES) {
        let told: Json = serde_json::from_str(&sandbox.read(&format!("{name}.json"))).unwrap();
        let id = told["run"].as_str().unwrap();
        let run = show(id);
        judge_points(&run, "loss", PARTS * POINTS);
        judge_points(&run, "alone", PARTS);
        for part in 0..PARTS {
            let value = json!(part.to_string());
            assert_eq!(run["params"][format!("p{part}")], value, "{name}");
            assert_eq!(run["tags"][format!("t{part}")], value, "{name}");
        }
        assert_eq!(run["status"], "FINISHED", "{name}");
        for version in told["versions"].as_array().unwrap() {
            let shown = sandbox.json(["models", "show", "--json", &format!("shared/{version}")]);
            let of = [&shown["run_id"], &shown["script_run"]];
            assert!(of.contains(&&json!(id)), "{name}: {shown:#}");
            versions.push(version.as_u64().unwrap());
        }
    }
    for (name, _) in STAGES {
        judge_said(name, &sandbox.ok(["runs", "logs", name]));
    }
    versions.sort_unstable();
    let all = ((CLIENTS.len() + STAGES.len()) * PARTS) as u64;
    assert_eq!(versions, (1..=all).collect::<Vec<_>>(), "no number twice, none left out");
    let (_, said) = served.end("TERM");
    judge_said("pipe ui", &said);
}
