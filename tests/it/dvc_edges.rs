//! What lies at the edges of projects of DVC: files that tell of nothing, locks that git ignores, remotes and places that
//! mean something else to DVC, other projects within.

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

#[test]
fn files_of_dvc_that_tell_of_nothing_are_taken() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    for (file, text) in
        [("a", ""), ("b", "{}\n"), ("c", "outs: []\n"), ("d", "outs:\n"), ("e", "meta: {x: 1}\n")]
    {
        sandbox.write(&format!("in/{file}.dvc"), text);
    }
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: ls in > o\n    deps: [in]\n    outs: [o]\n");
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read("o"), "a.dvc\nb.dvc\nc.dvc\nd.dvc\ne.dvc\n");
    assert!(dvc.stale(&sandbox).is_empty() && stale(&sandbox).is_empty());
    for command in [&["data", "status"][..], &["checkout"], &["commit"], &["list"]] {
        pipe(&sandbox, command).code(0);
    }
}

#[test]
fn a_lock_that_git_ignores_is_refused() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("in", "1\n");
    sandbox.write("dvc.yaml", "stages:\n  s:\n    cmd: cp in o\n    deps: [in]\n    outs: [o]\n");
    sandbox.write(".gitignore", "/dvc.lock\n");
    for command in [&["repro"][..], &["status"], &["commit", "-f"], &["checkout"]] {
        let (code, _, told) = dvc.call(&sandbox, command);
        assert!(code != 0 && told.contains("dvc.lock' is git-ignored"), "dvc {command:?}: {told}");
        pipe(&sandbox, command).code(2).tells(&["dvc.lock is git-ignored", "git check-ignore -v dvc.lock"]);
    }
    assert!(!sandbox.exists("dvc.lock") && !sandbox.exists("o"));
    sandbox.write(".gitignore", "");
    pipe(&sandbox, &["repro"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty());
}

#[test]
fn data_is_moved_to_no_folder_that_is_not_there() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("f", "1\n");
    pipe(&sandbox, &["add", "f"]).code(0);
    let (code, _, told) = dvc.call(&sandbox, &["move", "f", "sub/"]);
    assert!(code != 0, "{told}");
    pipe(&sandbox, &["move", "f", "sub/"]).code(2).tells(&["there is no folder sub/", "`mkdir -p sub`"]);
    assert!(sandbox.exists("f") && sandbox.exists("f.dvc") && !sandbox.exists("sub"));
    std::fs::create_dir(sandbox.path("sub")).expect("a new folder");
    pipe(&sandbox, &["move", "f", "sub/"]).code(0);
    assert_eq!(sandbox.read("sub/f"), "1\n");
}

#[test]
fn a_remote_by_its_url_is_refused_since_dvc_takes_it_for_another_folder() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("f", "1\n");
    pipe(&sandbox, &["add", "f"]).code(0);
    let url = format!("file://{}", sandbox.path("../store").display());
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "r", &url]);
    dvc.ok(&sandbox, &["push", "-q"]);
    assert!(sandbox.exists("file:") && !sandbox.exists("../store"));
    pipe(&sandbox, &["push"]).code(2).tells(&["DVC takes `file://", "write the path alone"]);
    pipe(&sandbox, &["remote", "add", "other", &url]).code(2).tells(&["DVC takes"]);
    pipe(&sandbox, &["remote", "modify", "r", "url", url.trim_start_matches("file://")]).code(0);
    pipe(&sandbox, &["push"]).code(0);
    assert!(sandbox.exists("../store"));
}

#[test]
fn check_ignore_tells_of_projects_within_and_of_folders_of_tools() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(".dvcignore", "*.txt\n");
    for path in ["sub/.dvc/config", "sub/x/y", "o.txt/in/.dvc/config", "x/.hg/a"] {
        sandbox.write(path, "");
    }
    sandbox.write("sub/.dvcignore", "*.log\n");
    let paths = [
        "sub",
        "sub/a",
        "sub/a.txt",
        "sub/b.log",
        "sub/x/y",
        "sub/.dvc/config",
        ".git",
        ".dvc",
        ".dvc/config",
        "o.txt",
        "o.txt/in",
        "o.txt/in/x",
        "x/.git",
        "x/.dvc",
        "x/.hg",
        "x/.hg/a",
        "other",
    ];
    for flags in [&[][..], &["-d"], &["-d", "-n"], &["-d", "-a"]] {
        let arguments = [&["check-ignore"], flags, &paths].concat();
        let (code, out, err) = dvc.call(&sandbox, &arguments);
        let said = pipe(&sandbox, &arguments).code(code.try_into().expect("a small number"));
        assert_eq!(said.stdout, out, "{flags:?}\n{err}");
    }
}
