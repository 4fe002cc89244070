//! Projects of somebody else, or on a disk that is mounted read-only: what is there can be looked at, and what cannot be done is
//! told with the reason.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::harness::{Said, Sandbox};
use crate::repro::chain;

/// Runs `pipe` where it can write nothing: as nobody when the tests run as root, whom no permission stops.
fn read_only(sandbox: &Sandbox, arguments: &[&str]) -> Said {
    finish_read_only(sandbox, arguments, |_| ())
}

fn finish_read_only(sandbox: &Sandbox, arguments: &[&str], change: impl FnOnce(&mut Command)) -> Said {
    let set_mode = |mode: u32| {
        let mut command = sandbox.program("chmod");
        command.args(["-R", if mode == 0 { "a-w" } else { "u+w" }, "."]);
        sandbox.finish(command).code(0);
    };
    let mut command = sandbox.pipe_as_nobody();
    set_mode(0);
    command.args(arguments);
    // Whose the repository is, git need not mind.
    for (name, value) in [("COUNT", "1"), ("KEY_0", "safe.directory"), ("VALUE_0", "*")] {
        command.env(format!("GIT_CONFIG_{name}"), value);
    }
    change(&mut command);
    let said = sandbox.finish(command);
    set_mode(1);
    said
}

#[test]
fn a_read_only_project() {
    let sandbox = chain();
    let said = read_only(&sandbox, &["repro"]).code(2);
    said.tells(&["ROOT/.pipe", "ermission denied"]);
    assert_eq!(sandbox.count("ran", "first"), 0);
    read_only(&sandbox, &["status", "-q"]).code(1);
    sandbox.ok(["repro"]);
    read_only(&sandbox, &["status", "-q"]).code(0);
    read_only(&sandbox, &["repro"]).code(0).tells(&["Everything is up to date"]);
    read_only(&sandbox, &["dag"]).code(0);
    sandbox.write("input", "two\n");
    read_only(&sandbox, &["repro"]).code(2).tells(&["ROOT/.pipe/lock", "ermission denied"]);
    assert_eq!((sandbox.read("second.txt"), sandbox.count("ran", "first")), ("one\n".into(), 1));
    assert!(read_only(&sandbox, &["runs", "list"]).stderr.len() < 1000);
}

/// Data, results, a run and a model, all of it committed.
fn full(is_dvc: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    let text = "stages:\n  a:\n    cmd: cp data/1 out; echo '{\"acc\":0.5}' > m.json\n    deps: [data/1]\n    params: [lr]\n    outs: \
                [out]\n    metrics: [{m.json: {cache: false}}]\n";
    match is_dvc {
        true => {
            sandbox.write(".dvc/config", "");
            sandbox.write("dvc.yaml", text);
        }
        false => sandbox.write("pipeline.yaml", text),
    }
    sandbox.write("params.yaml", "lr: 1\n");
    sandbox.write("data/1", "1\n");
    sandbox.ok(["add", "data"]);
    sandbox.ok(["repro"]);
    sandbox.write("model.bin", "weights");
    let run = sandbox.ok(["runs", "start", "--name", "seen"]).stdout.trim().to_owned();
    sandbox.ok(["log", "metric", "loss", "1", "--run", &run]);
    sandbox.ok(["log", "artifact", "model.bin", "--run", &run]);
    sandbox.ok(["models", "register", "--run", &run, "--path", "model.bin", "m"]);
    sandbox.commit("all");
    sandbox
}

/// Where the run store of a project is.
fn store(is_dvc: bool) -> &'static str {
    if is_dvc { ".dvc/tmp/pipe/runs.db" } else { ".pipe/runs.db" }
}

#[test]
fn a_project_that_can_only_be_read_shows_all_that_is_in_it() {
    for is_dvc in [false, true] {
        let sandbox = full(is_dvc);
        // Of the user's own: what others may read is another test's.
        fs::set_permissions(sandbox.path(store(is_dvc)), Permissions::from_mode(0o644)).unwrap();
        let out = sandbox.root().with_file_name("tmp");
        fs::set_permissions(&out, Permissions::from_mode(0o777)).unwrap();
        let model = out.join("m").display().to_string();
        for arguments in [
            &["status", "-q"][..],
            &["status", "-v", "--verify"],
            &["diff", "HEAD"],
            &["data", "status"],
            &["list"],
            &["du"],
            &["metrics", "show"],
            &["metrics", "diff"],
            &["params", "diff", "HEAD"],
            &["runs", "list"],
            &["runs", "show", "last"],
            &["models", "list"],
            &["models", "download", "m/1", "-o", &model],
            &["repro"],
            &["gc", "-w", "--dry"],
        ] {
            read_only(&sandbox, arguments).code(0);
        }
        assert_eq!(fs::read_to_string(out.join("m/model.bin")).unwrap(), "weights");
        for arguments in [&["checkout"][..], &["checkout", "data", "-f"]] {
            read_only(&sandbox, arguments).code(0).tells(&["Everything is as recorded"]);
        }
        // Where there is something to do.
        sandbox.remove("data/1");
        let told = ["nothing was done: the project ROOT can only be read here", "ermission denied"];
        for arguments in [&["checkout"][..], &["commit"], &["push"], &["gc", "-w", "-f"]] {
            read_only(&sandbox, arguments).code(2).tells(&told);
        }
        assert!(!sandbox.exists("data/1"));
        sandbox.ok(["checkout"]);
    }
}

#[test]
fn what_would_be_shared_is_told_where_nothing_can_be_written() {
    for is_dvc in [false, true] {
        let sandbox = full(is_dvc);
        fs::set_permissions(sandbox.path(store(is_dvc)), Permissions::from_mode(0o644)).unwrap();
        sandbox.ok(["remote", "add", "-d", "store", "store"]);
        sandbox.ok(["push"]);
        sandbox.write("data/2", "2\n");
        sandbox.ok(["add", "data"]);
        // Where the lock file is, and where none ever was.
        for has_lock in [true, false] {
            if !has_lock {
                sandbox.remove(if is_dvc { ".dvc/tmp/pipe/lock" } else { ".pipe/lock" });
            }
            read_only(&sandbox, &["push", "--dry"]).code(0).tells(&["Would bring 2 files"]);
            for arguments in [&["fetch", "--dry", "out"][..], &["pull", "--dry", "out"]] {
                read_only(&sandbox, arguments).code(0).tells(&["Would bring 0 files"]);
            }
            let said = read_only(&sandbox, &["gc", "-w", "-r", "store", "--dry"]).code(0);
            assert!(said.stdout.contains("would stay"), "{said:?}");
            let said = read_only(&sandbox, &["remote", "check"]).code(1);
            said.tells(&[
                "remote `store` was listed, ",
                "but nothing was put there and read back: the project ROOT can only be read here",
                "ermission denied",
            ]);
        }
        let told = ["nothing was done: the project ROOT can only be read here"];
        for arguments in [&["push"][..], &["fetch"], &["gc", "-w", "-r", "store", "-f"]] {
            read_only(&sandbox, arguments).code(2).tells(&told);
        }
    }
}

#[test]
fn a_run_store_of_another_user_keeps_nobody_from_the_data() {
    for is_dvc in [false, true] {
        let sandbox = full(is_dvc);
        fs::set_permissions(sandbox.path(store(is_dvc)), Permissions::from_mode(0o0)).unwrap();
        assert_eq!(read_only(&sandbox, &["diff", "HEAD"]).code(0).stdout, "Nothing differs.\n");
        read_only(&sandbox, &["status", "-q"]).code(0);
        for arguments in [&["runs", "list"][..], &["models", "list"], &["diff", "a"], &["diff", "last"]] {
            let said = read_only(&sandbox, arguments).code(2);
            said.tells(&["runs.db may not be read by this user", "hint: who made it alone may read it"]);
        }
    }
}

#[test]
fn a_collection_in_a_shared_cache_keeps_what_a_project_of_another_user_needs() {
    let sandbox = Sandbox::new();
    sandbox.write("theirs", "theirs\n");
    sandbox.write("../mine/.pipe/config.toml", "cache.dir = '../cache'\n");
    sandbox.ok(["config", "cache.dir", "../cache"]);
    sandbox.ok(["add", "theirs"]);
    for text in ["old\n", "new\n"] {
        sandbox.write("../mine/data", text);
        sandbox.ok(["--cd", "../mine", "add", "data"]);
    }
    sandbox.settle();
    let mut command = sandbox.program("chown");
    command.args(["-R", "65534:65534", "../mine", "../cache"]);
    // Whom no permission stops may do so; others have all of it already.
    let _ = sandbox.finish(command);
    let said = read_only(&sandbox, &["--cd", "../mine", "gc", "-w", "-f"]).code(0);
    said.tells(&["Removed 1 file (4 B)", "it knows of 2 projects"]);
    sandbox.remove("theirs");
    sandbox.ok(["checkout"]);
    assert_eq!(sandbox.read("theirs"), "theirs\n");
}

#[test]
fn a_repository_that_git_does_not_trust_is_no_repository_without_commits() {
    let sandbox = full(false);
    // As git sees it when it belongs to somebody else, whoever runs the tests.
    let distrusting = |arguments: &[&str]| {
        finish_read_only(&sandbox, arguments, |command| {
            command
                .env("GIT_CONFIG_COUNT", "0")
                .env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
                .env("LANG", "de_DE.UTF-8");
        })
    };
    for arguments in [
        &["diff", "HEAD"][..],
        &["diff"],
        &["data", "status"],
        &["params", "diff"],
        &["list", "--rev", "HEAD"],
    ] {
        let said = distrusting(arguments).code(2);
        let hint = "hint: `git config --global --add safe.directory ROOT`";
        said.tells(&["git does not read the repository ROOT, which belongs to another user", hint]);
    }
    distrusting(&["status", "-q"]).code(0);
}

#[test]
fn on_a_disk_that_is_mounted_read_only_nothing_to_do_is_no_fault() {
    let sandbox = full(false);
    if !sandbox.has_namespaces() {
        return;
    }
    let script = r#"
        mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" || exit 9
        "$PIPE" checkout || exit 8
        "$PIPE" models download m/1 -o ../m || exit 7
        "$PIPE" checkout --relink && exit 6
        true
    "#;
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).env("PIPE", env!("CARGO_BIN_EXE_pipe"));
    let told = ["Everything is as recorded", "the project ROOT can only be read here", "mounted read-only"];
    sandbox.finish(command).code(0).tells(&told);
}
