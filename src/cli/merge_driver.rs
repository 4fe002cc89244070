//! `pipe merge-driver`: merges locks stage by stage, and pointers by what they tell. Started by git, as `pipe install`
//! tells it to.
//!
//! Git hands over three files and takes the merged one in place of the second. What cannot be merged is written between
//! the marks of a conflict, as git itself does it, and told by exit code 1.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base::{FileState, ProjectPath, Value};
use cache::{Blobs, Difference};
use clap::Args;
use indexmap::IndexSet;
use pipeline::{
    DVC_LOCK_FILE, LOCK_FILE, Lock, Pointer, StageLock, dvc_lock_lines, dvc_lock_stages, is_pointer,
    parse_lock, parse_pointer, update_pointer, write_lock,
};

use crate::error::{CliError, CliResult, ErrorKind};
use crate::project::{DVC_FOLDER, PIPE_FOLDER, Project};
use crate::ui::Printer;

#[derive(Debug, Args)]
pub struct MergeDriverArgs {
    /// The common ancestor (%O)
    base: PathBuf,
    /// Our side (%A), which becomes the result
    ours: PathBuf,
    /// Their side (%B)
    theirs: PathBuf,
    /// Where the file stands in the repository (%P)
    path: PathBuf,
}

/// Merges.
///
/// # Errors
/// With exit code 1 when there is a conflict, which is written into the result.
pub fn run(args: &MergeDriverArgs, printer: Printer) -> CliResult {
    let read = |path: &Path| -> CliResult<String> { Ok(disk::read_text_optional(path)?.unwrap_or_default()) };
    let texts = [read(&args.base)?, read(&args.ours)?, read(&args.theirs)?];
    let name = args.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let file = ProjectPath::root().join(name);
    let merged = if name == LOCK_FILE {
        merge_locks(&file, &texts)
    } else if name == DVC_LOCK_FILE {
        merge_dvc_locks(&file, &texts)
    } else if is_pointer(&file) {
        merge_pointers(&file, &texts, &blobs_of(&args.path))
    } else {
        None
    };
    // What cannot be read is one conflict as a whole.
    let merged = merged.unwrap_or_else(|| Merged { text: conflict(&texts[1], &texts[2]), conflicts: 1 });
    disk::replace(&args.ours, merged.text.as_bytes())?;
    if merged.conflicts == 0 {
        return Ok(());
    }
    printer.insist(format_args!("Conflict in {}: both sides changed the same.", args.path.display()));
    Err(CliError::silent(ErrorKind::Negative))
}

struct Merged {
    text: String,
    conflicts: usize,
}

fn conflict(ours: &str, theirs: &str) -> String {
    let ended = |text: &str| {
        if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
    };
    format!("<<<<<<< ours\n{}=======\n{}>>>>>>> theirs\n", ended(ours), ended(theirs))
}

/// The side that changed, where only one did or both to the same.
fn side<'a, T: PartialEq>(base: &T, ours: &'a T, theirs: &'a T) -> Option<&'a T> {
    if ours == theirs || base == theirs {
        Some(ours)
    } else if base == ours {
        Some(theirs)
    } else {
        None
    }
}

/// `None` where a side is no lock.
fn merge_locks(file: &ProjectPath, texts: &[String; 3]) -> Option<Merged> {
    let read = |text: &String| parse_lock(file, text).ok();
    let [base, ours, theirs] = texts.each_ref().map(read);
    let (base, ours, theirs) = (base?, ours?, theirs?);
    let names: BTreeSet<&String> =
        [&base, &ours, &theirs].into_iter().flat_map(|lock| lock.stages.keys()).collect();
    let mut merged =
        Merged { text: write_lock(&Lock::default()).replace("stages: {}", "stages:"), conflicts: 0 };
    let mut any = false;
    for name in names {
        let of = |lock: &Lock| lock.stages.get(name).cloned();
        let (old, mine, other) = (of(&base), of(&ours), of(&theirs));
        let block =
            |stage: &Option<StageLock>| stage.as_ref().map_or_else(String::new, |stage| block(name, stage));
        match side(&old, &mine, &other) {
            Some(stage) => merged.text.push_str(&block(stage)),
            None => {
                merged.conflicts += 1;
                merged.text.push_str(&conflict(&block(&mine), &block(&other)));
            }
        }
        any = true;
    }
    Some(if any { merged } else { Merged { text: write_lock(&Lock::default()), conflicts: 0 } })
}

/// The same of locks of DVC, in the order of ours. `None` where a side is none.
fn merge_dvc_locks(file: &ProjectPath, texts: &[String; 3]) -> Option<Merged> {
    let [base, ours, theirs] = texts.each_ref().map(|text| dvc_lock_stages(file, text));
    let (base, ours, theirs) = (base?, ours?, theirs?);
    let names: IndexSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let mut merged = Merged { text: String::new(), conflicts: 0 };
    for name in names {
        let [old, mine, other] = [&base, &ours, &theirs].map(|stages| stages.get(name).cloned());
        let block = |stage: &Option<Value>| {
            dvc_lock_lines(stage.iter().map(|stage| (name.clone(), stage.clone())).collect())
        };
        match side(&old, &mine, &other) {
            Some(stage) => merged.text.push_str(&block(stage)),
            None => {
                merged.conflicts += 1;
                merged.text.push_str(&conflict(&block(&mine), &block(&other)));
            }
        }
    }
    let stages = if merged.text.is_empty() { "stages: {}\n" } else { "stages:\n" };
    merged.text = format!("schema: '2.0'\n{stages}{}", merged.text);
    Some(merged)
}

/// The lines of one stage in a lock.
fn block(name: &str, stage: &StageLock) -> String {
    let mut lock = Lock::default();
    lock.stages.insert(name.to_owned(), stage.clone());
    let text = write_lock(&lock);
    let start = text.find("stages:\n").map_or(0, |at| at + "stages:\n".len());
    text[start..].to_owned()
}

/// `None` where a side is no pointer, or both changed the same.
fn merge_pointers(file: &ProjectPath, texts: &[String; 3], blobs: &Blobs) -> Option<Merged> {
    if let Some(text) = side(&texts[0], &texts[1], &texts[2]) {
        return Some(Merged { text: text.clone(), conflicts: 0 });
    }
    let read = |text: &String| parse_pointer(file, text).ok();
    let [base, ours, theirs] = texts.each_ref().map(read);
    let (ours, theirs) = (ours?, theirs?);
    // Data that both sides added has no common state, unless it is the same.
    let state = match &base {
        Some(base) => merge_states([&base.state, &ours.state, &theirs.state], blobs)?,
        None => (ours.state == theirs.state).then_some(ours.state)?,
    };
    let words = |pointer: &Pointer| Pointer { state: ours.state, ..pointer.clone() };
    let old = base.as_ref().map_or_else(|| words(&theirs), words);
    let text = if words(&theirs) == old || words(&theirs) == words(&ours) {
        &texts[1]
    } else if words(&ours) == old {
        &texts[2]
    } else {
        return None;
    };
    let text = update_pointer(file, text, &state, None, None).ok()?;
    Some(Merged { text, conflicts: 0 })
}

/// A folder in which the sides added and changed different files is both; `None` for a conflict, or where the cache
/// lacks what would be needed to tell.
fn merge_states([base, ours, theirs]: [&FileState; 3], blobs: &Blobs) -> Option<FileState> {
    if let Some(state) = side(base, ours, theirs) {
        return Some(*state);
    }
    if ![base, ours, theirs].iter().all(|state| state.is_folder()) {
        return None;
    }
    let files = |state| blobs.files(&ProjectPath::root(), state).ok();
    let (old, mine, other) = (files(base)?, files(ours)?, files(theirs)?);
    let change = Difference::between(&old, &other);
    if !change.deleted.is_empty() {
        return None;
    }
    let mut state = *ours;
    for path in change.added.iter().chain(&change.modified) {
        if old.get(path) != mine.get(path) && mine.get(path) != other.get(path) {
            return None;
        }
        // What is a file on one side may be a folder on the other.
        if mine.keys().any(|known| known != path && (known.contains(path) || path.contains(known))) {
            return None;
        }
        state = blobs.with_entry(&state, path, blobs.sized(other[path])).ok()?;
    }
    Some(state)
}

/// The cache of the project that a file of the repository belongs to. Git starts drivers at the top of the work tree.
fn blobs_of(path: &Path) -> Blobs {
    let here = std::env::current_dir().unwrap_or_default();
    let place = here.join(path);
    let is_root = |folder: &&Path| folder.join(PIPE_FOLDER).exists() || folder.join(DVC_FOLDER).is_dir();
    let root = place.ancestors().skip(1).find(is_root).unwrap_or(&here);
    Project::at(root, root)
        .and_then(Project::with_settings)
        .map_or_else(|_| Blobs::new(&root.join(PIPE_FOLDER).join("cache")), |project| project.blobs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(number: u64) -> FileState {
        let digest = format!("blake3:{number:064}").parse().expect("a digest");
        FileState { digest, size: number, files: None, executable: false }
    }

    fn pointer(number: u64, desc: Option<&str>) -> String {
        pipeline::write_pointer(&ProjectPath::root().join("a.pipe"), "a", &state(number), desc)
    }

    fn merged(texts: [String; 3]) -> Option<String> {
        let blobs = Blobs::new(Path::new("/nonexistent"));
        merge_pointers(&ProjectPath::root().join("a.pipe"), &texts, &blobs).map(|merged| merged.text)
    }

    #[test]
    fn pointers_merge_where_the_sides_changed_different_things() {
        let ours_alone = merged([pointer(1, None), pointer(2, None), pointer(1, None)]);
        assert_eq!(ours_alone, Some(pointer(2, None)));
        let words_and_bytes = merged([pointer(1, None), pointer(1, Some("new")), pointer(3, None)]);
        assert_eq!(words_and_bytes, Some(pointer(3, Some("new"))));
        let other_way = merged([pointer(1, None), pointer(3, None), pointer(1, Some("new"))]);
        assert_eq!(other_way, Some(pointer(3, Some("new"))));
        assert_eq!(merged([pointer(1, None), pointer(2, None), pointer(3, None)]), None);
        assert_eq!(merged([pointer(1, None), pointer(2, Some("a")), pointer(2, Some("b"))]), None);
        assert_eq!(merged([String::new(), pointer(2, None), pointer(3, None)]), None);
        assert_eq!(merged([pointer(1, None), "no pointer".to_owned(), pointer(3, None)]), None);
    }
}
