//! Training: the `classic` profile on burn, its events, and the files it leaves.
//!
//! [`train`] computes and tells; it writes nothing and knows no clock but a stopwatch. Files are written by
//! [`write_outputs`] and [`Logs`], from what it told. Equal seed, parameters and data give equal bytes in every
//! output file, on one machine, however many trainings run at once.

mod adam;
mod buffer;
mod classic;
mod controller;
mod drift;
mod event;
mod germination;
mod log;
mod loss;
mod metrics;
mod model;
mod model_file;
mod network;
mod onnx;
mod output;
mod predict;
mod random;
mod seed;
mod session;

pub use classic::train;
pub use drift::Drift;
pub use event::{Control, EpochRecord, Finished, Phase, SeedRow, SeedStatus, Started, TrainEvent};
pub use germination::GerminationReport;
pub use log::Logs;
pub use metrics::{METRICS_SCHEMA, Metrics};
pub use model::{Architecture, Child, Dense, Model, Scaler, Trunk};
pub use model_file::{MODEL_FORMAT_VERSION, ModelError, load_model, model_bytes, save_model};
pub use onnx::{ONNX_CLASSES, ONNX_INPUT, ONNX_OPSET, ONNX_PROBABILITIES, onnx_bytes};
pub use output::{OutputPaths, write_outputs};
pub use predict::{Prediction, predict};
pub use seed::{Seed, SeedId, SeedState};

use crate::parameter::ParameterError;

/// All that a training leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOutcome {
    /// The network after the last step.
    pub model: Model,
    /// The final numbers.
    pub metrics: Metrics,
    /// One record per epoch.
    pub history: Vec<EpochRecord>,
    /// Every movement of every seed.
    pub seed_rows: Vec<SeedRow>,
}

/// Why a training ended without a model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// A parameter breaks its rule or contradicts the data.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The numbers blew up.
    #[error(
        "training diverged: {what} is {value} in epoch {epoch}, step {step}; try a smaller learning rate than {learning_rate}"
    )]
    Diverged {
        /// Which loss.
        what: String,
        /// NaN or an infinity.
        value: f64,
        /// When.
        epoch: usize,
        /// When, in training batches.
        step: usize,
        /// In force then.
        learning_rate: f64,
    },
}
