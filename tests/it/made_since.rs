//! What somebody made by hand or with DVC after `kill -9` of a reproduction: nothing replaces it unasked.

use std::os::unix::fs::MetadataExt;

use crate::dvc_tool::{Dvc, pipe, pipe_command, project};
use crate::harness::{Sandbox, await_that};

/// What the stage `a` makes of `v`; it waits while there is a file `wait`.
const COMMAND: &str = "echo >> ran; touch up; while [ -e wait ]; do sleep 0.02; done; cp v o; cp v m.json";

fn stages() -> String {
    let outs = "outs: [o]\n    metrics:\n    - m.json: {cache: false}\n";
    format!("stages:\n  a:\n    cmd: {COMMAND}\n    deps: [v]\n    {outs}")
}

/// Kills a reproduction of `a` while its command waits, after a success with `v` 1; comes back when nothing of it is left.
fn kill(sandbox: &Sandbox, command: impl Fn(&[&str]) -> std::process::Command) {
    sandbox.write("v", "{\"a\": 1}\n");
    sandbox.finish(command(&["repro"])).code(0);
    sandbox.write("v", "{\"a\": 2}\n");
    sandbox.write("wait", "");
    sandbox.remove("up");
    let started = sandbox.start(command(&["repro"]));
    sandbox.await_file("up");
    started.signal("KILL");
    assert_eq!(started.wait().signal(), Some(9));
    let root = sandbox.root().display().to_string();
    await_that("nothing of it is at work", || !commands().iter().any(|command| command.contains(&root)));
    sandbox.remove("wait");
}

/// The command lines of all processes, but for our own.
fn commands() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let others =
        processes.filter(|entry| entry.file_name().to_str() != Some(&std::process::id().to_string()));
    let lines = others.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).into_owned()).collect()
}

/// Writes a file as a user does some time later, by the clock of the file system.
fn write_later(sandbox: &Sandbox, path: &str, text: &str) {
    let changed = |path: &std::path::Path| std::fs::metadata(path).map(|of| (of.ctime(), of.ctime_nsec()));
    sandbox.write("clock", "");
    let now = changed(&sandbox.path("clock")).unwrap();
    sandbox.remove("clock");
    while changed(&sandbox.path(path)).map_or(true, |changed| changed <= now) {
        sandbox.write(path, text);
    }
}

fn partial(sandbox: &Sandbox, name: &str) -> Option<String> {
    let files = sandbox.files(".");
    let end = format!("/partial/{name}");
    files.iter().find(|file| file.ends_with(&end)).map(|file| sandbox.read(file))
}

fn killed() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(&stages());
    kill(&sandbox, |arguments| sandbox.pipe_command(arguments));
    write_later(&sandbox, "o", "mine\n");
    sandbox
}

const SAID: &[&str] = &["o was made or changed since stage a was cut off"];

#[test]
fn an_out_made_by_hand_is_left_alone_until_somebody_says_what_becomes_of_it() {
    let sandbox = killed();
    for command in [&["commit"][..], &["checkout"], &["checkout", "a"], &["pull"]] {
        let said = sandbox.pipe(command);
        assert_ne!(said.code_of(), Some(0), "{command:?}");
        if command != ["pull"] {
            said.tells(SAID).tells(&["pipe commit -f a", "pipe checkout -f a", "pipe repro a"]);
        }
        assert_eq!((sandbox.read("o"), sandbox.exists("m.json")), ("mine\n".to_owned(), false));
    }
    sandbox
        .ok(["checkout", "-f", "a"])
        .tells(&["its last good outs are back in place; its partial outs are in"]);
    assert_eq!(sandbox.read("o"), "{\"a\": 1}\n");
    assert_eq!(sandbox.read("m.json"), "{\"a\": 1}\n");
    assert_eq!(partial(&sandbox, "o").as_deref(), Some("mine\n"));
}

#[test]
fn it_is_recorded_by_force() {
    let sandbox = killed();
    sandbox.write("m.json", "{\"a\": 3}\n");
    sandbox.ok(["commit", "-f", "a"]).tells(&["what was made of its outs since stays"]);
    assert_eq!((sandbox.read("o"), sandbox.read("m.json")), ("mine\n".to_owned(), "{\"a\": 3}\n".to_owned()));
    assert_eq!(sandbox.states(), "a:fresh");
    assert_eq!(partial(&sandbox, "m.json").as_deref(), Some("{\"a\": 1}\n"), "what was set aside is kept");
}

#[test]
fn a_reproduction_runs_the_stage_again_and_keeps_it_aside() {
    let sandbox = killed();
    sandbox.ok(["repro"]).tells(&["its partial outs are in"]);
    assert_eq!(sandbox.read("o"), "{\"a\": 2}\n");
    assert_eq!(partial(&sandbox, "o").as_deref(), Some("mine\n"));
    assert_eq!(sandbox.count("ran", ""), 3);
}

#[test]
fn what_nobody_touched_since_comes_back_in_silence() {
    let sandbox = Sandbox::with_pipeline(&stages().replace("touch up", "echo half > o; touch up"));
    kill(&sandbox, |arguments| sandbox.pipe_command(arguments));
    sandbox.ok(["checkout"]).tells(&["its last good outs are back in place; its partial outs are in"]);
    assert_eq!(sandbox.read("o"), "{\"a\": 1}\n");
    assert_eq!(partial(&sandbox, "o").as_deref(), Some("half\n"));
}

#[test]
fn outs_that_dvc_made_and_recorded_since_stay() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for (remake, then) in [
        (&["repro", "-q", "--no-commit"][..], &["commit"][..]),
        (&["repro", "-q"], &["checkout"]),
        (&["repro", "-q"], &["repro"]),
    ] {
        let sandbox = project(&mut dvc);
        sandbox.write("dvc.yaml", stages());
        kill(&sandbox, |arguments| pipe_command(&sandbox, arguments));
        dvc.ok(&sandbox, remake);
        pipe(&sandbox, then).code(0);
        for out in ["o", "m.json"] {
            assert_eq!(sandbox.read(out), "{\"a\": 2}\n", "{remake:?} {then:?}");
        }
        assert!(dvc.stale(&sandbox).is_empty(), "{remake:?} {then:?}");
        assert_eq!(
            partial(&sandbox, "m.json").as_deref(),
            Some("{\"a\": 1}\n"),
            "what was set aside is kept"
        );
    }
}
