//! Values of params beside the real DVC: what the texts of its files say is the same to both, in commands and in locks.

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;

/// What `pipe` and DVC each lock after they ran the same project; neither calls anything of the other changed.
#[track_caller]
fn locked_by_both(params: &str, stages: &str) -> String {
    locked_beside(&[("params.yaml", params)], stages)
}

/// As [`locked_by_both`], beside these files.
#[track_caller]
fn locked_beside(files: &[(&str, &str)], stages: &str) -> String {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    for (file, text) in files {
        sandbox.write(file, text);
    }
    sandbox.write("dvc.yaml", stages);
    sandbox.write("xNone", "");
    let said = pipe(&sandbox, &["repro"]);
    said.code(0);
    let ours = sandbox.read("dvc.lock");
    assert!(dvc.stale(&sandbox).is_empty(), "{ours}");
    sandbox.remove("dvc.lock");
    dvc.ok(&sandbox, &["repro", "--force"]);
    let theirs = sandbox.read("dvc.lock");
    assert!(stale(&sandbox).is_empty(), "{theirs}");
    let sorted =
        |text: &str| text.split("\n  ").map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(&ours), sorted(&theirs));
    ours
}

#[test]
fn truths_in_names_are_those_of_dvc() {
    let lock = locked_by_both(
        "a: [true, false]\nb: true\n",
        "stages:\n  s:\n    foreach: ${a}\n    do:\n      cmd: echo ${item}\n      params: [b]\n  t:\n    \
         foreach: [true, '${b}']\n    do:\n      cmd: echo ${item}\n      params: [b]\n  m:\n    matrix:\n      \
         x: ${a}\n      y: [true, '${b}']\n    cmd: echo ${key} ${item.x} ${item}\n    params: [b]\n",
    );
    for name in ["s@True:", "s@False:", "t@true:", "t@True:", "m@True-true:", "m@False-True:"] {
        assert!(lock.contains(name), "{name} in {lock}");
    }
    assert!(lock.contains("s@True:\n    cmd: echo true\n"), "{lock}");
}

#[test]
fn nothing_is_the_word_of_dvc() {
    let lock = locked_by_both(
        "a: null\nd: {n: null, l: [null, true], m: {k: ~}}\nl: [null]\n",
        "stages:\n  s:\n    cmd: echo ${a} ${d}\n    deps: ['x${a}']\n  t:\n    foreach: ${l}\n    do:\n      \
         cmd: echo ${item}\n      params: [a]\n      desc: ${item}\n",
    );
    assert!(lock.contains("cmd: echo None --n None --l None True --m.k None\n"), "{lock}");
    assert!(lock.contains("t@None:") && lock.contains("cmd: echo None\n"), "{lock}");
}

#[test]
fn numbers_are_those_of_dvc() {
    let numbers = "[1_000, 010, -010, 00, 08, 1_0.5, 0x1_F, 0b1_1, 0o1_7, 1__0, 0.1_2, 1e400, -1e400, .5e3]";
    let lock = locked_by_both(
        &format!("a: 1_000\nl: {numbers}\n1_0: {{1_1: 1_2}}\n"),
        &format!(
            "vars:\n- v: 0_7\nstages:\n  s:\n    cmd: echo ${{a}} ${{v}}\n    params: [a, l]\n  \
             t:\n    foreach: {numbers}\n    do:\n      cmd: echo ${{item}}\n      deps: [xNone]\n"
        ),
    );
    assert!(lock.contains("cmd: echo 1000 7\n") && lock.contains("        a: 1000\n"), "{lock}");
    for name in ["t@-10:", "t@10.5:", "t@31:", "t@inf:", "t@.5e3:"] {
        assert!(lock.contains(name), "{name} in {lock}");
    }
}

#[test]
fn maps_have_the_order_of_dvc() {
    let lock = locked_beside(
        &[
            ("p.toml", "[t]\nx = 1\na = 2\n[m.z]\nv = 1\n[m.b]\nv = 2\n"),
            ("p.json", r#"{"z": -0, "d": {"y": -0, "c": -0.0}}"#),
            ("params.yaml", "x: &x {p: 1, q: 2}\ny: &y {q: 5, s: 6}\ne:\n  c: 1\n  <<: [*x, *y]\n  q: 9\n"),
        ],
        "vars: [p.toml, p.json]\nstages:\n  s:\n    cmd: echo ${t} ${e} ${z} ${d}\n    params: [e, {p.toml: [t], \
         p.json: [z, d]}]\n  f:\n    foreach: ${m}\n    do:\n      cmd: echo ${key} ${item.v}\n      params: [e]\n",
    );
    assert!(lock.contains("cmd: echo --x 1 --a 2 --q 9 --s 6 --p 1 --c 1 0 --y 0 --c -0.0\n"), "{lock}");
    for text in
        ["        t:\n          x: 1\n          a: 2\n", "f@z:\n    cmd: echo z 1\n", "        z: 0\n"]
    {
        assert!(lock.contains(text), "{text} in {lock}");
    }
}

#[test]
fn keys_of_a_file_that_is_read_whole_count_for_nothing() {
    let lock = locked_beside(
        &[("p.yaml", "a: {b: 1, c: 2}\nd: 3\n"), ("params.yaml", "e: 1\nf: 2\n")],
        "stages:\n  s:\n    cmd: echo s\n    params: [e, {params.yaml: }, {p.yaml: }, {p.yaml: [a.b, none]}]\n  t:\n    \
         cmd: echo t\n    params: [{p.yaml: [a.b, d]}, f]\n",
    );
    assert_eq!(lock.matches("a.b:").count(), 1, "{lock}");
    assert!(lock.contains("        a:\n          b: 1\n          c: 2\n        d: 3\n"), "{lock}");
}

/// DVC's status looks at what is there, and so does ours, whatever a stage before it is about to restore.
#[test]
fn what_is_to_be_restored_is_not_there_yet() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: cp in o\n    deps: [in]\n    outs: [o]\n  b:\n    cmd: cp o p\n    deps: [o]\n    \
         outs: [p]\n  c:\n    cmd: cp p q\n    deps: [p]\n    outs: [q]\n",
    );
    for text in ["1\n", "2\n"] {
        sandbox.write("in", text);
        pipe(&sandbox, &["repro"]).code(0);
    }
    sandbox.write("in", "1\n");
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox));
    assert_eq!(stale(&sandbox).len(), 1);
    let said = pipe(&sandbox, &["status"]).stdout;
    assert!(said.contains("a: stale") && said.contains("c:"), "{said}");
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read("q"), "1\n");
}
