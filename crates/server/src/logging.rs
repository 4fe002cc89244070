//! `runs/log-metric`, `log-parameter`, `log-batch`, `log-inputs`, `outputs` and `log-model`.

use std::fmt::Display;

use base::Timestamp;
use serde_json::{Map, Value};
use track::{
    Change, LoggedModelChange, MAX_TAG_VALUE, Metric, MetricDataset, ModelId, Param, RunId, StoreError, Tag,
    fit_tag_value,
};

use crate::call::{Call, float_of, int_of, text_in};
use crate::context::Context;
use crate::error::Fault;
use crate::logged_models;
use crate::runs::{find, parse_id};
use crate::validate;
use crate::wire::Json;

/// The tag in which 2.x keeps what models a run logged.
const LOG_MODEL_HISTORY: &str = "mlflow.log-model.history";

pub fn log_metric(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.run_id()?;
    let key = call.required("key")?;
    let value = call.required_float("value")?;
    let timestamp = call.required_int("timestamp")?;
    let step = call.int("step")?.unwrap_or_default();
    let metric = metric("", key, value, timestamp, step)?;
    let measured = Measured::read(&call.fields)?;
    let run = parse_id(id)?;
    let mut changes = vec![Change::LogMetrics { run, metrics: vec![metric.clone()] }];
    changes.extend(measured.map(|measured| measured.change(run, metric)));
    context.apply(changes)?;
    Ok(Json::empty())
}

/// What a point was measured of and on.
struct Measured {
    model: ModelId,
    dataset: Option<MetricDataset>,
}

impl Measured {
    /// Reads it from a point; nothing where it is of the run alone.
    fn read(point: &Map<String, Value>) -> Result<Option<Measured>, Fault> {
        let id = text_in(point, "model_id", "metrics")?;
        if id.is_empty() {
            return Ok(None);
        }
        Ok(Some(Measured { model: logged_models::parse_id(id)?, dataset: logged_models::dataset_of(point)? }))
    }

    /// Logs the point to the model too.
    fn change(self, run: RunId, metric: Metric) -> Change {
        let Measured { model, dataset } = self;
        Change::LoggedModel(LoggedModelChange::LogMetrics {
            model,
            run: Some(run),
            dataset,
            metrics: vec![metric],
        })
    }
}

pub fn log_parameter(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.run_id()?;
    let key = call.required("key")?;
    let param = validate::param("key", key, call.text("value")?.unwrap_or_default())?;
    context.apply(vec![Change::LogParams { run: parse_id(id)?, params: vec![param] }])?;
    Ok(Json::empty())
}

pub fn log_batch(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.run_id()?;
    let is_id = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !id.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !id.chars().all(is_id)
        || id.chars().count() > 256
    {
        return Err(validate::unfit("run_id", &Value::String(id.to_owned()), ""));
    }
    let metrics = metrics(call)?;
    let params = params(call)?;
    let tags = tags(call)?;
    validate::batch(metrics.len(), params.len(), tags.len())?;
    check_unique(&params)?;
    let run = parse_id(id)?;
    let mut changes = Vec::new();
    if !params.is_empty() {
        changes.push(Change::LogParams { run, params: params.clone() });
    }
    let mut points = Vec::with_capacity(metrics.len());
    for (metric, measured) in metrics {
        changes.extend(measured.map(|measured| measured.change(run, metric.clone())));
        points.push(metric);
    }
    changes.push(Change::LogMetrics { run, metrics: points });
    if !tags.is_empty() {
        changes.push(Change::SetTags { run, tags });
    }
    match context.apply(changes) {
        Ok(_) => Ok(Json::empty()),
        Err(StoreError::ParamChanged { .. }) => Err(params_changed(context, run, &params)?),
        Err(fault) => Err(fault.into()),
    }
}

/// The points of a batch, and which of them were measured of logged models.
fn metrics(call: &Call) -> Result<Vec<(Metric, Option<Measured>)>, Fault> {
    let objects = call.objects("metrics")?;
    let mut metrics = Vec::with_capacity(objects.len());
    for (at, object) in objects.into_iter().enumerate() {
        let field = |name: &str| object.get(name).filter(|value| !value.is_null());
        let path = |name: &str| format!("metrics[{at}].{name}");
        let missing = |name: &str| crate::call::absent(&path(name));
        let key = field("key").filter(|key| *key != "").ok_or_else(|| missing("key"))?;
        let value = field("value").ok_or_else(|| missing("value"))?;
        let timestamp = field("timestamp").ok_or_else(|| missing("timestamp"))?;
        let key = key.as_str().ok_or_else(|| crate::call::unfit(&path("key"), key))?;
        let number = float_of(value).ok_or_else(|| crate::call::unfit(&path("value"), value))?;
        let timestamp = int_of(timestamp).ok_or_else(|| crate::call::unfit(&path("timestamp"), timestamp))?;
        let step = match field("step") {
            None => 0,
            Some(step) => int_of(step).ok_or_else(|| crate::call::unfit(&path("step"), step))?,
        };
        let point = metric(format_args!("metrics[{at}]."), key, number, timestamp, step)?;
        metrics.push((point, Measured::read(object)?));
    }
    Ok(metrics)
}

/// A checked point; `within` is where in the request it stands.
fn metric(within: impl Display, key: &str, value: f64, timestamp: i64, step: i64) -> Result<Metric, Fault> {
    validate::metric_key(format_args!("{within}name"), key)?;
    if timestamp < 0 {
        let why = format!(
            "metric '{key}' (value={value:?}). Timestamp must be a nonnegative long (64-bit integer) "
        );
        return Err(validate::unfit(format_args!("{within}timestamp"), &Value::from(timestamp), &why));
    }
    Ok(Metric { key: key.to_owned(), value, step, timestamp: Timestamp(timestamp) })
}

/// Keys with values, each checked.
fn texts<T>(
    call: &Call,
    name: &str,
    check: impl Fn(&str, &str, &str) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let read = |(at, object): (usize, &Map<String, Value>)| {
        let path = format!("{name}[{at}]");
        let key = text_in(object, "key", &path)?;
        if key.is_empty() {
            return Err(crate::call::absent(&format!("{path}.key")));
        }
        check(&path, key, text_in(object, "value", &path)?)
    };
    call.objects(name)?.into_iter().enumerate().map(read).collect()
}

fn params(call: &Call) -> Result<Vec<Param>, Fault> {
    texts(call, "params", |path, key, value| validate::param(format_args!("{path}.key"), key, value))
}

fn tags(call: &Call) -> Result<Vec<Tag>, Fault> {
    texts(call, "tags", |path, key, value| validate::tag(format_args!("{path}.key"), key, value))
}

fn check_unique(params: &[Param]) -> Result<(), Fault> {
    let mut seen = std::collections::HashSet::new();
    let twice: Vec<&str> =
        params.iter().map(|param| param.key.as_str()).filter(|key| !seen.insert(*key)).collect();
    if twice.is_empty() {
        return Ok(());
    }
    let twice: Vec<String> = twice.into_iter().map(python_text).collect();
    Err(Fault::invalid(format!(
        "Duplicate parameter keys have been submitted: [{}]. Please ensure the request contains only one param value \
         per param key.",
        twice.join(", ")
    )))
}

/// Which params of a batch have another value already.
fn params_changed(context: &Context, run: RunId, params: &[Param]) -> Result<Fault, Fault> {
    let stored = context.store.run(run)?.data.params;
    let changed = params.iter().filter_map(|param| {
        let old = stored.get(&param.key).filter(|old| **old != param.value)?;
        let (key, old, new) = (python_text(&param.key), python_text(old), python_text(&param.value));
        Some(format!("{{'key': {key}, 'old_value': {old}, 'new_value': {new}}}"))
    });
    let changed = changed.collect::<Vec<_>>().join(", ");
    Ok(Fault::invalid(format!(
        "Changing param values is not allowed. Params were already logged='[{changed}]' for run ID='{run}'."
    )))
}

/// A text as Python shows it.
pub fn python_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c == quote => shown.extend(['\\', c]),
            c => shown.push(c),
        }
    }
    shown.push(quote);
    shown
}

pub fn log_model(context: &Context, call: &Call) -> Result<Json, Fault> {
    const REQUIRED: [&str; 4] = ["artifact_path", "flavors", "utc_time_created", "run_id"];
    const KEPT: [&str; 5] = ["artifact_path", "flavors", "utc_time_created", "run_id", "model_uuid"];
    let id = call.run_id()?;
    let text = call.required("model_json")?;
    let Ok(Value::Object(mut model)) = serde_json::from_str::<Value>(text) else {
        return Err(Fault::invalid(format!("Malformed model info. \n {text} \n is not a valid JSON.")));
    };
    let missing: Vec<String> =
        REQUIRED.into_iter().filter(|key| !model.contains_key(*key)).map(python_text).collect();
    if !missing.is_empty() {
        return Err(Fault::invalid(format!(
            "Model json is missing mandatory fields: {{{}}}",
            missing.join(", ")
        )));
    }
    // What is of use to who lists the models of a run; the whole description lies among the artifacts.
    model.retain(|key, _| KEPT.contains(&key.as_str()));
    model.entry("model_uuid").or_insert(Value::Null);
    for flavor in model.get_mut("flavors").and_then(Value::as_object_mut).into_iter().flatten() {
        flavor.1.as_object_mut().map(|flavor| flavor.remove("config"));
    }
    let run = find(context, id)?;
    let mut history: Vec<Value> = run
        .data
        .tags
        .get(LOG_MODEL_HISTORY)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    history.push(Value::Object(model));
    // A tag that was cut would be no JSON any more: the oldest give way.
    let mut value = Value::from(history.as_slice()).to_string();
    while value.chars().count() > MAX_TAG_VALUE && history.len() > 1 {
        history.remove(0);
        value = Value::from(history.as_slice()).to_string();
    }
    let tag = Tag { key: LOG_MODEL_HISTORY.to_owned(), value: fit_tag_value(&value) };
    context.apply(vec![Change::SetTags { run: run.info.id, tags: vec![tag] }])?;
    Ok(Json::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_as_python_shows_them() {
        assert_eq!(python_text("a"), "'a'");
        assert_eq!(python_text("it's"), "\"it's\"");
        assert_eq!(python_text("'\"\n\\"), "'\\'\"\\n\\\\'");
    }
}
