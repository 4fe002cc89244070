//! Pointers: written and read back, changed in place, refused with the place of the fault.

use super::*;

fn path(text: &str) -> ProjectPath {
    ProjectPath::from_record(text).expect("a path")
}

const HEX: &str = "0000000000000000000000000000000000000000000000000000000000000001";

fn state(size: u64, files: Option<u64>) -> FileState {
    FileState { digest: format!("blake3:{HEX}").parse().expect("a digest"), size, files, executable: false }
}

#[test]
fn what_is_written_is_read() {
    for (name, state, desc) in [
        ("a.csv", state(1, None), None),
        ("a folder # with {all}", state(7, Some(2)), Some("yes: \"no\"\nmaybe")),
        ("1e3", FileState { executable: true, ..state(0, None) }, Some("")),
    ] {
        let file = path("sub/x.pipe");
        let read = parse_pointer(&file, &write_pointer(name, &state, desc)).expect("a pointer");
        assert_eq!((read.out.path.as_str(), read.state), (format!("sub/{name}").as_str(), state));
        assert_eq!(read.desc.as_deref(), desc);
        assert_eq!(read.lock(&file).outs, [(read.out.path.clone(), state)]);
    }
}

#[test]
fn an_update_keeps_what_stands_around_it() {
    let old = format!(
        "# ours\nversion: 1\nmeta: {{owner: me}}\nouts:\n- desc: raw   # as it came\n  path: 'a.csv'\n  \
         digest: blake3:{}   # do not touch\n  size: 3\n  executable: true\n",
        HEX.replace('1', "2")
    );
    let file = path("a.csv.pipe");
    let folder = update_pointer(&file, &old, &state(70, Some(4)), None, None).expect("changed");
    let expected = old
        .replace(&HEX.replace('1', "2"), HEX)
        .replace("size: 3\n  executable: true\n", "size: 70\n  files: 4\n");
    assert_eq!(folder, expected);
    let moved = update_pointer(&path("b.pipe"), &folder, &state(70, None), Some("b"), Some("new: one"))
        .expect("changed");
    let expected = expected
        .replace("'a.csv'", "b")
        .replace("  files: 4\n", "")
        .replace("version: 1\n", "version: 1\ndesc: \"new: one\"\n");
    assert_eq!(moved, expected);
}

#[test]
fn a_layout_that_takes_no_change_is_written_anew() {
    let old = format!("{{version: 1, outs: [{{path: a, digest: 'blake3:{HEX}', size: 3, push: false}}]}}");
    let file = path("a.pipe");
    let new = update_pointer(&file, &old, &state(70, Some(4)), None, Some("x")).expect("changed");
    let read = parse_pointer(&file, &new).expect("a pointer");
    assert_eq!((read.state, read.out.push, read.desc.as_deref()), (state(70, Some(4)), false, Some("x")));
}

#[test]
fn freezing_changes_a_line() {
    let (file, text) = (path("a.pipe"), write_pointer("a", &state(1, None), None));
    let frozen = freeze_pointer(&file, &text, true).expect("frozen");
    assert_eq!(frozen, text.replace("version: 1\n", "version: 1\nfrozen: true\n"));
    assert_eq!(freeze_pointer(&file, &frozen, true).as_ref(), Ok(&frozen));
    assert_eq!(freeze_pointer(&file, &frozen, false), Ok(text.clone()));
    let flow = format!("{{version: 1, outs: [{{path: a, digest: 'blake3:{HEX}', size: 3}}]}}");
    assert!(freeze_pointer(&file, &flow, true).is_err());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let out = |path: &str| format!("version: 1\nouts:\n- path: {path}\n  digest: blake3:{HEX}\n  size: 1\n");
    let cases = [
        (String::new(), "empty"),
        ("outs: []\n".to_owned(), "a.pipe:1:1: this is no pointer to data: it has no `version`"),
        ("version: 1\nouts: []\n".to_owned(), "a.pipe:2:7: the list is empty"),
        ("version: 2\nouts: []\n".to_owned(), "a.pipe:1:10: version 2 was written by a newer version"),
        (out("../a"), "a.pipe:3:9: `../a` leads out of the project"),
        (out("/etc/passwd"), "a.pipe:3:9: `/etc/passwd` is an absolute path"),
        (out(".GIT/hooks/x"), "a.pipe:3:9: `.GIT/hooks/x` lies in a folder that git"),
        (out("x/.Pipe"), "a.pipe:3:9"),
        (out("''"), "a.pipe:3:9: the path is empty"),
        (out("a").replace("size: 1", "size: -1"), "a.pipe:5:9: -1 is out of range"),
        (out("a").replace("size: 1", "sise: 1"), "a.pipe:5:3: unknown key `sise` in `outs[0]`"),
        (out("a").replace("blake3:0", "blake3:x"), "a.pipe:4:11"),
        (
            format!("{}- path: b\n  digest: blake3:{HEX}\n  size: 1\n", out("a")),
            "a.pipe:6:3: a pointer has one out",
        ),
        (
            out("a").replace("  digest", "<<<<<<< HEAD\n  digest"),
            "a.pipe:4:1: the file holds an unresolved merge",
        ),
    ];
    for (text, expected) in cases {
        let fault = parse_pointer(&path("a.pipe"), &text).expect_err(&text);
        assert!(fault.to_string().contains(expected), "{fault}\n{text}");
        assert!(fault.hint.is_some(), "{fault}");
    }
    let fault = parse_pointer(&path("a.pipe"), &out("a").replace("size: 1", "sise: 1")).expect_err("a slip");
    assert_eq!(fault.hint.as_deref(), Some("did you mean `size`?"));
}
