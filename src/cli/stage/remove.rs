//! `pipe stage remove`: takes stages out of their files, and their outs out of the workspace when asked.

use base::ProjectPath;
use cache::Workspace;
use clap::Args;
use disk::Sharing;
use pipeline::{Dialect, Out, Stage, edit};

use crate::begun::refuse_cut_off_move;
use crate::cli::{command_line, tell_link};
use crate::edits::{Edits, lock};
use crate::error::{CliError, CliResult};
use crate::ignore::{places, unignore_outs};
use crate::interrupt::Interrupt;
use crate::placed;
use crate::project::Project;
use crate::staging;
use crate::ui::Printer;

use super::{Written, written};

/// So many ignored files are named.
const NAMED: usize = 5;

#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Names of stages; one with `foreach` or `matrix` is meant as a whole
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
    /// Remove their outs too; bytes that the cache does not hold are saved in it first
    #[arg(long)]
    pub outs: bool,
}

/// Removes the stages.
///
/// # Errors
/// When there is no such stage, or the pipeline would be faulty without it.
pub fn run(args: &RemoveArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let _project_lock = if args.outs {
        Some(project.lock(&command_line(), Sharing::Exclusive, true, &Interrupt::default(), printer)?)
    } else {
        None
    };
    let _lock = lock(&project, printer)?;
    refuse_cut_off_move(&project, None)?;
    let pipeline = project.pipeline()?;
    let removed = written(&pipeline, &project, &args.names)?;
    let mut edits = Edits::new(&project);
    for Written { file, name, .. } in &removed {
        edits.change(file, |text| edit::remove(file, text, name))?;
    }
    // DVC leaves no file without stages.
    if project.dialect == Dialect::Dvc {
        edits.remove_if(edit::is_without_content);
    }
    let checked = edits.check(&pipeline.file)?;
    let mut ledger = project.ledger(&pipeline)?;
    let stages: Vec<&Stage> =
        removed.iter().flat_map(|stage| &stage.stages).map(|id| pipeline.stage(*id)).collect();
    let outs: Vec<&Out> = stages.iter().flat_map(|stage| &stage.outs).collect();
    let workspace = if args.outs { Some(save(&project, &outs, printer)?) } else { None };
    edits.write()?;
    for stage in &stages {
        ledger.forget(&stage.address);
    }
    ledger.write(|stage, lock| checked.keeps_record(stage, lock))?;
    for Written { file, name, .. } in &removed {
        printer.say(format_args!("Removed stage {name} from {file}."));
    }
    // The files of a pattern are known only while they are there.
    let ignore_files = unignore_outs(&project, stages.iter().copied(), &checked)?;
    let kept = places(&project, outs.into_iter())?;
    if let Some(workspace) = workspace {
        for path in &kept {
            clear(&project, &workspace, path, printer)?;
        }
    }
    placed::forget(&project, kept.iter())?;
    for file in &ignore_files {
        printer.say(format_args!("Took its outs out of {file}."));
    }
    let files = removed.iter().map(|stage| &stage.file);
    let locks: Vec<_> = removed.iter().map(|stage| pipeline::lock_beside(&stage.file)).collect();
    staging::stage(&project, files.chain(&locks).chain(&ignore_files), printer);
    Ok(())
}

/// Removes what stands at a path, but for what is ignored in it, and tells so: nothing else holds that.
///
/// # Errors
/// When the disk refuses.
pub fn clear(project: &Project, workspace: &Workspace, path: &ProjectPath, printer: Printer) -> CliResult {
    if std::fs::symlink_metadata(path.to_path(&project.root)).is_err() {
        return Ok(());
    }
    let ignored: Vec<String> = workspace.ignored_in(path)?.iter().map(ToString::to_string).collect();
    workspace.remove(path)?;
    if ignored.is_empty() {
        printer.say(format_args!("Removed {path}."));
    } else {
        let too = if project.layout() == cache::Layout::Dvc { " or DVC itself" } else { "" };
        printer.say(format_args!(
            "Removed {path}, but for what {}{too} ignores, which no cache holds: {}.",
            project.layout().ignore_file(),
            report::few_text(&ignored, NAMED, ", ")
        ));
    }
    Ok(())
}

/// Brings what only the workspace holds into the cache.
///
/// # Errors
/// When an out lies behind a symlink, or cannot be stored.
pub fn save(project: &Project, outs: &[&Out], printer: Printer) -> CliResult<Workspace> {
    let workspace = project.workspace(printer)?;
    for out in outs {
        let path = &out.path;
        if workspace.leads_through_symlink(path) {
            return Err(CliError::message(format!("{path} lies behind a symlink, outside of the project"))
                .hint("leave `--outs` out, and remove it by hand"));
        }
        let saved = exec::save_own(&workspace, out)?;
        saved.links.iter().for_each(|link| tell_link(&workspace, link, "removed", printer));
        if let Some(state) = saved.state {
            let digest = state.digest;
            let place = if out.glob.is_some() { "DESTINATION" } else { path.as_str() };
            printer.say(format_args!(
                "Saved {path}, which no cache held; `pipe data restore {digest} {place}` brings it back."
            ));
        }
    }
    workspace.save_state()?;
    Ok(workspace)
}
