//! The output files of a finished training: model, metrics, plots.
//!
//! No time of day and no duration in any of them: equal trainings leave equal bytes.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::TrainOutcome;
use super::event::{EpochRecord, SeedRow};
use super::germination::GerminationReport;
use super::model_file::{ModelError, save_model};

/// Where everything was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPaths {
    /// `model.safetensors`.
    pub model: PathBuf,
    /// `metrics.json`.
    pub metrics: PathBuf,
    /// `plots/history.csv`: one row per epoch.
    pub history: PathBuf,
    /// `plots/seeds.csv`: one row per movement of a seed, and per epoch in which one contributes.
    pub seeds: PathBuf,
    /// `plots/events.csv`: one row per germination.
    pub events: PathBuf,
}

impl OutputPaths {
    /// The files of an output folder.
    pub fn new(folder: &Path) -> Self {
        let plots = folder.join("plots");
        Self {
            model: folder.join("model.safetensors"),
            metrics: folder.join("metrics.json"),
            history: plots.join("history.csv"),
            seeds: plots.join("seeds.csv"),
            events: plots.join("events.csv"),
        }
    }
}

/// Writes model, metrics and plots into `folder`, making it where it is missing.
///
/// # Errors
/// When a file cannot be written; those before it stand.
pub fn write_outputs(folder: &Path, outcome: &TrainOutcome) -> Result<OutputPaths, ModelError> {
    let paths = OutputPaths::new(folder);
    save_model(&paths.model, &outcome.model)?;
    disk::replace(&paths.metrics, outcome.metrics.to_json().as_bytes())?;
    disk::replace(&paths.history, history_csv(&outcome.history).as_bytes())?;
    disk::replace(&paths.seeds, seeds_csv(&outcome.seed_rows).as_bytes())?;
    disk::replace(&paths.events, events_csv(&outcome.metrics.events).as_bytes())?;
    Ok(paths)
}

/// A cell: empty when unknown.
fn cell<T: Display>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn csv(header: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("{header}\n");
    for row in rows {
        text.push_str(&row.join(","));
        text.push('\n');
    }
    text
}

fn history_csv(history: &[EpochRecord]) -> String {
    let header =
        "epoch,phase,train_loss,train_accuracy,val_loss,val_acc,best_acc,learning_rate,plateau,active_seeds";
    csv(
        header,
        history.iter().map(|record| {
            vec![
                record.epoch.to_string(),
                record.phase.to_string(),
                cell(record.train_loss),
                cell(record.train_accuracy),
                record.val_loss.to_string(),
                record.val_acc.to_string(),
                record.best_acc.to_string(),
                cell(record.learning_rate),
                cell(record.plateau),
                record.active_seeds().to_string(),
            ]
        }),
    )
}

fn seeds_csv(rows: &[SeedRow]) -> String {
    csv(
        "epoch,step,seed,layer,state,alpha,drift_cos,drift_rel",
        rows.iter().map(|row| {
            vec![
                row.epoch.to_string(),
                row.step.to_string(),
                row.seed.to_string(),
                row.seed.layer.to_string(),
                row.state.to_string(),
                row.alpha.to_string(),
                cell(row.drift.map(|drift| drift.cosine)),
                cell(row.drift.map(|drift| drift.relative)),
            ]
        }),
    )
}

fn events_csv(events: &[GerminationReport]) -> String {
    let header = "epoch,seed,layer,health,acc_before,loss_before,horizon,dip_acc,dip_loss,recovery_epochs,gain_H,\
                  switch_step,switch_jump,contribution,params_added";
    csv(
        header,
        events.iter().map(|event| {
            vec![
                event.epoch.to_string(),
                event.seed.to_string(),
                event.layer.to_string(),
                event.health.to_string(),
                event.acc_before.to_string(),
                event.loss_before.to_string(),
                event.horizon.to_string(),
                cell(event.dip_acc),
                cell(event.dip_loss),
                cell(event.recovery_epochs),
                cell(event.gain_horizon),
                cell(event.switch_step),
                cell(event.switch_jump),
                cell(event.contribution),
                event.params_added.to_string(),
            ]
        }),
    )
}
