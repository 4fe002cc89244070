//! `pipe metrics show`: the metrics of one state of the project, or of several beneath each other.

use base::{ProjectPath, Value};
use clap::Args;
use indexmap::{IndexMap, IndexSet};
use pipeline::Dialect;
use report::{Cell, Column, DiffSide, Table};
use serde_json::Value as Json;

use crate::as_dvc;
use crate::cli::{FormatArgs, ValueArgs, all_told};
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::revision::{Revision, metrics_files};
use crate::ui::Printer;

#[derive(Debug, Args)]
pub struct MetricsShowArgs {
    /// The states: git revisions, `run:ID`, `run:last` or `workspace` [default: workspace]; or files and folders, to show
    /// these alone; a file need not be declared
    #[arg(value_name = "REVISION|TARGET")]
    pub words: Vec<String>,
    /// Taken as DVC takes it: of a folder, the metrics below it are shown in any case
    #[arg(short = 'R', long, hide_short_help = true)]
    recursive: bool,
    /// Show the workspace and the tips of all branches
    #[arg(short = 'a', long)]
    all_branches: bool,
    /// Show the workspace and all tags
    #[arg(short = 'T', long)]
    all_tags: bool,
    /// Show the workspace and all commits
    #[arg(short = 'A', long)]
    all_commits: bool,
    #[command(flatten)]
    values: ValueArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// A state as it is called.
type Named = (String, Revision);

/// A state as it is called, and its metrics.
type Shown = (String, DiffSide);

/// Shows the files that parse, whatever is wrong with others, which is told below and fails the command.
///
/// # Errors
/// When a state cannot be read.
pub fn run(args: &MetricsShowArgs, project: &Project, printer: Printer) -> CliResult {
    let is_for_dvc = args.format.json && as_dvc::is_asked(project);
    let (revisions, targets) = sorted(args, project, is_for_dvc)?;
    let is_unnamed = !(args.all_branches || args.all_tags || args.all_commits) && revisions.is_empty();
    let states = states(args, revisions, project)?;
    let alone = states.len() == 1;
    let mut faults: Vec<CliError> = Vec::new();
    let mut shown: Vec<Shown> = Vec::new();
    let mut told = Vec::new();
    for (name, revision) in states {
        let state = revision.metrics_of(project, &targets);
        let state = if is_for_dvc { as_dvc::or_nothing(project, state) } else { state };
        match state {
            Ok(mut readable) => {
                if is_for_dvc {
                    let name = name_for_dvc(is_unnamed, &name, &revision);
                    told.push((name, as_dvc::metrics(&readable, &project.base)));
                }
                if !args.format.json {
                    readable.seen_from(&project.base);
                }
                shown.push((name, readable.side));
                faults.extend(readable.whole);
                faults.extend(readable.faults.into_iter().map(|(_, fault)| fault));
            }
            Err(fault) if alone => return Err(fault),
            // An old commit whose pipeline does not load hides no other.
            Err(fault) => faults.push(fault),
        }
    }
    if is_for_dvc {
        let branch = project.git().and_then(|git| git.branch());
        let all = as_dvc::without_equal_workspace(told, branch.as_deref());
        printer.data_line(as_dvc::text(&all)?);
        as_dvc::tell(faults, printer);
        return Ok(());
    }
    if args.format.json {
        printer.data_line(serde_json::to_string_pretty(&json(&shown, alone))?);
    } else if shown.iter().any(|(_, side)| !side.is_empty()) || faults.is_empty() {
        let table = table(args, &shown, alone)?;
        args.format.print(&args.values.of(table), printer);
    }
    all_told(faults, printer)
}

/// What DVC calls a state: by no name the workspace that nobody named, a commit by its whole digest, and several names without
/// blanks.
fn name_for_dvc(is_unnamed: bool, name: &str, revision: &Revision) -> String {
    match revision {
        Revision::Workspace if is_unnamed => String::new(),
        Revision::Commit(commit) if commit.starts_with(name) => commit.clone(),
        _ => name.replace(", ", ","),
    }
}

/// The words that name states, with them, and those that name files. DVC takes all words for files: in its projects a
/// word that names both is one, and where it is answered as by DVC, one that names nothing, too.
fn sorted(
    args: &MetricsShowArgs,
    project: &Project,
    is_for_dvc: bool,
) -> CliResult<(Vec<Named>, Vec<ProjectPath>)> {
    let (mut revisions, mut targets) = (Vec::new(), Vec::new());
    for word in &args.words {
        let path = ProjectPath::resolve(&project.base, word).ok();
        let is_here = path.as_ref().is_some_and(|path| path.to_path(&project.root).exists());
        if project.dialect == Dialect::Dvc && is_here {
            targets.extend(path);
            continue;
        }
        let fault = match Revision::parse(project, word) {
            Ok(revision) => {
                revisions.push((word.clone(), revision));
                continue;
            }
            Err(fault) => fault,
        };
        let is_taken = is_for_dvc && !word.starts_with("run:") && !fault.is_of_foreign_repository();
        let declared = || Ok::<_, CliError>(metrics_files(&project.pipeline_if_any()?));
        match path {
            Some(path) if is_here || is_taken || declared()?.iter().any(|file| path.contains(file)) => {
                targets.push(path);
            }
            _ => return Err(fault),
        }
    }
    Ok((revisions, targets))
}

/// The states that are asked for, each once, with all names that it goes by.
fn states(
    args: &MetricsShowArgs,
    revisions: Vec<(String, Revision)>,
    project: &Project,
) -> CliResult<Vec<(String, Revision)>> {
    let many = args.all_branches || args.all_tags || args.all_commits;
    let mut named: Vec<(String, Revision)> = Vec::new();
    if revisions.is_empty() || many {
        named.push(("workspace".to_owned(), Revision::Workspace));
    }
    named.extend(revisions);
    if many {
        let git = project.git().ok_or_else(|| {
            CliError::message("there is no git repository here, so there are no branches, tags and commits")
                .hint("`pipe runs list` shows the metrics of runs")
        })?;
        let mut commits = Vec::new();
        if args.all_branches {
            commits.extend(git.tips("refs/heads")?);
        }
        if args.all_tags {
            commits.extend(git.tips("refs/tags")?);
        }
        named.extend(commits.into_iter().map(|(name, commit)| (name, Revision::Commit(commit))));
        if args.all_commits {
            for commit in git.all_commits()? {
                let revision = Revision::Commit(commit.clone());
                // One that has a name already needs no other.
                if !named.iter().any(|(_, known)| *known == revision) {
                    named.push((commit[..commit.len().min(10)].to_owned(), revision));
                }
            }
        }
    }
    let mut states: Vec<(String, Revision)> = Vec::new();
    for (name, revision) in named {
        match states.iter_mut().find(|(_, known)| *known == revision) {
            Some((names, _)) if names.split(", ").any(|known| known == name) => {}
            Some((names, _)) => *names = format!("{names}, {name}"),
            None => states.push((name, revision)),
        }
    }
    Ok(states)
}

/// By file; of several states, by state and file.
fn json(shown: &[Shown], alone: bool) -> Json {
    // JSON's own numbers, and texts for those that it has none for.
    let values = |values: &IndexMap<String, Value>| -> Json {
        values.iter().map(|(key, value)| (key.clone(), report::json_value(value))).collect()
    };
    let files =
        |side: &DiffSide| -> Json { side.iter().map(|(file, side)| (file.clone(), values(side))).collect() };
    match shown {
        [(_, side)] if alone => files(side),
        _ => shown.iter().map(|(name, side)| (name.clone(), files(side))).collect(),
    }
}

fn table(args: &MetricsShowArgs, shown: &[Shown], alone: bool) -> CliResult<Table> {
    let precision = args.values.precision();
    let sides = || shown.iter().flat_map(|(_, side)| side);
    if sides().next().is_none() {
        let names: Vec<&str> = shown.iter().map(|(name, _)| name.as_str()).collect();
        return Err(CliError::message(format!("there are no metrics in {}", names.join(", ")))
            .hint("declare a file under `metrics:` of a stage and run `pipe repro`"));
    }
    if alone && sides().count() == 1 {
        return Ok(tall(sides(), precision));
    }
    let keys: IndexSet<&String> = sides().flat_map(|(_, values)| values.keys()).collect();
    let mut columns = vec![Column::text("revision").kept().whole(), Column::text("file").kept()];
    columns.extend(keys.iter().map(|key| Column::number(key.as_str())));
    let mut table = Table::new(columns);
    for (name, side) in shown {
        for (file, values) in side {
            let mut row = vec![Cell::text(name), Cell::text(file)];
            row.extend(keys.iter().map(|key| cell(values.get(*key), precision)));
            table.push(row);
        }
    }
    Ok(if alone { table.without("revision") } else { table })
}

/// One file's metrics one beneath the other: there are often more than fit beside each other.
fn tall<'a>(
    side: impl Iterator<Item = (&'a String, &'a IndexMap<String, Value>)>,
    precision: usize,
) -> Table {
    let mut table = Table::new(vec![
        Column::text("file"),
        Column::text("key").kept().whole(),
        Column::number("value").kept(),
    ]);
    for (file, values) in side {
        for (key, value) in values {
            table.push(vec![Cell::text(file), Cell::text(key), cell(Some(value), precision)]);
        }
    }
    table
}

fn cell(value: Option<&Value>, precision: usize) -> Cell {
    value.map_or(Cell::Missing, |value| Cell::Value { value: value.clone(), precision })
}
