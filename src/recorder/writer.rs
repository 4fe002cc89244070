//! Writes what is recorded from a thread of its own, several stages at a time: a transaction for every little thing
//! would cost more than a small stage itself.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base::Timestamp;
use track::{Change, Changes, RunStore, SqliteStore, StoreError};

/// How long something may wait for more to be written together with it.
const GATHER: Duration = Duration::from_millis(20);

/// Changes that belong together, and what is no longer needed once they are written.
#[derive(Debug)]
pub struct Batch {
    /// Written all or not at all.
    pub changes: Vec<Change>,
    /// Log files whose content the changes name.
    pub logs: Vec<PathBuf>,
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    batches: Vec<Batch>,
    is_over: bool,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Queue {
    fn change(&self, change: impl FnOnce(&mut Waiting) -> bool) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if change(&mut waiting) {
            self.changed.notify_one();
        }
    }

    /// What came in until it is time to write; `None` when nothing can come any more.
    fn gather(&self) -> Option<Vec<Batch>> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_idle = |waiting: &mut Waiting| waiting.batches.is_empty() && !waiting.is_over;
        let waiting = self.changed.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner);
        let may_come = |waiting: &mut Waiting| !waiting.is_over;
        let (mut waiting, _) = self
            .changed
            .wait_timeout_while(waiting, GATHER, may_come)
            .unwrap_or_else(PoisonError::into_inner);
        let gathered = std::mem::take(&mut waiting.batches);
        (!gathered.is_empty()).then_some(gathered)
    }
}

/// The thread with the store.
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `warn` is told what could not be written, `written` which log files are kept now.
    pub fn start(
        store: Arc<SqliteStore>,
        warn: impl Fn(&StoreError) + Send + 'static,
        written: impl Fn(&[PathBuf]) + Send + 'static,
    ) -> Self {
        let queue = Arc::new(Queue::default());
        let batches = queue.clone();
        let thread = std::thread::spawn(move || {
            while let Some(gathered) = batches.gather() {
                write(&store, gathered, &warn, &written);
            }
        });
        Writer { queue, thread: Some(thread) }
    }

    /// Writes soon.
    pub fn write(&self, batch: Batch) {
        // Only the first of several wakes the thread.
        self.queue.change(|waiting| {
            waiting.batches.push(batch);
            waiting.batches.len() == 1
        });
    }

    /// Waits until everything is written.
    pub fn end(&mut self) {
        self.queue.change(|waiting| {
            waiting.is_over = true;
            true
        });
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
