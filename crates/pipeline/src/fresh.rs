//! Whether a stage must run, and every reason why.
//!
//! Decides with data; speaking is left to whoever prints a [`StaleReason`]. The comparison walks the same
//! entries as the stage key (`key::Inputs`), so that an explanation can never disagree with the key.
//! Ignores what is upstream: a caller who knows that a dep is about to change says so itself.

mod about;
mod words;

pub use about::{PathOrName, Subject};
pub use words::{cut_off_text, partial_text, ways_out};

use std::cmp::Ordering;

use base::{Digest, FileState, ProjectPath, Value};
use serde::{Deserialize, Serialize};

use crate::builtins::Builtins;
use crate::env::EnvState;
use crate::key::{Entry, EntryValue, Inputs, Kind};
use crate::lock::StageLock;
use crate::param_path::ParamPath;
use crate::special::{DepName, SpecialName};
use crate::stage::{Address, Command, Observed, Stage};

/// One reason why a stage is not up to date.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StaleReason {
    /// It has never succeeded here.
    New,
    /// Its command is another.
    CommandChanged {
        /// What ran last.
        old: Command,
        /// What would run.
        new: Command,
    },
    /// Its shell is another; `None` is the default shell.
    ShellChanged {
        /// What ran last.
        old: Option<String>,
        /// What would run.
        new: Option<String>,
    },
    /// It runs in another folder.
    WdirChanged {
        /// Where it ran last.
        old: ProjectPath,
        /// Where it would run.
        new: ProjectPath,
    },
    /// A built-in command that it calls computes something else now.
    BuiltinChanged {
        /// What ran last, with versions.
        old: Option<String>,
        /// What would run, with versions.
        new: Option<String>,
    },
    /// A dep has other bytes.
    DepChanged {
        /// The dep.
        path: DepName,
        /// What it was read as last.
        old: Digest,
        /// What it is.
        new: Digest,
    },
    /// A dep that the last success did not have.
    DepAdded {
        /// The dep.
        path: DepName,
    },
    /// A dep of the last success that is no longer declared.
    DepRemoved {
        /// The dep.
        path: DepName,
    },
    /// There is no such file. An error unless a stage is about to make it.
    DepMissing {
        /// The dep.
        path: DepName,
    },
    /// A parameter has another value.
    ParamChanged {
        /// Its file.
        #[serde(rename = "path")]
        file: ParamPath,
        /// Its dotted key.
        key: String,
        /// What it was last.
        old: Value,
        /// What it is.
        new: Value,
    },
    /// A parameter that the last success did not have.
    ParamAdded {
        /// Its file.
        #[serde(rename = "path")]
        file: ParamPath,
        /// Its dotted key.
        key: String,
        /// What it is.
        new: Value,
    },
    /// A parameter of the last success that is no longer declared, or no longer in a file that is tracked whole.
    ParamRemoved {
        /// Its file.
        #[serde(rename = "path")]
        file: ParamPath,
        /// Its dotted key.
        key: String,
        /// What it was last.
        old: Value,
    },
    /// A declared parameter that its file does not have. An error: nothing can be said about the stage.
    ParamMissing {
        /// Its file.
        #[serde(rename = "path")]
        file: ParamPath,
        /// Its dotted key; `None` when the whole file is missing.
        key: Option<String>,
    },
    /// The pipeline file spells a parameter file in a way that DVC finds in no lock: the stage is stale until it does not.
    ParamFileMisspelled {
        /// The file.
        #[serde(rename = "path")]
        file: ParamPath,
        /// How it is spelled.
        text: String,
        /// How it should be.
        right: String,
    },
    /// A parameter holds what no lock of DVC's can: the stage is stale until it does not.
    ParamUnrecordable {
        /// Its file.
        #[serde(rename = "path")]
        file: ParamPath,
        /// Its dotted key.
        key: String,
        /// The dotted place of what is held.
        place: String,
        /// What that is.
        what: String,
        /// What to write instead.
        instead: String,
    },
    /// Something in a dep is about to be removed: what a stage wrote whose file is gone.
    DepShrinks {
        /// What goes.
        path: ProjectPath,
    },
    /// A dep, an out or a parameter file cannot be read. An error: nothing can be said about the stage.
    Unreadable {
        /// What cannot be read.
        path: DepName,
        /// Why not, with the causes.
        message: String,
    },
    /// An out is not in the workspace.
    OutMissing {
        /// The out.
        path: DepName,
    },
    /// Data that a pointer tells of is neither in the workspace nor in the cache. An error: nobody can make it.
    DataMissing {
        /// The data.
        path: ProjectPath,
    },
    /// Data is what was last recorded or brought back here, and its pointer tells of other bytes since.
    DataOutdated {
        /// The data.
        path: ProjectPath,
        /// What it is.
        old: Digest,
        /// What the pointer records.
        new: Digest,
    },
    /// The same, and the cache does not hold what the pointer records. An error: somebody has to fetch it.
    DataNotFetched {
        /// The data.
        path: ProjectPath,
        /// What it is.
        old: Digest,
        /// What the pointer records.
        new: Digest,
    },
    /// Some files of data are not here, as after a checkout of the others, which are as its pointer records them. An error
    /// where the cache does not hold them all: somebody has to fetch them.
    DataPartial {
        /// The data.
        path: ProjectPath,
        /// What it is.
        old: Digest,
        /// What the pointer records.
        new: Digest,
        /// So many files are not here,
        absent: u64,
        /// of so many.
        files: u64,
        /// Whether the cache holds what the pointer records.
        in_cache: bool,
    },
    /// Data is a part of what was being brought here when that was cut off. An error where the cache does not hold what the
    /// pointer records, or somebody has put something else there since.
    CheckoutCutOff {
        /// The data.
        path: ProjectPath,
        /// What it is.
        old: Digest,
        /// What the pointer records.
        new: Digest,
        /// Whether the cache holds that.
        in_cache: bool,
        /// Whether something else was put there since.
        is_edited: bool,
    },
    /// Data is not what its pointer records, and either both changed, or nothing here remembers which of them did. An
    /// error: somebody has to choose.
    DataDiverged {
        /// The data.
        path: ProjectPath,
        /// What data and pointer last agreed on here, where that is remembered.
        old: Option<Digest>,
        /// What the pointer records.
        new: Digest,
        /// Whether that is a folder, of which both sides may be taken in part.
        #[serde(default)]
        is_folder: bool,
    },
    /// Where data was imported from, there is other data now, or the data was edited here.
    SourceChanged {
        /// Where it was imported from.
        source: String,
    },
    /// An out has other bytes than the stage wrote.
    OutChanged {
        /// The out.
        path: DepName,
        /// What the stage wrote.
        old: Digest,
        /// What it is.
        new: Digest,
    },
    /// An out that the last success did not write.
    OutAdded {
        /// The out.
        path: DepName,
    },
    /// An out of the last success that is no longer declared.
    OutRemoved {
        /// The out.
        path: ProjectPath,
    },
    /// The cache does not hold an out's bytes.
    OutNotCached {
        /// The out.
        path: ProjectPath,
    },
    /// `persist` of an out was switched.
    PersistChanged {
        /// The out.
        path: ProjectPath,
        /// As it was last.
        old: bool,
        /// As it is.
        new: bool,
    },
    /// An out that is a pattern leaves out something else.
    ExcludeChanged {
        /// The pattern.
        path: ProjectPath,
        /// What it left out last.
        old: Vec<String>,
        /// What it leaves out.
        new: Vec<String>,
    },
    /// A declared variable has another value. Values are told only of variables that are `plain`, or not set.
    EnvChanged {
        /// Its name.
        #[serde(rename = "variable")]
        name: String,
        /// What it was last, where that may be told.
        old: Option<String>,
        /// What it is, where that may be told.
        new: Option<String>,
    },
    /// A variable that the last success did not declare.
    EnvAdded {
        /// Its name.
        #[serde(rename = "variable")]
        name: String,
    },
    /// A variable of the last success that is no longer declared.
    EnvRemoved {
        /// Its name.
        #[serde(rename = "variable")]
        name: String,
    },
    /// It says `always_changed: true`.
    AlwaysChanged,
    /// It has no deps, params, declared variables or outs, so that nothing could be up to date.
    Callback,
    /// The user asked for it.
    Forced,
    /// A stage that it reads from is stale.
    Upstream {
        /// That stage.
        stage: Address,
    },
}

/// Whether a stage must run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Freshness {
    /// Nothing to do.
    Fresh,
    /// At least one reason, in a stable order.
    Stale(Vec<StaleReason>),
}

/// Whether `stage` must run, given its lock and what was observed of its deps, params and outs.
///
/// A missing dep or parameter is a reason like others here; whether it is an error depends on what is
/// about to make it, which the caller knows. Of a frozen stage only the outs count.
pub fn fresh(
    stage: &Stage,
    locked: Option<&StageLock>,
    observed: &Observed,
    builtins: &Builtins,
) -> Freshness {
    let mut reasons = Vec::new();
    if !stage.frozen {
        if stage.always_changed {
            reasons.push(StaleReason::AlwaysChanged);
        } else if stage.is_callback() {
            reasons.push(StaleReason::Callback);
        }
        let (inputs, missing) = Inputs::present(stage, observed, builtins);
        match locked {
            None => reasons.push(StaleReason::New),
            Some(locked) => compare_inputs(stage, &Inputs::of_lock(locked), &inputs, &missing, &mut reasons),
        }
        reasons.extend(missing);
    } else if locked.is_none() {
        reasons.push(StaleReason::New);
    }
    if let Some(locked) = locked {
        compare_outs(stage, locked, observed, &mut reasons);
    }
    if reasons.is_empty() { Freshness::Fresh } else { Freshness::Stale(reasons) }
}

/// Walks both sorted lists of entries side by side; a reason for each that differs or stands on one side only.
fn compare_inputs(
    stage: &Stage,
    old: &Inputs<'_>,
    new: &Inputs<'_>,
    missing: &[StaleReason],
    reasons: &mut Vec<StaleReason>,
) {
    let mut old_entries = old.entries().peekable();
    let mut new_entries = new.entries().peekable();
    loop {
        let order = match (old_entries.peek(), new_entries.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => (old.kind, &*old.path, old.key).cmp(&(new.kind, &*new.path, new.key)),
        };
        let old = if order.is_le() { old_entries.next() } else { None };
        let new = if order.is_ge() { new_entries.next() } else { None };
        let reason = match (old, new) {
            (Some(old), Some(new)) if !old.value.is_same(&new.value) => Some(changed(old, new)),
            (Some(old), None) if !is_missing(stage, &old, missing) => removed(old),
            (None, Some(new)) => added(new),
            _ => None,
        };
        reasons.extend(reason);
    }
}

/// Whether an entry of the lock has no counterpart only because it is declared but not there:
/// that is said once, as missing, not again as removed.
fn is_missing(stage: &Stage, entry: &Entry<'_>, missing: &[StaleReason]) -> bool {
    match entry.kind {
        Kind::Dep => stage.deps.binary_search(&entry.path).is_ok(),
        Kind::Special(kind) => {
            stage.special.iter().any(|special| special.name.kind == kind && special.name.text == entry.key)
        }
        Kind::Param | Kind::ParamOutside => missing.iter().any(|reason| match reason {
            StaleReason::ParamMissing { file, key } => {
                *file == entry.param_file() && key.as_deref().is_none_or(|key| key == entry.key)
            }
            _ => false,
        }),
        _ => false,
    }
}

/// What a reason calls an entry of a dep.
fn dep_name(entry: &Entry<'_>) -> DepName {
    match entry.kind {
        Kind::Special(kind) => SpecialName { kind, text: entry.key.to_owned() }.into(),
        _ => entry.path.clone().into_owned().into(),
    }
}

fn changed(old: Entry<'_>, new: Entry<'_>) -> StaleReason {
    let (dep, file) = (dep_name(&new), new.param_file());
    let path = new.path.into_owned();
    let text = |value: &EntryValue<'_>| match value {
        EntryValue::Text(text) => Some((*text).to_owned()),
        _ => None,
    };
    match (new.kind, &old.value, &new.value) {
        (Kind::Command, EntryValue::Command(old), EntryValue::Command(new)) => {
            StaleReason::CommandChanged { old: (*old).clone(), new: (*new).clone() }
        }
        (Kind::Shell, old, new) => StaleReason::ShellChanged { old: text(old), new: text(new) },
        (Kind::Wdir, EntryValue::Path(old), EntryValue::Path(new)) => {
            StaleReason::WdirChanged { old: (*old).clone(), new: (*new).clone() }
        }
        (Kind::Builtin, old, new) => StaleReason::BuiltinChanged { old: text(old), new: text(new) },
        (
            Kind::Dep | Kind::Special(_),
            &EntryValue::Content { digest: old, .. },
            &EntryValue::Content { digest: new, .. },
        ) => StaleReason::DepChanged { path: dep, old, new },
        (Kind::Param | Kind::ParamOutside, EntryValue::Value(old), EntryValue::Value(value)) => {
            StaleReason::ParamChanged {
                file,
                key: new.key.to_owned(),
                old: (*old).clone(),
                new: (*value).clone(),
            }
        }
        (Kind::Out, &EntryValue::Bool(old), &EntryValue::Bool(new)) => {
            StaleReason::PersistChanged { path, old, new }
        }
        (Kind::OutGlob, EntryValue::Patterns(old), EntryValue::Patterns(new)) => {
            StaleReason::ExcludeChanged { path, old: old.to_vec(), new: new.to_vec() }
        }
        (Kind::Env, EntryValue::Env(old), EntryValue::Env(state)) => {
            let shown = |state: &EnvState| state.shown().map(std::borrow::Cow::into_owned);
            StaleReason::EnvChanged { name: new.key.to_owned(), old: shown(old), new: shown(state) }
        }
        // Dropping a difference here would be a wrong verdict; better none at all.
        (kind, ..) => unreachable!("entries of kind {kind:?} hold values of one type"),
    }
}

fn added(new: Entry<'_>) -> Option<StaleReason> {
    let (dep, file) = (dep_name(&new), new.param_file());
    let path = new.path.into_owned();
    match (new.kind, new.value) {
        (Kind::Dep | Kind::Special(_), _) => Some(StaleReason::DepAdded { path: dep }),
        (Kind::Param | Kind::ParamOutside, EntryValue::Value(value)) => {
            Some(StaleReason::ParamAdded { file, key: new.key.to_owned(), new: value.clone() })
        }
        (Kind::Out | Kind::OutGlob, _) => Some(StaleReason::OutAdded { path: path.into() }),
        (Kind::Env, _) => Some(StaleReason::EnvAdded { name: new.key.to_owned() }),
        // The entries without path stand on both sides always.
        _ => None,
    }
}

fn removed(old: Entry<'_>) -> Option<StaleReason> {
    let (dep, file) = (dep_name(&old), old.param_file());
    let path = old.path.into_owned();
    match (old.kind, old.value) {
        (Kind::Dep | Kind::Special(_), _) => Some(StaleReason::DepRemoved { path: dep }),
        (Kind::Param | Kind::ParamOutside, EntryValue::Value(value)) => {
            Some(StaleReason::ParamRemoved { file, key: old.key.to_owned(), old: value.clone() })
        }
        (Kind::Out | Kind::OutGlob, _) => Some(StaleReason::OutRemoved { path }),
        (Kind::Env, _) => Some(StaleReason::EnvRemoved { name: old.key.to_owned() }),
        _ => None,
    }
}

/// What is in the workspace and the cache, against what the stage wrote. Of a frozen stage, whose inputs
/// nobody compared, a new out is told here.
fn compare_outs(stage: &Stage, locked: &StageLock, observed: &Observed, reasons: &mut Vec<StaleReason>) {
    for (at, out) in stage.outs.iter().enumerate() {
        let path = out.path.clone();
        let found = observed.outs.get(at).copied().flatten();
        let reason = match (locked.recorded(out), found) {
            (None, _) => stage.frozen.then(|| StaleReason::OutAdded { path: path.into() }),
            (Some(old), now) if differs(old, now.as_ref()) => Some(changed_out(path.into(), old, now)),
            _ if out.cache && !observed.outs_cached.get(at).copied().unwrap_or(false) => {
                Some(StaleReason::OutNotCached { path })
            }
            _ => None,
        };
        reasons.extend(reason);
    }
    for (at, out) in stage.special_outs.iter().enumerate() {
        let path = DepName::from(out.name.clone());
        let found = observed.special_outs.get(at).copied().flatten();
        match locked.special_out(&out.name) {
            None => reasons.push(StaleReason::OutAdded { path }),
            Some(old) if differs(old, found.as_ref()) => reasons.push(changed_out(path, old, found)),
            Some(_) => {}
        }
    }
}

/// Whether an out is gone, or not what was written.
fn differs(old: &FileState, now: Option<&FileState>) -> bool {
    now.is_none_or(|now| old.digest != now.digest || old.is_folder() != now.is_folder())
}

/// What is said of an out that differs.
fn changed_out(path: DepName, old: &FileState, now: Option<FileState>) -> StaleReason {
    match now {
        None => StaleReason::OutMissing { path },
        Some(now) => StaleReason::OutChanged { path, old: old.digest, new: now.digest },
    }
}

#[cfg(test)]
#[path = "fresh_tests.rs"]
mod tests;
