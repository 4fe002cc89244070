//! File systems of which other machines may see and change the same files.
//!
//! Each machine keeps for some seconds what it knows of them, and memory that processes share is not shared across
//! machines. What is done otherwise there is asked for here, so that local file systems are left as they are.

use std::fs::{self, File, Metadata};
use std::io;
#[cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::DiskError;
use crate::file::parent;
use crate::open::open;

/// Whether a folder or file is on a file system of which other machines may have the same files. One that is not known
/// counts as one of this machine, FUSE too.
pub fn is_network(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        // NFS, CIFS, SMB and SMB 2, AFS of two kinds, Ceph, Lustre, GPFS, BeeGFS.
        const KNOWN: [u64; 10] = [
            0x6969,
            0xff53_4d42,
            0x517b,
            0xfe53_4d42,
            0x5346_414f,
            0x6b41_4653,
            0x00c3_6400,
            0x0bd0_0bd0,
            0x4750_4653,
            0x1983_0326,
        ];
        // Some systems give the number with a sign.
        let is_known = |magic: u64| KNOWN.contains(&(magic & 0xffff_ffff));
        rustix::fs::statfs(path).is_ok_and(|found| is_known(found.f_type as u64))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

/// The option of the mount that a folder is on which keeps its locks from other machines (`nolock`), if it has one.
pub fn lock_hiding_option(folder: &Path) -> Option<String> {
    if !is_network(folder) {
        return None;
    }
    let device = device_of(&fs::metadata(folder).ok()?)?;
    hiding_option_of(&fs::read_to_string("/proc/self/mountinfo").ok()?, &device)
}

/// Asks the server anew, where `path` is on a network file system, what there is in the folders from `root` down to it, and
/// what it is itself; elsewhere nothing is done, and the answer is false. What other machines changed is seen then, which
/// this one may believe for a minute that it knows.
pub fn look_anew(root: &Path, path: &Path) -> bool {
    if !is_network(path) && !is_network(parent(path)) {
        return false;
    }
    let mut folders: Vec<&Path> =
        path.ancestors().skip(1).take_while(|folder| folder.starts_with(root)).collect();
    folders.reverse();
    for folder in folders {
        // To open a folder is to ask whether it is as it was.
        if File::open(folder).is_err() {
            return true;
        }
    }
    ask_anew(path);
    true
}

/// Whether NFS gave a file this name, which was removed while a process of this machine had it open: it goes when that
/// process closes it, and cannot be removed before.
pub fn is_open_remnant(name: &str) -> bool {
    let number = name.strip_prefix(".nfs");
    number.is_some_and(|number| number.len() == 24 && number.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// As [`remove`](crate::remove), but what a process of this machine still has open on a network file system stays, with the
/// folders above it. False then.
///
/// # Errors
/// When something else cannot be removed.
pub fn remove_what_is_closed(path: &Path) -> Result<bool, DiskError> {
    match crate::remove(path) {
        Err(fault) if is_held_open(&fault.source) && is_network(parent(path)) => Ok(false),
        removed => removed.map(|()| true),
    }
}

fn is_held_open(fault: &io::Error) -> bool {
    matches!(fault.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::DirectoryNotEmpty)
}

/// Asks the server anew for the size and times of what is at `path`, in a folder that is known as it is.
pub fn ask_anew(path: &Path) {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
        let flags = AtFlags::STATX_FORCE_SYNC;
        let _ = statx(CWD, path, flags | AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS);
        if path.is_symlink() {
            let _ = statx(CWD, path, flags, StatxFlags::BASIC_STATS);
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
    }
}

/// Size and times of a file that other processes replace or append to, those on other machines too.
///
/// # Errors
/// When it is not there, or cannot be asked about.
pub fn metadata_anew(path: &Path) -> io::Result<Metadata> {
    let folder = parent(path);
    if is_network(folder) {
        let _ = File::open(folder);
        match open(path) {
            Err(fault) if fault.kind() == io::ErrorKind::PermissionDenied => {}
            opened => return opened?.metadata(),
        }
    }
    fs::metadata(path)
}

/// Hands what was written to a file in `folder` to the server of a network file system, so that other machines see it while
/// the file is open.
pub(crate) fn tell(file: &File, folder: &Path) -> io::Result<()> {
    if is_network(folder) { file.sync_data() } else { Ok(()) }
}

/// As the system writes it: `8:1`.
#[cfg(target_os = "linux")]
fn device_of(metadata: &Metadata) -> Option<String> {
    let device = metadata.dev();
    Some(format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device)))
}

#[cfg(not(target_os = "linux"))]
fn device_of(_: &Metadata) -> Option<String> {
    None
}

/// Locks of `flock` alone may stay on the machine: what takes those looks for signs of life as well.
fn hiding_option_of(mounts: &str, device: &str) -> Option<String> {
    const HIDING: [&str; 4] = ["nolock", "local_lock=all", "local_lock=posix", "nobrl"];
    let of = |line: &str| {
        let (mount, file_system) = line.split_once(" - ")?;
        if mount.split(' ').nth(2) != Some(device) {
            return None;
        }
        let mut options = file_system.split(' ').nth(2)?.split(',');
        options.find(|option| HIDING.contains(option)).map(str::to_owned)
    };
    mounts.lines().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_this_machine_are_none_of_the_network() {
        assert!(!is_network(Path::new("/proc")));
        assert!(!is_network(Path::new("/not/there")));
        assert_eq!(lock_hiding_option(Path::new("/proc")), None);
    }

    #[test]
    fn what_nfs_keeps_of_an_open_file_is_known_by_its_name() {
        assert!(is_open_remnant(".nfs000000000001004d00000002"));
        for other in
            [".nfs", ".nfs000000000001004d0000000", ".nfs000000000001004d0000000g", "nfs", ".nfs-notes"]
        {
            assert!(!is_open_remnant(other), "{other}");
        }
    }

    #[test]
    fn on_a_disk_what_cannot_be_removed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(remove_what_is_closed(&folder.path().join("file")).unwrap());
        assert!(remove_what_is_closed(&folder.path().join("file")).unwrap(), "a missing one is fine");
        assert!(remove_what_is_closed(Path::new("/proc/self")).is_err());
    }

    #[test]
    fn a_mount_that_hides_its_locks_is_known_by_its_options() {
        let mounts = "\
56 42 0:43 / /mnt/a rw,relatime - nfs4 server:/a rw,vers=4.2,hard,local_lock=none,addr=10.0.1.1
57 42 0:44 / /mnt/my\\040b rw,nolock - nfs server:/nolock rw,vers=3,local_lock=flock
58 42 0:46 / /mnt/c rw,relatime shared:5 - nfs server:/c rw,vers=3,hard,nolock,local_lock=all,addr=10.0.1.1
59 42 0:47 / /mnt/d rw - cifs //server/d rw,nobrl,vers=3.1.1
";
        let options = ["0:43", "0:44", "0:46", "0:47", "0:4"].map(|device| hiding_option_of(mounts, device));
        let expected = [None, None, Some("nolock".to_owned()), Some("nobrl".to_owned()), None];
        assert_eq!(options, expected);
    }
}
