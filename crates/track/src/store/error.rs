//! Why a run store did not do what was asked, and what sort of answer that is.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::{KeyError, ModelId, Precondition, RunId, Stage};

/// Why a run store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such run.
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    /// No run matches what a person wrote.
    #[error("no run has an id that starts or ends with `{}`, or that name", base::one_line(.0))]
    NoMatch(String),
    /// The run that matches what a person wrote was deleted.
    #[error("run `{}` ({name}) is deleted", base::one_line(wanted))]
    FoundDeleted {
        /// What was written.
        wanted: String,
        /// The run's name, on one line.
        name: String,
    },
    /// No run has such an id.
    #[error("no run has an id that starts or ends with `{0}`")]
    NoSuchId(String),
    /// A text that can be no id of a run.
    #[error(
        "`{0}` is no id of a run: expected 4 to 32 hexadecimal digits, the start or the end of one, or `last`"
    )]
    NoId(String),
    /// `last~N` goes back before the first run.
    #[error("there is no run `{wanted}`: {count} {} recorded", if *count == 1 { "run was" } else { "runs were" })]
    NotSoMany {
        /// What was written.
        wanted: String,
        /// How many runs without a parent there are.
        count: i64,
    },
    /// Several runs match what a person wrote.
    #[error("`{}` could be {count} runs, the newest first: {}", base::one_line(wanted), listed(candidates, *count))]
    Ambiguous {
        /// What was written.
        wanted: String,
        /// How many match.
        count: usize,
        /// The newest of them, as `id (name, start)`, where the id is an end that finds this run alone.
        candidates: Vec<String>,
    },
    /// No such experiment.
    #[error("there is no active experiment `{0}`")]
    UnknownExperiment(String),
    /// The experiment was deleted and takes no changes.
    #[error("experiment `{0}` is deleted: restore it before changing it")]
    ExperimentDeleted(String),
    /// The first experiment cannot be deleted: runs without an experiment go there.
    #[error("experiment 0 is where runs without an experiment go, and cannot be deleted")]
    FirstExperiment,
    /// Something else is not there.
    #[error("there is no {noun} `{name}`")]
    Unknown {
        /// What it is: `logged model`, `registered model`, `version`, `alias`, `tag` …
        noun: &'static str,
        /// How it was named.
        name: String,
    },
    /// A registered model has no such version or alias.
    #[error("registered model `{model}` has no {what}")]
    NotOfModel {
        /// The registered model.
        model: String,
        /// Which: `version 3`.
        what: String,
    },
    /// The name of something else is taken.
    #[error("{noun} `{name}` exists already")]
    Exists {
        /// What it is.
        noun: &'static str,
        /// Its name.
        name: String,
    },
    /// A logged model was deleted and takes no changes.
    #[error("logged model {0} is deleted: restore it before changing it")]
    ModelDeleted(ModelId),
    /// What is to be removed for ever must be deleted first.
    #[error("{noun} `{name}` is not deleted: delete it before it is removed for ever")]
    NotDeleted {
        /// What it is.
        noun: &'static str,
        /// How it is named.
        name: String,
    },
    /// Versions of a stage that nobody uses cannot give way to others.
    #[error("existing versions give way to one in Staging or Production, not to one in {0}")]
    StageNotInUse(Stage),
    /// The name is taken.
    #[error("experiment `{0}` exists already")]
    ExperimentExists(String),
    /// The run was made before.
    #[error("run {0} exists already")]
    RunExists(RunId),
    /// The run was deleted and takes no changes.
    #[error("run {run} is deleted: restore it before changing it")]
    Deleted {
        /// The run.
        run: RunId,
    },
    /// A key, name or value is against the rules.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A param has another value already.
    #[error("param `{key}` of run {run} is `{old}` and cannot become `{new}`: params are set once")]
    ParamChanged {
        /// The run.
        run: RunId,
        /// The param's key.
        key: String,
        /// The value it has.
        old: String,
        /// The value that was refused.
        new: String,
    },
    /// A param of a logged model has another value already.
    #[error(
        "param `{key}` of logged model {model} is `{old}` and cannot become `{new}`: params are set once"
    )]
    ModelParamChanged {
        /// The model.
        model: ModelId,
        /// The param's key.
        key: String,
        /// The value it has.
        old: String,
        /// The value that was refused.
        new: String,
    },
    /// A file cannot be a folder too.
    #[error(
        "artifact `{}` cannot be logged where `{}` is: a name is a file or a folder, not both",
        base::one_line(path),
        base::one_line(other)
    )]
    ArtifactInTheWay {
        /// The path that was refused.
        path: String,
        /// The artifact that is there.
        other: String,
    },
    /// A time before 1970.
    #[error("{what} has a time before 1970: {millis} ms")]
    Time {
        /// What has it.
        what: String,
        /// The time.
        millis: i64,
    },
    /// A precondition does not hold; nothing was changed.
    #[error("it does not hold that {precondition}{}", found.as_ref().map(|found| format!(": {found}")).unwrap_or_default())]
    Precondition {
        /// The first that does not hold.
        precondition: Box<Precondition>,
        /// What was found instead, where that says more.
        found: Option<String>,
    },
    /// The file is no database, or is damaged.
    #[error("the run store {} is damaged or is no run store: {reason}", base::shown(path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was seen.
        reason: String,
    },
    /// A later version of `pipe` made the file.
    #[error(
        "the run store {} was made by a newer pipe: schema {found}, this pipe knows {known}",
        base::shown(path)
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema of the file.
        found: i64,
        /// The schema of this program.
        known: i64,
    },
    /// Other processes kept the store locked too long.
    #[error("the run store {} {}", base::shown(path), locked(*seconds))]
    Busy {
        /// The file.
        path: PathBuf,
        /// How long we waited, if at all.
        seconds: u64,
    },
    /// It can be read here, and not written.
    #[error("the run store {} can only be read here: nothing was recorded", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The disk has no room for what is to be written.
    #[error("the disk is full: nothing was recorded in the run store {}", base::shown(path))]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Somebody removed it while it was open.
    #[error("the run store {} was removed while it was open: nothing was recorded", base::shown(path))]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// It is not there, and is not made anew by who only reads or logs to a run that it has.
    #[error("the run store {} is missing{}", base::shown(path), waiting_text(*waiting, spool))]
    Missing {
        /// The file.
        path: PathBuf,
        /// How many sets of changes wait for it.
        waiting: usize,
        /// Where they wait.
        spool: PathBuf,
    },
    /// It cannot even be read.
    #[error("the run store {} may not be read by this user", base::shown(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// Machines that share it would not see each other's locks.
    #[error(
        "the run store {} is on a network mount with `{option}`, which keeps its locks from other machines: \
         nothing is written to it",
        base::shown(path)
    )]
    NoLocks {
        /// The file.
        path: PathBuf,
        /// The option of the mount.
        option: String,
    },
    /// Anything else that went wrong below.
    #[error("failed to {doing} the run store {}", base::shown(path))]
    Failed {
        /// What was being done: `open`, `read`, `write`, `upgrade`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What sort of answer a [`StoreError`] is, for those who translate it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// What was named is not there.
    NotFound,
    /// The name is taken.
    Exists,
    /// What was asked for is against the rules.
    Invalid,
    /// It is not in the state that the change needs, or a precondition does not hold.
    State,
    /// The store itself failed.
    Failed,
}

fn locked(seconds: u64) -> String {
    match seconds {
        0 => "is locked by other processes".to_owned(),
        seconds => format!("was locked by other processes for {seconds} s"),
    }
}

impl StoreError {
    /// What sort of answer it is.
    pub fn kind(&self) -> ErrorKind {
        use StoreError as E;
        match self {
            E::UnknownRun(_)
            | E::NoMatch(_)
            | E::FoundDeleted { .. }
            | E::NoSuchId(_)
            | E::NotOfModel { .. }
            | E::NotSoMany { .. }
            | E::UnknownExperiment(_)
            | E::Unknown { .. } => ErrorKind::NotFound,
            E::ExperimentExists(_) | E::RunExists(_) | E::Exists { .. } => ErrorKind::Exists,
            E::Ambiguous { .. }
            | E::NoId(_)
            | E::FirstExperiment
            | E::StageNotInUse(_)
            | E::Key(_)
            | E::ParamChanged { .. }
            | E::ModelParamChanged { .. }
            | E::ArtifactInTheWay { .. }
            | E::Time { .. } => ErrorKind::Invalid,
            E::ExperimentDeleted(_)
            | E::Deleted { .. }
            | E::ModelDeleted(_)
            | E::NotDeleted { .. }
            | E::Precondition { .. } => ErrorKind::State,
            E::Damaged { .. }
            | E::Newer { .. }
            | E::Busy { .. }
            | E::ReadOnly { .. }
            | E::Full { .. }
            | E::Gone { .. }
            | E::Missing { .. }
            | E::Unreadable { .. }
            | E::NoLocks { .. }
            | E::Failed { .. } => ErrorKind::Failed,
        }
    }

    /// What the user can do about it, if there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            StoreError::Damaged { .. } => {
                Some("move it away; the runs in it are lost to pipe, the pipeline is not")
            }
            StoreError::Newer { .. } => Some("use the newer pipe, or move the file away"),
            StoreError::ReadOnly { .. } => Some(
                "check who may write to it and to its folder, and whether its file system is mounted read-only",
            ),
            StoreError::FoundDeleted { .. } => {
                Some("`pipe runs restore` brings it back; `pipe runs list --deleted` shows what was deleted")
            }
            StoreError::Full { .. } => Some("free some space and try again"),
            StoreError::Gone { .. } => {
                Some("put it back; where it is gone for good, the next `pipe` that records makes a new one")
            }
            StoreError::Missing { .. } => {
                Some("put it back; a command that records (`pipe repro`, `pipe runs start`) makes a new one")
            }
            StoreError::Unreadable { .. } => {
                Some("who made it alone may read it, and can show runs to others with `pipe ui`")
            }
            StoreError::NoLocks { .. } => Some(
                "mount it with locks that reach the server, or keep the project on a disk of this machine",
            ),
            StoreError::ArtifactInTheWay { .. } => Some("`--as` logs it under another name"),
            StoreError::NoMatch(_)
            | StoreError::NoSuchId(_)
            | StoreError::NoId(_)
            | StoreError::NotSoMany { .. } => Some("`pipe runs list` shows the runs that there are"),
            StoreError::Ambiguous { .. } => {
                Some("give one of these ids, or more digits; `last` is the newest run")
            }
            _ => None,
        }
    }
}

fn waiting_text(waiting: usize, spool: &Path) -> String {
    match waiting {
        0 => String::new(),
        1 => format!(", and 1 set of changes waits for it in {}", base::shown(spool)),
        many => format!(", and {many} sets of changes wait for it in {}", base::shown(spool)),
    }
}

fn listed(candidates: &[String], count: usize) -> String {
    let more = if candidates.len() < count { ", …" } else { "" };
    format!("{}{more}", base::one_line(&candidates.join(", ")))
}
