//! When a stage of DVC is up to date, where DVC judges otherwise than we do.
//!
//! Its lock knows command, deps, params and outs. What stands in it and is declared no longer does not count, params are
//! compared as Python compares them, and of a frozen stage only what it reads does not count.

use base::Value;
use indexmap::IndexMap;

use crate::builtins::Builtins;
use crate::env::env_states;
use crate::format::dvc::lock::relative;
use crate::format::dvc::python::{is_equal, is_equal_in_yaml};
use crate::fresh::{Freshness, StaleReason, fresh};
use crate::lock::{StageLock, globs_of};
use crate::param_path::ParamPath;
use crate::params;
use crate::stage::{Observed, ParamFile, Stage};

/// See [`Dialect::settled`](crate::Dialect::settled).
pub(crate) fn settled(
    stage: &Stage,
    locked: &StageLock,
    observed: &Observed,
    builtins: &Builtins,
) -> StageLock {
    let mut lock = locked.clone();
    lock.shell.clone_from(&stage.shell);
    lock.wdir.clone_from(&stage.wdir);
    lock.builtin = builtins.of(&stage.command);
    lock.env = env_states(stage, &observed.env);
    lock.persist = stage.outs.iter().filter(|out| out.persist).map(|out| out.path.clone()).collect();
    lock.globs = globs_of(&stage.outs);
    lock.deps.retain(|(path, _)| stage.deps.binary_search(path).is_ok());
    lock.special.retain(|(name, _)| stage.special(name).is_some());
    lock.special_outs.retain(|(name, _)| stage.special_outs.iter().any(|out| out.name == *name));
    lock.outs.retain(|(path, _)| stage.outs.iter().any(|out| out.path == *path));
    for (file, values) in &mut lock.params {
        values.retain(|key, _| {
            let is_it = |known: &crate::stage::ParamRef| {
                known.file == *file && known.key.as_ref().is_none_or(|known| known == key)
            };
            stage.params.iter().any(is_it)
        });
    }
    lock.params.retain(|file, values| !values.is_empty() || is_whole(stage, file));
    let (found, _) = params::find(&stage.params, &observed.params, stage.dialect());
    for (file, key, now) in found {
        if let Some(old) = lock.params.get_mut(file).and_then(|values| values.get_mut(key)) {
            let is_same = match params::is_yaml(file) {
                true => is_equal_in_yaml(old, now),
                false => is_equal(old, now),
            };
            match is_same {
                true => old.clone_from(now),
                // A NaN is not itself in Python, and is here.
                false if old == now => drop(lock.params[file].shift_remove(key)),
                false => {}
            }
        }
    }
    lock
}

/// See [`Dialect::judge`](crate::Dialect::judge); `locked` is settled.
pub(crate) fn judge(
    stage: &Stage,
    locked: Option<&StageLock>,
    observed: &Observed,
    builtins: &Builtins,
) -> Freshness {
    if !stage.frozen {
        let verdict = with_empty(stage, locked, observed, fresh(stage, locked, observed, builtins));
        let verdict = with_misspelled(stage, locked, verdict);
        return with_unrecordable(stage, locked, observed, verdict);
    }
    let thawed = Stage { frozen: false, ..stage.clone() };
    let Freshness::Stale(mut reasons) = fresh(&thawed, locked, observed, builtins) else {
        return Freshness::Fresh;
    };
    // Without outs there is nothing that a run of it, which never comes, would make.
    let has_outs = !stage.outs.is_empty() || !stage.special_outs.is_empty();
    reasons.retain(|reason| match reason {
        StaleReason::New => has_outs,
        _ => !matches!(
            reason,
            StaleReason::DepChanged { .. }
                | StaleReason::DepAdded { .. }
                | StaleReason::DepRemoved { .. }
                | StaleReason::DepMissing { .. }
                | StaleReason::ParamChanged { .. }
                | StaleReason::ParamAdded { .. }
                | StaleReason::ParamRemoved { .. }
                | StaleReason::ParamMissing { .. }
                | StaleReason::Callback
        ),
    });
    if reasons.is_empty() { Freshness::Fresh } else { Freshness::Stale(reasons) }
}

/// Whether all of a file's params count.
fn is_whole(stage: &Stage, file: &ParamPath) -> bool {
    stage.params.iter().any(|known| known.file == *file && known.key.is_none())
}

/// A params file of which all counts stands in the lock of DVC also where it holds nothing, and is new where it does not.
fn with_empty(
    stage: &Stage,
    locked: Option<&StageLock>,
    observed: &Observed,
    verdict: Freshness,
) -> Freshness {
    let Some(locked) = locked else { return verdict };
    let holds_nothing = |file: &ParamPath| {
        let Some(ParamFile::Read(read)) = observed.params.get(file) else { return false };
        read.value.as_map().is_some_and(IndexMap::is_empty)
    };
    let whole = stage.params.iter().filter(|reference| reference.key.is_none());
    let new = whole
        .filter(|reference| !locked.params.contains_key(&reference.file) && holds_nothing(&reference.file));
    let new = new.map(|reference| StaleReason::ParamAdded {
        file: reference.file.clone(),
        key: String::new(),
        new: Value::Map(IndexMap::new()),
    });
    with_reasons(verdict, new)
}

/// DVC looks for the params of a file in the lock as the pipeline file spells it, and writes them there as it is seen from
/// `wdir`.
fn with_misspelled(stage: &Stage, locked: Option<&StageLock>, verdict: Freshness) -> Freshness {
    if locked.is_none() || stage.misspelled_params.is_empty() {
        return verdict;
    }
    let new = stage.misspelled_params.iter().map(|(text, file)| StaleReason::ParamFileMisspelled {
        file: file.clone().into(),
        text: text.clone(),
        right: relative(&stage.wdir, file),
    });
    with_reasons(verdict, new)
}

/// What a lock cannot hold DVC finds changed each time.
fn with_unrecordable(
    stage: &Stage,
    locked: Option<&StageLock>,
    observed: &Observed,
    verdict: Freshness,
) -> Freshness {
    if locked.is_none() {
        return verdict;
    }
    let (found, _) = params::find(&stage.params, &observed.params, stage.dialect());
    let new = found.into_iter().filter_map(|(file, key, value)| {
        let Some(ParamFile::Read(read)) = observed.params.get(file) else { return None };
        let never_equal = read.never_equal(key, value, is_whole(stage, file))?;
        Some(StaleReason::ParamUnrecordable {
            file: file.clone(),
            key: key.to_owned(),
            place: never_equal.place,
            what: never_equal.what.to_owned(),
            instead: never_equal.instead.to_owned(),
        })
    });
    with_reasons(verdict, new)
}

/// The verdict with more reasons.
fn with_reasons(verdict: Freshness, new: impl Iterator<Item = StaleReason>) -> Freshness {
    let mut reasons = match verdict {
        Freshness::Fresh => Vec::new(),
        Freshness::Stale(reasons) => reasons,
    };
    reasons.extend(new);
    if reasons.is_empty() { Freshness::Fresh } else { Freshness::Stale(reasons) }
}
