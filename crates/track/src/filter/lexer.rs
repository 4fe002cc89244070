//! Cuts a filter into words, quoted texts and signs, each with its place.

use super::FilterError;

/// A piece of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Anything unquoted: names with their dots and slashes, numbers, `and`.
    Word(String),
    /// A text in single or double quotes, without them.
    Text(String),
    /// A name in backticks, without them.
    Name(String),
    /// A comparison, comma or parenthesis.
    Sign(&'static str),
    /// The end of the filter.
    End,
}

/// Longer signs first, since each is the start of another.
const SIGNS: [&str; 13] = ["==", "!=", "<>", "<=", ">=", "!~", "=", "<", ">", "~", "(", ")", ","];

/// The pieces of a filter; the last is its end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, length) = if matches!(first, '\'' | '"' | '`') {
            quoted(text, at, first)?
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            (Kind::Sign(sign), sign.len())
        } else {
            word(text, at)?
        };
        tokens.push(Token { kind, start: at, end: at + length });
        at += length;
    }
    tokens.push(Token { kind: Kind::End, start: text.len(), end: text.len() });
    Ok(tokens)
}

/// A quoted piece; the quote doubled stands for itself.
fn quoted(text: &str, start: usize, quote: char) -> Result<(Kind, usize), FilterError> {
    let mut content = String::new();
    let mut characters = text[start + 1..].char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c != quote {
            content.push(c);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            content.push(quote);
        } else {
            let kind = if quote == '`' { Kind::Name(content) } else { Kind::Text(content) };
            return Ok((kind, at + 2));
        }
    }
    Err(FilterError {
        noun: "filter",
        text: text.to_owned(),
        offset: start,
        length: text.len() - start,
        message: format!("the quote {quote} is not closed"),
        suggestion: None,
    })
}

fn word(text: &str, start: usize) -> Result<(Kind, usize), FilterError> {
    let ends = |c: char| c.is_whitespace() || "'\"`=<>!~(),&|;".contains(c);
    let rest = &text[start..];
    let length = rest.find(ends).unwrap_or(rest.len());
    if length > 0 {
        return Ok((Kind::Word(rest[..length].to_owned()), length));
    }
    let first = rest.chars().next().expect("called on a character");
    let suggestion = match first {
        '&' => Some("and".to_owned()),
        '|' => Some("or".to_owned()),
        '!' => Some("not".to_owned()),
        _ => None,
    };
    let run = rest.find(|c| c != first).unwrap_or(rest.len());
    let message = format!("`{}` means nothing here", &rest[..run]);
    Err(FilterError {
        noun: "filter",
        text: text.to_owned(),
        offset: start,
        length: run,
        message,
        suggestion,
    })
}
