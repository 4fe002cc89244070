//! `model-versions/*`.

use serde_json::json;
use track::{
    ArtifactOwner, Attribute, Change, Field, LoggedModel, LoggedModelChange, MAX_REGISTRY_TAG_VALUE,
    ModelStatus, ModelVersion, NewVersion, OrderBy, RegistryChange, RunId, Searched, StoreError, Tag,
    VersionRef, VersionSearch,
};

use crate::call::Call;
use crate::context::Context;
use crate::error::{Code, Fault};
use crate::listing::safe_path;
use crate::page_token;
use crate::registry::{missing_as, stage, tags};
use crate::source::Made;
use crate::validate;
use crate::wire::{self, Json, Page};
use crate::{artifacts, filters, logged_models, registry, runs};

/// Most versions of a page.
const MOST: i64 = 200_000;
/// The tag of a version that is a prompt, which has no files.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";
/// The tag of a logged model that lists the versions made of it.
pub const VERSIONS_TAG: &str = "mlflow.modelVersions";

pub fn create(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let source = call.required("source")?.to_owned();
    let id = |field: &str| Ok::<_, Fault>(call.text(field)?.filter(|id| !id.is_empty()).map(str::to_owned));
    let mut made = Made { source, run: id("run_id")?, model: id("model_id")? };
    let tags = tags(call)?;
    let description = call.text("description")?.map(str::to_owned);
    let is_prompt = tags.iter().any(|tag| tag.key == PROMPT_TAG && tag.value.eq_ignore_ascii_case("true"));
    let model = if is_prompt { None } else { made.check(context)? };
    let mut new = NewVersion {
        model: name.to_owned(),
        source: made.source,
        // An id that is none of ours is not kept.
        run: made.run.and_then(|run| run.parse::<RunId>().ok()),
        run_link: call.text("run_link")?.map(str::to_owned),
        description,
        status: ModelStatus::Ready,
        tags,
        ..NewVersion::default()
    };
    if let Some(model) = &model {
        new.logged_model = Some(model.id);
        new.run = new.run.or(model.run);
    }
    let made = context.make_version(new);
    let made = made.map_err(|fault| missing_as(fault, || registry::missing(name)))?;
    if let Some(model) = &model {
        note_version(context, model, &VersionRef { model: name.to_owned(), version: made.version })?;
    }
    Ok(answer(&made))
}

/// Notes at a logged model that a version was made of it; at one that somebody has deleted meanwhile nobody reads it.
fn note_version(context: &Context, model: &LoggedModel, version: &VersionRef) -> Result<(), Fault> {
    let tag = version_noted(model, version);
    let change = LoggedModelChange::SetTags { model: model.id, tags: vec![tag] };
    match context.apply(vec![Change::LoggedModel(change)]) {
        Err(StoreError::Unknown { .. } | StoreError::ModelDeleted(_)) => Ok(()),
        noted => Ok(noted.map(drop)?),
    }
}

/// The tag of a logged model that lists the versions made of it, this one among them.
pub fn version_noted(model: &LoggedModel, version: &VersionRef) -> Tag {
    let noted = model.tags.get(VERSIONS_TAG).and_then(|text| serde_json::from_str(text).ok());
    let mut noted: Vec<serde_json::Value> = noted.unwrap_or_default();
    let new = json!({"name": version.model, "version": version.version});
    if !noted.contains(&new) {
        noted.push(new);
    }
    Tag { key: VERSIONS_TAG.to_owned(), value: serde_json::Value::from(noted).to_string() }
}

pub fn get(context: &Context, call: &Call) -> Result<Json, Fault> {
    Ok(answer(&find(context, &version(call)?)?))
}

pub fn update(context: &Context, call: &Call) -> Result<Json, Fault> {
    let version = version(call)?;
    let description = call.text("description")?.map(str::to_owned);
    change_and_tell(
        context,
        &version,
        RegistryChange::DescribeVersion { version: version.clone(), description },
    )
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

fn has_own_files(context: &Context, found: &ModelVersion) -> Result<bool, Fault> {
    let own = ArtifactOwner::Version(found.model.clone(), found.version);
    Ok(!context.store.artifact_folder(&own, "")?.is_empty())
}

/// Where the files of a version are in the end: those that are its own are there whatever became of its source.
fn source_of(context: &Context, mut found: ModelVersion) -> Result<String, Fault> {
    // A version may be made of a version, which may be made of a version.
    for _ in 0..100 {
        if has_own_files(context, &found)? {
            return Ok(artifacts::of_version(&found.model, found.version));
        }
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
    place_of(context, find(context, &version(call)?)?)
}

/// The same of a version that was found.
pub fn place_of(context: &Context, found: ModelVersion) -> Result<(ArtifactOwner, String), Fault> {
    let source = source_of(context, found)?;
    if let Some((run, folder)) =
        source.strip_prefix("runs:/").map(|rest| rest.split_once('/').unwrap_or((rest, "")))
    {
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
    change_and_tell(
        context,
        &version,
        RegistryChange::SetStage { version: version.clone(), stage, archive_existing },
    )
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

/// The same, and answers with it.
fn change_and_tell(context: &Context, version: &VersionRef, change: RegistryChange) -> Result<Json, Fault> {
    let changed = context.apply_to_version(change, version);
    Ok(answer(&changed.map_err(|fault| missing_as(fault, || missing(version)))?))
}

fn answer(version: &ModelVersion) -> Json {
    Json::of(&wire::Field("model_version", wire::ModelVersion::of(version)))
}

/// A version, which must be there.
pub fn find(context: &Context, version: &VersionRef) -> Result<ModelVersion, Fault> {
    let found = context.store.model_version(&version.model, version.version);
    found.map_err(|fault| missing_as(fault, || missing(version)))
}

fn missing(version: &VersionRef) -> Fault {
    Fault::missing(format!("Model Version (name={}, version={}) not found", version.model, version.version))
}
