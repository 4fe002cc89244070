//! Parameter files: reading their text, and the values that a stage depends on.
//!
//! A file's kind follows from its suffix: `.json`, `.toml`, `.py`, and YAML for everything else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use base::{INTEGER_KEY, ProjectPath, Typed, Value};
use indexmap::IndexMap;
use toml::de::{DeTable, DeValue};

use crate::conflict::conflict;
use crate::dialect::Dialect;
use crate::error::{PipelineError, Position};
use crate::param_path::ParamPath;
use crate::python;
use crate::stage::{ParamFile, ParamRef, ParamValues};
use crate::unrecordable::{ParamsRead, Unrecordable, UnrecordableKind};
use crate::yaml;

/// Reads the text of a parameter (or metrics) file. An empty YAML file is an empty map.
///
/// # Errors
/// When the text is malformed or its top level is no map.
pub fn parse(file: &ProjectPath, text: &str, dialect: Dialect) -> Result<Value, PipelineError> {
    let read = parse_typed(file, text, dialect)?;
    read.map(&file.clone().into())?;
    Ok(read.value.plain())
}

/// The same as stages record it: with dates, and keys below the top that are no texts, where the dialect has such. Its
/// top level may be anything.
///
/// # Errors
/// When the text is malformed.
pub fn parse_typed(file: &ProjectPath, text: &str, dialect: Dialect) -> Result<ParamsRead, PipelineError> {
    let read = read(file, text, dialect)?;
    Ok(match read.value {
        Value::Map(_) => read,
        // DVC writes a lock of it that it refuses to read.
        Value::Pairs(pairs) => with_plain_keys(pairs),
        ref other => match dialect.params_of_no_map(other) {
            Some(params) => params.into(),
            None => ParamsRead { start: yaml::locate(text, &[]).map(|place| place.value), ..read },
        },
    })
}

/// The params of a file that has keys at its top which are no texts, with texts for them.
fn with_plain_keys(pairs: Vec<(Value, Value)>) -> ParamsRead {
    let mut map = IndexMap::new();
    let mut unrecordable = Vec::new();
    for (key, value) in pairs {
        let kind = match key {
            Value::Str(_) => None,
            Value::Int(_) | Value::Big(_) | Value::Bool(_) => Some(UnrecordableKind::TopKey),
            _ => Some(UnrecordableKind::UnnamedTopKey),
        };
        let name = match key {
            Value::Str(text) | Value::Date(text) => text,
            // By this name a key finds it.
            truth @ Value::Bool(_) => truth.key_text(),
            other => other.to_string(),
        };
        let at = vec![map.insert_full(name, value).0];
        unrecordable.extend(kind.map(|kind| Unrecordable { at, kind }));
    }
    ParamsRead { value: Value::Map(map), unrecordable, start: None }
}

/// The same of a file that may lie outside the project; then what is wrong is told of it by its absolute path.
///
/// # Errors
/// As [`parse_typed`].
pub fn parse_at(file: &ParamPath, text: &str, dialect: Dialect) -> Result<ParamsRead, PipelineError> {
    let name = match file {
        ParamPath::Inside(file) => return parse_typed(file, text, dialect),
        ParamPath::Outside(name) => name,
    };
    let below = name.outside_path().unwrap_or_default();
    parse_typed(&below, text, dialect).map_err(PipelineError::outside)
}

/// Reads the text of a YAML, JSON, TOML or Python file, whatever stands at its top level.
///
/// # Errors
/// When the text is malformed.
pub fn parse_any(file: &ProjectPath, text: &str, dialect: Dialect) -> Result<Value, PipelineError> {
    read(file, text, dialect).map(|read| read.value.plain())
}

fn suffix(name: &str) -> String {
    name.rsplit_once('.').map_or("", |(_, suffix)| suffix).to_ascii_lowercase()
}

/// Whether a file is read as YAML.
pub(crate) fn is_yaml(file: &ParamPath) -> bool {
    let name = match file {
        ParamPath::Inside(file) => file.name().to_owned(),
        ParamPath::Outside(name) => name.text.clone(),
    };
    !matches!(suffix(&name).as_str(), "json" | "toml" | "py")
}

fn read(file: &ProjectPath, text: &str, dialect: Dialect) -> Result<ParamsRead, PipelineError> {
    let (given, text) = (text, dialect.with_line_ends(text));
    let text = &*text;
    let parse_json = if dialect.has_types() { crate::json::parse_repeating } else { crate::json::parse };
    let read = match suffix(file.name()).as_str() {
        "json" => parse_json(text.trim_start_matches('\u{feff}')).map(ParamsRead::from).map_err(|error| {
            let position = position_of_byte_column(text, error.line(), error.column());
            let message = error.to_string();
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            PipelineError::new(file, message).at(position)
        }),
        "toml" => {
            parse_toml(text.trim_start_matches('\u{feff}'), dialect).map_err(|error: toml::de::Error| {
                let position = error.span().map(|span| Position::of_offset(text, span.start));
                PipelineError::new(file, error.message().trim().replace('\n', ", ")).at(position)
            })
        }
        "py" => python::parse(text.trim_start_matches('\u{feff}'), dialect.has_types())
            .map_err(|(position, message)| PipelineError::new(file, message).at(Some(position))),
        _ => return dialect.read_typed_yaml(file, given).map(ParamsRead::from),
    };
    let read = read.map_err(|fault| conflict(file, text).unwrap_or(fault))?;
    // The locks of the native format hold no wider integers than 128 bits.
    Ok(if dialect.has_types() { read } else { read.value.plain().rounded().into() })
}

/// With wide integers, and floats that are too large, as Python has them.
fn parse_toml(text: &str, dialect: Dialect) -> Result<ParamsRead, toml::de::Error> {
    if !dialect.has_types() {
        let value = toml::from_str(text);
        let written = DeTable::parse(text)?;
        return Ok(in_order(value?, &DeValue::Table(written.into_inner())).into());
    }
    let mut wide = Vec::new();
    wide_integers(&DeValue::Table(DeTable::parse(text)?.into_inner()), 0..text.len(), &mut wide);
    let mut respelled = text.to_owned();
    // The last first, so that the places of the others stay.
    wide.sort_by_key(|(at, _)| std::cmp::Reverse(at.start));
    for (at, digits) in wide {
        let is_float = digits.ends_with("inf");
        let spelled = if is_float { digits } else { format!("{{\"{INTEGER_KEY}\" = \"{digits}\"}}") };
        respelled.replace_range(at, &spelled);
    }
    let Typed(value) = toml::from_str(&respelled)?;
    let written = DeTable::parse(&respelled)?;
    let mut value = in_order(value, &DeValue::Table(written.into_inner()));
    let mut times = Vec::new();
    take_times(&mut value, &mut Vec::new(), &mut times);
    Ok(ParamsRead { value, unrecordable: times, start: None })
}

/// Makes texts of times of no day, and notes where they stand.
fn take_times(value: &mut Value, at: &mut Vec<usize>, times: &mut Vec<Unrecordable>) {
    let mut below = |place: usize, value: &mut Value| {
        at.push(place);
        take_times(value, at, times);
        at.pop();
    };
    match value {
        Value::List(list) => list.iter_mut().enumerate().for_each(|(place, value)| below(place, value)),
        Value::Map(map) => map.values_mut().enumerate().for_each(|(place, value)| below(place, value)),
        Value::Date(text) if !text.contains('-') => {
            *value = Value::Str(std::mem::take(text));
            times.push(Unrecordable { at: at.clone(), kind: UnrecordableKind::Time });
        }
        _ => {}
    }
}

/// The integers that [`Value::Big`] alone holds, and floats that are infinite for what they are, and where they stand.
fn wide_integers(value: &DeValue<'_>, at: Range<usize>, wide: &mut Vec<(Range<usize>, String)>) {
    match value {
        DeValue::Integer(integer) => {
            let digits = integer.as_str();
            let positive = digits.strip_prefix('-');
            let unsigned = positive.unwrap_or(digits).trim_start_matches('+');
            if let Some(Value::Big(digits)) = Value::integer(positive.is_some(), unsigned, integer.radix()) {
                wide.push((at, digits));
            }
        }
        DeValue::Float(float) => {
            let is_infinite = || float.as_str().parse::<f64>().is_ok_and(f64::is_infinite);
            if !float.as_str().ends_with("inf") && is_infinite() {
                let sign = if float.as_str().starts_with('-') { "-" } else { "" };
                wide.push((at, format!("{sign}inf")));
            }
        }
        DeValue::Table(table) => {
            table.iter().for_each(|(_, value)| wide_integers(value.get_ref(), value.span(), wide));
        }
        DeValue::Array(array) => {
            array.iter().for_each(|value| wide_integers(value.get_ref(), value.span(), wide));
        }
        _ => {}
    }
}

/// Where a key is first written: its own place may be that of a header after those of what is in it.
fn first(key: Range<usize>, value: &DeValue<'_>) -> usize {
    let inner: Option<usize> = match value {
        DeValue::Table(table) => table.iter().map(|(key, value)| first(key.span(), value.get_ref())).min(),
        DeValue::Array(array) => array.iter().map(|value| first(value.span(), value.get_ref())).min(),
        _ => None,
    };
    inner.map_or(key.start, |inner| inner.min(key.start))
}

/// The value with its keys in the order in which each is first written, which `[a.b]` before `[a]` may hide.
fn in_order(value: Value, written: &DeValue<'_>) -> Value {
    match (value, written) {
        (Value::Map(mut map), DeValue::Table(table)) => {
            let mut keys: Vec<_> = table.iter().collect();
            keys.sort_by_cached_key(|(key, value)| first(key.span(), value.get_ref()));
            let ordered = keys.into_iter().filter_map(|(key, written)| {
                let key: &str = key.get_ref();
                let value = map.swap_remove(key)?;
                Some((key.to_owned(), in_order(value, written.get_ref())))
            });
            Value::Map(ordered.collect())
        }
        (Value::List(list), DeValue::Array(array)) => {
            let items = list.into_iter().zip(array.iter());
            Value::List(items.map(|(value, written)| in_order(value, written.get_ref())).collect())
        }
        (Value::Date(text), _) if !text.contains('-') => Value::Date(text),
        // What is less than a microsecond is cut off, which the dates of YAML round.
        (Value::Date(text), _) if text.split_once('.').is_some_and(|(_, rest)| digits_at_start(rest) > 6) => {
            let at = text.find('.').map_or(0, |at| at + 1);
            let digits = digits_at_start(&text[at..]);
            Value::Date(format!("{}{}", &text[..at + 6], &text[at + digits..]))
        }
        // Seconds may be left out, which the dates of YAML do not know.
        (Value::Date(text), _) if text.matches(':').count() == 1 && !text[10..].contains(['+', '-']) => {
            let end = text.len() - usize::from(text.ends_with(['Z', 'z']));
            Value::Date(format!("{}:00{}", &text[..end], &text[end..]))
        }
        (other, _) => other,
    }
}

fn digits_at_start(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn position(line: usize, column: usize) -> Option<Position> {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    (line > 0).then(|| Position { line: number(line), column: number(column.max(1)) })
}

/// The JSON reader counts bytes, people count characters.
fn position_of_byte_column(text: &str, line: usize, column: usize) -> Option<Position> {
    let bytes = text.lines().nth(line.saturating_sub(1)).unwrap_or_default().as_bytes();
    let before = &bytes[..column.saturating_sub(1).min(bytes.len())];
    let before = String::from_utf8_lossy(before).chars().filter(|c| *c != '\u{feff}').count();
    position(line, before + 1)
}

/// A value by reference, as found by [`find`]: file, dotted key, value.
pub(crate) type Found<'a> = (&'a ParamPath, &'a str, &'a Value);

/// What `refs` (sorted) find in `files`, sorted by file and key, each pair once; and those that find nothing.
///
/// A reference without key finds all top-level keys of its file; of a file that is missing, the reference
/// is told without its key, once.
pub(crate) fn find<'a>(
    refs: &'a [ParamRef],
    files: &'a BTreeMap<ParamPath, ParamFile>,
    dialect: Dialect,
) -> (Vec<Found<'a>>, Vec<Cow<'a, ParamRef>>) {
    let mut found: Vec<Found<'a>> = Vec::new();
    let mut missing: Vec<Cow<'a, ParamRef>> = Vec::new();
    for reference in refs {
        let Some(ParamFile::Read(read)) = files.get(&reference.file) else {
            if missing.last().is_none_or(|last| last.file != reference.file) {
                missing.push(Cow::Owned(ParamRef { file: reference.file.clone(), key: None }));
            }
            continue;
        };
        match &reference.key {
            Some(key) => match dialect.param(&read.value, key) {
                Some(value) => found.push((&reference.file, key, value)),
                None => missing.push(Cow::Borrowed(reference)),
            },
            None => found.extend(
                read.value
                    .as_map()
                    .into_iter()
                    .flatten()
                    .map(|(key, value)| (&reference.file, key.as_str(), value)),
            ),
        }
    }
    found.sort_by_key(|&(file, key, _)| (file, key));
    found.dedup_by_key(|&mut (file, key, _)| (file, key));
    (found, missing)
}

/// What the keys of a stage of DVC, which are patterns, find in a params file, in the maps in which it stands; of a file that
/// is no map, under the keys themselves.
pub fn pick(file: &Value, keys: &[&str]) -> Value {
    if file.as_map().is_none() {
        let found = |key: &&str| Some(((*key).to_owned(), Dialect::Dvc.param(file, key)?.clone()));
        return Value::Map(keys.iter().filter_map(found).collect());
    }
    crate::format::dvc::paths::pick(file, keys).unwrap_or_else(|| Value::Map(IndexMap::new()))
}

/// The values that `refs` (sorted) find in `files`.
///
/// # Errors
/// Every reference that finds nothing; with `key: None` when the whole file is missing.
pub fn select(
    refs: &[ParamRef],
    files: &BTreeMap<ParamPath, ParamFile>,
    dialect: Dialect,
) -> Result<ParamValues, Vec<ParamRef>> {
    let (found, missing) = find(refs, files, dialect);
    if !missing.is_empty() {
        return Err(missing.into_iter().map(Cow::into_owned).collect());
    }
    let mut values = ParamValues::new();
    // The whole of a file that holds nothing is nothing, and was looked at.
    for reference in refs.iter().filter(|reference| reference.key.is_none()) {
        values.entry(reference.file.clone()).or_default();
    }
    for (file, key, value) in found {
        if let Some(file) = values.get_mut(file) {
            file.insert(key.to_owned(), value.clone());
        } else {
            values.insert(file.clone(), IndexMap::from_iter([(key.to_owned(), value.clone())]));
        }
    }
    values.sort_unstable_keys();
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_toml_keep_the_order_of_the_file() {
        let file = ProjectPath::from_record("p.toml").expect("a path");
        let text = "z.x = 1\nb = 2\nz.a = {y = 1, b = 2}\n[t.y]\nq = 1\n[a]\nz = 1\n[t.c]\nr = 2\n";
        let value = parse(&file, text, Dialect::Native).expect("TOML");
        let expected = r#"{"z":{"x":1,"a":{"y":1,"b":2}},"b":2,"t":{"y":{"q":1},"c":{"r":2}},"a":{"z":1}}"#;
        assert_eq!(value.to_string(), expected);
        let text =
            "[a.b.c]\nx = 1\n[[q.l]]\ny = 1\nx.z = 2\n[a]\ny = 2\n[q]\nz = 3\n[a.b]\nz = 3\n[[q.l]]\nx = 1\n";
        let value = parse(&file, text, Dialect::Dvc).expect("TOML");
        let expected =
            r#"{"a":{"b":{"c":{"x":1},"z":3},"y":2},"q":{"l":[{"y":1,"x":{"z":2}},{"x":1}],"z":3}}"#;
        assert_eq!(value.to_string(), expected);
    }

    #[test]
    fn columns_of_json_faults_count_characters() {
        let file = ProjectPath::from_record("m.json").expect("a path");
        let fault = |text: &str| parse_any(&file, text, Dialect::Native).expect_err(text).to_string();
        assert!(fault("{\"größe\": }").starts_with("m.json:1:11: "), "{}", fault("{\"größe\": }"));
        assert!(fault("[NaN,\n \"é\" NaN]").starts_with("m.json:2:6: "));
    }

    /// A million digits of another radix took minutes, and DVC cannot write what it has read of them.
    #[test]
    fn whole_numbers_that_python_does_not_take_are_refused_with_their_place() {
        let (long, hexadecimal) = ("7".repeat(4301), format!("0x{}", "7".repeat(1_000_000)));
        for number in [&*long, &hexadecimal, &format!("0b{}", "1".repeat(14_285))] {
            for (name, text, place) in [
                ("p.yaml", format!("a: 1\nb: [{number}]\n"), Some((2, 5))),
                ("p.yaml", format!("a: 1\nb: -{number}\n"), Some((2, 4))),
                ("p.yaml", format!("%YAML 1.1\n---\nb: {number}\n"), Some((3, 4))),
                ("p.py", format!("a = 1\nb = -{number}\n"), Some((2, 1))),
                ("p.toml", format!("b = {number}\n"), None),
                ("p.json", format!("{{\"b\": {long}}}"), None),
            ] {
                let fault = parse(&ProjectPath::root().join(name), &text, Dialect::Dvc).expect_err(name);
                let found = fault.position.map(|position| (position.line, position.column));
                assert!(place.is_none() || found == place, "{name} {found:?}: {}", fault.message);
                assert!(
                    place.is_none() || fault.message.contains("4300 digits at most"),
                    "{}",
                    fault.message
                );
            }
        }
        let longest = format!("b: {}\n", "7".repeat(4300));
        assert!(parse(&ProjectPath::root().join("p.yaml"), &longest, Dialect::Dvc).is_ok());
    }
}
