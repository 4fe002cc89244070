//! Times and durations as people write them in filters. Without an offset a time is UTC, so that a
//! filter means the same on every machine.

const DAY_MILLIS: i64 = 86_400_000;

/// Milliseconds since 1970 of `2026-11-21`, `2026-11-21 10:42`, `2026-11-21T10:42:07.5Z` or `…+01:00`.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let days = parse_date(date)?;
    if rest.is_empty() {
        return Some(days * DAY_MILLIS);
    }
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, offset) = split_offset(clock)?;
    Some(days * DAY_MILLIS + parse_clock(clock)? - offset)
}

fn parse_date(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) =
        (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    (1..=length).contains(&day).then(|| days_since_1970(year, month, day))
}

/// Years are counted from March, so that the leap day is a year's last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

fn parse_clock(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = match parts.next() {
        Some(second) if second.as_bytes().first()?.is_ascii_digit() => second.parse::<f64>().ok()?,
        Some(_) => return None,
        None => 0.0,
    };
    if hour > 23 || minute > 59 || second >= 60.0 || parts.next().is_some() {
        return None;
    }
    Some((hour * 60 + minute) * 60_000 + (second * 1000.0).round() as i64)
}

/// The clock without its offset, and the offset in milliseconds.
fn split_offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some((clock, 0)) };
    let (hours, minutes) = clock[at + 1..].split_once(':')?;
    let offset = (digits(hours, 2)? * 60 + digits(minutes, 2)?) * 60_000;
    Some((&clock[..at], if clock[at..].starts_with('-') { -offset } else { offset }))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Seconds of `90`, `90s`, `5m`, `1h30m`, `2d`, `250ms`.
pub(super) fn parse_duration(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<f64>() {
        return seconds.is_finite().then_some(seconds);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..unit].parse().ok()?;
        rest = &rest[unit..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        seconds += amount
            * match rest[..end].trim() {
                "ms" => 0.001,
                "s" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                "d" => 86_400.0,
                _ => return None,
            };
        rest = &rest[end..];
    }
    (!text.trim().is_empty()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        // From `date -ud … +%s%3N`.
        for (text, millis) in [
            ("1970-01-01", 0),
            ("2024-02-29", 1_709_164_800_000),
            ("2026-11-21 10:42", 1_795_257_720_000),
            ("2026-11-21T10:42:07.5Z", 1_795_257_727_500),
            ("2026-11-21T10:42:07+01:00", 1_795_254_127_000),
            ("1969-12-31T23:59:59Z", -1000),
        ] {
            assert_eq!(parse_time(text), Some(millis), "{text}");
        }
        for bad in [
            "",
            "2026",
            "2026-13-01",
            "2025-02-29",
            "2026-11-21T",
            "2026-11-21T24:00",
            "2026-11-21Tx",
            "ä2026-11-2",
        ] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("90", 90.0),
            ("5m", 300.0),
            ("1h30m", 5400.0),
            ("1.5s", 1.5),
            ("250ms", 0.25),
            ("2d", 172_800.0),
        ] {
            assert_eq!(parse_duration(text), Some(seconds), "{text}");
        }
        for bad in ["", "m", "5x", "inf", "5m3", "1..2s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
