//! `model-versions/*`.

use percent_encoding::percent_decode_str;
use serde_json::json;
use track::{
    ArtifactOwner, Attribute, Change, Field, LoggedModel, LoggedModelChange, MAX_REGISTRY_TAG_VALUE, ModelId, ModelStatus,
    ModelVersion, NewVersion, OrderBy, RegistryChange, RunId, Searched, Tag, VersionRef, VersionSearch,
};

use crate::call::Call;
use crate::context::Context;
use crate::error::{Code, Fault};
use crate::listing::safe_path;
use crate::page_token;
use crate::registry::{missing_as, stage, tags};
use crate::validate;
use crate::wire::{self, Json, Page};
use crate::{artifacts, filters, logged_models, registry, runs};

/// Most versions of a page.
const MOST: i64 = 200_000;
/// The tag of a logged model that lists the versions made of it.
const VERSIONS_TAG: &str = "mlflow.modelVersions";

pub fn create(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let source = call.required("source")?;
    let run = call.text("run_id")?.filter(|id| !id.is_empty());
    let tags = tags(call)?;
    let description = call.text("description")?.map(str::to_owned);
    let model = call.text("model_id")?.filter(|id| !id.is_empty());
    let owner = Owner::read(context, source, run, model)?;
    owner.check(source)?;
    let mut made = NewVersion {
        model: name.to_owned(),
        source: source.to_owned(),
        run: run.and_then(|run| run.parse::<RunId>().ok()),
        description,
        status: ModelStatus::Ready,
        tags,
        ..NewVersion::default()
    };
    if let Owner::Model(model, _) = &owner {
        made.logged_model = Some(model.id);
        made.run = made.run.or(model.run);
    }
    let applied = context.apply(vec![Change::Registry(RegistryChange::CreateVersion(made))]);
    let applied = applied.map_err(|fault| missing_as(fault, || registry::missing(name)))?;
    let version = VersionRef { model: name.to_owned(), version: applied.versions[0] };
    if let Owner::Model(model, _) = &owner {
        note_version(context, model, &version)?;
    }
    answer(context, &version)
}

/// Notes at a logged model that a version was made of it.
fn note_version(context: &Context, model: &LoggedModel, version: &VersionRef) -> Result<(), Fault> {
    let noted = model.tags.get(VERSIONS_TAG).and_then(|text| serde_json::from_str(text).ok());
    let mut noted: Vec<serde_json::Value> = noted.unwrap_or_default();
    noted.push(json!({"name": version.model, "version": version.version}));
    let tag = Tag { key: VERSIONS_TAG.to_owned(), value: serde_json::Value::from(noted).to_string() };
    let change = LoggedModelChange::SetTags { model: model.id, tags: vec![tag] };
    context.apply(vec![Change::LoggedModel(change)])?;
    Ok(())
}

/// What a version is made of, as its maker says.
enum Owner {
    Nothing,
    Run(RunId, String),
    Model(Box<LoggedModel>, String),
}

impl Owner {
    fn read(context: &Context, source: &str, run: Option<&str>, model: Option<&str>) -> Result<Owner, Fault> {
        let named = source.strip_prefix("models:/").and_then(|id| id.parse::<ModelId>().ok());
        match (model.map(logged_models::parse_id).transpose()?.or(named), run) {
            (Some(id), _) => {
                let model = logged_models::find(context, id)?;
                let uri = logged_models::uri(context, &model)?;
                Ok(Owner::Model(Box::new(model), uri))
            }
            (None, Some(run)) => {
                let run = runs::find(context, run)?;
                Ok(Owner::Run(run.info.id, context.locations([run.info.experiment])?.run(&run.info)))
            }
            (None, None) => Ok(Owner::Nothing),
        }
    }

    /// Refuses sources that are not of this owner, and those that lead elsewhere than they say.
    fn check(&self, source: &str) -> Result<(), Fault> {
        let field = if matches!(self, Owner::Model(..)) { "model_id" } else { "run_id" };
        let noun = if matches!(self, Owner::Model(..)) { "model" } else { "run" };
        let plain = decoded(source);
        let scheme = plain.split_once(':').map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        if scheme.is_empty() || scheme.len() == 1 || scheme == "file" || plain.starts_with('/') {
            return Err(Fault::invalid(format!(
                "Invalid model version source: '{source}'. To use a local path as a model version source, the {field} \
                 request parameter has to be specified and the local path has to be contained within the artifact \
                 directory of the run specified by the {field}."
            )));
        }
        if plain.contains('\0') || plain.split(['/', '\\']).any(|part| matches!(part, ".." | ".")) {
            return Err(Fault::invalid(format!(
                "Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, \
                 ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path \
                 references present. Please provide an absolute path."
            )));
        }
        let below =
            |root: &str| plain == root || plain.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        let is_ours = match (scheme.as_str(), self) {
            ("runs", Owner::Run(run, _)) => below(&format!("runs:/{run}")),
            ("runs", _) => false,
            ("models", Owner::Model(model, _)) => {
                plain == format!("models:/{}", model.id) || !plain.starts_with("models:/m-")
            }
            ("models", _) => !plain.starts_with("models:/m-"),
            ("mlflow-artifacts", Owner::Run(_, root)) => below(root),
            ("mlflow-artifacts", Owner::Model(_, root)) => below(root),
            ("mlflow-artifacts", Owner::Nothing) => false,
            _ => true,
        };
        if is_ours {
            return Ok(());
        }
        Err(Fault::invalid(format!(
            "Invalid model version source: '{source}'. The source has to be of the {noun} that the {field} request \
             parameter names."
        )))
    }
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

pub fn get(context: &Context, call: &Call) -> Result<Json, Fault> {
    answer(context, &version(call)?)
}

pub fn update(context: &Context, call: &Call) -> Result<Json, Fault> {
    let version = version(call)?;
    let description = call.text("description")?.map(str::to_owned);
    change(context, &version, RegistryChange::DescribeVersion { version: version.clone(), description })?;
    answer(context, &version)
}

pub fn delete(context: &Context, call: &Call) -> Result<Json, Fault> {
    let version = version(call)?;
    change(context, &version, RegistryChange::DeleteVersion { version: version.clone() })?;
    Ok(Json::empty())
}

/// Where the files of a version are.
pub fn download_uri(context: &Context, call: &Call) -> Result<Json, Fault> {
    let found = find(context, &version(call)?)?;
    Ok(Json::of(&wire::Field("artifact_uri", source_of(context, found)?)))
}

/// What a version was made of in the end.
fn source_of(context: &Context, mut found: ModelVersion) -> Result<String, Fault> {
    // A version may be made of a version, which may be made of a version.
    for _ in 0..100 {
        if let Some(id) = found.logged_model.filter(|id| found.source == format!("models:/{id}")) {
            return logged_models::uri(context, &logged_models::find(context, id)?);
        }
        let named = found.source.strip_prefix("models:/").and_then(|rest| rest.split_once('/'));
        let Some((name, number)) = named else { break };
        let Ok(number) = number.parse() else { break };
        found = find(context, &VersionRef { model: name.to_owned(), version: number })?;
    }
    Ok(found.source)
}

/// Among whose artifacts the files of a version are, and in which folder.
pub fn files_of(context: &Context, call: &Call) -> Result<(ArtifactOwner, String), Fault> {
    let version = version(call)?;
    let found = find(context, &version)?;
    let own = ArtifactOwner::Version(version.model, version.version);
    if !context.store.artifact_folder(&own, "")?.is_empty() {
        return Ok((own, String::new()));
    }
    let source = source_of(context, found)?;
    if let Some((run, folder)) = source.strip_prefix("runs:/").map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
        return Ok((ArtifactOwner::Run(runs::parse_id(run)?), safe_path(folder)?));
    }
    artifacts::named_by(&source)?.ok_or_else(|| artifacts::elsewhere(&source))
}

pub fn transition(context: &Context, call: &Call) -> Result<Json, Fault> {
    let version = version(call)?;
    let stage = stage(call.required("stage")?)?;
    let archive_existing = call.flag("archive_existing_versions")?;
    if archive_existing && !stage.is_in_use() {
        return Err(Fault::invalid(format!(
            "Model version transition cannot archive existing model versions because '{stage}' is not an Active stage. \
             Valid stages are ['Staging', 'Production']"
        )));
    }
    change(
        context,
        &version,
        RegistryChange::SetStage { version: version.clone(), stage, archive_existing },
    )?;
    answer(context, &version)
}

pub fn set_tag(context: &Context, call: &Call) -> Result<Json, Fault> {
    let version = version(call)?;
    let key = call.required("key")?;
    let tag = validate::strict_tag(key, call.text("value")?.unwrap_or_default(), MAX_REGISTRY_TAG_VALUE)?;
    change(context, &version, RegistryChange::SetVersionTags { version: version.clone(), tags: vec![tag] })?;
    Ok(Json::empty())
}

pub fn delete_tag(context: &Context, call: &Call) -> Result<Json, Fault> {
    let version = version(call)?;
    let key = call.required("key")?.to_owned();
    change(context, &version, RegistryChange::DeleteVersionTag { version: version.clone(), key })?;
    Ok(Json::empty())
}

pub fn search(context: &Context, call: &Call) -> Result<Json, Fault> {
    call.text("filter")?;
    let limit = page_token::limit(call, 10_000, MOST)?;
    call.texts("order_by")?;
    let offset = page_token::read(call.text("page_token")?)?;
    let filter = filters::filter(call, Searched::ModelVersions)?;
    let mut order_by = filters::order_by(call, Searched::ModelVersions)?;
    if order_by.is_empty() {
        let field = Field::Attribute(Attribute::Updated);
        order_by.push(OrderBy { field, descending: true, as_text: false });
    }
    let search = VersionSearch { filter, order_by, offset, limit: Some(limit + 1) };
    let (found, next) = page_token::page(context.store.search_model_versions(&search)?, offset, limit);
    Ok(Json::of(&Page("model_versions", found.iter().map(wire::ModelVersion::listed).collect(), next)))
}

fn version(call: &Call) -> Result<VersionRef, Fault> {
    Ok(VersionRef { model: call.required("name")?.to_owned(), version: number(call)? })
}

/// The number of a version, which is a text.
pub fn number(call: &Call) -> Result<i64, Fault> {
    let text = call.required("version")?;
    text.trim().parse().map_err(|_| {
        Fault::new(
            Code::InvalidParameterValue,
            format!("Parameter 'version' must be an integer, got '{text}'."),
        )
    })
}

/// Changes a version, which must be there.
pub fn change(context: &Context, version: &VersionRef, change: RegistryChange) -> Result<(), Fault> {
    let applied = context.apply(vec![Change::Registry(change)]);
    applied.map(drop).map_err(|fault| missing_as(fault, || missing(version)))
}

fn answer(context: &Context, version: &VersionRef) -> Result<Json, Fault> {
    Ok(Json::of(&wire::Field("model_version", wire::ModelVersion::of(&find(context, version)?))))
}

fn find(context: &Context, version: &VersionRef) -> Result<ModelVersion, Fault> {
    let found = context.store.model_version(&version.model, version.version);
    found.map_err(|fault| missing_as(fault, || missing(version)))
}

fn missing(version: &VersionRef) -> Fault {
    Fault::missing(format!("Model Version (name={}, version={}) not found", version.model, version.version))
}
