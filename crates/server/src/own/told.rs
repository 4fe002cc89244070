//! A run as it is told: what people see as one run, under the names of `pipe runs`.

use std::collections::BTreeMap;

use serde::Serialize;
use track::{
    Aggregate, DatasetInput, Joined, KIND_TAG, LineageFile, Metric, ModelId, ModelOutput, RESTORED_TAG, Role,
    Run, RunId, RunStore, STAGE_TAG, StoreError,
};

use super::asked::{Keys, Wanted};
use crate::wire::{float, lifecycle};

#[derive(Serialize)]
pub struct OneRun {
    run_id: RunId,
    name: String,
    status: &'static str,
    lifecycle: &'static str,
    experiment_id: String,
    experiment: String,
    user: String,
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_run: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<BTreeMap<String, OneMetric>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datasets: Option<Vec<OneDataset>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Models>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lineage: Option<Lineage>,
}

/// The last point of a metric, and what all of them came to; a metric that was never a number has no extremes.
#[derive(Serialize)]
struct OneMetric {
    #[serde(serialize_with = "float")]
    last: f64,
    step: i64,
    timestamp: i64,
    #[serde(flatten)]
    range: Option<Range>,
}

#[derive(Serialize)]
struct Range {
    #[serde(serialize_with = "float")]
    min: f64,
    #[serde(serialize_with = "float")]
    max: f64,
    #[serde(serialize_with = "float")]
    best: f64,
}

#[derive(Serialize)]
struct OneDataset {
    name: String,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
}

/// Logged models by their ids.
#[derive(Serialize)]
struct Models {
    inputs: Vec<ModelId>,
    outputs: Vec<Output>,
}

#[derive(Serialize)]
struct Output {
    model_id: ModelId,
    step: i64,
}

/// What the run of a stage read and wrote.
#[derive(Serialize)]
struct Lineage {
    inputs: Vec<File>,
    outputs: Vec<File>,
}

#[derive(Serialize)]
struct File {
    path: String,
    digest: String,
    size: u64,
    /// Of what it read, the run that wrote it, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    made_by: Option<RunId>,
}

impl OneRun {
    /// What is wanted of a run.
    pub fn of(store: &dyn RunStore, joined: Joined, wanted: &Wanted) -> Result<OneRun, StoreError> {
        let script_run = joined.script.as_ref().map(|script| script.info.id);
        let run = joined.run;
        let tag = |key: &str| run.data.tags.get(key).cloned();
        let lineage = if wanted.lineage { Some(Lineage::of(store, run.info.id)?) } else { None };
        Ok(OneRun {
            run_id: run.info.id,
            status: run.info.status.name(),
            lifecycle: lifecycle(run.info.lifecycle),
            experiment_id: run.info.experiment.to_string(),
            start_time: run.info.start_time.0,
            end_time: run.info.end_time.map(|time| time.0),
            stage: tag(STAGE_TAG),
            kind: tag(KIND_TAG),
            parent: run.info.parent,
            script_run,
            restored_from: tag(RESTORED_TAG),
            metrics: wanted.metrics.is_wanted().then(|| metrics(&run, &wanted.metrics)),
            params: picked(&run.data.params, &wanted.params),
            tags: picked(&run.data.tags, &wanted.tags),
            datasets: wanted.datasets.then(|| run.data.datasets.iter().map(OneDataset::of).collect()),
            models: wanted.models.then(|| Models::of(&run)),
            lineage,
            name: run.info.name,
            experiment: run.info.experiment_name,
            user: run.info.user,
        })
    }
}

fn picked(map: &BTreeMap<String, String>, keys: &Keys) -> Option<BTreeMap<String, String>> {
    let pair = |(key, value): (&String, &String)| (key.clone(), value.clone());
    keys.is_wanted().then(|| map.iter().filter(|(key, _)| keys.has(key)).map(pair).collect())
}

fn metrics(run: &Run, keys: &Keys) -> BTreeMap<String, OneMetric> {
    let told = |metric: &Metric| {
        let of = |aggregate| run.aggregate(aggregate, &metric.key);
        let range = match (of(Aggregate::Min), of(Aggregate::Max), of(Aggregate::Best)) {
            (Some(min), Some(max), Some(best)) => Some(Range { min, max, best }),
            _ => None,
        };
        OneMetric { last: metric.value, step: metric.step, timestamp: metric.timestamp.0, range }
    };
    let metrics = run.data.metrics.iter().filter(|(key, _)| keys.has(key));
    metrics.map(|(key, metric)| (key.clone(), told(metric))).collect()
}

impl OneDataset {
    fn of(input: &DatasetInput) -> Self {
        let context = input.context().map(ToOwned::to_owned);
        OneDataset { name: input.dataset.name.clone(), digest: input.dataset.digest.clone(), context }
    }
}

impl Models {
    fn of(run: &Run) -> Self {
        let output = |output: &ModelOutput| Output { model_id: output.model, step: output.step };
        let outputs = run.data.model_outputs.iter().map(output).collect();
        Models { inputs: run.data.model_inputs.clone(), outputs }
    }
}

impl Lineage {
    fn of(store: &dyn RunStore, run: RunId) -> Result<Self, StoreError> {
        let file = |LineageFile { path, digest, size }: LineageFile, made_by| File {
            path,
            digest: digest.to_string(),
            size,
            made_by,
        };
        let mut inputs = Vec::new();
        for read in store.lineage(run, Role::Input)? {
            let made_by = store.maker(&read.digest, run)?;
            inputs.push(file(read, made_by));
        }
        let outputs = store.lineage(run, Role::Output)?.into_iter().map(|wrote| file(wrote, None)).collect();
        Ok(Lineage { inputs, outputs })
    }
}
