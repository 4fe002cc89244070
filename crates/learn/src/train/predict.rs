//! Classes and probabilities of new points, by the same forward pass that training validates with.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::Array2;

use super::loss::predicted;
use super::model::Model;
use super::network::{Network, Watch, floats};
use crate::parameter::{ParameterError, check};

/// Rows per forward pass, so that memory stays small.
const ROWS: usize = 1024;

/// What the model says of each row.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The most probable class of each row.
    pub classes: Vec<usize>,
    /// Probability of each class (rows, classes).
    pub probabilities: Array2<f32>,
}

/// Predicts raw (not standardised) `features` (rows, columns).
///
/// # Errors
/// When the number of columns is not the one the model was trained on.
pub fn predict(model: &Model, features: &Array2<f32>) -> Result<Prediction, ParameterError> {
    let columns = features.ncols();
    check(
        "input_dim",
        columns,
        columns == model.architecture.input_dim,
        "the number of columns the model knows",
    )?;
    let device = Device::flex();
    let network = Network::new(&model.trunk, &model.children, model.architecture.seeds_per_layer, &device);
    let classes = model.architecture.classes;
    let scaled = model.scaler.apply(features);
    let mut prediction =
        Prediction { classes: Vec::new(), probabilities: Array2::zeros((features.nrows(), classes)) };
    for chunk in scaled.chunks(ROWS * columns.max(1)) {
        let data = TensorData::new(chunk.to_vec(), [chunk.len() / columns, columns]);
        let logits = network.forward(Tensor::from_data(data, &device), &model.seeds, &mut Watch::default());
        for row in floats(logits).chunks_exact(classes) {
            let index = prediction.classes.len();
            prediction.classes.push(predicted(row));
            for (class, probability) in softmax(row).into_iter().enumerate() {
                prediction.probabilities[[index, class]] = probability;
            }
        }
    }
    Ok(prediction)
}

fn softmax(row: &[f32]) -> Vec<f32> {
    let largest = row.iter().fold(f32::NEG_INFINITY, |largest, logit| largest.max(*logit));
    let powers: Vec<f64> = row.iter().map(|logit| f64::from(logit - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
}
