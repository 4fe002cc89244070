//! A page of a metric's history.
//!
//! Chunks know their first and last step, so a page reads only those that it can touch. Of points that all have one step it
//! reads every chunk, so whoever wants many of those asks for many at once.

use rusqlite::Connection;

use super::fault::Fault;
use super::history::{named, numbers, order, settle, tail};
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
    // The last of as many as are wanted, once there are: what stands behind it is none of them.
    let mut bound: Option<Point> = None;
    let mut is_settled = false;
    for (chunk, first_step) in chunks {
        if found.len() >= limit {
            if !is_settled {
                settle(&mut found);
                found.truncate(limit);
                is_settled = true;
                bound = found.get(limit.wrapping_sub(1)).copied();
            }
            // What is found stands before all that is still to be read.
            if found.len() >= limit && found.last().is_none_or(|last| last.0 < first_step) {
                break;
            }
        }
        let data: Vec<u8> = data.query_row([chunk], |row| row.get(0))?;
        let count = found.len();
        let is_near = |point: &Point| bound.as_ref().is_none_or(|bound| order(point, bound).is_lt());
        found.extend(decode_chunk(&data)?.into_iter().filter(is_wanted).filter(is_near));
        is_settled &= found.len() == count;
    }
    settle(&mut found);
    found.truncate(limit);
    Ok(named(key, found))
}
