//! `runs/search`.

use track::{Filter, OrderBy, Search, StoreError};

use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::experiments::{limit, parse_id, view};
use crate::page_token;
use crate::wire::{Json, OneRun, Page};

/// Most runs of a page.
const MOST: i64 = 50_000;

pub fn search(context: &Context, call: &Call) -> Result<Json, Fault> {
    let ids = call.texts("experiment_ids")?;
    let filter = call.text("filter")?.filter(|text| !text.trim().is_empty());
    let limit = limit(call, 1000, MOST)?;
    let order_by = call.texts("order_by")?;
    let view = view(call, "run_view_type")?;
    let offset = page_token::read(call.text("page_token")?)?;
    let refuse = |fault: track::FilterError| Fault::invalid(fault.to_string());
    let filter = filter.map(Filter::parse).transpose().map_err(refuse)?;
    let order_by: Vec<OrderBy> =
        order_by.into_iter().map(OrderBy::parse).collect::<Result<_, _>>().map_err(refuse)?;
    let experiments = ids.into_iter().map(parse_id).collect::<Result<Vec<_>, _>>()?;
    let page = |found: &[track::Run], next| Json::of(&Page("runs", found.iter().map(OneRun).collect(), next));
    // For the store no experiment means all of them, for MLflow none.
    if experiments.is_empty() {
        return Ok(page(&[], None));
    }
    let wanted = Some(offset + limit + 1);
    let search = Search { experiments, filter, order_by, limit: wanted, view, ..Search::default() };
    let found = context.store.search(&search).map_err(|fault: StoreError| Fault::from(fault))?;
    let (found, next) = page_token::page(found.into_iter().skip(offset).collect(), offset, limit);
    Ok(page(&found, next))
}
