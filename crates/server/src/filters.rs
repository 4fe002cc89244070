//! What is searched for, in MLflow's grammar.

use track::{Filter, FilterError, OrderBy};

use crate::error::Fault;

impl From<FilterError> for Fault {
    fn from(error: FilterError) -> Self {
        Fault::invalid(error.to_string())
    }
}

/// A filter of this kind of thing; nothing for an empty text.
pub fn filter(
    text: Option<&str>,
    parse: fn(&str) -> Result<Filter, FilterError>,
) -> Result<Option<Filter>, Fault> {
    Ok(text.filter(|text| !text.trim().is_empty()).map(parse).transpose()?)
}

/// An order of this kind of thing.
pub fn order(
    texts: Vec<&str>,
    parse: fn(&str) -> Result<OrderBy, FilterError>,
) -> Result<Vec<OrderBy>, Fault> {
    Ok(texts.into_iter().map(parse).collect::<Result<_, _>>()?)
}
