//! Whether a run matches a filter: pure, and the truth that a store's search is held to.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Attribute, Comparison, Field, Filter, Literal};
use crate::Run;

/// What a run has for a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FieldValue<'a> {
    Number(f64),
    Text(Cow<'a, str>),
}

impl Filter {
    /// Whether the run matches.
    pub fn matches(&self, run: &Run) -> bool {
        self.truth(run) == Some(true)
    }

    /// True, false, or nothing where the run lacks what is asked for.
    fn truth(&self, run: &Run) -> Option<bool> {
        match self {
            Filter::And(parts) => all(parts.iter().map(|part| part.truth(run))),
            Filter::Or(parts) => {
                all(parts.iter().map(|part| part.truth(run).map(|truth| !truth))).map(|truth| !truth)
            }
            Filter::Not(part) => part.truth(run).map(|truth| !truth),
            Filter::Compare { field, comparison, value } => compare(&field.value(run)?, *comparison, value),
            Filter::In { field, values } => {
                let value = field.value(run)?;
                Some(values.iter().any(|literal| compare(&value, Comparison::Equal, literal) == Some(true)))
            }
            Filter::Like { field, pattern, ignore_case } => match field.value(run)? {
                FieldValue::Text(text) => Some(like(&text, pattern, *ignore_case)),
                FieldValue::Number(_) => None,
            },
            Filter::IsNull(field) => Some(field.value(run).is_none()),
        }
    }
}

/// False if one is false, else nothing if one is unknown, else true.
fn all(truths: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut whole = Some(true);
    for truth in truths {
        match truth {
            Some(false) => return Some(false),
            Some(true) => {}
            None => whole = None,
        }
    }
    whole
}

impl Field {
    /// What the run has for it; nothing when it has none.
    pub(super) fn value<'a>(&self, run: &'a Run) -> Option<FieldValue<'a>> {
        let text = |text: &'a String| FieldValue::Text(Cow::Borrowed(text.as_str()));
        match self {
            Field::Metric(key) => run.data.metrics.get(key).map(|metric| FieldValue::Number(metric.value)),
            Field::Param(key) => run.data.params.get(key).map(text),
            Field::Tag(key) => run.data.tags.get(key).map(text),
            Field::Attribute(attribute) => attribute.value(run),
        }
    }
}

impl Attribute {
    fn value(self, run: &Run) -> Option<FieldValue<'_>> {
        let info = &run.info;
        Some(match self {
            Attribute::RunId => FieldValue::Text(Cow::Owned(info.id.to_string())),
            Attribute::Name => FieldValue::Text(Cow::Borrowed(&info.name)),
            Attribute::Status => FieldValue::Text(Cow::Borrowed(info.status.name())),
            Attribute::StartTime => FieldValue::Number(info.start_time.0 as f64),
            Attribute::EndTime => FieldValue::Number(info.end_time?.0 as f64),
            Attribute::Duration => FieldValue::Number(info.duration_millis()? as f64 / 1000.0),
            Attribute::Experiment => FieldValue::Text(Cow::Borrowed(&info.experiment_name)),
            Attribute::ExperimentId => FieldValue::Number(info.experiment.0 as f64),
            Attribute::User => FieldValue::Text(Cow::Borrowed(&info.user)),
            Attribute::Parent => FieldValue::Text(Cow::Owned(info.parent?.to_string())),
        })
    }
}

fn compare(value: &FieldValue<'_>, comparison: Comparison, literal: &Literal) -> Option<bool> {
    let order = match (value, literal) {
        // A NaN is in no order with anything: only `!=` is true.
        (FieldValue::Number(number), Literal::Number { value, .. }) => number.partial_cmp(value),
        (FieldValue::Number(_), Literal::Text(_)) => return None,
        (FieldValue::Text(text), Literal::Number { text: written, .. }) => {
            match compare_numbers(text, written) {
                Some(order) => Some(order),
                // A text is not equal to a number, and neither above nor below it.
                None => {
                    return matches!(comparison, Comparison::Equal | Comparison::NotEqual)
                        .then_some(comparison == Comparison::NotEqual);
                }
            }
        }
        (FieldValue::Text(text), Literal::Text(written)) => {
            Some(compare_numbers(text, written).unwrap_or_else(|| text.as_ref().cmp(written)))
        }
    };
    Some(match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

/// The order of two texts that are both numbers. Whole numbers are compared exactly: a seed of 64
/// bits has more digits than a float holds.
fn compare_numbers(a: &str, b: &str) -> Option<Ordering> {
    if let (Ok(a), Ok(b)) = (a.parse::<i128>(), b.parse::<i128>()) {
        return Some(a.cmp(&b));
    }
    number(a)?.partial_cmp(&number(b)?)
}

/// A text as a finite number; `inf` and `nan` are words here.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whether a text matches a pattern in which `%` is any text and `_` any character.
fn like(text: &str, pattern: &str, ignore_case: bool) -> bool {
    let fold = |text: &str| -> Vec<char> {
        if ignore_case { text.to_lowercase().chars().collect() } else { text.chars().collect() }
    };
    let (text, pattern) = (fold(text), fold(pattern));
    let (mut t, mut p) = (0, 0);
    // Where the last `%` stands, and where the text after what it took begins. Going back to the last
    // one only keeps the work at text times pattern; a recursion would be exponential.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '%' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '_' || pattern[p] == text[t]) {
            (t, p) = (t + 1, p + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (t, p) = (taken + 1, at + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (text, pattern, expected) in [
            ("resnet", "res%", true),
            ("resnet", "%net", true),
            ("resnet", "r_s%t", true),
            ("resnet", "RES%", false),
            ("", "%", true),
            ("", "_", false),
            ("a%b", "a%b", true),
            ("aXbXb", "a%b", true),
            ("größe", "gr__e", true),
            ("abc", "ab", false),
        ] {
            assert_eq!(like(text, pattern, false), expected, "{text} {pattern}");
        }
        assert!(like("ResNet", "rES%", true));
        assert!(!like(&"a".repeat(5000), &"%a".repeat(50).replace("%a", "%a%b"), false));
    }

    #[test]
    fn numbers_compare_as_numbers_and_long_ones_exactly() {
        assert_eq!(compare_numbers("10", "9"), Some(Ordering::Greater));
        assert_eq!(compare_numbers("1.0", "1"), Some(Ordering::Equal));
        assert_eq!(compare_numbers("18446744073709551615", "18446744073709551614"), Some(Ordering::Greater));
        assert_eq!(compare_numbers("inf", "1"), None);
    }
}
