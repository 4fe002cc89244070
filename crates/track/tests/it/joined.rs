//! A stage's run and the one run of its script are one: when they are searched, named and taken apart.

use base::Timestamp;
use track::{
    Change, ExperimentRef, Filter, Joined, Lease, Lifecycle, NewRun, OrderBy, ParentFilter, Run, RunId,
    RunStore, SCRIPT_RUN_TAG, STAGE_RUN_TAG, Search, SqliteStore, StoreError, View, settle_dead, shown_id,
    ties,
};

use crate::{at, id, param, point, tag};

/// A reproduction (1), its stage (2), the run of the stage's script (3) and one nested in that (4); a run beside them (5).
pub fn family(is_tied: bool) -> SqliteStore {
    let store = SqliteStore::open_in_memory().expect("memory");
    let dead = Lease { pid: 1, started: 1, ..Lease::current() };
    let run = |number: u128, parent: Option<u128>, experiment: &str| {
        Change::CreateRun(NewRun {
            parent: parent.map(id),
            experiment: ExperimentRef::Name(experiment.into()),
            name: Some(format!("run-{number}")),
            lease: (number < 5).then(|| dead.clone()),
            ..NewRun::new(id(number), Timestamp(1_000_000 + number as i64))
        })
    };
    let metric = |number, key: &str, value| Change::LogMetrics {
        run: id(number),
        metrics: vec![point(key, 0, 0, value)],
    };
    let params = |number, key: &str, value: &str| Change::LogParams {
        run: id(number),
        params: vec![param(key, value)],
    };
    let tags = |number, pairs: &[(&str, &str)]| Change::SetTags {
        run: id(number),
        tags: pairs.iter().map(|(key, value)| tag(key, value)).collect(),
    };
    let changes = vec![
        Change::CreateExperiment { name: "flowers".into(), if_absent: true },
        run(1, None, "Default"),
        run(2, Some(1), "Default"),
        run(3, Some(2), "flowers"),
        run(4, Some(3), "flowers"),
        run(5, None, "flowers"),
        metric(2, "f1", 0.5),
        metric(2, "acc", 0.1),
        metric(3, "acc", 0.9),
        metric(3, "score", 3.0),
        params(2, "lr", "0.1"),
        params(3, "size", "10"),
        params(3, "lr", "0.5"),
        tags(2, &[("pipe.kind", "stage"), ("pipe.stage", "train"), ("pipe.better.score", "lower")]),
        tags(3, &[("pipe.kind", "script"), ("pipe.stage", "train"), ("autolog", "yes")]),
        tags(4, &[("pipe.kind", "script"), ("pipe.stage", "train")]),
    ];
    store.apply(at(0, changes)).expect("applied");
    if is_tied {
        let children = store.children(id(2)).expect("read");
        let ties = ties(id(2), &children).expect("exactly one");
        store.apply(at(0, ties.into())).expect("tied");
    }
    store
}

fn search() -> Search {
    Search { joined: true, ..Search::default() }
}

fn ids(store: &SqliteStore, search: &Search) -> Vec<RunId> {
    let found: Vec<RunId> = store.search(search).expect("read").iter().map(|run| run.info.id).collect();
    assert_eq!(store.select(search).expect("read"), found);
    found
}

fn matching(store: &SqliteStore, text: &str) -> Vec<RunId> {
    let filter = Filter::parse(text).expect(text).with_whole_ids(store, View::Active).expect(text);
    ids(store, &Search { filter: Some(filter), ..search() })
}

#[test]
fn what_either_has_finds_the_one() {
    let store = family(true);
    assert_eq!(ids(&store, &search()), [5, 4, 2, 1].map(id));
    let (stage, script) = (id(2), id(3));
    for text in [
        "params.lr = 0.1 and params.size = 10",
        "metrics.f1 = 0.5 and metrics.acc = 0.9",
        "tags.autolog = 'yes' and tags.pipe.kind = 'stage'",
        "metrics.acc > 0.5 and stage = 'train'",
        "experiment = 'flowers' and name = 'run-2'",
        "best(score) = 3 and max(acc) = 0.9",
        "metrics.acc = 0.1",
        "metrics.acc = 0.9 and params.lr = 0.5 and params.lr = 0.1",
        &format!("id = '{stage}' and params.size = 10"),
        &format!("id = '{script}' and params.lr = 0.1"),
        &format!("id in ('{script}')"),
        "name = 'run-3' and tags.pipe.kind = 'stage'",
        "name like '%-3'",
        "tags.mlflow.runName = 'run-3'",
        "name not in ('run-1', 'run-4', 'run-5')",
    ] {
        assert_eq!(matching(&store, text), [stage], "{text}");
    }
    for text in [
        "metrics.acc = 0.2".to_owned(),
        format!("id = '{script}' and id != '{stage}'"),
        format!("id = '{script}' and id not in ('{stage}', '{}')", id(9)),
        "name = 'run-3' and name != 'run-2'".to_owned(),
        "name = 'run-2' and tags.mlflow.runName not in ('run-3')".to_owned(),
    ] {
        assert_eq!(matching(&store, &text), [], "{text}");
    }
    for parent in [stage, script] {
        assert_eq!(matching(&store, &format!("parent = '{parent}'")), [id(4)]);
        let of = Search { parent: ParentFilter::Of(parent), ..search() };
        assert_eq!(ids(&store, &of), [id(4)]);
    }
    // One by one, as clients search, nothing is joined.
    let apart = Search { filter: Filter::parse("params.lr = 0.1").ok(), ..Search::default() };
    assert!(!store.search(&apart).expect("read")[0].data.params.contains_key("size"));
    assert_eq!(ids(&store, &Search::default()).len(), 5);
}

#[test]
fn pages_orders_and_experiments_know_the_one() {
    let store = family(true);
    let flowers = store.experiment("flowers").expect("read").expect("there").id;
    let in_flowers = Search { experiments: vec![flowers], ..search() };
    assert_eq!(ids(&store, &in_flowers), [5, 4, 2].map(id), "the script says which");
    let default = Search { experiments: vec![track::ExperimentId::DEFAULT], ..search() };
    assert_eq!(ids(&store, &default), [id(1)]);
    assert_eq!(ids(&store, &Search { offset: 1, limit: Some(2), ..search() }), [4, 2].map(id));
    let order_by = vec![OrderBy::parse("metrics.acc").expect("an order")];
    let ordered = Search { order_by, limit: Some(1), ..search() };
    let found = store.search(&ordered).expect("read");
    assert_eq!((found[0].info.id, found[0].data.metrics["acc"].value), (id(2), 0.9));
    assert_eq!(found[0].data.params["lr"], "0.5");
    assert_eq!(found[0].data.stage_params["lr"], "0.1", "what the stage has otherwise");
}

#[test]
fn either_id_names_the_one() {
    let store = family(true);
    for wanted in [id(2), id(3)] {
        let found = Joined::find(&store, &wanted.to_string(), View::Active).expect("there");
        assert_eq!(found.ids().collect::<Vec<_>>(), [id(2), id(3)]);
        assert_eq!((found.holder("f1"), found.holder("acc")), (id(2), id(3)));
        assert_eq!(found.run.info.experiment_name, "flowers");
        let children = found.children(&store).expect("read");
        assert_eq!(children.iter().map(|run| run.info.id).collect::<Vec<_>>(), [id(4)]);
        assert_eq!(shown_id(&store, wanted).expect("read"), id(2));
    }
    assert_eq!(shown_id(&store, id(99)).expect("gone"), id(99));
    let root = Joined::find(&store, &id(1).to_string(), View::Active).expect("there");
    let numbers = |generation: &Vec<Run>| generation.iter().map(|run| run.info.id).collect::<Vec<_>>();
    let generations: Vec<_> = root.generations(&store).expect("read").iter().map(numbers).collect();
    assert_eq!(generations, [vec![id(1)], vec![id(2), id(3)], vec![id(4)]]);
}

#[test]
fn a_name_that_several_scripts_gave_is_told_by_the_ids_of_their_stages() {
    let store = family(true);
    let rename = |number, name: &str| {
        let name = Some(name.to_owned());
        let change = Change::UpdateRun { run: id(number), status: None, end_time: None, name };
        store.apply(at(0, vec![change])).expect("renamed");
    };
    rename(3, "fit");
    rename(2, "fit");
    assert_eq!(store.find_run("fit").expect("the two are one"), id(2));
    rename(2, "train");
    assert_eq!(store.find_run("fit").expect("there"), id(3));
    rename(5, "fit");
    let told = store.find_run("fit").expect_err("two").to_string();
    let (stage, script) = (id(2).to_string(), id(3).to_string());
    assert!(told.contains("2 runs") && told.contains(&format!("{} (train", &stage[24..])), "{told}");
    assert!(!told.contains(&script[24..]), "{told}");
}

#[test]
fn deleted_ones_are_one_and_a_half_stands_alone() {
    let store = family(true);
    let set = |number, lifecycle| {
        store.apply(at(0, vec![Change::SetLifecycle { run: id(number), lifecycle }])).expect("set");
    };
    let deleted = Search { view: View::Deleted, ..search() };
    set(3, Lifecycle::Deleted);
    assert_eq!((ids(&store, &search()), ids(&store, &deleted)), ([5, 4, 2, 1].map(id).to_vec(), vec![id(3)]));
    assert_eq!(matching(&store, "params.size = 10"), []);
    assert_eq!(shown_id(&store, id(3)).expect("read"), id(3));
    set(2, Lifecycle::Deleted);
    assert_eq!(ids(&store, &deleted), [id(2)]);
    let found = Joined::find(&store, &id(3).to_string(), View::Deleted).expect("there");
    assert_eq!((found.run.info.id, found.run.data.params["size"].as_str()), (id(2), "10"));
}

#[test]
fn a_tag_that_only_one_of_them_has_ties_nothing() {
    let store = family(false);
    let set = |number, key: &str, other| Change::SetTags {
        run: id(number),
        tags: vec![tag(key, &id(other).to_string())],
    };
    store.apply(at(0, vec![set(5, SCRIPT_RUN_TAG, 3), set(4, STAGE_RUN_TAG, 2)])).expect("set");
    assert_eq!(ids(&store, &search()).len(), 5);
    assert_eq!(
        Joined::find(&store, "run-5", View::Active).expect("there").script.map(|run| run.info.id),
        None
    );
}

#[test]
fn a_stage_whose_process_died_is_tied_when_it_is_settled() {
    let store = family(false);
    let settled = settle_dead(&store, &|_| false, &|_| None, Timestamp(9)).expect("settled");
    assert_eq!(settled.len(), 4);
    assert_eq!(ids(&store, &search()), [5, 4, 2, 1].map(id));
    assert!(!store.run(id(4)).expect("there").data.tags.contains_key(STAGE_RUN_TAG), "it is no stage's");
    // Of two runs of a script neither is the stage's.
    let store = family(false);
    let second = NewRun { parent: Some(id(2)), ..NewRun::new(id(6), Timestamp(1)) };
    let marks = vec![tag("pipe.kind", "script"), tag("pipe.stage", "train")];
    let changes = vec![Change::CreateRun(second), Change::SetTags { run: id(6), tags: marks }];
    store.apply(at(0, changes)).expect("made");
    settle_dead(&store, &|_| false, &|_| None, Timestamp(9)).expect("settled");
    assert_eq!(ids(&store, &search()).len(), 6);
}

#[test]
fn parts_of_ids_become_whole_ones_or_are_told() {
    let store = family(true);
    let text = id(2).to_string();
    for wanted in [&text[24..], &text[24..].to_uppercase(), &text] {
        assert_eq!(matching(&store, &format!("id = '{wanted}'")), [id(2)], "{wanted}");
    }
    assert_eq!(matching(&store, "id = 'last'"), [id(5)]);
    assert_eq!(matching(&store, "parent = 'last~1' or not id != 'last'"), [5, 2].map(id));
    let refused =
        |text: &str| Filter::parse(text).expect(text).with_whole_ids(&store, View::Active).expect_err(text);
    for (text, expected) in [
        ("id = 'abc'", "`abc` is no id of a run"),
        ("id = 'run-2'", "`run-2` is no id"),
        ("not (id = 7)", "`7` is no id"),
        ("parent in ('dddd')", "no run has an id that starts or ends with `dddd`"),
    ] {
        let told = refused(text).to_string();
        assert!(told.contains(expected), "{text}: {told}");
    }
    assert!(matches!(refused("id = '0000'"), StoreError::Ambiguous { .. }));
    // A whole id may be that of a run which is gone.
    assert_eq!(matching(&store, &format!("id = '{}'", id(77))), []);
}
