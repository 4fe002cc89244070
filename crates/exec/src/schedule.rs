//! Which stage may start next. Knows stages by number only: no files, no processes, no time.
//!
//! A stage is ready when everything before it is done; when one fails, all that builds on it is blocked.
//! Of the ready stages the one with the longest way to the end starts first; with equal ways, the order of their
//! numbers counts, which is the order of the pipeline file.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use pipeline::StageId;

/// Where a stage stands. Every transition is made by `Schedule::set`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageState {
    /// Not asked for.
    Unwanted,
    /// Asked for; something before it is not done yet.
    Want,
    /// Everything before it is done.
    Ready,
    /// Handed out by [`Schedule::start_next`].
    Running,
    /// Up to date now, by whatever means.
    Done,
    /// It could not be made.
    Failed,
    /// Something before it failed.
    Blocked,
}

/// The progress of a set of stages.
#[derive(Clone, Debug)]
pub struct Schedule {
    states: Vec<StageState>,
    /// How many wanted stages before each are not done.
    waiting_for: Vec<u32>,
    /// The wanted stages right after each.
    after: Vec<Vec<StageId>>,
    /// How long the way to the end is, by stage number.
    ranks: Vec<u64>,
    ready: BTreeSet<(Reverse<u64>, StageId)>,
}

impl Schedule {
    /// A schedule of the stages `wanted`; `ranks` tells of every stage how long the way to the end is, and `before`
    /// gives the stages right before each.
    pub fn new<'a>(ranks: Vec<u64>, wanted: &[StageId], before: impl Fn(StageId) -> &'a [StageId]) -> Self {
        let count = ranks.len();
        let mut schedule = Schedule {
            ranks,
            states: vec![StageState::Unwanted; count],
            waiting_for: vec![0; count],
            after: vec![Vec::new(); count],
            ready: BTreeSet::new(),
        };
        for id in wanted {
            schedule.set(*id, StageState::Want);
        }
        for id in wanted {
            for earlier in before(*id) {
                if schedule.state(*earlier) != StageState::Unwanted {
                    schedule.waiting_for[id.index()] += 1;
                    schedule.after[earlier.index()].push(*id);
                }
            }
        }
        for id in wanted {
            if schedule.waiting_for[id.index()] == 0 {
                schedule.set(*id, StageState::Ready);
            }
        }
        schedule
    }

    /// Where a stage stands.
    pub fn state(&self, id: StageId) -> StageState {
        self.states[id.index()]
    }

    /// How many stages stand at `state`.
    pub fn count(&self, state: StageState) -> usize {
        self.states.iter().filter(|known| **known == state).count()
    }

    /// The next stage that may start and that `fits` beside those at work; it counts as running from now on.
    pub fn start_next(&mut self, fits: impl Fn(StageId) -> bool) -> Option<StageId> {
        let (_, id) = *self.ready.iter().find(|(_, id)| fits(*id))?;
        self.set(id, StageState::Running);
        Some(id)
    }

    /// A running stage has to be started again later: something is in its way.
    pub fn postponed(&mut self, id: StageId) {
        self.set(id, StageState::Ready);
    }

    /// A running stage is up to date now.
    pub fn done(&mut self, id: StageId) {
        self.set(id, StageState::Done);
        for later in std::mem::take(&mut self.after[id.index()]) {
            self.waiting_for[later.index()] -= 1;
            if self.waiting_for[later.index()] == 0 && self.state(later) == StageState::Want {
                self.set(later, StageState::Ready);
            }
        }
    }

    /// A running stage failed. Returns the stages that are blocked by it and by no other before, in order.
    pub fn failed(&mut self, id: StageId) -> Vec<StageId> {
        self.set(id, StageState::Failed);
        let mut blocked = BTreeSet::new();
        let mut todo = self.after[id.index()].clone();
        while let Some(later) = todo.pop() {
            // What another failure blocks already was told then.
            if self.state(later) != StageState::Blocked && blocked.insert(later) {
                self.set(later, StageState::Blocked);
                todo.extend_from_slice(&self.after[later.index()]);
            }
        }
        blocked.into_iter().collect()
    }

    fn set(&mut self, id: StageId, state: StageState) {
        let old = std::mem::replace(&mut self.states[id.index()], state);
        debug_assert!(
            matches!(
                (old, state),
                (StageState::Unwanted, StageState::Want)
                    | (StageState::Want, StageState::Ready | StageState::Blocked)
                    | (StageState::Ready, StageState::Running)
                    | (StageState::Running, StageState::Done | StageState::Failed | StageState::Ready)
                    | (StageState::Blocked, StageState::Blocked)
            ),
            "stage {id:?} goes from {old:?} to {state:?}"
        );
        if old == StageState::Ready {
            self.ready.remove(&(Reverse(self.ranks[id.index()]), id));
        }
        if state == StageState::Ready {
            self.ready.insert((Reverse(self.ranks[id.index()]), id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 -> 1 -> 3, 0 -> 2 -> 3, 4 alone.
    const BEFORE: [&[StageId]; 5] = [&[], &[StageId(0)], &[StageId(0)], &[StageId(1), StageId(2)], &[]];

    fn schedule(wanted: &[u32]) -> Schedule {
        let wanted: Vec<StageId> = wanted.iter().map(|id| StageId(*id)).collect();
        Schedule::new(vec![0; 5], &wanted, |id| BEFORE[id.index()])
    }

    #[test]
    fn a_diamond_runs_in_order() {
        let mut schedule = schedule(&[0, 1, 2, 3, 4]);
        assert_eq!(schedule.start_next(|_| true), Some(StageId(0)));
        assert_eq!(schedule.start_next(|_| true), Some(StageId(4)));
        assert_eq!(schedule.start_next(|_| true), None);
        schedule.done(StageId(0));
        assert_eq!(
            (schedule.start_next(|_| true), schedule.start_next(|_| true), schedule.start_next(|_| true)),
            (Some(StageId(1)), Some(StageId(2)), None)
        );
        schedule.done(StageId(2));
        assert_eq!(schedule.start_next(|_| true), None);
        schedule.done(StageId(1));
        assert_eq!(schedule.start_next(|_| true), Some(StageId(3)));
    }

    #[test]
    fn a_failure_blocks_what_builds_on_it_and_nothing_else() {
        let mut schedule = schedule(&[0, 1, 2, 3, 4]);
        schedule.start_next(|_| true);
        schedule.done(StageId(0));
        assert_eq!(schedule.start_next(|_| true), Some(StageId(1)));
        assert_eq!(schedule.failed(StageId(1)), [StageId(3)]);
        assert_eq!(schedule.start_next(|_| true), Some(StageId(2)));
        schedule.done(StageId(2));
        assert_eq!(schedule.start_next(|_| true), Some(StageId(4)));
        assert_eq!(schedule.state(StageId(3)), StageState::Blocked);
    }

    #[test]
    fn the_longest_way_starts_first_and_what_does_not_fit_is_passed_over() {
        let wanted: Vec<StageId> = (0..5).map(StageId).collect();
        let mut schedule = Schedule::new(vec![30, 20, 25, 10, 90], &wanted, |id| BEFORE[id.index()]);
        assert_eq!(schedule.start_next(|id| id != StageId(4)), Some(StageId(0)));
        assert_eq!(schedule.start_next(|_| true), Some(StageId(4)));
        schedule.done(StageId(0));
        assert_eq!(schedule.start_next(|_| false), None);
        assert_eq!(schedule.start_next(|_| true), Some(StageId(2)));
        assert_eq!(schedule.start_next(|_| true), Some(StageId(1)));
    }

    #[test]
    fn what_is_not_wanted_is_not_waited_for() {
        let mut schedule = schedule(&[3]);
        assert_eq!(schedule.start_next(|_| true), Some(StageId(3)));
    }
}
