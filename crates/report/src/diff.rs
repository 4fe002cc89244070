//! What changed between two sets of params or metrics: `params diff`, `metrics diff`.
//!
//! Decides by value and type (1 and 1.0 differ); where the two sides come from is not known here.

use base::Value;
use indexmap::{IndexMap, IndexSet};
use serde_json::Value as Json;

use crate::cell::{PRECISION, json_float, json_value};
use crate::{Cell, Column, Table};

/// One side of a diff: by file, the values by dotted key (see [`flatten`]).
pub type DiffSide = IndexMap<String, IndexMap<String, Value>>;

/// Two sides compared, key by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// All keys of both sides, unchanged ones included; new side first, then what only the old one has.
    pub rows: Vec<DiffRow>,
}

/// One key of one file. At least one side is there.
#[derive(Clone, Debug, PartialEq)]
pub struct DiffRow {
    /// The file.
    pub file: String,
    /// The dotted key.
    pub key: String,
    /// The old value; nothing where the key was added.
    pub old: Option<Value>,
    /// The new value; nothing where the key was removed.
    pub new: Option<Value>,
}

/// What of a diff is shown, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffOptions {
    /// Unchanged keys too.
    pub all: bool,
    /// Significant digits of floats for people; CSV and JSON are exact.
    pub precision: usize,
}

impl Default for DiffOptions {
    fn default() -> Self {
        DiffOptions { all: false, precision: PRECISION }
    }
}

impl DiffRow {
    /// Whether the sides differ.
    pub fn is_changed(&self) -> bool {
        self.old != self.new
    }

    /// New less old, where both are numbers: whole when both are whole.
    pub fn delta(&self) -> Option<Value> {
        let (old, new) = (self.old.as_ref()?, self.new.as_ref()?);
        if let (Value::Int(old), Value::Int(new)) = (old, new) {
            return new.checked_sub(*old).map(Value::Int);
        }
        Some(Value::Float(new.as_f64()? - old.as_f64()?))
    }
}

impl Diff {
    /// Compares two sides.
    pub fn new(old: &DiffSide, new: &DiffSide) -> Diff {
        let files: IndexSet<&String> = new.keys().chain(old.keys()).collect();
        let none = IndexMap::new();
        let rows = files.into_iter().flat_map(|file| {
            let (old, new) = (old.get(file).unwrap_or(&none), new.get(file).unwrap_or(&none));
            let keys: IndexSet<&String> = new.keys().chain(old.keys()).collect();
            let row = |key: &String| DiffRow {
                file: file.clone(),
                key: key.clone(),
                old: old.get(key).cloned(),
                new: new.get(key).cloned(),
            };
            keys.into_iter().map(row).collect::<Vec<_>>()
        });
        Diff { rows: rows.collect() }
    }

    /// Whether anything differs.
    pub fn is_changed(&self) -> bool {
        self.rows.iter().any(DiffRow::is_changed)
    }

    /// The rows to be shown as a table: file, key, old, new, and the change of numbers if there is one.
    pub fn table(&self, options: DiffOptions) -> Table {
        let has_delta = self.shown(options).any(|row| row.delta().is_some());
        let mut columns = vec![
            Column::text("file"),
            Column::text("key").kept().whole(),
            Column::number("old").kept(),
            Column::number("new").kept(),
        ];
        if has_delta {
            columns.push(Column::number("diff"));
        }
        let mut table = Table::new(columns);
        let precision = options.precision;
        let side = |value: &Option<Value>| match value {
            Some(value) => Cell::Value { value: value.clone(), precision },
            None => Cell::Missing,
        };
        for row in self.shown(options) {
            let delta = match row.delta() {
                Some(Value::Int(delta)) if delta.unsigned_abs() < 1 << 53 => {
                    // Whole differences are shown whole, however many digits that takes.
                    Cell::Delta { value: delta as f64, precision: 17 }
                }
                Some(delta) => Cell::Delta { value: delta.as_f64().unwrap_or(f64::NAN), precision },
                None => Cell::Missing,
            };
            table.push(vec![
                Cell::text(&row.file),
                Cell::text(&row.key),
                side(&row.old),
                side(&row.new),
                delta,
            ]);
        }
        table
    }

    /// `{FILE: {KEY: {"old": …, "new": …, "diff": …}}}` with dotted keys; a side that is missing is null,
    /// and `diff` stands only where both sides are numbers. Nothing to show is `{}`.
    pub fn json(&self, options: DiffOptions) -> String {
        let mut files: IndexMap<&str, IndexMap<&str, IndexMap<&str, Json>>> = IndexMap::new();
        for row in self.shown(options) {
            let side = |value: &Option<Value>| value.as_ref().map_or(Json::Null, json_value);
            let mut entry = IndexMap::from([("old", side(&row.old)), ("new", side(&row.new))]);
            match row.delta() {
                Some(Value::Float(delta)) => entry.insert("diff", json_float(delta)),
                Some(delta) => entry.insert("diff", json_value(&delta)),
                None => None,
            };
            files.entry(&row.file).or_default().insert(&row.key, entry);
        }
        serde_json::to_string_pretty(&files).expect("values are plain data") + "\n"
    }

    fn shown(&self, options: DiffOptions) -> impl Iterator<Item = &DiffRow> {
        self.rows.iter().filter(move |row| options.all || row.is_changed())
    }
}

/// The leaves of a value by dotted key: `{train: {lr: 0.1}}` is `train.lr`. Lists are leaves, and so are
/// empty maps, which would leave no trace otherwise. A value that is no map has the empty key.
pub fn flatten(value: &Value) -> IndexMap<String, Value> {
    let mut leaves = IndexMap::new();
    collect(value, String::new(), &mut leaves);
    leaves
}

fn collect(value: &Value, path: String, leaves: &mut IndexMap<String, Value>) {
    match value {
        Value::Map(map) if !map.is_empty() => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, path, leaves);
            }
        }
        leaf => {
            leaves.insert(path, leaf.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(json: &str) -> DiffSide {
        let value: Value = serde_json::from_str(json).expect("JSON");
        IndexMap::from([("params.yaml".to_owned(), flatten(&value))])
    }

    fn diff() -> Diff {
        let old = side(
            r#"{"train": {"lr": 0.1, "epochs": 10, "opt": "sgd"}, "gone": [1, 2], "same": true, "n": 1}"#,
        );
        let new = side(
            r#"{"train": {"lr": 0.0123456789, "epochs": 30, "opt": "adam"}, "same": true, "n": 1.0, "fresh": {}}"#,
        );
        Diff::new(&old, &new)
    }

    #[test]
    fn rows_say_what_changed() {
        let expected = "\
file         key             old       new       diff
params.yaml  train.lr        0.1  0.012346  -0.087654
params.yaml  train.epochs     10        30        +20
params.yaml  train.opt       sgd      adam          -
params.yaml  n                 1       1.0          0
params.yaml  fresh             -        {}          -
params.yaml  gone          [1,2]         -          -
";
        assert_eq!(diff().table(DiffOptions::default()).text(None, false), expected);
        let all = diff().table(DiffOptions { all: true, precision: 2 }).csv();
        assert!(all.contains("params.yaml,same,true,true,\n"), "{all}");
    }

    #[test]
    fn json_has_the_shape_that_scripts_read() {
        let json: Json = serde_json::from_str(&diff().json(DiffOptions::default())).expect("JSON");
        let expected = serde_json::json!({"params.yaml": {
            "train.lr": {"old": 0.1, "new": 0.012_345_678_9, "diff": 0.012_345_678_9 - 0.1},
            "train.epochs": {"old": 10, "new": 30, "diff": 20},
            "train.opt": {"old": "sgd", "new": "adam"},
            "n": {"old": 1, "new": 1.0, "diff": 0.0},
            "fresh": {"old": null, "new": {}},
            "gone": {"old": [1, 2], "new": null},
        }});
        assert_eq!(json, expected);
        assert_eq!(Diff::new(&side("{}"), &side("{}")).json(DiffOptions::default()), "{}\n");
    }

    #[test]
    fn a_side_against_itself_has_no_changes() {
        let side = side(r#"{"a": {"b": [1, {"c": null}]}, "d": 1e300}"#);
        let diff = Diff::new(&side, &side);
        assert!(!diff.is_changed() && diff.rows.len() == 2);
        assert!(diff.table(DiffOptions::default()).is_empty());
    }

    #[test]
    fn one_sided_files_are_all_added_or_removed() {
        let diff = Diff::new(&DiffSide::new(), &side(r#"{"a": 1}"#));
        assert_eq!((diff.rows[0].old.as_ref(), diff.rows[0].new.as_ref()), (None, Some(&Value::Int(1))));
    }
}
