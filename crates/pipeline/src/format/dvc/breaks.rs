//! What DVC's reader takes in YAML and ours does not: line ends of Unicode inside a scalar, and halves of surrogate pairs.
//!
//! U+0085, U+2028 and U+2029 end a line for DVC's reader in the middle of one: blanks beside them go, the first is a blank,
//! the others stay; at the end of a plain scalar that ends its line they go too. Elsewhere than in a scalar of one line their
//! meaning is nobody's guess, and they are refused.

use std::borrow::Cow;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::emit::double_quoted;
use super::scalars::Refused;
use super::surrogates::{character, escapes};
use crate::error::Position;

const BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// The text with each of them spelled so that any reader takes it as DVC's does.
pub(crate) fn respelled(text: &str) -> Result<Cow<'_, str>, Refused> {
    let halves = if text.contains("\\ud") || text.contains("\\uD") { escapes(text) } else { Vec::new() };
    if halves.is_empty() && !text.contains(BREAKS) {
        return Ok(Cow::Borrowed(text));
    }
    let chars: Vec<char> = text.chars().collect();
    let indices = |place: usize| text[..place].chars().count();
    let halves: Vec<(usize, u32)> =
        halves.into_iter().map(|(place, number)| (indices(place), number)).collect();
    let free = ('\u{e000}'..='\u{f8ff}').find(|c| !text.contains(*c)).unwrap_or('\u{e000}');
    // Characters that nothing is done to stand in for these, one for one, so that places stay.
    let mut plain: Vec<char> = chars.iter().map(|c| if BREAKS.contains(c) { free } else { *c }).collect();
    for (at, _) in &halves {
        plain.splice(at + 2..at + 6, "2603".chars());
    }
    let scanned: String = plain.iter().collect();
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for event in Parser::new_from_str(&scanned) {
        // What is no YAML is told by the reader, or below.
        let Ok((event, span)) = event else { break };
        let Event::Scalar(scalar, style, ..) = &event else { continue };
        let place = span.start.index()..span.end.index().min(chars.len());
        if scalar.contains(free) {
            changes.extend(change(&chars, place, scalar, *style, free));
        } else if *style == ScalarStyle::DoubleQuoted {
            let inside = halves.iter().filter(|(at, _)| place.contains(at));
            changes.extend(inside.map(|(at, number)| {
                (*at..at + 6, format!("\\U{:08x}", character(*number).map_or(0, u32::from)))
            }));
        }
    }
    changes.sort_by_key(|(at, _)| at.start);
    let is_changed = |at: usize| changes.iter().any(|(place, _)| place.contains(&at));
    if let Some(at) = (0..chars.len()).find(|at| BREAKS.contains(&chars[*at]) && !is_changed(*at)) {
        let number = u32::from(chars[at]);
        let escape = ["\\N", "\\L", "\\P"][BREAKS.iter().position(|c| *c == chars[at]).unwrap_or(0)];
        let message = format!(
            "a line that ends in U+{number:04X} is not supported here; in double quotes, `{escape}` stands for it"
        );
        return Err((position(&chars, at), message));
    }
    let mut spelled = String::with_capacity(text.len());
    let mut kept = 0;
    for (at, spelling) in changes {
        spelled.extend(&chars[kept..at.start]);
        spelled.push_str(&spelling);
        kept = at.end;
    }
    spelled.extend(&chars[kept..]);
    Ok(Cow::Owned(spelled))
}

/// How a scalar with such line ends is spelled without them; `None` where what they mean is not certain.
fn change(
    chars: &[char],
    place: Range<usize>,
    scalar: &str,
    style: ScalarStyle,
    free: char,
) -> Option<(Range<usize>, String)> {
    let (place, blanks): (Range<usize>, &[char]) = match style {
        ScalarStyle::Plain => {
            let start = place.end.checked_sub(scalar.chars().count())?;
            (start..place.end, &[' '])
        }
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            matches!(chars[place.start], '\'' | '"').then_some(())?;
            (place, &[' ', '\t'])
        }
        _ => return None,
    };
    let written = &chars[place.clone()];
    if written.iter().any(|c| matches!(c, '\n' | '\r')) {
        return None;
    }
    let is_break = |c: &char| BREAKS.contains(c);
    // After a plain scalar that ends its line they end the line once more, and that is all.
    let ends_line = matches!(chars.get(place.end), None | Some('\n' | '\r'));
    for (at, _) in written.iter().enumerate().filter(|(_, c)| is_break(c)) {
        let before = written[..at].iter().rev().find(|c| !blanks.contains(c) && !is_break(c));
        let after: String =
            written[at + 1..].iter().skip_while(|c| blanks.contains(c) || is_break(c)).take(3).collect();
        let is_plain = style == ScalarStyle::Plain;
        // Beside these, the line end may end more than the line.
        let is_doubtful = after.starts_with("---")
            || after.starts_with("...")
            || matches!(before, Some('\\'))
            || after.starts_with('\\')
            || (is_plain
                && (before.is_none_or(|c| ":-?".contains(*c))
                    || (after.is_empty() && !ends_line)
                    || after.starts_with('#')));
        if is_doubtful {
            return None;
        }
    }
    let mut originals = written.iter().filter(|c| is_break(c));
    let value: Vec<char> =
        scalar.chars().map(|c| if c == free { *originals.next().unwrap_or(&c) } else { c }).collect();
    let is_kept = |c: &char| style != ScalarStyle::Plain || !(is_break(c) || blanks.contains(c));
    let length = value.iter().rposition(is_kept).map_or(0, |last| last + 1);
    let folded = folded(&value[..length], blanks);
    let spelling = if style == ScalarStyle::Plain && !folded.contains('\n') && !folded.contains(BREAKS) {
        folded
    } else {
        double_quoted(&folded)
    };
    Some((place, spelling))
}

/// The text with its lines joined.
fn folded(text: &[char], blanks: &[char]) -> String {
    let mut folded = String::new();
    let mut at = 0;
    while at < text.len() {
        let run = text[at..].iter().take_while(|c| blanks.contains(c) || BREAKS.contains(c)).count();
        let mut breaks = text[at..at + run].iter().filter(|c| BREAKS.contains(c));
        match breaks.next() {
            None => folded.extend(&text[at..(at + run.max(1)).min(text.len())]),
            Some(first) => {
                let rest: Vec<char> = breaks.map(|c| if *c == BREAKS[0] { '\n' } else { *c }).collect();
                match first {
                    '\u{85}' if rest.is_empty() => folded.push(' '),
                    '\u{85}' => {}
                    first => folded.push(*first),
                }
                folded.extend(rest);
            }
        }
        at += run.max(1);
    }
    folded
}

fn position(chars: &[char], at: usize) -> Position {
    let line = chars[..at].iter().filter(|c| **c == '\n').count() + 1;
    let column = chars[..at].iter().rev().take_while(|c| **c != '\n').count() + 1;
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position { line: number(line), column: number(column) }
}

#[cfg(test)]
mod tests {
    use base::{ProjectPath, Value};

    use super::*;
    use crate::dialect::Dialect;

    fn read(text: &str) -> Result<Value, crate::error::PipelineError> {
        Dialect::Dvc.read_typed_yaml(&ProjectPath::root().join("p.yaml"), text)
    }

    /// What ruamel.yaml 0.19 made of each.
    #[test]
    fn line_ends_of_unicode_are_those_of_dvc() {
        for (text, expected) in [
            ("a: x\u{2028}y\n", "x\u{2028}y"),
            ("a: x \u{2029} y # c\nb: 1\n", "x\u{2029}y"),
            ("a: x\u{85}y\n", "x y"),
            ("a: x\u{85}\u{85}y\n", "x\ny"),
            ("a: x\u{2028}\u{85}y\n", "x\u{2028}\ny"),
            ("a: 'x\u{2028}\t\u{2028}it''s'\n", "x\u{2028}\u{2028}it's"),
            ("é: é\na: \"é\u{2028}x\\ty\"\n", "é\u{2028}x\ty"),
            ("b: [é, \u{85}]\na: x\n", ""),
            ("a: x\u{2028}\n", "x"),
            ("a: x\u{85}", "x"),
            ("a: x \u{85} \u{2029}\r\nb: 1\n", "x"),
            ("a: x\u{2028}y\u{2028}\nb: 1\n", "x\u{2028}y"),
            ("a: x\u{2028}: 1\n", ""),
        ] {
            match read(text) {
                Ok(value) => assert_eq!(value.get("a"), Some(&Value::from(expected)), "{text:?}"),
                Err(_) => assert_eq!(expected, "", "{text:?}"),
            }
        }
        for (text, place) in [
            ("b: 1\n# c\u{2028}a: 1\n", "2:4"),
            ("a: |\n  x\u{2028}\n", "2:4"),
            ("a: x\u{2028}\n  y\n", "1:5"),
            ("a: \u{85}x\n", "1:4"),
            ("a: \"x\\\u{2029}y\"\n", "1:7"),
            ("a: \"x\u{2029}\\ty\"\n", "1:6"),
        ] {
            let fault = read(text).expect_err(text).to_string();
            assert!(fault.starts_with(&format!("p.yaml:{place}: a line that ends in U+")), "{fault}");
        }
    }

    #[test]
    fn halves_are_read_in_double_quotes_alone() {
        let value =
            read("é: \"\\ud83d\\ude00\"\na: '\\ud800'\nb: C:\\ud800\nc: \"\\\\ud800\"\n").expect("YAML");
        let halves: String = [0xd83d, 0xde00].into_iter().filter_map(character).collect();
        assert_eq!(value.get("é"), Some(&Value::Str(halves)));
        for (key, text) in [("a", "\\ud800"), ("b", "C:\\ud800"), ("c", "\\ud800")] {
            assert_eq!(value.get(key), Some(&Value::from(text)), "{key}");
        }
    }
}
