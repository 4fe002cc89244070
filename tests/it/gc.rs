//! `pipe gc`: what nobody needs goes, and nothing else, whatever happens meanwhile.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value as Json;

use crate::harness::{Sandbox, snapshot};

const PIPELINE: &str = "\
stages:
  file:
    cmd: echo file >> ran; echo talks; cat input > file.txt
    deps: [input]
    outs: [file.txt]
  folder:
    cmd: echo folder >> ran; mkdir -p out/deep; cat input > out/a; echo run $(cat input) > out/deep/b
    deps: [input]
    outs: [out]
";

/// A project whose stages ran for each of `inputs`, one commit each, tagged by its text.
fn history(inputs: &[&str]) -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    for input in inputs {
        sandbox.write("input", input);
        sandbox.ok(["repro"]);
        sandbox.commit(input);
        sandbox.git(["tag", input]);
    }
    sandbox
}

#[track_caller]
fn removed(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let told = sandbox.gc(&[arguments, &["-f", "--json"]].concat()).code(0).json();
    let count = |kind: &str| told["removed"][kind]["count"].clone();
    format!("files {} folders {} entries {}", count("files"), count("folders"), count("stage_entries"))
}

/// Whether a stage's result for an earlier input still comes back without running.
#[track_caller]
fn comes_back(sandbox: &Sandbox, input: &str) -> bool {
    sandbox.write("input", input);
    let before = sandbox.read("ran").lines().count();
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("out/deep/b"), format!("run {input}\n"));
    sandbox.read("ran").lines().count() == before
}

fn blobs(sandbox: &Sandbox) -> Vec<String> {
    sandbox.files(".pipe/cache/blake3")
}

#[test]
fn it_has_to_be_said_what_to_keep() {
    let sandbox = history(&["one"]);
    snapshot!(sandbox.gc(&["-f"]), @"
    exit: 2
    --- stderr
    error: it is not said what to keep
    hint: name at least one of `--workspace`, `--all-branches`, `--all-tags`, `--all-commits`, `--rev`, `--num` and `--date`
    ");
    sandbox.gc(&["-f", "--rev", "nowhere"]).code(2).tells(&["there is no git revision `nowhere`"]);
    sandbox.gc(&["-w", "--older-than", "soon"]).code(2);
    let alone = Sandbox::without_git();
    alone.write("pipeline.yaml", PIPELINE);
    alone.gc(&["-A", "-f"]).code(2).tells(&["there is no git repository here"]);
    alone.gc(&["-w", "-f"]).code(0).tells(&["There is nothing to remove"]);
}

#[test]
fn every_result_stays_and_bytes_that_nothing_names_go() {
    let sandbox = history(&["one", "two"]);
    sandbox.write("file.txt", "an edit that repro saved");
    sandbox.ok(["repro"]).tells(&["Saved file.txt"]);
    let before = blobs(&sandbox);
    let said = sandbox.gc(&["-w", "--dry"]).code(0).stdout;
    let (going, staying) = said.rsplit_once("would stay").unwrap();
    insta::assert_snapshot!(going, @"
    would be removed
      contents of files           1        24 B
      lists of folders            0         0 B
      stage cache entries         0         0 B
      in all                      1        24 B
    ");
    assert!(staying.contains(" 13 "), "{said}");
    snapshot!(sandbox.gc(&["-w"]), @"
    exit: 1
    --- stderr
    error: nothing was removed: 1 file (24 B) would be removed from the cache
    hint: `--dry` shows what goes, `-f` removes it without asking
    ");
    assert_eq!(blobs(&sandbox), before);
    assert_eq!(removed(&sandbox, &["-w"]), "files 1 folders 0 entries 0");
    assert_eq!(removed(&sandbox, &["-w"]), "files 0 folders 0 entries 0");
    assert_eq!(sandbox.states(), "file:fresh folder:fresh");
    assert!(comes_back(&sandbox, "one"));
}

#[test]
fn without_the_stage_cache_only_the_chosen_locks_count() {
    let sandbox = history(&["one", "two", "three"]);
    assert_eq!(removed(&sandbox, &["-A", "--no-stage-cache"]), "files 0 folders 0 entries 0");
    assert_eq!(removed(&sandbox, &["-n", "2", "--no-stage-cache"]), "files 2 folders 2 entries 2");
    assert_eq!(sandbox.states(), "file:fresh folder:fresh");
    assert_eq!(sandbox.ok(["runs", "logs", &oldest_run(&sandbox)]).stdout, "talks\n", "logs are no garbage");
    sandbox.ok(["checkout"]);
    sandbox.git(["checkout", "--quiet", "two"]);
    assert_eq!(sandbox.ok(["checkout"]).stdout, "M\tfile.txt\nM\tout/a\nM\tout/deep/b\n");
    assert!(comes_back(&sandbox, "two") && comes_back(&sandbox, "three"));
    assert!(!comes_back(&sandbox, "one"), "it had to run again");
}

/// The oldest run of the stage `file`.
fn oldest_run(sandbox: &Sandbox) -> String {
    let filter = "tags.`pipe.stage` = 'file'";
    let runs = sandbox.json(["runs", "list", "--json", "-n", "0", "--columns", "id", "--where", filter]);
    runs.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn revisions_are_branches_tags_and_commits() {
    let sandbox = history(&["one", "two", "three"]);
    sandbox.git(["branch", "side", "one"]);
    for tag in ["one", "two"] {
        sandbox.git(["tag", "--delete", tag]);
    }
    sandbox.git(["tag", "of-a-tree", "HEAD^{tree}"]);
    let dry = |arguments: &[&str]| {
        let told = sandbox.gc(&[&["--no-stage-cache", "--dry", "--json"], arguments].concat()).code(0).json();
        told["removed"]["stage_entries"]["count"].clone()
    };
    assert_eq!(dry(&["-w"]), 4);
    assert_eq!(dry(&["-T"]), 4, "a tag of what is no commit is none");
    assert_eq!(dry(&["-a"]), 2, "`side` needs the first");
    assert_eq!(dry(&["--rev", "HEAD~1"]), 2);
    assert_eq!(dry(&["--rev", "HEAD~1", "-n", "2"]), 0);
    assert_eq!(dry(&["-A"]), 0);
}

#[test]
fn all_commits_are_those_of_side_branches_and_merges_too() {
    let sandbox = history(&["one"]);
    sandbox.write("sub/pipeline.yaml", "stages:\n  s:\n    cmd: cat x > y\n    deps: [x]\n    outs: [y]\n");
    for text in ["sub one", "sub two"] {
        sandbox.write("sub/x", text);
        sandbox.ok(["--cd", "sub", "repro"]);
        sandbox.commit(text);
    }
    sandbox.git(["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    sandbox.write("input", "side");
    sandbox.ok(["repro"]);
    sandbox.commit("side");
    sandbox.git(["checkout", "--quiet", "main"]);
    // Our lock wins, so that the merge looks like its first parent; the side branch itself is then forgotten.
    sandbox.git(["merge", "--quiet", "--strategy=ours", "--message", "merge", "side"]);
    sandbox.git(["branch", "--delete", "--force", "side"]);
    // A merge whose lock is none of its parents'.
    sandbox.git(["checkout", "--quiet", "-b", "other", "HEAD~1"]);
    sandbox.commit("other");
    sandbox.git(["checkout", "--quiet", "main"]);
    sandbox.git(["merge", "--quiet", "--no-ff", "--no-commit", "other"]);
    sandbox.write("input", "merge");
    sandbox.ok(["repro"]);
    sandbox.commit("evil merge");
    sandbox.write("input", "now");
    sandbox.ok(["repro"]);
    sandbox.ok(["--cd", "sub", "repro"]);
    assert_eq!(removed(&sandbox, &["-A", "--no-stage-cache"]), "files 0 folders 0 entries 0");
    for input in ["one", "side", "merge", "now"] {
        assert!(comes_back(&sandbox, input), "{input}");
    }
    let gone = removed(&sandbox, &["-w", "--no-stage-cache"]);
    assert!(gone.ends_with("entries 7"), "{gone}");
}

#[test]
fn a_root_that_cannot_be_read_stops_it() {
    let sandbox = history(&["one", "two"]);
    let before = blobs(&sandbox);
    let refused = |arguments: &[&str], tells: &[&str]| {
        sandbox.gc(&[arguments, &["-f", "--no-stage-cache"]].concat()).code(2).tells(tells);
        assert_eq!(blobs(&sandbox), before);
    };
    let lock = sandbox.read("pipeline.lock");
    sandbox.write("pipeline.lock", "<<<<<<< ours\n");
    refused(&["-w"], &["pipeline.lock:1"]);
    sandbox.commit("a conflict");
    sandbox.write("pipeline.lock", &lock);
    refused(&["-A"], &["failed to read pipeline.lock of commit ", "pipeline.lock:1"]);
    refused(&["--rev", "main"], &["failed to read pipeline.lock of commit "]);
    let store = sandbox.bytes(".pipe/runs.db");
    sandbox.write(".pipe/runs.db", "no database");
    for log in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(sandbox.path(&format!(".pipe/runs.db{log}")));
    }
    refused(&["-w"], &["runs.db"]);
    sandbox.write(".pipe/runs.db", store);
    // A list of a folder that the lock names.
    let list =
        before.iter().find(|blob| sandbox.read(blob).contains("\nfile ") && in_lock(&lock, blob)).unwrap();
    let whole = sandbox.read(list);
    sandbox.remove(list);
    sandbox.write(list, whole.replace("\nfile ", "\nfiles "));
    refused(
        &["-w"],
        &["something that is needed cannot be read", "damaged", "hint: move the damaged blob away"],
    );
    sandbox.remove(list);
    sandbox.write(list, whole);
    let entry = sandbox.files(".pipe/cache/stages").remove(0);
    sandbox.write(&entry, "{");
    sandbox.gc(&["-w", "-f"]).code(2).tells(&["the stage cache entry ROOT/.pipe/cache/stages/"]);
    assert_eq!(blobs(&sandbox), before);
}

fn in_lock(lock: &str, blob: &str) -> bool {
    lock.contains(&blob[blob.len() - 62..])
}

#[test]
fn limits_of_age_and_size_take_the_oldest_results() {
    let sandbox = history(&["one", "two", "three"]);
    assert_eq!(removed(&sandbox, &["-w", "--older-than", "1h"]), "files 0 folders 0 entries 0");
    let old = SystemTime::now() - Duration::from_secs(7200);
    for file in sandbox.files(".pipe/cache") {
        std::fs::File::open(sandbox.path(&file)).unwrap().set_modified(old).unwrap();
    }
    // A result that was restored is a used one, and not old any more.
    assert!(comes_back(&sandbox, "two") && comes_back(&sandbox, "three"));
    assert_eq!(
        removed(&sandbox, &["-w", "--older-than", "1h", "--keep-stage-cache"]),
        "files 0 folders 0 entries 0"
    );
    assert_eq!(removed(&sandbox, &["-w", "--older-than", "1h"]), "files 2 folders 2 entries 2");
    let size = |said: Json| said["kept"]["bytes"].as_u64().unwrap();
    let now = size(sandbox.gc(&["-w", "--dry", "--json"]).json());
    assert_eq!(removed(&sandbox, &["-w", "--max-size", &format!("{now}B")]), "files 0 folders 0 entries 0");
    assert!(removed(&sandbox, &["-w", "--max-size", &format!("{}B", now - 1)]).ends_with("entries 1"));
    sandbox.gc(&["-w", "-f", "--max-size", "1B"]).code(0).tells(&["are needed, more than the 1 B asked for"]);
    assert!(comes_back(&sandbox, "three"));
    assert!(!comes_back(&sandbox, "two"));
}

#[test]
fn what_a_killed_reproduction_had_finished_and_set_aside_stays() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  quick:\n    cmd: echo quick >> ran; cat input > quick\n    deps: [input]\n    outs: [quick]\n  slow:\n    cmd: echo $$ > shell; touch up; while [ ! -e go ]; do sleep 0.02; done; echo new > slow\n    deps: [quick]\n    outs: [slow]\n",
    );
    sandbox.write("input", "1");
    sandbox.write("slow", "from before\n");
    let blob = |digit: char| format!(".pipe/cache/blake3/00/{}", digit.to_string().repeat(62));
    sandbox.write(&blob('a'), "old");
    std::thread::sleep(Duration::from_millis(60));
    let started = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    let living = sandbox.files(".pipe/tmp/jobs").into_iter().find(|file| file.ends_with("job.json")).unwrap();
    let note = sandbox.read(&living);
    // A preview waits for nobody. What was stored since the run began may be its own.
    sandbox.write(&blob('b'), "young");
    let told = sandbox.gc(&["-w", "--dry", "--json"]).code(0).json();
    assert_eq!(told["removed"]["total"]["count"], 1);
    let other = Sandbox::with_pipeline(PIPELINE);
    other.write(".pipe/tmp/jobs/1/job.json", note);
    other.gc(&["-w", "-f"]).code(2).tells(&["stage slow is at work (pid "]);
    started.signal("KILL");
    started.wait();
    assert!(!sandbox.exists("pipeline.lock"), "the journal alone knows");
    sandbox.remove("quick");
    let journal = sandbox.read(".pipe/journal");
    sandbox.write(".pipe/journal", format!("00000000 {{}}\n{journal}"));
    sandbox.gc(&["-w", "-f"]).code(2).tells(&["damaged journal record"]);
    sandbox.write(".pipe/journal", journal);
    assert_eq!(
        removed(&sandbox, &["-w", "--no-stage-cache"]),
        "files 2 folders 0 entries 0",
        "only those of this test"
    );
    sandbox.write("go", "");
    sandbox.ok(["repro"]).tells(&["Restored quick"]);
    assert_eq!((sandbox.count("ran", "quick"), sandbox.read("slow")), (1, "new\n".into()));
}

#[test]
fn kill_9_in_the_middle_loses_nothing_that_is_needed() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  many:\n    cmd: mkdir out; for i in $(seq 1500); do echo $(cat input) $i > out/$i; done\n    deps: [input]\n    outs: [out]\n",
    );
    for input in ["one", "two"] {
        sandbox.write("input", input);
        sandbox.ok(["repro"]);
    }
    let all = blobs(&sandbox).len();
    let mut cut_off = 0;
    for round in 0..40 {
        std::thread::sleep(Duration::from_millis(25));
        let mut started = sandbox.start(sandbox.pipe_command(["gc", "-w", "-f", "--no-stage-cache"]));
        std::thread::sleep(Duration::from_micros(2000 + 1500 * round));
        if started.is_running() {
            started.signal("KILL");
            cut_off += 1;
        }
        let ended = started.wait().signal().is_none();
        assert_eq!(sandbox.states(), "many:fresh");
        if ended {
            break;
        }
    }
    assert!(cut_off > 0, "it was too fast to be killed");
    let said = sandbox.gc(&["-w", "-f", "--no-stage-cache"]).code(0);
    // Each that was killed may have given up one that it was about to remove.
    let left = blobs(&sandbox).into_iter().filter(|path| !path.contains("/.pipe-")).count();
    assert!(
        left <= all / 2 + 2,
        "the rest goes the next time, but {left} of {all} are left:\n{}",
        said.stderr
    );
    sandbox.remove("out");
    assert_eq!(sandbox.ok(["checkout"]).stdout, "A\tout/\n");
    assert_eq!(sandbox.read("out/1500"), "two 1500\n");
    assert_eq!(sandbox.states(), "many:fresh");
}

/// What one project needs of a cache that several share, no other collects.
#[test]
fn a_shared_cache_keeps_what_each_project_needs() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("cache").display().to_string();
    let project = |word: &str| {
        let sandbox = Sandbox::with_pipeline(&format!("stages:\n  a: {{cmd: echo {word} > a, outs: [a]}}\n"));
        sandbox.ok(["config", "cache.dir", &shared]);
        sandbox.ok(["repro"]);
        sandbox
    };
    let (one, two) = (project("one"), project("two"));
    two.gc(&["-w", "--no-stage-cache", "-f"]).code(0);
    one.remove("a");
    one.ok(["checkout"]);
    assert_eq!(one.read("a"), "one\n");
    // One that cannot be read stops it.
    let away = one.root().with_file_name("away");
    std::fs::rename(one.root(), &away).unwrap();
    two.gc(&["-w", "--no-stage-cache", "-f"])
        .code(2)
        .tells(&["which shares this cache, is not there", "mount it"]);
    std::fs::rename(&away, one.root()).unwrap();
    // One that is gone for good is forgotten.
    std::fs::remove_dir_all(one.root()).unwrap();
    let gone = one.root().display().to_string();
    two.gc(&["-w", "--no-stage-cache", "-f", "--forget", &gone]).code(0).tells(&["Removed"]);
}

/// A project with a stage that goes on until it may end, and with data of its own in a cache that several share.
fn slow_project(cache: &Path, data: &str) -> Sandbox {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a: {cmd: 'touch begun; until test -e go; do sleep 0.05; done; echo 1 > a', outs: [a]}\n",
    );
    sandbox.ok(["config", "cache.dir", &cache.display().to_string()]);
    sandbox.write("data", data);
    sandbox.ok(["add", "data"]);
    sandbox
}

/// Of two projects one is locked before the other, whichever of them collects: else two collections wait for each other. Who
/// comes to the cache while one waits is asked like the others.
#[test]
fn a_collection_that_waits_for_another_project_holds_none_that_comes_after() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("cache");
    let mut all = [(); 2].map(|()| slow_project(&shared, "1"));
    all.sort_by_key(Sandbox::root);
    let [first, second] = all;
    let work = first.start(first.pipe_command(["repro"]));
    first.await_file("begun");
    let garbage = second.start(second.pipe_command(["gc", "-w", "-f"]));
    garbage.await_told("Waiting: ");
    second.write("data", "2");
    second.ok(["add", "data"]);
    let third = slow_project(&shared, "3");
    third.settle();
    first.write("go", "");
    work.wait().code(0);
    garbage.wait().code(0);
    for (project, data) in [(&first, "1"), (&second, "2"), (&third, "3")] {
        project.remove("data");
        project.ok(["checkout", "data"]);
        assert_eq!(project.read("data"), data);
    }
}

/// The list that its runs leave in the cache may name too much.
#[test]
fn a_locked_run_store_stops_no_collection_in_a_shared_cache() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = slow_project(&folder.path().join("cache"), "1");
    sandbox.ok(["runs", "start"]);
    sandbox.write("data", "2");
    sandbox.ok(["add", "data"]);
    let lock = rusqlite::Connection::open(sandbox.path(".pipe/runs.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    sandbox.gc(&["-w", "-f"]).code(0).tells(&["Removed 1 file"]);
}

/// Partial outs lie where their run's other files do, and go when it is old, or gone.
#[test]
fn what_failed_stages_had_made_goes_with_old_runs() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  s:\n    cmd: echo half > out; exit 1\n    outs: [out]\n");
    sandbox.pipe(["repro"]).code(1);
    let partial = format!("{}/out", sandbox.stage_run("s")["tags"]["pipe.partial_outs"].as_str().unwrap());
    assert_eq!(removed(&sandbox, &["-w"]), "files 0 folders 0 entries 0");
    assert_eq!(removed(&sandbox, &["-w", "--older-than", "1h"]), "files 0 folders 0 entries 0");
    assert!(sandbox.exists(&partial));
    let said = sandbox.gc(&["-w", "--older-than", "0s", "--dry"]).code(0);
    assert!(
        said.stdout.contains("  left by failed runs         1         5 B\n  in all                      1"),
        "{said:?}"
    );
    let question = "nothing was removed: 1 file (5 B) that failed runs have left would be removed";
    sandbox.gc(&["-w", "--older-than", "0s"]).code(1).tells(&[question]);
    assert!(sandbox.exists(&partial));
    let told = sandbox.gc(&["-w", "--older-than", "0s", "-f", "--json"]).code(0).json();
    assert_eq!(told["partial_outs"]["bytes"], 5);
    assert!(!sandbox.exists(&partial));
    // A run that the store knows nothing of is gone.
    sandbox.pipe(["repro"]).code(1);
    sandbox.remove(".pipe/runs.db");
    sandbox.gc(&["-w", "-f"]).code(0).tells(&["Removed 1 file (5 B) that failed runs had left; "]);
    assert_eq!(sandbox.files(".pipe/artifacts"), [""; 0]);
}

/// Of a stage that did not write all its outs, none is stored.
#[test]
fn a_failed_stage_leaves_nothing_in_the_cache() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  s:\n    cmd: echo one > one; mkdir -p r; echo 1 > r/1.txt\n    outs: [one, {glob: r/*.txt}, two, {glob: t/*.txt}]\n",
    );
    sandbox.pipe(["repro"]).code(1).tells(&["did not write `t/*.txt`, `two`"]);
    assert_eq!(blobs(&sandbox), [""; 0]);
}

/// A stage that fails after an out was stored, as a link into the cache, leaves a file of its own.
#[test]
fn partial_outs_outlive_what_was_stored_of_them() {
    for link_type in ["symlink", "hardlink"] {
        let sandbox = Sandbox::with_pipeline(
            "stages:\n  s:\n    cmd: mkdir one; echo half > one/x; ln -s two two\n    outs: [one, two]\n",
        );
        sandbox.ok(["config", "cache.link_types", link_type]);
        sandbox.pipe(["repro"]).code(2).tells(&["two is a symlink that leads round in a circle"]);
        let folder = sandbox.stage_run("s")["tags"]["pipe.partial_outs"].as_str().unwrap().to_owned();
        let partial = format!("{folder}/one/x");
        let blob = blobs(&sandbox).into_iter().find(|blob| sandbox.read(blob) == "half\n").unwrap();
        let said = sandbox.gc(&["-w", "-f"]).code(0);
        said.tells(&["; 0 files (0 B) stay in the cache", "Failed runs have left 2 files", "`--older-than`"]);
        assert_eq!((sandbox.read(&partial), sandbox.exists(&blob)), ("half\n".into(), false), "{link_type}");
        // Where there was no room for that, its bytes are those of the cache, and go with it.
        std::fs::hard_link(sandbox.path(&partial), sandbox.path(&blob)).unwrap();
        sandbox.gc(&["-w", "-f"]).code(0).tells(&["There is nothing to remove; 1 file (5 B) stay"]);
        assert!(sandbox.exists(&blob));
        sandbox.gc(&["-w", "-f", "--older-than", "0s"]).code(0).tells(&[
            "Removed 1 file (5 B), and 2 files (3 B) that failed runs had left; 0 files (0 B) stay in the cache.",
        ]);
        assert!(!sandbox.exists(&folder) && !sandbox.exists(&blob));
    }
}

/// On a disk of its own, where the system lets anybody make one.
#[test]
fn a_full_disk_is_no_reason_not_to_make_room() {
    let sandbox = Sandbox::without_git();
    if !sandbox.has_namespaces() {
        return;
    }
    let script = r#"
        set -e
        mkdir disk; mount -t tmpfs -o size=3m tmpfs disk; cd disk; mkdir .pipe
        printf 'stages:\n  a: {cmd: head -c 200000 /dev/urandom > a, outs: [a], params: [n]}\n' > pipeline.yaml
        for n in 1 2 3; do echo "n: $n" > params.yaml; "$PIPE" repro; done
        sleep 0.1
        cat /dev/zero > fill 2> /dev/null || true
        ! echo x 2> /dev/null > more || exit 9
        "$PIPE" gc --workspace --no-stage-cache --force
        echo x > more
        "$PIPE" status
    "#;
    let mut command = sandbox.program("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).env("PIPE", env!("CARGO_BIN_EXE_pipe"));
    let said = sandbox.finish(command).code(0).tells(&["Removed 4 files"]);
    assert_eq!(said.stdout, "Everything is up to date.\n");
}

#[test]
fn what_a_version_of_a_model_is_made_of_stays_when_its_run_is_deleted() {
    use track::{Artifact, Change, Changes, Lifecycle, NewVersion, RegistryChange, RunStore, SqliteStore};
    let sandbox = history(&["one"]);
    let store = SqliteStore::open(&sandbox.path(".pipe/runs.db")).unwrap();
    let mut runs = store.search(&track::Search::default()).unwrap().into_iter();
    let logged =
        |run: &track::Run| store.artifacts(run.info.id).unwrap().into_iter().find(|log| log.size > 0);
    let (run, log): (track::Run, Artifact) =
        runs.find_map(|run| logged(&run).map(|log| (run, log))).expect("a stage that talked");
    let apply = |changes: Vec<Change>| store.apply(Changes::new(run.info.start_time, changes)).unwrap();
    let create =
        RegistryChange::CreateModel { name: "m".into(), description: None, tags: vec![], if_absent: false };
    let version = NewVersion { model: "m".into(), artifacts: vec![log.clone()], ..NewVersion::default() };
    apply(vec![
        Change::Registry(create),
        Change::Registry(RegistryChange::CreateVersion(version)),
        Change::SetLifecycle { run: run.info.id, lifecycle: Lifecycle::Deleted },
    ]);
    let hex = log.digest.to_string().replace("blake3:", "");
    let is_there = || blobs(&sandbox).iter().any(|path| path.replace('/', "").ends_with(&hex[2..]));
    sandbox.gc(&["-w", "-f"]).code(0);
    assert!(is_there());
    apply(vec![Change::Registry(RegistryChange::DeleteModel { name: "m".into() })]);
    sandbox.gc(&["-w", "-f"]).code(0);
    assert!(!is_there(), "nobody needs it any more");
}
