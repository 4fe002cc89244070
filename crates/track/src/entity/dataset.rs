//! The data that runs read, as MLflow's clients describe it: a name and a digest, and text about the rest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ExperimentId;

/// A data set, known in its experiment by name and digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// Its digest, by whatever rule its maker has.
    pub digest: String,
    /// What kind of thing the source is: `local`, `s3`, `code` …
    pub source_type: String,
    /// Where it comes from.
    pub source: String,
    /// Its columns.
    pub schema: Option<String>,
    /// Statistics.
    pub profile: Option<String>,
}

/// A data set that a run read, and what for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetInput {
    /// The data set.
    pub dataset: Dataset,
    /// Tags of this use: [`DATASET_CONTEXT_TAG`] among them.
    pub tags: BTreeMap<String, String>,
}

/// The tag of a use that says what it was for: `training`, `eval` …
pub const DATASET_CONTEXT_TAG: &str = "mlflow.data.context";

impl DatasetInput {
    /// What the run read it for.
    pub fn context(&self) -> Option<&str> {
        self.tags.get(DATASET_CONTEXT_TAG).map(String::as_str)
    }
}

/// A data set of an experiment, and one of the purposes it was read for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetSummary {
    /// The experiment.
    pub experiment: ExperimentId,
    /// The data set's name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// What it was read for.
    pub context: Option<String>,
}
