//! Flags of the commands on data, as a user of DVC knows them.

use serde_json::json;

use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;

const STAGES: &str = "\
stages:
  make:
    cmd: mkdir out; echo alpha > out/a; echo beta > out/b
    outs: [out]
  use:
    cmd: |
      cat out/a out/b > sub/used.txt
      echo '{\"m\": 1}' > n.json
    deps: [out]
    outs: [sub/used.txt]
    metrics: [n.json]
";

/// Stages and data, recorded and committed, and a remote where nothing is yet.
fn recorded() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(STAGES);
    sandbox.write("sub/data", "gamma\n");
    sandbox.ok(["remote", "add", "-d", "store", "../store"]);
    sandbox.ok(["add", "sub/data"]);
    sandbox.ok(["repro"]);
    sandbox.commit("one");
    sandbox
}

fn would_go(sandbox: &Sandbox, arguments: &[&str]) -> Vec<String> {
    let mut paths: Vec<String> = sandbox.ok(arguments).stdout.lines().map(str::to_owned).collect();
    paths.sort();
    paths
}

#[test]
fn targets_are_widened() {
    let sandbox = recorded();
    let push = |more: &[&str]| would_go(&sandbox, &[&["push", "--dry"], more].concat());
    assert_eq!(push(&["use"]), ["n.json", "sub/used.txt"]);
    assert_eq!(push(&["-d", "use"]), ["n.json", "out/", "out/a", "out/b", "sub/used.txt"]);
    assert_eq!(push(&["-R", "sub"]), ["n.json", "sub/data", "sub/used.txt"]);
    assert_eq!(push(&["--glob", "sub/*.txt"]), ["sub/used.txt"]);
    assert_eq!(push(&["--glob", "m*"]), ["out/", "out/a", "out/b"]);
    assert_eq!(push(&["--glob", "**/*.pipe"]), ["sub/data"]);
    sandbox.pipe(["push", "--glob", "x*"]).code(2).tells(&["no out, pointer or stage matches `x*`"]);
    // The same words mean the same in every command.
    sandbox.ok(["push"]);
    sandbox.remove(".pipe/cache");
    for path in ["out", "sub", "n.json"] {
        sandbox.remove(path);
    }
    sandbox.git(["checkout", "--quiet", "--", "sub"]);
    assert_eq!(would_go(&sandbox, &["fetch", "--dry", "--type", "metrics"]), ["n.json"]);
    assert_eq!(would_go(&sandbox, &["fetch", "--dry", "--max-size", "10"]), ["n.json", "sub/data"]);
    assert_eq!(would_go(&sandbox, &["pull", "--glob", "sub/d*"]), ["A\tsub/data"]);
    sandbox.ok(["pull", "-d", "use"]);
    assert!(sandbox.exists("out/b") && sandbox.exists("sub/used.txt"));
    sandbox.remove("sub/data");
    assert_eq!(would_go(&sandbox, &["checkout", "-R", "sub"]), ["A\tsub/data"]);
}

#[test]
fn what_is_nowhere_may_be_missing() {
    let sandbox = recorded();
    sandbox.ok(["push", "make"]);
    sandbox.remove(".pipe/cache");
    sandbox.remove("out");
    sandbox.remove("sub/data");
    for command in ["push", "fetch"] {
        sandbox.pipe([command]).code(1);
        sandbox.ok([command, "--allow-missing"]).tells(&["sub/data"]);
    }
    sandbox.pipe(["pull", "out", "sub/data"]).code(1);
    sandbox.ok(["pull", "--allow-missing", "out", "sub/data"]).tells(&["sub/data"]);
    assert!(sandbox.exists("out/a"));
    sandbox.pipe(["checkout", "sub/data"]).code(1);
    sandbox.ok(["checkout", "--allow-missing", "sub/data"]);
}

#[test]
fn data_status_asks_the_remote_and_git() {
    let sandbox = recorded();
    sandbox.ok(["push", "out/a"]);
    sandbox.write("new.txt", "");
    let status = |more: &[&str]| sandbox.json([&["data", "status", "--json"], more].concat());
    assert_eq!(status(&[])["not_in_remote"], json!(null));
    assert_eq!(
        status(&["--not-in-remote"])["not_in_remote"],
        json!(["n.json", "out/", "sub/data", "sub/used.txt"])
    );
    let single = status(&["--not-in-remote", "--granular", "--no-remote-refresh", "out"]);
    // The list of the folder came with the part of it.
    assert_eq!(single["not_in_remote"], json!(["out/b"]));
    assert_eq!(status(&["--untracked-files"])["untracked"], json!(["new.txt"]));
    assert_eq!(status(&["--untracked-files=no"])["untracked"], json!(null));
    sandbox.ok(["push"]);
    assert_eq!(status(&["--not-in-remote"])["not_in_remote"], json!([]));
    let said = sandbox.ok(["data", "status", "--not-in-remote", "--untracked-files"]).stdout;
    assert!(said.contains("Untracked files") && !said.contains("Not in remote"), "{said}");
}

/// A remote that is not there has nothing and lacks nothing: that cannot be told.
#[test]
fn data_status_takes_no_absent_remote_for_an_empty_one() {
    for settings in [".pipe/config.toml", ".dvc/config"] {
        let sandbox = Sandbox::new();
        sandbox.write(settings, "");
        sandbox.write("raw/x", "x\n");
        sandbox.ok(["add", "raw"]);
        sandbox.ok(["remote", "add", "--default", "store", "../store"]);
        sandbox.ok(["push"]);
        std::fs::rename(sandbox.path("../store"), sandbox.path("../moved")).expect("a free name");
        for more in [&[][..], &["--granular"], &["--json"], &["--remote", "store"]] {
            let said = sandbox.pipe([&["data", "status", "--not-in-remote"], more].concat());
            let said = said.code(2).tells(&["remote `store` is not there", "pipe remote modify store url"]);
            assert_eq!(said.stdout, "");
        }
        std::fs::create_dir(sandbox.path("../store")).expect("a free name");
        let said = sandbox.ok(["data", "status", "--not-in-remote"]);
        assert!(said.stdout.contains("Not in remote") && said.stdout.contains("raw/\n"), "{}", said.stdout);
        said.tells(&["remote `store` is empty", "mount it if it is a share"]);
        sandbox.remove("../store");
        std::fs::rename(sandbox.path("../moved"), sandbox.path("../store")).expect("a free name");
        assert!(!sandbox.ok(["data", "status", "--not-in-remote"]).stdout.contains("Not in remote"));
    }
}

#[test]
fn diff_tells_what_cannot_be_brought_back() {
    let sandbox = recorded();
    sandbox.write("sub/data", "delta\n");
    let diff = |more: &[&str]| sandbox.json([&["diff", "--json"], more].concat());
    assert_eq!(diff(&[])["not in cache"], json!([]));
    sandbox.remove(".pipe/cache");
    assert_eq!(diff(&[])["not in cache"], json!([{ "path": "sub/data" }]));
    assert_eq!(diff(&["--hide-missing"])["not in cache"], json!(null));
    assert!(sandbox.ok(["diff"]).stdout.contains("not in cache"));
}

#[test]
fn cloud_status_sees_revisions() {
    let sandbox = recorded();
    sandbox.ok(["push"]);
    sandbox.git(["branch", "old"]);
    sandbox.write("sub/data", "delta\n");
    sandbox.ok(["add", "sub/data"]);
    sandbox.commit("two");
    sandbox.ok(["push"]);
    sandbox.remove("../store/blake3");
    let status = |more: &[&str]| would_go(&sandbox, &[&["status", "-c"], more].concat());
    assert_eq!(status(&["sub/data"]), ["new\tsub/data"]);
    assert_eq!(status(&["-a", "sub/data"]), ["new\tsub/data", "new\tsub/data"]);
    assert_eq!(status(&["-A", "-T", "sub/data"]), ["new\tsub/data", "new\tsub/data"]);
    assert_eq!(status(&["use"]), ["new\tn.json", "new\tsub/used.txt"]);
    assert_eq!(status(&["-d", "use"]).len(), 5);
    sandbox.pipe(["status", "-a"]).code(2).tells(&["judged in the workspace", "--cloud"]);
}

#[test]
fn metrics_of_files_and_folders() {
    let sandbox = recorded();
    sandbox.write("sub/other.json", "{\"k\": 3}");
    let show = |more: &[&str]| sandbox.json([&["metrics", "show", "--json"], more].concat());
    assert_eq!(show(&["n.json"]), json!({ "n.json": { "m": 1 } }));
    assert_eq!(show(&["sub/other.json"]), json!({ "sub/other.json": { "k": 3 } }));
    assert_eq!(show(&["-R", "."]), json!({ "n.json": { "m": 1 } }));
    assert_eq!(show(&["HEAD", "n.json"]), json!({ "n.json": { "m": 1 } }));
    sandbox.pipe(["metrics", "show", "nothing"]).code(2).tells(&["nothing"]);
}

#[test]
fn data_may_stay_as_it_is() {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    sandbox.ok(["config", "cache.link_types", "symlink"]);
    sandbox.write("a", "1\n");
    sandbox.write("b", "2\n");
    sandbox.ok(["add", "--no-relink", "a"]);
    sandbox.ok(["add", "b"]);
    assert!(!sandbox.path("a").is_symlink() && sandbox.path("b").is_symlink());
    sandbox.ok(["checkout", "--relink"]);
    assert!(sandbox.path("a").is_symlink());
}

#[test]
fn check_ignore_says_what_dvc_says() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(".dvcignore", "*.tmp\n!keep.tmp\nx.*\n");
    sandbox.write("a/.dvcignore", "!x.tmp\n");
    let paths = ["x.tmp", "keep.tmp", "x.csv", "y.csv", "a/x.tmp", "a/y.tmp"];
    for flags in [&[][..], &["-d"], &["-d", "-n"]] {
        let arguments = [&["check-ignore"], flags, &paths].concat();
        let (code, out, err) = dvc.call(&sandbox, &arguments);
        let said = pipe(&sandbox, &arguments).code(code.try_into().unwrap());
        assert_eq!(said.stdout, out, "{flags:?}\n{err}");
    }
    // DVC takes `-a` and tells the last rule all the same.
    assert_eq!(
        pipe(&sandbox, &["check-ignore", "-d", "-a", "a/x.tmp"]).code(0).stdout,
        ".dvcignore:1:*.tmp\ta/x.tmp\n.dvcignore:3:x.*\ta/x.tmp\na/.dvcignore:1:!x.tmp\ta/x.tmp\n"
    );
    sandbox.write("list", "y.csv\n\nx.csv\n");
    let mut command = sandbox.pipe_command(["check-ignore", "--stdin"]);
    command.stdin(std::fs::File::open(sandbox.path("list")).unwrap());
    assert_eq!(sandbox.finish(command).code(0).stdout, "x.csv\n");
    pipe(&sandbox, &["check-ignore", "-n", "x"]).code(2);
    pipe(&sandbox, &["check-ignore"]).code(2);
}

#[test]
fn what_would_go_is_told_apart_and_counted_as_it_goes() {
    for is_dvc in [false, true] {
        let sandbox = Sandbox::new();
        if is_dvc {
            sandbox.write(".dvc/config", "");
            sandbox.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n");
        }
        for (tag, text) in [("v1", "one\n"), ("v2", "two, too\n")] {
            sandbox.write("f1", text);
            sandbox.write("d/a", text.repeat(2));
            sandbox.write("d/b", "same\n");
            sandbox.ok(["add", "f1", "d"]);
            sandbox.commit(tag);
            sandbox.git(["tag", tag]);
        }
        sandbox.write("../store/.keep", "");
        sandbox.ok(["remote", "add", "--default", "store", "../store"]);
        let tally = |stderr: &str, start: &str, end: &str| {
            let rest = &stderr[stderr.find(start).unwrap() + start.len()..];
            rest[..rest.find(end).unwrap()].trim().to_owned()
        };
        let dry = sandbox.ok(["push", "--dry", "--rev", "v1"]);
        let mut told: Vec<&str> = dry.stdout.lines().collect();
        told.sort();
        assert_eq!(
            told,
            ["d/ (v1)", "d/ (workspace)", "d/a (v1)", "d/a (workspace)", "d/b", "f1 (v1)", "f1 (workspace)"]
        );
        let bytes = tally(&dry.stderr, "(", ")");
        let json = sandbox.ok(["push", "--dry", "--json", "--rev", "v1"]).json();
        let objects = json["remotes"][0]["objects"]["would_go"].as_array().unwrap().clone();
        let of: Vec<_> = objects.iter().filter(|object| object["path"] == "f1").collect();
        assert_eq!(of.len(), 2, "{json:#}");
        assert!(of.iter().any(|object| object["revision"] == "v1" && object["bytes"] == 4), "{json:#}");
        assert!(of.iter().any(|object| object["revision"].is_null() && object["bytes"] == 9), "{json:#}");
        let pushed = sandbox.ok(["push", "--rev", "v1"]);
        assert_eq!(tally(&pushed.stderr, "7 files pushed to store, ", ", 0 up to date"), bytes);
        // What another has yet to fetch, whose lists are at the remote alone.
        sandbox.remove(if is_dvc { ".dvc/cache" } else { ".pipe/cache" });
        let dry = sandbox.ok(["fetch", "--dry", "--rev", "v1"]);
        assert!(
            dry.stdout.contains("f1 (v1)\n") && dry.stdout.contains("d/ (workspace)\n"),
            "{}",
            dry.stdout
        );
        assert_eq!(tally(&dry.stderr, "(", ")"), bytes);
        sandbox
            .ok(["fetch", "--rev", "v1"])
            .tells(&[&format!("7 files fetched from store, {bytes}, 0 up to date")]);
        sandbox
            .ok(["fetch", "--type", "metrics"])
            .tells(&["Nothing that is recorded is of the kind that `--type` names."]);
        sandbox
            .ok(["fetch", "--max-size", "1"])
            .tells(&["Nothing that is recorded is smaller than `--max-size`."]);
    }
}
