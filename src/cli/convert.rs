//! `pipe convert`: a project of pipe from one of DVC.
//!
//! What DVC would call up to date is recorded anew, with digests of ours of the very bytes that are here; all else is
//! left to `pipe repro`, and told. DVC's own files are moved aside, whole, so that there is a way back.

use std::path::Path;

use base::ProjectPath;
use cache::Placement;
use clap::Args;
use disk::Sharing;
use exec::{Conditions, Decision, Ledger, ParamReader, World, commit, committable, survey};
use pipeline::{Dialect, Pipeline, Stage, parse_source, write_pointer};

use crate::cli::command_line;
use crate::error::{CliError, CliResult};
use crate::ignore::ignore_outs;
use crate::interrupt::Interrupt;
use crate::project::{DVC_FOLDER, Project};
use crate::reading::{Reader, load_pipeline};
use crate::recorder::Recorder;
use crate::ui::Printer;

/// Make a project of pipe from one of DVC
///
/// Pipeline files, pointers to data, locks and the cache become those of pipe, as far as the data is here; what does not
/// is told; remotes and `.dvcignore` files are left behind without a word. The files of DVC, with the cache of all earlier
/// commits, are kept in the folder `.dvc-converted`.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Only tell what would be done
    #[arg(long, help_heading = None)]
    dry: bool,
}

/// Where DVC's files are kept.
const ASIDE: &str = ".dvc-converted";

/// A file of the new project.
struct NewFile {
    path: ProjectPath,
    text: String,
}

/// Converts the project.
///
/// # Errors
/// When it is none of DVC, something in it cannot be read, or the disk refuses.
pub fn run(args: &ConvertArgs, printer: Printer) -> CliResult {
    let old = Project::find()?;
    if old.dialect != Dialect::Dvc {
        return Err(CliError::message(format!("{} is no DVC project", old.root.display())));
    }
    let _lock = old.lock(&command_line(), Sharing::Exclusive, true, &Interrupt::default(), printer)?;
    let pipeline = old.pipeline()?;
    let new = Project { dialect: Dialect::Native, ..old.clone() };
    let mut left: Vec<String> = Vec::new();
    let fresh = fresh(&old, &pipeline, printer, &mut left)?;
    let mut files = Vec::new();
    for file in &pipeline.files {
        let text = disk::read_text_optional(&file.to_path(&old.root))?.unwrap_or_default();
        files.push(NewFile { path: renamed(file), text });
    }
    for file in &pipeline.pointers {
        new_pointers(&old, &new, args.dry, file, printer, (&mut files, &mut left))?;
    }
    let converted = load_new(&old.root, &pipeline, &files)?;
    for stage in &pipeline.stages {
        differences(stage, &mut left);
    }
    let verb = if args.dry { "Would write" } else { "Wrote" };
    for file in &files {
        if file.path.to_path(&old.root).exists() {
            return Err(CliError::message(format!("{} stands there already", file.path))
                .hint("remove or rename it; nothing was changed"));
        }
    }
    if !args.dry {
        for file in &files {
            disk::replace(&file.path.to_path(&new.root), file.text.as_bytes())?;
        }
        new.make_pipe_folder()?;
    }
    for file in &files {
        printer.say(format_args!("{verb} {}.", file.path));
    }
    let recorded = match args.dry {
        true => fresh.len(),
        false => record(&new, &converted, &fresh, printer, &mut left)?,
    };
    let verb = if args.dry { "Would record" } else { "Recorded" };
    printer.say(format_args!("{verb} the results of {}.", report::count_text(recorded, "stage")));
    if !args.dry {
        put_aside(&old, &pipeline)?;
        ignore_outs(&new, converted.stages.iter(), &converted)?;
        printer.say(format_args!("Kept the files of DVC in {ASIDE}, with its remotes, its ignore files and the cache of all earlier commits."));
    }
    for text in &left {
        printer.warn(format_args!("not converted: {text}"));
    }
    Ok(())
}

/// The stages that are up to date for DVC.
fn fresh(
    old: &Project,
    pipeline: &Pipeline,
    printer: Printer,
    left: &mut Vec<String>,
) -> CliResult<Vec<pipeline::Address>> {
    let workspace = old.workspace(printer)?;
    let ledger = old.ledger(pipeline)?;
    let builtins = Project::builtins();
    let world = World { pipeline, workspace: &workspace, builtins: &builtins };
    let order = pipeline.graph.order();
    let plan = survey(world, order, |stage| ledger.get(&stage.address).cloned(), |_| Conditions::default());
    let mut fresh = Vec::new();
    for (id, judged) in plan {
        let stage = pipeline.stage(id);
        if stage.is_source() {
            continue;
        }
        match judged.decision {
            Decision::Fresh => fresh.push(pipeline::Address {
                file: renamed(&stage.address.file),
                name: stage.address.name.clone(),
            }),
            _ => left.push(format!(
                "the result of stage {}, which is not up to date: `pipe repro` makes it",
                stage.address
            )),
        }
    }
    Ok(fresh)
}

/// The name of a pipeline file in the new project.
fn renamed(file: &ProjectPath) -> ProjectPath {
    file.parent().unwrap_or_default().join(Dialect::Native.pipeline_file())
}

/// Pointers of ours for what a `.dvc` file tells of, with the digests of what is here.
fn new_pointers(
    old: &Project,
    new: &Project,
    dry: bool,
    file: &ProjectPath,
    printer: Printer,
    (files, left): (&mut Vec<NewFile>, &mut Vec<String>),
) -> CliResult {
    let text = disk::read_text_optional(&file.to_path(&old.root))?.unwrap_or_default();
    let (stage, lock) = parse_source(file, &text)?;
    let (theirs, ours) = (old.workspace(printer)?, new.workspace_anew());
    if text.lines().any(|line| line.starts_with("deps:")) {
        left.push(format!("where the data of {file} was imported from"));
    }
    for out in &stage.outs {
        let recorded = lock.stages.values().find_map(|stage| stage.out(&out.path)).copied();
        if let Some(state) = recorded.filter(|state| !dry && theirs.blobs.has_all(state))
            && theirs.observe(&out.path)?.is_none()
        {
            theirs.restore(&out.path, &state, Placement::Private)?;
        }
        let now = theirs.observe(&out.path)?;
        if recorded.is_none() || now.map(|now| now.digest) != recorded.map(|state| state.digest) {
            left.push(format!(
                "{} of {file}, which is not here as recorded: bring it here and run `pipe add {0}`",
                out.path
            ));
            continue;
        }
        let stored = if dry { ours.observe(&out.path)? } else { ours.store(&out.path, Placement::Private)? };
        let Some(state) = stored else { continue };
        let place = Dialect::Native.pointer_of(&out.path);
        let desc = out.desc.as_deref().or(stage.desc.as_deref());
        if !out.cache
            || !out.push
            || out.remote.is_some()
            || out.annotation != pipeline::Annotation::default()
        {
            left.push(format!("options and labels of {} in {file}", out.path));
        }
        files.push(NewFile { text: write_pointer(&place, out.path.name(), &state, desc), path: place });
    }
    Ok(())
}

/// The pipeline of the new project.
fn load_new(root: &Path, pipeline: &Pipeline, files: &[NewFile]) -> CliResult<Pipeline> {
    let paths: Vec<ProjectPath> = files.iter().map(|file| file.path.clone()).collect();
    let known = |path: &ProjectPath| files.iter().find(|file| file.path == *path);
    let text = |path: &ProjectPath| match known(path) {
        Some(file) => Ok(Some(file.text.clone())),
        None => Ok(disk::read_text_optional(&path.to_path(root))?),
    };
    // DVC's files know nothing that goes through files.
    load_pipeline(&renamed(&pipeline.file), &paths, Reader { text: &text, files: &|_| Ok(Vec::new()) }).and_then(|converted| {
        match converted.file_groups.first() {
            None => Ok(converted),
            Some(group) => Err(CliError::message(format!(
                "`foreach` of {} goes through a map of the one item `glob`, which means files in pipeline.yaml",
                group.address
            ))
            .hint("call the item otherwise first")),
        }
    })
}

/// What means something else in a file of ours.
fn differences(stage: &Stage, left: &mut Vec<String>) {
    let name = &stage.address;
    if stage.command.scripts().iter().any(|script| script.trim().lines().count() > 1) {
        left.push(format!(
            "the shells of stage {name}: its lines run in one now, which stops at the first failure"
        ));
    }
    if stage.meta.as_ref().is_some_and(|meta| meta.get("pipe").is_some()) {
        left.push(format!("`meta.pipe` of stage {name}: move its keys into the stage"));
    }
}

/// Records the outs of the stages that were up to date.
fn record(
    new: &Project,
    converted: &Pipeline,
    fresh: &[pipeline::Address],
    printer: Printer,
    left: &mut Vec<String>,
) -> CliResult<usize> {
    let workspace = new.workspace(printer)?;
    let mut ledger: Ledger = new.ledger(converted)?;
    let recorder = Recorder::new(new, &workspace, printer, command_line());
    let builtins = Project::builtins();
    let world = World { pipeline: converted, workspace: &workspace, builtins: &builtins };
    let params = ParamReader::new(&workspace);
    let mut recorded = 0;
    for stage in converted.stages.iter().filter(|stage| fresh.contains(&stage.address)) {
        let done = committable(world, &params, stage, None, true)
            .and_then(|found| commit(&workspace, &mut ledger, &recorder, stage, found));
        match done {
            Ok(_) => recorded += 1,
            Err(failure) => left.push(format!("the result of stage {}: {failure}", stage.address)),
        }
    }
    ledger.write(|_| true)?;
    workspace.save_state()?;
    Ok(recorded)
}

/// Moves DVC's files aside.
fn put_aside(old: &Project, pipeline: &Pipeline) -> CliResult {
    let aside = old.root.join(ASIDE);
    // Git need not see what it has in its history.
    disk::replace(&aside.join(".gitignore"), b"*\n")?;
    let locks = pipeline.files.iter().map(pipeline::lock_beside);
    let files: Vec<ProjectPath> =
        pipeline.files.iter().cloned().chain(locks).chain(pipeline.pointers.iter().cloned()).collect();
    for file in files {
        let place = file.to_path(&old.root);
        if place.exists() {
            disk::move_path(&place, &file.to_path(&aside))?;
        }
    }
    let folder = old.root.join(DVC_FOLDER);
    let to: &Path = &aside.join(DVC_FOLDER);
    if folder.exists() {
        disk::move_path(&folder, to)?;
    }
    let ignore = old.root.join(".dvcignore");
    if ignore.exists() {
        disk::move_path(&ignore, &aside.join(".dvcignore"))?;
    }
    Ok(())
}
