//! `pipe add`: puts data under version control, by a pointer beside it.

mod bring_in;
pub mod to_remote;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use base::{FileState, ProjectPath};
use cache::{CacheError, Ignores, Placement, Workspace};
use clap::Args;
use exec::Wish;
use pipeline::{
    Dialect, Import, PARAMS_FILE, Pipeline, is_pointer, parse_import, pointed_state, update_thing,
    write_pointer,
};

use crate::cli::targets::no_pattern;
use crate::cli::{quoted, quoted_path, tell_damage};
use crate::discover::is_looked_into;
use crate::edits::{Edits, lock};
use crate::error::{CliError, CliResult};
use crate::git::GitError;
use crate::ignore::ignore_untracked;
use crate::import;
use crate::names;
use crate::placed::Placed;
use crate::project::Project;
use crate::reading::pointer_text;
use crate::recovery;
use crate::remotes;
use crate::staging;
use crate::ui::Printer;

use bring_in::bring_in;
pub use bring_in::save_unsaved;

/// Put data under version control: keep it in the cache, and write a pointer that git keeps
///
/// `pipe add data.csv` writes `data.csv.pipe` and keeps `data.csv` out of git. Adding again records what changed; a file
/// inside a tracked folder is recorded in that folder's pointer. The data stays where it is.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Files and folders
    #[arg(value_name = "PATH", required = true, value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Read the paths as patterns (`*`, `?`, `**`, `[abc]`)
    #[arg(long)]
    glob: bool,
    /// Copy one PATH, which may lie outside of the project, to OUT and add that
    #[arg(short, long, value_name = "OUT", conflicts_with_all = ["glob", "no_commit"])]
    pub out: Option<String>,
    /// Record the data without storing it in the cache; `pipe commit` makes up for it
    #[arg(long)]
    no_commit: bool,
    /// Leave the data in place as it is, rather than make links of it
    #[arg(long)]
    no_relink: bool,
    /// Bring one PATH, which may lie outside of the project, to the remote and nowhere else: neither the cache nor the
    /// project gets a copy, and `pipe pull` brings it when it is wanted
    #[arg(long, conflicts_with_all = ["glob", "no_commit", "no_relink"])]
    to_remote: bool,
    /// With `--to-remote`: the remote [default: the one of `core.remote`]
    #[arg(short, long, value_name = "NAME", requires = "to_remote")]
    remote: Option<String>,
    /// With `--to-remote`: transfer N files at once
    #[arg(short, long, value_name = "N", requires = "to_remote", alias = "remote-jobs", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Replace what stands at OUT, after saving what no cache holds; record a folder without files that were never
    /// fetched, or of which a checkout was cut off
    #[arg(short, long)]
    force: bool,
    /// Describe the data, for people
    #[arg(long, value_name = "TEXT")]
    desc: Option<String>,
}

/// Adds the paths.
///
/// # Errors
/// When one cannot be added; nothing is recorded then.
pub fn run(args: &AddArgs, printer: Printer) -> CliResult {
    let project = Project::find()?;
    let mut paths = match &args.out {
        _ if args.to_remote => vec![to_remote::destination(&project, args)?],
        Some(out) => vec![ProjectPath::resolve(&project.base, out)?],
        None => wanted(&project, args)?,
    };
    paths.sort();
    paths.dedup();
    let wish = paths.iter().fold(Wish::named("an add"), Wish::writing_path);
    let _held = recovery::hold(&project, &wish, true, printer)?;
    let _lock = lock(&project, printer)?;
    let git = project.git();
    // Git is asked while the files of the project are looked for.
    let (pipeline, tracked) = thread::scope(|scope| {
        let tracked = scope.spawn(|| git.map(|git| git.tracked()).transpose());
        (project.pipeline_of_one_tool_if_any(), tracked.join())
    });
    let pipeline = pipeline?;
    let tracked = tracked.unwrap_or_else(|panic| resume_unwind(panic))?.unwrap_or_default();
    let workspace = project.workspace(printer)?;
    let folders = RefCell::default();
    let admission = Admission {
        project: &project,
        pipeline: &pipeline,
        workspace: &workspace,
        tracked: &tracked,
        folders,
    };
    let places = paths.iter().map(|path| admission.place(path)).collect::<CliResult<Vec<_>>>()?;
    refuse_ignored(&project, places.iter().map(|place| &place.pointer), printer)?;
    let known = pipeline.sources().flat_map(|id| &pipeline.stage(id).outs).map(|out| &out.path);
    // What others added long ago is no news.
    let is_new = |path: &ProjectPath| paths.iter().any(|added| path.contains(added));
    names::check(known.chain(&paths), &is_new, printer)?;
    if let (true, [path], [place]) = (args.to_remote, paths.as_slice(), places.as_slice()) {
        return to_remote::run(&admission, args, (path, place), printer);
    }
    if let (Some(_), [path]) = (&args.out, paths.as_slice()) {
        bring_in(&project, &workspace, args, path, printer)?;
        workspace.end_bringing(|known| path.contains(known));
    }
    for (path, place) in paths.iter().zip(&places) {
        admission.look(path, place)?;
        admission.refuse_half(path, place, args.force)?;
        admission.refuse_outdated(path, place)?;
        admission.refuse_unfetched(path, place, args.force)?;
    }
    let mut added = Vec::new();
    let mut now = States::new();
    for (path, place) in paths.iter().zip(&places) {
        let working = printer.working(&format!("Adding {path}"));
        let mut sieve = names::Sieve::default();
        let mut may_clash = false;
        let mut show = |path: &ProjectPath| may_clash |= sieve.may_clash(path);
        let found = if args.no_commit {
            workspace.observe_each(path, &mut show)?
        } else {
            let placement = if args.no_relink { Placement::Private } else { Placement::Linked };
            workspace.store_each(path, placement, &mut show)?
        };
        let found = found.ok_or_else(|| {
            CliError::message(format!("{path} vanished while it was added"))
                .hint("nothing was recorded; add it again once it stays")
        })?;
        drop(working);
        if may_clash {
            names::check(workspace.listing(path)?.keys(), &|_| true, printer)?;
        }
        let thing = (place.pointer.clone(), place.top.clone());
        let recorded = now.get(&thing).copied().or(place.recorded);
        let state = match (&place.below, recorded) {
            (Some(below), Some(folder)) => {
                workspace.blobs.with_entry(&folder, below, found).map_err(|fault| {
                    match fault.in_folder(&place.top) {
                        fault @ CacheError::SameName { .. } => CliError::from(fault),
                        fault => CliError::from(fault).hint("`pipe add` the whole folder"),
                    }
                })?
            }
            _ => found,
        };
        now.insert(thing, state);
        // What one file is recorded into may hold others that were edited, or were changed by somebody else.
        let has_agreed = |top: &ProjectPath| {
            place.below.is_none() || workspace.agreed(top) == recorded.map(|recorded| recorded.digest)
        };
        if has_agreed(&place.top) {
            workspace.agree(&place.top, Some(state.digest));
        }
        let is_same = |old: &FileState| old.digest == state.digest && old.executable == state.executable;
        let is_new = args.desc.is_some() || !recorded.as_ref().is_some_and(is_same);
        added.push((path, found, is_new));
    }
    let edited = edited_imports(&admission, &now)?;
    let ignore_files = record(&admission, &now, args.desc.as_deref())?;
    workspace.save_state()?;
    // What stands there is the record by now, whatever was to come.
    workspace.end_bringing(|known| paths.iter().any(|path| path.contains(known)));
    tell_damage(&workspace, printer);
    for (path, state, is_new) in added.iter().take(NAMED) {
        let what = match state.files {
            Some(files) => {
                let files = report::count_text(usize::try_from(files).unwrap_or(usize::MAX), "file");
                format!("{files}, {}", report::bytes_text(state.size))
            }
            None => report::bytes_text(state.size),
        };
        let word = if *is_new { "Added" } else { "Unchanged:" };
        printer.say(format_args!("{word} {path} ({what})."));
    }
    if added.len() > NAMED {
        let is_new = added.iter().filter(|(.., is_new)| *is_new).count();
        printer.say(format_args!("… {} in all, {is_new} of them new or changed.", added.len()));
    }
    for (data, import) in &edited {
        import::tell_own(data, import, printer);
    }
    // What is recorded may not be staged yet.
    if added.iter().any(|(.., is_new)| *is_new) || staging::is_wanted(&project) {
        advise(&project, now.keys().map(|(pointer, _)| pointer), &ignore_files, printer);
    }
    Ok(())
}

/// How many of the things that were added are named, and of the files that git is to be given.
const NAMED: usize = 6;

/// How many bytes the name of a file may have.
const LONGEST_NAME: usize = 255;

/// What pointers are to record: by pointer and data.
type States = BTreeMap<(ProjectPath, ProjectPath), FileState>;

/// A pointer that git ignores is in no commit. In projects of DVC, which reads none of them, it is refused.
///
/// # Errors
/// When one is refused, or git fails.
pub fn refuse_ignored<'a>(
    project: &Project,
    pointers: impl Iterator<Item = &'a ProjectPath>,
    printer: Printer,
) -> CliResult {
    let Some(git) = project.git() else { return Ok(()) };
    let pointers: Vec<&ProjectPath> = pointers.collect();
    let open = match git.not_ignored(&pointers) {
        Err(GitError::Start(_)) => return Ok(()),
        open => open?,
    };
    for pointer in pointers.iter().filter(|pointer| !open.contains(pointer)) {
        let hint = format!("`git check-ignore -v {}` names the rule", quoted_path(pointer.as_str()));
        match project.dialect {
            Dialect::Dvc => {
                let message =
                    format!("bad DVC file name {pointer}: it is git-ignored, and DVC would not read it");
                return Err(CliError::message(message).hint(hint));
            }
            Dialect::Native => {
                printer.warn(format_args!("git ignores {pointer}, so that no commit has it; {hint}"));
            }
        }
    }
    Ok(())
}

/// What of it was imported, and holds other bytes now.
fn edited_imports(
    Admission { project, .. }: &Admission<'_>,
    now: &States,
) -> CliResult<Vec<(ProjectPath, Import)>> {
    let mut edited = Vec::new();
    for ((pointer, data), state) in now {
        let text = pointer_text(project, pointer)?;
        if text.is_empty() {
            continue;
        }
        let recorded = pointed_state(pointer, &text, data)?;
        if let Some(import) = parse_import(pointer, &text)?
            && recorded.is_some_and(|recorded| recorded.digest != state.digest)
            && import.ends_with_an_edit(project.dialect)
        {
            edited.push((data.clone(), import));
        }
    }
    Ok(edited)
}

/// Writes it into the pointers. Returns the ignore files that were changed.
fn record(
    Admission { project, pipeline, workspace, tracked, .. }: &Admission<'_>,
    now: &States,
    desc: Option<&str>,
) -> CliResult<Vec<ProjectPath>> {
    let mut edits = Edits::new(project);
    for ((pointer, top), state) in now {
        edits.change(pointer, |text| match text {
            "" => Ok(write_pointer(pointer, data_name(project, pointer), state, desc)),
            text => update_thing(pointer, text, top, Some(state), None, desc),
        })?;
    }
    // Before the pointers: data that a pointer names is never left for git to take.
    let ignore_files = thread::scope(|scope| {
        // The disk is at work meanwhile, so that there is less to wait for when the pointers are written.
        if let Some(folder) = now.values().find(|state| state.is_folder()) {
            let manifest = workspace.blobs.path_of(folder);
            scope.spawn(move || drop(disk::sync_files(&[manifest], &BTreeSet::new())));
        }
        let checked = edits.check(&pipeline.file)?;
        let sources = checked.sources().map(|id| checked.stage(id));
        let added_now = sources.filter(|stage| now.keys().any(|(pointer, _)| *pointer == stage.address.file));
        ignore_untracked(project, added_now, &checked, Some(tracked), &mut |_| ())
    })?;
    edits.write()?;
    let mut placed = Placed::load(project);
    for ((pointer, data), state) in now {
        placed.note_data(pointer, data, state.digest);
    }
    placed.save()?;
    Ok(ignore_files)
}

/// Says what git is to be given, or gives it, where the settings ask for that.
pub fn advise<'a>(
    project: &Project,
    pointers: impl Iterator<Item = &'a ProjectPath>,
    ignore_files: &'a [ProjectPath],
    printer: Printer,
) {
    if staging::is_wanted(project) {
        staging::stage(project, pointers.chain(ignore_files), printer);
    } else if project.git().is_some() {
        let mut pointers: Vec<&ProjectPath> = pointers.collect();
        pointers.dedup();
        let mut files = patterns(project, &pointers);
        files.extend(patterns(project, &ignore_files.iter().collect::<Vec<_>>()));
        printer.relay(format_args!("To version the change: git add {}", files.join(" ")));
    }
}

/// The files as arguments for git; of many, the one pattern for all of their kind in the folder that holds them.
fn patterns(project: &Project, files: &[&ProjectPath]) -> Vec<String> {
    let here = |path: &ProjectPath| path.relative_to(&project.base);
    let (Some(first), true) = (files.first(), files.len() > NAMED) else {
        return files.iter().map(|file| quoted_path(&here(file))).collect();
    };
    let mut folder = first.parent().unwrap_or_default();
    while !files.iter().all(|file| folder.contains(file)) {
        folder = folder.parent().unwrap_or_default();
    }
    let (name, suffix) = (first.name(), project.dialect.pointer_suffix());
    let pattern = if name.ends_with(suffix) { format!("*{suffix}") } else { format!("*{name}") };
    vec![quoted(&match here(&folder).as_str() {
        "." => pattern,
        folder => format!("{folder}/{pattern}"),
    })]
}

/// The name of the data of a pointer that `pipe add` made.
fn data_name<'a>(project: &Project, pointer: &'a ProjectPath) -> &'a str {
    pointer.name().strip_suffix(project.dialect.pointer_suffix()).unwrap_or(pointer.name())
}

/// The paths that are meant, which exist.
fn wanted(project: &Project, args: &AddArgs) -> CliResult<Vec<ProjectPath>> {
    let mut wanted = Vec::new();
    for path in &args.paths {
        if !args.glob {
            wanted.push(in_project(project, path)?);
            continue;
        }
        let text = path.to_string_lossy().into_owned();
        let found = glob::glob(&text)
            .map_err(|fault| no_pattern(&text, &fault))?
            .collect::<Result<Vec<PathBuf>, _>>()?;
        let data = found.iter().map(|path| in_project(project, path)).collect::<CliResult<Vec<_>>>()?;
        let before = wanted.len();
        wanted.extend(data.into_iter().filter(|path| !is_pointer(path) && !path.is_reserved()));
        if wanted.len() == before {
            return Err(CliError::message(format!("nothing matches `{text}`"))
                .hint("quote a pattern, so that the shell leaves it alone"));
        }
    }
    Ok(wanted)
}

/// The path in the project; an absolute one may name it too.
fn in_project(project: &Project, path: &Path) -> CliResult<ProjectPath> {
    let outside = |fault: &dyn std::fmt::Display| {
        CliError::message(format!("cannot add {}: {fault}", base::shown(path)))
            .hint("`pipe add PATH -o OUT` copies it into the project")
    };
    if let Ok(below) = path.strip_prefix(&project.root) {
        return ProjectPath::from_relative(below).map_err(|fault| outside(&fault));
    }
    let text = path.to_str().ok_or_else(|| {
        CliError::message(format!("cannot add {}: its name is not UTF-8", base::shown(path)))
            .hint("rename it")
    })?;
    ProjectPath::resolve(&project.base, text).map_err(|fault| outside(&fault))
}

/// Where what is added is recorded.
pub struct Place {
    /// The pointer.
    pub pointer: ProjectPath,
    /// The data that the pointer tells of.
    pub top: ProjectPath,
    /// Of a file in a tracked folder, where in it.
    pub below: Option<ProjectPath>,
    /// What the pointer records now.
    pub recorded: Option<FileState>,
}

/// What decides whether something can be added.
pub struct Admission<'a> {
    /// The project.
    pub project: &'a Project,
    /// Its stages and pointers.
    pub pipeline: &'a Pipeline,
    /// Its files.
    pub workspace: &'a Workspace,
    /// All files that git tracks.
    pub tracked: &'a [String],
    /// Folders, and whether pointers in them are found.
    pub folders: RefCell<BTreeMap<ProjectPath, bool>>,
}

impl Admission<'_> {
    /// Where `path` is to be recorded.
    ///
    /// # Errors
    /// When nothing can be recorded there.
    pub fn place(&self, path: &ProjectPath) -> CliResult<Place> {
        let refuse = |why: &str| CliError::message(format!("cannot add {path}: {why}"));
        if path.is_root() {
            return Err(refuse("it is the project's root").hint("add the files and folders in it"));
        }
        ProjectPath::from_record(path.as_str())
            .map_err(|fault| refuse(&fault.to_string()).hint("move the data elsewhere"))?;
        if is_pointer(path) {
            return Err(refuse("it is a pointer to data")
                .hint("`pipe commit` records what its data holds now; git keeps the pointer itself"));
        }
        if self.is_read_by_pipe(path) {
            return Err(refuse("it is a pipeline, lock or params file, which pipe reads itself")
                .hint(format!("git keeps such files: `git add {}`", quoted_path(path.as_str()))));
        }
        if let Some(link) = disk::symlink_between(&self.project.root, &self.workspace.os_path(path)) {
            let why = format!("it lies behind the symlink {}, which may lead anywhere", base::shown(&link));
            return Err(refuse(&why).hint("add it where it is, or copy it into the project with `-o`"));
        }
        if let Some(file) = self.tracked_near(path) {
            let what = if *file == path.as_str() { "it".to_owned() } else { format!("`{file}`") };
            return Err(refuse(&format!("git tracks {what}")).hint(format!(
                "`git rm -r --cached {}` lets pipe keep it; then add it again",
                quoted_path(path.as_str())
            )));
        }
        if let Some(pointer) = self.pipeline.pointers.iter().find(|pointer| path.contains(pointer)) {
            return Err(refuse(&format!("it contains {pointer}, a pointer to data"))
                .hint(format!("`pipe remove {pointer}` first: the whole folder gets one pointer")));
        }
        let is_folder = self.workspace.os_path(path).is_dir();
        if let Some(rule) =
            Ignores::of_layout(&self.project.root, self.project.layout()).rule(path, is_folder)
        {
            return Err(refuse(&format!("{}:{} ignores it: {}", rule.file, rule.line, rule.pattern))
                .hint("change the rule, or leave the file out"));
        }
        if let Some(owner) = self.pipeline.graph.producer(path) {
            let stage = self.pipeline.stage(owner);
            if !stage.is_source() {
                let why = format!("it is an out of stage {}, which pipe keeps already", stage.address);
                return Err(refuse(&why).hint(format!("`pipe commit {}` records it as it is", stage.address)));
            }
            let top = stage.outs.iter().find(|out| out.path.contains(path)).unwrap_or(&stage.outs[0]);
            return self.known(path, &stage.address.file, &top.path);
        }
        let pointer = self.project.dialect.pointer_of(path);
        if pointer.name().len() > LONGEST_NAME {
            let above = path.parent().filter(|folder| !folder.is_root());
            let folder =
                above.map_or("a folder around it".to_owned(), |folder| format!("the folder {folder}"));
            return Err(refuse(&format!("the name of its pointer, {pointer}, would be too long for a file"))
                .hint(format!("add {folder}, or rename the data")));
        }
        if pointer.to_path(&self.project.root).symlink_metadata().is_ok() {
            return Err(refuse(&format!("{pointer} stands there, and is not its pointer"))
                .hint("rename the data, or that file"));
        }
        let folder = path.parent().unwrap_or_default();
        let mut folders = self.folders.borrow_mut();
        let is_open = || is_looked_into(&self.project.root, self.project.dialect, &folder);
        if !*folders.entry(folder.clone()).or_insert_with(is_open) {
            let why = format!("pipe looks for no pointers in the folder {folder}");
            return Err(refuse(&why).hint(
                "hidden folders, Python environments, other projects and folders that git ignores are left alone; \
                 move the data, or add the folder as a whole from above",
            ));
        }
        Ok(Place { pointer, top: path.clone(), below: None, recorded: None })
    }

    /// Whether it is a file that stages are told by, also where there is none yet.
    fn is_read_by_pipe(&self, path: &ProjectPath) -> bool {
        let (dialect, pipeline) = (self.project.dialect, self.pipeline);
        let has_params = || {
            let is_beside = |file: &ProjectPath| file.parent() == path.parent();
            let mut files = pipeline.files.iter().chain([&pipeline.file]);
            (path.name() == PARAMS_FILE && files.any(is_beside))
                || pipeline.param_files.contains_key(&path.clone().into())
        };
        Dialect::reads_somewhere(path.name()) || (!dialect.data_may_hold_params() && has_params())
    }

    /// A file that git tracks: the path itself, something in it, or what it would have to lie in.
    fn tracked_near(&self, path: &ProjectPath) -> Option<&String> {
        let is_tracked = |path: &ProjectPath| {
            let at = self.tracked.binary_search_by(|file| file.as_str().cmp(path.as_str())).ok()?;
            Some(&self.tracked[at])
        };
        // What lies inside stands together behind `path/`.
        let start = format!("{}/", path.as_str());
        let at = self.tracked.partition_point(|file| *file < start);
        let inside = self.tracked.get(at).filter(|file| file.starts_with(&start));
        inside.or_else(|| {
            std::iter::successors(Some(path.clone()), ProjectPath::parent).find_map(|path| is_tracked(&path))
        })
    }

    /// Data that a pointer tells of, or something inside it.
    fn known(&self, path: &ProjectPath, pointer: &ProjectPath, top: &ProjectPath) -> CliResult<Place> {
        let text = pointer_text(self.project, pointer)?;
        let recorded = pointed_state(pointer, &text, top)?;
        let below = path.parts().skip(top.parts().count());
        let below = below.fold(ProjectPath::root(), |folder, part| folder.join(part));
        if recorded.is_none() && !below.is_root() {
            return Err(CliError::message(format!(
                "cannot add {path}: {pointer} records nothing of {top} yet"
            ))
            .hint(format!("`pipe add {}` adds all of it", quoted_path(top.as_str()))));
        }
        let below = (!below.is_root() && recorded.is_some_and(|state| state.is_folder())).then_some(below);
        Ok(Place { pointer: pointer.clone(), top: top.clone(), below, recorded })
    }

    /// Refuses what is a part of what was being brought here when that was cut off.
    fn refuse_half(&self, path: &ProjectPath, place: &Place, force: bool) -> CliResult {
        let Some(recorded) = place.recorded.filter(|_| !force && self.workspace.has_notes()) else {
            return Ok(());
        };
        let recorded = place.below.is_none().then_some(recorded);
        let now = self.workspace.observe(path)?.map(|now| now.digest);
        if recorded.is_some_and(|recorded| now == Some(recorded.digest))
            || self.workspace.half_brought(path, None, recorded.as_ref()).is_none()
        {
            return Ok(());
        }
        let quoted = quoted_path(path.as_str());
        Err(CliError::message(format!("a checkout of {path} was cut off, and it holds a part of its data"))
            .hint(format!(
                "`pipe checkout {quoted}` finishes it, `pipe add -f {quoted}` records what is here"
            )))
    }

    /// Refuses what would be recorded over a pointer that moved since data and pointer last agreed here.
    fn refuse_outdated(&self, path: &ProjectPath, place: &Place) -> CliResult {
        let (Some(recorded), None, Some(agreed)) =
            (place.recorded, &place.below, self.workspace.agreed(&place.top))
        else {
            return Ok(());
        };
        let now = self.workspace.observe(path)?.map(|now| now.digest);
        if agreed == recorded.digest || now == Some(recorded.digest) {
            return Ok(());
        }
        let quoted = quoted_path(path.as_str());
        Err(if now.is_some_and(|now| self.workspace.is_as_agreed(&place.top, now)) {
            CliError::message(format!("{path} is outdated, since its pointer moved"))
                .hint(format!("`pipe checkout {quoted}` brings what it records"))
        } else {
            CliError::message(format!("{path} was edited, and its pointer moved meanwhile"))
                .hint(pipeline::ways_out(&quoted, recorded.is_folder()))
        })
    }

    /// Refuses what cannot be recorded without the lists of a folder, once they are asked for, and what would take files
    /// out of a folder's record that were never here. Nothing is stored before.
    fn refuse_unfetched(&self, path: &ProjectPath, place: &Place, force: bool) -> CliResult {
        let Some(recorded) = place.recorded.filter(FileState::is_folder) else { return Ok(()) };
        let (blobs, top) = (&self.workspace.blobs, &place.top);
        let fetch = format!("`pipe fetch {}`", quoted_path(top.as_str()));
        if let Some(below) = &place.below {
            if let Err(CacheError::Missing { .. }) = blobs.entry_below(&recorded, below) {
                remotes::bring_lists(self.project, blobs, &recorded).map_err(|fault| {
                    let reason = fault.source.map(|source| format!(": {source:#}")).unwrap_or_default();
                    CliError::message(format!(
                        "cannot add {path}: the cache lacks the list of the files in {top}{reason}"
                    ))
                    .hint(format!("{fetch} brings it, where a remote has it"))
                })?;
            }
            return Ok(());
        }
        if force
            || self.workspace.agreed(top) == Some(recorded.digest)
            || self.workspace.observe(path)?.is_some_and(|now| now.digest == recorded.digest)
        {
            return Ok(());
        }
        let quoted = quoted_path(path.as_str());
        // What DVC alone has worked with is here as a whole, or somebody took it away.
        let is_unknown =
            self.workspace.agreed(top).is_none() && !matches!(self.project.dialect, Dialect::Dvc);
        let is_absent = |path: &ProjectPath| std::fs::symlink_metadata(self.workspace.os_path(path)).is_err();
        let what = match blobs.files(top, &recorded) {
            Ok(files) => {
                let mut absent = files.iter().filter(|(path, state)| !state.is_folder() && is_absent(path));
                let lost = absent.clone().filter(|(_, state)| !blobs.has(&state.digest)).count();
                match (lost, absent.next()) {
                    // Nobody knows that they were here and somebody removed them.
                    (0, Some((first, _))) if is_unknown => {
                        let count = report::count_text(absent.count() + 1, "file");
                        return Err(CliError::message(format!(
                            "cannot add {path}: {count} of those that its pointer records may never have been here, as {first}"
                        ))
                        .hint(format!(
                            "`pipe checkout {quoted}` brings what is not here; `pipe add {}` records a file that is here \
                             and leaves the others recorded, `pipe add -f {quoted}` only what is here",
                            quoted_path(path.join("FILE").as_str())
                        )));
                    }
                    (0, _) => return Ok(()),
                    _ => format!("{} that were never fetched", report::count_text(lost, "file")),
                }
            }
            Err(CacheError::Missing { .. }) => {
                let count = usize::try_from(recorded.files.unwrap_or_default()).unwrap_or(usize::MAX);
                format!("{}, and was never fetched", report::count_text(count, "file"))
            }
            Err(_) => return Ok(()),
        };
        Err(CliError::message(format!("cannot add {path}: its pointer records {what}"))
            .hint(format!("{fetch} brings them; `pipe add -f {quoted}` records what is here instead")))
    }

    /// Whether something that can be added stands at `path`.
    fn look(&self, path: &ProjectPath, place: &Place) -> CliResult {
        let os_path = self.workspace.os_path(path);
        match std::fs::symlink_metadata(&os_path) {
            Ok(metadata) if metadata.is_symlink() && os_path.is_dir() => {
                Err(CliError::message(format!("cannot add {path}: it is a symlink to a folder"))
                    .hint("add the folder that it leads to"))
            }
            Ok(metadata) if metadata.is_symlink() && !os_path.exists() => {
                if std::fs::metadata(&os_path).is_err_and(|fault| disk::is_link_circle(&fault)) {
                    return Err(CliError::message(format!(
                        "cannot add {path}: it is a symlink that leads round in a circle"
                    ))
                    .hint("remove the link"));
                }
                let target = std::fs::read_link(&os_path).unwrap_or_default();
                Err(CliError::message(format!(
                    "cannot add {path}: it is a symlink to {}, where nothing is",
                    base::shown(&target)
                ))
                .hint("remove the link, or bring back what it leads to"))
            }
            Ok(_) => Ok(()),
            Err(_) => {
                let fault = CliError::message(format!("cannot add {path}: there is no such file or folder"));
                Err(match place.recorded {
                    _ if path.as_str().contains(['*', '?', '[']) => {
                        fault.hint("`--glob` adds what a pattern matches")
                    }
                    Some(_) => fault.hint(format!("`pipe checkout {path}` brings back what is recorded")),
                    None => fault.hint("see how it is spelled; paths start at the current folder"),
                })
            }
        }
    }
}
