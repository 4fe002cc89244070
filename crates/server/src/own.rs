//! `/api/pipe/1/…`: what is asked in the language of `pipe runs list --where`, and told as the store has it.
//!
//! MLflow's own addresses keep to MLflow's grammar, so what goes beyond it has addresses of its own, with a version in
//! them: fields may be added to the answers of a version, and none is taken away. A field of a request that is not known
//! is refused, since a search without its filter would answer another question.

mod asked;
mod told;

use std::collections::VecDeque;

use serde::Serialize;
use track::{Filter, Joined, Run, RunCursor, RunId, RunStore, Search, StoreError, shown_id, unknown_keys};

use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::page_token;
use crate::wire::{self, Json, Part};

use asked::{Asked, Wanted};

/// So many runs are read at once.
const PIECE: usize = 50;

/// `runs/search`: runs as people see them, with what is wanted of them.
pub fn search(context: &Context, call: &Call) -> Result<Json, Fault> {
    let Asked { search, limit, wanted } = Asked::of(context, call)?;
    let mut found = context.store.select(&search)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let mut next = None;
    if more {
        // What is gone since it was found ends no page.
        let last = found.iter().rev().find_map(|id| seen(context, *id).transpose());
        let last = last.transpose()?;
        next = last.map(|run| token(&RunCursor::of(&run, &search.order_by)));
    }
    let mut rest = VecDeque::from(found);
    let mut read = {
        let context = context.clone();
        move || piece(&context, &mut rest, &wanted)
    };
    let Some(first) = read()? else { return nothing(context, &search) };
    let mut ready = Some(first);
    wire::list("runs", move || {
        let piece = ready.take().map_or_else(&mut read, |first| Ok(Some(first)))?;
        Ok(piece.map_or_else(|| Part::End(next.take()), Part::Items))
    })
}

/// The next runs of those that were found, as JSON; nothing where no more of them are there.
fn piece(
    context: &Context,
    rest: &mut VecDeque<RunId>,
    wanted: &Wanted,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut told = Vec::new();
    while told.is_empty() && !rest.is_empty() {
        let ids: Vec<RunId> = rest.drain(..rest.len().min(PIECE)).collect();
        for run in context.store.runs(&ids)? {
            told.push(told::OneRun::of(&*context.store, whole(context, run)?, wanted)?);
        }
    }
    Ok((!told.is_empty()).then(|| wire::items(&told)))
}

/// A run as people see it; nothing where it was purged since.
fn seen(context: &Context, id: RunId) -> Result<Option<Run>, StoreError> {
    let found = context.store.runs(&[id])?.pop();
    found.map(|run| Ok(whole(context, run)?.run)).transpose()
}

fn whole(context: &Context, run: Run) -> Result<Joined, StoreError> {
    let store: &dyn RunStore = &*context.store;
    let mut joined = Joined::of(store, run)?;
    joined.run.info.parent = joined.run.info.parent.map(|parent| shown_id(store, parent)).transpose()?;
    Ok(joined)
}

fn token(cursor: &RunCursor) -> String {
    page_token::write_text(&serde_json::to_string(cursor).expect("plain data"))
}

/// Where nothing is found, a slip of the finger in a key may be why.
fn nothing(context: &Context, search: &Search) -> Result<Json, Fault> {
    #[derive(Serialize)]
    struct Nothing {
        runs: [(); 0],
        #[serde(skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    }
    let filtered = search.filter.iter().flat_map(Filter::fields);
    let asked: Vec<_> = filtered.chain(search.order_by.iter().map(|order| &order.field)).cloned().collect();
    let unknown = unknown_keys(&*context.store, &[], &asked)?;
    let notes = unknown.iter().map(ToString::to_string).collect();
    Ok(Json::of(&Nothing { runs: [], notes }))
}

#[cfg(test)]
mod tests;
