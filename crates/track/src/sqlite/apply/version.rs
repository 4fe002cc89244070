//! Changes of versions of registered models.

use std::borrow::Cow;

use base::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::hold::hold_what_is_made_of;
use super::{artifact, earlier_answer, registry, remember, tag};
use crate::key::check_alias;
use crate::sqlite::fault::Fault;
use crate::sqlite::registry::{number_of, token_id};
use crate::{Applied, FIRST_TOKEN, NewVersion, RegistryChange, Stage, StoreError, VersionRef};

/// A version with its numbers in the tables.
pub(super) struct Found {
    pub number: i64,
    pub model: i64,
    pub version: i64,
}

/// Changes that are not of versions are made by `registry`.
pub(super) fn make(transaction: &Transaction, change: &RegistryChange, at: Timestamp) -> Result<(), Fault> {
    match change {
        RegistryChange::DescribeVersion { version, description } => {
            let found = of(transaction, version)?;
            let describe = "UPDATE model_version SET description = ?2 WHERE number = ?1";
            transaction.execute(describe, params![found.number, description])?;
            touch(transaction, &found, at)
        }
        RegistryChange::SetVersionStatus { version, status, message } => {
            let found = of(transaction, version)?;
            let set = "UPDATE model_version SET status = ?2, message = ?3 WHERE number = ?1";
            transaction.execute(set, params![found.number, *status as i64, message])?;
            touch(transaction, &found, at)
        }
        RegistryChange::LogVersionArtifacts { version, artifacts } => {
            let found = of(transaction, version)?;
            artifact::log(transaction, artifact::Table::Version, found.number, artifacts)
        }
        RegistryChange::SetStage { version, stage, archive_existing } => {
            set_stage(transaction, version, *stage, *archive_existing, at)
        }
        RegistryChange::DeleteVersion { version } => {
            let found = of(transaction, version)?;
            hold_what_is_made_of(transaction, &version.model, Some(found.version))?;
            transaction.execute("DELETE FROM model_version WHERE number = ?1", [found.number])?;
            registry::touch(transaction, found.model, at)
        }
        RegistryChange::SetVersionTags { version, tags } => {
            tag::set(transaction, tag::VERSION, of(transaction, version)?.number, tags)
        }
        RegistryChange::DeleteVersionTag { version, key } => {
            tag::delete(transaction, tag::VERSION, of(transaction, version)?.number, key).map(drop)
        }
        _ => Ok(()),
    }
}

/// Makes a version, and answers with its number.
pub(super) fn create(transaction: &Transaction, new: &NewVersion, at: Timestamp) -> Result<i64, Fault> {
    let model = registry::find(transaction, &new.model)?;
    let token = new.known_as.map(|known| token_id(known.token));
    let earlier = token.as_ref().map(|id| earlier_answer(transaction, id)).transpose()?.flatten();
    if let Some(version) = earlier.and_then(|applied| applied.versions.first().copied()) {
        return Ok(version);
    }
    let source = with_number(transaction, &new.source)?;
    let count = "UPDATE registered_model SET versions = versions + 1 WHERE number = ?1 RETURNING versions";
    let version: i64 = transaction.prepare_cached(count)?.query_row([model], |row| row.get(0))?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO model_version (model, version, source, run, logged_model, status, description, user, created, updated,
            run_link)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)",
    )?;
    insert.execute(params![
        model,
        version,
        source,
        new.run.map(|run| run.to_string()),
        new.logged_model.map(|model| model.to_string()),
        new.status as i64,
        new.description,
        new.user,
        at.0,
        new.run_link
    ])?;
    let number = transaction.last_insert_rowid();
    tag::set(transaction, tag::VERSION, number, &new.tags)?;
    artifact::log(transaction, artifact::Table::Version, number, &new.artifacts)?;
    for alias in &new.aliases {
        check_alias(alias)?;
        registry::set_alias(transaction, model, alias, version)?;
    }
    registry::touch(transaction, model, at)?;
    if let Some(id) = token {
        remember(transaction, &id, at, &Applied { versions: vec![version], ..Applied::default() })?;
    }
    Ok(version)
}

/// A source that names a version by its token names it by its number from now on.
fn with_number<'s>(transaction: &Transaction, source: &'s str) -> Result<Cow<'s, str>, Fault> {
    let named = source.strip_prefix("models:/").and_then(|rest| rest.split_once('/'));
    let token = named.and_then(|(name, token)| Some((name, token.parse().ok()?)));
    let Some((name, token)) = token.filter(|(_, token)| *token >= FIRST_TOKEN) else {
        return Ok(source.into());
    };
    Ok(format!("models:/{name}/{}", number_of(transaction, token)?).into())
}

fn set_stage(
    transaction: &Transaction,
    version: &VersionRef,
    stage: Stage,
    archive_existing: bool,
    at: Timestamp,
) -> Result<(), Fault> {
    if archive_existing && !stage.is_in_use() {
        return Err(StoreError::StageNotInUse(stage).into());
    }
    let found = of(transaction, version)?;
    if archive_existing {
        let archive = "UPDATE model_version SET stage = ?3, updated = ?4
                       WHERE model = ?1 AND number != ?2 AND stage = ?5";
        let archived = Stage::Archived as i64;
        transaction.execute(archive, [found.model, found.number, archived, at.0, stage as i64])?;
    }
    transaction
        .execute("UPDATE model_version SET stage = ?2 WHERE number = ?1", [found.number, stage as i64])?;
    touch(transaction, &found, at)
}

/// A version by name and number.
pub(super) fn find(transaction: &Transaction, name: &str, version: i64) -> Result<Found, Fault> {
    let model = registry::find(transaction, name)?;
    let version = number_of(transaction, version)?;
    let mut query =
        transaction.prepare_cached("SELECT number FROM model_version WHERE model = ?1 AND version = ?2")?;
    match query.query_row([model, version], |row| row.get(0)).optional()? {
        Some(number) => Ok(Found { number, model, version }),
        None => {
            Err(StoreError::NotOfModel { model: name.to_owned(), what: format!("version {version}") }.into())
        }
    }
}

fn of(transaction: &Transaction, version: &VersionRef) -> Result<Found, Fault> {
    find(transaction, &version.model, version.version)
}

fn touch(transaction: &Transaction, found: &Found, at: Timestamp) -> Result<(), Fault> {
    let touch = "UPDATE model_version SET updated = ?2 WHERE number = ?1";
    transaction.prepare_cached(touch)?.execute([found.number, at.0])?;
    registry::touch(transaction, found.model, at)
}
