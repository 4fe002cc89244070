//! Numbers as DVC reads them: `1_000` and `010` are such, `.5e3` is a text.
//!
//! DVC's reader, ruamel.yaml, knows more spellings than YAML 1.2 has. What it takes otherwise than ours is spelled in a way
//! that both take alike before the text is read. A text without such, as nearly every one is, is looked through once.

use std::borrow::Cow;
use std::ops::Range;

use base::Value;
use saphyr_parser::{Event, Parser, ScalarStyle};

/// The text with each number of DVC that is otherwise none, or another, spelled so that it is one.
pub(crate) fn respelled(text: &str) -> Cow<'_, str> {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}' | ':');
    if !text.split(ends).any(|word| respelling(word).is_some()) {
        return Cow::Borrowed(text);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut changed = String::with_capacity(text.len());
    let mut kept = 0;
    for (at, spelling) in changes(text) {
        changed.push_str(&text[kept..at.start]);
        changed.push_str(&spelling);
        kept = at.end;
    }
    changed.push_str(&text[kept..]);
    Cow::Owned(changed)
}

/// What stands otherwise in the text, and where: in plain scalars without a tag alone.
fn changes(text: &str) -> Vec<(Range<usize>, String)> {
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
