//! Every text that people or machines hand to this crate, changed at random: an answer or a fault, never a panic.

mod mutate;

use base::{ProjectPath, Value};
use mutate::fuzz;
use pipeline::template::{Context, Field};
use pipeline::yaml::{self, Segment};
use pipeline::{
    Dialect, Loaded, Provided, edit, load, params, parse_lock, parse_pointer, update_pointer, write_lock,
};

const PIPELINE: &str = include_str!("golden/pipeline.yaml");
const POINTER: &str = include_str!("golden/pointer.yaml");
const LOCK: &str = include_str!("golden/pipeline.lock");
const PARAMS: &str = include_str!("golden/params.yaml");

/// All that a pipeline file can hold.
const WHOLE: &str = "\
vars: [{n: [1, {a: b}], m: {c: {d: 1.5}}}, 'v.yaml:x,y']
stages:
  a:
    foreach: ${n}
    do:
      wdir: d
      vars: [v.yaml, {k: 1}]
      cmd: run ${item} ${x:-1} ${k} ${m}
      deps: ['${files:-f}', [g]]
  b:
    matrix: {m: [x, y], n: '${n}'}
    cmd: ['run ${key} ${item.m}', \"a \\\\${b}\"]
    env: [A, {B: {plain: true}}]
    timeout: 1h5m
    resources: {cpus: 1, memory: 4GB, tokens: {t: 1}}
    pool: [p]
    params: [files, {v.yaml: [x]}, {c.py: }]
    outs: ['${key}.out': {labels: [l], persist: true}]
    metrics: [m.json: {cache: false}]
    plots: [p.csv: {x: a, y: b, template: linear}]
params: [v.yaml]
metrics: [q.json]
plots: [{p: {y: {q.csv: [a]}}}, {i: {x: a}}]
artifacts: {m: {path: 'm', type: model, labels: [a], meta: {a: 1}}}
";

const YAML_WORDS: &[&str] = &[
    "- ",
    ": ",
    "? ",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "#",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "<<: ",
    "\t",
    "\r\n",
    "\n  ",
    "\n",
    "~",
    "null",
    "1e999",
    "0x1F",
    ".nan",
    "-.inf",
    "é",
    "\u{feff}",
    "\u{0}",
    "\\x41",
    "\\u12",
    ",",
    "@",
    "`",
    "[[[[",
    "{a: {a: ",
    "- - - ",
    "99999999999999999999999999",
    "1_000",
    "0o17",
    "2001-01-01",
];

const TEMPLATE_WORDS: &[&str] = &[
    "${",
    "}",
    "$",
    "\\",
    "\\${",
    "${a.b}",
    "${a[0]}",
    "${a.0.x}",
    "${a:-",
    ":-",
    "[",
    "]",
    ".",
    "-1",
    "${item}",
    "${key}",
    "'",
    "\"",
    " ",
    "é",
    "\u{1f600}",
    "[99999999999999999999]",
    "${l[1].k}",
    "${:-}",
    "${}",
    "${ }",
    "..",
    "${m}",
    "${n}",
];

const LOCK_WORDS: &[&str] = &[
    "  ",
    "\n",
    ": ",
    "- path: ",
    "digest: ",
    "blake3:",
    "00",
    "size: ",
    "-1",
    "18446744073709551616",
    "files: ",
    "exec: true",
    "persist: ",
    "params:\n",
    "env:\n",
    "plain: ",
    "../",
    "/",
    ".git/x",
    "{}",
    "[]",
    "'",
    "\"",
    "<<<<<<< HEAD\n",
    "=======\n",
    "schema: 2\n",
    "~",
    "1.0",
    "1e400",
    ".nan",
    "|\n",
    "&a",
    "*a",
    "\u{0}",
    "é",
];

const JSON_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\u",
    "\\ud800",
    "\\n",
    "NaN",
    "-Infinity",
    "1e999",
    "-0",
    "null",
    "true",
    "[[[[[[",
    "{\"a\":",
    "123456789012345678901234567890",
    "\u{feff}",
    "é",
    "//",
    " ",
    "\n",
    "\u{0}",
];

const TOML_WORDS: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "a = ",
    ".",
    "\"\"\"",
    "'''",
    "'",
    "\"",
    "{",
    "}",
    "=",
    "1979-05-27T07:32:00Z",
    "07:32:00",
    "nan",
    "-inf",
    "0xDEAD",
    "1_000",
    "\\u0041",
    "#",
    "\n",
    "\r\n",
    "é",
    "\u{feff}",
    "\u{0}",
];

const PYTHON_WORDS: &[&str] = &[
    "def __init__(self):\n",
    "class A:\n",
    "    ",
    "\t",
    "\n",
    "\\\n",
    "self.",
    "x: int = ",
    " = ",
    "'''",
    "\"\"\"",
    "'",
    "\"",
    "r'",
    "f'",
    "b'",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "#",
    "-",
    "+",
    "**",
    "1e999",
    "0x",
    "1_0",
    "1j",
    "None",
    "True",
    "lambda x: ",
    "if ",
    "\\x4",
    "\\N{",
    "\\u12",
    "\\777",
    "é",
    "\u{feff}",
    "\u{0}",
    ";",
    "@",
    "->",
    "((((((((",
    "[[[[[[[[",
    "{{{{{{{{",
    "not ",
];

const PROGRAM: &str = "\
# constants
lr = 0.1
NAME: str = 'a' \"b\"
big = 10 ** 3
both = first = (1, 2.5, -3, None, True)
class Train(Base):
    \"\"\"what it is for\"\"\"
    epochs = 70
    layers = [1, {'a': (1,)}, {\"b\"}]
    class Inner:
        x = 0x1F
    def __init__(self, a=[1], *b: int, **c) -> None:
        self.units = {'k': [1,
            2]}
        self.sum, self.y = 5, r'\\d'
        def nested():
            self.z = 1
    async def other(self): self.no = 1
if True:
    hidden = 1
text = '''a
b'''; after = \"\\x41\\n\\u00e9\"
";

fn path(text: &str) -> ProjectPath {
    ProjectPath::resolve(&ProjectPath::root(), text).expect("a path")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn load_text(pipeline: &str, others: &str) {
    let mut provided = Provided::default();
    provided.texts.insert(path("pipeline.yaml"), Some(pipeline.to_owned()));
    // Each round asks for files that were not there before; files name files no deeper than this.
    for _ in 0..8 {
        match load(&path("pipeline.yaml"), &provided) {
            Ok(Loaded::Need(needed)) => {
                assert!(!needed.is_empty(), "it asks for nothing");
                for glob in needed.files {
                    let found = ["a", "b/c d", "x\n"].map(|name| glob.base().join(name));
                    let found = found.into_iter().filter(|path| glob.matches(path)).collect();
                    provided.files.push((glob, found));
                }
                for file in needed.texts {
                    assert!(provided.texts.insert(file, Some(others.to_owned())).is_none(), "it asks twice");
                }
            }
            Ok(Loaded::Done(pipeline)) => {
                let _ = pipeline.targets(&["a", "b@x-1", "x-n1.out", "pipeline.yaml:a"], &path("."));
                return;
            }
            Err(fault) => {
                assert!(!fault.to_string().is_empty());
                return;
            }
        }
    }
    panic!("it never has enough");
}

#[test]
fn yaml_is_read_or_refused() {
    fuzz("YAML", &[WHOLE, PIPELINE, PARAMS, LOCK], YAML_WORDS, |bytes| {
        let text = text(bytes);
        let _ = yaml::parse(&path("pipeline.yaml"), &text);
        let keys = [Segment::Key("stages"), Segment::Key("a"), Segment::Key("deps"), Segment::Index(1)];
        let _ = yaml::locate(&text, &keys);
    });
}

#[test]
fn pipelines_are_loaded_or_refused() {
    let words = [YAML_WORDS, TEMPLATE_WORDS].concat();
    fuzz("pipeline files", &[WHOLE, PIPELINE], &words, |bytes| {
        load_text(&text(bytes), "x: y\ny: 2\nfiles: [a, b]\na: {lr: 1, big: 2}\n");
    });
}

#[test]
fn texts_are_edited_or_refused() {
    fuzz("edits", &[WHOLE, PIPELINE], YAML_WORDS, |bytes| {
        let (file, text) = (path("pipeline.yaml"), text(bytes));
        let _ = edit::remove(&file, &text, "a");
        if let Ok(frozen) = edit::freeze(&file, &text, "b") {
            edit::unfreeze(&file, &frozen, "b").expect("what was frozen can be thawed");
        }
    });
}

#[test]
fn pointers_are_changed_or_refused() {
    let words = [YAML_WORDS, LOCK_WORDS].concat();
    let flow = POINTER.replace("outs:\n- path", "outs: # these\n  -   path").replace("false", "'no'");
    let state = parse_pointer(&path("a.pipe"), POINTER).expect("a pointer").state;
    fuzz("pointers", &[POINTER, &flow], &words, |bytes| {
        let (file, text) = (path("sub/a.pipe"), text(bytes));
        let Ok(before) = parse_pointer(&file, &text) else { return };
        assert!(before.out.path.as_str().starts_with("sub/") && !before.out.path.is_reserved(), "{text}");
        let state = base::FileState { size: 7, files: Some(2), executable: false, ..state };
        let new = update_pointer(&file, &text, &state, Some("b c"), Some("x: y")).expect("it was read");
        let after = parse_pointer(&file, &new).unwrap_or_else(|fault| panic!("{fault}\n{text}\n{new}"));
        assert_eq!(
            (after.state, after.desc.as_deref(), after.out.path.as_str()),
            (state, Some("x: y"), "sub/b c")
        );
        assert_eq!(
            (after.frozen, &after.meta, after.out.push),
            (before.frozen, &before.meta, before.out.push)
        );
    });
}

#[test]
fn templates_are_filled_or_refused() {
    let Ok(Value::Map(values)) = yaml::parse(
        &path("params.yaml"),
        "a: [{x: 1, b: 2}, 2]\nl: [1, {k: v}]\nm: {p: true, q: [1, 'a b'], r: {s: false}}\nn: null\né: 1\n",
    ) else {
        panic!("values");
    };
    let mut context = Context::default();
    context.merge(&values, "params.yaml").expect("merged");
    let corpus = ["run ${a[0].x} --k ${l.1.k} ${m} \\${HOME} ${x:-d} ${n}", "${m}", "${l}", "é${é}${a.1}$"];
    fuzz("templates", &corpus, TEMPLATE_WORDS, |bytes| {
        let value = Value::Str(text(bytes));
        for field in [Field::Command, Field::Paths, Field::Data, Field::Other] {
            let _ = context.fill(&value, field);
        }
        let _ = context.get(&text(bytes));
    });
}

#[test]
fn params_in_json_are_read_or_refused() {
    let corpus =
        ["{\"a\": [1, -2.5e3, NaN, {\"b\": null, \"é\": \"\\u00e9\\n\"}], \"c\": true}", "{}", "[1, \"x\"]"];
    fuzz("JSON", &corpus, JSON_WORDS, |bytes| {
        drop(params::parse_any(&path("p.json"), &text(bytes), Dialect::Native));
    });
}

#[test]
fn params_in_toml_are_read_or_refused() {
    let corpus =
        ["a = 1\n[b]\nc = [1, 2.5, 'x', {d = true}]\n[[e]]\nf = 1979-05-27\n\"é\".g = \"\"\"a\nb\"\"\"\n"];
    fuzz("TOML", &corpus, TOML_WORDS, |bytes| {
        drop(params::parse_any(&path("p.toml"), &text(bytes), Dialect::Native));
    });
}

#[test]
fn params_in_python_are_read_or_refused() {
    fuzz("Python", &[PROGRAM], PYTHON_WORDS, |bytes| {
        drop(params::parse_any(&path("p.py"), &text(bytes), Dialect::Native));
    });
}

#[test]
fn params_in_yaml_are_read_or_refused() {
    fuzz("params YAML", &[PARAMS, "a: {b: [1, 2.5, 'x', null]}\nc: 0x1f\n"], YAML_WORDS, |bytes| {
        drop(params::parse(&path("params.yaml"), &text(bytes), Dialect::Native));
        drop(params::parse(&path("params.yaml"), &text(bytes), Dialect::Dvc));
    });
}

#[test]
fn locks_are_read_or_refused_and_keep_what_they_hold() {
    fuzz("locks", &[LOCK], LOCK_WORDS, |bytes| {
        let file = path("pipeline.lock");
        if let Ok(lock) = parse_lock(&file, &text(bytes)) {
            let written = write_lock(&lock);
            let again = parse_lock(&file, &written).expect("what is written can be read");
            assert_eq!(write_lock(&again), written, "and is the same");
        }
    });
}
