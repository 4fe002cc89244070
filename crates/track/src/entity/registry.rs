//! The model registry: names, their versions, stages and aliases.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ModelId, ModelStatus, RunId};

/// A name under which versions of a model are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModel {
    /// Its name; unique.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it, or one of its versions, was last changed.
    pub updated: Timestamp,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// The version that each alias means.
    pub aliases: BTreeMap<String, i64>,
}

/// A version of a registered model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersion {
    /// The registered model's name.
    pub model: String,
    /// Its number, from 1; never used twice while the registered model lives.
    pub version: i64,
    /// Where its files come from, as its maker wrote it.
    pub source: String,
    /// The run that made it; it may be gone.
    pub run: Option<RunId>,
    /// The address of that run's page, as whoever made the version gave it.
    pub run_link: Option<String>,
    /// The logged model that it was made of.
    pub logged_model: Option<ModelId>,
    /// How far its making has come.
    pub status: ModelStatus,
    /// More about the status.
    pub message: Option<String>,
    /// Its stage.
    pub stage: Stage,
    /// What is special about it.
    pub description: Option<String>,
    /// Who made it; may be empty.
    pub user: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// The aliases that mean it, in order.
    pub aliases: Vec<String>,
}

/// What a version is used for. Aliases say it better; MLflow has both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing yet.
    #[default]
    None,
    /// Being tried.
    Staging,
    /// In use.
    Production,
    /// No longer used.
    Archived,
}

impl Stage {
    /// All of them, in the order of their stored numbers.
    pub const ALL: [Stage; 4] = [Stage::None, Stage::Staging, Stage::Production, Stage::Archived];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Stage::None => "None",
            Stage::Staging => "Staging",
            Stage::Production => "Production",
            Stage::Archived => "Archived",
        }
    }

    /// Whether versions of this stage are in use, so that a new one may replace them.
    pub fn is_in_use(self) -> bool {
        matches!(self, Stage::Staging | Stage::Production)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no stage of a model version: expected None, Staging, Production or Archived")]
pub struct ParseStageError(String);

impl FromStr for Stage {
    type Err = ParseStageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Stage::ALL.into_iter().find(|stage| stage.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| ParseStageError(text.to_owned()))
    }
}
