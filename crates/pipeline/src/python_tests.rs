//! What Python says of the same programs.

use super::*;
use proptest::prelude::*;

/// The values of a program in a project of DVC.
fn read(program: &str) -> Value {
    parse(program, true).expect("a program").value
}

const PROGRAM: &str = r#""""A module, with x = 1 in its text."""
from os import path  # y = 1
import sys

LR = 0.1
N: int = 1_000
neg = -3; pos = +1e-3
HEX, OTHER = 1, 2
flag = True; nothing = None
name = 'it\'s' "\tjoined" r'\n'
text = """two
lines # no comment"""
sizes = [
    1,  # one
    2,
]
pair = (1, 'b')
one = (5)
single = (5,)
bare = 1, 2
many = {'a': 1, "b": {'c': [True, None]}, 3: 4.5}
a_set = {1, 2}
empty = {}
long = 1 + \
    2
computed = LR * 2
called = dict(a=1)
formatted = f"x{LR}"
bits = b'x'
compared = 1 == 2
chain = also = 3
late = 1
late = 2
hexed = 0xff
obj.attr = 1
items[0] = 1

if True:
    hidden = 1

def function(a=1):
    inner = 1
    return inner

class Train(Base):
    """Doc."""
    epochs = 70
    layers: list = [1, 2]
    undecided: int
    total = epochs * 2

    def __init__(self, a=1):
        self.rate = 0.5
        local = 3
        self.deep.er = 1
        self.a = a

        def helper():
            self.wrong = 1

        if a:
            self.perhaps = 1

    def other(self):
        self.never = 1

    class Inner:
        no = 1

    if True:
        either = 1

    after = 'x'

last = "é"
"#;

/// Written down from Python's own `ast` over the program above, by the rules of the module's comment.
const EXPECTED: &str = r#"{
    "LR": 0.1, "N": 1000, "neg": -3, "pos": 0.001, "flag": true, "nothing": null,
    "name": "it's\tjoined\\n", "text": "two\nlines # no comment", "sizes": [1, 2], "pair": [1, "b"], "one": 5,
    "single": [5], "bare": [1, 2], "many": {"a": 1, "b": {"c": [true, null]}, "3": 4.5}, "a_set": [1, 2],
    "empty": {}, "late": 2, "hexed": 255,
    "Train": {"epochs": 70, "layers": [1, 2], "rate": 0.5, "Inner": {"no": 1}, "after": "x"}, "last": "é"
}"#;

#[test]
fn constants_classes_and_init() {
    let expected: Value = serde_json::from_str(EXPECTED).expect("JSON");
    let found = parse(PROGRAM, false).expect("a program").value.plain();
    let (Value::Map(found_map), Value::Map(expected_map)) = (&found, &expected) else { panic!("maps") };
    for (key, value) in expected_map {
        assert_eq!(found_map.get(key), Some(value), "{key}");
    }
    let keys: Vec<_> = found_map.keys().filter(|key| !expected_map.contains_key(*key)).collect();
    assert!(keys.is_empty(), "{keys:?}");
}

/// What Python's `ast.literal_eval` takes, and where it stands what DVC never finds equal to what a lock holds.
#[test]
fn literals_that_no_other_file_has() {
    let program = "b = b'x' rb\"\\n\"\nc = [-1.5 - 2j, 2J, (1) + (3j)]\ne = ...\ns = set( )\n\
                   d = {1: ({2},), (1, b''): 2, 'k': (3, [()])}\nclass A:\n    t = 1, (2)\n\
                   n = 1j + 1\no = True + 1j\np = 1 + -1j\nq = -(1 + 1j)\nr = 'a' b'b'\nu = set(1)\nv = {[1]: 2}\nw = --1j\n";
    let read = parse(program, true).expect("a program");
    let expected = r#"{"b":"b'x\\\\n'","c":["-1.5 - 2j","2J","(1) + (3j)"],"e":"...","s":[],"d":{"1":[[2]],"k":[3,[[]]]},"A":{"t":[1,2]}}"#;
    assert_eq!(read.value.clone().plain().to_string(), expected);
    let noted: Vec<String> =
        read.unrecordable.iter().map(|found| format!("{:?} {:?}", found.kind, found.at)).collect();
    let expected = [
        "Bytes [0]",
        "Complex [1, 0]",
        "Complex [1, 1]",
        "Complex [1, 2]",
        "Ellipsis [2]",
        "Set [3]",
        "Tuple [4, 0]",
        "Set [4, 0, 0]",
        "Key [4]",
        "Tuple [4, 1]",
        "Tuple [4, 1, 1, 0]",
        "Tuple [5, 0]",
    ];
    assert_eq!(noted, expected);
    // As Python's `repr` spells them.
    let bytes = "a = b'\\x00\\'\\n\\101\\u00e9\\777' b\"\\\\~\"\nb = b'\\'\\\"'\nc = b'é'\nd = b'\\xg0'\n";
    let expected = [("a", r#"b"\x00'\nA\\u00e9\xff\\~""#), ("b", r#"b'\'"'"#)];
    let expected = expected.map(|(name, text)| (name.to_owned(), Value::from(text)));
    assert_eq!(self::read(bytes), Value::Map(expected.into_iter().collect()));
    let native = parse(program, false).expect("a program").value;
    assert_eq!(native.to_string(), r#"{"A":{"t":[1,2]}}"#);
}

#[test]
fn line_ends_and_tabs_do_not_matter() {
    let program = "class A:\r\n\tx = 1\r\n\tdef __init__(self):\r\n\t\tself.y = [1,\r\n 2]\r\nz = 1\r\n";
    let expected: Value = serde_json::from_str(r#"{"A": {"x": 1, "y": [1, 2]}, "z": 1}"#).expect("JSON");
    assert_eq!(read(program), expected);
    assert_eq!(read(""), Value::Map(IndexMap::new()));
}

#[test]
fn a_dict_may_have_many_keys() {
    let items: String = (0..50_000).map(|key| format!("{key}: 0, ")).collect();
    let turned: String = (0..50_000).rev().map(|key| format!("{key}: 0, ")).collect();
    let program = format!("a = {{{items}True: 2, 0.0: 3}}\nb = {{{turned}1: 2, False: 3}}\n");
    let value = read(&program);
    let (a, b) = (value.get("a").expect("a dict"), value.get("b").expect("a dict"));
    let Value::Pairs(pairs) = a else { panic!("a dict") };
    assert_eq!(pairs.len(), 50_000);
    assert_eq!(&pairs[..2], [(Value::Int(0), Value::Int(3)), (Value::Int(1), Value::Int(2))]);
    assert_eq!(a, b);
    assert!(crate::format::dvc::python::is_equal(a, b));
}

#[test]
fn integers_have_any_width() {
    let program = "a = 170141183460469231731687303715884105728\nb = -a\nc = -170141183460469231731687303715884105728\n\
                   d = 0x1_00000000_00000000_00000000_00000000\ne = -(0b0_1)\n";
    let value = read(program);
    assert_eq!(value.get("a"), Some(&Value::Big("170141183460469231731687303715884105728".to_owned())));
    assert_eq!(value.get("b"), None);
    assert_eq!(value.get("c"), Some(&Value::Int(i128::MIN)));
    assert_eq!(value.get("d"), Some(&Value::Big("340282366920938463463374607431768211456".to_owned())));
    assert_eq!(value.get("e"), Some(&Value::Int(-1)));
}

/// As DVC 3.67 records it.
#[test]
fn classes_of_classes_and_bodies_of_one_line() {
    let program = "class Z:\n    class Y:\n        b = 6\n        def __init__(self): self.c = 7; d = 8\n    a = 1\nclass K:\n    \
                   pass\nclass L: pass\nclass M: x = 1; y = 2\ndef __init__():\n    self.top = 5\nsigned = -(-3)\n\
                   neg = -(3)\nclass Z: pass\n";
    let expected = r#"{"Z": {}, "K": {}, "L": {}, "M": {"x": 1, "y": 2}, "top": 5, "neg": -3}"#;
    assert_eq!(read(program), serde_json::from_str::<Value>(expected).expect("JSON"));
    let before = program.rsplit_once("class Z").expect("twice").0;
    let Value::Map(found) = read(before) else { panic!("a map") };
    let expected = r#"{"Y": {"b": 6, "c": 7}, "a": 1}"#;
    assert_eq!(found["Z"], serde_json::from_str::<Value>(expected).expect("JSON"));
}

#[test]
fn what_is_never_closed_is_told() {
    let at = |text: &str| parse(text, true).expect_err(text);
    assert_eq!(
        at("a = 1\nb = [1,\n2\n"),
        (Position { line: 2, column: 5 }, "`[` is never closed".to_owned())
    );
    assert_eq!(at("a = 'x\n"), (Position { line: 1, column: 5 }, "the string is never closed".to_owned()));
    assert_eq!(
        at("a = '''x\n\n"),
        (Position { line: 1, column: 5 }, "the string is never closed".to_owned())
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(at in 0_usize..1200, length in 0_usize..8, patch in "[-=:;\\[\\](){}\"'\\\\a-zé0_# \\n]{0,6}") {
        let mut text = PROGRAM.to_owned();
        let floor = |mut at: usize| {
            while !PROGRAM.is_char_boundary(at) { at -= 1; }
            at
        };
        let start = floor(at.min(text.len()));
        let end = floor((at + length).min(text.len())).max(start);
        text.replace_range(start..end, &patch);
        let _ = parse(&text, true);
    }

    #[test]
    fn nothing_at_all_panics(text in "[-=:;\\[\\](){}\"'\\\\a-zé0-9_.#+ \\n\\t]{0,60}") {
        let _ = parse(&text, true);
        let _ = literal(&text);
    }
}
