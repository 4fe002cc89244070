//! One run with all that is known of it, and several as a table.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use report::{LISTED, bytes_text, count_text, duration_text, float_text};
use track::{
    Artifact, ArtifactOwner, Joined, Lifecycle, MetricRange, NOTE_TAG, RESTORED, RESTORED_TAG, Role, Run,
    RunId, RunStatus, StoreError, commonest, shown_id,
};

use super::charts::{self, charts};
use super::html::{Html, Link, cell, digest, folded, head, name, number, short, shortened};
use super::images;
use super::list::{self, Order};
use super::version;
use crate::artifacts::exactly;
use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::runs::find;

/// Metrics and params that the list of runs has columns for, each.
const MOST_COLUMNS: usize = 8;
/// So many where all are asked for.
const MOST_COLUMNS_ASKED: usize = 200;
/// Significant digits of a value where one run is shown: as many as every float has.
pub const DIGITS: usize = 15;
/// Files of which it is looked up who wrote them.
const MOST_MAKERS: usize = 100;
/// Files of a logged model on the page of a run.
const MOST_FILES: usize = 500;

/// More params than these are folded together: what was measured is to be seen without looking for it.
const MOST_PARAMS: usize = 30;
/// Images of a page.
const MOST_IMAGES: usize = 24;
/// A status as lists show it: one that executed nothing only finished.
pub fn status(run: &Run) -> String {
    let is_restored = run.info.status == RunStatus::Finished && run.data.tags.contains_key(RESTORED_TAG);
    if is_restored { RESTORED.to_lowercase() } else { run.info.status.to_string() }
}

/// Runs in a table, which can be ordered and of which some can be chosen, where `order` says how they are listed.
pub fn runs_table(
    page: &mut Html,
    runs: &[Run],
    order: Option<&Order<'_>>,
    parents: &BTreeMap<RunId, String>,
) {
    let is_whole = order.is_some_and(Order::has_all_columns);
    let most = if is_whole { MOST_COLUMNS_ASKED } else { MOST_COLUMNS };
    let mut metrics = commonest(runs.iter().flat_map(|run| run.data.metrics.keys()));
    let mut params = commonest(runs.iter().flat_map(|run| run.data.params.keys()));
    let cut = [(metrics.len(), "metric"), (params.len(), "param")];
    metrics.truncate(most);
    params.truncate(most);
    let title = |class: &str, name: &str, field: &str| match order {
        Some(order) => order.head(class, name, field),
        None => head(class, name),
    };
    let spans_several = runs.windows(2).any(|pair| pair[0].info.experiment != pair[1].info.experiment);
    let mut heads: Vec<String> = order.map(|_| head("", "")).into_iter().collect();
    heads.extend([
        head("", "id"),
        title("", "run", "name"),
        title("", "status", "status"),
        title("", "start", "start_time"),
        title("number", "duration", "duration"),
    ]);
    let has_parents = runs.iter().any(|run| run.info.parent.is_some_and(|id| parents.contains_key(&id)));
    heads.extend(has_parents.then(|| head("", "part of")));
    heads.extend(spans_several.then(|| head("", "experiment")));
    heads.extend(metrics.iter().map(|key| title("number", key, &format!("metrics.`{key}`"))));
    heads.extend(params.iter().map(|key| title("", key, &format!("params.`{key}`"))));
    let rows = runs.iter().map(|run| {
        let info = &run.info;
        let mut row: Vec<String> = order.map(|_| list::choice(run)).into_iter().collect();
        row.extend([
            short(info.id.short()),
            Link(format!("/runs/{}", info.id), &name_of(run)).named(),
            short(status(run)),
            short(info.start_time.local()),
            number(info.duration_millis().map(duration_text).unwrap_or_default()),
        ]);
        let parent = info.parent.and_then(|parent| parents.get(&parent)).cloned();
        row.extend(has_parents.then(|| parent.unwrap_or_else(|| cell(""))));
        let there =
            || Link(format!("/experiments/{}", info.experiment), &shortened(&info.experiment_name)).named();
        row.extend(spans_several.then(there));
        let value = |key| {
            run.data.metrics.get(key).map(|metric| float_text(metric.value, LISTED)).unwrap_or_default()
        };
        row.extend(metrics.iter().map(|key| number(value(*key))));
        row.extend(
            params
                .iter()
                .map(|key| short(run.data.params.get(*key).map_or("".into(), |value| shortened(value)))),
        );
        row
    });
    page.table_below(&heads, rows);
    let cut: Vec<String> = cut
        .iter()
        .filter(|(all, _)| *all > most)
        .map(|(all, noun)| format!("{most} of {}", count_text(*all, noun)))
        .collect();
    if !cut.is_empty() {
        let cut = cut.join(" and ");
        page.paragraph(
            "faint",
            format_args!(
                "Columns for {cut}: those that most of these runs have. The page of a run has all of it."
            ),
        );
    }
    if let Some(order) = order.filter(|_| is_whole || !cut.is_empty()) {
        page.raw(&format!("<p>{}</p>\n", order.other_columns()));
    }
}

/// The cells that lead to the runs of which others are part, by the ids of those.
pub fn parents(context: &Context, runs: &[Run]) -> Result<BTreeMap<RunId, String>, Fault> {
    let ids: BTreeSet<RunId> = runs.iter().filter_map(|run| run.info.parent).collect();
    let mut cells = BTreeMap::new();
    for id in ids {
        let shown = shown_id(&*context.store, id)?;
        cells.insert(
            id,
            match context.store.run(shown) {
                Ok(run) => Link(format!("/runs/{shown}"), &name_of(&run)).named(),
                Err(StoreError::UnknownRun(_)) => name(format_args!("{} (gone)", shown.short())),
                Err(fault) => return Err(fault.into()),
            },
        );
    }
    Ok(cells)
}

/// What a run is called where there is little room: of a name that nobody could see, the id.
pub fn name_of(run: &Run) -> Cow<'_, str> {
    let is_seen = |c: char| !c.is_whitespace() && !c.is_control() && !('\u{200b}'..='\u{200f}').contains(&c);
    if run.info.name.contains(is_seen) { shortened(&run.info.name) } else { run.info.id.short().into() }
}

/// One run.
pub fn page(context: &Context, id: &str, call: &Call) -> Result<String, Fault> {
    let found = Joined::of(&*context.store, find(context, id)?)?;
    let run = &found.run;
    let (info, data) = (&run.info, &run.data);
    let mut page = Html::default();
    page.link(&Link(format!("/experiments/{}", info.experiment), &info.experiment_name));
    page.heading(1, &info.name);
    page.note(&data.tags);
    facts(&mut page, context, &found)?;
    let children = found.children(&*context.store)?;
    if !children.is_empty() {
        page.heading(2, count_text(children.len(), "nested run"));
        runs_table(&mut page, &children, None, &BTreeMap::new());
    }
    let of_stage = data.stage_params.iter().map(|(key, value)| (format!("{key} (stage)"), value));
    let params = data.params.iter().map(|(key, value)| (key.clone(), value)).chain(of_stage);
    page.folded_pairs(
        "Params",
        (MOST_PARAMS, "param"),
        params.map(|(key, value)| vec![cell(key), folded(value)]),
    );
    metrics(&mut page, context, &found)?;
    charts(
        &mut page,
        context,
        &[(String::new(), &found)],
        &format!("/runs/{}", info.id),
        charts::from(call)?,
    )?;
    files(&mut page, context, run, Role::Input)?;
    datasets(&mut page, run);
    files(&mut page, context, run, Role::Output)?;
    artifacts(&mut page, context, &found)?;
    made_models(&mut page, context, &found)?;
    // The note is what the page begins with.
    let tags = data.tags.iter().filter(|(key, _)| *key != NOTE_TAG);
    page.pairs("Tags", tags.map(|(key, value)| vec![cell(key), folded(value)]));
    Ok(page.finish(&info.name))
}

/// What a run is, and to which others it belongs.
fn facts(page: &mut Html, context: &Context, found: &Joined) -> Result<(), Fault> {
    let (info, tags) = (&found.run.info, &found.run.data.tags);
    let mut facts = vec![
        ("id", cell(info.id)),
        ("status", cell(status(&found.run))),
        ("start", cell(info.start_time.local())),
        ("duration", cell(info.duration_millis().map(duration_text).unwrap_or_default())),
    ];
    let heard = found.run.last_heard().map(|heard| ("last heard of", cell(heard.local())));
    facts.extend(heard);
    if info.lifecycle == Lifecycle::Deleted {
        facts.push(("deleted", cell(info.deleted.map(Timestamp::local).unwrap_or_default())));
    }
    facts.extend((!info.user.is_empty()).then(|| ("user", cell(&info.user))));
    facts.extend(found.script.iter().map(|script| {
        let said = format!("{} {} {}", script.info.id, script.info.name, script.info.status);
        ("its script's run", cell(said))
    }));
    if let Some(from) = tags.get(RESTORED_TAG) {
        facts.push(("restored from", origin(context, from)));
    }
    if let Some(parent) = info.parent {
        facts.push(("part of", link_to(context, shown_id(&*context.store, parent)?)?));
    }
    page.table(&[], facts.into_iter().map(|(name, value)| vec![cell(name), value]));
    Ok(())
}

/// A cell that leads to a run, by its name.
pub fn link_to(context: &Context, id: RunId) -> Result<String, Fault> {
    Ok(match context.store.run(id) {
        Ok(run) => Link(format!("/runs/{id}"), &format!("{} {}", name_of(&run), id.short())).cell(),
        Err(StoreError::UnknownRun(_)) => cell(format_args!("{} (gone)", id.short())),
        Err(fault) => return Err(fault.into()),
    })
}

/// What was measured: the last value, the least, the greatest, and how many points there are.
pub fn metrics(page: &mut Html, context: &Context, found: &Joined) -> Result<(), Fault> {
    let data = &found.run.data;
    if data.metrics.is_empty() {
        return Ok(());
    }
    let mut points: BTreeMap<String, usize> = BTreeMap::new();
    // Those of the script come last: they are the ones that are shown.
    for id in found.ids() {
        points.extend(context.store.courses(id, 1)?.into_iter().map(|course| (course.key, course.points)));
    }
    page.heading(2, "Metrics");
    let rows = data.metrics.iter().map(|(key, latest)| {
        let of = |of: fn(&MetricRange) -> f64| {
            number(data.ranges.get(key).map(|range| float_text(of(range), DIGITS)).unwrap_or_default())
        };
        vec![
            cell(key),
            number(float_text(latest.value, DIGITS)),
            of(|range| range.min),
            of(|range| range.max),
            number(points.get(key).map(ToString::to_string).unwrap_or_default()),
            number(latest.step),
        ]
    });
    let mut heads = vec![head("", "metric")];
    heads.extend(["last", "min", "max", "points", "last step"].map(|name| head("number", name)));
    page.table_below(&heads, rows);
    Ok(())
}

/// What a run read or wrote, by digest; of what it read, the newest run before it that wrote those bytes.
fn files(page: &mut Html, context: &Context, run: &Run, role: Role) -> Result<(), Fault> {
    let files = context.store.lineage(run.info.id, role)?;
    if files.is_empty() {
        return Ok(());
    }
    let is_input = role == Role::Input;
    page.heading(2, if is_input { "Inputs" } else { "Outs" });
    let mut rows = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let mut row = vec![cell(&file.path), number(bytes_text(file.size)), digest(&file.digest)];
        if is_input {
            let is_asked = at < MOST_MAKERS;
            let maker = if is_asked { context.store.maker(&file.digest, run.info.id)? } else { None };
            row.push(maker.map_or_else(|| Ok(cell("")), |maker| link_to(context, maker))?);
        }
        rows.push(row);
    }
    let mut heads = vec![head("", "path"), head("number", "size"), head("", "digest")];
    heads.extend(is_input.then(|| head("", "written by")));
    page.table_below(&heads, rows);
    Ok(())
}

/// What was kept with a run: images to be seen, and all files to be had.
fn artifacts(page: &mut Html, context: &Context, found: &Joined) -> Result<(), Fault> {
    let mut rows = Vec::new();
    let mut seen = Vec::new();
    for owner in found.ids() {
        let artifacts = context.store.artifacts(owner)?;
        let address = |path: &str| {
            let encoded = utf8_percent_encode(path, NON_ALPHANUMERIC);
            format!("/get-artifact?run_uuid={owner}&path={encoded}{}", exactly(path))
        };
        let there: Vec<String> = artifacts.iter().map(|artifact| address(&artifact.path)).collect();
        for (artifact, there) in artifacts.iter().zip(&there) {
            rows.push(vec![Link(there.clone(), &artifact.path).cell(), number(bytes_text(artifact.size))]);
        }
        let files = artifacts.iter().zip(&there);
        seen.extend(images::images(files.map(|(artifact, there)| {
            let Artifact { path, size, .. } = artifact;
            images::File { path, size: *size, there }
        })));
    }
    if rows.is_empty() {
        return Ok(());
    }
    page.heading(2, "Artifacts");
    let count = seen.len();
    page.images(seen.iter().take(MOST_IMAGES));
    if count > MOST_IMAGES {
        page.paragraph("faint", format_args!("Only the first {MOST_IMAGES} of {count} images are shown."));
    }
    page.table(&[], rows);
    Ok(())
}

/// The data sets that a run said it read.
fn datasets(page: &mut Html, run: &Run) {
    if run.data.datasets.is_empty() {
        return;
    }
    page.heading(2, "Data sets");
    let rows = run.data.datasets.iter().map(|input| {
        let dataset = &input.dataset;
        let source = folded(&dataset.source);
        vec![cell(&dataset.name), cell(&dataset.digest), cell(input.context().unwrap_or_default()), source]
    });
    page.table(&["name", "digest", "context", "source"], rows);
}

/// Where the result of a run came from that executed nothing.
fn origin(context: &Context, from: &str) -> String {
    match from.parse::<RunId>() {
        Ok(id) if context.store.run(id).is_ok() => Link(format!("/runs/{id}"), from).cell(),
        Ok(id) => cell(format!("{id} (no longer kept)")),
        Err(_) => cell(from),
    }
}

/// The logged models and the versions of registered models that a run made.
fn made_models(page: &mut Html, context: &Context, found: &Joined) -> Result<(), Fault> {
    let (models, versions) = found.made(&*context.store)?;
    let rows = models.iter().map(|model| vec![cell(&model.name), cell(model.id), cell(model.status.name())]);
    page.pairs("Logged models", rows);
    for model in &models {
        let files = context.store.artifacts_of(&ArtifactOwner::Model(model.id))?;
        let rows = files.iter().take(MOST_FILES).map(|file| {
            let path = utf8_percent_encode(&file.path, NON_ALPHANUMERIC);
            let (id, address) = (model.id, "/ajax-api/2.0/mlflow/logged-models");
            let exactly = exactly(&file.path);
            let there = format!("{address}/{id}/artifacts/files?artifact_file_path={path}{exactly}");
            vec![Link(there, &file.path).cell(), number(bytes_text(file.size))]
        });
        page.pairs(&format!("Files of {}", model.name), rows);
        if files.len() > MOST_FILES {
            let count = files.len();
            page.paragraph("faint", format_args!("Only the first {MOST_FILES} of {count} are shown."));
        }
    }
    let versions = versions.iter().map(|version| {
        let made_of = version.logged_model.map(|model| model.to_string()).unwrap_or_default();
        let name = format!("{}/{}", version.model, version.version);
        let name = Link(version::address(&version.model, version.version), &name).cell();
        vec![name, cell(version.aliases.join(", ")), cell(version.stage.name()), cell(made_of)]
    });
    page.pairs("Registered versions", versions);
    Ok(())
}
