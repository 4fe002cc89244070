//! What is done with an out: the same for a path and for the files of a pattern.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base::{FileState, ProjectPath};
use cache::{CacheError, Choice, Placement, Saved, Workspace, chosen_files};
use pipeline::{Glob, Out};

/// What git keeps is never a link.
pub(crate) fn placement(out: &Out) -> Placement {
    if out.cache { Placement::Linked } else { Placement::Private }
}

/// Calls `then` with the files that a pattern means.
pub fn with_choice<T>(glob: &Glob, then: impl FnOnce(&Choice<'_>) -> T) -> T {
    then(&Choice {
        base: glob.base(),
        matches: &|path| glob.matches(path),
        enters: &|folder| glob.may_lie_below(folder),
    })
}

/// Whether there is anything of the out, without a look at what it is.
pub(crate) fn is_there(workspace: &Workspace, out: &Out) -> Result<bool, CacheError> {
    match &out.glob {
        None => {
            let found = fs::metadata(workspace.os_path(&out.path));
            Ok(!found.is_err_and(|fault| fault.kind() == io::ErrorKind::NotFound))
        }
        Some(glob) => with_choice(glob, |files| Ok(!chosen_files(&root(workspace), files)?.is_empty())),
    }
}

fn root(workspace: &Workspace) -> PathBuf {
    workspace.os_path(&ProjectPath::root())
}

/// What the out holds now; `None` when there is nothing.
pub(crate) fn observe(workspace: &Workspace, out: &Out) -> Result<Option<FileState>, CacheError> {
    match &out.glob {
        None => workspace.observe(&out.path),
        Some(glob) => with_choice(glob, |files| workspace.observe_set(files)),
    }
}

/// Stores what the out holds, and says what it was; `None` when there is nothing.
pub(crate) fn store(workspace: &Workspace, out: &Out) -> Result<Option<FileState>, CacheError> {
    match &out.glob {
        None => workspace.store(&out.path, placement(out)),
        Some(glob) => with_choice(glob, |files| workspace.store_set(files, placement(out))),
    }
}

/// Stores what the out holds itself when the cache has no copy of it yet; what links lead to that a person made is not its own.
///
/// # Errors
/// When it cannot be read, or the disk refuses.
pub fn save_own(workspace: &Workspace, out: &Out) -> Result<Saved, CacheError> {
    match &out.glob {
        None => workspace.save_unsaved(&out.path),
        Some(glob) => with_choice(glob, |files| workspace.save_unsaved_set(files)),
    }
}

/// Stores what the out holds when the cache has no copy of it yet; says what was saved.
///
/// # Errors
/// When it cannot be read, or the disk refuses.
pub(crate) fn save_unsaved(workspace: &Workspace, out: &Out) -> Result<Option<FileState>, CacheError> {
    match observe(workspace, out)? {
        Some(state) if !workspace.blobs.keeps_all(&state) => store(workspace, out),
        _ => Ok(None),
    }
}

/// Makes links into the cache files of their own.
pub(crate) fn unprotect(workspace: &Workspace, out: &Out) -> Result<(), CacheError> {
    let paths = match &out.glob {
        None => vec![out.path.clone()],
        Some(glob) => with_choice(glob, |files| chosen_files(&root(workspace), files))?,
    };
    paths.iter().try_for_each(|path| workspace.unprotect(path).map(drop))
}

/// Puts `state` back in the out's place; what stands in the way was saved.
pub(crate) fn restore(workspace: &Workspace, out: &Out, state: &FileState) -> Result<(), CacheError> {
    match &out.glob {
        None => workspace.restore(&out.path, state, placement(out)),
        Some(glob) => with_choice(glob, |files| workspace.restore_set(files, state, placement(out))),
    }
}

/// Puts back what an out that persists held before a run that failed. What the run made of it goes below `partial`, under the
/// same path; true when there was such.
///
/// # Errors
/// When the cache lacks what was there before, a folder above is a symlink, or the disk refuses.
pub fn put_back(
    workspace: &Workspace,
    path: &ProjectPath,
    before: &FileState,
    partial: Option<&Path>,
) -> Result<bool, CacheError> {
    let mut is_partial = false;
    // What cannot come back is not taken away either.
    let comes_back = || !workspace.leads_through_symlink(path) && workspace.blobs.has_all(before);
    if let Some(partial) = partial.filter(|_| comes_back()) {
        // What cannot be told from what was there before goes as a whole.
        let changed = changed(workspace, path, before).unwrap_or_else(|_| vec![path.clone()]);
        for file in changed {
            let os_path = workspace.os_path(&file);
            if fs::symlink_metadata(&os_path).is_ok() {
                disk::move_path(&os_path, &file.to_path(partial))?;
                is_partial = true;
            }
        }
    }
    workspace.restore(path, before, Placement::Private)?;
    Ok(is_partial)
}

/// The files at a path that are not those of `before`.
fn changed(
    workspace: &Workspace,
    path: &ProjectPath,
    before: &FileState,
) -> Result<Vec<ProjectPath>, CacheError> {
    let before = workspace.blobs.files(path, before)?;
    let now = workspace.listing(path)?;
    let is_same = |file: &ProjectPath, state: &FileState| {
        before.get(file).is_some_and(|then| then.digest == state.digest)
    };
    let changed = now.iter().filter(|(file, state)| !state.is_folder() && !is_same(file, state));
    Ok(changed.map(|(file, _)| file.clone()).collect())
}
