//! The native dialect: `pipeline.yaml` and `pipeline.lock`.

pub mod lock;
pub mod spec;
pub(crate) mod top;
