//! Data that comes from elsewhere: from repositories and from places outside of any, and repositories that mean harm.

use crate::dvc_tool::{self, Dvc};
use crate::harness::Sandbox;

/// A repository of pipe in the folder `source` beside the project.
fn source(sandbox: &Sandbox) {
    for (file, text) in
        [("data/a", "1\n"), ("data/sub/b", "2\n"), ("code", "c\n"), ("mix/g", "g\n"), ("mix/t", "t\n")]
    {
        sandbox.write(&format!("../source/{file}"), text);
    }
    sandbox.git(["init", "-q", "-b", "main", "../source"]);
    in_source(sandbox, &["init"]);
    in_source(sandbox, &["add", "data", "mix/t"]);
    commit(sandbox, "one");
    sandbox.git(["-C", "../source", "tag", "v1"]);
}

fn in_source(sandbox: &Sandbox, arguments: &[&str]) {
    let source = sandbox.path("../source");
    sandbox.ok([&["--cd", source.to_str().unwrap()], arguments].concat());
}

fn commit(sandbox: &Sandbox, message: &str) {
    sandbox.git(["-C", "../source", "add", "."]);
    sandbox.git(["-C", "../source", "commit", "-qm", message]);
}

fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    source(&sandbox);
    sandbox.ok(["init"]);
    sandbox
}

#[test]
fn data_of_a_repository_is_imported_brought_back_and_updated() {
    let sandbox = project();
    sandbox.ok(["import", "../source", "data"]).tells(&["git add data.pipe .gitignore"]);
    sandbox.ok(["import", "../source", "data/sub/b", "-o", "one"]);
    sandbox.ok(["import", "../source", "mix", "--rev", "v1"]);
    sandbox.write("sub/x", "");
    sandbox.ok(["--cd", "sub", "import", "../../source", "code"]);
    let pointer = sandbox.read("sub/code.pipe");
    assert!(pointer.contains("  repo:\n    url: ../source\n    rev_lock: "), "{pointer}");
    assert_eq!(sandbox.read("mix/t") + &sandbox.read("mix/g") + &sandbox.read("one"), "t\ng\n2\n");
    assert!(!sandbox.exists("mix/t.pipe"));
    sandbox
        .pipe(["import", "../source", "code", "-o", "one"])
        .code(2)
        .tells(&["one exists already", "`-o OUT`"]);
    let said = sandbox.pipe(["import-url", "../source/code", "one"]).code(2);
    said.tells(&["one exists already", "a word after the URL names another place"]);
    let said = sandbox.pipe(["import", "../source", "none"]).code(2).tells(&["has no `none`"]);
    assert!(!said.stderr.contains("Importing"), "{}", said.stderr);
    sandbox.pipe(["import", "../source", "code", "--rev", "v9"]).code(2).tells(&["no git revision `v9`"]);
    sandbox.pipe(["import", "../source", "data.pipe"]).code(2).tells(&["is a pointer"]);
    sandbox.pipe(["import", "../source", "code", "--no-exec", "-o", "x"]).code(2);
    sandbox.commit("imported");
    // Elsewhere, with neither a cache nor a remote.
    let clone = || {
        if sandbox.exists("../clone") {
            sandbox.remove("../clone");
        }
        sandbox.git(["clone", "-q", ".", "../clone"]);
    };
    let folder = sandbox.path("../clone");
    let there = |arguments: &[&str]| sandbox.pipe([&["--cd", folder.to_str().unwrap()], arguments].concat());
    clone();
    there(&["pull"]).code(0).tells(&["Brought data from data (../source)."]);
    assert_eq!(sandbox.read("../clone/data/sub/b") + &sandbox.read("../clone/sub/code"), "2\nc\n");
    // The source moves on: what was recorded counts until somebody asks.
    sandbox.write("../source/data/a", "another\n");
    in_source(&sandbox, &["add", "data"]);
    commit(&sandbox, "two");
    clone();
    there(&["pull"]).code(0);
    assert_eq!(sandbox.read("../clone/data/a"), "1\n");
    let said = there(&["status"]).code(0).stdout;
    assert!(said.contains("data.pipe: update available") && !said.contains("mix.pipe"), "{said}");
    there(&["update", "data", "one"]).code(0).tells(&["Updated data", "Updated one"]);
    assert_eq!(sandbox.read("../clone/data/a"), "another\n");
    there(&["update", "data"]).code(0).tells(&["Unchanged: data"]);
    let said = there(&["status"]).code(0).stdout;
    assert!(!said.contains("data.pipe"), "{said}");
    // Nothing of this is anybody else's to keep.
    there(&["remote", "add", "-d", "store", "../store"]).code(0);
    there(&["push"]).code(0).tells(&["0 files pushed"]);
    there(&["unfreeze", "data.pipe"]).code(2).tells(&["imported data is always frozen"]);
}

#[test]
fn revisions_of_a_repository_may_be_told_from_others() {
    let sandbox = project();
    sandbox.write("../source/code", "d\n");
    commit(&sandbox, "two");
    sandbox.git(["-C", "../source", "tag", "-am", "two", "v2"]);
    for (rev, code) in
        [("HEAD", "d\n"), ("HEAD~1", "c\n"), ("main^", "c\n"), ("v2^{commit}", "d\n"), ("v2^0~1", "c\n")]
    {
        sandbox.ok(["import", "-f", "../source", "code", "--rev", rev]);
        assert_eq!(sandbox.read("code"), code, "{rev}");
        sandbox.ok(["list", "../source", "--rev", rev]);
        assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n", "{rev}");
    }
    sandbox.ok(["update", "--rev", "HEAD~1", "code"]);
    sandbox.write("../source/code", "e\n");
    commit(&sandbox, "three");
    // What is relative to something that moved has moved too.
    assert!(sandbox.ok(["status"]).stdout.contains("pipe update"));
    sandbox.ok(["update", "code"]);
    assert_eq!(sandbox.read("code"), "d\n");
    for rev in ["v9~1", "HEAD~9", "-x~1", "HEAD~x"] {
        let said = sandbox.pipe(["import", "../source", "code", "-o", "x", &format!("--rev={rev}")]);
        said.code(2).tells(&[&format!("no git revision `{rev}`")]);
    }
}

#[test]
fn imports_that_lead_round_in_a_circle_are_told() {
    let sandbox = project();
    let there = |name: &str, arguments: &[&str]| {
        let folder = sandbox.path(&format!("../{name}"));
        sandbox.ok([&["--cd", folder.to_str().unwrap()], arguments].concat());
        sandbox.git(["-C", &format!("../{name}"), "add", "."]);
        sandbox.git(["-C", &format!("../{name}"), "commit", "-qm", "more"]);
    };
    sandbox.git(["init", "-q", "../other"]);
    there("other", &["init"]);
    there("other", &["import", "../source", "data"]);
    there("source", &["remove", "data.pipe", "--outs"]);
    there("source", &["import", "../other", "data"]);
    sandbox.remove("../source/.pipe/cache");
    sandbox.remove("../other/.pipe/cache");
    sandbox.pipe(["get", "../source", "data"]).code(2).tells(&["imports lead round in a circle"]);
}

#[test]
fn what_is_fetched_needs_no_project() {
    let sandbox = project();
    let there = sandbox.path("../there");
    let get = |arguments: &[&str]| {
        std::fs::create_dir_all(&there).unwrap();
        sandbox.pipe([&["--cd", there.to_str().unwrap()], arguments].concat())
    };
    get(&["get", "../source", "data"]).code(0);
    get(&["get", "../source", "mix/t", "-o", "renamed", "--rev", "v1"]).code(0);
    get(&["get-url", "../source/code"]).code(0);
    assert_eq!(
        sandbox.files("../there"),
        ["code", "data/a", "data/sub/b", "renamed"].map(|file| format!("../there/{file}"))
    );
    get(&["get", "../source", "data"]).code(2).tells(&["exists already"]);
    get(&["get", "../source", "data", "-o", "data"]).code(0);
    assert!(sandbox.exists("../there/data/data/a"), "into a folder that is there");
    get(&["get-url", "../source/code"]).code(2).tells(&["exists already"]);
    get(&["get-url", "-f", "../source/data/a", "code"]).code(0);
    assert_eq!(sandbox.read("../there/code"), "1\n");
}

#[test]
fn places_outside_are_imported_too() {
    let sandbox = project();
    sandbox.write("../outside/f/x", "1\n");
    sandbox.write("../store/kept", "k\n");
    sandbox.ok(["remote", "add", "store", "../store"]);
    let file = format!("file://{}", sandbox.path("../outside/f/x").canonicalize().unwrap().display());
    sandbox.ok(["import-url", "../outside/f"]);
    sandbox.ok(["import-url", &file, "in/x", "--desc", "raw"]);
    sandbox.ok(["import-url", "remote://store/kept"]);
    assert!(sandbox.read("f.pipe").contains("deps:\n- digest: blake3:"));
    assert!(sandbox.read("in/x.pipe").contains("desc: raw\n"));
    for path in [".pipe/cache", "f", "in/x", "kept"] {
        sandbox.remove(path);
    }
    sandbox.ok(["pull"]);
    assert_eq!(sandbox.read("f/x") + &sandbox.read("in/x") + &sandbox.read("kept"), "1\n1\nk\n");
    sandbox.write("../outside/f/x", "2\n");
    sandbox.ok(["update"]).tells(&["Updated f", "Updated in/x", "Unchanged: kept"]);
    assert_eq!(sandbox.read("f/x") + &sandbox.read("in/x"), "2\n2\n");
    // What lies there is not what was recorded.
    sandbox.write("../outside/f/x", "3\n");
    sandbox.remove(".pipe/cache");
    sandbox.remove("f");
    sandbox.pipe(["pull", "f"]).code(1).tells(&["../outside/f holds other bytes now than f.pipe records"]);
    sandbox.pipe(["import-url", "ftp://h/x"]).code(2).tells(&["of a kind that is not supported"]);
    sandbox.pipe(["import-url", "../none"]).code(2).tells(&["there is no "]);
}

#[test]
fn imports_of_dvc_come_along() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = dvc_tool::project(&mut dvc);
    source(&sandbox);
    sandbox.write("../outside", "x\n");
    // A repository of ours, whose digests are others.
    dvc_tool::pipe(&sandbox, &["import", "../source", "data"]).code(0);
    dvc_tool::pipe(&sandbox, &["import", "../source", "code", "--rev", "main"]).code(0);
    dvc.ok(&sandbox, &["import-url", "-q", "../outside", "x"]);
    sandbox.commit("one");
    sandbox.ok(["convert"]);
    for (pointer, text) in [
        ("data.pipe", "- path: data\n  repo:\n    url: ../source\n"),
        ("code.pipe", "rev: main\n"),
        ("x.pipe", "path: ../outside\n"),
    ] {
        assert!(sandbox.read(pointer).contains(text), "{}", sandbox.read(pointer));
    }
    sandbox.ok(["update"]).tells(&["Unchanged: data", "Unchanged: code", "Unchanged: x"]);
    sandbox.remove(".pipe/cache");
    sandbox.remove("data");
    sandbox.ok(["pull"]);
    assert_eq!(sandbox.read("data/sub/b"), "2\n");
}

/// Nothing in a repository runs, leads out of it, or is taken for an option.
#[test]
fn a_hostile_repository_harms_nobody() {
    let sandbox = project();
    sandbox.write("../secret", "secret\n");
    for url in ["-u", "--upload-pack=touch /tmp/x", "ext::sh -c touch% ran", "fd::0"] {
        sandbox.pipe(["import", "--", url, "code"]).code(2).tells(&["is no URL of a git repository"]);
    }
    sandbox.pipe(["import", "https://me:secret@localhost/x", "code"]).code(2).tells(&["holds a password"]);
    for path in ["../secret", "/../secret", ".git/config", "data/../../secret"] {
        sandbox.pipe(["import", "../source", path, "-o", "got"]).code(2);
    }
    std::os::unix::fs::symlink("../../secret", sandbox.path("../source/mix/out")).unwrap();
    std::os::unix::fs::symlink("loop", sandbox.path("../source/mix/loop")).unwrap();
    std::os::unix::fs::symlink("mix", sandbox.path("../source/folder")).unwrap();
    commit(&sandbox, "symlinks");
    sandbox
        .pipe(["import", "../source", "mix/out", "-o", "got"])
        .code(2)
        .tells(&["leads out of the repository"]);
    sandbox.pipe(["import", "../source", "mix/loop", "-o", "got"]).code(2);
    sandbox.pipe(["import", "../source", "folder", "-o", "got"]).code(2);
    sandbox.pipe(["import", "../source", "folder/g", "-o", "got"]).code(2);
    // Hooks and templates of the repository and the user stay where they are.
    let ran = sandbox.path("../ran");
    for hook in ["post-checkout", "reference-transaction", "post-merge", "pre-auto-gc"] {
        for folder in ["../source/.git/hooks", "../hooks"] {
            let text = format!("#!/bin/sh\ntouch '{}'\n", ran.display());
            sandbox.write_program(&format!("{folder}/{hook}"), &text);
        }
    }
    // There is something to take over, which is when hooks would run; the commit itself ran its own.
    sandbox.write("../source/new", "new\n");
    commit(&sandbox, "new");
    if ran.exists() {
        sandbox.remove("../ran");
    }
    let mut command = sandbox.pipe_command(["import", "../source", "code"]);
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "core.hooksPath");
    command.env("GIT_CONFIG_VALUE_0", sandbox.path("../hooks"));
    // As in a hook of another repository.
    command.env("GIT_DIR", sandbox.path("../source/.git"));
    sandbox.finish(command).code(0);
    assert!(!ran.exists());
    // A pointer that somebody else wrote.
    let pointer = sandbox.read("code.pipe");
    let lock = pointer.lines().find(|line| line.contains("rev_lock")).unwrap();
    sandbox.remove("code");
    for (old, new, told) in [
        (lock, "    rev_lock: --help", "is no commit"),
        ("url: ../source", "url: ext::sh", "is no URL of a git repository"),
        ("- path: code\n", "- path: ../../secret\n", "failed to bring"),
    ] {
        sandbox.write("code.pipe", pointer.replacen(old, new, 1));
        if sandbox.exists(".pipe/cache") {
            sandbox.remove(".pipe/cache");
        }
        sandbox.pipe(["pull", "code"]).code(1).tells(&[told]);
        assert!(!sandbox.exists("code"));
    }
}

#[test]
fn an_import_that_was_edited_is_data_of_ones_own() {
    let sandbox = project();
    for name in ["one", "two", "three"] {
        sandbox.ok(["import", "../source", "code", "-o", name]);
    }
    let imported = sandbox.read("one.pipe");
    for name in ["one", "two", "three"] {
        sandbox.write(name, format!("{name} edited\n"));
    }
    // Nobody could bring that from where it says that it came from.
    sandbox.pipe(["commit"]).code(1).tells(&[
        "one is not what was imported from code (../source) any more",
        "`pipe update one.pipe` brings back",
        "`pipe commit -f one.pipe` records the edit as data of your own",
    ]);
    assert_eq!(sandbox.read("one.pipe"), imported);
    sandbox.ok(["commit", "-f", "one"]).tells(&["one is data of your own from now on, and no import"]);
    sandbox.ok(["add", "two"]).tells(&["two is data of your own from now on, and no import"]);
    sandbox.ok(["update", "three"]).tells(&["Saved three", "Brought back three from code (../source)."]);
    assert_eq!(sandbox.read("three"), "c\n");
    for name in ["one", "two"] {
        let pointer = sandbox.read(&format!("{name}.pipe"));
        assert!(!pointer.contains("deps") && !pointer.contains("source"), "{pointer}");
    }
    sandbox.pipe(["update", "one"]).code(2).tells(&["one.pipe was not imported"]);
    sandbox.ok(["remote", "add", "-d", "store", "../store"]);
    sandbox.ok(["push"]).tells(&["2 files pushed to store"]);
    sandbox.commit("edited");
    sandbox.git(["clone", "-q", ".", "../clone"]);
    let clone = sandbox.path("../clone");
    let there = |arguments: &[&str]| sandbox.pipe([&["--cd", clone.to_str().unwrap()], arguments].concat());
    there(&["pull"]).code(0);
    assert_eq!(sandbox.read("../clone/one") + &sandbox.read("../clone/three"), "one edited\nc\n");
    // What is gone comes back, also where its source has nothing new.
    sandbox.remove("three");
    sandbox.ok(["update", "three"]).tells(&["Brought back three"]);
    sandbox.remove("three");
    sandbox.remove(".pipe/cache");
    sandbox.ok(["update", "three"]).tells(&["Brought back three"]);
    assert_eq!(sandbox.read("three"), "c\n");
    sandbox.ok(["update", "three"]).tells(&["Unchanged: three"]);
}

#[test]
fn a_source_with_another_commit_and_the_same_data_is_no_update() {
    let sandbox = project();
    for path in ["data", "data/sub", "code", "mix"] {
        sandbox.ok(["import", "../source", path]);
    }
    let updates = || {
        let stages = sandbox.json(["status", "--json"])["stages"].as_array().unwrap().clone();
        let stale = stages.iter().filter(|stage| stage["state"] != "fresh");
        stale.map(|stage| stage["stage"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    sandbox.write("../source/other", "1\n");
    sandbox.write("../source/mix/t", "t\n");
    commit(&sandbox, "another file");
    assert_eq!(updates(), "");
    assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n");
    sandbox.write("../source/data/a", "another\n");
    in_source(&sandbox, &["add", "data"]);
    commit(&sandbox, "a file beside");
    assert_eq!(updates(), "data.pipe");
    let said = sandbox.ok(["status"]).stdout;
    assert!(
        said.contains("data (../source) has other data now: `pipe update data.pipe` takes it\n"),
        "{said}"
    );
    sandbox.write("../source/data/sub/b", "another\n");
    sandbox.write("../source/mix/t", "another\n");
    in_source(&sandbox, &["add", "data", "mix/t"]);
    sandbox.git(["-C", "../source", "rm", "-q", "code"]);
    commit(&sandbox, "more");
    assert_eq!(updates(), "code.pipe data.pipe mix.pipe sub.pipe");
    // What was recorded is gone there, so that it cannot be told.
    sandbox.git(["-C", "../source", "checkout", "-q", "--orphan", "anew"]);
    sandbox.git(["-C", "../source", "commit", "-qm", "anew"]);
    sandbox.git(["-C", "../source", "branch", "-qM", "main"]);
    sandbox.git(["-C", "../source", "tag", "-d", "v1"]);
    sandbox.git(["-C", "../source", "-c", "gc.reflogExpire=now", "gc", "-q", "--prune=now"]);
    sandbox.remove(".pipe/tmp/imports");
    sandbox.ok(["update", "mix"]);
    assert_eq!(updates(), "code.pipe data.pipe sub.pipe");
}

/// A bare repository has no files, so that the settings of its commit tell where the data is.
#[test]
fn of_a_bare_repository_the_remotes_of_the_commit_are_asked() {
    let sandbox = project();
    let bring = |name: &str| {
        sandbox.git(["clone", "-q", "--bare", "../source", "../bare.git"]);
        let said = sandbox.pipe(["import", "../bare.git", "data", "-o", name]);
        sandbox.remove("../bare.git");
        said
    };
    bring("none").code(2).tells(&["the repository names no place that has it"]);
    in_source(&sandbox, &["remote", "add", "-d", "near", "../store"]);
    in_source(&sandbox, &["push"]);
    commit(&sandbox, "a remote");
    bring("none").code(2).tells(&["cannot be had from near", "hint: a remote with a relative path"]);
    let store = sandbox.path("../store").display().to_string();
    in_source(&sandbox, &["remote", "add", "-f", "near", &store]);
    commit(&sandbox, "an absolute one");
    bring("there").code(0);
    assert_eq!(sandbox.read("there/sub/b"), "2\n");
    sandbox.git(["clone", "-q", "--bare", "../source", "../bare.git"]);
    assert_eq!(sandbox.ok(["list", "../bare.git", "data"]).stdout, "a\nsub/\n");
    sandbox.ok(["get", "../bare.git", "data/a", "-o", "got"]);
    assert_eq!(sandbox.read("got"), "1\n");
}
