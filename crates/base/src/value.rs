//! Typed values of params, metrics and templates.
//!
//! Types count: `1`, `1.0`, `true` and `"1"` are four different values. DVC compares with Python's `==`,
//! to which the first three are equal, so a change from `1` to `1.0` goes unseen there.
//!
//! Dates, and keys of maps that are no texts, are texts everywhere but in what DVC reads and writes too, where [`Typed`] keeps
//! them apart; [`Value::plain`] makes texts of them.

use std::collections::{HashMap, HashSet};
use std::fmt;

use indexmap::IndexMap;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A value as YAML, JSON and TOML have them.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number. Wide enough for `i64` and `u64`, which the formats distinguish and people don't.
    Int(i128),
    /// A whole number beyond those: its decimal digits, [`MOST_DIGITS`] at most, behind a `-` where it is negative. Made by
    /// [`Value::integer`] alone.
    Big(String),
    /// A floating point number, infinities and NaN included.
    Float(f64),
    /// A text.
    Str(String),
    /// A list.
    List(Vec<Value>),
    /// A map in the order written. Two maps are equal in any order.
    Map(IndexMap<String, Value>),
    /// A date or time as written, of a [`Typed`] value alone.
    Date(String),
    /// A map with keys that are no texts, of a [`Typed`] value alone; each key once, in the order written.
    Pairs(Vec<(Value, Value)>),
}

/// Equality by type and value. A NaN equals itself: it is the same thing written in the file.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Value::Str(a), Value::Str(b)) | (Value::Big(a), Value::Big(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            (Value::Date(a), Value::Date(b)) => a == b,
            (Value::Pairs(a), Value::Pairs(b)) => same_pairs(a, b),
            _ => false,
        }
    }
}

/// Whether two maps are equal, in whatever order their keys stand. What is under a key is compared once: at each of a hundred
/// levels twice would never end.
fn same_pairs(a: &[(Value, Value)], b: &[(Value, Value)]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.iter().zip(b).all(|(a, b)| a.0 == b.0) {
        return a.iter().zip(b).all(|(a, b)| a.1 == b.1);
    }
    let found: HashMap<_, _> = b.iter().map(|pair| (pair.0.identity(), pair)).collect();
    a.iter().all(|pair| found.get(&pair.0.identity()).is_some_and(|other| *other == pair))
}

impl Value {
    /// The word for its type in messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Big(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Str(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) | Value::Pairs(_) => "a map",
            Value::Date(_) => "a date",
        }
    }

    /// The text, when it is one, or a date.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) | Value::Date(text) => Some(text),
            _ => None,
        }
    }

    /// The map, when it is one.
    pub fn as_map(&self) -> Option<&IndexMap<String, Value>> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The number, when it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(number) => Some(*number as f64),
            Value::Big(digits) => digits.parse().ok(),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The value at a dotted path: map keys, and positions in lists (`a.0`, `a[0]`).
    /// A key that holds dots itself is found when it is spelled whole.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.find(path, true)
    }

    /// The same through keys that are texts alone.
    pub fn get_by_texts(&self, path: &str) -> Option<&Value> {
        self.find(path, false)
    }

    fn find(&self, path: &str, any_key: bool) -> Option<&Value> {
        if path.is_empty() {
            return Some(self);
        }
        match self {
            Value::Map(map) => {
                if let Some(value) = map.get(path) {
                    return Some(value);
                }
                split_points(path).find_map(|(head, tail)| map.get(head)?.find(tail, any_key))
            }
            Value::List(list) => {
                let path = path.strip_prefix('[').unwrap_or(path);
                let end = path.find(|c: char| !c.is_ascii_digit()).unwrap_or(path.len());
                let item = list.get(path[..end].parse::<usize>().ok()?)?;
                let rest = &path[end..];
                let rest = rest.strip_prefix(']').unwrap_or(rest);
                item.find(rest.strip_prefix('.').unwrap_or(rest), any_key)
            }
            Value::Pairs(pairs) => {
                let under = |name: &str| {
                    let is_meant = |key: &Value| any_key || matches!(key, Value::Str(_));
                    pairs.iter().find(|(key, _)| is_meant(key) && key.key_text() == name)
                };
                if let Some((_, value)) = under(path) {
                    return Some(value);
                }
                split_points(path).find_map(|(head, tail)| under(head)?.1.find(tail, any_key))
            }
            _ => None,
        }
    }

    /// What two keys of maps have in common that are one to Python, and to DVC: `1`, `1.0` and `true` are.
    pub fn identity(&self) -> (&'static str, String) {
        match self {
            Value::Bool(truth) => (Value::Int(0).type_name(), i128::from(*truth).to_string()),
            Value::Float(number) if number.fract() == 0.0 => {
                (Value::Int(0).type_name(), format!("{:.0}", number + 0.0))
            }
            key => (key.type_name(), plain_key(key.clone())),
        }
    }

    /// How a key of [`Value::Pairs`] is called in a dotted path: as Python spells it.
    pub fn key_text(&self) -> String {
        match self {
            Value::Str(text) | Value::Date(text) => text.clone(),
            Value::Null => "None".to_owned(),
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            other => other.to_string(),
        }
    }

    /// The same with texts for dates and for all keys.
    #[must_use]
    pub fn plain(self) -> Value {
        match self {
            Value::Date(text) => Value::Str(text),
            Value::List(list) => Value::List(list.into_iter().map(Value::plain).collect()),
            Value::Map(map) => Value::Map(map.into_iter().map(|(key, value)| (key, value.plain())).collect()),
            Value::Pairs(pairs) => {
                Value::Map(pairs.into_iter().map(|(key, value)| (plain_key(key), value.plain())).collect())
            }
            other => other,
        }
    }

    /// The whole number that digits of a radix of at most 36 spell; `None` of anything else, and of one of more than
    /// [`MOST_DIGITS`] decimal digits.
    pub fn integer(negative: bool, digits: &str, radix: u32) -> Option<Value> {
        let sign = if negative { "-" } else { "" };
        if !is_spelled(digits, radix) {
            return None;
        }
        if let Ok(number) = i128::from_str_radix(&format!("{sign}{digits}"), radix) {
            return Some(Value::Int(number));
        }
        let digits = digits.trim_start_matches('0');
        if radix == 10 {
            return (digits.len() <= MOST_DIGITS).then(|| Value::Big(format!("{sign}{digits}")));
        }
        // The least first, nine digits in each.
        let mut parts: Vec<u32> = Vec::new();
        for digit in digits.chars() {
            let mut carry = u64::from(digit.to_digit(radix)?);
            for part in &mut parts {
                carry += u64::from(*part) * u64::from(radix);
                *part = u32::try_from(carry % NINE_DIGITS).ok()?;
                carry /= NINE_DIGITS;
            }
            if carry > 0 {
                parts.push(u32::try_from(carry).ok()?);
            }
            // Each digit goes through all parts: a text of a million would never end.
            if parts.len() > MOST_DIGITS / 9 + 1 {
                return None;
            }
        }
        let first = parts.pop()?;
        let rest: String = parts.iter().rev().map(|part| format!("{part:09}")).collect();
        let digits = format!("{first}{rest}");
        (digits.len() <= MOST_DIGITS).then(|| Value::Big(format!("{sign}{digits}")))
    }

    /// Whether digits of a radix spell a whole number that is too long for [`Value::integer`].
    pub fn is_too_long(digits: &str, radix: u32) -> bool {
        is_spelled(digits, radix) && Value::integer(false, digits, radix).is_none()
    }

    /// The number with the other sign; `None` of what is no number.
    pub fn negated(&self) -> Option<Value> {
        match self {
            Value::Float(number) => Some(Value::Float(-number)),
            Value::Int(_) | Value::Big(_) => {
                let digits = self.to_string();
                let positive = digits.strip_prefix('-');
                Value::integer(positive.is_none(), positive.unwrap_or(&digits), 10)
            }
            _ => None,
        }
    }

    /// The same with the nearest float for each whole number that no [`Value::Int`] is.
    #[must_use]
    pub fn rounded(self) -> Value {
        match self {
            Value::Big(digits) => Value::Float(digits.parse().unwrap_or(f64::NAN)),
            Value::List(list) => Value::List(list.into_iter().map(Value::rounded).collect()),
            Value::Map(map) => {
                Value::Map(map.into_iter().map(|(key, value)| (key, value.rounded())).collect())
            }
            Value::Pairs(pairs) => {
                Value::Pairs(pairs.into_iter().map(|(key, value)| (key.rounded(), value.rounded())).collect())
            }
            other => other,
        }
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn from_text(text: &str) -> Value {
        match text {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ if text.starts_with(['[', '{', '"']) => {
                serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
            }
            _ => {
                let negative = text.strip_prefix('-');
                let digits = negative.unwrap_or(text);
                if Value::is_too_long(digits, 10) {
                    return Value::from(text);
                }
                Value::integer(negative.is_some(), digits, 10)
                    .or_else(|| text.parse().map(Value::Int).ok())
                    .or_else(|| text.parse().map(Value::Float).ok())
                    .unwrap_or_else(|| Value::from(text))
            }
        }
    }

    /// A float as records spell it: shortest digits that read back, always with a point or exponent.
    pub fn float_text(number: f64) -> String {
        if number.is_nan() {
            "nan".to_owned()
        } else if number.is_infinite() {
            if number > 0.0 { "inf" } else { "-inf" }.to_owned()
        } else {
            format!("{number:?}")
        }
    }
}

/// So many decimal digits a whole number has at most: Python, and so DVC, takes no more.
pub const MOST_DIGITS: usize = 4300;

const NINE_DIGITS: u64 = 1_000_000_000;

fn plain_key(key: Value) -> String {
    match key {
        Value::Str(text) | Value::Date(text) => text,
        other => other.to_string(),
    }
}

fn is_spelled(digits: &str, radix: u32) -> bool {
    !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix))
}

/// The places where a dotted path can be cut: at each `.`, and before each `[`.
fn split_points(path: &str) -> impl Iterator<Item = (&str, &str)> {
    path.char_indices().filter_map(move |(at, c)| match c {
        '.' => Some((&path[..at], &path[at + 1..])),
        '[' if at > 0 => Some((&path[..at], &path[at..])),
        _ => None,
    })
}

/// One line for people: strings in quotes where they could be taken for something else.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(truth) => write!(f, "{truth}"),
            Value::Int(number) => write!(f, "{number}"),
            Value::Float(number) => f.write_str(&Value::float_text(*number)),
            Value::Str(text) if looks_typed(text) => write!(f, "{text:?}"),
            Value::Str(text) | Value::Date(text) | Value::Big(text) => f.write_str(text),
            Value::List(_) | Value::Map(_) | Value::Pairs(_) => {
                f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
            }
        }
    }
}

fn looks_typed(text: &str) -> bool {
    text.is_empty()
        || text.starts_with(['[', '{', '"'])
        || matches!(text, "null" | "~" | "true" | "false")
        || text.parse::<f64>().is_ok()
        || text.chars().any(char::is_control)
        || text.trim() != text
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => serializer.serialize_i64(number),
                (_, Ok(number)) => serializer.serialize_u64(number),
                _ => serializer.serialize_i128(*number),
            },
            Value::Float(number) => serializer.serialize_f64(*number),
            // The formats that hold the digits are written by hand.
            Value::Big(digits) => serializer.serialize_f64(digits.parse().unwrap_or(f64::NAN)),
            Value::Str(text) | Value::Date(text) => serializer.serialize_str(text),
            Value::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                for item in list {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Value::Map(map) => {
                let mut entries = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map {
                    entries.serialize_entry(key, value)?;
                }
                entries.end()
            }
            Value::Pairs(pairs) => {
                let mut entries = serializer.serialize_map(Some(pairs.len()))?;
                for (key, value) in pairs {
                    entries.serialize_entry(&plain_key(key.clone()), value)?;
                }
                entries.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor::Plain)
    }
}

/// A value that is read with its dates, and with keys of maps as they are.
#[derive(Debug)]
pub struct Typed(pub Value);

impl<'de> Deserialize<'de> for Typed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor::Typed).map(Typed)
    }
}

/// A value in which a map with a key that stands twice is [`Value::Pairs`], with all that stands there.
#[derive(Debug)]
pub struct Repeating(pub Value);

impl<'de> Deserialize<'de> for Repeating {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor::Repeating).map(Repeating)
    }
}

/// What is made of keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ValueVisitor {
    Plain,
    Typed,
    Repeating,
}

impl<'de> DeserializeSeed<'de> for ValueVisitor {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// The key of a map that is a date: under it the `toml` crate hands one to serde.
pub const DATE_KEY: &str = "$__toml_private_datetime";

/// The key of a map that is a whole number of any width, in the text under it.
pub const INTEGER_KEY: &str = "$__wide_integer";

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Int(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<Value, E> {
        i128::try_from(number)
            .map(Value::Int)
            .map_err(|_| E::custom(format!("integer {number} is too large")))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Str(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Str(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = IndexMap::new();
        // Begun with the first key that no map can hold.
        let mut pairs: Vec<(Value, Value)> = Vec::new();
        let mut known = HashSet::new();
        while let Some(key) = entries.next_key_seed(self)? {
            let value = entries.next_value_seed(self)?;
            let key = match key {
                Value::Str(text) => {
                    if text == INTEGER_KEY {
                        let digits = value.as_str().unwrap_or_default();
                        let positive = digits.strip_prefix('-');
                        return Value::integer(positive.is_some(), positive.unwrap_or(digits), 10)
                            .ok_or_else(|| de::Error::custom("no integer"));
                    }
                    if text == DATE_KEY {
                        return Ok(match value {
                            Value::Str(text) if self == ValueVisitor::Typed => Value::Date(text),
                            value => value,
                        });
                    }
                    if pairs.is_empty() && !map.contains_key(&text) {
                        map.insert(text, value);
                        continue;
                    }
                    Value::Str(text)
                }
                Value::List(_) | Value::Map(_) | Value::Pairs(_) => {
                    return Err(de::Error::custom("a list or map cannot be a key"));
                }
                scalar if self == ValueVisitor::Typed => scalar,
                scalar => {
                    let text = scalar.to_string();
                    if pairs.is_empty() && !map.contains_key(&text) {
                        map.insert(text, value);
                        continue;
                    }
                    Value::Str(text)
                }
            };
            if pairs.is_empty() {
                pairs = map.drain(..).map(|(key, value)| (Value::Str(key), value)).collect();
                known = pairs.iter().map(|(key, _)| key.identity()).collect();
            }
            if !known.insert(key.identity()) && self != ValueVisitor::Repeating {
                return Err(de::Error::custom(format!("duplicate key `{}`", plain_key(key))));
            }
            pairs.push((key, value));
        }
        Ok(if pairs.is_empty() { Value::Map(map) } else { Value::Pairs(pairs) })
    }

    fn visit_enum<A: de::EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(de::Error::custom("YAML tags such as `!name` are not supported here"))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Float(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn types_count() {
        let four = [json("1"), json("1.0"), json("true"), json("\"1\"")];
        for (i, a) in four.iter().enumerate() {
            for (j, b) in four.iter().enumerate() {
                assert_eq!(a == b, i == j, "{a:?} {b:?}");
            }
        }
        assert_eq!(Value::Float(f64::NAN), Value::Float(f64::NAN));
        assert_eq!(json(r#"{"a":1,"b":2}"#), json(r#"{"b":2,"a":1}"#));
    }

    #[test]
    fn dotted_paths() {
        let value = json(r#"{"a": {"b": [10, {"c": 5}], "x.y": 7}, "p.q": {"r": 1}}"#);
        for (path, expected) in
            [("a.b.0", 10), ("a.b[0]", 10), ("a.b.1.c", 5), ("a.b[1].c", 5), ("a.x.y", 7), ("p.q.r", 1)]
        {
            assert_eq!(value.get(path), Some(&Value::from(expected)), "{path}");
        }
        for path in ["a.c", "a.b.2", "a.b[x]", "a.b.0.0", "p", "a..b"] {
            assert_eq!(value.get(path), None, "{path}");
        }
    }

    #[test]
    fn numbers_keep_their_width() {
        assert_eq!(json("18446744073709551615"), Value::Int(u64::MAX.into()));
        assert_eq!(serde_json::to_string(&Value::Int(u64::MAX.into())).unwrap(), "18446744073709551615");
        assert_eq!(serde_json::to_string(&Value::Float(1.0)).unwrap(), "1.0");
    }

    #[test]
    fn whole_numbers_of_any_width() {
        let integer = |digits: &str, radix| Value::integer(true, digits, radix);
        assert_eq!(integer("007", 10), Some(Value::Int(-7)));
        assert_eq!(integer(&"0".repeat(50), 16), Some(Value::Int(0)));
        assert_eq!(integer(&i128::MIN.to_string()[1..], 10), Some(Value::Int(i128::MIN)));
        let power = |digits: &str| Some(Value::Big(format!("-{digits}")));
        assert_eq!(
            integer(&format!("1{}", "0".repeat(40)), 16),
            power("1461501637330902918203684832716283019655932542976")
        );
        assert_eq!(integer(&format!("0{}", "9".repeat(60)), 10), power(&"9".repeat(60)));
        assert_eq!(integer("", 10).or(integer("1_0", 10)).or(integer("+1", 10)).or(integer("12", 2)), None);
        let least = Value::Int(i128::MIN);
        let wide = least.negated().expect("a number");
        assert_eq!(wide, Value::Big("170141183460469231731687303715884105728".to_owned()));
        assert_eq!(wide.negated(), Some(least));
        assert_eq!(Value::from_text(&wide.to_string()), wide);
    }

    #[test]
    fn whole_numbers_have_an_end() {
        let integer = |digits: &str, radix| Value::integer(false, digits, radix);
        let longest = "9".repeat(MOST_DIGITS);
        assert_eq!(integer(&format!("0{longest}"), 10), Some(Value::Big(longest.clone())));
        assert_eq!(integer(&format!("1{}", "0".repeat(MOST_DIGITS)), 10), None);
        // 16^3570 has 4299 digits, 16^3571 has 4300, 16^3572 has 4302.
        let power =
            |zeros: usize| integer(&format!("00001{}", "0".repeat(zeros)), 16).map(|n| n.to_string().len());
        assert_eq!([3570, 3571, 3572, 1_000_000].map(power), [Some(4299), Some(4300), None, None]);
        for digits in [longest, "9".repeat(MOST_DIGITS + 1)] {
            assert_eq!(Value::from_text(&digits).to_string().trim_matches('"'), digits);
        }
    }

    #[test]
    fn maps_of_many_keys_that_are_no_texts_are_compared() {
        let pairs = |last: i64| -> Vec<(Value, Value)> {
            (0..50_000)
                .map(|key| (Value::from(key), Value::from(if key == 0 { last } else { key })))
                .collect()
        };
        let mut turned = pairs(0);
        turned.reverse();
        assert_eq!(Value::Pairs(pairs(0)), Value::Pairs(turned.clone()));
        assert_ne!(Value::Pairs(pairs(1)), Value::Pairs(turned));
        let one = |key: Value| Value::Pairs(vec![(key, Value::Null)]);
        let deep = |text: &str| {
            (0..100).fold(Value::from(text), |inner, key| Value::Pairs(vec![(Value::from(key), inner)]))
        };
        assert_ne!(deep("a"), deep("b"));
        assert_ne!(one(Value::from(1)), one(Value::from(1.0)));
        assert_eq!(one(Value::from(0.0)), one(Value::from(-0.0)));
    }

    #[test]
    fn shown_unambiguously() {
        assert_eq!(Value::from("1").to_string(), "\"1\"");
        assert_eq!(Value::from("adam").to_string(), "adam");
        assert_eq!(Value::from(1.0).to_string(), "1.0");
        assert_eq!(json("[1, \"a\"]").to_string(), "[1,\"a\"]");
    }

    #[test]
    fn what_is_shown_reads_back() {
        let texts =
            ["", "1", "1.0", "x y", " x", "[1]", "{", "\"", "true", "null", "~", "nan", "a: b", "é\n"];
        let floats = [1.0, 0.001, 1e300, -0.0, f64::INFINITY, f64::NAN].map(Value::Float);
        let values = texts.map(Value::from).into_iter().chain(floats);
        for value in
            values.chain([json("[1, 2.5]"), json(r#"{"a": [null]}"#), json("7"), json("true"), json("null")])
        {
            assert_eq!(Value::from_text(&value.to_string()), value, "{value}");
        }
    }
}
