//! Reading and searching the model registry.

use std::collections::{BTreeMap, HashMap};

use base::Timestamp;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::apply::earlier_answer;
use super::choose::{choose, page};
use super::fault::Fault;
use super::model::status;
use super::read::{model_id, run_id, texts_of, unreadable};
use super::whole::list;
use crate::{
    ChangesId, FIRST_TOKEN, ModelSearch, ModelVersion, RegisteredModel, Stage, StoreError, VersionSearch,
};

const MODEL: &str = "SELECT number, name, description, created, updated FROM registered_model";

const VERSION: &str =
    "SELECT model_version.number, model_version.model, name, version, source, run, logged_model,
    status, message, stage, model_version.description, user, model_version.created, model_version.updated, run_link
    FROM model_version JOIN registered_model ON registered_model.number = model_version.model";

pub(super) fn model(connection: &Connection, name: &str) -> Result<RegisteredModel, Fault> {
    let mut query = connection.prepare_cached(&format!("{MODEL} WHERE name = ?1"))?;
    let found = query.query_row([name], model_row).optional()?;
    whole_models(connection, found.into_iter().collect())?.pop().ok_or_else(|| unknown(name).into())
}

fn unknown(name: &str) -> StoreError {
    StoreError::Unknown { noun: "registered model", name: name.to_owned() }
}

pub(super) fn search(connection: &Connection, search: &ModelSearch) -> Result<Vec<RegisteredModel>, Fault> {
    let cut = (search.offset, search.limit);
    let is_plain = search.filter.is_none() && search.order_by.is_empty();
    let rest = if is_plain { page(cut) } else { String::new() };
    let mut query = connection.prepare_cached(&format!("{MODEL} ORDER BY name{rest}"))?;
    let found = query.query_map([], model_row)?.collect::<Result<Vec<_>, _>>()?;
    let models = whole_models(connection, found)?;
    Ok(if is_plain { models } else { choose(models, search.filter.as_ref(), &search.order_by, cut) })
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

fn whole_models(
    connection: &Connection,
    found: Vec<(i64, RegisteredModel)>,
) -> Result<Vec<RegisteredModel>, Fault> {
    let numbers: Vec<i64> = found.iter().map(|(number, _)| *number).collect();
    let mut tags = texts_of(connection, "registered_model_tag", "model", &numbers)?;
    let mut aliases = aliases(connection, &numbers)?;
    let with_all = |(number, mut model): (i64, RegisteredModel)| {
        model.tags = tags.remove(&number).unwrap_or_default();
        model.aliases = aliases.remove(&number).unwrap_or_default();
        model
    };
    Ok(found.into_iter().map(with_all).collect())
}

/// The aliases of the registered models with these numbers, and which version each means.
fn aliases(connection: &Connection, numbers: &[i64]) -> Result<HashMap<i64, BTreeMap<String, i64>>, Fault> {
    let mut found: HashMap<i64, BTreeMap<String, i64>> = HashMap::new();
    let mut query = connection.prepare_cached(
        "SELECT model, alias, version FROM json_each(?1) AS page CROSS JOIN registered_model_alias ON model = page.value",
    )?;
    let mut rows = query.query([list(numbers)])?;
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
    }
    Ok(found)
}

pub(super) fn version(connection: &Connection, name: &str, version: i64) -> Result<ModelVersion, Fault> {
    let mut query = connection.prepare_cached(&format!("{VERSION} WHERE name = ?1 AND version = ?2"))?;
    let version = number_of(connection, version)?;
    let found = query.query_row(params![name, version], version_row).optional()?;
    if let Some(whole) = whole_versions(connection, found.into_iter().collect())?.pop() {
        return Ok(whole);
    }
    model(connection, name)?;
    Err(StoreError::NotOfModel { model: name.to_owned(), what: format!("version {version}") }.into())
}

/// The number of a version that is asked for by its number, or by its token.
pub(super) fn number_of(connection: &Connection, version: i64) -> Result<i64, Fault> {
    if version < FIRST_TOKEN {
        return Ok(version);
    }
    let applied = earlier_answer(connection, &token_id(version))?;
    Ok(applied.and_then(|applied| applied.versions.first().copied()).unwrap_or(version))
}

/// The id under which it is remembered which version has a token.
pub(super) fn token_id(token: i64) -> ChangesId {
    ChangesId(format!("version-{token}"))
}

pub(super) fn by_alias(connection: &Connection, name: &str, alias: &str) -> Result<ModelVersion, Fault> {
    let model = model(connection, name)?;
    let unknown = || StoreError::NotOfModel { model: name.to_owned(), what: format!("alias `{alias}`") };
    version(connection, name, *model.aliases.get(alias).ok_or_else(unknown)?)
}

/// Of each of these registered models, the newest version of each stage that has one, in the order of the stages.
pub(super) fn latest(connection: &Connection, names: &[&str]) -> Result<Vec<Vec<ModelVersion>>, Fault> {
    let mut query = connection.prepare_cached(&format!(
        "{VERSION} WHERE model_version.number IN (SELECT number FROM (
            SELECT model_version.number, max(version) FROM json_each(?1) AS page
            CROSS JOIN registered_model ON name = page.value
            JOIN model_version ON model_version.model = registered_model.number GROUP BY model, stage
         )) ORDER BY stage"
    ))?;
    let asked = serde_json::to_string(names).expect("names are plain data");
    let found = query.query_map([asked], version_row)?.collect::<Result<Vec<_>, _>>()?;
    let mut latest: HashMap<String, Vec<ModelVersion>> = HashMap::new();
    for version in whole_versions(connection, found)? {
        latest.entry(version.model.clone()).or_default().push(version);
    }
    Ok(names.iter().map(|name| latest.remove(*name).unwrap_or_default()).collect())
}

pub(super) fn latest_of(
    connection: &Connection,
    name: &str,
    stages: &[Stage],
) -> Result<Vec<ModelVersion>, Fault> {
    model(connection, name)?;
    let mut found = latest(connection, &[name])?.pop().unwrap_or_default();
    found.retain(|version| stages.is_empty() || stages.contains(&version.stage));
    Ok(found)
}

pub(super) fn search_versions(
    connection: &Connection,
    search: &VersionSearch,
) -> Result<Vec<ModelVersion>, Fault> {
    let cut = (search.offset, search.limit);
    let is_plain = search.filter.is_none() && search.order_by.is_empty();
    let rest = if is_plain { page(cut) } else { String::new() };
    let mut query = connection.prepare_cached(&format!("{VERSION} ORDER BY name, version DESC{rest}"))?;
    let found = query.query_map([], version_row)?.collect::<Result<Vec<_>, _>>()?;
    let versions = whole_versions(connection, found)?;
    Ok(if is_plain { versions } else { choose(versions, search.filter.as_ref(), &search.order_by, cut) })
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
        run_link: row.get(14)?,
        tags: BTreeMap::new(),
        aliases: Vec::new(),
    };
    Ok(([row.get(0)?, row.get(1)?], version))
}

fn whole_versions(
    connection: &Connection,
    found: Vec<([i64; 2], ModelVersion)>,
) -> Result<Vec<ModelVersion>, Fault> {
    let numbers: Vec<i64> = found.iter().map(|([number, _], _)| *number).collect();
    let mut models: Vec<i64> = found.iter().map(|([_, model], _)| *model).collect();
    models.sort_unstable();
    models.dedup();
    let mut tags = texts_of(connection, "model_version_tag", "model_version_tag.version", &numbers)?;
    let mut aliases: HashMap<(i64, i64), Vec<String>> = HashMap::new();
    for (model, of_model) in self::aliases(connection, &models)? {
        // In the order of the aliases.
        for (alias, version) in of_model {
            aliases.entry((model, version)).or_default().push(alias);
        }
    }
    let with_all = |([number, model], mut version): ([i64; 2], ModelVersion)| {
        version.tags = tags.remove(&number).unwrap_or_default();
        version.aliases = aliases.remove(&(model, version.version)).unwrap_or_default();
        version
    };
    Ok(found.into_iter().map(with_all).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rusqlite::trace::{TraceEvent, TraceEventCodes};

    use super::super::{SqliteStore, model, read};
    use super::*;
    use crate::{
        Change, Changes, ExperimentRef, ExperimentSearch, Filter, LoggedModelChange, LoggedModelSearch,
        ModelId, ModelStatus, NewLoggedModel, NewVersion, RegistryChange, RunStore, Tag,
    };

    #[test]
    fn a_search_asks_as_little_of_thousands_as_of_one() {
        let store = SqliteStore::open_in_memory().expect("memory");
        let mut changes = Vec::new();
        let tags = || vec![Tag { key: "team".into(), value: "a".into() }];
        for number in 0..2000_u32 {
            let name = format!("model {number}");
            changes.push(Change::CreateExperiment { name: name.clone(), if_absent: false });
            changes.push(Change::SetExperimentTags {
                experiment: ExperimentRef::Name(name.clone()),
                tags: tags(),
            });
            changes.extend([
                Change::LoggedModel(LoggedModelChange::Create(NewLoggedModel {
                    id: ModelId::from_parts(Timestamp(1), u128::from(number)),
                    experiment: ExperimentRef::default(),
                    name: Some("tree".into()),
                    model_type: None,
                    run: None,
                    params: Vec::new(),
                    tags: tags(),
                })),
                Change::Registry(RegistryChange::CreateModel {
                    name: name.clone(),
                    description: None,
                    tags: tags(),
                    if_absent: false,
                }),
                Change::Registry(RegistryChange::CreateVersion(NewVersion {
                    model: name,
                    source: "file".into(),
                    run: None,
                    run_link: None,
                    logged_model: None,
                    description: None,
                    user: String::new(),
                    status: ModelStatus::Ready,
                    tags: tags(),
                    artifacts: Vec::new(),
                    aliases: vec!["best".into()],
                    known_as: None,
                })),
            ]);
        }
        store.apply(Changes::new(Timestamp(1), changes)).expect("made");
        let statements = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&statements);
        let mut connection = store.writer().expect("it can be written");
        let count = move |_: TraceEvent| {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count)).expect("traced");
        let filter = || Filter::parse("tags.team = 'a' and name like 'model%'").ok();
        let asked = |what: &str, count: usize| {
            assert_eq!(count, 2000, "{what}");
            let statements = statements.swap(0, Ordering::Relaxed);
            assert!((1..=4).contains(&statements), "{what} took {statements} statements");
        };
        let found =
            search(&connection, &ModelSearch { filter: filter(), ..ModelSearch::default() }).expect("read");
        assert!(found.iter().all(|model| model.aliases["best"] == 1));
        asked("models", found.len());
        let names: Vec<&str> = found.iter().map(|model| model.name.as_str()).collect();
        let found = latest(&connection, &names).expect("read").concat();
        assert!(found.iter().all(|version| version.aliases == ["best"] && version.tags["team"] == "a"));
        asked("latest versions", found.len());
        let tagged = Filter::parse("tags.team = 'a'").ok();
        let found = search_versions(
            &connection,
            &VersionSearch { filter: tagged.clone(), ..VersionSearch::default() },
        );
        asked("versions", found.expect("read").len());
        let found = read::search_experiments(
            &connection,
            &ExperimentSearch { filter: filter(), ..ExperimentSearch::default() },
        );
        asked("experiments", found.expect("read").len());
        let found =
            model::search(&connection, &LoggedModelSearch { filter: tagged, ..LoggedModelSearch::default() });
        asked("logged models", found.expect("read").len());
    }
}
