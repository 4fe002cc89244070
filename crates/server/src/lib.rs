//! MLflow's REST protocol and pages over the run store: what any MLflow client in any language speaks.
//!
//! Async stays inside this crate: a request is read here, answered by a plain function of [`Context`] and `Call` on
//! a thread that may block, and written here. MLflow's JSON, its codes and its messages stop at this crate too: what
//! the functions call are the run store's own words and the cache's.

mod artifacts;
mod call;
mod context;
mod error;
mod experiments;
mod filters;
#[cfg(test)]
mod fuzz_tests;
mod guard;
mod history;
#[cfg(test)]
mod hostile_tests;
mod inputs;
mod listing;
mod location;
mod logged_models;
mod logging;
mod own;
mod page_token;
mod pages;
#[cfg(test)]
mod raced_tests;
mod registry;
mod route;
mod runs;
mod search;
mod serve;
mod source;
mod stream;
mod validate;
mod versions;
mod wire;

pub use context::{Context, Lose, Scope, Scopes};
pub use guard::Token;
pub use route::MLFLOW_VERSION;
pub use serve::{Options, ServeError, Server};
pub use versions::{VERSIONS_TAG, version_noted};
