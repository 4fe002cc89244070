//! `pipe update`: imported data as its source has it now.

use std::collections::{HashMap, HashSet};

use cache::Workspace;
use clap::Args;
use exec::{Assessment, Decision, Ledger, Wish};
use pipeline::{Dialect, Import, Pipeline, Stage, StageId, StaleReason};

use crate::cli::import::record_update;
use crate::cli::status::updates;
use crate::cli::targets::{Picked, TargetArgs};
use crate::cli::tell_damage;
use crate::edits::lock;
use crate::error::{CliError, CliResult};
use crate::import::{self, Brought, Depot, Which};
use crate::interrupt::Interrupt;
use crate::leftovers::make_dependent;
use crate::project::Project;
use crate::recovery;
use crate::staging;
use crate::ui::Printer;

/// Bring imported data as its source has it now, and record that
///
/// Data that was imported stays as it was recorded until then, whatever its source does. Where the source has nothing else, data
/// that is gone or was edited is brought back. What no cache holds is saved first. Without a target, all imports are updated.
#[derive(Debug, Default, Args)]
pub struct UpdateArgs {
    /// Imported data, or its pointers [default: all of it]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Take the data of this branch, tag or commit, and follow it from now on
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Take folders for all imports in them
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Record the source's state and bring nothing; only in projects of DVC
    #[arg(long)]
    no_download: bool,
    /// Transfer N files at once
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
}

/// Updates.
///
/// # Errors
/// When a target is no import, or a source cannot be read; what was updated before stays so.
pub fn run(args: &UpdateArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    if project.dialect == Dialect::Native && args.no_download {
        return Err(CliError::message("a pointer of pipe always tells what its data holds")
            .hint("leave `--no-download` out"));
    }
    let pipeline = project.pipeline()?;
    let which =
        TargetArgs { targets: args.targets.clone(), recursive: args.recursive, ..TargetArgs::default() };
    let mut imports = Vec::new();
    for Picked { stage, .. } in which.pick(&pipeline, &project)? {
        let stage = pipeline.stage(stage);
        match import::of_stage(&project, stage)? {
            Some(import) => imports.push((stage, import)),
            None if args.targets.is_empty() || args.recursive => {}
            None => {
                return Err(CliError::message(format!("{} was not imported", stage.address))
                    .hint("`pipe update` is for what `pipe import` and `pipe import-url` brought"));
            }
        }
    }
    if let (Some(_), Some((stage, _))) = (&args.rev, imports.iter().find(|(_, import)| import.repo.is_none()))
    {
        return Err(CliError::message(format!(
            "{} came from no repository, and has no revisions",
            stage.address
        ))
        .hint("leave `--rev` out"));
    }
    if imports.is_empty() {
        printer.say("Nothing was imported.");
        return Ok(());
    }
    bring(&project, &pipeline, &imports, args, printer)
}

/// Imports among `wanted` that follow their source.
fn followers<'a>(
    project: &Project,
    pipeline: &'a Pipeline,
    wanted: &[StageId],
) -> CliResult<Vec<(StageId, &'a Stage, Import)>> {
    let mut followers = Vec::new();
    for id in wanted {
        let stage = pipeline.stage(*id);
        let import = import::of_stage(project, stage)?.filter(|import| import.follows);
        followers.extend(import.map(|import| (*id, stage, import)));
    }
    Ok(followers)
}

/// Whether imported data is not what was brought any more, since somebody edited it.
fn is_edited(workspace: &Workspace, ledger: &Ledger, stage: &Stage) -> bool {
    let Some(out) = stage.outs.first().map(|out| &out.path) else { return false };
    let recorded = ledger.get(&stage.address).and_then(|lock| lock.out(out)).map(|state| state.digest);
    let now = workspace.observe(out).ok().flatten().map(|now| now.digest);
    recorded.is_some()
        && workspace.agreed(out) == recorded
        && now.is_some_and(|now| Some(now) != recorded && !workspace.is_as_agreed(out, now))
}

/// Tells in `plan` which imports a reproduction would bring first, and what that means for the stages behind them.
///
/// # Errors
/// When what is recorded cannot be read. A source that cannot be asked is told.
pub fn foretell(
    project: &Project,
    pipeline: &Pipeline,
    (workspace, ledger): (&Workspace, &Ledger),
    plan: &mut [(StageId, Assessment)],
    printer: Printer,
) -> CliResult {
    let wanted: Vec<StageId> = plan.iter().map(|(id, _)| *id).collect();
    let followers = followers(project, pipeline, &wanted)?;
    let asked: Vec<StageId> = followers.iter().map(|(id, ..)| *id).collect();
    let updates = updates::find(project, pipeline, &asked, printer)?;
    let is_due = |(id, stage, _): &&(StageId, &Stage, Import)| {
        updates.of(*id).is_some() || is_edited(workspace, ledger, stage)
    };
    let due: HashMap<StageId, &Import> =
        followers.iter().filter(is_due).map(|(id, _, import)| (*id, import)).collect();
    let mut changing: HashSet<StageId> = due.keys().copied().collect();
    for (id, judged) in plan.iter_mut().filter(|_| !due.is_empty()) {
        if let Some(import) = due.get(id) {
            let reasons = vec![StaleReason::SourceChanged { source: import.shown() }];
            judged.decision = Decision::Run { reasons };
        } else if !pipeline.stage(*id).frozen {
            let before = pipeline.graph.upstream(*id).iter().copied();
            let before: Vec<StageId> = before.filter(|before| changing.contains(before)).collect();
            if !before.is_empty() {
                changing.insert(*id);
                make_dependent(judged, Vec::new(), before);
            }
        }
    }
    Ok(())
}

/// Brings what the sources of imports that follow them have now, as far as that is not what is here: those among `wanted`.
/// Whether there was something.
///
/// # Errors
/// When a source cannot be read, or the disk refuses.
pub fn follow(
    project: &Project,
    pipeline: &Pipeline,
    wanted: &[StageId],
    printer: Printer,
) -> CliResult<bool> {
    let followers = followers(project, pipeline, wanted)?;
    if followers.is_empty() {
        return Ok(false);
    }
    let interrupt = Interrupt::default();
    let depot = Depot::of(project, None, &interrupt, printer);
    let (workspace, ledger) = (project.workspace(printer)?, project.ledger(pipeline)?);
    let mut imports = Vec::new();
    for (_, stage, import) in followers {
        if is_edited(&workspace, &ledger, stage)
            || import::update_of(&depot, project, stage, &import)?.is_some()
        {
            imports.push((stage, import));
        }
    }
    drop(workspace);
    if !imports.is_empty() {
        bring(project, pipeline, &imports, &UpdateArgs::default(), printer)?;
    }
    Ok(!imports.is_empty())
}

fn bring(
    project: &Project,
    pipeline: &Pipeline,
    imports: &[(&Stage, Import)],
    args: &UpdateArgs,
    printer: Printer,
) -> CliResult {
    let outs = imports.iter().flat_map(|(stage, _)| &stage.outs);
    let wish = outs.fold(Wish::named("an update"), |wish, out| wish.writing_path(&out.path));
    let _held = recovery::hold(project, &wish, true, printer)?;
    let _lock = lock(project, printer)?;
    let interrupt = Interrupt::listen()?;
    let workspace = project.workspace(printer)?;
    let ledger = project.ledger(pipeline)?;
    let depot = Depot::of(project, args.jobs, &interrupt, printer);
    for (stage, import) in imports {
        let out = &stage.outs[0].path;
        let mut wanted = import.clone();
        if let (Some(rev), Some(repo)) = (&args.rev, &mut wanted.repo) {
            repo.rev = Some(rev.clone());
        }
        let wdir = stage.wdir.to_path(&project.root);
        let recorded = ledger.get(&stage.address).and_then(|lock| lock.out(out)).copied();
        // Looking costs less than bringing.
        let seen = depot.bring(&wanted, &wdir, Which::Newest, true)?;
        let is_same = import.is_same(&seen.import);
        let now = workspace.observe(out).ok().flatten().map(|now| now.digest);
        let is_here = recorded.is_some_and(|state| now == Some(state.digest));
        if is_same && (args.no_download || is_here) {
            printer.say(format_args!("Unchanged: {out} ({}).", import.shown()));
            continue;
        }
        let known = recorded.filter(|state| is_same && workspace.blobs.holds_all(state));
        let brought = match known {
            _ if args.no_download => seen,
            Some(state) => Brought { state: Some(state), ..seen },
            None => depot.bring(&wanted, &wdir, Which::Newest, false)?,
        };
        let record = || record_update(project, pipeline, &workspace, stage, &brought, printer);
        let mut records = interrupt.unheard(record)??;
        records.push(stage.address.file.clone());
        staging::stage(project, &records, printer);
        let is_back = !is_here
            && brought.state.is_some_and(|state| recorded.is_some_and(|old| old.digest == state.digest));
        let word = if is_back { "Brought back" } else { "Updated" };
        printer.say(format_args!("{word} {out} from {}.", import.shown()));
    }
    workspace.save_state()?;
    tell_damage(&workspace, printer);
    Ok(())
}
