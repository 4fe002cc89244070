//! `pipe diff`: what was different between two executions of a stage, told from their records.

use serde_json::json;

use crate::harness::{Sandbox, snapshot};

const PIPELINE: &str = "\
stages:
  make:
    cmd: mkdir -p data/sub && cp in.txt data/sub/x && echo same >data/y
    deps: [in.txt]
    outs: [data]
  use:
    cmd: cat data/sub/x other.txt >out.txt 2>/dev/null || true
    deps: [data]
    params: [lr, net]
    env: [SECRET, {MODE: {plain: true}}]
    outs: [out.txt]
";

/// Two reproductions, of which the second differs in everything.
fn project() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.write("in.txt", "1");
    sandbox.write("params.yaml", "lr: 0.1\nnet: {layers: 2, name: a}\n");
    let repro = |secret: &str, mode: Option<&str>| {
        let mut command = sandbox.pipe_command(["repro"]);
        command.env("SECRET", secret);
        if let Some(mode) = mode {
            command.env("MODE", mode);
        }
        sandbox.finish(command).code(0);
    };
    repro("hush", None);
    sandbox.commit("first");
    sandbox.write("in.txt", "2");
    sandbox.write("other.txt", "o");
    sandbox.write("params.yaml", "lr: 0.2\nnet: {layers: 2}\n");
    sandbox.edit("pipeline.yaml", "deps: [data]", "deps: [data, other.txt]");
    sandbox.edit("pipeline.yaml", " 2>/dev/null || true", "");
    repro("hush!", Some("fast"));
    sandbox
}

/// Times and ids are of the moment.
fn steady(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        if line.contains(" -> run ") {
            *line = line.split(':').next().unwrap().to_owned() + ": run A -> run B";
        }
        if line.contains("commit") {
            *line = "git commit".to_owned();
        }
    }
    lines.join("\n")
}

#[test]
fn the_last_two_executions_of_a_stage() {
    let sandbox = project();
    let said = sandbox.ok(["diff", "use"]);
    assert!(!said.stdout.contains("hush"), "{}", said.stdout);
    assert_eq!(
        steady(&said.stdout),
        "\
use: run A -> run B
what     name        old                                                    new
command              cat data/sub/x other.txt >out.txt 2>/dev/null || true  cat data/sub/x other.txt >out.txt
param    lr          0.1                                                    0.2
param    net.name    a                                                      -
dep      data        10f47ce307                                             b4ce788606
dep      data/sub/x  d63bd9a826                                             813e9b7291
dep      other.txt   -                                                      94aa73e5d5
env      MODE        not set                                                fast
env      SECRET      a value                                                another value
git commit
out      out.txt     d63bd9a826                                             9ae00be732"
    );
    snapshot!(sandbox.pipe(["diff", "nothing"]), @"
    exit: 2
    --- stderr
    error: `nothing` names no git revision, no run and no stage
    hint: `git branch --all`, `git tag` and `git log` tell the revisions, `pipe runs list` the runs, `pipe stage list` the stages; `--targets PATH` compares single files and folders
    ");
    let md = sandbox.ok(["diff", "use", "--md"]).stdout;
    assert!(md.starts_with("### use: run ") && md.contains("| param | lr | 0.1 | 0.2 |"), "{md}");
}

#[test]
fn json_has_whole_digests_and_types() {
    let sandbox = project();
    let said = sandbox.json(["diff", "use", "--json"]);
    let diff = &said[0];
    assert_eq!(diff["stage"], "use");
    assert_eq!(diff["inputs_differ"], true);
    assert_eq!(diff["params"]["lr"], json!({"old": 0.1, "new": 0.2}));
    assert_eq!(diff["params"]["net.name"], json!({"old": "a", "new": null}));
    assert_eq!(diff["params"]["net.layers"], json!(null), "it is the same");
    assert_eq!(diff["env"]["MODE"], json!({"old": "", "new": "fast"}));
    assert!(diff["env"]["SECRET"]["old"].as_str().unwrap().starts_with("blake3:"));
    let deps = diff["deps"].as_array().unwrap();
    assert_eq!(deps.len(), 2);
    assert_eq!((&deps[0]["path"], &deps[0]["change"]), (&json!("data"), &json!("changed")));
    let inside = deps[0]["files"].as_array().unwrap();
    assert_eq!(inside.len(), 1, "{inside:?}");
    assert_eq!(inside[0]["path"], "data/sub/x");
    assert_eq!((&deps[1]["path"], &deps[1]["change"]), (&json!("other.txt"), &json!("added")));
    assert_eq!(diff["outs"][0]["path"], "out.txt");
    assert_eq!(diff["git"]["commit"]["old"], json!(null), "there was no commit");
    assert_eq!(diff["host"], json!({}));
}

#[test]
fn runs_are_named_in_every_way() {
    let sandbox = project();
    let both = sandbox.json(["diff", "last~1", "last", "--json"]);
    let stages: Vec<&str> =
        both.as_array().unwrap().iter().map(|diff| diff["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["make", "use"]);
    let (old, new) = (&both[1]["old"]["run"], &both[1]["new"]["run"]);
    let [old, new] = [old, new].map(|id| id.as_str().unwrap().to_owned());
    let same = |arguments: &[&str]| {
        let all = ["diff", "--json"].into_iter().chain(arguments.iter().copied());
        let diff = sandbox.json(all);
        assert_eq!(diff[0]["old"]["run"], json!(old), "{arguments:?}");
        assert_eq!(diff[0]["new"]["run"], json!(new), "{arguments:?}");
    };
    same(&[&old, &new]);
    same(&[&old[24..], "last"]);
    same(&["use", "last~1"]);
    same(&["pipeline.yaml:use", &old]);
    same(&["use"]);
    sandbox.pipe(["diff", &old, "make"]).code(2);
    let made = &both[0]["new"]["run"].as_str().unwrap();
    sandbox.pipe(["diff", &old, made]).code(2).tells(&["have no stage in common"]);
    sandbox.ok(["diff", &new, &new]).stdout.contains("Nothing differs.").then_some(()).expect("it says so");
}

#[test]
fn one_execution_or_none_is_told() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a: {cmd: touch x, outs: [x]}\n");
    sandbox.pipe(["diff", "a"]).code(2).tells(&["no run was recorded in this project yet"]);
    sandbox.ok(["repro"]);
    sandbox.pipe(["diff", "a"]).code(2).tells(&["stage `a` was executed only once"]);
    sandbox.remove("x");
    sandbox.ok(["repro"]).tells(&["restored"]);
    sandbox.pipe(["diff", "a"]).code(2).tells(&["stage `a` was executed only once"]);
    sandbox.ok(["repro", "--force"]);
    sandbox.ok(["diff", "a"]);
    sandbox.pipe(["diff", "a", "nothing"]).code(2).tells(&["no run has an id"]);
}

#[test]
fn a_word_that_names_nothing_is_told() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a: {cmd: touch x, outs: [x]}\n");
    sandbox.write("raw", "1\n");
    sandbox.ok(["add", "raw"]);
    sandbox.commit("data");
    let refused = || {
        for arguments in [&["NOREV"][..], &["HEAD", "NOREV"], &["NOREV", "HEAD"]] {
            sandbox.pipe([&["diff"], arguments].concat()).code(2).tells(&[
                "`NOREV` names no git revision, no run and no stage",
                "`git branch --all`",
                "`pipe stage list`",
            ]);
        }
        sandbox.pipe(["diff", "raw"]).code(2).tells(&["`raw` is data", "`pipe diff --targets raw`"]);
        sandbox
            .pipe(["diff", "--data", "NOREV"])
            .code(2)
            .tells(&["there is no git revision `NOREV`", "hint: `git branch --all`"]);
    };
    refused();
    sandbox.ok(["repro"]);
    refused();
    // A stage that is gone ran once.
    sandbox.remove("pipeline.yaml");
    sandbox.pipe(["diff", "a"]).code(2).tells(&["stage `a` was executed only once"]);
}

#[test]
fn a_target_that_neither_state_has_is_an_error() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a: {cmd: touch x m.json, outs: [x], metrics: [{m.json: {cache: false}}]}\n",
    );
    sandbox.write("sub/raw", "1\n");
    sandbox.ok(["add", "sub/raw"]);
    sandbox.ok(["repro"]);
    sandbox.commit("data");
    let diff = |folder: &str, target: &str| sandbox.pipe(["diff", "--cd", folder, "--targets", target]);
    for (folder, target) in [(".", "nosuch"), (".", "x/nosuch"), ("sub", "sub/raw"), (".", "raw")] {
        let text = format!("neither state has data at `{target}`");
        assert_eq!(diff(folder, target).code(2).tells(&[&text]).stdout, "");
    }
    for (folder, target) in [(".", "sub"), ("sub", "raw"), (".", "x"), ("sub", "../x"), (".", "m.json")] {
        assert_eq!(diff(folder, target).code(0).stdout, "Nothing differs.\n", "{folder} {target}");
    }
    sandbox.remove("sub/raw");
    assert!(diff("sub", "raw").code(0).stdout.contains("deleted"), "one state has it");
}
