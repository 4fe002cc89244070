//! A lock on a folder's state, held by one process or shared by several, that says by whom.
//!
//! The lock is the operating system's (it goes with the process, kill -9 included); a [`Presence`] beside it tells
//! who holds it. On a shared file system whose locks do not cross hosts, or that has none, the presences alone
//! decide, and then nobody shares.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base::Timestamp;

use crate::error::{Context, DiskError, is_full};
use crate::holder::Holder;
use crate::open::{open, open_by};
use crate::presence::{self, Entry, Presence, Sign};

/// Who may hold the lock beside this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Others that share as well.
    Shared,
    /// Nobody.
    Exclusive,
}

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct LockFile {
    file: File,
    folder: PathBuf,
    // Goes before the lock does, so that what is free is held by nobody.
    presence: Option<Presence>,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("{holder} holds {}", base::shown(path))]
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
        sharing: Sharing,
        patience: Duration,
        go_on: &dyn Fn() -> bool,
        on_wait: &mut dyn FnMut(&str),
    ) -> Result<Self, LockError> {
        if let Some(folder) = path.parent() {
            crate::make_folder(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = open_by(options.read(true).write(true).create(true).truncate(false), path);
        let (file, _) = file.context("open lock file", path)?;
        LockFile::wait((file, path), Some(command), sharing, patience, go_on, on_wait)
    }

    /// Takes a lock whose file may only be read, without a name; waits as [`LockFile::acquire`] does. `None` when there is no
    /// such file: then nobody holds it who could write there.
    ///
    /// # Errors
    /// As [`LockFile::acquire`], and when the file cannot be read.
    pub fn acquire_to_read(
        path: &Path,
        sharing: Sharing,
        patience: Duration,
        go_on: &dyn Fn() -> bool,
        on_wait: &mut dyn FnMut(&str),
    ) -> Result<Option<Self>, LockError> {
        match open(path) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
            file => {
                let file = file.context("open lock file", path)?;
                LockFile::wait((file, path), None, sharing, patience, go_on, on_wait).map(Some)
            }
        }
    }

    /// Waits until the lock of an open file is had, and announces `command`, if that can be done.
    fn wait(
        (file, path): (File, &Path),
        command: Option<&str>,
        sharing: Sharing,
        patience: Duration,
        go_on: &dyn Fn() -> bool,
        on_wait: &mut dyn FnMut(&str),
    ) -> Result<Self, LockError> {
        let folder = holders_folder(path);
        let started = Instant::now();
        let mut told = false;
        loop {
            let taken = match sharing {
                Sharing::Shared => file.try_lock_shared(),
                Sharing::Exclusive => file.try_lock(),
            };
            let has_locks = match taken {
                Ok(()) => Some(true),
                Err(TryLockError::Error(fault)) if presence::is_unsupported(&fault) => Some(false),
                Err(TryLockError::Error(fault)) => {
                    return Err(DiskError::new("lock file", path, fault).into());
                }
                Err(TryLockError::WouldBlock) => None,
            };
            let in_the_way = match has_locks {
                Some(has_locks) => {
                    // To announce itself there would make anew the folder that somebody has taken away.
                    if !is_named(&file, path) {
                        let gone = io::Error::other("it was moved or removed meanwhile");
                        return Err(DiskError::new("lock file", path, gone).into());
                    }
                    let entry = command.map(|command| Entry {
                        holder: Holder::current(),
                        command: command.to_owned(),
                        since: Timestamp::now(),
                        shared: sharing == Sharing::Shared && has_locks,
                    });
                    // Announced first, looked round then: of two that come at once without locks, at least one
                    // sees the other.
                    let announced = entry.map(|entry| Presence::announce(&folder, &entry)).transpose();
                    let presence = match announced {
                        // Who is alone by the system's lock may be about to make room: he goes nameless.
                        Err(fault)
                            if is_full(&fault.source) && has_locks && sharing == Sharing::Exclusive =>
                        {
                            None
                        }
                        announced => announced?,
                    };
                    // Where the system's lock is seen by the others, it has said that they are not in the way.
                    let in_the_way = presence::others(&folder)
                        .into_iter()
                        .find(|(_, sign)| !has_locks || *sign == Sign::Apart);
                    let Some((other, _)) = in_the_way else {
                        return Ok(LockFile { file, folder, presence });
                    };
                    let _ = file.unlock();
                    Some(other)
                }
                None => {
                    let mut others = presence::others(&folder).into_iter().map(|(entry, _)| entry);
                    others.find(|entry| sharing == Sharing::Exclusive || !entry.shared)
                }
            };
            let holder = in_the_way.map_or_else(|| "another process".to_owned(), |entry| entry.to_string());
            if started.elapsed() >= patience || !go_on() {
                return Err(LockError::Held { holder, path: path.to_owned() });
            }
            // Who has just taken it has not written its name yet.
            if !told && (holder != "another process" || started.elapsed() > Duration::from_millis(100)) {
                on_wait(&holder);
                told = true;
            }
            // Two that gave way to each other do not come back at the same time.
            std::thread::sleep(Duration::from_millis(20 + u64::from(std::process::id() % 7)));
        }
    }

    /// Whether no other process holds the lock, too, as far as can be seen without asking whether they live.
    pub fn is_alone(&self) -> bool {
        fs::read_dir(&self.folder).is_ok_and(|files| files.take(2).count() == 1)
    }

    /// Whether a file whose name begins with a [`Holder::file_name`] and a hyphen is one of a living process.
    pub fn is_of_the_living(&self, name: &str) -> bool {
        presence::others(&self.folder).iter().any(|(entry, _)| {
            name.strip_prefix(&entry.holder.file_name()).is_some_and(|rest| rest.starts_with('-'))
        })
    }

    /// Whether `holder`, which held the lock while it was at work, lives.
    pub fn is_alive(&self, holder: &Holder) -> bool {
        presence::is_alive(&self.folder, holder)
    }
}

/// The same of the lock at `path`, for those who do not hold it.
pub fn holder_is_alive(path: &Path, holder: &Holder) -> bool {
    presence::is_alive(&holders_folder(path), holder)
}

impl Drop for LockFile {
    fn drop(&mut self) {
        drop(self.presence.take());
        let _ = self.file.unlock();
    }
}

/// Whether an open file is the one at `path`.
fn is_named(file: &File, path: &Path) -> bool {
    let inode = |found: io::Result<Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
    inode(fs::metadata(path)).is_some_and(|named| inode(file.metadata()) == Some(named))
}

fn holders_folder(path: &Path) -> PathBuf {
    path.with_extension("holders")
}

/// Held for moments only, while something small is read and written; waits without limit. Threads of one process
/// exclude each other as well.
#[derive(Debug)]
pub struct Moment {
    _file: File,
}

impl Moment {
    /// Waits for the file at `path`, which is made when missing. Where the file system has no locks, nobody is
    /// excluded: [`LockFile`] lets no second process in there.
    ///
    /// # Errors
    /// When the file cannot be made or locked.
    pub fn take(path: &Path) -> Result<Self, DiskError> {
        let open = || open_by(OpenOptions::new().write(true).create(true).truncate(false), path);
        let file = match open() {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                crate::make_folder(path.parent().unwrap_or(path))?;
                open()
            }
            opened => opened,
        };
        let (file, _) = file.context("open lock file", path)?;
        match file.lock() {
            Err(fault) if !presence::is_unsupported(&fault) => Err(DiskError::new("lock file", path, fault)),
            _ => Ok(Moment { _file: file }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(path: &Path, sharing: Sharing, patience: Duration) -> (Result<LockFile, LockError>, String) {
        let mut told = String::new();
        let on_wait = &mut |who: &str| told = who.to_owned();
        let taken = LockFile::acquire(path, "pipe repro", sharing, patience, &|| true, on_wait);
        (taken, told)
    }

    #[test]
    fn what_is_shared_keeps_out_only_those_who_do_not_share() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let one = take(&path, Sharing::Shared, Duration::ZERO).0.unwrap();
        assert!(one.is_alone());
        let two = take(&path, Sharing::Shared, Duration::ZERO).0.unwrap();
        assert!(!one.is_alone());
        assert!(take(&path, Sharing::Exclusive, Duration::ZERO).0.is_err());
        drop(one);
        assert!(take(&path, Sharing::Exclusive, Duration::ZERO).0.is_err());
        drop(two);
        let alone = take(&path, Sharing::Exclusive, Duration::ZERO).0.unwrap();
        assert!(take(&path, Sharing::Shared, Duration::ZERO).0.is_err());
        drop(alone);
        take(&path, Sharing::Shared, Duration::ZERO).0.unwrap();
    }

    /// Another process on this host, which the system's lock keeps out, is told by its presence.
    #[test]
    fn the_second_is_told_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
        let started = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)?.parse().ok());
        let holder = Holder { pid: child.id(), started: started.unwrap_or(0), ..Holder::current() };
        let entry = Entry { holder, command: "pipe gc".to_owned(), since: Timestamp::now(), shared: false };
        let presence = Presence::announce(&holders_folder(&path), &entry).unwrap();
        let held = File::create(&path).unwrap();
        held.try_lock().unwrap();
        let (second, told) = take(&path, Sharing::Shared, Duration::from_millis(150));
        let LockError::Held { holder, .. } = second.unwrap_err() else { panic!("held") };
        assert_eq!(holder, told);
        assert!(holder.starts_with(&format!("`pipe gc` (pid {})", child.id())), "{holder}");
        held.unlock().unwrap();
        drop(presence);
        take(&path, Sharing::Shared, Duration::ZERO).0.unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Where locks do not cross hosts, or there are none, a living process of another host keeps all out.
    #[test]
    fn a_process_whose_locks_are_not_seen_keeps_all_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let holder = Holder { host: "elsewhere.test".to_owned(), ..Holder::current() };
        let entry = Entry { holder, command: "pipe repro".to_owned(), since: Timestamp::now(), shared: true };
        let name = holders_folder(&path).join(entry.holder.file_name());
        crate::replace(&name, &serde_json::to_vec(&entry).unwrap()).unwrap();
        let (second, told) = take(&path, Sharing::Shared, Duration::from_millis(50));
        assert!(second.is_err() && told.contains(" on elsewhere.test)"), "{told}");
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(120);
        File::options().write(true).open(&name).unwrap().set_modified(long_ago).unwrap();
        take(&path, Sharing::Shared, Duration::ZERO).0.unwrap();
    }

    /// As of a project whose folder has another name since.
    #[test]
    fn a_lock_that_was_moved_while_somebody_waited_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (there, elsewhere) = (folder.path().join("there"), folder.path().join("elsewhere"));
        let path = there.join("lock");
        let held = std::cell::Cell::new(Some(take(&path, Sharing::Exclusive, Duration::ZERO).0.unwrap()));
        let on_wait = &mut |_: &str| {
            fs::rename(&there, &elsewhere).unwrap();
            held.take();
        };
        let taken = LockFile::acquire(
            &path,
            "pipe repro",
            Sharing::Shared,
            Duration::from_secs(60),
            &|| true,
            on_wait,
        );
        assert!(matches!(taken, Err(LockError::Disk(_))), "{taken:?}");
        assert!(!there.exists());
    }

    #[test]
    fn moments_exclude_threads_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/moment");
        let held = Moment::take(&path).unwrap();
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || Moment::take(&path).map(|_| Instant::now())
        });
        std::thread::sleep(Duration::from_millis(50));
        let freed = Instant::now();
        drop(held);
        assert!(waiting.join().unwrap().unwrap() >= freed);
    }
}
