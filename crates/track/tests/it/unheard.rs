//! Runs that nobody hears of any more are ended, and go on as if nothing had happened where their maker comes back.

use base::Timestamp;
use track::{
    Change, Changes, Lease, NewRun, ParentFilter, RunId, RunStatus, RunStore, SETTLED_TAG, Search,
    SqliteStore, UNHEARD_TAG, settle_dead, settle_unheard,
};

use crate::{at, id, param, point, tag};

const NOON: i64 = 1_764_000_000_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
const WEEK: i64 = 7 * DAY;

fn store() -> SqliteStore {
    SqliteStore::open_in_memory().expect("memory")
}

fn make(store: &dyn RunStore, number: u128, now: i64, parent: Option<RunId>) -> RunId {
    let new = NewRun { parent, ..NewRun::new(id(number), Timestamp(now)) };
    store.apply(at(now, vec![Change::CreateRun(new)])).expect("made");
    id(number)
}

fn log(store: &dyn RunStore, now: i64, change: Change) {
    store.apply(at(now, vec![change])).expect("logged");
}

fn settle(store: &dyn RunStore, now: i64) -> Vec<RunId> {
    settle_unheard(store, WEEK, Timestamp(now)).expect("settled")
}

fn state(store: &dyn RunStore, run: RunId) -> (RunStatus, Option<i64>, Option<i64>) {
    let info = store.run(run).expect("there").info;
    (info.status, info.end_time.map(|time| time.0), info.heard.map(|time| time.0))
}

fn metric(run: RunId, step: i64) -> Change {
    // Of a client whose clock says anything.
    Change::LogMetrics { run, metrics: vec![point("loss", step, 5, 1.0)] }
}

fn end(run: RunId, end_time: Option<i64>) -> Change {
    Change::UpdateRun {
        run,
        status: Some(RunStatus::Finished),
        end_time: end_time.map(Timestamp),
        name: None,
    }
}

#[test]
fn a_run_is_heard_of_by_whatever_is_logged_to_it() {
    let store = store();
    let run = make(&store, 1, NOON, None);
    let words = [
        metric(run, 1),
        Change::LogParams { run, params: vec![param("lr", "1")] },
        Change::SetTags { run, tags: vec![tag("k", "v")] },
        Change::DeleteTag { run, key: "k".into() },
        Change::LogArtifacts { run, artifacts: Vec::new() },
        Change::LogDatasets { run, datasets: Vec::new() },
        Change::LogModelInputs { run, models: Vec::new() },
        Change::LogModelOutputs { run, models: Vec::new() },
    ];
    for (number, word) in words.into_iter().enumerate() {
        let now = NOON + (number as i64 + 1) * DAY;
        log(&store, now, word.clone());
        assert_eq!(state(&store, run), (RunStatus::Running, None, Some(now)), "{word:?}");
    }
    // To the minute, so that a thousand points a second do not write it a thousand times.
    let now = NOON + 20 * DAY;
    for (later, heard) in [(0, 0), (1, 0), (MINUTE - 1, 0), (MINUTE, MINUTE), (MINUTE + 9, MINUTE)] {
        log(&store, now + later, metric(run, later));
        assert_eq!(state(&store, run).2, Some(now + heard));
    }
    // What waited, and is applied late, makes nobody silent.
    log(&store, NOON, metric(run, 0));
    assert_eq!(state(&store, run).2, Some(now + MINUTE));
}

#[test]
fn a_run_that_nobody_hears_of_is_ended_once_when_it_was_last_heard_of() {
    let store = store();
    let run = make(&store, 1, NOON, None);
    log(&store, NOON + DAY, Change::LogParams { run, params: vec![param("lr", "1")] });
    assert_eq!(settle(&store, NOON + DAY + WEEK + MINUTE), [], "it may have been heard of for a minute more");
    assert_eq!(settle(&store, NOON + DAY + WEEK + MINUTE + 1), [run]);
    assert_eq!(state(&store, run), (RunStatus::Killed, Some(NOON + DAY), Some(NOON + DAY)));
    let tags = store.run(run).expect("there").data.tags;
    assert!(tags[SETTLED_TAG].starts_with("not heard of since 2025-11-25T"), "{tags:?}");
    assert_eq!(tags[UNHEARD_TAG], (NOON + DAY).to_string());
    assert_eq!(settle(&store, NOON + 5 * WEEK), [], "and not again");
    // A deleted one stays as it is.
    let deleted = make(&store, 2, NOON, None);
    log(&store, NOON, Change::SetLifecycle { run: deleted, lifecycle: track::Lifecycle::Deleted });
    assert_eq!(settle(&store, NOON + 5 * WEEK), []);
}

#[test]
fn a_maker_who_comes_back_goes_on_as_if_nothing_had_happened() {
    let store = store();
    let late = NOON + 2 * WEEK;
    let ended = |number| {
        let run = make(&store, number, NOON, None);
        assert_eq!(settle(&store, late), [run]);
        run
    };
    let is_free_of_marks = |run| {
        let tags = store.run(run).expect("there").data.tags;
        assert!(!tags.contains_key(SETTLED_TAG) && !tags.contains_key(UNHEARD_TAG), "{tags:?}");
    };
    // It logs on.
    let run = ended(1);
    log(&store, late + 5, metric(run, 1));
    assert_eq!(state(&store, run), (RunStatus::Running, None, Some(late + 5)));
    is_free_of_marks(run);
    assert_eq!(store.tag_history(run, SETTLED_TAG).expect("read").len(), 1, "what happened is kept");
    log(&store, late + DAY, end(run, None));
    assert_eq!(state(&store, run).1, Some(late + DAY));
    // It says how it ended, with a time or without.
    for (number, time) in [(2, None), (3, Some(late + 3))] {
        let run = ended(number);
        log(&store, late + 7, end(run, time));
        let (status, end, _) = state(&store, run);
        assert_eq!((status, end), (RunStatus::Finished, time.or(Some(late + 7))));
        is_free_of_marks(run);
    }
    // It takes the run up again, as `start_run(run_id=…)` does.
    let run = ended(4);
    let resume = Change::UpdateRun { run, status: Some(RunStatus::Running), end_time: None, name: None };
    log(&store, late + 7, resume);
    assert_eq!(state(&store, run), (RunStatus::Running, None, Some(late + 7)));
    is_free_of_marks(run);
    log(&store, late + 8, end(run, None));
    // Who writes a note beside it, or gives it a name, is not its maker.
    let run = ended(5);
    log(&store, late + 7, Change::SetTags { run, tags: vec![tag("mlflow.note.content", "broke")] });
    let name = Some("broken".to_owned());
    log(&store, late + 7, Change::UpdateRun { run, status: None, end_time: None, name });
    assert_eq!(state(&store, run), (RunStatus::Killed, Some(NOON), Some(NOON)));
    // Nor does one go on that was ended by somebody.
    let run = make(&store, 6, NOON, None);
    let kill = Change::UpdateRun { run, status: Some(RunStatus::Killed), end_time: None, name: None };
    log(&store, NOON + 1, kill);
    log(&store, late, metric(run, 1));
    assert_eq!(state(&store, run).0, RunStatus::Killed);
}

#[test]
fn a_search_lives_as_long_as_its_trials() {
    let store = store();
    let top = make(&store, 1, NOON, None);
    let middle = make(&store, 2, NOON, Some(top));
    let trial = make(&store, 3, NOON + 3 * DAY, Some(middle));
    log(&store, NOON + 4 * DAY, end(trial, None));
    assert_eq!(settle(&store, NOON + WEEK + 2 * DAY), [], "the trial was heard of at its start");
    let trial = make(&store, 4, NOON + 5 * DAY, Some(middle));
    let late = NOON + WEEK + 6 * DAY;
    assert_eq!(settle(&store, late), [top, middle, trial]);
    assert_eq!(state(&store, top).1, Some(NOON + 5 * DAY), "with the last of its trials");
}

#[test]
fn runs_that_live_in_a_process_here_are_never_ended_for_their_silence() {
    let store = store();
    let leased = |number, lease: Lease| {
        let new = NewRun { lease: Some(lease), ..NewRun::new(id(number), Timestamp(NOON)) };
        store.apply(at(NOON, vec![Change::CreateRun(new)])).expect("made");
        id(number)
    };
    let here = leased(1, Lease::current());
    // Nobody here can ask whether it lives, as where each container has a name of its own.
    let elsewhere = leased(2, Lease { host: "elsewhere.test".into(), ..Lease::current() });
    let late = NOON + 2 * WEEK;
    assert_eq!(settle_dead(&store, &|_| true, &|_| None, Timestamp(late)).expect("settled"), []);
    assert_eq!(settle(&store, late), [elsewhere]);
    assert_eq!(state(&store, here).0, RunStatus::Running);
}

#[test]
fn a_clock_that_jumps_ends_nothing_for_good_and_keeps_nothing_alive_for_ever() {
    let store = store();
    let year = 365 * DAY;
    let (live, silent, trial_of) = (make(&store, 1, NOON, None), make(&store, 2, NOON, None), id(3));
    // A year ahead: both look as if nobody had heard of them, and one that is made then begins in the future.
    make(&store, 3, NOON + year, None);
    let trial = make(&store, 4, NOON + year, Some(trial_of));
    log(&store, NOON + year, end(trial, None));
    assert_eq!(settle(&store, NOON + year), [live, silent]);
    // And back.
    log(&store, NOON + 1, metric(live, 1));
    assert_eq!(state(&store, live), (RunStatus::Running, None, Some(NOON + 1)));
    assert_eq!(state(&store, silent).0, RunStatus::Killed);
    assert_eq!(settle(&store, NOON + MINUTE), [], "what was made then goes on");
    assert_eq!(state(&store, trial_of), (RunStatus::Running, None, Some(NOON + MINUTE)));
    assert_eq!(settle(&store, NOON + WEEK + 3 * MINUTE), [live, trial_of], "but not for a year");
    // Two processes, the clock of one of which is an hour behind: nobody sets anything right that the other sets anew.
    let run = make(&store, 5, NOON, None);
    for minute in 0..10 {
        let (ahead, behind) = (NOON + minute * 10 * MINUTE, NOON + (minute * 10 - 60) * MINUTE);
        log(&store, ahead, metric(run, minute));
        log(&store, behind, metric(run, minute + 100));
        assert_eq!(settle(&store, behind), []);
        assert_eq!(state(&store, run), (RunStatus::Running, None, Some(ahead)));
    }
    let all = Search { parent: ParentFilter::Any, ..Search::default() };
    assert_eq!(store.search(&all).expect("read").len(), 5);
}

#[test]
fn who_was_heard_of_in_between_is_not_ended() {
    let store = store();
    let run = make(&store, 1, NOON, None);
    let child = make(&store, 2, NOON, Some(run));
    let late = NOON + 2 * WEEK;
    let found = store.heard_outside(Timestamp(late - WEEK), Timestamp(late + DAY)).expect("read");
    assert_eq!(found, [(run, None, Timestamp(NOON)), (child, None, Timestamp(NOON))]);
    // Between that look and the end, its child logs.
    log(&store, late, metric(child, 1));
    let precondition =
        track::Precondition::Unheard { run, since: Timestamp(NOON), latest: Timestamp(late + DAY) };
    let killed = Change::UpdateRun { run, status: Some(RunStatus::Killed), end_time: None, name: None };
    let changes = Changes { preconditions: vec![precondition], ..at(late, vec![killed]) };
    let refused = store.apply(changes).expect_err("it was heard of");
    assert!(refused.to_string().contains("was not heard of after"), "{refused}");
    assert_eq!(state(&store, run).0, RunStatus::Running);
}
