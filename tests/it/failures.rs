//! Stages that go wrong: exit code 1, the reason in words, the rest of the pipeline as it was.

use std::os::unix::fs::MetadataExt;

use crate::harness::{Sandbox, snapshot};

#[test]
fn a_stage_that_fails_stops_what_needs_it() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  good:
    cmd: echo 1 > good.txt
    outs: [good.txt]
  bad:
    cmd: echo to stdout; sleep 0.2; echo to stderr >&2; exit 7
    deps: [good.txt]
    outs: [bad.txt]
  after:
    cmd: cat bad.txt
    deps: [bad.txt]
",
    );
    snapshot!(sandbox.pipe(["repro", "-j", "1"]), @"
    exit: 1
    --- stderr
    Added the cached outs to .gitignore, so that git leaves them to pipe.
    Running good: has not run yet.
    Finished good in [DURATION].
    Running bad: has not run yet.
    bad | to stdout
    bad | to stderr
    Failed bad after [DURATION]: the command exited with code 7.
    Skipped after: it needs bad.
    3 stages: 1 ran, 1 failed, 1 not started. Run [RUN].
    ");
    assert_eq!(sandbox.states(), "good:fresh bad:stale after:stale");
}

#[test]
fn a_stage_that_is_killed_names_the_signal() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: kill -TERM $$\n  b:\n    cmd: sh -c 'kill -9 $$'\n");
    sandbox.pipe(["repro", "a"]).code(1).tells(&["the command was killed by signal 15 (SIGTERM)"]);
    sandbox.pipe(["repro", "b"]).code(1).tells(&["137"]);
}

#[test]
fn a_stage_that_leaves_an_out_unwritten_names_it() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: echo 1 > one\n    outs: [one, two, deep/three]\n");
    sandbox
        .pipe(["repro"])
        .code(1)
        .tells(&["the command ended well but did not write `deep/three`, `two`", "partial outs are in"]);
    assert!(!sandbox.exists("one"), "a half result is none");
    assert_eq!(sandbox.states(), "a:stale");
}

#[test]
fn a_stage_that_fills_the_disk_fails_and_loses_nothing() {
    // The limit on a file's size stands for the full disk: both answer a write with an error.
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat limit; ulimit -f $(cat limit); head -c 100000 /dev/zero > out\n    deps: [limit]\n    outs: [out]\n",
    );
    sandbox.write("limit", "unlimited");
    sandbox.ok(["repro"]);
    sandbox.write("limit", "8");
    sandbox.pipe(["repro"]).code(1).tells(&["Failed a "]);
    assert_eq!(sandbox.bytes("out").len(), 100_000, "the last good out is in place");
    let run = sandbox.stage_run("a");
    let partial = sandbox.bytes(&format!("{}/out", run["tags"]["pipe.partial_outs"].as_str().unwrap()));
    assert!(partial.len() < 100_000);
}

#[test]
fn pipe_itself_on_a_full_disk_fails_and_loses_nothing() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: mv input out\n    outs: [out]\n");
    sandbox.write("input", "small");
    sandbox.ok(["repro"]);
    let lock = sandbox.read("pipeline.lock");
    let big = vec![7u8; 3 << 20];
    sandbox.write("input", &big);
    // The stage only moves the big file; storing it is what the limit forbids.
    let mut command = sandbox.program("sh");
    let binary = env!("CARGO_BIN_EXE_pipe");
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f 2048; exec {binary} repro --force")]);
    sandbox.finish(command).code(2).tells(&["Failed a ", "out"]);
    assert_eq!(sandbox.read("out"), "small", "the last good out is in place");
    assert_eq!(sandbox.read("pipeline.lock"), lock);
    let run = sandbox.stage_run("a");
    assert_eq!(run["status"], "FAILED");
    assert!(sandbox.bytes(&format!("{}/out", run["tags"]["pipe.partial_outs"].as_str().unwrap())) == big);
    sandbox.write("input", "again");
    sandbox.ok(["repro", "--force"]);
    assert_eq!(sandbox.read("out"), "again");
}

/// As checkpoints of hours, in the folder and beside the project. What was not touched stays as it is.
#[test]
fn what_a_failed_run_made_of_outs_that_persist_is_kept() {
    let sandbox = Sandbox::new();
    let outside = tempfile::tempdir().unwrap();
    let beside = outside.path().join("log");
    sandbox.write(".dvc/config", "");
    sandbox.write(
        "dvc.yaml",
        format!(
            "stages:\n  a:\n    cmd: mkdir -p c; cat input > c/$(cat input); cat input >> c/all; cat input >> {0}; test ! -e fail\n    \
             deps: [input]\n    outs:\n    - c: {{persist: true}}\n    - {0}: {{persist: true, cache: false}}\n",
            beside.display()
        ),
    );
    sandbox.write("input", "1");
    sandbox.ok(["repro"]);
    let inode = |file: &str| std::fs::metadata(sandbox.path(file)).unwrap().ino();
    let before = inode("c/1");
    sandbox.write("input", "2");
    sandbox.write("fail", "");
    let said = sandbox.pipe(["repro"]).code(1);
    assert_eq!((sandbox.read("c/all"), sandbox.exists("c/2")), ("1".into(), false));
    assert_eq!(std::fs::read_to_string(&beside).unwrap(), "1");
    assert_eq!(inode("c/1"), before);
    said.tells(&["partial outs are in"]);
    let run = sandbox.stage_run("a");
    let partial = run["tags"]["pipe.partial_outs"].as_str().unwrap();
    let kept = |file: &str| sandbox.read(&format!("{partial}/{file}"));
    assert_eq!((kept("c/all"), kept("c/2")), ("12".into(), "2".into()));
    assert!(!sandbox.exists(&format!("{partial}/c/1")), "it was as before");
    assert_eq!(kept(&format!("outside the project{}", beside.display())), "12");
}

/// Nothing is put back through a symlink, so that nothing is taken away either.
#[test]
fn what_persists_behind_a_symlink_stays_when_its_stage_fails() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat input >> data/log; test ! -e fail\n    deps: [input]\n    outs:\n    - data/log: {persist: true}\n",
    );
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), sandbox.path("data")).unwrap();
    sandbox.write("input", "1");
    sandbox.ok(["repro"]);
    sandbox.write("input", "2");
    sandbox.write("fail", "");
    sandbox.pipe(["repro"]).code(1).tells(&["failed to put back data/log", "it is a symlink"]);
    assert_eq!(sandbox.read("data/log"), "12");
}

#[test]
fn a_command_or_shell_that_does_not_exist_is_named() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: no-such-program\n  b:\n    shell: /no/such/shell\n    cmd: 'true'\n  c:\n    wdir: no/such/folder\n    cmd: 'true'\n",
    );
    sandbox.pipe(["repro", "a"]).code(1).tells(&["no-such-program", "code 127"]);
    sandbox.pipe(["repro", "b"]).code(2).tells(&["failed to start `/no/such/shell`"]);
    sandbox.pipe(["repro", "c"]).code(2).tells(&["no/such/folder"]);
}

#[test]
fn stages_at_work_finish_when_another_fails() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  fails:
    cmd: while [ ! -e up ]; do sleep 0.01; done; exit 1
  works:
    cmd: touch up; while [ ! -e go ] && [ -e up ]; do sleep 0.01; done; echo 1 > out
    outs: [out]
  later:
    cmd: touch later
    outs: [later]
",
    );
    let started = sandbox.start(sandbox.pipe_command(["repro", "-j", "2"]));
    started.await_told("Failed fails");
    sandbox.write("go", "");
    started.wait().code(1);
    assert_eq!(sandbox.read("out"), "1\n");
    assert!(!sandbox.exists("later"), "nothing new starts after a failure");
    assert_eq!(sandbox.states(), "fails:stale works:fresh later:stale");
}

#[test]
fn an_out_that_is_no_file_is_told() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: mkfifo out\n    outs: [out]\n");
    let said = sandbox.pipe(["repro"]).tells(&["out"]);
    assert_ne!(said.signal(), Some(9));
    assert_eq!(sandbox.states(), "a:stale");
}

#[test]
fn a_working_folder_that_does_not_exist_is_not_made() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: echo 1 > out\n    wdir: scr\n    outs: [out]\n");
    sandbox.pipe(["repro"]).code(2).tells(&["Failed a", "its working folder `scr` does not exist"]);
    assert!(!sandbox.exists("scr"));
}

#[test]
fn output_that_is_no_text_does_no_harm() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: head -c 20000 /dev/urandom; printf 'no line feed'\n");
    sandbox.ok(["repro"]);
    let run = sandbox.stage_run("a");
    assert_eq!(run["artifacts"][0]["size"], 20_012);
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: 'true'\n");
    let mut command = sandbox.program("bash");
    let binary = env!("CARGO_BIN_EXE_pipe");
    command.args(["-c", &format!("set -o pipefail; {binary} --help | true; {binary} status --json | true; {binary} repro 2>&1 | true")]);
    sandbox.finish(command);
    assert_eq!(sandbox.states(), "a:stale", "a stage without outs always runs");
}

#[test]
fn quiet_tells_failures_all_the_same() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: echo words; rm out; exit 1\n    outs: [out]\n");
    sandbox.write("out", "mine");
    let said =
        sandbox.pipe(["repro", "-q"]).code(1).tells(&["Saved out, which was in no cache", "Failed a after "]);
    assert!(!said.stderr.contains("words") && !said.stderr.contains("Running"), "{}", said.stderr);
}

#[test]
fn a_stage_that_two_failures_block_is_counted_once() {
    let sandbox = Sandbox::with_pipeline(concat!(
        "stages:\n  b: {cmd: echo > b; false, outs: [b]}\n  c: {cmd: echo > c; false, outs: [c]}\n",
        "  d: {cmd: cat b c > d, deps: [b, c], outs: [d]}\n",
    ));
    sandbox.pipe(["repro", "-k"]).code(1).tells(&["3 stages: 2 failed, 1 not started"]);
}
