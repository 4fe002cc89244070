//! Dates and times as DVC reads and writes them.

/// How DVC spells the date or time that a plain scalar is; `None` of what is none, and of days that no month has, at which
/// its reader fails.
pub(crate) fn date_text(text: &str) -> Option<String> {
    let mut rest = text;
    let year = digits(&mut rest, 4, 4)?;
    let (month, day) = (part(&mut rest, "-", 1)?, part(&mut rest, "-", 1)?);
    let days = match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year == 0 || !(1..=12).contains(&month) || !(1..=days).contains(&day) {
        return None;
    }
    if rest.is_empty() {
        // Of a date alone, month and day have two digits.
        return (text.len() == "2024-01-02".len()).then(|| text.to_owned());
    }
    let blanks = rest.trim_start_matches([' ', '\t']);
    rest = if blanks.len() < rest.len() { blanks } else { rest.strip_prefix(['T', 't'])? };
    let hour = digits(&mut rest, 1, 2)?;
    let (minute, second) = (part(&mut rest, ":", 2)?, part(&mut rest, ":", 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut fraction = String::new();
    if let Some(after) = rest.strip_prefix('.') {
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        fraction = after[..after.len() - rest.len()].to_owned();
    }
    let zone = rest.trim_start_matches([' ', '\t']);
    let zone = match zone.strip_prefix(['+', '-']) {
        _ if zone.is_empty() && rest.is_empty() => String::new(),
        _ if zone == "Z" => "+00:00".to_owned(),
        None => return None,
        Some(mut offset) => {
            let hours = digits(&mut offset, 1, 2)?;
            let minutes = if offset.is_empty() { 0 } else { part(&mut offset, ":", 2)? };
            if hours * 60 + minutes >= 24 * 60 {
                return None;
            }
            let sign = if zone.starts_with('-') && hours + minutes > 0 { '-' } else { '+' };
            offset.is_empty().then(|| format!("{sign}{hours:02}:{minutes:02}"))?
        }
    };
    // Its reader rounds by the seventh digit.
    let is_more = fraction.as_bytes().get(6).is_some_and(|digit| *digit > b'4');
    let micros = format!("{fraction:0<6}")[..6].parse::<u32>().ok()? + u32::from(is_more);
    let fraction = if (1..1_000_000).contains(&micros) { format!(".{micros:06}") } else { String::new() };
    let (carry, second) = carried(micros / 1_000_000, second, 60);
    let (carry, minute) = carried(carry, minute, 60);
    let (carry, hour) = carried(carry, hour, 24);
    let (carry, day) = carried(carry, day - 1, days);
    let (carry, month) = carried(carry, month - 1, 12);
    let (year, month, day) = (year + carry, month + 1, day + 1);
    // No year has more digits.
    (year < 10_000)
        .then(|| format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// A number that counts up to `most`, with what is carried to it, and what it carries on.
fn carried(carry: u32, number: u32, most: u32) -> (u32, u32) {
    ((number + carry) / most, (number + carry) % most)
}

/// Whether DVC's writer quotes a text because it is shaped as a date or time, whether or not there is such a day.
pub(crate) fn has_date_shape(text: &str) -> bool {
    let shape = || {
        let mut rest = text;
        digits(&mut rest, 4, 4)?;
        let (month, day) = (part_text(&mut rest, "-")?, part_text(&mut rest, "-")?);
        if rest.is_empty() {
            return (month == 2 && day == 2).then_some(());
        }
        let blanks = rest.trim_start_matches([' ', '\t']);
        rest = if blanks.len() < rest.len() { blanks } else { rest.strip_prefix(['T', 't'])? };
        digits(&mut rest, 1, 2)?;
        part(&mut rest, ":", 2)?;
        part(&mut rest, ":", 2)?;
        if let Some(after) = rest.strip_prefix('.') {
            rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        if rest.is_empty() {
            return Some(());
        }
        let zone = rest.trim_start_matches([' ', '\t']);
        if zone == "Z" {
            return Some(());
        }
        let mut offset = zone.strip_prefix(['+', '-'])?;
        digits(&mut offset, 1, 2)?;
        if !offset.is_empty() {
            part(&mut offset, ":", 2)?;
        }
        offset.is_empty().then_some(())
    };
    shape().is_some()
}

/// How many digits, two at most, stand behind a mark.
fn part_text(rest: &mut &str, mark: &str) -> Option<usize> {
    let before = rest.strip_prefix(mark)?.len();
    part(rest, mark, 1)?;
    Some(before - rest.len())
}

/// The number of so many digits at the start, which are taken off.
fn digits(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let end = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(end);
    *rest = after;
    (end >= least).then(|| number.parse().ok())?
}

/// The number of two digits at most behind a mark.
fn part(rest: &mut &str, mark: &str, least: usize) -> Option<u32> {
    *rest = rest.strip_prefix(mark)?;
    digits(rest, least, 2)
}
