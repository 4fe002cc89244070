//! Who is told what a walk finds: who stores it, lists it, shows it, or wants to know no more than what the whole is.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::{Digest, FileState, ProjectPath};
use rayon::prelude::*;

use crate::links::{Found, Placement};
use crate::shelves::{self, Shelves};
use crate::{CacheError, Files, Workspace};

/// Is told what a walk finds.
pub(crate) trait Sink {
    /// Files of the path, in any order.
    fn files(&mut self, files: &[Found<'_>]) -> Result<(), CacheError> {
        let _ = files;
        Ok(())
    }

    /// A manifest, after those of the folders that it names.
    fn manifest(&mut self, digest: &Digest, manifest: &[u8]) -> Result<(), CacheError> {
        let _ = (digest, manifest);
        Ok(())
    }

    /// A folder in which nothing is.
    fn empty(&mut self, path: &ProjectPath, state: &FileState) {
        let _ = (path, state);
    }

    /// A link that leads elsewhere, which was passed over.
    fn link(&mut self, path: &ProjectPath) {
        let _ = path;
    }

    /// All files were found, and the last of them are at work.
    fn ends(&mut self) {}

    /// Whether what is found is recorded, so that no two names in a folder may be one.
    fn records(&self) -> bool {
        false
    }

    /// Whether it puts files into the folders that they come from, so that these must have been read to their end.
    fn replaces(&self) -> bool {
        false
    }
}

/// Wants to know no more than the state of the whole.
pub(crate) struct Observe;
impl Sink for Observe {}

/// Wants to know the links that are passed over, too.
impl Sink for Vec<ProjectPath> {
    fn link(&mut self, path: &ProjectPath) {
        self.push(path.clone());
    }
}

/// Is done with each file as soon as it is known, by any thread; the folder that it lies in may still be read.
pub(crate) type Each<'a> = &'a (dyn Fn(&Found<'_>) -> Result<(), CacheError> + Sync);

/// Stores files.
pub(crate) struct Storing<'a> {
    workspace: &'a Workspace,
    placement: Placement,
    /// How many files there were.
    count: AtomicUsize,
    /// What the cache lacks, as soon as there were many.
    shelves: OnceLock<Shelves<'a>>,
}

impl<'a> Storing<'a> {
    pub fn new(workspace: &'a Workspace, placement: Placement) -> Self {
        Storing { workspace, placement, count: AtomicUsize::new(0), shelves: OnceLock::new() }
    }

    pub fn store(&self, found: &Found<'_>) -> Result<(), CacheError> {
        let is_one_of_many = self.count.fetch_add(1, Ordering::Relaxed) >= shelves::MANY;
        let new = || Shelves::new(&self.workspace.blobs);
        let shelves = is_one_of_many.then(|| self.shelves.get_or_init(new));
        self.workspace.store_file(found, self.placement, shelves)
    }

    /// Whether files may be replaced in the folders that they come from.
    pub fn replaces(&self) -> bool {
        self.placement == Placement::Linked && self.workspace.links.may_share()
    }
}

/// Stores everything, and shows paths as [`Show`] does.
pub(crate) struct Store<'a> {
    storing: &'a Storing<'a>,
    show: Show<'a>,
    /// The manifest that was stored last.
    manifest: Option<Digest>,
    /// Links that were passed over.
    links: Vec<ProjectPath>,
}

impl<'a> Store<'a> {
    pub fn new(storing: &'a Storing<'a>, show: &'a mut dyn FnMut(&ProjectPath)) -> Self {
        Store { storing, show: Show(show), manifest: None, links: Vec::new() }
    }

    /// The links that were passed over.
    pub fn into_links(self) -> Vec<ProjectPath> {
        self.links
    }
}

impl Sink for Store<'_> {
    fn files(&mut self, files: &[Found<'_>]) -> Result<(), CacheError> {
        self.show.files(files)?;
        match self.replaces() {
            true => files.par_iter().try_for_each(|found| self.storing.store(found)),
            // They were stored while the next were looked for.
            false => Ok(()),
        }
    }

    fn empty(&mut self, path: &ProjectPath, state: &FileState) {
        self.show.empty(path, state);
    }

    fn link(&mut self, path: &ProjectPath) {
        self.links.push(path.clone());
    }

    fn manifest(&mut self, digest: &Digest, manifest: &[u8]) -> Result<(), CacheError> {
        self.manifest = Some(*digest);
        self.storing.workspace.blobs.store_manifest(digest, manifest)
    }

    fn ends(&mut self) {
        // The disk gets to work on what was stored, so that there is less to wait for when a pointer to it is written.
        if let Some(digest) = self.manifest {
            let manifest = self.storing.workspace.blobs.manifest_path(&digest);
            std::thread::spawn(move || drop(disk::sync_files(&[manifest], &BTreeSet::new())));
        }
    }

    fn records(&self) -> bool {
        true
    }

    fn replaces(&self) -> bool {
        self.storing.replaces()
    }
}

/// Shows paths of files, and of folders in which nothing is.
pub(crate) struct Show<'a>(pub &'a mut dyn FnMut(&ProjectPath));

impl Sink for Show<'_> {
    fn files(&mut self, files: &[Found<'_>]) -> Result<(), CacheError> {
        for found in files {
            (self.0)(found.path);
        }
        Ok(())
    }

    fn empty(&mut self, path: &ProjectPath, _state: &FileState) {
        (self.0)(path);
    }
}

/// Lists files, and folders in which nothing is.
impl Sink for Files {
    fn files(&mut self, files: &[Found<'_>]) -> Result<(), CacheError> {
        self.extend(files.iter().map(|found| (found.path.clone(), state_of(found))));
        Ok(())
    }

    fn empty(&mut self, path: &ProjectPath, state: &FileState) {
        self.insert(path.clone(), *state);
    }
}

/// Lists files with where they lie.
impl Sink for Vec<(ProjectPath, PathBuf, Digest)> {
    fn files(&mut self, files: &[Found<'_>]) -> Result<(), CacheError> {
        let owned = |found: &Found<'_>| (found.path.clone(), found.os_path.to_owned(), found.digest);
        self.extend(files.iter().map(owned));
        Ok(())
    }
}

/// What a file is.
pub(crate) fn state_of(found: &Found<'_>) -> FileState {
    let (digest, size) = (found.digest, found.stamp.size);
    FileState { digest, size, files: None, executable: found.stamp.is_executable() }
}
