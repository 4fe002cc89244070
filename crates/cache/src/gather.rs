//! What a chosen set of a project's files holds: a folder in which only these files lie.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use base::{FileState, ProjectPath};
use rayon::prelude::*;
use walkdir::{DirEntry, WalkDir};

use crate::hash::hash_bytes;
use crate::scan::read_fault;
use crate::tree::{Tree, TreeEntry};
use crate::{CacheError, Workspace};

/// Which files are meant.
pub struct Choice<'a> {
    /// The folder that all of them lie in.
    pub base: &'a ProjectPath,
    /// Whether a file is one of them.
    pub matches: &'a (dyn Fn(&ProjectPath) -> bool + Sync),
    /// Whether one of them can lie in a folder; others are not entered.
    pub enters: &'a dyn Fn(&ProjectPath) -> bool,
}

/// Folders and files by name.
#[derive(Default)]
pub(crate) struct Folder {
    files: Vec<(String, FileState)>,
    folders: BTreeMap<String, Folder>,
}

impl Workspace {
    /// The state of a folder at the project's root that holds the chosen files alone; `None` when there are none.
    /// Symlinks are followed. What belongs to git, pipe or DVC is never chosen.
    ///
    /// # Errors
    /// As [`Workspace::observe`], for what is chosen or must be entered.
    pub fn observe_chosen(&self, choice: &Choice<'_>) -> Result<Option<FileState>, CacheError> {
        let paths = self.chosen(choice)?;
        let observe = |path: &ProjectPath| Ok::<_, CacheError>((path.clone(), self.observe(path)?));
        let states: Vec<(ProjectPath, Option<FileState>)> =
            paths.par_iter().map(observe).collect::<Result<_, _>>()?;
        let mut top = Folder::default();
        let mut any = false;
        for (path, state) in states {
            // Gone since the walk: as if it had never been there.
            let Some(state) = state else { continue };
            any = true;
            top.insert(path.parts(), state);
        }
        if any { top.state(&mut |_| Ok(())).map(Some) } else { Ok(None) }
    }

    /// The chosen files that there are, in any order.
    ///
    /// # Errors
    /// When something that must be entered cannot be read.
    pub fn chosen(&self, choice: &Choice<'_>) -> Result<Vec<ProjectPath>, CacheError> {
        let root = self.os_path(&ProjectPath::root());
        let base = self.os_path(choice.base);
        if !base.is_dir() {
            return Ok(Vec::new());
        }
        let is_wanted = |entry: &DirEntry| {
            let Some(path) = project_path(&root, entry.path()) else { return false };
            if self.ignores.is_ignored_within(choice.base, &path, entry.file_type().is_dir()) {
                return false;
            }
            match entry.file_type().is_dir() {
                true => (choice.enters)(&path),
                false => (choice.matches)(&path),
            }
        };
        let mut found = Vec::new();
        let walk = WalkDir::new(&base).min_depth(1).follow_links(true).into_iter();
        for entry in walk.filter_entry(is_wanted) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(fault) => {
                    // What nobody asks for is nobody's fault: a link that leads nowhere, or a closed folder.
                    let path = fault.path().and_then(|path| project_path(&root, path));
                    let is_gone =
                        fault.io_error().is_some_and(|fault| fault.kind() == io::ErrorKind::NotFound);
                    let concerns =
                        |path: ProjectPath| (choice.matches)(&path) || (!is_gone && (choice.enters)(&path));
                    match path.is_none_or(concerns) {
                        true => return Err(walk_fault(&base, fault)),
                        false => continue,
                    }
                }
            };
            if !entry.file_type().is_dir() {
                found.extend(project_path(&root, entry.path()));
            }
        }
        Ok(found)
    }
}

/// `top` is where the walk began, for faults that name no path.
pub(crate) fn walk_fault(top: &Path, fault: walkdir::Error) -> CacheError {
    let path = fault.path().unwrap_or(top).to_owned();
    match fault.into_io_error() {
        Some(source) if source.kind() == io::ErrorKind::NotFound => CacheError::Dangling { path },
        Some(source) => read_fault(&path, source),
        None => CacheError::Loop { path },
    }
}

/// The path as records hold it; `None` for what they cannot.
pub(crate) fn project_path(root: &Path, path: &Path) -> Option<ProjectPath> {
    let relative = ProjectPath::from_relative(path.strip_prefix(root).ok()?).ok()?;
    ProjectPath::from_record(relative.as_str()).ok()
}

impl Folder {
    /// Adds a file, or an empty folder, that is reached by `parts`, at least one.
    pub(crate) fn insert<'a>(&mut self, parts: impl Iterator<Item = &'a str>, state: FileState) {
        let mut parts = parts.peekable();
        let mut folder = self;
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                match state.is_folder() {
                    true => drop(folder.folders.entry(part.to_owned()).or_default()),
                    false => folder.files.push((part.to_owned(), state)),
                }
                return;
            }
            folder = folder.folders.entry(part.to_owned()).or_default();
        }
    }

    /// The folder's state; each manifest is shown to `on_folder`, children first.
    pub(crate) fn state(
        self,
        on_folder: &mut dyn FnMut(&[u8]) -> Result<(), CacheError>,
    ) -> Result<FileState, CacheError> {
        let file = |(name, state): (String, FileState)| {
            let FileState { digest, size, executable, .. } = state;
            (name, TreeEntry::File { digest, size, executable })
        };
        let mut entries: Vec<_> = self.files.into_iter().map(file).collect();
        for (name, folder) in self.folders {
            let FileState { digest, size, files, .. } = folder.state(on_folder)?;
            entries.push((name, TreeEntry::Folder { digest, size, files: files.unwrap_or_default() }));
        }
        let tree = Tree::new(entries);
        let (size, files) = tree.totals();
        let manifest = tree.encode();
        on_folder(&manifest)?;
        Ok(FileState { digest: hash_bytes(&manifest), size, files: Some(files), executable: false })
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the user, who writes files as he likes")]
mod tests {
    use std::fs;

    use super::*;
    use crate::State;

    #[test]
    fn a_chosen_set_is_a_folder_with_these_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::load(&folder.path().join(".pipe/state")).unwrap();
        let workspace = Workspace::new(folder.path(), &folder.path().join(".pipe/cache"), state);
        let write = |path: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        };
        let observe = || {
            let root = ProjectPath::root();
            let matches = |path: &ProjectPath| path.name().ends_with(".csv");
            let enters = |path: &ProjectPath| path.name() != "closed";
            workspace.observe_chosen(&Choice { base: &root, matches: &matches, enters: &enters }).unwrap()
        };
        assert_eq!(observe(), None);
        for path in ["a/x.csv", "a/b/y.csv"] {
            write(path);
        }
        let before = observe();
        let alone = workspace.observe(&ProjectPath::from_record("a").unwrap()).unwrap().unwrap();
        assert_eq!((alone.size, before.unwrap().size, before.unwrap().files), (2, 2, Some(2)));
        // What does not match does not count, wherever it is.
        for path in ["a/z.txt", "closed/x.csv", ".git/x.csv", ".pipe/x.csv"] {
            write(path);
        }
        std::os::unix::fs::symlink("nowhere", folder.path().join("a/link.txt")).unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("closed/loop")).unwrap();
        assert_eq!(observe(), before);
        std::os::unix::fs::symlink("x.csv", folder.path().join("a/link.csv")).unwrap();
        let linked = observe();
        assert_eq!(linked.unwrap().files, Some(3));
        fs::remove_file(folder.path().join("a/x.csv")).unwrap();
        assert!(
            workspace
                .observe_chosen(&Choice {
                    base: &ProjectPath::root(),
                    matches: &|path| path.name() == "link.csv",
                    enters: &|_| true,
                })
                .is_err(),
            "a chosen link that leads nowhere"
        );
    }
}
