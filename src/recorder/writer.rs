//! Writes what is recorded from a thread of its own, several stages at a time: a transaction for every little thing
//! would cost more than a small stage itself.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base::Timestamp;
use track::{Change, Changes, ErrorKind, RunStore, SqliteStore, StoreError};

use crate::spool;

/// How long something may wait for more to be written together with it.
const GATHER: Duration = Duration::from_millis(20);
/// How long somebody waits for what is being written.
#[cfg(feature = "serve")]
const PATIENCE: Duration = Duration::from_secs(40);

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
    /// Somebody waits for what is there.
    is_urgent: bool,
    is_over: bool,
    /// How many batches ever came in, and how many of them are written, or never will be.
    came: u64,
    done: u64,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    written: Condvar,
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
        let may_come = |waiting: &mut Waiting| !waiting.is_over && !waiting.is_urgent;
        let (mut waiting, _) = self
            .changed
            .wait_timeout_while(waiting, GATHER, may_come)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.is_urgent = false;
        let gathered = std::mem::take(&mut waiting.batches);
        (!gathered.is_empty()).then_some(gathered)
    }

    /// Waits until all that came in so far is written, without waiting for more to come.
    #[cfg(feature = "serve")]
    fn flush(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let came = waiting.came;
        let is_open = |waiting: &mut Waiting| waiting.done < came;
        if is_open(&mut waiting) {
            waiting.is_urgent = true;
            self.changed.notify_one();
            drop(self.written.wait_timeout_while(waiting, PATIENCE, is_open));
        }
    }
}

/// The thread with the store.
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. What the store does not take waits in the folder `spool`; `warn` is told why, and whether it
    /// could be kept there; `written` is told which log files are kept now.
    pub fn start(
        store: Result<Arc<SqliteStore>, StoreError>,
        spool: PathBuf,
        warn: impl Fn(&StoreError, bool) + Send + 'static,
        written: impl Fn(&[PathBuf]) + Send + 'static,
    ) -> Self {
        let queue = Arc::new(Queue::default());
        let batches = queue.clone();
        let thread = std::thread::spawn(move || {
            let mut pen = Pen { store, spool, is_behind: false };
            while let Some(gathered) = batches.gather() {
                let count = gathered.len() as u64;
                pen.write(gathered, &warn, &written);
                batches.change(|waiting| {
                    waiting.done += count;
                    false
                });
                batches.written.notify_all();
            }
        });
        Writer { queue, thread: Some(thread) }
    }

    /// Writes soon.
    pub fn write(&self, batch: Batch) {
        // Only the first of several wakes the thread.
        self.queue.change(|waiting| {
            waiting.batches.push(batch);
            waiting.came += 1;
            waiting.batches.len() == 1
        });
    }

    /// Something that waits, when it is called, until all that was to be written by then is written.
    #[cfg(feature = "serve")]
    pub fn flusher(&self) -> impl Fn() + Send + Sync + use<> {
        let queue = self.queue.clone();
        move || queue.flush()
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

/// What writes.
struct Pen {
    /// The store, or why it is away.
    store: Result<Arc<SqliteStore>, StoreError>,
    spool: PathBuf,
    /// Whether something waits in the spool: what comes later must not be in the store before it.
    is_behind: bool,
}

impl Pen {
    fn write(
        &mut self,
        gathered: Vec<Batch>,
        warn: &dyn Fn(&StoreError, bool),
        written: &dyn Fn(&[PathBuf]),
    ) {
        let store = match &self.store {
            Ok(store) => store.clone(),
            Err(fault) => {
                for Batch { changes, .. } in gathered {
                    warn(fault, self.keep(changes));
                }
                return;
            }
        };
        if !self.is_behind && gathered.len() > 1 {
            let all = gathered.iter().flat_map(|batch| batch.changes.iter().cloned()).collect();
            if store.apply(Changes::new(Timestamp::now(), all)).is_ok() {
                for batch in gathered {
                    written(&batch.logs);
                }
                return;
            }
        }
        // One that cannot be written must not keep the others from it.
        for Batch { changes, logs } in gathered {
            if self.is_behind {
                self.keep(changes);
                continue;
            }
            match store.apply(Changes::new(Timestamp::now(), changes.clone())) {
                Ok(_) => written(&logs),
                Err(fault) if fault.kind() == ErrorKind::Failed => {
                    self.is_behind = self.keep(changes);
                    warn(&fault, self.is_behind);
                }
                Err(fault) => warn(&fault, false),
            }
        }
        if self.is_behind {
            spool::replay(&self.spool, &*store);
            self.is_behind = !spool::is_empty(&self.spool);
        }
    }

    /// Keeps changes until the store is there; false when they are lost. How a stage ended is known also when it ended by
    /// filling the disk.
    fn keep(&self, changes: Vec<Change>) -> bool {
        let (name, changes) = spool::named(changes);
        let keep = || spool::keep(&self.spool, &name, &changes).is_ok();
        keep() || (spool::use_reserve(&self.spool) && keep())
    }
}

#[cfg(all(test, feature = "serve"))]
mod tests {
    use track::{NewRun, RunId};

    use super::*;

    #[test]
    fn what_was_to_be_written_is_there_after_a_flush() {
        let store = Arc::new(SqliteStore::open_in_memory().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let mut writer = Writer::start(Ok(store.clone()), spool, |fault, _| panic!("{fault}"), |_| {});
        let flush = writer.flusher();
        flush();
        for _ in 0..20 {
            let run = RunId::new(Timestamp::now(), &mut rand::make_rng::<rand::rngs::StdRng>());
            let changes = vec![Change::CreateRun(NewRun::new(run, Timestamp::now()))];
            writer.write(Batch { changes, logs: Vec::new() });
            flush();
            assert!(store.run(run).is_ok());
        }
        writer.end();
        flush();
    }
}
