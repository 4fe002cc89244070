//! What a command that did not succeed tells: the chain of causes, hints, and the exit code.

use std::fmt;

use crate::git::GitError;

/// Why a command failed, in the terms of the exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A stage failed, or what was checked is stale or different: 1.
    Negative,
    /// It could not be told: wrong usage, bad input, I/O, our fault: 2.
    Unable,
    /// Interrupted by this signal: 128 and the signal's number.
    Interrupted(i32),
}

impl ErrorKind {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            ErrorKind::Negative => 1,
            ErrorKind::Unable => 2,
            ErrorKind::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(2),
        }
    }
}

/// An error at the edge.
#[derive(Debug)]
pub struct CliError {
    /// What exit code it means.
    pub kind: ErrorKind,
    /// What went wrong; `None` when everything was said already.
    pub source: Option<anyhow::Error>,
    /// What to do next, besides what the causes themselves suggest.
    pub hints: Vec<String>,
}

impl CliError {
    /// An error that has told its story already.
    pub fn silent(kind: ErrorKind) -> Self {
        CliError { kind, source: None, hints: Vec::new() }
    }

    /// An error with a message of its own.
    pub fn message(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        CliError { kind: ErrorKind::Unable, source: Some(anyhow::Error::msg(message)), hints: Vec::new() }
    }

    /// Something that was asked for and is not done, because it may not be meant: exit code 1.
    pub fn refusal(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        CliError { kind: ErrorKind::Negative, ..CliError::message(message) }
    }

    /// The same error, with what was being done.
    #[must_use]
    pub fn context(self, text: impl fmt::Display + Send + Sync + 'static) -> Self {
        CliError { source: self.source.map(|source| source.context(text)), ..self }
    }

    /// Whether it comes from a place where nothing can be written.
    pub fn is_read_only(&self) -> bool {
        let causes = || self.source.iter().flat_map(anyhow::Error::chain);
        causes()
            .any(|cause| cause.downcast_ref::<disk::DiskError>().is_some_and(disk::DiskError::is_read_only))
    }

    /// Whether git does not read the repository.
    pub fn is_of_foreign_repository(&self) -> bool {
        let fault = self.source.as_ref().and_then(|source| source.downcast_ref::<GitError>());
        matches!(fault, Some(GitError::Foreign { .. }))
    }

    /// A run is asked for where there is none.
    pub fn no_run_yet() -> Self {
        CliError::message("no run was recorded in this project yet").hint("`pipe repro` records one")
    }

    /// The same error with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The hints of the causes, then its own.
    pub fn all_hints(&self) -> Vec<String> {
        let mut hints: Vec<String> = Vec::new();
        for cause in self.source.iter().flat_map(anyhow::Error::chain) {
            hints.extend(hints_of(cause));
        }
        hints.extend(self.hints.iter().cloned());
        hints.dedup();
        hints
    }
}

/// What one cause suggests. An error that only wraps another one is no link of the chain besides it, so it is
/// opened here.
fn hints_of(cause: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let one = |hint: Option<&str>| hint.map(str::to_owned).into_iter().collect();
    if let Some(fault) = cause.downcast_ref::<disk::DiskError>() {
        one(fault.hint())
    } else if let Some(GitError::NoRevision(_)) = cause.downcast_ref() {
        one(Some("`git branch --all`, `git tag` and `git log` of that repository tell which there are"))
    } else if let Some(fault) = cause.downcast_ref::<track::StoreError>() {
        one(fault.hint())
    } else if let Some(fault) = cause.downcast_ref::<pipeline::LoadFault>() {
        fault.hints().map(str::to_owned).collect()
    } else if let Some(fault) = cause.downcast_ref::<pipeline::PipelineError>() {
        one(fault.hint.as_deref())
    } else if let Some(fault) = cause.downcast_ref::<pipeline::TargetError>() {
        one(fault.hint.as_deref())
    } else if let Some(fault) = cause.downcast_ref::<crate::settings::SettingsError>() {
        one(fault.hint.as_deref())
    } else if let Some(fault) = cause.downcast_ref::<disk::JournalError>() {
        match fault {
            disk::JournalError::Damaged { .. } => {
                one(Some("move the journal away: the lock file and the cache keep what was finished before"))
            }
            disk::JournalError::Disk(fault) => hints_of(fault),
        }
    } else if let Some(exec::LedgerError::Lock(fault)) = cause.downcast_ref() {
        hints_of(fault)
    } else if let Some(exec::LedgerError::Journal(fault)) = cause.downcast_ref() {
        hints_of(fault)
    } else if let Some(exec::LedgerError::Disk(fault)) = cause.downcast_ref() {
        hints_of(fault)
    } else if let Some(fault) = cause.downcast_ref::<cache::GcError>() {
        match fault {
            cache::GcError::Root(cache::CacheError::Damaged { .. } | cache::CacheError::Tree { .. }) => {
                one(Some("move the damaged blob away; `pipe repro` makes it anew where it is an out"))
            }
            cache::GcError::Entry { .. } => {
                one(Some("move the entry away: what it alone names is garbage then"))
            }
            _ => Vec::new(),
        }
    } else if let Some(fault) = cause.downcast_ref::<GitError>() {
        fault.hint().into_iter().collect()
    } else if let Some(fault) = cause.downcast_ref::<cache::RemoteError>() {
        one(fault.hint())
    } else if let Some(fault) = cause.downcast_ref::<cache::TransferError>() {
        match fault {
            cache::TransferError::Remote(fault) => hints_of(fault),
            cache::TransferError::Cache(fault) => hints_of(fault),
            cache::TransferError::Unread(_) | cache::TransferError::Stopped => Vec::new(),
        }
    } else if let Some(fault) = cause.downcast_ref::<cache::RemoteGcError>() {
        match fault {
            cache::RemoteGcError::Gc(fault) => hints_of(fault),
            cache::RemoteGcError::Transfer(fault) => hints_of(fault),
        }
    } else if let Some(fault) = cause.downcast_ref::<exec::Failure>() {
        match fault {
            exec::Failure::Cache(fault) => hints_of(fault),
            exec::Failure::Disk(fault) => hints_of(fault),
            exec::Failure::Ledger(fault) => hints_of(fault),
            _ => Vec::new(),
        }
    } else if let Some(fault) = cause.downcast_ref::<cache::CacheError>() {
        match fault {
            cache::CacheError::Disk(fault) => hints_of(fault),
            fault => one(fault.hint()),
        }
    } else {
        Vec::new()
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for CliError {
    fn from(source: E) -> Self {
        CliError { kind: ErrorKind::Unable, source: Some(source.into()), hints: Vec::new() }
    }
}

/// What a command comes to.
pub type CliResult<T = ()> = Result<T, CliError>;

/// An error with what caused it, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = next.source();
    }
    text
}
