//! The signals that end what is going on, in order.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use exec::LocalRunner;
use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::{Handle, Signals};

use crate::environment;
use crate::error::{CliError, CliResult, ErrorKind};

/// Halts a runner's commands with this process by Ctrl-Z, as long as it lives: from a thread, since whoever waits for commands
/// may be at work on something else, or be done. After that Ctrl-Z halts the process alone.
#[derive(Debug)]
pub struct Pausing {
    /// Whether nobody listens.
    unheard: Arc<AtomicBool>,
    signals: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Pausing {
    /// Begins to listen; nobody does where Ctrl-Z is ignored.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn begin(runner: Arc<LocalRunner>) -> CliResult<Option<Self>> {
        if !environment::may_halt() {
            return Ok(None);
        }
        let fault = |source| disk::DiskError::new("listen for signals", Path::new("."), source);
        let unheard: Arc<AtomicBool> = Arc::default();
        signal_hook::flag::register_conditional_default(SIGTSTP, unheard.clone()).map_err(fault)?;
        let mut asked = Signals::new([SIGTSTP]).map_err(fault)?;
        let signals = asked.handle();
        let listen = move || {
            for signal in asked.forever() {
                runner.halted(|| drop(signal_hook::low_level::emulate_default_handler(signal)));
            }
        };
        let thread = std::thread::Builder::new().name("pause".to_owned()).spawn(listen).map_err(fault)?;
        Ok(Some(Pausing { unheard, signals, thread: Some(thread) }))
    }
}

impl Drop for Pausing {
    fn drop(&mut self) {
        self.unheard.store(true, Ordering::SeqCst);
        self.signals.close();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// How many listen, and what the system's own answer to a signal waits for: that nobody does.
static LISTENERS: Mutex<(usize, Option<Arc<AtomicBool>>)> = Mutex::new((0, None));

/// Listens for the signals that end a command in order, from its making until it goes: after that a signal simply ends the
/// process. The default one listens for nothing: for commands that a signal may simply end.
#[derive(Debug, Default)]
pub struct Interrupt {
    /// Set when a signal came.
    pub stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
    /// `None` in the default one.
    listening: Option<Listening>,
}

/// While it lives, a signal does not end the process.
#[derive(Debug)]
struct Listening;

impl Listening {
    fn begin() -> std::io::Result<Self> {
        let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
        if listeners.1.is_none() {
            let unheard = Arc::new(AtomicBool::new(false));
            for signal in environment::ending_signals() {
                signal_hook::flag::register_conditional_default(signal, unheard.clone())?;
            }
            listeners.1 = Some(unheard);
        }
        drop(listeners);
        let listening = Listening;
        listening.go_on();
        Ok(listening)
    }

    fn go_on(&self) {
        count(|count| count + 1);
    }

    fn halt(&self) {
        count(|count| count.saturating_sub(1));
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.halt();
    }
}

fn count(change: impl FnOnce(usize) -> usize) {
    let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
    listeners.0 = change(listeners.0);
    if let Some(unheard) = &listeners.1 {
        unheard.store(listeners.0 == 0, Ordering::SeqCst);
    }
}

impl Interrupt {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> CliResult<Self> {
        let fault = |source| disk::DiskError::new("listen for signals", Path::new("."), source);
        let listening = Some(Listening::begin().map_err(fault)?);
        let interrupt = Interrupt { stop: Arc::default(), signal: Arc::default(), listening };
        for signal in environment::ending_signals() {
            let number = usize::try_from(signal).expect("signals are small positive numbers");
            signal_hook::flag::register_usize(signal, interrupt.signal.clone(), number)
                .and_then(|_| signal_hook::flag::register(signal, interrupt.stop.clone()))
                .map_err(fault)?;
        }
        Ok(interrupt)
    }

    /// Does what looks for no signal, but may be ended by one at any time.
    ///
    /// # Errors
    /// When a signal came before.
    pub fn unheard<T>(&self, work: impl FnOnce() -> T) -> CliResult<T> {
        self.listening.iter().for_each(Listening::halt);
        // One that comes from here on is not for us.
        let done = self.check().map(|()| work());
        self.listening.iter().for_each(Listening::go_on);
        done
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
