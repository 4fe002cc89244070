//! What is known of each stage's last success: the lock file, and the journal of what happened since it
//! was written.
//!
//! While a reproduction runs, the journal is the truth: a success is in it before anyone is told. The lock
//! is rewritten from it by rename at the end, and at most once a second meanwhile. A process that finds a
//! journal left by a dead one reads it over the lock and goes on from there. Readers need no lock of
//! their own: both files are replaced or appended, never edited.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base::ProjectPath;
use disk::{DiskError, Journal, JournalError};
use pipeline::{Address, LOCK_FILE, Lock, PipelineError, StageLock, parse_lock, write_lock};
use serde::{Deserialize, Serialize};

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
    journal_path: PathBuf,
    /// By lock file.
    locks: BTreeMap<ProjectPath, Lock>,
    /// Lock files whose content here differs from the disk's.
    unwritten: Vec<ProjectPath>,
    journal: Option<Journal>,
    last_write: Instant,
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
    #[error("{}: journal record of version {version}, newer than this pipe knows ({VERSION})", path.display())]
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

/// The lock file beside a pipeline file.
pub fn lock_file(pipeline_file: &ProjectPath) -> ProjectPath {
    pipeline_file.parent().unwrap_or_default().join(LOCK_FILE)
}

impl Ledger {
    /// Reads the locks of the given pipeline files and the journal at `journal_path`.
    ///
    /// # Errors
    /// When one of them is damaged, from a newer version, or unreadable.
    pub fn read(
        root: &Path,
        journal_path: &Path,
        pipeline_files: &[ProjectPath],
    ) -> Result<Self, LedgerError> {
        let mut locks = BTreeMap::new();
        for file in pipeline_files {
            let path = lock_file(file);
            let lock = match disk::read_text_optional(&path.to_path(root))? {
                Some(text) => parse_lock(&path, &text)?,
                None => Lock::default(),
            };
            locks.insert(path, lock);
        }
        let mut ledger = Ledger {
            root: root.to_owned(),
            journal_path: journal_path.to_owned(),
            locks,
            unwritten: Vec::new(),
            journal: None,
            last_write: Instant::now(),
        };
        for record in disk::read_journal::<Record>(journal_path)? {
            if record.version > VERSION {
                return Err(LedgerError::Newer { path: journal_path.to_owned(), version: record.version });
            }
            ledger.insert(&record.stage, record.lock);
        }
        Ok(ledger)
    }

    /// Whether the journal tells of successes that the lock files do not: a process died before it wrote
    /// them.
    pub fn has_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// What is known of a stage's last success.
    pub fn get(&self, stage: &Address) -> Option<&StageLock> {
        self.locks.get(&lock_file(&stage.file))?.stages.get(&stage.name)
    }

    /// What is known of the last success of every stage, also of those that are declared no longer.
    pub fn all(&self) -> impl Iterator<Item = &StageLock> {
        self.locks.values().flat_map(|lock| lock.stages.values())
    }

    /// Writes a success down: in the journal at once, in the lock file soon.
    ///
    /// # Errors
    /// When the disk refuses; the success counts for this process alone then.
    pub fn record(&mut self, stage: &Address, lock: StageLock) -> Result<(), DiskError> {
        if self.journal.is_none() {
            self.journal = Some(Journal::open(&self.journal_path)?);
        }
        let record = Record { version: VERSION, stage: stage.clone(), lock };
        self.journal.as_mut().expect("it was just opened").append(&record)?;
        self.insert(stage, record.lock);
        if self.last_write.elapsed() >= WRITE_EVERY {
            self.write_locks()?;
        }
        Ok(())
    }

    fn insert(&mut self, stage: &Address, lock: StageLock) {
        let file = lock_file(&stage.file);
        self.locks.entry(file.clone()).or_default().stages.insert(stage.name.clone(), lock);
        if !self.unwritten.contains(&file) {
            self.unwritten.push(file);
        }
    }

    /// Writes the lock files and empties the journal. `declared` says which stages still exist: the others
    /// are dropped from a lock that is written, so that it does not grow for ever.
    ///
    /// # Errors
    /// When the disk refuses; the journal keeps everything then.
    pub fn write(&mut self, declared: impl Fn(&Address) -> bool) -> Result<(), DiskError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        for file in &self.unwritten {
            let pipeline_file = file.parent().unwrap_or_default().join(pipeline::PIPELINE_FILE);
            if let Some(lock) = self.locks.get_mut(file) {
                lock.stages
                    .retain(|name, _| declared(&Address { file: pipeline_file.clone(), name: name.clone() }));
            }
        }
        self.write_locks()?;
        self.unwritten.clear();
        match &mut self.journal {
            Some(journal) => journal.clear(),
            None => Journal::open(&self.journal_path)?.clear(),
        }
    }

    fn write_locks(&mut self) -> Result<(), DiskError> {
        for file in &self.unwritten {
            if let Some(lock) = self.locks.get(file) {
                disk::replace(&file.to_path(&self.root), write_lock(lock).as_bytes())?;
            }
        }
        self.last_write = Instant::now();
        Ok(())
    }
}
