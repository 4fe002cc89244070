//! `pipe metrics show` and `pipe metrics diff`.

use serde_json::json;

use crate::harness::{Sandbox, snapshot};

const PIPELINE: &str = "\
stages:
  a:
    cmd: cp source.json git.json; cp source.toml cached.toml; cp source.yaml deep.yaml
    deps: [source.json, source.toml, source.yaml]
    metrics:
      - git.json: {cache: false}
      - cached.toml
      - deep.yaml
";

fn sources(sandbox: &Sandbox, accuracy: &str) {
    sandbox.write(
        "source.json",
        format!("{{\"accuracy\": {accuracy}, \"name\": \"net\", \"per_class\": [0.5, 1]}}"),
    );
    sandbox.write("source.toml", "[loss]\ntrain = 0.125\nvalid = 0.123456789\n");
    sandbox.write("source.yaml", "none: null\nnot: .nan\nlarge: 12345678\n");
}

fn committed() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sources(&sandbox, "0.5");
    sandbox.ok(["repro"]);
    sandbox.commit("first");
    sandbox
}

#[test]
fn a_merge_conflict_in_metrics_is_called_one() {
    let sandbox = Sandbox::new();
    sandbox.write("m.json", "<<<<<<< HEAD\n{\"a\": 1}\n=======\n{\"a\": 2}\n>>>>>>> other\n");
    sandbox.write("m.toml", "b = 1\n<<<<<<< HEAD\na = 1\n=======\na = 2\n>>>>>>> other\n");
    for (file, line) in [("m.json", 1), ("m.toml", 2)] {
        let said = sandbox.pipe(["metrics", "show", file]).code(2);
        said.tells(&[
            &format!("{file}:{line}:1: the file holds an unresolved merge conflict"),
            "hint: keep one side",
        ]);
    }
}

#[test]
fn shows_what_the_files_hold() {
    let sandbox = committed();
    snapshot!(sandbox.pipe(["metrics", "show"]), @"
    exit: 0
    --- stdout
    file         loss.train  loss.valid  none  not     large  accuracy  name  per_class
    cached.toml       0.125     0.12346     -    -         -         -     -          -
    deep.yaml             -           -  null  nan  12345678         -     -          -
    git.json              -           -     -    -         -       0.5   net    [0.5,1]
    ");
    snapshot!(sandbox.pipe(["metrics", "show", "--csv"]), @r#"
    exit: 0
    --- stdout
    file,loss.train,loss.valid,none,not,large,accuracy,name,per_class
    cached.toml,0.125,0.123456789,,,,,,
    deep.yaml,,,null,nan,12345678,,,
    git.json,,,,,,0.5,net,"[0.5,1]"
    "#);
    assert_eq!(
        sandbox.json(["metrics", "show", "--json"])["cached.toml"],
        json!({"loss.train": 0.125, "loss.valid": 0.123456789})
    );
}

#[test]
fn shows_earlier_states() {
    let sandbox = committed();
    sources(&sandbox, "0.75");
    sandbox.ok(["repro"]);
    for (revision, expected) in [("workspace", 0.75), ("HEAD", 0.5), ("main", 0.5)] {
        let side = sandbox.json(["metrics", "show", "--json", revision]);
        assert_eq!(side["git.json"]["accuracy"], json!(expected), "{revision}");
        assert_eq!(
            side["cached.toml"]["loss.train"],
            json!(0.125),
            "what git does not keep comes from the cache"
        );
    }
}

#[test]
fn diffs_numbers_texts_and_keys() {
    let sandbox = committed();
    let head = sandbox.git(["rev-parse", "HEAD"]);
    let nothing = format!("Nothing differs between commit {} and the workspace.\n", &head[..10]);
    assert_eq!(sandbox.ok(["metrics", "diff"]).stderr, nothing);
    sandbox.write("source.json", "{\"accuracy\": 0.75, \"per_class\": [0.5, 1, 2], \"name\": \"other\"}");
    sandbox.ok(["repro"]);
    snapshot!(sandbox.pipe(["metrics", "diff"]), @"
    exit: 0
    --- stdout
    file      key            old        new   diff
    git.json  accuracy       0.5       0.75  +0.25
    git.json  per_class  [0.5,1]  [0.5,1,2]      -
    git.json  name           net      other      -
    ");
    snapshot!(sandbox.pipe(["metrics", "diff", "--json"]), @r#"
    exit: 0
    --- stdout
    {
      "git.json": {
        "accuracy": {
          "old": 0.5,
          "new": 0.75,
          "diff": 0.25
        },
        "per_class": {
          "old": [
            0.5,
            1
          ],
          "new": [
            0.5,
            1,
            2
          ]
        },
        "name": {
          "old": "net",
          "new": "other"
        }
      }
    }
    "#);
    snapshot!(sandbox.pipe(["metrics", "diff", "--md", "--all", "--precision", "3"]), @"
    exit: 0
    --- stdout
    | file | key | old | new | diff |
    | --- | --- | ---: | ---: | ---: |
    | cached.toml | loss.train | 0.125 | 0.125 | 0 |
    | cached.toml | loss.valid | 0.123 | 0.123 | 0 |
    | deep.yaml | none | null | null | - |
    | deep.yaml | not | nan | nan | nan |
    | deep.yaml | large | 12345678 | 12345678 | 0 |
    | git.json | accuracy | 0.5 | 0.75 | +0.25 |
    | git.json | per_class | [0.5,1] | [0.5,1,2] | - |
    | git.json | name | net | other | - |
    ");
    sandbox.commit("second");
    assert_eq!(sandbox.json(["metrics", "diff", "--json", "HEAD"]), json!({}));
    let delta = |from: &str, to: &str| {
        sandbox.json(["metrics", "diff", "--json", from, to])["git.json"]["accuracy"].clone()
    };
    assert_eq!(delta("HEAD~1", "HEAD"), json!({"old": 0.5, "new": 0.75, "diff": 0.25}));
}

#[test]
fn runs_are_states_too() {
    let sandbox = committed();
    sources(&sandbox, "0.75");
    sandbox.ok(["repro"]);
    let runs = sandbox.json(["runs", "list", "--json", "--top", "--columns", "id", "--sort", "start_time"]);
    let run = format!("run:{}", runs[0]["id"].as_str().unwrap());
    let diff = sandbox.json(["metrics", "diff", "--json", &run]);
    assert_eq!(diff, json!({"git.json": {"accuracy": {"old": 0.5, "new": 0.75, "diff": 0.25}}}));
}

#[test]
fn a_metrics_file_that_does_not_parse_is_named_and_the_others_are_shown() {
    let sandbox = committed();
    sandbox.write("git.json", "{\"accuracy\": }");
    sandbox.write("deep.yaml", "a: [");
    snapshot!(sandbox.pipe(["metrics", "show"]), @"
    exit: 2
    --- stdout
    file         key           value
    cached.toml  loss.train    0.125
    cached.toml  loss.valid  0.12346
    --- stderr
    error: deep.yaml:2:1: did not find expected node content, while parsing a flow node
    error: git.json:1:14: expected value
    ");
    let said = sandbox.pipe(["metrics", "show", "--json"]).code(2).tells(&["deep.yaml:", "git.json:1:14:"]);
    assert_eq!(said.json(), json!({"cached.toml": {"loss.train": 0.125, "loss.valid": 0.123456789}}));
    sandbox.write("cached.toml", "[loss]\ntrain = 0.25\nvalid = 0.123456789\n");
    snapshot!(sandbox.pipe(["metrics", "diff"]), @"
    exit: 2
    --- stdout
    file         key           old   new    diff
    cached.toml  loss.train  0.125  0.25  +0.125
    --- stderr
    error: deep.yaml:2:1: did not find expected node content, while parsing a flow node
    error: git.json:1:14: expected value
    ");
    // A file that is bad on one side is not one that was removed.
    sandbox.commit("bad");
    sandbox.write("git.json", "{\"accuracy\": 0.5}");
    sandbox.write("deep.yaml", "large: 1\n");
    let said = sandbox.pipe(["metrics", "diff", "--json", "HEAD"]).code(2);
    let said = said.tells(&["error: failed to read git.json of commit ", "caused by: git.json:1:14:"]);
    let diff = said.json();
    assert_eq!((&diff["git.json"], &diff["deep.yaml"]["large"]["new"]), (&json!(null), &json!(1)));
    assert_eq!(diff["cached.toml"], json!({"loss.train": {"old": 0.125, "new": 0.25, "diff": 0.125}}));
    // Nor does one that cannot be read at all end it.
    sandbox.remove("deep.yaml");
    sandbox.write("deep.yaml/x", "");
    for command in ["show", "diff"] {
        let said = sandbox.pipe(["metrics", command]).code(2).tells(&["failed to read file: ", "deep.yaml"]);
        assert!(said.stdout.contains("cached.toml"), "{said:?}");
    }
}

#[test]
fn a_metrics_file_that_does_not_parse_is_told_once_when_its_stage_ran() {
    let sandbox = committed();
    sandbox.write("source.json", "{\"accuracy\": 0.5,\n \"loss\": }");
    let said = sandbox.ok(["repro"]).tells(&["warning: the metrics of a are not recorded: git.json:2:10: "]);
    assert_eq!(said.stderr.matches("git.json:").count(), 1, "{said:?}");
    assert_eq!(sandbox.stage_run("a")["metrics"]["loss.train"][0]["value"], 0.125, "the others are recorded");
}

#[test]
fn numbers_that_python_writes_and_json_does_not_know_are_metrics() {
    let sandbox = committed();
    sandbox
        .write("source.json", "{\"loss\": NaN, \"most\": Infinity, \"least\": -Infinity, \"name\": \"NaN\"}");
    let said = sandbox.ok(["repro"]);
    assert!(!said.stderr.contains("warning"), "{said:?}");
    let expected = json!({"loss": "NaN", "most": "Infinity", "least": "-Infinity", "name": "NaN"});
    assert_eq!(sandbox.json(["metrics", "show", "--json"])["git.json"], expected);
    let metrics = &sandbox.stage_run("a")["metrics"];
    for (key, value) in [("loss", "NaN"), ("most", "Infinity"), ("least", "-Infinity")] {
        assert_eq!(metrics[key][0]["value"], value, "{metrics}");
    }
    sandbox.ok(["metrics", "diff"]);
}

#[test]
fn without_a_commit_the_base_is_named() {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sources(&sandbox, "0.5");
    sandbox.ok(["repro"]);
    let run = sandbox.json(["runs", "show", "--json", "last"])["run_id"].as_str().unwrap()[24..].to_owned();
    for what in ["metrics", "params"] {
        sandbox.ok([what, "diff"]).tells(&[
            &format!("There is no commit yet: the workspace is compared with run {run}, the last one."),
            &format!("Nothing differs between run {run} and the workspace."),
        ]);
    }
}

#[test]
fn no_metrics_at_all_is_told() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: 'true'\n");
    sandbox.pipe(["metrics", "show"]).code(2).tells(&["there are no metrics", "hint: "]);
}

#[test]
fn shows_several_states_beneath_each_other() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cp source.json m.json\n    deps: [source.json]\n    metrics: [m.json]\n",
    );
    for (accuracy, message) in [("0.5", "first"), ("0.75", "second"), ("0.875", "third")] {
        sandbox.write("source.json", format!("{{\"accuracy\": {accuracy}}}"));
        sandbox.ok(["repro"]);
        sandbox.commit(message);
    }
    sandbox.git(["tag", "v1", "HEAD~1"]);
    sandbox.git(["branch", "old", "HEAD~2"]);
    snapshot!(sandbox.pipe(["metrics", "show", "--all-branches", "--all-tags"]), @"
    exit: 0
    --- stdout
    revision   file    accuracy
    workspace  m.json     0.875
    main       m.json     0.875
    old        m.json       0.5
    v1         m.json      0.75
    ");
    snapshot!(sandbox.pipe(["metrics", "show", "--no-path", "v1", "HEAD"]), @"
    exit: 0
    --- stdout
    revision  accuracy
    v1            0.75
    HEAD         0.875
    ");
    snapshot!(sandbox.pipe(["metrics", "show", "--no-path"]), @"
    exit: 0
    --- stdout
    key       value
    accuracy  0.875
    ");
    let all = sandbox.json(["metrics", "show", "-A", "--json"]);
    assert_eq!(all.as_object().unwrap().len(), 4, "{all}");
    assert_eq!(all["workspace"]["m.json"]["accuracy"], 0.875);
    // A commit whose pipeline cannot be read hides no other.
    let good = sandbox.read("pipeline.yaml");
    sandbox.write("pipeline.yaml", "stages: 1\n");
    sandbox.commit("broken");
    sandbox.git(["tag", "broken"]);
    sandbox.write("pipeline.yaml", good);
    let said = sandbox.pipe(["metrics", "show", "-T"]).code(2);
    assert!(said.stdout.contains("v1") && said.stdout.contains("workspace"), "{}", said.stdout);
    said.tells(&["failed to load the pipeline of commit"]);
    Sandbox::without_git().pipe(["metrics", "show", "-a"]).code(2).tells(&["no git repository"]);
}

#[test]
fn files_are_named_as_one_types_them_where_one_stands() {
    let sandbox = committed();
    sandbox.write("params.yaml", "lr: 1\n");
    sandbox.commit("params");
    sandbox.write("params.yaml", "lr: 2\n");
    sources(&sandbox, "0.75");
    sandbox.ok(["repro"]);
    sandbox.write("sub/x", "");
    for (asked, names) in [
        (&["metrics", "show"][..], &["../git.json", "../cached.toml"][..]),
        (&["metrics", "diff"], &["../git.json"]),
        (&["metrics", "diff", "--md", "--targets", "../git.json"], &["../git.json"]),
        (&["params", "diff"], &["../params.yaml"]),
    ] {
        let said = sandbox.ok([asked, &["--cd", "sub"]].concat()).stdout;
        assert!(names.iter().all(|name| said.contains(name)), "{asked:?}: {said}");
        let said = sandbox.ok(asked.iter().map(|word| word.trim_start_matches("../"))).stdout;
        assert!(!said.contains(".."), "{asked:?}: {said}");
    }
}

/// `metrics show` tells such a file by its path alone.
#[test]
fn a_file_that_is_one_number_is_recorded_by_its_path() {
    let stages = "stages:\n  s:\n    cmd: mkdir -p a; echo 0.59 > a/auc.metric; echo 7 > n.json; echo '[1]' > l.yaml\n    \
                  metrics: [a/auc.metric, n.json, l.yaml]\n";
    let native = Sandbox::with_pipeline(stages);
    let theirs = Sandbox::new();
    theirs.write("dvc.yaml", stages);
    theirs.write(".dvc/config", "");
    for sandbox in [native, theirs] {
        let said = sandbox.ok(["repro"]).stderr;
        assert!(said.contains("l.yaml: expected a map of metrics or one number, found a list"), "{said}");
        assert!(!said.contains("auc.metric:") && !said.contains("n.json:"), "{said}");
        let metrics = sandbox.stage_run("s")["metrics"].clone();
        let keys: Vec<_> = metrics.as_object().expect("a map").keys().collect();
        assert_eq!(keys, ["a/auc.metric", "n.json"]);
        assert_eq!(metrics["a/auc.metric"][0]["value"], 0.59);
    }
}
