//! What a commit of a repository of others has at a path: files of git, and data as it is recorded there, without the data.

use std::collections::BTreeMap;

use base::{FileState, ProjectPath};
use cache::{Blobs, Files};

use super::repository::{Repository, joined, missing};
use crate::error::CliResult;
use crate::git::source::EntryKind;
use crate::recorded::{self, RecordedOut};

/// What is at or below a path.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files that git keeps.
    pub kept: BTreeMap<ProjectPath, Kept>,
    /// Data as it is recorded.
    pub recorded: Files,
    /// The same file by file, as far as that was asked for and is to be had.
    pub files: Files,
    /// Whether its files tell how large they are: lists of DVC do not.
    pub has_sizes: bool,
}

/// A file that git keeps.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Bytes; not known of another repository.
    pub size: Option<u64>,
    /// Whether it is executable.
    pub executable: bool,
}

impl Repository<'_> {
    /// What the commit has at or below `path`. With `granular`, folders of data are told file by file; the one that `path`
    /// lies in is in any case.
    ///
    /// # Errors
    /// When nothing is there, or it cannot be read.
    pub fn list(&self, path: &str, granular: bool) -> CliResult<(ProjectPath, Listing)> {
        let path = ProjectPath::resolve(&ProjectPath::root(), path.trim_matches('/'))?;
        let inner = self.inner_project(&path)?;
        let has_sizes = inner.project.layout().manifests_have_sizes();
        let mut listing = Listing { has_sizes, ..Listing::default() };
        for entry in self.git.entries(&self.commit, &path)? {
            let Ok(file) = ProjectPath::from_record(&entry.path) else { continue };
            let executable = entry.kind == EntryKind::File { executable: true };
            listing.kept.insert(file, Kept { size: entry.size, executable });
        }
        let scratch = self.depot.scratch()?;
        let blobs = Blobs::with_layout(&scratch.0.join("cache"), inner.project.layout());
        for out in recorded::outs_at(&inner.project, &self.commit)? {
            let out = RecordedOut { path: joined(&inner.prefix, &out.path), ..out };
            let is_around = out.path.contains(&path);
            if !is_around && !path.contains(&out.path) {
                continue;
            }
            listing.recorded.insert(out.path.clone(), out.state);
            if !out.state.is_folder() || !(granular || is_around) {
                listing.files.insert(out.path, out.state);
                continue;
            }
            let listed = |transfer: &cache::Transfer<'_>| transfer.fetch_manifests(&out.state).map(Some);
            match self.ask_all(&inner, &out, listed, &blobs) {
                Ok(()) => listing.files.extend(blobs.files(&out.path, &out.state)?),
                // It hides nothing else.
                Err(fault) if !is_around => {
                    let reason = fault.source.map(|source| format!("{source:#}")).unwrap_or_default();
                    self.depot
                        .printer
                        .warn(format_args!("the files of {} cannot be told: {reason}", out.path));
                    listing.files.insert(out.path, out.state);
                }
                Err(fault) => return Err(fault),
            }
        }
        let is_there =
            |files: &BTreeMap<ProjectPath, FileState>| files.keys().any(|file| path.contains(file));
        if listing.kept.is_empty() && !is_there(&listing.files) && !path.is_root() {
            return Err(missing(&self.commit, path.as_str()));
        }
        listing.files.retain(|file, _| path.contains(file));
        Ok((path, listing))
    }
}
