//! The YAML text of a value, in lines or in braces, as plain as it can be read back.

use base::{ProjectPath, Value};
use indexmap::IndexMap;

use crate::yaml;

/// How a file is written.
#[derive(Clone, Debug)]
pub(super) struct Style {
    /// What ends a line.
    pub eol: &'static str,
    /// What one level is indented by.
    pub step: usize,
    /// Whether the dashes of a list stand below the first letter of its key.
    pub compact_lists: bool,
}

impl Style {
    /// The style of a text.
    pub fn of(text: &str) -> Self {
        let eol = if text.find('\n').is_some_and(|at| text[..at].ends_with('\r')) { "\r\n" } else { "\n" };
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let pairs = lines.windows(2).filter(|pair| {
            pair[0].trim_end().ends_with(':') && !pair[0].trim_start().starts_with('#') && is_item(pair[1])
        });
        let compact: Vec<bool> = pairs.map(|pair| indent(pair[0]) == indent(pair[1])).collect();
        Style { eol, step: 2, compact_lists: !compact.is_empty() && compact.iter().all(|same| *same) }
    }
}

fn is_item(line: &str) -> bool {
    line.trim_start().starts_with("- ")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines of a map's entry whose key stands at `column`.
pub(super) fn entry(name: &str, value: &Value, column: usize, style: &Style) -> String {
    let mut text = String::new();
    block_entry(&mut text, name, value, column, style);
    text
}

fn block_entry(text: &mut String, name: &str, value: &Value, column: usize, style: &Style) {
    text.push_str(&" ".repeat(column));
    after_indent(text, name, value, column, style);
}

/// An entry whose key comes next, at `column` of the line begun.
fn after_indent(text: &mut String, name: &str, value: &Value, column: usize, style: &Style) {
    text.push_str(&scalar(name, false));
    text.push(':');
    match value {
        Value::Map(map) if !map.is_empty() => {
            text.push_str(style.eol);
            for (key, value) in map {
                block_entry(text, key, value, column + style.step, style);
            }
        }
        Value::List(list) if !list.is_empty() => {
            text.push_str(style.eol);
            let dash = if style.compact_lists { column } else { column + style.step };
            for item in list {
                text.push_str(&" ".repeat(dash));
                text.push_str("- ");
                match item {
                    Value::Map(map) if map.len() == 1 => {
                        let (key, value) = map.first().expect("it has one");
                        after_indent(text, key, value, dash + 2, style);
                    }
                    item => {
                        text.push_str(&flow(item));
                        text.push_str(style.eol);
                    }
                }
            }
        }
        Value::Null => text.push_str(style.eol),
        Value::Str(lines) if is_literal(lines) => {
            text.push_str(" |-");
            text.push_str(style.eol);
            for line in lines.split('\n') {
                if !line.is_empty() {
                    text.push_str(&" ".repeat(column + style.step));
                    text.push_str(line);
                }
                text.push_str(style.eol);
            }
        }
        Value::Str(word) => {
            text.push(' ');
            text.push_str(&scalar(word, false));
            text.push_str(style.eol);
        }
        other => {
            text.push(' ');
            text.push_str(&flow(other));
            text.push_str(style.eol);
        }
    }
}

/// Whether a text of several lines can stand as it is below `|-`.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with('\n')
        && text.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
}

/// Whether YAML readers take the character as it is. Line ends of Unicode are none of ours.
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// A value on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Str(text) => scalar(text, true),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => format!("{{{}}}", flow_entries(map)),
        other => other.to_string(),
    }
}

fn flow_entries(map: &IndexMap<String, Value>) -> String {
    let entries = map.iter().map(|(key, value)| flow_entry(key, value));
    entries.collect::<Vec<_>>().join(", ")
}

/// An entry of a map in braces.
pub(super) fn flow_entry(key: &str, value: &Value) -> String {
    format!("{}: {}", scalar(key, true), flow(value))
}

/// Words that older readers of YAML take for truth values.
const OLD_TRUTHS: [&str; 4] = ["yes", "no", "on", "off"];

/// A text as one YAML scalar on one line: plain where it reads back as itself, else quoted.
fn scalar(text: &str, in_flow: bool) -> String {
    let old = OLD_TRUTHS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if !old && text.chars().all(is_printable) && reads_back(text, text, in_flow) {
        return text.to_owned();
    }
    let single = format!("'{}'", text.replace('\'', "''"));
    if text.chars().all(is_printable) && reads_back(&single, text, in_flow) {
        return single;
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            c => {
                use std::fmt::Write as _;
                write!(quoted, "\\U{:08X}", u32::from(c)).expect("writing to a string");
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Whether `written` is read as the text `meant`, as a key and as a value.
fn reads_back(written: &str, meant: &str, in_flow: bool) -> bool {
    if in_flow && written == meant && written.contains(['{', '}', '[', ']', ',']) {
        return false;
    }
    let text = if in_flow { format!("{{{written}: {written}}}") } else { format!("{written}: {written}\n") };
    let Ok(Value::Map(map)) = yaml::parse_record(&ProjectPath::root(), &text) else { return false };
    map.len() == 1
        && map.first().is_some_and(|(key, value)| key == meant && *value == Value::Str(meant.to_owned()))
}
