//! Bytes that the cache holds and nothing names: nobody would find them again.

use crate::harness::Sandbox;

/// A project with three files in `raw`, pushed to `../store`, and a clone of it without its data.
fn with_clone() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.ok(["init"]);
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    for name in ["1", "2", "3"] {
        sandbox.write(&format!("raw/{name}"), &format!("{name}\n"));
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
