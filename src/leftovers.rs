//! Stages whose file is gone: of a group that is made of files, what its former members wrote.
//!
//! What reads the folder of a group's outs shall see results of the files that are there. So the outs of a member whose
//! file is gone go with it, where they are as recorded and the cache holds them; anything else is left alone and told.

use std::collections::HashSet;

use base::{Digest, ProjectPath};
use cache::{Choice, Workspace};
use exec::{Assessment, Claims, Decision, Ledger, Observer, Wish};
use pipeline::{Address, Pipeline, Special, Stage, StageId, StaleReason};

use crate::error::CliResult;
use crate::placed::{Entry, Placed, is_as_recorded};
use crate::project::Project;
use crate::ui::Printer;

/// A stage that is not there any more because its file is gone.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// What it was called.
    pub stage: Address,
    /// What it wrote that nobody else writes now.
    pub outs: Vec<(ProjectPath, Digest)>,
}

/// What is left of former members of groups, as far as the stages `wanted` have to do with it; `all` takes in what has to
/// do with none.
pub fn find(
    project: &Project,
    pipeline: &Pipeline,
    ledger: &Ledger,
    wanted: &[StageId],
    all: bool,
) -> Vec<Leftover> {
    if pipeline.file_groups.is_empty() {
        return Vec::new();
    }
    let declared: HashSet<&Address> = pipeline.stages.iter().map(|stage| &stage.address).collect();
    let gone = ledger
        .recorded()
        .filter(|(stage, lock)| !declared.contains(stage) && pipeline.is_of_gone_file(stage, lock));
    let is_made = |path: &ProjectPath| {
        let mut outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
        outs.any(|out| out.concerns(path))
    };
    let found = gone.map(|(stage, lock)| {
        let outs = lock.outs.iter().filter(|(path, _)| !lock.globs.contains_key(path) && !is_made(path));
        Leftover { stage, outs: outs.map(|(path, state)| (path.clone(), state.digest)).collect() }
    });
    let mut found: Vec<Leftover> = found.collect();
    // What another revision's files gave, of which this one's lock knows nothing.
    for (path, Entry { file, stage, digest }) in Placed::load(project).unclaimed(project, pipeline) {
        let stage = Address { file, name: stage };
        let is_former = !declared.contains(&stage)
            && pipeline.file_groups.iter().any(|group| !group.frozen && group.is_member(&stage));
        if !is_former || found.iter().any(|one| one.outs.iter().any(|(known, _)| *known == path)) {
            continue;
        }
        match found.iter_mut().find(|one| one.stage == stage) {
            Some(one) => one.outs.push((path, digest)),
            None => found.push(Leftover { stage, outs: vec![(path, digest)] }),
        }
    }
    let concerns = |leftover: &Leftover| {
        let reads = |id: &StageId| {
            let stage = pipeline.stage(*id);
            let group = pipeline.file_groups.iter().find(|group| group.is_member(&stage.address));
            group.is_some_and(|group| group.is_member(&leftover.stage))
                || leftover.outs.iter().any(|(out, _)| is_reader(stage, out))
        };
        all || wanted.iter().any(reads)
    };
    found.retain(concerns);
    found
}

/// Whether something that is left is as recorded, so that it goes.
fn goes(workspace: &Workspace, (path, digest): &(ProjectPath, Digest)) -> bool {
    let now = workspace.observe(path).ok().flatten();
    now.is_some_and(|now| is_as_recorded(workspace, path, now, *digest))
}

/// Tells in `plan` what the removal of what is left means for the stages that read it, and for those behind them.
pub fn foretell(
    pipeline: &Pipeline,
    workspace: &Workspace,
    leftovers: &[Leftover],
    plan: &mut [(StageId, Assessment)],
) {
    let going = leftovers.iter().flat_map(|leftover| &leftover.outs).filter(|out| goes(workspace, out));
    let going: Vec<&ProjectPath> = going.map(|(path, _)| path).collect();
    if going.is_empty() {
        return;
    }
    let mut changing: HashSet<StageId> = HashSet::new();
    for (id, judged) in plan {
        let stage = pipeline.stage(*id);
        if stage.frozen {
            continue;
        }
        let removals = going.iter().filter(|out| is_reader(stage, out));
        let removals: Vec<StaleReason> =
            removals.map(|out| StaleReason::DepShrinks { path: (*out).clone() }).collect();
        let before: Vec<StageId> =
            pipeline.graph.upstream(*id).iter().copied().filter(|before| changing.contains(before)).collect();
        if removals.is_empty() && before.is_empty() {
            continue;
        }
        changing.insert(*id);
        make_dependent(judged, removals, before);
    }
}

/// Tells of a stage that it is to be judged again after the stages `before`, and for what other reasons.
pub fn make_dependent(judged: &mut Assessment, more: Vec<StaleReason>, before: Vec<StageId>) {
    let (reasons, on) = match &mut judged.decision {
        Decision::Depends { reasons, on } => (std::mem::take(reasons), std::mem::take(on)),
        Decision::Run { .. } | Decision::Unknown { .. } => return,
        Decision::Fresh => Default::default(),
        Decision::Restore { reasons, .. } | Decision::Frozen { reasons } => {
            (std::mem::take(reasons), Vec::new())
        }
    };
    let others = before.into_iter().filter(|before| !on.contains(before)).collect::<Vec<_>>();
    judged.decision = Decision::Depends {
        reasons: reasons.into_iter().chain(more).collect(),
        on: on.into_iter().chain(others).collect(),
    };
}

/// Whether a stage reads `out`, as a dep or in one.
fn is_reader(stage: &Stage, out: &ProjectPath) -> bool {
    let matches = |dep: &Special| dep.glob.as_ref().is_some_and(|glob| glob.concerns(out));
    stage.deps.iter().any(|dep| dep.contains(out) || out.contains(dep)) || stage.special.iter().any(matches)
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
    let mut placed = Placed::load(project);
    for Leftover { stage, outs } in leftovers {
        let wish = Wish::to_remove(&format!("outs of {stage}"), outs.iter().map(|(path, _)| path.clone()));
        let Ok(_claim) = claims.claim(wish, observer)? else { continue };
        let mut removed = Vec::new();
        for (path, digest) in outs {
            placed.forget(path);
            let Ok(Some(now)) = workspace.observe(path) else { continue };
            if is_as_recorded(workspace, path, now, *digest) {
                let place = path.to_path(&project.root);
                workspace.remove(path)?;
                disk::remove_empty_folders(place.parent().unwrap_or(&place), &project.root);
                removed.push(path);
            } else {
                printer.warn(format_args!(
                    "{path} of stage {stage}, whose file is gone, is left in place: it is not what the cache holds"
                ));
            }
        }
        if !removed.is_empty() {
            printer.say(format_args!(
                "Removed {}: the file of stage {stage} is gone.",
                report::few_text(&removed, NAMED, ", ")
            ));
        }
        ledger.forget(stage);
    }
    Ok(placed.save()?)
}

/// Tells of what other revisions left in folders that the stages `wanted` read: it is read too, and stays until a checkout.
pub fn tell_strays(project: &Project, pipeline: &Pipeline, wanted: &[StageId], printer: Printer) {
    for (path, Entry { file, stage, .. }) in Placed::load(project).unclaimed(project, pipeline) {
        let stages = wanted.iter().map(|id| pipeline.stage(*id));
        let Some(reader) = stages.into_iter().find(|reader| is_reader(reader, &path)) else { continue };
        let from = Address { file, name: stage };
        printer.warn(format_args!(
            "{} reads {path}, which {from} of another revision left and nothing declares here; `pipe checkout` removes it",
            reader.address
        ));
    }
}

/// How many outs of a stage are named.
const NAMED: usize = 10;

/// How they are told where nothing is removed.
pub fn line(Leftover { stage, outs }: &Leftover) -> String {
    match outs.as_slice() {
        [] => format!("{stage}: gone with its file"),
        outs => {
            let outs: Vec<&ProjectPath> = outs.iter().map(|(path, _)| path).collect();
            let outs = report::few_text(&outs, NAMED, ", ");
            format!("{stage}: gone with its file; `pipe repro` removes {outs}")
        }
    }
}

/// Tells of groups that no file was found for, and of files that no stage is made of, since records cannot hold their
/// names.
pub fn tell_empty_groups(project: &Project, pipeline: &Pipeline, printer: Printer) {
    for group in &pipeline.file_groups {
        let glob = &group.glob;
        let matches = |path: &ProjectPath| glob.matches(path);
        let enters = |path: &ProjectPath| glob.may_lie_below(path);
        let choice = Choice { base: glob.base(), matches: &matches, enters: &enters };
        for file in cache::unnamed_files(&project.root, &choice) {
            let file = file.strip_prefix(&project.root).unwrap_or(&file).to_path_buf();
            let (name, pattern) = (&group.address, glob.text());
            printer.warn(format_args!(
                "{} matches {pattern} of {name}, and no stage is made of it: its name is not UTF-8; rename it",
                base::shown(&file)
            ));
        }
    }
    for group in pipeline.file_groups.iter().filter(|group| group.count == 0) {
        let (name, pattern) = (&group.address, group.glob.text());
        printer.say(format_args!("No file matches {pattern}: {name} has no stages."));
    }
}
