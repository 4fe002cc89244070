//! `pipe runs start` and `end`: runs of scripts that are no stage.

use base::Timestamp;
use clap::Args;
use track::{Change, ExperimentRef, Lease, NewRun, Param, RunStatus, Tag};

use crate::cli::arguments::{parse_pair, parse_tag};
use crate::environment;
use crate::error::{CliError, CliResult};
use crate::git::Git;
use crate::logging::Logger;
use crate::project::Project;
use crate::recorder::{common_tags, tag, tags};
use crate::ui::Printer;

/// Begin a run for `pipe log --run RUN` and print its id
///
/// The run goes on until `pipe runs end RUN`; with `--process` it ends as killed when that process is gone. Within a stage
/// it is part of the stage's run, and ends with the reproduction at the latest; a stage needs none of its own, since
/// `pipe log` writes to the stage's run there.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// The experiment it belongs to; it is made when there is none of that name
    #[arg(long, value_name = "NAME")]
    experiment: Option<String>,
    /// Its name [default: one that is made up]
    #[arg(long)]
    name: Option<String>,
    /// The process that the run lives in, as in `--process $$`: when it is gone without `pipe runs end`, the run was killed
    #[arg(long, value_name = "PID")]
    process: Option<u32>,
    /// A param; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_pair)]
    param: Vec<(String, String)>,
    /// A tag; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_tag)]
    tag: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub struct EndArgs {
    /// The run: its id, the end of it, its name, or `last`
    run: String,
    /// How it ended
    #[arg(long, default_value = "finished", value_parser = ["finished", "failed", "killed"], ignore_case = true)]
    status: String,
}

/// Begins a run.
///
/// # Errors
/// When the store refuses what is said of it.
pub fn start(args: &StartArgs, project: &Project, printer: Printer) -> CliResult {
    let git = project.git();
    let commit = git.as_ref().and_then(Git::head);
    let dirty = git.as_ref().and_then(|git| git.is_dirty().ok());
    let stage = environment::enclosing_run().filter(|(root, _)| *root == project.root);
    let stage = stage.and_then(|(_, run)| run.parse().ok());
    let mut logger = Logger::to_new_run(project.clone(), stage, printer)?;
    let run = logger.run;
    let mut changes = Vec::new();
    let mut new = NewRun::new(run, Timestamp::now());
    if let Some(name) = &args.experiment {
        changes.push(Change::CreateExperiment { name: name.clone(), if_absent: true });
        new.experiment = ExperimentRef::Name(name.clone());
    }
    new.name.clone_from(&args.name);
    new.user = environment::user();
    new.parent = stage;
    new.lease = match (args.process, stage) {
        (Some(pid), _) => Some(Lease::of(pid).ok_or_else(|| {
            CliError::message(format!("there is no process {pid}"))
                .hint("`--process $$` is the shell that calls it")
        })?),
        (None, Some(stage)) => logger.lease_of(stage)?,
        (None, None) => None,
    };
    changes.push(Change::CreateRun(new));
    let mut marks = common_tags("script", commit.as_deref(), dirty);
    marks.extend(tags_of(&args.tag, printer));
    changes.push(Change::SetTags { run, tags: marks });
    changes.push(Change::LogParams { run, params: params_of(&args.param, printer) });
    logger.log(changes)?;
    if logger.has_lost {
        return Err(CliError::message("no run was begun, since nothing could be written down")
            .hint("make room, or check who may write to the folder .pipe"));
    }
    printer.data_line(run);
    Ok(())
}

/// Params as given, cut to what the store takes: a script goes on, and a warning tells what was cut.
pub fn params_of(pairs: &[(String, String)], printer: Printer) -> Vec<Param> {
    let param = |(key, value): &(String, String)| {
        tell_cut(("param", key), value, track::MAX_PARAM_VALUE, printer);
        Param { key: key.clone(), value: track::fit_param_value(value) }
    };
    pairs.iter().map(param).collect()
}

/// Tags, likewise.
pub fn tags_of(pairs: &[(String, String)], printer: Printer) -> Vec<Tag> {
    let tag = |(key, value): &(String, String)| {
        tell_cut(("tag", key), value, track::MAX_TAG_VALUE, printer);
        tag(key, value)
    };
    pairs.iter().map(tag).collect()
}

fn tell_cut((noun, key): (&str, &str), value: &str, limit: usize, printer: Printer) {
    let length = value.chars().count();
    if length > limit {
        let key = base::one_line(key);
        printer.warn(format_args!(
            "the value of {noun} `{key}` is cut: it has {length} characters, and {limit} are kept; \
             `pipe log artifact` keeps a file of any length"
        ));
    }
}

/// Ends a run.
///
/// # Errors
/// When there is no such run, or it belongs to a process that ends it itself.
pub fn end(args: &EndArgs, printer: Printer) -> CliResult {
    let mut logger = Logger::open(Some(&args.run), printer)?;
    let run = logger.run;
    let recorded = logger.recorded()?;
    let is_of_script = recorded
        .as_ref()
        .is_some_and(|run| run.data.tags.get(tags::KIND).is_some_and(|kind| kind == "script"));
    if let Some(pid) = logger.owner()?.filter(|_| !is_of_script) {
        let text = format!("run {} belongs to process {pid}, which ends it itself", run.short());
        return Err(CliError::message(text).hint("stop that process: its run ends with it"));
    }
    if let Some(info) = recorded.map(|run| run.info).filter(|info| info.status.has_ended()) {
        let name = base::one_line(&info.name);
        printer.say(format_args!("Run {} ({name}) has ended before: {}.", run.short(), info.status));
        return Ok(());
    }
    let status: RunStatus = args.status.parse().map_err(|fault| CliError::message(format!("{fault}")))?;
    let end_time = Some(Timestamp::now());
    logger.log(vec![Change::UpdateRun { run, status: Some(status), end_time, name: None }])?;
    if logger.has_lost {
        return Err(CliError::message(format!(
            "run {} was not ended, since nothing could be written down",
            run.short()
        ))
        .hint("make room, or check who may write to the folder .pipe, and end it again"));
    }
    printer.say(format_args!("Ended run {}: {status}.", run.short()));
    Ok(())
}
