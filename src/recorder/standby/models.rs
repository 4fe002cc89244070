//! What the store answers of logged models and of the model registry.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use track::{
    LoggedModel, LoggedModelSearch, ModelId, ModelSearch, ModelStore, ModelVersion, RegisteredModel,
    SqliteStore, Stage, StoreError, VersionRef, VersionSearch,
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

    fn shown_model(&self, store: &SqliteStore, mut model: LoggedModel, is_real: bool) -> LoggedModel {
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
        let provisional = self.state().registry.model(name);
        match (self.find_registered(name), provisional) {
            (Ok(mut found), Some(provisional)) => {
                found.aliases.extend(provisional.aliases);
                Ok(found)
            }
            (Err(_), Some(provisional)) => Ok(provisional),
            (Err(fault), None) if is_silent(&fault) => {
                Err(StoreError::Unknown { noun: "registered model", name: name.to_owned() })
            }
            (found, None) => found,
        }
    }

    fn search_registered_models(&self, search: &ModelSearch) -> Result<Vec<RegisteredModel>, StoreError> {
        let limit = search.limit.map(|limit| limit.saturating_add(search.offset));
        let whole = ModelSearch { offset: 0, limit, ..search.clone() };
        let provisional = self.state().registry.models(&whole);
        let asked = if provisional.is_empty() { search } else { &whole };
        let mut found = match self.ask_real(|real| real.search_registered_models(asked)) {
            Ok(found) if provisional.is_empty() => return Ok(found),
            Err(fault) if !is_silent(&fault) => return Err(fault),
            found => found.unwrap_or_default(),
        };
        let known: BTreeSet<String> = found.iter().map(|model| model.name.clone()).collect();
        found.extend(provisional.into_iter().filter(|model| !known.contains(&model.name)));
        if search.order_by.is_empty() {
            found.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(cut(found, search.offset, search.limit))
    }

    fn model_version(&self, name: &str, version: i64) -> Result<ModelVersion, StoreError> {
        let wanted = VersionRef { model: name.to_owned(), version };
        match self.find_version(&wanted) {
            Ok(found) => Ok(found),
            Err(fault) => {
                let provisional = self.state().registry.version(name, version);
                let unknown =
                    || StoreError::NotOfModel { model: name.to_owned(), what: format!("version {version}") };
                provisional.ok_or_else(|| if is_silent(&fault) { unknown() } else { fault })
            }
        }
    }

    fn version_by_alias(&self, name: &str, alias: &str) -> Result<ModelVersion, StoreError> {
        if let Some(found) = self.state().registry.by_alias(name, alias) {
            return Ok(found);
        }
        match self.ask_real(|real| real.version_by_alias(name, alias)) {
            Err(fault) if is_silent(&fault) => {
                Err(StoreError::NotOfModel { model: name.to_owned(), what: format!("alias `{alias}`") })
            }
            answer => answer,
        }
    }

    fn latest_versions(&self, name: &str, stages: &[Stage]) -> Result<Vec<ModelVersion>, StoreError> {
        let mut found = self.state().registry.latest(name, stages);
        match self.ask_real(|real| real.latest_versions(name, stages)) {
            Ok(real) => {
                found.extend(real);
                // Of those of one stage the one that was made last; the numbers say nothing.
                found.sort_by_key(|version| (version.stage as i64, Reverse(version.created)));
                found.dedup_by_key(|version| version.stage);
                Ok(found)
            }
            Err(_) if self.state().registry.model(name).is_some() => Ok(found),
            Err(fault) if is_silent(&fault) => {
                Err(StoreError::Unknown { noun: "registered model", name: name.to_owned() })
            }
            Err(fault) => Err(fault),
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

    /// What is not kept comes first: it is the newest.
    fn search_model_versions(&self, search: &VersionSearch) -> Result<Vec<ModelVersion>, StoreError> {
        let limit = search.limit.map(|limit| limit.saturating_add(search.offset));
        let whole = VersionSearch { offset: 0, limit, ..search.clone() };
        let mut found = self.state().registry.versions(&whole);
        let asked = if found.is_empty() { search } else { &whole };
        match self.ask_real(|real| real.search_model_versions(asked)) {
            Ok(real) if found.is_empty() => return Ok(real),
            Err(fault) if !is_silent(&fault) => return Err(fault),
            real => found.extend(real.unwrap_or_default()),
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
