//! The data of a state of the project, as locks and pointers record it: which bytes lie where. Told without the data
//! itself, and of a folder as far as the cache has its manifests.

use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use base::{FileState, ProjectPath};
use cache::{Blobs, CacheError, Files, Workspace};
use exec::Ledger;
use pipeline::{Import, Pipeline, StageLock, is_pointer, parse_import};

use crate::error::{CliError, CliResult, ErrorKind, with_causes};
use crate::project::Project;
use crate::reading::{Reader, load_pipeline};
use crate::revision::{as_of, load_at};
use crate::ui::Printer;

/// What is told of the executable bit of an out that is one file. In a folder it is content, where the layout knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bit {
    /// It is told.
    Told,
    /// None has it: alone it is no change, and two states are to be compared.
    Ignored,
}

/// The recorded data of the workspace: of all outs that the cache keeps. One that is a pattern is told by its files.
///
/// # Errors
/// When a manifest is damaged.
pub fn now(pipeline: &Pipeline, ledger: &Ledger, blobs: &Blobs, bit: Bit) -> CliResult<Files> {
    gather(pipeline, blobs, bit, |stage| ledger.get(&stage.address).cloned())
}

/// The recorded data of a commit; nothing where it has no pipeline.
///
/// # Errors
/// When git fails, or a file of the commit is wrong.
pub fn at(project: &Project, commit: &str, blobs: &Blobs, bit: Bit) -> CliResult<Files> {
    if project.git().is_none() {
        return Ok(Files::new());
    }
    if is_before_conversion(project, commit)? {
        let text = format!("commit {} is from before `pipe convert`", &commit[..commit.len().min(10)]);
        return Err(CliError::message(text)
            .hint("DVC names contents by other digests, so that data cannot be compared over that; metrics, params and plots can"));
    }
    let Some(Recorded { pipeline, locks, .. }) = locks_at(project, commit)? else { return Ok(Files::new()) };
    gather(&pipeline, blobs, bit, |stage| locked(&locks, stage).cloned())
}

/// An out that a commit declares for the cache and records nothing of.
#[derive(Clone, Debug)]
pub struct Unrecorded {
    /// Where it is to lie.
    pub path: ProjectPath,
    /// Where it comes from, where it is imported.
    pub import: Option<Import>,
}

/// The outs that a commit declares for the cache and records nothing of; patterns left out.
///
/// # Errors
/// As [`at`].
pub fn unrecorded_at(project: &Project, commit: &str) -> CliResult<Vec<Unrecorded>> {
    let Some(Recorded { pipeline, locks, texts }) = locks_at(project, commit)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for stage in &pipeline.stages {
        let locked = locked(&locks, stage);
        let outs = stage.outs.iter().filter(|out| out.cache && out.glob.is_none());
        let unrecorded = outs.filter(|out| locked.is_none_or(|locked| locked.recorded(out).is_none()));
        for out in unrecorded {
            found.push(Unrecorded { path: out.path.clone(), import: import(&texts, stage)? });
        }
    }
    Ok(found)
}

/// Where a stage's data comes from, where it is imported.
fn import(texts: &BTreeMap<ProjectPath, String>, stage: &pipeline::Stage) -> CliResult<Option<Import>> {
    let file = &stage.address.file;
    match texts.get(file).filter(|_| stage.is_source()) {
        Some(text) => Ok(parse_import(file, text)?),
        None => Ok(None),
    }
}

/// Whether a commit is from before `pipe convert`, and so names contents by other digests.
///
/// # Errors
/// When git fails.
pub fn is_before_conversion(project: &Project, commit: &str) -> CliResult<bool> {
    Ok(as_of(project, commit)?.dialect != project.dialect)
}

/// What a commit records of an out.
#[derive(Clone, Debug)]
pub struct RecordedOut {
    /// Where it lies.
    pub path: ProjectPath,
    /// What it holds.
    pub state: FileState,
    /// Whether DVC 1 or 2 recorded it.
    pub is_old: bool,
    /// The remote that it goes to, where it names one.
    pub remote: Option<String>,
    /// Where it came from, where it was imported.
    pub import: Option<Import>,
}

/// What a commit records of the outs that a cache has; nothing where it has no pipeline.
///
/// # Errors
/// When git fails, or a file of the commit is wrong.
pub fn outs_at(project: &Project, commit: &str) -> CliResult<Vec<RecordedOut>> {
    let Some(Recorded { pipeline, locks, texts }) = locks_at(project, commit)? else {
        return Ok(Vec::new());
    };
    let mut outs = Vec::new();
    for stage in &pipeline.stages {
        let Some(locked) = locked(&locks, stage) else { continue };
        let import = import(&texts, stage)?;
        for out in stage.outs.iter().filter(|out| out.cache) {
            let Some(state) = locked.recorded(out) else { continue };
            let path = out.glob.as_ref().map_or(&out.path, |glob| glob.base());
            outs.push(RecordedOut {
                path: path.clone(),
                state: *state,
                is_old: locked.unix_text.contains(&out.path),
                remote: out.remote.clone(),
                import: import.clone(),
            });
        }
    }
    Ok(outs)
}

/// By lock file, what it says of stages.
type Locks = BTreeMap<ProjectPath, BTreeMap<String, StageLock>>;

fn locked<'a>(locks: &'a Locks, stage: &pipeline::Stage) -> Option<&'a StageLock> {
    locks.get(&pipeline::lock_beside(&stage.address.file))?.get(&stage.address.name)
}

/// What a commit records.
struct Recorded {
    pipeline: Pipeline,
    locks: Locks,
    /// Its pipeline files, locks and pointers.
    texts: BTreeMap<ProjectPath, String>,
}

fn locks_at(project: &Project, commit: &str) -> CliResult<Option<Recorded>> {
    let Some(git) = project.git() else { return Ok(None) };
    let is_record = |name: &str| {
        let Project { dialect, .. } = project;
        name == dialect.lock_file()
            || name == dialect.pipeline_file()
            || is_pointer(&ProjectPath::root().join(name))
    };
    let texts = git.texts(commit, is_record)?;
    let load = |file: &ProjectPath, files: &[ProjectPath], reader: Reader<'_>| {
        let text = |path: &ProjectPath| match texts.get(path) {
            Some(known) => Ok(Some(known.clone())),
            None => (reader.text)(path),
        };
        load_pipeline(file, files, Reader { text: &text, ..reader })
    };
    let Some(pipeline) = load_at(project, commit, load)? else { return Ok(None) };
    let codec = pipeline.lock_codec();
    let mut locks = Locks::new();
    for file in pipeline.ids().map(|id| pipeline.lock_file(id)) {
        if locks.contains_key(&file) {
            continue;
        }
        let stages = match texts.get(&file) {
            Some(text) => codec.parse(&file, text)?.stages,
            None => BTreeMap::new(),
        };
        locks.insert(file, stages);
    }
    Ok(Some(Recorded { pipeline, locks, texts }))
}

fn gather(
    pipeline: &Pipeline,
    blobs: &Blobs,
    bit: Bit,
    locked: impl Fn(&pipeline::Stage) -> Option<StageLock>,
) -> CliResult<Files> {
    let mut recorded = Files::new();
    for stage in &pipeline.stages {
        let Some(locked) = locked(stage) else { continue };
        for out in stage.outs.iter().filter(|out| out.cache) {
            let Some(state) = locked.recorded(out) else { continue };
            match &out.glob {
                None => {
                    let executable = state.executable && bit == Bit::Told;
                    recorded.insert(out.path.clone(), FileState { executable, ..*state });
                }
                Some(glob) => recorded.extend(files(blobs, glob.base(), state)?),
            }
        }
    }
    Ok(recorded)
}

/// The files of a content; the content itself where its manifests are not in the cache.
fn files(blobs: &Blobs, path: &ProjectPath, state: &FileState) -> CliResult<Files> {
    match blobs.files(path, state) {
        Err(CacheError::Missing { .. }) => Ok(Files::from([(path.clone(), *state)])),
        Err(fault @ (CacheError::Damaged { .. } | CacheError::Tree { .. })) => Err(CliError::message(
            format!("the files of {path} cannot be told: {fault}"),
        )
        .hint(format!("`pipe fetch {}` brings its list again", crate::cli::quoted_path(path.as_str())))),
        found => Ok(found?),
    }
}

/// The same data file by file.
///
/// # Errors
/// When a manifest is damaged.
pub fn granular(data: &Files, blobs: &Blobs) -> CliResult<Files> {
    let mut all = Files::new();
    for (path, state) in data {
        all.extend(files(blobs, path, state)?);
    }
    Ok(all)
}

/// Folders that hold files of which none is listed on one of the sides, since the cache lacks their lists. What differs in
/// them cannot be told.
pub fn unlisted(sides: &[&Files]) -> Vec<ProjectPath> {
    let mut unlisted = Vec::new();
    for side in sides {
        for (path, _) in side.iter().filter(|(_, state)| state.files.is_some_and(|files| files > 0)) {
            let behind = side.range((Bound::Excluded(path), Bound::Unbounded)).map(|(known, _)| known);
            let mut alike = behind.take_while(|known| known.as_str().starts_with(path.as_str()));
            if !alike.any(|known| path.contains(known)) {
                unlisted.push(path.clone());
            }
        }
    }
    unlisted
}

/// Says of a folder whose files cannot be told, since the cache lacks a list, what brings that; of what a commit records,
/// where one is named.
pub fn tell_unlisted(folder: &ProjectPath, commit: Option<&str>, printer: Printer) {
    let path = crate::cli::quoted_path(folder.as_str());
    let (at, rev) = match commit.map(|commit| &commit[..commit.len().min(10)]) {
        Some(commit) => (format!(" at {commit}"), format!(" --rev {commit}")),
        None => (String::new(), String::new()),
    };
    printer.warn(format_args!(
        "the files of {folder}{at} cannot be told: the cache lacks its list; `pipe fetch {path}{rev}` brings it"
    ));
}

/// Tells the folders `unlisted` as a whole, which `whole` knows, in the place of their files.
pub fn tell_whole(side: &mut Files, unlisted: &[ProjectPath], whole: &Files) {
    for path in unlisted {
        if let Some(state) = whole.get(path) {
            side.retain(|known, _| !path.contains(known));
            side.insert(path.clone(), *state);
        }
    }
}

/// Data whose files cannot be read, and why.
pub type Unreadable = BTreeMap<ProjectPath, CacheError>;

/// Stands for what is not recorded: where it lies is all that is asked of it.
const UNRECORDED: FileState =
    FileState { digest: base::Digest::Blake3([0; 32]), size: 0, files: None, executable: false };

/// The outs that the cache is to keep and of which nothing is recorded, to be looked for; patterns left out.
pub fn unrecorded(pipeline: &Pipeline, recorded: &Files) -> Files {
    let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let outs = outs.filter(|out| out.cache && out.glob.is_none() && !recorded.contains_key(&out.path));
    outs.map(|out| (out.path.clone(), UNRECORDED)).collect()
}

/// What stands in the workspace where data is recorded, each by the rule that it is recorded by, or, with `granular`, file by
/// file. What cannot be read is no reason to tell nothing of the rest. To be compared, as with [`Bit::Ignored`].
pub fn in_place(
    workspace: &Workspace,
    (pipeline, ledger): (&Pipeline, &Ledger),
    data: &Files,
    granular: bool,
) -> (Files, Unreadable) {
    let locks = pipeline.stages.iter().filter_map(|stage| ledger.get(&stage.address));
    let old: HashSet<&ProjectPath> = locks.flat_map(|locked| &locked.unix_text).collect();
    let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs).filter(|out| out.glob.is_none());
    let outs: HashSet<&ProjectPath> = outs.map(|out| &out.path).collect();
    let (mut found, mut unreadable) = (Files::new(), Unreadable::new());
    for path in data.keys() {
        let here = match granular {
            true => workspace.listing(path),
            false => workspace
                .observe(path)
                .map(|state| state.map(|state| (path.clone(), state)).into_iter().collect()),
        };
        match here {
            Ok(mut files) => {
                if let Some(recorded) = data.get(path).filter(|_| old.contains(path)) {
                    by_the_old_rule(workspace, path, recorded, &mut files);
                }
                if let Some(state) = files.get_mut(path).filter(|_| outs.contains(path)) {
                    state.executable = false;
                }
                found.extend(files);
            }
            Err(fault) => drop(unreadable.insert(path.clone(), fault)),
        }
    }
    (found, unreadable)
}

/// Gives what is found at `path` the digests that DVC 1 or 2 recorded of it, where it is that by their rule. What cannot
/// be read for it keeps the digest of its bytes.
fn by_the_old_rule(workspace: &Workspace, path: &ProjectPath, recorded: &FileState, found: &mut Files) {
    let before = workspace.blobs.files(path, recorded).unwrap_or_default();
    for (file, now) in found {
        let Some(then) = before.get(file).or((file == path).then_some(recorded)) else { continue };
        if now.digest != then.digest
            && workspace.unix_digest(file).is_ok_and(|unix| unix == Some(then.digest))
        {
            now.digest = then.digest;
        }
    }
}

/// Says of what nothing can be told.
///
/// # Errors
/// With exit code 2 when there is any.
pub fn tell_unreadable(unreadable: &Unreadable, printer: Printer) -> CliResult {
    for (path, fault) in unreadable {
        let hint = fault.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        printer.insist(format_args!("{path} cannot be told: {}{hint}", with_causes(fault)));
    }
    if unreadable.is_empty() { Ok(()) } else { Err(CliError::silent(ErrorKind::Unable)) }
}

/// The data that a target names which is no path of data: the outs of a stage, or of a pointer or pipeline file.
pub fn of_target(pipeline: &Pipeline, base: &ProjectPath, target: &str) -> Vec<ProjectPath> {
    let place = |out: &pipeline::Out| out.glob.as_ref().map_or(&out.path, |glob| glob.base()).clone();
    let is_data = |path: &ProjectPath| {
        let mut outs = pipeline.stages.iter().flat_map(|stage| &stage.outs).map(place);
        outs.any(|out| out.contains(path) || path.contains(&out))
    };
    let path = ProjectPath::resolve(base, target);
    if path.as_ref().is_ok_and(is_data) {
        return Vec::new();
    }
    let stages = pipeline.targets(&[target], base).unwrap_or_default();
    let stages = stages.iter().map(|id| pipeline.stage(*id));
    // Data has the name of a stage as seen from the root, and is no data at that path below another folder.
    let is_pointed = path.is_ok_and(|path| is_pointer(&path));
    stages.filter(|stage| is_pointed || !stage.is_source()).flat_map(|stage| &stage.outs).map(place).collect()
}

/// How data is named: folders with a slash behind them.
pub fn named(path: &ProjectPath, state: Option<&FileState>) -> String {
    let slash = if state.is_some_and(FileState::is_folder) { "/" } else { "" };
    format!("{}{slash}", path.spelled())
}
