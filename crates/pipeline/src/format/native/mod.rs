//! The native dialect: `pipeline.yaml` and `pipeline.lock`.

pub mod lock;
pub(crate) mod needs;
pub mod pointer;
pub mod spec;
pub(crate) mod top;
pub(crate) mod tracking;
