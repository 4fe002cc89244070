//! What was cut off while it was brought here, and is as recorded by now: nothing needs to know of it any more.

use base::ProjectPath;
use cache::Workspace;
use exec::{Ledger, with_choice};
use pipeline::{Out, Pipeline, StageId};

/// Whether what was noted by the name `path` is an out, or a part of one.
pub fn is_of(out: &Out, path: &ProjectPath) -> bool {
    out.path == *path || out.holds(path)
}

/// Forgets it of the outs of `stages` that hold what is recorded. What cannot be looked at stays noted.
pub fn settle(workspace: &Workspace, pipeline: &Pipeline, ledger: &Ledger, stages: &[StageId]) {
    if !workspace.has_notes() {
        return;
    }
    for stage in stages.iter().map(|id| pipeline.stage(*id)) {
        let Some(locked) = ledger.get(&stage.address) else { continue };
        let is_whole = |out: &&Out| {
            let now = match &out.glob {
                None => workspace.observe(&out.path),
                Some(glob) => with_choice(glob, |files| workspace.observe_set(files)),
            };
            let now = now.ok().flatten().map(|now| now.digest);
            now.is_some() && now == locked.recorded(out).map(|recorded| recorded.digest)
        };
        let whole: Vec<&Out> = stage.outs.iter().filter(is_whole).collect();
        workspace.end_bringing(|path| whole.iter().any(|out| is_of(out, path)));
    }
}
