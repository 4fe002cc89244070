//! `pipe move`: renames data with its pointer.

use base::ProjectPath;
use cache::Placement;
use clap::Args;
use exec::Wish;
use pipeline::{Pipeline, Stage, parse_pointer, update_pointer};

use crate::cli::quoted;
use crate::discover::is_looked_into;
use crate::edits::{Edits, lock};
use crate::error::{CliError, CliResult};
use crate::ignore::{ignore_outs, unignore_outs};
use crate::project::Project;
use crate::recovery;
use crate::ui::Printer;

/// Rename data under version control, with its pointer
///
/// Stages that read it by its old name are not changed. When this is cut off, the same command goes on.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The data, or its pointer
    #[arg(value_name = "SOURCE")]
    from: String,
    /// The new name, or a folder to move it to
    #[arg(value_name = "DESTINATION")]
    to: String,
}

/// Moves data.
///
/// # Errors
/// When there is no such data, or something stands at the destination.
pub fn run(args: &MoveArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let pipeline = project.pipeline()?;
    let stage = source(&pipeline, &project, &args.from)?;
    let from = &stage.outs[0].path;
    let mut to = ProjectPath::resolve(&project.base, &args.to)?;
    let is_cut_off = |to: &ProjectPath| is_resumed(&project, &pipeline, stage, to);
    if to.to_path(&project.root).is_dir() && !is_cut_off(&to)? {
        to = to.join(from.name());
    }
    let refuse = |why: String| CliError::message(format!("cannot move {from} to {to}: {why}"));
    ProjectPath::from_record(to.as_str()).map_err(|fault| refuse(fault.to_string()))?;
    if to == *from {
        return Err(refuse("it is there already".to_owned()));
    }
    if from.contains(&to) {
        return Err(refuse("that lies inside it".to_owned()));
    }
    let mut outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    if let Some(out) = outs.find(|out| out.path != to && out.path.contains(&to)) {
        let (from, to) = (quoted(from.as_str()), quoted(to.as_str()));
        return Err(refuse(format!("{} is kept as a whole, and holds no pointers", out.path)).hint(format!(
            "move the data itself; `pipe add {to}` records it there, and `pipe remove {from}` takes the old pointer"
        )));
    }
    let wish = Wish::named("a move").writing(&stage.outs).writing_path(&to);
    let _held = recovery::hold(&project, &wish, true, printer)?;
    let _lock = lock(&project, printer)?;
    let (old, new) = (&stage.address.file, project.dialect.pointer_of(&to));
    let [from_place, to_place] = [from, &to].map(|path| path.to_path(&project.root));
    if let Some(link) = disk::symlink_between(&project.root, &to_place) {
        return Err(refuse(format!("it lies behind the symlink {}", link.display())));
    }
    let is_there = |path: &std::path::Path| std::fs::symlink_metadata(path).is_ok();
    let resumed = is_cut_off(&to)?;
    if !resumed && is_there(&new.to_path(&project.root)) {
        return Err(
            refuse(format!("{new} stands there already")).hint("name another place, or remove it first")
        );
    }
    if is_there(&to_place) && (is_there(&from_place) || !resumed) {
        return Err(refuse("something stands there already".to_owned())
            .hint("name another place, or move it away first"));
    }
    if !is_looked_into(&project.root, project.dialect, &to.parent().unwrap_or_default()) {
        return Err(refuse("pipe looks for no pointers there".to_owned()).hint(
            "hidden folders, Python environments, other projects and folders that git ignores are left alone",
        ));
    }
    let text = disk::read_text_optional(&old.to_path(&project.root))?.unwrap_or_default();
    let state = parse_pointer(old, &text)?.state;
    // The name stands in the text, and the folder does not: so it is read as a pointer beside the new place.
    let moved = update_pointer(old, &text, &state, Some(to.name()), None)?;
    let mut both = Edits::new(&project);
    both.change(&new, |_| Ok(moved.clone()))?;
    let mut last = Edits::new(&project);
    last.change(&new, |_| Ok(moved))?;
    last.remove(old)?;
    let checked = last.check(&pipeline.file)?;
    let stages = checked.stages.iter().filter(|stage| stage.address.file == new);
    ignore_outs(&project, stages, &checked)?;
    // First both pointers stand, and then the new one alone: whatever happens in between, one tells of the data.
    both.write()?;
    if is_there(&from_place) {
        carry(&project, from, &to, printer)?;
    }
    unignore_outs(&project, std::iter::once(stage), &checked)?;
    disk::remove(&old.to_path(&project.root))?;
    printer.say(format_args!("Moved {from} to {to}, with its pointer."));
    for reader in readers(&pipeline, from) {
        printer.warn(format_args!("stage {} reads {from}; change its deps", reader.address));
    }
    Ok(())
}

/// The data that is meant.
fn source<'a>(pipeline: &'a Pipeline, project: &Project, target: &str) -> CliResult<&'a Stage> {
    let path = ProjectPath::resolve(&project.base, target)?;
    let found = pipeline.targets(&[target], &project.base)?;
    let stage = found.first().map(|id| pipeline.stage(*id));
    stage
        .filter(|stage| stage.is_source() && (stage.outs[0].path == path || stage.address.file == path))
        .ok_or_else(|| {
            CliError::message(format!("`{target}` is no data with a pointer of its own"))
                .hint("`pipe move` takes what `pipe add` was told; change pipeline.yaml for outs of stages")
        })
}

/// Whether the pointer of `to` tells of the same bytes: then this move was begun before and cut off.
fn is_resumed(project: &Project, pipeline: &Pipeline, stage: &Stage, to: &ProjectPath) -> CliResult<bool> {
    let new = project.dialect.pointer_of(to);
    if !pipeline.pointers.contains(&new) {
        return Ok(false);
    }
    let state = |file: &ProjectPath| -> CliResult<_> {
        let text = disk::read_text_optional(&file.to_path(&project.root))?.unwrap_or_default();
        Ok(parse_pointer(file, &text)?.state)
    };
    Ok(state(&new)? == state(&stage.address.file)?)
}

/// Moves the files. A symlink into the cache says the way from where it stands: such links become files first, and links
/// again at the new place.
fn carry(project: &Project, from: &ProjectPath, to: &ProjectPath, printer: Printer) -> CliResult {
    let workspace = project.workspace(printer)?;
    workspace.agree(to, workspace.agreed(from));
    workspace.agree(from, None);
    let is_link = |path: &ProjectPath| workspace.digest_of_symlink(&workspace.os_path(path)).is_some();
    let has_links = workspace.listing(from)?.keys().any(is_link);
    if has_links {
        workspace.unprotect(from)?;
    }
    disk::move_path(&workspace.os_path(from), &workspace.os_path(to))?;
    if has_links {
        workspace.store(to, Placement::Linked)?;
    }
    workspace.save_state()?;
    Ok(())
}

/// The stages that name the data, or something in it, among their deps.
fn readers<'a>(pipeline: &'a Pipeline, data: &ProjectPath) -> impl Iterator<Item = &'a Stage> {
    let is_in = move |stage: &&Stage| stage.deps.iter().any(|dep| data.contains(dep));
    pipeline.stages.iter().filter(is_in)
}
