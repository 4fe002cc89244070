//! What a reproduction is about in projects of DVC, beside the real one.

use serde_json::Value as Json;

use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;

const STAGES: &str = "\
stages:
  a:
    cmd: cat used > a.o && echo a >> log
    deps: [used]
    outs: [a.o]
  b:
    cmd: cat a.o mid > b.o && echo b >> log
    deps: [a.o, mid]
    outs: [b.o]
  c:
    cmd: cat b.o > c.o && echo c >> log
    deps: [b.o]
    outs: [c.o]
";

const BELOW: &str = "\
stages:
  x:
    cmd: cat inner > x.o && echo x >> ../log
    deps: [inner]
    outs: [x.o]
";

const DATA: [&str; 4] = ["used", "huge", "mid", "sub/inner"];

fn started() -> (Dvc, Sandbox) {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    (dvc, sandbox)
}

/// Which `.dvc` files changed since the last commit, and which stages ran.
fn taken(sandbox: &Sandbox) -> (String, Vec<String>) {
    let mut ran: Vec<String> = match sandbox.exists("log") {
        true => sandbox.read("log").lines().map(ToOwned::to_owned).collect(),
        false => Vec::new(),
    };
    ran.sort();
    (sandbox.git(["diff", "--name-only", "--", "*.dvc"]), ran)
}

/// Lets all be as committed, but for the data.
fn edit_all(sandbox: &Sandbox, text: &str) {
    sandbox.git(["checkout", "-q", "."]);
    pipe(sandbox, &["checkout", "-q", "-f"]).code(0);
    let _ = std::fs::remove_file(sandbox.path("log"));
    for data in DATA {
        sandbox.write(data, format!("{data} {text}\n"));
    }
}

#[test]
fn a_reproduction_takes_what_dvc_takes() {
    let (mut dvc, sandbox) = started();
    sandbox.write(".git/info/exclude", "/log\n");
    sandbox.write("dvc.yaml", STAGES);
    sandbox.write("sub/dvc.yaml", BELOW);
    for data in DATA {
        sandbox.write(data, "1\n");
        dvc.ok(&sandbox, &["add", "-q", data]);
    }
    dvc.ok(&sandbox, &["repro", "-q", "-P"]);
    sandbox.edit("dvc.yaml", "outs: [b.o]\n", "outs: [b.o]\n    frozen: true\n");
    sandbox.commit("all");
    let compare = |dvc: &mut Dvc, folder: &str, arguments: &[&str]| {
        let words = ["repro", "-f"].iter().chain(arguments);
        let case = format!("{folder} {arguments:?}");
        edit_all(&sandbox, &format!("theirs {case}"));
        let words: Vec<&str> = words.copied().collect();
        let (code, out, err) = dvc.call_in(&sandbox.path(folder), &words);
        assert_eq!(code, 0, "{case}: {out}\n{err}");
        let theirs = taken(&sandbox);
        edit_all(&sandbox, &format!("ours {case}"));
        let words: Vec<&str> = ["--cd", folder].into_iter().chain(words).collect();
        pipe(&sandbox, &words).code(0);
        assert_eq!(taken(&sandbox), theirs, "{case}");
        theirs
    };
    let (pointers, ran) = compare(&mut dvc, ".", &[]);
    assert_eq!((pointers.trim(), ran.join(" ").as_str()), ("used.dvc", "a c"));
    for arguments in [
        &["-s"][..],
        &["--downstream"],
        &["-p"],
        &["-P"],
        &["c"],
        &["-s", "c"],
        &["--downstream", "a"],
        &["-p", "a"],
        &["--glob", "*"],
        &["--glob", "sub/dvc.yaml:*"],
        &["-R", "."],
        &["-R", "sub"],
        &["huge.dvc"],
        &["--downstream", "used.dvc"],
        &["sub/dvc.yaml"],
    ] {
        compare(&mut dvc, ".", arguments);
    }
    compare(&mut dvc, "sub", &[]);
    // A file without stages means everything.
    sandbox.write("dvc.yaml", "plots: []\n");
    sandbox.git(["rm", "-qf", "dvc.lock"]);
    sandbox.commit("no stages");
    let (pointers, ran) = compare(&mut dvc, ".", &[]);
    assert_eq!((pointers.lines().count(), ran.join(" ").as_str()), (4, "x"));
    // DVC fails where there is none at all.
    sandbox.git(["rm", "-qf", "dvc.yaml", "sub/dvc.yaml", "sub/dvc.lock"]);
    sandbox.commit("data alone");
    edit_all(&sandbox, "edited");
    assert_eq!(dvc.call(&sandbox, &["repro"]).0, 255);
    pipe(&sandbox, &["repro"]).code(0).tells(&["4 pointers: 4 recorded"]);
}

#[test]
fn data_that_no_stage_reads_is_left_alone() {
    let (mut dvc, sandbox) = started();
    sandbox.write("dvc.yaml", "stages:\n  a:\n    cmd: cat used > o\n    deps: [used]\n    outs: [o]\n");
    for data in ["used", "huge", "other"] {
        sandbox.write(data, format!("{data}\n"));
        dvc.ok(&sandbox, &["add", "-q", data]);
    }
    sandbox.write("../source", "far\n");
    let source = sandbox.path("../source");
    dvc.ok(&sandbox, &["import-url", "-q", "--no-download", source.to_str().unwrap(), "far"]);
    sandbox.commit("all");
    // One of many was brought, and another was deleted to make room.
    for gone in ["huge", "other"] {
        sandbox.remove(gone);
    }
    let blob = sandbox.read("huge.dvc");
    let digest = blob.split("md5: ").nth(1).unwrap().lines().next().unwrap();
    sandbox.remove(&format!(".dvc/cache/files/md5/{}/{}", &digest[..2], &digest[2..]));
    let before: Vec<String> = ["huge.dvc", "other.dvc", "far.dvc"].map(|file| sandbox.read(file)).into();
    let is_as_before = || {
        let now: Vec<String> = ["huge.dvc", "other.dvc", "far.dvc"].map(|file| sandbox.read(file)).into();
        now == before && !sandbox.exists("huge") && !sandbox.exists("other") && !sandbox.exists("far")
    };
    dvc.ok(&sandbox, &["repro", "--dry"]);
    pipe(&sandbox, &["repro"]).code(0).tells(&["1 stage, 1 pointer: 1 ran, 1 up to date"]);
    assert!(is_as_before());
    pipe(&sandbox, &["repro"]).code(0).tells(&["Everything is up to date (1 stage, 1 pointer)"]);
    assert_eq!(sandbox.json(["repro", "--dry", "--json"])["stages"].as_array().map(Vec::len), Some(2));
    dvc.ok(&sandbox, &["repro"]);
    assert!(is_as_before());
    // What is half edited is nobody's record yet.
    sandbox.write("other", "half\n");
    pipe(&sandbox, &["repro", "-f"]).code(0);
    assert_eq!(sandbox.read("other.dvc"), before[1]);
    // Who names it, or all, means it.
    pipe(&sandbox, &["repro", "other.dvc"]).code(0).tells(&["1 pointer: 1 recorded"]);
    assert!(sandbox.read("other.dvc") != before[1]);
    sandbox.remove("other");
    pipe(&sandbox, &["repro", "other"]).code(0).tells(&["1 pointer: 1 restored"]);
    pipe(&sandbox, &["repro", "huge.dvc"]).code(2);
    assert_eq!(dvc.call(&sandbox, &["repro", "-P"]).0, 255);
    pipe(&sandbox, &["repro", "-P"]).code(2);
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

#[test]
fn what_dvc_takes_for_no_list_is_refused_with_its_place() {
    let (mut dvc, sandbox) = started();
    let stage = "stages:\n  b:\n    cmd: echo b > o\n    outs: [o]\n";
    let mut cases: Vec<(String, String)> = Vec::new();
    for (key, expected) in [
        ("vars", "a list"),
        ("params", "a list"),
        ("metrics", "a list"),
        ("plots", "a list"),
        ("artifacts", "a map"),
    ] {
        let text = format!("{stage}{key}:\n");
        cases.push((text, format!("dvc.yaml:5:{}: `{key}`: expected {expected}, found null", key.len() + 1)));
    }
    for (key, expected) in [
        ("deps", "a list"),
        ("params", "a list"),
        ("metrics", "a list"),
        ("plots", "a list"),
        ("vars", "a list"),
        ("wdir", "a string"),
        ("desc", "a string"),
        ("frozen", "`true` or `false`"),
        ("always_changed", "`true` or `false`"),
    ] {
        let fault = |line, column, name| {
            format!("dvc.yaml:{line}:{column}: `{name}`: expected {expected}, found null")
        };
        let name = format!("stages.b.{key}");
        cases.push((format!("{stage}    {key}:\n"), fault(5, key.len() + 5, name)));
        let name = format!("stages.b.do.{key}");
        let text = format!("stages:\n  b:\n    foreach: [1]\n    do:\n      cmd: echo\n      {key}:\n");
        cases.push((text, fault(6, key.len() + 7, name)));
    }
    let map = "dvc.yaml:6:3: `plots`: expected a list, found a map";
    cases.push((format!("{stage}plots:\n  a.csv:\n    x: y\n"), map.to_owned()));
    cases.push(("stages:\n".to_owned(), "dvc.yaml:1:7: `stages`: expected a map, found null".to_owned()));
    for (text, fault) in cases {
        sandbox.write("dvc.yaml", &text);
        let (code, out, err) = dvc.call(&sandbox, &["stage", "list"]);
        assert!(code == 255 && err.contains("validation failed"), "{text}{code} {out} {err}");
        pipe(&sandbox, &["repro", "--dry"]).code(2).tells(&[&fault]);
    }
    // To others it is no fault.
    for text in ["stages: {}\n", "", "stages:\n  b:\n    cmd: echo\n    meta:\n"] {
        sandbox.write("dvc.yaml", text);
        dvc.ok(&sandbox, &["stage", "list"]);
        sandbox.ok(["stage", "list"]);
    }
}

#[test]
fn an_empty_command_is_a_fault_of_its_stage_alone() {
    let (mut dvc, sandbox) = started();
    let stages = |cmd: &str| {
        let more = "  b:\n    cmd: ['', echo b > p]\n    outs: [p]\n";
        sandbox.write("dvc.yaml", format!("stages:\n  a:\n    cmd: {cmd}\n    outs: [o]\n{more}"));
    };
    for cmd in ["''", "[]"] {
        stages(cmd);
        let (code, _, err) = dvc.call(&sandbox, &["repro", "a"]);
        pipe(&sandbox, &["repro", "a"]).code(2).tells(&["Failed a: its command in dvc.yaml is empty"]);
        assert_eq!(code, 255, "{cmd}: {err}");
        dvc.ok(&sandbox, &["repro", "-f", "b"]);
        pipe(&sandbox, &["repro", "b"]).code(0).tells(&["Everything is up to date (1 stage)"]);
        pipe(&sandbox, &["repro", "-f", "b"]).code(0).tells(&["1 stage: 1 ran"]);
        let told = sandbox.pipe(["repro", "--dry"]).code(2).stdout;
        assert!(told.contains("a: cannot run: its command in dvc.yaml is empty\nb: up to date\n"), "{told}");
    }
}

#[test]
fn without_a_target_folders_are_not_entered() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let stage =
        |name: &str| format!("stages:\n  {name}:\n    cmd: echo {name} > {name}\n    outs: [{name}]\n");
    for folder in ["", "sub/"] {
        for arguments in [&["repro", "-R"][..], &["repro", "-R", "."]] {
            let sandboxes = [(); 2].map(|()| project(&mut dvc));
            for sandbox in &sandboxes {
                sandbox.write("dvc.yaml", stage("root"));
                sandbox.write("sub/dvc.yaml", stage("s"));
                sandbox.write("sub/deep/dvc.yaml", stage("d"));
                sandbox.write("other/dvc.yaml", stage("o"));
            }
            let [theirs, ours] = &sandboxes;
            let (code, _, told) = dvc.call_in(&theirs.path(folder), arguments);
            assert_eq!(code, 0, "{told}");
            pipe(ours, &[&["--cd", if folder.is_empty() { "." } else { folder }], arguments].concat())
                .code(0);
            let made =
                |sandbox: &Sandbox| ["root", "sub/s", "sub/deep/d", "other/o"].map(|out| sandbox.exists(out));
            assert_eq!(made(ours), made(theirs), "{arguments:?} in {folder:?}");
            assert_eq!(made(ours)[2], arguments.len() > 2, "{arguments:?} in {folder:?}");
        }
    }
}

#[test]
fn without_a_target_all_is_told() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", "stages:\n  a:\n    cmd: echo > a\n    outs: [a]\n");
    sandbox.write("sub/dvc.yaml", "stages:\n  b:\n    cmd: echo > b\n    outs: [b]\n");
    let told = crate::dvc_json::same(&mut dvc, &sandbox, "sub", "status -R");
    assert_eq!(told.as_object().map(serde_json::Map::len), Some(2), "{told}");
}

/// What the user calls right is found again by both tools, also after the run cache was lost.
#[test]
fn a_forced_commit_is_noted_in_the_run_cache() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("in", "1\n");
    sandbox.write("dvc.yaml", "stages:\n  a:\n    cmd: cp in out\n    deps: [in]\n    outs: [out]\n");
    pipe(&sandbox, &["repro"]).code(0);
    let runs = || sandbox.files(".dvc/cache/runs");
    let noted = runs();
    assert_eq!(noted.len(), 1);
    sandbox.remove(".dvc/cache/runs");
    pipe(&sandbox, &["commit", "-f"]).code(0);
    assert_eq!(runs(), noted);
    sandbox.remove(".dvc/cache/runs");
    sandbox.write("in", "2\n");
    sandbox.write("out", "two\n");
    pipe(&sandbox, &["commit", "-f"]).code(0);
    let ours = runs();
    sandbox.remove(".dvc/cache/runs");
    dvc.ok(&sandbox, &["commit", "-q", "-f"]);
    assert_eq!(ours, runs());
    assert_eq!(dvc.stale(&sandbox), Default::default());
}

#[test]
fn a_pipeline_file_is_removed_with_its_last_stage() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let stage = |name: &str| format!("  {name}:\n    cmd: echo {name} > {name}\n    outs: [{name}]\n");
    let two = format!("stages:\n{}{}", stage("a"), stage("b"));
    for arguments in [
        &["remove", "dvc.yaml", "sub/dvc.yaml"][..],
        &["remove", "a", "b", "sub/dvc.yaml:a", "sub/dvc.yaml:b"],
    ] {
        sandbox.write("dvc.yaml", &two);
        sandbox.write("sub/dvc.yaml", &two);
        pipe(&sandbox, &["repro", "-P"]).code(0);
        pipe(&sandbox, arguments).code(0);
        for gone in ["dvc.yaml", "dvc.lock", "sub/dvc.yaml", "sub/dvc.lock"] {
            assert!(!sandbox.exists(gone), "{gone}");
        }
        assert!(sandbox.exists("a") && sandbox.exists("sub/b"));
        dvc.ok(&sandbox, &["status"]);
        dvc.ok(&sandbox, &["dag"]);
    }
    // What else is written in it stays, where DVC loses it.
    sandbox.write("dvc.yaml", format!("stages:\n{}plots: [x.csv]\n", stage("a")));
    pipe(&sandbox, &["remove", "a"]).code(0);
    assert!(sandbox.read("dvc.yaml").contains("plots: [x.csv]"));
}

/// Flags that say no more together than one of them alone.
#[test]
fn targets_beside_all_pipelines_and_downstream_beside_one_stage() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    let stage = |name: &str, dep: &str| {
        format!(
            "  {name}:\n    cmd: echo {name} >> log && cp {dep} {name}\n    deps: [{dep}]\n    outs: [{name}]\n"
        )
    };
    sandbox.write("in", "1\n");
    sandbox.write("dvc.yaml", format!("stages:\n{}{}", stage("a", "in"), stage("b", "a")));
    for arguments in [["repro", "-f", "-P", "a"].as_slice(), &["repro", "-f", "-s", "a", "--downstream"]] {
        sandbox.write("log", "");
        dvc.ok(&sandbox, arguments);
        let theirs = sandbox.read("log");
        sandbox.write("log", "");
        pipe(&sandbox, arguments).code(0);
        assert_eq!(sandbox.read("log"), theirs, "{arguments:?}");
    }
}
