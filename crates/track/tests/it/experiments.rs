//! The laws of experiments, data sets, pages of histories, folders of artifacts, and of what is removed for ever.

use base::{Digest, Timestamp};
use track::{
    Artifact, ArtifactOwner, Change, Changes, ChangesId, Dataset, DatasetInput, DatasetSummary, ErrorKind,
    ExperimentId, ExperimentRef, ExperimentSearch, Lifecycle, LoggedModelChange, Metric, MetricCursor,
    ModelId, ModelOutput, ModelStore, NewLoggedModel, NewRun, OrderBy, Precondition, Purge, RunId, RunStore,
    Search, StoreError, View,
};

use crate::{at, id, make_run, point, tag};

fn by_name(name: &str) -> ExperimentRef {
    ExperimentRef::Name(name.to_owned())
}

fn make(store: &dyn RunStore, name: &str) -> ExperimentId {
    let create = Change::CreateExperiment { name: name.to_owned(), if_absent: false };
    store.apply(at(100, vec![create])).expect("made").experiments[0]
}

fn run_in(store: &dyn RunStore, number: u128, experiment: ExperimentId) -> RunId {
    let run = NewRun { experiment: ExperimentRef::Id(experiment), ..NewRun::new(id(number), Timestamp(1)) };
    store.apply(at(0, vec![Change::CreateRun(run)])).expect("made");
    id(number)
}

fn lifecycle(experiment: ExperimentId, lifecycle: Lifecycle) -> Change {
    Change::SetExperimentLifecycle { experiment, lifecycle }
}

pub fn experiments_change_and_say_when(store: &dyn ModelStore) {
    let (spirals, moons) = (make(store, "spirals"), make(store, "moons"));
    let change = |time, change| store.apply(at(time, vec![change]));
    let location = Some("s3://bucket/spirals".to_owned());
    change(150, Change::SetArtifactLocation { experiment: by_name("spirals"), location: location.clone() })
        .expect("set");
    let rename = |name: &str| Change::RenameExperiment {
        experiment: ExperimentRef::Id(spirals),
        name: name.to_owned(),
    };
    assert!(
        matches!(change(200, rename("moons")), Err(StoreError::ExperimentExists(name)) if name == "moons")
    );
    assert_eq!(change(200, rename(" ")).expect_err("empty").kind(), ErrorKind::Invalid);
    change(200, rename("spirals")).expect("its own name");
    change(300, rename("rings")).expect("renamed");
    let read = store.experiment_by_id(spirals).expect("there");
    assert_eq!((read.name.as_str(), read.created, read.updated), ("rings", Timestamp(100), Timestamp(300)));
    assert_eq!((read.artifact_location, store.experiment("spirals").expect("read")), (location, None));
    let tags =
        Change::SetExperimentTags { experiment: by_name("rings"), tags: vec![tag("a", &"b".repeat(20_000))] };
    change(0, tags).expect("tagged");
    let delete = Change::DeleteExperimentTag { experiment: by_name("rings"), key: "a".into() };
    change(0, delete.clone()).expect("removed");
    assert_eq!(change(0, delete).expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(store.experiment_by_id(ExperimentId(99)).expect_err("none").kind(), ErrorKind::NotFound);
    let names = |search: &ExperimentSearch| -> Vec<String> {
        store.search_experiments(search).expect("read").into_iter().map(|found| found.name).collect()
    };
    assert_eq!(
        names(&ExperimentSearch::default()),
        ["rings", "moons", "Default"],
        "newest first, then by number"
    );
    let order_by = vec![OrderBy::parse("name desc").expect("an order")];
    let page = ExperimentSearch { order_by, offset: 1, limit: Some(1), ..ExperimentSearch::default() };
    assert_eq!(names(&page), ["moons"]);
    change(0, lifecycle(moons, Lifecycle::Deleted)).expect("deleted");
    assert_eq!(names(&ExperimentSearch { view: View::Deleted, ..ExperimentSearch::default() }), ["moons"]);
    assert_eq!(names(&ExperimentSearch { view: View::All, ..ExperimentSearch::default() }).len(), 3);
}

pub fn an_experiment_takes_along_what_is_active_and_brings_back_just_that(store: &dyn ModelStore) {
    let experiment = make(store, "e");
    let (before, with) = (run_in(store, 1, experiment), run_in(store, 2, experiment));
    let model = ModelId::from_parts(Timestamp(1), 1);
    let new = NewLoggedModel {
        id: model,
        experiment: ExperimentRef::Id(experiment),
        name: None,
        model_type: None,
        run: Some(with),
        params: vec![],
        tags: vec![],
    };
    store.apply(at(1, vec![Change::LoggedModel(LoggedModelChange::Create(new))])).expect("made");
    let delete = Change::SetLifecycle { run: before, lifecycle: Lifecycle::Deleted };
    store.apply(at(5, vec![delete.clone()])).expect("deleted");
    store.apply(at(9, vec![lifecycle(experiment, Lifecycle::Deleted)])).expect("deleted");
    let state = |run| {
        let info = store.run(run).expect("there").info;
        (info.lifecycle, info.deleted)
    };
    assert_eq!(state(before), (Lifecycle::Deleted, Some(Timestamp(5))));
    assert_eq!(state(with), (Lifecycle::Deleted, Some(Timestamp(9))));
    assert_eq!(store.logged_model(model).expect("there").lifecycle, Lifecycle::Deleted);
    // Deleting it once more does not make it one of those deleted before.
    store
        .apply(at(10, vec![Change::SetLifecycle { run: with, lifecycle: Lifecycle::Deleted }]))
        .expect("deleted");
    let create = NewRun { experiment: ExperimentRef::Id(experiment), ..NewRun::new(id(7), Timestamp(1)) };
    let refused = store.apply(at(0, vec![Change::CreateRun(create)])).expect_err("deleted");
    assert_eq!(
        (refused.kind(), refused.to_string()),
        (ErrorKind::State, format!("experiment `{experiment}` is deleted: restore it before changing it"))
    );
    // The name is free, and while another has it, the experiment cannot come back.
    let other = make(store, "e");
    let restore = || store.apply(at(20, vec![lifecycle(experiment, Lifecycle::Active)]));
    assert!(matches!(restore(), Err(StoreError::ExperimentExists(name)) if name == "e"));
    let rename = Change::RenameExperiment { experiment: ExperimentRef::Id(other), name: "other".into() };
    store.apply(at(21, vec![rename])).expect("renamed");
    restore().expect("restored");
    assert_eq!(state(before).0, Lifecycle::Deleted);
    assert_eq!(state(with), (Lifecycle::Active, None));
    assert_eq!(store.logged_model(model).expect("there").lifecycle, Lifecycle::Active);
    assert_eq!(store.experiment_by_id(experiment).expect("there").updated, Timestamp(20));
    let first = store.apply(at(0, vec![lifecycle(ExperimentId::DEFAULT, Lifecycle::Deleted)]));
    assert_eq!(first.expect_err("needed").kind(), ErrorKind::Invalid);
}

fn dataset(name: &str, digest: &str, context: Option<&str>) -> DatasetInput {
    let dataset = Dataset {
        name: name.into(),
        digest: digest.into(),
        source_type: "local".into(),
        source: "data.csv".into(),
        schema: Some("{}".into()),
        profile: None,
    };
    let tags = context.map(|context| ("mlflow.data.context".to_owned(), context.to_owned()));
    DatasetInput { dataset, tags: tags.into_iter().collect() }
}

pub fn runs_say_what_they_read_and_wrote(store: &dyn ModelStore) {
    let experiment = make(store, "e");
    let run = run_in(store, 1, experiment);
    let models = [1, 2].map(|number| ModelId::from_parts(Timestamp(1), number));
    let outputs = [(models[1], 3), (models[0], 1)].map(|(model, step)| ModelOutput { model, step });
    let changes = vec![
        Change::LogDatasets {
            run,
            datasets: vec![dataset("b", "1", Some("training")), dataset("a", "1", None)],
        },
        Change::LogModelInputs { run, models: vec![models[0]] },
        Change::LogModelOutputs { run, models: outputs.to_vec() },
    ];
    for _ in 0..2 {
        store.apply(at(0, changes.clone())).expect("logged");
    }
    // What was said first stays, of a data set and of its use.
    let mut again = dataset("b", "1", Some("eval"));
    again.dataset.source = "elsewhere".into();
    again.tags.insert("x".into(), "y".into());
    store.apply(at(0, vec![Change::LogDatasets { run, datasets: vec![again] }])).expect("logged");
    let data = store.run(run).expect("there").data;
    assert_eq!(data.datasets, [dataset("b", "1", Some("training")), dataset("a", "1", None)]);
    assert_eq!((data.model_inputs, data.model_outputs), (vec![models[0]], outputs.to_vec()));
    let other = run_in(store, 2, experiment);
    let reads = Change::LogDatasets {
        run: other,
        datasets: vec![dataset("b", "1", Some("test")), dataset("b", "2", None)],
    };
    store.apply(at(0, vec![reads])).expect("logged");
    let summary = |name: &str, digest: &str, context: Option<&str>| DatasetSummary {
        experiment,
        name: name.into(),
        digest: digest.into(),
        context: context.map(str::to_owned),
    };
    let all = [
        summary("a", "1", None),
        summary("b", "1", Some("test")),
        summary("b", "1", Some("training")),
        summary("b", "2", None),
    ];
    assert_eq!(store.datasets(&[experiment], 10).expect("read"), all);
    assert_eq!(store.datasets(&[experiment], 2).expect("read"), all[..2]);
    assert_eq!(store.datasets(&[ExperimentId::DEFAULT], 10).expect("read"), []);
    for bad in
        [dataset("", "1", None), dataset("a", &"1".repeat(37), None), dataset(&"a".repeat(501), "", None)]
    {
        let refused = store.apply(at(0, vec![Change::LogDatasets { run, datasets: vec![bad] }]));
        assert_eq!(refused.expect_err("bad").kind(), ErrorKind::Invalid);
    }
}

/// Pages of any size, one after the other, are the history, which has so many points.
fn pages_are_the_whole(store: &dyn ModelStore, run: RunId, length: usize) -> Vec<Metric> {
    let whole = store.metric_history(run, "loss").expect("read");
    assert_eq!(whole.len(), length);
    for size in [350, 1700, length, 50_000] {
        let mut read: Vec<Metric> = Vec::new();
        loop {
            let after = read.last().map(MetricCursor::of);
            let page = store.metric_page(run, "loss", after, size).expect("read");
            if page.is_empty() {
                break;
            }
            assert!(page.len() == size || read.len() + page.len() == length);
            read.extend(page);
        }
        assert!(read == whole, "{size}");
    }
    let mut by_time = whole.clone();
    by_time.sort_by(|a, b| {
        (a.timestamp, a.step).cmp(&(b.timestamp, b.step)).then_with(|| a.value.total_cmp(&b.value))
    });
    for limit in [0, 1, 999, length - 1, length, 50_000] {
        let earliest = store.earliest_points(run, "loss", limit).expect("read");
        let same = |a: &Metric, b: &Metric| {
            (a.step, a.timestamp, a.value.to_bits()) == (b.step, b.timestamp, b.value.to_bits())
        };
        assert_eq!(earliest.len(), limit.min(length));
        assert!(earliest.iter().zip(&by_time).all(|(a, b)| same(a, b)), "{limit}");
    }
    whole
}

pub fn a_history_is_read_in_pages(store: &dyn ModelStore) {
    let run = make_run(store, 1);
    // Late points of earlier steps, so that chunks and tail overlap, and enough for several chunks.
    for batch in 0..12_i64 {
        let metrics: Vec<Metric> = (0..1000)
            .map(|i| point("loss", (batch * 1000 + i) % 7000, batch, [0.5, f64::NAN, -0.0][(i % 3) as usize]))
            .collect();
        store.apply(at(0, vec![Change::LogMetrics { run, metrics }])).expect("logged");
    }
    pages_are_the_whole(store, run, 12_000);
    // More sets, and more points, than a run may have unfolded; some of the points are there already.
    for i in 0..1500_i64 {
        let metrics = vec![point("loss", 7000 - i, 99, 0.25), point("acc", i % 700, 0, 1.0)];
        store.apply(at(0, vec![Change::LogMetrics { run, metrics }])).expect("logged");
    }
    pages_are_the_whole(store, run, 13_500);
    let many =
        (0..70_000).map(|i| point("other", i, 0, 1.0)).chain([point("loss", 6000, 99, 0.25)]).collect();
    store.apply(at(0, vec![Change::LogMetrics { run, metrics: many }])).expect("logged");
    let whole = pages_are_the_whole(store, run, 13_500);
    // What comes late lies before much of what is in chunks.
    let late = (0..200).map(|i| point("loss", i * 35, 777, 0.5)).collect();
    store.apply(at(0, vec![Change::LogMetrics { run, metrics: late }])).expect("logged");
    assert_ne!(pages_are_the_whole(store, run, 13_700), whole);
    let whole = store.metric_history(run, "loss").expect("read");
    assert_eq!(store.metric_history(run, "acc").expect("read").len(), 700);
    assert_eq!(store.metric_history(run, "other").expect("read").len(), 70_000);
    assert_eq!(store.metric_page(run, "none", None, 5).expect("read"), []);
    assert_eq!(store.metric_page(run, "loss", None, 0).expect("read"), []);
    let other = make_run(store, 2);
    let metrics = (0..3).map(|step| point("loss", step, 0, 1.0)).collect();
    store.apply(at(0, vec![Change::LogMetrics { run: other, metrics }])).expect("logged");
    let sampled = store.sampled_history(&[other, run, id(77)], "loss", None, 10).expect("read");
    assert_eq!((sampled.len(), sampled[0].1.len(), sampled[1].1.len()), (2, 3, 10));
    assert_eq!((&sampled[1].1[0], &sampled[1].1[9]), (&whole[0], &whole[13_699]));
    let part = store.sampled_history(&[run], "loss", Some((100, 101)), 100).expect("read");
    assert!(part[0].1.iter().all(|point| (100..=101).contains(&point.step)));
    assert_eq!(part[0].1.len(), 4);
    // Of a script that names no step, all have the same; the last of them are in no chunk yet.
    for times in [0..70_000, 70_000..70_010_i64] {
        let still = times.map(|i| point("still", 0, i, i as f64)).collect();
        store.apply(at(0, vec![Change::LogMetrics { run, metrics: still }])).expect("logged");
    }
    // In order, where only chunks that have a chosen point are read, and across each other.
    for (key, steps) in
        [("other", None), ("other", Some((100, 60_000))), ("other", Some((4095, 4096))), ("loss", None)]
            .into_iter()
            .chain([("still", None), ("still", Some((0, 0))), ("loss", Some((100, 6000)))])
    {
        let mut whole = store.metric_history(run, key).expect("read");
        whole.retain(|point| steps.is_none_or(|(first, last)| (first..=last).contains(&point.step)));
        for limit in [2, 7, 320, 80_000] {
            let sampled = store.sampled_history(&[run], key, steps, limit).expect("read");
            assert_eq!(sampled[0].1, evenly(&whole, limit), "{limit} of {key} in {steps:?}");
        }
    }
    let courses = store.courses(run, 50).expect("read");
    assert_eq!(
        courses.iter().map(|course| course.key.as_str()).collect::<Vec<_>>(),
        ["acc", "loss", "other", "still"]
    );
    for course in courses {
        let whole = store.metric_history(run, &course.key).expect("read");
        let values = |points: &[Metric]| points.iter().map(|point| point.value.to_bits()).collect::<Vec<_>>();
        assert_eq!(course.points, whole.len(), "{}", course.key);
        let found: Vec<u64> = course.values.iter().map(|value| value.to_bits()).collect();
        assert_eq!(found, values(&evenly(&whole, 50)), "{}", course.key);
    }
    assert!(store.courses(id(77), 50).is_err());
}

/// The first points of `limit` groups, larger ones first, and the last point of all.
fn evenly(points: &[Metric], limit: usize) -> Vec<Metric> {
    if points.len() <= limit {
        return points.to_vec();
    }
    let (mut chosen, mut rest) = (Vec::new(), points);
    for left in (1..=limit).rev() {
        chosen.push(rest[0].clone());
        rest = &rest[rest.len().div_ceil(left)..];
    }
    chosen[limit - 1] = points[points.len() - 1].clone();
    chosen
}

pub fn folders_of_artifacts(store: &dyn ModelStore) {
    let run = make_run(store, 1);
    let owner = ArtifactOwner::Run(run);
    let paths = ["a.txt", "a/b", "a/c/d", "a/c/e", "a0", "z", "ä/ö"];
    let artifacts =
        paths.map(|path| Artifact { path: path.into(), digest: Digest::Blake3([1; 32]), size: 3 });
    store.apply(at(0, vec![Change::LogArtifacts { run, artifacts: artifacts.into() }])).expect("logged");
    let list = |folder: &str| -> Vec<(String, Option<u64>)> {
        let entries = store.artifact_folder(&owner, folder).expect("read");
        entries.into_iter().map(|entry| (entry.path, entry.size)).collect()
    };
    let file = |path: &str| (path.to_owned(), Some(3));
    let folder = |path: &str| (path.to_owned(), None);
    assert_eq!(list(""), [folder("a"), file("a.txt"), file("a0"), file("z"), folder("ä")]);
    assert_eq!(list("a"), [file("a/b"), folder("a/c")]);
    assert_eq!(list("a/c"), [file("a/c/d"), file("a/c/e")]);
    assert_eq!((list("z"), list("none")), (vec![], vec![]));
    assert_eq!(store.artifact(&owner, "a/b").expect("read").expect("there").size, 3);
    assert_eq!(store.artifact(&owner, "a").expect("read"), None);
    let delete = |path: &str| {
        store.apply(at(0, vec![Change::DeleteArtifacts { owner: owner.clone(), path: path.into() }]))
    };
    delete("a").expect("removed");
    assert_eq!(list(""), [file("a.txt"), file("a0"), file("z"), folder("ä")]);
    delete("z").expect("removed");
    delete("z").expect("absent is fine");
    assert_eq!(delete("../x").expect_err("no path").kind(), ErrorKind::Invalid);
    delete("").expect("all");
    assert_eq!(list(""), []);
    assert_eq!(
        store.artifact_folder(&ArtifactOwner::Run(id(9)), "").expect_err("none").kind(),
        ErrorKind::NotFound
    );
}

pub fn what_was_deleted_can_be_removed_for_ever(store: &dyn ModelStore) {
    let (kept, gone) = (make(store, "kept"), make(store, "gone"));
    let (parent, child) = (run_in(store, 1, kept), id(2));
    let inner = run_in(store, 3, gone);
    let nested = NewRun { parent: Some(parent), ..NewRun::new(child, Timestamp(1)) };
    let changes = vec![
        Change::CreateRun(nested),
        Change::LogMetrics { run: parent, metrics: vec![point("loss", 0, 0, 1.0)] },
        Change::SetTags { run: parent, tags: vec![tag("a", "b")] },
        Change::SetTags { run: parent, tags: vec![tag("a", "c")] },
        Change::LogDatasets { run: parent, datasets: vec![dataset("d", "1", Some("training"))] },
        Change::LogMetrics { run: inner, metrics: vec![point("loss", 0, 0, 1.0)] },
        Change::LogDatasets { run: inner, datasets: vec![dataset("d", "1", None)] },
        Change::SetExperimentTags { experiment: ExperimentRef::Id(gone), tags: vec![tag("a", "b")] },
    ];
    store.apply(at(0, changes)).expect("applied");
    assert!(store.purgeable(None).expect("read").is_empty());
    let purge = |purge: Purge| store.apply(at(99, vec![Change::Purge(purge)]));
    let active = purge(Purge { runs: vec![parent], ..Purge::default() });
    assert_eq!(active.expect_err("active").kind(), ErrorKind::State);
    store
        .apply(at(50, vec![Change::SetLifecycle { run: parent, lifecycle: Lifecycle::Deleted }]))
        .expect("deleted");
    store.apply(at(60, vec![lifecycle(gone, Lifecycle::Deleted)])).expect("deleted");
    let all = store.purgeable(None).expect("read");
    assert_eq!(all, Purge { experiments: vec![gone], runs: vec![parent], models: vec![] });
    let old = store.purgeable(Some(Timestamp(60))).expect("read");
    assert_eq!(old, Purge { runs: vec![parent], ..Purge::default() });
    // One that was restored since stops all of it.
    store
        .apply(at(70, vec![Change::SetLifecycle { run: inner, lifecycle: Lifecycle::Active }]))
        .expect("restored");
    assert_eq!(purge(all.clone()).expect_err("active").kind(), ErrorKind::State);
    assert_eq!(store.run(parent).expect("still there").data.tags["a"], "c");
    store
        .apply(at(71, vec![Change::SetLifecycle { run: inner, lifecycle: Lifecycle::Deleted }]))
        .expect("deleted");
    // It was deleted later than the rest of its experiment.
    let old = store.purgeable(Some(Timestamp(70))).expect("read");
    assert_eq!(old, Purge { runs: vec![parent], ..Purge::default() });
    purge(all.clone()).expect("removed");
    for run in [parent, inner] {
        assert!(matches!(store.run(run), Err(StoreError::UnknownRun(_))));
        assert_eq!(store.metric_history(run, "loss").expect("read"), []);
    }
    assert_eq!(store.run(child).expect("there").info.parent, None);
    assert_eq!(store.experiment_by_id(gone).expect_err("removed").kind(), ErrorKind::NotFound);
    assert!(store.datasets(&[kept], 9).expect("read").is_empty());
    assert_eq!(purge(all).expect_err("gone").kind(), ErrorKind::NotFound);
    // The id can be used again, and has nothing of the old run.
    assert!(run_in(store, 1, kept) == parent && store.run(parent).expect("there").data.tags.is_empty());
}

pub fn searches_are_cut_into_pages(store: &dyn ModelStore) {
    for number in 0..10 {
        let run = make_run(store, number);
        let value = f64::from(u32::try_from(number * 7 % 10).expect("small"));
        store
            .apply(at(0, vec![Change::LogMetrics { run, metrics: vec![point("acc", 0, 0, value)] }]))
            .expect("logged");
    }
    for order in [None, Some("metrics.acc desc"), Some("params.none")] {
        let order_by: Vec<OrderBy> =
            order.iter().map(|text| OrderBy::parse(text).expect("an order")).collect();
        let search = |offset, limit| -> Vec<RunId> {
            let search = Search { order_by: order_by.clone(), offset, limit, ..Search::default() };
            store.search(&search).expect("read").into_iter().map(|run| run.info.id).collect()
        };
        let whole = search(0, None);
        let pages =
            [search(0, Some(4)), search(4, Some(4)), search(8, Some(4)), search(12, Some(4))].concat();
        assert_eq!((whole.len(), &pages), (10, &whole), "{order:?}");
        assert_eq!(search(3, None), whole[3..]);
        assert_eq!(search(0, Some(0)), []);
    }
}

pub fn preconditions_of_runs(store: &dyn ModelStore) {
    let run = make_run(store, 1);
    store.apply(at(0, vec![Change::SetTags { run, tags: vec![tag("a", "b")] }])).expect("tagged");
    let holds = |precondition: Precondition| {
        store.apply(Changes { preconditions: vec![precondition], ..at(0, vec![]) }).is_ok()
    };
    assert!(holds(Precondition::TagPresent { run, key: "a".into() }));
    assert!(!holds(Precondition::TagPresent { run, key: "b".into() }));
    for (lifecycle, expected) in [(Lifecycle::Active, true), (Lifecycle::Deleted, false)] {
        assert_eq!(holds(Precondition::LifecycleIs { run, lifecycle }), expected);
    }
    store.apply(at(0, vec![Change::SetLifecycle { run, lifecycle: Lifecycle::Deleted }])).expect("deleted");
    assert!(holds(Precondition::LifecycleIs { run, lifecycle: Lifecycle::Deleted }));
}

pub fn answers_are_forgotten_after_a_month_and_the_clock_may_go_back(store: &dyn ModelStore) {
    let day = 86_400_000;
    let set = |id: &str, time| Changes {
        id: Some(ChangesId(id.into())),
        ..at(time, vec![Change::CreateExperiment { name: "e".into(), if_absent: false }])
    };
    store.apply(set("a", 100 * day)).expect("made");
    store.apply(set("a", 10 * day)).expect("known, whatever the clock says");
    let other = Changes { id: Some(ChangesId("b".into())), ..at(131 * day, vec![]) };
    store.apply(other).expect("applied");
    assert!(matches!(store.apply(set("a", 131 * day)), Err(StoreError::ExperimentExists(_))), "forgotten");
    let run = make_run(store, 1);
    let log = |time| Change::LogMetrics { run, metrics: vec![point("loss", 1, time, 1.0)] };
    store.apply(at(500, vec![log(500), Change::SetTags { run, tags: vec![tag("a", "1")] }])).expect("logged");
    store.apply(at(300, vec![log(300), Change::SetTags { run, tags: vec![tag("a", "2")] }])).expect("logged");
    let data = store.run(run).expect("there").data;
    assert_eq!((data.metrics["loss"].timestamp, data.tags["a"].as_str()), (Timestamp(500), "2"));
    assert_eq!(store.tag_history(run, "a").expect("read").len(), 2);
}
