//! Changes of logged models.

use base::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::hold::hold_what_lies_at;
use super::{Table, artifact, check_time, experiment, tag};
use crate::key::{check_length, check_logged_name};
use crate::sqlite::fault::Fault;
use crate::sqlite::history::{bits, canonical};
use crate::{
    Lifecycle, LoggedModelChange, MAX_PARAM_VALUE, Metric, MetricDataset, ModelId, NewLoggedModel, Param,
    RunId, StoreError, check_key, run_name,
};

pub(super) fn make(
    transaction: &Transaction,
    change: &LoggedModelChange,
    at: Timestamp,
) -> Result<(), Fault> {
    match change {
        LoggedModelChange::Create(model) => create(transaction, model, at),
        LoggedModelChange::SetStatus { model, status, message } => {
            let number = active(transaction, *model)?;
            let set = "UPDATE logged_model SET status = ?2, message = ?3 WHERE number = ?1";
            transaction.prepare_cached(set)?.execute(params![number, *status as i64, message])?;
            touch(transaction, number, at)
        }
        LoggedModelChange::SetTags { model, tags } => {
            let number = active(transaction, *model)?;
            tag::set(transaction, tag::LOGGED_MODEL, number, tags)?;
            touch(transaction, number, at)
        }
        LoggedModelChange::DeleteTag { model, key } => {
            let number = active(transaction, *model)?;
            if !tag::delete(transaction, tag::LOGGED_MODEL, number, key)? {
                return Err(StoreError::Unknown { noun: "tag", name: key.clone() }.into());
            }
            touch(transaction, number, at)
        }
        LoggedModelChange::LogParams { model, params } => {
            log_params(transaction, *model, active(transaction, *model)?, params)
        }
        LoggedModelChange::LogMetrics { model, run, dataset, metrics } => {
            log_metrics(transaction, active(transaction, *model)?, *run, dataset.as_ref(), metrics)
        }
        LoggedModelChange::LogArtifacts { model, artifacts } => {
            artifact::log(transaction, Table::Model, active(transaction, *model)?, artifacts)
        }
        LoggedModelChange::SetLifecycle { model, lifecycle } => {
            set_lifecycle(transaction, *model, *lifecycle, at)
        }
    }
}

fn create(transaction: &Transaction, model: &NewLoggedModel, at: Timestamp) -> Result<(), Fault> {
    check_time(at, || format!("the making of logged model {}", model.id))?;
    let experiment = experiment::resolve(transaction, &model.experiment)?;
    let name = model.name.clone().unwrap_or_else(|| run_name(model.id.as_run()));
    check_logged_name(&name)?;
    if lookup(transaction, model.id)?.is_some() {
        return Err(StoreError::Exists { noun: "logged model", name: model.id.to_string() }.into());
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO logged_model (id, experiment, name, model_type, run, status, created, updated)
         VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?6)",
    )?;
    let run = model.run.map(|run| run.to_string());
    insert.execute(params![model.id.to_string(), experiment.0, name, model.model_type, run, at.0])?;
    let number = transaction.last_insert_rowid();
    log_params(transaction, model.id, number, &model.params)?;
    tag::set(transaction, tag::LOGGED_MODEL, number, &model.tags)
}

/// The number of a logged model and whether it is deleted.
fn lookup(transaction: &Transaction, model: ModelId) -> Result<Option<(i64, bool)>, Fault> {
    let mut query = transaction.prepare_cached("SELECT number, lifecycle FROM logged_model WHERE id = ?1")?;
    let found = query.query_row([model.to_string()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? != 0)));
    Ok(found.optional()?)
}

/// The number of a logged model that may be changed.
pub(super) fn active(transaction: &Transaction, model: ModelId) -> Result<i64, Fault> {
    match lookup(transaction, model)? {
        None => Err(unknown(model).into()),
        Some((_, true)) => Err(StoreError::ModelDeleted(model).into()),
        Some((number, false)) => Ok(number),
    }
}

fn unknown(model: ModelId) -> StoreError {
    StoreError::Unknown { noun: "logged model", name: model.to_string() }
}

fn touch(transaction: &Transaction, number: i64, at: Timestamp) -> Result<(), Fault> {
    let touch = "UPDATE logged_model SET updated = ?2 WHERE number = ?1";
    transaction.prepare_cached(touch)?.execute([number, at.0])?;
    Ok(())
}

fn log_params(transaction: &Transaction, model: ModelId, number: i64, params: &[Param]) -> Result<(), Fault> {
    let mut insert = transaction
        .prepare_cached("INSERT OR IGNORE INTO logged_model_param (model, key, value) VALUES (?1, ?2, ?3)")?;
    let mut stored =
        transaction.prepare_cached("SELECT value FROM logged_model_param WHERE model = ?1 AND key = ?2")?;
    for param in params {
        check_key("param", &param.key)?;
        check_length(&param.value, MAX_PARAM_VALUE, || format!("the value of param `{}`", param.key))?;
        if insert.execute(params![number, param.key, param.value])? == 1 {
            continue;
        }
        let old: String = stored.query_row(params![number, param.key], |row| row.get(0))?;
        if old != param.value {
            let (key, new) = (param.key.clone(), param.value.clone());
            return Err(StoreError::ModelParamChanged { model, key, old, new }.into());
        }
    }
    Ok(())
}

fn log_metrics(
    transaction: &Transaction,
    number: i64,
    run: Option<RunId>,
    dataset: Option<&MetricDataset>,
    metrics: &[Metric],
) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO logged_model_metric
         (model, key, step, timestamp, run, dataset_name, dataset_digest, bits) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let run = run.map(|run| run.to_string()).unwrap_or_default();
    let name = dataset.map_or("", |dataset| dataset.name.as_str());
    let digest = dataset.and_then(|dataset| dataset.digest.as_deref()).unwrap_or_default();
    for metric in metrics {
        check_key("metric", &metric.key)?;
        check_time(metric.timestamp, || format!("a point of metric `{}`", metric.key))?;
        let (step, time, bits) = (metric.step, metric.timestamp.0, bits(canonical(metric.value)));
        insert.execute(params![number, metric.key, step, time, run, name, digest, bits])?;
    }
    Ok(())
}

fn set_lifecycle(
    transaction: &Transaction,
    model: ModelId,
    lifecycle: Lifecycle,
    at: Timestamp,
) -> Result<(), Fault> {
    let (number, was_deleted) = lookup(transaction, model)?.ok_or_else(|| unknown(model))?;
    match (lifecycle, was_deleted) {
        (Lifecycle::Deleted, false) => {
            // Clients are not told where the files of a deleted one are.
            hold_what_lies_at(transaction, (Table::Model, number), &[""])?;
            let delete = "UPDATE logged_model SET lifecycle = 1, deleted = ?2 WHERE number = ?1";
            transaction.execute(delete, [number, at.0])?;
            touch(transaction, number, at)
        }
        (Lifecycle::Active, true) => {
            let restore =
                "UPDATE logged_model SET lifecycle = 0, deleted = NULL, deleted_with = 0 WHERE number = ?1";
            transaction.execute(restore, [number])?;
            touch(transaction, number, at)
        }
        _ => Ok(()),
    }
}
