//! Params files that hold a list or one value, beside the real DVC.

use serde_json::json;

use crate::dvc_json::same;
use crate::dvc_tool::{Dvc, agree, pipe, project};
use crate::harness::Sandbox;

const STAGE: &str = "stages:\n  a:\n    cmd: echo a > a\n    outs: [a]\n";

/// A project whose params file held `old` when it was committed, and holds `new`.
fn changed(dvc: &mut Dvc, pipeline: &str, file: &str, old: &str, new: &str) -> Sandbox {
    let sandbox = project(dvc);
    sandbox.write("dvc.yaml", pipeline);
    sandbox.write(file, old);
    pipe(&sandbox, &["repro"]).code(0);
    agree(dvc, &sandbox, &[]);
    sandbox.commit("first");
    sandbox.write(file, new);
    sandbox
}

#[test]
fn a_list_at_the_top_is_one_value() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let top = format!("params: [o.yaml, p.json]\n{STAGE}");
    for (file, old, new) in [
        ("o.yaml", "[1, 2]\n", "[2, {a: 3}]\n"),
        ("o.yaml", "- 1\n", "- 3\n"),
        ("o.yaml", "5\n", "6\n"),
        ("o.yaml", "word\n", "[1]\n"),
        ("o.yaml", "0\n", "false\n"),
        ("o.yaml", "[1, 2]\n", "a: {b: 3}\n"),
        ("o.yaml", "a: 3\n", "7\n"),
        ("p.json", "[1, {\"a\": 2}]\n", "7\n"),
    ] {
        let sandbox = changed(&mut dvc, &top, file, old, new);
        agree(&mut dvc, &sandbox, &[]);
        let told = same(&mut dvc, &sandbox, ".", "params diff");
        assert_eq!(told == json!({}), new == "false\n", "{old} {new}: {told}");
        same(&mut dvc, &sandbox, ".", &format!("params diff --targets {file}"));
        pipe(&sandbox, &["repro"]).code(0).tells(&["Everything is up to date"]);
    }
}

#[test]
fn items_of_a_list_are_params() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let pipeline = format!("{STAGE}    params: [o.yaml: ['0']]\n");
    let sandbox = changed(&mut dvc, &pipeline, "o.yaml", "[1, 2]\n", "[1, 3]\n");
    agree(&mut dvc, &sandbox, &[]);
    sandbox.write("o.yaml", "[{a: 4}, 3]\n");
    agree(&mut dvc, &sandbox, &["a"]);
    assert_eq!(
        same(&mut dvc, &sandbox, ".", "status"),
        json!({"a": [{"changed deps": {"o.yaml": {"0": "modified"}}}]})
    );
    // DVC fails to tell it.
    let told = pipe(&sandbox, &["params", "diff", "--json"]).code(0).json();
    assert_eq!(told, json!({"o.yaml": {"0": {"old": 1, "new": null}, "0.a": {"old": null, "new": 4}}}));
    pipe(&sandbox, &["repro"]).code(0);
    let ours = sandbox.read("dvc.lock");
    assert!(ours.contains("      o.yaml:\n        '0':\n          a: 4\n"), "{ours}");
    agree(&mut dvc, &sandbox, &[]);
    dvc.ok(&sandbox, &["repro", "-f"]);
    assert_eq!(sandbox.read("dvc.lock"), ours);
    sandbox.write("o.yaml", "4\n");
    same(&mut dvc, &sandbox, ".", "status");
    pipe(&sandbox, &["repro"]).code(2).tells(&["param file o.yaml has no key `0`"]);
}

/// Where DVC ends with words of Python.
#[test]
fn a_list_is_no_whole_of_params() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        format!("{STAGE}    params: [o.json: ]\n  b:\n    cmd: echo b > b\n    outs: [b]\n"),
    );
    sandbox.write("o.json", "\n  [1, 2]\n");
    let refused = "o.json:2:3: expected a map of parameters at the top level, found a list; write it below a key of its \
                   own, such as `values:`";
    agree(&mut dvc, &sandbox, &["a", "b"]);
    pipe(&sandbox, &["repro", "-k"]).code(2).tells(&[refused]);
    assert!(sandbox.exists("b") && !sandbox.exists("a"));
    let (code, _, told) = dvc.call(&sandbox, &["repro", "a"]);
    assert!(code != 0 && told.contains("'list' object has no attribute 'keys'"), "{told}");
    pipe(&sandbox, &["commit", "-f", "a"]).code(2).tells(&[refused]);
    // To it, what is nothing in Python holds none.
    sandbox.write("o.json", "[]\n");
    pipe(&sandbox, &["repro"]).code(0);
    agree(&mut dvc, &sandbox, &[]);
    sandbox.write("o.json", "[1, 2]\n");
    assert!(pipe(&sandbox, &["status"]).code(2).stdout.contains("a: cannot be told\n  o.json:1:1: "));
}

#[test]
fn templates_are_filled_in_from_maps_alone() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for (file, pipeline) in [
        ("params.yaml", STAGE.to_owned()),
        ("o.yaml", format!("vars: [o.yaml]\n{STAGE}")),
        ("o.yaml", format!("vars: ['o.yaml:x']\n{STAGE}")),
    ] {
        let sandbox = project(&mut dvc);
        sandbox.write("dvc.yaml", &pipeline);
        sandbox.write(file, "# items\n- 1\n");
        let (code, _, told) = dvc.call(&sandbox, &["status"]);
        assert!(code != 0 && told.contains("expected a dictionary, got 'list'"), "{told}");
        let place = format!("{file}:2:1: expected a map of parameters at the top level, found a list");
        pipe(&sandbox, &["status"]).code(2).tells(&[&place, "hint: write it below a key of its own"]);
    }
}

/// In projects of pipe nothing else is refused.
#[test]
fn a_list_stops_nothing_where_no_map_is_needed() {
    let sandbox = Sandbox::with_pipeline(
        "params: [more.yaml]\nstages:\n  a:\n    cmd: echo $PWD > a\n    params: [items.json: ['1']]\n    outs: [a]\n",
    );
    sandbox.write("params.yaml", "- 1\n");
    sandbox.write("more.yaml", "5\n");
    sandbox.write("items.json", "[1, 2]\n");
    sandbox.ok(["repro"]);
    sandbox.commit("first");
    sandbox.write("items.json", "[7, 2]\n");
    sandbox.write("more.yaml", "6\n");
    assert!(sandbox.ok(["status"]).stdout.contains("Everything is up to date"));
    let told = sandbox.ok(["params", "diff", "--json"]).json();
    assert_eq!(told["more.yaml"][""], json!({"old": 5, "new": 6, "diff": 1}));
    assert_eq!(told["items.json"][""], json!({"old": [1, 2], "new": [7, 2]}));
    sandbox.write("items.json", "[7, 3]\n");
    assert!(sandbox.pipe(["status"]).code(0).stdout.contains("param items.json:1 changed: 2 -> 3"));
    let whole = "stages:\n  a:\n    cmd: echo > a\n    params: [items.json: ]\n    outs: [a]\n";
    sandbox.write("pipeline.yaml", whole);
    sandbox
        .pipe(["repro"])
        .code(2)
        .tells(&["items.json:1:1: expected a map of parameters", "below a key of its own"]);
    sandbox.write("pipeline.yaml", "stages:\n  a:\n    cmd: echo ${x} > a\n    outs: [a]\n");
    sandbox
        .pipe(["status"])
        .code(2)
        .tells(&["params.yaml:1:1: expected a map of parameters at the top level"]);
}
