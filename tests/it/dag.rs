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
