//! `metrics/get-history` and its forms for charts of many runs.

use std::collections::VecDeque;
use std::sync::Arc;

use track::{Metric, MetricCursor, RunId};

use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::page_token;
use crate::wire::{self, Field, Json, Page, Part};

/// Most points of an answer for many runs.
const MOST_IN_BULK: usize = 25_000;
/// So many points of one metric are read at once. What is larger than some hundred kilobytes costs the allocator
/// megabytes for each thread.
const PIECE: usize = 1_000;
/// The same where all have one step: the store looks through the whole history for each piece of it then.
const PIECE_OF_ONE_STEP: usize = 16_000;
/// Most runs of a request.
const MOST_RUNS: usize = 100;
/// Most points a run of a sampled history.
const MOST_SAMPLED: i64 = 2500;

pub fn get(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.run_id()?;
    let key = call.required("metric_key")?;
    let limit = call.int("max_results")?;
    if let Some(limit) = limit.filter(|limit| *limit <= 0) {
        return Err(Fault::invalid(format!(
            "Invalid value {limit} for parameter 'max_results' supplied. It must be a positive integer."
        )));
    }
    let after =
        call.text("page_token")?.filter(|token| !token.is_empty()).map(page_token::read_text).transpose()?;
    let after = after.map(|text| text.parse::<MetricCursor>()).transpose();
    let after = after.map_err(|fault| Fault::invalid(format!("Invalid page token: {fault}")))?;
    let Ok(run) = id.parse::<RunId>() else { return Ok(Json::empty()) };
    let mut left = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let (store, key) = (Arc::clone(&context.store), key.to_owned());
    // Without a limit the answer is everything.
    let (mut after, mut more) = (after.filter(|_| limit.is_some()), true);
    let mut ready: VecDeque<Metric> = VecDeque::new();
    let mut piece = PIECE;
    wire::list("metrics", move || {
        if !ready.is_empty() {
            let points: Vec<Metric> = ready.drain(..ready.len().min(PIECE)).collect();
            return Ok(Part::Items(wire::items(&points.iter().map(wire::Metric::of).collect::<Vec<_>>())));
        }
        let wanted = left.min(piece);
        if !more || wanted == 0 {
            let token = after.filter(|_| more).map(|after| page_token::write_text(&after.to_string()));
            return Ok(Part::End(token));
        }
        let mut points = store.metric_page(run, &key, after, wanted + 1)?;
        more = points.len() > wanted;
        points.truncate(wanted);
        left -= points.len();
        let Some(last) = points.last() else { return Ok(Part::End(None)) };
        after = Some(MetricCursor::of(last));
        piece = if points[0].step == last.step { PIECE_OF_ONE_STEP } else { PIECE };
        ready.extend(points.split_off(points.len().min(PIECE)));
        Ok(Part::Items(wire::items(&points.iter().map(wire::Metric::of).collect::<Vec<_>>())))
    })
}

/// The points of several runs, run by run, at most so many in all.
pub fn bulk(context: &Context, call: &Call) -> Result<Json, Fault> {
    let ids = call.texts("run_id")?;
    if ids.is_empty() {
        return Err(Fault::invalid("GetMetricHistoryBulk request must specify at least one run_id."));
    }
    if ids.len() > MOST_RUNS {
        return Err(Fault::invalid(format!(
            "GetMetricHistoryBulk request cannot specify more than {MOST_RUNS} run_ids. Received {} run_ids.",
            ids.len()
        )));
    }
    let Some(key) = call.text("metric_key")? else {
        return Err(Fault::invalid("GetMetricHistoryBulk request must specify a metric_key."));
    };
    let limit = call.int("max_results")?.map_or(MOST_IN_BULK, |limit| usize::try_from(limit).unwrap_or(0));
    let limit = limit.min(MOST_IN_BULK);
    let mut runs: Vec<RunId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    runs.sort();
    runs.dedup();
    let (store, key) = (Arc::clone(&context.store), key.to_owned());
    let (mut runs, mut left) = (runs.into_iter(), limit);
    let mut of_run: Option<(RunId, std::vec::IntoIter<Metric>)> = None;
    let mut next = move || {
        loop {
            if let Some((run, points)) = &mut of_run {
                let piece: Vec<Metric> = points.take(PIECE).collect();
                if !piece.is_empty() {
                    let of_wire: Vec<_> =
                        piece.iter().map(|point| wire::Metric::in_run(point, *run)).collect();
                    return Ok(Part::Items(wire::items(&of_wire)));
                }
            }
            let Some(run) = runs.next() else { return Ok(Part::End(None)) };
            // MLflow's order of these is by time before step.
            let points = store.earliest_points(run, &key, left)?;
            left -= points.len();
            of_run = Some((run, points.into_iter()));
        }
    };
    let mut first = Some(next()?);
    if matches!(first, Some(Part::End(_))) {
        return Ok(Json::of(&Field("metrics", [(); 0])));
    }
    wire::list("metrics", move || first.take().map_or_else(&mut next, Ok))
}

/// The points of several runs, each thinned out to what a chart can show.
pub fn interval(context: &Context, call: &Call) -> Result<Json, Fault> {
    let ids = call.texts("run_ids")?;
    if ids.is_empty() {
        return Err(crate::call::absent("run_ids"));
    }
    if ids.len() > MOST_RUNS {
        return Err(Fault::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most {MOST_RUNS} run_ids. Received {} run_ids. See the \
             API docs for more information about request parameters.",
            ids.len()
        )));
    }
    let key = call.required("metric_key")?;
    let (start, end) = (call.int("start_step")?, call.int("end_step")?);
    let limit = call.int("max_results")?.unwrap_or(MOST_SAMPLED);
    if !(1..=MOST_SAMPLED).contains(&limit) {
        return Err(Fault::invalid(format!(
            "max_results must be between 1 and {MOST_SAMPLED}. See the API docs for more information about request \
             parameters."
        )));
    }
    let steps = match (start, end) {
        (None, None) => None,
        (Some(start), Some(end)) if start <= end => Some((start, end)),
        (Some(start), Some(end)) => {
            return Err(Fault::invalid(format!(
                "end_step must be greater than start_step. Found start_step={start} and end_step={end}."
            )));
        }
        _ => {
            return Err(Fault::invalid(
                "If either start step or end step are specified, both must be specified.",
            ));
        }
    };
    let limit = usize::try_from(limit).expect("between two small numbers");
    // A run that is not there has no points.
    let runs: Vec<RunId> = ids.into_iter().filter_map(|id| id.parse().ok()).collect();
    let found = context.store.sampled_history(&runs, key, steps, limit)?;
    Ok(Json::of(&Page("metrics", in_runs(&found), None)))
}

fn in_runs(found: &[(RunId, Vec<Metric>)]) -> Vec<wire::Metric<'_>> {
    let of_run = |(run, points): &'_ (RunId, Vec<Metric>)| (*run, points.len());
    let mut all = Vec::with_capacity(found.iter().map(of_run).map(|(_, count)| count).sum());
    for (run, points) in found {
        all.extend(points.iter().map(|point| wire::Metric::in_run(point, *run)));
    }
    all
}
