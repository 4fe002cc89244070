//! The ways in which `pipe repro` can be told to go on, to wait, to leave things out.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::dvc_tool::{Dvc, project};
use crate::harness::{Sandbox, snapshot};
use crate::repro::chain;

/// `bad` fails; `after` needs it, `other` does not.
const FAILING: &str = "\
stages:
  bad:
    cmd: test -e fixed; echo 1 > bad
    outs: [bad]
  after:
    cmd: cat bad > after || echo nothing > after
    deps: [bad]
    outs: [after]
  other:
    cmd: echo 1 > other
    outs: [other]
  last:
    cmd: cp other last
    deps: [other]
    outs: [last]
";

#[test]
fn keep_going_leaves_out_only_what_needs_the_failed_one() {
    let sandbox = Sandbox::with_pipeline(FAILING);
    sandbox.pipe(["repro", "-j", "1"]).code(1).tells(&["1 failed, 3 not started"]);
    let said = sandbox.pipe(["repro", "-j", "1", "--keep-going"]).code(1);
    said.tells(&["4 stages: 2 ran, 1 failed, 1 not started", "Skipped after: it needs bad."]);
    assert_eq!(sandbox.states(), "bad:stale after:stale other:fresh last:fresh");
}

#[test]
fn ignore_errors_runs_what_needs_the_failed_one_too() {
    let sandbox = Sandbox::with_pipeline(FAILING);
    // What the failed one left from before is what the next one reads.
    sandbox.write("fixed", "");
    sandbox.ok(["repro"]);
    sandbox.remove("fixed");
    sandbox.edit("pipeline.yaml", "cat bad > after", "cat bad bad > after");
    sandbox.pipe(["repro", "--force", "--ignore-errors"]).code(1).tells(&["3 ran, 1 failed"]);
    assert_eq!(sandbox.read("after"), "1\n1\n");
    // Without anything to read, it cannot start.
    let empty = Sandbox::with_pipeline(FAILING);
    empty
        .pipe(["repro", "--ignore-errors"])
        .code(2)
        .tells(&["Failed after: dep bad does not exist", "2 ran, 2 failed"]);
}

#[test]
fn downstream_turns_the_direction_round() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.write("input", "2");
    sandbox.edit("pipeline.yaml", "echo second >> ran", "echo second >> ran; true");
    sandbox.ok(["repro", "--downstream", "second"]);
    assert_eq!(sandbox.read("ran"), "first\nsecond\nsecond\n");
    assert_eq!(sandbox.states(), "first:stale second:upstream");
}

#[test]
fn force_downstream_runs_what_comes_after_a_stage_that_ran() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    // The result of `first` is the same.
    sandbox.write("params.yaml", "factor: 2\n");
    sandbox.ok(["repro", "--force-downstream"]).tells(&["Running second: was forced"]);
    assert_eq!(sandbox.read("ran"), "first\nsecond\nfirst\nsecond\n");
    sandbox.ok(["repro", "--force-downstream"]).tells(&["Everything is up to date"]);
}

#[test]
fn allow_missing_takes_the_lock_for_data_that_is_not_here() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    for file in ["input", "first.txt", "second.txt", ".pipe/cache"] {
        sandbox.remove(file);
    }
    sandbox.pipe(["repro", "--dry"]).code(2);
    snapshot!(sandbox.pipe(["repro", "--dry", "--allow-missing"]), @"
    exit: 0
    --- stdout
    first: up to date
    second: up to date
    ");
    sandbox.ok(["repro", "--allow-missing"]).tells(&["Everything is up to date"]);
    // What must run is told, and needs its data all the same.
    sandbox.write("params.yaml", "factor: 2\n");
    snapshot!(sandbox.pipe(["repro", "--dry", "--allow-missing"]), @"
    exit: 0
    --- stdout
    first: would run: param params.yaml:factor changed: 1 -> 2
    second: depends on the result of first
    ");
    sandbox.pipe(["repro", "--allow-missing"]).code(2).tells(&["Failed first: dep input does not exist"]);
}

#[test]
fn allow_missing_takes_the_record_of_a_folder_of_which_a_part_is_here() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for sandbox in [Sandbox::new(), project(&mut dvc)] {
        let is_dvc = sandbox.exists(".dvc");
        let file = if is_dvc { "dvc.yaml" } else { "pipeline.yaml" };
        let stage = |name: &str, dep: &str| {
            format!(
                "  {name}:\n    cmd: find {dep} -type f > {name}\n    deps: [{dep}]\n    outs: [{name}]\n"
            )
        };
        sandbox.write(file, format!("stages:\n{}{}", stage("a", "d"), stage("b", "d/sub")));
        for path in ["d/1", "d/2", "d/sub/1", "d/sub/2"] {
            sandbox.write(path, path);
        }
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        sandbox.ok(["add", "d"]);
        sandbox.ok(["repro"]);
        sandbox.ok(["push"]);
        let begin = |edit: Option<&str>| {
            sandbox.remove("d");
            sandbox.remove(sandbox.cache());
            sandbox.ok(["pull", "d/1", "d/sub/1", "a", "b"]);
            if let Some(path) = edit {
                sandbox.write(path, "edited");
            }
        };
        begin(None);
        sandbox.ok(["repro", "--dry", "--allow-missing"]);
        sandbox.ok(["repro", "--allow-missing"]).tells(&["Everything is up to date"]);
        assert!(!sandbox.exists("d/2") && !sandbox.exists("d/sub/2"));
        // Other bytes are no part of what is recorded, and neither is a file more.
        for edit in ["d/1", "d/new"] {
            begin(Some(edit));
            assert_ne!(sandbox.pipe(["repro", "--dry", "--allow-missing"]).code_of(), Some(0), "{edit}");
        }
        // What has to run has to have all of it.
        begin(None);
        sandbox.write(file, sandbox.read(file).replace("find d -type", "find d/. -type"));
        sandbox
            .pipe(["repro", "--allow-missing"])
            .code(2)
            .tells(&["only a part of dep d is here; `pipe pull d`"]);
        assert!(!sandbox.exists("d/2"));
    }
}

#[test]
fn no_stage_cache_runs_what_could_be_restored() {
    let sandbox = chain();
    for text in ["1", "2"] {
        sandbox.write("input", text);
        sandbox.ok(["repro"]);
    }
    sandbox.write("input", "1");
    sandbox.ok(["repro", "--no-stage-cache"]).tells(&["2 ran"]);
}

#[test]
fn no_commit_leaves_the_cache_alone() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat input > out\n    deps: [input]\n    outs: [out]\n",
    );
    sandbox.write("input", "text of an out\n");
    sandbox.ok(["repro", "--no-commit"]);
    assert!(sandbox.read("pipeline.lock").contains("out"));
    let kept =
        sandbox.files(".pipe/cache/blake3").iter().any(|blob| sandbox.read(blob) == "text of an out\n");
    assert!(!kept, "the cache does not hold the out");
    assert_eq!(sandbox.states(), "a:fresh");
}

#[test]
fn targets_can_be_patterns_folders_and_whole_pipelines() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  train-a: {cmd: touch a, outs: [a]}\n  train-b: {cmd: touch b, deps: [a], outs: [b]}\n  other: {cmd: touch c, outs: [c]}\n",
    );
    sandbox.write("sub/pipeline.yaml", "stages:\n  x: {cmd: touch y, deps: [../c], outs: [y]}\n");
    let names = |arguments: &[&str]| {
        let plan = sandbox.pipe([&["repro", "--dry", "--json"], arguments].concat()).json();
        let names = plan["stages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stage| stage["stage"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&["--glob", "train-*"]), "train-a train-b");
    assert_eq!(names(&["--glob", "-s", "*-b"]), "train-b");
    assert_eq!(names(&["-R", "sub"]), "other sub/pipeline.yaml:x");
    assert_eq!(names(&["-p", "train-a"]), "train-a train-b");
    assert_eq!(names(&[]), "train-a train-b other");
    assert_eq!(names(&["-P"]), "train-a train-b other sub/pipeline.yaml:x");
    sandbox.pipe(["repro", "--glob", "nothing*"]).code(2).tells(&["no stage's name matches `nothing*`"]);
}

#[test]
fn the_plan_can_be_read_by_programs_and_in_full() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.write("input", "2");
    sandbox.write("params.yaml", "factor: 2\n");
    let plan = sandbox.json(["repro", "--dry", "--json"]);
    assert_eq!(plan["stages"][0]["action"], "run");
    assert_eq!(plan["stages"][1]["action"], "depends");
    assert_eq!(plan["stages"][1]["on"], json!(["first"]));
    snapshot!(sandbox.pipe(["repro", "--dry", "--explain"]), @"
    exit: 0
    --- stdout
    first: would run
      dep input changed: e0e63aa4c8 -> 813e9b7291
      param params.yaml:factor changed: 1 -> 2
    second: depends on the result of first
    ");
}

#[test]
fn a_stage_that_takes_too_long_is_stopped() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  slow:\n    cmd: sleep 60 & echo $! > child; wait\n    timeout: 0.3\n  quick:\n    cmd: sleep 0.01\n    timeout: 1m\n",
    );
    let started = Instant::now();
    let said = sandbox.pipe(["repro", "--keep-going"]).code(1);
    said.tells(&[
        "Failed slow",
        "the command was stopped because its `timeout` had passed",
        "1 ran, 1 failed",
    ]);
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(sandbox.stage_run("slow")["status"], "FAILED");
}

/// Of four stages that note when they begin and end, `count` are at work at once and no more: they wait for each other.
#[track_caller]
fn at_once(count: usize, needs: &str, arguments: &[&str]) {
    let mut text = String::from("stages:\n");
    for index in 0..4 {
        text.push_str(&format!(
            "  s{index}:\n    cmd: echo begin >> log; n=0; while [ $(grep -c begin log) -lt {count} ] && [ $n -lt 3000 ]; do \
             n=$((n+1)); sleep 0.01; done; sleep 0.1; echo end >> log\n    {needs}\n"
        ));
    }
    let sandbox = Sandbox::with_pipeline(&text);
    sandbox.ok([&["repro"], arguments].concat());
    let mut now = 0;
    let mut most = 0;
    for line in sandbox.read("log").lines() {
        now = if line == "begin" { now + 1 } else { now - 1 };
        most = most.max(now);
    }
    assert_eq!(most, count, "{needs} {arguments:?}");
}

#[test]
fn what_is_scarce_is_shared_out() {
    at_once(4, "desc: free", &["-j", "4"]);
    at_once(2, "resources: {cpus: 2}", &["-j", "4"]);
    at_once(1, "resources: {cpus: 9}", &["-j", "4"]);
    at_once(3, "resources: {gpus: 1}", &["-j", "4", "--resource", "gpus=3"]);
    at_once(2, "resources: {memory: 2GB}", &["-j", "4", "--resource", "memory=5GB"]);
    at_once(1, "resources: {tokens: {licence: 1}}", &["-j", "4"]);
    at_once(2, "resources: {tokens: {licence: 1}}", &["-j", "4", "--resource", "licence=2"]);
    at_once(1, "pool: database", &["-j", "4"]);
}

#[test]
fn the_longest_way_starts_first() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a: {cmd: echo a >> log, params: [p]}\n  b: {cmd: sleep 0.2; echo b >> log, params: [p]}\n  c: {cmd: sleep 0.1; echo c >> log, params: [p]}\n",
    );
    sandbox.write("params.yaml", "p: 1");
    sandbox.ok(["repro", "-j", "1"]);
    assert_eq!(sandbox.read("log"), "a\nb\nc\n", "the order of the file, when nothing is known");
    // What each took is known now; how long that was on this machine is not what counts here.
    let known = ".pipe/tmp/durations.json";
    let mut took: serde_json::Value = serde_json::from_str(&sandbox.read(known)).unwrap();
    let least = |stage: &str| took["stages"][stage].as_u64().unwrap();
    assert!(least("b") >= 200 && least("c") >= 100, "{took}");
    took["stages"] = json!({ "a": 1, "b": 600, "c": 300 });
    sandbox.write(known, took.to_string());
    sandbox.remove("log");
    sandbox.write("params.yaml", "p: 2");
    sandbox.ok(["repro", "-j", "1"]);
    assert_eq!(sandbox.read("log"), "b\nc\na\n");
}

/// A pipeline that was written for a larger machine is slow on a small one, not stuck; that is told.
#[test]
fn what_is_asked_for_beyond_what_there_is_is_told() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a: {cmd: echo 1 > a, outs: [a], resources: {gpus: 9, tokens: {licence: 2}}}\n",
    );
    sandbox
        .ok(["repro", "--resource", "gpus=1"])
        .tells(&["stage a asks for 9 gpus, and there are 1; 2 of `licence`, and there are 1"]);
}

#[test]
fn a_resource_that_no_stage_asks_for_is_told() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo 1 > out\n    outs: [out]\n    resources: {tokens: {licence: 1}}\n",
    );
    let warning = "no stage asks for `licnce`: `--resource licnce` changes nothing (did you mean `licence`?)";
    sandbox.ok(["repro", "--resource", "licnce=2", "--resource", "gpus=1"]).tells(&[warning]);
    let said = sandbox.ok(["repro", "-f", "--resource", "licence=2"]);
    assert!(!said.stderr.contains("no stage asks"), "{said:?}");
}

/// Answers the questions of a command on a terminal.
fn answer(sandbox: &Sandbox, answers: &str, arguments: &str) -> crate::harness::Said {
    let mut command = sandbox.program("sh");
    let pipe = env!("CARGO_BIN_EXE_pipe");
    command.args([
        "-c",
        &format!(
            "printf '{answers}' | NO_COLOR=1 script --quiet --return --command '{pipe} {arguments}' /dev/null"
        ),
    ]);
    sandbox.finish(command)
}

#[test]
fn interactive_asks_before_each_stage() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a: {cmd: echo a > one, outs: [one]}\n  b: {cmd: cat one > two, deps: [one], outs: [two]}\n",
    );
    sandbox.pipe(["repro", "-i"]).code(2).tells(&["nobody is there to be asked"]);
    let said = answer(&sandbox, "n\\n", "repro -i").code(1).stdout;
    assert!(said.contains("Go on? [y/N]") && said.contains("it was declined"), "{said}");
    assert!(!sandbox.exists("one"));
    answer(&sandbox, "y\\nn\\n", "repro -i").code(1);
    assert!(sandbox.exists("one") && !sandbox.exists("two"));
    answer(&sandbox, "y\\n", "repro -i").code(0);
    assert!(sandbox.exists("two"));
    // What is up to date asks for nothing.
    answer(&sandbox, "", "repro -i").code(0);
}

#[test]
fn a_terminal_without_colours_shows_what_runs() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a: {cmd: 'while [ ! -e go ]; do sleep 0.05; done; echo 1 > out', outs: [out]}\n",
    );
    let mut command = sandbox.program("script");
    let pipe = env!("CARGO_BIN_EXE_pipe");
    command.args(["--quiet", "--return", "--flush", "--command", &format!("{pipe} repro"), "/dev/null"]);
    command.env("NO_COLOR", "1").env("TERM", "xterm");
    let running = sandbox.start(command);
    running.await_printed("1 running");
    sandbox.write("go", "");
    let said = running.wait().code(0).stdout;
    let styles = said.split("\u{1b}[").skip(1).filter(|part| {
        part.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ';').starts_with('m')
    });
    assert_eq!(styles.count(), 0, "{said:?}");
}
