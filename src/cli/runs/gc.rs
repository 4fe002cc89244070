//! `pipe runs gc`: removes for ever what was deleted.

use base::Timestamp;
use clap::Args;
use report::{Cell, Column, Table};
use track::{Change, Joined, Purge, RunId, RunStore, SqliteStore};

use crate::age::parse_age;
use crate::cli::arguments::ConfirmArgs;
use crate::error::CliResult;
use crate::logging::now;
use crate::project::Project;
use crate::ui::Printer;

use super::open;

/// Remove deleted runs, experiments and logged models for ever
///
/// Shows them first. The bytes of their artifacts go with the next `pipe gc`, unless something else needs them.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Remove only what was deleted so long ago: 30d, 12h, 2w
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    older_than: Option<i64>,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

/// Removes for ever what was deleted.
///
/// # Errors
/// When the store cannot be read or written; with exit code 1 when it is not confirmed.
pub fn run(args: &GcArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let before = args.older_than.map(|age| Timestamp(Timestamp::now().0.saturating_sub(age / 1_000_000)));
    let purge = store.purgeable(before)?;
    if purge.is_empty() {
        printer.say("There is nothing deleted to remove.");
        return Ok(());
    }
    printer.data(preview(&store, &purge)?.text(printer.width(), printer.colors_data()));
    let what = told(&purge, shown(&store, &purge)?.len());
    if args.confirm.dry {
        printer.say(format_args!("Would remove {what} for ever."));
        return Ok(());
    }
    args.confirm.confirm(&format!("this would remove {what} for ever"), printer)?;
    store.apply(now(vec![Change::Purge(purge)]))?;
    printer.say(format_args!("Removed {what}; `pipe gc` frees what of the cache they alone needed."));
    Ok(())
}

/// The runs that go, as people see them: of a stage's and its script's, the stage's.
fn shown(store: &SqliteStore, purge: &Purge) -> CliResult<Vec<RunId>> {
    let mut shown = Vec::new();
    for id in &purge.runs {
        let joined = Joined::of(store, store.run(*id)?)?.run.info.id;
        if joined == *id || !purge.runs.contains(&joined) {
            shown.push(*id);
        }
    }
    Ok(shown)
}

fn told(purge: &Purge, runs: usize) -> String {
    let counts =
        [(purge.experiments.len(), "experiment"), (runs, "run"), (purge.models.len(), "logged model")];
    let parts = counts.into_iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, noun)| report::count_text(count, noun)).collect::<Vec<_>>().join(", ")
}

fn preview(store: &SqliteStore, purge: &Purge) -> CliResult<Table> {
    let mut table = Table::new(vec![
        Column::text("what").kept(),
        Column::text("id").kept(),
        Column::text("name").kept(),
        Column::text("deleted"),
    ]);
    for id in &purge.experiments {
        let experiment = store.experiment_by_id(*id)?;
        let deleted = Cell::Time(experiment.updated);
        table.push(vec![
            Cell::text("experiment"),
            Cell::text(id.to_string()),
            Cell::text(experiment.name),
            deleted,
        ]);
    }
    for id in shown(store, purge)? {
        let info = store.run(id)?.info;
        let deleted = info.deleted.map_or(Cell::Missing, Cell::Time);
        table.push(vec![Cell::text("run"), Cell::text(id.short()), Cell::text(info.name), deleted]);
    }
    for id in &purge.models {
        let model = track::ModelStore::logged_model(store, *id)?;
        table.push(vec![
            Cell::text("logged model"),
            Cell::text(id.to_string()),
            Cell::text(model.name),
            Cell::Time(model.updated),
        ]);
    }
    Ok(table)
}
