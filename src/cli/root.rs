//! `pipe root`: the way to the project's root.

use base::ProjectPath;
use clap::Args;

use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

/// Print the way from the current folder to the root of the project
#[derive(Debug, Args)]
pub struct RootArgs {}

/// Prints the way.
///
/// # Errors
/// When the current folder is in no project.
pub fn run(_args: &RootArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    if !project.is_one()? {
        project.pipeline_file()?;
    }
    printer.data_line(ProjectPath::root().relative_to(&project.base));
    Ok(())
}
