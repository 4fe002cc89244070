//! What a command leaves that is killed while it brings data or outs here: never recorded unasked, finished by the next
//! `repro`, and never in the way of what somebody puts there since.

use std::time::Duration;

use crate::harness::{Said, Sandbox};

const PIPE: &str = env!("CARGO_BIN_EXE_pipe");

const BOTH: [bool; 2] = [false, true];

fn project(of_dvc: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    match of_dvc {
        true => {
            sandbox.write(".dvc/config", "");
            sandbox.write(".dvc/.gitignore", "/cache\n/tmp\n");
        }
        false => drop(sandbox.ok(["init"])),
    }
    sandbox
}

fn pointer(of_dvc: bool, data: &str) -> String {
    format!("{data}.{}", if of_dvc { "dvc" } else { "pipe" })
}

/// A project with a stage that writes a small and a large file into `o`, and that has run.
fn with_stage(of_dvc: bool) -> (Sandbox, &'static str) {
    let sandbox = project(of_dvc);
    let text = "stages:\n  a:\n    cmd: echo a >> ran; mkdir -p o; head -c 900000 /dev/zero > o/z; echo 1 > o/y\n    outs: [o]\n";
    sandbox.write(if of_dvc { "dvc.yaml" } else { "pipeline.yaml" }, text);
    sandbox.ok(["repro"]);
    (sandbox, if of_dvc { "dvc.lock" } else { "pipeline.lock" })
}

/// Like many bytes that nothing else holds.
fn large(seed: u32) -> Vec<u8> {
    (0..225_000_u32).flat_map(|at| (at.wrapping_mul(2_654_435_761) ^ seed).to_le_bytes()).collect()
}

/// A project with data in `d`, of which a file is large; with that of a revision before.
fn with_data(of_dvc: bool) -> Sandbox {
    let sandbox = project(of_dvc);
    sandbox.write("d/a", "1\n");
    sandbox.write("d/z", "1\n");
    sandbox.ok(["add", "d"]);
    sandbox.commit("one");
    sandbox.write("d/a", "2\n");
    sandbox.write("d/z", large(2));
    sandbox.ok(["add", "d"]);
    sandbox.commit("two");
    sandbox
}

/// Runs pipe until it writes more than so much to one file, where the kernel ends it.
fn cut_off(sandbox: &Sandbox, words: &[&str]) -> Said {
    let mut command = sandbox.program("bash");
    command.args(["-c", "ulimit -c 0; ulimit -f 100; exec \"$@\"", "bash", PIPE]).args(words);
    let said = sandbox.finish(command);
    assert_eq!(said.signal(), Some(25), "{words:?}: {}", said.stderr);
    said
}

/// Until what is written counts as younger than all before.
fn later() {
    std::thread::sleep(Duration::from_millis(60));
}

fn notes(sandbox: &Sandbox, of_dvc: bool) -> usize {
    let folder = if of_dvc { ".dvc/tmp/pipe/tmp/checkouts" } else { ".pipe/tmp/checkouts" };
    std::fs::read_dir(sandbox.path(folder)).map_or(0, |notes| notes.flatten().count())
}

#[test]
fn half_an_out_is_recorded_as_no_result() {
    for of_dvc in BOTH {
        for words in [&["checkout"][..], &["checkout", "o"], &["repro"]] {
            let (sandbox, lock) = with_stage(of_dvc);
            let before = sandbox.read(lock);
            sandbox.remove("o");
            cut_off(&sandbox, words);
            // What was in the way of the first killed one lies there now.
            std::fs::create_dir_all(sandbox.path("o")).unwrap();
            for commit in [&["commit"][..], &["commit", "-f"], &["commit", "a"]] {
                let said = sandbox.pipe(commit).code(1);
                said.tells(&[
                    "a checkout of o was cut off",
                    "`pipe checkout o` finishes it",
                    "`pipe commit -f o`",
                ]);
                assert_eq!(sandbox.read(lock), before);
            }
            sandbox.ok(["repro"]);
            assert_eq!((sandbox.files("o").len(), sandbox.count("ran", "a")), (2, 1), "{words:?}");
            assert_eq!(notes(&sandbox, of_dvc), 0);
            // An edit is one.
            sandbox.remove("o/z");
            sandbox.ok(["commit"]).tells(&["Recorded a"]);
            assert_ne!(sandbox.read(lock), before);
        }
    }
}

#[test]
fn half_an_out_is_recorded_where_that_is_said() {
    for of_dvc in BOTH {
        let (sandbox, _) = with_stage(of_dvc);
        sandbox.remove("o");
        cut_off(&sandbox, &["checkout"]);
        sandbox.write("o/y", "1\n");
        sandbox.ok(["commit", "-f", "a"]).tells(&["Recorded a"]);
        assert_eq!(notes(&sandbox, of_dvc), 0);
        sandbox.ok(["status", "-q"]);
        assert_eq!(sandbox.files("o"), ["o/y"]);
    }
}

#[test]
fn an_out_that_came_back_in_part_is_recorded_as_no_result() {
    for of_dvc in BOTH {
        let (sandbox, lock) = with_stage(of_dvc);
        let before = sandbox.read(lock);
        sandbox.remove("o");
        let cache = if of_dvc { ".dvc/cache/files/md5" } else { ".pipe/cache/blake3" };
        for blob in sandbox.files(cache).into_iter().filter(|blob| sandbox.bytes(blob).len() == 900_000) {
            sandbox.remove(&blob);
        }
        for round in 0..2 {
            sandbox.pipe(["checkout"]).code(1).tells(&["Cannot bring back o/z"]);
            assert_eq!(sandbox.files("o"), ["o/y"]);
            let said = sandbox.pipe(["commit"]).code(1);
            said.tells(&["1 of 2 files in out o is not here", "`pipe pull o`", "`pipe commit -f o`"]);
            assert_eq!(sandbox.read(lock), before, "{round}");
        }
        sandbox.ok(["repro"]);
        assert_eq!((notes(&sandbox, of_dvc), sandbox.count("ran", "a")), (0, 2));
        sandbox.remove("o/z");
        sandbox.ok(["commit"]).tells(&["Recorded a"]);
    }
}

#[test]
fn what_somebody_puts_there_since_is_his() {
    for of_dvc in BOTH {
        for words in [&["commit", "big"][..], &["commit"], &["add", "big"], &["repro"]] {
            let sandbox = project(of_dvc);
            sandbox.write("big", large(1));
            sandbox.ok(["add", "big"]);
            sandbox.remove("big");
            cut_off(&sandbox, &["checkout"]);
            later();
            sandbox.write("big", "mine\n");
            sandbox.ok(["status"]);
            sandbox.ok(words);
            assert_eq!((sandbox.read("big").as_str(), notes(&sandbox, of_dvc)), ("mine\n", 0), "{words:?}");
            sandbox.ok(["status", "-q"]);
        }
    }
}

#[test]
fn a_path_of_which_half_is_here_can_be_given_up() {
    for of_dvc in BOTH {
        for words in [&["commit", "-f", "d"][..], &["add", "-f", "d"], &["remove", "d"]] {
            let sandbox = with_data(of_dvc);
            sandbox.remove("d/z");
            sandbox.remove("d/a");
            cut_off(&sandbox, &["checkout"]);
            sandbox.write("d/a", "2\n");
            for refused in [&["commit", "d"][..], &["commit", "-f"], &["add", "d"]] {
                let said = sandbox.pipe(refused);
                assert_ne!(said.code_of(), Some(0), "{refused:?}");
                said.tells(&["was cut off", "`pipe checkout d` finishes it"]);
            }
            sandbox.ok(words);
            assert_eq!(notes(&sandbox, of_dvc), 0, "{words:?}");
            sandbox.ok(["add", "d"]);
            assert_eq!(sandbox.files("d"), ["d/a"]);
            sandbox.ok(["status", "-q"]);
        }
    }
}

#[test]
fn what_lies_there_whole_was_not_cut_off() {
    for of_dvc in BOTH {
        let sandbox = project(of_dvc);
        for (message, bytes) in [("one", b"1\n".to_vec()), ("two", large(2))] {
            sandbox.write("big", bytes);
            sandbox.ok(["add", "big"]);
            sandbox.commit(message);
        }
        sandbox.git(["checkout", "--quiet", "HEAD~1"]);
        sandbox.ok(["checkout"]);
        sandbox.git(["checkout", "--quiet", "main"]);
        cut_off(&sandbox, &["checkout"]);
        assert_eq!((sandbox.read("big").as_str(), notes(&sandbox, of_dvc)), ("1\n", 1));
        sandbox.pipe(["add", "big"]).code(2).tells(&["was cut off"]);
        sandbox.git(["checkout", "--quiet", "HEAD~1"]);
        sandbox.ok(["add", "big"]).tells(&["Unchanged: big"]);
        assert_eq!(notes(&sandbox, of_dvc), 0);
    }
}

#[test]
fn the_next_repro_finishes_it() {
    for of_dvc in BOTH {
        // The pointer had moved; all was gone; repro itself was killed.
        for (case, words) in
            [("moved", "checkout"), ("gone", "checkout"), ("half", "repro"), ("none", "repro")]
        {
            let sandbox = with_data(of_dvc);
            let recorded = sandbox.read(&pointer(of_dvc, "d"));
            if case == "moved" {
                sandbox.git(["checkout", "--quiet", "HEAD~1"]);
                sandbox.ok(["checkout"]);
                sandbox.git(["checkout", "--quiet", "main"]);
            } else {
                sandbox.remove("d");
            }
            cut_off(&sandbox, &[words]);
            if matches!(case, "gone" | "none") && sandbox.exists("d") {
                sandbox.remove("d");
            }
            if matches!(case, "moved" | "half") {
                std::fs::create_dir_all(sandbox.path("d")).unwrap();
                let told = ["a checkout of d was cut off", "`pipe checkout d` finishes it"];
                let said = sandbox.ok(["status"]).stdout;
                assert!(told.iter().all(|text| said.contains(text)), "{said}");
            }
            sandbox.ok(["repro"]);
            let story = format!("{case} {of_dvc}");
            assert_eq!(sandbox.read("d/a"), "2\n", "{story}");
            assert_eq!(sandbox.bytes("d/z"), large(2), "{story}");
            assert_eq!(sandbox.read(&pointer(of_dvc, "d")), recorded, "{story}");
            assert_eq!(notes(&sandbox, of_dvc), 0, "{story}");
        }
    }
}

#[test]
fn repro_finishes_nothing_over_what_no_record_names() {
    for of_dvc in BOTH {
        for way in [&["checkout", "-f", "d"][..], &["commit", "-f", "d"]] {
            let sandbox = with_data(of_dvc);
            let recorded = sandbox.read(&pointer(of_dvc, "d"));
            sandbox.remove("d");
            cut_off(&sandbox, &["checkout"]);
            later();
            sandbox.write("d/mine", "mine\n");
            let told =
                ["a checkout of d was cut off, and files in it were changed since", "`pipe checkout -f d`"];
            let said = sandbox.pipe(["repro"]);
            assert_ne!(said.code_of(), Some(0));
            said.tells(&told);
            sandbox.pipe(["checkout", "d"]).code(1).tells(&["d/mine"]);
            assert_eq!(sandbox.read("d/mine"), "mine\n");
            assert_eq!(sandbox.read(&pointer(of_dvc, "d")), recorded);
            sandbox.ok(way);
            assert_eq!(sandbox.exists("d/mine"), way[0] == "commit");
            assert_eq!(notes(&sandbox, of_dvc), 0);
            sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
        }
    }
}

#[test]
fn a_note_of_what_is_whole_is_in_nobodys_way() {
    for of_dvc in BOTH {
        let sandbox = with_data(of_dvc);
        sandbox.remove("d");
        cut_off(&sandbox, &["checkout"]);
        sandbox.ok(["checkout", "d/a"]);
        sandbox.write("d/z", large(2));
        sandbox.ok(["status", "-q"]);
        assert_eq!(notes(&sandbox, of_dvc), 0);
        // So that this is an edit, which repro records.
        sandbox.remove("d/a");
        sandbox.ok(["repro"]).tells(&["Recorded the changed data"]);
        assert_eq!(sandbox.files("d"), ["d/z"]);
    }
}
