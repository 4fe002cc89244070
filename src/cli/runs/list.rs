//! `pipe runs list`.

use base::{Timestamp, Value};
use clap::Args;
use report::{Cell, Column, Table, count_text};
use track::{
    Aggregate, DatasetField, ExperimentId, Field, Filter, Joined, Lifecycle, Metric, OrderBy, ParentFilter,
    RESTORED, Run, RunStore, Search, Searched, SqliteStore, View, commonest, nearest, shown_id, unknown_keys,
};

use crate::cli::FormatArgs;
use crate::dvc_config::KEPT;
use crate::error::{CliError, CliResult};
use crate::project::{DVC_FOLDER, Project};
use crate::ui::Printer;

use super::{restored_from, status_cell, what};

#[derive(Debug, Args)]
pub struct ListArgs {
    /// List only runs that match, as in 'metrics.best_acc > 0.8 and params.seed = 42'
    ///
    /// Fields: metrics.KEY, params.KEY, tags.KEY, datasets.name (digest, context), and id, name, stage, status, start, end,
    /// duration, experiment, user, parent, and heard of a run that goes on (heard < '2026-11-21'). An id may be the start or the
    /// end of one, or `last`, as in parent = 'last'. A status is RUNNING, SCHEDULED, FINISHED, FAILED, KILLED, PRUNED or RESTORED, which is FINISHED, too. A metric is its last value; of
    /// one that a stage and its script both have, or a param, either. best(KEY), min(KEY) and max(KEY) look at all it had:
    /// best is the least of what is called loss, error, rmse and the like, or has a tag pipe.better.KEY = lower, else the
    /// greatest. Comparisons: = != < <= > >=, like and ilike with % and _, ~ and !~ with a regular expression, in (…),
    /// is null. They are joined by and, or, not and parentheses. What a run lacks is never true of it, nor is its
    /// opposite, as in SQL and MLflow: 'params.seed is null or params.seed != 42' finds those that have none, too. A time is local unless it ends with Z or an offset, and
    /// stands for as long as it is written: start = '2026-11-21' is true of that whole day. A duration in quotes equals
    /// what lists show so, as '1.5s'.
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
    /// parent, and heard: of a run that goes on, when something was last logged to it, to the minute
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    columns: Vec<String>,
    /// List at most N runs, or all with 0
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// List only runs of this experiment; may be repeated
    #[arg(long, value_name = "NAME")]
    experiment: Vec<String>,
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
    let Some(store) = project.store_to_show(printer)? else {
        if args.format.json {
            printer.data("[]\n");
        } else {
            printer.say("No run was recorded in this project yet; `pipe repro` records one.");
            if project.root.join(KEPT).join(DVC_FOLDER).join("tmp/pipe/runs.db").exists() {
                printer.say(format_args!(
                    "Those from before `pipe convert` are in {KEPT}: `pipe runs list` shows them in that folder."
                ));
            }
        }
        return Ok(());
    };
    project.tell_replaced_log(printer);
    let is_narrowed = filter.is_some() || args.top || args.deleted || !args.experiment.is_empty();
    let experiments = experiments(&store, &args.experiment)?;
    let parent = if args.top { ParentFilter::TopLevel } else { ParentFilter::Any };
    let view = if args.deleted { View::Deleted } else { View::Active };
    let filter = filter.map(|filter| filter.with_whole_ids(&store, view)).transpose()?;
    // The others are counted.
    let ordered = (args.limit > 0).then_some(args.limit);
    let joined = true;
    let search = Search { experiments, filter, order_by, parent, view, ordered, joined, ..Search::default() };
    let mut found = store.select(&search)?;
    let all = found.len();
    if args.limit > 0 {
        found.truncate(args.limit);
    }
    let runs = store.runs(&found)?.into_iter().map(|run| Ok(Joined::of(&store, run)?.run));
    let mut runs = runs.collect::<CliResult<Vec<Run>>>()?;
    let asked = search.filter.iter().flat_map(Filter::fields);
    let asked = asked.chain(search.order_by.iter().map(|order| &order.field)).cloned();
    let asked: Vec<Field> = asked.chain(columns.iter().filter_map(ColumnSpec::field)).collect();
    for unknown in unknown_keys(&store, &runs, &asked)? {
        printer.say(unknown);
    }
    // Ids of one day begin alike: people get the end, which tells runs apart, programs the whole.
    let for_people = !args.format.json && !args.format.csv;
    if runs.is_empty() && for_people {
        printer.say(if is_narrowed { "No run matches." } else { "There is no run." });
        return Ok(());
    }
    let is_default = columns.is_empty();
    let (columns, others) =
        if is_default { default_columns(&runs, for_people) } else { (columns, Vec::new()) };
    let mut heads: Vec<Column> = columns.iter().map(ColumnSpec::head).collect();
    if is_default && for_people {
        shorten(&mut heads);
    }
    let mut table = Table::new(heads);
    for run in &mut runs {
        if columns.contains(&ColumnSpec::Parent) {
            run.info.parent = run.info.parent.map(|parent| shown_id(&store, parent)).transpose()?;
        }
        table.push(columns.iter().map(|column| column.cell(run, for_people)).collect());
    }
    table.leave_out(all - runs.len());
    args.format.print(&table, printer);
    if for_people {
        tell_silent(project, &store, &runs, printer)?;
    }
    if let Some(first) = others.first() {
        let more = count_text(others.len(), "more metric");
        printer.say(format_args!(
            "No column for {more}: `--columns name,metrics.{first}` shows those that it names."
        ));
    }
    Ok(())
}

/// How long a run that belongs to no process is silent before that is told, in milliseconds.
const SILENT: i64 = 60 * 60 * 1000;

/// Tells of runs that may never end: nobody knows what became of their makers.
fn tell_silent(project: &Project, store: &SqliteStore, runs: &[Run], printer: Printer) -> CliResult {
    let now = Timestamp::now();
    let is_silent = |run: &&Run| run.last_heard().is_some_and(|heard| now.millis_since(heard) > SILENT);
    let mut silent: Vec<&Run> = runs.iter().filter(is_silent).collect();
    if silent.is_empty() {
        return Ok(());
    }
    let leases = store.leases()?;
    silent.retain(|run| leases.iter().all(|(leased, _)| *leased != run.info.id));
    if let Some(first) = silent.first().map(|run| run.info.id.short()) {
        let one = silent.len() == 1;
        let (count, is, was) = (
            count_text(silent.len(), "run"),
            if one { "is" } else { "are" },
            if one { "was" } else { "were" },
        );
        let by_itself = project.settings.unheard_after().map(|age| format!(", as {age} of silence do"));
        printer.say(format_args!(
            "{count} {is} said to run, and {was} not heard of for an hour: `--columns id,name,status,heard` tells since \
             when; `pipe runs end {first} --status killed` ends one whose script is gone{}.",
            by_itself.unwrap_or_default()
        ));
    }
    Ok(())
}

/// The filter that is written in our language or in MLflow's.
///
/// # Errors
/// When it does not parse.
pub fn filter(ours: Option<&str>, mlflow: Option<&str>) -> CliResult<Option<Filter>> {
    if let Some(text) = mlflow {
        return Filter::parse_mlflow(text, Searched::Runs).map_err(|fault| {
            CliError::from(fault)
                .hint(format!("`--where` also knows OR, NOT, parentheses, `~` and the status {RESTORED}"))
        });
    }
    Ok(ours.map(Filter::parse).transpose()?)
}

/// The experiments with these names.
///
/// # Errors
/// When there is none of a name, or the store fails.
fn experiments(store: &SqliteStore, names: &[String]) -> CliResult<Vec<ExperimentId>> {
    let find = |name: &String| -> CliResult<ExperimentId> {
        if let Some(found) = store.experiment(name)? {
            return Ok(found.id);
        }
        let known = store.experiments()?;
        let known = known.iter().filter(|known| known.lifecycle == Lifecycle::Active);
        let known: Vec<&str> = known.map(|known| known.name.as_str()).collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", known.join(", ")),
        };
        Err(CliError::message(format!("there is no experiment `{name}`")).hint(hint))
    };
    names.iter().map(find).collect()
}

/// Metrics by their keys alone, where that is no other column: it leaves room for more of them. All but the first are spare.
fn shorten(heads: &mut [Column]) {
    let names: Vec<String> = heads.iter().map(|head| head.name.clone()).collect();
    let mut is_first = true;
    for head in heads {
        let Some(key) = head.name.strip_prefix("metrics.") else { continue };
        head.spare = !is_first;
        is_first = false;
        if !names.iter().any(|name| name == key) {
            head.name = key.to_owned();
        }
    }
}

/// The columns without a key, for who mistypes one.
const COLUMNS: [&str; 12] = [
    "id",
    "name",
    "stage",
    "status",
    "start",
    "end",
    "duration",
    "experiment",
    "user",
    "parent",
    "heard",
    RESTORED_FROM,
];

/// The column that names the run whose result a restored one has.
const RESTORED_FROM: &str = "restored_from";

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
    Heard,
    RestoredFrom,
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
            "heard" => ColumnSpec::Heard,
            RESTORED_FROM => ColumnSpec::RestoredFrom,
            _ => match OrderBy::parse(text).map(|order| order.field) {
                // What filters know besides: `best(loss)`, `datasets.name`.
                Ok(Field::Metric(key)) => ColumnSpec::Metric(key),
                Ok(Field::Aggregate(aggregate, key)) => ColumnSpec::Aggregate(aggregate, key),
                Ok(Field::Dataset(field)) => ColumnSpec::Dataset(field),
                _ => {
                    let near = nearest(text, COLUMNS).map(|near| format!("did you mean `{near}`?"));
                    let fault = CliError::message(format!("there is no column `{text}`"));
                    let fault = near.into_iter().fold(fault, CliError::hint);
                    return Err(fault.hint(
                        "columns are id, name, stage, status, start, end, duration, experiment, user, parent, heard, \
                         restored_from, metrics.NAME, best(NAME), min(NAME), max(NAME), params.NAME, tags.NAME and datasets.name",
                    ));
                }
            },
        })
    }

    /// What of a run it shows, where that has a key.
    fn field(&self) -> Option<Field> {
        match self {
            ColumnSpec::Metric(key) | ColumnSpec::Aggregate(_, key) => Some(Field::Metric(key.clone())),
            ColumnSpec::Param(key) => Some(Field::Param(key.clone())),
            ColumnSpec::Tag(key) => Some(Field::Tag(key.clone())),
            _ => None,
        }
    }

    fn head(&self) -> Column {
        match self {
            ColumnSpec::Id => Column::text("id").kept(),
            ColumnSpec::Name => Column::text("name").kept(),
            ColumnSpec::Stage => Column::text("stage"),
            ColumnSpec::Status => Column::text("status").kept(),
            ColumnSpec::Start => Column::text("start").whole(),
            ColumnSpec::End => Column::text("end").whole(),
            ColumnSpec::Duration => Column::number("duration"),
            ColumnSpec::Experiment => Column::text("experiment"),
            ColumnSpec::User => Column::text("user"),
            ColumnSpec::Parent => Column::text("parent"),
            ColumnSpec::Heard => Column::text("heard").whole(),
            ColumnSpec::RestoredFrom => Column::text(RESTORED_FROM),
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
            ColumnSpec::Heard => run.last_heard().map_or(Cell::Missing, Cell::Time),
            ColumnSpec::RestoredFrom => restored_from(run)
                .map_or(Cell::Missing, |from| from.parse().map_or_else(|_| Cell::text(from), id)),
            ColumnSpec::Metric(key) if for_people && run.data.stage_metrics.contains_key(key) => {
                let value = |metric: Option<&Metric>| {
                    metric.map_or(Cell::Missing, |metric| Cell::metric(metric.value)).shown()
                };
                let (data, stage) = (&run.data, run.data.stage_metrics.get(key));
                Cell::text(of_both(&value(data.metrics.get(key)), &value(stage)))
            }
            ColumnSpec::Param(key) if for_people && run.data.stage_params.contains_key(key) => {
                Cell::text(of_both(&run.data.params[key], &run.data.stage_params[key]))
            }
            ColumnSpec::Metric(key) => {
                run.data.metrics.get(key).map_or(Cell::Missing, |metric| Cell::metric(metric.value))
            }
            ColumnSpec::Aggregate(aggregate, key) => {
                run.aggregate(*aggregate, key).map_or(Cell::Missing, Cell::metric)
            }
            ColumnSpec::Dataset(field) => datasets(run, *field),
            ColumnSpec::Param(key) => {
                run.data.params.get(key).map_or(Cell::Missing, |text| Cell::value(Value::from_text(text)))
            }
            ColumnSpec::Tag(key) => run.data.tags.get(key).map_or(Cell::Missing, Cell::text),
        }
    }
}

/// The value that a script logged, and the one that its stage has.
fn of_both(script: &str, stage: &str) -> String {
    format!("{script}, {stage} (stage)")
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

/// Metrics that have a column without being asked for.
const MOST_METRICS: usize = 4;

/// Id, name, status, the few metrics that most of the runs have, and time; the experiment, where there are others than the first. On
/// a narrow terminal all metrics but the first go before the rest. Programs, whose status is the stored one, see beside it what
/// was restored. And the metrics that have no column.
fn default_columns(runs: &[Run], for_people: bool) -> (Vec<ColumnSpec>, Vec<String>) {
    let mut columns = vec![ColumnSpec::Id, ColumnSpec::Name, ColumnSpec::Status];
    let mut metrics = commonest(runs.iter().flat_map(|run| run.data.metrics.keys()));
    let others = metrics.split_off(metrics.len().min(MOST_METRICS));
    let others = others.into_iter().map(ToOwned::to_owned).collect();
    columns.extend(metrics.into_iter().map(|key| ColumnSpec::Metric(key.to_owned())));
    columns.extend([ColumnSpec::Start, ColumnSpec::Duration]);
    if runs.iter().any(|run| run.info.experiment != ExperimentId::DEFAULT) {
        columns.push(ColumnSpec::Experiment);
    }
    if !for_people && runs.iter().any(|run| restored_from(run).is_some()) {
        columns.push(ColumnSpec::RestoredFrom);
    }
    (columns, others)
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
