//! A lock on a folder's state, held by one process at a time, that says by whom.
//!
//! The lock is the operating system's (it goes with the process, kill -9 included); the file's text only
//! tells people who holds it. On a shared file system whose locks do not cross hosts, the text is judged
//! too: a holder on this host that is dead is no holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Context, DiskError};
use crate::holder::Holder;

/// What the lock file tells about its holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    holder: Holder,
    /// The command, as in "pipe repro".
    command: String,
    since: Timestamp,
}

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct LockFile {
    file: File,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{holder} holds {}", path.display())]
    Held {
        /// Who, since when: `pipe repro` (pid 4711), since 2026-11-21 10:42:07.
        holder: String,
        /// The lock file.
        path: PathBuf,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl LockFile {
    /// Takes the lock at `path` for `command`, waiting at most `patience` and while `go_on` says so. `on_wait` is
    /// told once who holds it, when it has to wait.
    ///
    /// # Errors
    /// [`LockError::Held`] when it is still held then.
    pub fn acquire(
        path: &Path,
        command: &str,
        patience: Duration,
        go_on: &dyn Fn() -> bool,
        on_wait: &mut dyn FnMut(&str),
    ) -> Result<Self, LockError> {
        if let Some(folder) = path.parent() {
            crate::make_folder(folder)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .context("open lock file", path)?;
        let started = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(fault)) => {
                    return Err(DiskError::new("lock file", path, fault).into());
                }
                Err(TryLockError::WouldBlock) => {}
            }
            let holder = read_holder(&mut file);
            if started.elapsed() >= patience || !go_on() {
                return Err(LockError::Held { holder, path: path.to_owned() });
            }
            if !told {
                on_wait(&holder);
                told = true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let entry = Entry { holder: Holder::current(), command: command.to_owned(), since: Timestamp::now() };
        let text = serde_json::to_vec(&entry).expect("an entry is plain data");
        file.set_len(0).context("write lock file", path)?;
        file.seek(SeekFrom::Start(0)).context("write lock file", path)?;
        file.write_all(&text).context("write lock file", path)?;
        Ok(LockFile { file })
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // The text goes first: a lock file that names nobody is held by nobody.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    let entry = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.read_to_string(&mut text))
        .ok()
        .and_then(|_| serde_json::from_str::<Entry>(&text).ok());
    match entry {
        Some(entry) => format!("`{}` ({}), since {},", entry.command, entry.holder, entry.since.local()),
        None => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = LockFile::acquire(&path, "pipe repro", Duration::ZERO, &|| true, &mut |_| {}).unwrap();
        let mut told = String::new();
        let second =
            LockFile::acquire(&path, "pipe repro", Duration::from_millis(50), &|| true, &mut |who| {
                told = who.to_owned();
            });
        let LockError::Held { holder, .. } = second.unwrap_err() else { panic!("held") };
        assert_eq!(holder, told);
        assert!(holder.starts_with(&format!("`pipe repro` (pid {})", std::process::id())), "{holder}");
        drop(held);
        LockFile::acquire(&path, "pipe repro", Duration::ZERO, &|| true, &mut |_| {}).unwrap();
    }
}
