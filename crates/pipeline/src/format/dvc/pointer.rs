//! The text of a `.dvc` file: which bytes the data beside it holds.
//!
//! People write into it too (a description, labels, comments), so that it is changed in place: what stands around digest
//! and size stays as it is. What came from elsewhere (`deps`: imports, `crate::import`) is data like any other here.

use std::collections::{BTreeMap, BTreeSet};

use base::{FileState, ProjectPath, Value};
use indexmap::IndexMap;
use md5::{Digest as _, Md5};

use super::emit::emit;
use super::lock::{is_md5, is_unix_text, read_state, write_state};
use super::python::json;
use crate::dialect::Dialect;
use crate::error::PipelineError;
use crate::format::native::pointer::{Pointer as Single, set_scalar};
use crate::format::native::top;
use crate::lock::StageLock;
use crate::node::{Node, Source};
use crate::stage::{Command, Out, OutKind, ParamValues, Stage};
use crate::yaml::Segment;

/// `locked` is how `frozen` was called before DVC 1.
const KEYS: &[&str] = &["md5", "outs", "deps", "frozen", "wdir", "desc", "meta", "always_changed", "locked"];

/// Where a remote that keeps versions has what an out held, and which files those were: of what it holds now, nothing. DVC
/// would bring the old ones back.
const OF_CONTENT: &[&str] = &["files", "cloud", "version_id", "etag", "checksum"];

/// What a `.dvc` file tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pointer {
    /// The data, and what it holds where that is recorded; in the order of the file.
    pub outs: Vec<(Out, Option<FileState>)>,
    /// Those of them whose digests DVC 1 or 2 made.
    unix_text: BTreeSet<ProjectPath>,
    wdir: ProjectPath,
    frozen: bool,
    desc: Option<String>,
    meta: Option<Value>,
}

impl Pointer {
    /// As a pointer to one thing.
    pub fn single(&self, file: &ProjectPath) -> Result<Single, PipelineError> {
        let [(out, state)] = self.outs.as_slice() else {
            let message =
                format!("it tells of {} outs, and this is possible with one alone", self.outs.len());
            return Err(PipelineError::new(file, message)
                .hint(Some("name the outs one by one in `.dvc` files of their own")));
        };
        let Some(state) = *state else {
            let hint = Some("`dvc commit` or `pipe repro` records what is there");
            return Err(PipelineError::new(file, "it has no `md5` yet").hint(hint));
        };
        let Pointer { frozen, desc, meta, .. } = self.clone();
        Ok(Single { out: out.clone(), state, frozen, desc, meta, deps: None })
    }

    /// The folder that the paths are written from.
    pub fn wdir(&self) -> &ProjectPath {
        &self.wdir
    }

    /// The data as a stage without a command.
    pub fn into_stage(self, file: &ProjectPath) -> Stage {
        let mut outs: Vec<Out> = self.outs.into_iter().map(|(out, _)| out).collect();
        outs.sort_by(|a, b| a.path.cmp(&b.path));
        Stage {
            frozen: self.frozen,
            desc: self.desc,
            meta: self.meta,
            ..Stage::of_data(file, self.wdir, outs)
        }
    }

    /// What it records, in the words of a lock.
    pub fn lock(&self, _: &ProjectPath) -> StageLock {
        let states = self.outs.iter().filter_map(|(out, state)| Some((out.path.clone(), (*state)?)));
        let mut outs: Vec<_> = states.collect();
        outs.sort_by(|(a, _), (b, _)| a.cmp(b));
        StageLock {
            command: Command::None,
            shell: None,
            wdir: self.wdir.clone(),
            builtin: None,
            deps: Vec::new(),
            params: ParamValues::new(),
            outs,
            globs: BTreeMap::new(),
            persist: BTreeSet::new(),
            unix_text: self.unix_text.clone(),
            told: Vec::new(),
            env: Vec::new(),
            special: Vec::new(),
            special_outs: Vec::new(),
        }
    }
}

/// Reads a `.dvc` file.
///
/// # Errors
/// When it is none, holds a stage with a command, or names a path outside the project.
pub(crate) fn parse(file: &ProjectPath, text: &str) -> Result<Pointer, PipelineError> {
    let value = match Dialect::Dvc.read_typed_yaml(file, text)? {
        Value::Null => Value::Map(IndexMap::new()),
        value => value,
    };
    let root = Node::root(Source { file, text }, &value);
    if let Some(command) = root.map()?.get("cmd") {
        let hint = Some("DVC 1.0 moved such stages into dvc.yaml; `dvc stage add` makes one");
        return Err(root
            .child("cmd", command)
            .fault("a `.dvc` file with a command is not supported")
            .hint(hint));
    }
    if let Some(key) = root.map()?.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(root.unknown_key(key, KEYS));
    }
    let text_of =
        |node: &Node<'_, '_>, key| node.get(key).map(|node| node.string().map(str::to_owned)).transpose();
    let switch = |node: &Node<'_, '_>, key, default| node.get(key).map_or(Ok(default), |node| node.boolean());
    let folder = file.parent().unwrap_or_default();
    let resolve = |base: &ProjectPath, node: &Node<'_, '_>| {
        let path =
            ProjectPath::resolve(base, node.string()?).map_err(|fault| node.fault(fault.to_string()))?;
        ProjectPath::from_record(path.as_str()).map_err(|fault| node.fault(fault.to_string()))
    };
    let wdir = match root.get("wdir") {
        Some(node) => {
            ProjectPath::resolve(&folder, node.string()?).map_err(|fault| node.fault(fault.to_string()))?
        }
        None => folder,
    };
    let (mut outs, mut unix_text) = (Vec::new(), BTreeSet::new());
    // DVC takes a file that tells of nothing.
    if let Some(list) = root.get("outs").filter(|list| *list.value != Value::Null) {
        for item in list.items()? {
            let node = item.get("path").ok_or_else(|| item.fault("the out has no `path`"))?;
            let out = Out {
                path: resolve(&wdir, &node)?,
                glob: None,
                kind: OutKind::Data,
                cache: switch(&item, "cache", true)?,
                persist: switch(&item, "persist", false)?,
                remote: text_of(&item, "remote")?,
                push: switch(&item, "push", true)?,
                desc: text_of(&item, "desc")?,
                annotation: top::annotation(&item)?,
                plot: IndexMap::new(),
            };
            if is_unix_text(&item) {
                unix_text.insert(out.path.clone());
            }
            outs.push((out, read_state(&item)?.filter(|_| is_md5(&item))));
        }
    }
    Ok(Pointer {
        outs,
        unix_text,
        wdir,
        frozen: switch(&root, "frozen", false)?
            || switch(&root, "locked", false)?
            || root.get("deps").is_some(),
        desc: text_of(&root, "desc")?,
        meta: root.get("meta").map(|node| node.value.clone()),
    })
}

/// How one out of a `.dvc` file changes; nothing of it where there is nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change<'a> {
    /// What it holds.
    pub state: Option<FileState>,
    /// What it is called, from the working folder.
    pub name: Option<&'a str>,
}

/// The text with these changes of the outs, in the order of the file. Where it is laid out so that it cannot be changed in
/// place, comments go.
///
/// # Errors
/// When the text is no YAML.
pub(crate) fn update(
    file: &ProjectPath,
    text: &str,
    changes: &[Change<'_>],
    desc: Option<&str>,
) -> Result<String, PipelineError> {
    let changed = update_outs(file, text, changes, desc)?;
    // One that is wrong already was not made of this text, and is left to DVC.
    let own = |text: &str| Ok::<_, PipelineError>(own_digest(&Dialect::Dvc.read_typed_yaml(file, text)?));
    if own_digest_of(&Dialect::Dvc.read_typed_yaml(file, text)?) != Some(own(text)?) {
        return Ok(changed);
    }
    Ok(set_scalar(&changed, &[Segment::Key("md5")], Some(&own(&changed)?), None).unwrap_or(changed))
}

/// The text with `frozen: true` as DVC writes it, or without. Where it is laid out so that it cannot be changed in place,
/// comments go.
///
/// # Errors
/// When the text is no `.dvc` file.
pub(crate) fn freeze(file: &ProjectPath, text: &str, frozen: bool) -> Result<String, PipelineError> {
    parse(file, text)?;
    let read = |text: &str| {
        let value = Dialect::Dvc.read_typed_yaml(file, text).ok()?;
        Some(value.as_map().cloned().unwrap_or_default())
    };
    let mut meant = read(text).unwrap_or_default();
    let before = meant.clone();
    // As it was called before DVC 1.
    meant.shift_remove("locked");
    match frozen {
        true => drop(meant.insert("frozen".to_owned(), Value::Bool(true))),
        false => drop(meant.shift_remove("frozen")),
    }
    if meant == before {
        return Ok(text.to_owned());
    }
    let key = [Segment::Key("frozen")];
    let changed = match (before.contains_key("frozen"), frozen) {
        (true, true) => set_scalar(text, &key, Some("true"), None),
        (true, false) => set_scalar(text, &key, None, None),
        (false, true) => {
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            Some(format!("{text}{end}frozen: true\n"))
        }
        (false, false) => None,
    };
    let changed = changed.filter(|changed| read(changed).as_ref() == Some(&meant));
    Ok(changed.unwrap_or_else(|| emit(&Value::Map(meant))))
}

/// The digest that the text of an import has of itself.
fn own_digest_of(text: &Value) -> Option<String> {
    Some(text.as_map()?.get("md5")?.as_str()?.to_owned())
}

/// The digest that DVC compares with it: should they differ, the import counts as changed.
pub(crate) fn own_digest(text: &Value) -> String {
    let mut map = text.as_map().cloned().unwrap_or_default();
    for key in ["md5", "meta", "desc"] {
        map.shift_remove(key);
    }
    if map.get("wdir").and_then(Value::as_str) == Some(".") {
        map.shift_remove("wdir");
    }
    let without = [
        "desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size", "nfiles",
    ];
    let json = json(&Value::Map(map), &without);
    Md5::digest(json.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn update_outs(
    file: &ProjectPath,
    text: &str,
    changes: &[Change<'_>],
    desc: Option<&str>,
) -> Result<String, PipelineError> {
    let mut wanted = parse(file, text)?;
    let is_new = |(known, change): (&(Out, Option<FileState>), &Change<'_>)| {
        change.state.is_some_and(|state| known.1.is_none_or(|known| known.digest != state.digest))
    };
    let is_new: Vec<bool> = wanted.outs.iter().zip(changes).map(is_new).collect();
    for ((out, known), Change { state, name }) in wanted.outs.iter_mut().zip(changes) {
        let was_unix_text = wanted.unix_text.remove(&out.path);
        if let Some(name) = name {
            out.path = ProjectPath::resolve(&wanted.wdir, name)
                .map_err(|fault| PipelineError::new(file, fault.to_string()))?;
        }
        match state {
            Some(state) => *known = Some(*state),
            None if was_unix_text => drop(wanted.unix_text.insert(out.path.clone())),
            None => {}
        }
    }
    if let Some(desc) = desc {
        wanted.desc = Some(desc.to_owned());
    }
    let top = Dialect::Dvc.read_typed_yaml(file, text)?;
    let outs = top.as_map().and_then(|top| top.get("outs"));
    let item = |at: usize| match outs {
        Some(Value::List(items)) => items.get(at)?.as_map(),
        _ => None,
    };
    let is_told = |(at, is_new): (usize, &bool)| {
        *is_new && item(at).is_some_and(|item| OF_CONTENT.iter().any(|key| item.contains_key(*key)))
    };
    let is_laid_out_anew = is_new.iter().enumerate().any(is_told);
    let changed = if is_laid_out_anew { None } else { change(text, changes, desc) };
    if let Some(changed) = changed.filter(|changed| parse(file, changed).is_ok_and(|read| read == wanted)) {
        return Ok(changed);
    }
    let mut top = top.as_map().cloned().unwrap_or_default();
    if let Some(desc) = desc {
        top.insert("desc".to_owned(), Value::from(desc));
    }
    if let Some(Value::List(outs)) = top.get_mut("outs") {
        for ((out, Change { state, name }), is_new) in outs.iter_mut().zip(changes).zip(is_new) {
            let Value::Map(out) = out else { continue };
            if is_new {
                out.retain(|key, _| !OF_CONTENT.contains(&key.as_str()));
            }
            if let Some(name) = name {
                out.insert("path".to_owned(), Value::from(*name));
            }
            let Some(state) = state else { continue };
            for key in ["md5", "size", "nfiles", "isexec", "hash"] {
                out.shift_remove(key);
            }
            let rest = std::mem::take(out);
            write_state(out, state);
            out.insert("hash".to_owned(), Value::from("md5"));
            out.extend(rest);
        }
    }
    Ok(emit(&Value::Map(top)))
}

/// A word as it stands in a map of one, with its quotes.
pub(super) fn spelled(value: &str) -> Option<String> {
    let map = Value::Map(IndexMap::from([("k".to_owned(), Value::from(value))]));
    emit(&map).strip_prefix("k: ").map(|text| text.trim_end().to_owned())
}

fn change(text: &str, changes: &[Change<'_>], desc: Option<&str>) -> Option<String> {
    let mut text = text.to_owned();
    if let Some(desc) = desc {
        text = set_scalar(&text, &[Segment::Key("desc")], Some(&spelled(desc)?), Some("outs"))?;
    }
    for (at, Change { state, name }) in changes.iter().enumerate() {
        let mut fields = IndexMap::new();
        if let Some(state) = state {
            write_state(&mut fields, state);
            fields.insert("hash".to_owned(), Value::from("md5"));
        }
        if let Some(name) = name {
            fields.insert("path".to_owned(), Value::from(*name));
        }
        let mut behind = "path";
        for key in ["md5", "size", "nfiles", "isexec", "hash", "path"] {
            if (key == "path" && name.is_none()) || (key != "path" && state.is_none()) {
                continue;
            }
            let value = fields.get(key).map(|value| match value {
                Value::Str(text) => spelled(text),
                other => Some(other.to_string()),
            });
            let path = [Segment::Key("outs"), Segment::Index(at), Segment::Key(key)];
            text = set_scalar(&text, &path, value.flatten().as_deref(), Some(behind))?;
            if fields.contains_key(key) {
                behind = key;
            }
        }
    }
    Some(text)
}

/// The text of a new `.dvc` file.
pub(crate) fn write(path: &str, state: &FileState, desc: Option<&str>) -> String {
    let mut out = IndexMap::new();
    write_state(&mut out, state);
    out.insert("hash".to_owned(), Value::from("md5"));
    out.insert("path".to_owned(), Value::from(path));
    let mut top = IndexMap::from([("outs".to_owned(), Value::List(vec![Value::Map(out)]))]);
    if let Some(desc) = desc {
        top.insert("desc".to_owned(), Value::from(desc));
    }
    emit(&Value::Map(top))
}

#[cfg(test)]
mod tests {
    use base::Digest;

    use super::*;

    const FILE: &str = "# what it is\nouts:\n- md5: d8e8fca2dc0f896fd7cb4cb0031ba249\n  size: 5   # bytes\n  hash: md5\n  path: \
                        data.txt\n  desc: \"raw\"\nmeta:\n  a: [1]\n";

    fn state(folder: bool) -> FileState {
        FileState { digest: Digest::Md5([0x5a; 16]), size: 7, files: folder.then_some(3), executable: false }
    }

    fn to(folder: bool) -> Change<'static> {
        Change { state: Some(state(folder)), name: None }
    }

    fn file() -> ProjectPath {
        ProjectPath::from_record("sub/data.txt.dvc").expect("a path")
    }

    #[test]
    fn what_a_file_says() {
        let pointer = parse(&file(), FILE).expect("a pointer").single(&file()).expect("one out");
        assert_eq!(pointer.out.path.as_str(), "sub/data.txt");
        assert_eq!((pointer.state.size, pointer.out.desc.as_deref()), (5, Some("raw")));
        let stage = parse(&file(), "wdir: ..\nouts: [{path: a}, {path: b/c}]\n")
            .expect("a pointer")
            .into_stage(&file());
        let paths: Vec<&str> = stage.outs.iter().map(|out| out.path.as_str()).collect();
        assert_eq!(paths, ["a", "b/c"]);
    }

    #[test]
    fn comments_and_order_stay() {
        let changed = update(&file(), FILE, &[to(false)], None).expect("a text");
        let expected =
            FILE.replace("d8e8fca2dc0f896fd7cb4cb0031ba249", &"5a".repeat(16)).replace("size: 5", "size: 7");
        assert_eq!(changed, expected);
        let folder = update(&file(), FILE, &[to(true)], None).expect("a text");
        assert!(folder.contains("5a.dir\n  size: 7   # bytes\n  nfiles: 3\n  hash: md5\n"), "{folder}");
        assert_eq!(update(&file(), &folder, &[to(false)], None).expect("a text"), expected);
        // What cannot be changed in place is written anew.
        let flow = "outs: [{md5: d8e8fca2dc0f896fd7cb4cb0031ba249, path: data.txt}]\n";
        let anew = update(&file(), flow, &[to(true)], None).expect("a text");
        assert_eq!(parse(&file(), &anew).expect("a pointer").outs[0].1, Some(state(true)));
    }

    /// DVC takes the files that stand there for what the folder holds, and asks remotes for the versions.
    #[test]
    fn what_was_told_of_the_old_content_goes_with_it() {
        let md5 = "d8e8fca2dc0f896fd7cb4cb0031ba249";
        let text = format!(
            "outs:\n- md5: {md5}\n  size: 5\n  hash: md5\n  cloud:\n    store:\n      etag: abc\n      version_id: v1\n  \
             remote: store\n  path: a\n- path: b\n  files:\n  - relpath: x\n    md5: {md5}\n    size: 5\n\
             - md5: {md5}\n  version_id: v1\n  etag: abc\n  path: c\n"
        );
        let same = parse(&file(), &text).expect("a pointer").outs[0].1;
        let kept = [Change { state: same, name: None }, Change::default(), Change::default()];
        assert_eq!(update(&file(), &text, &kept, None).expect("a text"), text);
        let changed = update(&file(), &text, &[to(false), to(true), to(false)], None).expect("a text");
        let digest = "5a".repeat(16);
        assert_eq!(
            changed,
            format!(
                "outs:\n- md5: {digest}\n  size: 7\n  hash: md5\n  remote: store\n  path: a\n- md5: {digest}.dir\n  \
                 size: 7\n  nfiles: 3\n  hash: md5\n  path: b\n- md5: {digest}\n  size: 7\n  hash: md5\n  path: c\n"
            )
        );
    }

    #[test]
    fn one_of_several_outs_changes_alone() {
        let text = "outs:\n- path: a\n- path: b # the other\n  md5:\n";
        let digest = "5a".repeat(16);
        let one = update(&file(), text, &[to(false), Change::default()], None).expect("a text");
        assert_eq!(
            one,
            format!(
                "outs:\n- path: a\n  md5: {digest}\n  size: 7\n  hash: md5\n- path: b # the other\n  md5:\n"
            )
        );
        let name = Change { state: None, name: Some("c/d") };
        let moved = update(&file(), &one, &[name, Change::default()], None).expect("a text");
        assert_eq!(moved, one.replace("path: a", "path: c/d"));
    }

    #[test]
    fn what_dvc_add_writes() {
        let text = write("data.txt", &state(true), None);
        let digest = "5a".repeat(16);
        assert_eq!(
            text,
            format!("outs:\n- md5: {digest}.dir\n  size: 7\n  nfiles: 3\n  hash: md5\n  path: data.txt\n")
        );
    }

    #[test]
    fn hostile_and_old_files_are_refused() {
        for text in ["", "outs: []\n", "outs:\n"] {
            assert_eq!(parse(&file(), text).expect("it tells of nothing").outs.len(), 0, "{text}");
        }
        for text in [
            "outs: [{md5: x, path: a}]\n",
            "outs: [{path: ../../a}]\n",
            "outs: [{path: .git/config}]\n",
            "cmd: rm -rf /\nouts: [{path: a}]\n",
            "what: 1\nouts: [{path: a}]\n",
        ] {
            assert!(parse(&file(), text).is_err(), "{text}");
        }
    }
}
