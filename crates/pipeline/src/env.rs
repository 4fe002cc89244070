//! Declared environment variables: inputs of a stage whose values nobody may read back.
//!
//! A value is compared, not kept: what is recorded is a digest of name and value under a key that is recorded
//! nowhere. Locks are shared, and without the key a short secret could be found in one by trying; with another key
//! a variable merely counts as changed. Only a variable declared with `plain: true` is recorded as it was, with a
//! digest that is the same everywhere.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use base::Digest;
use serde::{Deserialize, Serialize};

use crate::stage::Stage;

/// Of the digest of a plain value. Changing it makes every stage with such variables stale once.
const PLAIN_CONTEXT: &str = "pipe declared environment variable 1";

/// Of the key, when it is made of a text. Changing it makes every stage with declared variables stale once.
const KEY_CONTEXT: &str = "pipe environment key 1";

/// A variable that a stage declares.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EnvRef {
    /// Its name.
    pub name: String,
    /// Whether its value may be recorded and shown.
    pub plain: bool,
}

/// Under which values are digested. As secret as they are: its `Debug` tells nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvKey([u8; 32]);

impl EnvKey {
    /// The key that a text stands for, which had better be long and random.
    pub fn of(text: &[u8]) -> Self {
        EnvKey(blake3::derive_key(KEY_CONTEXT, text))
    }
}

impl fmt::Debug for EnvKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvKey")
    }
}

/// What the variables that stages declare hold, and where the remotes are, where a stage names one or writes outside the
/// project. Its `Debug` tells names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// By name; one that is not in it is not set.
    pub values: BTreeMap<String, String>,
    /// Under which they are digested.
    pub key: EnvKey,
    /// The folders of remotes, by name; or why there is none.
    pub remotes: BTreeMap<String, Result<PathBuf, String>>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
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
    /// The state of a variable with this value (`None` when it is not set), digested under `key` unless it is plain.
    pub fn of(variable: &EnvRef, value: Option<&str>, key: &EnvKey) -> Self {
        let digest = value.map(|value| {
            let mut hasher = match variable.plain {
                true => blake3::Hasher::new_derive_key(PLAIN_CONTEXT),
                false => blake3::Hasher::new_keyed(&key.0),
            };
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
        let value = environment.values.get(&variable.name).map(String::as_str);
        (variable.name.clone(), EnvState::of(variable, value, &environment.key))
    };
    stage.env.iter().map(state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, plain: bool, value: Option<&str>, key: &str) -> EnvState {
        EnvState::of(&EnvRef { name: name.to_owned(), plain }, value, &EnvKey::of(key.as_bytes()))
    }

    #[test]
    fn a_digest_is_of_name_value_and_key() {
        let state = of("A", false, Some("x"), "key");
        assert_ne!(state, of("B", false, Some("x"), "key"));
        assert_ne!(state, of("A", false, Some("y"), "key"));
        assert_ne!(state, of("A", false, Some("x"), "other key"));
        assert_ne!(of("A", false, Some(""), "key"), of("A", false, None, "key"));
        assert_eq!(of("A", false, None, "key"), EnvState::default());
        // By hand: the keyed mode of BLAKE3 over `A`, a zero, `x`.
        let key = blake3::derive_key("pipe environment key 1", b"key");
        assert_eq!(state.digest, Some(Digest::Blake3(*blake3::keyed_hash(&key, b"A\0x").as_bytes())));
        assert_eq!(state.shown(), None);
    }

    #[test]
    fn a_plain_value_is_the_same_under_every_key() {
        let state = of("A", true, Some("x"), "key");
        assert_eq!(state, of("A", true, Some("x"), "other key"));
        let expected = blake3::derive_key("pipe declared environment variable 1", b"A\0x");
        assert_eq!((state.digest, state.shown().as_deref()), (Some(Digest::Blake3(expected)), Some("x")));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let values = [("TOKEN".to_owned(), "secret".to_owned())].into();
        let environment = Environment { values, key: EnvKey::of(b"key"), remotes: BTreeMap::new() };
        assert_eq!(format!("{environment:?} {:?}", environment.key), r#"{"TOKEN"} EnvKey"#);
    }
}
