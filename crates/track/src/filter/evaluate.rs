//! Whether a run matches a filter: pure, and the truth that a store's search is held to.

use std::borrow::Cow;
use std::cmp::Ordering;

use base::{Timestamp, duration_text};

use super::{Attribute, Comparison, Field, FieldValue, Filter, Literal, Subject, Values};
use crate::{RUN_NAME_TAG, Run};

impl Filter {
    /// Whether the run matches.
    pub fn matches(&self, run: &Run) -> bool {
        self.holds_of(run)
    }

    /// Whether anything that can be searched for matches.
    pub(crate) fn holds_of(&self, subject: &dyn Subject) -> bool {
        self.truth(subject) == Some(true)
    }

    /// True, false, or nothing where the subject lacks what is asked for. Of a field with several values one is enough.
    fn truth(&self, subject: &dyn Subject) -> Option<bool> {
        match self {
            Filter::And(parts) => all(parts.iter().map(|part| part.truth(subject))),
            Filter::Or(parts) => {
                all(parts.iter().map(|part| part.truth(subject).map(|truth| !truth))).map(|truth| !truth)
            }
            Filter::Not(part) => part.truth(subject).map(|truth| !truth),
            // A run with two ids or names is not another one because of the second.
            Filter::Compare { field, comparison: Comparison::NotEqual, value } if is_of_either(field) => {
                any(&subject.values(field), |found| compare(found, Comparison::Equal, value))
                    .map(|truth| !truth)
            }
            Filter::NotIn { field, values } if is_of_either(field) => {
                any(&subject.values(field), |found| Some(is_one_of(found, values))).map(|truth| !truth)
            }
            Filter::Compare { field, comparison, value } => {
                any(&subject.values(field), |found| compare(found, *comparison, value))
            }
            Filter::In { field, values } => {
                any(&subject.values(field), |found| Some(is_one_of(found, values)))
            }
            Filter::NotIn { field, values } => {
                any(&subject.values(field), |found| Some(!is_one_of(found, values)))
            }
            Filter::Like { field, pattern, ignore_case } => {
                any(&subject.values(field), |found| Some(like(found.text()?, pattern, *ignore_case)))
            }
            Filter::Matches { field, pattern } => any(&subject.values(field), |found| {
                let (shown, other) = looks(field, found);
                Some(pattern.is_found_in(&shown) || other.is_some_and(|text| pattern.is_found_in(&text)))
            }),
            Filter::IsNull(field) => Some(subject.values(field).is_empty()),
        }
    }
}

/// A value as regular expressions are tried on it: as lists show it, and as JSON does where that is another text.
fn looks<'a>(field: &Field, value: &'a FieldValue<'_>) -> (Cow<'a, str>, Option<Cow<'a, str>>) {
    match (field, value) {
        (Field::Attribute(Attribute::Status), FieldValue::Text(text)) => {
            (Cow::Borrowed(&**text), Some(text.to_lowercase().into()))
        }
        (_, FieldValue::Text(text)) => (Cow::Borrowed(&**text), None),
        (Field::Attribute(Attribute::Duration), FieldValue::Number(seconds)) => {
            (duration_text((seconds * 1000.0).round() as i64).into(), Some(seconds.to_string().into()))
        }
        (Field::Attribute(of), FieldValue::Number(number)) if of.is_time() => {
            let time = Timestamp(*number as i64);
            (time.local().into(), Some(time.to_string().into()))
        }
        (_, FieldValue::Number(number)) if number.is_nan() => ("nan".into(), Some("NaN".into())),
        (_, FieldValue::Number(number)) if number.is_infinite() => {
            let sign = if *number < 0.0 { "-" } else { "" };
            (format!("{sign}inf").into(), Some(format!("{sign}Infinity").into()))
        }
        (_, FieldValue::Number(number)) => (number.to_string().into(), None),
    }
}

/// Whether a field's value is the id of a run.
pub(super) fn names_a_run(field: &Field) -> bool {
    matches!(field, Field::Attribute(Attribute::RunId | Attribute::Parent))
}

/// Whether a run that is one of a pair goes by either value of a field.
fn is_of_either(field: &Field) -> bool {
    names_a_run(field)
        || match field {
            Field::Attribute(attribute) => *attribute == Attribute::Name,
            Field::Tag(key) => key == RUN_NAME_TAG,
            _ => false,
        }
}

/// Whether a test holds of one value at least; nothing where there is no value that it can judge.
fn any(values: &Values<'_>, test: impl Fn(&FieldValue<'_>) -> Option<bool>) -> Option<bool> {
    values.iter().filter_map(test).reduce(|a, b| a || b)
}

fn is_one_of(value: &FieldValue<'_>, literals: &[Literal]) -> bool {
    literals.iter().any(|literal| compare(value, Comparison::Equal, literal) == Some(true))
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

fn compare(value: &FieldValue<'_>, comparison: Comparison, literal: &Literal) -> Option<bool> {
    let order = match (value, literal) {
        (FieldValue::Number(number), Literal::Span { from, to, .. }) => {
            return Some(match comparison {
                Comparison::Equal => from <= number && number < to,
                Comparison::NotEqual => !(from <= number && number < to),
                Comparison::Less => number < from,
                Comparison::LessOrEqual => number < to,
                // All that is later than its begin: `start > '2026-11-21'` is from that midnight on.
                Comparison::Greater => number > from,
                Comparison::GreaterOrEqual => number >= from,
            });
        }
        // A NaN is in no order with anything, but it is what is asked for by its name.
        (FieldValue::Number(number), Literal::Number { value, .. }) if number.is_nan() && value.is_nan() => {
            Some(Ordering::Equal)
        }
        (FieldValue::Number(number), Literal::Number { value, .. }) => number.partial_cmp(value),
        (FieldValue::Number(_), Literal::Text(_) | Literal::Exact(_)) => return None,
        (FieldValue::Text(text), Literal::Exact(written) | Literal::Span { text: written, .. }) => {
            Some(text.as_ref().cmp(written))
        }
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
pub(super) fn like(text: &str, pattern: &str, ignore_case: bool) -> bool {
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
