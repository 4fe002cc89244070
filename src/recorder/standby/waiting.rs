//! What waits in memory for room in the spool.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use disk::DiskError;
use track::{Change, Changes, Metric, RunId};

use crate::spool;

/// How many bytes wait while not even the spool can be written, for another reason than a full disk.
const MOST_BYTES: usize = 64 << 20;
/// What a small file takes of a disk.
const BLOCK: usize = 4096;
/// How large a set may be before points go to one of their own.
const MOST_JOINED: usize = 64 << 10;

/// What has to go to the spool, which takes nothing just now.
#[derive(Default)]
pub(super) struct Waiting {
    sets: VecDeque<Set>,
    /// The name of what was kept last.
    pub last: Option<RunId>,
    /// Whether it waits for room on the disk.
    is_full: bool,
}

struct Set {
    name: RunId,
    changes: Changes,
    /// How many bytes it is written in, about.
    size: usize,
}

impl Set {
    /// Whether both are points of one run, and nothing else: none of them can be refused without the others.
    fn takes(&self, other: &Changes) -> bool {
        let one = &self.changes;
        self.size < MOST_JOINED
            && run_of_points(one).is_some_and(|run| run_of_points(other) == Some(run))
            && one.preconditions == other.preconditions
            && one.to_deleted == other.to_deleted
    }
}

impl Waiting {
    /// Whether changes are sure to be kept: in the spool, or by the room that is set aside for what scripts log.
    pub fn has_room_for(&self, folder: &Path, changes: &Changes) -> bool {
        let size = spool::bytes_of(changes).len();
        if !self.is_full && spool::has_room(folder, size) {
            return true;
        }
        let more = match self.sets.back().filter(|back| back.takes(changes)) {
            Some(back) => room_of(back.size + size_of_points(changes)) - room_of(back.size),
            // Besides it gets an id, and names in place of numbers.
            None => room_of(size + 256),
        };
        let taken: usize = self.sets.iter().map(|set| room_of(set.size)).sum();
        taken + more <= spool::room_for_scripts(folder)
    }

    /// Adds a set, points to those of the same run that came just before: each set takes a file. False when too much waits.
    pub fn push(&mut self, name: RunId, mut changes: Changes) -> bool {
        let size = spool::bytes_of(&changes).len();
        if self.sets.iter().map(|set| set.size).sum::<usize>() + size > MOST_BYTES {
            return false;
        }
        match self.sets.back_mut().filter(|back| back.takes(&changes)) {
            Some(back) => {
                back.size += size_of_points(&changes);
                if let (Some(points), Some(more)) = (points_in(&mut back.changes), points_in(&mut changes)) {
                    points.append(more);
                }
            }
            None => self.sets.push_back(Set { name, changes, size }),
        }
        true
    }

    /// Puts all into the spool, in its order; returns how many sets. Unless it `is_last`, the room is left that what is
    /// recorded of stages needs.
    ///
    /// # Errors
    /// When the disk refuses; the rest waits on.
    pub fn flush(&mut self, folder: &Path, is_last: bool) -> Result<usize, DiskError> {
        let mut flushed = 0;
        while let Some(Set { name, changes, .. }) = self.sets.front() {
            let bytes = spool::bytes_of(changes);
            let written = if is_last || spool::has_room(folder, bytes.len()) {
                spool::write(folder, *name, &bytes)
            } else {
                Err(DiskError::new("write file", folder, io::ErrorKind::StorageFull.into()))
            };
            self.is_full = written.as_ref().is_err_and(DiskError::is_full);
            written?;
            self.sets.pop_front();
            flushed += 1;
        }
        self.is_full = false;
        Ok(flushed)
    }
}

/// What a file of this size takes of a disk.
fn room_of(size: usize) -> usize {
    size.next_multiple_of(BLOCK)
}

/// The run of points that are alone in a set.
fn run_of_points(changes: &Changes) -> Option<RunId> {
    match &*changes.changes {
        [Change::LogMetrics { run, .. }] => Some(*run),
        _ => None,
    }
}

fn points_in(changes: &mut Changes) -> Option<&mut Vec<Metric>> {
    match &mut *changes.changes {
        [Change::LogMetrics { metrics, .. }] => Some(metrics),
        _ => None,
    }
}

/// How many bytes the points of a set are written in.
fn size_of_points(changes: &Changes) -> usize {
    match &*changes.changes {
        [Change::LogMetrics { metrics, .. }] => serde_json::to_vec(metrics).expect("plain data").len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use base::Timestamp;

    use super::*;
    use crate::recorder::new_run_id;

    fn point(run: RunId, step: i64) -> Changes {
        let point = Metric { key: "loss".into(), value: 0.5, step, timestamp: Timestamp(5) };
        Changes::new(Timestamp(5), vec![Change::LogMetrics { run, metrics: vec![point] }])
    }

    fn add(waiting: &mut Waiting, changes: Changes) {
        let (name, changes) = spool::named_at(changes);
        assert!(waiting.push(name, changes));
    }

    #[test]
    fn points_of_one_run_that_come_one_after_the_other_wait_in_one_set() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let (run, other) = (new_run_id(), new_run_id());
        let mut waiting = Waiting::default();
        (0..300).for_each(|step| add(&mut waiting, point(run, step)));
        add(&mut waiting, point(other, 1));
        let params = Change::LogParams { run, params: Vec::new() };
        add(&mut waiting, Changes::new(Timestamp(5), vec![params]));
        (300..302).for_each(|step| add(&mut waiting, point(run, step)));
        let counted = waiting.sets[0].size;
        assert_eq!(waiting.flush(&spool, true).unwrap(), 4);
        let files = spool::all_files(&spool);
        let sets: Vec<Vec<u8>> = files.iter().map(|file| disk::read(file).unwrap()).collect();
        assert!(sets[0].len() <= counted && counted < sets[0].len() * 2, "{counted}");
        let kept = sets.iter().map(|set| serde_json::from_slice::<Changes>(set).unwrap());
        let steps: Vec<usize> =
            kept.map(|mut set| points_in(&mut set).map_or(0, |points| points.len())).collect();
        assert_eq!(steps, [300, 1, 0, 2]);
    }

    #[test]
    fn on_a_full_disk_no_more_is_taken_than_there_is_room_aside() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let run = new_run_id();
        let mut waiting = Waiting { is_full: true, ..Waiting::default() };
        assert!(!waiting.has_room_for(&spool, &point(run, 0)), "nothing is set aside");
        spool::make_reserve(&spool);
        let room = spool::room_for_scripts(&spool);
        let mut taken = 0;
        while waiting.has_room_for(&spool, &point(run, taken)) {
            add(&mut waiting, point(run, taken));
            taken += 1;
        }
        assert!(taken > 1000, "{taken}");
        waiting.flush(&spool, true).unwrap();
        let files = spool::all_files(&spool);
        let size: usize = files.iter().map(|file| room_of(disk::read(file).unwrap().len())).sum();
        assert!(size <= room, "{size}");
        assert!(waiting.has_room_for(&spool, &point(run, taken)), "there was room after all");
    }
}
