//! Looking at deps that are no single path of the project.

use base::FileState;
use cache::{Choice, Workspace};
use pipeline::{Special, Stage, StageLock};

use crate::assess::World;
use crate::params::Unreadable;

/// What the dep holds now; `None` when there is nothing.
pub(crate) fn observe(workspace: &Workspace, dep: &Special) -> Result<Option<FileState>, Unreadable> {
    let Some(glob) = &dep.glob else { return Ok(None) };
    let choice = Choice {
        base: glob.base(),
        matches: &|path| glob.matches(path),
        enters: &|folder| glob.may_lie_below(folder),
    };
    workspace.observe_chosen(&choice).map_err(|fault| Unreadable::new(dep.name.clone(), &fault))
}

/// The first special dep of `stage` that is not what `inputs` says of it, as messages call it; `None` when all
/// are. To be asked when a command has ended: which state of a changed input it read nobody knows.
pub fn changed_special(world: World<'_>, stage: &Stage, inputs: &StageLock) -> Option<String> {
    let is_same = |dep: &Special| {
        let now = observe(world.workspace, dep).ok().flatten();
        now.is_some_and(|now| inputs.special(&dep.name).is_some_and(|before| before.digest == now.digest))
    };
    stage.special.iter().find(|dep| !is_same(dep)).map(|dep| format!("dep {}", dep.name))
}
