//! `pipe runs compare`: what differs first, and what is equal only when asked for.

use std::collections::BTreeSet;

use base::Value;
use clap::Args;
use report::{Cell, Column, Table};
use track::{Joined, Run, View, is_bookkeeping};

use crate::cli::FormatArgs;
use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

use super::{open, status_cell, tell_left_out};

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Two or more runs: ends of their ids as lists show them, whole ids, names, or `last` and `last~1`
    #[arg(required = true, num_args = 2..)]
    runs: Vec<String>,
    /// Show what is equal, too, and the tags by which pipe and MLflow's client keep their books; JSON and CSV always have it
    #[arg(long)]
    all: bool,
    /// Show only what differs, in JSON and CSV too
    #[arg(long, conflicts_with = "all")]
    changed: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Compares runs.
///
/// # Errors
/// When there is no such run, or the store cannot be read.
pub fn run(args: &CompareArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let find = |wanted: &String| -> CliResult<(Run, Option<Run>)> {
        let found = Joined::find(&store, wanted, View::Active)?;
        let stage = found.stage_alone(&store)?;
        Ok((found.run, stage))
    };
    let found = args.runs.iter().map(find).collect::<CliResult<Vec<_>>>()?;
    let (runs, stages): (Vec<Run>, Vec<Option<Run>>) = found.into_iter().unzip();
    let for_programs = args.format.json || args.format.csv;
    let mut rows = rows(&runs, &stages, for_programs);
    rows.sort_by_key(|row| (!row.differs, row.is_volatile()));
    let is_left_out =
        |row: &Row| !for_programs && !args.all && row.field.strip_prefix("tags.").is_some_and(is_bookkeeping);
    let left_out = rows.iter().filter(|row| is_left_out(row)).count();
    rows.retain(|row| !is_left_out(row));
    let equal = rows.iter().filter(|row| !row.differs).count();
    let with_equal = args.all || (for_programs && !args.changed);
    rows.retain(|row| row.differs || with_equal);
    let mut columns = vec![Column::text("field").kept().whole()];
    let head = |run: &Run| Column::text(format!("{} {}", run.info.name, run.info.id.short()));
    // What goes elsewhere than to a terminal is whole.
    let is_cut = printer.width().is_some() && !for_programs && !args.format.md;
    // Of many runs those go that have no room: a column of a few characters tells nothing.
    let column = |(at, run): (usize, &Run)| if at < MOST_KEPT { head(run).kept() } else { head(run) };
    columns.extend(
        runs.iter()
            .enumerate()
            .map(column)
            .map(|column| if is_cut { column.at_most(WIDEST) } else { column }),
    );
    let mut table = Table::new(columns);
    for mut row in rows {
        if !for_programs && with_equal {
            row.field.insert_str(0, if row.differs { "* " } else { "  " });
        }
        if is_cut {
            row.start_at_difference();
        }
        table.push(std::iter::once(Cell::text(row.field)).chain(row.cells).collect());
    }
    args.format.print(&table, printer);
    if equal > 0 && !with_equal && !for_programs {
        let them = if equal == 1 { "it" } else { "them" };
        printer.say(format_args!("{}; --all shows {them}.", report::count_text(equal, "equal row")));
    }
    tell_left_out(left_out, printer);
    Ok(())
}

/// Values are cut to so many columns: commands and reasons have thousands of characters.
const WIDEST: usize = 60;

/// So many runs are shown however narrow the terminal.
const MOST_KEPT: usize = 2;

/// How much of what two long values have in common is left before the first difference.
const CONTEXT: usize = 12;

/// Differ between any two runs, which says nothing about them.
const VOLATILE: [&str; 3] = ["start", "duration", "tags.pipe.duration_ms"];

/// Everything that is compared, in the order: status, metrics, params, tags, time. What a script logged in the place of its
/// stage's is a row, and the stages' another: `stages` has, for each run, what its stage alone recorded.
fn rows(runs: &[Run], stages: &[Option<Run>], for_programs: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let status = |run: &Run| if for_programs { Cell::text(run.info.status.name()) } else { status_cell(run) };
    rows.push(Row::new("status", runs.iter().map(status).collect()));
    for key in keys(runs, |run| run.data.metrics.keys()) {
        let cell =
            |run: &Run| run.data.metrics.get(&key).map_or(Cell::Missing, |metric| Cell::metric(metric.value));
        rows.push(Row::new(&format!("metrics.{key}"), runs.iter().map(cell).collect()));
        let of_stage = |stage: &Option<Run>| stage.as_ref().map_or(Cell::Missing, cell);
        if runs.iter().any(|run| run.data.stage_metrics.contains_key(&key)) {
            rows.push(Row::new(&format!("metrics.{key} (stage)"), stages.iter().map(of_stage).collect()));
        }
    }
    for key in keys(runs, |run| run.data.params.keys()) {
        let cell = |run: &Run| match run.data.params.get(&key) {
            Some(text) => Cell::value(Value::from_text(text)),
            None => Cell::Missing,
        };
        rows.push(Row::new(&format!("params.{key}"), runs.iter().map(cell).collect()));
        let of_stage = |stage: &Option<Run>| stage.as_ref().map_or(Cell::Missing, cell);
        if runs.iter().any(|run| run.data.stage_params.contains_key(&key)) {
            rows.push(Row::new(&format!("params.{key} (stage)"), stages.iter().map(of_stage).collect()));
        }
    }
    for key in keys(runs, |run| run.data.tags.keys()) {
        let cell = |run: &Run| run.data.tags.get(&key).map_or(Cell::Missing, Cell::text);
        rows.push(Row::new(&format!("tags.{key}"), runs.iter().map(cell).collect()));
    }
    rows.push(Row::new("start", runs.iter().map(|run| Cell::Time(run.info.start_time)).collect()));
    rows.push(Row::new(
        "duration",
        runs.iter().map(|run| run.info.duration_millis().map_or(Cell::Missing, Cell::Duration)).collect(),
    ));
    rows
}

struct Row {
    field: String,
    cells: Vec<Cell>,
    differs: bool,
}

impl Row {
    fn new(field: &str, cells: Vec<Cell>) -> Self {
        let differs = cells.windows(2).any(|pair| !is_same(&pair[0], &pair[1]));
        let mut row = Row { field: field.to_owned(), cells, differs };
        if differs && row.hides_a_difference() {
            row.cells = row.cells.into_iter().map(Cell::exact).collect();
        }
        row
    }

    /// Whether two values that are not the same look the same.
    fn hides_a_difference(&self) -> bool {
        self.cells
            .iter()
            .enumerate()
            .any(|(at, a)| self.cells[..at].iter().any(|b| !is_same(a, b) && a.shown() == b.shown()))
    }

    fn is_volatile(&self) -> bool {
        VOLATILE.contains(&self.field.as_str())
    }

    /// Long texts that begin alike would look alike once they are cut: leaves most of the beginning out.
    fn start_at_difference(&mut self) {
        let texts: Vec<Vec<char>> = self.cells.iter().map(|cell| cell.shown().chars().collect()).collect();
        let present =
            || self.cells.iter().zip(&texts).filter(|(cell, _)| **cell != Cell::Missing).map(|(_, t)| t);
        if !self.differs || !present().any(|text| text.len() > WIDEST) {
            return;
        }
        let Some(first) = present().next() else { return };
        let shared = |text: &Vec<char>| first.iter().zip(text).take_while(|(a, b)| a == b).count();
        let common = present().map(shared).min().unwrap_or(0);
        // One value alone is all common with itself.
        if common <= CONTEXT || present().all(|text| text.len() == common) {
            return;
        }
        for (cell, text) in self.cells.iter_mut().zip(&texts) {
            if *cell != Cell::Missing {
                *cell = Cell::Text(
                    std::iter::once('…').chain(text[common - CONTEXT..].iter().copied()).collect(),
                );
            }
        }
    }
}

/// Whether two values are the same; a metric that is NaN twice has not changed.
fn is_same(a: &Cell, b: &Cell) -> bool {
    match (a, b) {
        (Cell::Float { value: a, .. }, Cell::Float { value: b, .. }) => a == b || (a.is_nan() && b.is_nan()),
        _ => a == b,
    }
}

fn keys<'a, I: Iterator<Item = &'a String>>(runs: &'a [Run], of: impl Fn(&'a Run) -> I) -> BTreeSet<String> {
    runs.iter().flat_map(of).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_start_where_they_differ() {
        let long = "x".repeat(200);
        let texts = [format!("{long} first {long}"), format!("{long} second {long}")];
        let mut row = Row::new("tags.pipe.command", texts.iter().map(Cell::text).collect());
        row.start_at_difference();
        for (cell, word) in row.cells.iter().zip(["first", "second"]) {
            assert!(cell.shown().starts_with(&format!("…xxxxxxxxxxx {word} xx")), "{}", cell.shown());
        }
    }

    #[test]
    fn what_looks_the_same_and_differs_has_all_digits() {
        let shown = |values: &[f64]| {
            let row = Row::new("metrics.a", values.iter().copied().map(Cell::metric).collect());
            row.cells.iter().map(Cell::shown).collect::<Vec<_>>()
        };
        assert_eq!(shown(&[0.1 + 0.2, 0.5]), ["0.3", "0.5"]);
        assert_eq!(shown(&[0.1 + 0.2, 0.3]), ["0.30000000000000004", "0.3"]);
        assert_eq!(shown(&[123_456.0, 123_457.0]), ["123456", "123457"]);
        assert_eq!(shown(&[1.0 / 3.0, 0.5]), ["0.333333", "0.5"]);
        assert_eq!(shown(&[0.123_456_7, 0.5, 0.123_456_8]), ["0.1234567", "0.5", "0.1234568"]);
    }
}
