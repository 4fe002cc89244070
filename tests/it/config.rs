//! `pipe config`: settings of the user, the project and this machine.

use crate::harness::{Sandbox, snapshot};

#[test]
fn the_nearer_file_counts() {
    let sandbox = Sandbox::new();
    snapshot!(sandbox.pipe(["config", "cache.dir"]), @"
    exit: 1
    --- stderr
    error: `cache.dir` is not set
    ");
    sandbox.ok(["config", "--user", "cache.link_types", "hardlink, copy"]);
    sandbox.ok(["config", "--user", "cache.dir", "/user"]);
    sandbox.ok(["config", "cache.dir", "shared"]);
    let listed = sandbox.ok(["config", "--list", "--show-origin"]).stdout;
    assert!(listed.starts_with(".pipe/config.toml\tcache.dir=shared\n/"), "{listed}");
    assert!(listed.ends_with("/config/pipe/config.toml\tcache.link_types=hardlink,copy\n"), "{listed}");
    sandbox.ok(["config", "--local", "cache.dir", "mine"]);
    assert_eq!(sandbox.ok(["config", "cache.dir"]).stdout, "mine\n");
    assert_eq!(sandbox.ok(["config", "--user", "cache.dir"]).stdout, "/user\n");
    assert_eq!(sandbox.ok(["config", "--project", "cache.dir"]).stdout, "shared\n");
    sandbox.ok(["config", "--project", "cache.dir", "shared"]);
    sandbox.pipe(["config", "--project", "--local", "cache.dir"]).code(2);
    assert_eq!(sandbox.read(".pipe/config.toml"), "[cache]\ndir = \"shared\"\n");
    assert_eq!(sandbox.json(["config", "--json"])[0]["scope"], "local");
    sandbox.ok(["config", "--local", "--unset", "cache.dir"]);
    assert_eq!(sandbox.ok(["config"]).stdout, "cache.dir=shared\ncache.link_types=hardlink,copy\n");
    snapshot!(sandbox.pipe(["config", "--local", "--unset", "cache.dir"]), @"
    exit: 1
    --- stderr
    error: `cache.dir` is not set
    ");
}

#[test]
fn git_sees_the_settings_of_the_project_alone() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    sandbox.write(".pipe/.gitignore", "# mine");
    for _ in 0..2 {
        sandbox.ok(["config", "cache.link_types", "copy"]);
        sandbox.ok(["config", "--local", "cache.link_types", "copy"]);
    }
    assert_eq!(sandbox.read(".pipe/.gitignore"), "# mine\n/config.local.toml\n");
    let seen = sandbox.git(["status", "--porcelain", "--untracked-files=all"]);
    assert_eq!(seen, "?? .pipe/.gitignore\n?? .pipe/config.toml\n?? .pipeignore\n");
}

#[test]
fn faults_have_a_place_and_stop_every_command() {
    let sandbox = Sandbox::with_pipeline("stages: {a: {cmd: echo 1 > a, outs: [a]}}\n");
    sandbox.write(".pipe/config.toml", "# ours\n[cache]\nlink_type = ['copy']\n");
    snapshot!(sandbox.pipe(["repro"]), @"
    exit: 2
    --- stderr
    error: .pipe/config.toml:3:1: unknown key `cache.link_type`
    hint: did you mean `cache.link_types`?
    ");
    snapshot!(sandbox.pipe(["config", "cache.dir", "x"]), @"
    exit: 2
    --- stderr
    error: .pipe/config.toml:3:1: unknown key `cache.link_type`
    hint: did you mean `cache.link_types`?
    ");
    snapshot!(sandbox.pipe(["config", "cache.dri"]), @"
    exit: 2
    --- stderr
    error: unknown key `cache.dri`
    hint: did you mean `cache.dir`?
    ");
    sandbox.ok(["config", "--unset", "cache.link_type"]);
    assert_eq!(sandbox.read(".pipe/config.toml"), "# ours\n[cache]\n");
    snapshot!(sandbox.pipe(["config", "cache.link_types", "copy,hard"]), @"
    exit: 2
    --- stderr
    error: `hard` is no link type
    hint: choose among reflink, hardlink, symlink, copy, the preferred one first
    ");
    sandbox.ok(["repro"]);
}

#[test]
fn the_cache_may_lie_elsewhere() {
    let sandbox = Sandbox::with_pipeline("stages: {a: {cmd: echo 1 > a, outs: [a]}}\n");
    sandbox.ok(["config", "--local", "cache.dir", "../elsewhere"]);
    sandbox.ok(["repro"]);
    assert!(!sandbox.exists(".pipe/cache"));
    assert!(sandbox.path("../elsewhere/blake3").is_dir());
    sandbox.remove("a");
    sandbox.ok(["checkout"]);
    assert_eq!(sandbox.read("a"), "1\n");
    // A warning of what others may need: who else uses that folder is not known.
    sandbox.write("pipeline.yaml", "stages: {a: {cmd: echo 2 > a, outs: [a]}}\n");
    sandbox.ok(["repro"]);
    let said = sandbox.gc(&["-w", "--no-stage-cache"]).code(1);
    said.tells(&["is shared, and stays", "nothing was removed"]);
    sandbox.gc(&["-w", "--no-stage-cache", "-f"]).code(0);
}

#[test]
fn how_the_run_store_is_written_can_be_chosen() {
    let sandbox = Sandbox::with_pipeline("stages: {a: {cmd: echo 1 > a, outs: [a]}}\n");
    sandbox.ok(["config", "store.sync", "full"]);
    assert_eq!(sandbox.read(".pipe/config.toml"), "[store]\nsync = \"full\"\n");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.run_count(), 2);
    snapshot!(sandbox.pipe(["config", "store.sync", "fast"]), @"
    exit: 2
    --- stderr
    error: `fast` is no way to write the run store
    hint: set `store.sync` to normal or full
    ");
}

#[test]
fn git_is_told_of_records_when_asked() {
    let sandbox = Sandbox::with_pipeline("stages:\n  s:\n    cmd: cp a b\n    deps: [a]\n    outs: [b]\n");
    let staged = || sandbox.git(["diff", "--cached", "--name-only"]);
    sandbox.commit("start");
    sandbox.write("a", "1\n");
    sandbox.write("sub/[x]", "2\n");
    sandbox.ok(["add", "a"]);
    assert_eq!(staged(), "");
    sandbox.ok(["config", "core.autostage", "true"]);
    sandbox.write("sub/x", "not meant\n");
    let said = sandbox.ok(["add", "a", "sub/[x]"]);
    assert!(!said.stderr.contains("git add"), "{}", said.stderr);
    assert_eq!(staged(), "a.pipe\nsub/.gitignore\nsub/[x].pipe\n");
    sandbox.ok(["repro"]);
    assert_eq!(staged(), ".gitignore\na.pipe\npipeline.lock\nsub/.gitignore\nsub/[x].pipe\n");
    sandbox.commit("recorded");
    sandbox.ok(["move", "a", "c"]);
    assert_eq!(sandbox.git(["status", "--porcelain"]), "M  .gitignore\nR  a.pipe -> c.pipe\n");
    sandbox.ok(["move", "c", "a"]);
    sandbox.git(["reset", "-q", "--hard"]);
    sandbox.ok(["stage", "add", "-n", "t", "-o", "new", "echo 1 > new"]);
    assert_eq!(staged(), ".gitignore\npipeline.yaml\n");
    sandbox.ok(["remove", "t"]);
    assert_eq!(staged(), "");
    sandbox.ok(["remove", "s"]);
    assert_eq!(staged(), ".gitignore\npipeline.lock\npipeline.yaml\n");
    sandbox.git(["reset", "-q", "--hard"]);
    sandbox.ok(["remove", "sub/[x].pipe"]);
    assert_eq!(staged(), "sub/.gitignore\nsub/[x].pipe\n");
    sandbox.git(["reset", "-q", "--hard"]);
    // What git refuses is told and spoils nothing.
    sandbox.write(".git/index.lock", "");
    sandbox.write("a", "3\n");
    sandbox.ok(["add", "a"]).tells(&["git could not be told of what was recorded", "index.lock"]);
}

#[test]
fn a_list_is_set_and_taken_out_as_one() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    sandbox.ok(["config", "stage_cache.trust", r#"["root", "me"]"#]);
    assert_eq!(sandbox.read(".pipe/config.toml"), "[stage_cache]\ntrust = [\"root\", \"me\"]\n");
    assert_eq!(sandbox.ok(["config", "stage_cache.trust"]).stdout, "root,me\n");
    let told = sandbox.json(["config", "--json", "stage_cache.trust"]);
    assert_eq!(told[0]["value"], serde_json::json!(["root", "me"]));
    sandbox.pipe(["config", "stage_cache.trust", "[root]"]).code(2).tells(&["`[root]` is no list"]);
    let empty = ["`stage_cache.trust` is empty", "`pipe config --unset stage_cache.trust`"];
    sandbox.pipe(["config", "stage_cache.trust", "[]"]).code(2).tells(&empty);
    sandbox.ok(["config", "--unset", "stage_cache.trust"]);
    sandbox.pipe(["config", "stage_cache.trust"]).code(1);
    sandbox.ok(["config", "cache.link_types", r#"["hardlink", "copy"]"#]);
    assert_eq!(sandbox.ok(["config", "cache.link_types"]).stdout, "hardlink,copy\n");
}
