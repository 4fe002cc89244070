//! Keys that are asked for and that no run has: a list that is empty for a slip of the finger should say so.

use std::fmt;

use crate::mirror::{PARENT_TAG, RUN_NAME_TAG};
use crate::{Field, KeyGroup, RESTORED_TAG, Run, RunStore, STAGE_TAG, StoreError, nearest};

/// A key that no run has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKey {
    /// Of what it is a key.
    pub group: KeyGroup,
    /// The key.
    pub key: String,
    /// One that there is and that looks alike.
    pub near: Option<String>,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = match self.group {
            KeyGroup::Metrics => "metric",
            KeyGroup::Params => "param",
            KeyGroup::Tags => "tag",
        };
        let near = self.near.as_ref().map(|near| format!("; did you mean `{near}`?"));
        write!(f, "No run has a {noun} `{}`{}", self.key, near.as_deref().unwrap_or("."))
    }
}

/// Which metrics, params and tags of these fields no run of the store has, each once; `runs` are some that were found.
///
/// # Errors
/// When the store fails.
pub fn unknown_keys(
    store: &dyn RunStore,
    runs: &[Run],
    asked: &[Field],
) -> Result<Vec<UnknownKey>, StoreError> {
    let mut unknown: Vec<UnknownKey> = Vec::new();
    for field in asked {
        let (group, key, is_there) = match field {
            Field::Metric(key) | Field::Aggregate(_, key) => {
                (KeyGroup::Metrics, key, runs.iter().any(|run| run.data.metrics.contains_key(key)))
            }
            Field::Param(key) => {
                (KeyGroup::Params, key, runs.iter().any(|run| run.data.params.contains_key(key)))
            }
            Field::Tag(key) => (KeyGroup::Tags, key, runs.iter().any(|run| run.tag(key).is_some())),
            Field::Attribute(_) | Field::Dataset(_) => continue,
        };
        // The stage and where a result came from are fields of their own, and the name and the parent are no rows.
        let is_ours = [STAGE_TAG, RESTORED_TAG, RUN_NAME_TAG, PARENT_TAG].contains(&key.as_str());
        if is_there || is_ours || unknown.iter().any(|told| told.group == group && told.key == *key) {
            continue;
        }
        let known = store.keys(group)?;
        if !known.contains(key) {
            let near = nearest(key, known.iter().map(String::as_str));
            unknown.push(UnknownKey { group, key: key.clone(), near });
        }
    }
    Ok(unknown)
}
