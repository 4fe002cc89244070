//! Two runs that are one for people: that of a stage and the one that its script made.
//!
//! The first tells what ran and how it ended, the second what was logged. Two tags tie them together, each names the other
//! run, and both runs are active or both deleted; otherwise each stands alone. Whoever shows runs to people asks here, or
//! searches with [`Search::joined`](crate::Search::joined), so that no reader decides for itself.

use std::collections::{BTreeMap, HashSet};

use crate::{
    Change, LoggedModel, Metric, ModelStore, ModelVersion, Run, RunId, RunStore, StoreError, Tag, View,
};

/// Of a stage's run: the run that its script made, where that is exactly one.
pub const SCRIPT_RUN_TAG: &str = "pipe.script_run";
/// Of that one: the stage's run.
pub const STAGE_RUN_TAG: &str = "pipe.stage_run";
/// What sort of run it is.
pub const KIND_TAG: &str = "pipe.kind";
/// The kind of runs that scripts make.
pub const SCRIPT_KIND: &str = "script";
/// The stage that a run executed, or that its script is part of.
pub const STAGE_TAG: &str = "pipe.stage";

/// A run as people see it.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The run, a stage's with all that its script logged.
    pub run: Run,
    /// The script's run, where there is exactly one.
    pub script: Option<Run>,
}

impl Joined {
    /// A run with what its script logged; of a script's run, its stage's.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of(store: &dyn RunStore, run: Run) -> Result<Joined, StoreError> {
        if let Some(stage) = partner(store, &run, STAGE_RUN_TAG, SCRIPT_RUN_TAG)? {
            let whole = with(stage, &run);
            return Ok(Joined { run: whole, script: Some(run) });
        }
        let script = partner(store, &run, SCRIPT_RUN_TAG, STAGE_RUN_TAG)?;
        Ok(Joined { run: script.iter().fold(run, with), script })
    }

    /// The run that a person means, as [`RunStore::find_run_in`] finds it.
    ///
    /// # Errors
    /// When none or several match, or the store fails.
    pub fn find(store: &dyn RunStore, wanted: &str, view: View) -> Result<Joined, StoreError> {
        Joined::of(store, store.run(store.find_run_in(wanted, view)?)?)
    }

    /// The stage's run without what its script logged; nothing where it is of no stage.
    ///
    /// # Errors
    /// When the store fails.
    pub fn stage_alone(&self, store: &dyn RunStore) -> Result<Option<Run>, StoreError> {
        match self.script {
            Some(_) => store.run(self.run.info.id).map(Some),
            None if self.run.data.tags.contains_key(STAGE_TAG) && !is_of_script(&self.run) => {
                Ok(Some(self.run.clone()))
            }
            None => Ok(None),
        }
    }

    /// The run that a metric was logged to.
    pub fn holder(&self, metric: &str) -> RunId {
        let script = self.script.as_ref().filter(|script| script.data.metrics.contains_key(metric));
        script.unwrap_or(&self.run).info.id
    }

    /// The run itself and its script's.
    pub fn ids(&self) -> impl Iterator<Item = RunId> {
        std::iter::once(self.run.info.id).chain(self.script.as_ref().map(|script| script.info.id))
    }

    /// The runs that it started: those of its script too, but not the script's own.
    ///
    /// # Errors
    /// When the store fails.
    pub fn children(&self, store: &dyn RunStore) -> Result<Vec<Run>, StoreError> {
        let mut children = Vec::new();
        for id in self.ids() {
            children.extend(store.children(id)?);
        }
        children.retain(|child| self.ids().all(|id| id != child.info.id));
        Ok(children)
    }

    /// What it made: logged models, each once, and versions of registered models.
    ///
    /// # Errors
    /// When the store fails.
    pub fn made(&self, store: &dyn ModelStore) -> Result<(Vec<LoggedModel>, Vec<ModelVersion>), StoreError> {
        let runs: Vec<&Run> = std::iter::once(&self.run).chain(&self.script).collect();
        store.made_by(&runs)
    }

    /// Its family as the store keeps it, generation by generation: the run and its script's, what they started with the runs of
    /// the scripts of those, and so on.
    ///
    /// # Errors
    /// When the store fails.
    pub fn generations(&self, store: &dyn RunStore) -> Result<Vec<Vec<Run>>, StoreError> {
        let mut generations = vec![store.runs(&self.ids().collect::<Vec<_>>())?];
        let mut seen: HashSet<RunId> = self.ids().collect();
        while let Some(newest) = generations.last().filter(|newest| !newest.is_empty()) {
            let mut next = Vec::new();
            for run in newest {
                for child in store.children(run.info.id)? {
                    let script = partner(store, &child, SCRIPT_RUN_TAG, STAGE_RUN_TAG)?;
                    next.extend([Some(child), script].into_iter().flatten());
                }
            }
            next.retain(|run| seen.insert(run.info.id));
            generations.push(next);
        }
        generations.pop();
        Ok(generations)
    }
}

/// Whether a run was made by a script, of which its stage's run has the logs.
pub fn is_of_script(run: &Run) -> bool {
    run.data.tags.get(KIND_TAG).is_some_and(|kind| kind == SCRIPT_KIND)
}

/// The id under which people see a run.
///
/// # Errors
/// When the store fails.
pub fn shown_id(store: &dyn RunStore, id: RunId) -> Result<RunId, StoreError> {
    match store.run(id) {
        Ok(run) => Ok(partner(store, &run, STAGE_RUN_TAG, SCRIPT_RUN_TAG)?.map_or(id, |stage| stage.info.id)),
        Err(StoreError::UnknownRun(_)) => Ok(id),
        Err(fault) => Err(fault),
    }
}

/// Ties a stage's run to the run of its script, if that is exactly one of these.
pub fn ties<'a>(stage: RunId, runs: impl IntoIterator<Item = &'a Run>) -> Option<[Change; 2]> {
    let is_own = |run: &&Run| {
        run.info.parent == Some(stage) && is_of_script(run) && run.data.tags.contains_key(STAGE_TAG)
    };
    let mut own = runs.into_iter().filter(is_own);
    let (script, None) = (own.next()?.info.id, own.next()) else { return None };
    let tie = |run, key: &str, other: RunId| Change::SetTags {
        run,
        tags: vec![Tag { key: key.to_owned(), value: other.to_string() }],
    };
    Some([tie(script, STAGE_RUN_TAG, stage), tie(stage, SCRIPT_RUN_TAG, script)])
}

/// The other run of a pair: the one that a tag names, if another tag of it names this run.
fn partner(store: &dyn RunStore, run: &Run, there: &str, back: &str) -> Result<Option<Run>, StoreError> {
    let named = |run: &Run, tag: &str| -> Option<RunId> { run.data.tags.get(tag)?.parse().ok() };
    let Some(id) = named(run, there) else { return Ok(None) };
    match store.run(id) {
        Ok(other) => {
            let is_pair = named(&other, back) == Some(run.info.id);
            Ok(Some(other).filter(|other| is_pair && other.info.lifecycle == run.info.lifecycle))
        }
        Err(StoreError::UnknownRun(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A stage's run with what its script logged: of what both have, the script's, but of tags the stage's. What the stage has
/// otherwise stands beside it.
pub(crate) fn with(mut run: Run, script: &Run) -> Run {
    let Run { info, data } = script.clone();
    run.info.experiment = info.experiment;
    run.info.experiment_name = info.experiment_name;
    run.info.heard = run.info.heard.max(info.heard);
    for (key, own) in &run.data.metrics {
        let is_other =
            |metric: &&Metric| metric.value != own.value && !(metric.value.is_nan() && own.value.is_nan());
        if data.metrics.get(key).filter(is_other).is_some() {
            run.data.stage_metrics.insert(key.clone(), own.clone());
        }
    }
    for (key, own) in &run.data.params {
        if data.params.get(key).is_some_and(|value| value != own) {
            run.data.stage_params.insert(key.clone(), own.clone());
        }
    }
    run.data.metrics.extend(data.metrics);
    run.data.ranges.extend(data.ranges);
    run.data.params.extend(data.params);
    let tags: BTreeMap<String, String> = std::mem::replace(&mut run.data.tags, data.tags);
    run.data.tags.extend(tags);
    run.data.datasets.extend(data.datasets);
    run.data.model_inputs.extend(data.model_inputs);
    run.data.model_outputs.extend(data.model_outputs);
    run
}
