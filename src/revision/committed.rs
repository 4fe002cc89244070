//! The texts of a commit: each lock is read once, whatever many outs of it are asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use base::{Digest, ProjectPath};
use cache::TreeEntry;
use pipeline::{Dialect, Pipeline};

use super::blob_text;
use crate::error::{CliError, CliResult};
use crate::git::commit::CommitFiles;
use crate::project::Project;

/// The outs that a lock tells of.
type Outs = BTreeMap<ProjectPath, Digest>;

/// What a commit has: files in git, and outs in the cache by its locks.
pub struct Committed<'a> {
    project: &'a Project,
    commit: &'a str,
    pipeline: &'a Pipeline,
    /// `None` without git.
    files: Option<CommitFiles>,
    /// By lock file; `None` where the commit has none.
    locks: RefCell<BTreeMap<ProjectPath, Option<Rc<Outs>>>>,
}

impl<'a> Committed<'a> {
    /// Of the commit that the pipeline was loaded from.
    pub fn new(project: &'a Project, commit: &'a str, pipeline: &'a Pipeline) -> Self {
        let files = project.git().map(|git| CommitFiles::new(git, commit));
        Committed { project, commit, pipeline, files, locks: RefCell::default() }
    }

    /// The text of an out: from git where git keeps it, else from the cache by the commit's lock.
    ///
    /// # Errors
    /// When git or the lock cannot be read, or the cache lacks what the lock tells of.
    pub fn text(&self, path: &ProjectPath) -> CliResult<Option<String>> {
        let Some(files) = &self.files else { return Ok(None) };
        if let Some(bytes) = files.file(path)? {
            return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
        }
        let Some(producer) = self.pipeline.graph.producer(path) else { return Ok(None) };
        let outs = &self.pipeline.stage(producer).outs;
        // What DVC left to git is nowhere else, though the cache may have it with a result of its stage.
        if self.project.dialect == Dialect::Dvc
            && outs.iter().any(|out| !out.cache && out.path.contains(path))
        {
            return Ok(None);
        }
        let Some(outs) = self.outs(files, &self.pipeline.lock_file(producer))? else { return Ok(None) };
        let mut above = std::iter::successors(Some(path.clone()), ProjectPath::parent);
        let Some((out, digest)) = above.find_map(|path| outs.get_key_value(&path)) else { return Ok(None) };
        let blobs = self.project.blobs();
        let mut digest = Some(*digest);
        let below = path.as_str().strip_prefix(out.as_str()).unwrap_or_default();
        for name in below.split('/').filter(|name| !name.is_empty()) {
            let Some(tree) = digest.and_then(|digest| blobs.tree(&digest).ok()) else {
                digest = None;
                break;
            };
            let Some((_, entry)) = tree.entries().iter().find(|(known, _)| known == name) else {
                return Ok(None);
            };
            let (TreeEntry::File { digest: found, .. } | TreeEntry::Folder { digest: found, .. }) = entry;
            digest = Some(*found);
        }
        let Some(digest) = digest.filter(|digest| blobs.has(digest)) else {
            let quoted = crate::cli::quoted_path(path.as_str());
            return Err(CliError::message(format!(
                "the cache does not hold {path} any more, as it is recorded there"
            ))
            .hint(format!(
                "`pipe fetch --rev {} {quoted}` fetches it from a remote that has it",
                &self.commit[..self.commit.len().min(10)]
            )));
        };
        Ok(blob_text(&blobs, &digest))
    }

    fn outs(&self, files: &CommitFiles, lock_path: &ProjectPath) -> CliResult<Option<Rc<Outs>>> {
        if let Some(known) = self.locks.borrow().get(lock_path) {
            return Ok(known.clone());
        }
        let outs = match files.file(lock_path)? {
            None => None,
            Some(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let lock = self.pipeline.lock_codec().parse(lock_path, &text)?;
                let mut outs = Outs::new();
                for (out, state) in lock.stages.into_values().flat_map(|stage| stage.outs) {
                    // What a stage of another name had made before may still be there.
                    outs.entry(out).or_insert(state.digest);
                }
                Some(Rc::new(outs))
            }
        };
        self.locks.borrow_mut().insert(lock_path.clone(), outs.clone());
        Ok(outs)
    }
}
