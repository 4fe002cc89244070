//! `pipe runs list`.

use base::Value;
use clap::Args;
use indexmap::IndexSet;
use report::{Cell, Column, Table};
use track::{
    Aggregate, DatasetField, Field, Filter, OrderBy, ParentFilter, Run, RunStore, Search, Searched, View,
};

use crate::cli::FormatArgs;
use crate::error::{CliError, CliResult};
use crate::joined;
use crate::project::Project;
use crate::recorder::tags;
use crate::ui::Printer;

use super::{restored_from, status_cell, what};

#[derive(Debug, Args)]
pub struct ListArgs {
    /// List only runs that match, as in 'metrics.best_acc > 0.8 and params.seed = 42'
    ///
    /// Fields: metrics.KEY, params.KEY, tags.KEY, datasets.name (digest, context), and id, name, stage, status, start, end,
    /// duration, experiment, user, parent. A metric is its last value; best(KEY), min(KEY) and max(KEY) look at all it had:
    /// best is the least of what is called loss, error, rmse and the like, or has a tag pipe.better.KEY = lower, else the
    /// greatest. Comparisons: = != < <= > >=, like and ilike with % and _, ~ and !~ with a regular expression, in (…),
    /// is null. They are joined by and, or, not and parentheses.
    #[arg(long, value_name = "FILTER")]
    r#where: Option<String>,
    /// List only runs that match, in MLflow's own grammar: comparisons joined by AND
    #[arg(long, value_name = "FILTER", conflicts_with = "where")]
    filter: Option<String>,
    /// Order by a field, as in 'metrics.best_acc desc'; may be repeated
    #[arg(long, value_name = "FIELD [asc|desc]")]
    sort: Vec<String>,
    /// Show these columns, separated by commas: metrics.NAME, best(NAME), min(NAME), max(NAME), last(NAME), params.NAME,
    /// tags.NAME, datasets.name (digest, context), and id, name, stage, status, start, end, duration, experiment, user,
    /// parent
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    columns: Vec<String>,
    /// List at most N runs, or all with 0
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// List only reproductions, not the runs of their stages
    #[arg(long)]
    top: bool,
    /// List only runs that were deleted and can be restored
    #[arg(long)]
    deleted: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Lists runs.
///
/// # Errors
/// When filter, order or a column does not parse, or the store cannot be read.
pub fn run(args: &ListArgs, project: &Project, printer: Printer) -> CliResult {
    let filter = filter(args.r#where.as_deref(), args.filter.as_deref())?;
    let order_by = args.sort.iter().map(|text| OrderBy::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let columns = args.columns.iter().map(|text| ColumnSpec::parse(text)).collect::<CliResult<Vec<_>>>()?;
    let Some(store) = project.existing_store()? else {
        if args.format.json {
            printer.data("[]\n");
        } else {
            printer.say("No run was recorded in this project yet; `pipe repro` records one.");
        }
        return Ok(());
    };
    let is_narrowed = filter.is_some() || args.top || args.deleted;
    let parent = if args.top { ParentFilter::TopLevel } else { ParentFilter::Any };
    let view = if args.deleted { View::Deleted } else { View::Active };
    // The others are counted. Each of a pair leaves no more than one of the two out.
    let ordered = (args.limit > 0).then(|| args.limit.saturating_mul(2));
    let search = Search { filter, order_by, parent, view, ordered, ..Search::default() };
    let mut found = store.select(&search)?;
    joined::leave_first(&store, &mut found)?;
    let all = found.len();
    if args.limit > 0 {
        found.truncate(args.limit);
    }
    let runs = store.runs(&found)?.into_iter().map(|run| Ok(joined::joined(&store, run)?.run));
    let runs = runs.collect::<CliResult<Vec<Run>>>()?;
    // Ids of one day begin alike: people get the end, which tells runs apart, programs the whole.
    let for_people = !args.format.json && !args.format.csv;
    if runs.is_empty() && for_people {
        printer.say(if is_narrowed { "No run matches." } else { "There is no run." });
        return Ok(());
    }
    let columns = if columns.is_empty() { default_columns(&runs, for_people) } else { columns };
    let mut table = Table::new(columns.iter().map(ColumnSpec::head).collect());
    for run in &runs {
        table.push(columns.iter().map(|column| column.cell(run, for_people)).collect());
    }
    table.leave_out(all - runs.len());
    args.format.print(&table, printer);
    Ok(())
}

/// The filter that is written in our language or in MLflow's.
///
/// # Errors
/// When it does not parse.
pub fn filter(ours: Option<&str>, mlflow: Option<&str>) -> CliResult<Option<Filter>> {
    if let Some(text) = mlflow {
        return Filter::parse_mlflow(text, Searched::Runs).map_err(|fault| {
            CliError::from(fault).hint("`--where` also knows OR, NOT, parentheses and `~`")
        });
    }
    let Some(text) = ours else { return Ok(None) };
    let is_restored = text.to_lowercase().contains("restored'");
    Filter::parse(text).map(Some).map_err(|fault| match is_restored {
        // The list calls them so, which is how a run finished that ran nothing.
        true => CliError::from(fault).hint(format!(
            "a restored run is one that finished and has a tag: --where \"tags.`{}` LIKE '%'\"",
            tags::RESTORED_FROM
        )),
        false => CliError::from(fault),
    })
}

/// A column as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum ColumnSpec {
    Id,
    Name,
    Stage,
    Status,
    Start,
    End,
    Duration,
    Experiment,
    User,
    Parent,
    Metric(String),
    Aggregate(Aggregate, String),
    Dataset(DatasetField),
    Param(String),
    Tag(String),
}

impl ColumnSpec {
    fn parse(text: &str) -> CliResult<Self> {
        let text = text.trim();
        if let Some((group, key)) = text.split_once('.') {
            let key = key.trim_matches(['`', '"']).to_owned();
            match group {
                "metrics" | "metric" => return Ok(ColumnSpec::Metric(key)),
                "params" | "param" => return Ok(ColumnSpec::Param(key)),
                "tags" | "tag" => return Ok(ColumnSpec::Tag(key)),
                _ => {}
            }
        }
        Ok(match text {
            "id" | "run_id" => ColumnSpec::Id,
            "name" => ColumnSpec::Name,
            "stage" => ColumnSpec::Stage,
            "status" => ColumnSpec::Status,
            "start" | "start_time" => ColumnSpec::Start,
            "end" | "end_time" => ColumnSpec::End,
            "duration" => ColumnSpec::Duration,
            "experiment" => ColumnSpec::Experiment,
            "user" => ColumnSpec::User,
            "parent" => ColumnSpec::Parent,
            _ => match OrderBy::parse(text).map(|order| order.field) {
                // What filters know besides: `best(loss)`, `datasets.name`.
                Ok(Field::Metric(key)) => ColumnSpec::Metric(key),
                Ok(Field::Aggregate(aggregate, key)) => ColumnSpec::Aggregate(aggregate, key),
                Ok(Field::Dataset(field)) => ColumnSpec::Dataset(field),
                _ => {
                    return Err(CliError::message(format!("there is no column `{text}`")).hint(
                        "columns are id, name, stage, status, start, end, duration, experiment, user, parent, \
                         metrics.NAME, best(NAME), min(NAME), max(NAME), params.NAME, tags.NAME and datasets.name",
                    ));
                }
            },
        })
    }

    fn head(&self) -> Column {
        match self {
            ColumnSpec::Id => Column::text("id").kept(),
            ColumnSpec::Name => Column::text("name").kept(),
            ColumnSpec::Stage => Column::text("stage"),
            ColumnSpec::Status => Column::text("status").kept(),
            ColumnSpec::Start => Column::text("start"),
            ColumnSpec::End => Column::text("end"),
            ColumnSpec::Duration => Column::number("duration"),
            ColumnSpec::Experiment => Column::text("experiment"),
            ColumnSpec::User => Column::text("user"),
            ColumnSpec::Parent => Column::text("parent"),
            ColumnSpec::Metric(key) => Column::number(format!("metrics.{key}")),
            ColumnSpec::Aggregate(aggregate, key) => Column::number(format!("{}({key})", aggregate.name())),
            ColumnSpec::Dataset(field) => Column::text(format!("datasets.{}", field.name())),
            ColumnSpec::Param(key) => Column::number(format!("params.{key}")),
            ColumnSpec::Tag(key) => Column::text(format!("tags.{key}")),
        }
    }

    fn cell(&self, run: &Run, for_people: bool) -> Cell {
        let id = |id: track::RunId| Cell::text(if for_people { id.short() } else { id.to_string() });
        match self {
            ColumnSpec::Id => id(run.info.id),
            ColumnSpec::Name => Cell::text(&run.info.name),
            ColumnSpec::Stage => Cell::text(what(run)),
            ColumnSpec::Status if for_people => status_cell(run),
            ColumnSpec::Status => Cell::text(run.info.status.name()),
            ColumnSpec::Start => Cell::Time(run.info.start_time),
            ColumnSpec::End => run.info.end_time.map_or(Cell::Missing, Cell::Time),
            ColumnSpec::Duration => run.info.duration_millis().map_or(Cell::Missing, Cell::Duration),
            ColumnSpec::Experiment => Cell::text(&run.info.experiment_name),
            ColumnSpec::User => Cell::text(&run.info.user),
            ColumnSpec::Parent => run.info.parent.map_or(Cell::Missing, id),
            ColumnSpec::Metric(key) => {
                run.data.metrics.get(key).map_or(Cell::Missing, |metric| Cell::float(metric.value))
            }
            ColumnSpec::Aggregate(aggregate, key) => {
                run.aggregate(*aggregate, key).map_or(Cell::Missing, Cell::float)
            }
            ColumnSpec::Dataset(field) => datasets(run, *field),
            ColumnSpec::Param(key) => run
                .data
                .params
                .get(key)
                .map_or(Cell::Missing, |text| Cell::Value { value: Value::from_text(text), precision: 5 }),
            ColumnSpec::Tag(key) => run.data.tags.get(key).map_or(Cell::Missing, Cell::text),
        }
    }
}

/// What a field says of all data sets that a run read.
fn datasets(run: &Run, field: DatasetField) -> Cell {
    let values = run.data.datasets.iter().filter_map(|input| match field {
        DatasetField::Name => Some(input.dataset.name.as_str()),
        DatasetField::Digest => Some(input.dataset.digest.as_str()),
        DatasetField::Context => input.context(),
    });
    let values: Vec<&str> = values.collect();
    if values.is_empty() { Cell::Missing } else { Cell::text(values.join(", ")) }
}

/// Metrics that people ask for first, where runs have them.
const FIRST_METRICS: [&str; 6] = ["best_acc", "val_acc", "accuracy", "val_loss", "loss", "train_loss"];

/// Id, name, status, the few metrics that tell most, and time, which a narrow terminal drops first. Programs,
/// whose status is the stored one, see by a tag what was restored.
fn default_columns(runs: &[Run], for_people: bool) -> Vec<ColumnSpec> {
    let mut columns = vec![ColumnSpec::Id, ColumnSpec::Name, ColumnSpec::Status];
    let known: IndexSet<&str> =
        runs.iter().flat_map(|run| run.data.metrics.keys()).map(String::as_str).collect();
    let first = FIRST_METRICS.iter().copied().filter(|key| known.contains(key));
    let plain = known.iter().copied().filter(|key| !key.contains('/') && !FIRST_METRICS.contains(key));
    columns.extend(first.chain(plain).take(4).map(|key| ColumnSpec::Metric(key.to_owned())));
    columns.extend([ColumnSpec::Start, ColumnSpec::Duration]);
    if !for_people && runs.iter().any(|run| restored_from(run).is_some()) {
        columns.push(ColumnSpec::Tag(tags::RESTORED_FROM.to_owned()));
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_by_name() {
        let parse = |text: &str| ColumnSpec::parse(text).ok();
        assert_eq!(
            parse("metrics.seed/seed1_1/alpha"),
            Some(ColumnSpec::Metric("seed/seed1_1/alpha".into()))
        );
        assert_eq!(parse("tags.pipe.stage"), Some(ColumnSpec::Tag("pipe.stage".into())));
        assert_eq!(parse("id"), Some(ColumnSpec::Id));
        assert_eq!(parse("best(val/loss)"), Some(ColumnSpec::Aggregate(Aggregate::Best, "val/loss".into())));
        assert_eq!(parse("last(loss)"), Some(ColumnSpec::Metric("loss".into())));
        assert_eq!(parse("datasets.name"), Some(ColumnSpec::Dataset(DatasetField::Name)));
        assert!(parse("metrik.x").is_none());
    }
}
