//! Changes to the text of a pipeline file that leave everything else of it as it stands: comments, order,
//! quotes, blank lines, line ends.
//!
//! An edit proposes texts, cut and pasted by the places of the map entries, and the first whose *meaning* is that of
//! the old text with the change made is taken. What YAML allows beyond what the cutting knows of (anchors that are
//! used elsewhere, keys of several lines) is thus refused, never broken.

mod spans;
mod write;

use std::ops::Range;

use base::{ProjectPath, Value};
use indexmap::IndexMap;

use crate::error::PipelineError;
use crate::stage::OutKind;
use crate::yaml::{self, Segment};
use spans::{Entry, Map};
use write::Style;

/// A stage to be written, paths and templates as they shall stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewStage {
    /// What it runs.
    pub command: String,
    /// For people.
    pub desc: Option<String>,
    /// Where it runs.
    pub wdir: Option<String>,
    /// What it reads.
    pub deps: Vec<String>,
    /// Parameters it reads: a file (`None` for the default one) and its keys (none for all of the file).
    pub params: Vec<(Option<String>, Vec<String>)>,
    /// What it writes.
    pub outs: Vec<NewOut>,
    /// Whether it runs every time.
    pub always_changed: bool,
}

/// An out to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOut {
    /// Its path.
    pub path: String,
    /// The list it stands in.
    pub kind: OutKind,
    /// Whether the cache keeps it.
    pub cache: bool,
    /// Whether it stays in place when the stage runs.
    pub persist: bool,
}

impl NewStage {
    fn value(&self) -> Value {
        let text = |text: &String| Value::Str(text.clone());
        let mut stage = IndexMap::new();
        let mut set = |key: &str, value: Value| drop(stage.insert(key.to_owned(), value));
        for (key, value) in [("desc", &self.desc), ("cmd", &Some(self.command.clone())), ("wdir", &self.wdir)]
        {
            if let Some(value) = value {
                set(key, text(value));
            }
        }
        let mut lists = vec![("deps", self.deps.iter().map(text).collect::<Vec<_>>())];
        lists.push(("params", self.params()));
        for kind in [OutKind::Data, OutKind::Metrics, OutKind::Plots] {
            let outs = self.outs.iter().filter(|out| out.kind == kind);
            lists.push((kind.field(), outs.map(NewOut::value).collect()));
        }
        for (key, list) in lists {
            if !list.is_empty() {
                set(key, Value::List(list));
            }
        }
        if self.always_changed {
            set("always_changed", Value::Bool(true));
        }
        Value::Map(stage)
    }

    fn params(&self) -> Vec<Value> {
        let mut items = Vec::new();
        let list = |keys: &Vec<String>| keys.iter().map(|key| Value::Str(key.clone())).collect::<Vec<_>>();
        for (file, keys) in &self.params {
            match file {
                None => items.extend(list(keys)),
                Some(file) => {
                    let keys = if keys.is_empty() { Value::Null } else { Value::List(list(keys)) };
                    items.push(Value::Map([(file.clone(), keys)].into_iter().collect()));
                }
            }
        }
        items
    }
}

impl NewOut {
    fn value(&self) -> Value {
        let mut options = IndexMap::new();
        if !self.cache {
            options.insert("cache".to_owned(), Value::Bool(false));
        }
        if self.persist {
            options.insert("persist".to_owned(), Value::Bool(true));
        }
        let path = self.path.clone();
        if options.is_empty() {
            return Value::Str(path);
        }
        Value::Map([(path, Value::Map(options))].into_iter().collect())
    }
}

/// Writes a stage behind the others; one of that name is replaced when `overwrite` says so.
///
/// # Errors
/// When there is a stage of that name, or the text is no pipeline file or takes no stage without being
/// rewritten.
pub fn add(
    file: &ProjectPath,
    text: &str,
    name: &str,
    stage: &NewStage,
    overwrite: bool,
) -> Result<String, PipelineError> {
    let edit = Edit::read(file, text)?;
    let stage = stage.value();
    let mut meant = edit.value.clone();
    let root = edit.root_map(&mut meant)?;
    let stages = root.entry("stages".to_owned()).or_insert(Value::Null);
    if matches!(stages, Value::Null) {
        *stages = Value::Map(IndexMap::new());
    }
    let Value::Map(stages) = stages else {
        return Err(edit.fault(&[Segment::Key("stages")], "`stages` is no map"));
    };
    if !overwrite && stages.contains_key(name) {
        let path = [Segment::Key("stages"), Segment::Key(name)];
        let fault = edit.fault(&path, format!("there is a stage `{name}` already"));
        return Err(fault.hint(Some("`--force` replaces it")));
    }
    stages.insert(name.to_owned(), stage.clone());
    let candidates = edit.added(name, &stage);
    edit.settle(&meant, candidates, "take the stage")
}

/// Takes a stage out, with the comments right above it.
///
/// # Errors
/// When the file does not write a stage of that name, or other parts of it refer to the stage's text.
pub fn remove(file: &ProjectPath, text: &str, name: &str) -> Result<String, PipelineError> {
    let edit = Edit::read(file, text)?;
    let mut meant = edit.value.clone();
    let stages = edit.stages(&mut meant, name)?;
    stages.shift_remove(name);
    let candidates = edit.removed(name);
    edit.settle(&meant, candidates, "lose the stage")
}

/// Whether nothing is written in a pipeline file but that it has no stages.
pub fn is_without_content(file: &ProjectPath, text: &str) -> bool {
    let is_empty = |value: &Value| match value {
        Value::Map(map) => map.is_empty(),
        value => *value == Value::Null,
    };
    Edit::read(file, text).is_ok_and(|edit| match &edit.value {
        Value::Map(top) => top.iter().all(|(key, value)| key == "stages" && is_empty(value)),
        value => is_empty(value),
    })
}

/// Writes `frozen: true` into a stage; the same text when it is there already.
///
/// # Errors
/// When the file does not write a stage of that name, or not in a way that can be added to.
pub fn freeze(file: &ProjectPath, text: &str, name: &str) -> Result<String, PipelineError> {
    let edit = Edit::read(file, text)?;
    let mut meant = edit.value.clone();
    let body = edit.body(&mut meant, name)?;
    match body.get_mut("frozen") {
        Some(Value::Bool(true)) => return Ok(text.to_owned()),
        Some(other) => *other = Value::Bool(true),
        None => drop(body.shift_insert(0, "frozen".to_owned(), Value::Bool(true))),
    }
    let candidates = edit.frozen(name);
    edit.settle(&meant, candidates, "be told to freeze the stage")
}

/// Takes `frozen: true` out of a stage; the same text when it is not there.
///
/// # Errors
/// As [`freeze`]; also when `frozen` is not written as `true` or `false`.
pub fn unfreeze(file: &ProjectPath, text: &str, name: &str) -> Result<String, PipelineError> {
    let edit = Edit::read(file, text)?;
    let mut meant = edit.value.clone();
    let body = edit.body(&mut meant, name)?;
    match body.get("frozen") {
        None | Some(Value::Bool(false)) => return Ok(text.to_owned()),
        Some(Value::Bool(true)) => {}
        Some(_) => {
            let path = [Segment::Key("stages"), Segment::Key(name), Segment::Key("frozen")];
            return Err(edit.fault(&path, "`frozen` is not written as true or false here"));
        }
    }
    body.shift_remove("frozen");
    let candidates = edit.thawed(name);
    edit.settle(&meant, candidates, "be told to unfreeze the stage")
}

/// A text to be changed, and what is known of it.
struct Edit<'a> {
    file: &'a ProjectPath,
    /// Without a byte order mark.
    text: &'a str,
    marked: bool,
    value: Value,
    root: Option<Map>,
    style: Style,
}

impl<'a> Edit<'a> {
    fn read(file: &'a ProjectPath, text: &'a str) -> Result<Self, PipelineError> {
        // First as people's files are read, for the better messages.
        yaml::parse(file, text)?;
        let stripped = text.strip_prefix('\u{feff}');
        let marked = stripped.is_some();
        let text = stripped.unwrap_or(text);
        let value = meaning(file, text)?;
        Ok(Edit { file, text, marked, value, root: spans::read(text), style: Style::of(text) })
    }

    fn fault(&self, path: &[Segment<'_>], message: impl Into<String>) -> PipelineError {
        let place = yaml::locate(self.text, path);
        PipelineError::new(self.file, message).at(place.map(|place| place.key))
    }

    fn root_map<'v>(&self, value: &'v mut Value) -> Result<&'v mut IndexMap<String, Value>, PipelineError> {
        if matches!(value, Value::Null) {
            *value = Value::Map(IndexMap::new());
        }
        match value {
            Value::Map(map) => Ok(map),
            _ => Err(self.fault(&[], "a pipeline file is a map at the top level")),
        }
    }

    fn stages<'v>(
        &self,
        value: &'v mut Value,
        name: &str,
    ) -> Result<&'v mut IndexMap<String, Value>, PipelineError> {
        match self.root_map(value)?.get_mut("stages") {
            Some(Value::Map(stages)) if stages.contains_key(name) => Ok(stages),
            _ => Err(PipelineError::new(self.file, format!("no stage `{name}` is written here"))),
        }
    }

    /// The map that holds the stage's own keys.
    fn body<'v>(
        &self,
        value: &'v mut Value,
        name: &str,
    ) -> Result<&'v mut IndexMap<String, Value>, PipelineError> {
        let path = [Segment::Key("stages"), Segment::Key(name)];
        let fault = self.fault(&path, format!("stage `{name}` is no map"));
        let mut body = self.stages(value, name)?.get_mut(name);
        if body.as_ref().is_some_and(|body| body.as_map().is_some_and(|map| map.contains_key("do"))) {
            body = match body {
                Some(Value::Map(map)) => map.get_mut("do"),
                _ => None,
            };
        }
        match body {
            Some(Value::Map(map)) => Ok(map),
            _ => Err(fault),
        }
    }

    /// The first of the texts that means what is meant.
    fn settle(
        &self,
        meant: &Value,
        candidates: Option<Vec<String>>,
        what: &str,
    ) -> Result<String, PipelineError> {
        // Maps in order, and NaN like NaN.
        let shown = |value: &Value| format!("{value:?}");
        let wanted = shown(meant);
        let mut candidates = candidates.unwrap_or_default().into_iter();
        let fits = |text: &String| meaning(self.file, text).is_ok_and(|value| shown(&value) == wanted);
        let Some(text) = candidates.find(fits) else {
            let message = format!("{} cannot {what} without changing more of it", self.file);
            return Err(PipelineError::new(self.file, message)
                .hint(Some("the YAML around the stage is unusual; change it by hand")));
        };
        Ok(if self.marked { format!("\u{feff}{text}") } else { text })
    }

    fn added(&self, name: &str, stage: &Value) -> Option<Vec<String>> {
        let style = &self.style;
        let whole = |column: usize, style: &Style| {
            let stages = Value::Map([(name.to_owned(), stage.clone())].into_iter().collect());
            write::entry("stages", &stages, column, style)
        };
        let Some(root) = &self.root else {
            return Some(vec![self.inserted(self.text.len(), &whole(0, style), false)]);
        };
        let in_braces = |map: &Map, entry: &str| {
            let last = map.entries.last()?;
            Some(vec![self.replaced(last.end..last.end, &format!(", {entry}"))])
        };
        let Some(at) = root.find("stages") else {
            if root.flow {
                let stages = Value::Map([(name.to_owned(), stage.clone())].into_iter().collect());
                return in_braces(root, &write::flow_entry("stages", &stages));
            }
            let last = self.lines(root, root.entries.len().checked_sub(1)?)?;
            let text = whole(0, style);
            let ends = [last.end, self.text.len()];
            return Some(ends.map(|end| self.inserted(end, &text, false)).into());
        };
        let entry = &root.entries[at];
        let stages = match &entry.map {
            Some(stages) if !stages.entries.is_empty() => stages,
            _ if root.flow => {
                let braces = format!("{{{}}}", write::flow_entry(name, stage));
                return Some(vec![self.replaced(entry.start..entry.end, &braces)]);
            }
            _ => {
                // `stages:` or `stages: {}`: what stands for nothing makes way.
                let nothing = entry.start.max(entry.key.end)..entry.end;
                let end = self.line_end(entry.end);
                let before = self.text[..nothing.start].trim_end_matches(' ');
                let before = if nothing.is_empty() { &self.text[..nothing.start] } else { before };
                let head = format!("{before}{}", &self.text[nothing.end..end]);
                let lines = write::entry(name, stage, style.step, style);
                let joint = if head.ends_with('\n') { "" } else { style.eol };
                return Some(vec![format!("{head}{joint}{lines}{}", &self.text[end..])]);
            }
        };
        if stages.flow {
            return match stages.find(name) {
                Some(old) => {
                    let old = &stages.entries[old];
                    Some(vec![self.replaced(old.key.start..old.end, &write::flow_entry(name, stage))])
                }
                None => in_braces(stages, &write::flow_entry(name, stage)),
            };
        }
        let last = stages.entries.len() - 1;
        let column = self.indent(&stages.entries[0])?.len();
        let inner = stages.entries.iter().find_map(|entry| match &entry.map {
            Some(body) if !body.flow => Some(self.indent(body.entries.first()?)?.len()),
            _ => None,
        });
        let step = inner.and_then(|inner| inner.checked_sub(column)).filter(|step| *step > 0).unwrap_or(2);
        let lines = write::entry(name, stage, column, &Style { step, ..style.clone() });
        if let Some(old) = stages.find(name) {
            let place = self.lines(stages, old)?;
            let at_end = !self.text[place.clone()].ends_with('\n');
            let lines = if at_end { lines.trim_end_matches(['\r', '\n']) } else { &lines };
            return Some(vec![self.replaced(place, lines)]);
        }
        let place = self.lines(stages, last)?;
        let apart = last > 0 && self.blank_above(stages, last)?;
        let blank_end = self.over_blank(place.end);
        Some(vec![self.inserted(place.end, &lines, apart), self.inserted(blank_end, &lines, apart)])
    }

    fn removed(&self, name: &str) -> Option<Vec<String>> {
        let root = self.root.as_ref()?;
        let owner = &root.entries[root.find("stages")?];
        let stages = owner.map.as_ref()?;
        let at = stages.find(name)?;
        let entry = &stages.entries[at];
        let is_last = at + 1 == stages.entries.len();
        if stages.flow {
            let cut = if !is_last {
                entry.key.start..stages.entries[at + 1].key.start
            } else if at > 0 {
                stages.entries[at - 1].end..entry.end
            } else {
                entry.key.start..entry.end
            };
            return Some(vec![self.replaced(cut, "")]);
        }
        let lines = self.lines(stages, at)?;
        let ceiling = if at > 0 { self.lines(stages, at - 1)?.end } else { self.line_end(owner.key.end) };
        let start = self.over_comments_above(lines.start, ceiling);
        if stages.entries.len() == 1 {
            let colon = owner.key.end + self.text[owner.key.end..].find(':')? + 1;
            let (head, rest) = (&self.text[..colon], &self.text[colon..start]);
            return Some(vec![format!("{head} {{}}{rest}{}", &self.text[lines.end..])]);
        }
        let with_blank = if is_last {
            self.over_blank_above(start, ceiling)..lines.end
        } else {
            start..self.over_blank(lines.end)
        };
        let cuts = [with_blank, start..lines.end];
        Some(cuts.map(|cut| self.cut_lines(cut)).into())
    }

    /// The map with the stage's own keys, and the entry that it is the value of.
    fn body_span(&self, name: &str) -> Option<(&Entry, &Map)> {
        let stages = self.root.as_ref()?.map("stages")?;
        let mut entry = &stages.entries[stages.find(name)?];
        let mut body = entry.map.as_ref()?;
        if let Some(at) = body.find("do") {
            entry = &body.entries[at];
            body = entry.map.as_ref()?;
        }
        Some((entry, body))
    }

    fn frozen(&self, name: &str) -> Option<Vec<String>> {
        let (owner, body) = self.body_span(name)?;
        if let Some(at) = body.find("frozen") {
            let old = &body.entries[at];
            return Some(vec![self.replaced(old.start..old.end, "true")]);
        }
        let first = body.entries.first()?;
        if body.flow {
            return Some(vec![self.replaced(first.key.start..first.key.start, "frozen: true, ")]);
        }
        let line = format!("{}frozen: true{}", self.indent(first)?, self.style.eol);
        // Below the name, above the comments on what follows; unless an anchor has a line of its own there.
        let places = [self.line_end(owner.key.end), self.line_start(first.key.start)];
        Some(places.map(|at| self.replaced(at..at, &line)).into())
    }

    fn thawed(&self, name: &str) -> Option<Vec<String>> {
        let (_, body) = self.body_span(name)?;
        let at = body.find("frozen")?;
        let entry = &body.entries[at];
        if body.flow {
            let cut = match body.entries.get(at + 1) {
                Some(next) => entry.key.start..next.key.start,
                None if at > 0 => body.entries[at - 1].end..entry.end,
                None => entry.key.start..entry.end,
            };
            return Some(vec![self.replaced(cut, "")]);
        }
        self.indent(entry)?;
        Some(vec![self.cut_lines(self.line_start(entry.key.start)..self.line_end(entry.end))])
    }

    fn replaced(&self, place: Range<usize>, by: &str) -> String {
        format!("{}{by}{}", &self.text[..place.start], &self.text[place.end..])
    }

    /// Lines put in at the start of a line, or behind a last line that has no end.
    fn inserted(&self, at: usize, lines: &str, apart: bool) -> String {
        let (head, tail, eol) = (&self.text[..at], &self.text[at..], self.style.eol);
        let blank = if apart { eol } else { "" };
        if head.is_empty() || head.ends_with('\n') {
            return format!("{head}{blank}{lines}{tail}");
        }
        format!("{head}{eol}{blank}{}{tail}", lines.trim_end_matches(['\r', '\n']))
    }

    /// Cuts whole lines; of a last line without an end, the end of the line before goes.
    fn cut_lines(&self, cut: Range<usize>) -> String {
        let mut start = cut.start;
        if cut.end == self.text.len() && !self.text.ends_with('\n') {
            start = self.text[..start].strip_suffix('\n').map_or(start, str::len);
            start = self.text[..start].strip_suffix('\r').map_or(start, str::len);
        }
        self.replaced(start..cut.end, "")
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Behind the end of the line that `at` is in.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// What stands before a key on its line, when that is white space alone.
    fn indent(&self, entry: &Entry) -> Option<&str> {
        let before = &self.text[self.line_start(entry.key.start)..entry.key.start];
        before.bytes().all(|byte| byte == b' ').then_some(before)
    }

    /// All lines of an entry of a map in lines: down to its last word, and the comments below that are indented
    /// more than its key.
    fn lines(&self, map: &Map, at: usize) -> Option<Range<usize>> {
        let entry = &map.entries[at];
        let column = self.indent(entry)?.len();
        let mut end = self.line_end(entry.end);
        let mut look = end;
        while look < self.text.len() {
            let next = self.line_end(look);
            let line = &self.text[look..next];
            let bare = line.trim();
            if bare.starts_with('#') && line.len() - line.trim_start().len() > column {
                end = next;
            } else if !bare.is_empty() {
                break;
            }
            look = next;
        }
        Some(self.line_start(entry.key.start)..end)
    }

    fn over_blank(&self, mut at: usize) -> usize {
        while at < self.text.len() {
            let next = self.line_end(at);
            if !self.text[at..next].trim().is_empty() {
                break;
            }
            at = next;
        }
        at
    }

    /// The start of the lines above `at`, not above `ceiling`, that are `wanted`.
    fn above(&self, mut at: usize, ceiling: usize, wanted: impl Fn(&str) -> bool) -> usize {
        while at > ceiling {
            let start = self.line_start(at - 1);
            if start < ceiling || !wanted(self.text[start..at].trim()) {
                break;
            }
            at = start;
        }
        at
    }

    fn over_comments_above(&self, at: usize, ceiling: usize) -> usize {
        self.above(at, ceiling, |line| line.starts_with('#'))
    }

    fn over_blank_above(&self, at: usize, ceiling: usize) -> usize {
        self.above(at, ceiling, str::is_empty)
    }

    /// Whether a blank line stands between an entry and the one before it.
    fn blank_above(&self, map: &Map, at: usize) -> Option<bool> {
        let between = self.lines(map, at - 1)?.end..self.lines(map, at)?.start;
        Some(self.text[between].lines().any(|line| line.trim().is_empty()))
    }
}

/// What a text means, anchors filled in and merge keys left as keys. A last line without an end means what it would
/// mean with one.
fn meaning(file: &ProjectPath, text: &str) -> Result<Value, PipelineError> {
    if text.is_empty() || text.ends_with('\n') {
        return yaml::parse_record(file, text);
    }
    yaml::parse_record(file, &format!("{text}\n"))
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
