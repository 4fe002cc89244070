//! What the store answers that stands before the real one: while all is well, what that one answers. What the stand-in
//! knows comes from it while something waits; else the real store is asked; where that fails, the stand-in answers, as
//! one that has nothing but what the script uses.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use base::{Digest, Timestamp};
use track::{
    Applied, Artifact, ArtifactEntry, ArtifactOwner, Change, Changes, Course, DatasetSummary, ErrorKind,
    Experiment, ExperimentId, ExperimentSearch, Found, KeyGroup, Lease, Lifecycle, LineageFile, Metric,
    MetricCursor, ModelStore, Purge, Role, Run, RunId, RunStore, Search, SqliteStore, StoreError, TagValue,
    View,
};

use super::registry::{Taken, is_token, name_of, version_in};
use super::{Begun, StandbyStore, State};

/// Whether a store could not answer at all.
pub(super) fn is_silent(fault: &StoreError) -> bool {
    fault.kind() == ErrorKind::Failed
}

impl StandbyStore {
    /// Asks the stand-in, where something waits. Who asks both asks it first: what it says is not in the real store yet, and
    /// when it says nothing any more all of it is. The other way round something could be in neither answer.
    pub(super) fn ask_standin<T>(&self, question: impl FnOnce(&SqliteStore) -> T) -> Option<T> {
        if !self.is_behind() {
            return None;
        }
        self.state().standin.as_ref().map(question)
    }

    /// What a store answers that has nothing but what the script uses.
    fn ask_only_standin<T>(
        &self,
        question: impl FnOnce(&SqliteStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        question(self.state().standin()?)
    }

    /// Asks the real store, or, where it does not answer, the stand-in.
    pub(super) fn ask<T>(
        &self,
        question: impl Fn(&SqliteStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match self.ask_real(&question) {
            Err(fault) if is_silent(&fault) => self.ask_only_standin(question),
            answer => answer,
        }
    }

    /// Asks who knows most of a run: the stand-in of one that was made there.
    fn ask_of_run<T>(
        &self,
        run: RunId,
        question: impl Fn(&SqliteStore) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_behind() {
            let state = self.state();
            if let Some(standin) = state.standin.as_ref().filter(|_| state.made.contains(&run)) {
                return question(standin);
            }
        }
        self.ask(question)
    }

    /// What both have of something; fails where neither has it, or none of a question that cannot be.
    pub(super) fn ask_both<T>(
        &self,
        question: impl Fn(&SqliteStore) -> Result<Vec<T>, StoreError>,
        merge: impl FnOnce(Vec<T>, Vec<T>) -> Vec<T>,
    ) -> Result<Vec<T>, StoreError> {
        let standin = self.ask_standin(&question);
        match (standin, self.ask_real(&question)) {
            (Some(Ok(standin)), Ok(real)) => Ok(merge(real, standin)),
            (Some(Ok(standin)), Err(_)) => Ok(standin),
            (None, Err(fault)) if is_silent(&fault) => self.ask_only_standin(question).or(Ok(Vec::new())),
            (Some(Err(_)), Err(fault)) if is_silent(&fault) => Ok(Vec::new()),
            (_, real) => real,
        }
    }

    /// The number that an experiment has in a store, by the one that clients know; nothing where it is not there.
    pub(super) fn own_number(
        &self,
        store: &SqliteStore,
        shown: ExperimentId,
        is_real: bool,
    ) -> Option<ExperimentId> {
        if shown == ExperimentId::DEFAULT {
            return Some(shown);
        }
        let known = self.experiments().get(shown).map(|known| known.name.clone());
        let there = store.experiment_by_id(shown).ok();
        match (known, there) {
            (None, there) => there.filter(|_| is_real).map(|there| there.id),
            (Some(name), Some(there)) if there.name == name => Some(there.id),
            (Some(name), _) => store.experiment(&name).ok().flatten().map(|found| found.id),
        }
    }

    /// The numbers that experiments have in a store; nothing where none of them is there.
    pub(super) fn own_numbers(
        &self,
        store: &SqliteStore,
        shown: &[ExperimentId],
        is_real: bool,
    ) -> Option<Vec<ExperimentId>> {
        if is_real && !self.was_behind() {
            return Some(shown.to_vec());
        }
        let own = shown.iter().filter_map(|id| self.own_number(store, *id, is_real));
        let own: Vec<ExperimentId> = own.collect();
        (!own.is_empty() || shown.is_empty()).then_some(own)
    }

    /// Changes as the stand-in understands them.
    pub(super) fn with_own_numbers(
        &self,
        state: &mut State,
        mut changes: Changes,
    ) -> Result<Changes, StoreError> {
        for change in &mut changes.changes {
            if let Change::SetExperimentLifecycle { experiment, .. } = change {
                let own = self.own_number(state.standin()?, *experiment, false);
                *experiment = own.unwrap_or(*experiment);
            }
        }
        Ok(changes)
    }

    /// The number by which clients know an experiment of the stand-in, or of the real store.
    pub(super) fn shown_number(&self, store: &SqliteStore, own: ExperimentId, is_real: bool) -> ExperimentId {
        if is_real && !self.was_behind() || own == ExperimentId::DEFAULT {
            return own;
        }
        match store.experiment_by_id(own) {
            Ok(found) => self.experiments().number(&found.name, is_real.then_some(own)),
            Err(_) => own,
        }
    }

    /// A run with the number of its experiment that clients know.
    fn shown(&self, mut run: Run, is_real: bool) -> Run {
        let (id, name) = (run.info.experiment, &run.info.experiment_name);
        if is_real && !self.was_behind() {
            self.experiments().see_name(id, name);
        } else {
            let own = (is_real || id == ExperimentId::DEFAULT).then_some(id);
            run.info.experiment = self.experiments().number(name, own);
        }
        run
    }

    /// What the real store told of what it has taken.
    fn shown_found(&self, found: Found) -> Found {
        match (found, &self.real) {
            (Found::Run(run), _) => Found::Run(self.shown(run, true)),
            (Found::LoggedModel(model), Some(real)) => {
                Found::LoggedModel(self.shown_model(real, model, true))
            }
            (found, _) => found,
        }
    }

    fn shown_experiment(&self, found: Experiment, is_real: bool) -> Experiment {
        if is_real && !self.was_behind() {
            self.experiments().see(&found);
            return found;
        }
        self.experiments().shown(found, is_real)
    }

    /// Makes shells of the experiments that changes speak of, or would make anew.
    pub(super) fn meet_experiments(&self, state: &mut State, changes: &Changes) -> Result<(), StoreError> {
        for change in &changes.changes {
            if let Change::CreateExperiment { name, .. } | Change::RenameExperiment { name, .. } = change
                && let Ok(Some(found)) = self.ask_real(|real| real.experiment(name))
            {
                self.shown_experiment(found, true);
            }
        }
        let (making, _) = self.experiments().named(&changes.changes);
        let of_change = changes.changes.iter().chain(&making).filter_map(|change| match change {
            Change::CreateExperiment { name, .. } | Change::RenameExperiment { name, .. } => Some(name),
            _ => None,
        });
        let of_lifecycle = changes.changes.iter().filter_map(|change| match change {
            Change::SetExperimentLifecycle { experiment, .. } => Some(*experiment),
            _ => None,
        });
        let known: Vec<Experiment> = {
            let experiments = self.experiments();
            let named = of_change.filter_map(|name| experiments.of_name(name));
            named.chain(of_lifecycle.filter_map(|id| experiments.get(id))).cloned().collect()
        };
        known.iter().try_for_each(|known| meet_experiment(state, known))
    }

    /// Has the stand-in of the registry take what is of it, out of the changes.
    pub(super) fn take_registered(
        &self,
        state: &mut State,
        changes: &mut Vec<Change>,
        at: Timestamp,
    ) -> Result<Taken, StoreError> {
        let mut taken = Taken::default();
        let mut rest = Vec::with_capacity(changes.len());
        for change in std::mem::take(changes) {
            match change {
                Change::Registry(change) => {
                    let find = |name: &str| self.find_registered(name);
                    let find_version = |version: &track::VersionRef| self.find_version(version);
                    let find_versions = |name: &str| self.find_versions(name);
                    state.registry.take(change, at, find, find_version, find_versions, &mut taken)?;
                }
                // Files of a version are those of what it was made of.
                Change::DeleteArtifacts { owner: ArtifactOwner::Version(..), .. } => {}
                change => rest.push(change),
            }
        }
        *changes = rest;
        Ok(taken)
    }

    /// Takes notice of what the store took of the registry.
    fn note_registered(&self, changes: &[Change], applied: &Applied) {
        for change in changes {
            let Change::Registry(change) = change else { continue };
            self.state().registry.note(change, applied);
            // What clients are not told at once, they may ask later.
            let _ = self.registered_model(name_of(change));
            if let Some(version) = version_in(&mut change.clone()) {
                let _ = self.model_version(&version.model, version.version);
            }
        }
    }

    /// The runs that match of both, where something waits.
    fn search_both(&self, search: &Search) -> Result<Vec<Run>, StoreError> {
        let (known, whole, mut found) = self.ask_only_standin(|standin| {
            let known = standin.select(&Search { view: View::All, ..Search::default() })?;
            let limit = search.limit.map(|limit| limit.saturating_add(search.offset));
            let limit = limit.map(|limit| limit.saturating_add(known.len()));
            let whole = Search { offset: 0, limit, ordered: None, ..search.clone() };
            let found = self.search_in(standin, &whole, false)?;
            Ok((known.into_iter().collect::<HashSet<RunId>>(), whole, found))
        })?;
        let real = self.ask_real(|real| self.search_in(real, &whole, true)).unwrap_or_default();
        found.extend(real.into_iter().filter(|run| !known.contains(&run.info.id)));
        found.sort_by(|a, b| {
            let by_key = search.order_by.iter().map(|order| order.compare_runs(a, b));
            let by_start = b.info.start_time.cmp(&a.info.start_time).then(a.info.id.cmp(&b.info.id));
            by_key.fold(Ordering::Equal, Ordering::then).then(by_start)
        });
        found.drain(..search.offset.min(found.len()));
        found.truncate(search.limit.unwrap_or(usize::MAX));
        Ok(found)
    }

    fn search_in(&self, store: &SqliteStore, search: &Search, is_real: bool) -> Result<Vec<Run>, StoreError> {
        let Some(experiments) = self.own_numbers(store, &search.experiments, is_real) else {
            return Ok(Vec::new());
        };
        let found = store.search(&Search { experiments, ..search.clone() })?;
        Ok(found.into_iter().map(|run| self.shown(run, is_real)).collect())
    }

    /// All experiments that are known of, those of the stand-in too.
    fn all_experiments(&self) -> Vec<Experiment> {
        for found in self.ask_real(RunStore::experiments).unwrap_or_default() {
            self.shown_experiment(found, true);
        }
        for found in self.ask_standin(|standin| standin.experiments().unwrap_or_default()).unwrap_or_default()
        {
            // What was deleted there is known already.
            if found.id != ExperimentId::DEFAULT && found.lifecycle == Lifecycle::Active {
                self.shown_experiment(found, false);
            }
        }
        let mut all: BTreeMap<ExperimentId, Experiment> =
            self.experiments().all().map(|known| (known.id, known.clone())).collect();
        if let Ok(first) = self.ask_only_standin(|standin| standin.experiment_by_id(ExperimentId::DEFAULT)) {
            all.entry(first.id).or_insert(first);
        }
        all.into_values().collect()
    }
}

fn meet_experiment(state: &mut State, known: &Experiment) -> Result<(), StoreError> {
    if known.id == ExperimentId::DEFAULT || state.standin()?.experiment(&known.name)?.is_some() {
        return Ok(());
    }
    let experiment = track::ExperimentRef::Name(known.name.clone());
    let tags = known.tags.iter().map(|(key, value)| track::Tag { key: key.clone(), value: value.clone() });
    let changes = vec![
        Change::CreateExperiment { name: known.name.clone(), if_absent: true },
        Change::SetExperimentTags { experiment: experiment.clone(), tags: tags.collect() },
        Change::SetArtifactLocation { experiment, location: known.artifact_location.clone() },
    ];
    state.standin()?.apply(Changes::new(known.created, changes)).map(drop)
}

impl RunStore for StandbyStore {
    fn apply(&self, mut changes: Changes) -> Result<Applied, StoreError> {
        self.state().registry.name_versions(&mut changes.changes);
        if self.is_behind() {
            return self.take(&changes, None);
        }
        let mut answer = self.apply_really(&changes);
        if answer.as_ref().is_err_and(|fault| !is_silent(fault) && self.may_wait(fault)) {
            self.begin_again();
            answer = self.apply_really(&changes);
        }
        match answer {
            Ok(mut applied) => {
                self.remember(&changes, &mut applied, true);
                self.note_registered(&changes.changes, &applied);
                applied.found = applied.found.map(|found| Box::new(self.shown_found(*found)));
                Ok(applied)
            }
            Err(fault) if self.may_wait(&fault) => self.take(&changes, Some(&fault)),
            Err(fault) => Err(fault),
        }
    }

    fn experiments(&self) -> Result<Vec<Experiment>, StoreError> {
        if self.was_behind() {
            return Ok(self.all_experiments());
        }
        match self.ask_real(RunStore::experiments) {
            Ok(found) => {
                for experiment in &found {
                    self.experiments().see(experiment);
                }
                Ok(found)
            }
            Err(_) => Ok(self.all_experiments()),
        }
    }

    fn experiment(&self, name: &str) -> Result<Option<Experiment>, StoreError> {
        if let Some(Ok(Some(found))) = self.ask_standin(|standin| standin.experiment(name)) {
            return Ok(Some(self.shown_experiment(found, false)));
        }
        match self.ask_real(|real| real.experiment(name)) {
            Ok(found) => Ok(found.map(|found| self.shown_experiment(found, true))),
            Err(fault) if is_silent(&fault) => Ok(self.experiments().of_name(name).cloned()),
            Err(fault) => Err(fault),
        }
    }

    fn experiment_by_id(&self, id: ExperimentId) -> Result<Experiment, StoreError> {
        let known = || self.experiments().get(id).cloned();
        if self.was_behind()
            && id != ExperimentId::DEFAULT
            && let Some(known) = known()
        {
            // One that another store does not have is made there by who uses it.
            let is_active = known.lifecycle == Lifecycle::Active;
            let found = if is_active { self.experiment(&known.name)? } else { None };
            return Ok(found.unwrap_or(known));
        }
        match self.ask_real(|real| real.experiment_by_id(id)) {
            Ok(found) => Ok(self.shown_experiment(found, true)),
            Err(fault) if is_silent(&fault) => match known() {
                Some(known) => Ok(known),
                None if id == ExperimentId::DEFAULT => {
                    self.ask_only_standin(|standin| standin.experiment_by_id(id))
                }
                None => Err(StoreError::UnknownExperiment(id.to_string())),
            },
            Err(fault) => Err(fault),
        }
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Vec<Experiment>, StoreError> {
        let is_behind = self.is_behind();
        let asked = self.ask_real(|real| real.search_experiments(search));
        let found = match asked {
            Ok(found) if !is_behind => {
                return Ok(found.into_iter().map(|found| self.shown_experiment(found, true)).collect());
            }
            Err(fault) if !is_silent(&fault) => return Err(fault),
            // Those that are known of are all in the stand-in then.
            _ => {
                let all = self.all_experiments();
                let mut state = self.state();
                let active = all.iter().filter(|known| known.lifecycle == Lifecycle::Active);
                for known in active {
                    meet_experiment(&mut state, known)?;
                }
                state.standin()?.search_experiments(search)?
            }
        };
        Ok(found.into_iter().map(|found| self.shown_experiment(found, false)).collect())
    }

    fn datasets(
        &self,
        experiments: &[ExperimentId],
        limit: usize,
    ) -> Result<Vec<DatasetSummary>, StoreError> {
        let ask = |store: &SqliteStore, is_real: bool| -> Result<Vec<DatasetSummary>, StoreError> {
            let Some(own) = self.own_numbers(store, experiments, is_real) else { return Ok(Vec::new()) };
            let mut found = store.datasets(&own, limit)?;
            for summary in &mut found {
                summary.experiment = self.shown_number(store, summary.experiment, is_real);
            }
            Ok(found)
        };
        let standin = self.ask_standin(|standin| ask(standin, false)).unwrap_or(Ok(Vec::new()))?;
        let mut found = match self.ask_real(|real| ask(real, true)) {
            Err(fault) if !is_silent(&fault) => return Err(fault),
            found => found.unwrap_or_default(),
        };
        for summary in standin {
            if !found.contains(&summary) {
                found.push(summary);
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    fn run(&self, id: RunId) -> Result<Run, StoreError> {
        if let Some(Ok(run)) = self.ask_standin(|standin| standin.run(id)) {
            return Ok(self.shown(run, false));
        }
        match self.ask_real(|real| real.run(id)) {
            Ok(run) => Ok(self.shown(run, true)),
            Err(fault) if self.may_wait(&fault) => {
                if !is_silent(&fault) && self.state().begun.contains_key(&Begun::Run(id)) {
                    self.begin_again();
                    if let Ok(run) = self.ask_real(|real| real.run(id)) {
                        return Ok(self.shown(run, true));
                    }
                }
                let mut state = self.state();
                self.meet_run(&mut state, id)?;
                let run = state.standin()?.run(id)?;
                drop(state);
                Ok(self.shown(run, false))
            }
            Err(fault) => Err(fault),
        }
    }

    fn find_run_in(&self, wanted: &str, view: View) -> Result<RunId, StoreError> {
        let found = self.ask_standin(|standin| standin.find_run_in(wanted, view));
        found.and_then(Result::ok).map_or_else(|| self.ask(|store| store.find_run_in(wanted, view)), Ok)
    }

    fn children(&self, id: RunId) -> Result<Vec<Run>, StoreError> {
        let ask = |store: &SqliteStore, is_real| -> Result<Vec<Run>, StoreError> {
            Ok(store.children(id)?.into_iter().map(|run| self.shown(run, is_real)).collect())
        };
        let standin = self.ask_standin(|standin| ask(standin, false)).unwrap_or(Ok(Vec::new()))?;
        let mut found = match self.ask_real(|real| ask(real, true)) {
            Err(fault) if !is_silent(&fault) => return Err(fault),
            found => found.unwrap_or_default(),
        };
        found.retain(|run| standin.iter().all(|known| known.info.id != run.info.id));
        found.extend(standin);
        found.sort_by_key(|run| (run.info.start_time, run.info.id));
        Ok(found)
    }

    fn search(&self, search: &Search) -> Result<Vec<Run>, StoreError> {
        if self.is_behind() {
            return self.search_both(search);
        }
        match self.ask_real(|real| self.search_in(real, search, true)) {
            Err(fault) if is_silent(&fault) => self.search_both(search),
            found => found,
        }
    }

    fn select(&self, search: &Search) -> Result<Vec<RunId>, StoreError> {
        if !self.is_behind() {
            let answer = self.ask_real(|real| {
                let Some(experiments) = self.own_numbers(real, &search.experiments, true) else {
                    return Ok(Vec::new());
                };
                real.select(&Search { experiments, ..search.clone() })
            });
            if !answer.as_ref().is_err_and(is_silent) {
                return answer;
            }
        }
        Ok(self.search_both(search)?.into_iter().map(|run| run.info.id).collect())
    }

    fn runs(&self, ids: &[RunId]) -> Result<Vec<Run>, StoreError> {
        if !self.is_behind() {
            let answer = self.ask_real(|real| real.runs(ids));
            if !answer.as_ref().is_err_and(is_silent) {
                return Ok(answer?.into_iter().map(|run| self.shown(run, true)).collect());
            }
        }
        let mut runs = Vec::with_capacity(ids.len());
        for id in ids {
            match self.run(*id) {
                Err(StoreError::UnknownRun(_)) => {}
                run => runs.push(run?),
            }
        }
        Ok(runs)
    }

    fn keys(&self, group: KeyGroup) -> Result<Vec<String>, StoreError> {
        self.ask_both(|store| store.keys(group), in_order)
    }

    fn metric_history(&self, run: RunId, key: &str) -> Result<Vec<Metric>, StoreError> {
        self.ask_both(|store| store.metric_history(run, key), points)
    }

    fn earliest_points(&self, run: RunId, key: &str, limit: usize) -> Result<Vec<Metric>, StoreError> {
        let mut found = self.ask_both(|store| store.earliest_points(run, key, limit), points)?;
        found.sort_by(|a, b| a.timestamp.cmp(&b.timestamp).then_with(|| a.order(b)));
        found.truncate(limit);
        Ok(found)
    }

    fn metric_page(
        &self,
        run: RunId,
        key: &str,
        after: Option<MetricCursor>,
        limit: usize,
    ) -> Result<Vec<Metric>, StoreError> {
        let mut page = self.ask_both(|store| store.metric_page(run, key, after, limit), points)?;
        page.truncate(limit);
        Ok(page)
    }

    fn sampled_history(
        &self,
        runs: &[RunId],
        key: &str,
        steps: Option<(i64, i64)>,
        limit: usize,
    ) -> Result<Vec<(RunId, Vec<Metric>)>, StoreError> {
        let mut sampled = Vec::new();
        for run in runs {
            sampled.extend(self.ask_of_run(*run, |store| store.sampled_history(&[*run], key, steps, limit))?);
        }
        Ok(sampled)
    }

    fn courses(&self, run: RunId, limit: usize) -> Result<Vec<Course>, StoreError> {
        self.ask_of_run(run, |store| store.courses(run, limit))
    }

    fn metric_keys(&self, run: RunId) -> Result<Vec<String>, StoreError> {
        self.ask_both(|store| store.metric_keys(run), in_order)
    }

    fn artifacts(&self, run: RunId) -> Result<Vec<Artifact>, StoreError> {
        self.ask_both(|store| store.artifacts(run), by_path)
    }

    fn artifacts_of(&self, owner: &ArtifactOwner) -> Result<Vec<Artifact>, StoreError> {
        if is_of_token(owner) {
            return Ok(Vec::new());
        }
        self.ask_both(|store| store.artifacts_of(owner), by_path)
    }

    fn artifact_folder(&self, owner: &ArtifactOwner, folder: &str) -> Result<Vec<ArtifactEntry>, StoreError> {
        if is_of_token(owner) {
            return Ok(Vec::new());
        }
        self.ask_both(
            |store| store.artifact_folder(owner, folder),
            |real, standin| {
                let all = real.into_iter().chain(standin).map(|entry| (entry.path.clone(), entry));
                all.collect::<BTreeMap<_, _>>().into_values().collect()
            },
        )
    }

    fn artifact(&self, owner: &ArtifactOwner, path: &str) -> Result<Option<Artifact>, StoreError> {
        if is_of_token(owner) {
            return Ok(None);
        }
        if let Some(Ok(Some(found))) = self.ask_standin(|standin| standin.artifact(owner, path)) {
            return Ok(Some(found));
        }
        match self.ask_real(|real| real.artifact(owner, path)) {
            Err(fault) if is_silent(&fault) || self.is_behind() => Ok(None),
            found => found,
        }
    }

    fn tag_history(&self, run: RunId, key: &str) -> Result<Vec<TagValue>, StoreError> {
        self.ask_of_run(run, |store| store.tag_history(run, key))
    }

    fn lineage(&self, run: RunId, role: Role) -> Result<Vec<LineageFile>, StoreError> {
        self.ask_of_run(run, |store| store.lineage(run, role))
    }

    fn maker(&self, digest: &Digest, before: RunId) -> Result<Option<RunId>, StoreError> {
        self.ask(|store| store.maker(digest, before))
    }

    fn leases(&self) -> Result<Vec<(RunId, Lease)>, StoreError> {
        self.ask_real(RunStore::leases)
    }

    fn heard_outside(
        &self,
        earliest: Timestamp,
        latest: Timestamp,
    ) -> Result<Vec<(RunId, Option<Lease>, Timestamp)>, StoreError> {
        self.ask_real(|real| real.heard_outside(earliest, latest))
    }

    fn purgeable(&self, before: Option<Timestamp>) -> Result<Purge, StoreError> {
        self.ask_real(|real| real.purgeable(before))
    }
}

fn is_of_token(owner: &ArtifactOwner) -> bool {
    matches!(owner, ArtifactOwner::Version(_, version) if is_token(*version))
}

fn in_order(real: Vec<String>, standin: Vec<String>) -> Vec<String> {
    real.into_iter().chain(standin).collect::<BTreeSet<_>>().into_iter().collect()
}

fn by_path(real: Vec<Artifact>, standin: Vec<Artifact>) -> Vec<Artifact> {
    let all = real.into_iter().chain(standin).map(|artifact| (artifact.path.clone(), artifact));
    all.collect::<BTreeMap<_, _>>().into_values().collect()
}

fn points(mut real: Vec<Metric>, standin: Vec<Metric>) -> Vec<Metric> {
    real.extend(standin);
    real.sort_by(Metric::order);
    real.dedup();
    real
}
