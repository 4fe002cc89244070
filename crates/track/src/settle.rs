//! Ends runs whose process died without saying so, and those whose maker nobody heard of any more.
//!
//! Composed of reads and the one write door, so it holds for every store; the precondition on the
//! lease keeps two settlers, or a settler and a run that was taken over, from disagreeing.

use base::Timestamp;

use crate::{
    Change, Changes, Lease, Precondition, Run, RunId, RunStatus, RunStore, STAGE_TAG, StoreError, Tag,
    is_of_script, ties,
};

/// The tag that tells a run settled here from one that reported its own end.
pub const SETTLED_TAG: &str = "pipe.settled";

/// The tag of a run that was ended because nobody heard of its maker: it goes on as soon as that one logs to it. Its value is
/// when it was last heard of, in milliseconds since 1970.
pub const UNHEARD_TAG: &str = "pipe.unheard";

/// How exactly it is noted when a run was last heard of, in milliseconds.
pub(crate) const HEARD_TO: i64 = 60_000;

/// How far the clock of another process may be ahead of ours before what it noted is set right, in milliseconds.
const AHEAD: i64 = 86_400_000;

/// Marks every running run of this host whose process is dead as killed, ended `now`, or as `known` says that it
/// ended; one that a script started and left open ends as the stage's run ended. The tag [`SETTLED_TAG`] says why. A stage's run
/// is tied to that of its script then. Runs of other hosts and runs without a lease are left alone.
///
/// Returns the runs that were settled.
///
/// # Errors
/// When the store fails.
pub fn settle_dead(
    store: &dyn RunStore,
    is_alive: &dyn Fn(&Lease) -> bool,
    known: &dyn Fn(RunId) -> Option<(RunStatus, Timestamp)>,
    now: Timestamp,
) -> Result<Vec<RunId>, StoreError> {
    let host = Lease::current().host;
    let mut settled = Vec::new();
    for (run, lease) in store.leases()? {
        if lease.host != host || is_alive(&lease) {
            continue;
        }
        let found = store.run(run)?;
        let mut why = format!("process {} died without reporting the end of the run", lease.pid);
        let mut end = known(run);
        if end.is_none() && is_of_script(&found) {
            end = end_of_stage(store, &found)?;
            why = end.map_or(why, |_| "its stage ended without ending it".to_owned());
        }
        let mut settlement = settlement(run, &lease, why, end.unwrap_or((RunStatus::Killed, now)), now);
        // Nobody else will, and from now on it makes no more runs.
        if !is_of_script(&found) {
            settlement.changes.extend(ties(run, &store.children(run)?).into_iter().flatten());
        }
        match store.apply(settlement) {
            Ok(_) => settled.push(run),
            // Someone else settled it, ended it or deleted it since we looked.
            Err(StoreError::Precondition { .. } | StoreError::Deleted { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(settled)
}

/// Ends, as killed when it was last heard of, every running run that lives in no process which this host could ask after, and
/// of which and of whose children nobody heard for more than `silence` milliseconds. The tag [`SETTLED_TAG`] says why, and
/// [`UNHEARD_TAG`] that the run goes on should its maker log to it after all. A run that was heard of in the future, by a
/// clock that was wrong, counts as heard of now.
///
/// Returns the runs that were ended.
///
/// # Errors
/// When the store fails.
pub fn settle_unheard(store: &dyn RunStore, silence: i64, now: Timestamp) -> Result<Vec<RunId>, StoreError> {
    let here = Lease::current();
    let earliest = Timestamp(now.0.saturating_sub(silence).saturating_sub(HEARD_TO));
    let latest = Timestamp(now.0.saturating_add(AHEAD));
    let mut settled = Vec::new();
    for (run, lease, heard) in store.heard_outside(earliest, latest)? {
        let lives_here = lease.is_some_and(|lease| lease.host == here.host);
        let changes = match heard > latest {
            true => Changes::new(now, vec![Change::Heard { run }]),
            false if lives_here => continue,
            false => Changes {
                preconditions: vec![
                    Precondition::StatusIs { run, status: RunStatus::Running },
                    Precondition::Unheard { run, since: heard, latest },
                ],
                ..Changes::new(now, unheard(run, heard, &here))
            },
        };
        match store.apply(changes) {
            Ok(_) if heard <= latest => settled.push(run),
            // Somebody heard of it, ended it or deleted it since we looked.
            Ok(_) | Err(StoreError::Precondition { .. } | StoreError::Deleted { .. }) => {}
            Err(StoreError::UnknownRun(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(settled)
}

/// The end of a run that was last heard of at that time; the tags come after the end, since they are no word of its maker.
fn unheard(run: RunId, heard: Timestamp, here: &Lease) -> Vec<Change> {
    let why = format!("not heard of since {heard}: ended by process {} on {}", here.pid, here.host);
    let tag = |key: &str, value: String| Tag { key: key.to_owned(), value };
    let tags = vec![tag(SETTLED_TAG, why), tag(UNHEARD_TAG, heard.0.to_string())];
    vec![
        Change::UpdateRun { run, status: Some(RunStatus::Killed), end_time: Some(heard), name: None },
        Change::SetTags { run, tags },
    ]
}

/// How and when the stage ended whose script started a run, if it has: what a script left open ends with its stage. A script may put
/// its runs below any run: one of another stage, or that had ended before this one began, is not the stage's.
fn end_of_stage(store: &dyn RunStore, run: &Run) -> Result<Option<(RunStatus, Timestamp)>, StoreError> {
    let mut above = run.info.parent;
    while let Some(id) = above {
        let found = match store.run(id) {
            Ok(found) => found,
            Err(StoreError::UnknownRun(_)) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        if is_of_script(&found) {
            above = found.info.parent;
            continue;
        }
        // Runs of `pipe runs start` do not name it.
        let named = run.data.tags.get(STAGE_TAG);
        let is_its = named.is_none_or(|named| found.data.tags.get(STAGE_TAG) == Some(named));
        let Some(end) = found.info.end_time.filter(|end| is_its && *end >= run.info.start_time) else {
            break;
        };
        return Ok(Some((found.info.status, end)).filter(|(status, _)| status.has_ended()));
    }
    Ok(None)
}

fn settlement(
    run: RunId,
    lease: &Lease,
    why: String,
    (status, end): (RunStatus, Timestamp),
    now: Timestamp,
) -> Changes {
    Changes {
        preconditions: vec![Precondition::LeaseIs { run, lease: lease.clone() }],
        ..Changes::new(
            now,
            vec![
                Change::SetTags { run, tags: vec![Tag { key: SETTLED_TAG.to_owned(), value: why }] },
                Change::UpdateRun { run, status: Some(status), end_time: Some(end), name: None },
            ],
        )
    }
}
