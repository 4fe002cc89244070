//! Parameters written as Python: the constants of a module, of its classes, and of their `__init__`.
//!
//! No interpreter and no full parser: a program is cut into logical lines, of which only assignments of literals to
//! names count; everything else is passed over. The values are those that DVC takes: constants at the top
//! level, `Class.name` from a class body, `Class.name` from `self.name = …` in `__init__`, and so on in classes of classes.
//! Tuples and sets read as lists. What is computed (`x = 2 * y`), bound by unpacking or nested in other blocks is no
//! parameter.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use base::Value;
use indexmap::IndexMap;

use crate::error::{Position, too_long};
use crate::format::dvc::python::identity;
use crate::format::dvc::surrogates::character;

/// How deep literals may nest; a module that goes deeper is no set of parameters.
const DEEPEST: usize = 64;

/// The parameters of a Python module as a map, classes as maps in it. A later assignment wins, as in Python.
///
/// # Errors
/// When a string or a bracket is never closed, with the place where it opens, and when a parameter holds a character by its
/// name, with the place where its line begins.
pub(crate) fn parse(text: &str) -> Result<Value, (Position, String)> {
    let mut values = IndexMap::new();
    let mut open = Open::default();
    // Whatever ends a line is one line end to Python.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in logical_lines(&text)? {
        if open.enter(line.indent) {
            open.read(line.text.trim(), line.indent, &mut values).map_err(|fault| (line.place, fault))?;
        }
    }
    Ok(Value::Map(values))
}

/// The bodies that are open, each in the one before, the module's around them left out.
#[derive(Default)]
struct Open(Vec<Body>);

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
        while let Some(body) = self.0.last_mut() {
            match body.indent {
                None if indent > body.header => body.indent = Some(indent),
                Some(lines) if indent >= lines => {}
                _ => {
                    self.0.pop();
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
        values: &mut IndexMap<String, Value>,
    ) -> Result<(), String> {
        let (class, rest) = match (keyword(words, "class"), keyword(words, "def")) {
            (Some(rest), _) => (Some(identifier(rest).to_owned()), rest),
            (_, Some(rest)) if identifier(rest) == "__init__" => (None, rest),
            (_, Some(_)) => return Ok(()),
            _ => return self.assign(words, values),
        };
        if let Some(name) = &class {
            self.insert(values, name, Value::Map(IndexMap::new()));
        }
        self.0.push(Body { class, header, indent: None });
        // A body may stand behind its header.
        if let Some(at) = find_outside(rest, |c| c == ':')
            && !rest[at + 1..].trim().is_empty()
        {
            let assigned = self.assign(&rest[at + 1..], values);
            self.0.pop();
            assigned?;
        }
        Ok(())
    }

    fn assign(&self, words: &str, values: &mut IndexMap<String, Value>) -> Result<(), String> {
        let in_init = self.0.last().is_some_and(|body| body.class.is_none());
        for (target, value) in statements(words).into_iter().filter_map(assignment) {
            let own = target.strip_prefix("self.");
            let target = if in_init { own } else { own.or(Some(target)) };
            let name = target.filter(|name| !name.is_empty() && identifier(name) == *name);
            if let Some(name) = name
                && let Some(value) = literal(value)?
            {
                self.insert(values, name, value);
            }
        }
        Ok(())
    }

    fn insert(&self, values: &mut IndexMap<String, Value>, name: &str, value: Value) {
        let mut at = values;
        for class in self.0.iter().filter_map(|body| body.class.as_ref()) {
            let entry = at.entry(class.clone()).or_insert(Value::Null);
            if !matches!(entry, Value::Map(_)) {
                *entry = Value::Map(IndexMap::new());
            }
            let Value::Map(inner) = entry else { return };
            at = inner;
        }
        at.insert(name.to_owned(), value);
    }
}

/// One statement line, with the lines that brackets, strings and backslashes join to it, and without comments.
struct Line {
    /// Columns before the first word.
    indent: usize,
    /// Where the first word stands.
    place: Position,
    text: String,
}

fn logical_lines(text: &str) -> Result<Vec<Line>, (Position, String)> {
    let mut lines = Vec::new();
    let mut at = Cursor::new(text);
    while !at.is_done() {
        let indent = at.indent();
        let place = at.position();
        let mut line = String::new();
        let mut open: Vec<(char, Position)> = Vec::new();
        while let Some(c) = at.peek() {
            match c {
                '\n' if open.is_empty() => break,
                '#' => at.skip_to_line_end(),
                '\\' if at.rest.starts_with("\\\n") || at.rest.starts_with("\\\r\n") => {
                    at.skip_to_line_end();
                    at.next();
                    line.push(' ');
                }
                '"' | '\'' => at.string(&mut line)?,
                _ => {
                    match c {
                        '(' | '[' | '{' => open.push((c, at.position())),
                        ')' | ']' | '}' => drop(open.pop()),
                        _ => {}
                    }
                    at.next();
                    line.push(if c == '\n' || c == '\r' { ' ' } else { c });
                }
            }
        }
        if let Some((bracket, position)) = open.pop() {
            return Err((position, format!("`{bracket}` is never closed")));
        }
        at.next();
        if !line.trim().is_empty() {
            lines.push(Line { indent, place, text: line });
        }
    }
    Ok(lines)
}

struct Cursor<'a> {
    rest: &'a str,
    line: u32,
    column: u32,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Cursor { rest: text, line: 1, column: 1 }
    }

    fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    /// The columns of white space that follow; a tab goes on to the next multiple of eight.
    fn indent(&mut self) -> usize {
        let mut indent = 0;
        while let Some(c @ (' ' | '\t' | '\u{c}')) = self.peek() {
            indent = match c {
                ' ' => indent + 1,
                '\t' => (indent / 8 + 1) * 8,
                _ => 0,
            };
            self.next();
        }
        indent
    }

    fn skip_to_line_end(&mut self) {
        while self.peek().is_some_and(|c| c != '\n') {
            self.next();
        }
    }

    /// Copies a string literal as it stands, quotes included.
    fn string(&mut self, line: &mut String) -> Result<(), (Position, String)> {
        let start = self.position();
        let quote = self.peek().unwrap_or('"');
        let long = self.rest.starts_with(&quote.to_string().repeat(3));
        let fence = quote.to_string().repeat(if long { 3 } else { 1 });
        for _ in 0..fence.len() {
            line.extend(self.next());
        }
        loop {
            if self.rest.starts_with(&fence) {
                for _ in 0..fence.len() {
                    line.extend(self.next());
                }
                return Ok(());
            }
            match self.next() {
                Some('\\') => {
                    line.push('\\');
                    line.extend(self.next());
                }
                Some('\n') if !long => return Err((start, "the string is never closed".to_owned())),
                Some(c) => line.push(c),
                None => return Err((start, "the string is never closed".to_owned())),
            }
        }
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
fn literal(text: &str) -> Result<Option<Value>, String> {
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

fn whole(reader: &mut Reader<'_>) -> Option<Value> {
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
            return Some(Value::List(items));
        }
        items.push(reader.value(0)?);
        reader.space();
    }
    reader.rest.is_empty().then_some(Value::List(items))
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

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            '[' => self.items('[', ']', depth).map(Value::List),
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
                match (self.value(depth + 1)?, negative) {
                    (number, true) => number.negated(),
                    (number @ (Value::Int(_) | Value::Big(_) | Value::Float(_)), false) => Some(number),
                    _ => None,
                }
            }
            c if c.is_ascii_digit() || c == '.' => self.number(),
            _ => self.word(),
        }
    }

    /// A constant, or a string with a prefix.
    fn word(&mut self) -> Option<Value> {
        let word = identifier(self.rest);
        let after = &self.rest[word.len()..];
        if after.starts_with(['"', '\'']) {
            return self.strings();
        }
        self.rest = after;
        match word {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::Null),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let is_part = |at: usize, c: char| {
            let exponent_sign = matches!(c, '+' | '-')
                && self.rest[..at].ends_with(['e', 'E'])
                && !self.rest.starts_with("0x");
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || exponent_sign
        };
        let end =
            self.rest.char_indices().find(|&(at, c)| !is_part(at, c)).map_or(self.rest.len(), |(at, _)| at);
        let text = self.rest[..end].replace('_', "").to_ascii_lowercase();
        self.rest = &self.rest[end..];
        let (digits, radix) = match text.get(..2) {
            Some("0x") => (&text[2..], 16),
            Some("0o") => (&text[2..], 8),
            Some("0b") => (&text[2..], 2),
            _ => (&*text, 10),
        };
        if radix != 10 || digits.bytes().all(|byte| byte.is_ascii_digit()) {
            self.is_too_long |= Value::is_too_long(digits, radix);
            return Value::integer(false, digits, radix);
        }
        // Rust reads `inf` and `nan` too; a number here starts with a digit or a point.
        text.parse().ok().map(Value::Float)
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Option<Vec<Value>> {
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
    fn parenthesised(&mut self, depth: usize) -> Option<Value> {
        let start = self.rest;
        let mut items = self.items('(', ')', depth)?;
        let inside = &start[..start.len() - self.rest.len() - 1];
        match items.len() {
            1 if !inside.trim_end().ends_with(',') => items.pop(),
            _ => Some(Value::List(items)),
        }
    }

    /// A dict, or a set.
    fn braces(&mut self, depth: usize) -> Option<Value> {
        let start = self.rest;
        self.bump();
        self.space();
        let mut pairs: Vec<(Value, Value)> = Vec::new();
        let mut places: HashMap<_, usize> = HashMap::new();
        loop {
            self.space();
            if self.take('}') {
                return Some(map_of(pairs));
            }
            let key = self.value(depth + 1)?;
            self.space();
            if !self.take(':') {
                if !pairs.is_empty() {
                    return None;
                }
                self.rest = start;
                return self.items('{', '}', depth).map(Value::List);
            }
            if matches!(key, Value::List(_) | Value::Map(_) | Value::Pairs(_)) {
                return None;
            }
            let value = self.value(depth + 1)?;
            // One key of those that are equal, with the last value.
            match places.entry(identity(&key)) {
                Entry::Occupied(place) => pairs[*place.get()].1 = value,
                Entry::Vacant(place) => {
                    place.insert(pairs.len());
                    pairs.push((key, value));
                }
            }
            self.space();
            if !self.take(',') {
                self.space();
                return self.take('}').then(|| map_of(pairs));
            }
        }
    }

    /// One or more string literals, which Python joins. Bytes and formatted strings are no constants.
    fn strings(&mut self) -> Option<Value> {
        let mut text = String::new();
        loop {
            let prefix = identifier(self.rest).to_ascii_lowercase();
            self.rest = &self.rest[prefix.len()..];
            let raw = match prefix.as_str() {
                "" | "u" => false,
                "r" => true,
                _ => return None,
            };
            let literal = self.raw_string()?;
            if raw {
                text.push_str(literal);
            } else {
                unescape(literal, &mut text, &mut self.named)?;
            }
            self.space();
            let next = identifier(self.rest);
            if !self.rest[next.len()..].starts_with(['"', '\'']) {
                return Some(Value::Str(text));
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

/// A dict: a map where all its keys are texts.
fn map_of(pairs: Vec<(Value, Value)>) -> Value {
    if pairs.iter().any(|(key, _)| !matches!(key, Value::Str(_))) {
        return Value::Pairs(pairs);
    }
    let text = |(key, value): (Value, Value)| Some((key.as_str()?.to_owned(), value));
    Value::Map(pairs.into_iter().filter_map(text).collect())
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
