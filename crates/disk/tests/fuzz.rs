//! Journals, changed at random: read or refused, never a panic, and what is whole at the start is not lost.

#[path = "../../pipeline/tests/mutate/mod.rs"]
mod mutate;

use disk::{Journal, read_journal};
use mutate::fuzz;
use serde_json::{Value, json};

const JOURNAL_1: &str = include_str!("golden/journal-1.txt");

const WORDS: &[&str] = &[
    "\n",
    "\n\n",
    " ",
    "{",
    "}",
    "00000000 ",
    "ffffffff null",
    "\"",
    "\u{0}",
    "é",
    "\r\n",
    "1e999",
    "[[[[[[[[",
];

/// A record with its right checksum, whatever its text is.
fn line(text: &str) -> String {
    format!("{:08x} {text}\n", crc32c::crc32c(text.as_bytes()))
}

#[test]
fn journals_are_read_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal");
    fuzz("journals", &[JOURNAL_1], WORDS, |bytes| {
        disk::replace_volatile(&path, bytes).expect("written");
        let Ok(before) = read_journal::<Value>(&path) else { return };
        Journal::open(&path).expect("opened").append(&json!("next")).expect("appended");
        match read_journal::<Value>(&path) {
            Ok(after) => {
                assert_eq!(after.len(), before.len() + 1);
                assert_eq!((&after[..before.len()], &after[before.len()]), (&before[..], &json!("next")));
            }
            // A bad last line was taken for one that a crash had cut; with a good one behind it, it is damage.
            Err(fault) => assert!(fault.to_string().contains("damaged journal record"), "{fault}"),
        }
    });
}

#[test]
fn records_with_a_right_checksum_are_read_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal");
    let corpus = ["{\"version\":1,\"text\":\"two words\"}", "[1,2.5,null]", "{\"a\":{\"b\":[[]]}}"];
    fuzz("records", &corpus, WORDS, |bytes| {
        let text = String::from_utf8_lossy(bytes).replace('\n', " ");
        disk::replace_volatile(&path, (line("1") + &line(&text) + &line("2")).as_bytes()).expect("written");
        if serde_json::from_str::<Value>(&text).is_ok() {
            assert_eq!(read_journal::<Value>(&path).expect("readable").len(), 3);
        } else {
            assert!(read_journal::<Value>(&path).is_err());
        }
    });
}
