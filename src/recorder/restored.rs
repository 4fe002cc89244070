//! What is told of a stage that was restored: which run made the result, and what that one logged besides its files.
//!
//! Where the store knows that run, the restored one gets the last value of each of its metrics, the params that were logged to it
//! or by its script, and the experiment of that, so that lists, filters and clients see them wherever the result is the newest. Their history stays
//! with the run that measured it.

use exec::{Job, OutStates, Source, maker_in_run_cache};
use pipeline::StageLock;
use track::{Change, Joined, Lifecycle, Metric, Param, RunId, RunStore};

use super::{Recorder, params_of};

impl Recorder<'_> {
    /// Where a restored result came from: the run that made it, else another word.
    pub(super) fn origin_of(&self, job: &Job<'_>, source: &Source, outs: &OutStates) -> String {
        let stages = &self.workspace.stages;
        match source {
            // The lock names no run, but the stage cache, or DVC's run cache, may know who made this very result.
            Source::Lock => {
                let is_it = |entry: &cache::StageEntry| {
                    let known = entry.outs.iter().map(|out| (&out.path, &out.state));
                    let mut restored: Vec<_> = outs.iter().map(|(path, state)| (path, state)).collect();
                    restored.sort_by(|a, b| a.0.cmp(b.0));
                    known.eq(restored)
                };
                let entry = stages.results(&job.key.0).into_iter().find(is_it);
                let maker = entry.map(|entry| entry.maker).or_else(|| {
                    let lock = StageLock { outs: outs.clone(), ..job.inputs.clone() };
                    maker_in_run_cache(self.workspace, self.project.dialect, job.stage, &lock)
                });
                maker.and_then(|maker| maker.run).unwrap_or_else(|| "lock".to_owned())
            }
            Source::StageCache(entry) => {
                stages.mark_used(entry);
                entry.maker.run.clone().unwrap_or_else(|| "stage cache".to_owned())
            }
        }
    }

    /// The run that made a result with what its script logged, where the store has it.
    pub(super) fn recorded_origin(&self, from: &str) -> Option<Joined> {
        let store = self.store()?;
        let run = store.run(from.parse().ok()?).ok()?;
        (run.info.lifecycle == Lifecycle::Active).then(|| Joined::of(&**store, run).ok()).flatten()
    }
}

/// The last value of each metric of the run that made a result.
pub(super) fn last_metrics(origin: Option<&Joined>) -> Vec<Metric> {
    origin.into_iter().flat_map(|origin| origin.run.data.metrics.values().cloned()).collect()
}

/// The params that were logged when a result was made, by its command or the run of its script, but those that the stage itself
/// declares.
pub(super) fn logged_params(run: RunId, job: &Job<'_>, origin: &Joined) -> Change {
    let declared = params_of(&job.inputs.params);
    let logged = origin.run.data.params.iter();
    let params = logged.filter(|(key, _)| !declared.iter().any(|param| param.key == **key));
    let params = params.map(|(key, value)| Param { key: key.clone(), value: value.clone() }).collect();
    Change::LogParams { run, params }
}
