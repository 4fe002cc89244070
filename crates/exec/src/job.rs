//! One stage at work, and who is told about it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use base::{FileState, ProjectPath, Timestamp};
use cache::StageEntry;
use pipeline::{DepName, Out, Stage, StageKey, StageLock, StaleReason};

use crate::claim::InTheWay;
use crate::runner::{Exit, RunError};

/// A stage that is about to run or to be restored.
#[derive(Debug)]
pub struct Job<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// The key of its inputs.
    pub key: StageKey,
    /// Why it is not up to date.
    pub reasons: &'a [StaleReason],
    /// Its inputs, with an empty list of outs.
    pub inputs: &'a StageLock,
    /// When the job began.
    pub started: Timestamp,
}

/// What a command finds around it.
#[derive(Debug)]
pub struct JobEnv {
    /// The run that records it, when there is one.
    pub run: Option<String>,
    /// Where its logs go, and its partial outs when it fails; made with the first of them.
    pub folder: PathBuf,
    /// Variables for its processes.
    pub variables: Vec<(OsString, OsString)>,
    /// Variables that its processes do not inherit.
    pub cleared: Vec<OsString>,
}

/// Where a restored result came from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The last success that the lock records; only outs had changed.
    Lock,
    /// An earlier result in the stage cache.
    StageCache(Box<StageEntry>),
}

/// A stage's outs with what they hold, in the stage's order.
pub type OutStates = Vec<(ProjectPath, FileState)>;

/// How a stage came to be up to date.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was already.
    Fresh,
    /// Its outs were put back without running it.
    Restored {
        /// Where they came from.
        source: Source,
        /// What was put back.
        outs: OutStates,
    },
    /// It is data that has changed, or a frozen stage with outs that were not known, and was stored and recorded.
    Recorded {
        /// What it holds.
        outs: OutStates,
        /// Whether that is what was recorded already, and only the cache had lost it.
        is_anew: bool,
    },
    /// Its command ran.
    Ran {
        /// How long the command took.
        duration: Duration,
        /// What it wrote.
        outs: OutStates,
    },
}

/// Why a stage could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Its command ended with this.
    #[error("{}", describe_exit(*exit))]
    Command {
        /// How the command ended.
        exit: Exit,
        /// How long it took.
        duration: Duration,
    },
    /// Its command succeeded without writing an out.
    #[error("the command ended well but did not write {}", list(missing))]
    OutsMissing {
        /// The outs that are not there.
        missing: Vec<DepName>,
        /// How long the command took.
        duration: Duration,
    },
    /// `pipe` was told to stop.
    #[error("it was interrupted")]
    Interrupted {
        /// How the command ended, when it had started.
        exit: Option<Exit>,
    },
    /// Whoever was asked did not want it.
    #[error("it was declined")]
    Declined,
    /// It could not be started or followed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// An input is not there.
    #[error("{}", list_reasons(.0))]
    MissingInput(Vec<StaleReason>),
    /// Another process is at work on what it reads or writes.
    #[error("{0}")]
    Busy(String),
    /// What is known of its last success cannot be read.
    #[error(transparent)]
    Ledger(#[from] crate::LedgerError),
    /// Running it would destroy something.
    #[error("{0}")]
    Refused(String),
    /// The cache or the disk failed.
    #[error(transparent)]
    Cache(#[from] cache::CacheError),
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
}

impl From<InTheWay> for Failure {
    fn from(found: InTheWay) -> Self {
        match found {
            InTheWay::Busy(by) => Failure::Busy(by),
            InTheWay::MadeSince { stage, out } => {
                let out = base::shown(&out);
                Failure::Refused(format!("{out}, an out of {stage}, was made since it was cut off"))
            }
        }
    }
}

impl Failure {
    /// Whether the stage itself failed (its command did) or was declined, rather than `pipe` being unable to tell.
    pub fn is_of_stage(&self) -> bool {
        matches!(self, Failure::Command { .. } | Failure::OutsMissing { .. } | Failure::Declined)
    }
}

fn describe_exit(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("the command exited with code {code}"),
        Exit::Signal(signal) => {
            format!("the command was killed by signal {signal} ({})", signal_name(signal))
        }
        Exit::TimedOut => "the command was stopped because its `timeout` had passed".to_owned(),
    }
}

/// The name of a signal, as `kill -l` has it.
pub fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL, perhaps for want of memory",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => "see `kill -l`",
    }
}

fn list(paths: &[DepName]) -> String {
    paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ")
}

fn list_reasons(reasons: &[StaleReason]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Who prepares jobs and records what became of them. Called from several threads at once.
///
/// A host that cannot record says so by itself (a warning): it never fails a stage.
pub trait Host: Sync {
    /// Whether the stage may write its outs; the text says why not and what to do.
    ///
    /// # Errors
    /// When running it would destroy what somebody else keeps.
    fn permit(&self, stage: &Stage) -> Result<(), String>;

    /// Called when the disk is full and a claim or a success has to be written down by `write`: gives back for that what
    /// room it set aside.
    fn in_reserve(&self, write: &mut dyn FnMut()) {
        write();
    }

    /// Called before the first process of a stage starts.
    fn prepare(&self, job: &Job<'_>) -> JobEnv;

    /// Adds what only the host knows (git revision, metrics) to a result before it is cached.
    fn annotate(&self, stage: &Stage, entry: &mut StageEntry);

    /// Called when a stage was restored or its command has ended, once per job.
    fn finish(
        &self,
        job: &Job<'_>,
        env: Option<&JobEnv>,
        outcome: Result<&Outcome, &Failure>,
        partial: Option<&PathBuf>,
    );
}

/// Who brings results into the cache from elsewhere. Called from several threads at once.
pub trait Supplier: Sync {
    /// Brings what would save the stage from running: what its lock records, given when it is of the same inputs, or a
    /// result of those inputs, a lock without outs. That there is none is no fault.
    ///
    /// # Errors
    /// When it cannot be told whether there is one; the stage does not run then.
    fn supply(
        &self,
        stage: &Stage,
        inputs: Option<&StageLock>,
        locked: Option<&StageLock>,
    ) -> Result<(), String>;

    /// Brings what `locked` records at `path`, which is `out` or lies in it, into the cache, and says what that is; `None`
    /// where nothing is recorded there, or no remote has it.
    ///
    /// # Errors
    /// When it cannot be told.
    fn supply_dep(
        &self,
        out: &Out,
        locked: &StageLock,
        path: &ProjectPath,
    ) -> Result<Option<FileState>, String>;
}
