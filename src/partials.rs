//! What failed stages had made: it lies in the folders of their runs until a collection of garbage takes it.

use std::fs;
use std::path::{Path, PathBuf};

use cache::Tally;
use track::{Lifecycle, RunId, RunStore, StoreError};

use crate::error::CliResult;
use crate::project::Project;

/// Folders that go.
#[derive(Debug, Default)]
pub struct Partials {
    folders: Vec<PathBuf>,
    /// How much lies in them.
    pub tally: Tally,
}

/// The folders of runs that were deleted or that the store knows nothing of, last changed before `start` (nanoseconds
/// since 1970); with `older_than`, partial outs of all runs that ended before it, and nothing younger.
///
/// # Errors
/// When the run store or a folder cannot be read.
pub fn find(project: &Project, start: i64, older_than: Option<i64>) -> CliResult<Partials> {
    let folder = project.pipe_path("artifacts");
    let store = project.existing_store()?;
    let mut found = Partials::default();
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let Some(run) = entry.file_name().to_str().and_then(|name| name.parse::<RunId>().ok()) else {
            continue;
        };
        let known = match store.as_ref().map(|store| store.run(run)) {
            Some(Ok(run)) => Some(run.info),
            Some(Err(StoreError::UnknownRun(_))) | None => None,
            Some(Err(fault)) => return Err(fault.into()),
        };
        let path = match known {
            Some(info) => {
                // One that has not ended is somebody's work.
                let Some(end) = info.end_time.map(|end| end.0.saturating_mul(1_000_000)) else { continue };
                let is_old = older_than.map(|limit| end < limit);
                match (info.lifecycle, is_old) {
                    (Lifecycle::Deleted, None | Some(true)) => entry.path(),
                    (Lifecycle::Active, Some(true)) => entry.path().join("partial"),
                    _ => continue,
                }
            }
            None => {
                let limit = older_than.map_or(start, |limit| limit.min(start));
                let changed = entry.metadata().map(|metadata| disk::Stamp::of(&metadata).mtime);
                match changed {
                    Ok(changed) if changed < limit => entry.path(),
                    _ => continue,
                }
            }
        };
        let tally = tally(&path);
        if path.is_dir() {
            found.tally =
                Tally { count: found.tally.count + tally.count, bytes: found.tally.bytes + tally.bytes };
            found.folders.push(path);
        }
    }
    Ok(found)
}

fn tally(path: &Path) -> Tally {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Tally::default() };
    if !metadata.is_dir() {
        return Tally { count: 1, bytes: metadata.len() };
    }
    let inner = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| tally(&entry.path()));
    inner.fold(Tally::default(), |sum, one| Tally {
        count: sum.count + one.count,
        bytes: sum.bytes + one.bytes,
    })
}

impl Partials {
    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// Removes them, and folders of runs that are empty then.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove(&self, project: &Project) -> CliResult {
        let stop = project.pipe_path("artifacts");
        for folder in &self.folders {
            disk::remove(folder)?;
            disk::remove_empty_folders(folder.parent().unwrap_or(folder), &stop);
        }
        Ok(())
    }
}
