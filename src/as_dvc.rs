//! What `--json` prints in projects of DVC: the shapes of its own JSON, so that a script that reads DVC's goes on where
//! `pipe` is typed for `dvc`. Files are named as they are seen from where the command was called, where DVC does.
//!
//! Only shapes are decided here; what is so, the commands find out as everywhere.

mod values;

use base::{FileState, ProjectPath, Value};
use pipeline::{Dialect, LoadFault, PipelineError};
use report::json_value;
use serde_json::{Map, Value as Json, json};

use crate::error::{CliError, CliResult, with_causes};
use crate::project::Project;
use crate::revision::Readable;
use crate::ui::Printer;

pub use values::{Which, diff, metrics, without_equal_workspace};

/// Whether machines are answered as by DVC.
pub fn is_asked(project: &Project) -> bool {
    project.dialect == Dialect::Dvc
}

/// Says what is wrong with single files, which fails no command where the rest is told.
pub fn tell(faults: impl IntoIterator<Item = CliError>, printer: Printer) {
    for fault in faults {
        if let Some(source) = &fault.source {
            printer.insist(with_causes(source.as_ref()));
        }
        for hint in &fault.hints {
            printer.insist(hint);
        }
    }
}

/// What is told of a state of a project of DVC whose pipeline cannot be read: nothing, and why, so that another one is told all
/// the same.
///
/// # Errors
/// When it cannot be told for another reason, or the project is none of DVC.
pub fn or_nothing(project: &Project, state: CliResult<Readable>) -> CliResult<Readable> {
    match state {
        Err(fault) if is_asked(project) && is_of_pipeline(&fault) => {
            Ok(Readable { whole: Some(fault), ..Readable::default() })
        }
        state => state,
    }
}

fn is_of_pipeline(fault: &CliError) -> bool {
    fault.source.as_ref().is_some_and(|source| {
        source.downcast_ref::<LoadFault>().is_some() || source.downcast_ref::<PipelineError>().is_some()
    })
}

/// `{"error": {"type": …, "msg": …}}`: why nothing is told of a state.
pub fn state_error(fault: &CliError) -> Json {
    let message = fault.source.as_ref().map(|source| with_causes(source.as_ref())).unwrap_or_default();
    let load = fault.source.as_ref().and_then(|source| source.downcast_ref::<LoadFault>());
    let first = load.and_then(|load| load.faults.first()).map_or("", |first| first.message.as_str());
    let kind = match first {
        first if first.contains("${") => "ResolveError",
        // It names what it is about, while texts that are no YAML have nothing to name.
        first if first.starts_with('`') => "YAMLValidationError",
        _ => "YAMLSyntaxError",
    };
    json!({ "error": { "type": kind, "msg": message } })
}

/// JSON as DVC prints it: numbers that JSON has none for by their names in Python.
///
/// # Errors
/// As [`serde_json::to_string_pretty`].
pub fn text(value: &Json) -> CliResult<String> {
    let mut text = serde_json::to_string_pretty(value)?;
    for name in NOT_FINITE {
        text = text.replace(&format!("\"\\u0000{name}\""), name);
    }
    Ok(text)
}

/// As [`text`] is to print them.
const NOT_FINITE: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// A value that [`text`] prints.
fn printed(value: &Value) -> Json {
    match (value, json_value(value)) {
        (Value::Float(_), Json::String(name)) => Json::from(format!("\0{name}")),
        (_, json) => json,
    }
}

/// A map without what is empty.
pub fn compact(entries: impl IntoIterator<Item = (&'static str, Json)>) -> Json {
    let is_empty = |value: &Json| match value {
        Json::Array(list) => list.is_empty(),
        Json::Object(map) => map.is_empty(),
        _ => false,
    };
    let filled = entries.into_iter().filter(|(_, value)| !is_empty(value));
    Json::Object(filled.map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

/// A digest as DVC writes it.
pub fn hash(state: &FileState) -> String {
    let suffix = if state.is_folder() { ".dir" } else { "" };
    format!("{}{suffix}", state.digest.hex())
}

/// A path of the project as it is seen from `base`.
fn seen_from(base: &ProjectPath, path: &str) -> String {
    ProjectPath::from_record(path).map_or_else(|_| path.to_owned(), |path| path.relative_to(base))
}
