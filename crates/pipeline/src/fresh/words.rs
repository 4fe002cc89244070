//! What a reason says to people.

use std::fmt;

use crate::fresh::StaleReason;
use crate::special::{DepName, SpecialKind, SpecialName};

/// A clause for people, without a full stop: `param params.yaml:lr changed: 0.1 -> 0.2`.
impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shell = |shell: &Option<String>| shell.clone().unwrap_or_else(|| "default".to_owned());
        let builtin = |builtin: &Option<String>| builtin.clone().unwrap_or_else(|| "none".to_owned());
        match self {
            StaleReason::New => f.write_str("has not run yet"),
            StaleReason::CommandChanged { old, new } => {
                write!(
                    f,
                    "command changed: {} -> {}",
                    shortened(&old.to_string()),
                    shortened(&new.to_string())
                )
            }
            StaleReason::ShellChanged { old, new } => {
                write!(f, "shell changed: {} -> {}", shell(old), shell(new))
            }
            StaleReason::WdirChanged { old, new } => write!(f, "wdir changed: {old} -> {new}"),
            StaleReason::BuiltinChanged { old, new } => {
                write!(f, "built-in algorithm changed: {} -> {}", builtin(old), builtin(new))
            }
            StaleReason::DepChanged { path, old, new } => {
                write!(f, "dep {path} changed: {} -> {}", old.short(), new.short())
            }
            StaleReason::DepAdded { path } => write!(f, "dep {path} is new"),
            StaleReason::DepRemoved { path } => write!(f, "dep {path} was removed"),
            StaleReason::DepMissing {
                path: DepName::Special(SpecialName { kind: SpecialKind::Glob, text }),
            } => {
                write!(f, "no file matches dep {text}")
            }
            StaleReason::DepMissing { path } => write!(f, "dep {path} does not exist"),
            StaleReason::ParamChanged { file, key, old, new } => {
                write!(f, "param {file}:{key} changed: {old} -> {new}")
            }
            StaleReason::ParamAdded { file, key, new } => write!(f, "param {file}:{key} is new: {new}"),
            StaleReason::ParamRemoved { file, key, old } => {
                write!(f, "param {file}:{key} was removed: it was {old}")
            }
            StaleReason::ParamMissing { file, key: Some(key) } => {
                write!(f, "param file {file} has no key `{key}`")
            }
            StaleReason::ParamMissing { file, key: None } => write!(f, "param file {file} does not exist"),
            StaleReason::Unreadable { message, .. } => f.write_str(message),
            StaleReason::OutMissing { path } => write!(f, "out {path} does not exist"),
            StaleReason::DataMissing { path } => {
                write!(f, "data {path} is neither in the workspace nor in the cache (`pipe pull` fetches it)")
            }
            StaleReason::DataOutdated { path, old, new } => {
                let (old, new) = (old.short(), new.short());
                write!(
                    f,
                    "data {path} is outdated, since its pointer moved: {old} -> {new} (`pipe checkout {path}` brings it)"
                )
            }
            StaleReason::DataNotFetched { path, new, .. } => write!(
                f,
                "data {path} is outdated, since its pointer moved to {}, which the cache does not hold (`pipe pull` \
                 fetches it)",
                new.short()
            ),
            StaleReason::DataDiverged { path, old: Some(_), .. } => write!(
                f,
                "data {path} was edited, and its pointer moved meanwhile (`pipe checkout -f {path}` takes what the \
                 pointer records, `pipe commit -f {path}` the edit)"
            ),
            StaleReason::DataDiverged { path, old: None, .. } => write!(
                f,
                "data {path} is not what its pointer records, and nothing here tells which of them changed (`pipe \
                 checkout -f {path}` takes what the pointer records, `pipe commit -f {path}` records the data)"
            ),
            StaleReason::OutChanged { path, old, new } => {
                write!(f, "out {path} changed: {} -> {}", old.short(), new.short())
            }
            StaleReason::OutAdded { path } => write!(f, "out {path} is new"),
            StaleReason::OutRemoved { path } => write!(f, "out {path} was removed"),
            StaleReason::OutNotCached { path } => write!(f, "out {path} is not in the cache"),
            StaleReason::PersistChanged { path, old, new } => {
                write!(f, "persist of out {path} changed: {old} -> {new}")
            }
            StaleReason::ExcludeChanged { path, old, new } => {
                write!(f, "exclude of out {path} changed: [{}] -> [{}]", old.join(", "), new.join(", "))
            }
            StaleReason::EnvChanged { name, old: Some(old), new: Some(new) } => {
                write!(f, "variable {name} changed: {old} -> {new}")
            }
            StaleReason::EnvChanged { name, .. } => write!(f, "variable {name} changed"),
            StaleReason::EnvAdded { name } => write!(f, "variable {name} is new"),
            StaleReason::EnvRemoved { name } => write!(f, "variable {name} is no longer declared"),
            StaleReason::AlwaysChanged => f.write_str("is always changed"),
            StaleReason::Callback => f.write_str("has neither deps, params nor outs"),
            StaleReason::Forced => f.write_str("was forced"),
            StaleReason::Upstream { stage } if stage.is_source() => {
                write!(f, "data of {stage} before it is stale")
            }
            StaleReason::Upstream { stage } => write!(f, "stage {stage} before it is stale"),
        }
    }
}

/// So many characters of a command are told.
const TOLD: usize = 100;

/// A long text without its middle.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= TOLD {
        return text.to_owned();
    }
    let start: String = text.chars().take(TOLD / 2).collect();
    let end: String = text.chars().skip(length - TOLD / 2).collect();
    format!("{start} … {end}")
}
