//! What failed stages had made: it lies in the folders of their runs until a collection of garbage takes it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base::ProjectPath;
use cache::{Roots, State, Tally};
use disk::Stamp;
use track::{Lifecycle, RunId, RunStore, StoreError};

use crate::error::CliResult;
use crate::project::Project;

/// Folders that go, and those that stay.
#[derive(Debug, Default)]
pub struct Partials {
    folders: Vec<PathBuf>,
    /// How much lies in them.
    pub tally: Tally,
    kept_folders: Vec<PathBuf>,
    /// How much lies in those that stay.
    pub kept: Tally,
}

/// The folders of runs that were deleted or that the store knows nothing of, last changed before `start` (nanoseconds
/// since 1970); with `older_than`, partial outs of all runs that ended before it, and nothing younger.
///
/// # Errors
/// When the run store or a folder cannot be read.
pub fn find(project: &Project, start: i64, older_than: Option<i64>) -> CliResult<Partials> {
    let store = project.existing_store()?;
    let mut found = Partials::default();
    for (run, folder) in run_folders(project) {
        let known = match store.as_ref().map(|store| store.run(run)) {
            Some(Ok(run)) => Some(run.info),
            Some(Err(StoreError::UnknownRun(_))) | None => None,
            Some(Err(fault)) => return Err(fault.into()),
        };
        let goes = match known {
            Some(info) => {
                let end = info.end_time.map(|end| end.0.saturating_mul(1_000_000));
                match (info.lifecycle, end, older_than) {
                    // One that has not ended is somebody's work.
                    (_, None, _) => None,
                    (Lifecycle::Deleted, Some(_), None) => Some(folder.clone()),
                    (_, Some(end), Some(limit)) if end >= limit => None,
                    (Lifecycle::Deleted, Some(_), Some(_)) => Some(folder.clone()),
                    (Lifecycle::Active, Some(_), Some(_)) => Some(folder.join(PARTIAL)),
                    (Lifecycle::Active, Some(_), None) => None,
                }
            }
            None => {
                let limit = older_than.map_or(start, |limit| limit.min(start));
                let changed = fs::metadata(&folder).map(|metadata| Stamp::of(&metadata).mtime);
                changed.is_ok_and(|changed| changed < limit).then(|| folder.clone())
            }
        };
        let partial = folder.join(PARTIAL);
        match goes {
            Some(path) if path.is_dir() => {
                found.tally = found.tally.with(tally(&path));
                found.folders.push(path);
            }
            None if partial.is_dir() => {
                found.kept = found.kept.with(tally(&partial));
                found.kept_folders.push(partial);
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The partial outs in the folder of a run.
const PARTIAL: &str = "partial";

/// The folders of runs, with whose they are.
fn run_folders(project: &Project) -> impl Iterator<Item = (RunId, PathBuf)> {
    let entries = fs::read_dir(project.pipe_path("artifacts")).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
}

/// Keeps what partial outs of any run hold as links into the cache: those of a project that shares it.
///
/// # Errors
/// When the state of the project cannot be read.
pub fn keep_all_links(project: &Project, roots: &mut Roots) -> CliResult {
    let folders: Vec<PathBuf> = run_folders(project).map(|(_, folder)| folder.join(PARTIAL)).collect();
    keep_links(project, &folders, roots)
}

/// A stage that failed after an out of it was stored leaves links: without what they lead to, they are nothing, and to
/// remove that frees nothing where they are hard links.
fn keep_links(project: &Project, folders: &[PathBuf], roots: &mut Roots) -> CliResult {
    // A memory of its own, which is never saved: these paths are none that records may name.
    let workspace = project.workspace_with(State::load(&project.pipe_path("tmp/no-state"))?);
    let mut open = folders.to_vec();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                open.push(path);
            } else if metadata.is_symlink() {
                workspace.digest_of_symlink(&path).into_iter().for_each(|digest| roots.keep_file(digest));
            } else if metadata.nlink() > 1
                && let Ok(path) =
                    ProjectPath::from_relative(path.strip_prefix(&project.root).unwrap_or(&path))
                && let Ok(Some(state)) = workspace.observe(&path)
            {
                roots.keep(&state);
            }
        }
    }
    Ok(())
}

fn tally(path: &Path) -> Tally {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Tally::default() };
    if !metadata.is_dir() {
        // The bytes of a link are the cache's, and counted there.
        let bytes = if metadata.nlink() > 1 { 0 } else { metadata.len() };
        return Tally { count: 1, bytes };
    }
    let inner = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| tally(&entry.path()));
    inner.fold(Tally::default(), Tally::with)
}

impl Partials {
    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// Keeps what those that stay hold as links into the cache.
    ///
    /// # Errors
    /// When the state of the project cannot be read.
    pub fn keep_links(&self, project: &Project, roots: &mut Roots) -> CliResult {
        keep_links(project, &self.kept_folders, roots)
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
