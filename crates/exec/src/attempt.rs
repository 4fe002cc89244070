//! One stage on its way from its verdict to the journal. Nothing is recorded before it is whole: outs are stored in the
//! cache, then the success goes into the journal, then it is told.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use base::{FileState, ProjectPath, Timestamp};
use cache::{Bringing, CacheError, Placement, StageEntry};
use pipeline::{
    Address, DepName, Dialect, Glob, Out, ParamValues, SpecialOut, Stage, StageId, StageLock, StaleReason,
};

use crate::aside::{Aside, OUTSIDE};
use crate::assess::{Assessment, Decision, source_outs};
use crate::claim::{Claim, Wish};
use crate::commit::{agree, entry, is_kept, is_restorable};
use crate::cut_off::record_mark;
use crate::drive::{Report, Shop, is_stored};
use crate::event::Event;
use crate::job::{Failure, Job, JobEnv, OutStates, Outcome, Source};
use crate::ledger::LedgerError;
use crate::outs;
use crate::params::{Unreadable, note_params};
use crate::run_cache;
use crate::runner::{Deadline, Exit, Spawn, Stream};
use crate::special::{self, SpecialStates};
use crate::unix_text;

/// One stage on its way from verdict to record.
pub(crate) struct Attempt<'s, 'a, 'l> {
    pub shop: &'s Shop<'a, 'l>,
    pub id: StageId,
    pub stage: &'s Stage,
    pub forced: bool,
}

impl Attempt<'_, '_, '_> {
    /// `told` says whether a failure was told to the observer already.
    pub fn go(&self, told: &mut bool) -> Result<Outcome, Failure> {
        let claims = self.shop.crew.claims;
        let was_alone = claims.is_alone();
        let pipeline = self.shop.world.pipeline;
        let keeps = |stage: &Address, lock: &StageLock| pipeline.keeps_record(stage, lock);
        self.shop.ledger().write_inside(&self.stage.deps, keeps)?;
        let mut assessment = self.shop.assess(self.stage, self.forced);
        if assessment.decision == Decision::Fresh {
            return Ok(Outcome::Fresh);
        }
        // Whoever was waited for may have brought it up to date. To claim it for nothing would be in the way of others, and
        // DVC does not wait, but fails.
        claims.await_records()?;
        if self.shop.ledger().refresh_for(&self.stage.address)? {
            assessment = self.shop.assess(self.stage, self.forced);
            if assessment.decision == Decision::Fresh {
                return Ok(Outcome::Fresh);
            }
        }
        let params = &self.shop.params;
        let (reads, writes) =
            (special::read_places(params, self.stage), special::written_places(params, self.stage));
        let wish = Wish::of_stage(self.stage).outside(reads, writes);
        let claim = || claims.claim(wish.clone(), self.shop.crew.observer);
        let claim =
            claim().or_else(|fault| self.shop.with_room(fault, disk::DiskError::is_full, claim))??;
        // What another process did meanwhile is known now, and what it is at work on is not in the way.
        let changed = self.shop.ledger().refresh_for(&self.stage.address)?;
        if changed || claim.has_recovered || !was_alone || !claims.is_alone() {
            assessment = self.shop.assess(self.stage, self.forced);
        }
        if self.supply(&assessment)? {
            assessment = self.shop.assess(self.stage, self.forced);
            self.take_persisting(&mut assessment);
        }
        if let Some(brought) = self.supply_without_deps(&assessment)? {
            assessment = brought;
        } else if self.bring_deps(&assessment)? {
            assessment = self.shop.assess(self.stage, self.forced);
            if self.supply(&assessment)? {
                assessment = self.shop.assess(self.stage, self.forced);
            }
        }
        let (reasons, sources) = match &assessment.decision {
            Decision::Fresh => return Ok(Outcome::Fresh),
            Decision::Unknown { reasons } => {
                let missing = reasons.iter().filter(|reason| reason.blocks_verdict()).cloned().collect();
                return Err(Failure::MissingInput(missing));
            }
            Decision::Frozen { reasons } => {
                if let Some(refusal) = assessment.frozen_refusal() {
                    return Err(Failure::Refused(refusal));
                }
                return Ok(self.leave_frozen(reasons));
            }
            Decision::Depends { .. } => unreachable!("a stage is assessed when those before it are done"),
            Decision::Restore { reasons, sources } => (reasons, sources.as_slice()),
            Decision::Run { reasons } => (reasons, &[][..]),
        };
        let locked = self.shop.ledger().get(&self.stage.address).cloned();
        // What is put back of a frozen stage is what its lock says, whatever has become of what it read.
        let frozen_inputs = locked.clone().filter(|_| self.stage.frozen && !sources.is_empty());
        let inputs = frozen_inputs
            .or_else(|| assessment.inputs.clone())
            .ok_or_else(|| Failure::MissingInput(reasons.clone()))?;
        if self.shop.crew.confirm.is_some_and(|confirm| !confirm(self.id, reasons)) {
            let is_stopped = self.shop.crew.stop.load(Ordering::SeqCst);
            return Err(if is_stopped { Failure::Interrupted { exit: None } } else { Failure::Declined });
        }
        self.shop.crew.host.permit(self.stage).map_err(Failure::Refused)?;
        let job =
            Job { stage: self.stage, key: inputs.key(), reasons, inputs: &inputs, started: Timestamp::now() };
        let is_to_be_brought = self.stage.is_source() && !sources.is_empty();
        for source in sources {
            match self.restore(&job, source, locked.as_ref(), &assessment) {
                Ok(outcome) => return Ok(outcome),
                Err(Failure::Cache(CacheError::Damaged { digest, path })) => {
                    // Links to it would lead nowhere: what they show becomes files.
                    for out in &self.stage.outs {
                        self.shop.world.workspace.unprotect(&out.path)?;
                    }
                    let aside = self.shop.world.workspace.blobs.quarantine(&digest)?;
                    self.warn(format!(
                        "the cache's copy of {digest} is damaged ({}); it was moved to {} and is not used",
                        base::shown(&path),
                        base::shown(&aside)
                    ));
                }
                Err(Failure::Cache(
                    CacheError::Missing { .. } | CacheError::Tree { .. } | CacheError::Stray { .. },
                )) => {}
                Err(fault) => return Err(fault),
            }
        }
        if is_to_be_brought && self.is_untouched(&assessment, reasons)? {
            self.end_bringing();
        }
        if self.stage.frozen && !sources.is_empty() {
            // Its result was in the cache when it was judged, and is damaged.
            let frozen = Assessment { decision: Decision::Frozen { reasons: reasons.clone() }, ..assessment };
            return frozen
                .frozen_refusal()
                .map_or_else(|| Ok(self.leave_frozen(reasons)), |refusal| Err(Failure::Refused(refusal)));
        }
        if !assessment.assumed.is_empty() {
            // What is not here sufficed to tell that it must run, and does not suffice to run it.
            let part = assessment.assumed.iter().find_map(|dep| match dep {
                DepName::Path(path) if self.shop.world.workspace.os_path(path).exists() => Some(path),
                _ => None,
            });
            if let Some(path) = part {
                // What lies around outs is none itself, and means those below it.
                let mut outs = self.shop.world.pipeline.stages.iter().flat_map(|stage| &stage.outs);
                let flag = if outs.any(|out| out.holds(path)) { "" } else { "-R " };
                return Err(Failure::Refused(format!(
                    "only a part of dep {path} is here; `pipe pull {flag}{path}` brings the rest"
                )));
            }
            let missing = assessment.assumed.iter().cloned();
            return Err(Failure::MissingInput(
                missing.map(|path| StaleReason::DepMissing { path }).collect(),
            ));
        }
        if is_to_be_brought {
            // What the cache had of it turned out damaged. What stands in its place is not what the pointer records.
            let now = self.shop.assess(self.stage, false);
            return Err(match now.decision {
                Decision::Unknown { reasons } => Failure::MissingInput(reasons),
                _ => {
                    Failure::Refused("what its pointer records is damaged; `pipe pull` fetches it".to_owned())
                }
            });
        }
        if self.stage.is_source() || self.stage.frozen {
            if let Some(half) =
                reasons.iter().find(|reason| matches!(reason, StaleReason::CheckoutCutOff { .. }))
            {
                return Err(Failure::Refused(half.to_string()));
            }
            if !self.stage.is_source() {
                let because = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                let name = &self.stage.address;
                self.warn(format!(
                    "stage {name} is frozen and its outs are recorded as they are ({because})"
                ));
            }
            let (outs, outside) = self.store_outs(Duration::ZERO)?;
            self.record(self.lock(&job, &outs, outside))?;
            let is_same = |(path, state): &(ProjectPath, FileState)| {
                let known = locked.as_ref().and_then(|locked| locked.out(path));
                known.is_some_and(|known| known.digest == state.digest)
            };
            let is_anew = outs.iter().all(is_same);
            return Ok(Outcome::Recorded { outs, is_anew });
        }
        self.run(&job, locked.as_ref(), &assessment, claim, told)
    }

    /// Has what would save the stage from running brought from elsewhere. False when nobody was asked.
    fn supply(&self, assessment: &Assessment) -> Result<bool, Failure> {
        let would_run = match &assessment.decision {
            Decision::Run { .. } | Decision::Frozen { .. } => true,
            // Nothing makes data.
            Decision::Unknown { reasons } => {
                self.stage.is_source() && reasons.iter().any(StaleReason::is_to_be_fetched)
            }
            _ => false,
        };
        let Some(supplier) = self.shop.crew.supplier.filter(|_| would_run && !self.forced) else {
            return Ok(false);
        };
        let is_unknown = matches!(assessment.decision, Decision::Unknown { .. });
        if !is_restorable(self.stage) && !is_unknown && !self.has_persisting_to_take(assessment) {
            return Ok(false);
        }
        let is_left = self.stage.frozen || self.stage.is_source();
        let has_results = !is_left && (is_restorable(self.stage) || is_unknown);
        let inputs = assessment.inputs.as_ref().filter(|_| has_results);
        let locked = self.shop.ledger().get(&self.stage.address).cloned();
        let locked = locked.filter(|_| is_left || assessment.is_recorded);
        supplier.supply(self.stage, inputs, locked.as_ref()).map_err(Failure::Refused)?;
        Ok(true)
    }

    /// Whether all that keeps the stage from being up to date are outs that are not here, some of which persist: what its lock
    /// records of them is what a run would go on from, and no run is needed.
    fn has_persisting_to_take(&self, assessment: &Assessment) -> bool {
        let ledger = self.shop.ledger();
        let Some(locked) = ledger.get(&self.stage.address) else { return false };
        let is_as_recorded = |(out, now): (&Out, &Option<FileState>)| {
            let recorded = locked.recorded(out).map(|recorded| recorded.digest);
            now.is_none_or(|now| recorded == Some(now.digest))
        };
        let is_run = matches!(assessment.decision, Decision::Run { .. });
        is_run
            && assessment.is_recorded
            && is_kept(self.stage)
            && locked.has_outs(&self.stage.outs)
            && self.stage.outs.iter().zip(&assessment.outs).all(is_as_recorded)
            && !self.stage.outs.iter().any(|out| self.shop.world.workspace.leads_through_symlink(&out.path))
    }

    /// Has such outs put back where the cache holds them now.
    fn take_persisting(&self, assessment: &mut Assessment) {
        if !self.has_persisting_to_take(assessment) {
            return;
        }
        let blobs = &self.shop.world.workspace.blobs;
        let ledger = self.shop.ledger();
        let locked = ledger.get(&self.stage.address);
        let is_whole = locked.is_some_and(|locked| locked.outs.iter().all(|(_, state)| blobs.has_all(state)));
        if let (Decision::Run { reasons }, true) = (&mut assessment.decision, is_whole) {
            let reasons = std::mem::take(reasons);
            assessment.decision = Decision::Restore { reasons, sources: vec![Source::Lock] };
        }
    }

    /// A stage of DVC whose deps are not here: where nothing else changed, what its lock records is brought, which
    /// needs none of them.
    fn supply_without_deps(&self, assessment: &Assessment) -> Result<Option<Assessment>, Failure> {
        let is_dvc = self.shop.world.pipeline.dialect() == Dialect::Dvc;
        let lacks_deps = match &assessment.decision {
            Decision::Unknown { reasons } => {
                let mut blocking = reasons.iter().filter(|reason| reason.blocks_verdict());
                blocking.all(|reason| matches!(reason, StaleReason::DepMissing { .. }))
            }
            _ => false,
        };
        if self.shop.crew.supplier.is_none() || self.stage.is_source() || !is_dvc || !lacks_deps {
            return Ok(None);
        }
        let assess = || self.shop.assess_assuming(self.stage, self.forced, true);
        let mut assumed = assess();
        if assumed.is_recorded && self.supply(&assumed)? {
            assumed = assess();
        }
        let is_brought = match &assumed.decision {
            Decision::Fresh => true,
            Decision::Restore { sources, .. } => sources.contains(&Source::Lock),
            _ => false,
        };
        Ok(is_brought.then_some(assumed))
    }

    fn warn(&self, text: String) {
        self.shop.crew.observer.event(Event::Warning(text));
    }

    /// A frozen stage never runs: outs that are there are taken as they are.
    fn leave_frozen(&self, reasons: &[StaleReason]) -> Outcome {
        let because = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let name = &self.stage.address;
        self.warn(format!("stage {name} is frozen and its outs are left as they are ({because})"));
        Outcome::Fresh
    }

    /// Saves what nothing else keeps: bytes that neither the cache holds nor the lock records.
    fn save_unsaved(&self, locked: Option<&StageLock>, assessment: &Assessment) -> Result<(), Failure> {
        let now = &assessment.outs;
        let workspace = self.shop.world.workspace;
        for (out, state) in self.stage.outs.iter().zip(now) {
            let Some(state) = state else { continue };
            let recorded = locked.and_then(|locked| locked.recorded(out));
            if recorded.is_some_and(|recorded| recorded.digest == state.digest) && !out.cache {
                continue;
            }
            if let Some(saved) = outs::save_unsaved(workspace, out)? {
                self.tell_saved(&out.path.clone().into(), &saved);
            }
        }
        for (out, state) in self.stage.special_outs.iter().zip(&assessment.special_outs) {
            let Some(state) = state else { continue };
            let recorded = locked.and_then(|locked| locked.special_out(&out.name));
            let is_recorded = recorded.is_some_and(|recorded| recorded.digest == state.digest);
            let params = &self.shop.params;
            let refused = |fault: Unreadable| Failure::Refused(fault.to_string());
            if !is_recorded && special::save_unsaved(params, &out.name, state).map_err(refused)? {
                self.tell_saved(&out.name.clone().into(), state);
            }
        }
        Ok(())
    }

    fn tell_saved(&self, path: &DepName, state: &FileState) {
        self.shop.crew.observer.event(Event::Saved { stage: self.id, path, state });
    }

    fn restore(
        &self,
        job: &Job<'_>,
        source: &Source,
        locked: Option<&StageLock>,
        assessment: &Assessment,
    ) -> Result<Outcome, Failure> {
        let workspace = self.shop.world.workspace;
        let mut outs: OutStates =
            source_outs(source, locked).into_iter().map(|(path, state)| (path.clone(), *state)).collect();
        self.save_unsaved(locked, assessment)?;
        // Cut off in the middle, a part of it must not be taken for somebody's work.
        let bringing = outs.iter().map(|(path, state)| {
            let out = self.stage.outs.iter().find(|out| out.path == *path);
            Bringing::of(path, out.and_then(|out| out.glob.as_ref()).map(Glob::base), state)
        });
        let bringing: Vec<Bringing> = bringing.collect();
        let begin = || workspace.begin_bringing(bringing.clone());
        begin().or_else(|fault| self.shop.with_room(fault, disk::DiskError::is_full, begin))?;
        for (path, state) in &mut outs {
            let out = self.stage.outs.iter().find(|out| out.path == *path);
            let out = out.expect("only declared outs are a source");
            outs::restore(workspace, out, state)?;
            // Digests bind an entry; its sizes are what somebody wrote there.
            if let Source::StageCache(_) = source
                && let Some(now) = outs::observe(workspace, out)?.filter(|now| now.digest == state.digest)
            {
                (state.size, state.files) = (now.size, now.files);
            }
        }
        if self.stage.is_source() {
            // The pointer says so already, and data has no runs.
            agree(workspace, self.stage, &outs);
            self.end_bringing();
            return Ok(Outcome::Restored { source: source.clone(), outs });
        }
        // A stage that writes outside the project is never restored.
        self.record(self.lock(job, &outs, SpecialStates::new()))?;
        let outcome = Outcome::Restored { source: source.clone(), outs };
        self.shop.crew.host.finish(job, None, Ok(&outcome), None);
        Ok(outcome)
    }

    /// What is recorded of a success.
    fn lock(&self, job: &Job<'_>, outs: &OutStates, outside: SpecialStates) -> StageLock {
        let lock = StageLock { outs: outs.clone(), special_outs: outside, ..job.inputs.clone() };
        let recorded = self.shop.ledger().get(&self.stage.address).cloned();
        unix_text::as_then(self.shop.world.workspace, self.stage, recorded.as_ref(), lock)
    }

    fn record(&self, lock: StageLock) -> Result<(), LedgerError> {
        let record = || self.shop.ledger().record(&self.stage.address, lock.clone());
        record().or_else(|fault| self.shop.with_room(fault, LedgerError::is_full, record))?;
        agree(self.shop.world.workspace, self.stage, &lock.outs);
        self.end_bringing();
        Ok(())
    }

    /// Whether the outs hold what they held when they were judged, and that was no half of anything.
    fn is_untouched(&self, judged: &Assessment, reasons: &[StaleReason]) -> Result<bool, Failure> {
        if reasons.iter().any(|reason| matches!(reason, StaleReason::CheckoutCutOff { .. })) {
            return Ok(false);
        }
        for (out, before) in self.stage.outs.iter().zip(&judged.outs) {
            if outs::observe(self.shop.world.workspace, out)? != *before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the outs hold is recorded by now, whatever was to come before.
    fn end_bringing(&self) {
        let is_own =
            |path: &ProjectPath| self.stage.outs.iter().any(|out| out.path == *path || out.holds(path));
        self.shop.world.workspace.end_bringing(is_own);
    }

    fn run(
        &self,
        job: &Job<'_>,
        locked: Option<&StageLock>,
        assessment: &Assessment,
        mut claim: Claim,
        told: &mut bool,
    ) -> Result<Outcome, Failure> {
        let Shop { world, crew, options, .. } = self.shop;
        if crew.stop.load(Ordering::SeqCst) {
            return Err(Failure::Interrupted { exit: None });
        }
        if let Some(lacking) = options.limits.lacking(self.stage) {
            self.warn(format!(
                "stage {} asks for {lacking}: it runs alone among those that ask",
                self.stage.address
            ));
        }
        self.save_unsaved(locked, assessment)?;
        // What persists is changed in place, so that only the cache can bring it back after a failure.
        for out in self.stage.outs.iter().filter(|out| out.persist) {
            world.workspace.store(&out.path, Placement::Private)?;
            // What is a link into the cache must not be written to.
            world.workspace.unprotect(&out.path)?;
        }
        let outside = special::save_persisting(&self.shop.params, self.stage)?;
        let plain = self.stage.outs.iter().filter(|out| out.glob.is_none());
        let ignored = plain.map(|out| world.workspace.ignored_in(&out.path));
        let ignored = ignored.collect::<Result<Vec<_>, CacheError>>()?.concat();
        let env = crew.host.prepare(job);
        let partial = env.folder.join("partial");
        let before = self.stage.outs.iter().zip(&assessment.outs).filter(|(out, _)| out.persist);
        claim.note.record = Some(record_mark(locked));
        claim.note.persisted =
            before.filter_map(|(out, before)| Some((out.path.clone(), (*before)?))).collect();
        let absolute = |(path, state): &(ProjectPath, FileState)| (path.to_path("/".as_ref()), *state);
        claim.note.persisted_outside = outside.iter().map(absolute).collect();
        let folder = claim.folder.clone();
        let aside = Aside::set(&options.root, claim, Some(&partial)).map_err(Failure::from);
        if let Err(failure) = &aside {
            crew.host.finish(job, Some(&env), Err(failure), None);
        }
        let result =
            aside.and_then(|aside| {
                match self.run_and_store(job, &env, &folder) {
                    Ok(outcome) => {
                        // The result is recorded: what it replaced is only in the way.
                        match aside.drop_old(&ignored) {
                            Ok(homeless) => homeless.iter().for_each(|kept| {
                                self.warn(format!(
                                    "what was ignored in an out of stage {} was moved to {}: its folder is gone, or \
                                     takes nothing",
                                    self.stage.address,
                                    base::shown(kept)
                                ));
                            }),
                            Err(fault) => self.warn(format!(
                                "failed to remove what stage {} replaced: {fault}: {}",
                                self.stage.address, fault.source
                            )),
                        }
                        Ok(outcome)
                    }
                    Err(failure) => {
                        // A command that failed by itself has stored nothing.
                        if !matches!(failure, Failure::Command { .. } | Failure::Interrupted { .. }) {
                            // What was stored until then leads into the cache, where nothing names it.
                            for out in &self.stage.outs {
                                let _ = outs::unprotect(world.workspace, out);
                            }
                        }
                        let kept = self.put_back(aside, assessment, &outside, &partial);
                        crew.host.finish(job, Some(&env), Err(&failure), kept.as_ref());
                        let event = Event::Failed {
                            stage: self.id,
                            failure: &failure,
                            folder: Some(&env.folder),
                            partial: kept.as_ref(),
                        };
                        crew.observer.event(event);
                        *told = true;
                        Err(failure)
                    }
                }
            });
        if let Ok(outcome) = &result {
            crew.host.finish(job, Some(&env), Ok(outcome), None);
        }
        result
    }

    /// Undoes what a failed command did to the outs. Returns where its partial ones are. `outside` is what persists outside the
    /// project.
    fn put_back(
        &self,
        aside: Aside,
        assessment: &Assessment,
        outside: &[(ProjectPath, FileState)],
        partial: &Path,
    ) -> Option<PathBuf> {
        let mut kept = match aside.put_back() {
            Ok(kept) => kept,
            Err(fault) => {
                self.warn(format!("{fault}: {}; the next `pipe repro` tries again", fault.source));
                None
            }
        };
        let mut tell = |root: &str, path: &ProjectPath, result: Result<bool, CacheError>| match result {
            Ok(is_partial) => kept = kept.take().or_else(|| is_partial.then(|| partial.to_owned())),
            Err(fault) => {
                let cause =
                    std::error::Error::source(&fault).map(|cause| format!(": {cause}")).unwrap_or_default();
                self.warn(format!("failed to put back {root}{path}: {fault}{cause}"));
            }
        };
        for (out, before) in self.stage.outs.iter().zip(&assessment.outs) {
            if let (true, Some(before)) = (out.persist, before) {
                tell(
                    "",
                    &out.path,
                    outs::put_back(self.shop.world.workspace, &out.path, before, Some(partial)),
                );
            }
        }
        let partial_outside = partial.join(OUTSIDE);
        for (path, before) in outside {
            let all = self.shop.params.outside().map_err(CacheError::from);
            tell("/", path, all.and_then(|all| outs::put_back(all, path, before, Some(&partial_outside))));
        }
        kept
    }

    fn run_and_store(&self, job: &Job<'_>, env: &JobEnv, folder: &Path) -> Result<Outcome, Failure> {
        let Shop { world, crew, options, .. } = self.shop;
        let wdir = &self.stage.wdir;
        if !wdir.to_path(&options.root).is_dir() {
            return Err(Failure::Refused(format!("its working folder `{wdir}` does not exist")));
        }
        for out in &self.stage.outs {
            let parent =
                out.glob.as_ref().map_or_else(|| out.path.parent(), |glob| Some(glob.base().clone()));
            disk::make_folder(&parent.unwrap_or_default().to_path(&options.root))?;
        }
        crew.observer.event(Event::Started { stage: self.id, reasons: job.reasons });
        let started = Instant::now();
        let exit = self.run_scripts(env, folder)?;
        let duration = started.elapsed();
        if exit != Exit::Code(0) {
            let interrupted = crew.stop.load(Ordering::SeqCst);
            return Err(if interrupted {
                Failure::Interrupted { exit: Some(exit) }
            } else {
                Failure::Command { exit, duration }
            });
        }
        self.shop.report(Report::CommandEnded(self.id));
        let (outs, outside) = self.store_outs(duration)?;
        // Which state of a changed input the command read nobody knows: such a result is no result of either.
        if let Some(changed) = self.changed_input(job) {
            self.warn(format!(
                "{changed} changed while stage {} ran: its result is not recorded; run `pipe repro` again",
                self.stage.address
            ));
            self.shop.unrecorded.fetch_add(1, Ordering::SeqCst);
            return Ok(Outcome::Ran { duration, outs });
        }
        let lock = self.lock(job, &outs, outside);
        if is_restorable(self.stage) && !options.no_commit {
            let mut entry = self.entry(job, env, &outs, duration);
            crew.host.annotate(self.stage, &mut entry);
            world.workspace.stages.store(&entry)?;
            run_cache::store(world.workspace, world.pipeline.dialect(), self.stage, &lock, &entry.maker)?;
        }
        self.record(lock)?;
        Ok(Outcome::Ran { duration, outs })
    }

    fn run_scripts(&self, env: &JobEnv, folder: &Path) -> Result<Exit, Failure> {
        let crew = self.shop.crew;
        let deadline = self.stage.timeout_millis.map(|millis| Deadline {
            at: Instant::now() + Duration::from_millis(millis),
            halted: crew.runner.time_halted(),
        });
        let secrets = self.secrets();
        let on_line = |stream: Stream, text: &str| {
            crew.observer.event(Event::Line { stage: self.id, stream, text });
        };
        let dialect = self.shop.world.pipeline.dialect();
        for script in dialect.scripts(&self.stage.command) {
            if crew.stop.load(Ordering::SeqCst) {
                return Err(Failure::Interrupted { exit: None });
            }
            let spawn = Spawn {
                script: &script,
                shell: self.stage.shell.as_deref(),
                folder: self.stage.wdir.to_path(&self.shop.options.root),
                variables: &env.variables,
                cleared: &env.cleared,
                stdout: env.folder.join("stdout.log"),
                stderr: env.folder.join("stderr.log"),
                job: folder.to_owned(),
                deadline,
                secrets: &secrets,
            };
            let exit = crew.runner.run(&spawn, &on_line)?;
            if exit != Exit::Code(0) {
                return Ok(exit);
            }
        }
        Ok(Exit::Code(0))
    }

    /// The values of the declared variables that are not to be seen. Very short ones are no secrets, and masking them
    /// would make the logs unreadable.
    fn secrets(&self) -> Vec<String> {
        let values = &self.shop.world.pipeline.environment.values;
        let hidden = self.stage.env.iter().filter(|variable| !variable.plain);
        let mut secrets: Vec<String> = hidden
            .filter_map(|variable| values.get(&variable.name))
            .flat_map(|value| value.lines())
            .map(str::to_owned)
            .collect();
        secrets.retain(|secret| secret.len() >= 4);
        // One that holds another goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }

    fn store_outs(&self, duration: Duration) -> Result<(OutStates, SpecialStates), Failure> {
        let workspace = self.shop.world.workspace;
        let mut states = OutStates::new();
        let mut missing = Vec::new();
        for out in &self.stage.outs {
            if !outs::is_there(workspace, out)? {
                missing.push(out.path.clone().into());
            }
        }
        let mut outside = SpecialStates::new();
        for SpecialOut { name, .. } in &self.stage.special_outs {
            let found = special::observe_out(&self.shop.params, name);
            match found.map_err(|fault| Failure::Refused(fault.to_string()))? {
                Some(state) => outside.push((name.clone(), state)),
                None => missing.push(name.clone().into()),
            }
        }
        if !missing.is_empty() {
            // Nothing of what is no result is to lie in the cache.
            return Err(Failure::OutsMissing { missing, duration });
        }
        for out in &self.stage.outs {
            let stored = is_stored(out) && !self.shop.options.no_commit;
            let found = if stored { outs::store(workspace, out)? } else { outs::observe(workspace, out)? };
            match found {
                Some(state) => states.push((out.path.clone(), state)),
                None => {
                    return Err(Failure::OutsMissing { missing: vec![out.path.clone().into()], duration });
                }
            }
        }
        Ok((states, outside))
    }

    /// The first input that is not what it was before the command started; `None` when all are.
    fn changed_input(&self, job: &Job<'_>) -> Option<String> {
        let workspace = self.shop.world.workspace;
        let is_same = |path: &ProjectPath, before: &FileState| {
            workspace.observe_input(path).is_ok_and(|now| now.is_some_and(|now| now.digest == before.digest))
        };
        if let Some((path, _)) = job.inputs.deps.iter().find(|(path, before)| !is_same(path, before)) {
            return Some(format!("dep {path}"));
        }
        if let Some(changed) = special::changed_special(&self.shop.params, self.stage, job.inputs) {
            return Some(changed);
        }
        let files = self.shop.params.files_of(self.stage).unwrap_or_default();
        let now =
            pipeline::params::select(&self.stage.params, &files, self.stage.dialect()).unwrap_or_default();
        let before = &job.inputs.params;
        let (file, values) =
            now.iter().chain(before).find(|(file, _)| now.get(*file) != before.get(*file))?;
        let value = |params: &ParamValues, key: &String| params.get(file)?.get(key).cloned();
        let key = values.keys().find(|key| value(&now, key) != value(before, key));
        Some(key.map_or_else(|| format!("param file {file}"), |key| format!("param {file}:{key}")))
    }

    fn entry(&self, job: &Job<'_>, env: &JobEnv, outs: &OutStates, duration: Duration) -> StageEntry {
        let mut entry = entry(self.stage, job.key, outs);
        entry.maker.run.clone_from(&env.run);
        entry.maker.duration = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        note_params(&mut entry, &job.inputs.params);
        entry
    }
}
