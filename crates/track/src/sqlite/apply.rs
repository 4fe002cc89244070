//! The one write door: a set of changes in one transaction that takes the write lock first.

use base::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::fault::Fault;
use super::{history, read};
use crate::key::{MAX_RUN_NAME, check_length, check_path};
use crate::{
    Applied, Artifact, Change, Changes, ChangesId, ExperimentId, ExperimentRef, KeyError, Lease, Lifecycle,
    LineageFile, MAX_EXPERIMENT_NAME, MAX_PARAM_VALUE, MAX_TAG_VALUE, NewRun, Param, Precondition, Role,
    RunId, RunStatus, StoreError, Tag, check_key, run_name,
};

/// Applies all or nothing: every early return drops the transaction, which undoes it.
pub(super) fn apply(connection: &mut Connection, changes: &Changes) -> Result<Applied, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(id) = &changes.id
        && let Some(answer) = earlier_answer(&transaction, id)?
    {
        return Ok(answer);
    }
    for precondition in &changes.preconditions {
        if !holds(&transaction, precondition)? {
            return Err(StoreError::Precondition { precondition: Box::new(precondition.clone()) }.into());
        }
    }
    let mut applied = Applied::default();
    for change in &changes.changes {
        make(&transaction, change, changes.at, &mut applied)?;
    }
    if let Some(id) = &changes.id {
        remember(&transaction, id, changes.at, &applied)?;
    }
    transaction.commit()?;
    Ok(applied)
}

fn earlier_answer(transaction: &Transaction, id: &ChangesId) -> Result<Option<Applied>, Fault> {
    let mut query = transaction.prepare_cached("SELECT answer FROM applied WHERE id = ?1")?;
    let answer: Option<String> = query.query_row([&id.0], |row| row.get(0)).optional()?;
    answer.map(|text| serde_json::from_str(&text).map_err(|e| Fault::Content(e.to_string()))).transpose()
}

fn remember(
    transaction: &Transaction,
    id: &ChangesId,
    at: Timestamp,
    applied: &Applied,
) -> Result<(), Fault> {
    let answer = serde_json::to_string(applied).expect("an answer is plain data");
    let mut insert =
        transaction.prepare_cached("INSERT INTO applied (id, at, answer) VALUES (?1, ?2, ?3)")?;
    insert.execute(params![id.0, at.0, answer])?;
    Ok(())
}

fn holds(transaction: &Transaction, precondition: &Precondition) -> Result<bool, Fault> {
    match precondition {
        Precondition::StatusIs { run, status } => {
            let number = active_run(transaction, *run)?;
            let mut query = transaction.prepare_cached("SELECT status FROM run WHERE number = ?1")?;
            let stored: i64 = query.query_row([number], |row| row.get(0))?;
            Ok(stored == *status as i64)
        }
        Precondition::LeaseIs { run, lease } => {
            let number = active_run(transaction, *run)?;
            Ok(read::lease(transaction, number)?.as_ref() == Some(lease))
        }
        Precondition::ParamAbsent { run, key } => {
            Ok(stored_param(transaction, active_run(transaction, *run)?, key)?.is_none())
        }
        Precondition::TagIs { run, key, value } => {
            let stored = stored_tag(transaction, active_run(transaction, *run)?, key)?;
            Ok(stored.map(|(value, _)| value) == *value)
        }
    }
}

fn make(
    transaction: &Transaction,
    change: &Change,
    at: Timestamp,
    applied: &mut Applied,
) -> Result<(), Fault> {
    match change {
        Change::CreateExperiment { name, if_absent } => {
            applied.experiments.push(create_experiment(transaction, name, *if_absent, at)?);
            Ok(())
        }
        Change::SetExperimentTags { experiment, tags } => set_experiment_tags(transaction, experiment, tags),
        Change::CreateRun(run) => create_run(transaction, run),
        Change::UpdateRun { run, status, end_time, name } => {
            let number = active_run(transaction, *run)?;
            if let Some(name) = name {
                rename(transaction, number, name)?;
            }
            update_state(transaction, number, *status, *end_time, at)
        }
        Change::SetLifecycle { run, lifecycle } => set_lifecycle(transaction, *run, *lifecycle),
        Change::SetLease { run, lease } => {
            set_lease(transaction, active_run(transaction, *run)?, lease.as_ref())
        }
        Change::LogMetrics { run, metrics } => {
            history::log(transaction, active_run(transaction, *run)?, metrics)
        }
        Change::LogParams { run, params } => log_params(transaction, *run, params),
        Change::SetTags { run, tags } => set_tags(transaction, active_run(transaction, *run)?, tags, at),
        Change::DeleteTag { run, key } => delete_tag(transaction, active_run(transaction, *run)?, key),
        Change::LogArtifacts { run, artifacts } => {
            log_artifacts(transaction, active_run(transaction, *run)?, artifacts)
        }
        Change::LogInputs { run, files } => log_files(transaction, *run, Role::Input, files),
        Change::LogOutputs { run, files } => log_files(transaction, *run, Role::Output, files),
    }
}

fn create_experiment(
    transaction: &Transaction,
    name: &str,
    if_absent: bool,
    at: Timestamp,
) -> Result<ExperimentId, Fault> {
    if name.trim().is_empty() {
        return Err(KeyError::Empty { noun: "experiment" }.into());
    }
    check_length(name, MAX_EXPERIMENT_NAME, || "the experiment name".to_owned())?;
    if let Some(experiment) = active_experiment(transaction, name)? {
        let taken = StoreError::ExperimentExists(name.to_owned());
        return if if_absent { Ok(experiment) } else { Err(taken.into()) };
    }
    transaction.execute("INSERT INTO experiment (name, created) VALUES (?1, ?2)", params![name, at.0])?;
    Ok(ExperimentId(transaction.last_insert_rowid()))
}

fn active_experiment(transaction: &Transaction, name: &str) -> Result<Option<ExperimentId>, Fault> {
    let mut query =
        transaction.prepare_cached("SELECT id FROM experiment WHERE name = ?1 AND lifecycle = 0")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?.map(ExperimentId))
}

fn resolve(transaction: &Transaction, experiment: &ExperimentRef) -> Result<ExperimentId, Fault> {
    let found = match experiment {
        ExperimentRef::Name(name) => active_experiment(transaction, name)?,
        ExperimentRef::Id(id) => {
            let mut query =
                transaction.prepare_cached("SELECT 1 FROM experiment WHERE id = ?1 AND lifecycle = 0")?;
            query.exists([id.0])?.then_some(*id)
        }
    };
    found.ok_or_else(|| {
        let wanted = match experiment {
            ExperimentRef::Name(name) => name.clone(),
            ExperimentRef::Id(id) => id.to_string(),
        };
        StoreError::UnknownExperiment(wanted).into()
    })
}

fn set_experiment_tags(
    transaction: &Transaction,
    experiment: &ExperimentRef,
    tags: &[Tag],
) -> Result<(), Fault> {
    let id = resolve(transaction, experiment)?;
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO experiment_tag (experiment, key, value) VALUES (?1, ?2, ?3)",
    )?;
    for tag in tags {
        check_tag(tag)?;
        insert.execute(params![id.0, tag.key, tag.value])?;
    }
    Ok(())
}

fn create_run(transaction: &Transaction, run: &NewRun) -> Result<(), Fault> {
    check_time(run.start_time, || format!("the start of run {}", run.id))?;
    let name = run.name.clone().unwrap_or_else(|| run_name(run.id));
    check_length(&name, MAX_RUN_NAME, || "the run name".to_owned())?;
    let experiment = resolve(transaction, &run.experiment)?;
    let parent = run.parent.map(|parent| active_run(transaction, parent)).transpose()?;
    if lookup(transaction, run.id)?.is_some() {
        return Err(StoreError::RunExists(run.id).into());
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO run (id, experiment, parent, name, status, start_time, end_time, user)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let end_time = run.end_time.map(|time| time.0);
    let status = run.status as i64;
    insert.execute(params![
        run.id.to_string(),
        experiment.0,
        parent,
        name,
        status,
        run.start_time.0,
        end_time,
        run.user
    ])?;
    match &run.lease {
        Some(lease) => set_lease(transaction, transaction.last_insert_rowid(), Some(lease)),
        None => Ok(()),
    }
}

/// The number of a run and whether it is deleted.
fn lookup(transaction: &Transaction, run: RunId) -> Result<Option<(i64, bool)>, Fault> {
    let mut query = transaction.prepare_cached("SELECT number, lifecycle FROM run WHERE id = ?1")?;
    let found = query.query_row([run.to_string()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? != 0)));
    Ok(found.optional()?)
}

/// The number of a run that may be changed.
fn active_run(transaction: &Transaction, run: RunId) -> Result<i64, Fault> {
    match lookup(transaction, run)? {
        None => Err(StoreError::UnknownRun(run).into()),
        Some((_, true)) => Err(StoreError::Deleted { run }.into()),
        Some((number, false)) => Ok(number),
    }
}

fn rename(transaction: &Transaction, number: i64, name: &str) -> Result<(), Fault> {
    check_length(name, MAX_RUN_NAME, || "the run name".to_owned())?;
    transaction.execute("UPDATE run SET name = ?2 WHERE number = ?1", params![number, name])?;
    Ok(())
}

fn update_state(
    transaction: &Transaction,
    number: i64,
    status: Option<RunStatus>,
    end_time: Option<Timestamp>,
    at: Timestamp,
) -> Result<(), Fault> {
    if let Some(end_time) = end_time {
        check_time(end_time, || "the end of the run".to_owned())?;
        transaction.execute("UPDATE run SET end_time = ?2 WHERE number = ?1", params![number, end_time.0])?;
    }
    let Some(status) = status else { return Ok(()) };
    transaction.execute("UPDATE run SET status = ?2 WHERE number = ?1", params![number, status as i64])?;
    if status.has_ended() {
        let end = "UPDATE run SET end_time = coalesce(end_time, ?2) WHERE number = ?1";
        transaction.execute(end, params![number, at.0])?;
        set_lease(transaction, number, None)?;
        history::fold_all(transaction, number)
    } else {
        // A run that was taken up again has not ended.
        let reopen = "UPDATE run SET end_time = ?2 WHERE number = ?1";
        transaction.execute(reopen, params![number, end_time.map(|time| time.0)])?;
        Ok(())
    }
}

fn set_lifecycle(transaction: &Transaction, run: RunId, lifecycle: Lifecycle) -> Result<(), Fault> {
    let (number, _) = lookup(transaction, run)?.ok_or(StoreError::UnknownRun(run))?;
    let deleted = lifecycle == Lifecycle::Deleted;
    transaction.execute("UPDATE run SET lifecycle = ?2 WHERE number = ?1", params![number, deleted])?;
    Ok(())
}

fn set_lease(transaction: &Transaction, number: i64, lease: Option<&Lease>) -> Result<(), Fault> {
    let mut update = transaction.prepare_cached(
        "UPDATE run SET lease_host = ?2, lease_boot = ?3, lease_pid = ?4, lease_started = ?5 WHERE number = ?1",
    )?;
    update.execute(params![
        number,
        lease.map(|lease| &lease.host),
        lease.map(|lease| &lease.boot),
        lease.map(|lease| lease.pid),
        // Ticks since boot: 63 bits last longer than the machine.
        lease.map(|lease| lease.started as i64),
    ])?;
    Ok(())
}

fn log_params(transaction: &Transaction, run: RunId, params: &[Param]) -> Result<(), Fault> {
    let number = active_run(transaction, run)?;
    let mut insert =
        transaction.prepare_cached("INSERT OR IGNORE INTO param (run, key, value) VALUES (?1, ?2, ?3)")?;
    for param in params {
        check_key("param", &param.key)?;
        check_length(&param.value, MAX_PARAM_VALUE, || format!("the value of param `{}`", param.key))?;
        if insert.execute(params![number, param.key, param.value])? == 1 {
            continue;
        }
        let old = stored_param(transaction, number, &param.key)?.expect("the insert met it");
        if old != param.value {
            let (key, new) = (param.key.clone(), param.value.clone());
            return Err(StoreError::ParamChanged { run, key, old, new }.into());
        }
    }
    Ok(())
}

fn stored_param(transaction: &Transaction, number: i64, key: &str) -> Result<Option<String>, Fault> {
    let mut query = transaction.prepare_cached("SELECT value FROM param WHERE run = ?1 AND key = ?2")?;
    Ok(query.query_row(params![number, key], |row| row.get(0)).optional()?)
}

fn set_tags(transaction: &Transaction, number: i64, tags: &[Tag], at: Timestamp) -> Result<(), Fault> {
    let mut replace = transaction
        .prepare_cached("INSERT OR REPLACE INTO tag (run, key, value, set_at) VALUES (?1, ?2, ?3, ?4)")?;
    for tag in tags {
        check_tag(tag)?;
        match stored_tag(transaction, number, &tag.key)? {
            Some((value, _)) if value == tag.value => continue,
            Some(old) => keep_tag(transaction, number, &tag.key, &old)?,
            None => {}
        }
        replace.execute(params![number, tag.key, tag.value, at.0])?;
    }
    Ok(())
}

fn delete_tag(transaction: &Transaction, number: i64, key: &str) -> Result<(), Fault> {
    if let Some(old) = stored_tag(transaction, number, key)? {
        keep_tag(transaction, number, key, &old)?;
        transaction.execute("DELETE FROM tag WHERE run = ?1 AND key = ?2", params![number, key])?;
    }
    Ok(())
}

fn stored_tag(transaction: &Transaction, number: i64, key: &str) -> Result<Option<(String, i64)>, Fault> {
    let mut query =
        transaction.prepare_cached("SELECT value, set_at FROM tag WHERE run = ?1 AND key = ?2")?;
    Ok(query.query_row(params![number, key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

fn keep_tag(transaction: &Transaction, number: i64, key: &str, old: &(String, i64)) -> Result<(), Fault> {
    let mut insert = transaction
        .prepare_cached("INSERT INTO tag_history (run, key, value, set_at) VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute(params![number, key, old.0, old.1])?;
    Ok(())
}

fn check_tag(tag: &Tag) -> Result<(), KeyError> {
    check_key("tag", &tag.key)?;
    check_length(&tag.value, MAX_TAG_VALUE, || format!("the value of tag `{}`", tag.key))
}

fn log_artifacts(transaction: &Transaction, number: i64, artifacts: &[Artifact]) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO artifact (run, path, digest, size) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for artifact in artifacts {
        check_path("artifact", &artifact.path)?;
        let digest = artifact.digest.to_string();
        insert.execute(params![number, artifact.path, digest, stored_size(artifact.size)])?;
    }
    Ok(())
}

fn log_files(transaction: &Transaction, run: RunId, role: Role, files: &[LineageFile]) -> Result<(), Fault> {
    let number = active_run(transaction, run)?;
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO lineage (run, role, path, digest, size) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for file in files {
        let digest = file.digest.to_string();
        insert.execute(params![number, role as i64, file.path, digest, stored_size(file.size)])?;
    }
    Ok(())
}

/// SQLite counts in int64; no file is larger.
fn stored_size(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

pub(super) fn check_time(time: Timestamp, what: impl FnOnce() -> String) -> Result<(), Fault> {
    if time.0 < 0 {
        return Err(StoreError::Time { what: what(), millis: time.0 }.into());
    }
    Ok(())
}
