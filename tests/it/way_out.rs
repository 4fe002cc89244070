//! What cannot be done with data is told with the way out.

use std::os::unix::fs::symlink;

use crate::dvc_tool::{Dvc, project};
use crate::harness::Sandbox;

fn data() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("data", "d\n");
    sandbox.write("raw/x", "1\n");
    sandbox.ok(["add", "data", "raw"]);
    sandbox
}

#[test]
fn of_add_and_move() {
    let sandbox = data();
    symlink("nowhere", sandbox.path("link")).unwrap();
    sandbox.pipe(["add", "link"]).code(2).tells(&["it is a symlink to nowhere, where nothing is"]);
    symlink("circle", sandbox.path("circle")).unwrap();
    sandbox
        .pipe(["add", "circle"])
        .code(2)
        .tells(&["it is a symlink that leads round in a circle", "hint: remove the link"]);
    for place in ["raw", "raw/other", "raw/sub/other"] {
        let said = sandbox.pipe(["move", "data", place]).code(2);
        said.tells(&[
            "raw is kept as a whole, and holds no pointers",
            "`pipe add raw/",
            "`pipe remove data`",
        ]);
    }
    sandbox.write("a b/it's $5", "x");
    sandbox.ok(["add", "a b/it's $5"]).tells(&[r"git add 'a b/it'\''s $5.pipe' 'a b/.gitignore'"]);
}

#[test]
fn of_push_and_pull_of_data_that_nobody_has() {
    let sandbox = data();
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    std::fs::create_dir(sandbox.path("../store")).unwrap();
    sandbox.remove(".pipe/cache");
    let said = sandbox
        .pipe(["push"])
        .code(1)
        .tells(&["data, raw/: neither the cache", "who has the data can `pipe push` it"]);
    assert!(!said.stderr.contains("pipe repro"), "{}", said.stderr);
    sandbox.remove("data");
    let said = sandbox.pipe(["pull"]).code(1).tells(&["Cannot bring back data", "does not have it"]);
    assert!(!said.stderr.contains("`pipe pull` fetches it"), "{}", said.stderr);
    sandbox.pipe(["checkout"]).code(1).tells(&["`pipe pull` fetches it"]);
}

#[test]
fn of_a_damaged_list() {
    let sandbox = data();
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    sandbox.ok(["push"]);
    let files = sandbox.files(".pipe/cache/blake3");
    let manifest = files.iter().find(|file| sandbox.read(file).starts_with("pipe-tree")).unwrap();
    let length = sandbox.read(manifest).len();
    sandbox.remove(manifest);
    sandbox.write(manifest, "X".repeat(length));
    let said = sandbox.ok(["list", "-R"]).tells(&["the files of raw cannot be told", "`pipe fetch raw`"]);
    assert_eq!(said.stdout, "data\nraw/\n");
    sandbox.pipe(["data", "status", "--granular"]).code(2).tells(&["`pipe fetch raw`"]);
    sandbox.ok(["fetch", "raw"]).tells(&["raw/: the cache held other bytes"]);
    assert_eq!(sandbox.ok(["list", "-R"]).stdout, "data\nraw/x\n");
}

#[test]
fn of_projects_of_dvc() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let said = sandbox.ok(["status"]).stdout;
    assert!(
        said.contains("There are no stages and no data yet") && said.contains("`pipe add` puts data"),
        "{said}"
    );
    assert!(!said.contains("pipe init"), "{said}");
    sandbox.ok(["install"]).tells(&["Installed the hooks", "Installed the merge driver for dvc.lock"]);
    assert!(sandbox.exists(".git/hooks/post-merge"));
}
