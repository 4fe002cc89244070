//! What the source of a version names, of what a store has.

use crate::{Artifact, ModelId, RunId};

/// Files that a version was made of; one that is kept elsewhere names nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A file or folder of a run's artifacts; empty for all.
    Run(RunId, &'a str),
    /// The same of a logged model's.
    Model(ModelId, &'a str),
    /// Another version, by its registered model and number.
    Version(&'a str, i64),
}

impl<'a> Source<'a> {
    /// Reads `runs:/RUN/PATH`, `models:/MODEL`, `models:/NAME/2` and `mlflow-artifacts:/LOCATION/RUN/artifacts/PATH`,
    /// or with `models/MODEL` for the run.
    pub fn parse(source: &'a str) -> Option<Self> {
        let (scheme, rest) = source.split_once(":/")?;
        let rest = rest.trim_matches('/');
        let (first, below) = rest.split_once('/').unwrap_or((rest, ""));
        match scheme {
            "runs" => Some(Source::Run(first.parse().ok()?, below)),
            "models" => match first.parse() {
                Ok(model) => Some(Source::Model(model, below)),
                Err(_) => Some(Source::Version(first, below.parse().ok()?)),
            },
            "mlflow-artifacts" => Source::in_proxy(rest),
            _ => None,
        }
    }

    /// The first place that can be one: what lies below is named by people.
    fn in_proxy(path: &'a str) -> Option<Self> {
        let mut rest = path;
        while let Some((_, next)) = rest.split_once('/') {
            rest = next;
            let is_model = rest.strip_prefix("models/");
            let Some((id, tail)) = is_model.unwrap_or(rest).split_once('/') else { continue };
            let below = match tail.strip_prefix("artifacts") {
                Some("") => "",
                Some(below) if below.starts_with('/') => &below[1..],
                _ => continue,
            };
            let found = match is_model {
                Some(_) => id.parse().ok().map(|model| Source::Model(model, below)),
                None => id.parse().ok().map(|run| Source::Run(run, below)),
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// The artifact with a path, by its last name, or those in the folder with that path, by what follows it.
pub fn below(artifacts: Vec<Artifact>, path: &str) -> Vec<Artifact> {
    let path = path.trim_matches('/');
    let renamed = artifacts.into_iter().filter_map(|artifact| {
        let rest = match artifact.path.strip_prefix(path)? {
            "" => artifact.path.rsplit('/').next()?,
            rest if path.is_empty() => rest,
            rest => rest.strip_prefix('/')?,
        };
        Some(Artifact { path: rest.to_owned(), ..artifact })
    });
    renamed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_below_a_path() {
        let digest = base::Digest::Blake3([0; 32]);
        let artifact = |path: &str| Artifact { path: path.into(), digest, size: 0 };
        let all =
            || vec![artifact("model/a"), artifact("model/b/c"), artifact("models"), artifact("x/y.bin")];
        let paths = |path: &str| -> Vec<String> {
            below(all(), path).into_iter().map(|artifact| artifact.path).collect()
        };
        assert_eq!(paths("model"), ["a", "b/c"]);
        assert_eq!(paths("x/y.bin"), ["y.bin"]);
        assert_eq!(paths("").len(), 4);
    }

    #[test]
    fn sources_of_every_way_to_make_a_version() {
        let digits = "0123456789ab7fffbfffffffffffffff";
        let (run, model): (RunId, ModelId) =
            (digits.parse().unwrap(), format!("m-{digits}").parse().unwrap());
        for (source, expected) in [
            (format!("runs:/{digits}/a/b"), Some(Source::Run(run, "a/b"))),
            (format!("runs:/{digits}"), Some(Source::Run(run, ""))),
            (format!("mlflow-artifacts:/0/{digits}/artifacts/a"), Some(Source::Run(run, "a"))),
            (format!("mlflow-artifacts:/0/{digits}/artifacts"), Some(Source::Run(run, ""))),
            (
                format!("mlflow-artifacts:///my/place/{digits}/artifacts/a/{digits}/artifacts/"),
                Some(Source::Run(run, &format!("a/{digits}/artifacts"))),
            ),
            (format!("mlflow-artifacts:/0/models/m-{digits}/artifacts"), Some(Source::Model(model, ""))),
            (format!("models:/m-{digits}"), Some(Source::Model(model, ""))),
            ("models:/iris/2".into(), Some(Source::Version("iris", 2))),
            ("models:/iris@best".into(), None),
            (format!("mlflow-artifacts:/{digits}/artifacts/a"), None),
            (format!("mlflow-artifacts:/0/{digits}/artifactsx/a"), None),
            (format!("s3://bucket/{digits}/artifacts/a"), None),
            ("runs:/x/a".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(Source::parse(&source), expected, "{source}");
        }
    }
}
