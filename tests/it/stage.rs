//! `pipe stage`: what is written, listed, frozen and removed, and that a faulty change writes nothing.

use serde_json::json;

use crate::harness::{Sandbox, snapshot};

const PIPELINE: &str = "\
# The pipeline.
stages:
  # Takes a copy.
  copy:
    cmd: cp in.txt a.txt  # plain
    deps: [in.txt]
    outs: [a.txt]

  'each':
    foreach: [x, y]
    do:
      desc: One for each
      cmd: touch ${item}.txt
      outs:
      - ${item}.txt
";

fn project() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.write("in.txt", "1");
    sandbox
}

#[test]
fn a_stage_is_added_from_flags() {
    let sandbox = project();
    sandbox.write("params.yaml", "lr: 1\n");
    snapshot!(sandbox.pipe([
        "stage", "add", "-n", "train", "-d", "a.txt", "-p", "lr", "-o", "model.bin", "-M", "m.yaml", "--desc",
        "Trains", "sh", "-c", "cp a.txt model.bin; echo acc: 1 >m.yaml",
    ]), @"
    exit: 0
    --- stderr
    Wrote stage train into pipeline.yaml.
    Added the outs to .gitignore, so that git leaves them to pipe.
    ");
    let text = sandbox.read("pipeline.yaml");
    let new = text.strip_prefix(PIPELINE).expect("the rest stands as it was");
    snapshot_text(new);
    assert!(sandbox.read(".gitignore").lines().any(|line| line == "/model.bin"));
    sandbox.ok(["repro", "train"]);
    assert_eq!(sandbox.read("m.yaml"), "acc: 1\n");
    sandbox
        .pipe(["stage", "add", "-n", "train", "true"])
        .code(2)
        .tells(&["there is a stage `train` already"]);
    sandbox.ok(["stage", "add", "-f", "-n", "train", "-O", "t.txt", "--run", "echo 1 > t.txt"]);
    assert_eq!(sandbox.read("t.txt"), "1\n");
    assert!(!sandbox.read(".gitignore").contains("model.bin"));
    assert!(
        sandbox
            .read("pipeline.yaml")
            .ends_with("cmd: echo 1 > t.txt\n    outs:\n    - t.txt:\n        cache: false\n")
    );
}

fn snapshot_text(text: &str) {
    let expected = "
  train:
    desc: Trains
    cmd: 'sh -c ''cp a.txt model.bin; echo acc: 1 >m.yaml'''
    deps:
    - a.txt
    params:
    - lr
    outs:
    - model.bin
    metrics:
    - m.yaml:
        cache: false
";
    assert_eq!(text, expected);
}

#[test]
fn a_new_file_is_made_where_one_stands() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("sub")).unwrap();
    sandbox.ok(["--cd", "sub", "stage", "add", "-n", "a", "--always-changed", "-o", "out", "touch", "out"]);
    let expected = "stages:\n  a:\n    cmd: touch out\n    outs:\n      - out\n    always_changed: true\n";
    assert_eq!(sandbox.read("sub/pipeline.yaml"), expected);
    sandbox.ok(["--cd", "sub", "repro"]);
    assert!(sandbox.exists("sub/out"));
}

#[test]
fn a_faulty_change_writes_nothing() {
    let sandbox = project();
    for (arguments, told) in [
        (&["add", "-n", "b", "-o", "a.txt", "true"][..], "`a.txt`"),
        (
            &["add", "-n", "b", "-d", "a.txt", "-o", "in.txt", "true"],
            "stages depend on each other in a circle",
        ),
        (&["add", "-n", "b", "-d", "b.txt", "-o", "b.txt", "true"], "b.txt"),
        (&["add", "-n", "b", "-o", "../x", "true"], "leads out of the project"),
        (&["add", "-n", "b:c", "true"], "stage name `b:c` holds ':'"),
        (&["add", "-n", "b", "echo ${nothing}"], "nothing"),
        (&["freeze", "a.txt"], "`a.txt` is no stage's name"),
        (&["freeze", "each@x"], "`each@x` is made of stage `each` with others"),
        (&["remove", "nothing"], "`nothing` is neither a stage nor an out"),
    ] {
        let mut all = vec!["stage"];
        all.extend(arguments);
        sandbox.pipe(all).code(2).tells(&[told]);
        assert_eq!(sandbox.read("pipeline.yaml"), PIPELINE, "{arguments:?}");
        assert!(!sandbox.exists(".gitignore"));
    }
}

#[test]
fn stages_are_listed() {
    let sandbox = project();
    sandbox.write("sub/pipeline.yaml", "stages:\n  b:\n    cmd: echo hi\n    frozen: true\n");
    snapshot!(sandbox.pipe(["stage", "list"]), @"
    exit: 0
    --- stdout
    stage   what
    copy    makes a.txt
    each@x  One for each
    each@y  One for each
    ");
    snapshot!(sandbox.pipe(["stage", "list", "--all"]), @"
    exit: 0
    --- stdout
    stage                what
    copy                 makes a.txt
    each@x               One for each
    each@y               One for each
    sub/pipeline.yaml:b  frozen: runs echo hi
    ");
    snapshot!(sandbox.pipe(["stage", "list", "--names-only", "each", "sub"]), @"
    exit: 0
    --- stdout
    each@x
    each@y
    sub/pipeline.yaml:b
    ");
    let listed = sandbox.json(["stage", "list", "--json", "copy"]);
    assert_eq!(
        listed[0]["outs"],
        json!([{"path": "a.txt", "kind": "data", "cache": true, "persist": false}])
    );
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

#[test]
fn frozen_stages_do_not_run() {
    let sandbox = project();
    sandbox.ok(["repro"]);
    snapshot!(sandbox.pipe(["stage", "freeze", "copy", "each"]), @"
    exit: 0
    --- stderr
    Froze copy, each: will not run.
    ");
    assert_eq!(sandbox.read("pipeline.yaml").matches("frozen: true").count(), 2);
    sandbox.write("in.txt", "2");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("a.txt"), "1");
    sandbox.ok(["unfreeze", "copy", "each"]);
    assert_eq!(sandbox.read("pipeline.yaml"), PIPELINE);
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("a.txt"), "2");
    sandbox.ok(["freeze", "copy"]);
    assert_eq!(sandbox.read("pipeline.yaml").matches("frozen: true").count(), 1);
    let merged = "stages:\n  a: {cmd: 'true', <<: {frozen: true}}\n";
    sandbox.write("pipeline.yaml", merged);
    sandbox
        .pipe(["unfreeze", "a"])
        .code(2)
        .tells(&["`frozen` of stage `a` in pipeline.yaml comes from elsewhere"]);
    assert_eq!(sandbox.read("pipeline.yaml"), merged);
}

#[test]
fn a_removed_stage_takes_its_outs_along_when_asked() {
    let sandbox = project();
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read(".gitignore"), "/a.txt\n/x.txt\n/y.txt\n");
    sandbox.ok(["stage", "remove", "each"]);
    assert!(sandbox.exists("x.txt"), "kept without --outs");
    assert_eq!(sandbox.read(".gitignore"), "/a.txt\n");
    sandbox.write("a.txt", "by hand");
    let said = sandbox.ok(["stage", "remove", "--outs", "copy"]).tells(&[
        "Saved a.txt, which no cache held",
        "Removed stage copy from pipeline.yaml.",
        "Removed a.txt.",
    ]);
    assert_eq!(sandbox.read("pipeline.yaml"), "# The pipeline.\nstages: {}\n");
    assert!(!sandbox.exists("a.txt") && !sandbox.exists(".gitignore"));
    let digest = said.stderr.split("restore ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    sandbox.ok(["data", "restore", &digest, "back.txt"]);
    assert_eq!(sandbox.read("back.txt"), "by hand");
}

#[test]
fn an_edit_goes_to_what_a_symlink_leads_to() {
    let sandbox = project();
    std::fs::create_dir(sandbox.path("real")).unwrap();
    std::fs::rename(sandbox.path("pipeline.yaml"), sandbox.path("real/file.yaml")).unwrap();
    std::os::unix::fs::symlink("real/file.yaml", sandbox.path("pipeline.yaml")).unwrap();
    sandbox.ok(["freeze", "copy"]);
    assert!(sandbox.path("pipeline.yaml").is_symlink());
    assert!(sandbox.read("real/file.yaml").contains("frozen: true"));
}

#[test]
fn an_out_that_git_keeps_is_told_before_anything_is_written() {
    let sandbox = project();
    sandbox.write("kept", "");
    sandbox.commit("kept");
    let before = sandbox.read("pipeline.yaml");
    sandbox.pipe(["stage", "add", "-n", "new", "-o", "kept", "true"]).code(2).tells(&[
        "nothing was written, since git tracks its out `kept`",
        "git rm -r --cached 'kept'",
        "`-O`",
    ]);
    assert_eq!(sandbox.read("pipeline.yaml"), before);
    assert!(!sandbox.exists(".gitignore"));
    sandbox.ok(["stage", "add", "-n", "new", "-O", "kept", "true"]);
    // A line for what git has already would do nothing.
    sandbox.ok(["repro", "copy"]);
    let ignored = sandbox.read(".gitignore");
    sandbox.git(["add", "-f", "a.txt"]);
    sandbox.commit("an out");
    for _ in 0..2 {
        sandbox.ok(["checkout"]).tells(&["git tracks a.txt, so that no line", "`git rm -r --cached a.txt`"]);
    }
    assert_eq!(sandbox.read(".gitignore"), ignored);
}
