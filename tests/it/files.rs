//! `foreach` over files: a stage for each one, made as files come, change and go.

use crate::dvc_tool::stale;
use crate::harness::{Sandbox, snapshot};

const PIPELINE: &str = "\
stages:
  each:
    foreach: {glob: 'raw/**/*.txt', exclude: 'raw/old'}
    do:
      cmd: mkdir -p $(dirname out/${stem}) && tr a-z A-Z < ${item} > out/${stem}.up && echo ${key} >> ran
      outs: ['out/${stem}.up']
  all:
    cmd: find out -type f | LC_ALL=C sort > all
    deps: [out]
    outs: [all]
";

fn project() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    for (file, text) in [("a.txt", "a"), ("sub/b c.txt", "b"), ("old/x.txt", "x"), ("note.md", "n")] {
        sandbox.write(&format!("raw/{file}"), text);
    }
    sandbox
}

#[test]
fn only_files_that_came_or_changed_run() {
    let sandbox = project();
    sandbox.ok(["repro", "-j", "1"]);
    assert_eq!(sandbox.read("ran"), "a.txt\nsub/b c.txt\n");
    assert_eq!(sandbox.read("all"), "out/a.up\nout/sub/b c.up\n");
    // Until the verdict is remembered, and from then on.
    for _ in 0..3 {
        sandbox.settle();
        assert!(sandbox.ok(["repro"]).stderr.contains("up to date (3 stages)"));
    }
    sandbox.write("raw/new.txt", "n");
    sandbox.write("raw/sub/b c.txt", "other");
    snapshot!(sandbox.ok(["status"]), @"
    exit: 0
    --- stdout
    each@new.txt: stale
      has not run yet
    each@sub/b c.txt: stale
      dep raw/sub/b c.txt changed: 10e5cf3d3c -> 3f796163eb
    all: stale because of what is before it
      stage each@new.txt before it is stale
      stage each@sub/b c.txt before it is stale
    ");
    sandbox.forget_durations();
    sandbox.ok(["repro", "-j", "1"]);
    assert_eq!(sandbox.read("ran"), "a.txt\nsub/b c.txt\nnew.txt\nsub/b c.txt\n");
    assert_eq!(sandbox.read("out/sub/b c.up"), "OTHER");
    // A member is named, and so is the whole group.
    sandbox.write("raw/a.txt", "again");
    sandbox.ok(["repro", "each@sub/b c.txt"]);
    assert_eq!(sandbox.read("out/a.up"), "A");
    sandbox.ok(["repro", "each"]);
    assert_eq!(sandbox.read("out/a.up"), "AGAIN");
    snapshot!(sandbox.ok(["dag", "each"]), @"
    exit: 0
    --- stdout
    ○  each@a.txt
    ○  each@new.txt
    ○  each@sub/b c.txt
    ");
}

#[test]
fn what_a_file_gave_goes_with_it() {
    let sandbox = project();
    sandbox.ok(["repro"]);
    sandbox.settle();
    sandbox.ok(["repro"]);
    sandbox.remove("raw/sub");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 0
    --- stdout
    each@sub/b c.txt: gone with its file; `pipe repro` removes out/sub/b c.up
    all: stale
      depends on the removal of out/sub/b c.up
    ");
    sandbox.pipe(["status", "-q"]).code(1);
    let gone = &sandbox.json(["status", "--json"])["stages"][2];
    assert_eq!((gone["state"].as_str(), gone["outs"][0].as_str()), (Some("gone"), Some("out/sub/b c.up")));
    assert!(sandbox.ok(["repro", "--dry"]).stdout.contains("gone with its file"));
    assert!(sandbox.exists("out/sub/b c.up"));
    let said = sandbox.ok(["repro"]);
    assert!(said.stderr.contains("Removed out/sub/b c.up"), "{said:?}");
    assert!(!sandbox.exists("out/sub"));
    assert_eq!(sandbox.read("all"), "out/a.up\n");
    assert!(!sandbox.read("pipeline.lock").contains("b c"), "{}", sandbox.read("pipeline.lock"));
    assert!(sandbox.ok(["repro"]).stderr.contains("up to date (2 stages)"));
    // It comes back: nothing has to run for it.
    sandbox.write("raw/sub/b c.txt", "b");
    let again = sandbox.ok(["repro"]);
    assert!(again.stderr.contains("2 restored"), "{again:?}");
    // What somebody changed by hand is his.
    sandbox.write("out/a.up", "mine");
    sandbox.remove("raw/a.txt");
    let said = sandbox.ok(["repro"]);
    assert!(said.stderr.contains("out/a.up of stage each@a.txt, whose file is gone, is left"), "{said:?}");
    assert_eq!(sandbox.read("out/a.up"), "mine");
}

#[test]
fn no_file_is_no_stage() {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.write("out/kept", "");
    let said = sandbox.ok(["repro"]);
    assert_eq!(
        said.stderr.matches("No file matches raw/**/*.txt: each has no stages.").count(),
        1,
        "{said:?}"
    );
    sandbox.settle();
    sandbox.ok(["repro"]);
    sandbox.write("raw/a.txt", "a");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("all"), "out/a.up\nout/kept\n");
}

#[test]
fn outs_are_no_items() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  make:\n    cmd: touch raw/made.txt\n    outs: [raw/made.txt]\n  each:\n    foreach: {glob: 'raw/*.txt'}\n    do:\n      cmd: cp ${item} ${stem}.out\n      outs: ['${stem}.out']\n",
    );
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stderr
    error: pipeline.yaml:2:3: `foreach` of `each` could go through out `raw/made.txt` of stage `make`, and its files have to be there before any stage runs
    hint: leave it out there: `exclude: ['raw/made.txt']`
    ");
    sandbox.edit("pipeline.yaml", "{glob: 'raw/*.txt'}", "{glob: 'raw/*.txt', exclude: raw/made.txt}");
    sandbox.ok(["repro"]);
}

/// A clone has the lock and not the data.
#[test]
fn data_under_version_control_is_gone_through_before_it_is_here() {
    let sandbox = project();
    sandbox.remove("raw/old");
    sandbox.ok(["add", "raw"]);
    sandbox.ok(["repro"]);
    sandbox.commit("all");
    for path in ["raw", "out", "all"] {
        sandbox.remove(path);
    }
    let said = sandbox.ok(["checkout"]);
    assert_eq!(sandbox.read("all"), "out/a.up\nout/sub/b c.up\n", "{said:?}");
    assert_eq!(sandbox.read("out/sub/b c.up"), "B");
    assert!(sandbox.ok(["repro"]).stderr.contains("up to date"));
    assert_eq!(sandbox.read("ran").lines().count(), 2);
    // A commit's stages are those of its files.
    sandbox.ok(["gc", "--dry", "-A"]);
    sandbox.ok(["diff", "HEAD"]);
}

#[test]
fn names_that_a_shell_reads_are_quoted() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  each:\n    foreach: {glob: 'raw/*'}\n    do:\n      cmd: cp ${item} out/${key}.copy\n      outs: ['out/${key}.copy']\n",
    );
    for name in
        ["$(touch hacked)", "it's; touch hacked", "new\nline", "-n", "a@b:c", "ä%0A", "`touch hacked`"]
    {
        sandbox.write(&format!("raw/{name}"), name);
    }
    sandbox.write("out/x", "");
    sandbox.ok(["repro"]);
    assert!(!sandbox.exists("hacked"));
    assert_eq!(sandbox.read("out/it's; touch hacked.copy"), "it's; touch hacked");
    assert_eq!(sandbox.read("out/new\nline.copy"), "new\nline");
    sandbox.ok(["repro", "each@a@b:c", "pipeline.yaml:each@new%0Aline", "each@ä%250A"]);
    let command = "cp \"$(dirname ${item})/${key}\" 'out/${key}.copy'";
    sandbox.edit("pipeline.yaml", "cp ${item} out/${key}.copy", command);
    sandbox.write("raw/c d.png", "c d");
    sandbox.ok(["repro"]);
    assert!(!sandbox.exists("hacked"));
    assert_eq!(sandbox.read("out/c d.png.copy"), "c d");
    assert_eq!(sandbox.read("out/`touch hacked`.copy"), "`touch hacked`");
    sandbox.edit("pipeline.yaml", "cp \"$(", "cp \"\\${NOTHING:-${item}}$(");
    let told =
        ["cannot be `raw/$(touch hacked)` there", "hint: put it into a variable first (`name=${item}`"];
    sandbox.pipe(["status"]).code(2).tells(&told);
}

/// DVC knows no files there: one item, called `glob`.
#[test]
fn in_dvc_yaml_it_is_a_map() {
    let sandbox = Sandbox::new();
    sandbox.write(".dvc/config", "");
    sandbox.write("raw/a", "a");
    sandbox.write(
        "dvc.yaml",
        "stages:\n  each:\n    foreach: {glob: 'raw/*'}\n    do:\n      cmd: echo '${item}' > x\n      outs: [x]\n",
    );
    assert_eq!(stale(&sandbox).into_iter().collect::<Vec<_>>(), ["each@glob"]);
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("x"), "raw/*\n");
    let said = sandbox.pipe(["convert"]).code(2);
    assert!(said.stderr.contains("a map of the one item `glob`"), "{said:?}");
}
