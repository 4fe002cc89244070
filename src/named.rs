//! What names a content that the cache holds: a record of the workspace, of git's history or of the stage cache. What a
//! failed command stored, and nothing names, nobody finds again.

use std::collections::{HashMap, HashSet};

use base::{Digest, FileState, ProjectPath};
use cache::{Blobs, Results, Workspace};
use exec::Ledger;
use pipeline::Pipeline;

use crate::error::CliResult;
use crate::project::Project;
use crate::roots::{self, Scope};

/// Those of `held` with a file whose bytes no record names that tells of its place, asking what costs least first.
///
/// # Errors
/// When the stage cache cannot be read.
pub fn unnamed(
    project: &Project,
    pipeline: &Pipeline,
    ledger: &Ledger,
    workspace: &Workspace,
    held: &[(ProjectPath, FileState)],
) -> CliResult<Vec<ProjectPath>> {
    let blobs = &workspace.blobs;
    let mut search = Search { blobs, open: HashMap::new(), seen: HashSet::new(), held };
    for (path, state) in held {
        for file in blobs.files(path, state)?.into_values().filter(|file| !file.is_folder()) {
            search.open.entry(file.digest).or_default().insert(path);
        }
    }
    for stage in &pipeline.stages {
        let locked = ledger.get(&stage.address);
        for out in &stage.outs {
            let recorded = locked.and_then(|locked| locked.recorded(out)).copied();
            search.strike(&out.path, recorded);
            let agreed = workspace.agreed(&out.path).filter(|_| stage.is_source());
            for files in [None, Some(0)] {
                search.strike(
                    &out.path,
                    agreed.map(|digest| FileState { digest, size: 0, files, executable: false }),
                );
            }
        }
    }
    if !search.open.is_empty() {
        for shared in Results::Stages(&workspace.stages).all()? {
            shared.roots().for_each(|root| search.strike(&root.path, Some(root.state)));
        }
    }
    if !search.open.is_empty() && project.git().is_some() {
        let everything = Scope { commits: true, ..Scope::default() };
        // A history that cannot be read names nothing.
        for (_, record) in roots::records(project, &everything).unwrap_or_default() {
            for (path, state) in record.outs() {
                // Locks of DVC do not tell where their outs lie.
                let path = if project.dialect.paths_need_a_pipeline() { &ProjectPath::root() } else { path };
                search.strike(path, Some(*state));
            }
        }
    }
    let mut unnamed: Vec<ProjectPath> = search.open.into_values().flatten().cloned().collect();
    unnamed.sort();
    unnamed.dedup();
    Ok(unnamed)
}

struct Search<'a> {
    blobs: &'a Blobs,
    /// Bytes that nothing was found to name yet, and where they lie.
    open: HashMap<Digest, HashSet<&'a ProjectPath>>,
    seen: HashSet<Digest>,
    held: &'a [(ProjectPath, FileState)],
}

impl Search<'_> {
    /// Takes out what is named by a record of `path`, where that concerns a place that is asked for.
    fn strike(&mut self, path: &ProjectPath, state: Option<FileState>) {
        let concerns = |(held, _): &(ProjectPath, FileState)| path.contains(held) || held.contains(path);
        let Some(state) = state.filter(|_| !self.open.is_empty() && self.held.iter().any(concerns)) else {
            return;
        };
        if !state.is_folder() {
            self.open.remove(&state.digest);
        } else if self.seen.insert(state.digest) {
            // Without its lists a folder names nothing that could be found.
            for file in self.blobs.files(&ProjectPath::root(), &state).unwrap_or_default().into_values() {
                self.open.remove(&file.digest);
            }
        }
    }
}
