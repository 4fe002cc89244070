//! Signs of life: a file for every process that holds something in a folder, which tells others who it is.
//!
//! A holder on this host is asked by its process id. One on another host of a shared file system cannot be: it
//! keeps an operating system's lock on its file, where such locks cross hosts, and touches the file every few
//! seconds, where they do not.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Context, DiskError};
use crate::holder::{Holder, Liveness};
use crate::network;
use crate::open::{open, open_by, read_bytes};

/// How often a holder touches its file.
const BEAT: Duration = Duration::from_secs(10);

/// How old the last sign of a process on another host may be; the rest is for clocks that differ.
const LIFE: Duration = Duration::from_secs(60);

/// What a file tells about its process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(flatten)]
    pub holder: Holder,
    /// The command, as in "pipe repro".
    pub command: String,
    pub since: Timestamp,
    /// Whether it lets others in that do as well.
    #[serde(default)]
    pub shared: bool,
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` ({}), since {},", self.command, self.holder, self.since.local())
    }
}

/// What can be said of the process behind a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It ended.
    Dead,
    /// It lives, and locks are seen from host to host, or it is on this one.
    Alive,
    /// It lives on another host whose locks are not seen from here.
    Apart,
}

/// This process's file; dropping it takes the file away.
#[derive(Debug)]
pub(crate) struct Presence {
    path: PathBuf,
    _locked: File,
    ended: Arc<(Mutex<bool>, Condvar)>,
}

impl Presence {
    /// Shows `entry` in `folder`.
    pub fn announce(folder: &Path, entry: &Entry) -> Result<Self, DiskError> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        crate::make_folder(folder)?;
        let name = format!("{}-{}", entry.holder.file_name(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(name);
        let mut options = OpenOptions::new();
        let opened = open_by(options.write(true).create(true).truncate(true), &path);
        let (mut file, _) = opened.context("write file", &path)?;
        // Where there are no locks, the touched file has to do.
        let _ = file.try_lock();
        let text = serde_json::to_vec(entry).expect("an entry is plain data");
        if let Err(fault) = file.write_all(&text).and_then(|()| network::tell(&file, folder)) {
            // Half of it would tell nobody anything, and stay for ever.
            let _ = fs::remove_file(&path);
            return Err(DiskError::new("write file", &path, fault));
        }
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let (beat_path, beat_ended) = (path.clone(), ended.clone());
        let beat = move || {
            let (flag, bell) = &*beat_ended;
            let mut flag = flag.lock().unwrap_or_else(PoisonError::into_inner);
            while !*flag {
                let waited = bell.wait_timeout(flag, BEAT).unwrap_or_else(PoisonError::into_inner);
                flag = waited.0;
                if waited.1.timed_out() {
                    let _ = crate::touch(&beat_path);
                }
            }
        };
        // Without the thread, only hosts apart are misled, and only after a minute.
        let _ = std::thread::Builder::new().name("presence".to_owned()).spawn(beat);
        Ok(Presence { path, _locked: file, ended })
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        *self.ended.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.1.notify_all();
        let _ = fs::remove_file(&self.path);
    }
}

/// The processes that show themselves in `folder`, but this one. The files of the dead are taken away.
pub(crate) fn others(folder: &Path) -> Vec<(Entry, Sign)> {
    let mine = format!("{}-", Holder::current().file_name());
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let mut others = Vec::new();
    for file in files.flatten() {
        if file.file_name().to_string_lossy().starts_with(&mine) {
            continue;
        }
        // A file that is being written or removed tells nothing yet or no more.
        let path = file.path();
        let Some(entry) = read_bytes(&path).ok().and_then(|text| serde_json::from_slice::<Entry>(&text).ok())
        else {
            continue;
        };
        match sign(&path, &entry.holder) {
            Sign::Dead => drop(fs::remove_file(&path)),
            sign => others.push((entry, sign)),
        }
    }
    others
}

/// Whether `holder`, which shows itself in `folder` while it is at work, lives.
pub(crate) fn is_alive(folder: &Path, holder: &Holder) -> bool {
    match holder.liveness() {
        Liveness::Alive => true,
        Liveness::Dead => false,
        Liveness::Elsewhere => others(folder).iter().any(|(entry, _)| entry.holder == *holder),
    }
}

fn sign(path: &Path, holder: &Holder) -> Sign {
    match holder.liveness() {
        Liveness::Alive => return Sign::Alive,
        Liveness::Dead => return Sign::Dead,
        Liveness::Elsewhere => {}
    }
    let Ok(file) = open(path) else { return Sign::Dead };
    if matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return Sign::Alive;
    }
    let _ = file.unlock();
    let touched = file.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    // A sign from the future is one of a clock that goes ahead.
    let age = SystemTime::now().duration_since(touched).unwrap_or_default();
    if age < LIFE { Sign::Apart } else { Sign::Dead }
}

/// Whether the system has no locks on this file system.
pub(crate) fn is_unsupported(fault: &std::io::Error) -> bool {
    let without = [rustix::io::Errno::NOSYS, rustix::io::Errno::OPNOTSUPP, rustix::io::Errno::NOLCK];
    fault.kind() == ErrorKind::Unsupported
        || without.iter().any(|errno| fault.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elsewhere() -> Entry {
        let holder = Holder { host: "elsewhere.test".to_owned(), ..Holder::current() };
        Entry { holder, command: "pipe repro".to_owned(), since: Timestamp::now(), shared: true }
    }

    fn show(folder: &Path, entry: &Entry) -> PathBuf {
        let path = folder.join(format!("{}-0", entry.holder.file_name()));
        fs::write(&path, serde_json::to_vec(entry).unwrap()).unwrap();
        path
    }

    #[test]
    fn a_process_of_another_host_lives_while_it_gives_signs() {
        let folder = tempfile::tempdir().unwrap();
        let entry = elsewhere();
        let path = show(folder.path(), &entry);
        assert_eq!(others(folder.path()), [(entry.clone(), Sign::Apart)]);
        assert!(is_alive(folder.path(), &entry.holder));
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(61)).unwrap();
        // A lock is a sign that does not age.
        file.try_lock().unwrap();
        assert_eq!(others(folder.path()), [(entry.clone(), Sign::Alive)]);
        file.unlock().unwrap();
        assert!(!is_alive(folder.path(), &entry.holder));
        assert!(!path.exists(), "the files of the dead are taken away");
    }

    #[test]
    fn what_another_boot_left_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let holder = Holder { boot: "another".to_owned(), pid: 1, ..Holder::current() };
        let entry = Entry { holder, ..elsewhere() };
        let path = show(folder.path(), &entry);
        assert_eq!(others(folder.path()), []);
        assert!(!path.exists());
    }

    #[test]
    fn one_does_not_see_oneself_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let entry = Entry { holder: Holder::current(), ..elsewhere() };
        let presence = Presence::announce(folder.path(), &entry).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(others(folder.path()), []);
        drop(presence);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
