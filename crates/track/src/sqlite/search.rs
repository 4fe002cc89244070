//! Searching runs, and reading them whole.
//!
//! SQL narrows by lifecycle, experiment, parent and by what a filter demands of status and start; then
//! only the keys that filter and order name are loaded, the filter's own evaluator decides, and only
//! the runs that are left are read whole. So ten thousand runs cost one pass over one key each.

use std::collections::{BTreeSet, HashMap};

use base::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::fault::Fault;
use super::history::point;
use super::read::{lifecycle, run_id, unreadable};
use crate::{
    Attribute, Comparison, ExperimentId, Field, Filter, Literal, Metric, ParentFilter, Run, RunData, RunId,
    RunInfo, RunStatus, Search, StoreError, View,
};

const SELECT: &str = "SELECT run.number, run.id, run.experiment, experiment.name, run.name, run.status, parent.id,
    run.start_time, run.end_time, run.lifecycle, run.user
    FROM run JOIN experiment ON experiment.id = run.experiment LEFT JOIN run AS parent ON parent.number = run.parent";

const NEWEST_FIRST: &str = "ORDER BY run.start_time DESC, run.id";

/// A run on its way to the answer, with its number in the tables.
struct Candidate {
    number: i64,
    run: Run,
}

pub(super) fn run(connection: &Connection, id: RunId) -> Result<Run, Fault> {
    let mut query = connection.prepare_cached(&format!("{SELECT} WHERE run.id = ?1"))?;
    let found = query.query_row([id.to_string()], candidate).optional()?;
    let mut found = found.ok_or(StoreError::UnknownRun(id))?;
    complete(connection, &mut found)?;
    Ok(found.run)
}

pub(super) fn children(connection: &Connection, id: RunId) -> Result<Vec<Run>, Fault> {
    let mut runs = search(connection, &Search { parent: ParentFilter::Of(id), ..Search::default() })?;
    runs.sort_by_key(|run| (run.info.start_time, run.info.id));
    Ok(runs)
}

pub(super) fn search(connection: &Connection, search: &Search) -> Result<Vec<Run>, Fault> {
    let mut candidates = candidates(connection, search)?;
    load_fields(connection, &mut candidates, search)?;
    if let Some(filter) = &search.filter {
        candidates.retain(|candidate| filter.matches(&candidate.run));
    }
    if !search.order_by.is_empty() {
        // Stable: ties keep the order that they came in, newest first.
        candidates.sort_by(|a, b| {
            let orders = search.order_by.iter().map(|order| order.compare(&a.run, &b.run));
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
    }
    candidates.truncate(search.limit.unwrap_or(usize::MAX));
    for candidate in &mut candidates {
        complete(connection, candidate)?;
    }
    Ok(candidates.into_iter().map(|candidate| candidate.run).collect())
}

fn candidates(connection: &Connection, search: &Search) -> Result<Vec<Candidate>, Fault> {
    let mut scope = Scope::default();
    match search.view {
        View::Active => scope.demand("run.lifecycle = ?", [Value::Integer(0)]),
        View::Deleted => scope.demand("run.lifecycle != ?", [Value::Integer(0)]),
        View::All => {}
    }
    match search.parent {
        ParentFilter::Any => {}
        ParentFilter::TopLevel => scope.demand("run.parent IS NULL", []),
        ParentFilter::Of(id) => scope.demand("parent.id = ?", [Value::Text(id.to_string())]),
    }
    if !search.experiments.is_empty() {
        let places = vec!["?"; search.experiments.len()].join(", ");
        let numbers = search.experiments.iter().map(|experiment| Value::Integer(experiment.0));
        scope.demand(&format!("run.experiment IN ({places})"), numbers);
    }
    if let Some(filter) = &search.filter {
        scope.narrow(filter);
    }
    let mut sql = format!("{SELECT} {} {NEWEST_FIRST}", scope.clause());
    if let (None, true, Some(limit)) = (&search.filter, search.order_by.is_empty(), search.limit) {
        sql.push_str(&format!(" LIMIT {limit}"));
    }
    let mut query = connection.prepare(&sql)?;
    let found = query.query_map(params_from_iter(scope.values), candidate)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Conditions that every run of the answer fulfils; it may let through runs that do not match.
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

    /// Takes from a filter what SQL can judge just as the evaluator does.
    fn narrow(&mut self, filter: &Filter) {
        match filter {
            Filter::And(parts) => parts.iter().for_each(|part| self.narrow(part)),
            Filter::Compare { field: Field::Attribute(attribute), comparison, value } => {
                match (attribute, value) {
                    (Attribute::Status, Literal::Text(text)) if *comparison == Comparison::Equal => {
                        if let Ok(status) = text.parse::<RunStatus>() {
                            self.demand("run.status = ?", [Value::Integer(status as i64)]);
                        }
                    }
                    (Attribute::StartTime, Literal::Number { value, .. }) if value.is_finite() => {
                        let condition = format!("CAST(run.start_time AS REAL) {} ?", comparison.sign());
                        self.demand(&condition, [Value::Real(*value)]);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn clause(&self) -> String {
        if self.conditions.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.conditions.join(" AND "))
        }
    }
}

fn candidate(row: &Row) -> rusqlite::Result<Candidate> {
    let status: i64 = row.get(5)?;
    let parent: Option<String> = row.get(6)?;
    let info = RunInfo {
        id: run_id(row, 1)?,
        experiment: ExperimentId(row.get(2)?),
        experiment_name: row.get(3)?,
        name: row.get(4)?,
        status: status_of(status)?,
        parent: parent.map(|_| run_id(row, 6)).transpose()?,
        start_time: Timestamp(row.get(7)?),
        end_time: row.get::<_, Option<i64>>(8)?.map(Timestamp),
        lifecycle: lifecycle(row.get(9)?),
        user: row.get(10)?,
    };
    Ok(Candidate { number: row.get(0)?, run: Run { info, data: RunData::default() } })
}

fn status_of(stored: i64) -> rusqlite::Result<RunStatus> {
    let found = RunStatus::ALL.into_iter().find(|status| *status as i64 == stored);
    found.ok_or_else(|| unreadable(5, rusqlite::types::FromSqlError::OutOfRange(stored)))
}

/// Loads the metrics, params and tags that the filter and the order ask for.
fn load_fields(connection: &Connection, candidates: &mut [Candidate], search: &Search) -> Result<(), Fault> {
    let filtered = search.filter.iter().flat_map(Filter::fields);
    let ordered = search.order_by.iter().map(|order| &order.field);
    let fields: Vec<&Field> = filtered.chain(ordered).collect();
    if fields.iter().all(|field| matches!(field, Field::Attribute(_))) {
        return Ok(());
    }
    let places: HashMap<i64, usize> =
        candidates.iter().enumerate().map(|(place, candidate)| (candidate.number, place)).collect();
    let mut seen = BTreeSet::new();
    for field in fields {
        let (table, key) = match field {
            Field::Metric(key) => ("metric", key),
            Field::Param(key) => ("param", key),
            Field::Tag(key) => ("tag", key),
            Field::Attribute(_) => continue,
        };
        if !seen.insert((table, key)) {
            continue;
        }
        if table == "metric" {
            load_metric(connection, candidates, &places, key)?;
        } else {
            load_texts(connection, candidates, &places, table, key)?;
        }
    }
    Ok(())
}

fn load_metric(
    connection: &Connection,
    candidates: &mut [Candidate],
    places: &HashMap<i64, usize>,
    key: &str,
) -> Result<(), Fault> {
    let mut query = connection.prepare_cached(
        "SELECT step, timestamp, bits, run FROM metric_latest
         WHERE key = (SELECT number FROM metric_key WHERE name = ?1)",
    )?;
    let mut rows = query.query([key])?;
    while let Some(row) = rows.next()? {
        if let Some(place) = places.get(&row.get(3)?) {
            let metrics = &mut candidates[*place].run.data.metrics;
            metrics.insert(key.to_owned(), metric(row, key.to_owned())?);
        }
    }
    Ok(())
}

/// Params or tags of one key; `table` is one of our own two names.
fn load_texts(
    connection: &Connection,
    candidates: &mut [Candidate],
    places: &HashMap<i64, usize>,
    table: &str,
    key: &str,
) -> Result<(), Fault> {
    let mut query = connection.prepare_cached(&format!("SELECT run, value FROM {table} WHERE key = ?1"))?;
    let mut rows = query.query([key])?;
    while let Some(row) = rows.next()? {
        if let Some(place) = places.get(&row.get(0)?) {
            let data = &mut candidates[*place].run.data;
            let texts = if table == "param" { &mut data.params } else { &mut data.tags };
            texts.insert(key.to_owned(), row.get(1)?);
        }
    }
    Ok(())
}

fn metric(row: &Row, key: String) -> rusqlite::Result<Metric> {
    let (step, timestamp, value) = point(row)?;
    Ok(Metric { key, value, step, timestamp })
}

/// Reads everything that the run logged.
fn complete(connection: &Connection, candidate: &mut Candidate) -> Result<(), Fault> {
    let number = [candidate.number];
    let data = &mut candidate.run.data;
    let mut query = connection.prepare_cached(
        "SELECT step, timestamp, bits, name FROM metric_latest JOIN metric_key ON metric_key.number = key
         WHERE run = ?1",
    )?;
    let metrics = query.query_map(number, |row| {
        let key: String = row.get(3)?;
        Ok((key.clone(), metric(row, key)?))
    })?;
    data.metrics = metrics.collect::<Result<_, _>>()?;
    let pair = |row: &Row| Ok((row.get(0)?, row.get(1)?));
    let mut query = connection.prepare_cached("SELECT key, value FROM param WHERE run = ?1")?;
    data.params = query.query_map(number, pair)?.collect::<Result<_, _>>()?;
    let mut query = connection.prepare_cached("SELECT key, value FROM tag WHERE run = ?1")?;
    data.tags = query.query_map(number, pair)?.collect::<Result<_, _>>()?;
    Ok(())
}
