//! Where the maps of a YAML text and their entries stand, in bytes. Ignores what the values mean.

use std::ops::Range;

use saphyr_parser::{Event, Parser, Span};

/// A map in the text.
#[derive(Clone, Debug)]
pub(super) struct Map {
    /// Whether it is written in braces.
    pub flow: bool,
    /// Its entries, in the order of the text.
    pub entries: Vec<Entry>,
}

/// An entry of a map.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key, unquoted; empty when it is no scalar.
    pub name: String,
    /// Where the key stands, quotes and all.
    pub key: Range<usize>,
    /// Where the value starts; behind the key when it is nothing.
    pub start: usize,
    /// Behind the last byte of the value that is neither blank nor comment; at least the end of `key`.
    pub end: usize,
    /// The value, when it is a map.
    pub map: Option<Map>,
}

impl Map {
    /// The entry of a key.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name == name)
    }

    /// The map under a key.
    pub fn map(&self, name: &str) -> Option<&Map> {
        self.entries[self.find(name)?].map.as_ref()
    }
}

/// The map at the top of a text; `None` when there is none, or the text is no YAML.
pub(super) fn read(text: &str) -> Option<Map> {
    let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        let Span { start, end, .. } = span;
        let byte = |index: usize| offsets.get(index).copied().unwrap_or(text.len());
        events.push((event, byte(start.index())..byte(end.index())));
    }
    let mut reader = Reader { text, events: &events, at: 0 };
    while let Some((event, _)) = reader.events.get(reader.at) {
        if matches!(event, Event::MappingStart(..)) {
            return reader.node()?.map;
        }
        if matches!(event, Event::SequenceStart(..) | Event::Scalar(..) | Event::Alias(_)) {
            return None;
        }
        reader.at += 1;
    }
    None
}

struct Reader<'a> {
    text: &'a str,
    events: &'a [(Event<'a>, Range<usize>)],
    at: usize,
}

struct Node {
    start: usize,
    /// 0 when it has no text at all.
    end: usize,
    name: String,
    map: Option<Map>,
}

impl Reader<'_> {
    /// The end of a span without the white space that belongs to a block scalar or to nothing.
    fn trimmed(&self, span: &Range<usize>) -> usize {
        match self.text.get(span.clone()).map(str::trim_end) {
            Some(text) if !text.is_empty() => span.start + text.len(),
            _ => 0,
        }
    }

    fn node(&mut self) -> Option<Node> {
        let (event, span) = self.events.get(self.at)?;
        self.at += 1;
        let end = self.trimmed(span);
        let start = span.start;
        let scalar = |name: String| Some(Node { start, end, name, map: None });
        match event {
            Event::Scalar(name, ..) => scalar(name.to_string()),
            Event::Alias(_) => scalar(String::new()),
            Event::SequenceStart(..) => {
                let mut end = 0;
                while !matches!(self.events.get(self.at)?.0, Event::SequenceEnd) {
                    end = end.max(self.node()?.end);
                }
                Some(Node { start, end: end.max(self.closing("]")), name: String::new(), map: None })
            }
            Event::MappingStart(..) => {
                let flow = self.text[start..].starts_with('{');
                let mut entries: Vec<Entry> = Vec::new();
                let mut end = 0;
                while !matches!(self.events.get(self.at)?.0, Event::MappingEnd) {
                    let key = self.node()?;
                    let value = self.node()?;
                    let key_span = key.start..key.end.max(key.start);
                    let entry = Entry {
                        name: key.name,
                        start: if value.end == 0 { key_span.end } else { value.start },
                        end: value.end.max(key_span.end),
                        key: key_span,
                        map: value.map,
                    };
                    end = end.max(entry.end);
                    entries.push(entry);
                }
                let end = end.max(self.closing("}"));
                Some(Node { start, end, name: String::new(), map: Some(Map { flow, entries }) })
            }
            _ => None,
        }
    }

    /// Steps over the end of a list or map; where it stands, when it is a bracket.
    fn closing(&mut self, bracket: &str) -> usize {
        let (_, span) = &self.events[self.at];
        self.at += 1;
        // The span of a bracket goes on over the comment behind it.
        if self.text[span.start..].starts_with(bracket) { span.start + bracket.len() } else { 0 }
    }
}
