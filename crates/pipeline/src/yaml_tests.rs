//! How scalars read, where faults stand, and what is refused.

use super::*;
use proptest::prelude::*;

fn file() -> ProjectPath {
    ProjectPath::root().join("params.yaml")
}

fn fault_of(text: &str) -> String {
    let error = parse(&file(), text).expect_err(text);
    error.to_string()
}

/// The corpus that pins the reader: YAML 1.2's core schema. PyYAML (YAML 1.1) reads the marked ones otherwise.
#[test]
fn scalars() {
    let text = |text: &str| Value::from(text);
    let cases = [
        ("1", Value::from(1)),
        ("-3", Value::from(-3)),
        ("+1", Value::from(1)),
        ("0x1F", Value::from(31)),
        ("0o17", Value::from(15)), // PyYAML: a string
        ("010", text("010")),      // PyYAML: 8
        ("1_000", text("1_000")),  // PyYAML: 1000
        ("1:30", text("1:30")),    // PyYAML: 90
        ("18446744073709551615", Value::Int(u64::MAX.into())),
        ("-9223372036854775808", Value::Int(i64::MIN.into())),
        ("1.0", Value::from(1.0)),
        ("1e-3", Value::from(0.001)), // PyYAML: a string
        ("1E3", Value::from(1000.0)), // PyYAML: a string
        (".5", Value::from(0.5)),
        ("5.", Value::from(5.0)),
        ("1.10", Value::from(1.1)),
        (".inf", Value::from(f64::INFINITY)),
        ("-.inf", Value::from(f64::NEG_INFINITY)),
        (".nan", Value::from(f64::NAN)),
        ("true", Value::from(true)),
        ("False", Value::from(false)),
        ("yes", text("yes")), // PyYAML: true
        ("NO", text("NO")),   // PyYAML: false
        ("on", text("on")),   // PyYAML: true
        ("null", Value::Null),
        ("~", Value::Null),
        ("2024-01-01", text("2024-01-01")), // PyYAML: a date
        ("\"1\"", text("1")),
        ("'true'", text("true")),
        ("a b", text("a b")),
    ];
    for (written, expected) in cases {
        let value = parse(&file(), &format!("k: {written}")).expect(written);
        assert_eq!(value.get("k"), Some(&expected), "{written}");
        // The second way in, which merge keys take, must read the same.
        let merged = parse(&file(), &format!("k: {written}\nm: {{<<: {{z: 1}}}}")).expect(written);
        assert_eq!(merged.get("k"), Some(&expected), "{written} beside a merge key");
    }
}

#[test]
fn merge_keys_and_anchors() {
    let value = parse(&file(), "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\n").expect("YAML");
    assert_eq!(value.get("b.x"), Some(&Value::from(1)));
    assert_eq!(value.get("b.y"), Some(&Value::from(3)));
    assert_eq!(value.get("c.y"), Some(&Value::from(2)));
}

#[test]
fn what_is_merged_stands_first() {
    let anchors =
        "d: &d {a: 1}\nx: &x {p: 1, q: 2, r: 3}\ny: &y {q: 5, s: 6, p: 7}\nz: &z {z: 1, <<: *x, w: 4}\n";
    for (written, expected) in [
        ("{<<: *d, b: 2}", "a1 b2"),
        ("{b: 2, <<: *d, c: 3}", "a1 b2 c3"),
        ("{c: 1, <<: *x, r: 9, p: 8}", "p8 q2 r9 c1"),
        ("{c: 1, <<: [*x, *y], r: 9}", "q2 s6 p1 r9 c1"),
        ("{k: 1, <<: [*y, *d, *x], d: 3, s: 2}", "p7 q5 r3 a1 s2 k1 d3"),
        ("{k: 1, <<: *z, l: 2}", "p1 q2 r3 z1 w4 k1 l2"),
        ("{<<: [], k: 1}", "k1"),
    ] {
        let value = parse(&file(), &format!("{anchors}e: {written}")).expect(written);
        let map = value.get("e").and_then(Value::as_map).expect("a map");
        let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key}{value}")).collect();
        assert_eq!(entries.join(" "), expected, "{written}");
    }
    for (written, expected) in [
        ("e: {<<: 3}", "expected a map or a list of maps to merge at `<<`"),
        ("e: {<<: [{a: 1}, 3]}", "expected a map or a list of maps to merge at `<<`"),
        ("e: {<<: {a: 1}, <<: {b: 1}}", "duplicate key `<<`"),
    ] {
        assert!(fault_of(written).contains(expected), "{written}: {}", fault_of(written));
    }
}

#[test]
fn faults_have_places() {
    assert_eq!(fault_of("a: 1\na: 2\n"), "params.yaml:2:1: duplicate key `a`");
    assert_eq!(fault_of("x:\n  a: 1\n  a: 2\n"), "params.yaml:3:3: duplicate key `a`");
    assert!(fault_of("a: [1, 2\nb: 3\n").starts_with("params.yaml:2:"));
    assert!(fault_of("a: !thing 1\n").contains("tags"), "{}", fault_of("a: !thing 1\n"));
    assert!(fault_of("a: 1\n---\nb: 2\n").contains("more than one document"));
    assert!(fault_of("a: *nobody\n").contains("unknown anchor"));
    assert!(parse(&file(), "a:\n\t- 1\n").expect_err("a tab").hint.is_some_and(|hint| hint.contains("tabs")));
    let conflict = "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> branch\n";
    assert_eq!(fault_of(conflict), "params.yaml:2:1: the file holds an unresolved merge conflict");
}

#[test]
fn alias_bombs_and_depth_are_refused() {
    let mut bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
    for at in 1..12 {
        let before = format!("*a{}", at - 1);
        bomb.push_str(&format!("a{at}: &a{at} [{}]\n", [before.as_str(); 10].join(",")));
    }
    assert!(parse(&file(), &bomb).is_err());
    assert!(parse(&file(), &"[".repeat(100_000)).is_err());
}

#[test]
fn places_are_found() {
    let text =
        "# c\nstages:\n  a:\n    deps:\n      - x\n      - y: {cache: 1}\n  ? [k]\n  : 1\n  b: &b {cmd: z}\n";
    let at = |path: &[Segment<'_>]| {
        let place = locate(text, path).expect("YAML");
        (place.depth, place.key.to_string(), place.value.to_string())
    };
    use Segment::{Index, Key};
    assert_eq!(at(&[Key("stages"), Key("a")]), (2, "3:3".into(), "4:5".into()));
    assert_eq!(at(&[Key("stages"), Key("a"), Key("deps"), Index(0)]), (4, "5:9".into(), "5:9".into()));
    let deep = [Key("stages"), Key("a"), Key("deps"), Index(1), Key("y"), Key("cache")];
    assert_eq!(at(&deep), (6, "6:13".into(), "6:20".into()));
    assert_eq!(at(&[Key("stages"), Key("b"), Key("cmd")]), (3, "9:10".into(), "9:15".into()));
    assert_eq!(at(&[Key("stages"), Key("a"), Key("outs")]).0, 2, "the nearest that is there");
    assert_eq!(at(&[Key("stages"), Key("a"), Key("cmd")]).0, 2, "the neighbour's `cmd` is another");
    assert_eq!(at(&[Key("b")]).0, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(text in "[-:\\[\\]{}#&*!|>'\"%@`,? \\n\\ta-c0-9<]{0,60}") {
        let _ = parse(&file(), &text);
        let _ = locate(&text, &[Segment::Key("a"), Segment::Index(0)]);
    }
}

#[test]
fn what_is_nested_too_deep_is_refused_before_the_reader_sees_it() {
    let file = ProjectPath::from_record("x.yaml").unwrap();
    for open in ["[", "{a: ", "[\"]\", ", "[ # ]\n "] {
        let fault = parse(&file, &open.repeat(100_000)).unwrap_err().to_string();
        assert!(fault.contains("nested more than 128 deep"), "{open}: {fault}");
    }
    // Many brackets that are not nested.
    parse(&file, &"- [{a: 1}]\n".repeat(3000)).unwrap();
    parse(&file, &format!("a: |\n  {}\n", "[".repeat(10_000))).unwrap();
}
