//! `pipe gc` in projects of DVC, beside `dvc gc`.

use std::collections::BTreeSet;

use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;

/// A project whose data changed in three commits and once more since; the first has a tag, a branch an out of its own.
fn grown(dvc: &mut Dvc) -> Sandbox {
    let sandbox = project(dvc);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: mkdir -p o && cp d/x o/y && cat v > w\n    deps: [d, v]\n    outs: [o, w]\n",
    );
    sandbox.write(
        "in/dvc.yaml",
        "stages:\n  b:\n    wdir: ..\n    cmd: cat v v > z\n    deps: [v]\n    outs: [z]\n",
    );
    for version in 0..4 {
        sandbox.write("d/x", format!("x{version}\n"));
        sandbox.write("d/sub/same", "same\n");
        sandbox.write("v", format!("v{version}\n"));
        if version == 2 {
            sandbox.git(["checkout", "--quiet", "-b", "other"]);
        }
        dvc.ok(&sandbox, &["add", "-q", "d"]);
        dvc.ok(&sandbox, &["repro", "-q", "-P"]);
        if version < 3 {
            sandbox.commit("next");
        }
        match version {
            0 => drop(sandbox.git(["tag", "first"])),
            2 => drop(sandbox.git(["checkout", "--quiet", "main"])),
            _ => {}
        }
    }
    sandbox
}

/// The objects of the cache.
fn objects(sandbox: &Sandbox) -> BTreeSet<String> {
    let files = sandbox.files(".dvc/cache/files");
    files.into_iter().map(|path| path.rsplit("/md5/").next().unwrap().to_owned()).collect()
}

fn copy(sandbox: &Sandbox) -> std::path::PathBuf {
    let kept = sandbox.path("../kept");
    let mut copy = sandbox.program("cp");
    copy.arg("-a").arg(sandbox.path(".dvc/cache")).arg(&kept);
    sandbox.finish(copy).code(0);
    kept
}

fn put_back(sandbox: &Sandbox, kept: &std::path::Path) {
    sandbox.remove(".dvc/cache");
    let mut copy = sandbox.program("cp");
    copy.arg("-a").arg(kept).arg(sandbox.path(".dvc/cache"));
    sandbox.finish(copy).code(0);
}

fn gc(sandbox: &Sandbox, flags: &[&str]) -> crate::harness::Said {
    sandbox.gc(&[flags, &["-f"]].concat()).code(0)
}

#[test]
fn what_stays_is_what_dvc_keeps() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = grown(&mut dvc);
    let kept = copy(&sandbox);
    let all = objects(&sandbox).len();
    let mut counts = BTreeSet::new();
    for flags in [&["-w"][..], &["-a"], &["-T"], &["-aT"], &["-A"], &["--rev", "first"]] {
        put_back(&sandbox, &kept);
        dvc.ok(&sandbox, &[&["gc", "-q", "-f"], flags].concat());
        let theirs = objects(&sandbox);
        put_back(&sandbox, &kept);
        gc(&sandbox, &[&["--no-stage-cache"], flags].concat());
        assert_eq!(objects(&sandbox), theirs, "{flags:?}");
        counts.insert(theirs.len());
    }
    assert!(counts.len() > 3 && counts.iter().all(|count| *count <= all), "{counts:?} of {all}");
    // Results that could be restored stay, unless that is said.
    put_back(&sandbox, &kept);
    sandbox.gc(&["-w", "--dry"]).code(0);
    assert_eq!(objects(&sandbox).len(), all);
    gc(&sandbox, &["-w"]);
    let ours = objects(&sandbox).len();
    assert!(ours < all && ours > *counts.first().unwrap(), "{ours} of {all}");
    sandbox.write("d/x", "x0\n");
    sandbox.write("v", "v0\n");
    assert!(dvc.ok(&sandbox, &["repro", "-P"]).contains("is cached - skipping run"));
}

#[test]
fn experiments_and_old_caches_count() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let add = |dvc: &mut Dvc, text: &str| {
        sandbox.write("data", text);
        dvc.ok(&sandbox, &["add", "-q", "data"]);
    };
    add(&mut dvc, "of an experiment\n");
    sandbox.commit("experiment");
    sandbox.git(["update-ref", "refs/exps/ab/cdef/main/exp-1", "HEAD"]);
    add(&mut dvc, "of nobody\n");
    add(&mut dvc, "of now\n");
    sandbox.git(["add", "--all"]);
    sandbox.git(["commit", "--quiet", "--amend", "--message", "now"]);
    let old = |folder: &str| {
        for folder in std::fs::read_dir(sandbox.path(folder)).unwrap().flatten() {
            std::fs::rename(folder.path(), sandbox.path(".dvc/cache").join(folder.file_name())).unwrap();
        }
    };
    old(".dvc/cache/files/md5");
    let count = || sandbox.files(".dvc/cache").len();
    assert_eq!(count(), 3);
    gc(&sandbox, &["-w"]);
    assert_eq!(count(), 2, "experiments are kept");
    gc(&sandbox, &["-w", "--no-experiments"]);
    assert_eq!(count(), 1);
    sandbox.remove("data");
    pipe(&sandbox, &["checkout"]).code(0);
    assert_eq!(sandbox.read("data"), "of now\n");
}

#[test]
fn what_cannot_be_read_stops_it() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = grown(&mut dvc);
    let before = objects(&sandbox);
    sandbox.write("broken.dvc", "outs: [{path: a, md5: no}]\n");
    sandbox.gc(&["-w", "-f"]).code(2).tells(&["broken.dvc"]);
    sandbox.remove("broken.dvc");
    let lock = sandbox.read("dvc.lock");
    sandbox.write("dvc.lock", format!("<<<<<<< ours\n{lock}"));
    sandbox.gc(&["-w", "-f"]).code(2).tells(&["dvc.lock"]);
    sandbox.write("dvc.lock", lock);
    sandbox.write(
        ".dvc/tmp/rwlock",
        r#"{"write": {"ROOT/o": {"pid": 1, "cmd": "dvc repro"}}}"#
            .replace("ROOT", &sandbox.root().display().to_string()),
    );
    sandbox.gc(&["-w", "-f"]).code(2).tells(&["dvc repro", "may need anything"]);
    sandbox.remove(".dvc/tmp/rwlock");
    sandbox.write(".dvc/cache/runs/aa/key/value", "{outs: [{path: x, md5: no}]}");
    sandbox.gc(&["-w", "-f"]).code(2).tells(&["in the run cache cannot be read"]);
    sandbox.gc(&["-w"]).code(2);
    assert_eq!(objects(&sandbox), before);
}

#[test]
fn what_revisions_record_is_pushed() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = grown(&mut dvc);
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "ours", "../ours"]);
    // What those revisions need is what a collection would leave.
    gc(&sandbox, &["-a", "-T", "--no-stage-cache"]);
    pipe(&sandbox, &["push", "-a", "-T"]).code(0);
    let files = sandbox.files("../ours");
    let there: BTreeSet<String> =
        files.iter().map(|path| path.rsplit("/md5/").next().unwrap().to_owned()).collect();
    assert_eq!(there, objects(&sandbox));
}

/// Makes everything at the remote older than `gc.grace`.
fn age(sandbox: &Sandbox) {
    for object in sandbox.files("../store") {
        sandbox
            .set_modified(&object, std::time::SystemTime::now() - std::time::Duration::from_secs(3 * 86_400));
    }
}

fn there(sandbox: &Sandbox) -> BTreeSet<String> {
    let files = sandbox.files("../store").into_iter().filter(|path| path.contains("/md5/"));
    files.map(|path| path.rsplit("/md5/").next().unwrap().to_owned()).collect()
}

#[test]
fn a_remote_keeps_what_dvc_keeps_there() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = grown(&mut dvc);
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "store", "../store"]);
    let fill = |dvc: &mut Dvc| {
        pipe(&sandbox, &["push", "-A"]).code(0);
        dvc.ok(&sandbox, &["push", "-q"]);
    };
    fill(&mut dvc);
    let all = there(&sandbox);
    let kept = copy(&sandbox);
    let mut counts = BTreeSet::new();
    for flags in [&["-w"][..], &["-a"], &["-T"], &["-A"], &["--rev", "first"]] {
        dvc.ok(&sandbox, &[&["gc", "-q", "-f", "-c"], flags].concat());
        let theirs = there(&sandbox);
        put_back(&sandbox, &kept);
        fill(&mut dvc);
        age(&sandbox);
        pipe(&sandbox, &[&["gc", "-f", "-c", "--no-stage-cache"], flags].concat()).code(0);
        assert_eq!(there(&sandbox), theirs, "{flags:?}");
        counts.insert(theirs.len());
        fill(&mut dvc);
        assert_eq!(there(&sandbox), all);
    }
    assert!(counts.len() > 2, "{counts:?}");
    assert_eq!(objects(&sandbox).len(), sandbox.files("../kept/files").len(), "the cache is left alone");
}

#[test]
fn what_is_young_or_named_by_a_result_stays_at_the_remote() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = grown(&mut dvc);
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "store", "../store"]);
    pipe(&sandbox, &["push", "-A"]).code(0);
    dvc.ok(&sandbox, &["push", "-q", "--run-cache"]);
    sandbox.write("../store/notes.txt", "somebody's");
    sandbox.write("../store/files/md5/ab/short", "nobody's");
    let all = there(&sandbox);
    // A push that goes on at the same time relies on what it finds there.
    pipe(&sandbox, &["gc", "-w", "-c", "-f", "--no-stage-cache"]).code(0).tells(&["nothing to remove"]);
    assert_eq!(there(&sandbox), all);
    age(&sandbox);
    sandbox.remove(".dvc/cache/runs");
    pipe(&sandbox, &["gc", "-w", "-c", "--dry"]).code(0);
    pipe(&sandbox, &["gc", "-w", "-c", "-f"]).code(0);
    let with_results = there(&sandbox);
    sandbox.remove("../store/runs");
    pipe(&sandbox, &["gc", "-w", "-c", "-f"]).code(0);
    assert!(there(&sandbox).len() < with_results.len() && with_results.len() < all.len());
    assert!(sandbox.exists("../store/notes.txt") && sandbox.exists("../store/files/md5/ab/short"));
    sandbox.remove(".dvc/cache");
    dvc.ok(&sandbox, &["pull", "-q"]);
    // A result or a list that cannot be read would have kept nobody knows what.
    sandbox.write("../store/runs/aa/key/value", "{outs: [{path: x, md5: no}]}");
    pipe(&sandbox, &["gc", "-w", "-c", "-f"]).code(2).tells(&["in the run cache cannot be read"]);
    sandbox.remove("../store/runs");
    let list = there(&sandbox).into_iter().find(|name| name.ends_with(".dir")).unwrap();
    sandbox.write(&format!("../store/files/md5/{list}"), "[]");
    sandbox.remove(".dvc/cache");
    pipe(&sandbox, &["gc", "-w", "-c", "-f"]).code(2).tells(&["damaged"]);
}

/// What runs alone name lies in the cache that both tools share, and DVC does not know of runs.
#[test]
fn a_model_whose_bytes_dvc_has_removed_is_not_registered() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let run = pipe(&sandbox, &["runs", "start"]).code(0).stdout.trim().to_owned();
    sandbox.write("net/weights", "w");
    sandbox.write("net/config", "c");
    pipe(&sandbox, &["log", "artifact", "net", "--as", "model", "--run", &run]).code(0);
    pipe(&sandbox, &["runs", "end", &run]).code(0);
    let register = || pipe(&sandbox, &["models", "register", "net", "--run", &run]);
    pipe(&sandbox, &["gc", "-w", "-f"]).code(0);
    register().code(0).tells(&["Registered net/1"]);
    dvc.ok(&sandbox, &["gc", "-q", "-f", "-w"]);
    register().code(2).tells(&[
        "the cache lacks config, weights of runs:/",
        "no version was made",
        "`dvc gc` removes what runs alone name from the cache, `pipe gc` keeps it",
    ]);
    let shown = pipe(&sandbox, &["models", "show", "net", "--json"]).code(0).json();
    assert_eq!(shown["versions"].as_array().unwrap().len(), 1);
}
