//! Ids of logged models: `m-` and 32 hexadecimal digits, as MLflow's clients expect them.

use std::fmt;
use std::str::FromStr;

use base::Timestamp;
use rand::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::RunId;

/// The identity of a logged model. One made here is ordered by the time of its making, as [`RunId`] is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(RunId);

/// A text that is no id of a logged model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the id of a logged model: expected `m-` and 32 lower-case hexadecimal digits")]
pub struct ParseModelIdError {
    text: String,
}

impl ModelId {
    /// An id made now, greater than every id that this process made before.
    pub fn new(now: Timestamp, random: &mut impl Rng) -> Self {
        ModelId(RunId::new(now, random))
    }

    /// As a run's id, of which its name is made.
    pub(crate) fn as_run(self) -> RunId {
        self.0
    }

    /// The id of the given moment and random bits, see [`RunId::from_parts`].
    pub fn from_parts(now: Timestamp, random: u128) -> Self {
        ModelId(RunId::from_parts(now, random))
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m-{}", self.0)
    }
}

impl fmt::Debug for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ModelId {
    type Err = ParseModelIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("m-").and_then(|digits| digits.parse().ok());
        digits.map(ModelId).ok_or_else(|| ParseModelIdError { text: text.to_owned() })
    }
}

impl Serialize for ModelId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_and_nothing_else_does() {
        let id = ModelId::from_parts(Timestamp(1_763_721_727_045), 42);
        assert_eq!(id.to_string().len(), 34);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "m-", "m-0123", &"0".repeat(34), &format!("M-{}", "0".repeat(32))] {
            assert!(bad.parse::<ModelId>().is_err(), "{bad}");
        }
    }
}
