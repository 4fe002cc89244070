//! The stage cache: for each stage key, the results it ever had. DVC calls it run cache; here a run is
//! something else.
//!
//! An entry is one JSON file, `stages/ab/KEY/RESULT.json`, where RESULT is the digest of the outs'
//! digests: a stage that gives other bytes for the same inputs has several. The format is fixed in
//! docs/design/stage-cache.md.

use std::path::{Path, PathBuf};

use base::{Digest, FileState, ProjectPath, Value};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::hash::hash_bytes;
use crate::maker::Maker;
use crate::trust::Trust;
use crate::{Blobs, CacheError};

/// Version of the entry's format.
const VERSION: u32 = 1;

/// One out of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageOut {
    /// Where it belongs.
    pub path: ProjectPath,
    /// What it held.
    #[serde(flatten)]
    pub state: FileState,
}

/// One result of a stage key, and where it came from: lineage works where that run is unknown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageEntry {
    /// Version of this format.
    pub version: u32,
    /// The stage key.
    pub key: Digest,
    /// The stage's name when it ran.
    pub stage: String,
    /// What it made, ascending by path.
    pub outs: Vec<StageOut>,
    /// Who made it, when and where.
    #[serde(flatten)]
    pub maker: Maker,
    /// Parameters, by file and key.
    pub params: IndexMap<ProjectPath, IndexMap<String, Value>>,
    /// Values of its metrics files, by file and dotted key.
    pub metrics: IndexMap<ProjectPath, IndexMap<String, Value>>,
}

impl StageEntry {
    /// An entry of the current version with nothing known but key, name, outs and maker.
    pub fn new(key: Digest, stage: String, mut outs: Vec<StageOut>, maker: Maker) -> Self {
        outs.sort_by(|a, b| a.path.cmp(&b.path));
        StageEntry {
            version: VERSION,
            key,
            stage,
            outs,
            maker,
            params: IndexMap::new(),
            metrics: IndexMap::new(),
        }
    }

    /// Names the result: equal outs have equal names.
    pub(crate) fn result(&self) -> Digest {
        result_digest(self.outs.iter().map(|out| (&out.path, &out.state)))
    }

    /// Reads an entry's file.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        StageEntry::decode(&disk::read(path).map_err(|fault| format!("{fault}: {}", fault.source))?)
    }

    /// Reads an entry.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let entry: StageEntry = serde_json::from_slice(bytes).map_err(|fault| fault.to_string())?;
        if entry.version > VERSION {
            return Err(format!("it has version {}, newer than this pipe knows ({VERSION})", entry.version));
        }
        Ok(entry)
    }
}

/// Names a result by its outs, ascending by path.
pub(crate) fn result_digest<'a>(outs: impl Iterator<Item = (&'a ProjectPath, &'a FileState)>) -> Digest {
    let outs: String = outs.map(|(path, state)| format!("{} {}\n", state.digest, path.spelled())).collect();
    hash_bytes(outs.as_bytes())
}

/// The stage cache of a cache folder.
#[derive(Clone, Debug)]
pub struct StageCache {
    root: PathBuf,
    trust: Trust,
}

impl StageCache {
    /// The stage cache of the cache folder `root`, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        StageCache { root: root.join("stages"), trust: Trust::default() }
    }

    /// The same, restoring only what `trust` admits.
    #[must_use]
    pub fn with_trust(self, trust: Trust) -> Self {
        StageCache { trust, ..self }
    }

    /// Whose results are restored.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The folder with all entries.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn folder(&self, key: &Digest) -> PathBuf {
        let hex = key.hex();
        self.root.join(&hex[..2]).join(hex)
    }

    pub(crate) fn path(&self, entry: &StageEntry) -> PathBuf {
        self.folder(&entry.key).join(format!("{}.json", entry.result().hex()))
    }

    /// Remembers that a result was used, for a collection of garbage that asks for ages. Where nothing can be
    /// written, its age stays what it is.
    pub fn mark_used(&self, entry: &StageEntry) {
        let _ = disk::touch(&self.path(entry));
    }

    /// Remembers a result. The same outs again replace what was told of their making.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn store(&self, entry: &StageEntry) -> Result<(), CacheError> {
        let path = self.path(entry);
        let mut json = serde_json::to_vec_pretty(entry).expect("an entry is plain data");
        json.push(b'\n');
        // A power cut may take the entry; then the stage runs once more.
        Ok(disk::replace_volatile(&path, &json)?)
    }

    /// Whether this very result of its key is remembered already, whatever is told of its making.
    pub fn knows(&self, entry: &StageEntry) -> bool {
        self.results(&entry.key).iter().any(|known| known.outs == entry.outs)
    }

    /// All results of a key, newest first. Files that do not parse, or are of a newer version, are
    /// passed over: a result that cannot be read is only not restored.
    pub fn results(&self, key: &Digest) -> Vec<StageEntry> {
        let Ok(files) = std::fs::read_dir(self.folder(key)) else { return Vec::new() };
        let mut entries: Vec<StageEntry> = files
            .filter_map(|file| disk::read(&file.ok()?.path()).ok())
            .filter_map(|bytes| serde_json::from_slice::<StageEntry>(&bytes).ok())
            .filter(|entry| entry.version == VERSION && entry.key == *key)
            .collect();
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.maker.created, entry.result())));
        entries
    }

    /// The newest trusted result of a key that makes exactly the outs `paths` (ascending) and whose bytes are
    /// all in `blobs`.
    pub fn restorable(&self, key: &Digest, paths: &[&ProjectPath], blobs: &Blobs) -> Option<StageEntry> {
        self.results(key).into_iter().find(|entry| {
            self.trust.admits(Some(&entry.maker))
                && entry.outs.iter().map(|out| &out.path).eq(paths.iter().copied())
                && entry.outs.iter().all(|out| blobs.can_restore(&out.state))
        })
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    fn entry(blobs: &Blobs, bytes: &[u8], created: i64) -> StageEntry {
        let digest = blobs.store_bytes(bytes).unwrap();
        let out = StageOut {
            path: ProjectPath::from_record("out").unwrap(),
            state: FileState { digest, size: bytes.len() as u64, files: None, executable: false },
        };
        let maker = Maker { created: Timestamp(created), ..Maker::here() };
        StageEntry::new(hash_bytes(b"key"), "train".to_owned(), vec![out], maker)
    }

    #[test]
    fn an_older_result_is_restored_when_the_newest_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (blobs, stages) = (Blobs::new(folder.path()), StageCache::new(folder.path()));
        let (old, new) = (entry(&blobs, b"old", 1), entry(&blobs, b"new", 2));
        stages.store(&old).unwrap();
        stages.store(&new).unwrap();
        let out = ProjectPath::from_record("out").unwrap();
        assert_eq!(stages.restorable(&new.key, &[&out], &blobs), Some(new.clone()));
        disk::remove(&blobs.path(&new.outs[0].state.digest)).unwrap();
        assert_eq!(stages.restorable(&new.key, &[&out], &blobs), Some(old));
        assert_eq!(stages.restorable(&new.key, &[], &blobs), None, "an undeclared out is never restored");
    }

    #[test]
    fn a_damaged_entry_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (blobs, stages) = (Blobs::new(folder.path()), StageCache::new(folder.path()));
        let whole = entry(&blobs, b"old", 1);
        stages.store(&whole).unwrap();
        let path = stages.folder(&whole.key).join("junk.json");
        disk::replace(&path, b"{\"version\": 1, \"outs\": [{\"path\": \"../../etc\"}]}").unwrap();
        assert_eq!(stages.results(&whole.key), vec![whole]);
    }

    #[test]
    fn the_format_is_pinned() {
        let folder = tempfile::tempdir().unwrap();
        let mut entry = entry(&Blobs::new(folder.path()), b"bytes", 1_763_721_727_045);
        entry.maker.platform = "linux-x86_64".to_owned();
        entry.maker.host = "laptop".to_owned();
        entry.maker.run = Some("019aa5c0c5c57a0a9b5d1d1d1d1d1d1d".to_owned());
        entry.maker.duration = 1500;
        let params = ProjectPath::from_record("params.yaml").unwrap();
        entry.params.insert(params, IndexMap::from([("lr".to_owned(), Value::from(0.001))]));
        let json = serde_json::to_string_pretty(&entry).unwrap() + "\n";
        assert_eq!(json, include_str!("../tests/golden/stage-entry-1.json"));
        assert_eq!(serde_json::from_str::<StageEntry>(&json).unwrap(), entry);
        // An entry that tells who made it is of the same version: older code passes the key over.
        entry.maker.user = "alice".to_owned();
        let json = serde_json::to_string_pretty(&entry).unwrap() + "\n";
        assert_eq!(json, include_str!("../tests/golden/stage-entry-1-user.json"));
        assert_eq!(serde_json::from_str::<StageEntry>(&json).unwrap(), entry);
    }
}
