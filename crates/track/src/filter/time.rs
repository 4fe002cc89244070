//! Times and durations as people write them in filters, and what each could be short for. Without an offset a time is local,
//! since lists show local times: what stands in one finds its run.

use base::Timestamp;

const MINUTE_MILLIS: i64 = 60_000;
const DAY_MILLIS: i64 = 86_400_000;

/// Milliseconds since 1970 of `2026-11-21`, `2026-11-21 10:42`, `2026-11-21T10:42:07.5Z` or `…+01:00`: the first of what it stands
/// for, which is that day, minute, second or fraction of one, and the first after it.
pub(super) fn parse_time(text: &str) -> Option<(i64, i64)> {
    let (date, rest) = text.split_at_checked(10)?;
    let day = parse_date(date)? * DAY_MILLIS;
    let ((from, to), offset) = if rest.is_empty() {
        ((0, DAY_MILLIS), None)
    } else {
        let (clock, offset) = split_offset(rest.strip_prefix(['T', 't', ' '])?)?;
        (parse_clock(clock)?, offset)
    };
    let moment = |at: i64| match offset {
        Some(offset) => at - offset,
        None => Timestamp::of_local(Timestamp(at)).0,
    };
    Some((moment(day + from), moment(day + to)))
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

/// The milliseconds of a day that a time of it stands for.
fn parse_clock(clock: &str) -> Option<(i64, i64)> {
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, length) = match parts.next() {
        Some(second) => parse_seconds(second)?,
        None => (0, MINUTE_MILLIS),
    };
    if hour > 23 || minute > 59 || parts.next().is_some() {
        return None;
    }
    let from = (hour * 60 + minute) * MINUTE_MILLIS + second;
    Some((from, from + length))
}

/// Milliseconds of seconds of a minute, and for how many of them they stand; what is finer than a millisecond counts for nothing.
fn parse_seconds(text: &str) -> Option<(i64, i64)> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let whole = digits(whole, 2).filter(|whole| *whole < 60)?;
    if text.ends_with('.') || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = &part[..part.len().min(3)];
    let length = 10_i64.pow(3 - part.len() as u32);
    Some((whole * 1000 + part.parse().unwrap_or(0) * length, length))
}

/// The clock without its offset, and the offset in milliseconds, where it has one.
fn split_offset(clock: &str) -> Option<(&str, Option<i64>)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, Some(0)));
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some((clock, None)) };
    let (hours, minutes) = clock[at + 1..].split_once(':')?;
    let offset = (digits(hours, 2)? * 60 + digits(minutes, 2)?) * 60_000;
    Some((&clock[..at], Some(if clock[at..].starts_with('-') { -offset } else { offset })))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A duration in seconds, and which ones lists show so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Duration {
    /// As written.
    pub seconds: f64,
    /// The shortest that is shown so: minutes and what is longer are cut off, seconds are rounded.
    pub from: f64,
    /// The shortest that is longer.
    pub to: f64,
}

/// `90`, `90s`, `5m`, `1h30m`, `2d`, `250ms`. A mere number is no more than itself.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<f64>() {
        return seconds.is_finite().then_some(Duration { seconds, from: seconds, to: seconds.next_up() });
    }
    let mut seconds = 0.0;
    let mut last = None;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount = &rest[..unit];
        rest = &rest[unit..];
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let length = match rest[..end].trim() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        seconds += amount.parse::<f64>().ok()? * length;
        let decimals = amount.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        last = Some((length, length / 10_f64.powi(i32::try_from(decimals).ok()?)));
        rest = &rest[end..];
    }
    let (unit, step) = last?;
    let (before, after) = if unit > 1.0 { (0.0, step) } else { (step / 2.0, step / 2.0) };
    Some(Duration { seconds, from: seconds - before, to: seconds + after })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        // From `date -ud … +%s%3N`.
        for (text, from, length) in [
            ("1970-01-01T00:00Z", 0, 60_000),
            ("2024-02-29 00:00:00z", 1_709_164_800_000, 1000),
            ("2026-11-21T10:42:07.5Z", 1_795_257_727_500, 100),
            ("2026-11-21T10:42:07.0459Z", 1_795_257_727_045, 1),
            ("2026-11-21T10:42:07+01:00", 1_795_254_127_000, 1000),
            ("1969-12-31T23:59:59Z", -1000, 1000),
        ] {
            assert_eq!(parse_time(text), Some((from, from + length)), "{text}");
        }
        // Without an offset as a list here shows it.
        let now = 1_795_257_727_045;
        let shown = Timestamp(now).local();
        let (from, to) = parse_time(&shown).expect("a time");
        assert_eq!((from, to), (now - 45, now - 45 + 1000), "{shown}");
        let (from, to) = parse_time(&shown[..10]).expect("a date");
        assert!(from < now && now < to && (22..=26).contains(&((to - from) / 3_600_000)), "{shown}");
        for bad in [
            "",
            "2026",
            "2026-13-01",
            "2025-02-29",
            "2026-11-21T",
            "2026-11-21T24:00",
            "2026-11-21Tx",
            "2026-11-21T10:42:60",
            "2026-11-21T10:42:1e1",
            "2026-11-21T10:42:07.",
            "2026-11-21T10:42:",
            "ä2026-11-2",
        ] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations() {
        for (text, seconds, from, to) in [
            ("90", 90.0, 90.0, 90.0_f64.next_up()),
            ("5m", 300.0, 300.0, 360.0),
            ("3m 05s", 185.0, 184.5, 185.5),
            ("1h30m", 5400.0, 5400.0, 5460.0),
            ("1.5s", 1.5, 1.45, 1.55),
            ("250ms", 0.25, 0.2495, 0.2505),
            ("2d", 172_800.0, 172_800.0, 259_200.0),
        ] {
            assert_eq!(parse_duration(text), Some(Duration { seconds, from, to }), "{text}");
        }
        for bad in ["", "m", "5x", "inf", "5m3", "1..2s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
