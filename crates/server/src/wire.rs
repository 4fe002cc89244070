//! MLflow's JSON: how it spells experiments, runs and metrics. Its quirks stop here.
//!
//! Whole numbers are numbers, states are names, what is unset and every empty list is left out, and NaN is a text.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use track::{ExperimentId, Lifecycle, RunId, RunStatus};

/// The tag that mirrors a run's name.
pub const RUN_NAME_TAG: &str = "mlflow.runName";
/// The tag that names a run's parent.
pub const PARENT_TAG: &str = "mlflow.parentRunId";

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(pub Vec<u8>);

impl Json {
    /// A value as JSON.
    pub fn of(value: &impl Serialize) -> Json {
        Json(serde_json::to_vec(value).expect("maps have text keys"))
    }

    /// What is answered to what only changes something.
    pub fn empty() -> Json {
        Json(b"{}".to_vec())
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
            artifact_location: artifact_location(experiment.id),
            lifecycle_stage: lifecycle(experiment.lifecycle),
            last_update_time: experiment.created.0,
            creation_time: experiment.created.0,
            tags: experiment.tags.iter().map(|(key, value)| Pair { key, value }).collect(),
        }
    }
}

/// A run.
#[derive(Serialize)]
pub struct Run<'a> {
    pub info: RunInfo<'a>,
    pub data: RunData<'a>,
    pub inputs: Empty,
    pub outputs: Empty,
}

/// `{}`.
#[derive(Serialize)]
pub struct Empty {}

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
    pub fn of(info: &'a track::RunInfo) -> Self {
        let id = info.id.to_string();
        RunInfo {
            run_uuid: id.clone(),
            experiment_id: info.experiment.to_string(),
            run_name: &info.name,
            user_id: &info.user,
            status: status(info.status),
            start_time: info.start_time.0,
            end_time: info.end_time.map(|time| time.0),
            artifact_uri: artifact_uri(info.experiment, info.id),
            lifecycle_stage: lifecycle(info.lifecycle),
            run_id: id,
        }
    }
}

/// The tags that mirror what the store keeps as a run's own: its name and its parent.
pub struct Mirrored {
    name: String,
    parent: Option<String>,
}

impl Mirrored {
    pub fn of(run: &track::Run) -> Self {
        Mirrored { name: run.info.name.clone(), parent: run.info.parent.map(|parent| parent.to_string()) }
    }
}

impl<'a> Run<'a> {
    pub fn of(run: &'a track::Run, mirrored: &'a Mirrored) -> Self {
        let data = &run.data;
        let kept = data.tags.iter().map(|(key, value)| Pair { key, value });
        let mut tags: Vec<Pair<'a>> = kept.filter(|tag| tag.key != RUN_NAME_TAG).collect();
        tags.push(Pair { key: RUN_NAME_TAG, value: &mirrored.name });
        if let Some(parent) = &mirrored.parent
            && !data.tags.contains_key(PARENT_TAG)
        {
            tags.push(Pair { key: PARENT_TAG, value: parent });
        }
        Run {
            info: RunInfo::of(&run.info),
            data: RunData {
                metrics: data.metrics.values().map(Metric::of).collect(),
                params: data.params.iter().map(|(key, value)| Pair { key, value }).collect(),
                tags,
            },
            inputs: Empty {},
            outputs: Empty {},
        }
    }
}

/// One run as JSON, with its mirrored tags.
pub struct OneRun<'a>(pub &'a track::Run);

impl Serialize for OneRun<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mirrored = Mirrored::of(self.0);
        Run::of(self.0, &mirrored).serialize(serializer)
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

/// Where clients put the artifacts of an experiment: through the server's proxy, whatever its address.
pub fn artifact_location(experiment: ExperimentId) -> String {
    format!("mlflow-artifacts:/{experiment}")
}

/// Where clients put the artifacts of a run.
pub fn artifact_uri(experiment: ExperimentId, run: RunId) -> String {
    format!("{}/{run}/artifacts", artifact_location(experiment))
}
