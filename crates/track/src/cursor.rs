//! A place in the history of a metric, so that a reader can go on where a page ended.

use std::fmt;
use std::str::FromStr;

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Metric;
use crate::chunk::Point;

/// The place of a point in the order of the points of its metric; the point need not be there any more. As text it is
/// one word, for page tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricCursor {
    step: i64,
    timestamp: i64,
    bits: u64,
}

impl MetricCursor {
    /// The place of a point.
    pub fn of(metric: &Metric) -> Self {
        MetricCursor { step: metric.step, timestamp: metric.timestamp.0, bits: metric.value.to_bits() }
    }

    pub(crate) fn point(self) -> Point {
        (self.step, Timestamp(self.timestamp), f64::from_bits(self.bits))
    }
}

impl fmt::Display for MetricCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{:x}", self.step, self.timestamp, self.bits)
    }
}

/// A text that is no place in a history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place in the history of a metric")]
pub struct ParseCursorError(String);

impl FromStr for MetricCursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseCursorError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<MetricCursor> {
    let mut parts = text.splitn(3, '_');
    Some(MetricCursor {
        step: parts.next()?.parse().ok()?,
        timestamp: parts.next()?.parse().ok()?,
        bits: u64::from_str_radix(parts.next()?, 16).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_reads_back_and_nothing_else_does() {
        for (step, value) in [(-3, f64::NAN), (i64::MAX, -0.0), (0, 1.5)] {
            let metric = Metric { key: "loss".into(), value, step, timestamp: Timestamp(9) };
            let cursor = MetricCursor::of(&metric);
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for bad in ["", "1", "1_2", "1_2_x", "1_2_3_4", "a_2_3"] {
            assert!(bad.parse::<MetricCursor>().is_err(), "{bad}");
        }
    }
}
