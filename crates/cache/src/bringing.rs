//! What is being brought here, noted before its first change and forgotten after its last.
//!
//! Cut off in the middle, a path holds a part of what was to come, which must not be taken for somebody's work. A note
//! names the paths with what each was to hold, and counts only while some of that is not here, or what stood there before
//! stands there still. What somebody wrote since is his, whatever the note says: files tell it by their time of change.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use base::{FileState, ProjectPath};
use disk::{DiskError, Holder, Stamp};
use serde::{Deserialize, Serialize};

use crate::{Files, Workspace};

/// Tells notes of one process apart.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// What is to be brought to one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bringing {
    /// The path, or the pattern.
    pub path: ProjectPath,
    /// The folder in which all files of the pattern lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<ProjectPath>,
    /// What is to be there. Notes of older versions do not tell: then it is what is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<FileState>,
}

/// What is here of something that was cut off while it was brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Half {
    /// So many of its files are not here,
    pub absent: u64,
    /// of so many.
    pub files: u64,
    /// Whether somebody has put something else there since, or nobody can tell.
    pub is_edited: bool,
}

/// A note, as it lies on disk.
#[derive(Serialize, Deserialize)]
struct Note {
    /// When it was begun, nanoseconds since 1970, where the file is younger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    paths: Vec<Bringing>,
}

impl Bringing {
    /// That `path` is to hold `state`; of a pattern with the folder of its files.
    pub fn of(path: &ProjectPath, base: Option<&ProjectPath>, state: &FileState) -> Self {
        Bringing { path: path.clone(), base: base.cloned(), state: Some(*state) }
    }

    fn place(&self) -> &ProjectPath {
        self.base.as_ref().unwrap_or(&self.path)
    }

    fn meets(&self, path: &ProjectPath, base: Option<&ProjectPath>) -> bool {
        if self.base.is_some() && base.is_some() {
            return self.path == *path;
        }
        let place = base.unwrap_or(path);
        self.place().contains(place) || place.contains(self.place())
    }
}

impl Workspace {
    /// Notes what is about to be brought.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn begin_bringing(&self, paths: Vec<Bringing>) -> Result<(), DiskError> {
        if paths.is_empty() {
            return Ok(());
        }
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{serial}", Holder::current().file_name());
        write(&self.bringing.join(name), &Note { since: None, paths })
    }

    /// Forgets what was to be brought to a path for which `is_done` holds, by whomever.
    pub fn end_bringing(&self, is_done: impl Fn(&ProjectPath) -> bool) {
        for (file, note) in self.notes() {
            let count = note.paths.len();
            let left: Vec<Bringing> = note.paths.into_iter().filter(|known| !is_done(&known.path)).collect();
            // What cannot be written down is asked for once more.
            let _ = match left.len() {
                0 => disk::remove(&file),
                some if some < count => write(&file, &Note { paths: left, ..note }),
                _ => Ok(()),
            };
        }
    }

    /// Whether anything is noted.
    pub fn has_notes(&self) -> bool {
        fs::read_dir(&self.bringing).is_ok_and(|mut notes| notes.next().is_some())
    }

    /// What is here of something at, in or around `path` that was cut off while it was brought; of a pattern with the folder
    /// of its files. `None` where nothing was, and where all of it is here by now, or in other hands. `recorded` is what is
    /// recorded of `path`, which is known not to be there.
    pub fn half_brought(
        &self,
        path: &ProjectPath,
        base: Option<&ProjectPath>,
        recorded: Option<&FileState>,
    ) -> Option<Half> {
        let mut found: Option<Half> = None;
        for (_, note) in self.notes() {
            let since = note.since.unwrap_or(i64::MAX);
            for one in note.paths.iter().filter(|one| one.meets(path, base)) {
                let state = one.state.or_else(|| recorded.copied().filter(|_| one.path == *path));
                let half = state.and_then(|state| self.half_of(one, &state, base.unwrap_or(path), since));
                let Some(half) = half else { continue };
                let before = found.unwrap_or_default();
                found = Some(Half {
                    absent: before.absent.max(half.absent),
                    files: before.files.max(half.files),
                    is_edited: before.is_edited || half.is_edited,
                });
            }
        }
        found
    }

    fn half_of(&self, one: &Bringing, state: &FileState, within: &ProjectPath, since: i64) -> Option<Half> {
        // Without its list nobody knows what was to come.
        let unknown = Half { absent: 0, files: state.files.unwrap_or(1), is_edited: true };
        let Ok(mut wanted) = self.blobs.files(one.place(), state) else { return Some(unknown) };
        wanted.retain(|path, _| within.contains(path));
        let mut now = Files::new();
        match &one.base {
            None => now = self.listing(one.place()).ok()?,
            Some(_) => {
                now.extend(wanted.keys().filter_map(|path| Some((path.clone(), self.observe(path).ok()??))));
            }
        }
        now.retain(|path, _| within.contains(path) && !is_unfinished(path));
        let files = wanted.len() as u64;
        let is_absent = |(path, state): &(&ProjectPath, &FileState)| {
            now.get(*path).is_none_or(|now| now.is_folder() && !state.is_folder())
        };
        let absent = wanted.iter().filter(is_absent).count() as u64;
        let (mut is_half, mut is_edited) = (absent > 0, false);
        // A folder in which nothing is was made for what was to come, or is nobody's work.
        for (path, state) in now.into_iter().filter(|(_, state)| !state.is_folder()) {
            if wanted.get(&path).is_none_or(|wanted| wanted.digest != state.digest) {
                let is_old = self.stands_since(&path, &state, since);
                is_half |= is_old;
                is_edited |= !is_old;
            }
        }
        is_half.then_some(Half { absent, files, is_edited })
    }

    /// Whether what is at a path was there before `since`: it was not changed after that, or is a link that pipe has made.
    /// The time of change of such a one tells of its other names.
    fn stands_since(&self, path: &ProjectPath, state: &FileState, since: i64) -> bool {
        let os_path = self.os_path(path);
        fs::symlink_metadata(&os_path).is_ok_and(|metadata| {
            Stamp::of(&metadata).ctime <= since || self.is_linked(&state.digest, &os_path, &metadata)
        })
    }

    fn notes(&self) -> Vec<(PathBuf, Note)> {
        let notes = fs::read_dir(&self.bringing).into_iter().flatten().flatten();
        notes.filter_map(|note| Some((note.path(), read(&note.path())?))).collect()
    }
}

fn is_unfinished(path: &ProjectPath) -> bool {
    path.parts().last().is_some_and(disk::is_unfinished)
}

fn read(file: &Path) -> Option<Note> {
    if file.file_name().and_then(OsStr::to_str).is_none_or(disk::is_unfinished) {
        return None;
    }
    let begun = fs::metadata(file).map(|metadata| Stamp::of(&metadata).mtime).ok();
    let text = disk::read_text_optional(file).ok().flatten()?;
    if let Ok(note) = serde_json::from_str::<Note>(&text) {
        return Some(Note { since: note.since.or(begun), ..note });
    }
    // As older versions wrote it: names alone.
    let paths = text.split('\0').filter(|path| !path.is_empty());
    let paths = paths.filter_map(|path| ProjectPath::from_record(path).ok());
    let paths = paths.map(|path| Bringing { path, base: None, state: None }).collect();
    Some(Note { since: begun, paths })
}

fn write(file: &Path, note: &Note) -> Result<(), DiskError> {
    disk::place_volatile(file, serde_json::to_string(note).expect("plain data").as_bytes())
}
