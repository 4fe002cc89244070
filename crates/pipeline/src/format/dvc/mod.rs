//! The texts of DVC, and its rules where they are not ours.

pub(crate) mod breaks;
pub(crate) mod config;
pub(crate) mod datasets;
pub(crate) mod dates;
pub(crate) mod emit;
pub(crate) mod keys;
pub(crate) mod lock;
pub(crate) mod merge;
pub(crate) mod nulls;
pub(crate) mod outs;
pub(crate) mod paths;
pub(crate) mod plain;
pub(crate) mod pointer;
pub(crate) mod python;
pub(crate) mod rules;
pub(crate) mod run_cache;
pub(crate) mod scalars;
pub(crate) mod surrogates;
mod version;
