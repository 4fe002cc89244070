//! What `--json` prints in projects of DVC, beside the real one: the same, so that scripts that read it go on.

use serde_json::{Value as Json, json};

use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;

/// With lists in one order: DVC's have none.
fn sorted(value: Json) -> Json {
    match value {
        Json::Array(list) => {
            let mut list: Vec<Json> = list.into_iter().map(sorted).collect();
            list.sort_by_key(Json::to_string);
            Json::Array(list)
        }
        // Words for people.
        Json::Object(map) if map.contains_key("msg") => json!({ "type": map["type"] }),
        Json::Object(map) => Json::Object(map.into_iter().map(|(key, value)| (key, sorted(value))).collect()),
        value => value,
    }
}

/// What both print, which is the same.
#[track_caller]
pub fn same(dvc: &mut Dvc, sandbox: &Sandbox, folder: &str, command: &str) -> Json {
    let arguments: Vec<&str> = command.split(' ').chain(["--json"]).collect();
    let (code, theirs, talk) = dvc.call_in(&sandbox.path(folder), &arguments);
    assert_eq!(code, 0, "dvc {command}: {talk}");
    let ours = pipe(sandbox, &[&["--cd", folder], &arguments[..]].concat()).code(0);
    let json = |text: &str| {
        sorted(serde_json::from_str(text.trim()).unwrap_or_else(|_| panic!("{command}: {text}")))
    };
    let (ours, theirs) = (json(&ours.stdout), json(&theirs));
    assert_eq!(ours, theirs, "{command} in {folder}: ours, and theirs");
    ours
}

const STATUS: &[&str] = &[
    "status",
    "data status",
    "data status --granular",
    "data status --unchanged",
    "data status --granular --unchanged",
    "data status --untracked-files",
    "data status --not-in-remote",
    "data status --not-in-remote --granular",
];
const DIFFS: &[&str] = &["diff", "diff --show-hash", "diff --hide-missing"];
const VALUES: &[&str] = &[
    "metrics show",
    "metrics show -a",
    "metrics show -A",
    "metrics show -T -a",
    "metrics diff",
    "metrics diff --all",
    "params diff",
    "params diff --all",
    "params diff --deps",
];

#[track_caller]
fn all_same(dvc: &mut Dvc, sandbox: &Sandbox, folder: &str) {
    for command in STATUS.iter().chain(DIFFS).chain(VALUES) {
        same(dvc, sandbox, folder, command);
    }
}

const STAGES: &str = "stages:\n  s:\n    cmd: cp in o; cp m0.json m.json; cp m0.json m2.json\n    deps: [in]\n    \
     params: [a]\n    outs: [o]\n    metrics: [m.json: {cache: false}, m2.json]\n  t:\n    cmd: cp o p\n    deps: [o]\n    \
     outs: [p]\nmetrics: [gone.json]\n";

/// A project with stages, a folder as data, params and metrics, none of it committed.
fn with_stages(dvc: &mut Dvc) -> Sandbox {
    let sandbox = project(dvc);
    sandbox.write("d/a", "1\n");
    sandbox.write("d/b", "2\n");
    dvc.ok(&sandbox, &["add", "-q", "d"]);
    sandbox.write("in", "x\n");
    sandbox.write("sub/kept", "");
    sandbox.write(
        "m0.json",
        r#"{"x": {"y": 1.5, "e": {}, "n": null}, "l": [1, 2], "b": true, "i": 0, "s": "t"}"#,
    );
    sandbox.write(
        "params.yaml",
        "a: [1, 2]\nb: {c: 1}\ne: {}\nt: false\ni: 1\ns: [\"it\", null, 1.0, {k: 1e-7}]\n",
    );
    sandbox.write("dvc.yaml", STAGES);
    sandbox
}

#[test]
fn before_anything_ran_or_was_committed() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_stages(&mut dvc);
    all_same(&mut dvc, &sandbox, ".");
    assert_eq!(same(&mut dvc, &sandbox, ".", "diff"), json!({}));
    sandbox.commit("no lock");
    all_same(&mut dvc, &sandbox, ".");
    // Outs that never were stand in DVC's index, and are gone.
    let told = same(&mut dvc, &sandbox, ".", "diff");
    assert_eq!(told["deleted"], json!([{"path": "m2.json"}, {"path": "o"}, {"path": "p"}]));
    pipe(&sandbox, &["repro"]).code(0);
    same(&mut dvc, &sandbox, ".", "diff --show-hash");
    sandbox.commit("a lock");
    for command in ["diff HEAD~1", "diff HEAD~1 HEAD", "diff HEAD HEAD~1", "metrics diff HEAD~1 HEAD"] {
        same(&mut dvc, &sandbox, ".", command);
    }
}

#[test]
fn after_edits_wherever_it_is_asked() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_stages(&mut dvc);
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.commit("all");
    sandbox.git(["tag", "v1"]);
    all_same(&mut dvc, &sandbox, ".");
    assert_eq!(same(&mut dvc, &sandbox, ".", "status"), json!({}));
    sandbox.write("params.yaml", "a: [1, 3]\nb: {c: 2}\nt: true\ni: 1.0\nn: null\n");
    sandbox.write("in", "y\n");
    sandbox.write("m.json", r#"{"x": {"y": 2}, "l": [1, 3], "n": 3, "b": false}"#);
    sandbox.append("d/a", "3\n");
    sandbox.write("d/c", "2\n");
    for gone in ["m2.json", "d/b", "o"] {
        sandbox.remove(gone);
    }
    all_same(&mut dvc, &sandbox, ".");
    all_same(&mut dvc, &sandbox, "sub");
    for command in ["status t", "status -d t", "status d.dvc", "diff --targets d", "data status --granular d"]
    {
        same(&mut dvc, &sandbox, ".", command);
    }
    // A file that cannot be read fails nothing else.
    sandbox.write("m.json", "{");
    let told = same(&mut dvc, &sandbox, ".", "metrics show");
    assert_eq!(told[""]["data"]["m.json"]["error"]["type"], "JSONFileCorruptedError");
    same(&mut dvc, &sandbox, ".", "metrics diff");
}

#[test]
fn what_remotes_and_the_cache_lack() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_stages(&mut dvc);
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.commit("all");
    let remote = sandbox.path("../remote");
    std::fs::create_dir(&remote).expect("a new folder");
    pipe(&sandbox, &["remote", "add", "-d", "r", remote.to_str().expect("UTF-8")]).code(0);
    let asked = ["status -c", "data status --not-in-remote", "data status --not-in-remote --granular"];
    for pushed in ["d", "o", "p"] {
        for command in asked {
            same(&mut dvc, &sandbox, ".", command);
        }
        same(&mut dvc, &sandbox, "sub", "status -c");
        pipe(&sandbox, &["push", pushed]).code(0);
    }
    // One file of the folder, and an out.
    sandbox.remove(".dvc/cache/files/md5/26");
    sandbox.remove(".dvc/cache/files/md5/40");
    for command in
        ["status -c", "status", "data status --granular", "diff", "diff --show-hash", "diff --hide-missing"]
    {
        same(&mut dvc, &sandbox, ".", command);
    }
    sandbox.remove("o");
    for command in ["status", "diff"] {
        same(&mut dvc, &sandbox, ".", command);
    }
}

/// A project whose files are committed: metrics, params and data of all kinds, declared and not.
fn with_targets(dvc: &mut Dvc) -> Sandbox {
    let sandbox = project(dvc);
    let stages = "stages:\n  s:\n    cmd: cp in o; cp m0.json m.json; cp m0.json m2.json\n    deps: [in]\n    \
                  outs: [o]\n    metrics: [m.json: {cache: false}, m2.json]\n";
    sandbox.write("dvc.yaml", stages);
    sandbox.write("in", "x\n");
    sandbox.write("m0.json", "{\"acc\": 0.2}");
    sandbox.write("md/b.json", "{\"w\": 2.0}");
    sandbox.write("md/c.yaml", "w: 3.0\n");
    sandbox.write("sub/p.yaml", "a: 1\n");
    sandbox.write("raw.csv", "1\n");
    sandbox.write("folder/a", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "raw.csv", "folder"]);
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.commit("all");
    sandbox
}

#[test]
fn a_metrics_file_that_is_gone_is_not_in_the_results_of_its_stage() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_targets(&mut dvc);
    sandbox.remove("m.json");
    let told = same(&mut dvc, &sandbox, ".", "metrics show");
    assert_eq!(told[""]["data"]["m.json"]["error"]["type"], "FileNotFoundError");
    assert_eq!(told[""]["data"]["m2.json"]["data"]["acc"], 0.2);
    let told = same(&mut dvc, &sandbox, ".", "metrics diff");
    assert_eq!(told["m.json"]["acc"], json!({ "old": 0.2, "new": null }));
    sandbox.git(["rm", "-q", "--cached", "m.json"]);
    sandbox.commit("without it");
    for command in
        ["metrics show -a", "metrics diff", "metrics diff HEAD~1 HEAD", "metrics diff HEAD~1 --all"]
    {
        same(&mut dvc, &sandbox, ".", command);
    }
}

#[test]
fn metrics_of_files_and_folders_that_are_named() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_targets(&mut dvc);
    let told = same(&mut dvc, &sandbox, ".", "metrics show m.json");
    assert_eq!(told, json!({ "": { "data": { "m.json": { "data": { "acc": 0.2 } } } } }));
    let commands = [
        "metrics show m2.json",
        "metrics show -a m.json",
        "metrics show md",
        "metrics show -R md",
        "metrics show -a md",
        "metrics show m.json md/b.json",
        "metrics show nowhere.json",
        "metrics show -a nowhere.json",
    ];
    for command in commands {
        same(&mut dvc, &sandbox, ".", command);
    }
    for command in
        ["metrics show ../m.json", "metrics show -a ../m.json", "metrics show ../md", "metrics show p.yaml"]
    {
        same(&mut dvc, &sandbox, "sub", command);
    }
    sandbox.write("md/b.json", "{\"w\": 4.0}");
    sandbox.remove("m2.json");
    for command in commands {
        same(&mut dvc, &sandbox, ".", command);
    }
    // A word that names a folder and a branch is the folder, as there.
    sandbox.git(["branch", "md"]);
    same(&mut dvc, &sandbox, ".", "metrics show md");
}

#[test]
fn differences_at_targets_that_nothing_declares() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_targets(&mut dvc);
    sandbox.write("md/b.json", "{\"w\": 4.0}");
    sandbox.write("md/d.json", "{\"w\": 4.0}");
    sandbox.write("sub/p.yaml", "a: 2\n");
    sandbox.write("raw.csv", "2\n");
    sandbox.append("folder/a", "2\n");
    sandbox.write("in", "y\n");
    let told = same(&mut dvc, &sandbox, ".", "metrics diff --targets md/d.json");
    assert_eq!(told, json!({ "md/d.json": { "w": { "old": null, "new": 4.0 } } }));
    let told = same(&mut dvc, &sandbox, ".", "params diff --targets sub");
    assert_eq!(told, json!({ "sub/p.yaml": { "a": { "old": 1, "new": 2, "diff": 1 } } }));
    assert_eq!(same(&mut dvc, &sandbox, ".", "metrics diff --targets nowhere"), json!({}));
    assert_eq!(same(&mut dvc, &sandbox, ".", "params diff --targets nowhere"), json!({}));
    let told = same(&mut dvc, &sandbox, ".", "diff --targets raw.csv.dvc");
    assert_eq!(told["modified"], json!([{ "path": "raw.csv" }]));
    for command in [
        "metrics diff --targets md",
        "metrics diff --all --targets md",
        "metrics diff --targets m.json",
        "metrics diff --all --targets m.json m2.json",
        "metrics diff HEAD HEAD --targets md",
        "params diff --targets sub/p.yaml",
        "params diff --deps --targets sub/p.yaml",
        "diff --targets folder.dvc",
        "diff --targets raw.csv.dvc folder",
        "diff --targets s",
        "diff --targets dvc.yaml",
        "diff --targets dvc.yaml:s",
    ] {
        same(&mut dvc, &sandbox, ".", command);
    }
    same(&mut dvc, &sandbox, "sub", "metrics diff --targets ../md");
    same(&mut dvc, &sandbox, "sub", "diff --targets ../raw.csv.dvc");
    sandbox.commit("more");
    for command in [
        "metrics diff HEAD~1 HEAD --targets md",
        "params diff HEAD~1 HEAD --targets sub",
        "params diff HEAD~1 --targets sub/p.yaml",
    ] {
        same(&mut dvc, &sandbox, ".", command);
    }
    // For people it is a mistake.
    pipe(&sandbox, &["metrics", "diff", "--targets", "nowhere"]).code(2).tells(&["neither state has values"]);
    assert!(
        pipe(&sandbox, &["metrics", "diff", "HEAD~1", "--targets", "md"])
            .code(0)
            .stdout
            .contains("md/b.json")
    );
}

#[test]
fn the_value_of_untracked_files_may_be_a_word_of_its_own() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_targets(&mut dvc);
    sandbox.write("raw.csv", "2\n");
    sandbox.append("folder/a", "2\n");
    sandbox.write("new", "");
    let told = same(&mut dvc, &sandbox, ".", "data status --untracked-files all");
    assert_eq!(told["untracked"], json!(["new"]));
    assert!(told.get("uncommitted").is_some(), "{told}");
    for command in [
        "data status --untracked-files",
        "data status --untracked-files=all",
        "data status --untracked-files no",
        "data status --untracked-files no raw.csv",
        "data status --untracked-files all raw.csv",
        "data status raw.csv --untracked-files",
    ] {
        same(&mut dvc, &sandbox, ".", command);
    }
    let (code, ..) = dvc.call(&sandbox, &["data", "status", "--untracked-files", "raw.csv"]);
    assert_ne!(code, 0);
    pipe(&sandbox, &["data", "status", "--untracked-files", "raw.csv"]).code(2).tells(&["raw.csv"]);
}

#[test]
fn of_an_out_that_is_named_no_other_is_told() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = with_targets(&mut dvc);
    sandbox.write("m.json", "{\"acc\": 3}");
    sandbox.write("m2.json", "{\"acc\": 3}");
    sandbox.append("folder/a", "2\n");
    let told = same(&mut dvc, &sandbox, ".", "status m.json");
    assert_eq!(told, json!({ "s": [{ "changed outs": { "m.json": "modified" } }] }));
    let commands = [
        "status o",
        "status s",
        "status m2.json",
        "status -d m.json",
        "status m.json m.json",
        "status raw.csv",
        "status folder",
        "status folder.dvc",
        "status folder/a",
    ];
    for command in commands {
        same(&mut dvc, &sandbox, ".", command);
    }
    sandbox.write("in", "y\n");
    sandbox.remove("o");
    for command in commands {
        same(&mut dvc, &sandbox, ".", command);
    }
    same(&mut dvc, &sandbox, "sub", "status ../m.json");
}
