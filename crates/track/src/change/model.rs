//! Changes of logged models and of the model registry.

use serde::{Deserialize, Serialize};

use crate::{
    Artifact, ExperimentRef, Lifecycle, Metric, MetricDataset, ModelId, ModelStatus, Param, RunId, Stage, Tag,
};

/// A logged model to be made; it is pending until it is finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLoggedModel {
    /// Its id, made by the caller.
    pub id: ModelId,
    /// Its experiment, which must be active.
    pub experiment: ExperimentRef,
    /// Its name; without one it gets a name made of its id, as runs do.
    pub name: Option<String>,
    /// What kind of model it is.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub run: Option<RunId>,
    /// Its params.
    pub params: Vec<Param>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

/// A change of a logged model. Every one needs it to be active, except the change of its lifecycle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LoggedModelChange {
    /// Makes one.
    Create(NewLoggedModel),
    /// Says how far its making has come.
    SetStatus {
        /// The model.
        model: ModelId,
        /// The status.
        status: ModelStatus,
        /// More about it.
        message: Option<String>,
    },
    /// Sets tags.
    SetTags {
        /// The model.
        model: ModelId,
        /// The tags.
        tags: Vec<Tag>,
    },
    /// Removes a tag, which must be there.
    DeleteTag {
        /// The model.
        model: ModelId,
        /// The tag's key.
        key: String,
    },
    /// Logs params, which are set once as those of runs are.
    LogParams {
        /// The model.
        model: ModelId,
        /// The params.
        params: Vec<Param>,
    },
    /// Logs points that were measured of the model; the run's own history is a change of the run.
    LogMetrics {
        /// The model.
        model: ModelId,
        /// The run that measured them.
        run: Option<RunId>,
        /// The data they were measured on.
        dataset: Option<MetricDataset>,
        /// The points.
        metrics: Vec<Metric>,
    },
    /// Adds artifacts; one with the path of an earlier one takes its place.
    LogArtifacts {
        /// The model.
        model: ModelId,
        /// The artifacts.
        artifacts: Vec<Artifact>,
    },
    /// Deletes it (it can be restored) or restores it.
    SetLifecycle {
        /// The model.
        model: ModelId,
        /// Active or deleted.
        lifecycle: Lifecycle,
    },
}

/// A version of a registered model: its name and number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VersionRef {
    /// The registered model's name.
    pub model: String,
    /// The number.
    pub version: i64,
}

/// Tokens of versions begin here; no registered model has so many.
pub const FIRST_TOKEN: i64 = 1 << 40;

/// How a version is called by who makes it before the store numbers it: changes and questions find it by its token then, and
/// it is made once, however often that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAs {
    /// From [`FIRST_TOKEN`] on, and nobody else's. It is forgotten after thirty days.
    pub token: i64,
    /// The number that people were told.
    pub number: i64,
}

/// A version to be made. Its number is the one after the highest that the registered model ever had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVersion {
    /// The registered model's name; it must exist.
    pub model: String,
    /// Where its files come from.
    pub source: String,
    /// The run that made it.
    pub run: Option<RunId>,
    /// The address of that run's page, where it has one elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_link: Option<String>,
    /// The logged model that it is made of.
    pub logged_model: Option<ModelId>,
    /// What is special about it.
    pub description: Option<String>,
    /// Who makes it; may be empty.
    pub user: String,
    /// How far its making has come.
    pub status: ModelStatus,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Its files, where the cache has them.
    pub artifacts: Vec<Artifact>,
    /// Aliases that mean this version from now on.
    pub aliases: Vec<String>,
    /// What it was called before it was made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_as: Option<KnownAs>,
}

/// A change of the model registry.
#[allow(clippy::large_enum_variant, reason = "there are few of them at a time")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RegistryChange {
    /// Makes a registered model.
    CreateModel {
        /// Its name: no `/` and no `:`.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// Its tags.
        tags: Vec<Tag>,
        /// Whether one that exists is taken as it is, instead of an error.
        if_absent: bool,
    },
    /// Gives it another name; its versions, tags and aliases stay.
    RenameModel {
        /// The name it has.
        name: String,
        /// The name it gets.
        to: String,
    },
    /// Says what it is for.
    DescribeModel {
        /// Its name.
        name: String,
        /// The description.
        description: Option<String>,
    },
    /// Removes it with all its versions; the name is free then.
    DeleteModel {
        /// Its name.
        name: String,
    },
    /// Sets tags of it.
    SetModelTags {
        /// Its name.
        name: String,
        /// The tags.
        tags: Vec<Tag>,
    },
    /// Removes a tag of it. An absent tag is fine.
    DeleteModelTag {
        /// Its name.
        name: String,
        /// The tag's key.
        key: String,
    },
    /// Makes a version.
    CreateVersion(NewVersion),
    /// Says what is special about a version.
    DescribeVersion {
        /// The version.
        version: VersionRef,
        /// The description.
        description: Option<String>,
    },
    /// Says how far the making of a version has come.
    SetVersionStatus {
        /// The version.
        version: VersionRef,
        /// The status.
        status: ModelStatus,
        /// More about it.
        message: Option<String>,
    },
    /// Adds artifacts to a version; one with the path of an earlier one takes its place.
    LogVersionArtifacts {
        /// The version.
        version: VersionRef,
        /// The artifacts.
        artifacts: Vec<Artifact>,
    },
    /// Moves a version to a stage.
    SetStage {
        /// The version.
        version: VersionRef,
        /// The stage.
        stage: Stage,
        /// Whether the versions that are in this stage are archived; for Staging and Production alone.
        archive_existing: bool,
    },
    /// Removes a version and the aliases that mean it. Its number is not used again.
    DeleteVersion {
        /// The version.
        version: VersionRef,
    },
    /// Sets tags of a version.
    SetVersionTags {
        /// The version.
        version: VersionRef,
        /// The tags.
        tags: Vec<Tag>,
    },
    /// Removes a tag of a version. An absent tag is fine.
    DeleteVersionTag {
        /// The version.
        version: VersionRef,
        /// The tag's key.
        key: String,
    },
    /// Makes an alias mean a version, whatever it meant before.
    SetAlias {
        /// The alias: letters, digits, `_` and `-`; not `latest`, nor `v` and a number.
        alias: String,
        /// The version.
        version: VersionRef,
    },
    /// Removes an alias. An absent alias is fine.
    DeleteAlias {
        /// The registered model's name.
        name: String,
        /// The alias.
        alias: String,
    },
}
