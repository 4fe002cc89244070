//! `pipe move`: renames data with its pointer.

use base::{Digest, ProjectPath};
use cache::{Placement, Workspace};
use clap::Args;
use exec::{MadeSince, Wish};
use pipeline::{Out, Pipeline, Stage, parse_pointer, pointed_state, update_pointer, update_thing};

use crate::begun::{self, Move};
use crate::cli::check_ignore::ignored_by;
use crate::cli::quoted_path;
use crate::discover::is_looked_into;
use crate::edits::{Edits, lock};
use crate::error::{CliError, CliResult};
use crate::ignore::{ignore_outs, unignore_outs};
use crate::placed::Placed;
use crate::project::Project;
use crate::reading::pointer_text;
use crate::recovery;
use crate::staging;
use crate::ui::Printer;

/// Rename data under version control, with its pointer
///
/// A pointer that tells of several things, or has a name of its own, stays where it is and tells of the new name. Stages
/// that read the data by its old name are not changed. When this is cut off, the same command goes on.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The data, or its pointer
    #[arg(value_name = "SOURCE")]
    pub from: String,
    /// The new name, or a folder to move it to
    #[arg(value_name = "DESTINATION")]
    pub to: String,
}

/// Moves data.
///
/// # Errors
/// When there is no such data, or something stands at the destination.
pub fn run(args: &MoveArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let pipeline = project.pipeline()?;
    let (stage, out) = source(&pipeline, &project, &args.from)?;
    let from = &out.path;
    let stays = stage.outs.len() > 1 || stage.address.file != project.dialect.pointer_of(from);
    let mut to = ProjectPath::resolve(&project.base, &args.to)?;
    let is_cut_off = |to: &ProjectPath| match stays {
        true => is_carried(&project, stage, from, to, printer),
        false => is_resumed(&project, &pipeline, stage, to),
    };
    // Without a name of its own there, `sub/` is no place where data could lie.
    if args.to.ends_with('/') && !to.to_path(&project.root).is_dir() {
        let folder = quoted_path(to.as_str());
        return Err(CliError::message(format!("cannot move {from} to {to}: there is no folder {}", args.to))
            .hint(format!("`mkdir -p {folder}` makes it; without the slash it is the new name")));
    }
    if to.to_path(&project.root).is_dir() && !is_cut_off(&to)? {
        to = to.join(from.name());
    }
    let refuse = |why: String| CliError::message(format!("cannot move {from} to {to}: {why}"));
    ProjectPath::from_record(to.as_str())
        .map_err(|fault| refuse(fault.to_string()).hint("name another place"))?;
    if let Some(why) = ignored_by(&project, &to) {
        return Err(refuse(why).hint("change the rule, or name another place"));
    }
    if to == *from {
        return Err(refuse("it is there already".to_owned()));
    }
    if from.contains(&to) {
        return Err(refuse("that lies inside it".to_owned()));
    }
    let mut outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    if let Some(out) = outs.find(|out| out.path != to && out.path.contains(&to)) {
        let (from, to) = (quoted_path(from.as_str()), quoted_path(to.as_str()));
        return Err(refuse(format!("{} is kept as a whole, and holds no pointers", out.path)).hint(format!(
            "move the data itself; `pipe add {to}` records it there, and `pipe remove {from}` takes the old pointer"
        )));
    }
    let wish = Wish::named("a move").writing([out]).writing_path(&to);
    let _held = recovery::hold_beside_moves(&project, &wish, true, MadeSince::Refuse, printer)?;
    let _lock = lock(&project, printer)?;
    begun::refuse_cut_off_move(&project, Some((from, &to)))?;
    let (old, new) = (&stage.address.file, project.dialect.pointer_of(&to));
    let [from_place, to_place] = [from, &to].map(|path| path.to_path(&project.root));
    if let Some(link) = disk::symlink_between(&project.root, &to_place) {
        return Err(refuse(format!("it lies behind the symlink {}", base::shown(&link)))
            .hint("name the folder that the link leads to, if it is in the project"));
    }
    let is_there = |path: &std::path::Path| std::fs::symlink_metadata(path).is_ok();
    let resumed = is_cut_off(&to)?;
    if !resumed && !stays && is_there(&new.to_path(&project.root)) {
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
    if stays {
        rename(&project, &pipeline, stage, (from, &to), printer)?;
        return Ok(());
    }
    let text = pointer_text(&project, old)?;
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
    let cargo = Cargo::look(&project, from, printer)?;
    Move { from: from.clone(), to: to.clone(), old: old.clone(), new: new.clone() }.begin(&project)?;
    let mut changed = ignore_outs(&project, stages, &checked)?;
    // First both pointers stand, and then the new one alone: whatever happens in between, one tells of the data.
    both.write()?;
    if let Some(cargo) = cargo {
        cargo.carry(from, &to)?;
    }
    changed.extend(unignore_outs(&project, std::iter::once(stage), &checked)?);
    disk::remove(&old.to_path(&project.root))?;
    note_place(&project, (from, &to), &new, state.digest)?;
    begun::end(&project)?;
    staging::stage(&project, changed.iter().chain([old, &new]), printer);
    printer.say(format_args!("Moved {from} to {to}, with its pointer."));
    tell_readers(&pipeline, from, printer);
    Ok(())
}

/// Renames data whose pointer stays where it is. The data goes first: until the pointer tells of it, the same command goes
/// on.
fn rename(
    project: &Project,
    pipeline: &Pipeline,
    stage: &Stage,
    (from, to): (&ProjectPath, &ProjectPath),
    printer: Printer,
) -> CliResult {
    let file = &stage.address.file;
    let mut edits = Edits::new(project);
    edits.change(file, |text| update_thing(file, text, from, None, Some(to), None))?;
    let checked = edits.check(&pipeline.file)?;
    let stages = checked.stages.iter().filter(|stage| stage.address.file == *file);
    let cargo = Cargo::look(project, from, printer)?;
    Move { from: from.clone(), to: to.clone(), old: file.clone(), new: file.clone() }.begin(project)?;
    let mut changed = ignore_outs(project, stages, &checked)?;
    if let Some(cargo) = cargo {
        cargo.carry(from, to)?;
    }
    edits.write()?;
    changed.extend(unignore_outs(project, std::iter::once(stage), &checked)?);
    let text = pointer_text(project, file)?;
    if let Some(state) = pointed_state(file, &text, to)? {
        note_place(project, (from, to), file, state.digest)?;
    }
    begun::end(project)?;
    staging::stage(project, changed.iter().chain([file]), printer);
    printer.say(format_args!("Moved {from} to {to}; {file} tells of it."));
    tell_readers(pipeline, from, printer);
    Ok(())
}

/// Remembers where the data lies now, and what its pointer tells of it, so that a checkout removes it where no pointer does.
fn note_place(
    project: &Project,
    (from, to): (&ProjectPath, &ProjectPath),
    pointer: &ProjectPath,
    digest: Digest,
) -> CliResult {
    let mut placed = Placed::load(project);
    placed.forget(from);
    if std::fs::symlink_metadata(to.to_path(&project.root)).is_ok() {
        placed.note_data(pointer, to, digest);
    }
    Ok(placed.save()?)
}

/// Whether the data is at `to` already, and the pointer does not tell so: then this move was begun before and cut off.
fn is_carried(
    project: &Project,
    stage: &Stage,
    from: &ProjectPath,
    to: &ProjectPath,
    printer: Printer,
) -> CliResult<bool> {
    if std::fs::symlink_metadata(from.to_path(&project.root)).is_ok() {
        return Ok(false);
    }
    let file = &stage.address.file;
    let text = pointer_text(project, file)?;
    let recorded = pointed_state(file, &text, from)?.map(|state| state.digest);
    let there = project.workspace(printer)?.observe(to)?.map(|state| state.digest);
    Ok(there.is_some() && there == recorded)
}

/// The data that is meant, with what its pointer tells of.
fn source<'a>(pipeline: &'a Pipeline, project: &Project, target: &str) -> CliResult<(&'a Stage, &'a Out)> {
    let path = ProjectPath::resolve(&project.base, target)?;
    let found = pipeline.targets(&[target], &project.base)?;
    let stage = found.first().map(|id| pipeline.stage(*id)).filter(|stage| stage.is_source());
    if let Some(stage) = stage.filter(|stage| stage.address.file == path) {
        return match stage.outs.as_slice() {
            [out] => Ok((stage, out)),
            _ => Err(CliError::message(format!("{path} tells of {} things", stage.outs.len()))
                .hint("name the one that is to be moved")),
        };
    }
    let out = stage.and_then(|stage| Some((stage, stage.outs.iter().find(|out| out.path == path)?)));
    out.ok_or_else(|| {
        CliError::message(format!("`{target}` is no data with a pointer of its own"))
            .hint("`pipe move` takes what `pipe add` was told; change what a stage makes in its `outs`")
    })
}

/// Whether the pointer of `to` tells of the same bytes: then this move was begun before and cut off.
fn is_resumed(project: &Project, pipeline: &Pipeline, stage: &Stage, to: &ProjectPath) -> CliResult<bool> {
    let new = project.dialect.pointer_of(to);
    if !pipeline.pointers.contains(&new) {
        return Ok(false);
    }
    let state = |file: &ProjectPath| -> CliResult<_> {
        let text = pointer_text(project, file)?;
        Ok(parse_pointer(file, &text)?.state)
    };
    Ok(state(&new)? == state(&stage.address.file)?)
}

/// The files that are to be moved. A symlink into the cache says the way from where it stands: such links become files
/// first, and links again at the new place.
struct Cargo {
    workspace: Workspace,
    has_links: bool,
}

impl Cargo {
    /// `None` where nothing stands. What may not be read is told before anything is changed.
    fn look(project: &Project, from: &ProjectPath, printer: Printer) -> CliResult<Option<Self>> {
        if std::fs::symlink_metadata(from.to_path(&project.root)).is_err() {
            return Ok(None);
        }
        let workspace = project.workspace(printer)?;
        let is_link = |path: &ProjectPath| workspace.digest_of_symlink(&workspace.os_path(path)).is_some();
        let has_links = workspace.listing(from)?.keys().any(is_link);
        Ok(Some(Cargo { workspace, has_links }))
    }

    fn carry(self, from: &ProjectPath, to: &ProjectPath) -> CliResult {
        let Cargo { workspace, has_links } = self;
        workspace.move_agreement(from, to);
        if has_links {
            workspace.unprotect(from)?;
        }
        disk::move_path(&workspace.os_path(from), &workspace.os_path(to))?;
        if has_links {
            workspace.store(to, Placement::Linked)?;
        }
        Ok(workspace.save_state()?)
    }
}

/// Warns of stages that name the data, or something in it, among their deps.
fn tell_readers(pipeline: &Pipeline, data: &ProjectPath, printer: Printer) {
    let is_in = |stage: &&Stage| stage.deps.iter().any(|dep| data.contains(dep));
    for reader in pipeline.stages.iter().filter(is_in) {
        printer.warn(format_args!("stage {} reads {data}; change its deps", reader.address));
    }
}
