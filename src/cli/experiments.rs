//! `pipe experiments`: the names that runs are grouped under. An experiment is made by the first run in it.

use std::collections::HashSet;

use base::Timestamp;
use clap::{Args, Subcommand};
use report::{Cell, Column, Table, count_text};
use track::{
    Change, Experiment, ExperimentId, ExperimentRef, Joined, Lifecycle, NOTE_TAG, RunId, RunStore, Search,
    SqliteStore, StoreError, View, lease_is_alive,
};

use crate::cli::runs::open;
use crate::cli::{FormatArgs, quoted};
use crate::error::{CliError, CliResult};
use crate::logging::now;
use crate::project::Project;
use crate::ui::Printer;

/// List, rename, delete and restore experiments
///
/// An experiment is named by its name, or by its number. It is made by the first run in it: `experiment` of a stage, `pipe runs
/// start --experiment`, or a script of MLflow.
#[derive(Debug, Subcommand)]
pub enum ExperimentsCommand {
    /// List experiments
    List(ListArgs),
    /// Give an experiment another name
    Rename(RenameArgs),
    /// Delete an experiment with its runs and those of their stages; it can be restored until `pipe runs gc`
    Delete(OneArgs),
    /// Restore a deleted experiment with the runs that were deleted with it
    Restore(OneArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// List deleted ones
    #[arg(long, conflicts_with = "all")]
    deleted: bool,
    /// List active and deleted ones
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Args)]
pub struct OneArgs {
    /// Its name, or its number
    experiment: String,
}

#[derive(Debug, Args)]
pub struct RenameArgs {
    /// Its name, or its number
    experiment: String,
    /// Its new name
    name: String,
}

/// Lists or changes experiments.
///
/// # Errors
/// When there is no such experiment, or the store cannot be read or written.
pub fn run(command: &ExperimentsCommand, printer: Printer) -> CliResult {
    let project = Project::find()?;
    match command {
        ExperimentsCommand::List(args) => list(args, &project, printer),
        ExperimentsCommand::Rename(args) => rename(args, &project, printer),
        ExperimentsCommand::Delete(args) => set(&args.experiment, Lifecycle::Deleted, &project, printer),
        ExperimentsCommand::Restore(args) => set(&args.experiment, Lifecycle::Active, &project, printer),
    }
}

/// The column of what was noted of an experiment: programs always find it, people where there is a note.
const NOTE: &str = "note";

fn list(args: &ListArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let mut found = store.experiments()?;
    found.retain(|known| args.all || (known.lifecycle == Lifecycle::Deleted) == args.deleted);
    if found.is_empty() && !args.format.json && !args.format.csv {
        printer.say("No experiment is deleted.");
        return Ok(());
    }
    let note = |known: &Experiment| known.tags.get(NOTE_TAG).filter(|note| !note.trim().is_empty()).cloned();
    let mut table = Table::new(vec![
        Column::number("id").kept(),
        Column::text("name").kept(),
        Column::text("lifecycle").kept(),
        Column::number("runs"),
        Column::text("created"),
        Column::text("updated"),
        Column::text(NOTE).spare(),
    ]);
    for known in &found {
        table.push(vec![
            Cell::Int(known.id.0),
            Cell::text(&known.name),
            Cell::text(if known.lifecycle == Lifecycle::Deleted { "deleted" } else { "active" }),
            Cell::Int(i64::try_from(runs_of(&store, known)?.len()).unwrap_or(i64::MAX)),
            date(known.created),
            date(known.updated),
            note(known).map_or(Cell::Missing, Cell::text),
        ]);
    }
    let for_programs = args.format.json || args.format.csv;
    if !for_programs && found.iter().all(|known| note(known).is_none()) {
        table = table.without(NOTE);
    }
    args.format.print(&table, printer);
    Ok(())
}

/// When something happened to an experiment; the store has the first one from its beginning, whenever that was.
fn date(time: Timestamp) -> Cell {
    if time == Timestamp(0) { Cell::Missing } else { Cell::Time(time) }
}

fn rename(args: &RenameArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let found = find(&store, &args.experiment, Lifecycle::Active)?;
    let name = args.name.clone();
    let experiment = ExperimentRef::Id(found.id);
    store.apply(now(vec![Change::RenameExperiment { experiment, name }]))?;
    let name = base::one_line(&args.name).into_owned();
    printer.say(format_args!("Experiment {} is `{name}` now.", shown(&found)));
    Ok(())
}

fn set(wanted: &str, lifecycle: Lifecycle, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let is_deleted = lifecycle == Lifecycle::Deleted;
    let from = if is_deleted { Lifecycle::Active } else { Lifecycle::Deleted };
    let found = find(&store, wanted, from)?;
    let before = runs_of(&store, &found)?;
    let pairs = pairs_with_elsewhere(&store, &found, &before)?;
    let mut changes = vec![Change::SetExperimentLifecycle { experiment: found.id, lifecycle }];
    if is_deleted {
        refuse_at_work(&store, &found)?;
        changes.extend(pairs.iter().map(|(stage, _)| Change::SetLifecycle { run: *stage, lifecycle }));
    }
    store.apply(now(changes)).map_err(|fault| match fault {
        StoreError::ExperimentExists(name) => {
            CliError::message(format!("another experiment has the name `{name}` now"))
                .hint("`pipe experiments rename` gives that one another name; then restore this one")
        }
        fault => fault.into(),
    })?;
    if is_deleted {
        let count = count_text(before.len(), "run");
        let number = found.id.0;
        printer.say(format_args!(
            "Deleted experiment {} with {count}; `pipe experiments restore {number}` brings it back.",
            shown(&found)
        ));
        return Ok(());
    }
    let mut back = Vec::new();
    for (stage, script) in pairs {
        // One that was deleted on its own before stays so, and its stage's run with it.
        if store.run(script)?.info.lifecycle == Lifecycle::Active {
            back.push(Change::SetLifecycle { run: stage, lifecycle });
        }
    }
    if !back.is_empty() {
        store.apply(now(back))?;
    }
    let active = runs_of(&store, &store.experiment_by_id(found.id)?)?;
    let left = before.len().saturating_sub(active.len());
    let left = match left {
        0 => String::new(),
        1 => "; 1 run that had been deleted before stays so".to_owned(),
        left => format!("; {left} runs that had been deleted before stay so"),
    };
    let count = count_text(active.len(), "run");
    printer.say(format_args!("Restored experiment {} with {count}{left}.", shown(&found)));
    Ok(())
}

fn refuse_at_work(store: &SqliteStore, found: &Experiment) -> CliResult {
    for (id, lease) in store.leases()? {
        if lease_is_alive(&lease) && store.run(id)?.info.experiment == found.id {
            let text = format!("run {} in it is at work in process {}", id.short(), lease.pid);
            return Err(CliError::message(text).hint("wait for its end; nothing was deleted"));
        }
    }
    Ok(())
}

/// The runs of an experiment, as lists show them: those that stand as it does.
fn runs_of(store: &SqliteStore, experiment: &Experiment) -> CliResult<Vec<RunId>> {
    let view = if experiment.lifecycle == Lifecycle::Deleted { View::Deleted } else { View::Active };
    let search = Search { experiments: vec![experiment.id], view, joined: true, ..Search::default() };
    Ok(store.select(&search)?)
}

/// Of these runs of an experiment, those of stages that belong to another one, each with its script's run, which is in this one.
/// The two go and come back together: of deleted ones those that went at one time.
fn pairs_with_elsewhere(
    store: &SqliteStore,
    experiment: &Experiment,
    shown: &[RunId],
) -> CliResult<Vec<(RunId, RunId)>> {
    let search = Search { experiments: vec![experiment.id], view: View::All, ..Search::default() };
    let own: HashSet<RunId> = store.select(&search)?.into_iter().collect();
    let mut pairs = Vec::new();
    for stage in shown.iter().filter(|run| !own.contains(run)) {
        let Joined { run, script: Some(script) } = Joined::of(store, store.run(*stage)?)? else { continue };
        if run.info.deleted == script.info.deleted {
            pairs.push((*stage, script.info.id));
        }
    }
    Ok(pairs)
}

/// The experiment that is meant: a name comes before a number.
fn find(store: &SqliteStore, wanted: &str, lifecycle: Lifecycle) -> CliResult<Experiment> {
    let (all, shown) = (store.experiments()?, base::one_line(wanted));
    let (those, others): (Vec<&Experiment>, Vec<&Experiment>) =
        all.iter().partition(|known| known.lifecycle == lifecycle);
    let named: Vec<&&Experiment> = those.iter().filter(|known| known.name == wanted).collect();
    let number = wanted.parse().ok().map(ExperimentId);
    match named.as_slice() {
        [found] => return Ok((**found).clone()),
        [] => {}
        several => {
            let numbers: Vec<String> = several.iter().map(|known| known.id.to_string()).collect();
            return Err(CliError::message(format!("several deleted experiments have the name `{shown}`"))
                .hint(format!("name one by its number: {}", numbers.join(", "))));
        }
    }
    if let Some(found) = those.iter().find(|known| Some(known.id) == number) {
        return Ok((**found).clone());
    }
    let is_deleted = lifecycle == Lifecycle::Deleted;
    let is_other = others.iter().any(|known| known.name == wanted || Some(known.id) == number);
    let fault = match (is_deleted, is_other) {
        (true, true) => CliError::message(format!("experiment `{shown}` is not deleted")),
        (true, false) => CliError::message(format!("there is no deleted experiment `{shown}`"))
            .hint("`pipe experiments list --deleted` shows those that there are"),
        (false, true) => CliError::message(format!("experiment `{shown}` is deleted"))
            .hint(format!("`pipe experiments restore {}` brings it back", quoted(wanted))),
        (false, false) => CliError::message(format!("there is no experiment `{shown}`"))
            .hint("`pipe experiments list` shows those that there are"),
    };
    Err(fault)
}

fn shown(experiment: &Experiment) -> String {
    format!("`{}`", base::one_line(&experiment.name))
}
