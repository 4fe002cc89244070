//! Data that projects of DVC import from elsewhere, beside `dvc` itself and in both directions.

use std::collections::BTreeSet;

use serde_json::json;

use crate::dvc_json::same;
use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

/// A repository of DVC in the folder `source` beside the project, with data, a file in git, and both in one folder.
pub fn source(dvc: &mut Dvc, sandbox: &Sandbox) {
    let mut here = |arguments: &[&str]| {
        let (code, out, err) = dvc.call_in(&sandbox.path("../source"), arguments);
        assert_eq!(code, 0, "{arguments:?} {out}{err}");
    };
    for (file, text) in [
        ("data/a", "1\n"),
        ("data/sub/b", "2\n"),
        ("single", "3\n"),
        ("code", "c\n"),
        ("mix/g", "g\n"),
        ("mix/t", "t\n"),
    ] {
        sandbox.write(&format!("../source/{file}"), text);
    }
    std::os::unix::fs::symlink("g", sandbox.path("../source/mix/link")).unwrap();
    sandbox.git(["init", "-q", "../source"]);
    here(&["init", "-q"]);
    here(&["add", "-q", "data", "single", "mix/t"]);
    commit(sandbox, "one");
    sandbox.git(["-C", "../source", "tag", "v1"]);
}

fn commit(sandbox: &Sandbox, message: &str) {
    sandbox.git(["-C", "../source", "add", "."]);
    sandbox.git(["-C", "../source", "commit", "-qm", message]);
}

/// The source has other data.
fn move_on(dvc: &mut Dvc, sandbox: &Sandbox) {
    sandbox.write("../source/data/a", "another\n");
    let (code, ..) = dvc.call_in(&sandbox.path("../source"), &["add", "-q", "data"]);
    assert_eq!(code, 0);
    commit(sandbox, "two");
}

const IMPORTS: [&[&str]; 10] = [
    &["import", "../source", "data", "-o", "d"],
    &["import", "../source", "single", "--rev", "v1"],
    &["import", "../source", "code"],
    &["import", "../source", "data/sub/b", "-o", "bb"],
    &["import", "../source", "data/sub"],
    &["import", "../source", "mix"],
    &["import-url", "../outside/file"],
    &["import-url", "../outside/folder", "f"],
    &["import-url", "own", "copy"],
    &["import-url", "remote://store/kept", "k"],
];

const POINTERS: [&str; 10] = [
    "d.dvc",
    "single.dvc",
    "code.dvc",
    "bb.dvc",
    "sub.dvc",
    "mix.dvc",
    "file.dvc",
    "f.dvc",
    "copy.dvc",
    "k.dvc",
];

/// Two projects with the same surroundings.
fn pair(dvc: &mut Dvc) -> [Sandbox; 2] {
    [(); 2].map(|()| {
        let sandbox = project(dvc);
        source(dvc, &sandbox);
        for (file, text) in [
            ("own", "o\n"),
            ("../outside/file", "x\n"),
            ("../outside/folder/y", "y\n"),
            ("../store/kept", "k\n"),
        ] {
            sandbox.write(file, text);
        }
        dvc.ok(&sandbox, &["remote", "add", "-q", "store", "../store"]);
        sandbox
    })
}

/// The text of a pointer without what two repositories never have in common.
fn text(sandbox: &Sandbox, pointer: &str) -> String {
    let text = sandbox.read(pointer);
    let own = |line: &&str| !line.starts_with("md5:") && !line.contains("rev_lock");
    text.lines().filter(own).collect::<Vec<_>>().join("\n")
}

#[test]
fn imports_are_written_as_dvc_writes_them() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = pair(&mut dvc);
    for arguments in IMPORTS {
        dvc.ok(&theirs, arguments);
        pipe(&ours, arguments).code(0);
    }
    for pointer in POINTERS {
        assert_eq!(text(&ours, pointer), text(&theirs, pointer), "{pointer}");
    }
    for path in
        ["d/a", "d/sub/b", "single", "code", "bb", "sub/b", "mix/g", "mix/t", "mix/link", "f/y", "copy", "k"]
    {
        assert_eq!(ours.read(path), theirs.read(path), "{path}");
    }
    assert!(dvc.stale(&ours).is_empty());
    assert!(stale(&ours).is_empty());
    assert!(stale(&theirs).is_empty());
    // What is not brought.
    for arguments in [
        &["import", "../source", "data", "--no-download", "-o", "nd"][..],
        &["import", "../source", "data", "--no-exec", "-o", "ne"],
        &["import-url", "--no-download", "../outside/file", "und"],
        &["import-url", "--no-exec", "../outside/file", "une"],
    ] {
        dvc.ok(&theirs, arguments);
        pipe(&ours, arguments).code(0);
        let name = arguments.last().unwrap();
        assert_eq!(text(&ours, &format!("{name}.dvc")), text(&theirs, &format!("{name}.dvc")));
        assert!(!ours.exists(name));
    }
    assert_eq!(dvc.stale(&ours), dvc.stale(&theirs));
    pipe(&ours, &["update", "nd", "une.dvc"]).code(0);
    assert_eq!(ours.read("nd/a"), "1\n");
    assert_eq!(ours.read("une"), "x\n");
    // A folder that is there holds it, unless it is recorded as a whole.
    ours.write("w/own", "");
    pipe(&ours, &["import", "../source", "code", "-o", "w"]).code(0);
    assert_eq!(ours.read("w/code"), "c\n");
    pipe(&ours, &["import", "../source", "code", "-o", "d"]).code(2).tells(&["d/code lies in d"]);
}

#[test]
fn what_was_imported_comes_from_its_source() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = pair(&mut dvc);
    for arguments in IMPORTS {
        dvc.ok(&theirs, arguments);
        pipe(&ours, arguments).code(0);
    }
    let lose = |sandbox: &Sandbox| {
        sandbox.remove(".dvc/cache");
        for path in ["d", "single", "code", "bb", "sub", "mix", "file", "f", "copy", "k"] {
            if sandbox.exists(path) {
                sandbox.remove(path);
            }
        }
    };
    lose(&theirs);
    let dry = pipe(&theirs, &["pull", "--dry"]).code(0);
    assert!(dry.stdout.contains("d: would come from data (../source)"), "{}", dry.stdout);
    pipe(&theirs, &["pull"]).code(0).tells(&["Brought d from data (../source)."]);
    assert_eq!(theirs.read("d/a"), "1\n");
    assert_eq!(dvc.stale(&theirs), Default::default(), "{}", dvc.ok(&theirs, &["status"]));
    assert!(stale(&theirs).is_empty());
    // The commit that was recorded counts, not what is there now.
    move_on(&mut dvc, &theirs);
    lose(&theirs);
    pipe(&theirs, &["pull", "d"]).code(0);
    assert_eq!(theirs.read("d/a"), "1\n");
    // DVC brings nothing else that no remote has, and of folders no part that git has.
    lose(&ours);
    dvc.ok(&ours, &["pull", "-q", "d", "single", "code", "bb", "sub"]);
    assert_eq!(ours.read("d/a"), "1\n");
    // A source that is gone is named.
    lose(&ours);
    ours.remove("../source");
    ours.remove("../outside");
    ours.remove(".dvc/tmp");
    pipe(&ours, &["pull"]).code(1).tells(&[
        "d: failed to bring data (../source): the repository ../source cannot be read",
        "file: failed to bring ../outside/file",
    ]);
    assert_eq!(ours.read("copy"), "o\n");
}

#[test]
fn imports_follow_their_source_when_asked() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = pair(&mut dvc);
    for arguments in &IMPORTS[..7] {
        dvc.ok(&theirs, arguments);
        pipe(&ours, arguments).code(0);
    }
    for sandbox in [&ours, &theirs] {
        move_on(&mut dvc, sandbox);
        sandbox.write("../outside/file", "another\n");
    }
    let stale_now = dvc.stale(&ours);
    assert_eq!(
        stale_now.iter().map(String::as_str).collect::<Vec<_>>(),
        ["bb.dvc", "code.dvc", "d.dvc", "mix.dvc", "sub.dvc"]
    );
    assert_eq!(stale(&ours), stale_now);
    let said = pipe(&ours, &["status"]).code(0).stdout;
    // To DVC any other commit is an update; it is told which has other data.
    assert!(said.contains("d.dvc: update available\n") && said.contains("`pipe update d.dvc`"), "{said}");
    for line in [
        "data (../source) has other data now: `pipe update d.dvc` takes it\n",
        "code (../source) has other commits, with the same data, now: `pipe update code.dvc` records the newest\n",
    ] {
        assert!(said.contains(line), "{line} {said}");
    }
    pipe(&ours, &["status", "-q"]).code(1);
    assert_eq!(pipe(&ours, &["status", "--no-updates"]).code(0).stdout, "Everything is up to date.\n");
    pipe(&ours, &["repro"]).code(0);
    assert_eq!(ours.read("d/a"), "1\n");
    for sandbox in [&ours, &theirs] {
        let pointer = sandbox.read("d.dvc").replace("  size: 4\n", "  size: 4 # bytes\n");
        sandbox.write("d.dvc", pointer);
    }
    let mut same = |arguments: &[&str], pointers: &[&str]| {
        pipe(&ours, arguments).code(0);
        dvc.ok(&theirs, arguments);
        for pointer in pointers {
            assert_eq!(text(&ours, pointer), text(&theirs, pointer), "{arguments:?} {pointer}");
        }
    };
    same(&["update", "d.dvc", "file.dvc"], &["d.dvc", "file.dvc"]);
    same(&["update", "--rev", "v1", "bb.dvc"], &["bb.dvc"]);
    same(&["update", "-R", "."], &POINTERS[..7]);
    assert_eq!((ours.read("d/a"), ours.read("file")), ("another\n".to_owned(), "another\n".to_owned()));
    assert!(ours.read("d.dvc").contains("# bytes"));
    // DVC finds the texts' own digests right, and what is in the cache.
    assert_eq!(dvc.stale(&ours), dvc.stale(&theirs));
    assert_eq!(stale(&ours), dvc.stale(&ours));
    pipe(&ours, &["update"]).code(0).tells(&["Unchanged: d"]);
    pipe(&ours, &["add", "own"]).code(0);
    pipe(&ours, &["update", "own"]).code(2).tells(&["own.dvc was not imported"]);
    pipe(&ours, &["update", "file", "--rev", "v1"]).code(2);
}

#[test]
fn what_repositories_have_is_not_pushed() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = pair(&mut dvc);
    for sandbox in [&ours, &theirs] {
        for arguments in [IMPORTS[0], IMPORTS[6]] {
            dvc.ok(sandbox, arguments);
        }
    }
    dvc.ok(&theirs, &["push", "-q", "-r", "store"]);
    pipe(&ours, &["status", "-c", "-r", "store"]).code(0);
    pipe(&ours, &["push", "-r", "store"]).code(0).tells(&["1 file pushed"]);
    assert_eq!(ours.files("../store"), theirs.files("../store"));
}

/// What the repository between does not have, where that one has it from does.
#[test]
fn imports_of_imports_come_from_where_they_began() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = pair(&mut dvc);
    for sandbox in [&ours, &theirs] {
        sandbox.git(["init", "-q", "../middle"]);
        for arguments in
            [&["init", "-q"][..], IMPORTS[0], IMPORTS[2], &["import", "../source", "mix", "-o", "in/m"]]
        {
            sandbox.write("../middle/in/keep", "");
            let (code, out, err) = dvc.call_in(&sandbox.path("../middle"), arguments);
            assert_eq!(code, 0, "{arguments:?} {out}{err}");
        }
        sandbox.git(["-C", "../middle", "add", "."]);
        sandbox.git(["-C", "../middle", "commit", "-qm", "imported"]);
        // The recorded commit counts.
        move_on(&mut dvc, sandbox);
        sandbox.remove("../middle/.dvc/cache");
    }
    for path in ["d", "code", "in/m", "d/sub/b"] {
        let out = path.replace('/', "-");
        let arguments = ["import", "../middle", path, "-o", &out];
        pipe(&ours, &arguments).code(0);
        dvc.ok(&theirs, &arguments);
        let pointer = format!("{out}.dvc");
        assert_eq!(text(&ours, &pointer), text(&theirs, &pointer), "{path}");
    }
    assert_eq!(ours.read("d/a") + &ours.read("in-m/t") + &ours.read("d-sub-b"), "1\nt\n2\n");
    assert_eq!(dvc.stale(&ours), dvc.stale(&theirs));
    pipe(&ours, &["get", "../middle", "d", "-o", "got"]).code(0);
    assert_eq!(ours.read("got/sub/b"), "2\n");
    ours.remove("../source");
    ours.remove(".dvc/tmp");
    pipe(&ours, &["get", "../middle", "d", "-o", "other"]).code(2).tells(&["../source cannot be read"]);
}

#[test]
fn what_a_repository_has_is_listed_as_by_dvc() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [sandbox, _] = pair(&mut dvc);
    sandbox.write("../source/run.sh", "");
    std::os::unix::fs::symlink("x", sandbox.path("../source/gone")).unwrap();
    std::process::Command::new("chmod").arg("+x").arg(sandbox.path("../source/run.sh")).status().unwrap();
    commit(&sandbox, "more");
    for arguments in [
        &["../source"][..],
        &["../source", "-R"],
        &["../source", "--dvc-only"],
        &["../source", "-R", "--dvc-only"],
        &["../source", "data"],
        &["../source", "data", "-R"],
        &["../source", "data/sub"],
        &["../source", "data/sub/b"],
        &["../source", "mix", "--dvc-only"],
        &["../source", "--rev", "v1"],
    ] {
        let told = |said: String| {
            let json: Vec<serde_json::Value> = serde_json::from_str(&said).unwrap();
            let facts = |entry: &serde_json::Value| {
                (
                    entry["path"].clone(),
                    entry["isdir"].clone(),
                    entry["isexec"].clone(),
                    entry["isout"].clone(),
                    entry["md5"].clone(),
                    entry.as_object().map(|entry| entry.keys().cloned().collect::<BTreeSet<_>>()),
                )
            };
            let mut told: Vec<_> = json.iter().map(facts).collect();
            // We show folders with a slash, and put them where that puts them.
            told.sort_by_key(|entry| entry.0.to_string());
            told
        };
        let ours = pipe(&sandbox, &[&["list", "--json"], arguments].concat()).code(0).stdout;
        let theirs = dvc.ok(&sandbox, &[&["list", "--json"], arguments].concat());
        assert_eq!(told(ours), told(theirs), "{arguments:?}");
    }
    for arguments in [
        &["--tree"][..],
        &["--tree", "--level", "1"],
        &["data", "--tree", "-L", "2"],
        &["--tree", "--dvc-only"],
        &["-R", "--level", "1"],
        &["-R", "-L", "2", "--rev", "v1"],
    ] {
        let arguments = [&["list", "../source"], arguments].concat();
        let sorted = |text: String| {
            let mut lines: Vec<String> =
                text.lines().map(|line| line.trim_end_matches('/').to_owned()).collect();
            lines.sort();
            lines
        };
        let ours = pipe(&sandbox, &arguments).code(0).stdout;
        assert_eq!(sorted(ours), sorted(dvc.ok(&sandbox, &arguments)), "{arguments:?}");
    }
    // A tree has columns before it.
    let flags = ["list", "../source", "--tree", "--size", "--show-hash"];
    let hashes = |text: &str| text.matches(".dir").count();
    let theirs = dvc.ok(&sandbox, &flags);
    assert!(hashes(&theirs) > 0, "{theirs}");
    let ours = pipe(&sandbox, &flags).code(0).stdout;
    assert_eq!(
        ours.lines().filter(|line| line.contains("── ")).count(),
        theirs.matches("── ").count(),
        "{ours}"
    );
    let said = pipe(&sandbox, &["list", "../source", "--size", "code"]).code(0).stdout;
    assert!(said.contains("2 B"), "{said}");
    pipe(&sandbox, &["list", "../source", "none"]).code(2).tells(&["has no `none`"]);
    pipe(&sandbox, &["list", "../source", "--rev", "v9"]).code(2).tells(&["no git revision `v9`"]);
    pipe(&sandbox, &["list", "--remote", "x"]).code(2).tells(&["of another repository"]);
    // No project is needed, and nothing is left behind.
    let outside = sandbox.path("../outside");
    let said = sandbox.pipe(["--cd", outside.to_str().unwrap(), "list", "../source", "mix"]).code(0).stdout;
    assert_eq!(said, ".gitignore\ng\nlink\nt\nt.dvc\n");
}

#[test]
fn what_is_imported_may_go_to_the_remote_alone() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = pair(&mut dvc);
    for sandbox in [&ours, &theirs] {
        dvc.ok(sandbox, &["remote", "add", "-q", "-d", "main", "../main"]);
    }
    for arguments in [
        &["import-url", "--to-remote", "../outside/file"][..],
        &["import-url", "--to-remote", "../outside/folder", "f"],
        &["import-url", "--to-remote", "-r", "store", "../outside/file", "again"],
    ] {
        pipe(&ours, arguments).code(0);
        dvc.ok(&theirs, arguments);
        let pointer = format!("{}.dvc", arguments.last().unwrap().rsplit('/').next().unwrap());
        assert_eq!(text(&ours, &pointer), text(&theirs, &pointer), "{arguments:?}");
    }
    // DVC leaves files behind that it made on the way.
    let files = |sandbox: &Sandbox, folder: &str| {
        let files = sandbox.files(folder).into_iter();
        files.filter(|file| !file.ends_with(".tmp")).collect::<Vec<_>>()
    };
    for folder in ["../main", "../store"] {
        assert_eq!(files(&ours, folder), files(&theirs, folder));
    }
    let lines =
        |sandbox: &Sandbox| sandbox.read(".gitignore").lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(lines(&ours), lines(&theirs));
    for path in ["file", "f", ".dvc/cache/files"] {
        assert!(!ours.exists(path), "{path}");
    }
    pipe(&ours, &["pull", "file", "f"]).code(0);
    assert_eq!(ours.read("f/y") + &ours.read("file"), "y\nx\n");
    dvc.ok(&theirs, &["pull", "-q", "file", "f"]);
    assert_eq!(dvc.stale(&ours), dvc.stale(&theirs));
    for arguments in [&["--no-exec"][..], &["--no-download"]] {
        pipe(&ours, &[&["import-url", "../outside/file", "x", "--to-remote"], arguments].concat()).code(2);
    }
    pipe(&ours, &["import-url", "../outside/file", "x", "-r", "store"]).code(2);
    pipe(&ours, &["import-url", "../outside/none", "x", "--to-remote"]).code(2);
    assert!(!ours.exists("x.dvc"));
}

#[test]
fn what_follows_its_source_is_foretold_and_brought_back() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    source(&mut dvc, &sandbox);
    for arguments in [&["import", "../source", "data", "-o", "d"][..], &["import", "../source", "code"]] {
        dvc.ok(&sandbox, arguments);
    }
    for pointer in ["d.dvc", "code.dvc"] {
        let text = sandbox.read(pointer).replace("frozen: true\n", "");
        sandbox.write(pointer, text);
    }
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: cat d/a > o\n    deps: [d]\n    outs: [o]\n  b:\n    cmd: cat o > p\n    deps: [o]\n    outs: [p]\n",
    );
    pipe(&sandbox, &["repro"]).code(0);
    sandbox.commit("all");
    assert_eq!(pipe(&sandbox, &["status"]).code(0).stdout, "Everything is up to date.\n");
    move_on(&mut dvc, &sandbox);
    // Edited here, while its source has nothing new.
    sandbox.write("code", "edited\n");
    let plan = pipe(&sandbox, &["repro", "-P", "--dry"]).code(0).stdout;
    for line in [
        "d.dvc: would be updated from its source: data (../source) has other data\n",
        "code.dvc: would be updated from its source: code (../source) has other data\n",
        "a: depends on the result of d.dvc\n",
        "b: depends on the result of a\n",
    ] {
        assert!(plan.contains(line), "{line} {plan}");
    }
    let plan = pipe(&sandbox, &["repro", "--dry", "--json", "a"]).code(0).json();
    let actions: Vec<_> = plan["stages"].as_array().unwrap().iter().map(|stage| &stage["action"]).collect();
    assert_eq!(actions, ["update", "depends"]);
    assert_eq!(sandbox.read("d/a"), "1\n");
    pipe(&sandbox, &["repro", "-P"]).code(0).tells(&[
        "Updated d",
        "Saved code",
        "Brought back code",
        "Finished a",
    ]);
    assert_eq!((sandbox.read("p"), sandbox.read("code")), ("another\n".to_owned(), "c\n".to_owned()));
    let plan = pipe(&sandbox, &["repro", "-P", "--dry"]).code(0).stdout;
    assert!(plan.lines().all(|line| line.ends_with(": up to date")), "{plan}");
}

/// What came from its source needs no remote to be placed, as for DVC; what else is wanted is told then.
#[test]
fn what_was_brought_is_placed_also_without_a_remote() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, _] = pair(&mut dvc);
    dvc.ok(&ours, &["import", "-q", "../source", "data"]);
    ours.write("dvc.yaml", "stages:\n  s:\n    cmd: cp data/a o\n    deps: [data]\n    outs: [o]\n");
    dvc.ok(&ours, &["repro", "-q"]);
    let lose = |lock: &str| {
        for path in [".dvc/cache", ".dvc/tmp", "data", "o"] {
            if ours.exists(path) {
                ours.remove(path);
            }
        }
        ours.write("dvc.lock", lock);
    };
    let lock = ours.read("dvc.lock");
    ours.write(".dvc/config", "");
    // The out has the bytes of what was imported.
    lose(&lock);
    pipe(&ours, &["pull"]).code(0).tells(&["Brought data from data (../source)."]);
    assert_eq!((ours.read("data/a"), ours.read("o")), ("1\n".to_owned(), "1\n".to_owned()));
    lose(&lock);
    dvc.ok(&ours, &["pull", "-q"]);
    assert_eq!(ours.read("data/a"), "1\n");
    // It has others.
    let lock = lock.replace("b026324c6904b2a9cb4b88d6d61c81d1", "00000000000000000000000000000001");
    lose(&lock);
    pipe(&ours, &["pull"]).code(2).tells(&["there is no remote to share data through"]);
    assert_eq!(ours.read("data/a"), "1\n");
    lose(&lock);
    ours.write(".dvc/config", "[core]\n    remote = gone\n['remote \"gone\"']\n    url = /nowhere\n");
    pipe(&ours, &["pull"]).code(2).tells(&["remote `gone` is not there"]);
    assert_eq!(ours.read("data/a"), "1\n");
}

#[test]
fn what_was_never_brought_is_told_by_its_files() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let source = project(&mut dvc);
    source.write("data/a", "1\n");
    source.write("data/sub/b", "2\n");
    dvc.ok(&source, &["add", "-q", "data"]);
    source.write("kept/x", "3\n");
    source.write("plain", "4\n");
    source.commit("first");
    let sandbox = project(&mut dvc);
    sandbox.commit("empty");
    let url = source.root().display().to_string();
    for path in ["data", "kept", "plain"] {
        dvc.ok(&sandbox, &["import", "-q", "--no-download", &url, path]);
    }
    same(&mut dvc, &sandbox, ".", "diff");
    sandbox.commit("imported");
    let told = same(&mut dvc, &sandbox, ".", "diff --show-hash");
    let deleted = ["data/a", "data/sub/b", "kept/x", "plain"].map(|path| json!({"path": path, "hash": null}));
    assert_eq!(told["deleted"], json!(deleted), "{told}");
    for command in ["diff HEAD~1", "diff HEAD~1 HEAD --show-hash", "diff --targets data"] {
        same(&mut dvc, &sandbox, ".", command);
    }
    dvc.ok(&sandbox, &["update", "-q", "data.dvc"]);
    for command in ["diff --show-hash", "diff --targets data --show-hash"] {
        same(&mut dvc, &sandbox, ".", command);
    }
    // DVC tells nothing at all without the repository.
    sandbox.remove(".dvc/tmp");
    source.remove(".git");
    let told =
        pipe(&sandbox, &["diff", "--json"]).code(0).tells(&["the files of kept cannot be told: "]).json();
    assert_eq!(told["deleted"], json!([{"path": "kept"}, {"path": "plain"}]), "{told}");
}

#[test]
fn a_relative_repository_is_as_it_was_typed_wherever_that_was() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = pair(&mut dvc);
    for sandbox in [&ours, &theirs] {
        sandbox.write("sub/deep/kept", "");
    }
    let import = ["import", "../../source", "code"];
    pipe(&ours, &[&["--cd", "sub"], &import[..]].concat()).code(0);
    let (code, _, said) = dvc.call_in(&theirs.path("sub"), &import);
    assert_eq!(code, 0, "{said}");
    assert_eq!(text(&ours, "sub/code.dvc"), text(&theirs, "sub/code.dvc"));
    assert!(ours.read("sub/code.dvc").contains("url: ../../source"));
    let out = ["import", "../source", "code", "-o", "sub/other"];
    pipe(&ours, &out).code(0);
    dvc.ok(&theirs, &out);
    assert_eq!(text(&ours, "sub/other.dvc"), text(&theirs, "sub/other.dvc"));
    // Earlier versions had it start at the top.
    pipe(&ours, &["import", "../source", "code", "-o", "sub/deep/early"]).code(0);
    for sandbox in [&ours, &theirs] {
        sandbox.write("../source/code", "new\n");
        commit(sandbox, "newer");
    }
    // Each reads what the other wrote.
    let (code, _, said) = dvc.call_in(&ours.path("sub"), &["update", "code.dvc"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(ours.read("sub/code"), "new\n");
    assert!(pipe(&theirs, &["status"]).code(0).stdout.contains("sub/code.dvc"));
    pipe(&theirs, &["update", "sub/code.dvc", "sub/other.dvc"]).code(0);
    pipe(&ours, &["--cd", "sub/deep", "update", "early.dvc"]).code(0);
    for (sandbox, file) in [(&theirs, "sub/code"), (&theirs, "sub/other"), (&ours, "sub/deep/early")] {
        assert_eq!(sandbox.read(file), "new\n", "{file}");
    }
    // Also without any copy of it, from a folder where the way leads elsewhere.
    theirs.remove("sub/code");
    theirs.remove(".dvc/cache");
    pipe(&theirs, &["--cd", "sub/deep", "pull", "../code.dvc"]).code(0);
    assert_eq!(theirs.read("sub/code"), "new\n");
}
