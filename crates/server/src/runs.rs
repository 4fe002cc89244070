//! `runs/create`, `get`, `update`, `delete`, `restore`, `set-tag` and `delete-tag`.

use base::Timestamp;
use track::{
    Change, Changes, ExperimentRef, Lease, Lifecycle, NewRun, PARENT_TAG, RUN_NAME_TAG, Run, RunId,
    RunStatus, StoreError, Tag, run_name,
};

use crate::call::{Call, int_of, text_in, unfit};
use crate::context::Context;
use crate::error::Fault;
use crate::experiments::find_active;
use crate::validate;
use crate::wire::{Field, Json, Occasion, OneRun, RunInfo};

pub fn create(context: &Context, call: &Call) -> Result<Json, Fault> {
    let experiment = find_active(context, call.text("experiment_id")?.unwrap_or_default())?;
    let start_time = call.int("start_time")?.map_or_else(Timestamp::now, Timestamp);
    let name = call.text("run_name")?.filter(|name| !name.is_empty());
    let user = call.text("user_id")?.unwrap_or_default();
    let mut tags = tags(call)?;
    let name_tag = tags.iter().find(|tag| tag.key == RUN_NAME_TAG).map(|tag| tag.value.clone());
    if let (Some(name), Some(tag)) = (name, &name_tag)
        && !tag.is_empty()
        && name != tag
    {
        return Err(Fault::invalid(format!(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values \
             (run_name='{name}', mlflow.runName='{tag}')."
        )));
    }
    let id = RunId::new(Timestamp::now(), &mut rand::make_rng::<rand::rngs::StdRng>());
    let name = name.map(str::to_owned).or(name_tag).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| run_name(id));
    // The tag may name another one; where none is named it is the stage.
    let is_named = tags.iter().any(|tag| tag.key == PARENT_TAG);
    let parent = call.scope.as_ref().filter(|_| !is_named).map(|scope| scope.stage);
    let mut lease = None;
    if let Some(scope) = &call.scope {
        tags.extend(scope.tags.iter().cloned());
        // Should this process die, so does the script.
        lease = Some(Lease::current());
        scope.start(id);
    }
    let experiment = ExperimentRef::Id(experiment.id);
    let user = user.to_owned();
    let run = NewRun { experiment, name: Some(name), parent, user, lease, ..NewRun::new(id, start_time) };
    let changes = vec![Change::CreateRun(run), Change::SetTags { run: id, tags }];
    // A script that has deleted its stage's run goes on: it never asked for that parent.
    let to_deleted = call.scope.is_some();
    let changes = Changes { to_deleted, ..Changes::new(Timestamp::now(), changes) };
    answer(context, &context.apply_to_run(changes, id)?, Occasion::Made)
}

fn answer(context: &Context, run: &Run, occasion: Occasion) -> Result<Json, Fault> {
    let locations = context.locations([run.info.experiment])?;
    Ok(Json::of(&Field("run", OneRun { run, locations: &locations, occasion })))
}

fn tags(call: &Call) -> Result<Vec<Tag>, Fault> {
    let mut tags: Vec<Tag> = Vec::new();
    for (at, tag) in call.objects("tags")?.into_iter().enumerate() {
        let path = format!("tags[{at}]");
        let (key, value) = (text_in(tag, "key", &path)?, text_in(tag, "value", &path)?);
        tags.push(validate::tag(format_args!("{path}.key"), key, value)?);
    }
    Ok(tags)
}

pub fn get(context: &Context, call: &Call) -> Result<Json, Fault> {
    answer(context, &find(context, call.run_id()?)?, Occasion::Asked)
}

pub fn update(context: &Context, call: &Call) -> Result<Json, Fault> {
    let run = parse_id(call.run_id()?)?;
    // To MLflow 0 is none.
    let mut end_time = call.int("end_time")?.filter(|millis| *millis != 0).map(Timestamp);
    let mut status = status(call)?;
    if let Some(scope) = &call.scope {
        if scope.stage == run {
            (status, end_time) = (None, None);
        } else if status.is_some_and(|status| !status.has_ended()) {
            scope.start(run);
        }
    }
    let name = call.text("run_name")?.filter(|name| !name.is_empty()).map(str::to_owned);
    let change = Change::UpdateRun { run, status, end_time, name };
    let info = context.apply_to_run(Changes::new(Timestamp::now(), vec![change]), run)?.info;
    let locations = context.locations([info.experiment])?;
    Ok(Json::of(&Field("run_info", RunInfo::of(&info, &locations))))
}

/// A status by its name or MLflow's number.
fn status(call: &Call) -> Result<Option<RunStatus>, Fault> {
    const NUMBERED: [RunStatus; 5] =
        [RunStatus::Running, RunStatus::Scheduled, RunStatus::Finished, RunStatus::Failed, RunStatus::Killed];
    let Some(value) = call.get("status")? else { return Ok(None) };
    let found = match value.as_str() {
        Some(name) => NUMBERED.into_iter().find(|status| status.name() == name),
        None => int_of(value)
            .and_then(|number| NUMBERED.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()),
    };
    found.map(Some).ok_or_else(|| unfit("status", value))
}

pub fn delete(context: &Context, call: &Call) -> Result<Json, Fault> {
    set_lifecycle(context, call, Lifecycle::Deleted)
}

pub fn restore(context: &Context, call: &Call) -> Result<Json, Fault> {
    set_lifecycle(context, call, Lifecycle::Active)
}

fn set_lifecycle(context: &Context, call: &Call, lifecycle: Lifecycle) -> Result<Json, Fault> {
    let run = parse_id(call.run_id()?)?;
    context.apply(vec![Change::SetLifecycle { run, lifecycle }])?;
    Ok(Json::empty())
}

pub fn set_tag(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.run_id()?;
    let key = call.required("key")?;
    let tag = validate::tag("key", key, call.text("value")?.unwrap_or_default())?;
    let run = parse_id(id)?;
    context.apply(vec![Change::SetTags { run, tags: vec![tag] }])?;
    Ok(Json::empty())
}

pub fn delete_tag(context: &Context, call: &Call) -> Result<Json, Fault> {
    let id = call.run_id()?;
    let key = call.required("key")?;
    validate::not_ours(key)?;
    let run = find(context, id)?;
    if run.info.lifecycle == Lifecycle::Deleted {
        return Err(StoreError::Deleted { run: run.info.id }.into());
    }
    if run.tag(key).is_none() {
        return Err(Fault::missing(format!("No tag with name: {key} in run with id {id}")));
    }
    context.apply(vec![Change::DeleteTag { run: run.info.id, key: key.to_owned() }])?;
    Ok(Json::empty())
}

/// The run of an id that a client sent.
pub fn find(context: &Context, id: &str) -> Result<Run, Fault> {
    Ok(context.store.run(parse_id(id)?)?)
}

/// The id of a run. A text that is none is the id of no run.
pub fn parse_id(id: &str) -> Result<RunId, Fault> {
    id.parse().map_err(|_| Fault::no_run(id))
}
