//! JSON as programs write it: the standard's, and besides it `NaN`, `Infinity` and `-Infinity`, which
//! Python's `json.dump` writes for numbers that the standard has no word for.

use std::ops::Range;

use base::Value;

/// Reads a JSON text.
///
/// # Errors
/// When it is malformed; the place in the error is that of the text as it stands.
pub(crate) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    let fault = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(fault) => fault,
    };
    let tokens = bare_tokens(text);
    if tokens.iter().all(|token| special(&text[token.clone()]).is_none()) {
        return Err(fault);
    }
    // Numbers of the same width stand in for the special ones, so that every fault keeps its place.
    let mut plain = text.to_owned();
    for token in &tokens {
        if special(&text[token.clone()]).is_some() {
            let sign = if text[token.clone()].starts_with('-') { "-1" } else { "1" };
            plain.replace_range(token.clone(), &format!("{sign:0<width$}", width = token.len()));
        }
    }
    let mut value = serde_json::from_str(&plain)?;
    put_back(&mut value, &mut tokens.iter().map(|token| special(&text[token.clone()])));
    Ok(value)
}

fn special(token: &str) -> Option<f64> {
    match token {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
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
/// are strings, maps keep theirs, and a key that stands twice was refused.
fn put_back(value: &mut Value, tokens: &mut impl Iterator<Item = Option<f64>>) {
    match value {
        Value::List(list) => list.iter_mut().for_each(|value| put_back(value, tokens)),
        Value::Map(map) => map.values_mut().for_each(|value| put_back(value, tokens)),
        Value::Str(_) => {}
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            if let Some(Some(number)) = tokens.next() {
                *value = Value::Float(number);
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
}
