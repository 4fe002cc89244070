//! Data whose pointer is not what both last agreed on here: git moved it, or only a part of the data was brought here.

use std::collections::BTreeMap;

use base::ProjectPath;
use cache::{Look, Workspace};
use exec::Ledger;
use pipeline::Pipeline;

/// Where such data is, each ascending.
#[derive(Debug, Default)]
pub struct Moved {
    /// It is what was last recorded or brought back here: what the pointer records is to come.
    pub outdated: Vec<ProjectPath>,
    /// It was edited since, so that somebody has to choose.
    pub edited: Vec<ProjectPath>,
    /// Only some of its files were ever brought here, which are as its pointer records them: how many are not, of how many.
    pub partial: BTreeMap<ProjectPath, (u64, u64)>,
}

impl Moved {
    /// Looks at all data. What is gone or cannot be read is neither.
    pub fn look(workspace: &Workspace, pipeline: &Pipeline, ledger: &Ledger) -> Self {
        let mut moved = Moved::default();
        for stage in pipeline.sources().map(|id| pipeline.stage(id)) {
            for out in &stage.outs {
                let recorded = ledger.get(&stage.address).and_then(|locked| locked.recorded(out));
                let Some(recorded) = recorded else { continue };
                let Some(agreed) = workspace.agreed(&out.path) else {
                    if let Look::Partial { absent, files } =
                        workspace.look(&out.path, &stage.address.file, recorded)
                    {
                        moved.partial.insert(out.path.clone(), (absent, files));
                    }
                    continue;
                };
                if recorded.digest == agreed {
                    continue;
                }
                match workspace.observe(&out.path).ok().flatten().map(|now| now.digest) {
                    Some(now) if workspace.is_as_agreed(&out.path, now) => {
                        moved.outdated.push(out.path.clone());
                    }
                    Some(now) if now != recorded.digest => moved.edited.push(out.path.clone()),
                    _ => {}
                }
            }
        }
        moved.outdated.sort();
        moved.edited.sort();
        moved
    }
}
