//! Pointers that git moved while the data stayed: what a colleague recorded is never overwritten with what was here before.

use crate::dvc_tool::{Dvc, project};
use crate::harness::{Sandbox, snapshot};

/// Two clones with a remote between them, and data that both have.
fn shared() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("data", "old\n");
    sandbox.write("raw/x", "x\n");
    sandbox.write("raw/y", "y\n");
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    sandbox.ok(["add", "data", "raw"]);
    sandbox.ok(["push"]);
    sandbox.commit("data");
    sandbox.git(["clone", "--quiet", ".", "../theirs"]);
    sandbox.ok(["--cd", "../theirs", "pull"]);
    sandbox
}

/// A colleague changes the data, and git brings the pointers.
fn moved() -> Sandbox {
    let sandbox = shared();
    sandbox.write("../theirs/data", "new\n");
    sandbox.write("../theirs/raw/x", "x of theirs\n");
    sandbox.ok(["--cd", "../theirs", "commit"]);
    sandbox.ok(["--cd", "../theirs", "push"]);
    sandbox.git(["-C", "../theirs", "commit", "-qam", "theirs"]);
    sandbox.git(["pull", "--quiet", "../theirs", "main"]);
    sandbox
}

fn pointers(sandbox: &Sandbox) -> [String; 2] {
    ["data.pipe", "raw.pipe"].map(|path| sandbox.read(path))
}

#[test]
fn a_checkout_that_lacks_the_data_changes_nothing_of_what_is_known() {
    let sandbox = moved();
    let theirs = pointers(&sandbox);
    let before = sandbox.pipe(["status"]).code(2).stdout;
    for _ in 0..2 {
        sandbox.pipe(["checkout"]).code(1).tells(&["Cannot bring back data"]);
        assert_eq!(sandbox.pipe(["status"]).code(2).stdout, before);
    }
    sandbox.ok(["fetch"]);
    for path in ["data", "raw"] {
        sandbox.pipe(["add", path]).code(2).tells(&["outdated, since its pointer moved"]);
    }
    assert_eq!(pointers(&sandbox), theirs);
    sandbox.ok(["checkout"]);
    assert_eq!((sandbox.read("data"), sandbox.read("raw/x")), ("new\n".into(), "x of theirs\n".into()));
}

#[test]
fn a_part_of_data_is_not_taken_for_the_whole_when_it_is_to_be_removed() {
    let sandbox = shared();
    for more in [&["remove", "raw/x"][..], &["remove", "--outs", "raw/x"]] {
        sandbox.pipe(more.iter().copied()).code(2).tells(&["raw/x is a part of raw", "`pipe add raw`"]);
    }
    assert!(sandbox.exists("raw/y") && sandbox.exists("raw.pipe"));
    // Nor where it is to be recorded or frozen.
    let pointer = sandbox.read("raw.pipe");
    sandbox.write("raw/x", "edited\n");
    sandbox.write("raw/y", "edited too\n");
    for arguments in
        [&["commit", "raw/x"][..], &["commit", "-f", "data", "raw/x"], &["commit", "-R", "raw/x"]]
    {
        let said = sandbox.pipe(arguments).code(2);
        said.tells(&[
            "raw/x is a part of raw",
            "`pipe add raw/x` records that part alone, `pipe commit raw`",
        ]);
    }
    for command in ["freeze", "unfreeze"] {
        sandbox.pipe([command, "raw/x"]).code(2).tells(&["raw/x is a part of raw", "name raw to"]);
    }
    assert_eq!(sandbox.read("raw.pipe"), pointer);
    sandbox.ok(["add", "raw/x"]);
    let status = sandbox.json(["data", "status", "--granular", "--json"]);
    assert_eq!(status["uncommitted"]["modified"], serde_json::json!(["raw/y"]));
    sandbox.ok(["commit", "raw"]);
    sandbox.ok(["remove", "--outs", "raw"]);
    assert!(!sandbox.exists("raw") && !sandbox.exists("raw.pipe"));
}

#[test]
fn a_pipeline_file_is_no_data_also_where_there_is_none_yet() {
    let sandbox = Sandbox::new();
    sandbox.write("../outside/pipeline.yaml", "stages: {}\n");
    sandbox
        .pipe(["import-url", "../outside/pipeline.yaml"])
        .code(2)
        .tells(&["is a pipeline, lock or params file"]);
    assert!(!sandbox.exists("pipeline.yaml.pipe"));
    sandbox.write("pipeline.lock", "x");
    sandbox.pipe(["add", "pipeline.lock"]).code(2);
    assert!(!sandbox.exists("pipeline.lock.pipe"));
    // A pipeline that comes later would not load beside such data.
    sandbox.write("params.yaml", "a: 1\n");
    sandbox.write("conf/params.yaml", "a: 1\n");
    let said = sandbox.pipe(["add", "params.yaml"]).code(2);
    said.tells(&["cannot add params.yaml: it is a pipeline, lock or params file", "`git add params.yaml`"]);
    assert!(!sandbox.exists("params.yaml.pipe"));
    sandbox.ok(["add", "conf/params.yaml"]);
}

#[test]
fn what_dvc_left_in_a_project_of_pipe_makes_it_none_of_dvc() {
    let sandbox = shared();
    sandbox.write(".dvc/tmp/lock", "");
    sandbox.ok(["status"]);
    sandbox.write(".dvc/config", "");
    // What holds data is never to be removed.
    let said = sandbox.pipe(["status"]).code(2).tells(&[
        "has both .pipe and .dvc",
        "Keep .pipe",
        "git worktree add",
    ]);
    assert!(!said.stderr.contains("remove"), "{}", said.stderr);
}

#[test]
fn data_whose_pointer_moved_is_outdated_and_never_recorded() {
    let sandbox = moved();
    let theirs = pointers(&sandbox);
    sandbox.write("pipeline.yaml", "stages:\n  copy: {cmd: cp data copy, deps: [data], outs: [copy]}\n");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stdout
    data.pipe: outdated: its pointer moved
      data data is outdated, since its pointer moved to 79d1d8da0b, which the cache does not hold (`pipe pull` fetches it)
    copy: stale
      has not run yet
      data of data.pipe before it is stale
    raw.pipe: outdated: its pointer moved
      data raw is outdated, since its pointer moved to bda624acaa, which the cache does not hold (`pipe pull` fetches it)
    ");
    sandbox.pipe(["status", "-q"]).code(2);
    sandbox
        .pipe(["repro"])
        .code(2)
        .tells(&["data data is outdated, since its pointer moved to", "`pipe pull`"]);
    snapshot!(sandbox.pipe(["commit"]), @"
    exit: 1
    --- stderr
    error: cannot record data of data.pipe
      caused by: data data is outdated, since its pointer moved to 79d1d8da0b, which the cache does not hold (`pipe pull` fetches it)
    ");
    sandbox.pipe(["commit", "-f"]).code(1).tells(&["pointer moved"]);
    sandbox.pipe(["add", "data"]).code(2).tells(&["data is outdated, since its pointer moved"]);
    assert_eq!((pointers(&sandbox), sandbox.read("data")), (theirs.clone(), "old\n".into()));
    // What the cache holds is brought, and what it does not hold with `--pull`.
    sandbox.ok(["fetch", "raw"]);
    snapshot!(sandbox.pipe(["status", "raw.pipe"]), @"
    exit: 0
    --- stdout
    raw.pipe: outdated: its pointer moved
      data raw is outdated, since its pointer moved: 833f98c6af -> bda624acaa (`pipe checkout raw` brings it)
    ");
    sandbox.pipe(["commit", "raw"]).code(1).tells(&["`pipe checkout raw`"]);
    sandbox.ok(["repro", "raw.pipe"]).tells(&["Restored raw.pipe"]);
    assert_eq!(sandbox.read("raw/x"), "x of theirs\n");
    sandbox.ok(["repro", "--pull"]).tells(&["Restored data.pipe"]);
    assert_eq!((sandbox.read("data"), sandbox.read("copy")), ("new\n".into(), "new\n".into()));
    assert_eq!(pointers(&sandbox), theirs);
    // What is edited from there is an edit.
    sandbox.write("data", "newer\n");
    sandbox.ok(["repro"]).tells(&["Recorded the changed data of data.pipe"]);
    assert_ne!(pointers(&sandbox), theirs);
}

#[test]
fn data_that_was_edited_while_its_pointer_moved_waits_for_a_choice() {
    let sandbox = moved();
    sandbox.ok(["fetch"]);
    let theirs = pointers(&sandbox);
    sandbox.write("data", "edited\n");
    sandbox.write("raw/y", "edited too\n");
    snapshot!(sandbox.pipe(["repro", "-kj", "1"]), @"
    exit: 2
    --- stderr
    Failed data.pipe: data data was edited, and its pointer moved meanwhile (`pipe checkout -f data` takes what the pointer records, `pipe commit -f data` what is here).
    Failed raw.pipe: data raw was edited, and its pointer moved meanwhile (`pipe checkout -f raw` takes what the pointer records, `pipe commit -f raw` what is here; of a folder also some of both, by `pipe add raw/FILE` for each file of yours and then `pipe checkout raw`).
    2 pointers: 2 failed.
    ");
    snapshot!(sandbox.pipe(["data", "status", "--granular"]), @"
    exit: 0
    --- stdout
    Edited data, whose pointers moved meanwhile:
      (`pipe checkout -f PATH` takes what the pointer records, `pipe commit -f PATH` what is here; of a folder also some of both, by `pipe add PATH/FILE` for each file of yours and then `pipe checkout PATH`)
            modified: data
            modified: raw/x
            modified: raw/y
    ");
    let status = sandbox.json(["data", "status", "--json"]);
    assert_eq!(status["diverged"]["modified"], serde_json::json!(["data", "raw/"]));
    assert_eq!(status["uncommitted"]["modified"], serde_json::json!([]));
    sandbox.pipe(["commit"]).code(1).tells(&["`pipe checkout -f data`", "`pipe commit -f data`"]);
    sandbox.pipe(["commit", "-f"]).code(1);
    sandbox.pipe(["add", "data"]).code(2).tells(&["was edited, and its pointer moved meanwhile"]);
    assert_eq!((pointers(&sandbox), sandbox.read("data")), (theirs.clone(), "edited\n".into()));
    sandbox.ok(["commit", "-f", "data"]).tells(&["Recorded data.pipe"]);
    sandbox.pipe(["checkout", "raw/y"]).code(1).tells(&["nothing was touched", "`pipe add raw/FILE`"]);
    snapshot!(sandbox.pipe(["checkout", "raw"]), @"
    exit: 1
    --- stderr
    error: nothing was touched, since bytes that no cache holds would be replaced: raw/y
    hint: raw was edited, and its pointer moved meanwhile: `pipe checkout -f raw` takes what the pointer records, `pipe commit -f raw` what is here; of a folder also some of both, by `pipe add raw/FILE` for each file of yours and then `pipe checkout raw`
    ");
    sandbox.ok(["checkout", "-f", "raw"]);
    assert_eq!((sandbox.read("raw/x"), sandbox.read("raw/y")), ("x of theirs\n".into(), "y\n".into()));
    assert_eq!(sandbox.read("raw.pipe"), theirs[1]);
    assert_eq!(sandbox.states(), "data.pipe:fresh raw.pipe:fresh");
    // What was forced is what both agree on.
    sandbox.write("data", "again\n");
    sandbox.ok(["commit", "data"]);
}

/// As the hint of the refusal says.
#[test]
fn of_an_edited_folder_whose_pointer_moved_both_sides_can_be_had() {
    let sandbox = moved();
    sandbox.ok(["fetch"]);
    sandbox.ok(["checkout", "data"]);
    sandbox.write("raw/y", "mine\n");
    sandbox.write("raw/z", "new\n");
    let way = "by `pipe add raw/FILE` for each file of yours and then `pipe checkout raw`";
    sandbox.pipe(["status", "-q"]).code(2).tells(&[way]);
    sandbox.pipe(["add", "raw"]).code(2).tells(&[way]);
    sandbox.ok(["add", "raw/y", "raw/z"]);
    sandbox.ok(["checkout", "raw"]);
    assert_eq!(
        ["x", "y", "z"].map(|file| sandbox.read(&format!("raw/{file}"))),
        ["x of theirs\n", "mine\n", "new\n"]
    );
    assert_eq!(sandbox.states(), "data.pipe:fresh raw.pipe:fresh");
}

#[test]
fn without_a_memory_nothing_is_overwritten() {
    let sandbox = moved();
    let theirs = pointers(&sandbox);
    sandbox.remove(".pipe/agreed");
    for command in ["repro", "commit"] {
        let said = sandbox.pipe([command]);
        assert_ne!(said.code_of(), Some(0));
        said.tells(&["nothing here tells which of them changed"]);
    }
    assert_eq!((pointers(&sandbox), sandbox.read("data")), (theirs, "old\n".into()));
    sandbox.ok(["commit", "-f", "data", "raw"]);
    assert_eq!(sandbox.states(), "data.pipe:fresh raw.pipe:fresh");
}

#[test]
fn data_that_came_in_part_is_not_recorded() {
    let sandbox = moved();
    sandbox.remove("raw");
    sandbox.remove(".pipe/cache");
    sandbox.ok(["fetch"]);
    let text = sandbox.read("raw.pipe");
    let lost =
        sandbox.files(".pipe/cache/blake3").into_iter().find(|file| sandbox.read(file) == "y\n").unwrap();
    sandbox.remove(&lost);
    sandbox.pipe(["checkout", "raw"]).code(1).tells(&["Cannot bring back raw/y"]);
    assert_ne!(sandbox.pipe(["repro", "raw.pipe"]).code_of(), Some(0));
    assert_eq!(sandbox.read("raw.pipe"), text);
    sandbox.ok(["pull", "-f"]);
    assert_eq!(sandbox.states(), "data.pipe:fresh raw.pipe:fresh");
}

#[test]
fn what_the_cache_holds_damaged_is_not_replaced_by_what_was_there() {
    let sandbox = moved();
    sandbox.ok(["fetch"]);
    let theirs = pointers(&sandbox);
    let file =
        sandbox.files(".pipe/cache/blake3").into_iter().find(|file| sandbox.read(file) == "new\n").unwrap();
    sandbox.remove(&file);
    sandbox.write(&file, "bad\n");
    sandbox.pipe(["repro", "data.pipe"]).code(2).tells(&["damaged", "which the cache does not hold"]);
    assert_eq!((pointers(&sandbox), sandbox.read("data")), (theirs, "old\n".into()));
    sandbox.ok(["pull", "data"]);
    assert_eq!(sandbox.read("data"), "new\n");
}

#[test]
fn files_in_folders_and_moves_keep_what_is_known() {
    let sandbox = moved();
    sandbox.ok(["fetch"]);
    sandbox.write("raw/mine", "mine\n");
    sandbox.ok(["add", "raw/mine"]);
    // The pointer holds theirs and mine now, and the folder still lacks theirs.
    sandbox.pipe(["commit", "raw"]).code(1).tells(&["raw was edited, and its pointer moved"]);
    sandbox.ok(["checkout", "raw"]);
    assert_eq!(sandbox.read("raw/x"), "x of theirs\n");
    sandbox.write("raw/x", "edited\n");
    sandbox.write("raw/more", "more\n");
    sandbox.ok(["add", "raw/more"]);
    sandbox.ok(["commit", "raw"]).tells(&["1 modified"]);
    sandbox.ok(["checkout", "data"]);
    sandbox.ok(["move", "data", "other"]);
    sandbox.write("other", "edited\n");
    sandbox.ok(["commit", "other"]);
}

#[test]
fn a_branch_switch_without_hooks_is_one_too() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for sandbox in [shared(), {
        let sandbox = project(&mut dvc);
        sandbox.write("data", "old\n");
        dvc.ok(&sandbox, &["add", "-q", "data"]);
        sandbox.commit("data");
        sandbox
    }] {
        sandbox.ok(["status"]);
        sandbox.git(["checkout", "-q", "-b", "other"]);
        sandbox.write("data", "other\n");
        sandbox.ok(["commit"]);
        sandbox.commit("other");
        let pointer = if sandbox.exists("data.dvc") { "data.dvc" } else { "data.pipe" };
        sandbox.git(["checkout", "-q", "main"]);
        let text = sandbox.read(pointer);
        assert!(sandbox.pipe(["status"]).stdout.contains("outdated: its pointer moved"));
        sandbox.pipe(["commit"]).code(1);
        sandbox.ok(["repro"]).tells(&["Restored"]);
        assert_eq!((sandbox.read(pointer), sandbox.read("data")), (text, "old\n".into()));
    }
}

#[test]
fn an_edit_is_known_for_one_by_its_time_where_nothing_is_remembered() {
    let sandbox = shared();
    sandbox.remove(".pipe/agreed");
    sandbox.settle();
    sandbox.write("data", "edited\n");
    sandbox.write("raw/x", "edited\n");
    sandbox.ok(["commit"]).tells(&["Recorded data.pipe", "Recorded raw.pipe"]);
    assert_eq!(sandbox.states(), "data.pipe:fresh raw.pipe:fresh");
    // A pointer that is younger than the data may be a colleague's.
    let text = sandbox.read("data.pipe");
    sandbox.remove(".pipe/agreed");
    sandbox.write("data", "more\n");
    sandbox.settle();
    sandbox.write("data.pipe", &text);
    assert_ne!(sandbox.pipe(["commit"]).code_of(), Some(0));
    assert_eq!(sandbox.read("data.pipe"), text);
}

#[test]
fn a_part_of_a_folder_waits_for_the_rest() {
    let sandbox = shared();
    let text = sandbox.read("raw.pipe");
    for with_memory in [true, false] {
        sandbox.remove("raw");
        sandbox.ok(["checkout", "raw/x"]);
        if !with_memory {
            sandbox.remove(".pipe/agreed");
        }
        let absent = "1 of 2 files in data raw is not here (`pipe checkout raw` brings what is absent, `pipe commit -f raw` \
                      records that it was removed)";
        sandbox.pipe(["commit"]).code(1).tells(&[absent]);
        let refused =
            ["cannot add raw: 1 file of those that its pointer records may never have been here, as raw/y"];
        sandbox
            .pipe(["add", "raw"])
            .code(2)
            .tells(&refused)
            .tells(&["`pipe checkout raw`", "`pipe add -f raw`"]);
        sandbox.write("raw/new", "new\n");
        sandbox.pipe(["add", "raw"]).code(2).tells(&refused);
        sandbox.remove("raw/new");
        assert_eq!(sandbox.read("raw.pipe"), text);
        let status = sandbox.ok(["status"]).stdout;
        assert_eq!(status, format!("raw.pipe: modified: not all of it is here\n  {absent}\n"));
        let status = sandbox.ok(["data", "status"]).stdout;
        assert!(status.contains("        modified: raw/ (1 of 2 files are not here)\n"), "{status}");
        sandbox.ok(["repro"]);
        assert_eq!(sandbox.states(), "data.pipe:fresh raw.pipe:fresh");
    }
    // Nor where the rest is not here at all.
    sandbox.remove("raw");
    sandbox.remove(".pipe/cache");
    sandbox.ok(["pull", "raw/x"]);
    for command in ["commit", "repro"] {
        let said = sandbox.pipe([command]);
        assert_ne!(said.code_of(), Some(0));
        said.tells(&["1 of 2 files in data raw is not here (`pipe pull raw` brings what is absent"]);
    }
    assert_eq!(sandbox.read("raw.pipe"), text);
    sandbox.ok(["commit", "-f", "raw"]).tells(&["1 deleted"]);
    assert_eq!(sandbox.pipe(["diff", "--json"]).json()["deleted"][0]["path"], "raw/y");
}

#[test]
fn what_was_removed_from_data_that_dvc_brought_is_recorded() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("d/1", "1\n");
    sandbox.write("d/2", "2\n");
    dvc.ok(&sandbox, &["add", "-q", "d"]);
    sandbox.remove("d/2");
    sandbox.ok(["add", "d"]);
    assert!(sandbox.read("d.dvc").contains("nfiles: 1"), "{}", sandbox.read("d.dvc"));
}

#[test]
fn data_that_was_moved_is_removed_where_no_pointer_tells_of_it() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for sandbox in [Sandbox::new(), project(&mut dvc)] {
        sandbox.write("solo", "solo\n");
        sandbox.write("big/1", "1\n");
        sandbox.ok(["add", "solo", "big"]);
        sandbox.commit("base");
        sandbox.git(["checkout", "-q", "-b", "moved"]);
        sandbox.ok(["move", "solo", "solo2"]);
        sandbox.ok(["move", "big", "big2"]);
        sandbox.commit("moved");
        sandbox.git(["checkout", "-q", "main"]);
        sandbox.ok(["checkout"]);
        assert!(
            !sandbox.exists("solo2") && !sandbox.exists("big2"),
            "{}",
            sandbox.git(["status", "--short"])
        );
        assert_eq!((sandbox.read("solo"), sandbox.read("big/1")), ("solo\n".into(), "1\n".into()));
        assert_eq!(sandbox.git(["status", "--short"]), "");
        sandbox.git(["checkout", "-q", "moved"]);
        sandbox.ok(["checkout"]);
        assert_eq!((sandbox.read("solo2"), sandbox.read("big2/1")), ("solo\n".into(), "1\n".into()));
        assert!(!sandbox.exists("solo") && !sandbox.exists("big"));
    }
}

#[test]
fn data_that_cannot_be_had_and_that_no_stage_reads_stops_nothing() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  a:
    cmd: cat used > o
    deps: [used]
    outs: [o]
  b:
    cmd: cat o > p
    deps: [o]
    outs: [p]
",
    );
    for data in ["used", "huge", "moved"] {
        sandbox.write(data, format!("{data}\n"));
    }
    sandbox.ok(["add", "used", "huge", "moved"]);
    sandbox.commit("first");
    // Git moves the pointer of data that was edited meanwhile.
    sandbox.write("moved", "second\n");
    sandbox.ok(["add", "moved"]);
    sandbox.commit("second");
    sandbox.git(["checkout", "-q", "HEAD~1"]);
    sandbox.write("moved", "edited\n");
    sandbox.remove("huge");
    std::fs::remove_dir_all(sandbox.path(".pipe/cache")).unwrap();
    let pointer = sandbox.read("moved.pipe");
    let warning = "2 pointers left alone, which no stage here needs (huge.pipe, moved.pipe)";
    let missing = "data huge is neither in the workspace nor in the cache";
    sandbox.ok(["repro", "--dry"]).tells(&[warning, missing]);
    sandbox.ok(["repro"]).tells(&[warning, missing, "2 stages, 1 pointer: 2 ran"]);
    assert_eq!((sandbox.read("p"), sandbox.read("moved.pipe")), ("used\n".to_owned(), pointer.clone()));
    for _ in 0..2 {
        sandbox.ok(["repro"]).tells(&[warning, "Everything is up to date (2 stages, 1 pointer)"]);
    }
    sandbox.ok(["repro", "-P", "-f"]).tells(&[warning, "2 ran"]);
    // A remote may have it, and one that has it not changes nothing.
    sandbox.ok(["config", "remote.r.url", "../remote"]);
    sandbox.ok(["config", "core.remote", "r"]);
    std::fs::create_dir(sandbox.path("../remote")).unwrap();
    sandbox.ok(["repro", "--pull"]).tells(&[warning]);
    assert_eq!((sandbox.read("moved"), sandbox.read("moved.pipe")), ("edited\n".to_owned(), pointer));
    // Who names it means it.
    sandbox.pipe(["repro", "huge"]).code(2).tells(&[missing]);
    sandbox.pipe(["status"]).code(2);
    // Data that a stage reads is needed.
    sandbox.edit("pipeline.yaml", "deps: [o]", "deps: [o, huge]");
    sandbox.pipe(["repro"]).code(2).tells(&[missing]);
}
