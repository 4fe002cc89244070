//! Fields of many runs at once: one column per field, one row per run.

use std::borrow::Cow;

use rusqlite::{Connection, Row, params};

use super::fault::Fault;
use super::history::range;
use super::whole::status_of;
use crate::filter::{FieldValue, Subject, Values, artifact_uri};
use crate::{
    Attribute, DATASET_CONTEXT_TAG, DIRECTION_TAG, DatasetField, Direction, Field, PARENT_TAG, RUN_NAME_TAG,
    RunStatus,
};

/// The columns of some fields.
pub(super) struct Columns {
    columns: Vec<(Field, Vec<Values<'static>>)>,
}

/// A row of the columns.
pub(super) struct InRow<'a> {
    columns: &'a Columns,
    place: usize,
}

impl Subject for InRow<'_> {
    fn values(&self, field: &Field) -> Values<'_> {
        Values::Borrowed(self.columns.of(field)[self.place].as_slice())
    }
}

impl Columns {
    /// Loads columns whose rows are the runs with these numbers.
    pub(super) fn load(connection: &Connection, numbers: &[i64], fields: &[&Field]) -> Result<Self, Fault> {
        let places = Places::of(numbers);
        let load = |field: &&Field| {
            let mut column = Column { places: &places, values: vec![Values::None; numbers.len()] };
            column.load(connection, field)?;
            Ok(((*field).clone(), column.values))
        };
        Ok(Columns { columns: fields.iter().map(load).collect::<Result<_, Fault>>()? })
    }

    /// One column, which must be loaded.
    pub(super) fn of(&self, field: &Field) -> &[Values<'static>] {
        let found = self.columns.iter().find(|(known, _)| known == field);
        found.map(|(_, column)| column.as_slice()).expect("every field that is asked for is loaded")
    }

    /// The columns one by one, to change them.
    pub(super) fn each(&mut self) -> impl Iterator<Item = (&Field, &mut Vec<Values<'static>>)> {
        self.columns.iter_mut().map(|(field, column)| (&*field, column))
    }

    pub(super) fn subject(&self, place: usize) -> InRow<'_> {
        InRow { columns: self, place }
    }
}

/// Which row a run has. Numbers of runs are dense, so a list by number is smaller and faster than a map.
struct Places(Vec<u32>);

const NOWHERE: u32 = u32::MAX;

impl Places {
    fn of(numbers: &[i64]) -> Self {
        let largest = numbers.iter().copied().max().unwrap_or(0);
        let mut places = vec![NOWHERE; usize::try_from(largest).unwrap_or(0) + 1];
        for (place, number) in numbers.iter().enumerate() {
            places[usize::try_from(*number).unwrap_or(0)] = u32::try_from(place).unwrap_or(NOWHERE);
        }
        Places(places)
    }

    fn get(&self, number: i64) -> Option<usize> {
        let place = *self.0.get(usize::try_from(number).ok()?)?;
        (place != NOWHERE).then_some(place as usize)
    }
}

struct Column<'a> {
    places: &'a Places,
    values: Vec<Values<'static>>,
}

impl Column<'_> {
    fn load(&mut self, connection: &Connection, field: &Field) -> Result<(), Fault> {
        match field {
            Field::Metric(key) => self.fill(connection, METRIC, &[key], |row| {
                Ok(Values::number(f64::from_bits(row.get::<_, i64>(1)? as u64)))
            }),
            Field::Aggregate(aggregate, key) => {
                // The tag is the exception: where there is none, the key decides for all.
                let tag = format!("{DIRECTION_TAG}{key}");
                let by_key = Direction::of_key(key);
                self.fill(connection, RANGE, &[key, &tag], |row| {
                    let said: Option<String> = row.get(3)?;
                    let direction = || Direction::said(said.as_deref()).unwrap_or(by_key);
                    let range = range(row, 1)?;
                    Ok(range
                        .map_or(Values::None, |(min, max)| Values::number(aggregate.of(min, max, direction))))
                })
            }
            Field::Param(key) => self.fill(connection, &texts("param"), &[key], text),
            Field::Tag(key) if key == RUN_NAME_TAG => self.load_attribute(connection, Attribute::Name),
            Field::Tag(key) if key == PARENT_TAG => {
                self.fill(connection, &texts("tag"), &[key], text)?;
                self.load_attribute(connection, Attribute::Parent)
            }
            Field::Tag(key) => self.fill(connection, &texts("tag"), &[key], text),
            Field::Dataset(field) => self.load_datasets(connection, *field),
            Field::Attribute(attribute) => self.load_attribute(connection, *attribute),
        }
    }

    /// Asks for rows of which the first column is the number of a run.
    fn fill(
        &mut self,
        connection: &Connection,
        sql: &str,
        values: &[&str],
        read: impl Fn(&Row) -> rusqlite::Result<Values<'static>>,
    ) -> Result<(), Fault> {
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query(rusqlite::params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if let Some(place) = self.places.get(row.get(0)?) {
                self.values[place] = read(row)?;
            }
        }
        Ok(())
    }

    fn load_attribute(&mut self, connection: &Connection, attribute: Attribute) -> Result<(), Fault> {
        let number = |row: &Row| Ok(Values::number(row.get::<_, i64>(1)? as f64));
        let optional = |row: &Row| {
            let number: Option<f64> = row.get(1)?;
            Ok(number.map_or(Values::None, Values::number))
        };
        let plain = |expression: &str| format!("SELECT number, {expression} FROM run");
        match attribute {
            Attribute::RunId => self.fill(connection, &plain("id"), &[], text),
            Attribute::Name => self.fill(connection, &plain("name"), &[], text),
            Attribute::User => self.fill(connection, &plain("user"), &[], text),
            Attribute::Status => self.fill(connection, &plain("status"), &[], |row| {
                Ok(Values::text(status_of(row.get(1)?)?.name()))
            }),
            Attribute::StartTime => self.fill(connection, &plain("start_time"), &[], number),
            Attribute::ExperimentId => self.fill(connection, &plain("experiment"), &[], number),
            Attribute::EndTime => self.fill(connection, &plain("CAST(end_time AS REAL)"), &[], optional),
            Attribute::Heard => {
                let [running, scheduled] = [RunStatus::Running as i64, RunStatus::Scheduled as i64];
                let heard =
                    format!("CASE WHEN status IN ({running}, {scheduled}) THEN CAST(heard AS REAL) END");
                self.fill(connection, &plain(&heard), &[], optional)
            }
            Attribute::Duration => self.fill(
                connection,
                &plain("CAST(max(end_time - start_time, 0) AS REAL) / 1000.0"),
                &[],
                optional,
            ),
            Attribute::Experiment => {
                let sql = "SELECT run.number, experiment.name FROM run JOIN experiment ON experiment.id = experiment";
                self.fill(connection, sql, &[], text)
            }
            Attribute::Parent => {
                let sql =
                    "SELECT run.number, parent.id FROM run JOIN run AS parent ON parent.number = run.parent";
                self.fill(connection, sql, &[], text)
            }
            Attribute::ArtifactUri => self.fill(connection, &plain("experiment, id"), &[], |row| {
                Ok(Values::owned(artifact_uri(row.get(1)?, &row.get::<_, String>(2)?)))
            }),
            _ => Ok(()),
        }
    }

    fn load_datasets(&mut self, connection: &Connection, field: DatasetField) -> Result<(), Fault> {
        let sql = match field {
            DatasetField::Name => {
                "SELECT run, name FROM dataset_input JOIN dataset ON dataset.number = dataset"
            }
            DatasetField::Digest => {
                "SELECT run, digest FROM dataset_input JOIN dataset ON dataset.number = dataset"
            }
            DatasetField::Context => {
                "SELECT run, value FROM dataset_input JOIN dataset_input_tag ON input = number WHERE key = ?1"
            }
        };
        let mut query = connection.prepare_cached(&format!("{sql} ORDER BY dataset_input.number"))?;
        let mut rows = match field {
            DatasetField::Context => query.query(params![DATASET_CONTEXT_TAG])?,
            _ => query.query([])?,
        };
        while let Some(row) = rows.next()? {
            let Some(place) = self.places.get(row.get(0)?) else { continue };
            let value = FieldValue::Text(Cow::Owned(row.get(1)?));
            match &mut self.values[place] {
                Values::Many(values) => values.push(value),
                values => *values = Values::Many(vec![value]),
            }
        }
        Ok(())
    }
}

fn text(row: &Row) -> rusqlite::Result<Values<'static>> {
    Ok(Values::owned(row.get(1)?))
}

/// Params or tags of one key: short ones from an index that holds them, long ones from the table.
pub(super) fn texts(table: &str) -> String {
    let part = |condition| {
        format!("SELECT run, value FROM {table} WHERE key = ?1 AND length(value) {condition} 100")
    };
    format!("{} UNION ALL {}", part("<="), part(">"))
}

const METRIC: &str =
    "SELECT run, bits FROM metric_latest WHERE key = (SELECT number FROM metric_key WHERE name = ?1)";

const RANGE: &str = "SELECT metric_latest.run, min_bits, max_bits, tag.value
    FROM metric_latest LEFT JOIN tag ON tag.run = metric_latest.run AND tag.key = ?2
    WHERE metric_latest.key = (SELECT number FROM metric_key WHERE name = ?1)";
