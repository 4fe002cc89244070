//! Reading and searching logged models.

use std::collections::{BTreeMap, HashMap};

use base::Timestamp;
use rusqlite::types::FromSqlError;
use rusqlite::{Connection, OptionalExtension, Row};

use super::choose::{cut, page};
use super::fault::Fault;
use super::history::point;
use super::read::{lifecycle, model_id, run_id, texts_of, unreadable};
use super::whole::list;
use crate::filter::{Subject, Values};
use crate::{
    ExperimentId, Field, Filter, LoggedModel, LoggedModelSearch, Metric, MetricDataset, ModelId, ModelMetric,
    ModelStatus, OrderBy, StoreError,
};

const SELECT: &str =
    "SELECT number, id, experiment, name, model_type, run, status, message, created, updated, lifecycle
    FROM logged_model";

pub(super) fn one(connection: &Connection, id: ModelId) -> Result<LoggedModel, Fault> {
    let mut query = connection.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    let found = query.query_row([id.to_string()], row).optional()?;
    let unknown = || StoreError::Unknown { noun: "logged model", name: id.to_string() };
    whole(connection, found.into_iter().collect())?.pop().ok_or_else(|| unknown().into())
}

/// The logged models of these experiments, of any lifecycle.
pub(super) fn of_experiments(
    connection: &Connection,
    experiments: &[ExperimentId],
) -> Result<Vec<ModelId>, Fault> {
    let experiments: Vec<i64> = experiments.iter().map(|experiment| experiment.0).collect();
    let mut query = connection.prepare_cached(
        "SELECT id FROM logged_model WHERE experiment IN (SELECT value FROM json_each(?1)) ORDER BY number",
    )?;
    let found = query.query_map([list(&experiments)], |row| model_id(row, 0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn search(connection: &Connection, search: &LoggedModelSearch) -> Result<Vec<LoggedModel>, Fault> {
    let experiments: Vec<i64> = search.experiments.iter().map(|experiment| experiment.0).collect();
    let scope =
        if experiments.is_empty() { "?1 = ?1" } else { "experiment IN (SELECT value FROM json_each(?1))" };
    let mut sql = format!("{SELECT} WHERE {scope} AND lifecycle = 0 ORDER BY created DESC, id");
    let is_plain = search.filter.is_none() && search.datasets.is_empty() && search.order_by.is_empty();
    if is_plain {
        sql.push_str(&page((search.offset, search.limit)));
    }
    let mut query = connection.prepare_cached(&sql)?;
    let found = query.query_map([list(&experiments)], row)?.collect::<Result<Vec<_>, _>>()?;
    let mut models = whole(connection, found)?;
    if is_plain {
        return Ok(models);
    }
    models.retain(|model| matches(model, search.filter.as_ref(), &search.datasets));
    if !search.order_by.is_empty() {
        models.sort_by(|a, b| {
            let by_key = search.order_by.iter().map(|(order, dataset)| {
                order.compare(&to_order(a, order, dataset.as_ref()), &to_order(b, order, dataset.as_ref()))
            });
            by_key.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
    }
    Ok(cut(models, search.offset, search.limit))
}

/// A model of which only the points on some data sets count.
struct OnData<'a> {
    model: &'a LoggedModel,
    datasets: &'a [MetricDataset],
}

impl Subject for OnData<'_> {
    fn values(&self, field: &Field) -> Values<'_> {
        let Field::Metric(key) = field else { return self.model.values(field) };
        let points = self.model.metrics.iter().filter(|point| point.metric.key == *key);
        let points = points.filter(|point| self.datasets.iter().any(|dataset| is_on(point, dataset)));
        Values::Many(points.map(|point| crate::filter::FieldValue::Number(point.metric.value)).collect())
    }
}

fn is_on(point: &ModelMetric, wanted: &MetricDataset) -> bool {
    let Some(dataset) = &point.dataset else { return false };
    dataset.name == wanted.name && (wanted.digest.is_none() || dataset.digest == wanted.digest)
}

fn matches(model: &LoggedModel, filter: Option<&Filter>, datasets: &[MetricDataset]) -> bool {
    if datasets.is_empty() {
        return filter.is_none_or(|filter| filter.holds_of(model));
    }
    let asks_for_metrics =
        filter.is_some_and(|filter| filter.fields().iter().any(|field| matches!(field, Field::Metric(_))));
    let is_measured =
        || model.metrics.iter().any(|point| datasets.iter().any(|dataset| is_on(point, dataset)));
    (asks_for_metrics || is_measured())
        && filter.is_none_or(|filter| filter.holds_of(&OnData { model, datasets }))
}

/// What a model is ordered by: of a metric, the newest point on the data that is asked for.
fn to_order<'a>(model: &'a LoggedModel, order: &OrderBy, dataset: Option<&MetricDataset>) -> Values<'a> {
    let Field::Metric(key) = &order.field else { return model.values(&order.field) };
    let points = model.metrics.iter().filter(|point| point.metric.key == *key);
    let points = points.filter(|point| dataset.is_none_or(|dataset| is_on(point, dataset)));
    let newest = points.max_by_key(|point| (point.metric.timestamp, point.metric.step));
    newest.map_or(Values::None, |point| Values::number(point.metric.value))
}

fn row(row: &Row) -> rusqlite::Result<(i64, LoggedModel)> {
    let run: Option<String> = row.get(5)?;
    let model = LoggedModel {
        id: model_id(row, 1)?,
        experiment: ExperimentId(row.get(2)?),
        name: row.get(3)?,
        model_type: row.get(4)?,
        run: run.map(|_| run_id(row, 5)).transpose()?,
        status: status(row, 6)?,
        message: row.get(7)?,
        created: Timestamp(row.get(8)?),
        updated: Timestamp(row.get(9)?),
        lifecycle: lifecycle(row.get(10)?),
        params: BTreeMap::new(),
        tags: BTreeMap::new(),
        metrics: Vec::new(),
    };
    Ok((row.get(0)?, model))
}

/// The status of a logged model or a version in a column.
pub(super) fn status(row: &Row, column: usize) -> rusqlite::Result<ModelStatus> {
    let stored: i64 = row.get(column)?;
    let found = ModelStatus::ALL.into_iter().find(|status| *status as i64 == stored);
    found.ok_or_else(|| unreadable(column, FromSqlError::OutOfRange(stored)))
}

fn whole(connection: &Connection, found: Vec<(i64, LoggedModel)>) -> Result<Vec<LoggedModel>, Fault> {
    let numbers: Vec<i64> = found.iter().map(|(number, _)| *number).collect();
    let mut params = texts_of(connection, "logged_model_param", "model", &numbers)?;
    let mut tags = texts_of(connection, "logged_model_tag", "model", &numbers)?;
    let mut metrics: HashMap<i64, Vec<ModelMetric>> = HashMap::new();
    let mut query = connection.prepare_cached(
        "SELECT logged_model_metric.key, step, timestamp, bits, run, dataset_name, dataset_digest, model
         FROM json_each(?1) AS page CROSS JOIN logged_model_metric ON model = page.value",
    )?;
    let mut rows = query.query([list(&numbers)])?;
    while let Some(row) = rows.next()? {
        metrics.entry(row.get(7)?).or_default().push(metric(row)?);
    }
    let with_all = |(number, mut model): (i64, LoggedModel)| {
        model.params = params.remove(&number).unwrap_or_default();
        model.tags = tags.remove(&number).unwrap_or_default();
        model.metrics = metrics.remove(&number).unwrap_or_default();
        model
    };
    Ok(found.into_iter().map(with_all).collect())
}

fn metric(row: &Row) -> rusqlite::Result<ModelMetric> {
    let (step, timestamp, value) = point(row, 1)?;
    let name: String = row.get(5)?;
    let digest: String = row.get(6)?;
    let is_known = row.get_ref(4)?.as_str().is_ok_and(|run| !run.is_empty());
    Ok(ModelMetric {
        metric: Metric { key: row.get(0)?, value, step, timestamp },
        run: if is_known { Some(run_id(row, 4)?) } else { None },
        dataset: (!name.is_empty())
            .then(|| MetricDataset { name, digest: (!digest.is_empty()).then_some(digest) }),
    })
}
