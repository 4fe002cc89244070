//! `pipe repro`: brings stages up to date.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use base::ProjectPath;
use cache::Counted;
use clap::Args;
use disk::Sharing;
use exec::{
    Assessment, Claims, Conditions, Crew, Decision, Host, Limits, LocalRunner, MadeSince, OnFailure, Options,
    Recall, Summary, Supplier, World, drive, leaves_data_out, survey,
};
use pipeline::{Pipeline, StageId, StaleReason};

use crate::begun;
use crate::brought;
use crate::cli::select::SelectArgs;
use crate::cli::{command_line, plan, quoted_path, tell_damage, update};
use crate::environment;
use crate::error::{CliError, CliResult, ErrorKind};
use crate::freshness::{Question, counted, counted_text};
use crate::ignore::ignore_untracked;
use crate::inside::Inside;
use crate::interrupt::{Interrupt, Pausing};
use crate::leftovers::{self, tell_empty_groups};
use crate::placed;
use crate::project::{Project, refuse_unread};
use crate::recorder::Recorder;
use crate::recovery;
use crate::staging::Before;
use crate::supplier::Remotes;
use crate::ui::Printer;
use crate::ui::live::ReproView;
use crate::verify::VerifyArgs;

/// Bring stages up to date: skip, restore or run each
///
/// A stage whose inputs and outs are what pipeline.lock records is skipped. One whose inputs were computed with before
/// gets that result back from the cache. Any other runs; when it fails, its last good outs are put back. The exit code
/// is 1 when a stage failed, and 2 when one could not be judged.
///
/// What scripts log by MLflow becomes runs below the stage's run: while it runs, a stage has a MLFLOW_TRACKING_URI of its own,
/// unless the environment has one (`pipe config tracking.inject` changes that).
#[derive(Debug, Args)]
pub struct ReproArgs {
    #[command(flatten)]
    pub select: SelectArgs,
    /// Run at most N stages at once; one with `resources: {cpus: C}` counts as C [default: the number of processors]
    #[arg(short, long, help_heading = "How they run", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Say how much there is of what stages ask for under `resources`: `gpus=2`, `memory=64GB`, or a token's name
    /// [default: gpus and memory of this machine, one of each token]
    #[arg(long = "resource", help_heading = "How they run", value_name = "NAME=COUNT", value_parser = parse_resource)]
    resources: Vec<(String, u64)>,
    /// Run every stage, even if it is up to date or could be restored
    #[arg(short, long, help_heading = "How they run")]
    force: bool,
    /// Run what needs a stage that ran, even if its result is the same as before
    #[arg(long, help_heading = "How they run")]
    force_downstream: bool,
    /// Ask before each stage that is not up to date, and stop where the answer is no; one stage at a time
    #[arg(short, long, help_heading = "How they run", conflicts_with_all = ["dry", "jobs"])]
    interactive: bool,
    /// Go on after a failure with all that does not need the failed stage
    #[arg(short, long, help_heading = "How they run", conflicts_with = "ignore_errors")]
    keep_going: bool,
    /// Go on after a failure with all other stages, even with those that need the failed one
    #[arg(long, help_heading = "How they run")]
    ignore_errors: bool,
    /// Take deps and outs that are not here for what pipeline.lock records of them
    #[arg(long, help_heading = "What is believed and kept")]
    allow_missing: bool,
    #[command(flatten, next_help_heading = "What is believed and kept")]
    verify: VerifyArgs,
    /// Store no outs in the cache; `pipe commit` makes up for it
    #[arg(long, help_heading = "What is believed and kept")]
    no_commit: bool,
    /// Restore no result that only the stage cache knows: run the stage instead
    #[arg(long, help_heading = "What is believed and kept", alias = "no-run-cache")]
    no_stage_cache: bool,
    /// Look for results of stages that would run at the remote too, and fetch those that it has, in projects of DVC also
    /// deps that are not here; with `--dry`, no remote is asked
    #[arg(long, help_heading = "What is believed and kept")]
    pull: bool,
    /// The remote that `--pull` asks [default: the one of `core.remote`]
    #[arg(short, long, help_heading = "What is believed and kept", value_name = "NAME", requires = "pull")]
    remote: Option<String>,
    /// Show what would be done, and run and restore nothing
    #[arg(long, help_heading = "What is shown")]
    dry: bool,
    /// Tell every reason why a stage runs, one a line, not the first three alone
    #[arg(long, help_heading = "What is shown")]
    explain: bool,
    /// Print the plan of `--dry` as JSON
    #[arg(long, help_heading = "What is shown", requires = "dry")]
    json: bool,
    /// Wait for other pipe processes where they are at work on what a stage reads or writes (the default)
    #[arg(long, help_heading = "How they run", overrides_with = "no_wait")]
    wait: bool,
    /// Fail where another pipe process is at work on what a stage reads or writes, instead of waiting for it
    #[arg(long, help_heading = "How they run")]
    no_wait: bool,
}

/// So much data is named of what is left alone.
const NAMED: usize = 3;

fn parse_resource(text: &str) -> Result<(String, u64), String> {
    let wrong = || format!("`{text}` is not NAME=COUNT");
    let (name, count) = text.split_once('=').ok_or_else(wrong)?;
    let count = match name {
        "memory" => pipeline::amount(count).ok_or_else(wrong)?,
        _ => count.parse().map_err(|_| wrong())?,
    };
    Ok((name.to_owned(), count))
}

/// Tells of resources that were named and that no stage of the project asks for: a slip, most likely.
fn tell_unasked(named: &[(String, u64)], pipeline: &Pipeline, printer: Printer) {
    let tokens: BTreeSet<&str> =
        pipeline.stages.iter().flat_map(|stage| stage.resources.tokens.keys().map(String::as_str)).collect();
    let known = ["gpus", "memory", "cpus"].into_iter().chain(tokens);
    let known: Vec<&str> = known.collect();
    for (name, _) in named.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        let near = pipeline::did_you_mean(name, known.iter().copied());
        let near = near.map(|near| format!(" ({near})")).unwrap_or_default();
        printer.warn(format_args!("no stage asks for `{name}`: `--resource {name}` changes nothing{near}"));
    }
}

/// Brings the targets up to date.
///
/// # Errors
/// With exit code 1 when a stage fails, 2 when it could not be told, 130 or 143 when interrupted.
pub fn run(args: &ReproArgs, printer: Printer) -> CliResult {
    if args.interactive && !printer.can_ask() {
        return Err(CliError::message("nobody is there to be asked: this is no terminal")
            .hint("leave `--interactive` out; `--dry` shows what would be done"));
    }
    let project = Project::find()?;
    // Also where nothing is to be executed. In a stage the one that was there may come back.
    if !args.dry && project.enclosing_stage().is_none() {
        project.renew_store(printer);
    }
    let asks_only = !(args.force || args.dry || args.allow_missing);
    let question = Question::new(&project, &format!("{:?}", args.select));
    if asks_only
        && !args.verify.verify
        && let Some(counted) = question.recall()
    {
        say_up_to_date(counted, printer);
        return Ok(());
    }
    if project.is_bare() {
        project.pipeline_file()?;
    }
    let (mut pipeline, mut origin) = project.pipeline_with_origin()?;
    refuse_unread(&origin.unread)?;
    project.refuse_ignored_locks(&pipeline)?;
    let wanted = args.select.stages_to_reproduce(&pipeline, &project)?;
    if !args.dry && update::follow(&project, &pipeline, &wanted, printer)? {
        (pipeline, origin) = project.pipeline_with_origin()?;
    }
    let spare = args.select.spare(&pipeline, &wanted);
    tell_unasked(&args.resources, &pipeline, printer);
    let workspace = args.verify.workspace(&project, printer)?;
    let builtins = Project::builtins();
    let world = World { pipeline: &pipeline, workspace: &workspace, builtins: &builtins };
    let mut ledger = project.ledger(&pipeline)?;
    tell_empty_groups(&project, &pipeline, printer);
    let names_none = args.select.targets.is_empty();
    let leftovers = leftovers::find(&project, &pipeline, &ledger, &wanted, names_none);
    let wait = !args.no_wait && project.enclosing_stage().is_none();
    args.verify.check_cache(&project, (&pipeline, &wanted), (&workspace, &ledger), wait, printer)?;
    let conditions = Conditions {
        forced: args.force,
        no_stage_cache: args.no_stage_cache,
        allow_missing: args.allow_missing,
        assume_deps: false,
    };
    let recorder = Recorder::new(&project, &workspace, printer, command_line());
    // Where stages are at work, or were when their process died, outs are in motion: judging them has to wait for
    // the lock and the recovery.
    if args.dry || !(args.force || project.is_in_motion()) {
        if asks_only {
            workspace.begin_witness();
        }
        let mut plan = survey(world, &wanted, |stage| ledger.get(&stage.address).cloned(), |_| conditions);
        tell_damage(&workspace, printer);
        leftovers::foretell(&pipeline, &workspace, &leftovers, &mut plan);
        let is_there = !args.pull || args.dry;
        let spared = if is_there { take_spared(&mut plan, &spare) } else { Vec::new() };
        if args.dry {
            tell_spared(&pipeline, &spared, printer);
            update::foretell(&project, &pipeline, (&workspace, &ledger), &mut plan, printer)?;
            if !args.json {
                for leftover in &leftovers {
                    printer.data_line(leftovers::line(leftover));
                }
            }
            if args.pull {
                printer.say("`--dry` asks no remote: what would run may be restored by `--pull`.");
            }
            let inside = Inside { pipeline: &pipeline, ledger: &ledger, workspace: &workspace };
            return plan::print(inside, &plan, &recorder, args.json, args.explain, printer);
        }
        let nothing = plan.iter().all(|(_, assessment)| assessment.decision == Decision::Fresh);
        if nothing && leftovers.is_empty() && !ledger.has_unwritten() {
            // A project that cannot be written to is no reason to fail where nothing is to be written.
            let _ = workspace.save_state();
            brought::settle(&workspace, &pipeline, &ledger, &wanted);
            // What is remembered is answered without a word about data that is not here.
            if asks_only && spared.is_empty() {
                question.remember(&pipeline, &origin, &ledger, &workspace, &wanted);
            }
            tell_spared(&pipeline, &spared, printer);
            let judged: Vec<StageId> = plan.iter().map(|(id, _)| *id).collect();
            say_up_to_date(counted(&pipeline, &judged), printer);
            return Ok(());
        }
        workspace.end_witness();
    }
    let interrupt = Interrupt::listen()?;
    let command = command_line();
    let lock = project.lock(&command, Sharing::Shared, wait, &interrupt, printer)?;
    let known = recovery::Known { project: &project, printer };
    // What a stage is about to make again is kept among its partial outs.
    let recovery = (&known as &dyn Recall, MadeSince::PutAway);
    let claims =
        Claims::new(&project.root, &project.job_folder(), &lock, &command, recovery, project.neighbour());
    begun::refuse_cut_off_move(&project, None)?;
    // Whoever held the lock may have changed what was read before.
    ledger.catch_up()?;
    let supplier = match args.pull {
        true => {
            let named = args.remote.as_deref();
            Some(Remotes::new(&project, &workspace, &interrupt, named, !args.no_stage_cache)?)
        }
        false => None,
    };
    let view = ReproView::new(printer, &pipeline, wanted.len(), args.explain);
    claims.recover(&view)?;
    let leftovers = leftovers::find(&project, &pipeline, &ledger, &wanted, names_none);
    leftovers::remove(&project, &workspace, &mut ledger, &leftovers, (&claims, &view), printer)?;
    leftovers::tell_strays(&project, &pipeline, &wanted, printer);
    // Before a command writes them: git shall not see them in between, and not if this process dies.
    let may_run = |id: &&StageId| {
        let stage = pipeline.stage(**id);
        stage.wdir.to_path(&project.root).is_dir() && Host::permit(&recorder, stage).is_ok()
    };
    let starting: Vec<StageId> = wanted.iter().filter(may_run).copied().collect();
    let before = Before::look(&project, &pipeline, &wanted)?;
    let mut ignore_files = tell_ignored(&project, &pipeline, &starting, printer);
    let runner = Arc::new(LocalRunner::with(environment::shell_functions(), environment::halted_files()));
    let _pausing = Pausing::begin(runner.clone())?;
    let confirm = |stage: StageId, reasons: &[StaleReason]| view.confirm(stage, reasons, &interrupt.stop);
    let crew = Crew {
        runner: &*runner,
        host: &recorder,
        observer: &view,
        supplier: supplier.as_ref().map(|supplier| supplier as &dyn Supplier),
        claims: &claims,
        confirm: args.interactive.then_some(&confirm),
        stop: &interrupt.stop,
    };
    let options = Options { spare, ..options(args, &project) };
    let driven = drive(world, &mut ledger, &wanted, &crew, &options);
    view.close();
    tell_damage(&workspace, printer);
    recorder.close(driven.as_ref());
    let saved = workspace.save_state();
    let summary = driven?;
    saved?;
    tell_spared(&pipeline, &summary.spared, printer);
    let wanted: Vec<StageId> =
        wanted.into_iter().filter(|id| !summary.spared.iter().any(|(spared, _)| spared == id)).collect();
    let failed = |id: &StageId| summary.failed.iter().any(|(failed, _)| failed == id);
    let good: Vec<StageId> = wanted.iter().filter(|id| !failed(id)).copied().collect();
    brought::settle(&workspace, &pipeline, &ledger, &good);
    if let Err(fault) = placed::remember(&project, (&pipeline, &good), &ledger, &workspace) {
        printer.warn(format_args!("a later checkout of everything will not know what was recorded: {fault}"));
    }
    if summary.ran + summary.restored + summary.recorded > 0 {
        ignore_files.extend(tell_ignored(&project, &pipeline, &good, printer));
        before.stage_changed(&project, &ignore_files, printer);
    }
    conclude(&summary, &recorder, counted(&pipeline, &wanted), &interrupt, printer)
}

fn options(args: &ReproArgs, project: &Project) -> Options {
    let jobs = args.jobs.map(usize::from).or(args.interactive.then_some(1));
    let jobs = jobs.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    let slots = f64::from(u16::try_from(jobs.unwrap_or(1)).unwrap_or(u16::MAX));
    let mut limits =
        Limits { slots, gpus: environment::gpus(), memory: environment::memory(), tokens: BTreeMap::new() };
    for (name, count) in &args.resources {
        match name.as_str() {
            "gpus" => limits.gpus = *count,
            "memory" => limits.memory = Some(*count),
            "cpus" => limits.slots = f64::from(u16::try_from(*count).unwrap_or(u16::MAX)),
            _ => {
                limits.tokens.insert(name.clone(), *count);
            }
        }
    }
    let on_failure = match (args.keep_going, args.ignore_errors) {
        (_, true) => OnFailure::Ignore,
        (true, _) => OnFailure::KeepGoing,
        _ => OnFailure::Stop,
    };
    Options {
        limits,
        force: args.force,
        force_downstream: args.force_downstream,
        on_failure,
        no_stage_cache: args.no_stage_cache,
        no_commit: args.no_commit,
        allow_missing: args.allow_missing,
        root: project.root.clone(),
        wait: !args.no_wait && project.enclosing_stage().is_none(),
        durations: project.pipe_path("tmp").join("durations.json"),
        spare: HashSet::new(),
    }
}

/// Takes out of `plan` the data among `spare` that cannot be had; with the reasons.
fn take_spared(
    plan: &mut Vec<(StageId, Assessment)>,
    spare: &HashSet<StageId>,
) -> Vec<(StageId, Vec<StaleReason>)> {
    let mut spared = Vec::new();
    plan.retain(|(id, judged)| match &judged.decision {
        Decision::Unknown { reasons } if spare.contains(id) && leaves_data_out(reasons) => {
            spared.push((*id, reasons.clone()));
            false
        }
        _ => true,
    });
    spared
}

/// Tells of data that cannot be had and that nothing needs.
fn tell_spared(pipeline: &Pipeline, spared: &[(StageId, Vec<StaleReason>)], printer: Printer) {
    if spared.is_empty() {
        return;
    }
    let names: Vec<String> = spared.iter().map(|(id, _)| pipeline.stage(*id).address.to_string()).collect();
    let reasons: Vec<&StaleReason> = spared.iter().flat_map(|(_, reasons)| reasons).collect();
    let pointers = if names.len() == 1 { "pointer" } else { "pointers" };
    printer.warn(format_args!(
        "{} {pointers} left alone, which no stage here needs ({}): {}",
        names.len(),
        report::few_text(&names, NAMED, ", "),
        report::few_text(&reasons, NAMED, "; ")
    ));
}

/// Keeps the cached outs of `wanted` out of git, and says so.
pub fn tell_ignored(
    project: &Project,
    pipeline: &Pipeline,
    wanted: &[StageId],
    printer: Printer,
) -> Vec<ProjectPath> {
    let mut on_tracked = |out: &ProjectPath| {
        let path = quoted_path(out.as_str());
        printer.warn(format_args!(
            "git tracks {out}, so that no line in .gitignore keeps it out of git; `git rm -r --cached {path}` lets pipe keep it"
        ));
    };
    let stages = wanted.iter().map(|id| pipeline.stage(*id));
    match ignore_untracked(project, stages, pipeline, None, &mut on_tracked) {
        Ok(files) => {
            for file in &files {
                printer
                    .say(format_args!("Added the cached outs to {file}, so that git leaves them to pipe."));
            }
            files
        }
        Err(fault) => {
            let causes: Vec<String> =
                fault.source.iter().flat_map(anyhow::Error::chain).map(ToString::to_string).collect();
            printer.warn(format_args!("failed to keep the outs out of git: {}", causes.join(": ")));
            Vec::new()
        }
    }
}

fn say_up_to_date(counted: Counted, printer: Printer) {
    printer.say(format_args!("Everything is up to date ({}).", counted_text(counted)));
}

fn conclude(
    summary: &Summary,
    recorder: &Recorder<'_>,
    wanted: Counted,
    interrupt: &Interrupt,
    printer: Printer,
) -> CliResult {
    let mut parts = Vec::new();
    for (count, what) in [
        (summary.ran, "ran"),
        (summary.unrecorded, "not recorded"),
        (summary.restored, "restored"),
        (summary.recorded, "recorded"),
        (summary.fresh, "up to date"),
        (summary.failed.len(), "failed"),
        (summary.blocked + summary.not_started, "not started"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if summary.fresh as u64 == wanted.stages + wanted.pointers {
        say_up_to_date(wanted, printer);
    } else {
        let run = recorder.run().map(|run| format!(" Run {}.", run.short())).unwrap_or_default();
        printer.say(format_args!("{}: {}.{run}", counted_text(wanted), parts.join(", ")));
    }
    if summary.interrupted {
        return Err(CliError::silent(ErrorKind::Interrupted(interrupt.signal())));
    }
    if summary.failed.is_empty() {
        // What ran on changing inputs is as stale as before.
        return if summary.unrecorded == 0 { Ok(()) } else { Err(CliError::silent(ErrorKind::Negative)) };
    }
    let of_stage = summary.failed.iter().all(|(_, failure)| failure.is_of_stage());
    Err(CliError::silent(if of_stage { ErrorKind::Negative } else { ErrorKind::Unable }))
}
