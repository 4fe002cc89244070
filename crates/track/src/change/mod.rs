//! What can be asked of the one write door, as plain serialisable data.
//!
//! The command line, the REST server, an offline spool and imports all speak this, so a change says
//! what shall be, never how a database does it.

mod model;
mod precondition;
mod sought;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Artifact, ArtifactOwner, DatasetInput, ExperimentId, Lease, Lifecycle, LineageFile, Metric, ModelId,
    ModelOutput, PARENT_TAG, Param, RunId, RunStatus, Tag,
};

pub use model::{
    FIRST_TOKEN, KnownAs, LoggedModelChange, NewLoggedModel, NewVersion, RegistryChange, VersionRef,
};
pub(crate) use precondition::version_called;
pub use precondition::{Bound, Precondition};
pub use sought::{Found, Sought};

/// A set of changes that happens whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// With an id, applying the same changes again is a no-op that answers as the first time did.
    pub id: Option<ChangesId>,
    /// When they were asked for: the time of tags set and experiments made.
    pub at: Timestamp,
    /// All must hold, or nothing is changed.
    pub preconditions: Vec<Precondition>,
    /// Done in this order.
    pub changes: Vec<Change>,
    /// Whether runs that are deleted take them, too, and stay deleted: who executes a run says how it ended, whatever
    /// became of it meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_deleted: bool,
    /// What is told with the answer, for who waits for it: it is read before anybody else can change or delete it.
    #[serde(skip)]
    pub sought: Option<Sought>,
}

impl Changes {
    /// The given changes, without id or preconditions.
    pub fn new(at: Timestamp, changes: Vec<Change>) -> Self {
        Changes { at, changes, ..Changes::default() }
    }
}

/// The identity of a set of changes: any text that its maker uses once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangesId(pub String);

/// An experiment, by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExperimentRef {
    /// By number.
    Id(ExperimentId),
    /// By the name of an active experiment; an earlier change of the same set may have made it.
    Name(String),
    /// The experiment of a run, for whoever does not know it.
    OfRun(RunId),
}

impl Default for ExperimentRef {
    fn default() -> Self {
        ExperimentRef::Id(ExperimentId::DEFAULT)
    }
}

/// A run to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRun {
    /// Its id, made by the caller, so that a change sent twice makes one run.
    pub id: RunId,
    /// Its experiment, which must exist and be active.
    pub experiment: ExperimentRef,
    /// Its name; without one it gets [`run_name`](crate::run_name) of its id.
    pub name: Option<String>,
    /// Running or scheduled, or an end status when an old run is imported.
    pub status: RunStatus,
    /// The run that started it; must exist.
    pub parent: Option<RunId>,
    /// When it started.
    pub start_time: Timestamp,
    /// When it ended, for an imported run.
    pub end_time: Option<Timestamp>,
    /// Who started it; may be empty.
    pub user: String,
    /// The process it lives in; nothing for runs that others report.
    pub lease: Option<Lease>,
}

impl NewRun {
    /// A running run of the default experiment, to be completed with `..`.
    pub fn new(id: RunId, start_time: Timestamp) -> Self {
        NewRun {
            id,
            experiment: ExperimentRef::default(),
            name: None,
            status: RunStatus::Running,
            parent: None,
            start_time,
            end_time: None,
            user: String::new(),
            lease: None,
        }
    }
}

/// One change.
///
/// Every change of a run needs the run to exist and to be active, except the change of its lifecycle, and those of
/// [`Changes::to_deleted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// Makes an experiment.
    CreateExperiment {
        /// Its name.
        name: String,
        /// Whether one that exists is taken as it is, instead of an error.
        if_absent: bool,
    },
    /// Sets tags of an experiment.
    SetExperimentTags {
        /// The experiment.
        experiment: ExperimentRef,
        /// The tags.
        tags: Vec<Tag>,
    },
    /// Gives an experiment another name.
    RenameExperiment {
        /// The experiment.
        experiment: ExperimentRef,
        /// The new name.
        name: String,
    },
    /// Says where the artifacts of an experiment are kept.
    SetArtifactLocation {
        /// The experiment.
        experiment: ExperimentRef,
        /// The place, as others write it; nothing for our own.
        location: Option<String>,
    },
    /// Removes a tag of an experiment, which must be there.
    DeleteExperimentTag {
        /// The experiment.
        experiment: ExperimentRef,
        /// The tag's key.
        key: String,
    },
    /// Deletes an experiment with all its active runs and logged models (it can be restored, with just those), or
    /// restores it. Its name is free while it is deleted: when another took it, it cannot come back.
    SetExperimentLifecycle {
        /// The experiment; never the first, which runs without an experiment go to.
        experiment: ExperimentId,
        /// Active or deleted.
        lifecycle: Lifecycle,
    },
    /// Makes a run. The same run made again is an error, unless the whole set has an id.
    CreateRun(NewRun),
    /// Changes status, end or name of a run. An end status without an end time ends it at
    /// [`Changes::at`]; with an end status the lease is given back.
    UpdateRun {
        /// The run.
        run: RunId,
        /// The new status, if it changes.
        status: Option<RunStatus>,
        /// The new end, if it changes.
        end_time: Option<Timestamp>,
        /// The new name, if it changes.
        name: Option<String>,
    },
    /// Deletes a run (it can be restored) or restores it.
    SetLifecycle {
        /// The run.
        run: RunId,
        /// Active or deleted.
        lifecycle: Lifecycle,
    },
    /// Gives the run to a process, or takes it away.
    SetLease {
        /// The run.
        run: RunId,
        /// The process; nothing for none.
        lease: Option<Lease>,
    },
    /// Says that a run was heard of at [`Changes::at`], whatever was known: for a run that a clock noted which was wrong.
    /// With all that is logged to a run that is noted by itself.
    Heard {
        /// The run.
        run: RunId,
    },
    /// Logs points of metrics. A point that is there already changes nothing.
    LogMetrics {
        /// The run.
        run: RunId,
        /// The points, of any keys in any order.
        metrics: Vec<Metric>,
    },
    /// Logs params. The same value again is fine, another value is an error.
    LogParams {
        /// The run.
        run: RunId,
        /// The params.
        params: Vec<Param>,
    },
    /// Sets tags; the values they had are kept in their history. Those that are fields ([`RUN_NAME_TAG`],
    /// [`PARENT_TAG`]) set the field instead.
    ///
    /// [`RUN_NAME_TAG`]: crate::RUN_NAME_TAG
    /// [`PARENT_TAG`]: crate::PARENT_TAG
    SetTags {
        /// The run.
        run: RunId,
        /// The tags.
        tags: Vec<Tag>,
    },
    /// Removes a tag; its values stay in its history. An absent tag is fine. Without its parent's a run has no parent.
    DeleteTag {
        /// The run.
        run: RunId,
        /// The tag's key.
        key: String,
    },
    /// Adds artifacts; one with the path of an earlier one takes its place.
    LogArtifacts {
        /// The run.
        run: RunId,
        /// The artifacts.
        artifacts: Vec<Artifact>,
    },
    /// Removes the artifact with a path, or all artifacts in the folder with that path. Absent ones are fine.
    DeleteArtifacts {
        /// Whose artifacts.
        owner: ArtifactOwner,
        /// The path; an empty one means all.
        path: String,
    },
    /// Says which data sets the run read. One that was logged before gets the new tags.
    LogDatasets {
        /// The run.
        run: RunId,
        /// The data sets.
        datasets: Vec<DatasetInput>,
    },
    /// Says which logged models the run read. One that was logged before changes nothing.
    LogModelInputs {
        /// The run.
        run: RunId,
        /// The models.
        models: Vec<ModelId>,
    },
    /// Says which logged models the run wrote. One that was logged before, at that step, changes nothing.
    LogModelOutputs {
        /// The run.
        run: RunId,
        /// The models.
        models: Vec<ModelOutput>,
    },
    /// Says what the run read.
    LogInputs {
        /// The run.
        run: RunId,
        /// Files and folders; a path logged before is replaced.
        files: Vec<LineageFile>,
    },
    /// Says what the run wrote.
    LogOutputs {
        /// The run.
        run: RunId,
        /// Files and folders; a path logged before is replaced.
        files: Vec<LineageFile>,
    },
    /// Changes a logged model.
    LoggedModel(LoggedModelChange),
    /// Changes the model registry.
    Registry(RegistryChange),
    /// Removes what was deleted for ever. All of it must be deleted.
    Purge(Purge),
}

/// What was deleted and can be removed for ever: what [`RunStore::purgeable`](crate::RunStore::purgeable) found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// Experiments, which go with all that is in them.
    pub experiments: Vec<ExperimentId>,
    /// Runs. Those that they started and that stay have no parent then.
    pub runs: Vec<RunId>,
    /// Logged models.
    pub models: Vec<ModelId>,
}

impl Purge {
    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.experiments.is_empty() && self.runs.is_empty() && self.models.is_empty()
    }
}

/// What came of a set of changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The experiments made or found by `CreateExperiment`, in order.
    pub experiments: Vec<ExperimentId>,
    /// The numbers of the versions made, in order.
    #[serde(default)]
    pub versions: Vec<i64>,
    /// What was [sought](Changes::sought), as the changes left it. Nothing where they were applied earlier, or wait to be.
    #[serde(skip)]
    pub found: Option<Box<Found>>,
}

impl Change {
    /// The runs that have to be there for it to come out as it is meant.
    pub fn uses(&self) -> Vec<RunId> {
        match self {
            Change::CreateRun(new) => new.parent.into_iter().collect(),
            Change::SetTags { run, tags } => {
                // A parent that is not there stays a tag and no more.
                let parent = tags.iter().find(|tag| tag.key == PARENT_TAG);
                parent.and_then(|tag| tag.value.parse().ok()).into_iter().chain([*run]).collect()
            }
            Change::UpdateRun { run, .. }
            | Change::SetLifecycle { run, .. }
            | Change::SetLease { run, .. }
            | Change::Heard { run }
            | Change::LogMetrics { run, .. }
            | Change::LogParams { run, .. }
            | Change::DeleteTag { run, .. }
            | Change::LogArtifacts { run, .. }
            | Change::DeleteArtifacts { owner: ArtifactOwner::Run(run), .. }
            | Change::LogDatasets { run, .. }
            | Change::LogModelInputs { run, .. }
            | Change::LogModelOutputs { run, .. }
            | Change::LogInputs { run, .. }
            | Change::LogOutputs { run, .. } => vec![*run],
            Change::CreateExperiment { .. }
            | Change::SetExperimentTags { .. }
            | Change::RenameExperiment { .. }
            | Change::SetArtifactLocation { .. }
            | Change::DeleteExperimentTag { .. }
            | Change::SetExperimentLifecycle { .. }
            | Change::DeleteArtifacts { .. }
            | Change::LoggedModel(_)
            | Change::Registry(_)
            | Change::Purge(_) => Vec::new(),
        }
    }

    /// The artifacts that it names.
    pub fn artifacts(&self) -> &[Artifact] {
        match self {
            Change::LogArtifacts { artifacts, .. }
            | Change::LoggedModel(LoggedModelChange::LogArtifacts { artifacts, .. })
            | Change::Registry(
                RegistryChange::CreateVersion(NewVersion { artifacts, .. })
                | RegistryChange::LogVersionArtifacts { artifacts, .. },
            ) => artifacts,
            _ => &[],
        }
    }
}
