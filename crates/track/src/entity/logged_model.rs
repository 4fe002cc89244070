//! Models that runs logged, before anybody registers them.

use std::collections::BTreeMap;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ExperimentId, Lifecycle, Metric, ModelId, RunId};

/// How far the making of a logged model, or of a version, has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ModelStatus {
    /// Its files are being uploaded.
    #[default]
    Pending,
    /// It is complete.
    Ready,
    /// Its making failed.
    Failed,
}

impl ModelStatus {
    /// All of them, in the order of their stored numbers.
    pub const ALL: [ModelStatus; 3] = [ModelStatus::Pending, ModelStatus::Ready, ModelStatus::Failed];

    /// Its name in upper case.
    pub fn name(self) -> &'static str {
        match self {
            ModelStatus::Pending => "PENDING",
            ModelStatus::Ready => "READY",
            ModelStatus::Failed => "FAILED",
        }
    }
}

/// A model that a run logged: its files, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoggedModel {
    /// Its id.
    pub id: ModelId,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// Its name; not unique.
    pub name: String,
    /// What kind of model it is, in its maker's words.
    pub model_type: Option<String>,
    /// The run that made it; it may be gone.
    pub run: Option<RunId>,
    /// How far its making has come.
    pub status: ModelStatus,
    /// More about the status.
    pub message: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Active or deleted.
    pub lifecycle: Lifecycle,
    /// Params by key.
    pub params: BTreeMap<String, String>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Every point that was measured of it, by key, then in the order of points.
    pub metrics: Vec<ModelMetric>,
}

/// A point of a metric that was measured of a logged model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelMetric {
    /// The point.
    pub metric: Metric,
    /// The run that measured it.
    pub run: Option<RunId>,
    /// The data it was measured on.
    pub dataset: Option<MetricDataset>,
}

/// The data that a point was measured on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricDataset {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: Option<String>,
}

/// A logged model that a run wrote, and at which step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModelOutput {
    /// The model.
    pub model: ModelId,
    /// The step.
    pub step: i64,
}
