//! kill -9 and what the next process makes of it: nothing reported as done is lost, nothing stays running for
//! ever, and what the dead process left behind does not spoil the next result.

use serde_json::json;

use crate::harness::{Sandbox, await_that, is_alive};

const PIPELINE: &str = "\
stages:
  quick:
    cmd: echo quick >> ran; cat input > quick
    deps: [input]
    outs: [quick]
  slow:
    cmd: echo slow >> ran; echo $$ > shell; echo begin >> slow; touch up; while [ ! -e go ] && [ -e input ]; do sleep 0.02; done; echo end >> slow
    deps: [quick]
    outs: [slow]
";

/// A project whose `pipe repro` was killed while `slow` was at work.
fn killed() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.write("input", "1");
    sandbox.write("slow", "from before\n");
    let started = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    // Runs are written together with what comes within milliseconds.
    await_that("the runs are written down", || {
        sandbox.run_count() == 3 && sandbox.stage_run("quick")["status"] == "FINISHED"
    });
    started.signal("KILL");
    assert_eq!(started.wait().signal(), Some(9));
    sandbox
}

#[test]
fn what_was_done_is_in_the_journal() {
    let sandbox = killed();
    assert!(sandbox.read(".pipe/journal").contains("quick"));
    assert!(!sandbox.exists("pipeline.lock"));
    assert_eq!(sandbox.states(), "quick:fresh slow:stale");
    sandbox.write("go", "");
    sandbox.ok(["repro"]);
    assert_eq!((sandbox.count("ran", "quick"), sandbox.count("ran", "slow")), (1, 2));
    assert!(sandbox.read("pipeline.lock").contains("quick"));
    assert_eq!(sandbox.read(".pipe/journal"), "", "what it told stands in the lock");
}

#[test]
fn nothing_outlives_a_killed_pipe_process() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: sleep 60 & echo $! > child; setsid sleep 60 & echo $! > apart; echo $$ > shell; touch up; sleep 60\n    outs: [out]\n",
    );
    let started = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    started.signal("KILL");
    assert_eq!(started.wait().signal(), Some(9));
    // Not the next `pipe` process: there is none.
    for file in ["shell", "child", "apart"] {
        let pid = sandbox.read(file);
        await_that(&format!("{file} is gone"), || !is_alive(&pid));
    }
}

/// Nothing in its environment tells whose it is: it is found by its process group alone.
#[test]
fn a_command_that_cleared_its_environment_does_not_outlive_it_either() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: env -i sh -c 'echo $$ > pid; touch up; exec sleep 300'\n    outs: [out]\n",
    );
    let started = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    started.signal("KILL");
    assert_eq!(started.wait().signal(), Some(9));
    let pid = sandbox.read("pid");
    await_that("the command is gone", || !is_alive(&pid));
}

#[test]
fn the_orphan_does_not_write_into_the_next_result() {
    let sandbox = killed();
    let orphan = sandbox.read("shell");
    sandbox.remove("up");
    let next = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    assert!(!is_alive(&orphan), "the command of the dead process was ended before its stage started again");
    sandbox.write("go", "");
    next.wait().code(0).tells(&["stage slow was cut off by the end of its pipe process"]);
    assert_eq!(sandbox.read("slow"), "begin\nend\n");
}

#[test]
fn an_orphan_that_writes_without_a_pause_does_not_stop_the_next_reproduction() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo $$ > shell; touch up; test -e go || while [ -e input ]; do echo more >> out; done; echo whole > out\n    deps: [input]\n    outs: [out]\n",
    );
    sandbox.write("input", "1");
    let started = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    started.signal("KILL");
    started.wait();
    sandbox.write("go", "");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("out"), "whole\n");
}

#[test]
fn the_outs_of_before_come_back() {
    let sandbox = killed();
    // Any later reproduction puts them back, not only one of that stage.
    sandbox.write("input", "2");
    sandbox
        .ok(["repro", "quick"])
        .tells(&["its last good outs are back in place; its partial outs are in ROOT/.pipe/artifacts/"]);
    assert_eq!(sandbox.read("slow"), "from before\n");
    let partial = sandbox.files(".pipe/artifacts").into_iter().find(|file| file.ends_with("partial/slow"));
    assert_eq!(sandbox.read(&partial.unwrap()), "begin\n");
}

#[test]
fn runs_of_the_dead_are_settled_as_killed() {
    let sandbox = killed();
    let run = sandbox.stage_run("slow");
    assert_eq!((&run["status"], run["end_time"].is_i64()), (&json!("KILLED"), true), "any reader settles it");
    let parent = sandbox.json(["runs", "show", "--json", run["parent"].as_str().unwrap()]);
    assert_eq!(parent["status"], "KILLED");
    assert_eq!(sandbox.stage_run("quick")["status"], "FINISHED");
    let said = sandbox.ok(["runs", "logs", run["run_id"].as_str().unwrap()]);
    assert_eq!(said.stdout, "");
}

#[test]
fn a_torn_journal_line_is_no_damage() {
    let sandbox = killed();
    sandbox.append(".pipe/journal", "1a2b3c4d {\"version\":1,\"stage\":{\"fi");
    assert_eq!(sandbox.states(), "quick:fresh slow:stale");
    sandbox.write("go", "");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.states(), "quick:fresh slow:fresh");
}

#[test]
fn a_journal_alone_is_written_down_by_a_reproduction_that_has_nothing_else_to_do() {
    let sandbox = killed();
    sandbox.ok(["repro", "quick"]).tells(&["Everything is up to date"]);
    assert!(sandbox.read("pipeline.lock").contains("quick"));
    assert_eq!(sandbox.read(".pipe/journal"), "");
    assert_eq!(sandbox.count("ran", "quick"), 1);
}

/// The half-written one would be what the next attempt goes on from.
#[test]
fn what_persists_comes_back_too() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat input >> log; touch up; while [ -e wait ]; do sleep 0.01; done\n    deps: [input]\n    outs:\n    - log: {persist: true}\n",
    );
    sandbox.write("input", "1\n");
    sandbox.ok(["repro"]);
    sandbox.remove("up");
    sandbox.write("wait", "");
    sandbox.write("input", "2\n");
    let killed = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    assert_eq!(sandbox.read("log"), "1\n2\n");
    killed.signal("KILL");
    killed.wait();
    sandbox.remove("wait");
    sandbox.ok(["repro"]).tells(&["its last good outs are back in place"]);
    assert_eq!(sandbox.read("log"), "1\n2\n", "once, not twice");
    let files = sandbox.files(".pipe/artifacts");
    let partial = files
        .iter()
        .find(|file| file.ends_with("partial/log"))
        .expect("what the killed one made of it is kept");
    assert_eq!(sandbox.read(partial), "1\n2\n");
}

/// As on a full disk: what cannot be recorded has not succeeded, and its run says why.
#[test]
fn a_result_that_cannot_be_recorded_is_a_failure() {
    let pipeline = |breaks: &str| {
        format!("stages:\n  a:\n    cmd: echo 1 > out; {breaks}\n    outs: [out]\n    deps: [in]\n")
    };
    let sandbox = Sandbox::with_pipeline(&pipeline("rm -f .pipe/journal; mkdir -p .pipe/journal/x"));
    sandbox.write("in", "1");
    sandbox.pipe(["repro"]).code(2);
    sandbox.remove(".pipe/journal");
    let run = sandbox.stage_run("a");
    assert_eq!(run["status"], "FAILED");
    let why = run["tags"]["pipe.failure"].as_str().unwrap();
    assert!(why.contains(".pipe/journal") && why.contains("folder"), "{why}");
    assert!(!sandbox.states().contains("fresh"));
    // The lock: the journal has the result, and the reproduction says what went wrong.
    sandbox.write("pipeline.yaml", pipeline("mkdir -p pipeline.lock/x"));
    sandbox.pipe(["repro"]).code(2);
    sandbox.remove("pipeline.lock");
    let run = sandbox.stage_run("a");
    let parent = sandbox.json(["runs", "show", "--json", run["parent"].as_str().unwrap()]);
    assert_eq!((run["status"].as_str(), parent["status"].as_str()), (Some("FINISHED"), Some("FAILED")));
    let why = parent["tags"]["pipe.failure"].as_str().unwrap();
    assert!(why.starts_with("its results could not be recorded: ") && why.contains("pipeline.lock"), "{why}");
    assert_eq!(sandbox.states(), "a:fresh");
}
