//! `pipe commit`: outs as they are become the recorded result; refused where that could be a lie.

use serde_json::json;

use crate::harness::{Sandbox, snapshot};
use crate::repro::chain;

fn done() -> Sandbox {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox
}

#[test]
fn an_edited_out_is_recorded_and_what_reads_it_is_stale() {
    let sandbox = done();
    sandbox.write("first.txt", "by hand\n");
    snapshot!(sandbox.pipe(["commit", "first"]), @"
    exit: 0
    --- stderr
    Recorded first: 1 out.
    ");
    assert_eq!(sandbox.states(), "first:fresh second:stale");
    assert_eq!(sandbox.count("ran", "first"), 1, "nothing ran");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("second.txt"), "by hand\n");
    // The bytes are in the cache: when the out is gone, it comes back without running.
    sandbox.remove("first.txt");
    sandbox.ok(["repro"]).tells(&["Restored first"]);
    assert_eq!((sandbox.read("first.txt"), sandbox.count("ran", "first")), ("by hand\n".into(), 1));
    sandbox.ok(["commit"]).tells(&["Everything is recorded already (2 stages)."]);
}

#[test]
fn changed_inputs_are_refused_without_force() {
    let sandbox = done();
    sandbox.write("params.yaml", "factor: 2\n");
    sandbox.write("second.txt", "by hand\n");
    let before = sandbox.read("pipeline.lock");
    snapshot!(sandbox.pipe(["commit"]), @"
    exit: 1
    --- stderr
    error: nothing was recorded, since outs may be older than their inputs: stage first: param params.yaml:factor changed: 1 -> 2
    hint: `pipe commit -f` records them all the same; `pipe repro` makes them anew
    ");
    assert_eq!(sandbox.read("pipeline.lock"), before, "nor is what could have been");
    sandbox.ok(["commit", "-f"]).tells(&["Recorded first: 1 out.", "Recorded second: 1 out."]);
    assert_eq!(sandbox.states(), "first:fresh second:fresh");
    assert!(sandbox.read("pipeline.lock").contains("factor: 2"));
    assert_eq!(sandbox.count("ran", "first"), 1);
}

/// What forces everything records outs as the result of inputs that they do not come from: first the way that does not.
#[test]
fn changed_data_is_recorded_alone_and_its_stage_runs() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  copy: {cmd: cp 'in put' out, deps: ['in put'], outs: [out]}\n");
    sandbox.write("in put", "1\n");
    sandbox.ok(["add", "in put"]);
    sandbox.ok(["repro"]);
    sandbox.write("in put", "2\n");
    let status = sandbox.ok(["status"]).stdout;
    assert!(status.starts_with("in put.pipe: stale (`pipe commit 'in put'` records it)\n"), "{status}");
    sandbox.pipe(["commit"]).code(1).tells(&[
        "hint: `pipe commit 'in put'` records the data alone, and `pipe repro` then makes the outs anew; `pipe commit -f`",
    ]);
    sandbox.ok(["commit", "in put"]).tells(&["Recorded in put.pipe"]);
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("out"), "2\n");
    assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n");
}

#[test]
fn a_stage_that_never_ran_takes_force() {
    let sandbox = chain();
    sandbox.write("first.txt", "made elsewhere\n");
    sandbox
        .pipe(["commit", "first"])
        .code(1)
        .tells(&["stage first: has not run yet", "hint: `pipe commit -f`"]);
    sandbox.ok(["commit", "-f", "first"]).tells(&["Added the cached outs to .gitignore"]);
    assert_eq!(sandbox.states(), "first:fresh second:stale");
    // As if it had been run: other inputs and back again, and it is restored.
    sandbox.write("input", "two\n");
    sandbox.ok(["repro"]);
    sandbox.write("input", "one\n");
    sandbox.ok(["repro"]).tells(&["Restored first"]);
    assert_eq!(sandbox.read("first.txt"), "made elsewhere\n");
}

#[test]
fn what_is_not_there_cannot_be_recorded() {
    let sandbox = done();
    sandbox.remove("second.txt");
    sandbox.write("first.txt", "by hand\n");
    sandbox.pipe(["commit", "-f"]).code(1).tells(&[
        "cannot record stage second",
        "`second.txt` is not there",
        "`pipe repro second` makes it",
    ]);
    assert_eq!(sandbox.states(), "first:stale second:stale", "then none is recorded");
    sandbox.remove("input");
    sandbox.pipe(["commit", "-f", "first"]).code(2).tells(&["dep input does not exist"]);
    sandbox.pipe(["commit", "frist"]).code(2).tells(&["did you mean"]);
}

#[test]
fn data_that_is_not_here_is_told() {
    let sandbox = Sandbox::new();
    for file in ["a", "b"] {
        sandbox.write(file, file);
    }
    sandbox.ok(["add", "a", "b"]);
    sandbox.remove("a");
    let missing = "Not recorded, since it is not here: a; `pipe checkout` brings it back, and `pipe remove` gives it up.";
    sandbox.ok(["commit"]).tells(&["All that is here is recorded already (1 pointer).", missing]);
    sandbox.write("b", "edited");
    sandbox.ok(["commit"]).tells(&["Recorded b.pipe: 1 modified.", missing]);
    snapshot!(sandbox.pipe(["commit", "a"]), @"
    exit: 1
    --- stderr
    error: cannot record data of a.pipe
      caused by: `a` is not there
    hint: `pipe checkout a` brings back what is recorded; `pipe remove a.pipe` gives the data up
    ");
    sandbox.remove("b");
    let said = sandbox.ok(["commit"]).tells(&["is not here: a, b;"]);
    assert!(!said.stderr.contains("recorded already"), "{}", said.stderr);
    sandbox.ok(["checkout"]);
    sandbox.ok(["commit"]).tells(&["Everything is recorded already (2 pointers)."]);
}

#[test]
fn an_out_that_git_tracks_is_refused() {
    let sandbox = Sandbox::with_pipeline(crate::repro::CHAIN);
    sandbox.write("input", "one\n");
    sandbox.write("params.yaml", "factor: 1\n");
    sandbox.write("first.txt", "mine\n");
    sandbox.commit("all");
    sandbox.pipe(["commit", "-f", "first"]).code(1).tells(&["git tracks its out `first.txt`"]);
}

/// The entry of the stage cache whose out has these bytes.
fn entry(sandbox: &Sandbox, stage: &str, size: u64) -> serde_json::Value {
    let entries = sandbox.files(".pipe/cache/stages");
    let entries =
        entries.iter().map(|file| serde_json::from_str::<serde_json::Value>(&sandbox.read(file)).unwrap());
    let mut found = entries.filter(|entry| entry["stage"] == stage && entry["outs"][0]["size"] == size);
    found.next().unwrap_or_else(|| panic!("no entry of {stage} with {size} bytes"))
}

#[test]
fn what_is_recorded_by_hand_names_no_run() {
    let sandbox = done();
    let runs = sandbox.run_count();
    sandbox.write("first.txt", "by hand, and longer\n");
    sandbox.ok(["commit", "first"]);
    assert_eq!(sandbox.run_count(), runs, "nothing was executed");
    let entry_now = entry(&sandbox, "first", 20);
    assert_eq!((entry_now["run"].clone(), entry_now["duration"].clone()), (json!(null), json!(0)));
    assert_eq!(entry_now["params"]["params.yaml"]["factor"], 1);
    let lock = sandbox.read("pipeline.lock");
    assert!(lock.contains(entry_now["outs"][0]["digest"].as_str().unwrap()), "{lock}");
    assert_eq!(sandbox.read(".pipe/journal"), "", "what the lock says needs no journal");
    // Restored later, after other inputs and back again: from no run that there was.
    sandbox.write("input", "two\n");
    sandbox.ok(["repro"]);
    sandbox.write("input", "one\n");
    let said = sandbox.ok(["repro"]).stderr;
    assert!(said.contains("Restored first from the result of "), "{said}");
    assert_eq!(sandbox.read("first.txt"), "by hand, and longer\n");
    assert_eq!(sandbox.stage_run("first")["tags"]["pipe.restored_from"], "stage cache");
}

#[test]
fn the_same_result_keeps_the_run_that_made_it() {
    let sandbox = done();
    let size = sandbox.bytes("first.txt").len() as u64;
    let run = entry(&sandbox, "first", size)["run"].clone();
    assert!(run.is_string(), "{run}");
    sandbox.remove("pipeline.lock");
    sandbox.ok(["commit", "-f"]).tells(&["Recorded first"]);
    assert_eq!(entry(&sandbox, "first", size)["run"], run);
}

/// What `--no-commit` left out can be made up for.
#[test]
fn outs_that_were_not_stored_are_stored() {
    let sandbox = chain();
    sandbox.ok(["repro", "--no-commit"]);
    sandbox.ok(["commit"]).tells(&["Recorded first: 1 out.", "Recorded second: 1 out."]);
    sandbox.ok(["commit"]).tells(&["Everything is recorded already"]);
    for file in ["first.txt", "second.txt", "pipeline.lock"] {
        sandbox.remove(file);
    }
    sandbox.ok(["repro"]).tells(&["2 restored"]);
    assert_eq!(sandbox.count("ran", "first"), 1);
}

#[test]
fn what_a_target_needs_is_recorded_when_asked() {
    let sandbox = done();
    sandbox.write("first.txt", "by hand\n");
    sandbox.ok(["commit", "-f", "second"]);
    assert_eq!(sandbox.states(), "first:stale second:stale");
    sandbox.ok(["commit", "-d", "-f", "second"]).tells(&["Recorded first"]);
    assert_eq!(sandbox.states(), "first:fresh second:fresh");
}

/// A job's folder that stays keeps every later question from the fast answer, and makes it look at all files.
#[test]
fn commands_leave_no_job_behind() {
    let sandbox = Sandbox::with_pipeline("stages:\n  make:\n    cmd: echo made > made\n    outs: [made]\n");
    sandbox.ok(["repro"]);
    sandbox.write("data", "1");
    for command in [&["add", "data"][..], &["commit", "-f"], &["checkout"], &["repro"], &["gc", "-w", "-f"]] {
        sandbox.ok(command);
        assert_eq!(sandbox.files(".pipe/tmp/jobs"), [""; 0], "{command:?}");
        let folders = std::fs::read_dir(sandbox.path(".pipe/tmp/jobs")).map_or(0, Iterator::count);
        assert_eq!(folders, 0, "{command:?}");
    }
}
