//! What a reproduction tells while it goes on. Events ask for nothing: whoever listens decides what to show.

use std::path::PathBuf;

use base::FileState;
use pipeline::{DepName, StageId, StaleReason};

use crate::job::{Failure, Outcome};
use crate::runner::Stream;

/// Something happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A stage's command is about to start.
    Started {
        /// The stage.
        stage: StageId,
        /// Why it runs.
        reasons: &'a [StaleReason],
    },
    /// A command wrote a line.
    Line {
        /// The stage.
        stage: StageId,
        /// Where it wrote to.
        stream: Stream,
        /// The line, without its end.
        text: &'a str,
    },
    /// A stage has to wait, since another process is at work on what it reads or writes. Told once per stage.
    Waiting {
        /// The stage.
        stage: StageId,
        /// Who is in the way.
        by: &'a str,
    },
    /// Bytes that nothing else kept were saved before they are replaced.
    Saved {
        /// The stage whose out they were.
        stage: StageId,
        /// The out.
        path: &'a DepName,
        /// What it held.
        state: &'a FileState,
    },
    /// A stage is up to date.
    Finished {
        /// The stage.
        stage: StageId,
        /// How.
        outcome: &'a Outcome,
    },
    /// A stage could not be brought up to date.
    Failed {
        /// The stage.
        stage: StageId,
        /// Why.
        failure: &'a Failure,
        /// The folder with its logs, when it got so far.
        folder: Option<&'a PathBuf>,
        /// Where its partial outs are, when there are any.
        partial: Option<&'a PathBuf>,
    },
    /// A stage cannot run because one before it failed.
    Blocked {
        /// The stage.
        stage: StageId,
        /// The one that failed.
        by: StageId,
    },
    /// Something that is no failure, but that someone should know.
    Warning(String),
}

/// Who listens. Called from several threads at once.
pub trait Observer: Sync {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}
