//! What takes a conversion back that does not come to its end. It is noted before the first change, so that the next
//! process can do it too. The note lies in DVC's folder: that is moved last, in one step, and until then nothing of
//! DVC's is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base::ProjectPath;
use serde_json::{Value as Json, json};

use crate::dvc_config::KEPT;
use crate::error::{CliError, CliResult};
use crate::project::{CONVERTING, DVC_FOLDER, PIPE_FOLDER, Project};

/// Notes what is about to be done: `new` are the files that conversion makes, `gone` those that it moves aside.
///
/// # Errors
/// When the disk refuses.
pub fn begin(old: &Project, new: &[ProjectPath], gone: &[ProjectPath]) -> CliResult {
    let locks = new.iter().filter(|file| file.name() == "pipeline.yaml").map(pipeline::lock_beside);
    let new = new.iter().cloned().chain(locks).filter(|file| !file.to_path(&old.root).exists());
    let names = |files: Vec<ProjectPath>| files.iter().map(ToString::to_string).collect::<Vec<_>>();
    write(old, &json!({"new": names(new.collect()), "gone": names(gone.to_vec())}))
}

/// Notes before other files get these texts what stands in them.
///
/// # Errors
/// When the disk refuses.
pub fn note_texts(old: &Project, texts: &BTreeMap<ProjectPath, String>) -> CliResult {
    let Some(mut note) = read(old)? else { return Ok(()) };
    let mut changes = BTreeMap::new();
    for (file, text) in texts {
        let before = disk::read_text_optional(&file.to_path(&old.root))?;
        changes.insert(file.to_string(), json!({"before": before, "after": text}));
    }
    note["texts"] = json!(changes);
    write(old, &note)
}

fn write(old: &Project, note: &Json) -> CliResult {
    Ok(disk::replace(&old.root.join(CONVERTING), note.to_string().as_bytes())?)
}

fn read(old: &Project) -> CliResult<Option<Json>> {
    let text = disk::read_text_optional(&old.root.join(CONVERTING))?;
    let note = text.map(|text| serde_json::from_str(&text)).transpose();
    note.map_err(|fault| CliError::message(format!("{CONVERTING} cannot be read: {fault}")))
}

/// Makes the project again what it was when [`begin`] noted it, as often as it is called; false where nothing was to be
/// done. What was brought back from the cache meanwhile, links into it that became files, and what somebody has written
/// into other files since, stay.
///
/// # Errors
/// When the note cannot be read or the disk refuses.
pub fn roll_back(old: &Project) -> CliResult<bool> {
    let Some(note) = read(old)? else { return Ok(false) };
    // It is only removed when all else is done.
    let pipe = old.root.join(PIPE_FOLDER);
    if pipe.exists() {
        let aside = ProjectPath::root().join(KEPT).to_path(&old.root);
        if aside.join(DVC_FOLDER).exists() {
            // Another file system: what is there is whole, what is here may not be.
            return Err(CliError::message(format!("{DVC_FOLDER} was being moved to another file system"))
                .hint(format!("`sh {KEPT}/undo.sh` brings it back")));
        }
        let both = |file: &ProjectPath| [file.to_path(&aside), file.to_path(&old.root)];
        for file in paths(&note["gone"]) {
            let [kept, place] = both(&file).map(|path| disk::read_optional(&path));
            if kept?.zip(place?).is_some_and(|(kept, place)| kept != place) {
                return Err(CliError::message(format!(
                    "{file} came back here, and another one is in {KEPT}"
                ))
                .hint("that one is from before the conversion: move one of the two elsewhere"));
            }
        }
        for file in paths(&note["gone"]) {
            let [kept, place] = both(&file);
            if kept.exists() && !place.exists() {
                disk::move_path(&kept, &place)?;
            }
        }
        for file in paths(&note["new"]) {
            disk::remove(&file.to_path(&old.root))?;
        }
        for (file, text) in note["texts"].as_object().into_iter().flatten() {
            let place = old.root.join(file);
            if disk::read_text_optional(&place)?.as_deref() != text["after"].as_str() {
                continue;
            }
            match text["before"].as_str() {
                Some(before) => disk::replace(&place, before.as_bytes())?,
                None => disk::remove(&place)?,
            }
        }
        let texts = note["texts"].as_object().into_iter().flatten();
        let texts = texts.filter_map(|(file, _)| ProjectPath::from_record(file).ok());
        let folders = paths(&note["new"]).chain(texts).filter_map(|file| file.parent());
        for folder in folders.collect::<BTreeSet<_>>() {
            remove_unfinished(&folder.to_path(&old.root))?;
        }
        disk::remove(&aside)?;
        disk::remove(&pipe)?;
    }
    disk::remove(&old.root.join(CONVERTING))?;
    Ok(true)
}

/// Removes what a killed process had not finished to write.
fn remove_unfinished(folder: &Path) -> CliResult {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(disk::is_unfinished) {
            disk::remove(&entry.path())?;
        }
    }
    Ok(())
}

fn paths(list: &Json) -> impl Iterator<Item = ProjectPath> {
    let names = list.as_array().into_iter().flatten().filter_map(Json::as_str);
    names.filter_map(|name| ProjectPath::from_record(name).ok())
}
