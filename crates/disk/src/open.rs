//! Opening files to read them. What is no file is refused, before it could keep a process waiting.
//!
//! Anyone who may write to a folder can put a named pipe there, and who opens one to read waits until somebody writes to it:
//! for ever, and with locks in hand that others wait for. So nothing is waited for, and what was opened is asked what it is.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// That something else stands where a file belongs.
#[derive(Debug)]
struct NotAFile(&'static str);

impl std::fmt::Display for NotAFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it is {}, not a file", self.0)
    }
}

impl std::error::Error for NotAFile {}

/// Opens a file to read it; a symlink is followed.
///
/// # Errors
/// When it is missing or unreadable, and when it [is no file](is_no_file).
pub fn open(path: &Path) -> io::Result<File> {
    open_known(path).map(|(file, _)| file)
}

/// As [`open`], with what is known of the file that was opened, which is asked for anyway.
///
/// # Errors
/// As [`open`].
pub fn open_known(path: &Path) -> io::Result<(File, Metadata)> {
    open_by(File::options().read(true), path)
}

/// Opens a file in a way of its own, as [`open`] does.
pub(crate) fn open_by(options: &mut OpenOptions, path: &Path) -> io::Result<(File, Metadata)> {
    // Nor does a terminal become that of this process.
    let without_waiting = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match options.custom_flags(without_waiting.bits().cast_signed()).open(path) {
        // Another program has a lease on the file, which the system takes back for who waits.
        Err(fault) if fault.kind() == ErrorKind::WouldBlock && path.is_file() => {
            options.custom_flags(0).open(path)?
        }
        opened => opened.map_err(|fault| named(fault, path))?,
    };
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(not_a_file(&metadata)) }
}

/// The bytes of a file.
///
/// # Errors
/// As [`open`].
pub fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let (file, metadata) = open_known(path)?;
    // Those of `/proc` say that they are empty.
    let size = usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size)?;
    file.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a file.
///
/// # Errors
/// As [`open`], and when it is not UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let text = String::from_utf8(read_bytes(path)?);
    text.map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Whether a file could not be opened because a folder, a named pipe, a socket or a device stands there.
pub fn is_no_file(fault: &io::Error) -> bool {
    fault.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<NotAFile>)
}

/// The answer of the system, or what stands there where that is why there was none.
fn named(fault: io::Error, path: &Path) -> io::Error {
    // What nobody reads, or nobody listens at.
    let is_special = [Errno::NXIO, Errno::OPNOTSUPP, Errno::NODEV, Errno::ISDIR]
        .iter()
        .any(|errno| fault.raw_os_error() == Some(errno.raw_os_error()));
    match std::fs::metadata(path) {
        Ok(metadata) if is_special && !metadata.is_file() => not_a_file(&metadata),
        _ => fault,
    }
}

/// What to say of what is there and no file.
pub fn not_a_file(metadata: &Metadata) -> io::Error {
    let kind = metadata.file_type();
    if kind.is_dir() {
        return io::Error::new(ErrorKind::IsADirectory, NotAFile("a folder"));
    }
    let what = if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    io::Error::other(NotAFile(what))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_no_file_is_refused_at_once_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink("pipe", at("link")).unwrap();
        for (path, what) in [
            (at("pipe"), "a named pipe"),
            (at("link"), "a named pipe"),
            (at("socket"), "a socket"),
            (at("folder"), "a folder"),
            ("/dev/null".into(), "a device"),
        ] {
            for fault in [open(&path).unwrap_err(), read_bytes(&path).unwrap_err()] {
                assert_eq!(fault.to_string(), format!("it is {what}, not a file"));
                assert!(is_no_file(&fault));
            }
        }
        let missing = open(&at("missing")).unwrap_err();
        assert!(!is_no_file(&missing) && missing.kind() == ErrorKind::NotFound);
    }

    #[test]
    fn files_are_read_whole_whatever_they_say_of_their_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for size in [0, 1, 31, 32, 33, 100_000] {
            let bytes = vec![b'x'; size];
            fs::write(&path, &bytes).unwrap();
            assert_eq!(read_bytes(&path).unwrap(), bytes);
            assert_eq!(read_text(&path).unwrap().len(), size);
        }
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path).unwrap_err().kind(), ErrorKind::InvalidData);
        if cfg!(target_os = "linux") {
            assert!(!read_bytes(Path::new("/proc/self/status")).unwrap().is_empty());
        }
    }
}
