//! Values in files of params that `dvc.lock` cannot hold.
//!
//! Python has tuples, sets and bytes, TOML has times of no day. What is recorded of them is the nearest that YAML has, which
//! DVC never finds equal to them: a stage that reads one is changed each time, to DVC and thus here.

use base::Value;
use indexmap::IndexMap;

use crate::error::{PipelineError, Position};
use crate::param_path::ParamPath;

/// What was read from a file of params.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParamsRead {
    /// All of it, with the nearest that can be recorded for what cannot.
    pub value: Value,
    /// What cannot, in the order written.
    pub unrecordable: Vec<Unrecordable>,
    /// Where the value begins, of one that is no map.
    pub start: Option<Position>,
}

/// A value that a lock cannot hold, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrecordable {
    /// Of each value that holds it, from the outermost, the place of the next among its children.
    pub at: Vec<usize>,
    /// What it is.
    pub kind: UnrecordableKind,
}

/// What a lock cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnrecordableKind {
    /// A tuple. One that is a param of its own is equal to a list, what is in it is not.
    Tuple,
    /// A set.
    Set,
    /// Bytes.
    Bytes,
    /// A complex number.
    Complex,
    /// `...`
    Ellipsis,
    /// A key of a dict, which is none of what keys of YAML can be. It is left out of the dict.
    Key,
    /// A key at the top of a file that is no text; a text is recorded, which is another where the whole file is a param.
    TopKey,
    /// The same, by which DVC never finds a param.
    UnnamedTopKey,
    /// A time of no day.
    Time,
}

impl UnrecordableKind {
    /// What it is, and what to write instead.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            UnrecordableKind::Tuple => ("a tuple", "a list"),
            UnrecordableKind::Set => ("a set", "a list"),
            UnrecordableKind::Bytes => ("bytes", "a text"),
            UnrecordableKind::Complex => ("a complex number", "a text, or a list of two numbers"),
            UnrecordableKind::Ellipsis => ("`...`", "None"),
            UnrecordableKind::Key => ("a key that is neither a text nor a number", "a text"),
            UnrecordableKind::TopKey | UnrecordableKind::UnnamedTopKey => {
                ("a key that is no text", "it in quotes")
            }
            UnrecordableKind::Time => ("a time without a date", "it in quotes"),
        }
    }
}

impl From<Value> for ParamsRead {
    fn from(value: Value) -> Self {
        ParamsRead { value, unrecordable: Vec::new(), start: None }
    }
}

impl ParamsRead {
    /// All that stands in it by its keys, for who needs the whole of it.
    ///
    /// # Errors
    /// When it holds a list or one value.
    pub fn map(&self, file: &ParamPath) -> Result<&IndexMap<String, Value>, PipelineError> {
        self.value.as_map().ok_or_else(|| {
            let found = self.value.type_name();
            let message = format!("expected a map of parameters at the top level, found {found}");
            let hint = Some("write it below a key of its own, such as `values:`".to_owned());
            match file {
                ParamPath::Inside(file) => PipelineError::new(file, message),
                ParamPath::Outside(name) => {
                    PipelineError::new(&name.outside_path().unwrap_or_default(), message).outside()
                }
            }
            .at(self.start)
            .hint(hint)
        })
    }

    /// What keeps `param`, a value of this file that `key` stands for, from ever being equal to what a lock holds: as
    /// `tuple at sizes.1`. `is_of_whole` tells that all of the file is asked for.
    pub(crate) fn never_equal(&self, key: &str, param: &Value, is_of_whole: bool) -> Option<NeverEqual> {
        self.unrecordable.iter().find_map(|found| {
            let below = self.below(&found.at, param);
            let counts = match (found.kind, below) {
                (UnrecordableKind::Tuple, Some(below)) => !below.is_empty(),
                (UnrecordableKind::TopKey, Some(_)) => is_of_whole,
                // The items of a set have no order that anybody could name one by.
                (UnrecordableKind::Set, None) => self.holds(&found.at, param, 2),
                (UnrecordableKind::UnnamedTopKey, None) => self.holds(&found.at, param, 0),
                (_, below) => below.is_some(),
            };
            counts.then(|| {
                let (what, instead) = found.kind.words();
                let place = match below {
                    Some(below) => place(key, param, below),
                    None => place("", &self.value, &found.at),
                };
                NeverEqual { place, what, instead }
            })
        })
    }

    /// Whether `param` is somewhere in the value at a place, which has at least so many children.
    fn holds(&self, at: &[usize], param: &Value, least: usize) -> bool {
        let value = at.iter().try_fold(&self.value, |value, at| child(value, *at).map(|(_, child)| child));
        let has_enough = |value| least.checked_sub(1).is_none_or(|last| child(value, last).is_some());
        value.is_some_and(|value| has_enough(value) && is_in(value, param))
    }

    /// The rest of the way to `at` from `param`; `None` where it does not lead through it.
    fn below<'a>(&self, at: &'a [usize], param: &Value) -> Option<&'a [usize]> {
        let mut value = &self.value;
        for depth in 0..=at.len() {
            if std::ptr::eq(value, param) {
                return Some(&at[depth..]);
            }
            value = child(value, *at.get(depth)?)?.1;
        }
        None
    }
}

/// Why a param is never equal to what a lock holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NeverEqual {
    /// The dotted place, from the top of the file.
    pub place: String,
    pub what: &'static str,
    /// What to write in its place.
    pub instead: &'static str,
}

/// The dotted place of what stands below the param `key`.
fn place(key: &str, param: &Value, below: &[usize]) -> String {
    let mut place = key.to_owned();
    let mut value = param;
    for at in below {
        let Some((name, inner)) = child(value, *at) else { break };
        place = if place.is_empty() { name } else { format!("{place}.{name}") };
        value = inner;
    }
    place
}

/// Whether `param` is the value, or somewhere in it.
fn is_in(value: &Value, param: &Value) -> bool {
    std::ptr::eq(value, param)
        || match value {
            Value::List(list) => list.iter().any(|value| is_in(value, param)),
            Value::Map(map) => map.values().any(|value| is_in(value, param)),
            Value::Pairs(pairs) => pairs.iter().any(|(_, value)| is_in(value, param)),
            _ => false,
        }
}

/// A child by its place, and what it is called there.
fn child(value: &Value, at: usize) -> Option<(String, &Value)> {
    match value {
        Value::List(list) => Some((at.to_string(), list.get(at)?)),
        Value::Map(map) => map.get_index(at).map(|(key, value)| (key.clone(), value)),
        Value::Pairs(pairs) => pairs.get(at).map(|(key, value)| (key.key_text(), value)),
        _ => None,
    }
}
