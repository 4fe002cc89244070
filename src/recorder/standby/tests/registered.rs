//! Scripts that register models before a store that goes away.

use super::*;

fn register(name: &str, run: RunId, model: Option<ModelId>) -> Change {
    let source = model
        .map_or_else(|| format!("mlflow-artifacts:/0/{run}/artifacts/net"), |id| format!("models:/{id}"));
    let (run, logged_model) = (Some(run), model);
    let new = NewVersion { model: name.into(), source, run, logged_model, ..NewVersion::default() };
    Change::Registry(RegistryChange::CreateVersion(new))
}

fn registered(name: &str) -> Change {
    let (name, description, tags) = (name.into(), None, Vec::new());
    Change::Registry(RegistryChange::CreateModel { name, description, tags, if_absent: false })
}

fn version_of(name: &str, version: i64) -> VersionRef {
    VersionRef { model: name.into(), version }
}

fn alias(alias: &str, name: &str, version: i64) -> Change {
    let version = version_of(name, version);
    Change::Registry(RegistryChange::SetAlias { alias: alias.into(), version })
}

fn of_registry(change: RegistryChange) -> Vec<Change> {
    vec![Change::Registry(change)]
}

/// How often the file was opened by others or put back changes nothing of what was registered.
#[test]
fn what_is_registered_meanwhile_is_there_later() {
    for comes_back in [true, false] {
        let trial = Trial::new();
        let run = trial.begin(ExperimentId::DEFAULT, None);
        trial.apply(vec![registered("iris")]);
        assert_eq!(trial.apply(vec![register("iris", run, None)]).versions, [1]);
        trial.take_away();
        let model = ModelId::from_parts(Timestamp(1), 1);
        trial.apply(vec![Change::LoggedModel(LoggedModelChange::Create(new_model(model)))]);
        trial.apply(vec![registered("a b")]);
        let taken = trial.standby.apply(now(vec![registered("a b")]));
        assert!(matches!(taken, Err(StoreError::Exists { .. })), "it is there");
        let version = trial.apply(vec![register("iris", run, Some(model))]).versions[0];
        let other = trial.apply(vec![register("a b", run, None)]).versions[0];
        assert!(version > 1000 && other > 1000 && version != other, "no store gives {version} or {other}");
        let noted = vec![Tag { key: server::VERSIONS_TAG.into(), value: version.to_string() }];
        trial.apply(vec![Change::LoggedModel(LoggedModelChange::SetTags { model, tags: noted })]);
        let tags = || vec![Tag { key: "by".into(), value: "me".into() }];
        let (of_new, of_old) = (version_of("iris", version), version_of("iris", 1));
        trial.apply(vec![alias("best", "iris", version), alias("old", "iris", 1)]);
        for (version, stage) in [(of_new.clone(), Stage::Production), (of_old.clone(), Stage::Archived)] {
            let set = RegistryChange::SetStage { version, stage, archive_existing: false };
            trial.apply(of_registry(set));
        }
        trial.apply(of_registry(RegistryChange::SetVersionTags { version: of_new, tags: tags() }));
        let description = Some("flowers".to_owned());
        trial.apply(of_registry(RegistryChange::DescribeModel { name: "iris".into(), description }));
        trial.apply(of_registry(RegistryChange::SetModelTags { name: "a b".into(), tags: tags() }));
        let made_of = NewVersion {
            model: "a b".into(),
            source: format!("models:/iris/{version}"),
            ..NewVersion::default()
        };
        trial.apply(of_registry(RegistryChange::CreateVersion(made_of)));
        let check = |store: &dyn ModelStore, [old, new, other]: [i64; 3]| {
            let found = store.model_version("iris", new).unwrap();
            let told = (found.logged_model, found.stage, &*found.tags["by"]);
            assert_eq!(told, (Some(model), Stage::Production, "me"));
            assert_eq!(store.model_version("iris", old).unwrap().stage, Stage::Archived);
            let by_alias = |alias| store.version_by_alias("iris", alias).unwrap().version;
            assert_eq!((by_alias("best"), by_alias("old")), (new, old));
            let iris = store.registered_model("iris").unwrap();
            assert_eq!((iris.aliases["best"], iris.description.as_deref()), (new, Some("flowers")));
            assert_eq!(store.registered_model("a b").unwrap().tags["by"], "me");
            assert_eq!(store.model_version("a b", other).unwrap().run, Some(run));
            let latest = store.latest_versions("iris", &[Stage::Production]).unwrap();
            assert_eq!(latest.iter().map(|version| version.version).collect::<Vec<_>>(), [new]);
            let all = store.search_model_versions(&track::VersionSearch::default()).unwrap();
            assert_eq!(all.len(), 4, "{all:#?}");
        };
        check(&trial.standby, [1, version, other]);
        if comes_back {
            trial.put_back();
        } else {
            trial.replace();
        }
        let store = trial.replay();
        assert!(!trial.waits());
        check(&store, [1, 2, 1]);
        check(&trial.standby, [1, 2, 1]);
        assert_eq!(store.model_version("a b", 2).unwrap().source, "models:/iris/2", "as it is called there");
        let noted = &store.logged_model(model).unwrap().tags[server::VERSIONS_TAG];
        assert_eq!(noted, r#"[{"name":"iris","version":2}]"#);
        let told = files_in(&trial.path("spool/numbered"));
        assert_eq!(told.len(), 3, "that they have other numbers: {told:?}");
        // What the script has in its hands still means the same.
        assert_eq!(trial.standby.model_version("iris", version).unwrap().version, 2);
        trial.apply(vec![alias("last", "iris", version)]);
        assert_eq!(store.version_by_alias("iris", "last").unwrap().version, 2);
        assert_eq!(trial.apply(vec![register("iris", run, Some(model))]).versions, [3]);
        let unknown = trial.standby.apply(now(vec![register("none", run, None)]));
        assert!(unknown.is_err_and(|fault| fault.kind() == ErrorKind::NotFound));
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Another process made a new store: nobody is told that what he made a moment ago is not there.
#[test]
fn what_was_registered_is_made_again_in_another_store() {
    let trial = Trial::new();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    trial.apply(vec![registered("rose"), registered("iris")]);
    for _ in 0..2 {
        trial.apply(vec![register("iris", run, None)]);
    }
    trial.apply(of_registry(RegistryChange::DeleteVersion { version: version_of("iris", 1) }));
    trial.apply(vec![alias("best", "iris", 2)]);
    trial.replace();
    let description = Some("red".to_owned());
    trial.apply(of_registry(RegistryChange::DescribeModel { name: "rose".into(), description }));
    assert_eq!(trial.standby.version_by_alias("iris", "best").unwrap().run, Some(run));
    let stage = Stage::Production;
    let version = version_of("iris", 2);
    trial.apply(of_registry(RegistryChange::SetStage { version, stage, archive_existing: false }));
    let found = trial.standby.model_version("iris", 2).unwrap();
    assert_eq!((found.version, found.stage), (1, stage), "the only one there");
    assert!(trial.standby.model_version("iris", 7).is_err());
    assert!(!trial.waits());
    let store = trial.replay();
    assert_eq!(store.registered_model("rose").unwrap().description.as_deref(), Some("red"));
    assert_eq!(store.search_model_versions(&track::VersionSearch::default()).unwrap().len(), 1);
}

/// Who has registered something finds it while the store is away, whoever is asked.
#[test]
fn what_was_registered_is_known_while_nobody_can_be_asked() {
    let trial = Trial::new();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    trial.apply(vec![registered("iris")]);
    trial.apply(vec![register("iris", run, None)]);
    trial.apply(vec![alias("best", "iris", 1)]);
    trial.take_away();
    assert_eq!(trial.standby.model_version("iris", 1).unwrap().run, Some(run));
    assert_eq!(trial.standby.version_by_alias("iris", "best").unwrap().version, 1);
    assert_eq!(trial.standby.latest_versions("iris", &[]).unwrap().len(), 1);
    assert_eq!(trial.standby.search_model_versions(&track::VersionSearch::default()).unwrap().len(), 1);
    let models = trial.standby.search_registered_models(&ModelSearch::default()).unwrap();
    assert_eq!((models.len(), models[0].aliases["best"]), (1, 1));
    assert!(trial.standby.registered_model("rose").is_err_and(|fault| fault.kind() == ErrorKind::NotFound));
    assert!(!trial.waits(), "a question is no reason to keep anything");
}

/// However much was registered besides.
#[test]
fn what_is_remembered_is_what_was_said_last() {
    let trial = Trial::new();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    trial.apply(vec![registered("iris")]);
    trial.apply(vec![register("iris", run, None)]);
    for number in 0..10 {
        let name = format!("rose {number}");
        trial.apply(vec![registered(&name)]);
        trial.apply(vec![register(&name, run, None)]);
    }
    let (name, description) = ("iris".to_owned(), Some("flowers".to_owned()));
    trial.apply(of_registry(RegistryChange::DescribeModel { name, description }));
    trial.apply(vec![alias("best", "iris", 1)]);
    trial.take_away();
    let found = trial.standby.registered_model("iris").unwrap();
    assert_eq!((found.description.as_deref(), found.aliases["best"]), (Some("flowers"), 1));
}

/// A script does not wait with every call for who keeps the store locked, and not once more for what it registers.
#[test]
fn a_store_that_is_locked_is_waited_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let real = SqliteStore::open(&folder.path().join("runs.db")).unwrap().in_a_moment();
    let trial = Trial { standby: before(Some(real), folder.path()), folder };
    let before = trial.begin(ExperimentId::DEFAULT, None);
    trial.apply(vec![point(before, 1)]);
    let other = rusqlite::Connection::open(trial.path("runs.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = trial.begin(ExperimentId::DEFAULT, None);
    // It can be read all the same.
    trial.apply(vec![point(before, 2)]);
    assert_eq!(trial.standby.metric_history(before, "loss").unwrap().len(), 2);
    assert_eq!(trial.standby.search(&Search::default()).unwrap().len(), 2);
    let asked = trial.standby.locked().as_ref().map(|locked| locked.until);
    assert!(asked.is_some() && trial.waits());
    trial.apply(vec![registered("iris")]);
    let version = trial.apply(vec![register("iris", run, None)]).versions[0];
    trial.apply(vec![alias("best", "iris", version), point(run, 1)]);
    assert_eq!(trial.standby.locked().as_ref().map(|locked| locked.until), asked, "once");
    drop(other);
    let store = trial.replay();
    assert_eq!(store.version_by_alias("iris", "best").unwrap().version, 1);
}
