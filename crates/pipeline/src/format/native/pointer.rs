//! The text of a pointer, `data.csv.pipe`: which bytes `data.csv` beside it holds. The layout is fixed in
//! docs/design/pointer.md.
//!
//! People write into it too (a description, labels), so that it is changed in place: what stands around the digest and
//! the size stays as it is. It comes from git and thus from other people: its path is checked before anyone can use it.

use std::collections::{BTreeMap, BTreeSet};

use base::{Digest, FileState, ProjectPath, Value};
use indexmap::IndexMap;
use serde::Serialize;

use crate::conflict::conflict;
use crate::dialect::Dialect;
use crate::error::PipelineError;
use crate::format::native::top;
use crate::import;
use crate::lock::StageLock;
use crate::node::{Node, Source};
use crate::stage::{Command, Out, OutKind, ParamValues, Stage};
use crate::yaml::{self, Segment};

/// The version of the format that this code writes, and the newest it reads.
const VERSION: u64 = 1;

const OUT_KEYS: [&str; 12] = [
    "path",
    "digest",
    "size",
    "files",
    "executable",
    "cache",
    "push",
    "remote",
    "desc",
    "type",
    "labels",
    "meta",
];

/// What a pointer tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Pointer {
    /// The data, as an out.
    pub out: Out,
    /// What it holds.
    pub state: FileState,
    /// Whether changed data is left as it is rather than recorded by `repro`.
    pub frozen: bool,
    /// For people.
    pub desc: Option<String>,
    /// Whatever the user keeps there; never read.
    pub meta: Option<Value>,
    /// Where imported data came from, as written (`crate::import`).
    pub deps: Option<Value>,
}

impl Pointer {
    /// The data as a stage without a command, whose pointer is `file`.
    pub fn into_stage(self, file: &ProjectPath) -> Stage {
        Stage {
            frozen: self.frozen,
            desc: self.desc,
            meta: self.meta,
            ..Stage::of_data(file, file.parent().unwrap_or_default(), vec![self.out])
        }
    }

    /// What the pointer `file` records, in the words of a lock.
    pub fn lock(&self, file: &ProjectPath) -> StageLock {
        StageLock {
            unix_text: BTreeSet::new(),
            told: Vec::new(),
            command: Command::None,
            shell: None,
            wdir: file.parent().unwrap_or_default(),
            builtin: None,
            deps: Vec::new(),
            params: ParamValues::new(),
            outs: vec![(self.out.path.clone(), self.state)],
            globs: BTreeMap::new(),
            persist: BTreeSet::new(),
            env: Vec::new(),
            special: Vec::new(),
            special_outs: Vec::new(),
        }
    }
}

/// Reads the text of a pointer.
///
/// # Errors
/// When the text is no pointer, was written by a newer version, or names a path that is not beside or below it.
pub fn parse_pointer(file: &ProjectPath, text: &str) -> Result<Pointer, PipelineError> {
    if let Some(fault) = conflict(file, text) {
        return Err(fault);
    }
    read(file, text).map_err(|fault| {
        let again = "restore the pointer from version control, or remove it and `pipe add` the data again";
        let hint = fault.hint.clone().unwrap_or_else(|| again.to_owned());
        fault.hint(Some(hint))
    })
}

fn read(file: &ProjectPath, text: &str) -> Result<Pointer, PipelineError> {
    let value = yaml::parse_record(file, text)?;
    let root = Node::root(Source { file, text }, &value);
    if matches!(value, Value::Null) {
        return Err(PipelineError::new(file, "this is no pointer to data: it is empty"));
    }
    let Some(version) = root.map()?.get("version") else {
        return Err(root.fault("this is no pointer to data: it has no `version`"));
    };
    let node = root.child("version", version);
    match node.unsigned()? {
        VERSION => {}
        0 => return Err(node.fault("there is no version 0")),
        newer => {
            let message = format!(
                "version {newer} was written by a newer version of pipe; this one reads up to {VERSION}"
            );
            return Err(node.fault(message).hint(Some("install the newer version")));
        }
    }
    only_keys(&root, &["version", "outs", "desc", "meta", "frozen", "deps"])?;
    read_deps(&root)?;
    let Some(outs) = root.get("outs") else { return Err(root.fault("the pointer has no `outs`")) };
    let mut items = outs.items()?;
    let Some(item) = items.next() else { return Err(outs.fault("the list is empty; a pointer has one out")) };
    if let Some(second) = items.next() {
        let hint = Some("write a pointer for each: `pipe add` does");
        return Err(second.fault("a pointer has one out").hint(hint));
    }
    only_keys(&item, &OUT_KEYS)?;
    let (path, state) = (read_path(file, &item)?, read_state(&item)?);
    let text_of =
        |node: &Node<'_, '_>, key| node.get(key).map(|node| node.string().map(str::to_owned)).transpose();
    let switch = |node: &Node<'_, '_>, key, default| node.get(key).map_or(Ok(default), |node| node.boolean());
    let out = Out {
        path,
        glob: None,
        kind: OutKind::Data,
        cache: switch(&item, "cache", true)?,
        persist: false,
        remote: text_of(&item, "remote")?,
        push: switch(&item, "push", true)?,
        desc: text_of(&item, "desc")?,
        annotation: top::annotation(&item)?,
        plot: IndexMap::new(),
    };
    Ok(Pointer {
        out,
        state,
        frozen: switch(&root, "frozen", false)? || root.get("deps").is_some(),
        desc: text_of(&root, "desc")?,
        meta: root.get("meta").map(|node| node.value.clone()),
        deps: root.get("deps").map(|node| node.value.clone()),
    })
}

/// Checks where the data came from, if it tells.
fn read_deps(root: &Node<'_, '_>) -> Result<(), PipelineError> {
    let Some(deps) = root.get("deps") else { return Ok(()) };
    let mut items = deps.items()?;
    let Some(dep) = items.next() else { return Err(deps.fault("the list is empty; an import has one dep")) };
    if let Some(second) = items.next() {
        return Err(second.fault("an import has one dep"));
    }
    only_keys(&dep, &["path", "repo", "checksum", "digest", "size", "files", "executable"])?;
    if let Some(repo) = dep.get("repo") {
        only_keys(&repo, &["url", "rev", "rev_lock", "remote"])?;
    }
    import::read(&dep, Dialect::Native).map(drop)
}

fn only_keys(node: &Node<'_, '_>, known: &[&str]) -> Result<(), PipelineError> {
    match node.map()?.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(node.unknown_key(key, known)),
        None => Ok(()),
    }
}

/// The data's path in the project. It is beside the pointer or below: what else somebody wrote there is refused.
fn read_path(file: &ProjectPath, item: &Node<'_, '_>) -> Result<ProjectPath, PipelineError> {
    let node = item.get("path").ok_or_else(|| item.fault("the out has no `path`"))?;
    let below = ProjectPath::from_record(node.string()?).map_err(|fault| node.fault(fault.to_string()))?;
    if below.is_root() {
        return Err(node.fault("the path is empty"));
    }
    Ok(below.parts().fold(file.parent().unwrap_or_default(), |folder, part| folder.join(part)))
}

pub(crate) fn read_state(item: &Node<'_, '_>) -> Result<FileState, PipelineError> {
    let needed = |key| item.get(key).ok_or_else(|| item.fault(format!("the entry has no `{key}`")));
    let digest = needed("digest")?;
    Ok(FileState {
        digest: digest
            .string()?
            .parse()
            .map_err(|fault: base::ParseDigestError| digest.fault(fault.to_string()))?,
        size: needed("size")?.unsigned()?,
        files: item.get("files").map(|node| node.unsigned()).transpose()?,
        executable: item.get("executable").map_or(Ok(false), |node| node.boolean())?,
    })
}

#[derive(Serialize)]
struct PointerText<'a> {
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    desc: Option<&'a str>,
    outs: [OutText<'a>; 1],
}

#[derive(Serialize)]
struct OutText<'a> {
    path: &'a str,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    executable: bool,
}

/// Says what a content is: `digest`, `size`, and what more there is to say.
pub(crate) fn write_state(map: &mut IndexMap<String, Value>, state: &FileState) {
    let integer = |number: u64| Value::Int(number.into());
    map.insert("digest".to_owned(), Value::Str(state.digest.to_string()));
    map.insert("size".to_owned(), integer(state.size));
    if let Some(files) = state.files {
        map.insert("files".to_owned(), integer(files));
    }
    if state.executable {
        map.insert("executable".to_owned(), Value::Bool(true));
    }
}

/// The text of a new pointer in the folder `folder` to the data `path`, which is in it.
pub fn write_pointer(path: &str, state: &FileState, desc: Option<&str>) -> String {
    let FileState { digest, size, files, executable } = *state;
    let text =
        PointerText { version: VERSION, desc, outs: [OutText { path, digest, size, files, executable }] };
    serde_yaml::to_string(&text).expect("texts and numbers are YAML")
}

/// The text of the pointer `file` with another state, and perhaps another path or description. Everything else stays as
/// it is written; where the text is laid out so that it cannot be changed in place, comments go.
///
/// # Errors
/// When the text is no pointer.
pub fn update_pointer(
    file: &ProjectPath,
    text: &str,
    state: &FileState,
    name: Option<&str>,
    desc: Option<&str>,
) -> Result<String, PipelineError> {
    let before = parse_pointer(file, text)?;
    let mut after = before.clone();
    after.state = *state;
    if let Some(name) = name {
        after.out.path = file.parent().unwrap_or_default().join(name);
    }
    if let Some(desc) = desc {
        after.desc = Some(desc.to_owned());
    }
    let changed = change(text, state, name, desc);
    if let Some(changed) = changed.filter(|changed| read(file, changed).is_ok_and(|read| read == after)) {
        return Ok(changed);
    }
    Ok(rewritten(file, text, &after))
}

/// The text of the pointer `file` with `frozen` as said.
///
/// # Errors
/// When the text is no pointer, or takes the word only when written anew.
pub fn freeze_pointer(file: &ProjectPath, text: &str, frozen: bool) -> Result<String, PipelineError> {
    let before = parse_pointer(file, text)?;
    if before.frozen == frozen {
        return Ok(text.to_owned());
    }
    if before.deps.is_some() {
        return Err(PipelineError::new(file, "imported data is always frozen")
            .hint(Some("`pipe update` brings what its source has now")));
    }
    let value = frozen.then_some("true");
    let changed = set_scalar(text, &[Segment::Key("frozen")], value, Some("version"));
    let after = Pointer { frozen, ..before };
    changed.filter(|changed| read(file, changed).is_ok_and(|read| read == after)).ok_or_else(|| {
        let hint = "put `version` on a line of its own, or write `frozen` yourself";
        PipelineError::new(file, "the pointer cannot be changed in place").hint(Some(hint))
    })
}

fn change(text: &str, state: &FileState, name: Option<&str>, desc: Option<&str>) -> Option<String> {
    let mut text = text.to_owned();
    if let Some(desc) = desc {
        text = set_scalar(&text, &[Segment::Key("desc")], Some(&quoted(desc)), Some("version"))?;
    }
    let number = |number: u64| number.to_string();
    let values = [
        ("path", name.map(quoted), "path", name.is_some()),
        ("digest", Some(state.digest.to_string()), "path", true),
        ("size", Some(number(state.size)), "digest", true),
        ("files", state.files.map(number), "size", true),
        ("executable", state.executable.then(|| "true".to_owned()), "size", true),
    ];
    for (key, value, behind, _) in values.iter().filter(|(.., is_set)| *is_set) {
        let path = [Segment::Key("outs"), Segment::Index(0), Segment::Key(key)];
        text = set_scalar(&text, &path, value.as_deref(), Some(behind))?;
    }
    Some(text)
}

/// A text as YAML spells it on one line.
fn quoted(text: &str) -> String {
    serde_json::to_string(text)
        .ok()
        .filter(|json| json[1..json.len() - 1] != *text || !is_plain(text))
        .unwrap_or_else(|| text.to_owned())
}

/// Whether YAML reads a word as it stands as that very text.
fn is_plain(text: &str) -> bool {
    let ordinary = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(ordinary)
        && serde_yaml::from_str::<Value>(text).is_ok_and(|value| value.as_str() == Some(text))
}

/// The text with the scalar at `path` replaced, added behind its sibling `behind`, or taken out with its line. `None`
/// where that takes more than replacing a word or a line.
pub(crate) fn set_scalar(
    text: &str,
    path: &[Segment<'_>],
    value: Option<&str>,
    behind: Option<&str>,
) -> Option<String> {
    let (last, above) = path.split_last()?;
    let Segment::Key(key) = *last else { return None };
    let place = yaml::locate(text, path).filter(|place| place.depth == path.len());
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    match (place, value) {
        (Some(place), Some(value)) => {
            let line = lines.get_mut(place.value.line as usize - 1)?;
            let start = line.char_indices().nth(place.value.column as usize - 1)?.0;
            let length = scalar_length(&line[start..])?;
            line.replace_range(start..start + length, value);
        }
        (Some(place), None) => {
            let at = place.key.line as usize - 1;
            let is_alone = lines.get(at)?.trim_start().starts_with(key);
            (is_alone && place.key.line == place.value.line).then(|| lines.remove(at))?;
        }
        (None, None) => {}
        (None, Some(value)) => {
            let sibling: Vec<Segment<'_>> = above.iter().copied().chain([Segment::Key(behind?)]).collect();
            let place = yaml::locate(text, &sibling).filter(|place| place.depth == sibling.len())?;
            let at = place.key.line as usize;
            let mut before = lines.get(at - 1)?.chars().take(place.key.column as usize - 1);
            if place.key.line != place.value.line || !before.all(|c| c == ' ' || c == '-') {
                return None;
            }
            if let Some(line) = lines.get_mut(at - 1).filter(|line| !line.ends_with('\n')) {
                line.push('\n');
            }
            lines.insert(at, format!("{}{key}: {value}\n", " ".repeat(place.key.column as usize - 1)));
        }
    }
    Some(lines.concat())
}

/// How long the scalar is that a line goes on with; `None` when it may go on in the next one.
fn scalar_length(rest: &str) -> Option<usize> {
    let quote = rest.chars().next()?;
    if matches!(quote, '|' | '>' | '&' | '*' | '!') {
        return None;
    }
    if matches!(quote, '"' | '\'') {
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                '\\' if quote == '"' && !escaped => escaped = true,
                c if c == quote && !escaped => return Some(at + c.len_utf8()),
                _ => escaped = false,
            }
        }
        return None;
    }
    let end = rest.find([',', '}', '\n', '\r']).unwrap_or(rest.len());
    let end = rest[..end].find(" #").unwrap_or(end);
    Some(rest[..end].trim_end().len())
}

/// The whole text anew: the values that were read, in the order of the keys as they stood.
fn rewritten(file: &ProjectPath, text: &str, after: &Pointer) -> String {
    let mut root = match yaml::parse_record(file, text) {
        Ok(Value::Map(map)) => map,
        _ => IndexMap::new(),
    };
    if let Some(desc) = &after.desc {
        root.insert("desc".to_owned(), Value::Str(desc.clone()));
    }
    if let Some(Value::List(outs)) = root.get_mut("outs")
        && let Some(Value::Map(out)) = outs.first_mut()
    {
        let folder = file.parent().unwrap_or_default();
        out.insert("path".to_owned(), Value::Str(after.out.path.relative_to(&folder)));
        out.shift_remove("files");
        out.shift_remove("executable");
        write_state(out, &after.state);
    }
    serde_yaml::to_string(&Value::Map(root)).expect("what was read as YAML is YAML")
}

#[cfg(test)]
#[path = "pointer_tests.rs"]
mod tests;
