//! What each grammar allows: its groups of fields, its attributes, and what they may be compared with.

use super::clause::{Clause, Operator, Value, quoted};
use super::{Attribute, Field, Literal, MlflowError, Searched, Term, number, unquoted};
use crate::{Comparison, DatasetField};

/// The groups that fields fall into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Metric,
    Param,
    Tag,
    Dataset,
    /// A number.
    NumberAttribute,
    /// A text.
    TextAttribute,
}

impl Kind {
    /// Its name in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Metric => "metric",
            Kind::Param => "parameter",
            Kind::Tag => "tag",
            Kind::Dataset => "dataset",
            Kind::NumberAttribute | Kind::TextAttribute => "attribute",
        }
    }
}

/// One of the grammars.
pub(super) struct Grammar {
    pub searched: Searched,
    /// The attributes that a filter may name.
    attributes: &'static [(&'static str, Attribute)],
    /// Those that an order may name.
    orders: &'static [(&'static str, Attribute)],
    /// Those that may be compared with a list.
    lists: &'static [&'static str],
}

const RUNS: &[(&str, Attribute)] = &[
    ("artifact_uri", Attribute::ArtifactUri),
    ("end_time", Attribute::EndTime),
    ("run_id", Attribute::RunId),
    ("run_name", Attribute::Name),
    ("start_time", Attribute::StartTime),
    ("status", Attribute::Status),
    ("user_id", Attribute::User),
    ("created", Attribute::StartTime),
    ("Created", Attribute::StartTime),
    ("run name", Attribute::Name),
    ("Run name", Attribute::Name),
    ("Run Name", Attribute::Name),
];

const EXPERIMENTS: &[(&str, Attribute)] = &[
    ("name", Attribute::Name),
    ("experiment_id", Attribute::ExperimentId),
    ("creation_time", Attribute::Created),
    ("last_update_time", Attribute::Updated),
];

const VERSIONS: &[(&str, Attribute)] = &[
    ("name", Attribute::Name),
    ("version_number", Attribute::Version),
    ("run_id", Attribute::RunId),
    ("source_path", Attribute::Source),
];

const VERSION_ORDERS: &[(&str, Attribute)] = &[
    ("name", Attribute::Name),
    ("version_number", Attribute::Version),
    ("creation_timestamp", Attribute::Created),
    ("last_updated_timestamp", Attribute::Updated),
];

const LOGGED: &[(&str, Attribute)] = &[
    ("name", Attribute::Name),
    ("model_id", Attribute::ModelId),
    ("model_type", Attribute::ModelType),
    ("status", Attribute::Status),
    ("source_run_id", Attribute::RunId),
    ("experiment_id", Attribute::ExperimentId),
    ("creation_timestamp", Attribute::Created),
    ("creation_time", Attribute::Created),
    ("creation_timestamp_ms", Attribute::Created),
    ("last_updated_timestamp", Attribute::Updated),
    ("last_updated_timestamp_ms", Attribute::Updated),
];

impl Grammar {
    pub(super) fn of(searched: Searched) -> Self {
        let (attributes, orders, lists): (_, _, &[&str]) = match searched {
            // The names with spaces are for filters alone.
            Searched::Runs => (RUNS, &RUNS[..9], &["run_id"]),
            Searched::Experiments => (EXPERIMENTS, EXPERIMENTS, &["experiment_id"]),
            Searched::RegisteredModels => (&EXPERIMENTS[..1], &EXPERIMENTS[..1], &["name"]),
            Searched::ModelVersions => (VERSIONS, VERSION_ORDERS, &["name", "run_id"]),
            Searched::LoggedModels => (LOGGED, LOGGED, &[]),
        };
        Grammar { searched, attributes, orders, lists }
    }

    /// The field and the value of a clause, each by itself.
    pub(super) fn term(&self, clause: &Clause<'_>) -> Result<Term, MlflowError> {
        if self.searched == Searched::LoggedModels {
            return self.logged_term(clause);
        }
        let (kind, key, field) = self.field(clause.name, self.attributes)?;
        let literals = match clause.value {
            Value::None => {
                self.check_null(kind, &key)?;
                Vec::new()
            }
            value => self.literals(kind, &key, value)?,
        };
        let term = Term { kind, field, literals };
        let is_id =
            self.searched == Searched::Experiments && term.field == Field::Attribute(Attribute::ExperimentId);
        if is_id { numbered(term, clause) } else { Ok(term) }
    }

    /// A field by its name, with its group and key.
    pub(super) fn field(
        &self,
        name: &str,
        attributes: &[(&str, Attribute)],
    ) -> Result<(Kind, String, Field), MlflowError> {
        let (group, key) = match name.split_once('.') {
            Some((group, key)) => (group, key),
            None => ("attribute", name),
        };
        let bare = |key: &str| unquoted(key, &['\'', '"', '`']).unwrap_or_else(|| key.to_owned());
        let kind = if self.searched == Searched::Runs { run_kind(&bare(group))? } else { other_kind(group)? };
        let mut key = match (self.searched, kind) {
            // Their attributes are looked up before quotes are taken off.
            (Searched::RegisteredModels | Searched::ModelVersions, Kind::TextAttribute) => key.to_owned(),
            _ => bare(key),
        };
        let field = match kind {
            Kind::Metric => Field::Metric(key.clone()),
            Kind::Param => Field::Param(key.clone()),
            Kind::Tag => Field::Tag(key.clone()),
            Kind::Dataset => {
                let found = DatasetField::ALL.into_iter().find(|field| field.name() == key);
                Field::Dataset(found.ok_or_else(|| {
                    let names = set(DatasetField::ALL.map(DatasetField::name));
                    MlflowError(format!("Invalid dataset key '{key}' specified. Valid keys are '{names}'"))
                })?)
            }
            Kind::NumberAttribute | Kind::TextAttribute => {
                let found = attributes.iter().find(|(known, _)| *known == key);
                let (_, attribute) = found.ok_or_else(|| {
                    let names = set(attributes.iter().map(|(known, _)| *known));
                    MlflowError(format!("Invalid attribute key '{key}' specified. Valid keys are '{names}'"))
                })?;
                let is_number =
                    matches!(attribute, Attribute::StartTime | Attribute::EndTime | Attribute::Created)
                        || matches!(attribute, Attribute::Updated | Attribute::Version);
                key.shrink_to_fit();
                let kind = if is_number { Kind::NumberAttribute } else { Kind::TextAttribute };
                return Ok((kind, key, Field::Attribute(*attribute)));
            }
        };
        Ok((kind, key, field))
    }

    /// The attributes that an order may name.
    pub(super) fn orders(&self) -> &'static [(&'static str, Attribute)] {
        self.orders
    }

    fn check_null(&self, kind: Kind, key: &str) -> Result<(), MlflowError> {
        match (self.searched, kind) {
            (Searched::Runs, Kind::Tag | Kind::Param) | (Searched::Experiments, Kind::Tag) => Ok(()),
            (Searched::Runs, _) => Err(MlflowError(format!(
                "IS NULL / IS NOT NULL is only supported for tags and params, not for '{}' '{key}'",
                kind.name()
            ))),
            (Searched::Experiments, _) => Err(MlflowError(format!(
                "IS NULL / IS NOT NULL is only supported for tags, not for attribute '{key}'"
            ))),
            _ => Err(MlflowError("Invalid comparison clause. Expected 3 tokens found 2".to_owned())),
        }
    }

    fn literals(&self, kind: Kind, key: &str, value: Value<'_>) -> Result<Vec<Literal>, MlflowError> {
        let written = value.text();
        let refuse = |message: String| Err(MlflowError(message));
        match (kind, value) {
            (Kind::Metric, Value::Number { text, .. }) => Ok(number(text).into_iter().collect()),
            (Kind::Metric, _) => refuse(format!("Expected numeric value type for metric. Found {written}")),
            (Kind::Dataset, Value::List(list)) => texts(list),
            (Kind::NumberAttribute, Value::Number { text, .. }) => Ok(number(text).into_iter().collect()),
            // Versions have numbers that may be written as texts.
            (Kind::NumberAttribute, Value::Text(_)) if self.searched == Searched::ModelVersions => {
                let text = quoted_text(written)?;
                let invalid =
                    || MlflowError(format!("Invalid value for numeric attribute '{key}': {}", quoted(&text)));
                let whole: i64 = text.trim().parse().map_err(|_| invalid())?;
                Ok(number(&whole.to_string()).into_iter().collect())
            }
            (Kind::NumberAttribute | Kind::TextAttribute, Value::List(list))
                if kind == Kind::TextAttribute || self.searched == Searched::ModelVersions =>
            {
                if !self.lists.contains(&key) {
                    let lists: Vec<String> = self.lists.iter().map(|list| format!("'{list}'")).collect();
                    let lists = lists.join(", ");
                    return refuse(format!(
                        "Only [{lists}] attributes support comparison with a list of quoted string values."
                    ));
                }
                texts(list)
            }
            (Kind::NumberAttribute, _) => {
                refuse(format!("Expected numeric value type for numeric attribute: {key}. Found {written}"))
            }
            (_, Value::Text(text)) => Ok(vec![Literal::Exact(quoted_text(text)?)]),
            (Kind::Param | Kind::Tag, _) => refuse(format!(
                "Expected a quoted string value for {} (e.g. 'my-value'). Got value {written}",
                kind.name()
            )),
            (Kind::Dataset, _) => {
                refuse(format!("Expected a quoted string value for dataset attributes. Got value {written}"))
            }
            (Kind::TextAttribute, _) => match self.searched {
                Searched::ModelVersions => {
                    let numbers = set(["version_number", "creation_timestamp", "last_updated_timestamp"]);
                    refuse(format!("Only the '{numbers}' attributes support comparison with numeric values."))
                }
                Searched::RegisteredModels => refuse(format!(
                    "Expected a quoted string value or a list of quoted string values for attributes. Got value {written}"
                )),
                _ => refuse(format!("Expected a quoted string value for attributes. Got value {written}")),
            },
        }
    }

    /// Whether the field may be compared so.
    pub(super) fn check<'a>(&self, term: &'a Term, clause: &Clause<'_>) -> Result<&'a Term, MlflowError> {
        use Comparison::{Equal, NotEqual};
        let is_text =
            matches!(clause.operator, Operator::Compare(Equal | NotEqual) | Operator::Like | Operator::ILike);
        let is_list = matches!(clause.operator, Operator::In | Operator::NotIn);
        let is_null = matches!(clause.operator, Operator::IsNull | Operator::IsNotNull);
        let is_number = matches!(clause.operator, Operator::Compare(_));
        let sign = clause.sign.as_str();
        let numbers = || set([">", ">=", "!=", "=", "<", "<="]);
        let texts = || set(["!=", "=", "LIKE", "ILIKE", "IN", "NOT IN"]);
        let nulls = || set(["!=", "=", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL"]);
        // MLflow closes the quote of some.
        let end = if matches!(term.kind, Kind::Param | Kind::TextAttribute) { "'" } else { "" };
        let one_of = |set: String| format!("Invalid comparator '{sign}' not one of '{set}{end}");
        let refused = match (self.searched, term.kind) {
            (Searched::Runs, Kind::Metric) if !is_number => one_of(numbers()),
            (Searched::Runs, Kind::Param | Kind::Tag) if !is_text && !is_null => one_of(nulls()),
            (Searched::Runs, Kind::Dataset) if !is_text && !is_list => one_of(texts()),
            (Searched::Runs | Searched::Experiments, Kind::NumberAttribute) if !is_number => one_of(texts()),
            (Searched::Experiments, Kind::NumberAttribute) => return self.check_whole(term, clause),
            (Searched::Runs | Searched::Experiments, Kind::TextAttribute) if !is_text && !is_list => {
                one_of(texts())
            }
            (Searched::Experiments, Kind::Tag) if !is_text && !is_null => {
                format!("Invalid comparator for tag: {sign}")
            }
            (Searched::RegisteredModels | Searched::ModelVersions, Kind::Tag) if !is_text => {
                format!("Invalid comparator for tag: {sign}")
            }
            (Searched::ModelVersions, Kind::NumberAttribute) if !is_number => {
                format!("Invalid comparator for attribute {}: {sign}", clause.name)
            }
            (Searched::ModelVersions, Kind::NumberAttribute) => return self.check_whole(term, clause),
            (Searched::RegisteredModels | Searched::ModelVersions, Kind::TextAttribute)
                if !is_text && !is_list =>
            {
                format!("Invalid comparator for attribute: {sign}")
            }
            (Searched::LoggedModels, Kind::Metric | Kind::NumberAttribute) if !is_number => {
                let signs = "('<', '<=', '>', '>=', '=', '!=')";
                format!("Invalid comparison operator for {}: '{sign}'. Expected one of {signs}.", shown(term))
            }
            (Searched::LoggedModels, Kind::Param | Kind::Tag | Kind::TextAttribute)
                if !is_text && !is_list =>
            {
                let signs = "('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN')";
                format!("Invalid comparison operator for {}: '{sign}'. Expected one of {signs}.", shown(term))
            }
            _ => return Ok(term),
        };
        Err(MlflowError(refused))
    }

    /// Times of experiments, and numbers of versions, are whole.
    fn check_whole<'a>(&self, term: &'a Term, clause: &Clause<'_>) -> Result<&'a Term, MlflowError> {
        match clause.value {
            Value::Number { text, is_whole: false } => {
                let key = clause.name.rsplit('.').next().unwrap_or_default();
                let shown = if self.searched == Searched::Experiments {
                    format!("'{text}'")
                } else {
                    text.to_owned()
                };
                Err(MlflowError(format!("Invalid value for numeric attribute '{key}': {shown}")))
            }
            _ => Ok(term),
        }
    }

    /// Logged models have a grammar that was written anew: quotes are taken off when they are there.
    fn logged_term(&self, clause: &Clause<'_>) -> Result<Term, MlflowError> {
        if clause.value == Value::None {
            let text = format!("{} {}", clause.name, clause.sign);
            return Err(MlflowError(format!(
                "Invalid comparison: {text}. Expected a comparison with 3 tokens."
            )));
        }
        let is_group =
            |group: &&str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_lowercase());
        let parts = clause.name.split_once('.').filter(|(group, key)| is_group(group) && !key.is_empty());
        let (group, key) = parts.unwrap_or(("attributes", clause.name));
        let key = key.trim_matches('`').to_owned();
        let (kind, field) = match group {
            "metrics" => (Kind::Metric, Field::Metric(key)),
            "params" => (Kind::Param, Field::Param(key)),
            "tags" => (Kind::Tag, Field::Tag(key)),
            "attributes" => {
                let found = self.attributes.iter().find(|(known, _)| *known == key);
                let (_, attribute) = found.ok_or_else(|| {
                    let names = set(self.attributes.iter().map(|(known, _)| *known));
                    MlflowError(format!("Invalid attribute key '{key}' specified. Valid keys are '{names}'"))
                })?;
                let is_number = matches!(attribute, Attribute::Created | Attribute::Updated);
                (
                    if is_number { Kind::NumberAttribute } else { Kind::TextAttribute },
                    Field::Attribute(*attribute),
                )
            }
            group => {
                let groups = "['attributes', 'metrics', 'params', 'tags']";
                return Err(MlflowError(format!(
                    "Invalid entity type: '{group}'. Expected one of {groups}."
                )));
            }
        };
        let term = Term { kind, field, literals: Vec::new() };
        self.check(&term, clause)?;
        let written = clause.value.text();
        let literals = match (kind, clause.value) {
            (Kind::Metric | Kind::NumberAttribute, _) => match number(written) {
                Some(number) => vec![number],
                None => return Err(MlflowError(format!("Expected a number. Found {written}"))),
            },
            (_, Value::List(list)) => texts(list)?,
            _ => vec![Literal::Exact(written.trim_matches('\'').to_owned())],
        };
        // The number of an experiment is a number here.
        let is_id = term.field == Field::Attribute(Attribute::ExperimentId);
        let literals = literals.into_iter().map(|literal| match literal {
            Literal::Exact(text) if is_id => number(&text).unwrap_or(Literal::Exact(text)),
            literal => literal,
        });
        Ok(Term { literals: literals.collect(), ..term })
    }
}

/// A field as messages about logged models name it.
fn shown(term: &Term) -> String {
    match &term.field {
        Field::Metric(key) => format!("metrics.{key}"),
        Field::Param(key) => format!("params.{key}"),
        Field::Tag(key) => format!("tags.{key}"),
        Field::Attribute(Attribute::Created) => "attributes.creation_timestamp_ms".to_owned(),
        Field::Attribute(Attribute::Updated) => "attributes.last_updated_timestamp_ms".to_owned(),
        field => format!("attributes.{field}"),
    }
}

fn run_kind(group: &str) -> Result<Kind, MlflowError> {
    Ok(match group {
        "metric" | "metrics" => Kind::Metric,
        "parameter" | "parameters" | "param" | "params" => Kind::Param,
        "tag" | "tags" => Kind::Tag,
        "attribute" | "attributes" | "attr" | "run" => Kind::TextAttribute,
        "dataset" | "datasets" => Kind::Dataset,
        _ => {
            let groups = "['metric', 'parameter', 'tag', 'attribute', 'dataset']";
            return Err(MlflowError(format!("Invalid entity type '{group}'. Valid values are {groups}")));
        }
    })
}

fn other_kind(group: &str) -> Result<Kind, MlflowError> {
    match group {
        "attribute" => Ok(Kind::TextAttribute),
        "tag" | "tags" => Ok(Kind::Tag),
        _ => {
            let groups = "('attribute', 'tag', 'tags')";
            Err(MlflowError(format!("Invalid entity type '{group}'. Valid entity types are {groups}")))
        }
    }
}

/// Experiments are named by their numbers, written as texts.
fn numbered(term: Term, clause: &Clause<'_>) -> Result<Term, MlflowError> {
    let is_allowed = matches!(
        clause.operator,
        Operator::Compare(Comparison::Equal | Comparison::NotEqual) | Operator::In | Operator::NotIn
    );
    if !is_allowed {
        return Err(MlflowError(format!("Invalid comparator for experiment_id: {}", clause.sign)));
    }
    let id = |literal: Literal| match literal {
        Literal::Exact(text) => match text.trim().parse::<i64>() {
            Ok(id) => Ok(Literal::Number { text, value: id as f64 }),
            Err(_) => Err(MlflowError(format!(
                "Invalid experiment ID {}. Experiment ID must be a valid integer.",
                quoted(&text)
            ))),
        },
        literal => Ok(literal),
    };
    let literals = term.literals.into_iter().map(id).collect::<Result<_, _>>()?;
    Ok(Term { literals, ..term })
}

/// A text without its quotes, which it must have.
fn quoted_text(text: &str) -> Result<String, MlflowError> {
    unquoted(text, &['\'', '"']).ok_or_else(|| {
        MlflowError(format!(
            "Parameter value is either not quoted or unidentified quote types used for string value {text}. Use either \
             single or double quotes."
        ))
    })
}

/// The texts of a list: quoted, parted by commas; neighbours without a comma are one.
fn texts(list: &str) -> Result<Vec<Literal>, MlflowError> {
    let fault = |reason: &str| MlflowError(format!("While parsing a list in the query, expected {reason}"));
    let ill_formed = || fault("a non-empty list of string values, but got ill-formed list.");
    let inner = list.strip_prefix('(').and_then(|list| list.strip_suffix(')')).ok_or_else(ill_formed)?;
    let mut texts = Vec::new();
    let mut current: Option<String> = None;
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '\'' | '"' => {
                let text = current.get_or_insert_default();
                loop {
                    match characters.next().ok_or_else(ill_formed)? {
                        end if end == c => break,
                        '\\' => match characters.next().ok_or_else(ill_formed)? {
                            'n' => text.push('\n'),
                            't' => text.push('\t'),
                            plain @ ('\\' | '\'' | '"') => text.push(plain),
                            other => text.extend(['\\', other]),
                        },
                        plain => text.push(plain),
                    }
                }
            }
            ',' => texts.push(Literal::Exact(current.take().ok_or_else(ill_formed)?)),
            c if c.is_whitespace() => {}
            _ => {
                let shown = if inner.contains(',') { list.to_owned() } else { format!("({inner},)") };
                let reason = format!(
                    "string value, punctuation, or whitespace, but got different type in list: {shown}"
                );
                return Err(fault(&reason));
            }
        }
    }
    texts.extend(current.map(Literal::Exact));
    if texts.is_empty() {
        return Err(fault("a non-empty list of string values, but got empty list"));
    }
    Ok(texts)
}

/// Words as Python shows a set of them; in Python their order is any.
pub(super) fn set<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("'{word}'")).collect();
    format!("{{{}}}", words.join(", "))
}
