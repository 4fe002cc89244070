//! `pipe params diff`: what changed between two states' parameters.

use base::ProjectPath;
use clap::{Args, Subcommand};
use pipeline::Dialect;
use report::{Diff, DiffOptions};

use crate::as_dvc;
use crate::cli::{FormatArgs, ValueArgs, all_told};
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::revision::{Readable, Revision, Which};
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
    pub sides: SidesArgs,
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
    /// Compare the values in these files alone, and in what lies in these folders; they need not be declared
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub targets: Vec<String>,
    /// Show values that are equal, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    values: ValueArgs,
    #[command(flatten)]
    format: FormatArgs,
}

impl SidesArgs {
    /// The two states; `None` where DVC's scripts are told that nothing differs, since there is no commit yet.
    ///
    /// # Errors
    /// When one of them names nothing.
    pub fn revisions(&self, project: &Project, printer: Printer) -> CliResult<Option<(Revision, Revision)>> {
        let has_commit = || project.git().map_or(Ok(true), |git| git.known_head().map(|head| head.is_some()));
        if self.format.json && as_dvc::is_asked(project) && !has_commit()? {
            printer.data_line("{}");
            return Ok(None);
        }
        let old = match &self.old {
            Some(text) => Revision::parse(project, text)?,
            None => Revision::default_base(project, printer)?,
        };
        let new = match &self.new {
            Some(text) => Revision::parse(project, text)?,
            None => Revision::Workspace,
        };
        Ok(Some((old, new)))
    }

    /// The files and folders whose values alone are compared.
    ///
    /// # Errors
    /// When one of them lies outside the project.
    pub fn targets(&self, project: &Project) -> CliResult<Vec<ProjectPath>> {
        let targets = self.targets.iter().map(|target| ProjectPath::resolve(&project.base, target));
        Ok(targets.collect::<Result<_, _>>()?)
    }

    /// Shows what differs between the params or the `metrics` of two states, as far as they are asked for and could be read; tells also what is wrong with
    /// the rest.
    ///
    /// # Errors
    /// When neither has one of the files that are asked for, or the last of those faults.
    pub fn show(
        &self,
        project: &Project,
        revisions: (&Revision, &Revision),
        (mut old, mut new): (Readable, Readable),
        metrics: bool,
        printer: Printer,
    ) -> CliResult {
        let is_for_dvc = self.format.json && as_dvc::is_asked(project);
        let wanted = self.targets(project)?;
        let is_all_read = old.whole.is_none() && new.whole.is_none();
        for (target, place) in self.targets.iter().zip(&wanted) {
            if is_all_read && !old.tells_of(place) && !new.tells_of(place) {
                let fault = CliError::message(format!("neither state has values in a file `{target}`"))
                    .hint("without `--targets`, the values of all files are compared");
                // Nothing differs there, which DVC's scripts take as well.
                if !is_for_dvc {
                    return Err(fault);
                }
                as_dvc::tell([fault], printer);
            }
        }
        if !wanted.is_empty() {
            old.retain(&wanted);
            new.retain(&wanted);
        }
        let whole = [&mut old, &mut new].map(|side| side.whole.take()).into_iter().flatten();
        if is_for_dvc {
            let which = as_dvc::Which { all: self.all, metrics };
            let all = as_dvc::diff(&old.side, &new.side, which, &project.base);
            printer.data_line(as_dvc::text(&all)?);
            as_dvc::tell(whole, printer);
            as_dvc::tell(old.faults.into_iter().chain(new.faults).map(|(_, fault)| fault), printer);
            return Ok(());
        }
        if !self.format.json {
            old.seen_from(&project.base);
            new.seen_from(&project.base);
        }
        let (diff, mut faults) = old.diff(new);
        faults.splice(0..0, whole);
        self.print(revisions, &diff, faults, printer)
    }

    /// Prints the difference of two states, then what is wrong with files that are not part of it.
    fn print(
        &self,
        (old, new): (&Revision, &Revision),
        diff: &Diff,
        faults: Vec<CliError>,
        printer: Printer,
    ) -> CliResult {
        let options = DiffOptions { all: self.all, precision: self.values.precision() };
        if self.format.json {
            printer.data(diff.json(options));
            return all_told(faults, printer);
        }
        let table = self.values.of(diff.table(options));
        if !table.is_empty() || self.format.csv || self.format.md {
            self.format.print(&table, printer);
        } else if faults.is_empty() {
            printer.say(format_args!("Nothing differs between {old} and {new}."));
        }
        all_told(faults, printer)
    }
}

/// Compares parameters.
///
/// # Errors
/// When a state cannot be read.
pub fn run(command: &ParamsCommand, printer: Printer) -> CliResult {
    let ParamsCommand::Diff(args) = command;
    let project = Project::find()?;
    let Some((old, new)) = args.sides.revisions(&project, printer)? else { return Ok(()) };
    // A run recorded only what stages depend on: more would look added or removed.
    let targets = args.sides.targets(&project)?;
    // DVC shows all of a file that is named.
    let is_named = project.dialect == Dialect::Dvc && !targets.is_empty();
    let has_run = [&old, &new].iter().any(|side| matches!(side, Revision::Run(_)));
    let declared = (args.deps && !is_named) || has_run;
    let which = match (declared, targets.as_slice()) {
        (true, _) => Which::Declared,
        (false, []) => Which::Told,
        (false, targets) => Which::Of(targets),
    };
    let (before, after) = (
        as_dvc::or_nothing(&project, old.params(&project, which))?,
        as_dvc::or_nothing(&project, new.params(&project, which))?,
    );
    args.sides.show(&project, (&old, &new), (before, after), false, printer)
}
