//! What must never be lost: outs set aside, partial outs kept, bytes that no cache holds saved first.

use crate::harness::{Said, Sandbox};

/// Brings back to `saved` what the line "Saved …" names for a path.
fn bring_back(sandbox: &Sandbox, said: &Said, path: &str) {
    let start = format!("Saved {path}, which was in no cache, ");
    let line = said.stderr.lines().find(|line| line.starts_with(&start));
    let line = line.unwrap_or_else(|| panic!("no line says where {path} was saved:\n{}", said.stderr));
    let digest = line.split_once("`pipe data restore ").unwrap().1.split(' ').next().unwrap();
    sandbox.ok(["data", "restore", digest, "saved"]);
}

/// The text that was saved of a path.
fn saved_file(sandbox: &Sandbox, said: &Said, path: &str) -> String {
    bring_back(sandbox, said, path);
    let text = sandbox.read("saved");
    sandbox.remove("saved");
    text
}

const SIMPLE: &str = "stages:\n  a:\n    cmd: cat input > out\n    deps: [input]\n    outs: [out]\n";

fn simple() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(SIMPLE);
    sandbox.write("input", "one\n");
    sandbox
}

#[test]
fn outs_are_set_aside_while_the_command_runs() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: ls out folder >> seen 2>/dev/null || true; cp input out; mkdir folder; cp input folder/x\n    deps: [input]\n    outs: [out, folder]\n",
    );
    for text in ["1", "2"] {
        sandbox.write("input", text);
        sandbox.ok(["repro"]);
    }
    assert_eq!(sandbox.read("seen"), "", "the command starts from nothing");
    assert_eq!(sandbox.read("folder/x"), "2");
    assert_eq!(sandbox.files(".pipe/tmp/jobs"), Vec::<String>::new());
}

#[test]
fn of_a_first_run_that_fails_no_last_good_outs_are_told() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat input > out; test ! -e stop\n    deps: [input]\n    outs: [out]\n",
    );
    sandbox.write("input", "1\n");
    sandbox.write("stop", "");
    for arguments in [&["repro"][..], &["repro"], &["repro", "-f"]] {
        let texts = ["Its partial outs are in ROOT/.pipe/artifacts/", "/partial."];
        let said = sandbox.pipe(arguments).code(1).tells(&texts);
        assert!(!said.stderr.contains("last good"), "{}", said.stderr);
    }
    sandbox.remove("stop");
    sandbox.ok(["repro"]);
    sandbox.write("stop", "");
    sandbox.write("input", "2\n");
    sandbox.pipe(["repro"]).code(1).tells(&["/partial; the last good ones are in place."]);
}

#[test]
fn a_failed_stage_leaves_its_last_good_outs_and_keeps_its_partial_ones() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat input > out; mkdir -p deep/folder; cat input > deep/folder/x; test ! -e stop\n    deps: [input]\n    outs: [out, deep/folder]\n",
    );
    sandbox.write("input", "good\n");
    sandbox.ok(["repro"]);
    sandbox.write("input", "bad\n");
    sandbox.write("stop", "");
    sandbox.pipe(["repro"]).code(1).tells(&[
        "Failed a ",
        "the command exited with code 1",
        "partial outs are in ROOT/.pipe/artifacts/",
    ]);
    assert_eq!((sandbox.read("out"), sandbox.read("deep/folder/x")), ("good\n".into(), "good\n".into()));
    let run = sandbox.stage_run("a")["run_id"].as_str().unwrap().to_owned();
    assert_eq!(sandbox.read(&format!(".pipe/artifacts/{run}/partial/out")), "bad\n");
    assert_eq!(sandbox.read(&format!(".pipe/artifacts/{run}/partial/deep/folder/x")), "bad\n");
    sandbox.write("input", "good\n");
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
}

#[test]
fn a_file_that_stood_there_before_the_first_run_is_saved() {
    let sandbox = simple();
    sandbox.write("out", "mine\n");
    let said = sandbox.ok(["repro"]);
    assert_eq!(saved_file(&sandbox, &said, "out"), "mine\n");
    assert_eq!(sandbox.read("out"), "one\n");
}

#[test]
fn an_out_edited_by_hand_is_seen_saved_and_restored() {
    let sandbox = simple();
    sandbox.ok(["repro"]);
    sandbox.write("out", "edited\n");
    assert_eq!(sandbox.states(), "a:stale");
    let said = sandbox.ok(["repro"]).tells(&["Restored a from the cache, as the lock records it."]);
    assert_eq!(saved_file(&sandbox, &said, "out"), "edited\n");
    assert_eq!(sandbox.read("out"), "one\n");
    // The same edit again is in the cache already: nothing is to be saved.
    sandbox.write("out", "edited\n");
    assert!(!sandbox.ok(["repro"]).stderr.contains("Saved"));
}

#[test]
fn an_edit_is_saved_before_a_run_and_before_a_failure_too() {
    let sandbox = simple();
    sandbox.ok(["repro"]);
    sandbox.write("out", "edited 1\n");
    assert_eq!(saved_file(&sandbox, &sandbox.ok(["repro", "--force"]), "out"), "edited 1\n");
    sandbox.write("out", "edited 2\n");
    sandbox.edit("pipeline.yaml", "cat input > out", "rm -f out; exit 1");
    let said = sandbox.pipe(["repro"]).code(1);
    assert_eq!(saved_file(&sandbox, &said, "out"), "edited 2\n");
    assert_eq!(sandbox.read("out"), "edited 2\n", "a failure changes nothing");
}

#[test]
fn what_stands_in_a_folder_out_is_saved() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: mkdir out; cp input out/x\n    deps: [input]\n    outs: [out]\n",
    );
    sandbox.write("input", "1");
    sandbox.ok(["repro"]);
    sandbox.write("out/notes", "my notes");
    let said = sandbox.ok(["repro"]);
    assert_eq!(sandbox.files("out"), ["out/x"]);
    bring_back(&sandbox, &said, "out");
    assert_eq!(sandbox.read("saved/notes"), "my notes");
    assert_eq!(sandbox.files("saved"), ["saved/notes", "saved/x"]);
    sandbox.pipe(["data", "restore", "0000000000", "elsewhere"]).code(2).tells(&["the cache holds nothing"]);
    sandbox.pipe(["data", "restore", "0000000000", "saved"]).code(2).tells(&["saved exists already"]);
}

#[test]
fn what_git_keeps_is_saved_as_well() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cp input metrics.json\n    deps: [input]\n    metrics: [{metrics.json: {cache: false}}]\n",
    );
    sandbox.write("input", "{\"x\": 1}");
    sandbox.ok(["repro"]);
    sandbox.commit("all");
    sandbox.write("metrics.json", "{\"x\": 2, \"by\": \"hand\"}");
    sandbox.write("input", "{\"x\": 3}");
    let said = sandbox.ok(["repro"]);
    assert_eq!(saved_file(&sandbox, &said, "metrics.json"), "{\"x\": 2, \"by\": \"hand\"}");
}

#[test]
fn a_folder_where_a_file_shall_be_is_saved_and_replaced() {
    let sandbox = simple();
    sandbox.ok(["repro"]);
    sandbox.remove("out");
    sandbox.write("out/inside", "kept");
    sandbox.ok(["repro"]).tells(&["Saved out, which was in no cache"]);
    assert_eq!(sandbox.read("out"), "one\n");
    assert!(sandbox.files(".pipe/cache/blake3").iter().any(|blob| sandbox.read(blob) == "kept"));
}

#[test]
fn a_damaged_blob_is_named_and_never_trusted() {
    let sandbox = simple();
    sandbox.ok(["repro"]);
    let blobs = sandbox.files(".pipe/cache/blake3");
    let blob = blobs.iter().find(|blob| sandbox.read(blob) == "one\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(sandbox.path(blob)).unwrap().permissions(),
    );
    assert_eq!(mode & 0o222, 0, "blobs are read-only");
    std::fs::remove_file(sandbox.path(blob)).unwrap();
    sandbox.write(blob, "evil");
    sandbox.remove("out");
    sandbox.ok(["repro"]).tells(&["is damaged", ".pipe/cache/damaged/"]);
    assert_eq!(sandbox.read("out"), "one\n");
    assert!(sandbox.files(".pipe/cache/damaged").iter().any(|file| sandbox.read(file) == "evil"));
}

#[test]
fn an_edit_of_an_out_never_reaches_the_cache() {
    let sandbox = simple();
    sandbox.ok(["repro"]);
    for restore in [false, true] {
        if restore {
            sandbox.remove("out");
            sandbox.ok(["repro"]);
        }
        // In place, as an editor that keeps the inode does.
        sandbox.append("out", "more\n");
        sandbox.ok(["repro"]).tells(&["Restored a"]);
        assert_eq!(sandbox.read("out"), "one\n");
    }
}

#[test]
fn an_out_that_is_a_symlink_is_replaced_and_not_followed() {
    let sandbox = simple();
    sandbox.write("precious", "precious\n");
    sandbox.ok(["repro"]);
    sandbox.remove("out");
    std::os::unix::fs::symlink("precious", sandbox.path("out")).unwrap();
    sandbox.ok(["repro"]);
    assert_eq!((sandbox.read("out"), sandbox.read("precious")), ("one\n".into(), "precious\n".into()));
    assert!(!sandbox.path("out").is_symlink());
}

#[test]
fn a_dep_that_changes_while_its_stage_runs_leaves_it_stale() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat input > out; if test -e edit; then mv edit input; fi\n    deps: [input]\n    outs: [out]\n",
    );
    sandbox.write("input", "old\n");
    sandbox.write("edit", "new\n");
    // It is as stale as before, so that a script must not take it for done.
    let said = sandbox.pipe(["repro"]).code(1);
    said.tells(&["dep input changed while stage a ran: its result is not recorded", "1 ran, 1 not recorded"]);
    assert_eq!(sandbox.states(), "a:stale");
    // What was written while the input changed is no result, neither of the old input nor of the new one.
    sandbox.write("input", "old\n");
    assert_eq!(sandbox.states(), "a:stale");
    sandbox.ok(["repro"]).tells(&["1 ran"]);
    sandbox.write("input", "new\n");
    sandbox.ok(["repro"]).tells(&["1 ran"]);
    assert_eq!(sandbox.read("out"), "new\n");
}

/// Edits `params.yaml` while the first stage runs; the second reads it.
const EDITED: &str = "stages:
  first:
    cmd: cat input > first; if test -e edit; then mv edit params.yaml; fi
    deps: [input]
    outs: [first]
  second:
    cmd: cat first params.yaml > second; if test -e late; then mv late params.yaml; fi
    deps: [first]
    params: [p]
    outs: [second]
";

#[test]
fn a_stage_is_recorded_with_the_params_that_it_read() {
    let sandbox = Sandbox::with_pipeline(EDITED);
    sandbox.write("input", "");
    sandbox.write("params.yaml", "p: 1\n");
    sandbox.write("edit", "p: 2\n");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("second"), "p: 2\n");
    assert_eq!(sandbox.states(), "first:fresh second:fresh");
    sandbox.write("params.yaml", "p: 1\n");
    sandbox.ok(["repro"]).tells(&["1 ran"]);
    assert_eq!(sandbox.read("second"), "p: 1\n");
}

#[test]
fn a_param_that_changes_while_its_stage_runs_leaves_it_stale() {
    let sandbox = Sandbox::with_pipeline(EDITED);
    sandbox.write("input", "");
    sandbox.write("params.yaml", "p: 1\n");
    sandbox.write("late", "p: 2\n");
    sandbox.pipe(["repro"]).code(1).tells(&["param params.yaml:p changed while stage second ran"]);
    assert_eq!(sandbox.states(), "first:fresh second:stale");
    sandbox.ok(["repro"]).tells(&["1 ran, 1 up to date"]);
    assert_eq!(sandbox.read("second"), "p: 2\n");
}

#[test]
fn outs_behind_a_symlink_are_made_anew_and_never_restored() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat input > data/out; echo ran >> ran\n    deps: [input]\n    outs: [data/out]\n",
    );
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), sandbox.path("data")).unwrap();
    for (text, runs) in [("1", 1), ("2", 2), ("1", 3), ("1", 3)] {
        sandbox.write("input", text);
        let said = sandbox.ok(["repro"]);
        assert!(!said.stderr.contains("warning"), "{}", said.stderr);
        assert_eq!(sandbox.read("data/out"), text);
        assert_eq!(sandbox.count("ran", "ran"), runs);
    }
}

#[test]
fn what_is_ignored_in_an_out_stays_when_its_stage_runs_anew() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: mkdir -p o/skip o/sub; cat in > o/1; echo new > o/skip/made\n    deps: [in]\n    outs: [o]\n",
    );
    sandbox.write(".pipeignore", "*.tmp\nskip/\n");
    sandbox.write("in", "1\n");
    sandbox.ok(["repro"]);
    for path in ["o/x.tmp", "o/sub/y.tmp", "o/skip/mine", "o/skip/made", "o/gone/z.tmp"] {
        sandbox.write(path, "mine\n");
    }
    sandbox.write("in", "2\n");
    sandbox.edit("pipeline.yaml", "echo new", "exit 1; echo new");
    sandbox.pipe(["repro"]).code(1);
    assert_eq!(sandbox.read("o/x.tmp"), "mine\n", "a failure puts all back");
    sandbox.edit("pipeline.yaml", "exit 1; ", "test ! -e o/x.tmp; ");
    let said = sandbox.ok(["repro"]).tells(&["what was ignored in an out of stage a was moved to "]);
    let kept = said.stderr.lines().find_map(|line| line.split_once("was moved to ")?.1.split(": ").next());
    assert_eq!(sandbox.read(kept.unwrap()), "mine\n", "a folder for it would be one more in the result");
    assert_eq!(sandbox.files("o"), ["o/1", "o/skip/made", "o/skip/mine", "o/sub/y.tmp", "o/x.tmp"]);
    let texts =
        ["o/1", "o/skip/made", "o/skip/mine", "o/sub/y.tmp", "o/x.tmp"].map(|path| sandbox.read(path));
    assert_eq!(texts, ["2\n", "new\n", "mine\n", "mine\n", "mine\n"], "what the command writes replaces it");
    assert_eq!(sandbox.states(), "a:fresh");
    // The out is no folder any more.
    sandbox.edit(
        "pipeline.yaml",
        "mkdir -p o/skip o/sub; cat in > o/1; test ! -e o/x.tmp; echo new > o/skip/made",
        "cat in > o",
    );
    let said = sandbox.ok(["repro"]).tells(&["what was ignored in an out of stage a was moved to "]);
    let kept = said.stderr.lines().filter_map(|line| line.split_once("was moved to ")?.1.split(": ").next());
    let texts: Vec<String> =
        kept.filter(|path| path.ends_with("/x.tmp")).map(|path| sandbox.read(path)).collect();
    assert_eq!(texts, ["mine\n"]);
}

#[test]
fn what_is_ignored_in_what_is_removed_stays_in_place() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: mkdir -p o; cat in > o/1\n    deps: [in]\n    outs: [o]\n",
    );
    sandbox.write(".pipeignore", "*.tmp\n");
    sandbox.write("in", "1\n");
    sandbox.write("raw/1", "1\n");
    sandbox.ok(["add", "raw"]);
    sandbox.ok(["repro"]);
    sandbox.write("raw/x.tmp", "mine\n");
    sandbox.write("o/x.tmp", "mine\n");
    sandbox
        .ok(["remove", "--outs", "raw"])
        .tells(&["Removed raw, but for what .pipeignore ignores, which no cache holds: raw/x.tmp.\n"]);
    sandbox.ok(["stage", "remove", "--outs", "a"]).tells(&["which no cache holds: o/x.tmp.\n"]);
    assert_eq!(
        (sandbox.files("raw"), sandbox.files("o")),
        (vec!["raw/x.tmp".into()], vec!["o/x.tmp".into()])
    );
    assert_eq!(sandbox.read("raw/x.tmp"), "mine\n");
}

#[test]
fn a_checkout_of_a_file_leaves_what_is_ignored_in_a_folder_in_its_way() {
    let sandbox = Sandbox::new();
    sandbox.write(".pipeignore", "*.tmp\n");
    sandbox.write("raw", "a file\n");
    sandbox.ok(["add", "raw"]);
    sandbox.remove("raw");
    sandbox.write("raw/x.tmp", "mine\n");
    sandbox.pipe(["checkout", "-f"]).code(1).tells(&["holds raw/x.tmp"]);
    assert_eq!(sandbox.read("raw/x.tmp"), "mine\n");
}
