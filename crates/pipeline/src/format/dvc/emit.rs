//! YAML as DVC's writer lays it out, so that a file which both tools write changes only where its content does.
//!
//! Blocks throughout, lists at the indentation of their key, quotes only where a plain text would be read as something
//! else, and lines folded at spaces behind the 80th column.

use std::fmt::Write as _;

use base::Value;

use super::dates::{date_text, has_date_shape};
use super::python::float_text;
use super::surrogates::{half, has_half};

/// Where lines are folded.
const WIDTH: usize = 80;

/// The text of a map.
pub(crate) fn emit(value: &Value) -> String {
    let mut out = Emitter::default();
    match value {
        Value::Map(map) if !map.is_empty() => out.block(value, 0),
        other => {
            out.node(other, 0);
            out.end_line();
        }
    }
    out.text
}

#[derive(Default)]
struct Emitter {
    text: String,
    column: usize,
}

impl Emitter {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn end_line(&mut self) {
        self.text.push('\n');
        self.column = 0;
    }

    fn indent(&mut self, indent: usize) {
        let missing = indent.saturating_sub(self.column);
        self.put(&" ".repeat(missing));
    }

    /// A map or list that has lines of its own.
    fn block(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Map(map) => {
                for (key, value) in map {
                    self.indent(indent);
                    self.scalar(key, style(key), None);
                    self.entry(value, indent);
                }
            }
            Value::Pairs(pairs) => {
                for (key, value) in pairs {
                    self.indent(indent);
                    match key {
                        Value::Str(key) => self.scalar(key, style(key), None),
                        Value::Null => self.put("null"),
                        key => self.put(&scalar_text(key)),
                    }
                    self.entry(value, indent);
                }
            }
            Value::List(list) => {
                for value in list {
                    self.indent(indent);
                    self.put("-");
                    match value {
                        Value::Map(map) if !map.is_empty() => {
                            self.put(" ");
                            self.block(value, indent + 2);
                        }
                        Value::Pairs(_) => {
                            self.put(" ");
                            self.block(value, indent + 2);
                        }
                        Value::List(list) if !list.is_empty() => {
                            self.put(" ");
                            self.block(value, indent + 2);
                        }
                        // With the space that would stand before a value, unlike a key's.
                        Value::Null => {
                            self.put(" ");
                            self.end_line();
                        }
                        _ => {
                            self.node(value, indent + 2);
                            self.end_line();
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// What stands behind a key, on its line or below.
    fn entry(&mut self, value: &Value, indent: usize) {
        self.put(":");
        match value {
            Value::Map(map) if !map.is_empty() => {
                self.end_line();
                self.block(value, indent + 2);
            }
            Value::Pairs(_) => {
                self.end_line();
                self.block(value, indent + 2);
            }
            Value::List(list) if !list.is_empty() => {
                self.end_line();
                self.block(value, indent);
            }
            _ => {
                self.node(value, indent + 2);
                self.end_line();
            }
        }
    }

    /// What stands behind a key or a dash on the same line, with the space before it.
    fn node(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => {}
            Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Date(_) => {
                self.put(" ");
                self.words(&scalar_text(value), Some(indent), true);
            }
            Value::List(_) => self.put(" []"),
            Value::Map(_) | Value::Pairs(_) => self.put(" {}"),
            Value::Str(text) => {
                self.put(" ");
                self.scalar(text, style(text), Some(indent));
            }
        }
    }

    /// A text; folded to `indent` where that is given.
    fn scalar(&mut self, text: &str, style: Style, indent: Option<usize>) {
        match style {
            Style::Plain => self.words(text, indent, true),
            Style::Single => {
                self.put("'");
                self.words(&text.replace('\'', "''"), indent, false);
                self.put("'");
            }
            Style::Double => match indent {
                Some(indent) => self.double(text, indent),
                None => self.put(&double_quoted(text)),
            },
        }
    }

    /// A text in double quotes. A line ends before a blank where one stands near that is easily read, and behind a backslash
    /// elsewhere, before a blank that has one too.
    fn double(&mut self, text: &str, indent: usize) {
        let chars: Vec<char> = text.chars().collect();
        self.put("\"");
        // What stands from `start` on is to be written.
        let mut start = 0;
        for end in 0..=chars.len() {
            let c = chars.get(end).copied();
            let escaped = c.map_or(String::new(), |c| {
                let mut escaped = String::new();
                push_escaped(&mut escaped, c);
                escaped
            });
            let is_escaped = c.is_none_or(|c| !escaped.starts_with(c) || c == '\\');
            if is_escaped {
                self.put(&chars[start.min(end)..end].iter().collect::<String>());
                self.put(&escaped);
                start = if c.is_some() { end + 1 } else { end };
            }
            let may_end = 0 < end && end + 1 < chars.len() && (c == Some(' ') || start >= end);
            if !may_end || self.column + end <= WIDTH + start {
                continue;
            }
            let is_bare = is_bare(&chars, start, end);
            self.put(&chars[start.min(end)..end].iter().collect::<String>());
            if !is_bare {
                self.put("\\");
            }
            start = start.max(end);
            self.end_line();
            self.indent(indent);
            if chars[start] == ' ' {
                if is_bare {
                    start += 1;
                } else {
                    self.put("\\");
                }
            }
        }
        self.put("\"");
    }

    fn words(&mut self, text: &str, indent: Option<usize>, plain: bool) {
        let Some(indent) = indent else { return self.put(text) };
        let mut rest = text;
        let mut gap = 0;
        while !rest.is_empty() {
            let spaces = rest.len() - rest.trim_start_matches(' ').len();
            if spaces > 0 {
                let is_edge = spaces == rest.len() || rest.len() == text.len();
                let is_full = if plain { self.column >= WIDTH } else { self.column > WIDTH && !is_edge };
                if spaces == 1 && is_full {
                    self.end_line();
                    self.indent(indent);
                } else {
                    self.put(&rest[..spaces]);
                }
                rest = &rest[spaces..];
                gap = spaces;
                continue;
            }
            let end = rest.find(' ').unwrap_or(rest.len());
            let is_full = self.column + rest[..end].chars().count() > WIDTH && self.column > indent;
            // Several spaces would be read as one. DVC folds there, too, and calls the stage changed from then on.
            if plain && is_full && gap <= 1 {
                // The space before it is written already, and is read as the fold.
                self.end_line();
                self.indent(indent);
            }
            self.put(&rest[..end]);
            rest = &rest[end..];
        }
    }
}

/// Whether a line in double quotes may end here without a backslash: before a blank, and where a line ends in the text.
fn is_bare(chars: &[char], start: usize, end: usize) -> bool {
    let Some(blank) = chars[end..].iter().position(|c| *c == ' ').map(|at| at + end) else { return false };
    let line_end = chars[end..blank].iter().position(|c| *c == '\n').map(|at| at + end);
    let place = line_end.unwrap_or(blank);
    let Some(next) = chars.get(place + 1) else { return false };
    if line_end.is_some() && *next != ' ' {
        return false;
    }
    !chars[end..place].iter().any(|c| matches!(c, '"' | '\''))
        && !matches!(next, ' ' | '\n')
        && chars[end - 1..=end] != [' ', ' ']
        && start != end
}

/// A scalar that is no text.
fn scalar_text(value: &Value) -> String {
    match value {
        Value::Float(number) if number.is_nan() => ".nan".to_owned(),
        Value::Float(number) if number.is_infinite() => {
            if *number > 0.0 { ".inf" } else { "-.inf" }.to_owned()
        }
        Value::Float(number) => float_text(*number),
        Value::Date(text) => date_text(text).unwrap_or_else(|| text.clone()),
        other => other.to_string(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
}

/// How a text is written: plain where that reads back as the text.
fn style(text: &str) -> Style {
    let special = text.chars().any(|c| {
        c != '\n'
            && !(' '..='~').contains(&c)
            && (c < '\u{a0}' || c == '\u{feff}' || c == '\u{fffe}' || c == '\u{ffff}')
            && c != '\u{85}'
    }) || has_half(text);
    let has_break = text.contains(['\n', '\u{85}', '\u{2028}', '\u{2029}']);
    let is_plain = !text.is_empty()
        && !special
        && !has_break
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && !has_indicator(text)
        && !is_typed(text);
    if is_plain {
        Style::Plain
    } else if special || has_break || text.contains('\'') {
        Style::Double
    } else {
        Style::Single
    }
}

/// Whether something in a text means something else in a block.
fn has_indicator(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let blank = |at: usize| chars.get(at).is_none_or(|c| matches!(c, ' ' | '\t'));
    text.starts_with("---")
        || text.starts_with("...")
        || text.starts_with(['#', ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`'])
        || (text.starts_with(['?', ':', '-']) && blank(1))
        || chars
            .iter()
            .enumerate()
            .skip(1)
            .any(|(at, c)| (*c == ':' && blank(at + 1)) || (*c == '#' && matches!(chars[at - 1], ' ' | '\t')))
}

/// Whether YAML 1.2 reads a plain text as something else than a text.
fn is_typed(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits =
        |text: &str, base: u32| !text.is_empty() && text.chars().all(|c| c == '_' || c.is_digit(base));
    let is_integer = (digits(unsigned, 10) && !text.starts_with('_'))
        || unsigned.strip_prefix("0b").is_some_and(|digits_| digits(digits_, 2))
        || unsigned.strip_prefix("0o").is_some_and(|digits_| digits(digits_, 8))
        || unsigned.strip_prefix("0x").is_some_and(|digits_| digits(digits_, 16));
    let is_exponent = |text: &str| {
        let text = text.strip_prefix(['-', '+']).unwrap_or(text);
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
    };
    let is_float = {
        let (mantissa, exponent) =
            unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(a, b)| (a, Some(b)));
        let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(a, b)| (a, Some(b)));
        exponent.is_none_or(is_exponent)
            // As for ruamel.yaml, to which `.5e3` is a text.
            && (!whole.is_empty() || exponent.is_none_or(|exponent| exponent.starts_with(['-', '+'])))
            && (fraction.is_some() || exponent.is_some())
            && (whole.starts_with(|c: char| c.is_ascii_digit())
                || (whole.is_empty() && fraction.is_some_and(|f| !f.is_empty())))
            && whole.chars().all(|c| c == '_' || c.is_ascii_digit())
            && fraction.is_none_or(|fraction| fraction.chars().all(|c| c == '_' || c.is_ascii_digit()))
    };
    is_integer
        || is_float
        || has_date_shape(text)
        || matches!(text, "~" | "null" | "Null" | "NULL" | "<<" | "=")
        || matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE")
        || matches!(unsigned, ".inf" | ".Inf" | ".INF")
        || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// A text in double quotes, on one line.
pub(crate) fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    text.chars().for_each(|c| push_escaped(&mut out, c));
    out.push('"');
    out
}

fn push_escaped(out: &mut String, c: char) {
    match (c, half(c)) {
        (_, Some(number)) => write!(out, "\\u{number:04X}").expect("writing to a string"),
        (c, None) => match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            ' '..='~' => out.push(c),
            '\u{feff}' => out.push_str("\\uFEFF"),
            _ if c >= '\u{a0}' => out.push(c),
            _ => write!(out, "\\x{:02X}", u32::from(c)).expect("writing to a string"),
        },
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    fn map(entries: Vec<(&str, Value)>) -> Value {
        Value::Map(
            entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<IndexMap<_, _>>(),
        )
    }

    /// What DVC 3.67 writes.
    #[test]
    fn texts_are_quoted_where_they_would_be_something_else() {
        for (text, expected) in [
            ("plain text", "plain text"),
            ("2.0", "'2.0'"),
            ("1e-5", "'1e-5'"),
            (".5e-3", "'.5e-3'"),
            (".5e3", ".5e3"),
            ("-_1", "'-_1'"),
            ("_1", "_1"),
            ("1_000", "'1_000'"),
            ("true", "'true'"),
            ("yes", "yes"),
            ("", "''"),
            ("2024-01-02", "'2024-01-02'"),
            ("2024-13-02", "'2024-13-02'"),
            ("2024-01-02x", "2024-01-02x"),
            ("2024-1-2", "2024-1-2"),
            ("2024-1-2 10:00", "2024-1-2 10:00"),
            ("2024-1-2 1:00:00", "'2024-1-2 1:00:00'"),
            ("2024-01-02T10:00:00 Z", "'2024-01-02T10:00:00 Z'"),
            ("2024-01-02T10:00:00 z", "2024-01-02T10:00:00 z"),
            ("2024-01-02T10:00:00+25:00", "'2024-01-02T10:00:00+25:00'"),
            ("a: b", "'a: b'"),
            ("a #b", "'a #b'"),
            ("'a' b", "\"'a' b\""),
            ("a 'b'", "a 'b'"),
            ("a\nb", "\"a\\nb\""),
            ("- a", "'- a'"),
            ("-a", "-a"),
            ("größe", "größe"),
            ("{a}", "'{a}'"),
        ] {
            let written = emit(&map(vec![("k", Value::from(text))]));
            assert_eq!(written, format!("k: {expected}\n"));
        }
    }

    #[test]
    fn blocks_floats_and_nothing() {
        let value = map(vec![
            (
                "a",
                Value::List(vec![
                    map(vec![("path", Value::from("x")), ("size", Value::Int(2))]),
                    Value::Int(1),
                ]),
            ),
            (
                "b",
                map(vec![
                    ("lr", Value::Float(1e-5)),
                    ("none", Value::Null),
                    ("list", Value::List(Vec::new())),
                ]),
            ),
        ]);
        let expected = "a:\n- path: x\n  size: 2\n- 1\nb:\n  lr: 1e-05\n  none:\n  list: []\n";
        assert_eq!(emit(&value), expected);
    }

    #[test]
    fn what_is_written_reads_back() {
        let file = base::ProjectPath::from_record("dvc.lock").expect("a path");
        let long = "python train.py --one 1 --two 22 ".repeat(9);
        let texts = [
            long.trim(),
            &format!("'{long}'x"),
            &"x".repeat(200),
            &format!("a: {long}b"),
            "a  b   c",
            "x\ty",
        ]
        .map(str::to_owned);
        // Several spaces wherever a line ends.
        let spaced = (1..100).map(|length| format!("{}  b   {}", "a".repeat(length), "c  d ".repeat(20)));
        let spaced = spaced.flat_map(|text| [text.trim().to_owned(), format!("a: {text}b")]);
        for text in texts.into_iter().chain(spaced) {
            let value =
                map(vec![("stages", map(vec![("a", map(vec![("cmd", Value::from(text.as_str()))]))]))]);
            let written = emit(&value);
            assert_eq!(crate::yaml::parse(&file, &written).expect("YAML"), value, "{written}");
        }
    }
}
