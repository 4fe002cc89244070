//! `pipe update`: imported data as its source has it now.

use clap::Args;
use exec::Wish;
use pipeline::{Dialect, Import, Pipeline, Stage, StageId};

use crate::cli::import::record_update;
use crate::cli::targets::{Picked, TargetArgs};
use crate::cli::tell_damage;
use crate::edits::lock;
use crate::error::{CliError, CliResult};
use crate::import::{self, Depot, Which};
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::recovery;
use crate::staging;
use crate::ui::Printer;

/// Bring imported data as its source has it now, and record that
///
/// Data that was imported stays as it was recorded until then, whatever its source does. Without a target, all imports
/// are updated.
#[derive(Debug, Default, Args)]
pub struct UpdateArgs {
    /// Imported data, or its pointers [default: all of it]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
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

/// Brings what the sources of imports that follow them have now: those among `wanted`. Whether there was something.
///
/// # Errors
/// When a source cannot be read, or the disk refuses.
pub fn follow(
    project: &Project,
    pipeline: &Pipeline,
    wanted: &[StageId],
    printer: Printer,
) -> CliResult<bool> {
    let interrupt = Interrupt::default();
    let depot = Depot::of(project, None, &interrupt, printer);
    let mut imports = Vec::new();
    for stage in wanted.iter().map(|id| pipeline.stage(*id)) {
        let Some(import) = import::of_stage(project, stage)?.filter(|import| import.follows) else {
            continue;
        };
        if import::has_update(&depot, project, stage, &import)? {
            imports.push((stage, import));
        }
    }
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
    let interrupt = Interrupt::listen()?;
    let outs = imports.iter().flat_map(|(stage, _)| &stage.outs);
    let wish = outs.fold(Wish::named("an update"), |wish, out| wish.writing_path(&out.path));
    let _held = recovery::hold(project, &wish, true, printer)?;
    let _lock = lock(project, printer)?;
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
        if import.is_same(&seen.import) && (args.no_download || recorded.is_some()) {
            printer.say(format_args!("Unchanged: {out} ({}).", import.shown()));
            continue;
        }
        let brought = match args.no_download {
            true => seen,
            false => depot.bring(&wanted, &wdir, Which::Newest, false)?,
        };
        let mut records = record_update(project, pipeline, &workspace, stage, &brought, printer)?;
        records.push(stage.address.file.clone());
        staging::stage(project, &records, printer);
        printer.say(format_args!("Updated {out} from {}.", import.shown()));
    }
    workspace.save_state()?;
    tell_damage(&workspace, printer);
    Ok(())
}
