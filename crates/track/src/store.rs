//! The contract of a run store: one door for writes, plain questions for reads.

use std::error::Error;
use std::path::PathBuf;

use base::Digest;

use crate::{
    Applied, Artifact, Changes, Experiment, ExperimentId, Filter, KeyError, Lease, LineageFile, Metric,
    OrderBy, Precondition, Role, Run, RunId, TagValue,
};

/// A place that keeps runs.
///
/// Any number of threads and processes may read and write at once. What a read returns is a copy of
/// one moment: later writes do not change it.
///
/// `apply` is atomic: after an error nothing of the set is there. When it returns, the changes
/// survive the death of the process; every read that starts afterwards, in any process, sees them.
/// A set with an id is applied once, however often it is sent, and is answered the same way each
/// time, even when its preconditions no longer hold.
///
/// The history of a metric is a set of points in one total order (see [`Metric`]); the latest point
/// is its last. When a run ends its history may be stored in another form, which no read can tell.
pub trait RunStore: Send + Sync {
    /// Applies a set of changes, whole or not at all.
    ///
    /// # Errors
    /// When a precondition does not hold, a change is refused, or the store fails.
    fn apply(&self, changes: Changes) -> Result<Applied, StoreError>;

    /// All experiments of any lifecycle, in the order of their numbers.
    ///
    /// # Errors
    /// When the store fails.
    fn experiments(&self) -> Result<Vec<Experiment>, StoreError>;

    /// The active experiment of that name.
    ///
    /// # Errors
    /// When the store fails.
    fn experiment(&self, name: &str) -> Result<Option<Experiment>, StoreError>;

    /// A run, of any lifecycle.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`] when there is none, or when the store fails.
    fn run(&self, id: RunId) -> Result<Run, StoreError>;

    /// The one run that a person means: the start or the end of its id, or its whole name. Active
    /// runs only; ids go before names. `last` is the newest run that no other run started, and
    /// `last~2` the second before it.
    ///
    /// # Errors
    /// When none or several match, or when the store fails.
    fn find_run(&self, wanted: &str) -> Result<RunId, StoreError>;

    /// The active runs started by a run, oldest first.
    ///
    /// # Errors
    /// When the store fails. A run that does not exist has no children.
    fn children(&self, id: RunId) -> Result<Vec<Run>, StoreError>;

    /// The runs that match, in the order asked for.
    ///
    /// # Errors
    /// When the store fails.
    fn search(&self, search: &Search) -> Result<Vec<Run>, StoreError>;

    /// All points of a metric in their order; none when the run or the metric does not exist.
    ///
    /// # Errors
    /// When the store fails.
    fn metric_history(&self, run: RunId, key: &str) -> Result<Vec<Metric>, StoreError>;

    /// The keys of the metrics of a run, in order.
    ///
    /// # Errors
    /// When the store fails.
    fn metric_keys(&self, run: RunId) -> Result<Vec<String>, StoreError>;

    /// The artifacts of a run, by path.
    ///
    /// # Errors
    /// When the store fails.
    fn artifacts(&self, run: RunId) -> Result<Vec<Artifact>, StoreError>;

    /// Every value that a tag had, oldest first, the current one last (unless it was removed).
    ///
    /// # Errors
    /// When the store fails.
    fn tag_history(&self, run: RunId, key: &str) -> Result<Vec<TagValue>, StoreError>;

    /// What a run read or wrote, by path.
    ///
    /// # Errors
    /// When the store fails.
    fn lineage(&self, run: RunId, role: Role) -> Result<Vec<LineageFile>, StoreError>;

    /// The active runs that read or wrote these bytes, oldest first: "which run made this model?"
    ///
    /// # Errors
    /// When the store fails.
    fn runs_by_file(&self, digest: &Digest, role: Role) -> Result<Vec<RunId>, StoreError>;

    /// The running runs that hold a lease, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    fn leases(&self) -> Result<Vec<(RunId, Lease)>, StoreError>;
}

/// Which runs to find.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Only runs of these experiments; empty for all.
    pub experiments: Vec<ExperimentId>,
    /// Only runs that match.
    pub filter: Option<Filter>,
    /// The order; ties, and everything without an order, newest start first, then by id.
    pub order_by: Vec<OrderBy>,
    /// At most so many, after ordering.
    pub limit: Option<usize>,
    /// Active, deleted or both.
    pub view: View,
    /// Of which parent.
    pub parent: ParentFilter,
}

/// Which lifecycles a search looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// What was not deleted.
    #[default]
    Active,
    /// What was deleted and not yet purged.
    Deleted,
    /// Both.
    All,
}

/// Which runs of a tree of runs a search looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParentFilter {
    /// All of them.
    #[default]
    Any,
    /// Those without a parent.
    TopLevel,
    /// The children of this one.
    Of(RunId),
}

/// Why a run store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such run.
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    /// No run matches what a person wrote.
    #[error("no run has an id that starts or ends with `{0}`, or that name")]
    NoMatch(String),
    /// `last~N` goes back before the first run.
    #[error("there is no run `{wanted}`: {count} {} recorded", if *count == 1 { "run was" } else { "runs were" })]
    NotSoMany {
        /// What was written.
        wanted: String,
        /// How many runs without a parent there are.
        count: i64,
    },
    /// Several runs match what a person wrote.
    #[error("`{wanted}` could be {count} runs, the newest first: {}", listed(candidates, *count))]
    Ambiguous {
        /// What was written.
        wanted: String,
        /// How many match.
        count: usize,
        /// The newest of them, as `id (name, start)`, where the id is an end that finds this run alone.
        candidates: Vec<String>,
    },
    /// No such experiment.
    #[error("there is no active experiment `{0}`")]
    UnknownExperiment(String),
    /// The name is taken.
    #[error("experiment `{0}` exists already")]
    ExperimentExists(String),
    /// The run was made before.
    #[error("run {0} exists already")]
    RunExists(RunId),
    /// The run was deleted and takes no changes.
    #[error("run {run} is deleted: restore it before changing it")]
    Deleted {
        /// The run.
        run: RunId,
    },
    /// A key, name or value is against the rules.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A param has another value already.
    #[error("param `{key}` of run {run} is `{old}` and cannot become `{new}`: params are set once")]
    ParamChanged {
        /// The run.
        run: RunId,
        /// The param's key.
        key: String,
        /// The value it has.
        old: String,
        /// The value that was refused.
        new: String,
    },
    /// A time before 1970.
    #[error("{what} has a time before 1970: {millis} ms")]
    Time {
        /// What has it.
        what: String,
        /// The time.
        millis: i64,
    },
    /// A precondition does not hold; nothing was changed.
    #[error("precondition does not hold: {precondition:?}")]
    Precondition {
        /// The first that does not hold.
        precondition: Box<Precondition>,
    },
    /// The file is no database, or is damaged.
    #[error("the run store {} is damaged or is no run store: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was seen.
        reason: String,
    },
    /// A later version of `pipe` made the file.
    #[error("the run store {} was made by a newer pipe: schema {found}, this pipe knows {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The schema of this program.
        known: i64,
    },
    /// Other processes kept the store locked too long.
    #[error("the run store {} was locked by other processes for {seconds} s", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long we waited.
        seconds: u64,
    },
    /// Anything else that went wrong below.
    #[error("failed to {doing} the run store {}", path.display())]
    Failed {
        /// What was being done: `open`, `read`, `write`, `upgrade`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// What the user can do about it, if there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            StoreError::Damaged { .. } => {
                Some("move it away; the runs in it are lost to pipe, the pipeline is not")
            }
            StoreError::Newer { .. } => Some("use the newer pipe, or move the file away"),
            StoreError::NoMatch(_) | StoreError::NotSoMany { .. } => {
                Some("`pipe runs list` shows the runs that there are")
            }
            StoreError::Ambiguous { .. } => {
                Some("give one of these ids, or more digits; `last` is the newest run")
            }
            _ => None,
        }
    }
}

fn listed(candidates: &[String], count: usize) -> String {
    let more = if candidates.len() < count { ", …" } else { "" };
    format!("{}{more}", candidates.join(", "))
}
