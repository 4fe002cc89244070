//! The text of a `dvc.lock`: what is read of it, and how it is written beside DVC.
//!
//! Paths are spelled as the pipeline file spells them, relative to the stage's wdir, so that reading and writing ask for
//! the declared stage. What belongs to stages that are not declared, or was not made anew, stays as it is: DVC keeps
//! it, too.

use std::collections::{BTreeMap, BTreeSet};

use base::{Algorithm, Digest, FileState, ProjectPath, Value};
use indexmap::IndexMap;

use super::datasets::{self, dataset_state};
use super::emit::emit;
use crate::dialect::Dialect;
use crate::error::PipelineError;
use crate::lock::{Lock, StageLock};
use crate::node::{Node, Source};
use crate::param_path::ParamPath;
use crate::special::{SpecialKind, SpecialName, told_digest};
use crate::stage::{Command, PARAMS_FILE, ParamValues, Stage};

/// The version of the format that is written.
const SCHEMA: &str = "2.0";

/// What begins with this is a server's tag.
const TAGGED: &str = "etag ";

/// What begins with this, a server has told that has no tags; DVC takes nothing from such a one.
const UNTAGGED: &str = "last-modified ";

/// How the paths of a stage are spelled.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    wdir: ProjectPath,
    /// By path or name, the texts in the pipeline file, where they are not the plain one alone.
    spelled: BTreeMap<String, Vec<String>>,
    /// The same of params files outside the project, by their names.
    spelled_params: BTreeMap<String, String>,
}

impl Frame {
    pub fn of(stage: &Stage) -> Self {
        let (spelled, spelled_params) = (stage.spelled.clone(), stage.spelled_params.clone());
        Frame { wdir: stage.wdir.clone(), spelled, spelled_params }
    }

    /// What a text in the lock names; `None` for what no declared path can be.
    fn name(&self, text: &str) -> Option<Name> {
        if let Some((name, _)) =
            self.spelled.iter().find(|(_, texts)| texts.iter().any(|known| known == text))
        {
            return Name::of(name);
        }
        if text.starts_with('/') {
            return SpecialName::outside(text).ok().map(Name::Special);
        }
        if text.contains("://") {
            let dataset = SpecialName::dataset(text);
            return dataset.or_else(|| SpecialName::url(text).ok()).map(Name::Special);
        }
        self.path(text).map(Name::Path)
    }

    fn path(&self, text: &str) -> Option<ProjectPath> {
        ProjectPath::resolve(&self.wdir, text).ok().filter(|path| !path.is_reserved())
    }

    /// How the pipeline file spells a path: DVC records it once for each of them.
    fn texts(&self, path: &ProjectPath) -> Vec<String> {
        self.spelled.get(path.as_str()).cloned().unwrap_or_else(|| vec![relative(&self.wdir, path)])
    }

    fn texts_of(&self, name: &Name) -> Vec<String> {
        match name {
            Name::Path(path) => self.texts(path),
            Name::Special(name) => self.special_texts(name),
        }
    }

    /// What a text in the place of a params file names.
    fn param_path(&self, text: &str) -> Option<ParamPath> {
        let spelled = self.spelled_params.iter().find(|(_, spelled)| *spelled == text);
        match spelled.map_or(text, |(name, _)| name) {
            name if name.starts_with('/') => SpecialName::outside(name).ok().map(ParamPath::Outside),
            _ => match self.name(text)? {
                Name::Path(path) => Some(path.into()),
                Name::Special(_) => None,
            },
        }
    }

    fn param_text(&self, file: &ParamPath) -> String {
        match file {
            ParamPath::Inside(path) => relative(&self.wdir, path),
            ParamPath::Outside(name) => self.spelled_params.get(&name.text).unwrap_or(&name.text).clone(),
        }
    }

    fn special_texts(&self, name: &SpecialName) -> Vec<String> {
        self.spelled.get(&name.text).cloned().unwrap_or_else(|| vec![name.text.clone()])
    }
}

#[derive(PartialEq)]
enum Name {
    Path(ProjectPath),
    Special(SpecialName),
}

impl Name {
    fn of(text: &str) -> Option<Self> {
        if text.starts_with('/') || text.contains("://") {
            let name = SpecialName::outside(text).or_else(|_| SpecialName::url(text));
            return name.ok().map(Name::Special);
        }
        ProjectPath::from_record(text).ok().map(Name::Path)
    }
}

/// A path seen from a folder.
pub(crate) fn relative(folder: &ProjectPath, path: &ProjectPath) -> String {
    let (mut from, mut to) = (folder.parts().peekable(), path.parts().peekable());
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let up = from.map(|_| "..");
    let parts: Vec<&str> = up.chain(to).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// Reads the stages of a lock that are among `frames`.
///
/// # Errors
/// When the text is no lock of DVC.
pub(crate) fn parse(
    file: &ProjectPath,
    text: &str,
    frames: &IndexMap<String, Frame>,
) -> Result<Lock, PipelineError> {
    let value = Dialect::Dvc.read_typed_yaml(file, text)?;
    let mut lock = Lock::default();
    if matches!(value, Value::Null) {
        return Ok(lock);
    }
    let root = Node::root(Source { file, text }, &value);
    let stages = match root.map()?.get("schema") {
        // The first version had no schema, and stages at the top.
        None => Some(Node::root(Source { file, text }, &value)),
        Some(Value::Str(schema)) if schema.starts_with("2.") => root.get("stages"),
        Some(schema) => {
            let message = format!("schema {schema} is none that pipe knows: it reads up to {SCHEMA}");
            return Err(root.child_fault("schema", message).hint(Some("install the newer version")));
        }
    };
    let Some(stages) = stages else { return Ok(lock) };
    for (name, stage) in stages.entries()? {
        if let Some(frame) = frames.get(name) {
            lock.stages.insert(name.to_owned(), read_stage(&stage, frame)?);
        }
    }
    Ok(lock)
}

pub(crate) fn read_stage(stage: &Node<'_, '_>, frame: &Frame) -> Result<StageLock, PipelineError> {
    let command = match stage.map()?.get("cmd") {
        Some(Value::Str(script)) => Command::Script(script.clone()),
        Some(list @ Value::List(_)) => {
            let items = stage.child("cmd", list);
            let scripts = items.items()?.map(|item| item.string().map(str::to_owned));
            Command::List(scripts.collect::<Result<_, _>>()?)
        }
        _ => return Err(stage.key_fault("the stage has no `cmd`")),
    };
    let (mut deps, mut special) = (Vec::new(), Vec::new());
    let mut unix_text = BTreeSet::new();
    let mut told = Vec::new();
    for (name, state) in read_entries(stage, "deps", frame, &mut unix_text, &mut told)? {
        match name {
            Name::Path(path) => deps.push((path, state)),
            Name::Special(name) => special.push((name, state)),
        }
    }
    let (mut outs, mut special_outs) = (Vec::new(), Vec::new());
    for (name, state) in read_entries(stage, "outs", frame, &mut unix_text, &mut Vec::new())? {
        match name {
            Name::Path(path) => outs.push((path, state)),
            Name::Special(name) => special_outs.push((name, state)),
        }
    }
    special_outs.sort_by(|(a, _), (b, _)| a.cmp(b));
    special_outs.dedup_by(|(a, _), (b, _)| a == b);
    deps.sort_by(|(a, _), (b, _)| a.cmp(b));
    deps.dedup_by(|(a, _), (b, _)| a == b);
    outs.sort_by(|(a, _), (b, _)| a.cmp(b));
    outs.dedup_by(|(a, _), (b, _)| a == b);
    special.sort_by(|(a, _), (b, _)| a.cmp(b));
    special.dedup_by(|(a, _), (b, _)| a == b);
    told.sort();
    told.dedup_by(|(a, _), (b, _)| a == b);
    Ok(StageLock {
        command,
        shell: None,
        wdir: frame.wdir.clone(),
        builtin: None,
        deps,
        params: read_params(stage, frame)?,
        outs,
        globs: BTreeMap::new(),
        persist: BTreeSet::new(),
        unix_text,
        told,
        env: Vec::new(),
        special,
        special_outs,
    })
}

/// The entries of a list that name a content by MD5, and those of URLs with what a server told of them. Another name for
/// a content is as good as none: the stage is stale then.
fn read_entries(
    stage: &Node<'_, '_>,
    key: &'static str,
    frame: &Frame,
    unix_text: &mut BTreeSet<ProjectPath>,
    told: &mut Vec<(SpecialName, String)>,
) -> Result<Vec<(Name, FileState)>, PipelineError> {
    let Some(list) = stage.get(key) else { return Ok(Vec::new()) };
    let mut entries: Vec<(Name, FileState)> = Vec::new();
    // By their texts: DVC finds nothing of what is declared by another one.
    let mut recorded: BTreeMap<String, Digest> = BTreeMap::new();
    for item in list.items()? {
        let path = item.get("path").ok_or_else(|| item.fault("the entry has no `path`"))?;
        // What is no digest is a fault, also where it names nothing.
        let content = read_state(&item)?;
        let Some(name) = frame.name(path.string()?) else { continue };
        let state = match &name {
            Name::Special(name) if name.kind == SpecialKind::Url => {
                let tag = read_tag(&item)?;
                told.extend(tag.clone().map(|tag| (name.clone(), tag)));
                let size = item.get("size").map(|node| node.unsigned()).transpose()?.unwrap_or(0);
                let state = |tag: String| FileState {
                    digest: told_digest(&tag),
                    size,
                    files: None,
                    executable: false,
                };
                tag.map(state)
            }
            Name::Special(name) if name.kind == SpecialKind::Dataset => {
                let text = item.get("dataset").and_then(|node| datasets::recorded(node.value));
                told.extend(text.clone().map(|text| (name.clone(), text)));
                text.map(|text| dataset_state(&text))
            }
            _ => content.filter(|_| is_md5(&item)),
        };
        let Some(state) = state else { continue };
        if let Name::Path(named) = &name
            && is_unix_text(&item)
        {
            unix_text.insert(named.clone());
        }
        recorded.insert(path.string()?.to_owned(), state.digest);
        entries.push((name, state));
    }
    entries.retain(|(name, state)| {
        frame.texts_of(name).iter().all(|text| recorded.get(text) == Some(&state.digest))
    });
    Ok(entries)
}

/// What a server told of a URL, as `told_digest` takes it. DVC records the tag alone.
fn read_tag(item: &Node<'_, '_>) -> Result<Option<String>, PipelineError> {
    let Some(node) = item.get("checksum").or_else(|| item.get("etag")) else { return Ok(None) };
    let text = node.string()?;
    let is_whole = text.starts_with(UNTAGGED);
    Ok(Some(if is_whole { text.to_owned() } else { format!("{TAGGED}{text}") }))
}

/// Whether the digest of an entry is one that DVC 1 or 2 made.
pub(crate) fn is_unix_text(item: &Node<'_, '_>) -> bool {
    item.get("hash").is_none()
}

/// Whether the digest of an entry is one that DVC compares: what is written with another `hash` is changed to it for ever.
pub(crate) fn is_md5(item: &Node<'_, '_>) -> bool {
    item.get("hash").is_none_or(|hash| matches!(hash.value, Value::Str(name) if name == "md5"))
}

/// What an entry of a lock or a pointer says of a content; `None` where it has no MD5.
pub(crate) fn read_state(item: &Node<'_, '_>) -> Result<Option<FileState>, PipelineError> {
    let Some(md5) = item.get("md5") else { return Ok(None) };
    let text = match md5.value {
        // 32 digits may look like a number.
        Value::Int(number) => format!("{number:0>32}"),
        _ => md5.string()?.to_owned(),
    };
    let (hex, is_folder) = text.strip_suffix(".dir").map_or((text.as_str(), false), |hex| (hex, true));
    let digest =
        Digest::from_hex(Algorithm::Md5, hex).map_err(|_| md5.fault(format!("`{text}` is no MD5 digest")))?;
    let number = |key| item.get(key).map(|node| node.unsigned()).transpose();
    let files = number("nfiles")?;
    Ok(Some(FileState {
        digest,
        size: number("size")?.unwrap_or(0),
        files: is_folder.then(|| files.unwrap_or(0)),
        executable: item.get("isexec").map_or(Ok(false), |node| node.boolean())?,
    }))
}

fn read_params(stage: &Node<'_, '_>, frame: &Frame) -> Result<ParamValues, PipelineError> {
    let mut params = ParamValues::new();
    let Some(files) = stage.get("params") else { return Ok(params) };
    for (file, values) in files.entries()? {
        let Some(path) = frame.param_path(file) else { continue };
        let mut entries = match values.value {
            // What DVC writes of a file's own keys that are no texts, and does not read.
            Value::Pairs(_) => values.value.clone().plain().as_map().cloned().unwrap_or_default(),
            _ => values.map()?.clone(),
        };
        entries.sort_unstable_keys();
        params.insert(path, entries);
    }
    params.sort_unstable_keys();
    Ok(params)
}

/// The text of a lock with the stages of `lock`; `old` is the file's text until now. `None` when nothing is left in it.
pub(crate) fn write(
    file: &ProjectPath,
    old: Option<&str>,
    lock: &Lock,
    frames: &IndexMap<String, Frame>,
) -> Option<String> {
    let old = old.and_then(|text| Some((text, Dialect::Dvc.read_typed_yaml(file, text).ok()?)));
    let known = old.as_ref().and_then(|(text, _)| parse(file, text, frames).ok()).unwrap_or_default();
    let mut top = old.and_then(|(_, value)| value.as_map().cloned()).unwrap_or_default();
    if !top.contains_key("schema") {
        let stages = std::mem::take(&mut top);
        top.insert("schema".to_owned(), Value::from(SCHEMA));
        top.insert("stages".to_owned(), Value::Map(stages));
    }
    if !matches!(top.get("stages"), Some(Value::Map(_))) {
        top.insert("stages".to_owned(), Value::Map(IndexMap::new()));
    }
    if let Some(Value::Map(stages)) = top.get_mut("stages") {
        for (name, frame) in frames {
            match lock.stages.get(name) {
                Some(stage) if known.stages.get(name) != Some(stage) => {
                    stages.insert(name.clone(), stage_value(stage, frame));
                }
                Some(_) => {}
                None => drop(stages.shift_remove(name)),
            }
        }
    }
    let is_empty = matches!(top.get("stages"), Some(Value::Map(stages)) if stages.is_empty());
    let has_more = top.keys().any(|key| !matches!(key.as_str(), "schema" | "stages"));
    (!is_empty || has_more).then(|| emit(&Value::Map(top)))
}

/// What is written of a stage.
pub(crate) fn stage_value(stage: &StageLock, frame: &Frame) -> Value {
    let mut map = IndexMap::new();
    let command = match &stage.command {
        Command::Script(script) => Value::from(script.as_str()),
        Command::List(scripts) => Value::List(scripts.iter().cloned().map(Value::Str).collect()),
        Command::None => Value::Null,
    };
    map.insert("cmd".to_owned(), command);
    let spelled = |path, state: &FileState| {
        let (state, is_old) = (*state, stage.unix_text.contains(path));
        frame.texts(path).into_iter().map(move |text| Entry { text, state, is_old, told: None })
    };
    let deps = stage.deps.iter().flat_map(|(path, state)| spelled(path, state));
    let tag = |name: &SpecialName| {
        let (_, told) = stage.told.iter().find(|(known, _)| known == name)?;
        Some(match name.kind {
            SpecialKind::Dataset => ("dataset", datasets::value_of(told)),
            _ => ("checksum", Value::from(told.strip_prefix(TAGGED).unwrap_or(told))),
        })
    };
    let special = stage.special.iter().flat_map(|(name, state)| {
        let (state, is_old) = (*state, false);
        frame.special_texts(name).into_iter().map(move |text| Entry { text, state, is_old, told: tag(name) })
    });
    let outs = stage.outs.iter().flat_map(|(path, state)| spelled(path, state));
    let outside = stage.special_outs.iter().flat_map(|(name, state)| {
        let (state, is_old) = (*state, false);
        frame.special_texts(name).into_iter().map(move |text| Entry { text, state, is_old, told: None })
    });
    for (key, entries) in
        [("deps", deps.chain(special).collect::<Vec<_>>()), ("outs", outs.chain(outside).collect())]
    {
        if key == "outs" && !stage.params.is_empty() {
            map.insert("params".to_owned(), params_value(stage, frame));
        }
        if !entries.is_empty() {
            map.insert(key.to_owned(), entries_value(entries));
        }
    }
    Value::Map(map)
}

/// A path with its content.
struct Entry<'a> {
    text: String,
    state: FileState,
    /// Whether DVC 1 or 2 made the digest.
    is_old: bool,
    /// What is told in its place, under its key.
    told: Option<(&'a str, Value)>,
}

/// By path, what an entry says of a content.
fn entries_value(mut entries: Vec<Entry<'_>>) -> Value {
    entries.sort_by(|a, b| a.text.cmp(&b.text));
    let entry = |Entry { text, state, is_old, told }: Entry<'_>| {
        let mut map = IndexMap::from([("path".to_owned(), Value::Str(text))]);
        if !is_old {
            map.insert("hash".to_owned(), Value::from("md5"));
        }
        match told {
            Some((key @ "dataset", value)) => {
                map.shift_remove("hash");
                map.insert(key.to_owned(), value);
            }
            Some((key, value)) => {
                map.insert(key.to_owned(), value);
                map.insert("size".to_owned(), Value::Int(i128::from(state.size)));
            }
            None => write_state(&mut map, &state),
        }
        Value::Map(map)
    };
    Value::List(entries.into_iter().map(entry).collect())
}

/// Says what a content is: `md5`, `size`, and what more there is to say.
pub(crate) fn write_state(map: &mut IndexMap<String, Value>, state: &FileState) {
    let suffix = if state.is_folder() { ".dir" } else { "" };
    map.insert("md5".to_owned(), Value::Str(format!("{}{suffix}", state.digest.hex())));
    map.insert("size".to_owned(), Value::Int(i128::from(state.size)));
    if let Some(files) = state.files {
        map.insert("nfiles".to_owned(), Value::Int(i128::from(files)));
    }
    if state.executable {
        map.insert("isexec".to_owned(), Value::Bool(true));
    }
}

fn params_value(stage: &StageLock, frame: &Frame) -> Value {
    let mut files: Vec<(String, Value)> = stage
        .params
        .iter()
        .map(|(file, values)| {
            let mut values: IndexMap<String, Value> = values.clone();
            values.sort_unstable_keys();
            (frame.param_text(file), Value::Map(values))
        })
        .collect();
    files.sort_by(|(a, _), (b, _)| (a != PARAMS_FILE, a).cmp(&(b != PARAMS_FILE, b)));
    Value::Map(files.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As DVC 3.67 wrote it, but for the stage that is declared no longer.
    const TEXT: &str = "\
schema: '2.0'
stages:
  gone:
    cmd: rm -rf x
    outs:
    - path: remote://x
      etag: abc
  train:
    cmd: python train.py --lr 1e-05
    deps:
    - path: ../data
      hash: md5
      md5: 0e78515393b4d6abfe97d11554e60ffe.dir
      size: 12
      nfiles: 2
    - path: ./train.py
      hash: md5
      md5: b1946ac92492d2347c6235b4d2611184
      size: 6
      isexec: true
    params:
      params.yaml:
        lr: 1e-05
      ../a.json:
        b: true
    outs:
    - path: model
      hash: md5
      md5: 6a7b04fd602d7518d3f89495521630f0
      size: 6
datasets:
- name: kept
";

    fn path(text: &str) -> ProjectPath {
        ProjectPath::resolve(&ProjectPath::root(), text).expect("a path")
    }

    fn frames() -> IndexMap<String, Frame> {
        let spelled = [("w/train.py".to_owned(), vec!["./train.py".to_owned()])].into();
        [("train".to_owned(), Frame { wdir: path("w"), spelled, spelled_params: BTreeMap::new() })]
            .into_iter()
            .collect()
    }

    #[test]
    fn paths_are_of_the_project_and_the_text_is_dvcs() {
        let (file, frames) = (path("dvc.lock"), frames());
        let lock = parse(&file, TEXT, &frames).expect("a lock");
        assert_eq!(lock.stages.len(), 1, "what is not declared is not read");
        let stage = &lock.stages["train"];
        let deps: Vec<(&str, Option<u64>, bool)> =
            stage.deps.iter().map(|(path, state)| (path.as_str(), state.files, state.executable)).collect();
        assert_eq!(deps, [("data", Some(2), false), ("w/train.py", None, true)]);
        assert_eq!(stage.params[&ParamPath::Inside(path("a.json"))]["b"], Value::Bool(true));
        assert_eq!(stage.out(&path("w/model")).map(|state| state.size), Some(6));
        assert_eq!(write(&file, Some(TEXT), &lock, &frames).as_deref(), Some(TEXT));
        let anew = write(&file, None, &lock, &frames).expect("a text");
        let train = &TEXT[TEXT.find("  train:").expect("there")..TEXT.find("datasets").expect("there")];
        assert_eq!(anew, format!("schema: '2.0'\nstages:\n{train}"));
    }

    #[test]
    fn what_lies_outside_and_data_sets_are_read_and_written_back() {
        let text = "\
schema: '2.0'
stages:
  train:
    cmd: a
    deps:
    - path: data
      hash: md5
      md5: b1946ac92492d2347c6235b4d2611184
      size: 6
    - path: ds://dogs/x
      dataset:
        name: dogs
        url: ../src
        type: dvc
        rev_lock: abc
    outs:
    - path: /elsewhere/x
      hash: md5
      md5: b1946ac92492d2347c6235b4d2611184
      size: 6
    - path: model
      hash: md5
      md5: b1946ac92492d2347c6235b4d2611184
      size: 6
    - path: remote://store/f
      hash: md5
      md5: 0e78515393b4d6abfe97d11554e60ffe.dir
      size: 12
      nfiles: 2
";
        let (file, frames) = (path("dvc.lock"), frames());
        let lock = parse(&file, text, &frames).expect("a lock");
        let stage = &lock.stages["train"];
        let outs: Vec<(&str, Option<u64>)> =
            stage.special_outs.iter().map(|(name, state)| (name.text.as_str(), state.files)).collect();
        assert_eq!(outs, [("/elsewhere/x", None), ("remote://store/f", Some(2))]);
        assert_eq!(stage.special[0].0.dataset_name(), "dogs");
        assert_eq!(write(&file, None, &lock, &frames).as_deref(), Some(text));
        let other = parse(&file, &text.replace("abc", "abd"), &frames).expect("a lock");
        assert_ne!(other.stages["train"].special[0].1.digest, stage.special[0].1.digest);
        let none = parse(&file, &text.replace("type: dvc", "type: odd"), &frames).expect("a lock");
        assert_eq!(none.stages["train"].special, []);
    }

    #[test]
    fn the_first_version_has_its_stages_at_the_top() {
        let text = "train:\n  cmd: a\n  outs:\n  - path: model\n    md5: 6a7b04fd602d7518d3f89495521630f0\n";
        let (file, frames) = (path("dvc.lock"), frames());
        let mut lock = parse(&file, text, &frames).expect("a lock");
        assert!(lock.stages["train"].out(&path("w/model")).is_some());
        lock.stages.get_mut("train").expect("there").command = Command::Script("b".to_owned());
        let written = write(&file, Some(text), &lock, &frames).expect("a text");
        assert!(written.starts_with("schema: '2.0'\nstages:\n  train:\n    cmd: b\n"), "{written}");
    }

    #[test]
    fn what_cannot_be_believed_is_refused_or_passed_over() {
        let (file, frames) = (path("dvc.lock"), frames());
        for text in ["schema: '3.0'\n", "schema: 2\n", "schema: '2.0'\nstages: {train: {}}\n", "[]"] {
            assert!(parse(&file, text, &frames).is_err(), "{text}");
        }
        let text = "schema: '2.0'\nstages:\n  train:\n    cmd: a\n    outs:\n    - {path: ../../x, md5: \
                    6a7b04fd602d7518d3f89495521630f0}\n    - {path: ../.git/x, md5: 6a7b04fd602d7518d3f89495521630f0}\n    \
                    - {path: y, etag: z}\n";
        assert_eq!(parse(&file, text, &frames).expect("a lock").stages["train"].outs, []);
        assert!(parse(&file, &text.replace("6a7b", "zz"), &frames).is_err());
    }

    #[test]
    fn paths_seen_from_a_folder() {
        for (folder, to, expected) in [
            ("", "a/b", "a/b"),
            ("w", "w/a", "a"),
            ("a/b", "a/c", "../c"),
            ("a/b", "x", "../../x"),
            ("a", "a", "."),
        ] {
            assert_eq!(relative(&path(folder), &path(to)), expected);
        }
    }
}
