//! A table of cells: plain aligned text that fits the terminal, markdown, CSV and JSON.
//!
//! Text drops what does not fit, the last columns first, and says so beneath; the other forms are
//! always complete.

use std::borrow::Cow;
use std::fmt::Write;

use console::{Style, measure_text_width, truncate_str};
use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::{Cell, Tone, count_text};

/// Between two columns.
const GAP: usize = 2;
/// A text column is not cut below this width; rather a column is dropped.
const NARROWEST: usize = 12;
/// Where none can be dropped, texts are cut to this, and no further.
const LEAST: usize = 3;
/// What is longer is a text, even where numbers are expected: a param has any value.
const LONGEST_NUMBER: usize = 24;

/// Where nothing is cut, a longer cell moves what follows it in its row, and not in all others.
const WIDEST_PADDED: usize = 80;

/// To which side a column's cells are moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    #[default]
    Left,
    /// Numbers.
    Right,
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name for people and for programs.
    pub name: String,
    /// To which side its cells are moved.
    pub align: Align,
    /// Never dropped, however narrow the terminal.
    pub keep: bool,
    /// Dropped before the others, the last such column first.
    pub spare: bool,
    /// Cut only when every other column is as narrow as can be or dropped.
    pub whole: bool,
    /// Text cuts longer cells to this width even where there is room; the other forms never do.
    pub widest: Option<usize>,
    /// What is cut goes from the middle: of a path both ends tell something.
    pub middle: bool,
}

impl Column {
    /// A column of texts.
    pub fn text(name: impl Into<String>) -> Column {
        let name = name.into();
        let align = Align::Left;
        Column { name, align, keep: false, spare: false, whole: false, widest: None, middle: false }
    }

    /// A column of numbers.
    pub fn number(name: impl Into<String>) -> Column {
        Column { align: Align::Right, ..Column::text(name) }
    }

    /// The same column, never dropped.
    pub fn kept(self) -> Column {
        Column { keep: true, ..self }
    }

    /// The same column, dropped before the others.
    pub fn spare(self) -> Column {
        Column { spare: true, ..self }
    }

    /// The same column, cut last of all: the names that its row is found by.
    pub fn whole(self) -> Column {
        Column { whole: true, ..self }
    }

    /// The same column, its cells cut in their middle.
    pub fn cut_in_middle(self) -> Column {
        Column { middle: true, ..self }
    }

    /// The same column, its cells cut to `width` in text.
    pub fn at_most(self, width: usize) -> Column {
        Column { widest: Some(width), ..self }
    }
}

/// Rows of cells under columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    /// Each as long as `columns`.
    rows: Vec<Vec<Cell>>,
    /// How many more rows there would be.
    left_out: usize,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: Vec<Column>) -> Table {
        Table { columns, rows: Vec::new(), left_out: 0 }
    }

    /// Adds a row; what is missing at its end is [`Cell::Missing`], what is too much is dropped.
    pub fn push(&mut self, mut row: Vec<Cell>) {
        row.resize(self.columns.len(), Cell::Missing);
        self.rows.push(row);
    }

    /// The same table without the column of a name, if it has one.
    #[must_use]
    pub fn without(mut self, name: &str) -> Table {
        if let Some(at) = self.columns.iter().position(|column| column.name == name) {
            self.columns.remove(at);
            for row in &mut self.rows {
                row.remove(at);
            }
        }
        self
    }

    /// Says that there are so many more rows that were not added; the text form tells its reader.
    pub fn leave_out(&mut self, rows: usize) {
        self.left_out = rows;
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Aligned text of at most `width` columns of the terminal, and beneath it what was left out. Nothing for any width:
    /// then nothing is cut, and the cells beside a very long one do not stand below those of other rows.
    pub fn text(&self, width: Option<usize>, colour: bool) -> String {
        let texts = |of: fn(&Column, &Cell) -> String| -> Vec<Vec<String>> {
            let cells = |row: &Vec<Cell>| self.columns.iter().zip(row).map(|(c, cell)| of(c, cell)).collect();
            self.rows.iter().map(cells).collect()
        };
        let is_cut = width.is_some();
        let width = width.unwrap_or(usize::MAX);
        let mut shown = texts(|_, cell| cell.shown());
        // Digits go before columns do, but not those of a number that is never dropped.
        if self.natural(&shown).iter().sum::<usize>() + GAP * self.columns.len().saturating_sub(1) > width {
            shown = texts(|column, cell| match cell {
                Cell::Float { .. } if column.keep => cell.shown(),
                _ => cell.brief(),
            });
        }
        let (mut widths, dropped) = self.layout(&shown, width);
        if !is_cut {
            for (column, width) in self.columns.iter().zip(&mut widths).filter(|(c, _)| c.widest.is_none()) {
                let name = measure_text_width(&column.name);
                *width = width.map(|width| width.min(WIDEST_PADDED.max(name)));
            }
        }
        let mut text = String::new();
        let heads: Vec<String> =
            self.columns.iter().map(|column| base::one_line(&column.name).into_owned()).collect();
        let head_style = Style::new().bold().force_styling(colour);
        self.line(&mut text, (&widths, is_cut), &heads, |_| Some(head_style.clone()));
        for (row, shown) in self.rows.iter().zip(&shown) {
            let style = |column: usize| row[column].tone().map(|tone| style(tone).force_styling(colour));
            self.line(&mut text, (&widths, is_cut), shown, style);
        }
        self.footer(&mut text, &dropped);
        text
    }

    /// A markdown table of all columns.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|");
        let mut line = |cells: &mut dyn Iterator<Item = String>| {
            let cells: Vec<String> = cells.collect();
            writeln!(text, "| {} |", cells.join(" | ")).expect("a String takes all");
        };
        line(&mut self.columns.iter().map(|column| escaped(&base::one_line(&column.name))));
        line(
            &mut self
                .columns
                .iter()
                .map(|column| if column.align == Align::Right { "---:" } else { "---" }.to_owned()),
        );
        for row in &self.rows {
            line(&mut row.iter().map(|cell| escaped(&cell.shown())));
        }
        text
    }

    /// Comma-separated values of all columns, as RFC 4180 has them but with plain line ends.
    pub fn csv(&self) -> String {
        let mut text = String::new();
        let mut line = |cells: &mut dyn Iterator<Item = String>| {
            let cells: Vec<String> = cells.map(|cell| csv_field(&cell)).collect();
            writeln!(text, "{}", cells.join(",")).expect("a String takes all");
        };
        line(&mut self.columns.iter().map(|column| column.name.clone()));
        for row in &self.rows {
            line(&mut row.iter().map(Cell::raw));
        }
        text
    }

    /// A JSON array with an object per row, its keys in the order of the columns.
    pub fn json(&self) -> String {
        let object = |row: &Vec<Cell>| -> IndexMap<String, Json> {
            self.columns.iter().map(|column| column.name.clone()).zip(row.iter().map(Cell::json)).collect()
        };
        let objects: Vec<_> = self.rows.iter().map(object).collect();
        serde_json::to_string_pretty(&objects).expect("cells are plain data") + "\n"
    }

    /// The width that every column would have where there is room.
    fn natural(&self, shown: &[Vec<String>]) -> Vec<usize> {
        let width = |at: usize| {
            let cells = shown.iter().map(|row| measure_text_width(&row[at]));
            let widest = self.columns[at].widest.unwrap_or(usize::MAX);
            let name = measure_text_width(&self.columns[at].name);
            cells.max().unwrap_or(0).min(widest.max(name)).max(name)
        };
        (0..self.columns.len()).map(width).collect()
    }

    /// The width of every column, nothing for a dropped one; and the names of the dropped.
    fn layout(&self, shown: &[Vec<String>], width: usize) -> (Vec<Option<usize>>, Vec<&str>) {
        let natural = self.natural(shown);
        let longest: Vec<usize> = (0..self.columns.len())
            .map(|at| shown.iter().map(|row| measure_text_width(&row[at])).max().unwrap_or(0))
            .collect();
        let narrowest = |at: usize, whole: bool| match self.columns[at].align {
            Align::Left if !(whole && self.columns[at].whole) => natural[at].min(NARROWEST),
            // A number that is cut would be another one.
            Align::Right if longest[at] > LONGEST_NUMBER => natural[at].min(LONGEST_NUMBER),
            _ => natural[at],
        };
        let mut kept: Vec<usize> = (0..self.columns.len()).collect();
        let needed = |kept: &[usize], whole: bool| {
            kept.iter().map(|at| narrowest(*at, whole)).sum::<usize>() + GAP * kept.len().saturating_sub(1)
        };
        while needed(&kept, true) > width {
            let last = |spare: bool| {
                kept.iter().rposition(|at| !self.columns[*at].keep && (self.columns[*at].spare || !spare))
            };
            let Some(last) = last(true).or_else(|| last(false)) else { break };
            // One column is better than none, however narrow the terminal.
            if kept.len() == 1 {
                break;
            }
            kept.remove(last);
        }
        let mut widths = vec![None; self.columns.len()];
        for at in &kept {
            widths[*at] = Some(narrowest(*at, false));
        }
        // Columns that are never dropped share what there is, however little.
        for _ in width..needed(&kept, false) {
            let is_text =
                |at: &&usize| self.columns[**at].align == Align::Left || longest[**at] > LONGEST_NUMBER;
            let widest = kept.iter().filter(is_text).max_by_key(|at| widths[**at]);
            let Some(width) = widest.and_then(|at| widths[*at].as_mut()).filter(|width| **width > LEAST)
            else {
                break;
            };
            *width -= 1;
        }
        let spare = width.saturating_sub(needed(&kept, false));
        let (whole, others): (Vec<usize>, Vec<usize>) = kept.iter().partition(|at| self.columns[**at].whole);
        let spare = share(spare, &whole, &natural, &mut widths);
        share(spare, &others, &natural, &mut widths);
        let dropped = (0..self.columns.len()).filter(|at| widths[*at].is_none());
        let dropped = dropped.map(|at| self.columns[at].name.as_str()).collect();
        (widths, dropped)
    }

    fn line(
        &self,
        text: &mut String,
        (widths, is_cut): (&[Option<usize>], bool),
        cells: &[String],
        style: impl Fn(usize) -> Option<Style>,
    ) {
        let mut line = String::new();
        // Spaces are written before the next cell, so that no line ends with them.
        let mut pending = 0;
        for (at, width) in widths.iter().enumerate() {
            let Some(width) = width else { continue };
            let column = &self.columns[at];
            let cell = match () {
                () if !is_cut && column.widest.is_none() => Cow::Borrowed(cells[at].as_str()),
                () if column.middle => cut_in_middle(&cells[at], *width),
                () => truncate_str(&cells[at], *width, "…"),
            };
            let padding = width.saturating_sub(measure_text_width(&cell));
            let (before, after) = if column.align == Align::Right { (padding, 0) } else { (0, padding) };
            if !cell.is_empty() {
                line.push_str(&" ".repeat(pending + before));
                match style(at) {
                    Some(style) => write!(line, "{}", style.apply_to(&cell)).expect("a String takes all"),
                    None => line.push_str(&cell),
                }
                pending = 0;
            } else {
                pending += before;
            }
            pending += after + GAP;
        }
        text.push_str(&line);
        text.push('\n');
    }

    fn footer(&self, text: &mut String, dropped: &[&str]) {
        if self.left_out > 0 {
            let rows = count_text(self.left_out, "more row");
            writeln!(text, "({rows} not shown)").expect("a String takes all");
        }
        if !dropped.is_empty() {
            let columns = count_text(dropped.len(), "column");
            let names = dropped.join(", ");
            writeln!(text, "({columns} not shown: {})", base::one_line(&names)).expect("a String takes all");
        }
    }
}

/// Widens columns to what they need, the least needy first, so that one long column takes no more than
/// its share from the others; what is left over comes back.
fn share(mut spare: usize, columns: &[usize], natural: &[usize], widths: &mut [Option<usize>]) -> usize {
    let lacks = |at: usize, widths: &[Option<usize>]| natural[at] - widths[at].unwrap_or(natural[at]);
    let mut order = columns.to_vec();
    order.sort_by_key(|at| lacks(*at, widths));
    for (done, at) in order.iter().enumerate() {
        let more = lacks(*at, widths).min(spare / (order.len() - done));
        spare -= more;
        widths[*at] = widths[*at].map(|width| width + more);
    }
    spare
}

/// A text of at most `width` columns of the terminal, both ends of a longer one with `…` between them.
pub fn cut_in_middle(text: &str, width: usize) -> Cow<'_, str> {
    if measure_text_width(text) <= width {
        return Cow::Borrowed(text);
    }
    let end_width = width.saturating_sub(1) / 2;
    let start = truncate_str(text, width.saturating_sub(end_width), "…");
    let characters: Vec<char> = text.chars().collect();
    let (mut from, mut taken) = (characters.len(), 0);
    while from > 0 {
        let more = measure_text_width(characters[from - 1].encode_utf8(&mut [0; 4]));
        if taken + more > end_width {
            break;
        }
        taken += more;
        from -= 1;
    }
    Cow::Owned(start.chars().chain(characters[from..].iter().copied()).collect())
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Good => Style::new().green(),
        Tone::Bad => Style::new().red(),
        Tone::Busy => Style::new().cyan(),
        Tone::Faint => Style::new().dim(),
    }
}

fn csv_field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = vec![
            Column::text("run").kept(),
            Column::text("name"),
            Column::number("best_acc"),
            Column::text("note"),
        ];
        let mut table = Table::new(columns);
        table.push(vec![
            Cell::text("a1"),
            Cell::text("größe-日本"),
            Cell::float(0.841_234_5),
            Cell::text("first, \"quoted\"\nsecond | third"),
        ]);
        table.push(vec![Cell::text("b2"), Cell::Toned(Tone::Bad, "x".into()), Cell::float(f64::NAN)]);
        table
    }

    #[test]
    fn aligned_by_what_is_seen() {
        let expected = "\
run  name        best_acc  note
a1   größe-日本   0.84123  first, \"quoted\"\\nsecond | third
b2   x                nan  -
";
        assert_eq!(table().text(None, false), expected);
    }

    #[test]
    fn a_narrow_terminal_cuts_then_drops_and_says_so() {
        let mut table = table();
        table.leave_out(7);
        let text = table.text(Some(40), false);
        assert_eq!(
            text,
            "\
run  name        best_acc  note
a1   größe-日本   0.84123  first, \"quot…
b2   x                nan  -
(7 more rows not shown)
"
        );
        let text = table.text(Some(30), false);
        assert!(
            text.ends_with(
                "b2   x                nan\n(7 more rows not shown)\n(1 column not shown: note)\n"
            ),
            "{text}"
        );
        for width in 0..80 {
            let text = table.text(Some(width), false);
            let body = text.lines().take_while(|line| !line.starts_with('('));
            assert!(
                body.into_iter().all(|line| measure_text_width(line) <= width.max(3)),
                "{width}:\n{text}"
            );
        }
    }

    #[test]
    fn a_path_is_cut_in_its_middle_and_the_size_stays() {
        let mut table = Table::new(vec![
            Column::text("path").kept().whole().cut_in_middle(),
            Column::number("size").kept(),
            Column::text("digest"),
        ]);
        let path = format!("images/{}日本.png", "x".repeat(300));
        table.push(vec![Cell::text(&path), Cell::Int(100), Cell::text("0123456789ab")]);
        table.push(vec![Cell::text("note"), Cell::Int(7), Cell::text("0123456789ab")]);
        for width in 20..200 {
            let text = table.text(Some(width), false);
            let rows = text.lines().take_while(|line| !line.starts_with('('));
            assert!(rows.into_iter().all(|row| measure_text_width(row) <= width), "{width}: {text}");
            assert!(
                text.contains('…') && text.contains("本.png  ") && text.contains(" 100\n"),
                "{width}: {text}"
            );
        }
        assert!(table.text(None, false).contains(&format!("{path}   100  0123456789ab\n")));
    }

    #[test]
    fn columns_that_are_never_dropped_share_a_narrow_terminal() {
        let names = ["field", "one", "other"];
        let mut table = Table::new(names.map(|name| Column::text(name).kept()).to_vec());
        table.push(names.map(|name| Cell::text(name.repeat(20))).to_vec());
        for width in 13..60 {
            let text = table.text(Some(width), false);
            assert!(text.lines().all(|line| measure_text_width(line) <= width), "{width}: {text}");
        }
        assert!(
            table.text(Some(20), false).contains("field…  oneo…  othe…\n"),
            "{}",
            table.text(Some(20), false)
        );
    }

    #[test]
    fn where_nothing_is_cut_one_long_cell_moves_no_other_row() {
        let mut table = Table::new(vec![Column::text("a"), Column::text("b"), Column::number("c")]);
        let long = "x".repeat(6000);
        table.push(vec![Cell::text("1"), Cell::text(&long), Cell::Int(2)]);
        table.push(vec![Cell::text("3"), Cell::text("4"), Cell::Int(5)]);
        let text = table.text(None, false);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[1], format!("1  {long}  2"));
        assert_eq!(rows[2], format!("3  4{}  5", " ".repeat(WIDEST_PADDED - 1)));
    }

    #[test]
    fn names_stay_whole_beside_long_values() {
        let columns = vec![
            Column::text("field").kept().whole(),
            Column::text("first").kept().at_most(30),
            Column::text("second").kept().at_most(30),
        ];
        let mut table = Table::new(columns);
        let field = "tags.pipe.restored_from";
        table.push(vec![Cell::text(field), Cell::text("a".repeat(2000)), Cell::text("b".repeat(40))]);
        for width in [Some(51), Some(80), None] {
            let text = table.text(width, false);
            assert!(text.lines().all(|line| measure_text_width(line) <= width.unwrap_or(87)), "{text}");
            assert!(text.contains(field), "{text}");
        }
        let row = table.text(Some(80), false).lines().nth(1).map(str::to_owned).expect("a row");
        let (a, b) = (row.matches('a').count(), row.matches('b').count());
        assert!(a.abs_diff(b) <= 4 && b > 20, "an equal share for each: {row}");
        assert!(table.csv().contains(&"a".repeat(2000)));
        // Narrower than the name alone: then the name gives way as well.
        let text = table.text(Some(30), false);
        assert!(
            text.contains("tags.pip") && text.lines().all(|line| measure_text_width(line) <= 30),
            "{text}"
        );
    }

    #[test]
    fn a_droppable_column_goes_before_a_name_is_cut() {
        let mut table = Table::new(vec![
            Column::text("file"),
            Column::text("key").kept().whole(),
            Column::number("value").kept(),
        ]);
        let key = "validation.per_class.accuracy.of_the_rarest_class";
        table.push(vec![Cell::text("results/metrics.json"), Cell::text(key), Cell::Int(1)]);
        let text = table.text(Some(60), false);
        assert!(text.contains(key) && text.contains("(1 column not shown: file)"), "{text}");
        let text = table.text(Some(75), false);
        assert!(text.contains(key) && text.contains("results/metrics.…"), "{text}");
    }

    #[test]
    fn digits_and_spare_columns_go_first() {
        let mut table = Table::new(vec![
            Column::text("id").kept(),
            Column::number("acc"),
            Column::number("loss").spare(),
            Column::text("start"),
        ]);
        let number = |value| Cell::number(value);
        let start = Cell::Time(base::Timestamp(1_700_000_000_000));
        table.push(vec![Cell::text("a"), number(0.841_234_567_8), number(123_456.0), start]);
        let text = |width| table.text(width, false);
        assert!(text(None).contains("0.8412345678  123456  20") && text(Some(80)) == text(None));
        let row = |width| text(Some(width)).lines().nth(1).map(str::to_owned).expect("a row");
        assert!(row(40).starts_with("a   0.841235  123456  20"), "{}", row(40));
        assert_eq!(row(40).matches(':').count(), 1, "no seconds: {}", row(40));
        assert!(row(30).starts_with("a   0.841235  20") && text(Some(30)).contains("not shown: loss"));
        assert!(table.csv().contains("0.8412345678,123456.0,"));
        let mut table = Table::new(vec![Column::number("last").kept(), Column::number("max")]);
        table.push(vec![number(0.841_234_567_8), number(0.841_234_567_8)]);
        assert!(
            table.text(Some(24), false).contains("0.8412345678  0.841235\n"),
            "a kept one keeps its digits"
        );
    }

    #[test]
    fn texts_where_numbers_are_expected_are_cut_and_numbers_are_not() {
        let mut table = Table::new(vec![Column::text("id").kept(), Column::number("param").kept()]);
        table.push(vec![Cell::text("a"), Cell::text("x".repeat(3000))]);
        table.push(vec![Cell::text("b"), Cell::value((-1.234_567_890_123_456_7e-308).into())]);
        for width in [40, 80] {
            let text = table.text(Some(width), false);
            assert!(text.lines().all(|line| measure_text_width(line) <= width), "{text}");
            assert!(text.contains("xxx…") && text.contains("-1.2345678901234567e-308"), "{text}");
        }
    }

    #[test]
    fn a_map_is_an_object_in_json() {
        let mut table = Table::new(vec![Column::text("aliases")]);
        table.push(vec![Cell::Map(vec![("a".into(), 1_i64.into()), ("b".into(), 2_i64.into())])]);
        assert_eq!(table.text(None, false), "aliases\na=1, b=2\n");
        let json: Json = serde_json::from_str(&table.json()).expect("JSON");
        assert_eq!(json[0]["aliases"], serde_json::json!({"a": 1, "b": 2}));
    }

    #[test]
    fn colour_changes_no_width() {
        let plain = table().text(Some(60), false);
        let coloured = table().text(Some(60), true);
        assert!(coloured.contains("\u{1b}[31mx\u{1b}[0m"));
        assert_eq!(console::strip_ansi_codes(&coloured), plain);
    }

    #[test]
    fn data_cannot_speak_to_the_terminal() {
        let mut table = Table::new(vec![Column::text("a\u{1b}[2J")]);
        table.push(vec![Cell::text("x\u{1b}]0;title\u{7}\t\u{202e}")]);
        assert!(!table.text(None, false).contains(['\u{1b}', '\u{7}', '\t', '\u{202e}']));
        assert!(!table.markdown().contains(['\u{1b}', '\u{7}', '\t']));
    }

    #[test]
    fn markdown_csv_and_json_are_complete() {
        let expected = "\
| run | name | best_acc | note |
| --- | --- | ---: | --- |
| a1 | größe-日本 | 0.84123 | first, \"quoted\"\\\\nsecond \\| third |
| b2 | x | nan | - |
";
        assert_eq!(table().markdown(), expected);
        let expected = "run,name,best_acc,note\n\
            a1,größe-日本,0.8412345,\"first, \"\"quoted\"\"\nsecond | third\"\nb2,x,nan,\n";
        assert_eq!(table().csv(), expected);
        let json: Json = serde_json::from_str(&table().json()).expect("JSON");
        assert_eq!(json[0]["best_acc"], 0.841_234_5);
        assert_eq!((&json[1]["best_acc"], &json[1]["note"]), (&Json::from("NaN"), &Json::Null));
        let keys: Vec<usize> = ["run", "name", "best_acc", "note"]
            .iter()
            .map(|key| table().json().find(&format!("\"{key}\"")).expect("there"))
            .collect();
        assert!(keys.is_sorted());
    }
}
