//! `pipe models list` and `show`.

use base::{one_line, plain_lines};
use clap::Args;
use report::{Cell, Column, Table};
use serde_json::{Value as Json, json};
use track::{
    Filter, ModelSearch, ModelStore, ModelVersion, RegisteredModel, Searched, SqliteStore, shown_id,
};

use crate::cli::FormatArgs;
use crate::cli::runs::open;
use crate::error::CliResult;
use crate::models::{ModelName, files, find_version, registered_model};
use crate::project::Project;
use crate::ui::Printer;

use super::change::versions_of;

#[derive(Debug, Args)]
pub struct ListArgs {
    /// List only models that match, in MLflow's grammar: "name LIKE 'iris%'"
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A registered model, or a version: NAME/3, NAME@ALIAS, NAME/Production, NAME/latest
    model: ModelName,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists registered models.
///
/// # Errors
/// When the filter does not parse, or the store cannot be read.
pub fn list(args: &ListArgs, project: &Project, printer: Printer) -> CliResult {
    let filter = args.filter.as_deref().unwrap_or_default();
    let filter = Filter::parse_mlflow(filter, Searched::RegisteredModels)?;
    let models = match project.existing_store()? {
        Some(store) => store.search_registered_models(&ModelSearch { filter, ..ModelSearch::default() })?,
        None => Vec::new(),
    };
    if models.is_empty() && !args.format.json && !args.format.csv {
        printer.say("There is no registered model; `pipe models register` makes one.");
        return Ok(());
    }
    let mut table = Table::new(vec![
        Column::text("name").kept(),
        Column::number("version"),
        Column::text("aliases"),
        Column::text("updated"),
        Column::text("description"),
    ]);
    let store = if models.is_empty() { None } else { project.existing_store()? };
    for model in &models {
        let newest = match &store {
            Some(store) => store.latest_versions(&model.name, &track::Stage::ALL)?,
            None => Vec::new(),
        };
        let newest = newest.iter().map(|version| version.version).max();
        table.push(vec![
            Cell::text(&model.name),
            newest.map_or(Cell::Missing, Cell::Int),
            aliases(model),
            Cell::Time(model.updated),
            model.description.as_ref().map_or(Cell::Missing, Cell::text),
        ]);
    }
    args.format.print(&table, printer);
    Ok(())
}

fn aliases(model: &RegisteredModel) -> Cell {
    Cell::Map(model.aliases.iter().map(|(alias, version)| (alias.clone(), (*version).into())).collect())
}

/// Shows a model or a version.
///
/// # Errors
/// When there is no such model or version, or the store cannot be read.
pub fn show(args: &ShowArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    if args.model.which.is_some() {
        let version = find_version(&store, &args.model)?;
        return show_version(&store, &version, args.json, printer);
    }
    let model = registered_model(&store, &args.model.name)?;
    let versions = versions_of(&store, &model.name)?;
    if args.json {
        let versions: Vec<Json> =
            versions.iter().map(|version| version_json(&store, version)).collect::<CliResult<_>>()?;
        let shown = json!({
            "name": model.name,
            "description": model.description,
            "created": model.created.0,
            "updated": model.updated.0,
            "tags": model.tags,
            "aliases": model.aliases,
            "versions": versions,
        });
        printer.data_line(serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    printer.data_line(one_line(&model.name));
    described(model.description.as_deref(), &model.tags, printer);
    if !versions.is_empty() {
        printer.data_line("\nVersions");
        printer.data(versions_table(&store, &versions)?.text(printer.width(), printer.colors_data()));
    }
    Ok(())
}

fn described(description: Option<&str>, tags: &std::collections::BTreeMap<String, String>, printer: Printer) {
    if let Some(description) = description {
        printer.data_text(plain_lines(description.trim_end()));
    }
    if !tags.is_empty() {
        printer.data_line("\nTags");
        let mut table = Table::new(vec![Column::text("key").kept().whole(), Column::text("value").kept()]);
        for (key, value) in tags {
            table.push(vec![Cell::text(key), Cell::text(value)]);
        }
        printer.data(table.text(printer.width(), printer.colors_data()));
    }
}

/// Versions, one a line.
///
/// # Errors
/// When the store fails.
pub fn versions_table(store: &SqliteStore, versions: &[ModelVersion]) -> CliResult<Table> {
    let mut table = Table::new(vec![
        Column::number("version").kept(),
        Column::text("aliases").kept(),
        Column::text("stage"),
        Column::text("run"),
        Column::text("created"),
        Column::text("description"),
    ]);
    for version in versions {
        table.push(vec![
            Cell::Int(version.version),
            Cell::text(version.aliases.join(", ")),
            Cell::text(version.stage.name()),
            match version.run {
                Some(run) => Cell::text(shown_id(store, run)?.short()),
                None => Cell::Missing,
            },
            Cell::Time(version.created),
            version.description.as_ref().map_or(Cell::Missing, Cell::text),
        ]);
    }
    Ok(table)
}

fn show_version(store: &SqliteStore, version: &ModelVersion, as_json: bool, printer: Printer) -> CliResult {
    // A version whose files are elsewhere can be shown all the same.
    let files = files(store, version).unwrap_or_default();
    if as_json {
        let mut shown = version_json(store, version)?;
        let files: Vec<Json> = files
            .iter()
            .map(|file| json!({"path": file.path, "digest": file.digest, "size": file.size}))
            .collect();
        shown["files"] = files.into();
        printer.data_line(serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    printer.data_line(format_args!("{}/{}", one_line(&version.model), version.version));
    described(version.description.as_deref(), &version.tags, printer);
    printer.data_line("");
    let table = versions_table(store, std::slice::from_ref(version))?;
    printer.data(table.text(printer.width(), printer.colors_data()));
    printer.data_line(format_args!("\nFiles, from {}", one_line(&version.source)));
    if files.is_empty() {
        printer.data_line("none here: they are kept elsewhere, or gone");
        return Ok(());
    }
    let mut table = Table::new(vec![Column::text("path").kept().whole(), Column::number("size")]);
    for file in files {
        table.push(vec![Cell::text(file.path), Cell::Bytes(file.size)]);
    }
    printer.data(table.text(printer.width(), printer.colors_data()));
    Ok(())
}

/// A version; `run_id` is the run that lists show, `script_run` the one that a client knows, where that is another.
fn version_json(store: &SqliteStore, version: &ModelVersion) -> CliResult<Json> {
    let run = version.run.map(|run| shown_id(store, run)).transpose()?;
    Ok(json!({
        "name": version.model,
        "version": version.version,
        "source": version.source,
        "run_id": run.map(|run| run.to_string()),
        "script_run": version.run.filter(|script| run != Some(*script)).map(|script| script.to_string()),
        "model_id": version.logged_model.map(|model| model.to_string()),
        "status": version.status.name(),
        "stage": version.stage.name(),
        "aliases": version.aliases,
        "description": version.description,
        "user": version.user,
        "created": version.created.0,
        "updated": version.updated.0,
        "tags": version.tags,
    }))
}
