//! What a version of a registered model may be made of: files of the run or the logged model that is named with them, or
//! what is kept elsewhere.

use percent_encoding::percent_decode_str;
use track::{LoggedModel, ModelId, ModelVersion, Stage, VersionRef};

use crate::context::Context;
use crate::error::Fault;
use crate::registry::{self, missing_as};
use crate::versions::find;
use crate::{location, logged_models, runs};

/// What a version is made of, as its maker says.
pub struct Made {
    /// Where its files come from.
    pub source: String,
    /// The run that made them.
    pub run: Option<String>,
    /// The logged model that they are.
    pub model: Option<String>,
}

impl Made {
    /// Refuses sources that are not of the run or the logged model that is named, and those that lead elsewhere than they
    /// say. Returns the logged model, if it is made of one.
    pub fn check(&mut self, context: &Context) -> Result<Option<LoggedModel>, Fault> {
        location::refuse_hosts("source", &self.source)?;
        self.follow(context)?;
        let named = self.source.strip_prefix("models:/").and_then(|id| id.parse::<ModelId>().ok());
        let model = self.model.as_deref().map(logged_models::parse_id).transpose()?;
        let model = model.map(|id| logged_models::find(context, id)).transpose()?;
        let field = if model.is_some() || named.is_some() { "model_id" } else { "run_id" };
        self.check_path(field)?;
        let plain = decoded(&self.source);
        let scheme = plain.split_once(':').map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        let is_ours = match (scheme.as_str(), &model) {
            ("runs", None) => self.run.as_ref().is_some_and(|run| is_below(&plain, &format!("runs:/{run}"))),
            ("runs", Some(_)) => false,
            ("models", model) => {
                named.is_none_or(|named| model.as_ref().is_some_and(|model| model.id == named))
            }
            ("mlflow-artifacts", Some(model)) => is_below(&plain, &logged_models::uri(context, model)?),
            ("mlflow-artifacts", None) => match &self.run {
                Some(run) => {
                    let run = runs::find(context, run).map_err(|_| self.refused(field))?;
                    is_below(&plain, &context.locations([run.info.experiment])?.run(&run.info))
                }
                None => false,
            },
            _ => true,
        };
        if is_ours { Ok(model) } else { Err(self.refused(field)) }
    }

    /// Of a version that is made of another one: names that by its number, and takes over what that was made of.
    fn follow(&mut self, context: &Context) -> Result<(), Fault> {
        let Some(wanted) = self.source.strip_prefix("models:/").filter(|id| id.parse::<ModelId>().is_err())
        else {
            return Ok(());
        };
        let found = match (wanted.rsplit_once('/'), wanted.rsplit_once('@')) {
            (Some((name, version)), _) => match version.parse() {
                Ok(version) => {
                    registry::find(context, name)?;
                    find(context, &VersionRef { model: name.to_owned(), version })?
                }
                Err(_) => latest(context, name, version)?,
            },
            (None, Some((name, alias))) => registry::by_alias(context, name, alias)?,
            (None, None) => return Err(self.refused("model_id")),
        };
        let run = found.run.map(|run| run.to_string());
        let model = found.logged_model.map(|model| model.to_string());
        if self.run.is_some() && self.run != run || self.model.is_some() && self.model != model {
            return Err(Fault::invalid(format!(
                "Invalid model version source: '{}'. The run_id and model_id request parameters must match the \
                 referenced model version.",
                self.source
            )));
        }
        (self.run, self.model) = (run, model);
        self.source = format!("models:/{}/{}", found.model, found.version);
        Ok(())
    }

    fn check_path(&self, field: &str) -> Result<(), Fault> {
        let (source, plain) = (&self.source, decoded(&self.source));
        let scheme = plain.split_once(':').map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        if scheme.is_empty() || scheme.len() == 1 || scheme == "file" || plain.starts_with('/') {
            return Err(Fault::invalid(format!(
                "Invalid model version source: '{source}'. To use a local path as a model version source, the {field} \
                 request parameter has to be specified and the local path has to be contained within the artifact \
                 directory of the run specified by the {field}."
            )));
        }
        let is_absolute = {
            let path = location::path_of(&plain);
            path.starts_with('/') && !path.trim_matches('/').is_empty()
        };
        if !is_absolute
            || plain.contains('\0')
            || plain.split(['/', '\\']).any(|part| matches!(part, ".." | "."))
        {
            return Err(Fault::invalid(format!(
                "Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, \
                 ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path \
                 references present. Please provide an absolute path."
            )));
        }
        Ok(())
    }

    fn refused(&self, field: &str) -> Fault {
        Fault::invalid(format!(
            "Invalid model version source: '{}'. The {field} request parameter must identify the resource that contains \
             the source.",
            self.source
        ))
    }
}

/// The newest version of a stage, or of all.
fn latest(context: &Context, name: &str, stage: &str) -> Result<ModelVersion, Fault> {
    let stages = if stage == "latest" { Stage::ALL.to_vec() } else { vec![registry::stage(stage)?] };
    let found = context.store.latest_versions(name, &stages);
    let found = found.map_err(|fault| missing_as(fault, || registry::missing(name)))?;
    let found = found.into_iter().max_by_key(|found| found.version);
    found.ok_or_else(|| {
        Fault::invalid(format!("No versions of model with name '{name}' and stage '{stage}' found"))
    })
}

fn is_below(uri: &str, root: &str) -> bool {
    uri.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A source with nothing left to decode.
fn decoded(source: &str) -> String {
    let mut text = source.to_owned();
    loop {
        let next = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        // Each round is shorter.
        if next == text {
            return text;
        }
        text = next;
    }
}
