//! `pipe runs compare`: what differs first.

use std::collections::BTreeSet;

use base::Value;
use clap::Args;
use report::{Cell, Column, Table};
use track::{Run, RunStore};

use crate::cli::FormatArgs;
use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

use super::open;

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Two or more runs: ids, the start or end of them, or names
    #[arg(required = true, num_args = 2..)]
    runs: Vec<String>,
    /// Only what differs
    #[arg(long)]
    changed: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Compares runs.
///
/// # Errors
/// When there is no such run, or the store cannot be read.
pub fn run(args: &CompareArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project)?;
    let runs = args
        .runs
        .iter()
        .map(|wanted| Ok(store.run(store.find_run(wanted)?)?))
        .collect::<CliResult<Vec<Run>>>()?;
    let mut rows: Vec<Row> = Vec::new();
    rows.push(Row::new("status", runs.iter().map(|run| Cell::text(run.info.status.name())).collect()));
    rows.push(Row::new(
        "duration",
        runs.iter().map(|run| run.info.duration_millis().map_or(Cell::Missing, Cell::Duration)).collect(),
    ));
    for key in keys(&runs, |run| run.data.metrics.keys()) {
        let cell =
            |run: &Run| run.data.metrics.get(&key).map_or(Cell::Missing, |metric| Cell::float(metric.value));
        rows.push(Row::new(&format!("metrics.{key}"), runs.iter().map(cell).collect()));
    }
    for key in keys(&runs, |run| run.data.params.keys()) {
        let cell = |run: &Run| match run.data.params.get(&key) {
            Some(text) => Cell::Value { value: Value::from_text(text), precision: 5 },
            None => Cell::Missing,
        };
        rows.push(Row::new(&format!("params.{key}"), runs.iter().map(cell).collect()));
    }
    for key in keys(&runs, |run| run.data.tags.keys()) {
        let cell = |run: &Run| run.data.tags.get(&key).map_or(Cell::Missing, Cell::text);
        rows.push(Row::new(&format!("tags.{key}"), runs.iter().map(cell).collect()));
    }
    rows.sort_by_key(|row| !row.differs);
    let mut columns = vec![Column::text("field").kept()];
    columns.extend(
        runs.iter().map(|run| Column::number(format!("{} {}", run.info.name, run.info.id.short())).kept()),
    );
    let mut table = Table::new(columns);
    for row in rows.into_iter().filter(|row| row.differs || !args.changed) {
        let mark = if row.differs { "* " } else { "  " };
        let field =
            if args.format.json || args.format.csv { row.field } else { format!("{mark}{}", row.field) };
        table.push(std::iter::once(Cell::text(field)).chain(row.cells).collect());
    }
    args.format.print(&table, printer);
    Ok(())
}

struct Row {
    field: String,
    cells: Vec<Cell>,
    differs: bool,
}

impl Row {
    fn new(field: &str, cells: Vec<Cell>) -> Self {
        let differs = cells.windows(2).any(|pair| pair[0].shown() != pair[1].shown());
        Row { field: field.to_owned(), cells, differs }
    }
}

fn keys<'a, I: Iterator<Item = &'a String>>(runs: &'a [Run], of: impl Fn(&'a Run) -> I) -> BTreeSet<String> {
    runs.iter().flat_map(of).cloned().collect()
}
