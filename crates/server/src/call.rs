//! A request as its handler sees it: named fields, read with MLflow's rules of what may stand for what.
//!
//! MLflow reads a body as a protocol buffer: null is absent, unknown fields are ignored, a whole number may come as
//! text. What does not fit is refused with the field's name and the value as Python's `json` writes it, and a body that is no
//! JSON counts as empty: the first required field is then what is missing.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::context::Scope;
use crate::error::Fault;

/// What follows every complaint about a field.
const SEE: &str = "See the API docs for more information about request parameters.";

/// A request without its HTTP.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// What the address itself names, by the name in the route.
    pub path: Vec<(String, String)>,
    /// The fields of the body, or of the query.
    pub fields: Map<String, Value>,
    /// Whether they are of the query: there every value is a text, and one may stand for a list of one.
    pub is_query: bool,
    /// Whether there was a body that is no JSON.
    pub is_malformed: bool,
    /// The stage whose script asks, if it is one.
    pub scope: Option<Arc<Scope>>,
}

impl Call {
    /// Takes the fields from a query; a repeated name is a list.
    pub fn from_query(query: &str) -> Call {
        let mut fields: Map<String, Value> = Map::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = Value::String(value.into_owned());
            match fields.get_mut(name.as_ref()) {
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
                None => {
                    fields.insert(name.into_owned(), value);
                }
            }
        }
        Call { fields, is_query: true, ..Call::default() }
    }

    /// Takes the fields from a body. Old clients sent the JSON as a JSON text.
    pub fn from_body(body: &[u8]) -> Call {
        if body.is_empty() {
            return Call::default();
        }
        let mut value = serde_json::from_slice::<Value>(body);
        if let Ok(Value::String(inner)) = &value {
            value = serde_json::from_str(inner);
        }
        match value {
            Ok(Value::Object(fields)) => Call { fields, ..Call::default() },
            Ok(Value::Null) => Call::default(),
            _ => Call { is_malformed: true, ..Call::default() },
        }
    }

    /// What the address names.
    pub fn named(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// A field that is not null.
    pub fn get(&self, name: &str) -> Result<Option<&Value>, Fault> {
        if self.is_malformed {
            return Err(Fault::invalid(format!("The request body is no JSON object. {SEE}")));
        }
        Ok(self.fields.get(name).filter(|value| !value.is_null()))
    }

    /// A text, if there is one.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Fault> {
        match self.get(name)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            // A single value was meant; the first counts, as in any query.
            Some(Value::Array(values)) if self.is_query => Ok(values[0].as_str()),
            Some(value) => Err(unfit(name, value)),
        }
    }

    /// A text that must be there and not be empty.
    pub fn required(&self, name: &str) -> Result<&str, Fault> {
        if self.is_malformed {
            return Err(absent(name));
        }
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| absent(name))
    }

    /// A run's id, which old clients call `run_uuid`.
    pub fn run_id(&self) -> Result<&str, Fault> {
        if self.is_malformed {
            return Err(absent("run_id"));
        }
        let id = match self.text("run_id")? {
            Some(id) if !id.is_empty() => Some(id),
            _ => self.text("run_uuid")?,
        };
        id.filter(|id| !id.is_empty()).ok_or_else(|| absent("run_id"))
    }

    /// A whole number, if there is one.
    pub fn int(&self, name: &str) -> Result<Option<i64>, Fault> {
        self.get(name)?.map(|value| int_of(value).ok_or_else(|| unfit(name, value))).transpose()
    }

    /// A whole number that must be there.
    pub fn required_int(&self, name: &str) -> Result<i64, Fault> {
        if self.is_malformed {
            return Err(absent(name));
        }
        self.int(name)?.ok_or_else(|| absent(name))
    }

    /// A number that must be there.
    pub fn required_float(&self, name: &str) -> Result<f64, Fault> {
        if self.is_malformed {
            return Err(absent(name));
        }
        let value = self.get(name)?.ok_or_else(|| absent(name))?;
        float_of(value).ok_or_else(|| unfit(name, value))
    }

    /// A yes or no; no when it is absent.
    pub fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.get(name)? {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => {
                    Err(Fault::invalid(format!("Invalid boolean value: {text}, must be 'true' or 'false'.")))
                }
            },
            Some(value) => Err(unfit(name, value)),
        }
    }

    /// A list; empty when it is absent. In a query a single value is a list of one.
    pub fn list(&self, name: &str) -> Result<Vec<&Value>, Fault> {
        match self.get(name)? {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => Ok(values.iter().collect()),
            Some(value) if self.is_query => Ok(vec![value]),
            Some(value) => Err(unfit(name, value)),
        }
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Vec<&str>, Fault> {
        let texts: Option<Vec<&str>> = self.list(name)?.into_iter().map(Value::as_str).collect();
        texts.ok_or_else(|| unfit(name, &self.fields[name]))
    }

    /// A list of objects.
    pub fn objects(&self, name: &str) -> Result<Vec<&Map<String, Value>>, Fault> {
        let objects: Option<Vec<_>> = self.list(name)?.into_iter().map(Value::as_object).collect();
        objects.ok_or_else(|| unfit(name, &self.fields[name]))
    }
}

/// A field of an object inside a request, or an empty text.
pub fn text_in<'a>(object: &'a Map<String, Value>, key: &str, path: &str) -> Result<&'a str, Fault> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(value) => Err(unfit(&format!("{path}.{key}"), value)),
    }
}

/// A whole number as MLflow takes it: also as text, also as a float without a fraction.
pub fn int_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn whole(value: f64) -> Option<i64> {
    // -2^63 is read as a whole number: a float of that value was rounded to it.
    let fits = value.fract() == 0.0 && value.abs() < 2_f64.powi(63);
    fits.then_some(value as i64)
}

/// A number as MLflow takes it: also as text, where NaN and the infinities have names, and what is true or false as 1 or 0.
pub fn float_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(is_true) => Some(f64::from(u8::from(*is_true))),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => text.parse().ok().filter(|value: &f64| value.is_finite()),
        },
        _ => None,
    }
}

/// A required field is not there.
pub fn absent(name: &str) -> Fault {
    Fault::invalid(format!("Missing value for required parameter '{name}'. {SEE}"))
}

/// A field's value is of a wrong type.
pub fn unfit(name: &str, value: &Value) -> Fault {
    let python = match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    Fault::invalid(format!(
        "Invalid value {} for parameter '{name}' supplied:  Hint: Value was of type '{python}'. {SEE}",
        python_json(value)
    ))
}

/// A value as Python's `json` writes it: keys sorted, ASCII alone, no blanks.
pub fn python_json(value: &Value) -> String {
    let mut text = String::new();
    write_python(value, &mut text);
    text
}

fn write_python(value: &Value, text: &mut String) {
    match value {
        Value::String(inner) => text.push_str(&base::ascii_json(inner)),
        Value::Array(values) => {
            text.push('[');
            for (at, value) in values.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write_python(value, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            text.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                text.push_str(&base::ascii_json(key));
                text.push(':');
                write_python(&fields[key], text);
            }
            text.push('}');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_may_stand_for_what() {
        let call = Call::from_body(br#"{"i": "12", "f": 3.0, "x": null, "n": "NaN", "s": 5}"#);
        assert_eq!(call.int("i"), Ok(Some(12)));
        assert_eq!(call.int("f"), Ok(Some(3)));
        assert_eq!(call.int("x"), Ok(None));
        assert!(call.required_float("n").unwrap().is_nan());
        assert_eq!(
            call.text("s").unwrap_err().message,
            "Invalid value 5 for parameter 's' supplied:  Hint: Value was of type 'int'. See the API docs for more \
             information about request parameters."
        );
        assert_eq!(int_of(&json!(9_223_372_036_854_775_808_u64)), None);
        assert_eq!(int_of(&json!(1e300)), None);
        assert_eq!(int_of(&json!(0.5)), None);
        assert_eq!(int_of(&json!(i64::MIN)), Some(i64::MIN));
        let below: Value = serde_json::from_str("-9223372036854775809").unwrap();
        assert_eq!(int_of(&below), None);
        assert_eq!((float_of(&json!(true)), float_of(&json!(false))), (Some(1.0), Some(0.0)));
        assert_eq!(int_of(&json!(true)), None);
    }

    #[test]
    fn no_json_is_never_an_empty_request() {
        for body in [&b"{"[..], b"[1]", b"7", b"\"{\"", b"\xff"] {
            let call = Call::from_body(body);
            assert!(call.required("name").unwrap_err().message.starts_with("Missing value"), "{body:?}");
            assert!(call.text("name").is_err(), "{body:?}");
            assert!(call.list("name").is_err(), "{body:?}");
        }
        assert_eq!(Call::from_body(b"\"{\\\"a\\\": 1}\"").int("a"), Ok(Some(1)));
    }

    #[test]
    fn a_query_repeats_names_for_lists() {
        let call = Call::from_query("a=1&b=x%20y&a=2&c=");
        assert_eq!(call.texts("a").unwrap(), ["1", "2"]);
        assert_eq!(call.texts("b").unwrap(), ["x y"]);
        assert_eq!(call.text("a"), Ok(Some("1")));
        assert!(call.required("c").is_err());
    }

    #[test]
    fn values_are_shown_as_python_shows_them() {
        assert_eq!(python_json(&json!({"b": [1, 2.5], "a": "ä\n"})), r#"{"a":"\u00e4\n","b":[1,2.5]}"#);
    }
}
