//! Brings stages up to date: the loop that starts them. What happens to one of them is `attempt`'s.
//!
//! One thread decides what starts next; each stage that is not up to date has a thread of its own while it
//! is at work. At most `jobs` commands run at once: while the outs of one are stored and its success is
//! recorded, the next command starts. Nothing is recorded before it is whole: outs are stored in the
//! cache, then the success goes into the journal, then it is told.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant};

use pipeline::{Out, OutKind, Stage, StageId, StaleReason};

use crate::assess::{Assessment, Conditions, Decision, World, assess, survey};
use crate::attempt::Attempt;
use crate::budget::{Budget, Limits};
use crate::claim::Claims;
use crate::durations::Durations;
use crate::event::{Event, Observer};
use crate::job::{Failure, Host, Outcome, Supplier};
use crate::ledger::{Ledger, LedgerError};
use crate::params::ParamReader;
use crate::runner::Runner;
use crate::schedule::{Schedule, StageState};

/// How often the loop looks whether it was told to stop.
const STOP_CHECK: Duration = Duration::from_millis(20);

/// How often it is asked whether what is in a stage's way has gone.
const CLAIM_CHECK: Duration = Duration::from_millis(50);

/// Says whether a stage is to be brought up to date, for these reasons.
pub type Confirm<'a> = dyn Fn(StageId, &[StaleReason]) -> bool + Sync + 'a;

/// Who takes part in a reproduction.
pub struct Crew<'a> {
    /// Starts processes.
    pub runner: &'a dyn Runner,
    /// Prepares and records.
    pub host: &'a dyn Host,
    /// Listens.
    pub observer: &'a dyn Observer,
    /// Brings results from elsewhere, when somebody does.
    pub supplier: Option<&'a dyn Supplier>,
    /// What other processes are at work on.
    pub claims: &'a Claims<'a>,
    /// Asked before a stage that is not up to date is touched, when somebody wants to be: a stage that it does not want
    /// fails.
    pub confirm: Option<&'a Confirm<'a>>,
    /// Set from outside to stop everything.
    pub stop: &'a AtomicBool,
}

/// How stages are brought up to date.
#[derive(Clone, Debug)]
pub struct Options {
    /// What stages at work may occupy together.
    pub limits: Limits,
    /// Run every stage, up to date or not, and restore none.
    pub force: bool,
    /// Run every stage after one that ran.
    pub force_downstream: bool,
    /// What a failure means for the others.
    pub on_failure: OnFailure,
    /// Sources that nobody asked for and no stage reads: where one cannot be had, that is no failure.
    pub spare: HashSet<StageId>,
    /// Restore nothing from the stage cache.
    pub no_stage_cache: bool,
    /// Store no outs in the cache; the lock is written all the same.
    pub no_commit: bool,
    /// Data that is not here counts as what the lock records.
    pub allow_missing: bool,
    /// What another process is at work on is waited for; otherwise a stage in whose way it is fails.
    pub wait: bool,
    /// The project's root.
    pub root: PathBuf,
    /// Where it is noted how long stages took.
    pub durations: PathBuf,
}

impl Options {
    /// Whether it is no failure that a source cannot be had, for these reasons.
    fn may_lack(&self, id: StageId, reasons: &[StaleReason]) -> bool {
        self.spare.contains(&id) && leaves_data_out(reasons)
    }
}

/// Whether data cannot be had for these reasons, rather than not be read.
pub fn leaves_data_out(reasons: &[StaleReason]) -> bool {
    let mut blocking = reasons.iter().filter(|reason| reason.blocks_verdict());
    blocking.all(|reason| reason.is_to_be_fetched() || reason.is_of_pointer())
}

/// What a failure of a stage means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// No other stage starts; those at work finish.
    #[default]
    Stop,
    /// What needs it does not start; all others go on.
    KeepGoing,
    /// All others go on, what needs it with what is there.
    Ignore,
}

/// What a reproduction came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// Stages that were up to date.
    pub fresh: usize,
    /// Stages that were restored.
    pub restored: usize,
    /// Sources whose data had changed and was recorded.
    pub recorded: usize,
    /// Stages whose command ran.
    pub ran: usize,
    /// Those among them whose result is recorded nowhere, since an input changed meanwhile.
    pub unrecorded: usize,
    /// Stages that failed, in the order they did.
    pub failed: Vec<(StageId, Failure)>,
    /// Sources that cannot be had and that nothing needs, with the reasons, in the order of the files.
    pub spared: Vec<(StageId, Vec<StaleReason>)>,
    /// Stages that did not run because one before them failed.
    pub blocked: usize,
    /// Stages that did not start because everything stopped.
    pub not_started: usize,
    /// Whether it was stopped from outside.
    pub interrupted: bool,
}

/// What a thread at work says to the one that decides.
pub(crate) enum Report {
    /// The command succeeded: what is left is to store its outs and to record it.
    CommandEnded(StageId),
    /// It is over.
    Done(StageId, Result<Outcome, Failure>),
}

/// Brings the stages `wanted`, which are in an order where each comes after those before it, up to date.
///
/// # Errors
/// When a result cannot be written down. What had been is kept.
pub fn drive(
    world: World<'_>,
    ledger: &mut Ledger,
    wanted: &[StageId],
    crew: &Crew<'_>,
    options: &Options,
) -> Result<Summary, LedgerError> {
    let graph = &world.pipeline.graph;
    let mut durations = Durations::load(&options.durations);
    let ranks = durations.ranks(graph, wanted, |id| world.pipeline.stage(id).address.clone());
    let mut schedule = Schedule::new(ranks, wanted, |id| graph.upstream(id));
    let mut budget = Budget::new(options.limits.clone());
    let mut ran: HashSet<StageId> = HashSet::new();
    let mut summary = Summary::default();
    let ledger = Mutex::new(ledger);
    let params = ParamReader::new(world);
    let (sender, reports) = mpsc::channel::<Report>();
    let unrecorded = AtomicUsize::new(0);
    let bringing = Mutex::new(());
    let shop = Shop { world, crew, options, ledger: &ledger, params, unrecorded, bringing, reports: sender };
    // Stages whose command ended, and which hold no part of the budget any more. Where one command runs at a time,
    // one stage is at work at a time: people who ask for that want to follow what happens.
    let mut ended: HashSet<StageId> = HashSet::new();
    let most_ended = if options.limits.slots > 1.0 { options.limits.slots as usize } else { 0 };
    // Stages in whose way somebody is, and when they are tried again.
    let mut postponed: HashMap<StageId, Instant> = HashMap::new();
    let (work, handed_out) = mpsc::channel::<(StageId, bool)>();
    let handed_out = Mutex::new(handed_out);
    // A thread takes one stage after the other: starting one for each would cost more than judging a stage.
    let labour = || {
        loop {
            let next = handed_out.lock().unwrap_or_else(std::sync::PoisonError::into_inner).recv();
            let Ok((id, forced)) = next else { return };
            shop.report(Report::Done(id, shop.bring_up_to_date(id, forced)));
        }
    };
    std::thread::scope(|scope| {
        // Ends the threads with this block.
        let work = work;
        let mut at_work = 0;
        let mut workers = 0;
        let mut halted = false;
        loop {
            if crew.stop.load(Ordering::SeqCst) && !summary.interrupted {
                summary.interrupted = true;
                halted = true;
                crew.runner.stop();
            }
            let next = |schedule: &mut Schedule, budget: &Budget| {
                let now = Instant::now();
                let may_start = |id| {
                    postponed.get(&id).is_none_or(|at| *at <= now) && budget.fits(world.pipeline.stage(id))
                };
                if halted { None } else { schedule.start_next(may_start) }
            };
            while let Some(id) = next(&mut schedule, &budget) {
                let stage = world.pipeline.stage(id);
                at_work += 1;
                budget.take(stage);
                let after_ran =
                    options.force_downstream && graph.upstream(id).iter().any(|id| ran.contains(id));
                let forced = options.force || after_ran;
                if at_work == 1 && !forced {
                    // With nobody at work, a verdict of "up to date" needs no thread.
                    let judged = shop.assess(stage, false);
                    if judged.decision == Decision::Fresh {
                        shop.report(Report::Done(id, Ok(Outcome::Fresh)));
                        break;
                    }
                }
                if workers < at_work {
                    workers += 1;
                    scope.spawn(labour);
                }
                let _ = work.send((id, forced));
            }
            if at_work == 0 {
                if halted || schedule.count(StageState::Ready) == 0 {
                    break;
                }
                std::thread::sleep(STOP_CHECK);
                continue;
            }
            let (id, result) = match reports.recv_timeout(STOP_CHECK) {
                Ok(Report::CommandEnded(id)) => {
                    if ended.len() < most_ended {
                        ended.insert(id);
                        budget.give_back(world.pipeline.stage(id));
                    }
                    continue;
                }
                Ok(Report::Done(id, result)) => (id, result),
                Err(_) => continue,
            };
            at_work -= 1;
            if !ended.remove(&id) {
                budget.give_back(world.pipeline.stage(id));
            }
            match result {
                Err(Failure::Busy(by)) if options.wait => {
                    schedule.postponed(id);
                    if postponed.insert(id, Instant::now() + CLAIM_CHECK).is_none() {
                        crew.observer.event(Event::Waiting { stage: id, by: &by });
                    }
                }
                Ok(outcome) => {
                    crew.observer.event(Event::Finished { stage: id, outcome: &outcome });
                    match outcome {
                        Outcome::Fresh => summary.fresh += 1,
                        Outcome::Restored { .. } => summary.restored += 1,
                        Outcome::Recorded { .. } => {
                            ran.insert(id);
                            summary.recorded += 1;
                        }
                        Outcome::Ran { duration, .. } => {
                            durations.note(&world.pipeline.stage(id).address, duration);
                            ran.insert(id);
                            summary.ran += 1;
                        }
                    }
                    schedule.done(id);
                }
                Err(Failure::MissingInput(reasons)) if options.may_lack(id, &reasons) => {
                    summary.spared.push((id, reasons));
                    schedule.done(id);
                }
                Err(failure) => {
                    halted |= options.on_failure == OnFailure::Stop || summary.interrupted;
                    if options.on_failure == OnFailure::Ignore {
                        schedule.done(id);
                    } else {
                        for blocked in schedule.failed(id) {
                            summary.blocked += 1;
                            crew.observer.event(Event::Blocked { stage: blocked, by: id });
                        }
                    }
                    summary.failed.push((id, failure));
                }
            }
        }
    });
    summary.spared.sort_by_key(|(id, _)| *id);
    summary.unrecorded = shop.unrecorded.load(Ordering::SeqCst);
    durations.save();
    let left = |id: &StageId| matches!(schedule.state(*id), StageState::Ready | StageState::Want);
    let left: Vec<StageId> = wanted.iter().copied().filter(left).collect();
    summary.not_started = left.len();
    if !summary.interrupted {
        // Of those that did not come to their turn, some are up to date: to say of them that they did not start would
        // tell of work that there is not.
        let after_failed: Vec<StageId> = summary.failed.iter().map(|(id, _)| *id).collect();
        let after_failed: HashSet<StageId> = graph.with_downstream(&after_failed).into_iter().collect();
        let judged = survey(
            world,
            &left,
            |stage| shop.ledger().get(&stage.address).cloned(),
            |_| Conditions {
                forced: options.force,
                no_stage_cache: options.no_stage_cache,
                allow_missing: options.allow_missing,
                assume_deps: false,
            },
        );
        let fresh = judged
            .iter()
            .filter(|(id, judged)| judged.decision == Decision::Fresh && !after_failed.contains(id));
        let fresh = fresh.count();
        summary.fresh += fresh;
        summary.not_started -= fresh;
    }
    let write = || shop.ledger().write(|stage, lock| world.pipeline.keeps_record(stage, lock));
    write().or_else(|fault| shop.with_room(fault, LedgerError::is_full, write))?;
    Ok(summary)
}

/// What the threads at work share.
pub(crate) struct Shop<'a, 'l> {
    pub world: World<'a>,
    pub crew: &'a Crew<'a>,
    pub options: &'a Options,
    ledger: &'a Mutex<&'l mut Ledger>,
    pub params: ParamReader<'a>,
    pub unrecorded: AtomicUsize,
    /// Held while deps are brought from elsewhere.
    pub bringing: Mutex<()>,
    reports: mpsc::Sender<Report>,
}

impl<'l> Shop<'_, 'l> {
    pub fn ledger(&self) -> MutexGuard<'_, &'l mut Ledger> {
        self.ledger.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Does something again that failed: what was set aside for a full disk, or taken by what is recorded of the stage, must
    /// not fail it. Perhaps somebody else has made room meanwhile.
    pub fn with_room<T, F>(
        &self,
        fault: F,
        is_full: impl Fn(&F) -> bool,
        again: impl Fn() -> Result<T, F>,
    ) -> Result<T, F> {
        if !is_full(&fault) {
            return Err(fault);
        }
        let mut done = Err(fault);
        self.crew.host.in_reserve(&mut || done = again());
        done
    }

    pub fn report(&self, report: Report) {
        // It is heard until the last thread has ended.
        let _ = self.reports.send(report);
    }

    pub fn assess(&self, stage: &Stage, forced: bool) -> Assessment {
        self.assess_assuming(stage, forced, false)
    }

    /// The same, where deps that are not here may count as what the lock records.
    pub fn assess_assuming(&self, stage: &Stage, forced: bool, assume_deps: bool) -> Assessment {
        let locked = self.ledger().get(&stage.address).cloned();
        let Options { no_stage_cache, allow_missing, .. } = *self.options;
        let conditions = Conditions { forced, no_stage_cache, allow_missing, assume_deps };
        assess(self.world, &self.params, stage, locked.as_ref(), conditions)
    }

    fn bring_up_to_date(&self, id: StageId, forced: bool) -> Result<Outcome, Failure> {
        let stage = self.world.pipeline.stage(id);
        let attempt = Attempt { shop: self, id, stage, forced };
        let mut told = false;
        let result = attempt.go(&mut told);
        let is_none = match &result {
            Err(Failure::Busy(_)) => self.options.wait,
            Err(Failure::MissingInput(reasons)) => self.options.may_lack(id, reasons),
            _ => false,
        };
        if let Err(failure) = &result
            && !told
            && !is_none
        {
            self.crew.observer.event(Event::Failed { stage: id, failure, folder: None, partial: None });
        }
        result
    }
}

/// Metrics and plots that git keeps (`cache: false`) are small, and stored all the same: without them the
/// stage could not be restored.
pub(crate) fn is_stored(out: &Out) -> bool {
    out.cache || out.kind != OutKind::Data
}
