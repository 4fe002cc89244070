//! Metric history: new points are blocks of their run, which are folded into column chunks of each metric.
//!
//! A block is what one set of changes logged to a run, of all its metrics: so a set of a thousand points of a hundred
//! metrics writes a few pages in one place, not a page in a hundred. A chunk holds one metric and costs about 11 bytes a
//! point, but is rewritten whole. The blocks of a run are folded when they grow past [`RUN_BLOCKS`] or [`RUN_POINTS`] and
//! when the run ends, in the transaction that caused it, so a reader sees a point in one place or the other.

use std::collections::{BTreeMap, HashMap};

use base::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::apply::check_time;
use super::fault::Fault;
use crate::block::{decode_block, encode_block, points_of};
use crate::chunk::Point;
use crate::{Metric, RunId, check_key, decode_chunk, encode_chunk};

/// A run with more blocks is folded.
const RUN_BLOCKS: i64 = 1024;
/// A run with more points in its blocks is folded.
const RUN_POINTS: i64 = 65_536;
/// The most points of a chunk.
const CHUNK_POINTS: usize = 4096;

/// A metric of a run while points are logged to it.
struct Series {
    key: i64,
    /// The new points.
    points: Vec<Point>,
    latest: Option<Point>,
    /// The least and the greatest value, once there is a number.
    range: Option<(f64, f64)>,
}

/// Logs points of any keys in any order.
pub(super) fn log(transaction: &Transaction, run: i64, metrics: &[Metric]) -> Result<(), Fault> {
    let mut touched: HashMap<&str, Series> = HashMap::new();
    for metric in metrics {
        check_time(metric.timestamp, || format!("a point of metric `{}`", metric.key))?;
        let series = match touched.get_mut(metric.key.as_str()) {
            Some(series) => series,
            None => touched.entry(&metric.key).or_insert(load_series(transaction, run, &metric.key)?),
        };
        let point = (metric.step, metric.timestamp, canonical(metric.value));
        series.points.push(point);
        if series.latest.is_none_or(|latest| order(&latest, &point).is_lt()) {
            series.latest = Some(point);
        }
        series.range = widened(series.range, point.2);
    }
    if touched.is_empty() {
        return Ok(());
    }
    // In the order of the table, so that the same changes make the same file.
    let mut touched: Vec<Series> = touched.into_values().collect();
    touched.sort_by_key(|series| series.key);
    for series in &touched {
        store_series(transaction, run, series)?;
    }
    let (blocks, points) = pending(transaction, run)?;
    let (blocks, points) = (blocks + 1, points + metrics.len() as i64);
    let block = encode_block(touched.iter().map(|series| (series.key, series.points.as_slice())));
    let mut insert = transaction
        .prepare_cached("INSERT INTO metric_block (run, blocks, points, data) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute(params![run, blocks, points, block])?;
    if blocks > RUN_BLOCKS || points > RUN_POINTS { fold_all(transaction, run) } else { Ok(()) }
}

/// How many blocks a run has, and how many points are in them.
fn pending(transaction: &Transaction, run: i64) -> Result<(i64, i64), Fault> {
    let mut query = transaction.prepare_cached(
        "SELECT blocks, points FROM metric_block WHERE run = ?1 ORDER BY number DESC LIMIT 1",
    )?;
    let last = query.query_row([run], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(last.unwrap_or_default())
}

fn load_series(transaction: &Transaction, run: i64, key: &str) -> Result<Series, Fault> {
    check_key("metric", key)?;
    let key = key_number(transaction, key)?;
    let mut query = transaction.prepare_cached(
        "SELECT step, timestamp, bits, min_bits, max_bits FROM metric_latest WHERE run = ?1 AND key = ?2",
    )?;
    let stored = query.query_row([run, key], |row| Ok((point(row, 0)?, range(row, 3)?))).optional()?;
    Ok(match stored {
        Some((latest, range)) => Series { key, points: Vec::new(), latest: Some(latest), range },
        None => Series { key, points: Vec::new(), latest: None, range: None },
    })
}

fn key_number(transaction: &Transaction, key: &str) -> Result<i64, Fault> {
    let mut query = transaction.prepare_cached("SELECT number FROM metric_key WHERE name = ?1")?;
    if let Some(number) = query.query_row([key], |row| row.get(0)).optional()? {
        return Ok(number);
    }
    transaction.prepare_cached("INSERT INTO metric_key (name) VALUES (?1)")?.execute([key])?;
    Ok(transaction.last_insert_rowid())
}

fn store_series(transaction: &Transaction, run: i64, series: &Series) -> Result<(), Fault> {
    let Some((step, time, value)) = series.latest else { return Ok(()) };
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO metric_latest (run, key, step, timestamp, bits, min_bits, max_bits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET step = ?3, timestamp = ?4, bits = ?5, min_bits = ?6, max_bits = ?7",
    )?;
    let (min, max) = (series.range.map(|range| bits(range.0)), series.range.map(|range| bits(range.1)));
    upsert.execute(params![run, series.key, step, time.0, bits(value), min, max])?;
    Ok(())
}

/// Folds the blocks of a run.
pub(super) fn fold_all(transaction: &Transaction, run: i64) -> Result<(), Fault> {
    for (key, points) in blocks(transaction, run)? {
        fold(transaction, run, key, points)?;
    }
    transaction.prepare_cached("DELETE FROM metric_block WHERE run = ?1")?.execute([run])?;
    Ok(())
}

/// The points that are still in blocks, of each metric in their order, each once.
pub(super) fn blocks(connection: &Connection, run: i64) -> Result<BTreeMap<i64, Vec<Point>>, Fault> {
    let mut by_key: BTreeMap<i64, Vec<Point>> = BTreeMap::new();
    let mut query =
        connection.prepare_cached("SELECT data FROM metric_block WHERE run = ?1 ORDER BY number")?;
    let mut rows = query.query([run])?;
    while let Some(row) = rows.next()? {
        for (key, points) in decode_block(blob(row)?)? {
            by_key.entry(key).or_default().extend(points);
        }
    }
    by_key.values_mut().for_each(settle);
    Ok(by_key)
}

/// Moves points of a metric, in their order and each once, into chunks. A last chunk with room is taken up again, so that a long run has few chunks and a
/// short one a single chunk, however often it ended.
pub(super) fn fold(
    transaction: &Transaction,
    run: i64,
    key: i64,
    mut points: Vec<Point>,
) -> Result<(), Fault> {
    if let Some((number, earlier)) = last_chunk(transaction, run, key)? {
        transaction.prepare_cached("DELETE FROM metric_chunk WHERE number = ?1")?.execute([number])?;
        points.extend(earlier);
        settle(&mut points);
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO metric_chunk (run, key, points, data, first_step, last_step) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for piece in points.chunks(CHUNK_POINTS) {
        let (first, last) = steps(piece);
        insert.execute(params![run, key, piece.len() as i64, encode_chunk(piece), first, last])?;
    }
    Ok(())
}

/// The last chunk, if it has room for more.
fn last_chunk(transaction: &Transaction, run: i64, key: i64) -> Result<Option<(i64, Vec<Point>)>, Fault> {
    let mut query = transaction.prepare_cached(
        "SELECT number, points, data FROM metric_chunk WHERE run = ?1 AND key = ?2 ORDER BY number DESC LIMIT 1",
    )?;
    let last: Option<(i64, i64, Vec<u8>)> =
        query.query_row([run, key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    match last {
        Some((number, points, data)) if points < CHUNK_POINTS as i64 => {
            Ok(Some((number, decode_chunk(&data)?)))
        }
        _ => Ok(None),
    }
}

/// The numbers of a run and of a metric's key.
pub(super) fn numbers(connection: &Connection, run: RunId, key: &str) -> Result<Option<(i64, i64)>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT run.number, metric_key.number FROM run, metric_key WHERE run.id = ?1 AND metric_key.name = ?2",
    )?;
    Ok(query.query_row([&run.to_string(), key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// All points of a metric of a run, in their order, each once.
pub(super) fn history(connection: &Connection, run: RunId, key: &str) -> Result<Vec<Metric>, Fault> {
    let Some((run, number)) = numbers(connection, run, key)? else { return Ok(Vec::new()) };
    Ok(named(key, points(connection, run, number)?))
}

/// The points of a metric that were measured first, by time before step.
pub(super) fn earliest(
    connection: &Connection,
    run: RunId,
    key: &str,
    limit: usize,
) -> Result<Vec<Metric>, Fault> {
    let Some((run, number)) = numbers(connection, run, key)?.filter(|_| limit > 0) else {
        return Ok(Vec::new());
    };
    let by_time = |a: &Point, b: &Point| (a.1, a.0).cmp(&(b.1, b.0)).then_with(|| a.2.total_cmp(&b.2));
    let keep_first = |points: &mut Vec<Point>| {
        points.sort_by(by_time);
        points.dedup_by(|a, b| order(a, b).is_eq());
        points.truncate(limit);
    };
    let mut points = tail(connection, run, number)?;
    keep_first(&mut points);
    // What grows leaves as much behind as it has.
    let most = limit + 9 * CHUNK_POINTS;
    points.reserve_exact(most.saturating_sub(points.len()).min(64 * CHUNK_POINTS));
    let mut query = connection
        .prepare_cached("SELECT data FROM metric_chunk WHERE run = ?1 AND key = ?2 ORDER BY number")?;
    let mut rows = query.query([run, number])?;
    while let Some(row) = rows.next()? {
        points.extend(decode_chunk(blob(row)?)?);
        if points.len() > limit + 8 * CHUNK_POINTS {
            keep_first(&mut points);
        }
    }
    keep_first(&mut points);
    Ok(named(key, points))
}

/// Points with the key that they are of.
pub(super) fn named(key: &str, points: Vec<Point>) -> Vec<Metric> {
    let metric = |(step, timestamp, value)| Metric { key: key.to_owned(), value, step, timestamp };
    points.into_iter().map(metric).collect()
}

/// The same, by numbers and without the key.
pub(super) fn points(connection: &Connection, run: i64, key: i64) -> Result<Vec<Point>, Fault> {
    let last = tail(connection, run, key)?;
    let mut query = connection
        .prepare_cached("SELECT coalesce(sum(points), 0) FROM metric_chunk WHERE run = ?1 AND key = ?2")?;
    let count: i64 = query.query_row([run, key], |row| row.get(0))?;
    let mut points = Vec::new();
    // What grows leaves as much behind as it has; a false count must not make us reserve memory.
    points.reserve_exact(last.len() + usize::try_from(count).unwrap_or(0).min(1 << 24));
    let mut query = connection
        .prepare_cached("SELECT data FROM metric_chunk WHERE run = ?1 AND key = ?2 ORDER BY number")?;
    let mut rows = query.query([run, key])?;
    while let Some(row) = rows.next()? {
        points.extend(decode_chunk(blob(row)?)?);
    }
    points.extend(last);
    // In place: a stable sort takes half as much again, and equal points are the same.
    if !points.is_sorted_by(|a, b| order(a, b).is_lt()) {
        points.sort_unstable_by(order);
        points.dedup_by(|a, b| order(a, b).is_eq());
    }
    Ok(points)
}

/// The points of a metric that are still in blocks, in their order, each once.
pub(super) fn tail(connection: &Connection, run: i64, key: i64) -> Result<Vec<Point>, Fault> {
    let mut query =
        connection.prepare_cached("SELECT data FROM metric_block WHERE run = ?1 ORDER BY number")?;
    let mut rows = query.query([run])?;
    let mut points = Vec::new();
    while let Some(row) = rows.next()? {
        points.extend(points_of(blob(row)?, key)?);
    }
    settle(&mut points);
    Ok(points)
}

/// The bytes in a row's first column.
fn blob<'a>(row: &'a Row) -> Result<&'a [u8], Fault> {
    row.get_ref(0)?.as_blob().map_err(|error| Fault::Content(error.to_string()))
}

/// Into order, each point once. Sorting what is nearly sorted costs one pass.
pub(super) fn settle(points: &mut Vec<Point>) {
    points.sort_by(order);
    points.dedup_by(|a, b| order(a, b).is_eq());
}

pub(super) fn order(a: &Point, b: &Point) -> std::cmp::Ordering {
    (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| a.2.total_cmp(&b.2))
}

/// One NaN for all, the positive one, which stands after everything else.
pub(super) fn canonical(value: f64) -> f64 {
    if value.is_nan() { f64::NAN } else { value }
}

/// SQLite turns a NaN into NULL and may turn -0.0 into 0, so values are kept as the bits they are.
pub(super) fn bits(value: f64) -> i64 {
    value.to_bits() as i64
}

/// The point in a column and the two after it.
pub(super) fn point(row: &Row, column: usize) -> rusqlite::Result<Point> {
    let bits: i64 = row.get(column + 2)?;
    Ok((row.get(column)?, Timestamp(row.get(column + 1)?), f64::from_bits(bits as u64)))
}

/// A range with one more value in it; a NaN is no number and widens nothing. -0.0 is less than 0.0.
fn widened(range: Option<(f64, f64)>, value: f64) -> Option<(f64, f64)> {
    if value.is_nan() {
        return range;
    }
    let Some((min, max)) = range else { return Some((value, value)) };
    let is_less = |a: f64, b: f64| a.total_cmp(&b).is_lt();
    Some((if is_less(value, min) { value } else { min }, if is_less(max, value) { value } else { max }))
}

/// The least and the greatest value of some points, as stored.
pub(super) fn range_bits(points: &[Point]) -> (Option<i64>, Option<i64>) {
    let range = points.iter().fold(None, |range, point| widened(range, point.2));
    (range.map(|range| bits(range.0)), range.map(|range| bits(range.1)))
}

/// The least and the greatest value, in a column and the next.
pub(super) fn range(row: &Row, column: usize) -> rusqlite::Result<Option<(f64, f64)>> {
    let value = |column| -> rusqlite::Result<Option<f64>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(|bits| f64::from_bits(bits as u64)))
    };
    Ok(value(column)?.zip(value(column + 1)?))
}

/// The least and the greatest step of some points; of none, 0.
pub(super) fn steps(points: &[Point]) -> (i64, i64) {
    let steps = || points.iter().map(|point| point.0);
    (steps().min().unwrap_or_default(), steps().max().unwrap_or_default())
}
