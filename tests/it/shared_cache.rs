//! A cache that the users of a group share: what every writer leaves there is for all of them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::dvc_tool::{Dvc, project};
use crate::harness::{Said, Sandbox};

/// Runs `pipe` with a mask that lets nobody else in.
fn masked(sandbox: &Sandbox, arguments: &str) -> Said {
    let mut command = sandbox.program("/bin/sh");
    let pipe = env!("CARGO_BIN_EXE_pipe");
    command.env("SHELL", "/bin/sh");
    command.args(["-c", &format!("umask 077; exec {pipe} {arguments}")]);
    sandbox.finish(command).code(0)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The folders that are not 2775 and the files that the group cannot read, below a folder.
fn unshared(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if mode(&folder) != 0o2775 {
            found.push(folder.clone());
        }
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if mode(&path) & 0o040 == 0 {
                found.push(path);
            }
        }
    }
    found
}

fn blobs(folder: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()).collect()
}

const STAGES: &str = "stages:\n  a:\n    cmd: mkdir d; cp in d/x; echo said\n    deps: [in]\n    outs: [d]\n";

#[test]
fn a_cache_is_for_its_group_whatever_the_mask() {
    let sandbox = Sandbox::with_pipeline(STAGES);
    sandbox.write("in", "1\n");
    sandbox.write("data", "data\n");
    // What was stored before is shared too, once somebody wants it.
    masked(&sandbox, "repro");
    assert!(!unshared(&sandbox.path(".pipe/cache")).is_empty());
    sandbox.pipe(["config", "cache.shared", "all"]).code(2).tells(&["`all` is nobody", "to group"]);
    sandbox.ok(["config", "cache.shared", "group"]);
    sandbox.write("in", "2\n");
    masked(&sandbox, "repro");
    masked(&sandbox, "add data");
    sandbox.ok(["config", "cache.link_types", "hardlink"]);
    sandbox.write("in", "3\n");
    masked(&sandbox, "repro");
    // A remote that is a shared folder stays one.
    let remote = sandbox.path("../remote");
    std::fs::create_dir(&remote).unwrap();
    std::fs::set_permissions(&remote, std::fs::Permissions::from_mode(0o2775)).unwrap();
    masked(&sandbox, "remote add -d there ../remote");
    masked(&sandbox, "push --stage-cache");
    sandbox.remove(".pipe/cache");
    masked(&sandbox, "pull --stage-cache");
    masked(&sandbox, "gc -w -f");
    for folder in [sandbox.path(".pipe/cache"), remote] {
        assert_eq!(unshared(&folder), [] as [PathBuf; 0]);
    }
    let blobs = blobs(&sandbox.path(".pipe/cache/blake3"));
    assert!(blobs.len() > 3 && blobs.iter().all(|blob| mode(blob) == 0o444), "{blobs:?}");
    assert_eq!(sandbox.read("d/x"), "3\n");
}

#[test]
fn the_settings_of_dvc_are_respected() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.append(".dvc/config", "[cache]\n    shared = Group\n");
    sandbox.write("dvc.yaml", STAGES);
    sandbox.write("in", "1\n");
    sandbox.write("data", "data\n");
    masked(&sandbox, "repro");
    masked(&sandbox, "add data");
    let blobs = blobs(&sandbox.path(".dvc/cache/files/md5"));
    assert!(blobs.len() > 2 && blobs.iter().all(|blob| mode(blob) == 0o444), "{blobs:?}");
    assert_eq!(unshared(&sandbox.path(".dvc/cache")), [] as [PathBuf; 0]);
    dvc.ok(&sandbox, &["status", "-q"]);
}

/// As by `dvc push`.
#[test]
fn objects_at_a_remote_of_dvc_are_for_nobody_to_write_to() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.append(".dvc/config", "['remote \"mine\"']\n    url = ../../mine\n");
    sandbox.append(".dvc/config", "['remote \"ours\"']\n    url = ../../ours\n    shared = group\n");
    sandbox.write("dvc.yaml", STAGES);
    sandbox.write("in", "1\n");
    masked(&sandbox, "repro");
    for (name, folder) in [("mine", 0o700), ("ours", 0o2775)] {
        masked(&sandbox, &format!("push --run-cache -r {name}"));
        let objects = blobs(&sandbox.path(&format!("../{name}/files/md5")));
        assert!(objects.len() > 1 && objects.iter().all(|object| mode(object) == 0o444), "{objects:?}");
        for path in ["", "files", "files/md5", "runs"] {
            assert_eq!(mode(&sandbox.path(&format!("../{name}/{path}"))), folder, "{name}/{path}");
        }
    }
    dvc.ok(&sandbox, &["fetch", "-q", "-r", "ours"]);
}

#[test]
fn a_project_that_cannot_be_looked_into_keeps_what_it_needs() {
    let sandbox = Sandbox::new();
    for project in [".", "../other"] {
        std::fs::create_dir_all(sandbox.path(project).join(".pipe")).unwrap();
        sandbox.ok(["--cd", project, "config", "cache.dir", &sandbox.path("../cache").display().to_string()]);
        sandbox.write(&format!("{project}/data"), project);
        sandbox.ok(["--cd", project, "add", "data"]);
    }
    sandbox.settle();
    // A user who may do anything is stopped by a circle alone.
    std::fs::rename(sandbox.path("../other"), sandbox.path("../moved")).unwrap();
    std::os::unix::fs::symlink("other", sandbox.path("../other")).unwrap();
    sandbox.pipe(["gc", "-w", "-f"]).code(2).tells(&[
        "other, which shares this cache, needs of it cannot be told",
        "Too many levels of symbolic links",
        "nothing was removed",
    ]);
    sandbox.pipe(["gc", "--forget", "../other"]).code(1).tells(&["is not forgotten: it is there"]);
    sandbox.remove("../other");
    // What is gone for good is forgotten by its name.
    let said = sandbox.pipe(["gc", "-w", "-f"]).code(2).tells(&["is not there", "mount it"]);
    let other = sandbox.root().with_file_name("other").display().to_string();
    let way = said.stderr.split('`').nth(1).unwrap();
    assert_eq!(way, format!("pipe gc --forget {other}"));
    sandbox.pipe(["gc", "--forget", "../nobody"]).code(2).tells(&["knows of no project", &other]);
    std::fs::rename(sandbox.path("../moved"), sandbox.path("../other")).unwrap();
    sandbox.pipe(["gc", "--forget", &other]).code(1).tells(&["is there", "nothing was touched"]);
    sandbox.ok(["gc", "-w", "-f"]);
    let count = || blobs(&sandbox.path("../cache/blake3")).len();
    assert_eq!(count(), 2);
    sandbox.remove("../other");
    sandbox.ok(["gc", "--forget", &other]).tells(&["keeps nothing any more for "]);
    assert_eq!(count(), 2, "it is asked for alone");
    sandbox.ok(["gc", "-w", "-f"]).tells(&["Removed 1 file"]);
    assert_eq!(count(), 1);
}

/// What a member's mask keeps from others is the project, not the cache: the way out is one that he can go.
#[test]
fn a_project_that_is_closed_to_its_group_is_named_with_the_way_to_open_it() {
    let sandbox = Sandbox::new();
    for project in [".", "../ours"] {
        std::fs::create_dir_all(sandbox.path(project).join(".pipe")).unwrap();
        let pipe = |arguments: &[&str]| sandbox.ok([&["--cd", project][..], arguments].concat());
        pipe(&["config", "cache.dir", &sandbox.path("../cache").display().to_string()]);
        pipe(&["config", "cache.shared", "group"]);
        sandbox.write(&format!("{project}/data"), project);
        pipe(&["add", "data"]);
        sandbox.write(&format!("{project}/pipeline.yaml"), "stages: {a: {cmd: echo a > a, outs: [a]}}\n");
        pipe(&["repro"]);
    }
    let set_mode = |path: &str, mode| {
        std::fs::set_permissions(sandbox.path(path), PermissionsExt::from_mode(mode)).unwrap();
    };
    for (path, mode) in [("data.pipe", 0o640), (".pipe/config.toml", 0o640)] {
        set_mode(path, 0);
        let said = as_another(&sandbox, &["gc", "-w", "-f"]).code(2);
        set_mode(path, mode);
        let said = said.tells(&[
            "which shares this cache, needs of it cannot be told",
            "ermission denied",
            "nothing was removed; its user lets the group of the cache look into it with `chgrp -R ",
        ]);
        for way in
            said.stderr.rsplit("look into it with ").next().unwrap().split('`').skip(1).step_by(2).take(2)
        {
            let mut command = sandbox.program("sh");
            command.args(["-c", way]);
            sandbox.finish(command).code(0);
        }
        as_another(&sandbox, &["gc", "-w", "-f"]).code(0);
    }
}

/// Runs `pipe` in `../ours` as a user who may not read the run store of `.`: nobody, where the tests run as root, whom no
/// permission stops.
fn as_another(sandbox: &Sandbox, arguments: &[&str]) -> Said {
    let mut command = sandbox.pipe_as_nobody();
    let store = sandbox.path(".pipe/runs.db");
    let set_mode = |mode| std::fs::set_permissions(&store, std::fs::Permissions::from_mode(mode)).unwrap();
    if sandbox.is_root() {
        for (owner, folders) in
            [("65534:65534", &["../ours", "../home", "../tmp"][..]), (":65534", &["../cache"])]
        {
            let mut hand_over = sandbox.program("chown");
            hand_over.args(["-R", owner]).args(folders);
            sandbox.finish(hand_over).code(0);
        }
    } else {
        set_mode(0);
    }
    command.args(["--cd", "../ours"]).args(arguments);
    let said = sandbox.finish(command);
    set_mode(0o600);
    said
}

/// A run store is its user's alone: what its runs hold is known by the word that it leaves in the cache.
#[test]
fn what_the_runs_of_another_user_hold_stays() {
    let sandbox = Sandbox::new();
    for (project, word) in [(".", "theirs"), ("../ours", "ours")] {
        std::fs::create_dir_all(sandbox.path(project).join(".pipe")).unwrap();
        let pipe = |arguments: &[&str]| sandbox.ok([&["--cd", project][..], arguments].concat());
        pipe(&["config", "cache.dir", &sandbox.path("../cache").display().to_string()]);
        pipe(&["config", "cache.shared", "group"]);
        pipe(&["config", "gc.grace", "0s"]);
        let text = format!("stages:\n  a:\n    cmd: echo {word} > a; echo {word} said\n    outs: [a]\n");
        sandbox.write(&format!("{project}/pipeline.yaml"), text);
        pipe(&["repro"]);
        // What was logged after the store had told what it holds.
        sandbox.write(&format!("{project}/late"), format!("{word} late\n"));
        pipe(&["log", "artifact", "--run", "last", "late"]);
    }
    let count = || blobs(&sandbox.path("../cache/blake3")).len();
    let garbage = |text: &str| {
        sandbox.write("../ours/unneeded", text);
        as_another(&sandbox, &["add", "-f", "unneeded"]).code(0);
        sandbox.remove("../ours/unneeded.pipe");
        sandbox.settle();
    };
    garbage("1\n");
    assert_eq!(count(), 7);
    let gc = ["gc", "-w", "-f", "--no-stage-cache"];
    let said = as_another(&sandbox, &gc).code(0).tells(&["Removed"]);
    assert!(!said.stderr.contains("stay that nothing known needs"), "{said:?}");
    assert_eq!(count(), 6);
    // Of an older pipe there is no word, and of one that is not to be relied on no good one.
    let mark = sandbox.read(".pipe/runs.db-held");
    for found in [Some("held by 1, 2 3\n"), None] {
        sandbox.remove(".pipe/runs.db-held");
        if let Some(text) = found {
            sandbox.write(".pipe/runs.db-held", text);
        }
        garbage("2\n");
        as_another(&sandbox, &gc).code(0).tells(&[
            "3 files (26 B) stay that nothing known needs: this user may not read what the runs of ROOT hold",
            "A `pipe gc -w --dry` of whose it is",
        ]);
        as_another(&sandbox, &["gc", "-w", "-f", "--max-size", "1B"]).code(0);
        assert_eq!(count(), 7);
    }
    sandbox.ok(["gc", "-w", "--dry"]);
    assert_ne!(sandbox.read(".pipe/runs.db-held"), mark);
    as_another(&sandbox, &gc).code(0).tells(&["Removed 1 file (2 B)"]);
    assert_eq!(count(), 6);
    // Nor can it be told what waits for the store, put aside or not.
    for waiting in [".pipe/tmp/spool/1.json", ".pipe/tmp/spool/orphans/1.json"] {
        sandbox.write(waiting, "{}");
        std::fs::set_permissions(sandbox.path(waiting), std::fs::Permissions::from_mode(0o000)).unwrap();
        garbage("3\n");
        as_another(&sandbox, &gc).code(0).tells(&["stay that nothing known needs"]);
        sandbox.remove(waiting);
    }
    as_another(&sandbox, &gc).code(0).tells(&["Removed 1 file (2 B)"]);
    // What its user purges is let go of by his collection.
    sandbox.ok(["runs", "delete", "last"]);
    as_another(&sandbox, &gc).code(0);
    sandbox.ok(["runs", "restore", "last"]);
    sandbox.ok(["runs", "download", "last", "-o", "../got"]);
    assert_eq!(sandbox.read("../got/late"), "theirs late\n");
}

#[test]
fn projects_that_are_named_keep_what_they_need() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.append(".dvc/config", "[cache]\n    dir = ../../cache\n");
    sandbox.git(["clone", "--quiet", ".", "../other"]);
    sandbox.write("../other/.dvc/config", sandbox.read(".dvc/config"));
    sandbox.write("../other/data", "theirs\n");
    dvc.ok(&sandbox, &["--cd", "../other", "add", "-q", "data"]);
    sandbox.write("unneeded", "old\n");
    dvc.ok(&sandbox, &["add", "-q", "unneeded"]);
    sandbox.remove("unneeded.dvc");
    sandbox.settle();
    let count = || blobs(&sandbox.path("../cache/files/md5")).len();
    sandbox
        .pipe(["gc", "-w", "-f", "--projects", "../nothing"])
        .code(2)
        .tells(&["there is no project ../nothing"]);
    std::fs::create_dir(sandbox.path("../empty")).unwrap();
    sandbox.pipe(["gc", "-w", "-f", "-p", "../empty"]).code(2).tells(&["../empty is no project of DVC"]);
    assert_eq!(count(), 2);
    sandbox.ok(["gc", "-w", "-f", "-p", "../other", "."]).tells(&["Removed 1 file"]);
    assert_eq!(count(), 1);
    sandbox.remove("../other/data");
    dvc.ok(&sandbox, &["--cd", "../other", "checkout", "-q"]);
    assert_eq!(sandbox.read("../other/data"), "theirs\n");
    // A fault there is not taken for one here.
    sandbox.write("../other/data.dvc", "<<<<<<< HEAD\n");
    let said = sandbox.pipe(["gc", "-w", "-f", "-p", "../other"]).code(2);
    said.tells(&[
        "what project ",
        "other, which shares this cache, needs of it cannot be told",
        "data.dvc",
        "files and commands are those in ",
    ]);
    assert_eq!(count(), 1);
}

/// What a project recorded before it was converted lies in the cache of others of DVC.
#[test]
fn projects_of_both_tools_share_a_cache_and_a_converted_one_keeps_its_history() {
    let sandbox = Sandbox::new();
    let dvc = |project: &str| {
        sandbox.write(&format!("{project}/.dvc/config"), "[cache]\n    dir = ../../cache\n");
        sandbox.write(&format!("{project}/.dvc/.gitignore"), "/config.local\n/tmp\n/cache\n");
    };
    let add = |project: &str, text: &str| {
        sandbox.write(&format!("{project}/data"), text);
        sandbox.ok(["--cd", project, "add", "data"]);
    };
    dvc("../was");
    dvc("../still");
    std::fs::create_dir_all(sandbox.path("../native/.pipe")).unwrap();
    let cache = sandbox.path("../cache").display().to_string();
    sandbox.ok(["--cd", "../native", "config", "cache.dir", &cache]);
    for project in ["../was", "../still", "../native"] {
        sandbox.git(["init", "--quiet", project]);
    }
    let commit = |project: &str| {
        sandbox.git(["-C", project, "add", "--all"]);
        sandbox.git(["-C", project, "commit", "--quiet", "--message", "data"]);
    };
    for text in ["first\n", "second\n"] {
        add("../was", text);
        commit("../was");
    }
    for project in ["../still", "../native"] {
        add(project, "old\n");
        add(project, "new\n");
        commit(project);
    }
    sandbox.ok(["--cd", "../was", "convert"]);
    sandbox.settle();
    let count = |folder: &str| blobs(&sandbox.path(&format!("../cache/{folder}"))).len();
    assert_eq!((count("files/md5"), count("blake3")), (4, 2));
    sandbox.ok(["--cd", "../native", "gc", "-w", "-f"]).tells(&["Removed 1 file"]);
    assert_eq!((count("files/md5"), count("blake3")), (4, 1));
    sandbox.ok(["--cd", "../still", "gc", "-A", "-f"]).tells(&["Removed 1 file"]);
    assert_eq!(count("files/md5"), 3, "what commits of the converted one need stays");
    // The last state before the conversion is what undoing it needs.
    sandbox.ok(["--cd", "../still", "gc", "-w", "-f"]).tells(&["Removed 1 file"]);
    let mut undo = sandbox.program("/bin/sh");
    undo.arg(sandbox.path("../was/.dvc-converted/undo.sh"));
    sandbox.finish(undo).code(0);
    sandbox.remove("../was/data");
    sandbox.ok(["--cd", "../was", "checkout"]);
    assert_eq!(sandbox.read("../was/data"), "second\n");
}

/// DVC alone leaves no word in a cache of who uses it.
#[test]
fn a_collection_says_that_projects_unknown_to_it_lose_their_data() {
    let sandbox = Sandbox::new();
    sandbox.ok(["config", "cache.dir", "../cache"]);
    for text in ["old\n", "new\n"] {
        sandbox.write("data", text);
        sandbox.ok(["add", "data"]);
    }
    sandbox.settle();
    let told = "goes too, where pipe has not been run in them: it knows of 1 project";
    sandbox.ok(["gc", "-w", "--dry"]).tells(&[told]);
    sandbox
        .pipe(["gc", "-w"])
        .code(1)
        .tells(&[told, "is shared, and stays as far as 1 known project need it"]);
    sandbox.ok(["gc", "-w", "-f"]).tells(&[told]);
    let said = sandbox.ok(["gc", "-w", "-f"]);
    assert!(!said.stderr.contains("other projects"), "nothing goes: {}", said.stderr);
}
