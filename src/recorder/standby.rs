//! The run store as the scripts of stages see it: also while the real one takes nothing, so that no script fails because
//! something could not be recorded.
//!
//! While all is well everything goes to the real store, and nothing is kept here but the names of experiments and what made
//! the runs that have not ended. A store that fails makes this one *behind*, until nothing waits in the spool any more: what
//! comes is applied to a stand-in in memory, which says what is against the rules and what was logged, and waits in the spool
//! (in memory, where the disk is full), to be applied in its order. What the stand-in refuses waits for nothing. Runs and
//! logged models that it does not know get a shell in it first, since the script may have them from better times.
//!
//! What clients hold in their hands must mean the same before, while and after the store is away, and in another store that
//! was put in its place: numbers of experiments (`experiments`) and of versions of models (`registry`).
//!
//! A store that is locked is tried no more than once in a while: a script does not wait for it with every call. What it answers
//! meanwhile, it is asked.

mod answers;
mod experiments;
mod models;
mod registry;
#[cfg(test)]
mod tests;
mod waiting;

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base::Timestamp;
use indexmap::IndexMap;
use track::{
    Applied, ArtifactOwner, Change, Changes, ErrorKind, ExperimentId, ExperimentRef, Lifecycle,
    LoggedModelChange, ModelId, ModelStatus, ModelStore, NewLoggedModel, NewRun, Run, RunId, RunStore,
    Sought, SqliteStore, StoreError, Tag,
};

use self::answers::is_silent;
use self::experiments::{Experiments, has_experiment};
use self::registry::Registry;
use self::waiting::{Moment, Waiting};
use crate::error::with_causes;
use crate::pen::Teller;
use crate::{reserve, spool};

/// How many runs that have ended are remembered.
const MOST_ENDED: usize = 64;
/// How many points of metrics and tags the stand-in is told before it forgets all but the newest half of the points.
const MOST_POINTS: usize = if cfg!(test) { 200 } else { 1 << 20 };
/// How long a store that was locked is not tried.
const PAUSE: Duration = Duration::from_secs(5);

/// A run store, and what takes its place while it takes nothing.
pub struct StandbyStore {
    /// Unless it could not be opened.
    real: Option<Arc<SqliteStore>>,
    spool: PathBuf,
    teller: Arc<Teller>,
    /// Has what waits in the spool applied, soon.
    catch_up: Box<dyn Fn() + Send + Sync>,
    /// Whether something waits: what comes must not be in the store before it.
    is_behind: AtomicBool,
    /// Whether something ever did: until then the numbers of experiments are those of the store.
    was_behind: AtomicBool,
    /// Locked before `experiments`.
    state: Mutex<State>,
    experiments: Mutex<Experiments>,
    locked: Mutex<Option<Locked>>,
}

/// What is only needed while something waits, and what is remembered for that time.
#[derive(Default)]
struct State {
    /// Knows what waits, and shells of what the script uses besides.
    standin: Option<SqliteStore>,
    /// How many points of metrics and tags it was told, and how many it may be told, or 0.
    told: usize,
    may_be_told: usize,
    /// The runs that were made in it: nobody else knows them.
    made: HashSet<RunId>,
    /// The runs of which nothing is known but that they are used: not even how they stand.
    bare: HashSet<RunId>,
    /// What made the runs that have not ended and the models that are not finished, for a store that was put in place of the
    /// one they are in; in their order. Experiments are named in it.
    begun: IndexMap<Begun, Vec<Change>>,
    /// The same of the runs that ended last, with their end: for who asks while the store is away.
    ended: VecDeque<(RunId, Vec<Change>)>,
    /// The runs of stages, which others write.
    expected: HashSet<RunId>,
    registry: Registry,
    waiting: Waiting,
}

/// A store that others keep locked.
struct Locked {
    path: PathBuf,
    /// Until then nobody writes to it.
    until: Instant,
    /// Whether it answers no questions either: mostly it does.
    is_silent: bool,
}

/// What is made by a set of changes and goes on for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Begun {
    Run(RunId),
    Model(ModelId),
}

impl StandbyStore {
    /// Stands before a store, if it could be opened. What that does not take waits in the folder `spool`, which `teller`
    /// tells of, and which `catch_up` has applied as soon as that is possible.
    pub fn new(
        real: Option<Arc<SqliteStore>>,
        spool: PathBuf,
        teller: Arc<Teller>,
        catch_up: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let is_away = real.is_none();
        StandbyStore {
            real,
            spool,
            teller,
            catch_up: Box::new(catch_up),
            is_behind: AtomicBool::new(is_away),
            was_behind: AtomicBool::new(is_away),
            state: Mutex::default(),
            experiments: Mutex::default(),
            locked: Mutex::default(),
        }
    }

    /// What comes waits from now on, until nothing waits any more: that the store takes nothing is known.
    pub fn fall_behind(&self) {
        self.was_behind.store(true, Ordering::SeqCst);
        self.is_behind.store(true, Ordering::SeqCst);
        (self.catch_up)();
    }

    /// Gets to know the experiments that there are, before somebody takes the store away.
    pub fn look_around(&self) {
        for experiment in self.ask_real(RunStore::experiments).unwrap_or_default() {
            self.experiments().see(&experiment);
        }
    }

    /// Tells it the run of a stage, which is going to be in the store.
    pub fn expect(&self, run: RunId) {
        self.state().expected.insert(run);
    }

    /// A run, unless nothing is known of it but that it is used.
    pub fn known_run(&self, id: RunId) -> Option<Run> {
        let is_behind = self.is_behind();
        let run = self.run(id).ok()?;
        // Asked about while the store was silent, and not used: the store has it all.
        let is_known = !is_behind && self.ask_real(|real| real.run(id)).is_ok();
        (is_known || !self.state().bare.contains(&id)).then_some(run)
    }

    /// Puts what waits in memory into the spool.
    pub fn settle(&self) {
        let mut state = self.state();
        if state.waiting.flush(&self.spool, Moment::StageEnd).is_ok_and(|flushed| flushed > 0) {
            (self.catch_up)();
        }
    }

    /// The last chance for what waits in memory: all the room is used that was set aside, and what has none is lost.
    pub fn end(&self) {
        let mut state = self.state();
        let waiting = &mut state.waiting;
        let flushed = waiting.flush(&self.spool, Moment::StageEnd).or_else(|_| {
            waiting.put_points_last();
            reserve::give_back(&self.spool);
            waiting.flush(&self.spool, Moment::Last)
        });
        let lost = waiting.give_up();
        if !lost.is_nothing() {
            let why = match flushed {
                Err(fault) if fault.is_full() => "the disk is full".to_owned(),
                Err(fault) => with_causes(&fault),
                Ok(_) => "too much waited for room on the disk".to_owned(),
            };
            self.teller.lose(&format!("{lost} that scripts logged are lost: {why}"));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn experiments(&self) -> MutexGuard<'_, Experiments> {
        self.experiments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn was_behind(&self) -> bool {
        self.was_behind.load(Ordering::SeqCst)
    }

    /// Whether something waits. When nothing does any more the real store has it all, and the stand-in goes.
    fn is_behind(&self) -> bool {
        if !self.is_behind.load(Ordering::SeqCst) {
            return false;
        }
        let mut state = self.state();
        let is_flushed = state.waiting.flush(&self.spool, Moment::Now).is_ok();
        if is_flushed && self.real.is_some() && spool::is_empty(&self.spool) {
            state.forget_standin();
            state.waiting.last = None;
            self.is_behind.store(false, Ordering::SeqCst);
        }
        self.is_behind.load(Ordering::SeqCst)
    }

    fn locked(&self) -> MutexGuard<'_, Option<Locked>> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the real store; one that could not be opened fails.
    fn ask_real<T>(
        &self,
        question: impl FnOnce(&SqliteStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.use_real(question, true)
    }

    /// Writes to the real store, unless it was locked just now.
    fn write_really<T>(
        &self,
        write: impl FnOnce(&SqliteStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.use_real(|real| reserve::beside(|| write(real)), false)
    }

    fn use_real<T>(
        &self,
        act: impl FnOnce(&SqliteStore) -> Result<T, StoreError>,
        only_asks: bool,
    ) -> Result<T, StoreError> {
        let Some(real) = &self.real else {
            return Err(StoreError::Gone { path: self.spool.with_file_name("runs.db") });
        };
        let is_in_the_way =
            |locked: &&Locked| Instant::now() < locked.until && (locked.is_silent || !only_asks);
        if let Some(Locked { path, .. }) = self.locked().as_ref().filter(is_in_the_way) {
            return Err(StoreError::Busy { path: path.clone(), seconds: 0 });
        }
        let answer = act(real);
        if let Err(StoreError::Busy { path, .. }) = &answer {
            let (path, until) = (path.clone(), Instant::now() + PAUSE);
            *self.locked() = Some(Locked { path, until, is_silent: only_asks });
        }
        answer
    }

    /// Applies changes to the real store: at once, unless numbers of experiments may mean others there by now.
    fn apply_really(&self, changes: &Changes) -> Result<Applied, StoreError> {
        let changes = &with_tokens(&self.state().registry, changes);
        if !self.was_behind() || !changes.changes.iter().any(has_experiment) {
            return self.write_really(|real| real.apply_kept(changes));
        }
        let (making, named) = self.experiments().named(&changes.changes);
        let count = making.iter().filter(|change| matches!(change, Change::CreateExperiment { .. })).count();
        let mut named = with_changes(changes, [making, named].concat());
        named.sought.clone_from(&changes.sought);
        for change in &mut named.changes {
            if let Change::SetExperimentLifecycle { experiment, .. } = change {
                *experiment = self
                    .ask_real(|real| Ok(self.own_number(real, *experiment, true)))?
                    .unwrap_or(*experiment);
            }
        }
        let mut applied = self.write_really(|real| real.apply_kept(&named))?;
        applied.experiments.drain(..count);
        Ok(applied)
    }

    /// What a client is told of changes that were applied, and what is remembered of them.
    fn remember(&self, changes: &Changes, applied: &mut Applied, is_real: bool) {
        if changes.changes.iter().any(has_experiment) {
            let is_own = is_real && !self.was_behind();
            self.experiments().take_over(&changes.changes, applied, changes.at, (is_own, is_real));
        }
        if changes.changes.iter().any(|change| begins(change).is_some() || ends(change).is_some()) {
            let begun: Vec<Begun> = changes.changes.iter().filter_map(begins).collect();
            let (making, named) = if begun.is_empty() {
                (Vec::new(), Vec::new())
            } else {
                self.experiments().named(&changes.changes)
            };
            let mut state = self.state();
            for id in begun {
                let of_it = |change: &&Change| begins(change) == Some(id) || owners(change).contains(&id);
                let set = making.iter().chain(named.iter().filter(of_it)).cloned().collect();
                state.begun.insert(id, set);
            }
            for change in &changes.changes {
                let Some(id) = ends(change) else { continue };
                let begun = state.begun.shift_remove(&id);
                if let (Begun::Run(run), Some(mut set)) = (id, begun) {
                    set.push(change.clone());
                    state.ended.push_back((run, set));
                }
            }
            let too_many = state.ended.len().saturating_sub(MOST_ENDED);
            state.ended.drain(..too_many);
        }
    }

    /// Whether the real store may take something later that it did not take now: it fails, or another one stands in its place
    /// that is yet to know what was begun.
    fn may_wait(&self, fault: &StoreError) -> bool {
        match fault {
            StoreError::UnknownRun(run) => {
                let state = self.state();
                state.expected.contains(run) || state.begun.contains_key(&Begun::Run(*run))
            }
            StoreError::Unknown { noun: "logged model", name } => {
                let model = name.parse().map(Begun::Model);
                model.is_ok_and(|model| self.state().begun.contains_key(&model))
            }
            fault => is_silent(fault) || self.is_registered_elsewhere(fault),
        }
    }

    /// Whether a registered model, or a version, was made here in a store that another one stands in the place of by now.
    fn is_registered_elsewhere(&self, fault: &StoreError) -> bool {
        let (StoreError::Unknown { noun: "registered model", name }
        | StoreError::NotOfModel { model: name, .. }) = fault
        else {
            return false;
        };
        self.real.as_ref().is_some_and(|real| real.was_replaced()) && self.state().registry.has_made(name)
    }

    /// Makes again what has not ended, for another store that stands in the place of the one that had it. What is there
    /// already refuses.
    fn begin_again(&self) {
        let sets = self.state().begun_sets();
        for set in sets {
            let _ = self.write_really(|real| real.apply(anew(Timestamp::now(), set)));
        }
    }

    /// Applies changes to the stand-in, and has them wait for the real store, which refused them with `fault`, unless they
    /// were not shown to it.
    fn take(&self, changes: &Changes, fault: Option<&StoreError>) -> Result<Applied, StoreError> {
        let mut guard = self.state();
        let state = &mut *guard;
        if !self.is_behind.load(Ordering::SeqCst) {
            // What questions left there that nobody could answer.
            state.forget_standin();
        }
        self.was_behind.store(true, Ordering::SeqCst);
        self.meet_experiments(state, changes)?;
        let (making, mut named) = self.experiments().named(&changes.changes);
        let registered = self.take_registered(state, &mut named, changes.at)?;
        let standin = state.standin()?;
        if !making.is_empty() {
            standin.apply(Changes::new(changes.at, making.clone()))?;
        }
        self.meet_owners(state, &named);
        let told = self.with_own_numbers(state, with_changes(changes, named))?;
        let mut applied = state.standin()?.apply_kept(&told)?;
        applied.versions = registered.versions;
        state.forget_points(&told.changes);
        state.made.extend(told.changes.iter().filter_map(|change| match begins(change) {
            Some(Begun::Run(run)) => Some(run),
            _ => None,
        }));
        let mut kept = registered.kept;
        kept.extend(self.to_keep(state.standin()?, told.changes));
        if fault.is_some_and(may_be_another) && !self.is_behind.load(Ordering::SeqCst) {
            // Another store that may come knows nothing of them.
            for set in state.begun_sets() {
                self.keep(state, anew(changes.at, set));
            }
        }
        if !kept.is_empty() {
            self.is_behind.store(true, Ordering::SeqCst);
            self.keep(state, with_changes(changes, [making, kept].concat()));
            if let Some(fault) = fault.filter(|fault| is_silent(fault)) {
                self.teller.tell(fault, true);
            }
            (self.catch_up)();
        }
        drop(guard);
        self.remember(changes, &mut applied, false);
        Ok(applied)
    }

    /// What of the changes waits: what cannot be said but by a number that the stand-in gave is told to be lost.
    fn to_keep(&self, standin: &SqliteStore, changes: Vec<Change>) -> Vec<Change> {
        let mut kept = Vec::with_capacity(changes.len());
        for change in changes {
            match change {
                Change::CreateExperiment { name, .. } => {
                    kept.push(Change::CreateExperiment { name, if_absent: true });
                }
                Change::SetExperimentLifecycle { experiment, lifecycle } => {
                    let what = if lifecycle == Lifecycle::Deleted { "deleted" } else { "restored" };
                    let name = standin.experiment_by_id(experiment).map(|known| known.name);
                    self.teller.lose(&format!("experiment {} is not {what}", name.unwrap_or_default()));
                }
                Change::Purge(_) => self.teller.lose("nothing is removed for ever"),
                // It names versions by tokens: whoever applies what waits sets it.
                Change::LoggedModel(LoggedModelChange::SetTags { model, mut tags }) => {
                    tags.retain(|tag| tag.key != server::VERSIONS_TAG);
                    if !tags.is_empty() {
                        kept.push(Change::LoggedModel(LoggedModelChange::SetTags { model, tags }));
                    }
                }
                change => kept.push(change),
            }
        }
        kept
    }

    /// Has a set wait, in the spool if that takes it.
    fn keep(&self, state: &mut State, changes: Changes) {
        let (name, changes) = spool::named_at(changes);
        // What waits in memory is not in the spool yet, and others of this process keep something there, too.
        let newest = state.waiting.last.max(spool::newest(&self.spool));
        let name = newest.map_or(name, |newest| name.after(newest));
        state.waiting.last = Some(name);
        state.waiting.push(name, changes);
        let _ = state.waiting.flush(&self.spool, Moment::Now);
    }

    /// Makes shells of the runs and models that changes are about, and that the stand-in does not know.
    fn meet_owners(&self, state: &mut State, changes: &[Change]) {
        let made: Vec<Begun> = changes.iter().filter_map(begins).collect();
        for owner in changes.iter().flat_map(owners).filter(|owner| !made.contains(owner)) {
            let _ = match owner {
                Begun::Run(run) => self.meet_run(state, run),
                Begun::Model(model) => self.meet_model(state, model),
            };
        }
    }

    /// Makes a shell of a run, as good as can be told.
    fn meet_run(&self, state: &mut State, id: RunId) -> Result<(), StoreError> {
        if state.standin()?.run(id).is_ok() {
            return Ok(());
        }
        if let Ok(run) = self.ask_real(|real| real.run(id)) {
            if let Some(parent) = run.info.parent {
                let _ = self.meet_run(state, parent);
            }
            if state.standin()?.apply(copy_of(run)).is_ok() {
                return Ok(());
            }
        }
        if self.meet_begun(state, Begun::Run(id)) {
            return Ok(());
        }
        state.bare.insert(id);
        let new = Change::CreateRun(NewRun::new(id, Timestamp::now()));
        state.standin()?.apply(Changes::new(Timestamp::now(), vec![new])).map(drop)
    }

    fn meet_model(&self, state: &mut State, id: ModelId) -> Result<(), StoreError> {
        if state.standin()?.logged_model(id).is_ok() {
            return Ok(());
        }
        let found = self.ask_real(|real| {
            let model = real.logged_model(id)?;
            let name = real.experiment_by_id(model.experiment)?.name;
            Ok((model, name))
        });
        if let Ok((model, experiment)) = found {
            let number = model.experiment;
            let mut new = new_model(id);
            new.experiment = named_experiment(number, &experiment);
            (new.name, new.model_type, new.run) = (Some(model.name), model.model_type, model.run);
            new.params = model.params.into_iter().map(|(key, value)| track::Param { key, value }).collect();
            new.tags = model.tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
            let (status, message) = (model.status, model.message);
            let changes = vec![
                Change::CreateExperiment { name: experiment, if_absent: true },
                Change::LoggedModel(LoggedModelChange::Create(new)),
                Change::LoggedModel(LoggedModelChange::SetStatus { model: id, status, message }),
            ];
            if state.standin()?.apply(Changes::new(model.created, changes)).is_ok() {
                return Ok(());
            }
        }
        if self.meet_begun(state, Begun::Model(id)) {
            return Ok(());
        }
        let new = Change::LoggedModel(LoggedModelChange::Create(new_model(id)));
        state.standin()?.apply(Changes::new(Timestamp::now(), vec![new])).map(drop)
    }

    /// Makes in the stand-in what the script began before; whether it did.
    fn meet_begun(&self, state: &mut State, id: Begun) -> bool {
        let of_ended = || {
            let found = state.ended.iter().find(|(run, _)| Begun::Run(*run) == id);
            found.map(|(_, set)| set)
        };
        let Some(begun) = state.begun.get(&id).or_else(of_ended).cloned() else { return false };
        self.meet_owners(state, &begun);
        state.standin().is_ok_and(|standin| standin.apply(anew(Timestamp::now(), begun)).is_ok())
    }
}

impl State {
    /// What makes the runs and models again that go on, and what was registered.
    fn begun_sets(&self) -> Vec<Vec<Change>> {
        self.begun.values().cloned().chain(self.registry.making()).collect()
    }

    /// The stand-in, made when it is needed.
    fn standin(&mut self) -> Result<&SqliteStore, StoreError> {
        if self.standin.is_none() {
            self.standin = Some(SqliteStore::open_in_memory()?);
        }
        Ok(self.standin.as_ref().expect("it was made just now"))
    }

    /// Counts what the stand-in was told, and has it forget what is old, so that it does not grow as long as the store is
    /// away: the spool has it all. What the newest points themselves take is doubled before that is done again.
    fn forget_points(&mut self, told: &[Change]) {
        let count = |change: &Change| match change {
            Change::LogMetrics { metrics, .. }
            | Change::LoggedModel(LoggedModelChange::LogMetrics { metrics, .. }) => metrics.len(),
            Change::SetTags { tags, .. } => tags.len(),
            _ => 0,
        };
        self.told += told.iter().map(count).sum::<usize>();
        if self.told > self.may_be_told.max(MOST_POINTS)
            && let Some(Ok(left)) = self.standin.as_ref().map(|standin| standin.keep_newest(MOST_POINTS / 2))
        {
            (self.told, self.may_be_told) = (left, 2 * left);
        }
    }

    fn forget_standin(&mut self) {
        self.standin = None;
        self.registry.forget_standin();
        (self.told, self.may_be_told) = (0, 0);
        self.made.clear();
        self.bare.clear();
    }
}

/// The same set with other changes, of which nothing is to be told.
fn with_changes(changes: &Changes, other: Vec<Change>) -> Changes {
    Changes {
        changes: other,
        preconditions: changes.preconditions.clone(),
        to_deleted: changes.to_deleted,
        ..Changes::new(changes.at, Vec::new())
    }
}

/// The same set with versions that were made here by their tokens.
fn with_tokens<'c>(registry: &Registry, changes: &'c Changes) -> Cow<'c, Changes> {
    if !changes.changes.iter().any(is_of_registry) {
        return Cow::Borrowed(changes);
    }
    let sought = match changes.sought.clone() {
        Some(Sought::Version(version)) => Some(Sought::Version(registry.with_token(&version))),
        sought => sought,
    };
    Cow::Owned(Changes { changes: registry.with_tokens(&changes.changes), sought, ..changes.clone() })
}

fn is_of_registry(change: &Change) -> bool {
    matches!(change, Change::Registry(_))
}

/// Whether another store may stand in the place of the one that answered so, or that comes after it.
fn may_be_another(fault: &StoreError) -> bool {
    fault.kind() != ErrorKind::Failed || matches!(fault, StoreError::Gone { .. })
}

/// What a change makes that goes on for a while.
fn begins(change: &Change) -> Option<Begun> {
    match change {
        Change::CreateRun(new) => Some(Begun::Run(new.id)),
        Change::LoggedModel(LoggedModelChange::Create(new)) => Some(Begun::Model(new.id)),
        _ => None,
    }
}

/// What a change ends.
fn ends(change: &Change) -> Option<Begun> {
    match change {
        Change::UpdateRun { run, status: Some(status), .. } if status.has_ended() => Some(Begun::Run(*run)),
        Change::SetLifecycle { run, lifecycle: Lifecycle::Deleted } => Some(Begun::Run(*run)),
        Change::LoggedModel(LoggedModelChange::SetStatus { model, status, .. })
            if *status != ModelStatus::Pending =>
        {
            Some(Begun::Model(*model))
        }
        _ => None,
    }
}

/// The runs and models that have to be there for a change.
fn owners(change: &Change) -> Vec<Begun> {
    let mut owners: Vec<Begun> = change.uses().into_iter().map(Begun::Run).collect();
    match change {
        Change::DeleteArtifacts { owner: ArtifactOwner::Model(model), .. } => {
            owners.push(Begun::Model(*model));
        }
        Change::LoggedModel(
            LoggedModelChange::SetStatus { model, .. }
            | LoggedModelChange::SetTags { model, .. }
            | LoggedModelChange::DeleteTag { model, .. }
            | LoggedModelChange::LogParams { model, .. }
            | LoggedModelChange::LogMetrics { model, .. }
            | LoggedModelChange::LogArtifacts { model, .. }
            | LoggedModelChange::SetLifecycle { model, .. },
        ) => owners.push(Begun::Model(*model)),
        _ => {}
    }
    owners
}

/// What makes a run in the stand-in as the real store has it.
fn copy_of(Run { info, data }: Run) -> Changes {
    let run = info.id;
    let new = NewRun {
        experiment: named_experiment(info.experiment, &info.experiment_name),
        name: Some(info.name),
        status: info.status,
        parent: info.parent,
        end_time: info.end_time,
        user: info.user,
        ..NewRun::new(run, info.start_time)
    };
    let params = data.params.into_iter().map(|(key, value)| track::Param { key, value }).collect();
    let tags = data.tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    let changes = vec![
        Change::CreateExperiment { name: info.experiment_name, if_absent: true },
        Change::CreateRun(new),
        Change::LogParams { run, params },
        Change::SetTags { run, tags },
        Change::LogMetrics { run, metrics: data.metrics.into_values().collect() },
        Change::LogDatasets { run, datasets: data.datasets },
        Change::LogModelInputs { run, models: data.model_inputs },
        Change::LogModelOutputs { run, models: data.model_outputs },
        Change::SetLifecycle { run, lifecycle: info.lifecycle },
    ];
    anew(Timestamp::now(), changes)
}

/// What makes anew what was begun. The run that it comes from may be deleted since.
fn anew(at: Timestamp, changes: Vec<Change>) -> Changes {
    Changes { to_deleted: true, ..Changes::new(at, changes) }
}

/// An experiment by its name; the first has the same number everywhere.
fn named_experiment(number: ExperimentId, name: &str) -> ExperimentRef {
    if number == ExperimentId::DEFAULT {
        ExperimentRef::default()
    } else {
        ExperimentRef::Name(name.to_owned())
    }
}

fn new_model(id: ModelId) -> NewLoggedModel {
    NewLoggedModel {
        id,
        experiment: ExperimentRef::default(),
        name: None,
        model_type: None,
        run: None,
        params: Vec::new(),
        tags: Vec::new(),
    }
}
