//! Pages for browsers: experiments, the runs of one, and one run with its charts. Made whole on the server; no script
//! but the one that leads from MLflow's addresses to ours.

mod html;

use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, extract::Request};
use base::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use report::plots::{Figure, Series, Shape, Template, Trace, svg};
use report::{bytes_text, count_text, duration_text, float_text};
use track::{
    Filter, Joined, Lifecycle, Metric, RESTORED, RESTORED_TAG, Run, RunId, RunStatus, Search, View, shown_id,
};

use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::experiments::parse_id;
use crate::runs::find;
use crate::stream::blocking;
use html::{Html, Link, cell, number, short};

/// Runs that a page lists.
const MOST_RUNS: usize = 200;
/// Metrics and params that the list of runs has columns for.
const MOST_COLUMNS: usize = 8;
/// Charts on the page of a run.
const MOST_CHARTS: usize = 60;
/// Significant digits of a value: as many as every float has.
const DIGITS: usize = 15;
/// Points of a chart.
const MOST_POINTS: usize = 2500;

/// MLflow's client prints addresses like `/#/experiments/3/runs/ID`, and what follows `#` never reaches a server.
const LEAD_ON: &str = r#"const m=/^#\/experiments\/(\d+)(?:\/runs\/([0-9a-f]{32}))?/.exec(location.hash);if(m)location.replace(m[2]?"runs/"+m[2]:"experiments/"+m[1])"#;
/// What the page with that script may do; the digest is that of [`LEAD_ON`], so that no other script runs.
const HOME_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; \
                           frame-ancestors 'none'; base-uri 'none'; \
                           script-src 'sha256-1J8Rkwkbf/WMb+o/kpR7ubuu747GdGTFnxqSx7tGuew='";

/// The pages' addresses.
pub fn router() -> Router<Context> {
    Router::new()
        .route("/", get(home))
        .route("/experiments/{id}", get(experiment))
        .route("/runs/{id}", get(run))
}

async fn home(State(context): State<Context>) -> Response {
    let mut response = page(blocking(move || experiments_page(&context)).await);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(HOME_POLICY));
    response
}

async fn experiment(State(context): State<Context>, Path(id): Path<String>, request: Request) -> Response {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    page(blocking(move || runs_page(&context, &id, &call)).await)
}

async fn run(State(context): State<Context>, Path(id): Path<String>) -> Response {
    page(blocking(move || run_page(&context, &id)).await)
}

fn page(made: Result<String, Fault>) -> Response {
    let html = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    match made {
        Ok(text) => (html, text).into_response(),
        Err(fault) => {
            let mut page = Html::default();
            page.heading(1, "This cannot be shown");
            page.paragraph("fault", &fault.message);
            page.link(&Link("/".to_owned(), "All experiments"));
            (fault.code.status(), html, page.finish("Not found")).into_response()
        }
    }
}

fn experiments_page(context: &Context) -> Result<String, Fault> {
    let mut page = Html::default();
    page.raw(&format!("<script>{LEAD_ON}</script>\n"));
    page.heading(1, "Experiments");
    let experiments = context.store.experiments()?;
    let active = experiments.iter().filter(|experiment| experiment.lifecycle == Lifecycle::Active);
    let rows = active.map(|experiment| {
        vec![
            number(experiment.id),
            Link(format!("/experiments/{}", experiment.id), &experiment.name).cell(),
            // The store has the first one from its beginning, whenever that was.
            short(match experiment.created {
                Timestamp(0) => String::new(),
                made => made.local(),
            }),
        ]
    });
    page.table(&["id", "name", "made"].map(str::to_owned), rows);
    page.heading(2, "Newest runs");
    let runs = context.store.search(&Search { limit: Some(20), joined: true, ..Search::default() })?;
    runs_table(&mut page, &runs);
    Ok(page.finish("Experiments"))
}

fn runs_page(context: &Context, id: &str, call: &Call) -> Result<String, Fault> {
    let experiment = crate::experiments::find(context, id)?;
    let mut page = Html::default();
    page.link(&Link("/".to_owned(), "All experiments"));
    page.heading(1, &experiment.name);
    let text = call.text("filter")?.unwrap_or_default();
    let hint = "metrics.accuracy > 0.9 and params.seed = 42";
    page.raw(&format!(
        "<form method=\"get\"><input name=\"filter\" aria-label=\"Filter\" placeholder=\"{}\" value=\"{}\"> \
         <button>Filter</button></form>\n",
        report::plots::escape(hint),
        report::plots::escape(text)
    ));
    let filter = match read_filter(context, text) {
        Ok(filter) => filter,
        Err(fault) => {
            page.paragraph("fault", fault);
            None
        }
    };
    let experiments = vec![parse_id(id)?];
    let limit = Some(MOST_RUNS + 1);
    let search = Search { experiments, filter, limit, joined: true, ..Search::default() };
    let mut runs = context.store.search(&search)?;
    let is_cut = runs.len() > MOST_RUNS;
    runs.truncate(MOST_RUNS);
    runs_table(&mut page, &runs);
    if runs.is_empty() {
        page.paragraph("faint", "No run matches.");
    }
    if is_cut {
        page.paragraph(
            "faint",
            format_args!("Only the newest {MOST_RUNS} are shown; a filter finds others."),
        );
    }
    Ok(page.finish(&experiment.name))
}

/// The filter that somebody wrote, if any, or what is wrong with it.
fn read_filter(context: &Context, text: &str) -> Result<Option<Filter>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let filter = Filter::parse(text).map_err(|fault| fault.to_string())?;
    filter.with_whole_ids(&*context.store, View::Active).map(Some).map_err(|fault| fault.to_string())
}

/// A status as lists show it: one that executed nothing only finished.
fn status(run: &Run) -> String {
    let is_restored = run.info.status == RunStatus::Finished && run.data.tags.contains_key(RESTORED_TAG);
    if is_restored { RESTORED.to_lowercase() } else { run.info.status.to_string() }
}

fn runs_table(page: &mut Html, runs: &[Run]) {
    let keys = |of: fn(&Run) -> Vec<&String>| -> Vec<String> {
        let all: std::collections::BTreeSet<&String> = runs.iter().flat_map(of).collect();
        all.into_iter().take(MOST_COLUMNS).cloned().collect()
    };
    let metrics = keys(|run| run.data.metrics.keys().collect());
    let params = keys(|run| run.data.params.keys().collect());
    let mut columns = ["run", "status", "start", "duration"].map(str::to_owned).to_vec();
    columns.extend(metrics.iter().chain(&params).cloned());
    let rows = runs.iter().map(|run| {
        let info = &run.info;
        let mut row = vec![
            Link(format!("/runs/{}", info.id), &info.name).cell(),
            short(status(run)),
            short(info.start_time.local()),
            number(info.duration_millis().map(duration_text).unwrap_or_default()),
        ];
        let value = |key| {
            run.data.metrics.get(key).map(|metric| float_text(metric.value, DIGITS)).unwrap_or_default()
        };
        row.extend(metrics.iter().map(|key| number(value(key))));
        row.extend(
            params.iter().map(|key| cell(run.data.params.get(key).map_or("", |value| shortened(value)))),
        );
        row
    });
    page.table(&columns, rows);
}

/// The start of a long value.
fn shortened(value: &str) -> &str {
    value.char_indices().nth(60).map_or(value, |(end, _)| &value[..end])
}

fn run_page(context: &Context, id: &str) -> Result<String, Fault> {
    let found = Joined::of(&*context.store, find(context, id)?)?;
    let run = &found.run;
    let (info, data) = (&run.info, &run.data);
    let mut page = Html::default();
    page.link(&Link(format!("/experiments/{}", info.experiment), &info.experiment_name));
    page.heading(1, &info.name);
    let mut facts = vec![
        ("id", cell(info.id)),
        ("status", cell(status(run))),
        ("start", cell(info.start_time.local())),
        ("duration", cell(info.duration_millis().map(duration_text).unwrap_or_default())),
    ];
    facts.extend((!info.user.is_empty()).then(|| ("user", cell(&info.user))));
    facts.extend(found.script.iter().map(|script| {
        let said = format!("{} {} {}", script.info.id, script.info.name, script.info.status);
        ("its script's run", cell(said))
    }));
    if let Some(from) = data.tags.get(RESTORED_TAG) {
        facts.push(("restored from", origin(context, from)));
    }
    let parent = info.parent.map(|parent| shown_id(&*context.store, parent)).transpose()?;
    let parent = parent.map(|parent| parent.to_string());
    facts.extend(parent.iter().map(|parent| ("part of", Link(format!("/runs/{parent}"), parent).cell())));
    page.table(&[], facts.into_iter().map(|(name, value)| vec![cell(name), value]));
    let children = found.children(&*context.store)?;
    if !children.is_empty() {
        page.heading(2, count_text(children.len(), "nested run"));
        runs_table(&mut page, &children);
    }
    pairs(&mut page, "Params", data.params.iter().map(|(key, value)| vec![cell(key), cell(value)]));
    if !data.metrics.is_empty() {
        page.heading(2, "Metrics");
        let latest = data.metrics.values().map(|metric| {
            vec![cell(&metric.key), number(float_text(metric.value, DIGITS)), number(metric.step)]
        });
        page.table(&["metric", "last value", "step"].map(str::to_owned), latest);
    }
    page.raw("<div class=\"charts\">\n");
    for key in data.metrics.keys().take(MOST_CHARTS) {
        for (_, history) in context.store.sampled_history(&[found.holder(key)], key, None, MOST_POINTS)? {
            if history.len() > 1 {
                page.raw(&chart(key, &history));
            }
        }
    }
    page.raw("</div>\n");
    if data.metrics.len() > MOST_CHARTS {
        page.paragraph("faint", format_args!("Charts of the first {MOST_CHARTS} metrics are shown."));
    }
    let mut rows = Vec::new();
    for owner in found.ids() {
        rows.extend(context.store.artifacts(owner)?.iter().map(|artifact| {
            let path = utf8_percent_encode(&artifact.path, NON_ALPHANUMERIC);
            let there = format!("/get-artifact?run_uuid={owner}&path={path}");
            vec![Link(there, &artifact.path).cell(), number(bytes_text(artifact.size))]
        }));
    }
    pairs(&mut page, "Artifacts", rows.into_iter());
    models(&mut page, context, &found)?;
    pairs(&mut page, "Tags", data.tags.iter().map(|(key, value)| vec![cell(key), cell(value)]));
    Ok(page.finish(&info.name))
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
fn models(page: &mut Html, context: &Context, found: &Joined) -> Result<(), Fault> {
    let (models, versions) = found.made(&*context.store)?;
    let models =
        models.iter().map(|model| vec![cell(&model.name), cell(model.id), cell(model.status.name())]);
    pairs(page, "Logged models", models);
    let versions = versions.iter().map(|version| {
        let made_of = version.logged_model.map(|model| model.to_string()).unwrap_or_default();
        let name = format!("{}/{}", version.model, version.version);
        vec![cell(name), cell(version.aliases.join(", ")), cell(version.stage.name()), cell(made_of)]
    });
    pairs(page, "Registered versions", versions);
    Ok(())
}

/// A table under a heading; nothing when there are no rows.
fn pairs(page: &mut Html, heading: &str, rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if !rows.is_empty() {
        page.heading(2, heading);
        page.table(&[], rows);
    }
}

/// The course of a metric: over its steps, or over the order of its points where the steps say nothing.
fn chart(key: &str, history: &[Metric]) -> String {
    let has_steps = history.first().map(|point| point.step) != history.last().map(|point| point.step);
    let x = |at: usize, point: &Metric| if has_steps { point.step as f64 } else { at as f64 };
    let points = history
        .iter()
        .enumerate()
        .map(|(at, point)| (x(at, point), if point.value.is_finite() { point.value } else { f64::NAN }));
    let trace = Trace {
        name: key.to_owned(),
        revision: String::new(),
        column: key.to_owned(),
        color: 0,
        dash: 0,
        points: points.collect(),
        smooth: Vec::new(),
    };
    svg(&Figure {
        name: key.to_owned(),
        title: key.to_owned(),
        x_label: if has_steps { "step" } else { "point" }.to_owned(),
        y_label: String::new(),
        shape: Shape::Series(Series { template: Template::Linear, categories: None, traces: vec![trace] }),
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_script_is_the_one_that_may_run() {
        let digest = STANDARD.encode(Sha256::digest(LEAD_ON));
        assert!(HOME_POLICY.contains(&format!("script-src 'sha256-{digest}'")), "{digest}");
    }
}
