//! `repro --pull` in projects of DVC where a stage has to run and its deps are not here.

use crate::dvc_tool::{Dvc, agree, pipe, project};
use crate::harness::Sandbox;

const CHANGED: &str = "\
stages:
  a:
    cmd: cp raw o
    deps: [raw]
    outs: [o]
  b:
    cmd: cat o data/x data/sub more/lines; cat o data/x > p
    deps: [o, data/x, data/sub, more/lines]
    params: [made.json: [k]]
    outs: [p]
  c:
    cmd: cat lines > more/lines; echo '{\"k\":1}' > made.json
    deps: [lines]
    outs: [more/lines, made.json]
";

/// What a changed stage reads comes from the remote, where nobody asked for the stages that make it.
#[test]
fn repro_brings_the_deps_of_a_changed_stage() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for (call, brings_raw) in [
        (&["repro", "--pull"][..], true),
        (&["repro", "--pull", "-s", "b"], false),
        (&["repro", "--pull", "--allow-missing"], false),
    ] {
        let [ours, theirs] = [(); 2].map(|()| {
            let sandbox = project(&mut dvc);
            dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "st", "../store"]);
            sandbox.write("dvc.yaml", CHANGED);
            for file in ["raw", "lines", "data/x", "data/y", "data/sub/1", "data/sub/2", "more/.keep"] {
                sandbox.write(file, format!("{file}\n"));
            }
            dvc.ok(&sandbox, &["add", "-q", "raw", "data", "lines"]);
            dvc.ok(&sandbox, &["repro", "-q"]);
            dvc.ok(&sandbox, &["push", "-q"]);
            for path in
                [".dvc/cache", ".dvc/tmp", "raw", "lines", "data", "o", "p", "more/lines", "made.json"]
            {
                sandbox.remove(path);
            }
            sandbox.edit("dvc.yaml", "> p", "> p; echo more >> p");
            sandbox
        });
        dvc.ok(&theirs, call);
        pipe(&ours, call).code(0);
        for file in ["dvc.lock", "o", "p", "data/x", "data/sub/2", "more/lines", "made.json"] {
            assert_eq!(ours.read(file), theirs.read(file), "{call:?} {file}");
        }
        for file in ["raw", "lines", "data/y"] {
            assert_eq!(ours.exists(file), theirs.exists(file), "{call:?} {file}");
            assert_eq!(ours.exists(file), brings_raw, "{call:?} {file}");
        }
        // What both say of it then.
        for sandbox in [&ours, &theirs] {
            pipe(sandbox, &["repro", "--pull", "--allow-missing"]).code(0).tells(&["up to date"]);
            assert!(!dvc.ok(sandbox, &["repro", "--pull", "--allow-missing"]).contains("Running"));
            pipe(sandbox, &["pull"]).code(0);
            agree(&mut dvc, sandbox, &[]);
        }
    }
}

/// What is here is the user's, and what no remote has is told.
#[test]
fn deps_that_are_here_or_nowhere_are_not_brought() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "st", "../store"]);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  b:\n    cmd: cat data/x > p\n    deps: [data/x, raw]\n    outs: [p]\n",
    );
    sandbox.write("data/x", "1\n");
    sandbox.write("data/y", "2\n");
    sandbox.write("raw", "3\n");
    dvc.ok(&sandbox, &["add", "-q", "raw", "data"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    dvc.ok(&sandbox, &["push", "-q"]);
    for path in [".dvc/cache", ".dvc/tmp", "raw", "data/x"] {
        sandbox.remove(path);
    }
    sandbox.edit("dvc.yaml", "> p", "> p; echo more >> p");
    sandbox.write("data/y", "mine\n");
    std::os::unix::fs::symlink("nowhere", sandbox.path("raw")).unwrap();
    let pull = ["repro", "--pull", "-s", "b"];
    pipe(&sandbox, &pull).code(2).tells(&["dep raw does not exist"]);
    assert!(sandbox.path("raw").is_symlink() && !sandbox.path("nowhere").exists());
    std::fs::remove_file(sandbox.path("raw")).unwrap();
    pipe(&sandbox, &["repro", "-f", "--pull", "-s", "b"]).code(2).tells(&["dep raw does not exist"]);
    pipe(&sandbox, &pull).code(0).tells(&["1 ran"]);
    assert_eq!((sandbox.read("data/y"), sandbox.read("p")), ("mine\n".to_owned(), "1\nmore\n".to_owned()));
    // Gone from the remote, too.
    for path in [".dvc/cache", ".dvc/tmp", "raw", "../store"] {
        sandbox.remove(path);
    }
    std::fs::create_dir(sandbox.path("../store")).unwrap();
    sandbox.edit("dvc.yaml", "echo more", "echo most");
    let said = pipe(&sandbox, &pull);
    assert_ne!(said.code_of(), Some(0));
    said.tells(&["raw"]);
    assert!(!sandbox.exists("raw"));
}
