//! A network as plain numbers: what is saved, loaded and predicted with. It knows no tensors library.

use serde::{Deserialize, Serialize};

use super::random::{Purpose, Stream};
use super::seed::{Seed, SeedId};
use crate::TrainConfig;

/// Sizes of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    /// Columns of the data.
    pub input_dim: usize,
    /// Width of every hidden layer.
    pub hidden_dim: usize,
    /// Blocks after the input layer.
    pub num_layers: usize,
    /// Seeds after each block.
    pub seeds_per_layer: usize,
    /// Outputs, one per class.
    pub classes: usize,
}

impl Architecture {
    /// Parameters of the network without any child: `L h² + (d + 1 + L + K) h + K`.
    pub fn params_trunk(&self) -> usize {
        let Self { input_dim, hidden_dim, num_layers, classes, .. } = *self;
        num_layers * hidden_dim * hidden_dim + (input_dim + 1 + num_layers + classes) * hidden_dim + classes
    }

    /// Parameters of one child: `8 h² + 5 h`.
    pub fn params_child(&self) -> usize {
        8 * self.hidden_dim * self.hidden_dim + 5 * self.hidden_dim
    }

    /// Every seed's name, in the order of layers.
    pub fn seed_ids(&self) -> Vec<SeedId> {
        let layers = 1..=self.num_layers;
        layers
            .flat_map(|layer| (1..=self.seeds_per_layer).map(move |index| SeedId { layer, index }))
            .collect()
    }
}

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Width of the input.
    pub inputs: usize,
    /// Width of the output.
    pub outputs: usize,
    /// Row-major (inputs, outputs).
    pub weight: Vec<f32>,
    /// One per output.
    pub bias: Vec<f32>,
}

impl Dense {
    /// Weights and biases uniform in ±1/sqrt(inputs), the law of PyTorch's linear layer.
    pub(super) fn uniform(inputs: usize, outputs: usize, stream: &mut Stream) -> Self {
        let bound = 1.0 / (inputs as f64).sqrt();
        let mut draw = |count: usize| -> Vec<f32> {
            (0..count).map(|_| ((2.0 * stream.uniform() - 1.0) * bound) as f32).collect()
        };
        let weight = draw(inputs * outputs);
        Self { inputs, outputs, weight, bias: draw(outputs) }
    }

    /// Weights normal with standard deviation sqrt(2/inputs) (He, for a ReLU), biases 0.
    pub(super) fn he_normal(inputs: usize, outputs: usize, stream: &mut Stream) -> Self {
        let deviation = (2.0 / inputs as f64).sqrt();
        let weight = (0..inputs * outputs).map(|_| (stream.normal() * deviation) as f32).collect();
        Self { inputs, outputs, weight, bias: vec![0.0; outputs] }
    }

    /// Number of weights and biases.
    pub fn params(&self) -> usize {
        self.weight.len() + self.bias.len()
    }
}

/// The layers that every network has.
#[derive(Clone, Debug, PartialEq)]
pub struct Trunk {
    /// Data to the first hidden layer.
    pub input: Dense,
    /// Hidden to hidden; the seeds stand after each.
    pub blocks: Vec<Dense>,
    /// Last hidden layer to classes.
    pub output: Dense,
}

impl Trunk {
    pub(super) fn draw(architecture: &Architecture, stream: &mut Stream) -> Self {
        let width = architecture.hidden_dim;
        Self {
            input: Dense::uniform(architecture.input_dim, width, stream),
            blocks: (0..architecture.num_layers).map(|_| Dense::uniform(width, width, stream)).collect(),
            output: Dense::uniform(width, architecture.classes, stream),
        }
    }
}

/// What a germinated seed trains: hidden to four times hidden, ReLU, and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Widens.
    pub expand: Dense,
    /// Narrows.
    pub contract: Dense,
}

impl Child {
    pub(super) fn draw(width: usize, seed: u64, position: usize) -> Self {
        let mut stream = Stream::new(seed, Purpose::ChildInit, position as u64);
        Self {
            expand: Dense::he_normal(width, 4 * width, &mut stream),
            contract: Dense::he_normal(4 * width, width, &mut stream),
        }
    }
}

/// Standardises each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// Mean of each column.
    pub mean: Vec<f64>,
    /// Population standard deviation of each column; 1 where a column is constant.
    pub std: Vec<f64>,
}

impl Scaler {
    /// Fits to the given rows of `features`.
    pub(super) fn fit(features: &ndarray::Array2<f32>, rows: &[usize]) -> Self {
        let count = rows.len() as f64;
        let (mut mean, mut std) = (Vec::new(), Vec::new());
        for column in features.columns() {
            let average = rows.iter().map(|row| f64::from(column[*row])).sum::<f64>() / count;
            let variance =
                rows.iter().map(|row| (f64::from(column[*row]) - average).powi(2)).sum::<f64>() / count;
            mean.push(average);
            std.push(if variance > 0.0 { variance.sqrt() } else { 1.0 });
        }
        Self { mean, std }
    }

    /// Row-major standardised values.
    pub(super) fn apply(&self, features: &ndarray::Array2<f32>) -> Vec<f32> {
        let scaled = features.rows().into_iter().flat_map(|row| {
            let row = row.to_vec();
            (0..row.len())
                .map(move |column| ((f64::from(row[column]) - self.mean[column]) / self.std[column]) as f32)
        });
        scaled.collect()
    }
}

/// A trained network with all that prediction needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The parameters it was trained with.
    pub config: TrainConfig,
    /// Its sizes.
    pub architecture: Architecture,
    /// How the data were standardised.
    pub scaler: Scaler,
    /// Every seed's state, in the order of [`Architecture::seed_ids`].
    pub seeds: Vec<Seed>,
    /// The common layers.
    pub trunk: Trunk,
    /// As `seeds`; `None` while dormant.
    pub children: Vec<Option<Child>>,
}

impl Model {
    /// Parameters of the trunk and of every germinated child.
    pub fn params_total(&self) -> usize {
        let germinated = self.children.iter().flatten().count();
        self.architecture.params_trunk() + germinated * self.architecture.params_child()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn architecture(num_layers: usize) -> Architecture {
        Architecture { input_dim: 3, hidden_dim: 128, num_layers, seeds_per_layer: 2, classes: 2 }
    }

    #[test]
    fn parameter_counts_are_the_originals() {
        assert_eq!(architecture(3).params_trunk(), 50_306);
        assert_eq!(architecture(8).params_trunk(), 132_866);
        assert_eq!(architecture(3).params_child(), 131_712);
    }

    #[test]
    fn counted_weights_agree_with_the_formulas() {
        let architecture = architecture(3);
        let trunk = Trunk::draw(&architecture, &mut Stream::new(1, Purpose::TrunkInit, 0));
        let blocks: usize = trunk.blocks.iter().map(Dense::params).sum();
        assert_eq!(trunk.input.params() + blocks + trunk.output.params(), architecture.params_trunk());
        let child = Child::draw(128, 1, 0);
        assert_eq!(child.expand.params() + child.contract.params(), architecture.params_child());
    }

    #[test]
    fn children_are_he_normal_and_differ() {
        let child = Child::draw(128, 1, 0);
        let deviation = |dense: &Dense| {
            (dense.weight.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>()
                / dense.weight.len() as f64)
                .sqrt()
        };
        assert!((deviation(&child.expand) - 0.125).abs() < 0.001);
        assert!((deviation(&child.contract) - 0.0625).abs() < 0.0005);
        assert_ne!(child, Child::draw(128, 1, 1));
    }

    #[test]
    fn scaler_standardises_and_leaves_constants() {
        let features = ndarray::arr2(&[[1.0f32, 7.0], [3.0, 7.0]]);
        let scaler = Scaler::fit(&features, &[0, 1]);
        assert_eq!(scaler, Scaler { mean: vec![2.0, 7.0], std: vec![1.0, 1.0] });
        assert_eq!(scaler.apply(&features), [-1.0, 0.0, 1.0, 0.0]);
    }
}
