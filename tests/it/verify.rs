//! `--verify` of `repro` and `status`: nothing that was remembered counts, and the cache is looked through.

use std::os::unix::fs::PermissionsExt;

use base::ProjectPath;

use crate::harness::{Sandbox, await_that, snapshot};

fn copy() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo a >> ran; cp input out; mkdir -p folder; cp input folder/x\n    deps: [input]\n    outs: [out, folder]\n",
    );
    sandbox.write("input", "one\n");
    sandbox.ok(["repro"]);
    sandbox
}

/// Makes the state remember `bytes` for the file as it is now: as if nothing in its stamp had told of an edit.
fn forge(sandbox: &Sandbox, path: &str, bytes: &str) {
    let mut state = cache::State::load(&sandbox.path(".pipe/state")).unwrap();
    let stamp = disk::Stamp::of(&std::fs::metadata(sandbox.path(path)).unwrap());
    let record = ProjectPath::from_record(path).unwrap();
    state.put(&record, stamp, cache::hash_bytes(bytes.as_bytes()), i64::MAX);
    state.save().unwrap();
}

fn edit_unseen(sandbox: &Sandbox) {
    let modified = sandbox.modified("input");
    sandbox.write("input", "two\n");
    sandbox.set_modified("input", modified);
    forge(sandbox, "input", "one\n");
}

#[test]
fn an_edit_that_no_stamp_tells_of_is_seen() {
    let sandbox = copy();
    edit_unseen(&sandbox);
    assert_eq!(sandbox.states(), "a:fresh", "the forged state is believed");
    sandbox.pipe(["status", "-q"]).code(0);
    sandbox.pipe(["status", "-q", "--verify"]).code(1);
    // What was forged is gone with the rest of the state.
    assert_eq!(sandbox.states(), "a:stale");
    edit_unseen(&sandbox);
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
    sandbox.ok(["repro", "--verify"]).tells(&["1 ran"]);
    assert_eq!(sandbox.read("out"), "two\n");
    sandbox.ok(["repro", "--verify"]).tells(&["Everything is up to date"]);
}

#[test]
fn a_remembered_verdict_does_not_count() {
    let sandbox = copy();
    // Once it is old enough.
    await_that("the verdict is remembered", || {
        sandbox.ok(["status"]);
        sandbox.exists(".pipe/tmp/up-to-date")
    });
    damage(&sandbox, "one\n");
    assert_eq!(sandbox.ok(["status"]).stderr, "");
    sandbox.ok(["status", "--verify"]).tells(&["damaged"]);
    damage(&sandbox, "one\n");
    sandbox.ok(["repro", "--verify"]).tells(&["damaged", "Everything is up to date"]);
}

/// What lies outside the project has a memory of its own.
#[test]
fn files_outside_the_project_are_hashed_again_too() {
    let sandbox = Sandbox::new();
    sandbox.write("../tmp/data", "one\n");
    let data = std::fs::canonicalize(sandbox.path("../tmp/data")).unwrap();
    let text =
        format!("stages:\n  a:\n    cmd: cp '{0}' out\n    deps: ['{0}']\n    outs: [out]\n", data.display());
    sandbox.write("pipeline.yaml", text);
    sandbox.ok(["repro"]);
    sandbox.write("../tmp/data", "two\n");
    let mut state = cache::State::load(&sandbox.path(".pipe/outside")).unwrap();
    let stamp = disk::Stamp::of(&std::fs::metadata(&data).unwrap());
    let record = ProjectPath::from_relative(data.strip_prefix("/").unwrap()).unwrap();
    state.put(&record, stamp, cache::hash_bytes(b"one\n"), i64::MAX);
    state.save().unwrap();
    assert_eq!(sandbox.states(), "a:fresh");
    sandbox.pipe(["status", "-q", "--verify"]).code(1);
}

/// Writes other bytes into the blob that holds `text`.
fn damage(sandbox: &Sandbox, text: &str) {
    let blobs = sandbox.files(".pipe/cache/blake3");
    let blob = blobs.iter().find(|blob| sandbox.bytes(blob) == text.as_bytes()).expect("a blob of that text");
    let path = sandbox.path(blob);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.write(blob, "rot\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
}

#[test]
fn a_damaged_copy_is_told_and_stored_again() {
    let sandbox = copy();
    damage(&sandbox, "one\n");
    snapshot!(sandbox.pipe(["status", "--verify"]), @"
    exit: 0
    --- stdout
    Everything is up to date.
    --- stderr
    warning: the cache's copy of blake3:[DIGEST] is damaged; it was moved to ROOT/.pipe/cache/damaged/[DIGEST]; its content was stored again from folder/x
    ");
    // It can be restored from again.
    sandbox.remove("out");
    sandbox.ok(["repro"]).tells(&["Restored a"]);
    assert_eq!((sandbox.read("out"), sandbox.count("ran", "a")), ("one\n".into(), 1));
}

#[test]
fn a_damaged_copy_whose_bytes_are_nowhere_is_not_in_the_cache() {
    let sandbox = copy();
    for file in ["out", "folder/x"] {
        sandbox.remove(file);
    }
    damage(&sandbox, "one\n");
    snapshot!(sandbox.pipe(["repro", "--dry", "--verify"]), @"
    exit: 0
    --- stdout
    a: would run: out folder changed: e2e56d03cf -> 43746b839d; out out does not exist
    --- stderr
    warning: the cache's copy of blake3:[DIGEST] is damaged; it was moved to ROOT/.pipe/cache/damaged/[DIGEST] and is not used, since its bytes are no longer in folder/x, out
    ");
    assert_eq!(sandbox.files(".pipe/cache/damaged").len(), 1);
    sandbox.ok(["repro"]).tells(&["1 ran"]);
    assert_eq!(sandbox.ok(["status", "--verify"]).stderr, "");
}

/// What is damaged is of use to nobody: that another process is at work elsewhere is no reason to leave it.
#[test]
fn damage_is_moved_away_beside_another_process() {
    let sandbox = copy();
    sandbox.edit(
        "pipeline.yaml",
        "cp input out;",
        "touch started; while ! test -e go; do sleep 0.02; done; cp input out;",
    );
    let at_work = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("started");
    damage(&sandbox, "one\n");
    sandbox
        .pipe(["repro", "--verify", "--no-wait"])
        .code(2)
        .tells(&["is damaged; it was moved to", "is at work on stage a"]);
    assert!(sandbox.exists(".pipe/cache/damaged"));
    sandbox.write("go", "");
    at_work.wait().code(0);
}

/// What was written through a link is somebody's work: it stays where it is.
#[test]
fn what_was_written_through_a_link_is_kept() {
    for kind in ["symlink", "hardlink"] {
        let sandbox = copy();
        sandbox.ok(["config", "cache.link_types", kind]);
        sandbox.ok(["repro"]);
        for word in ["precious", "dear"] {
            std::fs::set_permissions(sandbox.path("out"), PermissionsExt::from_mode(0o644)).unwrap();
            let before = sandbox.read("out");
            std::fs::write(sandbox.path("out"), format!("{before}{word}\n")).unwrap();
            let expected = sandbox.read("out");
            sandbox.pipe(["status", "--verify"]).code(0);
            assert_eq!(sandbox.read("out"), expected, "{kind}");
            sandbox.ok(["repro"]).tells(&["Saved out"]);
        }
    }
}
