//! The numbers under which the clients of a reproduction know experiments, and what is known of those.
//!
//! A number that a client was told means the same experiment for as long as it is served: by its name, since that is what
//! a store that comes back, another store and the stand-in have in common. The first experiment is number 0 in all of
//! them. Until the store fails for the first time the numbers are its own.

use std::collections::{BTreeMap, HashMap, HashSet};

use base::Timestamp;
use track::{Applied, Change, Experiment, ExperimentId, ExperimentRef, Lifecycle, LoggedModelChange};

/// Numbers from here on are of experiments whose own number is not known, or means another one to clients. No store comes
/// so far.
const GIVEN: i64 = 1 << 40;

/// What is known of experiments, by the numbers that clients know.
#[derive(Debug, Default)]
pub struct Experiments {
    known: BTreeMap<ExperimentId, Experiment>,
    /// Of the active ones.
    numbers: HashMap<String, ExperimentId>,
    given: i64,
}

impl Experiments {
    /// Takes notice of an experiment of the store whose numbers are those that clients know.
    pub fn see(&mut self, found: &Experiment) {
        if self.known.get(&found.id) == Some(found) {
            return;
        }
        self.put(found.clone());
    }

    /// The same, where no more than its name is at hand.
    pub fn see_name(&mut self, id: ExperimentId, name: &str) {
        if self.known.get(&id).is_none_or(|known| known.name != name) {
            self.put(unknown_but_for(id, name, Timestamp::default()));
        }
    }

    /// The number by which clients know an experiment, of a store or, without its own number, of the stand-in.
    pub fn number(&mut self, name: &str, own: Option<ExperimentId>) -> ExperimentId {
        if own == Some(ExperimentId::DEFAULT) {
            return ExperimentId::DEFAULT;
        }
        // Of those with one name only one is active: where the number says the same it is that one.
        if let Some(own) = own.filter(|own| self.known.get(own).is_some_and(|known| known.name == name)) {
            return own;
        }
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = own.filter(|own| !self.known.contains_key(own)).unwrap_or_else(|| {
            self.given += 1;
            ExperimentId(GIVEN + self.given)
        });
        self.put(unknown_but_for(number, name, Timestamp::now()));
        number
    }

    /// An experiment of a store, or of the stand-in, under the number that clients know.
    pub fn shown(&mut self, mut found: Experiment, is_real: bool) -> Experiment {
        found.id =
            self.number(&found.name, (is_real || found.id == ExperimentId::DEFAULT).then_some(found.id));
        self.put(found.clone());
        found
    }

    /// What is known of an experiment by its number.
    pub fn get(&self, id: ExperimentId) -> Option<&Experiment> {
        self.known.get(&id)
    }

    /// The active experiment of a name.
    pub fn of_name(&self, name: &str) -> Option<&Experiment> {
        self.known.get(self.numbers.get(name)?)
    }

    /// All that are known.
    pub fn all(&self) -> impl Iterator<Item = &Experiment> {
        self.known.values()
    }

    /// The same changes with experiments by their names, and what makes those where they are not.
    pub fn named(&self, changes: &[Change]) -> (Vec<Change>, Vec<Change>) {
        let made = changes.iter().filter_map(|change| match change {
            Change::CreateExperiment { name, .. } => Some(name.clone()),
            _ => None,
        });
        let mut there: HashSet<String> = made.collect();
        let mut making = Vec::new();
        let mut named = changes.to_vec();
        for experiment in named.iter_mut().filter_map(experiment_of) {
            let known = match experiment {
                ExperimentRef::Id(id) if *id != ExperimentId::DEFAULT => self.known.get(id),
                ExperimentRef::Name(name) => self.of_name(name),
                _ => None,
            };
            let Some(known) = known.filter(|known| known.lifecycle == Lifecycle::Active) else { continue };
            *experiment = ExperimentRef::Name(known.name.clone());
            if known.id != ExperimentId::DEFAULT && there.insert(known.name.clone()) {
                let name = known.name.clone();
                making.push(Change::CreateExperiment { name, if_absent: true });
                if known.artifact_location.is_some() {
                    let (experiment, location) = (experiment.clone(), known.artifact_location.clone());
                    making.push(Change::SetArtifactLocation { experiment, location });
                }
            }
        }
        (making, named)
    }

    /// Remembers what changes did that were applied, and tells clients their own numbers. `is_own` says that the numbers of the
    /// answer are those that clients know; `is_real`, that they are of a store.
    pub fn take_over(
        &mut self,
        changes: &[Change],
        applied: &mut Applied,
        at: Timestamp,
        (is_own, is_real): (bool, bool),
    ) {
        let mut made = applied.experiments.iter_mut();
        for change in changes {
            match change {
                Change::CreateExperiment { name, .. } => {
                    let Some(number) = made.next() else { continue };
                    if is_own {
                        self.see_name(*number, name);
                    } else {
                        let is_first = *number == ExperimentId::DEFAULT;
                        *number = self.number(name, (is_real || is_first).then_some(*number));
                    }
                    if let Some(known) =
                        self.known.get_mut(number).filter(|known| known.created == Timestamp::default())
                    {
                        (known.created, known.updated) = (at, at);
                    }
                }
                Change::SetExperimentTags { experiment, tags } => {
                    if let Some(known) = self.meant(experiment) {
                        known.tags.extend(tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())));
                    }
                }
                Change::DeleteExperimentTag { experiment, key } => {
                    if let Some(known) = self.meant(experiment) {
                        known.tags.remove(key);
                    }
                }
                Change::SetArtifactLocation { experiment, location } => {
                    if let Some(known) = self.meant(experiment) {
                        known.artifact_location.clone_from(location);
                    }
                }
                Change::RenameExperiment { experiment, name } => {
                    if let Some(known) = self.meant(experiment) {
                        let known = Experiment { name: name.clone(), ..known.clone() };
                        self.put(known);
                    }
                }
                Change::SetExperimentLifecycle { experiment, lifecycle } => {
                    if let Some(known) = self.known.get(experiment) {
                        let known = Experiment { lifecycle: *lifecycle, ..known.clone() };
                        self.put(known);
                    }
                }
                _ => {}
            }
        }
    }

    fn meant(&mut self, experiment: &ExperimentRef) -> Option<&mut Experiment> {
        match experiment {
            ExperimentRef::Id(id) => self.known.get_mut(id),
            ExperimentRef::Name(name) => self.known.get_mut(self.numbers.get(name)?),
            ExperimentRef::OfRun(_) => None,
        }
    }

    fn put(&mut self, experiment: Experiment) {
        let id = experiment.id;
        if let Some(old) = self.known.get(&id)
            && self.numbers.get(&old.name) == Some(&id)
        {
            self.numbers.remove(&old.name);
        }
        if experiment.lifecycle == Lifecycle::Active {
            self.numbers.insert(experiment.name.clone(), id);
        }
        self.known.insert(id, experiment);
    }
}

/// Whether a change speaks of an experiment by its number or name.
pub fn has_experiment(change: &Change) -> bool {
    matches!(
        change,
        Change::CreateExperiment { .. }
            | Change::SetExperimentTags { .. }
            | Change::RenameExperiment { .. }
            | Change::SetArtifactLocation { .. }
            | Change::DeleteExperimentTag { .. }
            | Change::SetExperimentLifecycle { .. }
            | Change::CreateRun(_)
            | Change::LoggedModel(LoggedModelChange::Create(_))
    )
}

fn experiment_of(change: &mut Change) -> Option<&mut ExperimentRef> {
    match change {
        Change::SetExperimentTags { experiment, .. }
        | Change::RenameExperiment { experiment, .. }
        | Change::SetArtifactLocation { experiment, .. }
        | Change::DeleteExperimentTag { experiment, .. } => Some(experiment),
        Change::CreateRun(new) => Some(&mut new.experiment),
        Change::LoggedModel(LoggedModelChange::Create(new)) => Some(&mut new.experiment),
        _ => None,
    }
}

fn unknown_but_for(id: ExperimentId, name: &str, at: Timestamp) -> Experiment {
    Experiment {
        id,
        name: name.to_owned(),
        lifecycle: Lifecycle::Active,
        created: at,
        updated: at,
        artifact_location: None,
        tags: BTreeMap::new(),
    }
}
