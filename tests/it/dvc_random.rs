//! Random projects with random histories, in which `pipe` and DVC take turns: what they call stale is the same after every
//! step, and each accepts what the other has run.
//!
//! And random files of params with odd values, and templates that such values are filled in to, which both record alike.
//!
//! `PIPE_TEST_DVC_ROUNDS` sets the number of histories, `PIPE_TEST_SEED` repeats one; `now` makes others each time, whose seeds
//! are printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::dvc_tool::{Dvc, pipe, project, stale};
use crate::harness::Sandbox;
use crate::histories::{Random, rounds, seed};

const STEPS: usize = 6;

struct Stage {
    deps: Vec<String>,
    params: Vec<usize>,
    is_folder: bool,
    wdir: bool,
    options: usize,
    comment: usize,
    frozen: bool,
}

impl Stage {
    fn new(random: &mut Random, number: usize, stages: &[Stage]) -> Self {
        let mut deps = vec![format!("in{}", random.below(3))];
        for _ in 0..random.below(3) {
            if number > 0 {
                let before = random.below(number);
                let inside = stages[before].is_folder && random.below(2) == 0;
                deps.push(if inside { format!("o{before}/sub") } else { format!("o{before}") });
            }
        }
        deps.sort();
        deps.dedup();
        // A folder and what lies in it are not both named.
        let all = deps.clone();
        deps.retain(|dep| !all.iter().any(|other| dep.starts_with(&format!("{other}/"))));
        Stage {
            deps,
            params: (0..3).filter(|_| random.below(3) == 0).collect(),
            is_folder: random.below(3) == 0,
            wdir: random.below(4) == 0,
            options: random.below(4),
            comment: 0,
            frozen: false,
        }
    }

    fn text(&self, number: usize) -> String {
        let up = if self.wdir { "../" } else { "" };
        let out = format!("{up}o{number}");
        let deps: Vec<String> = self.deps.iter().map(|dep| format!("{up}{dep}")).collect();
        let read = format!("find {} -type f | sort | xargs cat", deps.join(" "));
        let params: Vec<String> = self.params.iter().map(|at| format!("p{at}")).collect();
        let values: String = params.iter().map(|param| format!(" ${{{param}}}")).collect();
        let write = match self.is_folder {
            true => format!(
                "mkdir -p {out}/sub && ({read}; echo{values}) | cut -c1-2 > {out}/sub/a && echo {number} > {out}/b"
            ),
            false => format!("({read}; echo{values}) | cut -c1-2 > {out}"),
        };
        let mut text =
            format!("  s{number}:\n    cmd: {write} # {}\n    deps: [{}]\n", self.comment, deps.join(", "));
        if self.wdir {
            text += "    wdir: w\n";
        }
        if !params.is_empty() {
            let file = if self.wdir { "../params.yaml" } else { "params.yaml" };
            writeln!(text, "    params: [{{{file}: [{}]}}]", params.join(", ")).unwrap();
        }
        if self.frozen {
            text += "    frozen: true\n";
        }
        text + &match self.options {
            0 => format!("    outs: [{{{out}: {{cache: false}}}}]\n"),
            1 if !self.is_folder => format!("    metrics: [{out}]\n"),
            2 => format!("    outs: [{{{out}: {{push: false, desc: a text}}}}]\n"),
            _ => format!("    outs: [{out}]\n"),
        }
    }
}

const VALUES: &[&str] = &[
    "1",
    "1.0",
    "true",
    "1.0e-05",
    "'1'",
    "a b",
    "0.1",
    "12345678901234567890",
    "1.5e+300",
    "1_000",
    "'1_000'",
    "010",
    "-08",
    "0x1_F",
    "0b1_1",
    "1_0.5",
    "1e400",
    ".5e3",
];

fn write(sandbox: &Sandbox, stages: &[Stage], params: &BTreeMap<usize, usize>) {
    let text: String = stages.iter().enumerate().map(|(number, stage)| stage.text(number)).collect();
    sandbox.write("dvc.yaml", format!("stages:\n{text}"));
    let params: String = params.iter().map(|(at, value)| format!("p{at}: {}\n", VALUES[*value])).collect();
    sandbox.write("params.yaml", params);
}

fn history(dvc: &mut Dvc, seed: u64) -> Result<(), String> {
    let mut random = Random(seed);
    let sandbox = project(dvc);
    sandbox.write("w/x", "");
    let mut stages = Vec::new();
    for number in 0..2 + random.below(4) {
        let stage = Stage::new(&mut random, number, &stages);
        stages.push(stage);
    }
    let mut params: BTreeMap<usize, usize> = (0..3).map(|at| (at, random.below(VALUES.len()))).collect();
    for at in 0..3 {
        sandbox.write(&format!("in{at}"), format!("{at}\n"));
    }
    dvc.ok(&sandbox, &["add", "-q", "in2"]);
    for step in 0..STEPS {
        write(&sandbox, &stages, &params);
        let (ours, theirs) = (stale(&sandbox), dvc.stale(&sandbox));
        let place = || format!("step {step} in\n{}{}", sandbox.read("dvc.yaml"), sandbox.read("params.yaml"));
        if ours != theirs {
            return Err(format!("ours {ours:?}, DVC {theirs:?}; {}", place()));
        }
        if random.below(2) == 0 {
            let said = pipe(&sandbox, &["repro", "-P"]);
            if said.stderr.contains("Failed") || said.stderr.contains("rror:") {
                return Err(format!("pipe: {}; {}", said.stderr, place()));
            }
        } else {
            let (code, out, err) = dvc.call(&sandbox, &["repro", "-P"]);
            if code != 0 {
                return Err(format!("dvc: {out}{err}; {}", place()));
            }
        }
        let (ours, theirs) = (stale(&sandbox), dvc.stale(&sandbox));
        if !ours.is_empty() || !theirs.is_empty() {
            return Err(format!("after repro: ours {ours:?}, DVC {theirs:?}; {}", place()));
        }
        for _ in 0..1 + random.below(2) {
            let number = random.below(stages.len());
            match random.below(6) {
                0 => drop(params.insert(random.below(3), random.below(VALUES.len()))),
                1 => {
                    let path = format!("in{}", random.below(3));
                    sandbox.remove(&path);
                    sandbox.write(&path, format!("{}\n", random.below(4)));
                }
                2 => stages[number].comment += 1,
                3 if sandbox.exists(&format!("o{number}")) => sandbox.remove(&format!("o{number}")),
                4 => stages[number].options = random.below(4),
                _ => {
                    let out =
                        if stages[number].is_folder { format!("o{number}/b") } else { format!("o{number}") };
                    if sandbox.exists(&out) {
                        sandbox.remove(&out);
                    }
                    sandbox.write(&out, "edited\n");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn they_take_turns() {
    let first = seed();
    let rounds = rounds("PIPE_TEST_DVC_ROUNDS").unwrap_or(4);
    let mut dvc = Dvc::start(&Sandbox::without_git());
    for seed in first..first + rounds {
        println!("seed {seed}");
        if let Err(fault) = history(&mut dvc, seed) {
            panic!("PIPE_TEST_SEED={seed}: {fault}");
        }
    }
}

/// Odd values as YAML has them; what stands in several lines is indented by four blanks at least.
#[rustfmt::skip]
const YAML: &[&str] = &[
    "1", "-0", "+1", "1_000", "010", "-08", "0x1F", "0X1F", "0x_1", "0b11", "0o17", "1:30", "1:2:3.5", ".inf", "-.Inf", "nan",
    "1e5", "1e-5", "1.", "-.5", ".5e3", "1e400", "0.1_2", "1__0", "_1", "1_", "-0.0", "1e16", "1e22", "0.30000000000000004",
    "123456789012345678901234567890", "true", "TRUE", "tRue", "yes", "No", "on", "y", "~", "Null", "None", "",
    "2020-01-01x", "2020-1-1", "2020-01-01 10:00", "'2020-13-01'", "2020-01", "10:00:00", "'2020-1-1 1:00:00'",
    "a  b", "a#b", "a # b", "a:b", "'it''s'", "\"x\\ty\"", "\"\\u00e9\\0\"", "' a '", "''", "é日😀", "'a\tb'", "[]", "{}",
    "{a: 1, b: [x, {c: ~}]}", "[a: 1, b]", "{a, b}", "{a:1}", "{\"a\":1}", "[a:1, http://x/y?z=1]", "{? a : 1}", "&x [1, 2]",
    "!!str 1", "!!int '1_0'", "!!float 1", "! x", "!!bool yes", "-x", "?x", ":x", "a,b", "a\\b", "x \"y\" 'z'", "-1-", "0.0.0",
    "\"\\ud800\"", "x\u{85}y", "{x:, y: 1}", "{'<<': 1}", "{1: a, 2.5: b}", "\u{a0}x", "\u{feff}x", "'- a'", "'#a'", "'@'",
    "|\n    x\n    y", "|-\n    x\n", "|+\n    x\n\n", ">\n    x\n    y\n\n    z", ">-\n    x\n      y", "|2\n      x", "\n    x\n    y",
    "'x\n\n    y'", "\"x\\\n    y\"", "\n    - 1\n    - a: 1\n      b: 2", "\n    ? a\n    : 1", "[1,\n    # c\n    2]",
    "\n    <<: {a: 1, b: 3}\n    a: 2", "\n    <<: [{a: 1}, {a: 2, c: 3}]\n    d: 1", "&z {a: {b: 1}}", "\n    a: 1\n    a: 2",
    "\"it's # a long text of many words it's # a long text of many words it's # a long text of many words\"",
    "a long text of many words a long text of many words a long text of many words a long text",
];

#[rustfmt::skip]
const JSON: &[&str] = &[
    "1", "-0", "-0.0", "1.0", "1e5", "1E400", "0.1", "123456789012345678901234567890", "Infinity", "true", "null", "\"\"",
    "\"\\u00e9\"", "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\"\\udc00x\"", "\"\\n\\t\\/\"", "[]", "{}", "{\"a\": 1, \"a\": 2}",
    "{\"x\": [{\"y\": null}]}", "{\"1\": 2}", "01", "+1", ".5", "[1,]", "1e16", "\"yes\"", "\"1\"", "\"2020-01-01\"", "\"1_0\"",
    "\"a: b\"", "\" a \"", "\"#a\"", "\"é\"", "\"-\"", "\".inf\"", "\"1e5\"", "\"'\"", "\"--- a\"", "\"x\\r\"", "\"0o7\"",
    "\"it's # a long text \\\"of\\\" many words it's # a long text\\tof many  words it's # a long text of many words\"",
];

#[rustfmt::skip]
const TOML: &[&str] = &[
    "1", "+1", "-0", "0x1F", "0o17", "0b11", "1_000", "-0.0", "1e5", "6.6e-34", "inf", "-inf", "true", "'a\\b'", "\"\\u00e9\\t\"",
    "\"\"\"\nx\ny\"\"\"", "\"\"\"a \\\n   b\"\"\"", "[]", "[1, \"a\", [2.0]]", "{a.b = 1, c = [1]}", "[\n 1, # c\n 2,\n]",
    "[{a = 1}, {b = 2}]", "123456789012345678901234567890", "\"yes\"", "01", ".5", "1e400", "\"2020-01-01\"",
];

/// But what DVC cannot record, which stands in `dvc_unrecordable`.
#[rustfmt::skip]
const PYTHON: &[&str] = &[
    "1", "- 1", "+1", "--1", "not True", "1_000", "0x1F", "0o17", "00", "1e5", ".5", "1e400", "-0.0", "None", "'a' \"b\"",
    "('a'\n 'b')", "f'x'", "r'\\n'", "u'x'", "'\\ud800'", "'\\ud83d\\ude00'", "'\\x41\\101\\0'", "'\\q'", "\"\"\"x\ny\"\"\"",
    "(1)", "[]", "{}", "{1: 2}", "{'a': {'b': [1]}}", "{'a': 1, **b}", "[1, y]", "f(1)", "-True", "[-1, +2]",
    "{'a': 1, 'a': 2}", "{1: 1, True: 2}", "'a' + 'b'", "'#' # c", "{\n 'a': 1,\n}", "'x\\\ny'", "1 == 1", "'é'", "1_0.5_0", "1e1_0",
];

/// A file of params: its name, and its text.
fn params_file(random: &mut Random, number: usize) -> (String, String) {
    let kind = random.below(7);
    let (suffix, values) =
        [("json", JSON), ("toml", TOML), ("py", PYTHON)].get(kind).copied().unwrap_or(("yaml", YAML));
    let mut text = String::new();
    for key in 0..1 + random.below(3) {
        let value = values[random.below(values.len())];
        match suffix {
            "json" => write!(text, "{}\"k{key}\": {value}", if key == 0 { "{" } else { ", " }),
            "toml" if random.below(3) == 0 => writeln!(text, "[t{key}.u]\nk = {value}"),
            "py" if random.below(3) == 0 => writeln!(text, "class C{key}:\n  (k) = {value}\n  j: int = 1"),
            "yaml" => writeln!(text, "k{key}: {value}"),
            _ => writeln!(text, "k{key} = {value}"),
        }
        .unwrap();
        if suffix != "json" && random.below(6) == 0 {
            text += "# c\n\n";
        }
    }
    if suffix == "json" {
        text += "}";
    }
    match (suffix, random.below(12)) {
        (_, 0) => text = text.replace('\n', "\r\n"),
        ("yaml", 1) => text.insert(0, '\u{feff}'),
        ("yaml", 2) => text.insert_str(0, "%YAML 1.1\n---\n"),
        ("yaml", 3) => text.insert_str(0, "--- # c\n"),
        _ => {}
    }
    (format!("f{number}.{suffix}"), text)
}

/// A lock line by line, since the tools may order the stages of one otherwise.
fn lines(lock: &str) -> BTreeSet<String> {
    let mut place = String::new();
    let line = |line: &str| {
        if line.starts_with("  ") && !line.starts_with("   ") {
            line.clone_into(&mut place);
        }
        format!("{place} {line}")
    };
    lock.lines().map(line).collect()
}

/// Files of params that DVC takes are recorded alike, and called changed alike; how many those were.
fn files(dvc: &mut Dvc, seed: u64) -> usize {
    let mut random = Random(seed);
    let sandbox = project(dvc);
    let files: Vec<(String, String)> = (0..40).map(|number| params_file(&mut random, number)).collect();
    let stage =
        |name: &str| format!("  {}:\n    cmd: echo\n    params: [{{{name}: }}]\n", &name.replace('.', "_"));
    let mut stages = String::from("stages:\n");
    for (name, text) in &files {
        sandbox.write(name, text);
        stages += &stage(name);
    }
    sandbox.write("dvc.yaml", &stages);
    dvc.call(&sandbox, &["repro", "-q", "-k"]);
    let theirs = sandbox.read("dvc.lock");
    let is_taken = |name: &str| theirs.contains(&format!("\n  {}:\n", name.replace('.', "_")));
    let taken: Vec<&(String, String)> = files.iter().filter(|(name, _)| is_taken(name)).collect();
    sandbox.write(
        "dvc.yaml",
        format!("stages:\n{}", taken.iter().map(|(name, _)| stage(name)).collect::<String>()),
    );
    let place = || format!("PIPE_TEST_SEED={seed}: {taken:#?}");
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "what DVC recorded, {}", place());
    sandbox.remove("dvc.lock");
    let said = pipe(&sandbox, &["repro", "-q"]);
    assert_eq!(said.code_of(), Some(0), "{}{}", said.stderr, place());
    let (ours, theirs) = (lines(&sandbox.read("dvc.lock")), lines(&theirs));
    let differences: Vec<&String> = ours.symmetric_difference(&theirs).collect();
    assert!(differences.is_empty(), "{differences:#?} in {}", place());
    assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "what we recorded, {}", place());
    taken.len()
}

#[test]
fn odd_params_are_recorded_alike() {
    let first = seed();
    let rounds = rounds("PIPE_TEST_DVC_ROUNDS").unwrap_or(4);
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let taken: usize = (first..first + rounds).map(|seed| files(&mut dvc, seed)).sum();
    println!("seeds from {first}: {} files of params, of which DVC took {taken}", rounds * 40);
}

#[rustfmt::skip]
const FILLED_IN: &[&str] = &[
    "1", "1.0", "1e-5", "1e16", "true", "null", "''", "'a b'", "\"it's\"", "'a\"b'", "'$x'", "é", "-1", ".inf", "0x10", "1_000",
    "123456789012345678901", "[1, 2]", "{}", "{x: 1}", "[a, 'b c', true, null, 1.5]", "{x: {y: 1, z: [1, 2]}, t: true, f: false}",
    "{x: {}}", "{x: []}", "{1: a, b: c}", "{x: [[1]]}", "{'a b': 1, c-d: 2}", "{x: ''}", "'${x}'", "'\\${x}'", "{x: 1e-7, y: 1.0}",
    "{x.y: 1}", "'~/x'", "'a\\b'", "{x: 'a\\b', y: \"it's\", z: é}", "'#a'", "'2020-01-01'", "{x: \"it's\", n: null}",
];

const STAGES: &[&str] = &[
    "  s:\n    cmd: echo ${a} ${b}\n    params: [b]\n",
    "  s:\n    cmd: echo ${a}\n    params: [a]\n",
    "  s:\n    cmd: |\n      echo ${ b } \\${c}\n      echo ${a}${b}\n    params: [a, b]\n",
    "  s:\n    cmd: [\"echo '${a}'\", 'echo ${b}']\n    params: ['?', 'b*']\n",
    "  s:\n    cmd: echo ${a.x} ${b[x]}\n    params: [a.x, '[b].**.x']\n",
    "  s:\n    foreach: ${a}\n    do:\n      cmd: echo ${item} ${b}\n      params: [b]\n",
    "  s:\n    matrix: {p: '${a}', q: ['${b}', 1]}\n    cmd: echo ${item.p} ${item.q}\n    params: [b]\n",
];

/// Commands that values are filled in to are those of DVC, wherever it takes them; how many it took.
fn templates(dvc: &mut Dvc, seed: u64) -> usize {
    let mut random = Random(seed);
    let sandbox = project(dvc);
    let mut taken = 0;
    for _ in 0..15 {
        let [a, b] = [(); 2].map(|()| FILLED_IN[random.below(FILLED_IN.len())]);
        let stages = STAGES[random.below(STAGES.len())];
        sandbox.write("params.yaml", format!("a: {a}\nb: {b}\n"));
        sandbox.write("dvc.yaml", format!("stages:\n{stages}"));
        let settings = "[parsing]\nbool = boolean_optional\nlist = append\n";
        sandbox.write(".dvc/config", if random.below(3) == 0 { settings } else { "" });
        let place = || format!("PIPE_TEST_SEED={seed}, a: {a}, b: {b} in\n{stages}");
        let (code, ..) = dvc.call(&sandbox, &["repro", "-q"]);
        // A group over nothing has no stages.
        if code == 0 && sandbox.exists("dvc.lock") {
            taken += 1;
            let theirs = sandbox.read("dvc.lock");
            assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "what DVC recorded, {}", place());
            sandbox.remove("dvc.lock");
            let said = pipe(&sandbox, &["repro", "-q"]);
            assert_eq!(said.code_of(), Some(0), "{}{}", said.stderr, place());
            assert_eq!(lines(&sandbox.read("dvc.lock")), lines(&theirs), "{}", place());
            assert_eq!(stale(&sandbox), dvc.stale(&sandbox), "what we recorded, {}", place());
        }
        if sandbox.exists("dvc.lock") {
            sandbox.remove("dvc.lock");
        }
    }
    taken
}

#[test]
fn templates_are_filled_in_alike() {
    let first = seed();
    let rounds = rounds("PIPE_TEST_DVC_ROUNDS").unwrap_or(4);
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let taken: usize = (first..first + rounds).map(|seed| templates(&mut dvc, seed)).sum();
    println!("seeds from {first}: {} templates, of which DVC took {taken}", rounds * 15);
}
