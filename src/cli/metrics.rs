//! `pipe metrics show` and `pipe metrics diff`.

mod show;

use clap::{Args, Subcommand};

use crate::as_dvc;
use crate::cli::params::SidesArgs;
use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

/// Show and compare metrics
#[derive(Debug, Subcommand)]
pub enum MetricsCommand {
    /// Show the values in the metrics files
    Show(show::MetricsShowArgs),
    /// Show which metrics differ between two states of the project
    Diff(MetricsDiffArgs),
}

#[derive(Debug, Args)]
pub struct MetricsDiffArgs {
    #[command(flatten)]
    pub sides: SidesArgs,
}

/// Shows or compares metrics.
///
/// # Errors
/// When a state cannot be read.
pub fn run(command: &MetricsCommand, printer: Printer) -> CliResult {
    let project = Project::find()?;
    match command {
        MetricsCommand::Show(args) => show::run(args, &project, printer),
        MetricsCommand::Diff(args) => {
            let Some((old, new)) = args.sides.revisions(&project, printer)? else { return Ok(()) };
            let targets = args.sides.targets(&project)?;
            let sides = (
                as_dvc::or_nothing(&project, old.metrics_of(&project, &targets))?,
                as_dvc::or_nothing(&project, new.metrics_of(&project, &targets))?,
            );
            args.sides.show(&project, (&old, &new), sides, true, printer)
        }
    }
}
