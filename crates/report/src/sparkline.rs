//! A series in one line of block characters.

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws a series in at most `width` characters, the lowest value as the lowest block. A longer series
/// is cut into buckets of equal length and each shows its mean; a value that is NaN is left out of its
/// bucket and a bucket without values is a gap. Infinities stand at the ends of the scale.
pub fn sparkline(values: &[f64], width: usize) -> String {
    let count = width.min(values.len());
    let buckets: Vec<f64> = (0..count)
        .map(|at| mean(&values[at * values.len() / count..(at + 1) * values.len() / count]))
        .collect();
    let finite = || buckets.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    buckets.iter().map(|value| block(*value, low, high)).collect()
}

fn mean(values: &[f64]) -> f64 {
    let count = values.iter().filter(|value| !value.is_nan()).count() as f64;
    // Divided first: the sum of two large values would be infinite.
    values
        .iter()
        .filter(|value| !value.is_nan())
        .map(|value| value / count)
        .fold(f64::NAN, |sum, part| if sum.is_nan() && !part.is_nan() { part } else { sum + part })
}

fn block(value: f64, low: f64, high: f64) -> char {
    if value.is_nan() {
        return ' ';
    }
    if value == f64::INFINITY {
        return BLOCKS[7];
    }
    if value == f64::NEG_INFINITY {
        return BLOCKS[0];
    }
    // Halved, since the span of the largest and the smallest float is infinite.
    let span = high / 2.0 - low / 2.0;
    let share = if span > 0.0 { (value / 2.0 - low / 2.0) / span } else { 0.5 };
    BLOCKS[((share * 7.0).round() as usize).min(7)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shapes() {
        let rising: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(sparkline(&rising, 8), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&rising, 4), "▁▃▆█");
        assert_eq!(sparkline(&[1.0, f64::NAN, 3.0], 10), "▁ █");
        assert_eq!(sparkline(&[2.0, 2.0], 10), "▅▅");
        assert_eq!(sparkline(&[f64::MIN, f64::MAX, f64::INFINITY], 10), "▁██");
        assert_eq!(sparkline(&[], 10), "");
        assert_eq!(sparkline(&rising, 0), "");
        assert_eq!(sparkline(&[f64::NAN, f64::NAN], 1), " ");
    }

    proptest! {
        #[test]
        fn any_series_has_its_width(values in prop::collection::vec(any::<f64>(), 0..100), width in 0_usize..120) {
            prop_assert_eq!(sparkline(&values, width).chars().count(), width.min(values.len()));
        }
    }
}
