//! Folders that the people of a group share.
//!
//! A folder that its group may write to and that hands its group down (mode `2775`) is shared. What is made in one is
//! shared too, whatever the process's umask says: folders get the same mode, and files are for the group what they are
//! for their owner. So whoever writes below such a folder need not know that it is one.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::error::{Context, DiskError};
use crate::file::make_folder;

/// The mode of a shared folder.
const SHARED: u32 = 0o2775;
/// What tells one: the group hands itself down and may write.
const MARKS: u32 = 0o2020;
/// The first of both, which the system hands down.
const HANDED_DOWN: u32 = 0o2000;

/// Whether a folder is one that a group shares. One that another thread has just made in such a folder is, too: the system
/// hands the group down at once, and the rest of the mode follows.
pub fn is_shared(folder: &Path) -> bool {
    let mode = |folder: &Path| fs::metadata(folder).map_or(0, |metadata| metadata.permissions().mode());
    for folder in folder.ancestors() {
        match mode(folder) & MARKS {
            MARKS => return true,
            HANDED_DOWN => {}
            _ => return false,
        }
    }
    false
}

/// Whether what is made in one of two folders is as if it were made in the other: on the same disk, of the same group and
/// with the same rights. Of a folder that is not there, the nearest above it counts.
pub fn hand_down_alike(one: &Path, other: &Path) -> bool {
    let handed_down = |folder: &Path| {
        let (folder, metadata) =
            folder.ancestors().find_map(|folder| Some((folder, fs::metadata(folder).ok()?)))?;
        // Elsewhere than on Linux each folder hands down its group.
        let hands_group = !cfg!(target_os = "linux") || metadata.mode() & HANDED_DOWN != 0;
        let group = hands_group.then_some((metadata.gid(), metadata.mode() & HANDED_DOWN));
        Some((metadata.dev(), group, default_rights(folder)))
    };
    handed_down(one).is_some_and(|handed| handed_down(other) == Some(handed))
}

/// The rights that a folder's list (ACL) gives to what is made in it; `None` where it has no such list.
#[cfg(target_os = "linux")]
fn default_rights(folder: &Path) -> Option<Vec<u8>> {
    // As many bytes as the system allows at most.
    let mut list = vec![0; 1 << 16];
    let length = rustix::fs::getxattr(folder, "system.posix_acl_default", &mut list).ok()?;
    list.truncate(length);
    Some(list)
}

#[cfg(not(target_os = "linux"))]
fn default_rights(_: &Path) -> Option<Vec<u8>> {
    None
}

fn is_marked(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & MARKS == MARKS)
}

/// Makes a folder one that its group shares, with all that is in it already. One that is shared is left as it is.
///
/// # Errors
/// When the folder cannot be made, or is another user's. What in it is another user's is left as it is.
pub fn share_folder(folder: &Path) -> Result<(), DiskError> {
    make_folder(folder)?;
    if is_marked(folder) {
        return Ok(());
    }
    share_entries(folder);
    // The mark last: a process that is cut off begins anew.
    fs::set_permissions(folder, Permissions::from_mode(SHARED))
        .context("share with its group the folder", folder)
}

fn share_entries(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else { continue };
        if metadata.is_dir() {
            share_entries(&path);
            let _ = fs::set_permissions(&path, Permissions::from_mode(SHARED));
        } else if metadata.is_file() {
            let _ = fs::set_permissions(&path, with_group(&metadata));
        }
    }
}

/// Gives the folders from `made` up to `above`, which is left out, the mode of a shared one, if `above` is one.
pub(crate) fn inherit(made: &Path, above: &Path) {
    if !is_shared(above) {
        return;
    }
    for folder in made.ancestors().take_while(|folder| !is_marked(folder)) {
        // Where somebody else has made it at the same time, it is his to do so.
        let _ = fs::set_permissions(folder, Permissions::from_mode(SHARED));
    }
}

/// Lets the group do with a new file in `folder` what its owner may, if the folder is shared.
pub(crate) fn inherit_file(file: &File, folder: &Path) -> io::Result<()> {
    if !is_shared(folder) {
        return Ok(());
    }
    file.set_permissions(with_group(&file.metadata()?))
}

fn with_group(metadata: &fs::Metadata) -> Permissions {
    let mode = metadata.permissions().mode();
    Permissions::from_mode(mode | (mode & 0o600) >> 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Partial, replace, replace_volatile};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn folders_that_hand_down_other_things_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        make_folder(&one).unwrap();
        make_folder(&other).unwrap();
        assert!(hand_down_alike(&one, &other.join("not/there")));
        fs::set_permissions(&other, Permissions::from_mode(0o2755)).unwrap();
        assert!(!hand_down_alike(&one, &other.join("not/there")));
        fs::set_permissions(&other, Permissions::from_mode(0o755)).unwrap();
        #[cfg(target_os = "linux")]
        {
            let entry = |tag: u16, rights: u16| {
                [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &u32::MAX.to_le_bytes()].concat()
            };
            let list = [2u32.to_le_bytes().to_vec(), entry(1, 7), entry(4, 7), entry(0x20, 5)].concat();
            let flags = rustix::fs::XattrFlags::empty();
            // Not every file system has such lists.
            if rustix::fs::setxattr(&other, "system.posix_acl_default", &list, flags).is_ok() {
                assert!(!hand_down_alike(&one, &other));
                assert!(hand_down_alike(&other, &other));
            }
        }
    }

    #[test]
    fn what_is_in_a_shared_folder_and_what_comes_into_it_is_shared() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cache");
        fs::create_dir_all(root.join("ab")).unwrap();
        fs::set_permissions(root.join("ab"), Permissions::from_mode(0o700)).unwrap();
        fs::write(root.join("ab/old"), "").unwrap();
        fs::set_permissions(root.join("ab/old"), Permissions::from_mode(0o400)).unwrap();
        share_folder(&root).unwrap();
        assert_eq!(
            (mode(&root), mode(&root.join("ab")), mode(&root.join("ab/old"))),
            (SHARED, SHARED, 0o440)
        );
        make_folder(&root.join("cd/ef")).unwrap();
        assert_eq!((mode(&root.join("cd")), mode(&root.join("cd/ef"))), (SHARED, SHARED));
        for write in [replace, replace_volatile] {
            write(&root.join("gh/new"), b"").unwrap();
            assert_eq!((mode(&root.join("gh")), mode(&root.join("gh/new")) & 0o660), (SHARED, 0o660));
        }
        let partial = Partial::open(&root.join("ij").join("a".repeat(40)), true).unwrap();
        partial.finish(None).unwrap();
        assert_eq!(mode(&root.join("ij").join("a".repeat(40))) & 0o660, 0o660);
    }

    #[test]
    fn elsewhere_the_mask_counts() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        make_folder(&folder.path().join("a/b")).unwrap();
        assert_ne!(mode(&folder.path().join("a/b")), SHARED);
    }
}
