//! `logged-models/*`: the models that clients of 3.x log.

use base::Timestamp;
use serde_json::{Map, Value};
use track::{
    ArtifactOwner, Change, ExperimentRef, Lifecycle, LoggedModel, LoggedModelChange, LoggedModelSearch,
    MetricDataset, ModelId, ModelStatus, NewLoggedModel, OrderBy, Param, Searched, StoreError, Tag,
};

use crate::artifacts::{Listing, elsewhere, entries};
use crate::call::{Call, absent, text_in, unfit};
use crate::context::Context;
use crate::error::Fault;
use crate::experiments::{find_active, parse_id as experiment_id};
use crate::filters;
use crate::listing::safe_path;
use crate::page_token;
use crate::wire::{self, Field, Json, Page};

/// Models on a page, when it is not said.
const USUAL: i64 = 100;
/// Most models on a page.
const MOST: i64 = 50_000;

pub fn create(context: &Context, call: &Call) -> Result<Json, Fault> {
    let experiment = call.required("experiment_id")?;
    let name = call.text("name")?.filter(|name| !name.is_empty());
    let some = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let model_type = some(call.text("model_type")?);
    let run = call.text("source_run_id")?.and_then(|id| id.parse().ok());
    let params = pairs(call, "params")?.into_iter().map(|(key, value)| Param { key, value }).collect();
    let tags = pairs(call, "tags")?.into_iter().map(|(key, value)| Tag { key, value }).collect();
    if let Some(name) = name.filter(|name| name.contains(['/', ':', '.', '%', '"', '\''])) {
        return Err(Fault::invalid(format!(
            "Invalid model name ({}) provided. Model name must be a non-empty string and cannot contain the following \
             characters: ('/', ':', '.', '%', '\"', \"'\")",
            crate::logging::python_text(name)
        )));
    }
    let experiment = ExperimentRef::Id(find_active(context, experiment)?.id);
    let id = ModelId::new(Timestamp::now(), &mut rand::make_rng::<rand::rngs::StdRng>());
    let name = name.map(str::to_owned);
    let new = NewLoggedModel { id, experiment, name, model_type, run, params, tags };
    change_and_tell(context, id, LoggedModelChange::Create(new))
}

pub fn get(context: &Context, call: &Call) -> Result<Json, Fault> {
    answer(context, &find(context, parse_id(call.named("model_id"))?)?)
}

pub fn finalize(context: &Context, call: &Call) -> Result<Json, Fault> {
    let model = parse_id(call.named("model_id"))?;
    let value = call.get("status")?.ok_or_else(|| absent("status"))?;
    let status = match value.as_str() {
        Some("LOGGED_MODEL_PENDING") => ModelStatus::Pending,
        Some("LOGGED_MODEL_READY") => ModelStatus::Ready,
        Some("LOGGED_MODEL_UPLOAD_FAILED") => ModelStatus::Failed,
        _ => match crate::call::int_of(value) {
            Some(1) => ModelStatus::Pending,
            Some(2) => ModelStatus::Ready,
            Some(3) => ModelStatus::Failed,
            _ => return Err(unfit("status", value)),
        },
    };
    change_and_tell(context, model, LoggedModelChange::SetStatus { model, status, message: None })
}

pub fn delete(context: &Context, call: &Call) -> Result<Json, Fault> {
    let model = parse_id(call.named("model_id"))?;
    change(context, model, LoggedModelChange::SetLifecycle { model, lifecycle: Lifecycle::Deleted })?;
    Ok(Json::empty())
}

pub fn set_tags(context: &Context, call: &Call) -> Result<Json, Fault> {
    let model = parse_id(call.named("model_id"))?;
    let tags = pairs(call, "tags")?.into_iter().map(|(key, value)| Tag { key, value }).collect();
    change(context, model, LoggedModelChange::SetTags { model, tags })?;
    Ok(Json::empty())
}

pub fn delete_tag(context: &Context, call: &Call) -> Result<Json, Fault> {
    let model = find(context, parse_id(call.named("model_id"))?)?;
    let key = call.named("key");
    if !model.tags.contains_key(key) {
        return Err(Fault::missing(format!(
            "No tag with key '{key}' found for model with ID '{}'.",
            model.id
        )));
    }
    change(context, model.id, LoggedModelChange::DeleteTag { model: model.id, key: key.to_owned() })?;
    Ok(Json::empty())
}

pub fn log_params(context: &Context, call: &Call) -> Result<Json, Fault> {
    let model = parse_id(call.named("model_id"))?;
    let params = pairs(call, "params")?.into_iter().map(|(key, value)| Param { key, value }).collect();
    change(context, model, LoggedModelChange::LogParams { model, params })?;
    Ok(Json::empty())
}

/// What lies in a folder of its files.
pub fn list(context: &Context, call: &Call) -> Result<Json, Fault> {
    let folder = safe_path(call.text("artifact_directory_path")?.unwrap_or_default())?;
    let model = find(context, parse_id(call.named("model_id"))?)?;
    let files = entries(context, &ArtifactOwner::Model(model.id), &folder)?;
    let locations = context.locations([model.experiment])?;
    let root_uri = locations.model(&model);
    if files.is_empty() && locations.in_proxy(model.experiment).is_none() {
        return Err(elsewhere(&root_uri));
    }
    Ok(Json::of(&Listing { root_uri, files }))
}

pub fn search(context: &Context, call: &Call) -> Result<Json, Fault> {
    let experiments = call.texts("experiment_ids")?;
    if call.get("experiment_ids")?.is_none() {
        return Err(absent("experiment_ids"));
    }
    let experiments = experiments.into_iter().map(experiment_id).collect::<Result<Vec<_>, _>>()?;
    let filter = filters::filter(call, Searched::LoggedModels)?;
    let datasets = call.objects("datasets")?.into_iter().map(|dataset| {
        dataset_of(dataset)?
            .ok_or_else(|| Fault::invalid("`dataset_name` in the `datasets` clause must be specified."))
    });
    let datasets = datasets.collect::<Result<Vec<_>, _>>()?;
    let order_by = call.objects("order_by")?.into_iter().map(order).collect::<Result<Vec<_>, _>>()?;
    let limit = call.int("max_results")?.filter(|limit| *limit != 0).unwrap_or(USUAL).clamp(1, MOST);
    let limit = usize::try_from(limit).expect("between two small numbers");
    let offset = page_token::read(call.text("page_token")?)?;
    if experiments.is_empty() {
        // For the store, none means all.
        return Ok(Json::empty());
    }
    let search =
        LoggedModelSearch { experiments, filter, datasets, order_by, offset, limit: Some(limit + 1) };
    let (found, next) = page_token::page(context.store.search_logged_models(&search)?, offset, limit);
    let locations = context.locations(found.iter().map(|model| model.experiment))?;
    let models = found.iter().map(|model| wire::LoggedModel::of(model, &locations)).collect();
    Ok(Json::of(&Page("models", models, next)))
}

fn order(object: &Map<String, Value>) -> Result<(OrderBy, Option<MetricDataset>), Fault> {
    let field = text_in(object, "field_name", "order_by")?;
    let descending = object.get("ascending") == Some(&Value::Bool(false));
    let mut order = OrderBy::parse_mlflow(&[field], Searched::LoggedModels)?;
    let order = OrderBy { descending, ..order.remove(0) };
    Ok((order, dataset_of(object)?))
}

/// The data that a point was measured on, where a name is given.
pub fn dataset_of(object: &Map<String, Value>) -> Result<Option<MetricDataset>, Fault> {
    let text = |key: &str| {
        text_in(object, key, "datasets").map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()))
    };
    let digest = text("dataset_digest")?;
    Ok(text("dataset_name")?.map(|name| MetricDataset { name, digest }))
}

/// Keys with values, as they come.
fn pairs(call: &Call, name: &str) -> Result<Vec<(String, String)>, Fault> {
    let read = |object| {
        let key = text_in(object, "key", name)?;
        crate::validate::length("key", track::MAX_KEY, key)?;
        Ok((key.to_owned(), text_in(object, "value", name)?.to_owned()))
    };
    call.objects(name)?.into_iter().map(read).collect()
}

fn change(context: &Context, model: ModelId, change: LoggedModelChange) -> Result<(), Fault> {
    context.apply(vec![Change::LoggedModel(change)]).map(drop).map_err(|fault| refused(fault, model))
}

/// Changes a logged model, and answers with it.
fn change_and_tell(context: &Context, id: ModelId, change: LoggedModelChange) -> Result<Json, Fault> {
    let changed = context.apply_to_logged(Change::LoggedModel(change), id);
    answer(context, &changed.map_err(|fault| refused(fault, id))?)
}

fn refused(fault: StoreError, model: ModelId) -> Fault {
    match fault {
        StoreError::Unknown { .. } | StoreError::ModelDeleted(_) => missing(model),
        fault => fault.into(),
    }
}

fn answer(context: &Context, model: &LoggedModel) -> Result<Json, Fault> {
    let locations = context.locations([model.experiment])?;
    Ok(Json::of(&Field("model", wire::LoggedModel::of(model, &locations))))
}

/// Where clients put the files of a logged model.
pub fn uri(context: &Context, model: &LoggedModel) -> Result<String, Fault> {
    Ok(context.locations([model.experiment])?.model(model))
}

/// An active logged model.
pub fn find(context: &Context, id: ModelId) -> Result<LoggedModel, Fault> {
    match context.store.logged_model(id) {
        Ok(model) if model.lifecycle == Lifecycle::Active => Ok(model),
        Ok(_) | Err(StoreError::Unknown { .. }) => Err(missing(id)),
        Err(fault) => Err(fault.into()),
    }
}

/// The id of a logged model. A text that is none is the id of no model.
pub fn parse_id(id: &str) -> Result<ModelId, Fault> {
    id.parse().map_err(|_| missing(id))
}

fn missing(id: impl std::fmt::Display) -> Fault {
    Fault::missing(format!("Logged model with ID '{id}' not found."))
}
