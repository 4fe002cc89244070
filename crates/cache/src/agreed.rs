//! What data and its pointer last agreed on, here: the memory that tells an edit from a pointer that moved.
//!
//! Git moves pointers without the data: after a pull, a pointer may record a colleague's bytes while the data is still
//! ours. Data that is what is remembered here was edited by nobody, and the pointer is right; where the pointer is what
//! is remembered, the data is. Deleting the memory loses that, so that somebody has to be asked; never any data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::{Digest, ProjectPath};
use disk::{DiskError, Moment};
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// The file, as it lies on disk.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    data: BTreeMap<ProjectPath, Digest>,
    /// Of data that is recorded by another rule than that of now: its digest of every byte.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    bytes: BTreeMap<ProjectPath, Digest>,
}

/// What data and its pointer agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// What the pointer records.
    pub(crate) recorded: Digest,
    /// The digest of what lies there: another one where DVC 1 or 2 recorded text.
    pub(crate) bytes: Digest,
}

impl Agreement {
    pub(crate) fn on(digest: Digest) -> Self {
        Agreement { recorded: digest, bytes: digest }
    }
}

/// Digests by path of data.
#[derive(Debug)]
pub(crate) struct Agreed {
    path: PathBuf,
    known: BTreeMap<ProjectPath, Agreement>,
    /// What was learnt or forgotten since it was read.
    changes: BTreeMap<ProjectPath, Option<Agreement>>,
}

impl Agreed {
    /// What the file `agreed` in `folder` remembers; nothing, where it cannot be read as one.
    pub(crate) fn load(folder: &Path) -> Self {
        let path = folder.join("agreed");
        Agreed { known: read(&path), path, changes: BTreeMap::new() }
    }

    pub(crate) fn get(&self, path: &ProjectPath) -> Option<Agreement> {
        self.known.get(path).copied()
    }

    pub(crate) fn set(&mut self, path: &ProjectPath, agreement: Option<Agreement>) {
        if self.get(path) == agreement {
            return;
        }
        match agreement {
            Some(agreement) => self.known.insert(path.clone(), agreement),
            None => self.known.remove(path),
        };
        self.changes.insert(path.clone(), agreement);
    }

    /// Forgets what is not to be kept.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&ProjectPath) -> bool) {
        let gone: Vec<ProjectPath> = self.known.keys().filter(|path| !keeps(path)).cloned().collect();
        for path in &gone {
            self.set(path, None);
        }
    }

    /// Writes down what was learnt, over what others have learnt meanwhile.
    pub(crate) fn save(&mut self) -> Result<(), DiskError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        let _moment = Moment::take(&folder.join("tmp").join("agreed.lock"))?;
        let mut known = read(&self.path);
        for (path, agreement) in &self.changes {
            match agreement {
                Some(agreement) => known.insert(path.clone(), *agreement),
                None => known.remove(path),
            };
        }
        let data = known.iter().map(|(path, agreement)| (path.clone(), agreement.recorded)).collect();
        let of_then = known.iter().filter(|(_, agreement)| agreement.recorded != agreement.bytes);
        let bytes = of_then.map(|(path, agreement)| (path.clone(), agreement.bytes)).collect();
        let record = Record { version: VERSION, data, bytes };
        let mut text = serde_json::to_string_pretty(&record).expect("plain data");
        text.push('\n');
        // Where a power loss takes it, nothing is said to be agreed.
        disk::replace_volatile(&self.path, text.as_bytes())?;
        self.changes.clear();
        Ok(())
    }
}

fn read(path: &Path) -> BTreeMap<ProjectPath, Agreement> {
    let text = disk::read_text_optional(path).ok().flatten().unwrap_or_default();
    let record = serde_json::from_str::<Record>(&text).ok().filter(|record| record.version == VERSION);
    let Some(Record { data, bytes, .. }) = record else { return BTreeMap::new() };
    let agreement = |(path, recorded)| {
        let bytes = bytes.get(&path).copied().unwrap_or(recorded);
        (path, Agreement { recorded, bytes })
    };
    data.into_iter().map(agreement).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_bytes;

    fn path(text: &str) -> ProjectPath {
        ProjectPath::from_record(text).unwrap()
    }

    #[test]
    fn what_several_learn_is_kept_and_a_damaged_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = [b"1", b"2"].map(|bytes| Agreement::on(hash_bytes(bytes)));
        let two = Agreement { bytes: one.bytes, ..two };
        let (mut ours, mut theirs) = (Agreed::load(folder.path()), Agreed::load(folder.path()));
        ours.set(&path("a"), Some(one));
        ours.set(&path("gone"), Some(one));
        ours.save().unwrap();
        theirs.set(&path("é\n"), Some(two));
        theirs.save().unwrap();
        ours.retain(|known| *known != path("gone"));
        ours.save().unwrap();
        let now = Agreed::load(folder.path());
        assert_eq!(
            [now.get(&path("a")), now.get(&path("é\n")), now.get(&path("gone"))],
            [Some(one), Some(two), None]
        );
        for text in ["", "{", "{\"version\":2,\"data\":{}}", "{\"version\":1,\"data\":{\"../x\":\"md5:1\"}}"]
        {
            disk::replace(&folder.path().join("agreed"), text.as_bytes()).unwrap();
            assert_eq!(Agreed::load(folder.path()).get(&path("a")), None, "{text}");
        }
    }

    #[test]
    fn a_memory_of_version_1() {
        let folder = tempfile::tempdir().unwrap();
        let golden = include_str!("../tests/golden/agreed-1.json");
        let mut ours = Agreed::load(folder.path());
        ours.set(
            &path("data/é.csv"),
            Some(Agreement::on(Digest::Blake3(std::array::from_fn(|at| at as u8)))),
        );
        ours.save().unwrap();
        assert_eq!(disk::read(&folder.path().join("agreed")).unwrap(), golden.as_bytes());
        assert_eq!(read(&folder.path().join("agreed")), ours.known);
    }
}
