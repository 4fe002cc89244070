//! Changes of experiments.

use base::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::hold::hold_what_goes_with;
use super::{active_run, tag};
use crate::key::check_length;
use crate::sqlite::fault::Fault;
use crate::{ExperimentId, ExperimentRef, KeyError, Lifecycle, MAX_EXPERIMENT_NAME, Purge, StoreError, Tag};

pub(super) fn create(
    transaction: &Transaction,
    name: &str,
    if_absent: bool,
    at: Timestamp,
) -> Result<ExperimentId, Fault> {
    check_name(name)?;
    if let Some(experiment) = active(transaction, name)? {
        let taken = StoreError::ExperimentExists(name.to_owned());
        return if if_absent { Ok(experiment) } else { Err(taken.into()) };
    }
    transaction.execute(
        "INSERT INTO experiment (name, created, updated) VALUES (?1, ?2, ?2)",
        params![name, at.0],
    )?;
    Ok(ExperimentId(transaction.last_insert_rowid()))
}

fn active(transaction: &Transaction, name: &str) -> Result<Option<ExperimentId>, Fault> {
    let mut query =
        transaction.prepare_cached("SELECT id FROM experiment WHERE name = ?1 AND lifecycle = 0")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?.map(ExperimentId))
}

pub(super) fn resolve(transaction: &Transaction, experiment: &ExperimentRef) -> Result<ExperimentId, Fault> {
    let found = match experiment {
        ExperimentRef::Name(name) => active(transaction, name)?,
        ExperimentRef::OfRun(run) => {
            let number = active_run(transaction, *run)?;
            let mut query = transaction.prepare_cached("SELECT experiment FROM run WHERE number = ?1")?;
            return Ok(ExperimentId(query.query_row([number], |row| row.get(0))?));
        }
        ExperimentRef::Id(id) => {
            let mut query =
                transaction.prepare_cached("SELECT 1 FROM experiment WHERE id = ?1 AND lifecycle = 0")?;
            query.exists([id.0])?.then_some(*id)
        }
    };
    if let Some(found) = found {
        return Ok(found);
    }
    Err(match experiment {
        ExperimentRef::Name(name) => StoreError::UnknownExperiment(name.clone()),
        ExperimentRef::Id(id) if exists(transaction, *id)? => StoreError::ExperimentDeleted(id.to_string()),
        ExperimentRef::Id(id) => StoreError::UnknownExperiment(id.to_string()),
        ExperimentRef::OfRun(run) => StoreError::UnknownRun(*run),
    }
    .into())
}

fn exists(transaction: &Transaction, id: ExperimentId) -> Result<bool, Fault> {
    Ok(transaction.prepare_cached("SELECT 1 FROM experiment WHERE id = ?1")?.exists([id.0])?)
}

fn check_name(name: &str) -> Result<(), KeyError> {
    if name.trim().is_empty() {
        return Err(KeyError::Empty { noun: "experiment" });
    }
    check_length(name, MAX_EXPERIMENT_NAME, || "the experiment name".to_owned())
}

pub(super) fn set_tags(
    transaction: &Transaction,
    experiment: &ExperimentRef,
    tags: &[Tag],
) -> Result<(), Fault> {
    tag::set(transaction, tag::EXPERIMENT, resolve(transaction, experiment)?.0, tags)
}

pub(super) fn delete_tag(
    transaction: &Transaction,
    experiment: &ExperimentRef,
    key: &str,
) -> Result<(), Fault> {
    let id = resolve(transaction, experiment)?;
    if tag::delete(transaction, tag::EXPERIMENT, id.0, key)? {
        return Ok(());
    }
    Err(StoreError::Unknown { noun: "tag", name: key.to_owned() }.into())
}

pub(super) fn rename(
    transaction: &Transaction,
    experiment: &ExperimentRef,
    name: &str,
    at: Timestamp,
) -> Result<(), Fault> {
    let id = resolve(transaction, experiment)?;
    check_name(name)?;
    if active(transaction, name)?.is_some_and(|other| other != id) {
        return Err(StoreError::ExperimentExists(name.to_owned()).into());
    }
    let rename = "UPDATE experiment SET name = ?2, updated = ?3 WHERE id = ?1";
    transaction.execute(rename, params![id.0, name, at.0])?;
    Ok(())
}

pub(super) fn set_location(
    transaction: &Transaction,
    experiment: &ExperimentRef,
    location: Option<&str>,
) -> Result<(), Fault> {
    let id = resolve(transaction, experiment)?;
    let set = "UPDATE experiment SET artifact_location = ?2 WHERE id = ?1";
    transaction.execute(set, params![id.0, location])?;
    Ok(())
}

/// Deletes an experiment with what is active in it, and marks that, so that it alone comes back.
pub(super) fn set_lifecycle(
    transaction: &Transaction,
    id: ExperimentId,
    lifecycle: Lifecycle,
    at: Timestamp,
) -> Result<(), Fault> {
    if id == ExperimentId::DEFAULT && lifecycle == Lifecycle::Deleted {
        return Err(StoreError::FirstExperiment.into());
    }
    let mut query = transaction.prepare_cached("SELECT name, lifecycle FROM experiment WHERE id = ?1")?;
    let found = query.query_row([id.0], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? != 0))).optional()?;
    let Some((name, was_deleted)): Option<(String, bool)> = found else {
        return Err(StoreError::UnknownExperiment(id.to_string()).into());
    };
    let deleted = lifecycle == Lifecycle::Deleted;
    if deleted == was_deleted {
        return Ok(());
    }
    if !deleted && active(transaction, &name)?.is_some() {
        return Err(StoreError::ExperimentExists(name).into());
    }
    if deleted {
        hold_what_goes_with(transaction, &Purge { experiments: vec![id], ..Purge::default() })?;
    }
    let change = "UPDATE experiment SET lifecycle = ?2, updated = ?3 WHERE id = ?1";
    transaction.execute(change, params![id.0, deleted, at.0])?;
    for table in ["run", "logged_model"] {
        if deleted {
            let delete = format!(
                "UPDATE {table} SET lifecycle = 1, deleted = ?2, deleted_with = 1 WHERE experiment = ?1 AND lifecycle = 0"
            );
            transaction.execute(&delete, [id.0, at.0])?;
        } else {
            let restore = format!(
                "UPDATE {table} SET lifecycle = 0, deleted = NULL, deleted_with = 0
                 WHERE experiment = ?1 AND deleted_with = 1"
            );
            transaction.execute(&restore, [id.0])?;
        }
    }
    Ok(())
}
