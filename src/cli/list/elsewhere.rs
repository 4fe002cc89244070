//! `pipe list` of another repository.

use std::path::Path;

use base::ProjectPath;
use cache::Blobs;
use pipeline::Repo;

use super::{Data, ListArgs};
use crate::environment::temporary_folder;
use crate::error::CliResult;
use crate::git::source::{is_local, is_repository};
use crate::import::{Depot, Kept, Listing, Repository, Scratch, Which};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::ui::Printer;

/// The other repository that is meant: by a URL, or by a folder that is a repository and not that of this project.
pub fn repository(args: &ListArgs) -> Option<String> {
    let word = args.place.revision.as_ref()?;
    if !is_local(word) {
        return Some(word.clone());
    }
    let folder = std::fs::canonicalize(word).ok()?;
    let root = Project::find().ok().and_then(|project| std::fs::canonicalize(project.root).ok());
    (is_repository(&folder) && root.as_ref() != Some(&folder)).then(|| word.clone())
}

/// What it has at the path.
///
/// # Errors
/// When it cannot be read, or has nothing there.
pub fn data(args: &ListArgs, url: &str, printer: Printer) -> CliResult<(ProjectPath, Data)> {
    let here = std::env::current_dir()
        .map_err(|source| disk::DiskError::new("find the current folder", Path::new("."), source))?;
    let interrupt = Interrupt::listen()?;
    // Nothing of it is kept, and no project is needed.
    let name = format!("pipe-list-{}", disk::Holder::current().file_name());
    let scratch = Scratch(temporary_folder().join(name));
    scratch.clear()?;
    disk::make_folder(&scratch.0)?;
    let depot = Depot {
        root: here,
        folder: scratch.0.clone(),
        blobs: Blobs::with_layout(&scratch.0.join("cache"), cache::Layout::Native),
        project: None,
        jobs: None,
        interrupt: &interrupt,
        printer,
        chain: Vec::new(),
    };
    let repo =
        Repo { url: url.to_owned(), rev: args.rev.clone(), remote: args.remote.clone(), ..Repo::default() };
    let repository = Repository::open(&depot, &depot.root, &repo, Which::Newest)?;
    let path = args.place.path.as_deref().unwrap_or_default();
    let (place, listing) = repository.list(path, args.recursive || args.tree)?;
    let Listing { mut kept, recorded, files, has_sizes } = listing;
    if args.dvc_only {
        kept.clear();
    }
    let sizes = files
        .iter()
        .filter(|(path, _)| has_sizes || recorded.contains_key(*path))
        .map(|(path, state)| (path.clone(), state.size))
        .chain(kept.iter().filter_map(|(path, Kept { size, .. })| Some((path.clone(), (*size)?))))
        .collect();
    Ok((place, Data { recorded, files, kept, sizes, is_of_dvc: !has_sizes, ..Data::default() }))
}
