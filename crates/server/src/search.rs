//! `runs/search`.

use track::{Search, Searched};

use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::experiments::{parse_id, view};
use crate::filters;
use crate::page_token;
use crate::wire::{self, Json, Occasion, OneRun, Part};

/// So many runs are read at once.
const PIECE: usize = 50;
/// Most runs of a page.
const MOST: i64 = 50_000;

pub fn search(context: &Context, call: &Call) -> Result<Json, Fault> {
    let ids = call.texts("experiment_ids")?;
    call.text("filter")?;
    let limit = page_token::limit(call, 1000, MOST)?;
    call.texts("order_by")?;
    let view = view(call, "run_view_type")?;
    let offset = page_token::read(call.text("page_token")?)?;
    let filter = filters::filter(call, Searched::Runs)?;
    let order_by = filters::order_by(call, Searched::Runs)?;
    let experiments = ids.into_iter().map(parse_id).collect::<Result<Vec<_>, _>>()?;
    // For the store no experiment means all of them, for MLflow none.
    if experiments.is_empty() {
        return Ok(Json::empty());
    }
    let search =
        Search { experiments, filter, order_by, offset, limit: Some(limit + 1), view, ..Search::default() };
    let (found, next) = page_token::page(context.store.select(&search)?, offset, limit);
    let (context, mut at, mut next) = (context.clone(), 0, next);
    wire::list("runs", move || {
        // Runs that were purged since are passed over.
        while at < found.len() {
            let piece = &found[at..found.len().min(at + PIECE)];
            at += piece.len();
            let runs = context.store.runs(piece)?;
            if !runs.is_empty() {
                let locations = context.locations(runs.iter().map(|run| run.info.experiment))?;
                let runs =
                    runs.iter().map(|run| OneRun { run, locations: &locations, occasion: Occasion::Found });
                return Ok(Part::Items(wire::items(&runs.collect::<Vec<_>>())));
            }
        }
        Ok(Part::End(next.take()))
    })
}
