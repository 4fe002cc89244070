//! The run store: experiments, runs, metrics, params, tags, data sets, artifacts, models, and which bytes made which.
//!
//! Everything is written through one door, [`RunStore::apply`], with plain serialisable [`Changes`];
//! reads are methods of their own. Entities carry no wire format, and nothing here knows what a
//! pipeline is: a stage is a tag and a nested run is a run with a parent.

mod block;
mod bookkeeping;
mod change;
mod chunk;
mod columns;
mod cursor;
mod entity;
mod filter;
mod joined;
mod key;
mod lease;
mod mirror;
mod model_id;
mod name;
mod run_id;
mod settle;
mod source;
mod sqlite;
mod store;
mod unknown;

pub use base::{DIRECTION_TAG, is_own_tag};
pub use block::{BLOCK_VERSION, decode_block, encode_block};
pub use bookkeeping::{
    COMMAND_TAG, ENV_TAG, EXIT_CODE_TAG, FAILURE_TAG, NOTE_TAG, PARTIAL_TAG, REASONS_TAG, SIGNAL_TAG,
    is_bookkeeping,
};
pub use change::{
    Applied, Bound, Change, Changes, ChangesId, ExperimentRef, FIRST_TOKEN, Found, KnownAs,
    LoggedModelChange, NewLoggedModel, NewRun, NewVersion, Precondition, Purge, RegistryChange, Sought,
    VersionRef,
};
pub use chunk::{CHUNK_VERSION, ChunkError, decode_chunk, encode_chunk};
pub use columns::commonest;
pub use cursor::{MetricCursor, ParseCursorError};
pub use entity::{
    Artifact, ArtifactEntry, ArtifactOwner, Course, DATASET_CONTEXT_TAG, Dataset, DatasetInput,
    DatasetSummary, Experiment, ExperimentId, Lease, Lifecycle, LineageFile, LoggedModel, Metric,
    MetricDataset, MetricRange, ModelMetric, ModelOutput, ModelStatus, ModelVersion, Param, ParseStageError,
    RegisteredModel, Role, Run, RunData, RunInfo, RunStatus, Stage, Tag, TagValue,
};
pub use filter::{
    Aggregate, Attribute, Comparison, DatasetField, Direction, Field, Filter, FilterError, Literal,
    MlflowError, OrderBy, Pattern, RESTORED, RESTORED_TAG, RunCursor, Searched, nearest,
};
pub use joined::{
    Joined, KIND_TAG, SCRIPT_KIND, SCRIPT_RUN_TAG, STAGE_RUN_TAG, STAGE_TAG, is_of_script, shown_id, ties,
};
pub use key::{
    KeyError, MAX_ALIAS, MAX_DATASET_DIGEST, MAX_DATASET_NAME, MAX_DATASET_PROFILE, MAX_DATASET_SCHEMA,
    MAX_DATASET_SOURCE, MAX_EXPERIMENT_NAME, MAX_EXPERIMENT_TAG_VALUE, MAX_FILE_NAME, MAX_KEY,
    MAX_LOGGED_MODEL_NAME, MAX_MODEL_NAME, MAX_PARAM_VALUE, MAX_REGISTRY_TAG_VALUE, MAX_RUN_NAME,
    MAX_TAG_VALUE, check_alias, check_artifact_path, check_key, check_logged_name, check_registered_name,
    fit_param_value, fit_tag_value,
};
pub use lease::lease_is_alive;
pub use mirror::{PARENT_TAG, RUN_NAME_TAG};
pub use model_id::{ModelId, ParseModelIdError};
pub use name::run_name;
pub use run_id::{ParseRunIdError, RunId};
pub use settle::{SETTLED_TAG, UNHEARD_TAG, settle_dead, settle_unheard};
pub use source::{Source, below};
pub use sqlite::{SCHEMA_VERSION, SqliteStore, Sync, told_holdings};
pub use store::{
    ErrorKind, ExperimentSearch, KeyGroup, LoggedModelSearch, ModelSearch, ModelStore, ParentFilter,
    RunStore, Search, StoreError, VersionSearch, View,
};
pub use unknown::{UnknownKey, unknown_keys};
