//! `runs/search`.

use track::{Filter, OrderBy, Search};

use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::experiments::{limit, parse_id, view};
use crate::filters;
use crate::page_token;
use crate::wire::{Json, OneRun, Page};

/// Most runs of a page.
const MOST: i64 = 50_000;

pub fn search(context: &Context, call: &Call) -> Result<Json, Fault> {
    let ids = call.texts("experiment_ids")?;
    let filter = call.text("filter")?;
    let limit = limit(call, 1000, MOST)?;
    let order_by = call.texts("order_by")?;
    let view = view(call, "run_view_type")?;
    let offset = page_token::read(call.text("page_token")?)?;
    let filter = filters::filter(filter, Filter::parse)?;
    let order_by = filters::order(order_by, OrderBy::parse)?;
    let experiments = ids.into_iter().map(parse_id).collect::<Result<Vec<_>, _>>()?;
    // For the store no experiment means all of them, for MLflow none.
    if experiments.is_empty() {
        return Ok(Json::empty());
    }
    let search =
        Search { experiments, filter, order_by, offset, limit: Some(limit + 1), view, ..Search::default() };
    let (found, next) = page_token::page(context.store.search(&search)?, offset, limit);
    let locations = context.locations(found.iter().map(|run| run.info.experiment))?;
    let runs = found.iter().map(|run| OneRun { run, locations: &locations, is_new: false }).collect();
    Ok(Json::of(&Page("runs", runs, next)))
}
