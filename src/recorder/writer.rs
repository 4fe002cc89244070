//! Writes what is recorded from a thread of its own, several stages at a time: a transaction for every little thing
//! would cost more than a small stage itself.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use track::Change;

use crate::pen::{Opened, Pen, Teller, keep};
use crate::spool;

/// How long something may wait for more to be written together with it.
const GATHER: Duration = Duration::from_millis(20);
/// How long a store that is too slow is left alone before it is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// How much waits in memory while the store is waited for. What comes then goes to the spool at once.
const MOST_BATCHES: usize = if cfg!(test) { 64 } else { 4096 };
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
    /// Something went to the spool that is newer than what is here, and so does what comes, until the spool is empty.
    is_spilled: bool,
    /// Why something did not even get there.
    lost: Option<String>,
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

    /// What came in until it is time to write, perhaps nothing but what is in the spool, and why something is lost;
    /// `None` when nothing can come any more.
    fn gather(&self) -> Option<(Vec<Batch>, Option<String>)> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_idle =
            |waiting: &mut Waiting| waiting.batches.is_empty() && !waiting.is_over && !waiting.is_spilled;
        let waiting = self.changed.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner);
        let may_come = |waiting: &mut Waiting| !waiting.is_over && !waiting.is_urgent;
        let pause = if waiting.is_spilled && waiting.batches.is_empty() { PAUSE } else { GATHER };
        let (mut waiting, _) =
            self.changed.wait_timeout_while(waiting, pause, may_come).unwrap_or_else(PoisonError::into_inner);
        waiting.is_urgent = false;
        let gathered = std::mem::take(&mut waiting.batches);
        let lost = waiting.lost.take();
        let is_done = gathered.is_empty() && (waiting.is_over || !waiting.is_spilled);
        (!is_done || lost.is_some()).then_some((gathered, lost))
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
    spool: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. What the store does not take waits in the folder `spool`, which `teller` tells of; `written` is
    /// told which log files are kept now.
    pub fn start(
        opened: Opened,
        spool: PathBuf,
        teller: Arc<Teller>,
        written: impl Fn(&[PathBuf]) + Send + 'static,
    ) -> Self {
        let queue = Arc::new(Queue::default());
        let (batches, folder) = (queue.clone(), spool.clone());
        let mut pen = Pen::new(opened, spool.clone(), teller.clone());
        let thread = std::thread::spawn(move || {
            while let Some((gathered, lost)) = batches.gather() {
                if let Some(why) = lost {
                    teller.lose(&why);
                }
                write(&mut pen, &gathered, &written);
                pen.catch_up();
                batches.change(|waiting| {
                    waiting.done += gathered.len() as u64;
                    // Nobody adds to it in this moment.
                    waiting.is_spilled = waiting.is_spilled && !spool::is_empty(&folder);
                    false
                });
                batches.written.notify_all();
            }
            pen.catch_up();
        });
        Writer { queue, spool, thread: Some(thread) }
    }

    /// Writes soon.
    pub fn write(&self, batch: Batch) {
        // Only the first of several wakes the thread.
        self.queue.change(|waiting| {
            if waiting.is_spilled || waiting.batches.len() >= MOST_BATCHES {
                if let Err(why) = keep(&self.spool, batch.changes) {
                    waiting.lost = Some(why);
                }
                return !std::mem::replace(&mut waiting.is_spilled, true);
            }
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

    /// Something that has what is in the spool applied as soon as the store takes it; what comes later waits behind it.
    #[cfg(feature = "serve")]
    pub fn catcher(&self) -> impl Fn() + Send + Sync + use<> {
        let queue = self.queue.clone();
        move || queue.change(|waiting| !std::mem::replace(&mut waiting.is_spilled, true))
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

fn write(pen: &mut Pen, gathered: &[Batch], written: &dyn Fn(&[PathBuf])) {
    let sets: Vec<&[Change]> = gathered.iter().map(|batch| batch.changes.as_slice()).collect();
    let is_written = sets.len() > 1 && pen.write_together(&sets);
    for batch in gathered {
        // One that cannot be written must not keep the others from it.
        if is_written || pen.write(&batch.changes) {
            written(&batch.logs);
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;
    use track::{NewRun, RunId, RunStatus, RunStore, SqliteStore};

    use super::*;
    use crate::recorder::new_run_id;
    use crate::ui::Printer;

    fn begin(run: RunId) -> Batch {
        Batch { changes: vec![Change::CreateRun(NewRun::new(run, Timestamp::now()))], logs: Vec::new() }
    }

    fn start(store: &Arc<SqliteStore>, folder: &std::path::Path) -> Writer {
        let teller = Arc::new(Teller::new(Printer::quiet(), "this test"));
        Writer::start(Ok((store.clone(), None)), folder.join("spool"), teller, |_| {})
    }

    #[cfg(feature = "serve")]
    #[test]
    fn what_was_to_be_written_is_there_after_a_flush() {
        let store = Arc::new(SqliteStore::open_in_memory().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let mut writer = start(&store, folder.path());
        let flush = writer.flusher();
        flush();
        for _ in 0..20 {
            let run = new_run_id();
            writer.write(begin(run));
            flush();
            assert!(store.run(run).is_ok());
        }
        writer.end();
        flush();
    }

    #[test]
    fn while_the_store_is_locked_no_more_than_so_much_is_in_memory_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        let store = Arc::new(SqliteStore::open(&path).unwrap());
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut writer = start(&store, folder.path());
        let runs: Vec<RunId> = (0..2 * MOST_BATCHES + 50).map(|_| new_run_id()).collect();
        // What is written at once is taken out of the queue.
        for run in &runs {
            writer.write(begin(*run));
        }
        let last = *runs.last().unwrap();
        let status = Some(RunStatus::Failed);
        let end = Change::UpdateRun { run: last, status, end_time: None, name: None };
        writer.write(Batch { changes: vec![end], logs: Vec::new() });
        let waiting = writer.queue.waiting.lock().unwrap().batches.len();
        assert!(waiting <= MOST_BATCHES, "{waiting}");
        assert!(!spool::is_empty(&folder.path().join("spool")));
        drop(other);
        writer.end();
        assert!(spool::is_empty(&folder.path().join("spool")));
        assert!(!folder.path().join("spool/refused").exists());
        assert!(runs.iter().all(|run| store.run(*run).is_ok()));
        assert_eq!(store.run(last).unwrap().info.status, RunStatus::Failed);
    }
}
