//! Which values the expressions of a template name, and where these came from.

use base::Value;

use super::parts::{parts, position};
use super::{Context, Piece, split};

/// The parts of a path to a value.
pub(crate) type Way = Vec<String>;

/// A value that an expression names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Used<'a> {
    /// What defined it, as in messages.
    pub source: &'a str,
    /// Its dotted key, items of lists counted from 0.
    pub key: String,
    /// What it is; no map, of which only what is named by itself counts.
    pub value: &'a Value,
}

/// The parts of the one expression that a text consists of.
pub(crate) fn alone(written: &Value) -> Option<Way> {
    match split(written.as_str()?).ok()?.as_slice() {
        [Piece::Expression(one)] => way(one.path),
        _ => None,
    }
}

fn way(path: &str) -> Option<Way> {
    Some(parts(path)?.into_iter().map(str::to_owned).collect())
}

impl Context {
    /// The value at the end of a way.
    pub(crate) fn at(&self, way: &[String]) -> Option<&Value> {
        self.follow(way).map(|(_, value)| value)
    }

    /// The values that the expressions in `written` name. What stands under a name of `locals` came from the way beside
    /// it, or from nowhere.
    pub(crate) fn used(&self, written: &Value, locals: &[(Way, Option<Way>)]) -> Vec<Used<'_>> {
        let mut used = Vec::new();
        self.collect(written, locals, &mut used);
        used
    }

    fn collect<'a>(&'a self, written: &Value, locals: &[(Way, Option<Way>)], used: &mut Vec<Used<'a>>) {
        match written {
            Value::Str(text) if text.contains("${") => {
                for piece in split(text).into_iter().flatten() {
                    let Piece::Expression(expression) = piece else { continue };
                    let way = way(expression.path).and_then(|way| origin(way, locals));
                    used.extend(way.and_then(|way| self.leaf(&way)));
                }
            }
            Value::List(list) => list.iter().for_each(|item| self.collect(item, locals, used)),
            Value::Map(map) => {
                for (key, value) in map {
                    self.collect(&Value::from(key.as_str()), locals, used);
                    self.collect(value, locals, used);
                }
            }
            _ => {}
        }
    }

    fn leaf(&self, way: &[String]) -> Option<Used<'_>> {
        let (key, value) = self.follow(way)?;
        if matches!(value, Value::Map(_) | Value::Pairs(_)) {
            return None;
        }
        // Of a list the whole is noted.
        let above = std::iter::successors(Some(key.as_str()), |key| Some(key.rsplit_once('.')?.0));
        let source = above.into_iter().find_map(|key| self.sources.get(key))?;
        Some(Used { source, key: key.clone(), value })
    }

    fn follow(&self, way: &[String]) -> Option<(String, &Value)> {
        let (first, rest) = way.split_first()?;
        let mut at = (first.clone(), self.values.get(first)?);
        for part in rest {
            let (key, value) = match at.1 {
                Value::Map(map) => (part.clone(), map.get(part)?),
                Value::List(list) => {
                    let place = position(part, list.len())?;
                    (place.to_string(), list.get(place)?)
                }
                _ => return None,
            };
            at = (format!("{}.{key}", at.0), value);
        }
        Some(at)
    }
}

/// Where what a way leads to came from: the way itself, unless it begins with a local name.
fn origin(way: Way, locals: &[(Way, Option<Way>)]) -> Option<Way> {
    let of_local = locals.iter().filter(|(local, _)| way.starts_with(local));
    // Of equal ones the last.
    match of_local.max_by_key(|(local, _)| local.len()) {
        Some((local, origin)) => origin.as_ref().map(|origin| [origin, &way[local.len()..]].concat()),
        None => Some(way),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_told_by_its_place() {
        let values: Value =
            serde_json::from_str(r#"{"a": 1, "l": [2, 3], "m": {"x": {"lr": 4, "un": 5}}, "n": null}"#)
                .expect("JSON");
        let mut context = Context::default();
        context.merge(values.as_map().expect("a map"), "`m.yaml`").expect("no conflict");
        let way = |text: &str| text.split('.').map(str::to_owned).collect::<Way>();
        let locals = [(way("item"), Some(way("m.x"))), (way("key"), None), (way("item.p"), Some(way("l.0")))];
        let keys = |text: &str| -> Vec<String> {
            context.used(&Value::from(text), &locals).into_iter().map(|used| used.key).collect()
        };
        assert_eq!(keys("${a} ${l[-1]} ${m.x} ${n} ${gone} \\${a} ${m[x].un}"), ["a", "l.1", "n", "m.x.un"]);
        assert_eq!(keys("${item.lr} ${item} ${key} ${item.p}"), ["m.x.lr", "l.0"]);
    }
}
