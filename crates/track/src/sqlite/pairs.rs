//! Runs that people see as one, when they are searched as one: which they are, and what the one has for a field.

use std::borrow::Cow;
use std::collections::HashMap;

use rusqlite::Connection;

use super::column::{Columns, texts};
use super::fault::Fault;
use crate::filter::{FieldValue, Values};
use crate::joined::{SCRIPT_RUN_TAG, STAGE_RUN_TAG};
use crate::{Aggregate, Attribute, DIRECTION_TAG, DatasetField, Direction, Field, PARENT_TAG, RUN_NAME_TAG};

/// All pairs of a store; none where runs are searched one by one.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// By the number of the stage's run, that of its script.
    scripts: HashMap<i64, i64>,
    /// By the number of the script's run, that of its stage.
    stages: HashMap<i64, i64>,
    /// The stage's id and its script's, by either.
    ids: HashMap<String, (String, String)>,
}

impl Pairs {
    /// Reads them. The tags are each other's proof, so one that somebody set by hand makes no pair.
    pub(super) fn load(connection: &Connection) -> Result<Self, Fault> {
        let tagged = texts("tag");
        let mut query = connection.prepare_cached(&format!(
            "SELECT stage.number, script.number, stage.id, script.id FROM ({tagged}) AS there
             JOIN run AS stage ON stage.number = there.run
             JOIN run AS script ON script.id = there.value AND script.lifecycle = stage.lifecycle
             JOIN tag AS back ON back.run = script.number AND back.key = ?2 AND back.value = stage.id"
        ))?;
        let mut rows = query.query([SCRIPT_RUN_TAG, STAGE_RUN_TAG])?;
        let mut pairs = Pairs::default();
        while let Some(row) = rows.next()? {
            let (stage, script): (i64, i64) = (row.get(0)?, row.get(1)?);
            let ids: (String, String) = (row.get(2)?, row.get(3)?);
            pairs.scripts.insert(stage, script);
            pairs.stages.insert(script, stage);
            pairs.ids.insert(ids.0.clone(), ids.clone());
            pairs.ids.insert(ids.1.clone(), ids);
        }
        Ok(pairs)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// The run of a stage's script.
    pub(super) fn script_of(&self, stage: i64) -> Option<i64> {
        self.scripts.get(&stage).copied()
    }

    /// Whether the run is seen as part of its stage's.
    pub(super) fn is_script(&self, run: i64) -> bool {
        self.stages.contains_key(&run)
    }

    /// Both ids of a pair, the stage's first, by either; nothing for a run that stands alone.
    pub(super) fn both(&self, id: &str) -> Option<(&str, &str)> {
        self.ids.get(id).map(|(stage, script)| (stage.as_str(), script.as_str()))
    }

    /// The columns of some fields, with a row for each of these runs as people see it.
    pub(super) fn columns(
        &self,
        connection: &Connection,
        numbers: &[i64],
        fields: &[&Field],
    ) -> Result<Columns, Fault> {
        if self.is_empty() {
            return Columns::load(connection, numbers, fields);
        }
        let mut all = numbers.to_vec();
        let mut places = Vec::new();
        for (place, number) in numbers.iter().enumerate() {
            if let Some(script) = self.script_of(*number) {
                places.push((place, all.len()));
                all.push(script);
            }
        }
        let mut columns = Columns::load(connection, &all, fields)?;
        for (field, column) in columns.each() {
            for (stage, script) in &places {
                let script = std::mem::take(&mut column[*script]);
                column[*stage] = joined(field, std::mem::take(&mut column[*stage]), script);
            }
            if matches!(field, Field::Attribute(Attribute::Parent)) {
                column[..numbers.len()].iter_mut().for_each(|values| self.name_both(values));
            }
            if let Field::Aggregate(Aggregate::Best, key) = field {
                best(connection, &all, &places, key, column)?;
            }
            column.truncate(numbers.len());
        }
        Ok(columns)
    }

    /// Where the parent is one of a pair, either id names it.
    fn name_both(&self, values: &mut Values<'static>) {
        let parent = values.iter().next().and_then(FieldValue::text);
        if let Some((stage, script)) = parent.and_then(|parent| self.both(parent)) {
            let text = |id: &str| FieldValue::Text(Cow::Owned(id.to_owned()));
            *values = Values::Many(vec![text(stage), text(script)]);
        }
    }
}

/// What a pair has for a field: as [`crate::joined::with`] puts the two together, and either id and name. Of a param or
/// metric that both have, the script's value comes first.
fn joined(field: &Field, stage: Values<'static>, script: Values<'static>) -> Values<'static> {
    let first = |a: Values<'static>, b: Values<'static>| if a.is_empty() { b } else { a };
    let both = || Values::Many(stage.iter().chain(script.iter()).cloned().collect());
    match field {
        Field::Tag(key) if key == RUN_NAME_TAG => both(),
        Field::Tag(key) if key == PARENT_TAG => stage,
        Field::Tag(_) => first(stage, script),
        Field::Metric(_) | Field::Param(_) | Field::Aggregate(..) => {
            match (script.is_empty(), stage.is_empty()) {
                (true, _) => stage,
                (_, true) => script,
                _ if script.as_slice() == stage.as_slice() => script,
                _ => Values::Many(script.iter().chain(stage.iter()).cloned().collect()),
            }
        }
        Field::Dataset(DatasetField::Name | DatasetField::Digest | DatasetField::Context)
        | Field::Attribute(Attribute::RunId | Attribute::Name) => both(),
        Field::Attribute(Attribute::Experiment | Attribute::ExperimentId | Attribute::ArtifactUri) => script,
        Field::Attribute(_) => stage,
    }
}

/// The best of a metric of pairs. Which way is better is a tag, and of a tag the stage's counts.
fn best(
    connection: &Connection,
    all: &[i64],
    places: &[(usize, usize)],
    key: &str,
    column: &mut [Values<'static>],
) -> Result<(), Fault> {
    let tag = Field::Tag(format!("{DIRECTION_TAG}{key}"));
    let (min, max) =
        (Field::Aggregate(Aggregate::Min, key.to_owned()), Field::Aggregate(Aggregate::Max, key.to_owned()));
    let parts = Columns::load(connection, all, &[&tag, &min, &max])?;
    for (stage, script) in places {
        let said = [stage, script].into_iter().find_map(|place| parts.of(&tag)[*place].iter().next());
        let direction = Direction::said(said.and_then(FieldValue::text)).unwrap_or(Direction::of_key(key));
        let range = if direction == Direction::Lower { parts.of(&min) } else { parts.of(&max) };
        column[*stage] = joined(&min, range[*stage].clone(), range[*script].clone());
    }
    Ok(())
}
