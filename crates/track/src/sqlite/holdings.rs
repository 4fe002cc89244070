//! A list of what a store's artifacts hold, for those who may not read the store: in a cache that several users share, each
//! has to know what the runs of the others need, and a run store is for its user alone.
//!
//! The list may name too much, never too little. It is appended to before a set of changes is committed, under the store's
//! write lock, and made anew under that lock too. It counts only as long as a mark beside the store says the same as its
//! first line and the store is still the file that the mark names: whoever cannot append takes the mark away.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base::Digest;
use disk::{Appender, DiskError};

use super::fault::Fault;
use super::file::{beside, failed};
use crate::Changes;

/// Where a store tells what it holds.
#[derive(Clone, Debug)]
pub(super) struct Holdings {
    /// The file of the store.
    store: PathBuf,
    list: PathBuf,
}

impl Holdings {
    pub(super) fn new(store: &Path, list: PathBuf) -> Self {
        Holdings { store: store.to_owned(), list }
    }

    /// Whether the list counts. A line that was cut off by a full disk would take the next one with it.
    pub(super) fn is_good(&self) -> bool {
        disk::read(&self.list).is_ok_and(|list| list.ends_with(b"\n"))
            && told_holdings(&self.store, &self.list).is_some()
    }

    /// Makes the list anew. Called under the store's write lock.
    pub(super) fn write(&self, held: &BTreeSet<Digest>) -> Result<(), DiskError> {
        let mark = mark_of(&self.store);
        disk::remove(&mark)?;
        let Some(inode) = inode_of(&self.store) else { return Ok(()) };
        let moment = base::Timestamp::now().0;
        let first = format!("held by {inode}, {moment} {}\n", std::process::id());
        let mut text = first.clone();
        for digest in held {
            text.push_str(&format!("{digest}\n"));
        }
        disk::replace(&self.list, text.as_bytes())?;
        disk::replace(&mark, first.as_bytes())
    }

    /// Adds what changes name that are about to be committed.
    pub(super) fn add(&self, changes: &Changes) -> Result<(), Fault> {
        let artifacts = changes.changes.iter().flat_map(crate::Change::artifacts);
        let lines: String = artifacts.map(|artifact| format!("{}\n", artifact.digest)).collect();
        if lines.is_empty() || !self.list.exists() {
            return Ok(());
        }
        let added = Appender::open(&self.list).and_then(|mut list| list.bytes(lines.as_bytes()));
        if added.is_err() {
            disk::remove(&mark_of(&self.store)).map_err(|fault| failed(&self.store, fault.source))?;
        }
        Ok(())
    }
}

fn mark_of(store: &Path) -> PathBuf {
    beside(store, "-held")
}

fn inode_of(store: &Path) -> Option<u64> {
    std::fs::metadata(store).ok().map(|found| found.ino())
}

/// What the artifacts in a store hold, by the list that it keeps for those who may not read it; `None` when there is none
/// that can be relied on.
pub fn told_holdings(store: &Path, list: &Path) -> Option<Vec<Digest>> {
    let mark = disk::read_text_optional(&mark_of(store)).ok()??;
    let text = disk::read_text_optional(list).ok()??;
    let inode = inode_of(store)?;
    let rest = text.strip_prefix(&mark).filter(|_| mark.starts_with(&format!("held by {inode}, ")))?;
    rest.lines().map(|line| line.parse().ok()).collect()
}
