//! The language of `runs list --where`: `metrics.best_acc > 0.8 and params.seed = 42`.
//!
//! MLflow's conjunctions of comparisons, and beyond them OR, NOT, parentheses, IN and tests for
//! absence on every field. The tree is plain data and the evaluator pure, so a store may answer a
//! part of a filter by SQL and tests can hold it to [`Filter::matches`].
//!
//! A comparison with something that a run lacks is neither true nor false, and neither is its
//! negation: `metrics.loss < 1` and `not metrics.loss < 1` both pass over a run without `loss`, as
//! `!=` does in MLflow. `metrics.loss is null` finds it.

mod error;
mod evaluate;
mod lexer;
mod order;
mod parser;
mod text;
mod time;

pub use error::FilterError;
pub use order::OrderBy;

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
    /// The run lacks the field.
    IsNull(Field),
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
}

/// A property of every run, though the end may still be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attribute {
    /// The id, 32 hex digits.
    RunId,
    /// The name.
    Name,
    /// The status, in any case.
    Status,
    /// Milliseconds since 1970; a date or RFC 3339 text may stand for them.
    StartTime,
    /// As the start; absent while the run runs.
    EndTime,
    /// Seconds; a text such as `5m` or `1h30m` may stand for them; absent while the run runs.
    Duration,
    /// The experiment's name.
    Experiment,
    /// The experiment's number.
    ExperimentId,
    /// Who started it.
    User,
    /// The id of the run that started it; absent for top-level runs.
    Parent,
}

impl Attribute {
    /// All of them with their names; of several, the first is the one that is shown.
    const NAMES: [(&str, Attribute); 12] = [
        ("run_id", Attribute::RunId),
        ("name", Attribute::Name),
        ("status", Attribute::Status),
        ("start_time", Attribute::StartTime),
        ("start", Attribute::StartTime),
        ("end_time", Attribute::EndTime),
        ("end", Attribute::EndTime),
        ("duration", Attribute::Duration),
        ("experiment", Attribute::Experiment),
        ("experiment_id", Attribute::ExperimentId),
        ("user", Attribute::User),
        ("parent", Attribute::Parent),
    ];

    /// Its name in filters.
    pub fn name(self) -> &'static str {
        let found = Attribute::NAMES.iter().find(|(_, attribute)| *attribute == self);
        found.map(|(name, _)| *name).expect("every attribute is listed")
    }

    /// Whether it is a number; otherwise it is a text.
    pub(crate) fn is_number(self) -> bool {
        use Attribute::{Duration, EndTime, ExperimentId, StartTime};
        matches!(self, StartTime | EndTime | Duration | ExperimentId)
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
            Filter::Compare { field, .. } | Filter::Like { field, .. } | Filter::In { field, .. } => {
                vec![field]
            }
            Filter::IsNull(field) => vec![field],
        }
    }
}
