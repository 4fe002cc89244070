//! What waits in memory for room in the spool.
//!
//! As long as the spool takes what comes, nothing waits here. On a full disk what scripts log must not take the room that
//! their stages need, and a file takes a block of the disk however little is in it: so points of a run come together in one
//! set, and many sets in one file.

use std::collections::VecDeque;
use std::path::Path;

use disk::DiskError;
use track::{Change, Changes, LoggedModelChange, Metric, RunId};

use crate::{reserve, spool};

/// How many bytes wait while the spool takes nothing.
const MOST_BYTES: usize = 64 << 20;
/// How large a set may be before points go to one of their own.
const MOST_JOINED: usize = 16 << 10;
/// How large a file with several sets may be.
const MOST_BUNDLED: usize = 64 << 10;
/// How many bytes wait before the room that is set aside for them is taken while the stage still runs.
const ENOUGH: usize = 32 << 10;
/// How far back points look for others of their run.
const LOOKS_BACK: usize = 64;

/// What has to go to the spool, which takes nothing just now.
#[derive(Default)]
pub(super) struct Waiting {
    sets: VecDeque<Set>,
    /// How many bytes they are written in, about.
    size: usize,
    /// The name of what was kept last.
    pub last: Option<RunId>,
    lost: Lost,
}

struct Set {
    name: RunId,
    changes: Changes,
    size: usize,
}

/// When something is put into the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Something came.
    Now,
    /// A stage has ended.
    StageEnd,
    /// Nothing comes any more, and no stage needs room.
    Last,
}

/// How much is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    points: usize,
    others: usize,
}

impl Lost {
    fn count(&mut self, changes: &Changes) {
        for change in &changes.changes {
            match change {
                Change::LogMetrics { metrics, .. }
                | Change::LoggedModel(LoggedModelChange::LogMetrics { metrics, .. }) => {
                    self.points += metrics.len();
                }
                Change::LogParams { params, .. } => self.others += params.len(),
                Change::SetTags { tags, .. } => self.others += tags.len(),
                _ => self.others += 1,
            }
        }
    }

    pub fn is_nothing(self) -> bool {
        self == Lost::default()
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let points = if self.points == 1 { "point" } else { "points" };
        match (self.points, self.others) {
            (_, 0) => write!(f, "{} {points}", self.points),
            (0, others) => write!(f, "{others} params, tags and other changes"),
            (_, others) => write!(f, "{} {points} and {others} params, tags and other changes", self.points),
        }
    }
}

impl Waiting {
    /// Adds a set, points to those of the same run that wait; or it is lost, when too much waits.
    pub fn push(&mut self, name: RunId, mut changes: Changes) {
        let size = spool::bytes_of(&changes).len();
        if self.size + size > MOST_BYTES {
            self.lost.count(&changes);
            return;
        }
        let joined = self.joined(&changes);
        match joined
            .and_then(|joined| points_in(&mut joined.changes).map(|points| (points, &mut joined.size)))
        {
            Some((points, its_size)) => {
                let more = points_in(&mut changes).expect("only points are joined");
                let size = serde_json::to_vec(&*more).expect("plain data").len();
                points.append(more);
                *its_size += size;
                self.size += size;
            }
            None => {
                self.sets.push_back(Set { name, changes, size });
                self.size += size;
            }
        }
    }

    /// The set that takes these changes, too: points of one run, which may come before what is not about it.
    fn joined(&mut self, changes: &Changes) -> Option<&mut Set> {
        let run = run_of_points(changes)?;
        let is_about = |set: &&mut Set| {
            let changes = &set.changes.changes;
            changes.iter().any(|change| {
                change.uses().contains(&run) || matches!(change, Change::CreateRun(new) if new.id == run)
            })
        };
        let set = self.sets.iter_mut().rev().take(LOOKS_BACK).find(is_about)?;
        let one = &set.changes;
        let takes = set.size < MOST_JOINED
            && run_of_points(one).is_some()
            && one.preconditions == changes.preconditions
            && one.to_deleted == changes.to_deleted;
        takes.then_some(set)
    }

    /// Puts all into the spool, in its order; returns how many sets. What the stages need is left to them unless this is
    /// the last time.
    ///
    /// # Errors
    /// When the disk refuses; the rest waits on.
    pub fn flush(&mut self, folder: &Path, moment: Moment) -> Result<usize, DiskError> {
        let mut flushed = 0;
        let mut most = MOST_BUNDLED;
        while !self.sets.is_empty() {
            let count = self.bundled(most);
            let bundle = || self.sets.iter().take(count);
            let size = bundle().map(|set| set.size + 1).sum();
            let may_take = moment != Moment::Now || self.size >= ENOUGH;
            let has_room = || moment == Moment::Last || !reserve::is_all_that_is_left(folder, size);
            let write = || {
                let name = bundle().map(|set| set.name).max().expect("it is not empty");
                spool::write(folder, name, &spool::bytes_of_all(bundle().map(|set| &set.changes)))
            };
            let mut written = reserve::beside(|| if has_room() { write() } else { Err(full(folder)) });
            if may_take && written.as_ref().is_err_and(DiskError::is_full) {
                // What is set aside is given back for it.
                written = reserve::within_that_of_scripts(folder, size, write).unwrap_or(written);
            }
            if may_take && count > 1 && written.as_ref().is_err_and(DiskError::is_full) {
                most = most.min(size) / 2;
                continue;
            }
            written?;
            let gone: usize = self.sets.drain(..count).map(|set| set.size).sum();
            self.size = self.size.saturating_sub(gone);
            flushed += count;
        }
        Ok(flushed)
    }

    /// How many sets go into one file of a size.
    fn bundled(&self, most: usize) -> usize {
        let mut size = 0;
        let fits = |set: &&Set| {
            size += set.size;
            size <= most
        };
        self.sets.iter().take_while(fits).count().max(1)
    }

    /// Puts the points behind all else: what runs there were, and with which params, is worth more than some of them.
    pub fn put_points_last(&mut self) {
        let (points, others): (Vec<Set>, Vec<Set>) =
            self.sets.drain(..).partition(|set| run_of_points(&set.changes).is_some());
        self.sets.extend(others.into_iter().chain(points));
    }

    /// Gives up what still waits; how much is lost in all.
    pub fn give_up(&mut self) -> Lost {
        for set in self.sets.drain(..) {
            self.lost.count(&set.changes);
        }
        self.size = 0;
        std::mem::take(&mut self.lost)
    }
}

fn full(folder: &Path) -> DiskError {
    DiskError::new("write file", folder, std::io::ErrorKind::StorageFull.into())
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

#[cfg(test)]
mod tests {
    use base::Timestamp;
    use track::{NewRun, Param};

    use super::*;
    use crate::recorder::new_run_id;
    use crate::reserve::tests::assert_waits_for_the_room_of_others;

    fn point(run: RunId, step: i64) -> Changes {
        let point = Metric { key: "loss".into(), value: 0.5, step, timestamp: Timestamp(5) };
        Changes::new(Timestamp(5), vec![Change::LogMetrics { run, metrics: vec![point] }])
    }

    fn param(run: RunId) -> Changes {
        let params = vec![Param { key: "k".into(), value: "v".into() }];
        Changes::new(Timestamp(5), vec![Change::LogParams { run, params }])
    }

    fn add(waiting: &mut Waiting, changes: Changes) {
        let (name, changes) = spool::named_at(changes);
        waiting.push(name, changes);
    }

    #[test]
    fn points_of_a_run_wait_in_one_set_unless_something_else_of_it_came_between() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let (run, other) = (new_run_id(), new_run_id());
        let mut waiting = Waiting::default();
        for step in 0..50 {
            add(&mut waiting, point(run, step));
            add(&mut waiting, point(other, step));
        }
        add(&mut waiting, param(run));
        add(&mut waiting, point(run, 50));
        add(&mut waiting, point(other, 50));
        let steps: Vec<usize> = waiting
            .sets
            .iter_mut()
            .map(|set| points_in(&mut set.changes).map_or(0, |found| found.len()))
            .collect();
        assert_eq!(steps, [50, 51, 0, 1]);
        let counted = waiting.size;
        assert_eq!(waiting.flush(&spool, Moment::Now).unwrap(), 4);
        let files = spool::all_files(&spool);
        assert_eq!(files.len(), 1, "and all in one file");
        let written = disk::read(&files[0]).unwrap().len();
        assert!((written..2 * written).contains(&counted), "{counted}, {written}");
        assert_eq!(waiting.size, 0);
    }

    #[test]
    fn what_stages_gave_back_for_a_moment_is_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool");
        let mut waiting = Waiting::default();
        add(&mut waiting, param(new_run_id()));
        let flush = || waiting.flush(&spool, Moment::Now).unwrap();
        assert_eq!(assert_waits_for_the_room_of_others(folder.path(), flush), 1);
    }

    #[test]
    fn what_is_lost_is_counted_and_points_are_lost_first() {
        let run = new_run_id();
        let mut waiting = Waiting::default();
        let begin = Change::CreateRun(NewRun::new(run, Timestamp(5)));
        add(&mut waiting, Changes::new(Timestamp(5), vec![begin]));
        (0..1000).for_each(|step| add(&mut waiting, point(run, step)));
        add(&mut waiting, param(run));
        assert!(waiting.sets.len() > 3, "a set is not of any size");
        waiting.put_points_last();
        assert!(waiting.sets.iter().take(2).all(|set| run_of_points(&set.changes).is_none()));
        assert!(waiting.sets.iter().skip(2).all(|set| run_of_points(&set.changes).is_some()));
        waiting.sets.truncate(3);
        waiting.sets.pop_front();
        let points = points_in(&mut waiting.sets[1].changes).unwrap().len();
        let lost = waiting.give_up();
        assert_eq!(lost.to_string(), format!("{points} points and 1 params, tags and other changes"));
        assert!(waiting.give_up().is_nothing());
        assert_eq!(Lost { points: 1, others: 0 }.to_string(), "1 point");
    }
}
