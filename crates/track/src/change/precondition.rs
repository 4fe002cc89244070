//! What can be demanded of the store in the transaction that makes a change.

use std::fmt;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Lease, Lifecycle, RunId, RunStatus};

/// What must hold before the changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Precondition {
    /// The run is in this status.
    StatusIs {
        /// The run.
        run: RunId,
        /// The status.
        status: RunStatus,
    },
    /// The run's lease is held by this process.
    LeaseIs {
        /// The run.
        run: RunId,
        /// The lease.
        lease: Lease,
    },
    /// The run goes on, and neither it nor one below it was heard of after this time.
    Unheard {
        /// The run.
        run: RunId,
        /// The time.
        since: Timestamp,
        /// What a clock noted below the run that was ahead of this does not count.
        latest: Timestamp,
    },
    /// The run has no such param.
    ParamAbsent {
        /// The run.
        run: RunId,
        /// The param's key.
        key: String,
    },
    /// The tag has this value, or is absent: compare and set.
    TagIs {
        /// The run.
        run: RunId,
        /// The tag's key.
        key: String,
        /// The value; nothing for "absent".
        value: Option<String>,
    },
    /// The run has this tag.
    TagPresent {
        /// The run.
        run: RunId,
        /// The tag's key.
        key: String,
    },
    /// The run is active, or deleted.
    LifecycleIs {
        /// The run.
        run: RunId,
        /// Active or deleted.
        lifecycle: Lifecycle,
    },
    /// The latest value of a metric is on the right side of a bound. A run without the metric, and a NaN, are not.
    MetricBound {
        /// The run.
        run: RunId,
        /// The metric's key.
        metric: String,
        /// The side and the bound.
        bound: Bound,
    },
    /// The latest value of a metric is better than that of the run behind a version, which is looked at with the run of its
    /// stage or script. Where no version has the alias there is nobody to beat. A champion whose run is gone, lacks the metric
    /// or has a NaN cannot be judged, and so is not beaten.
    BetterThanChampion {
        /// The run.
        run: RunId,
        /// The registered model's name.
        model: String,
        /// The champion's alias, or what no alias may be called: `latest`, the newest version, or `v` and the number of one,
        /// which has to be there.
        alias: String,
        /// The metric's key.
        metric: String,
        /// Whether more is better.
        higher_is_better: bool,
    },
}

/// The number of a version that is called by it, in place of an alias.
pub(crate) fn version_called(alias: &str) -> Option<i64> {
    let digits = alias.strip_prefix('v')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// A bound of a metric, and on which side of it a value is good.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Bound {
    /// Greater than this.
    Above(f64),
    /// This or greater.
    AtLeast(f64),
    /// Less than this.
    Below(f64),
    /// This or less.
    AtMost(f64),
}

impl Bound {
    /// Whether a value is on the right side; a NaN never is.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Bound::Above(bound) => value > bound,
            Bound::AtLeast(bound) => value >= bound,
            Bound::Below(bound) => value < bound,
            Bound::AtMost(bound) => value <= bound,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Above(bound) => write!(f, "above {bound}"),
            Bound::AtLeast(bound) => write!(f, "{bound} or more"),
            Bound::Below(bound) => write!(f, "below {bound}"),
            Bound::AtMost(bound) => write!(f, "{bound} or less"),
        }
    }
}

/// What was asked for, in words.
impl fmt::Display for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Precondition::StatusIs { run, status } => write!(f, "run {run} has the status {status}"),
            Precondition::LeaseIs { run, lease } => {
                write!(f, "run {run} belongs to process {} on {}", lease.pid, lease.host)
            }
            Precondition::Unheard { run, since, .. } => {
                write!(f, "run {run} was not heard of after {since}")
            }
            Precondition::ParamAbsent { run, key } => write!(f, "run {run} has no param `{key}`"),
            Precondition::TagIs { run, key, value: Some(value) } => {
                write!(f, "tag `{key}` of run {run} is `{value}`")
            }
            Precondition::TagIs { run, key, value: None } => write!(f, "run {run} has no tag `{key}`"),
            Precondition::TagPresent { run, key } => write!(f, "run {run} has a tag `{key}`"),
            Precondition::LifecycleIs { run, lifecycle: Lifecycle::Active } => {
                write!(f, "run {run} is active")
            }
            Precondition::LifecycleIs { run, lifecycle: Lifecycle::Deleted } => {
                write!(f, "run {run} is deleted")
            }
            Precondition::MetricBound { run, metric, bound } => {
                write!(f, "metric `{metric}` of run {run} is {bound}")
            }
            Precondition::BetterThanChampion { run, model, alias, metric, higher_is_better } => {
                let better = if *higher_is_better { "higher" } else { "lower" };
                let champion = match version_called(alias) {
                    Some(number) => format!("{model}/{number}"),
                    None => format!("{model}@{alias}"),
                };
                write!(f, "metric `{metric}` of run {run} is {better} than that of `{champion}`")
            }
        }
    }
}
