//! Parts of a metric's history: a page of it, and an even choice of its points.
//!
//! Chunks know their first and last step, so a page reads only those that it can touch.

use rusqlite::Connection;

use super::fault::Fault;
use super::history::{named, numbers, order, points, settle, tail};
use crate::chunk::Point;
use crate::{Metric, MetricCursor, RunId, decode_chunk};

/// At most `limit` points after a cursor.
pub(super) fn page(
    connection: &Connection,
    run: RunId,
    key: &str,
    after: Option<MetricCursor>,
    limit: usize,
) -> Result<Vec<Metric>, Fault> {
    let Some((run, number)) = numbers(connection, run, key)? else { return Ok(Vec::new()) };
    let after = after.map(MetricCursor::point);
    let is_wanted = |point: &Point| after.as_ref().is_none_or(|after| order(after, point).is_lt());
    let mut found: Vec<Point> = tail(connection, run, number)?.into_iter().filter(is_wanted).collect();
    let from = after.map_or(i64::MIN, |after| after.0);
    let mut query = connection.prepare_cached(
        "SELECT number, first_step FROM metric_chunk WHERE run = ?1 AND key = ?2 AND last_step >= ?3
         ORDER BY first_step, number",
    )?;
    let chunks = query.query_map([run, number, from], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let chunks: Vec<(i64, i64)> = chunks.collect::<Result<_, _>>()?;
    let mut data = connection.prepare_cached("SELECT data FROM metric_chunk WHERE number = ?1")?;
    for (chunk, first_step) in chunks {
        // What is found stands before all that is still to be read.
        if found.len() >= limit && found.partition_point(|point| point.0 < first_step) >= limit {
            break;
        }
        let data: Vec<u8> = data.query_row([chunk], |row| row.get(0))?;
        found.extend(decode_chunk(&data)?.into_iter().filter(is_wanted));
        settle(&mut found);
    }
    found.truncate(limit);
    Ok(named(key, found))
}

/// Of each run, at most `limit` points, evenly chosen.
pub(super) fn sampled(
    connection: &Connection,
    runs: &[RunId],
    key: &str,
    steps: Option<(i64, i64)>,
    limit: usize,
) -> Result<Vec<(RunId, Vec<Metric>)>, Fault> {
    let mut found = Vec::with_capacity(runs.len());
    for run in runs {
        let Some((number, key_number)) = numbers(connection, *run, key)? else { continue };
        let mut points = points(connection, number, key_number)?;
        if let Some((first, last)) = steps {
            points.retain(|point| (first..=last).contains(&point.0));
        }
        if !points.is_empty() {
            found.push((*run, named(key, thin_out(points, limit))));
        }
    }
    Ok(found)
}

/// The first point of each of `limit` groups of nearly equal size, larger ones first, and the last point of all in
/// place of the last: what SQL's NTILE gives.
fn thin_out(points: Vec<Point>, limit: usize) -> Vec<Point> {
    let limit = limit.max(1);
    if points.len() <= limit {
        return points;
    }
    let (size, larger) = (points.len() / limit, points.len() % limit);
    let first = |group: usize| group * size + group.min(larger);
    let mut chosen: Vec<Point> = (0..limit).map(|group| points[first(group)]).collect();
    chosen[limit - 1] = points[points.len() - 1];
    chosen
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;

    #[test]
    fn an_even_choice_keeps_both_ends() {
        let steps = |count: i64, limit| -> Vec<i64> {
            let points = (0..count).map(|step| (step, Timestamp(0), 0.0)).collect();
            thin_out(points, limit).into_iter().map(|point| point.0).collect()
        };
        assert_eq!(steps(3, 5), [0, 1, 2]);
        assert_eq!(steps(10, 4), [0, 3, 6, 9]);
        assert_eq!(steps(11, 4), [0, 3, 6, 10]);
        assert_eq!(steps(5, 1), [4]);
        assert_eq!(steps(5, 0), [4]);
    }
}
