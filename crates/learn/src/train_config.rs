//! Every number that decides a training, with the original's default.
//!
//! Pure data and checks, so that it compiles without the trainer: pipelines read it to know what a run depends on.

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, ProblemType};
use crate::parameter::{
    ParameterError, check, check_count, check_fraction, check_not_negative, check_positive,
};

/// Version of the training algorithm: part of the stage key of `pipe train`, raised when the same configuration and
/// data would give other bytes.
pub const TRAIN_ALGORITHM_VERSION: u32 = 1;

/// Which recipe trains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// The original's: warm-up, freeze, germinate on a plateau.
    #[default]
    Classic,
}

/// Where tensors live. Only the processor is built in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainDevice {
    /// The processor.
    #[default]
    Cpu,
    /// A graphics card; falls back to the processor, as in the original, and an event says so.
    Cuda,
}

/// The parameters of a training. The first three only describe the data: where given, the data must agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Name of the data's kind, for logs.
    pub problem_type: Option<ProblemType>,
    /// Number of points the generator was asked for; it may give fewer (odd spirals), never more.
    pub n_samples: Option<usize>,
    /// Number of columns the data must have.
    pub input_dim: Option<usize>,
    /// The recipe.
    pub profile: Profile,
    /// Where to train.
    pub device: TrainDevice,
    /// Seed of every random stream of the training.
    pub seed: u64,
    /// Share of the points that train; the rest validates.
    pub train_frac: f64,
    /// Rows per training batch; the last one may be smaller.
    pub batch_size: usize,
    /// A validation batch has this many times `batch_size` rows.
    pub validation_batch_factor: usize,
    /// Epochs of phase 1, in which the trunk trains.
    pub warm_up_epochs: usize,
    /// Epochs of phase 2, in which seeds may germinate.
    pub adaptation_epochs: usize,
    /// Learning rate of phase 1.
    pub lr: f64,
    /// Phase 2 starts from `lr` times this.
    pub phase_2_lr_factor: f64,
    /// Epochs between decays of the learning rate.
    pub lr_step_epochs: usize,
    /// Factor of each decay.
    pub lr_gamma: f64,
    /// Adam: decay of the first moment.
    pub beta_1: f64,
    /// Adam: decay of the second moment.
    pub beta_2: f64,
    /// Adam: added to the root of the second moment.
    pub epsilon: f64,
    /// Width of every layer.
    pub hidden_dim: usize,
    /// Hidden blocks after the input layer.
    pub num_layers: usize,
    /// Seeds after each block.
    pub seeds_per_layer: usize,
    /// Steps over which a trained seed is blended in.
    pub blend_steps: usize,
    /// A blend is done at this alpha.
    pub blend_done: f64,
    /// Learning rate of a child while it learns to copy.
    pub shadow_lr: f64,
    /// Rows of one shadow step.
    pub shadow_batch_size: usize,
    /// Buffered batches from which a shadow step draws its rows.
    pub shadow_entries: usize,
    /// Progress of a seed per shadow step.
    pub progress_step: f64,
    /// Blending starts when progress is above this.
    pub progress_thresh: f64,
    /// Batches kept per layer.
    pub buffer_length: usize,
    /// A buffer of fewer batches neither trains a seed nor lets one germinate.
    pub buffer_minimum: usize,
    /// Cosine drift above which a blending seed is warned of; 0 turns it off.
    pub drift_warn: f64,
    /// Nothing germinates at this validation accuracy or above.
    pub acc_threshold: f64,
    /// Epochs without improvement before a seed germinates.
    pub patience: usize,
    /// Improvement of the validation loss from one epoch to the next that counts.
    pub delta: f64,
    /// As the original: the scaler sees the validation rows, and validation batches enter the buffers.
    pub leak_compat: bool,
    /// Epochs after a germination over which its effect is reported.
    pub event_horizon: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            problem_type: None,
            n_samples: None,
            input_dim: None,
            profile: Profile::Classic,
            device: TrainDevice::Cpu,
            seed: 42,
            train_frac: 0.8,
            batch_size: 64,
            validation_batch_factor: 2,
            warm_up_epochs: 50,
            adaptation_epochs: 200,
            lr: 3e-3,
            phase_2_lr_factor: 0.1,
            lr_step_epochs: 20,
            lr_gamma: 0.1,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            hidden_dim: 128,
            num_layers: 8,
            seeds_per_layer: 1,
            blend_steps: 30,
            blend_done: 0.99,
            shadow_lr: 1e-3,
            shadow_batch_size: 64,
            shadow_entries: 64,
            progress_step: 0.01,
            progress_thresh: 0.6,
            buffer_length: 500,
            buffer_minimum: 10,
            drift_warn: 0.12,
            acc_threshold: 0.95,
            patience: 15,
            delta: 5e-4,
            leak_compat: true,
            event_horizon: 10,
        }
    }
}

/// The most parameters a network may have: 1 GiB of `f32`, with three times that for Adam and gradients.
const MOST_PARAMETERS: u128 = 1 << 28;

impl TrainConfig {
    /// Checks every value on its own and the size of the network they make.
    ///
    /// # Errors
    /// Names the first parameter that breaks its rule, and the value.
    pub fn validate(&self) -> Result<(), ParameterError> {
        check_fraction("train_frac", self.train_frac)?;
        for (flag, value) in self.counts() {
            check_count(flag, value)?;
        }
        for (flag, value) in self.positives() {
            check_positive(flag, value)?;
        }
        check_fraction("progress_thresh", self.progress_thresh)?;
        check_fraction("beta_1", self.beta_1)?;
        check_fraction("beta_2", self.beta_2)?;
        check_not_negative("drift_warn", self.drift_warn)?;
        check_not_negative("delta", self.delta)?;
        check("blend_done", self.blend_done, self.blend_done > 0.0 && self.blend_done <= 1.0, "in (0, 1]")?;
        check("epochs", 0, self.epochs() >= 1, "1 or more (warm_up_epochs + adaptation_epochs)")?;
        let (width, depth) = (self.hidden_dim as u128, self.num_layers as u128);
        let children = depth.saturating_mul(self.seeds_per_layer as u128).saturating_mul(8);
        let size = width.saturating_mul(width).saturating_mul(depth.saturating_add(children));
        check(
            "hidden_dim",
            self.hidden_dim,
            size <= MOST_PARAMETERS,
            "smaller: the network has over 2^28 parameters",
        )
    }

    fn counts(&self) -> [(&'static str, usize); 12] {
        [
            ("batch_size", self.batch_size),
            ("validation_batch_factor", self.validation_batch_factor),
            ("lr_step_epochs", self.lr_step_epochs),
            ("hidden_dim", self.hidden_dim),
            ("num_layers", self.num_layers),
            ("seeds_per_layer", self.seeds_per_layer),
            ("blend_steps", self.blend_steps),
            ("shadow_batch_size", self.shadow_batch_size),
            ("shadow_entries", self.shadow_entries),
            ("buffer_length", self.buffer_length),
            ("buffer_minimum", self.buffer_minimum),
            ("event_horizon", self.event_horizon),
        ]
    }

    fn positives(&self) -> [(&'static str, f64); 7] {
        [
            ("lr", self.lr),
            ("phase_2_lr_factor", self.phase_2_lr_factor),
            ("lr_gamma", self.lr_gamma),
            ("epsilon", self.epsilon),
            ("shadow_lr", self.shadow_lr),
            ("progress_step", self.progress_step),
            ("acc_threshold", self.acc_threshold),
        ]
    }

    /// Epochs of both phases.
    pub fn epochs(&self) -> usize {
        self.warm_up_epochs.saturating_add(self.adaptation_epochs)
    }

    /// Compares the data with what the parameters say of it.
    ///
    /// # Errors
    /// Names the parameter that the data contradict.
    pub fn check_data(&self, data: &Dataset) -> Result<(), ParameterError> {
        if let Some(columns) = self.input_dim {
            check("input_dim", columns, columns == data.columns(), "the number of columns of the data")?;
        }
        if let Some(rows) = self.n_samples {
            check("n_samples", rows, rows >= data.rows(), "no less than the rows of the data")?;
        }
        let rows = self.train_rows(data.rows());
        let both = rows >= 1 && rows < data.rows();
        check("train_frac", self.train_frac, both, "such that both parts of the split have a point")
    }

    /// Points that train, of `rows` in all.
    pub fn train_rows(&self, rows: usize) -> usize {
        (self.train_frac * rows as f64).floor() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_read_back() {
        let config = TrainConfig::default();
        config.validate().expect("defaults are valid");
        let text = serde_json::to_string(&config).expect("plain data");
        assert_eq!(serde_json::from_str::<TrainConfig>(&text).expect("own text"), config);
        assert!(serde_json::from_str::<TrainConfig>("{\"learning_rate\": 1}").is_err());
    }

    #[test]
    fn errors_name_the_parameter_and_the_value() {
        let fault = |change: fn(&mut TrainConfig)| {
            let mut config = TrainConfig::default();
            change(&mut config);
            config.validate().expect_err("the change breaks a rule").to_string()
        };
        assert_eq!(fault(|config| config.blend_steps = 0), "blend_steps is 0 but must be 1 or more");
        assert_eq!(fault(|config| config.lr = f64::INFINITY), "lr is inf but must be above 0");
        let expected = "progress_thresh is 1 but must be between 0 and 1, both excluded";
        assert_eq!(fault(|config| config.progress_thresh = 1.0), expected);
        assert!(fault(|config| config.hidden_dim = 1 << 20).starts_with("hidden_dim is 1048576"));
        assert!(
            fault(|config| (config.warm_up_epochs, config.adaptation_epochs) = (0, 0)).starts_with("epochs")
        );
    }
}
