//! Tags by which `pipe` or MLflow's client keep their books, which people see when they ask for all.

use crate::{DIRECTION_TAG, SETTLED_TAG};

/// The command that ran.
pub const COMMAND_TAG: &str = "pipe.command";
/// Why it ran.
pub const REASONS_TAG: &str = "pipe.reasons";
/// The exit code of the command.
pub const EXIT_CODE_TAG: &str = "pipe.exit_code";
/// The signal that ended the command.
pub const SIGNAL_TAG: &str = "pipe.signal";
/// What went wrong.
pub const FAILURE_TAG: &str = "pipe.failure";
/// Where partial outs of a failure were moved.
pub const PARTIAL_TAG: &str = "pipe.partial_outs";
/// Before the name of a declared variable of the environment: its value where it may be shown, else its digest.
pub const ENV_TAG: &str = "pipe.env.";
/// The tag that MLflow keeps a run's note in.
pub const NOTE_TAG: &str = "mlflow.note.content";

/// Whether a tag is one by which `pipe` or MLflow's client keep their books. What ran, why and how it ended is told to everybody.
pub fn is_bookkeeping(key: &str) -> bool {
    const TOLD: [&str; 8] = [
        COMMAND_TAG,
        REASONS_TAG,
        EXIT_CODE_TAG,
        SIGNAL_TAG,
        FAILURE_TAG,
        PARTIAL_TAG,
        SETTLED_TAG,
        NOTE_TAG,
    ];
    let is_told = TOLD.contains(&key) || key.starts_with(ENV_TAG) || key.starts_with(DIRECTION_TAG);
    (key.starts_with("pipe.") || key.starts_with("mlflow.")) && !is_told
}
