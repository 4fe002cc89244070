//! Parameters written as Python: the constants of a module, of its classes, and of their `__init__`.
//!
//! No interpreter and no full parser: a program is cut into logical lines, of which only assignments of literals to
//! names count; everything else is passed over. The values are those that DVC takes: constants at the top
//! level, `Class.name` from a class body, `Class.name` from `self.name = …` in `__init__`, and so on in classes of classes.
//! Tuples and sets read as lists. What is computed (`x = 2 * y`), bound by unpacking or nested in other blocks is no
//! parameter.

mod lines;
mod literal;

use std::collections::HashMap;

use base::Value;
use indexmap::IndexMap;

use crate::error::{Position, too_long};
use crate::format::dvc::python::identity;
use crate::format::dvc::surrogates::character;
use crate::unrecordable::ParamsRead;
use lines::logical_lines;
use literal::{Literal, unescape_bytes};

/// How deep literals may nest; a module that goes deeper is no set of parameters.
const DEEPEST: usize = 64;

/// The parameters of a Python module as a map, classes as maps in it. A later assignment wins, as in Python. Unless
/// `foreign` literals count, bytes, complex numbers and what else no other file has is no parameter.
///
/// # Errors
/// When a string or a bracket is never closed, with the place where it opens, and when a parameter holds a character by its
/// name, with the place where its line begins.
pub(crate) fn parse(text: &str, foreign: bool) -> Result<ParamsRead, (Position, String)> {
    let mut values = IndexMap::new();
    let mut open = Open { bodies: Vec::new(), foreign };
    // Whatever ends a line is one line end to Python.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in logical_lines(&text)? {
        if open.enter(line.indent) {
            open.read(line.text.trim(), line.indent, &mut values).map_err(|fault| (line.place, fault))?;
        }
    }
    Ok(Literal::Class(values).recorded())
}

struct Open {
    /// The bodies that are open, each in the one before, the module's around them left out.
    bodies: Vec<Body>,
    foreign: bool,
}

/// The body of a class, or of an `__init__`, whose parameters are those of what it stands in.
struct Body {
    /// The name of the class.
    class: Option<String>,
    header: usize,
    /// The indent of its lines, once the first was seen.
    indent: Option<usize>,
}

impl Open {
    /// Moves to a line with that indent: whether it belongs to the innermost body and not to something nested in it.
    fn enter(&mut self, indent: usize) -> bool {
        while let Some(body) = self.bodies.last_mut() {
            match body.indent {
                None if indent > body.header => body.indent = Some(indent),
                Some(lines) if indent >= lines => {}
                _ => {
                    self.bodies.pop();
                    continue;
                }
            }
            return body.indent == Some(indent);
        }
        indent == 0
    }

    /// Reads a line of the innermost body.
    fn read(
        &mut self,
        words: &str,
        header: usize,
        values: &mut IndexMap<String, Literal>,
    ) -> Result<(), String> {
        let (class, rest) = match (keyword(words, "class"), keyword(words, "def")) {
            (Some(rest), _) => (Some(identifier(rest).to_owned()), rest),
            (_, Some(rest)) if identifier(rest) == "__init__" => (None, rest),
            (_, Some(_)) => return Ok(()),
            _ => return self.assign(words, values),
        };
        if let Some(name) = &class {
            self.insert(values, name, Literal::Class(IndexMap::new()));
        }
        self.bodies.push(Body { class, header, indent: None });
        // A body may stand behind its header.
        if let Some(at) = find_outside(rest, |c| c == ':')
            && !rest[at + 1..].trim().is_empty()
        {
            let assigned = self.assign(&rest[at + 1..], values);
            self.bodies.pop();
            assigned?;
        }
        Ok(())
    }

    fn assign(&self, words: &str, values: &mut IndexMap<String, Literal>) -> Result<(), String> {
        let in_init = self.bodies.last().is_some_and(|body| body.class.is_none());
        for (target, value) in statements(words).into_iter().filter_map(assignment) {
            let own = target.strip_prefix("self.");
            let target = if in_init { own } else { own.or(Some(target)) };
            let name = target.filter(|name| !name.is_empty() && identifier(name) == *name);
            if let Some(name) = name
                && let Some(value) = literal(value)?
                && (self.foreign || !value.is_foreign())
            {
                self.insert(values, name, value);
            }
        }
        Ok(())
    }

    fn insert(&self, values: &mut IndexMap<String, Literal>, name: &str, value: Literal) {
        let mut at = values;
        for class in self.bodies.iter().filter_map(|body| body.class.as_ref()) {
            let entry = at.entry(class.clone()).or_insert_with(|| Literal::Class(IndexMap::new()));
            if !matches!(entry, Literal::Class(_)) {
                *entry = Literal::Class(IndexMap::new());
            }
            let Literal::Class(inner) = entry else { return };
            at = inner;
        }
        at.insert(name.to_owned(), value);
    }
}

/// What follows a keyword at the start of a statement.
fn keyword<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?;
    rest.starts_with(char::is_whitespace).then(|| rest.trim_start())
}

/// The identifier at the start of a text; empty when there is none.
fn identifier(text: &str) -> &str {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return "";
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

/// The parts of a logical line between `;`.
fn statements(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = line;
    loop {
        match find_outside(rest, |c| c == ';') {
            Some(at) => {
                parts.push(&rest[..at]);
                rest = &rest[at + 1..];
            }
            None => {
                parts.push(rest);
                return parts;
            }
        }
    }
}

/// The first character outside of strings and brackets that is wanted.
fn find_outside(text: &str, is_wanted: impl Fn(char) -> bool) -> Option<usize> {
    let mut depth = 0_usize;
    let mut reader = Reader { rest: text, named: None, is_too_long: false };
    loop {
        let at = text.len() - reader.rest.len();
        let c = reader.peek()?;
        if depth == 0 && is_wanted(c) {
            return Some(at);
        }
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '"' | '\'' => {
                reader.raw_string()?;
                continue;
            }
            _ => {}
        }
        reader.bump();
    }
}

/// Target and value of `target = value` or `target: type = value`. Chains (`a = b = 1`) and comparisons are none.
fn assignment(statement: &str) -> Option<(&str, &str)> {
    let at = find_outside(statement, |c| c == '=')?;
    let (target, value) = (&statement[..at], &statement[at + 1..]);
    let is_operator = target.ends_with(|c| "=!<>+-*/%&|^@:".contains(c)) || value.starts_with('=');
    if is_operator {
        return None;
    }
    let target = match find_outside(target, |c| c == ':') {
        Some(at) => &target[..at],
        None => target,
    };
    let mut target = target.trim();
    while let Some(inside) = target.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        target = inside.trim();
    }
    Some((target, value.trim()))
}

/// The value of a text that is one literal and nothing else.
///
/// # Errors
/// When it holds a character by its name, or a number that is too long.
fn literal(text: &str) -> Result<Option<Literal>, String> {
    let mut reader = Reader { rest: text, named: None, is_too_long: false };
    let value = whole(&mut reader);
    if reader.is_too_long {
        return Err(too_long());
    }
    match reader.named {
        Some(name) if value.is_some() => Err(format!(
            "characters are not known by their names here: write `\\N{name}` as itself, or by its number (`\\u…`)"
        )),
        _ => Ok(value),
    }
}

fn whole(reader: &mut Reader<'_>) -> Option<Literal> {
    let first = reader.value(0)?;
    reader.space();
    if reader.rest.is_empty() {
        return Some(first);
    }
    // `x = 1, 2` is a tuple without its brackets.
    let mut items = vec![first];
    while reader.take(',') {
        reader.space();
        if reader.rest.is_empty() {
            return Some(Literal::Tuple(items));
        }
        items.push(reader.value(0)?);
        reader.space();
    }
    reader.rest.is_empty().then_some(Literal::Tuple(items))
}

struct Reader<'a> {
    rest: &'a str,
    /// The first character that was told by its name, with the braces.
    named: Option<String>,
    /// Whether a number was too long.
    is_too_long: bool,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// A literal, and the imaginary part behind it that makes a number complex.
    fn value(&mut self, depth: usize) -> Option<Literal> {
        self.space();
        let start = self.rest;
        let real = self.operand(depth)?;
        if !is_number(&real) {
            return Some(real);
        }
        let behind = self.rest;
        self.space();
        if matches!(self.bump(), Some('-' | '+')) {
            let is_signed = self.rest.trim_start_matches(['(', ' ']).starts_with(['-', '+']);
            if !is_signed && let Some(Literal::Imaginary(_)) = self.operand(depth + 1) {
                let text = start[..start.len() - self.rest.len()].trim();
                return Some(Literal::Complex(text.to_owned()));
            }
        }
        self.rest = behind;
        Some(real)
    }

    fn operand(&mut self, depth: usize) -> Option<Literal> {
        self.space();
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            '[' => self.items('[', ']', depth).map(Literal::List),
            '(' => self.parenthesised(depth),
            '{' => self.braces(depth),
            '"' | '\'' => self.strings(),
            '-' | '+' => {
                let negative = self.bump() == Some('-');
                // Python's literals have one sign.
                if self.rest.trim_start_matches(['(', ' ']).starts_with(['-', '+']) {
                    return None;
                }
                self.space();
                match (self.operand(depth + 1)?, negative) {
                    (Literal::Plain(number), true) => number.negated().map(Literal::Plain),
                    (Literal::Imaginary(text), true) => Some(Literal::Imaginary(format!("-{text}"))),
                    (number, false) if is_number(&number) => Some(number),
                    (number @ Literal::Imaginary(_), false) => Some(number),
                    _ => None,
                }
            }
            '.' if self.rest.starts_with("...") => {
                self.rest = &self.rest[3..];
                Some(Literal::Ellipsis)
            }
            c if c.is_ascii_digit() || c == '.' => self.number(),
            _ => self.word(),
        }
    }

    /// A constant, a string with a prefix, or the empty set.
    fn word(&mut self) -> Option<Literal> {
        let word = identifier(self.rest);
        let after = &self.rest[word.len()..];
        if after.starts_with(['"', '\'']) {
            return self.strings();
        }
        self.rest = after;
        match word {
            "True" => Some(Literal::Plain(Value::Bool(true))),
            "False" => Some(Literal::Plain(Value::Bool(false))),
            "None" => Some(Literal::Plain(Value::Null)),
            "set" => {
                self.space();
                let is_called = self.take('(');
                self.space();
                (is_called && self.take(')')).then_some(Literal::Set(Vec::new()))
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Literal> {
        let is_part = |at: usize, c: char| {
            let exponent_sign = matches!(c, '+' | '-')
                && self.rest[..at].ends_with(['e', 'E'])
                && !self.rest.starts_with("0x");
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || exponent_sign
        };
        let end =
            self.rest.char_indices().find(|&(at, c)| !is_part(at, c)).map_or(self.rest.len(), |(at, _)| at);
        let written = &self.rest[..end];
        let text = written.replace('_', "").to_ascii_lowercase();
        self.rest = &self.rest[end..];
        let (digits, radix) = match text.get(..2) {
            Some("0x") => (&text[2..], 16),
            Some("0o") => (&text[2..], 8),
            Some("0b") => (&text[2..], 2),
            _ => (&*text, 10),
        };
        if radix != 10 || digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.is_too_long |= Value::is_too_long(digits, radix);
            return Value::integer(false, digits, radix).map(Literal::Plain);
        }
        // Rust reads `inf` and `nan` too; a number here starts with a digit or a point.
        if let Some(imaginary) = text.strip_suffix('j') {
            return imaginary.parse::<f64>().ok().map(|_| Literal::Imaginary(written.to_owned()));
        }
        text.parse().ok().map(Value::Float).map(Literal::Plain)
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Option<Vec<Literal>> {
        if !self.take(open) {
            return None;
        }
        let mut items = Vec::new();
        loop {
            self.space();
            if self.take(close) {
                return Some(items);
            }
            items.push(self.value(depth + 1)?);
            self.space();
            if !self.take(',') {
                self.space();
                return self.take(close).then_some(items);
            }
        }
    }

    /// A tuple, or one value in brackets.
    fn parenthesised(&mut self, depth: usize) -> Option<Literal> {
        let start = self.rest;
        let mut items = self.items('(', ')', depth)?;
        let inside = &start[..start.len() - self.rest.len() - 1];
        match items.len() {
            1 if !inside.trim_end().ends_with(',') => items.pop(),
            _ => Some(Literal::Tuple(items)),
        }
    }

    /// A dict, or a set.
    fn braces(&mut self, depth: usize) -> Option<Literal> {
        let start = self.rest;
        self.bump();
        self.space();
        let mut pairs: Vec<(Literal, Literal)> = Vec::new();
        let mut places: HashMap<_, usize> = HashMap::new();
        loop {
            self.space();
            if self.take('}') {
                return Some(Literal::Dict(pairs));
            }
            let key = self.value(depth + 1)?;
            self.space();
            if !self.take(':') {
                if !pairs.is_empty() {
                    return None;
                }
                self.rest = start;
                return self.items('{', '}', depth).map(Literal::Set);
            }
            if !key.is_hashable() {
                return None;
            }
            let value = self.value(depth + 1)?;
            // One key of those that are equal, with the last value.
            let place = match &key {
                Literal::Plain(key) => Some(*places.entry(identity(key)).or_insert(pairs.len())),
                _ => None,
            };
            match place.and_then(|place| pairs.get_mut(place)) {
                Some((_, known)) => *known = value,
                None => pairs.push((key, value)),
            }
            self.space();
            if !self.take(',') {
                self.space();
                return self.take('}').then_some(Literal::Dict(pairs));
            }
        }
    }

    /// One or more string literals, which Python joins. Formatted strings are no constants.
    fn strings(&mut self) -> Option<Literal> {
        let (mut text, mut bytes) = (String::new(), Vec::new());
        let mut are_bytes = None;
        loop {
            let prefix = identifier(self.rest).to_ascii_lowercase();
            self.rest = &self.rest[prefix.len()..];
            let (is_raw, is_bytes) = match prefix.as_str() {
                "" | "u" => (false, false),
                "r" => (true, false),
                "b" => (false, true),
                "br" | "rb" => (true, true),
                _ => return None,
            };
            if are_bytes.replace(is_bytes).is_some_and(|before| before != is_bytes) {
                return None;
            }
            let literal = self.raw_string()?;
            match (is_bytes, is_raw) {
                (true, _) => unescape_bytes(literal, is_raw, &mut bytes)?,
                (false, true) => text.push_str(literal),
                (false, false) => unescape(literal, &mut text, &mut self.named)?,
            }
            self.space();
            let next = identifier(self.rest);
            if !self.rest[next.len()..].starts_with(['"', '\'']) {
                return Some(match is_bytes {
                    true => Literal::Bytes(bytes),
                    false => Literal::Plain(Value::Str(text)),
                });
            }
        }
    }

    /// What stands between the quotes, as written.
    fn raw_string(&mut self) -> Option<&'a str> {
        let quote = self.peek()?;
        let three = quote.to_string().repeat(3);
        let fence = if self.rest.starts_with(&three) { three } else { quote.to_string() };
        let inside = &self.rest[fence.len()..];
        let mut at = 0;
        while at < inside.len() {
            if inside[at..].starts_with(&fence) {
                self.rest = &inside[at + fence.len()..];
                return Some(&inside[..at]);
            }
            let c = inside[at..].chars().next()?;
            at += c.len_utf8();
            if c == '\\' {
                at += inside[at..].chars().next().map_or(0, char::len_utf8);
            }
        }
        None
    }
}

/// Whether it is a number that an imaginary part may follow.
fn is_number(literal: &Literal) -> bool {
    matches!(literal, Literal::Plain(Value::Int(_) | Value::Big(_) | Value::Float(_)))
}

/// Adds a literal's text with its escapes resolved, but names of Unicode's; `None` when one means no character.
fn unescape(literal: &str, text: &mut String, named: &mut Option<String>) -> Option<()> {
    let mut chars = literal.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next()? {
            '\n' => {}
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'a' => text.push('\u{7}'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'v' => text.push('\u{b}'),
            c @ ('\\' | '\'' | '"') => text.push(c),
            c @ ('x' | 'u' | 'U') => {
                let digits = match c {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits: String = chars.by_ref().take(digits).collect();
                text.push(character(u32::from_str_radix(&digits, 16).ok()?)?);
            }
            first @ '0'..='7' => {
                let mut number = first.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = chars.clone().next().and_then(|c| c.to_digit(8)) else { break };
                    number = number * 8 + digit;
                    chars.next();
                }
                text.push(char::from_u32(number)?);
            }
            'N' => {
                let rest = chars.as_str();
                let name = rest.get(..=rest.find('}')?).filter(|name| name.starts_with('{'))?;
                named.get_or_insert_with(|| name.to_owned());
                chars = rest[name.len()..].chars();
            }
            // Python keeps a backslash that escapes nothing.
            other => text.extend(['\\', other]),
        }
    }
    Some(())
}

#[cfg(test)]
#[path = "python_tests.rs"]
mod tests;
