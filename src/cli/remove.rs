//! `pipe remove`: takes data out of version control, or stages out of their files.

use base::ProjectPath;
use clap::Args;
use exec::Wish;
use pipeline::{Out, Pipeline, Stage, StageId};

use crate::brought;
use crate::cli::stage::remove::{RemoveArgs as StageArgs, clear, run as remove_stages, save};
use crate::cli::stage::written_name;
use crate::cli::targets::part;
use crate::edits::{Edits, lock};
use crate::error::{CliError, CliResult};
use crate::ignore::unignore_outs;
use crate::placed::{self, Placed};
use crate::project::Project;
use crate::recovery;
use crate::staging;
use crate::ui::Printer;

/// Take data out of version control, or stages out of their pipeline files
///
/// A pointer goes, and the data stays; with `--outs` the data goes too. What the cache holds stays until `pipe gc`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Pointers, their data, names of stages, or pipeline files for all of their stages
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,
    /// Remove the data or the outs too; bytes that the cache does not hold are saved in it first
    #[arg(long)]
    outs: bool,
}

/// Removes the targets.
///
/// # Errors
/// When one names nothing, or the pipeline would be faulty without it.
pub fn run(args: &RemoveArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let pipeline = project.pipeline()?;
    let mut sources: Vec<StageId> = Vec::new();
    let mut names = Vec::new();
    let mut gone = Vec::new();
    for target in &args.targets {
        if let Some(stages) = stages_of_file(&pipeline, &project, target) {
            names.extend(stages);
            continue;
        }
        let found = match pipeline.targets(std::slice::from_ref(target), &project.base) {
            Err(fault) => match gone_already(&project, target, args.outs) {
                Some(data) => {
                    gone.push((target, data));
                    continue;
                }
                None => return Err(fault.into()),
            },
            found => found?,
        };
        match found.as_slice() {
            [id] if pipeline.stage(*id).is_source() => {
                // The rest is not meant to go.
                if let Some((_, out, path)) = part(&pipeline, &project, target) {
                    return Err(CliError::message(format!(
                        "{path} is a part of {}, and has no pointer of its own",
                        out.path
                    ))
                    .hint(format!("remove it and `pipe add {0}`, or remove all of {0}", out.path)));
                }
                sources.push(*id);
            }
            _ => names.push(target.clone()),
        }
    }
    for (target, _) in &gone {
        printer.say(format_args!("{target} was removed before."));
    }
    placed::forget(&project, gone.iter().map(|(_, data)| data))?;
    if !sources.is_empty() {
        remove_data(&project, &pipeline, &sources, args.outs, printer)?;
    }
    if names.is_empty() { Ok(()) } else { remove_stages(&StageArgs { names, outs: args.outs }, printer) }
}

/// The stages of the pipeline file that a target names, each as it is written in it.
fn stages_of_file(pipeline: &Pipeline, project: &Project, target: &str) -> Option<Vec<String>> {
    let path = ProjectPath::resolve(&project.base, target).ok()?;
    let file =
        pipeline.files.iter().find(|file| **file == path).filter(|_| pipeline.find(target).is_none())?;
    let mut names: Vec<String> = Vec::new();
    for id in pipeline.stages_of(file) {
        let name = written_name(&pipeline.stage(id).address.name);
        let name = format!("{}:{name}", file.relative_to(&project.base));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Some(names).filter(|names| !names.is_empty())
}

/// The data of a pointer that is gone, and the data with it where that is to go: a removal of several that was cut off has
/// come past it.
fn gone_already(project: &Project, target: &str, with_data: bool) -> Option<ProjectPath> {
    let path = ProjectPath::resolve(&project.base, target).ok()?;
    let data = Placed::load(project).gone(project, &path)?;
    let is_there = std::fs::symlink_metadata(data.to_path(&project.root)).is_ok();
    (!with_data || !is_there).then_some(data)
}

/// The pointer goes last: until then, the same command goes on where this one was cut off.
fn remove_data(
    project: &Project,
    pipeline: &Pipeline,
    sources: &[StageId],
    with_data: bool,
    printer: Printer,
) -> CliResult {
    let stages: Vec<&Stage> = sources.iter().map(|id| pipeline.stage(*id)).collect();
    let outs: Vec<&Out> = stages.iter().flat_map(|stage| &stage.outs).collect();
    let wish = Wish::named("a removal").writing(outs.iter().copied());
    let _held = recovery::hold(project, &wish, true, printer)?;
    let _lock = lock(project, printer)?;
    let mut edits = Edits::new(project);
    for stage in &stages {
        edits.remove(&stage.address.file)?;
    }
    let checked = edits.check(&pipeline.file)?;
    if with_data {
        let workspace = save(project, &outs, printer)?;
        for out in &outs {
            clear(project, &workspace, &out.path, printer)?;
        }
    }
    if !with_data {
        // Git gets files, and nothing that leads into the cache.
        let workspace = project.workspace(printer)?;
        for out in &outs {
            workspace.unprotect(&out.path)?;
        }
    }
    let ignore_files = unignore_outs(project, stages.iter().copied(), &checked)?;
    for file in &ignore_files {
        printer.say(format_args!("Took its data out of {file}."));
    }
    edits.write()?;
    placed::forget(project, outs.iter().map(|out| &out.path))?;
    // What nothing records needs no more to be brought.
    project.workspace(printer)?.end_bringing(|path| outs.iter().any(|out| brought::is_of(out, path)));
    let pointers = stages.iter().map(|stage| &stage.address.file);
    staging::stage(project, pointers.chain(&ignore_files), printer);
    for stage in &stages {
        let rest = if with_data { "" } else { "; the data stays, and git sees it now" };
        printer.say(format_args!("Removed the pointer {}{rest}.", stage.address));
    }
    Ok(())
}
