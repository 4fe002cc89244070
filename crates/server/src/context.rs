//! What every request is answered from: the store, the cache, and where the request came in.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use base::Timestamp;
use cache::Blobs;
use track::{
    Applied, Change, Changes, ExperimentId, Found, LoggedModel, ModelId, ModelStore, ModelVersion,
    NewVersion, RegisteredModel, RegistryChange, Run, RunId, Sought, StoreError, Tag, VersionRef,
};

use crate::guard::Token;
use crate::wire::Locations;

/// What a server serves. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The runs.
    pub store: Arc<dyn ModelStore>,
    /// The bytes of their artifacts.
    pub blobs: Blobs,
    /// The addresses under which single stages are served.
    pub scopes: Scopes,
    /// Who is told of a file that the disk does not take, where its client is to go on as if it did.
    pub lose: Option<Lose>,
}

/// Tells people what is lost: the thing, and the sentence about it.
pub type Lose = Arc<dyn Fn(&str, &str) + Send + Sync>;

impl Context {
    /// A server's view on a store and a cache, with no scopes yet.
    pub fn new(store: Arc<dyn ModelStore>, blobs: Blobs) -> Self {
        Context { store, blobs, scopes: Scopes::default(), lose: None }
    }

    /// Where the artifacts of these experiments are kept, where somebody has said so.
    pub(crate) fn locations(
        &self,
        experiments: impl IntoIterator<Item = ExperimentId>,
    ) -> Result<Locations, StoreError> {
        let mut locations = HashMap::new();
        for id in experiments.into_iter().collect::<BTreeSet<_>>() {
            match self.store.experiment_by_id(id) {
                Ok(found) => locations.extend(found.artifact_location.map(|location| (id, location))),
                // Purged since.
                Err(StoreError::UnknownExperiment(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(Locations(locations))
    }

    /// Applies changes that were asked for now.
    pub(crate) fn apply(&self, changes: Vec<Change>) -> Result<Applied, StoreError> {
        self.store.apply(Changes::new(Timestamp::now(), changes))
    }

    // What a request has made is answered as the request left it: another client may delete it before it could be read.
    // Where the store has it wait nobody else knows of it, and it is read.

    /// Applies changes of a run; returns it as they left it.
    pub(crate) fn apply_to_run(&self, changes: Changes, run: RunId) -> Result<Run, StoreError> {
        match self.apply_and_find(changes, Sought::Run(run))? {
            (_, Some(Found::Run(found))) => Ok(found),
            _ => self.store.run(run),
        }
    }

    /// The same of a logged model.
    pub(crate) fn apply_to_logged(&self, change: Change, model: ModelId) -> Result<LoggedModel, StoreError> {
        match self.apply_and_find(now(change), Sought::LoggedModel(model))? {
            (_, Some(Found::LoggedModel(found))) => Ok(found),
            _ => self.store.logged_model(model),
        }
    }

    /// The same of a registered model, which has this name then; with the newest version of each stage.
    pub(crate) fn apply_to_registered(
        &self,
        change: RegistryChange,
        name: &str,
    ) -> Result<(RegisteredModel, Vec<ModelVersion>), StoreError> {
        let change = now(Change::Registry(change));
        match self.apply_and_find(change, Sought::RegisteredModel(name.to_owned()))? {
            (_, Some(Found::RegisteredModel(found, latest))) => Ok((found, latest)),
            _ => Ok((self.store.registered_model(name)?, self.store.latest_versions(name, &[])?)),
        }
    }

    /// The same of a version.
    pub(crate) fn apply_to_version(
        &self,
        change: RegistryChange,
        version: &VersionRef,
    ) -> Result<ModelVersion, StoreError> {
        match self.apply_and_find(now(Change::Registry(change)), Sought::Version(version.clone()))? {
            (_, Some(Found::Version(found))) => Ok(found),
            _ => self.store.model_version(&version.model, version.version),
        }
    }

    /// Makes a version.
    pub(crate) fn make_version(&self, new: NewVersion) -> Result<ModelVersion, StoreError> {
        let model = new.model.clone();
        let change = now(Change::Registry(RegistryChange::CreateVersion(new)));
        match self.apply_and_find(change, Sought::NewVersion(model.clone()))? {
            (_, Some(Found::Version(found))) => Ok(found),
            (applied, _) => self.store.model_version(&model, applied.versions[0]),
        }
    }

    fn apply_and_find(
        &self,
        changes: Changes,
        sought: Sought,
    ) -> Result<(Applied, Option<Found>), StoreError> {
        let mut applied = self.store.apply(Changes { sought: Some(sought), ..changes })?;
        let found = applied.found.take().map(|found| *found);
        Ok((applied, found))
    }
}

fn now(change: Change) -> Changes {
    Changes::new(Timestamp::now(), vec![change])
}

/// How many names of experiments that were not there a stage is remembered to have asked for.
const MISSED: usize = 64;

/// The script of one stage, which is served under an address of its own.
pub struct Scope {
    /// The run that becomes the parent of every run that is made without one. Its status is not the script's to say.
    pub(crate) stage: RunId,
    /// What every run that is made gets.
    pub(crate) tags: Vec<Tag>,
    /// The runs that were made, or started again.
    started: Mutex<BTreeSet<RunId>>,
    /// The names of experiments that were asked for and not there, each as often; the latest ones.
    missed: Mutex<VecDeque<String>>,
    /// What has to happen before the first request is answered.
    before: Box<dyn Fn() + Send + Sync>,
    is_entered: Once,
}

impl Scope {
    /// The scope of the scripts of a stage, recorded by the run `stage`. `before` is called once, before the first
    /// request is answered: the run has to be in the store then.
    pub fn new(stage: RunId, tags: Vec<Tag>, before: impl Fn() + Send + Sync + 'static) -> Self {
        let before = Box::new(before);
        Scope {
            stage,
            tags,
            started: Mutex::default(),
            missed: Mutex::default(),
            before,
            is_entered: Once::new(),
        }
    }

    /// The runs that were made here, or started again, oldest first.
    pub fn started(&self) -> Vec<RunId> {
        lock(&self.started).iter().copied().collect()
    }

    /// Whether anybody has asked for something here.
    pub fn was_entered(&self) -> bool {
        self.is_entered.is_completed()
    }

    /// Called on a thread that may block, before a request is answered.
    pub(crate) fn enter(&self) {
        self.is_entered.call_once(|| (self.before)());
    }

    /// Remembers a run whose end is owed.
    pub(crate) fn start(&self, run: RunId) {
        lock(&self.started).insert(run);
    }

    /// Remembers that an experiment was asked for that is not there.
    pub(crate) fn miss(&self, name: &str) {
        let mut missed = lock(&self.missed);
        if missed.len() == MISSED {
            missed.pop_front();
        }
        missed.push_back(name.to_owned());
    }

    /// Whether an experiment that is made now was asked for, and not there. Clients ask before they make one: when it is
    /// there by now, another stage was quicker. The client of 3.x then logs to the default experiment without a word, and
    /// that of 2.9 fails.
    pub(crate) fn has_missed(&self, name: &str) -> bool {
        let mut missed = lock(&self.missed);
        let place = missed.iter().position(|known| known == name);
        place.is_some_and(|place| missed.remove(place).is_some())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// Scopes by the secret part of their address, `/s/SECRET`: whoever knows it needs no token. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Scopes(Arc<Mutex<HashMap<String, Arc<Scope>>>>);

impl Scopes {
    /// Opens an address for a scope; returns its secret part.
    pub fn open(&self, scope: Arc<Scope>) -> Token {
        let token = Token::random();
        self.map().insert(token.as_str().to_owned(), scope);
        token
    }

    /// Closes an address: requests that come later are refused.
    pub fn close(&self, token: &Token) {
        self.map().remove(token.as_str());
    }

    /// The scope of an address.
    pub(crate) fn find(&self, secret: &str) -> Option<Arc<Scope>> {
        // The time that a hash map takes tells nothing of how near a guess was: its hash is keyed.
        self.map().get(secret).cloned()
    }

    fn map(&self) -> MutexGuard<'_, HashMap<String, Arc<Scope>>> {
        lock(&self.0)
    }
}
