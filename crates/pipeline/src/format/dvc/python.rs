//! Values as Python has them.

use std::cmp::Ordering;
use std::collections::HashMap;

use base::Value;
use indexmap::IndexMap;

use super::dates::date_text;
use super::surrogates::ascii_json;

/// What `str` makes of a float.
pub(crate) fn float_text(number: f64) -> String {
    // Rust changes to exponents where Python does, and spells them without sign and leading zero.
    let text = Value::float_text(number);
    let Some((digits, exponent)) = text.split_once('e').filter(|_| number.is_finite()) else { return text };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    format!("{digits}e{sign}{exponent:0>2}")
}

/// What `repr` makes of a value.
pub fn text(value: &Value) -> String {
    let listed = |values: &mut dyn Iterator<Item = String>| values.collect::<Vec<_>>().join(", ");
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(truth) => if *truth { "True" } else { "False" }.to_owned(),
        Value::Float(number) => float_text(*number),
        Value::Int(_) | Value::Big(_) | Value::Date(_) => value.to_string(),
        Value::Str(letters) => quoted(letters),
        Value::List(list) => format!("[{}]", listed(&mut list.iter().map(text))),
        Value::Map(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{}: {}", quoted(key), text(value));
            format!("{{{}}}", listed(&mut map.iter().map(entry)))
        }
        Value::Pairs(pairs) => {
            let entry = |(key, value): &(Value, Value)| format!("{}: {}", text(key), text(value));
            format!("{{{}}}", listed(&mut pairs.iter().map(entry)))
        }
    }
}

/// A text as `repr` quotes it.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            letter if letter == quote => quoted.extend(['\\', letter]),
            letter if letter.is_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter => quoted.push(letter),
        }
    }
    quoted.push(quote);
    quoted
}

/// What `json.dumps` with sorted keys makes of a value, the keys `without` left out wherever they stand.
pub(crate) fn json(value: &Value, without: &[&str]) -> String {
    let mut json = String::new();
    put(&mut json, value, without);
    json
}

fn put(json: &mut String, value: &Value, without: &[&str]) {
    match value {
        Value::Null => json.push_str("null"),
        Value::Bool(truth) => json.push_str(if *truth { "true" } else { "false" }),
        Value::Int(_) | Value::Big(_) => json.push_str(&value.to_string()),
        Value::Float(number) if number.is_nan() => json.push_str("NaN"),
        Value::Float(number) if number.is_infinite() => {
            json.push_str(if *number > 0.0 { "Infinity" } else { "-Infinity" });
        }
        Value::Float(number) => json.push_str(&float_text(*number)),
        Value::Str(text) | Value::Date(text) => json.push_str(&ascii_json(text)),
        Value::List(list) => {
            json.push('[');
            for (at, value) in list.iter().enumerate() {
                if at > 0 {
                    json.push_str(", ");
                }
                put(json, value, without);
            }
            json.push(']');
        }
        Value::Pairs(pairs) => {
            let mut entries: Vec<&(Value, Value)> = pairs.iter().collect();
            entries.sort_by(|(a, _), (b, _)| order(a, b));
            json.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    json.push_str(", ");
                }
                match key {
                    Value::Str(key) | Value::Date(key) => json.push_str(&ascii_json(key)),
                    key => {
                        json.push('"');
                        put(json, key, without);
                        json.push('"');
                    }
                }
                json.push_str(": ");
                put(json, value, without);
            }
            json.push('}');
        }
        Value::Map(map) => {
            let mut entries: IndexMap<&String, &Value> =
                map.iter().filter(|(key, _)| !without.contains(&key.as_str())).collect();
            entries.sort_unstable_keys();
            json.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    json.push_str(", ");
                }
                json.push_str(&ascii_json(key));
                json.push_str(": ");
                put(json, value, without);
            }
            json.push('}');
        }
    }
}

/// Numbers by what they are worth, the rest in no order that counts: Python orders nothing else together.
fn order(a: &Value, b: &Value) -> Ordering {
    let worth = |value: &Value| match value {
        Value::Bool(truth) => Some(f64::from(u8::from(*truth))),
        value => value.as_f64(),
    };
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Big(a), Value::Big(b)) => match (a.starts_with('-'), b.starts_with('-')) {
            (false, false) => (a.len(), a).cmp(&(b.len(), b)),
            (true, true) => (b.len(), b).cmp(&(a.len(), a)),
            (a, b) => b.cmp(&a),
        },
        _ => worth(a).partial_cmp(&worth(b)).unwrap_or(Ordering::Equal),
    }
}

/// Whether Python's `json` writes the value with sorted keys: not with a date, and not with keys of several types.
pub(crate) fn has_json(value: &Value) -> bool {
    match value {
        Value::Date(_) => false,
        Value::List(list) => list.iter().all(has_json),
        Value::Map(map) => map.values().all(has_json),
        Value::Pairs(pairs) => {
            let is_number =
                |key: &Value| matches!(key, Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_));
            let is_sorted = match &pairs[..] {
                [(Value::Null, _)] => true,
                pairs => pairs.iter().all(|(key, _)| is_number(key)),
            };
            is_sorted && pairs.iter().all(|(_, value)| has_json(value))
        }
        _ => true,
    }
}

/// Whether a value counts as true in Python.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Int(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Str(text) => !text.is_empty(),
        Value::List(list) => !list.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Date(_) | Value::Pairs(_) | Value::Big(_) => true,
    }
}

/// What equal keys of a dict have in common.
pub(crate) fn identity(key: &Value) -> (&'static str, String) {
    match key {
        Value::Date(text) => (key.type_name(), date_text(text).unwrap_or_else(|| text.clone())),
        key => key.identity(),
    }
}

/// Whether `a == b` in Python: numbers of all types are compared by what they are worth, and a NaN is not itself.
pub fn is_equal(a: &Value, b: &Value) -> bool {
    equal(a, b, false)
}

/// The same of values that were both read from YAML: DVC's reader has one NaN, which is itself to Python inside of others.
pub(crate) fn is_equal_in_yaml(a: &Value, b: &Value) -> bool {
    let are_lone = matches!((a, b), (Value::Float(_), Value::Float(_)));
    equal(a, b, !are_lone)
}

fn equal(a: &Value, b: &Value, one_nan: bool) -> bool {
    let is_equal = |a: &Value, b: &Value| equal(a, b, one_nan);
    let integer = |value: &Value| match value {
        Value::Bool(truth) => Some(i128::from(*truth)),
        Value::Int(number) => Some(*number),
        _ => None,
    };
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| is_equal(value, other)))
        }
        (Value::Pairs(a), Value::Pairs(b)) => {
            let found: HashMap<_, _> = b.iter().map(|(key, value)| (identity(key), value)).collect();
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| found.get(&identity(key)).is_some_and(|other| is_equal(value, other)))
        }
        (Value::Date(a), Value::Date(b)) => date_text(a) == date_text(b),
        (Value::Float(a), Value::Float(b)) => a == b || (one_nan && a.is_nan() && b.is_nan()),
        (Value::Big(a), Value::Big(b)) => a == b,
        // A float this large is whole, and is spelled out.
        (Value::Float(float), Value::Big(digits)) | (Value::Big(digits), Value::Float(float)) => {
            float.is_finite() && format!("{float:.0}") == *digits
        }
        (Value::Float(float), other) | (other, Value::Float(float)) => {
            // Exact, as in Python: no integer is rounded to be compared.
            integer(other)
                .is_some_and(|number| float.fract() == 0.0 && float.abs() < 1e38 && *float as i128 == number)
        }
        (a, b) => integer(a).is_some() && integer(a) == integer(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_python_writes_them_out() {
        let value: Value = serde_json::from_str(
            r#"[1, 1.0, 1e-7, true, null, "a", "it's", "\"'", "a\n\u0001é", {"k": []}]"#,
        )
        .unwrap();
        let expected = r#"[1, 1.0, 1e-07, True, None, 'a', "it's", '"\'', 'a\n\x01é', {'k': []}]"#;
        assert_eq!(text(&value), expected);
    }

    #[test]
    fn floats_as_python_spells_them() {
        for (number, text) in [
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e16, "1e+16"),
            (1.25e100, "1.25e+100"),
            (1e15, "1000000000000000.0"),
            (0.0001, "0.0001"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }

    #[test]
    fn numbers_are_equal_whatever_their_type() {
        let equal = [
            (Value::Int(1), Value::Float(1.0)),
            (Value::Int(1), Value::Bool(true)),
            (Value::Bool(false), Value::Float(-0.0)),
            (Value::Float(2_f64.powi(127)), Value::Big("170141183460469231731687303715884105728".to_owned())),
            (Value::List(vec![Value::Int(2)]), Value::List(vec![Value::Float(2.0)])),
        ];
        for (a, b) in equal {
            assert!(is_equal(&a, &b) && is_equal(&b, &a), "{a} {b}");
        }
        let different = [
            (Value::Int(1), Value::Str("1".to_owned())),
            (Value::Int(1), Value::Float(1.5)),
            (Value::Int((1 << 53) + 1), Value::Float(9_007_199_254_740_992.0)),
            (Value::Float(2_f64.powi(127)), Value::Big("170141183460469231731687303715884105729".to_owned())),
            (Value::Int(i128::MAX), Value::Big("170141183460469231731687303715884105728".to_owned())),
            (Value::Null, Value::Bool(false)),
            (Value::Float(f64::NAN), Value::Float(f64::NAN)),
        ];
        for (a, b) in different {
            assert!(!is_equal(&a, &b) && !is_equal(&b, &a), "{a} {b}");
        }
    }
}
