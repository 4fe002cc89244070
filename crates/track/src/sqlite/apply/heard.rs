//! When a run was last heard of, noted with what its maker writes.
//!
//! It is part of the transaction that is made anyway, and to the minute, so that a script that logs a thousand times a second
//! does not write the row of its run as often.

use base::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::run::{remove_tag, stored_tag};
use crate::settle::HEARD_TO;
use crate::sqlite::fault::Fault;
use crate::{RunId, RunStatus, SETTLED_TAG, StoreError, UNHEARD_TAG};

/// What a change tells of the one who asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The run's maker is at work.
    OfMaker,
    /// Somebody cares for the run; of one that has ended that may be anybody.
    OfAnybody,
}

/// The number of a run that may be changed, by those who change deleted ones or by others. It was heard of; one that was ended
/// for its silence goes on, where its maker speaks.
pub(super) fn hear(
    transaction: &Transaction,
    run: RunId,
    to_deleted: bool,
    at: Timestamp,
    word: Word,
) -> Result<i64, Fault> {
    let mut query =
        transaction.prepare_cached("SELECT number, lifecycle, status, heard FROM run WHERE id = ?1")?;
    let found = query.query_row([run.to_string()], |row| {
        let (deleted, status, heard) = (row.get::<_, i64>(1)? != 0, row.get::<_, i64>(2)?, row.get(3)?);
        Ok((row.get::<_, i64>(0)?, deleted, status, heard))
    });
    let (number, deleted, status, heard): (_, _, _, Option<i64>) =
        found.optional()?.ok_or(StoreError::UnknownRun(run))?;
    if deleted && !to_deleted {
        return Err(StoreError::Deleted { run }.into());
    }
    if status == RunStatus::Running as i64 {
        if heard.is_none_or(|heard| at.0.saturating_sub(heard) >= HEARD_TO) {
            note(transaction, number, at)?;
        }
    } else if word == Word::OfMaker && status == RunStatus::Killed as i64 && take_back(transaction, number)? {
        let revive = "UPDATE run SET status = ?2 WHERE number = ?1";
        transaction.prepare_cached(revive)?.execute([number, RunStatus::Running as i64])?;
        note(transaction, number, at)?;
    }
    Ok(number)
}

/// Says that the run was heard of at this time, later or earlier than it was known.
pub(super) fn note(transaction: &Transaction, number: i64, at: Timestamp) -> Result<(), Fault> {
    transaction.prepare_cached("UPDATE run SET heard = ?2 WHERE number = ?1")?.execute([number, at.0])?;
    Ok(())
}

/// Takes the end of a run back that was ended for its silence; whether it was.
pub(super) fn take_back(transaction: &Transaction, number: i64) -> Result<bool, Fault> {
    if stored_tag(transaction, number, UNHEARD_TAG)?.is_none() {
        return Ok(false);
    }
    for tag in [UNHEARD_TAG, SETTLED_TAG] {
        remove_tag(transaction, number, tag)?;
    }
    transaction.prepare_cached("UPDATE run SET end_time = NULL WHERE number = ?1")?.execute([number])?;
    Ok(true)
}

/// When the run with that number, or one below it, was last heard of. What a clock noted below it that was ahead of `latest`
/// says nothing.
pub(in crate::sqlite) fn last_heard(
    connection: &Connection,
    number: i64,
    latest: Timestamp,
) -> Result<Timestamp, Fault> {
    let mut query = connection.prepare_cached(
        "WITH RECURSIVE line (number) AS (
            SELECT ?1 UNION SELECT run.number FROM run JOIN line ON run.parent = line.number
         ) SELECT coalesce(max(heard), 0) FROM run JOIN line USING (number) WHERE number = ?1 OR heard <= ?2",
    )?;
    Ok(Timestamp(query.query_row([number, latest.0], |row| row.get(0))?))
}
