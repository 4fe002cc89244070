//! What runs read and wrote: files, data sets and logged models.

use rusqlite::{OptionalExtension, Transaction, params};

use super::stored_size;
use crate::key::check_length;
use crate::sqlite::fault::Fault;
use crate::{
    Dataset, DatasetInput, KeyError, LineageFile, MAX_DATASET_DIGEST, MAX_DATASET_NAME, MAX_DATASET_PROFILE,
    MAX_DATASET_SCHEMA, MAX_DATASET_SOURCE, MAX_TAG_VALUE, ModelId, Role, check_key,
};

pub(super) fn log_files(
    transaction: &Transaction,
    run: i64,
    role: Role,
    files: &[LineageFile],
) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO lineage (run, role, path, digest, size) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for file in files {
        let digest = file.digest.to_string();
        insert.execute(params![run, role as i64, file.path, digest, stored_size(file.size)])?;
    }
    Ok(())
}

/// A data set that the experiment knows is taken as it is, and so is a use that the run knows, with its tags.
pub(super) fn log_datasets(
    transaction: &Transaction,
    run: i64,
    datasets: &[DatasetInput],
) -> Result<(), Fault> {
    let mut use_it = transaction.prepare_cached(
        "INSERT INTO dataset_input (run, dataset) VALUES (?1, ?2) ON CONFLICT DO NOTHING RETURNING number",
    )?;
    let mut tag = transaction
        .prepare_cached("INSERT OR REPLACE INTO dataset_input_tag (input, key, value) VALUES (?1, ?2, ?3)")?;
    for DatasetInput { dataset, tags } in datasets {
        check(dataset)?;
        let number = number(transaction, run, dataset)?;
        let input: Option<i64> = use_it.query_row([run, number], |row| row.get(0)).optional()?;
        for (key, value) in tags {
            check_key("tag", key)?;
            check_length(value, MAX_TAG_VALUE, || format!("the value of tag `{key}`"))?;
            if let Some(input) = input {
                tag.execute(params![input, key, value])?;
            }
        }
    }
    Ok(())
}

fn check(dataset: &Dataset) -> Result<(), KeyError> {
    if dataset.name.is_empty() {
        return Err(KeyError::Empty { noun: "data set" });
    }
    let limits = [
        ("name", Some(&dataset.name), MAX_DATASET_NAME),
        ("digest", Some(&dataset.digest), MAX_DATASET_DIGEST),
        ("source", Some(&dataset.source), MAX_DATASET_SOURCE),
        ("schema", dataset.schema.as_ref(), MAX_DATASET_SCHEMA),
        ("profile", dataset.profile.as_ref(), MAX_DATASET_PROFILE),
    ];
    limits.into_iter().try_for_each(|(part, text, limit)| {
        check_length(text.map_or("", String::as_str), limit, || format!("the {part} of the data set"))
    })
}

/// The number of a data set in the experiment of the run.
fn number(transaction: &Transaction, run: i64, dataset: &Dataset) -> Result<i64, Fault> {
    let mut query = transaction.prepare_cached(
        "SELECT number FROM dataset WHERE experiment = (SELECT experiment FROM run WHERE number = ?1)
         AND name = ?2 AND digest = ?3",
    )?;
    let known = query.query_row(params![run, dataset.name, dataset.digest], |row| row.get(0)).optional()?;
    if let Some(number) = known {
        return Ok(number);
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO dataset (experiment, name, digest, source_type, source, schema, profile)
         VALUES ((SELECT experiment FROM run WHERE number = ?1), ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let Dataset { name, digest, source_type, source, schema, profile } = dataset;
    insert.execute(params![run, name, digest, source_type, source, schema, profile])?;
    Ok(transaction.last_insert_rowid())
}

/// Models need not exist: others may keep them.
pub(super) fn log_models(
    transaction: &Transaction,
    run: i64,
    role: Role,
    models: impl Iterator<Item = (ModelId, i64)>,
) -> Result<(), Fault> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO model_link (run, role, model, step) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for (model, step) in models {
        insert.execute(params![run, role as i64, model.to_string(), step])?;
    }
    Ok(())
}
