//! What results are ordered by: a field, and perhaps a direction.

use super::grammar::{Grammar, Kind, set};
use super::lexer::{PieceKind, pieces};
use super::{Attribute, Field, MlflowError, OrderBy, Searched};

/// All keys of an order, and what decides ties.
pub(super) fn orders(texts: &[impl AsRef<str>], searched: Searched) -> Result<Vec<OrderBy>, MlflowError> {
    let grammar = Grammar::of(searched);
    let mut orders: Vec<OrderBy> = Vec::new();
    for text in texts {
        let order = order(text.as_ref(), &grammar)?;
        if searched != Searched::Experiments && orders.iter().any(|earlier| earlier.field == order.field) {
            let texts: Vec<String> = texts.iter().map(|text| format!("'{}'", text.as_ref())).collect();
            return Err(MlflowError(format!("`order_by` contains duplicate fields: [{}]", texts.join(", "))));
        }
        orders.push(order);
    }
    let id = Field::Attribute(Attribute::ExperimentId);
    let is_decided = orders.is_empty() || orders.iter().any(|order| order.field == id);
    if searched == Searched::Experiments && !is_decided {
        orders.push(OrderBy { field: id, descending: true, as_text: true });
    }
    Ok(orders)
}

fn order(text: &str, grammar: &Grammar) -> Result<OrderBy, MlflowError> {
    let unreadable = || MlflowError(format!("Invalid order_by clause '{text}'. Could not be parsed."));
    let pieces = pieces(text);
    let (name, direction) = match pieces.as_slice() {
        [name] => (name, None),
        [name, direction] if direction.kind == PieceKind::Name => (name, Some(direction.text)),
        _ => return Err(unreadable()),
    };
    if name.kind != PieceKind::Name {
        return Err(unreadable());
    }
    let descending = match direction.map(str::to_ascii_lowercase).as_deref() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(_) => return Err(MlflowError(format!("Invalid ordering key in order_by clause '{text}'."))),
    };
    let field = field(name.text, grammar)?;
    Ok(OrderBy { field, descending, as_text: true })
}

fn field(name: &str, grammar: &Grammar) -> Result<Field, MlflowError> {
    match grammar.searched {
        Searched::RegisteredModels => match name {
            "name" => Ok(Field::Attribute(Attribute::Name)),
            "timestamp" | "last_updated_timestamp" => Ok(Field::Attribute(Attribute::Updated)),
            _ => {
                let names = set(["name", "timestamp"]);
                Err(MlflowError(format!("Invalid order by key '{name}' specified. Valid keys are '{names}'")))
            }
        },
        Searched::LoggedModels => match name.split_once('.') {
            Some(("metrics", key)) => Ok(Field::Metric(key.to_owned())),
            Some(_) => {
                Err(MlflowError(format!("Invalid order by field name: {name}. Only metrics are supported.")))
            }
            None => match grammar.orders().iter().find(|(known, _)| *known == name) {
                Some((_, attribute)) => Ok(Field::Attribute(*attribute)),
                None => Err(MlflowError(format!("Invalid order by field name: {name}"))),
            },
        },
        searched => {
            let (kind, key, field) = grammar.field(name, grammar.orders())?;
            match (searched, kind) {
                (Searched::Runs, Kind::Dataset) => {
                    Err(MlflowError("Invalid identifier type 'dataset'".to_owned()))
                }
                (Searched::Experiments, Kind::Tag) => {
                    Err(MlflowError("Invalid order_by entity: tag".to_owned()))
                }
                (Searched::ModelVersions, Kind::Tag) => {
                    let names = set(grammar.orders().iter().map(|(known, _)| *known));
                    Err(MlflowError(format!(
                        "Invalid order by key '{key}' specified. Valid keys are '{names}'"
                    )))
                }
                _ => Ok(field),
            }
        }
    }
}
