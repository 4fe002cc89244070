//! `registered-models/*`.

use track::{
    Change, ErrorKind, MAX_ALIAS, MAX_REGISTRY_TAG_VALUE, ModelSearch, ModelVersion, RegisteredModel,
    RegistryChange, Searched, Stage, StoreError, Tag, VersionRef,
};

use crate::call::{Call, text_in};
use crate::context::Context;
use crate::error::{Code, Fault};
use crate::filters;
use crate::page_token;
use crate::validate;
use crate::versions;
use crate::wire::{self, Field, Json, Page};

/// Most registered models of a page.
const MOST: i64 = 1000;

pub fn create(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let tags = tags(call)?;
    let description = call.text("description")?.map(str::to_owned);
    check_name("name", name)?;
    let create = RegistryChange::CreateModel { name: name.to_owned(), description, tags, if_absent: false };
    change_and_tell(context, name, create, name)
}

pub fn get(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let model = find(context, name)?;
    Ok(answer(&model, &context.store.latest_versions(name, &[])?))
}

pub fn rename(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let to = call.required("new_name")?;
    check_name("new_name", to)?;
    change_and_tell(
        context,
        name,
        RegistryChange::RenameModel { name: name.to_owned(), to: to.to_owned() },
        to,
    )
}

pub fn update(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let description = call.text("description")?.map(str::to_owned);
    change_and_tell(context, name, RegistryChange::DescribeModel { name: name.to_owned(), description }, name)
}

pub fn delete(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    change(context, name, RegistryChange::DeleteModel { name: name.to_owned() })?;
    Ok(Json::empty())
}

pub fn set_tag(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let key = call.required("key")?;
    let tag = validate::strict_tag(key, call.text("value")?.unwrap_or_default(), MAX_REGISTRY_TAG_VALUE)?;
    change(context, name, RegistryChange::SetModelTags { name: name.to_owned(), tags: vec![tag] })?;
    Ok(Json::empty())
}

pub fn delete_tag(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let key = call.required("key")?.to_owned();
    change(context, name, RegistryChange::DeleteModelTag { name: name.to_owned(), key })?;
    Ok(Json::empty())
}

pub fn search(context: &Context, call: &Call) -> Result<Json, Fault> {
    call.text("filter")?;
    let limit = page_token::limit(call, 100, MOST)?;
    call.texts("order_by")?;
    let offset = page_token::read(call.text("page_token")?)?;
    let filter = filters::filter(call, Searched::RegisteredModels)?;
    let order_by = filters::order_by(call, Searched::RegisteredModels)?;
    let search = ModelSearch { filter, order_by, offset, limit: Some(limit + 1) };
    let (found, next) = page_token::page(context.store.search_registered_models(&search)?, offset, limit);
    let names: Vec<&str> = found.iter().map(|model| model.name.as_str()).collect();
    let latest = context.store.latest_versions_of_each(&names)?;
    let models = found.iter().zip(&latest).map(|(model, latest)| wire::RegisteredModel::of(model, latest));
    let models = models.collect();
    Ok(Json::of(&Page("registered_models", models, next)))
}

pub fn latest_versions(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let stages = call.texts("stages")?.into_iter().map(stage).collect::<Result<Vec<_>, _>>()?;
    let found =
        context.store.latest_versions(name, &stages).map_err(|fault| missing_as(fault, || missing(name)))?;
    Ok(Json::of(&Page("model_versions", found.iter().map(wire::ModelVersion::listed).collect(), None)))
}

/// A stage, in any case.
pub fn stage(text: &str) -> Result<Stage, Fault> {
    text.parse().map_err(|_| {
        Fault::invalid(format!(
            "Invalid Model Version stage: {text}. Value must be one of None, Staging, Production, Archived."
        ))
    })
}

pub fn set_alias(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let alias = call.required("alias")?;
    let version = versions::number(call)?;
    check_alias(alias)?;
    let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    if is_latest(alias) {
        return Err(Fault::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    if alias.strip_prefix(['v', 'V']).is_some_and(is_number) {
        return Err(Fault::invalid(format!("Version alias name '{alias}' is reserved.")));
    }
    let version = VersionRef { model: name.to_owned(), version };
    versions::change(
        context,
        &version.clone(),
        RegistryChange::SetAlias { alias: alias.to_owned(), version },
    )?;
    Ok(Json::empty())
}

pub fn delete_alias(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let alias = call.required("alias")?.to_owned();
    change(context, name, RegistryChange::DeleteAlias { name: name.to_owned(), alias })?;
    Ok(Json::empty())
}

pub fn get_by_alias(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let found = by_alias(context, name, call.required("alias")?)?;
    Ok(Json::of(&Field("model_version", wire::ModelVersion::of(&found))))
}

/// The version that an alias means; `latest`, which nobody can set, means the newest.
pub fn by_alias(context: &Context, name: &str, alias: &str) -> Result<ModelVersion, Fault> {
    let model = find(context, name)?;
    if is_latest(alias) {
        let newest = context.store.latest_versions(name, &[])?.into_iter().max_by_key(|found| found.version);
        return newest.ok_or_else(|| Fault::missing(format!("Latest version not found for model {name}.")));
    }
    if !model.aliases.contains_key(alias) {
        return Err(Fault::invalid(format!("Registered model alias {alias} not found.")));
    }
    Ok(context.store.version_by_alias(name, alias)?)
}

fn is_latest(alias: &str) -> bool {
    alias.eq_ignore_ascii_case("latest")
}

fn check_alias(alias: &str) -> Result<(), Fault> {
    if !alias.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(Fault::invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    validate::length("Registered model alias name", MAX_ALIAS, alias)
}

fn check_name(field: &str, name: &str) -> Result<(), Fault> {
    if name.trim().is_empty() {
        return Err(Fault::invalid(format!("Missing value for required parameter '{field}'.")));
    }
    if name.contains(['/', ':']) {
        return Err(Fault::invalid(format!("Invalid model name '{name}'. Names cannot contain '/' or ':'.")));
    }
    validate::unique_path("name", name)
}

/// The tags of a request, checked.
pub fn tags(call: &Call) -> Result<Vec<Tag>, Fault> {
    let tag = |object| {
        validate::strict_tag(
            text_in(object, "key", "tags")?,
            text_in(object, "value", "tags")?,
            MAX_REGISTRY_TAG_VALUE,
        )
    };
    call.objects("tags")?.into_iter().map(tag).collect()
}

fn change(context: &Context, name: &str, change: RegistryChange) -> Result<(), Fault> {
    context.apply(vec![Change::Registry(change)]).map(drop).map_err(|fault| refused(fault, name))
}

/// Changes a registered model, and answers with it; it has the name `now` then.
fn change_and_tell(context: &Context, name: &str, change: RegistryChange, now: &str) -> Result<Json, Fault> {
    let changed = context.apply_to_registered(change, now);
    let (model, latest) = changed.map_err(|fault| refused(fault, name))?;
    Ok(answer(&model, &latest))
}

fn refused(fault: StoreError, name: &str) -> Fault {
    match fault {
        StoreError::Exists { name, .. } => {
            Fault::new(Code::ResourceAlreadyExists, format!("Registered Model (name={name}) already exists."))
        }
        fault => missing_as(fault, || missing(name)),
    }
}

fn answer(model: &RegisteredModel, latest: &[ModelVersion]) -> Json {
    Json::of(&Field("registered_model", wire::RegisteredModel::of(model, latest)))
}

/// A registered model, which must be there.
pub fn find(context: &Context, name: &str) -> Result<RegisteredModel, Fault> {
    context.store.registered_model(name).map_err(|fault| missing_as(fault, || missing(name)))
}

/// There is no registered model of this name.
pub fn missing(name: &str) -> Fault {
    Fault::missing(format!("Registered Model with name={name} not found"))
}

/// A fault of the store, where what it did not find is told by who knows what was asked for.
pub fn missing_as(fault: StoreError, told: impl FnOnce() -> Fault) -> Fault {
    if fault.kind() == ErrorKind::NotFound { told() } else { fault.into() }
}
