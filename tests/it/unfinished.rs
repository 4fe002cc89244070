//! What a killed process leaves of files that it had not finished: nothing where git and DVC look.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::harness::Sandbox;

fn project(of_dvc: bool) -> (Sandbox, &'static str) {
    let sandbox = Sandbox::new();
    if of_dvc {
        sandbox.write(".dvc/config", "");
    }
    (sandbox, if of_dvc { ".dvc/tmp/pipe/tmp/files" } else { ".pipe/tmp/files" })
}

#[test]
fn files_are_made_where_neither_git_nor_dvc_looks() {
    for of_dvc in [false, true] {
        let (sandbox, apart) = project(of_dvc);
        sandbox.ok(["config", "cache.link_types", "symlink"]);
        for file in 0..40 {
            sandbox.write(&format!("d/{}/{file}", file % 3), format!("{file}\n").repeat(9_000));
        }
        sandbox.ok(["add", "d"]);
        assert!(sandbox.exists(apart), "{apart}");
        let whole = sandbox.files("d");
        for round in 0..6 {
            sandbox.ok(["checkout", "--relink"]);
            let mut unprotect = sandbox.start(sandbox.pipe_command(["unprotect", "d"]));
            std::thread::sleep(Duration::from_millis(8 + 2 * round));
            if unprotect.is_running() {
                unprotect.signal("KILL");
            }
            unprotect.wait();
            assert_eq!(sandbox.files("d"), whole, "after round {round}");
        }
        // What a dead process left goes with the next command that writes, and what is no such file stays.
        let dead = format!("{apart}/{}-999999999-1-aB3dE6.tmp", host());
        for file in [&dead, &format!("{apart}/notes")] {
            sandbox.write(file, "half");
        }
        sandbox.ok(["add", "d"]);
        assert!(!sandbox.exists(&dead) && sandbox.exists(&format!("{apart}/notes")));
        assert_eq!(sandbox.files("d"), whole);
    }
}

/// On another mount files are made beside their places.
#[test]
fn what_the_killed_left_on_another_mount_goes_with_the_next_command() {
    let sandbox = Sandbox::new();
    if !sandbox.has_namespaces() {
        return;
    }
    let script = r#"
        set -e
        exec 3>&1 >&2
        mkdir data; mount -t tmpfs tmpfs data
        left() { find data .pipe/tmp/beside -name '*-*' 2> /dev/null | sort; }
        seq 2000000 > data/large; echo 1 > data/small
        "$PIPE" add data
        test -z "$(left)" || { echo an add left something; left; exit 9; }
        for round in 1 2 3 4 5; do
            rm data/large
            "$PIPE" checkout & process=$!
            while kill -0 $process 2> /dev/null && ! ls .pipe/tmp/beside/*-* > /dev/null 2>&1; do :; done
            kill -9 $process || true
            wait $process || true
            "$PIPE" checkout
            test -z "$(left)" || { echo a checkout left something; left; exit 9; }
        done
        mkdir -p data/deep .pipe/tmp/beside
        : > "data/deep/.pipe-$DEAD-aB3dE6.tmp"; echo notes > data/.pipe-notes.tmp; : > "data/.pipe-$DEAD-aB3dE6.tmp"
        echo data/deep > ".pipe/tmp/beside/$DEAD"
        "$PIPE" commit -f data
        find data -name '.pipe-*' >&3
    "#;
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]);
    command.env("PIPE", env!("CARGO_BIN_EXE_pipe")).env("DEAD", format!("{}-999999999-1", host()));
    let said = sandbox.finish(command).code(0);
    // Only where it is known that a dead process made something.
    let dead = format!("data/.pipe-{}-999999999-1-aB3dE6.tmp", host());
    let left: BTreeSet<&str> = said.stdout.lines().collect();
    assert_eq!(left, BTreeSet::from([dead.as_str(), "data/.pipe-notes.tmp"]));
}

fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    host.trim().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

fn note_of_a_move(sandbox: &Sandbox, state: &str, suffix: &str) {
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let note = serde_json::json!({
        "from": "a", "to": "b", "old": format!("a{suffix}"), "new": format!("b{suffix}"),
        "holder": {"host": hostname.trim(), "boot": "before", "pid": 999_999_999, "started": 1},
    });
    sandbox.write(&format!("{state}/tmp/move"), note.to_string());
}

#[test]
fn a_move_that_was_cut_off_is_told_until_it_is_finished() {
    for (of_dvc, state, suffix) in [(false, ".pipe", ".pipe"), (true, ".dvc/tmp/pipe", ".dvc")] {
        // Where the data is, and which pointers there are: after the note, after the pointer, after the data, after all.
        for (at, pointers) in [("a", "a"), ("a", "ab"), ("b", "ab"), ("b", "b")] {
            let (sandbox, _) = project(of_dvc);
            sandbox.write("a/x", "1");
            sandbox.write("other", "2");
            sandbox.ok(["add", "a"]);
            let text = sandbox.read(&format!("a{suffix}"));
            for name in ["a", "b"] {
                let pointer = format!("{name}{suffix}");
                match pointers.contains(name) {
                    true => sandbox.write(&pointer, text.replace("path: a", &format!("path: {name}"))),
                    false if name == "a" => sandbox.remove(&pointer),
                    false => {}
                }
            }
            if at != "a" {
                std::fs::rename(sandbox.path("a"), sandbox.path(at)).unwrap();
            }
            note_of_a_move(&sandbox, state, suffix);
            let story = format!("{at} {pointers} {suffix}");
            if pointers == "ab" {
                for words in [&["checkout", "-f"][..], &["add", "other"], &["commit", "-f"], &["repro"]] {
                    let told = ["a move of a to b was cut off", "`pipe move a b` finishes it"];
                    sandbox.pipe(words).code(2).tells(&told);
                }
                sandbox.pipe(["move", "a", "c"]).code(2).tells(&["`pipe move a b` finishes it"]);
                sandbox.pipe(["status"]).tells(&["`pipe move a b` finishes it"]);
                sandbox.pipe(["data", "status"]).tells(&["`pipe move a b` finishes it"]);
                sandbox.ok(["move", "a", "b"]);
                assert!(!sandbox.exists(&format!("{state}/tmp/move")), "{story}");
            }
            let name = if pointers == "a" { "a" } else { "b" };
            for words in [&["checkout"][..], &["add", "other"]] {
                let said = sandbox.ok(words);
                assert!(!said.stderr.contains("cut off"), "{story}: {}", said.stderr);
            }
            for one in ["a", "b"] {
                assert_eq!(sandbox.exists(one), one == name, "{story}");
                assert_eq!(sandbox.exists(&format!("{one}{suffix}")), one == name, "{story}");
            }
            assert_eq!(sandbox.read(&format!("{name}/x")), "1", "{story}");
        }
    }
}

#[test]
fn a_cut_off_move_of_data_with_an_absolute_path_is_told() {
    let (sandbox, _) = project(true);
    let root = sandbox.root().canonicalize().unwrap().display().to_string();
    sandbox.write("a", "1");
    sandbox.ok(["add", "a"]);
    sandbox.write("b.dvc", sandbox.read("a.dvc").replace("path: a", "path: b"));
    sandbox.edit("a.dvc", "path: a", &format!("path: {root}/a"));
    note_of_a_move(&sandbox, ".dvc/tmp/pipe", ".dvc");
    sandbox.pipe(["checkout"]).code(2).tells(&["`pipe move a b` finishes it"]);
    sandbox.ok(["move", "a", "b"]);
    assert_eq!(
        (sandbox.exists("a.dvc"), sandbox.exists("a"), sandbox.read("b")),
        (false, false, "1".to_owned())
    );
}

#[test]
fn all_commands_that_change_data_or_what_tells_of_it_ask_for_a_move_that_was_cut_off() {
    for (of_dvc, state, suffix) in [(false, ".pipe", ".pipe"), (true, ".dvc/tmp/pipe", ".dvc")] {
        let (sandbox, _) = project(of_dvc);
        sandbox.write("../source", "1");
        sandbox.ok(["import-url", "../source", "brought"]);
        sandbox.write(
            if of_dvc { "dvc.yaml" } else { "pipeline.yaml" },
            "stages:\n  s:\n    cmd: cp brought out\n    deps: [brought]\n    outs: [out]\n",
        );
        sandbox.ok(["repro"]);
        for path in ["a", "other"] {
            sandbox.write(path, path);
        }
        sandbox.ok(["add", "a", "other"]);
        sandbox
            .write(&format!("b{suffix}"), sandbox.read(&format!("a{suffix}")).replace("path: a", "path: b"));
        note_of_a_move(&sandbox, state, suffix);
        sandbox.write("../source", "2");
        let before = sandbox.files("");
        for words in [
            &["update"][..],
            &["import", "../none", "file"],
            &["import-url", "../source", "again"],
            &["unprotect", "other"],
            &["stage", "remove", "s"],
            &["stage", "remove", "--outs", "s"],
            &["remove", "s"],
            &["remove", &format!("other{suffix}")],
            &["add", "other"],
            &["commit", "-f", "s"],
            &["checkout", "other"],
            &["repro", "-f", "s"],
            &["convert"],
        ] {
            if words != ["convert"] || of_dvc {
                let told = ["a move of a to b was cut off", "`pipe move a b` finishes it"];
                sandbox.pipe(words).code(2).tells(&told);
            }
        }
        let after = sandbox.files("");
        assert_eq!(after, before);
        // What changes neither goes on.
        sandbox.ok(["status", "--verify"]);
        sandbox.ok(["move", "a", "b"]);
        sandbox.ok(["update"]);
        assert_eq!(sandbox.read("brought"), "2");
    }
}

#[test]
fn a_removal_of_several_goes_on_where_it_was_cut_off() {
    for (of_dvc, suffix) in [(false, ".pipe"), (true, ".dvc")] {
        let (sandbox, _) = project(of_dvc);
        for name in ["a", "d", "kept"] {
            sandbox.write(&format!("{name}/x"), name);
            sandbox.ok(["add", name]);
        }
        // As it is after the first pointer.
        for path in ["a".to_owned(), "d".to_owned(), format!("a{suffix}")] {
            sandbox.remove(&path);
        }
        let [a, d, kept] = ["a", "d", "kept"].map(|name| format!("{name}{suffix}"));
        sandbox.pipe(["remove", "--outs", "none", &kept]).code(2).tells(&["`none` is neither"]);
        sandbox.ok(["remove", "--outs", &a, &d]).tells(&[&format!("{a} was removed before")]);
        assert!(!sandbox.exists(&d) && sandbox.exists(&kept) && sandbox.exists("kept/x"));
        // Once all is done, it is not known any more.
        sandbox.pipe(["remove", &a]).code(2);
    }
}

#[test]
fn a_symlink_in_the_way_of_data_goes_and_what_it_leads_to_is_copied_nowhere() {
    for of_dvc in [false, true] {
        let (sandbox, _) = project(of_dvc);
        let private = tempfile::tempdir().unwrap();
        std::fs::write(private.path().join("key"), "nobody else's").unwrap();
        for name in ["d/x", "file"] {
            sandbox.write(name, "1");
        }
        sandbox.ok(["add", "d", "file"]);
        for (name, target) in [("d", private.path().to_owned()), ("file", private.path().join("key"))] {
            sandbox.remove(name);
            std::os::unix::fs::symlink(target, sandbox.path(name)).unwrap();
        }
        let told = ["The symlink d, which leads to", "The symlink file, which leads to"];
        sandbox.ok(["checkout", "-f"]).tells(&told);
        assert!(!sandbox.path("d").is_symlink() && !sandbox.path("file").is_symlink());
        assert_eq!((sandbox.read("d/x"), sandbox.read("file")), ("1".to_owned(), "1".to_owned()));
        assert_eq!(std::fs::read_to_string(private.path().join("key")).unwrap(), "nobody else's");
        for file in sandbox.files(".") {
            assert!(!sandbox.bytes(&file).starts_with(b"nobody"), "{file}");
        }
    }
}

#[test]
fn of_links_in_what_goes_nothing_is_copied_and_what_they_lead_to_stays() {
    for of_dvc in [false, true] {
        let (sandbox, _) = project(of_dvc);
        let private = tempfile::tempdir().unwrap();
        let names = ["key", "sub/key"];
        std::fs::create_dir(private.path().join("sub")).unwrap();
        for name in names {
            std::fs::write(private.path().join(name), "nobody else's").unwrap();
        }
        let link = |to: &str, at: &str| {
            if sandbox.exists(at) {
                sandbox.remove(at);
            }
            std::os::unix::fs::symlink(private.path().join(to), sandbox.path(at)).unwrap();
        };
        for name in ["d/x", "e/x", "file", "whole/x"] {
            sandbox.write(name, name);
        }
        sandbox.ok(["add", "d", "e", "file", "whole"]);
        // A folder that goes as a whole.
        sandbox.write("d/more/own", "own");
        link("key", "d/more/link");
        let said = sandbox.ok(["checkout", "-f"]);
        said.tells(&[
            "Saved d/more, ",
            "The symlink d/more/link, which leads to",
            "is removed; what it leads to stays",
        ]);
        assert!(!sandbox.exists("d/more"));
        // Outs that are links, and that have one.
        link("sub", "whole");
        link("key", "file");
        sandbox.write("e/x", "edited");
        link("key", "e/link");
        link("no such", "e/nowhere");
        let outs =
            ["whole", "file", "e"].map(|name| format!("{name}{}", if of_dvc { ".dvc" } else { ".pipe" }));
        let mut words = vec!["remove", "--outs"];
        words.extend(outs.iter().map(String::as_str));
        let said = sandbox.ok(words);
        let told = ["whole", "file", "e/link", "e/nowhere"]
            .map(|name| format!("The symlink {name}, which leads to"));
        said.tells(&told.each_ref().map(String::as_str)).tells(&["Saved e, which no cache held"]);
        for name in ["whole", "file", "e"] {
            assert!(std::fs::symlink_metadata(sandbox.path(name)).is_err(), "{name}");
        }
        // What stands in the way of an import.
        link("key", "brought");
        sandbox.write("../source", "1");
        sandbox
            .ok(["import-url", "-f", "../source", "brought"])
            .tells(&["The symlink brought, which leads to"]);
        assert_eq!((sandbox.read("brought"), sandbox.path("brought").is_symlink()), ("1".to_owned(), false));
        for name in names {
            assert_eq!(std::fs::read_to_string(private.path().join(name)).unwrap(), "nobody else's");
        }
        for file in sandbox.files("") {
            assert!(!sandbox.bytes(&file).starts_with(b"nobody"), "{file}");
        }
    }
}

#[test]
fn only_a_folder_marks_a_project() {
    for (of_dvc, name) in [(false, ".pipe"), (true, ".pipe"), (false, ".dvc"), (true, ".dvc")] {
        let (sandbox, _) = project(of_dvc);
        sandbox.write("data", "1");
        sandbox.ok(["add", "data"]);
        sandbox.write(&format!("sub/{name}"), "");
        sandbox.write("sub/more", "2");
        for words in [&["status"][..], &["checkout"], &["root"]] {
            let mut command = sandbox.pipe_command(words);
            command.current_dir(sandbox.path("sub"));
            let said = sandbox.finish(command).code(0);
            assert!(words != ["root"] || said.stdout.trim() == "..", "{name} {}", said.stdout);
        }
        let mut add = sandbox.pipe_command(["add", "more"]);
        add.current_dir(sandbox.path("sub"));
        // DVC looks for no data beside such a file.
        let said = sandbox.finish(add);
        assert_eq!(said.code_of() == Some(0), !(of_dvc && name == ".dvc"), "{name}: {}", said.stderr);
    }
}
