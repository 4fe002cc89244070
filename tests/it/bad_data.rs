//! Data that cannot be read, records that cannot be believed, and remotes that are not there, in projects of both kinds: a
//! clear error with the way out, and nothing is lost.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::harness::{Said, Sandbox};

/// A project of either kind with a folder of data, recorded and committed.
pub fn data(is_dvc: bool) -> Sandbox {
    let sandbox = Sandbox::new();
    if is_dvc {
        sandbox.write(".dvc/config", "");
        sandbox.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n");
    }
    sandbox.write("raw/a", "one\n");
    sandbox.write("raw/sub/b", "two\n");
    sandbox.write("other", "other\n");
    sandbox.ok(["add", "raw", "other"]);
    sandbox.commit("data");
    sandbox
}

/// The pointer of `raw`.
fn pointer(is_dvc: bool) -> &'static str {
    if is_dvc { "raw.dvc" } else { "raw.pipe" }
}

/// Runs `pipe` as somebody whom permissions stop: root asks nobody.
pub fn as_nobody(sandbox: &Sandbox, arguments: &[&str]) -> Said {
    let mut command = sandbox.pipe_as_nobody();
    if sandbox.is_root() {
        let mut hand_over = sandbox.program("chown");
        hand_over.args(["-R", "65534:65534", ".."]);
        sandbox.finish(hand_over).code(0);
    }
    command.args(arguments);
    sandbox.finish(command)
}

pub fn set_mode(sandbox: &Sandbox, path: &str, mode: u32) {
    std::fs::set_permissions(sandbox.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_may_not_be_read_is_named_and_nothing_is_recorded() {
    for is_dvc in [false, true] {
        let sandbox = data(is_dvc);
        let (text, ignored) = (sandbox.read(pointer(is_dvc)), sandbox.read(".gitignore"));
        for (path, mode) in [("raw/sub/b", 0o644), ("raw/sub", 0o755)] {
            sandbox.write("raw/a", format!("edited with {path}\n"));
            sandbox.write("fresh/sub/b", "new\n");
            let fresh = path.replace("raw", "fresh");
            // What was read before is known by its stamp, which tells nothing of one that was touched.
            if path == "raw/sub/b" {
                sandbox.write(path, "two, too\n");
            }
            set_mode(&sandbox, path, 0);
            set_mode(&sandbox, &fresh, 0);
            let commands: [&[&str]; 7] = [
                &["add", "fresh"],
                &["add", "raw"],
                &["commit", "-f", "raw"],
                &["status", "-q"],
                &["repro"],
                &["data", "status"],
                &["move", "raw", "moved"],
            ];
            for command in commands {
                let said = as_nobody(&sandbox, command).code(2);
                let place = if command[1..] == ["fresh"] { &fresh } else { path };
                said.tells(&[place, "ermission denied", "let yourself read it"]);
            }
            assert!(!sandbox.exists(&pointer(is_dvc).replace("raw", "moved")));
            assert_eq!(
                (sandbox.read(pointer(is_dvc)), sandbox.read(".gitignore")),
                (text.clone(), ignored.clone())
            );
            assert!(!sandbox.exists(&pointer(is_dvc).replace("raw", "fresh")));
            set_mode(&sandbox, path, mode);
            set_mode(&sandbox, &fresh, mode);
        }
        as_nobody(&sandbox, &["add", "fresh", "raw"]).code(0);
        assert_ne!(sandbox.read(pointer(is_dvc)), text);
    }
}

#[test]
fn a_pattern_in_quotes_is_told_how_it_is_meant() {
    let sandbox = data(false);
    let said = sandbox.pipe(["add", "raw/*.csv"]).code(2);
    said.tells(&[
        "cannot add raw/*.csv: there is no such file or folder",
        "`--glob` adds what a pattern matches",
    ]);
}

#[test]
fn symlinks_that_lead_in_a_circle_are_named() {
    for is_dvc in [false, true] {
        let sandbox = data(is_dvc);
        let text = sandbox.read(pointer(is_dvc));
        for (name, to, why) in [
            ("raw/one", "two", "is a symlink that leads round in a circle"),
            ("raw/self", "self", "is a symlink that leads round in a circle"),
            ("raw/sub/here", ".", "raw/sub/here is a symlink that leads round in a circle"),
        ] {
            symlink(to, sandbox.path(name)).unwrap();
            if name == "raw/one" {
                symlink("one", sandbox.path("raw/two")).unwrap();
            }
            // DVC enters no link to a folder, wherever that is.
            let is_left_out = is_dvc && name == "raw/sub/here";
            for command in [&["add", "raw"][..], &["commit", "-f", "raw"], &["status", "-q"], &["repro"]] {
                if is_left_out {
                    sandbox.ok(command);
                    continue;
                }
                sandbox.pipe(command).code(2).tells(&[why, "remove the link, or name it in"]);
            }
            let ignore = if is_dvc { ".dvcignore" } else { ".pipeignore" };
            sandbox.write(ignore, "one\ntwo\nself\nhere\n");
            sandbox.ok(["add", "raw"]);
            sandbox.remove(ignore);
            assert_eq!(sandbox.read(pointer(is_dvc)), text);
            sandbox.remove(name);
            if name == "raw/one" {
                sandbox.remove("raw/two");
            }
        }
        sandbox.ok(["status", "-q"]);
    }
}

#[test]
fn a_conflict_in_a_record_is_told_with_its_place_and_stays() {
    for is_dvc in [false, true] {
        let sandbox = data(is_dvc);
        let file = if is_dvc { "dvc.yaml" } else { "pipeline.yaml" };
        let lock = if is_dvc { "dvc.lock" } else { "pipeline.lock" };
        sandbox.write(file, "stages:\n  s:\n    cmd: cp other out\n    deps: [other]\n    outs: [out]\n");
        sandbox.ok(["repro"]);
        for record in [lock, pointer(is_dvc)] {
            let good = sandbox.read(record);
            let bad = format!(
                "<<<<<<< HEAD\n{good}=======\n{}>>>>>>> theirs\n",
                good.replace("size: 6", "size: 7")
            );
            sandbox.write(record, &bad);
            sandbox.write("raw/a", format!("edited beside {record}\n"));
            for command in
                [&["status"][..], &["repro"], &["commit", "-f"], &["gc", "-w", "-f"], &["add", "raw"]]
            {
                // What is not asked of that record may be done.
                if command[0] == "add" && record == lock {
                    continue;
                }
                let said = sandbox.pipe(command).code(2);
                said.tells(&[&format!("{record}:1:1: the file holds an unresolved merge conflict")]);
            }
            assert_eq!(sandbox.read(record), bad, "it is for a person to judge");
            assert_eq!(sandbox.read("raw/a"), format!("edited beside {record}\n"));
            sandbox.write(record, &good);
            sandbox.write("raw/a", "one\n");
            sandbox.ok(["status", "-q"]);
        }
    }
}

#[test]
fn a_corrupt_blob_and_a_remote_that_is_gone_are_named_with_the_way_out() {
    for is_dvc in [false, true] {
        let sandbox = data(is_dvc);
        sandbox.pipe(["pull"]).code(0).tells(&["No remote is chosen, and none is needed"]);
        sandbox.pipe(["push"]).code(2).tells(&["there is no remote", "pipe remote add"]);
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        sandbox.ok(["push"]);
        let folder = if is_dvc { ".dvc/cache/files" } else { ".pipe/cache/blake3" };
        let blob = sandbox.files(folder).into_iter().find(|blob| sandbox.read(blob) == "two\n").unwrap();
        sandbox.remove(&blob);
        sandbox.write(&blob, "2wo\n");
        sandbox.remove("raw");
        sandbox.pipe(["checkout"]).code(1).tells(&["Cannot bring back raw/sub/b", "damaged", "pipe pull"]);
        assert_eq!(sandbox.read("raw/a"), "one\n", "the rest is done");
        assert!(!sandbox.exists("raw/sub/b"));
        std::fs::rename(sandbox.path("../store"), sandbox.path("../away")).unwrap();
        for command in ["pull", "push", "fetch"] {
            sandbox.pipe([command]).code(2).tells(&["remote `store` ", "is not there", "mount it"]);
        }
        std::fs::rename(sandbox.path("../away"), sandbox.path("../store")).unwrap();
        sandbox.ok(["pull"]);
        assert_eq!(sandbox.read("raw/sub/b"), "two\n");
        sandbox.ok(["status", "-q", "--verify"]);
    }
}

/// An object that another user put there with a mask of his own keeps nobody from the rest.
#[test]
fn an_object_that_may_not_be_read_at_the_remote_costs_its_own_out_alone() {
    for is_dvc in [false, true] {
        let sandbox = data(is_dvc);
        let pipeline = if is_dvc { "dvc.yaml" } else { "pipeline.yaml" };
        sandbox.write(pipeline, "stages: {make: {cmd: cp other made, deps: [other], outs: [made]}}\n");
        sandbox.write("other", "made\n");
        sandbox.ok(["add", "other"]);
        sandbox.ok(["repro"]);
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        sandbox.ok(["push", "--stage-cache"]);
        let object = |text: &str| {
            let objects = sandbox.files("../store");
            objects.into_iter().find(|object| sandbox.read(object).starts_with(text)).unwrap()
        };
        let cache = if is_dvc { ".dvc/cache" } else { ".pipe/cache" };
        let forget = || {
            for path in [cache, "raw", "other", "made"] {
                if sandbox.exists(path) {
                    sandbox.remove(path);
                }
            }
        };
        let (file, list) = (object("two\n"), object(if is_dvc { "[" } else { "pipe-tree" }));
        for (shut, told) in [(&file, "raw/sub/b: failed to read "), (&list, "raw/: failed to read ")] {
            let key = shut.rsplit_once("/store/").unwrap().1;
            forget();
            set_mode(&sandbox, shut, 0);
            let said = as_nobody(&sandbox, &["pull"]).code(1);
            said.tells(&[told, key, "ermission denied", "check the owner and the permissions"]);
            assert_eq!(sandbox.read("other"), "made\n", "a whole out comes back");
            assert!(!sandbox.exists("raw/sub/b"));
            as_nobody(&sandbox, &["fetch"]).code(1).tells(&[told]);
            let told = as_nobody(&sandbox, &["fetch", "--json"]).code(1).json();
            assert!(told["remotes"][0]["failed"][0]["reason"].as_str().unwrap().contains(key));
            set_mode(&sandbox, shut, 0o644);
            as_nobody(&sandbox, &["pull"]).code(0);
            assert_eq!(sandbox.read("raw/sub/b"), "two\n");
        }
        // Who has it puts it there anew.
        set_mode(&sandbox, &file, 0);
        as_nobody(&sandbox, &["push", "--verify"]).code(0).tells(&["raw/sub/b: ", "1 file pushed"]);
        assert_eq!(sandbox.read(&file), "two\n");
        // A result of the stage cache that cannot be read is told too, and none that may be there is computed again.
        let results = if is_dvc { "../store/runs" } else { "../store/stages" };
        let entry = sandbox.files(results).pop().unwrap();
        forget();
        set_mode(&sandbox, &entry, 0);
        as_nobody(&sandbox, &["pull", "--stage-cache"])
            .code(1)
            .tells(&["failed to read ", "ermission denied"]);
        assert_eq!(sandbox.read("raw/sub/b"), "two\n");
        set_mode(&sandbox, &entry, 0o644);
        forget();
        let made = object("made\n");
        set_mode(&sandbox, &made, 0);
        as_nobody(&sandbox, &["repro", "--pull"])
            .code(2)
            .tells(&["ermission denied", "without `--pull` it runs"]);
        set_mode(&sandbox, &made, 0o644);
        // All of it is shut.
        forget();
        set_mode(&sandbox, "../store", 0);
        as_nobody(&sandbox, &["pull"]).code(2).tells(&["ermission denied"]);
        set_mode(&sandbox, "../store", 0o755);
    }
}

/// On a disk of 4 MB that fills up: each command says so and leaves what was there, and does its work when there is room.
#[test]
fn a_full_disk_loses_nothing() {
    for folder in [".pipe", ".dvc"] {
        let sandbox = Sandbox::without_git();
        if !sandbox.has_namespaces() {
            return;
        }
        let script = r#"
            set -e
            mkdir disk; mount -t tmpfs -o size=4m tmpfs disk; cd disk; mkdir $FOLDER
            [ $FOLDER = .pipe ] || : > .dvc/config
            pointer() { cat data$SUFFIX 2> /dev/null || echo none; }
            sum() { cat data/* | cksum; }
            # Runs a command where there is room for nothing, or for a part, and then where there is.
            squeeze() {
                before=$(sum); old=$(pointer)
                for room in 0 204800; do
                    cat /dev/zero > fill 2> /dev/null || true
                    truncate -s -$room fill
                    echo "$* with room for $room" >&2
                    "$PIPE" "$@" && exit 9
                    echo "code $?" >&2
                    [ "$old" = "$(pointer)" ] || exit 8
                    [ $1 = pull ] || [ "$before" = "$(sum)" ] || exit 7
                    rm fill
                done
                "$PIPE" "$@"
            }
            mkdir data
            for name in $(seq 30); do yes $name | head -c 20000 > data/$name; done
            squeeze add data
            for name in $(seq 30); do yes 2 $name | head -c 20000 > data/$name; done
            squeeze commit -f data
            "$PIPE" remote add -d store ../../store
            "$PIPE" push
            whole=$(sum)
            rm -r data $FOLDER/cache
            mkdir data; squeeze pull
            [ "$whole" = "$(sum)" ] || exit 6
            "$PIPE" status -q --verify
        "#;
        let mut command = sandbox.program("unshare");
        command
            .args(["--map-root-user", "--mount", "sh", "-c", script])
            .env("PIPE", env!("CARGO_BIN_EXE_pipe"));
        command.env("FOLDER", folder).env("SUFFIX", folder);
        let said = sandbox.finish(command).code(0);
        let tries = said.stderr.split(" with room for ").skip(1);
        for one in tries {
            let one = one.split("code ").next().unwrap();
            assert!(one.contains("No space left") || one.contains("disk is full"), "{folder}: {one}");
        }
    }
}

#[test]
fn a_result_in_a_folder_that_takes_nothing_stays_the_result() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: mkdir o; cat in > o/1; chmod 555 o\n    deps: [in]\n    outs:\n    - o:\n        cache: false\n",
    );
    sandbox.write(".pipeignore", "*.tmp\n");
    sandbox.write("in", "1\n");
    as_nobody(&sandbox, &["repro"]).code(0);
    set_mode(&sandbox, "o", 0o755);
    sandbox.write("o/x.tmp", "mine\n");
    sandbox.write("in", "2\n");
    let said = as_nobody(&sandbox, &["repro"])
        .code(0)
        .tells(&["what was ignored in an out of stage a was moved to "]);
    let kept = said.stderr.lines().find_map(|line| line.split_once("was moved to ")?.1.split(": ").next());
    assert_eq!(sandbox.read(kept.unwrap()), "mine\n");
    as_nobody(&sandbox, &["repro"]).code(0).tells(&["Everything is up to date"]);
    assert_eq!(sandbox.read("o/1"), "2\n");
    set_mode(&sandbox, "o", 0o755);
}

#[test]
fn a_stage_whose_old_out_cannot_be_set_aside_has_failed() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat in > sub/o\n    deps: [in]\n    outs:\n    - sub/o:\n        cache: false\n",
    );
    sandbox.write("in", "1\n");
    as_nobody(&sandbox, &["repro"]).code(0);
    sandbox.write("in", "2\n");
    set_mode(&sandbox, "sub", 0o555);
    as_nobody(&sandbox, &["repro"]).code(2).tells(&["Failed a: failed to move", "ermission denied"]);
    set_mode(&sandbox, "sub", 0o755);
    assert_eq!(sandbox.read("sub/o"), "1\n");
    let listed = as_nobody(&sandbox, &["runs", "list", "--csv", "--where", "name = 'a'"]).code(0).stdout;
    let states: Vec<&str> = listed.lines().skip(1).filter_map(|line| line.split(',').nth(2)).collect();
    assert_eq!(states, ["FAILED", "FINISHED"], "{listed}");
}

/// The cached copy of what has `text` in it.
fn blob(sandbox: &Sandbox, is_dvc: bool, text: &str) -> String {
    let cache = if is_dvc { ".dvc/cache/files/md5" } else { ".pipe/cache/blake3" };
    let holds = |file: &String| String::from_utf8(sandbox.bytes(file)).unwrap().contains(text);
    sandbox.files(cache).into_iter().find(holds).unwrap()
}

/// Cuts it off.
fn cut_off(sandbox: &Sandbox, is_dvc: bool, text: &str) {
    let blob = blob(sandbox, is_dvc, text);
    set_mode(sandbox, &blob, 0o644);
    std::fs::OpenOptions::new().write(true).open(sandbox.path(&blob)).unwrap().set_len(2).unwrap();
    set_mode(sandbox, &blob, 0o444);
}

#[test]
fn what_the_cache_holds_damaged_is_stored_anew() {
    for is_dvc in [false, true] {
        for command in [&["commit"][..], &["commit", "-f"], &["add", "raw", "other"]] {
            let sandbox = data(is_dvc);
            cut_off(&sandbox, is_dvc, "other");
            cut_off(&sandbox, is_dvc, "two");
            sandbox.remove("raw");
            sandbox.remove("other");
            sandbox
                .pipe(["checkout"])
                .code(1)
                .tells(&["Cannot bring back other", "Cannot bring back raw/sub/b"]);
            sandbox.write("raw/sub/b", "two\n");
            sandbox.write("other", "other\n");
            let absent = sandbox.json(["data", "status", "--json"])["not_in_cache"].clone();
            assert_eq!(absent, serde_json::json!(["other", "raw/"]));
            // What is in place is enough for ours, as where the cache has nothing.
            let status = sandbox.ok(["status"]).stdout;
            for out in ["raw", "other"] {
                let text = format!("out {out} is not in the cache");
                assert_eq!(status.contains(&text), is_dvc, "{status}");
            }
            sandbox.ok(command);
            sandbox.remove("raw");
            sandbox.remove("other");
            sandbox.ok(["checkout"]);
            assert_eq!(sandbox.read("raw/sub/b") + &sandbox.read("other"), "two\nother\n");
        }
    }
}

#[test]
fn what_is_about_to_be_replaced_is_saved_where_the_cache_holds_it_damaged() {
    for is_dvc in [false, true] {
        let sandbox = data(is_dvc);
        let old = sandbox.read(&pointer(is_dvc).replace("raw", "other"));
        sandbox.write("other", "another\n");
        sandbox.ok(["add", "other"]);
        let new = sandbox.read(&pointer(is_dvc).replace("raw", "other"));
        sandbox.write(&pointer(is_dvc).replace("raw", "other"), old);
        cut_off(&sandbox, is_dvc, "another");
        sandbox.ok(["checkout", "-f"]);
        assert_eq!(sandbox.read("other"), "other\n");
        sandbox.write(&pointer(is_dvc).replace("raw", "other"), new);
        sandbox.ok(["checkout"]);
        assert_eq!(sandbox.read("other"), "another\n");
    }
}

#[test]
fn what_the_cache_does_not_let_be_read_is_named_and_the_rest_comes_back() {
    for is_dvc in [false, true] {
        for (text, named) in [("two\n", "raw/sub/b"), (if is_dvc { "relpath" } else { "pipe-tree" }, "raw")] {
            for is_linked in [false, true] {
                let sandbox = data(is_dvc);
                if is_linked {
                    sandbox.ok([
                        "config",
                        if is_dvc { "cache.type" } else { "cache.link_types" },
                        "hardlink",
                    ]);
                }
                sandbox.remove("raw");
                sandbox.remove("other");
                let closed = blob(&sandbox, is_dvc, text);
                set_mode(&sandbox, &closed, 0);
                let said = as_nobody(&sandbox, &["checkout"]);
                assert_eq!(sandbox.read("other"), "other\n", "{}", said.stderr);
                if is_linked && text == "two\n" {
                    // A link that nobody may read is one all the same.
                    continue;
                }
                said.code(1).tells(&[
                    &format!("Cannot bring back {named}"),
                    "cannot be read",
                    "ermission denied",
                    "let yourself read it",
                ]);
                assert_eq!(sandbox.exists("raw/a"), named == "raw/sub/b");
                set_mode(&sandbox, &closed, 0o444);
                as_nobody(&sandbox, &["checkout"]).code(0);
                assert_eq!(sandbox.read("raw/sub/b"), "two\n");
            }
        }
    }
}

#[test]
fn what_the_cache_does_not_let_be_read_is_no_fault_of_the_remote() {
    for is_dvc in [false, true] {
        for (text, named) in [("two\n", "raw/sub/b"), (if is_dvc { "relpath" } else { "pipe-tree" }, "raw/")]
        {
            let sandbox = data(is_dvc);
            sandbox.write("../store/.keep", "");
            sandbox.ok(["remote", "add", "--default", "store", "../store"]);
            let closed = blob(&sandbox, is_dvc, text);
            set_mode(&sandbox, &closed, 0);
            let said = as_nobody(&sandbox, &["push"]).code(1);
            assert!(!said.stderr.contains("at remote"), "{}", said.stderr);
            said.tells(&[
                named,
                "the cache's copy of",
                "cannot be read",
                "ermission denied",
                "let yourself read it",
            ]);
            let there = sandbox.files("../store");
            assert!(there.iter().any(|file| sandbox.read(file) == "other\n"), "the rest is done: {there:?}");
            set_mode(&sandbox, &closed, 0o444);
            as_nobody(&sandbox, &["push"]).code(0);
            set_mode(&sandbox, "../store", 0);
            let said = as_nobody(&sandbox, &["remote", "check"]).code(1);
            set_mode(&sandbox, "../store", 0o755);
            said.tells(&["failed to list what is at remote `store`"]);
        }
    }
}

#[test]
fn files_of_the_other_tool_are_told() {
    for is_dvc in [false, true] {
        let (lock, own) = if is_dvc { ("pipeline.lock", "dvc.lock") } else { ("dvc.lock", "pipeline.lock") };
        let sandbox = data(is_dvc);
        sandbox.write("../store/.keep", "");
        sandbox.ok(["remote", "add", "--default", "store", "../store"]);
        sandbox.ok(["push"]);
        sandbox.write(lock, "");
        sandbox.write("stages", "1\n");
        let file = if is_dvc { "dvc.yaml" } else { "pipeline.yaml" };
        sandbox.write(file, "stages: {s: {cmd: cp stages o, deps: [stages], outs: [o]}}\n");
        let said = [lock, "a project of", &format!("results in {own}")];
        for command in [&["checkout"][..], &["pull"], &["push"], &["data", "status"]] {
            sandbox.ok(command).tells(&said);
        }
        for command in [&["status"][..], &["repro"], &["repro"], &["commit"], &["add", "other"]] {
            sandbox.pipe(command).code(2).tells(&said);
        }
        assert!(!sandbox.exists("o"));
        // A pointer among them tells how to go on.
        let theirs = data(!is_dvc);
        let pointer = pointer(!is_dvc).replace("raw", "other");
        sandbox.write(&pointer, theirs.read(&pointer));
        sandbox.pipe(["status"]).code(2).tells(&["are files of", &pointer, lock, "`pipe add other`"]);
    }
}

/// A shared cache may hold what another user keeps for himself: to fetch it would not help.
#[test]
fn a_copy_in_the_cache_that_may_not_be_read_is_told() {
    for is_dvc in [false, true] {
        let sandbox = data(is_dvc);
        sandbox.remove("raw");
        let blobs = sandbox.files(sandbox.cache());
        let blobs: Vec<&String> = blobs.iter().filter(|path| !path.contains("/stages/")).collect();
        assert!(!blobs.is_empty());
        let set_all = |mode| {
            for blob in &blobs {
                set_mode(&sandbox, blob, mode);
            }
        };
        set_all(0);
        let said = as_nobody(&sandbox, &["status"]).code(2).stdout;
        assert!(said.contains("data raw is in the cache, where you may not read it"), "{said}");
        assert!(!said.contains("pipe pull"), "{said}");
        set_all(0o444);
        as_nobody(&sandbox, &["checkout"]).code(0);
    }
}
