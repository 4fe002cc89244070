//! Preconditions: judged in the transaction of the changes, so that nothing comes between.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{active_run, last_heard, lookup, run};
use crate::change::version_called;
use crate::joined::{SCRIPT_RUN_TAG, STAGE_RUN_TAG};
use crate::sqlite::fault::Fault;
use crate::sqlite::read;
use crate::{Lifecycle, Precondition, RunId, StoreError};

/// An error when it does not hold.
pub(super) fn demand(transaction: &Transaction, precondition: &Precondition) -> Result<(), Fault> {
    let (holds, found) = judge(transaction, precondition)?;
    if holds {
        return Ok(());
    }
    Err(StoreError::Precondition { precondition: Box::new(precondition.clone()), found }.into())
}

/// Whether it holds, and what was found, where that says more.
fn judge(transaction: &Transaction, precondition: &Precondition) -> Result<(bool, Option<String>), Fault> {
    let plain = |holds| Ok((holds, None));
    match precondition {
        Precondition::StatusIs { run, status } => {
            let number = active_run(transaction, *run)?;
            let mut query = transaction.prepare_cached("SELECT status FROM run WHERE number = ?1")?;
            let stored: i64 = query.query_row([number], |row| row.get(0))?;
            plain(stored == *status as i64)
        }
        Precondition::LeaseIs { run, lease } => {
            let number = active_run(transaction, *run)?;
            plain(read::lease(transaction, number)?.as_ref() == Some(lease))
        }
        Precondition::Unheard { run, since, latest } => {
            let number = active_run(transaction, *run)?;
            let heard = last_heard(transaction, number, *latest)?;
            Ok((heard <= *since, Some(format!("it was heard of at {heard}"))))
        }
        Precondition::ParamAbsent { run, key } => {
            let number = active_run(transaction, *run)?;
            plain(run::stored_param(transaction, number, key)?.is_none())
        }
        Precondition::TagIs { run, key, value } => {
            let stored = run::stored_tag(transaction, active_run(transaction, *run)?, key)?;
            plain(stored.map(|(value, _)| value) == *value)
        }
        Precondition::TagPresent { run, key } => {
            plain(run::stored_tag(transaction, active_run(transaction, *run)?, key)?.is_some())
        }
        Precondition::LifecycleIs { run, lifecycle } => {
            let (_, deleted) = lookup(transaction, *run)?.ok_or(StoreError::UnknownRun(*run))?;
            plain(deleted == (*lifecycle == Lifecycle::Deleted))
        }
        Precondition::MetricBound { run, metric, bound } => {
            active_run(transaction, *run)?;
            let value = latest(transaction, &run.to_string(), metric)?;
            Ok((value.is_some_and(|value| bound.holds(value)), Some(found(value))))
        }
        Precondition::BetterThanChampion { run, model, alias, metric, higher_is_better } => {
            active_run(transaction, *run)?;
            beats(transaction, *run, (model, alias), metric, *higher_is_better)
        }
    }
}

fn found(value: Option<f64>) -> String {
    value.map_or_else(|| "the run has none".to_owned(), |value| format!("it is {value}"))
}

fn beats(
    transaction: &Transaction,
    run: RunId,
    (model, alias): (&str, &str),
    metric: &str,
    higher_is_better: bool,
) -> Result<(bool, Option<String>), Fault> {
    let Some((version, champion)) = champion(transaction, model, alias)? else { return Ok((true, None)) };
    let value = latest(transaction, &run.to_string(), metric)?;
    let best = champion.map(|champion| latest_of_pair(transaction, &champion, metric)).transpose()?.flatten();
    let holds = match (value, best) {
        (Some(value), _) if value.is_nan() => false,
        (Some(value), Some(best)) if !best.is_nan() => {
            if higher_is_better {
                value > best
            } else {
                value < best
            }
        }
        // Nobody knows whether one that cannot be told is beaten.
        _ => false,
    };
    let best = best.map_or_else(|| "not known".to_owned(), |best| best.to_string());
    Ok((holds, Some(format!("{}, and that of version {version} is {best}", found(value)))))
}

/// The number of the version that is to be beaten, and its run; `None` where there is nobody to beat.
fn champion(
    transaction: &Transaction,
    model: &str,
    alias: &str,
) -> Result<Option<(i64, Option<String>)>, Fault> {
    let number = version_called(alias);
    let which = match number {
        Some(_) => "version = CAST(?2 AS INTEGER)",
        None if alias == "latest" => "?2 = 'latest' ORDER BY version DESC LIMIT 1",
        None => {
            "version = (SELECT version FROM registered_model_alias AS named
                WHERE named.model = model_version.model AND alias = ?2)"
        }
    };
    let mut query = transaction.prepare_cached(&format!(
        "SELECT version, run FROM model_version
         WHERE model = (SELECT number FROM registered_model WHERE name = ?1) AND {which}"
    ))?;
    let asked = number.map_or_else(|| alias.to_owned(), |number| number.to_string());
    let found = query.query_row([model, &asked], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match (found, number) {
        (None, Some(number)) => {
            Err(StoreError::NotOfModel { model: model.to_owned(), what: format!("version {number}") }.into())
        }
        (found, _) => Ok(found),
    }
}

/// The latest value of a metric of a run as people see it: a stage's with its script's, of which the script's value counts.
fn latest_of_pair(transaction: &Transaction, run: &str, metric: &str) -> Result<Option<f64>, Fault> {
    let partner = |there: &str, back: &str| -> Result<Option<String>, Fault> {
        let mut query = transaction.prepare_cached(
            "SELECT other.id FROM run
             JOIN tag AS there ON there.run = run.number AND there.key = ?2
             JOIN run AS other ON other.id = there.value AND other.lifecycle = run.lifecycle
             JOIN tag AS back ON back.run = other.number AND back.key = ?3 AND back.value = run.id
             WHERE run.id = ?1",
        )?;
        Ok(query.query_row([run, there, back], |row| row.get(0)).optional()?)
    };
    let script = partner(SCRIPT_RUN_TAG, STAGE_RUN_TAG)?;
    let stage = partner(STAGE_RUN_TAG, SCRIPT_RUN_TAG)?;
    for run in [script.as_deref(), Some(run), stage.as_deref()].into_iter().flatten() {
        if let Some(value) = latest(transaction, run, metric)? {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The latest value of a metric, whatever the lifecycle of the run.
fn latest(transaction: &Transaction, run: &str, metric: &str) -> Result<Option<f64>, Fault> {
    let mut query = transaction.prepare_cached(
        "SELECT bits FROM metric_latest WHERE run = (SELECT number FROM run WHERE id = ?1)
         AND key = (SELECT number FROM metric_key WHERE name = ?2)",
    )?;
    let bits: Option<i64> = query.query_row(params![run, metric], |row| row.get(0)).optional()?;
    Ok(bits.map(|bits| f64::from_bits(bits as u64)))
}
