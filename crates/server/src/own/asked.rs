//! What a search asks for, read strictly: every fault is told with its place.

use std::collections::BTreeSet;

use track::{
    ExperimentId, Filter, FilterError, Lifecycle, OrderBy, ParentFilter, RunCursor, Search, View, nearest,
};

use crate::call::{Call, unfit};
use crate::context::Context;
use crate::error::Fault;
use crate::page_token;

/// The fields of a request.
const FIELDS: [&str; 8] =
    ["experiments", "where", "order_by", "fields", "view", "top", "limit", "page_token"];
/// Runs of a page, where it is not said.
const USUAL: i64 = 100;
/// Most runs of a page.
const MOST: i64 = 50_000;

/// A search, and what of each run is wanted.
pub struct Asked {
    pub search: Search,
    /// Runs of the page; the search finds one more, where there is one.
    pub limit: usize,
    pub wanted: Wanted,
}

impl Asked {
    /// Reads a request.
    pub fn of(context: &Context, call: &Call) -> Result<Asked, Fault> {
        // Also tells of a body that is none.
        let filter = call.text("where")?.map(str::trim).unwrap_or_default();
        if let Some(unknown) = call.fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            let near = nearest(unknown, FIELDS).map(|near| format!("; did you mean '{near}'?"));
            let known = near.unwrap_or_else(|| format!("; there are {}", FIELDS.join(", ")));
            return Err(Fault::invalid(format!("Unknown field '{unknown}'{known}")));
        }
        let limit = limit(call)?;
        let view = view(call)?;
        let wanted = Wanted::of(call)?;
        let order_by = order_by(call)?;
        let after = call.text("page_token")?.filter(|token| !token.is_empty()).map(cursor).transpose()?;
        if after.as_ref().is_some_and(|after| !after.fits(&order_by)) {
            return Err(Fault::invalid("The page token is of a search with another 'order_by'"));
        }
        let filter = match filter {
            "" => None,
            text => {
                let filter = Filter::parse(text).map_err(|fault| refused("where", &fault))?;
                Some(filter.with_whole_ids(&*context.store, view)?)
            }
        };
        let experiments = experiments(context, call)?;
        let parent = if call.flag("top")? { ParentFilter::TopLevel } else { ParentFilter::Any };
        let limited = Some(limit + 1);
        let search = Search {
            experiments,
            filter,
            order_by,
            view,
            parent,
            after,
            limit: limited,
            joined: true,
            ..Search::default()
        };
        Ok(Asked { search, limit, wanted })
    }
}

/// A fault of an expression, with the field that has it, the column, and a line that points there.
fn refused(field: &str, fault: &FilterError) -> Fault {
    Fault::invalid(format!("{field}: {fault}\n{}", fault.caret()))
}

fn limit(call: &Call) -> Result<usize, Fault> {
    let limit = call.int("limit")?.unwrap_or(USUAL);
    let fits = usize::try_from(limit).ok().filter(|_| (1..=MOST).contains(&limit));
    fits.ok_or_else(|| Fault::invalid(format!("Invalid limit {limit}; it must be between 1 and {MOST}")))
}

fn view(call: &Call) -> Result<View, Fault> {
    match call.text("view")?.unwrap_or("active") {
        "active" => Ok(View::Active),
        "deleted" => Ok(View::Deleted),
        "all" => Ok(View::All),
        other => Err(Fault::invalid(format!("Invalid view '{other}'; it must be active, deleted or all"))),
    }
}

fn order_by(call: &Call) -> Result<Vec<OrderBy>, Fault> {
    let read = |(at, text): (usize, &str)| {
        OrderBy::parse(text).map_err(|fault| refused(&format!("order_by[{at}]"), &fault))
    };
    call.texts("order_by")?.into_iter().enumerate().map(read).collect()
}

fn cursor(token: &str) -> Result<RunCursor, Fault> {
    let text = page_token::read_text(token)?;
    serde_json::from_str(&text).map_err(|_| Fault::invalid("Invalid page token"))
}

/// The experiments that are named by their names or numbers. A number in a text may be a name, and then is one.
fn experiments(context: &Context, call: &Call) -> Result<Vec<ExperimentId>, Fault> {
    let mut found = Vec::new();
    for value in call.list("experiments")? {
        let (by_name, text) = match value.as_str() {
            Some(name) => (context.store.experiment(name)?, name.to_owned()),
            None if value.is_i64() => (None, value.to_string()),
            None => return Err(unfit("experiments", value)),
        };
        let known = match (by_name, text.parse().map(ExperimentId)) {
            (Some(experiment), _) => Some(experiment.id),
            (None, Ok(id)) => match context.store.experiment_by_id(id) {
                Ok(_) => Some(id),
                Err(track::StoreError::UnknownExperiment(_)) => None,
                Err(fault) => return Err(fault.into()),
            },
            (None, Err(_)) => None,
        };
        found.push(known.ok_or(()).or_else(|()| Err(no_experiment(context, &text)?))?);
    }
    Ok(found)
}

fn no_experiment(context: &Context, name: &str) -> Result<Fault, Fault> {
    let known = context.store.experiments()?;
    let active = known.iter().filter(|known| known.lifecycle == Lifecycle::Active);
    let near = nearest(name, active.map(|known| known.name.as_str()));
    let near =
        near.filter(|near| near != name).map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
    Ok(Fault::missing(format!("There is no experiment '{name}'{near}")))
}

/// What of a run is wanted beside what it is and how it ended.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub metrics: Keys,
    pub params: Keys,
    pub tags: Keys,
    pub datasets: bool,
    pub models: bool,
    pub lineage: bool,
}

/// Which keys of a kind.
#[derive(Clone, Debug, Default)]
pub enum Keys {
    #[default]
    None,
    Some(BTreeSet<String>),
    All,
}

impl Keys {
    /// Whether any may be wanted.
    pub fn is_wanted(&self) -> bool {
        !matches!(self, Keys::None)
    }

    /// Whether this one is wanted.
    pub fn has(&self, key: &str) -> bool {
        match self {
            Keys::None => false,
            Keys::Some(keys) => keys.contains(key),
            Keys::All => true,
        }
    }

    fn add(&mut self, key: &str) {
        match self {
            Keys::None => *self = Keys::Some(BTreeSet::from([key.to_owned()])),
            Keys::Some(keys) => {
                keys.insert(key.to_owned());
            }
            Keys::All => {}
        }
    }
}

impl Wanted {
    /// Metrics, params and tags, where nothing is said.
    fn of(call: &Call) -> Result<Wanted, Fault> {
        let mut wanted = Wanted::default();
        if call.get("fields")?.is_none() {
            return Ok(Wanted { metrics: Keys::All, params: Keys::All, tags: Keys::All, ..wanted });
        }
        for name in call.texts("fields")? {
            match name.split_once('.') {
                None if name == "metrics" => wanted.metrics = Keys::All,
                None if name == "params" => wanted.params = Keys::All,
                None if name == "tags" => wanted.tags = Keys::All,
                None if name == "datasets" => wanted.datasets = true,
                None if name == "models" => wanted.models = true,
                None if name == "lineage" => wanted.lineage = true,
                Some(("metrics", key)) => wanted.metrics.add(key),
                Some(("params", key)) => wanted.params.add(key),
                Some(("tags", key)) => wanted.tags.add(key),
                _ => {
                    let known =
                        "metrics, params, tags (or one, as metrics.KEY), datasets, models and lineage";
                    return Err(Fault::invalid(format!(
                        "Unknown name '{name}' in 'fields'; there are {known}"
                    )));
                }
            }
        }
        Ok(wanted)
    }
}
