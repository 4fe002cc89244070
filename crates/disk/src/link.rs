//! Placing the bytes of one file under another name: by sharing blocks or the file itself where the file system can,
//! else by copying.
//!
//! The new name is complete or absent in every case, and what stood there is replaced whole. A hard link or symlink
//! leads an edit to the other name too: who makes one marks the file as read-only, and looks at its times before
//! believing it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, futimens, utimensat};
use rustix::io::Errno;

use crate::Stamp;
use crate::error::{Context, DiskError};
use crate::file::{make_folder, parent};
use crate::making::Place;
use crate::mode::Mode;
use crate::nameless;
use crate::open::open;

/// Whether a path could not be followed because symlinks on it lead round in a circle.
pub fn is_link_circle(fault: &io::Error) -> bool {
    Errno::from_io_error(fault) == Some(Errno::LOOP)
}

/// A way to make a file of the workspace from one of the cache, or the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// A file of its own that shares blocks until one of both is written to.
    Reflink,
    /// Another name of the same file.
    Hardlink,
    /// A pointer to the other name.
    Symlink,
    /// A file of its own.
    Copy,
}

impl LinkType {
    /// All of them.
    pub const ALL: [LinkType; 4] = [LinkType::Reflink, LinkType::Hardlink, LinkType::Symlink, LinkType::Copy];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            LinkType::Reflink => "reflink",
            LinkType::Hardlink => "hardlink",
            LinkType::Symlink => "symlink",
            LinkType::Copy => "copy",
        }
    }

    /// The type of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        LinkType::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether an edit of the new name would reach the old one.
    pub fn is_shared(self) -> bool {
        matches!(self, LinkType::Hardlink | LinkType::Symlink)
    }
}

/// Makes `to` a file of its own with the bytes of `from`, over a file that stands there. With `kind` the way is chosen:
/// [`LinkType::Reflink`], or [`LinkType::Copy`]. With `modified` its time of last change is (nanoseconds since 1970).
///
/// # Errors
/// When `from` is missing, the file system cannot do it, or the disk refuses; what stood at `to` stands then.
pub fn duplicate(
    kind: LinkType,
    from: &Path,
    to: &Path,
    mode: Mode,
    modified: Option<i64>,
) -> Result<(), DiskError> {
    beside(to, |temporary| {
        duplicate_new(kind, from, temporary, mode)?;
        modified.map_or(Ok(()), |modified| set_times(temporary, modified))
    })
    .map(drop)
}

/// Makes `to` a file with these bytes, over a file that stands there, with a time of last change (nanoseconds since
/// 1970). Unlike [`replace`](crate::replace) it does not wait for the disk.
///
/// # Errors
/// As [`duplicate`].
pub fn place_bytes(bytes: &[u8], to: &Path, mode: Mode, modified: i64) -> Result<(), DiskError> {
    place_by(to, mode, modified, |file| file.write_all(bytes))
}

/// The same where nothing stands, in a folder where nobody looks for it: a process that is killed leaves half a file.
/// Returns the stamp of what was made, which moving the folder leaves as it is.
///
/// # Errors
/// When something stands there, or the disk refuses.
pub fn create_bytes(bytes: &[u8], to: &Path, mode: Mode, modified: i64) -> Result<Stamp, DiskError> {
    create_by(to, mode, modified, |file| file.write_all(bytes)).context("write file", to)
}

/// The same of a file that `fill` writes, over one that stands there, and only if it says that this is what it should be.
/// Returns what it said.
///
/// # Errors
/// As [`duplicate`].
pub fn place_filled(
    to: &Path,
    mode: Mode,
    modified: i64,
    mut fill: impl FnMut(&mut File) -> io::Result<bool>,
) -> Result<bool, DiskError> {
    let mut is_refused = false;
    let made = place_by(to, mode, modified, |file| match fill(file)? {
        true => Ok(()),
        false => {
            is_refused = true;
            Err(io::Error::other("it is not what it should be"))
        }
    });
    if is_refused { Ok(false) } else { made.map(|()| true) }
}

fn place_by(
    to: &Path,
    mode: Mode,
    modified: i64,
    mut fill: impl FnMut(&mut File) -> io::Result<()>,
) -> Result<(), DiskError> {
    let Some(mut file) = nameless::open(parent(to), mode.asked()) else {
        return beside_new(to, |temporary| create_by(temporary, mode, modified, &mut fill).map(drop))
            .map(drop);
    };
    complete(&mut file, mode, modified, fill).context("write file", to)?;
    nameless::give_name(&mut file, to)
}

fn create_by(
    to: &Path,
    mode: Mode,
    modified: i64,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<Stamp> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode.asked()).open(to)?;
    remove_failed(to, complete(&mut file, mode, modified, fill))
}

/// Fills a new file, and makes it what it is to be otherwise.
fn complete(
    file: &mut File,
    mode: Mode,
    modified: i64,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<Stamp> {
    fill(file)?;
    futimens(&*file, &times(modified))?;
    let made = file.metadata()?;
    match mode {
        // What the process masks, or the folder's list of rights. Asking costs less than setting.
        Mode::Exact(mode) if made.mode() & 0o7777 != mode => {
            file.set_permissions(Permissions::from_mode(mode))?;
            Ok(Stamp::of(&file.metadata()?))
        }
        _ => Ok(Stamp::of(&made)),
    }
}

/// The same with a time of last change (nanoseconds since 1970), and only if `is_right` says so of the new file before it
/// gets its name. Returns what it said.
///
/// # Errors
/// As [`duplicate`].
pub fn duplicate_checked(
    kind: LinkType,
    from: &Path,
    to: &Path,
    mode: Mode,
    modified: i64,
    is_right: &dyn Fn(&Path) -> bool,
) -> Result<bool, DiskError> {
    let mut refused = false;
    let made = beside(to, |temporary| {
        duplicate_new(kind, from, temporary, mode)?;
        if !is_right(temporary) {
            refused = true;
            return Err(io::Error::other("it is not what it should be"));
        }
        set_times(temporary, modified)
    });
    if refused { Ok(false) } else { made.map(|_| true) }
}

fn duplicate_new(kind: LinkType, from: &Path, to: &Path, mode: Mode) -> io::Result<()> {
    match (kind, mode) {
        (LinkType::Reflink, _) => reflink_copy::reflink(from, to)?,
        (_, Mode::Exact(_)) => fs::copy(from, to).map(drop)?,
        (_, Mode::New { .. }) => {
            let mut from = open(from)?;
            let mut to = OpenOptions::new().write(true).create_new(true).mode(mode.asked()).open(to)?;
            return io::copy(&mut from, &mut to).map(drop);
        }
    }
    fs::set_permissions(to, Permissions::from_mode(mode.bits()))
}

/// Makes `to` another name of the file `from`, over a file that stands there.
///
/// # Errors
/// As [`duplicate`].
pub fn hard_link(from: &Path, to: &Path) -> Result<(), DiskError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(fault) if is_in_the_way(&fault) => {
            let temporary = beside(to, |temporary| fs::hard_link(from, temporary))?;
            // Where `to` was a name of the file before, the system leaves both names as they are.
            match fs::remove_file(&temporary) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
                    Err(fault).context("remove", &temporary)
                }
                _ => Ok(()),
            }
        }
        Err(fault) => Err(DiskError::new("make hard link", to, fault)),
    }
}

/// Makes `to` a name of the file `from`, unless something stands there. True when it did.
///
/// # Errors
/// As [`duplicate`].
pub fn hard_link_new(from: &Path, to: &Path) -> Result<bool, DiskError> {
    let linked = match fs::hard_link(from, to) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
            make_folder(parent(to))?;
            fs::hard_link(from, to)
        }
        linked => linked,
    };
    match linked {
        Ok(()) => Ok(true),
        Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(fault) => Err(DiskError::new("make hard link", to, fault)),
    }
}

/// Makes `link` a symlink to `target`, over whatever file or link stands there.
///
/// # Errors
/// When the folder cannot be written, and with [`io::ErrorKind::Unsupported`] where the file system makes symlinks that
/// it does not follow then (sshfs refuses those that lead up, unless told otherwise); what stood there stands then.
pub fn replace_symlink(target: &Path, link: &Path) -> Result<(), DiskError> {
    match symlink_that_leads(target, link) {
        Ok(()) => Ok(()),
        Err(fault) if is_in_the_way(&fault) => {
            let place = |temporary: &Path| match target.is_absolute() || temporary.parent() == link.parent() {
                true => symlink_that_leads(target, temporary),
                // From there it leads elsewhere.
                false => leads_up(temporary).and_then(|()| std::os::unix::fs::symlink(target, temporary)),
            };
            beside(link, place).map(drop)
        }
        Err(fault) => Err(DiskError::new("make symlink", link, fault)),
    }
}

/// Asks once in the life of the process, on a free name, whether a symlink that leads up is followed.
fn leads_up(free: &Path) -> io::Result<()> {
    static IT_DOES: AtomicBool = AtomicBool::new(false);
    if !IT_DOES.load(Ordering::Relaxed) {
        symlink_that_leads(Path::new(".."), free)?;
        fs::remove_file(free)?;
        IT_DOES.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Makes a symlink on a free name, and asks whether it is followed. One whose target is missing stays.
fn symlink_that_leads(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)?;
    match fs::metadata(link) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
            fs::remove_file(link)?;
            Err(io::Error::new(io::ErrorKind::Unsupported, fault))
        }
        _ => Ok(()),
    }
}

/// Whether making a link may be tried again on a name of its own: something stands there, or the folder is missing.
fn is_in_the_way(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound)
}

/// Sets the time of a file's last change, nanoseconds since 1970.
///
/// # Errors
/// When the file is missing or another user's.
pub fn set_modified(path: &Path, modified: i64) -> Result<(), DiskError> {
    set_times(path, modified).context("set the times of", path)
}

fn set_times(path: &Path, modified: i64) -> io::Result<()> {
    Ok(utimensat(CWD, path, &times(modified), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The time of last access as it is, and `modified` (nanoseconds since 1970) as that of the last change.
pub(crate) fn times(modified: i64) -> Timestamps {
    let time =
        Timespec { tv_sec: modified.div_euclid(1_000_000_000), tv_nsec: modified.rem_euclid(1_000_000_000) };
    let kept = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    Timestamps { last_access: kept, last_modification: time }
}

/// Has `place` make a file under a name of its own, beside `path` or [apart](Place), and then gives it that name. Returns the name that it
/// had.
fn beside(path: &Path, mut place: impl FnMut(&Path) -> io::Result<()>) -> Result<PathBuf, DiskError> {
    beside_new(path, |temporary| match fs::symlink_metadata(temporary) {
        // It must not be written over.
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => remove_failed(temporary, place(temporary)),
    })
}

/// Leaves no half file behind.
pub(crate) fn remove_failed<T>(temporary: &Path, made: io::Result<T>) -> io::Result<T> {
    made.inspect_err(|_| drop(fs::remove_file(temporary)))
}

/// The same for a `place` that refuses with [`AlreadyExists`](io::ErrorKind::AlreadyExists) a name that is taken, upon
/// which it is asked for another one, and leaves nothing there when it fails.
pub(crate) fn beside_new(
    path: &Path,
    mut place: impl FnMut(&Path) -> io::Result<()>,
) -> Result<PathBuf, DiskError> {
    let at = Place::for_folder(parent(path));
    match beside_at(&at, path, &mut place) {
        Err(fault) if at.is_too_far(&fault.source) => {
            beside_at(&Place::beside(parent(path)), path, &mut place)
        }
        made => made,
    }
}

fn beside_at(
    at: &Place,
    path: &Path,
    place: &mut dyn FnMut(&Path) -> io::Result<()>,
) -> Result<PathBuf, DiskError> {
    let mut make = || at.builder().make_in(&at.folder, |temporary| place(temporary));
    let made = match make() {
        // Another thread may have made the folder since.
        Err(fault) if fault.kind() == io::ErrorKind::NotFound && !at.is_apart => {
            make_folder(&at.folder)?;
            make()
        }
        made => made,
    };
    let made = made.context("write file", path)?.into_temp_path();
    let temporary = made.to_path_buf();
    let named = match made.persist(path) {
        // What is made elsewhere does not tell that the folder is missing.
        Err(fault) if at.is_apart && fault.error.kind() == io::ErrorKind::NotFound => {
            make_folder(parent(path))?;
            fault.path.persist(path)
        }
        named => named,
    };
    named.map_err(|fault| DiskError::new("write file", path, fault.error))?;
    Ok(temporary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_replaces_what_stands_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "bytes").unwrap();
        let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        let time = 1_500_000_000_123_456_789;
        let store = |is_right: bool| {
            let (from, to) = (path("file"), path("cache/blob"));
            duplicate_checked(LinkType::Copy, &from, &to, Mode::Exact(0o444), time, &|_| is_right).unwrap()
        };
        assert!(!store(false) && !path("cache/blob").exists());
        assert!(store(true));
        let stamp = Stamp::of(&fs::metadata(path("cache/blob")).unwrap());
        assert_eq!((stamp.mtime, mode("cache/blob")), (time, 0o444));
        for round in 0..2 {
            duplicate(LinkType::Copy, &path("cache/blob"), &path("back"), Mode::Exact(0o755), None).unwrap();
            hard_link(&path("cache/blob"), &path("below/hard")).unwrap();
            replace_symlink(&path("cache/blob"), &path("below/soft")).unwrap();
            for name in ["back", "below/hard", "below/soft"] {
                assert_eq!(fs::read(path(name)).unwrap(), b"bytes", "{name} {round}");
            }
            assert_eq!((mode("back"), mode("below/hard")), (0o755, 0o444));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4, "nothing is left over");
            assert_eq!(fs::read_dir(path("below")).unwrap().count(), 2, "nothing is left over");
        }
        assert!(path("below/soft").is_symlink());
        assert!(hard_link_new(&path("file"), &path("new/name")).unwrap());
        assert!(!hard_link_new(&path("file"), &path("below/soft")).unwrap());
        assert!(duplicate(LinkType::Copy, &path("none"), &path("x"), Mode::Exact(0o444), None).is_err());
        assert!(hard_link(&path("none"), &path("x")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5, "nothing is left over");
    }

    #[test]
    fn bytes_are_placed_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for bytes in ["one", "two"] {
            place_bytes(bytes.as_bytes(), &path("below/file"), Mode::Exact(0o444), 1_500_000_000_123_456_789)
                .unwrap();
            assert_eq!(fs::read_to_string(path("below/file")).unwrap(), bytes);
        }
        let stamp = Stamp::of(&fs::metadata(path("below/file")).unwrap());
        assert_eq!((stamp.mtime, stamp.mode & 0o777), (1_500_000_000_123_456_789, 0o444));
        // Whatever the process masks.
        for wanted in [0o444, 0o644, 0o755, 0o666, 0o600] {
            place_bytes(b"four", &path("below/file"), Mode::Exact(wanted), 0).unwrap();
            assert_eq!(fs::metadata(path("below/file")).unwrap().mode() & 0o7777, wanted);
        }
        fs::create_dir(path("taken")).unwrap();
        assert!(place_bytes(b"three", &path("taken"), Mode::Exact(0o644), 0).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
        assert_eq!(fs::read_dir(path("below")).unwrap().count(), 1, "nothing is left over");
    }
}
