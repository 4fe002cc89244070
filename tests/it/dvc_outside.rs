//! What a project of DVC writes outside itself, and its data sets: judged, run and recorded as DVC does.

use crate::dvc_tool::{Dvc, agree, pipe, pipe_command, project, stale};
use crate::harness::Sandbox;

/// A project with a remote `st` in the folder `../store`, and a stage `a` that runs `script` and writes there.
fn writes_outside(dvc: &mut Dvc, script: &str) -> Sandbox {
    let sandbox = project(dvc);
    dvc.ok(&sandbox, &["remote", "add", "-q", "st", "../store"]);
    sandbox.write("in", "1\n");
    sandbox.write("../store/other", "other\n");
    sandbox.write("script", script);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: . ./script\n    deps: [in]\n    outs:\n    - o\n    - remote://st/x:\n        cache: \
         false\n    - remote://st/kept:\n        cache: false\n        persist: true\n  b:\n    cmd: cat ../store/x > p\n    \
         deps: [remote://st/x]\n    outs: [p]\n",
    );
    sandbox
}

const SCRIPT: &str = "cp in o; cat in >> ../store/x; cat in >> ../store/kept";

#[test]
fn outs_at_remotes_are_made_anew_and_those_that_persist_stay() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [writes_outside(&mut dvc, SCRIPT), writes_outside(&mut dvc, SCRIPT)];
    agree(&mut dvc, &ours, &["a", "b"]);
    // What is going to be made is not missing.
    let said = pipe(&ours, &["repro", "--dry"]).code(0);
    assert!(!said.stdout.contains("remote://st/x does not exist"), "{}", said.stdout);
    assert!(pipe(&ours, &["status"]).stdout.contains("out remote://st/x does not exist"));
    let mut same = || {
        pipe(&ours, &["repro"]).code(0);
        dvc.ok(&theirs, &["repro", "-q"]);
        for file in ["dvc.lock", "../store/x", "../store/kept", "p"] {
            assert_eq!(ours.read(file), theirs.read(file), "{file}");
        }
        assert_eq!(ours.files(".dvc/cache/runs").len(), theirs.files(".dvc/cache/runs").len());
        agree(&mut dvc, &ours, &[]);
        assert_eq!(stale(&theirs), [].into());
    };
    same();
    for sandbox in [&ours, &theirs] {
        sandbox.write("in", "2\n");
    }
    same();
    assert_eq!(ours.read("../store/kept"), "1\n2\n");
    assert_eq!(ours.read("../store/other"), "other\n");
    // What nothing else keeps is saved before it is replaced.
    for sandbox in [&ours, &theirs] {
        sandbox.write("../store/x", "precious\n");
    }
    agree(&mut dvc, &ours, &["a", "b"]);
    pipe(&ours, &["repro"]).code(0).tells(&["Saved remote://st/x, which was in no cache"]);
    dvc.ok(&theirs, &["repro", "-q"]);
    assert_eq!(ours.read("../store/x"), "2\n");
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
    // Where it is gone, nothing can be put back: the stage runs.
    ours.remove("../store/x");
    agree(&mut dvc, &ours, &["a", "b"]);
    pipe(&ours, &["repro"]).code(0).tells(&["1 ran"]);
    agree(&mut dvc, &ours, &[]);
    let listed = pipe(&ours, &["stage", "list", "--json"]).code(0).json();
    assert_eq!(listed[0]["outs"][2]["path"], "remote://st/x", "{listed}");
}

#[test]
fn a_failed_or_killed_stage_gives_back_what_it_had_written_outside() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = writes_outside(&mut dvc, SCRIPT);
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.write("script", "echo half > ../store/x; false");
    pipe(&sandbox, &["repro", "-f"]).code(1);
    assert_eq!(sandbox.read("../store/x"), "1\n");
    assert_eq!(sandbox.read("o"), "1\n");
    sandbox.write("script", "echo half > ../store/x; touch began; sleep 60");
    let mut killed = sandbox.start(pipe_command(&sandbox, &["repro", "-f"]));
    sandbox.await_file("began");
    assert_eq!(sandbox.read("../store/x"), "half\n");
    killed.kill();
    killed.wait();
    sandbox.write("script", "cat ../store/x; false");
    pipe(&sandbox, &["repro", "-f"]).code(1).tells(&["its last good outs are back in place"]);
    assert_eq!(sandbox.read("../store/x"), "1\n");
    agree(&mut dvc, &sandbox, &[]);
    // What does not write it all is a failure, too.
    sandbox.write("script", "echo 1 > o");
    pipe(&sandbox, &["repro", "-f"]).code(1).tells(&["did not write", "remote://st/x"]);
    assert_eq!(sandbox.read("../store/x"), "1\n");
}

/// The half-written one would be what the next attempt goes on from.
#[test]
fn what_persists_outside_comes_back_too() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let script = "cp in o; cp in ../store/x; echo more >> ../store/kept";
    let sandbox = writes_outside(&mut dvc, script);
    // The user's own symlink above it is no reason to leave it as it is.
    std::fs::rename(sandbox.root().join("../store"), sandbox.root().join("../elsewhere")).unwrap();
    std::os::unix::fs::symlink("elsewhere", sandbox.root().join("../store")).unwrap();
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.write("script", "echo half >> ../store/kept; false");
    pipe(&sandbox, &["repro", "-f"]).code(1);
    assert_eq!(sandbox.read("../store/kept"), "more\n");
    agree(&mut dvc, &sandbox, &[]);
    // What no record names.
    sandbox.write("../store/kept", "mine\n");
    sandbox.write("script", "echo half >> ../store/kept; touch began; sleep 60");
    let mut killed = sandbox.start(pipe_command(&sandbox, &["repro", "-f"]));
    sandbox.await_file("began");
    assert_eq!(sandbox.read("../store/kept"), "mine\nhalf\n");
    killed.kill();
    killed.wait();
    pipe(&sandbox, &["gc", "-w", "-f"]).code(0);
    sandbox.write("script", script);
    pipe(&sandbox, &["repro", "-f"]).code(0).tells(&["its last good outs are back in place"]);
    assert_eq!(sandbox.read("../store/kept"), "mine\nmore\n");
    assert!(sandbox.root().join("../store").is_symlink());
    agree(&mut dvc, &sandbox, &[]);
}

#[test]
fn no_run_is_left_behind_where_what_persists_cannot_be_saved() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = writes_outside(&mut dvc, "cp in o; cp in ../store/x; echo more >> ../store/kept");
    pipe(&sandbox, &["repro"]).code(0);
    // No folder for the digest of what is there.
    sandbox.write(".dvc/cache/files/md5/2a", "in the way");
    pipe(&sandbox, &["repro", "-f"]).code(2);
    let listed = pipe(&sandbox, &["runs", "list", "--json"]).code(0).stdout;
    assert!(!listed.contains("KILLED") && !listed.contains("RUNNING"), "{listed}");
}

#[test]
fn commit_records_what_lies_outside() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [writes_outside(&mut dvc, SCRIPT), writes_outside(&mut dvc, SCRIPT)];
    for sandbox in [&ours, &theirs] {
        dvc.ok(sandbox, &["repro", "-q"]);
        sandbox.write("../store/x", "edited\n");
    }
    pipe(&ours, &["commit", "-f"]).code(0);
    dvc.ok(&theirs, &["commit", "-q", "-f"]);
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
    agree(&mut dvc, &ours, &[]);
    ours.remove("../store/x");
    pipe(&ours, &["commit", "-f", "a"]).code(1).tells(&["`remote://st/x` is not there"]);
}

#[test]
fn a_frozen_stage_records_what_lies_outside_and_makes_nothing() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [writes_outside(&mut dvc, SCRIPT), writes_outside(&mut dvc, SCRIPT)];
    for sandbox in [&ours, &theirs] {
        dvc.ok(sandbox, &["repro", "-q"]);
        dvc.ok(sandbox, &["freeze", "-q", "a"]);
        sandbox.write("../store/x", "edited\n");
        agree(&mut dvc, sandbox, &["a", "b"]);
    }
    pipe(&ours, &["repro"]).code(0);
    dvc.ok(&theirs, &["repro", "-q"]);
    assert_eq!(ours.read("../store/x"), "edited\n");
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
    agree(&mut dvc, &ours, &[]);
    ours.remove("../store/x");
    pipe(&ours, &["repro", "a"]).code(2).tells(&["it is frozen and cannot be restored", "remote://st/x"]);
}

#[test]
fn stages_that_write_outside_are_added_and_what_lies_there_is_fetched() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [writes_outside(&mut dvc, SCRIPT), writes_outside(&mut dvc, SCRIPT)];
    let add = [
        "stage",
        "add",
        "-q",
        "-n",
        "c",
        "-d",
        "ds://set",
        "-d",
        "remote://st/other",
        "-O",
        "remote://st/y",
        "x",
    ];
    pipe(&ours, &add).code(0);
    dvc.ok(&theirs, &add);
    assert_eq!(ours.read("dvc.yaml"), theirs.read("dvc.yaml"));
    let before = ours.read("dvc.yaml");
    let cached = ["stage", "add", "-n", "d", "-d", "in", "-o", "remote://st/z", "x"];
    pipe(&ours, &cached).code(2).tells(&["out `remote://st/z` lies outside the project", "`cache: false`"]);
    assert_ne!(dvc.call(&theirs, &cached).0, 0);
    assert_eq!(ours.read("dvc.yaml"), before);
    pipe(&ours, &["get-url", "remote://st/other", "got"]).code(0);
    dvc.ok(&theirs, &["get-url", "-q", "remote://st/other", "got"]);
    assert_eq!(ours.read("got"), theirs.read("got"));
}

#[test]
fn outs_outside_that_cannot_be_are_refused_with_their_place() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    dvc.ok(&sandbox, &["remote", "add", "-q", "far", "s3://bucket/x"]);
    dvc.ok(&sandbox, &["remote", "add", "-q", "st", "../store"]);
    dvc.ok(&sandbox, &["remote", "add", "-q", "own", "folder"]);
    let refused = |outs: &str, tells: &[&str]| {
        sandbox.write("dvc.yaml", format!("stages:\n  a:\n    cmd: touch ran\n    outs:\n{outs}"));
        let said = pipe(&sandbox, &["repro"]);
        assert_ne!(said.code_of(), Some(0));
        said.tells(tells);
        assert!(!sandbox.exists("ran"));
    };
    let plain = |name: &str| format!("    - {name}:\n        cache: false\n");
    refused(
        "    - remote://st/x\n",
        &["dvc.yaml:5:7: out `remote://st/x` lies outside the project", "hint: say so with `cache: false`"],
    );
    refused("    - /elsewhere/x\n", &["dvc.yaml:5:7: out `/elsewhere/x` lies outside the project"]);
    refused(
        &plain("s3://bucket/x"),
        &["dvc.yaml:5:7: out `s3://bucket/x` is a URL of a kind", "remote://NAME/PATH"],
    );
    refused(&plain("https://host/x"), &["out `https://host/x` is a URL of a kind"]);
    refused(&plain("remote://st/../x"), &["names nothing in a remote"]);
    refused(&plain("remote://far/x"), &["out remote://far/x: remotes of the kind `s3://`"]);
    refused(&plain("remote://none/x"), &["there is no remote `none`"]);
    let root = sandbox.root().canonicalize().unwrap();
    refused(&plain("remote://own/x"), &["out remote://own/x lies in the project: write it as `folder/x`"]);
    refused(&plain(&root.parent().unwrap().display().to_string()), &["contains the project"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = elsewhere.path().canonicalize().unwrap();
    let [cache, store] = ["cache", "store"].map(|name| elsewhere.join(name).display().to_string());
    dvc.ok(&sandbox, &["remote", "add", "-q", "full", &store]);
    refused(&plain(&elsewhere.display().to_string()), &["contains remote `full`"]);
    dvc.ok(&sandbox, &["cache", "dir", "-q", &cache]);
    refused(&plain(&elsewhere.display().to_string()), &["contains the cache"]);
    // By whatever way it is reached.
    let aliases = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.parent().unwrap(), aliases.path().join("alias")).unwrap();
    let alias = aliases.path().join("alias").join(elsewhere.file_name().unwrap());
    refused(&plain(&alias.display().to_string()), &["contains the cache"]);
    refused(
        &(plain("remote://st/x") + "  b:\n    cmd: touch ran\n    outs:\n" + &plain("remote://st/x/y")),
        &["out `remote://st/x/y` of stage `b` overlaps an out of stage `a`"],
    );
    refused(
        &(plain("remote://st/x") + "    deps: [remote://st/x/y]\n"),
        &["stage `a` has dep `remote://st/x/y`, and writes there"],
    );
    let lines = |wdir: &str| format!("stages:\n  a:\n    cmd: 'true'\n    wdir: {wdir}\n");
    sandbox.write("dvc.yaml", lines("s3://b"));
    pipe(&sandbox, &["repro"])
        .code(2)
        .tells(&["dvc.yaml:4:11: `s3://b` is a URL, where a path of the project is wanted"]);
}

/// A project with data sets of a file, a folder and a repository, and a stage that reads them.
fn with_datasets(dvc: &mut Dvc) -> Sandbox {
    let sandbox = project(dvc);
    crate::dvc_imports::source(dvc, &sandbox);
    let source = sandbox.root().with_file_name("source").display().to_string();
    sandbox.write("../file", "1\n");
    sandbox.write("../folder/a", "1\n");
    dvc.ok(&sandbox, &["dataset", "add", "--dvc", &source, "repo", "--path", "data", "--rev", "v1"]);
    dvc.ok(&sandbox, &["dataset", "add", "--url", "../file", "file"]);
    dvc.ok(&sandbox, &["dataset", "add", "--url", "../folder", "folder"]);
    let stages = "stages:\n  a:\n    cmd: echo 1 > o\n    deps: ['ds://repo', 'ds://file', 'ds://folder']\n    outs: [o]\n";
    sandbox.append("dvc.yaml", stages);
    sandbox
}

#[test]
fn data_sets_are_inputs_by_what_their_lock_says() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_datasets(&mut dvc);
    agree(&mut dvc, &sandbox, &["a"]);
    let before = sandbox.read("dvc.lock");
    pipe(&sandbox, &["repro"]).code(0);
    let ours = sandbox.read("dvc.lock");
    agree(&mut dvc, &sandbox, &[]);
    sandbox.write("dvc.lock", &before);
    dvc.ok(&sandbox, &["repro", "-q", "-f"]);
    assert_eq!(ours, sandbox.read("dvc.lock"));
    agree(&mut dvc, &sandbox, &[]);
    assert!(sandbox.files(".dvc/cache/runs").is_empty(), "DVC keeps none of such, either");
    // Where the data lies nobody looks before it is asked for.
    sandbox.write("../file", "another\n");
    agree(&mut dvc, &sandbox, &[]);
    dvc.ok(&sandbox, &["dataset", "update", "file"]);
    agree(&mut dvc, &sandbox, &["a"]);
    assert!(pipe(&sandbox, &["status"]).stdout.contains("dep ds://file changed"));
    pipe(&sandbox, &["repro"]).code(0);
    agree(&mut dvc, &sandbox, &[]);
    dvc.ok(&sandbox, &["dataset", "update", "repo", "--rev", "HEAD"]);
    agree(&mut dvc, &sandbox, &["a"]);
    pipe(&sandbox, &["commit", "-f"]).code(0);
    agree(&mut dvc, &sandbox, &[]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    assert!(sandbox.read("dvc.lock").contains("rev: HEAD"));
}

#[test]
fn data_sets_that_their_lock_does_not_know_are_told() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_datasets(&mut dvc);
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.edit("dvc.yaml", "url: ../folder", "url: elsewhere");
    agree(&mut dvc, &sandbox, &["a"]);
    let tells = "what dvc.lock says of dataset `folder` is not of what dvc.yaml declares (`dvc dataset update folder`";
    let said = pipe(&sandbox, &["status"]).code(2);
    assert!(said.stdout.contains(tells), "{}", said.stdout);
    pipe(&sandbox, &["repro"]).code(2).tells(&[tells]);
    assert_ne!(dvc.call(&sandbox, &["repro", "-q"]).0, 0);
    sandbox.edit("dvc.yaml", "url: elsewhere", "url: ../folder");
    // It has removed the outs.
    pipe(&sandbox, &["repro"]).code(0);
    agree(&mut dvc, &sandbox, &[]);
    sandbox.edit("dvc.yaml", "ds://folder", "ds://none");
    pipe(&sandbox, &["repro"]).code(2).tells(&["there is no dataset `none`"]);
    assert_ne!(dvc.call(&sandbox, &["repro", "-q"]).0, 0);
    sandbox.edit("dvc.yaml", "ds://none", "ds://folder");
    sandbox.edit("dvc.yaml", "type: dvc", "type: other");
    pipe(&sandbox, &["repro"])
        .code(2)
        .tells(&["`type` of dataset `repo` in dvc.yaml is none of dvc, url, dc"]);
    // One that nothing reads concerns nobody.
    sandbox.edit("dvc.yaml", "'ds://repo', ", "");
    pipe(&sandbox, &["repro"]).code(0);
}

#[test]
fn data_sets_of_datachain_are_judged_by_their_lock_too() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        "datasets:\n- name: dogs\n  url: dc://dogs\n  type: dc\nstages:\n  a:\n    cmd: echo 1 > o\n    deps: \
         ['ds://dogs']\n    outs: [o]\n",
    );
    let locked = |version: &str| {
        format!(
            "schema: '2.0'\ndatasets:\n- name: dogs\n  url: dc://dogs\n  type: dc\n  version: {version}\n  created_at: \
             '2024-02-03T04:05:06+00:00'\n"
        )
    };
    sandbox.write("dvc.lock", locked("3"));
    agree(&mut dvc, &sandbox, &["a"]);
    pipe(&sandbox, &["repro"]).code(0);
    agree(&mut dvc, &sandbox, &[]);
    let ours = sandbox.read("dvc.lock");
    sandbox.write("dvc.lock", locked("3"));
    dvc.ok(&sandbox, &["repro", "-q", "-f"]);
    assert_eq!(sandbox.read("dvc.lock"), ours);
    sandbox.edit("dvc.lock", "type: dc\n  version: 3", "type: dc\n  version: 4");
    agree(&mut dvc, &sandbox, &["a"]);
}

#[test]
fn data_sets_stand_in_projects_of_dvc_alone() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: echo 1 > o\n    deps: ['ds://set']\n    outs: [o]\n");
    sandbox
        .pipe(["status"])
        .code(2)
        .tells(&["`ds://set` names a data set of DVC's `datasets`", "pipe import"]);
}
