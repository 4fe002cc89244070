//! The file is removed or replaced while it is open: nothing is acknowledged that is not in the file at the path, and no
//! file is read with the log of another.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use track::{ErrorKind, RunStore, SqliteStore, StoreError};

use crate::{id, make_run};

/// A file with one run, closed.
fn made(folder: &Path, name: &str, run: u128) -> PathBuf {
    let path = folder.join(name);
    make_run(&SqliteStore::open(&path).expect("opens"), run);
    path
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// What another process finds that opens the file now.
#[track_caller]
fn check(path: &Path, there: &[u128], missing: &[u128]) {
    let store = SqliteStore::open(path).expect("opens");
    for run in there {
        assert_eq!(store.run(id(*run)).expect("is there").info.id, id(*run));
    }
    for run in missing {
        assert!(matches!(store.run(id(*run)), Err(StoreError::UnknownRun(_))), "{run} is not there");
    }
    let told: String = Connection::open(path)
        .and_then(|file| file.query_row("PRAGMA integrity_check", [], |row| row.get(0)))
        .expect("asked");
    assert_eq!(told, "ok");
}

fn is_gone(answer: &Result<impl Sized, StoreError>) -> bool {
    matches!(answer, Err(fault @ StoreError::Gone { .. }) if fault.kind() == ErrorKind::Failed)
}

#[test]
fn a_file_that_was_removed_takes_nothing_until_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(folder.path(), "runs.db", 1);
    let store = SqliteStore::open(&path).expect("opens");
    make_run(&store, 2);
    let aside = folder.path().join("aside.db");
    std::fs::rename(&path, &aside).expect("moved");
    let new = track::NewRun::new(id(3), base::Timestamp(3));
    let change = || crate::at(0, vec![track::Change::CreateRun(new.clone())]);
    assert!(is_gone(&store.apply(change())));
    assert!(is_gone(&store.run(id(1))));
    assert!(!path.exists(), "it makes no new one: this one may come back");
    std::fs::rename(&aside, &path).expect("moved back");
    store.apply(change()).expect("there again");
    drop(store);
    check(&path, &[1, 2, 3], &[]);
}

#[test]
fn a_file_that_was_replaced_is_opened_and_has_no_log_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(folder.path(), "runs.db", 1);
    let store = SqliteStore::open(&path).expect("opens");
    // In the log alone.
    make_run(&store, 2);
    let other = made(folder.path(), "other.db", 5);
    std::fs::rename(&other, &path).expect("replaced");
    // Who opens it now must not see it with that log either.
    check(&path, &[5], &[1, 2]);
    make_run(&store, 6);
    assert!(matches!(store.run(id(2)), Err(StoreError::UnknownRun(_))));
    make_run(&store, 7);
    check(&path, &[5, 6, 7], &[1, 2]);
    drop(store);
    check(&path, &[5, 6, 7], &[1, 2]);
    assert!(beside(&path, "-wal.replaced").exists(), "what nobody may need is kept");
}

#[test]
fn whoever_has_it_open_opens_what_is_there_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(folder.path(), "runs.db", 1);
    let store = SqliteStore::open(&path).expect("opens");
    make_run(&store, 2);
    let other = made(folder.path(), "other.db", 5);
    std::fs::rename(&other, &path).expect("replaced");
    assert!(matches!(store.run(id(2)), Err(StoreError::UnknownRun(_))), "a question looks as well");
    assert!(store.run(id(5)).is_ok());
    make_run(&store, 6);
    check(&path, &[5, 6], &[1, 2]);
}

#[test]
fn a_log_that_is_left_of_a_removed_file_is_nobodys() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(folder.path(), "runs.db", 1);
    let store = SqliteStore::open(&path).expect("opens");
    make_run(&store, 2);
    std::fs::remove_file(&path).expect("removed");
    assert!(beside(&path, "-wal").exists() && beside(&path, "-shm").exists());
    // Another process makes a new file, and both write there.
    let new = SqliteStore::open(&path).expect("opens");
    make_run(&new, 11);
    make_run(&store, 12);
    make_run(&new, 13);
    check(&path, &[11, 12, 13], &[1, 2]);
    drop(store);
    make_run(&new, 14);
    check(&path, &[11, 12, 13, 14], &[1, 2]);
}

#[test]
fn a_log_that_a_killed_process_left_is_that_of_its_file_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = made(folder.path(), "runs.db", 1);
    let store = SqliteStore::open(&path).expect("opens");
    make_run(&store, 2);
    // As a kill leaves them; both are other files then, that came together.
    let left = folder.path().join("left");
    std::fs::create_dir(&left).expect("made");
    for suffix in ["", "-wal", "-owner"] {
        let name = format!("runs.db{suffix}");
        std::fs::copy(folder.path().join(&name), left.join(&name)).expect("copied");
    }
    check(&left.join("runs.db"), &[1, 2], &[]);
}
