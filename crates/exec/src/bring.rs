//! Deps of a stage that is to run and that are not here, brought from remotes: `repro --pull` in projects of DVC. They are
//! outs of stages that nobody asked for, or data that `--allow-missing` took for what its record says.

use std::fs;
use std::io;
use std::sync::PoisonError;

use base::{FileState, ProjectPath};
use cache::Placement;
use pipeline::{Dialect, Out, StageId, StageLock};

use crate::assess::{Assessment, Decision};
use crate::attempt::Attempt;
use crate::claim::Wish;
use crate::job::{Failure, Supplier};

/// A dep that is not here, and where it is recorded.
struct Missing<'a> {
    path: ProjectPath,
    by: StageId,
    out: &'a Out,
    locked: StageLock,
}

impl Attempt<'_, '_, '_> {
    /// Has what the stage needs to run, and is not here, put in place as other stages and pointers record it. False where
    /// that was nothing. What is there stays as it is, whatever is recorded of it.
    pub(crate) fn bring_deps(&self, assessment: &Assessment) -> Result<bool, Failure> {
        let is_dvc = self.shop.world.pipeline.dialect() == Dialect::Dvc;
        let would_run = matches!(assessment.decision, Decision::Run { .. } | Decision::Unknown { .. });
        let never_runs = self.stage.is_source() || self.stage.frozen;
        let Some(supplier) = self.shop.crew.supplier.filter(|_| is_dvc && would_run) else {
            return Ok(false);
        };
        // DVC brings nothing for a stage that is to run in any case.
        if self.forced || never_runs || self.missing_deps().is_empty() {
            return Ok(false);
        }
        // Stages of one process are not in the way of each other, and may lack the same.
        let _one_at_a_time = self.shop.bringing.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = self.missing_deps();
        let wish = Wish::named(&format!("the deps of stage {}", self.stage.address));
        let wish = missing.iter().fold(wish, |wish, missing| wish.writing_path(&missing.path));
        let _claim = self.shop.crew.claims.claim(wish, self.shop.crew.observer)??;
        let mut is_any = false;
        for dep in &missing {
            is_any |= self.bring(supplier, dep)?.is_some();
        }
        Ok(is_any)
    }

    fn bring(&self, supplier: &dyn Supplier, dep: &Missing<'_>) -> Result<Option<FileState>, Failure> {
        let workspace = self.shop.world.workspace;
        let brought = supplier.supply_dep(dep.out, &dep.locked, &dep.path).map_err(Failure::Refused)?;
        let Some(state) = brought.filter(|state| workspace.blobs.has_all(state)) else { return Ok(None) };
        workspace.restore(&dep.path, &state, Placement::Linked)?;
        if dep.path == dep.out.path && self.shop.world.pipeline.stage(dep.by).is_source() {
            workspace.agree(&dep.path, Some(state.digest));
        }
        Ok(Some(state))
    }

    /// What the stage reads that is not here and is an out of another, lies in one or around some.
    fn missing_deps(&self) -> Vec<Missing<'_>> {
        let pipeline = self.shop.world.pipeline;
        let params = self.stage.params.iter().filter_map(|param| param.file.inside());
        let is_gone = |path: &&ProjectPath| {
            let found = fs::symlink_metadata(self.shop.world.workspace.os_path(path));
            found.is_err_and(|fault| fault.kind() == io::ErrorKind::NotFound)
        };
        let mut missing: Vec<Missing<'_>> = Vec::new();
        for dep in self.stage.deps.iter().chain(params).filter(is_gone) {
            for (by, stage) in pipeline.stages.iter().enumerate() {
                for out in
                    stage.outs.iter().filter(|out| out.cache && out.glob.is_none() && out.concerns(dep))
                {
                    let path = if out.path.contains(dep) { dep } else { &out.path };
                    let is_known = missing.iter().any(|known| known.path == *path);
                    let locked = self.shop.ledger().get(&stage.address).cloned();
                    if let (Some(locked), false) = (locked, is_known || stage.address == self.stage.address) {
                        let by = StageId(u32::try_from(by).expect("no more stages than have numbers"));
                        missing.push(Missing { path: path.clone(), by, out, locked });
                    }
                }
            }
        }
        missing
    }
}
