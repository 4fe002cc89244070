//! What a training tells its caller while it runs, and what it remembers of itself.
//!
//! Plain data: no clock of day, no path. Durations are here and nowhere in files of record, since those must be
//! equal for equal seeds.

use std::fmt;

use serde::Serialize;

use super::drift::Drift;
use super::seed::{SeedId, SeedState};
use crate::TrainConfig;

/// The two parts of the classic profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// Warm-up: the trunk trains.
    #[serde(rename = "phase_1")]
    One,
    /// Adaptation: the trunk is frozen, seeds may germinate.
    #[serde(rename = "phase_2")]
    Two,
}

impl Phase {
    /// The name in tags and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "phase_1",
            Self::Two => "phase_2",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The caller's answer to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// End after this event; the outcome says so.
    Stop,
}

/// One thing that happened. Epochs and steps count from 1 over both phases; `step` is that of the last training
/// batch (0 before the first).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrainEvent {
    /// First of all.
    Started(Box<Started>),
    /// The wanted device is not built in; the processor trains.
    DeviceFallback,
    /// A phase begins before `epoch`.
    Phase {
        /// The phase that ended.
        from: Option<Phase>,
        /// The phase that begins.
        to: Phase,
        /// Its first epoch.
        epoch: usize,
    },
    /// A training batch.
    Step {
        /// The epoch, from 1.
        epoch: usize,
        /// Training batches so far.
        step: usize,
        /// The phase.
        phase: Phase,
        /// Mean cross-entropy of the batch before the update.
        loss: f64,
        /// Share of the batch classified rightly before the update.
        accuracy: f64,
        /// Of the main optimiser.
        learning_rate: f64,
        /// Wall time of the batch, shadow steps included.
        seconds: f64,
    },
    /// A seed's alpha or state moved, or an epoch ended in which it contributed.
    Seed(SeedRow),
    /// A seed changed its state.
    SeedTransition {
        /// Which.
        seed: SeedId,
        /// From what.
        from: SeedState,
        /// To what.
        to: SeedState,
        /// When.
        epoch: usize,
        /// When.
        step: usize,
    },
    /// A seed germinated at the end of an epoch.
    Germination {
        /// Which.
        seed: SeedId,
        /// When.
        epoch: usize,
        /// Validation loss then.
        val_loss: f64,
        /// Validation accuracy then.
        val_acc: f64,
        /// The variance by which it was chosen.
        health: f64,
    },
    /// A blending seed turns what passes it further than `drift_warn`.
    DriftWarning {
        /// Which.
        seed: SeedId,
        /// When.
        epoch: usize,
        /// When.
        step: usize,
        /// Cosine drift of the batch.
        drift: f64,
        /// The threshold.
        threshold: f64,
    },
    /// An epoch ended.
    Epoch {
        /// Its results.
        record: EpochRecord,
        /// Wall time of the epoch, validation included.
        seconds: f64,
        /// Mean wall time of its training batches.
        average_batch_seconds: Option<f64>,
    },
    /// Last of all.
    Finished(Finished),
}

/// What is known before the first step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Started {
    /// All parameters.
    pub config: TrainConfig,
    /// Points that train.
    pub train_rows: usize,
    /// Points that validate.
    pub val_rows: usize,
    /// Columns of the data.
    pub columns: usize,
    /// Classes of the network.
    pub classes: usize,
    /// Training batches per epoch.
    pub steps_per_epoch: usize,
    /// Parameters of the trunk.
    pub params_trunk: usize,
    /// Parameters of one child.
    pub params_child: usize,
    /// Every seed, in order.
    pub seeds: Vec<SeedId>,
}

/// A row of the plot `seeds.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SeedRow {
    /// When.
    pub epoch: usize,
    /// When.
    pub step: usize,
    /// Which; its layer is part of the name.
    pub seed: SeedId,
    /// State after the step.
    pub state: SeedState,
    /// Alpha after the step.
    pub alpha: f64,
    /// Drift, where the seed contributed: of the batch's forward pass, at an epoch's end of the validation part.
    pub drift: Option<Drift>,
}

/// A row of the plot `history.csv`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// The phase.
    pub phase: Phase,
    /// Unweighted mean over batches; absent while nothing trains.
    pub train_loss: Option<f64>,
    /// Share of the training points classified rightly, before each batch's update.
    pub train_accuracy: Option<f64>,
    /// Unweighted mean over batches.
    pub val_loss: f64,
    /// Share of the validation points classified rightly.
    pub val_acc: f64,
    /// The largest `val_acc` so far.
    pub best_acc: f64,
    /// Of the main optimiser; absent while nothing trains.
    pub learning_rate: Option<f64>,
    /// Epochs without improvement that the controller counts; phase 2 only.
    pub plateau: Option<usize>,
    /// Every seed, in order.
    pub seeds: Vec<SeedStatus>,
}

impl EpochRecord {
    /// Number of active seeds.
    pub fn active_seeds(&self) -> usize {
        self.seeds.iter().filter(|seed| seed.state == SeedState::Active).count()
    }
}

/// A seed at the end of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SeedStatus {
    /// Which.
    pub seed: SeedId,
    /// Its state.
    pub state: SeedState,
    /// Its alpha.
    pub alpha: f64,
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finished {
    /// The largest validation accuracy; absent when no epoch ended.
    pub best_acc: Option<f64>,
    /// The first epoch that reached it.
    pub best_epoch: Option<usize>,
    /// Validation loss of that epoch.
    pub best_loss: Option<f64>,
    /// Epochs that ended.
    pub total_epochs: usize,
    /// Training batches.
    pub total_steps: usize,
    /// Whether the caller stopped it.
    pub early_stopped: bool,
    /// Seeds that germinated.
    pub germinations: usize,
    /// Seeds that are active.
    pub active_seeds: usize,
}
