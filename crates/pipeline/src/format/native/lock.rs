//! The text of a `pipeline.lock`. The layout is fixed in docs/design/lock.md.
//!
//! Stages, files and keys stand in byte order whatever order they were found in, each on lines of its own, so
//! that two branches which changed different stages merge without conflict. A lock comes from git and thus
//! from other people: every path in it is checked before anyone can use it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base::{Digest, FileState, ProjectPath, Value};
use indexmap::IndexMap;
use serde::Serialize;

use crate::env::EnvState;
use crate::error::PipelineError;
use crate::lock::{LOCK_SCHEMA, Lock, StageLock};
use crate::node::{Node, Source};
use crate::special::{SpecialKind, SpecialName};
use crate::stage::{Command, ParamValues};
use crate::yaml;

const HEADER: &str =
    "# What the stages of this folder last ran with. Written by pipe; belongs into version control.\n";

#[derive(Serialize)]
struct LockText<'a> {
    schema: u32,
    stages: BTreeMap<&'a str, StageText<'a>>,
}

#[derive(Serialize)]
struct StageText<'a> {
    cmd: &'a Command,
    #[serde(skip_serializing_if = "Option::is_none")]
    shell: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wdir: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    builtin: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deps: Vec<FileText<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    params: BTreeMap<&'a str, BTreeMap<&'a str, Cow<'a, Value>>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<&'a str, &'a EnvState>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outs: Vec<FileText<'a>>,
}

#[derive(Serialize)]
struct FileText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    glob: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outside: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    exclude: &'a [String],
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    exec: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    persist: bool,
}

/// The text of a lock: equal locks have equal texts.
pub fn write_lock(lock: &Lock) -> String {
    let stages = lock.stages.iter().map(|(name, stage)| (name.as_str(), stage_text(stage))).collect();
    let text = serde_yaml::to_string(&LockText { schema: LOCK_SCHEMA, stages })
        .expect("texts, numbers, lists and maps with texts as keys are YAML");
    format!("{HEADER}{text}")
}

fn stage_text(stage: &StageLock) -> StageText<'_> {
    let mut params: BTreeMap<&str, BTreeMap<&str, Cow<'_, Value>>> = BTreeMap::new();
    for (file, values) in &stage.params {
        params
            .insert(file.as_str(), values.iter().map(|(key, value)| (key.as_str(), sorted(value))).collect());
    }
    StageText {
        cmd: &stage.command,
        shell: stage.shell.as_deref(),
        wdir: (!stage.wdir.is_root()).then(|| stage.wdir.as_str()),
        builtin: stage.builtin.as_deref(),
        deps: deps_text(stage),
        params,
        env: stage.env.iter().map(|(name, state)| (name.as_str(), state)).collect(),
        outs: outs_text(stage),
    }
}

/// The value with every map in it sorted by key: reordering a params file must not reorder the lock.
fn sorted(value: &Value) -> Cow<'_, Value> {
    let owned = |value| sorted(value).into_owned();
    match value {
        Value::List(list) => Cow::Owned(Value::List(list.iter().map(owned).collect())),
        Value::Map(map) => {
            let mut map: IndexMap<String, Value> =
                map.iter().map(|(key, value)| (key.clone(), owned(value))).collect();
            map.sort_unstable_keys();
            Cow::Owned(Value::Map(map))
        }
        scalar => Cow::Borrowed(scalar),
    }
}

fn files_text<'a>(
    files: &'a [(ProjectPath, FileState)],
    persist: &BTreeSet<ProjectPath>,
) -> Vec<FileText<'a>> {
    let mut files: Vec<_> = files
        .iter()
        .map(|(path, state)| FileText {
            path: Some(path.as_str()),
            persist: persist.contains(path),
            ..file_text(state)
        })
        .collect();
    files.sort_by_key(|file| file.path);
    files
}

/// What is told of a file or folder without its name.
fn file_text<'a>(state: &FileState) -> FileText<'a> {
    FileText {
        path: None,
        glob: None,
        outside: None,
        url: None,
        remote: None,
        exclude: &[],
        digest: state.digest,
        size: state.size,
        files: state.files,
        exec: state.executable,
        persist: false,
    }
}

/// First paths, then patterns.
fn outs_text(stage: &StageLock) -> Vec<FileText<'_>> {
    let mut outs = files_text(&stage.outs, &stage.persist);
    for out in &mut outs {
        let Some((pattern, exclude)) =
            out.path.and_then(|path| stage.globs.iter().find(|(pattern, _)| pattern.as_str() == path))
        else {
            continue;
        };
        (out.path, out.glob, out.exclude) = (None, Some(pattern.as_str()), exclude);
    }
    outs.sort_by_key(|out| (out.glob, out.path));
    outs
}

/// First paths of the project, then everything else.
fn deps_text(stage: &StageLock) -> Vec<FileText<'_>> {
    let mut special: Vec<_> = stage.special.iter().collect();
    special.sort_by_key(|(name, _)| name);
    let special = special.into_iter().map(|(name, state)| match name.kind {
        SpecialKind::Glob => FileText { glob: Some(&name.text), ..file_text(state) },
        SpecialKind::Outside => FileText { outside: Some(&name.text), ..file_text(state) },
        SpecialKind::Url | SpecialKind::Dataset => FileText { url: Some(&name.text), ..file_text(state) },
        SpecialKind::Remote => FileText { remote: Some(&name.text), ..file_text(state) },
    });
    files_text(&stage.deps, &BTreeSet::new()).into_iter().chain(special).collect()
}

/// Reads the text of a lock. An empty text is an empty lock.
///
/// # Errors
/// When the text is no lock, was written by a newer version, or names a path outside the project.
pub fn parse_lock(file: &ProjectPath, text: &str) -> Result<Lock, PipelineError> {
    read(file, text).map_err(|fault| {
        let hint = fault.hint.clone().unwrap_or_else(|| {
            format!(
                "restore {file} from version control, or delete it: stages are then restored from the cache"
            )
        });
        fault.hint(Some(hint))
    })
}

fn read(file: &ProjectPath, text: &str) -> Result<Lock, PipelineError> {
    let value = yaml::parse_record(file, text)?;
    let mut lock = Lock::default();
    if matches!(value, Value::Null) {
        return Ok(lock);
    }
    let root = Node::root(Source { file, text }, &value);
    let root_map = root.map()?;
    let Some(schema) = root_map.get("schema") else {
        return Err(root.fault("this is no lock: it has no `schema`"));
    };
    let node = root.child("schema", schema);
    let schema = node.unsigned()?;
    if schema > u64::from(LOCK_SCHEMA) {
        let message = format!(
            "schema {schema} was written by a newer version of pipe; this one reads up to {LOCK_SCHEMA}"
        );
        return Err(node.fault(message).hint(Some("install the newer version")));
    }
    if schema == 0 {
        return Err(node.fault("there is no schema 0"));
    }
    only_keys(&root, &["schema", "stages"])?;
    if let Some(stages) = root.get("stages") {
        for (name, stage) in stages.entries()? {
            lock.stages.insert(name.to_owned(), read_stage(&stage)?);
        }
    }
    Ok(lock)
}

/// Paths of the project, and all other deps, with what they held.
type Files = (Vec<(ProjectPath, FileState)>, Vec<(SpecialName, FileState)>);

fn only_keys(node: &Node<'_, '_>, known: &[&str]) -> Result<(), PipelineError> {
    match node.map()?.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(node.unknown_key(key, known)),
        None => Ok(()),
    }
}

fn read_stage(stage: &Node<'_, '_>) -> Result<StageLock, PipelineError> {
    only_keys(stage, &["cmd", "shell", "wdir", "builtin", "deps", "params", "env", "outs"])?;
    let text = |key| stage.get(key).map(|node| node.string().map(str::to_owned)).transpose();
    let command = match stage.get("cmd") {
        Some(node) => match node.value {
            Value::List(_) => Command::List(
                node.items()?.map(|item| item.string().map(str::to_owned)).collect::<Result<_, _>>()?,
            ),
            _ => Command::Script(node.string()?.to_owned()),
        },
        None => return Err(stage.key_fault("the stage has no `cmd`")),
    };
    let wdir = stage.get("wdir").map(|node| record_path(&node, node.string()?)).transpose()?;
    let (deps, special) = read_files(stage, "deps", &mut BTreeSet::new(), &mut BTreeMap::new())?;
    let (mut persist, mut globs) = (BTreeSet::new(), BTreeMap::new());
    let (outs, _) = read_files(stage, "outs", &mut persist, &mut globs)?;
    Ok(StageLock {
        unix_text: BTreeSet::new(),
        told: Vec::new(),
        command,
        shell: text("shell")?,
        wdir: wdir.unwrap_or_default(),
        builtin: text("builtin")?,
        deps,
        params: read_params(stage)?,
        outs,
        globs,
        persist,
        env: read_env(stage)?,
        special,
        special_outs: Vec::new(),
    })
}

fn record_path(node: &Node<'_, '_>, text: &str) -> Result<ProjectPath, PipelineError> {
    ProjectPath::from_record(text).map_err(|error| node.fault(error.to_string()))
}

fn read_params(stage: &Node<'_, '_>) -> Result<ParamValues, PipelineError> {
    let mut params = ParamValues::new();
    let Some(files) = stage.get("params") else { return Ok(params) };
    for (file, values) in files.entries()? {
        let path = record_path(&values, file)?;
        let mut entries: IndexMap<String, Value> = values.map()?.clone();
        entries.sort_unstable_keys();
        params.insert(path.into(), entries);
    }
    params.sort_unstable_keys();
    Ok(params)
}

fn read_env(stage: &Node<'_, '_>) -> Result<Vec<(String, EnvState)>, PipelineError> {
    let Some(variables) = stage.get("env") else { return Ok(Vec::new()) };
    let mut env = Vec::new();
    for (name, state) in variables.entries()? {
        only_keys(&state, &["digest", "plain"])?;
        let digest = state.get("digest").map(|node| {
            node.string()?.parse().map_err(|error: base::ParseDigestError| node.fault(error.to_string()))
        });
        let plain = state.get("plain").map(|node| node.string().map(str::to_owned));
        env.push((name.to_owned(), EnvState { digest: digest.transpose()?, plain: plain.transpose()? }));
    }
    env.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(env)
}

fn read_files(
    stage: &Node<'_, '_>,
    key: &'static str,
    persist: &mut BTreeSet<ProjectPath>,
    globs: &mut BTreeMap<ProjectPath, Vec<String>>,
) -> Result<Files, PipelineError> {
    let Some(list) = stage.get(key) else { return Ok(Files::default()) };
    let kinds = SpecialKind::ALL.iter().filter(|_| key == "deps");
    let mut special: Vec<(SpecialName, FileState)> = Vec::new();
    let mut files: Vec<(ProjectPath, FileState)> = Vec::new();
    for item in list.items()? {
        let mut known = vec!["path", "digest", "size", "files", "exec", "persist"];
        known.extend(kinds.clone().map(|kind| kind.word()));
        if key == "outs" {
            known.extend(["glob", "exclude"]);
        }
        only_keys(&item, &known)?;
        let needed = |key| item.get(key).ok_or_else(|| item.fault(format!("the file has no `{key}`")));
        let mut names = kinds.clone().filter_map(|kind| Some((*kind, item.get(kind.word())?)));
        let name = names.next().map(|(kind, node)| special_name(kind, &node)).transpose()?;
        if name.is_some() && (names.next().is_some() || item.get("path").is_some()) {
            return Err(item.fault("the dep has two names"));
        }
        let digest_node = needed("digest")?;
        let digest: Digest = digest_node
            .string()?
            .parse()
            .map_err(|error: base::ParseDigestError| digest_node.fault(error.to_string()))?;
        let switch = |key| item.get(key).map_or(Ok(false), |node| node.boolean());
        let state = FileState {
            digest,
            size: needed("size")?.unsigned()?,
            files: item.get("files").map(|node| node.unsigned()).transpose()?,
            executable: switch("exec")?,
        };
        if let Some(name) = name {
            special.push((name, state));
            continue;
        }
        let pattern = item.get("glob");
        if pattern.is_some() && item.get("path").is_some() {
            return Err(item.fault("the out has two names"));
        }
        if pattern.is_none() && item.get("exclude").is_some() {
            return Err(item.fault("the out leaves something out, and is no pattern"));
        }
        let path_node = pattern.map_or_else(|| needed("path"), Ok)?;
        let path = record_path(&path_node, path_node.string()?)?;
        if pattern.is_some() {
            let exclude = match item.get("exclude") {
                None => Vec::new(),
                Some(list) => list
                    .items()?
                    .map(|item| Ok(record_path(&item, item.string()?)?.as_str().to_owned()))
                    .collect::<Result<_, PipelineError>>()?,
            };
            globs.insert(path.clone(), exclude);
        }
        if switch("persist")? {
            persist.insert(path.clone());
        }
        files.push((path, state));
    }
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(twice) = files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(list.key_fault(format!("`{}` stands twice in `{key}`", twice[0].0)));
    }
    special.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(twice) = special.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(list.key_fault(format!("`{}` stands twice in `{key}`", twice[0].0)));
    }
    Ok((files, special))
}

/// The name of a dep that is no path of the project, spelled as it is written by [`write_lock`].
fn special_name(kind: SpecialKind, node: &Node<'_, '_>) -> Result<SpecialName, PipelineError> {
    let text = node.string()?;
    match kind {
        SpecialKind::Glob => drop(record_path(node, text)?),
        SpecialKind::Outside => match SpecialName::outside(text) {
            Ok(name) if name.text == text => {}
            Ok(name) => return Err(node.fault(format!("`{text}` is not spelled as `{name}`"))),
            Err(fault) => return Err(node.fault(fault.to_string())),
        },
        SpecialKind::Url | SpecialKind::Remote | SpecialKind::Dataset => match SpecialName::url(text) {
            Ok(name) if name.kind == kind => {}
            Ok(_) => return Err(node.fault(format!("`{text}` is another kind of dep"))),
            Err(fault) => return Err(node.fault(fault)),
        },
    }
    Ok(SpecialName { kind, text: text.to_owned() })
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
