//! Frozen stages in projects of DVC: neither tool runs one, whatever is missing or has changed.

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

const STAGES: &str = "stages:\n  ice:\n    cmd: cat a > b\n    deps: [a]\n    outs: [b]\n    frozen: true\n  after:\n    \
                      cmd: cat b > c\n    deps: [b]\n    outs: [c]\n";

/// A project whose frozen stage ran before it was frozen, or never, and what became of it since.
fn prepared(dvc: &mut Dvc, ran: bool, change: &str) -> Sandbox {
    let sandbox = project(dvc);
    sandbox.write("a", "1\n");
    sandbox.write("dvc.yaml", STAGES.replace("    frozen: true\n", ""));
    if ran {
        dvc.ok(&sandbox, &["repro", "-q"]);
    }
    sandbox.write("dvc.yaml", STAGES);
    let done = sandbox.program("sh").args(["-ec", change]).status().unwrap();
    assert!(done.success(), "{change}");
    sandbox
}

/// Whether it went well, and what is there then.
fn state(sandbox: &Sandbox, is_well: bool) -> (bool, Option<String>, Option<String>) {
    let text = |path: &str| std::fs::read_to_string(sandbox.path(path)).ok();
    (is_well, text("b"), text("dvc.lock"))
}

#[test]
fn it_never_runs_as_in_dvc() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let gone = "rm -rf b c .dvc/cache";
    for (ran, change, arguments) in [
        (true, "echo 2 > a; rm -rf b c .dvc/cache", &["repro"][..]),
        (true, gone, &["repro"]),
        (true, "rm -rf b c a .dvc/cache", &["repro"]),
        (true, "rm a", &["repro"]),
        (true, "echo 2 > a", &["repro"]),
        (true, "echo 2 > a", &["repro", "-f", "ice"]),
        (true, "echo 2 > a", &["repro", "-s", "ice"]),
        (true, "echo 2 > a; rm -rf b .dvc/cache", &["repro", "-f", "ice"]),
        (true, "echo 2 > a; rm -rf b .dvc/cache", &["repro", "-s", "ice"]),
        (true, gone, &["repro", "--allow-missing"]),
        (true, "sed -i 's/cat a/cat a a/' dvc.yaml", &["repro"]),
        (true, "sed -i 's/cat a/cat a a/' dvc.yaml; rm b", &["repro"]),
        (true, "rm -rf .dvc/cache", &["repro"]),
        (false, "true", &["repro"]),
        (false, "rm a", &["repro"]),
        (false, "echo x > b", &["repro"]),
        (false, "echo x > b; rm a", &["repro"]),
    ] {
        let (ours, theirs) = (prepared(&mut dvc, ran, change), prepared(&mut dvc, ran, change));
        let said = pipe(&ours, arguments);
        let code = dvc.call(&theirs, arguments).0;
        let lacks = said.stderr.contains("Running ice");
        assert!(!lacks, "{change}: {}", said.stderr);
        let now = state(&ours, said.code_of() == Some(0));
        assert_eq!(now, state(&theirs, code == 0), "{change}; {arguments:?}: {}", said.stderr);
        let stale = dvc.call(&ours, &["status", "ice", "--json"]).1;
        assert!(code != 0 || arguments.len() > 1 || stale.trim() == "{}", "{change}: {stale}");
    }
}

#[test]
fn what_the_cache_has_of_it_comes_back_with_its_lock_as_it_was() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for change in ["echo 2 > a; rm b", "rm -f a b", "rm b; echo edited > b"] {
        let sandbox = prepared(&mut dvc, true, change);
        let lock = sandbox.read("dvc.lock");
        pipe(&sandbox, &["repro"]).code(0).tells(&["Restored ice from the cache, as the lock records it."]);
        assert_eq!((sandbox.read("b"), sandbox.read("dvc.lock")), ("1\n".to_owned(), lock), "{change}");
        assert_eq!(dvc.ok(&sandbox, &["status", "--json"]).trim(), "{}", "{change}");
    }
}

#[test]
fn what_would_be_done_is_told() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = prepared(&mut dvc, false, "true");
    let said = pipe(&sandbox, &["repro", "--dry"]).code(2);
    assert!(said.stdout.contains("ice: cannot run: it is frozen and cannot be restored"), "{}", said.stdout);
    sandbox.write("b", "x");
    let said = pipe(&sandbox, &["repro", "--dry"]).code(0);
    assert!(said.stdout.contains("ice: is frozen and would be recorded as it is"), "{}", said.stdout);
    sandbox.remove("a");
    pipe(&sandbox, &["repro"]).code(2).tells(&["dep a does not exist"]);
}

#[test]
fn a_stage_that_is_removed_goes_from_the_lock_too() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let (ours, theirs) = (prepared(&mut dvc, true, "true"), prepared(&mut dvc, true, "true"));
    for name in ["after", "ice"] {
        pipe(&ours, &["stage", "remove", name]).code(0);
        dvc.ok(&theirs, &["remove", "-q", name]);
        assert_eq!(state(&ours, true), state(&theirs, true), "{name}");
    }
    assert!(!ours.path("dvc.lock").exists());
}

#[test]
fn what_never_ran_is_stale_where_dvc_says_so() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("in", "1\n");
    sandbox.write("params.yaml", "a: 1\n");
    sandbox.write(
        "dvc.yaml",
        "stages:\n  ingest: {cmd: cp in data, deps: [in], outs: [data], frozen: true}\n  \
         train: {cmd: cp data model, deps: [data], outs: [model]}\n  \
         export: {cmd: cp in ../x, deps: [in], params: [a], frozen: true}\n",
    );
    for data in [None, Some("1\n")] {
        if let Some(data) = data {
            sandbox.write("data", data);
        }
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
        let status: serde_json::Value =
            serde_json::from_str(&pipe(&sandbox, &["status", "--json"]).stdout).expect("JSON");
        assert!(status["train"].is_array(), "{status}");
        let is_well = pipe(&sandbox, &["repro"]).code_of() == Some(0);
        assert_eq!(is_well, data.is_some());
        assert!(!sandbox.exists("dvc.lock") || !sandbox.read("dvc.lock").contains("export"));
    }
    assert!(dvc.stale(&sandbox).is_empty() && stale(&sandbox).is_empty());
}
