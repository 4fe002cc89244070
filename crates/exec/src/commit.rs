//! Recording the outs of a stage as they are, as if its command had just written them.
//!
//! Judged first, recorded later: whoever calls sees what every stage comes to before the first one is written
//! down. That is also where the user is asked; nothing here decides whether changed inputs are to be accepted.

use base::FileState;
use cache::{Maker, StageEntry, StageOut, Workspace};
use pipeline::{
    DepName, Dialect, Glob, Out, Stage, StageKey, StageLock, StaleReason, cut_off_text, partial_text,
};

use crate::assess::{Conditions, Decision, World, assess};
use crate::drive::is_stored;
use crate::job::{Failure, Host, OutStates};
use crate::ledger::Ledger;
use crate::outs;
use crate::params::{ParamReader, note_params};
use crate::run_cache;
use crate::special::SpecialStates;
use crate::unix_text;

/// What recording a stage's outs would mean.
#[derive(Debug)]
pub struct Committable {
    /// Why its outs may not be the result of its inputs: it never succeeded, or its inputs are others since. Empty
    /// when they are those of the last success.
    pub doubts: Vec<StaleReason>,
    /// Whether there is nothing to record: lock and cache say already what is there.
    pub is_recorded: bool,
    inputs: StageLock,
    special_outs: SpecialStates,
}

/// Judges whether the outs of `stage` can be recorded, with its inputs as they are. A frozen stage, too, is
/// recorded with the inputs of now. Data whose pointer moved is recorded over it only `over_pointers`.
///
/// # Errors
/// [`Failure::MissingInput`] when an input is missing or unreadable, [`Failure::Refused`] when an out is not there or would
/// undo what a pointer records.
pub fn committable(
    world: World<'_>,
    params: &ParamReader<'_>,
    stage: &Stage,
    locked: Option<&StageLock>,
    over_pointers: bool,
) -> Result<Committable, Failure> {
    let thawed = Stage { frozen: false, ..stage.clone() };
    let assessment = assess(world, params, &thawed, locked, Conditions::default());
    let reasons = match assessment.decision {
        Decision::Fresh => Vec::new(),
        Decision::Restore { reasons, .. }
        | Decision::Run { reasons }
        | Decision::Frozen { reasons }
        | Decision::Unknown { reasons }
        | Decision::Depends { reasons, .. } => reasons,
    };
    let moved: Vec<String> =
        reasons.iter().filter(|reason| reason.is_of_pointer()).map(ToString::to_string).collect();
    if !moved.is_empty() && !over_pointers {
        return Err(Failure::Refused(moved.join("; ")));
    }
    if !over_pointers && let Some(refusal) = half_brought(world, stage, locked, &assessment.outs) {
        return Err(Failure::Refused(refusal));
    }
    let reasons: Vec<StaleReason> = reasons.into_iter().map(as_edit).collect();
    let blocking: Vec<StaleReason> =
        reasons.iter().filter(|reason| reason.blocks_verdict()).cloned().collect();
    let Some(inputs) = assessment.inputs.filter(|_| blocking.is_empty()) else {
        return Err(Failure::MissingInput(blocking));
    };
    let outs = stage.outs.iter().zip(&assessment.outs);
    let gone = outs.filter(|(_, now)| now.is_none()).map(|(out, _)| out.path.clone().into());
    let outside = || stage.special_outs.iter().map(|out| &out.name).zip(&assessment.special_outs);
    let gone = gone.chain(outside().filter(|(_, now)| now.is_none()).map(|(name, _)| name.clone().into()));
    let missing: Vec<DepName> = gone.collect();
    if !missing.is_empty() {
        return Err(Failure::Refused(format!("{} is not there", list(&missing))));
    }
    let is_recorded = reasons.iter().all(is_of_every_run)
        && (is_cached(world.workspace, stage, &inputs, &assessment.outs)
            || locked.is_some_and(|locked| is_cached_as_then(world.workspace, stage, locked)));
    let doubts = reasons.into_iter().filter(is_doubt).collect();
    let special_outs = outside().filter_map(|(name, now)| Some((name.clone(), (*now)?))).collect();
    Ok(Committable { doubts, is_recorded, inputs, special_outs })
}

/// Stores the outs of `stage` as they are and records them with the inputs that [`committable`] found. The lock
/// file itself is written by [`Ledger::write`].
///
/// # Errors
/// When an out vanished or changed meanwhile, or the disk refuses.
pub fn commit(
    workspace: &Workspace,
    ledger: &mut Ledger,
    host: &dyn Host,
    stage: &Stage,
    found: Committable,
) -> Result<OutStates, Failure> {
    let mut states = OutStates::new();
    for out in &stage.outs {
        let state =
            if is_stored(out) { outs::store(workspace, out)? } else { outs::observe(workspace, out)? };
        let state = state.ok_or_else(|| Failure::Refused(format!("`{}` is not there", out.path)))?;
        states.push((out.path.clone(), state));
    }
    let lock = StageLock { outs: states.clone(), special_outs: found.special_outs, ..found.inputs };
    let key = lock.key();
    let recorded = ledger.get(&stage.address).cloned();
    let lock = unix_text::as_then(workspace, stage, recorded.as_ref(), lock);
    if is_restorable(stage) {
        let mut entry = entry(stage, key, &states);
        note_params(&mut entry, &lock.params);
        host.annotate(stage, &mut entry);
        // The same result of an execution tells more of its making than this could.
        if !workspace.stages.knows(&entry) {
            workspace.stages.store(&entry)?;
        }
        run_cache::store(workspace, Dialect::of_file(&stage.address.file), stage, &lock, &entry.maker)?;
    }
    ledger.record(&stage.address, lock)?;
    agree(workspace, stage, &states);
    Ok(states)
}

/// Remembers that data is what its pointer says.
pub(crate) fn agree(workspace: &Workspace, stage: &Stage, states: &OutStates) {
    for (path, state) in states.iter().filter(|_| stage.is_source()) {
        workspace.agree(path, Some(state.digest));
    }
}

/// Why an out of a stage is no result of it: only a part of it is here, since it was cut off while it was brought, or the
/// cache lacks the rest. Data tells that by itself.
fn half_brought(
    world: World<'_>,
    stage: &Stage,
    locked: Option<&StageLock>,
    now: &[Option<FileState>],
) -> Option<String> {
    let outs = stage.outs.iter().zip(now).filter(|(out, now)| out.cache && now.is_some());
    outs.filter(|_| !stage.is_source()).find_map(|(out, now)| {
        let recorded = locked.and_then(|locked| locked.recorded(out));
        let is_same = |recorded: &FileState| now.is_some_and(|now| now.digest == recorded.digest);
        if recorded.is_some_and(is_same) {
            return None;
        }
        let base = out.glob.as_ref().map(Glob::base);
        let half = world.workspace.half_brought(&out.path, base, recorded)?;
        let in_cache = recorded.is_some_and(|recorded| world.workspace.blobs.has_all(recorded));
        Some(match in_cache || half.absent == 0 {
            true => cut_off_text(&out.path, in_cache, half.is_edited),
            false => partial_text("out", &out.path, (half.absent, half.files), in_cache),
        })
    })
}

/// Where the user wants data recorded over its pointer, what it is now counts as his edit.
fn as_edit(reason: StaleReason) -> StaleReason {
    match reason {
        StaleReason::DataOutdated { path, .. }
        | StaleReason::DataNotFetched { path, .. }
        | StaleReason::DataPartial { path, .. }
        | StaleReason::CheckoutCutOff { path, .. }
        | StaleReason::DataDiverged { path, .. } => StaleReason::OutAdded { path: path.into() },
        reason => reason,
    }
}

/// Whether a result of the stage can be put back without running it.
pub(crate) fn is_restorable(stage: &Stage) -> bool {
    is_kept(stage) && !stage.outs.iter().any(|out| out.persist)
}

/// Whether the cache keeps all that the stage makes. What persists is put back where nothing else stands alone.
pub(crate) fn is_kept(stage: &Stage) -> bool {
    let outs = &stage.outs;
    !stage.is_source()
        && !stage.always_changed
        && !outs.is_empty()
        && stage.special_outs.is_empty()
        && outs.iter().all(is_stored)
}

/// What the stage cache is to remember of a result that was just found, but for what made it.
pub(crate) fn entry(stage: &Stage, key: StageKey, outs: &OutStates) -> StageEntry {
    let outs = outs.iter().map(|(path, state)| StageOut { path: path.clone(), state: *state });
    StageEntry::new(key.0, stage.address.spelled(), outs.collect(), Maker::here())
}

/// Whether the cache holds what the outs are now, and remembers it as the result of these inputs: `repro --no-commit`
/// leaves that out.
fn is_cached(workspace: &Workspace, stage: &Stage, inputs: &StageLock, now: &[Option<FileState>]) -> bool {
    let outs = || stage.outs.iter().zip(now).filter_map(|(out, now)| Some((out, (*now)?)));
    let has = |(out, now): (&Out, FileState)| !is_stored(out) || workspace.blobs.holds_all(&now);
    let states = || outs().map(|(out, now)| (out.path.clone(), now)).collect();
    outs().all(has)
        && (!is_restorable(stage) || workspace.stages.knows(&entry(stage, inputs.key(), &states())))
}

/// Whether the cache holds what DVC 1 or 2 recorded of the outs: what is unchanged by their rule is not recorded anew.
fn is_cached_as_then(workspace: &Workspace, stage: &Stage, locked: &StageLock) -> bool {
    let has = |out: &Out| locked.recorded(out).is_some_and(|state| workspace.blobs.holds_all(state));
    !locked.unix_text.is_empty() && stage.outs.iter().filter(|out| is_stored(out)).all(has)
}

/// Whether a reason lets a stage run although nothing changed.
fn is_of_every_run(reason: &StaleReason) -> bool {
    matches!(reason, StaleReason::AlwaysChanged | StaleReason::Callback | StaleReason::Forced)
}

/// Whether a reason is about what the stage reads rather than what it wrote: that its outs are others is what is
/// to be recorded.
fn is_doubt(reason: &StaleReason) -> bool {
    !is_of_every_run(reason)
        && !matches!(
            reason,
            StaleReason::OutMissing { .. }
                | StaleReason::OutChanged { .. }
                | StaleReason::OutAdded { .. }
                | StaleReason::OutRemoved { .. }
                | StaleReason::OutNotCached { .. }
                | StaleReason::PersistChanged { .. }
        )
}

fn list(paths: &[DepName]) -> String {
    paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")
}
