//! Which outs and data were recorded or brought back here: the memory that tells what other revisions left behind.
//!
//! Git moves pipeline files and pointers without what they tell of. What nothing declares any more lies on, unignored
//! and read by whoever reads its folder. A checkout of everything removes it, where it still is what is remembered here,
//! or a part of it, and the cache holds it; git brings back what declares it, and a checkout the rest. Deleting the
//! memory loses that, never any data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base::{Digest, FileState, ProjectPath};
use cache::Workspace;
use disk::{DiskError, Moment};
use exec::Ledger;
use pipeline::{Address, Pipeline, StageId};
use serde::{Deserialize, Serialize};

use crate::error::CliResult;
use crate::project::Project;
use crate::tracked::tracked_below;
use crate::ui::Printer;

const VERSION: u32 = 1;

/// The file, as it lies on disk.
#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    outs: BTreeMap<ProjectPath, Entry>,
}

/// What is remembered of one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The pipeline file or pointer that declared it.
    pub file: ProjectPath,
    /// Which stage in it; empty in a pointer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stage: String,
    /// What it held.
    pub digest: Digest,
}

/// What is remembered, by path.
#[derive(Debug)]
pub struct Placed {
    path: PathBuf,
    known: BTreeMap<ProjectPath, Entry>,
    /// What was learnt or forgotten since it was read.
    changes: BTreeMap<ProjectPath, Option<Entry>>,
}

impl Placed {
    /// What is remembered in `project`; nothing, where it cannot be read.
    pub fn load(project: &Project) -> Self {
        Placed::at(project.pipe_path("placed"))
    }

    fn at(path: PathBuf) -> Self {
        Placed { known: read(&path), path, changes: BTreeMap::new() }
    }

    /// Remembers what `stages` have recorded of what the cache keeps.
    pub fn note(&mut self, pipeline: &Pipeline, ledger: &Ledger, workspace: &Workspace, stages: &[StageId]) {
        for stage in stages.iter().map(|id| pipeline.stage(*id)) {
            let Some(locked) = ledger.get(&stage.address) else { continue };
            for out in stage.outs.iter().filter(|out| out.cache) {
                let Some(state) = locked.recorded(out) else { continue };
                let mut set = |path: ProjectPath, digest| {
                    let Address { file, name } = stage.address.clone();
                    self.set(path, Some(Entry { file, stage: name, digest }));
                };
                match &out.glob {
                    None => set(out.path.clone(), state.digest),
                    Some(glob) => {
                        let files = workspace.blobs.files(glob.base(), state).unwrap_or_default();
                        for (path, state) in files {
                            set(path, state.digest);
                        }
                    }
                }
            }
        }
    }

    /// Remembers data that a pointer was just written for.
    pub fn note_data(&mut self, pointer: &ProjectPath, path: &ProjectPath, digest: Digest) {
        self.set(path.clone(), Some(Entry { file: pointer.clone(), stage: String::new(), digest }));
    }

    /// Forgets a path, and all that lies in it: from now on it is the user's.
    pub fn forget(&mut self, path: &ProjectPath) {
        let inside: Vec<ProjectPath> =
            self.known.keys().filter(|known| path.contains(known)).cloned().collect();
        for path in inside {
            self.set(path, None);
        }
    }

    /// The data that is remembered by its path or its pointer's, and whose pointer is gone.
    pub fn gone(&self, project: &Project, target: &ProjectPath) -> Option<ProjectPath> {
        let is_meant = |(path, entry): &(&ProjectPath, &Entry)| {
            entry.stage.is_empty()
                && (*path == target || entry.file == *target)
                && std::fs::symlink_metadata(entry.file.to_path(&project.root)).is_err()
        };
        self.known.iter().find(is_meant).map(|(path, _)| path.clone())
    }

    fn set(&mut self, path: ProjectPath, entry: Option<Entry>) {
        if self.known.get(&path) == entry.as_ref() {
            return;
        }
        match &entry {
            Some(entry) => self.known.insert(path.clone(), entry.clone()),
            None => self.known.remove(&path),
        };
        self.changes.insert(path, entry);
    }

    /// What is remembered, lies there, and is declared by nothing now: neither as an out or data, nor by name as
    /// something that is read. What a file declares that stands where this time nobody looked is not among it.
    pub fn unclaimed(&self, project: &Project, pipeline: &Pipeline) -> Vec<(ProjectPath, Entry)> {
        let outs = || pipeline.stages.iter().flat_map(|stage| &stage.outs);
        let made: BTreeSet<&str> =
            outs().filter(|out| out.glob.is_none()).map(|out| out.path.as_str()).collect();
        let globs: Vec<_> = outs().filter_map(|out| out.glob.as_ref()).collect();
        let read: BTreeSet<&str> =
            pipeline.stages.iter().flat_map(|stage| &stage.deps).map(ProjectPath::as_str).collect();
        let holds_one = |paths: &BTreeSet<&str>, path: &ProjectPath| {
            let below = format!("{}/", path.as_str());
            paths.contains(path.as_str())
                || paths.range(below.as_str()..).next().is_some_and(|next| next.starts_with(&below))
        };
        let above = |path: &ProjectPath| std::iter::successors(path.parent(), ProjectPath::parent);
        let is_claimed = |path: &ProjectPath| {
            holds_one(&made, path)
                || holds_one(&read, path)
                || above(path).any(|folder| made.contains(folder.as_str()))
                || globs.iter().any(|glob| glob.concerns(path))
        };
        let is_elsewhere = |file: &ProjectPath| {
            file.to_path(&project.root).exists()
                && !pipeline.files.contains(file)
                && !pipeline.pointers.contains(file)
        };
        let is_there = |path: &ProjectPath| std::fs::symlink_metadata(path.to_path(&project.root)).is_ok();
        let left = self
            .known
            .iter()
            .filter(|(path, entry)| !is_claimed(path) && is_there(path) && !is_elsewhere(&entry.file));
        left.map(|(path, entry)| (path.clone(), entry.clone())).collect()
    }

    /// Writes down what was learnt, over what others have learnt meanwhile.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn save(&mut self) -> Result<(), DiskError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        let _moment = Moment::take(&folder.join("tmp").join("placed.lock"))?;
        let mut outs = read(&self.path);
        for (path, entry) in std::mem::take(&mut self.changes) {
            match entry {
                Some(entry) => outs.insert(path, entry),
                None => outs.remove(&path),
            };
        }
        let mut text = serde_json::to_string(&Record { version: VERSION, outs }).expect("plain data");
        text.push('\n');
        // Where a power loss takes it, nothing is taken for left over.
        disk::replace_volatile(&self.path, text.as_bytes())
    }
}

fn read(path: &Path) -> BTreeMap<ProjectPath, Entry> {
    let text = disk::read_text_optional(path).ok().flatten().unwrap_or_default();
    let record = serde_json::from_str::<Record>(&text).ok().filter(|record| record.version == VERSION);
    record.map(|record| record.outs).unwrap_or_default()
}

/// Removes what is left of other revisions, as [`Placed::unclaimed`] found it, and tells what went, and whether it was a
/// folder. What git keeps now is git's, and what was changed since is somebody's.
///
/// # Errors
/// When git or the disk refuses.
pub fn sweep(
    project: &Project,
    workspace: &Workspace,
    placed: &mut Placed,
    left: &[(ProjectPath, Entry)],
    printer: Printer,
) -> CliResult<Vec<(ProjectPath, bool)>> {
    let mut swept = Vec::new();
    let tracked = match project.git().filter(|_| !left.is_empty()) {
        Some(git) => git.tracked()?,
        None => Vec::new(),
    };
    for (path, entry) in left {
        if tracked_below(&tracked, path).is_some() {
            placed.forget(path);
            continue;
        }
        let Ok(Some(now)) = workspace.observe(path) else { continue };
        if !is_as_recorded(workspace, path, now, entry.digest) || workspace.leads_through_symlink(path) {
            printer.warn(format_args!(
                "{path} is left in place: no stage and no pointer tells of it here, and the cache does not hold it as it is"
            ));
            continue;
        }
        workspace.remove(path)?;
        let place = path.to_path(&project.root);
        disk::remove_empty_folders(place.parent().unwrap_or(&place), &project.root);
        placed.forget(path);
        swept.push((path.clone(), now.is_folder()));
    }
    Ok(swept)
}

/// Whether what stands at a path is what was recorded there, and held by the cache: also a part of a folder, which is what a
/// killed removal leaves.
pub fn is_as_recorded(workspace: &Workspace, path: &ProjectPath, now: FileState, recorded: Digest) -> bool {
    if now.digest == recorded {
        return workspace.blobs.keeps_all(&now);
    }
    let recorded = FileState { digest: recorded, ..now };
    let files = || Some((workspace.listing(path).ok()?, workspace.blobs.files(path, &recorded).ok()?));
    let Some((here, recorded)) = files().filter(|_| now.is_folder()) else { return false };
    here.iter().filter(|(_, state)| !state.is_folder()).all(|(file, state)| {
        recorded.get(file).is_some_and(|known| known.digest == state.digest) && workspace.blobs.keeps(state)
    })
}

/// Remembers what `stages` have recorded here.
///
/// # Errors
/// When the disk refuses.
pub fn remember(
    project: &Project,
    (pipeline, stages): (&Pipeline, &[StageId]),
    ledger: &Ledger,
    workspace: &Workspace,
) -> Result<(), DiskError> {
    let mut placed = Placed::load(project);
    placed.note(pipeline, ledger, workspace, stages);
    placed.save()
}

/// Forgets what was recorded at `paths`: the user keeps it.
///
/// # Errors
/// When the disk refuses.
pub fn forget<'a>(project: &Project, paths: impl Iterator<Item = &'a ProjectPath>) -> Result<(), DiskError> {
    let mut placed = Placed::load(project);
    for path in paths {
        placed.forget(path);
    }
    placed.save()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ProjectPath {
        ProjectPath::from_record(text).unwrap()
    }

    fn entry(byte: u8) -> Entry {
        let (file, stage) = (path("sub/pipeline.yaml"), "make".to_owned());
        Entry { file, stage, digest: Digest::Blake3([byte; 32]) }
    }

    #[test]
    fn what_several_learn_is_kept_and_a_damaged_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("placed");
        let (mut ours, mut theirs) = (Placed::at(file.clone()), Placed::at(file.clone()));
        ours.set(path("a"), Some(entry(1)));
        ours.set(path("gone/x"), Some(entry(1)));
        ours.save().unwrap();
        theirs.set(path("é\n"), Some(entry(2)));
        theirs.save().unwrap();
        ours.forget(&path("gone"));
        ours.save().unwrap();
        let now = Placed::at(file.clone()).known;
        assert_eq!(now, BTreeMap::from([(path("a"), entry(1)), (path("é\n"), entry(2))]));
        for text in ["", "{", "{\"version\":2,\"outs\":{}}"] {
            disk::replace(&file, text.as_bytes()).unwrap();
            assert!(Placed::at(file.clone()).known.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_memory_of_version_1() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("placed");
        let mut ours = Placed::at(file.clone());
        ours.set(path("ev/é.o"), Some(entry(1)));
        ours.save().unwrap();
        let golden = include_str!("../tests/golden/placed-1.json");
        assert_eq!(String::from_utf8(disk::read(&file).unwrap()).unwrap(), golden);
        assert_eq!(read(&file), ours.known);
    }
}
