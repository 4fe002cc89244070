//! The text formats of the dialects.

pub mod dvc;
pub mod native;
