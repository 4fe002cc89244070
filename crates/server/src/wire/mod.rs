//! MLflow's JSON: how it spells experiments, runs and metrics. Its quirks stop here.
//!
//! Whole numbers are numbers, states are names, what is unset and every empty list is left out, and NaN is a text.

mod list;
mod model;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use track::{ExperimentId, Lifecycle, ModelId, PARENT_TAG, RUN_NAME_TAG, RunId, RunStatus};

use crate::stream::Pieces;

pub use list::{Part, items, list};
pub use model::{LoggedModel, ModelVersion, RegisteredModel};

/// The body of an answer.
pub enum Json {
    /// All of it.
    Whole(Vec<u8>),
    /// What is made while it is sent.
    Long(Pieces),
}

impl Json {
    /// A value as JSON.
    pub fn of(value: &impl Serialize) -> Json {
        Json::Whole(serde_json::to_vec(value).expect("maps have text keys"))
    }

    /// What is answered to what only changes something.
    pub fn empty() -> Json {
        Json::Whole(b"{}".to_vec())
    }
}

/// An answer with one field.
pub struct Field<'a, T>(pub &'a str, pub T);

impl<T: Serialize> Serialize for Field<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

/// A page of a list under its name, with the token of the next page.
pub struct Page<'a, T>(pub &'a str, pub Vec<T>, pub Option<String>);

impl<T: Serialize> Serialize for Page<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.1.is_empty() {
            map.serialize_entry(self.0, &self.1)?;
        }
        if let Some(token) = &self.2 {
            map.serialize_entry("next_page_token", token)?;
        }
        map.end()
    }
}

/// A key with a value: a tag or a param.
#[derive(Serialize)]
pub struct Pair<'a> {
    pub key: &'a str,
    pub value: &'a str,
}

/// An experiment.
#[derive(Serialize)]
pub struct Experiment<'a> {
    pub experiment_id: String,
    pub name: &'a str,
    pub artifact_location: String,
    pub lifecycle_stage: &'static str,
    pub last_update_time: i64,
    pub creation_time: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Pair<'a>>,
}

impl<'a> Experiment<'a> {
    pub fn of(experiment: &'a track::Experiment) -> Self {
        Experiment {
            experiment_id: experiment.id.to_string(),
            name: &experiment.name,
            artifact_location: artifact_location(experiment),
            lifecycle_stage: lifecycle(experiment.lifecycle),
            last_update_time: experiment.updated.0,
            creation_time: experiment.created.0,
            tags: pairs(&experiment.tags),
        }
    }
}

/// A run.
#[derive(Serialize)]
struct Run<'a> {
    info: RunInfo<'a>,
    data: RunData<'a>,
    inputs: Inputs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Outputs>,
}

/// What a run read.
#[derive(Serialize)]
struct Inputs<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_inputs: Vec<DatasetInput<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_inputs: Vec<ModelLink>,
}

/// What a run wrote.
#[derive(Serialize)]
struct Outputs {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_outputs: Vec<ModelLink>,
}

/// A logged model that a run read or wrote.
#[derive(Serialize)]
struct ModelLink {
    model_id: ModelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<i64>,
}

/// A data set that a run read.
#[derive(Serialize)]
struct DatasetInput<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    dataset: Dataset<'a>,
}

#[derive(Serialize)]
struct Dataset<'a> {
    name: &'a str,
    digest: &'a str,
    source_type: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
}

impl<'a> DatasetInput<'a> {
    fn of(input: &'a track::DatasetInput) -> Self {
        let track::Dataset { name, digest, source_type, source, schema, profile } = &input.dataset;
        let (schema, profile) = (schema.as_deref(), profile.as_deref());
        DatasetInput {
            tags: pairs(&input.tags),
            dataset: Dataset { name, digest, source_type, source, schema, profile },
        }
    }
}

/// A data set of an experiment.
#[derive(Serialize)]
pub struct DatasetSummary<'a> {
    experiment_id: String,
    name: &'a str,
    digest: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a str>,
}

impl<'a> DatasetSummary<'a> {
    pub fn of(summary: &'a track::DatasetSummary) -> Self {
        let track::DatasetSummary { experiment, name, digest, context } = summary;
        DatasetSummary { experiment_id: experiment.to_string(), name, digest, context: context.as_deref() }
    }
}

/// Identity and state of a run.
#[derive(Serialize)]
pub struct RunInfo<'a> {
    pub run_uuid: String,
    pub experiment_id: String,
    pub run_name: &'a str,
    pub user_id: &'a str,
    pub status: &'static str,
    pub start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<i64>,
    pub artifact_uri: String,
    pub lifecycle_stage: &'static str,
    pub run_id: String,
}

/// What a run logged.
#[derive(Serialize)]
pub struct RunData<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Pair<'a>>,
}

impl<'a> RunInfo<'a> {
    pub fn of(info: &'a track::RunInfo, locations: &Locations) -> Self {
        let id = info.id.to_string();
        RunInfo {
            run_uuid: id.clone(),
            experiment_id: info.experiment.to_string(),
            run_name: &info.name,
            user_id: &info.user,
            status: status(info.status),
            start_time: info.start_time.0,
            end_time: info.end_time.map(|time| time.0),
            artifact_uri: locations.run(info),
            lifecycle_stage: lifecycle(info.lifecycle),
            run_id: id,
        }
    }
}

/// A run as JSON. Its name and its parent are tags for MLflow.
pub struct OneRun<'a> {
    pub run: &'a track::Run,
    pub locations: &'a Locations,
    pub occasion: Occasion,
}

/// On which occasion a run is told of: MLflow leaves out other things on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It was just made: it has written nothing, and that is not said.
    Made,
    /// It was asked for.
    Asked,
    /// It was found among others: which models it read is not told.
    Found,
}

impl Serialize for OneRun<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (info, data) = (&self.run.info, &self.run.data);
        let parent = info.parent.map(|parent| parent.to_string());
        let mut tags: Vec<Pair<'_>> = pairs(&data.tags);
        tags.retain(|tag| tag.key != RUN_NAME_TAG && (tag.key != PARENT_TAG || parent.is_none()));
        tags.push(Pair { key: RUN_NAME_TAG, value: &info.name });
        tags.extend(parent.as_deref().map(|value| Pair { key: PARENT_TAG, value }));
        let read = |model: &ModelId| ModelLink { model_id: *model, step: None };
        let read_models = if self.occasion == Occasion::Found { &[] } else { &data.model_inputs[..] };
        let written =
            |output: &track::ModelOutput| ModelLink { model_id: output.model, step: Some(output.step) };
        let run = Run {
            info: RunInfo::of(info, self.locations),
            data: RunData {
                metrics: data.metrics.values().map(Metric::of).collect(),
                params: pairs(&data.params),
                tags,
            },
            inputs: Inputs {
                dataset_inputs: data.datasets.iter().map(DatasetInput::of).collect(),
                model_inputs: read_models.iter().map(read).collect(),
            },
            outputs: (self.occasion != Occasion::Made)
                .then(|| Outputs { model_outputs: data.model_outputs.iter().map(written).collect() }),
        };
        run.serialize(serializer)
    }
}

/// A point of a metric.
#[derive(Serialize)]
pub struct Metric<'a> {
    pub key: &'a str,
    #[serde(serialize_with = "float")]
    pub value: f64,
    pub timestamp: i64,
    pub step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
}

impl<'a> Metric<'a> {
    pub fn of(metric: &'a track::Metric) -> Self {
        let track::Metric { key, value, step, timestamp } = metric;
        Metric { key, value: *value, timestamp: timestamp.0, step: *step, run_id: None }
    }

    /// The same with the run that it is of.
    pub fn in_run(metric: &'a track::Metric, run: RunId) -> Self {
        Metric { run_id: Some(run), ..Metric::of(metric) }
    }
}

/// JSON has no NaN and no infinities: they are texts, as protocol buffers have it.
pub fn float<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else if value.is_nan() {
        serializer.serialize_str("NaN")
    } else {
        serializer.serialize_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
    }
}

/// MLflow knows no pruned runs: somebody stopped them.
pub fn status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Pruned => RunStatus::Killed.name(),
        status => status.name(),
    }
}

pub fn lifecycle(lifecycle: Lifecycle) -> &'static str {
    match lifecycle {
        Lifecycle::Active => "active",
        Lifecycle::Deleted => "deleted",
    }
}

/// Where clients put the artifacts of an experiment: where somebody said, or else through the server's proxy, whatever
/// its address.
pub fn artifact_location(experiment: &track::Experiment) -> String {
    experiment.artifact_location.clone().unwrap_or_else(|| our_location(experiment.id))
}

fn our_location(experiment: ExperimentId) -> String {
    format!("mlflow-artifacts:/{experiment}")
}

/// Where the artifacts of some experiments are; of those that are not here, in the proxy.
#[derive(Clone, Debug, Default)]
pub struct Locations(pub HashMap<ExperimentId, String>);

impl Locations {
    /// Where clients put the artifacts of a run.
    pub fn run(&self, info: &track::RunInfo) -> String {
        format!("{}/{}/artifacts", self.experiment(info.experiment), info.id)
    }

    /// Where clients put the files of a logged model.
    pub fn model(&self, model: &track::LoggedModel) -> String {
        format!("{}/models/{}/artifacts", self.experiment(model.experiment), model.id)
    }

    /// The path in the server's proxy where the artifacts of an experiment are; nothing when they are elsewhere.
    pub fn in_proxy(&self, id: ExperimentId) -> Option<String> {
        let location = self.experiment(id);
        let place = location.strip_prefix("mlflow-artifacts:")?;
        let path = match place.strip_prefix("//") {
            Some(host) => host.split_once('/').map_or("", |(_, path)| path),
            None => place,
        };
        Some(path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))
    }

    fn experiment(&self, id: ExperimentId) -> String {
        self.0.get(&id).cloned().unwrap_or_else(|| our_location(id))
    }
}

/// A map as keys with values.
pub(crate) fn pairs(map: &BTreeMap<String, String>) -> Vec<Pair<'_>> {
    map.iter().map(|(key, value)| Pair { key, value }).collect()
}
