//! `pipe runs`: what was executed, with its params, metrics, logs and files.

mod compare;
mod download;
mod edit;
mod gc;
mod lifecycle;
mod list;
mod show;
pub mod start;

use base::one_line;
use clap::{Args, Subcommand};
use track::{RESTORED, Run, RunId, RunStatus, RunStore, SqliteStore, StoreError, is_of_script};

use crate::error::{CliError, CliResult};
use crate::project::Project;
use crate::recorder::tags;
use crate::spool;
use crate::ui::Printer;

/// List, show, compare, mark and remove recorded runs
///
/// A run is named by its id, by the start or the end of it (four digits at least), or by its name. Lists show the END of
/// ids (the last eight digits), since ids of one time begin alike. `last` is the run that was begun here last and is no part
/// of another one, whatever start a client gave it, `last~1` the one before it. The run of a stage and the only run of
/// its script are one: either id names it.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List runs, newest first
    List(list::ListArgs),
    /// Show one run: params, metrics with their course, files and tags
    Show(show::ShowArgs),
    /// Show where runs differ
    Compare(compare::CompareArgs),
    /// Print the output of a run's command
    Logs(LogsArgs),
    Download(download::DownloadArgs),
    /// Set tags of a run, or remove some
    Tag(edit::TagArgs),
    /// Give a run another name
    Rename(edit::RenameArgs),
    /// Write a note about a run, or print it
    Note(edit::NoteArgs),
    Delete(lifecycle::DeleteArgs),
    /// Bring deleted runs back, with the runs of their stages that were deleted
    Restore(lifecycle::RestoreArgs),
    Gc(gc::GcArgs),
    Start(start::StartArgs),
    /// End a run that nobody else ends: of `pipe runs start`, or of a client of `pipe ui` that is gone
    End(start::EndArgs),
}

#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The run: the end of its id as lists show it, the whole id, its name, or `last`
    run: String,
    /// Print only what went to standard output
    #[arg(long, conflicts_with = "stderr")]
    stdout: bool,
    /// Print only what went to standard error
    #[arg(long)]
    stderr: bool,
}

/// Lists, shows, compares, marks or removes runs.
///
/// # Errors
/// When the run store cannot be read, or there is no such run.
pub fn run(command: &RunsCommand, printer: Printer) -> CliResult {
    let project = Project::find()?;
    match command {
        RunsCommand::List(args) => list::run(args, &project, printer),
        RunsCommand::Show(args) => show::run(args, &project, printer),
        RunsCommand::Compare(args) => compare::run(args, &project, printer),
        RunsCommand::Logs(args) => logs(args, &project, printer),
        RunsCommand::Download(args) => download::run(args, &project, printer),
        RunsCommand::Tag(args) => edit::tag(args, &project, printer),
        RunsCommand::Rename(args) => edit::rename(args, &project, printer),
        RunsCommand::Note(args) => edit::note(args, &project, printer),
        RunsCommand::Delete(args) => lifecycle::delete(args, &project, printer),
        RunsCommand::Restore(args) => lifecycle::restore(args, &project, printer),
        RunsCommand::Gc(args) => gc::run(args, &project, printer),
        RunsCommand::Start(args) => start::start(args, &crate::logging::project()?, printer),
        RunsCommand::End(args) => start::end(args, printer),
    }
}

/// The run store, which must be there.
///
/// # Errors
/// When no run was recorded yet, or the store cannot be opened.
pub fn open(project: &Project, printer: Printer) -> CliResult<SqliteStore> {
    let store = project.store_to_show(printer)?.ok_or_else(CliError::no_run_yet)?;
    spool::tell_outcome(project, Some(&store), printer);
    project.tell_replaced_log(printer);
    Ok(store)
}

/// Where the result of a run came from that executed nothing, for people: a run by its short id, or another word.
fn origin(store: &SqliteStore, from: &str) -> CliResult<String> {
    let Ok(id) = from.parse::<RunId>() else { return Ok(format!("the {from}")) };
    match store.run(id) {
        Ok(_) => Ok(format!("run {}", id.short())),
        Err(StoreError::UnknownRun(_)) => Ok(format!("run {id} (no longer kept)")),
        Err(fault) => Err(fault.into()),
    }
}

/// Where the result of a run came from that executed nothing: a run's id, or another word.
pub fn restored_from(run: &Run) -> Option<&str> {
    run.data.tags.get(tags::RESTORED_FROM).map(String::as_str)
}

/// How a status looks. A restored run finished, but for people it is not what they take for a run.
fn status_cell(run: &Run) -> report::Cell {
    let status = run.info.status;
    if status == RunStatus::Finished && restored_from(run).is_some() {
        return report::Cell::Toned(report::Tone::Faint, RESTORED.to_lowercase());
    }
    let tone = match status {
        RunStatus::Finished => report::Tone::Good,
        RunStatus::Failed | RunStatus::Killed => report::Tone::Bad,
        RunStatus::Running | RunStatus::Scheduled => report::Tone::Busy,
        RunStatus::Pruned => report::Tone::Faint,
    };
    report::Cell::Toned(tone, status.name().to_owned())
}

/// Says how many tags were left out, and how to see them.
fn tell_left_out(tags: usize, printer: Printer) {
    if tags > 0 {
        let them = if tags == 1 { "it" } else { "them" };
        let count = report::count_text(tags, "tag");
        printer.say(format_args!("{count} of pipe and MLflow not shown; --all shows {them}."));
    }
}

/// The stage that a run executed, or what else it was.
fn what(run: &Run) -> &str {
    let tag = |key: &str| run.data.tags.get(key).map(String::as_str);
    tag(tags::STAGE).or_else(|| tag(tags::KIND)).unwrap_or("")
}

/// The stage's run when `run` is a reproduction of a single stage; else the run itself.
pub fn with_stages(store: &SqliteStore, run: RunId) -> CliResult<Vec<Run>> {
    let mut runs = vec![store.run(run)?];
    runs.extend(store.children(run)?);
    Ok(runs)
}

fn logs(args: &LogsArgs, project: &Project, printer: Printer) -> CliResult {
    let store = open(project, printer)?;
    let mut id = store.find_run(&args.run)?;
    let mut runs = with_stages(&store, id)?;
    // What a script prints is its stage's output.
    while let Some(parent) = runs[0].info.parent.filter(|_| is_of_script(&runs[0])) {
        id = parent;
        runs = with_stages(&store, id)?;
    }
    runs.retain(|run| run.info.id == id || !is_of_script(run));
    let blobs = project.blobs();
    let several = runs.len() > 2;
    let mut found = false;
    for run in &runs {
        if let Some(from) = restored_from(run) {
            tell_origin(&store, run, from, printer)?;
        }
        let artifacts = store.artifacts(run.info.id)?;
        for (name, wanted) in [("stdout.log", !args.stderr), ("stderr.log", !args.stdout)] {
            if !wanted {
                continue;
            }
            let stored = artifacts.iter().find(|artifact| artifact.path == name);
            let bytes = match stored {
                Some(artifact) => Some(blobs.read(&artifact.digest)?),
                // While a run goes on, its log is a file of its own.
                None => disk::read_optional(&project.run_folder(run.info.id).join(name))?,
            };
            let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { continue };
            found = true;
            if several {
                printer.say(format_args!("==> {} {name} <==", one_line(&run.info.name)));
            }
            let text = String::from_utf8_lossy(&bytes);
            printer.data(&text);
            if !text.ends_with('\n') {
                printer.data("\n");
            }
        }
    }
    if !found && !runs.iter().any(|run| restored_from(run).is_some()) {
        let status = runs[0].info.status;
        printer.say(format_args!("Run {} ({status}) has no output.", id.short()));
    }
    Ok(())
}

/// Says where the result of a restored run came from, and where the output of its command is.
fn tell_origin(store: &SqliteStore, run: &Run, from: &str, printer: Printer) -> CliResult {
    let name = one_line(&run.info.name);
    let what = format!("Run {} ({name}) executed nothing: it was restored", run.info.id.short());
    let from_there = origin(store, from)?;
    match from.parse::<RunId>().ok().filter(|origin| store.run(*origin).is_ok()) {
        Some(origin) => {
            let short = origin.short();
            printer.say(format_args!(
                "{what} from {from_there}; `pipe runs logs {short}` prints that run's output."
            ));
        }
        None => printer.say(format_args!("{what} from {from_there}.")),
    }
    Ok(())
}
