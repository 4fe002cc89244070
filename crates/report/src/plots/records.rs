//! The rows that a plot is drawn from, column by column, from whichever format they came.

use base::Value;
use indexmap::IndexMap;

use crate::flatten;

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// No value: an empty cell, a null, a field that other records have.
    Missing,
    /// A number, NaN and infinities included.
    Number(f64),
    /// Anything else.
    Text(String),
}

/// Why bytes hold no rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordsFault {
    /// Where in the file, from 1; `None` when it concerns no place.
    pub line: Option<u64>,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
}

impl RecordsFault {
    fn new(line: Option<u64>, message: impl Into<String>) -> Self {
        RecordsFault { line, message: message.into() }
    }
}

/// Rows as columns. All columns are equally long.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    columns: IndexMap<String, Vec<Datum>>,
    rows: usize,
}

impl Records {
    /// Reads CSV (`,`), TSV (tab) or the like. Without a header the columns are called `0`, `1`, and so on.
    ///
    /// # Errors
    /// When a row has another number of cells than the first, a column's name comes twice, the text is not
    /// UTF-8, or there is no row.
    pub fn from_delimited(bytes: &[u8], delimiter: u8, header: bool) -> Result<Records, RecordsFault> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(header)
            .trim(csv::Trim::All)
            .from_reader(bytes);
        let mut columns: IndexMap<String, Vec<Datum>> = IndexMap::new();
        if header {
            for name in reader.headers().map_err(|fault| csv_fault(&fault))? {
                if columns.insert(name.to_owned(), Vec::new()).is_some() {
                    return Err(RecordsFault::new(Some(1), format!("the column `{name}` comes twice")));
                }
            }
        }
        let mut rows = 0;
        for record in reader.records() {
            let record = record.map_err(|fault| csv_fault(&fault))?;
            if columns.is_empty() {
                columns = (0..record.len()).map(|at| (at.to_string(), Vec::new())).collect();
            }
            for (column, cell) in columns.values_mut().zip(&record) {
                column.push(Datum::from_cell(cell));
            }
            rows += 1;
        }
        if rows == 0 {
            return Err(RecordsFault::new(None, "it holds no row"));
        }
        Ok(Records { columns, rows })
    }

    /// Reads what JSON or YAML hold: a list of records, or the first such list anywhere in a map, one with the
    /// fields `wanted` before others. Maps in a record are fields with dotted names.
    ///
    /// # Errors
    /// When there is no list of records.
    pub fn from_value(value: &Value, wanted: &[&str]) -> Result<Records, RecordsFault> {
        let mut lists = Vec::new();
        record_lists(value, &mut lists);
        let has_all = |list: &&[Value]| {
            wanted.iter().all(|field| list.iter().any(|record| record.get(field).is_some()))
        };
        let list = lists.iter().copied().find(has_all).or_else(|| lists.first().copied());
        let list = list.ok_or_else(|| {
            RecordsFault::new(None, "it holds no list of records (maps from a name to a value)")
        })?;
        let mut columns: IndexMap<String, Vec<Datum>> = IndexMap::new();
        for (row, record) in list.iter().enumerate() {
            for (name, value) in flatten(record) {
                let column = columns.entry(name).or_default();
                column.resize(row, Datum::Missing);
                column.push(Datum::from_value(&value));
            }
        }
        for column in columns.values_mut() {
            column.resize(list.len(), Datum::Missing);
        }
        Ok(Records { columns, rows: list.len() })
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The names of the columns, in the order of the file.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&[Datum]> {
        self.columns.get(name).map(Vec::as_slice)
    }
}

impl Datum {
    fn from_cell(cell: &str) -> Datum {
        if cell.is_empty() {
            return Datum::Missing;
        }
        cell.parse().map_or_else(|_| Datum::Text(cell.to_owned()), Datum::Number)
    }

    fn from_value(value: &Value) -> Datum {
        match value {
            Value::Null => Datum::Missing,
            // Python's writers of strict JSON put NaN and infinities, and some all numbers, into quotes.
            Value::Str(text) => Datum::from_cell(text.trim()),
            value => value.as_f64().map_or_else(|| Datum::Text(value.to_string()), Datum::Number),
        }
    }

    /// The number; NaN for everything else.
    pub fn number(&self) -> f64 {
        if let Datum::Number(number) = self { *number } else { f64::NAN }
    }

    /// What it is called as a class or category.
    pub fn label(&self) -> String {
        match self {
            Datum::Missing => "-".to_owned(),
            // Fifteen digits: what people wrote reads back, and 1.0 is called 1.
            Datum::Number(number) => crate::float_text(*number, 15),
            Datum::Text(text) => text.clone(),
        }
    }
}

/// Every list of maps in a value, outer ones first.
fn record_lists<'a>(value: &'a Value, lists: &mut Vec<&'a [Value]>) {
    match value {
        Value::List(items) if !items.is_empty() && items.iter().all(|item| item.as_map().is_some()) => {
            lists.push(items);
        }
        Value::Map(map) => map.values().for_each(|value| record_lists(value, lists)),
        _ => {}
    }
}

fn csv_fault(fault: &csv::Error) -> RecordsFault {
    let line = fault.position().map(csv::Position::line);
    match fault.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            RecordsFault::new(line, format!("expected {expected_len} cells as in the first row, found {len}"))
        }
        csv::ErrorKind::Utf8 { .. } => RecordsFault::new(line, "it is not UTF-8 text"),
        _ => RecordsFault::new(line, fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str) -> Result<Records, RecordsFault> {
        Records::from_delimited(text.as_bytes(), b',', true)
    }

    fn json(text: &str, wanted: &[&str]) -> Result<Records, RecordsFault> {
        Records::from_value(&serde_json::from_str(text).expect("JSON"), wanted)
    }

    fn numbers(records: &Records, column: &str) -> Vec<f64> {
        records.column(column).expect("the column").iter().map(Datum::number).collect()
    }

    #[test]
    fn csv_and_tsv() {
        let records = csv("\u{feff}epoch, loss,name\n1,0.5,\"a, b\"\n2,NaN,\n3,-inf,7\n").expect("rows");
        assert_eq!(records.names().collect::<Vec<_>>(), ["epoch", "loss", "name"]);
        assert_eq!(numbers(&records, "epoch"), [1.0, 2.0, 3.0]);
        let loss = numbers(&records, "loss");
        assert!(loss[0] == 0.5 && loss[1].is_nan() && loss[2] == f64::NEG_INFINITY, "{loss:?}");
        let name = [Datum::Text("a, b".into()), Datum::Missing, Datum::Number(7.0)];
        assert_eq!(records.column("name"), Some(&name[..]));
        let tabs = Records::from_delimited(b"1\t2\n3\t4\n", b'\t', false).expect("rows");
        assert_eq!((tabs.rows(), numbers(&tabs, "1")), (2, vec![2.0, 4.0]));
    }

    #[test]
    fn faults_of_csv_name_the_line() {
        for (text, line, message) in [
            ("a,b\n1,2\n3\n", Some(3), "expected 2 cells as in the first row, found 1"),
            ("a,a\n1,2\n", Some(1), "the column `a` comes twice"),
            ("a,b\n", None, "it holds no row"),
            ("", None, "it holds no row"),
        ] {
            assert_eq!(csv(text), Err(RecordsFault::new(line, message)), "{text:?}");
        }
        let bytes = Records::from_delimited(b"a\n1\n\xff\n", b',', true);
        assert_eq!(bytes, Err(RecordsFault::new(Some(3), "it is not UTF-8 text")));
    }

    #[test]
    fn lists_of_records() {
        let list = r#"[{"a": 1, "in": {"b": "x"}}, {"a": null, "c": true}, {"a": "2.5"}]"#;
        let records = json(list, &[]).expect("rows");
        assert_eq!(records.names().collect::<Vec<_>>(), ["a", "in.b", "c"]);
        let a = numbers(&records, "a");
        assert!(a[0] == 1.0 && a[1].is_nan() && a[2] == 2.5, "{a:?}");
        assert_eq!(records.column("in.b").map(<[Datum]>::len), Some(3));
        assert_eq!(records.column("c").map(|c| c[1].clone()), Some(Datum::Text("true".into())));
    }

    #[test]
    fn the_list_in_a_map_with_the_fields_that_are_wanted() {
        let map = r#"{"n": 1, "first": [{"a": 1}], "deep": {"second": [{"b": 2}, {"b": 3}]}}"#;
        assert_eq!(json(map, &[]).expect("rows").rows(), 1);
        assert_eq!(numbers(&json(map, &["b"]).expect("rows"), "b"), [2.0, 3.0]);
        assert!(json(map, &["zzz"]).expect("rows").column("a").is_some());
        for none in ["3", "[]", "[1, 2]", r#"{"a": {"b": []}}"#] {
            assert!(json(none, &[]).is_err(), "{none}");
        }
    }

    #[test]
    fn labels() {
        assert_eq!(Datum::Number(3.0).label(), "3");
        assert_eq!(Datum::Number(0.1).label(), "0.1");
        assert_eq!(Datum::Missing.label(), "-");
    }
}
