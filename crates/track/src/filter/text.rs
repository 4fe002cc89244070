//! A filter as text again: what it prints reads back as the same filter.

use std::fmt::{self, Display, Formatter};

use super::{Field, Filter, Literal};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Filter::And(parts) => join(f, parts, " AND "),
            Filter::Or(parts) => join(f, parts, " OR "),
            Filter::Not(part) => write!(f, "NOT ({part})"),
            Filter::Compare { field, comparison, value } => {
                write!(f, "{field} {} {value}", comparison.sign())
            }
            Filter::Like { field, pattern, ignore_case } => {
                let word = if *ignore_case { "ILIKE" } else { "LIKE" };
                write!(f, "{field} {word} {}", Quoted(pattern, '\''))
            }
            Filter::In { field, values } => choice(f, field, "IN", values),
            Filter::NotIn { field, values } => choice(f, field, "HAS NONE OF", values),
            Filter::Matches { field, pattern } => write!(f, "{field} ~ {}", Quoted(pattern.as_str(), '\'')),
            Filter::IsNull(field) => write!(f, "{field} IS NULL"),
        }
    }
}

fn choice(f: &mut Formatter<'_>, field: &Field, word: &str, values: &[Literal]) -> fmt::Result {
    write!(f, "{field} {word} (")?;
    for (i, value) in values.iter().enumerate() {
        write!(f, "{}{value}", if i > 0 { ", " } else { "" })?;
    }
    f.write_str(")")
}

fn join(f: &mut Formatter<'_>, parts: &[Filter], joint: &str) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        write!(f, "{}({part})", if i > 0 { joint } else { "" })?;
    }
    Ok(())
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Field::Metric(key) => write!(f, "metrics.{}", Quoted(key, '`')),
            Field::Param(key) => write!(f, "params.{}", Quoted(key, '`')),
            Field::Tag(key) => write!(f, "tags.{}", Quoted(key, '`')),
            Field::Attribute(attribute) => f.write_str(attribute.name()),
            Field::Aggregate(aggregate, key) => {
                write!(f, "{}(metrics.{})", aggregate.name(), Quoted(key, '`'))
            }
            Field::Dataset(field) => write!(f, "datasets.{}", field.name()),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Number { text, .. } => f.write_str(text),
            Literal::Text(text) | Literal::Exact(text) | Literal::Span { text, .. } => {
                Quoted(text, '\'').fmt(f)
            }
        }
    }
}

/// A text in quotes, with the quotes inside doubled.
struct Quoted<'a>(&'a str, char);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Quoted(text, quote) = self;
        let doubled = [*quote, *quote].iter().collect::<String>();
        write!(f, "{quote}{}{quote}", text.replace(*quote, &doubled))
    }
}
