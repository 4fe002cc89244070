//! What the store holds, as plain data: no wire format, no SQL, no behaviour beyond spelling and order.

mod dataset;
mod logged_model;
mod registry;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ModelId, RunId};

pub use dataset::{DATASET_CONTEXT_TAG, Dataset, DatasetInput, DatasetSummary};
pub use logged_model::{LoggedModel, MetricDataset, ModelMetric, ModelOutput, ModelStatus};
pub use registry::{ModelVersion, ParseStageError, RegisteredModel, Stage};

/// The number of an experiment. 0 is "Default" and always exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExperimentId(pub i64);

impl ExperimentId {
    /// The experiment "Default".
    pub const DEFAULT: ExperimentId = ExperimentId(0);
}

impl fmt::Display for ExperimentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether something is in use or was deleted and can still be restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Lifecycle {
    /// In use.
    #[default]
    Active,
    /// Deleted, not yet purged: hidden from searches and closed to writes.
    Deleted,
}

/// A group of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// Its number, never used twice.
    pub id: ExperimentId,
    /// Its name, unique among the active ones.
    pub name: String,
    /// Active or deleted.
    pub lifecycle: Lifecycle,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last renamed, deleted or restored.
    pub updated: Timestamp,
    /// Where its artifacts are kept, when somebody has said so.
    pub artifact_location: Option<String>,
    /// Its tags by key.
    pub tags: BTreeMap<String, String>,
}

/// What a run is doing, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RunStatus {
    /// At work; holds a lease when a process of ours started it.
    Running,
    /// Waits to be started.
    Scheduled,
    /// Ended well.
    Finished,
    /// Ended with an error.
    Failed,
    /// Was stopped from outside.
    Killed,
    /// Was stopped by a pruner, since it promised nothing.
    Pruned,
}

impl RunStatus {
    /// All of them, in the order of their stored numbers.
    pub const ALL: [RunStatus; 6] = [
        RunStatus::Running,
        RunStatus::Scheduled,
        RunStatus::Finished,
        RunStatus::Failed,
        RunStatus::Killed,
        RunStatus::Pruned,
    ];

    /// Its name in upper case, as filters and MLflow write it.
    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Running => "RUNNING",
            RunStatus::Scheduled => "SCHEDULED",
            RunStatus::Finished => "FINISHED",
            RunStatus::Failed => "FAILED",
            RunStatus::Killed => "KILLED",
            RunStatus::Pruned => "PRUNED",
        }
    }

    /// Whether the run has ended.
    pub fn has_ended(self) -> bool {
        !matches!(self, RunStatus::Running | RunStatus::Scheduled)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no run status: expected RUNNING, SCHEDULED, FINISHED, FAILED, KILLED or PRUNED")]
pub struct ParseStatusError(String);

impl FromStr for RunStatus {
    type Err = ParseStatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = RunStatus::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| ParseStatusError(text.to_owned()))
    }
}

/// A run: what it is, and the newest of what it logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Identity and state.
    pub info: RunInfo,
    /// What it logged.
    pub data: RunData,
}

/// Identity and state of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// Its id.
    pub id: RunId,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// That experiment's name, so that a listing needs no second question.
    pub experiment_name: String,
    /// Its name; not unique.
    pub name: String,
    /// What it is doing, or how it ended.
    pub status: RunStatus,
    /// The run that started it, if any.
    pub parent: Option<RunId>,
    /// When it started.
    pub start_time: Timestamp,
    /// When it ended; nothing while it runs.
    pub end_time: Option<Timestamp>,
    /// Active or deleted.
    pub lifecycle: Lifecycle,
    /// When it was deleted.
    pub deleted: Option<Timestamp>,
    /// Who started it; may be empty.
    pub user: String,
    /// When it was last heard of while it ran, to the minute, by the clock of who wrote that down.
    #[serde(default)]
    pub heard: Option<Timestamp>,
}

impl RunInfo {
    /// Milliseconds from start to end; absent while it runs, 0 where the clock went back in between.
    pub fn duration_millis(&self) -> Option<i64> {
        self.end_time.map(|end| end.millis_since(self.start_time).max(0))
    }
}

impl Run {
    /// Of a run that goes on, when it was last heard of, to the minute: nobody may know what became of its maker.
    pub fn last_heard(&self) -> Option<Timestamp> {
        self.info.heard.filter(|_| !self.info.status.has_ended())
    }
}

/// What a run logged: the latest point of every metric and the range of its values, all params, the current tags, the
/// data sets and models that it read and wrote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunData {
    /// The latest point per key.
    pub metrics: BTreeMap<String, Metric>,
    /// Params by key.
    pub params: BTreeMap<String, String>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// The range of values per metric key; a metric that was never a number has none.
    pub ranges: BTreeMap<String, MetricRange>,
    /// The data sets that it read, in the order in which they were logged.
    pub datasets: Vec<DatasetInput>,
    /// The logged models that it read, likewise.
    pub model_inputs: Vec<ModelId>,
    /// The logged models that it wrote, likewise.
    pub model_outputs: Vec<ModelOutput>,
    /// Of a stage's run with what its script logged: params that the stage has too, with another value, which is this.
    #[serde(default)]
    pub stage_params: BTreeMap<String, String>,
    /// The same of metrics.
    #[serde(default)]
    pub stage_metrics: BTreeMap<String, Metric>,
}

/// What is told of a metric of a run without reading all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Which metric.
    pub key: String,
    /// How many points it has.
    pub points: usize,
    /// Some of their values, or all, in their order.
    pub values: Vec<f64>,
}

/// The least and the greatest value that a metric ever had in a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricRange {
    /// The least.
    #[serde(with = "any_float")]
    pub min: f64,
    /// The greatest.
    #[serde(with = "any_float")]
    pub max: f64,
}

/// One point of a metric.
///
/// The points of a metric are a set in one total order: by step, then time, then value, NaN last.
/// The latest point is the last in that order, and logging a point twice changes nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metric {
    /// The metric's name.
    pub key: String,
    /// The value. NaN and infinities are legal; JSON has none, so as text it is NaN, inf or -inf.
    #[serde(with = "any_float")]
    pub value: f64,
    /// The step; may be negative and need not grow.
    pub step: i64,
    /// When it was measured.
    pub timestamp: Timestamp,
}

impl Metric {
    /// The order of the points of one metric.
    pub fn order(&self, other: &Metric) -> Ordering {
        (self.step, self.timestamp)
            .cmp(&(other.step, other.timestamp))
            .then_with(|| self.value.total_cmp(&other.value))
    }
}

/// Equal in key, step, time and the bits of the value, so that a NaN equals itself.
impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.order(other).is_eq()
    }
}

/// A param: set once, never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub key: String,
    /// Its value as text.
    pub value: String,
}

/// A tag: may be set again, and then its older values are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A value that a tag has or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagValue {
    /// The value.
    pub value: String,
    /// When it was set.
    pub set: Timestamp,
}

/// A file kept with a run, its bytes in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Relative path with `/`, unique in the run.
    pub path: String,
    /// Digest of the bytes.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// Whose artifacts are meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArtifactOwner {
    /// A run's.
    Run(RunId),
    /// A logged model's.
    Model(ModelId),
    /// A version's: the registered model's name, and the number.
    Version(String, i64),
}

/// What lies in a folder of artifacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactEntry {
    /// Its whole path, from the root of the artifacts.
    pub path: String,
    /// Its size in bytes; nothing for a folder.
    pub size: Option<u64>,
}

/// Whether a run read a file or wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// The run read it.
    Input,
    /// The run wrote it.
    Output,
}

/// A file or folder that a run read or wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineageFile {
    /// The path as the pipeline writes it.
    pub path: String,
    /// Digest of its bytes, or of its tree.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// The process that a running run lives in. When it is gone the run is settled by whoever looks next.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// The machine's host name. Only that machine can tell whether the process lives.
    pub host: String,
    /// The id of the machine's boot; empty where the system has none.
    pub boot: String,
    /// Process id.
    pub pid: u32,
    /// When the process started, in the system's own ticks since boot: tells it from a later process
    /// with the same id. 0 where the system does not say.
    pub started: u64,
}

/// `f64` in any text format: numbers as they are, what JSON cannot say as text.
mod any_float {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Text(String),
    }

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { serializer.serialize_f64(*value) } else { serializer.collect_str(value) }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(value) => Ok(value),
            Written::Text(text) => {
                text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no metric value")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_goes_through_json_with_nan_and_infinities() {
        for value in [1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 3.0] {
            let metric = Metric { key: "loss".into(), value, step: -3, timestamp: Timestamp(9) };
            let text = serde_json::to_string(&metric).expect("plain data");
            assert_eq!(serde_json::from_str::<Metric>(&text).expect("what was written"), metric, "{text}");
        }
    }

    #[test]
    fn status_names_read_back_in_any_case() {
        for status in RunStatus::ALL {
            assert_eq!(status.name().to_lowercase().parse(), Ok(status));
        }
        assert!("DONE".parse::<RunStatus>().is_err());
    }
}
