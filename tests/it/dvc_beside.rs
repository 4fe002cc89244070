//! `pipe repro` beside a `dvc repro` of the same stages, which fails where anybody is in its way.

use crate::dvc_tool::{Dvc, pipe_command, program, project, stale};
use crate::harness::Sandbox;

/// What DVC has made is taken for what it is, without a moment in which its next stage would find it in use.
#[test]
fn a_stage_that_was_waited_for_is_not_claimed_once_it_is_made() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let await_go =
        |stage: &str| format!("touch began-{stage}; while [ ! -e go-{stage} ]; do sleep 0.05; done");
    let stages =
        [("prep", "in", "o1"), ("train", "o1", "o2"), ("test", "o2", "o3")].map(|(name, dep, out)| {
            let command = format!("{}; cat {dep} > {out}; echo {name} >> ../log", await_go(name));
            format!("  {name}:\n    cmd: {command}\n    deps: [{dep}]\n    outs: [{out}]\n")
        });
    sandbox.write("dvc.yaml", format!("stages:\n{}", stages.concat()));
    sandbox.write("in", "1\n");
    let mut command = sandbox.program(program());
    command.arg("repro").env("DVC_NO_ANALYTICS", "1").env("SHELL", "/bin/bash");
    command.env("DVC_SITE_CACHE_DIR", sandbox.path("../tmp/beside"));
    let theirs = sandbox.start(command);
    sandbox.await_file("began-prep");
    let ours = sandbox.start(pipe_command(&sandbox, &["repro"]));
    for (stage, next) in [("prep", "train"), ("train", "test")] {
        ours.await_told(&format!("Waiting with {stage}"));
        sandbox.write(&format!("go-{stage}"), "");
        sandbox.await_file(&format!("began-{next}"));
    }
    ours.await_told("Waiting with test");
    sandbox.write("go-test", "");
    theirs.wait().code(0);
    ours.wait().code(0);
    assert_eq!(sandbox.read("../log"), "prep\ntrain\ntest\n");
    assert!(stale(&sandbox).is_empty() && dvc.stale(&sandbox).is_empty());
}
