//! Reading the artifacts of runs, logged models and versions.

use std::collections::BTreeSet;

use base::Digest;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::apply::Table;
use super::fault::Fault;
use super::lead;
use super::read::{digest, size};
use crate::{Artifact, ArtifactEntry, ArtifactOwner, StoreError};

/// The table and the number of an owner of any lifecycle.
pub(super) fn locate(connection: &Connection, owner: &ArtifactOwner) -> Result<(Table, i64), Fault> {
    let number = |sql: &str, values: &[&dyn rusqlite::ToSql]| -> Result<Option<i64>, Fault> {
        Ok(connection.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?)
    };
    match owner {
        ArtifactOwner::Run(run) => {
            let found = number("SELECT number FROM run WHERE id = ?1", &[&run.to_string()])?;
            Ok((Table::Run, found.ok_or(StoreError::UnknownRun(*run))?))
        }
        ArtifactOwner::Model(model) => {
            let found = number("SELECT number FROM logged_model WHERE id = ?1", &[&model.to_string()])?;
            let unknown = || StoreError::Unknown { noun: "logged model", name: model.to_string() };
            Ok((Table::Model, found.ok_or_else(unknown)?))
        }
        ArtifactOwner::Version(name, version) => {
            let sql = "SELECT model_version.number FROM model_version
                       JOIN registered_model ON registered_model.number = model WHERE name = ?1 AND version = ?2";
            let found = number(sql, &[name, version])?;
            let unknown =
                || StoreError::NotOfModel { model: name.to_owned(), what: format!("version {version}") };
            Ok((Table::Version, found.ok_or_else(unknown)?))
        }
    }
}

fn artifact_row(row: &Row) -> rusqlite::Result<Artifact> {
    Ok(Artifact { path: row.get(0)?, digest: digest(row, 1)?, size: size(row, 2)? })
}

pub(super) fn all(connection: &Connection, owner: &ArtifactOwner) -> Result<Vec<Artifact>, Fault> {
    let (table, number) = locate(connection, owner)?;
    all_in(connection, table, number)
}

/// The artifacts of the owner with a number.
pub(super) fn all_in(connection: &Connection, table: Table, number: i64) -> Result<Vec<Artifact>, Fault> {
    let (name, column) = table.names();
    let sql = format!("SELECT path, digest, size FROM {name} WHERE {column} = ?1 ORDER BY path");
    let mut query = connection.prepare_cached(&sql)?;
    Ok(query.query_map([number], artifact_row)?.collect::<Result<_, _>>()?)
}

pub(super) fn one(
    connection: &Connection,
    owner: &ArtifactOwner,
    path: &str,
) -> Result<Option<Artifact>, Fault> {
    let (table, number) = locate(connection, owner)?;
    let (name, column) = table.names();
    let sql = format!("SELECT path, digest, size FROM {name} WHERE {column} = ?1 AND path = ?2");
    Ok(connection.prepare_cached(&sql)?.query_row(params![number, path], artifact_row).optional()?)
}

/// Jumps over what lies deeper, so that a folder costs one step per entry, whatever is in its folders.
pub(super) fn folder(
    connection: &Connection,
    owner: &ArtifactOwner,
    folder: &str,
) -> Result<Vec<ArtifactEntry>, Fault> {
    let (table, number) = locate(connection, owner)?;
    let (name, column) = table.names();
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let mut next = connection.prepare_cached(&format!(
        "SELECT path, size FROM {name} WHERE {column} = ?1 AND path >= ?2 ORDER BY path LIMIT 1"
    ))?;
    let mut entries = Vec::new();
    let mut from = prefix.clone();
    loop {
        let found =
            next.query_row(params![number, from], |row| Ok((row.get::<_, String>(0)?, size(row, 1)?)));
        let Some((path, size)) = found.optional()? else { break };
        let Some(rest) = path.strip_prefix(&prefix) else { break };
        match rest.split_once('/') {
            Some((inner, _)) => {
                let path = format!("{prefix}{inner}");
                // `0` is the character after `/`.
                from = format!("{path}0");
                entries.push(ArtifactEntry { path, size: None });
            }
            None => {
                // Nothing lies between a text and the same with a NUL behind it.
                from = format!("{path}\0");
                entries.push(ArtifactEntry { path, size: Some(size) });
            }
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// What the artifacts of everything that was not deleted hold, and what versions are made of, each digest once.
pub(super) fn kept(connection: &Connection) -> Result<Vec<Digest>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT digest FROM artifact JOIN run ON run.number = artifact.run WHERE lifecycle = 0
         UNION SELECT digest FROM logged_model_artifact JOIN logged_model ON logged_model.number = owner
            WHERE lifecycle = 0
         UNION SELECT digest FROM model_version_artifact",
    )?;
    let mut kept: BTreeSet<Digest> = query.query_map([], |row| digest(row, 0))?.collect::<Result<_, _>>()?;
    for lead in lead::leads(connection)? {
        kept.extend(lead.files(connection)?.into_iter().map(|file| file.digest));
    }
    Ok(kept.into_iter().collect())
}

/// What the artifacts of everything hold, what was deleted and may come back included, each digest once.
pub(super) fn held(connection: &Connection) -> Result<BTreeSet<Digest>, Fault> {
    let mut query = connection.prepare_cached(
        "SELECT digest FROM artifact UNION SELECT digest FROM logged_model_artifact
         UNION SELECT digest FROM model_version_artifact",
    )?;
    Ok(query.query_map([], |row| digest(row, 0))?.collect::<Result<_, _>>()?)
}
