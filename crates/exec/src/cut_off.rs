//! What is done about a stage that was cut off by the death of its process: what stands at its outs is what its command
//! left half made, or was made since.
//!
//! What was made since, by hand or by another tool, is never replaced unasked. So the guard, which outlives us, leaves a
//! file in the job's folder when it has ended the commands: what was last changed by then is the command's work. Nobody
//! can tell where that file is missing, as after the machine's own end.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base::{FileState, ProjectPath};
use disk::DiskError;
use pipeline::StageLock;

use crate::aside::{Aside, Fate, Job, Note, OUTSIDE, files_slot, slot};
use crate::runner::end_orphans;

/// The name of the guard's file in a job's folder.
pub(crate) const ENDED: &str = "ended";

/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked for meanwhile.
const AGAIN: Duration = Duration::from_millis(5);

/// What the path of an out is below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Below {
    /// The project.
    Project,
    /// The root of the file system.
    FileSystem,
}

/// What becomes of outs that were made since their stage was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeSince {
    /// Nothing: the command is refused.
    Refuse,
    /// They stay.
    Keep,
    /// They go to the partial ones, and what was set aside comes back.
    PutAway,
}

/// Those who know the project, for the recovery of its outs.
pub trait Recall: Sync {
    /// Puts back what an out that persists held before, as [`put_back`](crate::put_back); with where to put what stands there
    /// now. True when there was such.
    fn put_back(&self, below: Below, path: &ProjectPath, before: &FileState, partial: Option<&Path>) -> bool;

    /// What is recorded of a stage now, as [`record_mark`] tells it; `None` when that is not known.
    fn mark(&self, stage: &str) -> Option<String>;

    /// Whether an out of the stage stands just as it is recorded now.
    fn is_as_recorded(&self, stage: &str, out: &ProjectPath) -> bool;
}

/// Tells one record of a stage from another; empty when there is none.
pub fn record_mark(lock: Option<&StageLock>) -> String {
    let Some(lock) = lock else { return String::new() };
    let outs = lock.outs.iter().map(|(path, state)| format!(" {path}={}", state.digest));
    lock.key().0.hex() + &outs.collect::<String>()
}

/// What came of the recovery of a killed process's stage.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It had not begun.
    Nothing,
    /// Its outs are in order again.
    Recovered(Recovered),
    /// One of its outs may have been made since: nothing was touched.
    MadeSince {
        /// The stage.
        stage: String,
        /// The out.
        out: PathBuf,
    },
}

/// What the recovery of a killed process's stage did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// The stage that was running.
    pub stage: String,
    /// Where its partial outs were moved, when there were any; of outs that stay, what was set aside.
    pub partial: Option<PathBuf>,
    /// Whether outs stay that were made since.
    pub stays: bool,
}

/// Puts back what a dead process had set aside, but where something was made since that the command knows nothing of.
///
/// # Errors
/// When something cannot be looked at or moved.
pub(crate) fn recover_one(
    root: &Path,
    folder: PathBuf,
    note: Note,
    recall: &dyn Recall,
    made_since: MadeSince,
) -> Result<Found, DiskError> {
    if end_orphans(&folder) {
        // It wrote until now.
        disk::replace_volatile(&folder.join(ENDED), b"end\n")?;
    }
    let stage = note.stage.clone();
    let fates = fates(root, &folder, &note, recall)?;
    let doubtful = fates.iter().find(|(_, fate)| *fate == Fate::MadeSince);
    let began_with = note.record.as_deref();
    let is_another = || {
        let now = recall.mark(name_of(&stage));
        now.is_some_and(|now| began_with.is_some_and(|before| before != now))
    };
    let keeps = match doubtful {
        None => false,
        Some(_) if is_another() => true,
        Some((out, _)) => match made_since {
            MadeSince::Refuse => return Ok(Found::MadeSince { stage, out: out.clone() }),
            MadeSince::Keep => true,
            MadeSince::PutAway => false,
        },
    };
    let left = |fate: &Fate| keeps || *fate == Fate::AsRecorded;
    let left: Vec<bool> = fates.iter().map(|(_, fate)| left(fate)).collect();
    let partial = note.partial.as_ref().map(|path| root.join(path));
    let mut is_partial = false;
    if note.running {
        let place = |path: &ProjectPath| path.to_path(root);
        let is_left = |place: &Path| {
            fates.iter().zip(&left).any(|((standing, _), is_left)| *is_left && standing == place)
        };
        for (path, state) in note.persisted.iter().filter(|(path, _)| !is_left(&place(path))) {
            is_partial |= recall.put_back(Below::Project, path, state, partial.as_deref());
        }
        let partial = partial.as_ref().map(|partial| partial.join(OUTSIDE));
        for (path, state) in note.persisted_outside.iter().filter(|(path, _)| !is_left(path)) {
            let below = path.strip_prefix("/").unwrap_or(path);
            if let Ok(path) = ProjectPath::from_relative(below) {
                is_partial |= recall.put_back(Below::FileSystem, &path, state, partial.as_deref());
            }
        }
    }
    let mut slots = (0..note.slots()).map(|index| slot(&folder, index));
    let mut files = (0..note.patterns.len()).map(|index| files_slot(&folder, index));
    let is_there = |slot: PathBuf| fs::symlink_metadata(slot).is_ok();
    let had_begun = note.running || slots.any(is_there) || files.any(is_there);
    let stays = left.contains(&true);
    let kept = Aside { root: root.to_owned(), job: Job::Dead { folder, note } }.put_back_but(&left)?;
    let partial = kept.or(partial.filter(|_| is_partial));
    Ok(if had_begun { Found::Recovered(Recovered { stage, partial, stays }) } else { Found::Nothing })
}

/// A stage as its pipeline names it.
pub(crate) fn name_of(stage: &str) -> &str {
    stage.strip_prefix("stage ").unwrap_or(stage)
}

/// What is known of what stands in the place of each out: those with slots first, then those that are patterns, each with
/// where it is.
fn fates(
    root: &Path,
    folder: &Path,
    note: &Note,
    recall: &dyn Recall,
) -> Result<Vec<(PathBuf, Fate)>, DiskError> {
    let mut ended: Option<Option<Moment>> = None;
    let mut is_of_command = |changed: Moment| {
        let mut ended = || *ended.get_or_insert_with(|| when_ended(&folder.join(ENDED)));
        note.running && ended().is_some_and(|ended| changed <= ended)
    };
    let stage = name_of(&note.stage);
    let record = std::cell::OnceCell::new();
    let is_new_record = || *record.get_or_init(|| recall.mark(stage) != note.record);
    let mut fate = |changed: Moment, out: Option<&ProjectPath>| {
        let is_as_recorded = || out.is_some_and(|out| recall.is_as_recorded(stage, out));
        match is_of_command(changed) {
            // Its process died between the record and the end.
            true if is_new_record() && is_as_recorded() => Fate::AsRecorded,
            true => Fate::OfCommand,
            false if is_as_recorded() => Fate::AsRecorded,
            false => Fate::MadeSince,
        }
    };
    let mut fates = Vec::new();
    for (index, (place, ..)) in note.slotted(root).into_iter().enumerate() {
        let has_old = fs::symlink_metadata(slot(folder, index)).is_ok();
        // Nothing was moved, or it is back already.
        let is_settled = !has_old && (!note.running || folder.join(format!("{index}.back")).exists());
        let out = note.outs.get(index).map(|(path, _)| path);
        let found = last_change(&place).filter(|_| !is_settled);
        fates.push((place, found.map_or(Fate::OfCommand, |changed| fate(changed, out))));
    }
    for (index, pattern) in note.patterns.iter().enumerate() {
        let place = pattern.base().to_path(root);
        let is_back = folder.join(format!("files-{index}.back")).exists();
        let slot = files_slot(folder, index);
        let mut files = if is_back { Vec::new() } else { pattern.files(root)? };
        if !note.running {
            // The others are still where they were.
            files.retain(|file| fs::symlink_metadata(file.to_path(&slot)).is_ok());
        }
        let found = files.iter().filter_map(|file| last_change(&file.to_path(root))).max();
        let out = Some(pattern.path());
        fates.push((place, found.map_or(Fate::OfCommand, |changed| fate(changed, out))));
    }
    Ok(fates)
}

/// Seconds and nanoseconds as the file system counts them.
type Moment = (i64, i64);

/// When the guard ended the commands; `None` when it did not.
fn when_ended(file: &Path) -> Option<Moment> {
    let asked = Instant::now();
    loop {
        match last_change(file) {
            // The guard may not have come to it yet.
            None if asked.elapsed() < PATIENCE => std::thread::sleep(AGAIN),
            found => return found,
        }
    }
}

/// When anything at or below a path was last changed, moves included; `None` when nothing is there.
fn last_change(path: &Path) -> Option<Moment> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let below = metadata.is_dir().then(|| fs::read_dir(path).ok()).flatten().into_iter().flatten();
    let below = below.filter_map(|entry| last_change(&entry.ok()?.path())).max();
    Some((metadata.ctime(), metadata.ctime_nsec())).max(below)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests play the stage's command and its user")]
pub(crate) mod tests {
    use super::*;
    use crate::aside::notes;
    use crate::aside::tests::{leave, out, set};

    /// A project in which nothing is recorded.
    pub struct Unrecorded;

    impl Recall for Unrecorded {
        fn put_back(&self, _: Below, _: &ProjectPath, _: &FileState, _: Option<&Path>) -> bool {
            false
        }

        fn mark(&self, _: &str) -> Option<String> {
            Some(String::new())
        }

        fn is_as_recorded(&self, _: &str, _: &ProjectPath) -> bool {
            false
        }
    }

    /// One in which the outs of this text are as recorded, and the record is this.
    struct Recorded(&'static str, &'static str, PathBuf);

    impl Recall for Recorded {
        fn put_back(&self, _: Below, _: &ProjectPath, _: &FileState, _: Option<&Path>) -> bool {
            false
        }

        fn mark(&self, stage: &str) -> Option<String> {
            assert_eq!(stage, "train");
            Some(self.1.to_owned())
        }

        fn is_as_recorded(&self, _: &str, out: &ProjectPath) -> bool {
            fs::read_to_string(out.to_path(&self.2)).is_ok_and(|text| text == self.0)
        }
    }

    /// A stage was cut off that had begun with the record `before`; one of its outs is half made.
    fn cut_off(before: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::write(root.join("model"), "good").unwrap();
        fs::write(root.join("metrics"), "good").unwrap();
        let mut aside = set(root, &[out("model", false), out("metrics", false)]);
        let Job::Ours(claim) = &mut aside.job else { panic!("it is ours") };
        claim.note.record = Some(before.to_owned());
        claim.write_note().unwrap();
        fs::write(root.join("model"), "half").unwrap();
        leave(aside);
        folder
    }

    /// As a user does later, by the clock of the file system.
    fn make_since(root: &Path, path: &str, text: &str) {
        let ended = last_change(&root.join("jobs/1").join(ENDED)).unwrap();
        while last_change(&root.join(path)).is_none_or(|changed| changed <= ended) {
            fs::write(root.join(path), text).unwrap();
        }
    }

    fn recover(root: &Path, recall: &dyn Recall, made_since: MadeSince) -> Found {
        let (folder, note) = notes(&root.join("jobs")).unwrap().remove(0);
        recover_one(root, folder, note.unwrap(), recall, made_since).unwrap()
    }

    fn texts(root: &Path) -> Vec<Option<String>> {
        let paths = ["model", "metrics", "partial/model", "partial/metrics"];
        paths.iter().map(|path| fs::read_to_string(root.join(path)).ok()).collect()
    }

    fn some(texts: [&str; 4]) -> Vec<Option<String>> {
        texts.map(|text| (!text.is_empty()).then(|| text.to_owned())).to_vec()
    }

    #[test]
    fn what_was_made_since_is_replaced_only_where_that_is_asked_for() {
        for (made_since, after) in [
            (MadeSince::PutAway, ["good", "good", "half", "new"]),
            (MadeSince::Keep, ["half", "new", "good", "good"]),
        ] {
            let folder = cut_off("a");
            let root = folder.path();
            make_since(root, "metrics", "new");
            let recall = Recorded("recorded", "a", root.to_owned());
            let refused = recover(root, &recall, MadeSince::Refuse);
            let out = root.join("metrics");
            assert_eq!(refused, Found::MadeSince { stage: "stage train".to_owned(), out });
            assert_eq!(texts(root), some(["half", "new", "", ""]), "nothing was touched");
            assert!(matches!(recover(root, &recall, made_since), Found::Recovered(_)));
            assert_eq!(texts(root), some(after));
            assert_eq!(notes(&root.join("jobs")).unwrap().len(), 0);
        }
    }

    #[test]
    fn what_is_as_recorded_now_stays() {
        let folder = cut_off("a");
        let root = folder.path();
        make_since(root, "metrics", "recorded");
        let recall = Recorded("recorded", "a", root.to_owned());
        assert!(matches!(recover(root, &recall, MadeSince::Refuse), Found::Recovered(_)));
        assert_eq!(texts(root), some(["good", "recorded", "half", "good"]));
    }

    #[test]
    fn what_the_command_left_stays_where_it_was_recorded_before_the_death() {
        let folder = cut_off("a");
        let root = folder.path();
        let recall = Recorded("half", "b", root.to_owned());
        assert!(matches!(recover(root, &recall, MadeSince::Refuse), Found::Recovered(_)));
        assert_eq!(texts(root)[0].as_deref(), Some("half"));
    }

    #[test]
    fn all_stays_under_another_record() {
        let folder = cut_off("a");
        let root = folder.path();
        make_since(root, "model", "new");
        let recall = Recorded("", "b", root.to_owned());
        assert!(matches!(recover(root, &recall, MadeSince::PutAway), Found::Recovered(_)));
        assert_eq!(texts(root), some(["new", "", "good", "good"]));
    }

    #[test]
    fn what_came_while_outs_were_being_set_aside_is_none_of_the_command() {
        let folder = cut_off("a");
        let root = folder.path();
        let (job, note) = notes(&root.join("jobs")).unwrap().remove(0);
        let mut note = note.unwrap();
        note.running = false;
        let recall = Recorded("", "a", root.to_owned());
        let refused = recover_one(root, job, note, &recall, MadeSince::Refuse).unwrap();
        assert!(matches!(refused, Found::MadeSince { .. }));
    }
}
