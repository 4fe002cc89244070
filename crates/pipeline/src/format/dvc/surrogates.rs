//! Halves of surrogate pairs that stand alone, as in `"\ud800"`: Python has texts with such, and DVC records them.
//!
//! Here each has a character of private use in its place, the last thing that anybody writes, until it is written as an escape
//! again.

use std::borrow::Cow;

/// From here on stand the characters in their places.
const FIRST: u32 = 0x10_0000;

const HALVES: std::ops::RangeInclusive<u32> = 0xd800..=0xdfff;

/// The character that a number is in Python; `None` where it is none.
pub(crate) fn character(number: u32) -> Option<char> {
    char::from_u32(if HALVES.contains(&number) { number + FIRST } else { number })
}

/// The half that a character stands for.
pub(crate) fn half(c: char) -> Option<u32> {
    u32::from(c).checked_sub(FIRST).filter(|number| HALVES.contains(number))
}

/// Whether there is one in a text.
pub(crate) fn has_half(text: &str) -> bool {
    text.contains(|c| half(c).is_some())
}

/// Where an escape stands in a text that is a half, and which: a backslash that no other escapes, `u`, and four digits.
pub(crate) fn escapes(text: &str) -> Vec<(usize, u32)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find('\\') {
        let place = at + next;
        let digits = (bytes.get(place + 1) == Some(&b'u')).then(|| text.get(place + 2..place + 6)).flatten();
        let is_hex = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.filter(is_hex).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        if let Some(number) = number.filter(|number| HALVES.contains(number)) {
            found.push((place, number));
        }
        // What is escaped may be of several bytes.
        let escaped = text[place + 1..].chars().next().map_or(0, char::len_utf8);
        at = place + 1 + escaped;
    }
    found
}

/// A text of JSON without such escapes. What makes a pair stays.
pub(crate) fn without_halves(json: &str) -> Cow<'_, str> {
    if !json.contains("\\ud") && !json.contains("\\uD") {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    let mut kept = 0;
    let mut escapes = escapes(json).into_iter().peekable();
    while let Some((place, number)) = escapes.next() {
        let is_low = |(other, low): &(usize, u32)| *other == place + 6 && *low >= 0xdc00;
        if number < 0xdc00 && escapes.next_if(is_low).is_some() {
            continue;
        }
        text.push_str(&json[kept..place]);
        text.extend(character(number));
        kept = place + 6;
    }
    text.push_str(&json[kept..]);
    Cow::Owned(text)
}

/// What `json.dumps` makes of a text.
pub(crate) fn ascii_json(text: &str) -> String {
    let json = base::ascii_json(text);
    if !has_half(text) {
        return json;
    }
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match half(c) {
            Some(number) => {
                let inside = base::ascii_json(&parts.pop().unwrap_or_default());
                parts.push(format!("{}\\u{number:04x}", &inside[1..inside.len() - 1]));
                parts.push(String::new());
            }
            None => parts.last_mut().expect("there is one at least").push(c),
        }
    }
    let last = base::ascii_json(&parts.pop().unwrap_or_default());
    format!("\"{}{}\"", parts.concat(), &last[1..last.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_stand_alone_or_make_a_pair() {
        let half = |number| character(number).expect("a character");
        let text = without_halves(r#"["\ud83d\ude00", "\ud800", "\\ud800", "\udc00\ud800A", "\ud83dé"]"#);
        let expected = format!(
            r#"["\ud83d\ude00", "{}", "\\ud800", "{}{}A", "{}é"]"#,
            half(0xd800),
            half(0xdc00),
            half(0xd800),
            half(0xd83d)
        );
        assert_eq!(text, expected);
        assert_eq!(ascii_json(&format!("a{}é😀", half(0xd83d))), r#""a\ud83d\u00e9\ud83d\ude00""#);
        assert_eq!(ascii_json(&format!("{}{}", half(0xd800), half(0xd801))), r#""\ud800\ud801""#);
        assert!(!has_half("a😀") && has_half(&half(0xdfff).to_string()));
    }
}
