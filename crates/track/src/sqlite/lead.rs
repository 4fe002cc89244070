//! Which files a version leads to. One that has none of its own has those that its source names: of a run, of a logged
//! model, or of another version. Whatever takes those away makes them the version's own first.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::apply::Table;
use super::artifact;
use super::fault::Fault;
use crate::{Artifact, ArtifactOwner, Purge, Source, StoreError, VersionRef, below};

/// Most steps from a version to the version that it was made of.
const DEEPEST: usize = 100;

/// Where the files of a version are.
pub(super) struct Lead {
    /// The number of the version.
    pub version: i64,
    /// The registered model's name, and the number in it.
    pub named: VersionRef,
    /// Another version that it was made of.
    pub through: Option<VersionRef>,
    /// Among whose artifacts, by number.
    pub table: Table,
    pub owner: i64,
    /// Which of them, as artifacts are named: a file or a folder; empty for all.
    pub path: String,
}

/// A version as its row has it.
struct Row {
    number: i64,
    named: VersionRef,
    source: String,
    logged_model: Option<String>,
}

const ROW: &str = "SELECT model_version.number, name, version, source, logged_model FROM model_version
    JOIN registered_model ON registered_model.number = model";

const OWNS_NONE: &str =
    "NOT EXISTS (SELECT 1 FROM model_version_artifact WHERE owner = model_version.number)";

fn row(row: &rusqlite::Row) -> rusqlite::Result<Row> {
    let named = VersionRef { model: row.get(1)?, version: row.get(2)? };
    Ok(Row { number: row.get(0)?, named, source: row.get(3)?, logged_model: row.get(4)? })
}

/// Where all versions lead that have no files of their own, by name and number.
pub(super) fn leads(connection: &Connection) -> Result<Vec<Lead>, Fault> {
    leads_where(connection, "", &[])
}

/// Those that lead to artifacts of one owner. Of a run or a logged model without those that are made of another version: they
/// go on to what that has.
pub(super) fn leads_to(connection: &Connection, table: Table, owner: i64) -> Result<Vec<Lead>, Fault> {
    let mut leads = match table {
        Table::Version => leads(connection)?,
        Table::Run | Table::Model => {
            let id: String = connection
                .prepare_cached(&format!("SELECT id FROM {} WHERE number = ?1", name(table)))?
                .query_row([owner], |row| row.get(0))?;
            leads_where(connection, "AND (instr(source, ?1) OR logged_model = ?1)", &[&id])?
        }
    };
    leads.retain(|lead| lead.table == table && lead.owner == owner);
    Ok(leads)
}

fn leads_where(connection: &Connection, which: &str, values: &[&dyn ToSql]) -> Result<Vec<Lead>, Fault> {
    let mut query =
        connection.prepare_cached(&format!("{ROW} WHERE {OWNS_NONE} {which} ORDER BY name, version"))?;
    let rows = query.query_map(values, row)?.collect::<Result<Vec<_>, _>>()?;
    let mut leads = Vec::new();
    for row in rows {
        leads.extend(follow(connection, row)?);
    }
    Ok(leads)
}

/// Where owners of artifacts are that have an id.
fn name(table: Table) -> &'static str {
    match table {
        Table::Run => "run",
        Table::Model => "logged_model",
        Table::Version => "model_version",
    }
}

/// The versions that are made of what is to be removed.
pub(super) fn versions_made_of(connection: &Connection, purge: &Purge) -> Result<Vec<VersionRef>, Fault> {
    let gone = going(connection, purge)?;
    let mut query = connection.prepare_cached(&format!("{ROW} ORDER BY name, version"))?;
    let rows = query.query_map([], row)?.collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    for row in rows {
        let Some(lead) = follow(connection, row)?.filter(|lead| gone.contains(&(lead.table, lead.owner)))
        else {
            continue;
        };
        // Those that have files of their own keep them, whatever is left where they come from.
        let has_own = !artifact::all_in(connection, Table::Version, lead.version)?.is_empty();
        if has_own || !lead.files(connection)?.is_empty() {
            found.push(lead.named);
        }
    }
    Ok(found)
}

/// Where versions lead whose files go with what is to be removed.
pub(super) fn leads_into(connection: &Connection, purge: &Purge) -> Result<Vec<Lead>, Fault> {
    let gone = going(connection, purge)?;
    let mut leads = leads(connection)?;
    leads.retain(|lead| gone.contains(&(lead.table, lead.owner)));
    Ok(leads)
}

/// The owners of artifacts that are to be removed.
fn going(connection: &Connection, purge: &Purge) -> Result<HashSet<(Table, i64)>, Fault> {
    let mut gone: HashSet<(Table, i64)> = HashSet::new();
    let mut add = |table: Table, column: &str, value: &dyn ToSql| -> Result<(), Fault> {
        let sql = format!("SELECT number FROM {} WHERE {column} = ?1", name(table));
        let mut query = connection.prepare_cached(&sql)?;
        for number in query.query_map([value], |row| row.get(0))? {
            gone.insert((table, number?));
        }
        Ok(())
    };
    for run in &purge.runs {
        add(Table::Run, "id", &run.to_string())?;
    }
    for model in &purge.models {
        add(Table::Model, "id", &model.to_string())?;
    }
    for experiment in &purge.experiments {
        add(Table::Run, "experiment", &experiment.0)?;
        add(Table::Model, "experiment", &experiment.0)?;
    }
    Ok(gone)
}

/// What those versions without files of their own were made of, by their number, that are made of versions that go.
pub(super) fn sources_of_copies(
    connection: &Connection,
    goes: impl Fn(&VersionRef) -> bool,
) -> Result<Vec<(i64, String)>, Fault> {
    let mut query =
        connection.prepare_cached(&format!("{ROW} WHERE {OWNS_NONE} AND instr(source, 'models:/') = 1"))?;
    let rows = query.query_map([], row)?.collect::<Result<Vec<_>, _>>()?;
    let mut copies = Vec::new();
    for row in rows {
        let mut source = row.source.clone();
        for _ in 0..DEEPEST {
            let Some(Source::Version(model, version)) = Source::parse(&source) else { break };
            let of = VersionRef { model: model.to_owned(), version };
            let Some(found) = find(connection, &of)?.filter(|_| goes(&of)) else { break };
            source = found.source;
        }
        if source != row.source {
            copies.push((row.number, source));
        }
    }
    Ok(copies)
}

/// The files of a version, by their path in it.
pub(super) fn files(connection: &Connection, version: &VersionRef) -> Result<Vec<Artifact>, Fault> {
    let found = find(connection, version)?.ok_or_else(|| StoreError::NotOfModel {
        model: version.model.clone(),
        what: format!("version {}", version.version),
    })?;
    let own = artifact::all_in(connection, Table::Version, found.number)?;
    if !own.is_empty() {
        return Ok(own);
    }
    follow(connection, found)?.map_or_else(|| Ok(Vec::new()), |lead| lead.files(connection))
}

fn find(connection: &Connection, version: &VersionRef) -> Result<Option<Row>, Fault> {
    let mut query = connection.prepare_cached(&format!("{ROW} WHERE name = ?1 AND version = ?2"))?;
    Ok(query.query_row(rusqlite::params![version.model, version.version], row).optional()?)
}

/// Where a version leads that has no files of its own; nothing when that is elsewhere, or gone.
fn follow(connection: &Connection, start: Row) -> Result<Option<Lead>, Fault> {
    let (number, named) = (start.number, start.named.clone());
    let mut through = None;
    let mut at = start;
    for _ in 0..DEEPEST {
        let (owner, path) = match (Source::parse(&at.source), &at.logged_model) {
            (Some(Source::Run(run, path)), _) => (ArtifactOwner::Run(run), path),
            (Some(Source::Model(model, path)), _) => (ArtifactOwner::Model(model), path),
            (Some(Source::Version(model, version)), _) => {
                let next = VersionRef { model: model.to_owned(), version };
                let found = find(connection, &next)?;
                through.get_or_insert(next);
                let Some(found) = found else { return Ok(None) };
                let own = artifact::all_in(connection, Table::Version, found.number)?;
                if !own.is_empty() {
                    let (table, owner, path) = (Table::Version, found.number, String::new());
                    return Ok(Some(Lead { version: number, named, through, table, owner, path }));
                }
                at = found;
                continue;
            }
            (None, Some(model)) => match model.parse() {
                Ok(model) => (ArtifactOwner::Model(model), ""),
                Err(_) => return Ok(None),
            },
            (None, None) => return Ok(None),
        };
        let (table, owner) = match artifact::locate(connection, &owner) {
            Ok(found) => found,
            Err(Fault::Store(StoreError::UnknownRun(_) | StoreError::Unknown { .. })) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        return Ok(Some(Lead { version: number, named, through, table, owner, path: plain(path) }));
    }
    Ok(None)
}

/// A path as artifacts are named, of one in an address: with nothing left to decode, and no part that says nothing.
fn plain(path: &str) -> String {
    let mut path = path.to_owned();
    loop {
        let decoded = percent_decode_str(&path).decode_utf8_lossy().into_owned();
        // Each round is shorter.
        if decoded == path {
            break;
        }
        path = decoded;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    parts.join("/")
}

impl Lead {
    /// The files there, by their path in the version: what lies in the folder, or the file itself.
    pub(super) fn files(&self, connection: &Connection) -> Result<Vec<Artifact>, Fault> {
        Ok(below(artifact::all_in(connection, self.table, self.owner)?, &self.path))
    }
}
