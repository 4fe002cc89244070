//! The order of listed runs. What a run lacks comes last in both directions, NaN just before it:
//! the best run stands on top whichever way "best" goes.

use std::cmp::Ordering;

use super::evaluate::number;
use super::{Field, FieldValue, FilterError, Subject, Values, parser};
use crate::Run;

/// A field to order by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// The field.
    pub field: Field,
    /// Greatest first.
    pub descending: bool,
    /// Whether texts go by their characters alone, also where they are numbers: as MLflow orders them.
    pub as_text: bool,
}

impl OrderBy {
    /// Reads `metrics.best_acc desc`; without a direction the order ascends.
    ///
    /// # Errors
    /// When the text is no field with a direction.
    pub fn parse(text: &str) -> Result<OrderBy, FilterError> {
        parser::order_by(text)
    }

    /// Which of two runs comes first.
    pub fn compare_runs(&self, a: &Run, b: &Run) -> Ordering {
        self.compare(&a.values(&self.field), &b.values(&self.field))
    }

    /// Which of two things comes first, by what they have for the field; of several values the first counts.
    pub(crate) fn compare(&self, a: &Values<'_>, b: &Values<'_>) -> Ordering {
        let (a, b) = (a.iter().next(), b.iter().next());
        let by_rank = rank(a).cmp(&rank(b));
        let (Some(a), Some(b), Ordering::Equal) = (a, b, by_rank) else { return by_rank };
        let (a, b) = if self.descending { (b, a) } else { (a, b) };
        match (a, b) {
            (FieldValue::Text(a), FieldValue::Text(b)) if self.as_text => a.cmp(b),
            _ => compare(a, b),
        }
    }
}

/// What no direction changes.
fn rank(value: Option<&FieldValue<'_>>) -> u8 {
    match value {
        Some(FieldValue::Number(number)) if number.is_nan() => 1,
        Some(_) => 0,
        None => 2,
    }
}

/// Numbers by size, before texts; texts by their characters.
fn compare(a: &FieldValue<'_>, b: &FieldValue<'_>) -> Ordering {
    match (a, b) {
        (FieldValue::Number(a), FieldValue::Number(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (FieldValue::Text(a), FieldValue::Text(b)) => match (number(a), number(b)) {
            (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| a.cmp(b)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => a.cmp(b),
        },
        (FieldValue::Number(_), FieldValue::Text(_)) => Ordering::Less,
        (FieldValue::Text(_), FieldValue::Number(_)) => Ordering::Greater,
    }
}
