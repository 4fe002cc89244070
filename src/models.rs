//! Which version of a registered model is meant, and where its files are.

use std::str::FromStr;

use track::{
    Artifact, ModelSearch, ModelStore, ModelVersion, RegisteredModel, SqliteStore, Stage, StoreError,
    VersionRef, nearest,
};

use crate::error::{CliError, CliResult};

/// A registered model as people write it: `NAME`, `NAME/3`, `NAME@champion`, `NAME/Production`, `NAME/latest` or
/// `NAME@latest`, with `models:/` before it or without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName {
    /// The registered model's name.
    pub name: String,
    /// Which of its versions, when one is named.
    pub which: Option<Which>,
}

/// One of the versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By number.
    Number(i64),
    /// The one that an alias means.
    Alias(String),
    /// The newest in a stage.
    Stage(Stage),
    /// The newest.
    Latest,
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((run, path)) =
            text.strip_prefix("runs:/").map(|of| of.split_once('/').unwrap_or((of, "")))
        {
            return Err(format!("it names files of a run: `pipe runs download {run} {path}` fetches them"));
        }
        let plain = text.strip_prefix("models:/").unwrap_or(text);
        let (name, which) = if let Some((name, which)) = plain.split_once('/') {
            (name, Some(version(which)?))
        } else if let Some((name, alias)) = plain.rsplit_once('@') {
            let is_latest = alias.eq_ignore_ascii_case("latest");
            (name, Some(if is_latest { Which::Latest } else { Which::Alias(alias.to_owned()) }))
        } else {
            (plain, None)
        };
        track::check_registered_name(name).map_err(|fault| fault.to_string())?;
        Ok(ModelName { name: name.to_owned(), which })
    }
}

fn version(text: &str) -> Result<Which, String> {
    if text.eq_ignore_ascii_case("latest") {
        return Ok(Which::Latest);
    }
    let digits = text.strip_prefix(['v', 'V']).unwrap_or(text);
    if let Ok(number) = digits.parse() {
        return Ok(Which::Number(number));
    }
    text.parse().map(Which::Stage).map_err(|_| {
        format!(
            "`{text}` is no version: expected a number, latest, or a stage (Staging, Production, Archived)"
        )
    })
}

/// The version that is meant; without a word about which, the newest.
///
/// # Errors
/// When there is none, or the store fails.
pub fn find_version(store: &SqliteStore, wanted: &ModelName) -> CliResult<ModelVersion> {
    let name = &wanted.name;
    let newest = |stages: &[Stage]| -> CliResult<Option<ModelVersion>> {
        let latest = store.latest_versions(name, stages).map_err(|fault| with_near_name(store, fault))?;
        Ok(latest.into_iter().max_by_key(|found| found.version))
    };
    let found = match &wanted.which {
        Some(Which::Number(number)) => store.model_version(name, *number).map(Some),
        Some(Which::Alias(alias)) => store.version_by_alias(name, alias).map(Some),
        Some(Which::Stage(stage)) => return newest(&[*stage])?.ok_or_else(|| none(name, stage.name())),
        Some(Which::Latest) | None => return newest(&Stage::ALL)?.ok_or_else(|| none(name, "any stage")),
    };
    match found {
        Ok(found) => found.ok_or_else(|| none(name, "any stage")),
        Err(fault @ StoreError::Unknown { noun: "registered model", .. }) => {
            Err(with_near_name(store, fault))
        }
        Err(fault) => {
            Err(CliError::from(fault).hint(format!("`pipe models show {name}` shows its versions")))
        }
    }
}

/// The registered model with a name.
///
/// # Errors
/// When there is none, with the name that is near, or the store fails.
pub fn registered_model(store: &SqliteStore, name: &str) -> CliResult<RegisteredModel> {
    store.registered_model(name).map_err(|fault| with_near_name(store, fault))
}

/// A fault; where there is no such registered model, with the name that was meant perhaps.
pub fn with_near_name(store: &SqliteStore, fault: StoreError) -> CliError {
    let StoreError::Unknown { noun: "registered model", name } = &fault else { return fault.into() };
    let hint = match near_name(store, name) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`pipe models list` shows the registered models".to_owned(),
    };
    CliError::from(fault).hint(hint)
}

/// The registered model whose name is near to one that there is not.
pub fn near_name(store: &SqliteStore, name: &str) -> Option<String> {
    let known = store.search_registered_models(&ModelSearch::default()).unwrap_or_default();
    nearest(name, known.iter().map(|model| model.name.as_str()))
}

fn none(name: &str, stage: &str) -> CliError {
    CliError::message(format!("registered model `{name}` has no version in {stage}"))
        .hint(format!("`pipe models show {name}` shows its versions"))
}

/// The files of a version: its own, else those of the logged model or the run that it was made of.
///
/// # Errors
/// When they are not here, or the store fails.
pub fn files(store: &SqliteStore, version: &ModelVersion) -> CliResult<Vec<Artifact>> {
    let named = VersionRef { model: version.model.clone(), version: version.version };
    let found = store.version_files(&named)?;
    if !found.is_empty() {
        return Ok(found);
    }
    let text = format!("version {} of `{}` has no files here", version.version, version.model);
    Err(CliError::message(text)
        .hint(format!("it was made of {}, which is kept elsewhere, or is empty or gone", version.source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_and_versions() {
        let read = |text: &str| text.parse::<ModelName>().map(|found| (found.name, found.which));
        let alias = || Some(Which::Alias("champion".into()));
        for (text, name, which) in [
            ("iris", "iris", None),
            ("iris/3", "iris", Some(Which::Number(3))),
            ("iris/v3", "iris", Some(Which::Number(3))),
            ("iris@champion", "iris", alias()),
            ("models:/a@b@champion", "a@b", alias()),
            ("iris/production", "iris", Some(Which::Stage(Stage::Production))),
            ("models:/iris/latest", "iris", Some(Which::Latest)),
            ("iris@latest", "iris", Some(Which::Latest)),
            ("models:/iris@Latest", "iris", Some(Which::Latest)),
        ] {
            assert_eq!(read(text), Ok((name.to_owned(), which)), "{text}");
        }
        for bad in ["", "iris/", "iris/x", "/3", "a:b", "@champion"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
