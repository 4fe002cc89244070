//! Writes changes to the run store, or keeps them in the spool while it takes none: in their order, each once. They are about
//! what this process executes, which is recorded also where somebody has deleted the run meanwhile.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::Timestamp;
use indexmap::IndexSet;
use track::{Applied, Change, Changes, ErrorKind, RunId, RunStore, SqliteStore, StoreError};

use crate::error::with_causes;
use crate::ui::Printer;
use crate::{reserve, spool};

/// Says once that something waits, and once that something is lost.
#[derive(Debug)]
pub struct Teller {
    printer: Printer,
    /// What is recorded: `this reproduction`.
    what: &'static str,
    waits: AtomicBool,
    is_lost: AtomicBool,
    /// What is lost besides, in few words.
    also_lost: Mutex<IndexSet<String>>,
}

/// So much of what is lost besides is named.
const MOST_NAMED: usize = 10;

impl Teller {
    /// Tells of what is recorded.
    pub fn new(printer: Printer, what: &'static str) -> Self {
        Teller {
            printer,
            what,
            waits: AtomicBool::default(),
            is_lost: AtomicBool::default(),
            also_lost: Mutex::default(),
        }
    }

    /// The store did not take something, which waits in the spool or is lost.
    pub fn tell(&self, fault: &StoreError, is_kept: bool) {
        let told = if is_kept { &self.waits } else { &self.is_lost };
        if told.swap(true, Ordering::SeqCst) {
            return;
        }
        let (what, hint) = (self.what, fault.hint().map(|hint| format!(" ({hint})")).unwrap_or_default());
        let fault = with_causes(fault);
        if is_kept {
            self.printer.warn(format_args!("{fault}{hint}; {what} is recorded by a later pipe command"));
        } else {
            self.printer.warn(format_args!("{what} is not tracked in full: {fault}{hint}"));
        }
    }

    /// Something is lost, for another reason.
    pub fn lose(&self, why: &str) {
        self.lose_thing(why, why);
    }

    /// A thing is lost, as this sentence says.
    pub fn lose_thing(&self, thing: &str, why: &str) {
        if !self.is_lost.swap(true, Ordering::SeqCst) {
            self.printer.warn(format_args!("{} is not tracked in full: {why}", self.what));
            return;
        }
        self.also_lost.lock().unwrap_or_else(PoisonError::into_inner).insert(thing.to_owned());
    }

    /// Names what was lost besides what was told.
    pub fn tell_rest(&self) {
        let lost = std::mem::take(&mut *self.also_lost.lock().unwrap_or_else(PoisonError::into_inner));
        if !lost.is_empty() {
            let named = lost.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
            let more = match lost.len().saturating_sub(MOST_NAMED) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            self.printer.warn(format_args!("nor is this tracked: {named}{more}"));
        }
    }

    /// Whether anything had to be told.
    pub fn has_told(&self) -> bool {
        self.waits.load(Ordering::SeqCst) || self.is_lost.load(Ordering::SeqCst)
    }
}

/// A run store, and why it takes nothing now, where it does not; or why there is none.
pub type Opened = Result<(Arc<SqliteStore>, Option<StoreError>), StoreError>;

/// What writes.
pub struct Pen {
    /// Unless it could not be opened.
    store: Option<Arc<SqliteStore>>,
    spool: PathBuf,
    teller: Arc<Teller>,
    /// Why something waits in the spool: what comes later must not be in the store before it.
    behind: Option<Arc<StoreError>>,
    /// What made the runs that have not ended, for a store that was put in place of the one they are in.
    begun: Vec<(RunId, Vec<Change>)>,
    /// Runs that the store refused to make: what is logged to them waits for nothing.
    refused: Vec<RunId>,
    /// Whether a store that was locked once is tried again without waiting for it.
    is_prompt: bool,
}

impl Pen {
    /// Writes to a store, if it could be opened, and to a spool.
    pub fn new(opened: Opened, spool: PathBuf, teller: Arc<Teller>) -> Self {
        let (store, behind) = match opened {
            Ok((store, behind)) => (Some(store), behind.map(Arc::new)),
            Err(fault) => (None, Some(Arc::new(fault))),
        };
        Pen { store, spool, teller, behind, begun: Vec::new(), refused: Vec::new(), is_prompt: false }
    }

    /// Waits once for a store that is locked: somebody waits for what this ends with.
    #[cfg(feature = "train")]
    #[must_use]
    pub fn prompt(self) -> Self {
        Pen { is_prompt: true, ..self }
    }

    /// Writes several sets in one go; false when that cannot be, and nothing is written.
    pub fn write_together(&mut self, sets: &[&[Change]]) -> bool {
        let (Some(store), None) = (&self.store, &self.behind) else { return false };
        let all = sets.iter().flat_map(|set| set.iter().cloned()).collect();
        let is_written = reserve::beside(|| store.apply(told(all))).is_ok();
        if is_written {
            for set in sets {
                self.remember(set);
            }
        }
        is_written
    }

    /// Writes a set, or keeps it until the store is there. True when the store has it.
    pub fn write(&mut self, changes: &[Change]) -> bool {
        let answer = match &self.behind {
            Some(fault) => Err(fault.clone()),
            None => self.apply(&told(changes.to_vec())).map_err(Arc::new),
        };
        let Err(fault) = answer else {
            self.remember(changes);
            return true;
        };
        if self.may_wait(&fault) {
            self.wait_or_lose(changes, fault);
            self.remember(changes);
        } else {
            self.teller.tell(&fault, false);
            self.refused.extend(changes.iter().filter_map(begins));
        }
        false
    }

    /// Has changes applied now, for a training; with `may_wait` later, where the store takes nothing.
    ///
    /// # Errors
    /// When the store refuses them, or takes nothing and they may not wait.
    #[cfg(feature = "train")]
    pub fn ask(&mut self, changes: Changes, may_wait: bool) -> Result<Applied, Arc<StoreError>> {
        let changes = Changes { to_deleted: true, ..changes };
        self.catch_up();
        let answer = match &self.behind {
            Some(fault) => Err(fault.clone()),
            None => self.apply(&changes).map_err(Arc::new),
        };
        match answer {
            Err(fault) if may_wait && (self.behind.is_some() || is_away(&fault)) => {
                self.wait_or_lose(&changes.changes, fault);
                Ok(Applied::default())
            }
            answer => answer,
        }
    }

    /// Applies what waits, if the store takes it. True when nothing waits any more.
    pub fn catch_up(&mut self) -> bool {
        let Some(store) = self.store.clone() else { return false };
        if self.behind.is_none() && spool::is_empty(&self.spool) {
            return true;
        }
        // Who waits in turn has waited for other writers once.
        let is_waited_for = self.is_prompt && matches!(self.behind.as_deref(), Some(StoreError::Busy { .. }));
        let mut replayed = reserve::beside(|| {
            if is_waited_for {
                store.at_once(|store| spool::replay(&self.spool, store))
            } else {
                spool::replay(&self.spool, &*store)
            }
        });
        // Perhaps it waits for what is in another store than the one that is there now.
        let waits = || !spool::is_empty(&self.spool) || spool::has_orphans(&self.spool);
        if replayed.is_ok() && waits() && self.begin_again(&store) {
            replayed = reserve::beside(|| spool::replay(&self.spool, &*store));
        }
        match replayed {
            Ok(()) if spool::is_empty(&self.spool) => self.behind = None,
            Ok(()) => {}
            Err(fault) => self.fall_behind(Arc::new(fault)),
        }
        self.behind.is_none()
    }

    /// From now on everything waits, until nothing does.
    fn fall_behind(&mut self, fault: Arc<StoreError>) {
        let is_gone = |fault: &StoreError| matches!(fault, StoreError::Gone { .. });
        if is_gone(&fault) && !self.behind.as_ref().is_some_and(|behind| is_gone(behind)) {
            // One that comes in its place knows nothing of them.
            for (_, begun) in &self.begun {
                self.keep(begun);
            }
        }
        self.behind = Some(fault);
    }

    /// Makes the runs that have not ended in a store that stands in the place of the one that had them. True when it made
    /// some: one that has them refuses.
    fn begin_again(&self, store: &SqliteStore) -> bool {
        let begun = self.begun.iter();
        let apply = |begun: &[Change]| reserve::beside(|| store.apply(told(begun.to_vec())));
        begun.filter(|(_, begun)| apply(begun).is_ok()).count() > 0
    }

    /// Keeps changes until the store is there; false when they are lost. How a stage ended is known also when it ended by
    /// filling the disk.
    fn keep(&self, changes: &[Change]) -> bool {
        keep(&self.spool, changes.to_vec()).is_ok()
    }

    fn apply(&self, changes: &Changes) -> Result<Applied, StoreError> {
        let store = self.store.as_ref().expect("it is behind otherwise");
        let answer = reserve::beside(|| store.apply(changes.clone()));
        if !matches!(answer, Err(StoreError::UnknownRun(_))) || self.begun.is_empty() {
            return answer;
        }
        // Another store stands in the place of the one that had it.
        self.begin_again(store);
        reserve::beside(|| store.apply(changes.clone()))
    }

    /// Whether the store may take it later. Whoever executes a stage may write its run later than what is logged to it.
    fn may_wait(&self, fault: &StoreError) -> bool {
        match fault {
            StoreError::UnknownRun(run) => !self.refused.contains(run),
            fault => fault.kind() == ErrorKind::Failed,
        }
    }

    fn wait_or_lose(&mut self, changes: &[Change], fault: Arc<StoreError>) {
        let was_behind = self.behind.is_some();
        self.fall_behind(fault.clone());
        let is_kept = self.keep(changes);
        self.teller.tell(&fault, is_kept);
        if !is_kept && !was_behind {
            self.behind = None;
        }
    }

    fn remember(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::CreateRun(new) => self.begun.push((new.id, changes.to_vec())),
                Change::UpdateRun { run, status: Some(status), .. } if status.has_ended() => {
                    self.begun.retain(|(begun, _)| begun != run);
                }
                _ => {}
            }
        }
    }
}

/// What is told of runs by who executes them.
fn told(changes: Vec<Change>) -> Changes {
    Changes { to_deleted: true, ..Changes::new(Timestamp::now(), changes) }
}

/// The run that a change makes.
fn begins(change: &Change) -> Option<RunId> {
    match change {
        Change::CreateRun(new) => Some(new.id),
        _ => None,
    }
}

/// Whether the store takes nothing, whatever it is.
#[cfg(feature = "train")]
fn is_away(fault: &StoreError) -> bool {
    fault.kind() == ErrorKind::Failed && !matches!(fault, StoreError::Failed { .. })
}

/// Keeps changes in the spool. The room that is set aside is for the end of a stage that filled the disk.
///
/// # Errors
/// When they are lost: why, in words for people.
pub fn keep(spool: &std::path::Path, changes: Vec<Change>) -> Result<(), String> {
    let (name, changes) = spool::named_at(told(changes));
    let keep = || spool::keep(spool, &name, &changes);
    let kept = keep().or_else(|_| reserve::within(spool, keep));
    kept.map_err(|fault| {
        format!("the run store takes nothing now, and it could not be kept: {}", with_causes(&fault))
    })
}

#[cfg(test)]
mod tests {
    use track::{Metric, NewRun, RunStatus};

    use super::*;
    use crate::recorder::new_run_id;
    use crate::reserve::tests::assert_waits_for_the_room_of_others;

    fn begin(run: RunId, parent: Option<RunId>) -> Vec<Change> {
        vec![Change::CreateRun(NewRun { parent, ..NewRun::new(run, Timestamp(5)) })]
    }

    fn point(run: RunId, step: i64) -> Vec<Change> {
        let point = Metric { key: "loss".into(), value: 0.5, step, timestamp: Timestamp(5) };
        vec![Change::LogMetrics { run, metrics: vec![point] }]
    }

    fn pen(folder: &std::path::Path) -> Pen {
        let store = SqliteStore::open(&folder.join("runs.db")).map(|store| (Arc::new(store), None));
        let teller = Arc::new(Teller::new(Printer::quiet(), "this test"));
        Pen::new(store, folder.join("spool"), teller)
    }

    #[test]
    fn runs_that_have_not_ended_go_on_in_a_store_that_is_put_in_place_of_theirs() {
        for is_removed in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("runs.db");
            let mut pen = pen(folder.path());
            let (parent, ended, stage) = (new_run_id(), new_run_id(), new_run_id());
            let end = |run| {
                let status = Some(RunStatus::Finished);
                vec![Change::UpdateRun { run, status, end_time: Some(Timestamp(9)), name: None }]
            };
            assert!(pen.write(&begin(parent, None)));
            assert!(pen.write(&begin(ended, Some(parent))) && pen.write(&end(ended)));
            if is_removed {
                disk::remove(&path).unwrap();
                assert!(!pen.write(&begin(stage, Some(parent))), "it waits");
                assert!(!pen.write(&point(stage, 1)));
                assert!(!pen.catch_up(), "there is no store yet");
                drop(SqliteStore::open(&path).unwrap());
                assert!(pen.catch_up());
            } else {
                drop(SqliteStore::open(&folder.path().join("new.db")).unwrap());
                disk::move_path(&folder.path().join("new.db"), &path).unwrap();
                assert!(pen.write(&begin(stage, Some(parent))));
                assert!(pen.write(&point(stage, 1)));
            }
            assert!(pen.write(&end(stage)) && pen.write(&end(parent)));
            let store = SqliteStore::open(&path).unwrap();
            assert_eq!(store.run(stage).unwrap().info.parent, Some(parent));
            assert_eq!(store.run(parent).unwrap().info.status, RunStatus::Finished);
            assert_eq!(store.metric_history(stage, "loss").unwrap().len(), 1);
            assert!(matches!(store.run(ended), Err(StoreError::UnknownRun(_))));
            assert!(spool::is_empty(&folder.path().join("spool")));
        }
    }

    #[test]
    fn the_store_does_not_grow_into_room_that_was_given_back_for_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, mut pen) = (folder.path().join("spool"), pen(folder.path()));
        let (run, other) = (new_run_id(), new_run_id());
        assert!(assert_waits_for_the_room_of_others(folder.path(), || pen.write(&begin(run, None))));
        keep(&spool, begin(other, None)).unwrap();
        assert!(assert_waits_for_the_room_of_others(folder.path(), || pen.catch_up()));
        let sets = [point(run, 1), point(other, 1)];
        let sets: Vec<&[Change]> = sets.iter().map(Vec::as_slice).collect();
        assert!(assert_waits_for_the_room_of_others(folder.path(), || pen.write_together(&sets)));
    }

    #[test]
    fn a_store_that_took_nothing_when_it_was_opened_is_caught_up_with() {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&folder.path().join("runs.db")).unwrap());
        let busy = StoreError::Busy { path: folder.path().join("runs.db"), seconds: 5 };
        let teller = Arc::new(Teller::new(Printer::quiet(), "this test"));
        let mut pen = Pen::new(Ok((store.clone(), Some(busy))), folder.path().join("spool"), teller);
        let run = new_run_id();
        assert!(!pen.write(&begin(run, None)), "what waits comes first");
        assert!(pen.catch_up() && pen.write(&point(run, 1)));
        assert_eq!(store.metric_history(run, "loss").unwrap().len(), 1);
    }

    /// Who has no room on his disk may remove the store.
    #[test]
    fn runs_go_on_in_another_store_also_where_theirs_took_nothing_before() {
        for ends_first in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("runs.db");
            let mut pen = pen(folder.path());
            let run = new_run_id();
            assert!(pen.write(&begin(run, None)));
            pen.behind = Some(Arc::new(StoreError::Full { path: path.clone() }));
            assert!(!pen.write(&point(run, 1)));
            disk::remove(&path).unwrap();
            let store = if ends_first {
                assert!(!pen.catch_up(), "there is no store yet");
                drop(pen);
                let store = SqliteStore::open(&path).unwrap();
                // The run stands behind what was logged to it.
                for _ in 0..2 {
                    spool::replay(&folder.path().join("spool"), &store).unwrap();
                }
                store
            } else {
                let store = SqliteStore::open(&path).unwrap();
                assert!(pen.catch_up() && pen.write(&point(run, 2)));
                store
            };
            assert_eq!(store.metric_history(run, "loss").unwrap().len(), if ends_first { 1 } else { 2 });
            assert!(spool::is_empty(&folder.path().join("spool")));
        }
    }

    /// Scripts put into the spool what is about runs of ours.
    #[test]
    fn what_others_keep_is_applied_in_a_store_that_is_put_in_place_of_theirs() {
        for is_removed in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("runs.db");
            let mut pen = pen(folder.path());
            let (stage, script) = (new_run_id(), new_run_id());
            assert!(pen.write(&begin(stage, None)));
            disk::remove(&path).unwrap();
            keep(&folder.path().join("spool"), begin(script, Some(stage))).unwrap();
            if is_removed {
                assert!(!pen.catch_up());
            }
            drop(SqliteStore::open(&path).unwrap());
            assert!(pen.catch_up());
            let store = SqliteStore::open(&path).unwrap();
            assert_eq!(store.run(script).unwrap().info.parent, Some(stage));
        }
    }

    #[test]
    fn what_is_logged_to_a_run_that_is_refused_waits_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut pen = pen(folder.path());
        let (good, bad, child) = (new_run_id(), new_run_id(), new_run_id());
        let mut refused = begin(bad, None);
        refused.push(Change::SetTags {
            run: bad,
            tags: vec![track::Tag { key: String::new(), value: String::new() }],
        });
        assert!(!pen.write(&refused) && !pen.write(&point(bad, 1)) && !pen.write(&begin(child, Some(bad))));
        assert!(!pen.write(&point(child, 1)) && pen.write(&begin(good, None)) && pen.write(&point(good, 1)));
        assert!(spool::is_empty(&folder.path().join("spool")));
    }

    /// The network of a training is asked for; who restores the run finds it.
    #[cfg(feature = "train")]
    #[test]
    fn what_is_asked_for_is_recorded_also_where_the_run_was_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let mut pen = pen(folder.path());
        let run = new_run_id();
        let delete = Change::SetLifecycle { run, lifecycle: track::Lifecycle::Deleted };
        assert!(pen.write(&begin(run, None)) && pen.write(&[delete]) && pen.write(&point(run, 1)));
        pen.ask(Changes::new(Timestamp(9), point(run, 2)), true).unwrap();
        let store = SqliteStore::open(&folder.path().join("runs.db")).unwrap();
        assert_eq!(store.metric_history(run, "loss").unwrap().len(), 2);
    }

    #[test]
    fn a_file_that_comes_back_has_everything_once() {
        let folder = tempfile::tempdir().unwrap();
        let (path, aside) = (folder.path().join("runs.db"), folder.path().join("aside"));
        let mut pen = pen(folder.path());
        let run = new_run_id();
        assert!(pen.write(&begin(run, None)) && pen.write(&point(run, 1)));
        disk::move_path(&path, &aside).unwrap();
        assert!(!pen.write(&point(run, 2)));
        disk::move_path(&aside, &path).unwrap();
        assert!(pen.catch_up() && pen.write(&point(run, 3)));
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.metric_history(run, "loss").unwrap().len(), 3);
        assert!(!folder.path().join("spool").join("refused").exists());
    }
}
