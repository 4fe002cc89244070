//! Journals whose lines are whole and whose records were changed at random: the ledger reads or refuses them.

#[path = "../../pipeline/tests/mutate/mod.rs"]
mod mutate;

use base::ProjectPath;
use disk::Journal;
use exec::Ledger;
use mutate::fuzz;
use pipeline::Address;

const JOURNAL_1: &str = include_str!("golden/journal-1.txt");

const WORDS: &[&str] = &[
    "null",
    "{}",
    "[]",
    "-1",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "../",
    "/",
    ".git/x",
    "\u{0}",
    "é",
    "blake3:",
    "0",
    "2",
    ",",
    ":",
    "\"files\":",
    "\"train\"",
    "sub/pipeline.yaml:",
    "@",
];

#[test]
fn records_are_taken_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal");
    let file = ProjectPath::from_record("pipeline.yaml").expect("a path");
    let records: Vec<&str> = JOURNAL_1.lines().map(|line| &line[9..]).collect();
    fuzz("records of the ledger", &records, WORDS, |bytes| {
        // What is no JSON never gets as far as the ledger.
        let Ok(record) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
        disk::replace_volatile(&path, b"").expect("written");
        Journal::open(&path).expect("opened").append(&record).expect("appended");
        let Ok(ledger) = Ledger::read(folder.path(), &path, std::slice::from_ref(&file), &[]) else { return };
        let _ = ledger.get(&Address { file: file.clone(), name: "train".to_owned() });
        for lock in ledger.all() {
            let _ = lock.key();
        }
    });
}
