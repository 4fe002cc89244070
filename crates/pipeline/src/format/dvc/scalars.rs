//! Numbers and dates as DVC reads them: `1_000` and `010` are numbers, `.5e3` is a text.
//!
//! DVC's reader, ruamel.yaml, knows more spellings than YAML 1.2 has. What it takes otherwise than ours is spelled in a way
//! that both take alike before the text is read. A text without such, as nearly every one is, is looked through once.

use std::borrow::Cow;
use std::ops::Range;

use base::{DATE_KEY, Value};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// The text with each number of DVC that is otherwise none, or another, spelled so that it is one.
pub(crate) fn respelled(text: &str) -> Cow<'_, str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}' | ':');
    match text.split(ends).any(|word| respelling(word).is_some()) {
        true => respelled_by(text, respelling),
        false => Cow::Borrowed(text),
    }
}

/// The same, with dates as [`Typed`](base::Typed) reads them.
pub(crate) fn respelled_with_dates(text: &str) -> Cow<'_, str> {
    let is_year =
        |word: &str| word.len() >= 4 && word.bytes().rev().take(4).all(|byte| byte.is_ascii_digit());
    if !text.split('-').any(is_year) {
        return respelled(text);
    }
    respelled_by(text, |scalar| match date_text(scalar) {
        Some(_) => Some(format!("{{\"{DATE_KEY}\": \"{scalar}\"}}")),
        None => respelling(scalar),
    })
}

fn respelled_by(text: &str, respelling: impl Fn(&str) -> Option<String>) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut changed = String::with_capacity(text.len());
    let mut kept = 0;
    for (at, spelling) in changes(text, respelling) {
        changed.push_str(&text[kept..at.start]);
        changed.push_str(&spelling);
        kept = at.end;
    }
    changed.push_str(&text[kept..]);
    Cow::Owned(changed)
}

/// What stands otherwise in the text, and where: in plain scalars without a tag alone.
fn changes(text: &str, respelling: impl Fn(&str) -> Option<String>) -> Vec<(Range<usize>, String)> {
    let mut changes = Vec::new();
    let mut characters = text.char_indices().map(|(at, _)| at).chain([text.len()]).enumerate();
    for event in Parser::new_from_str(text) {
        // What is no YAML is told by the reader.
        let Ok((event, span)) = event else { break };
        let Event::Scalar(scalar, ScalarStyle::Plain, _, None) = event else { continue };
        let Some(spelling) = respelling(&scalar) else { continue };
        // A span begins with the anchor, and ends with the scalar.
        let end = characters.find(|(number, _)| *number == span.end.index()).map(|(_, at)| at);
        if let Some(end) = end.filter(|end| text[..*end].ends_with(&*scalar)) {
            changes.push((end - scalar.len()..end, spelling));
        }
    }
    changes
}

/// How a plain scalar is spelled for our reader, where that takes it otherwise than DVC's.
fn respelling(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let digits = text.trim_start_matches(['+', '-']);
    let led_by_zero = digits.len() > 1 && digits.starts_with('0');
    match number(text) {
        Some(Value::Int(number)) if text.contains('_') || led_by_zero => Some(number.to_string()),
        Some(Value::Float(number)) if number.is_infinite() && !text.ends_with(['f', 'F']) => {
            Some(if number > 0.0 { ".inf" } else { "-.inf" }.to_owned())
        }
        Some(Value::Float(number)) if text.contains('_') => Some(Value::float_text(number)),
        None if text.contains(['e', 'E']) && text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Some(format!("'{text}'"))
        }
        _ => None,
    }
}

/// The number that DVC reads; `None` of a text, and of an integer too large for us.
fn number(text: &str) -> Option<Value> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if matches!(rest, ".inf" | ".Inf" | ".INF") {
        return Some(Value::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Value::Float(f64::NAN));
    }
    if is_float(rest) {
        let number: f64 = rest.replace('_', "").parse().ok()?;
        return Some(Value::Float(if negative { -number } else { number }));
    }
    let (digits, radix) = match rest.get(..2) {
        Some("0b") => (&rest[2..], 2),
        Some("0o") => (&rest[2..], 8),
        Some("0x") => (&rest[2..], 16),
        _ => (rest, 10),
    };
    if !digits.chars().all(|c| c == '_' || c.is_digit(radix)) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    i128::from_str_radix(&format!("{sign}{}", digits.replace('_', "")), radix).ok().map(Value::Int)
}

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
            let sign = if zone.starts_with('-') && hours + minutes > 0 { '-' } else { '+' };
            offset.is_empty().then(|| format!("{sign}{hours:02}:{minutes:02}"))?
        }
    };
    let fraction = match fraction.get(..6) {
        Some(micros) if micros.bytes().any(|byte| byte != b'0') => format!(".{micros}"),
        None if fraction.bytes().any(|byte| byte != b'0') => format!(".{fraction:0<6}"),
        _ => String::new(),
    };
    Some(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
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

/// Whether a text without sign is a float: with a point or an exponent, which has its own sign where no digit stands before
/// the point.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit());
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let counts = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']);
        let signed = digits.is_some();
        let digits = digits.unwrap_or(exponent);
        let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        all && (signed || !whole.is_empty())
    });
    counts
        && (fraction.is_some() || exponent.is_some())
        && (!whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty()))
        && !whole.starts_with('_')
        && is_digits(whole)
        && fraction.is_none_or(is_digits)
}

#[cfg(test)]
mod tests {
    use base::ProjectPath;

    use super::*;
    use crate::dialect::Dialect;

    /// What ruamel.yaml 0.19 made of each.
    const SCALARS: &str = include_str!("../../../tests/golden/dvc-scalars.txt");

    fn read(text: &str) -> Value {
        Dialect::Dvc.read_yaml(&ProjectPath::root().join("params.yaml"), text).expect(text)
    }

    #[test]
    fn scalars_are_read_as_dvc_reads_them() {
        assert!(SCALARS.lines().count() > 300);
        for line in SCALARS.lines() {
            let (written, kind) = line.split_once(" = ").expect("a scalar and what it is");
            let expected = match kind.split_once(' ') {
                Some(("int", number)) => Value::Int(number.parse().expect(line)),
                Some(("float", number)) => Value::Float(number.parse().expect(line)),
                Some((_, truth)) => Value::Bool(truth == "True"),
                None if kind == "null" => Value::Null,
                None => Value::from(written),
            };
            for text in [
                format!("a: {written}"),
                format!("é: 'é 1_0' # é\r\nb: &x {written}\na: *x\n"),
                format!("- [{{x: 1}}, 'y']\n- a: {written} # 1_0\n"),
            ] {
                let value = read(&text);
                let found = value.get("a").or_else(|| value.get("1.a"));
                assert_eq!(found, Some(&expected), "{text}");
                let sign = |value: &Value| value.as_f64().map(f64::is_sign_negative);
                assert_eq!(found.and_then(sign), sign(&expected), "{text}");
            }
        }
    }

    /// What ruamel.yaml 0.19 made of each, as it writes it.
    #[test]
    fn dates_are_those_of_dvc() {
        for (written, expected) in [
            ("2024-01-02", "2024-01-02"),
            ("0999-02-03", "0999-02-03"),
            ("2024-01-02T03:04:05", "2024-01-02 03:04:05"),
            ("2024-1-2 3:04:05", "2024-01-02 03:04:05"),
            ("2024-01-02   03:04:05", "2024-01-02 03:04:05"),
            ("2024-01-02t03:04:05 Z", "2024-01-02 03:04:05+00:00"),
            ("2024-01-02T03:04:05-00:00", "2024-01-02 03:04:05+00:00"),
            ("2024-01-02T03:04:05-03", "2024-01-02 03:04:05-03:00"),
            ("2024-01-02 03:04:05 +1:30", "2024-01-02 03:04:05+01:30"),
            ("2024-01-02T03:04:05.5 -5:30", "2024-01-02 03:04:05.500000-05:30"),
            ("2024-01-02T03:04:05.120", "2024-01-02 03:04:05.120000"),
            ("2024-01-02T03:04:05.", "2024-01-02 03:04:05"),
            ("2024-02-29", "2024-02-29"),
        ] {
            assert_eq!(date_text(written).as_deref(), Some(expected), "{written}");
            assert_eq!(date_text(expected).as_deref(), Some(expected), "{written}");
            let file = ProjectPath::root().join("params.yaml");
            let texts = [
                format!("a: {written}\n"),
                format!("é: &x {written} # 1_0\na: *x\n"),
                format!("{{a: {written}, b: 1_0}}"),
            ];
            for text in texts {
                let value = Dialect::Dvc.read_typed_yaml(&file, &text).expect(&text);
                assert_eq!(value.get("a"), Some(&Value::Date(written.to_owned())), "{text}");
                assert_eq!(read(&text).get("a"), Some(&Value::from(written)), "{text}");
            }
        }
        for text in
            ["2024-1-2", "2024-01-32", "2023-02-29", "0000-01-01", "2024-01-02T03:04", "12:30:45", "2024-01"]
        {
            assert_eq!(date_text(text), None, "{text}");
        }
    }

    #[test]
    fn keys_are_what_they_are() {
        let file = ProjectPath::root().join("params.yaml");
        let text = "a: {5: x, 010: y, true: z, null: n, 1.50: f, 2024-01-02: d, t: s}\nb: &b {1: x, q: 1}\nc:\n  \
                    <<: *b\n  2: y\n  1: z\n";
        let value = Dialect::Dvc.read_typed_yaml(&file, text).expect("YAML");
        let Some(Value::Pairs(pairs)) = value.get("a") else { panic!("{value:?}") };
        let keys: Vec<Value> = pairs.iter().map(|(key, _)| key.clone()).collect();
        let expected = [
            Value::Int(5),
            Value::Int(10),
            Value::Bool(true),
            Value::Null,
            Value::Float(1.5),
            Value::Date("2024-01-02".to_owned()),
            Value::from("t"),
        ];
        assert_eq!(keys, expected);
        assert_eq!(value.get("c").map(Value::to_string).as_deref(), Some(r#"{"1":"z","q":1,"2":"y"}"#));
        assert_eq!(value.get("a.True"), Some(&Value::from("z")));
        assert_eq!(read(text).get("a.1.5"), Some(&Value::from("f")));
        for text in ["a: {1: x, true: y}", "a: {0: x, -0.0: y}", "a: {2.0: x, 2: y}", "a: {-10: x, -10.0: y}"]
        {
            assert!(Dialect::Dvc.read_typed_yaml(&file, text).is_err(), "{text}");
        }
        assert!(Dialect::Dvc.read_typed_yaml(&file, "a: {1: x, '1': y, 1.5: z, True: u}").is_err());
        assert!(Dialect::Dvc.read_typed_yaml(&file, "a: {1: x, '1': y, 1.5: z, false: u}").is_ok());
        let twice = Dialect::Dvc.read_typed_yaml(&file, "a:\n  1: x\n  1: y\n").expect_err("twice");
        assert_eq!(twice.to_string().split(':').nth(1), Some("3"), "{twice}");
    }

    #[test]
    fn texts_stay_as_they_are() {
        for text in
            ["a: '1_0'", "a: \"1_0\"", "a: |\n  1_0\n", "a: x 1_0", "a: 1_0 x", "a: >-\n  1_0\n", "# 1_0"]
        {
            assert_eq!(respelled(text), text);
        }
        assert_eq!(respelled("\u{feff}{1_0: [.5e3,1_0], \"a\":0_7}"), "{10: ['.5e3',10], \"a\":7}");
        assert!(matches!(respelled("a: [1, 0.5, -3, 1e5, .inf, 0]\n"), Cow::Borrowed(_)));
    }
}
