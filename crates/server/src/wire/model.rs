//! How MLflow spells logged models, registered models and their versions.

use serde::Serialize;
use track::{ModelId, ModelStatus};

use super::{Locations, Pair, float, pairs};

/// A logged model.
#[derive(Serialize)]
pub struct LoggedModel<'a> {
    info: LoggedInfo<'a>,
    data: LoggedData<'a>,
}

#[derive(Serialize)]
struct LoggedInfo<'a> {
    model_id: ModelId,
    experiment_id: String,
    name: &'a str,
    creation_timestamp_ms: i64,
    last_updated_timestamp_ms: i64,
    artifact_uri: String,
    status: &'static str,
    model_type: &'a str,
    source_run_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
}

#[derive(Serialize)]
struct LoggedData<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<LoggedMetric<'a>>,
}

#[derive(Serialize)]
struct LoggedMetric<'a> {
    key: &'a str,
    #[serde(serialize_with = "float")]
    value: f64,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_digest: Option<&'a str>,
    model_id: ModelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<track::RunId>,
}

impl<'a> LoggedModel<'a> {
    pub fn of(model: &'a track::LoggedModel, locations: &Locations) -> Self {
        let metric = |point: &'a track::ModelMetric| LoggedMetric {
            key: &point.metric.key,
            value: point.metric.value,
            timestamp: point.metric.timestamp.0,
            step: point.metric.step,
            dataset_name: point.dataset.as_ref().map(|dataset| dataset.name.as_str()),
            dataset_digest: point.dataset.as_ref().and_then(|dataset| dataset.digest.as_deref()),
            model_id: model.id,
            run_id: point.run,
        };
        LoggedModel {
            info: LoggedInfo {
                model_id: model.id,
                experiment_id: model.experiment.to_string(),
                name: &model.name,
                creation_timestamp_ms: model.created.0,
                last_updated_timestamp_ms: model.updated.0,
                artifact_uri: locations.model(model),
                status: match model.status {
                    ModelStatus::Pending => "LOGGED_MODEL_PENDING",
                    ModelStatus::Ready => "LOGGED_MODEL_READY",
                    ModelStatus::Failed => "LOGGED_MODEL_UPLOAD_FAILED",
                },
                model_type: model.model_type.as_deref().unwrap_or_default(),
                source_run_id: model.run.map(|run| run.to_string()).unwrap_or_default(),
                status_message: model.message.as_deref(),
                tags: pairs(&model.tags),
            },
            data: LoggedData {
                params: pairs(&model.params),
                metrics: model.metrics.iter().map(metric).collect(),
            },
        }
    }
}

/// A registered model with the newest versions of each stage.
#[derive(Serialize)]
pub struct RegisteredModel<'a> {
    name: &'a str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latest_versions: Vec<ModelVersion<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Alias<'a>>,
}

#[derive(Serialize)]
struct Alias<'a> {
    alias: &'a str,
    version: String,
}

impl<'a> RegisteredModel<'a> {
    pub fn of(model: &'a track::RegisteredModel, latest: &'a [track::ModelVersion]) -> Self {
        let alias = |(alias, version): (&'a String, &i64)| Alias { alias, version: version.to_string() };
        RegisteredModel {
            name: &model.name,
            creation_timestamp: model.created.0,
            last_updated_timestamp: model.updated.0,
            description: model.description.as_deref().filter(|text| !text.is_empty()),
            latest_versions: latest.iter().map(ModelVersion::listed).collect(),
            tags: pairs(&model.tags),
            aliases: model.aliases.iter().map(alias).collect(),
        }
    }
}

/// A version of a registered model.
#[derive(Serialize)]
pub struct ModelVersion<'a> {
    name: &'a str,
    version: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    current_stage: &'static str,
    description: &'a str,
    source: &'a str,
    run_id: String,
    status: &'static str,
    run_link: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_message: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Pair<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aliases: &'a [String],
}

impl<'a> ModelVersion<'a> {
    /// As MLflow lists it: without the aliases that mean it.
    pub fn listed(version: &'a track::ModelVersion) -> Self {
        ModelVersion { aliases: &[], ..ModelVersion::of(version) }
    }

    pub fn of(version: &'a track::ModelVersion) -> Self {
        ModelVersion {
            name: &version.model,
            version: version.version.to_string(),
            creation_timestamp: version.created.0,
            last_updated_timestamp: version.updated.0,
            current_stage: version.stage.name(),
            description: version.description.as_deref().unwrap_or_default(),
            source: &version.source,
            run_id: version.run.map(|run| run.to_string()).unwrap_or_default(),
            status: match version.status {
                ModelStatus::Pending => "PENDING_REGISTRATION",
                ModelStatus::Ready => "READY",
                ModelStatus::Failed => "FAILED_REGISTRATION",
            },
            run_link: version.run_link.as_deref().unwrap_or_default(),
            status_message: version.message.as_deref(),
            user_id: &version.user,
            tags: pairs(&version.tags),
            aliases: &version.aliases,
        }
    }
}
