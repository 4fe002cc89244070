//! `pipe commit`: takes outs as they are for the result of their stages.

use base::ProjectPath;
use cache::{Blobs, Difference};
use clap::Args;
use exec::{
    Committable, Failure, Ledger, MadeSince, OutStates, ParamReader, Wish, World, commit, committable,
};
use pipeline::{Dialect, Import, Pipeline, Stage, StageId, StaleReason};

use crate::brought;
use crate::cli::repro::tell_ignored;
use crate::cli::targets::{TargetArgs, part};
use crate::cli::{command_line, quoted_path, tell_damage};
use crate::error::{CliError, CliResult, ErrorKind};
use crate::freshness::{counted, counted_text};
use crate::import;
use crate::placed;
use crate::project::{Project, refuse_unread};
use crate::recorded;
use crate::recorder::Recorder;
use crate::recovery;
use crate::staging::Before;
use crate::ui::Printer;
use crate::ui::live::because;

/// Record data and the outs of stages as they are, as if the stages had just run
///
/// The outs go into the cache, and with the inputs as they are into pipeline.lock. Nothing runs. A stage whose inputs
/// are others than at its last success is recorded only after a question, or with `-f`: nobody but you knows whether
/// its outs are what the new inputs would give. So is imported data that was edited; it is data of your own from then on. Data whose pointer moved, as by `git pull`, is refused: `pipe checkout`
/// brings what the pointer records. When one stage cannot be recorded, none is.
#[derive(Debug, Args)]
pub struct CommitArgs {
    /// Stages, outs or pointers, without what they need [default: all stages, and all data that is here]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Record also the stages that the targets need
    #[arg(short = 'd', long)]
    with_deps: bool,
    /// Take of folders all that is declared in and below them
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Record without asking, even if inputs changed since the last success; and what is named, even if its pointer moved
    /// since, or only a part of it was brought back
    #[arg(short, long)]
    force: bool,
    /// Leave the data in place as it is, rather than make links of it
    #[arg(long)]
    no_relink: bool,
}

/// Records the outs of the targets.
///
/// # Errors
/// With exit code 1 when a stage is refused, 2 when it could not be told.
pub fn run(args: &CommitArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let (pipeline, origin) = project.pipeline_with_origin()?;
    refuse_unread(&origin.unread)?;
    project.refuse_ignored_locks(&pipeline)?;
    let mut ledger = project.ledger(&pipeline)?;
    let Chosen { wanted, absent } = chosen(&pipeline, &project, args)?;
    let stages = || wanted.iter().map(|id| pipeline.stage(*id));
    let wish = Wish::named("a commit")
        .reading(stages().flat_map(|stage| &stage.deps))
        .writing(stages().flat_map(|stage| &stage.outs));
    let made_since = if args.force { MadeSince::Keep } else { MadeSince::Refuse };
    let _held = recovery::hold_with(&project, &wish, true, made_since, printer)?;
    ledger.catch_up()?;
    let mut workspace = project.workspace(printer)?;
    if args.no_relink {
        workspace = workspace.with_link_types(vec![disk::LinkType::Copy]);
    }
    let builtins = Project::builtins();
    let world = World { pipeline: &pipeline, workspace: &workspace, builtins: &builtins };
    let params = ParamReader::new(world);
    let recorder = Recorder::new(&project, &workspace, printer, command_line());
    // Nobody who says no name means to undo what others recorded.
    let over_pointers = args.force && !args.targets.is_empty();
    let mut found = Vec::new();
    for id in &wanted {
        let stage = pipeline.stage(*id);
        let judged = exec::Host::permit(&recorder, stage)
            .map_err(Failure::Refused)
            .and_then(|()| committable(world, &params, stage, ledger.get(&stage.address), over_pointers));
        found.push((*id, judged.map_err(|failure| cannot(&project, stage, failure))?));
    }
    let edited = edited_imports(&project, &pipeline, &found, &ledger)?;
    if !args.force {
        accept_edits(&pipeline, &edited, printer)?;
        accept(&pipeline, &found, printer)?;
    }
    let records_before = Before::look(&project, &pipeline, &wanted)?;
    let mut recorded = 0;
    for (id, committable) in found {
        let stage = pipeline.stage(id);
        if committable.is_recorded {
            // Of what is told to be right, DVC notes it also in its run cache.
            let is_old = ledger.get(&stage.address).is_some_and(|locked| !locked.unix_text.is_empty());
            if args.force && project.dialect == Dialect::Dvc && !stage.is_source() && !is_old {
                commit(&workspace, &mut ledger, &recorder, stage, committable)
                    .map_err(|failure| cannot(&project, stage, failure))?;
            }
            continue;
        }
        let _working = printer.working(&format!("Recording {}", stage.address));
        let before = ledger.get(&stage.address).map(|locked| locked.outs.clone()).unwrap_or_default();
        let outs = commit(&workspace, &mut ledger, &recorder, stage, committable)
            .map_err(|failure| cannot(&project, stage, failure))?;
        recorded += 1;
        let what = if stage.is_source() {
            summary(&workspace.blobs, before, &outs)?
        } else {
            report::count_text(outs.len(), "out")
        };
        printer.say(format_args!("Recorded {}: {what}.", stage.address));
        if let Some((_, import)) = edited.iter().find(|(edited, _)| *edited == id) {
            import::tell_own(&stage.outs[0].path, import, printer);
        }
    }
    ledger.write(|stage, lock| pipeline.keeps_record(stage, lock))?;
    placed::remember(&project, (&pipeline, &wanted), &ledger, &workspace)?;
    // What stands there is the record by now, whatever was to come.
    let is_recorded = |path: &ProjectPath| {
        wanted.iter().flat_map(|id| &pipeline.stage(*id).outs).any(|out| brought::is_of(out, path))
    };
    workspace.end_bringing(is_recorded);
    workspace.save_state()?;
    tell_damage(&workspace, printer);
    if recorded == 0 {
        if !wanted.is_empty() || absent.is_empty() {
            let what = if absent.is_empty() { "Everything" } else { "All that is here" };
            let stages = counted_text(counted(&pipeline, &wanted));
            printer.say(format_args!("{what} is recorded already ({stages})."));
        }
    } else {
        let ignore_files = tell_ignored(&project, &pipeline, &wanted, printer);
        records_before.stage_changed(&project, &ignore_files, printer);
    }
    if !absent.is_empty() {
        printer.say(format_args!(
            "Not recorded, since it is not here: {}; `pipe checkout` brings it back, and `pipe remove` gives it up.",
            report::few_text(&absent, NAMED, ", ")
        ));
    }
    Ok(())
}

/// What became of the files of data: `1 added, 2 modified`.
fn summary(blobs: &Blobs, before: OutStates, now: &OutStates) -> CliResult<String> {
    let files = |states: OutStates| recorded::granular(&states.into_iter().collect(), blobs);
    // A list that cannot be read is what this is to replace.
    let Ok(before) = files(before) else { return Ok("stored in the cache".to_owned()) };
    let Difference { added, modified, deleted, .. } = Difference::between(&before, &files(now.clone())?);
    let counts = [(added.len(), "added"), (modified.len(), "modified"), (deleted.len(), "deleted")];
    let told = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    let told: Vec<String> = told.collect();
    Ok(if told.is_empty() { "stored in the cache".to_owned() } else { told.join(", ") })
}

/// What is to be recorded.
struct Chosen {
    /// The stages that targets name, or all, each after those it reads from.
    wanted: Vec<StageId>,
    /// Data that nobody named and that is not here.
    absent: Vec<ProjectPath>,
}

fn chosen(pipeline: &Pipeline, project: &Project, args: &CommitArgs) -> CliResult<Chosen> {
    let order = pipeline.graph.order().iter().copied();
    if args.targets.is_empty() {
        // Data that is not here has not changed.
        let is_absent = |id: &StageId| {
            let stage = pipeline.stage(*id);
            stage.is_source() && !stage.outs.iter().any(|out| is_there(project, &out.path))
        };
        let (absent, wanted): (Vec<StageId>, _) = order.partition(is_absent);
        let outs = absent.iter().flat_map(|id| &pipeline.stage(*id).outs);
        return Ok(Chosen { wanted, absent: outs.map(|out| out.path.clone()).collect() });
    }
    if let Some((stage, out, path)) = args.targets.iter().find_map(|target| part(pipeline, project, target)) {
        let whole = quoted_path(out.path.as_str());
        let fault =
            CliError::message(format!("{path} is a part of {}, which is recorded as a whole", out.path));
        return Err(match stage.is_source() {
            true => fault.hint(format!(
                "`pipe add {}` records that part alone, `pipe commit {whole}` all of it",
                quoted_path(path.as_str())
            )),
            false => fault.hint(format!("`pipe commit {}` records all outs of the stage", stage.address)),
        });
    }
    let which =
        TargetArgs { targets: args.targets.clone(), recursive: args.recursive, ..TargetArgs::default() };
    let targets: Vec<StageId> = match args.recursive {
        true => which.pick(pipeline, project)?.iter().map(|picked| picked.stage).collect(),
        false => pipeline.targets(&args.targets, &project.base)?,
    };
    let wanted = match args.with_deps {
        true => pipeline.graph.with_upstream(&targets),
        false => order.filter(|id| targets.contains(id)).collect(),
    };
    Ok(Chosen { wanted, absent: Vec::new() })
}

fn is_there(project: &Project, path: &ProjectPath) -> bool {
    std::fs::symlink_metadata(path.to_path(&project.root)).is_ok()
}

/// Data that is to be recorded, and is not what was brought from elsewhere any more.
fn edited_imports(
    project: &Project,
    pipeline: &Pipeline,
    found: &[(StageId, Committable)],
    ledger: &Ledger,
) -> CliResult<Vec<(StageId, Import)>> {
    let mut edited = Vec::new();
    for (id, _) in found.iter().filter(|(_, committable)| !committable.is_recorded) {
        let stage = pipeline.stage(*id);
        let was_brought = ledger.get(&stage.address).is_some_and(|locked| !locked.outs.is_empty());
        let import = import::of_stage(project, stage)?;
        if let Some(import) = import.filter(|import| was_brought && import.ends_with_an_edit(project.dialect))
        {
            edited.push((*id, import));
        }
    }
    Ok(edited)
}

/// Asks about those.
fn accept_edits(pipeline: &Pipeline, edited: &[(StageId, Import)], printer: Printer) -> CliResult {
    let mut refused = Vec::new();
    for (id, import) in edited {
        let stage = pipeline.stage(*id);
        let doubt =
            format!("{} is not what was imported from {} any more", stage.outs[0].path, import.shown());
        match printer.ask(format_args!("{doubt}. Record it as data of your own?")) {
            Some(true) => {}
            Some(false) => {
                printer.say("Nothing was recorded.");
                return Err(CliError::silent(ErrorKind::Negative));
            }
            None => refused.push((doubt, stage.address.to_string())),
        }
    }
    let Some((_, file)) = refused.first() else { return Ok(()) };
    let doubts: Vec<&str> = refused.iter().map(|(doubt, _)| doubt.as_str()).collect();
    Err(CliError::refusal(format!("nothing was recorded: {}", doubts.join("; "))).hint(format!(
        "`pipe update {file}` brings back what its source has; `pipe commit -f {file}` records the edit as data of your own, \
         which is no import any more"
    )))
}
/// How many stages a refusal names.
const NAMED: usize = 10;

/// Asks about stages whose outs may not be the result of their inputs.
fn accept(pipeline: &Pipeline, found: &[(StageId, Committable)], printer: Printer) -> CliResult {
    let mut refused = Vec::new();
    let mut is_always_changed = true;
    for (id, committable) in found.iter().filter(|(_, committable)| !committable.doubts.is_empty()) {
        let is_unrecordable = |reason: &StaleReason| matches!(reason, StaleReason::ParamUnrecordable { .. });
        is_always_changed &= committable.doubts.iter().all(is_unrecordable);
        let doubt = format!("stage {}: {}", pipeline.stage(*id).address, because(&committable.doubts));
        match printer.ask(format_args!("{doubt}. Record its outs all the same?")) {
            Some(true) => {}
            Some(false) => {
                printer.say("Nothing was recorded.");
                return Err(CliError::silent(ErrorKind::Negative));
            }
            None => refused.push(doubt),
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let edited =
        found.iter().filter(|(_, committable)| !committable.is_recorded && committable.doubts.is_empty());
    let data: Vec<String> = edited
        .map(|(id, _)| pipeline.stage(*id))
        .filter(|stage| stage.is_source())
        .flat_map(|stage| stage.outs.iter().map(|out| quoted_path(out.path.as_str())))
        .collect();
    let hint = match data.len() {
        0 if is_always_changed => {
            "write those params as told, and `pipe repro` records them; `pipe commit -f` records the outs, and their stages \
             stay changed"
                .to_owned()
        }
        0 => "`pipe commit -f` records them all the same; `pipe repro` makes them anew".to_owned(),
        // More than a line of them is a line that nobody types.
        count => {
            let named = if count <= NAMED { data.join(" ") } else { "DATA".to_owned() };
            format!(
                "`pipe commit {named}` records the data alone, and `pipe repro` then makes the outs anew; `pipe commit -f` \
                 records also outs that are not the result of their inputs"
            )
        }
    };
    Err(CliError::refusal(format!(
        "nothing was recorded, since outs may be older than their inputs: {}",
        report::few_text(&refused, NAMED, "; ")
    ))
    .hint(hint))
}

/// A stage that cannot be recorded: its outs are not there or belong to git (1), or it cannot be told (2).
fn cannot(project: &Project, stage: &Stage, failure: Failure) -> CliError {
    let is_refused = matches!(failure, Failure::Refused(_));
    let kind = if is_refused { ErrorKind::Negative } else { ErrorKind::Unable };
    let word = if stage.is_source() { "data of" } else { "stage" };
    let source = anyhow::Error::new(failure).context(format!("cannot record {word} {}", stage.address));
    let fault = CliError { kind, source: Some(source), hints: Vec::new() };
    let absent = stage.outs.iter().find(|out| out.glob.is_none() && !is_there(project, &out.path));
    let Some(out) = absent.filter(|_| is_refused) else { return fault };
    let checkout = format!("`pipe checkout {}` brings back what is recorded", quoted_path(out.path.as_str()));
    fault.hint(match stage.is_source() {
        true => format!("{checkout}; `pipe remove {}` gives the data up", stage.address),
        false => format!("`pipe repro {}` makes it; {checkout}", stage.address),
    })
}
