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
/// Longest value of an experiment's tag, in characters.
pub const MAX_EXPERIMENT_TAG_VALUE: usize = 20_000;
/// Longest value of a tag in the model registry, in characters.
pub const MAX_REGISTRY_TAG_VALUE: usize = 100_000;
/// Longest name of a registered model, in characters.
pub const MAX_MODEL_NAME: usize = 256;
/// Longest name of a logged model, in characters.
pub const MAX_LOGGED_MODEL_NAME: usize = 500;
/// Longest alias of a version, in characters.
pub const MAX_ALIAS: usize = 255;
/// Longest name of a data set, in characters.
pub const MAX_DATASET_NAME: usize = 500;
/// Longest digest of a data set, in characters.
pub const MAX_DATASET_DIGEST: usize = 36;
/// Longest source of a data set, in characters.
pub const MAX_DATASET_SOURCE: usize = 65_535;
/// Longest schema of a data set, in characters.
pub const MAX_DATASET_SCHEMA: usize = 1_048_575;
/// Longest profile of a data set, in characters.
pub const MAX_DATASET_PROFILE: usize = 16_777_215;

/// Longest name of a file or folder, in bytes: what is longer could be stored here, and downloaded nowhere.
pub const MAX_FILE_NAME: usize = 255;

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
    /// A name in the path of an artifact that no file system takes.
    #[error(
        "a name in the artifact path `{head}…` is {length} bytes long: at most {MAX_FILE_NAME} fit into a file system"
    )]
    FileName {
        /// How the name begins.
        head: String,
        /// Its length in bytes.
        length: usize,
    },
    /// The name of a model.
    #[error("the {noun} name `{name}` is not allowed: {rule}")]
    Name {
        /// `registered model` or `logged model`.
        noun: &'static str,
        /// The name.
        name: String,
        /// What names have to be.
        rule: &'static str,
    },
    /// An alias of a version.
    #[error("the alias `{alias}` is not allowed: {rule}")]
    Alias {
        /// The alias.
        alias: String,
        /// What aliases have to be.
        rule: &'static str,
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

/// Checks the name of a registered model.
///
/// # Errors
/// When MLflow would refuse the name.
pub fn check_registered_name(name: &str) -> Result<(), KeyError> {
    let noun = "registered model";
    check_length(name, MAX_MODEL_NAME, || format!("the {noun} name `{}…`", head(name)))?;
    let rule = match name {
        _ if name.trim().is_empty() => "it is empty",
        _ if name.contains(['/', ':']) => "`/` and `:` stand for something else where models are named",
        _ if name == "." || name.starts_with("..") => "it would mean another path",
        _ => return Ok(()),
    };
    Err(KeyError::Name { noun, name: name.to_owned(), rule })
}

/// Checks the name of a logged model.
///
/// # Errors
/// When MLflow would refuse the name.
pub fn check_logged_name(name: &str) -> Result<(), KeyError> {
    let noun = "logged model";
    check_length(name, MAX_LOGGED_MODEL_NAME, || format!("the {noun} name `{}…`", head(name)))?;
    let rule = match name {
        _ if name.is_empty() => "it is empty",
        _ if name.contains(['/', ':', '.', '%', '"', '\'']) => {
            "`/`, `:`, `.`, `%` and quotes stand for something else where models are named"
        }
        _ => return Ok(()),
    };
    Err(KeyError::Name { noun, name: name.to_owned(), rule })
}

/// Checks an alias of a version.
///
/// # Errors
/// When MLflow would refuse the alias.
pub fn check_alias(alias: &str) -> Result<(), KeyError> {
    check_length(alias, MAX_ALIAS, || format!("the alias `{}…`", head(alias)))?;
    let is_version = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let rule = if alias.is_empty() {
        "it is empty"
    } else if !alias.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        "letters, digits, `_` and `-` are"
    } else if alias.eq_ignore_ascii_case("latest") {
        "`latest` means the newest version"
    } else if alias.strip_prefix(['v', 'V']).is_some_and(is_version) {
        "`v` and a number means that version"
    } else {
        return Ok(());
    };
    Err(KeyError::Alias { alias: alias.to_owned(), rule })
}

/// Checks the path of a new artifact: that it means only itself, and that a disk can hold each name in it.
///
/// # Errors
/// When it has `.`, `..` or nothing between its `/`, or too long a name.
pub fn check_artifact_path(path: &str) -> Result<(), KeyError> {
    check_path("artifact", path)?;
    match path.split('/').find(|name| name.len() > MAX_FILE_NAME) {
        Some(name) => Err(KeyError::FileName { head: head(name), length: name.len() }),
        None => Ok(()),
    }
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
    fn each_name_in_the_path_of_an_artifact_fits_into_a_file_system() {
        let longest = "ä".repeat(127) + "a";
        for good in ["a", &longest, &format!("{longest}/{longest}")] {
            assert_eq!(check_artifact_path(good), Ok(()), "{good}");
        }
        for bad in [&*"ä".repeat(128), &format!("a/{longest}a/b")] {
            let told = check_artifact_path(bad);
            assert!(matches!(told, Err(KeyError::FileName { length: 256, .. })), "{bad}: {told:?}");
        }
        assert!(check_artifact_path("a/../b").is_err() && check_artifact_path("").is_err());
    }

    #[test]
    fn names_of_models_and_aliases_as_mlflow_takes_them() {
        for good in ["iris", "größe 1", "a.b", "a%b"] {
            assert_eq!(check_registered_name(good), Ok(()), "{good}");
        }
        for bad in ["", " ", "a/b", "models:a", ".", "..", &"a".repeat(257)] {
            assert!(check_registered_name(bad).is_err(), "{bad}");
        }
        for good in ["model", "größe 1"] {
            assert_eq!(check_logged_name(good), Ok(()), "{good}");
        }
        for bad in ["", "a/b", "a:b", "a.b", "a%b", "a\"b", "a'b"] {
            assert!(check_logged_name(bad).is_err(), "{bad}");
        }
        for good in ["champion", "v", "v1a", "_", "Latest-1", "größe"] {
            assert_eq!(check_alias(good), Ok(()), "{good}");
        }
        for bad in ["", "a b", "a.b", "latest", "LATEST", "v1", "V007", &"a".repeat(256)] {
            assert!(check_alias(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        assert_eq!(fit_param_value(&"ä".repeat(6000)), "ä".repeat(6000));
        let cut = fit_param_value(&"ä".repeat(6001));
        assert_eq!((cut.chars().count(), cut.ends_with("ä…")), (6000, true));
    }
}
