//! The clock goes back, or jumps. What happened keeps its order where it has one, and nothing becomes impossible.

use base::Timestamp;
use track::{
    Change, Changes, ChangesId, Filter, Lease, MetricCursor, NewRun, RunId, RunStatus, RunStore, SETTLED_TAG,
    Search, Searched, SqliteStore, Tag, settle_dead,
};

use crate::{at, id, make_run, point};

const NOON: i64 = 1_764_000_000_000;
const HOUR: i64 = 3_600_000;

fn store() -> SqliteStore {
    SqliteStore::open_in_memory().expect("memory")
}

fn make(store: &dyn RunStore, number: u128, start: i64) -> RunId {
    let new = NewRun::new(id(number), Timestamp(start));
    store.apply(at(start, vec![Change::CreateRun(new)])).expect("made");
    id(number)
}

#[test]
fn a_run_that_ends_before_it_began_took_no_time() {
    let store = store();
    let run = make(&store, 1, NOON);
    let end = Change::UpdateRun { run, status: Some(RunStatus::Finished), end_time: None, name: None };
    store.apply(at(NOON - HOUR, vec![end])).expect("ended");
    let info = store.run(run).expect("there").info;
    assert_eq!((info.end_time, info.duration_millis()), (Some(Timestamp(NOON - HOUR)), Some(0)));
    let found = |filter: &str| {
        let filter = Some(Filter::parse(filter).expect("a filter"));
        store.search(&Search { filter, ..Search::default() }).expect("read").len()
    };
    assert_eq!((found("duration >= 0"), found("duration < 0")), (1, 0));
}

#[test]
fn points_are_ordered_by_their_steps_whenever_they_were_logged() {
    let store = store();
    let run = make_run(&store, 1);
    for (step, time) in [(0, NOON), (1, NOON + 5), (2, NOON - HOUR), (3, 0), (3, NOON - 1), (4, NOON - HOUR)]
    {
        let change = Change::LogMetrics { run, metrics: vec![point("loss", step, time, step as f64)] };
        store.apply(at(time, vec![change])).expect("logged");
    }
    let history = store.metric_history(run, "loss").expect("read");
    let steps: Vec<(i64, i64)> = history.iter().map(|point| (point.step, point.timestamp.0)).collect();
    assert_eq!(steps, [(0, NOON), (1, NOON + 5), (2, NOON - HOUR), (3, 0), (3, NOON - 1), (4, NOON - HOUR)]);
    assert_eq!(
        store.run(run).expect("there").data.metrics["loss"].step,
        4,
        "the last is that of the last step"
    );
    // A page goes on where the one before it ended.
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = store.metric_page(run, "loss", after, 2).expect("read");
        let Some(last) = page.last() else { break };
        after = Some(MetricCursor::of(last).to_string().parse().expect("a token"));
        paged.extend(page);
    }
    assert_eq!(paged, history);
}

#[test]
fn the_last_value_of_a_tag_is_the_one_that_was_set_last() {
    let store = store();
    let run = make_run(&store, 1);
    for (time, value) in [(NOON, "a"), (NOON - HOUR, "b"), (NOON - 2 * HOUR, "c")] {
        let tags = vec![Tag { key: "k".into(), value: value.into() }];
        store.apply(at(time, vec![Change::SetTags { run, tags }])).expect("set");
    }
    assert_eq!(store.run(run).expect("there").data.tags["k"], "c");
    let history = store.tag_history(run, "k").expect("read");
    let values: Vec<&str> = history.iter().map(|tag| tag.value.as_str()).collect();
    assert_eq!(values[..2], ["a", "b"]);
}

#[test]
fn runs_are_listed_by_their_starts_and_no_page_repeats_or_leaves_out_one() {
    let store = store();
    let starts = [NOON, NOON + HOUR, NOON - HOUR, NOON - HOUR, NOON, NOON - 3 * HOUR, 0];
    for (number, start) in starts.into_iter().enumerate() {
        make(&store, number as u128 + 1, start);
    }
    let page = |offset| {
        let search = Search { offset, limit: Some(2), ..Search::default() };
        store.search(&search).expect("read").into_iter().map(|run| (run.info.start_time.0, run.info.id))
    };
    let paged: Vec<(i64, RunId)> = (0..4).flat_map(|number| page(number * 2).collect::<Vec<_>>()).collect();
    let mut times: Vec<i64> = starts.to_vec();
    times.sort_by(|a, b| b.cmp(a));
    assert_eq!(paged.iter().map(|(time, _)| *time).collect::<Vec<_>>(), times);
    let different: std::collections::HashSet<RunId> = paged.iter().map(|(_, id)| *id).collect();
    assert_eq!(different.len(), starts.len());
}

#[test]
fn leases_are_of_processes_and_not_of_times() {
    let store = store();
    let lease = Lease::current();
    let leased = |number: u128, start, lease: &Lease| {
        let new = NewRun { lease: Some(lease.clone()), ..NewRun::new(id(number), Timestamp(start)) };
        store.apply(at(start, vec![Change::CreateRun(new)])).expect("made");
    };
    let dead = Lease { boot: "before".into(), ..lease.clone() };
    leased(1, NOON + HOUR, &lease);
    leased(2, NOON + HOUR, &dead);
    let settled = settle_dead(&store, &track::lease_is_alive, &|_| None, Timestamp(NOON)).expect("settled");
    assert_eq!(settled, [id(2)]);
    let run = store.run(id(2)).expect("there");
    assert_eq!((run.info.status, run.info.duration_millis()), (RunStatus::Killed, Some(0)));
    assert!(run.data.tags.contains_key(SETTLED_TAG));
    assert_eq!(store.run(id(1)).expect("there").info.status, RunStatus::Running);
}

#[test]
fn what_is_sent_twice_counts_once_though_the_clock_went_back_in_between() {
    let store = store();
    let run = make_run(&store, 1);
    for time in [NOON, NOON - HOUR, NOON - 1000 * HOUR, NOON + HOUR] {
        let version = Change::CreateExperiment { name: "e".into(), if_absent: false };
        let changes = Changes { id: Some(ChangesId("once".into())), ..at(time, vec![version]) };
        store.apply(changes).expect("the first answer again");
    }
    assert_eq!(store.experiments().expect("read").len(), 2);
    assert!(store.run(run).is_ok());
    assert!(Filter::parse_mlflow("attributes.start_time > 5", Searched::Runs).is_ok());
}
