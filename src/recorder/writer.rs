//! Writes what is recorded from a thread of its own, several stages at a time: a transaction for every little thing
//! would cost more than a small stage itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base::Timestamp;
use track::{Change, Changes, RunStore, SqliteStore, StoreError};

/// How long something may wait for more to be written together with it.
const GATHER: Duration = Duration::from_millis(5);

/// Changes that belong together, and what is no longer needed once they are written.
#[derive(Debug)]
pub struct Batch {
    /// Written all or not at all.
    pub changes: Vec<Change>,
    /// Log files whose content the changes name.
    pub logs: Vec<PathBuf>,
}

/// The thread with the store.
#[derive(Debug)]
pub struct Writer {
    sender: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `warn` is told what could not be written, `written` which log files are kept now.
    pub fn start(
        store: Arc<SqliteStore>,
        warn: impl Fn(&StoreError) + Send + 'static,
        written: impl Fn(&[PathBuf]) + Send + 'static,
    ) -> Self {
        let (sender, batches) = channel();
        let thread = std::thread::spawn(move || {
            while let Some(gathered) = gather(&batches) {
                write(&store, gathered, &warn, &written);
            }
        });
        Writer { sender: Some(sender), thread: Some(thread) }
    }

    /// Writes soon.
    pub fn write(&self, batch: Batch) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(batch);
        }
    }

    /// Waits until everything is written.
    pub fn end(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

/// What comes until it is time to write; `None` when nothing can come any more.
fn gather(batches: &Receiver<Batch>) -> Option<Vec<Batch>> {
    let mut gathered = vec![batches.recv().ok()?];
    let until = Instant::now() + GATHER;
    loop {
        match batches.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(batch) => gathered.push(batch),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Some(gathered),
        }
    }
}

fn write(
    store: &SqliteStore,
    gathered: Vec<Batch>,
    warn: &dyn Fn(&StoreError),
    written: &dyn Fn(&[PathBuf]),
) {
    let apply = |changes: Vec<Change>| store.apply(Changes::new(Timestamp::now(), changes));
    if gathered.len() > 1 {
        let all = gathered.iter().flat_map(|batch| batch.changes.iter().cloned()).collect();
        if apply(all).is_ok() {
            for batch in gathered {
                written(&batch.logs);
            }
            return;
        }
    }
    // One that cannot be written must not keep the others from it.
    for Batch { changes, logs } in gathered {
        match apply(changes) {
            Ok(_) => written(&logs),
            Err(fault) => warn(&fault),
        }
    }
}
