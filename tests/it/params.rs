//! `pipe params diff`: parameters of two states of the project.

use serde_json::json;

use crate::harness::{Sandbox, snapshot};
use crate::repro::chain;

fn committed() -> Sandbox {
    let sandbox = chain();
    sandbox.write("params.yaml", "factor: 1\nmodel:\n  name: net\n  sizes: [1, 2]\ngone: true\n");
    sandbox.ok(["repro"]);
    sandbox.commit("first");
    sandbox
}

#[test]
fn the_workspace_is_compared_with_head() {
    let sandbox = committed();
    sandbox.ok(["params", "diff"]).tells(&["Nothing differs between commit ", " and the workspace."]);
    sandbox.write("params.yaml", "factor: 1.25\nmodel:\n  name: net\n  sizes: [1, 3]\nnew: '1'\n");
    snapshot!(sandbox.pipe(["params", "diff"]), @r#"
    exit: 0
    --- stdout
    file         key            old    new   diff
    params.yaml  factor           1   1.25  +0.25
    params.yaml  model.sizes  [1,2]  [1,3]      -
    params.yaml  new              -    "1"      -
    params.yaml  gone          true      -      -
    "#);
    snapshot!(sandbox.pipe(["params", "diff", "--md"]), @r#"
    exit: 0
    --- stdout
    | file | key | old | new | diff |
    | --- | --- | ---: | ---: | ---: |
    | params.yaml | factor | 1 | 1.25 | +0.25 |
    | params.yaml | model.sizes | [1,2] | [1,3] | - |
    | params.yaml | new | - | "1" | - |
    | params.yaml | gone | true | - | - |
    "#);
    snapshot!(sandbox.pipe(["params", "diff", "--deps", "--json"]), @r#"
    exit: 0
    --- stdout
    {
      "params.yaml": {
        "factor": {
          "old": 1,
          "new": 1.25,
          "diff": 0.25
        }
      }
    }
    "#);
    assert!(sandbox.ok(["params", "diff", "--all"]).stdout.contains("model.name"));
}

#[test]
fn revisions_and_runs_are_compared_too() {
    let sandbox = committed();
    sandbox.write("params.yaml", "factor: 2\n");
    sandbox.ok(["repro"]);
    sandbox.commit("second");
    let expected = json!({"old": 1, "new": 2, "diff": 1});
    let diff = |arguments: &[&str]| {
        let all = ["params", "diff", "--json"].into_iter().chain(arguments.iter().copied());
        sandbox.json(all)["params.yaml"]["factor"].clone()
    };
    assert_eq!(diff(&["HEAD~1"]), expected);
    assert_eq!(diff(&["HEAD~1", "HEAD"]), expected);
    assert_eq!(diff(&["HEAD", "HEAD~1"]), json!({"old": 2, "new": 1, "diff": -1}));
    let runs = sandbox.json(["runs", "list", "--json", "--top", "--columns", "id", "--sort", "start_time"]);
    let run = |index: usize| format!("run:{}", runs[index]["id"].as_str().unwrap());
    assert_eq!(diff(&[&run(0), &run(1)]), expected);
    assert_eq!(diff(&[&run(0)]), expected);
    assert_eq!(diff(&[&run(1)]), serde_json::Value::Null);
}

#[test]
fn what_names_nothing_is_told() {
    let sandbox = committed();
    sandbox
        .pipe(["params", "diff", "no-such-branch"])
        .code(2)
        .tells(&["there is no git revision `no-such-branch`"]);
    sandbox.pipe(["params", "diff", "run:feedbeef"]).code(2).tells(&["feedbeef"]);
    sandbox.pipe(["params", "diff", "--output=x"]).code(2);
    sandbox.pipe(["params", "diff", "--precision", "0"]).code(2).tells(&["1..=17"]);
}

#[test]
fn without_git_the_last_run_is_the_base() {
    let sandbox = Sandbox::without_git();
    sandbox.write("pipeline.yaml", crate::repro::CHAIN);
    sandbox.write("input", "one\n");
    sandbox.write("params.yaml", "factor: 1\n");
    sandbox.pipe(["params", "diff"]).code(2).tells(&["nothing to compare the workspace with", "hint: "]);
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", "factor: 3\n");
    let diff = sandbox.json(["params", "diff", "--json"]);
    assert_eq!(diff, json!({"params.yaml": {"factor": {"old": 1, "new": 3, "diff": 2}}}));
    sandbox.pipe(["params", "diff", "HEAD"]).code(2).tells(&["no git repository"]);
}

#[test]
fn python_files_hold_params_too() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  fit:\n    cmd: cp conf.py out\n    params:\n    - conf.py: [LR, Train.epochs]\n    outs: [out]\n",
    );
    let module =
        "LR: float = 0.1\nother = 1\nclass Train:\n    def __init__(self):\n        self.epochs = 70\n";
    sandbox.write("conf.py", module);
    sandbox.ok(["repro"]);
    sandbox.edit("conf.py", "other = 1", "other = LR * 2  # computed");
    sandbox.ok(["repro"]).tells(&["up to date"]);
    sandbox.edit("conf.py", "70", "71");
    let status = sandbox.pipe(["status"]);
    assert!(status.stdout.contains("param conf.py:Train.epochs changed: 70 -> 71"), "{}", status.stdout);
}

#[test]
fn files_can_be_chosen_and_left_unnamed() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: 'true'\n    params: [lr, {sub/other.json: [n]}]\n    outs: []\n",
    );
    sandbox.write("params.yaml", "lr: 1\n");
    sandbox.write("sub/other.json", "{\"n\": 1}");
    sandbox.commit("first");
    sandbox.write("params.yaml", "lr: 2\n");
    sandbox.write("sub/other.json", "{\"n\": 3}");
    snapshot!(sandbox.pipe(["params", "diff", "--no-path"]), @"
    exit: 0
    --- stdout
    key  old  new  diff
    lr     1    2    +1
    n      1    3    +2
    ");
    snapshot!(sandbox.pipe(["params", "diff", "--targets", "sub/other.json"]), @"
    exit: 0
    --- stdout
    file            key  old  new  diff
    sub/other.json  n      1    3    +2
    ");
    // Paths are those of the folder that one is in.
    let inside = sandbox.json(["params", "diff", "--json", "--cd", "sub", "--targets", "other.json"]);
    assert_eq!(inside, json!({"sub/other.json": {"n": {"old": 1, "new": 3, "diff": 2}}}));
    sandbox.pipe(["params", "diff", "--targets", "none.yaml"]).code(2).tells(&["in a file `none.yaml`"]);
}

#[test]
fn a_params_file_that_does_not_parse_is_named_and_the_others_are_compared() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: 'true'\n    params: [lr, {other.json: [x]}, {more.toml: [y]}]\n",
    );
    sandbox.write("params.yaml", "lr: 0.1\n");
    sandbox.write("other.json", "{\"x\": 1}");
    sandbox.write("more.toml", "y = 1");
    sandbox.commit("first");
    sandbox.write("params.yaml", "lr: 0.2\n");
    sandbox.write("other.json", "{\"x\": }");
    sandbox.remove("more.toml");
    sandbox.write("more.toml/x", "");
    snapshot!(sandbox.pipe(["params", "diff"]), @"
    exit: 2
    --- stdout
    file         key  old  new  diff
    params.yaml  lr   0.1  0.2  +0.1
    --- stderr
    error: failed to read file: ROOT/more.toml
      caused by: it is a folder, not a file
    hint: move it elsewhere: a file belongs there
    error: other.json:1:7: expected value
    ");
    snapshot!(sandbox.pipe(["params", "diff", "--deps", "--json"]), @r#"
    exit: 2
    --- stdout
    {
      "params.yaml": {
        "lr": {
          "old": 0.1,
          "new": 0.2,
          "diff": 0.1
        }
      }
    }
    --- stderr
    error: failed to read file: ROOT/more.toml
      caused by: it is a folder, not a file
    hint: move it elsewhere: a file belongs there
    error: other.json:1:7: expected value
    "#);
    // What the pipeline itself is made of cannot be left out.
    sandbox.write("params.yaml", "lr: [");
    sandbox.edit("pipeline.yaml", "cmd: 'true'", "cmd: echo ${lr}");
    sandbox.pipe(["params", "diff"]).code(2).tells(&["params.yaml:2:1:"]);
}

/// JSON has no NaN; null would be another value.
#[test]
fn nan_stays_nan_in_json() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  s:\n    cmd: echo 1 > out\n    params: [{p.json: [a]}]\n    outs: [out]\n",
    );
    sandbox.write("p.json", "{\"a\": NaN}");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.states(), "s:fresh");
    sandbox.write("p.json", "{\"a\": [-Infinity]}");
    let reason = &sandbox.json(["status", "--json"])["stages"][0]["reasons"][0];
    assert_eq!((&reason["old"], &reason["new"][0]), (&"NaN".into(), &"-Infinity".into()));
}

#[test]
fn what_a_script_logged_stands_in_no_params_file() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  one: {cmd: 'pipe log param own=1 && echo x > x', params: [lr], outs: [x]}\n",
    );
    sandbox.write("params.yaml", "lr: 0.1\n");
    sandbox.ok(["repro"]);
    sandbox.ok(["params", "diff"]).tells(&["Nothing differs between run"]);
    sandbox.write("params.yaml", "lr: 0.2\n");
    let diff = sandbox.ok(["params", "diff"]).stdout;
    assert!(diff.contains("lr") && !diff.contains("own"), "{diff}");
}
