//! `pipe status`: what is stale now, what is stale because of something before it, and why.

mod cloud;
mod dvc;
pub mod updates;

use std::collections::HashSet;

use base::ProjectPath;
use cache::Workspace;
use clap::Args;
use exec::{Assessment, Conditions, Decision, Ledger, ParamReader, Running, World, assess, survey};
use pipeline::{DepName, Pipeline, SpecialName, Stage, StageId, StaleReason, Subject};
use serde_json::{Map, Value as Json, json};

use crate::as_dvc;
use crate::begun;
use crate::brought;
use crate::cli::select::SelectArgs;
use crate::cli::sharing::ShareArgs;
use crate::cli::status::updates::Updates;
use crate::cli::targets::TargetArgs;
use crate::cli::{quoted_path, tell_damage};
use crate::error::{CliError, CliResult, ErrorKind};
use crate::freshness::Question;
use crate::import::Update;
use crate::inside::{self, Inside};
use crate::leftovers::{self, Leftover, tell_empty_groups};
use crate::project::{Project, refuse_unread};
use crate::ui::Printer;
use crate::verify::VerifyArgs;

/// Show which stages are stale, and why
///
/// Nothing is run or restored. In a project of DVC the stages of all pipeline files are told unless a target says otherwise. With `-q` nothing is printed and the exit code tells: 0 when everything is up to date, 1 when something is
/// stale, 2 when it could not be told.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub select: SelectArgs,
    #[command(flatten, next_help_heading = None)]
    verify: VerifyArgs,
    /// Compare the cache with the remote instead: `new` is what only the cache has, `deleted` what only the remote has,
    /// `missing` what neither has
    #[arg(short, long, help_heading = None)]
    cloud: bool,
    /// The same with this remote [default: the one of `core.remote`]
    #[arg(short, long, help_heading = None, value_name = "NAME")]
    remote: Option<String>,
    /// With `--cloud`, and with `--json` in projects of DVC: also what the targets need, which otherwise counts in any case
    #[arg(short = 'd', long, help_heading = None)]
    with_deps: bool,
    /// With `--cloud`: also what the tips of all branches record
    #[arg(short = 'a', long, help_heading = None)]
    all_branches: bool,
    /// With `--cloud`: also what all tags record
    #[arg(short = 'T', long, help_heading = None)]
    all_tags: bool,
    /// With `--cloud`: also what all commits record
    #[arg(short = 'A', long, help_heading = None)]
    all_commits: bool,
    /// With `--cloud`: ask for N files at once
    #[arg(short, long, help_heading = None, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Do not ask where data was imported from whether there is other data now
    #[arg(long, help_heading = None)]
    no_updates: bool,
    /// Print JSON: every stage with its state (fresh, stale, upstream, unknown, or gone with its file), the reasons, and who runs it now
    #[arg(long, help_heading = None)]
    json: bool,
}

impl StatusArgs {
    /// What is to be compared with a remote.
    fn shared(&self) -> ShareArgs {
        let which = TargetArgs {
            targets: self.select.targets.clone(),
            with_deps: self.with_deps,
            recursive: self.select.recursive,
            glob: self.select.glob,
        };
        ShareArgs {
            which,
            remote: self.remote.clone(),
            jobs: self.jobs,
            all_branches: self.all_branches,
            all_tags: self.all_tags,
            all_commits: self.all_commits,
            json: self.json,
            ..ShareArgs::default()
        }
    }
}

const UP_TO_DATE: &str = "Everything is up to date.";

/// How many missing inputs an error names.
const NAMED: usize = 10;

/// Judged stages, in the order of the graph.
pub type Plan = [(StageId, Assessment)];

/// What is told where there is neither a stage nor data.
const NOTHING_YET: &str = "There are no stages and no data yet: `pipe stage add` describes a stage, `pipe add` puts data under version control.";

/// Shows the status.
///
/// # Errors
/// With `-q`, exit code 1 when something is stale; exit code 2 when it could not be told.
pub fn run(args: &StatusArgs, printer: Printer) -> CliResult {
    if args.cloud || args.remote.is_some() {
        return cloud::run(&args.shared(), printer);
    }
    if args.all_branches || args.all_tags || args.all_commits {
        return Err(CliError::message(
            "stages are judged in the workspace, which has no branches, tags and commits",
        )
        .hint("`--cloud` asks the remote for what revisions record"));
    }
    let project = Project::find()?;
    let question = Question::new(&project, &format!("{:?}", args.select));
    let names_none = !args.json && !printer.is_verbose();
    if names_none && !args.verify.verify && question.recall().is_some() {
        if !printer.is_quiet() {
            printer.data_line(UP_TO_DATE);
        }
        return Ok(());
    }
    if names_none && args.select.targets.is_empty() && project.is_bare() {
        if !printer.is_quiet() {
            printer.data_text(NOTHING_YET);
        }
        return Ok(());
    }
    begun::tell_cut_off_move(&project, printer);
    let (pipeline, origin) = project.pipeline_with_origin()?;
    refuse_unread(&origin.unread)?;
    project.refuse_ignored_locks(&pipeline)?;
    let wanted = args.select.stages_to_tell(&pipeline, &project)?;
    let workspace = args.verify.workspace(&project, printer)?;
    let ledger = project.ledger(&pipeline)?;
    tell_empty_groups(&project, &pipeline, printer);
    let left = leftovers::find(&project, &pipeline, &ledger, &wanted, args.select.targets.is_empty());
    args.verify.check_cache(&project, (&pipeline, &wanted), (&workspace, &ledger), true, printer)?;
    workspace.begin_witness();
    let mut plan = survey_now(&pipeline, &workspace, &ledger, &wanted);
    leftovers::foretell(&pipeline, &workspace, &left, &mut plan);
    let _ = workspace.save_state();
    brought::settle(&workspace, &pipeline, &ledger, &wanted);
    tell_damage(&workspace, printer);
    // What is remembered is answered without a word about them.
    if left.is_empty() && plan.iter().all(|(_, judged)| judged.decision == Decision::Fresh) {
        question.remember(&pipeline, &origin, &ledger, &workspace, &wanted);
    }
    let inside = Inside { pipeline: &pipeline, ledger: &ledger, workspace: &workspace };
    let updates = match args.no_updates {
        true => Updates::default(),
        false => updates::find(&project, &pipeline, &wanted, printer)?,
    };
    let running = exec::running(&project.job_folder(), &project.pipe_path("lock"));
    if args.json && as_dvc::is_asked(&project) {
        let named = args.select.stages_of_dvc(&pipeline, &project)?;
        let outs = args.select.outs_of_dvc(&pipeline, &project);
        // What an out needs is not told.
        let is_with_deps = args.with_deps && !named.iter().all(|id| outs.contains_key(id));
        plan.retain(|(id, _)| is_with_deps || named.contains(id));
        let all = dvc::status(inside, &plan, (&updates, &outs), &project.base);
        printer.data_line(serde_json::to_string_pretty(&all).expect("plain data"));
        return if updates.unasked { Err(CliError::silent(ErrorKind::Unable)) } else { Ok(()) };
    }
    if args.json {
        let stages =
            plan.iter().map(|(id, judged)| updates.told(*id, stage_json(inside, *id, judged, &running)));
        let stages: Vec<Json> = stages.chain(left.iter().map(leftover_json)).collect();
        let text = serde_json::to_string_pretty(&json!({ "stages": stages })).expect("plain data");
        printer.data_line(text);
    } else if !printer.is_quiet() {
        print_status(inside, &plan, (&left, &running, &updates), printer);
        if left.is_empty() {
            leftovers::tell_strays(&project, &pipeline, &wanted, printer);
        }
    }
    match plan_result(&plan) {
        Ok(())
            if printer.is_quiet()
                && !(left.is_empty()
                    && updates.is_empty()
                    && plan.iter().all(|(_, judged)| judged.decision == Decision::Fresh)) =>
        {
            Err(CliError::silent(ErrorKind::Negative))
        }
        // The list said so already.
        Err(_) if !args.json && !printer.is_quiet() => Err(CliError::silent(ErrorKind::Unable)),
        // So it was, of the source that could not be asked.
        Ok(()) if updates.unasked => Err(CliError::silent(ErrorKind::Unable)),
        result => result,
    }
}

/// Fails when something could not be told: an input is missing that no stage makes.
///
/// # Errors
/// With exit code 2, naming the inputs.
pub fn plan_result(plan: &Plan) -> CliResult {
    let mut missing: Vec<String> = Vec::new();
    for (_, judged) in plan {
        let reasons = match &judged.decision {
            Decision::Unknown { reasons } | Decision::Depends { reasons, .. } => reasons,
            _ => continue,
        };
        for reason in reasons.iter().filter(|reason| reason.blocks_verdict()) {
            let text = reason.to_string();
            if !missing.contains(&text) {
                missing.push(text);
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(CliError::message(report::few_text(&missing, NAMED, "; "))) }
}

/// How a stage stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Up to date.
    Fresh,
    /// Not up to date.
    Stale,
    /// Not up to date because of what is before it.
    Upstream,
    /// It could not be told.
    Unknown,
}

impl State {
    /// The word of the machine-readable status.
    fn word(self) -> &'static str {
        match self {
            State::Fresh => "fresh",
            State::Stale => "stale",
            State::Upstream => "upstream",
            State::Unknown => "unknown",
        }
    }
}

/// How a stage stands, as far as `status` tells.
pub fn state(decision: &Decision) -> State {
    match decision {
        Decision::Fresh => State::Fresh,
        Decision::Restore { .. } | Decision::Run { .. } | Decision::Frozen { .. } => State::Stale,
        // What never ran is not up to date, whatever is missing.
        Decision::Unknown { reasons } if reasons.contains(&StaleReason::New) => State::Stale,
        Decision::Unknown { .. } => State::Unknown,
        Decision::Depends { reasons, .. }
            if reasons.iter().any(StaleReason::blocks_verdict) && !reasons.contains(&StaleReason::New) =>
        {
            State::Unknown
        }
        Decision::Depends { reasons, .. } if reasons.is_empty() => State::Upstream,
        Decision::Depends { .. } => State::Stale,
    }
}

/// Judges stages as they are now.
///
/// # Errors
/// When what is known of them cannot be read.
pub fn judge(
    project: &Project,
    pipeline: &Pipeline,
    wanted: &[StageId],
    printer: Printer,
) -> CliResult<Vec<(StageId, Assessment)>> {
    let workspace = project.workspace(printer)?;
    let ledger = project.ledger(pipeline)?;
    let plan = survey_now(pipeline, &workspace, &ledger, wanted);
    let _ = workspace.save_state();
    Ok(plan)
}

fn survey_now(
    pipeline: &Pipeline,
    workspace: &Workspace,
    ledger: &Ledger,
    wanted: &[StageId],
) -> Vec<(StageId, Assessment)> {
    let builtins = Project::builtins();
    let world = World { pipeline, workspace, builtins: &builtins };
    let mut plan =
        survey(world, wanted, |stage| ledger.get(&stage.address).cloned(), |_| Conditions::default());
    if pipeline.dialect().status_is_of_now() {
        let params = ParamReader::new(world);
        let is_made = |decision: &Decision| !matches!(decision, Decision::Fresh | Decision::Frozen { .. });
        let made: HashSet<StageId> =
            plan.iter().filter(|(_, judged)| is_made(&judged.decision)).map(|(id, _)| *id).collect();
        for (id, judged) in &mut plan {
            let stage = pipeline.stage(*id);
            let now = assess(world, &params, stage, ledger.get(&stage.address), Conditions::default());
            let on = pipeline.graph.upstream(*id).iter().copied().filter(|before| made.contains(before));
            tell_now(pipeline, *id, judged, now, on.collect());
        }
    }
    plan
}

/// Says of a stage what is so already, not what is foretold: a dep that is to be made anew is another now, and one that is to
/// be restored is what it was. The stages `on` before it are to run or to be restored.
fn tell_now(pipeline: &Pipeline, id: StageId, judged: &mut Assessment, now: Assessment, on: Vec<StageId>) {
    let will_be_made = |path: &ProjectPath| {
        let before = pipeline.graph.upstream(id);
        before.iter().flat_map(|id| &pipeline.stage(*id).outs).any(|out| out.concerns(path))
    };
    let will_be_written = |name: &SpecialName| {
        let before = pipeline.graph.upstream(id).iter().map(|id| pipeline.stage(*id));
        before.into_iter().any(|stage| stage.writes_special(name))
    };
    let told = |reason| match reason {
        StaleReason::DepMissing { path: DepName::Path(path) } if will_be_made(&path) => {
            StaleReason::OutMissing { path: path.into() }
        }
        StaleReason::DepMissing { path: DepName::Special(name) } if will_be_written(&name) => {
            StaleReason::OutMissing { path: name.into() }
        }
        reason => reason,
    };
    let reasons: Vec<StaleReason> = reasons(pipeline, &now.decision).into_iter().map(told).collect();
    match &mut judged.decision {
        Decision::Depends { reasons: known, .. } => *known = reasons,
        Decision::Fresh if !reasons.is_empty() => {
            judged.decision = Decision::Depends { reasons, on: Vec::new() };
        }
        Decision::Run { .. } | Decision::Restore { .. } if reasons.is_empty() && !on.is_empty() => {
            judged.decision = Decision::Depends { reasons, on };
        }
        // What it lacks now, beside reasons of its own.
        Decision::Run { reasons: known } | Decision::Restore { reasons: known, .. } => {
            let is_of_path = |reason: &StaleReason| matches!(reason.subject(), Subject::Path(_));
            let is_same = |one: &StaleReason, other: &StaleReason| {
                one == other || (is_of_path(one) && one.subject() == other.subject())
            };
            known.retain(|reason| !reasons.iter().any(|now| is_same(now, reason)));
            known.splice(..0, reasons);
        }
        _ => {}
    }
}

/// All reasons, those that stand before the stage included.
pub fn reasons(pipeline: &Pipeline, decision: &Decision) -> Vec<StaleReason> {
    match decision {
        Decision::Fresh => Vec::new(),
        Decision::Restore { reasons, .. }
        | Decision::Run { reasons }
        | Decision::Frozen { reasons }
        | Decision::Unknown { reasons } => reasons.clone(),
        Decision::Depends { reasons, on } => {
            let upstream =
                on.iter().map(|id| StaleReason::Upstream { stage: pipeline.stage(*id).address.clone() });
            reasons.iter().cloned().chain(upstream).collect()
        }
    }
}

fn stage_json(inside: Inside<'_>, id: StageId, judged: &Assessment, running: &[Running]) -> Json {
    let pipeline = inside.pipeline;
    let reasons: Vec<Json> =
        reasons(pipeline, &judged.decision).iter().map(|reason| reason_json(inside, id, reason)).collect();
    let mut stage = json!({
        "stage": pipeline.stage(id).address.spelled(),
        "state": state(&judged.decision).word(),
        "reasons": reasons,
    });
    if let Some(Running { holder, command, .. }) = run_of(pipeline, id, running) {
        stage["running"] = json!({ "command": command, "pid": holder.pid, "host": holder.host });
    }
    stage
}

/// Who runs a stage now.
fn run_of<'a>(pipeline: &Pipeline, id: StageId, running: &'a [Running]) -> Option<&'a Running> {
    let name = pipeline.stage(id).address.spelled();
    running.iter().find(|running| running.stage == name)
}

fn leftover_json(leftover: &Leftover) -> Json {
    let outs: Vec<String> = leftover.outs.iter().map(|(path, _)| path.spelled().to_owned()).collect();
    json!({ "stage": leftover.stage.spelled(), "state": "gone", "reasons": [], "outs": outs })
}

/// A reason with all files that differ in a folder it tells of.
pub fn reason_json(inside: Inside<'_>, id: StageId, reason: &StaleReason) -> Json {
    let mut entry = Map::new();
    entry.insert("kind".to_owned(), reason.kind().into());
    match reason.subject() {
        Subject::Stage => {}
        Subject::Path(path) => {
            entry.insert("path".to_owned(), path.spelled().into());
        }
        Subject::Param(file, key) => {
            entry.insert("path".to_owned(), file.spelled().into());
            entry.insert("key".to_owned(), key.into());
        }
        Subject::Variable(name) => {
            entry.insert("variable".to_owned(), name.into());
        }
        Subject::Other(stage) => {
            entry.insert("stage".to_owned(), stage.spelled().into());
        }
    }
    let value = |value: Option<base::Value>| value.map_or(Json::Null, |value| report::json_value(&value));
    entry.insert("old".to_owned(), value(reason.old_value()));
    entry.insert("new".to_owned(), value(reason.new_value()));
    if let Some(difference) = inside.of(id, reason) {
        entry.insert("files".to_owned(), inside::json(&difference));
    }
    Json::Object(entry)
}

/// Whether data waits for what its pointer records, rather than the other way round.
fn is_of_pointer(decision: &Decision) -> bool {
    let (Decision::Restore { reasons, .. } | Decision::Unknown { reasons }) = decision else { return false };
    reasons
        .iter()
        .any(|reason| matches!(reason, StaleReason::DataOutdated { .. } | StaleReason::DataNotFetched { .. }))
}

/// Whether files of data are absent that were never here, and the others are as its pointer records them.
fn is_partial(decision: &Decision) -> bool {
    let (Decision::Restore { reasons, .. } | Decision::Unknown { reasons }) = decision else { return false };
    !reasons.is_empty() && reasons.iter().all(|reason| matches!(reason, StaleReason::DataPartial { .. }))
}

/// Whether a checkout of data was cut off.
fn is_cut_off(decision: &Decision) -> bool {
    let (Decision::Restore { reasons, .. } | Decision::Unknown { reasons }) = decision else { return false };
    reasons.iter().any(|reason| matches!(reason, StaleReason::CheckoutCutOff { .. }))
}

/// A reason on a line of its own, and below it the first files that differ in a folder it tells of.
pub fn print_reason(inside: Inside<'_>, id: StageId, reason: &StaleReason, printer: Printer) {
    printer.data_text(format_args!("  {reason}"));
    if let Some(difference) = inside.of(id, reason) {
        for line in inside::lines(&difference) {
            printer.data_line(format_args!("    {line}"));
        }
    }
}

/// How data that was edited is recorded, without any stage.
fn way_to_record(stage: &Stage, decision: &Decision) -> Option<String> {
    let Decision::Run { reasons } = decision else { return None };
    let edited = reasons.iter().find_map(|reason| match reason {
        StaleReason::OutChanged { path: DepName::Path(path), .. } => Some(path),
        _ => None,
    });
    let path = edited.filter(|_| stage.is_source())?;
    Some(format!(" (`pipe commit {}` records it)", quoted_path(path.as_str())))
}

fn print_status(
    inside: Inside<'_>,
    plan: &Plan,
    (left, running, updates): (&[Leftover], &[Running], &Updates),
    printer: Printer,
) {
    let pipeline = inside.pipeline;
    let mut all_fresh = left.is_empty() && updates.is_empty() && !updates.unasked;
    for leftover in left {
        printer.data_text(leftovers::line(leftover));
    }
    for (id, judged) in plan {
        let name = &pipeline.stage(*id).address;
        if let Some(Running { holder, command, .. }) = run_of(pipeline, *id, running) {
            // Its outs are in motion: what they are now says nothing.
            all_fresh = false;
            printer.data_line(format_args!("{name}: runs now (`{command}`, {holder})"));
            continue;
        }
        let update = updates.of(*id).map(|(source, update)| {
            let file = &pipeline.stage(*id).address.file;
            let also = if source.follows { ", and so does `pipe repro`" } else { "" };
            let (what, takes) = match update {
                Update::Data => ("other data", "takes it"),
                Update::Commits => ("other commits, with the same data,", "records the newest"),
            };
            format!("  {} has {what} now: `pipe update {file}` {takes}{also}", source.shown())
        });
        let word = match (&judged.decision, state(&judged.decision)) {
            (Decision::Fresh, _) if update.is_some() => "update available",
            (Decision::Fresh, _) => {
                if printer.is_verbose() {
                    printer.data_line(format_args!("{name}: up to date"));
                }
                continue;
            }
            (Decision::Frozen { .. }, _) if judged.frozen_refusal().is_some() => {
                "frozen, and its outs cannot be restored"
            }
            (Decision::Frozen { .. }, _) if pipeline.stage(*id).is_source() => {
                "frozen, with other data than recorded"
            }
            (Decision::Frozen { .. }, _) => "frozen, with other outs than recorded",
            _ if is_partial(&judged.decision) => "modified: not all of it is here",
            _ if is_cut_off(&judged.decision) => "only half brought back",
            _ if is_of_pointer(&judged.decision) => "outdated: its pointer moved",
            (_, State::Upstream) => "stale because of what is before it",
            (_, State::Unknown) => "cannot be told",
            _ => "stale",
        };
        all_fresh = false;
        let way = way_to_record(pipeline.stage(*id), &judged.decision).unwrap_or_default();
        printer.data_line(format_args!("{name}: {word}{way}"));
        for reason in reasons(pipeline, &judged.decision) {
            print_reason(inside, *id, &reason, printer);
        }
        if let Some(update) = update {
            printer.data_text(update);
        }
    }
    if all_fresh {
        printer.data_line(UP_TO_DATE);
    }
}
