//! Points in time, in the only unit that records use: milliseconds since 1970 in UTC.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Milliseconds since the start of 1970, UTC. Negative before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The clock of this machine.
    pub fn now() -> Self {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        };
        Timestamp(millis)
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is later.
    pub fn millis_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment at which the clocks here show what those of UTC show at `shown`. Where clocks are put back and show it twice, the
    /// first; where they are put forward and never do, as much later as they were put forward.
    pub fn of_local(shown: Timestamp) -> Timestamp {
        let utc =
            jiff::Timestamp::from_millisecond(shown.0).map(|time| time.to_zoned(jiff::tz::TimeZone::UTC));
        let here = utc.and_then(|utc| utc.datetime().to_zoned(jiff::tz::TimeZone::system()));
        here.map_or(shown, |here| Timestamp(here.timestamp().as_millisecond()))
    }

    /// When a day, `YYYY-MM-DD`, begins by the clocks here; `None` of what is no day.
    pub fn of_day(day: &str) -> Option<Timestamp> {
        let is_plain = day.len() == 10 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let day: jiff::civil::Date = day.parse().ok().filter(|_| is_plain)?;
        let shown = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
        Some(Timestamp::of_local(Timestamp(shown)))
    }

    /// Local time as `2026-11-21 10:42:07`; out of range as milliseconds.
    pub fn local(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Err(_) => format!("{} ms", self.0),
        }
    }
}

/// RFC 3339 in UTC with milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => write!(f, "{time:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_in_utc() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(1_763_721_727_045).to_string(), "2025-11-21T10:42:07.045Z");
        assert!(Timestamp(i64::MAX).to_string().ends_with(" ms"));
    }

    #[test]
    fn what_is_shown_here_is_read_here() {
        for moment in [0, 1_763_721_727_000, 1_753_000_000_000] {
            let shown: jiff::civil::DateTime = Timestamp(moment).local().parse().expect("a date and a time");
            let shown =
                shown.to_zoned(jiff::tz::TimeZone::UTC).expect("in range").timestamp().as_millisecond();
            assert_eq!(Timestamp::of_local(Timestamp(shown)), Timestamp(moment));
        }
        assert_eq!(Timestamp::of_local(Timestamp(i64::MAX)), Timestamp(i64::MAX));
    }

    #[test]
    fn days_are_read() {
        for day in ["2024-12-31", "2024-02-29", "1969-12-31", "0001-01-01", "9999-12-29"] {
            assert_eq!(Timestamp::of_day(day).map(Timestamp::local), Some(format!("{day} 00:00:00")));
        }
        for text in [
            "",
            "yesterday",
            "2024-13-01",
            "2024-1-1",
            "24-01-01",
            "2024-00-10",
            "2024-02-30",
            "2024-01-01 ",
            "2024-W10-1",
            "-002024-01",
        ] {
            assert_eq!(Timestamp::of_day(text), None, "{text}");
        }
    }
}
