//! What the store answers of logged models and of the model registry.

use std::collections::{BTreeSet, HashSet};

use track::{
    Attribute, Comparison, Field, Filter, Literal, LoggedModel, LoggedModelSearch, ModelId, ModelSearch,
    ModelStore, ModelVersion, RegisteredModel, SqliteStore, Stage, StoreError, VersionRef, VersionSearch,
};

use super::answers::is_silent;
use super::{Begun, StandbyStore};

impl StandbyStore {
    /// A registered model of the real store.
    pub(super) fn find_registered(&self, name: &str) -> Result<RegisteredModel, StoreError> {
        self.ask_real(|real| real.registered_model(name))
    }

    /// A version of the real store.
    pub(super) fn find_version(&self, version: &VersionRef) -> Result<ModelVersion, StoreError> {
        self.ask_real(|real| real.model_version(&version.model, version.version))
    }

    /// All versions of a registered model of the real store; nothing where it cannot be asked, or may number them
    /// otherwise than clients know them.
    pub(super) fn find_versions(&self, name: &str) -> Option<Vec<ModelVersion>> {
        if self.real.as_ref().is_none_or(|real| real.was_replaced()) {
            return None;
        }
        let (field, value) = (Field::Attribute(Attribute::Name), Literal::Exact(name.to_owned()));
        let filter = Some(Filter::Compare { field, comparison: Comparison::Equal, value });
        let search = VersionSearch { filter, ..VersionSearch::default() };
        self.ask_real(|real| real.search_model_versions(&search)).ok()
    }

    /// Asks the stand-in of the registry about what it alone knows how it stands.
    fn ask_whole<T>(
        &self,
        name: &str,
        question: impl FnOnce(&SqliteStore) -> Result<T, StoreError>,
    ) -> Option<Result<T, StoreError>> {
        if !self.is_behind() {
            return None;
        }
        let state = self.state();
        state.registry.waiting().filter(|_| state.registry.is_whole(name)).map(question)
    }

    /// The names of which the stand-in alone knows how they stand.
    fn whole_names(&self) -> HashSet<String> {
        if self.is_behind() { self.state().registry.whole().clone() } else { HashSet::new() }
    }

    /// Asks the stand-in of the registry, where something waits.
    fn ask_registry<T>(&self, question: impl FnOnce(&SqliteStore) -> Option<T>) -> Option<T> {
        if !self.is_behind() {
            return None;
        }
        self.state().registry.waiting().and_then(question)
    }

    /// Asks the real store, and once more where another one stands in its place that is yet to know what was made here.
    fn find_again<T>(&self, find: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        match find() {
            Err(fault) if self.is_registered_elsewhere(&fault) => {
                self.begin_again();
                find()
            }
            answer => answer,
        }
    }

    /// A logged model with the number of its experiment that clients know.
    pub(super) fn shown_model(
        &self,
        store: &SqliteStore,
        mut model: LoggedModel,
        is_real: bool,
    ) -> LoggedModel {
        model.experiment = self.shown_number(store, model.experiment, is_real);
        model
    }

    fn logged_in(&self, store: &SqliteStore, id: ModelId, is_real: bool) -> Result<LoggedModel, StoreError> {
        store.logged_model(id).map(|model| self.shown_model(store, model, is_real))
    }

    fn search_models_in(
        &self,
        store: &SqliteStore,
        search: &LoggedModelSearch,
        is_real: bool,
    ) -> Result<Vec<LoggedModel>, StoreError> {
        let Some(experiments) = self.own_numbers(store, &search.experiments, is_real) else {
            return Ok(Vec::new());
        };
        let found = store.search_logged_models(&LoggedModelSearch { experiments, ..search.clone() })?;
        Ok(found.into_iter().map(|model| self.shown_model(store, model, is_real)).collect())
    }
}

impl ModelStore for StandbyStore {
    fn logged_model(&self, id: ModelId) -> Result<LoggedModel, StoreError> {
        if let Some(Ok(model)) = self.ask_standin(|standin| self.logged_in(standin, id, false)) {
            return Ok(model);
        }
        match self.ask_real(|real| self.logged_in(real, id, true)) {
            Err(fault) if self.may_wait(&fault) => {
                if !is_silent(&fault) && self.state().begun.contains_key(&Begun::Model(id)) {
                    self.begin_again();
                    if let Ok(model) = self.ask_real(|real| self.logged_in(real, id, true)) {
                        return Ok(model);
                    }
                }
                let mut state = self.state();
                self.meet_model(&mut state, id)?;
                self.logged_in(state.standin()?, id, false)
            }
            answer => answer,
        }
    }

    /// What the stand-in has comes first where something waits: it is the newest.
    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Vec<LoggedModel>, StoreError> {
        let is_behind = self.is_behind();
        let limit = search.limit.map(|limit| limit.saturating_add(search.offset));
        let whole = LoggedModelSearch { offset: 0, limit, ..search.clone() };
        let asked = if is_behind { &whole } else { search };
        let standin = self.ask_standin(|standin| self.search_models_in(standin, &whole, false));
        let real = match self.ask_real(|real| self.search_models_in(real, asked, true)) {
            Ok(found) if !is_behind => return Ok(found),
            Err(fault) if !is_silent(&fault) => return Err(fault),
            found => found.unwrap_or_default(),
        };
        let mut found = standin.unwrap_or(Ok(Vec::new()))?;
        let known: BTreeSet<ModelId> = found.iter().map(|model| model.id).collect();
        found.extend(real.into_iter().filter(|model| !known.contains(&model.id)));
        Ok(cut(found, search.offset, search.limit))
    }

    fn registered_model(&self, name: &str) -> Result<RegisteredModel, StoreError> {
        if let Some(answer) = self.ask_whole(name, |standin| standin.registered_model(name)) {
            return answer;
        }
        let waiting = self.ask_registry(|standin| standin.registered_model(name).ok());
        match (self.find_again(|| self.find_registered(name)), waiting) {
            (Ok(found), Some(waiting)) => {
                let mut aliases = found.aliases;
                aliases.extend(waiting.aliases);
                Ok(RegisteredModel { aliases, ..waiting })
            }
            (Err(_), Some(waiting)) => Ok(waiting),
            (Err(fault), None) if is_silent(&fault) => {
                self.state().registry.recalled()?.registered_model(name)
            }
            (Ok(found), None) => {
                self.state().registry.see_model(&found);
                Ok(found)
            }
            (Err(fault), None) => Err(fault),
        }
    }

    fn search_registered_models(&self, search: &ModelSearch) -> Result<Vec<RegisteredModel>, StoreError> {
        // What is left out of what the store has would be missing on the page.
        let whole = ModelSearch { offset: 0, limit: None, ..search.clone() };
        let waiting = self.ask_registry(|standin| standin.search_registered_models(&whole).ok());
        let (waiting, known_whole) = (waiting.unwrap_or_default(), self.whole_names());
        let is_all = waiting.is_empty() && known_whole.is_empty();
        let asked = if is_all { search } else { &whole };
        let mut found = match self.ask_real(|real| real.search_registered_models(asked)) {
            Ok(found) if is_all => return Ok(found),
            Err(fault) if is_silent(&fault) => {
                return self.state().registry.recalled()?.search_registered_models(search);
            }
            found => found?,
        };
        let known: BTreeSet<String> = waiting.iter().map(|model| model.name.clone()).collect();
        found.retain(|model| !known.contains(&model.name) && !known_whole.contains(&model.name));
        found.extend(waiting);
        if search.order_by.is_empty() {
            found.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(cut(found, search.offset, search.limit))
    }

    fn model_version(&self, name: &str, version: i64) -> Result<ModelVersion, StoreError> {
        if let Some(answer) = self.ask_whole(name, |standin| standin.model_version(name, version)) {
            return answer;
        }
        let waiting = self.ask_registry(|standin| standin.model_version(name, version).ok());
        if let Some(waiting) = waiting {
            return Ok(waiting);
        }
        let wanted = VersionRef { model: name.to_owned(), version };
        let wanted = self.state().registry.with_token(&wanted);
        match self.find_again(|| self.find_version(&wanted)) {
            Ok(found) => {
                self.state().registry.see_version(version, &found);
                Ok(found)
            }
            Err(fault) if is_silent(&fault) => self.state().registry.recalled()?.model_version(name, version),
            Err(fault) => Err(fault),
        }
    }

    fn version_by_alias(&self, name: &str, alias: &str) -> Result<ModelVersion, StoreError> {
        if let Some(answer) = self.ask_whole(name, |standin| standin.version_by_alias(name, alias)) {
            return answer;
        }
        let waiting = self.ask_registry(|standin| standin.version_by_alias(name, alias).ok());
        if let Some(waiting) = waiting {
            return Ok(waiting);
        }
        match self.find_again(|| self.ask_real(|real| real.version_by_alias(name, alias))) {
            Err(fault) if is_silent(&fault) => {
                self.state().registry.recalled()?.version_by_alias(name, alias)
            }
            answer => answer,
        }
    }

    fn latest_versions(&self, name: &str, stages: &[Stage]) -> Result<Vec<ModelVersion>, StoreError> {
        if let Some(answer) = self.ask_whole(name, |standin| standin.latest_versions(name, stages)) {
            return answer;
        }
        let waiting = self.ask_registry(|standin| standin.latest_versions(name, stages).ok());
        match (self.find_again(|| self.ask_real(|real| real.latest_versions(name, stages))), waiting) {
            (Ok(real), Some(mut found)) => {
                let is_there = |version: i64| {
                    self.ask_registry(|standin| standin.model_version(name, version).ok()).is_some()
                };
                found.extend(real.into_iter().filter(|version| !is_there(version.version)));
                // Of those of one stage the one that waits comes first: it is the newest.
                found.sort_by_key(|version| version.stage as i64);
                found.dedup_by_key(|version| version.stage);
                Ok(found)
            }
            (Err(_), Some(found)) => Ok(found),
            (Err(fault), None) if is_silent(&fault) => {
                self.state().registry.recalled()?.latest_versions(name, stages)
            }
            (answer, None) => answer,
        }
    }

    fn latest_versions_of_each(&self, names: &[&str]) -> Result<Vec<Vec<ModelVersion>>, StoreError> {
        if !self.was_behind() {
            let answer = self.ask_real(|real| real.latest_versions_of_each(names));
            if !answer.as_ref().is_err_and(is_silent) {
                return answer;
            }
        }
        Ok(names.iter().map(|name| self.latest_versions(name, &[]).unwrap_or_default()).collect())
    }

    /// What waits comes first: it is the newest.
    fn search_model_versions(&self, search: &VersionSearch) -> Result<Vec<ModelVersion>, StoreError> {
        let whole = VersionSearch { offset: 0, limit: None, ..search.clone() };
        let waiting = self.ask_registry(|standin| standin.search_model_versions(&whole).ok());
        let (mut found, known_whole) = (waiting.unwrap_or_default(), self.whole_names());
        let is_all = found.is_empty() && known_whole.is_empty();
        let asked = if is_all { search } else { &whole };
        match self.ask_real(|real| real.search_model_versions(asked)) {
            Ok(real) if is_all => return Ok(real),
            Err(fault) if is_silent(&fault) => {
                return self.state().registry.recalled()?.search_model_versions(search);
            }
            real => {
                let is_there = |version: &ModelVersion| {
                    let (name, number) = (&version.model, version.version);
                    self.ask_registry(|standin| standin.model_version(name, number).ok()).is_some()
                };
                let is_other =
                    |version: &ModelVersion| !known_whole.contains(&version.model) && !is_there(version);
                found.extend(real?.into_iter().filter(is_other));
            }
        }
        Ok(cut(found, search.offset, search.limit))
    }
}

/// A page of what is in order.
fn cut<T>(mut things: Vec<T>, offset: usize, limit: Option<usize>) -> Vec<T> {
    things.drain(..offset.min(things.len()));
    things.truncate(limit.unwrap_or(usize::MAX));
    things
}
