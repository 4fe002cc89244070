//! A file that arrives in pieces: written under a name of its own beside the one it is meant for, or without one where
//! that can be, and given that name once it is whole.
//!
//! One that is worth it keeps its bytes when its process ends before it is whole: its name is made of the name it is
//! meant for, so that the next process goes on with it. The process that writes to it holds a lock on it, which the
//! system lets go when the process dies; another one that comes meanwhile writes to a file of its own. On a full disk
//! nothing is kept: what cannot become whole there would only keep it full.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::futimens;

use crate::error::{Context, DiskError, is_full};
use crate::file::{make_folder, parent};
use crate::link::times;
use crate::nameless;
use crate::open::open_by;
use crate::share::inherit_file;
use crate::stamp::Stamp;

/// How much is read at once.
const PIECE: usize = 1 << 20;

/// A file on its way to a name.
#[derive(Debug)]
pub struct Partial {
    file: File,
    /// `None` while it has no name.
    path: Option<PathBuf>,
    to: PathBuf,
    /// How much has arrived, or was about to.
    length: u64,
    /// Whether what has arrived stays when this ends before all has.
    keeps: bool,
    done: bool,
}

impl Partial {
    /// Begins a file that is to be `to`, or with `keep` goes on with what an earlier process left of it. Missing parent
    /// folders are made.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn open(to: &Path, keep: bool) -> Result<Self, DiskError> {
        match Partial::open_in_place(to, keep) {
            // Most often the folder is there.
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                make_folder(parent(to))?;
                Partial::open_in_place(to, keep)
            }
            opened => opened,
        }
        .context("write file", to)
    }

    fn open_in_place(to: &Path, keep: bool) -> io::Result<Self> {
        let to_owned = to.to_owned();
        if keep && let Some((file, path, metadata)) = take_up(to)? {
            let length = metadata.len();
            return Ok(Partial { file, path: Some(path), to: to_owned, length, keeps: true, done: false });
        }
        if let Some(file) = nameless::open(parent(to), 0o666) {
            inherit_file(&file, parent(to))?;
            return Ok(Partial { file, path: None, to: to_owned, length: 0, keeps: false, done: false });
        }
        let made = tempfile::Builder::new()
            .prefix(".pipe-")
            .suffix(".tmp")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(parent(to))?;
        inherit_file(made.as_file(), parent(to))?;
        let (file, path) = made.keep().map_err(|fault| fault.error)?;
        Ok(Partial { file, path: Some(path), to: to_owned, length: 0, keeps: false, done: false })
    }

    /// Reads what is there from its start, piece by piece, so that what follows is appended. Returns its length.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn reread(&mut self, mut piece: impl FnMut(&[u8])) -> Result<u64, DiskError> {
        if self.length == 0 {
            return Ok(0);
        }
        let mut read = || -> io::Result<u64> {
            self.file.seek(SeekFrom::Start(0))?;
            let mut buffer = vec![0; PIECE];
            let mut length = 0;
            loop {
                match self.file.read(&mut buffer)? {
                    0 => return Ok(length),
                    count => {
                        piece(&buffer[..count]);
                        length += count as u64;
                    }
                }
            }
        };
        self.length = read().context("read file", &self.to)?;
        Ok(self.length)
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.length += bytes.len() as u64;
        let written = self.file.write_all(bytes);
        self.judge(written)
    }

    /// Forgets what has arrived.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn restart(&mut self) -> Result<(), DiskError> {
        let restart = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        restart.context("write file", &self.to)?;
        self.length = 0;
        Ok(())
    }

    /// Waits until the disk has all of it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&mut self) -> Result<(), DiskError> {
        let synced = self.file.sync_data();
        self.judge(synced)
    }

    /// Keeps nothing where there is no room for all of it.
    fn judge(&mut self, written: io::Result<()>) -> Result<(), DiskError> {
        if written.as_ref().is_err_and(is_full) {
            self.keeps = false;
        }
        written.context("write file", &self.to)
    }

    /// The time of its last change by the clock of its file system, nanoseconds since 1970.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn modified(&self) -> Result<i64, DiskError> {
        Ok(Stamp::of(&self.file.metadata().context("read the times of", &self.to)?).mtime)
    }

    /// Lets nobody write to it any more, whatever the process masks.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn protect(&self) -> Result<(), DiskError> {
        self.file.set_permissions(Permissions::from_mode(0o444)).context("write file", &self.to)
    }

    /// Gives it its name, over a file that stands there; with `modified`, read-only and with that time of last change
    /// (nanoseconds since 1970).
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self, modified: Option<i64>) -> Result<(), DiskError> {
        if let Some(modified) = modified {
            let seal = || Ok(futimens(&self.file, &times(modified))?);
            self.protect()?;
            seal().context("write file", &self.to)?;
        }
        match &self.path {
            Some(path) => fs::rename(path, &self.to).context("write file", &self.to)?,
            None => nameless::give_name(&mut self.file, &self.to)?,
        }
        self.done = true;
        Ok(())
    }

    /// The same with another name, which only what has arrived could tell. Missing parent folders are made.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish_as(mut self, to: &Path, modified: Option<i64>) -> Result<(), DiskError> {
        make_folder(parent(to))?;
        to.clone_into(&mut self.to);
        self.finish(modified)
    }

    /// Removes what has arrived.
    pub fn discard(mut self) {
        self.keeps = false;
    }
}

/// Waits until the disk has these files: it is asked for each of a few, and once for all that it has to write where they are
/// many. Of many the `folders` that they lie in are enough.
///
/// # Errors
/// When the disk refuses.
pub fn sync_files(files: &[PathBuf], folders: &BTreeSet<PathBuf>) -> Result<(), DiskError> {
    if folders.is_empty() {
        let sync = |file: &PathBuf| File::open(file)?.sync_data();
        return files.iter().try_for_each(|file| sync(file).context("write file", file));
    }
    let mut disks = BTreeSet::new();
    let mut sync = |folder: &PathBuf| {
        let there = File::open(folder)?;
        if disks.insert(there.metadata()?.dev()) {
            rustix::fs::syncfs(&there)?;
        }
        Ok(())
    };
    folders.iter().try_for_each(|folder| sync(folder).context("write files into", folder))
}

/// Whether a folder is on a disk of this machine (or in its memory) whose file system takes what is written or refuses
/// it at once, and gives a file its length after its bytes, so that a file that a loss of power has cut off is shorter
/// than it was. Of others, shares among them, a program has to wait until the disk has a file to know that it is there.
pub fn keeps_order(folder: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        // As `man 2 statfs` lists them: ext4, XFS, Btrfs, F2FS, bcachefs, ZFS, tmpfs, overlayfs.
        const KNOWN: [u64; 8] = [
            0xef53,
            0x5846_5342,
            0x9123_683e,
            0xf2f5_2010,
            0xca45_1a4e,
            0x2fc1_2fc1,
            0x0102_1994,
            0x794c_7630,
        ];
        rustix::fs::statfs(folder).is_ok_and(|found| KNOWN.contains(&(found.f_type as u64)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        false
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let is_empty = || self.file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        if let Some(path) = &self.path
            && !self.done
            && (!self.keeps || is_empty())
        {
            let _ = fs::remove_file(path);
        }
    }
}

/// The unfinished file of a name, locked; `None` when another process is at work on it, or nothing can be locked here.
fn take_up(to: &Path) -> io::Result<Option<(File, PathBuf, fs::Metadata)>> {
    let Some(path) = kept_path(to) else { return Ok(None) };
    for _ in 0..3 {
        let mut options = OpenOptions::new();
        let opened = open_by(options.read(true).write(true).create(true).truncate(false), &path);
        let (file, _) = match opened {
            // Another user's.
            Err(fault) if fault.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
            opened => opened?,
        };
        // Where it is another user's, it is his to do so.
        let _ = inherit_file(&file, parent(to));
        if file.try_lock().is_err() {
            return Ok(None);
        }
        // Between opening and locking another process may have given it its name.
        let opened = file.metadata()?;
        let is_same = |named: fs::Metadata| (named.dev(), named.ino()) == (opened.dev(), opened.ino());
        if fs::symlink_metadata(&path).is_ok_and(is_same) {
            return Ok(Some((file, path, opened)));
        }
    }
    Ok(None)
}

fn kept_path(to: &Path) -> Option<PathBuf> {
    let name = to.file_name()?.to_str().filter(|name| is_kept_name(name))?;
    Some(parent(to).join(format!(".pipe-{name}.part")))
}

/// Only what is named by a digest is taken up again: no other name says what the bytes have to be.
pub(crate) fn is_kept_name(name: &str) -> bool {
    name.len() >= 30 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_it_is_taken_up_again_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("ab").join("c".repeat(62));
        let mut first = Partial::open(&to, true).unwrap();
        first.append(b"abc").unwrap();
        // Somebody else at the same time has a file of his own.
        let mut second = Partial::open(&to, true).unwrap();
        assert_eq!(second.reread(|_| {}).unwrap(), 0);
        drop(second);
        drop(first);
        let mut again = Partial::open(&to, true).unwrap();
        let mut seen = Vec::new();
        assert_eq!(again.reread(|piece| seen.extend_from_slice(piece)).unwrap(), 3);
        again.append(b"def").unwrap();
        again.finish(Some(1_000_000_000)).unwrap();
        assert_eq!((seen.as_slice(), fs::read(&to).unwrap().as_slice()), (&b"abc"[..], &b"abcdef"[..]));
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o444);
        assert_eq!(fs::metadata(&to).unwrap().mtime(), 1);
        let mut other = Partial::open(&to, true).unwrap();
        other.append(b"x").unwrap();
        other.discard();
        let mut small = Partial::open(&folder.path().join("ab/plain"), true).unwrap();
        small.append(b"x").unwrap();
        drop(small);
        assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 1, "nothing is left over");
    }

    #[test]
    fn left_overs_are_known_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let mut partial = Partial::open(&folder.path().join("d".repeat(62)), true).unwrap();
        partial.append(b"x").unwrap();
        drop(partial);
        let name = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().file_name();
        assert!(crate::is_unfinished(name.to_str().unwrap()));
        assert!(!crate::is_unfinished(".pipe-notes.part"));
    }
}
