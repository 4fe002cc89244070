//! The run store: experiments, runs, metrics, params, tags, artifacts and which bytes made which.
//!
//! Everything is written through one door, [`RunStore::apply`], with plain serialisable [`Changes`];
//! reads are methods of their own. Entities carry no wire format, and nothing here knows what a
//! pipeline is: a stage is a tag and a nested run is a run with a parent.

mod change;
mod chunk;
mod entity;
mod filter;
mod key;
mod lease;
mod name;
mod run_id;
mod settle;
mod sqlite;
mod store;

pub use change::{Applied, Change, Changes, ChangesId, ExperimentRef, NewRun, Precondition};
pub use chunk::{CHUNK_VERSION, ChunkError, decode_chunk, encode_chunk};
pub use entity::{
    Artifact, Experiment, ExperimentId, Lease, Lifecycle, LineageFile, Metric, Param, Role, Run, RunData,
    RunInfo, RunStatus, Tag, TagValue,
};
pub use filter::{Attribute, Comparison, Field, Filter, FilterError, Literal, OrderBy};
pub use key::{
    KeyError, MAX_EXPERIMENT_NAME, MAX_KEY, MAX_PARAM_VALUE, MAX_RUN_NAME, MAX_TAG_VALUE, check_key,
    fit_param_value, fit_tag_value,
};
pub use lease::lease_is_alive;
pub use name::run_name;
pub use run_id::{ParseRunIdError, RunId};
pub use settle::{SETTLED_TAG, settle_dead};
pub use sqlite::{SCHEMA_VERSION, SqliteStore};
pub use store::{ParentFilter, RunStore, Search, StoreError, View};
