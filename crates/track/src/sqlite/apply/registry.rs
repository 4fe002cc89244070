//! Changes of registered models; those of their versions have a file of their own.

use base::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::hold::hold_what_is_made_of;
use super::{tag, version};
use crate::key::{check_alias, check_registered_name};
use crate::sqlite::fault::Fault;
use crate::{Applied, RegistryChange, StoreError, Tag, VersionRef};

pub(super) fn make(
    transaction: &Transaction,
    change: &RegistryChange,
    at: Timestamp,
    applied: &mut Applied,
) -> Result<(), Fault> {
    match change {
        RegistryChange::CreateModel { name, description, tags, if_absent } => {
            create(transaction, name, description.as_deref(), tags, *if_absent, at)
        }
        RegistryChange::RenameModel { name, to } => rename(transaction, name, to, at),
        RegistryChange::DescribeModel { name, description } => {
            let model = find(transaction, name)?;
            let describe = "UPDATE registered_model SET description = ?2 WHERE number = ?1";
            transaction.execute(describe, params![model, description])?;
            touch(transaction, model, at)
        }
        RegistryChange::DeleteModel { name } => {
            let model = find(transaction, name)?;
            hold_what_is_made_of(transaction, name, None)?;
            transaction.execute("DELETE FROM registered_model WHERE number = ?1", [model])?;
            Ok(())
        }
        RegistryChange::SetModelTags { name, tags } => {
            tag::set(transaction, tag::REGISTERED_MODEL, find(transaction, name)?, tags)
        }
        RegistryChange::DeleteModelTag { name, key } => {
            tag::delete(transaction, tag::REGISTERED_MODEL, find(transaction, name)?, key).map(drop)
        }
        RegistryChange::SetAlias { alias, version: VersionRef { model, version } } => {
            check_alias(alias)?;
            let version = version::find(transaction, model, *version)?;
            set_alias(transaction, version.model, alias, version.version)
        }
        RegistryChange::DeleteAlias { name, alias } => {
            let model = find(transaction, name)?;
            let delete = "DELETE FROM registered_model_alias WHERE model = ?1 AND alias = ?2";
            transaction.execute(delete, params![model, alias])?;
            Ok(())
        }
        RegistryChange::CreateVersion(version) => {
            applied.versions.push(version::create(transaction, version, at)?);
            Ok(())
        }
        other => version::make(transaction, other, at),
    }
}

fn create(
    transaction: &Transaction,
    name: &str,
    description: Option<&str>,
    tags: &[Tag],
    if_absent: bool,
    at: Timestamp,
) -> Result<(), Fault> {
    check_registered_name(name)?;
    if lookup(transaction, name)?.is_some() {
        let taken = StoreError::Exists { noun: "registered model", name: name.to_owned() };
        return if if_absent { Ok(()) } else { Err(taken.into()) };
    }
    let insert = "INSERT INTO registered_model (name, description, created, updated) VALUES (?1, ?2, ?3, ?3)";
    transaction.execute(insert, params![name, description, at.0])?;
    tag::set(transaction, tag::REGISTERED_MODEL, transaction.last_insert_rowid(), tags)
}

fn rename(transaction: &Transaction, name: &str, to: &str, at: Timestamp) -> Result<(), Fault> {
    let model = find(transaction, name)?;
    check_registered_name(to)?;
    if lookup(transaction, to)?.is_some_and(|other| other != model) {
        return Err(StoreError::Exists { noun: "registered model", name: to.to_owned() }.into());
    }
    // The sources of other versions keep the old name.
    hold_what_is_made_of(transaction, name, None)?;
    transaction.execute("UPDATE registered_model SET name = ?2 WHERE number = ?1", params![model, to])?;
    // Versions name their model.
    transaction.execute("UPDATE model_version SET updated = ?2 WHERE model = ?1", [model, at.0])?;
    touch(transaction, model, at)
}

fn lookup(transaction: &Transaction, name: &str) -> Result<Option<i64>, Fault> {
    let mut query = transaction.prepare_cached("SELECT number FROM registered_model WHERE name = ?1")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?)
}

/// The number of a registered model.
pub(super) fn find(transaction: &Transaction, name: &str) -> Result<i64, Fault> {
    let unknown = || StoreError::Unknown { noun: "registered model", name: name.to_owned() };
    lookup(transaction, name)?.ok_or_else(|| unknown().into())
}

pub(super) fn set_alias(
    transaction: &Transaction,
    model: i64,
    alias: &str,
    version: i64,
) -> Result<(), Fault> {
    let set = "INSERT OR REPLACE INTO registered_model_alias (model, alias, version) VALUES (?1, ?2, ?3)";
    transaction.prepare_cached(set)?.execute(params![model, alias, version])?;
    Ok(())
}

pub(super) fn touch(transaction: &Transaction, model: i64, at: Timestamp) -> Result<(), Fault> {
    let touch = "UPDATE registered_model SET updated = ?2 WHERE number = ?1";
    transaction.prepare_cached(touch)?.execute([model, at.0])?;
    Ok(())
}
