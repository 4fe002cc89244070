//! From pieces to the tree. One function per level of binding: OR, AND, NOT, comparison.

use super::error::nearest;
use super::evaluate::like;
use super::lexer::{Kind, Token, tokens};
use super::{
    Aggregate, Attribute, Comparison, DatasetField, Field, Filter, FilterError, Literal, OrderBy, Pattern,
    RESTORED, RESTORED_TAG, time,
};
use crate::{RunStatus, STAGE_TAG};

/// Deeper nesting is refused: nobody writes it, and each level costs stack.
const DEEPEST: usize = 100;

pub(super) fn filter(text: &str) -> Result<Filter, FilterError> {
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
    let filter = parser.either()?;
    if *parser.kind() == Kind::End {
        return Ok(filter);
    }
    if matches!(parser.kind(), Kind::Sign(")")) {
        return Err(parser.fault("there is no `(` for this `)`", None));
    }
    let suggestion = parser.word().and_then(|word| nearest(word, ["and", "or"]));
    Err(parser.fault("expected `and`, `or` or the end", suggestion))
}

pub(super) fn order_by(text: &str) -> Result<OrderBy, FilterError> {
    order(text).map_err(|fault| FilterError { noun: "sort", ..fault })
}

fn order(text: &str) -> Result<OrderBy, FilterError> {
    let mut parser = Parser { text, tokens: tokens(text)?, at: 0, depth: 0 };
    let field = parser.field()?;
    let descending = parser.take_word("desc");
    if !descending {
        parser.take_word("asc");
    }
    if *parser.kind() != Kind::End {
        return Err(parser.fault("expected `asc`, `desc` or the end", None));
    }
    Ok(OrderBy { field, descending, as_text: false })
}

struct Parser<'a> {
    text: &'a str,
    /// Never empty; the last is the end.
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Filter, FilterError> {
        self.list("or", Self::both, Filter::Or)
    }

    fn both(&mut self) -> Result<Filter, FilterError> {
        self.list("and", Self::negation, Filter::And)
    }

    fn list(
        &mut self,
        joint: &str,
        part: fn(&mut Self) -> Result<Filter, FilterError>,
        whole: fn(Vec<Filter>) -> Filter,
    ) -> Result<Filter, FilterError> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.take_word(joint) {
            parts.push(part(self)?);
        }
        if parts.len() > 1 { Ok(whole(parts)) } else { Ok(parts.remove(0)) }
    }

    fn negation(&mut self) -> Result<Filter, FilterError> {
        if self.depth == DEEPEST {
            return Err(self.fault(format!("more than {DEEPEST} levels of `(` and `not`"), None));
        }
        self.depth += 1;
        let filter = if self.take_word("not") {
            Filter::Not(Box::new(self.negation()?))
        } else if self.take_sign("(") {
            let inner = self.either()?;
            self.expect_sign(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn comparison(&mut self) -> Result<Filter, FilterError> {
        let field = self.field()?;
        if self.take_word("is") {
            let negated = self.take_word("not");
            if !self.take_word("null") {
                return Err(self.fault("expected `null`", None));
            }
            return Ok(negate(Filter::IsNull(field), negated));
        }
        for (sign, negated) in [("~", false), ("!~", true)] {
            if self.take_sign(sign) {
                return Ok(negate(self.expression(field)?, negated));
            }
        }
        if self.take_word("has") {
            for word in ["none", "of"] {
                if !self.take_word(word) {
                    return Err(self.fault("expected `none of`", None));
                }
            }
            return match self.choice(field)? {
                Filter::In { field, values } => Ok(Filter::NotIn { field, values }),
                other => Ok(negate(other, true)),
            };
        }
        let negated = self.take_word("not");
        if self.take_word("in") {
            return Ok(negate(self.choice(field)?, negated));
        }
        let ignore_case = self.word().is_some_and(|word| word.eq_ignore_ascii_case("ilike"));
        if self.take_word("like") || self.take_word("ilike") {
            return Ok(negate(self.pattern(field, ignore_case)?, negated));
        }
        if negated {
            return Err(self.fault("expected `in`, `like` or `ilike`", None));
        }
        let comparison = self.sign()?;
        if self.is_restored(&field) {
            let negated = match comparison {
                Comparison::Equal => false,
                Comparison::NotEqual => true,
                _ => return Err(self.fault("a status is compared by =, !=, in, like and ~", None)),
            };
            self.at += 1;
            return Ok(negate(restored(), negated));
        }
        let start = self.at;
        let is_order = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let value = self.literal(&field, is_order)?;
        let fault = match (&field, &value) {
            _ if !is_order => None,
            (Field::Attribute(Attribute::Status), _) => Some("a status is compared by =, !=, in, like and ~"),
            (_, Literal::Number { value, .. }) if value.is_nan() => Some("nan is compared by = and !="),
            _ => None,
        };
        if let Some(fault) = fault {
            self.at = start;
            return Err(self.fault(fault, None));
        }
        Ok(Filter::Compare { field, comparison, value })
    }

    fn choice(&mut self, field: Field) -> Result<Filter, FilterError> {
        self.expect_sign("(")?;
        let (mut values, mut parts) = (Vec::new(), Vec::new());
        loop {
            if self.is_restored(&field) {
                self.at += 1;
                parts.push(restored());
            } else {
                values.push(self.literal(&field, false)?);
            }
            if !self.take_sign(",") {
                break;
            }
        }
        self.expect_sign(")")?;
        if parts.is_empty() {
            return Ok(Filter::In { field, values });
        }
        if !values.is_empty() {
            parts.push(Filter::In { field, values });
        }
        Ok(Filter::Or(parts))
    }

    /// Whether the next piece is the status of runs that executed nothing, which is none that the store keeps.
    fn is_restored(&self, field: &Field) -> bool {
        is_status(field) && matches!(self.kind(), Kind::Text(text) if text.eq_ignore_ascii_case(RESTORED))
    }

    fn pattern(&mut self, field: Field, ignore_case: bool) -> Result<Filter, FilterError> {
        if is_number(&field) {
            let what =
                if matches!(&field, Field::Attribute(of) if of.is_time()) { "times" } else { "numbers" };
            let message =
                format!("{what} have no patterns: use a comparison, or ~ with a regular expression");
            return Err(self.fault(message, None));
        }
        match self.kind().clone() {
            Kind::Text(pattern) => {
                self.at += 1;
                let ignore_case = ignore_case || is_status(&field);
                let finds_restored = is_status(&field) && like(RESTORED, &pattern, true);
                Ok(or_restored(Filter::Like { field, pattern, ignore_case }, finds_restored))
            }
            _ => Err(self.fault("expected a pattern in quotes, such as 'res%'", None)),
        }
    }

    fn expression(&mut self, field: Field) -> Result<Filter, FilterError> {
        let Kind::Text(text) = self.kind() else {
            return Err(self.fault("expected a regular expression in quotes, such as '^res.*50$'", None));
        };
        let pattern = Pattern::new(text).map_err(|fault| self.fault(fault, None))?;
        self.at += 1;
        let finds_restored = is_status(&field)
            && [RESTORED, &RESTORED.to_lowercase()].iter().any(|text| pattern.is_found_in(text));
        Ok(or_restored(Filter::Matches { field, pattern }, finds_restored))
    }

    fn sign(&mut self) -> Result<Comparison, FilterError> {
        let comparison = match self.kind() {
            Kind::Sign("=" | "==") => Comparison::Equal,
            Kind::Sign("!=" | "<>") => Comparison::NotEqual,
            Kind::Sign("<") => Comparison::Less,
            Kind::Sign("<=") => Comparison::LessOrEqual,
            Kind::Sign(">") => Comparison::Greater,
            Kind::Sign(">=") => Comparison::GreaterOrEqual,
            _ => {
                let suggestion = self.word().and_then(|word| nearest(word, ["like", "ilike", "in", "is"]));
                let expected =
                    "expected a comparison: =, !=, <, <=, >, >=, ~, !~, like, ilike, in or is null";
                return Err(self.fault(expected, suggestion));
            }
        };
        self.at += 1;
        Ok(comparison)
    }

    fn field(&mut self) -> Result<Field, FilterError> {
        let Some(word) = self.word().map(str::to_owned) else {
            return Err(
                self.fault("expected a field, such as metrics.loss, params.lr, tags.x or status", None)
            );
        };
        if let Some(aggregate) = self.aggregate(&word) {
            return self.aggregated(aggregate);
        }
        let Some((group, key)) = word.split_once('.') else {
            return self.bare(&word, &word);
        };
        let group = group.to_ascii_lowercase();
        if matches!(group.as_str(), "attributes" | "attribute" | "attr" | "run") {
            return self.bare(key, &word);
        }
        let make: fn(String) -> Field = match group.as_str() {
            "metrics" | "metric" => Field::Metric,
            "params" | "param" | "parameters" | "parameter" => Field::Param,
            "tags" | "tag" => Field::Tag,
            "datasets" | "dataset" => return self.dataset(key),
            _ => {
                let near = nearest(&group, ["metrics", "params", "tags", "attributes", "datasets"]);
                let suggestion = near.map(|near| format!("{near}.{key}"));
                return Err(self.fault(format!("`{group}` is no group of fields"), suggestion));
            }
        };
        let key = self.key(key)?;
        self.at += 1;
        Ok(make(key))
    }

    /// The key after the dot: as it stands, or in quotes or backticks directly behind the dot.
    /// Leaves the last piece of the key to be passed over.
    fn key(&mut self, key: &str) -> Result<String, FilterError> {
        if !key.is_empty() {
            return Ok(key.to_owned());
        }
        let dot = self.tokens[self.at].end;
        self.at += 1;
        match self.kind() {
            Kind::Text(key) | Kind::Name(key) if self.tokens[self.at].start == dot => Ok(key.clone()),
            _ => Err(self.fault("expected a key after the dot", None)),
        }
    }

    /// `best(…)`, `min(…)`, `max(…)` or `last(…)`; the last value is what a metric means anyway.
    fn aggregate(&self, word: &str) -> Option<Option<Aggregate>> {
        let known = [
            ("last", None),
            ("min", Some(Aggregate::Min)),
            ("max", Some(Aggregate::Max)),
            ("best", Some(Aggregate::Best)),
        ];
        let opens = matches!(self.tokens.get(self.at + 1)?.kind, Kind::Sign("("));
        let (_, aggregate) = known.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name))?;
        opens.then_some(aggregate)
    }

    fn aggregated(&mut self, aggregate: Option<Aggregate>) -> Result<Field, FilterError> {
        self.at += 2;
        let start = self.at;
        // Without a group a metric is meant: `best(acc)`.
        let field = match self.kind() {
            Kind::Name(key) | Kind::Text(key) => {
                let key = key.clone();
                self.at += 1;
                Field::Metric(key)
            }
            Kind::Word(word) if !is_in_group(word) => {
                let key = word.clone();
                self.at += 1;
                Field::Metric(key)
            }
            _ => self.field()?,
        };
        let Field::Metric(key) = field else {
            self.at = start;
            return Err(self.fault("expected a metric", None));
        };
        self.expect_sign(")")?;
        Ok(match aggregate {
            Some(aggregate) => Field::Aggregate(aggregate, key),
            None => Field::Metric(key),
        })
    }

    fn dataset(&mut self, key: &str) -> Result<Field, FilterError> {
        let found = DatasetField::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(key));
        let field = found.ok_or_else(|| {
            let near = nearest(key, DatasetField::ALL.map(DatasetField::name));
            let suggestion = near.map(|near| format!("datasets.{near}"));
            self.fault(format!("a data set has no `{key}`: name, digest or context"), suggestion)
        })?;
        self.at += 1;
        Ok(Field::Dataset(field))
    }

    fn bare(&mut self, name: &str, written: &str) -> Result<Field, FilterError> {
        let name = name.to_ascii_lowercase();
        let field = match name.as_str() {
            "stage" => Field::Tag(STAGE_TAG.to_owned()),
            "id" => Field::Attribute(Attribute::RunId),
            "run_name" => Field::Attribute(Attribute::Name),
            "user_id" => Field::Attribute(Attribute::User),
            "created" => Field::Attribute(Attribute::StartTime),
            _ => match Attribute::NAMES.iter().find(|(known, _)| *known == name) {
                Some((_, attribute)) => Field::Attribute(*attribute),
                None => return Err(self.unknown(&name, written)),
            },
        };
        self.at += 1;
        Ok(field)
    }

    fn unknown(&self, name: &str, written: &str) -> FilterError {
        let known = Attribute::NAMES.iter().map(|(known, _)| *known).chain(["stage"]);
        let message =
            format!("`{written}` is no field: write metrics.KEY, params.KEY, tags.KEY or a run's attribute");
        self.fault(message, nearest(name, known))
    }

    /// A value; `is_order` says whether it is a bound.
    fn literal(&mut self, field: &Field, is_order: bool) -> Result<Literal, FilterError> {
        let literal = match self.kind() {
            Kind::Text(text) => Literal::Text(text.clone()),
            Kind::Word(word) => match word.parse() {
                Ok(value) => Literal::Number { text: word.clone(), value },
                Err(_) if matches!(word.as_str(), "true" | "false") => Literal::Text(word.clone()),
                Err(_) => {
                    let suggestion = Some(format!("'{word}'"));
                    return Err(self.fault("expected a number, or a text in quotes", suggestion));
                }
            },
            _ => return Err(self.fault("expected a number, or a text in quotes", None)),
        };
        let literal = self.fit(field, literal, is_order)?;
        self.at += 1;
        Ok(literal)
    }

    /// The value in the unit of its field, or the reason why the two cannot be compared.
    fn fit(&self, field: &Field, literal: Literal, is_order: bool) -> Result<Literal, FilterError> {
        let text = match literal {
            Literal::Number { text, .. } if is_status(field) => text,
            Literal::Text(text) => text,
            _ => return Ok(literal),
        };
        match field {
            Field::Metric(_)
            | Field::Aggregate(..)
            | Field::Attribute(Attribute::ExperimentId | Attribute::Version) => match text.parse() {
                Ok(value) => Ok(Literal::Number { text, value }),
                Err(_) => Err(self.fault("expected a number", None)),
            },
            Field::Attribute(
                Attribute::StartTime
                | Attribute::EndTime
                | Attribute::Heard
                | Attribute::Created
                | Attribute::Updated,
            ) => {
                let Some((from, to)) = time::parse_time(&text) else {
                    let expected =
                        "expected a time, such as '2026-11-21', '2026-11-21 10:42' or '2026-11-21T10:42:07Z'";
                    return Err(self.fault(expected, None));
                };
                Ok(Literal::Span { text, from: from as f64, to: to as f64 })
            }
            Field::Attribute(Attribute::Duration) => {
                let Some(found) = time::parse_duration(&text) else {
                    return Err(self.fault("expected seconds, or a duration such as '5m' or '1h30m'", None));
                };
                Ok(if is_order {
                    Literal::Number { text: found.seconds.to_string(), value: found.seconds }
                } else {
                    Literal::Span { text, from: found.from, to: found.to }
                })
            }
            Field::Attribute(Attribute::Status) => match text.parse::<RunStatus>() {
                Ok(status) => Ok(Literal::Text(status.name().to_owned())),
                Err(_) => {
                    let known = RunStatus::ALL.map(RunStatus::name).into_iter();
                    let near =
                        nearest(&text, known.clone().chain([RESTORED])).map(|near| format!("'{near}'"));
                    let known = known.collect::<Vec<_>>().join(", ");
                    let message = format!("`{text}` is no run status: expected {known} or {RESTORED}");
                    Err(self.fault(message, near))
                }
            },
            Field::Param(_) | Field::Tag(_) | Field::Dataset(_) | Field::Attribute(_) => {
                Ok(Literal::Text(text))
            }
        }
    }

    fn kind(&self) -> &Kind {
        &self.tokens[self.at].kind
    }

    fn word(&self) -> Option<&str> {
        match self.kind() {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn take_word(&mut self, expected: &str) -> bool {
        let taken = self.word().is_some_and(|word| word.eq_ignore_ascii_case(expected));
        self.at += usize::from(taken);
        taken
    }

    fn take_sign(&mut self, expected: &str) -> bool {
        let taken = matches!(self.kind(), Kind::Sign(sign) if *sign == expected);
        self.at += usize::from(taken);
        taken
    }

    fn expect_sign(&mut self, expected: &str) -> Result<(), FilterError> {
        if self.take_sign(expected) {
            Ok(())
        } else {
            Err(self.fault(format!("expected `{expected}`"), None))
        }
    }

    /// A fault at the current piece.
    fn fault(&self, message: impl Into<String>, suggestion: Option<String>) -> FilterError {
        let token = &self.tokens[self.at];
        FilterError {
            noun: "filter",
            text: self.text.to_owned(),
            offset: token.start,
            length: token.end - token.start,
            message: message.into(),
            suggestion,
        }
    }
}

/// Whether a word names a field by its group.
fn is_in_group(word: &str) -> bool {
    const GROUPS: [&str; 14] = [
        "metrics",
        "metric",
        "params",
        "param",
        "parameters",
        "parameter",
        "tags",
        "tag",
        "attributes",
        "attribute",
        "attr",
        "run",
        "datasets",
        "dataset",
    ];
    word.split_once('.')
        .is_some_and(|(group, _)| GROUPS.iter().any(|known| known.eq_ignore_ascii_case(group)))
}

fn is_number(field: &Field) -> bool {
    match field {
        Field::Metric(_) => true,
        Field::Attribute(attribute) => attribute.is_number(),
        Field::Param(_) | Field::Tag(_) | Field::Dataset(_) => false,
        Field::Aggregate(..) => true,
    }
}

fn is_status(field: &Field) -> bool {
    *field == Field::Attribute(Attribute::Status)
}

/// A pattern of statuses, and what it finds besides those that the store keeps.
fn or_restored(filter: Filter, finds_restored: bool) -> Filter {
    if finds_restored { Filter::Or(vec![filter, restored()]) } else { filter }
}

/// What holds of a run that executed nothing: it finished, and says where its result came from.
fn restored() -> Filter {
    let finished = Filter::Compare {
        field: Field::Attribute(Attribute::Status),
        comparison: Comparison::Equal,
        value: Literal::Text(RunStatus::Finished.name().to_owned()),
    };
    let origin = Filter::IsNull(Field::Tag(RESTORED_TAG.to_owned()));
    Filter::And(vec![finished, negate(origin, true)])
}

fn negate(filter: Filter, negated: bool) -> Filter {
    if negated { Filter::Not(Box::new(filter)) } else { filter }
}
