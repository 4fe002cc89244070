//! Numbers as DVC reads them: `1_000` and `010` are numbers, `.5e3` is a text; and dates among them.
//!
//! DVC's reader, ruamel.yaml, knows more spellings than YAML 1.2 has. What it takes otherwise than ours is spelled in a way
//! that both take alike before the text is read. A text without such, as nearly every one is, is looked through once.

use std::borrow::Cow;
use std::ops::Range;

use base::{DATE_KEY, INTEGER_KEY, MOST_DIGITS, ProjectPath, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::dates::date_text;
use super::version::{Rules, old_truth, truth};
use crate::error::{PipelineError, Position, too_long};
use crate::yaml::{self, MERGE_KEY};

/// Under this text a reader finds a `<<` that is quoted, and so no merge key.
const QUOTED_MERGE: &str = "$__quoted_merge";

/// What the reader is not told of, and where it stands.
pub(crate) type Refused = (Position, String);

/// The text with each number of DVC that is otherwise none, or another, spelled so that it is one.
pub(crate) fn respelled(text: &str) -> Result<Cow<'_, str>, Refused> {
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}' | ':');
    if has_marks(text) || text.split(ends).any(|word| respelling(word, Rules::New).is_some()) {
        let rules = Rules::of(text);
        return respelled_by(text, rules, |scalar| respelling(scalar, rules));
    }
    Ok(Cow::Borrowed(text))
}

/// The same, with dates as [`Typed`](base::Typed) reads them.
pub(crate) fn respelled_with_dates(text: &str) -> Result<Cow<'_, str>, Refused> {
    let is_year =
        |word: &str| word.len() >= 4 && word.bytes().rev().take(4).all(|byte| byte.is_ascii_digit());
    if !text.split('-').any(is_year) {
        return respelled(text);
    }
    let rules = Rules::of(text);
    respelled_by(text, rules, |scalar| match date_text(scalar) {
        Some(_) => Some(format!("{{\"{DATE_KEY}\": \"{scalar}\"}}")),
        None => respelling(scalar, rules),
    })
}

/// What was read of such a text, with each quoted `<<` as it is written.
pub(crate) fn with_quoted_merges(value: Value, respelled: &str) -> Value {
    if respelled.contains(QUOTED_MERGE) { unmarked(value) } else { value }
}

fn unmarked(value: Value) -> Value {
    let text = |text: String| if text == QUOTED_MERGE { MERGE_KEY.to_owned() } else { text };
    match value {
        Value::Str(value) => Value::Str(text(value)),
        Value::List(list) => Value::List(list.into_iter().map(unmarked).collect()),
        Value::Map(map) => {
            Value::Map(map.into_iter().map(|(key, value)| (text(key), unmarked(value))).collect())
        }
        Value::Pairs(pairs) => {
            Value::Pairs(pairs.into_iter().map(|(key, value)| (unmarked(key), unmarked(value))).collect())
        }
        other => other,
    }
}

/// The fault that the first key is which its map has already for DVC, as `true` in `{1: x, true: y}`.
pub(crate) fn duplicate(file: &ProjectPath, text: &str) -> Option<PipelineError> {
    let rules = Rules::of(text);
    yaml::duplicate(file, text, |key, style| {
        let key = Value::from(key);
        if style == ScalarStyle::Plain { plain_value(key, rules).identity() } else { key.identity() }
    })
}

/// What a plain scalar is.
fn plain_value(scalar: Value, rules: Rules) -> Value {
    let text = scalar.as_str().unwrap_or_default();
    let truth = match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        text if rules == Rules::Old => old_truth(text),
        _ => None,
    };
    match (truth, text) {
        (Some(truth), _) => Value::Bool(truth),
        (None, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        (None, text) if date_text(text).is_some() => Value::Date(text.to_owned()),
        _ => rules.number(text).filter(|_| may_be_number(text)).unwrap_or(scalar),
    }
}

/// Whether a plain scalar may be a number for what it begins with.
fn may_be_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
}

/// Whether there may be more to respell than numbers: tags, directives, quoted `<<`, and keys in brackets that end in `:`.
fn has_marks(text: &str) -> bool {
    let starts_word = |(at, _): (usize, &str)| {
        text[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || matches!(c, ',' | '[' | '{'))
    };
    text.match_indices('!').any(starts_word)
        || text.contains("%YAML")
        || [":,", ":]", ":}", "'<<'", "\"<<\""].iter().any(|mark| text.contains(mark))
}

fn respelled_by(
    text: &str,
    rules: Rules,
    respelling: impl Fn(&str) -> Option<String>,
) -> Result<Cow<'_, str>, Refused> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut changed = String::with_capacity(text.len());
    let mut kept = 0;
    for (at, spelling) in changes(text, rules, respelling)? {
        changed.push_str(&text[kept..at.start]);
        changed.push_str(&spelling);
        kept = at.end;
    }
    changed.push_str(&text[kept..]);
    Ok(Cow::Owned(changed))
}

/// What stands otherwise in the text, and where.
fn changes(
    text: &str,
    rules: Rules,
    respelling: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(Range<usize>, String)>, Refused> {
    let mut changes = Vec::new();
    // The places asked for never go back.
    let mut characters = text.char_indices().map(|(at, _)| at).chain([text.len()]).enumerate().peekable();
    let mut offset = |index: usize| {
        while characters.next_if(|(number, _)| *number < index).is_some() {}
        characters.peek().filter(|(number, _)| *number == index).map(|(_, at)| *at)
    };
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(fault) if rules == Rules::Old => {
                let at = fault.marker();
                return Err((place(at.line(), at.col()), fault.info().to_owned()));
            }
            // What is no YAML is told by the reader.
            Err(_) => break,
        };
        let refused = |what: &str| {
            Err((
                place(span.start.line(), span.start.col()),
                format!("the tag `!!{what}` is not supported here"),
            ))
        };
        let (scalar, style, tag) = match &event {
            Event::SequenceStart(_, tag) | Event::MappingStart(_, tag) => {
                match tag.as_deref().and_then(core_tag) {
                    Some(name @ ("omap" | "pairs" | "set")) => return refused(name),
                    _ => continue,
                }
            }
            Event::Scalar(scalar, style, _, tag) => (scalar, style, tag.as_deref()),
            _ => continue,
        };
        if *style == ScalarStyle::Plain && is_too_long(scalar) {
            return Err((place(span.start.line(), span.start.col()), too_long()));
        }
        let spelling = match (tag.map(core_tag), style) {
            (None, ScalarStyle::Plain) => respelling(scalar),
            (None, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted) if &**scalar == MERGE_KEY => {
                Some(format!("\"{QUOTED_MERGE}\""))
            }
            (Some(Some(name @ ("binary" | "set" | "omap" | "pairs"))), _) => return refused(name),
            (Some(Some(name)), style) if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) => {
                let untagged = if name.is_empty() { respelling(scalar) } else { None };
                untagged.or_else(|| tagged(name, scalar, rules))
            }
            _ => None,
        };
        let in_brackets = tag.is_none() && *style == ScalarStyle::Plain;
        if spelling.is_none() && !in_brackets {
            continue;
        }
        // A span begins with the anchor or the tag, and ends with the scalar.
        let Some(end) = offset(span.end.index()) else { continue };
        if in_brackets {
            // Without a blank behind it, a colon there is one of the text.
            let rest = &text[end..];
            let ends = rest.strip_prefix(':').is_some_and(|rest| rest.starts_with([',', ']', '}']));
            if !text[..end].ends_with(&**scalar) {
                continue;
            }
            if ends && !scalar.is_empty() {
                changes.push((end - scalar.len()..end + 1, format!("'{scalar}:'")));
            } else if let Some(spelling) = spelling {
                changes.push((end - scalar.len()..end, spelling));
            }
            continue;
        }
        let length = span.end.index() - span.start.index();
        let start = text[..end].char_indices().rev().take(length).last().map_or(end, |(at, _)| at);
        let Some(spelling) = spelling else { continue };
        let written = &text[start..end];
        let mut marks = written.char_indices();
        let mark = match tag {
            Some(_) => marks.find(|(at, c)| {
                *c == '!' && written[..*at].chars().next_back().is_none_or(char::is_whitespace)
            }),
            None => marks.find(|(_, c)| matches!(c, '\'' | '"')),
        };
        if let Some((mark, _)) = mark.filter(|(at, _)| tag.is_none() || !written[*at..].contains('&')) {
            changes.push((start + mark..end, spelling));
        }
    }
    Ok(changes)
}

fn place(line: usize, column: usize) -> Position {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: number(line), column: number(column + 1) }
}

/// The name of a tag of YAML's own, which is empty of `!` alone.
fn core_tag(tag: &Tag) -> Option<&str> {
    match (&*tag.handle, &*tag.suffix) {
        ("tag:yaml.org,2002:", name) => Some(name),
        ("", "!") | ("!", "") => Some(""),
        ("", name) => name.strip_prefix("tag:yaml.org,2002:"),
        _ => None,
    }
}

/// How a scalar with such a tag is spelled without it; `None` where it is left to the reader.
fn tagged(tag: &str, scalar: &str, rules: Rules) -> Option<String> {
    let quoted = || format!("'{}'", scalar.replace('\'', "''"));
    match tag {
        "str" if scalar == MERGE_KEY => Some(format!("\"{QUOTED_MERGE}\"")),
        "merge" => Some(MERGE_KEY.to_owned()),
        "null" => Some("null".to_owned()),
        "bool" => truth(&scalar.to_lowercase()).map(|truth| truth.to_string()),
        "timestamp" => date_text(scalar).map(|_| format!("{{\"{DATE_KEY}\": \"{scalar}\"}}")),
        "int" | "float" => {
            let number = rules.number(scalar)?;
            let number = if tag == "float" { Value::Float(number.as_f64()?) } else { number };
            Some(spelled(&number))
        }
        "" => match rules.number(scalar) {
            Some(number) => Some(spelled(&number)),
            None if matches!(scalar, "" | "~" | "null" | "Null" | "NULL") => Some("null".to_owned()),
            None if matches!(scalar, "true" | "True" | "TRUE") => Some("true".to_owned()),
            None if matches!(scalar, "false" | "False" | "FALSE") => Some("false".to_owned()),
            None => Some(quoted()).filter(|_| !scalar.contains('\n')),
        },
        _ => None,
    }
}

/// A number as our reader takes it.
fn spelled(number: &Value) -> String {
    match number {
        Value::Big(digits) => format!("{{\"{INTEGER_KEY}\": \"{digits}\"}}"),
        Value::Float(number) if number.is_nan() => ".nan".to_owned(),
        Value::Float(number) if number.is_infinite() => {
            if *number > 0.0 { ".inf" } else { "-.inf" }.to_owned()
        }
        other => other.to_string(),
    }
}

/// How a plain scalar is spelled for our reader, where that takes it otherwise than DVC's.
fn respelling(text: &str, rules: Rules) -> Option<String> {
    if rules == Rules::Old
        && let Some(truth) = old_truth(text)
    {
        return Some(truth.to_string());
    }
    if !may_be_number(text) {
        return None;
    }
    if rules == Rules::Old {
        let number = rules.number(text).map(|number| spelled(&number));
        return number.or_else(|| Some(format!("'{}'", text.replace('\'', "''"))));
    }
    if is_too_long(text) {
        // So that somebody looks at its place.
        return Some(text.to_owned());
    }
    let digits = text.trim_start_matches(['+', '-']);
    let led_by_zero = digits.len() > 1 && digits.starts_with('0');
    match number(text) {
        Some(Value::Int(number)) if text.contains('_') || led_by_zero => Some(number.to_string()),
        Some(Value::Float(number))
            if text.contains('_') || (number.is_infinite() && !text.ends_with(['f', 'F'])) =>
        {
            Some(spelled(&Value::Float(number)))
        }
        Some(number @ Value::Big(_)) => Some(spelled(&number)),
        None if text.contains(['e', 'E']) && text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Some(format!("'{text}'"))
        }
        _ => None,
    }
}

/// The number that DVC reads; `None` of a text.
pub(crate) fn number(text: &str) -> Option<Value> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if matches!(rest, ".inf" | ".Inf" | ".INF") {
        return Some(Value::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY }));
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Value::Float(f64::NAN));
    }
    if is_float(rest) {
        let number: f64 = rest.replace('_', "").parse().ok()?;
        return Some(Value::Float(if negative { -number } else { number }));
    }
    let (digits, radix) = digits_of(rest);
    if !digits.chars().all(|c| c == '_' || c.is_digit(radix)) {
        return None;
    }
    Value::integer(negative, &digits.replace('_', ""), radix)
}

/// What stands behind the mark of a radix, and the radix.
fn digits_of(unsigned: &str) -> (&str, u32) {
    match unsigned.get(..2) {
        Some("0b") => (&unsigned[2..], 2),
        Some("0o") => (&unsigned[2..], 8),
        Some("0x") => (&unsigned[2..], 16),
        _ => (unsigned, 10),
    }
}

/// Whether a plain scalar is a whole number that DVC takes none of.
fn is_too_long(text: &str) -> bool {
    let (digits, radix) = digits_of(text.strip_prefix(['-', '+']).unwrap_or(text));
    text.len() > MOST_DIGITS / 2 && Value::is_too_long(&digits.replace('_', ""), radix)
}

/// Whether a text without sign is a float: with a point or an exponent, which has its own sign where no digit stands before
/// the point.
pub(crate) fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit());
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let counts = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']);
        let signed = digits.is_some();
        let digits = digits.unwrap_or(exponent);
        let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        all && (signed || !whole.is_empty())
    });
    counts
        && (fraction.is_some() || exponent.is_some())
        && (!whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty()))
        && !whole.starts_with('_')
        && is_digits(whole)
        && fraction.is_none_or(is_digits)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dialect::Dialect;

    /// What ruamel.yaml 0.19 made of each.
    const SCALARS: &str = include_str!("../../../tests/golden/dvc-scalars.txt");

    fn read(text: &str) -> Value {
        Dialect::Dvc.read_yaml(&ProjectPath::root().join("params.yaml"), text).expect(text)
    }

    /// Scalars as they are written, and what each is, of a list with one in each line: `010 = int 10`.
    pub(in super::super) fn listed(list: &str) -> impl Iterator<Item = (&str, Value)> {
        list.lines().map(|line| {
            let (written, kind) = line.split_once(" = ").expect("a scalar and what it is");
            let expected = match kind.split_once(' ') {
                Some(("int", number)) => {
                    let positive = number.strip_prefix('-');
                    Value::integer(positive.is_some(), positive.unwrap_or(number), 10).expect(line)
                }
                Some(("float", number)) => Value::Float(number.parse().expect(line)),
                Some((_, truth)) => Value::Bool(truth == "True"),
                None if kind == "null" => Value::Null,
                None => Value::from(written),
            };
            (written, expected)
        })
    }

    #[test]
    fn scalars_are_read_as_dvc_reads_them() {
        assert!(SCALARS.lines().count() > 300);
        for (written, expected) in listed(SCALARS) {
            for text in [
                format!("a: {written}"),
                format!("é: 'é 1_0' # é\r\nb: &x {written}\na: *x\n"),
                format!("- [{{x: 1}}, 'y']\n- a: {written} # 1_0\n"),
            ] {
                let value = read(&text);
                let found = value.get("a").or_else(|| value.get("1.a"));
                assert_eq!(found, Some(&expected), "{text}");
                let sign = |value: &Value| value.as_f64().map(f64::is_sign_negative);
                assert_eq!(found.and_then(sign), sign(&expected), "{text}");
            }
        }
    }

    /// What ruamel.yaml 0.19 made of each, as it writes it.
    #[test]
    fn dates_are_those_of_dvc() {
        for (written, expected) in [
            ("2024-01-02", "2024-01-02"),
            ("0999-02-03", "0999-02-03"),
            ("2024-01-02T03:04:05", "2024-01-02 03:04:05"),
            ("2024-1-2 3:04:05", "2024-01-02 03:04:05"),
            ("2024-01-02   03:04:05", "2024-01-02 03:04:05"),
            ("2024-01-02t03:04:05 Z", "2024-01-02 03:04:05+00:00"),
            ("2024-01-02T03:04:05-00:00", "2024-01-02 03:04:05+00:00"),
            ("2024-01-02T03:04:05-03", "2024-01-02 03:04:05-03:00"),
            ("2024-01-02 03:04:05 +1:30", "2024-01-02 03:04:05+01:30"),
            ("2024-01-02T03:04:05.5 -5:30", "2024-01-02 03:04:05.500000-05:30"),
            ("2024-01-02T03:04:05.120", "2024-01-02 03:04:05.120000"),
            ("2024-01-02T03:04:05.", "2024-01-02 03:04:05"),
            ("2024-02-29", "2024-02-29"),
            ("2024-01-02T03:04:05.1234565", "2024-01-02 03:04:05.123457"),
            ("2024-01-02T03:04:05.1234564", "2024-01-02 03:04:05.123456"),
            ("2024-01-02T03:04:05.9999995", "2024-01-02 03:04:06"),
            ("2023-12-31 23:59:59.9999999 +5", "2024-01-01 00:00:00+05:00"),
            ("2024-02-28T23:59:59.9999995Z", "2024-02-29 00:00:00+00:00"),
            ("2024-01-02T03:04:05+23:59", "2024-01-02 03:04:05+23:59"),
        ] {
            assert_eq!(date_text(written).as_deref(), Some(expected), "{written}");
            assert_eq!(date_text(expected).as_deref(), Some(expected), "{written}");
            let file = ProjectPath::root().join("params.yaml");
            let texts = [
                format!("a: {written}\n"),
                format!("é: &x {written} # 1_0\na: *x\n"),
                format!("{{a: {written}, b: 1_0}}"),
            ];
            for text in texts {
                let value = Dialect::Dvc.read_typed_yaml(&file, &text).expect(&text);
                assert_eq!(value.get("a"), Some(&Value::Date(written.to_owned())), "{text}");
                assert_eq!(read(&text).get("a"), Some(&Value::from(written)), "{text}");
            }
        }
        for text in [
            "2024-1-2",
            "2024-01-32",
            "2023-02-29",
            "0000-01-01",
            "2024-01-02T03:04",
            "12:30:45",
            "2024-01",
            "2024-01-02T03:04:05+24:00",
        ] {
            assert_eq!(date_text(text), None, "{text}");
        }
    }

    #[test]
    fn keys_are_what_they_are() {
        let file = ProjectPath::root().join("params.yaml");
        let text = "a: {5: x, 010: y, true: z, null: n, 1.50: f, 2024-01-02: d, t: s}\nb: &b {1: x, q: 1}\nc:\n  \
                    <<: *b\n  2: y\n  1: z\n";
        let value = Dialect::Dvc.read_typed_yaml(&file, text).expect("YAML");
        let Some(Value::Pairs(pairs)) = value.get("a") else { panic!("{value:?}") };
        let keys: Vec<Value> = pairs.iter().map(|(key, _)| key.clone()).collect();
        let expected = [
            Value::Int(5),
            Value::Int(10),
            Value::Bool(true),
            Value::Null,
            Value::Float(1.5),
            Value::Date("2024-01-02".to_owned()),
            Value::from("t"),
        ];
        assert_eq!(keys, expected);
        assert_eq!(value.get("c").map(Value::to_string).as_deref(), Some(r#"{"1":"z","q":1,"2":"y"}"#));
        assert_eq!(value.get("a.True"), Some(&Value::from("z")));
        assert_eq!(read(text).get("a.1.5"), Some(&Value::from("f")));
        for text in ["a: {1: x, true: y}", "a: {0: x, -0.0: y}", "a: {2.0: x, 2: y}", "a: {-10: x, -10.0: y}"]
        {
            assert!(Dialect::Dvc.read_typed_yaml(&file, text).is_err(), "{text}");
        }
        assert!(Dialect::Dvc.read_typed_yaml(&file, "a: {1: x, '1': y, 1.5: z, True: u}").is_err());
        assert!(Dialect::Dvc.read_typed_yaml(&file, "a: {1: x, '1': y, 1.5: z, false: u}").is_ok());
        for (text, place, key) in [
            ("a: {1: x, '1': y, 1.5: z, True: u}", "1:27", "True"),
            ("a: {b: 1, 2: 1}\nc: {'b': 2, 0x10: 3, 16.0: 4}", "2:22", "16.0"),
            ("~: 1\n'~': 2\n\"\": 4\nnull: 3", "4:1", "null"),
            ("%YAML 1.1\n---\ny: 1\n'y': 2\non: 3", "5:1", "on"),
        ] {
            let twice = Dialect::Dvc.read_typed_yaml(&file, text).expect_err(text).to_string();
            assert_eq!(twice, format!("params.yaml:{place}: duplicate key `{key}`"), "{text}");
        }
        let twice = Dialect::Dvc.read_typed_yaml(&file, "a:\n  1: x\n  1: y\n").expect_err("twice");
        assert_eq!(twice.to_string().split(':').nth(1), Some("3"), "{twice}");
    }

    /// What ruamel.yaml 0.19 made of each.
    #[test]
    fn tags_and_brackets_are_those_of_dvc() {
        let file = ProjectPath::root().join("params.yaml");
        for (text, expected) in [
            ("!!null ''", "null"),
            ("!!null x", "null"),
            ("!!bool yes", "true"),
            ("!!bool 'Off'", "false"),
            ("! 1", "1"),
            ("! '1'", "1"),
            ("! yes", r#""yes""#),
            ("! ~", "null"),
            ("! 'true'", "true"),
            ("!!int '5'", "5"),
            ("!!int 1_0", "10"),
            ("!!int 017", "17"),
            ("!!int 0o17", "15"),
            ("!!float 1", "1.0"),
            ("!!float '1'", "1.0"),
            ("!!str 1", r#""1""#),
            ("!!str 1_0", r#""1_0""#),
            ("!<tag:yaml.org,2002:int> 5", "5"),
            ("!!timestamp 2024-01-02", r#""2024-01-02""#),
            ("&y !!bool yes", "true"),
            ("[!!bool no, ! 1_0, &x !!int '2', *x]", "[false,10,2,2]"),
            ("{x:, y: 1}", r#"{"x:":null,"y":1}"#),
            ("{x:}", r#"{"x:":null}"#),
            ("[x:, 1, é:]", r#"["x:",1,"é:"]"#),
            ("{\"x\":, y: 1, 2: }", r#"{"x":null,"y":1,"2":null}"#),
            ("[::, 'a:', \"b:\", x:y]", r#"["::","a:","b:","x:y"]"#),
            ("{'<<': {x: 1}, y: '<<'}", r#"{"<<":{"x":1},"y":"<<"}"#),
            ("{<<: {x: 1, \"<<\": 2}, y: 2}", r#"{"x":1,"<<":2,"y":2}"#),
            ("{!!str <<: {x: 1}, y: 2}", r#"{"<<":{"x":1},"y":2}"#),
            ("{!!merge '<<': {x: 1}, y: 2}", r#"{"x":1,"y":2}"#),
            ("\"!!x :, !\"", r#""!!x :, !""#),
        ] {
            for text in [format!("a: {text}\n"), format!("é: [! 'é']\r\na:\n  {text} # é\nb: 2024\n")] {
                let value = Dialect::Dvc.read_typed_yaml(&file, &text);
                let value = value.unwrap_or_else(|fault| panic!("{text}: {fault}"));
                let found = value.get("a").map(|value| serde_json::to_string(value).expect("JSON"));
                assert_eq!(found.as_deref(), Some(expected), "{text}");
            }
        }
        let value = Dialect::Dvc
            .read_typed_yaml(&file, "!!int '1': 1\n! 2: [!!timestamp 2024-01-02]\n")
            .expect("YAML");
        let Value::Pairs(pairs) = value else { panic!("{value:?}") };
        assert_eq!(pairs[0].0, Value::Int(1));
        assert_eq!(pairs[1].0, Value::Int(2));
        assert_eq!(pairs[1].1.get("0"), Some(&Value::Date("2024-01-02".to_owned())));
        for text in [
            "x: 1\na: !!omap [x: 1]",
            "x: 1\na: !!pairs\n- x: 1\n",
            "x: 1\na: !!set {x}",
            "é: 1\na: !!binary aGk=",
        ] {
            let fault = Dialect::Dvc.read_typed_yaml(&file, text).expect_err(text).to_string();
            assert!(fault.starts_with("params.yaml:2:") && fault.contains("the tag `!!"), "{fault}");
        }
    }

    #[test]
    fn texts_stay_as_they_are() {
        for text in
            ["a: '1_0'", "a: \"1_0\"", "a: |\n  1_0\n", "a: x 1_0", "a: 1_0 x", "a: >-\n  1_0\n", "# 1_0"]
        {
            assert_eq!(respelled(text).expect(text), text);
        }
        let text = "\u{feff}{1_0: [.5e3,1_0], \"a\":0_7}";
        assert_eq!(respelled(text).expect(text), "{10: ['.5e3',10], \"a\":7}");
        assert!(matches!(respelled("a: [1, 0.5, -3, 1e5, .inf, 0]\n"), Ok(Cow::Borrowed(_))));
    }
}
