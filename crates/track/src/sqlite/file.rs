//! Which file the store's path leads to, and whose the log beside it is.
//!
//! SQLite finds a log by its name alone. A file that was put in place of one with a log would be read with pages of the
//! other, and a log without its file would be taken up by the next file made there. So every process that opens the store
//! notes which file the log belongs to, and one that finds another file beside that log sets the log aside first. A process
//! that has the file open looks before each question and after each write whether its path still leads there.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::fault::Fault;
use crate::StoreError;

/// A file, whatever its name is. No other has this number while it is open somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file at a path; nothing when none is there.
    pub(super) fn at(path: &Path) -> Result<Option<FileId>, Fault> {
        let of = |found: Metadata| FileId { device: found.dev(), inode: found.ino() };
        match std::fs::metadata(path) {
            Ok(found) if found.is_file() => Ok(Some(of(found))),
            // SQLite would wait for a named pipe for ever.
            Ok(found) => Err(failed(path, disk::not_a_file(&found))),
            Err(fault) if fault.kind() == ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(failed(path, fault)),
        }
    }
}

/// The folder that the file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The file with something added to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes an empty file where none is, and takes away a log that belongs to another one. What was opened at the path after
/// this, and is still there, has no log but its own.
pub(super) fn make_ready(path: &Path) -> Result<(), Fault> {
    if FileId::at(path)?.is_some() && !has_foreign_log(path)? {
        return Ok(());
    }
    // One at a time: another process may be doing it, and have opened the file since. The lock goes with the handle; where
    // the file system has none for folders, it goes without.
    #[allow(clippy::disallowed_methods, reason = "it is a folder, opened for its lock")]
    let folder = File::open(folder_of(path)).map_err(|fault| failed(path, fault))?;
    let _ = folder.lock();
    if has_foreign_log(path)? {
        set_log_aside(path)?;
    }
    if FileId::at(path)?.is_none() {
        // Of a file that is gone.
        disk::remove(&beside(path, "-wal")).map_err(|fault| failed(path, fault))?;
        disk::remove(&beside(path, "-shm")).map_err(|fault| failed(path, fault))?;
        disk::create_private(path, b"").map_err(|fault| failed(path, fault.source))?;
    }
    Ok(())
}

/// Whether the log beside the file is known to be that of a file that lay there before.
pub(super) fn has_foreign_log(path: &Path) -> Result<bool, Fault> {
    let Some(log) = Log::beside(path)? else { return Ok(false) };
    let Some(file) = FileId::at(path)? else { return Ok(false) };
    // Where both are others than noted, they came together from elsewhere.
    Ok(noted(path).is_some_and(|(noted_file, noted_log)| noted_log == log && noted_file != file))
}

/// Notes that the log belongs to the file, so that nobody takes it for another's.
pub(super) fn note_log(path: &Path, file: FileId) -> Result<(), Fault> {
    let Some(log) = Log::beside(path)? else { return Ok(()) };
    if noted(path) == Some((file, log)) {
        return Ok(());
    }
    let text = format!("{} {} {} {} {}\n", file.device, file.inode, log.id.device, log.id.inode, log.born);
    // Without it the store is as safe as SQLite makes it.
    let _ = disk::replace_volatile_private(&note_path(path), text.as_bytes());
    Ok(())
}

/// A log as the note tells of it, which outlives it: file systems give the number of a file that is gone again, and a
/// log that came back with its file from a backup may have the number of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Log {
    id: FileId,
    /// When the file was made, in nanoseconds; 0 where the file system does not tell.
    born: u64,
}

impl Log {
    /// That of the file at a path.
    fn beside(path: &Path) -> Result<Option<Log>, Fault> {
        let log = beside(path, "-wal");
        let Some(id) = FileId::at(&log)? else { return Ok(None) };
        let born = std::fs::metadata(&log).and_then(|found| found.created()).ok();
        let born = born.and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Ok(Some(Log { id, born: born.and_then(|born| born.as_nanos().try_into().ok()).unwrap_or(0) }))
    }
}

fn note_path(path: &Path) -> PathBuf {
    beside(path, "-owner")
}

/// The file, and the log that belongs to it.
fn noted(path: &Path) -> Option<(FileId, Log)> {
    let text = disk::read_text_optional(&note_path(path)).ok()??;
    let numbers: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let [device, inode, log_device, log_inode, born] = numbers[..] else { return None };
    let id = FileId { device: log_device, inode: log_inode };
    Some((FileId { device, inode }, Log { id, born }))
}

/// Asks the file at a path; once more when it was gone in between and another is there now: it was replaced, not removed.
pub(super) fn again_if_replaced<T>(path: &Path, ask: impl Fn() -> Result<T, Fault>) -> Result<T, Fault> {
    match ask() {
        Err(Fault::Store(StoreError::Gone { .. })) if FileId::at(path)?.is_some() => ask(),
        answer => answer,
    }
}

/// Whoever has the old file open goes on with what he has open.
fn set_log_aside(path: &Path) -> Result<(), Fault> {
    let log = beside(path, "-wal");
    let aside = beside(path, "-wal.replaced");
    disk::move_path(&log, &aside).map_err(|fault| failed(path, fault))?;
    disk::remove(&beside(path, "-shm")).map_err(|fault| failed(path, fault))
}

pub(super) fn failed(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> Fault {
    StoreError::Failed { doing: "open", path: path.to_owned(), source: source.into() }.into()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests play what others do beside the store")]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::SqliteStore;

    #[test]
    fn who_meets_a_file_that_is_being_replaced_asks_the_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.db");
        let store = SqliteStore::open(&path).expect("opens");
        let before = store.current().expect("there");
        let is_first = Cell::new(true);
        let ask = || {
            // What was true a moment ago.
            let file = if is_first.take() { before } else { store.current()? };
            let readers = store.readers.as_ref().expect("it is in a file");
            readers.with(file, |connection| Ok(connection.path().map(str::to_owned)))
        };
        drop(SqliteStore::open(&folder.path().join("other.db")).expect("opens"));
        std::fs::rename(folder.path().join("other.db"), &path).expect("replaced");
        assert!(again_if_replaced(&path, ask).is_ok());
        std::fs::remove_file(&path).expect("removed");
        assert!(matches!(again_if_replaced(&path, ask), Err(Fault::Store(StoreError::Gone { .. }))));
    }

    #[test]
    fn a_log_of_the_same_number_that_was_made_at_another_time_is_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runs.db");
        for file in [&path, &beside(&path, "-wal")] {
            std::fs::write(file, "").expect("made");
        }
        let is_foreign = || has_foreign_log(&path).expect("told");
        note_log(&path, FileId::at(&path).expect("there").expect("there")).expect("noted");
        std::fs::write(folder.path().join("other.db"), "").expect("made");
        std::fs::rename(folder.path().join("other.db"), &path).expect("replaced");
        assert!(is_foreign());
        let (file, log) = noted(&path).expect("noted");
        let text = [file.device, file.inode, log.id.device, log.id.inode, log.born + 1]
            .map(|number| number.to_string());
        std::fs::write(note_path(&path), text.join(" ")).expect("written");
        assert!(!is_foreign());
    }
}
