//! What is not done: early cutoff, restoring, relabelling; and what must be noticed all the same.

use crate::harness::{Sandbox, snapshot};
use crate::repro::chain;

#[test]
fn equal_bytes_stop_the_wave() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", "factor: 2\n");
    snapshot!(sandbox.pipe(["repro"]), @"
    exit: 0
    --- stderr
    Running first: param params.yaml:factor changed: 1 -> 2.
    Finished first in [DURATION].
    2 stages: 1 ran, 1 up to date. Run [RUN].
    ");
    assert_eq!(sandbox.read("ran"), "first\nsecond\nfirst\n");
}

#[test]
fn every_earlier_result_can_be_restored() {
    let sandbox = chain();
    for text in ["1", "2", "3", "4"] {
        sandbox.write("input", text);
        sandbox.ok(["repro"]);
    }
    for text in ["1", "3", "2", "4", "1"] {
        sandbox.write("input", text);
        sandbox.ok(["repro"]).tells(&["2 stages: 2 restored."]);
        assert_eq!(sandbox.read("second.txt"), text);
    }
    assert_eq!(sandbox.count("ran", "first"), 4);
    // Also without the lock: the cache knows by itself.
    sandbox.remove("pipeline.lock");
    sandbox.ok(["repro"]).tells(&["2 stages: 2 restored."]);
    assert_eq!(sandbox.count("ran", "second"), 4);
}

#[test]
fn an_older_result_of_a_key_is_restored_when_the_newest_is_gone() {
    // What it writes differs from run to run, so that one key has several results.
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo a >> ran; wc -l < ran > out\n    params: [k]\n    outs: [out]\n",
    );
    sandbox.write("params.yaml", "k: 1");
    sandbox.ok(["repro"]);
    let older = sandbox.read("out");
    sandbox.ok(["repro", "--force"]);
    let newer = sandbox.read("out");
    assert_ne!(older, newer);
    sandbox.remove("out");
    sandbox.remove("pipeline.lock");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("out"), newer, "the newest is preferred");
    sandbox.remove("out");
    sandbox.remove("pipeline.lock");
    for blob in sandbox.files(".pipe/cache/blake3") {
        if sandbox.read(&blob) == newer {
            sandbox.remove(&blob);
        }
    }
    sandbox.ok(["repro"]).tells(&["Restored a from "]);
    assert_eq!(sandbox.read("out"), older);
    assert_eq!(sandbox.count("ran", "a"), 2);
}

#[test]
fn relabelling_an_out_makes_nothing_stale() {
    let pipeline = |key: &str| {
        format!(
            "stages:\n  a:\n    cmd: echo a >> ran; echo '{{\"x\":1}}' > out.json\n    {key}: [out.json]\n"
        )
    };
    let sandbox = Sandbox::with_pipeline(&pipeline("outs"));
    sandbox.ok(["repro"]);
    let lock = sandbox.read("pipeline.lock");
    for key in ["metrics", "plots", "outs"] {
        sandbox.write("pipeline.yaml", pipeline(key));
        assert_eq!(sandbox.states(), "a:fresh", "{key}");
        sandbox.ok(["repro"]).tells(&["Everything is up to date"]);
        assert_eq!(sandbox.read("pipeline.lock"), lock);
    }
    sandbox.write(
        "pipeline.yaml",
        pipeline("plots").replace("[out.json]", "[{out.json: {desc: text, x: step}}]"),
    );
    assert_eq!(sandbox.states(), "a:fresh");
}

#[test]
fn types_count() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo a >> ran; echo 1 > out\n    params: [k]\n    outs: [out]\n",
    );
    let values = ["1", "1.0", "true", "'1'", "null", "'null'", "[1]", "[1.0]", "{a: 1}", "{a: true}"];
    for value in values {
        sandbox.write("params.yaml", format!("k: {value}\n"));
        assert_ne!(sandbox.states(), "a:fresh", "{value} differs from the one before");
        sandbox.ok(["repro"]);
    }
    assert_eq!(sandbox.count("ran", "a"), values.len(), "no two of them are one key");
    for (value, same) in
        [("1", "0x1"), ("1.0", "1.00"), ("true", "True"), ("'1'", "\"1\""), ("{a: 1}", "\n  a: 1")]
    {
        sandbox.write("params.yaml", format!("k: {value}\n"));
        sandbox.ok(["repro"]);
        sandbox.write("params.yaml", format!("# other text\nk: {same}\n"));
        assert_eq!(sandbox.states(), "a:fresh", "{value} and {same}");
    }
}

#[test]
fn an_edit_of_equal_size_and_time_is_seen() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    // Past the window in which a stamp proves nothing, and once more so that the stamp is remembered.
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(sandbox.states(), "first:fresh second:fresh");
    let time = sandbox.modified("input");
    sandbox.write("input", "two\n");
    sandbox.set_modified("input", time);
    assert_eq!(sandbox.states(), "first:stale second:upstream");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("second.txt"), "two\n");
    let time = sandbox.modified("second.txt");
    std::fs::remove_file(sandbox.path("second.txt")).unwrap();
    sandbox.write("second.txt", "xxx\n");
    sandbox.set_modified("second.txt", time);
    assert_eq!(sandbox.states(), "first:fresh second:stale");
}

#[test]
fn a_new_time_alone_makes_nothing_stale() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.set_modified("input", std::time::SystemTime::UNIX_EPOCH);
    sandbox.set_modified("first.txt", std::time::SystemTime::now());
    assert_eq!(sandbox.states(), "first:fresh second:fresh");
    sandbox.forget();
    assert_eq!(sandbox.states(), "first:fresh second:fresh", "the state is memory, not truth");
}

#[test]
fn a_project_that_moves_is_still_up_to_date() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    let moved = sandbox.root().with_file_name("moved");
    std::fs::rename(sandbox.root(), &moved).unwrap();
    std::fs::create_dir(sandbox.root()).unwrap();
    sandbox.ok(["--cd", moved.to_str().unwrap(), "status", "-q"]);
}

#[test]
fn the_number_of_jobs_does_not_show_in_the_lock() {
    let mut stages = String::from("stages:\n");
    for index in 0..12 {
        let dep = if index < 4 { "input".to_owned() } else { format!("{}.out", index - 4) };
        stages.push_str(&format!(
            "  s{index}:\n    cmd: sleep 0.0{}; (cat {dep}; echo {index}) > {index}.out\n    deps: [{dep}]\n    outs: [{index}.out]\n",
            (index * 7) % 5
        ));
    }
    let lock = |jobs: &str| {
        let sandbox = Sandbox::with_pipeline(&stages);
        sandbox.write("input", "x\n");
        sandbox.ok(["repro", "-j", jobs]);
        sandbox.bytes("pipeline.lock")
    };
    assert_eq!(lock("1"), lock("8"));
}

/// Asks until the verdict is remembered: what is newer than the last tick of the clock is not.
fn remembered(sandbox: &Sandbox) {
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(30));
        sandbox.ok(["repro"]).tells(&["Everything is up to date (2 stages)."]);
        if sandbox.exists(".pipe/tmp/up-to-date") {
            let before = std::fs::metadata(sandbox.path(".pipe/tmp/up-to-date")).unwrap().modified().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(30));
            sandbox.ok(["repro"]).tells(&["Everything is up to date (2 stages)."]);
            let after = std::fs::metadata(sandbox.path(".pipe/tmp/up-to-date")).unwrap().modified().unwrap();
            assert_eq!(before, after, "it was recalled, not judged again");
            return;
        }
    }
    panic!("the verdict is never remembered");
}

#[test]
fn a_remembered_verdict_ends_with_the_smallest_change() {
    type Change = (&'static str, fn(&Sandbox));
    let changes: &[Change] = &[
        ("a dep of the same size and time", |sandbox| {
            let time = std::fs::metadata(sandbox.path("input")).unwrap().modified().unwrap();
            let text = sandbox.read("input");
            sandbox.write("input", text.replace(|_: char| true, "x"));
            sandbox.set_modified("input", time);
        }),
        ("a dep that is gone", |sandbox| sandbox.remove("input")),
        ("an out", |sandbox| sandbox.append("first.txt", "more")),
        ("an out that is gone", |sandbox| sandbox.remove("second.txt")),
        ("a param", |sandbox| sandbox.write("params.yaml", "factor: 3\n")),
        ("the pipeline", |sandbox| sandbox.edit("pipeline.yaml", "echo second >> ran", "echo again >> ran")),
        ("the lock", |sandbox| sandbox.remove("pipeline.lock")),
        ("a stage at work", |sandbox| sandbox.write(".pipe/tmp/jobs/1-1/x", "")),
    ];
    for (what, change) in changes {
        let sandbox = chain();
        sandbox.write("input", "a longer input");
        sandbox.ok(["repro"]);
        remembered(&sandbox);
        assert_eq!(sandbox.ok(["status"]).stdout, "Everything is up to date.\n");
        change(&sandbox);
        let said = sandbox.pipe(["repro"]);
        if *what == "a stage at work" {
            said.code(0);
            assert!(!sandbox.exists(".pipe/tmp/jobs/1-1"), "it was recovered");
        } else {
            assert!(!said.stderr.contains("Everything is up to date"), "{what}:\n{}", said.stderr);
        }
    }
}

#[test]
fn a_remembered_verdict_is_about_its_own_question() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    remembered(&sandbox);
    sandbox.write("sub/pipeline.yaml", "stages:\n  new:\n    cmd: touch ../new\n    outs: [../new]\n");
    sandbox.pipe(["status", "-q", "-P"]).code(1);
    sandbox.pipe(["status", "-q", "sub:new"]).code(1);
    sandbox.ok(["status", "-q", "first"]);
    assert_eq!(sandbox.states(), "first:fresh second:fresh");
}
