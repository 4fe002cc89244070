//! `metrics/get-history` and its forms for charts of many runs.

use track::{Metric, RunId};

use crate::call::Call;
use crate::context::Context;
use crate::error::Fault;
use crate::page_token;
use crate::runs::find;
use crate::wire::{self, Field, Json, Page};

/// Most points of an answer for many runs.
const MOST_IN_BULK: usize = 25_000;
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
    let offset = page_token::read(call.text("page_token")?)?;
    let Ok(run) = id.parse::<RunId>() else { return Ok(Json::empty()) };
    let mut points = context.store.metric_history(run, key)?;
    by_time(&mut points);
    let limit = limit.map_or(usize::MAX / 2, |limit| usize::try_from(limit).unwrap_or(usize::MAX / 2));
    let end = offset.saturating_add(limit).saturating_add(1);
    let page = points.into_iter().skip(offset).take(end - offset).collect();
    let (points, next): (Vec<Metric>, _) = page_token::page(page, offset, limit);
    Ok(Json::of(&Page("metrics", points.iter().map(wire::Metric::of).collect(), next)))
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
    let mut found: Vec<(RunId, Vec<Metric>)> = Vec::new();
    let mut left = limit;
    for run in runs {
        let mut points = context.store.metric_history(run, key)?;
        by_time(&mut points);
        points.truncate(left);
        left -= points.len();
        found.push((run, points));
    }
    Ok(Json::of(&Field("metrics", in_runs(&found))))
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
        (None, None) => i64::MIN..=i64::MAX,
        (Some(start), Some(end)) if start <= end => start..=end,
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
    let mut found: Vec<(RunId, Vec<Metric>)> = Vec::new();
    for id in ids {
        let run = find(context, id)?.info.id;
        let mut points = context.store.metric_history(run, key)?;
        points.retain(|point| steps.contains(&point.step));
        found.push((run, sampled(points, limit)));
    }
    let metrics = in_runs(&found);
    Ok(Json::of(&Page("metrics", metrics, None)))
}

fn in_runs(found: &[(RunId, Vec<Metric>)]) -> Vec<wire::Metric<'_>> {
    let of_run = |(run, points): &'_ (RunId, Vec<Metric>)| (*run, points.len());
    let mut all = Vec::with_capacity(found.iter().map(of_run).map(|(_, count)| count).sum());
    for (run, points) in found {
        all.extend(points.iter().map(|point| wire::Metric::in_run(point, *run)));
    }
    all
}

/// Into MLflow's order of a history: by time before step.
fn by_time(points: &mut [Metric]) {
    let order = |a: &Metric, b: &Metric| {
        (a.timestamp, a.step).cmp(&(b.timestamp, b.step)).then_with(|| a.value.total_cmp(&b.value))
    };
    if !points.is_sorted_by(|a, b| order(a, b).is_le()) {
        points.sort_by(order);
    }
}

/// At most `limit` points, evenly spread, with the first and the last among them. As a database cuts rows into
/// `limit` parts: the first parts take one more where the rows do not come out even; the first row of each is kept.
fn sampled(points: Vec<Metric>, limit: usize) -> Vec<Metric> {
    let count = points.len();
    if count <= limit {
        return points;
    }
    let (size, longer) = (count / limit, count % limit);
    let first = |part: usize| part * size + part.min(longer);
    let mut kept: Vec<usize> = (0..limit).map(first).collect();
    if let Some(last) = kept.last_mut() {
        *last = count - 1;
    }
    let mut wanted = kept.into_iter().peekable();
    let is_kept = |(at, point)| (wanted.next_if_eq(&at).is_some()).then_some(point);
    points.into_iter().enumerate().filter_map(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    fn steps(count: i64, limit: usize) -> Vec<i64> {
        let point = |step| Metric { key: "m".into(), value: 0.0, step, timestamp: Timestamp(0) };
        sampled((0..count).map(point).collect(), limit).iter().map(|point| point.step).collect()
    }

    #[test]
    fn samples_are_spread_with_both_ends() {
        assert_eq!(steps(3, 5), [0, 1, 2]);
        assert_eq!(steps(5, 5), [0, 1, 2, 3, 4]);
        assert_eq!(steps(10, 4), [0, 3, 6, 9]);
        assert_eq!(steps(10, 1), [9]);
        assert_eq!(steps(7, 2), [0, 6]);
    }
}
