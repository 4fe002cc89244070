//! Pages for browsers: experiments, the runs of one, one run with its charts, several runs side by side, and registered
//! models. Made whole on the server; no script but the one that leads from MLflow's addresses to ours.

mod charts;
mod compare;
mod html;
mod images;
mod list;
mod models;
mod run;
mod version;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, extract::Request};
use base::Timestamp;
use report::count_text;
use track::{ExperimentId, Lifecycle, Search, View};

use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::experiments::parse_id;
use crate::stream::blocking;
use html::{Html, Link, number, short};
use list::Asked;

/// Experiments that the first page shows without being asked for them.
const MOST_EXPERIMENTS: usize = 20;

/// MLflow's client prints addresses like `/#/experiments/3/runs/ID` and `/#/models/NAME/versions/1`, and what follows `#`
/// never reaches a server.
const LEAD_ON: &str = r#"function f(){const h=location.hash,m=/^#\/experiments\/(\d+)(?:\/runs\/([0-9a-f]{32}))?/.exec(h),n=/^#\/(models(?:\/[^\/?]+(?:\/versions\/\d+)?)?)(?:[\/?]|$)/.exec(h);if(m)location.replace(m[2]?"runs/"+m[2]:"experiments/"+m[1]);else if(n)location.replace(n[1])}f();addEventListener("hashchange",f)"#;
/// What the page with that script may do; the digest is that of [`LEAD_ON`], so that no other script runs.
const HOME_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; \
                           frame-ancestors 'none'; base-uri 'none'; \
                           script-src 'sha256-u3C6miMD3qnwkSalfpX+65QU+04G/SzOfZo4o39lzR8='";

/// The pages' addresses.
pub fn router() -> Router<Context> {
    Router::new()
        .route("/", get(home))
        .route("/experiments/{id}", get(experiment))
        .route("/runs/{id}", get(one_run))
        .route("/compare", get(compare))
        .route("/models", get(models))
        .route("/models/{name}", get(model))
        .route("/models/{name}/versions/{version}", get(one_version))
}

async fn home(State(context): State<Context>, request: Request) -> Response {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    let mut response = page(blocking(move || experiments_page(&context, &call)).await);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(HOME_POLICY));
    response
}

async fn experiment(State(context): State<Context>, Path(id): Path<String>, request: Request) -> Response {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    page(blocking(move || runs_page(&context, &id, &call)).await)
}

async fn one_run(State(context): State<Context>, Path(id): Path<String>, request: Request) -> Response {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    page(blocking(move || run::page(&context, &id, &call)).await)
}

async fn compare(State(context): State<Context>, request: Request) -> Response {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    page(blocking(move || compare::page(&context, &call)).await)
}

async fn models(State(context): State<Context>, request: Request) -> Response {
    let call = Call::from_query(request.uri().query().unwrap_or_default());
    page(blocking(move || models::list(&context, &call)).await)
}

async fn model(State(context): State<Context>, Path(name): Path<String>) -> Response {
    page(blocking(move || models::one(&context, &name)).await)
}

async fn one_version(
    State(context): State<Context>,
    Path((name, version)): Path<(String, String)>,
) -> Response {
    page(blocking(move || version::page(&context, &name, &version)).await)
}

fn page(made: Result<String, Fault>) -> Response {
    match made {
        Ok(text) => ([HTML], text).into_response(),
        Err(fault) => refusal(&fault),
    }
}

/// What a browser shows of a page.
const HTML: (HeaderName, &str) = (CONTENT_TYPE, "text/html; charset=utf-8");

/// A page that says why there is no other.
pub fn refusal(fault: &Fault) -> Response {
    let mut page = Html::default();
    page.heading(1, "This cannot be shown");
    page.paragraph("fault", &fault.message);
    (fault.code.status(), [HTML], page.finish("This cannot be shown")).into_response()
}

fn experiments_page(context: &Context, call: &Call) -> Result<String, Fault> {
    let mut page = Html::default();
    page.raw(&format!("<script>{LEAD_ON}</script>\n"));
    page.heading(1, "Experiments");
    let mut experiments = context.store.experiments()?;
    experiments.retain(|experiment| experiment.lifecycle == Lifecycle::Active);
    let rows = experiments.iter().map(|experiment| {
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
    let is_long = experiments.len() > MOST_EXPERIMENTS;
    if is_long {
        let count = count_text(experiments.len(), "experiment");
        page.raw(&format!("<details><summary>{count}</summary>\n"));
    }
    page.table(&["id", "name", "made"], rows);
    page.raw(if is_long { "</details>\n" } else { "" });
    page.heading(2, "Runs");
    list::runs(&mut page, context, None, &Asked::of(call, "/")?)?;
    Ok(page.finish("Runs"))
}

fn runs_page(context: &Context, id: &str, call: &Call) -> Result<String, Fault> {
    let experiment = crate::experiments::find(context, id)?;
    let id: ExperimentId = parse_id(id)?;
    let mut page = Html::default();
    page.heading(1, &experiment.name);
    page.note(&experiment.tags);
    if experiment.lifecycle == Lifecycle::Deleted {
        let search = Search { experiments: vec![id], view: View::Deleted, joined: true, ..Search::default() };
        let count = count_text(context.store.select(&search)?.len(), "run");
        page.paragraph(
            "fault",
            format_args!(
                "This experiment is deleted, with {count}. `pipe experiments restore {id}` brings it back."
            ),
        );
        // A run of it that somebody brought back alone is listed.
        let search = Search { view: View::Active, limit: Some(1), ..search };
        if context.store.select(&search)?.is_empty() {
            return Ok(page.finish(&experiment.name));
        }
    }
    list::runs(&mut page, context, Some(id), &Asked::of(call, &format!("/experiments/{id}"))?)?;
    Ok(page.finish(&experiment.name))
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
