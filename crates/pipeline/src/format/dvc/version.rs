//! The version of YAML that a file asks for: below `%YAML 1.1`, `yes` is true, `010` is 8 and `1:30` is 90.

use base::Value;

use super::scalars::{is_float, number};

/// By which version scalars are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Version 1.1.
    Old,
    /// Version 1.2, by which a file without directive is read.
    New,
}

impl Rules {
    /// What the directives at the top of a text say.
    pub(crate) fn of(text: &str) -> Rules {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match &words[..] {
                ["%YAML", version, ..] => {
                    let (major, minor) = version.split_once('.').unwrap_or((version, ""));
                    let one = |number: &str| number.parse() == Ok(1);
                    return if one(major) && one(minor) { Rules::Old } else { Rules::New };
                }
                [] => {}
                [first, ..] if first.starts_with(['#', '%']) => {}
                _ => break,
            }
        }
        Rules::New
    }

    /// The number that a plain scalar is.
    pub(crate) fn number(self, text: &str) -> Option<Value> {
        match self {
            Rules::New => number(text),
            Rules::Old => old_number(text),
        }
    }
}

/// The truth that a word in small letters is by version 1.1.
pub(crate) fn truth(word: &str) -> Option<bool> {
    match word {
        "y" | "yes" | "true" | "on" => Some(true),
        "n" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// The same of a plain scalar, whose letters are all small, all large, or large at the start alone.
pub(crate) fn old_truth(text: &str) -> Option<bool> {
    let small = text.to_ascii_lowercase();
    let rest = text.get(1..)?;
    let is_even = rest == &small[1..] || text == small.to_ascii_uppercase();
    truth(&small).filter(|_| is_even)
}

fn old_number(text: &str) -> Option<Value> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.replace('_', "");
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return number(text);
    }
    if is_float(unsigned) {
        return if unsigned.starts_with('.') && unsigned != text { None } else { number(text) };
    }
    let begins = |range: std::ops::RangeInclusive<char>| unsigned.starts_with(|c| range.contains(&c));
    if let Some((whole, parts)) = unsigned.split_once(':') {
        let (parts, fraction) = match parts.split_once('.') {
            Some((parts, fraction)) => (parts, Some(fraction)),
            None => (parts, None),
        };
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        let is_sixtieth = |part: &str| {
            part.bytes().all(|byte| byte.is_ascii_digit())
                && matches!(part.len(), 1 | 2)
                && part.parse::<u8>().is_ok_and(|number| number < 60)
        };
        if !begins(if fraction.is_some() { '0'..='9' } else { '1'..='9' })
            || !is_digits(whole)
            || !parts.split(':').all(is_sixtieth)
            || !fraction.is_none_or(is_digits)
        {
            return None;
        }
        let parts: Vec<&str> = digits.split(':').collect();
        if fraction.is_some() {
            // In the order of Python's sum, whose rounding it shares.
            let (mut base, mut sum) = (1.0, 0.0);
            for part in parts.iter().rev() {
                sum += part.parse::<f64>().ok()? * base;
                base *= 60.0;
            }
            return Some(Value::Float(if negative { -sum } else { sum }));
        }
        let mut sum = 0_i128;
        for part in parts {
            sum = sum.checked_mul(60)?.checked_add(part.parse().ok()?)?;
        }
        return Some(Value::Int(if negative { -sum } else { sum }));
    }
    let has = |rest: &str, radix: u32| rest.chars().all(|c| c == '_' || c.is_digit(radix));
    if let Some(rest) = unsigned.strip_prefix("0b").filter(|rest| has(rest, 2)) {
        return Value::integer(negative, &rest.replace('_', ""), 2);
    }
    if let Some(rest) = unsigned.strip_prefix("0x").filter(|rest| has(rest, 16)) {
        return Value::integer(negative, &rest.replace('_', ""), 16);
    }
    let is_plain = unsigned == "0" || (begins('1'..='9') && has(unsigned, 10));
    // What a bar begins is a number behind a sign alone.
    if is_plain || (has(unsigned, 8) && (!unsigned.starts_with('_') || unsigned != text)) {
        return Value::integer(negative, &digits, if digits.starts_with('0') { 8 } else { 10 });
    }
    None
}

#[cfg(test)]
mod tests {
    use base::ProjectPath;

    use super::super::scalars::tests::listed;
    use crate::dialect::Dialect;

    /// What ruamel.yaml 0.19 made of each below `%YAML 1.1`.
    const SCALARS: &str = include_str!("../../../tests/golden/dvc-scalars-of-1.1.txt");

    #[test]
    fn scalars_of_version_1_1_are_read_as_dvc_reads_them() {
        assert!(SCALARS.lines().count() > 100);
        let file = ProjectPath::root().join("params.yaml");
        for (written, expected) in listed(SCALARS) {
            for text in [
                format!("%YAML 1.1\n---\na: {written}\n"),
                format!("\u{feff}# x\n%YAML 1.1 # é\r\n---\r\né: 2024-01-02\nb: &x {written} # c\na: *x\n"),
            ] {
                let value = Dialect::Dvc.read_typed_yaml(&file, &text).expect(&text);
                assert_eq!(value.get("a"), Some(&expected), "{text}");
            }
        }
        let value = |text: &str| Dialect::Dvc.read_typed_yaml(&file, text).expect(text).to_string();
        assert_eq!(
            value("%YAML 1.1\n---\n{yes: 'no', b: [010, '010', off]}\n"),
            r#"{"true":"no","b":[8,"010",false]}"#
        );
        assert_eq!(value("%YAML 1.2\n---\nyes: [010, on]\n"), r#"{"yes":[10,"on"]}"#);
        assert_eq!(value("a: |\n  %YAML 1.1\nb: yes\n"), r#"{"a":"%YAML 1.1\n","b":"yes"}"#);
        for text in ["%YAML 1.3\n---\na: 1\n", "%YAML 1.1\n---\nyes: 1\ntrue: 2\n", "%YAML 1.1\n---\na: [\n"]
        {
            assert!(Dialect::Dvc.read_typed_yaml(&file, text).is_err(), "{text}");
        }
    }
}
