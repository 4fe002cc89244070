//! `pipe metrics show` and `pipe metrics diff`.

use base::Value;
use clap::{Args, Subcommand};
use indexmap::{IndexMap, IndexSet};
use report::{Cell, Column, Table};

use crate::cli::params::SidesArgs;
use crate::cli::{FormatArgs, all_told};
use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::revision::{Readable, Revision};
use crate::ui::Printer;

/// Show and compare metrics
#[derive(Debug, Subcommand)]
pub enum MetricsCommand {
    /// Show the values in the metrics files
    Show(MetricsShowArgs),
    /// Show which metrics differ between two states of the project
    Diff(MetricsDiffArgs),
}

#[derive(Debug, Args)]
pub struct MetricsShowArgs {
    /// The state: a git revision, `run:ID`, `run:last` or `workspace`
    #[arg(value_name = "REVISION", default_value = "workspace")]
    revision: String,
    /// Significant digits of numbers in text and markdown
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=17))]
    precision: u8,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Args)]
pub struct MetricsDiffArgs {
    #[command(flatten)]
    sides: SidesArgs,
}

/// Shows or compares metrics.
///
/// # Errors
/// When a state cannot be read.
pub fn run(command: &MetricsCommand, printer: Printer) -> CliResult {
    let project = Project::find()?;
    match command {
        MetricsCommand::Show(args) => show(args, &project, printer),
        MetricsCommand::Diff(args) => {
            let (old, new) = args.sides.revisions(&project, printer)?;
            let (diff, faults) = old.metrics(&project)?.diff(new.metrics(&project)?);
            args.sides.print(&old, &new, &diff, faults, printer)
        }
    }
}

/// Shows the files that parse, whatever is wrong with others, which then fail the command.
fn show(args: &MetricsShowArgs, project: &Project, printer: Printer) -> CliResult {
    let Readable { side, faults } = Revision::parse(project, &args.revision)?.metrics(project)?;
    if args.format.json {
        let json = side.iter().map(|(file, values)| (file, json_values(values)));
        printer.data_line(serde_json::to_string_pretty(&json.collect::<IndexMap<_, _>>())?);
    } else if !side.is_empty() || faults.is_empty() {
        show_tables(args, &side, printer)?;
    }
    all_told(faults.into_iter().map(|(_, fault)| fault).collect(), printer)
}

/// JSON's own numbers, and texts for those that it has none for.
fn json_values(values: &IndexMap<String, Value>) -> IndexMap<&String, serde_json::Value> {
    values.iter().map(|(key, value)| (key, report::json_value(value))).collect()
}

fn show_tables(args: &MetricsShowArgs, side: &report::DiffSide, printer: Printer) -> CliResult {
    if side.is_empty() {
        return Err(CliError::message(format!("there are no metrics in {}", args.revision))
            .hint("declare a file under `metrics:` of a stage in pipeline.yaml and run `pipe repro`"));
    }
    let precision = usize::from(args.precision);
    let keys: IndexSet<&String> = side.values().flat_map(IndexMap::keys).collect();
    let table = if side.len() == 1 {
        tall(side, precision)
    } else {
        let mut columns = vec![Column::text("file").kept()];
        columns.extend(keys.iter().map(|key| Column::number(key.as_str())));
        let mut table = Table::new(columns);
        for (file, values) in side {
            let mut row = vec![Cell::text(file)];
            row.extend(keys.iter().map(|key| cell(values.get(*key), precision)));
            table.push(row);
        }
        table
    };
    args.format.print(&table, printer);
    Ok(())
}

/// One file's metrics one beneath the other: there are often more than fit beside each other.
fn tall(side: &report::DiffSide, precision: usize) -> Table {
    let mut table = Table::new(vec![
        Column::text("file"),
        Column::text("key").kept().whole(),
        Column::number("value").kept(),
    ]);
    for (file, values) in side {
        for (key, value) in values {
            table.push(vec![Cell::text(file), Cell::text(key), cell(Some(value), precision)]);
        }
    }
    table
}

fn cell(value: Option<&Value>, precision: usize) -> Cell {
    value.map_or(Cell::Missing, |value| Cell::Value { value: value.clone(), precision })
}
