//! Stages with `foreach` and `matrix`: their members run, restore and are named like other stages.

use crate::harness::{Sandbox, snapshot};

const PIPELINE: &str = "\
stages:
  split:
    foreach: [a, b]
    do:
      cmd: echo ${item} > ${item}.txt
      outs: ['${item}.txt']
  join:
    matrix:
      left: [a, b]
      n: ${sizes}
    cmd: cat ${item.left}.txt > ${key}.out && echo ${item.n.rows} >> ${key}.out
    deps: ['${item.left}.txt']
    outs: ['${key}.out']
";

fn project() -> Sandbox {
    let sandbox = Sandbox::with_pipeline(PIPELINE);
    sandbox.write("params.yaml", "sizes: [{rows: 1}, {rows: 2}]\n");
    sandbox
}

#[test]
fn members_run_once_and_a_group_names_them_all() {
    let sandbox = project();
    let split = sandbox.pipe(["repro", "split"]);
    assert!(split.stderr.contains("2 stages: 2 ran"), "{}", split.stderr);
    snapshot!(sandbox.pipe(["status", "join@b-n1"]), @"
    exit: 0
    --- stdout
    join@b-n1: stale
      has not run yet
    ");
    assert!(sandbox.pipe(["repro"]).stderr.contains("6 stages: 4 ran, 2 up to date"));
    assert_eq!(sandbox.read("b-n1.out"), "b\n2\n");
    // One item's value reaches its members alone.
    sandbox.write("params.yaml", "sizes: [{rows: 1}, {rows: 3}]\n");
    let again = sandbox.pipe(["repro", "join"]);
    assert!(again.stderr.contains("6 stages: 2 ran, 4 up to date"), "{}", again.stderr);
    assert_eq!(sandbox.read("b-n1.out"), "b\n3\n");
}

#[test]
fn members_are_drawn() {
    snapshot!(project().pipe(["dag", "join@a-n0", "split"]), @"
    exit: 0
    --- stdout
    ○  split@a
    ●  join@a-n0  ← split@a
    ○  split@b
    ");
}
