//! What a store in memory does that stands in for one that takes nothing, and goes when that one is back.

use rusqlite::{Connection, Row, Transaction, TransactionBehavior, params};

use super::{Fault, SqliteStore, history};
use crate::StoreError;

impl SqliteStore {
    /// Gives the next version of a registered model this number.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn number_next(&self, model: &str, version: i64) -> Result<(), StoreError> {
        let number = "UPDATE registered_model SET versions = ?2 - 1 WHERE name = ?1";
        self.alter(|connection| Ok(connection.execute(number, params![model, version]).map(drop)?))
    }

    /// Keeps no more than `most` points of metrics, the newest of each metric of each run and logged model, but one of each
    /// in any case; and of tags what they are, not what they were. Latest, least and greatest values stay as they are.
    /// Returns how many points are left.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn keep_newest(&self, most: usize) -> Result<usize, StoreError> {
        self.alter(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let left = keep_newest(&transaction, most)?;
            transaction.commit()?;
            Ok(left)
        })
    }

    fn alter<T>(&self, alter: impl FnOnce(&mut Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        alter(&mut *self.writer()?).map_err(|fault| fault.into_error(&self.path, "write"))
    }
}

fn keep_newest(transaction: &Transaction, most: usize) -> Result<usize, Fault> {
    for run in rows(transaction, "SELECT DISTINCT run FROM metric_block", |row| row.get(0))? {
        history::fold_all(transaction, run)?;
    }
    let series: Vec<(i64, i64)> = rows(transaction, "SELECT DISTINCT run, key FROM metric_chunk", |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let count = |query: &str| transaction.query_row(query, [], |row| row.get::<_, i64>(0));
    let of_models = count(
        "SELECT count(*) FROM (SELECT DISTINCT model, key, run, dataset_name, dataset_digest FROM logged_model_metric)",
    )?;
    let each = (most / (series.len() + of_models as usize).max(1)).max(1);
    let mut left = 0;
    for (run, key) in series {
        let mut points = history::points(transaction, run, key)?;
        points.drain(..points.len().saturating_sub(each));
        left += points.len();
        let delete = "DELETE FROM metric_chunk WHERE run = ?1 AND key = ?2";
        transaction.prepare_cached(delete)?.execute([run, key])?;
        history::fold(transaction, run, key, points)?;
    }
    transaction.execute("DELETE FROM tag_history", [])?;
    transaction.execute(
        "DELETE FROM logged_model_metric
         WHERE (model, key, step, timestamp, run, dataset_name, dataset_digest, bits) IN (
             SELECT model, key, step, timestamp, run, dataset_name, dataset_digest, bits FROM (
                 SELECT *, row_number() OVER (
                     PARTITION BY model, key, run, dataset_name, dataset_digest ORDER BY step DESC, timestamp DESC
                 ) AS place FROM logged_model_metric
             ) WHERE place > ?1
         )",
        [each as i64],
    )?;
    Ok(left + count("SELECT count(*) FROM logged_model_metric")? as usize)
}

fn rows<T>(
    transaction: &Transaction,
    query: &str,
    read: impl FnMut(&Row) -> rusqlite::Result<T>,
) -> Result<Vec<T>, Fault> {
    Ok(transaction.prepare(query)?.query_map([], read)?.collect::<Result<_, _>>()?)
}
