//! What a command has to do before it touches outs: wait for its turn, and put back what a killed process had set
//! aside.

use std::path::Path;
use std::time::Duration;

use base::{FileState, ProjectPath};
use cache::{CacheError, Workspace};
use disk::{LockFile, Sharing};
use exec::{Below, Claim, Claims, Event, Observer, Wish};

use crate::cli::command_line;
use crate::error::{CliError, CliResult, with_causes};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::ui::Printer;

/// How often it is asked whether what is in the way has gone.
const AGAIN: Duration = Duration::from_millis(50);

/// Passes on what a recovery has to say.
struct Warnings(Printer);

impl Observer for Warnings {
    fn event(&self, event: Event<'_>) {
        if let Event::Warning(text) = event {
            self.0.warn(text);
        }
    }
}

/// What a command holds while it changes outs.
#[derive(Debug)]
pub struct Held {
    // Goes before the lock does.
    _claim: Claim,
    _lock: LockFile,
}

/// Puts back what an out that persists held before its stage was cut off. What stands there now goes below `partial`; true
/// when there was such.
pub fn put_back(
    workspace: &Workspace,
    below: Below,
    path: &ProjectPath,
    state: &FileState,
    partial: Option<&Path>,
    printer: Printer,
) -> bool {
    let (restored, root) = match below {
        Below::Project => (exec::put_back(workspace, path, state, partial), ""),
        Below::FileSystem => {
            let outside = workspace.outside().map_err(CacheError::from);
            (outside.and_then(|outside| exec::put_back(&outside, path, state, partial)), "/")
        }
    };
    restored.unwrap_or_else(|fault| {
        printer.warn(format_args!("failed to put back {root}{path}: {}", with_causes(&fault)));
        false
    })
}

/// Claims what `wish` names, waiting for whoever is at work on it if `wait` says so, and recovers the outs of stages that
/// were cut off. Others may be at work on the rest of the project.
///
/// # Errors
/// When the lock or the claim cannot be had or something cannot be moved back.
pub fn hold(project: &Project, wish: &Wish, wait: bool, printer: Printer) -> CliResult<Held> {
    let command = command_line();
    let wait = wait && project.enclosing_stage().is_none();
    let lock = project.lock(&command, Sharing::Shared, wait, &Interrupt::default(), printer)?;
    let restore = |below: Below, path: &ProjectPath, state: &FileState, partial: Option<&Path>| {
        // Most often nothing is to be recovered.
        let workspace = project.workspace(printer);
        workspace.is_ok_and(|workspace| put_back(&workspace, below, path, state, partial, printer))
    };
    let claims =
        Claims::new(&project.root, &project.job_folder(), &lock, &command, &restore, project.neighbour());
    let warnings = Warnings(printer);
    claims.recover(&warnings)?;
    let mut told = false;
    let claim = loop {
        match claims.claim(wish.clone(), &warnings)? {
            Ok(claim) => break claim,
            Err(by) if !wait => {
                return Err(CliError::message(by).hint(project.waiting_hint()));
            }
            Err(by) if !told => printer.say(format_args!("Waiting: {by}.")),
            Err(_) => {}
        }
        told = true;
        std::thread::sleep(AGAIN);
    };
    drop(claims);
    Ok(Held { _claim: claim, _lock: lock })
}
