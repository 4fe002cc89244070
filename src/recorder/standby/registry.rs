//! What scripts register while the run store takes nothing. The numbers of versions are given when they are made, so that
//! what was said of one must not be applied later, when the number may be another's. All of it goes to a registry of its
//! own, whose numbers no store gives, so that the script goes on with what it made; and people are told what to do.

use std::collections::{BTreeMap, HashSet};

use base::Timestamp;
use track::{
    Change, Changes, ErrorKind, ModelSearch, ModelStatus, ModelStore, ModelVersion, NewVersion,
    RegisteredModel, RegistryChange, RunStore, SqliteStore, Stage, StoreError, VersionRef, VersionSearch,
};

use crate::cli::quoted;

/// Greater numbers are of versions that are not kept.
const FIRST: i64 = 1_000_000_000;

/// A registry that lasts as long as it is served.
#[derive(Default)]
pub struct Provisional {
    store: Option<SqliteStore>,
    /// Versions of the real store that were changed here, that is, not at all.
    changed: HashSet<VersionRef>,
    /// What is not kept and not told, by the name of the registered model.
    untold: BTreeMap<String, Untold>,
}

#[derive(Default)]
struct Untold {
    versions: usize,
    /// The last one.
    version: Option<NewVersion>,
}

/// Whether the change is of a version that is not kept.
pub fn is_provisional(change: &Change) -> bool {
    match change {
        Change::Registry(change) => {
            version_of(change).is_some_and(|version| is_provisional_number(version.version))
        }
        _ => false,
    }
}

/// Whether a version of that number is not kept.
pub fn is_provisional_number(version: i64) -> bool {
    version > FIRST
}

impl Provisional {
    /// Applies a change here; the number of the version, if it makes one. `find` and `find_version` ask the real store.
    ///
    /// # Errors
    /// When it is against the rules.
    pub fn apply(
        &mut self,
        change: RegistryChange,
        at: Timestamp,
        find: impl Fn(&str) -> Result<RegisteredModel, StoreError>,
        find_version: impl Fn(&VersionRef) -> Result<ModelVersion, StoreError>,
    ) -> Result<Option<i64>, StoreError> {
        let name = name_of(&change).to_owned();
        self.meet(&change, &name, at, find)?;
        let made = match &change {
            RegistryChange::CreateVersion(new) => Some(new.clone()),
            _ => None,
        };
        if let Some(version) = version_of(&change).filter(|version| !is_provisional_number(version.version)) {
            match find_version(version) {
                Err(fault) if fault.kind() != ErrorKind::Failed => return Err(fault),
                _ => self.changed.insert(version.clone()),
            };
            self.untold.entry(name).or_default();
            return Ok(None);
        }
        let applied = self.store()?.apply(Changes::new(at, vec![Change::Registry(change)]))?;
        let untold = self.untold.entry(name).or_default();
        if let Some(new) = made {
            untold.versions += 1;
            untold.version = Some(new);
        }
        Ok(applied.versions.first().copied())
    }

    /// Stands back where the real store took a change that says the same thing anew.
    pub fn stand_back(&mut self, change: &RegistryChange, at: Timestamp) {
        let Some(store) = &self.store else { return };
        let said_here = match change {
            RegistryChange::DeleteModel { .. } | RegistryChange::RenameModel { .. } => change.clone(),
            RegistryChange::SetAlias { alias, .. } | RegistryChange::DeleteAlias { alias, .. } => {
                RegistryChange::DeleteAlias { name: name_of(change).to_owned(), alias: alias.clone() }
            }
            _ => return,
        };
        // Perhaps it knows nothing of it.
        let _ = store.apply(Changes::new(at, vec![Change::Registry(said_here)]));
    }

    /// Makes a registered model that the real store has, or may have.
    fn meet(
        &mut self,
        change: &RegistryChange,
        name: &str,
        at: Timestamp,
        find: impl Fn(&str) -> Result<RegisteredModel, StoreError>,
    ) -> Result<(), StoreError> {
        if self.store()?.registered_model(name).is_ok() {
            return Ok(());
        }
        let is_made = matches!(change, RegistryChange::CreateModel { .. });
        let (description, tags) = match find(name) {
            Ok(found) => (found.description, found.tags),
            Err(fault) if fault.kind() == ErrorKind::Failed && !is_made => (None, BTreeMap::new()),
            Err(_) => return Ok(()),
        };
        let tags = tags.into_iter().map(|(key, value)| track::Tag { key, value }).collect();
        let create =
            RegistryChange::CreateModel { name: name.to_owned(), description, tags, if_absent: true };
        self.store()?.apply(Changes::new(at, vec![Change::Registry(create)])).map(drop)
    }

    fn store(&mut self) -> Result<&SqliteStore, StoreError> {
        if self.store.is_none() {
            self.store = Some(SqliteStore::open_in_memory_after(FIRST)?);
        }
        Ok(self.store.as_ref().expect("it was made just now"))
    }

    /// What people are to know of what is not kept, each once.
    pub fn untold(&mut self) -> Vec<String> {
        std::mem::take(&mut self.untold).into_iter().map(|(name, untold)| told(&name, &untold)).collect()
    }

    /// A registered model.
    pub fn model(&self, name: &str) -> Option<RegisteredModel> {
        self.store.as_ref()?.registered_model(name).ok()
    }

    /// All registered models that match.
    pub fn models(&self, search: &ModelSearch) -> Vec<RegisteredModel> {
        let found = self.store.as_ref().and_then(|store| store.search_registered_models(search).ok());
        found.unwrap_or_default()
    }

    /// A version, or one of the real store, which cannot be asked, as a client needs to go on that changed it.
    pub fn version(&self, name: &str, version: i64) -> Option<ModelVersion> {
        let wanted = VersionRef { model: name.to_owned(), version };
        if self.changed.contains(&wanted) {
            return Some(shell(wanted));
        }
        self.store.as_ref()?.model_version(name, version).ok()
    }

    /// The version that an alias means.
    pub fn by_alias(&self, name: &str, alias: &str) -> Option<ModelVersion> {
        self.store.as_ref()?.version_by_alias(name, alias).ok()
    }

    /// The newest version of each of these stages.
    pub fn latest(&self, name: &str, stages: &[Stage]) -> Vec<ModelVersion> {
        let found = self.store.as_ref().and_then(|store| store.latest_versions(name, stages).ok());
        found.unwrap_or_default()
    }

    /// All versions that match.
    pub fn versions(&self, search: &VersionSearch) -> Vec<ModelVersion> {
        let found = self.store.as_ref().and_then(|store| store.search_model_versions(search).ok());
        found.unwrap_or_default()
    }
}

/// The sentence for one registered model.
fn told(name: &str, untold: &Untold) -> String {
    let Some(version) = &untold.version else {
        return format!(
            "what was changed of registered model {name} is not kept: the run store took nothing"
        );
    };
    let mut command = format!("pipe models register {}", quoted(name));
    if let Some(run) = version.run {
        command.push_str(&format!(" --run {run}"));
    }
    let path = version.logged_model.map(|model| model.to_string()).or_else(|| path_in(&version.source));
    if let Some(path) = path {
        command.push_str(&format!(" --path {}", quoted(&path)));
    }
    let which =
        if untold.versions > 1 { format!(" (the last of {} times)", untold.versions) } else { String::new() };
    format!(
        "the registration of model {name} is not kept, since the run store took nothing: `{command}` makes the \
         version{which} once the run is recorded"
    )
}

/// The folder among the artifacts of a run that a source names.
fn path_in(source: &str) -> Option<String> {
    let path = match source.strip_prefix("runs:/") {
        Some(rest) => rest.split_once('/')?.1,
        None => source.split_once("/artifacts/")?.1,
    };
    Some(path.to_owned()).filter(|path| !path.is_empty())
}

fn shell(VersionRef { model, version }: VersionRef) -> ModelVersion {
    let now = Timestamp::now();
    ModelVersion {
        model,
        version,
        source: String::new(),
        run: None,
        run_link: None,
        logged_model: None,
        status: ModelStatus::Ready,
        message: None,
        stage: Stage::None,
        description: None,
        user: String::new(),
        created: now,
        updated: now,
        tags: BTreeMap::new(),
        aliases: Vec::new(),
    }
}

/// The registered model that a change is of.
pub fn name_of(change: &RegistryChange) -> &str {
    match change {
        RegistryChange::CreateModel { name, .. }
        | RegistryChange::RenameModel { name, .. }
        | RegistryChange::DescribeModel { name, .. }
        | RegistryChange::DeleteModel { name }
        | RegistryChange::SetModelTags { name, .. }
        | RegistryChange::DeleteModelTag { name, .. }
        | RegistryChange::DeleteAlias { name, .. } => name,
        RegistryChange::CreateVersion(new) => &new.model,
        other => version_of(other).map_or("", |version| &version.model),
    }
}

fn version_of(change: &RegistryChange) -> Option<&VersionRef> {
    match change {
        RegistryChange::DescribeVersion { version, .. }
        | RegistryChange::SetVersionStatus { version, .. }
        | RegistryChange::LogVersionArtifacts { version, .. }
        | RegistryChange::SetStage { version, .. }
        | RegistryChange::DeleteVersion { version }
        | RegistryChange::SetVersionTags { version, .. }
        | RegistryChange::DeleteVersionTag { version, .. }
        | RegistryChange::SetAlias { version, .. } => Some(version),
        _ => None,
    }
}
