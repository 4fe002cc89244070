//! The run store of a project: opened to record, to log, to show and to serve, and what is told where it is not there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::{Digest, Timestamp};
use pipeline::StageLock;
use track::{
    ErrorKind, RunId, RunStatus, RunStore, SqliteStore, StoreError, lease_is_alive, settle_dead,
    settle_unheard,
};

use super::Project;
use crate::pen::Opened;
use crate::recorder::tags;
use crate::spool;
use crate::ui::Printer;

impl Project {
    /// Opens the run store, making it when there is none, and settles the runs of dead processes.
    ///
    /// # Errors
    /// When it is damaged, from a newer version, or cannot be written.
    #[cfg(any(test, feature = "serve"))]
    pub fn store(&self) -> Result<SqliteStore, StoreError> {
        self.tidied_store().map(|(store, _)| store)
    }

    /// The same, and why something waits on that the store did not take, where it does.
    fn tidied_store(&self) -> Result<(SqliteStore, Option<StoreError>), StoreError> {
        let opened = SqliteStore::open_with(&self.pipe_path("runs.db"), self.settings.store_sync())?;
        let store = self.telling(opened);
        // Who only reads need not wait for whoever keeps it locked.
        match store.briefly(|store| self.tidy(store)) {
            Ok(()) => Ok((store, None)),
            Err(fault @ StoreError::Busy { .. }) => Ok((store, Some(fault))),
            Err(fault) => Err(fault),
        }
    }

    /// Applies what waits, and ends the runs of dead processes.
    fn tidy(&self, store: &SqliteStore) -> Result<(), StoreError> {
        match spool::replay(&self.spool_folder(), store) {
            Err(fault @ StoreError::Busy { .. }) => return Err(fault),
            _ => self.settle(store)?,
        }
        store.tell()
    }

    /// Ends the runs of dead processes, and those that nobody heard of for as long as `tracking.unheard_after` says.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn settle(&self, store: &SqliteStore) -> Result<(), StoreError> {
        let known = |run| self.ended_well(store, run);
        let now = Timestamp::now();
        settle_dead(store, &lease_is_alive, &known, now)?;
        let silence = self.settings.unheard_after_millis();
        silence.map_or(Ok(()), |silence| settle_unheard(store, silence, now).map(drop))
    }

    /// The same for who records a reproduction: what other processes keep from being written for long waits in the spool. Tells
    /// why the store takes nothing now, where it does not: it may later.
    ///
    /// # Errors
    /// As [`Project::store`], and when it is locked so that it cannot be opened.
    pub fn store_to_record(&self) -> Opened {
        let opened = SqliteStore::open_briefly(&self.pipe_path("runs.db"), self.settings.store_sync())?;
        let store = self.telling(opened.in_a_moment());
        let caught_up = (spool::replay(&self.spool_folder(), &store).and_then(|()| self.settle(&store)))
            .and_then(|()| store.tell());
        let behind = caught_up.err().filter(|fault| fault.kind() == ErrorKind::Failed);
        Ok((Arc::new(store), behind))
    }

    /// Says that a new run store will be made where something waits for one that is missing: it has what waits, and the old one
    /// will not get it.
    pub fn tell_new_store(&self, printer: Printer) {
        if let Some(fault @ StoreError::Missing { waiting: 1.., .. }) = self.missing_store() {
            printer.warn(format_args!("{fault}; a new store is made, which gets what waits"));
        }
    }

    /// Makes a run store where something waits for one that is missing, and says so.
    pub fn renew_store(&self, printer: Printer) {
        if matches!(self.missing_store(), Some(StoreError::Missing { waiting: 1.., .. })) {
            self.tell_new_store(printer);
            // What keeps it from being made is told by who has something to record.
            if let Ok((store, _)) = self.store_to_record() {
                spool::tell_outcome(self, Some(&store), printer);
            }
        }
    }

    /// The run store is not there.
    pub fn missing_store(&self) -> Option<StoreError> {
        let (path, spool) = (self.pipe_path("runs.db"), self.spool_folder());
        let is_missing = !path.exists();
        is_missing.then(|| StoreError::Missing { path, waiting: spool::count(&spool), spool })
    }

    /// Opens the run store to log to it: without a look at the runs of others, and without waiting long for them; where
    /// something waits already, for which somebody has waited in vain, not at all.
    ///
    /// # Errors
    /// As [`Project::store`], and when it is locked.
    pub fn store_to_log(&self) -> Result<SqliteStore, StoreError> {
        let (path, sync) = (self.pipe_path("runs.db"), self.settings.store_sync());
        let store = match spool::is_empty(&self.spool_folder()) {
            true => SqliteStore::open_briefly(&path, sync)?.in_a_moment(),
            false => SqliteStore::open_at_once(&path, sync)?,
        };
        let store = self.telling(store);
        spool::replay(&self.spool_folder(), &store)?;
        Ok(store)
    }

    /// Says once that the store's file was put in place of another whose last changes were still in the log beside it: they
    /// are in the log alone, which was set aside. It gets the name under which it is told of.
    pub fn tell_replaced_log(&self, printer: Printer) {
        let [aside, told] = ["replaced", "old"].map(|end| self.pipe_path(&format!("runs.db-wal.{end}")));
        let has_changes = std::fs::metadata(&aside).is_ok_and(|found| found.len() > 0);
        if has_changes && disk::move_path(&aside, &told).is_ok() {
            let shown = |path: &Path| base::shown(path.strip_prefix(&self.root).unwrap_or(path));
            printer.warn(format_args!(
                "{} was replaced while the last changes to the file before it were in its log: they are not in the new one \
                 ({} is that log, for whoever has that file)",
                shown(&self.pipe_path("runs.db")),
                shown(&told)
            ));
        }
    }

    /// Where what was logged waits while the run store is away.
    pub fn spool_folder(&self) -> PathBuf {
        self.pipe_path("tmp").join("spool")
    }

    /// When the stage of a run succeeded, if the stage cache tells of it and lock or journal have recorded it: its process died
    /// before it had told the store. A result that could not be recorded, on a full disk say, is no success.
    fn ended_well(&self, store: &SqliteStore, run: RunId) -> Option<(RunStatus, Timestamp)> {
        let tags = store.run(run).ok()?.data.tags;
        let key = tags.get(tags::KEY)?.parse::<Digest>().ok()?;
        let results = self.stage_cache().results(&key);
        let id = run.to_string();
        let entry = results.into_iter().find(|entry| entry.maker.run.as_ref() == Some(&id))?;
        let ledger = self.ledger(&self.pipeline().ok()?).ok()?;
        let is_it = |lock: &StageLock| {
            lock.outs.len() == entry.outs.len()
                && entry
                    .outs
                    .iter()
                    .all(|out| lock.outs.iter().any(|(path, state)| *path == out.path && *state == out.state))
        };
        ledger.all().any(is_it).then_some(())?;
        Some((RunStatus::Finished, entry.maker.created))
    }

    /// Opens the run store for reading; `None` when no run was ever recorded. Where it cannot be written to,
    /// the runs of dead processes are left as they are.
    ///
    /// # Errors
    /// When something waits for it and it is missing, when it is damaged, from a newer version, or cannot be read.
    pub fn existing_store(&self) -> Result<Option<SqliteStore>, StoreError> {
        self.found_store().map(|found| found.map(|(store, _)| store))
    }

    /// The same for a command that shows what is in it: what waits for a store that is locked is told of.
    ///
    /// # Errors
    /// As [`Project::existing_store`].
    pub fn store_to_show(&self, printer: Printer) -> Result<Option<SqliteStore>, StoreError> {
        let found = self.found_store()?;
        let waiting = spool::count(&self.spool_folder());
        if let Some((_, Some(fault))) = &found
            && waiting > 0
        {
            let sets = report::count_text(waiting, "set");
            let wait = if waiting == 1 { "waits" } else { "wait" };
            printer.warn(format_args!("{fault}; {sets} of changes {wait} for it in .pipe/tmp/spool"));
        }
        Ok(found.map(|(store, _)| store))
    }

    fn found_store(&self) -> Result<Option<(SqliteStore, Option<StoreError>)>, StoreError> {
        match self.missing_store() {
            // To make one would take what waits from the one that is put back.
            Some(fault @ StoreError::Missing { waiting: 1.., .. }) => Err(fault),
            Some(_) => Ok(None),
            None => self.store_or_read_only(|| self.tidied_store()).map(Some),
        }
    }

    /// Opens the run store to read from it and, if it can be written to, to write; else it is told why it cannot. It is made when
    /// there is none, unless something waits for one.
    ///
    /// # Errors
    /// As [`Project::existing_store`].
    #[cfg(feature = "serve")]
    pub fn store_to_serve(&self) -> Result<(SqliteStore, Option<StoreError>), StoreError> {
        match self.missing_store() {
            Some(fault @ StoreError::Missing { waiting: 1.., .. }) => Err(fault),
            _ => self.store_or_read_only(|| self.store().map(|store| (store, None))),
        }
    }

    /// What `open` opens, or the store for questions alone, with the reason.
    fn store_or_read_only(
        &self,
        open: impl FnOnce() -> Result<(SqliteStore, Option<StoreError>), StoreError>,
    ) -> Result<(SqliteStore, Option<StoreError>), StoreError> {
        match open() {
            Err(
                fault @ (StoreError::Failed { .. }
                | StoreError::ReadOnly { .. }
                | StoreError::NoLocks { .. }
                | StoreError::Full { .. }),
            ) => {
                // What kept it from being written to says more than why it could not be read either.
                let (path, sync) = (self.pipe_path("runs.db"), self.settings.store_sync());
                match SqliteStore::open_read_only_since(&path, sync, &fault) {
                    Ok(store) => Ok((self.telling(store), Some(fault))),
                    Err(_) => Err(fault),
                }
            }
            opened => opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use track::{Change, Changes, Lease, NewRun};

    use super::*;

    #[test]
    fn whoever_writes_to_the_run_store_waits_for_the_disk_where_that_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        disk::replace(&folder.path().join(".pipe/config.toml"), b"store.sync = 'full'\n").unwrap();
        let project = Project::at(folder.path(), folder.path()).unwrap().with_settings().unwrap();
        let is_full = |store: Result<SqliteStore, StoreError>| store.unwrap().sync() == track::Sync::Full;
        assert!(is_full(project.store()));
        assert_eq!(project.store_to_record().unwrap().0.sync(), track::Sync::Full);
        assert!(is_full(project.store_to_log()));
        // Something that waits for a run.
        let run = crate::recorder::new_run_id();
        let begin =
            NewRun { parent: Some(crate::recorder::new_run_id()), ..NewRun::new(run, Timestamp::now()) };
        let changes = Changes::new(Timestamp::now(), vec![Change::CreateRun(begin)]);
        spool::keep(&project.spool_folder(), &run, &changes).unwrap();
        assert!(is_full(project.store_to_log()));
    }

    #[test]
    fn a_store_that_is_locked_while_something_waits_is_there_for_later() {
        let folder = tempfile::tempdir().unwrap();
        let project = Project::at(folder.path(), folder.path()).unwrap();
        disk::make_folder(&project.pipe_path("")).unwrap();
        let dead = crate::recorder::new_run_id();
        let lease = Some(Lease { pid: u32::MAX, ..Lease::current() });
        let begin = Change::CreateRun(NewRun { lease, ..NewRun::new(dead, Timestamp::now()) });
        project.store().unwrap().apply(Changes::new(Timestamp::now(), vec![begin])).unwrap();
        let run = crate::recorder::new_run_id();
        let begin = Change::CreateRun(NewRun::new(run, Timestamp::now()));
        spool::keep(&project.spool_folder(), &run, &Changes::new(Timestamp::now(), vec![begin])).unwrap();
        let other = rusqlite::Connection::open(project.pipe_path("runs.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let status = || project.store().unwrap().run(dead).unwrap().info.status;
        assert_eq!(status(), RunStatus::Running);
        let (store, behind) = project.store_to_record().unwrap();
        assert!(matches!(behind, Some(StoreError::Busy { .. })));
        drop(other);
        spool::replay(&project.spool_folder(), &*store).unwrap();
        assert!(store.run(run).is_ok() && status() == RunStatus::Killed);
    }
}
