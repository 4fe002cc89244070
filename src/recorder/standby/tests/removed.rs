//! Scripts that remove what is registered before a store that can be read and takes nothing.

use super::*;

fn of_registry(change: RegistryChange) -> Change {
    Change::Registry(change)
}

fn version(name: &str, version: i64) -> VersionRef {
    VersionRef { model: name.into(), version }
}

/// Three versions of two models, the last in production, with aliases of the first two.
fn prepared(store: &SqliteStore) {
    for name in ["stay", "go"] {
        let tags = vec![Tag { key: "by".into(), value: "me".into() }];
        let (description, if_absent) = (None, false);
        let create = RegistryChange::CreateModel { name: name.into(), description, tags, if_absent };
        store.apply(now(vec![of_registry(create)])).unwrap();
        for aliases in [vec!["prod".into()], vec!["next".into()], vec![]] {
            let new = NewVersion {
                model: name.into(),
                source: "s3://a/b".into(),
                aliases,
                ..NewVersion::default()
            };
            store.apply(now(vec![of_registry(RegistryChange::CreateVersion(new))])).unwrap();
        }
        for number in [2, 3] {
            let (version, stage) = (version(name, number), Stage::Production);
            let set = RegistryChange::SetStage { version, stage, archive_existing: false };
            store.apply(now(vec![of_registry(set)])).unwrap();
        }
    }
}

/// The versions of a registered model in a search, the highest first, with their aliases.
fn versions(store: &dyn ModelStore, name: &str) -> Vec<(i64, String)> {
    let all = store.search_model_versions(&track::VersionSearch::default()).unwrap();
    let own = all.into_iter().filter(|version| version.model == name);
    own.map(|version| (version.version, version.aliases.join(" "))).collect()
}

fn names(store: &dyn ModelStore) -> Vec<String> {
    let search = ModelSearch { limit: Some(2), ..ModelSearch::default() };
    let found = store.search_registered_models(&search).unwrap();
    found.into_iter().map(|model| model.name).collect()
}

#[test]
fn what_is_removed_meanwhile_is_gone_at_once() {
    let trial = Trial::of_what_is_only_read(prepared);
    let standby = &trial.standby;
    let remove = |change| drop(trial.apply(vec![of_registry(change)]));
    remove(RegistryChange::DeleteAlias { name: "stay".into(), alias: "prod".into() });
    assert!(standby.version_by_alias("stay", "prod").is_err());
    assert_eq!(versions(standby, "stay"), [(3, "".into()), (2, "next".into()), (1, "".into())]);
    // A change of what had the alias does not bring it back.
    let tags = vec![Tag { key: "a".into(), value: "b".into() }];
    remove(RegistryChange::SetVersionTags { version: version("stay", 1), tags });
    assert_eq!(standby.registered_model("stay").unwrap().aliases.keys().collect::<Vec<_>>(), ["next"]);
    remove(RegistryChange::DeleteVersion { version: version("stay", 3) });
    assert!(standby.model_version("stay", 3).is_err());
    let latest = standby.latest_versions("stay", &[Stage::Production]).unwrap();
    assert_eq!(latest.iter().map(|version| version.version).collect::<Vec<_>>(), [2]);
    remove(RegistryChange::DeleteModel { name: "go".into() });
    assert!(standby.registered_model("go").is_err() && standby.latest_versions("go", &[]).is_err());
    assert_eq!((names(standby), versions(standby, "go")), (vec!["stay".to_owned()], Vec::new()));
    // Its name is free.
    let (description, tags) = (None, Vec::new());
    remove(RegistryChange::CreateModel { name: "go".into(), description, tags, if_absent: false });
    assert_eq!(names(standby), ["go", "stay"]);
    assert!(standby.registered_model("go").unwrap().tags.is_empty());
    assert_eq!(versions(standby, "go"), []);
    let store = trial.replay();
    assert_eq!(versions(&store, "stay"), [(2, "next".into()), (1, "".into())]);
    assert_eq!((names(&store), versions(&store, "go")), (vec!["go".into(), "stay".into()], Vec::new()));
}

#[test]
fn what_is_renamed_meanwhile_has_its_versions_under_the_new_name() {
    let trial = Trial::of_what_is_only_read(prepared);
    let standby = &trial.standby;
    let rename = |name: &str, to: &str| {
        let change = RegistryChange::RenameModel { name: name.into(), to: to.into() };
        standby.apply(now(vec![of_registry(change)]))
    };
    assert!(rename("go", "stay").is_err(), "there is one of that name");
    rename("go", "new").unwrap();
    assert_eq!(names(standby), ["new", "stay"]);
    assert!(standby.registered_model("go").is_err() && standby.model_version("go", 1).is_err());
    assert_eq!(versions(standby, "new"), [(3, "".into()), (2, "next".into()), (1, "prod".into())]);
    assert_eq!(standby.version_by_alias("new", "prod").unwrap().version, 1);
    let store = trial.replay();
    assert_eq!(versions(&store, "new"), versions(standby, "new"));
}
