//! MLflow's rules for names and lengths, which hold from the start so that every run can be served
//! to its clients later.
//!
//! Lengths count characters, as Python does.

/// Longest key of a metric, param or tag, in characters.
pub const MAX_KEY: usize = 250;
/// Longest value of a param, in characters.
pub const MAX_PARAM_VALUE: usize = 6000;
/// Longest value of a tag, in characters.
pub const MAX_TAG_VALUE: usize = 8000;
/// Longest name of a run, in characters.
pub const MAX_RUN_NAME: usize = 250;
/// Longest name of an experiment, in characters.
pub const MAX_EXPERIMENT_NAME: usize = 500;

/// A key, name or value that the store does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is empty.
    #[error("the {noun} key is empty")]
    Empty {
        /// `metric`, `param` or `tag`.
        noun: &'static str,
    },
    /// The key has a character outside letters, digits and `_ - . space : /`.
    #[error("{noun} key `{key}` has the character {character:?}: letters, digits and `_-. :/` are allowed")]
    Character {
        /// `metric`, `param` or `tag`.
        noun: &'static str,
        /// The key.
        key: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// The key would mean another path: `a/../b`, `.`, `//`, `/a`, `a/`.
    #[error("{noun} key `{key}` is no plain path: `.`, `..`, `//` and `/` at either end are not allowed")]
    Path {
        /// What it is: `metric`, `param`, `tag` or `artifact`.
        noun: &'static str,
        /// The key.
        key: String,
    },
    /// A key, name or value is too long.
    #[error("{what} is {length} characters long: at most {limit} are allowed")]
    TooLong {
        /// What it is, with its key.
        what: String,
        /// Its length in characters.
        length: usize,
        /// The longest length.
        limit: usize,
    },
}

/// Checks the key of a metric, param or tag; `noun` says which.
///
/// # Errors
/// When MLflow would refuse the key.
pub fn check_key(noun: &'static str, key: &str) -> Result<(), KeyError> {
    if key.is_empty() {
        return Err(KeyError::Empty { noun });
    }
    check_length(key, MAX_KEY, || format!("{noun} key `{}…`", head(key)))?;
    let allowed = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '/');
    if let Some(character) = key.chars().find(|c| !allowed(c)) {
        return Err(KeyError::Character { noun, key: key.to_owned(), character });
    }
    check_path(noun, key)
}

/// Checks that a `/` path means only itself.
pub(crate) fn check_path(noun: &'static str, key: &str) -> Result<(), KeyError> {
    if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(KeyError::Path { noun, key: key.to_owned() });
    }
    Ok(())
}

/// Checks a length in characters; the name of the thing is made only when it is needed.
pub(crate) fn check_length(text: &str, limit: usize, what: impl FnOnce() -> String) -> Result<(), KeyError> {
    // Bytes bound characters from above, so that the usual short text is not walked.
    if text.len() <= limit {
        return Ok(());
    }
    let length = text.chars().count();
    if length <= limit { Ok(()) } else { Err(KeyError::TooLong { what: what(), length, limit }) }
}

/// A param value cut to the length that the store takes; the cut shows as `…`.
pub fn fit_param_value(value: &str) -> String {
    fit(value, MAX_PARAM_VALUE)
}

/// A tag value cut to the length that the store takes; the cut shows as `…`.
pub fn fit_tag_value(value: &str) -> String {
    fit(value, MAX_TAG_VALUE)
}

fn fit(value: &str, limit: usize) -> String {
    if value.chars().nth(limit).is_none() {
        return value.to_owned();
    }
    let mut cut: String = value.chars().take(limit - 1).collect();
    cut.push('…');
    cut
}

fn head(text: &str) -> String {
    text.chars().take(30).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_as_mlflow_takes_them() {
        for good in
            ["a", "train/loss_step", "seed/seed1_1/alpha", "a b", "params.yaml:lr", "größe", "a.b", "..a"]
        {
            assert_eq!(check_key("metric", good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a/../b", "a//b", "/a", "a/", "./a", "a\nb", "a#b", "lr[0]", "a\\b"] {
            assert!(check_key("metric", bad).is_err(), "{bad:?}");
        }
        assert_eq!(check_key("tag", &"ä".repeat(250)), Ok(()));
        assert!(matches!(check_key("tag", &"ä".repeat(251)), Err(KeyError::TooLong { length: 251, .. })));
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        assert_eq!(fit_param_value(&"ä".repeat(6000)), "ä".repeat(6000));
        let cut = fit_param_value(&"ä".repeat(6001));
        assert_eq!((cut.chars().count(), cut.ends_with("ä…")), (6000, true));
    }
}
