//! Data in projects of DVC: what `pipe` records of it is, to the byte, what DVC would have recorded.

use serde_json::{Value as Json, json};

use crate::dvc_tool::{Dvc, pipe, project};
use crate::harness::Sandbox;

fn started() -> (Dvc, Sandbox) {
    let mut dvc = Dvc::start(&Sandbox::without_git());
    let sandbox = project(&mut dvc);
    (dvc, sandbox)
}

#[track_caller]
fn assert_clean(dvc: &mut Dvc, sandbox: &Sandbox) {
    assert_eq!(dvc.ok(sandbox, &["status", "--json"]).trim(), "{}");
}

#[test]
fn names_of_all_characters_are_spelled_as_dvc_spells_them() {
    let (mut dvc, sandbox) = started();
    let codes = (1..0x100_u32).chain([0x2028, 0x202e, 0xd7ff, 0xe000, 0xfffd, 0x1_0000, 0x1_f600, 0x10_ffff]);
    for c in codes.filter_map(char::from_u32).filter(|c| !matches!(c, '/' | '.')) {
        sandbox.write(&format!("raw/{c}"), "x");
    }
    let said = pipe(&sandbox, &["add", "raw"]);
    assert_eq!(said.code_of(), Some(0), "{}", said.stderr);
    let ours = sandbox.read("raw.dvc");
    assert_clean(&mut dvc, &sandbox);
    sandbox.remove("raw.dvc");
    dvc.ok(&sandbox, &["add", "-q", "raw"]);
    assert_eq!(ours, sandbox.read("raw.dvc"));
}

#[test]
fn a_file_goes_into_the_list_of_its_folder() {
    let (mut dvc, sandbox) = started();
    sandbox.write("raw/a", "aaaa");
    sandbox.write("raw/sub/b", "bb");
    dvc.ok(&sandbox, &["add", "-q", "raw"]);
    sandbox.write("raw/sub/c", "ccc");
    sandbox.write("raw/a", "a");
    sandbox.ok(["add", "raw/sub/c", "raw/a"]);
    let ours = sandbox.read("raw.dvc");
    assert!(ours.contains("size: 6\n  nfiles: 3"), "{ours}");
    assert_clean(&mut dvc, &sandbox);
    dvc.ok(&sandbox, &["add", "-q", "raw"]);
    assert_eq!(ours, sandbox.read("raw.dvc"));
}

#[test]
fn sizes_come_from_the_cache_and_are_unknown_without_it() {
    let (mut dvc, sandbox) = started();
    sandbox.write("raw/a", "aaaa");
    sandbox.write("raw/sub/b", "bb");
    sandbox.write("raw/sub/c", "ccc");
    sandbox.write("d", "d");
    dvc.ok(&sandbox, &["add", "-q", "raw", "d"]);
    for gone in ["raw", "d"] {
        sandbox.remove(gone);
    }
    assert_eq!(sandbox.ok(["du"]).stdout, "1 B\td\n9 B\traw/\n10 B\ttotal\n");
    assert_eq!(sandbox.ok(["du", "raw"]).stdout, "4 B\ta\n5 B\tsub/\n9 B\ttotal\n");
    let sizes = |arguments: &[&str]| -> Vec<Json> {
        sandbox.json(arguments).as_array().unwrap().iter().map(|entry| entry["size"].clone()).collect()
    };
    assert_eq!(sizes(&["list", "-R", "raw", "--json"]), [json!(4), json!(2), json!(3)]);
    let files = sandbox.files(".dvc/cache/files/md5");
    sandbox.remove(files.iter().find(|file| sandbox.read(file) == "bb").unwrap());
    assert_eq!(sizes(&["list", "-R", "raw", "--json"]), [json!(4), Json::Null, json!(3)]);
    assert_eq!(sandbox.ok(["du", "raw"]).stdout, "4 B\ta\nat least 3 B\tsub/\nat least 7 B\ttotal\n");
    assert_eq!(sandbox.ok(["du"]).stdout, "1 B\td\n9 B\traw/\n10 B\ttotal\n", "the `.dvc` file tells");
}

#[test]
fn the_digest_of_an_import_follows_its_text() {
    let (mut dvc, sandbox) = started();
    sandbox.write("../outside", "1");
    let source = sandbox.path("../outside").display().to_string();
    dvc.ok(&sandbox, &["import-url", "-q", &source, "data"]);
    let before = sandbox.read("data.dvc");
    assert!(before.starts_with("md5: "), "{before}");
    sandbox.write("data", "edited");
    sandbox.ok(["commit", "-f", "data"]);
    let ours = sandbox.read("data.dvc");
    assert_ne!(ours, before);
    sandbox.write("data.dvc", &before);
    dvc.ok(&sandbox, &["commit", "-q", "-f", "data.dvc"]);
    assert_eq!(ours, sandbox.read("data.dvc"));
    assert_clean(&mut dvc, &sandbox);
}
