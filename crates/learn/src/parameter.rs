//! A parameter that breaks its rule: one form of words for the generators' flags and the trainer's.

use std::fmt;

/// Names the parameter, what was given and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{flag} is {value} but must be {rule}")]
pub struct ParameterError {
    /// The parameter's name, as in flags and params files.
    pub flag: &'static str,
    /// What was given.
    pub value: String,
    /// What would be right, as a phrase that follows "must be".
    pub rule: &'static str,
}

/// `Ok` when the rule holds.
pub(crate) fn check(
    flag: &'static str,
    value: impl fmt::Display,
    holds: bool,
    rule: &'static str,
) -> Result<(), ParameterError> {
    if holds { Ok(()) } else { Err(ParameterError { flag, value: value.to_string(), rule }) }
}

/// A count of at least one.
pub(crate) fn check_count(flag: &'static str, value: usize) -> Result<(), ParameterError> {
    check(flag, value, value >= 1, "1 or more")
}

/// A finite number, zero or more.
pub(crate) fn check_not_negative(flag: &'static str, value: f64) -> Result<(), ParameterError> {
    check(flag, value, value.is_finite() && value >= 0.0, "0 or more")
}

/// A finite number above zero.
pub(crate) fn check_positive(flag: &'static str, value: f64) -> Result<(), ParameterError> {
    check(flag, value, value.is_finite() && value > 0.0, "above 0")
}

/// A number strictly between zero and one.
pub(crate) fn check_fraction(flag: &'static str, value: f64) -> Result<(), ParameterError> {
    check(flag, value, value > 0.0 && value < 1.0, "between 0 and 1, both excluded")
}
