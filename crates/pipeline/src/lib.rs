//! Pipelines, as thoughts: text in, stages, graph, keys and verdicts out.
//!
//! Touches no disk, clock, environment or process. File contents, digests and parameters come in as values;
//! [`load`] says what it needs and is called again. Running, hashing and storing are other crates' work.

pub mod builtins;
mod codec;
mod conflict;
pub mod dag;
mod dialect;
pub mod edit;
mod env;
mod error;
mod expand;
pub mod format;
mod fresh;
pub mod graph;
mod import;
mod json;
mod key;
mod loader;
mod lock;
mod node;
mod param_path;
pub mod params;
mod place;
mod pointer;
mod python;
mod quoting;
mod resolve;
mod special;
mod stage;
mod suggest;
mod target;
pub mod template;
mod texts;
mod unrecordable;
pub mod yaml;

pub use builtins::Builtins;
pub use codec::{LockCodec, lock_beside, pipeline_file_of};
pub use conflict::{FILE_BY_FILE, conflict, conflicting};
pub use dialect::{DVC_FILE, DVC_LOCK_FILE, Dialect, Told};
pub use env::{EnvKey, EnvRef, EnvState, Environment, env_states};
pub use error::{LoadFault, PipelineError, Position};
pub use format::dvc::config::{
    Sections as DvcSections, parse as parse_dvc_config, remove_section as remove_dvc_section,
    rename_section as rename_dvc_section, set as set_dvc_config, unquoted, unset as unset_dvc_config,
};
pub use format::dvc::datasets::{Dataset, dataset_state};
pub use format::dvc::merge::{dvc_lock_lines, dvc_lock_stages};
pub use format::dvc::outs::{Recorded, recorded_outs, run_outs};
pub use format::dvc::plain::plain_pointer;
pub use format::dvc::python::{is_equal as is_equal_in_python, text as python_text};
pub use format::dvc::run_cache::RunEntry;
pub use format::native::lock::{parse_lock, write_lock};
pub use format::native::needs::amount;
pub use fresh::{Freshness, PathOrName, StaleReason, Subject, cut_off_text, fresh, partial_text, ways_out};
pub use graph::Graph;
pub use import::{Import, Repo, parse_import, update_import, write_import};
pub use key::{Entry, Inputs, Kind, StageKey, stage_key};
pub use lock::{LOCK_SCHEMA, Lock, StageLock, globs_of};
pub use param_path::ParamPath;
pub use pointer::{
    Pointer, freeze_pointer, parse_pointer, parse_source, pointed_state, update_pointer, update_thing,
    write_pointer,
};
pub use resolve::{FileGroup, Loaded, Pipeline, load, load_all};
pub use special::{DepName, Glob, Special, SpecialKind, SpecialName, SpecialOut, told_digest};
pub use stage::{
    Address, Annotation, Artifact, Command, DVC_POINTER_SUFFIX, LOCK_FILE, Observed, Out, OutKind,
    PARAMS_FILE, PIPELINE_FILE, POINTER_SUFFIX, ParamFile, ParamRef, ParamValues, Plot, Resources, Stage,
    StageId, Tracking, is_pointer,
};
pub use suggest::did_you_mean;
pub use target::TargetError;
pub use texts::{Needs, Provided};
pub use unrecordable::{ParamsRead, Unrecordable, UnrecordableKind};
