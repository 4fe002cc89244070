//! What a reproduction is about in projects of DVC, beside the real one.

use serde_json::Value as Json;

use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;

fn started() -> (Dvc, Sandbox) {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    (dvc, sandbox)
}

#[test]
fn without_a_pipeline_file_near_all_are_meant() {
    let (mut dvc, sandbox) = started();
    for name in ["a", "b", "c"] {
        let text = format!("stages:\n  {name}:\n    cmd: echo {name} > o\n    outs: [o]\n");
        sandbox.write(&format!("{name}/dvc.yaml"), text);
    }
    sandbox.write("empty/x", "");
    let all = "a/dvc.yaml:a\nb/dvc.yaml:b\nc/dvc.yaml:c\n";
    for folder in [".", "empty"] {
        let (code, _, err) = dvc.call_in(&sandbox.path(folder), &["repro"]);
        assert!(code == 255 && err.contains("dvc.yaml' does not exist"), "{code} {err}");
        assert_eq!(pipe(&sandbox, &["--cd", folder, "stage", "list", "--names-only"]).code(0).stdout, all);
        let plan = sandbox.json(["--cd", folder, "repro", "--dry", "--json"]);
        let names = plan["stages"].as_array().unwrap().iter().map(|one| one["stage"].as_str().unwrap());
        assert_eq!(names.map(|name| format!("{name}\n")).collect::<String>(), all);
    }
    assert_eq!(sandbox.ok(["--cd", "b", "stage", "list", "--names-only"]).stdout, "b/dvc.yaml:b\n");
    pipe(&sandbox, &["--cd", "empty", "repro"]).code(0).tells(&["3 stages: 3 ran"]);
    assert_eq!(dvc.ok(&sandbox, &["status", "--json"]).trim(), "{}");
    pipe(&sandbox, &["repro"]).code(0).tells(&["Everything is up to date (3 stages)"]);
    pipe(&sandbox, &["--cd", "b", "repro", "-f"]).code(0).tells(&["1 stage: 1 ran"]);
}

#[test]
fn what_is_gone_now_is_told_beside_a_reason_of_its_own() {
    let (mut dvc, sandbox) = started();
    sandbox.write("raw", "1\n");
    let text = "\
stages:
  t:
    cmd: cat raw > o
    deps: [raw]
    outs: [o]
  u:
    cmd: cat o > p
    deps: [o]
    outs: [p]
";
    sandbox.write("dvc.yaml", text);
    dvc.ok(&sandbox, &["add", "-q", "raw"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    let same = |dvc: &mut Dvc| {
        let theirs: Json = serde_json::from_str(dvc.ok(&sandbox, &["status", "--json"]).trim()).unwrap();
        assert_eq!(sandbox.json(["status", "--json"]), theirs);
    };
    let outs = ["raw", "o", "p"];
    for gone in 1..8 {
        for (_, out) in outs.iter().enumerate().filter(|(at, _)| gone & (1 << at) != 0) {
            sandbox.remove(out);
        }
        same(&mut dvc);
        sandbox.edit("dvc.yaml", "cat o > p", "cat  o > p");
        same(&mut dvc);
        sandbox.edit("dvc.yaml", "cat  o > p", "cat o > p");
        dvc.ok(&sandbox, &["checkout", "-q"]);
    }
    for out in outs {
        sandbox.remove(out);
    }
    let told = sandbox.ok(["status"]).stdout;
    assert!(told.contains("t: stale\n  out raw does not exist\n  out o does not exist\n"), "{told}");
    assert!(told.contains("u: stale\n  out o does not exist\n  out p does not exist\n"), "{told}");
}
