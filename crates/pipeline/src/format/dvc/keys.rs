//! Keys in a pipeline file of DVC that are no texts.
//!
//! A `foreach` that is written out calls its stages by them as Python spells them. What templates take values from, `vars`
//! and the items of such a `foreach`, has no such keys for DVC. Elsewhere they are texts.

use base::Value;

use super::python::float_text;

/// A whole pipeline file.
pub(crate) fn of_pipeline(file: Value) -> Value {
    let below = |key: &str, value: Value| match (key, value) {
        ("stages", stages) => each(stages, |_, stage| each(stage, of_field)),
        ("vars", vars) => named(vars),
        (_, other) => other.plain(),
    };
    each(file, below)
}

fn each(map: Value, change: impl Fn(&str, Value) -> Value) -> Value {
    match map {
        Value::Map(map) => {
            let changed = map.into_iter().map(|(key, value)| {
                let value = change(&key, value);
                (key, value)
            });
            Value::Map(changed.collect())
        }
        other => other.plain(),
    }
}

fn of_field(key: &str, value: Value) -> Value {
    match (key, value) {
        ("foreach", Value::Pairs(pairs)) => {
            Value::Map(pairs.into_iter().map(|(key, value)| (name(&key), named(value))).collect())
        }
        ("foreach" | "vars", value) => named(value),
        (_, other) => other.plain(),
    }
}

/// A key as a part of a stage's name.
fn name(key: &Value) -> String {
    match key {
        Value::Bool(truth) => truth.to_string(),
        Value::Float(number) => float_text(*number),
        other => other.key_text(),
    }
}

/// What templates have of a value: texts for dates, and no keys that are no texts.
fn named(value: Value) -> Value {
    match value {
        Value::Date(text) => Value::Str(text),
        Value::List(list) => Value::List(list.into_iter().map(named).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(key, value)| (key, named(value))).collect()),
        Value::Pairs(pairs) => {
            let texts = pairs.into_iter().filter_map(|(key, value)| match key {
                Value::Str(key) => Some((key, named(value))),
                _ => None,
            });
            Value::Map(texts.collect())
        }
        other => other,
    }
}
