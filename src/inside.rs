//! Which files differ inside a folder or a pattern that a reason tells of by digests alone.
//!
//! What it held before is known as far as the cache has its manifests: those of outs and of data under version control,
//! mostly. Of anything else only the digests tell that it changed.

use base::{FileState, ProjectPath};
use cache::{Difference, Files, Workspace};
use exec::Ledger;
use pipeline::{DepName, Pipeline, StageId, StaleReason};
use serde_json::{Value as Json, json};

/// So many files are named; of more it is told how many.
const NAMED: usize = 5;

/// What changed files are told from.
#[derive(Clone, Copy)]
pub struct Inside<'a> {
    /// The stages.
    pub pipeline: &'a Pipeline,
    /// What was recorded.
    pub ledger: &'a Ledger,
    /// What there is.
    pub workspace: &'a Workspace,
}

impl Inside<'_> {
    /// The files that differ; `None` where that cannot be told, or where it is no folder.
    pub fn of(&self, stage: StageId, reason: &StaleReason) -> Option<Difference> {
        let (old, new) = match reason {
            StaleReason::DepChanged { path, .. } => self.dep(stage, path)?,
            StaleReason::OutChanged { path, .. } => {
                let path = path.path()?;
                let lock = self.ledger.get(&self.pipeline.stage(stage).address)?;
                (self.before(path, lock.out(path)?)?, self.now(path)?)
            }
            _ => return None,
        };
        Some(Difference::between(&old, &new))
    }

    fn dep(&self, stage: StageId, name: &DepName) -> Option<(Files, Files)> {
        let stage = self.pipeline.stage(stage);
        let lock = self.ledger.get(&stage.address)?;
        match name {
            DepName::Path(path) => {
                let (_, state) = lock.deps.iter().find(|(known, _)| known == path)?;
                Some((self.before(path, state)?, self.now(path)?))
            }
            DepName::Special(name) => {
                let glob = stage.special(name)?.glob.as_ref()?;
                let (_, state) = lock.special.iter().find(|(known, _)| known == name)?;
                let old = self.before(&ProjectPath::root(), state)?;
                let found = exec::with_choice(glob, |choice| self.workspace.chosen(choice)).ok()?;
                let now = |path: ProjectPath| Some((path.clone(), self.workspace.observe(&path).ok()??));
                Some((old, found.into_iter().filter_map(now).collect()))
            }
        }
    }

    fn before(&self, path: &ProjectPath, state: &FileState) -> Option<Files> {
        state.is_folder().then(|| self.workspace.blobs.files(path, state).ok())?
    }

    fn now(&self, path: &ProjectPath) -> Option<Files> {
        self.workspace.input_listing(path).ok()
    }
}

/// The first of the files, a line each, with what became of them.
pub fn lines(difference: &Difference) -> Vec<String> {
    let Difference { added, modified, deleted, .. } = difference;
    let mut all: Vec<(&ProjectPath, char)> = Vec::new();
    for (mark, paths) in [('A', added), ('M', modified), ('D', deleted)] {
        all.extend(paths.iter().map(|path| (path, mark)));
    }
    all.sort_unstable();
    let mut lines: Vec<String> =
        all.iter().take(NAMED).map(|(path, mark)| format!("{mark} {path}")).collect();
    if all.len() > NAMED {
        lines.push(format!("and {} more", all.len() - NAMED));
    }
    lines
}

/// All of them, as `status --json` has them.
pub fn json(difference: &Difference) -> Json {
    let names = |paths: &[ProjectPath]| -> Vec<String> {
        paths.iter().map(|path| path.spelled().to_owned()).collect()
    };
    json!({
        "added": names(&difference.added),
        "modified": names(&difference.modified),
        "deleted": names(&difference.deleted),
    })
}
