//! Looking at deps that are no single path of the project, and at outs outside it.

use std::io;
use std::path::{Path, PathBuf};

use base::{FileState, ProjectPath};
use cache::Placement;
use pipeline::{Special, SpecialKind, SpecialName, SpecialOut, Stage, StageLock, dataset_state};

use crate::job::Failure;
use crate::outs::with_choice;
use crate::params::{ParamReader, Unreadable};
use crate::url;

/// What stages wrote outside the project, in their order.
pub(crate) type SpecialStates = Vec<(SpecialName, FileState)>;

/// What the dep holds now; `None` when there is nothing.
pub(crate) fn observe(reader: &ParamReader<'_>, dep: &Special) -> Result<Option<FileState>, Unreadable> {
    match dep.name.kind {
        SpecialKind::Glob => matching(reader, dep),
        SpecialKind::Outside | SpecialKind::Remote => {
            outside(reader, &dep.name, &place(reader, "dep", &dep.name)?)
        }
        SpecialKind::Dataset => {
            let told = dataset(reader, &dep.name).map_err(|message| unreadable(&dep.name, message))?;
            let state = dataset_state(&told);
            reader.note(&dep.name, told);
            Ok(Some(state))
        }
        SpecialKind::Url => {
            let answer = url::ask(&dep.name.text).map_err(|message| unreadable(&dep.name, message))?;
            Ok(answer.map(|(state, told)| {
                reader.note(&dep.name, told);
                state
            }))
        }
    }
}

/// What the out outside the project holds now; `None` when there is nothing.
pub(crate) fn observe_out(
    reader: &ParamReader<'_>,
    name: &SpecialName,
) -> Result<Option<FileState>, Unreadable> {
    outside(reader, name, &out_place(reader, name)?)
}

/// Stores what the out holds when the cache has no copy of it yet; says what was saved.
pub(crate) fn save_unsaved(
    reader: &ParamReader<'_>,
    name: &SpecialName,
    state: &FileState,
) -> Result<bool, Unreadable> {
    if reader.workspace().blobs.has_all(state) {
        return Ok(false);
    }
    let path = out_place(reader, name)?;
    let outside = reader.outside().map_err(|fault| Unreadable::new(name.clone(), &fault))?;
    let stored = outside.store(&path, Placement::Private);
    stored.map(|stored| stored.is_some()).map_err(|fault| Unreadable::of_content(name.clone(), &fault))
}

/// Where the deps of a stage lie that are outside the project; what cannot be told is judged elsewhere.
pub(crate) fn read_places(reader: &ParamReader<'_>, stage: &Stage) -> Vec<PathBuf> {
    let places = stage.special.iter().filter_map(|dep| place(reader, "dep", &dep.name).ok());
    let params = stage.params.iter().filter_map(|param| Some(PathBuf::from(&param.file.outside()?.text)));
    places.map(|place| place.to_path("/".as_ref())).chain(params).collect()
}

/// Where the outs of a stage lie that are outside the project; whether each stays in place while the command runs.
pub(crate) fn written_places(reader: &ParamReader<'_>, stage: &Stage) -> Vec<(PathBuf, bool)> {
    let place =
        |out: &SpecialOut| Some((out_place(reader, &out.name).ok()?.to_path("/".as_ref()), out.persist));
    stage.special_outs.iter().filter_map(place).collect()
}

/// Saves what the outs of `stage` hold that persist outside the project, and makes them files of their own, before its command
/// changes them in place. Says what that was, by paths below the root of the file system.
pub(crate) fn save_persisting(
    reader: &ParamReader<'_>,
    stage: &Stage,
) -> Result<Vec<(ProjectPath, FileState)>, Failure> {
    let mut saved = Vec::new();
    for SpecialOut { name, .. } in stage.special_outs.iter().filter(|out| out.persist) {
        let path = out_place(reader, name).map_err(|fault| Failure::Refused(fault.to_string()))?;
        let (outside, path) = (reader.outside()?, real(path));
        if let Some(state) = outside.store(&path, Placement::Private)? {
            outside.unprotect(&path)?;
            saved.push((path, state));
        }
    }
    Ok(saved)
}

/// The place without the symlinks above it, which may be the user's: nothing is put back through one.
fn real(path: ProjectPath) -> ProjectPath {
    let above = path.parent().and_then(|above| above.to_path("/".as_ref()).canonicalize().ok());
    let above = above.and_then(|above| ProjectPath::from_relative(above.strip_prefix("/").ok()?).ok());
    above.map(|above| above.join(path.name())).unwrap_or(path)
}

fn unreadable(name: &SpecialName, message: String) -> Unreadable {
    Unreadable::new(name.clone(), &io::Error::other(message))
}

fn matching(reader: &ParamReader<'_>, dep: &Special) -> Result<Option<FileState>, Unreadable> {
    let Some(glob) = &dep.glob else { return Ok(None) };
    with_choice(glob, |files| reader.workspace().observe_chosen(files))
        .map_err(|fault| Unreadable::of_content(dep.name.clone(), &fault))
}

/// What the lock beside its pipeline file says of a data set.
fn dataset(reader: &ParamReader<'_>, name: &SpecialName) -> Result<String, String> {
    let dataset = reader.pipeline().dataset(name.dataset_name()).ok_or_else(|| {
        format!("there is no dataset `{}` in any `datasets`, which dep {name} names", name.dataset_name())
    })?;
    let file = reader.workspace().os_path(&dataset.lock_file());
    let text = disk::read_text_optional(&file).map_err(|fault| format!("{fault}: {}", fault.source))?;
    dataset.told(text.as_deref())
}

/// Where an out lies, below the root of the file system.
fn out_place(reader: &ParamReader<'_>, name: &SpecialName) -> Result<ProjectPath, Unreadable> {
    let path = place(reader, "out", name)?;
    let os_paths = [path.clone(), real(path.clone())].map(|path| path.to_path("/".as_ref()));
    let is_within = |folder: &PathBuf| os_paths.iter().any(|path| folder.starts_with(path));
    // It is set aside while the command runs, and dropped then.
    let kept = kept(reader).into_iter().find(|(_, folder)| both_names(folder).iter().any(is_within));
    match kept {
        Some((what, _)) => Err(unreadable(name, format!("out {name} contains {what}"))),
        None => Ok(path),
    }
}

/// What no out may contain: what it is called, and its folder.
fn kept(reader: &ParamReader<'_>) -> Vec<(String, PathBuf)> {
    let workspace = reader.workspace();
    let own = [
        ("the project", workspace.os_path(&ProjectPath::root())),
        ("the cache", workspace.blobs.root().to_owned()),
    ];
    let own = own.map(|(what, folder)| (what.to_owned(), folder));
    let remotes = reader.pipeline().environment.remotes.iter();
    let remotes =
        remotes.filter_map(|(name, folder)| Some((format!("remote `{name}`"), folder.clone().ok()?)));
    own.into_iter().chain(remotes).collect()
}

/// Where something lies that is outside the project, below the root of the file system; `what` is how messages call it.
fn place(reader: &ParamReader<'_>, what: &str, name: &SpecialName) -> Result<ProjectPath, Unreadable> {
    let fault = |message| unreadable(name, message);
    let path = match name.in_remote() {
        None => name.outside_path(),
        Some((remote, path)) => {
            let place = path
                .to_path(reader.remote_folder(remote).map_err(|why| fault(format!("{what} {name}: {why}")))?);
            let place = SpecialName::outside(&place.to_string_lossy());
            place.map_err(|error| fault(error.to_string()))?.outside_path()
        }
    };
    let path = path.ok_or_else(|| fault(format!("{what} {name} lies nowhere")))?;
    let os_path = path.to_path("/".as_ref());
    let root = both_names(&reader.workspace().os_path(&ProjectPath::root()));
    if let Some(inside) = root.iter().find_map(|root| os_path.strip_prefix(root).ok()) {
        // No edge would lead here from the stage that writes it.
        let inside = base::shown(inside);
        return Err(fault(format!("{what} {name} lies in the project: write it as `{inside}`")));
    }
    Ok(path)
}

/// A folder as it is named and as it is.
fn both_names(folder: &Path) -> [PathBuf; 2] {
    [folder.to_owned(), folder.canonicalize().unwrap_or_else(|_| folder.to_owned())]
}

/// What lies at `path` below the root of the file system, which `name` means.
fn outside(
    reader: &ParamReader<'_>,
    name: &SpecialName,
    path: &ProjectPath,
) -> Result<Option<FileState>, Unreadable> {
    let outside = reader.outside().map_err(|fault| Unreadable::new(name.clone(), &fault))?;
    outside.observe_input(path).map_err(|fault| Unreadable::of_content(name.clone(), &fault))
}

/// The first special dep of `stage` that is not what `inputs` says of it, as messages call it; `None` when all
/// are. To be asked when a command has ended: which state of a changed input it read nobody knows.
pub fn changed_special(reader: &ParamReader<'_>, stage: &Stage, inputs: &StageLock) -> Option<String> {
    let is_same = |dep: &Special| {
        let now = observe(reader, dep).ok().flatten();
        now.is_some_and(|now| inputs.special(&dep.name).is_some_and(|before| before.digest == now.digest))
    };
    stage.special.iter().find(|dep| !is_same(dep)).map(|dep| format!("dep {}", dep.name))
}
