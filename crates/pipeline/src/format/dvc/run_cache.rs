//! DVC's run cache: for each key of a stage's inputs the results it had, as texts like those of a lock.
//!
//! Key and value are SHA-256 of the entry as Python's `json` writes it, keys sorted, sizes and numbers of files left out
//! wherever they stand; for the key, outs count by their paths alone.

use base::{FileState, ProjectPath, Value};
use sha2::{Digest as _, Sha256};

use super::emit::emit;
use super::lock::{Frame, read_stage, stage_value};
use super::python::{has_json, json};
use crate::dialect::Dialect;
use crate::lock::StageLock;
use crate::node::{Node, Source};
use crate::special::SpecialKind;
use crate::stage::Stage;

/// One result as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEntry {
    /// The digest of the inputs: names the folder.
    pub key: String,
    /// The digest of inputs and outs: names the file.
    pub value: String,
    /// What is in it.
    pub text: String,
}

/// The entry of a result; `None` of a stage whose results are not kept.
pub(crate) fn entry(stage: &Stage, lock: &StageLock) -> Option<RunEntry> {
    let key = key(stage, lock)?;
    let map = stage_value(lock, &Frame::of(stage));
    Some(RunEntry { key, value: digest(&map), text: emit(&map) })
}

/// The key of a stage's inputs, whatever its outs hold.
pub(crate) fn key(stage: &Stage, inputs: &StageLock) -> Option<String> {
    let reads = !stage.deps.is_empty() || !stage.special.is_empty() || !stage.params.is_empty();
    let is_kept = reads && !stage.outs.is_empty() && !stage.always_changed && !stage.is_source();
    // DVC keeps none that were made of what a server has or of a data set, or that lie outside the project.
    let is_kept_dep = |kind| !matches!(kind, SpecialKind::Url | SpecialKind::Dataset);
    let is_kept = is_kept && stage.special.iter().all(|dep| is_kept_dep(dep.name.kind));
    let is_kept = is_kept && stage.special_outs.is_empty();
    if !is_kept || stage.outs.iter().any(|out| out.persist) {
        return None;
    }
    if !inputs.params.values().flat_map(|values| values.values()).all(has_json) {
        return None;
    }
    let mut map = stage_value(inputs, &Frame::of(stage));
    if let Value::Map(map) = &mut map
        && let Some(Value::List(outs)) = map.get_mut("outs")
    {
        for out in outs {
            let path = out.as_map().and_then(|out| out.get("path")).cloned().unwrap_or_default();
            *out = path;
        }
    }
    Some(digest(&map))
}

/// The outs that an entry records for `stage`; `None` where it is none.
pub(crate) fn read(stage: &Stage, text: &str) -> Option<Vec<(ProjectPath, FileState)>> {
    let file = ProjectPath::root().join("run-cache");
    let value = Dialect::Dvc.read_yaml(&file, text).ok()?;
    let node = Node::root(Source { file: &file, text }, &value);
    Some(read_stage(&node, &Frame::of(stage)).ok()?.outs)
}

fn digest(value: &Value) -> String {
    let json = json(value, &["size", "nfiles"]);
    Sha256::digest(json.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
