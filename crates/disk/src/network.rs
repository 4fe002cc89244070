//! File systems of which other machines may see and change the same files.
//!
//! Each machine keeps for some seconds what it knows of them, and memory that processes share is not shared across
//! machines. What is done otherwise there is asked for here, so that local file systems are left as they are.

use std::fs::Metadata;
#[cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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
    let device = device_of(&std::fs::metadata(folder).ok()?)?;
    hiding_option_of(&std::fs::read_to_string("/proc/self/mountinfo").ok()?, &device)
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
