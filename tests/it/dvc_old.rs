//! What DVC 1 and 2 left in projects: digests of text that take no notice of carriage returns.

use std::os::unix::fs::PermissionsExt;

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

const STAGES: &str =
    "stages:\n  use:\n    cmd: cp one two && cat d/x >> two\n    deps: [one, d]\n    outs: [two]\n";

/// Files with line ends of Windows, recorded as DVC 2 did: text by its lines, in the old place of the cache.
fn old(dvc: &mut Dvc) -> Sandbox {
    let sandbox = project(dvc);
    sandbox.write("dvc.yaml", STAGES);
    sandbox.write("one", "a\nb\n");
    sandbox.write("d/x", "1\n");
    sandbox.write("d/sub/y", "2\n");
    sandbox.write("raw", "\u{0}\r\n");
    dvc.ok(&sandbox, &["add", "-q", "one", "d", "raw"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    for file in ["one.dvc", "d.dvc", "raw.dvc", "dvc.lock"] {
        sandbox.write(file, without_hash(&sandbox.read(file)));
    }
    for folder in std::fs::read_dir(sandbox.path(".dvc/cache/files/md5")).unwrap().flatten() {
        for blob in std::fs::read_dir(folder.path()).unwrap().flatten() {
            let path = blob.path();
            let text = std::fs::read_to_string(&path).unwrap();
            if !text.starts_with('[') && !text.contains('\0') {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
                std::fs::write(&path, text.replace('\n', "\r\n")).unwrap();
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
            }
        }
        std::fs::rename(folder.path(), sandbox.path(".dvc/cache").join(folder.file_name())).unwrap();
    }
    sandbox.remove(".dvc/cache/files");
    for (file, text) in
        [("one", "a\r\nb\r\n"), ("d/x", "1\r\n"), ("d/sub/y", "2\r\n"), ("two", "a\r\nb\r\n1\r\n")]
    {
        sandbox.remove(file);
        sandbox.write(file, text);
    }
    sandbox
}

/// A record as DVC 2 wrote it.
fn without_hash(text: &str) -> String {
    text.lines().filter(|line| line.trim() != "hash: md5").map(|line| format!("{line}\n")).collect()
}

#[test]
fn line_ends_of_text_do_not_count() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = old(&mut dvc);
    assert_eq!(dvc.stale(&sandbox), Default::default());
    assert_eq!(stale(&sandbox), Default::default());
    let before = (sandbox.read("dvc.lock"), sandbox.read("one.dvc"));
    pipe(&sandbox, &["repro"]).code(0).tells(&["up to date"]);
    assert_eq!(pipe(&sandbox, &["checkout"]).code(0).stdout, "");
    assert_eq!((sandbox.read("dvc.lock"), sandbox.read("one.dvc")), before);
    for (file, text) in [("one", "a\r\nc\r\n"), ("d/sub/y", "3\n"), ("raw", "\u{0}\n"), ("two", "x")] {
        let old = sandbox.read(file);
        sandbox.write(file, text);
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "{file}");
        sandbox.write(file, old);
    }
    assert_eq!(stale(&sandbox), Default::default());
}

#[test]
fn the_old_cache_brings_back_what_it_has() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = old(&mut dvc);
    for path in ["one", "d", "two", "raw"] {
        sandbox.remove(path);
    }
    pipe(&sandbox, &["config", "cache.link_types", "hardlink"]).code(0);
    pipe(&sandbox, &["checkout"]).code(0);
    assert_eq!((sandbox.read("one"), sandbox.read("d/sub/y")), ("a\r\nb\r\n".to_owned(), "2\r\n".to_owned()));
    assert_eq!((stale(&sandbox), dvc.stale(&sandbox)), Default::default());
    // What is made anew is recorded as DVC 3 records it, and what is unchanged as it was.
    sandbox.write("one", "a\r\nc\r\n");
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!((stale(&sandbox), dvc.stale(&sandbox)), Default::default());
    assert!(sandbox.read("dvc.lock").matches("hash: md5").count() == 2, "{}", sandbox.read("dvc.lock"));
}

const MORE_STAGES: &str = "
  next:
    cmd: cat two > three && echo done > done
    deps: [two]
    outs: [three]
    metrics: [done: {cache: false}]
  frozen:
    cmd: cat one > four
    deps: [one]
    outs: [four]
    frozen: true
";

/// The same project as DVC 2 left it, twice: DVC works in one of them, `pipe` in the other.
fn twins(dvc: &mut Dvc) -> [Sandbox; 2] {
    let first = project(dvc);
    first
        .write("dvc.yaml", format!("{}{}", STAGES.trim_end(), MORE_STAGES.replace("    frozen: true\n", "")));
    first.write("one", "a\nb\n");
    first.write("d/x", "1\n");
    dvc.ok(&first, &["repro", "-q"]);
    first.write("dvc.yaml", format!("{}{MORE_STAGES}", STAGES.trim_end()));
    first.write("dvc.lock", without_hash(&first.read("dvc.lock")));
    for folder in std::fs::read_dir(first.path(".dvc/cache/files/md5")).unwrap().flatten() {
        std::fs::rename(folder.path(), first.path(".dvc/cache").join(folder.file_name())).unwrap();
    }
    first.remove(".dvc/cache/files");
    first.remove(".dvc/cache/runs");
    first.commit("first");
    let second = Sandbox::without_git();
    let done = second.program("cp").args(["-rT"]).arg(first.root()).arg(second.root()).status().unwrap();
    assert!(done.success());
    second.remove(".dvc/tmp");
    [first, second]
}

#[test]
fn what_is_unchanged_stays_recorded_as_then() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let edited = |files: &'static [(&'static str, &'static str)]| files;
    for (files, commands, new) in [
        (edited(&[("one", "a\nc\n")]), &["repro"][..], 4),
        (edited(&[("one", "a\r\nb\r\n")]), &["repro", "repro -f", "repro"], 0),
        (edited(&[("one", "a\r\nb\r\n"), ("d/x", "3\n")]), &["repro", "checkout"], 4),
        (edited(&[("two", "other\n")]), &["commit -f use", "repro"], 3),
        (edited(&[("one", "a\nc\n")]), &["commit -f"], 2),
        (edited(&[("done", "x\n")]), &["commit -f next"], 1),
    ] {
        let [theirs, ours] = twins(&mut dvc);
        let has_returns = files.iter().any(|(_, text)| text.contains('\r'));
        for (file, text) in files {
            for sandbox in [&theirs, &ours] {
                sandbox.remove(file);
                sandbox.write(file, text);
            }
        }
        for command in commands {
            let arguments: Vec<&str> = command.split(' ').collect();
            dvc.ok(&theirs, &arguments);
            pipe(&ours, &arguments).code(0);
        }
        let lock = ours.read("dvc.lock");
        // DVC puts what the old cache holds, with other line ends, in the place of what the command wrote.
        let is_size_told = |line: &&str| !has_returns || !line.contains("size: ");
        let told = |lock: &str| lock.lines().filter(is_size_told).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(told(&lock), told(&theirs.read("dvc.lock")), "{files:?} {commands:?}");
        assert_eq!(lock.matches("hash: md5").count(), new, "{files:?} {commands:?}: {lock}");
        let kept = ours.files(".dvc/cache/files");
        assert!(theirs.files(".dvc/cache/files").iter().all(|file| kept.contains(file)), "{kept:?}");
        assert_eq!(
            (stale(&ours), dvc.stale(&ours)),
            (stale(&theirs), dvc.stale(&theirs)),
            "{files:?} {commands:?}"
        );
        // DVC, which keeps more results, finds those of `pipe`.
        let results = theirs.files(".dvc/cache/runs");
        assert!(ours.files(".dvc/cache/runs").iter().all(|file| results.contains(file)), "{results:?}");
    }
}

#[test]
fn a_digest_of_now_counts_every_byte() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("one", "a\nb\n");
    dvc.ok(&sandbox, &["add", "-q", "one"]);
    sandbox.write("one", "a\r\nb\r\n");
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    assert_eq!(stale(&sandbox).len(), 1);
}

/// An empty clone of what git knows, in the sandbox's folder `name`, with DVC's settings.
fn clone(sandbox: &Sandbox) -> Sandbox {
    let clone = Sandbox::without_git();
    let done = clone.program("cp").args(["-rT"]).arg(sandbox.root()).arg(clone.root()).status().unwrap();
    assert!(done.success());
    for gone in [".dvc/cache", ".dvc/tmp", "one", "d", "two", "raw"] {
        clone.remove(gone);
    }
    clone
}

#[test]
fn what_was_recorded_then_lies_at_remotes_where_it_lay_then() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for ours_first in [true, false] {
        let sandbox = old(&mut dvc);
        let store = sandbox.path("../store").display().to_string();
        dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "r", &store]);
        match ours_first {
            true => drop(pipe(&sandbox, &["push"]).code(0)),
            false => drop(dvc.ok(&sandbox, &["push", "-q"])),
        }
        assert!(!sandbox.path("../store/files").exists(), "nothing was recorded by DVC 3");
        assert!(!pipe(&sandbox, &["status", "-c"]).code(0).stdout.contains("missing"));
        dvc.ok(&sandbox, &["push", "-q"]);
        assert!(dvc.ok(&sandbox, &["status", "-c"]).contains("in sync"));
        pipe(&sandbox, &["push"]).code(0).tells(&["up to date"]);
        for ours in [true, false] {
            let clone = clone(&sandbox);
            match ours {
                true => drop(pipe(&clone, &["pull"]).code(0)),
                false => drop(dvc.ok(&clone, &["pull", "-q"])),
            }
            assert_eq!((clone.read("one"), clone.read("d/sub/y")), ("a\r\nb\r\n".into(), "2\r\n".into()));
            assert_eq!((stale(&clone), dvc.stale(&clone)), Default::default(), "{ours_first} {ours}");
            assert!(!clone.path(".dvc/cache/files").exists());
        }
    }
}

#[test]
fn what_an_old_commit_names_by_its_absolute_path_lies_where_it_lay_then() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = old(&mut dvc);
    let root = sandbox.root().canonicalize().unwrap().display().to_string();
    sandbox.edit("one.dvc", "path: one", &format!("path: {root}/one"));
    sandbox.commit("old");
    let text = sandbox.read("one.dvc");
    let digest = text.lines().find_map(|line| line.split_once("md5: ")).unwrap().1;
    sandbox.write("one", "new\n");
    pipe(&sandbox, &["add", "one"]).code(0);
    let store = sandbox.path("../store").display().to_string();
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "r", &store]);
    pipe(&sandbox, &["push", "--rev", "HEAD", "one"]).code(0);
    let [old, now] =
        ["", "files/md5/"].map(|part| format!("{store}/{part}{}/{}", &digest[..2], &digest[2..]));
    assert!(sandbox.exists(&old) && !sandbox.exists(&now));
}

#[test]
fn a_folder_that_is_recorded_anew_is_whole_where_dvc_looks_now() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for command in ["commit", "add", "repro"] {
        let sandbox = old(&mut dvc);
        sandbox.write("d/new", "new\n");
        // A file without carriage returns has one digest then and now.
        sandbox.write("d/x", "1\n");
        let arguments: &[&str] = if command == "repro" { &["repro"] } else { &[command, "d"] };
        let arguments = if command == "commit" { &["commit", "-f", "d"] } else { arguments };
        pipe(&sandbox, arguments).code(0);
        assert!(
            dvc.call(&sandbox, &["data", "status", "--granular", "--json"]).1.find("not_in_cache").is_none()
        );
        assert!(!dvc.stale(&sandbox).contains("d.dvc"), "{command}");
        sandbox.remove("d");
        dvc.ok(&sandbox, &["checkout", "-q", "d.dvc"]);
        assert_eq!(
            (sandbox.read("d/new"), sandbox.read("d/sub/y")),
            ("new\n".into(), "2\r\n".into()),
            "{command}"
        );
    }
}

/// DVC 3 has a part of the cache of its own, and so have the versions before it.
#[test]
fn a_content_counts_where_the_version_looks_that_recorded_it() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for is_recorded_by_the_old in [true, false] {
        let sandbox = project(&mut dvc);
        sandbox.write("dvc.yaml", STAGES);
        sandbox.write("one", "a\n");
        sandbox.write("d/x", "1\n");
        dvc.ok(&sandbox, &["add", "-q", "one", "d"]);
        dvc.ok(&sandbox, &["repro", "-q"]);
        if is_recorded_by_the_old {
            for file in ["one.dvc", "d.dvc", "dvc.lock"] {
                sandbox.write(file, without_hash(&sandbox.read(file)));
            }
        } else {
            for folder in std::fs::read_dir(sandbox.path(".dvc/cache/files/md5")).unwrap().flatten() {
                let old = sandbox.path(".dvc/cache").join(folder.file_name());
                std::fs::rename(folder.path(), old).unwrap();
            }
        }
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "{is_recorded_by_the_old}");
        assert_eq!(stale(&sandbox).len(), 3, "{is_recorded_by_the_old}");
        pipe(&sandbox, &["repro"]).code(0);
        assert_eq!((stale(&sandbox), dvc.stale(&sandbox)), Default::default(), "{is_recorded_by_the_old}");
        for path in ["one", "d", "two"] {
            sandbox.remove(path);
        }
        dvc.ok(&sandbox, &["checkout", "-q"]);
        assert_eq!((sandbox.read("two"), stale(&sandbox)), ("a\n1\n".to_owned(), Default::default()));
    }
}

#[test]
fn a_digest_by_another_rule_is_none() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("dvc.yaml", STAGES);
    sandbox.write("one", "a\n");
    sandbox.write("d/x", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "one", "d"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    for (file, count) in [("one.dvc", 1), ("d.dvc", 1), ("dvc.lock", 1)] {
        let old = sandbox.read(file);
        sandbox.write(file, old.replace("hash: md5", "hash: md5-dos2unix"));
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "{file}");
        assert_eq!(stale(&sandbox).len(), count, "{file}");
        sandbox.write(file, old);
    }
    assert_eq!(stale(&sandbox), Default::default());
}

#[test]
fn a_pull_brings_what_only_the_part_of_another_version_has() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("one", "a\n");
    sandbox.write("d/x", "1\n");
    dvc.ok(&sandbox, &["add", "-q", "one", "d"]);
    let store = sandbox.path("../store").display().to_string();
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "r", &store]);
    dvc.ok(&sandbox, &["push", "-q"]);
    let to_the_old_part = || {
        for folder in std::fs::read_dir(sandbox.path(".dvc/cache/files/md5")).unwrap().flatten() {
            let old = sandbox.path(".dvc/cache").join(folder.file_name());
            std::fs::rename(folder.path(), old).unwrap();
        }
    };
    to_the_old_part();
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    assert_eq!(stale(&sandbox).len(), 2);
    pipe(&sandbox, &["pull"]).code(0);
    assert_eq!((stale(&sandbox), dvc.stale(&sandbox)), Default::default());
    // Where the remote lacks it too, what is here does.
    for gone in ["../store/files", "one", ".dvc/cache/files"] {
        sandbox.remove(gone);
    }
    pipe(&sandbox, &["pull"]).code(0);
    assert_eq!(sandbox.read("one"), "a\n");
}

/// What DVC and pipe tell of the data that changed, which is the same.
#[track_caller]
fn changes(dvc: &mut Dvc, sandbox: &Sandbox) -> Vec<serde_json::Value> {
    let commands: [&[&str]; 3] =
        [&["data", "status", "--json"], &["data", "status", "--granular", "--json"], &["diff", "--json"]];
    let told = commands.map(|command| {
        let read = |text: &str| {
            let mut told: serde_json::Value = serde_json::from_str(text).unwrap();
            // DVC tells what changed in the order of a set.
            if let Some(names) =
                told.pointer_mut("/uncommitted/modified").and_then(|names| names.as_array_mut())
            {
                names.sort_by_key(ToString::to_string);
            }
            told
        };
        let theirs = read(&dvc.ok(sandbox, command));
        let ours = read(&pipe(sandbox, command).stdout);
        assert_eq!(ours, theirs, "{command:?}");
        ours
    });
    told.into()
}

#[test]
fn line_ends_of_text_are_no_change_of_data() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = old(&mut dvc);
    sandbox.commit("old");
    let records = || ["one.dvc", "d.dvc", "raw.dvc", "dvc.lock"].map(|file| sandbox.read(file));
    let before = records();
    assert_eq!(changes(&mut dvc, &sandbox), vec![serde_json::json!({}); 3]);
    for arguments in [&["commit"][..], &["commit", "one"], &["commit", "d"]] {
        dvc.ok(&sandbox, arguments);
        assert_eq!(records(), before, "dvc {arguments:?}");
        pipe(&sandbox, arguments).code(0).tells(&["recorded already"]);
        assert_eq!(records(), before, "{arguments:?}");
    }
    assert!(!sandbox.exists(".dvc/cache/files"), "nothing was stored where DVC 3 looks");
    // What is another text is told, and alone.
    sandbox.write("d/sub/y", "3\r\n");
    sandbox.write("two", "x\r\n");
    let told = changes(&mut dvc, &sandbox);
    assert!(told[1].to_string().contains("d/sub/y") && !told[1].to_string().contains("d/x"), "{told:?}");
    assert!(!told[0].to_string().contains("one"), "{told:?}");
}

#[test]
fn of_data_that_nobody_edited_the_commit_decides() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = old(&mut dvc);
    sandbox.commit("old");
    sandbox.write("one", "a\r\nc\r\n");
    sandbox.write("d/x", "one\r\n");
    dvc.ok(&sandbox, &["commit", "-q", "-f", "one", "d"]);
    dvc.ok(&sandbox, &["repro", "-q"]);
    sandbox.commit("new");
    for seen_by in [&["checkout"][..], &["status"], &["commit"]] {
        sandbox.git(["checkout", "-q", "HEAD~1"]);
        pipe(&sandbox, &["checkout"]).code(0);
        assert_eq!((sandbox.read("one"), sandbox.read("d/x")), ("a\r\nb\r\n".into(), "1\r\n".into()));
        pipe(&sandbox, seen_by).code(0);
        assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
        sandbox.git(["checkout", "-q", "-"]);
        pipe(&sandbox, &["checkout"]).code(0);
        assert_eq!((sandbox.read("one"), sandbox.read("d/x")), ("a\r\nc\r\n".into(), "one\r\n".into()));
    }
    // An edit is one still, and is nothing that a checkout takes away.
    sandbox.git(["checkout", "-q", "HEAD~1"]);
    pipe(&sandbox, &["checkout"]).code(0);
    sandbox.write("one", "edited\r\n");
    assert!(!pipe(&sandbox, &["status"]).stdout.contains("pointer moved"));
    sandbox.git(["checkout", "-q", "-"]);
    pipe(&sandbox, &["checkout"]).code(1).tells(&["one was edited, and its pointer moved meanwhile"]);
    assert_eq!(sandbox.read("one"), "edited\r\n");
}

#[test]
fn a_part_of_an_old_folder_comes_back_beside_the_rest() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = old(&mut dvc);
    for target in ["d", "d/sub/y", "d/sub"] {
        sandbox.remove("d/sub/y");
        pipe(&sandbox, &["checkout", target]).code(0);
        assert_eq!((sandbox.read("d/x"), sandbox.read("d/sub/y")), ("1\r\n".into(), "2\r\n".into()));
        pipe(&sandbox, &["checkout", target]).code(0);
        assert_eq!(stale(&sandbox), Default::default());
    }
}
