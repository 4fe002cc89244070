//! `pipe runs delete` and `restore`.

use std::collections::{BTreeSet, HashMap};

use clap::Args;
use report::{Cell, Column, Table};
use track::{
    Change, Experiment, ExperimentId, Joined, Lifecycle, ParentFilter, Run, RunId, RunStore, SCRIPT_RUN_TAG,
    STAGE_RUN_TAG, Search, SqliteStore, StoreError, View, lease_is_alive,
};

use crate::cli::arguments::ConfirmArgs;
use crate::error::{CliError, CliResult};
use crate::logging::now;
use crate::project::Project;
use crate::ui::Printer;

use super::list::filter;
use super::{open, status_cell};

/// Delete runs, with the runs of their stages; they can be restored until `pipe runs gc`
///
/// Runs that are named go at once. Those that a filter finds are shown first, and go when `-y` or an answer says so.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    #[command(flatten)]
    chosen: ChosenArgs,
}

#[derive(Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    chosen: ChosenArgs,
}

/// Which runs.
#[derive(Debug, Args)]
struct ChosenArgs {
    /// Runs: ends of their ids as lists show them, whole ids, names, or `last`
    #[arg(value_name = "RUN", required_unless_present_any = ["where", "filter"])]
    runs: Vec<String>,
    /// All runs that match, as in `pipe runs list --where`
    #[arg(long, value_name = "FILTER", conflicts_with_all = ["filter", "runs"])]
    r#where: Option<String>,
    /// All runs that match in MLflow's own grammar
    #[arg(long, value_name = "FILTER", conflicts_with = "runs")]
    filter: Option<String>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

/// Deletes runs.
///
/// # Errors
/// When there is no such run, one is still at work, or the store cannot be written; with exit code 1 when it is not
/// confirmed.
pub fn delete(args: &DeleteArgs, project: &Project, printer: Printer) -> CliResult {
    change(&args.chosen, Lifecycle::Deleted, project, printer)
}

/// Restores runs.
///
/// # Errors
/// As [`delete`].
pub fn restore(args: &RestoreArgs, project: &Project, printer: Printer) -> CliResult {
    change(&args.chosen, Lifecycle::Active, project, printer)
}

fn change(args: &ChosenArgs, to: Lifecycle, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let view = if to == Lifecycle::Deleted { View::Active } else { View::Deleted };
    let runs = chosen(args, view, &store)?;
    let shown = shown(&runs);
    let verb = if to == Lifecycle::Deleted { "delete" } else { "restore" };
    if runs.is_empty() {
        printer.say(format_args!("There is no run to {verb}."));
        return Ok(());
    }
    if to == Lifecycle::Deleted {
        refuse_those_at_work(&store, &runs)?;
    }
    let count = report::count_text(shown.len(), "run");
    if args.confirm.dry || args.runs.is_empty() {
        printer.data(preview(&shown).text(printer.width(), printer.colors_data()));
    }
    if args.confirm.dry {
        printer.say(format_args!("Would {verb} {count}."));
        return Ok(());
    }
    if args.runs.is_empty() {
        args.confirm.confirm(&format!("this would {verb} {count}"), printer)?;
    }
    let (mut changes, mut experiments) = (Vec::new(), Vec::new());
    if to == Lifecycle::Active {
        experiments = deleted_experiments(&store, &runs)?;
        for experiment in &experiments {
            changes.extend(restored_alone(&store, experiment)?);
        }
    }
    changes.extend(runs.iter().map(|run| Change::SetLifecycle { run: run.info.id, lifecycle: to }));
    store.apply(now(changes)).map_err(|fault| match fault {
        StoreError::ExperimentExists(name) => CliError::message(format!(
            "the experiment `{name}` of these runs is deleted, and another one has its name now"
        ))
        .hint("`pipe experiments rename` gives that one another name; then restore them again"),
        fault => fault.into(),
    })?;
    let them = if shown.len() == 1 { "it" } else { "them" };
    let hint = match to {
        Lifecycle::Deleted => format!("; `pipe runs restore` brings {them} back"),
        Lifecycle::Active => String::new(),
    };
    let done = if to == Lifecycle::Deleted { "Deleted" } else { "Restored" };
    printer.say(format_args!("{done} {count}{hint}."));
    for experiment in experiments {
        let name = base::one_line(&experiment.name).into_owned();
        printer.say(format_args!("Restored experiment `{name}` too; its other runs stay deleted."));
    }
    Ok(())
}

/// The experiments of these runs that are deleted.
fn deleted_experiments(store: &SqliteStore, runs: &[Run]) -> CliResult<Vec<Experiment>> {
    let ids: BTreeSet<ExperimentId> = runs.iter().map(|run| run.info.experiment).collect();
    let mut found = Vec::new();
    for id in ids {
        found.push(store.experiment_by_id(id)?);
    }
    found.retain(|experiment| experiment.lifecycle == Lifecycle::Deleted);
    Ok(found)
}

/// Restores an experiment without the runs that were deleted with it.
fn restored_alone(store: &SqliteStore, experiment: &Experiment) -> CliResult<Vec<Change>> {
    let search = Search { experiments: vec![experiment.id], view: View::Deleted, ..Search::default() };
    let others = store.select(&search)?;
    let restore = Change::SetExperimentLifecycle { experiment: experiment.id, lifecycle: Lifecycle::Active };
    let delete = |run| Change::SetLifecycle { run, lifecycle: Lifecycle::Deleted };
    Ok(std::iter::once(restore).chain(others.into_iter().map(delete)).collect())
}

/// The runs that are meant and those that they started, each once, in the order in which they were found.
fn chosen(args: &ChosenArgs, view: View, store: &SqliteStore) -> CliResult<Vec<Run>> {
    let found: Vec<Joined> = match filter(args.r#where.as_deref(), args.filter.as_deref())? {
        Some(filter) => {
            let filter = Some(filter.with_whole_ids(store, view)?);
            let found = store.search(&Search { filter, view, joined: true, ..Search::default() })?;
            found.into_iter().map(|run| Joined::of(store, run)).collect::<Result<_, _>>()?
        }
        None => {
            let find = |wanted: &String| -> CliResult<Joined> {
                Joined::find(store, wanted, view).map_err(|fault| {
                    if view != View::Deleted {
                        return CliError::from(fault);
                    }
                    let is_active = Joined::find(store, wanted, View::Active).is_ok();
                    let not_deleted = || format!("run `{}` is not deleted", base::one_line(wanted));
                    CliError::message(if is_active { not_deleted() } else { fault.to_string() })
                        .hint("`pipe runs list --deleted` shows the runs that are deleted")
                })
            };
            let wanted = args.runs.iter().filter(|wanted| !wanted.is_empty());
            wanted.map(find).collect::<CliResult<_>>()?
        }
    };
    let pair = |found: Joined| [Some(found.run), found.script].into_iter().flatten();
    let mut runs: Vec<Run> = found.into_iter().flat_map(pair).collect();
    let mut seen = std::collections::HashSet::<RunId>::new();
    runs.retain(|run| seen.insert(run.info.id));
    let mut at = 0;
    while let Some(run) = runs.get(at) {
        let parent = ParentFilter::Of(run.info.id);
        let children = store.search(&Search { parent, view, ..Search::default() })?;
        runs.extend(children.into_iter().filter(|child| seen.insert(child.info.id)));
        at += 1;
    }
    Ok(runs)
}

/// The runs as lists show them: without those that are seen as their stages'.
pub(super) fn shown(runs: &[Run]) -> Vec<&Run> {
    let named = |run: &Run, tag: &str| run.data.tags.get(tag)?.parse::<RunId>().ok();
    let stages: HashMap<RunId, &Run> = runs.iter().map(|run| (run.info.id, run)).collect();
    let is_part = |run: &&Run| {
        named(run, STAGE_RUN_TAG)
            .and_then(|stage| named(stages.get(&stage)?, SCRIPT_RUN_TAG))
            .is_some_and(|script| script == run.info.id)
    };
    runs.iter().filter(|run| !is_part(run)).collect()
}

fn refuse_those_at_work(store: &SqliteStore, runs: &[Run]) -> CliResult {
    for (id, lease) in store.leases()? {
        if let Some(run) = runs.iter().find(|run| run.info.id == id).filter(|_| lease_is_alive(&lease)) {
            let name = &run.info.name;
            let text = format!("run {} ({name}) is at work in process {}", id.short(), lease.pid);
            return Err(CliError::message(text).hint(
                "wait for its end, or leave it out: --where \"status != 'RUNNING' and …\"; nothing was deleted",
            ));
        }
    }
    Ok(())
}

/// What is about to change.
fn preview(runs: &[&Run]) -> Table {
    let mut table = Table::new(vec![
        Column::text("id").kept(),
        Column::text("name").kept(),
        Column::text("status").kept(),
        Column::text("start"),
    ]);
    for run in runs {
        let info = &run.info;
        let id = Cell::text(info.id.short());
        table.push(vec![id, Cell::text(&info.name), status_cell(run), Cell::Time(info.start_time)]);
    }
    table
}
