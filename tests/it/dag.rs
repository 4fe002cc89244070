//! `pipe dag`: the graph as text, for Graphviz and for Mermaid.

use crate::harness::{Sandbox, snapshot};

fn diamond() -> Sandbox {
    let stage = |name: &str, deps: &str| {
        format!("  {name}:\n    cmd: 'true'\n    deps: [{deps}]\n    outs: [{name}.out]\n")
    };
    let stages = [
        stage("source", ""),
        stage("left", "source.out"),
        stage("right", "source.out"),
        stage("join", "left.out, right.out"),
        stage("alone", ""),
    ];
    Sandbox::with_pipeline(&format!("stages:\n{}", stages.concat()))
}

#[test]
fn draws_text() {
    snapshot!(diamond().pipe(["dag"]), @"
    exit: 0
    --- stdout
    ○    source
    ├─●  left    ← source
    ● │  right   ← source
    ●─┘  join    ← left, right
    ○    alone
    ");
}

#[test]
fn draws_what_a_target_needs() {
    snapshot!(diamond().pipe(["dag", "left"]), @"
    exit: 0
    --- stdout
    ○  source
    ●  left    ← source
    ");
}

#[test]
fn draws_dot() {
    snapshot!(diamond().pipe(["dag", "--dot"]), @r#"
    exit: 0
    --- stdout
    digraph pipeline {
        "source";
        "left";
        "right";
        "join";
        "alone";
        "source" -> "left";
        "source" -> "right";
        "left" -> "join";
        "right" -> "join";
    }
    "#);
}

#[test]
fn draws_mermaid() {
    snapshot!(diamond().pipe(["dag", "--mermaid"]), @r#"
    exit: 0
    --- stdout
    flowchart TD
        s0["source"]
        s1["left"]
        s2["right"]
        s3["join"]
        s4["alone"]
        s0 --> s1
        s0 --> s2
        s1 --> s3
        s2 --> s3
    "#);
}

/// One stage of each kind.
fn marked() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  good:\n    cmd: cp input good\n    deps: [input]\n    outs: [good]\n  changed:\n    cmd: cp good changed\n    deps: [good]\n    outs: [changed]\n  after:\n    cmd: cp changed after\n    deps: [changed]\n    outs: [after]\n  still:\n    cmd: cp good still\n    deps: [good]\n    outs: [still]\n    frozen: true\n  lost:\n    cmd: cp nowhere lost\n    deps: [nowhere, good]\n    outs: [lost]\n",
    );
    sandbox.write("input", "1");
    sandbox.write("nowhere", "1");
    sandbox.edit("pipeline.yaml", "    frozen: true\n", "");
    sandbox.ok(["repro"]);
    sandbox.ok(["freeze", "still"]);
    sandbox.remove("nowhere");
    sandbox.edit("pipeline.yaml", "cp good changed", "cp  good changed");
    sandbox
}

#[test]
fn marks_tell_how_stages_stand() {
    let sandbox = marked();
    snapshot!(sandbox.pipe(["dag", "--status"]), @"
    exit: 0
    --- stdout
    ○    ✓ good
    ├─●  ! changed  ← good
    │ ●  ↑ after    ← changed
    ●    ? lost     ← good
    ○    * still

    ✓ up to date  ! stale  ↑ after a stale one  * frozen  ? cannot be told
    ");
    snapshot!(sandbox.pipe(["dag", "--status", "--dot", "after"]), @r##"
    exit: 0
    --- stdout
    digraph pipeline {
        "good" [label="✓ good", style=filled, fillcolor="#c7e9c0"];
        "changed" [label="! changed", style=filled, fillcolor="#fee391"];
        "after" [label="↑ after", style=filled, fillcolor="#c6e7f2"];
        "good" -> "changed";
        "changed" -> "after";
    }
    "##);
    snapshot!(sandbox.pipe(["dag", "--status", "--mermaid", "after"]), @r#"
    exit: 0
    --- stdout
    flowchart TD
        s0["✓ good"]:::fresh
        s1["! changed"]:::stale
        s2["↑ after"]:::upstream
        s0 --> s1
        s1 --> s2
        classDef fresh fill:#c7e9c0,stroke:#444,color:#000
        classDef stale fill:#fee391,stroke:#444,color:#000
        classDef upstream fill:#c6e7f2,stroke:#444,color:#000
    "#);
    let colored = sandbox.ok(["dag", "--status", "--color", "always"]).stdout;
    assert!(colored.contains("\u{1b}[32m✓ good\u{1b}[0m"), "{colored}");
    // Nobody who reads a pipe asked for it.
    assert!(!sandbox.ok(["dag", "--color", "always"]).stdout.contains('✓'));
}

#[test]
fn on_a_terminal_marks_come_by_themselves() {
    let sandbox = marked();
    let on_terminal = |arguments: &str| {
        let mut command = sandbox.program("script");
        let pipe = format!("stty cols 60; {} dag {arguments}", env!("CARGO_BIN_EXE_pipe"));
        command.args(["--quiet", "--return", "--command", &pipe, "/dev/null"]).env("TERM", "xterm");
        sandbox.finish(command).code(0).stdout
    };
    let drawn = on_terminal("");
    assert!(drawn.contains("\u{1b}[33m! changed\u{1b}[0m") && drawn.contains("frozen"), "{drawn}");
    for plain in ["--no-status", "--color never", "--mermaid"] {
        let drawn = on_terminal(plain);
        assert!(drawn.contains("changed") && !drawn.contains('!'), "{plain}: {drawn}");
    }
}

#[test]
fn draws_outs_groups_and_what_hangs_together() {
    let sandbox = Sandbox::with_pipeline(
        "stages:\n  get:\n    cmd: 'true'\n    outs: [raw]\n  train:\n    foreach: [a, b]\n    do:\n      cmd: 'true'\n      deps: [raw]\n      outs: ['model-${item}', 'log-${item}']\n  score:\n    cmd: 'true'\n    deps: [model-a, model-b]\n    outs: [score]\n  alone:\n    cmd: 'true'\n    outs: [x]\n",
    );
    snapshot!(sandbox.pipe(["dag", "--outs", "score"]), @"
    exit: 0
    --- stdout
    ○      raw
    ├─●    log-a    ← raw
    ├─●    model-a  ← raw
    ├─│─●  log-b    ← raw
    ● │    model-b  ← raw
    ●─┘    score    ← model-a, model-b
    ");
    snapshot!(sandbox.pipe(["dag", "--collapse-foreach-matrix"]), @"
    exit: 0
    --- stdout
    ○  get
    ●  train  ← get
    ●  score  ← train
    ○  alone
    ");
    snapshot!(sandbox.pipe(["dag", "--full", "--md", "get"]), @r#"
    exit: 0
    --- stdout
    ```mermaid
    flowchart TD
        s0["get"]
        s1["train@a"]
        s2["train@b"]
        s3["score"]
        s0 --> s1
        s0 --> s2
        s1 --> s3
        s2 --> s3
    ```
    "#);
    sandbox.pipe(["dag", "--dot", "--md"]).code(2);
}
