//! Looking at deps that are no single path of the project.

use std::io;

use base::{FileState, ProjectPath};
use pipeline::{Special, SpecialKind, SpecialName, Stage, StageLock};

use crate::outs::with_choice;
use crate::params::{ParamReader, Unreadable};
use crate::url;

/// What the dep holds now; `None` when there is nothing.
pub(crate) fn observe(reader: &ParamReader<'_>, dep: &Special) -> Result<Option<FileState>, Unreadable> {
    match dep.name.kind {
        SpecialKind::Glob => matching(reader, dep),
        SpecialKind::Outside => outside(reader, dep, &dep.name),
        SpecialKind::Remote => {
            let (remote, path) = dep.name.in_remote().unwrap_or_default();
            let unreadable = |fault| Unreadable::new(dep.name.clone(), &io::Error::other(fault));
            let place = path.to_path(reader.remote_folder(remote).map_err(unreadable)?);
            let place = SpecialName::outside(&place.to_string_lossy());
            outside(reader, dep, &place.map_err(|fault| unreadable(fault.to_string()))?)
        }
        SpecialKind::Url => {
            let answer = url::ask(&dep.name.text)
                .map_err(|message| Unreadable::new(dep.name.clone(), &io::Error::other(message)))?;
            Ok(answer.map(|(state, told)| {
                reader.note(&dep.name, told);
                state
            }))
        }
    }
}

fn matching(reader: &ParamReader<'_>, dep: &Special) -> Result<Option<FileState>, Unreadable> {
    let Some(glob) = &dep.glob else { return Ok(None) };
    with_choice(glob, |files| reader.workspace().observe_chosen(files))
        .map_err(|fault| Unreadable::of_content(dep.name.clone(), &fault))
}

/// What lies at `place`, which `dep` means.
fn outside(
    reader: &ParamReader<'_>,
    dep: &Special,
    place: &SpecialName,
) -> Result<Option<FileState>, Unreadable> {
    let Some(path) = place.outside_path() else { return Ok(None) };
    let root = reader.workspace().os_path(&ProjectPath::root());
    let os_path = path.to_path("/".as_ref());
    let real_root = root.canonicalize().unwrap_or_else(|_| root.clone());
    if let Some(inside) = [&root, &real_root].iter().find_map(|root| os_path.strip_prefix(root).ok()) {
        // No edge would lead here from the stage that writes it.
        let message = format!("dep {} lies in the project: write it as `{}`", dep.name, base::shown(inside));
        return Err(Unreadable::new(dep.name.clone(), &io::Error::other(message)));
    }
    let outside = reader.outside().map_err(|fault| Unreadable::new(dep.name.clone(), &fault))?;
    outside.observe_input(&path).map_err(|fault| Unreadable::of_content(dep.name.clone(), &fault))
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
