//! The signals that end what is going on, in order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use exec::Pause;
use signal_hook::consts::SIGTSTP;

use crate::environment;
use crate::error::{CliError, CliResult, ErrorKind};

/// Listens for Ctrl-Z, from now on; nobody is told where it is ignored.
///
/// # Errors
/// When the system refuses.
pub fn listen_for_pause() -> CliResult<Pause> {
    let asked: Arc<AtomicBool> = Arc::default();
    if environment::may_halt() {
        signal_hook::flag::register(SIGTSTP, asked.clone())
            .map_err(|source| disk::DiskError::new("listen for signals", Path::new("."), source))?;
    }
    Ok(Pause { asked, halt: || drop(signal_hook::low_level::emulate_default_handler(SIGTSTP)) })
}

/// Listens for the signals that end a command in order, from its making on. The default one listens for nothing: for
/// commands that a signal may simply end.
#[derive(Debug, Default)]
pub struct Interrupt {
    /// Set when a signal came.
    pub stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> CliResult<Self> {
        let interrupt = Interrupt { stop: Arc::default(), signal: Arc::default() };
        for signal in environment::ending_signals() {
            let number = usize::try_from(signal).expect("signals are small positive numbers");
            signal_hook::flag::register_usize(signal, interrupt.signal.clone(), number)
                .and_then(|_| signal_hook::flag::register(signal, interrupt.stop.clone()))
                .map_err(|source| disk::DiskError::new("listen for signals", Path::new("."), source))?;
        }
        Ok(interrupt)
    }

    /// Whether a signal came.
    pub fn came(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Goes on where no signal came.
    ///
    /// # Errors
    /// When one did.
    pub fn check(&self) -> CliResult {
        if self.came() { Err(CliError::silent(ErrorKind::Interrupted(self.signal()))) } else { Ok(()) }
    }

    /// The signal that came; SIGINT before any did.
    pub fn signal(&self) -> i32 {
        match self.signal.load(Ordering::SeqCst) {
            0 => signal_hook::consts::SIGINT,
            signal => i32::try_from(signal).unwrap_or(signal_hook::consts::SIGINT),
        }
    }
}
