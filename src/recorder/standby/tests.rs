//! Scripts before a store that goes away, comes back, is replaced, or can only be read.

mod deleted;
mod registered;
mod removed;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};

use track::{
    Artifact, Metric, ModelSearch, NewVersion, Param, RegistryChange, RunStatus, Search, Stage, VersionRef,
};

use super::*;
use crate::recorder::new_run_id;
use crate::reserve::tests::assert_waits_for_the_room_of_others;
use crate::ui::Printer;

/// A store in a folder, the one before it, and a place where the file is put while it is away.
struct Trial {
    folder: tempfile::TempDir,
    standby: StandbyStore,
}

impl Trial {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let real = SqliteStore::open(&folder.path().join("runs.db")).unwrap();
        Trial { standby: before(Some(real), folder.path()), folder }
    }

    /// Before a store that can be read, and not written, as on a full disk.
    fn of_what_is_only_read(prepare: impl FnOnce(&SqliteStore)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs.db");
        prepare(&SqliteStore::open(&path).unwrap());
        let standby = before(Some(SqliteStore::open_read_only(&path).unwrap()), folder.path());
        Trial { standby, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn take_away(&self) {
        disk::move_path(&self.path("runs.db"), &self.path("aside.db")).unwrap();
    }

    fn put_back(&self) {
        disk::move_path(&self.path("aside.db"), &self.path("runs.db")).unwrap();
    }

    /// A new store, in which another experiment has the number 1.
    fn replace(&self) {
        let _ = disk::remove(&self.path("runs.db"));
        let new = SqliteStore::open(&self.path("runs.db")).unwrap();
        new.apply(now(vec![create("other"), create("both")])).unwrap();
    }

    /// Another process opens the store and applies what waits.
    fn replay(&self) -> SqliteStore {
        let store = SqliteStore::open(&self.path("runs.db")).unwrap();
        spool::replay(&self.path("spool"), &store).unwrap();
        assert!(!self.path("spool/refused").exists());
        store
    }

    fn apply(&self, changes: Vec<Change>) -> Applied {
        self.standby.apply(now(changes)).unwrap()
    }

    /// Makes an experiment, as clients see it.
    fn create(&self, name: &str) -> ExperimentId {
        self.apply(vec![create(name)]).experiments[0]
    }

    fn begin(&self, experiment: ExperimentId, parent: Option<RunId>) -> RunId {
        let id = new_run_id();
        self.apply(vec![begin(id, experiment, parent)]);
        assert_eq!(self.standby.run(id).unwrap().info.experiment, experiment);
        id
    }

    fn waits(&self) -> bool {
        !spool::is_empty(&self.path("spool"))
    }
}

fn before(real: Option<SqliteStore>, folder: &Path) -> StandbyStore {
    let teller = Arc::new(Teller::new(Printer::quiet(), "this test"));
    let standby = StandbyStore::new(real.map(Arc::new), folder.join("spool"), teller, || {});
    standby.look_around();
    standby
}

fn now(changes: Vec<Change>) -> Changes {
    Changes::new(Timestamp::now(), changes)
}

fn create(name: &str) -> Change {
    Change::CreateExperiment { name: name.into(), if_absent: false }
}

/// Each run begins later than the one before it: of two of one millisecond, either could be first in a list.
fn begin(id: RunId, experiment: ExperimentId, parent: Option<RunId>) -> Change {
    static LATEST: AtomicI64 = AtomicI64::new(0);
    LATEST.fetch_max(Timestamp::now().0, Ordering::Relaxed);
    let start = Timestamp(LATEST.fetch_add(1, Ordering::Relaxed));
    let experiment = ExperimentRef::Id(experiment);
    Change::CreateRun(NewRun { experiment, parent, ..NewRun::new(id, start) })
}

fn end(run: RunId) -> Change {
    Change::UpdateRun { run, status: Some(RunStatus::Finished), end_time: None, name: None }
}

fn param(run: RunId, value: &str) -> Change {
    Change::LogParams { run, params: vec![Param { key: "depth".into(), value: value.into() }] }
}

fn point(run: RunId, step: i64) -> Change {
    let point = Metric { key: "loss".into(), value: 0.5, step, timestamp: Timestamp(5) };
    Change::LogMetrics { run, metrics: vec![point] }
}

fn tags(run: RunId, key: &str) -> Change {
    Change::SetTags { run, tags: vec![Tag { key: key.into(), value: "v".into() }] }
}

#[test]
fn the_store_does_not_grow_into_room_that_was_given_back_for_a_moment() {
    let trial = Trial::new();
    let begin = || trial.begin(ExperimentId::DEFAULT, None);
    let run = assert_waits_for_the_room_of_others(&trial.path(""), begin);
    assert!(trial.standby.run(run).is_ok());
}

#[test]
fn a_store_that_takes_nothing_from_the_start_is_used_once_it_does() {
    let trial = Trial::new();
    let wait = |run| {
        let (name, changes) = spool::named(vec![point(run, 1)]);
        spool::keep(&trial.path("spool"), &name, &changes).unwrap();
    };
    let stage = new_run_id();
    wait(stage);
    trial.standby.fall_behind();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    assert!(trial.replay().run(run).is_ok() && trial.waits(), "one waits for the run of the stage");
    trial.replay().apply(now(vec![begin(stage, ExperimentId::DEFAULT, None)])).unwrap();
    let store = trial.replay();
    assert!(!trial.waits());
    let last = trial.begin(ExperimentId::DEFAULT, None);
    assert!(!trial.waits() && store.run(last).is_ok());
}

#[test]
fn a_script_that_begins_everything_while_the_store_is_away_finds_it_there_later() {
    for is_replaced in [false, true] {
        let trial = Trial::new();
        let stage = new_run_id();
        let stage_begun = vec![begin(stage, ExperimentId::DEFAULT, None)];
        trial.replay().apply(now(stage_begun.clone())).unwrap();
        trial.take_away();
        assert_eq!(trial.standby.experiment("flowers").unwrap(), None);
        let flowers = trial.create("flowers");
        assert!(trial.standby.apply(now(vec![create("flowers")])).is_err());
        let run = trial.begin(flowers, Some(stage));
        let inner = trial.begin(flowers, Some(run));
        trial.apply(vec![param(run, "3"), point(run, 1), point(run, 2), tags(run, "who")]);
        trial.apply(vec![point(inner, 1), end(inner)]);
        let artifacts = vec![Artifact { path: "a/b".into(), digest: base::Digest::Blake3([7; 32]), size: 1 }];
        trial.apply(vec![Change::LogArtifacts { run, artifacts: artifacts.clone() }, end(run)]);
        let found = trial.standby.run(run).unwrap();
        assert_eq!((found.info.parent, found.info.status), (Some(stage), RunStatus::Finished));
        assert_eq!((&*found.info.experiment_name, &*found.data.params["depth"]), ("flowers", "3"));
        assert_eq!(trial.standby.metric_history(run, "loss").unwrap().len(), 2);
        assert_eq!(trial.standby.artifacts(run).unwrap(), artifacts);
        let search = Search { experiments: vec![flowers], ..Search::default() };
        assert_eq!(trial.standby.search(&search).unwrap().len(), 2);
        assert_eq!(trial.standby.select(&search).unwrap(), [inner, run]);

        if is_replaced {
            trial.replace();
            trial.replay().apply(now(stage_begun)).unwrap();
        } else {
            trial.put_back();
        }
        let store = trial.replay();
        assert!(!trial.waits());
        for is_again in [false, true] {
            let found = store.run(run).unwrap();
            assert_eq!((found.info.parent, found.info.status), (Some(stage), RunStatus::Finished));
            assert_eq!((&*found.info.experiment_name, &*found.data.params["depth"]), ("flowers", "3"));
            assert_eq!(store.run(inner).unwrap().info.parent, Some(run));
            assert_eq!(store.artifacts(run).unwrap(), artifacts);
            assert_eq!(store.metric_history(run, "loss").unwrap().len(), if is_again { 3 } else { 2 });
            if !is_again {
                // From now on everything goes there at once, under the number that the client has.
                assert_eq!(trial.standby.experiment_by_id(flowers).unwrap().name, "flowers");
                let known = trial.standby.experiment("flowers").unwrap().map(|known| known.id);
                assert_eq!(known, Some(flowers));
                assert_eq!(trial.standby.run(run).unwrap().info.experiment, flowers);
                assert_eq!(trial.standby.search(&search).unwrap().len(), 2);
                let later = trial.begin(flowers, None);
                assert_eq!(store.run(later).unwrap().info.experiment_name, "flowers");
                trial.apply(vec![point(run, 3)]);
            }
        }
        assert!(!trial.waits());
        assert_eq!(store.search(&Search::default()).unwrap().len(), 4, "each once");
    }
}

#[test]
fn a_number_means_the_same_experiment_for_ever() {
    let trial = Trial::new();
    let old = trial.create("old");
    assert_eq!(old, ExperimentId(1), "all is well");
    trial.take_away();
    // What the script found before the store went.
    assert_eq!(trial.standby.experiment_by_id(old).unwrap().name, "old");
    assert_eq!(trial.standby.experiment("old").unwrap().map(|old| old.id), Some(old));
    let new = trial.create("new");
    assert!(new.0 > 1000, "no store gives {new}");
    // Somebody else makes it, too.
    let both = trial.create("both");
    let of_each = [old, new, both].map(|experiment| trial.begin(experiment, None));
    trial.replace();
    let store = trial.replay();
    let name = |id| store.run(id).unwrap().info.experiment_name;
    assert_eq!(of_each.map(name), ["old", "new", "both"]);
    assert_eq!(trial.standby.experiment("both").unwrap().map(|both| both.id), Some(both));
    assert_eq!(trial.standby.experiment_by_id(old).unwrap().name, "old");
    assert_eq!(trial.standby.experiment_by_id(new).unwrap().name, "new");
    let other = trial.standby.experiment("other").unwrap().unwrap();
    assert!(other.id != old && other.id != new);
    assert_eq!(trial.standby.experiment_by_id(other.id).unwrap().name, "other");
    let numbers: Vec<ExperimentId> =
        RunStore::experiments(&trial.standby).unwrap().into_iter().map(|known| known.id).collect();
    assert_eq!(numbers.len(), 5, "{numbers:?}");
    for (experiment, expected) in [(old, "old"), (new, "new"), (other.id, "other")] {
        assert_eq!(name(trial.begin(experiment, None)), expected);
        let search = Search { experiments: vec![experiment], ..Search::default() };
        let found = trial.standby.search(&search).unwrap();
        assert!(found.iter().all(|run| run.info.experiment == experiment), "{found:?}");
    }
    assert_eq!(
        trial.standby.search(&Search { experiments: vec![old], ..Search::default() }).unwrap().len(),
        2
    );
}

#[test]
fn experiments_are_renamed_by_name_and_deleted_by_nobody() {
    let trial = Trial::new();
    let [old, gone] = ["old", "gone"].map(|name| trial.create(name));
    let earlier = trial.begin(old, None);
    trial.take_away();
    let rename = Change::RenameExperiment { experiment: ExperimentRef::Id(old), name: "new".into() };
    let tags = vec![Tag { key: "k".into(), value: "v".into() }];
    trial.apply(vec![rename, Change::SetExperimentTags { experiment: ExperimentRef::Id(gone), tags }]);
    let delete = Change::SetExperimentLifecycle { experiment: gone, lifecycle: Lifecycle::Deleted };
    trial.apply(vec![delete]);
    assert_eq!(trial.standby.experiment_by_id(gone).unwrap().lifecycle, Lifecycle::Deleted);
    assert_eq!(trial.standby.experiment_by_id(old).unwrap().name, "new");
    for _ in 0..2 {
        let all = RunStore::experiments(&trial.standby).unwrap();
        assert_eq!(all.iter().map(|known| &*known.name).collect::<Vec<_>>(), ["Default", "new", "gone"]);
    }
    let later = trial.begin(old, None);
    trial.put_back();
    let store = trial.replay();
    for run in [earlier, later] {
        assert_eq!(store.run(run).unwrap().info.experiment, old);
    }
    assert_eq!(store.experiment("old").unwrap(), None);
    let gone = store.experiment("gone").unwrap().unwrap();
    assert_eq!(gone.tags["k"], "v", "it is told that it is not deleted");
}

#[test]
fn what_is_against_the_rules_is_refused_and_waits_for_nothing() {
    let trial = Trial::new();
    trial.take_away();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    trial.apply(vec![param(run, "3")]);
    let kept = || std::fs::read_dir(trial.path("spool")).unwrap().count();
    let before = kept();
    let fault = trial.standby.apply(now(vec![point(run, 1), param(run, "4")])).unwrap_err();
    assert!(matches!(fault, StoreError::ParamChanged { .. }), "{fault}");
    assert!(trial.standby.apply(now(vec![tags(run, "")])).is_err());
    let unknown = begin(new_run_id(), ExperimentId(77), None);
    assert!(matches!(trial.standby.apply(now(vec![unknown])), Err(StoreError::UnknownExperiment(_))));
    assert_eq!(kept(), before);
    assert_eq!(trial.standby.metric_history(run, "loss").unwrap(), []);
    trial.put_back();
    let store = trial.replay();
    assert_eq!(store.run(run).unwrap().data.params["depth"], "3");
}

#[test]
fn runs_and_models_that_have_not_ended_go_on_in_a_store_that_is_put_in_place_of_theirs() {
    for is_seen in [false, true] {
        let trial = Trial::new();
        let (stage, model) = (new_run_id(), ModelId::from_parts(Timestamp(1), 1));
        trial.replay().apply(now(vec![begin(stage, ExperimentId::DEFAULT, None)])).unwrap();
        trial.standby.expect(stage);
        let flowers = trial.create("flowers");
        let [ended, run] = [(); 2].map(|()| trial.begin(flowers, Some(stage)));
        let new =
            NewLoggedModel { experiment: ExperimentRef::Id(flowers), run: Some(run), ..new_model(model) };
        trial.apply(vec![end(ended), Change::LoggedModel(LoggedModelChange::Create(new))]);
        if is_seen {
            trial.take_away();
            trial.apply(vec![point(run, 1)]);
        }
        trial.replace();
        trial.apply(vec![point(run, 2)]);
        assert_eq!(trial.standby.run(run).unwrap().info.parent, Some(stage));
        let status = ModelStatus::Ready;
        trial.apply(vec![Change::LoggedModel(LoggedModelChange::SetStatus { model, status, message: None })]);
        assert_eq!(trial.standby.logged_model(model).unwrap().experiment, flowers);
        let child = trial.begin(flowers, Some(run));
        // Who executes the stage makes its run there, too.
        trial.replay().apply(now(vec![begin(stage, ExperimentId::DEFAULT, None)])).unwrap();
        let store = trial.replay();
        assert!(!trial.waits());
        trial.apply(vec![point(run, 3), end(run)]);
        let found = store.run(run).unwrap();
        assert_eq!((found.info.parent, &*found.info.experiment_name), (Some(stage), "flowers"));
        let count = if is_seen { 3 } else { 2 };
        assert_eq!(
            store.metric_history(run, "loss").unwrap().len(),
            count,
            "what is logged to it is not lost"
        );
        assert_eq!(store.run(child).unwrap().info.parent, Some(run));
        assert_eq!(store.logged_model(model).unwrap().status, ModelStatus::Ready);
        assert!(store.run(ended).is_err());
    }
}

#[test]
fn an_unknown_run_is_unknown_while_all_is_well() {
    let trial = Trial::new();
    let run = new_run_id();
    assert!(matches!(trial.standby.run(run), Err(StoreError::UnknownRun(_))));
    assert!(matches!(trial.standby.apply(now(vec![point(run, 1)])), Err(StoreError::UnknownRun(_))));
    let experiment = trial.standby.experiment_by_id(ExperimentId(5));
    assert!(matches!(experiment, Err(StoreError::UnknownExperiment(_))));
    assert!(!trial.waits());
}

#[test]
fn a_run_whose_stage_is_not_in_the_store_yet_waits() {
    let trial = Trial::new();
    let stage = new_run_id();
    trial.standby.expect(stage);
    let run = trial.begin(ExperimentId::DEFAULT, Some(stage));
    assert!(trial.waits());
    trial.replay().apply(now(vec![begin(stage, ExperimentId::DEFAULT, None)])).unwrap();
    assert_eq!(trial.replay().run(run).unwrap().info.parent, Some(stage));
    assert!(!trial.waits());
}

#[test]
fn what_can_still_be_read_is_told_together_with_what_waits() {
    let (old, ended) = (new_run_id(), new_run_id());
    let trial = Trial::of_what_is_only_read(|store| {
        store.apply(now(vec![create("flowers")])).unwrap();
        let begin = |id, at| {
            let experiment = ExperimentRef::Id(ExperimentId(1));
            Change::CreateRun(NewRun { experiment, ..NewRun::new(id, Timestamp(at)) })
        };
        store.apply(now(vec![begin(old, 10), param(old, "3"), point(old, 1)])).unwrap();
        store.apply(now(vec![begin(ended, 20), point(ended, 1), end(ended)])).unwrap();
    });
    let flowers = trial.standby.experiment("flowers").unwrap().unwrap().id;
    assert_eq!(flowers, ExperimentId(1));
    assert!(matches!(
        trial.standby.apply(now(vec![create("flowers")])),
        Err(StoreError::ExperimentExists(_))
    ));
    trial.apply(vec![point(old, 2), tags(old, "late")]);
    let changed = trial.standby.apply(now(vec![param(old, "4")]));
    assert!(matches!(changed, Err(StoreError::ParamChanged { .. })));
    let new = trial.begin(flowers, Some(old));
    let found = trial.standby.run(old).unwrap();
    assert_eq!((&*found.data.params["depth"], &*found.data.tags["late"]), ("3", "v"));
    assert_eq!(trial.standby.metric_history(old, "loss").unwrap().len(), 2);
    assert_eq!(trial.standby.metric_page(old, "loss", None, 1).unwrap().len(), 1);
    assert_eq!(trial.standby.children(old).unwrap().len(), 1);
    let search = |offset, limit| Search { experiments: vec![flowers], offset, limit, ..Search::default() };
    let found = trial.standby.search(&search(0, None)).unwrap();
    assert_eq!(found.iter().map(|run| run.info.id).collect::<Vec<_>>(), [new, ended, old]);
    assert!(found.iter().all(|run| run.info.experiment == flowers));
    assert_eq!(trial.standby.select(&search(1, Some(1))).unwrap(), [ended]);
    let filter = track::Filter::parse("tags.late = 'v'").ok();
    assert_eq!(trial.standby.select(&Search { filter, ..search(0, None) }).unwrap(), [old]);
    let all = trial.standby.search_experiments(&track::ExperimentSearch::default()).unwrap();
    let names: HashSet<&str> = all.iter().map(|known| &*known.name).collect();
    assert_eq!((all.len(), names), (2, HashSet::from(["Default", "flowers"])));
    let store = trial.replay();
    assert_eq!(store.run(new).unwrap().info.experiment, flowers);
    assert_eq!(store.metric_history(old, "loss").unwrap().len(), 2);
}

#[test]
fn what_not_even_the_spool_takes_waits_in_memory() {
    let trial = Trial::new();
    trial.take_away();
    // Nothing can be made in a file.
    disk::replace_volatile(&trial.path("spool"), b"").unwrap();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    trial.apply(vec![point(run, 1)]);
    assert_eq!(trial.standby.run(run).unwrap().data.metrics["loss"].step, 1);
    trial.put_back();
    trial.apply(vec![point(run, 2)]);
    assert!(SqliteStore::open(&trial.path("runs.db")).unwrap().run(run).is_err(), "its turn comes later");
    disk::remove(&trial.path("spool")).unwrap();
    trial.standby.settle();
    assert!(trial.waits());
    assert_eq!(trial.replay().metric_history(run, "loss").unwrap().len(), 2);
    trial.apply(vec![point(run, 3)]);
    assert!(!trial.waits());
}

#[test]
fn a_store_that_could_not_even_be_opened_gets_it_all_later() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial { standby: before(None, folder.path()), folder };
    let flowers = trial.create("flowers");
    let run = trial.begin(flowers, None);
    trial.apply(vec![point(run, 1), end(run)]);
    let store = trial.replay();
    assert_eq!(store.run(run).unwrap().info.experiment_name, "flowers");
    // It is asked by its own number, which a client has.
    assert_eq!(trial.standby.run(run).unwrap().info.experiment, flowers);
}

#[test]
fn how_a_run_stands_is_not_guessed() {
    let trial = Trial::new();
    let [foreign, ended, run] = [(); 3].map(|()| trial.begin(ExperimentId::DEFAULT, None));
    trial.apply(vec![end(ended)]);
    trial.replay().apply(now(vec![end(foreign)])).unwrap();
    let other = before(SqliteStore::open(&trial.path("runs.db")).ok(), trial.folder.path());
    trial.take_away();
    for status in [RunStatus::Finished, RunStatus::Running] {
        let id = if status == RunStatus::Running { run } else { ended };
        assert_eq!(trial.standby.known_run(id).unwrap().info.status, status);
        trial.apply(vec![point(id, 1)]);
        assert_eq!(trial.standby.known_run(id).unwrap().info.status, status);
    }
    // Nobody here saw it begin: it may be used, and its end is not told.
    other.apply(now(vec![point(foreign, 1)])).unwrap();
    assert_eq!(other.run(foreign).unwrap().data.metrics["loss"].step, 1);
    assert!(other.known_run(foreign).is_none());
    trial.put_back();
    let store = trial.replay();
    let found = [ended, run, foreign].map(|id| store.run(id).unwrap());
    assert_eq!(
        found.map(|run| run.info.status),
        [RunStatus::Finished, RunStatus::Running, RunStatus::Finished]
    );
}

/// What is read of the store is by itself no reason to keep anything.
#[test]
fn a_question_that_cannot_be_answered_makes_nothing_wait() {
    let trial = Trial::new();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    trial.take_away();
    assert_eq!(trial.standby.run(run).unwrap().info.id, run);
    assert_eq!(trial.standby.experiment_by_id(ExperimentId::DEFAULT).unwrap().name, "Default");
    assert_eq!(trial.standby.search(&Search::default()).unwrap().len(), 1);
    assert_eq!(trial.standby.search_model_versions(&track::VersionSearch::default()).unwrap(), []);
    assert!(trial.standby.registered_model("iris").is_err_and(|fault| fault.kind() == ErrorKind::NotFound));
    assert!(!trial.waits());
    trial.put_back();
    trial.apply(vec![point(run, 1)]);
    assert!(!trial.waits());
    assert_eq!(trial.standby.experiment_by_id(ExperimentId::DEFAULT).unwrap().name, "Default");
}

/// The spool has it all, and memory has an end.
#[test]
fn of_what_is_logged_meanwhile_the_newest_is_remembered() {
    let trial = Trial::new();
    let earlier = trial.begin(ExperimentId::DEFAULT, None);
    trial.apply(vec![point(earlier, 0)]);
    trial.take_away();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    let count = 10 * MOST_POINTS as i64;
    for first in (1..count).step_by(50) {
        trial.apply((first..first + 50).flat_map(|step| [point(run, step), point(earlier, step)]).collect());
        assert!(trial.standby.metric_history(run, "loss").unwrap().len() <= MOST_POINTS);
    }
    let history = trial.standby.metric_history(run, "loss").unwrap();
    let steps: Vec<i64> = history.iter().map(|point| point.step).collect();
    let first = count + 1 - steps.len() as i64;
    assert_eq!(steps, (first..=count).collect::<Vec<_>>(), "the newest");
    assert!(steps.len() >= MOST_POINTS / 4, "{}", steps.len());
    assert_eq!(trial.standby.run(run).unwrap().data.metrics["loss"].step, count);
    trial.put_back();
    let store = trial.replay();
    assert_eq!(store.metric_history(run, "loss").unwrap().len(), count as usize);
    assert_eq!(store.metric_history(earlier, "loss").unwrap().len(), count as usize + 1);
}

#[test]
fn a_store_that_is_back_is_asked_how_a_run_stands() {
    let trial = Trial::new();
    let run = new_run_id();
    trial.replay().apply(now(vec![begin(run, ExperimentId::DEFAULT, None)])).unwrap();
    trial.take_away();
    // Made elsewhere: it is used, and that is all.
    assert!(trial.standby.run(run).is_ok() && trial.standby.known_run(run).is_none());
    trial.put_back();
    assert!(trial.standby.known_run(run).is_some(), "otherwise it is never ended");
}

#[test]
fn the_first_points_are_told_of_both() {
    let run = new_run_id();
    let trial = Trial::of_what_is_only_read(|store| {
        store
            .apply(now(vec![begin(run, ExperimentId::DEFAULT, None), point(run, 1), point(run, 3)]))
            .unwrap();
    });
    trial.apply(vec![point(run, 2)]);
    let steps = |limit| -> Vec<i64> {
        let found = trial.standby.earliest_points(run, "loss", limit).unwrap();
        found.iter().map(|point| point.step).collect()
    };
    assert_eq!((steps(9), steps(2)), (vec![1, 2, 3], vec![1, 2]));
}

/// Whatever goes and comes meanwhile: who was answered finds what he said, and nothing is lost or there twice.
#[test]
fn each_reads_what_was_acknowledged_while_the_store_comes_and_goes() {
    let trial = Trial::new();
    // It does not go between an answer and the question after it: what is in it alone nobody knows then.
    let may_go = std::sync::RwLock::new(());
    let runs = [(); 4].map(|()| trial.begin(ExperimentId::DEFAULT, None));
    std::thread::scope(|scope| {
        let writers = runs.map(|run| {
            let (trial, may_go) = (&trial, &may_go);
            scope.spawn(move || {
                for step in 1..=30 {
                    let _stays = may_go.read().unwrap();
                    trial.apply(vec![point(run, step), tags(run, &format!("at {step}"))]);
                    let history = trial.standby.metric_history(run, "loss").unwrap();
                    assert_eq!(history.last().map(|point| point.step), Some(step), "{history:?}");
                    let found = trial.standby.run(run).unwrap().data;
                    assert_eq!(found.metrics["loss"].step, step);
                    assert!(found.tags.contains_key(&format!("at {step}")));
                    let child = trial.begin(ExperimentId::DEFAULT, Some(run));
                    let children = trial.standby.children(run).unwrap();
                    assert!(children.iter().any(|known| known.info.id == child), "{children:?}");
                    trial.apply(vec![end(child)]);
                    assert_eq!(trial.standby.run(child).unwrap().info.status, RunStatus::Finished);
                }
            })
        });
        while writers.iter().any(|writer| !writer.is_finished()) {
            let goes = may_go.write();
            trial.take_away();
            drop(goes);
            std::thread::sleep(Duration::from_millis(3));
            trial.put_back();
            trial.replay();
            std::thread::sleep(Duration::from_millis(3));
        }
    });
    let store = trial.replay();
    assert!(!trial.waits());
    for run in runs {
        assert_eq!(store.metric_history(run, "loss").unwrap().len(), 30);
        assert_eq!(store.children(run).unwrap().len(), 30);
    }
}

#[test]
fn what_is_applied_between_two_questions_is_in_one_of_the_answers() {
    let trial = Trial::new();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    trial.take_away();
    trial.apply(vec![point(run, 1)]);
    trial.put_back();
    let asked = |store: &SqliteStore| {
        let found = store.metric_history(run, "loss");
        trial.replay();
        found
    };
    let found = trial.standby.ask_both(asked, |real, standin| [real, standin].concat()).unwrap();
    assert!(!found.is_empty() && !trial.waits());
}
