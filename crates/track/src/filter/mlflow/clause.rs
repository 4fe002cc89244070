//! From pieces to clauses: a name, what is asked of it, and a value.

use super::lexer::{Piece, PieceKind, pieces};
use super::{MlflowError, Searched};
use crate::Comparison;

/// One comparison as written.
#[derive(Debug)]
pub(super) struct Clause<'a> {
    /// The left side.
    pub name: &'a str,
    pub operator: Operator,
    /// The operator in upper case, for messages.
    pub sign: String,
    pub value: Value<'a>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Compare(Comparison),
    Like,
    ILike,
    In,
    NotIn,
    IsNull,
    IsNotNull,
    /// One that SQL knows and no grammar here takes.
    Other,
}

/// The right side as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A text in single quotes, or a name, which may be a text in double quotes.
    Text(&'a str),
    /// A number.
    Number { text: &'a str, is_whole: bool },
    /// A list.
    List(&'a str),
    /// None, of IS NULL.
    None,
}

impl<'a> Value<'a> {
    /// As written.
    pub(super) fn text(self) -> &'a str {
        match self {
            Value::Text(text) | Value::Number { text, .. } | Value::List(text) => text,
            Value::None => "",
        }
    }
}

/// The clauses of a filter. AND may stand anywhere between them, also twice or not at all.
pub(super) fn clauses(text: &str, searched: Searched) -> Result<Vec<Clause<'_>>, MlflowError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let pieces = pieces(text);
    let logged = searched == Searched::LoggedModels;
    if pieces.is_empty() && !logged {
        return Err(MlflowError(format!("Invalid filter '{text}'. Could not be parsed.")));
    }
    let end = pieces.iter().position(|piece| piece.text == ";");
    if end.is_some_and(|end| end + 1 < pieces.len()) {
        return Err(MlflowError(if logged {
            format!("Invalid filter string: {}. Expected a single SQL expression.", quoted(text))
        } else {
            format!(
                "Search filter contained multiple expression {}. Provide AND-ed expression list.",
                quoted(text)
            )
        }));
    }
    let mut clauses = Vec::new();
    let mut rest = pieces.as_slice();
    while let Some(first) = rest.first() {
        if is_word(first, "AND") {
            rest = &rest[1..];
            continue;
        }
        match clause(rest) {
            Some((clause, length)) => {
                clauses.push(clause);
                rest = &rest[length..];
            }
            None => return Err(fault(text, rest, searched)),
        }
    }
    Ok(clauses)
}

fn is_word(piece: &Piece<'_>, word: &str) -> bool {
    piece.kind == PieceKind::Name && piece.text.eq_ignore_ascii_case(word)
}

/// The first clause of some pieces, and how many they are.
fn clause<'a>(pieces: &[Piece<'a>]) -> Option<(Clause<'a>, usize)> {
    let [left, rest @ ..] = pieces else { return None };
    if left.kind != PieceKind::Name {
        return None;
    }
    let (operator, sign, length) = operator(rest)?;
    let value = match operator {
        Operator::IsNull | Operator::IsNotNull => Value::None,
        _ => value(rest.get(length)?)?,
    };
    let is_list = matches!(value, Value::List(_));
    if matches!(operator, Operator::In | Operator::NotIn) != is_list && (!is_list || length != 1) {
        return None;
    }
    let used = 1 + length + usize::from(value != Value::None);
    // What would have to be computed is no value: `a = 1 - 2`.
    let goes_on = pieces.get(used).is_some_and(|next| match next.kind {
        PieceKind::Other => next.text != ";" || used + 1 < pieces.len(),
        PieceKind::Sign => true,
        _ => false,
    });
    (!goes_on).then_some((Clause { name: left.text, operator, sign, value }, used))
}

/// The operator at the start of some pieces, in upper case too, and how many they are.
fn operator(pieces: &[Piece<'_>]) -> Option<(Operator, String, usize)> {
    let first = pieces.first()?;
    if first.kind == PieceKind::Sign {
        let operator = match first.text {
            "=" => Operator::Compare(Comparison::Equal),
            "!=" => Operator::Compare(Comparison::NotEqual),
            "<" => Operator::Compare(Comparison::Less),
            "<=" => Operator::Compare(Comparison::LessOrEqual),
            ">" => Operator::Compare(Comparison::Greater),
            ">=" => Operator::Compare(Comparison::GreaterOrEqual),
            _ => Operator::Other,
        };
        return Some((operator, first.text.to_owned(), 1));
    }
    let words = |words: &[&str]| {
        pieces.len() >= words.len() && words.iter().zip(pieces).all(|(word, piece)| is_word(piece, word))
    };
    let known = [
        (&["LIKE"][..], Operator::Like),
        (&["ILIKE"], Operator::ILike),
        (&["IN"], Operator::In),
        (&["NOT", "IN"], Operator::NotIn),
        (&["IS", "NULL"], Operator::IsNull),
        (&["IS", "NOT", "NULL"], Operator::IsNotNull),
        (&["NOT", "LIKE"], Operator::Other),
        (&["NOT", "ILIKE"], Operator::Other),
        (&["RLIKE"], Operator::Other),
        (&["REGEXP"], Operator::Other),
    ];
    let found = known.into_iter().find(|(spelling, _)| words(spelling));
    found.map(|(spelling, operator)| (operator, spelling.join(" "), spelling.len()))
}

fn value<'a>(piece: &Piece<'a>) -> Option<Value<'a>> {
    match piece.kind {
        PieceKind::Text => Some(Value::Text(piece.text)),
        // Words of SQL are no names.
        PieceKind::Name
            if ["AND", "OR", "NOT", "IN", "IS", "NULL", "TRUE", "FALSE"]
                .iter()
                .any(|word| is_word(piece, word)) =>
        {
            None
        }
        PieceKind::Name => Some(Value::Text(piece.text)),
        PieceKind::Number { is_whole } => Some(Value::Number { text: piece.text, is_whole }),
        PieceKind::List => Some(Value::List(piece.text)),
        PieceKind::Sign | PieceKind::Other => None,
    }
}

/// What is said of pieces that are no clause.
fn fault(text: &str, pieces: &[Piece<'_>], searched: Searched) -> MlflowError {
    if searched == Searched::LoggedModels {
        return MlflowError(format!(
            "Invalid filter string: {}. Expected a list of comparisons separated by 'AND' (e.g. 'metrics.loss > 0.1 AND \
             params.lr = 0.01').",
            quoted(text)
        ));
    }
    // A comparison whose left side is no name.
    let at = pieces.iter().position(|piece| operator(std::slice::from_ref(piece)).is_some());
    let is_comparison = |at: &usize| *at > 0 && pieces.get(at + 1).and_then(value).is_some();
    if let Some(at) = at.filter(is_comparison)
        && (pieces[0].kind != PieceKind::Name
            || pieces[1..at].iter().any(|piece| piece.kind == PieceKind::Other))
        && matches!(pieces[0].kind, PieceKind::Name | PieceKind::Text | PieceKind::Number { .. })
    {
        let left: String = pieces[..at].iter().map(|piece| piece.text).collect();
        return MlflowError(format!("Invalid comparison clause. Expected 'Identifier' found '{left}'"));
    }
    let words = pieces.iter().take_while(|piece| !is_word(piece, "AND"));
    let words: Vec<String> = match searched {
        Searched::Runs => words.map(|piece| format!("'{}'", piece.text)).collect(),
        _ => words.map(|piece| piece.text.to_owned()).collect(),
    };
    MlflowError(format!("Invalid clause(s) in filter string: {}", words.join(", ")))
}

/// A text in quotes, as Python shows it.
pub(super) fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\\' => quoted.push_str("\\\\"),
            c if c == quote => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push(quote);
    quoted
}
