//! What a command has to do before it touches outs: wait for its turn, and put back what a killed process had set
//! aside.

use disk::LockFile;
use exec::{Event, Observer};

use crate::cli::command_line;
use crate::error::CliResult;
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::ui::Printer;

/// Passes on what a recovery has to say.
struct Warnings(Printer);

impl Observer for Warnings {
    fn event(&self, event: Event<'_>) {
        if let Event::Warning(text) = event {
            self.0.warn(text);
        }
    }
}

/// Takes the project's lock, waiting for it if `wait` says so, and recovers the outs of stages that were cut off.
///
/// # Errors
/// When the lock cannot be taken or something cannot be moved back.
pub fn hold(project: &Project, wait: bool, printer: Printer) -> CliResult<LockFile> {
    let lock = project.lock(&command_line(), wait, &Interrupt::default(), printer)?;
    exec::recover(&project.root, &project.pipe_path("tmp").join("jobs"), &Warnings(printer))?;
    Ok(lock)
}
