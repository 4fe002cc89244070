//! What runs read and wrote besides files: `runs/log-inputs`, `runs/outputs`, `experiments/search-datasets`.

use serde_json::{Map, Value};
use track::{
    Change, Dataset, DatasetInput, MAX_DATASET_DIGEST, MAX_DATASET_NAME, MAX_DATASET_PROFILE,
    MAX_DATASET_SCHEMA, MAX_DATASET_SOURCE, ModelId, ModelOutput,
};

use crate::call::{Call, absent, int_of, text_in, unfit};
use crate::context::Context;
use crate::error::Fault;
use crate::experiments::parse_id as experiment_id;
use crate::logged_models::parse_id as model_id;
use crate::runs::parse_id;
use crate::validate::length;
use crate::wire::{self, Json, Page};

/// Most experiments of a question for data sets.
const MOST_EXPERIMENTS: usize = 20;
/// Most answers to it.
const MOST_DATASETS: usize = 1000;

pub fn log_inputs(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.run_id()?;
    let datasets =
        call.objects("datasets")?.into_iter().enumerate().map(|(at, input)| dataset_input(at, input));
    let datasets = datasets.collect::<Result<Vec<_>, _>>()?;
    let models =
        call.objects("models")?.into_iter().map(|model| model_id(text_in(model, "model_id", "models")?));
    let models = models.collect::<Result<Vec<ModelId>, _>>()?;
    let run = parse_id(id)?;
    context.apply(vec![Change::LogDatasets { run, datasets }, Change::LogModelInputs { run, models }])?;
    Ok(Json::empty())
}

fn dataset_input(at: usize, input: &Map<String, Value>) -> Result<DatasetInput, Fault> {
    let path = format!("datasets[{at}].dataset");
    let dataset = input.get("dataset").and_then(Value::as_object).ok_or_else(|| absent(&path))?;
    let text = |key: &str, limit: usize| -> Result<String, Fault> {
        let text = text_in(dataset, key, &path)?;
        length(key, limit, text)?;
        Ok(text.to_owned())
    };
    let optional = |key: &str, limit: usize| -> Result<Option<String>, Fault> {
        Ok(Some(text(key, limit)?).filter(|text| !text.is_empty()))
    };
    let mut tags = std::collections::BTreeMap::new();
    let path = format!("datasets[{at}].tags");
    let sent = input.get("tags").filter(|tags| !tags.is_null());
    for tag in sent.and_then(Value::as_array).into_iter().flatten() {
        let tag = tag.as_object().ok_or_else(|| unfit(&path, tag))?;
        let (key, value) = (text_in(tag, "key", &path)?, text_in(tag, "value", &path)?);
        length("key", 255, key)?;
        length("value", 500, value)?;
        tags.insert(key.to_owned(), value.to_owned());
    }
    let dataset = Dataset {
        name: text("name", MAX_DATASET_NAME)?,
        digest: text("digest", MAX_DATASET_DIGEST)?,
        source_type: text("source_type", usize::MAX)?,
        source: text("source", MAX_DATASET_SOURCE)?,
        schema: optional("schema", MAX_DATASET_SCHEMA)?,
        profile: optional("profile", MAX_DATASET_PROFILE)?,
    };
    Ok(DatasetInput { dataset, tags })
}

pub fn log_outputs(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.run_id()?;
    if call.get("models")?.is_none() {
        return Err(absent("models"));
    }
    let models = call.objects("models")?.into_iter().map(|output| -> Result<ModelOutput, Fault> {
        let step = match output.get("step").filter(|step| !step.is_null()) {
            None => 0,
            Some(step) => int_of(step).ok_or_else(|| unfit("models.step", step))?,
        };
        Ok(ModelOutput { model: model_id(text_in(output, "model_id", "models")?)?, step })
    });
    let models = models.collect::<Result<Vec<_>, _>>()?;
    context.apply(vec![Change::LogModelOutputs { run: parse_id(id)?, models }])?;
    Ok(Json::empty())
}

pub fn search_datasets(context: &Context, call: &Call) -> Result<Json, Fault> {
    let ids = call.texts("experiment_ids")?;
    if ids.is_empty() {
        return Err(Fault::invalid("SearchDatasets request must specify at least one experiment_id."));
    }
    if ids.len() > MOST_EXPERIMENTS {
        return Err(Fault::invalid(format!(
            "SearchDatasets request cannot specify more than {MOST_EXPERIMENTS} experiment_ids. Received {} \
             experiment_ids.",
            ids.len()
        )));
    }
    let experiments = ids.into_iter().map(experiment_id).collect::<Result<Vec<_>, _>>()?;
    let found = context.store.datasets(&experiments, MOST_DATASETS)?;
    Ok(Json::of(&Page("dataset_summaries", found.iter().map(wire::DatasetSummary::of).collect(), None)))
}
