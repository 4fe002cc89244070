//! Flags of DVC's commands that mean here what they mean there.

use std::os::unix::fs::PermissionsExt;

use crate::dvc_tool::{Dvc, pipe};
use crate::harness::Sandbox;

#[test]
fn a_collection_keeps_what_commits_since_a_day_need() {
    for is_dvc in [false, true] {
        let sandbox = Sandbox::new();
        if is_dvc {
            sandbox.write(".dvc/config", "");
            sandbox.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n");
        }
        for (day, text) in
            [("2024-02-01", "one\n"), ("2024-03-01", "two, too\n"), ("2024-04-01", "three, too, now\n")]
        {
            sandbox.write("data", text);
            sandbox.ok(["add", "data"]);
            let mut commit = sandbox.program("sh");
            commit.args(["-c", "git add -A && git commit -q -m now"]);
            commit
                .env("GIT_COMMITTER_DATE", format!("{day}T12:00:00"))
                .env("GIT_AUTHOR_DATE", format!("{day}T12:00:00"));
            sandbox.finish(commit).code(0);
        }
        sandbox.write("data", "now\n");
        sandbox.ok(["add", "data"]);
        for none in ["soon", "2024-02-30"] {
            sandbox.pipe(["gc", "--date", none, "-f"]).code(2).tells(&["expected a day"]);
        }
        sandbox.settle();
        // Git takes the first two for days of 2001 and of this year.
        for early in ["0001-01-01", "1960-01-01", "1970-01-01"] {
            sandbox.ok(["gc", "--date", early, "-f"]).tells(&["There is nothing to remove"]);
        }
        sandbox.ok(["gc", "--date", "2024-03-01", "-f"]).tells(&["Removed 1 file"]);
        let kept = |text: &str| {
            let files = sandbox.files(sandbox.cache());
            files.iter().any(|file| sandbox.bytes(file) == text.as_bytes())
        };
        assert!(!kept("one\n") && kept("two, too\n") && kept("three, too, now\n") && kept("now\n"));
    }
}

#[test]
fn a_commit_may_leave_files_as_they_are() {
    for is_dvc in [false, true] {
        let sandbox = Sandbox::new();
        if is_dvc {
            sandbox.write(".dvc/config", "");
        }
        sandbox.ok(["config", "cache.link_types", "symlink"]);
        sandbox.write("data", "one\n");
        sandbox.ok(["add", "--no-relink", "data"]);
        sandbox.write("data", "two\n");
        sandbox.ok(["commit", "--no-relink", "-f", "data"]);
        assert!(!sandbox.path("data").is_symlink());
        let mode = std::fs::metadata(sandbox.path("data")).unwrap().permissions().mode();
        assert_eq!(mode & 0o200, 0o200, "it may be written to");
        sandbox.write("data", "three\n");
        sandbox.ok(["commit", "-f", "data"]);
        assert!(sandbox.path("data").is_symlink());
    }
}

#[test]
fn a_key_of_a_remote_is_taken_out() {
    let sandbox = Sandbox::new();
    sandbox.ok(["remote", "add", "-d", "store", "../store"]);
    sandbox.ok(["remote", "modify", "--local", "store", "url", "../mine"]);
    assert!(sandbox.ok(["remote", "list"]).stdout.contains("mine"));
    sandbox.ok(["remote", "modify", "--local", "store", "url", "--unset"]);
    assert!(sandbox.ok(["remote", "list"]).stdout.contains("../store"));
    sandbox.pipe(["remote", "modify", "--local", "store", "url", "-u"]).code(1).tells(&["is not set"]);
    sandbox.pipe(["remote", "modify", "store", "url"]).code(2);
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = crate::dvc_tool::project(&mut dvc);
    dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "store", "../store"]);
    dvc.ok(&sandbox, &["remote", "modify", "store", "jobs", "3"]);
    let _ = pipe(&sandbox, &["remote", "modify", "store", "-u", "jobs"]).code(0);
    assert!(!sandbox.read(".dvc/config").contains("jobs"));
    assert!(dvc.ok(&sandbox, &["remote", "list"]).contains("store"));
}

/// A pointer that was taken out of git's index is staged again though its data is as recorded.
#[test]
fn what_is_added_unchanged_is_staged_too() {
    for is_dvc in [false, true] {
        let sandbox = Sandbox::new();
        if is_dvc {
            sandbox.write(".dvc/config", "");
        }
        sandbox.ok(["config", "core.autostage", "true"]);
        sandbox.write("data", "one\n");
        sandbox.ok(["add", "data"]);
        sandbox.commit("one");
        let pointer = if is_dvc { "data.dvc" } else { "data.pipe" };
        sandbox.git(["rm", "-q", "--cached", pointer]);
        sandbox.ok(["add", "data"]).tells(&["Unchanged: data"]);
        assert_eq!(sandbox.git(["ls-files", pointer]).trim(), pointer);
    }
}

/// What DVC does not take into its settings makes each of its commands fail, so it is not written.
#[test]
fn settings_that_dvc_refuses_are_not_written() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let [ours, theirs] = [(); 2].map(|()| {
        let sandbox = crate::dvc_tool::project(&mut dvc);
        dvc.ok(&sandbox, &["remote", "add", "-q", "-d", "store", "../store"]);
        dvc.ok(&sandbox, &["remote", "add", "-q", "away", "s3://bucket/data"]);
        sandbox
    });
    for arguments in [
        ["remote", "modify", "store", "nosuch", "4"],
        ["remote", "modify", "store", "verify", "maybe"],
        ["remote", "modify", "store", "verify", "True"],
        ["remote", "modify", "store", "jobs", "0"],
        ["remote", "modify", "store", "jobs", "4"],
        ["remote", "modify", "store", "type", "softlink"],
        ["remote", "modify", "store", "region", "eu"],
        ["remote", "modify", "away", "region", "eu"],
        ["remote", "modify", "away", "shared", "group"],
        ["remote", "modify", "away", "read_timeout", "soon"],
        ["remote", "modify", "store", "url", "-u"],
        ["remote", "modify", "store", "jobs", "-u"],
        ["config", "remote.store.url", "-u", "-q", "--project"],
    ] {
        let (code, ..) = dvc.call(&theirs, &arguments);
        let before = ours.read(".dvc/config");
        let said = pipe(&ours, &arguments);
        assert_eq!(said.code_of() == Some(0), code == 0, "{arguments:?}: {}{}", said.stdout, said.stderr);
        if code != 0 {
            assert_eq!(ours.read(".dvc/config"), before, "{arguments:?}");
        }
        dvc.ok(&ours, &["status"]);
    }
    // What another file says of it is enough.
    pipe(&ours, &["remote", "modify", "--local", "store", "url", "../mine"]).code(0);
    pipe(&ours, &["remote", "modify", "--local", "store", "url", "-u"]).code(0);
    dvc.ok(&ours, &["status"]);
    // And what stands there in spite of all can be taken out.
    ours.write(
        ".dvc/config",
        ours.read(".dvc/config") + "['remote \"worse\"']\n    url = /x\n    nosuch = 1\n",
    );
    pipe(&ours, &["remote", "modify", "worse", "nosuch", "-u"]).code(0);
    dvc.ok(&ours, &["status"]);
}

/// Where an ignore file names the place, DVC fails on all of the project from then on.
#[test]
fn nothing_is_moved_or_declared_where_it_is_ignored() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for is_dvc in [true, false] {
        let sandbox = if is_dvc { crate::dvc_tool::project(&mut dvc) } else { Sandbox::new() };
        sandbox.write(if is_dvc { ".dvcignore" } else { ".pipeignore" }, "*.tmp\nhidden/\n");
        sandbox.write("data", "one\n");
        sandbox.write("hidden/dep", "one\n");
        sandbox.ok(["add", "data"]);
        for arguments in [
            &["move", "data", "data.tmp"][..],
            &["move", "data", "hidden"],
            &["stage", "add", "-n", "a", "-o", "out.tmp", "true"],
            &["stage", "add", "-n", "a", "-M", "hidden/out", "true"],
        ] {
            if is_dvc {
                assert_ne!(dvc.call(&sandbox, arguments).0, 0, "{arguments:?}");
            }
            let said = sandbox.pipe(arguments).code(2);
            assert!(said.stderr.contains("ignores it: "), "{arguments:?}: {}", said.stderr);
        }
        // What a stage reads may lie there.
        sandbox.ok(["stage", "add", "-n", "a", "-d", "hidden/dep", "-o", "out", "cp hidden/dep out"]);
        sandbox.ok(["move", "data", "moved"]);
        if is_dvc {
            dvc.ok(&sandbox, &["status"]);
        }
    }
}

/// The project through `way`, which leads to its root.
fn by_absolute_paths(sandbox: &Sandbox, way: &str, mut dvc: Option<&mut Dvc>) {
    let stage = "  train:\n    cmd: cp data/raw model && cp data/m m.json\n    deps: [data]\n    params: [lr]\n    outs: [model]\n    \
                 metrics: [m.json]\n";
    let (file, pointer) = match dvc {
        Some(_) => ("dvc.yaml", "dvc"),
        None => ("pipeline.yaml", "pipe"),
    };
    sandbox.write(file, format!("stages:\n{stage}"));
    // No path means the stage of that name.
    sandbox.write("train", "a file\n");
    sandbox.write("sub/here", "");
    sandbox.write("data/raw", "one\n");
    sandbox.write("data/m", "{\"a\": 1}\n");
    sandbox.write("d", "one\n");
    sandbox.write("params.yaml", "lr: 1\n");
    sandbox.ok(["add", "data", "d", "train"]);
    sandbox.ok(["remote", "add", "-f", "-d", "store", "../store"]);
    let at = |path: &str| format!("{way}/{path}");
    let raw = at("data/raw");
    for (arguments, targets) in [
        (&["repro"][..], vec![at("model")]),
        (&["status"], vec![at(file), at("d")]),
        (&["data", "status"], vec![raw.clone()]),
        (&["commit", "-f"], vec![at("train")]),
        (&["checkout"], vec![at("data"), raw.clone()]),
        (&["push"], vec![raw, at("model"), at(&format!("d.{pointer}"))]),
        (&["status", "-c"], vec![at("model")]),
        (&["pull"], vec![at("model")]),
        (&["fetch"], vec![at("./sub/../model")]),
        (&["freeze"], vec![at(&format!("{file}:train"))]),
        (&["unfreeze"], vec![at(&format!("{file}:train"))]),
        (&["dag"], vec![at("model")]),
        (&["stage", "list"], vec![at(file)]),
        (&["unprotect"], vec![at("d")]),
        (&["metrics", "show"], vec![at("m.json")]),
        (&["metrics", "diff", "--targets"], vec![at("m.json")]),
        (&["params", "diff", "--all", "--targets"], vec![at("params.yaml")]),
        (&["move"], vec![at("d"), at("sub/")]),
        (&["move"], vec![at("sub/d"), at("e")]),
        (&["remove"], vec![at(&format!("e.{pointer}"))]),
    ] {
        let arguments: Vec<&str> =
            arguments.iter().copied().chain(targets.iter().map(String::as_str)).collect();
        let said = sandbox.pipe(["--cd", "sub"].iter().chain(&arguments));
        said.code(0);
    }
    let said = sandbox.pipe(["--cd", "sub", "check-ignore", &at("none")]);
    said.code(1);
    for arguments in [["status", "/etc/hosts"], ["unprotect", "/etc/hosts"], ["check-ignore", "/etc/hosts"]] {
        sandbox.pipe(arguments).code(2).tells(&["/etc/hosts lies outside of the project"]);
    }
    if let Some(dvc) = &mut dvc {
        dvc.ok(sandbox, &["status", &sandbox.path("model").display().to_string()]);
        assert_eq!(dvc.stale(sandbox), Default::default());
    }
}

#[test]
fn targets_may_be_absolute_paths() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for is_dvc in [true, false] {
        for is_behind_a_link in [false, true] {
            let sandbox = if is_dvc { crate::dvc_tool::project(&mut dvc) } else { Sandbox::new() };
            sandbox.write("seed", "");
            sandbox.commit("one");
            let root = sandbox.root();
            let mut way = root.display().to_string();
            if is_behind_a_link {
                way = sandbox.path("../way").display().to_string();
                std::os::unix::fs::symlink(root.parent().unwrap(), &way).unwrap();
                way = format!("{way}/{}", root.file_name().unwrap().display());
            }
            by_absolute_paths(&sandbox, &way, if is_dvc { Some(&mut dvc) } else { None });
        }
    }
}

#[test]
fn what_dvc_tells_from_the_root_or_of_its_own_is_told_so() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = crate::dvc_tool::project(&mut dvc);
    sandbox.write("sub/.dvcignore", "d*/\n");
    sandbox.write("sub/dd/x", "");
    sandbox.write(".dvcignore", "*.tmp\n");
    for path in ["dd", "a.tmp"] {
        let (code, theirs, _) = dvc.call_in(&sandbox.path("sub"), &["check-ignore", "-d", path]);
        assert_eq!(code, 0);
        assert_eq!(sandbox.ok(["--cd", "sub", "check-ignore", "-d", path]).stdout, theirs);
    }
    dvc.ok(&sandbox, &["config", "core.check_update", "false"]);
    assert_eq!(pipe(&sandbox, &["config", "core.check_update"]).code(0).stdout, "false\n");
    sandbox.write("raw.csv", "1\n");
    for arguments in [
        &["stage", "add", "-n", "a", "-d", "raw.csv", "-d", "./raw.csv", "true"][..],
        &["stage", "add", "-n", "a", "-w", "nodir", "-o", "out", "true"],
    ] {
        assert_ne!(dvc.call(&sandbox, arguments).0, 0, "{arguments:?}");
        pipe(&sandbox, arguments).code(2);
        assert!(!sandbox.exists("dvc.yaml"), "{arguments:?}");
    }
}
