//! Ages as people write them: a number with a unit.

/// An age in nanoseconds: `30d`, `12h`, `2w`, `0s`.
///
/// # Errors
/// When it does not begin with a number, or has no known unit.
pub fn parse_age(text: &str) -> Result<i64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().map_err(|_| format!("`{text}` does not begin with a number"))?;
    let seconds = match text[end..].trim() {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "w" => 604_800.0,
        _ => return Err("expected a number with one of s, m, h, d and w, as in 30d".to_owned()),
    };
    Ok((number * seconds * 1e9) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read() {
        for (text, seconds) in [("30d", 2_592_000), ("12h", 43_200), ("2w", 1_209_600), ("0s", 0)] {
            assert_eq!(parse_age(text), Ok(seconds * 1_000_000_000), "{text}");
        }
        for text in ["", "d", "30", "30y", "-1d"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }
}
