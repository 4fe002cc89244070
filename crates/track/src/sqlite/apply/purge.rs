//! Removes for ever what was deleted.

use rusqlite::{OptionalExtension, Transaction};

use super::hold::hold_what_goes_with;
use crate::sqlite::fault::Fault;
use crate::{Purge, StoreError};

/// Tables with rows of a run; those of later schemas go by themselves.
const OF_RUNS: [&str; 8] =
    ["metric_latest", "metric_block", "metric_chunk", "param", "tag", "tag_history", "artifact", "lineage"];

/// Files that versions are made of become the versions' own.
pub(super) fn purge(transaction: &Transaction, purge: &Purge) -> Result<(), Fault> {
    hold_what_goes_with(transaction, purge)?;
    for run in &purge.runs {
        let number = deleted(transaction, ("run", "number", "run"), &run.to_string())?;
        remove_run(transaction, number)?;
    }
    for model in &purge.models {
        let number = deleted(transaction, ("logged_model", "number", "logged model"), &model.to_string())?;
        transaction.execute("DELETE FROM logged_model WHERE number = ?1", [number])?;
    }
    for experiment in &purge.experiments {
        let id = deleted(transaction, ("experiment", "id", "experiment"), &experiment.to_string())?;
        for (table, noun) in [("run", "run"), ("logged_model", "logged model")] {
            let sql = format!("SELECT id FROM {table} WHERE experiment = ?1 AND lifecycle = 0 LIMIT 1");
            if let Some(name) = transaction.query_row(&sql, [id], |row| row.get(0)).optional()? {
                return Err(StoreError::NotDeleted { noun, name }.into());
            }
        }
        let runs: Vec<i64> = transaction
            .prepare("SELECT number FROM run WHERE experiment = ?1")?
            .query_map([id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        runs.into_iter().try_for_each(|run| remove_run(transaction, run))?;
        transaction.execute("DELETE FROM experiment_tag WHERE experiment = ?1", [id])?;
        transaction.execute("DELETE FROM experiment WHERE id = ?1", [id])?;
    }
    // Data sets that nobody read any more.
    transaction.execute(
        "DELETE FROM dataset WHERE NOT EXISTS (SELECT 1 FROM dataset_input WHERE dataset = dataset.number)",
        [],
    )?;
    Ok(())
}

/// The number of what was deleted; what is not there, and what is not deleted, are errors.
fn deleted(
    transaction: &Transaction,
    (table, number, noun): (&str, &str, &'static str),
    id: &str,
) -> Result<i64, Fault> {
    let sql = format!("SELECT {number}, lifecycle FROM {table} WHERE id = ?1");
    let mut query = transaction.prepare_cached(&sql)?;
    let found = query.query_row([id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? != 0))).optional()?;
    match found {
        Some((number, true)) => Ok(number),
        Some((_, false)) => Err(StoreError::NotDeleted { noun, name: id.to_owned() }.into()),
        None => Err(StoreError::Unknown { noun, name: id.to_owned() }.into()),
    }
}

fn remove_run(transaction: &Transaction, run: i64) -> Result<(), Fault> {
    for table in OF_RUNS {
        transaction.prepare_cached(&format!("DELETE FROM {table} WHERE run = ?1"))?.execute([run])?;
    }
    transaction.prepare_cached("UPDATE run SET parent = NULL WHERE parent = ?1")?.execute([run])?;
    transaction.prepare_cached("DELETE FROM run WHERE number = ?1")?.execute([run])?;
    Ok(())
}
