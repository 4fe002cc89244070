//! Stages whose file is gone: of a group that is made of files, what its former members wrote.
//!
//! What reads the folder of a group's outs shall see results of the files that are there. So the outs of a member whose
//! file is gone go with it, where they are as recorded and the cache holds them; anything else is left alone and told.

use std::collections::HashSet;

use base::{FileState, ProjectPath};
use cache::Workspace;
use exec::{Claims, Ledger, Observer, Wish};
use pipeline::{Address, Pipeline, StageId};

use crate::error::CliResult;
use crate::project::Project;
use crate::ui::Printer;

/// A stage that is not there any more because its file is gone.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// What it was called.
    pub stage: Address,
    /// What it wrote that nobody else writes now.
    pub outs: Vec<(ProjectPath, FileState)>,
}

/// What is left of former members of groups, as far as the stages `wanted` have to do with it; `all` takes in what has to
/// do with none.
pub fn find(pipeline: &Pipeline, ledger: &Ledger, wanted: &[StageId], all: bool) -> Vec<Leftover> {
    if pipeline.file_groups.is_empty() {
        return Vec::new();
    }
    let declared: HashSet<&Address> = pipeline.stages.iter().map(|stage| &stage.address).collect();
    let gone = ledger.recorded().filter(|(stage, lock)| {
        !declared.contains(stage)
            && pipeline.file_groups.iter().any(|group| {
                group.is_member(stage) && lock.deps.iter().any(|(path, _)| group.glob.matches(path))
            })
    });
    let is_made = |path: &ProjectPath| {
        let mut outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
        outs.any(|out| out.concerns(path))
    };
    let found = gone.map(|(stage, lock)| {
        let outs = lock.outs.iter().filter(|(path, _)| !lock.globs.contains_key(path) && !is_made(path));
        Leftover { stage, outs: outs.cloned().collect() }
    });
    let concerns = |leftover: &Leftover| {
        let reads = |id: &StageId| {
            let stage = pipeline.stage(*id);
            let group = pipeline.file_groups.iter().find(|group| group.is_member(&stage.address));
            group.is_some_and(|group| group.is_member(&leftover.stage))
                || leftover.outs.iter().any(|(out, _)| {
                    stage.deps.iter().any(|dep| dep.contains(out) || out.contains(dep))
                        || stage
                            .special
                            .iter()
                            .any(|dep| dep.glob.as_ref().is_some_and(|glob| glob.concerns(out)))
                })
        };
        all || wanted.iter().any(reads)
    };
    found.filter(concerns).collect()
}

/// Removes what is left, and forgets the stages. What somebody is at work on is left for the next time.
///
/// # Errors
/// When the disk refuses.
pub fn remove(
    project: &Project,
    workspace: &Workspace,
    ledger: &mut Ledger,
    leftovers: &[Leftover],
    (claims, observer): (&Claims<'_>, &dyn Observer),
    printer: Printer,
) -> CliResult {
    for Leftover { stage, outs } in leftovers {
        let wish = Wish::to_remove(&format!("outs of {stage}"), outs.iter().map(|(path, _)| path.clone()));
        let Ok(_claim) = claims.claim(wish, observer)? else { continue };
        let mut removed = Vec::new();
        for (path, state) in outs {
            let Ok(Some(now)) = workspace.observe(path) else { continue };
            if now == *state && workspace.blobs.has_all(state) {
                let place = path.to_path(&project.root);
                disk::remove(&place)?;
                disk::remove_empty_folders(place.parent().unwrap_or(&place), &project.root);
                removed.push(path.as_str());
            } else {
                printer.warn(format_args!(
                    "{path} of stage {stage}, whose file is gone, is left in place: it is not what the cache holds"
                ));
            }
        }
        if !removed.is_empty() {
            printer.say(format_args!("Removed {}: the file of stage {stage} is gone.", removed.join(", ")));
        }
        ledger.forget(stage);
    }
    Ok(())
}

/// How they are told where nothing is removed.
pub fn line(Leftover { stage, outs }: &Leftover) -> String {
    match outs.as_slice() {
        [] => format!("{stage}: gone with its file"),
        outs => {
            let outs: Vec<&str> = outs.iter().map(|(path, _)| path.as_str()).collect();
            format!("{stage}: gone with its file; `pipe repro` removes {}", outs.join(", "))
        }
    }
}

/// Tells of groups that no file was found for.
pub fn tell_empty_groups(pipeline: &Pipeline, printer: Printer) {
    for group in pipeline.file_groups.iter().filter(|group| group.count == 0) {
        let (name, pattern) = (&group.address, group.glob.text());
        printer.say(format_args!("No file matches {pattern}: {name} has no stages."));
    }
}
