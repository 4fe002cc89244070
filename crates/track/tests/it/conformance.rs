//! The contract of `RunStore`, sentence by sentence, over any store; at the foot the stores that keep it.

use base::{Digest, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use track::{
    Artifact, Change, Changes, ChangesId, ExperimentId, ExperimentRef, Filter, KIND_TAG, KeyGroup, Lease,
    Lifecycle, LineageFile, Metric, NewRun, OrderBy, PARENT_TAG, ParentFilter, Precondition, RUN_NAME_TAG,
    Role, RunId, RunStatus, RunStore, SCRIPT_KIND, SETTLED_TAG, STAGE_TAG, Search, SqliteStore, StoreError,
    View, run_name, settle_dead,
};

use crate::experiments::{
    a_history_is_read_in_pages, an_experiment_takes_along_what_is_active_and_brings_back_just_that,
    answers_are_forgotten_after_a_month_and_the_clock_may_go_back, experiments_change_and_say_when,
    folders_of_artifacts, preconditions_of_runs, runs_say_what_they_read_and_wrote,
    searches_are_cut_into_pages, what_was_deleted_can_be_removed_for_ever,
};
use crate::models::{
    a_logged_model_reads_back_whole, a_version_is_registered_only_when_its_rule_holds,
    a_version_with_a_token_is_made_once, logged_models_are_found_by_what_was_measured,
    registered_models_have_names_of_their_own, versions_count_on_and_aliases_mean_what_is_there,
    versions_move_between_stages,
};
use crate::{at, id, make_run, param, point, tag};

fn end(run: RunId, status: RunStatus) -> Change {
    Change::UpdateRun { run, status: Some(status), end_time: None, name: None }
}

fn a_new_store_has_the_default_experiment(store: &dyn RunStore) {
    let experiments = store.experiments().expect("read");
    assert_eq!(experiments.len(), 1);
    assert_eq!((experiments[0].id, experiments[0].name.as_str()), (ExperimentId::DEFAULT, "Default"));
}

fn experiments_are_made_once(store: &dyn RunStore) {
    let create = |if_absent| at(7, vec![Change::CreateExperiment { name: "spirals".into(), if_absent }]);
    let made = store.apply(create(false)).expect("made").experiments;
    assert!(
        matches!(store.apply(create(false)), Err(StoreError::ExperimentExists(name)) if name == "spirals")
    );
    assert_eq!(store.apply(create(true)).expect("found").experiments, made);
    let found = store.experiment("spirals").expect("read").expect("there");
    assert_eq!((found.id, found.created), (made[0], Timestamp(7)));
    let tags =
        Change::SetExperimentTags { experiment: ExperimentRef::Id(made[0]), tags: vec![tag("a", "b")] };
    store.apply(at(8, vec![tags])).expect("tagged");
    assert_eq!(store.experiment("spirals").expect("read").expect("there").tags["a"], "b");
    assert_eq!(store.experiment("moons").expect("read"), None);
}

fn a_run_reads_back_whole(store: &dyn RunStore) {
    let parent = make_run(store, 1);
    let run = NewRun {
        experiment: ExperimentRef::Name("e".into()),
        name: Some("train".into()),
        parent: Some(parent),
        user: "ada".into(),
        ..NewRun::new(id(2), Timestamp(5000))
    };
    let changes = vec![
        Change::CreateExperiment { name: "e".into(), if_absent: true },
        Change::CreateRun(run),
        Change::LogMetrics {
            run: id(2),
            metrics: vec![point("loss", 1, 10, 0.5), point("loss", 2, 9, f64::NAN)],
        },
        Change::LogParams { run: id(2), params: vec![param("lr", "0.1")] },
        Change::SetTags { run: id(2), tags: vec![tag("pipe.stage", "train")] },
        end(id(2), RunStatus::Failed),
    ];
    store.apply(at(9000, changes)).expect("applied");
    let read = store.run(id(2)).expect("there");
    assert_eq!(
        (read.info.name.as_str(), read.info.user.as_str(), read.info.experiment_name.as_str()),
        ("train", "ada", "e")
    );
    assert_eq!((read.info.status, read.info.parent), (RunStatus::Failed, Some(parent)));
    assert_eq!((read.info.end_time, read.info.duration_millis()), (Some(Timestamp(9000)), Some(4000)));
    assert!(read.data.metrics["loss"].value.is_nan());
    assert_eq!((read.data.params["lr"].as_str(), read.data.tags["pipe.stage"].as_str()), ("0.1", "train"));
    assert_eq!(store.metric_keys(id(2)).expect("read"), ["loss"]);
    assert_eq!(store.children(parent).expect("read"), [read]);
    assert_eq!(store.run(parent).expect("there").info.name, run_name(parent));
    assert!(matches!(store.run(id(3)), Err(StoreError::UnknownRun(run)) if run == id(3)));
}

fn a_set_is_applied_whole_or_not_at_all(store: &dyn RunStore) {
    let run = make_run(store, 1);
    let bad = [
        Change::LogParams { run, params: vec![param("a/../b", "1")] },
        Change::LogParams { run, params: vec![param("lr", &"9".repeat(6001))] },
        Change::SetTags { run, tags: vec![tag("t", &"9".repeat(8001))] },
        Change::LogMetrics { run, metrics: vec![point("", 0, 0, 1.0)] },
        Change::LogMetrics { run, metrics: vec![point("m", 0, -1, 1.0)] },
        Change::LogMetrics { run: id(77), metrics: vec![] },
        Change::CreateRun(NewRun::new(run, Timestamp(1))),
        Change::LogArtifacts { run, artifacts: vec![artifact("../x", 1)] },
        Change::LogArtifacts { run, artifacts: vec![artifact("x", 1), artifact("x/y", 1)] },
        Change::LogArtifacts { run, artifacts: vec![artifact("x/y/z", 1), artifact("x", 1)] },
        Change::LogArtifacts { run, artifacts: vec![artifact("/x", 1)] },
        Change::LogArtifacts { run, artifacts: vec![artifact(&format!("x/{}/y", "n".repeat(256)), 1)] },
        Change::CreateExperiment { name: " ".into(), if_absent: true },
    ];
    for bad in bad {
        let good = Change::LogParams { run, params: vec![param("seed", "1")] };
        assert!(store.apply(at(0, vec![good, bad.clone()])).is_err(), "{bad:?}");
        assert!(store.run(run).expect("there").data.params.is_empty(), "{bad:?}");
    }
}

fn the_same_set_twice_is_once(store: &dyn RunStore) {
    let run = make_run(store, 1);
    let changes = Changes {
        id: Some(ChangesId("once".into())),
        preconditions: vec![Precondition::ParamAbsent { run, key: "lr".into() }],
        ..at(
            3,
            vec![
                Change::CreateExperiment { name: "e".into(), if_absent: false },
                Change::LogParams { run, params: vec![param("lr", "1")] },
            ],
        )
    };
    let first = store.apply(changes.clone()).expect("applied");
    assert_eq!(store.apply(changes.clone()).expect("answered again"), first);
    let other = Changes { id: Some(ChangesId("twice".into())), ..changes };
    assert!(matches!(store.apply(other), Err(StoreError::Precondition { .. })));
}

fn preconditions_guard(store: &dyn RunStore) {
    let run = make_run(store, 1);
    let lease = Lease { host: "h".into(), boot: "b".into(), pid: 4, started: u64::MAX };
    store
        .apply(at(
            0,
            vec![
                Change::SetLease { run, lease: Some(lease.clone()) },
                Change::SetTags { run, tags: vec![tag("stage", "None")] },
            ],
        ))
        .expect("applied");
    let cases = [
        (Precondition::StatusIs { run, status: RunStatus::Running }, true),
        (Precondition::StatusIs { run, status: RunStatus::Finished }, false),
        (Precondition::LeaseIs { run, lease: lease.clone() }, true),
        (Precondition::LeaseIs { run, lease: Lease { pid: 5, ..lease.clone() } }, false),
        (Precondition::TagIs { run, key: "stage".into(), value: Some("None".into()) }, true),
        (Precondition::TagIs { run, key: "stage".into(), value: None }, false),
        (Precondition::TagIs { run, key: "other".into(), value: None }, true),
    ];
    for (precondition, holds) in cases {
        let changes = Changes { preconditions: vec![precondition.clone()], ..at(0, vec![]) };
        assert_eq!(store.apply(changes).is_ok(), holds, "{precondition:?}");
    }
    assert_eq!(store.leases().expect("read"), [(run, lease)]);
    store.apply(at(0, vec![end(run, RunStatus::Finished)])).expect("ended");
    assert_eq!(store.leases().expect("read"), []);
}

fn params_are_set_once(store: &dyn RunStore) {
    let run = make_run(store, 1);
    let log = |value| store.apply(at(0, vec![Change::LogParams { run, params: vec![param("lr", value)] }]));
    log("0.1").expect("first");
    log("0.1").expect("the same again");
    let message = log("0.2").expect_err("another").to_string();
    assert_eq!(
        message,
        format!("param `lr` of run {run} is `0.1` and cannot become `0.2`: params are set once")
    );
}

fn tags_keep_their_history(store: &dyn RunStore) {
    let run = make_run(store, 1);
    for (time, value) in [(1, "phase_1"), (2, "phase_1"), (3, "phase_2"), (4, "phase_1")] {
        store.apply(at(time, vec![Change::SetTags { run, tags: vec![tag("phase", value)] }])).expect("set");
    }
    let history = |store: &dyn RunStore| -> Vec<(String, i64)> {
        let values = store.tag_history(run, "phase").expect("read");
        values.into_iter().map(|value| (value.value, value.set.0)).collect()
    };
    let expected = [("phase_1".to_owned(), 1), ("phase_2".to_owned(), 3), ("phase_1".to_owned(), 4)];
    assert_eq!(history(store), expected);
    store.apply(at(5, vec![Change::DeleteTag { run, key: "phase".into() }])).expect("removed");
    assert_eq!(history(store), expected);
    assert!(store.run(run).expect("there").data.tags.is_empty());
}

fn name_and_parent_are_tags_too(store: &dyn RunStore) {
    let (parent, run) = (make_run(store, 1), make_run(store, 2));
    let set = |run, key: &str, value: &str| {
        store.apply(at(3, vec![Change::SetTags { run, tags: vec![tag(key, value)] }])).expect("set");
    };
    let found = |filter: &str| {
        let filter = Some(Filter::parse(filter).expect("a filter"));
        let runs = store.search(&Search { filter: filter.clone(), ..Search::default() }).expect("read");
        let all = store.search(&Search::default()).expect("read");
        let matching: Vec<_> = all.into_iter().filter(|run| filter.as_ref().unwrap().matches(run)).collect();
        assert_eq!(runs, matching, "the store and the evaluator agree");
        runs.into_iter().map(|run| run.info.id).collect::<Vec<_>>()
    };
    set(run, RUN_NAME_TAG, "renamed");
    set(run, RUN_NAME_TAG, "");
    set(run, PARENT_TAG, &parent.to_string());
    let read = store.run(run).expect("there");
    assert_eq!((read.info.name.as_str(), read.info.parent), ("renamed", Some(parent)));
    assert!(read.data.tags.is_empty(), "each fact is kept once");
    assert_eq!(read.tag(RUN_NAME_TAG).as_deref(), Some("renamed"));
    assert_eq!(read.tag(PARENT_TAG).as_deref(), Some(parent.to_string().as_str()));
    assert_eq!(found("tags.`mlflow.runName` = 'renamed'"), [run]);
    assert_eq!(found(&format!("tags.`mlflow.parentRunId` = '{parent}'")), [run]);
    assert_eq!(found("tags.`mlflow.parentRunId` is null"), [parent]);
    let name = Some("again".to_owned());
    store.apply(at(4, vec![Change::UpdateRun { run, status: None, end_time: None, name }])).expect("renamed");
    assert_eq!(found("tags.`mlflow.runName` = 'again'"), [run]);
    // Neither itself, nor what came from it, nor what is not there can be a parent: those stay tags.
    for (child, value) in
        [(parent, run.to_string()), (run, run.to_string()), (run, id(99).to_string()), (run, "7".into())]
    {
        set(child, PARENT_TAG, &value);
        let read = store.run(child).expect("there");
        assert_eq!((read.info.parent, read.tag(PARENT_TAG).as_deref()), (None, Some(value.as_str())));
        set(run, PARENT_TAG, &parent.to_string());
    }
    let delete =
        |run| store.apply(at(5, vec![Change::DeleteTag { run, key: PARENT_TAG.into() }])).expect("removed");
    delete(parent);
    set(run, PARENT_TAG, &parent.to_string());
    delete(run);
    let read = store.run(run).expect("there");
    assert_eq!((read.info.parent, read.tag(PARENT_TAG)), (None, None));
}

fn deleted_runs_are_hidden_and_closed(store: &dyn RunStore) {
    let run = make_run(store, 1);
    let set = |lifecycle| store.apply(at(0, vec![Change::SetLifecycle { run, lifecycle }])).expect("set");
    let count = |view| store.search(&Search { view, ..Search::default() }).expect("read").len();
    set(Lifecycle::Deleted);
    assert_eq!((count(View::Active), count(View::Deleted), count(View::All)), (0, 1, 1));
    for wanted in [run.to_string(), run_name(run), "last".to_owned()] {
        assert!(store.find_run(&wanted).is_err(), "{wanted}");
        assert_eq!(store.find_run_in(&wanted, View::Deleted).expect("deleted"), run);
        assert_eq!(store.find_run_in(&wanted, View::All).expect("any"), run);
    }
    let refused = store.apply(at(0, vec![Change::LogParams { run, params: vec![param("a", "1")] }]));
    assert!(matches!(refused, Err(StoreError::Deleted { .. })));
    // Who executes it has the last word.
    let end = Change::UpdateRun { run, status: Some(RunStatus::Failed), end_time: None, name: None };
    let child = NewRun { parent: Some(run), ..NewRun::new(RunId::from_parts(Timestamp(2), 2), Timestamp(2)) };
    let told =
        vec![Change::LogParams { run, params: vec![param("a", "1")] }, end, Change::CreateRun(child.clone())];
    assert!(store.apply(at(0, told.clone())).is_err());
    store.apply(Changes { to_deleted: true, ..at(0, told) }).expect("told");
    let read = store.run(run).expect("read");
    assert_eq!((read.info.status, read.info.lifecycle), (RunStatus::Failed, Lifecycle::Deleted));
    assert_eq!(read.data.params["a"], "1");
    assert_eq!(store.run(child.id).expect("made").info.parent, Some(run));
    store
        .apply(at(0, vec![Change::SetLifecycle { run: child.id, lifecycle: Lifecycle::Deleted }]))
        .expect("set");
    set(Lifecycle::Active);
    assert_eq!((count(View::Active), count(View::Deleted), count(View::All)), (1, 1, 2));
}

fn people_name_runs_by_parts(store: &dyn RunStore) {
    let (first, second) = (make_run(store, 0xabc1), make_run(store, 0xabd2));
    let text = first.to_string();
    assert_eq!(store.find_run(&text).expect("whole"), first);
    assert_eq!(store.find_run(&text[..31].to_uppercase()).expect("head"), first);
    assert_eq!(store.find_run("abc1").expect("tail"), first);
    assert!(matches!(store.find_run("bc1"), Err(StoreError::NoMatch(_))), "three digits are a name");
    assert_eq!(store.find_run(&run_name(second)).expect("name"), second);
    let message = store.find_run(&text[..10]).expect_err("both").to_string();
    let (newer, older) = (run_name(second), run_name(first));
    let expected = format!("2 runs, the newest first: 0000abd2 ({newer}, ");
    assert!(message.contains(&expected) && message.contains(&format!("0000abc1 ({older}, ")), "{message}");
    // Two ids whose last eight digits are the same are told apart by more of them.
    let twin = make_run(store, 0x7_0000_abc1);
    let message = store.find_run("abc1").expect_err("twins").to_string();
    for (run, end) in [(first, "00000000abc1"), (twin, "00070000abc1")] {
        assert!(message.contains(&format!(" {end} (")), "{message}");
        assert_eq!(store.find_run(end).expect("pasted"), run);
    }
    assert!(matches!(store.find_run("last~"), Ok(run) if run == second), "newest start first");
    // What is short enough to be a name and is one of another run means none; what lists show is an id.
    let rename = |run, name: &str| {
        let name = Some(name.to_owned());
        store
            .apply(at(0, vec![Change::UpdateRun { run, status: None, end_time: None, name }]))
            .expect("applied");
    };
    rename(first, "abd2");
    assert!(matches!(store.find_run("abd2"), Err(StoreError::Ambiguous { count: 2, .. })));
    rename(second, "ABD2");
    assert!(matches!(store.find_run("ABD2"), Ok(run) if run == second), "both name it");
    rename(first, "0000abd2");
    assert_eq!(store.find_run("0000abd2").expect("an id"), second);
    assert!(matches!(store.find_run("%"), Err(StoreError::NoMatch(_))));
    assert!(matches!(store.find_run(""), Err(StoreError::NoMatch(_))));
    // A deleted one is not there, but is told of.
    rename(twin, "gone");
    let delete = Change::SetLifecycle { run: twin, lifecycle: Lifecycle::Deleted };
    store.apply(at(0, vec![delete])).expect("deleted");
    for wanted in [twin.to_string().as_str(), "00070000abc1", "gone"] {
        let fault = store.find_run(wanted).expect_err("deleted");
        assert_eq!(fault.to_string(), format!("run `{wanted}` (gone) is deleted"));
        assert_eq!(store.find_run_in(wanted, View::Deleted).expect("deleted"), twin);
    }
    assert_eq!(store.find_run("abc1").expect("the other one"), first);
}

fn people_name_the_newest_runs(store: &dyn RunStore) {
    assert!(matches!(store.find_run("last"), Err(StoreError::NotSoMany { count: 0, .. })));
    let (first, second) = (make_run(store, 1), make_run(store, 2));
    let nested = NewRun { parent: Some(second), ..NewRun::new(id(3), Timestamp(2_000_000)) };
    store.apply(at(0, vec![Change::CreateRun(nested)])).expect("applied");
    assert_eq!(store.find_run("last").expect("newest"), second, "a nested run is a part of its parent");
    assert_eq!(store.find_run("last~0").expect("newest"), second);
    assert_eq!(store.find_run("last~1").expect("the one before"), first);
    let message = store.find_run("last~2").expect_err("none").to_string();
    assert_eq!(message, "there is no run `last~2`: 2 runs were recorded");
    // What a client says of its start makes no run the last one, or the first.
    for (number, start) in [(4, i64::MAX / 2), (5, 0)] {
        let run = NewRun::new(id(number), Timestamp(start));
        store.apply(at(0, vec![Change::CreateRun(run)])).expect("made");
        assert_eq!(store.find_run("last").expect("newest"), id(number));
    }
    assert_eq!(store.find_run("last~1").expect("the one before"), id(4));
    for bad in ["last~x", "last~-1", "last~99999999999999999999", "lastly"] {
        assert!(matches!(store.find_run(bad), Err(StoreError::NoMatch(_))), "{bad}");
    }
}

fn digest(byte: u8) -> Digest {
    Digest::Blake3([byte; 32])
}

fn artifact(path: &str, byte: u8) -> Artifact {
    Artifact { path: path.into(), digest: digest(byte), size: 9 }
}

fn bytes_lead_to_the_runs_that_made_them(store: &dyn RunStore) {
    let (first, second) = (make_run(store, 1), make_run(store, 2));
    let file =
        |path: &str, byte| LineageFile { path: path.into(), digest: digest(byte), size: u64::from(byte) };
    let changes = vec![
        Change::LogOutputs { run: first, files: vec![file("data.npz", 1)] },
        Change::LogInputs { run: second, files: vec![file("data.npz", 1)] },
        Change::LogOutputs { run: second, files: vec![file("model", 2), file("data/x", 3)] },
        Change::LogArtifacts {
            run: second,
            artifacts: vec![artifact("b", 4), artifact("a/c", 5), artifact("b", 6)],
        },
    ];
    store.apply(at(0, changes)).expect("applied");
    let maker = |number: u8, before| store.maker(&digest(number), before).expect("read");
    assert_eq!((maker(1, second), maker(1, first), maker(9, second)), (Some(first), None, None));
    // Of several the newest before it, but none that was deleted.
    let (third, fourth) = (make_run(store, 3), make_run(store, 4));
    let wrote = |run| Change::LogOutputs { run, files: vec![file("data.npz", 1), file("copy.npz", 1)] };
    store.apply(at(0, vec![wrote(third), wrote(fourth)])).expect("applied");
    assert_eq!(
        (maker(1, fourth), maker(1, third), maker(1, second)),
        (Some(third), Some(first), Some(first))
    );
    let delete = Change::SetLifecycle { run: third, lifecycle: Lifecycle::Deleted };
    store.apply(at(0, vec![delete])).expect("deleted");
    assert_eq!(maker(1, fourth), Some(first));
    assert_eq!(store.lineage(second, Role::Output).expect("read"), [file("data/x", 3), file("model", 2)]);
    assert_eq!(store.artifacts(second).expect("read"), [artifact("a/c", 5), artifact("b", 6)]);
}

fn no_name_is_a_file_and_a_folder(store: &dyn RunStore) {
    let run = make_run(store, 1);
    let log = |path: &str, byte| {
        store.apply(at(0, vec![Change::LogArtifacts { run, artifacts: vec![artifact(path, byte)] }]))
    };
    for path in ["x", "d/e/f", "x-y", "d/e.txt", "x", "d/e/f"] {
        log(path, 1).expect("logged");
    }
    for (path, other) in [("x/y", "x"), ("x/y/z", "x"), ("d", "d/e/f"), ("d/e", "d/e/f")] {
        match log(path, 2) {
            Err(StoreError::ArtifactInTheWay { path: refused, other: found }) => {
                // Of what lies in a folder any is named.
                assert!(refused == path && (found == other || found == "d/e.txt"), "{refused} {found}");
            }
            other => panic!("{path}: {other:?}"),
        }
    }
    // What is gone is in nobody's way.
    store
        .apply(at(
            0,
            vec![Change::DeleteArtifacts { owner: track::ArtifactOwner::Run(run), path: "x".into() }],
        ))
        .expect("deleted");
    log("x/y", 2).expect("logged");
    let paths: Vec<String> = store.artifacts(run).expect("read").into_iter().map(|file| file.path).collect();
    assert_eq!(paths, ["d/e.txt", "d/e/f", "x-y", "x/y"]);
}

fn searches_order_and_cut(store: &dyn RunStore) {
    for (number, accuracy) in [(1, Some(0.5)), (2, Some(f64::NAN)), (3, Some(0.9)), (4, None)] {
        let run = make_run(store, number);
        let metrics = accuracy.map(|accuracy| point("acc", 0, 0, accuracy)).into_iter().collect();
        store.apply(at(0, vec![Change::LogMetrics { run, metrics }])).expect("logged");
    }
    let child = NewRun { parent: Some(id(1)), ..NewRun::new(id(5), Timestamp(1)) };
    store.apply(at(0, vec![Change::CreateRun(child)])).expect("made");
    let ids = |search: &Search| -> Vec<RunId> {
        let found = store.search(search).expect("read");
        let ids = store.select(search).expect("read");
        assert_eq!(store.runs(&ids).expect("read"), found, "piece by piece");
        assert_eq!(ids, found.iter().map(|run| run.info.id).collect::<Vec<_>>());
        ids
    };
    assert_eq!(store.runs(&[id(3), id(99), id(1)]).expect("read").len(), 2);
    let long = "x".repeat(200);
    for (number, value) in [(2, "1"), (4, long.as_str())] {
        store
            .apply(at(0, vec![Change::SetTags { run: id(number), tags: vec![tag("part", value)] }]))
            .expect("set");
    }
    let keys = |group| store.keys(group).expect("read");
    assert_eq!((keys(KeyGroup::Tags), keys(KeyGroup::Params)), (vec!["part".to_owned()], vec![]));
    let more = vec![tag("a", "1"), tag("z", &long), tag("m", "")];
    store.apply(at(0, vec![Change::SetTags { run: id(1), tags: more }])).expect("set");
    assert_eq!(keys(KeyGroup::Tags), ["a", "m", "part", "z"]);
    assert_eq!(keys(KeyGroup::Metrics), ["acc"]);
    let top = Search { parent: ParentFilter::TopLevel, ..Search::default() };
    assert_eq!(ids(&top), [id(4), id(3), id(2), id(1)], "newest first");
    assert_eq!(ids(&Search { limit: Some(2), ..top.clone() }), [id(4), id(3)]);
    assert_eq!(ids(&Search { parent: ParentFilter::Of(id(1)), ..Search::default() }), [id(5)]);
    let by = |text: &str| vec![OrderBy::parse(text).expect("an order")];
    let best = Search { order_by: by("metrics.acc desc"), ..top.clone() };
    assert_eq!(ids(&best), [id(3), id(1), id(2), id(4)], "NaN and missing last");
    assert_eq!(ids(&Search { order_by: by("metrics.acc"), ..top.clone() }), [id(1), id(3), id(2), id(4)]);
    for (ordered, offset, first) in [(1, 0, &[3][..]), (2, 0, &[3, 1]), (1, 1, &[1]), (9, 0, &[3, 1, 2, 4])] {
        let found = ids(&Search { ordered: Some(ordered), offset, ..best.clone() });
        let first: Vec<RunId> = first.iter().map(|number| id(*number)).collect();
        assert!(found.starts_with(&first), "{ordered} of {found:?} are in order");
        assert_eq!(found.len(), 4 - offset, "the others are there too");
    }
    assert_eq!(ids(&Search { ordered: Some(1), limit: Some(3), ..best.clone() }).len(), 3);
    let elsewhere = Search { experiments: vec![ExperimentId(1)], ..Search::default() };
    assert_eq!(ids(&elsewhere), []);
}

fn the_dead_are_settled_and_the_living_left(store: &dyn RunStore) {
    let here = Lease::current();
    let dead = Lease { pid: 1, started: 1, ..here.clone() };
    let far = Lease { host: "elsewhere".into(), ..dead.clone() };
    for (number, lease) in [(1, here), (2, dead.clone()), (3, far)] {
        let run = NewRun { lease: Some(lease), ..NewRun::new(id(number), Timestamp(1)) };
        store.apply(at(0, vec![Change::CreateRun(run)])).expect("made");
    }
    let run = NewRun { lease: Some(dead.clone()), ..NewRun::new(id(4), Timestamp(1)) };
    store.apply(at(0, vec![Change::CreateRun(run)])).expect("made");
    let known = |run: RunId| (run == id(4)).then_some((RunStatus::Finished, Timestamp(50)));
    let settled = settle_dead(store, &|lease| *lease != dead, &known, Timestamp(99)).expect("settled");
    assert_eq!(settled, [id(2), id(4)]);
    let run = store.run(id(4)).expect("there");
    assert_eq!((run.info.status, run.info.end_time), (RunStatus::Finished, Some(Timestamp(50))));
    let run = store.run(id(2)).expect("there");
    assert_eq!((run.info.status, run.info.end_time), (RunStatus::Killed, Some(Timestamp(99))));
    assert!(run.data.tags[SETTLED_TAG].contains("process 1 died"));
    assert_eq!(store.run(id(3)).expect("there").info.status, RunStatus::Running);
    assert_eq!(settle_dead(store, &|lease| *lease != dead, &known, Timestamp(99)).expect("again"), []);
}

fn what_a_script_left_open_ends_as_its_stage(store: &dyn RunStore) {
    let dead = Lease { pid: 1, started: 1, ..Lease::current() };
    let made = |number: u128, parent: Option<u128>| {
        let run = NewRun {
            lease: Some(dead.clone()),
            parent: parent.map(id),
            ..NewRun::new(id(number), Timestamp(1))
        };
        let kind = Change::SetTags { run: id(number), tags: vec![tag(KIND_TAG, SCRIPT_KIND)] };
        let kind = parent.map(|_| kind);
        store
            .apply(at(0, [Some(Change::CreateRun(run)), kind].into_iter().flatten().collect()))
            .expect("made");
    };
    for (number, parent) in [(1, None), (2, Some(1)), (3, None), (4, Some(3))] {
        made(number, parent);
    }
    let ended = Change::UpdateRun {
        run: id(1),
        status: Some(RunStatus::Finished),
        end_time: Some(Timestamp(50)),
        name: None,
    };
    store.apply(at(1, vec![ended])).expect("ended");
    settle_dead(store, &|_| false, &|_| None, Timestamp(99)).expect("settled");
    let run = |number| store.run(id(number)).expect("there");
    assert_eq!((run(2).info.status, run(2).info.end_time), (RunStatus::Finished, Some(Timestamp(50))));
    assert!(run(2).data.tags[SETTLED_TAG].contains("its stage ended"));
    assert_eq!((run(3).info.status, run(4).info.status), (RunStatus::Killed, RunStatus::Killed));
}

/// Scripts put their runs below any run that they like.
fn what_a_script_left_open_ends_as_no_other_run(store: &dyn RunStore) {
    let dead = Lease { pid: 1, started: 1, ..Lease::current() };
    let made = |number: u128, parent: Option<u128>, kind: &str, ended: Option<i64>| {
        let run = NewRun {
            lease: ended.is_none().then(|| dead.clone()),
            parent: parent.map(id),
            status: if ended.is_some() { RunStatus::Finished } else { RunStatus::Running },
            end_time: ended.map(Timestamp),
            ..NewRun::new(id(number), Timestamp(number as i64))
        };
        let tags = vec![tag(KIND_TAG, kind), tag(STAGE_TAG, "train")];
        let tags = Change::SetTags { run: id(number), tags };
        store.apply(at(0, vec![Change::CreateRun(run), tags])).expect("made");
    };
    // Of an earlier reproduction, and what goes on below it in this one.
    made(1, None, "stage", Some(5));
    made(2, Some(1), SCRIPT_KIND, Some(4));
    made(10, None, "stage", Some(50));
    made(11, Some(1), SCRIPT_KIND, None);
    made(12, Some(2), SCRIPT_KIND, None);
    // What the script ended itself is not the end of its stage.
    made(13, Some(10), SCRIPT_KIND, Some(14));
    made(14, Some(13), SCRIPT_KIND, None);
    // Nor is that of a run of another sort.
    made(20, None, "note", Some(60));
    store.apply(at(0, vec![Change::DeleteTag { run: id(20), key: STAGE_TAG.into() }])).expect("no stage");
    made(21, Some(20), SCRIPT_KIND, None);
    settle_dead(store, &|_| false, &|_| None, Timestamp(99)).expect("settled");
    let end = |number| store.run(id(number)).expect("there").info;
    let end = |number| (end(number).status, end(number).end_time.expect("ended").0);
    let killed = (RunStatus::Killed, 99);
    assert_eq!([end(11), end(12), end(21)], [killed; 3]);
    assert_eq!(end(14), (RunStatus::Finished, 50));
}

/// A step of a random history: points to log, or the end (and later reopening) of the run.
#[derive(Clone, Debug)]
enum Step {
    Log(Vec<(u8, i64, i64, f64)>),
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop_oneof![
        4 => (-3_i32..3).prop_map(f64::from),
        1 => prop_oneof![Just(f64::NAN), Just(-f64::NAN), Just(f64::INFINITY), Just(-0.0), any::<f64>()]
    ];
    let step = prop_oneof![4 => -20_i64..20, 1 => any::<i64>()];
    let log = prop::collection::vec((0_u8..3, step, 0_i64..5, value), 0..900).prop_map(Step::Log);
    prop::collection::vec(prop_oneof![4 => log, 1 => Just(Step::End)], 1..12)
}

/// The oracle: a plain list, sorted and freed of doubles when it is asked.
fn history_is_a_sorted_set(open: fn() -> SqliteStore) {
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let judged = runner.run(&steps(), |steps| {
        let store = open();
        let run = make_run(&store, 1);
        let mut oracle: Vec<Metric> = Vec::new();
        for step in steps {
            let change = match step {
                Step::End => end(run, RunStatus::Finished),
                Step::Log(points) => {
                    let metrics: Vec<Metric> = points
                        .into_iter()
                        .map(|(key, step, time, value)| point(&format!("m{key}"), step, time, value))
                        .collect();
                    oracle.extend(metrics.iter().cloned());
                    Change::LogMetrics { run, metrics }
                }
            };
            store.apply(at(0, vec![change])).expect("applied");
        }
        for key in ["m0", "m1", "m2"] {
            let mut expected: Vec<(i64, i64, f64)> = oracle
                .iter()
                .filter(|metric| metric.key == key)
                .map(|metric| {
                    (
                        metric.step,
                        metric.timestamp.0,
                        if metric.value.is_nan() { f64::NAN } else { metric.value },
                    )
                })
                .collect();
            expected.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
            expected.dedup_by_key(|point| (point.0, point.1, point.2.to_bits()));
            let read = store.metric_history(run, key).expect("read");
            let read: Vec<(i64, i64, u64)> =
                read.iter().map(|metric| (metric.step, metric.timestamp.0, metric.value.to_bits())).collect();
            let expected: Vec<(i64, i64, u64)> =
                expected.into_iter().map(|p| (p.0, p.1, p.2.to_bits())).collect();
            prop_assert_eq!(&read, &expected);
            let latest = store
                .run(run)
                .expect("there")
                .data
                .metrics
                .get(key)
                .map(|m| (m.step, m.timestamp.0, m.value.to_bits()));
            prop_assert_eq!(latest, expected.last().copied());
        }
        Ok(())
    });
    judged.expect("every history reads back");
}

macro_rules! conformance {
    ($store:ident, $open:expr, $($law:ident),+ $(,)?) => {
        mod $store {
            $(#[test]
            fn $law() {
                super::$law(&$open());
            })+

            #[test]
            fn history_is_a_sorted_set() {
                super::history_is_a_sorted_set($open);
            }
        }
    };
}

fn in_memory() -> SqliteStore {
    SqliteStore::open_in_memory().expect("memory")
}

conformance!(
    sqlite_in_memory,
    super::in_memory,
    a_new_store_has_the_default_experiment,
    experiments_are_made_once,
    a_run_reads_back_whole,
    a_set_is_applied_whole_or_not_at_all,
    the_same_set_twice_is_once,
    preconditions_guard,
    params_are_set_once,
    tags_keep_their_history,
    name_and_parent_are_tags_too,
    deleted_runs_are_hidden_and_closed,
    people_name_runs_by_parts,
    people_name_the_newest_runs,
    bytes_lead_to_the_runs_that_made_them,
    no_name_is_a_file_and_a_folder,
    searches_order_and_cut,
    the_dead_are_settled_and_the_living_left,
    what_a_script_left_open_ends_as_its_stage,
    what_a_script_left_open_ends_as_no_other_run,
    experiments_change_and_say_when,
    an_experiment_takes_along_what_is_active_and_brings_back_just_that,
    runs_say_what_they_read_and_wrote,
    a_history_is_read_in_pages,
    folders_of_artifacts,
    what_was_deleted_can_be_removed_for_ever,
    searches_are_cut_into_pages,
    preconditions_of_runs,
    answers_are_forgotten_after_a_month_and_the_clock_may_go_back,
    a_logged_model_reads_back_whole,
    logged_models_are_found_by_what_was_measured,
    registered_models_have_names_of_their_own,
    a_version_with_a_token_is_made_once,
    versions_count_on_and_aliases_mean_what_is_there,
    versions_move_between_stages,
    a_version_is_registered_only_when_its_rule_holds,
);
