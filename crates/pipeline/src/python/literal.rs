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
    Bytes(Vec<u8>),
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
        ParamsRead { value, unrecordable: recorder.unrecordable, start: None }
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
        if let Some(kind) = kind {
            self.note(kind);
        }
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
            Literal::Bytes(bytes) => Value::Str(bytes_text(&bytes)),
            Literal::Imaginary(text) | Literal::Complex(text) => Value::Str(text),
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

/// What `repr` makes of bytes, which is what a template has of them.
fn bytes_text(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let mut text = format!("b{quote}");
    for byte in bytes {
        match *byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'\\' => text.push_str("\\\\"),
            byte if char::from(byte) == quote => text.extend(['\\', quote]),
            byte @ b' '..=b'~' => text.push(char::from(byte)),
            byte => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push(quote);
    text
}

/// Adds what stands between the quotes of bytes, with escapes resolved; `None` of what are no bytes.
pub(super) fn unescape_bytes(literal: &str, is_raw: bool, bytes: &mut Vec<u8>) -> Option<()> {
    if !literal.is_ascii() {
        return None;
    }
    let mut rest = literal.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' || is_raw {
            bytes.push(byte);
            continue;
        }
        match rest.next()? {
            b'\n' => {}
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'a' => bytes.push(7),
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'v' => bytes.push(11),
            byte @ (b'\\' | b'\'' | b'"') => bytes.push(byte),
            b'x' => {
                let digits = [rest.next()?, rest.next()?].map(char::from);
                let digit = |at: usize| digits[at].to_digit(16);
                bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
            }
            first @ b'0'..=b'7' => {
                let mut number = u32::from(first - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.clone().next().and_then(|byte| char::from(byte).to_digit(8))
                    else {
                        break;
                    };
                    number = number * 8 + digit;
                    rest.next();
                }
                bytes.push((number & 0xff) as u8);
            }
            other => bytes.extend([b'\\', other]),
        }
    }
    Some(())
}
