//! A stage's run and the run that its script made: where that is exactly one, people see the two as one.
//!
//! The stage's run tells what ran and how it ended, the script's what it logged. Tags tie them together
//! (docs/design/run-store.md).

use std::collections::{HashMap, HashSet};

use track::{Lifecycle, Run, RunId, RunStore, StoreError};

use crate::recorder::tags;

/// A run as people see it.
#[derive(Clone, Debug)]
pub struct Joined {
    /// The run, a stage's with all that its script logged.
    pub run: Run,
    /// The script's run, where there is exactly one.
    pub script: Option<Run>,
}

impl Joined {
    /// The run that a metric was logged to.
    pub fn holder(&self, metric: &str) -> RunId {
        let script = self.script.as_ref().filter(|script| script.data.metrics.contains_key(metric));
        script.unwrap_or(&self.run).info.id
    }

    /// The run itself and its script's.
    pub fn ids(&self) -> impl Iterator<Item = RunId> {
        std::iter::once(self.run.info.id).chain(self.script.as_ref().map(|script| script.info.id))
    }
}

/// The run that a person means: the stage's, where its script's is named.
///
/// # Errors
/// When none or several match, or the store fails.
pub fn find(store: &dyn RunStore, wanted: &str) -> Result<RunId, StoreError> {
    let id = store.find_run(wanted)?;
    Ok(partner(&store.run(id)?, tags::STAGE_RUN).unwrap_or(id))
}

/// A run with what its script logged; of a script's run, its stage's.
///
/// # Errors
/// When the store fails.
pub fn joined(store: &dyn RunStore, run: Run) -> Result<Joined, StoreError> {
    let run = match active(store, partner(&run, tags::STAGE_RUN))? {
        Some(stage) => stage,
        None => run,
    };
    let script = active(store, partner(&run, tags::SCRIPT_RUN))?;
    Ok(Joined { run: script.iter().fold(run, with), script })
}

/// Leaves of each pair the run that comes first.
///
/// # Errors
/// When the store fails.
pub fn leave_first(store: &dyn RunStore, runs: &mut Vec<RunId>) -> Result<(), StoreError> {
    let mut partners: HashMap<RunId, RunId> = HashMap::new();
    for tag in [tags::SCRIPT_RUN, tags::STAGE_RUN] {
        let found = store.tagged(tag)?.into_iter();
        partners.extend(found.filter_map(|(run, partner)| Some((run, partner.parse().ok()?))));
    }
    let mut seen = HashSet::new();
    runs.retain(|run| {
        let partner = partners.get(run);
        if partner.is_some() {
            seen.insert(*run);
        }
        partner.is_none_or(|partner| !seen.contains(partner))
    });
    Ok(())
}

/// Whether a run was made by a script, of which its stage's run has the logs.
pub fn is_of_script(run: &Run) -> bool {
    run.data.tags.get(tags::KIND).is_some_and(|kind| kind == "script")
}

fn partner(run: &Run, tag: &str) -> Option<RunId> {
    run.data.tags.get(tag)?.parse().ok()
}

/// The run, if it is there and was not deleted.
fn active(store: &dyn RunStore, id: Option<RunId>) -> Result<Option<Run>, StoreError> {
    let Some(id) = id else { return Ok(None) };
    match store.run(id) {
        Ok(run) => Ok((run.info.lifecycle == Lifecycle::Active).then_some(run)),
        Err(StoreError::UnknownRun(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// A stage's run with what its script logged: of what both have, the script's, but of tags the stage's.
fn with(mut run: Run, script: &Run) -> Run {
    let Run { info, data } = script.clone();
    run.info.experiment = info.experiment;
    run.info.experiment_name = info.experiment_name;
    run.data.metrics.extend(data.metrics);
    run.data.ranges.extend(data.ranges);
    run.data.params.extend(data.params);
    let tags = std::mem::replace(&mut run.data.tags, data.tags);
    run.data.tags.extend(tags);
    run.data.datasets.extend(data.datasets);
    run.data.model_inputs.extend(data.model_inputs);
    run.data.model_outputs.extend(data.model_outputs);
    run
}
