//! Copies in the cache and lists at remotes that are damaged or closed: what is good elsewhere is not lost, and the rest is
//! told.

use crate::bad_data::{as_nobody, data, set_mode};
use crate::dvc_tool::Dvc;
use crate::harness::Sandbox;

/// The file below a folder that holds just these bytes.
fn holder(sandbox: &Sandbox, folder: &str, bytes: &str) -> String {
    let mut found = sandbox.files(folder);
    found.retain(|file| sandbox.bytes(file) == bytes.as_bytes());
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Replaces the cache's copy of some bytes with as many others, as read-only as it was.
fn damage(sandbox: &Sandbox, bytes: &str) {
    let blob = holder(sandbox, sandbox.cache(), bytes);
    sandbox.remove(&blob);
    sandbox.write(&blob, "x".repeat(bytes.len()));
    set_mode(sandbox, &blob, 0o444);
}

/// The cache's copy of what the workspace still has was damaged: DVC, which trusts its mode, replaces the last good one.
#[test]
fn a_checkout_never_replaces_the_last_good_copy() {
    for (is_dvc, is_folder) in [(false, false), (false, true), (true, false), (true, true)] {
        let sandbox = Sandbox::new();
        let mut dvc = is_dvc.then(|| Dvc::start(&sandbox));
        if let Some(dvc) = &mut dvc {
            dvc.ok(&sandbox, &["init", "-q"]);
        }
        let file = if is_folder { "out/a" } else { "out" };
        for (tag, text) in [("v1", "one\n"), ("v2", "two\n")] {
            sandbox.write(file, text);
            match &mut dvc {
                Some(dvc) => drop(dvc.ok(&sandbox, &["add", "-q", "out"])),
                None => drop(sandbox.ok(["add", "out"])),
            }
            sandbox.commit(tag);
            sandbox.git(["tag", tag]);
        }
        sandbox.git(["checkout", "-q", "v1"]);
        sandbox.ok(["checkout"]);
        damage(&sandbox, "one\n");
        sandbox.git(["checkout", "-q", "v2"]);
        sandbox.pipe(["checkout"]).code(1).tells(&["bytes that no cache holds would be replaced"]);
        assert_eq!(sandbox.read(file), "one\n");
        sandbox.ok(["checkout", "-f"]).tells(&["Saved out"]);
        assert_eq!(sandbox.read(file), "two\n");
        sandbox.git(["checkout", "-q", "v1"]);
        sandbox.ok(["checkout"]);
        assert_eq!(sandbox.read(file), "one\n");
    }
}

/// What a push says of a damaged copy is a way that works.
#[test]
fn a_push_never_sends_what_is_damaged_and_says_how_it_is_mended() {
    for is_dvc in [false, true] {
        let sandbox = data(is_dvc);
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        damage(&sandbox, "two\n");
        sandbox
            .pipe(["push"])
            .code(1)
            .tells(&["raw/sub/b: the cache's copy", "`pipe status --verify` stores it anew"]);
        sandbox.ok(["status", "--verify"]).tells(&["stored again from raw/sub/b"]);
        sandbox.ok(["push"]);
        holder(&sandbox, "../store", "two\n");
    }
}

#[test]
fn a_list_that_a_remote_keeps_closed_hides_nothing_else() {
    for is_dvc in [false, true] {
        let sandbox = data(is_dvc);
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        sandbox.ok(["push"]);
        sandbox.remove(sandbox.cache());
        let record = sandbox.read(if is_dvc { "raw.dvc" } else { "raw.pipe" });
        let hex: String =
            record.split_once(if is_dvc { "md5: " } else { "blake3:" }).unwrap().1.chars().take(32).collect();
        let files = sandbox.files("../store");
        let list = files.iter().find(|file| file.replace('/', "").contains(&hex)).expect("the list of raw");
        set_mode(&sandbox, list, 0);
        let told = "raw/ cannot be told: failed to read";
        let said = as_nobody(&sandbox, &["status", "-c"]).code(2).tells(&[told]);
        assert!(
            said.stdout.contains("deleted\tother\n") && said.stdout.contains("deleted\traw/\n"),
            "{}",
            said.stdout
        );
        let said = as_nobody(&sandbox, &["status", "-c", "--json"]).code(2);
        match is_dvc {
            // DVC's own shape has no place for it.
            true => assert_eq!(said.tells(&[told]).json()["other"], "deleted"),
            false => assert_eq!(said.json()["remotes"][0]["unread"][0]["path"], "raw/"),
        }
        let said = as_nobody(&sandbox, &["pull", "--dry"]).code(1).tells(&[told]);
        assert!(said.stdout.contains("other\n"), "{}", said.stdout);
        let said = as_nobody(&sandbox, &["data", "status", "--not-in-remote"]).code(2).tells(&[told]);
        assert!(!said.stdout.contains("No changes"));
        set_mode(&sandbox, list, 0o644);
        let said = as_nobody(&sandbox, &["status", "-c"]).code(0);
        assert!(said.stdout.contains("deleted\traw/sub/b\n"), "{}", said.stdout);
    }
}
