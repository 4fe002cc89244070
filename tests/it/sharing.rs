//! Data and results shared by two clones of a repository through a folder.

use std::time::{Duration, Instant, SystemTime};

use crate::dvc_tool::{Dvc, project};
use crate::harness::{Said, Sandbox, snapshot};
use crate::histories::Random;

const PIPELINE: &str = "\
stages:
  make:
    cmd: mkdir -p out/sub; echo alpha > out/a; echo beta > out/sub/b; echo ran >> $PIPE_ROOT/log
    outs: [out]
  use:
    cmd: cat out/a out/sub/b > used; echo 2 > n.json; echo ran >> $PIPE_ROOT/log
    deps: [out]
    outs: [used, {private: {push: false}}, {other: {remote: second}}]
    metrics: [{n.json: {cache: false}}]
";

/// A project that ran and was pushed to `../store`, committed.
fn pushed() -> Sandbox {
    let sandbox = plain(&PIPELINE.replace(", {private: {push: false}}, {other: {remote: second}}", ""));
    sandbox.ok(["push"]).tells(&["5 files pushed to store", "0 up to date"]);
    sandbox
}

fn plain(pipeline: &str) -> Sandbox {
    let sandbox = Sandbox::with_pipeline(pipeline);
    sandbox.write("in", "0\n");
    sandbox.write(".gitignore", "/log\n");
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    sandbox.ok(["repro"]);
    sandbox.commit("done");
    sandbox
}

/// Calls `pipe` in another clone of the project.
#[track_caller]
fn there(sandbox: &Sandbox, clone: &str, arguments: &[&str]) -> Said {
    let clone = format!("../{clone}");
    if !sandbox.exists(&clone) {
        sandbox.git(["clone", "--quiet", ".", &clone]);
    }
    sandbox.pipe(["--cd", &clone].iter().chain(arguments))
}

fn objects(sandbox: &Sandbox) -> Vec<String> {
    sandbox.files("../store").iter().map(|name| name.rsplit("/store/").next().unwrap().to_owned()).collect()
}

#[test]
fn remotes_are_kept_in_the_settings() {
    let sandbox = Sandbox::new();
    snapshot!(sandbox.pipe(["remote", "check"]), @r"
    exit: 2
    --- stderr
    error: there is no remote to share data through
    hint: `pipe remote add --default NAME FOLDER` makes one known
    ");
    sandbox.ok(["remote", "add", "-d", "store", "../store"]);
    sandbox.ok(["remote", "add", "--local", "mine", "file:///mine"]);
    assert_eq!(
        sandbox.read(".pipe/config.toml"),
        "[remote.store]\nurl = \"../store\"\n\n[core]\nremote = \"store\"\n"
    );
    assert_eq!(sandbox.ok(["remote", "list"]).stdout, "mine\tfile:///mine\nstore\t../store\t(default)\n");
    snapshot!(sandbox.pipe(["remote", "add", "cloud", "s3://bucket"]), @r"
    exit: 2
    --- stderr
    error: remotes of the kind `s3://` are not there yet
    hint: a folder for now: on a disk, or on a share that is mounted
    ");
    snapshot!(sandbox.pipe(["remote", "add", "a.b", "x"]), @r"
    exit: 2
    --- stderr
    error: `a.b` is no name of a remote
    hint: use letters, digits, `-` and `_`
    ");
    sandbox.pipe(["remote", "add", "store", "x"]).code(2).tells(&["there is a remote `store` already"]);
    sandbox.pipe(["remote", "default", "stroe"]).code(2).tells(&["did you mean `store`?"]);
    sandbox.ok(["remote", "rename", "store", "shared"]);
    sandbox.ok(["remote", "modify", "shared", "url", "../shared"]);
    assert_eq!(sandbox.ok(["remote", "default"]).stdout, "shared\n");
    let (absent, moved) = ("remote `shared` is not there", "`pipe remote modify shared url FOLDER`");
    sandbox.pipe(["remote", "check"]).code(2).tells(&[absent, "mount it if it is a share", moved]);
    assert!(!sandbox.exists("../shared"), "a check makes no remote");
    std::fs::create_dir(sandbox.path("../shared")).unwrap();
    let told = sandbox.json(["remote", "check", "--json"]);
    assert_eq!(told["objects"], 0);
    let told = sandbox.ok(["remote", "check"]).stdout;
    assert!(
        told.starts_with("shared: 0 objects (0 B) listed in ") && told.contains("\nwritten at "),
        "{told}"
    );
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    let mut left = std::fs::read_dir(sandbox.path("../shared")).unwrap();
    assert!(left.next().is_none(), "a check leaves nothing behind, not even a folder");
    sandbox.ok(["remote", "default", "--unset"]);
    sandbox.pipe(["remote", "default"]).code(1);
    sandbox.pipe(["remote", "check"]).code(2).tells(&["there are several remotes"]);
    sandbox.ok(["remote", "remove", "shared"]);
    assert_eq!(sandbox.ok(["remote", "list"]).stdout, "mine\tfile:///mine\n");
    assert_eq!(sandbox.read(".pipe/config.toml"), "");
}

#[test]
fn a_clone_pulls_what_was_pushed() {
    let sandbox = pushed();
    sandbox.ok(["push"]).tells(&["0 files pushed to store, 0 B, 5 up to date"]);
    let said = there(&sandbox, "clone", &["status", "--cloud"]).code(0);
    assert_eq!(
        said.stdout,
        "deleted\tout/\ndeleted\tused\ndeleted\tout/a\ndeleted\tout/sub/\ndeleted\tout/sub/b\n"
    );
    there(&sandbox, "clone", &["status", "-q", "-c"]).code(1);
    assert_eq!(there(&sandbox, "clone", &["pull", "--dry"]).code(0).stdout.lines().count(), 5);
    let told = there(&sandbox, "clone", &["pull", "--json"]).code(0).json();
    assert_eq!(told["remotes"][0]["fetched"]["count"], 5);
    assert_eq!(told["checkout"]["added"], serde_json::json!(["out", "used"]));
    assert_eq!(sandbox.read("../clone/used"), "alpha\nbeta\n");
    there(&sandbox, "clone", &["repro"]).code(0).tells(&["Everything is up to date"]);
    there(&sandbox, "clone", &["status", "-q", "-c"]).code(0);
    // Bytes of one's own are not overwritten.
    sandbox.write("../clone/used", "mine\n");
    there(&sandbox, "clone", &["pull"]).code(1).tells(&["nothing was touched", "used"]);
    there(&sandbox, "clone", &["pull", "-f"]).code(0).tells(&["Saved used"]);
    assert_eq!(sandbox.read("../clone/used"), "alpha\nbeta\n");
    // A part of an out, and the cache alone.
    there(&sandbox, "part", &["pull", "out/sub/b"]).code(0);
    assert_eq!(sandbox.files("../part/out").len(), 1);
    there(&sandbox, "cache", &["fetch", "use"]).code(0).tells(&["1 file fetched from store, 11 B"]);
    assert!(!sandbox.exists("../cache/used"));
}

/// By a clone that has nothing yet, from a remote where nothing else is.
#[test]
fn a_part_of_a_folder_is_shared_with_the_lists_that_lead_to_it() {
    for is_dvc in [false, true] {
        let sandbox = Sandbox::new();
        if is_dvc {
            sandbox.write(".dvc/config", "");
            sandbox.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n");
        }
        for (path, text) in [("d/1", "one\n"), ("d/sub/2", "two\n"), ("d/sub/deep/3", "three\n")] {
            sandbox.write(path, text);
        }
        sandbox.ok(["add", "d"]);
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        sandbox.commit("data");
        let objects = if is_dvc { "d/sub/2\nd/\n" } else { "d/sub/2\nd/\nd/sub/\n" };
        assert_eq!(sandbox.ok(["push", "--dry", "d/sub/2"]).stdout, objects);
        sandbox.ok(["push", "d/sub/2"]).tells(&[if is_dvc { "2 files pushed" } else { "3 files pushed" }]);
        let absent = |clone: &str| {
            let cache = if is_dvc { ".dvc/cache" } else { ".pipe/cache" };
            assert!(!sandbox.exists(&format!("../{clone}/{cache}")), "{clone}");
        };
        let deleted: String = objects.lines().map(|path| format!("deleted\t{path}\n")).collect();
        assert_eq!(there(&sandbox, "clone", &["status", "-c", "d/sub/2"]).code(0).stdout, deleted);
        assert_eq!(there(&sandbox, "clone", &["pull", "--dry", "d/sub/2"]).code(0).stdout, objects);
        absent("clone");
        there(&sandbox, "clone", &["pull", "d/sub/2"]).code(0);
        assert_eq!(sandbox.read("../clone/d/sub/2"), "two\n");
        there(&sandbox, "third", &["fetch", "d/sub/2"]).code(0).tells(&["1 file fetched"]);
        // The rest is not there, and nobody takes it for being so.
        there(&sandbox, "third", &["pull", "d/sub/deep"]).code(1).tells(&["d/sub/deep"]);
        there(&sandbox, "fourth", &["push"]).code(1).tells(&["d/1"]);
        absent("fourth");
        sandbox.ok(["push", "d/sub/deep"]);
        there(&sandbox, "third", &["pull", "d/sub/deep"]).code(0);
        assert_eq!(sandbox.read("../third/d/sub/deep/3"), "three\n");
        sandbox.ok(["push"]).tells(&["1 file pushed"]);
        there(&sandbox, "fourth", &["push"]).code(0);
        there(&sandbox, "fourth", &["pull"]).code(0);
        assert_eq!(sandbox.read("../fourth/d/1"), "one\n");
    }
}

/// Of a project that was converted.
#[test]
fn revisions_of_the_other_tool_are_told_and_none_is_taken_for_shared() {
    let sandbox = Sandbox::new();
    sandbox.write(".dvc/config", "");
    sandbox.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n");
    sandbox.write("data", "old\n");
    sandbox.ok(["add", "data"]);
    sandbox.ok(["remote", "add", "-d", "store", "../store"]);
    sandbox.commit("of DVC");
    sandbox.ok(["convert"]);
    sandbox.commit("converted");
    for command in ["push", "fetch"] {
        let said = sandbox.ok([command, "--all-commits"]);
        said.tells(&["record in files of DVC is left out", "`git worktree add FOLDER "]);
        let said = sandbox.pipe([command, "--rev", "HEAD~1"]).code(2);
        said.tells(&["HEAD~1 records its data in files of DVC", "nothing was done"]);
        assert!(!sandbox.ok([command, "--rev", "HEAD"]).stderr.contains("DVC"));
    }
    // And the other way round.
    sandbox.git(["worktree", "add", "--quiet", "../before", "HEAD~1"]);
    sandbox.git(["tag", "now"]);
    sandbox
        .ok(["--cd", "../before", "push", "--all-tags", "--allow-missing"])
        .tells(&["record in files of pipe is left out"]);
}

#[test]
fn outs_say_whether_and_where_they_go() {
    let command = "cat out/a out/sub/b > used; echo secret > private; echo other > other;";
    let sandbox = Sandbox::with_pipeline(&PIPELINE.replace("cat out/a out/sub/b > used;", command));
    sandbox.ok(["remote", "add", "-d", "store", "../store"]);
    sandbox.ok(["repro"]);
    sandbox.pipe(["push"]).code(2).tells(&["there is no remote `second`"]);
    sandbox.ok(["remote", "add", "second", "../second"]);
    sandbox.ok(["push", "--stage-cache"]).tells(&["1 file pushed to second", "1 of 1 result new"]);
    assert_eq!(sandbox.files("../second").len(), 1);
    let held = |folder: &str| {
        let files = sandbox.files(folder);
        files.iter().any(|file| std::fs::read(sandbox.path(file)).unwrap_or_default() == b"secret\n")
    };
    assert!(!held("../store") && !held("../second"), "what is not to be pushed stays here");
    // What is in no cache is told, and the rest is done.
    sandbox.remove("../second");
    sandbox.remove(".pipe/cache/blake3");
    sandbox.remove("../store");
    let said = sandbox.pipe(["push", "--create"]).code(1);
    said.tells(&[
        "used: neither the cache nor remote `store` has it; `pipe commit` stores it where it lies",
        "0 files pushed",
    ]);
}

#[test]
fn what_revisions_record_is_shared_too() {
    let sandbox = pushed();
    let first = sandbox.read("used");
    sandbox.edit("pipeline.yaml", "echo alpha", "echo gamma");
    sandbox.ok(["repro"]);
    sandbox.commit("second");
    sandbox.remove("../store");
    sandbox.ok(["push", "--create"]).tells(&["5 files pushed"]);
    sandbox.ok(["push", "--rev", "HEAD~1"]).tells(&["5 up to date"]);
    sandbox.git(["tag", "old", "HEAD~1"]);
    there(&sandbox, "clone", &["fetch", "--all-tags"]).code(0).tells(&["8 files fetched"]);
    sandbox.git(["-C", "../clone", "checkout", "--quiet", "old"]);
    there(&sandbox, "clone", &["checkout"]).code(0);
    assert_eq!(sandbox.read("../clone/used"), first);
}

/// Containers and scheduled jobs often have no variable for it.
#[test]
fn the_system_tells_the_users_name_where_the_environment_does_not() {
    let sandbox = plain("stages: {make: {cmd: echo > out, outs: [out]}}\n");
    let mut repro = sandbox.pipe_command(["repro", "--force"]);
    repro.env_remove("USER");
    sandbox.finish(repro).code(0);
    let mut id = sandbox.program("id");
    id.arg("-un");
    let name = sandbox.finish(id).code(0).stdout;
    assert_eq!(sandbox.json(["runs", "show", "last", "--json"])["user"], name.trim());
}

#[test]
fn a_colleagues_result_is_restored_and_tells_who_made_it() {
    let sandbox =
        plain("stages: {make: {cmd: 'cp in out; echo ran >> $PIPE_ROOT/log', deps: [in], outs: [out]}}\n");
    sandbox.write("in", "1\n");
    sandbox.ok(["repro"]);
    sandbox.write("in", "2\n");
    sandbox.ok(["repro"]);
    sandbox.ok(["push", "--stage-cache"]).tells(&["3 of 3 results new"]);
    sandbox.commit("two");
    // No lock knows of the first result: the stage cache does.
    there(&sandbox, "clone", &["fetch", "--run-cache"]).code(0).tells(&["3 of 3 results new"]);
    sandbox.write("../clone/in", "1\n");
    let platform = format!("({}-{})", std::env::consts::OS, std::env::consts::ARCH);
    let said = there(&sandbox, "clone", &["repro"]).code(0).tells(&[
        "Restored make from run",
        " by tester on ",
        &platform,
    ]);
    drop(said);
    // Without a fetch before, when it is asked for; a look at the key suffices.
    there(&sandbox, "other", &["status"]).code(0);
    sandbox.write("../other/in", "1\n");
    there(&sandbox, "other", &["repro", "--pull"]).code(0).tells(&["Restored make from run", "by tester"]);
    sandbox.write("../other/in", "3\n");
    there(&sandbox, "other", &["repro", "--pull"]).code(0).tells(&["1 ran"]);
    assert!(!sandbox.exists("../clone/log") && sandbox.read("../other/log") == "ran\n");
    // Results of others count as the settings say.
    there(&sandbox, "wary", &["config", "--local", "stage_cache.trust", "bob,carol"]).code(0);
    there(&sandbox, "wary", &["fetch", "--stage-cache"]).code(0).tells(&["0 of 0 results new"]);
    sandbox.write("../wary/in", "1\n");
    there(&sandbox, "wary", &["repro", "--pull"]).code(0).tells(&["1 ran"]);
    // A remote that is gone is no reason to compute for hours.
    sandbox.remove("../store");
    sandbox.write("../other/in", "4\n");
    there(&sandbox, "other", &["repro", "--pull"])
        .code(2)
        .tells(&["remote `store` is not there", "mount it"]);
    there(&sandbox, "other", &["pull"]).code(2).tells(&["remote `store` is not there"]);
    let said = there(&sandbox, "other", &["status", "--cloud"]).code(2);
    assert_eq!(said.tells(&["remote `store` is not there", "mount it"]).stdout, "");
    assert!(!sandbox.exists("../store"));
    // Where a share is to be mounted, there is a folder.
    std::fs::create_dir(sandbox.path("../store")).unwrap();
    let said = there(&sandbox, "other", &["status", "--cloud"]).code(0);
    let said = said.tells(&["remote `store` is empty", "mount it if it is a share"]);
    assert!(said.stdout.contains("new"), "{}", said.stdout);
    sandbox.remove("../other/.pipe/cache");
    there(&sandbox, "other", &["pull"])
        .code(1)
        .tells(&["remote `store` is empty", "mount it if it is a share"]);
}

/// The file of the cache or remote in `folder` that holds `text`, with other bytes of the same length.
fn damage(sandbox: &Sandbox, folder: &str, text: &str) -> String {
    let found = sandbox
        .files(folder)
        .into_iter()
        .find(|file| std::fs::read(sandbox.path(file)).unwrap() == text.as_bytes());
    let file = found.unwrap();
    sandbox.remove(&file);
    sandbox.write(&file, "X".repeat(text.len()));
    file
}

#[test]
fn what_is_damaged_at_equal_size_is_named_and_replaced_on_either_side() {
    let sandbox = pushed();
    there(&sandbox, "clone", &["pull"]).code(0);
    // In the cache.
    let blob = damage(&sandbox, "../clone/.pipe/cache/blake3", "beta\n");
    sandbox.remove("../clone/out");
    there(&sandbox, "clone", &["checkout"]).code(1).tells(&["Cannot bring back out/sub/b", "is damaged"]);
    there(&sandbox, "clone", &["pull"])
        .code(0)
        .tells(&["out/sub/b: the cache held other bytes than its name says"]);
    assert_eq!((sandbox.read(&blob), sandbox.read("../clone/out/sub/b")), ("beta\n".into(), "beta\n".into()));
    assert_eq!(sandbox.files("../clone/.pipe/cache/damaged").len(), 1, "it may be somebody's work");
    // At the remote: who fetches is told who can mend it, and who has it does.
    let object = damage(&sandbox, "../store/blake3", "beta\n");
    sandbox.ok(["push"]).tells(&["0 files pushed"]);
    there(&sandbox, "second", &["pull"]).code(1).tells(&["delivers other bytes", "`pipe push --verify`"]);
    sandbox.ok(["push", "--verify"]).tells(&["out/sub/b: the remote held other bytes", "1 file pushed"]);
    assert_eq!(sandbox.read(&object), "beta\n");
    sandbox.ok(["push", "--verify"]).tells(&["0 files pushed"]);
    there(&sandbox, "second", &["pull"]).code(0);
    // Where nobody has it any more, that is said, and what is damaged here stays until something better comes.
    damage(&sandbox, "../store/blake3", "beta\n");
    damage(&sandbox, ".pipe/cache/blake3", "beta\n");
    sandbox.pipe(["push", "--verify"]).code(1).tells(&["out/sub/b: "]);
    sandbox.pipe(["fetch"]).code(1).tells(&["the cache held other bytes", "delivers other bytes"]);
    assert!(!sandbox.exists(".pipe/cache/damaged"));
}

#[test]
fn what_a_loss_of_power_cut_off_there_counts_as_absent_and_is_put_there_again() {
    let sandbox = pushed();
    sandbox.ok(["config", "push.sync", "full"]);
    let lies = |name: &&String| sandbox.read(&format!("../store/{name}")) == "alpha\n";
    let name = objects(&sandbox).iter().find(lies).unwrap().clone();
    sandbox.remove(&format!("../store/{name}"));
    sandbox.write(&format!("../store/{name}"), "");
    // There only the manifest tells how long it was.
    let said = there(&sandbox, "clone", &["fetch", "--dry"]);
    said.code(1).tells(&["out/a: neither the cache nor remote `store` has it"]);
    assert_eq!(sandbox.ok(["push", "--dry"]).stdout, "out/a\n");
    sandbox.ok(["push"]).tells(&["1 file pushed to store"]);
    there(&sandbox, "clone", &["pull"]).code(0);
    assert_eq!(sandbox.read("../clone/out/a"), "alpha\n");
}

#[test]
fn a_lock_is_restored_from_the_remote_without_running() {
    let sandbox = pushed();
    there(&sandbox, "clone", &["repro", "--pull"]).code(0).tells(&["2 restored"]);
    assert_eq!(sandbox.read("../clone/used"), "alpha\nbeta\n");
    assert!(!sandbox.exists("../clone/log"));
}

#[test]
fn hostile_objects_are_refused() {
    let sandbox = pushed();
    sandbox.ok(["push", "--stage-cache"]);
    let (mut blob, mut tree) = (None, None);
    for object in sandbox.files("../store") {
        let object = sandbox.path(&object).display().to_string();
        let text = std::fs::read_to_string(&object).unwrap_or_default();
        if text == "beta\n" {
            blob = Some(object);
        } else if text.starts_with("pipe-tree 1") && text.contains("folder") {
            tree = Some((object, text));
        } else if object.contains("/stages/") && text.contains("\"out\"") {
            let replace = |path: &str| text.replace("\"out\"", path);
            std::fs::write(&object, replace("\"../../evil\"")).unwrap();
            let (folder, _) = object.rsplit_once('/').unwrap();
            std::fs::write(format!("{folder}/{}.json", "0".repeat(64)), replace("\"/evil\"")).unwrap();
        }
    }
    let blob = blob.unwrap();
    std::fs::write(&blob, "evil\n").unwrap();
    let said = there(&sandbox, "clone", &["pull", "--stage-cache"]).code(1);
    said.tells(&[
        "out/sub/b: remote `store` delivers other bytes under blake3/",
        "nothing of them was taken",
    ]);
    assert!(!sandbox.exists("../clone/out/sub/b") && !sandbox.exists("../evil"));
    assert_eq!(sandbox.read("../clone/used"), "alpha\nbeta\n", "the rest is done");
    // A manifest with other names than its digest is of.
    let (path, text) = tree.unwrap();
    std::fs::write(&path, text.replace(" a\n", " ../../a\n")).unwrap();
    there(&sandbox, "second", &["pull"]).code(1).tells(&["out/: remote `store` delivers other bytes"]);
    assert!(!sandbox.exists("../second/out"));
    // Who has the right bytes puts them back.
    std::fs::remove_file(&blob).unwrap();
    std::fs::remove_file(&path).unwrap();
    sandbox.ok(["push"]).tells(&["2 files pushed"]);
    there(&sandbox, "second", &["pull"]).code(0);
}

#[test]
fn garbage_goes_from_a_remote_but_what_is_young_stays() {
    let sandbox = pushed();
    sandbox.edit("pipeline.yaml", "echo alpha", "echo gamma");
    sandbox.ok(["repro"]);
    sandbox.ok(["push"]);
    sandbox.write("../store/notes.txt", "somebody's");
    let before = objects(&sandbox);
    assert_eq!(sandbox.json(["gc", "-w", "-r", "store", "--dry", "--json"])["removed"]["total"]["count"], 0);
    for object in sandbox.files("../store") {
        let old = SystemTime::now() - Duration::from_secs(3 * 86_400);
        std::fs::File::options().write(true).open(sandbox.path(&object)).unwrap().set_modified(old).unwrap();
    }
    sandbox
        .pipe(["gc", "-w", "-c"])
        .code(1)
        .tells(&["nothing was removed: 3 files", "would be removed from remote store"]);
    assert_eq!(objects(&sandbox), before);
    sandbox.gc(&["-w", "-c", "-f"]).code(0).tells(&["Removed 3 files"]);
    assert!(sandbox.exists("../store/notes.txt"));
    there(&sandbox, "clone", &["pull"]).code(1);
    sandbox.commit("new");
    sandbox.git(["-C", "../clone", "pull", "--quiet"]);
    there(&sandbox, "clone", &["pull"]).code(0);
    assert_eq!(sandbox.read("../clone/used"), "gamma\nbeta\n");
}

#[test]
fn kills_at_any_moment_leave_nothing_wrong() {
    let kills = std::env::var("PIPE_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let seed = crate::histories::seed();
    println!("seed {seed}");
    let mut random = Random(seed);
    let sandbox = plain(
        "stages: {make: {cmd: 'mkdir -p out; for i in $(seq 300); do echo $i > out/$i; done; head -c 70000000 /dev/zero > \
         big', outs: [out, big]}}\n",
    );
    let mut whole = [Duration::from_millis(400); 2];
    for round in 0..kills {
        for (at, (clone, command)) in [("project", "push"), ("clone", "pull")].into_iter().enumerate() {
            there(&sandbox, clone, &["status"]);
            let begun = Instant::now();
            let started =
                sandbox.start(sandbox.pipe_command(["--cd", &format!("../{clone}"), command, "-j", "2"]));
            std::thread::sleep(whole[at].mul_f64(random.below(1000) as f64 / 1000.0));
            if at == 0 || round > 0 {
                let mut started = started;
                if started.is_running() {
                    started.signal("KILL");
                }
                let _ = started.wait();
            } else {
                let _ = started.wait();
            }
            // The next one goes on.
            there(&sandbox, clone, &[command]).code(0);
            whole[at] = whole[at].max(begun.elapsed() / 2).min(Duration::from_secs(2));
        }
        assert_eq!(sandbox.read("../clone/out/300"), "300\n");
        assert_eq!(std::fs::metadata(sandbox.path("../clone/big")).unwrap().len(), 70_000_000);
        there(&sandbox, "clone", &["status", "-q", "--verify"]).code(0);
        for object in objects(&sandbox).iter().filter(|key| !key.contains(".pipe-")) {
            assert!(object.starts_with("blake3/"), "{object}");
        }
        sandbox.remove("../store");
        sandbox.remove(".pipe/remotes.json");
        sandbox.remove("../clone");
    }
}

#[test]
fn a_remote_that_vanished_is_not_begun_anew_unasked() {
    let sandbox = pushed();
    for clone in ["project", "clone"] {
        there(&sandbox, clone, &["pull"]).code(0);
    }
    std::fs::rename(sandbox.path("../store"), sandbox.path("../away")).unwrap();
    for clone in ["project", "clone"] {
        there(&sandbox, clone, &["push"]).code(2).tells(&[
            "was used before",
            "is not there",
            "mount it",
            "`pipe push --create`",
        ]);
        assert!(!sandbox.exists("../store"));
    }
    there(&sandbox, "project", &["gc", "-w", "-r", "store", "-f"])
        .code(2)
        .tells(&["is not there", "mount it"]);
    assert!(!sandbox.exists("../store"));
    std::fs::create_dir(sandbox.path("../store")).unwrap();
    there(&sandbox, "project", &["push"]).code(2).tells(&["holds nothing"]);
    let told = ["was used before", "holds nothing", "mount it"];
    there(&sandbox, "project", &["gc", "-w", "-r", "store", "-f"]).code(2).tells(&told);
    there(&sandbox, "project", &["remote", "check"]).code(1).tells(&told);
    assert!(std::fs::read_dir(sandbox.path("../store")).unwrap().next().is_none(), "nothing is left there");
    assert_eq!(objects(&sandbox), Vec::<String>::new());
    there(&sandbox, "project", &["push", "--create"]).code(0).tells(&["5 files pushed to store"]);
}

/// One that died is one that failed later on: nothing is done at its end.
#[test]
fn a_remote_that_vanished_after_a_push_that_was_cut_off_is_not_begun_anew_either() {
    let sandbox = Sandbox::new();
    sandbox.write("raw/a", "1\n");
    sandbox.ok(["init"]);
    sandbox.ok(["remote", "add", "--default", "store", "../store"]);
    sandbox.ok(["add", "raw"]);
    sandbox.ok(["push"]);
    let is_list = |name: &String| sandbox.read(&format!("../store/{name}")) != "1\n";
    let list = objects(&sandbox).into_iter().find(is_list).expect("the list of the folder");
    sandbox.remove("../store");
    sandbox.remove(".pipe/remotes.json");
    // Its files go before it, and where it would lie nothing can be put.
    let folder = list.rsplit_once('/').expect("a folder").0;
    sandbox.write(&format!("../store/{folder}"), "");
    let said = sandbox.pipe(["push"]);
    assert_ne!(said.code_of(), Some(0), "{}", said.stderr);
    assert_eq!(objects(&sandbox).len(), 2);
    sandbox.remove("../store");
    sandbox.pipe(["push"]).code(2).tells(&["was used before", "is not there", "`pipe push --create`"]);
    assert!(!sandbox.exists("../store"));
}

/// As of the whole of it.
#[test]
fn a_part_of_a_folder_of_which_nobody_has_the_list() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for sandbox in [Sandbox::new(), project(&mut dvc)] {
        for path in ["d/1", "d/sub/2", "other"] {
            sandbox.write(path, path);
        }
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        sandbox.ok(["add", "d", "other"]);
        sandbox.ok(["push", "other"]);
        for path in ["d", "other", sandbox.cache()] {
            sandbox.remove(path);
        }
        let nowhere = "d/: remote `store` does not have it; who made it can `pipe push` it";
        for command in [["fetch", "d/1"], ["pull", "d/sub/2"], ["fetch", "d/sub"]] {
            sandbox.pipe(command).code(1).tells(&[nowhere]);
        }
        sandbox.pipe(["push", "d/1"]).code(1).tells(&["d/: neither the cache nor remote `store` has it"]);
        sandbox.pipe(["pull", "d/1", "other"]).code(1).tells(&[nowhere]);
        assert_eq!(sandbox.read("other"), "other");
        sandbox.ok(["fetch", "--allow-missing", "d/1"]).tells(&[nowhere]);
    }
}

/// DVC's list of a folder tells of the folders in it too, which have no list of their own.
#[test]
fn a_folder_in_a_folder_comes_and_goes_like_any_other() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for is_dvc in [false, true] {
        let sandbox = if is_dvc { project(&mut dvc) } else { Sandbox::new() };
        for path in ["d/1/f", "d/2/f", "d/2/deep/g"] {
            sandbox.write(path, path);
        }
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        sandbox.ok(["add", "d"]);
        match is_dvc {
            true => drop(dvc.ok(&sandbox, &["push"])),
            false => drop(sandbox.ok(["push"])),
        }
        let forget = || {
            for path in ["d", sandbox.cache()] {
                sandbox.remove(path);
            }
        };
        for command in ["pull", "fetch"] {
            forget();
            sandbox.pipe([command, "d/2"]).code(0);
            assert!(!sandbox.exists("d/1"), "{command}");
            sandbox.pipe(["status", "-c", "-q", "d/2"]).code(0);
            sandbox.pipe([command, "--dry", "d/2"]).code(0).tells(&["Would bring 0 files"]);
            sandbox.pipe([command, "d/2"]).code(0).tells(&["0 files fetched from store"]);
        }
        sandbox.ok(["checkout", "d/2"]);
        assert_eq!(sandbox.read("d/2/deep/g"), "d/2/deep/g");
        sandbox.pipe(["push", "d/2"]).code(0).tells(&["0 files pushed to store"]);
        // As an out of its own it has a list of its own.
        sandbox.remove("../store");
        sandbox.ok(["push", "--create", "d/2"]);
        sandbox.write("e/f", "d/2/f");
        sandbox.write("e/deep/g", "d/2/deep/g");
        sandbox.ok(["add", "e"]);
        sandbox.ok(["push", "d/2", "e"]);
        forget();
        sandbox.remove("e");
        sandbox.ok(["pull", "e"]);
        assert_eq!(sandbox.read("e/deep/g"), "d/2/deep/g");
    }
}

/// What came is told, and where nothing did, nothing is left.
#[test]
fn of_a_folder_that_is_here_in_part_the_files_that_came_are_told() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for sandbox in [Sandbox::new(), project(&mut dvc)] {
        for path in ["d/1/f", "d/2/f", "d/2/deep/g"] {
            sandbox.write(path, path);
        }
        sandbox.ok(["remote", "add", "-d", "store", "../store"]);
        sandbox.ok(["add", "d"]);
        sandbox.ok(["push"]);
        for path in ["d", sandbox.cache()] {
            sandbox.remove(path);
        }
        sandbox.ok(["fetch", "d/1/f"]);
        let said = sandbox.pipe(["checkout", "d"]).code(1).tells(&["Cannot bring back d/2"]);
        assert_eq!(said.stdout, "A\td/1/f\n");
        assert_eq!(sandbox.files("d"), ["d/1/f"]);
        assert!(!sandbox.exists("d/2"), "an empty folder");
        sandbox.remove("d/1");
        let said = sandbox.pipe(["checkout", "d/2"]).code(1);
        assert_eq!((said.stdout.as_str(), sandbox.exists("d/2")), ("", false));
        assert_eq!(sandbox.ok(["pull"]).stdout, "A\td/1/\nA\td/2/\n");
    }
}

#[test]
fn a_reproduction_brings_what_persists() {
    let sandbox = plain("stages:\n  a:\n    cmd: echo more >> stamp\n    outs: [{stamp: {persist: true}}]\n");
    sandbox.ok(["push"]);
    there(&sandbox, "clone", &["repro", "--pull"]).code(0).tells(&["1 restored"]);
    assert_eq!(sandbox.read("../clone/stamp"), "more\n");
    sandbox.remove("../clone/.pipe/cache");
    there(&sandbox, "clone", &["repro", "--pull"]).code(0).tells(&["up to date"]);
    assert_eq!(sandbox.read("../clone/stamp"), "more\n");
}
