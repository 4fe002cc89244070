//! Placing the bytes of one file under another name: by sharing blocks where the file system can, else
//! by copying.
//!
//! Both directions leave the new name complete or absent. Hard links and symlinks are not made here:
//! an edit through one would reach the cache.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Context, DiskError};
use crate::file::make_folder;

/// A name beside `path` that nobody else uses.
fn neighbour(path: &Path) -> Result<PathBuf, DiskError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let name = tempfile::Builder::new()
        .prefix(".pipe-")
        .suffix(".tmp")
        .make_in(folder, |path| match fs::symlink_metadata(path) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => Ok(()),
        })
        .context("write file", path)?;
    name.into_temp_path().keep().map_err(|fault| DiskError::new("write file", path, fault.error))
}

/// The copy gets its name when `is_good`, which is shown it where nobody else has it, says so. Returns the answer.
fn copy_as(
    from: &Path,
    to: &Path,
    mode: u32,
    is_good: impl FnOnce(&Path) -> bool,
) -> Result<bool, DiskError> {
    let temporary = neighbour(to)?;
    let placed = reflink_copy::reflink_or_copy(from, &temporary)
        .and_then(|_| fs::set_permissions(&temporary, Permissions::from_mode(mode)))
        .and_then(|()| match is_good(&temporary) {
            true => fs::rename(&temporary, to).map(|()| true),
            false => fs::remove_file(&temporary).map(|()| false),
        });
    placed.map_err(|fault| {
        let _ = fs::remove_file(&temporary);
        DiskError::new("write file", to, fault)
    })
}

/// Places a blob's bytes in the workspace as an ordinary, writable file, over a file that stands there.
///
/// # Errors
/// When the blob is missing or the disk refuses; what stood at `to` stands then.
pub fn place_copy(blob: &Path, to: &Path, executable: bool) -> Result<(), DiskError> {
    copy_as(blob, to, if executable { 0o755 } else { 0o644 }, |_| true).map(drop)
}

/// Places a workspace file's bytes in the cache as a read-only blob, when `is_good` says so of the copy. Returns the
/// answer.
///
/// # Errors
/// When the disk refuses; no blob stands then.
pub fn store_copy(from: &Path, blob: &Path, is_good: impl FnOnce(&Path) -> bool) -> Result<bool, DiskError> {
    copy_as(from, blob, 0o444, is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_carry_their_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (file, blob, back) =
            (folder.path().join("file"), folder.path().join("cache/blob"), folder.path().join("back"));
        fs::write(&file, "bytes").unwrap();
        assert!(!store_copy(&file, &blob, |copy| fs::read(copy).unwrap() != b"bytes").unwrap());
        assert!(!blob.exists());
        assert!(store_copy(&file, &blob, |_| true).unwrap());
        place_copy(&blob, &back, true).unwrap();
        place_copy(&blob, &file, false).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&blob), mode(&back)), (0o644, 0o444, 0o755));
        assert_eq!(fs::read(&back).unwrap(), b"bytes");
        assert!(store_copy(&folder.path().join("none"), &folder.path().join("x"), |_| true).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left over");
    }
}
