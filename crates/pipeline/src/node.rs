//! A value together with the way to it, so that a wrong one can be pointed at.
//!
//! The way is a list linked through the stack: a correct file costs no allocation for it.

use base::{ProjectPath, Value};
use indexmap::IndexMap;

use crate::dialect::Dialect;
use crate::error::PipelineError;
use crate::suggest;
use crate::yaml::{self, Segment};

/// The text that values came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub file: &'a ProjectPath,
    pub text: &'a str,
}

/// A value and how it is reached from the top of its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'p, 'v> {
    pub value: &'v Value,
    source: Source<'p>,
    parent: Option<(&'p Node<'p, 'v>, Segment<'v>)>,
}

impl<'p, 'v> Node<'p, 'v> {
    pub fn root(source: Source<'p>, value: &'v Value) -> Self {
        Node { value, source, parent: None }
    }

    /// That of the text.
    pub fn dialect(&self) -> Dialect {
        Dialect::of_file(self.source.file)
    }

    /// What stands under a key of this map. The key need not be in the text as such.
    pub fn child(&'p self, key: &'v str, value: &'v Value) -> Node<'p, 'v> {
        Node { value, source: self.source, parent: Some((self, Segment::Key(key))) }
    }

    fn item(&'p self, index: usize, value: &'v Value) -> Node<'p, 'v> {
        Node { value, source: self.source, parent: Some((self, Segment::Index(index))) }
    }

    /// The value under `key` of a map; `None` when there is none, or null.
    pub fn get(&'p self, key: &'v str) -> Option<Node<'p, 'v>> {
        match self.value.as_map()?.get(key)? {
            Value::Null => None,
            value => Some(self.child(key, value)),
        }
    }

    pub fn string(&self) -> Result<&'v str, PipelineError> {
        self.value.as_str().ok_or_else(|| self.expected("a string").hint(self.quote_hint()))
    }

    pub fn boolean(&self) -> Result<bool, PipelineError> {
        match self.value {
            Value::Bool(truth) => Ok(*truth),
            Value::Str(word) => {
                let old = matches!(word.to_ascii_lowercase().as_str(), "yes" | "no" | "on" | "off");
                let hint = old.then_some("YAML 1.2 has no `yes` and `no`");
                Err(self.expected("`true` or `false`").hint(hint))
            }
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    pub fn unsigned(&self) -> Result<u64, PipelineError> {
        match self.value {
            Value::Int(number) => {
                u64::try_from(*number).map_err(|_| self.fault(format!("{number} is out of range")))
            }
            _ => Err(self.expected("a whole number")),
        }
    }

    pub fn map(&self) -> Result<&'v IndexMap<String, Value>, PipelineError> {
        self.value.as_map().ok_or_else(|| self.expected("a map"))
    }

    pub fn items(&'p self) -> Result<impl Iterator<Item = Node<'p, 'v>>, PipelineError> {
        match self.value {
            Value::List(list) => Ok(list.iter().enumerate().map(|(at, value)| self.item(at, value))),
            _ => Err(self.expected("a list")),
        }
    }

    pub fn entries(&'p self) -> Result<impl Iterator<Item = (&'v str, Node<'p, 'v>)>, PipelineError> {
        Ok(self.map()?.iter().map(|(key, value)| (key.as_str(), self.child(key, value))))
    }

    /// How messages call it: `stages.train.deps[0]`.
    fn name(&self) -> String {
        let mut name = String::new();
        for segment in self.path() {
            match segment {
                Segment::Key(key) if name.is_empty() => name.push_str(key),
                Segment::Key(key) => name.extend([".", key]),
                Segment::Index(at) => name.push_str(&format!("[{at}]")),
            }
        }
        name
    }

    fn path(&self) -> Vec<Segment<'v>> {
        let mut path = Vec::new();
        let mut node = self;
        while let Some((parent, segment)) = node.parent {
            path.push(segment);
            node = parent;
        }
        path.reverse();
        path
    }

    /// A fault of the value, told where the value stands.
    pub fn fault(&self, message: impl Into<String>) -> PipelineError {
        let place = yaml::locate(self.source.text, &self.path());
        PipelineError::new(self.source.file, message).at(place.map(|place| place.value))
    }

    /// A fault of the key, told where the key stands.
    pub fn key_fault(&self, message: impl Into<String>) -> PipelineError {
        let place = yaml::locate(self.source.text, &self.path());
        PipelineError::new(self.source.file, message).at(place.map(|place| place.key))
    }

    /// The value is of another type than it must be.
    pub fn expected(&self, expected: &str) -> PipelineError {
        let name = self.name();
        let whose = if name.is_empty() { "the file".to_owned() } else { format!("`{name}`") };
        self.fault(format!("{whose}: expected {expected}, found {}", self.value.type_name()))
    }

    /// What to do about a bare word that YAML takes for something else than a string.
    pub fn quote_hint(&self) -> Option<String> {
        let is_word = matches!(self.value, Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_));
        is_word.then(|| format!("in quotes it is a string: \"{}\"", self.value))
    }

    /// A key that is none of `known`.
    pub fn unknown_key(&self, key: &str, known: &[&str]) -> PipelineError {
        let whose = match self.name() {
            name if name.is_empty() => "at the top level".to_owned(),
            name => match name.strip_prefix("stages.") {
                Some(stage) if !stage.contains(['.', '[']) => format!("in stage `{stage}`"),
                _ => format!("in `{name}`"),
            },
        };
        let hint = suggest::did_you_mean(key, known.iter().copied())
            .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
        self.child_fault(key, format!("unknown key `{key}` {whose}")).hint(Some(hint))
    }

    /// A fault of one of this map's keys.
    pub fn child_fault(&self, key: &str, message: impl Into<String>) -> PipelineError {
        let mut path: Vec<Segment<'_>> = self.path();
        path.push(Segment::Key(key));
        let place = yaml::locate(self.source.text, &path);
        PipelineError::new(self.source.file, message).at(place.map(|place| place.key))
    }
}
