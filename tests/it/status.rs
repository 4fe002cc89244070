//! `pipe status`: what is stale, what is stale because of it, and why.

use crate::harness::{Sandbox, snapshot};
use crate::repro::chain;

#[test]
fn tells_what_is_stale_and_what_follows_from_it() {
    let sandbox = chain();
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 0
    --- stdout
    first: stale
      has not run yet
    second: stale
      has not run yet
      stage first before it is stale
    ");
    sandbox.ok(["repro"]);
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 0
    --- stdout
    Everything is up to date.
    ");
    sandbox.write("params.yaml", "factor: 2.0\n");
    sandbox.write("input", "two\n");
    let said = sandbox.pipe(["status"]).code(0).stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "first: stale");
    assert!(
        lines.iter().any(|line| line.starts_with("  dep input changed: ") && line.contains(" -> ")),
        "{said}"
    );
    assert!(lines.contains(&"  param params.yaml:factor changed: 1 -> 2.0"), "{said}");
    assert_eq!(
        lines[3..],
        ["second: stale because of what is before it", "  stage first before it is stale"]
    );
    assert_eq!(sandbox.count("ran", "first"), 1, "nothing ran");
}

#[test]
fn json_names_stage_state_and_reasons() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", "factor: 2\n");
    sandbox.write("second.txt", "by hand\n");
    snapshot!(sandbox.pipe(["status", "--json"]), @r#"
    exit: 0
    --- stdout
    {
      "stages": [
        {
          "reasons": [
            {
              "key": "factor",
              "kind": "param_changed",
              "new": 2,
              "old": 1,
              "path": "params.yaml"
            }
          ],
          "stage": "first",
          "state": "stale"
        },
        {
          "reasons": [
            {
              "kind": "out_changed",
              "new": "blake3:[DIGEST]",
              "old": "blake3:[DIGEST]",
              "path": "second.txt"
            },
            {
              "kind": "upstream",
              "new": null,
              "old": null,
              "stage": "first"
            }
          ],
          "stage": "second",
          "state": "stale"
        }
      ]
    }
    "#);
}

#[test]
fn quiet_tells_by_exit_code() {
    let sandbox = chain();
    let quiet = |code| {
        let said = sandbox.pipe(["status", "-q"]).code(code);
        assert_eq!(said.stdout, "");
        said
    };
    quiet(1);
    sandbox.ok(["repro"]);
    quiet(0);
    sandbox.write("input", "two\n");
    quiet(1);
    sandbox.write("params.yaml", "other: 1\n");
    quiet(2).tells(&["param file params.yaml has no key `factor`"]);
    sandbox.write("params.yaml", "factor: 1\n");
    sandbox.remove("input");
    quiet(2).tells(&["dep input does not exist"]);
    assert_eq!(sandbox.states(), "first:unknown second:upstream");
    // Without -q the answer is the text; what cannot be told is still no success.
    sandbox.pipe(["status"]).code(2);
}

#[test]
fn every_kind_of_change_has_its_reason() {
    let start = "stages:\n  a:\n    cmd: cat input > out; mkdir -p sub\n    deps: [input]\n    params: [k]\n    outs: [out]\n";
    type Change = fn(&Sandbox);
    let cases: [(&str, Change); 12] = [
        ("command_changed", |sandbox| sandbox.edit("pipeline.yaml", "cat input", "cat  input")),
        ("shell_changed", |sandbox| sandbox.edit("pipeline.yaml", "    cmd", "    shell: bash\n    cmd")),
        ("wdir_changed", |sandbox| {
            sandbox.write("pipeline.yaml", "stages:\n  a:\n    wdir: sub\n    cmd: cat input > out; mkdir -p sub\n    deps: [../input]\n    params: [{../params.yaml: [k]}]\n    outs: [../out]\n");
        }),
        ("dep_changed", |sandbox| sandbox.write("input", "2")),
        ("dep_missing", |sandbox| sandbox.remove("input")),
        ("dep_added", |sandbox| sandbox.edit("pipeline.yaml", "[input]", "[input, pipeline.yaml]")),
        ("dep_removed", |sandbox| sandbox.edit("pipeline.yaml", "    deps: [input]\n", "")),
        ("param_changed", |sandbox| sandbox.write("params.yaml", "k: '1'")),
        ("param_removed", |sandbox| sandbox.edit("pipeline.yaml", "    params: [k]\n", "")),
        ("param_missing", |sandbox| sandbox.write("params.yaml", "")),
        ("out_missing", |sandbox| sandbox.remove("out")),
        ("out_changed", |sandbox| sandbox.write("out", "by hand")),
    ];
    for (kind, change) in cases {
        let sandbox = Sandbox::with_pipeline(start);
        sandbox.write("input", "1");
        sandbox.write("params.yaml", "k: 1");
        sandbox.ok(["repro"]);
        change(&sandbox);
        let said = sandbox.pipe(["status", "--json"]).json();
        let reasons = said["stages"][0]["reasons"].as_array().unwrap();
        assert!(reasons.iter().any(|reason| reason["kind"] == kind), "no {kind} in {said:#}");
    }
}

#[test]
fn targets_limit_it_to_what_they_need() {
    let sandbox = chain();
    assert!(!sandbox.ok(["status", "first"]).stdout.contains("second"));
    assert!(sandbox.ok(["status", "second.txt"]).stdout.contains("first"));
}

#[test]
fn what_cannot_be_read_concerns_its_own_stage_alone() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  good:\n    cmd: cp input out\n    deps: [input]\n    outs: [out]\n  bad:\n    cmd: cat folder/*\n    deps: [folder]\n",
    );
    sandbox.write("input", "1");
    sandbox.write("folder/x", "");
    std::os::unix::fs::symlink("nowhere", sandbox.path("folder/dangling")).unwrap();
    assert_eq!(sandbox.states(), "good:stale bad:unknown");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 2
    --- stdout
    good: stale
      has not run yet
    bad: cannot be told
      ROOT/folder/dangling is a symlink to something that does not exist; remove the link, or name it in .pipeignore (in a project of DVC, .dvcignore)
    ");
    sandbox.pipe(["status", "-q"]).code(2);
    snapshot!(sandbox.pipe(["repro", "-j", "1"]), @"
    exit: 2
    --- stderr
    Added the cached outs to .gitignore, so that git leaves them to pipe.
    Running good: has not run yet.
    Finished good in [DURATION].
    Failed bad: ROOT/folder/dangling is a symlink to something that does not exist; remove the link, or name it in .pipeignore (in a project of DVC, .dvcignore).
    2 stages: 1 ran, 1 failed. Run [RUN].
    ");
    assert_eq!(sandbox.states(), "good:fresh bad:unknown");
}

#[test]
fn the_plan_tells_what_would_be_refused() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  kept:\n    cmd: echo 1 > kept\n    outs: [kept]\n  still:\n    cmd: echo 1 > still\n    outs: [still]\n    frozen: true\n",
    );
    sandbox.write("kept", "by git");
    sandbox.commit("kept");
    snapshot!(sandbox.pipe(["repro", "--dry"]), @"
    exit: 2
    --- stdout
    kept: cannot run: git tracks its out `kept`; run `git rm -r --cached 'kept'` to let pipe keep it, or declare it with `cache: false` to let git keep it
    still: cannot run: it is frozen and cannot be restored (has not run yet); remove `frozen: true` to let it run
    ");
    snapshot!(sandbox.pipe(["status"]), @"
    exit: 0
    --- stdout
    kept: stale
      has not run yet
    still: frozen, and its outs cannot be restored
      has not run yet
    ");
    snapshot!(sandbox.pipe(["repro", "-j", "1"]), @"
    exit: 2
    --- stderr
    Added the cached outs to .gitignore, so that git leaves them to pipe.
    Failed kept: git tracks its out `kept`; run `git rm -r --cached 'kept'` to let pipe keep it, or declare it with `cache: false` to let git keep it.
    2 stages: 1 failed, 1 not started.
    ");
}

#[test]
fn the_plan_names_what_a_stage_lacks() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: echo 1 > a\n    outs: [a]\n  b:\n    cmd: cat a x > b\n    deps: [a, x]\n    outs: [b]\n  \
         c:\n    cmd: cat v w x y z > c\n    deps: [v, w, x, y, z]\n    outs: [c]\n",
    );
    snapshot!(sandbox.pipe(["repro", "--dry"]), @"
    exit: 2
    --- stdout
    a: would run: has not run yet
    b: cannot run: dep x does not exist; has not run yet
    c: cannot run: dep v does not exist; dep w does not exist; dep x does not exist; dep y does not exist; dep z does not exist; has not run yet
    ");
}

/// What a folder held before is known where the cache has it.
#[test]
fn files_that_changed_in_a_folder_are_named() {
    let sandbox = Sandbox::with_pipeline(concat!(
        "stages:\n  s:\n    cmd: cat data/* > out; mkdir made; cp out made/x\n    deps: [data, plain]\n    outs: [out, made]\n",
        "  t:\n    cmd: cat made/* > last\n    deps: [{glob: 'made/*'}]\n    outs: [last]\n",
    ));
    for file in ["data/b", "data/c", "plain/x"] {
        sandbox.write(file, "1");
    }
    sandbox.ok(["add", "data"]);
    sandbox.ok(["repro", "-j", "1"]);
    sandbox.write("data/a", "1");
    sandbox.write("data/b", "2");
    sandbox.remove("data/c");
    sandbox.write("plain/x", "2");
    sandbox.write("made/y", "");
    snapshot!(sandbox.pipe(["status", "s"]), @"
    exit: 0
    --- stdout
    data.pipe: stale (`pipe commit data` records it)
      out data changed: d7ce56e449 -> c342f151c3
        A data/a
        M data/b
        D data/c
    s: stale
      dep data changed: d7ce56e449 -> c342f151c3
        A data/a
        M data/b
        D data/c
      dep plain changed: dd22c20dfd -> bffca1b83b
      out made changed: 0b3f442fc6 -> 80736d4641
        A made/y
    ");
    let json = sandbox.json(["status", "--json", "s"]);
    let files = &json["stages"][0]["reasons"][0]["files"];
    assert_eq!((files["added"][0].as_str(), files["deleted"][0].as_str()), (Some("data/a"), Some("data/c")));
    for n in 0..7 {
        sandbox.write(&format!("data/d{n}"), "1");
    }
    let said = sandbox.ok(["repro", "--dry", "--explain", "s"]);
    assert!(said.stdout.contains("    D data/c\n    A data/d0\n    A data/d1\n    and 5 more\n"), "{said:?}");
}
