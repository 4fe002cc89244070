//! Params and metrics: what files hold, and what differs between two states.

use base::{ProjectPath, Value};
use indexmap::{IndexMap, IndexSet};
use pipeline::{PipelineError, is_equal_in_python, python_text};
use report::DiffSide;
use serde_json::{Map, Value as Json, json};

use super::{printed, seen_from, state_error};
use crate::error::with_causes;
use crate::revision::Readable;

/// Which values of two states are told.
#[derive(Clone, Copy, Debug)]
pub struct Which {
    /// Equal ones too.
    pub all: bool,
    /// What counts as metrics alone.
    pub metrics: bool,
}

/// `{FILE: {KEY: {"old": …, "new": …, "diff": …}}}`: lists are texts, an empty map is nothing, numbers and truths are
/// compared as in Python, and nothing is the same as null.
pub fn diff(old: &DiffSide, new: &DiffSide, which: Which, base: &ProjectPath) -> Json {
    let mut files = Map::new();
    let names: IndexSet<&String> = new.keys().chain(old.keys()).collect();
    for name in names {
        let [mut before, mut after] =
            [old, new].map(|side| side.get(name).map(|file| leaves(file, which.metrics)).unwrap_or_default());
        without_one_value(&mut before, &mut after);
        without_one_value(&mut after, &mut before);
        let keys: IndexSet<&String> = after.keys().chain(before.keys()).copied().collect();
        let mut changes = Map::new();
        for key in keys {
            let [mut old, mut new] = [&before, &after].map(|side| side.get(key).unwrap_or(&Value::Null));
            while let ([old_item], [new_item]) = (items(old), items(new)) {
                (old, new) = (old_item, new_item);
            }
            if !which.all && is_equal_in_python(old, new) {
                continue;
            }
            let mut change = json!({ "old": printed(old), "new": printed(new) });
            if let Some(delta) = delta(old, new) {
                change["diff"] = delta;
            }
            changes.insert(key.clone(), change);
        }
        if !changes.is_empty() {
            files.insert(seen_from(base, name), Json::Object(changes));
        }
    }
    Json::Object(files)
}

/// The leaves of a file, lists as texts.
fn leaves(file: &IndexMap<String, Value>, metrics: bool) -> IndexMap<&String, Value> {
    let is_told = |value: &Value| match value {
        Value::Map(map) => !map.is_empty() && !metrics,
        Value::Null | Value::List(_) | Value::Date(_) => !metrics,
        _ => true,
    };
    let leaf = |key: &str, value: &Value| match value {
        // Of what is the whole of a file, a text is read as JSON where it is such.
        Value::List(_) if key.is_empty() => {
            let text = python_text(value);
            serde_json::from_str(&text).unwrap_or(Value::Str(text))
        }
        Value::List(_) => Value::Str(python_text(value)),
        value => value.clone(),
    };
    file.iter().filter(|(_, value)| is_told(value)).map(|(key, value)| (key, leaf(key, value))).collect()
}

fn items(value: &Value) -> &[Value] {
    if let Value::List(list) = value { list } else { &[] }
}

/// A file that holds one value where the other state has keys tells no more than that it does.
fn without_one_value<'a>(one: &mut IndexMap<&'a String, Value>, other: &mut IndexMap<&'a String, Value>) {
    let is_one = |side: &IndexMap<&String, Value>| side.len() == 1 && side.keys().all(|key| key.is_empty());
    if is_one(one) && !is_one(other) && !other.is_empty() {
        *one = other.keys().map(|key| (*key, Value::from("unable to parse"))).collect();
    }
}

/// New less old, where both are numbers; a truth is one.
fn delta(old: &Value, new: &Value) -> Option<Json> {
    let whole = |value: &Value| match value {
        Value::Int(number) => Some(*number),
        Value::Bool(truth) => Some(i128::from(*truth)),
        _ => None,
    };
    if let (Some(old), Some(new)) = (whole(old), whole(new)) {
        return new.checked_sub(old).map(|delta| printed(&Value::Int(delta)));
    }
    let float = |value: &Value| whole(value).map(|number| number as f64).or(value.as_f64());
    Some(printed(&Value::Float(float(new)? - float(old)?)))
}

/// `{"data": {FILE: {"data": …} | {"error": {"type": …, "msg": …}}}}`: the metrics of one state. Numbers, texts and truths
/// count.
pub fn metrics(state: &Readable, base: &ProjectPath) -> Json {
    if let Some(fault) = &state.whole {
        return state_error(fault);
    }
    let mut files = Map::new();
    for (name, value) in &state.values {
        let data = metric(value).filter(|data| !matches!(data, Json::String(text) if text.is_empty()));
        let data = data.filter(|data| *data != json!(0)).unwrap_or_else(|| json!({}));
        files.insert(seen_from(base, name), json!({ "data": data }));
    }
    for path in &state.absent {
        let message = format!("[Errno 2] No such file or directory: '{}'", path.spelled());
        let error = json!({ "type": "FileNotFoundError", "msg": message });
        files.insert(path.relative_to(base), json!({ "error": error }));
    }
    for (path, fault) in &state.faults {
        let is_of_text =
            fault.source.as_ref().is_some_and(|source| source.downcast_ref::<PipelineError>().is_some());
        let is_no_text = fault.source.iter().flat_map(|source| source.chain()).any(|cause| {
            let cause = cause.downcast_ref::<std::io::Error>();
            cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::InvalidData)
        });
        let kind = match path.name().rsplit('.').next() {
            _ if is_no_text => "EncodingError",
            _ if !is_of_text => "FileNotFoundError",
            Some("json") => "JSONFileCorruptedError",
            Some("toml") => "TOMLFileCorruptedError",
            Some("py") => "PythonFileCorruptedError",
            _ => "YAMLFileCorruptedError",
        };
        let message = fault.source.as_ref().map(|source| with_causes(source.as_ref())).unwrap_or_default();
        files.insert(path.relative_to(base), json!({ "error": { "type": kind, "msg": message } }));
    }
    json!({ "data": files })
}

/// What of a value counts as metrics, in maps as deep as they are.
fn metric(value: &Value) -> Option<Json> {
    match value {
        Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Str(_) | Value::Bool(_) => {
            Some(printed(value))
        }
        Value::Map(map) => {
            let inside = map.iter().filter_map(|(key, value)| Some((key.clone(), metric(value)?)));
            let inside = inside.filter(|(_, value)| value.as_object().is_none_or(|map| !map.is_empty()));
            Some(Json::Object(inside.collect()))
        }
        Value::Pairs(_) => metric(&value.clone().plain()),
        Value::Null | Value::List(_) | Value::Date(_) => None,
    }
}

/// Of several states, those that tell something: the workspace does not where it is as the branch that is checked out.
pub fn without_equal_workspace(states: Vec<(String, Json)>, branch: Option<&str>) -> Json {
    let of = |wanted: &str| states.iter().find(|(name, _)| name == wanted).map(|(_, state)| state);
    let has_errors = |state: &Json| {
        state["data"].as_object().is_none_or(|files| files.values().any(|file| file.get("error").is_some()))
    };
    let is_equal = match (of("workspace"), branch.and_then(of)) {
        (Some(workspace), Some(branch)) => workspace == branch && !has_errors(branch),
        _ => false,
    };
    states.into_iter().filter(|(name, _)| !is_equal || name != "workspace").collect()
}
