//! Successes that version 1 wrote into the journal must read until the lock files have them. The golden lines
//! were written by hand from docs/design/journal.md, their checksums by another implementation.

use base::{Digest, FileState, ProjectPath, Value};
use exec::Ledger;
use indexmap::IndexMap;
use pipeline::{Address, Command, StageLock};

const JOURNAL_1: &str = include_str!("golden/journal-1.txt");

fn path(text: &str) -> ProjectPath {
    ProjectPath::from_record(text).expect("a path")
}

fn state(byte: u8, size: u64, files: Option<u64>, executable: bool) -> FileState {
    FileState { digest: Digest::Blake3([byte; 32]), size, files, executable }
}

fn train() -> StageLock {
    let layers = Value::List(vec![Value::Int(1), Value::Float(2.0)]);
    let values = IndexMap::from([("lr".to_owned(), Value::Float(0.001)), ("layers".to_owned(), layers)]);
    StageLock {
        unix_text: std::collections::BTreeSet::new(),
        told: Vec::new(),
        command: Command::List(vec!["make".to_owned(), "pipe train".to_owned()]),
        shell: Some("bash -eu".to_owned()),
        wdir: path("work"),
        builtin: Some("train 1".to_owned()),
        deps: vec![(path("data/in.npz"), state(0x0a, 48_213, None, false))],
        params: IndexMap::from([(path("params.yaml").into(), values)]),
        outs: vec![
            (path("model"), state(0xb1, 213_004, Some(3), false)),
            (path("tool"), state(0x77, 12, None, true)),
        ],
        globs: [].into(),
        persist: [path("model")].into(),
        env: Vec::new(),
        special: Vec::new(),
        special_outs: Vec::new(),
    }
}

fn prepare() -> StageLock {
    StageLock {
        unix_text: std::collections::BTreeSet::new(),
        told: Vec::new(),
        command: Command::Script("echo a\necho b".to_owned()),
        shell: None,
        wdir: ProjectPath::root(),
        builtin: None,
        deps: Vec::new(),
        params: IndexMap::new(),
        outs: Vec::new(),
        globs: [].into(),
        persist: [].into(),
        env: Vec::new(),
        special: Vec::new(),
        special_outs: Vec::new(),
    }
}

#[test]
fn a_journal_of_version_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let (golden, ours) = (folder.path().join("golden"), folder.path().join("ours"));
    let files = [path("pipeline.yaml")];
    let address = |name: &str| Address { file: files[0].clone(), name: name.to_owned() };

    disk::replace(&golden, JOURNAL_1.as_bytes()).expect("written");
    let ledger = Ledger::read(folder.path(), &golden, &files, &[]).expect("readable");
    assert!(ledger.has_unwritten());
    assert_eq!(ledger.get(&address("train")), Some(&train()));
    assert_eq!(ledger.get(&address("prepare")), Some(&prepare()));

    let mut ledger = Ledger::read(folder.path(), &ours, &files, &[]).expect("readable");
    ledger.record(&address("train"), train()).expect("recorded");
    ledger.record(&address("prepare"), prepare()).expect("recorded");
    assert_eq!(disk::read(&ours).expect("readable"), JOURNAL_1.as_bytes());
}
