//! `pipe train`: by hand and as a stage, what it writes and what it refuses.

use serde_json::{Value as Json, json};

use crate::harness::{Sandbox, await_that};

const SHORT: [&str; 8] =
    ["--warm_up_epochs", "2", "--adaptation_epochs", "2", "--hidden_dim", "8", "--num_layers", "1"];

/// Flags for a training in which a seed germinates, blends and becomes active within a few steps.
const GROWING: [&str; 18] = [
    "--warm_up_epochs",
    "2",
    "--adaptation_epochs",
    "6",
    "--hidden_dim",
    "8",
    "--num_layers",
    "1",
    "--patience",
    "1",
    "--progress_step",
    "0.5",
    "--blend_steps",
    "3",
    "--buffer_minimum",
    "1",
    "--acc_threshold",
    "1",
];

fn with_data() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    sandbox.ok([
        "data",
        "generate",
        "--problem_type",
        "moons",
        "--n_samples",
        "100",
        "--input_dim",
        "2",
        "-o",
        "d.npz",
    ]);
    sandbox
}

fn train<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["train", "--data", "d.npz", "--output", "out"];
    fixed.iter().chain(&SHORT).chain(flags).copied().collect()
}

#[test]
fn writes_model_metrics_plots_and_logs() {
    let sandbox = with_data();
    sandbox.ok(train(&[]));
    for file in
        ["model.safetensors", "metrics.json", "plots/history.csv", "plots/seeds.csv", "plots/events.csv"]
    {
        assert!(sandbox.exists(&format!("out/{file}")), "{file} in {:?}", sandbox.files("out"));
    }
    let metrics: Json = serde_json::from_str(&sandbox.read("out/metrics.json")).unwrap();
    assert!(metrics["best_acc"].as_f64().is_some_and(|best| (0.0..=1.0).contains(&best)), "{metrics:#}");
    let history = sandbox.read("out/plots/history.csv");
    assert_eq!(history.lines().count(), 1 + 4, "one line per epoch:\n{history}");
    let mut logs = sandbox.files("out/logs");
    logs.retain(|file| !file.ends_with(".gitignore"));
    assert_eq!(logs.len(), 2, "a readable log and one of JSON lines: {logs:?}");
    let lines = logs.iter().find(|file| file.ends_with(".jsonl")).unwrap();
    for line in sandbox.read(lines).lines() {
        let _: Json = serde_json::from_str(line).unwrap();
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let sandbox = with_data();
    let bytes = |flags: &[&str]| {
        sandbox.ok(train(flags));
        ["model.safetensors", "metrics.json", "plots/history.csv", "plots/seeds.csv", "plots/events.csv"]
            .map(|file| sandbox.bytes(&format!("out/{file}")))
    };
    let first = bytes(&[]);
    assert!(first == bytes(&[]), "twice the same");
    assert!(first[0] != bytes(&["--seed", "7"])[0], "another seed");
}

#[test]
fn started_by_hand_it_records_a_run_of_its_own() {
    let sandbox = with_data();
    sandbox.ok(["train", "--data", "d.npz", "--output", "out"].iter().chain(&GROWING));
    let list = sandbox.json(["runs", "list", "--json", "--columns", "id,status"]);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    let run = sandbox.json(["runs", "show", "--json", list[0]["id"].as_str().unwrap()]);
    assert_eq!((&run["status"], &run["tags"]["pipe.kind"]), (&json!("FINISHED"), &json!("train")));
    check_metrics(&run);
    assert_eq!(
        (&run["tags"]["phase"], &run["tags"]["seed/seed1_1/state"]),
        (&json!("phase_2"), &json!("active"))
    );
    let artifacts: Vec<&str> =
        run["artifacts"].as_array().unwrap().iter().filter_map(|file| file["path"].as_str()).collect();
    for file in
        ["model.safetensors", "metrics.json", "seed_seed1_1_transitions.txt", "train.log", "events.jsonl"]
    {
        assert!(artifacts.contains(&file), "{file} in {artifacts:?}");
    }
}

#[test]
fn a_killed_training_does_not_stay_running() {
    let sandbox = with_data();
    let arguments = ["train", "--data", "d.npz", "--output", "out", "--warm_up_epochs", "1000000"];
    let started = sandbox.start(sandbox.pipe_command(arguments));
    await_that("the training has a run", || sandbox.exists(".pipe/runs.db") && sandbox.run_count() == 1);
    let status = || sandbox.json(["runs", "list", "--json", "--columns", "status"]);
    assert_eq!(status(), json!([{"status": "RUNNING"}]));
    started.signal("KILL");
    started.wait();
    assert_eq!(status(), json!([{"status": "KILLED"}]));
}

/// What a training logs, whoever started it.
fn check_metrics(run: &Json) {
    let metrics = run["metrics"].as_object().unwrap();
    let points = |key: &str| metrics.get(key).and_then(Json::as_array).map_or(0, Vec::len);
    for key in [
        "train_loss",
        "val_loss",
        "val_acc",
        "best_acc",
        "epoch/train_loss",
        "epoch/train_accuracy",
        "epoch/train_avg_batch_time",
    ] {
        assert!(points(key) >= 2, "{key} has {} points; there are {:?}", points(key), metrics.keys());
    }
    let steps = points("train/loss_step");
    assert!(steps >= 2);
    for key in ["train/accuracy_step", "train/learning_rate", "train/batch_time_seconds"] {
        assert_eq!(points(key), steps, "{key}");
    }
    for key in ["final/total_epochs", "final/total_steps", "final/early_stopped"] {
        assert_eq!(points(key), 1, "{key} in {:?}", metrics.keys());
    }
    assert!(metrics.keys().any(|key| key.starts_with("final/best_")), "{:?}", metrics.keys());
    assert!(metrics.keys().any(|key| key.starts_with("epoch/val_")), "{:?}", metrics.keys());
    assert!(
        metrics.keys().any(|key| key.starts_with("seed/") && key.ends_with("/alpha")),
        "{:?}",
        metrics.keys()
    );
    let times = metrics["val_acc"].as_array().unwrap();
    assert!(times.windows(2).all(|pair| pair[0]["step"].as_i64() < pair[1]["step"].as_i64()));
}

#[test]
fn as_a_stage_it_logs_into_the_stages_run() {
    let sandbox = with_data();
    sandbox.write(
        "pipeline.yaml",
        format!("stages:\n  train:\n    cmd: pipe train --data d.npz --output out {}\n    deps: [d.npz]\n    outs: [out/model.safetensors]\n    metrics: [out/metrics.json]\n", GROWING.join(" ")),
    );
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.run_count(), 2, "the reproduction and its stage");
    let run = sandbox.stage_run("train");
    assert_eq!(run["status"], "FINISHED");
    check_metrics(&run);
    let text = sandbox.ok(["runs", "show", run["run_id"].as_str().unwrap()]).stdout;
    assert!(text.contains('▁') || text.contains('█'), "a sparkline:\n{text}");
}

#[test]
fn an_interrupt_ends_it_and_its_run() {
    let sandbox = with_data();
    let arguments = ["train", "--data", "d.npz", "--output", "out", "--warm_up_epochs", "100000"];
    let started = sandbox.start(sandbox.pipe_command(arguments));
    await_that("the training has begun", || sandbox.exists(".pipe/runs.db") && sandbox.run_count() == 1);
    started.signal("INT");
    started.wait().code(130);
    let list = sandbox.json(["runs", "list", "--json", "--columns", "status"]);
    assert_eq!(list, json!([{"status": "KILLED"}]));
}

/// Keeps all others from writing to the run store.
fn lock(sandbox: &Sandbox) -> rusqlite::Connection {
    let lock = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    lock
}

#[test]
fn a_locked_store_is_waited_for_once_and_gets_it_all_later() {
    let sandbox = with_data();
    sandbox.ok(["runs", "start", "--name", "before"]);
    let locked = lock(&sandbox);
    let said = sandbox.ok(train(&["--register", "net"])).tells(&[
        "locked by other processes for 1 s; this training is recorded by a later pipe command",
        "no version of `net` is made",
    ]);
    assert_eq!(said.stderr.matches("this training is recorded").count(), 1, "{}", said.stderr);
    assert!(!sandbox.files(".pipe/tmp/spool").is_empty());
    drop(locked);
    let run = sandbox.json(["runs", "show", "train", "--json"]);
    assert_eq!((&run["status"], &run["params"]["hidden_dim"]), (&json!("FINISHED"), &json!("8")));
    assert_eq!(run["metrics"]["val_loss"].as_array().unwrap().len(), 4, "{run}");
    assert_eq!(sandbox.files(".pipe/tmp/spool"), [""; 0]);
    let paths: Vec<_> = run["artifacts"].as_array().unwrap().iter().map(|file| &file["path"]).collect();
    assert!(paths.contains(&&json!("model/MLmodel")), "{paths:?}");
}

#[test]
fn an_interrupt_ends_it_also_while_the_store_is_locked() {
    let sandbox = with_data();
    sandbox.ok(["runs", "start", "--name", "before"]);
    let locked = lock(&sandbox);
    let arguments = ["train", "--data", "d.npz", "--output", "out", "--warm_up_epochs", "100000"];
    let started = sandbox.start(sandbox.pipe_command(arguments));
    await_that("the training has begun", || !sandbox.files(".pipe/tmp/spool").is_empty());
    started.signal("INT");
    started.wait().code(130);
    drop(locked);
    assert_eq!(sandbox.json(["runs", "show", "train", "--json"])["status"], "KILLED");
}

/// Its run is not in the store, and what is logged need not wait for that.
#[test]
fn in_a_stage_whose_run_waits_it_waits_with_it() {
    let sandbox = with_data();
    sandbox.ok(["runs", "start", "--name", "before"]);
    let locked = lock(&sandbox);
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let command = format!("{pipe} {}", train(&[]).join(" "));
    sandbox.write("pipeline.yaml", format!("stages:\n  t: {{cmd: '{command}'}}\n"));
    let said = sandbox.ok(["repro"]).tells(&["this training is recorded by a later pipe command"]);
    assert!(!said.stderr.contains("there is no run"), "{}", said.stderr);
    drop(locked);
    let run = sandbox.json(["runs", "show", "t", "--json"]);
    assert_eq!(run["metrics"]["val_loss"].as_array().unwrap().len(), 4, "{run}");
    assert_eq!(sandbox.files(".pipe/tmp/spool"), [""; 0]);
}

#[test]
fn files_that_are_no_data_set_are_named() {
    let sandbox = with_data();
    let good = sandbox.bytes("d.npz");
    let refused = |told: &[&str]| {
        sandbox.pipe(train(&["-q"])).code(2).tells(told);
        assert!(!sandbox.exists("out/model.safetensors"));
    };
    sandbox.write("d.npz", "no archive");
    refused(&["failed to read data set d.npz", "not an npz archive"]);
    sandbox.write("d.npz", "");
    refused(&["d.npz"]);
    sandbox.write("d.npz", &good[..good.len() / 2]);
    refused(&["d.npz"]);
    sandbox.remove("d.npz");
    refused(&["d.npz"]);
}

#[test]
fn arrays_that_are_wrong_are_named() {
    let sandbox = with_data();
    let interpreter = std::env::var("PIPE_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let cases = [
        ("Z=x", "no array X"),
        ("X=x", "no array y"),
        ("X=x[:, 0], y=y", "array X has 1 axes"),
        ("X=x, y=x", "array y has 2 axes"),
        ("X=x[:50], y=y", "array X has 50 rows but y has 100 labels"),
        ("X=x[:0], y=y[:0]", "array X is empty"),
        ("X=numpy.where(x == x[7, 1], numpy.nan, x), y=y", "array X has NaN at row 7, column 1"),
        ("X=numpy.where(x == x[7, 1], -numpy.inf, x), y=y", "array X has -inf at row 7, column 1"),
        ("X=x.astype(complex), y=y", "array X has the type"),
        ("X=x.astype(str), y=y", "array X has the type"),
        ("X=x, y=y + 0.5", "array y has the type"),
        ("X=x, y=y - 1", "array y has label -1"),
        ("X=x, y=y * 2", "array y has no label 1"),
    ];
    for (arrays, told) in cases {
        let mut command = sandbox.program(&interpreter);
        command.args(["-c", &format!("import numpy\nx = numpy.random.default_rng(0).random((100, 2)); y = numpy.arange(100) % 2\nnumpy.savez('d.npz', {arrays})")]);
        sandbox.finish(command).code(0);
        sandbox.pipe(train(&["-q"])).code(2).tells(&["failed to read data set d.npz", told]);
    }
}

#[test]
fn illegal_parameters_name_their_key() {
    let sandbox = with_data();
    for (flags, told) in [
        (["--lr", "-1"], "lr"),
        (["--lr", "fast"], "lr"),
        (["--batch_size", "0"], "batch_size"),
        (["--train_frac", "1.5"], "train_frac"),
        (["--device", "tpu"], "device"),
        (["--input_dim", "3"], "input_dim"),
    ] {
        sandbox.pipe(train(&flags)).code(2).tells(&[told]);
    }
    sandbox.write("params.yaml", "lr: true\n");
    sandbox.pipe(train(&["--params", "params.yaml"])).code(2).tells(&["params.yaml", "lr"]);
    sandbox.write("params.yaml", "lr: [\n");
    sandbox.pipe(train(&["--params", "params.yaml"])).code(2).tells(&["params.yaml:"]);
    sandbox.pipe(train(&["--params", "none.yaml"])).code(2).tells(&["none.yaml"]);
}
