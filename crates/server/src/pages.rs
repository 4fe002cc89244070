//! Pages.
use crate::context::Context;
use axum::Router;
pub fn router() -> Router<Context> {
    Router::new()
}
