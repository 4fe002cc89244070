//! What a `stat` says of a file: enough to tell that its bytes cannot have changed since.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Size, times, inode and mode of a file. Two equal stamps of one path mean unchanged bytes, unless the
/// stamp was [racy](Stamp::is_racy) when the bytes were read.
///
/// Both times count: a tool that restores mtime after an edit (`touch -r`, `cp -p`, `rsync -t`) cannot
/// restore ctime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Last change of the content, nanoseconds since 1970.
    pub mtime: i64,
    /// Last change of the content or the inode, nanoseconds since 1970.
    pub ctime: i64,
    /// The inode's number.
    pub inode: u64,
    /// Type and permission bits.
    pub mode: u32,
}

/// How coarse a file system's clock may be. Linux stamps files with a clock that ticks every 1 to 10 ms;
/// FAT counts in 2 s, but is no home for a project.
const GRANULARITY: i64 = 20_000_000;

impl Stamp {
    /// The stamp in a file's metadata.
    pub fn of(metadata: &Metadata) -> Self {
        let nanos = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        Stamp {
            size: metadata.size(),
            mtime: nanos(metadata.mtime(), metadata.mtime_nsec()),
            ctime: nanos(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            mode: metadata.mode(),
        }
    }

    /// Whether anyone may execute the file.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }

    /// Whether a write right after this stamp could leave an equal one: the file changed within the
    /// file system's clock tick before `now` (nanoseconds since 1970), the moment of the `stat`. A clock
    /// that lies in the file's past counts as racy too.
    pub fn is_racy(&self, now: i64) -> bool {
        self.mtime.max(self.ctime) >= now - GRANULARITY
    }

    /// This machine's clock in nanoseconds since 1970.
    pub fn now() -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_mtime_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let before = std::fs::metadata(&path).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30));
        std::fs::write(&path, "two").unwrap();
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(before.modified().unwrap())
            .unwrap();
        let (before, after) = (Stamp::of(&before), Stamp::of(&std::fs::metadata(&path).unwrap()));
        assert_eq!((before.size, before.mtime), (after.size, after.mtime));
        assert_ne!(before, after);
    }

    #[test]
    fn fresh_files_are_racy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "one").unwrap();
        let stamp = Stamp::of(&std::fs::metadata(&path).unwrap());
        // Asked in the moment of the write, however long ago that is by now.
        assert!(stamp.is_racy(stamp.mtime));
        assert!(!stamp.is_racy(stamp.mtime + 1_000_000_000));
    }
}
