//! Changes of runs: their state, params and tags.

use base::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{check_time, experiment, heard, lookup, open_run};
use crate::key::{MAX_RUN_NAME, check_length};
use crate::sqlite::fault::Fault;
use crate::sqlite::history;
use crate::{
    KeyError, Lease, Lifecycle, MAX_PARAM_VALUE, MAX_TAG_VALUE, NewRun, PARENT_TAG, Param, RUN_NAME_TAG,
    RunId, RunStatus, StoreError, Tag, check_key, run_name,
};

pub(super) fn create(
    transaction: &Transaction,
    run: &NewRun,
    to_deleted: bool,
    at: Timestamp,
) -> Result<(), Fault> {
    check_time(run.start_time, || format!("the start of run {}", run.id))?;
    let name = run.name.clone().unwrap_or_else(|| run_name(run.id));
    check_length(&name, MAX_RUN_NAME, || "the run name".to_owned())?;
    let experiment = experiment::resolve(transaction, &run.experiment)?;
    let parent = run.parent.map(|parent| open_run(transaction, parent, to_deleted)).transpose()?;
    if lookup(transaction, run.id)?.is_some() {
        return Err(StoreError::RunExists(run.id).into());
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO run (id, experiment, parent, name, status, start_time, end_time, user, heard)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
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
        run.user,
        at.0
    ])?;
    match &run.lease {
        Some(lease) => set_lease(transaction, transaction.last_insert_rowid(), Some(lease)),
        None => Ok(()),
    }
}

pub(super) fn rename(transaction: &Transaction, number: i64, name: &str) -> Result<(), Fault> {
    check_length(name, MAX_RUN_NAME, || "the run name".to_owned())?;
    transaction.execute("UPDATE run SET name = ?2 WHERE number = ?1", params![number, name])?;
    Ok(())
}

pub(super) fn update_state(
    transaction: &Transaction,
    number: i64,
    status: Option<RunStatus>,
    end_time: Option<Timestamp>,
    at: Timestamp,
) -> Result<(), Fault> {
    if status.is_some() {
        // What its maker says counts, and an end that was given to its silence does not.
        heard::take_back(transaction, number)?;
    }
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
        heard::note(transaction, number, at)
    }
}

pub(super) fn set_lifecycle(
    transaction: &Transaction,
    run: RunId,
    lifecycle: Lifecycle,
    at: Timestamp,
) -> Result<(), Fault> {
    let (number, was_deleted) = lookup(transaction, run)?.ok_or(StoreError::UnknownRun(run))?;
    match (lifecycle, was_deleted) {
        (Lifecycle::Deleted, false) => {
            let delete = "UPDATE run SET lifecycle = 1, deleted = ?2 WHERE number = ?1";
            transaction.prepare_cached(delete)?.execute([number, at.0])?;
        }
        (Lifecycle::Active, true) => {
            let restore = "UPDATE run SET lifecycle = 0, deleted = NULL, deleted_with = 0 WHERE number = ?1";
            transaction.prepare_cached(restore)?.execute([number])?;
        }
        // Deleted with its experiment, it stays so.
        _ => {}
    }
    Ok(())
}

pub(super) fn set_lease(transaction: &Transaction, number: i64, lease: Option<&Lease>) -> Result<(), Fault> {
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

pub(super) fn log_params(
    transaction: &Transaction,
    run: RunId,
    number: i64,
    params: &[Param],
) -> Result<(), Fault> {
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

pub(super) fn stored_param(
    transaction: &Transaction,
    number: i64,
    key: &str,
) -> Result<Option<String>, Fault> {
    let mut query = transaction.prepare_cached("SELECT value FROM param WHERE run = ?1 AND key = ?2")?;
    Ok(query.query_row(params![number, key], |row| row.get(0)).optional()?)
}

pub(super) fn set_tags(
    transaction: &Transaction,
    number: i64,
    tags: &[Tag],
    at: Timestamp,
) -> Result<(), Fault> {
    let mut replace = transaction
        .prepare_cached("INSERT OR REPLACE INTO tag (run, key, value, set_at) VALUES (?1, ?2, ?3, ?4)")?;
    for tag in tags {
        check_tag(tag)?;
        if mirrored(transaction, number, tag)? {
            continue;
        }
        match stored_tag(transaction, number, &tag.key)? {
            Some((value, _)) if value == tag.value => continue,
            Some(old) => keep_tag(transaction, number, &tag.key, &old)?,
            None => {}
        }
        replace.execute(params![number, tag.key, tag.value, at.0])?;
    }
    Ok(())
}

/// Sets the field that a tag is another name of; whether it is one.
fn mirrored(transaction: &Transaction, number: i64, tag: &Tag) -> Result<bool, Fault> {
    match tag.key.as_str() {
        RUN_NAME_TAG if tag.value.is_empty() => Ok(true),
        RUN_NAME_TAG => rename(transaction, number, &tag.value).map(|()| true),
        PARENT_TAG => {
            let parent = possible_parent(transaction, number, &tag.value)?;
            set_parent(transaction, number, parent)?;
            if parent.is_some() {
                remove_tag(transaction, number, PARENT_TAG)?;
            }
            Ok(parent.is_some())
        }
        _ => Ok(false),
    }
}

/// The active run that a text names, unless it is the run itself or one that came from it.
fn possible_parent(transaction: &Transaction, number: i64, text: &str) -> Result<Option<i64>, Fault> {
    let Ok(id) = text.parse::<RunId>() else { return Ok(None) };
    let Some((parent, false)) = lookup(transaction, id)? else { return Ok(None) };
    let mut line = Some(parent);
    let mut query = transaction.prepare_cached("SELECT parent FROM run WHERE number = ?1")?;
    while let Some(run) = line {
        if run == number {
            return Ok(None);
        }
        line = query.query_row([run], |row| row.get(0))?;
    }
    Ok(Some(parent))
}

fn set_parent(transaction: &Transaction, number: i64, parent: Option<i64>) -> Result<(), Fault> {
    transaction
        .prepare_cached("UPDATE run SET parent = ?2 WHERE number = ?1")?
        .execute(params![number, parent])?;
    Ok(())
}

pub(super) fn delete_tag(transaction: &Transaction, number: i64, key: &str) -> Result<(), Fault> {
    if key == PARENT_TAG {
        set_parent(transaction, number, None)?;
    }
    remove_tag(transaction, number, key)
}

pub(super) fn remove_tag(transaction: &Transaction, number: i64, key: &str) -> Result<(), Fault> {
    if let Some(old) = stored_tag(transaction, number, key)? {
        keep_tag(transaction, number, key, &old)?;
        transaction.execute("DELETE FROM tag WHERE run = ?1 AND key = ?2", params![number, key])?;
    }
    Ok(())
}

pub(super) fn stored_tag(
    transaction: &Transaction,
    number: i64,
    key: &str,
) -> Result<Option<(String, i64)>, Fault> {
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
