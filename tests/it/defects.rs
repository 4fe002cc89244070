//! What users of DVC report, and what this program does instead. Each test is named for what we do; the numbers in
//! its comment are threads of DVC's tracker (treeverse/dvc), `observed` what its version 3.67.1 did.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Sandbox, await_that, is_alive};
use crate::repro::chain;

const COPY: &str =
    "stages:\n  a:\n    cmd: echo a >> ran; cat input > out\n    deps: [input]\n    outs: [out]\n";

fn copy() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(COPY);
    sandbox.write("input", "1\n");
    sandbox
}

// ---- Execution, failure, locking.

/// Observed: dvc.lock is truncated in place.
#[test]
fn the_lock_is_replaced_whole() {
    let sandbox = copy();
    sandbox.ok(["repro"]);
    let before = sandbox.read("pipeline.lock");
    std::fs::hard_link(sandbox.path("pipeline.lock"), sandbox.path("same")).unwrap();
    sandbox.write("input", "2\n");
    sandbox.ok(["repro"]);
    assert_ne!(sandbox.read("pipeline.lock"), before);
    assert_eq!(sandbox.read("same"), before, "the old file was not written to");
}

/// #11091: a later failure takes back the .gitignore entries of stages that succeeded.
#[test]
fn a_later_failure_undoes_nothing_of_earlier_successes() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  good: {cmd: echo good >> ran; echo 1 > good, outs: [good]}\n  bad: {cmd: exit 3, deps: [good], outs: [bad]}\n",
    );
    sandbox.pipe(["repro"]).code(1).tells(&["the command exited with code 3"]);
    assert!(sandbox.read(".gitignore").lines().any(|line| line == "/good"));
    assert!(sandbox.read("pipeline.lock").contains("good"));
    sandbox.pipe(["repro"]).code(1);
    assert_eq!(sandbox.count("ran", "good"), 1);
}

/// #8134, #4366, #1800: a failed stage leaves half an out, or none, where a good one was.
#[test]
fn a_failed_stage_gives_back_its_last_good_out() {
    let sandbox = copy();
    sandbox.ok(["repro"]);
    sandbox.write("input", "2\n");
    sandbox.edit("pipeline.yaml", "cat input > out", "cat input > out; exit 1");
    sandbox.pipe(["repro"]).code(1);
    assert_eq!(sandbox.read("out"), "1\n");
    assert_eq!(sandbox.states(), "a:stale");
}

/// Observed: after SIGTERM the command goes on as an orphan, a second `repro` runs beside it, and the output of both,
/// interleaved, is kept as a success. #2272.
#[test]
fn after_sigterm_and_sigkill_no_output_of_two_runs_is_mixed() {
    for (signal, code) in [("TERM", Some(143)), ("KILL", None)] {
        let sandbox = Sandbox::with_pipeline(
            "stages:\n  a:\n    cmd: echo $$ > shell; for i in 1 2 3 4 5 6; do echo $PIPE_TEST $i >> out; touch up; sleep 0.05; done; [ $PIPE_TEST = second ] || sleep 60\n    outs: [out]\n",
        );
        let mut first = sandbox.pipe_command(["repro"]);
        first.env("PIPE_TEST", "first");
        let started = sandbox.start(first);
        sandbox.await_file("up");
        started.signal(signal);
        let said = started.wait();
        if let Some(code) = code {
            said.code(code);
            let shell = sandbox.read("shell");
            await_that("the command ends with its pipe process", || !is_alive(&shell));
        }
        let mut second = sandbox.pipe_command(["repro"]);
        second.env("PIPE_TEST", "second");
        sandbox.finish(second).code(0);
        let whole: String = (1..=6).map(|i| format!("second {i}\n")).collect();
        assert_eq!(sandbox.read("out"), whole);
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(sandbox.read("out"), whole, "and nobody writes afterwards");
    }
}

/// Observed: Ctrl-C is told as a failure of the stage, with exit code 255, and leaves half an out.
#[test]
fn an_interrupt_is_told_as_one() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo half > out; touch up; sleep 60\n    outs: [out]\n",
    );
    let started = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    started.signal("INT");
    started.wait().code(130);
    assert!(!sandbox.exists("out"));
    assert_eq!(sandbox.stage_run("a")["status"], "KILLED");
}

/// Row 13; #8342, #9021, #9861, #1571: `--dry` prints commands of stages that are cached, and fails where a dep is
/// still to be made.
#[test]
fn a_dry_run_is_the_run() {
    let sandbox = chain();
    let dry = sandbox.ok(["repro", "--dry"]).stdout;
    assert!(
        dry.contains("first: would run") && dry.contains("second: would run or be restored after"),
        "{dry}"
    );
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", "factor: 2\n");
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", "factor: 1\n");
    let dry = sandbox.ok(["repro", "--dry"]).stdout;
    assert!(
        dry.contains("first: would be restored from run") && dry.ends_with("second: up to date\n"),
        "{dry}"
    );
    let ran = sandbox.read("ran");
    sandbox.ok(["repro"]).tells(&["1 restored, 1 up to date"]);
    assert_eq!(sandbox.read("ran"), ran, "as was said");
    // What a restored stage will hold is known to those after it.
    sandbox.write("input", "two\n");
    sandbox.ok(["repro"]);
    sandbox.write("input", "one\n");
    let dry = sandbox.ok(["repro", "--dry"]).stdout;
    assert_eq!(dry.matches("would be restored from run").count(), 2, "{dry}");
    sandbox.ok(["repro"]).tells(&["2 restored"]);
}

/// Row 17; #3783, #2031, #4325: a second process fails at once, and a crash leaves a lock that somebody must remove.
#[test]
fn a_second_process_waits_and_says_for_whom() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo a >> ran; touch up; while [ ! -e go ] && [ -e up ]; do sleep 0.01; done; echo 1 > out\n    outs: [out]\n",
    );
    let killed = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    killed.signal("KILL");
    killed.wait();
    sandbox.remove("up");
    // Nobody removes anything by hand.
    let first = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("up");
    let second = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.pipe(["repro", "--no-wait"]).code(2).tells(&["`pipe repro` (pid "]);
    second.await_told("Waiting with a");
    sandbox.write("go", "");
    first.wait().code(0);
    second.wait().code(0).tells(&["Everything is up to date"]);
    assert_eq!(sandbox.count("ran", "a"), 2);
}

// ---- Params and what is stored.

/// Observed: `1`, `1.0` and `true` all count as up to date; only `'1'` is a change.
#[test]
fn a_param_of_another_type_is_another_param() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a: {cmd: echo a > out, params: [p], outs: [out]}\n");
    let values = ["1", "1.0", "true", "'1'", "[1]", "null"];
    for old in values {
        sandbox.write("params.yaml", format!("p: {old}\n"));
        sandbox.ok(["repro"]);
        for new in values {
            sandbox.write("params.yaml", format!("# A comment.\n\"p\":   {new}\n"));
            let expected = if old == new { "a:fresh" } else { "a:stale" };
            assert_eq!(sandbox.states(), expected, "{old} -> {new}");
        }
    }
    sandbox.write("params.yaml", "q: 1\n");
    sandbox.pipe(["repro"]).code(2).tells(&["no key `p`"]);
}

/// Observed: an edit of the same size with the old mtime is never seen.
#[test]
fn an_edit_that_keeps_size_and_time_is_seen() {
    let sandbox = copy();
    sandbox.ok(["repro"]);
    std::thread::sleep(Duration::from_millis(60));
    sandbox.ok(["status"]);
    let time = sandbox.modified("input");
    sandbox.write("input", "2\n");
    sandbox.set_modified("input", time);
    assert_eq!(sandbox.states(), "a:stale");
    // Just as when another file takes its place.
    sandbox.ok(["repro"]);
    sandbox.write("other", "3\n");
    sandbox.set_modified("other", time);
    std::fs::rename(sandbox.path("other"), sandbox.path("input")).unwrap();
    assert_eq!(sandbox.states(), "a:stale");
}

/// Observed: a cached object with mode 0444 is taken without a look at its bytes.
#[test]
fn a_damaged_blob_is_not_restored_whatever_its_mode() {
    let sandbox = copy();
    sandbox.ok(["repro"]);
    for blob in sandbox.files(".pipe/cache/blake3") {
        let path = sandbox.path(&blob);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::write(&path, "X\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    }
    sandbox.remove("out");
    sandbox.ok(["repro"]);
    assert_eq!((sandbox.read("out"), sandbox.count("ran", "a")), ("1\n".into(), 2));
}

/// Observed: manifests of folders know neither empty folders nor modes.
#[test]
fn executable_files_come_back_executable() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo a >> ran; mkdir out; cp input out/run; chmod +x out/run\n    deps: [input]\n    outs: [out]\n",
    );
    sandbox.write("input", "1\n");
    sandbox.ok(["repro"]);
    sandbox.remove("out");
    sandbox.ok(["checkout"]);
    let mode = std::fs::metadata(sandbox.path("out/run")).unwrap().permissions().mode();
    assert_eq!(mode & 0o100, 0o100);
    assert_eq!(sandbox.states(), "a:fresh");
}

/// #5293: stages that are gone stay in the lock for ever.
#[test]
fn the_lock_forgets_stages_that_are_gone() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.ok(["stage", "remove", "second"]);
    sandbox.write("input", "2\n");
    sandbox.ok(["repro"]);
    assert!(!sandbox.read("pipeline.lock").contains("second"), "{}", sandbox.read("pipeline.lock"));
}

// ---- What users ask for, by row.

/// Row 1; #755, #647, #4958, #9805, #10465, #5795, #5007, #11054: each of the two waits for the other to begin.
#[test]
fn independent_stages_run_at_once() {
    let wait = |own: &str, other: &str| {
        format!(
            "  {own}: {{cmd: \"touch {own}.up; i=0; until [ -e {other}.up ]; do i=$((i+1)); [ $i -lt 9000 ]; sleep 0.02; done\"}}\n"
        )
    };
    let sandbox = Sandbox::with_pipeline(&format!("stages:\n{}{}", wait("a", "b"), wait("b", "a")));
    sandbox.ok(["repro", "-j", "2"]);
}

/// Row 4; #10629, #2671, #8647, #9949: the lock is written again after each stage, so that n stages cost n * n.
#[test]
fn the_lock_is_written_once_however_many_stages_ran() {
    use std::os::unix::fs::MetadataExt;
    let mut text = String::from("stages:\n");
    for index in 0..150 {
        let _ = writeln!(text, "  s{index}: {{cmd: 'echo {index} > {index}.txt', outs: [{index}.txt]}}");
    }
    let sandbox = Sandbox::with_pipeline(&text);
    let begun = Instant::now();
    let mut started = sandbox.start(sandbox.pipe_command(["repro", "-j", "1"]));
    let mut written = std::collections::BTreeSet::new();
    while started.is_running() {
        if let Ok(lock) = std::fs::metadata(sandbox.path("pipeline.lock")) {
            written.insert((lock.ino(), lock.mtime_nsec()));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    started.wait().code(0);
    // Once at the end, and once a second meanwhile; a journal tells of what it does not hold yet.
    let most = 2 + usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(written.len() <= most, "written {} times in {:?}", written.len(), begun.elapsed());
    assert!(sandbox.read("pipeline.lock").contains("s149:"));
    assert_eq!(sandbox.read(".pipe/journal"), "");
}

/// Row 5; #9085: a folder is read three times more for each stage that depends on it.
#[test]
fn a_folder_is_read_once_for_all_its_stages() {
    const STAGES: usize = 6;
    const FILES: usize = 800;
    const BYTES: usize = FILES * 8192;
    let mut text = String::from("stages:\n");
    for index in 0..STAGES {
        let _ = writeln!(
            text,
            "  s{index}: {{cmd: echo {index} > {index}.txt, deps: [data], outs: [{index}.txt]}}"
        );
    }
    let sandbox = Sandbox::with_pipeline(&text);
    // Small files are read, not mapped.
    for index in 0..FILES {
        sandbox.write(&format!("data/{index}"), format!("{index:8192}"));
    }
    std::thread::sleep(Duration::from_millis(60));
    // The kernel counts what a shell's children have read.
    let read = |arguments: &str| {
        let mut command = sandbox.program("sh");
        let binary = env!("CARGO_BIN_EXE_pipe");
        command.args(["-c", &format!("{binary} {arguments}; grep rchar /proc/$$/io")]);
        let said = sandbox.finish(command).code(0).stdout;
        let count = said.rsplit(' ').next().unwrap().trim();
        count.parse::<usize>().unwrap()
    };
    let first = read("-q repro -j 1");
    assert!((BYTES..2 * BYTES).contains(&first), "{first} bytes read for a folder of {BYTES}");
    let again = read("-q repro -j 1");
    assert!(again < BYTES / 4, "{again} bytes read to see that nothing changed");
}

/// Row 9; #331, #4279, #6907, #10650, #10042: one file more, and all are made again. With more cases in `files.rs`.
#[test]
fn a_file_more_runs_that_file_alone() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  each:\n    foreach: {glob: 'in/*'}\n    do:\n      cmd: echo ${key} >> ran; mkdir -p out; cp ${item} out/${key}\n      outs: ['out/${key}']\n  all:\n    cmd: cat out/* > all\n    deps: [out]\n    outs: [all]\n",
    );
    for item in ["a", "b"] {
        sandbox.write(&format!("in/{item}"), item);
    }
    sandbox.ok(["repro", "-j", "1"]);
    sandbox.write("in/c", "c");
    sandbox.write("in/b", "changed");
    sandbox.ok(["repro", "-j", "1"]);
    assert_eq!(["a", "b", "c"].map(|item| sandbox.count("ran", item)), [1, 2, 1]);
    assert_eq!(sandbox.read("all"), "achangedc");
}

/// The same, where items are written down or come from params.
#[test]
fn an_item_more_runs_that_item_alone() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  each:\n    foreach: ${items}\n    do:\n      cmd: echo ${item} >> ran; cp in/${item} ${item}.out\n      deps: ['in/${item}']\n      outs: ['${item}.out']\n",
    );
    for item in ["a", "b", "c"] {
        sandbox.write(&format!("in/{item}"), item);
    }
    sandbox.write("params.yaml", "items: [a, b]\n");
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", "items: [c, a, b]\n");
    sandbox.write("in/b", "changed");
    sandbox.ok(["repro", "-j", "1"]);
    let counts = ["a", "b", "c"].map(|item| sandbox.count("ran", item));
    assert_eq!(counts, [1, 2, 1]);
}

/// Row 12; #5369, #9818, #9861, #4933, #9832, #4436, #11099: whether a pipeline is up to date cannot be told in CI
/// without its data, or is told wrongly.
#[test]
fn a_clone_without_data_is_verified_from_recorded_digests() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    for path in ["first.txt", "second.txt", "input", ".pipe/cache"] {
        sandbox.remove(path);
    }
    sandbox.ok(["repro", "--dry", "--allow-missing"]);
    let action = |sandbox: &Sandbox, code| {
        let plan = sandbox.pipe(["repro", "--dry", "--json", "--allow-missing"]).code(code).json();
        json!([plan["stages"][0]["action"], plan["stages"][1]["action"], plan["stages"][1]["reasons"]])
    };
    assert_eq!(action(&sandbox, 0), json!(["fresh", "fresh", []]));
    // What must run is told, whether or not its data is here to run it.
    sandbox.edit("pipeline.yaml", "cat first.txt", "cat  first.txt");
    let changed = action(&sandbox, 0);
    assert_eq!((&changed[0], &changed[1]), (&json!("fresh"), &json!("run")));
    assert!(changed[2].to_string().contains("command_changed"), "{changed}");
}

/// Row 14; #1495, #5807, #733: what a stage said and how long it took is kept nowhere.
#[test]
fn logs_and_times_of_every_execution_are_kept() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo said $(cat input); echo told >&2; sleep 0.05; cat input > out\n    deps: [input]\n    outs: [out]\n",
    );
    for input in ["1", "2"] {
        sandbox.write("input", input);
        sandbox.ok(["repro"]);
        let run = sandbox.stage_run("a");
        let log = sandbox.ok(["runs", "logs", run["run_id"].as_str().unwrap()]);
        assert!(
            log.stdout.contains(&format!("said {input}")) && log.stdout.contains("told"),
            "{}",
            log.stdout
        );
        assert!(run["end_time"].as_i64().unwrap() - run["start_time"].as_i64().unwrap() >= 50);
    }
}

/// Row 15; #8647: one failure ends a reproduction of days.
#[test]
fn what_does_not_need_the_failed_one_goes_on() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  bad: {cmd: 'false', outs: [bad]}\n  after: {cmd: touch after, deps: [bad], outs: [after]}\n  other: {cmd: echo 1 > other, outs: [other]}\n",
    );
    sandbox.pipe(["repro", "-k", "-j", "1"]).code(1);
    assert_eq!(sandbox.states(), "bad:stale after:stale other:fresh");
}

/// Row 16; #9420, #4551, #5182, #10589: gc takes what the run-cache names; only the newest result of a key is tried;
/// stages without deps are in none.
#[test]
fn gc_leaves_what_can_be_restored() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a: {cmd: 'echo a >> ran; echo ${p} > out', outs: [out]}\n");
    for value in [1, 2, 3] {
        sandbox.write("params.yaml", format!("p: {value}\n"));
        sandbox.ok(["repro"]);
    }
    std::thread::sleep(Duration::from_millis(60));
    sandbox.gc(&["-w", "-f"]).code(0);
    for value in [1, 2, 3] {
        sandbox.write("params.yaml", format!("p: {value}\n"));
        sandbox.ok(["repro"]);
        assert_eq!(sandbox.read("out"), format!("{value}\n"));
    }
    assert_eq!(sandbox.count("ran", "a"), 3);
}

/// Row 19; #1015: branches that changed different stages conflict in the lock.
#[test]
fn branches_with_different_stages_merge_their_locks() {
    let mut text = String::from("stages:\n");
    for stage in ["a", "b", "c"] {
        let _ = writeln!(
            text,
            "  {stage}: {{cmd: cp {stage}.in {stage}.out, deps: [{stage}.in], outs: [{stage}.out]}}"
        );
    }
    let sandbox = Sandbox::with_pipeline(&text);
    for stage in ["a", "b", "c"] {
        sandbox.write(&format!("{stage}.in"), "1\n");
    }
    sandbox.ok(["repro"]);
    sandbox.commit("base");
    for (branch, input) in [("left", "a.in"), ("right", "c.in")] {
        sandbox.git(["checkout", "--quiet", "-b", branch, "main"]);
        sandbox.write(input, format!("{branch}\n"));
        sandbox.ok(["repro"]);
        sandbox.commit(branch);
    }
    sandbox.git(["merge", "--quiet", "--no-edit", "left"]);
    let run = sandbox.ok(["repro"]).stderr;
    assert!(!run.contains("ran"), "both results were made already: {run}");
    assert_eq!((sandbox.read("a.out"), sandbox.read("c.out")), ("left\n".into(), "right\n".into()));
    sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
}

/// Row 19: a conflict that git left in the lock is told with its place and a way out.
#[test]
fn a_conflict_in_the_lock_is_told_with_its_place() {
    let sandbox = copy();
    sandbox.ok(["repro"]);
    let lock = sandbox.read("pipeline.lock");
    sandbox.write("pipeline.lock", format!("<<<<<<< HEAD\n{lock}=======\n{lock}>>>>>>> other\n"));
    sandbox.pipe(["repro"]).code(2).tells(&[
        "pipeline.lock:1:1: the file holds an unresolved merge conflict in stage",
        "hint: `git checkout --ours FILE`",
        "`pipe install`",
    ]);
    // Where git puts them: around what differs.
    let (before, after) = lock.split_at(lock.find("    outs:\n").unwrap());
    sandbox
        .write("pipeline.lock", format!("{before}<<<<<<< HEAD\n=======\n    x: 1\n>>>>>>> other\n{after}"));
    let line = before.lines().count() + 1;
    let is_stage = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let stage = before.lines().rev().find(is_stage).unwrap().trim().trim_end_matches(':');
    sandbox.pipe(["status"]).code(2).tells(&[&format!(
        "pipeline.lock:{line}:1: the file holds an unresolved merge conflict in stage {stage}\n"
    )]);
}

/// Row 20; #5371, #7787, #8191, #10201, #10102; observed: a mapping among the commands passes and fails when it runs.
#[test]
fn faults_of_the_file_have_a_place_and_a_suggestion() {
    let refused = |text: &str, tells: &[&str]| {
        Sandbox::with_pipeline(text).pipe(["repro"]).code(2).tells(tells);
    };
    refused("stages:\n  a:\n    cmd: x\n    dep: [b]\n", &["pipeline.yaml:4:5", "deps"]);
    refused("stages:\n  a:\n    cmd: [echo a, echo b: c]\n", &["pipeline.yaml:3:"]);
    refused("stages:\n  a:\n    cmd: x\n   deps: [b]\n", &["pipeline.yaml:4:"]);
    refused("stages:\n  a:\n    cmd: echo ${nam}\nvars: [{name: 1}]\n", &["pipeline.yaml:3:", "name"]);
    refused("stages:\n  a:\n    cmd: x\n  a:\n    cmd: y\n", &["pipeline.yaml:4:3"]);
}

/// Row 22; #5172, #5440, #7385: groups are not targets everywhere.
#[test]
fn a_group_is_a_target_everywhere() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  each:\n    matrix: {a: [1, 2], b: [x, y]}\n    cmd: echo ${item.a} ${item.b} > ${key}.out\n    outs: ['${key}.out']\n  other: {cmd: echo 1 > other, outs: [other]}\n",
    );
    sandbox.ok(["repro", "each"]).tells(&["4 stages: 4 ran"]);
    assert_eq!(sandbox.pipe(["status", "each", "--json"]).json()["stages"].as_array().unwrap().len(), 4);
    assert_eq!(sandbox.ok(["dag", "each"]).stdout.lines().count(), 4);
    for name in sandbox.files("").into_iter().filter(|name| name.ends_with(".out")) {
        sandbox.remove(&name);
    }
    sandbox.ok(["checkout", "each"]);
    assert_eq!(sandbox.read("1-x.out"), "1 x\n");
    sandbox.write("1-x.out", "by hand\n");
    sandbox.ok(["commit", "-f", "each"]);
    assert_eq!(sandbox.read("1-x.out"), "by hand\n");
    sandbox.ok(["freeze", "each"]);
    sandbox.ok(["unfreeze", "each"]);
    assert_eq!(sandbox.ok(["stage", "list", "each", "--names-only"]).stdout.lines().count(), 4);
}

/// Row 28; #10703: a quarter of an hour without a word.
#[test]
fn what_is_at_work_is_told_before_it_ends() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  slow:\n    cmd: touch up; while [ ! -e go ] && [ -e up ]; do sleep 0.01; done\n",
    );
    let told = std::fs::File::create(sandbox.path("told")).unwrap();
    let mut command = sandbox.pipe_command(["repro"]);
    let mut child = command.stderr(told).spawn().unwrap();
    await_that("the stage at work is told", || sandbox.read("told").contains("Running slow"));
    sandbox.write("go", "");
    assert!(child.wait().unwrap().success());
}
