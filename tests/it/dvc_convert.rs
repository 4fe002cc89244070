//! `pipe convert`: a project of ours from one that the real DVC made.

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

const STAGES: &str = "# kept\nstages:\n  one:\n    cmd: echo run >> ../log && mkdir -p d && cp data/a d/a\n    deps: [data]\n    \
                      params: [x]\n    outs: [d]\n  two:\n    cmd: |\n      echo run >> ../log\n      cat d/a in > out\n    deps: [d, \
                      in]\n    outs: [out]\n    meta: {pipe: {timeout: 1h}}\n";

#[test]
fn what_is_here_and_up_to_date_is_converted() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", STAGES);
    sandbox.write("params.yaml", "x: 1\n");
    sandbox.write("data/a", "1\n");
    sandbox.write("gone", "2\n");
    sandbox.write("in", "3\n");
    dvc.ok(&sandbox, &["add", "-q", "data", "gone"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    sandbox.write("in", "4\n");
    sandbox.remove("gone");
    sandbox.remove(".dvc/cache/files/md5/26");
    let before = sandbox.files("");
    let said = pipe(&sandbox, &["convert", "--dry"]).code(0);
    let _ = said.tells(&[
        "Would write pipeline.yaml",
        "Would write data.pipe",
        "Would record the results of 1 stage",
    ]);
    let files: Vec<String> = sandbox.files("").into_iter().filter(|file| !file.contains("/tmp/")).collect();
    assert_eq!(
        files,
        before.into_iter().filter(|file| !file.contains("/tmp/")).collect::<Vec<_>>(),
        "--dry changes nothing"
    );
    pipe(&sandbox, &["convert"]).code(0).tells(&[
        "Wrote pipeline.yaml",
        "Wrote data.pipe",
        "Recorded the results of 1 stage",
        "the result of stage two, which is not up to date",
        "gone of gone.dvc, which is not here as recorded",
        "the shells of stage two",
        "`meta.pipe` of stage two",
        ".dvc-converted",
    ]);
    assert_eq!(sandbox.read("pipeline.yaml"), STAGES);
    assert!(!sandbox.exists("dvc.yaml") && !sandbox.exists(".dvc") && !sandbox.exists("data.dvc"));
    assert!(
        sandbox.read("pipeline.lock").contains("blake3:") && sandbox.read("data.pipe").contains("blake3:")
    );
    assert_eq!(stale(&sandbox).into_iter().collect::<Vec<_>>(), ["two"]);
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read("../log").lines().count(), 3, "stage one did not run again");
    // The bytes are in the new cache.
    sandbox.remove("data");
    sandbox.remove("d");
    pipe(&sandbox, &["checkout"]).code(0);
    assert_eq!((sandbox.read("data/a"), sandbox.read("d/a")), ("1\n".to_owned(), "1\n".to_owned()));
    pipe(&sandbox, &["convert"]).code(2).tells(&["is no DVC project"]);
}
