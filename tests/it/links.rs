//! Outs as hard links and symlinks of the cache: what is shared, what is not, and what a write through one does.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::harness::{Sandbox, snapshot};

const PIPELINE: &str = "\
stages:
  make:
    cmd: mkdir out; echo data > out/a; touch out/empty; echo tool > out/tool; chmod +x out/tool; echo 1 > kept.json
    outs: [out]
    metrics: [{kept.json: {cache: false}}]
  use:
    cmd: sed s/data/used/ out/a > used
    deps: [out]
    outs: [used]
";

fn done(kind: &str) -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.ok(["config", "cache.link_types", kind]);
    sandbox.ok(["repro"]);
    sandbox
}

fn is_link(sandbox: &Sandbox, path: &str) -> bool {
    let metadata = std::fs::symlink_metadata(sandbox.path(path)).unwrap();
    metadata.is_symlink() || metadata.nlink() > 1
}

fn write_through(sandbox: &Sandbox, path: &str, text: &str) {
    let path = sandbox.path(path);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
}

#[test]
fn outs_are_links_and_up_to_date() {
    for kind in ["hardlink", "symlink"] {
        let sandbox = done(kind);
        for (path, shared) in
            [("out/a", true), ("used", true), ("out/empty", false), ("out/tool", false), ("kept.json", false)]
        {
            assert_eq!(is_link(&sandbox, path), shared, "{kind} {path}");
        }
        assert_eq!(sandbox.path("used").is_symlink(), kind == "symlink");
        assert_eq!(sandbox.states(), "make:fresh use:fresh");
        sandbox.remove("out");
        sandbox.ok(["checkout"]);
        assert!(is_link(&sandbox, "out/a"));
        assert_eq!(sandbox.states(), "make:fresh use:fresh");
        // A stage that runs replaces its outs: the cache keeps what it had.
        sandbox.edit("pipeline.yaml", "s/data/used/", "s/data/other/");
        sandbox.ok(["repro"]).tells(&["1 ran"]);
        assert_eq!(sandbox.read("used"), "other\n");
        sandbox.edit("pipeline.yaml", "s/data/other/", "s/data/used/");
        sandbox.ok(["repro"]).tells(&["1 restored"]);
        assert_eq!(sandbox.read("used"), "used\n");
    }
}

#[test]
fn a_write_through_a_link_is_named_and_the_stage_runs_again() {
    for kind in ["hardlink", "symlink"] {
        let sandbox = done(kind);
        write_through(&sandbox, "out/a", "evil\n");
        let named = ["out/a is a link into the cache and was written to", "pipe unprotect"];
        for _ in 0..2 {
            let said = sandbox.ok(["status"]).tells(&named);
            assert!(said.stdout.contains("make: stale"), "{}", said.stdout);
        }
        sandbox.ok(["repro"]).tells(&named).tells(&["was moved to", "2 stages: 1 ran, 1 up to date"]);
        assert_eq!((sandbox.read("out/a"), sandbox.read("used")), ("data\n".into(), "used\n".into()));
        sandbox.remove("out");
        sandbox.ok(["checkout"]);
        assert_eq!(sandbox.read("out/a"), "data\n");
        assert_eq!(sandbox.states(), "make:fresh use:fresh");
    }
}

#[test]
fn outs_that_persist_are_files_of_their_own_while_the_stage_runs() {
    for kind in ["hardlink", "symlink"] {
        let text = "stages: {grow: {cmd: 'cat input >> log; test ! -e fail', deps: [input], outs: [{log: {persist: true}}]}}\n";
        let sandbox = Sandbox::with_pipeline(text);
        sandbox.ok(["config", "cache.link_types", kind]);
        sandbox.write("input", "one\n");
        sandbox.ok(["repro"]);
        assert!(is_link(&sandbox, "log"));
        let old = sandbox.files(".pipe/cache/blake3");
        sandbox.write("input", "two\n");
        sandbox.ok(["repro"]);
        assert_eq!(sandbox.read("log"), "one\ntwo\n");
        for blob in old {
            assert_ne!(sandbox.read(&blob), "one\ntwo\n", "{kind} {blob}");
        }
        sandbox.write("fail", "");
        sandbox.write("input", "three\n");
        sandbox.pipe(["repro"]).code(1);
        assert_eq!(sandbox.read("log"), "one\ntwo\n");
    }
}

/// Nothing names such a blob, and a collection of garbage takes it away.
#[test]
fn what_cannot_be_recorded_is_no_link_into_the_cache() {
    for kind in ["hardlink", "symlink"] {
        let text = "stages: {a: {cmd: 'echo 1 > out; rm -f .pipe/journal; mkdir -p .pipe/journal/x', outs: [out]}}\n";
        let sandbox = Sandbox::with_pipeline(text);
        sandbox.ok(["config", "cache.link_types", kind]);
        sandbox.pipe(["repro"]).code(2);
        let files = sandbox.files(".pipe");
        let partial = files.iter().find(|file| file.ends_with("partial/out")).expect("it is kept for a look");
        assert_eq!(sandbox.read(partial), "1\n");
        assert!(!is_link(&sandbox, partial), "{kind}");
    }
}

#[test]
fn links_are_made_and_unmade() {
    let sandbox = done("copy");
    assert!(!is_link(&sandbox, "out/a"));
    sandbox.ok(["config", "cache.link_types", "hardlink"]);
    sandbox.ok(["checkout", "--relink"]);
    assert!(is_link(&sandbox, "out/a") && is_link(&sandbox, "used") && !is_link(&sandbox, "out/tool"));
    snapshot!(sandbox.pipe(["unprotect", "out", "used"]), @"
    exit: 0
    --- stderr
    Unprotected 2 files.
    ");
    snapshot!(sandbox.pipe(["unprotect", "out"]), @"
    exit: 0
    --- stderr
    Nothing there is a link into the cache.
    ");
    snapshot!(sandbox.pipe(["unprotect", "none"]), @"
    exit: 2
    --- stderr
    error: cannot unprotect none: nothing is there
    hint: `pipe checkout` brings back what is recorded
    ");
    assert!(!is_link(&sandbox, "out/a"));
    sandbox.ok(["checkout", "--relink"]).tells(&["Placed 4 files anew."]);
    sandbox.ok(["unprotect", "."]).tells(&["Unprotected 2 files."]);
    assert_eq!(sandbox.states(), "make:fresh use:fresh");
    sandbox.append("out/a", "more\n");
    sandbox.ok(["commit", "-f", "make"]);
    sandbox.remove("out/a");
    sandbox.ok(["checkout", "make"]);
    assert_eq!(sandbox.read("out/a"), "data\nmore\n");
}

#[test]
fn a_symlink_keeps_its_blob() {
    let sandbox = done("symlink");
    // No lock records what the workspace shows, and nothing else has these bytes.
    sandbox.write("pipeline.yaml", "stages: {}\n");
    sandbox.write("pipeline.lock", "schema: 1\nstages: {}\n");
    sandbox.gc(&["-w", "-f", "--no-stage-cache"]).code(0).tells(&["Removed"]);
    assert_eq!((sandbox.read("out/a"), sandbox.read("used")), ("data\n".into(), "used\n".into()));
}

#[test]
fn a_cache_can_be_shared_by_projects() {
    let shared = "../shared";
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.ok(["config", "--user", "cache.dir", sandbox.path(shared).to_str().unwrap()]);
    sandbox.ok(["config", "--user", "cache.link_types", "hardlink"]);
    sandbox.ok(["repro"]);
    let other = sandbox.path("../other");
    std::fs::create_dir(&other).unwrap();
    for name in ["pipeline.yaml", "pipeline.lock"] {
        std::fs::copy(sandbox.path(name), other.join(name)).unwrap();
    }
    let cd = other.to_str().unwrap();
    sandbox.ok(["--cd", cd, "init", "--no-git"]);
    sandbox.ok(["--cd", cd, "checkout"]);
    let inode = |path: &std::path::Path| std::fs::metadata(path.join("out/a")).unwrap().ino();
    assert_eq!(inode(&sandbox.root()), inode(&other));
    // The link of the other project changed the blob's ctime, and this one knows its file all the same.
    sandbox.ok(["status"]).tells(&[]);
    assert_eq!(sandbox.states(), "make:fresh use:fresh");
}

#[test]
fn where_links_are_not_followed_files_are_copied_and_stages_find_this_binary() {
    let sandbox = Sandbox::new();
    if !sandbox.has_namespaces() {
        return;
    }
    sandbox.write(
        "disk/pipeline.yaml",
        "stages:\n  make:\n    cmd: pipe --version > version; mkdir out; echo data > out/a\n    outs: [out, version]\n",
    );
    let script = r#"
        set -e
        mkdir share
        mount -t tmpfs -o nosymfollow tmpfs share
        cp -r disk/. share
        cd share
        "$PIPE" init -q --no-git
        "$PIPE" config cache.link_types symlink
        "$PIPE" repro
        echo more > more
        "$PIPE" add more
        "$PIPE" checkout --relink
        rm -r out
        "$PIPE" checkout
        cat out/a version more
        find out version more -type l
        "$PIPE" status
    "#;
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).env("PIPE", env!("CARGO_BIN_EXE_pipe"));
    let said = sandbox.finish(command).code(0);
    let told = format!("data\npipe {}\nmore\n", env!("CARGO_PKG_VERSION"));
    assert!(said.stdout.contains(&told), "{}", said.stdout);
    assert!(!said.stdout.contains("\nout/a\n"), "{}", said.stdout);
}
