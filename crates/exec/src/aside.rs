//! Setting the outs of a stage aside while its command runs, and putting them back when it fails.
//!
//! Before a command starts, its outs move into the job's folder, together with a note of what lies where.
//! A success drops them; a failure, or the next process after a kill, moves them back and keeps the partial
//! ones for a look. So the workspace holds the last good outs or the new ones, and nothing in between
//! is ever taken for a result.

use std::fs;
use std::path::{Path, PathBuf};

use base::ProjectPath;
use disk::{DiskError, Holder, Liveness};
use pipeline::Out;
use serde::{Deserialize, Serialize};

use crate::aside_files::{FilesOf, files_below};
use crate::runner::end_orphans;

/// The note's file name in a job's folder.
const NOTE: &str = "job.json";

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    version: u32,
    holder: Holder,
    stage: String,
    /// Whether everything was moved, so that what stands at an out's place since is the command's work.
    running: bool,
    /// Where the partial outs of a failure go, relative to the project root.
    partial: Option<PathBuf>,
    /// Every out that is a path; whether it stays in place while the command runs.
    outs: Vec<(ProjectPath, bool)>,
    /// Every out that is a pattern.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<FilesOf>,
}

/// The outs of one running stage, set aside.
#[derive(Debug)]
pub struct Aside {
    root: PathBuf,
    folder: PathBuf,
    note: Note,
}

/// What the recovery of a killed process's stage did.
#[derive(Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The stage that was running.
    pub stage: String,
    /// Where its partial outs were moved, when there were any.
    pub partial: Option<PathBuf>,
}

impl Aside {
    /// Moves the outs that exist into `folder`, a new one below the project's temporary folder. Outs that
    /// persist stay. `partial` is where a failure's leftovers go.
    ///
    /// # Errors
    /// When something cannot be moved; what was moved before is put back.
    pub fn set(
        root: &Path,
        folder: &Path,
        stage: &str,
        outs: &[Out],
        partial: Option<&Path>,
    ) -> Result<Self, DiskError> {
        let partial = partial.map(|path| path.strip_prefix(root).unwrap_or(path).to_owned());
        let stage = stage.to_owned();
        let paths = outs.iter().filter(|out| out.glob.is_none());
        let note = Note {
            version: 1,
            holder: Holder::current(),
            stage,
            running: false,
            partial,
            outs: paths.map(|out| (out.path.clone(), out.persist)).collect(),
            patterns: outs.iter().filter_map(FilesOf::out).collect(),
        };
        let mut aside = Aside { root: root.to_owned(), folder: folder.to_owned(), note };
        // The note stands before anything moves: a kill in between finds what to put back.
        aside.write_note()?;
        for (index, (path, persist)) in aside.note.outs.iter().enumerate() {
            let from = path.to_path(root);
            if *persist || fs::symlink_metadata(&from).is_err() {
                continue;
            }
            if let Err(fault) = disk::move_path(&from, &aside.slot(index)) {
                aside.put_back()?;
                return Err(fault);
            }
        }
        for (index, pattern) in aside.note.patterns.iter().enumerate() {
            if let Err(fault) = pattern.set_aside(root, &aside.files_slot(index)) {
                aside.put_back()?;
                return Err(fault);
            }
        }
        aside.note.running = true;
        aside.write_note()?;
        Ok(aside)
    }

    fn write_note(&self) -> Result<(), DiskError> {
        let text = serde_json::to_vec(&self.note).expect("a note is plain data");
        disk::replace_volatile(&self.folder.join(NOTE), &text)
    }

    fn slot(&self, index: usize) -> PathBuf {
        self.folder.join(index.to_string())
    }

    fn files_slot(&self, index: usize) -> PathBuf {
        files_slot(&self.folder, index)
    }

    /// Drops what was set aside: the new outs are good.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn drop_old(self) -> Result<(), DiskError> {
        // The note goes first: without it, nothing is put back over the new outs.
        disk::remove(&self.folder.join(NOTE))?;
        disk::remove(&self.folder)
    }

    /// Moves partial outs away and the old ones back. Returns where the partial ones are.
    ///
    /// # Errors
    /// When something cannot be moved; the note stays, so that the next attempt goes on.
    pub fn put_back(self) -> Result<Option<PathBuf>, DiskError> {
        let partial = self.note.partial.as_ref().map(|path| self.root.join(path));
        let mut kept = None;
        for (index, (path, persist)) in self.note.outs.iter().enumerate() {
            let place = path.to_path(&self.root);
            let old = self.slot(index);
            let has_old = fs::symlink_metadata(&old).is_ok();
            // A second attempt finds the old out in place and its slot empty: then nothing is partial.
            let is_partial = self.note.running && !persist && (has_old || !self.was_put_back(index));
            if is_partial && fs::symlink_metadata(&place).is_ok() {
                match &partial {
                    Some(folder) => {
                        disk::move_path(&place, &folder.join(path.as_str()))?;
                        kept = Some(folder.clone());
                    }
                    None => disk::remove(&place)?,
                }
            }
            if has_old {
                disk::replace_volatile(&self.mark(index), b"")?;
                disk::move_path(&old, &place)?;
            }
        }
        for (index, pattern) in self.note.patterns.iter().enumerate() {
            let mark = self.folder.join(format!("files-{index}.back"));
            let running = self.note.running && !mark.exists();
            let moved =
                pattern.put_back(&self.root, &self.files_slot(index), &mark, running, partial.as_deref())?;
            kept = kept.or_else(|| partial.clone().filter(|_| moved));
        }
        disk::remove(&self.folder.join(NOTE))?;
        disk::remove(&self.folder)?;
        Ok(kept)
    }

    fn mark(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index}.back"))
    }

    fn was_put_back(&self, index: usize) -> bool {
        self.mark(index).exists()
    }
}

/// Where the files of the pattern of this number lie while they are set aside.
fn files_slot(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("files-{index}"))
}

/// A job folder whose stage is at work, or was when its process died.
#[derive(Debug)]
pub struct AtWork {
    /// The stage.
    pub stage: String,
    /// The process that runs it.
    pub holder: Holder,
    /// What it has set aside.
    pub outs: Vec<PathBuf>,
}

/// The jobs below `jobs`.
///
/// # Errors
/// When something there cannot be read.
pub fn at_work(jobs: &Path) -> Result<Vec<AtWork>, DiskError> {
    let fault = |source| DiskError::new("list folder", jobs, source);
    let folders = match fs::read_dir(jobs) {
        Ok(folders) => folders,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(fault(source)),
    };
    let mut found = Vec::new();
    for folder in folders {
        let folder = folder.map_err(fault)?.path();
        let note = disk::read_optional(&folder.join(NOTE))?
            .and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        // Without a note nothing was set aside yet, or the new outs are good: see `recover`.
        let Some(Note { holder, stage, outs, patterns, .. }) = note else { continue };
        let slots = (0..outs.len()).map(|index| folder.join(index.to_string()));
        let mut outs: Vec<PathBuf> = slots.filter(|slot| fs::symlink_metadata(slot).is_ok()).collect();
        for index in 0..patterns.len() {
            let slot = files_slot(&folder, index);
            outs.extend(files_below(&slot)?.iter().map(|file| file.to_path(&slot)));
        }
        found.push(AtWork { stage, holder, outs });
    }
    Ok(found)
}

/// Puts back what dead processes had set aside in the job folders below `jobs`. Called with the project's
/// lock held, so that no living process is at work there.
///
/// # Errors
/// When something cannot be moved.
pub fn recover(root: &Path, jobs: &Path) -> Result<Vec<Recovered>, DiskError> {
    let Ok(folders) = fs::read_dir(jobs) else { return Ok(Vec::new()) };
    let mut recovered = Vec::new();
    let mut folders: Vec<PathBuf> = folders.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    for folder in folders {
        let note = disk::read_optional(&folder.join(NOTE))?
            .and_then(|text| serde_json::from_slice::<Note>(&text).ok());
        let Some(note) = note else {
            // No note: the process died while it was making or dropping the folder.
            disk::remove(&folder)?;
            continue;
        };
        if note.holder.liveness() == Liveness::Alive && note.holder != Holder::current() {
            continue;
        }
        end_orphans(&folder);
        let stage = note.stage.clone();
        let aside = Aside { root: root.to_owned(), folder, note };
        recovered.push(Recovered { stage, partial: aside.put_back()? });
    }
    Ok(recovered)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the stage's command")]
mod tests {
    use super::*;

    fn out(text: &str, persist: bool) -> Out {
        Out { persist, ..crate::aside_files::tests::plain(text) }
    }

    fn set_aside() -> (tempfile::TempDir, Aside) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("results")).unwrap();
        fs::write(root.join("results/model"), "good").unwrap();
        let outs = [out("results/model", false), out("results/new", false), out("kept", true)];
        fs::write(root.join("kept"), "grows").unwrap();
        let jobs = root.join("jobs/1");
        let aside = Aside::set(root, &jobs, "train", &outs, Some(&root.join("partial"))).unwrap();
        assert!(!root.join("results/model").exists());
        assert!(root.join("kept").exists());
        fs::write(root.join("results/model"), "half").unwrap();
        fs::write(root.join("results/new"), "half").unwrap();
        (folder, aside)
    }

    fn assert_recovered(root: &Path) {
        assert_eq!(fs::read_to_string(root.join("results/model")).unwrap(), "good");
        assert!(!root.join("results/new").exists());
        assert_eq!(fs::read_to_string(root.join("partial/results/model")).unwrap(), "half");
        assert_eq!(fs::read_to_string(root.join("partial/results/new")).unwrap(), "half");
        assert!(!root.join("jobs/1").exists());
    }

    #[test]
    fn a_failure_leaves_the_last_good_outs() {
        let (folder, aside) = set_aside();
        assert_eq!(aside.put_back().unwrap(), Some(folder.path().join("partial")));
        assert_recovered(folder.path());
    }

    #[test]
    fn the_next_process_puts_back_what_a_killed_one_left() {
        let (folder, aside) = set_aside();
        drop(aside);
        let recovered = recover(folder.path(), &folder.path().join("jobs")).unwrap();
        assert_eq!(recovered.len(), 1);
        assert_eq!(recovered[0].stage, "train");
        assert_recovered(folder.path());
        assert_eq!(recover(folder.path(), &folder.path().join("jobs")).unwrap(), []);
    }

    #[test]
    fn a_kill_before_the_command_ran_makes_nothing_partial() {
        let (folder, mut aside) = set_aside();
        aside.note.running = false;
        aside.write_note().unwrap();
        fs::rename(aside.slot(0), folder.path().join("results/model")).unwrap();
        recover(folder.path(), &folder.path().join("jobs")).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("results/model")).unwrap(), "good");
    }

    #[test]
    fn a_success_drops_the_old() {
        let (folder, aside) = set_aside();
        aside.drop_old().unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("results/model")).unwrap(), "half");
        assert_eq!(recover(folder.path(), &folder.path().join("jobs")).unwrap(), []);
    }
}
