//! `pipe log`: scripts in any language log to a run, and nothing that the run store does stops them.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value as Json, json};

use crate::harness::{Sandbox, await_that};

fn start(sandbox: &Sandbox) -> String {
    sandbox.ok(["runs", "start", "--name", "script", "--param", "lr=0.1"]).stdout.trim().to_owned()
}

fn shown(sandbox: &Sandbox, run: &str) -> Json {
    sandbox.json(["runs", "show", run, "--json"])
}

fn points(run: &Json, key: &str) -> Vec<(i64, Json)> {
    let points = run["metrics"][key].as_array().cloned().unwrap_or_default();
    points.iter().map(|point| (point["step"].as_i64().unwrap(), point["value"].clone())).collect()
}

fn fed(sandbox: &Sandbox, arguments: &[&str], text: &str) -> crate::harness::Said {
    sandbox.write("fed", text);
    let mut command = sandbox.pipe_command(arguments);
    command.stdin(std::fs::File::open(sandbox.path("fed")).unwrap());
    sandbox.finish(command)
}

#[test]
fn a_run_of_a_script_is_started_filled_and_ended() {
    let sandbox = Sandbox::new();
    sandbox.pipe(["log", "metric", "loss", "1"]).code(2).tells(&["pipe runs start", "--run"]);
    let run = start(&sandbox);
    assert_eq!((run.len(), shown(&sandbox, &run)["status"].as_str()), (32, Some("RUNNING")));
    sandbox.ok(["log", "metric", "loss", "-0.5", "--step", "2", "--timestamp", "7", "--run", "script"]);
    sandbox.ok(["log", "metric", "loss", "nan", "--step", "3", "--run", "last"]);
    sandbox.ok(["log", "param", "depth=3", "name=a b", "--run", &run]);
    sandbox.ok(["log", "tag", "team=blue", "--run", &run]);
    let long = format!("long={}", "x".repeat(7000));
    let told =
        ["the value of param `long` is cut: it has 7000 characters, and 6000 are kept", "pipe log artifact"];
    sandbox.ok(["log", "param", &long, "--run", &run]).tells(&told);
    let said = sandbox.ok(["log", "tag", &long, &format!("{long}{}", "x".repeat(2000)), "--run", &run]);
    said.tells(&["the value of tag `long` is cut: it has 9000 characters, and 8000 are kept"]);
    let said = sandbox.ok(["log", "tag", &long, "--run", &run]);
    assert!(!said.stderr.contains("cut"), "{}", said.stderr);
    // A text that no number can hold is none; what is written as infinite is.
    sandbox.pipe(["log", "metric", "far", "1e400", "--run", &run]).code(2).tells(&[
        "1e400",
        "out of range",
        "inf",
    ]);
    sandbox.pipe(["log", "metric", "far", "-1e400", "--run", &run]).code(2).tells(&["out of range"]);
    for (step, value) in [("1", "-inf"), ("2", "Infinity"), ("3", "1e308")] {
        sandbox.ok(["log", "metric", "edge", value, "--step", step, "--run", &run]);
    }
    let lines = "{\"acc\": 0.5, \"step\": 1}\n\n{\"acc\": 0.75, \"step\": 2}\n{\"name\": \"f1\", \"value\": \"inf\"}\n";
    fed(&sandbox, &["log", "metric", "-", "--run", &run], lines).code(0);
    let lines =
        "no\n{\"acc\": \"x\"}\n\n{\"late\": 1, \"done\": true}\n{\"step\": 4}\n{\"far\": \"-1e400\"}\n";
    let said = fed(&sandbox, &["log", "metric", "-", "--run", &run], lines);
    said.code(2).tells(&[
        "line 1 is not logged: it is no JSON object",
        "line 2 is not logged: `acc` is \"x\", and no number",
        "line 4 is not logged in full: `done` is true, and no number",
        "line 5 is not logged: it names no metric",
        "line 6 is not logged: `far` is \"-1e400\", and no number",
    ]);
    sandbox.ok(["runs", "end", &run, "--status", "failed"]);
    sandbox.ok(["runs", "end", &run]).tells(&["has ended before: FAILED"]);
    let shown = shown(&sandbox, &run);
    assert_eq!(shown["status"], "FAILED");
    assert_eq!(points(&shown, "loss"), [(2, json!(-0.5)), (3, json!("NaN"))]);
    assert_eq!(shown["metrics"]["loss"][0]["timestamp"], 7);
    assert!(shown["metrics"].get("far").is_none(), "{shown:#}");
    assert_eq!(points(&shown, "edge"), [(1, json!("-Infinity")), (2, json!("Infinity")), (3, json!(1e308))]);
    assert_eq!(points(&shown, "acc"), [(1, json!(0.5)), (2, json!(0.75))]);
    assert_eq!(
        (points(&shown, "f1"), points(&shown, "late")),
        (vec![(0, json!("Infinity"))], vec![(0, json!(1.0))])
    );
    assert_eq!((&shown["params"]["lr"], &shown["params"]["name"]), (&json!("0.1"), &json!("a b")));
    assert_eq!(shown["params"]["long"].as_str().unwrap().chars().count(), 6000);
    assert_eq!((&shown["tags"]["team"], &shown["tags"]["pipe.kind"]), (&json!("blue"), &json!("script")));
    sandbox.pipe(["log", "param", "depth=4", "--run", &run]).code(2).tells(&["cannot become `4`"]);
    sandbox.pipe(["log", "metric", "a#b", "1", "--run", &run]).code(2);
    sandbox.pipe(["log", "metric", "loss", "--run", &run]).code(2).tells(&["has no value"]);
    sandbox.pipe(["log", "metric", "loss", "1", "--run", "nobody"]).code(2).tells(&["nobody"]);
}

#[test]
fn a_stage_logs_to_its_own_run_from_any_folder() {
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  a:\n    cmd: |\n      {pipe} log metric loss 0.25 --step 1\n      cd /; {pipe} log param made=here\n      cd \
         -; echo hi > note.txt; {pipe} log artifact note.txt --as notes/\n      inner=$({pipe} runs start --name inner)\n      \
         {pipe} log metric deep 1 --run $inner\n      {pipe} runs end $inner\n      echo 1 > out\n    outs: [out]\n"
    ));
    sandbox.ok(["repro"]);
    let run = sandbox.stage_run("a");
    assert_eq!((points(&run, "loss"), &run["params"]["made"]), (vec![(1, json!(0.25))], &json!("here")));
    let artifacts = run["artifacts"].as_array().unwrap();
    assert!(artifacts.iter().any(|artifact| artifact["path"] == "notes/note.txt"), "{artifacts:?}");
    let inner = shown(&sandbox, "inner");
    assert_eq!((&inner["parent"], points(&inner, "deep").len()), (&run["run_id"], 1));
    assert_eq!(run["status"], "FINISHED");
}

#[test]
fn artifacts_and_models_are_stored_once_and_kept() {
    let sandbox = Sandbox::new();
    let run = start(&sandbox);
    sandbox.write("model/weights.bin", "weights");
    sandbox.write("model/deep/copy.bin", "weights");
    sandbox.write("model/empty", "");
    sandbox.ok(["log", "artifact", "model", "--run", &run]).tells(&["3 files"]);
    sandbox.ok(["log", "artifact", "model/weights.bin", "--as", "best.bin", "--run", &run]);
    let blobs = sandbox.files(".pipe/cache");
    assert_eq!(blobs.len(), 2, "two contents: {blobs:?}");
    let said = sandbox.ok(["log", "model", "model", "--name", "net", "--register", "spiral", "--run", &run]);
    said.tells(&["Logged model (3 files)", "a version of spiral", "m-"]);
    assert_eq!(sandbox.files(".pipe/cache"), blobs);
    let paths: Vec<String> = shown(&sandbox, &run)["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| artifact["path"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(paths, ["best.bin", "model/deep/copy.bin", "model/empty", "model/weights.bin"]);
    sandbox.pipe(["log", "artifact", "gone", "--run", &run]).code(2).tells(&["gone"]);
    sandbox.pipe(["log", "artifact", "model", "--as", "../out", "--run", &run]).code(2);
    std::os::unix::fs::symlink("..", sandbox.path("model/up")).unwrap();
    sandbox.pipe(["log", "artifact", "model", "--run", &run]).code(2).tells(&["a folder above it"]);
    sandbox.pipe(["log", "model", "model/empty", "--name", "a/b", "--run", &run]).code(2);
}

#[test]
fn a_locked_store_and_one_that_is_away_lose_nothing_and_stop_nobody() {
    let sandbox = Sandbox::new();
    let run = start(&sandbox);
    sandbox.ok(["log", "metric", "loss", "1", "--step", "1", "--run", &run]);
    let store = sandbox.path(".pipe/runs.db");
    let lock = rusqlite::Connection::open(&store).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let lines: String = (2..2500).map(|step| format!("{{\"loss\": {step}, \"step\": {step}}}\n")).collect();
    let said = fed(&sandbox, &["log", "metric", "-", "--run", &run], &lines).code(0);
    let warnings = said.stderr.lines().filter(|line| line.contains("warning")).count();
    assert_eq!(warnings, 1, "{}", said.stderr);
    assert!(said.stderr.contains("locked by other processes for 1 s"), "{}", said.stderr);
    let spooled = sandbox.files(".pipe/tmp/spool");
    // A set of a thousand each, or less where reading was slow; never a line each.
    assert!((3..100).contains(&spooled.len()), "{spooled:?}");
    for file in &spooled {
        let mode = std::fs::metadata(sandbox.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    // Who comes then does not wait for what somebody has waited for in vain.
    let again = sandbox.ok(["log", "metric", "loss", "0", "--step", "0", "--run", &run]);
    again
        .tells(&["runs.db is locked by other processes; what is logged is recorded by a later pipe command"]);
    // What takes nothing can be read: a run is found by other names too.
    sandbox.ok(["log", "param", "late=1", "--run", "last"]).tells(&["recorded by a later pipe command"]);
    drop(lock);
    assert_eq!(shown(&sandbox, &run)["params"]["late"], "1");
    assert_eq!(points(&shown(&sandbox, &run), "loss").len(), 2500);
    assert_eq!(sandbox.files(".pipe/tmp/spool"), [""; 0]);

    // A folder in its place: nobody can open it.
    let aside = sandbox.path(".pipe/aside.db");
    std::fs::rename(&store, &aside).unwrap();
    for name in ["runs.db-wal", "runs.db-shm"] {
        let _ = std::fs::remove_file(sandbox.path(&format!(".pipe/{name}")));
    }
    std::fs::create_dir(&store).unwrap();
    sandbox
        .ok(["log", "metric", "loss", "9", "--step", "9000", "--run", &run])
        .tells(&["later pipe command"]);
    sandbox.ok(["log", "param", "lr=7", "--run", &run]);
    let new = sandbox.ok(["runs", "start", "--name", "away"]).stdout.trim().to_owned();
    sandbox.ok(["log", "tag", "a=b", "--run", &new]);
    sandbox.ok(["runs", "end", &new]);
    sandbox.write("net.bin", "x");
    let other = sandbox.ok(["runs", "start", "--experiment", "other"]).stdout.trim().to_owned();
    sandbox.ok(["log", "model", "net.bin", "--run", &other]);
    sandbox.pipe(["log", "tag", "a=b", "--run", "nobody"]).code(2).tells(&["whole id"]);
    // What was begun meanwhile is known by its name.
    sandbox.ok(["log", "tag", "c=d", "--run", "away"]);
    std::fs::remove_dir(&store).unwrap();
    std::fs::rename(&aside, &store).unwrap();
    let said = sandbox.ok(["runs", "show", &run, "--json"]);
    assert_eq!(points(&said.json(), "loss").len(), 2501);
    // `lr` was another before: told once, and kept.
    said.tells(&["not recorded", "`lr`", ".pipe/tmp/spool/told/"]);
    assert_eq!(sandbox.ok(["runs", "list"]).stderr, "");
    let away = shown(&sandbox, "away");
    assert_eq!((&away["status"], &away["tags"]["a"]), (&json!("FINISHED"), &json!("b")));
    assert_eq!(away["tags"]["c"], "d");
    // A model that was logged meanwhile is of its run's experiment.
    let store = rusqlite::Connection::open(&store).unwrap();
    let sql = "SELECT experiment.name FROM logged_model JOIN experiment ON experiment.id = experiment";
    assert_eq!(store.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap(), "other");
}

#[test]
fn a_run_that_a_script_left_open_ends_as_its_stage() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  one: {cmd: 'pipe runs start --name open && echo x > x', outs: [x]}\n",
    );
    sandbox.ok(["repro"]);
    let runs =
        sandbox.json(["runs", "list", "--json", "--columns", "name,status", "--where", "name = 'open'"]);
    assert_eq!(runs[0]["status"], "FINISHED", "{runs}");
}

/// The reproduction tells that its run waits; what is logged to that run waits with it.
#[test]
fn a_stage_before_a_locked_store_is_warned_of_once() {
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let log = format!("for i in 1 2 3; do {pipe} log metric w $i --step $i; done");
    let waits = "until ls .pipe/tmp/spool/*.json > told 2>&1; do sleep 0.01; done";
    for command in [log.clone(), format!("{waits}; {log}")] {
        let sandbox = Sandbox::with_pipeline(&format!("stages:\n  one: {{cmd: '{command}'}}\n"));
        sandbox.ok(["runs", "start", "--name", "before"]);
        let lock = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        let said = sandbox.ok(["repro"]);
        let told = |what: &str| said.stderr.matches(what).count() + said.stdout.matches(what).count();
        assert_eq!(told("this reproduction is recorded by a later pipe command"), 1, "{}", said.stderr);
        assert_eq!(told("what is logged is recorded"), 0, "{}\n{}", said.stdout, said.stderr);
        drop(lock);
        assert_eq!(points(&shown(&sandbox, "one"), "w").len(), 3);
        assert_eq!(sandbox.files(".pipe/tmp/spool"), [""; 0]);
    }
}

/// The store that the stage began with is locked by one of its commands.
#[test]
fn a_stage_whose_store_is_locked_meanwhile_is_told_once() {
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let waits = "until test -e locked; do sleep 0.01; done";
    let log = format!("for i in 1 2 3; do {pipe} log metric w $i --step $i; done");
    let command = format!("{pipe} log metric v 1; touch begun; {waits}; {log}");
    let sandbox = Sandbox::with_pipeline(&format!("stages:\n  one: {{cmd: '{command}'}}\n"));
    sandbox.ok(["runs", "start", "--name", "before"]);
    let started = sandbox.start(sandbox.pipe_command(["repro"]));
    await_that("the stage logs", || sandbox.exists("begun"));
    let lock = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    lock.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    sandbox.write("locked", "");
    let said = started.wait();
    drop(lock);
    let told = |what: &str| said.stderr.matches(what).count() + said.stdout.matches(what).count();
    assert_eq!(told("locked by other processes for 1 s; what is logged is recorded"), 1, "{}", said.stderr);
    assert_eq!(told("what is logged is recorded"), 1, "{}\n{}", said.stdout, said.stderr);
    assert_eq!(points(&shown(&sandbox, "one"), "w").len(), 3);
}

#[test]
fn who_looks_at_a_locked_store_is_told_what_waits_for_it() {
    let sandbox = Sandbox::without_git();
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    let lock = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(!sandbox.ok(["runs", "list"]).stderr.contains("wait"), "nothing does");
    sandbox.ok(["log", "metric", "loss", "1", "--run", &run]);
    for looks in [&["runs", "list"][..], &["runs", "show", "last"]] {
        let said = sandbox.ok(looks).tells(&["locked by other processes", "1 set of changes waits for it"]);
        assert_eq!(said.stderr.matches("warning: ").count(), 1, "{}", said.stderr);
    }
    lock.execute_batch("ROLLBACK").unwrap();
    assert!(!sandbox.ok(["runs", "list"]).stderr.contains("waits"));
    assert_eq!(points(&shown(&sandbox, &run), "loss").len(), 1);
}

/// A store that is gone may come back: who names one of its runs makes no other in its place, and which run a name or a
/// short id means cannot be told without it.
#[test]
fn a_run_of_a_store_that_is_gone_is_not_here() {
    let sandbox = Sandbox::without_git();
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    let store = sandbox.path(".pipe/runs.db");
    std::fs::rename(&store, sandbox.path("aside.db")).unwrap();
    let before = sandbox.files(".pipe");
    for wanted in [&run[24..], "last"] {
        let said = sandbox.pipe(["log", "metric", "loss", "1", "--run", wanted]).code(2);
        said.tells(&[
            wanted,
            "no run store here (.pipe/runs.db)",
            "put that file back",
            "whole id",
            "pipe runs start",
        ]);
    }
    sandbox.pipe(["runs", "end", "last"]).code(2).tells(&["no run store here"]);
    assert_eq!(sandbox.files(".pipe"), before, "nothing is made");
    std::fs::rename(sandbox.path("aside.db"), &store).unwrap();
    sandbox.ok(["log", "metric", "loss", "1", "--run", &run]);
    assert_eq!(points(&shown(&sandbox, &run), "loss").len(), 1);
}

/// Nothing waits for the store yet: the first that is logged is not lost either.
#[test]
fn what_is_logged_to_a_whole_id_waits_for_a_store_that_is_gone() {
    let sandbox = Sandbox::without_git();
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    let (store, aside) = (sandbox.path(".pipe/runs.db"), sandbox.path("aside.db"));
    let logged: [&[&str]; 3] =
        [&["log", "metric", "loss", "1", "--run"], &["log", "param", "lr=7", "--run"], &["runs", "end"]];
    for line in logged {
        std::fs::rename(&store, &aside).unwrap();
        let said = sandbox.ok(line.iter().copied().chain([run.as_str()]));
        said.tells(&[".pipe/runs.db is missing (put it back)", "by a later pipe command"]);
        assert!(!store.exists() && sandbox.files(".pipe/tmp/spool").len() == 1, "{line:?}");
        std::fs::rename(&aside, &store).unwrap();
        sandbox.ok(["runs", "list"]);
        assert_eq!(sandbox.files(".pipe/tmp/spool"), [""; 0], "{line:?}");
    }
    let run = shown(&sandbox, &run);
    assert_eq!((points(&run, "loss").len(), &run["params"]["lr"]), (1, &json!("7")));
    assert_eq!(run["status"], "FINISHED");
}

#[test]
fn a_stage_that_goes_elsewhere_makes_no_project_there() {
    let sandbox = Sandbox::without_git();
    let pipe = env!("CARGO_BIN_EXE_pipe");
    let elsewhere = sandbox.root().with_file_name("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let folder = elsewhere.display();
    sandbox.write("pipeline.yaml", format!(
        "stages:\n  go:\n    cmd: cd {folder}; {pipe} log metric a 1; R=$({pipe} runs start --name inner); {pipe} log metric b 2 \
         --run $R; {pipe} runs end $R\n"
    ));
    sandbox.ok(["repro"]);
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    let list =
        sandbox.json(["runs", "list", "--json", "--columns", "name,metrics.b", "--where", "name = 'inner'"]);
    assert_eq!(list[0]["metrics.b"], 2.0, "{list}");
}

#[test]
fn what_is_a_file_is_no_folder() {
    let sandbox = Sandbox::without_git();
    let run = sandbox.ok(["runs", "start"]).stdout.trim().to_owned();
    let log = |path: &str, name: &str| sandbox.pipe(["log", "artifact", "--run", &run, path, "--as", name]);
    sandbox.write("f", "bytes");
    sandbox.write("folder/y", "bytes");
    log("f", "x").code(0);
    log("folder", "d").code(0);
    for (path, name, other) in [("f", "x/y", "`x`"), ("folder", "x", "`x`"), ("f", "d", "`d/y`")] {
        log(path, name).code(2).tells(&[other, "a name is a file or a folder, not both", "hint: `--as`"]);
    }
    // Equal files and others of the same names are fine.
    log("f", "x").code(0);
    sandbox.write("f", "others");
    log("f", "x").code(0);
    log("folder", "d").code(0);
    sandbox.ok(["runs", "download", &run, "-o", "o"]);
    assert_eq!((sandbox.read("o/x"), sandbox.read("o/d/y")), ("others".into(), "bytes".into()));
}

/// What a stage's script has logged in a folder by the name of a log keeps nobody from recording how the stage ended.
#[test]
fn a_folder_by_the_name_of_a_log_leaves_the_run_as_it_ended() {
    let sandbox = Sandbox::without_git();
    let pipe = env!("CARGO_BIN_EXE_pipe");
    sandbox.write("f", "bytes");
    sandbox.write(
        "pipeline.yaml",
        format!("stages:\n  a:\n    cmd: echo said; {pipe} log artifact f --as stdout.log/f\n"),
    );
    sandbox.ok(["repro"]);
    let run = sandbox.stage_run("a");
    let paths: Vec<&str> =
        run["artifacts"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!((&run["status"], paths), (&json!("FINISHED"), vec!["stderr.log", "stdout.log/f"]));
}
