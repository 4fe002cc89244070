//! `pipe log`: metrics, params, tags, files and models of scripts in any language.

mod metric;
mod model;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base::check_tag_key;
use clap::{Args, Subcommand};
use disk::{LockFile, Sharing};
use track::Change;

use crate::artifacts;
use crate::cli::arguments::parse_pair;
use crate::cli::command_line;
use crate::cli::runs::start::{params_of, tags_of};
use crate::error::{CliError, CliResult};
use crate::interrupt::Interrupt;
use crate::logging::Logger;
use crate::ui::Printer;

/// Log to a run, from scripts in any language
///
/// In a stage of `pipe repro` all goes to the stage's run. Elsewhere `RUN=$(pipe runs start)` begins a run, and `--run
/// $RUN` names it. While the run store is away or locked, what is logged waits in `.pipe/tmp/spool` for the next command;
/// that is a warning and no failure.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    Metric(metric::MetricArgs),
    /// Log params: set once, never changed; of a value with more than 6000 characters the first are kept, with a warning
    Param(PairsArgs),
    /// Set tags; of a value with more than 8000 characters the first are kept, with a warning
    Tag(PairsArgs),
    /// Log a file, or all files in a folder; equal files are stored once
    Artifact(ArtifactArgs),
    Model(model::ModelArgs),
}

/// Where it goes.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// The run: its id, the end of it, its name, or `last` [default: the run of the stage around this command]
    #[arg(long)]
    run: Option<String>,
}

#[derive(Debug, Args)]
pub struct PairsArgs {
    /// What to log
    #[arg(value_name = "KEY=VALUE", required = true, value_parser = parse_pair)]
    pairs: Vec<(String, String)>,
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Debug, Args)]
pub struct ArtifactArgs {
    /// A file or a folder
    #[arg(value_hint = clap::ValueHint::AnyPath)]
    path: PathBuf,
    /// The name among the run's artifacts; one that ends with `/` is a folder for it [default: its own]
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
}

/// Logs.
///
/// # Errors
/// When it is not said to which run, or the store refuses what is logged; never because the store is away.
pub fn run(command: &LogCommand, printer: Printer) -> CliResult {
    match command {
        LogCommand::Metric(args) => metric::run(args, printer),
        LogCommand::Param(args) => {
            let mut logger = args.target.open(printer)?;
            let run = logger.run;
            logger.log(vec![Change::LogParams { run, params: params_of(&args.pairs, printer) }])
        }
        LogCommand::Tag(args) => {
            args.pairs.iter().try_for_each(|(key, _)| check_tag_key(key)).map_err(CliError::message)?;
            let mut logger = args.target.open(printer)?;
            let run = logger.run;
            logger.log(vec![Change::SetTags { run, tags: tags_of(&args.pairs, printer) }])
        }
        LogCommand::Artifact(args) => unless_full(artifact(args, printer), &args.path, printer),
        LogCommand::Model(args) => unless_full(model::run(args, printer), &args.path, printer),
    }
}

impl TargetArgs {
    fn open(&self, printer: Printer) -> CliResult<Logger> {
        Logger::open(self.run.as_deref(), printer)
    }
}

/// A disk that is full is a warning, as a store that is away: the files are lost, and the script that logs them goes on.
fn unless_full(logged: CliResult, path: &Path, printer: Printer) -> CliResult {
    let is_full = |fault: &CliError| {
        let causes = fault.source.iter().flat_map(anyhow::Error::chain);
        let mut system = causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>());
        system.any(|fault| matches!(fault.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
    };
    match logged {
        Err(fault) if is_full(&fault) => {
            let why = fault.source.map(|source| format!("{source:#}")).unwrap_or_default();
            printer.warn(format_args!("{} is not logged: {why}", base::shown(path)));
            Ok(())
        }
        logged => logged,
    }
}

fn artifact(args: &ArtifactArgs, printer: Printer) -> CliResult {
    let mut logger = args.target.open(printer)?;
    let (run, _lock) = (logger.run, keep_cache(&logger, printer)?);
    let name = artifacts::name_of(&args.path, args.name.as_deref())?;
    if !name.is_empty() {
        let shorter = |fault| CliError::message(fault).hint("`--as` logs it under another name");
        track::check_artifact_path(&name).map_err(shorter)?;
    }
    let artifacts = artifacts::store(&logger.project.blobs(), &args.path, &name)?;
    let told = count_text(&args.path, artifacts.len());
    logger.log(vec![Change::LogArtifacts { run, artifacts }])?;
    printer.say(format_args!("Logged {told} to run {}.", run.short()));
    Ok(())
}

/// Keeps a collection of garbage away until what was stored is named. The run of a stage, which lives, keeps it away by
/// itself.
fn keep_cache(logger: &Logger, printer: Printer) -> CliResult<Option<LockFile>> {
    let project = &logger.project;
    if logger.is_of_stage {
        project.prepare_cache()?;
        return Ok(None);
    }
    // Not listened to: a signal ends it at once, and what was stored is garbage then.
    project.lock(&command_line(), Sharing::Shared, true, &Interrupt::default(), printer).map(Some)
}

fn count_text(path: &Path, count: usize) -> String {
    let path = base::shown(path);
    if count == 1 { path } else { format!("{path} ({})", report::count_text(count, "file")) }
}
