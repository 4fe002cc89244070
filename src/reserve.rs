//! Room on the disk that is set aside for what must be known also when the disk is full: how stages ended (their journal
//! and lock, the ends of their runs) has one file of noise, and what their scripts log has another, so that no number of
//! points takes what the stages themselves need. What is left of either is set aside again at once: others may be filling
//! the disk just now.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use disk::DiskError;
use rand::Rng;

/// How many bytes are set aside for how stages ended.
const FOR_STAGES: u64 = 256 << 10;
/// How many more are for what their scripts log.
const FOR_SCRIPTS: u64 = 256 << 10;
/// Where there is less room than that, stages need it more than what their scripts log.
const ROOMY: u64 = 4 * FOR_SCRIPTS;
/// What a small file takes of a disk.
const BLOCK: u64 = 4096;
/// How much of a disk is left to what is little, folders among it.
#[cfg(feature = "serve")]
const SLACK: u64 = 4 * BLOCK;

/// One at a time: what another gave back for a moment looks like room, or like no reserve. Who takes room for something
/// that is worth less shares it: the log of a store that is tried again would grow into what was given back, and then
/// there is nothing left to set aside.
static IN_USE: RwLock<()> = RwLock::new(());

/// Sets room aside beside a spool, as far as none is.
pub fn make(spool: &Path) {
    let _alone = IN_USE.write().unwrap_or_else(PoisonError::into_inner);
    for (path, size, room) in
        [(of_stages(spool), FOR_STAGES, FOR_STAGES), (of_scripts(spool), FOR_SCRIPTS, ROOMY)]
    {
        if set_aside(&path) < size && path.parent().and_then(disk::room).is_none_or(|found| found >= room) {
            let _ = fill(&path, size);
        }
    }
}

/// Does something that may take room on the disk, in a moment when nobody has given back what is set aside. It must use
/// nothing of this module.
pub fn beside<T>(act: impl FnOnce() -> T) -> T {
    let _shared = IN_USE.read().unwrap_or_else(PoisonError::into_inner);
    act()
}

/// Does something that the disk had no room for, in the room that is set aside for the stages.
pub fn within<T>(spool: &Path, act: impl FnOnce() -> T) -> T {
    let _alone = IN_USE.write().unwrap_or_else(PoisonError::into_inner);
    let path = of_stages(spool);
    let size = set_aside(&path);
    let _ = disk::remove(&path);
    let done = act();
    fill_again(&path, size);
    done
}

/// Keeps so many bytes that scripts logged, in the room that is set aside for that; `None` where there is too little.
#[cfg(feature = "serve")]
pub fn within_that_of_scripts<T>(spool: &Path, bytes: usize, act: impl FnOnce() -> T) -> Option<T> {
    let _alone = IN_USE.write().unwrap_or_else(PoisonError::into_inner);
    let path = of_scripts(spool);
    let left = set_aside(&path).checked_sub((bytes as u64).next_multiple_of(BLOCK))?;
    disk::remove(&path).ok()?;
    let done = act();
    fill_again(&path, left);
    Some(done)
}

/// Whether what scripts log would take the last room of a disk.
#[cfg(feature = "serve")]
pub fn is_all_that_is_left(spool: &Path, bytes: usize) -> bool {
    let room = spool.ancestors().find(|folder| folder.is_dir()).and_then(disk::room);
    room.is_some_and(|room| room < bytes as u64 + SLACK)
}

/// Gives all the room back: no stage runs any more, and all is written that they needed.
#[cfg(feature = "serve")]
pub fn give_back(spool: &Path) {
    let _alone = IN_USE.write().unwrap_or_else(PoisonError::into_inner);
    for path in [of_stages(spool), of_scripts(spool)] {
        let _ = disk::remove(&path);
    }
}

/// How many bytes a file has that sets them aside.
fn set_aside(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// Sets up to so many bytes aside, as far as there is room. What is left free others take, each time: it is little.
fn fill_again(path: &Path, size: u64) {
    let room = path.parent().and_then(disk::room).unwrap_or(u64::MAX);
    let size = size.min(room) / BLOCK * BLOCK;
    // A file system may need some for itself.
    let sizes = [size, size.saturating_sub(2 * BLOCK), size / 2].into_iter().filter(|size| *size > 0);
    let _ = sizes.map(|size| fill(path, size)).find(Result::is_ok);
}

fn fill(path: &Path, size: u64) -> Result<(), DiskError> {
    // Zeros would take no room where the file system packs them.
    let mut noise = vec![0; usize::try_from(size).expect("it is small")];
    rand::make_rng::<rand::rngs::StdRng>().fill_bytes(&mut noise);
    disk::replace_volatile(path, &noise)
}

fn of_stages(spool: &Path) -> PathBuf {
    spool.with_file_name("reserve")
}

fn of_scripts(spool: &Path) -> PathBuf {
    spool.with_file_name("reserve-scripts")
}

#[cfg(test)]
pub mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// Sees to it that something which takes room is not done while others have given back what is set aside.
    pub fn assert_waits_for_the_room_of_others<T: Send>(folder: &Path, act: impl FnOnce() -> T + Send) -> T {
        let ((go, may_go), (tell, done)) = (mpsc::channel(), mpsc::channel());
        std::thread::scope(|scope| {
            let acting = scope.spawn(move || {
                may_go.recv().unwrap();
                let result = act();
                tell.send(()).unwrap();
                result
            });
            within(&folder.join("spool"), || {
                go.send(()).unwrap();
                done.recv_timeout(Duration::from_millis(300)).unwrap_err();
            });
            acting.join().unwrap()
        })
    }

    #[test]
    fn what_is_left_is_set_aside_again_and_nothing_where_nothing_was() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        within(&spool, || ());
        assert!(!of_stages(&spool).exists());
        make(&spool);
        within(&spool, || assert!(!of_stages(&spool).exists() && of_scripts(&spool).exists()));
        assert_eq!(
            (set_aside(&of_stages(&spool)), set_aside(&of_scripts(&spool))),
            (FOR_STAGES, FOR_SCRIPTS)
        );
        // Too little is as good as none: a later reproduction sets it aside anew.
        fill(&of_stages(&spool), 2 * BLOCK).unwrap();
        make(&spool);
        assert_eq!(set_aside(&of_stages(&spool)), FOR_STAGES);
    }

    #[cfg(feature = "serve")]
    #[test]
    fn scripts_have_no_more_than_is_set_aside_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        make(&spool);
        let many = usize::try_from(FOR_SCRIPTS - 3 * BLOCK).unwrap();
        assert_eq!(within_that_of_scripts(&spool, many - 1, || 7), Some(7));
        assert_eq!(set_aside(&of_scripts(&spool)), 3 * BLOCK);
        assert_eq!(within_that_of_scripts(&spool, many, || 7), None);
        assert_eq!(set_aside(&of_scripts(&spool)), 3 * BLOCK, "it is left");
        assert_eq!(within_that_of_scripts(&spool, 1, || 7), Some(7));
        assert_eq!(set_aside(&of_stages(&spool)), FOR_STAGES);
        give_back(&spool);
        assert!(!of_stages(&spool).exists() && !of_scripts(&spool).exists());
    }
}
