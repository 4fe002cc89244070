//! Pieces of a filter, cut as SQL is: names with their dots and quotes are one piece.

/// A piece with its text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece<'a> {
    pub kind: PieceKind,
    /// As written.
    pub text: &'a str,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceKind {
    /// A name: `metrics.acc`, `` tags.`a b` ``, `"x"`.
    Name,
    /// A text in single quotes.
    Text,
    /// A number.
    Number {
        /// Whether it is whole.
        is_whole: bool,
    },
    /// A comparison by signs.
    Sign,
    /// A list in parentheses.
    List,
    /// Anything else: one character, or a quote that is not closed with what follows.
    Other,
}

/// The pieces of a text; white space is between them.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (kind, length) = piece(rest, first, pieces.last());
        pieces.push(Piece { kind, text: &rest[..length] });
        rest = rest[length..].trim_start();
    }
    pieces
}

/// Longer signs first.
const SIGNS: [&str; 9] = ["==", "!=", "<>", "<=", ">=", "=", "<", ">", "!"];

fn piece(text: &str, first: char, before: Option<&Piece<'_>>) -> (PieceKind, usize) {
    if let Some(sign) = SIGNS.into_iter().find(|sign| text.starts_with(sign)) {
        return (PieceKind::Sign, sign.len());
    }
    let after_sign = before.is_some_and(|before| before.kind == PieceKind::Sign);
    if let Some((is_whole, length)) = number(text)
        && (first != '-' || after_sign)
    {
        return (PieceKind::Number { is_whole }, length);
    }
    let closed = match first {
        '\'' => quoted(text, first).map(|length| (PieceKind::Text, length)),
        '(' => list(text).map(|length| (PieceKind::List, length)),
        '"' | '`' => quoted(text, first).map(|length| (PieceKind::Name, name_from(text, length))),
        _ if is_in_word(first) => Some((PieceKind::Name, name_from(text, word(text)))),
        _ => None,
    };
    closed.unwrap_or((PieceKind::Other, first.len_utf8()))
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '#')
}

fn word(text: &str) -> usize {
    text.find(|c| !is_in_word(c)).unwrap_or(text.len())
}

/// Goes on behind the first part of a name, as long as dots follow.
fn name_from(text: &str, mut length: usize) -> usize {
    while let Some(rest) = text[length..].strip_prefix('.') {
        length += 1;
        length += match rest.chars().next() {
            Some(quote @ ('"' | '`' | '\'')) => quoted(rest, quote).unwrap_or(0),
            _ => word(rest),
        };
    }
    length
}

/// The length of a quoted text. A quote is part of it when it is doubled or stands behind a backslash.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        let next_is_quote = characters.peek().is_some_and(|(_, next)| *next == quote);
        if c == '\\' && quote != '`' && next_is_quote {
            // The last quote closes the text all the same when nothing else does.
            let (at, _) = characters.next()?;
            if !text[at + 1..].contains(quote) {
                return Some(at + 1);
            }
        } else if c == quote {
            if !next_is_quote {
                return Some(at + 1);
            }
            characters.next();
        }
    }
    None
}

/// The length of a list up to its closing parenthesis; texts in it may hold any.
fn list(text: &str) -> Option<usize> {
    let mut at = 0;
    let mut depth = 0_usize;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '\'' | '"' => {
                at += quoted(&text[at..], c)?;
                continue;
            }
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        at += c.len_utf8();
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Whether a number is whole, and how long it is.
fn number(text: &str) -> Option<(bool, usize)> {
    let digits = |from: usize| text[from..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - from);
    let start = usize::from(text.starts_with('-'));
    let before = digits(start);
    let mut end = start + before;
    let mut is_whole = true;
    let mut after = 0;
    if text[end..].starts_with('.') {
        after = digits(end + 1);
        is_whole = false;
        end += 1 + after;
    }
    if before + after == 0 {
        return None;
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
            is_whole = false;
        }
    }
    // `1a` is a word.
    let is_word = text[end..].chars().next().is_some_and(is_in_word);
    (!is_word).then_some((is_whole, end))
}
