//! The language of `runs list --where`: `metrics.best_acc > 0.8 and params.seed = 42`.
//!
//! MLflow's conjunctions of comparisons, and beyond them OR, NOT, parentheses, IN, regular expressions and tests for
//! absence on every field, and `best()`, `min()`, `max()` and `last()` of a metric's history. [`Filter::parse_mlflow`]
//! reads what MLflow's clients may write, and no more. The tree is plain data and the evaluator pure, so a store may answer a
//! part of a filter by SQL and tests can hold it to [`Filter::matches`].
//!
//! A comparison with something that a run lacks is neither true nor false, and neither is its
//! negation: `metrics.loss < 1` and `not metrics.loss < 1` both pass over a run without `loss`, as
//! `!=` does in MLflow. `metrics.loss is null` finds it.

mod cursor;
mod direction;
mod error;
mod evaluate;
mod ids;
mod lexer;
mod mlflow;
mod order;
mod parser;
mod subject;
mod text;
mod time;

use regex::{Regex, RegexBuilder};

pub use cursor::RunCursor;
pub use direction::Direction;
pub use error::{FilterError, nearest};
pub use mlflow::{MlflowError, Searched};
pub use order::OrderBy;
pub(crate) use subject::{FieldValue, Subject, Values, artifact_uri};

/// Of a run that executed nothing: a run's id, or another word for where its result came from.
pub const RESTORED_TAG: &str = "pipe.restored_from";
/// What such a run's status is called in our own language; the store keeps that it finished.
pub const RESTORED: &str = "RESTORED";

/// A condition on a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All hold.
    And(Vec<Filter>),
    /// One holds at least.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A field compared with a value.
    Compare {
        /// The left side.
        field: Field,
        /// The comparison.
        comparison: Comparison,
        /// The right side.
        value: Literal,
    },
    /// A text matches a pattern: `%` is any text, `_` any character.
    Like {
        /// The left side.
        field: Field,
        /// The pattern.
        pattern: String,
        /// Whether case is ignored.
        ignore_case: bool,
    },
    /// A field equals one of several values.
    In {
        /// The left side.
        field: Field,
        /// The values, at least one.
        values: Vec<Literal>,
    },
    /// A field has a value that is none of these. Of a field with one value it is the contrary of [`Filter::In`]; a
    /// field with several values may fulfil both.
    NotIn {
        /// The left side.
        field: Field,
        /// The values, at least one.
        values: Vec<Literal>,
    },
    /// A regular expression is found in a text, in a status in either case, in a number as it is written, or in a time as lists or
    /// JSON show it.
    Matches {
        /// The left side.
        field: Field,
        /// The expression.
        pattern: Pattern,
    },
    /// The run lacks the field.
    IsNull(Field),
}

/// A regular expression, read once.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// The largest program that an expression may become: what people write takes some kilobytes.
    const LARGEST: usize = 1 << 20;

    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn new(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text).size_limit(Pattern::LARGEST).build();
        built.map(Pattern).map_err(|fault| match fault {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
            fault => {
                let text = fault.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                format!("this is no regular expression: {reason}")
            }
        })
    }

    /// The expression as written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn is_found_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// What can be asked about a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The latest value of a metric.
    Metric(String),
    /// A param: as a number where both sides are numbers, else as text.
    Param(String),
    /// A tag: compared as params are.
    Tag(String),
    /// A property that every run has.
    Attribute(Attribute),
    /// A number made of all values that a metric had.
    Aggregate(Aggregate, String),
    /// Something about the data sets that the run read; it has one value for each of them.
    Dataset(DatasetField),
}

/// What is made of all values that a metric had in a run; a NaN counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The least or the greatest, by the direction in which the metric is better (see [`Direction`]).
    Best,
}

impl Aggregate {
    /// Its name in filters.
    pub fn name(self) -> &'static str {
        match self {
            Aggregate::Min => "min",
            Aggregate::Max => "max",
            Aggregate::Best => "best",
        }
    }
}

/// What can be asked about a data set that a run read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatasetField {
    /// Its name.
    Name,
    /// Its digest.
    Digest,
    /// What it was read for.
    Context,
}

impl DatasetField {
    /// All of them.
    pub const ALL: [DatasetField; 3] = [DatasetField::Name, DatasetField::Digest, DatasetField::Context];

    /// Its name in filters.
    pub fn name(self) -> &'static str {
        match self {
            DatasetField::Name => "name",
            DatasetField::Digest => "digest",
            DatasetField::Context => "context",
        }
    }
}

/// A property of a run, though the end may still be open; and of what else MLflow's clients search for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// The id, 32 hex digits.
    RunId,
    /// The name.
    Name,
    /// The status, in any case.
    Status,
    /// Milliseconds since 1970; a date, or a date and a time of day, may stand for them.
    StartTime,
    /// As the start; absent while the run runs.
    EndTime,
    /// Seconds; a text such as `5m` or `1h30m` may stand for them; absent while the run runs.
    Duration,
    /// When it was last heard of, as the start; absent once the run has ended.
    Heard,
    /// The experiment's name.
    Experiment,
    /// The experiment's number.
    ExperimentId,
    /// Who started it.
    User,
    /// The id of the run that started it; absent for top-level runs.
    Parent,
    /// Where its artifacts are, as MLflow's clients are told.
    ArtifactUri,
    /// When an experiment or a model was made, in milliseconds since 1970.
    Created,
    /// When an experiment or a model was last changed, likewise.
    Updated,
    /// A logged model's id.
    ModelId,
    /// A logged model's type.
    ModelType,
    /// Where a version's files come from.
    Source,
    /// A version's number.
    Version,
}

impl Attribute {
    /// All of them with their names; of several, the first is the one that is shown.
    const NAMES: [(&str, Attribute); 14] = [
        ("run_id", Attribute::RunId),
        ("name", Attribute::Name),
        ("status", Attribute::Status),
        ("start_time", Attribute::StartTime),
        ("start", Attribute::StartTime),
        ("end_time", Attribute::EndTime),
        ("end", Attribute::EndTime),
        ("duration", Attribute::Duration),
        ("heard", Attribute::Heard),
        ("experiment", Attribute::Experiment),
        ("experiment_id", Attribute::ExperimentId),
        ("user", Attribute::User),
        ("parent", Attribute::Parent),
        ("artifact_uri", Attribute::ArtifactUri),
    ];

    /// Its name in filters.
    pub fn name(self) -> &'static str {
        let found = Attribute::NAMES.iter().find(|(_, attribute)| *attribute == self);
        match (found, self) {
            (Some((name, _)), _) => name,
            (None, Attribute::Updated) => "updated",
            (None, Attribute::ModelId) => "model_id",
            (None, Attribute::ModelType) => "model_type",
            (None, Attribute::Source) => "source",
            (None, Attribute::Version) => "version",
            (None, _) => "created",
        }
    }

    /// Whether it is a moment.
    fn is_time(self) -> bool {
        use Attribute::{Created, EndTime, Heard, StartTime, Updated};
        matches!(self, StartTime | EndTime | Heard | Created | Updated)
    }

    /// Whether it is a number; otherwise it is a text.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Attribute::Duration | Attribute::ExperimentId | Attribute::Version) || self.is_time()
    }
}

/// A comparison of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A number.
    Number {
        /// As written, since a param may have more digits than a float.
        text: String,
        /// Its value.
        value: f64,
    },
    /// A text.
    Text(String),
    /// A text that is compared as a text alone, also where both sides are numbers: as MLflow does.
    Exact(String),
    /// A time or a duration, which stands for all that it could be short for: a date for its day.
    Span {
        /// As written.
        text: String,
        /// The first that it stands for.
        from: f64,
        /// The first after it.
        to: f64,
    },
}

impl Literal {
    /// It as it was written, without quotes.
    pub fn text(&self) -> &str {
        match self {
            Literal::Number { text, .. }
            | Literal::Text(text)
            | Literal::Exact(text)
            | Literal::Span { text, .. } => text,
        }
    }
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// When the text is no filter; the error knows the place and often a suggestion.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        parser::filter(text)
    }

    /// Every field that the filter asks for.
    pub fn fields(&self) -> Vec<&Field> {
        match self {
            Filter::And(parts) | Filter::Or(parts) => parts.iter().flat_map(Filter::fields).collect(),
            Filter::Not(part) => part.fields(),
            Filter::Compare { field, .. }
            | Filter::Like { field, .. }
            | Filter::In { field, .. }
            | Filter::NotIn { field, .. }
            | Filter::Matches { field, .. }
            | Filter::IsNull(field) => vec![field],
        }
    }
}
