//! What is said of a stage's run: `experiment`, `run`. None of it is part of the stage key: it decides where a result
//! is told of, not what it is.

use base::Value;

use crate::error::PipelineError;
use crate::format::native::spec::known_keys_only;
use crate::node::Node;
use crate::stage::Tracking;

/// Longest name of an experiment and of a run, in characters: MLflow's limits.
const LONGEST_EXPERIMENT: usize = 500;
const LONGEST_RUN: usize = 250;

/// Reads what a stage says of its run.
pub(crate) fn read(stage: &Node<'_, '_>) -> Result<Tracking, PipelineError> {
    let experiment = stage.get("experiment").map(|node| name(&node, LONGEST_EXPERIMENT)).transpose()?;
    let mut tracking = Tracking { experiment, ..Tracking::default() };
    let Some(run) = stage.get("run") else { return Ok(tracking) };
    known_keys_only(&run, "`run`", &["name", "tags"])?;
    tracking.name = run.get("name").map(|node| name(&node, LONGEST_RUN)).transpose()?;
    if let Some(tags) = run.get("tags") {
        for (key, value) in tags.entries()? {
            let allowed = |c: char| c.is_alphanumeric() || "_-. :/".contains(c);
            if key.is_empty() || !key.chars().all(allowed) {
                return Err(value.key_fault(format!("`{}` is no key of a tag", key.escape_debug())));
            }
            base::check_tag_key(key).map_err(|fault| value.key_fault(fault))?;
            tracking.tags.insert(key.to_owned(), plain(&value)?);
        }
    }
    Ok(tracking)
}

fn name(node: &Node<'_, '_>, longest: usize) -> Result<String, PipelineError> {
    let name = plain(node)?;
    if name.trim().is_empty() {
        return Err(node.fault("the name is empty"));
    }
    if name.chars().count() > longest {
        return Err(node.fault(format!("the name is longer than {longest} characters")));
    }
    Ok(name)
}

/// A text; templates make other plain values of what looks like one.
fn plain(node: &Node<'_, '_>) -> Result<String, PipelineError> {
    match node.value {
        Value::Str(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => Ok(node.value.to_string()),
        _ => Err(node.expected("a text")),
    }
}
