//! `pipe repro`: brings stages up to date.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use clap::Args;
use exec::{Crew, Decision, LocalRunner, Options, Summary, World, drive, recover, survey};
use pipeline::{Pipeline, StageId};

use crate::cli::{command_line, status};
use crate::environment;
use crate::error::{CliError, CliResult, ErrorKind};
use crate::ignore::ignore_outs;
use crate::project::Project;
use crate::recorder::Recorder;
use crate::ui::Printer;
use crate::ui::live::ReproView;

/// Bring stages up to date: skip, restore or run each
#[derive(Debug, Args)]
pub struct ReproArgs {
    /// Stages, outs, or `pipeline.yaml` for all; without, all stages of the nearest pipeline file
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Run at most N stages at once [default: the number of processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Run the stages even if they are up to date, and restore none
    #[arg(short, long)]
    force: bool,
    /// Only the targets themselves, not what they need
    #[arg(short, long)]
    single_item: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry: bool,
    /// Fail at once when another pipe process holds the project, instead of waiting for it
    #[arg(long)]
    no_wait: bool,
}

/// Brings the targets up to date.
///
/// # Errors
/// With exit code 1 when a stage fails, 2 when it could not be told, 130 or 143 when interrupted.
pub fn run(args: &ReproArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let pipeline = project.pipeline()?;
    let wanted = wanted(&pipeline, &project, args)?;
    let workspace = project.workspace(printer)?;
    let builtins = Project::builtins();
    let world = World { pipeline: &pipeline, workspace: &workspace, builtins: &builtins };
    let mut ledger = project.ledger(&pipeline)?;
    let forced = |id: StageId| args.force && wanted.contains(&id);
    let recorder = Recorder::new(&project, &workspace, printer, command_line());
    let job_folder = project.pipe_path("tmp").join("jobs");
    // Where stages are at work, or were when their process died, outs are in motion: judging them has to wait for
    // the lock and the recovery.
    let in_motion = std::fs::read_dir(&job_folder).is_ok_and(|mut jobs| jobs.next().is_some());
    if args.dry || !(args.force || in_motion) {
        let plan = survey(world, &wanted, |stage| ledger.get(&stage.address).cloned(), forced);
        if args.dry {
            return status::print_plan(&pipeline, &plan, &recorder, printer);
        }
        let nothing = plan.iter().all(|(_, assessment)| assessment.decision == Decision::Fresh);
        if nothing && !ledger.has_unwritten() {
            // A project that cannot be written to is no reason to fail where nothing is to be written.
            let _ = workspace.save_state();
            printer.say(format_args!("Everything is up to date ({}).", stages(wanted.len())));
            return Ok(());
        }
    }
    let _lock = project.lock(&command_line(), !args.no_wait, printer)?;
    // Whoever held the lock may have changed what was read before.
    ledger = project.ledger(&pipeline)?;
    let view = ReproView::new(printer, &pipeline, wanted.len());
    let interrupt = Interrupt::listen()?;
    recover(&project.root, &job_folder, &view)?;
    let runner = LocalRunner::default();
    let crew = Crew { runner: &runner, host: &recorder, observer: &view, stop: &interrupt.stop };
    let jobs =
        args.jobs.map(usize::from).or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    let options =
        Options { jobs: jobs.unwrap_or(1), force: args.force, root: project.root.clone(), job_folder };
    let driven = drive(world, &mut ledger, &wanted, &crew, &options);
    view.close();
    recorder.close(driven.as_ref().ok());
    let saved = workspace.save_state();
    let summary = driven?;
    saved?;
    if summary.ran + summary.restored > 0 {
        tell_ignored(&project, &pipeline, &wanted, printer);
    }
    conclude(&summary, &recorder, wanted.len(), &interrupt, printer)
}

fn wanted(pipeline: &Pipeline, project: &Project, args: &ReproArgs) -> CliResult<Vec<StageId>> {
    if args.targets.is_empty() {
        return Ok(pipeline.default_stages());
    }
    let targets = pipeline.targets(&args.targets, &project.base)?;
    if !args.single_item {
        return Ok(pipeline.graph.with_upstream(&targets));
    }
    Ok(pipeline.graph.order().iter().copied().filter(|id| targets.contains(id)).collect())
}

fn tell_ignored(project: &Project, pipeline: &Pipeline, wanted: &[StageId], printer: Printer) {
    match ignore_outs(project, wanted.iter().map(|id| pipeline.stage(*id))) {
        Ok(files) => {
            for file in files {
                printer
                    .say(format_args!("Added the cached outs to {file}, so that git leaves them to pipe."));
            }
        }
        Err(fault) => {
            let causes: Vec<String> =
                fault.source.iter().flat_map(anyhow::Error::chain).map(ToString::to_string).collect();
            printer.warn(format_args!("failed to keep the outs out of git: {}", causes.join(": ")));
        }
    }
}

fn stages(count: usize) -> String {
    if count == 1 { "1 stage".to_owned() } else { format!("{count} stages") }
}

fn conclude(
    summary: &Summary,
    recorder: &Recorder<'_>,
    wanted: usize,
    interrupt: &Interrupt,
    printer: Printer,
) -> CliResult {
    let mut parts = Vec::new();
    for (count, what) in [
        (summary.ran, "ran"),
        (summary.restored, "restored"),
        (summary.fresh, "up to date"),
        (summary.failed.len(), "failed"),
        (summary.blocked + summary.not_started, "not started"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if summary.fresh == wanted {
        printer.say(format_args!("Everything is up to date ({}).", stages(wanted)));
    } else {
        let run = recorder.run().map(|run| format!(" Run {}.", run.short())).unwrap_or_default();
        printer.say(format_args!("{}: {}.{run}", stages(wanted), parts.join(", ")));
    }
    if summary.interrupted {
        return Err(CliError::silent(ErrorKind::Interrupted(interrupt.signal())));
    }
    let Some((_, _)) = summary.failed.first() else { return Ok(()) };
    let of_stage = summary.failed.iter().all(|(_, failure)| failure.is_of_stage());
    Err(CliError::silent(if of_stage { ErrorKind::Negative } else { ErrorKind::Unable }))
}

/// Listens for the signals that end a reproduction in order.
struct Interrupt {
    stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    fn listen() -> CliResult<Self> {
        let interrupt = Interrupt { stop: Arc::default(), signal: Arc::default() };
        for signal in environment::ending_signals() {
            let number = usize::try_from(signal).expect("signals are small positive numbers");
            signal_hook::flag::register_usize(signal, interrupt.signal.clone(), number)
                .and_then(|_| signal_hook::flag::register(signal, interrupt.stop.clone()))
                .map_err(|source| {
                    disk::DiskError::new("listen for signals", std::path::Path::new("."), source)
                })?;
        }
        Ok(interrupt)
    }

    fn signal(&self) -> i32 {
        i32::try_from(self.signal.load(Ordering::SeqCst)).unwrap_or(signal_hook::consts::SIGINT)
    }
}
