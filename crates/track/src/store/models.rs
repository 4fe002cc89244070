//! The questions about logged models and the model registry.

use std::collections::HashSet;

use crate::{
    Attribute, ExperimentId, Field, Filter, Lifecycle, Literal, LoggedModel, MetricDataset, ModelId,
    ModelVersion, OrderBy, RegisteredModel, Run, RunStore, Stage, StoreError,
};

/// A run store that also keeps models. They are written through the same door, [`RunStore::apply`].
pub trait ModelStore: RunStore {
    /// A logged model, of any lifecycle.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none, or when the store fails.
    fn logged_model(&self, id: ModelId) -> Result<LoggedModel, StoreError>;

    /// The active logged models that match, in the order asked for.
    ///
    /// # Errors
    /// When the store fails.
    fn search_logged_models(&self, search: &LoggedModelSearch) -> Result<Vec<LoggedModel>, StoreError>;

    /// A registered model.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none, or when the store fails.
    fn registered_model(&self, name: &str) -> Result<RegisteredModel, StoreError>;

    /// The registered models that match, in the order asked for.
    ///
    /// # Errors
    /// When the store fails.
    fn search_registered_models(&self, search: &ModelSearch) -> Result<Vec<RegisteredModel>, StoreError>;

    /// A version.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is no such registered model, or no such version, or when the store fails.
    fn model_version(&self, name: &str, version: i64) -> Result<ModelVersion, StoreError>;

    /// The version that an alias means.
    ///
    /// # Errors
    /// As [`ModelStore::model_version`]; and when there is no such alias.
    fn version_by_alias(&self, name: &str, alias: &str) -> Result<ModelVersion, StoreError>;

    /// The newest version of each of these stages that has one; of all stages, when none is named. In the order of
    /// the stages.
    ///
    /// # Errors
    /// When there is no such registered model, or when the store fails.
    fn latest_versions(&self, name: &str, stages: &[Stage]) -> Result<Vec<ModelVersion>, StoreError>;

    /// The same of several registered models at once, of all stages: one list for each name, which is empty where there
    /// is no such registered model.
    ///
    /// # Errors
    /// When the store fails.
    fn latest_versions_of_each(&self, names: &[&str]) -> Result<Vec<Vec<ModelVersion>>, StoreError>;

    /// What some runs made: the active logged models that are their outputs, each once in the order in which they were logged, and the
    /// versions of registered models that were made of those, or of the runs themselves.
    ///
    /// # Errors
    /// When the store fails.
    fn made_by(&self, runs: &[&Run]) -> Result<(Vec<LoggedModel>, Vec<ModelVersion>), StoreError> {
        let mut models = Vec::new();
        let mut seen = HashSet::new();
        let outputs = runs.iter().flat_map(|run| &run.data.model_outputs);
        for output in outputs.filter(|output| seen.insert(output.model)) {
            match self.logged_model(output.model) {
                Ok(model) if model.lifecycle == Lifecycle::Active => models.push(model),
                // Logged to another store, or deleted.
                Ok(_) | Err(StoreError::Unknown { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        let is_one_of = |attribute, ids: Vec<String>| Filter::In {
            field: Field::Attribute(attribute),
            values: ids.into_iter().map(Literal::Exact).collect(),
        };
        let filter = Filter::Or(vec![
            is_one_of(Attribute::RunId, runs.iter().map(|run| run.info.id.to_string()).collect()),
            is_one_of(Attribute::ModelId, models.iter().map(|model| model.id.to_string()).collect()),
        ]);
        let versions =
            self.search_model_versions(&VersionSearch { filter: Some(filter), ..VersionSearch::default() })?;
        Ok((models, versions))
    }

    /// The versions that match, in the order asked for.
    ///
    /// # Errors
    /// When the store fails.
    fn search_model_versions(&self, search: &VersionSearch) -> Result<Vec<ModelVersion>, StoreError>;
}

/// Which logged models to find.
#[derive(Clone, Debug, Default)]
pub struct LoggedModelSearch {
    /// Only those of these experiments; empty for all.
    pub experiments: Vec<ExperimentId>,
    /// Only those that match; a metric matches when one of its points does.
    pub filter: Option<Filter>,
    /// Only points measured on one of these count, and only models that have some; empty for all.
    pub datasets: Vec<MetricDataset>,
    /// The order, each with the data that a metric is to be measured on; ties, and everything without an order,
    /// newest first, then by id.
    pub order_by: Vec<(OrderBy, Option<MetricDataset>)>,
    /// So many are passed over, after ordering.
    pub offset: usize,
    /// At most so many.
    pub limit: Option<usize>,
}

/// Which registered models to find.
#[derive(Clone, Debug, Default)]
pub struct ModelSearch {
    /// Only those that match.
    pub filter: Option<Filter>,
    /// The order; ties, and everything without an order, by name.
    pub order_by: Vec<OrderBy>,
    /// So many are passed over, after ordering.
    pub offset: usize,
    /// At most so many.
    pub limit: Option<usize>,
}

/// Which versions to find.
#[derive(Clone, Debug, Default)]
pub struct VersionSearch {
    /// Only those that match.
    pub filter: Option<Filter>,
    /// The order; ties, and everything without an order, by name, then the highest number first.
    pub order_by: Vec<OrderBy>,
    /// So many are passed over, after ordering.
    pub offset: usize,
    /// At most so many.
    pub limit: Option<usize>,
}
