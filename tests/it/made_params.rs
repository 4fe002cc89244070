//! Params that a stage writes: they are read when the stage that depends on them begins, in projects of both kinds.

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

const STAGES: &str = "stages:\n  train:\n    cmd: cat best.yaml > model; echo x >> ../ran\n    \
                      params: [{best.yaml: [lr]}]\n    outs: [model]\n  opt:\n    cmd: cp in best.yaml\n    \
                      deps: [in]\n    outs: [best.yaml]\n";

const OWN_OUT: &str = "stages:\n  t:\n    cmd: x\n    params: [{OUT: [lr]}]\n    outs: [live]\n";

fn ran(sandbox: &Sandbox) -> usize {
    if sandbox.exists("../ran") { sandbox.read("../ran").lines().count() } else { 0 }
}

#[test]
fn a_stage_may_write_the_params_of_another() {
    let sandbox = Sandbox::with_pipeline(STAGES);
    sandbox.write("in", "lr: 1\n");
    let dry = sandbox.ok(["repro", "--dry"]).stdout;
    assert!(
        dry.contains("opt: would run") && dry.contains("train: would run or be restored after opt"),
        "{dry}"
    );
    sandbox.ok(["repro", "train"]);
    sandbox.pipe(["status", "-q"]).code(0);
    sandbox.commit("first");
    assert_eq!((sandbox.read("model"), ran(&sandbox)), ("lr: 1\n".to_owned(), 1));
    // What the stage reads of the file stayed as it was.
    sandbox.write("in", "lr: 1\nother: 2\n");
    sandbox.ok(["repro"]).tells(&["1 ran, 1 up to date"]);
    sandbox.write("in", "lr: 2\n");
    assert_eq!(sandbox.json(["status", "--json"])["stages"][1]["state"], "upstream");
    sandbox.ok(["repro"]).tells(&["Running train: param best.yaml:lr changed: 1 -> 2"]);
    assert_eq!((sandbox.read("model"), ran(&sandbox)), ("lr: 2\n".to_owned(), 2));
    // In the commit, the cache alone has it.
    let diff = sandbox.json(["params", "diff", "--json"]);
    assert_eq!(diff["best.yaml"]["lr"]["old"], 1);
    assert_eq!(diff["best.yaml"]["lr"]["new"], 2);
    // From the stage cache, then from the lock.
    sandbox.write("in", "lr: 1\n");
    let dry = sandbox.ok(["repro", "--dry"]).stdout;
    assert!(dry.contains("opt: would be restored") && dry.contains("train: depends on the result"), "{dry}");
    sandbox.ok(["repro"]).tells(&["2 restored"]);
    sandbox.remove("best.yaml");
    sandbox.ok(["repro"]).tells(&["Restored opt from the cache"]);
    sandbox.remove("best.yaml");
    sandbox.ok(["checkout"]);
    sandbox.pipe(["status", "-q"]).code(0);
    assert_eq!(ran(&sandbox), 2);
}

#[test]
fn faults_in_made_params_are_of_the_stage_that_reads_them() {
    let sandbox = Sandbox::with_pipeline(STAGES);
    for (text, fault) in [("y: 1\n", "param file best.yaml has no key `lr`"), ("[\n", "best.yaml:2:1")] {
        sandbox.write("in", text);
        sandbox.pipe(["repro"]).code(2).tells(&["Finished opt", "Failed train", fault]);
        assert!(sandbox.pipe(["status"]).code(2).stdout.contains(fault));
    }
    sandbox.pipe(["params", "diff"]).tells(&["best.yaml:2:1"]);
    sandbox.write("in", "lr: 1\n");
    sandbox.ok(["repro"]).tells(&["2 ran"]);
}

#[test]
fn what_templates_are_filled_in_from_is_no_out() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a: {cmd: 'echo ${x}', outs: [params.yaml]}\n");
    sandbox.write("params.yaml", "x: 1\n");
    sandbox
        .pipe(["status"])
        .code(2)
        .tells(&["`params.yaml` of stage `a` is a pipeline, lock or params file"]);
    for file in ["live/p.yaml", "live"] {
        sandbox.write("pipeline.yaml", OWN_OUT.replace("OUT", file));
        sandbox.pipe(["status"]).code(2).tells(&["which its own out `live` holds"]);
    }
}

#[test]
fn dvc_agrees_on_params_that_a_stage_writes() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", STAGES);
    sandbox.write("in", "lr: 1\n");
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    pipe(&sandbox, &["repro"]).code(0).tells(&["2 ran"]);
    assert!(dvc.stale(&sandbox).is_empty());
    sandbox.commit("first");
    sandbox.write("in", "lr: 1\nother: 2\n");
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    dvc.ok(&sandbox, &["repro"]);
    assert!(stale(&sandbox).is_empty());
    for text in ["lr: 2\n", "lr: 1\n"] {
        sandbox.write("in", text);
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
        pipe(&sandbox, &["repro"]).code(0);
        assert!(dvc.stale(&sandbox).is_empty());
    }
    sandbox.write("in", "y: 1\n");
    pipe(&sandbox, &["repro"]).code(2);
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    assert!(dvc.ok(&sandbox, &["dag", "--dot"]).contains("\"opt\" -> \"train\""));
    assert!(pipe(&sandbox, &["dag", "--dot"]).stdout.contains("\"opt\" -> \"train\""));
    for file in ["live/p.yaml", "live"] {
        sandbox.write("dvc.yaml", OWN_OUT.replace("OUT", file));
        pipe(&sandbox, &["repro"]).code(2);
        assert_ne!(dvc.call(&sandbox, &["repro"]).0, 0);
    }
}

/// What templates are filled in from is what stands there when the command begins.
#[test]
fn dvc_agrees_on_templates_filled_in_from_an_out() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for file in ["params.yaml", "v.yaml"] {
        let text = format!(
            "vars: [{file}]\nstages:\n  a:\n    cmd: echo 'x':' 1' > {file}\n    outs: [{file}]\n  b:\n    \
             cmd: echo ${{x}} > y\n    outs: [y]\n"
        );
        let both = [project(&mut dvc), project(&mut dvc)];
        for sandbox in &both {
            sandbox.write("dvc.yaml", &text);
            sandbox.write(file, "x: 0\n");
        }
        let [ours, theirs] = &both;
        for y in ["0\n", "1\n"] {
            pipe(ours, &["repro"]).code(0);
            dvc.ok(theirs, &["repro"]);
            assert_eq!([ours.read("y"), theirs.read("y")], [y, y], "{file}");
        }
        assert!(stale(ours).is_empty() && dvc.stale(ours).is_empty());
    }
}

#[test]
fn params_of_the_top_level_may_lie_in_an_out_or_be_a_folder() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("few/a.yaml", "a: 1\n");
    sandbox.write(
        "dvc.yaml",
        "params: [live/p.yaml, few]\nmetrics: [few]\nplots: [few]\nstages:\n  t:\n    \
         cmd: mkdir live; echo 'lr':' 1' > live/p.yaml\n    outs: [live]\n",
    );
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    pipe(&sandbox, &["repro"]).code(0);
    assert!(dvc.stale(&sandbox).is_empty());
    sandbox.commit("first");
    sandbox.write("few/a.yaml", "a: 2\n");
    let theirs: serde_json::Value =
        serde_json::from_str(&dvc.ok(&sandbox, &["params", "diff", "--json"])).expect("JSON");
    let ours: serde_json::Value =
        serde_json::from_str(&pipe(&sandbox, &["params", "diff", "--json"]).stdout).expect("JSON");
    assert_eq!(ours, theirs);
    assert_eq!(ours["few/a.yaml"]["a"]["old"], 1);
    assert!(pipe(&sandbox, &["metrics", "show"]).code(0).stdout.contains("few/a.yaml"));
    assert!(pipe(&sandbox, &["metrics", "diff"]).code(0).stdout.contains("few/a.yaml"));
}

#[test]
fn a_folder_in_place_of_a_params_file_is_told_by_its_stage() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("conf/a", "");
    sandbox.write(
        "dvc.yaml",
        "stages:\n  t: {cmd: echo > y, params: [{conf: [a]}], outs: [y]}\n  u: {cmd: echo > z, outs: [z]}\n",
    );
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    pipe(&sandbox, &["repro", "u"]).code(0);
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    assert_ne!(dvc.call(&sandbox, &["repro", "t"]).0, 0);
    pipe(&sandbox, &["repro", "t"]).code(2).tells(&["Failed t", "conf"]);
}

/// One process of git for each file, and one reading of the lock for each, took a minute for 2,500 files.
#[test]
fn the_commit_is_asked_once_for_all_that_stages_write() {
    let (mut stages, count) = ("stages:\n".to_owned(), 20);
    for at in 0..count {
        stages += &format!(
            "  m{at}:\n    cmd: mkdir -p 'd {at}'; cp in 'd {at}/p.yaml'\n    deps: [in]\n    outs: ['d {at}']\n  \
             u{at}:\n    cmd: touch o{at}\n    params: [{{'d {at}/p.yaml': [lr]}}, {{é{at}.yaml: [x]}}]\n    \
             outs: [o{at}]\n  \
             s{at}:\n    cmd: 'sed \"s/lr: \\(.*\\)/{{\\\"a\\\": \\1}}/\" in > s{at}.json'\n    deps: [in]\n    \
             metrics: [s{at}.json: {{cache: false}}]\n"
        );
    }
    let sandbox = Sandbox::with_pipeline(&stages);
    (0..count).for_each(|at| sandbox.write(&format!("é{at}.yaml"), "x: 1\n"));
    sandbox.write("in", "lr: 1\n");
    sandbox.ok(["repro", "-q"]);
    sandbox.commit("first");
    (0..count).for_each(|at| sandbox.write(&format!("é{at}.yaml"), "x: 2\n"));
    sandbox.write("in", "lr: 2\n");
    sandbox.ok(["repro", "-q"]);
    let path = std::env::var("PATH").unwrap();
    let log = sandbox.path("../asked");
    let program = format!("echo \"$*\" >> '{}'\nPATH='{path}' exec git \"$@\"", log.display());
    sandbox.write_program("../bin/git", &format!("#!/bin/sh\n{program}\n"));
    for command in ["params", "metrics"] {
        let mut diff = sandbox.pipe_command([command, "diff", "--json"]);
        diff.env("PATH", format!("{}:{path}", sandbox.path("../bin").display()));
        let told = sandbox.finish(diff).code(0).json();
        for at in 0..count {
            let files = [
                (format!("d {at}/p.yaml"), "lr"),
                (format!("é{at}.yaml"), "x"),
                (format!("s{at}.json"), "a"),
            ];
            for (file, key) in if command == "params" { &files[..2] } else { &files[2..] } {
                assert_eq!(
                    (&told[file][key]["old"], &told[file][key]["new"]),
                    (&1.into(), &2.into()),
                    "{file}"
                );
            }
        }
        let asked = sandbox.read("../asked");
        assert!(asked.lines().count() < count, "{asked}");
        sandbox.remove("../asked");
    }
}
