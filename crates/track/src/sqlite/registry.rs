//! Reading and searching the model registry.

use std::collections::BTreeMap;

use base::Timestamp;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::choose::choose;
use super::fault::Fault;
use super::model::status;
use super::read::{model_id, run_id, texts, unreadable};
use crate::{ModelSearch, ModelVersion, RegisteredModel, Stage, StoreError, VersionSearch};

const MODEL: &str = "SELECT number, name, description, created, updated FROM registered_model";

const VERSION: &str =
    "SELECT model_version.number, model_version.model, name, version, source, run, logged_model,
    status, message, stage, model_version.description, user, model_version.created, model_version.updated
    FROM model_version JOIN registered_model ON registered_model.number = model_version.model";

pub(super) fn model(connection: &Connection, name: &str) -> Result<RegisteredModel, Fault> {
    let mut query = connection.prepare_cached(&format!("{MODEL} WHERE name = ?1"))?;
    let found = query.query_row([name], model_row).optional()?;
    whole_model(connection, found.ok_or_else(|| unknown(name))?)
}

fn unknown(name: &str) -> StoreError {
    StoreError::Unknown { noun: "registered model", name: name.to_owned() }
}

pub(super) fn search(connection: &Connection, search: &ModelSearch) -> Result<Vec<RegisteredModel>, Fault> {
    let mut query = connection.prepare_cached(&format!("{MODEL} ORDER BY name"))?;
    let found = query.query_map([], model_row)?.collect::<Result<Vec<_>, _>>()?;
    let models = found.into_iter().map(|found| whole_model(connection, found));
    let models = models.collect::<Result<Vec<_>, _>>()?;
    Ok(choose(models, search.filter.as_ref(), &search.order_by, (search.offset, search.limit)))
}

fn model_row(row: &Row) -> rusqlite::Result<(i64, RegisteredModel)> {
    let model = RegisteredModel {
        name: row.get(1)?,
        description: row.get(2)?,
        created: Timestamp(row.get(3)?),
        updated: Timestamp(row.get(4)?),
        tags: BTreeMap::new(),
        aliases: BTreeMap::new(),
    };
    Ok((row.get(0)?, model))
}

fn whole_model(
    connection: &Connection,
    (number, mut model): (i64, RegisteredModel),
) -> Result<RegisteredModel, Fault> {
    model.tags = texts(connection, "SELECT key, value FROM registered_model_tag WHERE model = ?1", number)?;
    let mut query =
        connection.prepare_cached("SELECT alias, version FROM registered_model_alias WHERE model = ?1")?;
    let aliases = query.query_map([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    model.aliases = aliases.collect::<Result<_, _>>()?;
    Ok(model)
}

pub(super) fn version(connection: &Connection, name: &str, version: i64) -> Result<ModelVersion, Fault> {
    let mut query = connection.prepare_cached(&format!("{VERSION} WHERE name = ?1 AND version = ?2"))?;
    match query.query_row(params![name, version], version_row).optional()? {
        Some(found) => whole_version(connection, found),
        None => {
            model(connection, name)?;
            Err(StoreError::Unknown { noun: "version", name: format!("{version} of {name}") }.into())
        }
    }
}

pub(super) fn by_alias(connection: &Connection, name: &str, alias: &str) -> Result<ModelVersion, Fault> {
    let model = model(connection, name)?;
    let unknown = || StoreError::Unknown { noun: "alias", name: format!("{alias} of {name}") };
    version(connection, name, *model.aliases.get(alias).ok_or_else(unknown)?)
}

pub(super) fn latest(
    connection: &Connection,
    name: &str,
    stages: &[Stage],
) -> Result<Vec<ModelVersion>, Fault> {
    model(connection, name)?;
    let mut query = connection
        .prepare_cached(&format!("{VERSION} WHERE name = ?1 AND stage = ?2 ORDER BY version DESC LIMIT 1"))?;
    let mut found = Vec::new();
    for stage in Stage::ALL {
        if stages.is_empty() || stages.contains(&stage) {
            found.extend(query.query_row(params![name, stage as i64], version_row).optional()?);
        }
    }
    found.into_iter().map(|found| whole_version(connection, found)).collect()
}

pub(super) fn search_versions(
    connection: &Connection,
    search: &VersionSearch,
) -> Result<Vec<ModelVersion>, Fault> {
    let mut query = connection.prepare_cached(&format!("{VERSION} ORDER BY name, version DESC"))?;
    let found = query.query_map([], version_row)?.collect::<Result<Vec<_>, _>>()?;
    let versions = found.into_iter().map(|found| whole_version(connection, found));
    let versions = versions.collect::<Result<Vec<_>, _>>()?;
    Ok(choose(versions, search.filter.as_ref(), &search.order_by, (search.offset, search.limit)))
}

fn version_row(row: &Row) -> rusqlite::Result<([i64; 2], ModelVersion)> {
    let run: Option<String> = row.get(5)?;
    let logged_model: Option<String> = row.get(6)?;
    let stage: i64 = row.get(9)?;
    let version = ModelVersion {
        model: row.get(2)?,
        version: row.get(3)?,
        source: row.get(4)?,
        run: run.map(|_| run_id(row, 5)).transpose()?,
        logged_model: logged_model.map(|_| model_id(row, 6)).transpose()?,
        status: status(row, 7)?,
        message: row.get(8)?,
        stage: Stage::ALL
            .into_iter()
            .find(|known| *known as i64 == stage)
            .ok_or_else(|| unreadable(9, FromSqlError::OutOfRange(stage)))?,
        description: row.get(10)?,
        user: row.get(11)?,
        created: Timestamp(row.get(12)?),
        updated: Timestamp(row.get(13)?),
        tags: BTreeMap::new(),
        aliases: Vec::new(),
    };
    Ok(([row.get(0)?, row.get(1)?], version))
}

fn whole_version(
    connection: &Connection,
    ([number, model], mut version): ([i64; 2], ModelVersion),
) -> Result<ModelVersion, Fault> {
    version.tags = texts(connection, "SELECT key, value FROM model_version_tag WHERE version = ?1", number)?;
    let mut query = connection.prepare_cached(
        "SELECT alias FROM registered_model_alias WHERE model = ?1 AND version = ?2 ORDER BY alias",
    )?;
    let aliases = query.query_map([model, version.version], |row| row.get(0))?;
    version.aliases = aliases.collect::<Result<_, _>>()?;
    Ok(version)
}
