//! The contract of a run store: one door for writes, plain questions for reads.

mod error;
mod models;

use base::{Digest, Timestamp};

use crate::{
    Applied, Artifact, ArtifactEntry, ArtifactOwner, Changes, Course, DatasetSummary, Experiment,
    ExperimentId, Filter, Lease, LineageFile, Metric, MetricCursor, OrderBy, Purge, Role, Run, RunCursor,
    RunId, TagValue,
};

pub use error::{ErrorKind, StoreError};
pub use models::{LoggedModelSearch, ModelSearch, ModelStore, VersionSearch};

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

    /// An experiment of any lifecycle.
    ///
    /// # Errors
    /// [`StoreError::UnknownExperiment`] when there is none, or when the store fails.
    fn experiment_by_id(&self, id: ExperimentId) -> Result<Experiment, StoreError>;

    /// The experiments that match, in the order asked for.
    ///
    /// # Errors
    /// When the store fails.
    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Vec<Experiment>, StoreError>;

    /// The data sets of these experiments, each with every purpose it was read for.
    ///
    /// # Errors
    /// When the store fails.
    fn datasets(&self, experiments: &[ExperimentId], limit: usize)
    -> Result<Vec<DatasetSummary>, StoreError>;

    /// A run, of any lifecycle.
    ///
    /// # Errors
    /// [`StoreError::UnknownRun`] when there is none, or when the store fails.
    fn run(&self, id: RunId) -> Result<Run, StoreError>;

    /// The one run that a person means: the start or the end of its id (four digits at least), or its whole name. Active
    /// runs only; ids go before names, but of fewer than eight digits that could be both, nothing is chosen. `last` is the run that
    /// this store was told of last, of those that no other run started, and `last~2` the second before it: what a client says
    /// of its start decides nothing here.
    ///
    /// # Errors
    /// When none or several match, or when the store fails.
    fn find_run(&self, wanted: &str) -> Result<RunId, StoreError> {
        self.find_run_in(wanted, View::Active)
    }

    /// The same among active runs, deleted ones or both.
    ///
    /// # Errors
    /// As [`RunStore::find_run`].
    fn find_run_in(&self, wanted: &str, view: View) -> Result<RunId, StoreError>;

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

    /// The ids of the runs that match, in the order asked for: for who reads the runs themselves piece by piece.
    ///
    /// # Errors
    /// When the store fails.
    fn select(&self, search: &Search) -> Result<Vec<RunId>, StoreError>;

    /// The runs with these ids, in their order; those that are not there are left out.
    ///
    /// # Errors
    /// When the store fails.
    fn runs(&self, ids: &[RunId]) -> Result<Vec<Run>, StoreError>;

    /// Every key that runs of any lifecycle have, in order.
    ///
    /// # Errors
    /// When the store fails.
    fn keys(&self, group: KeyGroup) -> Result<Vec<String>, StoreError>;

    /// All points of a metric in their order; none when the run or the metric does not exist.
    ///
    /// # Errors
    /// When the store fails.
    fn metric_history(&self, run: RunId, key: &str) -> Result<Vec<Metric>, StoreError>;

    /// The `limit` points of a metric that were measured first, ordered by time, step and value: never more than a few times as
    /// many are in memory. None when the run or the metric does not exist.
    ///
    /// # Errors
    /// When the store fails.
    fn earliest_points(&self, run: RunId, key: &str, limit: usize) -> Result<Vec<Metric>, StoreError>;

    /// At most `limit` points of a metric, in their order, after the one that a cursor names.
    ///
    /// # Errors
    /// When the store fails.
    fn metric_page(
        &self,
        run: RunId,
        key: &str,
        after: Option<MetricCursor>,
        limit: usize,
    ) -> Result<Vec<Metric>, StoreError>;

    /// Of each run, at most `limit` points of a metric, evenly chosen by their place in the order, with the first and
    /// the last; only points between two steps, when `steps` names them. Of runs that do not exist there are none.
    ///
    /// # Errors
    /// When the store fails.
    fn sampled_history(
        &self,
        runs: &[RunId],
        key: &str,
        steps: Option<(i64, i64)>,
        limit: usize,
    ) -> Result<Vec<(RunId, Vec<Metric>)>, StoreError>;

    /// Of each metric of a run, by key, how many points it has and at most `limit` of their values, chosen as
    /// [`RunStore::sampled_history`] chooses.
    ///
    /// # Errors
    /// When there is no such run, or when the store fails.
    fn courses(&self, run: RunId, limit: usize) -> Result<Vec<Course>, StoreError>;

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

    /// The artifacts of a run, a logged model or a version, by path.
    ///
    /// # Errors
    /// When there is no such owner, or when the store fails.
    fn artifacts_of(&self, owner: &ArtifactOwner) -> Result<Vec<Artifact>, StoreError>;

    /// What lies in a folder of artifacts, by path: its files, and each folder in it once. An empty path is the root;
    /// the path of a file, and one that is not there, hold nothing.
    ///
    /// # Errors
    /// When there is no such owner, or when the store fails.
    fn artifact_folder(&self, owner: &ArtifactOwner, folder: &str) -> Result<Vec<ArtifactEntry>, StoreError>;

    /// The artifact with a path.
    ///
    /// # Errors
    /// When there is no such owner, or when the store fails.
    fn artifact(&self, owner: &ArtifactOwner, path: &str) -> Result<Option<Artifact>, StoreError>;

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

    /// The newest active run that wrote these bytes and was recorded before another one: "which run made what this one read?"
    /// It costs the same however many runs wrote them.
    ///
    /// # Errors
    /// When the store fails.
    fn maker(&self, digest: &Digest, before: RunId) -> Result<Option<RunId>, StoreError>;

    /// The running runs that hold a lease, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    fn leases(&self) -> Result<Vec<(RunId, Lease)>, StoreError>;

    /// The running runs of which, and of what is below them, nothing was heard since the earlier time, or that were heard of
    /// after the later one; each with its lease and when that was.
    ///
    /// # Errors
    /// When the store fails.
    fn heard_outside(
        &self,
        earliest: Timestamp,
        latest: Timestamp,
    ) -> Result<Vec<(RunId, Option<Lease>, Timestamp)>, StoreError>;

    /// What was deleted before a time, or at any time, and can be removed for ever by
    /// [`Change::Purge`](crate::Change::Purge).
    ///
    /// # Errors
    /// When the store fails.
    fn purgeable(&self, before: Option<Timestamp>) -> Result<Purge, StoreError>;
}

/// Which experiments to find.
#[derive(Clone, Debug, Default)]
pub struct ExperimentSearch {
    /// Only those that match.
    pub filter: Option<Filter>,
    /// The order; ties, and everything without an order, newest first, then by number.
    pub order_by: Vec<OrderBy>,
    /// So many are passed over, after ordering.
    pub offset: usize,
    /// At most so many.
    pub limit: Option<usize>,
    /// Active, deleted or both.
    pub view: View,
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
    /// Only what comes after this place in the order.
    pub after: Option<RunCursor>,
    /// So many are passed over, after ordering.
    pub offset: usize,
    /// At most so many, after ordering.
    pub limit: Option<usize>,
    /// Only so many of what is found need be in order, for who counts the others; they follow in any order. Without,
    /// all are.
    pub ordered: Option<usize>,
    /// Active, deleted or both.
    pub view: View,
    /// Of which parent.
    pub parent: ParentFilter,
    /// Whether the run of a stage and the one of its script are one run, with the params, metrics and tags of both (see
    /// [`Joined`](crate::Joined)), and either id.
    pub joined: bool,
}

impl Search {
    /// Whether neither filter nor order look at the runs themselves.
    pub(crate) fn is_plain(&self) -> bool {
        self.filter.is_none() && self.order_by.is_empty()
    }
}

/// What has keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyGroup {
    /// Metrics.
    Metrics,
    /// Params.
    Params,
    /// Tags.
    Tags,
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
