//! `${…}`: filling in values from parameter files and `vars`.
//!
//! An expression is a path (`a.b`, `a[b]`, `a[0]`, `a.0`, `a[-1]`), with a default perhaps (`a.b:-text`), and nothing more. A string
//! that is exactly one takes the value with its type; inside a longer string scalars are spelled out. In a command, a map
//! becomes flags; among paths, a list stands for its items. `\${` leaves `${` to a command's shell.

mod parts;
mod used;

use base::Value;
use indexmap::IndexMap;

use crate::dialect::Dialect;
use crate::expand::STEM;
use crate::quoting::{is_calculated_within, quote, quote_within};
use crate::{suggest, yaml};

use self::parts::{check_path, first_line, parts, position};
pub(crate) use self::used::{Way, alone};

/// The values that expressions may name, and where each came from.
#[derive(Clone, Debug, Default)]
pub struct Context {
    values: IndexMap<String, Value>,
    /// By dotted key of a leaf: what defined it.
    sources: IndexMap<String, String>,
    /// How scalars are spelled inside texts.
    dialect: Dialect,
    style: FlagStyle,
}

/// How a map becomes flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlagStyle {
    /// What is false is told as `--no-k`, rather than not at all.
    pub negated: bool,
    /// The flag stands before each item of a list, rather than once before all.
    pub repeated: bool,
}

/// How values are spelled inside texts.
#[derive(Clone, Copy)]
struct Spelling {
    dialect: Dialect,
    style: FlagStyle,
}

/// Why a template could not be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The way from the value that was filled in to the faulty string, innermost step first.
    pub way: Vec<Step>,
}

/// One step of [`TemplateError::way`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value under a key (or the key itself) of a map.
    Key(String),
    /// An item of a list, counted from 0.
    Index(usize),
}

impl TemplateError {
    fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        TemplateError { message: message.into(), hint, way: Vec::new() }
    }

    fn inside(mut self, step: Step) -> Self {
        self.way.push(step);
        self
    }
}

/// Where a template stands: decides what a map means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A command, in which a map becomes flags.
    Command,
    /// A list of deps or outs, into which a list may be put where an item or the whole would stand.
    Paths,
    /// What `foreach` and `matrix` go through: anything.
    Data,
    /// Everywhere else, where a map or list is an error inside a string.
    Other,
}

impl Context {
    /// Without values, for files of a dialect.
    pub(crate) fn new(dialect: Dialect, style: FlagStyle) -> Self {
        Context { dialect, style, ..Context::default() }
    }

    fn spelling(&self) -> Spelling {
        Spelling { dialect: self.dialect, style: self.style }
    }

    /// Adds all of `values`. Maps merge; a leaf that is there already is an error that names both sources.
    ///
    /// # Errors
    /// When a leaf is defined twice.
    pub fn merge(&mut self, values: &IndexMap<String, Value>, source: &str) -> Result<(), TemplateError> {
        for (key, value) in values {
            merge_into(&mut self.values, &mut self.sources, key, value, key, source)?;
        }
        Ok(())
    }

    /// The value at a dotted path.
    pub fn get(&self, path: &str) -> Option<&Value> {
        match self.values.get(path) {
            Some(value) => Some(value),
            None => {
                let end = path.find(['.', '['])?;
                let rest = path[end..].strip_prefix('.').unwrap_or(&path[end..]);
                self.values.get(&path[..end])?.get_by_texts(rest)
            }
        }
    }

    /// The same values with more that only one stage sees.
    pub fn with<'a>(&'a self, locals: &'a [(&'static str, Value)]) -> Scope<'a> {
        Scope { context: self, locals }
    }

    /// Fills in every string of `value`, keys of maps included.
    ///
    /// # Errors
    /// When an expression names nothing, is none, or has a value that cannot stand there.
    pub fn fill(&self, value: &Value, field: Field) -> Result<Value, TemplateError> {
        self.with(&[]).fill(value, field)
    }
}

/// A context, and before it the names that one generated stage has for itself: `item` and `key`.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    context: &'a Context,
    locals: &'a [(&'static str, Value)],
}

impl Scope<'_> {
    /// The value at a path. A local name hides the same one of the context.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.get_as_written(path).or_else(|| self.get_by_parts(&parts(path)?))
    }

    /// The same of a path whose parts are told apart.
    fn get_by_parts(&self, parts: &[&str]) -> Option<&Value> {
        let (first, rest) = parts.split_first()?;
        let local = self.locals.iter().find(|(name, _)| name == first).map(|(_, value)| value);
        let start = local.or_else(|| self.context.values.get(*first))?;
        rest.iter().try_fold(start, |value, part| match value {
            Value::Map(map) => map.get(*part),
            Value::List(list) => list.get(position(part, list.len())?),
            Value::Pairs(_) => value.get_by_texts(part),
            _ => None,
        })
    }

    fn get_as_written(&self, path: &str) -> Option<&Value> {
        let end = path.find(['.', '[']).unwrap_or(path.len());
        match self.locals.iter().find(|(name, _)| *name == &path[..end]) {
            Some((_, value)) => value.get_by_texts(path[end..].strip_prefix('.').unwrap_or(&path[end..])),
            None => self.context.get(path),
        }
    }

    /// Fills in every string of `value`, keys of maps included.
    ///
    /// # Errors
    /// When an expression names nothing, is none, or has a value that cannot stand there.
    pub fn fill(&self, value: &Value, field: Field) -> Result<Value, TemplateError> {
        Ok(match value {
            Value::Str(text) => self.fill_text(text, field)?,
            Value::List(list) => {
                let item = |(at, item)| self.fill(item, field).map_err(|error| error.inside(Step::Index(at)));
                Value::List(list.iter().enumerate().map(item).collect::<Result<_, _>>()?)
            }
            Value::Map(map) => {
                // Below a path stand its options, which are no paths.
                let field = if field == Field::Paths { Field::Other } else { field };
                let mut filled = IndexMap::with_capacity(map.len());
                for (key, value) in map {
                    self.fill_entry(&mut filled, key, value, field)
                        .map_err(|error| error.inside(Step::Key(key.clone())))?;
                }
                Value::Map(filled)
            }
            other => other.clone(),
        })
    }

    fn fill_entry(
        &self,
        filled: &mut IndexMap<String, Value>,
        key: &str,
        value: &Value,
        field: Field,
    ) -> Result<(), TemplateError> {
        let key = match self.fill_text(key, Field::Other)? {
            Value::Str(key) => key,
            other => spell(self.context.spelling(), &other, key, Field::Other)?,
        };
        let value = self.fill(value, field)?;
        if filled.contains_key(&key) {
            return Err(TemplateError::new(format!("two keys become `{key}`"), None));
        }
        filled.insert(key, value);
        Ok(())
    }

    fn fill_text(&self, text: &str, field: Field) -> Result<Value, TemplateError> {
        if !text.contains("${") {
            return Ok(Value::Str(text.to_owned()));
        }
        let filled = self.fill_expressions(text, field)?;
        if filled.as_str().is_some_and(|filled| self.context.dialect.is_no_text(filled)) {
            let message =
                format!("half a surrogate pair cannot stand in a text, as in `{}`", first_line(text));
            return Err(TemplateError::new(message, Some("write the whole character".to_owned())));
        }
        Ok(filled)
    }

    fn fill_expressions(&self, text: &str, field: Field) -> Result<Value, TemplateError> {
        let pieces = split(text)?;
        if let [Piece::Expression(expression)] = pieces.as_slice() {
            let path = expression.path;
            let value = match self.look_up(expression, field)? {
                Found::Value(value) => value.clone(),
                Found::Default(text) => default_value(text),
            };
            return match (&value, field) {
                // Also to DVC a command that is nothing at all is none.
                (Value::Null, Field::Command) => Err(not_in_a_text(&value, path)),
                (_, Field::Data) | (Value::List(_), Field::Paths) => Ok(value),
                (_, Field::Command) if self.is_file_name(path) => {
                    Ok(Value::Str(file_word(&value, path, "")?))
                }
                (Value::Map(_) | Value::Pairs(_) | Value::List(_), _) | (_, Field::Command) => {
                    Ok(Value::Str(spell(self.context.spelling(), &value, path, field)?))
                }
                _ => Ok(value),
            };
        }
        let mut filled = String::with_capacity(text.len());
        for piece in pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Expression(expression) => match self.look_up(&expression, field)? {
                    Found::Value(value) if self.is_file_name(expression.path) && field == Field::Command => {
                        let word = file_word(value, expression.path, &filled)?;
                        filled.push_str(&word);
                    }
                    Found::Value(value) => {
                        let spelled = spell(self.context.spelling(), value, expression.path, field)?;
                        filled.push_str(&self.context.dialect.filled_in(spelled));
                    }
                    Found::Default(text) => filled.push_str(text),
                },
            }
        }
        Ok(Value::Str(filled))
    }

    /// Whether the value comes from what a file is called, which nobody wrote to be read by a shell.
    fn is_file_name(&self, path: &str) -> bool {
        let names = |name: &str| self.locals.iter().any(|(local, _)| *local == name);
        names(STEM) && names(path)
    }

    fn look_up<'a>(&'a self, expression: &Expression<'a>, field: Field) -> Result<Found<'a>, TemplateError> {
        let path = expression.path;
        match (self.get(path), expression.default) {
            (Some(Value::Null) | None, Some(default)) => Ok(Found::Default(default)),
            (Some(value), _) => Ok(Found::Value(value)),
            (None, None) => Err(self.undefined(path, field)),
        }
    }

    fn undefined(&self, path: &str, field: Field) -> TemplateError {
        let known = self.context.sources.keys().cloned().chain(self.locals.iter().flat_map(local_paths));
        let known: Vec<String> = known.collect();
        let near = suggest::nearest(path, known.iter().map(String::as_str));
        let head = path.split(['.', '[']).next();
        let hint = match (near, field) {
            (Some(near), _) => format!("did you mean `${{{near}}}`?"),
            (None, _) if matches!(head, Some("item" | "key")) => {
                "`item` exists in a stage with `foreach` or `matrix`, `key` in one with `matrix` or with `foreach` \
                 over a map"
                    .to_owned()
            }
            (None, Field::Command) => format!(
                "add `{path}` to a params file or `vars`, or write `\\${{{path}}}` to leave it to the shell"
            ),
            (None, _) => format!("add `{path}` to a params file or `vars`"),
        };
        TemplateError::new(format!("`${{{path}}}` is undefined"), Some(hint))
    }
}

/// A local name, and the names of what is right below it.
fn local_paths((name, value): &(&'static str, Value)) -> Vec<String> {
    let below = value.as_map().into_iter().flatten().map(|(key, _)| format!("{name}.{key}"));
    std::iter::once((*name).to_owned()).chain(below).collect()
}

/// The value of a default that stands alone: typed as a scalar of YAML would be; anything else is text.
fn default_value(text: &str) -> Value {
    match yaml::parse(&base::ProjectPath::root(), text) {
        Ok(value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_))) => value,
        _ => Value::Str(text.to_owned()),
    }
}

/// Adds one value below `path`; the work of [`Context::merge`].
fn merge_into(
    into: &mut IndexMap<String, Value>,
    sources: &mut IndexMap<String, String>,
    key: &str,
    value: &Value,
    path: &str,
    source: &str,
) -> Result<(), TemplateError> {
    match (into.get_mut(key), value) {
        (None, _) => {
            into.insert(key.to_owned(), value.clone());
            note_sources(sources, value, path, source);
            Ok(())
        }
        (Some(Value::Map(there)), Value::Map(new)) => {
            for (key, value) in new {
                merge_into(there, sources, key, value, &format!("{path}.{key}"), source)?;
            }
            Ok(())
        }
        (Some(_), _) => {
            let under = format!("{path}.");
            let first = sources.get(path).or_else(|| {
                sources.iter().find(|(key, _)| key.starts_with(&under)).map(|(_, source)| source)
            });
            let first = first.map_or("elsewhere", String::as_str);
            Err(TemplateError::new(format!("`{path}` of {source} is already defined in {first}"), None))
        }
    }
}

fn note_sources(sources: &mut IndexMap<String, String>, value: &Value, path: &str, source: &str) {
    if let Value::Map(map) = value
        && !map.is_empty()
    {
        for (key, value) in map {
            note_sources(sources, value, &format!("{path}.{key}"), source);
        }
    } else {
        sources.insert(path.to_owned(), source.to_owned());
    }
}

enum Piece<'a> {
    Text(&'a str),
    Expression(Expression<'a>),
}

/// What stands in `${…}`.
struct Expression<'a> {
    path: &'a str,
    /// What takes its place when it is not defined, or null.
    default: Option<&'a str>,
}

enum Found<'a> {
    Value(&'a Value),
    Default(&'a str),
}

fn split(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('\\') {
            pieces.extend([Piece::Text(before), Piece::Text("${")]);
            rest = after;
            continue;
        }
        let Some(end) = after.find('}') else {
            return Err(TemplateError::new(
                format!("`${{` is never closed in `{}`", first_line(rest)),
                Some("close it with `}`, or write `\\${` to keep it as it stands".to_owned()),
            ));
        };
        let (path, default) = match after[..end].split_once(":-") {
            Some((path, default)) => (path.trim(), Some(default)),
            None => (after[..end].trim(), None),
        };
        check_path(path)?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Expression(Expression { path, default }));
        rest = &after[end + 1..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// A value inside a string.
fn spell(spelling: Spelling, value: &Value, path: &str, field: Field) -> Result<String, TemplateError> {
    match (value, field) {
        (Value::Str(text), _) => Ok(text.clone()),
        (Value::Map(_) | Value::Pairs(_), Field::Command) => flags(spelling, value, path),
        (Value::Null, _) if spelling.dialect.spells_null() => Ok(spelling.dialect.scalar_text(value)),
        (Value::Null | Value::List(_) | Value::Map(_) | Value::Pairs(_), _) => {
            Err(not_in_a_text(value, path))
        }
        (scalar, _) => Ok(spelling.dialect.scalar_text(scalar)),
    }
}

fn not_in_a_text(value: &Value, path: &str) -> TemplateError {
    TemplateError::new(
        format!("`${{{path}}}` is {}, which cannot stand in a string", value.type_name()),
        None,
    )
}

/// A map as flags: `--k v`, nested `--a.b v`, true `--k`, false nothing, a list `--k a b`; or as the [`FlagStyle`] has it.
/// As for DVC, keys that are no texts become none.
fn flags(spelling: Spelling, map: &Value, path: &str) -> Result<String, TemplateError> {
    let mut words = Vec::new();
    push_flags(spelling, &mut words, map, "", path)?;
    Ok(words.join(" "))
}

fn push_flags(
    spelling: Spelling,
    words: &mut Vec<String>,
    map: &Value,
    prefix: &str,
    path: &str,
) -> Result<(), TemplateError> {
    let Spelling { dialect, style } = spelling;
    let texts = map.as_map().into_iter().flatten().map(|(key, value)| (key.as_str(), value));
    let others = match map {
        Value::Pairs(pairs) => &pairs[..],
        _ => &[],
    };
    let others = others.iter().filter_map(|(key, value)| match key {
        Value::Str(key) => Some((key.as_str(), value)),
        _ => None,
    });
    for (key, value) in texts.chain(others) {
        let flag = format!("--{prefix}{key}");
        match value {
            Value::Bool(false) if style.negated => words.push(format!("--no-{prefix}{key}")),
            Value::Bool(false) => {}
            Value::Bool(true) => words.push(flag),
            Value::Map(_) | Value::Pairs(_) => {
                push_flags(spelling, words, value, &format!("{prefix}{key}."), path)?;
            }
            Value::List(items) => {
                if items.is_empty() && dialect.tells_empty_lists() {
                    words.push(flag.clone());
                }
                for (at, item) in items.iter().enumerate() {
                    if at == 0 || style.repeated {
                        words.push(flag.clone());
                    }
                    words.push(match item {
                        Value::Bool(truth) => dialect.listed_truth(*truth).to_owned(),
                        item => word(spelling, item, path)?,
                    });
                }
            }
            scalar => words.extend([flag, word(spelling, scalar, path)?]),
        }
    }
    Ok(())
}

fn word(spelling: Spelling, value: &Value, path: &str) -> Result<String, TemplateError> {
    match value {
        Value::Str(text) | Value::Date(text) => Ok(quote(text)),
        other => spell(spelling, other, path, Field::Other),
    }
}

/// A file's name as one word of the command, of which `before` stands before it, or as a part of the word that is open there.
fn file_word(value: &Value, path: &str, before: &str) -> Result<String, TemplateError> {
    let name = value.as_str().unwrap_or_default();
    quote_within(name, before).ok_or_else(|| {
        let hint = if is_calculated_within(before) {
            "bash takes it for a number there, and runs what is in it, also from a variable: compare text (`=`), or rename \
             the file"
        } else {
            "put it into a variable first (`name=${…}`, on a line of its own), and use `\"$name\"` there"
        };
        TemplateError::new(
            format!("`${{{path}}}` cannot be `{}` there, which no quotes keep together", name.escape_debug()),
            Some(hint.replace('…', path)),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_words_of_the_shell() {
        let context = Context::default();
        let fill = |name: &str, script: &str| {
            let locals = [("item", Value::from(name)), (STEM, Value::from("x"))];
            let filled = context.with(&locals).fill(&Value::from(script), Field::Command);
            filled.map(|value| value.as_str().expect("a text").to_owned())
        };
        assert_eq!(fill("raw/a.png", "cp \"${item}\" x"), Ok("cp \"raw/a.png\" x".to_owned()));
        assert_eq!(fill("a b", "cp ${item} x"), Ok("cp 'a b' x".to_owned()));
        assert_eq!(fill("$(rm)", "${item}"), Ok("'$(rm)'".to_owned()));
        let script = "echo 'it' \"\\\"\" # don't\ncp ${item}";
        assert_eq!(fill("a b", script), Ok(script.replace("${item}", "'a b'")));
        let error = fill("a b", "cp \"\\${X:-${item}}\"").expect_err("in braces in quotes");
        assert_eq!(error.message, "`${item}` cannot be `a b` there, which no quotes keep together");
        assert!(error.hint.is_some_and(|hint| hint.contains("`name=${item}`")));
    }

    fn context(json: &str) -> Context {
        let values: Value = serde_json::from_str(json).expect("JSON");
        let mut context = Context::default();
        context.merge(values.as_map().expect("a map"), "`params.yaml`").expect("no conflict");
        context
    }

    fn fill(text: &str, field: Field) -> Result<Value, TemplateError> {
        let json = r#"{"a": {"b": 1, "c": 1.0}, "l": [1, "x"], "t": true, "s": "it's", "n": null,
            "f": {"lr": 0.1, "on": true, "off": false, "in": {"k": "a b"}, "many": [1, "q"]}}"#;
        context(json).fill(&Value::from(text), field)
    }

    #[test]
    fn types_survive_alone_and_are_spelled_in_company() {
        assert_eq!(fill("${a.b}", Field::Other), Ok(Value::from(1)));
        assert_eq!(fill("${ a.c }", Field::Other), Ok(Value::from(1.0)));
        assert_eq!(fill("x${a.c}-${t}-${l[1]}-${l.0}", Field::Other), Ok(Value::from("x1.0-true-x-1")));
        assert_eq!(fill("${a.b}", Field::Command), Ok(Value::from("1")));
    }

    /// What DVC 3.67 makes of them.
    #[test]
    fn parts_of_paths_are_told_apart_as_dvc_does() {
        let json = r#"{"n": [1, 2, 3], "d": {"b": 5, "0": "z", "x": {"y": [7]}}}"#;
        let context = context(json);
        let fill = |text: &str| context.fill(&Value::from(text), Field::Other).ok();
        for (text, value) in [
            ("${n[-1]}", 3),
            ("${n[-3]}", 1),
            ("${n.-1}", 3),
            ("${ n[ 0 ] }", 1),
            ("${n [0]}", 1),
            ("${n[+1]}", 2),
            ("${n[01]}", 2),
            ("${d[b]}", 5),
            ("${ d[ b ] }", 5),
            ("${d . b}", 5),
            ("${d[x][y][-1]}", 7),
            ("${d.x[y].0}", 7),
        ] {
            assert_eq!(fill(text), Some(Value::from(value)), "{text}");
        }
        assert_eq!(fill("${d[0]}"), Some(Value::from("z")));
        for text in [
            "${n[-4]}",
            "${n[k]}",
            "${n[- 1]}",
            "${d['b']}",
            "${d[b].x}",
            "${n[0][0]}",
            "${n[]}",
            "${n[0}",
            "${n]0[}",
            "${d[-1]}",
            "${n[0]0}",
            "${n[0] 0}",
            "${n[0]é.x}",
        ] {
            assert_eq!(fill(text), None, "{text}");
        }
    }

    #[test]
    fn escapes_stay() {
        assert_eq!(fill(r"\${HOME}/${s}", Field::Other), Ok(Value::from("${HOME}/it's")));
        assert_eq!(fill("$HOME $(x) {a}", Field::Other), Ok(Value::from("$HOME $(x) {a}")));
    }

    #[test]
    fn maps_are_flags_in_commands_only() {
        let flags = "run --lr 0.1 --on --in.k 'a b' --many 1 q";
        assert_eq!(fill("run ${f}", Field::Command), Ok(Value::from(flags)));
        assert!(fill("${f}", Field::Other).is_err());
        assert!(fill("${l}", Field::Command).is_err());
        assert!(fill("x${n}", Field::Other).is_err());
    }

    /// What DVC 3.67 makes of them: alone, a value is itself.
    #[test]
    fn escapes_in_values_go_in_projects_of_dvc() {
        for (dialect, expected) in [(Dialect::Dvc, "x${b}"), (Dialect::Native, "x\\${b}")] {
            let mut context = Context::new(dialect, FlagStyle::default());
            context
                .merge(&IndexMap::from([("a".to_owned(), Value::from("\\${b}"))]), "`x`")
                .expect("one value");
            let fill = |text: &str| context.fill(&Value::from(text), Field::Other);
            assert_eq!(fill("x${a}"), Ok(Value::from(expected)));
            assert_eq!(fill("${a}"), Ok(Value::from("\\${b}")));
        }
    }

    #[test]
    fn nothing_has_a_word_in_projects_of_dvc() {
        let values: Value =
            serde_json::from_str(r#"{"n": null, "f": {"n": null, "l": [null, 1]}}"#).expect("JSON");
        let mut context = Context::new(Dialect::Dvc, FlagStyle::default());
        context.merge(values.as_map().expect("a map"), "`params.yaml`").expect("no conflict");
        let fill = |text: &str, field| context.fill(&Value::from(text), field);
        assert_eq!(fill("echo ${n}", Field::Command), Ok(Value::from("echo None")));
        assert_eq!(fill("run ${f}", Field::Command), Ok(Value::from("run --n None --l None 1")));
        assert_eq!(fill("x${n}", Field::Paths), Ok(Value::from("xNone")));
        assert_eq!(fill("${n}", Field::Other), Ok(Value::Null));
        assert!(fill("${n}", Field::Command).is_err());
    }

    #[test]
    fn faults_say_what_was_meant() {
        let error = fill("${a.d}", Field::Other).expect_err("undefined");
        assert_eq!(error.message, "`${a.d}` is undefined");
        assert_eq!(error.hint.as_deref(), Some("did you mean `${a.b}`?"));
        for text in ["${", "${}", "${a b}", "${x:=1}", "${:-1}", "${#a}", "${a..b}", "${l[9]}"] {
            assert!(fill(text, Field::Other).is_err(), "{text}");
        }
    }

    #[test]
    fn a_default_stands_for_what_is_undefined_or_null() {
        assert_eq!(fill("${x.y:-1}", Field::Other), Ok(Value::from(1)));
        assert_eq!(fill("${x:-true}", Field::Other), Ok(Value::Bool(true)));
        assert_eq!(fill("${x:-}", Field::Other), Ok(Value::from("")));
        assert_eq!(fill("${x:-[a, b]}", Field::Other), Ok(Value::from("[a, b]")));
        assert_eq!(fill("${n:-0.5}", Field::Other), Ok(Value::from(0.5)));
        assert_eq!(fill("${a.b:-7}", Field::Other), Ok(Value::from(1)));
        assert_eq!(fill("d/${x:-a b}.csv", Field::Other), Ok(Value::from("d/a b.csv")));
        assert_eq!(fill("run ${x:-1.0}", Field::Command), Ok(Value::from("run 1.0")));
        assert_eq!(fill("${x:-1}", Field::Command), Ok(Value::from("1")));
        assert_eq!(fill(r"\${x:-1}", Field::Command), Ok(Value::from("${x:-1}")));
    }

    #[test]
    fn lists_stand_among_paths_and_data() {
        let list: Value = serde_json::from_str(r#"[1, "x"]"#).expect("JSON");
        assert_eq!(fill("${l}", Field::Paths), Ok(list.clone()));
        assert_eq!(fill("${l}", Field::Data), Ok(list));
        assert!(fill("a/${l}", Field::Paths).is_err());
        assert!(fill("${f}", Field::Paths).is_err());
        assert!(fill("${f}", Field::Data).is_ok());
        assert_eq!(fill("${n}", Field::Data), Ok(Value::Null));
    }

    #[test]
    fn locals_come_first() {
        let context = context(r#"{"item": 1, "a": 2}"#);
        let locals = [("item", serde_json::from_str(r#"{"lr": 0.5, "l": [7]}"#).expect("JSON"))];
        let scope = context.with(&locals);
        let fill = |text: &str| scope.fill(&Value::from(text), Field::Other);
        assert_eq!(fill("${item.lr}-${item.l[0]}-${a}"), Ok(Value::from("0.5-7-2")));
        let error = fill("${item.lrr}").expect_err("undefined");
        assert_eq!(error.hint.as_deref(), Some("did you mean `${item.lr}`?"));
        assert!(fill("${key}").expect_err("no key").hint.is_some_and(|hint| hint.contains("over a map")));
    }

    #[test]
    fn a_leaf_is_defined_once() {
        let mut context = context(r#"{"a": {"b": 1}}"#);
        let more: Value = serde_json::from_str(r#"{"a": {"c": 2}}"#).expect("JSON");
        context.merge(more.as_map().expect("a map"), "`vars`").expect("maps merge");
        let again: Value = serde_json::from_str(r#"{"a": {"b": 1}}"#).expect("JSON");
        let error = context.merge(again.as_map().expect("a map"), "`x.yaml`").expect_err("twice");
        assert_eq!(error.message, "`a.b` of `x.yaml` is already defined in `params.yaml`");
    }
}
