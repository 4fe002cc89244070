//! `--verify`: nothing that was remembered counts, neither the stamps of hashed files nor that all was up to date,
//! and the cache must show that it still holds what the lock says.

use std::collections::HashSet;

use base::{Digest, FileState, ProjectPath};
use cache::{DamagedBlob, Workspace};
use clap::Args;
use exec::{Ledger, MadeSince, Wish};
use pipeline::{Pipeline, StageId};

use crate::error::CliResult;
use crate::project::Project;
use crate::recovery;
use crate::ui::Printer;

/// Whether everything is to be hashed again.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Hash every file again, whatever was remembered, and the cache's copies of the outs: a damaged one is moved away,
    /// and stored again where the workspace still has its bytes
    #[arg(long)]
    pub verify: bool,
}

impl VerifyArgs {
    /// The project's files and their cache.
    ///
    /// # Errors
    /// As [`Project::workspace`].
    pub fn workspace(&self, project: &Project, printer: Printer) -> CliResult<Workspace> {
        if self.verify { Ok(project.workspace_anew()) } else { project.workspace(printer) }
    }

    /// When it is to be verified, hashes what the cache holds of the recorded outs of the stages `of`. What is damaged
    /// is told, moved away, and stored again from the workspace where that has it; else the cache does not hold it any
    /// more. For that the project's lock is taken, waiting for it if `wait` says so.
    ///
    /// # Errors
    /// When a blob cannot be read or moved, or the lock cannot be taken.
    pub fn check_cache(
        &self,
        project: &Project,
        of: (&Pipeline, &[StageId]),
        known: (&Workspace, &Ledger),
        wait: bool,
        printer: Printer,
    ) -> CliResult {
        let ((pipeline, wanted), (workspace, ledger)) = (of, known);
        if !self.verify {
            return Ok(());
        }
        let locked = wanted.iter().filter_map(|id| ledger.get(&pipeline.stage(*id).address));
        let recorded: Vec<(ProjectPath, FileState)> =
            locked.flat_map(|locked| locked.outs.iter().cloned()).collect();
        let damaged = workspace.damaged(&recorded)?;
        if damaged.is_empty() {
            return Ok(());
        }
        let wish = Wish::named("a verification");
        let _lock = recovery::hold_beside_moves(project, &wish, wait, MadeSince::Refuse, printer).map_err(
            |mut fault| {
                let context = format!("cannot move away {}", list(workspace, &damaged));
                fault.source = fault.source.map(|source| source.context(context));
                fault
            },
        )?;
        // What was found without the lock may have been mended by another process; and what a damaged manifest names
        // is known only once it is mended.
        let mut seen: HashSet<Digest> = HashSet::new();
        loop {
            let mut damaged = workspace.damaged(&recorded)?;
            damaged.retain(|damage| seen.insert(damage.digest));
            if damaged.is_empty() {
                return Ok(());
            }
            for damage in damaged {
                let mended = workspace.mend(&damage)?;
                let outcome = match mended.from {
                    Some(path) => format!("; its content was stored again from {path}"),
                    None => {
                        format!(" and is not used, since its bytes are no longer in {}", paths(&damage))
                    }
                };
                printer.warn(format_args!(
                    "the cache's copy of {} is damaged; it was moved to {}{outcome}",
                    damage.digest,
                    base::shown(&mended.aside)
                ));
            }
        }
    }
}

/// How many of each are named.
const NAMED: usize = 5;

fn paths(damage: &DamagedBlob) -> String {
    report::few_text(&damage.paths, NAMED, ", ")
}

fn list(workspace: &Workspace, damaged: &[DamagedBlob]) -> String {
    let named = |damage: &DamagedBlob| {
        format!(
            "the damaged copy of {} ({})",
            paths(damage),
            base::shown(&workspace.blobs.path(&damage.digest))
        )
    };
    report::few_text(&damaged.iter().map(named).collect::<Vec<_>>(), NAMED, ", ")
}
