//! A chosen set of files as what a stage wrote: listed, told, stored, put back. Whatever else lies beside them is
//! somebody else's, and stays.
//!
//! The value of a set is a folder at the place of [`Choice::base`] in which the chosen files alone lie. Symlinks to
//! files are told by what they hold; symlinks to folders are not entered, since what lies behind them would be moved
//! and removed as if it were the stage's.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base::{FileState, ProjectPath};
use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use crate::gather::{Choice, Folder, project_path};
use crate::one_name::refuse_same;
use crate::{Blobs, CacheError, Ignores, Placement, TreeEntry, Workspace};

/// The chosen files below the project's root, ascending; those that lead nowhere are among them.
///
/// # Errors
/// When a folder that must be entered cannot be read.
pub fn chosen_files(root: &Path, choice: &Choice<'_>) -> Result<Vec<ProjectPath>, CacheError> {
    let base = choice.base.to_path(root);
    if !base.is_dir() {
        return Ok(Vec::new());
    }
    let ignores = Ignores::new(root);
    let is_wanted = |entry: &DirEntry| {
        let Some(path) = project_path(root, entry.path()) else { return false };
        let kind = entry.file_type();
        if ignores.is_ignored_within(choice.base, &path, kind.is_dir()) {
            return false;
        }
        if kind.is_dir() {
            return (choice.enters)(&path);
        }
        let leads_to_folder = || kind.is_symlink() && entry.path().is_dir();
        (choice.matches)(&path) && !leads_to_folder()
    };
    let mut found = Vec::new();
    for entry in WalkDir::new(&base).min_depth(1).into_iter().filter_entry(is_wanted) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => found.extend(project_path(root, entry.path())),
            // Gone since the walk began.
            Err(fault) if fault.io_error().is_some_and(|fault| fault.kind() == io::ErrorKind::NotFound) => {}
            Err(fault) => return Err(CacheError::of_walk(&base, fault)),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Files that would be chosen if records could hold their names, which are no UTF-8.
pub fn unnamed_files(root: &Path, choice: &Choice<'_>) -> Vec<PathBuf> {
    let lossy = |path: &Path| {
        let below = path.strip_prefix(root).ok()?.to_string_lossy().into_owned();
        ProjectPath::from_record(&below).ok()
    };
    let enters = |entry: &DirEntry| {
        !entry.file_type().is_dir() || lossy(entry.path()).is_some_and(|path| (choice.enters)(&path))
    };
    let walk =
        WalkDir::new(choice.base.to_path(root)).min_depth(1).into_iter().filter_entry(enters).flatten();
    let files = walk.filter(|entry| entry.file_type().is_file()).map(DirEntry::into_path);
    let is_unnamed =
        |path: &PathBuf| path.to_str().is_none() && lossy(path).is_some_and(|path| (choice.matches)(&path));
    files.filter(is_unnamed).collect()
}

impl Blobs {
    /// The files of the set whose value is `state`, with their places.
    ///
    /// # Errors
    /// When a manifest is missing or damaged, or names a file that is not chosen.
    pub fn files_of_set(
        &self,
        choice: &Choice<'_>,
        state: &FileState,
    ) -> Result<Vec<(ProjectPath, FileState)>, CacheError> {
        let mut files = Vec::new();
        let mut folders = vec![(choice.base.clone(), state.digest)];
        while let Some((folder, digest)) = folders.pop() {
            for (name, entry) in self.tree(&digest)?.entries() {
                let path = folder.join(name);
                match entry {
                    TreeEntry::Folder { digest, .. } => folders.push((path, *digest)),
                    TreeEntry::File { .. } if (choice.matches)(&path) => files.push((path, entry.state())),
                    TreeEntry::File { .. } => return Err(CacheError::Stray { path }),
                }
            }
        }
        files.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(files)
    }
}

impl Workspace {
    /// The value of the chosen set; `None` when it is empty.
    ///
    /// # Errors
    /// As [`Workspace::observe`].
    pub fn observe_set(&self, choice: &Choice<'_>) -> Result<Option<FileState>, CacheError> {
        self.set_state(choice, &|path| self.observe(path), &mut |_| Ok(()))
    }

    /// Stores the chosen set in the cache, and says what it was; `None` when it is empty.
    ///
    /// # Errors
    /// As [`Workspace::store`].
    pub fn store_set(
        &self,
        choice: &Choice<'_>,
        placement: Placement,
    ) -> Result<Option<FileState>, CacheError> {
        let paths = chosen_files(&self.os_path(&ProjectPath::root()), choice)?;
        refuse_same(&ProjectPath::root(), paths.iter().map(ProjectPath::as_str))?;
        self.set_state(choice, &|path| self.store(path, placement), &mut |manifest| {
            self.blobs.store_bytes(manifest).map(drop)
        })
    }

    /// Puts the set back whose value is `state`: chosen files that are not in it are removed, so that the caller saves
    /// them first. Nothing else is touched.
    ///
    /// # Errors
    /// As [`Workspace::restore`]; when a folder stands where a file belongs, or `state` holds what is not chosen.
    pub fn restore_set(
        &self,
        choice: &Choice<'_>,
        state: &FileState,
        placement: Placement,
    ) -> Result<(), CacheError> {
        let files = self.blobs.files_of_set(choice, state)?;
        for (path, _) in &files {
            self.check_set_place(path)?;
        }
        let wanted: BTreeSet<&ProjectPath> = files.iter().map(|(path, _)| path).collect();
        for path in chosen_files(&self.os_path(&ProjectPath::root()), choice)? {
            if !wanted.contains(&path) {
                disk::remove(&self.os_path(&path))?;
            }
        }
        files.iter().try_for_each(|(path, state)| self.restore(path, state, placement))
    }

    /// Whether a file of a set can be put at `path`: no folder may stand there, whose content would go.
    pub(crate) fn check_set_place(&self, path: &ProjectPath) -> Result<(), CacheError> {
        self.make_way(path)?;
        let os_path = self.os_path(path);
        if os_path.is_dir() {
            let source = io::Error::other("a folder stands there; move it away");
            return Err(disk::DiskError::new("restore", &os_path, source).into());
        }
        Ok(())
    }

    fn set_state(
        &self,
        choice: &Choice<'_>,
        look: &(dyn Fn(&ProjectPath) -> Result<Option<FileState>, CacheError> + Sync),
        on_folder: &mut dyn FnMut(&[u8]) -> Result<(), CacheError>,
    ) -> Result<Option<FileState>, CacheError> {
        let paths = chosen_files(&self.os_path(&ProjectPath::root()), choice)?;
        let states: Vec<Option<FileState>> = paths.par_iter().map(look).collect::<Result<_, _>>()?;
        let mut top = Folder::default();
        let mut any = false;
        for (path, state) in paths.iter().zip(states) {
            match state {
                Some(state) => {
                    any = true;
                    top.insert(path.parts().skip(choice.base.parts().count()), state);
                }
                None if fs::symlink_metadata(self.os_path(path)).is_ok() => {
                    return Err(CacheError::Dangling { path: self.os_path(path) });
                }
                // Gone since the walk: as if it had never been there.
                None => {}
            }
        }
        if any { top.state(on_folder).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]
#[path = "set_tests.rs"]
mod tests;
