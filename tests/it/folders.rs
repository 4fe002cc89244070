//! Pipeline files in subfolders: one graph, addresses, and a lock beside each.

use crate::harness::{Sandbox, snapshot};

const ROOT: &str = "\
stages:
  raw:
    cmd: echo raw > raw.txt
    outs: [raw.txt]
  report:
    cmd: ls fit/out > report.txt
    deps: [fit/out]
    outs: [report.txt]
  alone:
    cmd: echo alone > alone.txt
    outs: [alone.txt]
";

const FIT: &str = "\
stages:
  train:
    cmd: cat ../raw.txt > out/${name}.txt
    deps: [../raw.txt]
    params: [name]
    outs: ['out/${name}.txt']
  check:
    cmd: test -s out/${name}.txt
    deps: ['out/${name}.txt']
";

fn project() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(ROOT);
    sandbox.write("fit/pipeline.yaml", FIT);
    sandbox.write("fit/params.yaml", "name: model\n");
    // Neither is part of the project.
    sandbox.write("node_modules/x/pipeline.yaml", "broken: [");
    sandbox.write(".old/pipeline.yaml", "broken: [");
    sandbox
}

#[test]
fn one_graph_over_all_folders() {
    let sandbox = project();
    snapshot!(sandbox.pipe(["dag"]), @"
    exit: 0
    --- stdout
    ○    raw
    ●    fit/pipeline.yaml:train  ← raw
    ├─●  report                   ← fit/pipeline.yaml:train
    ●    fit/pipeline.yaml:check  ← fit/pipeline.yaml:train
    ○    alone
    ");
    // A folder that holds another file's outs is read after them.
    sandbox.ok(["repro", "report"]).tells(&["3 stages: 3 ran"]);
    assert_eq!(sandbox.read("report.txt"), "model.txt\n");
    assert!(sandbox.exists("fit/pipeline.lock") && sandbox.exists("pipeline.lock"));
    assert!(sandbox.read("fit/pipeline.lock").contains("fit/out/model.txt"));
    assert!(!sandbox.read("pipeline.lock").contains("train"));
    snapshot!(sandbox.pipe(["status", "fit"]), @"
    exit: 0
    --- stdout
    fit/pipeline.yaml:check: stale
      has not run yet
    ");
}

#[test]
fn without_a_target_the_current_folder_is_meant() {
    let sandbox = project();
    let inside = |arguments: &[&str]| {
        let mut all = vec!["--cd", "fit"];
        all.extend(arguments);
        sandbox.ok(all)
    };
    inside(&["repro"]).tells(&["3 stages: 3 ran"]);
    assert!(sandbox.exists("raw.txt") && !sandbox.exists("alone.txt"));
    // At the root, `fit:check` is not needed by anybody.
    sandbox.ok(["repro"]).tells(&["4 stages: 2 ran, 2 up to date"]);
    for target in [
        "check",
        "pipeline.yaml:check",
        "../fit:check",
        "../fit/pipeline.yaml:check",
        "fit:check",
        "fit/pipeline.yaml:check",
    ] {
        let status = inside(&["-v", "status", target]);
        assert!(status.stdout.contains("\nfit/pipeline.yaml:check: up to date\n"), "{}", status.stdout);
    }
    inside(&["repro", "report"]).tells(&["up to date (3 stages)"]);
    let unknown = sandbox.pipe(["--cd", "fit", "repro", "fit/pipeline.yaml:chek"]).code(2);
    unknown.tells(&["did you mean `fit/pipeline.yaml:check`?"]);
    inside(&["repro", "out/model.txt"]).tells(&["up to date (2 stages)"]);
    sandbox.ok(["repro", "fit:train"]).tells(&["up to date (2 stages)"]);
    let unknown = sandbox.pipe(["repro", "fit:trian"]).code(2);
    assert!(unknown.stderr.contains("did you mean `fit:train`?"), "{}", unknown.stderr);
}

#[test]
fn each_file_has_its_own_params() {
    let sandbox = project();
    sandbox.write("params.yaml", "name: not this one\n");
    sandbox.ok(["repro", "fit:train"]);
    sandbox.commit("first");
    sandbox.write("fit/params.yaml", "name: other\n");
    snapshot!(sandbox.pipe(["status", "fit:train"]), @"
    exit: 0
    --- stdout
    fit/pipeline.yaml:train: stale
      command changed: cat ../raw.txt > out/model.txt -> cat ../raw.txt > out/other.txt
      param fit/params.yaml:name changed: model -> other
      out fit/out/model.txt was removed
      out fit/out/other.txt is new
    ");
    snapshot!(sandbox.pipe(["params", "diff"]), @"
    exit: 0
    --- stdout
    file             key     old    new
    fit/params.yaml  name  model  other
    ");
}

#[test]
fn faults_are_found_over_all_files() {
    let sandbox = project();
    sandbox.write("more/pipeline.yaml", "stages:\n  again:\n    cmd: x\n    wdir: ..\n    outs: [raw.txt]\n");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stderr
    error: more/pipeline.yaml:2:3: `raw.txt` is an out of both stage `raw` and stage `more/pipeline.yaml:again`
    ");
    sandbox.write(
        "more/pipeline.yaml",
        "stages:\n  first:\n    cmd: x\n    deps: [../fit/out/model.txt]\n    outs: [x]\n",
    );
    sandbox.edit("pipeline.yaml", "  raw:\n", "  raw:\n    deps: [more/x]\n");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:2:3: stages depend on each other in a circle: raw -> fit/pipeline.yaml:train -> more/pipeline.yaml:first -> raw
    ");
    sandbox.write("more/pipeline.yaml", "stages:\n  first: {cmd: x, outs: [../fit]}\n");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stderr
    error: more/pipeline.yaml:2:3: out `fit` of stage `more/pipeline.yaml:first` contains `fit/params.yaml`, a pipeline, lock or params file
    fit/pipeline.yaml:2:3: out `fit/out/model.txt` of stage `fit/pipeline.yaml:train` lies inside out `fit` of stage `more/pipeline.yaml:first`
    ");
    sandbox.write("more/pipeline.yaml", "stage: {}\n");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stderr
    error: more/pipeline.yaml:1:1: unknown key `stage` at the top level
    hint: did you mean `stages`?
    ");
}

#[test]
fn what_no_stage_writes_is_shown_too() {
    let sandbox = project();
    sandbox.append("fit/pipeline.yaml", "metrics: [more.json]\nparams: [extra.toml]\n");
    sandbox.write("fit/more.json", "{\"acc\": 0.5}");
    sandbox.write("fit/extra.toml", "depth = 1\n");
    sandbox.commit("first");
    sandbox.write("fit/more.json", "{\"acc\": 0.75}");
    sandbox.write("fit/extra.toml", "depth = 2\n");
    let shown = sandbox.ok(["metrics", "show", "--json"]).json();
    assert_eq!(shown["fit/more.json"]["acc"], 0.75);
    snapshot!(sandbox.pipe(["metrics", "diff"]), @"
    exit: 0
    --- stdout
    file           key  old   new   diff
    fit/more.json  acc  0.5  0.75  +0.25
    ");
    snapshot!(sandbox.pipe(["params", "diff"]), @"
    exit: 0
    --- stdout
    file            key    old  new  diff
    fit/extra.toml  depth    1    2    +1
    ");
    assert_eq!(sandbox.ok(["params", "diff", "--deps"]).stdout, "");
}

/// What a stage reads of a folder with a pipeline of its own is what the lock there says in the end.
#[test]
fn a_folder_with_a_lock_is_read_when_the_lock_is_written() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  end: {cmd: cat n/deep/out > e, deps: [n], outs: [e]}\n  other: {cmd: cp in o, deps: [in], outs: [o]}\n",
    );
    for (folder, dep) in [("n", "../in"), ("n/deep", "../out")] {
        let text = format!("stages:\n  make: {{cmd: cat {dep} > out, deps: [{dep}], outs: [out]}}\n");
        sandbox.write(&format!("{folder}/pipeline.yaml"), text);
    }
    for input in ["1\n", "2\n"] {
        sandbox.write("in", input);
        sandbox.ok(["repro"]).tells(&["4 ran"]);
        assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n");
        assert_eq!(sandbox.read("e"), input);
    }
    // What is declared no longer goes from the lock before it is read, not afterwards.
    sandbox.append("n/pipeline.yaml", "  more: {cmd: cat ../in > more, deps: [../in], outs: [more]}\n");
    sandbox.ok(["repro"]);
    let text = sandbox.read("n/pipeline.yaml");
    sandbox.write("n/pipeline.yaml", text.split("  more").next().unwrap());
    sandbox.write("in", "3\n");
    sandbox.ok(["repro"]);
    assert!(!sandbox.read("n/pipeline.lock").contains("more"));
    assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n");
}

#[test]
fn where_no_pipeline_file_is_near_all_are_meant() {
    let sandbox = Sandbox::new();
    for name in ["a", "b"] {
        let text = format!("stages:\n  {name}:\n    cmd: echo {name} > o\n    outs: [o]\n");
        sandbox.write(&format!("{name}/pipeline.yaml"), text);
    }
    sandbox.write("empty/x", "");
    sandbox.write("data", "1\n");
    for folder in [".", "empty"] {
        let list = sandbox.ok(["--cd", folder, "stage", "list", "--names-only"]);
        assert_eq!(list.stdout, "a/pipeline.yaml:a\nb/pipeline.yaml:b\n");
        let plan = sandbox.json(["--cd", folder, "repro", "--dry", "--json"]);
        assert_eq!(plan["stages"].as_array().map(Vec::len), Some(2));
        let status = sandbox.json(["--cd", folder, "status", "--json"]);
        assert_eq!(status["stages"].as_array().map(Vec::len), Some(2));
    }
    sandbox.ok(["--cd", "empty", "repro"]).tells(&["2 stages: 2 ran"]);
    sandbox.ok(["add", "data"]);
    sandbox.ok(["repro"]).tells(&["Everything is up to date (2 stages, 1 pointer)"]);
    sandbox.ok(["--cd", "a", "repro"]).tells(&["Everything is up to date (1 stage)"]);
}
