//! Where the marks of an axis stand, and what is written beside them.

use crate::float_text;

/// An axis from a round number to a round number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// The left or lower end.
    pub low: f64,
    /// The right or upper end; above `low`.
    pub high: f64,
    /// The marks, ascending, from `low` to `high`, with their labels.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// The axis for these values, those that are not finite left out, with about `count` steps. One or no
    /// value gets room on both sides.
    pub fn around(values: impl Iterator<Item = f64>, count: usize) -> Axis {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        Axis::new(low, high, count)
    }

    /// The axis that reaches from `low` to `high` at least.
    pub fn new(low: f64, high: f64, count: usize) -> Axis {
        if low > high {
            return Axis::new(0.0, 1.0, count);
        }
        // The span of larger values would be infinite.
        const MOST: f64 = 1e307;
        let (low, high) = (low.clamp(-MOST, MOST), high.clamp(-MOST, MOST));
        // Values that agree in their first twelve digits are one value to an axis.
        let size = low.abs().max(high.abs());
        let (low, high) = if high - low > size * 1e-12 && high - low > f64::MIN_POSITIVE * 1e6 {
            (low, high)
        } else if size < 1e-290 {
            (low - 1.0, high + 1.0)
        } else {
            (low - size * 0.1, high + size * 0.1)
        };
        let (digit, exponent) = round_step((high - low) / count.max(1) as f64);
        // A decimal divided by a power of ten is the float that is written that way: 3 / 10 is 0.3, 3 * 0.1 not.
        let step = |at: f64| {
            if exponent < 0 {
                // The power itself would overflow below 1e-308.
                at * digit / 10_f64.powi(-exponent)
            } else {
                at * digit * 10_f64.powi(exponent)
            }
        };
        let unit = step(1.0);
        let (first, last) = ((low / unit + 1e-9).floor(), (high / unit - 1e-9).ceil());
        let places: Vec<f64> = (0..=(last - first) as usize).map(|at| step(first + at as f64)).collect();
        let digits = digits_needed(&places, exponent);
        let label = |place: f64| float_text(if place == 0.0 { 0.0 } else { place }, digits);
        let ticks = places.iter().map(|place| (*place, label(*place))).collect();
        Axis { low: step(first), high: step(last), ticks }
    }

    /// Where a value stands between the ends: 0 at `low`, 1 at `high`.
    pub fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

/// The round step (1, 2 or 5 times a power of ten) that is nearest above `raw`.
fn round_step(raw: f64) -> (f64, i32) {
    let exponent = raw.log10().floor();
    let rest = raw / 10_f64.powf(exponent);
    let exponent = exponent as i32;
    match rest {
        rest if rest <= 1.0 + 1e-9 => (1.0, exponent),
        rest if rest <= 2.0 + 1e-9 => (2.0, exponent),
        rest if rest <= 5.0 + 1e-9 => (5.0, exponent),
        _ => (1.0, exponent + 1),
    }
}

/// How many digits tell neighbours apart; at least seven, so that up to a million no exponent is written.
fn digits_needed(places: &[f64], exponent: i32) -> usize {
    let largest = places.iter().fold(0.0_f64, |largest, place| largest.max(place.abs()));
    let digits = largest.log10().floor() as i32 - exponent + 1;
    usize::try_from(digits.clamp(7, 17)).unwrap_or(7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        Axis::new(low, high, 5).ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn round_numbers() {
        assert_eq!(labels(0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(0.13, 0.68), ["0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(-3.0, 12.0), ["-5", "0", "5", "10", "15"]);
        assert_eq!(labels(0.0, 1_000_000.0), ["0", "200000", "400000", "600000", "800000", "1000000"]);
        assert_eq!(
            labels(1e9, 1e9 + 4.0),
            ["1000000000", "1000000001", "1000000002", "1000000003", "1000000004"]
        );
        assert_eq!(labels(0.0, 3e-7), ["0", "1e-7", "2e-7", "3e-7"]);
        assert_eq!(labels(0.1, 0.5), ["0.1", "0.2", "0.3", "0.4", "0.5"]);
    }

    #[test]
    fn one_value_or_none_has_room() {
        let one = Axis::around([5.0, f64::NAN].into_iter(), 5);
        assert!(one.low < 5.0 && one.high > 5.0, "{one:?}");
        let zero = Axis::around([0.0].into_iter(), 5);
        assert!(zero.low < 0.0 && zero.high > 0.0, "{zero:?}");
        assert_eq!(Axis::around([f64::NAN].into_iter(), 5), Axis::new(0.0, 1.0, 5));
    }

    proptest! {
        #[test]
        fn any_axis_holds_its_values(a in any::<f64>(), b in any::<f64>(), count in 1_usize..12) {
            let axis = Axis::around([a, b].into_iter(), count);
            prop_assert!(axis.low < axis.high, "{:?}", axis);
            prop_assert!(axis.ticks.len() >= 2 && axis.ticks.len() <= 2 * count + 3, "{:?}", axis);
            prop_assert!(axis.ticks.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", axis);
            for value in [a, b].into_iter().filter(|value| value.abs() <= 1e307) {
                let share = axis.share(value);
                prop_assert!((-1e-6..=1.0 + 1e-6).contains(&share), "{} in {:?}", value, axis);
            }
        }
    }
}
