//! Numbers, sizes and durations as people read them.

use std::fmt::Display;

/// Significant digits that every float is sure to have: one more, and 0.1 + 0.2 is 0.30000000000000004.
pub(crate) const SURE: usize = 15;
/// With so many digits the text is the shortest that reads back as the same float.
pub(crate) const EXACT: usize = 17;

/// A float with at most `precision` significant digits, zeros at the end left away; very large and very small ones with an
/// exponent. What stands before the point is never rounded, so that 123456 is told from 123457 whatever the precision.
pub fn float_text(value: f64, precision: usize) -> String {
    let precision = precision.clamp(1, EXACT);
    if !value.is_finite() {
        return base::Value::float_text(value);
    }
    // The exponent after rounding: 9.99 with two digits is 1e1.
    let scientific =
        if precision == EXACT { format!("{value:e}") } else { format!("{value:.*e}", precision - 1) };
    let (mantissa, exponent) = scientific.split_once('e').expect("`e` formats with an exponent");
    let exponent: i32 = exponent.parse().expect("an exponent is a whole number");
    if !(-4..SURE as i32).contains(&exponent) {
        return format!("{}e{exponent}", without_zeros(mantissa));
    }
    if precision == EXACT {
        return value.to_string();
    }
    let decimals = usize::try_from(precision as i32 - 1 - exponent).unwrap_or(0);
    without_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// A number of things: `1 row`, `2 rows`. For nouns that take an s.
pub fn count_text(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The first of many things, and how many more there are: `a, b, and 7 more`.
pub fn few_text(things: &[impl Display], limit: usize, between: &str) -> String {
    let mut told: Vec<String> = things.iter().take(limit).map(ToString::to_string).collect();
    if things.len() > limit {
        told.push(format!("and {} more", things.len() - limit));
    }
    told.join(between)
}

/// A size: `512 B`, `4.9 kB`, `1.2 GB`. Thousands, as storage is sold and `ls --si` counts.
pub fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut unit = 0;
    // 999.95 would be shown as 1000.0.
    while size >= 999.95 {
        size /= 1000.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use base::duration_text;

    use super::*;

    #[test]
    fn floats_are_rounded_behind_the_point_alone() {
        for (value, text) in [
            (0.0, "0"),
            (-0.5, "-0.5"),
            (0.123_456_7, "0.12346"),
            (1.0, "1"),
            (12_345.6, "12346"),
            (123_456.0, "123456"),
            (-9_007_199_254_740.0, "-9007199254740"),
            (99_999.9, "100000"),
            (0.000_123_456, "0.00012346"),
            (0.000_012_345_6, "1.2346e-5"),
            (1.234_567_8e20, "1.2346e20"),
            (100.0, "100"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float_text(value, 5), text);
        }
        assert_eq!(float_text(0.1, 0), "0.1");
    }

    #[test]
    fn of_many_the_first_are_named() {
        assert_eq!(few_text(&["a", "b"], 2, ", "), "a, b");
        assert_eq!(few_text(&["a", "b", "c", "d"], 2, ", "), "a, b, and 2 more");
    }

    #[test]
    fn all_digits_without_noise() {
        assert_eq!(float_text(0.1 + 0.2, SURE), "0.3");
        assert_eq!(float_text(0.841_234_567_891, SURE), "0.841234567891");
        for (value, text) in [
            (0.3, "0.3"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.841_231, "0.841231"),
            (123_456.0, "123456"),
            (1e-7, "1e-7"),
            (1e20, "1e20"),
        ] {
            assert_eq!(float_text(value, EXACT), text, "the shortest that is the same float");
        }
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|count| count_text(count, "row")), ["0 rows", "1 row", "2 rows"]);
    }

    #[test]
    fn sizes_and_durations() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes_text(bytes), text);
        }
        for (millis, text) in [
            (0, "0ms"),
            (999, "999ms"),
            (4_200, "4.2s"),
            (59_949, "59.9s"),
            (59_960, "1m 00s"),
            (185_000, "3m 05s"),
            (7_620_000, "2h 07m"),
            (273_600_000, "3d 04h"),
            (-50, "-50ms"),
        ] {
            assert_eq!(duration_text(millis), text);
        }
        assert!(duration_text(i64::MIN).starts_with('-'));
    }
}
