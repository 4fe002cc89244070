//! Somebody removes or replaces `runs.db` while a reproduction or a server has it open: what is recorded afterwards is in
//! the file that is there, or waits for one, and is never acknowledged into a file that is gone.

use serde_json::json;

use crate::harness::Sandbox;

const PIPE: &str = env!("CARGO_BIN_EXE_pipe");

#[track_caller]
fn check_whole(sandbox: &Sandbox) {
    let file = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    let told: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(told, "ok");
}

/// A closed store with one run, beside the project's own.
fn other_store(sandbox: &Sandbox, name: &str) {
    let other = Sandbox::without_git();
    other.ok(["runs", "start", "--name", "other"]);
    std::fs::copy(other.path(".pipe/runs.db"), sandbox.path(name)).unwrap();
}

#[test]
fn a_reproduction_goes_on_and_is_recorded() {
    let removed = "rm -f .pipe/runs.db .pipe/runs.db-wal .pipe/runs.db-shm";
    let only_removed = "rm -f .pipe/runs.db";
    let replaced = "mv other.db .pipe/runs.db";
    for away in [removed, only_removed, replaced] {
        let sandbox = Sandbox::with_pipeline(&format!(
            "stages:\n  a:\n    cmd: sleep 0.3; {away}; echo 1 > a\n    outs: [a]\n  b:\n    cmd: {PIPE} log metric loss \
             0.5 --step 7; cp a b; sleep 0.2\n    deps: [a]\n    outs: [b]\n"
        ));
        sandbox.ok(["runs", "start", "--name", "earlier"]);
        other_store(&sandbox, "other.db");
        let said = sandbox.ok(["repro"]);
        assert!(said.stderr.contains("2 ran"), "{away}: {}", said.stderr);
        if away != replaced {
            // Who only reads makes none.
            sandbox.pipe(["runs", "list"]).code(2).tells(&[
                ".pipe/runs.db is missing",
                "put it back",
                "pipe repro",
            ]);
            let said = sandbox.ok(["repro"]).tells(&[".pipe/runs.db is missing", "a new store is made"]);
            assert_eq!(said.stderr.matches("warning: ").count(), 1, "{}", said.stderr);
        }
        for (name, count) in
            [("a", 1), ("b", 1), ("repro", 1), ("earlier", 0), ("other", usize::from(away == replaced))]
        {
            let filter = format!("name = '{name}'");
            let list =
                sandbox.json(["runs", "list", "--json", "--columns", "name,status", "--where", &filter]);
            let list = list.as_array().unwrap();
            assert_eq!(list.len(), count, "{away}: {name} in {list:?}\n{}", said.stderr);
            if count == 1 && name != "other" {
                assert_eq!(list[0]["status"], "FINISHED", "{away}: {name}");
            }
        }
        let run = sandbox.stage_run("b");
        assert_eq!(run["metrics"]["loss"][0]["step"], 7, "{away}: {run:#}");
        let none: [&str; 0] = [];
        assert_eq!(sandbox.files(".pipe/tmp/spool"), none, "{away}");
        check_whole(&sandbox);
    }
}

/// What waits for a store that was moved away is for that one: no command that reads, or logs to a run of it, makes another.
#[test]
fn a_store_that_was_moved_away_gets_what_waits_when_it_is_put_back() {
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  a:\n    cmd: sleep 0.3; mkdir away; mv .pipe/runs.db* away; echo 1 > a; {PIPE} log artifact a; {PIPE} runs start \
         --name nested > /dev/null; test ! -e .pipe/runs.db\n    outs: [a]\n"
    ));
    let earlier = sandbox.ok(["runs", "start", "--name", "earlier"]).stdout.trim().to_owned();
    let said = sandbox
        .ok(["repro"])
        .tells(&[".pipe/runs.db is missing (put it back); what is logged is recorded by a later"]);
    assert!(!sandbox.exists(".pipe/runs.db"), "{}", said.stderr);
    let (point, end) = (["log", "metric", "loss", "1", "--run", &earlier], ["runs", "end", &earlier]);
    for logs in [&point[..], &end] {
        let said = sandbox.ok(logs).tells(&[".pipe/runs.db is missing (put it back)"]);
        assert_eq!(said.stderr.matches("warning: ").count(), 1, "{}", said.stderr);
    }
    let waits = sandbox.files(".pipe/tmp/spool");
    let missing = format!(".pipe/runs.db is missing, and {} sets of changes wait for it in ", waits.len());
    for reads in [
        &["runs", "list"][..],
        &["runs", "list", "--json"],
        &["runs", "show", "last"],
        &["diff", "a"],
        &["models", "list"],
        &["experiments", "list"],
        &["runs", "tag", "last", "k=v"],
        &["gc", "-w", "-f"],
    ] {
        let said = sandbox.pipe(reads).code(2).tells(&[&missing, "put it back", "`pipe runs start`"]);
        assert_eq!(said.stderr.matches("is missing").count(), 1, "{}", said.stderr);
    }
    assert_eq!(sandbox.files(".pipe/tmp/spool"), waits);
    for name in sandbox.files("away") {
        let name = name.trim_start_matches("away/");
        std::fs::rename(sandbox.path(&format!("away/{name}")), sandbox.path(&format!(".pipe/{name}")))
            .unwrap();
    }
    let list = sandbox.json(["runs", "list", "--json", "--columns", "name,status", "--sort", "name"]);
    let list: Vec<_> = list.as_array().unwrap().iter().map(|run| (&run["name"], &run["status"])).collect();
    let [finished, running] = ["FINISHED", "RUNNING"].map(|status| json!(status));
    let names = ["a", "earlier", "nested", "repro"].map(|name| json!(name));
    let wanted =
        [(&names[0], &finished), (&names[1], &finished), (&names[2], &running), (&names[3], &finished)];
    assert_eq!(list, wanted);
    assert_eq!(sandbox.stage_run("a")["artifacts"][0]["path"], "a");
    let none: [&str; 0] = [];
    assert_eq!(sandbox.files(".pipe/tmp/spool"), none);
    check_whole(&sandbox);
}

#[test]
fn the_log_of_a_store_that_was_replaced_is_told_of_once() {
    let sandbox = Sandbox::with_pipeline("stages: {}\n");
    sandbox.ok(["runs", "start", "--name", "first"]);
    other_store(&sandbox, "other.db");
    // As long as somebody has it open, what is logged stays in the log.
    let open = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    open.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())).unwrap();
    sandbox.ok(["runs", "start", "--name", "second"]);
    std::fs::rename(sandbox.path("other.db"), sandbox.path(".pipe/runs.db")).unwrap();
    sandbox.ok(["runs", "list"]).tells(&[".pipe/runs.db was replaced", ".pipe/runs.db-wal.old is that log"]);
    assert!(sandbox.exists(".pipe/runs.db-wal.old") && !sandbox.exists(".pipe/runs.db-wal.replaced"));
    assert!(!sandbox.ok(["runs", "list"]).stderr.contains("replaced"));
    drop(open);
    check_whole(&sandbox);
}

#[cfg(feature = "serve")]
#[test]
fn a_server_acknowledges_nothing_that_is_not_in_the_file_that_is_there() {
    use crate::mlflow_tool::Served;
    let served = Served::start();
    let run = served.run();
    let point = |run: &str, step: i64| json!({"run_id": run, "key": "loss", "value": 0.5, "timestamp": 1, "step": step});
    served.ok("runs/log-metric", point(&run, 1));
    let sandbox = &served.sandbox;
    std::fs::rename(sandbox.path(".pipe/runs.db"), sandbox.path("aside.db")).unwrap();
    for (path, body) in [
        ("runs/log-metric", point(&run, 2)),
        ("runs/create", json!({"experiment_id": "0", "start_time": 1})),
        ("runs/search", json!({"experiment_ids": ["0"]})),
    ] {
        // A status after which clients try again.
        let (status, answer) = served.post(path, &body);
        assert_eq!(
            (status, &answer["error_code"]),
            (503, &json!("TEMPORARILY_UNAVAILABLE")),
            "{path}: {answer}"
        );
        assert!(answer["message"].as_str().unwrap().contains("was removed"), "{answer}");
    }
    // It is put back.
    std::fs::rename(sandbox.path("aside.db"), sandbox.path(".pipe/runs.db")).unwrap();
    served.ok("runs/log-metric", point(&run, 3));
    let shown = sandbox.json(["runs", "show", "--json", &run]);
    assert_eq!(shown["metrics"]["loss"].as_array().unwrap().len(), 2, "{shown:#}");
    // It is removed for good, with its log or without, and another process makes a new one.
    sandbox.remove(".pipe/runs.db");
    let new = sandbox.ok(["runs", "start", "--name", "new"]).stdout.trim().to_owned();
    served.ok("runs/log-metric", point(&new, 4));
    let (status, answer) = served.post("runs/log-metric", &point(&run, 5));
    assert_eq!((status, &answer["error_code"]), (404, &json!("RESOURCE_DOES_NOT_EXIST")), "{answer}");
    assert_eq!(sandbox.json(["runs", "show", "--json", &new])["metrics"]["loss"][0]["step"], 4);
    // Another file is put in its place.
    other_store(sandbox, "other.db");
    std::fs::rename(sandbox.path("other.db"), sandbox.path(".pipe/runs.db")).unwrap();
    let made = served.run();
    let names = sandbox.json(["runs", "list", "--json", "--columns", "id,name", "--sort", "start"]);
    let names = names.as_array().unwrap();
    assert!(names.len() == 2 && names.iter().any(|run| run["name"] == "other"), "{names:?}");
    let (sandbox, said) = served.end("TERM");
    said.code(0);
    check_whole(&sandbox);
    assert_eq!(sandbox.json(["runs", "show", "--json", &made])["run_id"], json!(made));
}
