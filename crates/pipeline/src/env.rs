//! Declared environment variables: inputs of a stage whose values nobody may read back.
//!
//! A value is compared, not kept: what is recorded is a digest of name and value under a key of its own, so that
//! neither two variables with one value nor a value and a file with its bytes have the same digest. Only a variable
//! declared with `plain: true` is recorded as it was. The digest is the same on every machine, since a lock is
//! shared; a short secret could thus be found by trying, as from any digest of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base::Digest;
use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// Changing it makes every stage with declared variables stale once.
const CONTEXT: &str = "pipe declared environment variable 1";

/// A variable that a stage declares.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EnvRef {
    /// Its name.
    pub name: String,
    /// Whether its value may be recorded and shown.
    pub plain: bool,
}

/// Values of variables by name; one that is not in it is not set. Its `Debug` tells names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(pub BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What a record tells of a variable's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvState {
    /// Of its name and value; `None` when it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The value itself, when the stage declares it `plain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<String>,
}

impl EnvState {
    /// The state of a variable with this value; `None` when it is not set.
    pub fn of(variable: &EnvRef, value: Option<&str>) -> Self {
        let digest = value.map(|value| {
            let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
            hasher.update(variable.name.as_bytes()).update(&[0]).update(value.as_bytes());
            Digest::Blake3(*hasher.finalize().as_bytes())
        });
        let plain = value.filter(|_| variable.plain).map(str::to_owned);
        EnvState { digest, plain }
    }

    /// What may be said of the value: nothing when it is a secret.
    pub(crate) fn shown(&self) -> Option<Cow<'_, str>> {
        match (&self.digest, &self.plain) {
            (None, _) => Some(Cow::Borrowed("not set")),
            (Some(_), plain) => plain.as_deref().map(Cow::Borrowed),
        }
    }
}

/// The states of the variables that `stage` declares, by name, as a lock records them.
pub fn env_states(stage: &Stage, environment: &Environment) -> Vec<(String, EnvState)> {
    let state = |variable: &EnvRef| {
        let value = environment.0.get(&variable.name).map(String::as_str);
        (variable.name.clone(), EnvState::of(variable, value))
    };
    stage.env.iter().map(state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_name_and_value() {
        let of = |name: &str, value| EnvState::of(&EnvRef { name: name.to_owned(), plain: false }, value);
        assert_ne!(of("A", Some("x")), of("B", Some("x")));
        assert_ne!(of("A", Some("x")), of("A", Some("y")));
        assert_ne!(of("A", Some("")), of("A", None));
        assert_eq!(of("A", None), EnvState::default());
        let state = of("A", Some("x"));
        // By hand: the derived-key mode of BLAKE3 over `A`, a zero, `x`.
        let expected = blake3::derive_key("pipe declared environment variable 1", b"A\0x");
        assert_eq!(state.digest, Some(Digest::Blake3(expected)));
        assert_eq!(state.shown(), None);
        let plain = EnvState::of(&EnvRef { name: "A".to_owned(), plain: true }, Some("x"));
        assert_eq!((plain.digest, plain.shown().as_deref()), (state.digest, Some("x")));
        let environment = Environment([("TOKEN".to_owned(), "secret".to_owned())].into());
        assert_eq!(format!("{environment:?}"), r#"{"TOKEN"}"#);
    }
}
