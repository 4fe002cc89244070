//! What `--json` prints in projects of DVC: the shapes of its own JSON, so that a script that reads DVC's goes on where
//! `pipe` is typed for `dvc`. Files are named as they are seen from where the command was called, where DVC does.
//!
//! Only shapes are decided here; what is so, the commands find out as everywhere.

mod values;

use base::{FileState, ProjectPath};
use pipeline::Dialect;
use serde_json::{Map, Value as Json};

use crate::error::{CliError, with_causes};
use crate::project::Project;
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
