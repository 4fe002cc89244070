//! Data and outs that hold a clone of a git repository. DVC's walks enter no `.git`: neither do ours in its projects.

use crate::dvc_tool::{Dvc, agree, pipe, project};
use crate::harness::Sandbox;

/// A repository beside the sandbox, with a file `a`.
fn source(sandbox: &Sandbox) {
    sandbox.write("../source/a", "1\n");
    let mut make = sandbox.program("sh");
    make.args(["-c", "cd ../source && git init -q && git add a && git commit -q -m one"]);
    sandbox.finish(make).code(0);
}

fn clone(sandbox: &Sandbox, to: &str) {
    sandbox.git(["clone", "-q", "../source", to]);
}

#[test]
fn data_that_is_a_clone_is_recorded_without_its_repository() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [project(&mut dvc), project(&mut dvc)];
    for sandbox in [&ours, &theirs] {
        source(sandbox);
        clone(sandbox, "data/clone");
        sandbox.write("data/worktree/.git", "gitdir: elsewhere\n");
        sandbox.write("data/worktree/w", "w\n");
        sandbox.write("data/old/.hg/store", "");
        sandbox.write("data/old/.hgignore", "o\n");
    }
    dvc.ok(&theirs, &["add", "-q", "data"]);
    agree(&mut dvc, &theirs, &[]);
    pipe(&ours, &["add", "data"]).code(0);
    assert_eq!(ours.read("data.dvc"), theirs.read("data.dvc"));
    agree(&mut dvc, &ours, &[]);
    ours.write("data/clone/a", "2\n");
    ours.write("data/clone/b", "2\n");
    agree(&mut dvc, &ours, &["data.dvc"]);
    pipe(&ours, &["commit", "-f", "data.dvc"]).code(0);
    agree(&mut dvc, &ours, &[]);
    ours.remove("data/clone/a");
    ours.write("data/worktree/w", "edited\n");
    ours.write("data/new/.git/HEAD", "of a clone\n");
    ours.write("data/new/file", "1\n");
    let is_left = || {
        let files = [".git/HEAD", "../worktree/.git", "../old/.hg/store", "../new/.git/HEAD"];
        files.iter().all(|file| ours.exists(&format!("data/clone/{file}")))
    };
    pipe(&ours, &["checkout", "-f", "data"]).code(0);
    assert!(is_left() && ours.read("data/clone/a") == "2\n" && !ours.exists("data/new/file"));
    agree(&mut dvc, &ours, &[]);
    pipe(&ours, &["remove", "--outs", "data.dvc"]).code(0).tells(&["data/clone/.git"]);
    assert!(is_left() && !ours.exists("data/clone/a"));
}

#[test]
fn a_stage_may_clone_a_repository() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [project(&mut dvc), project(&mut dvc)];
    for sandbox in [&ours, &theirs] {
        source(sandbox);
        let command = "git clone -q ../source out";
        sandbox.write("dvc.yaml", format!("stages:\n  clone:\n    cmd: {command}\n    outs: [out]\n"));
    }
    dvc.ok(&theirs, &["repro", "-q"]);
    pipe(&ours, &["repro"]).code(0);
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
    agree(&mut dvc, &ours, &[]);
    // Another clone takes its place, and takes nothing over from it.
    ours.write("out/.git/of-the-first", "");
    for sandbox in [&ours, &theirs] {
        sandbox.write("../source/b", "2\n");
        let mut more = sandbox.program("sh");
        more.args(["-c", "cd ../source && git add b && git commit -q -m two"]);
        sandbox.finish(more).code(0);
    }
    dvc.ok(&theirs, &["repro", "-q", "-f"]);
    pipe(&ours, &["repro", "-f"]).code(0);
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
    assert!(ours.exists("out/.git/HEAD") && !ours.exists("out/.git/of-the-first"));
    assert_eq!(ours.git(["-C", "out", "status", "--short"]), "");
    ours.remove("out/a");
    pipe(&ours, &["checkout"]).code(0);
    assert_eq!(ours.git(["-C", "out", "status", "--short"]), "");
    agree(&mut dvc, &ours, &[]);
}

/// In projects of pipe it is refused, with the way out.
#[test]
fn a_clone_in_data_of_pipe_is_told_with_the_way_out() {
    let sandbox = Sandbox::new();
    source(&sandbox);
    clone(&sandbox, "data/clone");
    sandbox.pipe(["add", "data"]).code(2).tells(&["keeps for itself", "name in .pipeignore"]);
    sandbox.write(".pipeignore", ".git\n");
    sandbox.ok(["add", "data"]);
    sandbox.remove("data/clone/a");
    sandbox.ok(["checkout", "data"]);
    assert!(sandbox.exists("data/clone/a") && sandbox.exists("data/clone/.git/HEAD"));
}
