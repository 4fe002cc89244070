//! Journals written by version 1 of the line must read for ever. The golden checksums come from another
//! implementation of CRC-32C.

use disk::Journal;
use serde_json::{Value, json};

const JOURNAL_1: &str = include_str!("golden/journal-1.txt");

#[derive(serde::Serialize)]
struct Record {
    version: u32,
    text: &'static str,
}

#[test]
fn a_journal_of_version_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let (golden, ours) = (folder.path().join("golden"), folder.path().join("ours"));
    disk::replace(&golden, JOURNAL_1.as_bytes()).expect("written");
    let records: Vec<Value> = disk::read_journal(&golden).expect("readable");
    assert_eq!(records, [json!({"version": 1, "text": "two words, \"é\""}), json!([1, 2.5, null])]);

    let mut journal = Journal::open(&ours).expect("opened");
    journal.append(&Record { version: 1, text: "two words, \"é\"" }).expect("appended");
    journal.append(&json!([1, 2.5, null])).expect("appended");
    assert_eq!(disk::read(&ours).expect("readable"), JOURNAL_1.as_bytes());
}
