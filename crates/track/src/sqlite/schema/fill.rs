//! What an older file lacks and SQL alone cannot compute.

use base::Timestamp;
use rusqlite::{Transaction, params};

use crate::sqlite::fault::Fault;
use crate::sqlite::history;

/// Schema 2: points that were rows go into chunks; the least and the greatest value of every metric, and which steps
/// each chunk spans.
pub(super) fn histories(transaction: &Transaction) -> Result<(), Fault> {
    let mut series = transaction.prepare("SELECT run, key FROM metric_latest")?;
    let mut tail =
        transaction.prepare("SELECT step, timestamp, bits FROM metric_tail WHERE run = ?1 AND key = ?2")?;
    let mut update = transaction
        .prepare("UPDATE metric_latest SET min_bits = ?3, max_bits = ?4 WHERE run = ?1 AND key = ?2")?;
    let series: Vec<[i64; 2]> =
        series.query_map([], |row| Ok([row.get(0)?, row.get(1)?]))?.collect::<Result<_, _>>()?;
    for [run, key] in series {
        let rows = tail.query_map([run, key], |row| {
            Ok((row.get(0)?, Timestamp(row.get(1)?), f64::from_bits(row.get::<_, i64>(2)? as u64)))
        })?;
        let mut rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        history::settle(&mut rows);
        if !rows.is_empty() {
            history::fold(transaction, run, key, rows)?;
        }
        let (min, max) = history::range_bits(&history::points(transaction, run, key)?);
        update.execute(params![run, key, min, max])?;
    }
    let mut chunks = transaction.prepare("SELECT number, data FROM metric_chunk")?;
    let mut rows = chunks.query([])?;
    let mut update =
        transaction.prepare("UPDATE metric_chunk SET first_step = ?2, last_step = ?3 WHERE number = ?1")?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let (first, last) = history::steps(&crate::decode_chunk(&row.get::<_, Vec<u8>>(1)?)?);
        update.execute(params![number, first, last])?;
    }
    Ok(())
}
