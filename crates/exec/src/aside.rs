//! Setting the outs of a stage aside while its command runs, and putting them back when it fails.
//!
//! Before a command starts, its outs move into the job's folder, together with a note of what lies where.
//! A success drops them; a failure, or the next process after a kill, moves them back and keeps the partial
//! ones for a look. So the workspace holds the last good outs or the new ones, and nothing in between
//! is ever taken for a result.

use std::fs;
use std::path::{Path, PathBuf};

use base::{FileState, ProjectPath};
use disk::{DiskError, Holder};
use serde::{Deserialize, Serialize};

use crate::aside_files::{FilesOf, files_below};
use crate::claim::{Claim, Wish};

/// The note's file name in a job's folder.
pub(crate) const NOTE: &str = "job.json";

/// The folder for partial outs from outside the project, among the others.
pub(crate) const OUTSIDE: &str = "outside the project";

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    version: u32,
    pub holder: Holder,
    /// The command that the process was started with.
    #[serde(default)]
    pub command: String,
    /// What it is at work on: `stage train`.
    pub stage: String,
    /// Whether everything was moved, so that what stands at an out's place since is the command's work.
    pub running: bool,
    /// Where the partial outs of a failure go, relative to the project root.
    pub partial: Option<PathBuf>,
    /// Every out that is a path; whether it stays in place while the command runs.
    pub outs: Vec<(ProjectPath, bool)>,
    /// Every out that lies outside the project, by its absolute path; whether it stays in place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<(PathBuf, bool)>,
    /// Every out that is a pattern.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patterns: Vec<FilesOf>,
    /// What the outs held that stay in place; the cache has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub persisted: Vec<(ProjectPath, FileState)>,
    /// The same outside the project, by absolute paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub persisted_outside: Vec<(PathBuf, FileState)>,
    /// What was recorded of the stage when it began, as [`record_mark`](crate::record_mark) tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// What others may not write meanwhile.
    #[serde(default)]
    pub reads: Vec<ProjectPath>,
    /// The same outside the project, by its absolute path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads_outside: Vec<PathBuf>,
    /// What others may not hold meanwhile.
    #[serde(default)]
    pub pools: Vec<String>,
}

impl Note {
    /// That this process, started as `command`, is at work on what `wish` names.
    pub fn new(command: &str, wish: Wish) -> Self {
        let Wish { what, reads, writes, patterns, pools, outside, reads_outside } = wish;
        let (holder, command) = (Holder::current(), command.to_owned());
        Note {
            version: 1,
            holder,
            command,
            stage: what,
            running: false,
            partial: None,
            outs: writes,
            outside,
            patterns,
            persisted: Vec::new(),
            persisted_outside: Vec::new(),
            record: None,
            reads,
            reads_outside,
            pools,
        }
    }

    /// Every out that has a slot, in their order: where it lies, what it is called among partial ones, and whether it stays
    /// in place while the command runs.
    pub fn slotted(&self, root: &Path) -> Vec<(PathBuf, PathBuf, bool)> {
        let inside = self.outs.iter().map(|(path, stays)| (path.to_path(root), path.as_str().into(), *stays));
        let name = |path: &Path| Path::new(OUTSIDE).join(path.strip_prefix("/").unwrap_or(path));
        let outside = self.outside.iter().map(|(path, stays)| (path.clone(), name(path), *stays));
        inside.chain(outside).collect()
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.outs.len() + self.outside.len()
    }

    /// Whether anything can be set aside for it.
    pub fn has_outs(&self) -> bool {
        self.slots() > 0 || !self.patterns.is_empty()
    }
}

/// The outs of one running stage, set aside.
#[derive(Debug)]
pub struct Aside {
    pub(crate) root: PathBuf,
    pub(crate) job: Job,
}

/// Where a stage's outs were set aside, and by whom.
#[derive(Debug)]
pub(crate) enum Job {
    /// This process, which claimed the outs.
    Ours(Claim),
    /// A dead one.
    Dead { folder: PathBuf, note: Note },
}

impl Job {
    fn folder(&self) -> &Path {
        match self {
            Job::Ours(claim) => &claim.folder,
            Job::Dead { folder, .. } => folder,
        }
    }

    fn note(&self) -> &Note {
        match self {
            Job::Ours(claim) => &claim.note,
            Job::Dead { note, .. } => note,
        }
    }

    /// Ends it. The note goes first: without it, nothing is put back over what stands there now.
    fn end(self) -> Result<(), DiskError> {
        match self {
            Job::Ours(claim) => claim.end(),
            Job::Dead { folder, .. } => {
                disk::remove(&folder.join(NOTE))?;
                disk::remove_what_is_closed(&folder).map(drop)
            }
        }
    }
}

/// What is known of what stands in an out's place after a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is what the command left, or nothing: what was set aside comes back.
    OfCommand,
    /// It is what is recorded now.
    AsRecorded,
    /// It was made since, or may have been.
    MadeSince,
}

impl Aside {
    /// Moves the outs that exist into the folder of `claim`. Outs that persist stay; of those that are not there yet, what a
    /// failed command wrote is partial as that of any other. `partial` is where a failure's leftovers go.
    ///
    /// # Errors
    /// When something cannot be moved, or the note cannot be written; what was moved before is put back.
    pub fn set(root: &Path, claim: Claim, partial: Option<&Path>) -> Result<Self, DiskError> {
        let mut aside = Aside { root: root.to_owned(), job: Job::Ours(claim) };
        match aside.begin(partial) {
            Ok(()) => Ok(aside),
            Err(fault) => {
                aside.put_back()?;
                Err(fault)
            }
        }
    }

    fn begin(&mut self, partial: Option<&Path>) -> Result<(), DiskError> {
        let Aside { root, job: Job::Ours(claim) } = self else { return Ok(()) };
        let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
        claim.note.outs.iter_mut().for_each(|(path, stays)| *stays &= is_there(&path.to_path(root)));
        claim.note.outside.iter_mut().for_each(|(path, stays)| *stays &= is_there(path));
        claim.note.partial = partial.map(|path| path.strip_prefix(&*root).unwrap_or(path).to_owned());
        if claim.note.has_outs() {
            claim.write_note()?;
        }
        // The note stands already: a kill in between finds what to put back.
        for (index, (from, _, stays)) in claim.note.slotted(root).into_iter().enumerate() {
            if !stays && is_there(&from) {
                disk::move_path(&from, &slot(&claim.folder, index))?;
            }
        }
        for (index, pattern) in claim.note.patterns.iter().enumerate() {
            pattern.set_aside(root, &files_slot(&claim.folder, index))?;
        }
        claim.note.running = true;
        claim.write_note().inspect_err(|_| claim.note.running = false)
    }

    /// Drops what was set aside: the new outs are good. What was `ignored` in the old ones no cache holds: it goes back to
    /// its place, but where the command has written something else there. Returns what has no place any more, since
    /// its folder is gone or takes nothing, by where it lies instead.
    ///
    /// # Errors
    /// When it cannot be moved or removed; what could not be moved stays for the next process.
    pub fn drop_old(mut self, ignored: &[ProjectPath]) -> Result<Vec<PathBuf>, DiskError> {
        match (self.carry_over(ignored), &mut self.job) {
            (Ok(homeless), _) => self.job.end().map(|()| homeless),
            (Err(fault), Job::Ours(claim)) => {
                claim.leave();
                Err(fault)
            }
            (Err(fault), Job::Dead { .. }) => Err(fault),
        }
    }

    fn carry_over(&self, ignored: &[ProjectPath]) -> Result<Vec<PathBuf>, DiskError> {
        let note = self.job.note();
        let partial = note.partial.as_ref().map(|path| self.root.join(path));
        let mut homeless = Vec::new();
        for path in ignored {
            let Some(index) = note.outs.iter().position(|(out, _)| out.contains(path)) else { continue };
            let (old, place) = (slot(self.job.folder(), index), path.to_path(&self.root));
            let out = note.outs[index].0.to_path(&self.root);
            let old = place.strip_prefix(&out).map_or(old.clone(), |inside| old.join(inside));
            if fs::symlink_metadata(&old).is_err() {
                continue;
            }
            let mut above = place.ancestors().skip(1).take_while(|folder| folder.starts_with(&out));
            // A folder made for it would be one more in the result.
            let has_place =
                above.all(|folder| fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir()));
            match (has_place.then(|| carry(&old, &place)), &partial) {
                (Some(Ok(())), _) => {}
                // Left where it is, it would be taken for the result, once this process has ended.
                (_, Some(partial)) => {
                    let kept = path.to_path(partial);
                    disk::move_path(&old, &kept)?;
                    homeless.push(kept);
                }
                (_, None) => carry(&old, &place)?,
            }
        }
        Ok(homeless)
    }

    /// Moves partial outs away and the old ones back. Returns where the partial ones are.
    ///
    /// # Errors
    /// When something cannot be moved; the note stays, so that the next attempt goes on.
    pub fn put_back(self) -> Result<Option<PathBuf>, DiskError> {
        self.put_back_but(&[])
    }

    /// The same, but for those `left` as they are, of which what was set aside goes to the partial ones: in the order of
    /// [`fates`](crate::cut_off).
    pub(crate) fn put_back_but(mut self, left: &[bool]) -> Result<Option<PathBuf>, DiskError> {
        let kept = self.move_back(left);
        match (kept, &mut self.job) {
            (Ok(kept), _) => {
                self.job.end()?;
                Ok(kept)
            }
            (Err(fault), Job::Ours(claim)) => {
                claim.leave();
                Err(fault)
            }
            (Err(fault), Job::Dead { .. }) => Err(fault),
        }
    }

    fn move_back(&self, left: &[bool]) -> Result<Option<PathBuf>, DiskError> {
        let note = self.job.note();
        let partial = note.partial.as_ref().map(|path| self.root.join(path));
        let is_left = |index: usize| left.get(index).copied().unwrap_or_default();
        let mut kept = None;
        for (index, (place, name, stays)) in note.slotted(&self.root).into_iter().enumerate() {
            let old = slot(self.job.folder(), index);
            let has_old = fs::symlink_metadata(&old).is_ok();
            if is_left(index) {
                if let Some(folder) = partial.as_ref().filter(|_| has_old) {
                    disk::move_path(&old, &folder.join(name))?;
                    kept = Some(folder.clone());
                }
                continue;
            }
            // A second attempt finds the old out in place and its slot empty: then nothing is partial.
            let is_new = if note.running { has_old || !self.mark(index).exists() } else { has_old };
            let is_partial = is_new && !stays;
            if is_partial && fs::symlink_metadata(&place).is_ok() {
                match &partial {
                    Some(folder) => {
                        disk::move_path(&place, &folder.join(name))?;
                        kept = Some(folder.clone());
                    }
                    None => disk::remove(&place)?,
                }
            }
            if has_old {
                disk::replace_volatile(&self.mark(index), b"")?;
                disk::move_path(&old, &place)?;
            }
        }
        for (index, pattern) in note.patterns.iter().enumerate() {
            let mark = self.job.folder().join(format!("files-{index}.back"));
            let running = note.running && !mark.exists();
            let slot = files_slot(self.job.folder(), index);
            if is_left(note.slots() + index) {
                for file in files_below(&slot)? {
                    if let Some(folder) = &partial {
                        disk::move_path(&file.to_path(&slot), &file.to_path(folder))?;
                        kept = Some(folder.clone());
                    }
                }
                continue;
            }
            let moved = pattern.put_back(&self.root, &slot, &mark, running, partial.as_deref())?;
            kept = kept.or_else(|| partial.clone().filter(|_| moved));
        }
        Ok(kept)
    }

    fn mark(&self, index: usize) -> PathBuf {
        self.job.folder().join(format!("{index}.back"))
    }
}

/// Moves what stands at `old` to `place`, in folders only what is missing there. A repository is one thing: what a command
/// has cloned again takes nothing over from what it cloned before.
fn carry(old: &Path, place: &Path) -> Result<(), DiskError> {
    let Ok(metadata) = fs::symlink_metadata(place) else { return disk::move_path(old, place) };
    let is_repository = place.file_name().is_some_and(|name| name == ".git" || name == ".hg");
    if !is_repository
        && metadata.is_dir()
        && fs::symlink_metadata(old).is_ok_and(|metadata| metadata.is_dir())
    {
        let fault = |source| DiskError::new("list folder", old, source);
        for entry in fs::read_dir(old).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            carry(&entry.path(), &place.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Where an out lies meanwhile.
pub(crate) fn slot(folder: &Path, index: usize) -> PathBuf {
    folder.join(index.to_string())
}

/// Where the files of the pattern of this number lie while they are set aside.
pub(crate) fn files_slot(folder: &Path, index: usize) -> PathBuf {
    folder.join(format!("files-{index}"))
}

/// A job folder whose stage is at work, or was when its process died.
#[derive(Debug)]
pub struct AtWork {
    /// The stage.
    pub stage: String,
    /// The process that runs it.
    pub holder: Holder,
    /// What it has set aside.
    pub outs: Vec<PathBuf>,
    /// What the outs held that stay in place; only the cache has it.
    pub persisted: Vec<FileState>,
}

/// The jobs below `jobs` that have set something aside, or run.
///
/// # Errors
/// When something there cannot be read.
pub fn at_work(jobs: &Path) -> Result<Vec<AtWork>, DiskError> {
    let mut found = Vec::new();
    for (folder, note) in notes(jobs)? {
        // Without a note nothing was set aside yet, or the new outs are good: see `Claims::recover`.
        let Some(note) = note else { continue };
        let slots = (0..note.slots()).map(|index| slot(&folder, index));
        let Note { holder, stage, patterns, .. } = note;
        let persisted = note.persisted.iter().map(|(_, state)| *state);
        let persisted = persisted.chain(note.persisted_outside.iter().map(|(_, state)| *state)).collect();
        let mut outs: Vec<PathBuf> = slots.filter(|slot| fs::symlink_metadata(slot).is_ok()).collect();
        for index in 0..patterns.len() {
            let slot = files_slot(&folder, index);
            outs.extend(files_below(&slot)?.iter().map(|file| file.to_path(&slot)));
        }
        found.push(AtWork { stage, holder, outs, persisted });
    }
    Ok(found)
}

/// A stage whose command runs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The stage.
    pub stage: String,
    /// The process that runs it.
    pub holder: Holder,
    /// The command that the process was started with.
    pub command: String,
}

/// The stages that processes noted below `jobs` run now, whose life the lock at `lock` tells of. What cannot be read tells
/// of none: it may just be coming or going.
pub fn running(jobs: &Path, lock: &Path) -> Vec<Running> {
    let notes = folders(jobs).unwrap_or_default().into_iter().filter_map(|folder| read_note(&folder).ok()?);
    let notes = notes.filter(|note| note.running && disk::holder_is_alive(lock, &note.holder));
    let stage = |note: Note| {
        let stage = note.stage.strip_prefix("stage ")?.to_owned();
        Some(Running { stage, holder: note.holder, command: note.command })
    };
    notes.filter_map(stage).collect()
}

/// The folders below `jobs` in order, each with its note.
pub(crate) fn notes(jobs: &Path) -> Result<Vec<(PathBuf, Option<Note>)>, DiskError> {
    let noted = |folder: PathBuf| Ok((folder.clone(), read_note(&folder)?));
    folders(jobs)?.into_iter().map(noted).collect()
}

/// The folders below `jobs` in order.
pub(crate) fn folders(jobs: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let fault = |source| DiskError::new("list folder", jobs, source);
    let entries = match fs::read_dir(jobs) {
        Ok(entries) => entries,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(fault(source)),
    };
    let path = |entry: std::io::Result<fs::DirEntry>| entry.map(|entry| entry.path()).map_err(fault);
    let mut folders = entries.map(path).collect::<Result<Vec<PathBuf>, DiskError>>()?;
    folders.sort();
    Ok(folders)
}

/// The last whole line of a folder's note; `None` when it has none, or none any more.
pub(crate) fn read_note(folder: &Path) -> Result<Option<Note>, DiskError> {
    let Some(text) = disk::read_optional(&folder.join(NOTE))? else { return Ok(None) };
    Ok(text.split(|byte| *byte == b'\n').rev().find_map(|line| serde_json::from_slice(line).ok()))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the stage's command")]
pub(crate) mod tests {
    use pipeline::Out;

    use super::*;
    use crate::cut_off::tests::Unrecorded;
    use crate::cut_off::{Below, ENDED, Found, MadeSince, Recall, Recovered, recover_one};

    /// Sets `outs` aside in `jobs/1` for the stage `train`.
    pub fn set(root: &Path, outs: &[Out]) -> Aside {
        let note = Note::new("pipe repro", Wish::named("stage train").writing(outs));
        let claim = Claim::in_folder(root.join("jobs/1"), note).unwrap();
        Aside::set(root, claim, Some(&root.join("partial"))).unwrap()
    }

    pub fn out(text: &str, persist: bool) -> Out {
        Out { persist, ..crate::aside_files::tests::plain(text) }
    }

    fn set_aside() -> (tempfile::TempDir, Aside) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("results")).unwrap();
        fs::write(root.join("results/model"), "good").unwrap();
        fs::write(root.join("kept"), "grows").unwrap();
        let outs = [
            out("results/model", false),
            out("results/new", false),
            out("kept", true),
            out("results/begun", true),
        ];
        let aside = set(root, &outs);
        assert!(!root.join("results/model").exists());
        assert!(root.join("kept").exists());
        fs::write(root.join("results/model"), "half").unwrap();
        fs::write(root.join("results/new"), "half").unwrap();
        fs::write(root.join("results/begun"), "half").unwrap();
        (folder, aside)
    }

    /// As a kill does, after which the guard ends the commands.
    pub fn leave(mut aside: Aside) {
        let Job::Ours(claim) = &mut aside.job else { panic!("it is ours") };
        fs::write(claim.folder.join(ENDED), "end").unwrap();
        claim.leave();
    }

    /// As the next process after a kill.
    pub fn recover(root: &Path) -> Vec<Recovered> {
        let notes = notes(&root.join("jobs")).unwrap();
        let recover = |(folder, note): (PathBuf, Option<Note>)| match recover_one(
            root,
            folder,
            note?,
            &Unrecorded,
            MadeSince::Refuse,
        )
        .unwrap()
        {
            Found::Recovered(recovered) => Some(recovered),
            _ => None,
        };
        notes.into_iter().filter_map(recover).collect()
    }

    fn assert_recovered(root: &Path) {
        assert_eq!(fs::read_to_string(root.join("results/model")).unwrap(), "good");
        assert!(!root.join("results/new").exists());
        assert_eq!(fs::read_to_string(root.join("partial/results/model")).unwrap(), "half");
        assert_eq!(fs::read_to_string(root.join("partial/results/new")).unwrap(), "half");
        // Nor of what persists once it is there.
        assert!(!root.join("results/begun").exists());
        assert_eq!(fs::read_to_string(root.join("partial/results/begun")).unwrap(), "half");
        assert_eq!(fs::read_to_string(root.join("kept")).unwrap(), "grows");
        assert_eq!(notes(&root.join("jobs")).unwrap().iter().filter(|(_, note)| note.is_some()).count(), 0);
    }

    #[test]
    fn a_failure_leaves_the_last_good_outs() {
        let (folder, aside) = set_aside();
        assert_eq!(aside.put_back().unwrap(), Some(folder.path().join("partial")));
        assert_recovered(folder.path());
    }

    #[test]
    fn the_next_process_puts_back_what_a_killed_one_left() {
        let (folder, aside) = set_aside();
        leave(aside);
        let recovered = recover(folder.path());
        assert_eq!(recovered.len(), 1);
        assert_eq!(recovered[0].stage, "stage train");
        assert_recovered(folder.path());
        assert_eq!(recover(folder.path()), []);
    }

    #[test]
    fn a_kill_before_the_command_ran_makes_nothing_partial() {
        let (folder, mut aside) = set_aside();
        let Job::Ours(claim) = &mut aside.job else { panic!("it is ours") };
        claim.note.running = false;
        claim.write_note().unwrap();
        fs::rename(slot(&claim.folder, 0), folder.path().join("results/model")).unwrap();
        leave(aside);
        recover(folder.path());
        assert_eq!(fs::read_to_string(folder.path().join("results/model")).unwrap(), "good");
    }

    #[test]
    fn what_lies_outside_is_set_aside_with_the_rest() {
        let (project, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let [old, new, kept] = ["old", "new", "kept"].map(|name| store.path().join(name));
        let text = |path: &Path| fs::read_to_string(path).unwrap();
        for end in ["fails", "is killed", "succeeds"] {
            fs::write(&old, "good").unwrap();
            fs::write(&kept, "grows").unwrap();
            let outside = vec![(old.clone(), false), (new.clone(), false), (kept.clone(), true)];
            let wish =
                Wish::named("stage train").writing(&[out("inside", false)]).outside(Vec::new(), outside);
            let root = project.path();
            let claim = Claim::in_folder(root.join("jobs/1"), Note::new("pipe repro", wish)).unwrap();
            let aside = Aside::set(root, claim, Some(&root.join("partial"))).unwrap();
            assert!(!old.exists() && kept.exists());
            assert_eq!(at_work(&root.join("jobs")).unwrap()[0].outs, [root.join("jobs/1/1")]);
            fs::write(&old, "half").unwrap();
            fs::write(&new, "half").unwrap();
            match end {
                "succeeds" => drop(aside.drop_old(&[]).unwrap()),
                "fails" => drop(aside.put_back().unwrap()),
                _ => {
                    leave(aside);
                    assert_eq!(recover(root).len(), 1);
                }
            }
            if end == "succeeds" {
                assert_eq!((text(&old), text(&new)), ("half".to_owned(), "half".to_owned()));
                continue;
            }
            assert_eq!(text(&old), "good", "{end}");
            assert!(!new.exists());
            let partial = root.join("partial").join(OUTSIDE).join(old.strip_prefix("/").unwrap());
            assert_eq!(text(&partial), "half");
            fs::remove_dir_all(root.join("partial")).unwrap();
        }
        assert_eq!(text(&kept), "grows");
    }

    /// What was to be put back.
    #[derive(Default)]
    struct Restored(std::sync::Mutex<Vec<Asked>>);

    type Asked = (Below, String, FileState, Option<PathBuf>);

    impl Recall for Restored {
        fn put_back(&self, below: Below, path: &ProjectPath, before: &FileState, to: Option<&Path>) -> bool {
            let restored = (below, path.as_str().to_owned(), *before, to.map(Path::to_owned));
            self.0.lock().unwrap().push(restored);
            true
        }

        fn mark(&self, _: &str) -> Option<String> {
            None
        }

        fn is_as_recorded(&self, _: &str, _: &ProjectPath) -> bool {
            false
        }
    }

    #[test]
    fn what_persists_is_known_and_comes_back_after_a_kill() {
        let (folder, mut aside) = set_aside();
        let state = |byte| FileState {
            digest: base::Digest::Blake3([byte; 32]),
            size: 1,
            files: None,
            executable: false,
        };
        let Job::Ours(claim) = &mut aside.job else { panic!("it is ours") };
        claim.note.persisted = vec![(ProjectPath::from_record("kept").unwrap(), state(1))];
        // A name that records may not hold.
        claim.note.persisted_outside = vec![("/data/.git/kept".into(), state(2))];
        claim.write_note().unwrap();
        leave(aside);
        let jobs = folder.path().join("jobs");
        assert_eq!(at_work(&jobs).unwrap()[0].persisted, [state(1), state(2)]);
        let (job, note) = notes(&jobs).unwrap().remove(0);
        let restored = Restored::default();
        let found = recover_one(folder.path(), job, note.unwrap(), &restored, MadeSince::Refuse).unwrap();
        let Found::Recovered(recovered) = found else { panic!("{found:?}") };
        let partial = folder.path().join("partial");
        assert_eq!(recovered.partial.as_ref(), Some(&partial));
        let outside = partial.join(OUTSIDE);
        let expected = [
            (Below::Project, "kept".to_owned(), state(1), Some(partial)),
            (Below::FileSystem, "data/.git/kept".to_owned(), state(2), Some(outside)),
        ];
        assert_eq!(restored.0.into_inner().unwrap(), expected);
    }

    #[test]
    fn a_success_drops_the_old() {
        let (folder, aside) = set_aside();
        drop(aside.drop_old(&[]).unwrap());
        assert_eq!(fs::read_to_string(folder.path().join("results/model")).unwrap(), "half");
        assert_eq!(recover(folder.path()), []);
    }
}
