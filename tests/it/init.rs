//! `pipe init`: makes a project, again and again, and destroys nothing.

use crate::harness::{Sandbox, snapshot};

#[test]
fn makes_a_project_in_a_repository() {
    let sandbox = Sandbox::new();
    snapshot!(sandbox.pipe(["init"]), @"
    exit: 0
    --- stderr
    Made a pipe project in ROOT.
    Next: describe your stages in pipeline.yaml, or run `pipe init --example`; then `pipe repro`.
    ");
    assert!(sandbox.exists(".pipe/.gitignore"));
    assert_eq!(
        sandbox.git(["status", "--porcelain", "--untracked-files=all"]),
        "?? .pipe/.gitignore\n?? .pipeignore\n"
    );
}

#[test]
fn is_idempotent_and_destroys_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("params.yaml", "mine: 1\n");
    snapshot!(sandbox.pipe(["init", "--example"]), @"
    exit: 0
    --- stderr
    Wrote pipeline.yaml.
    Kept params.yaml, which exists.
    Made a pipe project in ROOT.
    Next: `pipe repro` runs the pipeline, `pipe status` shows what is stale.
    ");
    assert_eq!(sandbox.read("params.yaml"), "mine: 1\n");
    sandbox.write(".pipe/.gitignore", "# mine\n");
    sandbox.write(".pipe/cache/blake3/ab/cd", "kept");
    let before: Vec<_> = sandbox.files("").into_iter().map(|file| (sandbox.bytes(&file), file)).collect();
    snapshot!(sandbox.pipe(["init", "--example"]), @"
    exit: 0
    --- stderr
    Kept pipeline.yaml, which exists.
    Kept params.yaml, which exists.
    ROOT is a pipe project already.
    Next: `pipe repro` runs the pipeline, `pipe status` shows what is stale.
    ");
    let after: Vec<_> = sandbox.files("").into_iter().map(|file| (sandbox.bytes(&file), file)).collect();
    assert_eq!(before, after);
}

#[test]
fn without_git_it_wants_to_be_told() {
    let sandbox = Sandbox::without_git();
    snapshot!(sandbox.pipe(["init"]), @"
    exit: 2
    --- stderr
    error: ROOT is in no git repository
    hint: run `git init` first, so that git can keep pipeline and params
    hint: or run `pipe init --no-git` for a project without
    ");
    assert!(!sandbox.exists(".pipe"), "a refusal leaves nothing");
    sandbox.ok(["init", "--no-git"]);
    assert!(sandbox.exists(".pipe/.gitignore"));
}

#[test]
fn a_folder_inside_a_repository_can_be_a_project_of_its_own() {
    let sandbox = Sandbox::new();
    sandbox.write("sub/pipeline.yaml", "stages:\n  a:\n    cmd: echo 1 > out\n    outs: [out]\n");
    sandbox.ok(["--cd", "sub", "init"]);
    sandbox.ok(["--cd", "sub", "repro"]);
    assert!(sandbox.exists("sub/pipeline.lock") && sandbox.exists("sub/.pipe/cache"));
    assert!(!sandbox.exists(".pipe"));
}

#[test]
fn the_example_is_a_pipeline_that_loads() {
    let sandbox = Sandbox::without_git();
    sandbox.ok(["init", "--no-git", "--example"]);
    assert_eq!(sandbox.states(), "generate_data:stale train:stale");
}

#[test]
fn nobody_makes_a_project_of_a_folder_by_the_way() {
    let sandbox = Sandbox::without_git();
    let id = "0123456789ab7fffbfffffffffffffff";
    for (asked, code) in [
        (&["runs", "list"][..], 0),
        (&["runs", "list", "--json"], 0),
        (&["runs", "show", "last"], 2),
        (&["runs", "end", id], 2),
        (&["runs", "tag", "last", "a=b"], 2),
        (&["runs", "gc"], 2),
        (&["models", "list"], 0),
        (&["models", "show", "m"], 2),
        (&["log", "metric", "a", "1", "--run", id], 2),
        (&["log", "tag", "a=b", "--run", "name"], 2),
        (&["log", "metric", "a", "1"], 2),
        (&["status"], 2),
        (&["data", "status"], 2),
        (&["list"], 2),
        (&["remote", "list"], 0),
        (&["gc", "-w", "-f"], 2),
        (&["unprotect", "."], 2),
        (&["config", "core.autostage", "true"], 2),
        (&["config", "--local", "core.autostage", "true"], 2),
        (&["remote", "add", "--default", "store", "../store"], 2),
        (&["cache", "dir", "../cache"], 2),
    ] {
        sandbox.pipe(asked).code(code);
        assert_eq!(std::fs::read_dir(sandbox.root()).unwrap().count(), 0, "{asked:?}");
    }
    sandbox
        .pipe(["log", "tag", "a=b", "--run", id])
        .code(2)
        .tells(&["no run was recorded in this project yet"]);
    sandbox
        .pipe(["cache", "dir", "c"])
        .code(2)
        .tells(&["there is no project in ROOT or above it", "`pipe init`"]);
    // Who logs says where runs are kept from now on, once.
    sandbox
        .ok(["runs", "start"])
        .tells(&["Made a pipe project in ROOT: its runs are kept there from now on."]);
    assert_eq!(sandbox.ok(["runs", "start"]).stderr, "");
}

#[cfg(feature = "serve")]
#[test]
fn a_server_says_that_it_makes_a_project() {
    use crate::mlflow_tool::Served;
    let (sandbox, said) = Served::with(Sandbox::without_git(), &[]).end("TERM");
    said.code(0).tells(&["Made a pipe project in ROOT"]);
    let (_, said) = Served::with(sandbox, &[]).end("TERM");
    assert!(!said.code(0).stderr.contains("Made"));
}
