//! The run store in one SQLite file, shared by any number of processes of one machine, and of several on a network file system.
//!
//! Write-ahead logging lets readers read while one process writes; a writer takes the write lock at
//! the start of its transaction and waits for it, so nobody fails halfway and nobody sees "locked".
//! Within one process, questions have connections of their own, so that a long one delays no write.
//! What was applied survives the process; the power too, if [`Sync::Full`] is asked for. Memory is not shared between
//! machines: on a network file system there is a journal instead, of which `open` tells.

mod apply;
mod artifact;
mod choose;
mod column;
mod fault;
mod file;
mod history;
mod holdings;
mod lead;
mod model;
mod open;
mod page;
mod pairs;
mod patience;
mod place;
mod read;
mod readers;
mod registry;
mod schema;
mod search;
mod standin;
mod whole;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use base::{Digest, Timestamp};
use rusqlite::{Connection, TransactionBehavior};

pub use self::holdings::told_holdings;
pub use self::schema::SCHEMA_VERSION;

use self::fault::Fault;
use self::file::FileId;
use self::holdings::Holdings;
use self::open::{Journaling, configure, connect};
use self::patience::Patience;
use self::readers::Readers;
use crate::{
    Applied, Artifact, ArtifactEntry, ArtifactOwner, Changes, ChangesId, Course, DatasetSummary, Experiment,
    ExperimentId, ExperimentSearch, KeyGroup, Lease, LineageFile, LoggedModel, LoggedModelSearch, Metric,
    MetricCursor, ModelId, ModelSearch, ModelStore, ModelVersion, Purge, RegisteredModel, Role, Run, RunId,
    RunStore, Search, Stage, StoreError, TagValue, VersionRef, VersionSearch, View,
};

/// How often one is opened to write that could only be read.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// How often a file is opened anew that is replaced again and again under our eyes.
const ATTEMPTS: usize = 8;

/// What applied changes survive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sync {
    /// The death of the process; a loss of power may take the last moments.
    #[default]
    Normal,
    /// A loss of power too: every set of changes waits for the disk.
    Full,
}

/// The run store of a project.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    sync: Sync,
    journaling: Journaling,
    patience: Patience,
    /// Nothing where one connection does all: in memory. They close before the writer does, which is the one that can
    /// empty the log.
    readers: Option<Readers>,
    /// The file that is open; nothing in memory, and where it is only read.
    file: Mutex<Option<FileId>>,
    was_replaced: AtomicBool,
    /// Nothing where it is only read.
    writer: OnceLock<Mutex<Connection>>,
    /// What writes are answered with there.
    refusal: Refusal,
    /// When it was last tried to write there; nothing where that is not wanted.
    tried: Mutex<Option<Instant>>,
    /// Where others read what it holds.
    holdings: Option<Holdings>,
}

/// Why nothing is written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    ReadOnly,
    Full,
}

impl SqliteStore {
    /// Opens the file, making it (private to the user) when it is not there and upgrading it when an
    /// older `pipe` made it. The folder must exist.
    ///
    /// # Errors
    /// When the file is damaged, another program's or a newer `pipe`'s, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, Sync::Normal)
    }

    /// Opens the file as [`SqliteStore::open`] does, and keeps what is applied as safe as asked.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_with(path: &Path, sync: Sync) -> Result<Self, StoreError> {
        Self::open_for(path, sync, Patience::Long)
    }

    /// Opens the file as [`SqliteStore::open`] does, for somebody who does not wait long for other writers, since what
    /// he has to write is kept elsewhere then.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_briefly(path: &Path, sync: Sync) -> Result<Self, StoreError> {
        Self::open_for(path, sync, Patience::Brief)
    }

    /// From now on other writers are waited for no longer than a moment: scripts wait for the answer, and what they log is
    /// kept elsewhere then.
    #[must_use]
    pub fn in_a_moment(mut self) -> Self {
        let patience = Patience::Moment;
        let is_set = self.writer().is_ok_and(|mut writer| writer.busy_handler(Some(patience.nap())).is_ok());
        if is_set {
            self.readers = Some(Readers::new(self.path.clone(), self.journaling, patience));
            self.patience = patience;
        }
        self
    }

    /// Whether another file was put in place of the one that was opened.
    pub fn was_replaced(&self) -> bool {
        self.was_replaced.load(Ordering::SeqCst)
    }

    /// The same for somebody who waits for them no longer than a write takes.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_at_once(path: &Path, sync: Sync) -> Result<Self, StoreError> {
        Self::open_for(path, sync, Patience::None)
    }

    fn open_for(path: &Path, sync: Sync, patience: Patience) -> Result<Self, StoreError> {
        let journaling = Journaling::of(path)?;
        Self::open_by(path, journaling, sync, patience)
    }

    fn open_by(
        path: &Path,
        journaling: Journaling,
        sync: Sync,
        patience: Patience,
    ) -> Result<Self, StoreError> {
        let opened = connect(path, journaling, sync, patience);
        let (connection, file) = opened.map_err(|fault| patience.told(fault.into_error(path, "open")))?;
        Ok(SqliteStore {
            path: path.to_owned(),
            sync,
            journaling,
            patience,
            readers: Some(Readers::new(path.to_owned(), journaling, patience)),
            file: Mutex::new(Some(file)),
            was_replaced: AtomicBool::default(),
            writer: Mutex::new(connection).into(),
            refusal: Refusal::ReadOnly,
            tried: Mutex::default(),
            holdings: None,
        })
    }

    /// Opens a file that is there for questions alone: nothing is written, not even beside it. For a
    /// folder or a file system that cannot be written to.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; and when an older `pipe` made the file, since it cannot be upgraded.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        readers::open_to_read(path).map_err(|fault| fault.into_error(path, "read"))?;
        // Who writes to it after all where machines do not see each other's locks is refused then.
        let journaling = Journaling::of(path).unwrap_or(Journaling::Rollback);
        Ok(SqliteStore {
            path: path.to_owned(),
            sync: Sync::Normal,
            journaling,
            patience: Patience::Long,
            readers: Some(Readers::of_what_is_only_read(path.to_owned(), journaling)),
            file: Mutex::default(),
            was_replaced: AtomicBool::default(),
            writer: OnceLock::new(),
            refusal: Refusal::ReadOnly,
            tried: Mutex::default(),
            holdings: None,
        })
    }

    /// Opens a file as [`SqliteStore::open_read_only`] does that could not be opened to write, for this reason: who
    /// writes to it is told. Whether that has changed is looked at when somebody writes, but not every time.
    ///
    /// # Errors
    /// As [`SqliteStore::open_read_only`].
    pub fn open_read_only_since(path: &Path, sync: Sync, why: &StoreError) -> Result<Self, StoreError> {
        let refusal = if matches!(why, StoreError::Full { .. }) { Refusal::Full } else { Refusal::ReadOnly };
        let tried = Mutex::new(Some(Instant::now()));
        Ok(SqliteStore { sync, refusal, tried, ..Self::open_read_only(path)? })
    }

    /// As [`RunStore::apply`] does, of changes that stay with the caller, who wants them back when the store fails.
    ///
    /// # Errors
    /// As [`RunStore::apply`].
    pub fn apply_kept(&self, changes: &Changes) -> Result<Applied, StoreError> {
        self.write(changes).map_err(|fault| self.patience.told(fault.into_error(&self.path, "write")))
    }

    /// Does something that can be done later just as well: other writers are not waited for as long as otherwise.
    ///
    /// # Errors
    /// When the work fails.
    pub fn briefly<T>(&self, work: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.waiting(Patience::Brief, work)
    }

    /// Does something for which other writers were waited for in vain before: they are waited for no longer than a write
    /// takes.
    ///
    /// # Errors
    /// When the work fails.
    pub fn at_once<T>(&self, work: impl FnOnce(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.waiting(Patience::None, work)
    }

    fn waiting<T>(
        &self,
        patience: Patience,
        work: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let wait = |patience: Patience| -> Result<(), StoreError> {
            let Ok(mut writer) = self.writer() else { return Ok(()) };
            let set = writer.busy_handler(Some(patience.nap()));
            set.map_err(|fault| Fault::from(fault).into_error(&self.path, "write"))
        };
        wait(patience)?;
        let done = work(self).map_err(|fault| patience.told(fault));
        wait(self.patience)?;
        done
    }

    /// What applied changes survive.
    pub fn sync(&self) -> Sync {
        self.sync
    }

    /// Whether it can only be read.
    pub fn is_read_only(&self) -> bool {
        self.writer.get().is_none()
    }

    /// A store that lives and dies with this value: for tests, and to stand in for one that takes nothing.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn open_in_memory() -> Result<Self, StoreError> {
        let path = PathBuf::new();
        let open = || -> Result<Connection, Fault> {
            let mut connection = Connection::open_in_memory()?;
            configure(&connection, Journaling::Ahead, Sync::Normal)?;
            schema::prepare(&mut connection, &path)?;
            Ok(connection)
        };
        let connection = open().map_err(|fault| fault.into_error(&path, "open"))?;
        Ok(SqliteStore {
            path,
            sync: Sync::Normal,
            journaling: Journaling::Ahead,
            patience: Patience::Long,
            readers: None,
            file: Mutex::default(),
            was_replaced: AtomicBool::default(),
            writer: Mutex::new(connection).into(),
            refusal: Refusal::ReadOnly,
            tried: Mutex::default(),
            holdings: None,
        })
    }

    /// Keeps a list of what the artifacts hold, for those who may not read the store ([`told_holdings`]), once that is
    /// made.
    #[must_use]
    pub fn telling(self, list: PathBuf) -> Self {
        SqliteStore { holdings: Some(Holdings::new(&self.path, list)), ..self }
    }

    /// Makes the list of what the artifacts hold where there is none that can be relied on. In a store of somebody else's
    /// that is left to him, who could not append to it. One that cannot be written is not there.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tell(&self) -> Result<(), StoreError> {
        let is_wanted = |holdings: &Holdings| !holdings.is_good() && disk::is_own(&self.path);
        if self.holdings.as_ref().is_some_and(is_wanted) { self.tell_anew() } else { Ok(()) }
    }

    /// Takes from the list of what the artifacts hold what is purged.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tell_anew(&self) -> Result<(), StoreError> {
        let Some(holdings) = &self.holdings else { return Ok(()) };
        let tell = |connection: &mut Connection| -> Result<(), Fault> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let held = artifact::held(&transaction)?;
            let _ = holdings.write(&held);
            transaction.finish()?;
            Ok(())
        };
        tell(&mut *self.writer()?).map_err(|fault| self.patience.told(fault.into_error(&self.path, "read")))
    }

    /// The contents of all artifacts of runs and logged models that are not deleted, and of all that versions are made
    /// of, each once: what a collection of garbage has to keep.
    ///
    /// # Errors
    /// When the store fails.
    pub fn kept_artifacts(&self) -> Result<Vec<Digest>, StoreError> {
        self.read(artifact::kept)
    }

    /// The files of a version, by their path in it: its own, else those that its source names, of any lifecycle.
    ///
    /// # Errors
    /// When there is no such version, or the store fails.
    pub fn version_files(&self, version: &VersionRef) -> Result<Vec<Artifact>, StoreError> {
        self.read(|connection| lead::files(connection, version))
    }

    /// The versions that are made of what a purge removes, by name and number. They keep their files: those that have none of
    /// their own get them then.
    ///
    /// # Errors
    /// When the store fails.
    pub fn versions_made_of(&self, purge: &Purge) -> Result<Vec<VersionRef>, StoreError> {
        self.read(|connection| lead::versions_made_of(connection, purge))
    }

    /// The logged models of these experiments, of any lifecycle, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn models_in(&self, experiments: &[ExperimentId]) -> Result<Vec<ModelId>, StoreError> {
        self.read(|connection| model::of_experiments(connection, experiments))
    }

    /// Answers a question on one moment's state of the store.
    fn read<T>(&self, question: impl Fn(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        let ask = |connection: &mut Connection| -> Result<T, Fault> {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            let answer = question(&transaction)?;
            transaction.finish()?;
            Ok(answer)
        };
        let answer = match &self.readers {
            Some(readers) => self.journaling.persistently(|| {
                file::again_if_replaced(&self.path, || {
                    self.current().and_then(|file| readers.with(file, ask))
                })
            }),
            None => self.writer().map_err(Fault::Store).and_then(|mut writer| ask(&mut writer)),
        };
        answer.map_err(|fault| fault.into_error(&self.path, "read"))
    }

    fn writer(&self) -> Result<MutexGuard<'_, Connection>, StoreError> {
        match self.writer.get().or_else(|| self.try_again()) {
            Some(writer) => Ok(writer.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Err(match self.refusal {
                Refusal::ReadOnly => StoreError::ReadOnly { path: self.path.clone() },
                Refusal::Full => StoreError::Full { path: self.path.clone() },
            }),
        }
    }

    /// Opens the file to write to it after all, where it is time to try that again.
    fn try_again(&self) -> Option<&Mutex<Connection>> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = self.writer.get() {
            return Some(writer);
        }
        if tried.as_ref()?.elapsed() < TRY_EVERY {
            return None;
        }
        let journaling = Journaling::of(&self.path).ok().filter(|found| *found == self.journaling)?;
        let opened = connect(&self.path, journaling, self.sync, self.patience);
        *tried = Some(Instant::now());
        let (connection, file) = opened.ok()?;
        // What may only be read opens too, and would be so for ever.
        if connection.is_readonly("main").unwrap_or(true) {
            return None;
        }
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        if let Some(readers) = &self.readers {
            readers.stay_open();
        }
        Some(self.writer.get_or_init(|| Mutex::new(connection)))
    }

    /// The file that questions are to be asked of: the one that is open, or that was put in its place.
    fn current(&self) -> Result<Option<FileId>, Fault> {
        let known = self.known();
        if known.is_none() || known == FileId::at(&self.path)? {
            return Ok(known);
        }
        self.follow(&mut *self.writer()?)?;
        Ok(self.known())
    }

    /// Writes, and makes sure that what it was written to is still the store.
    fn write(&self, changes: &Changes) -> Result<Applied, Fault> {
        let mut writer = self.writer()?;
        let changes = self.applied_once(changes);
        for _ in 0..ATTEMPTS {
            self.follow(&mut writer)?;
            let apply = || apply::apply(&mut writer, &changes, self.holdings.as_ref());
            let answer = self.journaling.persistently(apply);
            let known = self.known();
            if known.is_none() || known == FileId::at(&self.path)? {
                return answer;
            }
        }
        Err(StoreError::Gone { path: self.path.clone() }.into())
    }

    /// Changes that can be applied again where it may not be known whether they were: a network may lose the answer.
    fn applied_once<'c>(&self, changes: &'c Changes) -> Cow<'c, Changes> {
        if self.journaling == Journaling::Ahead || changes.id.is_some() {
            return Cow::Borrowed(changes);
        }
        let id = RunId::new(Timestamp::now(), &mut rand::make_rng::<rand::rngs::StdRng>());
        Cow::Owned(Changes { id: Some(ChangesId(format!("once-{id}"))), ..changes.clone() })
    }

    /// Opens the file that was put in place of the one that is open, where one was. A file that is gone may come back, so
    /// none is made in its place.
    fn follow(&self, writer: &mut Connection) -> Result<(), Fault> {
        let known = self.known();
        let found = if known.is_some() { FileId::at(&self.path)? } else { None };
        if found == known {
            return Ok(());
        }
        if found.is_none() {
            return Err(StoreError::Gone { path: self.path.clone() }.into());
        }
        // SQLite takes nothing away that lies beside a file that is not the one it has open, so that the old
        // connection may close after this one is there.
        let (connection, file) = connect(&self.path, self.journaling, self.sync, self.patience)?;
        *writer = connection;
        *self.file.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        self.was_replaced.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn known(&self) -> Option<FileId> {
        *self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunStore for SqliteStore {
    fn apply(&self, changes: Changes) -> Result<Applied, StoreError> {
        self.apply_kept(&changes)
    }

    fn experiments(&self) -> Result<Vec<Experiment>, StoreError> {
        self.read(read::experiments)
    }

    fn experiment(&self, name: &str) -> Result<Option<Experiment>, StoreError> {
        self.read(|connection| read::experiment(connection, name))
    }

    fn experiment_by_id(&self, id: ExperimentId) -> Result<Experiment, StoreError> {
        self.read(|connection| read::experiment_by_id(connection, id))
    }

    fn search_experiments(&self, search: &ExperimentSearch) -> Result<Vec<Experiment>, StoreError> {
        self.read(|connection| read::search_experiments(connection, search))
    }

    fn datasets(
        &self,
        experiments: &[ExperimentId],
        limit: usize,
    ) -> Result<Vec<DatasetSummary>, StoreError> {
        self.read(|connection| read::datasets(connection, experiments, limit))
    }

    fn run(&self, id: RunId) -> Result<Run, StoreError> {
        self.read(|connection| search::run(connection, id))
    }

    fn find_run_in(&self, wanted: &str, view: View) -> Result<RunId, StoreError> {
        self.read(|connection| read::find_run(connection, wanted, view))
    }

    fn children(&self, id: RunId) -> Result<Vec<Run>, StoreError> {
        self.read(|connection| search::children(connection, id))
    }

    fn search(&self, search: &Search) -> Result<Vec<Run>, StoreError> {
        self.read(|connection| search::search(connection, search))
    }

    fn select(&self, search: &Search) -> Result<Vec<RunId>, StoreError> {
        self.read(|connection| search::select(connection, search))
    }

    fn runs(&self, ids: &[RunId]) -> Result<Vec<Run>, StoreError> {
        self.read(|connection| search::runs(connection, ids))
    }

    fn keys(&self, group: KeyGroup) -> Result<Vec<String>, StoreError> {
        self.read(|connection| search::keys(connection, group))
    }

    fn metric_history(&self, run: RunId, key: &str) -> Result<Vec<Metric>, StoreError> {
        self.read(|connection| history::history(connection, run, key))
    }

    fn earliest_points(&self, run: RunId, key: &str, limit: usize) -> Result<Vec<Metric>, StoreError> {
        self.read(|connection| history::earliest(connection, run, key, limit))
    }

    fn metric_page(
        &self,
        run: RunId,
        key: &str,
        after: Option<MetricCursor>,
        limit: usize,
    ) -> Result<Vec<Metric>, StoreError> {
        self.read(|connection| page::page(connection, run, key, after, limit))
    }

    fn sampled_history(
        &self,
        runs: &[RunId],
        key: &str,
        steps: Option<(i64, i64)>,
        limit: usize,
    ) -> Result<Vec<(RunId, Vec<Metric>)>, StoreError> {
        self.read(|connection| place::sampled(connection, runs, key, steps, limit))
    }

    fn courses(&self, run: RunId, limit: usize) -> Result<Vec<Course>, StoreError> {
        self.read(|connection| place::courses(connection, run, limit))
    }

    fn metric_keys(&self, run: RunId) -> Result<Vec<String>, StoreError> {
        self.read(|connection| read::metric_keys(connection, run))
    }

    fn artifacts(&self, run: RunId) -> Result<Vec<Artifact>, StoreError> {
        self.read(|connection| read::artifacts(connection, run))
    }

    fn artifacts_of(&self, owner: &ArtifactOwner) -> Result<Vec<Artifact>, StoreError> {
        self.read(|connection| artifact::all(connection, owner))
    }

    fn artifact_folder(&self, owner: &ArtifactOwner, folder: &str) -> Result<Vec<ArtifactEntry>, StoreError> {
        self.read(|connection| artifact::folder(connection, owner, folder))
    }

    fn artifact(&self, owner: &ArtifactOwner, path: &str) -> Result<Option<Artifact>, StoreError> {
        self.read(|connection| artifact::one(connection, owner, path))
    }

    fn tag_history(&self, run: RunId, key: &str) -> Result<Vec<TagValue>, StoreError> {
        self.read(|connection| read::tag_history(connection, run, key))
    }

    fn lineage(&self, run: RunId, role: Role) -> Result<Vec<LineageFile>, StoreError> {
        self.read(|connection| read::lineage(connection, run, role))
    }

    fn maker(&self, digest: &Digest, before: RunId) -> Result<Option<RunId>, StoreError> {
        self.read(|connection| read::maker(connection, digest, before))
    }

    fn leases(&self) -> Result<Vec<(RunId, Lease)>, StoreError> {
        self.read(read::leases)
    }

    fn heard_outside(
        &self,
        earliest: Timestamp,
        latest: Timestamp,
    ) -> Result<Vec<(RunId, Option<Lease>, Timestamp)>, StoreError> {
        self.read(|connection| read::heard_outside(connection, earliest, latest))
    }

    fn purgeable(&self, before: Option<Timestamp>) -> Result<Purge, StoreError> {
        self.read(|connection| read::purgeable(connection, before))
    }
}

impl ModelStore for SqliteStore {
    fn logged_model(&self, id: ModelId) -> Result<LoggedModel, StoreError> {
        self.read(|connection| model::one(connection, id))
    }

    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Vec<LoggedModel>, StoreError> {
        self.read(|connection| model::search(connection, search))
    }

    fn registered_model(&self, name: &str) -> Result<RegisteredModel, StoreError> {
        self.read(|connection| registry::model(connection, name))
    }

    fn search_registered_models(&self, search: &ModelSearch) -> Result<Vec<RegisteredModel>, StoreError> {
        self.read(|connection| registry::search(connection, search))
    }

    fn model_version(&self, name: &str, version: i64) -> Result<ModelVersion, StoreError> {
        self.read(|connection| registry::version(connection, name, version))
    }

    fn version_by_alias(&self, name: &str, alias: &str) -> Result<ModelVersion, StoreError> {
        self.read(|connection| registry::by_alias(connection, name, alias))
    }

    fn latest_versions(&self, name: &str, stages: &[Stage]) -> Result<Vec<ModelVersion>, StoreError> {
        self.read(|connection| registry::latest_of(connection, name, stages))
    }

    fn latest_versions_of_each(&self, names: &[&str]) -> Result<Vec<Vec<ModelVersion>>, StoreError> {
        self.read(|connection| registry::latest(connection, names))
    }

    fn search_model_versions(&self, search: &VersionSearch) -> Result<Vec<ModelVersion>, StoreError> {
        self.read(|connection| registry::search_versions(connection, search))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;
    use crate::Change;

    #[test]
    fn a_write_is_done_while_a_question_is_being_answered() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(SqliteStore::open(&folder.path().join("runs.db")).expect("opens"));
        let writer = Arc::clone(&store);
        let names = |connection: &Connection| read::experiments(connection).map(|found| found.len());
        let seen = store.read(|connection| {
            // From here on the question has its snapshot.
            let before = names(connection)?;
            let (done, wait) = mpsc::channel();
            let writer = Arc::clone(&writer);
            std::thread::spawn(move || {
                let change = Change::CreateExperiment { name: "new".into(), if_absent: false };
                done.send(writer.apply(Changes::new(Timestamp(1), vec![change])).is_ok())
            });
            assert_eq!(
                wait.recv_timeout(Duration::from_secs(20)),
                Ok(true),
                "the write waits for the question"
            );
            Ok((before, names(connection)?))
        });
        assert_eq!(seen.expect("read"), (1, 1), "a question sees one moment");
        assert_eq!(store.experiments().expect("read").len(), 2, "and what was applied before it");
    }
}
