//! What a filter can be asked about: runs, experiments, models and versions, each with its fields.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Aggregate, Attribute, DatasetField, Direction, Field};
use crate::{Experiment, LoggedModel, ModelVersion, RegisteredModel, Run};

/// A value that something has for a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FieldValue<'a> {
    /// A number.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
}

impl FieldValue<'_> {
    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            FieldValue::Text(text) => Some(text),
            FieldValue::Number(_) => None,
        }
    }
}

/// What something has for a field: mostly one value or none.
#[derive(Clone, Debug, Default)]
pub(crate) enum Values<'a> {
    /// Nothing.
    #[default]
    None,
    /// One value.
    One(FieldValue<'a>),
    /// Any number of values.
    Many(Vec<FieldValue<'a>>),
    /// Values that lie elsewhere.
    Borrowed(&'a [FieldValue<'a>]),
}

impl<'a> Values<'a> {
    pub(crate) fn number(number: f64) -> Self {
        Values::One(FieldValue::Number(number))
    }

    pub(crate) fn text(text: &'a str) -> Self {
        Values::One(FieldValue::Text(Cow::Borrowed(text)))
    }

    pub(crate) fn owned(text: String) -> Self {
        Values::One(FieldValue::Text(Cow::Owned(text)))
    }

    pub(crate) fn as_slice(&self) -> &[FieldValue<'a>] {
        match self {
            Values::None => &[],
            Values::One(value) => std::slice::from_ref(value),
            Values::Many(values) => values,
            Values::Borrowed(values) => values,
        }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, FieldValue<'a>> {
        self.as_slice().iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

/// Something that a filter can be asked about.
pub(crate) trait Subject {
    /// What it has for a field; nothing for a field that it does not know.
    fn values(&self, field: &Field) -> Values<'_>;
}

fn looked_up<'a>(map: &'a BTreeMap<String, String>, key: &str) -> Values<'a> {
    map.get(key).map_or(Values::None, |text| Values::text(text))
}

/// Where MLflow's clients find the artifacts of a run of ours.
pub(crate) fn artifact_uri(experiment: i64, run: &str) -> String {
    format!("mlflow-artifacts:/{experiment}/{run}/artifacts")
}

impl Run {
    /// What is made of all values that a metric had; nothing when it never was a number.
    pub fn aggregate(&self, aggregate: Aggregate, key: &str) -> Option<f64> {
        let range = self.data.ranges.get(key)?;
        Some(aggregate.of(range.min, range.max, || Direction::of(key, &self.data.tags)))
    }
}

impl Subject for Run {
    fn values(&self, field: &Field) -> Values<'_> {
        let (info, data) = (&self.info, &self.data);
        match field {
            Field::Metric(key) => {
                data.metrics.get(key).map_or(Values::None, |metric| Values::number(metric.value))
            }
            Field::Param(key) => looked_up(&data.params, key),
            Field::Tag(key) => {
                self.tag(key).map_or(Values::None, |value| Values::One(FieldValue::Text(value)))
            }
            Field::Aggregate(aggregate, key) => {
                self.aggregate(*aggregate, key).map_or(Values::None, Values::number)
            }
            Field::Dataset(field) => {
                let values = data.datasets.iter().filter_map(|input| match field {
                    DatasetField::Name => Some(input.dataset.name.as_str()),
                    DatasetField::Digest => Some(input.dataset.digest.as_str()),
                    DatasetField::Context => input.context(),
                });
                Values::Many(values.map(|text| FieldValue::Text(Cow::Borrowed(text))).collect())
            }
            Field::Attribute(attribute) => match attribute {
                Attribute::RunId => Values::owned(info.id.to_string()),
                Attribute::Name => Values::text(&info.name),
                Attribute::Status => Values::text(info.status.name()),
                Attribute::StartTime => Values::number(info.start_time.0 as f64),
                Attribute::EndTime => info.end_time.map_or(Values::None, |end| Values::number(end.0 as f64)),
                Attribute::Heard => {
                    self.last_heard().map_or(Values::None, |heard| Values::number(heard.0 as f64))
                }
                Attribute::Duration => info
                    .duration_millis()
                    .map_or(Values::None, |millis| Values::number(millis as f64 / 1000.0)),
                Attribute::Experiment => Values::text(&info.experiment_name),
                Attribute::ExperimentId => Values::number(info.experiment.0 as f64),
                Attribute::User => Values::text(&info.user),
                Attribute::Parent => {
                    info.parent.map_or(Values::None, |parent| Values::owned(parent.to_string()))
                }
                Attribute::ArtifactUri => {
                    Values::owned(artifact_uri(info.experiment.0, &info.id.to_string()))
                }
                _ => Values::None,
            },
        }
    }
}

impl Aggregate {
    /// The number that it makes of a range.
    pub(crate) fn of(self, min: f64, max: f64, direction: impl Fn() -> Direction) -> f64 {
        match self {
            Aggregate::Min => min,
            Aggregate::Max => max,
            Aggregate::Best if direction() == Direction::Lower => min,
            Aggregate::Best => max,
        }
    }
}

impl Subject for Experiment {
    fn values(&self, field: &Field) -> Values<'_> {
        match field {
            Field::Tag(key) => looked_up(&self.tags, key),
            Field::Attribute(Attribute::Name) => Values::text(&self.name),
            // A text for MLflow's lists of ids, which it compares as texts.
            Field::Attribute(Attribute::Experiment) => Values::owned(self.id.to_string()),
            Field::Attribute(Attribute::ExperimentId) => Values::number(self.id.0 as f64),
            Field::Attribute(Attribute::Created) => Values::number(self.created.0 as f64),
            Field::Attribute(Attribute::Updated) => Values::number(self.updated.0 as f64),
            _ => Values::None,
        }
    }
}

impl Subject for RegisteredModel {
    fn values(&self, field: &Field) -> Values<'_> {
        match field {
            Field::Tag(key) => looked_up(&self.tags, key),
            Field::Attribute(Attribute::Name) => Values::text(&self.name),
            Field::Attribute(Attribute::Created) => Values::number(self.created.0 as f64),
            Field::Attribute(Attribute::Updated) => Values::number(self.updated.0 as f64),
            _ => Values::None,
        }
    }
}

impl Subject for ModelVersion {
    fn values(&self, field: &Field) -> Values<'_> {
        match field {
            Field::Tag(key) => looked_up(&self.tags, key),
            Field::Attribute(attribute) => match attribute {
                Attribute::Name => Values::text(&self.model),
                Attribute::Version => Values::number(self.version as f64),
                Attribute::RunId => self.run.map_or(Values::None, |run| Values::owned(run.to_string())),
                Attribute::ModelId => {
                    self.logged_model.map_or(Values::None, |model| Values::owned(model.to_string()))
                }
                Attribute::Source => Values::text(&self.source),
                Attribute::Status => Values::text(self.status.name()),
                Attribute::User => Values::text(&self.user),
                Attribute::Created => Values::number(self.created.0 as f64),
                Attribute::Updated => Values::number(self.updated.0 as f64),
                _ => Values::None,
            },
            _ => Values::None,
        }
    }
}

/// A metric has the values of all its points: which of them count is the search's to say.
impl Subject for LoggedModel {
    fn values(&self, field: &Field) -> Values<'_> {
        match field {
            Field::Metric(key) => {
                let points = self.metrics.iter().filter(|point| point.metric.key == *key);
                Values::Many(points.map(|point| FieldValue::Number(point.metric.value)).collect())
            }
            Field::Param(key) => looked_up(&self.params, key),
            Field::Tag(key) => looked_up(&self.tags, key),
            Field::Attribute(attribute) => match attribute {
                Attribute::Name => Values::text(&self.name),
                Attribute::ModelId => Values::owned(self.id.to_string()),
                Attribute::ModelType => self.model_type.as_deref().map_or(Values::None, Values::text),
                Attribute::Status => Values::text(self.status.name()),
                Attribute::RunId => self.run.map_or(Values::None, |run| Values::owned(run.to_string())),
                Attribute::ExperimentId => Values::number(self.experiment.0 as f64),
                Attribute::Created => Values::number(self.created.0 as f64),
                Attribute::Updated => Values::number(self.updated.0 as f64),
                _ => Values::None,
            },
            _ => Values::None,
        }
    }
}
