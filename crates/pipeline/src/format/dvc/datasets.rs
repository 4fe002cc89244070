//! DVC's data sets: `datasets` in `dvc.yaml` says where one comes from, the list of that name in `dvc.lock` which state of
//! it is meant. A dep `ds://NAME` is an input by what the lock says; where the data lies nobody looks.
//!
//! What stands there is told as JSON, which is what locks record of such a dep ([`StageLock::told`](crate::StageLock::told)).

use base::{FileState, ProjectPath, Value};
use indexmap::IndexMap;

use crate::codec::lock_beside;
use crate::dialect::Dialect;
use crate::json;
use crate::special::told_digest;

/// What a type is called, and which keys its lock has; those of the declaration come first, `SPEC` of them.
const TYPES: [(&str, usize, &[&str]); 3] = [
    ("dvc", 5, &["name", "url", "type", "path", "rev", "rev_lock"]),
    ("url", 3, &["name", "url", "type", "meta", "files"]),
    ("dc", 3, &["name", "url", "type", "version", "created_at"]),
];

/// What DVC keeps of a file beside what it compares.
const NOT_COMPARED: [&str; 4] = ["remote", "is_link", "destination", "nlink"];

/// An item of `datasets`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// The pipeline file that declares it.
    pub file: ProjectPath,
    /// What deps call it.
    pub name: String,
    /// As declared.
    spec: IndexMap<String, Value>,
}

impl Dataset {
    /// The items of a list `datasets` that have a name; DVC asks for no more of those that nothing reads.
    pub(crate) fn all(file: &ProjectPath, list: Option<&Value>) -> Vec<Self> {
        let Some(Value::List(items)) = list else { return Vec::new() };
        let dataset = |item: &Value| {
            let spec = item.as_map()?;
            let name = spec.get("name")?.as_str()?.to_owned();
            Some(Dataset { file: file.clone(), name, spec: spec.clone() })
        };
        items.iter().filter_map(dataset).collect()
    }

    /// The lock that says which state is meant.
    pub fn lock_file(&self) -> ProjectPath {
        lock_beside(&self.file)
    }

    /// What `text`, that of the lock, says of it.
    ///
    /// # Errors
    /// Why it says nothing that counts.
    pub fn told(&self, text: Option<&str>) -> Result<String, String> {
        let Dataset { name, spec, .. } = self;
        let file = self.lock_file();
        if shape(spec).is_none() {
            let known = TYPES.map(|(kind, ..)| kind).join(", ");
            return Err(format!("`type` of dataset `{name}` in {} is none of {known}", self.file));
        }
        let lock = Dialect::Dvc
            .read_typed_yaml(&file, text.unwrap_or_default())
            .map_err(|fault| fault.to_string())?;
        let list = lock.as_map().and_then(|lock| lock.get("datasets"));
        let items = if let Some(Value::List(items)) = list { &items[..] } else { &[] };
        let mut items = items.iter().filter_map(Value::as_map);
        let found = items.find(|item| item.get("name").and_then(Value::as_str) == Some(name));
        let Some(locked) = found else {
            return Err(format!(
                "{file} says nothing of dataset `{name}` (`dvc dataset update {name}` looks it up)"
            ));
        };
        match shape(locked) {
            Some((specified, keys))
                if normal(locked, &keys[..specified]) == normal(spec, &keys[..specified]) =>
            {
                Ok(text_of(normal(locked, keys)))
            }
            _ => Err(format!(
                "what {file} says of dataset `{name}` is not of what {} declares (`dvc dataset update {name}` looks it up)",
                self.file
            )),
        }
    }
}

/// What an entry of a lock says of the data set that it read; `None` where it says nothing that counts.
pub(crate) fn recorded(entry: &Value) -> Option<String> {
    let map = entry.as_map()?;
    let (_, keys) = shape(map)?;
    Some(text_of(normal(map, keys)))
}

/// What is written of what was told.
pub(crate) fn value_of(told: &str) -> Value {
    json::parse(told).unwrap_or_default()
}

/// What stands for the content of a data set of which this is told.
pub fn dataset_state(told: &str) -> FileState {
    let mut value = value_of(told);
    if let Value::Map(map) = &mut value {
        let own = map.get_mut("meta").into_iter().filter_map(as_map_mut);
        own.for_each(|meta| meta.retain(|key, _| !NOT_COMPARED.contains(&key.as_str())));
        if let Some(Value::List(files)) = map.get_mut("files") {
            let files = files.iter_mut().filter_map(as_map_mut);
            let metas = files.filter_map(|file| as_map_mut(file.get_mut("meta")?));
            metas.for_each(|meta| meta.retain(|key, _| !NOT_COMPARED.contains(&key.as_str())));
        }
        map.sort_unstable_keys();
    }
    let text = serde_json::to_string(&value).unwrap_or_default();
    FileState { digest: told_digest(&format!("dataset {text}")), size: 0, files: None, executable: false }
}

fn as_map_mut(value: &mut Value) -> Option<&mut IndexMap<String, Value>> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

/// How many keys the declaration of a data set has, and all keys of its lock.
fn shape(map: &IndexMap<String, Value>) -> Option<(usize, &'static [&'static str])> {
    let kind = map.get("type")?.as_str()?;
    TYPES.iter().find(|(known, ..)| *known == kind).map(|(_, specified, keys)| (*specified, *keys))
}

/// The entries of these keys, in this order, without those that say nothing.
fn normal(map: &IndexMap<String, Value>, keys: &[&str]) -> IndexMap<String, Value> {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Str(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        _ => true,
    };
    let entry = |key: &&str| Some(((*key).to_owned(), map.get(*key).filter(|value| says(value))?.clone()));
    keys.iter().filter_map(entry).collect()
}

fn text_of(map: IndexMap<String, Value>) -> String {
    serde_json::to_string(&Value::Map(map)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
datasets:
- {name: one, url: ../src, type: dvc, path: data}
- {name: two, url: folder, type: url}
- {name: odd, url: folder, type: other}
";

    fn told(name: &str, lock: &str) -> Result<String, String> {
        let file = ProjectPath::root().join("dvc.yaml");
        let value = Dialect::Dvc.read_yaml(&file, FILE).expect("a text");
        let all = Dataset::all(&file, value.as_map().and_then(|map| map.get("datasets")));
        all.iter().find(|known| known.name == name).expect("declared").told(Some(lock))
    }

    #[test]
    fn a_lock_counts_that_is_of_what_is_declared() {
        let lock = "datasets:\n- {name: one, type: dvc, url: ../src, path: data, rev: null, rev_lock: abc, more: 1}\n";
        let text = told("one", lock).expect("it is");
        assert_eq!(text, r#"{"name":"one","url":"../src","type":"dvc","path":"data","rev_lock":"abc"}"#);
        let other = dataset_state(&text.replace("abc", "abd"));
        assert_ne!(dataset_state(&text).digest, other.digest);
        for (lock, tells) in [
            ("", "says nothing of dataset `one`"),
            ("datasets: []", "says nothing of dataset `one`"),
            (
                "datasets: [{name: one, url: ../src, type: dvc, rev_lock: abc}]",
                "not of what dvc.yaml declares",
            ),
            (
                "datasets: [{name: one, url: ../src, type: dvc, path: data, rev: x}]",
                "not of what dvc.yaml declares",
            ),
            ("datasets: [{name: one}]", "not of what dvc.yaml declares"),
            ("[", "dvc.lock"),
        ] {
            let fault = told("one", lock).expect_err(lock);
            assert!(fault.contains(tells), "{lock}: {fault}");
        }
        assert!(told("odd", lock).expect_err("unknown").contains("none of dvc, url, dc"));
    }

    #[test]
    fn what_dvc_does_not_compare_changes_nothing() {
        let lock = |more: &str| {
            format!(
                "datasets:\n- name: two\n  url: folder\n  type: url\n  meta: {{isdir: true, size: 4{more}}}\n  files:\n  - \
                 {{relpath: a, meta: {{size: 2{more}}}}}\n"
            )
        };
        let state = |more| dataset_state(&told("two", &lock(more)).expect("told")).digest;
        assert_eq!(state(""), state(", nlink: 2, remote: r"));
        assert_ne!(state(""), state(", etag: x"));
        assert!(
            told("two", &lock(", nlink: 2")).expect("told").contains("nlink"),
            "it is recorded all the same"
        );
    }
}
