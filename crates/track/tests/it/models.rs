//! The laws of logged models and of the model registry.

use base::{Digest, Timestamp};
use track::{
    Artifact, ArtifactOwner, Bound, Change, Changes, ErrorKind, ExperimentRef, FIRST_TOKEN, Filter, KnownAs,
    Lifecycle, LoggedModelChange, LoggedModelSearch, MetricDataset, ModelId, ModelSearch, ModelStatus,
    ModelStore, NewLoggedModel, NewVersion, OrderBy, Precondition, RegistryChange, RunStore, Stage,
    StoreError, VersionRef, VersionSearch,
};

use crate::{at, id, make_run, param, point, tag};

fn model_id(number: u128) -> ModelId {
    ModelId::from_parts(Timestamp(1_000_000), number)
}

fn new_model(number: u128, name: &str) -> Change {
    Change::LoggedModel(LoggedModelChange::Create(NewLoggedModel {
        id: model_id(number),
        experiment: ExperimentRef::default(),
        name: Some(name.into()),
        model_type: Some("classifier".into()),
        run: Some(id(1)),
        params: vec![param("depth", "3")],
        tags: vec![tag("a", "b")],
    }))
}

fn measured(number: u128, dataset: Option<&str>, points: &[(&str, i64, f64)]) -> Change {
    let dataset = dataset.map(|name| MetricDataset { name: name.into(), digest: Some("1".into()) });
    let metrics = points.iter().map(|(key, step, value)| point(key, *step, *step, *value)).collect();
    Change::LoggedModel(LoggedModelChange::LogMetrics {
        model: model_id(number),
        run: Some(id(1)),
        dataset,
        metrics,
    })
}

pub fn a_logged_model_reads_back_whole(store: &dyn ModelStore) {
    make_run(store, 1);
    let model = model_id(1);
    let artifact = Artifact { path: "MLmodel".into(), digest: Digest::Blake3([1; 32]), size: 4 };
    let change = |time, change| store.apply(at(time, vec![Change::LoggedModel(change)]));
    store.apply(at(10, vec![new_model(1, "tree")])).expect("made");
    assert_eq!(store.logged_model(model).expect("there").status, ModelStatus::Pending);
    for _ in 0..2 {
        store
            .apply(at(11, vec![measured(1, Some("test"), &[("acc", 1, 0.5), ("acc", 0, f64::NAN)])]))
            .expect("logged");
    }
    store.apply(at(11, vec![measured(1, None, &[("acc", 1, 0.5)])])).expect("logged");
    change(12, LoggedModelChange::LogParams { model, params: vec![param("depth", "3"), param("seed", "1")] })
        .expect("logged");
    let changed = change(12, LoggedModelChange::LogParams { model, params: vec![param("depth", "4")] });
    assert_eq!(changed.expect_err("set once").kind(), ErrorKind::Invalid);
    change(13, LoggedModelChange::LogArtifacts { model, artifacts: vec![artifact.clone()] }).expect("logged");
    change(14, LoggedModelChange::SetTags { model, tags: vec![tag("a", "c")] }).expect("tagged");
    let ready = LoggedModelChange::SetStatus { model, status: ModelStatus::Ready, message: None };
    change(15, ready.clone()).expect("finished");
    let read = store.logged_model(model).expect("there");
    assert_eq!(
        (read.name.as_str(), read.model_type.as_deref(), read.run),
        ("tree", Some("classifier"), Some(id(1)))
    );
    assert_eq!((read.status, read.created, read.updated), (ModelStatus::Ready, Timestamp(10), Timestamp(15)));
    assert_eq!((read.params.len(), read.tags["a"].as_str()), (2, "c"));
    let points: Vec<(i64, bool)> =
        read.metrics.iter().map(|point| (point.metric.step, point.dataset.is_some())).collect();
    assert_eq!(points, [(0, true), (1, false), (1, true)]);
    assert!(read.metrics[0].metric.value.is_nan() && read.metrics[0].run == Some(id(1)));
    assert_eq!(store.artifacts_of(&ArtifactOwner::Model(model)).expect("read"), [artifact]);
    change(16, LoggedModelChange::DeleteTag { model, key: "a".into() }).expect("removed");
    let gone = change(16, LoggedModelChange::DeleteTag { model, key: "a".into() });
    assert_eq!(gone.expect_err("gone").kind(), ErrorKind::NotFound);
    let twice = store.apply(at(17, vec![new_model(1, "tree")]));
    assert_eq!(twice.expect_err("taken").kind(), ErrorKind::Exists);
    let bad = store.apply(at(17, vec![new_model(2, "a/b")]));
    assert_eq!(bad.expect_err("bad").kind(), ErrorKind::Invalid);
    change(20, LoggedModelChange::SetLifecycle { model, lifecycle: Lifecycle::Deleted }).expect("deleted");
    assert_eq!(change(21, ready).expect_err("deleted").kind(), ErrorKind::State);
    assert_eq!(store.search_logged_models(&LoggedModelSearch::default()).expect("read"), []);
    assert_eq!(store.purgeable(None).expect("read").models, [model]);
    change(22, LoggedModelChange::SetLifecycle { model, lifecycle: Lifecycle::Active }).expect("restored");
    change(23, LoggedModelChange::SetLifecycle { model, lifecycle: Lifecycle::Deleted }).expect("deleted");
    store.apply(at(24, vec![Change::Purge(store.purgeable(None).expect("read"))])).expect("removed");
    assert_eq!(store.logged_model(model).expect_err("gone").kind(), ErrorKind::NotFound);
}

pub fn logged_models_are_found_by_what_was_measured(store: &dyn ModelStore) {
    make_run(store, 1);
    for number in 1..=4 {
        store.apply(at(number as i64, vec![new_model(number, &format!("m{number}"))])).expect("made");
    }
    let changes = vec![
        measured(1, Some("test"), &[("acc", 0, 0.9), ("acc", 1, 0.2)]),
        measured(2, Some("train"), &[("acc", 0, 0.9)]),
        measured(3, Some("test"), &[("acc", 0, 0.5), ("loss", 0, 1.0)]),
    ];
    store.apply(at(9, changes)).expect("logged");
    let names = |search: LoggedModelSearch| -> Vec<String> {
        store.search_logged_models(&search).expect("read").into_iter().map(|model| model.name).collect()
    };
    let filter = |text: &str| Some(Filter::parse(text).expect("a filter"));
    let on = |name: &str| MetricDataset { name: name.into(), digest: None };
    let base = LoggedModelSearch::default;
    assert_eq!(names(base()), ["m4", "m3", "m2", "m1"]);
    assert_eq!(names(LoggedModelSearch { offset: 1, limit: Some(2), ..base() }), ["m3", "m2"]);
    // One point is enough.
    assert_eq!(names(LoggedModelSearch { filter: filter("metrics.acc > 0.8"), ..base() }), ["m2", "m1"]);
    let on_test = LoggedModelSearch { datasets: vec![on("test")], ..base() };
    assert_eq!(names(on_test.clone()), ["m3", "m1"]);
    assert_eq!(names(LoggedModelSearch { filter: filter("metrics.acc > 0.8"), ..on_test }), ["m1"]);
    let order = |text: &str, dataset| vec![(OrderBy::parse(text).expect("an order"), dataset)];
    // The newest point counts: that of m1 is 0.2.
    assert_eq!(
        names(LoggedModelSearch { order_by: order("metrics.acc desc", None), ..base() }),
        ["m2", "m3", "m1", "m4"]
    );
    let by_test =
        LoggedModelSearch { order_by: order("metrics.acc", Some(on("test"))), limit: Some(3), ..base() };
    assert_eq!(names(by_test), ["m1", "m3", "m4"]);
    assert_eq!(names(LoggedModelSearch { experiments: vec![track::ExperimentId(7)], ..base() }), [""; 0]);
}

fn registry(change: RegistryChange) -> Change {
    Change::Registry(change)
}

fn version(number: i64) -> VersionRef {
    VersionRef { model: "iris".into(), version: number }
}

fn create_model(store: &dyn RunStore, name: &str) {
    let create =
        RegistryChange::CreateModel { name: name.into(), description: None, tags: vec![], if_absent: false };
    store.apply(at(1, vec![registry(create)])).expect("made");
}

fn new_version(name: &str) -> NewVersion {
    NewVersion {
        model: name.into(),
        source: "runs:/1/model".into(),
        status: ModelStatus::Ready,
        ..NewVersion::default()
    }
}

fn create_version(store: &dyn RunStore, name: &str) -> i64 {
    let create = RegistryChange::CreateVersion(new_version(name));
    store.apply(at(2, vec![registry(create)])).expect("made").versions[0]
}

/// Who does not know whether a version was made asks once more.
pub fn a_version_with_a_token_is_made_once(store: &dyn ModelStore) {
    create_model(store, "iris");
    create_version(store, "iris");
    let token = FIRST_TOKEN + 5;
    let known_as = Some(KnownAs { token, number: token });
    let new = NewVersion { known_as, ..new_version("iris") };
    let make = || vec![registry(RegistryChange::CreateVersion(new.clone()))];
    for _ in 0..2 {
        assert_eq!(store.apply(at(2, make())).expect("made").versions, [2]);
    }
    let of_token = VersionRef { model: "iris".into(), version: token };
    let set = RegistryChange::SetAlias { alias: "best".into(), version: of_token };
    store.apply(at(3, vec![registry(set)])).expect("set");
    assert_eq!(store.version_by_alias("iris", "best").expect("there").version, 2);
    assert_eq!(store.model_version("iris", token).expect("there").version, 2);
    let source = format!("models:/iris/{token}");
    let copy = NewVersion { source, ..new_version("iris") };
    store.apply(at(4, vec![registry(RegistryChange::CreateVersion(copy))])).expect("made");
    assert_eq!(store.model_version("iris", 3).expect("there").source, "models:/iris/2");
    assert!(store.model_version("iris", token + 1).is_err());
}

pub fn registered_models_have_names_of_their_own(store: &dyn ModelStore) {
    let change = |time, change| store.apply(at(time, vec![registry(change)]));
    let create = |if_absent| RegistryChange::CreateModel {
        name: "iris".into(),
        description: Some("flowers".into()),
        tags: vec![tag("a", &"b".repeat(100_000))],
        if_absent,
    };
    change(1, create(false)).expect("made");
    assert_eq!(change(2, create(false)).expect_err("taken").kind(), ErrorKind::Exists);
    change(2, create(true)).expect("taken as it is");
    assert_eq!((create_version(store, "iris"), create_version(store, "iris")), (1, 2));
    change(3, RegistryChange::SetAlias { alias: "champion".into(), version: version(2) }).expect("set");
    change(4, RegistryChange::SetVersionTags { version: version(1), tags: vec![tag("k", "v")] })
        .expect("tagged");
    let rename = |name: &str, to: &str| RegistryChange::RenameModel { name: name.into(), to: to.into() };
    create_model(store, "moons");
    assert_eq!(change(5, rename("iris", "moons")).expect_err("taken").kind(), ErrorKind::Exists);
    assert_eq!(change(5, rename("iris", "a/b")).expect_err("bad").kind(), ErrorKind::Invalid);
    assert_eq!(change(5, rename("rose", "b")).expect_err("none").kind(), ErrorKind::NotFound);
    change(5, rename("iris", "lily")).expect("renamed");
    let model = store.registered_model("lily").expect("there");
    assert_eq!(
        (model.description.as_deref(), model.created, model.updated),
        (Some("flowers"), Timestamp(1), Timestamp(5))
    );
    assert_eq!((model.tags["a"].len(), model.aliases["champion"]), (100_000, 2));
    let read = store.version_by_alias("lily", "champion").expect("there");
    assert_eq!((read.model.as_str(), read.version, read.aliases), ("lily", 2, vec!["champion".to_owned()]));
    assert_eq!(store.model_version("lily", 1).expect("there").tags["k"], "v");
    assert_eq!(store.registered_model("iris").expect_err("renamed").kind(), ErrorKind::NotFound);
    change(6, RegistryChange::DescribeModel { name: "lily".into(), description: None }).expect("described");
    change(6, RegistryChange::DeleteModelTag { name: "lily".into(), key: "a".into() }).expect("removed");
    change(6, RegistryChange::DeleteModelTag { name: "lily".into(), key: "a".into() })
        .expect("absent is fine");
    let model = store.registered_model("lily").expect("there");
    assert_eq!((model.description, model.tags.len()), (None, 0));
    let names = |search: ModelSearch| -> Vec<String> {
        store.search_registered_models(&search).expect("read").into_iter().map(|model| model.name).collect()
    };
    assert_eq!(names(ModelSearch::default()), ["lily", "moons"]);
    assert_eq!(names(ModelSearch { offset: 1, limit: Some(5), ..ModelSearch::default() }), ["moons"]);
    let filter = Filter::parse("name like 'l%'").ok();
    assert_eq!(names(ModelSearch { filter, ..ModelSearch::default() }), ["lily"]);
    // Deleted, the name is free, and starts again.
    change(7, RegistryChange::DeleteModel { name: "lily".into() }).expect("deleted");
    assert_eq!(store.model_version("lily", 1).expect_err("gone").kind(), ErrorKind::NotFound);
    create_model(store, "lily");
    assert_eq!(create_version(store, "lily"), 1);
    assert!(store.registered_model("lily").expect("there").aliases.is_empty());
}

pub fn versions_count_on_and_aliases_mean_what_is_there(store: &dyn ModelStore) {
    let change = |time, change| store.apply(at(time, vec![registry(change)]));
    assert_eq!(
        change(1, RegistryChange::CreateVersion(new_version("iris"))).expect_err("none").kind(),
        ErrorKind::NotFound
    );
    create_model(store, "iris");
    let artifact = Artifact { path: "model/data".into(), digest: Digest::Blake3([7; 32]), size: 4 };
    let first = NewVersion {
        run: Some(id(5)),
        logged_model: Some(model_id(5)),
        description: Some("the first".into()),
        user: "ada".into(),
        tags: vec![tag("k", "v")],
        artifacts: vec![artifact.clone()],
        aliases: vec!["first".into()],
        ..new_version("iris")
    };
    let made = change(2, RegistryChange::CreateVersion(first)).expect("made");
    assert_eq!(made.versions, [1]);
    let read = store.model_version("iris", 1).expect("there");
    assert_eq!((read.run, read.logged_model, read.user.as_str()), (Some(id(5)), Some(model_id(5)), "ada"));
    assert_eq!(
        (read.status, read.stage, read.description.as_deref()),
        (ModelStatus::Ready, Stage::None, Some("the first"))
    );
    assert_eq!((read.aliases, read.source.as_str()), (vec!["first".to_owned()], "runs:/1/model"));
    assert_eq!(store.artifacts_of(&ArtifactOwner::Version("iris".into(), 1)).expect("read"), [artifact]);
    let alias =
        |alias: &str, number| RegistryChange::SetAlias { alias: alias.into(), version: version(number) };
    assert_eq!(create_version(store, "iris"), 2);
    for bad in ["latest", "v3", "a b", ""] {
        assert_eq!(change(3, alias(bad, 1)).expect_err(bad).kind(), ErrorKind::Invalid);
    }
    assert_eq!(change(3, alias("a", 9)).expect_err("none").kind(), ErrorKind::NotFound);
    change(3, alias("a", 1)).expect("set");
    change(3, alias("a", 2)).expect("moved");
    change(3, alias("b", 2)).expect("set");
    assert_eq!(store.model_version("iris", 2).expect("there").aliases, ["a", "b"]);
    change(4, RegistryChange::DeleteAlias { name: "iris".into(), alias: "b".into() }).expect("removed");
    change(4, RegistryChange::DeleteAlias { name: "iris".into(), alias: "b".into() })
        .expect("absent is fine");
    change(5, RegistryChange::DeleteVersion { version: version(2) }).expect("deleted");
    assert_eq!(store.version_by_alias("iris", "a").expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(store.registered_model("iris").expect("there").updated, Timestamp(5));
    assert_eq!(create_version(store, "iris"), 3, "a number is not used again");
    change(6, RegistryChange::DescribeVersion { version: version(1), description: None }).expect("described");
    let failed = RegistryChange::SetVersionStatus {
        version: version(1),
        status: ModelStatus::Failed,
        message: Some("disk".into()),
    };
    change(7, failed).expect("set");
    change(8, RegistryChange::DeleteVersionTag { version: version(1), key: "k".into() }).expect("removed");
    let read = store.model_version("iris", 1).expect("there");
    assert_eq!(
        (read.status, read.message.as_deref(), read.tags.len()),
        (ModelStatus::Failed, Some("disk"), 0)
    );
    assert_eq!((read.description, read.updated), (None, Timestamp(7)));
    let numbers = |search: VersionSearch| -> Vec<i64> {
        store.search_model_versions(&search).expect("read").into_iter().map(|found| found.version).collect()
    };
    assert_eq!(numbers(VersionSearch::default()), [3, 1]);
    assert_eq!(numbers(VersionSearch { offset: 1, limit: Some(1), ..VersionSearch::default() }), [1]);
    let text = format!("run_id = '{}'", id(5));
    let filter = Filter::parse(&text).ok();
    assert_eq!(numbers(VersionSearch { filter, ..VersionSearch::default() }), [1]);
}

pub fn versions_move_between_stages(store: &dyn ModelStore) {
    create_model(store, "iris");
    let stage = |number, stage, archive_existing| {
        let set = RegistryChange::SetStage { version: version(number), stage, archive_existing };
        store.apply(at(9, vec![registry(set)]))
    };
    for _ in 0..4 {
        create_version(store, "iris");
    }
    let latest = |stages: &[Stage]| -> Vec<(Stage, i64)> {
        let found = store.latest_versions("iris", stages).expect("read");
        found.into_iter().map(|version| (version.stage, version.version)).collect()
    };
    assert_eq!(latest(&[]), [(Stage::None, 4)]);
    stage(1, Stage::Production, false).expect("moved");
    stage(2, Stage::Production, false).expect("moved");
    stage(3, Stage::Staging, true).expect("moved");
    assert_eq!(latest(&[]), [(Stage::None, 4), (Stage::Staging, 3), (Stage::Production, 2)]);
    stage(3, Stage::Production, true).expect("moved");
    assert_eq!(latest(&[Stage::Archived, Stage::Production]), [(Stage::Production, 3), (Stage::Archived, 2)]);
    create_model(store, "oak");
    create_model(store, "fir");
    create_version(store, "fir");
    let of_each = store.latest_versions_of_each(&["fir", "rose", "oak", "iris"]).expect("read");
    assert_eq!(of_each.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 0, 3]);
    assert_eq!((of_each[0][0].model.as_str(), of_each[0][0].version), ("fir", 1));
    assert_eq!(of_each[3], store.latest_versions("iris", &[]).expect("read"));
    stage(3, Stage::Production, true).expect("it does not give way to itself");
    assert_eq!(latest(&[Stage::Production]), [(Stage::Production, 3)]);
    let refused = stage(4, Stage::Archived, true).expect_err("nobody uses these");
    assert!(matches!(refused, StoreError::StageNotInUse(Stage::Archived)));
    assert_eq!(stage(9, Stage::Staging, false).expect_err("none").kind(), ErrorKind::NotFound);
    assert_eq!(store.latest_versions("rose", &[]).expect_err("none").kind(), ErrorKind::NotFound);
}

pub fn a_version_is_registered_only_when_its_rule_holds(store: &dyn ModelStore) {
    create_model(store, "iris");
    for (number, value) in [(1, 0.8), (2, 0.9), (3, f64::NAN)] {
        let run = make_run(store, number);
        store
            .apply(at(0, vec![Change::LogMetrics { run, metrics: vec![point("acc", 0, 0, value)] }]))
            .expect("logged");
    }
    make_run(store, 4);
    let register = |number, precondition| {
        let version =
            NewVersion { run: Some(id(number)), aliases: vec!["champion".into()], ..new_version("iris") };
        let changes = at(5, vec![registry(RegistryChange::CreateVersion(version))]);
        store.apply(Changes { preconditions: vec![precondition], ..changes })
    };
    let bound = |number, bound| Precondition::MetricBound { run: id(number), metric: "acc".into(), bound };
    let message = register(1, bound(1, Bound::Above(0.8))).expect_err("too low").to_string();
    assert_eq!(
        message,
        format!("it does not hold that metric `acc` of run {} is above 0.8: it is 0.8", id(1))
    );
    for (number, rule, expected) in [
        (1, Bound::AtLeast(0.8), true),
        (1, Bound::AtMost(0.8), true),
        (1, Bound::Below(0.8), false),
        (3, Bound::Below(f64::INFINITY), false),
        (4, Bound::Above(0.0), false),
    ] {
        let changes = Changes { preconditions: vec![bound(number, rule)], ..at(0, vec![]) };
        assert_eq!(store.apply(changes).is_ok(), expected, "{number} {rule}");
    }
    let better = |number| Precondition::BetterThanChampion {
        run: id(number),
        model: "iris".into(),
        alias: "champion".into(),
        metric: "acc".into(),
        higher_is_better: true,
    };
    assert!(register(3, better(3)).is_ok(), "there is no champion to beat");
    let message = register(1, better(1)).expect_err("it cannot be told").to_string();
    assert!(message.ends_with("it is 0.8, and that of version 1 is NaN"), "{message}");
    register(4, bound(1, Bound::AtLeast(0.8))).expect("a champion without the metric");
    let message = register(1, better(1)).expect_err("it cannot be told").to_string();
    assert!(message.ends_with("it is 0.8, and that of version 2 is not known"), "{message}");
    register(1, bound(1, Bound::AtLeast(0.8))).expect("it is");
    let message = register(1, better(1)).expect_err("not better than itself").to_string();
    assert!(message.ends_with("it is 0.8, and that of version 3 is 0.8"), "{message}");
    assert!(register(3, better(3)).is_err() && register(4, better(4)).is_err());
    assert_eq!(register(2, better(2)).expect("better").versions, [4]);
    assert_eq!(store.version_by_alias("iris", "champion").expect("there").run, Some(id(2)));
    // A champion of a stage's script is judged by what the stage's run has as well, and the script's value counts.
    let [stage, script, other] = [10, 11, 12].map(|number| make_run(store, number));
    let tie = |run, key: &str, other: track::RunId| Change::SetTags {
        run,
        tags: vec![tag(key, &other.to_string())],
    };
    let log = |run, step, value| Change::LogMetrics { run, metrics: vec![point("judged", step, 0, value)] };
    let ties = [tie(stage, "pipe.script_run", script), tie(script, "pipe.stage_run", stage)];
    store.apply(at(0, ties.into())).expect("tied");
    store.apply(at(0, vec![log(stage, 0, 0.9), log(other, 0, 0.5)])).expect("logged");
    let judged = |run| match better(run) {
        Precondition::BetterThanChampion { run, model, alias, higher_is_better, .. } => {
            Precondition::BetterThanChampion { run, model, alias, metric: "judged".into(), higher_is_better }
        }
        other => other,
    };
    register(11, bound(11, Bound::Above(0.0))).expect_err("it has no such metric");
    register(11, Precondition::StatusIs { run: script, status: track::RunStatus::Running })
        .expect("the champion");
    let message = register(12, judged(12)).expect_err("worse than the stage's").to_string();
    assert!(message.ends_with("it is 0.5, and that of version 5 is 0.9"), "{message}");
    store.apply(at(0, vec![log(script, 0, 0.4)])).expect("logged");
    assert!(register(12, judged(12)).is_ok(), "the script's counts");
}

/// A version made of a source, without files of its own.
fn made_of(name: &str, source: String) -> [Change; 2] {
    let create =
        RegistryChange::CreateModel { name: name.into(), description: None, tags: vec![], if_absent: true };
    let version = NewVersion { model: name.into(), source, ..NewVersion::default() };
    [Change::Registry(create), Change::Registry(RegistryChange::CreateVersion(version))]
}

#[test]
fn the_files_of_a_version_stay_whatever_becomes_of_its_source() {
    let store = track::SqliteStore::open_in_memory().expect("memory");
    make_run(&store, 1);
    make_run(&store, 2);
    let (run, model) = (id(1), model_id(1));
    let file = |path: &str, byte| Artifact { path: path.into(), digest: Digest::Blake3([byte; 32]), size: 1 };
    let apply = |changes: Vec<Change>| store.apply(at(9, changes)).expect("applied");
    apply(vec![
        new_model(1, "tree"),
        Change::LogArtifacts { run, artifacts: vec![file("model/w", 1), file("models", 9), file("one", 2)] },
        Change::LoggedModel(LoggedModelChange::LogArtifacts { model, artifacts: vec![file("MLmodel", 3)] }),
    ]);
    for (name, source) in [
        ("by run", format!("runs:/{run}/model")),
        ("by proxy", format!("mlflow-artifacts:/0/{run}/artifacts/model")),
        ("file", format!("runs:/{run}/one")),
        ("logged", format!("models:/{model}")),
        ("copy", "models:/by run/1".into()),
        ("copy of copy", "models:/copy/1".into()),
        ("of another", format!("runs:/{}/model", id(2))),
        ("elsewhere", "s3://bucket/model".into()),
    ] {
        apply(made_of(name, source).to_vec());
    }
    let [made, Change::Registry(RegistryChange::CreateVersion(version))] =
        made_of("own", format!("runs:/{run}/model"))
    else {
        panic!("a model and a version");
    };
    let version = NewVersion { artifacts: vec![file("w", 1)], ..version };
    apply(vec![made, Change::Registry(RegistryChange::CreateVersion(version))]);
    let files = |name: &str| {
        let version = VersionRef { model: name.into(), version: 1 };
        let files = store.version_files(&version).expect("read");
        files.into_iter().map(|file| file.path).collect::<Vec<_>>()
    };
    let assert_all = |when: &str| {
        for (name, path) in [("by run", "w"), ("by proxy", "w"), ("file", "one"), ("logged", "MLmodel")] {
            assert_eq!(files(name), [path], "{name} {when}");
        }
        assert_eq!(files("copy of copy"), ["w"], "{when}");
        assert_eq!(files("elsewhere"), [""; 0], "{when}");
        let kept = store.kept_artifacts().expect("read");
        for byte in 1..=3 {
            assert!(kept.contains(&Digest::Blake3([byte; 32])), "{byte} {when}");
        }
    };
    assert_all("at first");
    let deleted = Lifecycle::Deleted;
    apply(vec![Change::LoggedModel(LoggedModelChange::SetLifecycle { model, lifecycle: deleted })]);
    let own = store.artifacts_of(&ArtifactOwner::Version("logged".into(), 1)).expect("read");
    assert_eq!(own.len(), 1, "clients find no files of a deleted logged model");
    apply(vec![Change::SetLifecycle { run, lifecycle: deleted }]);
    assert_all("once they are deleted");
    assert!(!store.kept_artifacts().expect("read").contains(&Digest::Blake3([9; 32])), "no version has it");
    let purge = store.purgeable(None).expect("read");
    let made = store.versions_made_of(&purge).expect("read");
    let made: Vec<&str> = made.iter().map(|version| version.model.as_str()).collect();
    assert_eq!(made, ["by proxy", "by run", "copy", "copy of copy", "file", "logged", "own"]);
    apply(vec![Change::Purge(purge)]);
    assert_all("once they are gone");
    // What was made of a version keeps its files when that goes, or is called otherwise.
    apply(made_of("of one that goes", "models:/by run/1".into()).to_vec());
    apply(made_of("of one that is renamed", "models:/by proxy/1".into()).to_vec());
    let version = VersionRef { model: "by run".into(), version: 1 };
    apply(vec![Change::Registry(RegistryChange::DeleteVersion { version })]);
    let (name, to) = ("by proxy".to_owned(), "by another name".to_owned());
    apply(vec![Change::Registry(RegistryChange::RenameModel { name, to })]);
    assert_eq!(
        (files("of one that goes"), files("of one that is renamed")),
        (vec!["w".into()], vec!["w".into()])
    );
    apply(vec![Change::Registry(RegistryChange::DeleteModel { name: "of one that goes".into() })]);
    assert_eq!(files("copy"), ["w"]);
}

#[test]
fn the_files_of_a_version_stay_when_they_are_deleted_where_they_came_from() {
    let store = track::SqliteStore::open_in_memory().expect("memory");
    make_run(&store, 1);
    let artifact = Artifact { path: "model/w".into(), digest: Digest::Blake3([1; 32]), size: 1 };
    let apply = |changes: Vec<Change>| store.apply(at(9, changes)).expect("applied");
    apply(vec![Change::LogArtifacts { run: id(1), artifacts: vec![artifact] }]);
    apply(made_of("iris", format!("runs:/{}/model", id(1))).to_vec());
    let owner = || ArtifactOwner::Run(id(1));
    let own = || store.artifacts_of(&ArtifactOwner::Version("iris".into(), 1)).expect("read").len();
    apply(vec![Change::DeleteArtifacts { owner: owner(), path: "mod".into() }]);
    assert_eq!(own(), 0, "another folder");
    apply(vec![Change::DeleteArtifacts { owner: owner(), path: "model/w".into() }]);
    assert_eq!(own(), 1);
}

#[test]
fn the_files_of_a_version_stay_when_others_take_their_names() {
    let store = track::SqliteStore::open_in_memory().expect("memory");
    make_run(&store, 1);
    let (run, model) = (id(1), model_id(1));
    let file = |path: &str, byte| Artifact { path: path.into(), digest: Digest::Blake3([byte; 32]), size: 1 };
    let apply = |changes: Vec<Change>| store.apply(at(9, changes)).expect("applied");
    let log = |files: &[Artifact]| {
        apply(vec![
            Change::LogArtifacts { run, artifacts: files.to_vec() },
            Change::LoggedModel(LoggedModelChange::LogArtifacts { model, artifacts: files.to_vec() }),
        ]);
    };
    apply(vec![new_model(1, "tree")]);
    log(&[file("model/a", 1), file("model/b", 2), file("other", 3)]);
    for (name, source) in [
        ("of run", format!("runs:/{run}/model")),
        ("of model", format!("models:/{model}/model")),
        ("copy", "models:/of run/1".into()),
        ("of other", format!("runs:/{run}/other")),
    ] {
        apply(made_of(name, source).to_vec());
    }
    let files =
        |name: &str| store.version_files(&VersionRef { model: name.into(), version: 1 }).expect("read");
    let own = |name: &str| store.artifacts_of(&ArtifactOwner::Version(name.into(), 1)).expect("read").len();
    log(&[file("model/a", 1), file("model/c", 4), file("mode", 5)]);
    assert_eq!((own("of run"), own("of model")), (0, 0), "the same once more, and something besides");
    assert_eq!(files("of run").len(), 3, "what came later");
    log(&[file("model/a", 6), file("model/d", 7)]);
    let before = [file("a", 1), file("b", 2), file("c", 4)];
    for name in ["of run", "of model", "copy"] {
        assert_eq!(files(name), before, "{name}");
    }
    assert_eq!((files("of other"), own("of other")), (vec![file("other", 3)], 0));
    assert!(store.kept_artifacts().expect("read").contains(&Digest::Blake3([1; 32])));
}

/// Clients may write the same path in several ways.
#[test]
fn the_files_of_a_version_are_found_however_its_source_is_written() {
    let store = track::SqliteStore::open_in_memory().expect("memory");
    make_run(&store, 1);
    let run = id(1);
    let artifact = Artifact { path: "my model/b/w".into(), digest: Digest::Blake3([1; 32]), size: 1 };
    let apply = |changes: Vec<Change>| store.apply(at(9, changes)).expect("applied");
    apply(vec![Change::LogArtifacts { run, artifacts: vec![artifact] }]);
    let sources = [
        format!("runs:/{run}/my%20model/b"),
        format!("runs:/{run}//my model//b/"),
        format!("mlflow-artifacts:/0/{run}/artifacts/my%2520model%2Fb"),
    ];
    let version = |at: usize| VersionRef { model: format!("model {at}"), version: 1 };
    for (at, source) in sources.iter().enumerate() {
        apply(made_of(&version(at).model, source.clone()).to_vec());
    }
    let assert_all = |when: &str| {
        for (at, source) in sources.iter().enumerate() {
            let files = store.version_files(&version(at)).expect("read");
            assert_eq!(files.iter().map(|file| &*file.path).collect::<Vec<_>>(), ["w"], "{source} {when}");
        }
    };
    assert_all("at first");
    apply(vec![Change::DeleteArtifacts { owner: ArtifactOwner::Run(run), path: "my model/b".into() }]);
    assert_all("once they are gone");
}

#[test]
fn what_is_kept_elsewhere_is_named_by_what_was_made_of_a_version_that_goes() {
    let store = track::SqliteStore::open_in_memory().expect("memory");
    make_run(&store, 1);
    let apply = |changes: Vec<Change>| store.apply(at(9, changes)).expect("applied");
    let later = format!("runs:/{}/model", id(1));
    for (name, source) in [
        ("far", "s3://bucket/model"),
        ("copy", "models:/far/1"),
        ("copy of copy", "models:/copy/1"),
        ("far 2", "s3://bucket/other"),
        ("copy 2", "models:/far 2/1"),
        ("later", &*later),
        ("later", "models:/later/1"),
        ("copy of later", "models:/later/2"),
    ] {
        apply(made_of(name, source.to_owned()).to_vec());
    }
    let source = |name: &str| store.model_version(name, 1).expect("there").source;
    let version = VersionRef { model: "copy".into(), version: 1 };
    apply(vec![Change::Registry(RegistryChange::DeleteVersion { version })]);
    assert_eq!(
        (source("copy of copy"), source("copy 2")),
        ("models:/far/1".into(), "models:/far 2/1".into())
    );
    apply(vec![Change::Registry(RegistryChange::DeleteModel { name: "far".into() })]);
    let (name, to) = ("far 2".to_owned(), "another name".to_owned());
    apply(vec![Change::Registry(RegistryChange::RenameModel { name, to })]);
    assert_eq!(
        (source("copy of copy"), source("copy 2")),
        ("s3://bucket/model".into(), "s3://bucket/other".into())
    );
    // Its files come later; and its version was made of one of the same model.
    apply(vec![Change::Registry(RegistryChange::DeleteModel { name: "later".into() })]);
    assert_eq!(source("copy of later"), later);
}
