//! How long one waits for other processes that hold the file.

use std::time::Duration;

use super::fault::Fault;
use crate::StoreError;

/// How long a writer waits for others.
pub(super) const BUSY_SECONDS: u64 = 30;
/// How long one waits who can write later just as well.
const BRIEF_SECONDS: u64 = 5;
/// How long one waits for whom somebody waits in turn.
const MOMENT_SECONDS: u64 = 1;
/// How many naps one takes who does not wait.
const NAPS_AT_ONCE: u32 = 20;
/// One nap while waiting. SQLite's own waiting doubles its naps up to 100 ms, so that of eight
/// writers the unlucky one starves.
const NAP: Duration = Duration::from_millis(2);

/// How long one waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// As a writer.
    Long,
    /// As who can write later just as well.
    Brief,
    /// As whom somebody waits for in turn.
    Moment,
    /// Not at all.
    None,
}

impl Patience {
    /// Waits for a lock until the time is over; SQLite says how often it has asked before.
    pub(super) fn nap(self) -> fn(i32) -> bool {
        match self {
            Patience::Long => |asked| nap(asked, BUSY_SECONDS),
            Patience::Brief => |asked| nap(asked, BRIEF_SECONDS),
            Patience::Moment => |asked| nap(asked, MOMENT_SECONDS),
            // A moment all the same: others that log write for as long.
            Patience::None => |asked| nap(asked, 0) || asked.unsigned_abs() < NAPS_AT_ONCE,
        }
    }

    /// The same fault with the time that was really waited.
    pub(super) fn told(self, fault: StoreError) -> StoreError {
        match (self, fault) {
            (Patience::Brief, StoreError::Busy { path, .. }) => {
                StoreError::Busy { path, seconds: BRIEF_SECONDS }
            }
            (Patience::Moment, StoreError::Busy { path, .. }) => {
                StoreError::Busy { path, seconds: MOMENT_SECONDS }
            }
            (Patience::None, StoreError::Busy { path, .. }) => StoreError::Busy { path, seconds: 0 },
            (_, fault) => fault,
        }
    }
}

fn nap(asked: i32, seconds: u64) -> bool {
    std::thread::sleep(NAP);
    u128::from(asked.unsigned_abs()) * NAP.as_millis() < u128::from(seconds) * 1000
}

/// The change to write-ahead logging does not ask the busy handler, so two processes that make the
/// file at the same moment would see "locked" here and only here.
pub(super) fn patiently<T>(
    nap: fn(i32) -> bool,
    mut attempt: impl FnMut() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut asked = 0;
    loop {
        match attempt() {
            Err(fault) if fault.is_busy() && nap(asked) => asked += 1,
            done => return done,
        }
    }
}
