//! Histories that need not be read whole: which point lies where, and an even choice of them.
//!
//! Where chunks follow each other in their steps, the place of every point is known before one is read. Where steps are all the
//! same, their first and last points tell it, for which one chunk at a time is read. Where points were logged out of order the
//! history is read whole.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::history::{blocks, named, numbers, order, points, tail};
use crate::chunk::{Point, chunk_values};
use crate::{Course, Metric, RunId, StoreError, decode_chunk};

/// A stretch of a history.
enum Piece {
    /// A chunk with this number that is still to be read.
    Stored(i64),
    /// Points at hand.
    Read(Vec<Point>),
}

/// A chunk that is still to be read.
#[derive(Clone, Copy)]
struct ChunkPlace {
    number: i64,
    first_step: i64,
    last_step: i64,
    points: usize,
}

/// The stretches of a history, in order, with how many points each has.
struct Pieces {
    list: Vec<(Piece, usize)>,
    /// Held while a whole history is in memory.
    _alone: Option<MutexGuard<'static, ()>>,
}

/// One whole history at a time: each takes 24 bytes a point.
static WHOLE: Mutex<()> = Mutex::new(());

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
        let pieces = pieces(connection, (number, key_number), steps)?;
        let choice = choice(count(&pieces), limit);
        let of_chunk = |data: &[u8], places: &[usize]| -> Result<Vec<Point>, Fault> {
            let points = decode_chunk(data)?;
            Ok(places.iter().filter_map(|place| points.get(*place).copied()).collect())
        };
        let chosen = pick(connection, &pieces, &choice, of_chunk, |point| *point)?;
        if !chosen.is_empty() {
            found.push((*run, named(key, chosen)));
        }
    }
    Ok(found)
}

/// Of each metric of a run, how many points it has and at most `limit` of their values.
pub(super) fn courses(connection: &Connection, id: RunId, limit: usize) -> Result<Vec<Course>, Fault> {
    let mut query = connection.prepare_cached("SELECT number FROM run WHERE id = ?1")?;
    let run: i64 =
        query.query_map([id.to_string()], |row| row.get(0))?.next().ok_or(StoreError::UnknownRun(id))??;
    let mut tails = blocks(connection, run)?;
    let mut chunks = all_chunks(connection, run)?;
    let mut query = connection.prepare_cached(
        "SELECT metric_key.number, name FROM metric_latest JOIN metric_key ON metric_key.number = metric_latest.key
         WHERE run = ?1 ORDER BY name",
    )?;
    let keys = query.query_map([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let of_chunk = |data: &[u8], places: &[usize]| -> Result<Vec<f64>, Fault> {
        let values = chunk_values(data)?;
        Ok(places.iter().filter_map(|place| values.get(*place).copied().map(f64::from_le_bytes)).collect())
    };
    let mut courses = Vec::new();
    for found in keys {
        let (key, name): (i64, String) = found?;
        let tail = tails.remove(&key).unwrap_or_default();
        let pieces = match in_order(connection, chunks.remove(&key).unwrap_or_default(), tail)? {
            Some((_, pieces)) => pieces,
            None => whole(connection, (run, key), |_| {})?,
        };
        let points = count(&pieces);
        let values = pick(connection, &pieces, &choice(points, limit), of_chunk, |point| point.2)?;
        courses.push(Course { key: name, points, values });
    }
    Ok(courses)
}

/// The stretches of a history between two steps.
fn pieces(
    connection: &Connection,
    (run, key): (i64, i64),
    steps: Option<(i64, i64)>,
) -> Result<Pieces, Fault> {
    let (first, last) = steps.unwrap_or((i64::MIN, i64::MAX));
    let within = |points: &mut Vec<Point>| points.retain(|point| (first..=last).contains(&point.0));
    let mut query = connection.prepare_cached(
        "SELECT number, first_step, last_step, points FROM metric_chunk
         WHERE run = ?1 AND key = ?2 ORDER BY first_step, last_step",
    )?;
    let chunks = query.query_map([run, key], |row| chunk_place(row, 0))?.collect::<Result<Vec<_>, _>>()?;
    let Some((chunks, mut pieces)) = in_order(connection, chunks, tail(connection, run, key)?)? else {
        return whole(connection, (run, key), within);
    };
    if steps.is_some() {
        // The chunks come first, each a piece.
        for (at, (piece, count)) in pieces.list.iter_mut().enumerate() {
            if let (Piece::Stored(number), Some(chunk)) = (&*piece, chunks.get(at)) {
                if chunk.last_step < first || chunk.first_step > last {
                    *piece = Piece::Read(Vec::new());
                } else if chunk.first_step < first || chunk.last_step > last {
                    *piece = Piece::Read(decode_chunk(&data(connection, *number)?)?);
                }
            }
            if let Piece::Read(points) = piece {
                within(points);
                *count = points.len();
            }
        }
    }
    Ok(pieces)
}

/// Chunks by their first steps and what is not in chunks yet, one after the other; nothing when they lie across each
/// other, where a point may be in two of them.
fn in_order(
    connection: &Connection,
    mut chunks: Vec<ChunkPlace>,
    tail: Vec<Point>,
) -> Result<Option<(Vec<ChunkPlace>, Pieces)>, Fault> {
    let follows = |pair: &[ChunkPlace]| pair[0].last_step < pair[1].first_step;
    let ends_before = |first: &Point| chunks.last().is_none_or(|chunk| chunk.last_step < first.0);
    if !chunks.windows(2).all(follows) || !tail.first().is_none_or(ends_before) {
        match by_points(connection, &chunks, &tail)? {
            Some(ordered) => chunks = ordered,
            None => return Ok(None),
        }
    }
    let mut list: Vec<_> = chunks.iter().map(|chunk| (Piece::Stored(chunk.number), chunk.points)).collect();
    let count = tail.len();
    list.push((Piece::Read(tail), count));
    Ok(Some((chunks, Pieces { list, _alone: None })))
}

/// Chunks by their first points, where each ends before the next begins and the last one before the tail. One at a time is in
/// memory.
fn by_points(
    connection: &Connection,
    chunks: &[ChunkPlace],
    tail: &[Point],
) -> Result<Option<Vec<ChunkPlace>>, Fault> {
    let mut ends: Vec<(Point, Point, ChunkPlace)> = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let points = decode_chunk(&data(connection, chunk.number)?)?;
        if !points.is_sorted_by(|a, b| order(a, b).is_lt()) {
            return Ok(None);
        }
        if let (Some(first), Some(last)) = (points.first(), points.last()) {
            ends.push((*first, *last, *chunk));
        }
    }
    ends.sort_by(|a, b| order(&a.0, &b.0));
    let follow = ends.windows(2).all(|pair| order(&pair[0].1, &pair[1].0).is_lt());
    let last = ends.last().map(|(_, last, _)| last);
    let ends_before = last.zip(tail.first()).is_none_or(|(last, first)| order(last, first).is_lt());
    Ok((follow && ends_before).then(|| ends.into_iter().map(|(_, _, chunk)| chunk).collect()))
}

/// A history of which the points have to be put in order, without those that `cut` takes away.
fn whole(
    connection: &Connection,
    (run, key): (i64, i64),
    cut: impl FnOnce(&mut Vec<Point>),
) -> Result<Pieces, Fault> {
    let alone = WHOLE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut points = points(connection, run, key)?;
    cut(&mut points);
    let count = points.len();
    Ok(Pieces { list: vec![(Piece::Read(points), count)], _alone: Some(alone) })
}

fn count(Pieces { list, .. }: &Pieces) -> usize {
    list.iter().map(|(_, count)| count).sum()
}

/// What lies at some places, in rising order, of all pieces together; no more is read than has one of them.
fn pick<T>(
    connection: &Connection,
    pieces: &Pieces,
    places: &[usize],
    of_chunk: impl Fn(&[u8], &[usize]) -> Result<Vec<T>, Fault>,
    of_point: impl Fn(&Point) -> T,
) -> Result<Vec<T>, Fault> {
    let mut picked = Vec::with_capacity(places.len());
    let (mut start, mut left) = (0, places);
    for (piece, count) in &pieces.list {
        let (here, rest) = left.split_at(left.partition_point(|place| *place < start + count));
        let here: Vec<usize> = here.iter().map(|place| place - start).collect();
        (start, left) = (start + count, rest);
        match piece {
            _ if here.is_empty() => {}
            Piece::Stored(number) => picked.extend(of_chunk(&data(connection, *number)?, &here)?),
            Piece::Read(points) => picked.extend(here.iter().map(|place| of_point(&points[*place]))),
        }
    }
    Ok(picked)
}

/// The places of the first of each of `limit` groups of nearly equal size, larger ones first, and of the last of all in
/// place of the last: what SQL's NTILE gives.
fn choice(count: usize, limit: usize) -> Vec<usize> {
    let limit = limit.max(1);
    if count <= limit {
        return (0..count).collect();
    }
    let (size, larger) = (count / limit, count % limit);
    let mut places: Vec<usize> = (0..limit).map(|group| group * size + group.min(larger)).collect();
    places[limit - 1] = count - 1;
    places
}

fn all_chunks(connection: &Connection, run: i64) -> Result<BTreeMap<i64, Vec<ChunkPlace>>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT key, number, first_step, last_step, points FROM metric_chunk WHERE run = ?1
         ORDER BY key, first_step, last_step",
    )?;
    let mut found: BTreeMap<i64, Vec<ChunkPlace>> = BTreeMap::new();
    let mut rows = query.query([run])?;
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().push(chunk_place(row, 1)?);
    }
    Ok(found)
}

fn chunk_place(row: &Row, column: usize) -> rusqlite::Result<ChunkPlace> {
    Ok(ChunkPlace {
        number: row.get(column)?,
        first_step: row.get(column + 1)?,
        last_step: row.get(column + 2)?,
        points: usize::try_from(row.get::<_, i64>(column + 3)?).unwrap_or(0),
    })
}

fn data(connection: &Connection, number: i64) -> Result<Vec<u8>, Fault> {
    let mut query = connection.prepare_cached("SELECT data FROM metric_chunk WHERE number = ?1")?;
    Ok(query.query_row([number], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::super::SqliteStore;
    use super::*;
    use crate::{Change, Changes, NewRun, RunStore};

    /// A history that is whole in memory takes 24 bytes a point.
    #[test]
    fn of_points_of_one_step_one_chunk_at_a_time_is_in_memory() {
        let store = SqliteStore::open_in_memory().expect("memory");
        let run = RunId::from_parts(Timestamp(1), 1);
        let still: fn(i64) -> (i64, i64) = |i| (0, i);
        let across: fn(i64) -> (i64, i64) = |i| (i * 7 % 70_000, i);
        let begin = Change::CreateRun(NewRun::new(run, Timestamp(1)));
        store.apply(Changes::new(Timestamp(1), vec![begin])).expect("made");
        for (key, place) in [("still", still), ("across", across)] {
            // Twice, since what is folded at once is put in order.
            for half in [0..70_000, 70_000..140_000] {
                let point = |i: i64| {
                    let (step, time) = place(i);
                    Metric { key: key.to_owned(), value: 0.5, step, timestamp: Timestamp(time) }
                };
                let metrics = half.map(point).collect();
                store
                    .apply(Changes::new(Timestamp(1), vec![Change::LogMetrics { run, metrics }]))
                    .expect("logged");
            }
        }
        let connection = store.writer().expect("it can be written");
        let in_memory = |key: &str| {
            let numbers = numbers(&connection, run, key).expect("read").expect("it is there");
            let pieces = pieces(&connection, numbers, None).expect("read");
            assert_eq!(count(&pieces), 140_000, "{key}");
            let read = pieces.list.iter().filter(|(piece, _)| matches!(piece, Piece::Read(_)));
            read.map(|(_, count)| count).sum::<usize>()
        };
        assert_eq!(in_memory("still"), 0);
        assert_eq!(in_memory("across"), 140_000);
    }

    #[test]
    fn an_even_choice_keeps_both_ends() {
        assert_eq!(choice(3, 5), [0, 1, 2]);
        assert_eq!(choice(10, 4), [0, 3, 6, 9]);
        assert_eq!(choice(11, 4), [0, 3, 6, 10]);
        assert_eq!(choice(5, 1), [4]);
        assert_eq!(choice(5, 0), [4]);
    }
}
