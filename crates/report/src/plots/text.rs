//! Figures in a terminal: lines of block characters.

use super::{Bars, Confusion, Figure, Series, Shape};
use crate::{Cell, Column, Table, bytes_text, float_text, sparkline};

/// How many characters a line is drawn in, and at most a bar.
const LENGTH: usize = 32;

/// The figures one beneath the other, each with its heading. `width` is the terminal's, nothing when there is
/// none.
pub fn text(figures: &[Figure], width: Option<usize>, colour: bool) -> String {
    let figures: Vec<String> = figures.iter().map(|figure| one(figure, width, colour)).collect();
    figures.join("\n")
}

fn one(figure: &Figure, width: Option<usize>, colour: bool) -> String {
    let heading = if figure.title == figure.name {
        figure.name.clone()
    } else {
        format!("{} ({})", figure.title, figure.name)
    };
    let mut text = Cell::text(heading).shown() + "\n";
    match &figure.shape {
        Shape::Series(series) => text.push_str(&lines(series).text(width, colour)),
        Shape::Bars(each) => text.push_str(&bars(figure, each).text(width, colour)),
        Shape::Confusion(confusion) => {
            for matrix in 0..confusion.matrices.len() {
                text.push_str(&matrix_table(figure, confusion, matrix).text(width, colour));
            }
        }
        Shape::Images(images) => {
            let mut table = Table::new(vec![Column::text("revision"), Column::text("image")]);
            for (revision, image) in images {
                let size = bytes_text(image.bytes.len() as u64);
                table.push(vec![Cell::text(revision), Cell::text(format!("{}, {size}", image.media_type))]);
            }
            text.push_str(&table.text(width, colour));
        }
    }
    text
}

fn lines(series: &Series) -> Table {
    let mut table = Table::new(vec![
        Column::text("series").kept(),
        Column::text("course").kept(),
        Column::number("first"),
        Column::number("last").kept(),
        Column::number("least"),
        Column::number("most"),
        Column::number("points"),
    ]);
    for trace in &series.traces {
        let mut points = if trace.smooth.is_empty() { trace.points.clone() } else { trace.smooth.clone() };
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let course: Vec<f64> = points.iter().map(|point| point.1).collect();
        let values = || trace.points.iter().map(|point| point.1).filter(|value| !value.is_nan());
        let cell = |value: Option<f64>| value.map_or(Cell::Missing, Cell::float);
        table.push(vec![
            Cell::text(&trace.name),
            Cell::text(sparkline(&course, LENGTH)),
            cell(values().next()),
            cell(values().next_back()),
            cell(values().reduce(f64::min)),
            cell(values().reduce(f64::max)),
            Cell::Int(i64::try_from(trace.points.len()).unwrap_or(i64::MAX)),
        ]);
    }
    table
}

fn bars(figure: &Figure, bars: &Bars) -> Table {
    let several = bars.traces.len() > 1;
    let mut columns = vec![Column::text(&figure.y_label).kept()];
    if several {
        columns.push(Column::text("revision").kept());
    }
    columns.extend([Column::number(&figure.x_label).kept(), Column::text("bar")]);
    let mut table = Table::new(columns);
    let lengths = || bars.traces.iter().flat_map(|(_, _, lengths)| lengths);
    let longest = lengths().filter(|length| length.is_finite()).fold(0.0, |most: f64, next| most.max(*next));
    for (at, category) in bars.categories.iter().enumerate() {
        for (name, _, lengths) in &bars.traces {
            let mut row = vec![Cell::text(category)];
            if several {
                row.push(Cell::text(name));
            }
            row.push(if lengths[at].is_nan() { Cell::Missing } else { Cell::float(lengths[at]) });
            row.push(Cell::text(bar(lengths[at] / longest)));
            table.push(row);
        }
    }
    table
}

/// A bar to an eighth of a character.
fn bar(share: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) * (LENGTH * 8) as f64 };
    let eighths = eighths.round() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

fn matrix_table(figure: &Figure, confusion: &Confusion, matrix: usize) -> Table {
    let matrix = &confusion.matrices[matrix];
    let corner = format!("{}: {} \\ {}", matrix.revision, figure.y_label, figure.x_label);
    let mut columns = vec![Column::text(corner).kept()];
    columns.extend(confusion.classes.iter().map(|class| Column::number(class).kept()));
    let mut table = Table::new(columns);
    for (class, cells) in confusion.classes.iter().zip(&matrix.cells) {
        let mut row = vec![Cell::text(class)];
        row.extend(cells.iter().map(|cell| Cell::text(cell_text(*cell, confusion.normalized))));
        table.push(row);
    }
    table
}

/// What stands in a cell of a confusion matrix.
pub(crate) fn cell_text(cell: f64, normalized: bool) -> String {
    if normalized { format!("{cell:.2}") } else { float_text(cell, 15) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_to_an_eighth() {
        assert_eq!(bar(1.0), "█".repeat(LENGTH));
        assert_eq!(bar(1.5 / 32.0), "█▌");
        assert_eq!(bar(0.0) + &bar(f64::NAN) + &bar(-1.0), "");
    }
}
