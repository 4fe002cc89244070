//! `experiments/*`.

use track::{
    Change, Experiment, ExperimentId, ExperimentRef, ExperimentSearch, Lifecycle, Searched, StoreError, View,
};

use crate::call::{Call, text_in};
use crate::context::Context;
use crate::error::{Fault, not_active};
use crate::filters;
use crate::location;
use crate::page_token;
use crate::validate;
use crate::wire::{self, Field, Json, Page};

/// Most experiments of a page.
const MOST: i64 = 50_000;

pub fn create(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("name")?;
    let location = call.text("artifact_location")?.unwrap_or_default();
    let tags = call.objects("tags")?;
    let pairs = tags.iter().map(|tag| Ok((text_in(tag, "key", "tags")?, text_in(tag, "value", "tags")?)));
    let pairs = pairs.collect::<Result<Vec<_>, Fault>>()?;
    validate::length("name", track::MAX_EXPERIMENT_NAME, name)?;
    location::check(location)?;
    let tags = pairs.into_iter().map(|(key, value)| validate::experiment_tag(key, value));
    let tags = tags.collect::<Result<Vec<_>, _>>()?;
    let experiment = ExperimentRef::Name(name.to_owned());
    let has_missed = call.scope.as_ref().is_some_and(|scope| scope.has_missed(name));
    let mut changes = vec![
        Change::CreateExperiment { name: name.to_owned(), if_absent: has_missed && location.is_empty() },
        Change::SetExperimentTags { experiment: experiment.clone(), tags },
    ];
    if !location.is_empty() {
        changes.push(Change::SetArtifactLocation { experiment, location: Some(location.to_owned()) });
    }
    let applied = context.apply(changes)?;
    Ok(Json::of(&Field("experiment_id", applied.experiments[0].to_string())))
}

pub fn get(context: &Context, call: &Call) -> Result<Json, Fault> {
    let found = find(context, call.required("experiment_id")?)?;
    Ok(Json::of(&Field("experiment", wire::Experiment::of(&found))))
}

pub fn get_by_name(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("experiment_name")?;
    // Not a deleted one: clients make a new one of that name then, which is free.
    let Some(found) = context.store.experiment(name)? else {
        if let Some(scope) = &call.scope {
            scope.miss(name);
        }
        return Err(Fault::missing(format!("Could not find experiment with name '{name}'")));
    };
    Ok(Json::of(&Field("experiment", wire::Experiment::of(&found))))
}

pub fn search(context: &Context, call: &Call) -> Result<Json, Fault> {
    let view = view(call, "view_type")?;
    if let Some(wanted) = call.int("max_results")?.filter(|wanted| *wanted > MOST) {
        return Err(Fault::invalid(format!(
            "Invalid value {wanted} for parameter 'max_results' supplied. It must be at most {MOST}"
        )));
    }
    let limit = page_token::limit(call, 1000, MOST)?;
    call.texts("order_by")?;
    let filter = filters::filter(call, Searched::Experiments)?;
    let order_by = filters::order_by(call, Searched::Experiments)?;
    let offset = page_token::read(call.text("page_token")?)?;
    let search = ExperimentSearch { filter, order_by, offset, limit: Some(limit + 1), view };
    let (found, next) = page_token::page(context.store.search_experiments(&search)?, offset, limit);
    Ok(Json::of(&Page("experiments", found.iter().map(wire::Experiment::of).collect(), next)))
}

pub fn update(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.required("experiment_id")?;
    let name = call.required("new_name")?.to_owned();
    validate::length("name", track::MAX_EXPERIMENT_NAME, &name)?;
    let found = find(context, id)?;
    if found.lifecycle == Lifecycle::Deleted {
        return Err(Fault::invalid("Cannot rename a non-active experiment."));
    }
    context.apply(vec![Change::RenameExperiment { experiment: ExperimentRef::Id(found.id), name }])?;
    Ok(Json::empty())
}

pub fn delete(context: &Context, call: &Call) -> Result<Json, Fault> {
    set_lifecycle(context, call, Lifecycle::Deleted)
}

pub fn restore(context: &Context, call: &Call) -> Result<Json, Fault> {
    set_lifecycle(context, call, Lifecycle::Active)
}

fn set_lifecycle(context: &Context, call: &Call, lifecycle: Lifecycle) -> Result<Json, Fault> {
    let found = find(context, call.required("experiment_id")?)?;
    if found.lifecycle == lifecycle {
        return Err(missing(found.id));
    }
    context.apply(vec![Change::SetExperimentLifecycle { experiment: found.id, lifecycle }])?;
    Ok(Json::empty())
}

pub fn set_tag(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.required("experiment_id")?;
    let key = call.required("key")?;
    let tag = validate::experiment_tag(key, call.text("value")?.unwrap_or_default())?;
    let experiment = find_active(context, id)?;
    let experiment = ExperimentRef::Id(experiment.id);
    context.apply(vec![Change::SetExperimentTags { experiment, tags: vec![tag] }])?;
    Ok(Json::empty())
}

pub fn delete_tag(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.required("experiment_id")?;
    let key = call.required("key")?;
    let experiment = find_active(context, id)?;
    if !experiment.tags.contains_key(key) {
        return Err(Fault::missing(format!("No tag with name: {key} in experiment with id {id}")));
    }
    let experiment = ExperimentRef::Id(experiment.id);
    context.apply(vec![Change::DeleteExperimentTag { experiment, key: key.to_owned() }])?;
    Ok(Json::empty())
}

/// The experiment of that number, of any lifecycle.
pub fn find(context: &Context, id: &str) -> Result<Experiment, Fault> {
    let id = parse_id(id)?;
    context.store.experiment_by_id(id).map_err(|fault| match fault {
        StoreError::UnknownExperiment(_) => missing(id),
        fault => fault.into(),
    })
}

fn missing(id: ExperimentId) -> Fault {
    Fault::missing(format!("No Experiment with id={id} exists"))
}

/// The same, which must take writes.
pub fn find_active(context: &Context, id: &str) -> Result<Experiment, Fault> {
    let found = find(context, id)?;
    match found.lifecycle {
        Lifecycle::Active => Ok(found),
        Lifecycle::Deleted => Err(not_active("experiment", found.id)),
    }
}

/// The number of an experiment; an empty text means the default one.
pub fn parse_id(id: &str) -> Result<ExperimentId, Fault> {
    if id.is_empty() {
        return Ok(ExperimentId::DEFAULT);
    }
    id.trim().parse().map(ExperimentId).map_err(|_| {
        Fault::invalid(format!("Invalid experiment ID '{id}'. Experiment ID must be a valid integer."))
    })
}

/// Which lifecycles are meant: a name or a number.
pub fn view(call: &Call, name: &str) -> Result<View, Fault> {
    let Some(value) = call.get(name)? else { return Ok(View::Active) };
    let number = match value.as_str() {
        Some("ACTIVE_ONLY") => Some(1),
        Some("DELETED_ONLY") => Some(2),
        Some("ALL") => Some(3),
        _ => crate::call::int_of(value),
    };
    match number {
        Some(1) => Ok(View::Active),
        Some(2) => Ok(View::Deleted),
        Some(3) => Ok(View::All),
        _ => Err(crate::call::unfit(name, value)),
    }
}
