//! What a reproduction is about in projects of DVC, beside the real one.

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
