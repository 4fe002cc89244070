//! JSON as programs write it: the standard's, and besides it `NaN`, `Infinity` and `-Infinity`, which
//! Python's `json.dump` writes for numbers that the standard has no word for. Whole numbers of more than 64 bits are whole
//! numbers, as for Python, what is too large for a float is infinite, and `-0` is 0.

use std::ops::Range;

use base::{Repeating, Value};
use indexmap::IndexMap;
use serde::de::DeserializeOwned;

use crate::format::dvc::surrogates::without_halves;

/// Reads a JSON text.
///
/// # Errors
/// When it is malformed; the place in the error is that of the text as it stands.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    read(text, |value: Value| value)
}

/// The same of a text in which keys may stand twice: the last counts, in the place of the first, as for Python. Halves of
/// surrogate pairs may stand alone.
///
/// # Errors
/// As [`parse`], but for such keys.
pub(crate) fn parse_repeating(text: &str) -> Result<Value, serde_json::Error> {
    read(&without_halves(text), |Repeating(value)| value).map(last_of_each)
}

fn last_of_each(value: Value) -> Value {
    match value {
        Value::List(list) => Value::List(list.into_iter().map(last_of_each).collect()),
        Value::Map(map) => {
            Value::Map(map.into_iter().map(|(key, value)| (key, last_of_each(value))).collect())
        }
        Value::Pairs(pairs) => {
            let mut map = IndexMap::with_capacity(pairs.len());
            for (key, value) in pairs {
                map.insert(key.key_text(), last_of_each(value));
            }
            Value::Map(map)
        }
        other => other,
    }
}

fn read<T: DeserializeOwned>(text: &str, value_of: impl Fn(T) -> Value) -> Result<Value, serde_json::Error> {
    let read = serde_json::from_str(text).map(&value_of);
    if read.is_ok() && !has_wide_number(text) && !has_negative_zero(text) {
        return read;
    }
    let tokens = bare_tokens(text);
    if tokens.iter().all(|token| special(&text[token.clone()]).is_none()) {
        return read;
    }
    // Numbers of the same width stand in for the special ones, so that every fault keeps its place.
    let mut plain = text.to_owned();
    for token in &tokens {
        if special(&text[token.clone()]).is_some() {
            let sign = if text[token.clone()].starts_with('-') { "-1" } else { "1" };
            plain.replace_range(token.clone(), &format!("{sign:0<width$}", width = token.len()));
        }
    }
    let mut value = value_of(serde_json::from_str(&plain)?);
    put_back(&mut value, &mut tokens.iter().map(|token| special(&text[token.clone()])));
    Ok(value)
}

/// So many digits may be more than 64 bits.
const WIDE: usize = 19;

fn has_wide_number(text: &str) -> bool {
    text.as_bytes().split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() >= WIDE)
}

/// Whether `-0` may stand somewhere as a number.
fn has_negative_zero(text: &str) -> bool {
    let goes_on = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E');
    text.match_indices("-0").any(|(at, zero)| !text.as_bytes().get(at + zero.len()).is_some_and(goes_on))
}

/// What a token says that the standard's reader does not take, or not as it is.
fn special(token: &str) -> Option<Value> {
    match token {
        "NaN" => return Some(Value::Float(f64::NAN)),
        "Infinity" => return Some(Value::Float(f64::INFINITY)),
        "-Infinity" => return Some(Value::Float(f64::NEG_INFINITY)),
        "-0" => return Some(Value::Int(0)),
        _ => {}
    }
    let digits = token.strip_prefix('-').unwrap_or(token);
    if !digits.starts_with(|first: char| first.is_ascii_digit() && first != '0') {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Value::integer(token != digits, digits, 10).filter(|_| digits.len() >= WIDE);
    }
    // Only what has an exponent is this large and no whole number.
    let is_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let number = digits.bytes().all(is_number).then(|| token.parse::<f64>().ok()).flatten();
    number.filter(|number| number.is_infinite()).map(Value::Float)
}

/// The words and numbers outside strings, in their order.
fn bare_tokens(text: &str) -> Vec<Range<usize>> {
    let mut tokens: Vec<Range<usize>> = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
        } else if byte == b'"' {
            in_string = true;
        } else if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.') {
            match tokens.last_mut() {
                Some(last) if last.end == at => last.end += 1,
                _ => tokens.push(at..at + 1),
            }
        }
    }
    tokens
}

/// Gives each value that is no string what its own token says. Values and tokens are in one order: keys
/// are strings, maps keep theirs, and a key that stands twice was refused, or is kept with all its values.
fn put_back(value: &mut Value, tokens: &mut impl Iterator<Item = Option<Value>>) {
    match value {
        Value::List(list) => list.iter_mut().for_each(|value| put_back(value, tokens)),
        Value::Map(map) => map.values_mut().for_each(|value| put_back(value, tokens)),
        Value::Pairs(pairs) => pairs.iter_mut().for_each(|(_, value)| put_back(value, tokens)),
        Value::Str(_) | Value::Date(_) => {}
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) => {
            if let Some(Some(number)) = tokens.next() {
                *value = number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_python_writes_them() {
        let text =
            r#"{"a NaN": "NaN, \"Infinity", "b": [1, NaN, true, {"c": -Infinity}, null, 2.5], "d":Infinity}"#;
        let expected = [
            ("a NaN", Value::from("NaN, \"Infinity")),
            ("b.0", Value::from(1)),
            ("b.1", Value::Float(f64::NAN)),
            ("b.2", Value::from(true)),
            ("b.3.c", Value::Float(f64::NEG_INFINITY)),
            ("b.4", Value::Null),
            ("b.5", Value::Float(2.5)),
            ("d", Value::Float(f64::INFINITY)),
        ];
        let value = parse(text).expect("as Python writes it");
        for (key, wanted) in expected {
            assert_eq!(value.get(key), Some(&wanted), "{key}");
        }
        assert_eq!(parse("NaN").expect("alone"), Value::Float(f64::NAN));
    }

    #[test]
    fn whole_numbers_have_no_negative_zero() {
        let text = r#"{"a": -0, "b": [-0.0, -0e1, -0], "c -0": "-0", "d": 2, "e": -0}"#;
        let value = parse(text).expect("as Python writes it");
        assert_eq!(value.to_string(), r#"{"a":0,"b":[-0.0,-0.0,0],"c -0":"-0","d":2,"e":0}"#);
        assert_eq!(parse("-0").map(|zero| zero.to_string()).ok().as_deref(), Some("0"));
        assert!(parse("[-00, -0]").is_err());
    }

    #[test]
    fn large_numbers_as_python_reads_them() {
        let text = r#"{"a": 18446744073709551617, "b": [-9223372036854775809, 9223372036854775808, 1.5, 1e400],
            "c 12345678901234567890": "12345678901234567890", "d": -1e999, "e": 123456789012345678901234567890,
            "f": [170141183460469231731687303715884105728, -170141183460469231731687303715884105728,
            -170141183460469231731687303715884105729]}"#;
        let value = parse(text).expect("as Python writes it");
        for (key, wanted) in [
            ("a", Value::Int(18_446_744_073_709_551_617)),
            ("b.0", Value::Int(-9_223_372_036_854_775_809)),
            ("b.1", Value::Int(9_223_372_036_854_775_808)),
            ("b.2", Value::Float(1.5)),
            ("b.3", Value::Float(f64::INFINITY)),
            ("c 12345678901234567890", Value::from("12345678901234567890")),
            ("d", Value::Float(f64::NEG_INFINITY)),
            ("e", Value::Int(123_456_789_012_345_678_901_234_567_890)),
            ("f.0", Value::Big("170141183460469231731687303715884105728".to_owned())),
            ("f.1", Value::Int(i128::MIN)),
            ("f.2", Value::Big("-170141183460469231731687303715884105729".to_owned())),
        ] {
            assert_eq!(value.get(key), Some(&wanted), "{key}");
        }
        for text in ["[01234567890123456789]", "[1e400", "[12345678901234567890.]", "[1e40.0]"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn faults_keep_their_place() {
        for (text, line, column) in [
            ("{\"a\": NaN,\n \"b\": }", 2, 7),
            ("{\"a\": -Infinity, \"b\": nan}", 1, 24),
            ("[NaN, NaN NaN]", 1, 11),
            ("{NaN: 1}", 1, 2),
            ("{\"a\": --Infinity}", 1, 8),
            ("{\"a\": \"NaN", 1, 10),
            ("[NaN, \"e\" 1]", 1, 11),
        ] {
            let fault = parse(text).expect_err(text);
            assert_eq!((fault.line(), fault.column()), (line, column), "{text}: {fault}");
        }
        assert!(parse(r#"{"a": NaN, "a": 1}"#).is_err(), "a key that stands twice");
    }

    #[test]
    fn the_last_of_a_key_counts_for_dvc() {
        let text = r#"{"a": NaN, "b": {"x": -0, "x": {"y": 1, "y": -0, "z": Infinity}},
            "a": [1, {"c": 2, "c": 3}], "d": -0}"#;
        let value = parse_repeating(text).expect("as Python reads it");
        assert_eq!(value.to_string(), r#"{"a":[1,{"c":3}],"b":{"x":{"y":0,"z":null}},"d":0}"#);
        assert_eq!(value.get("b.x.z"), Some(&Value::Float(f64::INFINITY)));
        assert!(parse_repeating("{").is_err());
    }
}
