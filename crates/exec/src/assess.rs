//! What is to be done about a stage, and why: the one decision path of `status`, `repro --dry` and `repro`.
//!
//! [`assess`] judges one stage whose inputs are final; [`survey`] walks a whole set in order without
//! touching anything, and says "depends on" where an input is another stage's future.

use std::collections::{BTreeMap, HashMap, HashSet};

use base::{FileState, ProjectPath};
use cache::{Look, Tree, TreeEntry, Workspace};
use pipeline::{
    Builtins, DepName, Freshness, Observed, Out, ParamFile, ParamPath, Pipeline, Special, Stage, StageId,
    StageKey, StageLock, StaleReason, params,
};

use crate::job::Source;
use crate::outs;
use crate::params::{ParamReader, Unreadable, check_whole};
use crate::run_cache;
use crate::special;
use crate::unix_text;

/// Everything that a decision is made from and that does not change while it is made.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// Its files and their cache.
    pub workspace: &'a Workspace,
    /// The built-in commands with the versions of their algorithms.
    pub builtins: &'a Builtins,
}

/// What is to be done about a stage.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Nothing: it is up to date.
    Fresh,
    /// Put back an earlier result.
    Restore {
        /// Why it is not up to date.
        reasons: Vec<StaleReason>,
        /// Which results can be put back, the preferred one first; at least one.
        sources: Vec<Source>,
    },
    /// Run its command; of data, and of a frozen stage of DVC, which never runs: record what is there.
    Run {
        /// Why it is not up to date.
        reasons: Vec<StaleReason>,
    },
    /// Leave it alone although it is not up to date: it is frozen.
    Frozen {
        /// Why it is not up to date.
        reasons: Vec<StaleReason>,
    },
    /// Nothing can be said: inputs are missing that no stage makes, or something cannot be read.
    Unknown {
        /// What is missing or unreadable, before anything else that is known.
        reasons: Vec<StaleReason>,
    },
    /// A stage before it is going to change; only then can more be said.
    Depends {
        /// What is known already; empty when it is up to date as far as can be told.
        reasons: Vec<StaleReason>,
        /// The stages before it that are going to change.
        on: Vec<StageId>,
    },
}

/// Under which conditions a stage is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// It is to run in any case.
    pub forced: bool,
    /// Nothing is restored from the stage cache.
    pub no_stage_cache: bool,
    /// Data that is not here counts as what the lock records.
    pub allow_missing: bool,
    /// Deps that are not here count as what the lock records, and outs do not.
    pub assume_deps: bool,
}

/// A judged stage.
#[derive(Clone, Debug)]
pub struct Assessment {
    /// What is to be done.
    pub decision: Decision,
    /// Its inputs as a lock without outs, when all are there.
    pub inputs: Option<StageLock>,
    /// Whether the lock records a result of just these inputs. Of a stage that is up to date this is not asked.
    pub is_recorded: bool,
    /// What its outs hold now, in its order.
    pub outs: Vec<Option<FileState>>,
    /// The same of those outside the project.
    pub special_outs: Vec<Option<FileState>>,
    /// Deps that are not here and count as what the lock records. It cannot run without them.
    pub assumed: Vec<DepName>,
}

impl Assessment {
    /// The key of its inputs, when all are there.
    pub fn key(&self) -> Option<StageKey> {
        self.inputs.as_ref().map(StageLock::key)
    }

    /// Why a frozen stage cannot be left as it is: an out is not there, and nothing can bring it back.
    pub fn frozen_refusal(&self) -> Option<String> {
        let Decision::Frozen { reasons } = &self.decision else { return None };
        let because = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        self.outs.iter().chain(&self.special_outs).any(Option::is_none).then(|| {
            format!("it is frozen and cannot be restored ({because}); remove `frozen: true` to let it run")
        })
    }
}

/// Deps that are not what the disk says: results that are going to be restored.
type Foretold = HashMap<ProjectPath, FileState>;

/// Judges a stage whose inputs are final, with its parameters as `params` reads them now.
pub fn assess(
    world: World<'_>,
    params: &ParamReader<'_>,
    stage: &Stage,
    locked: Option<&StageLock>,
    conditions: Conditions,
) -> Assessment {
    let files = params.files_of(stage);
    assess_with(world, stage, locked, conditions, params, files, &Foretold::new())
}

fn assess_with(
    world: World<'_>,
    stage: &Stage,
    locked: Option<&StageLock>,
    conditions: Conditions,
    reader: &ParamReader<'_>,
    param_files: Result<BTreeMap<ParamPath, ParamFile>, Unreadable>,
    foretold: &Foretold,
) -> Assessment {
    let observed = param_files.and_then(|files| observe(world, stage, locked, reader, files, foretold));
    let Conditions { forced, no_stage_cache, allow_missing, assume_deps } = conditions;
    // There is nothing to run of data.
    let forced = forced && !stage.is_source();
    let mut assumed = Vec::new();
    let observed = match observed {
        Ok(mut observed) => {
            if let Some(locked) = locked.filter(|_| allow_missing || assume_deps) {
                assumed = assume_deps_of(world.workspace, stage, locked, &mut observed);
                if allow_missing {
                    assume_outs_of(world.workspace, stage, locked, &mut observed);
                }
            }
            observed
        }
        Err(unreadable) => {
            let decision = Decision::Unknown { reasons: vec![unreadable.into()] };
            let (outs, special_outs) = (vec![None; stage.outs.len()], vec![None; stage.special_outs.len()]);
            return Assessment { decision, inputs: None, is_recorded: false, outs, special_outs, assumed };
        }
    };
    let dialect = world.pipeline.dialect();
    let recorded = locked;
    let modern = locked.map(|locked| unix_text::modern(world.workspace, locked, &stage.deps, &observed.deps));
    let outs: Vec<ProjectPath> = stage.outs.iter().map(|out| out.path.clone()).collect();
    let judged =
        modern.as_deref().map(|locked| unix_text::modern(world.workspace, locked, &outs, &observed.outs));
    let settle = |locked| dialect.settled(stage, locked, &observed, world.builtins);
    let judged = judged.as_deref().map(settle);
    // What can be put back is known by the digest that is recorded.
    let locked = modern.as_deref().map(settle);
    let (judged, locked) = (judged.as_deref(), locked.as_deref());
    let mut reasons = match dialect.judge(stage, judged, &observed, world.builtins) {
        Freshness::Fresh => Vec::new(),
        Freshness::Stale(reasons) => reasons,
    };
    if forced {
        reasons.insert(0, StaleReason::Forced);
    }
    if let Some(locked) = locked.filter(|_| stage.is_source()) {
        if let Some(judged) = judged.filter(|_| !allow_missing) {
            remember_agreement(world, stage, (locked, judged), &observed);
        }
        tell_edits_from_moves(world, stage, locked, &mut reasons);
    }
    let inputs = inputs_of(world, reader, stage, &observed);
    let is_recorded = !reasons.is_empty()
        && locked.zip(inputs.as_ref()).is_some_and(|(locked, inputs)| locked.key() == inputs.key());
    let decision = if reasons.is_empty() {
        Decision::Fresh
    } else if reasons.iter().any(StaleReason::blocks_verdict) && !stage.frozen {
        reasons.sort_by_key(|reason| !reason.blocks_verdict());
        Decision::Unknown { reasons }
    } else {
        let mut sources = sources(world, stage, (recorded, locked), inputs.as_ref(), &reasons);
        sources.retain(|source| !no_stage_cache || *source == Source::Lock);
        if stage.is_source() && sources.is_empty() && observed.outs.iter().any(Option::is_none) {
            let mut outs = stage.outs.iter().zip(&observed.outs);
            let gone = outs.find(|(_, now)| now.is_none()).map_or(&stage.outs[0], |(out, _)| out);
            let path = gone.path.clone();
            let denied = locked.and_then(|locked| world.workspace.blobs.denied(locked.recorded(gone)?));
            let reason = match denied {
                Some(blob) => {
                    let message = format!(
                        "data {path} is in the cache, where you may not read it: ask the owner of {}",
                        base::shown(&blob)
                    );
                    StaleReason::Unreadable { path: path.into(), message }
                }
                None => StaleReason::DataMissing { path },
            };
            let decision = Decision::Unknown { reasons: vec![reason] };
            let Observed { outs, special_outs, .. } = observed;
            return Assessment { decision, inputs, is_recorded, outs, special_outs, assumed };
        }
        let is_left = stage.frozen
            && (dialect.leaves_frozen()
                || reasons.iter().all(|reason| *reason == StaleReason::AlwaysChanged));
        let is_any_gone = observed.outs.iter().chain(&observed.special_outs).any(Option::is_none);
        let is_incomplete = stage.frozen && !stage.is_source() && is_any_gone;
        match sources.is_empty() {
            false => Decision::Restore { reasons, sources },
            true if is_left || is_incomplete => Decision::Frozen { reasons },
            true if stage.frozen && inputs.is_none() => {
                let deps = stage.deps.iter().zip(&observed.deps).filter(|(_, now)| now.is_none());
                let missing = deps.map(|(path, _)| StaleReason::DepMissing { path: path.clone().into() });
                Decision::Unknown { reasons: missing.chain(reasons).collect() }
            }
            true => Decision::Run { reasons },
        }
    };
    let Observed { outs, special_outs, .. } = observed;
    Assessment { decision, inputs, is_recorded, outs, special_outs, assumed }
}

/// Data that is what its pointer says: should they differ later, it can be told which of them changed.
fn remember_agreement(
    world: World<'_>,
    stage: &Stage,
    (locked, judged): (&StageLock, &StageLock),
    observed: &Observed,
) {
    for (out, now) in stage.outs.iter().zip(&observed.outs) {
        if let (Some(now), Some(recorded), Some(modern)) = (now, locked.recorded(out), judged.recorded(out))
            && now.digest == modern.digest
        {
            world.workspace.agree_with(&out.path, recorded.digest, now.digest);
        }
    }
}

/// Data that differs from its pointer was edited only where the pointer is what both last agreed on. Otherwise somebody
/// else moved the pointer, which must not be undone.
fn tell_edits_from_moves(world: World<'_>, stage: &Stage, locked: &StageLock, reasons: &mut [StaleReason]) {
    let state_of = |path: &ProjectPath| {
        let out = stage.outs.iter().find(|out| out.path == *path)?;
        locked.recorded(out)
    };
    for reason in reasons.iter_mut() {
        let StaleReason::OutChanged { path: DepName::Path(path), old: recorded, new: now } = reason else {
            continue;
        };
        let (path, new, now) = (path.clone(), *recorded, *now);
        let has = |state| world.workspace.blobs.has_all(state);
        if let Some(half) = world.workspace.half_brought(&path, None, state_of(&path)) {
            let (in_cache, is_edited) = (state_of(&path).is_some_and(has), half.is_edited);
            *reason = StaleReason::CheckoutCutOff { path, old: now, new, in_cache, is_edited };
            continue;
        }
        let look = || match state_of(&path) {
            Some(recorded) => world.workspace.look(&path, &stage.address.file, recorded),
            None => Look::Unclear,
        };
        match world.workspace.agreed(&path) {
            Some(agreed) if agreed == new => {}
            None if look() == Look::Edited => {}
            Some(_) if world.workspace.is_as_agreed(&path, now) => {
                *reason = match state_of(&path).is_some_and(has) {
                    true => StaleReason::DataOutdated { path, old: now, new },
                    false => StaleReason::DataNotFetched { path, old: now, new },
                };
            }
            old => {
                let is_folder = state_of(&path).is_some_and(FileState::is_folder);
                *reason = match look() {
                    Look::Partial { absent, files } if old.is_none() => {
                        let in_cache = state_of(&path).is_some_and(has);
                        StaleReason::DataPartial { path, old: now, new, absent, files, in_cache }
                    }
                    _ => StaleReason::DataDiverged { path, old, new, is_folder },
                };
            }
        }
    }
    // Of several things that one pointer tells of, one cannot be recorded while another is brought back.
    if reasons.iter().any(StaleReason::is_of_pointer) {
        for reason in reasons.iter_mut() {
            if let StaleReason::OutChanged { path: DepName::Path(path), old, .. } = reason {
                let is_folder = state_of(path).is_some_and(FileState::is_folder);
                *reason =
                    StaleReason::DataDiverged { path: path.clone(), old: Some(*old), new: *old, is_folder };
            }
        }
    }
}

/// Whether something that is recorded is not here, or only a part of it was brought here.
fn is_away(workspace: &Workspace, path: &ProjectPath, now: Option<FileState>, recorded: &FileState) -> bool {
    now.is_none_or(|now| now.digest != recorded.digest && is_part(workspace, path, recorded))
}

/// Takes what the lock records for deps that are not here, or of which only a part was brought here. Returns them.
fn assume_deps_of(
    workspace: &Workspace,
    stage: &Stage,
    locked: &StageLock,
    observed: &mut Observed,
) -> Vec<DepName> {
    let mut assumed = Vec::new();
    for (path, found) in stage.deps.iter().zip(&mut observed.deps) {
        if !stage.frozen
            && let Some((_, recorded)) = locked.deps.iter().find(|(known, _)| known == path)
            && is_away(workspace, path, *found, recorded)
        {
            *found = Some(*recorded);
            assumed.push(path.clone().into());
        }
    }
    for (Special { name, .. }, found) in stage.special.iter().zip(&mut observed.special) {
        if found.is_none()
            && !stage.frozen
            && let Some(recorded) = locked.special(name)
        {
            *found = Some(*recorded);
            assumed.push(name.clone().into());
        }
    }
    assumed
}

/// Takes what the lock records for outs that are not here, or of which only a part was brought here.
fn assume_outs_of(workspace: &Workspace, stage: &Stage, locked: &StageLock, observed: &mut Observed) {
    for (out, found) in stage.special_outs.iter().zip(&mut observed.special_outs) {
        *found = found.or_else(|| locked.special_out(&out.name).copied());
    }
    for (at, out) in stage.outs.iter().enumerate() {
        if let Some(recorded) = locked.recorded(out)
            && is_away(workspace, &out.path, observed.outs[at], recorded)
        {
            observed.outs[at] = Some(*recorded);
            observed.outs_cached[at] = true;
        }
    }
}

/// Whether a folder is as recorded but for files that were never here. What was here and is gone was removed.
fn is_part(workspace: &Workspace, path: &ProjectPath, recorded: &FileState) -> bool {
    let was_here = |path: ProjectPath| workspace.agreed(&path).is_some();
    let above = std::iter::successors(Some(path.clone()), ProjectPath::parent);
    !above.into_iter().any(was_here) && workspace.is_part_of(path, recorded)
}

fn observe(
    world: World<'_>,
    stage: &Stage,
    locked: Option<&StageLock>,
    reader: &ParamReader<'_>,
    params: BTreeMap<ParamPath, ParamFile>,
    foretold: &Foretold,
) -> Result<Observed, Unreadable> {
    let look = |path: &ProjectPath| {
        world.workspace.observe_input(path).map_err(|fault| Unreadable::of_content(path.clone(), &fault))
    };
    let is_asked = !stage.frozen || !world.pipeline.dialect().leaves_frozen();
    let deps = if !is_asked {
        vec![None; stage.deps.len()]
    } else {
        let dep = |path: &ProjectPath| match foretell(world.workspace, foretold, path) {
            Some(state) => Ok(Some(state)),
            None => look(path),
        };
        stage.deps.iter().map(dep).collect::<Result<_, _>>()?
    };
    let special = if !is_asked {
        vec![None; stage.special.len()]
    } else {
        stage.special.iter().map(|dep| special::observe(reader, dep)).collect::<Result<_, _>>()?
    };
    let look_out = |out: &Out| {
        outs::observe(world.workspace, out).map_err(|fault| Unreadable::of_content(out.path.clone(), &fault))
    };
    let outs: Vec<Option<FileState>> = stage.outs.iter().map(look_out).collect::<Result<_, _>>()?;
    let special_outs = stage.special_outs.iter().map(|out| special::observe_out(reader, &out.name));
    let special_outs = special_outs.collect::<Result<_, _>>()?;
    let outs_cached = stage.outs.iter().zip(&outs).map(|(out, now)| {
        let Some((locked, recorded)) = locked.and_then(|locked| Some((locked, locked.recorded(out)?))) else {
            return false;
        };
        let blobs = &world.workspace.blobs;
        match world.pipeline.dialect().bytes_in_place_are_enough() {
            // What is placed from there names what is damaged.
            true => now.is_some_and(|now| now.digest == recorded.digest) || blobs.has_all(recorded),
            false => {
                blobs.holds_all(recorded) && unix_text::is_in_its_part(blobs, locked, &out.path, recorded)
            }
        }
    });
    let outs_cached = outs_cached.collect();
    let env = world.pipeline.environment.clone();
    Ok(Observed { deps, special, params, outs, special_outs, outs_cached, env })
}

/// The param files that a stage reads, as they were when the pipeline was loaded. One that another stage writes
/// was not read then.
fn loaded_params(
    world: World<'_>,
    params: &ParamReader<'_>,
    stage: &Stage,
) -> Result<BTreeMap<ParamPath, ParamFile>, Unreadable> {
    let mut files = BTreeMap::new();
    for reference in &stage.params {
        if files.contains_key(&reference.file) {
            continue;
        }
        let is_made = |file| world.pipeline.graph.producer(file).is_some();
        let file = if reference.file.inside().is_none_or(is_made) {
            params.read(&reference.file)?
        } else {
            world.pipeline.param_files.get(&reference.file).cloned().unwrap_or(ParamFile::Missing)
        };
        files.insert(reference.file.clone(), file);
    }
    check_whole(stage, &files)?;
    Ok(files)
}

fn inputs_of(
    world: World<'_>,
    reader: &ParamReader<'_>,
    stage: &Stage,
    observed: &Observed,
) -> Option<StageLock> {
    let has_tags = world.pipeline.dialect().records_tags();
    let deps: Option<Vec<FileState>> = observed.deps.iter().copied().collect();
    let special: Option<Vec<FileState>> = observed.special.iter().copied().collect();
    let values = params::select(&stage.params, &observed.params, stage.dialect()).ok()?;
    Some(StageLock {
        unix_text: std::collections::BTreeSet::new(),
        told: stage.special.iter().filter_map(|dep| reader.told(&dep.name)).filter(|_| has_tags).collect(),
        command: stage.command.clone(),
        shell: stage.shell.clone(),
        wdir: stage.wdir.clone(),
        builtin: world.builtins.of(&stage.command),
        deps: stage.deps.iter().cloned().zip(deps?).collect(),
        params: values,
        outs: stage.outs.iter().map(|out| (out.path.clone(), PLACEHOLDER)).collect(),
        globs: pipeline::globs_of(&stage.outs),
        persist: stage.outs.iter().filter(|out| out.persist).map(|out| out.path.clone()).collect(),
        env: pipeline::env_states(stage, &observed.env),
        special: stage.special.iter().map(|dep| dep.name.clone()).zip(special?).collect(),
        special_outs: Vec::new(),
    })
}

/// Stands for the outs' states in inputs: the key of a lock knows its outs by path alone.
const PLACEHOLDER: FileState =
    FileState { digest: base::Digest::Blake3([0; 32]), size: 0, files: None, executable: false };

/// The results that can be put back instead of running the stage, whose lock is given as it is recorded, and with digests of
/// now.
fn sources(
    world: World<'_>,
    stage: &Stage,
    (recorded, locked): (Option<&StageLock>, Option<&StageLock>),
    inputs: Option<&StageLock>,
    reasons: &[StaleReason],
) -> Vec<Source> {
    let must_run = reasons.iter().any(|reason| {
        matches!(reason, StaleReason::Forced | StaleReason::AlwaysChanged | StaleReason::Callback)
    });
    // What a persisting out holds depends on what it held before, which the key does not know. Nothing is
    // restored through a symlink, which may lead anywhere; a command may write through one, if it likes.
    let cannot = |out: &Out| out.persist || world.workspace.leads_through_symlink(&out.path);
    // Data that is there and another than its pointer says is what somebody made of it, and is recorded; but where
    // the pointer moved.
    let is_to_be_brought = |reason: &StaleReason| match reason {
        StaleReason::OutMissing { .. } | StaleReason::CheckoutCutOff { .. } => true,
        StaleReason::DataOutdated { .. } | StaleReason::DataPartial { .. } => !stage.frozen,
        _ => false,
    };
    let is_data = stage.is_source() && !reasons.iter().any(is_to_be_brought);
    // What lies outside the project is kept nowhere.
    let is_kept = !stage.outs.is_empty() && stage.special_outs.is_empty();
    if must_run || is_data || !is_kept || stage.outs.iter().any(cannot) {
        return Vec::new();
    }
    let mut sources = Vec::new();
    let blobs = &world.workspace.blobs;
    if let Some(locked) = locked.filter(|locked| locked.has_outs(&stage.outs)) {
        let same_inputs = match stage.frozen {
            // What it reads does not count.
            true => world.pipeline.dialect().leaves_frozen() || locked.command == stage.command,
            false => inputs.is_some_and(|inputs| inputs.key() == locked.key()),
        };
        let is_kept = |(path, state): &(ProjectPath, FileState)| {
            blobs.has_all(state) && unix_text::is_in_its_part(blobs, locked, path, state)
        };
        if same_inputs && locked.outs.iter().all(is_kept) {
            sources.push(Source::Lock);
        }
    }
    if let Some(inputs) = inputs.filter(|_| !stage.frozen && !stage.is_source()) {
        let paths: Vec<&ProjectPath> = stage.outs.iter().map(|out| &out.path).collect();
        let earlier = world.workspace.stages.restorable(&inputs.key().0, &paths, blobs);
        let dialect = world.pipeline.dialect();
        let earlier =
            earlier.or_else(|| run_cache::restorable(world.workspace, dialect, stage, (recorded, inputs)));
        sources.extend(earlier.into_iter().map(|entry| Source::StageCache(Box::new(entry))));
    }
    sources
}

/// What the outs of a restored stage will hold.
pub(crate) fn source_outs<'a>(
    source: &'a Source,
    locked: Option<&'a StageLock>,
) -> Vec<(&'a ProjectPath, &'a FileState)> {
    match source {
        Source::Lock => {
            locked.iter().flat_map(|locked| &locked.outs).map(|(path, state)| (path, state)).collect()
        }
        Source::StageCache(entry) => entry.outs.iter().map(|out| (&out.path, &out.state)).collect(),
    }
}

/// What a path will hold once foretold results are in place; `None` when nothing is foretold for it.
fn foretell(workspace: &Workspace, foretold: &Foretold, path: &ProjectPath) -> Option<FileState> {
    if let Some(state) = foretold.get(path) {
        return Some(*state);
    }
    let mut above = path.parent();
    while let Some(folder) = above {
        if let Some(state) = foretold.get(&folder) {
            let below = path.as_str().get(folder.as_str().len() + 1..)?;
            return below
                .split('/')
                .try_fold(*state, |state, name| entry_of(&workspace.blobs.tree(&state.digest).ok()?, name));
        }
        above = folder.parent();
    }
    None
}

fn entry_of(tree: &Tree, name: &str) -> Option<FileState> {
    let at = tree.entries().binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
    Some(match tree.entries()[at].1 {
        TreeEntry::File { digest, size, executable } => FileState { digest, size, files: None, executable },
        TreeEntry::Folder { digest, size, files } => {
            FileState { digest, size, files: Some(files), executable: false }
        }
    })
}

/// Judges the stages `wanted`, which are in an order where each comes after those before it, without
/// touching anything. `conditions` tells of each what holds for it. A stage with something that cannot be read is
/// [unknown](Decision::Unknown); the others are judged all the same.
pub fn survey(
    world: World<'_>,
    wanted: &[StageId],
    locked: impl Fn(&Stage) -> Option<StageLock>,
    conditions: impl Fn(StageId) -> Conditions,
) -> Vec<(StageId, Assessment)> {
    let sources = world.pipeline.sources().flat_map(|id| &world.pipeline.stage(id).outs);
    let data: HashSet<&ProjectPath> = sources.map(|out| &out.path).collect();
    world.workspace.agree_only(|path| data.contains(path));
    let params = ParamReader::new(world);
    let mut foretold = Foretold::new();
    let mut changing: Vec<bool> = vec![false; world.pipeline.stages.len()];
    let mut judged = Vec::with_capacity(wanted.len());
    for id in wanted {
        let stage = world.pipeline.stage(*id);
        let locked = locked(stage);
        let upstream = if stage.frozen { &[] } else { world.pipeline.graph.upstream(*id) };
        let on: Vec<StageId> = upstream.iter().copied().filter(|before| changing[before.index()]).collect();
        let files = loaded_params(world, &params, stage);
        let mut assessment =
            assess_with(world, stage, locked.as_ref(), conditions(*id), &params, files, &foretold);
        if !on.is_empty() {
            assessment.decision =
                Decision::Depends { reasons: own_reasons(world, stage, &assessment, &on), on };
        }
        match &assessment.decision {
            // What people made of data is there already; it is only written down.
            Decision::Run { .. } if stage.is_source() => {}
            Decision::Run { .. } | Decision::Depends { .. } | Decision::Unknown { .. } => {
                changing[id.index()] = true;
            }
            Decision::Restore { sources, .. } => {
                let is_path =
                    |path: &ProjectPath| stage.outs.iter().any(|out| out.path == *path && out.glob.is_none());
                let restored = source_outs(&sources[0], locked.as_ref()).into_iter();
                let paths = restored.filter(|(path, _)| is_path(path));
                foretold.extend(paths.map(|(path, state)| (path.clone(), *state)));
                // A folder or a pattern that holds restored outs cannot be foretold: what else lies in it is not known here;
                // nor can what is read of an out that is a pattern.
                // Params are read as they lie on the disk.
                changing[id.index()] = world.pipeline.graph.downstream(*id).iter().any(|after| {
                    let Stage { deps, special, params, .. } = world.pipeline.stage(*after);
                    let read = |out: &Out| {
                        params.iter().filter_map(|param| param.file.inside()).any(|file| out.concerns(file))
                    };
                    let in_folder =
                        |out: &Out| deps.iter().any(|dep| *dep != out.path && dep.contains(&out.path));
                    let matched = |out: &Out| special.iter().any(|dep| touches(dep, out));
                    stage
                        .outs
                        .iter()
                        .any(|out| out.glob.is_some() || in_folder(out) || matched(out) || read(out))
                });
            }
            Decision::Fresh | Decision::Frozen { .. } => {}
        }
        judged.push((*id, assessment));
    }
    judged
}

/// Whether a pattern can mean something of an out.
fn touches(dep: &Special, out: &Out) -> bool {
    dep.glob.as_ref().is_some_and(|glob| out.concerns_glob(glob))
}

/// The reasons that hold whatever the stages `on` are going to write: what is said of deps that they
/// write is dropped.
fn own_reasons(world: World<'_>, stage: &Stage, assessment: &Assessment, on: &[StageId]) -> Vec<StaleReason> {
    let reasons = match &assessment.decision {
        Decision::Fresh | Decision::Depends { .. } => &[][..],
        Decision::Restore { reasons, .. }
        | Decision::Run { reasons }
        | Decision::Frozen { reasons }
        | Decision::Unknown { reasons } => reasons,
    };
    let is_theirs = |path: &ProjectPath| {
        on.iter().flat_map(|before| &world.pipeline.stage(*before).outs).any(|out| out.concerns(path))
    };
    let is_their_dep = |dep: &DepName| match dep {
        DepName::Path(path) => is_theirs(path),
        DepName::Special(name) => {
            let dep = stage.special(name);
            if on.iter().any(|before| world.pipeline.stage(*before).writes_special(name)) {
                return true;
            }
            let outs = on.iter().flat_map(|before| &world.pipeline.stage(*before).outs);
            dep.is_some_and(|dep| outs.into_iter().any(|out| touches(dep, out)))
        }
    };
    reasons
        .iter()
        .filter(|reason| match reason {
            StaleReason::DepChanged { path, .. }
            | StaleReason::DepMissing { path }
            | StaleReason::Unreadable { path, .. } => !is_their_dep(path),
            StaleReason::ParamMissing { file, .. }
            | StaleReason::ParamChanged { file, .. }
            | StaleReason::ParamAdded { file, .. }
            | StaleReason::ParamRemoved { file, .. } => !is_their_dep(&file.clone().into()),
            _ => true,
        })
        .cloned()
        .collect()
}
