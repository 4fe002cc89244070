//! The one write door: a set of changes in one transaction that takes the write lock first.

mod artifact;
mod demand;
mod experiment;
mod heard;
mod hold;
mod input;
mod model;
mod purge;
mod registry;
mod run;
mod tag;
mod version;

pub(super) use artifact::Table;
pub(super) use heard::last_heard;

use base::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use self::heard::Word;
use super::fault::Fault;
use super::history;
use super::holdings::Holdings;
use super::registry as stored;
use crate::{
    Applied, ArtifactOwner, Change, Changes, ChangesId, Found, RunId, Sought, StoreError, VersionRef,
};

/// How long the answer to a set with an id is kept, in milliseconds: thirty days.
const REMEMBERED: i64 = 30 * 86_400_000;

/// Applies all or nothing: every early return drops the transaction, which undoes it.
pub(super) fn apply(
    connection: &mut Connection,
    changes: &Changes,
    holdings: Option<&Holdings>,
) -> Result<Applied, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(id) = &changes.id
        && let Some(answer) = earlier_answer(&transaction, id)?
    {
        return Ok(answer);
    }
    for precondition in &changes.preconditions {
        demand::demand(&transaction, precondition)?;
    }
    let mut applied = Applied::default();
    for change in &changes.changes {
        make(&transaction, change, changes, &mut applied)?;
    }
    if let Some(sought) = &changes.sought {
        applied.found = Some(Box::new(find(&transaction, sought, &applied)?));
    }
    if let Some(id) = &changes.id {
        remember(&transaction, id, changes.at, &applied)?;
    }
    // Others must know before it counts.
    holdings.map_or(Ok(()), |holdings| holdings.add(changes))?;
    transaction.commit()?;
    Ok(applied)
}

/// What is told of what was changed. It is read before anybody else can write.
fn find(connection: &Connection, sought: &Sought, applied: &Applied) -> Result<Found, Fault> {
    Ok(match sought {
        Sought::Run(run) => Found::Run(super::search::run(connection, *run)?),
        Sought::LoggedModel(model) => Found::LoggedModel(super::model::one(connection, *model)?),
        Sought::RegisteredModel(name) => Found::RegisteredModel(
            stored::model(connection, name)?,
            stored::latest_of(connection, name, &[])?,
        ),
        Sought::Version(VersionRef { model, version }) => {
            Found::Version(stored::version(connection, model, *version)?)
        }
        Sought::NewVersion(model) => {
            let made = applied.versions.last().copied().unwrap_or_default();
            Found::Version(stored::version(connection, model, made)?)
        }
    })
}

/// What a set with this id was answered with that was applied before.
pub(super) fn earlier_answer(connection: &Connection, id: &ChangesId) -> Result<Option<Applied>, Fault> {
    let mut query = connection.prepare_cached("SELECT answer FROM applied WHERE id = ?1")?;
    let answer: Option<String> = query.query_row([&id.0], |row| row.get(0)).optional()?;
    answer.map(|text| serde_json::from_str(&text).map_err(|e| Fault::Content(e.to_string()))).transpose()
}

/// Keeps the answer, and forgets those that nobody will ask for again.
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
    let mut forget = transaction.prepare_cached("DELETE FROM applied WHERE at < ?1")?;
    forget.execute([at.0.saturating_sub(REMEMBERED)])?;
    Ok(())
}

fn make(
    transaction: &Transaction,
    change: &Change,
    &Changes { at, to_deleted, .. }: &Changes,
    applied: &mut Applied,
) -> Result<(), Fault> {
    let open = |run: RunId| open_run(transaction, run, to_deleted);
    let hear = |run: RunId| heard::hear(transaction, run, to_deleted, at, Word::OfMaker);
    let care = |run: RunId| heard::hear(transaction, run, to_deleted, at, Word::OfAnybody);
    match change {
        Change::CreateExperiment { name, if_absent } => {
            applied.experiments.push(experiment::create(transaction, name, *if_absent, at)?);
            Ok(())
        }
        Change::SetExperimentTags { experiment, tags } => experiment::set_tags(transaction, experiment, tags),
        Change::RenameExperiment { experiment, name } => {
            experiment::rename(transaction, experiment, name, at)
        }
        Change::SetArtifactLocation { experiment, location } => {
            experiment::set_location(transaction, experiment, location.as_deref())
        }
        Change::DeleteExperimentTag { experiment, key } => {
            experiment::delete_tag(transaction, experiment, key)
        }
        Change::SetExperimentLifecycle { experiment, lifecycle } => {
            experiment::set_lifecycle(transaction, *experiment, *lifecycle, at)
        }
        Change::CreateRun(run) => run::create(transaction, run, to_deleted, at),
        Change::UpdateRun { run, status, end_time, name } => {
            let number = open(*run)?;
            if let Some(name) = name {
                run::rename(transaction, number, name)?;
            }
            run::update_state(transaction, number, *status, *end_time, at)
        }
        Change::Heard { run } => heard::note(transaction, open(*run)?, at),
        Change::SetLifecycle { run, lifecycle } => run::set_lifecycle(transaction, *run, *lifecycle, at),
        Change::SetLease { run, lease } => run::set_lease(transaction, open(*run)?, lease.as_ref()),
        Change::LogMetrics { run, metrics } => history::log(transaction, hear(*run)?, metrics),
        Change::LogParams { run, params } => run::log_params(transaction, *run, hear(*run)?, params),
        Change::SetTags { run, tags } => run::set_tags(transaction, care(*run)?, tags, at),
        Change::DeleteTag { run, key } => run::delete_tag(transaction, care(*run)?, key),
        Change::LogArtifacts { run, artifacts } => {
            artifact::log(transaction, Table::Run, hear(*run)?, artifacts)
        }
        Change::DeleteArtifacts { owner, path } => {
            let (table, number) = match owner {
                ArtifactOwner::Run(run) => (Table::Run, care(*run)?),
                ArtifactOwner::Model(model) => (Table::Model, model::active(transaction, *model)?),
                ArtifactOwner::Version(name, version) => {
                    (Table::Version, version::find(transaction, name, *version)?.number)
                }
            };
            artifact::delete(transaction, table, number, path)
        }
        Change::LogDatasets { run, datasets } => input::log_datasets(transaction, hear(*run)?, datasets),
        Change::LogModelInputs { run, models } => {
            let models = models.iter().map(|model| (*model, 0));
            input::log_models(transaction, hear(*run)?, crate::Role::Input, models)
        }
        Change::LogModelOutputs { run, models } => {
            let models = models.iter().map(|output| (output.model, output.step));
            input::log_models(transaction, hear(*run)?, crate::Role::Output, models)
        }
        Change::LogInputs { run, files } => {
            input::log_files(transaction, hear(*run)?, crate::Role::Input, files)
        }
        Change::LogOutputs { run, files } => {
            input::log_files(transaction, hear(*run)?, crate::Role::Output, files)
        }
        Change::LoggedModel(change) => model::make(transaction, change, at),
        Change::Registry(change) => registry::make(transaction, change, at, applied),
        Change::Purge(purge) => purge::purge(transaction, purge),
    }
}

/// The number of a run and whether it is deleted.
fn lookup(transaction: &Transaction, run: RunId) -> Result<Option<(i64, bool)>, Fault> {
    let mut query = transaction.prepare_cached("SELECT number, lifecycle FROM run WHERE id = ?1")?;
    let found = query.query_row([run.to_string()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? != 0)));
    Ok(found.optional()?)
}

/// The number of a run that is not deleted.
fn active_run(transaction: &Transaction, run: RunId) -> Result<i64, Fault> {
    open_run(transaction, run, false)
}

/// The number of a run that may be changed, by those who change deleted ones or by others.
fn open_run(transaction: &Transaction, run: RunId, to_deleted: bool) -> Result<i64, Fault> {
    match lookup(transaction, run)? {
        None => Err(StoreError::UnknownRun(run).into()),
        Some((_, true)) if !to_deleted => Err(StoreError::Deleted { run }.into()),
        Some((number, _)) => Ok(number),
    }
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
