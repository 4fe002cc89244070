//! Two runs of a stage, and what of their records differs. Knows nothing of how that is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use base::{Digest, Value};
use cache::{Blobs, Tree, TreeEntry};
use serde_json::{Map, Value as Json, json};
use track::{LineageFile, Role, Run, RunStore, SqliteStore, StoreError};

use crate::recorder::tags;

/// A blob of this size or less is read to see whether it is a folder's manifest, whatever its size says.
const SMALL: u64 = 1 << 20;

/// Something that is not the same on both sides; nothing where a side has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub name: String,
    pub old: Option<String>,
    pub new: Option<String>,
}

/// A file or folder whose contents are not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileChange {
    pub path: String,
    pub old: Option<Digest>,
    pub new: Option<Digest>,
    /// Of a folder, the files in it that differ, as far as the cache has both manifests.
    pub inside: Vec<FileChange>,
}

/// Two runs and their differences.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    pub old: Run,
    pub new: Run,
    pub command: Option<Change>,
    pub params: Vec<Change>,
    pub deps: Vec<FileChange>,
    /// Values, or digests of values that are secret; an empty text when not set.
    pub env: Vec<Change>,
    pub git: Vec<Change>,
    pub host: Vec<Change>,
    pub outs: Vec<FileChange>,
    /// Whether anything that decides the result differs, recorded by name or not.
    pub key_differs: bool,
}

impl Sides {
    /// Compares what two runs recorded.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read(store: &SqliteStore, blobs: &Blobs, old: &Run, new: &Run) -> Result<Self, StoreError> {
        let tag = |key: &str, name: &str| {
            let value = |run: &Run| run.data.tags.get(key).cloned();
            change(name, value(old), value(new))
        };
        let files = |role| -> Result<Vec<FileChange>, StoreError> {
            let (old, new) = (store.lineage(old.info.id, role)?, store.lineage(new.info.id, role)?);
            Ok(file_changes(blobs, &old, &new))
        };
        let env = |run: &Run| -> BTreeMap<String, String> {
            let named = run.data.tags.iter();
            let named = named.filter_map(|(key, value)| Some((key.strip_prefix(tags::ENV)?, value)));
            named.map(|(name, value)| (name.to_owned(), value.clone())).collect()
        };
        Ok(Sides {
            command: tag(tags::COMMAND, ""),
            params: changes(&old.data.params, &new.data.params),
            deps: files(Role::Input)?,
            env: changes(&env(old), &env(new)),
            git: [tag(tags::GIT_COMMIT, "commit"), tag(tags::GIT_DIRTY, "dirty")]
                .into_iter()
                .flatten()
                .collect(),
            host: [tag(tags::HOST, "name"), tag(tags::VERSION, "pipe")].into_iter().flatten().collect(),
            outs: files(Role::Output)?,
            key_differs: tag(tags::KEY, "").is_some(),
            old: old.clone(),
            new: new.clone(),
        })
    }

    /// Whether no recorded input differs.
    pub fn inputs_are_equal(&self) -> bool {
        self.command.is_none() && self.params.is_empty() && self.deps.is_empty() && self.env.is_empty()
    }

    /// The variables for people: of a secret only that it is another one.
    pub fn shown_env(&self) -> Vec<Change> {
        let shown = |value: &Option<String>, is_new: bool| {
            value.as_ref().map(|value| {
                if value.is_empty() {
                    "not set".to_owned()
                } else if value.parse::<Digest>().is_ok() {
                    (if is_new { "another value" } else { "a value" }).to_owned()
                } else {
                    value.clone()
                }
            })
        };
        let one = |change: &Change| Change {
            name: change.name.clone(),
            old: shown(&change.old, false),
            new: shown(&change.new, change.old.as_ref().is_some_and(|old| !old.is_empty())),
        };
        self.env.iter().map(one).collect()
    }

    /// The params as the values that they were recorded from.
    pub fn params_json(&self) -> Json {
        let value =
            |text: &Option<String>| text.as_ref().map(|text| report::json_value(&Value::from_text(text)));
        let one = |change: &Change| {
            (change.name.clone(), json!({"old": value(&change.old), "new": value(&change.new)}))
        };
        Json::Object(self.params.iter().map(one).collect::<Map<_, _>>())
    }
}

fn change(name: &str, old: Option<String>, new: Option<String>) -> Option<Change> {
    (old != new).then(|| Change { name: name.to_owned(), old, new })
}

fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Change> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter().filter_map(|key| change(key, old.get(key).cloned(), new.get(key).cloned())).collect()
}

fn file_changes(blobs: &Blobs, old: &[LineageFile], new: &[LineageFile]) -> Vec<FileChange> {
    let by_path = |files: &[LineageFile]| -> BTreeMap<String, LineageFile> {
        files.iter().map(|file| (file.path.clone(), file.clone())).collect()
    };
    let (old, new) = (by_path(old), by_path(new));
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut found = Vec::new();
    for path in paths {
        let (old, new) = (old.get(path), new.get(path));
        let digest = |file: Option<&LineageFile>| file.map(|file| file.digest);
        if digest(old) == digest(new) {
            continue;
        }
        let mut inside = Vec::new();
        if let (Some(old), Some(new)) = (old, new)
            && let (Some(old), Some(new)) = (manifest(blobs, old), manifest(blobs, new))
        {
            tree_changes(blobs, path, Some(&old), Some(&new), &mut inside);
        }
        found.push(FileChange { path: path.clone(), old: digest(old), new: digest(new), inside });
    }
    found
}

/// The manifest of a folder; `None` when it is a file or not in the cache.
fn manifest(blobs: &Blobs, file: &LineageFile) -> Option<Tree> {
    let length = fs::metadata(blobs.path(&file.digest)).ok()?.len();
    // The blob of a file is as long as the file, and may be far too long to be read for this.
    if length == file.size && length > SMALL {
        return None;
    }
    blobs.tree(&file.digest).ok()
}

/// Adds the files that differ between two manifests. A folder whose manifest is missing counts as a whole.
fn tree_changes(
    blobs: &Blobs,
    folder: &str,
    old: Option<&Tree>,
    new: Option<&Tree>,
    found: &mut Vec<FileChange>,
) {
    let entries = |tree: Option<&Tree>| -> BTreeMap<String, TreeEntry> {
        tree.map(|tree| tree.entries().iter().cloned().collect()).unwrap_or_default()
    };
    let (old, new) = (entries(old), entries(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let path = format!("{folder}/{name}");
        let (old, new) = (old.get(name), new.get(name));
        if old == new {
            continue;
        }
        let [below_old, below_new] = [old, new].map(|entry| match entry {
            Some(TreeEntry::Folder { digest, .. }) => blobs.tree(digest).ok(),
            _ => None,
        });
        if below_old.is_some() || below_new.is_some() {
            tree_changes(blobs, &path, below_old.as_ref(), below_new.as_ref(), found);
        }
        let rest = |entry: Option<&TreeEntry>, below: &Option<Tree>| match (entry, below) {
            (Some(TreeEntry::File { digest, .. } | TreeEntry::Folder { digest, .. }), None) => Some(*digest),
            _ => None,
        };
        let (old, new) = (rest(old, &below_old), rest(new, &below_new));
        if old.is_some() || new.is_some() {
            found.push(FileChange { path, old, new, inside: Vec::new() });
        }
    }
}
