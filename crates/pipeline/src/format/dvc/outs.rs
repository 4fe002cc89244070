//! What a `dvc.lock`, a `.dvc` file or an entry of the run cache records of outs, told without the pipeline: for whoever must
//! know all that is named, declared or not.

use base::{FileState, ProjectPath};

use super::lock::{is_unix_text, read_state};
use crate::dialect::Dialect;
use crate::error::PipelineError;
use crate::node::{Node, Source};
use crate::stage::is_pointer;

/// The outs with what they held. A path that leads out of the project, or is relative to a folder that only the pipeline
/// knows, is told as good as can be: it is for messages, the content counts.
///
/// # Errors
/// When the text is no YAML, or a digest in it is none.
pub fn recorded_outs(file: &ProjectPath, text: &str) -> Result<Vec<(ProjectPath, FileState)>, PipelineError> {
    let outs = all_outs(file, text)?.into_iter();
    Ok(outs.map(|Recorded { path, state, .. }| (path, state)).collect())
}

/// An out of an entry of the run cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its path, relative to a folder that only the stage knows. Empty where it leads above that.
    pub path: ProjectPath,
    /// What it held.
    pub state: FileState,
    /// Whether DVC 1 or 2 recorded it.
    pub is_old: bool,
}

/// The outs of an entry of the run cache.
///
/// # Errors
/// When the text is no YAML, or a digest in it is none.
pub fn run_outs(text: &str) -> Result<Vec<Recorded>, PipelineError> {
    all_outs(&ProjectPath::root(), text)
}

fn all_outs(file: &ProjectPath, text: &str) -> Result<Vec<Recorded>, PipelineError> {
    let value = Dialect::Dvc.read_typed_yaml(file, text)?;
    let mut found = Vec::new();
    if value.as_map().is_none_or(indexmap::IndexMap::is_empty) {
        return match matches!(value, base::Value::Null | base::Value::Map(_)) {
            true => Ok(found),
            false => Err(PipelineError::new(file, "this is no record of DVC")),
        };
    }
    let root = Node::root(Source { file, text }, &value);
    let folder = file.parent().unwrap_or_default();
    if is_pointer(file) || root.get("cmd").is_some_and(|cmd| cmd.map().is_err()) {
        take(&root, &folder, &mut found)?;
        return Ok(found);
    }
    let stages = match root.get("schema") {
        Some(_) => root.get("stages"),
        None => Some(Node::root(Source { file, text }, &value)),
    };
    if let Some(stages) = stages {
        for (_, stage) in stages.entries()? {
            stage.map()?;
            take(&stage, &folder, &mut found)?;
        }
    }
    Ok(found)
}

fn take(stage: &Node<'_, '_>, folder: &ProjectPath, found: &mut Vec<Recorded>) -> Result<(), PipelineError> {
    let Some(outs) = stage.get("outs") else { return Ok(()) };
    for out in outs.items()? {
        let path =
            out.get("path").map(|path| path.string().map(str::to_owned)).transpose()?.unwrap_or_default();
        let path = ProjectPath::resolve(folder, &path).unwrap_or_default();
        let is_old = is_unix_text(&out);
        let recorded = |state| Recorded { path: path.clone(), state, is_old };
        found.extend(read_state(&out)?.map(recorded));
        // Of a remote with versions, a folder is told file by file.
        if let Some(files) = out.get("files") {
            for file in files.items()? {
                found.extend(read_state(&file)?.map(recorded));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_named_is_told() {
        let md5 = "d8e8fca2dc0f896fd7cb4cb0031ba249";
        let count = |name: &str, text: &str| {
            let file = ProjectPath::root().join(name);
            recorded_outs(&file, &text.replace("MD5", md5)).map(|outs| outs.len())
        };
        assert_eq!(
            count(
                "dvc.lock",
                "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs: [{path: a, md5: MD5.dir}]\n"
            ),
            Ok(1)
        );
        assert_eq!(count("dvc.lock", "a:\n  cmd: x\n  outs: [{path: ../a, md5: MD5}]\n"), Ok(1));
        assert_eq!(count("a.dvc", "cmd: old\nouts: [{path: a, md5: MD5}, {path: b, cache: false}]\n"), Ok(1));
        assert_eq!(
            count("a.dvc", "outs: [{path: a, files: [{relpath: x, md5: MD5}, {relpath: y, md5: MD5}]}]\n"),
            Ok(2)
        );
        assert_eq!(count("entry", "{cmd: a, outs: [{path: a, md5: MD5}]}"), Ok(1));
        let entry =
            "{cmd: a, outs: [{path: a, md5: MD5}, {path: b, hash: md5, md5: MD5}]}".replace("MD5", md5);
        let old: Vec<bool> = run_outs(&entry).unwrap().iter().map(|out| out.is_old).collect();
        assert_eq!(old, [true, false]);
        assert_eq!(count("dvc.lock", ""), Ok(0));
        for text in [
            "outs: [{path: a, md5: MD5}]",
            "[]",
            "schema: '2.0'\nstages: []\n",
            "a:\n  outs: [{path: a, md5: x}]\n",
        ] {
            assert!(count("dvc.lock", text).is_err(), "{text}");
        }
    }
}
