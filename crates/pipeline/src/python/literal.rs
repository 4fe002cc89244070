//! Literals of Python, and what can be recorded of them.

use base::Value;
use indexmap::IndexMap;

use crate::unrecordable::{ParamsRead, Unrecordable, UnrecordableKind};

/// A literal as Python has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    /// One that other files have too, with nothing in it.
    Plain(Value),
    List(Vec<Literal>),
    Tuple(Vec<Literal>),
    Set(Vec<Literal>),
    /// Each key once, in the order written.
    Dict(Vec<(Literal, Literal)>),
    /// The body of a class, or of a module.
    Class(IndexMap<String, Literal>),
    /// Bytes, as written.
    Bytes(String),
    /// `2j`, as written, with a sign perhaps.
    Imaginary(String),
    /// `1 + 2j`, as written.
    Complex(String),
    Ellipsis,
}

impl Literal {
    /// Whether it can be a key of a dict, and in a set.
    pub(super) fn is_hashable(&self) -> bool {
        match self {
            Literal::Tuple(items) => items.iter().all(Literal::is_hashable),
            Literal::List(_) | Literal::Set(_) | Literal::Dict(_) | Literal::Class(_) => false,
            _ => true,
        }
    }

    /// Whether it holds what other files have nothing like.
    pub(super) fn is_foreign(&self) -> bool {
        match self {
            Literal::Plain(_) => false,
            // Not written in braces.
            Literal::Set(items) if items.is_empty() => true,
            Literal::List(items) | Literal::Tuple(items) | Literal::Set(items) => {
                items.iter().any(Literal::is_foreign)
            }
            Literal::Dict(pairs) => {
                pairs.iter().any(|(key, value)| !matches!(key, Literal::Plain(_)) || value.is_foreign())
            }
            Literal::Class(values) => values.values().any(Literal::is_foreign),
            Literal::Bytes(_) | Literal::Imaginary(_) | Literal::Complex(_) | Literal::Ellipsis => true,
        }
    }

    /// What is recorded of it.
    pub(super) fn recorded(self) -> ParamsRead {
        let mut recorder = Recorder::default();
        let value = recorder.value(self);
        ParamsRead { value, unrecordable: recorder.unrecordable }
    }
}

/// Makes values of literals, and notes what is lost.
#[derive(Default)]
struct Recorder {
    at: Vec<usize>,
    unrecordable: Vec<Unrecordable>,
}

impl Recorder {
    fn note(&mut self, kind: UnrecordableKind) {
        self.unrecordable.push(Unrecordable { at: self.at.clone(), kind });
    }

    fn value(&mut self, literal: Literal) -> Value {
        let kind = match &literal {
            Literal::Tuple(_) => Some(UnrecordableKind::Tuple),
            Literal::Set(_) => Some(UnrecordableKind::Set),
            Literal::Bytes(_) => Some(UnrecordableKind::Bytes),
            Literal::Imaginary(_) | Literal::Complex(_) => Some(UnrecordableKind::Complex),
            Literal::Ellipsis => Some(UnrecordableKind::Ellipsis),
            _ => None,
        };
        kind.into_iter().for_each(|kind| self.note(kind));
        match literal {
            Literal::Plain(value) => value,
            Literal::List(items) | Literal::Tuple(items) | Literal::Set(items) => {
                let items = items.into_iter().enumerate();
                Value::List(items.map(|(at, item)| self.inside(at, item)).collect())
            }
            Literal::Dict(pairs) => self.dict(pairs),
            Literal::Class(values) => {
                let values = values.into_iter().enumerate();
                Value::Map(values.map(|(at, (name, value))| (name, self.inside(at, value))).collect())
            }
            Literal::Bytes(text) | Literal::Imaginary(text) | Literal::Complex(text) => Value::Str(text),
            Literal::Ellipsis => Value::from("..."),
        }
    }

    fn inside(&mut self, at: usize, literal: Literal) -> Value {
        self.at.push(at);
        let value = self.value(literal);
        self.at.pop();
        value
    }

    /// A map where all its keys are texts.
    fn dict(&mut self, pairs: Vec<(Literal, Literal)>) -> Value {
        let mut kept: Vec<(Value, Value)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            match key {
                Literal::Plain(key) => {
                    let value = self.inside(kept.len(), value);
                    kept.push((key, value));
                }
                _ => self.note(UnrecordableKind::Key),
            }
        }
        if kept.iter().any(|(key, _)| !matches!(key, Value::Str(_))) {
            return Value::Pairs(kept);
        }
        let text = |(key, value): (Value, Value)| Some((key.as_str()?.to_owned(), value));
        Value::Map(kept.into_iter().filter_map(text).collect())
    }
}
