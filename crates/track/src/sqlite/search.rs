//! Searching runs: the order of all of them from an index, only the fields that filter and order name, and whole runs
//! only for the page that is asked for.
//!
//! The filter's own evaluator decides; SQL only narrows. So a hundred thousand runs cost one pass over an index for
//! each field, and what is read whole is one page.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use base::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::choose::{cut, page};
use super::column::Columns;
use super::fault::Fault;
use super::pairs::Pairs;
use super::read::run_id;
use super::whole;
use crate::{
    Field, Filter, KeyGroup, OrderBy, ParentFilter, Run, RunCursor, RunId, Search, StoreError, View, joined,
};

pub(super) fn run(connection: &Connection, id: RunId) -> Result<Run, Fault> {
    let mut query = connection.prepare_cached("SELECT number FROM run WHERE id = ?1")?;
    let mut rows = query.query([id.to_string()])?;
    let number: i64 = rows.next()?.ok_or(StoreError::UnknownRun(id))?.get(0)?;
    whole::runs(connection, &[number])?.pop().ok_or_else(|| StoreError::UnknownRun(id).into())
}

pub(super) fn children(connection: &Connection, id: RunId) -> Result<Vec<Run>, Fault> {
    let mut runs = search(connection, &Search { parent: ParentFilter::Of(id), ..Search::default() })?;
    runs.sort_by_key(|run| (run.info.start_time, run.info.id));
    Ok(runs)
}

pub(super) fn search(connection: &Connection, search: &Search) -> Result<Vec<Run>, Fault> {
    let pairs = pairs(connection, search)?;
    let found = matching(connection, search, &pairs)?;
    let mut numbers: Vec<i64> = found.iter().map(|found| found.number).collect();
    let count = numbers.len();
    let scripts: Vec<Option<i64>> = numbers.iter().map(|number| pairs.script_of(*number)).collect();
    numbers.extend(scripts.iter().flatten());
    let mut runs = whole::runs(connection, &numbers)?;
    let mut of_scripts = runs.split_off(count.min(runs.len())).into_iter();
    let join = |(run, script): (Run, Option<i64>)| {
        script.and_then(|_| of_scripts.next()).iter().fold(run, joined::with)
    };
    Ok(runs.into_iter().zip(scripts).map(join).collect())
}

/// The runs that people see as one, where they are searched as one.
fn pairs(connection: &Connection, search: &Search) -> Result<Pairs, Fault> {
    if search.joined { Pairs::load(connection) } else { Ok(Pairs::default()) }
}

/// The ids of the runs that match, in the order asked for.
pub(super) fn select(connection: &Connection, search: &Search) -> Result<Vec<RunId>, Fault> {
    let pairs = pairs(connection, search)?;
    Ok(matching(connection, search, &pairs)?.into_iter().map(|found| found.id).collect())
}

/// The runs with these ids, in their order, but those that are gone.
pub(super) fn runs(connection: &Connection, ids: &[RunId]) -> Result<Vec<Run>, Fault> {
    let mut query = connection.prepare_cached("SELECT number FROM run WHERE id = ?1")?;
    let mut numbers: Vec<i64> = Vec::with_capacity(ids.len());
    for id in ids {
        numbers.extend(query.query_row([id.to_string()], |row| row.get::<_, i64>(0)).optional()?);
    }
    whole::runs(connection, &numbers)
}

/// The keys that runs have, in order: each found by one step in an index, however many runs there are.
pub(super) fn keys(connection: &Connection, group: KeyGroup) -> Result<Vec<String>, Fault> {
    let table = match group {
        KeyGroup::Metrics => {
            let mut query = connection.prepare_cached(
                "SELECT name FROM metric_key WHERE EXISTS (SELECT 1 FROM metric_latest WHERE key = metric_key.number)",
            )?;
            let keys = query.query_map([], |row| row.get(0))?.collect::<Result<BTreeSet<String>, _>>()?;
            return Ok(keys.into_iter().collect());
        }
        KeyGroup::Params => "param",
        KeyGroup::Tags => "tag",
    };
    let mut keys: BTreeSet<String> = BTreeSet::new();
    for condition in ["length(value) <= 100", "length(value) > 100"] {
        let next = format!("SELECT min(key) FROM {table} WHERE {condition}");
        let mut query = connection.prepare_cached(&format!(
            "WITH RECURSIVE found (key) AS ({next} UNION ALL SELECT ({next} AND key > found.key) FROM found
                WHERE found.key IS NOT NULL)
             SELECT key FROM found WHERE key IS NOT NULL"
        ))?;
        let found = query.query_map([], |row| row.get(0))?;
        for key in found {
            keys.insert(key?);
        }
    }
    Ok(keys.into_iter().collect())
}

/// A run on its way to the answer.
#[derive(Clone, Copy)]
struct Found {
    number: i64,
    id: RunId,
    start: Timestamp,
}

/// The runs that match, in the order asked for.
fn matching(connection: &Connection, search: &Search, pairs: &Pairs) -> Result<Vec<Found>, Fault> {
    let runs = in_scope(connection, search, pairs)?;
    if search.is_plain() {
        // Without pairs the page was cut by SQL.
        let page = (search.offset, search.limit);
        return Ok(if pairs.is_empty() { runs } else { cut(runs, page.0, page.1) });
    }
    let numbers: Vec<i64> = runs.iter().map(|found| found.number).collect();
    let columns = pairs.columns(connection, &numbers, &fields(search))?;
    Ok(chosen(&runs, &columns, search))
}

/// The fields that filter and order ask for, each once.
fn fields(search: &Search) -> Vec<&Field> {
    let filtered = search.filter.iter().flat_map(Filter::fields);
    let mut fields: Vec<&Field> = Vec::new();
    for field in filtered.chain(search.order_by.iter().map(|order| &order.field)) {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    fields
}

/// The page, of runs in their natural order.
fn chosen(runs: &[Found], columns: &Columns, search: &Search) -> Vec<Found> {
    let mut places: Vec<usize> = (0..runs.len()).collect();
    if let Some(filter) = &search.filter {
        places.retain(|place| filter.holds_of(&columns.subject(*place)));
    }
    if let Some(after) = &search.after {
        places.retain(|place| {
            let run = &runs[*place];
            let value = |order: &OrderBy| &columns.of(&order.field)[*place];
            after.is_before(&search.order_by, value, (run.start, run.id))
        });
    }
    let up_to = |count: Option<usize>| count.map_or(usize::MAX, |count| search.offset.saturating_add(count));
    let end = up_to(search.limit).min(places.len());
    if !search.order_by.is_empty() {
        let keys: Vec<_> = search.order_by.iter().map(|order| (order, columns.of(&order.field))).collect();
        let compare = |a: &usize, b: &usize| {
            let by_key = keys.iter().map(|(order, column)| order.compare(&column[*a], &column[*b]));
            // Ties keep the natural order.
            by_key.fold(Ordering::Equal, Ordering::then).then(a.cmp(b))
        };
        // First what belongs to the page, then what of it has to be in order.
        place_first(&mut places, end, compare);
        places.truncate(end);
        let ordered = up_to(search.ordered).min(end);
        place_first(&mut places, ordered, compare);
        places[..ordered].sort_unstable_by(compare);
    }
    let page = &places[search.offset.min(end)..end];
    page.iter().map(|place| runs[*place]).collect()
}

/// Moves the first so many to the front, in no order.
fn place_first(places: &mut [usize], count: usize, compare: impl Fn(&usize, &usize) -> Ordering) {
    if count > 0 && count < places.len() {
        places.select_nth_unstable_by(count - 1, compare);
    }
}

/// The runs that are looked at, newest first; only the page, when nothing else decides. Of a pair, the stage's.
fn in_scope(connection: &Connection, search: &Search, pairs: &Pairs) -> Result<Vec<Found>, Fault> {
    let mut scope = Scope::default();
    match search.view {
        View::Active => scope.demand("lifecycle = 0", []),
        View::Deleted => scope.demand("lifecycle = 1", []),
        View::All => {}
    }
    match search.parent {
        ParentFilter::Any => {}
        ParentFilter::TopLevel => scope.demand("parent IS NULL", []),
        ParentFilter::Of(id) => {
            let id = id.to_string();
            let (one, other) = pairs.both(&id).unwrap_or((&id, &id));
            let parent = "parent IN (SELECT number FROM run WHERE id IN (?, ?))";
            scope.demand(parent, [one, other].map(|id| Value::Text(id.to_owned())));
        }
    }
    // A pair is in the experiment of its script, wherever its stage's run is.
    if !search.experiments.is_empty() && pairs.is_empty() {
        let places = vec!["?"; search.experiments.len()].join(", ");
        let numbers = search.experiments.iter().map(|experiment| Value::Integer(experiment.0));
        scope.demand(&format!("experiment IN ({places})"), numbers);
    }
    // Ordered otherwise, the place is one among the values of the fields.
    if let Some((start, id)) =
        search.after.iter().filter(|_| search.order_by.is_empty()).map(RunCursor::natural).next()
    {
        let values = [Value::Integer(start.0), Value::Integer(start.0), Value::Text(id.to_string())];
        scope.demand("start_time <= ? AND (start_time < ? OR id > ?)", values);
    }
    let mut sql =
        format!("SELECT number, id, start_time FROM run {} ORDER BY start_time DESC, id", scope.clause());
    if search.is_plain() && pairs.is_empty() {
        sql.push_str(&page((search.offset, search.limit)));
    }
    let mut query = connection.prepare_cached(&sql)?;
    let found =
        |row: &Row| Ok(Found { number: row.get(0)?, id: run_id(row, 1)?, start: Timestamp(row.get(2)?) });
    let found = query.query_map(params_from_iter(scope.values), found)?;
    let mut found = found.collect::<Result<Vec<Found>, _>>()?;
    if !pairs.is_empty() {
        let wanted = experiments(connection, search)?;
        let is_wanted = |number: i64| wanted.as_ref().is_none_or(|wanted| wanted.contains(&number));
        found.retain(|run| {
            !pairs.is_script(run.number) && is_wanted(pairs.script_of(run.number).unwrap_or(run.number))
        });
    }
    Ok(found)
}

/// The numbers of the runs of the experiments that are searched; nothing when all are.
fn experiments(connection: &Connection, search: &Search) -> Result<Option<HashSet<i64>>, Fault> {
    if search.experiments.is_empty() {
        return Ok(None);
    }
    let mut query = connection
        .prepare_cached("SELECT number FROM run WHERE experiment IN (SELECT value FROM json_each(?1))")?;
    let ids = whole::list(&search.experiments.iter().map(|experiment| experiment.0).collect::<Vec<_>>());
    let numbers = query.query_map([ids], |row| row.get(0))?;
    Ok(Some(numbers.collect::<Result<_, _>>()?))
}

/// Conditions that all hold.
#[derive(Default)]
struct Scope {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Scope {
    fn demand(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.conditions.push(condition.to_owned());
        self.values.extend(values);
    }

    fn clause(&self) -> String {
        if self.conditions.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.conditions.join(" AND "))
        }
    }
}
