//! Edits of written files: what they say afterwards, and that everything else is as it was, byte by byte.

use super::*;
use proptest::prelude::*;

fn file() -> ProjectPath {
    ProjectPath::root().join("pipeline.yaml")
}

fn stage(command: &str) -> NewStage {
    NewStage { command: command.to_owned(), ..NewStage::default() }
}

fn full() -> NewStage {
    let out = |path: &str, kind, cache, persist| NewOut { path: path.to_owned(), kind, cache, persist };
    NewStage {
        command: "python train.py --name 'a: b'".to_owned(),
        desc: Some("yes".to_owned()),
        wdir: Some("sub".to_owned()),
        deps: vec!["data/x y.csv".to_owned(), "src".to_owned()],
        params: vec![
            (None, vec!["lr".to_owned(), "epochs".to_owned()]),
            (Some("other.yaml".to_owned()), vec!["a".to_owned()]),
            (Some("all.json".to_owned()), Vec::new()),
        ],
        outs: vec![
            out("model", OutKind::Data, true, false),
            out("plain.txt", OutKind::Data, false, true),
            out("m.json", OutKind::Metrics, false, false),
            out("p.csv", OutKind::Plots, true, false),
        ],
        always_changed: true,
    }
}

#[track_caller]
fn added(text: &str) -> String {
    add(&file(), text, "new", &stage("echo 1 >x"), false).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
}

const WHOLE: &str = "\
stages:
  new:
    desc: 'yes'
    cmd: 'python train.py --name ''a: b'''
    wdir: sub
    deps:
      - data/x y.csv
      - src
    params:
      - lr
      - epochs
      - other.yaml:
          - a
      - all.json:
    outs:
      - model
      - plain.txt:
          cache: false
          persist: true
    metrics:
      - m.json:
          cache: false
    plots:
      - p.csv
    always_changed: true
";

#[test]
fn a_whole_stage_in_a_new_file() {
    let text = add(&file(), "", "new", &full(), false).expect("taken");
    assert_eq!(text, WHOLE);
    let flow = add(&file(), "{stages: {a: {cmd: x}}}", "new", &full(), false).expect("taken");
    let meaning = |text: &str| meaning(&file(), text).expect("YAML");
    let of = |value: &Value| value.as_map().unwrap()["stages"].as_map().unwrap()["new"].clone();
    assert_eq!(of(&meaning(&flow)), of(&meaning(&text)), "{flow}");
}

#[test]
fn commands_of_several_lines_stand_as_they_are() {
    let text = add(&file(), "", "a", &stage("echo 1\n\necho ': #'"), false).expect("taken");
    assert_eq!(text, "stages:\n  a:\n    cmd: |-\n      echo 1\n\n      echo ': #'\n");
    for odd in ["a\r\nb", " a\nb", "a\u{7}b", "a\n\n", "- a", "'a' \"b\"", "a\tb", "é: ☃"] {
        let text =
            add(&file(), "", "a", &stage(odd), false).unwrap_or_else(|fault| panic!("{odd:?}: {fault}"));
        assert_eq!(remove(&file(), &text, "a").expect("removed"), "stages: {}\n", "{text}");
    }
}

#[test]
fn a_stage_comes_behind_the_others() {
    for (before, after) in [
        ("# c\n", "# c\nstages:\n  new:\n    cmd: echo 1 >x\n"),
        ("vars: [a]\n\n# end\n", "vars: [a]\nstages:\n  new:\n    cmd: echo 1 >x\n\n# end\n"),
        ("stages: {} # c\nvars: []\n", "stages: # c\n  new:\n    cmd: echo 1 >x\nvars: []\n"),
        ("stages:", "stages:\n  new:\n    cmd: echo 1 >x\n"),
        ("stages: {a: {cmd: x}} # c\n", "stages: {a: {cmd: x}, new: {cmd: echo 1 >x}} # c\n"),
        ("{stages: {}}", "{stages: {new: {cmd: echo 1 >x}}}"),
        ("{vars: []}", "{vars: [], stages: {new: {cmd: echo 1 >x}}}"),
        (
            "stages:\n    a:\n     cmd: x\n     # in a\n    # below\nvars: []",
            "stages:\n    a:\n     cmd: x\n     # in a\n    new:\n     cmd: echo 1 >x\n    # below\nvars: []",
        ),
        (
            "stages:\r\n  a: {cmd: x}\r\n\r\n  b: {cmd: y}\r\n",
            "stages:\r\n  a: {cmd: x}\r\n\r\n  b: {cmd: y}\r\n\r\n  new:\r\n    cmd: echo 1 >x\r\n",
        ),
        ("stages:\n  a:\n    cmd: x", "stages:\n  a:\n    cmd: x\n  new:\n    cmd: echo 1 >x"),
        (
            "stages:\n  a:\n    cmd: |+\n      x\n\n# c\n",
            "stages:\n  a:\n    cmd: |+\n      x\n\n  new:\n    cmd: echo 1 >x\n# c\n",
        ),
    ] {
        assert_eq!(added(before), after, "{before}");
    }
    let text = add(&file(), "stages:\n  a:\n    cmd: x\n    deps:\n    - b\n", "new", &full(), false);
    assert!(text.as_ref().is_ok_and(|text| text.contains("    deps:\n    - data/x y.csv\n")), "{text:?}");
}

#[test]
fn a_stage_of_that_name_is_replaced_only_when_asked() {
    let text = "stages:\n  # of new\n  new:\n    cmd: old # gone\n\n  b: {cmd: y} # kept\n";
    let fault = add(&file(), text, "new", &stage("x"), false).expect_err("taken");
    assert_eq!(fault.to_string(), "pipeline.yaml:3:3: there is a stage `new` already");
    let forced = add(&file(), text, "new", &stage("x"), true).expect("replaced");
    assert_eq!(forced, "stages:\n  # of new\n  new:\n    cmd: x\n\n  b: {cmd: y} # kept\n");
    let flow = add(&file(), "stages: {new: {cmd: a}, b: {cmd: y}}", "new", &stage("x"), true);
    assert_eq!(flow.expect("replaced"), "stages: {new: {cmd: x}, b: {cmd: y}}");
}

#[test]
fn a_stage_goes_with_the_comments_right_above() {
    let text = "# top\nstages:\n  # of a\n  a:\n    cmd: x\n    # in a\n\n  # apart\n\n  # of b\n  # still\n  b:\n    cmd: y # y\n\n  'c': {cmd: z}\n# end\n";
    for (name, expected) in [
        (
            "a",
            "# top\nstages:\n  # apart\n\n  # of b\n  # still\n  b:\n    cmd: y # y\n\n  'c': {cmd: z}\n# end\n",
        ),
        (
            "b",
            "# top\nstages:\n  # of a\n  a:\n    cmd: x\n    # in a\n\n  # apart\n\n  'c': {cmd: z}\n# end\n",
        ),
        (
            "c",
            "# top\nstages:\n  # of a\n  a:\n    cmd: x\n    # in a\n\n  # apart\n\n  # of b\n  # still\n  b:\n    cmd: y # y\n# end\n",
        ),
    ] {
        assert_eq!(remove(&file(), text, name).expect("removed"), expected);
    }
    let fault = remove(&file(), text, "d").expect_err("no such stage");
    assert_eq!(fault.to_string(), "pipeline.yaml: no stage `d` is written here");
    assert_eq!(remove(&file(), "stages:\n  a: {cmd: x}\n", "a").expect("removed"), "stages: {}\n");
    assert_eq!(remove(&file(), "stages: {a: {cmd: x}}", "a").expect("removed"), "stages: {}");
}

#[test]
fn what_others_refer_to_is_not_cut() {
    let text = "stages:\n  a: &a\n    cmd: x\n  b: *a\n  c:\n    <<: *a\n    desc: c\n";
    let fault = remove(&file(), text, "a").expect_err("b is a");
    assert_eq!(fault.message, "pipeline.yaml cannot lose the stage without changing more of it");
    let fault = freeze(&file(), text, "b").expect_err("b has no text");
    assert!(fault.message.contains("cannot be told to freeze"), "{fault}");
    assert!(freeze(&file(), text, "a").is_err(), "b would be frozen too");
    let frozen = freeze(&file(), text, "c").expect("frozen");
    assert_eq!(frozen, text.replace("  c:\n", "  c:\n    frozen: true\n"));
    let fault = add(&file(), "stages: [a]", "b", &stage("x"), false).expect_err("no map");
    assert_eq!(fault.to_string(), "pipeline.yaml:1:1: `stages` is no map");
    assert!(add(&file(), "- a", "b", &stage("x"), false).is_err());
    assert!(add(&file(), "stages: {", "b", &stage("x"), false).is_err());
}

#[test]
fn frozen_is_written_below_the_name() {
    for (before, after) in [
        (
            "stages:\n  a: # c\n    # d\n    cmd: x\n",
            "stages:\n  a: # c\n    frozen: true\n    # d\n    cmd: x\n",
        ),
        ("stages:\n  a: { cmd: x }", "stages:\n  a: { frozen: true, cmd: x }"),
        ("{stages: {a: {cmd: x}}}", "{stages: {a: {frozen: true, cmd: x}}}"),
        (
            "stages:\n  a:\n    foreach: [1]\n    do:\n      cmd: x\n",
            "stages:\n  a:\n    foreach: [1]\n    do:\n      frozen: true\n      cmd: x\n",
        ),
        ("stages:\n  a:\n    &x\n    cmd: x\n", "stages:\n  a:\n    &x\n    frozen: true\n    cmd: x\n"),
    ] {
        assert_eq!(freeze(&file(), before, "a").expect("frozen"), after);
        assert_eq!(freeze(&file(), after, "a").expect("is frozen"), after);
        assert_eq!(unfreeze(&file(), after, "a").expect("thawed"), before);
        assert_eq!(unfreeze(&file(), before, "a").expect("is not frozen"), before);
    }
    let text = "stages:\n  a:\n    cmd: x\n    frozen: false # why\n";
    assert_eq!(freeze(&file(), text, "a").expect("frozen"), text.replace("false", "true"));
    assert!(unfreeze(&file(), &text.replace("false", "${x}"), "a").is_err());
    for last in ["stages:\n  a:\n    cmd: x\n    frozen: true", "stages: {a: {cmd: x, frozen: true}}"] {
        let thawed = unfreeze(&file(), last, "a").expect("thawed");
        assert_eq!(thawed, last.replace("\n    frozen: true", "").replace(", frozen: true", ""));
    }
}

/// A stage as people write it: block, braces, or foreach, with comments and odd quotes.
fn chunk() -> impl Strategy<Value = String> {
    let above = prop_oneof![
        Just(""),
        Just("  # above\n"),
        Just("\n"),
        Just("\n\n  # one\n  # two\n"),
        Just("  # far\n\n"),
        Just("# left\n")
    ];
    let name = prop_oneof![Just("NAME:"), Just("'NAME':"), Just("\"NAME\" :"), Just("NAME: # why")];
    let body = prop_oneof![
        Just("\n    cmd: echo 1\n"),
        Just("\n    # first\n    cmd: \"a: #b\" # not\n    deps: [a,\n      b]\n"),
        Just("\n    cmd: |\n      one\n      # no comment\n\n      two\n    # last\n"),
        Just("\n    cmd: >-\n      one\n      two\n\n"),
        Just("\n     deps:\n     - x\n     - 'y':\n         cache: false\n     cmd: é ☃\n"),
        Just("\n    foreach: {a: 1}\n    do:\n      cmd: echo ${item}\n      # in\n"),
        Just("\n    matrix:\n      x: [1, 2]\n    cmd: plain\n      goes on\n"),
    ];
    let braces = prop_oneof![
        Just(" {cmd: x}\n"),
        Just(" { cmd: 'x', deps: [a] } # c\n"),
        Just("\n    {cmd: x,\n\n    # in\n    desc: y,}\n"),
    ];
    let plain = (above.clone(), name, body).prop_map(|(above, name, body)| format!("{above}  {name}{body}"));
    let braced = (above, braces).prop_map(|(above, body)| format!("{above}  NAME:{body}"));
    prop_oneof![4 => plain, 1 => braced]
}

fn pipeline() -> impl Strategy<Value = (String, Vec<String>)> {
    let head = prop_oneof![
        Just("stages:\n"),
        Just("# top\n\nvars: [{a: 1}]\nstages: # here\n"),
        Just("---\nparams: [p.yaml]\n\nstages:\n"),
    ];
    let tail = prop_oneof![
        Just(""),
        Just("\n"),
        Just("# end"),
        Just("\n\nmetrics:\n- m.json\n"),
        Just("  # x:\n  #   cmd: y\n\nplots: []")
    ];
    let marks = (any::<bool>(), any::<bool>(), any::<bool>());
    let all = (head, proptest::collection::vec(chunk(), 1..5), tail, marks);
    all.prop_map(|(head, chunks, tail, (crlf, mark, cut))| {
        let eol = |text: &str| if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
        let chunks = chunks.iter().enumerate();
        let chunks: Vec<String> =
            chunks.map(|(at, chunk)| eol(&chunk.replace("NAME", &format!("s{at}")))).collect();
        let mut text = format!("{}{}{}", eol(head), chunks.concat(), eol(tail));
        if cut {
            text.truncate(text.trim_end().len());
        }
        if mark {
            text.insert(0, '\u{feff}');
        }
        (text, chunks)
    })
}

/// Whether `long` is `short` with one piece put in.
fn is_insertion(short: &str, long: &str) -> bool {
    let front = short.bytes().zip(long.bytes()).take_while(|(a, b)| a == b).count();
    let back = short.bytes().rev().zip(long.bytes().rev()).take_while(|(a, b)| a == b).count();
    front + back >= short.len() && long.len() > short.len()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn freeze_and_unfreeze_undo_each_other((text, chunks) in pipeline()) {
        for at in 0..chunks.len() {
            let name = format!("s{at}");
            let frozen = freeze(&file(), &text, &name).expect("frozen");
            prop_assert!(is_insertion(&text, &frozen), "{frozen}");
            prop_assert!(frozen.len() <= text.len() + 24);
            prop_assert_eq!(&unfreeze(&file(), &frozen, &name).expect("thawed"), &text);
        }
    }

    #[test]
    fn add_and_remove_undo_each_other((text, _) in pipeline(), big in any::<bool>()) {
        let new = if big { full() } else { stage("x: y") };
        let longer = add(&file(), &text, "new", &new, false).expect("taken");
        prop_assert!(is_insertion(&text, &longer), "{longer}");
        prop_assert_eq!(longer.matches("\r\n").count() == longer.matches('\n').count(), longer.contains('\r'));
        prop_assert_eq!(&remove(&file(), &longer, "new").expect("removed"), &text);
    }

    #[test]
    fn remove_leaves_the_other_stages_as_they_stand((text, chunks) in pipeline()) {
        for at in 0..chunks.len() {
            let shorter = remove(&file(), &text, &format!("s{at}")).expect("removed");
            for (other, chunk) in chunks.iter().enumerate().filter(|(other, _)| *other != at) {
                let key = chunk.find(&format!("s{other}")).expect("its name");
                let own = chunk[key..].trim_end().trim_end_matches("# last").trim_end();
                prop_assert!(shorter.contains(own), "{own}\nis not in\n{shorter}");
            }
            prop_assert!(!shorter.contains(&format!("s{at}")), "{shorter}");
            if chunks.len() > 1 {
                prop_assert!(is_insertion(&shorter, &text), "{shorter}");
            }
        }
    }

    #[test]
    fn any_text_is_edited_or_refused(text in "(stages|s0|cmd|frozen|true|[a-z&*!|>?'\"\\-#:{}\\[\\], \n\r\té]){0,40}") {
        let edits = [
            add(&file(), &text, "new", &stage("x"), true),
            remove(&file(), &text, "s0"),
            freeze(&file(), &text, "s0"),
            unfreeze(&file(), &text, "s0"),
        ];
        for text in edits.into_iter().flatten() {
            prop_assert!(yaml::parse(&file(), &text).is_ok(), "{}", text);
        }
    }
}
