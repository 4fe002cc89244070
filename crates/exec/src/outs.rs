//! What is done with an out: the same for a path and for the files of a pattern.

use std::fs;
use std::io;
use std::path::PathBuf;

use base::{FileState, ProjectPath};
use cache::{CacheError, Choice, Placement, Workspace, chosen_files};
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

/// Stores what the out holds when the cache has no copy of it yet; says what was saved.
///
/// # Errors
/// When it cannot be read, or the disk refuses.
pub fn save_unsaved(workspace: &Workspace, out: &Out) -> Result<Option<FileState>, CacheError> {
    match observe(workspace, out)? {
        Some(state) if !workspace.blobs.has_all(&state) => store(workspace, out),
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
