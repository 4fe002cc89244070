//! Files that have no name until they are whole: of one nothing is left when its process is killed, and it costs less
//! than one under a name that it loses again. Linux has them (`O_TMPFILE` in `man 2 open`) on most file systems of a
//! machine, not on shares.

use std::fs::File;
use std::path::Path;

use crate::error::DiskError;

/// A file in `folder`, to read and to write, that asks the system for these rights. `None` where there can be none; a
/// missing folder is the fault of who asks for a file with a name next.
#[cfg(target_os = "linux")]
pub(crate) fn open(folder: &Path, mode: u32) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    use rustix::io::Errno;

    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let open = || rustix::fs::open(folder, flags, Mode::from_raw_mode(mode));
    let opened = match open() {
        // Most often the folder is there.
        Err(Errno::NOENT) => crate::file::make_folder(folder).ok().and_then(|()| open().ok()),
        opened => opened.ok(),
    };
    opened.map(File::from)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn open(_folder: &Path, _mode: u32) -> Option<File> {
    None
}

/// Gives such a file its name, over a file that stands there.
///
/// # Errors
/// When the disk refuses; what stood there stands then.
pub(crate) fn give_name(file: &mut File, to: &Path) -> Result<(), DiskError> {
    give_name_by(file, to, link)
}

fn give_name_by(
    file: &mut File,
    to: &Path,
    link: impl Fn(&File, &Path) -> std::io::Result<()>,
) -> Result<(), DiskError> {
    use std::io::ErrorKind::AlreadyExists;

    let linked = match link(file, to) {
        Ok(()) => return Ok(()),
        Err(fault) if fault.kind() == AlreadyExists => {
            crate::link::beside_new(to, |temporary| link(file, temporary))
        }
        Err(fault) => Err(DiskError::new("write file", to, fault)),
    };
    // There may be file systems that make such files and give them no names.
    linked.or_else(|_| crate::link::beside_new(to, |temporary| copy(file, temporary))).map(drop)
}

/// By the open file where the kernel lets everybody, else by the name that /proc has for it.
#[cfg(target_os = "linux")]
fn link(file: &File, to: &Path) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;

    use rustix::fs::{AtFlags, CWD, linkat};
    use rustix::io::Errno;

    let linked = match linkat(file, "", CWD, to, AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT) => {
            let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
            linkat(CWD, opened, CWD, to, AtFlags::SYMLINK_FOLLOW)
        }
        linked => linked,
    };
    Ok(linked?)
}

#[cfg(not(target_os = "linux"))]
fn link(_file: &File, _to: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// A file `to` that is as this one.
fn copy(file: &mut File, to: &Path) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom};

    let metadata = file.metadata()?;
    let mut made = File::options().write(true).create_new(true).open(to)?;
    let mut fill = || {
        file.seek(SeekFrom::Start(0))?;
        std::io::copy(file, &mut made)?;
        made.set_permissions(metadata.permissions())?;
        made.set_modified(metadata.modified()?)
    };
    crate::link::remove_failed(to, fill())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::io::{self, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_name_comes_last_and_replaces_what_stands_there() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("below/file");
        let no_names = |_: &File, _: &Path| Err(io::ErrorKind::Unsupported.into());
        let refuses = |_: &File, to: &Path| match to.ends_with("file") {
            true => Err(io::ErrorKind::AlreadyExists.into()),
            false => Err(io::ErrorKind::Unsupported.into()),
        };
        type Way<'a> = &'a dyn Fn(&File, &Path) -> io::Result<()>;
        let ways: [(&str, Way<'_>); 5] =
            [("new", &link), ("over", &link), ("copy", &no_names), ("copy over", &refuses), ("again", &link)];
        for (text, way) in ways {
            // The file systems that this is tested on have such files.
            let mut file = open(to.parent().unwrap(), 0o440).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::new(1_500_000_000, 123);
            file.set_modified(time).unwrap();
            let before = fs::read_dir(to.parent().unwrap()).unwrap().count();
            give_name_by(&mut file, &to, way).unwrap();
            assert_eq!(fs::read_to_string(&to).unwrap(), text);
            let made = fs::metadata(&to).unwrap();
            assert_eq!(
                (made.permissions().mode() & 0o777, made.modified().unwrap()),
                (0o440, time),
                "{text}"
            );
            assert_eq!(
                (before, fs::read_dir(to.parent().unwrap()).unwrap().count()),
                (usize::from(text != "new"), 1)
            );
        }
        let mut file = open(folder.path(), 0o600).unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        assert!(give_name(&mut file, &folder.path().join("folder")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
        assert!(open(&to, 0o600).is_none(), "a file is no folder");
    }
}
