//! The memory of what was hashed: path and stamp to digest. Deleting it costs time, never truth.
//!
//! The file is one block: header, records, CRC-32C. It is read whole at start and rewritten whole when
//! something was added; an unreadable one counts as empty. Stamps that were [racy](disk::Stamp::is_racy)
//! when the bytes were read are never remembered.

use std::path::{Path, PathBuf};

use base::{Digest, ProjectPath};
use disk::{DiskError, Stamp};

use crate::records::Records;

/// Stamps and digests by path.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    records: Records,
    changed: bool,
    damaged: bool,
    /// What the file was when it was read.
    file: Option<Stamp>,
    anew: bool,
}

impl State {
    /// Reads the state file; a missing or damaged one is an empty state.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(path: &Path) -> Result<Self, DiskError> {
        let file = stamp_of(path);
        let bytes = disk::read_optional(path)?;
        let records = bytes.map(Records::decode);
        let damaged = matches!(records, Some(None));
        let records = records.flatten().unwrap_or_default();
        Ok(State { path: path.to_owned(), records, changed: damaged, damaged, anew: false, file })
    }

    /// An empty state in place of what the file remembers, which is not read: with it, everything is hashed again. The
    /// file is replaced when this is saved.
    pub fn anew(path: &Path) -> Self {
        State {
            path: path.to_owned(),
            records: Records::default(),
            changed: true,
            damaged: false,
            anew: true,
            file: None,
        }
    }

    /// The folder that its file lies in.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// Whether this was begun [anew](State::anew).
    pub fn is_anew(&self) -> bool {
        self.anew
    }

    /// Whether the file was there and unreadable as a state.
    pub fn was_damaged(&self) -> bool {
        self.damaged
    }

    /// The digest of `path` when it had exactly this stamp.
    pub fn get(&self, path: &ProjectPath, stamp: &Stamp) -> Option<Digest> {
        self.records.get(path).filter(|(known, _)| known == stamp).map(|(_, digest)| digest)
    }

    /// Remembers that `path` was hashed between two equal stamps, at `now` (nanoseconds since 1970).
    pub fn put(&mut self, path: &ProjectPath, stamp: Stamp, digest: Digest, now: i64) {
        if stamp.is_racy(now) {
            self.changed |= self.records.remove(path);
            return;
        }
        self.put_sealed(path, stamp, digest);
    }

    /// The digest that `path` was last known by, whatever its stamp was then.
    pub fn last(&self, path: &ProjectPath) -> Option<Digest> {
        self.records.get(path).map(|(_, digest)| digest)
    }

    /// Remembers a path whose stamp no write can leave equal, racy or not: a write moves the time of the last change
    /// away from the seal of `digest`.
    pub(crate) fn put_sealed(&mut self, path: &ProjectPath, stamp: Stamp, digest: Digest) {
        if self.records.get(path) != Some((stamp, digest)) {
            self.records.insert(path, &stamp, &digest);
            self.changed = true;
        }
    }

    /// Writes the state when something was added, or it was begun anew, together with what another process has added to
    /// the file since; begun anew, without.
    ///
    /// # Errors
    /// When the disk refuses; the old file stands then.
    pub fn save(&mut self) -> Result<(), DiskError> {
        if self.changed {
            if !self.anew
                && stamp_of(&self.path) != self.file
                && let Some(others) = disk::read_optional(&self.path)?.and_then(Records::decode)
            {
                // Of two records of one path at most one fits what is there now: neither does harm.
                self.records.take_lacking(&others);
            }
            // What a power loss takes is read and hashed again.
            disk::replace_volatile_with(&self.path, |file| self.records.encode(file))?;
            self.file = stamp_of(&self.path);
            self.changed = false;
        }
        Ok(())
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(mtime: i64) -> Stamp {
        Stamp { size: 3, mtime, ctime: mtime, inode: 9, mode: 0o100_644 }
    }

    #[test]
    fn remembers_exact_stamps_across_processes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let path = ProjectPath::from_record("data/é.csv").unwrap();
        let digest = Digest::Blake3([7; 32]);
        let mut state = State::load(&file).unwrap();
        state.put(&path, stamp(1_000), digest, 9_000_000_000);
        state.save().unwrap();
        let state = State::load(&file).unwrap();
        assert_eq!(state.get(&path, &stamp(1_000)), Some(digest));
        assert_eq!(state.get(&path, &stamp(1_001)), None);
        assert_eq!(state.get(&path, &Stamp { inode: 10, ..stamp(1_000) }), None);
        State::anew(&file).save().unwrap();
        assert_eq!(State::load(&file).unwrap().get(&path, &stamp(1_000)), None, "begun anew, it forgets");
    }

    #[test]
    fn two_processes_keep_what_the_other_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let path = |name: &str| ProjectPath::from_record(name).unwrap();
        let (mut one, mut two) = (State::load(&file).unwrap(), State::load(&file).unwrap());
        one.put(&path("one"), stamp(1_000), Digest::Blake3([1; 32]), 9_000_000_000);
        two.put(&path("two"), stamp(1_000), Digest::Blake3([2; 32]), 9_000_000_000);
        one.save().unwrap();
        two.save().unwrap();
        let state = State::load(&file).unwrap();
        assert!(state.get(&path("one"), &stamp(1_000)).is_some());
        assert!(state.get(&path("two"), &stamp(1_000)).is_some());
    }

    #[test]
    fn racy_stamps_are_forgotten() {
        let mut state = State {
            path: PathBuf::new(),
            records: Records::default(),
            changed: false,
            damaged: false,
            file: None,
            anew: false,
        };
        let path = ProjectPath::from_record("x").unwrap();
        state.put(&path, stamp(1_000), Digest::Blake3([7; 32]), 1_000 + 9_000_000_000);
        state.put(&path, stamp(2_000), Digest::Blake3([8; 32]), 2_000);
        assert_eq!(state.get(&path, &stamp(2_000)), None);
        assert_eq!(state.get(&path, &stamp(1_000)), None);
    }

    #[test]
    fn any_damage_means_empty() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state");
        let mut state = State::load(&file).unwrap();
        state.put(&ProjectPath::from_record("x").unwrap(), stamp(1), Digest::Blake3([7; 32]), i64::MAX);
        state.save().unwrap();
        let whole = disk::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            assert!(Records::decode(bytes).is_none(), "byte {at}");
            assert!(Records::decode(whole[..at].to_vec()).is_none(), "cut at {at}");
        }
        assert!(Records::decode(whole).is_some());
    }
}
