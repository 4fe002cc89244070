//! What DVC's files record and no cache or workspace here has. Its record would go with them, so that nobody who has
//! the converted project alone could bring it back.

use base::ProjectPath;
use cache::Workspace;
use pipeline::{Lock, Pipeline, parse_source};

use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::reading::pointer_text;
use crate::ui::Printer;

/// How many are named.
const NAMED: usize = 10;

/// Data that is not here as recorded.
#[derive(Debug)]
pub struct Absent {
    path: ProjectPath,
    /// The pointer or the stage that it belongs to.
    of: String,
    /// Something else lies there.
    is_edited: bool,
}

/// Whether what lies at `path` has the digest that `lock` records.
///
/// # Errors
/// When it cannot be read.
pub fn is_as_recorded(theirs: &Workspace, lock: &Lock, path: &ProjectPath) -> CliResult<bool> {
    let recorded = lock.stages.values().find_map(|stage| stage.out(path)).map(|state| state.digest);
    if recorded.is_none() {
        return Ok(false);
    }
    let now = theirs.observe(path)?.map(|now| now.digest);
    // What DVC 1 or 2 recorded of text takes no notice of carriage returns.
    let is_old = lock.stages.values().any(|stage| stage.unix_text.contains(path));
    Ok(now == recorded || (is_old && theirs.unix_digest(path)? == recorded))
}

/// All such data of pointers and of recorded stages.
///
/// # Errors
/// When something cannot be read.
pub fn absent(old: &Project, pipeline: &Pipeline, printer: Printer) -> CliResult<Vec<Absent>> {
    let theirs = old.workspace(printer)?;
    let mut absent = Vec::new();
    for file in &pipeline.pointers {
        let text = pointer_text(old, file)?;
        let (stage, lock) = parse_source(file, &text)?;
        for out in &stage.outs {
            let is_there = out.path.to_path(&old.root).exists();
            let recorded = lock.stages.values().find_map(|stage| stage.out(&out.path));
            let is_known = match is_there {
                true => is_as_recorded(&theirs, &lock, &out.path)?,
                false => recorded.is_some_and(|state| theirs.blobs.has_all(state)),
            };
            if !is_known {
                absent.push(Absent { path: out.path.clone(), of: file.to_string(), is_edited: is_there });
            }
        }
    }
    let ledger = old.ledger(pipeline)?;
    for stage in pipeline.stages.iter().filter(|stage| !stage.is_source()) {
        let Some(lock) = ledger.get(&stage.address) else { continue };
        let cached = stage.outs.iter().filter(|out| out.cache && !out.path.to_path(&old.root).exists());
        let lost = cached.filter(|out| lock.out(&out.path).is_some_and(|state| !theirs.blobs.has_all(state)));
        let of = format!("stage {}", stage.address);
        absent.extend(lost.map(|out| Absent { path: out.path.clone(), of: of.clone(), is_edited: false }));
    }
    // What was hashed is not hashed once more.
    let _ = theirs.save_state();
    Ok(absent)
}

/// The error that says so, before anything was changed.
pub fn refusal(absent: &[Absent]) -> CliError {
    let named: Vec<String> =
        absent.iter().take(NAMED).map(|one| format!("{} of {}", one.path, one.of)).collect();
    let more = match absent.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let mut fault = CliError::message(format!(
        "not here as recorded, so that its record would be lost: {}{more}",
        named.join(", ")
    ));
    if absent.iter().any(|one| !one.is_edited) {
        fault = fault.hint("`pipe pull` first (`dvc pull` where the remote is no folder)");
    }
    if absent.iter().any(|one| one.is_edited) {
        fault = fault.hint("`pipe commit` first records what was edited, `pipe checkout -f` takes it back");
    }
    fault.hint("`-f` converts without that data; nothing was changed")
}
