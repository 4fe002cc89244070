//! `pipe params diff`: what changed between two states' parameters.

use clap::{Args, Subcommand};
use report::{Diff, DiffOptions};

use crate::cli::FormatArgs;
use crate::error::CliResult;
use crate::project::Project;
use crate::revision::Revision;
use crate::ui::Printer;

/// Compare parameters
#[derive(Debug, Subcommand)]
pub enum ParamsCommand {
    /// Show which parameters differ between two states of the project
    Diff(ParamsDiffArgs),
}

#[derive(Debug, Args)]
pub struct ParamsDiffArgs {
    #[command(flatten)]
    sides: SidesArgs,
    /// Only parameters that a stage depends on
    #[arg(long)]
    deps: bool,
}

/// Two states, and how their difference is shown.
#[derive(Debug, Args)]
pub struct SidesArgs {
    /// The old state: a git revision, `run:ID`, `run:last` or `workspace` [default: HEAD, or the last run where there
    /// is no commit]
    #[arg(value_name = "A")]
    old: Option<String>,
    /// The new state [default: workspace]
    #[arg(value_name = "B")]
    new: Option<String>,
    /// Show what is equal too
    #[arg(long)]
    all: bool,
    /// Significant digits of numbers in text and markdown
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=17))]
    precision: u8,
    #[command(flatten)]
    format: FormatArgs,
}

impl SidesArgs {
    /// The two states.
    ///
    /// # Errors
    /// When one of them names nothing.
    pub fn revisions(&self, project: &Project, printer: Printer) -> CliResult<(Revision, Revision)> {
        let old = match &self.old {
            Some(text) => Revision::parse(project, text)?,
            None => Revision::default_base(project, printer)?,
        };
        let new = match &self.new {
            Some(text) => Revision::parse(project, text)?,
            None => Revision::Workspace,
        };
        Ok((old, new))
    }

    /// Prints the difference of two states.
    pub fn print(&self, old: &Revision, new: &Revision, diff: &Diff, printer: Printer) {
        let options = DiffOptions { all: self.all, precision: usize::from(self.precision) };
        if self.format.json {
            printer.data(diff.json(options));
            return;
        }
        let table = diff.table(options);
        if table.is_empty() && !self.format.csv && !self.format.md {
            printer.say(format_args!("Nothing differs between {old} and {new}."));
        } else {
            self.format.print(&table, printer);
        }
    }
}

/// Compares parameters.
///
/// # Errors
/// When a state cannot be read.
pub fn run(command: &ParamsCommand, printer: Printer) -> CliResult {
    let ParamsCommand::Diff(args) = command;
    let project = Project::find()?;
    let (old, new) = args.sides.revisions(&project, printer)?;
    // A run recorded only what stages depend on: more would look added or removed.
    let declared = args.deps || [&old, &new].iter().any(|side| matches!(side, Revision::Run(_)));
    let diff = Diff::new(&old.params(&project, declared)?, &new.params(&project, declared)?);
    args.sides.print(&old, &new, &diff, printer);
    Ok(())
}
