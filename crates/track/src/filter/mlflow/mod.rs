//! The grammars that MLflow's clients write filters and orders in: comparisons joined by AND, and nothing else.
//!
//! They look alike and differ in small things: which fields there are, what each may be compared with, and what is
//! said when it may not. Messages are those that clients and their tests know. What comes out is the common tree, with
//! texts compared as texts alone ([`Literal::Exact`]).

mod clause;
mod grammar;
mod lexer;
mod order;

use super::{Attribute, Comparison, Field, Filter, Literal, OrderBy};
use clause::{Clause, Operator};
use grammar::{Grammar, Kind};

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Searched {
    /// Runs.
    Runs,
    /// Experiments.
    Experiments,
    /// Registered models. Prompts, which are registered models with a tag, are found only when the filter says so.
    RegisteredModels,
    /// Versions of registered models; as to prompts likewise.
    ModelVersions,
    /// Logged models.
    LoggedModels,
}

/// A filter or an order that MLflow's grammar does not allow, in the words that its clients know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MlflowError(pub String);

impl Filter {
    /// Reads a filter as MLflow does; without a clause everything matches, and there is none.
    ///
    /// # Errors
    /// When MLflow would refuse it.
    pub fn parse_mlflow(text: &str, searched: Searched) -> Result<Option<Filter>, MlflowError> {
        let grammar = Grammar::of(searched);
        let clauses = clause::clauses(text, searched)?;
        // Fields and values of all clauses are looked at before any comparison: so the first fault is MLflow's.
        let terms = clauses.iter().map(|clause| grammar.term(clause)).collect::<Result<Vec<_>, _>>()?;
        let hidden = without_prompts(searched, &terms, &clauses);
        let mut parts = Vec::with_capacity(terms.len());
        for (term, clause) in terms.iter().zip(&clauses) {
            let part = condition(grammar.check(term, clause)?, clause);
            // Where prompts are hidden, MLflow passes over what else is said of their tag: models do not have it.
            if hidden.is_none() || term.field != Field::Tag(PROMPT_TAG.to_owned()) {
                parts.push(part);
            }
        }
        parts.extend(hidden);
        Ok(match parts.len() {
            0 => None,
            1 => parts.pop(),
            _ => Some(Filter::And(parts)),
        })
    }
}

impl OrderBy {
    /// Reads what MLflow's clients order by, and adds what MLflow decides ties by, where that is not the order that
    /// a search has anyway.
    ///
    /// # Errors
    /// When MLflow would refuse it.
    pub fn parse_mlflow(texts: &[impl AsRef<str>], searched: Searched) -> Result<Vec<OrderBy>, MlflowError> {
        order::orders(texts, searched)
    }
}

/// A field with what it is compared with.
struct Term {
    kind: Kind,
    field: Field,
    literals: Vec<Literal>,
}

fn condition(term: &Term, clause: &Clause) -> Filter {
    let field = term.field.clone();
    let literal = || term.literals[0].clone();
    let pattern = || term.literals[0].text().to_owned();
    match clause.operator {
        Operator::Compare(comparison) => Filter::Compare { field, comparison, value: literal() },
        Operator::Like => Filter::Like { field, pattern: pattern(), ignore_case: false },
        Operator::ILike => Filter::Like { field, pattern: pattern(), ignore_case: true },
        Operator::In => Filter::In { field, values: term.literals.clone() },
        Operator::NotIn => Filter::NotIn { field, values: term.literals.clone() },
        Operator::IsNull => Filter::IsNull(field),
        Operator::IsNotNull => Filter::Not(Box::new(Filter::IsNull(field))),
        // The grammar lets none of them through.
        Operator::Other => Filter::And(Vec::new()),
    }
}

/// The tag that makes a prompt of a registered model.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// The condition that hides prompts, unless the first clause about them asks for them.
fn without_prompts(searched: Searched, terms: &[Term], clauses: &[Clause]) -> Option<Filter> {
    if !matches!(searched, Searched::RegisteredModels | Searched::ModelVersions) {
        return None;
    }
    let tag = Field::Tag(PROMPT_TAG.to_owned());
    let asked =
        terms.iter().zip(clauses).find(|(term, _)| term.field == tag).is_some_and(|(term, clause)| {
            let value = match term.literals.first() {
                Some(Literal::Exact(text)) => text.to_lowercase(),
                _ => String::new(),
            };
            match clause.operator {
                Operator::Compare(Comparison::Equal) => value == "true",
                Operator::Compare(Comparison::NotEqual) => value == "false",
                _ => false,
            }
        });
    let is_none = Filter::IsNull(tag.clone());
    let is_other = Filter::Compare {
        field: tag,
        comparison: Comparison::NotEqual,
        value: Literal::Exact("true".to_owned()),
    };
    (!asked).then(|| Filter::Or(vec![is_none, is_other]))
}

/// A text without the quotes around it.
fn unquoted(text: &str, quotes: &[char]) -> Option<String> {
    let first = text.chars().next().filter(|first| quotes.contains(first))?;
    let inner = text.strip_prefix(first)?.strip_suffix(first)?;
    Some(inner.to_owned())
}

/// The number as a literal.
fn number(text: &str) -> Option<Literal> {
    text.parse().ok().map(|value| Literal::Number { text: text.to_owned(), value })
}
