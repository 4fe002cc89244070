//! `experiments/*`.

use track::{Change, Experiment, ExperimentId, ExperimentRef, Lifecycle, View};

use crate::call::{Call, text_in};
use crate::context::Context;
use crate::error::{Code, Fault, not_active};
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
    if location.starts_with("runs:") {
        return Err(Fault::invalid(format!("Artifact location cannot be a runs:/ URI. Given: '{location}'")));
    }
    let tags = pairs.into_iter().map(|(key, value)| validate::experiment_tag(key, value));
    let tags = tags.collect::<Result<Vec<_>, _>>()?;
    let experiment = ExperimentRef::Name(name.to_owned());
    let applied = context.apply(vec![
        Change::CreateExperiment { name: name.to_owned(), if_absent: false },
        Change::SetExperimentTags { experiment, tags },
    ])?;
    Ok(Json::of(&Field("experiment_id", applied.experiments[0].to_string())))
}

pub fn get(context: &Context, call: &Call) -> Result<Json, Fault> {
    let found = find(context, call.required("experiment_id")?)?;
    Ok(Json::of(&Field("experiment", wire::Experiment::of(&found))))
}

pub fn get_by_name(context: &Context, call: &Call) -> Result<Json, Fault> {
    let name = call.required("experiment_name")?;
    let found = match context.store.experiment(name)? {
        Some(found) => Some(found),
        // A deleted one is found too, so that a client can tell why the name does not do.
        None => context.store.experiments()?.into_iter().rfind(|experiment| experiment.name == name),
    };
    let found =
        found.ok_or_else(|| Fault::missing(format!("Could not find experiment with name '{name}'")))?;
    Ok(Json::of(&Field("experiment", wire::Experiment::of(&found))))
}

pub fn search(context: &Context, call: &Call) -> Result<Json, Fault> {
    let view = view(call, "view_type")?;
    let limit = limit(call, 1000, MOST)?;
    call.texts("order_by")?;
    let offset = page_token::read(call.text("page_token")?)?;
    let mut found = context.store.experiments()?;
    found.retain(|experiment| match view {
        View::Active => experiment.lifecycle == Lifecycle::Active,
        View::Deleted => experiment.lifecycle == Lifecycle::Deleted,
        View::All => true,
    });
    found.sort_by_key(|experiment| (std::cmp::Reverse(experiment.created), experiment.id));
    let found: Vec<Experiment> = found.into_iter().skip(offset).take(limit + 1).collect();
    let (found, next) = page_token::page(found, offset, limit);
    Ok(Json::of(&Page("experiments", found.iter().map(wire::Experiment::of).collect(), next)))
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

/// The experiment of that number, of any lifecycle.
pub fn find(context: &Context, id: &str) -> Result<Experiment, Fault> {
    let id = parse_id(id)?;
    let found = context.store.experiments()?.into_iter().find(|experiment| experiment.id == id);
    found.ok_or_else(|| Fault::missing(format!("No Experiment with id={id} exists")))
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

/// How long a page may be.
pub fn limit(call: &Call, default: i64, most: i64) -> Result<usize, Fault> {
    let limit = call.int("max_results")?.unwrap_or(default);
    let refuse = |bound: &str| {
        let message =
            format!("Invalid value {limit} for parameter 'max_results' supplied: It must be {bound}");
        Err(Fault::new(Code::InvalidParameterValue, message))
    };
    if limit < 1 {
        return refuse("at least 1");
    }
    if limit > most {
        return refuse(&format!("at most {most}"));
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}
