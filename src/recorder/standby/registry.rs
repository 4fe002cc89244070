//! What scripts register while the run store takes nothing. A version gets its number when it is made, so that what is said
//! of one meanwhile names it by a token, which no store gives as a number: scripts go on with that, the spool has it, and
//! the store knows by it which version is meant once it has made it. Each is made once, also in a store that was put in
//! place of the one that has it.

use std::collections::{BTreeMap, HashMap, HashSet};

use base::Timestamp;
use indexmap::IndexMap;
use rand::Rng;
use track::{
    Applied, Change, Changes, ErrorKind, FIRST_TOKEN, KnownAs, ModelStatus, ModelStore, ModelVersion,
    NewVersion, RegisteredModel, RegistryChange, RunStore, SqliteStore, Stage, StoreError, Tag, VersionRef,
};

/// How many tokens there are to begin with. All are numbers that JavaScript can tell apart.
const TOKENS: u64 = 1 << 49;
/// How many versions are remembered, for when nobody else can be asked.
const MOST_SEEN: usize = if cfg!(test) { 8 } else { 4096 };

/// The registry as far as the scripts of a reproduction use it.
#[derive(Default)]
pub struct Registry {
    /// Knows what waits, and has copies of what that is about. It goes when nothing waits any more.
    standin: Option<SqliteStore>,
    /// The names under which it has all that the store has, so that it alone answers: also that something is gone.
    whole: HashSet<String>,
    /// The token that was given last, or 0.
    last: i64,
    /// The registered models that were made here.
    models_made: HashSet<String>,
    /// The versions that were made here, by the numbers that clients know, in their order.
    made: IndexMap<VersionRef, NewVersion>,
    /// What clients were told last.
    models: HashMap<String, RegisteredModel>,
    versions: HashMap<VersionRef, ModelVersion>,
}

/// The changes of a set that are of the registry, which wait for the store, and the numbers of the versions they make.
#[derive(Default)]
pub struct Taken {
    pub kept: Vec<Change>,
    pub versions: Vec<i64>,
}

/// Whether a number is a token.
pub fn is_token(version: i64) -> bool {
    version >= FIRST_TOKEN
}

impl Registry {
    /// Gives versions that are to be made a token: whoever asks twice gets one version.
    pub fn name_versions(&mut self, changes: &mut [Change]) {
        for change in changes {
            if let Change::Registry(RegistryChange::CreateVersion(new)) = change {
                if self.last == 0 {
                    let mut random = rand::make_rng::<rand::rngs::StdRng>();
                    self.last = FIRST_TOKEN + (random.next_u64() % TOKENS) as i64;
                }
                self.last += 1;
                new.known_as = Some(KnownAs { token: self.last, number: self.last });
            }
        }
    }

    /// The same changes with the versions that were made here by their tokens: another store may stand in the place of the
    /// one that numbered them.
    pub fn with_tokens(&self, changes: &[Change]) -> Vec<Change> {
        let mut changes = changes.to_vec();
        for change in &mut changes {
            if let Change::Registry(change) = change
                && let Some(version) = version_in(change)
            {
                *version = self.with_token(version);
            }
        }
        changes
    }

    /// A version by its token, if it was made here.
    pub fn with_token(&self, version: &VersionRef) -> VersionRef {
        let token = self.made.get(version).and_then(|new| new.known_as).map(|known| known.token);
        token.map_or_else(|| version.clone(), |token| VersionRef { version: token, ..version.clone() })
    }

    /// Whether a registered model was made here, or one of its versions.
    pub fn has_made(&self, name: &str) -> bool {
        self.models_made.contains(name) || self.made.keys().any(|version| version.model == name)
    }

    /// What makes again all that was made here, in a store that has nothing of it. What is there already stays as it is.
    pub fn making(&self) -> Vec<Vec<Change>> {
        let models = self.models_made.iter().map(|name| vec![self.making_model(name)]);
        models.chain(self.made.keys().map(|version| self.making_version(version))).collect()
    }

    fn making_model(&self, name: &str) -> Change {
        let standin = self.standin.as_ref().and_then(|standin| standin.registered_model(name).ok());
        let known = standin.or_else(|| self.models.get(name).cloned());
        let (description, tags) =
            known.map_or((None, Vec::new()), |known| (known.description, listed(known.tags)));
        let name = name.to_owned();
        Change::Registry(RegistryChange::CreateModel { name, description, tags, if_absent: true })
    }

    fn making_version(&self, version: &VersionRef) -> Vec<Change> {
        let Some(new) = self.made.get(version) else { return Vec::new() };
        let mut new = new.clone();
        if let Some(known) = self.versions.get(version) {
            new.description.clone_from(&known.description);
            new.tags = listed(known.tags.clone());
            new.aliases.clone_from(&known.aliases);
        }
        vec![self.making_model(&version.model), Change::Registry(RegistryChange::CreateVersion(new))]
    }

    /// Takes a change in place of the store. `find`, `find_version` and `find_versions` ask that; the last for all of a
    /// registered model, where the store gives them the numbers that clients know.
    ///
    /// # Errors
    /// When it is against the rules.
    pub fn take(
        &mut self,
        change: RegistryChange,
        at: Timestamp,
        find: impl Fn(&str) -> Result<RegisteredModel, StoreError>,
        find_version: impl Fn(&VersionRef) -> Result<ModelVersion, StoreError>,
        find_versions: impl Fn(&str) -> Option<Vec<ModelVersion>>,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let name = name_of(&change).to_owned();
        self.meet_whole(&name, &find, &find_versions)?;
        if let RegistryChange::RenameModel { to, .. } = &change {
            self.meet_whole(to, &find, &find_versions)?;
        }
        self.meet(&change, &name, find)?;
        let mut kept = change.clone();
        if let Some(version) = version_in(&mut kept) {
            self.meet_version(version, find_version)?;
            if !is_token(version.version) {
                taken.kept.extend(self.making_version(version));
            }
            *version = self.with_token(version);
        } else if let RegistryChange::CreateVersion(new) = &change {
            taken.kept.push(self.making_model(&name));
            let token = new.known_as.map_or(FIRST_TOKEN, |known| known.token);
            self.standin()?.number_next(&name, token)?;
        } else if let RegistryChange::CreateModel { if_absent, .. } = &mut kept {
            // It may be there by then.
            *if_absent = true;
        } else if self.has_made(&name) {
            taken.kept.push(self.making_model(&name));
        }
        let applied = self.standin()?.apply(Changes::new(at, vec![Change::Registry(change.clone())]))?;
        taken.kept.push(Change::Registry(kept));
        self.note(&change, &applied);
        taken.versions.extend(applied.versions);
        Ok(())
    }

    /// Takes notice of a change that was applied.
    pub fn note(&mut self, change: &RegistryChange, applied: &Applied) {
        match change {
            RegistryChange::CreateModel { name, .. } => {
                self.models_made.insert(name.clone());
            }
            RegistryChange::CreateVersion(new) => {
                let (Some(known), Some(number)) = (new.known_as, applied.versions.first().copied()) else {
                    return;
                };
                let version = VersionRef { model: new.model.clone(), version: number };
                let known_as = Some(KnownAs { number, ..known });
                self.made.insert(version, NewVersion { known_as, ..new.clone() });
            }
            RegistryChange::DeleteModel { name } => self.forget_model(name),
            RegistryChange::DeleteVersion { version } => {
                self.made.shift_remove(version);
                self.versions.remove(version);
            }
            RegistryChange::RenameModel { name, to } => {
                let renamed = |version: VersionRef| {
                    if version.model == *name { VersionRef { model: to.clone(), ..version } } else { version }
                };
                let made = std::mem::take(&mut self.made).into_iter().map(|(version, new)| {
                    let version = renamed(version);
                    let model = version.model.clone();
                    (version, NewVersion { model, ..new })
                });
                self.made = made.collect();
                if self.models_made.remove(name) {
                    self.models_made.insert(to.clone());
                }
                self.models.remove(name);
                self.versions.retain(|version, _| version.model != *name);
            }
            _ => {}
        }
    }

    fn forget_model(&mut self, name: &str) {
        self.models_made.remove(name);
        self.models.remove(name);
        self.made.retain(|version, _| version.model != name);
        self.versions.retain(|version, _| version.model != name);
    }

    /// Takes notice of what clients are told.
    pub fn see_model(&mut self, model: &RegisteredModel) {
        if self.models.len() < MOST_SEEN || self.models.contains_key(&model.name) {
            self.models.insert(model.name.clone(), model.clone());
        }
    }

    /// The same of a version that was asked for by this number.
    pub fn see_version(&mut self, asked: i64, version: &ModelVersion) {
        let place = VersionRef { model: version.model.clone(), version: asked };
        if self.versions.len() < MOST_SEEN || self.versions.contains_key(&place) {
            self.versions.insert(place, ModelVersion { version: asked, ..version.clone() });
        }
    }

    /// What is known without the store: all that clients were told, and what waits.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn recalled(&mut self) -> Result<&SqliteStore, StoreError> {
        for model in self.models.values().cloned().collect::<Vec<_>>() {
            self.put_model(model)?;
        }
        let mut versions: Vec<ModelVersion> = self.versions.values().cloned().collect();
        let unseen = self.made.iter().filter(|(version, _)| !self.versions.contains_key(*version));
        versions.extend(unseen.map(|(version, new)| shell(version.clone(), Some(new))));
        versions.sort_by_key(|version| version.version);
        for version in versions {
            self.put_version(version)?;
        }
        self.standin()
    }

    /// What knows what waits, if something of the registry does.
    pub fn waiting(&self) -> Option<&SqliteStore> {
        self.standin.as_ref()
    }

    /// Whether what waits is known together with all that the store has under this name.
    pub fn is_whole(&self, name: &str) -> bool {
        self.whole.contains(name)
    }

    /// The names of which that is so.
    pub fn whole(&self) -> &HashSet<String> {
        &self.whole
    }

    /// Nothing waits any more.
    pub fn forget_standin(&mut self) {
        self.standin = None;
        self.whole.clear();
    }

    /// Copies all that the store has under a name, where it can be asked, before something of it changes: what is removed then
    /// is gone for who asks.
    fn meet_whole(
        &mut self,
        name: &str,
        find: impl Fn(&str) -> Result<RegisteredModel, StoreError>,
        find_versions: impl Fn(&str) -> Option<Vec<ModelVersion>>,
    ) -> Result<(), StoreError> {
        let is_begun = self.standin()?.registered_model(name).is_ok();
        // Clients know a version by its token that was made while the store was away.
        let has_tokens = self.made.keys().any(|version| version.model == name && is_token(version.version));
        if is_begun || has_tokens || self.is_whole(name) {
            return Ok(());
        }
        match find(name) {
            Ok(model) => {
                let Some(mut versions) = find_versions(name) else { return Ok(()) };
                versions.sort_by_key(|version| version.version);
                self.put_model(model)?;
                for version in versions {
                    self.put_version(version)?;
                }
            }
            Err(fault) if fault.kind() == ErrorKind::NotFound && !self.has_made(name) => {}
            Err(_) => return Ok(()),
        }
        self.whole.insert(name.to_owned());
        Ok(())
    }

    /// Makes a copy of a registered model that the store has, or may have.
    fn meet(
        &mut self,
        change: &RegistryChange,
        name: &str,
        find: impl Fn(&str) -> Result<RegisteredModel, StoreError>,
    ) -> Result<(), StoreError> {
        if self.is_whole(name) || self.standin()?.registered_model(name).is_ok() {
            return Ok(());
        }
        let is_made = matches!(change, RegistryChange::CreateModel { .. });
        let found = match (find(name), self.models.get(name)) {
            (Ok(found), _) => found,
            // What waits makes it, or it was there: nobody can be asked.
            (Err(fault), Some(known)) if fault.kind() == ErrorKind::Failed || self.has_made(name) => {
                known.clone()
            }
            (Err(fault), _) if (fault.kind() == ErrorKind::Failed || self.has_made(name)) && !is_made => {
                bare_model(name)
            }
            _ => return Ok(()),
        };
        self.put_model(found)
    }

    fn meet_version(
        &mut self,
        version: &VersionRef,
        find: impl Fn(&VersionRef) -> Result<ModelVersion, StoreError>,
    ) -> Result<(), StoreError> {
        if self.is_whole(&version.model)
            || self.standin()?.model_version(&version.model, version.version).is_ok()
        {
            return Ok(());
        }
        let found = match (find(&self.with_token(version)), self.versions.get(version)) {
            (Ok(found), _) => ModelVersion { version: version.version, ..found },
            (Err(_), Some(known)) => known.clone(),
            (Err(fault), None) if fault.kind() == ErrorKind::Failed || self.made.contains_key(version) => {
                shell(version.clone(), self.made.get(version))
            }
            (Err(fault), None) => return Err(fault),
        };
        self.put_version(found)
    }

    fn put_model(&mut self, model: RegisteredModel) -> Result<(), StoreError> {
        let RegisteredModel { name, description, tags, created, .. } = model;
        let tags = listed(tags);
        let create = RegistryChange::CreateModel { name, description, tags, if_absent: true };
        self.standin()?.apply(Changes::new(created, vec![Change::Registry(create)])).map(drop)
    }

    fn put_version(&mut self, found: ModelVersion) -> Result<(), StoreError> {
        let version = VersionRef { model: found.model.clone(), version: found.version };
        if self.standin()?.model_version(&version.model, version.version).is_ok() {
            return Ok(());
        }
        if self.standin()?.registered_model(&found.model).is_err() {
            self.put_model(bare_model(&found.model))?;
        }
        let new = NewVersion {
            model: found.model,
            source: found.source,
            run: found.run,
            run_link: found.run_link,
            logged_model: found.logged_model,
            description: found.description,
            user: found.user,
            status: found.status,
            tags: listed(found.tags),
            aliases: found.aliases,
            ..NewVersion::default()
        };
        let make = Change::Registry(RegistryChange::CreateVersion(new));
        let standin = self.standin()?;
        standin.number_next(&version.model, version.version)?;
        standin.apply(Changes::new(found.created, vec![make]))?;
        if found.stage != Stage::None {
            let stage = RegistryChange::SetStage { version, stage: found.stage, archive_existing: false };
            standin.apply(Changes::new(found.updated, vec![Change::Registry(stage)]))?;
        }
        Ok(())
    }

    fn standin(&mut self) -> Result<&SqliteStore, StoreError> {
        if self.standin.is_none() {
            self.standin = Some(SqliteStore::open_in_memory()?);
        }
        Ok(self.standin.as_ref().expect("it was made just now"))
    }
}

fn listed(tags: BTreeMap<String, String>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

/// A registered model of which no more than the name is known.
fn bare_model(name: &str) -> RegisteredModel {
    let now = Timestamp::now();
    RegisteredModel {
        name: name.to_owned(),
        description: None,
        created: now,
        updated: now,
        tags: BTreeMap::new(),
        aliases: BTreeMap::new(),
    }
}

/// A version that nobody can be asked about, as a client needs it to go on that changed it.
fn shell(VersionRef { model, version }: VersionRef, made: Option<&NewVersion>) -> ModelVersion {
    let now = Timestamp::now();
    let made = made.cloned().unwrap_or_default();
    ModelVersion {
        model,
        version,
        source: made.source,
        run: made.run,
        run_link: made.run_link,
        logged_model: made.logged_model,
        status: ModelStatus::Ready,
        message: None,
        stage: Stage::None,
        description: made.description,
        user: made.user,
        created: now,
        updated: now,
        tags: made.tags.into_iter().map(|tag| (tag.key, tag.value)).collect(),
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
        RegistryChange::DescribeVersion { version, .. }
        | RegistryChange::SetVersionStatus { version, .. }
        | RegistryChange::LogVersionArtifacts { version, .. }
        | RegistryChange::SetStage { version, .. }
        | RegistryChange::DeleteVersion { version }
        | RegistryChange::SetVersionTags { version, .. }
        | RegistryChange::DeleteVersionTag { version, .. }
        | RegistryChange::SetAlias { version, .. } => &version.model,
    }
}

/// The version that a change is of, which is there.
pub fn version_in(change: &mut RegistryChange) -> Option<&mut VersionRef> {
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
