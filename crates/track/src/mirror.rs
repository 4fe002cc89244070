//! The tags under which MLflow knows what is a field of a run here: its name and its parent.
//!
//! The store keeps each such fact once, in the field. Setting the tag sets the field, by whatever door it comes, and who
//! asks for the tag is told the field, so that the two never disagree. A parent that is no run of the store stays a tag
//! and no more.

use std::borrow::Cow;

use crate::Run;

/// The tag that is a run's name. A run always has one: taking the tag away changes nothing.
pub const RUN_NAME_TAG: &str = "mlflow.runName";
/// The tag that is the id of a run's parent.
pub const PARENT_TAG: &str = "mlflow.parentRunId";

impl Run {
    /// The value of a tag, also of one that is a field.
    pub fn tag(&self, key: &str) -> Option<Cow<'_, str>> {
        match (key, self.info.parent) {
            (RUN_NAME_TAG, _) => Some(Cow::Borrowed(&self.info.name)),
            (PARENT_TAG, Some(parent)) => Some(Cow::Owned(parent.to_string())),
            _ => self.data.tags.get(key).map(|value| Cow::Borrowed(value.as_str())),
        }
    }
}
