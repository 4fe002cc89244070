//! `pipe runs show`.

use std::collections::HashMap;

use base::{Digest, one_line};
use clap::Args;
use report::{Cell, Column, Table, sparkline};
use serde_json::{Map, Value as Json, json};
use track::{
    Artifact, ArtifactOwner, Course, DatasetInput, Joined, Metric, MetricRange, ModelVersion, Role, Run,
    RunId, RunStore, SqliteStore, View, is_of_script, shown_id,
};

use crate::error::CliResult;
use crate::project::Project;
use crate::recorder::tags;
use crate::ui::Printer;

use super::{open, origin, restored_from, status_cell, tell_left_out};

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The run: the end of its id as lists show it, the whole id, its name, or `last`
    run: String,
    /// Show also the tags by which pipe and MLflow's client keep their books
    #[arg(long)]
    all: bool,
    /// Print everything as JSON, the whole history of each metric included
    #[arg(long)]
    json: bool,
}

/// Shows a run.
///
/// # Errors
/// When there is no such run, or the store cannot be read.
pub fn run(args: &ShowArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let found = Joined::find(&store, &args.run, View::Active)?;
    if args.json {
        printer.data_line(serde_json::to_string_pretty(&as_json(&store, &found)?)?);
        return Ok(());
    }
    head(&store, &found, printer)?;
    let run = &found.run;
    let children = found.children(&store)?;
    if !children.is_empty() {
        let is_stage = |run: &Run| run.data.tags.contains_key(tags::STAGE) && !is_of_script(run);
        section(if children.iter().all(is_stage) { "Stages" } else { "Runs" }, printer);
        let mut table = Table::new(vec![
            Column::text("id").kept(),
            Column::text("name").kept(),
            Column::text("status").kept(),
            Column::number("duration"),
        ]);
        for child in &children {
            table.push(vec![
                Cell::text(child.info.id.short()),
                Cell::text(&child.info.name),
                status_cell(child),
                child.info.duration_millis().map_or(Cell::Missing, Cell::Duration),
            ]);
        }
        printer.data(table.text(printer.width(), printer.colors_data()));
    }
    let of_stage = run.data.stage_params.iter().map(|(key, value)| (format!("{key} (stage)"), value));
    let of_stage: Vec<_> = of_stage.collect();
    pairs("Params", run.data.params.iter().chain(of_stage.iter().map(|(key, value)| (key, *value))), printer);
    metrics(&store, &found, printer)?;
    files("Inputs", &store, run.info.id, Role::Input, printer)?;
    datasets(run, printer);
    files("Outs", &store, run.info.id, Role::Output, printer)?;
    let artifacts = artifacts(&store, &found)?;
    if !artifacts.is_empty() {
        section("Artifacts", printer);
        let row = |(artifact, mark): (Artifact, &str)| {
            (format!("{}{mark}", artifact.path), artifact.digest, artifact.size)
        };
        file_table(artifacts.into_iter().map(row), printer);
    }
    models(&store, &found, printer)?;
    if args.all {
        for model in found.made(&store)?.0 {
            let files = store.artifacts_of(&ArtifactOwner::Model(model.id))?;
            section(&format!("Files of {} {}", one_line(&model.name), model.id), printer);
            file_table(files.into_iter().map(|file| (file.path, file.digest, file.size)), printer);
        }
    }
    let is_shown = |(key, _): &(&String, &String)| args.all || !track::is_bookkeeping(key);
    pairs("Tags", run.data.tags.iter().filter(is_shown), printer);
    let left_out = run.data.tags.iter().filter(|tag| !is_shown(tag)).count();
    tell_left_out(left_out, printer);
    Ok(())
}

/// The artifacts of a run and of its script's, each with a mark: of one name that both have, the stage's is told apart.
fn artifacts(store: &SqliteStore, found: &Joined) -> CliResult<Vec<(Artifact, &'static str)>> {
    let of_script = match &found.script {
        Some(script) => store.artifacts(script.info.id)?,
        None => Vec::new(),
    };
    let digests: HashMap<&str, Digest> =
        of_script.iter().map(|artifact| (artifact.path.as_str(), artifact.digest)).collect();
    let mut artifacts = Vec::new();
    for artifact in store.artifacts(found.run.info.id)? {
        match digests.get(artifact.path.as_str()) {
            None => artifacts.push((artifact, "")),
            Some(digest) if *digest == artifact.digest => {}
            Some(_) => artifacts.push((artifact, " (stage)")),
        }
    }
    artifacts.extend(of_script.into_iter().map(|artifact| (artifact, "")));
    Ok(artifacts)
}

fn head(store: &SqliteStore, Joined { run, script }: &Joined, printer: Printer) -> CliResult {
    let status = status_cell(run).shown();
    printer.data_line(format_args!("{}  {}  {status}", run.info.id, one_line(&run.info.name)));
    let started = run.info.start_time.local();
    // As exactly as it is noted, the start says the same.
    let is_later = |heard: &base::Timestamp| heard.millis_since(run.info.start_time) >= 60_000;
    let took = run.info.duration_millis().map(report::duration_text);
    let took = took.unwrap_or_else(|| match run.last_heard().filter(is_later) {
        Some(heard) => format!("still running, last heard of {}", heard.local()),
        None => "still running".to_owned(),
    });
    let parent = run.info.parent.map(|parent| shown_id(store, parent)).transpose()?;
    let parent = parent.map(|parent| format!(", part of {}", parent.short())).unwrap_or_default();
    printer.data_line(format_args!("started {started}, {took}{parent}"));
    if let Some(from) = restored_from(run) {
        printer.data_text(format_args!("restored from {}", origin(store, from)?));
    }
    if let Some(Run { info, .. }) = script {
        let (id, name, status) = (info.id, one_line(&info.name), info.status);
        let experiment = one_line(&info.experiment_name);
        printer
            .data_text(format_args!("its script logged run {id}  {name}  {status}, experiment {experiment}"));
    }
    Ok(())
}

fn section(title: &str, printer: Printer) {
    printer.data_line(format_args!("\n{title}"));
}

fn pairs<'a>(title: &str, pairs: impl Iterator<Item = (&'a String, &'a String)>, printer: Printer) {
    let mut table = Table::new(vec![Column::text("key").kept().whole(), Column::text("value").kept()]);
    for (key, value) in pairs {
        table.push(vec![Cell::text(key), Cell::text(value)]);
    }
    if !table.is_empty() {
        section(title, printer);
        printer.data(table.text(printer.width(), printer.colors_data()));
    }
}

/// Of a longer history, so many values are looked at to draw its course.
const MOST_VALUES: usize = 960;

fn metrics(store: &SqliteStore, found: &Joined, printer: Printer) -> CliResult {
    let run = &found.run;
    if run.data.metrics.is_empty() {
        return Ok(());
    }
    section("Metrics", printer);
    let mut table = Table::new(vec![
        Column::text("key").kept().whole(),
        Column::number("last").kept(),
        Column::number("min"),
        Column::number("max"),
        Column::number("points"),
        Column::text("course"),
    ]);
    // The courses of the script's metrics come last: they are the ones that are shown.
    let mut courses: HashMap<String, Course> = HashMap::new();
    for id in found.ids() {
        courses
            .extend(store.courses(id, MOST_VALUES)?.into_iter().map(|course| (course.key.clone(), course)));
    }
    for (key, latest) in &run.data.metrics {
        let range = run.data.ranges.get(key);
        let extreme =
            |of: fn(&MetricRange) -> f64| range.map_or(Cell::Missing, |range| Cell::number(of(range)));
        let course = courses.get(key).filter(|course| course.points > 1);
        table.push(vec![
            Cell::text(key),
            Cell::number(latest.value),
            extreme(|range| range.min),
            extreme(|range| range.max),
            courses
                .get(key)
                .map_or(Cell::Missing, |course| Cell::Int(i64::try_from(course.points).unwrap_or(i64::MAX))),
            course.map_or(Cell::Missing, |course| Cell::text(sparkline(&course.values, 24))),
        ]);
        if let Some(own) = run.data.stage_metrics.get(key) {
            let mut row = vec![Cell::text(format!("{key} (stage)")), Cell::number(own.value)];
            row.resize(6, Cell::Missing);
            table.push(row);
        }
    }
    printer.data(table.text(printer.width(), printer.colors_data()));
    Ok(())
}

fn files(title: &str, store: &SqliteStore, run: RunId, role: Role, printer: Printer) -> CliResult {
    let files = store.lineage(run, role)?;
    if !files.is_empty() {
        section(title, printer);
        file_table(files.into_iter().map(|file| (file.path, file.digest, file.size)), printer);
    }
    Ok(())
}

/// The data sets that its script said it read.
fn datasets(run: &Run, printer: Printer) {
    if run.data.datasets.is_empty() {
        return;
    }
    section("Data sets", printer);
    let mut table = Table::new(vec![
        Column::text("name").kept().whole(),
        Column::text("digest").kept(),
        Column::text("context").kept(),
        Column::text("type"),
        Column::text("source"),
    ]);
    for input in &run.data.datasets {
        let DatasetInput { dataset, .. } = input;
        table.push(vec![
            Cell::text(&dataset.name),
            Cell::text(&dataset.digest),
            input.context().map_or(Cell::Missing, Cell::text),
            Cell::text(&dataset.source_type),
            Cell::text(&dataset.source),
        ]);
    }
    printer.data(table.text(printer.width(), printer.colors_data()));
}

/// The models that it logged and the versions made of them, one a line; a version of other files has no model.
fn models(store: &SqliteStore, found: &Joined, printer: Printer) -> CliResult {
    let (models, versions) = found.made(store)?;
    if models.is_empty() && versions.is_empty() {
        return Ok(());
    }
    section("Models", printer);
    let mut table = Table::new(vec![
        Column::text("version").kept(),
        Column::text("aliases"),
        Column::text("stage"),
        Column::text("model").kept(),
        Column::text("id"),
    ]);
    let version_cells = |version: &ModelVersion| {
        [
            Cell::text(format!("{}/{}", version.model, version.version)),
            Cell::text(version.aliases.join(", ")),
            Cell::text(version.stage.name()),
        ]
    };
    for model in &models {
        let named = [Cell::text(&model.name), Cell::text(model.id.to_string())];
        let of_it: Vec<_> =
            versions.iter().filter(|version| version.logged_model == Some(model.id)).collect();
        for version in &of_it {
            table.push(version_cells(version).into_iter().chain(named.clone()).collect());
        }
        if of_it.is_empty() {
            let none = [Cell::Missing, Cell::Missing, Cell::Missing];
            table.push(none.into_iter().chain(named).collect());
        }
    }
    let is_listed =
        |version: &&ModelVersion| models.iter().any(|model| Some(model.id) == version.logged_model);
    for version in versions.iter().filter(|version| !is_listed(version)) {
        table.push(version_cells(version).to_vec());
    }
    printer.data(table.text(printer.width(), printer.colors_data()));
    Ok(())
}

/// How many digits of a digest people see.
const DIGITS: usize = 12;

fn file_table(rows: impl Iterator<Item = (String, Digest, u64)>, printer: Printer) {
    let mut table = Table::new(vec![
        Column::text("path").kept().whole().cut_in_middle(),
        Column::number("size").kept(),
        Column::text("digest"),
    ]);
    for (path, digest, size) in rows {
        // Enough to tell two files apart; `--json` has the whole.
        let digest = digest.to_string();
        let digest: String = digest.rsplit(':').next().unwrap_or(&digest).chars().take(DIGITS).collect();
        table.push(vec![Cell::text(path), Cell::Bytes(size), Cell::text(digest)]);
    }
    printer.data(table.text(printer.width(), printer.colors_data()));
}

fn as_json(store: &SqliteStore, found: &Joined) -> CliResult<Json> {
    let run = &found.run;
    let id = run.info.id;
    let mut metrics = Map::new();
    for key in run.data.metrics.keys() {
        let points: Vec<Json> =
            store.metric_history(found.holder(key), key)?.iter().map(point_json).collect();
        metrics.insert(key.clone(), points.into());
    }
    // What the stage has otherwise than its script, which is told above.
    let mut stage_metrics = Map::new();
    for key in run.data.stage_metrics.keys() {
        let points: Vec<Json> = store.metric_history(id, key)?.iter().map(point_json).collect();
        stage_metrics.insert(key.clone(), points.into());
    }
    let lineage = |role| -> CliResult<Vec<Json>> {
        let files = store.lineage(id, role)?;
        Ok(files
            .iter()
            .map(|file| json!({"path": file.path, "digest": file.digest, "size": file.size}))
            .collect())
    };
    let children: Vec<String> =
        found.children(store)?.iter().map(|child| child.info.id.to_string()).collect();
    let artifacts = artifacts(store, found)?;
    let artifacts: Vec<Json> = artifacts
        .iter()
        .map(|(artifact, mark)| {
            let of_stage = !mark.is_empty();
            let (path, digest, size) = (&artifact.path, &artifact.digest, artifact.size);
            if of_stage {
                json!({"path": path, "digest": digest, "size": size, "of_stage": true})
            } else {
                json!({"path": path, "digest": digest, "size": size})
            }
        })
        .collect();
    let (models, versions) = found.made(store)?;
    let models: Vec<Json> = models
        .iter()
        .map(|model| {
            let (id, status) = (model.id.to_string(), model.status.name());
            let files = store.artifacts_of(&ArtifactOwner::Model(model.id))?;
            let file = |file: &Artifact| json!({"path": file.path, "digest": file.digest, "size": file.size});
            let files: Vec<Json> = files.iter().map(file).collect();
            Ok(json!({
                "model_id": id, "name": model.name, "type": model.model_type, "status": status, "files": files,
            }))
        })
        .collect::<CliResult<_>>()?;
    let versions: Vec<Json> = versions
        .iter()
        .map(|version| {
            let model = version.logged_model.map(|model| model.to_string());
            json!({
                "name": version.model,
                "version": version.version,
                "aliases": version.aliases,
                "stage": version.stage.name(),
                "model_id": model,
            })
        })
        .collect();
    let datasets: Vec<Json> = run
        .data
        .datasets
        .iter()
        .map(|input| {
            let DatasetInput { dataset, tags } = input;
            json!({
                "name": dataset.name,
                "digest": dataset.digest,
                "context": input.context(),
                "source_type": dataset.source_type,
                "source": dataset.source,
                "schema": dataset.schema,
                "profile": dataset.profile,
                "tags": tags,
            })
        })
        .collect();
    let parent = run.info.parent.map(|parent| shown_id(store, parent)).transpose()?;
    Ok(json!({
        "run_id": id.to_string(),
        "name": run.info.name,
        "experiment": run.info.experiment_name,
        "status": run.info.status.name(),
        "restored_from": restored_from(run),
        "parent": parent.map(|parent| parent.to_string()),
        "script_run": found.script.as_ref().map(|script| script.info.id.to_string()),
        "children": children,
        "start_time": run.info.start_time.0,
        "end_time": run.info.end_time.map(|end| end.0),
        "last_heard": run.last_heard().map(|heard| heard.0),
        "user": run.info.user,
        "params": run.data.params,
        "metrics": metrics,
        "stage_params": run.data.stage_params,
        "stage_metrics": stage_metrics,
        "tags": run.data.tags,
        "inputs": lineage(Role::Input)?,
        "datasets": datasets,
        "outs": lineage(Role::Output)?,
        "artifacts": artifacts,
        "logged_models": models,
        "model_versions": versions,
    }))
}

/// JSON knows no NaN: it and the infinities are texts, as MLflow writes them.
fn point_json(point: &Metric) -> Json {
    let value = if point.value.is_finite() {
        json!(point.value)
    } else if point.value.is_nan() {
        json!("NaN")
    } else {
        json!(if point.value > 0.0 { "Infinity" } else { "-Infinity" })
    };
    json!({"step": point.step, "timestamp": point.timestamp.0, "value": value})
}
