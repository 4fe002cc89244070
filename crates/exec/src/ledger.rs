//! What is known of each stage's last success: the lock file, and the journal of what happened since it
//! was written. Of a source, it is what its pointer says, which is rewritten at once and stands in no journal.
//!
//! While a reproduction runs, the journal is the truth: a success is in it before anyone is told. The lock
//! is rewritten from it by rename at the end, and at most once a second meanwhile. A process that finds a
//! journal left by a dead one reads it over the lock and goes on from there. Readers need no lock of
//! their own: both files are replaced or appended, never edited. Several processes may write: each holds
//! `.pipe/tmp/journal.lock` for the moment, and reads first what the others wrote.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base::ProjectPath;
use disk::{DiskError, Journal, JournalError, Moment, Stamp};
use pipeline::{Address, Lock, LockCodec, PipelineError, StageLock, lock_beside, pipeline_file_of};
use serde::{Deserialize, Serialize};

use crate::neighbour::Neighbour;

/// Version of the journal's records.
const VERSION: u32 = 1;

/// How long a success may stand in the journal alone while others follow.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// One success, as the journal tells it.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    stage: Address,
    lock: StageLock,
}

/// The locks of a project's pipeline files with their journal.
#[derive(Debug)]
pub struct Ledger {
    root: PathBuf,
    codec: LockCodec,
    neighbour: Option<Neighbour>,
    journal_path: PathBuf,
    /// By lock file.
    locks: BTreeMap<ProjectPath, LockState>,
    /// Lock files whose content here differs from the disk's.
    unwritten: Vec<ProjectPath>,
    journal: Option<Journal>,
    /// Whether other machines may write to it too. Then it is opened anew each time and closed within the moment: what is
    /// appended goes where this machine believes the end to be, and is sent by the time it is closed.
    is_on_network: bool,
    /// How long the journal was when it was last read or written here.
    journal_length: u64,
    last_write: Instant,
}

#[derive(Debug, Default)]
struct LockState {
    lock: Lock,
    /// The stamp of the file that `lock` was read from or written to; `None` when there is none.
    stamp: Option<Stamp>,
    /// The stages that it told of at first. What others have added since is theirs.
    first: HashSet<String>,
    /// Whether something was recorded since the file was written.
    is_ahead: bool,
}

/// Why the ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A lock file is damaged or too new.
    #[error(transparent)]
    Lock(#[from] PipelineError),
    /// The journal is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal was written by a newer version.
    #[error(
        "{}: journal record of version {version}, newer than this pipe knows ({VERSION})",
        base::shown(path)
    )]
    Newer {
        /// The journal.
        path: PathBuf,
        /// The version it says.
        version: u32,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl LedgerError {
    /// Whether the disk has no room left.
    pub fn is_full(&self) -> bool {
        match self {
            LedgerError::Disk(fault) | LedgerError::Journal(JournalError::Disk(fault)) => fault.is_full(),
            _ => false,
        }
    }
}

impl Ledger {
    /// Reads the locks of the given pipeline files, all of them ours, the given pointers and the journal at `journal_path`.
    ///
    /// # Errors
    /// When one of them is damaged, from a newer version, or unreadable.
    pub fn read(
        root: &Path,
        journal_path: &Path,
        pipeline_files: &[ProjectPath],
        pointers: &[ProjectPath],
    ) -> Result<Self, LedgerError> {
        Ledger::read_with((LockCodec::default(), None), root, journal_path, pipeline_files, pointers)
    }

    /// The same, of pipeline files whose locks `codec` reads and writes, beside a neighbour who writes them too.
    ///
    /// # Errors
    /// As [`Ledger::read`].
    pub fn read_with(
        (codec, neighbour): (LockCodec, Option<Neighbour>),
        root: &Path,
        journal_path: &Path,
        pipeline_files: &[ProjectPath],
        pointers: &[ProjectPath],
    ) -> Result<Self, LedgerError> {
        let files = pipeline_files.iter().map(lock_beside).chain(pointers.iter().cloned());
        let mut ledger = Ledger {
            root: root.to_owned(),
            codec,
            neighbour,
            journal_path: journal_path.to_owned(),
            locks: files.map(|file| (file, LockState::default())).collect(),
            unwritten: Vec::new(),
            journal: None,
            is_on_network: disk::is_network(root),
            journal_length: 0,
            last_write: Instant::now(),
        };
        // Who writes them down replaces a lock and empties the journal, and may do so in between.
        ledger.read_locks(true)?;
        ledger.read_journal()?;
        while ledger.read_locks(false)? {
            ledger.read_journal()?;
        }
        for state in ledger.locks.values_mut() {
            state.first = state.lock.stages.keys().cloned().collect();
        }
        Ok(ledger)
    }

    /// Reads the lock files that are not what was last read or written here, or all; says whether there were any.
    fn read_locks(&mut self, all: bool) -> Result<bool, LedgerError> {
        let mut changed = false;
        for (path, state) in &mut self.locks {
            let os_path = path.to_path(&self.root);
            let stamp = stamp_of(&os_path);
            if !all && stamp == state.stamp {
                continue;
            }
            changed = true;
            state.lock = match disk::read_text_optional(&os_path)? {
                Some(text) => self.codec.parse(path, &text)?,
                None => Lock::default(),
            };
            state.stamp = stamp;
        }
        Ok(changed)
    }

    fn read_journal(&mut self) -> Result<(), LedgerError> {
        self.journal_length = length_of(&self.journal_path);
        for record in disk::read_journal::<Record>(&self.journal_path)? {
            if record.version > VERSION {
                let path = self.journal_path.clone();
                return Err(LedgerError::Newer { path, version: record.version });
            }
            self.insert(&record.stage, record.lock);
        }
        Ok(())
    }

    /// Reads again what other processes wrote down since, if that may concern `stage`; says whether there was
    /// anything.
    ///
    /// # Errors
    /// As [`Ledger::read`].
    pub fn refresh_for(&mut self, stage: &Address) -> Result<bool, LedgerError> {
        let path = lock_beside(&stage.file);
        let known = self.locks.get(&path).and_then(|state| state.stamp);
        if length_of(&self.journal_path) == self.journal_length
            && stamp_of(&path.to_path(&self.root)) == known
        {
            return Ok(false);
        }
        self.catch_up()?;
        Ok(true)
    }

    /// Reads again what other processes wrote down since, for who has waited for them: what they added is theirs, and is
    /// kept when this one writes.
    ///
    /// # Errors
    /// As [`Ledger::read`].
    pub fn catch_up(&mut self) -> Result<(), LedgerError> {
        let _moment = self.moment()?;
        self.refresh()
    }

    /// Reads again what other processes wrote down since. What this one recorded is in the journal, or in the locks.
    fn refresh(&mut self) -> Result<(), LedgerError> {
        let locks_changed = self.read_locks(false)?;
        if locks_changed || length_of(&self.journal_path) != self.journal_length {
            self.read_journal()?;
        }
        Ok(())
    }

    /// Keeps the neighbour from the locks meanwhile.
    fn neighbours_moment(&self) -> Result<Option<Moment>, DiskError> {
        self.neighbour.as_ref().map(Neighbour::records).transpose()
    }

    /// Keeps other processes from writing meanwhile.
    fn moment(&self) -> Result<Moment, DiskError> {
        let folder = self.journal_path.parent().unwrap_or(&self.root);
        Moment::take(&folder.join("tmp/journal.lock"))
    }

    /// Whether the journal tells of successes that the lock files do not: a process died before it wrote
    /// them.
    pub fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// What is known of a stage's last success.
    pub fn get(&self, stage: &Address) -> Option<&StageLock> {
        self.locks.get(&lock_beside(&stage.file))?.lock.stages.get(&stage.name)
    }

    /// What is known of the last success of every stage, also of those that are declared no longer.
    pub fn all(&self) -> impl Iterator<Item = &StageLock> {
        self.locks.values().flat_map(|state| state.lock.stages.values())
    }

    /// What is known of the last success of every stage of the pipeline files, also of those that are declared no longer.
    pub fn recorded(&self) -> impl Iterator<Item = (Address, &StageLock)> {
        self.locks.iter().flat_map(|(path, state)| {
            let file = pipeline_file_of(path);
            let stages = state.lock.stages.iter().filter(|(name, _)| !name.is_empty());
            stages.map(move |(name, lock)| (Address { file: file.clone(), name: name.clone() }, lock))
        })
    }

    /// Forgets a stage that is declared no longer, when the lock is written next.
    pub fn forget(&mut self, stage: &Address) {
        let file = lock_beside(&stage.file);
        let known = self.locks.get_mut(&file).and_then(|state| state.lock.stages.remove(&stage.name));
        if known.is_some() && !self.unwritten.contains(&file) {
            self.unwritten.push(file);
        }
    }

    /// Writes down what a source holds: in its pointer, at once.
    fn record_source(&mut self, stage: &Address, lock: StageLock) -> Result<(), LedgerError> {
        let file = &stage.file;
        let os_path = file.to_path(&self.root);
        let (_moment, _theirs) = (self.moment()?, self.neighbours_moment()?);
        let old = disk::read_text_optional(&os_path)?;
        let text = self.codec.update_source(file, old.as_deref(), &lock)?;
        disk::replace(&os_path, text.as_bytes())?;
        let stamp = stamp_of(&os_path);
        self.locks
            .insert(file.clone(), LockState { lock: lock_of_source(lock), stamp, ..LockState::default() });
        Ok(())
    }

    /// Writes a success down: in the journal at once, in the lock file soon.
    ///
    /// # Errors
    /// When the disk refuses; the success counts for this process alone then.
    pub fn record(&mut self, stage: &Address, lock: StageLock) -> Result<(), LedgerError> {
        if stage.is_source() {
            return self.record_source(stage, lock);
        }
        let record = Record { version: VERSION, stage: stage.clone(), lock };
        {
            let _moment = self.moment()?;
            if self.is_on_network || length_of(&self.journal_path) != self.journal_length {
                // Another process wrote, and died perhaps before its line was whole: opening it mends that.
                self.journal = None;
                self.refresh()?;
            }
            if self.journal.is_none() {
                self.journal = Some(Journal::open(&self.journal_path)?);
            }
            self.journal.as_mut().expect("it was just opened").append(&record)?;
            self.close_on_network();
            self.journal_length = length_of(&self.journal_path);
        }
        self.insert(stage, record.lock);
        if self.last_write.elapsed() >= WRITE_EVERY {
            let (_moment, _theirs) = (self.moment()?, self.neighbours_moment()?);
            self.refresh()?;
            self.write_locks()?;
        }
        Ok(())
    }

    fn insert(&mut self, stage: &Address, lock: StageLock) {
        let file = lock_beside(&stage.file);
        let state = self.locks.entry(file.clone()).or_default();
        state.lock.stages.insert(stage.name.clone(), lock);
        state.is_ahead = true;
        if !self.unwritten.contains(&file) {
            self.unwritten.push(file);
        }
    }

    /// Writes the lock files and empties the journal. `keeps` says of which stages records are kept: the others
    /// are dropped from a lock that is written, so that it does not grow for ever, unless another process added them.
    ///
    /// # Errors
    /// When the disk refuses, or what another process wrote cannot be read; the journal keeps everything then.
    pub fn write(&mut self, keeps: impl Fn(&Address, &StageLock) -> bool) -> Result<(), LedgerError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let (_moment, _theirs) = (self.moment()?, self.neighbours_moment()?);
        self.refresh()?;
        self.drop_forgotten(keeps);
        self.write_locks()?;
        self.unwritten.clear();
        let mut journal = self.journal.take().map_or_else(|| Journal::open(&self.journal_path), Ok)?;
        journal.clear()?;
        self.journal = Some(journal);
        self.close_on_network();
        self.journal_length = 0;
        Ok(())
    }

    fn close_on_network(&mut self) {
        if self.is_on_network {
            self.journal = None;
        }
    }

    /// The same where a lock that lies in one of these folders tells less than is recorded: a stage that reads the folder
    /// reads its lock too. The journal keeps everything.
    ///
    /// # Errors
    /// As [`Ledger::write`].
    pub fn write_inside(
        &mut self,
        folders: &[ProjectPath],
        keeps: impl Fn(&Address, &StageLock) -> bool,
    ) -> Result<(), LedgerError> {
        let is_inside = |file: &ProjectPath| folders.iter().any(|folder| folder.contains(file));
        let is_ahead = |file: &ProjectPath| self.locks.get(file).is_some_and(|state| state.is_ahead);
        if self.unwritten.iter().any(|file| is_inside(file) && is_ahead(file)) {
            let (_moment, _theirs) = (self.moment()?, self.neighbours_moment()?);
            self.refresh()?;
            self.drop_forgotten(keeps);
            self.write_locks()?;
        }
        Ok(())
    }

    fn drop_forgotten(&mut self, keeps: impl Fn(&Address, &StageLock) -> bool) {
        for file in &self.unwritten {
            let pipeline_file = pipeline_file_of(file);
            if let Some(LockState { lock, first, .. }) = self.locks.get_mut(file) {
                let is_kept = |name: &String, lock: &StageLock| {
                    keeps(&Address { file: pipeline_file.clone(), name: name.clone() }, lock)
                };
                lock.stages.retain(|name, lock| is_kept(name, lock) || !first.contains(name));
            }
        }
    }

    fn write_locks(&mut self) -> Result<(), DiskError> {
        for file in &self.unwritten {
            if let Some(state) = self.locks.get_mut(file) {
                let os_path = file.to_path(&self.root);
                let old = disk::read_text_optional(&os_path)?;
                let text = self.codec.write(file, old.as_deref(), &state.lock);
                match text {
                    Some(text) => disk::replace(&os_path, text.as_bytes())?,
                    None => disk::remove(&os_path)?,
                }
                state.stamp = stamp_of(&os_path);
                state.is_ahead = false;
            }
        }
        self.last_write = Instant::now();
        Ok(())
    }
}

fn lock_of_source(lock: StageLock) -> Lock {
    Lock { stages: BTreeMap::from([(String::new(), lock)]), ..Lock::default() }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    disk::metadata_anew(path).ok().map(|metadata| Stamp::of(&metadata))
}

fn length_of(path: &Path) -> u64 {
    disk::metadata_anew(path).map_or(0, |metadata| metadata.len())
}
