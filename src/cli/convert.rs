//! `pipe convert`: a project of pipe from one of DVC.
//!
//! What DVC would call up to date is recorded anew, with digests of ours of the very bytes that are here; all else is
//! left to `pipe repro`, and told. DVC's own files are moved aside, whole, so that there is a way back.

mod absent;
mod attributes;
mod places;
mod rollback;
mod runs;
mod settings;
mod undo;

use std::collections::BTreeMap;
use std::path::Path;

use base::{FileState, ProjectPath};
use cache::Placement;
use clap::Args;
use disk::Sharing;
use exec::{Conditions, Decision, Ledger, ParamReader, World, commit, committable, survey};
use pipeline::{
    Command, Dialect, Import, ParamPath, Pipeline, Stage, freeze_pointer, parse_import, parse_source,
    write_import, write_pointer,
};

use self::undo::ChangedText;
use crate::begun::refuse_cut_off_move;
use crate::cli::{command_line, quoted_path};
use crate::discover::{left_alone, look_around};
use crate::dvc_config::KEPT;
use crate::error::{CliError, CliResult};
use crate::ignore::with_outs;
use crate::interrupt::Interrupt;
use crate::project::Project;
use crate::reading::{Reader, load_pipeline, outside_text, pointer_text};
use crate::recorder::Recorder;
use crate::ui::Printer;

/// Make a project of pipe from one of DVC
///
/// Pipeline files, pointers to data, locks, ignore files, remotes that are folders, and the cache become those of pipe, as far
/// as the data is here; what does not is told. The files of DVC, with the cache of all earlier commits, are kept in the folder
/// `.dvc-converted`, and a script there undoes it all. `metrics`, `params` and `plots` still compare with earlier commits.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Only tell what would be done
    #[arg(long, help_heading = None)]
    dry: bool,
    /// Convert also what git could not bring back (files with changes that are not committed), and without data that is not here
    #[arg(short, long, help_heading = None)]
    force: bool,
}

/// What conversion has made.
struct Made {
    /// The new files.
    files: Vec<ProjectPath>,
    /// Files of git's that were changed.
    changed: Vec<ChangedText>,
}

/// A file of the new project.
struct NewFile {
    path: ProjectPath,
    text: String,
}

/// Converts the project.
///
/// # Errors
/// When it is none of DVC, git could not bring it back, something in it cannot be read, or the disk refuses.
pub fn run(args: &ConvertArgs, printer: Printer) -> CliResult {
    if let Some(old) = Project::cut_off()? {
        if args.dry {
            return Err(CliError::message("the conversion was cut off")
                .hint("`pipe convert` goes on with it; nothing was changed"));
        }
        let _lock = old.lock(&command_line(), Sharing::Exclusive, true, &Interrupt::default(), printer)?;
        // Another one may have done so itself while this one waited.
        if rollback::roll_back(&old)? {
            printer.say(format_args!("Took back what the conversion had done that was cut off."));
        }
    }
    let old = Project::find()?;
    if old.dialect != Dialect::Dvc {
        return Err(CliError::message(format!("{} is no DVC project", base::shown(&old.root)))
            .hint("`pipe convert` makes a project of pipe of one of DVC; `pipe init` begins a new one"));
    }
    let _lock = old.lock(&command_line(), Sharing::Exclusive, true, &Interrupt::default(), printer)?;
    refuse_cut_off_move(&old, None)?;
    let pipeline = old.pipeline()?;
    let ignores = ignore_files(&old);
    places::check(&pipeline)?;
    check(&old, &pipeline, &ignores, args)?;
    let absent = absent::absent(&old, &pipeline, printer)?;
    if !absent.is_empty() && !args.dry && !args.force {
        return Err(absent::refusal(&absent));
    }
    let mut left: Vec<String> = runs::left_behind(&old).into_iter().collect();
    let fresh = fresh(&old, &pipeline, printer, &mut left)?;
    if args.dry {
        let nobody = Interrupt::default();
        convert(&old, &pipeline, &ignores, (&fresh, true), (printer, &nobody), &mut left)?;
    } else {
        // So far a signal could simply end it.
        let interrupt = Interrupt::listen()?;
        let gone = undo::old_files(&old.root, &pipeline, &ignores);
        rollback::begin(&old, &new_paths(&old, &pipeline, &ignores)?, &gone)?;
        let done = convert(&old, &pipeline, &ignores, (&fresh, false), (printer, &interrupt), &mut left)
            .and_then(|made| undo::put_aside(&old, &gone, (&made.files, &made.changed), &interrupt));
        if let Err(fault) = done {
            rollback::roll_back(&old)
                .map_err(|fault| fault.hint("`pipe convert` takes back what it did, when it can"))?;
            if fault.source.is_none() {
                printer.say(format_args!("Interrupted: nothing was converted."));
                return Err(fault);
            }
            return Err(fault.hint("nothing was converted"));
        }
        printer.say(format_args!("Kept the files of DVC in {KEPT}, with the cache of all earlier commits."));
    }
    for text in &left {
        printer.warn(format_args!("not converted: {text}"));
    }
    if !args.dry {
        printer.say(format_args!(
            "Next: commit what it wrote, so that git has it too. `sh {KEPT}/{}` undoes this. Commits from before stay DVC's: `git worktree add FOLDER COMMIT`, and there \
             `dvc cache dir --local {}`, brings back their data.",
            undo::SCRIPT,
            crate::dvc_config::cache_folder(&old.root).display()
        ));
        if !absent.is_empty() {
            let count = report::count_text(absent.len(), "record");
            return Err(CliError::refusal(format!("converted without {count} of data that is not here"))
                .hint(format!("to have it: `sh {KEPT}/{}`, `pipe pull`, and convert again", undo::SCRIPT)));
        }
    }
    Ok(())
}

/// Refuses what could not be undone, and what would write over something.
fn check(old: &Project, pipeline: &Pipeline, ignores: &[ProjectPath], args: &ConvertArgs) -> CliResult {
    if let Some(git) = old.git().filter(|_| !args.force && !args.dry)
        && git.is_dirty()?
    {
        return Err(CliError::refusal("files that git tracks have changes that are not committed")
            .hint("commit them, so that git can bring back what was; or convert with `-f`"));
    }
    let data = || pipeline.sources().flat_map(|id| &pipeline.stage(id).outs);
    let mut held = pipeline
        .param_files
        .keys()
        .filter_map(ParamPath::inside)
        .filter_map(|file| Some((file, data().find(|out| out.path.contains(file))?)));
    if let Some((file, out)) = held.next() {
        let how = match out.path == *file {
            true => format!("`pipe remove {0}` and `git add {0}`", quoted_path(file.as_str())),
            false => format!("take it out of {}", out.path),
        };
        return Err(CliError::message(format!(
            "{file} is data, and params are read from it, which git keeps in a project of pipe"
        ))
        .hint(format!("{how}, commit that, and convert again; nothing was changed")));
    }
    let paths = new_paths(old, pipeline, ignores)?;
    let alone = |file: &ProjectPath| left_alone(&old.root, file, Dialect::Native);
    if let Some((file, folder)) = paths.iter().find_map(|file| Some((file, alone(file)?))) {
        return Err(CliError::message(format!("{file} would not be found: a project of pipe does not enter {folder}"))
            .hint("move what DVC has there into a folder that is neither hidden nor an environment; nothing was changed"));
    }
    let kept = ProjectPath::root().join(KEPT);
    if let Some(there) = paths.iter().chain([&kept]).find(|path| path.to_path(&old.root).exists()) {
        return Err(CliError::message(format!("{there} stands there already"))
            .hint("remove or rename it; nothing was changed"));
    }
    Ok(())
}

/// The `.dvcignore` files.
fn ignore_files(old: &Project) -> Vec<ProjectPath> {
    let name = old.layout().ignore_file();
    let mut files = look_around(&old.root, old.dialect).seen;
    files.retain(|path| path.name() == name && path.to_path(&old.root).is_file());
    files
}

/// The file of ours in the place of a `.dvcignore`.
fn renamed_ignore(file: &ProjectPath) -> ProjectPath {
    file.parent().unwrap_or_default().join(cache::Layout::Native.ignore_file())
}

/// Every file that conversion makes, but for locks.
fn new_paths(old: &Project, pipeline: &Pipeline, ignores: &[ProjectPath]) -> CliResult<Vec<ProjectPath>> {
    let mut paths: Vec<ProjectPath> =
        pipeline.files.iter().map(renamed).chain(ignores.iter().map(renamed_ignore)).collect();
    for file in &pipeline.pointers {
        let text = pointer_text(old, file)?;
        let (stage, _) = parse_source(file, &text)?;
        paths.extend(stage.outs.iter().map(|out| Dialect::Native.pointer_of(&out.path)));
    }
    Ok(paths)
}

fn convert(
    old: &Project,
    pipeline: &Pipeline,
    ignores: &[ProjectPath],
    (fresh, dry): (&[pipeline::Address], bool),
    (printer, interrupt): (Printer, &Interrupt),
    left: &mut Vec<String>,
) -> CliResult<Made> {
    let mut new = Project { dialect: Dialect::Native, ..old.clone() };
    let (carried, lost) = settings::carried(&old.root);
    left.extend(lost);
    if !dry {
        new.make_pipe_folder()?;
        // What data is, and how it is stored, follows from these.
        for file in ignores {
            disk::replace(&renamed_ignore(file).to_path(&new.root), &disk::read(&file.to_path(&old.root))?)?;
        }
        for own in &carried {
            new.set(own.scope, &own.key, &own.value)?;
        }
        new = new.with_settings()?;
        new.prepare_cache()?;
        interrupt.check()?;
        unlink(old, pipeline, printer)?;
    }
    let mut files = Vec::new();
    for file in &pipeline.files {
        let text = pointer_text(old, file)?;
        files.push(NewFile { path: renamed(file), text });
    }
    for file in &pipeline.pointers {
        interrupt.check()?;
        new_pointers(old, &new, dry, file, printer, (&mut files, left))?;
    }
    let converted = load_new(&old.root, pipeline, &files)?;
    places::check_converted(old, &converted)?;
    let fresh = alike(pipeline, &converted, fresh, left);
    for stage in &pipeline.stages {
        differences(stage, left);
    }
    if let Some(git) = old.git()
        && let count @ 1.. = git.tips("refs/exps")?.len()
    {
        left.push(format!(
            "{} of DVC, which git keeps: `dvc exp` shows them in an earlier commit",
            report::count_text(count, "experiment")
        ));
    }
    let verb = if dry { "Would write" } else { "Wrote" };
    for file in &files {
        interrupt.check()?;
        if !dry {
            disk::replace(&file.path.to_path(&new.root), file.text.as_bytes())?;
        }
        printer.say(format_args!("{verb} {}.", file.path));
    }
    for file in ignores {
        printer.say(format_args!("{verb} {}.", renamed_ignore(file)));
    }
    let verb = if dry { "Would set" } else { "Set" };
    for own in &carried {
        printer.say(format_args!("{verb} {} to {}.", own.key, own.value));
    }
    let recorded = match dry {
        true => fresh.len(),
        false => record(&new, &converted, &fresh, (printer, interrupt), left)?,
    };
    let verb = if dry { "Would record" } else { "Recorded" };
    printer.say(format_args!("{verb} the results of {}.", report::count_text(recorded, "stage")));
    let mut texts = match dry {
        true => BTreeMap::new(),
        false => with_outs(&new, converted.stages.iter(), &converted, None, &mut |_| ())?
            .into_iter()
            .map(|(file, text)| match String::from_utf8(text) {
                Ok(text) => Ok((file, text)),
                Err(_) => Err(CliError::message(format!("failed to read {file}: it is not UTF-8 text"))
                    .hint("a conversion notes what it changes as text: write that file in UTF-8")),
            })
            .collect::<CliResult<_>>()?,
    };
    if let Some(text) = attributes::renamed(&new)? {
        texts.insert(ProjectPath::root().join(attributes::FILE), text);
        let verb = if dry { "Would have" } else { "Has" };
        printer.say(format_args!("{verb} pipe merge its own locks and pointers, by {}.", attributes::FILE));
    }
    let mut changed = Vec::new();
    if !dry {
        rollback::note_texts(old, &texts)?;
        for (file, after) in &texts {
            let before = disk::read_text_optional(&file.to_path(&new.root))?;
            changed.push(ChangedText { file: file.clone(), before, after: after.clone() });
        }
        for (file, text) in &texts {
            disk::replace(&file.to_path(&new.root), text.as_bytes())?;
        }
    }
    let files = files.into_iter().map(|file| file.path).chain(ignores.iter().map(renamed_ignore)).collect();
    Ok(Made { files, changed })
}

/// Makes files of their own of links into DVC's cache, which is about to move.
fn unlink(old: &Project, pipeline: &Pipeline, printer: Printer) -> CliResult {
    let workspace = old.workspace(printer)?;
    for out in pipeline.stages.iter().flat_map(|stage| &stage.outs) {
        if out.path.to_path(&old.root).exists() {
            workspace.unprotect(&out.path)?;
        }
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
            Decision::Fresh => fresh.push(new_address(&stage.address)),
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
    let text = pointer_text(old, file)?;
    let (stage, lock) = parse_source(file, &text)?;
    let (theirs, ours) = (old.workspace(printer)?, new.workspace_anew());
    let import = parse_import(file, &text)?;
    if import.is_none() && text.lines().any(|line| line.starts_with("deps:")) {
        left.push(format!("where the data of {file} was imported from"));
    }
    for out in &stage.outs {
        let recorded = lock.stages.values().find_map(|stage| stage.out(&out.path)).copied();
        if let Some(state) = recorded.filter(|state| !dry && theirs.blobs.has_all(state))
            && theirs.observe(&out.path)?.is_none()
        {
            theirs.restore(&out.path, &state, Placement::Private)?;
        }
        let will_be = dry && recorded.is_some_and(|state| theirs.blobs.has_all(&state));
        let is_to_come = will_be && theirs.observe(&out.path)?.is_none();
        if !is_to_come && !absent::is_as_recorded(&theirs, &lock, &out.path)? {
            left.push(format!(
                "{} of {file}, which is not here as recorded: bring it here and run `pipe add {0}`",
                out.path
            ));
            continue;
        }
        let stored = if dry { ours.observe(&out.path)? } else { ours.store(&out.path, Placement::Private)? };
        // Foretold of what conversion is to bring back: the file is made, whatever its digest.
        let Some(state) = stored.or(recorded.filter(|_| is_to_come)) else { continue };
        if !dry {
            ours.agree(&out.path, Some(state.digest));
        }
        let place = Dialect::Native.pointer_of(&out.path);
        let desc = out.desc.as_deref().or(stage.desc.as_deref());
        if !out.cache
            || !out.push
            || out.remote.is_some()
            || out.annotation != pipeline::Annotation::default()
        {
            left.push(format!("options and labels of {} in {file}", out.path));
        }
        let text = match &import {
            Some(import) => {
                let import = converted(import, (&stage, out), recorded, &state, left);
                write_import(&place, out.path.name(), &import, Some(&state), desc)
            }
            None => write_pointer(&place, out.path.name(), &state, desc),
        };
        let is_frozen = stage.frozen && import.is_none();
        let text = if is_frozen { freeze_pointer(&place, &text, true)? } else { text };
        files.push(NewFile { text, path: place });
    }
    if !dry {
        // Only what both agreed on: what was hashed is remembered by the workspace that records the stages.
        ours.save_agreements()?;
    }
    Ok(())
}

/// Where imported data came from, in our words: what lay there has the digest of the data that was made of it.
fn converted(
    import: &Import,
    (stage, out): (&Stage, &pipeline::Out),
    recorded: Option<FileState>,
    state: &FileState,
    left: &mut Vec<String>,
) -> Import {
    let mut import = import.clone();
    let is_same = import.state.map(|seen| seen.digest) == recorded.map(|recorded| recorded.digest);
    import.state = import.state.filter(|_| is_same || import.checksum.is_some()).map(|_| *state);
    if import.repo.as_ref().is_some_and(|repo| repo.has_more) {
        left.push(format!("the settings of the repository that {} was imported from", out.path));
    }
    if import.follows {
        left.push(format!("that {} follows its source: `pipe update` asks it now", out.path));
    }
    let is_relative = !import.path.contains("://") && !import.path.starts_with('/');
    let folder = out.path.parent().unwrap_or_default();
    if import.repo.is_none() && is_relative && folder != stage.wdir {
        let seen_from = stage.wdir.relative_to(&folder);
        import.path = format!("{seen_from}/{}", import.path);
    }
    import
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
    load_pipeline(
        &renamed(&pipeline.file),
        &paths,
        Reader { root, text: &text, files: &|_| Ok(Vec::new()), outside: &outside_text },
    )
    .and_then(|converted| match converted.file_groups.first() {
        None => Ok(converted),
        Some(group) => Err(CliError::message(format!(
            "`foreach` of {} goes through a map of the one item `glob`, which means files in pipeline.yaml",
            group.address
        ))
        .hint("call the item otherwise first")),
    })
}

/// Where a stage is declared in the new project.
fn new_address(old: &pipeline::Address) -> pipeline::Address {
    pipeline::Address { file: renamed(&old.file), name: old.name.clone() }
}

/// Those of `fresh` that are the same stages in both: DVC makes text of numbers and lists as Python does, and a command that
/// becomes another one with them has not run yet.
fn alike(
    pipeline: &Pipeline,
    converted: &Pipeline,
    fresh: &[pipeline::Address],
    left: &mut Vec<String>,
) -> Vec<pipeline::Address> {
    let mut alike = Vec::new();
    for address in fresh {
        let before = pipeline.stages.iter().find(|stage| new_address(&stage.address) == *address);
        let now = converted.stages.iter().find(|stage| stage.address == *address);
        let why = match (before, now) {
            (Some(before), Some(now)) if before.command == now.command => {
                alike.push(address.clone());
                continue;
            }
            (Some(before), Some(now)) => format!("`{}` is `{}` now", before.command, now.command),
            _ => "its name is another one now".to_owned(),
        };
        left.push(format!(
            "the result of stage {address}, which runs anew: {why}, since pipe spells numbers and lists otherwise than Python"
        ));
    }
    alike
}

/// What means something else in a file of ours.
fn differences(stage: &Stage, left: &mut Vec<String>) {
    let name = &stage.address;
    // An item of a list has one shell in both, however many lines it has.
    if let Command::Script(script) = &stage.command
        && Dialect::Dvc.scripts(&stage.command).len() > 1
        && script.trim().lines().count() > 1
    {
        left.push(format!(
            "the shells of stage {name}, one for each line: all lines run in one now, so that what a line sets (`cd`, \
             variables) holds in the next; a list of commands has a shell for each"
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
    (printer, interrupt): (Printer, &Interrupt),
    left: &mut Vec<String>,
) -> CliResult<usize> {
    let workspace = new.workspace(printer)?;
    let mut ledger: Ledger = new.ledger(converted)?;
    let recorder = Recorder::new(new, &workspace, printer, command_line());
    let builtins = Project::builtins();
    let world = World { pipeline: converted, workspace: &workspace, builtins: &builtins };
    let params = ParamReader::new(world);
    let mut recorded = 0;
    for stage in converted.stages.iter().filter(|stage| fresh.contains(&stage.address)) {
        interrupt.check()?;
        let done = committable(world, &params, stage, None, true)
            .and_then(|found| commit(&workspace, &mut ledger, &recorder, stage, found));
        match done {
            Ok(_) => recorded += 1,
            Err(failure) => left.push(format!("the result of stage {}: {failure}", stage.address)),
        }
    }
    ledger.write(|_, _| true)?;
    workspace.save_state()?;
    Ok(recorded)
}
