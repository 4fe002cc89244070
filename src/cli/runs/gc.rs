//! `pipe runs gc`: removes for ever what was deleted.

use base::Timestamp;
use clap::Args;
use report::{Cell, Column, Table};
use track::{Change, ModelId, ModelStore, Purge, Run, RunStore, Search, SqliteStore, View};

use crate::age::parse_age;
use crate::cli::arguments::ConfirmArgs;
use crate::error::CliResult;
use crate::logging::now;
use crate::project::Project;
use crate::ui::Printer;

use super::lifecycle::shown;
use super::open;

/// Remove deleted runs, experiments and logged models for ever
///
/// Shows them first, with the runs of the experiments. The bytes of their artifacts go with the next `pipe gc`, unless
/// something else needs them: versions of registered models keep their files, whatever they were made of. An experiment
/// in which a run was restored stays.
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
    let mut runs = store.runs(&purge.runs)?;
    let mut models = purge.models.clone();
    if !purge.experiments.is_empty() {
        // They go with all that is in them.
        let inside = store.models_in(&purge.experiments)?;
        models.extend(inside.into_iter().filter(|model| !purge.models.contains(model)));
        let experiments = purge.experiments.clone();
        runs.extend(store.search(&Search { experiments, view: View::Deleted, ..Search::default() })?);
    }
    let runs = shown(&runs);
    printer.data(preview(&store, &purge, &runs, &models)?.text(printer.width(), printer.colors_data()));
    let what = told(&purge, runs.len(), models.len());
    tell_versions(&store, &purge, printer)?;
    if args.confirm.dry {
        printer.say(format_args!("Would remove {what} for ever."));
        return Ok(());
    }
    args.confirm.confirm(&format!("this would remove {what} for ever"), printer)?;
    store.apply(now(vec![Change::Purge(purge)]))?;
    printer.say(format_args!("Removed {what}; `pipe gc` frees what of the cache they alone needed."));
    Ok(())
}

/// So many versions are named.
const NAMED: usize = 10;

/// Says which versions are made of what goes: their files stay with them.
fn tell_versions(store: &SqliteStore, purge: &Purge, printer: Printer) -> CliResult {
    let versions = store.versions_made_of(purge)?;
    if versions.is_empty() {
        return Ok(());
    }
    let mut names = Vec::new();
    for version in &versions {
        let aliases = store.model_version(&version.model, version.version)?.aliases;
        let aliases = if aliases.is_empty() { String::new() } else { format!(" ({})", aliases.join(", ")) };
        names.push(format!("{}/{}{aliases}", base::one_line(&version.model), version.version));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let listed = report::few_text(&names, NAMED, ", ");
    printer.say(match names.len() {
        1 => format!("Made of this and kept with its files: version {listed}."),
        _ => format!("Made of this and kept with their files: versions {listed}."),
    });
    Ok(())
}

/// What goes, in words; of the runs, how many people see.
fn told(purge: &Purge, runs: usize, models: usize) -> String {
    let counts = [(purge.experiments.len(), "experiment"), (runs, "run"), (models, "logged model")];
    let parts = counts.into_iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, noun)| report::count_text(count, noun)).collect::<Vec<_>>().join(", ")
}

fn preview(store: &SqliteStore, purge: &Purge, runs: &[&Run], models: &[ModelId]) -> CliResult<Table> {
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
    for Run { info, .. } in runs {
        let deleted = info.deleted.map_or(Cell::Missing, Cell::Time);
        table.push(vec![Cell::text("run"), Cell::text(info.id.short()), Cell::text(&info.name), deleted]);
    }
    for id in models {
        let model = store.logged_model(*id)?;
        table.push(vec![
            Cell::text("logged model"),
            Cell::text(id.to_string()),
            Cell::text(model.name),
            Cell::Time(model.updated),
        ]);
    }
    Ok(table)
}
