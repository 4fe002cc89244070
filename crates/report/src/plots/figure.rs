//! What is drawn: which columns, which traces, which cells. All drawings come from here, so that they agree.

use indexmap::{IndexMap, IndexSet};

use super::smooth::smoothed;
use super::{Datum, Image, PlotOptions, Records, Template};

/// Beyond so many classes nobody can read a confusion matrix; more likely the column holds no classes.
const MOST_CLASSES: usize = 100;

/// Beyond so many bars likewise.
const MOST_BARS: usize = 1000;

/// One plot file with its content in each state of the project.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// The file's path.
    pub name: String,
    /// How it is to be drawn.
    pub options: PlotOptions,
    /// At least one, in the order of the revisions.
    pub parts: Vec<Part>,
}

/// A plot file in one state of the project.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The state's name.
    pub revision: String,
    /// What the file held.
    pub content: Content,
}

/// What a plot file held.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// Rows to draw from.
    Records(Records),
    /// An image to show.
    Image(Image),
}

/// A plot decided: everything that a drawing needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The file's path.
    pub name: String,
    /// The heading.
    pub title: String,
    /// What the horizontal axis is called.
    pub x_label: String,
    /// What the vertical axis is called; empty when the traces differ in it.
    pub y_label: String,
    /// What is drawn.
    pub shape: Shape,
    /// What the reader should know, such as a column that one revision does not have.
    pub notes: Vec<String>,
}

/// The kinds of drawings.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Lines or points.
    Series(Series),
    /// Horizontal bars.
    Bars(Bars),
    /// Matrices of how often classes meet.
    Confusion(Confusion),
    /// Images by revision.
    Images(Vec<(String, Image)>),
}

/// Lines or points over a common horizontal axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Linear, simple, smooth or scatter.
    pub template: Template,
    /// The names along the horizontal axis where it holds no numbers; `x` is then a position in this list.
    pub categories: Option<Vec<String>>,
    /// One for each revision and column.
    pub traces: Vec<Trace>,
}

/// One line, or one set of points.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What the legend calls it.
    pub name: String,
    /// The state it comes from.
    pub revision: String,
    /// The column along the vertical axis.
    pub column: String,
    /// Which colour it has: that of its revision; where there is only one, that of its column.
    pub color: usize,
    /// Which dashes or marks it has: those of its column, where colours tell revisions.
    pub dash: usize,
    /// `x` is finite, `y` is NaN where there is a gap. In the order of the file.
    pub points: Vec<(f64, f64)>,
    /// The line through the points, for the template `smooth` alone; ascending in `x`.
    pub smooth: Vec<(f64, f64)>,
}

/// Horizontal bars: for each category one of each trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// From top to bottom.
    pub categories: Vec<String>,
    /// Name, colour, and a length for each category; NaN where there is no bar.
    pub traces: Vec<(String, usize, Vec<f64>)>,
}

/// Matrices of how often classes meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Confusion {
    /// From left to right, and from top to bottom.
    pub classes: Vec<String>,
    /// Whether cells are shares of their row instead of counts.
    pub normalized: bool,
    /// One for each revision.
    pub matrices: Vec<Matrix>,
}

/// How often classes meet in one state.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The state.
    pub revision: String,
    /// A row for each class along the vertical axis, in it a cell for each along the horizontal one.
    pub cells: Vec<Vec<f64>>,
}

impl Figure {
    /// Whether it shows something that `name` tells apart: a legend is needed.
    pub fn has_legend(&self) -> bool {
        match &self.shape {
            Shape::Series(series) => series.traces.len() > 1,
            Shape::Bars(bars) => bars.traces.len() > 1,
            Shape::Confusion(_) | Shape::Images(_) => false,
        }
    }
}

/// Decides how a plot is drawn. `revisions` are all states of the page, for the colours.
///
/// # Errors
/// When the data does not hold what the options ask for, in any state.
pub fn figure(plot: &Plot, revisions: &[String]) -> Result<Figure, String> {
    let mut tables = Vec::new();
    let mut images = Vec::new();
    for part in &plot.parts {
        match &part.content {
            Content::Records(records) => tables.push((part.revision.as_str(), records)),
            Content::Image(image) => images.push((part.revision.clone(), image.clone())),
        }
    }
    let options = &plot.options;
    let mut figure = Figure {
        name: plot.name.clone(),
        title: options.title.clone().unwrap_or_else(|| plot.name.clone()),
        x_label: String::new(),
        y_label: String::new(),
        shape: Shape::Images(Vec::new()),
        notes: Vec::new(),
    };
    let template = options.template.unwrap_or_default();
    let sides = Sides { tables, revisions };
    figure.shape = if !images.is_empty() {
        Shape::Images(images)
    } else if template.is_confusion() {
        confusion(&sides, template, options, &mut figure)?
    } else if template.is_bars() {
        bars(&sides, template, options, &mut figure)?
    } else {
        series(&sides, template, options, &mut figure)?
    };
    if let Some(label) = &options.x_label {
        figure.x_label.clone_from(label);
    }
    if let Some(label) = &options.y_label {
        figure.y_label.clone_from(label);
    }
    Ok(figure)
}

/// The tables of a plot by revision, and all revisions of the page.
struct Sides<'a> {
    tables: Vec<(&'a str, &'a Records)>,
    revisions: &'a [String],
}

impl<'a> Sides<'a> {
    /// The column of a name in each state that has it; what others lack becomes a note.
    fn column(&self, name: &str, notes: &mut Vec<String>) -> Result<Vec<Option<&'a [Datum]>>, String> {
        let columns: Vec<_> = self.tables.iter().map(|(_, records)| records.column(name)).collect();
        if columns.iter().all(Option::is_none) {
            let known: IndexSet<&str> = self.tables.iter().flat_map(|(_, records)| records.names()).collect();
            let known: Vec<&str> = known.into_iter().collect();
            return Err(format!("there is no column `{name}`; there are {}", known.join(", ")));
        }
        for ((revision, _), column) in self.tables.iter().zip(&columns) {
            let note = format!("{revision} has no column `{name}`");
            if column.is_none() && !notes.contains(&note) {
                notes.push(note);
            }
        }
        Ok(columns)
    }

    /// The newest table: what is not said is decided by it.
    fn newest(&self) -> Result<&'a Records, String> {
        self.tables.last().map(|(_, records)| *records).ok_or_else(|| "it holds nothing".to_owned())
    }

    fn color(&self, revision: &str) -> usize {
        self.revisions.iter().position(|other| other == revision).unwrap_or(0)
    }

    /// The name of a trace: what tells it apart from the others.
    fn name(&self, revision: &str, column: &str, columns: usize) -> String {
        match (self.revisions.len() > 1, columns > 1) {
            (true, true) => format!("{revision}: {column}"),
            (true, false) => revision.to_owned(),
            (false, _) => column.to_owned(),
        }
    }
}

fn is_numeric(column: &[Datum]) -> bool {
    let mut values = column.iter().filter(|datum| **datum != Datum::Missing).peekable();
    values.peek().is_some() && values.all(|datum| matches!(datum, Datum::Number(_)))
}

/// The last column that holds numbers, besides one that is used otherwise.
fn last_numeric(records: &Records, except: Option<&str>) -> Option<String> {
    let numeric = |name: &&str| records.column(name).is_some_and(is_numeric);
    records.names().rev().filter(|name| Some(*name) != except).find(numeric).map(str::to_owned)
}

fn series(
    sides: &Sides<'_>,
    template: Template,
    options: &PlotOptions,
    figure: &mut Figure,
) -> Result<Shape, String> {
    let newest = sides.newest()?;
    let columns = if options.y.is_empty() {
        let last = last_numeric(newest, options.x.as_deref());
        vec![last.ok_or_else(|| "no column holds numbers".to_owned())?]
    } else {
        options.y.clone()
    };
    let xs = match &options.x {
        Some(name) => Some(sides.column(name, &mut figure.notes)?),
        None => None,
    };
    let mut categories: Option<IndexMap<String, f64>> = None;
    if let Some(xs) = &xs
        && !xs.iter().flatten().all(|column| is_numeric(column))
    {
        let mut found = IndexMap::new();
        for label in xs.iter().flatten().flat_map(|column| column.iter().map(Datum::label)) {
            let next = found.len() as f64;
            found.entry(label).or_insert(next);
        }
        categories = Some(found);
    }
    let several = sides.revisions.len() > 1;
    let mut traces = Vec::new();
    for (at, name) in columns.iter().enumerate() {
        let ys = sides.column(name, &mut figure.notes)?;
        if !ys.iter().flatten().any(|column| column.iter().any(|datum| !datum.number().is_nan())) {
            return Err(format!("the column `{name}` holds no number"));
        }
        for (side, (revision, _)) in sides.tables.iter().enumerate() {
            let Some(y) = ys[side] else { continue };
            let x: Vec<f64> = match &xs {
                None => (0..y.len()).map(|row| row as f64).collect(),
                Some(xs) => {
                    let Some(column) = xs[side] else { continue };
                    let place = |datum: &Datum| match &categories {
                        Some(categories) => categories[&datum.label()],
                        None => datum.number(),
                    };
                    column.iter().map(place).collect()
                }
            };
            let points = x.into_iter().zip(y.iter().map(Datum::number));
            let points: Vec<_> = points.filter(|(x, _)| x.is_finite()).collect();
            traces.push(Trace {
                name: sides.name(revision, name, columns.len()),
                revision: (*revision).to_owned(),
                column: name.clone(),
                color: if several { sides.color(revision) } else { at },
                dash: if several { at } else { 0 },
                smooth: if template == Template::Smooth { smoothed(&points) } else { Vec::new() },
                points,
            });
        }
    }
    figure.x_label = options.x.clone().unwrap_or_else(|| "step".to_owned());
    figure.y_label = if let [only] = &columns[..] { only.clone() } else { String::new() };
    let categories = categories.map(|found| found.into_keys().collect());
    Ok(Shape::Series(Series { template, categories, traces }))
}

/// As DVC has it: `x` is the length, `y` the category.
fn bars(
    sides: &Sides<'_>,
    template: Template,
    options: &PlotOptions,
    figure: &mut Figure,
) -> Result<Shape, String> {
    let newest = sides.newest()?;
    let category = match options.y.first() {
        Some(name) => Some(name.clone()),
        None => {
            let texts = |name: &&str| newest.column(name).is_some_and(|column| !is_numeric(column));
            let first = newest.names().find(texts).or_else(|| newest.names().next());
            first.map(str::to_owned)
        }
    };
    let category = category.ok_or_else(|| "it has no column".to_owned())?;
    let value = options.x.clone().or_else(|| last_numeric(newest, Some(&category)));
    let value = value.ok_or_else(|| "no column holds numbers".to_owned())?;
    let labels = sides.column(&category, &mut figure.notes)?;
    let values = sides.column(&value, &mut figure.notes)?;
    let mut lengths: IndexMap<String, Vec<f64>> = IndexMap::new();
    for side in 0..sides.tables.len() {
        let (Some(labels), Some(values)) = (labels[side], values[side]) else { continue };
        for (label, value) in labels.iter().zip(values) {
            let row = lengths.entry(label.label()).or_insert_with(|| vec![f64::NAN; sides.tables.len()]);
            let value = value.number();
            // Rows of the same name stand one on the other.
            row[side] = if row[side].is_nan() { value } else { row[side] + value };
        }
    }
    if lengths.values().flatten().all(|length| length.is_nan()) {
        return Err(format!("the column `{value}` holds no number"));
    }
    if lengths.len() > MOST_BARS {
        return Err(format!("`{category}` has {} values; at most {MOST_BARS} bars are drawn", lengths.len()));
    }
    if template == Template::BarHorizontalSorted {
        let last = sides.tables.len() - 1;
        let size = |row: &[f64]| if row[last].is_nan() { f64::NEG_INFINITY } else { row[last] };
        lengths.sort_by(|_, a, _, b| size(b).total_cmp(&size(a)));
    }
    let trace = |(side, (revision, _)): (usize, &(&str, &Records))| {
        let lengths = lengths.values().map(|row| row[side]).collect();
        (sides.name(revision, &value, 1), sides.color(revision), lengths)
    };
    let traces = sides.tables.iter().enumerate().map(trace).collect();
    (figure.x_label, figure.y_label) = (value, category);
    Ok(Shape::Bars(Bars { traces, categories: lengths.into_keys().collect() }))
}

fn confusion(
    sides: &Sides<'_>,
    template: Template,
    options: &PlotOptions,
    figure: &mut Figure,
) -> Result<Shape, String> {
    let names: Vec<&str> = sides.newest()?.names().collect();
    let pick = |said: Option<&String>, other: Option<&String>| {
        let free = names.iter().rev().find(|name| other.is_none_or(|other| other != *name));
        said.cloned().or_else(|| free.map(|name| (*name).to_owned()))
    };
    let y = pick(options.y.first(), options.x.as_ref());
    let x = pick(options.x.as_ref(), y.as_ref());
    let (Some(x), Some(y)) = (x, y) else {
        return Err("a confusion matrix needs two columns of classes".to_owned());
    };
    let columns = sides.column(&x, &mut figure.notes)?;
    let rows = sides.column(&y, &mut figure.notes)?;
    let mut classes: IndexSet<String> = IndexSet::new();
    classes.extend(columns.iter().chain(&rows).flatten().flat_map(|column| column.iter().map(Datum::label)));
    if classes.len() > MOST_CLASSES {
        let count = classes.len();
        return Err(format!("`{x}` and `{y}` hold {count} values; at most {MOST_CLASSES} classes are drawn"));
    }
    sort_labels(&mut classes);
    let normalized = template == Template::ConfusionNormalized;
    let mut matrices = Vec::new();
    for (side, (revision, _)) in sides.tables.iter().enumerate() {
        let (Some(column), Some(row)) = (columns[side], rows[side]) else { continue };
        let mut cells = vec![vec![0.0; classes.len()]; classes.len()];
        let place = |datum: &Datum| classes.get_index_of(&datum.label()).expect("all labels are classes");
        for (column, row) in column.iter().zip(row) {
            cells[place(row)][place(column)] += 1.0;
        }
        if normalized {
            for row in &mut cells {
                let sum: f64 = row.iter().sum();
                row.iter_mut().filter(|_| sum > 0.0).for_each(|cell| *cell /= sum);
            }
        }
        matrices.push(Matrix { revision: (*revision).to_owned(), cells });
    }
    (figure.x_label, figure.y_label) = (x, y);
    Ok(Shape::Confusion(Confusion { classes: classes.into_iter().collect(), normalized, matrices }))
}

/// By number where all are numbers, else by the alphabet.
fn sort_labels(labels: &mut IndexSet<String>) {
    let number = |label: &String| label.parse::<f64>();
    if labels.iter().all(|label| number(label).is_ok()) {
        labels.sort_by(|a, b| number(a).unwrap_or(0.0).total_cmp(&number(b).unwrap_or(0.0)));
    } else {
        labels.sort();
    }
}

#[cfg(test)]
#[path = "figure_tests.rs"]
mod tests;
