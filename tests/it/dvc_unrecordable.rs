//! Values of params that `dvc.lock` cannot hold, beside the real DVC: what it calls changed each time is so here, told with what
//! to write instead.
//!
//! Random files of such values follow, for which `PIPE_TEST_SEED` and `PIPE_TEST_DVC_ROUNDS` count as for the random projects.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;
use crate::histories::{Random, rounds, seed};

/// A stage for each of the files, with these keys, or with the whole file.
fn stages(files: &[(String, String, Vec<String>)]) -> String {
    let mut text = String::from("stages:\n");
    for (name, _, keys) in files {
        let (stage, keys) = (name.replace('.', "_"), serde_json::to_string(keys).unwrap());
        writeln!(text, "  {stage}:\n    cmd: echo\n    params: [{{{name}: {keys}}}]").unwrap();
    }
    text
}

/// What `status --json` of both says is changed.
fn statuses(dvc: &mut Dvc, sandbox: &Sandbox) -> [BTreeMap<String, Json>; 2] {
    let ours = pipe(sandbox, &["status", "--json"]);
    let theirs = dvc.ok(sandbox, &["status", "--json"]);
    [&ours.stdout, &theirs]
        .map(|said| serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}{}", ours.stderr)))
}

#[test]
fn what_no_lock_can_hold_is_changed_each_time() {
    let python = "sizes = [1, (2, 3)]\npair = (1, 2)\npairs = ((1, 2), 3)\nbare = 1, (2,)\nempty = [()]\ns = {1}\nb = b'x'\nc = 1 - \
                  2j\ne = ...\nk = {(1, 2): 3, 'x': 4}\nd = {'a': {'b': [(1,)]}}\nnone = set()\nclass A:\n    pair = (1, 2)\n    \
                  def __init__(self):\n        self.own = (1,)\n";
    let toml = "t = 07:32:00\nd = 2024-01-02\n[m]\nl = [1, 07:32:00.5]\n";
    let cases: &[(&str, &str, &[&str], &str)] = &[
        ("py", python, &["sizes"], "sizes.1 is a tuple, which dvc.lock cannot hold"),
        ("py", python, &["sizes.1"], ""),
        ("py", python, &["sizes.1.0", "sizes.0"], ""),
        ("py", python, &["pair", "d.a.b.0", "k.x"], ""),
        ("py", python, &["pairs"], "pairs.0 is a tuple"),
        ("py", python, &["pairs.0"], ""),
        ("py", python, &["pair*.0.1"], ""),
        ("py", python, &["bare"], "bare.1 is a tuple"),
        ("py", python, &["empty"], "empty.0 is a tuple"),
        ("py", python, &["s"], "so that DVC calls it changed each time: write a list"),
        ("py", python, &["none"], "none is a set"),
        (
            "py",
            python,
            &["b"],
            "b is bytes, which dvc.lock cannot hold, so that DVC calls it changed each time: write a text",
        ),
        ("py", python, &["c"], "c is a complex number"),
        ("py", python, &["e"], "e is `...`"),
        ("py", python, &["k"], "k is a key that is neither a text nor a number"),
        ("py", python, &["d.*"], "d.*.b.0 is a tuple"),
        ("py", python, &["A"], "A.pair is a tuple"),
        ("py", python, &["A.pair", "A.own"], ""),
        ("py", python, &[], "sizes.1 is a tuple"),
        ("py", "a = (1, 2)\nb: tuple = 1,\n", &[], ""),
        ("toml", toml, &["t"], "t is a time without a date, which dvc.lock cannot hold"),
        ("toml", toml, &["m"], "m.l.1 is a time"),
        ("toml", toml, &["d", "m.l.0"], ""),
        ("toml", toml, &[], "t is a time"),
        ("yaml", "1: a\nb: {2: 3}\n", &[], "1 is a key that is no text"),
        ("yaml", "1: a\nb: {2: 3}\n", &["1", "b"], ""),
        ("py", "s = ({7, 0.5}, {1})\n", &["s.0.1"], "s.0 is a set"),
        ("py", "s = ({7, 8}, {1})\n", &["s.1.0"], ""),
        ("yaml", "true: a\n", &["True"], ""),
        ("yaml", "2024-01-02: a\n", &["2024-01-02"], "2024-01-02 is a key that is no text"),
        ("yaml", "l: [.nan, {a: .nan}]\nn: 1\n", &["l", "n"], ""),
    ];
    let files: Vec<_> = (cases.iter().enumerate())
        .map(|(at, (suffix, text, keys, _))| {
            (
                format!("p{at}.{suffix}"),
                (*text).to_owned(),
                keys.iter().map(|key| (*key).to_owned()).collect(),
            )
        })
        .collect();
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    for (name, text, _) in &files {
        sandbox.write(name, text);
    }
    sandbox.write("dvc.yaml", stages(&files));
    pipe(&sandbox, &["repro", "-q"]).code(0);
    let [mut ours, mut theirs] = statuses(&mut dvc, &sandbox);
    assert!(ours.keys().eq(theirs.keys()), "{ours:?} {theirs:?}");
    // Of keys that are no texts it has other words.
    let changed = theirs.clone();
    ours.retain(|stage, _| !stage.ends_with("yaml"));
    theirs.retain(|stage, _| !stage.ends_with("yaml"));
    assert_eq!(ours, theirs);
    let said = pipe(&sandbox, &["status"]).stdout;
    for (at, (suffix, _, keys, reason)) in cases.iter().enumerate() {
        let stage = format!("p{at}_{suffix}");
        assert_eq!(changed.contains_key(&stage), !reason.is_empty(), "{stage} {keys:?}");
        if !reason.is_empty() {
            assert!(said.contains(reason), "{reason} in {said}");
        }
    }
    // It runs each time, and nothing else does.
    let said = pipe(&sandbox, &["repro", "--dry"]).stdout;
    assert!(said.contains("p0_py: would run") && said.contains("p1_py: up to date"), "{said}");
    let refused = pipe(&sandbox, &["commit"]).code(1).tells(&["write those params as told"]);
    assert!(!refused.stderr.contains("makes them anew"), "{}", refused.stderr);
    pipe(&sandbox, &["commit", "-f"]).code(0);
    assert_eq!(
        statuses(&mut dvc, &sandbox)[0].keys().collect::<Vec<_>>(),
        changed.keys().collect::<Vec<_>>()
    );
    // With what was told to write all is well.
    sandbox.write("p0.py", python.replace("(2, 3)", "[2, 3]"));
    pipe(&sandbox, &["repro", "p0_py"]).code(0);
    let [ours, theirs] = statuses(&mut dvc, &sandbox);
    assert!(ours.keys().eq(theirs.keys()) && !ours.contains_key("p0_py"), "{ours:?}");
}

/// A stage that is changed each time is restored each time, as by DVC, and so are those behind it.
#[test]
fn what_is_always_changed_is_restored_by_both() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("p.py", "sizes = [1, (2, 3)]\n");
    sandbox.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: echo ran >> ran && echo x > o\n    params: [{p.py: [sizes]}]\n    outs: [o]\n  \
         b:\n    cmd: echo ran >> ran && cp o q\n    deps: [o]\n    outs: [q]\n",
    );
    for round in 0..2 {
        pipe(&sandbox, &["repro"]).code(0);
        let [ours, theirs] = statuses(&mut dvc, &sandbox);
        assert_eq!(ours, theirs, "{round}");
        assert_eq!(ours.keys().collect::<Vec<_>>(), ["a"]);
        dvc.ok(&sandbox, &["repro"]);
        let [ours, theirs] = statuses(&mut dvc, &sandbox);
        assert_eq!(ours, theirs, "{round}");
    }
    assert_eq!(sandbox.read("ran"), "ran\nran\n");
    sandbox.write("p.py", "sizes = [1, (2, 4)]\n");
    dvc.ok(&sandbox, &["repro"]);
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(sandbox.read("ran"), "ran\nran\nran\n");
}

/// A template has of bytes what Python's `repr` spells, and of dicts what is under texts.
#[test]
fn bytes_are_filled_in_as_by_dvc() {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    sandbox.write("v.py", "b = b'x\\n\\x01' rb\"'\"\nd = {b'k': 1, (1,): 2, 'l': 3}\n");
    sandbox.write(
        "dvc.yaml",
        "vars: [v.py]\nstages:\n  s:\n    cmd: echo ${b} ${d}\n    params: [{v.py: [d.l]}]\n",
    );
    dvc.ok(&sandbox, &["repro"]);
    let lock = sandbox.read("dvc.lock");
    assert!(lock.contains(r#"cmd: echo b"x\n\x01'" --l 3"#), "{lock}");
    assert_eq!(statuses(&mut dvc, &sandbox), [BTreeMap::new(), BTreeMap::new()]);
    sandbox.remove("dvc.lock");
    pipe(&sandbox, &["repro"]).code(0);
    assert_eq!(statuses(&mut dvc, &sandbox), [BTreeMap::new(), BTreeMap::new()]);
}

/// Makes values of a language, and remembers where they stand.
struct Maker {
    random: Random,
    suffix: &'static str,
    /// Dotted keys of what was made.
    keys: Vec<String>,
}

#[rustfmt::skip]
const PYTHON: &[&str] = &[
    "1", "-0.0", "1e400", "True", "None", "'a'", "'2020-01-01'", "b'x'", "1j", "-1 + 2j", "...", "set()", "()", "f'x'", "f(1)", "(1)",
    "{(1, 2): 1}", "{None: (1,)}", "[*[1]]", "'a' 'b'", "1 + 2", "[]", "{}", "[1][0]", "0x1F", "12345678901234567890123",
];
#[rustfmt::skip]
const TOML: &[&str] = &[
    "1", "-0.0", "inf", "true", "'a'", "07:32:00", "00:00:00.5", "2024-02-29", "2024-01-02T03:04:05", "9999-12-31 23:59:59.9999999Z",
    "2024-01-02 03:04:05-05:30", "'07:32:00'", "[]", "{}", "0x1F", "nan",
];
#[rustfmt::skip]
const YAML: &[&str] = &[
    "1", "-0.0", ".inf", ".nan", "true", "~", "a", "2024-02-29", "2024-01-02 23:59:59.9999999", "2024-01-02T03:04:05Z", "'2024-01-02'",
    "!!timestamp 2024-01-02", "{1: a}", "{.nan: 1}", "{2024-01-02: x}", "[]", "{}", "10:00:00", "0x1F", "'1'",
];

impl Maker {
    fn value(&mut self, key: &str, depth: usize) -> String {
        if !key.is_empty() {
            self.keys.push(key.to_owned());
        }
        let scalars = match self.suffix {
            "py" => PYTHON,
            "toml" => TOML,
            _ => YAML,
        };
        let kind = self.random.below(if depth > 2 { 5 } else { 10 });
        let number = 1 + self.random.below(2);
        let is_assigned = if self.suffix == "toml" { " =" } else { ":" };
        let item = |at: usize| if key.is_empty() { String::new() } else { format!("{key}.{at}") };
        match kind {
            5 | 6 => {
                let items: Vec<String> = (0..number).map(|at| self.value(&item(at), depth + 1)).collect();
                format!("[{}]", items.join(", "))
            }
            7 if self.suffix == "py" => {
                let items: Vec<String> = (0..number).map(|at| self.value(&item(at), depth + 1)).collect();
                format!("({},)", items.join(", "))
            }
            8 if self.suffix == "py" => format!("{{{}}}", scalars[self.random.below(6)]),
            7..10 => {
                let names = ["x", "y"].into_iter().take(number);
                let entries: Vec<String> = names
                    .map(|name| {
                        let below = if key.is_empty() { String::new() } else { format!("{key}.{name}") };
                        let quote = if self.suffix == "py" { "'" } else { "" };
                        format!("{quote}{name}{quote}{is_assigned} {}", self.value(&below, depth + 1))
                    })
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            _ => scalars[self.random.below(scalars.len())].to_owned(),
        }
    }

    /// A file of params.
    fn file(&mut self) -> String {
        let mut text = String::new();
        for name in ["a", "b", "C"].into_iter().take(1 + self.random.below(3)) {
            match (self.suffix, name) {
                ("py", "C") => {
                    let value = self.value("C.k", 0);
                    write!(text, "class C:\n  def __init__(self):\n    self.k = {value}\n").unwrap();
                }
                ("toml", "C") => {
                    let value = self.value("C.k", 0);
                    write!(text, "[C]\nk = {value}\n").unwrap();
                }
                ("yaml", _) => writeln!(text, "{name}: {}", self.value(name, 0)).unwrap(),
                _ => writeln!(text, "{name} = {}", self.value(name, 0)).unwrap(),
            }
        }
        text
    }
}

/// What DVC calls changed in random files is changed here, and nothing else; how many stages that was.
fn files(dvc: &mut Dvc, seed: u64) -> usize {
    let sandbox = project(dvc);
    let mut maker = Maker { random: Random(seed), suffix: "", keys: Vec::new() };
    let mut files = Vec::new();
    for number in 0..40 {
        maker.suffix = ["py", "py", "toml", "yaml"][maker.random.below(4)];
        maker.keys.clear();
        let text = maker.file();
        let name = format!("f{number}.{}", maker.suffix);
        sandbox.write(&name, &text);
        let mut keys = Vec::new();
        // What is no literal is no param, and neither is what it is in.
        let is_computed = ["f(", "f'", "*[", "1 + 2", "[0]"].iter().any(|word| text.contains(word));
        if !is_computed && maker.random.below(3) > 0 {
            keys.push(maker.keys[maker.random.below(maker.keys.len())].clone());
        }
        files.push((name, text, keys));
    }
    sandbox.write("dvc.yaml", stages(&files));
    let place = |when: &str| format!("{when}: PIPE_TEST_SEED={seed}");
    // Some it cannot record.
    dvc.call(&sandbox, &["repro", "-q", "-k"]);
    let stale = |status: &BTreeMap<String, Json>| status.keys().cloned().collect::<Vec<_>>();
    let [ours, theirs] = statuses(dvc, &sandbox);
    assert_eq!(stale(&ours), stale(&theirs), "{}", place("what DVC recorded"));
    if sandbox.exists("dvc.lock") {
        sandbox.remove("dvc.lock");
    }
    pipe(&sandbox, &["repro", "-q"]).code(0);
    let [ours, theirs] = statuses(dvc, &sandbox);
    assert_eq!(stale(&ours), stale(&theirs), "{}", place("what we recorded"));
    theirs.len()
}

#[test]
fn odd_values_are_changed_alike() {
    let first = seed();
    let rounds = rounds("PIPE_TEST_DVC_ROUNDS").unwrap_or(4);
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let stale: usize = (first..first + rounds).map(|seed| files(&mut dvc, seed)).sum();
    println!("seeds from {first}: {} files of params, of which {stale} are changed each time", rounds * 40);
}
