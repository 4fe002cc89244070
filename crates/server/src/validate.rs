//! MLflow's rules for names and lengths, with its messages.

use std::fmt::Display;

use serde_json::Value;
use track::{MAX_EXPERIMENT_TAG_VALUE, MAX_KEY, MAX_PARAM_VALUE, MAX_TAG_VALUE};

use crate::call::python_json;
use crate::error::Fault;

/// Most metrics of a batch, and most things of any kind.
const MAX_BATCH: usize = 1000;
/// Most params, and most tags, of a batch.
const MAX_BATCH_TEXTS: usize = 100;

/// `Invalid value … for parameter … supplied`.
pub fn unfit(path: impl Display, value: &Value, why: &str) -> Fault {
    let shown = python_json(value);
    let end = if why.is_empty() { ".".to_owned() } else { format!(": {why}") };
    Fault::invalid(format!("Invalid value {shown} for parameter '{path}' supplied{end}"))
}

/// Checks a name of a metric, param or tag.
pub fn key(path: impl Display, name: &str) -> Result<(), Fault> {
    let is_legal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '/' | '.' | '-' | ' ' | ':');
    let refuse = |why: &str| unfit(&path, &Value::String(name.to_owned()), why);
    if !name.chars().all(is_legal) {
        return Err(refuse(
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) \
             and slashes (/).",
        ));
    }
    unique_path(path, name)
}

/// Checks that a name, taken as a path, is no other way to write another name.
pub fn unique_path(path: impl Display, name: &str) -> Result<(), Fault> {
    let normal = normal_path(name);
    if normal != name || normal == "." || normal.starts_with("..") || normal.starts_with('/') {
        let why = format!(
            "Names may be treated as files in certain cases, and must not resolve to other names when treated as \
             such. This name would resolve to '{normal}'"
        );
        return Err(unfit(path, &Value::String(name.to_owned()), &why));
    }
    Ok(())
}

/// Checks the name of a metric, with its length.
pub fn metric_key(path: impl Display, name: &str) -> Result<(), Fault> {
    key(path, name)?;
    length("Metric name", MAX_KEY, name)
}

/// Checks a param, whose value is cut to what is kept.
pub fn param(path: impl Display, name: &str, value: &str) -> Result<track::Param, Fault> {
    key(path, name)?;
    length("Param key", MAX_KEY, name)?;
    Ok(track::Param { key: name.to_owned(), value: cut(value, MAX_PARAM_VALUE) })
}

/// Checks a tag of a run, whose value is cut to what is kept.
pub fn tag(path: impl Display, name: &str, value: &str) -> Result<track::Tag, Fault> {
    key(&path, name)?;
    not_ours(name)?;
    length(path, MAX_KEY, name)?;
    Ok(track::Tag { key: name.to_owned(), value: cut(value, MAX_TAG_VALUE) })
}

/// Refuses a tag by which `pipe` itself tells how a run came about.
pub fn not_ours(name: &str) -> Result<(), Fault> {
    if track::is_own_tag(name) {
        return Err(Fault::invalid(format!(
            "The tag '{name}' cannot be set or deleted by clients: by tags that begin with 'pipe.' this server records how \
             a run came about."
        )));
    }
    Ok(())
}

/// Checks a tag whose value is refused when it is longer than `limit`.
pub fn strict_tag(name: &str, value: &str, limit: usize) -> Result<track::Tag, Fault> {
    key("key", name)?;
    length("key", MAX_KEY, name)?;
    length("value", limit, value)?;
    Ok(track::Tag { key: name.to_owned(), value: value.to_owned() })
}

/// Checks a tag of an experiment.
pub fn experiment_tag(name: &str, value: &str) -> Result<track::Tag, Fault> {
    strict_tag(name, value, MAX_EXPERIMENT_TAG_VALUE)
}

/// Checks a length in characters.
pub fn length(what: impl Display, limit: usize, text: &str) -> Result<(), Fault> {
    if text.len() <= limit || text.chars().count() <= limit {
        return Ok(());
    }
    Err(Fault::invalid(format!("'{what}' exceeds the maximum length of {limit} characters")))
}

/// Checks how much a batch holds.
pub fn batch(metrics: usize, params: usize, tags: usize) -> Result<(), Fault> {
    let check = |what: &str, limit: usize, count: usize| {
        if count <= limit {
            return Ok(());
        }
        Err(Fault::invalid(format!(
            "A batch logging request can contain at most {limit} {what}. Got {count} {what}. Please split up {what} \
             across multiple requests and try again."
        )))
    };
    check("metrics", MAX_BATCH, metrics)?;
    check("params", MAX_BATCH_TEXTS, params)?;
    check("tags", MAX_BATCH_TEXTS, tags)?;
    check("metrics, params, and tags", MAX_BATCH, metrics + params + tags)
}

/// The first characters of a text.
fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

/// A path as Python's `posixpath.normpath` spells it.
pub fn normal_path(path: &str) -> String {
    // POSIX keeps two slashes at the start, and no other number of them.
    let root = match path.bytes().take_while(|byte| *byte == b'/').count() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    let path = format!("{root}{}", parts.join("/"));
    if path.is_empty() { ".".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_spelled_as_python_spells_them() {
        for (path, expected) in [
            ("a", "a"),
            ("a/../b", "b"),
            ("", "."),
            ("a//b/", "a/b"),
            ("../a", "../a"),
            ("/../a", "/a"),
            ("//a", "//a"),
            ("///a", "/a"),
            ("a/../..", ".."),
            ("./.", "."),
        ] {
            assert_eq!(normal_path(path), expected, "{path}");
        }
    }

    #[test]
    fn names_are_refused_in_mlflows_words() {
        assert_eq!(key("key", "a/b c:d-e_f.g"), Ok(()));
        assert_eq!(
            key("metrics[0].name", "a//b").unwrap_err().message,
            "Invalid value \"a//b\" for parameter 'metrics[0].name' supplied: Names may be treated as files in certain \
             cases, and must not resolve to other names when treated as such. This name would resolve to 'a/b'"
        );
        assert!(key("key", "a#b").is_err() && key("key", "..a").is_err() && key("key", "").is_err());
    }

    #[test]
    fn values_are_cut_at_a_character() {
        assert_eq!(param("key", "p", &"ä".repeat(7000)).unwrap().value, "ä".repeat(6000));
        assert!(experiment_tag("a", &"x".repeat(20_001)).is_err());
    }

    #[test]
    fn batches_have_limits() {
        assert_eq!(batch(1000, 0, 0), Ok(()));
        assert!(batch(1001, 0, 0).is_err() && batch(0, 101, 0).is_err() && batch(0, 0, 101).is_err());
        assert!(batch(950, 50, 1).unwrap_err().message.contains("metrics, params, and tags"));
    }
}
