//! The top-level lists of a pipeline file beside its stages: `params`, `metrics`, `plots`, `artifacts`, and DVC's `datasets`.
//!
//! They make nothing run. Paths mean nothing yet here; templates are filled in.

use base::Value;
use indexmap::IndexMap;

use crate::error::PipelineError;
use crate::format::native::spec::{self, known_keys_only};
use crate::node::Node;
use crate::stage::Annotation;

/// How a plot can be drawn.
pub(crate) const PLOT_KEYS: &[&str] = &["template", "x", "y", "x_label", "y_label", "title", "header"];
const ARTIFACT_KEYS: &[&str] = &["path", "type", "desc", "labels", "meta"];

/// The top-level lists, as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TopSpec {
    /// Files, each with the number of the item it came from.
    pub params: Vec<(usize, String)>,
    /// Files, each with the number of the item it came from.
    pub metrics: Vec<(usize, String)>,
    pub plots: Vec<PlotSpec>,
    pub artifacts: Vec<ArtifactSpec>,
    /// As written: what is wrong there concerns only who reads a data set.
    pub datasets: Option<Value>,
}

/// An item of `plots`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlotSpec {
    /// Its number in the list, from 0; `None` when `plots` is a map.
    pub index: Option<usize>,
    /// The path, or the name where the options name the files.
    pub id: String,
    pub options: IndexMap<String, Value>,
}

/// An entry of `artifacts`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ArtifactSpec {
    pub id: String,
    pub path: String,
    pub desc: Option<String>,
    pub annotation: Annotation,
}

/// Reads the lists from `root`, a map of them.
pub(crate) fn read(root: &Node<'_, '_>) -> Result<TopSpec, PipelineError> {
    Ok(TopSpec {
        params: spec::paths(root, "params")?,
        metrics: spec::paths(root, "metrics")?,
        plots: plots(root)?,
        artifacts: artifacts(root)?,
        datasets: root.value.as_map().and_then(|top| top.get("datasets")).cloned(),
    })
}

fn plots(root: &Node<'_, '_>) -> Result<Vec<PlotSpec>, PipelineError> {
    let Some(list) = root.get("plots") else { return Ok(Vec::new()) };
    let mut plots = Vec::new();
    if matches!(list.value, Value::Map(_)) && !root.dialect().refuses_null() {
        for (id, options) in list.entries()? {
            plots.push(PlotSpec { index: None, id: id.to_owned(), options: plot_options(&options)? });
        }
        return Ok(plots);
    }
    for (at, item) in list.items()?.enumerate() {
        match item.value {
            Value::Str(id) => {
                plots.push(PlotSpec { index: Some(at), id: id.clone(), options: IndexMap::new() });
            }
            Value::Map(map) if map.len() == 1 => {
                for (id, options) in item.entries()? {
                    let options = plot_options(&options)?;
                    plots.push(PlotSpec { index: Some(at), id: id.to_owned(), options });
                }
            }
            _ => return Err(item.expected("a path, or a map of a path or name to its options")),
        }
    }
    Ok(plots)
}

fn plot_options(options: &Node<'_, '_>) -> Result<IndexMap<String, Value>, PipelineError> {
    if matches!(options.value, Value::Null) {
        return Ok(IndexMap::new());
    }
    known_keys_only(options, "plot", PLOT_KEYS)?;
    check_plot(options)?;
    Ok(options.map()?.clone())
}

/// Checks the types of the plot options among `options`; other keys are left alone.
pub(crate) fn check_plot(options: &Node<'_, '_>) -> Result<(), PipelineError> {
    for key in ["template", "x_label", "y_label", "title"] {
        options.get(key).map(|node| node.string().map(drop)).transpose()?;
    }
    options.get("header").map(|node| node.boolean().map(drop)).transpose()?;
    for key in ["x", "y"] {
        let Some(node) = options.get(key) else { continue };
        match node.value {
            // By file: which columns of it.
            Value::Map(_) => {
                for (_, columns) in node.entries()? {
                    check_columns(&columns)?;
                }
            }
            _ => check_columns(&node)?,
        }
    }
    Ok(())
}

fn check_columns(node: &Node<'_, '_>) -> Result<(), PipelineError> {
    let is_column = |value: &Value| matches!(value, Value::Str(_) | Value::Int(_));
    if is_column(node.value) {
        return Ok(());
    }
    let Value::List(_) = node.value else {
        return Err(node.expected("a column, a list of columns, or a map of files to columns"));
    };
    match node.items()?.find(|item| !is_column(item.value)) {
        Some(item) => Err(item.expected("a column")),
        None => Ok(()),
    }
}

fn artifacts(root: &Node<'_, '_>) -> Result<Vec<ArtifactSpec>, PipelineError> {
    let Some(map) = root.get("artifacts") else { return Ok(Vec::new()) };
    let mut artifacts = Vec::new();
    for (id, entry) in map.entries()? {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        if !id.chars().all(inside) || !ends(id.chars().next()) || !ends(id.chars().last()) {
            let message = format!("`{}` is no name for an artifact", id.escape_debug());
            let hint = "use letters, digits, `-`, `_`, `.` and `/`, with a letter or digit at both ends";
            return Err(entry.key_fault(message).hint(Some(hint)));
        }
        known_keys_only(&entry, &format!("artifact `{id}`"), ARTIFACT_KEYS)?;
        let Some(path) = entry.get("path") else {
            return Err(entry.key_fault(format!("artifact `{id}` has no `path`")));
        };
        artifacts.push(ArtifactSpec {
            id: id.to_owned(),
            path: path.string()?.to_owned(),
            desc: spec::text(&entry, "desc")?,
            annotation: annotation(&entry)?,
        });
    }
    Ok(artifacts)
}

/// Reads `type`, `labels` and `meta`.
pub(crate) fn annotation(node: &Node<'_, '_>) -> Result<Annotation, PipelineError> {
    let labels = match node.get("labels") {
        Some(list) => list.items()?.map(|item| item.string().map(str::to_owned)).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let meta = match node.get("meta") {
        Some(meta) if meta.value.as_map().is_none() && node.dialect().passes_over_idle_keys() => {
            IndexMap::new()
        }
        Some(meta) => meta.map()?.clone(),
        None => IndexMap::new(),
    };
    Ok(Annotation { kind: spec::text(node, "type")?, labels, meta })
}
