//! One value of a table: for people rounded and with units, for programs whole.

use base::{Timestamp, Value, duration_text, one_line};
use serde_json::Value as Json;

use crate::human::{EXACT, SURE, bytes_text, float_text};

/// Significant digits of a float where nothing else is said; DVC's number.
pub(crate) const PRECISION: usize = 5;
/// Significant digits of a metric in a list.
pub const LISTED: usize = 6;

/// A value with the meaning that decides its looks.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Cell {
    /// Nothing: shown as `-`, null in JSON, empty in CSV.
    #[default]
    Missing,
    /// A text.
    Text(String),
    /// A text whose colour says something, such as a status.
    Toned(Tone, String),
    /// A whole number.
    Int(i64),
    /// A float, shown with so many significant digits.
    Float {
        /// The value.
        value: f64,
        /// Significant digits for people.
        precision: usize,
    },
    /// A change of a number: as a float, with its sign.
    Delta {
        /// The difference, new less old.
        value: f64,
        /// Significant digits for people.
        precision: usize,
    },
    /// A size in bytes.
    Bytes(u64),
    /// A duration in milliseconds; seconds for programs.
    Duration(i64),
    /// A moment: local time for people, RFC 3339 in UTC for programs.
    Time(Timestamp),
    /// A param or metric of any type, its floats with so many significant digits.
    Value {
        /// The value.
        value: Value,
        /// Significant digits for people.
        precision: usize,
    },
    /// Names, each with a value: `a=1, b=2` as text, an object in JSON.
    Map(Vec<(String, Value)>),
}

/// What a colour says; without colour the text must say it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As wished.
    Good,
    /// Not as wished.
    Bad,
    /// Under way.
    Busy,
    /// Of little interest.
    Faint,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    /// A float with the usual number of digits.
    pub fn float(value: f64) -> Cell {
        Cell::Float { value, precision: PRECISION }
    }

    /// A metric among those of other runs: with as many digits as people compare.
    pub fn metric(value: f64) -> Cell {
        Cell::Float { value, precision: LISTED }
    }

    /// A metric where one run is looked at: with all the digits that a float is sure to have, and as in a list where a table has
    /// no room for more.
    pub fn number(value: f64) -> Cell {
        Cell::Float { value, precision: SURE }
    }

    /// A param or a value of a file, with every digit.
    pub fn value(value: Value) -> Cell {
        Cell::Value { value, precision: EXACT }
    }

    /// The same cell with every digit of a float: where two would look the same and are not.
    #[must_use]
    pub fn exact(self) -> Cell {
        match self {
            Cell::Float { value, .. } => Cell::Float { value, precision: EXACT },
            Cell::Value { value, .. } => Cell::Value { value, precision: EXACT },
            other => other,
        }
    }

    /// For people: one line, no control characters.
    pub fn shown(&self) -> String {
        match self {
            Cell::Missing => "-".to_owned(),
            Cell::Text(text) | Cell::Toned(_, text) => one_line(text).into_owned(),
            Cell::Int(number) => number.to_string(),
            Cell::Float { value, precision } => float_text(*value, *precision),
            Cell::Delta { value, precision } => {
                let sign = if *value > 0.0 { "+" } else { "" };
                format!("{sign}{}", float_text(*value, *precision))
            }
            Cell::Bytes(bytes) => bytes_text(*bytes),
            Cell::Duration(millis) => duration_text(*millis),
            Cell::Time(time) => time.local(),
            Cell::Value { value: Value::Float(value), precision } => typed_float(*value, *precision),
            Cell::Value { value: value @ (Value::List(_) | Value::Map(_)), .. } => {
                shorten(one_line(&value.to_string()).into_owned())
            }
            Cell::Value { value, .. } => one_line(&value.to_string()).into_owned(),
            Cell::Map(_) => one_line(&self.raw()).into_owned(),
        }
    }

    /// For people in a table that is too wide: no more digits than in a list, moments without their seconds.
    pub(crate) fn brief(&self) -> String {
        match self {
            Cell::Float { value, precision: SURE } => float_text(*value, LISTED),
            Cell::Time(time) => {
                let text = time.local();
                text.rsplit_once(':').map_or(text.clone(), |(minute, _)| minute.to_owned())
            }
            _ => self.shown(),
        }
    }

    /// For programs, as text.
    pub(crate) fn raw(&self) -> String {
        match self {
            Cell::Missing => String::new(),
            Cell::Text(text) | Cell::Toned(_, text) => text.clone(),
            Cell::Int(number) => number.to_string(),
            Cell::Float { value, .. } | Cell::Delta { value, .. } => Value::float_text(*value),
            Cell::Bytes(bytes) => bytes.to_string(),
            Cell::Duration(millis) => (*millis as f64 / 1000.0).to_string(),
            Cell::Time(time) => time.to_string(),
            Cell::Value { value: Value::Str(text), .. } => text.clone(),
            Cell::Value { value, .. } => value.to_string(),
            Cell::Map(pairs) => {
                let pair = |(name, value): &(String, Value)| format!("{name}={value}");
                pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// For programs, as JSON.
    pub(crate) fn json(&self) -> Json {
        match self {
            Cell::Missing => Json::Null,
            Cell::Text(text) | Cell::Toned(_, text) => Json::from(text.as_str()),
            Cell::Int(number) => Json::from(*number),
            Cell::Float { value, .. } | Cell::Delta { value, .. } => json_float(*value),
            Cell::Bytes(bytes) => Json::from(*bytes),
            Cell::Duration(millis) => json_float(*millis as f64 / 1000.0),
            Cell::Time(time) => Json::from(time.to_string()),
            Cell::Value { value, .. } => json_value(value),
            Cell::Map(pairs) => {
                Json::Object(pairs.iter().map(|(name, value)| (name.clone(), json_value(value))).collect())
            }
        }
    }

    pub(crate) fn tone(&self) -> Option<Tone> {
        match self {
            Cell::Toned(tone, _) => Some(*tone),
            Cell::Missing => Some(Tone::Faint),
            _ => None,
        }
    }
}

/// A list or map can be of any length, and would push every other column off the terminal; CSV and JSON have it
/// whole.
fn shorten(text: String) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A float that does not look like a whole number: the change from 1 to 1.0 must be seen.
fn typed_float(value: f64, precision: usize) -> String {
    let text = float_text(value, precision);
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_whole { text + ".0" } else { text }
}

/// JSON has no NaN and no infinities; as texts they are explicit where null would be a guess.
pub(crate) fn json_float(value: f64) -> Json {
    match serde_json::Number::from_f64(value) {
        Some(number) => Json::Number(number),
        None if value.is_nan() => Json::from("NaN"),
        None => Json::from(if value > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

/// A value as JSON. NaN and the infinities, which JSON has not, are the texts `NaN`, `Infinity` and `-Infinity`.
pub fn json_value(value: &Value) -> Json {
    match value {
        Value::Float(value) => json_float(*value),
        Value::List(list) => list.iter().map(json_value).collect(),
        Value::Map(map) => {
            Json::Object(map.iter().map(|(key, value)| (key.clone(), json_value(value))).collect())
        }
        // An integer beyond 64 bits is no JSON number that others read.
        Value::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
            (Ok(number), _) => Json::from(number),
            (_, Ok(number)) => Json::from(number),
            _ => Json::from(number.to_string()),
        },
        Value::Big(digits) => Json::from(digits.as_str()),
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::from(*truth),
        Value::Str(text) | Value::Date(text) => Json::from(text.as_str()),
        Value::Pairs(_) => json_value(&value.clone().plain()),
    }
}
