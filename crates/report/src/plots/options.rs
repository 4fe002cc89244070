//! How a plot is to be drawn, as a pipeline file or a command line says it.

use base::Value;
use indexmap::IndexMap;

/// The shape of a plot. The names are DVC's; a template of the user's own is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Template {
    /// A line through the points, which are marked.
    #[default]
    Linear,
    /// A line alone.
    Simple,
    /// A smoothed line, and the points faintly behind it.
    Smooth,
    /// Points.
    Scatter,
    /// How often each pair of classes occurs.
    Confusion,
    /// The same as a share of all rows with the same `y`.
    ConfusionNormalized,
    /// A bar for each row, from left to right, in the order of the file.
    BarHorizontal,
    /// The same, the longest bar first.
    BarHorizontalSorted,
}

impl Template {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Template; 8] = [
        Template::Linear,
        Template::Smooth,
        Template::Scatter,
        Template::Confusion,
        Template::ConfusionNormalized,
        Template::BarHorizontal,
        Template::BarHorizontalSorted,
        Template::Simple,
    ];

    /// Its name in pipeline files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Template::Linear => "linear",
            Template::Simple => "simple",
            Template::Smooth => "smooth",
            Template::Scatter => "scatter",
            Template::Confusion => "confusion",
            Template::ConfusionNormalized => "confusion_normalized",
            Template::BarHorizontal => "bar_horizontal",
            Template::BarHorizontalSorted => "bar_horizontal_sorted",
        }
    }

    /// The template of a name.
    pub fn from_name(name: &str) -> Option<Template> {
        Template::ALL.into_iter().find(|template| template.name() == name)
    }

    /// Whether it counts pairs of classes.
    pub fn is_confusion(self) -> bool {
        matches!(self, Template::Confusion | Template::ConfusionNormalized)
    }

    /// Whether it draws a bar for each row.
    pub fn is_bars(self) -> bool {
        matches!(self, Template::BarHorizontal | Template::BarHorizontalSorted)
    }
}

/// What is said about a plot. What is not said is chosen by looking at the data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlotOptions {
    /// The shape; linear when not said.
    pub template: Option<Template>,
    /// The column along the horizontal axis; the row's number when not said.
    pub x: Option<String>,
    /// The columns along the vertical axis; the last one that holds numbers when empty.
    pub y: Vec<String>,
    /// The heading; the file's path when not said.
    pub title: Option<String>,
    /// What the horizontal axis is called; the column's name when not said.
    pub x_label: Option<String>,
    /// What the vertical axis is called; the column's name when not said.
    pub y_label: Option<String>,
    /// Whether the first row of CSV and TSV names the columns; yes when not said. Without, they are called
    /// `0`, `1`, and so on.
    pub header: Option<bool>,
}

impl PlotOptions {
    /// The options of a plots out as a pipeline file writes them: `template`, `x`, `y` (one or a list),
    /// `title`, `x_label`, `y_label`, `header`. The one place that knows these names.
    ///
    /// An option whose value cannot be used is left out, and a sentence tells which and why.
    pub fn from_map(map: &IndexMap<String, Value>) -> (PlotOptions, Vec<String>) {
        let mut options = PlotOptions::default();
        let mut faults = Vec::new();
        for (key, value) in map {
            let text = || scalar_text(value);
            let used = match key.as_str() {
                "template" => {
                    options.template = text().and_then(|name| Template::from_name(&name));
                    options.template.is_some()
                }
                "x" => put(&mut options.x, text()),
                "title" => put(&mut options.title, text()),
                "x_label" => put(&mut options.x_label, text()),
                "y_label" => put(&mut options.y_label, text()),
                "y" => {
                    options.y = match value {
                        Value::List(items) => items.iter().filter_map(scalar_text).collect(),
                        _ => text().into_iter().collect(),
                    };
                    !options.y.is_empty()
                }
                "header" => {
                    options.header = if let Value::Bool(truth) = value { Some(*truth) } else { None };
                    options.header.is_some()
                }
                // Other keys of an out are no business of plots.
                _ => true,
            };
            if !used {
                faults.push(match key.as_str() {
                    "template" => format!("there is no template `{value}`; there are {}", names()),
                    "header" => format!("`header` is `{value}`; expected true or false"),
                    _ => format!("`{key}` is {}; expected a text", value.type_name()),
                });
            }
        }
        (options, faults)
    }

    /// These options, and `declared` where they say nothing.
    #[must_use]
    pub fn or(self, declared: PlotOptions) -> PlotOptions {
        PlotOptions {
            template: self.template.or(declared.template),
            x: self.x.or(declared.x),
            y: if self.y.is_empty() { declared.y } else { self.y },
            title: self.title.or(declared.title),
            x_label: self.x_label.or(declared.x_label),
            y_label: self.y_label.or(declared.y_label),
            header: self.header.or(declared.header),
        }
    }
}

fn names() -> String {
    Template::ALL.map(Template::name).join(", ")
}

fn put(place: &mut Option<String>, text: Option<String>) -> bool {
    *place = text;
    place.is_some()
}

/// A column may be called `0`, which YAML reads as a number.
fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) | Value::Date(text) => Some(text.clone()),
        Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) | Value::Pairs(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> (PlotOptions, Vec<String>) {
        PlotOptions::from_map(&serde_json::from_str(json).expect("JSON"))
    }

    #[test]
    fn options_as_pipeline_files_write_them() {
        let (options, faults) = read(
            r#"{"template": "smooth", "x": "epoch", "y": ["loss", 1], "title": "T", "x_label": "X",
                "y_label": "Y", "header": false, "cache": true}"#,
        );
        assert_eq!(faults, Vec::<String>::new());
        let expected = PlotOptions {
            template: Some(Template::Smooth),
            x: Some("epoch".into()),
            y: vec!["loss".into(), "1".into()],
            title: Some("T".into()),
            x_label: Some("X".into()),
            y_label: Some("Y".into()),
            header: Some(false),
        };
        assert_eq!(options, expected);
        assert_eq!(read(r#"{"y": "loss"}"#).0.y, ["loss"]);
    }

    #[test]
    fn options_that_cannot_be_used_are_told() {
        let (options, faults) =
            read(r#"{"template": "mine", "header": "no", "x": {"a": "b"}, "title": "T"}"#);
        assert_eq!(options, PlotOptions { title: Some("T".into()), ..PlotOptions::default() });
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with("there is no template `mine`; there are linear, "), "{faults:?}");
        assert_eq!(faults[1], "`header` is `no`; expected true or false");
        assert_eq!(faults[2], "`x` is a map; expected a text");
    }

    #[test]
    fn flags_go_before_what_is_declared() {
        let (flags, _) = read(r#"{"y": "a", "title": "flag"}"#);
        let (declared, _) = read(r#"{"y": ["b", "c"], "x": "e", "title": "declared"}"#);
        let both = flags.or(declared);
        assert_eq!((both.y, both.x, both.title), (vec!["a".into()], Some("e".into()), Some("flag".into())));
    }
}
