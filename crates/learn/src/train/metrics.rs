//! The numbers of a finished training: `metrics.json`.
//!
//! The first four keys are the original's. Unknown values are null, never dropped and never NaN.

use serde::Serialize;

use super::germination::GerminationReport;
use crate::train_config::Profile;

/// Version of the file's structure.
pub const METRICS_SCHEMA: u32 = 1;

/// Content of `metrics.json`. Losses are unweighted means over batches, as in the original.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// The largest validation accuracy over both phases; optimistic, since it is a maximum.
    pub best_acc: Option<f64>,
    /// As the original: accuracy at the last germination minus one epoch later (nearly always 0; see `events`).
    pub accuracy_dip: Option<f64>,
    /// As the original: 0 whenever a seed germinated (see `events`).
    pub recovery_time: Option<usize>,
    /// Whether any seed germinated.
    pub seeds_activated: bool,
    /// Version of this structure.
    pub schema: u32,
    /// The recipe.
    pub profile: Profile,
    /// First epoch that reached `best_acc`.
    pub best_val_epoch: Option<usize>,
    /// Validation accuracy of the last epoch.
    pub val_acc_last: Option<f64>,
    /// Validation loss of the last epoch.
    pub val_loss_last: Option<f64>,
    /// Validation accuracy at the end of the warm-up.
    pub val_acc_warm_up: Option<f64>,
    /// Training accuracy of the last epoch that trained.
    pub train_accuracy_last: Option<f64>,
    /// Training loss of the last epoch that trained.
    pub train_loss_last: Option<f64>,
    /// As the original: accuracy at the last germination.
    pub acc_pre: Option<f64>,
    /// As the original: accuracy one epoch later.
    pub acc_post: Option<f64>,
    /// Parameters of the trunk.
    pub params_trunk: usize,
    /// Parameters of trunk and germinated children.
    pub params_total: usize,
    /// `params_total / params_trunk`.
    pub params_ratio: f64,
    /// Seeds in all.
    pub total_seeds: usize,
    /// Seeds that are active at the end.
    pub active_seeds: usize,
    /// Seeds that germinated.
    pub germinations: usize,
    /// Epochs that ended.
    pub total_epochs: usize,
    /// Training batches.
    pub total_steps: usize,
    /// Whether the caller stopped the training.
    pub early_stopped: bool,
    /// One per germination, in order.
    pub events: Vec<GerminationReport>,
}

impl Metrics {
    /// The file's text: JSON with an indent of two and a final newline.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("metrics are plain data");
        text.push('\n');
        text
    }
}
