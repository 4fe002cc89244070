//! The one place that reads YAML: a text to a [`Value`], and afterwards the place of a value in the text.
//!
//! Values come from one library and positions from another, because the first keeps none per node. Positions
//! are looked up only once an error is being built, so that a correct file is scanned once.
//!
//! Scalars read as in YAML 1.2's core schema (`010` and `yes` are strings, `1e-3` is a float). Refused:
//! duplicate keys, tags such as `!name`, several documents, aliases that unfold without bound.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use base::{ProjectPath, Typed, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde::de::Error as _;

use crate::conflict::conflict;
use crate::error::{PipelineError, Position};

/// The reader goes no deeper.
const DEEPEST: usize = 128;

/// So many brackets cost the reader no time that anybody would notice, however deep they are nested.
const FEW_BRACKETS: usize = 2000;

/// The key whose value is merged into the map that it stands in.
pub(crate) const MERGE_KEY: &str = "<<";

/// Reads one YAML document. An empty text is null. Merge keys (`<<`) are applied.
///
/// # Errors
/// When the text is malformed or holds what is refused; with line and column.
pub fn parse(file: &ProjectPath, text: &str) -> Result<Value, PipelineError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_depth(file, text)?;
    read(text).map_err(|error| fault(file, text, &error))
}

/// The same with dates and keys as they are, which [`scalars`](crate::format::dvc::scalars) has spelled for it.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_typed(file: &ProjectPath, text: &str) -> Result<Value, PipelineError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    check_depth(file, text)?;
    let read = || {
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        let Typed(mut value) = serde_yaml::from_str(text)?;
        if has_merge_key(text) {
            merge(&mut value).map_err(serde_yaml::Error::custom)?;
        }
        Ok(value)
    };
    read().map_err(|error| fault(file, text, &error))
}

/// Reads one YAML document in which `<<` is a key like others: a record that no person writes.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_record(file: &ProjectPath, text: &str) -> Result<Value, PipelineError> {
    check_depth(file, text)?;
    plain(text).map_err(|error| fault(file, text, &error))
}

/// Refuses what is nested too deep before the reader does, which takes a time that grows with the square of the depth. Few
/// brackets are no reason to look: most files have no more, and are scanned once.
fn check_depth(file: &ProjectPath, text: &str) -> Result<(), PipelineError> {
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).nth(FEW_BRACKETS).is_none() {
        return Ok(());
    }
    let too_deep = |at: Position| {
        let message = format!("lists and maps are nested more than {DEEPEST} deep");
        Err(PipelineError::new(file, message).at(Some(at)))
    };
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(fault) if fault.info().contains("recursion limit") => {
                let at = fault.marker();
                return too_deep(Position { line: number(at.line()), column: number(at.col() + 1) });
            }
            // The reader tells what else is wrong.
            Err(_) => return Ok(()),
        };
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return too_deep(start(span));
        }
    }
    Ok(())
}

fn plain(text: &str) -> Result<Value, serde_yaml::Error> {
    if text.trim().is_empty() { Ok(Value::Null) } else { serde_yaml::from_str(text) }
}

fn read(text: &str) -> Result<Value, serde_yaml::Error> {
    let mut value = plain(text)?;
    if has_merge_key(text) {
        merge(&mut value).map_err(serde_yaml::Error::custom)?;
    }
    Ok(value)
}

/// Applies the merge keys inside `value`, the innermost first. What is merged stands before what the map has of its own, of
/// several maps the last one first, and a key that is there already keeps its place and gets the new value: such is the
/// order of DVC's reader, and that of the flags which a template makes of a map.
fn merge(value: &mut Value) -> Result<(), &'static str> {
    let map = match value {
        Value::List(items) => return items.iter_mut().try_for_each(merge),
        Value::Map(map) => map,
        Value::Pairs(pairs) => return merge_pairs(pairs),
        _ => return Ok(()),
    };
    map.values_mut().try_for_each(merge)?;
    let sources = match map.shift_remove(MERGE_KEY) {
        None => return Ok(()),
        Some(Value::List(items)) => items,
        Some(one) => vec![one],
    };
    if sources.iter().any(|source| matches!(source, Value::Pairs(_))) {
        let own = std::mem::take(map).into_iter().map(|(key, value)| (Value::Str(key), value));
        let merged = (Value::from(MERGE_KEY), Value::List(sources));
        let mut pairs: Vec<(Value, Value)> = std::iter::once(merged).chain(own).collect();
        merge_pairs(&mut pairs)?;
        *value = Value::Pairs(pairs);
        return Ok(());
    }
    let own = std::mem::take(map);
    for source in sources.into_iter().rev().chain([Value::Map(own)]) {
        let Value::Map(source) = source else {
            return Err("expected a map or a list of maps to merge at `<<`");
        };
        map.extend(source);
    }
    Ok(())
}

/// The same of a map with keys that are no texts.
fn merge_pairs(pairs: &mut Vec<(Value, Value)>) -> Result<(), &'static str> {
    pairs.iter_mut().try_for_each(|(_, value)| merge(value))?;
    let Some(at) = pairs.iter().position(|(key, _)| matches!(key, Value::Str(key) if key == MERGE_KEY))
    else {
        return Ok(());
    };
    let sources = match pairs.remove(at).1 {
        Value::List(items) => items,
        one => vec![one],
    };
    let own = std::mem::take(pairs);
    let mut places: HashMap<_, usize> = HashMap::new();
    for source in sources.into_iter().rev().chain([Value::Pairs(own)]) {
        let entries = match source {
            Value::Map(map) => map.into_iter().map(|(key, value)| (Value::Str(key), value)).collect(),
            Value::Pairs(pairs) => pairs,
            _ => return Err("expected a map or a list of maps to merge at `<<`"),
        };
        for (key, value) in entries {
            match places.entry(key.identity()) {
                Entry::Occupied(place) => pairs[*place.get()].1 = value,
                Entry::Vacant(place) => {
                    place.insert(pairs.len());
                    pairs.push((key, value));
                }
            }
        }
    }
    Ok(())
}

/// Whether `<<:` may stand somewhere as a key. A `<<EOF` in a command does not count.
fn has_merge_key(text: &str) -> bool {
    text.match_indices(MERGE_KEY).any(|(at, _)| {
        text[at + MERGE_KEY.len()..].trim_start_matches(['"', '\'']).trim_start_matches(' ').starts_with(':')
    })
}

fn fault(file: &ProjectPath, text: &str, error: &serde_yaml::Error) -> PipelineError {
    if let Some(fault) = conflict(file, text) {
        return fault;
    }
    let position = error
        .location()
        .map(|location| Position { line: number(location.line()), column: number(location.column()) });
    let message = without_location(&error.to_string());
    if message.contains("duplicate")
        && let Some(fault) = duplicate(file, text, |key, _| ("", key.to_owned()))
    {
        // The reader says only which map it was.
        return fault;
    }
    let hint = match position.and_then(|at| text.lines().nth(at.line as usize - 1)) {
        Some(line) if line.trim_start_matches(' ').starts_with('\t') => {
            Some("YAML is indented with spaces, not tabs")
        }
        _ => None,
    };
    PipelineError::new(file, message).at(position).hint(hint)
}

/// What a key is told apart by.
type Identity = (&'static str, String);

/// The fault that the first key is which its map has already, told apart by what `identity` makes of its text, quoted or not.
pub(crate) fn duplicate(
    file: &ProjectPath,
    text: &str,
    identity: impl Fn(&str, ScalarStyle) -> Identity,
) -> Option<PipelineError> {
    /// A map with the keys so far and whether a key is next, or (`None`) a list.
    type Open = Option<(BTreeSet<Identity>, bool)>;
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.ok()?;
        if matches!(event, Event::MappingEnd | Event::SequenceEnd) {
            open.pop();
            continue;
        }
        let starts = match event {
            Event::MappingStart(..) => Some(Some((BTreeSet::new(), true))),
            Event::SequenceStart(..) => Some(None),
            Event::Scalar(..) | Event::Alias(_) => None,
            _ => continue,
        };
        if let Some(Some((keys, key_next))) = open.last_mut() {
            if let (true, Event::Scalar(key, style, ..)) = (*key_next, &event)
                && !keys.insert(identity(key, *style))
            {
                return Some(
                    PipelineError::new(file, format!("duplicate key `{key}`")).at(Some(start(span))),
                );
            }
            *key_next = !*key_next;
        }
        open.extend(starts);
    }
    None
}

fn start(span: Span) -> Position {
    Position { line: number(span.start.line()), column: number(span.start.col() + 1) }
}

/// Cuts the first ` at line 3 column 2` out of a message: the position stands before it already.
fn without_location(message: &str) -> String {
    let Some((before, after)) = message.split_once(" at line ") else {
        return message.to_owned();
    };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = rest.strip_prefix(" column ").unwrap_or(rest);
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{before}{rest}")
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// One step from a value to a value inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// The value under a key of a map.
    Key(&'a str),
    /// An item of a list, counted from 0.
    Index(usize),
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// How many of the path's segments were found in the text; fewer than asked for when the value was
    /// merged or filled in from elsewhere, and then the place is that of what surrounds it.
    pub depth: usize,
    /// Where its key stands; of a list item, where the item stands.
    pub key: Position,
    /// Where the value itself stands.
    pub value: Position,
}

/// Finds the value at `path` in a YAML text, or the nearest that surrounds it. `None` when the text is no YAML.
pub fn locate(text: &str, path: &[Segment<'_>]) -> Option<Place> {
    let mut locator = Locator { path, frames: Vec::new(), matched: 0, best: None };
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        locator.see(&event, span);
        if locator.best.is_some_and(|best| best.depth == path.len()) {
            break;
        }
    }
    locator.best
}

/// What the reader of events is inside of.
enum Frame {
    /// A map whose next node is a key (`None`), or the value of the key just read.
    Map { key: Option<(String, Position)> },
    /// A list and the number of its next item.
    List { next: usize },
    /// A map or list that serves as a key itself; nothing in it is looked at.
    ComplexKey,
}

struct Locator<'a> {
    path: &'a [Segment<'a>],
    frames: Vec<Frame>,
    /// How many of the outermost frames, with the entry each is at, agree with `path`.
    matched: usize,
    best: Option<Place>,
}

impl Locator<'_> {
    fn see(&mut self, event: &Event<'_>, span: Span) {
        let at = start(span);
        match event {
            Event::Scalar(text, ..) => {
                if let Some(Frame::Map { key: key @ None }) = self.frames.last_mut() {
                    *key = Some((text.to_string(), at));
                } else {
                    self.enter(at);
                    self.leave();
                }
            }
            Event::Alias(_) => {
                if let Some(Frame::Map { key: key @ None }) = self.frames.last_mut() {
                    *key = Some((String::new(), at));
                } else {
                    self.enter(at);
                    self.leave();
                }
            }
            Event::MappingStart(..) => self.open(Frame::Map { key: None }, at),
            Event::SequenceStart(..) => self.open(Frame::List { next: 0 }, at),
            Event::MappingEnd | Event::SequenceEnd => {
                if let Some(Frame::ComplexKey) = self.frames.pop() {
                    if let Some(Frame::Map { key }) = self.frames.last_mut() {
                        *key = Some((String::new(), at));
                    }
                } else {
                    self.leave();
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, frame: Frame, at: Position) {
        let inside_key = matches!(self.frames.last(), Some(Frame::Map { key: None } | Frame::ComplexKey));
        if inside_key {
            self.frames.push(Frame::ComplexKey);
        } else {
            self.enter(at);
            self.frames.push(frame);
        }
    }

    /// A value starts; the frame that holds it says which one.
    fn enter(&mut self, at: Position) {
        let depth = self.frames.len();
        let mut key = at;
        if let Some(frame) = self.frames.last() {
            if self.matched + 1 != depth {
                return;
            }
            let agrees = match (frame, self.path.get(depth - 1)) {
                (Frame::Map { key: Some((text, place)) }, Some(Segment::Key(wanted))) => {
                    key = *place;
                    text == wanted
                }
                (Frame::List { next }, Some(Segment::Index(wanted))) => next == wanted,
                _ => false,
            };
            if !agrees {
                return;
            }
            self.matched = depth;
        }
        if self.best.is_none_or(|best| best.depth < depth) || depth == 0 {
            self.best = Some(Place { depth, key, value: at });
        }
    }

    /// A value has ended.
    fn leave(&mut self) {
        self.matched = self.matched.min(self.frames.len().saturating_sub(1));
        match self.frames.last_mut() {
            Some(Frame::Map { key }) => *key = None,
            Some(Frame::List { next }) => *next += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
