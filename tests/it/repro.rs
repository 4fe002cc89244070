//! `pipe repro`: what runs, in which order and where, and what is told about it.

use crate::harness::{Sandbox, snapshot};

/// Two stages in a row, each of which logs that it ran.
pub const CHAIN: &str = "\
stages:
  first:
    cmd: echo first >> ran; cat input > first.txt
    deps: [input]
    params: [factor]
    outs: [first.txt]
  second:
    cmd: echo second >> ran; cat first.txt > second.txt
    deps: [first.txt]
    outs: [second.txt]
";

/// A project with [`CHAIN`] and its inputs.
pub fn chain() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(CHAIN);
    sandbox.write("input", "one\n");
    sandbox.write("params.yaml", "factor: 1\n");
    sandbox
}

fn ran(sandbox: &Sandbox) -> String {
    if sandbox.exists("ran") {
        sandbox.read("ran").replace('\n', " ").trim().to_owned()
    } else {
        String::new()
    }
}

#[test]
fn runs_everything_once() {
    let sandbox = chain();
    snapshot!(sandbox.pipe(["repro", "-j", "1"]), @"
    exit: 0
    --- stderr
    Added the cached outs to .gitignore, so that git leaves them to pipe.
    Running first: has not run yet.
    Finished first in [DURATION].
    Running second: has not run yet.
    Finished second in [DURATION].
    2 stages: 2 ran. Run [RUN].
    ");
    assert_eq!(sandbox.read("second.txt"), "one\n");
    snapshot!(sandbox.pipe(["repro"]), @"
    exit: 0
    --- stderr
    Everything is up to date (2 stages).
    ");
    assert_eq!(ran(&sandbox), "first second");
    assert_eq!(sandbox.run_count(), 3, "what does nothing records nothing");
    snapshot!(sandbox.pipe(["repro", "-q"]), @"exit: 0");
}

#[test]
fn a_reproduction_that_does_nothing_opens_neither_store_nor_git() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.write(".pipe/runs.db", "no database at all");
    let mut command = sandbox.pipe_command(["repro"]);
    command.env("PATH", "/nowhere");
    let said = sandbox.finish(command).code(0);
    assert_eq!(said.stderr, "Everything is up to date (2 stages).\n");
    assert_eq!(sandbox.read(".pipe/runs.db"), "no database at all");
}

#[test]
fn targets_are_stages_outs_and_pipeline_files() {
    let sandbox = chain();
    sandbox.ok(["repro", "first"]);
    assert_eq!(ran(&sandbox), "first");
    sandbox.ok(["repro", "second.txt"]);
    assert_eq!(ran(&sandbox), "first second");
    sandbox.write("input", "two\n");
    sandbox.ok(["repro", "pipeline.yaml"]);
    assert_eq!(ran(&sandbox), "first second first second");
    sandbox.write("input", "three\n");
    sandbox.ok(["repro", "--single-item", "second"]);
    assert_eq!(ran(&sandbox), "first second first second", "its own inputs are unchanged");
    sandbox.ok(["repro", "second"]);
    assert_eq!(ran(&sandbox), "first second first second first second");
}

#[test]
fn force_runs_what_is_up_to_date() {
    let sandbox = chain();
    sandbox.ok(["repro"]);
    sandbox.ok(["repro", "-f", "-s", "first"]);
    assert_eq!(ran(&sandbox), "first second first");
    sandbox.ok(["repro", "--force"]);
    assert_eq!(ran(&sandbox), "first second first first second");
}

#[test]
fn a_dry_run_tells_and_does_nothing() {
    let sandbox = chain();
    snapshot!(sandbox.pipe(["repro", "--dry"]), @"
    exit: 0
    --- stdout
    first: would run: has not run yet
    second: would run or be restored after first: has not run yet
    ");
    assert_eq!(ran(&sandbox), "");
    assert!(!sandbox.exists("pipeline.lock") && !sandbox.exists(".pipe/runs.db"));
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", "factor: 2\n");
    snapshot!(sandbox.pipe(["repro", "--dry"]), @"
    exit: 0
    --- stdout
    first: would run: param params.yaml:factor changed: 1 -> 2
    second: depends on the result of first
    ");
    sandbox.ok(["repro"]);
    sandbox.write("params.yaml", "factor: 1\n");
    let said = sandbox.ok(["repro", "--dry"]).stdout;
    assert!(said.starts_with("first: would be restored from run "), "{said}");
    assert!(said.ends_with("second: up to date\n"), "the restored bytes are known to be equal: {said}");
}

#[test]
fn a_folder_without_pipeline_file_means_the_nearest_above() {
    let sandbox = chain();
    sandbox.write("deep/down/x", "");
    sandbox.write("other/pipeline.yaml", "stages:\n  own:\n    cmd: echo own >> ../ran\n");
    sandbox.ok(["--cd", "deep/down", "repro"]);
    assert_eq!(ran(&sandbox), "first second");
    sandbox.ok(["--cd", "other", "repro"]);
    assert_eq!(ran(&sandbox), "first second own");
}

#[test]
fn commands_are_scripts_lists_and_other_shells() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  block:
    cmd: |
      value=\"kept between lines\"
      echo \"$value\" > block.txt
    outs: [block.txt]
  list:
    cmd:
      - echo one > list.txt
      - echo two >> list.txt
    outs: [list.txt]
  shell:
    shell: bash
    cmd: array=(a b c); echo \\${#array[@]} > shell.txt
    outs: [shell.txt]
  folder:
    wdir: sub
    cmd: pwd > here.txt; echo \"$PIPE_STAGE\" > ../stage.txt
    outs: [here.txt, ../stage.txt]
",
    );
    sandbox.write("sub/keep", "");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("block.txt"), "kept between lines\n");
    assert_eq!(sandbox.read("list.txt"), "one\ntwo\n");
    assert_eq!(sandbox.read("shell.txt"), "3\n");
    assert!(sandbox.read("sub/here.txt").ends_with("/sub\n"));
    assert_eq!(sandbox.read("stage.txt"), "folder\n");
}

#[test]
fn a_script_stops_at_its_first_failing_line() {
    let sandbox = Sandbox::with_pipeline("stages:\n  a:\n    cmd: |\n      false\n      touch after\n");
    sandbox.pipe(["repro"]).code(1);
    assert!(!sandbox.exists("after"));
}

#[test]
fn pipe_in_a_command_is_the_running_binary() {
    let sandbox =
        Sandbox::with_pipeline("stages:\n  a:\n    cmd: pipe --version > version\n    outs: [version]\n");
    sandbox.ok(["repro"]);
    assert!(sandbox.read("version").starts_with("pipe 0."));
}

#[test]
fn templates_take_values_from_params_and_vars() {
    let sandbox = Sandbox::with_pipeline(
        "\
vars:
  - more.json
  - greeting: hello
stages:
  a:
    cmd: echo ${greeting} ${model.name} ${sizes[1]} ${deep.key} \\${HOME} > ${model.name}.txt
    outs: ['${model.name}.txt']
",
    );
    sandbox.write("params.yaml", "model: {name: net}\nsizes: [1, 2.5]\n");
    sandbox.write("more.json", "{\"deep\": {\"key\": true}}");
    sandbox.ok(["repro"]);
    let home = sandbox.root().with_file_name("home");
    assert_eq!(sandbox.read("net.txt"), format!("hello net 2.5 true {}\n", home.display()));
}

#[test]
fn params_come_from_yaml_json_and_toml() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  a:
    cmd: echo a >> ran
    params: [lr, {deep.json: [a.b], all.toml: }]
",
    );
    sandbox.write("params.yaml", "lr: 1e-3\nother: 1\n");
    sandbox.write("deep.json", "{\"a\": {\"b\": [1, 2]}, \"c\": 1}");
    sandbox.write("all.toml", "x = 1\n[table]\ny = 2\n");
    sandbox.ok(["repro"]);
    for (file, text, key) in [
        ("params.yaml", "lr: 0.002\nother: 1\n", Some("lr")),
        ("params.yaml", "other: 2\nlr: 0.0020  # the same\n", None),
        ("deep.json", "{\"c\": 2, \"a\": {\"b\": [1, 2]}}", None),
        ("deep.json", "{\"c\": 2, \"a\": {\"b\": [1, 3]}}", Some("a.b")),
        ("all.toml", "x = 1\n[table]\ny = 3\n", Some("table")),
    ] {
        sandbox.write(file, text);
        let stage = sandbox.pipe(["status", "--json"]).json()["stages"][0].clone();
        match key {
            None => assert_eq!(stage["state"], "fresh", "{file}: {text}"),
            Some(key) => {
                assert_eq!(
                    (stage["reasons"][0]["key"].as_str(), stage["state"].as_str()),
                    (Some(key), Some("stale"))
                );
            }
        }
        sandbox.ok(["repro"]);
    }
}

#[test]
fn frozen_stages_stay_and_always_changed_ones_run() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  still:
    cmd: echo still >> ran; cat input > still.txt
    deps: [input]
    outs: [still.txt]
  always:
    cmd: echo always >> ran; echo 1 > always.txt
    always_changed: true
    outs: [always.txt]
  after:
    cmd: echo after >> ran; cat always.txt > after.txt
    deps: [always.txt]
    outs: [after.txt]
",
    );
    sandbox.write("input", "1");
    sandbox.ok(["repro", "-j", "1"]);
    assert_eq!(ran(&sandbox), "still always after");
    sandbox.edit("pipeline.yaml", "  still:\n", "  still:\n    frozen: true\n");
    sandbox.write("input", "2");
    sandbox.ok(["repro"]);
    assert_eq!(ran(&sandbox), "still always after always", "equal bytes stop the wave");
    sandbox.edit("pipeline.yaml", "    frozen: true\n", "");
    sandbox.ok(["repro", "still"]);
    assert_eq!(ran(&sandbox), "still always after always still");
}

#[test]
fn an_out_that_persists_is_there_for_the_next_run() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  a:\n    cmd: cat input >> sum.txt\n    deps: [input]\n    outs: [{sum.txt: {persist: true}}]\n",
    );
    sandbox.write("input", "1\n");
    sandbox.ok(["repro"]);
    sandbox.write("input", "2\n");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("sum.txt"), "1\n2\n");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("sum.txt"), "1\n2\n");
    sandbox.write("input", "1\n");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("sum.txt"), "1\n2\n1\n", "its past is no part of the key: it is never restored");
}

#[test]
fn independent_stages_run_at_the_same_time() {
    // Each waits for the other: only together can they end.
    let wait = |mine: &str, other: &str| {
        format!(
            "touch {mine}.up; n=0; while [ ! -e {other}.up ]; do n=$((n+1)); [ $n -lt 9000 ]; sleep 0.01; done"
        )
    };
    let sandbox = Sandbox::with_pipeline(&format!(
        "stages:\n  a:\n    cmd: {}\n  b:\n    cmd: {}\n",
        wait("a", "b"),
        wait("b", "a")
    ));
    sandbox.ok(["repro", "-j", "2"]);
}

#[test]
fn the_next_command_starts_while_outs_are_read() {
    // `wait` holds one of two places until `next` has started. Reading the out of `large` takes much longer than
    // starting a command.
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  large:
    cmd: truncate -s 1G large
    outs: [large: {cache: false}]
  wait:
    cmd: n=0; while [ ! -e started ]; do n=$((n+1)); [ $n -lt 9000 ]; sleep 0.01; done
  next:
    cmd: touch started
",
    );
    let said = sandbox.ok(["repro", "-j", "2"]);
    let at = |text: &str| said.stderr.find(text).unwrap_or_else(|| panic!("{}", said.stderr));
    assert!(at("Running next") < at("Finished large"), "{}", said.stderr);
}

#[test]
fn with_one_job_only_one_stage_is_at_work() {
    let stage = |name: &str| {
        format!("  {name}:\n    cmd: mkdir busy; echo {name} >> ran; sleep 0.02; rmdir busy\n    outs: []\n")
    };
    let stages: String = ["a", "b", "c", "d"].map(stage).concat();
    let sandbox = Sandbox::with_pipeline(&format!("stages:\n{stages}"));
    sandbox.ok(["repro", "-j", "1"]);
    assert_eq!(ran(&sandbox), "a b c d");
}

#[test]
fn folders_are_outs_and_deps() {
    let sandbox = Sandbox::with_pipeline(
        "\
stages:
  make:
    cmd: mkdir -p out/sub out/empty; cp input out/sub/file; printf '#!/bin/sh\\n' > out/tool; chmod +x out/tool
    deps: [input]
    outs: [out]
  use:
    cmd: find out | sort > list; echo use >> ran
    deps: [out/sub]
    outs: [list]
",
    );
    sandbox.write("input", "1");
    sandbox.ok(["repro"]);
    assert_eq!(sandbox.read("list"), "out\nout/empty\nout/sub\nout/sub/file\nout/tool\n");
    sandbox.remove("out");
    sandbox.ok(["repro"]).tells(&["Restored make from "]);
    assert!(sandbox.path("out/empty").is_dir());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(sandbox.path("out/tool")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o111, 0o111, "{mode:o}");
    assert_eq!(ran(&sandbox), "use");
}

#[test]
fn cached_outs_are_kept_out_of_git() {
    let sandbox = chain();
    sandbox.ok(["repro"]).tells(&["Added the cached outs to .gitignore"]);
    assert_eq!(sandbox.read(".gitignore"), "/first.txt\n/second.txt\n");
    sandbox.commit("all");
    let tracked = sandbox.git(["ls-files"]);
    assert_eq!(
        tracked.lines().collect::<Vec<_>>().join(" "),
        ".gitignore .pipe/.gitignore input params.yaml pipeline.lock pipeline.yaml ran"
    );
}

#[test]
fn on_a_terminal_stages_are_shown_while_they_run() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  slow:\n    cmd: echo working; while [ ! -e go ] && [ -e pipeline.yaml ]; do sleep 0.01; done\n  later:\n    \
         cmd: 'true'\n",
    );
    let binary = env!("CARGO_BIN_EXE_pipe");
    let mut command = sandbox.program("script");
    command.args(["-q", "-e", "-c", &format!("{binary} repro -j 1"), "/dev/null"]).env("TERM", "xterm");
    let started = sandbox.start(command);
    started.await_printed("1 running, 0 done, 1 waiting");
    started.await_printed("working");
    sandbox.write("go", "");
    let said = started.wait().code(0);
    for text in ["Finished", "2 stages: 2 ran."] {
        assert!(said.stdout.contains(text), "the terminal does not show `{text}`:\n{}", said.stdout);
    }
    let plain = sandbox.ok(["repro", "--color", "never"]).stderr;
    assert!(!plain.contains('\x1b'), "{plain:?}");
}
