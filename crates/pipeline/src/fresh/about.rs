//! What a reason is about, and what it knows of before and after.

use base::{ProjectPath, Value};

use crate::fresh::StaleReason;
use crate::param_path::ParamPath;
use crate::special::{DepName, SpecialName};
use crate::stage::{Address, Command};

/// What a reason is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subject<'a> {
    /// The stage as a whole.
    Stage,
    /// A dep or an out.
    Path(PathOrName<'a>),
    /// A parameter file and a dotted key; no key for the whole file.
    Param(&'a ParamPath, Option<&'a str>),
    /// A variable of the environment.
    Variable(&'a str),
    /// Another stage.
    Other(&'a Address),
}

/// A path of the project, or what a special dep is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PathOrName<'a> {
    /// A path.
    Path(&'a ProjectPath),
    /// A name.
    Name(&'a SpecialName),
}

impl PathOrName<'_> {
    /// As it is written.
    pub fn spelled(&self) -> &str {
        match self {
            PathOrName::Path(path) => path.spelled(),
            PathOrName::Name(name) => &name.text,
        }
    }
}

impl StaleReason {
    /// Its name in machine-readable output: `dep_changed`.
    pub fn kind(&self) -> &'static str {
        match self {
            StaleReason::New => "new",
            StaleReason::CommandChanged { .. } => "command_changed",
            StaleReason::ShellChanged { .. } => "shell_changed",
            StaleReason::WdirChanged { .. } => "wdir_changed",
            StaleReason::BuiltinChanged { .. } => "builtin_changed",
            StaleReason::DepChanged { .. } => "dep_changed",
            StaleReason::DepAdded { .. } => "dep_added",
            StaleReason::DepRemoved { .. } => "dep_removed",
            StaleReason::DepMissing { .. } => "dep_missing",
            StaleReason::DepShrinks { .. } => "dep_shrinks",
            StaleReason::ParamChanged { .. } => "param_changed",
            StaleReason::ParamAdded { .. } => "param_added",
            StaleReason::ParamRemoved { .. } => "param_removed",
            StaleReason::ParamMissing { .. } => "param_missing",
            StaleReason::ParamFileMisspelled { .. } => "param_file_misspelled",
            StaleReason::ParamUnrecordable { .. } => "param_unrecordable",
            StaleReason::Unreadable { .. } => "unreadable",
            StaleReason::OutMissing { .. } => "out_missing",
            StaleReason::DataMissing { .. } => "data_missing",
            StaleReason::DataOutdated { .. } => "data_outdated",
            StaleReason::DataNotFetched { .. } => "data_not_fetched",
            StaleReason::DataPartial { .. } => "data_partial",
            StaleReason::CheckoutCutOff { .. } => "checkout_cut_off",
            StaleReason::DataDiverged { .. } => "data_diverged",
            StaleReason::SourceChanged { .. } => "update_available",
            StaleReason::OutChanged { .. } => "out_changed",
            StaleReason::OutAdded { .. } => "out_added",
            StaleReason::OutRemoved { .. } => "out_removed",
            StaleReason::OutNotCached { .. } => "out_not_cached",
            StaleReason::PersistChanged { .. } => "persist_changed",
            StaleReason::ExcludeChanged { .. } => "exclude_changed",
            StaleReason::EnvChanged { .. } => "env_changed",
            StaleReason::EnvAdded { .. } => "env_added",
            StaleReason::EnvRemoved { .. } => "env_removed",
            StaleReason::AlwaysChanged => "always_changed",
            StaleReason::Callback => "callback",
            StaleReason::Forced => "forced",
            StaleReason::Upstream { .. } => "upstream",
        }
    }

    /// What it is about.
    pub fn subject(&self) -> Subject<'_> {
        match self {
            StaleReason::DepChanged { path, .. }
            | StaleReason::DepAdded { path }
            | StaleReason::DepRemoved { path }
            | StaleReason::DepMissing { path }
            | StaleReason::OutMissing { path }
            | StaleReason::OutChanged { path, .. }
            | StaleReason::OutAdded { path }
            | StaleReason::Unreadable { path, .. } => Subject::Path(match path {
                DepName::Path(path) => PathOrName::Path(path),
                DepName::Special(name) => PathOrName::Name(name),
            }),
            StaleReason::DepShrinks { path }
            | StaleReason::DataMissing { path }
            | StaleReason::DataOutdated { path, .. }
            | StaleReason::DataNotFetched { path, .. }
            | StaleReason::DataPartial { path, .. }
            | StaleReason::CheckoutCutOff { path, .. }
            | StaleReason::DataDiverged { path, .. }
            | StaleReason::OutRemoved { path }
            | StaleReason::OutNotCached { path }
            | StaleReason::ExcludeChanged { path, .. }
            | StaleReason::PersistChanged { path, .. } => Subject::Path(PathOrName::Path(path)),
            StaleReason::ParamChanged { file, key, .. }
            | StaleReason::ParamAdded { file, key, .. }
            | StaleReason::ParamRemoved { file, key, .. }
            | StaleReason::ParamUnrecordable { file, key, .. } => Subject::Param(file, Some(key)),
            StaleReason::ParamMissing { file, key } => Subject::Param(file, key.as_deref()),
            StaleReason::ParamFileMisspelled { file, .. } => Subject::Param(file, None),
            StaleReason::EnvChanged { name, .. }
            | StaleReason::EnvAdded { name }
            | StaleReason::EnvRemoved { name } => Subject::Variable(name),
            StaleReason::Upstream { stage } => Subject::Other(stage),
            _ => Subject::Stage,
        }
    }

    /// What it was at the last success, where the reason knows.
    pub fn old_value(&self) -> Option<Value> {
        match self {
            StaleReason::CommandChanged { old, .. } => Some(command_value(old)),
            StaleReason::ShellChanged { old, .. } | StaleReason::BuiltinChanged { old, .. } => {
                old.as_deref().map(Value::from)
            }
            StaleReason::WdirChanged { old, .. } => Some(Value::Str(old.to_string())),
            StaleReason::DepChanged { old, .. }
            | StaleReason::OutChanged { old, .. }
            | StaleReason::DataOutdated { old, .. }
            | StaleReason::DataNotFetched { old, .. }
            | StaleReason::DataPartial { old, .. }
            | StaleReason::CheckoutCutOff { old, .. } => Some(Value::Str(old.to_string())),
            StaleReason::DataDiverged { old, .. } => old.map(|old| Value::Str(old.to_string())),
            StaleReason::ParamChanged { old, .. } | StaleReason::ParamRemoved { old, .. } => {
                Some(old.clone())
            }
            StaleReason::EnvChanged { old, .. } => old.as_deref().map(Value::from),
            StaleReason::PersistChanged { old, .. } => Some(Value::Bool(*old)),
            _ => None,
        }
    }

    /// What it is now, where the reason knows.
    pub fn new_value(&self) -> Option<Value> {
        match self {
            StaleReason::CommandChanged { new, .. } => Some(command_value(new)),
            StaleReason::ShellChanged { new, .. } | StaleReason::BuiltinChanged { new, .. } => {
                new.as_deref().map(Value::from)
            }
            StaleReason::WdirChanged { new, .. } => Some(Value::Str(new.to_string())),
            StaleReason::DepChanged { new, .. }
            | StaleReason::OutChanged { new, .. }
            | StaleReason::DataOutdated { new, .. }
            | StaleReason::DataNotFetched { new, .. }
            | StaleReason::DataPartial { new, .. }
            | StaleReason::CheckoutCutOff { new, .. }
            | StaleReason::DataDiverged { new, .. } => Some(Value::Str(new.to_string())),
            StaleReason::ParamChanged { new, .. } | StaleReason::ParamAdded { new, .. } => Some(new.clone()),
            StaleReason::EnvChanged { new, .. } => new.as_deref().map(Value::from),
            StaleReason::PersistChanged { new, .. } => Some(Value::Bool(*new)),
            _ => None,
        }
    }

    /// Whether nothing can be said about the stage until the user acts: a declared input is not there, or
    /// something cannot be read.
    pub fn blocks_verdict(&self) -> bool {
        matches!(
            self,
            StaleReason::DepMissing { .. }
                | StaleReason::ParamMissing { .. }
                | StaleReason::Unreadable { .. }
                | StaleReason::DataMissing { .. }
                | StaleReason::DataNotFetched { .. }
                | StaleReason::DataPartial { in_cache: false, .. }
                | StaleReason::CheckoutCutOff { in_cache: false, .. }
                | StaleReason::CheckoutCutOff { is_edited: true, .. }
                | StaleReason::DataDiverged { .. }
        )
    }

    /// Whether a remote may have what is missing here.
    pub fn is_to_be_fetched(&self) -> bool {
        matches!(
            self,
            StaleReason::DataMissing { .. }
                | StaleReason::DataNotFetched { .. }
                | StaleReason::DataPartial { in_cache: false, .. }
                | StaleReason::CheckoutCutOff { in_cache: false, .. }
        )
    }

    /// Whether recording the data as it is would undo what somebody else recorded in its pointer, or what was never here.
    pub fn is_of_pointer(&self) -> bool {
        matches!(
            self,
            StaleReason::DataOutdated { .. }
                | StaleReason::DataNotFetched { .. }
                | StaleReason::DataPartial { .. }
                | StaleReason::CheckoutCutOff { .. }
                | StaleReason::DataDiverged { .. }
        )
    }
}

fn command_value(command: &Command) -> Value {
    match command {
        Command::Script(script) => Value::Str(script.clone()),
        Command::List(scripts) => Value::List(scripts.iter().cloned().map(Value::Str).collect()),
        Command::None => Value::Null,
    }
}
