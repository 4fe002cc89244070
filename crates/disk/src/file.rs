//! Whole files: replaced atomically, appended line by line, moved, removed.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, CWD, OFlags, Timespec, Timestamps, accessat, fcntl_getfl, fcntl_setfl, utimensat,
};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::error::{Context, DiskError};
use crate::making::Place;
use crate::nameless;
use crate::network;
use crate::open::{open, open_by, read_bytes};
use crate::partial::sync_files;
use crate::share::{inherit, inherit_file};

/// Replaces the content of `path` by `bytes`: readers see the old file or the new one, whole.
///
/// The bytes are on the disk before the name points to them. Missing parent folders are made. An
/// existing file keeps its permissions; a symlink is replaced, never written through.
///
/// # Errors
/// When the folder cannot be made or written, or the disk is full. The old file stands then.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    replace_with(path, |file| file.write_all(bytes))
}

/// As [`replace`], with the content written by `fill` to a file of its own.
///
/// # Errors
/// As [`replace`], and whatever `fill` returns.
pub fn replace_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), DiskError> {
    replace_by(path, |file| {
        fill(file)?;
        file.sync_data()
    })
}

/// As [`replace_with`], for a file that can be made again: whole for every process at any time, but without waiting for
/// the disk. A power loss may leave the old file, the new one or less than it, which the reader has to find out.
///
/// # Errors
/// As [`replace_with`].
pub fn replace_volatile_with(
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), DiskError> {
    replace_by(path, fill)
}

fn replace_by(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), DiskError> {
    let folder = parent(path);
    make_folder(folder)?;
    let mode =
        fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.permissions());
    let place = Place::for_folder(folder);
    let mut temporary = place
        .builder()
        .permissions(mode.unwrap_or_else(|| Permissions::from_mode(0o666)))
        .tempfile_in(&place.folder)
        .context("write file", path)?;
    inherit_file(temporary.as_file(), folder).context("write file", path)?;
    let told = fill(temporary.as_file_mut()).and_then(|()| network::tell(temporary.as_file(), folder));
    told.context("write file", path)?;
    give_name(temporary, &place, path)
}

/// Gives a file the name that it was made for, over a file that stands there.
fn give_name(temporary: NamedTempFile, place: &Place, path: &Path) -> Result<(), DiskError> {
    match temporary.persist(path) {
        Err(fault) if place.is_too_far(&fault.error) => {
            copy_beside(fault.file.into_file(), path).context("write file", path)
        }
        named => named.map(drop).map_err(|fault| DiskError::new("write file", path, fault.error)),
    }
}

/// Replaces a file by a copy of one that cannot get its name.
fn copy_beside(mut file: File, path: &Path) -> io::Result<()> {
    let place = Place::beside(parent(path));
    let permissions = file.metadata()?.permissions();
    let mut copy = place.builder().tempfile_in(&place.folder)?;
    file.rewind()?;
    io::copy(&mut file, &mut copy)?;
    copy.as_file().set_permissions(permissions)?;
    copy.as_file().sync_data()?;
    copy.persist(path)?;
    Ok(())
}

/// Makes a file that only its owner may read, whole. False when something stands there already, which is left.
///
/// # Errors
/// As [`replace`].
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<bool, DiskError> {
    let folder = parent(path);
    make_folder(folder)?;
    // A temporary file is its owner's alone.
    let mut temporary = tempfile::Builder::new()
        .prefix(".pipe-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .context("write file", path)?;
    temporary.write_all(bytes).context("write file", path)?;
    temporary.as_file().sync_data().context("write file", path)?;
    match temporary.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(fault) if fault.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(fault) => Err(DiskError::new("write file", path, fault.error)),
    }
}

/// Writes a small file that matters to this boot only: whole for every process at any time, but without
/// waiting for the disk, so a power loss may take it.
///
/// # Errors
/// As [`replace`].
pub fn replace_volatile(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    // As the user's mask has it: others may share the cache.
    let (temporary, place) = volatile(path, bytes, 0o666)?;
    inherit_file(temporary.as_file(), parent(path)).context("write file", path)?;
    give_name(temporary, &place, path)
}

/// As [`replace_volatile`], of which nothing is left when the process is killed before it is done, where nothing stands at
/// `path` and the file system has files without a name.
///
/// # Errors
/// As [`replace`].
pub fn place_volatile(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let folder = parent(path);
    let Some(mut file) = nameless::open(folder, 0o666) else { return replace_volatile(path, bytes) };
    let written = inherit_file(&file, folder).and_then(|()| file.write_all(bytes));
    written.and_then(|()| network::tell(&file, folder)).context("write file", path)?;
    nameless::give_name(&mut file, path)
}

/// As [`replace_volatile`], for a file that only its owner may read.
///
/// # Errors
/// As [`replace`].
pub fn replace_volatile_private(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let (temporary, place) = volatile(path, bytes, 0o600)?;
    give_name(temporary, &place, path)
}

/// Whether a folder's disk has room for a small file; also true of a folder that is not there.
pub fn has_room(folder: &Path) -> bool {
    if !folder.is_dir() {
        return true;
    }
    let written = volatile(&folder.join("room"), &[7; 64 << 10], 0o600);
    !written.is_err_and(|fault| crate::error::is_full(&fault.source))
}

/// How many bytes there is room for on the disk of a folder, as far as that can be told.
pub fn room(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok().filter(|found| found.f_blocks > 0)?;
    found.f_bavail.checked_mul(found.f_frsize)
}

/// Whether this user may not read what is there. It is not opened: with a handle that closes, the system takes away all
/// locks that other handles of the process have on a file.
pub fn may_not_be_read(path: &Path) -> bool {
    accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS).is_err_and(|fault| fault == Errno::ACCESS)
}

/// Whether what is there belongs to this user.
pub fn is_own(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw())
}

/// A file with this content that is to get its name.
fn volatile(path: &Path, bytes: &[u8], mode: u32) -> Result<(NamedTempFile, Place), DiskError> {
    let folder = parent(path);
    make_folder(folder)?;
    let place = Place::for_folder(folder);
    let mut temporary = place
        .builder()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(&place.folder)
        .context("write file", path)?;
    let written = temporary.write_all(bytes).and_then(|()| network::tell(temporary.as_file(), folder));
    written.context("write file", path)?;
    Ok((temporary, place))
}

/// The folder a file lies in; the current one for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The outermost symlink among the folders between `root` and `path`, both left out.
pub fn symlink_between(root: &Path, path: &Path) -> Option<PathBuf> {
    let folders = path.ancestors().skip(1).take_while(|folder| *folder != root);
    let is_symlink =
        |folder: &&Path| fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_symlink());
    folders.filter(is_symlink).last().map(Path::to_owned)
}

/// Makes a folder and those above it; one that exists is fine.
///
/// # Errors
/// When one cannot be made, or a file stands in the way.
pub fn make_folder(path: &Path) -> Result<(), DiskError> {
    // Asking is cheaper than trying, which locks the folder above.
    if path.is_dir() {
        return Ok(());
    }
    let above = path.ancestors().find(|folder| folder.is_dir());
    fs::create_dir_all(path).context("make folder", path)?;
    if let Some(above) = above {
        inherit(path, above);
    }
    Ok(())
}

/// Reads a whole file.
///
/// # Errors
/// When it is missing or unreadable.
pub fn read(path: &Path) -> Result<Vec<u8>, DiskError> {
    read_bytes(path).context("read file", path)
}

/// Reads a whole file; `None` when there is none.
///
/// # Errors
/// When it is there and unreadable.
pub fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match read_bytes(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(fault) if is_missing(&fault) => Ok(None),
        Err(fault) => Err(DiskError::new("read file", path, fault)),
    }
}

/// Reads a whole text file; `None` when there is none.
///
/// # Errors
/// When it is there and unreadable or not UTF-8.
pub fn read_text_optional(path: &Path) -> Result<Option<String>, DiskError> {
    let Some(bytes) = read_optional(path)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| {
        DiskError::new("read file", path, io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
    })
}

/// Whether a file begins with these bytes; a missing one does not.
///
/// # Errors
/// When it is there and unreadable.
pub fn starts_with(path: &Path, bytes: &[u8]) -> Result<bool, DiskError> {
    let mut file = match open(path) {
        Ok(file) => file,
        Err(fault) if is_missing(&fault) => return Ok(false),
        Err(fault) => return Err(DiskError::new("read file", path, fault)),
    };
    let mut start = vec![0; bytes.len()];
    match file.read_exact(&mut start) {
        Ok(()) => Ok(start == bytes),
        Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(fault) => Err(DiskError::new("read file", path, fault)),
    }
}

/// Makes now the time of a file's last change. False when there is no such file.
///
/// # Errors
/// When the file is another user's.
pub fn touch(path: &Path) -> Result<bool, DiskError> {
    let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    match utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) => Ok(true),
        Err(fault) if is_missing(&fault.into()) => Ok(false),
        Err(fault) => Err(DiskError::new("set the times of", path, fault.into())),
    }
}

/// Whether a file's name is one that this crate gives to what it has not finished: a process that was killed leaves
/// such files behind.
pub fn is_unfinished(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(crate::beside::PREFIX) else { return false };
    rest.strip_suffix(".part").is_some_and(crate::partial::is_kept_name) || crate::beside::is_made_name(rest)
}

/// A path below a file is as missing as one below nothing.
fn is_missing(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Opens the file that a command's output goes to, as a shell does: emptied, or to be appended to.
///
/// # Errors
/// When the file cannot be opened, and when it is no file.
pub fn open_output(path: &Path, append: bool) -> Result<File, DiskError> {
    let mut options = File::options();
    options.write(true).create(true).append(append).truncate(!append);
    let opened = open_by(&mut options, path).and_then(|(file, _)| waiting(file));
    opened.context("open", path)
}

/// Opens the file that a command's input comes from.
///
/// # Errors
/// When it cannot be opened, and when it is no file.
pub fn open_input(path: &Path) -> Result<File, DiskError> {
    open(path).and_then(waiting).context("open", path)
}

/// The file as other programs expect to be given one.
fn waiting(file: File) -> io::Result<File> {
    let flags = fcntl_getfl(&file)?;
    fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Removes a file, a symlink (not what it points to) or a folder with all that is in it; a missing one
/// is fine.
///
/// # Errors
/// When something cannot be removed.
pub fn remove(path: &Path) -> Result<(), DiskError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(fault) if is_missing(&fault) => return Ok(()),
        Err(fault) => return Err(DiskError::new("remove", path, fault)),
    };
    if !metadata.is_dir() {
        return fs::remove_file(path).context("remove", path);
    }
    match fs::remove_dir_all(path) {
        // What was made read-only is ours all the same.
        Err(fault) if fault.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path);
            fs::remove_dir_all(path).context("remove", path)
        }
        removed => removed.context("remove", path),
    }
}

/// Lets the owner write to a folder that he could not write to. True when something changed.
fn with_write_bit(folder: &Path) -> bool {
    let Ok(metadata) = fs::symlink_metadata(folder) else { return false };
    let mode = metadata.permissions().mode();
    metadata.is_dir()
        && mode & 0o200 == 0
        && fs::set_permissions(folder, Permissions::from_mode(mode | 0o700)).is_ok()
}

fn without_write_bit(metadata: &fs::Metadata) -> Permissions {
    Permissions::from_mode(metadata.permissions().mode() & !0o200)
}

/// Lets the owner write to all folders of a tree; what cannot be changed stays as it is.
fn make_writable(folder: &Path) {
    with_write_bit(folder);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

/// Removes `folder` and those above it, up to but without `stop`, as long as they are empty.
pub fn remove_empty_folders(folder: &Path, stop: &Path) {
    let mut folder = folder;
    while folder != stop && folder.starts_with(stop) && fs::remove_dir(folder).is_ok() {
        let Some(above) = folder.parent() else { return };
        folder = above;
    }
}

/// Moves a file or folder, over a file that stands there; copies when the two lie on different file
/// systems. Missing parent folders of `to` are made.
///
/// # Errors
/// When either end refuses; `from` stands then.
pub fn move_path(from: &Path, to: &Path) -> Result<(), DiskError> {
    make_folder(parent(to))?;
    match fs::rename(from, to) {
        Ok(()) => Ok(()),
        // A folder that cannot be written to cannot get another parent.
        Err(fault) if fault.kind() == io::ErrorKind::PermissionDenied && with_write_bit(from) => {
            let moved = fs::rename(from, to).context("move", from);
            let at = if moved.is_ok() { to } else { from };
            let _ =
                fs::metadata(at).and_then(|metadata| fs::set_permissions(at, without_write_bit(&metadata)));
            moved
        }
        Err(fault) if fault.kind() == io::ErrorKind::CrossesDevices => move_across(from, to),
        Err(fault) => Err(DiskError::new("move", from, fault)),
    }
}

/// Moves a folder to where nothing is, or an empty folder, as one: it is there with all that is in it, or not at all. Missing
/// parent folders of `to` are made.
///
/// # Errors
/// When something stands there, or the two places are on different file systems; `from` stands then.
pub fn move_folder(from: &Path, to: &Path) -> Result<(), DiskError> {
    make_folder(parent(to))?;
    fs::rename(from, to).context("move", from)
}

/// Moves to another file system. What has its name there is whole: who finds it after a full disk or a kill may put it
/// back over what is left of `from`. Each file system writes when it likes: unless the copy and its name are on the disk
/// before `from` goes, a loss of power takes both.
fn move_across(from: &Path, to: &Path) -> Result<(), DiskError> {
    move_across_by(from, to, &sync)
}

fn move_across_by(
    from: &Path,
    to: &Path,
    sync: &dyn Fn(&Path, Synced) -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    let place = Place::for_folder(parent(to));
    let beside = place.builder().tempdir_in(&place.folder).context("copy", from)?;
    let copy = beside.path().join("copy");
    copy_tree(from, &copy)?;
    let is_folder = fs::symlink_metadata(&copy).is_ok_and(|metadata| metadata.is_dir());
    sync(&copy, if is_folder { Synced::All } else { Synced::It })?;
    merge(&copy, to)?;
    // Of a folder, names may have changed at any depth.
    sync(parent(to), if is_folder { Synced::All } else { Synced::It })?;
    remove(from)
}

/// What has to be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Synced {
    /// A file, or the names in a folder.
    It,
    /// A folder with all that is in it.
    All,
}

/// Waits until the disk has what is at a path.
fn sync(path: &Path, what: Synced) -> Result<(), DiskError> {
    if what == Synced::All {
        return sync_files(&[], &BTreeSet::from([path.to_owned()]));
    }
    // A symlink is nothing but a name.
    if path.is_symlink() {
        return Ok(());
    }
    match File::open(path).and_then(|there| there.sync_all()) {
        // Some file systems do so for files alone.
        Err(fault) if fault.kind() == io::ErrorKind::InvalidInput && path.is_dir() => Ok(()),
        synced => synced.context("write", path),
    }
}

/// Moves within a file system, what a folder holds into one that is there.
fn merge(from: &Path, to: &Path) -> Result<(), DiskError> {
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    match fs::rename(from, to) {
        Err(_) if is_folder(from) && is_folder(to) => {
            for entry in fs::read_dir(from).context("list folder", from)? {
                let entry = entry.context("list folder", from)?;
                merge(&entry.path(), &to.join(entry.file_name()))?;
            }
            Ok(())
        }
        moved => moved.context("move", from),
    }
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), DiskError> {
    let metadata = fs::symlink_metadata(from).context("copy", from)?;
    if metadata.is_symlink() {
        let target = fs::read_link(from).context("copy", from)?;
        return std::os::unix::fs::symlink(target, to).context("copy", to);
    }
    if !metadata.is_dir() {
        return fs::copy(from, to).map(drop).context("copy", from);
    }
    make_folder(to)?;
    for entry in fs::read_dir(from).context("list folder", from)? {
        let entry = entry.context("list folder", from)?;
        copy_tree(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Sets the permission bits of a file.
///
/// # Errors
/// When they cannot be set.
pub fn set_mode(path: &Path, mode: u32) -> Result<(), DiskError> {
    fs::set_permissions(path, Permissions::from_mode(mode)).context("set permissions", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_placed_is_whole_and_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes/one");
        for text in ["first", "second"] {
            place_volatile(&path, text.as_bytes()).unwrap();
            assert_eq!(read(&path).unwrap(), text.as_bytes());
            assert_eq!(fs::read_dir(parent(&path)).unwrap().count(), 1, "nothing else is left");
        }
    }

    #[test]
    fn read_only_folders_are_moved_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("below")).unwrap();
        fs::write(from.join("below/file"), "").unwrap();
        for path in [from.join("below"), from.clone()] {
            set_mode(&path, 0o555).unwrap();
        }
        // Root is stopped by nothing; the others are let in for the moment.
        move_path(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o555);
        remove(&to).unwrap();
        assert!(!to.exists());
    }

    #[test]
    fn what_moves_to_another_file_system_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("below")).unwrap();
        fs::write(from.join("below/file"), "new").unwrap();
        // Nothing copies a socket, as nothing copies to a full disk.
        let socket = from.join("below/socket");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        move_across(&from, &to).unwrap_err();
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["from"]);
        fs::remove_file(socket).unwrap();
        fs::create_dir_all(to.join("below")).unwrap();
        for (file, text) in [("below/file", "half"), ("kept", "")] {
            fs::write(to.join(file), text).unwrap();
        }
        move_across(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("below/file")).unwrap(), "new");
        assert!(to.join("kept").exists() && !from.exists());
    }

    #[test]
    fn what_moves_to_another_file_system_is_on_its_disk_before_it_goes_here() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name).join("x"));
        let fill = |is_folder: bool| {
            let file = if is_folder { from.join("below/file") } else { from.clone() };
            replace(&file, b"text").unwrap();
        };
        for (is_folder, what) in [(false, Synced::It), (true, Synced::All)] {
            fill(is_folder);
            make_folder(parent(&to)).unwrap();
            let calls = std::cell::RefCell::new(Vec::new());
            let seen = |path: &Path, what| {
                let copy = if is_folder { path.join("below/file") } else { path.to_owned() };
                let is_copy = fs::read(copy).is_ok_and(|text| text == b"text");
                calls.borrow_mut().push((is_copy, path == parent(&to), what, from.exists(), to.exists()));
                sync(path, what)
            };
            move_across_by(&from, &to, &seen).unwrap();
            assert_eq!(*calls.borrow(), [(true, false, what, true, false), (false, true, what, true, true)]);
            assert!(!from.exists() && to.exists());
            remove(&to).unwrap();
            // What the disk refuses stays where it was.
            fill(is_folder);
            let refuse = |path: &Path, _| Err(DiskError::new("write", path, io::Error::other("no")));
            move_across_by(&from, &to, &refuse).unwrap_err();
            assert!(from.exists() && !to.exists());
            assert_eq!(fs::read_dir(parent(&to)).unwrap().count(), 0, "no copy is left");
            remove(&from).unwrap();
        }
    }

    #[test]
    fn unfinished_files_are_known_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        replace_with(&folder.path().join("file"), |_| {
            let names = fs::read_dir(folder.path())?.map(|entry| entry.map(|entry| entry.file_name()));
            let names = names.collect::<io::Result<Vec<_>>>()?;
            assert!(names.iter().all(|name| is_unfinished(name.to_str().unwrap())), "{names:?}");
            assert_eq!(names.len(), 1);
            Ok(())
        })
        .unwrap();
        for name in ["file", ".pipe-.tmp", ".pipe-notes.tmp", ".pipe-a1b2c3.tmp~"] {
            assert!(!is_unfinished(name), "{name}");
        }
    }

    #[test]
    fn touching_tells_whether_there_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(!touch(&path).unwrap());
        assert!(!starts_with(&path, b"ab").unwrap());
        replace(&path, b"abc").unwrap();
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        File::open(&path).unwrap().set_modified(old).unwrap();
        set_mode(&path, 0o444).unwrap();
        assert!(touch(&path).unwrap());
        assert!(fs::metadata(&path).unwrap().modified().unwrap() > old + std::time::Duration::from_secs(30));
        assert!(starts_with(&path, b"ab").unwrap() && starts_with(&path, b"abc").unwrap());
        assert!(!starts_with(&path, b"abcd").unwrap() && !starts_with(&path, b"b").unwrap());
    }

    #[test]
    fn replaced_whole_and_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.txt");
        replace(&path, b"one").unwrap();
        set_mode(&path, 0o640).unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        let failed = replace_with(&path, |_| Err(io::Error::other("no")));
        assert!(failed.is_err());
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_private_file_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/key");
        assert!(create_private(&path, b"one").unwrap());
        assert!(!create_private(&path, b"two").unwrap());
        assert_eq!(read(&path).unwrap(), b"one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_symlink_is_replaced_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        replace(&target, b"kept").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace(&link, b"new").unwrap();
        assert_eq!(read(&target).unwrap(), b"kept");
        remove(&link).unwrap();
        assert_eq!(read(&target).unwrap(), b"kept");
    }

    #[test]
    fn empty_folders_go_up_to_the_stop() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        make_folder(&deep).unwrap();
        replace(&folder.path().join("a/keep"), b"").unwrap();
        remove_empty_folders(&deep, folder.path());
        assert!(!folder.path().join("a/b").exists());
        assert!(folder.path().join("a").exists());
    }
}
