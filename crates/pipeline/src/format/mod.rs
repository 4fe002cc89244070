//! The text formats of the dialects.

pub mod native;
