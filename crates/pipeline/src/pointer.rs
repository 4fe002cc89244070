//! Pointers to data, of either dialect: who reads or writes one asks this, not the format.

use base::{FileState, ProjectPath};

use crate::dialect::Dialect;
use crate::error::PipelineError;
use crate::format::dvc::lock::relative;
use crate::format::dvc::pointer as dvc;
use crate::format::native::pointer as native;
use crate::import::{Import, disown_import, parse_import};
use crate::lock::{Lock, StageLock};
use crate::stage::Stage;

pub use native::Pointer;

/// Reads the text of a pointer to one thing.
///
/// # Errors
/// When the text is no pointer, was written by a newer version, names a path that is not beside or below it, or several.
pub fn parse_pointer(file: &ProjectPath, text: &str) -> Result<Pointer, PipelineError> {
    match Dialect::of_file(file) {
        Dialect::Native => native::parse_pointer(file, text),
        Dialect::Dvc => dvc::parse(file, text)?.single(file),
    }
}

/// Reads the text of a pointer as a stage without a command, and what it records of it.
///
/// # Errors
/// As [`parse_pointer`], but for several things.
pub fn parse_source(file: &ProjectPath, text: &str) -> Result<(Stage, Lock), PipelineError> {
    let (stage, lock) = match Dialect::of_file(file) {
        Dialect::Native => {
            let pointer = native::parse_pointer(file, text)?;
            let lock = pointer.lock(file);
            (pointer.into_stage(file), lock)
        }
        Dialect::Dvc => {
            let pointer = dvc::parse(file, text)?;
            let lock = pointer.lock(file);
            (pointer.into_stage(file), lock)
        }
    };
    Ok((stage, Lock { stages: [(String::new(), lock)].into(), ..Lock::default() }))
}

/// The text of the pointer `file` with `frozen` as said.
///
/// # Errors
/// When the text is no pointer, or takes the word only by hand.
pub fn freeze_pointer(file: &ProjectPath, text: &str, frozen: bool) -> Result<String, PipelineError> {
    match Dialect::of_file(file) {
        Dialect::Native => native::freeze_pointer(file, text, frozen),
        Dialect::Dvc => dvc::freeze(file, text, frozen),
    }
}

/// The text of the pointer `file` with another state, and perhaps another path or description. Everything else stays as
/// it is written.
///
/// # Errors
/// When the text is no pointer.
pub fn update_pointer(
    file: &ProjectPath,
    text: &str,
    state: &FileState,
    name: Option<&str>,
    desc: Option<&str>,
) -> Result<String, PipelineError> {
    match Dialect::of_file(file) {
        Dialect::Native => native::update_pointer(file, text, state, name, desc),
        Dialect::Dvc => {
            dvc::parse(file, text)?.single(file)?;
            dvc::update(file, text, &[dvc::Change { state: Some(*state), name }], desc)
        }
    }
}

/// What the text of a pointer records of one of its things: nothing yet, where that is so.
///
/// # Errors
/// When the text is no pointer.
pub fn pointed_state(
    file: &ProjectPath,
    text: &str,
    path: &ProjectPath,
) -> Result<Option<FileState>, PipelineError> {
    match Dialect::of_file(file) {
        Dialect::Native => native::parse_pointer(file, text).map(|pointer| Some(pointer.state)),
        Dialect::Dvc => {
            let outs = dvc::parse(file, text)?.outs;
            Ok(outs.into_iter().find(|(out, _)| out.path == *path).and_then(|(_, state)| state))
        }
    }
}

/// The text of a pointer that is to record another state than it does of `path`: where that came from elsewhere, it is not what
/// its source has any more, so that nobody could bring it from there.
fn owned(
    file: &ProjectPath,
    text: &str,
    path: &ProjectPath,
    state: &FileState,
) -> Result<String, PipelineError> {
    let recorded = pointed_state(file, text, path)?;
    let is_other = recorded.is_some_and(|recorded| recorded.digest != state.digest);
    let ends = |import: Import| import.ends_with_an_edit(Dialect::of_file(file));
    if is_other && parse_import(file, text)?.is_some_and(ends) {
        return disown_import(file, text);
    }
    Ok(text.to_owned())
}

/// The text of the pointer `file` with another state of the one of its things that lies at `path`, and perhaps another
/// path of it or description. Everything else stays as it is written, but where data came from that is another now.
///
/// # Errors
/// When the text is no pointer, or the new path cannot be named in it.
pub fn update_thing(
    file: &ProjectPath,
    text: &str,
    path: &ProjectPath,
    state: Option<&FileState>,
    to: Option<&ProjectPath>,
    desc: Option<&str>,
) -> Result<String, PipelineError> {
    let text = &match state {
        Some(state) => owned(file, text, path, state)?,
        None => text.to_owned(),
    };
    if Dialect::of_file(file) == Dialect::Native {
        let pointer = native::parse_pointer(file, text)?;
        let name = to.map(|to| to.relative_to(&file.parent().unwrap_or_default()));
        return native::update_pointer(file, text, state.unwrap_or(&pointer.state), name.as_deref(), desc);
    }
    let pointer = dvc::parse(file, text)?;
    let name = to.map(|to| relative(pointer.wdir(), to));
    let changes: Vec<dvc::Change<'_>> = pointer
        .outs
        .iter()
        .map(|(out, _)| match out.path == *path {
            true => dvc::Change { state: state.copied(), name: name.as_deref() },
            false => dvc::Change::default(),
        })
        .collect();
    dvc::update(file, text, &changes, desc)
}

/// The text of a pointer with what `lock` says of its things; `old` is what it held until now. What came from elsewhere and is
/// another now is data of one's own from then on.
///
/// # Errors
/// When the old text is no pointer.
pub fn update_source(
    file: &ProjectPath,
    old: Option<&str>,
    lock: &StageLock,
) -> Result<String, PipelineError> {
    let states: Vec<FileState> = lock.outs.iter().map(|(_, state)| *state).collect();
    let own = match (old, lock.outs.as_slice()) {
        (Some(text), [(path, state)]) => Some(owned(file, text, path, state)?),
        _ => None,
    };
    match (Dialect::of_file(file), own.as_deref().or(old), lock.outs.first()) {
        (Dialect::Dvc, Some(text), _) => {
            let outs = dvc::parse(file, text)?.outs;
            let state_of = |path: &ProjectPath| Some(lock.outs.iter().find(|(known, _)| known == path)?.1);
            let changes: Vec<dvc::Change<'_>> =
                outs.iter().map(|(out, _)| dvc::Change { state: state_of(&out.path), name: None }).collect();
            dvc::update(file, text, &changes, None)
        }
        (Dialect::Native, Some(text), Some(_)) => native::update_pointer(file, text, &states[0], None, None),
        (_, _, Some((path, state))) => {
            let folder = file.parent().unwrap_or_default();
            Ok(write_pointer(file, &path.relative_to(&folder), state, None))
        }
        (_, text, None) => Ok(text.unwrap_or_default().to_owned()),
    }
}

/// The text of a new pointer `file` to the data `path` below its folder.
pub fn write_pointer(file: &ProjectPath, path: &str, state: &FileState, desc: Option<&str>) -> String {
    match Dialect::of_file(file) {
        Dialect::Native => native::write_pointer(path, state, desc),
        Dialect::Dvc => dvc::write(path, state, desc),
    }
}
