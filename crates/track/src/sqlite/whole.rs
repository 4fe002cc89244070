//! Reading runs whole, a page of them at a time: one question per table, whatever the number of runs.

use std::collections::{BTreeMap, HashMap};

use base::Timestamp;
use rusqlite::{Connection, Row};

use super::fault::Fault;
use super::history::{point, range};
use super::read::{lifecycle, model_id, run_id, unreadable};
use crate::{
    Dataset, DatasetInput, ExperimentId, Metric, MetricRange, ModelOutput, Role, Run, RunData, RunInfo,
    RunStatus,
};

/// The runs with these numbers, in this order.
pub(super) fn runs(connection: &Connection, numbers: &[i64]) -> Result<Vec<Run>, Fault> {
    let mut page = Page { list: list(numbers), found: HashMap::with_capacity(numbers.len()) };
    page.load_info(connection)?;
    page.load_metrics(connection)?;
    page.load_texts(connection, "param", |data| &mut data.params)?;
    page.load_texts(connection, "tag", |data| &mut data.tags)?;
    page.load_datasets(connection)?;
    page.load_models(connection)?;
    Ok(numbers.iter().filter_map(|number| page.found.remove(number)).collect())
}

/// Numbers as the JSON that SQLite's `json_each` reads.
pub(super) fn list(numbers: &[i64]) -> String {
    serde_json::to_string(numbers).expect("numbers are plain data")
}

/// Runs on their way to the answer, by number.
struct Page {
    list: String,
    found: HashMap<i64, Run>,
}

impl Page {
    fn load_info(&mut self, connection: &Connection) -> Result<(), Fault> {
        let mut query = connection.prepare_cached(
            "SELECT run.number, run.id, run.experiment, experiment.name, run.name, run.status, parent.id,
                run.start_time, run.end_time, run.lifecycle, run.user, run.deleted, run.heard
             FROM json_each(?1) AS page CROSS JOIN run ON run.number = page.value
             JOIN experiment ON experiment.id = run.experiment
             LEFT JOIN run AS parent ON parent.number = run.parent",
        )?;
        let rows = query.query_map([&self.list], |row| Ok((row.get(0)?, info(row)?)))?;
        for row in rows {
            let (number, info) = row?;
            self.found.insert(number, Run { info, data: RunData::default() });
        }
        Ok(())
    }

    /// Asks for rows of which the first column is the number of a run.
    fn each(
        &mut self,
        connection: &Connection,
        sql: &str,
        mut take: impl FnMut(&mut RunData, &Row) -> rusqlite::Result<()>,
    ) -> Result<(), Fault> {
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query([&self.list])?;
        while let Some(row) = rows.next()? {
            if let Some(run) = self.found.get_mut(&row.get(0)?) {
                take(&mut run.data, row)?;
            }
        }
        Ok(())
    }

    fn load_metrics(&mut self, connection: &Connection) -> Result<(), Fault> {
        let sql = "SELECT run, step, timestamp, bits, min_bits, max_bits, name
                   FROM json_each(?1) AS page CROSS JOIN metric_latest ON run = page.value
                   JOIN metric_key ON metric_key.number = metric_latest.key";
        self.each(connection, sql, |data, row| {
            let key: String = row.get(6)?;
            if let Some((min, max)) = range(row, 4)? {
                data.ranges.insert(key.clone(), MetricRange { min, max });
            }
            let (step, timestamp, value) = point(row, 1)?;
            data.metrics.insert(key.clone(), Metric { key, value, step, timestamp });
            Ok(())
        })
    }

    /// Params or tags; `table` is one of our own two names.
    fn load_texts(
        &mut self,
        connection: &Connection,
        table: &str,
        part: fn(&mut RunData) -> &mut BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let sql = format!(
            "SELECT run, {table}.key, {table}.value FROM json_each(?1) AS page CROSS JOIN {table} ON run = page.value"
        );
        self.each(connection, &sql, |data, row| {
            part(data).insert(row.get(1)?, row.get(2)?);
            Ok(())
        })
    }

    fn load_datasets(&mut self, connection: &Connection) -> Result<(), Fault> {
        let sql =
            "SELECT run, dataset.name, digest, source_type, source, schema, profile, dataset_input.number
                   FROM json_each(?1) AS page CROSS JOIN dataset_input ON run = page.value
                   JOIN dataset ON dataset.number = dataset ORDER BY dataset_input.number";
        // Where each use of a data set went.
        let mut places: HashMap<i64, usize> = HashMap::new();
        self.each(connection, sql, |data, row| {
            places.insert(row.get(7)?, data.datasets.len());
            let dataset = Dataset {
                name: row.get(1)?,
                digest: row.get(2)?,
                source_type: row.get(3)?,
                source: row.get(4)?,
                schema: row.get(5)?,
                profile: row.get(6)?,
            };
            data.datasets.push(DatasetInput { dataset, tags: BTreeMap::new() });
            Ok(())
        })?;
        if places.is_empty() {
            return Ok(());
        }
        let sql = "SELECT run, number, dataset_input_tag.key, dataset_input_tag.value
                   FROM json_each(?1) AS page CROSS JOIN dataset_input ON run = page.value
                   JOIN dataset_input_tag ON input = number";
        self.each(connection, sql, |data, row| {
            if let Some(input) = places.get(&row.get(1)?).and_then(|place| data.datasets.get_mut(*place)) {
                input.tags.insert(row.get(2)?, row.get(3)?);
            }
            Ok(())
        })
    }

    fn load_models(&mut self, connection: &Connection) -> Result<(), Fault> {
        let sql = "SELECT run, role, model, step FROM json_each(?1) AS page CROSS JOIN model_link ON run = page.value
                   ORDER BY model_link.number";
        self.each(connection, sql, |data, row| {
            let model = model_id(row, 2)?;
            if row.get::<_, i64>(1)? == Role::Input as i64 {
                data.model_inputs.push(model);
            } else {
                data.model_outputs.push(ModelOutput { model, step: row.get(3)? });
            }
            Ok(())
        })
    }
}

fn info(row: &Row) -> rusqlite::Result<RunInfo> {
    let parent: Option<String> = row.get(6)?;
    Ok(RunInfo {
        id: run_id(row, 1)?,
        experiment: ExperimentId(row.get(2)?),
        experiment_name: row.get(3)?,
        name: row.get(4)?,
        status: status_of(row.get(5)?)?,
        parent: parent.map(|_| run_id(row, 6)).transpose()?,
        start_time: Timestamp(row.get(7)?),
        end_time: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        lifecycle: lifecycle(row.get(9)?),
        user: row.get(10)?,
        deleted: row.get::<_, Option<i64>>(11)?.map(Timestamp),
        heard: row.get::<_, Option<i64>>(12)?.map(Timestamp),
    })
}

pub(super) fn status_of(stored: i64) -> rusqlite::Result<RunStatus> {
    let found = RunStatus::ALL.into_iter().find(|status| *status as i64 == stored);
    found.ok_or_else(|| unreadable(5, rusqlite::types::FromSqlError::OutOfRange(stored)))
}
