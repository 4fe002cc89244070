//! Outs that are patterns: the set of files that match when a stage has run, and nothing beside them.

use serde_json::json;

use crate::harness::{Sandbox, await_that, is_alive, snapshot};

const PIPELINE: &str = "\
stages:
  make:
    cmd: for i in $(cat in); do mkdir -p r/sub; echo $i > r/$i.csv; echo $i > r/sub/$i.csv; done; echo log > r/tmp.csv
    deps: [in]
    outs:
    - glob: r/**/*.csv
      exclude: r/tmp*
  use:
    cmd: cat r/*.csv > sum
    deps: [{glob: 'r/*.csv', exclude: [r/tmp*]}]
    outs: [sum]
";

fn project() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.write("in", "1 2\n");
    sandbox.write("r/note.txt", "mine");
    sandbox.ok(["repro"]).tells(&["2 ran"]);
    sandbox
}

fn csv(sandbox: &Sandbox) -> Vec<String> {
    sandbox
        .files("r")
        .into_iter()
        .filter(|file| file.ends_with(".csv") && !file.contains("tmp") && !file.contains("/."))
        .collect()
}

#[test]
fn the_out_is_the_set_of_files_that_match() {
    let sandbox = project();
    let lock = sandbox.read("pipeline.lock");
    assert!(
        lock.contains(
            "    outs:\n    - glob: r/**/*.csv\n      exclude:\n      - r/tmp*\n      digest: blake3:"
        ),
        "{lock}"
    );
    assert!(lock.contains("      size: 8\n      files: 4\n"), "{lock}");
    let all = ["r/1.csv", "r/2.csv", "r/sub/1.csv", "r/sub/2.csv"];
    assert_eq!(csv(&sandbox), all);
    // What is beside them is no part of it.
    sandbox.write("r/note.txt", "mine, changed");
    sandbox.write("r/tmp2.csv", "x");
    sandbox.write("r/.hidden.csv", "x");
    sandbox.ok(["status", "-q"]);
    sandbox.ok(["repro"]).tells(&["up to date"]);
    // A change, a loss and one more are changes, and what was there before comes back.
    for change in ["r/1.csv", "r/sub/3.csv"] {
        sandbox.write(change, "other\n");
        let status = sandbox.pipe(["status", "make"]).stdout;
        assert!(status.contains("out r/**/*.csv changed: "), "{status}");
        sandbox.ok(["repro"]).tells(&["Saved r/**/*.csv"]);
        assert_eq!(csv(&sandbox), all, "{change}");
        assert_eq!(sandbox.read("r/1.csv"), "1\n");
    }
    sandbox.remove("r/sub/1.csv");
    sandbox.ok(["repro"]).tells(&["1 restored"]);
    assert_eq!(csv(&sandbox), all);
    for file in all {
        sandbox.remove(file);
    }
    snapshot!(sandbox.pipe(["status", "make"]), @"
    exit: 0
    --- stdout
    make: stale
      out r/**/*.csv does not exist
    ");
    sandbox.ok(["repro"]).tells(&["1 restored"]);
    // Another input: the old files are gone, an earlier result comes back whole, and nothing else moves.
    sandbox.write("in", "3\n");
    sandbox.ok(["repro"]).tells(&["2 ran"]);
    assert_eq!(csv(&sandbox), ["r/3.csv", "r/sub/3.csv"]);
    sandbox.write("in", "1 2\n");
    sandbox.ok(["repro"]).tells(&["2 restored"]);
    assert_eq!(csv(&sandbox), all);
    assert_eq!(sandbox.read("r/note.txt"), "mine, changed");
    assert_eq!(sandbox.read("r/tmp2.csv"), "x");
}

#[test]
fn what_a_failed_stage_wrote_is_set_aside_and_the_last_files_are_back() {
    let sandbox = project();
    sandbox.edit("pipeline.yaml", "echo log > r/tmp.csv", "echo half > r/9.csv; exit 3");
    let said = sandbox.pipe(["repro"]).code(1);
    assert!(said.stderr.contains("partial"), "{said:?}");
    assert_eq!(csv(&sandbox), ["r/1.csv", "r/2.csv", "r/sub/1.csv", "r/sub/2.csv"]);
    assert_eq!(sandbox.read("r/note.txt"), "mine");
    assert!(sandbox.files(".pipe/artifacts").iter().any(|file| file.ends_with("partial/r/9.csv")));
    sandbox.write("pipeline.yaml", PIPELINE.replace("for i in $(cat in)", "for i in"));
    let said = sandbox.pipe(["repro"]).code(1);
    assert!(said.stderr.contains("did not write `r/**/*.csv`"), "{said:?}");
    assert_eq!(csv(&sandbox).len(), 4);
}

#[test]
fn after_a_kill_the_last_files_are_back() {
    let sandbox = project();
    sandbox.edit("pipeline.yaml", "echo log > r/tmp.csv", "echo half > r/9.csv; echo $$ > pid; sleep 60");
    let mut pipe = sandbox.start(sandbox.pipe_command(["repro"]));
    sandbox.await_file("pid");
    assert!(!sandbox.exists("r/sub/9.csv") && pipe.is_running());
    pipe.signal("KILL");
    pipe.wait();
    let pid = sandbox.read("pid");
    await_that("the command ended", || !is_alive(pid.trim()));
    sandbox.write("pipeline.yaml", PIPELINE);
    sandbox.ok(["repro"]).tells(&["its last good outs are back in place", "up to date"]);
    assert_eq!(csv(&sandbox), ["r/1.csv", "r/2.csv", "r/sub/1.csv", "r/sub/2.csv"]);
    assert_eq!(sandbox.read("r/note.txt"), "mine");
}

#[test]
fn edges_lead_from_patterns_to_all_that_reads_their_files() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  make: {cmd: 'mkdir -p r; echo 1 > r/a.csv', outs: [{glob: 'r/*.csv'}]}
  file: {cmd: cp r/a.csv file, deps: [r/a.csv], outs: [file]}
  folder: {cmd: ls r > folder, deps: [r], outs: [folder]}
  glob: {cmd: cat r/a* > glob, deps: [{glob: 'r/a*'}], outs: [glob]}
  other: {cmd: cp r/x.txt other, deps: [r/x.txt, {glob: 'r/*.txt'}], outs: [other]}
",
    );
    sandbox.write("r/x.txt", "x");
    let dag = sandbox.ok(["dag"]).stdout;
    sandbox.ok(["repro", "-j4"]).tells(&["5 ran"]);
    let plan = |stage: &str| {
        sandbox.ok(["repro", "--dry", "--force", "-s", stage]);
        let plan = sandbox.ok(["repro", "--dry", "--force", stage]).stdout;
        plan.contains("make")
    };
    for (stage, reads) in [("file", true), ("folder", true), ("glob", true), ("other", false)] {
        assert_eq!(plan(stage), reads, "{stage}\n{dag}");
    }
    // A file of the pattern names its stage.
    assert_eq!(sandbox.json(["stage", "list", "--json", "r/a.csv"])[0]["name"], "make");
    assert_eq!(sandbox.json(["stage", "list", "--json", "make"])[0]["outs"][0]["glob"], "r/*.csv");
    // A restored set says nothing of its readers before it is in place.
    sandbox.remove("r/a.csv");
    sandbox.ok(["repro"]).tells(&["1 restored"]);
    sandbox.ok(["status", "-q"]);
}

#[test]
fn what_could_be_the_file_of_two_outs_is_refused() {
    let faults = |outs: [&str; 2]| {
        let [a, b] = outs;
        let sandbox = Sandbox::with_pipeline(&format!(
            "stages:\n  a: {{cmd: x, outs: [{a}]}}\n  b: {{cmd: x, outs: [{b}]}}\n"
        ));
        sandbox.write("params.yaml", "");
        sandbox.pipe(["status"]).stderr
    };
    for outs in [
        ["{glob: 'r/*'}", "r/x.csv"],
        ["r/x.csv", "{glob: 'r/*'}"],
        ["r", "{glob: 'r/*'}"],
        ["{glob: 'r/**'}", "r/sub"],
        ["{glob: '**/x.csv'}", "r"],
        ["{glob: 'r/a*'}", "{glob: 'r/*b'}"],
        ["{glob: 'r/*'}", "{glob: 'r/*'}"],
        ["{glob: 'r/**'}", "{glob: 'r/sub/*.csv'}"],
        ["o1, 'r/a[1]', {glob: 'r/a[1]'}", "o2"],
    ] {
        assert!(faults(outs).contains("no file has two stages"), "{outs:?}: {}", faults(outs));
    }
    for outs in [
        ["{glob: 'r/*.csv'}", "{glob: 'r/*.json'}"],
        ["{glob: 'r/*.csv'}", "r/x.json"],
        ["{glob: 'r/*', exclude: ['r/*.csv']}", "{glob: 'r/*.csv'}"],
        ["{glob: 'r/*', exclude: [r/x]}", "r/x"],
        ["{glob: 'r/*.csv'}", "r/sub"],
    ] {
        assert!(!faults(outs).contains("error"), "{outs:?}: {}", faults(outs));
    }
    for (out, message) in [
        ("{glob: '*.yaml'}", "covers `params.yaml`, a pipeline, lock or params file"),
        ("{glob: 'r/.git*'}", "covers `.gitignore`, a file that git itself reads"),
        ("{glob: 'r/*', persist: true}", "files of a pattern cannot persist"),
        ("{glob: '../*'}", "leads out of the project"),
        ("{glob: '/abs/*'}", "is an absolute path"),
        ("{glob: 'r/a**'}", "`**` stands beside other characters"),
        ("{glob: 'r/*', keep: 1}", "unknown key `keep`"),
    ] {
        assert!(faults([out, "y"]).contains(message), "{out}: {}", faults([out, "y"]));
    }
    let sandbox = Sandbox::with_pipeline("stages:\n  a: {cmd: x, metrics: [{glob: '*.json'}]}\n");
    sandbox.pipe(["status"]).code(2).tells(&["`metrics` cannot be patterns", "hint: "]);
    // A stage that reads what it writes.
    sandbox.write("pipeline.yaml", "stages:\n  a: {cmd: x, deps: [r/a.csv], outs: [{glob: 'r/*'}]}\n");
    sandbox.pipe(["status"]).code(2).tells(&["has dep `r/a.csv` and out `r/*`, which overlap"]);
}

#[test]
fn two_stages_share_a_folder() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  a: {cmd: 'sleep 0.2; cat in > r/a.csv', deps: [in], outs: [{glob: 'r/*.csv'}]}
  b: {cmd: 'sleep 0.2; cat in > r/b.json', deps: [in], outs: [{glob: 'r/*.json'}]}
",
    );
    for (text, done) in [("1\n", "2 ran"), ("2\n", "2 ran"), ("1\n", "2 restored")] {
        sandbox.write("in", text);
        sandbox.ok(["repro", "-j2"]).tells(&[done]);
        assert_eq!((sandbox.read("r/a.csv"), sandbox.read("r/b.json")), (text.to_owned(), text.to_owned()));
    }
    // One fails; the files of the other stand.
    sandbox.write("in", "3\n");
    sandbox.edit("pipeline.yaml", "cat in > r/b.json", "exit 1");
    sandbox.pipe(["repro", "-k", "-j2"]).code(1);
    assert_eq!((sandbox.read("r/a.csv"), sandbox.read("r/b.json")), ("3\n".to_owned(), "1\n".to_owned()));
}

#[test]
fn another_exclude_is_another_out() {
    let sandbox = project();
    sandbox.edit("pipeline.yaml", "      exclude: r/tmp*\n", "      exclude: [r/tmp*, r/sub]\n");
    let status = sandbox.pipe(["status", "make"]).stdout;
    assert!(status.contains("exclude of out r/**/*.csv changed: [r/tmp*] -> [r/sub, r/tmp*]"), "{status}");
    sandbox.ok(["repro"]).tells(&["1 ran"]);
    sandbox.ok(["status", "-q"]);
    // A path that is spelled like the pattern is something else.
    sandbox.write(
        "pipeline.yaml",
        "stages:\n  a: {cmd: 'mkdir -p r; echo 1 > r/x; echo 2 > r/\\[x\\]', outs: [{glob: 'r/[x]'}]}\n",
    );
    sandbox.ok(["repro"]).tells(&["1 ran"]);
    sandbox.write(
        "pipeline.yaml",
        "stages:\n  a: {cmd: 'mkdir -p r; echo 1 > r/x; echo 2 > r/\\[x\\]', outs: ['r/[x]']}\n",
    );
    sandbox.ok(["repro"]).tells(&["1 ran"]);
    assert!(sandbox.read("pipeline.lock").contains("- path: r/[x]"));
}

#[test]
fn checkout_commit_and_gc() {
    let sandbox = project();
    sandbox.write("r/1.csv", "mine\n");
    sandbox.write("r/5.csv", "5\n");
    sandbox.remove("r/2.csv");
    let refused = sandbox.pipe(["checkout"]).code(1);
    assert!(refused.stderr.contains("would be replaced: r/1.csv, r/5.csv"), "{refused:?}");
    assert_eq!(sandbox.ok(["checkout", "r/2.csv"]).stdout, "A\tr/2.csv\n");
    assert_eq!(sandbox.ok(["checkout", "-f"]).stdout, "M\tr/1.csv\nD\tr/5.csv\n");
    assert_eq!(sandbox.read("r/note.txt"), "mine");
    sandbox.ok(["checkout"]).tells(&["Everything is as recorded"]);
    sandbox.pipe(["checkout", "r/none.csv"]).code(2).tells(&["the lock records no r/none.csv"]);
    // As they are is as they shall be.
    sandbox.write("r/5.csv", "5\n");
    sandbox.ok(["commit", "make"]).tells(&["Recorded make: 1 out."]);
    sandbox.ok(["status", "-q", "make"]);
    sandbox.gc(&["--workspace", "--no-stage-cache", "-f"]).code(0);
    for file in csv(&sandbox) {
        sandbox.remove(&file);
    }
    sandbox.ok(["checkout"]);
    assert_eq!(csv(&sandbox).len(), 5);
    sandbox.ok(["stage", "remove", "make", "--outs"]);
    assert_eq!(csv(&sandbox), [""; 0]);
    assert_eq!(sandbox.read("r/note.txt"), "mine");
}

#[test]
fn git_sees_what_does_not_match_and_nothing_else() {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.git(["init", "-q"]);
    sandbox.write("in", "1\n");
    sandbox.write("r/note.txt", "mine");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("r/.gitignore"), "/1.csv\n");
    assert_eq!(sandbox.read("r/sub/.gitignore"), "/1.csv\n");
    sandbox.commit("first");
    let tracked = sandbox.git(["ls-files", "r"]);
    assert_eq!(tracked, "r/.gitignore\nr/note.txt\nr/sub/.gitignore\nr/tmp.csv\n");
    sandbox.git(["add", "--force", "r/1.csv"]);
    sandbox.write("in", "2\n");
    sandbox.pipe(["repro"]).tells(&["git tracks its out `r/1.csv`"]);
}

#[test]
fn a_set_without_cache_is_told_but_not_kept() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a: {cmd: 'echo 1 > a.csv', outs: [{glob: '*.csv', cache: false, desc: tables}]}\n",
    );
    sandbox.ok(["repro"]).tells(&["1 ran"]);
    sandbox.ok(["status", "-q"]);
    sandbox.write("a.csv", "2\n");
    sandbox.ok(["repro"]).tells(&["1 ran", "Saved *.csv"]);
    assert_eq!(sandbox.stage_run("a")["outs"][0]["path"], json!("*.csv"));
}

/// What a pattern means is shared as any out is, also a file of it alone.
#[test]
fn the_files_are_shared_all_or_one_alone() {
    let sandbox = project();
    sandbox.ok(["remote", "add", "-d", "store", "../store"]);
    let dry = sandbox.ok(["push", "--dry"]);
    assert!(dry.stdout.contains("r/2.csv\n") && dry.stdout.contains("sum\n"), "{}", dry.stdout);
    sandbox.ok(["push"]);
    assert!(sandbox.ok(["status", "-c"]).stdout.contains("hold the same"));
    let all = csv(&sandbox);
    sandbox.remove(".pipe/cache");
    for file in &all {
        sandbox.remove(file);
    }
    assert!(sandbox.ok(["status", "-c"]).stdout.contains("deleted\tr/2.csv\n"));
    sandbox.ok(["pull", "r/sub/2.csv"]);
    assert_eq!(csv(&sandbox), ["r/sub/2.csv"]);
    assert_eq!(sandbox.read("r/note.txt"), "mine");
    sandbox
        .pipe(["pull", "r/9.csv"])
        .code(2)
        .tells(&["the lock records no r/9.csv", "`pipe pull` brings all"]);
    sandbox.ok(["pull"]);
    assert_eq!(csv(&sandbox), all);
    // A clone that has the lock runs nothing for it.
    sandbox.remove(".pipe/cache");
    for file in &all {
        sandbox.remove(file);
    }
    sandbox.ok(["repro", "--pull"]).tells(&["Restored make"]);
    assert_eq!(csv(&sandbox), all);
}
