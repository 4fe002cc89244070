//! Bytes that the cache holds and nothing names: nobody would find them again.

use crate::harness::Sandbox;

/// A project with three files in `raw`, pushed to `../store`, and a clone of it without its data.
fn with_clone() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    for name in ["1", "2", "3"] {
        sandbox.write(&format!("raw/{name}"), format!("{name}\n"));
    }
    sandbox.ok(["add", "raw"]);
    sandbox.ok(["push"]);
    sandbox.commit("one");
    sandbox.git(["clone", "--quiet", ".", "../clone"]);
    sandbox
}

#[test]
fn a_file_goes_into_a_folder_that_was_never_fetched() {
    let sandbox = with_clone();
    sandbox.write("../clone/raw/mine", "precious\n");
    sandbox.ok(["--cd", "../clone", "add", "raw/mine"]);
    assert!(sandbox.read("../clone/raw.pipe").contains("files: 4"));
    sandbox.ok(["--cd", "../clone", "pull"]);
    assert_eq!(sandbox.files("../clone/raw").len(), 4);
    assert_eq!(sandbox.read("../clone/raw/mine"), "precious\n");
}

#[test]
fn an_add_that_cannot_record_stores_nothing() {
    let sandbox = with_clone();
    std::fs::rename(sandbox.path("../store"), sandbox.path("../away")).unwrap();
    sandbox.write("../clone/raw/mine", "precious\n");
    let cannot = ["cannot add raw/mine", "lacks the list of the files in raw", "`pipe fetch raw`"];
    sandbox.pipe(["--cd", "../clone", "add", "raw/mine"]).code(2).tells(&cannot);
    assert_eq!(sandbox.files("../clone/.pipe/cache"), Vec::<String>::new());
    let unfetched = ["records 3 files, and was never fetched", "`pipe add -f raw`"];
    sandbox.pipe(["--cd", "../clone", "add", "raw"]).code(2).tells(&unfetched);
    std::fs::rename(sandbox.path("../away"), sandbox.path("../store")).unwrap();
    sandbox.pipe(["--cd", "../clone", "pull"]).code(1).tells(&["nothing was touched", "raw/mine"]);
    assert_eq!(sandbox.read("../clone/raw/mine"), "precious\n");
    sandbox.ok(["--cd", "../clone", "add", "-f", "raw"]);
    assert!(sandbox.read("../clone/raw.pipe").contains("files: 1"));
}

#[test]
fn what_is_in_the_cache_and_named_nowhere_is_not_removed_unasked() {
    let sandbox = with_clone();
    // As something that failed half way leaves it.
    sandbox.write("raw/mine", "precious\n");
    let pointer = sandbox.read("raw.pipe");
    sandbox.ok(["add", "raw/mine"]);
    sandbox.write("raw.pipe", &pointer);
    sandbox.remove(".pipe/agreed");
    sandbox.pipe(["checkout"]).code(1).tells(&["nothing was touched", "no record names", "raw/mine"]);
    let saved = sandbox.ok(["checkout", "-f"]);
    saved.tells(&["Saved raw/mine, which no record names", "pipe data restore"]);
    assert!(!sandbox.exists("raw/mine"));
}

#[test]
fn what_history_names_is_replaced_without_a_question() {
    let sandbox = with_clone();
    // A part of the data, so that nothing remembers what all of it was.
    sandbox.ok(["--cd", "../clone", "pull", "raw/1"]);
    sandbox.write("raw/1", "one\n");
    sandbox.ok(["add", "raw"]);
    sandbox.ok(["push"]);
    sandbox.commit("two");
    sandbox.git(["-C", "../clone", "pull", "--quiet"]);
    sandbox.ok(["--cd", "../clone", "pull", "raw/1"]);
    assert_eq!(sandbox.read("../clone/raw/1"), "one\n");
}

#[test]
fn what_a_folder_holds_whose_list_is_gone_is_not_told_as_changed() {
    let sandbox = with_clone();
    sandbox.remove(".pipe/cache");
    sandbox.ok(["status"]);
    assert_eq!(sandbox.ok(["diff"]).stdout, "Nothing differs.\n");
    let status = sandbox.json(["data", "status", "--granular", "--json"]);
    for side in ["committed", "uncommitted"] {
        for change in ["added", "modified", "deleted", "renamed"] {
            assert_eq!(status[side][change], serde_json::json!([]), "{side} {change}");
        }
    }
    // That something is another can be told, and not what.
    sandbox.write("raw/1", "one\n");
    let status = sandbox.json(["data", "status", "--granular", "--json"]);
    assert_eq!(status["uncommitted"]["modified"], serde_json::json!(["raw/"]));
    assert_eq!(status["uncommitted"]["added"], serde_json::json!([]));
    assert_eq!(sandbox.json(["diff", "--json"])["modified"][0]["path"], "raw/");
}

#[test]
fn an_edit_is_not_recorded_over_a_pointer_that_went_and_came_back() {
    let sandbox = with_clone();
    let pointer = sandbox.read("raw.pipe");
    sandbox.ok(["status"]);
    sandbox.remove("raw.pipe");
    sandbox.write("other", "data\n");
    sandbox.ok(["add", "other"]);
    sandbox.ok(["status"]);
    sandbox.write("raw/1", "edited\n");
    sandbox.write("raw.pipe", &pointer);
    sandbox.pipe(["repro"]).code(2).tells(&["nothing here tells"]);
    assert_eq!(sandbox.read("raw.pipe"), pointer);
}

#[test]
fn data_beside_a_conflicted_pointer_is_there_all_the_same() {
    let sandbox = with_clone();
    sandbox.write("other", "data\n");
    sandbox.ok(["add", "other"]);
    sandbox.commit("other");
    let pointer = sandbox.read("raw.pipe");
    sandbox.write("raw.pipe", format!("<<<<<<< ours\n{pointer}=======\n{pointer}>>>>>>> theirs\n"));
    sandbox.remove("other");
    let left_out =
        ["raw.pipe:1:1: the file holds an unresolved merge conflict", "left out", "git checkout --ours"];
    // Not all is done, and a hook that calls them is to know.
    sandbox.pipe(["checkout"]).code(1).tells(&left_out);
    assert_eq!(sandbox.read("other"), "data\n");
    sandbox.pipe(["push"]).code(1).tells(&left_out).tells(&["file pushed to"]);
    for command in
        [&["push", "--dry"][..], &["fetch", "--rev", "HEAD"], &["fetch"], &["pull"], &["pull", "--json"]]
    {
        sandbox.pipe(command).code(1).tells(&left_out);
    }
    // What is named is done.
    for command in [&["checkout", "other"][..], &["push", "other"], &["fetch", "other"], &["pull", "other"]] {
        sandbox.ok(command);
    }
    // What tells how data stands would call it deleted.
    for command in [
        &["data", "status", "--json"][..],
        &["diff", "--json"],
        &["diff", "HEAD~1"],
        &["list", "--json"],
        &["du"],
        &["status"],
    ] {
        let said = sandbox.pipe(command).code(2);
        let said =
            said.tells(&["raw.pipe:1:1: the file holds an unresolved merge conflict", "git checkout --ours"]);
        assert_eq!(said.stdout, "", "{command:?}");
    }
    for command in [&["list", ".", "--rev", "HEAD"][..], &["list", "HEAD"], &["diff", "HEAD~1", "HEAD"]] {
        sandbox.ok(command);
    }
    // What one side records must not be lost.
    sandbox.pipe(["gc", "--workspace", "-f"]).code(2).tells(&["unresolved merge conflict"]);
    sandbox.pipe(["repro"]).code(2).tells(&["unresolved merge conflict"]);
}

#[test]
fn a_merge_fetches_the_list_that_the_cache_lacks() {
    let sandbox = with_clone();
    let there = |words: &[&str]| {
        let folder = std::path::Path::new(env!("CARGO_BIN_EXE_pipe")).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut command = sandbox.program("git");
        command.args(["-C", "../clone"]).args(words).env("PATH", path);
        sandbox.finish(command)
    };
    sandbox.ok(["--cd", "../clone", "pull"]);
    sandbox.ok(["--cd", "../clone", "install", "--no-hooks"]);
    sandbox.write("raw/1", "mine\n");
    sandbox.remove("raw/2");
    sandbox.ok(["add", "raw"]);
    sandbox.ok(["push"]);
    sandbox.commit("mine");
    sandbox.write("../clone/raw/3", "theirs\n");
    sandbox.ok(["--cd", "../clone", "add", "raw"]);
    there(&["add", "--all"]).code(0);
    there(&["commit", "--quiet", "-m", "theirs"]).code(0);
    std::fs::rename(sandbox.path("../store"), sandbox.path("../away")).unwrap();
    let said = there(&["pull", "--quiet", "--no-rebase", "--no-edit"]).code(1);
    said.tells(&["the cache lacks the list of a side's files", "pipe fetch --rev"]);
    assert_eq!(sandbox.read("../clone/raw.pipe").matches("digest:").count(), 2);
    there(&["merge", "--abort"]).code(0);
    std::fs::rename(sandbox.path("../away"), sandbox.path("../store")).unwrap();
    there(&["pull", "--quiet", "--no-rebase", "--no-edit"]).code(0);
    sandbox.ok(["--cd", "../clone", "pull"]);
    assert_eq!(sandbox.files("../clone/raw").len(), 2);
    assert_eq!(sandbox.read("../clone/raw/1"), "mine\n");
    assert_eq!(sandbox.read("../clone/raw/3"), "theirs\n");
}

#[test]
fn where_a_folder_gives_way_to_a_file_nothing_in_it_is_removed_unasked() {
    for of_dvc in [false, true] {
        let sandbox = Sandbox::new();
        if of_dvc {
            sandbox.write(".dvc/config", "");
        }
        let pointer = if of_dvc { "d.dvc" } else { "d.pipe" };
        sandbox.write("d/f", "1\n");
        sandbox.ok(["add", "d"]);
        sandbox.commit("one");
        sandbox.remove("d/f");
        sandbox.write("d/f/k", "k\n");
        sandbox.ok(["add", "d"]);
        sandbox.commit("two");
        // The cache holds the same bytes, by a record of another place.
        sandbox.write("other", "note\n");
        sandbox.ok(["add", "other"]);
        sandbox.write("d/f/mine", "note\n");
        sandbox.git(["checkout", "--quiet", "HEAD~1", "--", pointer]);
        let told = ["nothing was touched", "no record names", "d/f/mine"];
        sandbox.pipe(["checkout"]).code(1).tells(&told);
        assert_eq!(sandbox.read("d/f/mine"), "note\n");
        sandbox.ok(["checkout", "-f"]).tells(&["Saved d/f/mine, which no record names"]);
        assert_eq!(sandbox.read("d/f"), "1\n");
    }
}
