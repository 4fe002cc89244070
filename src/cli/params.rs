//! `pipe params diff`: what changed between two states' parameters.

use std::collections::BTreeSet;

use base::ProjectPath;
use clap::{Args, Subcommand};
use report::{Diff, DiffOptions, DiffSide};

use crate::cli::FormatArgs;
use crate::error::{CliError, CliResult};
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
    /// Compare only parameters that a stage depends on
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
    /// The new state, named likewise [default: workspace]
    #[arg(value_name = "B")]
    new: Option<String>,
    /// Compare the values in these files alone
    #[arg(long, value_name = "FILE", num_args = 1..)]
    targets: Vec<String>,
    /// Show values that are equal, too
    #[arg(long)]
    all: bool,
    /// Leave out of tables in which file a value stands
    #[arg(long)]
    no_path: bool,
    /// Round numbers to N significant digits, in text and markdown
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

    /// Compares two states, as far as they are asked for.
    ///
    /// # Errors
    /// When neither has one of the files that are asked for.
    pub fn compare(&self, project: &Project, mut old: DiffSide, mut new: DiffSide) -> CliResult<Diff> {
        let mut wanted = BTreeSet::new();
        for target in &self.targets {
            let file = ProjectPath::resolve(&project.base, target)?.to_string();
            if !old.contains_key(&file) && !new.contains_key(&file) {
                return Err(CliError::message(format!("neither state has values in a file `{target}`"))
                    .hint("without `--targets`, the values of all files are compared"));
            }
            wanted.insert(file);
        }
        if !wanted.is_empty() {
            old.retain(|file, _| wanted.contains(file));
            new.retain(|file, _| wanted.contains(file));
        }
        Ok(Diff::new(&old, &new))
    }

    /// Prints the difference of two states.
    pub fn print(&self, old: &Revision, new: &Revision, diff: &Diff, printer: Printer) {
        let options = DiffOptions { all: self.all, precision: usize::from(self.precision) };
        if self.format.json {
            printer.data(diff.json(options));
            return;
        }
        let table = diff.table(options);
        let table = if self.no_path { table.without("file") } else { table };
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
    let (before, after) = (old.params(&project, declared)?, new.params(&project, declared)?);
    let diff = args.sides.compare(&project, before, after)?;
    args.sides.print(&old, &new, &diff, printer);
    Ok(())
}
