//! What is searched for, in MLflow's grammar.

use track::{Filter, MlflowError, OrderBy, Searched};

use crate::call::Call;
use crate::error::Fault;

impl From<MlflowError> for Fault {
    fn from(error: MlflowError) -> Self {
        Fault::invalid(error.to_string())
    }
}

/// The filter of a request; nothing where everything matches.
pub fn filter(call: &Call, searched: Searched) -> Result<Option<Filter>, Fault> {
    Ok(Filter::parse_mlflow(call.text("filter")?.unwrap_or_default(), searched)?)
}

/// The order that a request asks for, with what MLflow decides ties by.
pub fn order_by(call: &Call, searched: Searched) -> Result<Vec<OrderBy>, Fault> {
    Ok(OrderBy::parse_mlflow(&call.texts("order_by")?, searched)?)
}
