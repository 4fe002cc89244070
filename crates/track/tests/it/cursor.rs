//! Lists that are read page by page: a page begins where the one before ended, whatever came and went meanwhile.

use track::{Change, Filter, Lifecycle, OrderBy, RunCursor, RunId, RunStatus, RunStore, Search, SqliteStore};

use crate::joined::family;
use crate::{at, id, make_run, param, point};

const ORDERS: [&[&str]; 7] = [
    &[],
    &["metrics.acc desc"],
    &["metrics.acc", "params.lr desc"],
    &["best(acc) desc"],
    &["params.lr"],
    &["name desc"],
    &["end", "tags.nobody"],
];

fn order(texts: &[&str]) -> Vec<OrderBy> {
    texts.iter().map(|text| OrderBy::parse(text).expect(text)).collect()
}

/// Runs with few values, some equal, some missing, one NaN.
fn many() -> SqliteStore {
    let store = SqliteStore::open_in_memory().expect("memory");
    for number in 1..=30 {
        let run = make_run(&store, number);
        let value = [0.5, f64::NAN, 0.25, 0.75][number as usize % 4];
        let metrics = vec![point("acc", 0, 0, value)];
        let params = vec![param("lr", ["0.1", "10", "9", "none"][number as usize % 4])];
        let mut changes = Vec::new();
        if number % 3 != 0 {
            changes.push(Change::LogMetrics { run, metrics });
        }
        if number % 5 != 0 {
            changes.push(Change::LogParams { run, params });
        }
        store.apply(at(0, changes)).expect("logged");
    }
    store
}

#[test]
fn what_comes_after_a_run_is_the_rest_of_the_list() {
    for (store, joined) in [(many(), false), (many(), true), (family(true), true), (family(true), false)] {
        for texts in ORDERS {
            let search = Search { order_by: order(texts), joined, ..Search::default() };
            let runs = store.search(&search).expect("read");
            let ids: Vec<RunId> = runs.iter().map(|run| run.info.id).collect();
            for (place, run) in runs.iter().enumerate() {
                let after = RunCursor::of(run, &search.order_by);
                let text = serde_json::to_string(&after).expect("plain data");
                let after = Some(serde_json::from_str(&text).expect("what was written"));
                let rest = Search { after, limit: Some(4), ..search.clone() };
                let expected = &ids[place + 1..ids.len().min(place + 5)];
                assert_eq!(store.select(&rest).expect("read"), expected, "{texts:?} after {place}");
            }
        }
    }
}

#[test]
fn what_comes_ends_or_goes_between_pages_moves_no_other_run() {
    for texts in ORDERS.into_iter().filter(|texts| texts.first() != Some(&"end")) {
        let store = many();
        let filter = Filter::parse("status = 'RUNNING'").ok();
        let search = Search { order_by: order(texts), filter, limit: Some(7), ..Search::default() };
        let first = store.search(&search).expect("read");
        let last = first.last().expect("a full page");
        let after = Some(RunCursor::of(last, &search.order_by));
        let rest = Search { after, limit: None, ..search };
        let expected = store.select(&rest).expect("read");
        assert_eq!(expected.len(), 23);
        // The whole first page ends or goes, and newer runs come before it.
        for (place, run) in first.iter().enumerate() {
            let run = run.info.id;
            let change = match place % 2 {
                0 => Change::SetLifecycle { run, lifecycle: Lifecycle::Deleted },
                _ => Change::UpdateRun { run, status: Some(RunStatus::Finished), end_time: None, name: None },
            };
            store.apply(at(0, vec![change])).expect("changed");
        }
        if texts.is_empty() {
            make_run(&store, 99);
        }
        assert_eq!(store.select(&rest).expect("read"), expected, "{texts:?}");
        assert!(!expected.contains(&id(99)));
    }
}
