//! Who changed data that differs from its pointer, where nothing is remembered of either: what the files themselves tell.

use std::fs;
use std::path::Path;

use base::{FileState, ProjectPath};
use disk::Stamp;

use crate::{Files, Workspace};

/// What data looks like beside its pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Somebody changed it after the pointer was written, and all that the pointer records is there.
    Edited,
    /// It is a part of what the pointer records, as after a checkout of some of its files.
    Partial {
        /// So many of its files are not here,
        absent: u64,
        /// of so many.
        files: u64,
    },
    /// Nothing can be told.
    Unclear,
}

impl Workspace {
    /// How data at `path` looks beside its `pointer`, which records `recorded`. A fault tells nothing.
    pub fn look(&self, path: &ProjectPath, pointer: &ProjectPath, recorded: &FileState) -> Look {
        self.try_look(path, pointer, recorded).unwrap_or(Look::Unclear)
    }

    fn try_look(&self, path: &ProjectPath, pointer: &ProjectPath, recorded: &FileState) -> Option<Look> {
        let written = modified(&self.os_path(pointer))?;
        if !recorded.is_folder() {
            return Some(if modified(&self.os_path(path))? > written { Look::Edited } else { Look::Unclear });
        }
        let now = self.listing(path).ok()?;
        let before = self.blobs.files(path, recorded).ok()?;
        if before.keys().all(|file| now.contains_key(file)) {
            let folders = now.keys().filter_map(ProjectPath::parent);
            let places = now.keys().cloned().chain(folders).chain([path.clone()]);
            let youngest = places.filter_map(|place| modified(&self.os_path(&place))).max()?;
            return Some(if youngest > written { Look::Edited } else { Look::Unclear });
        }
        Some(match is_part(&now, &before) {
            true => {
                let (here, files) = (now.len() as u64, before.len() as u64);
                Look::Partial { absent: files.saturating_sub(here), files }
            }
            false => Look::Unclear,
        })
    }

    /// Whether what is at `path` is as `recorded`, but for files that are not here. A fault, as that nothing here knows which
    /// files those are, tells that it is not.
    pub fn is_part_of(&self, path: &ProjectPath, recorded: &FileState) -> bool {
        let listed = || Some((self.listing(path).ok()?, self.blobs.files(path, recorded).ok()?));
        recorded.is_folder() && listed().is_some_and(|(now, before)| is_part(&now, &before))
    }
}

fn is_part(now: &Files, before: &Files) -> bool {
    now.iter().all(|(file, state)| before.get(file).is_some_and(|before| before.digest == state.digest))
}

/// When a file was last written, nanoseconds since 1970.
fn modified(path: &Path) -> Option<i64> {
    fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata).mtime)
}
