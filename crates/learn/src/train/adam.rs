//! Adam as in PyTorch, on the values of burn tensors in place.
//!
//! burn's own Adam makes some ten tensors per parameter and step and stores random parameter ids; one pass over the
//! values does the same in a fraction of the time. The law is Kingma and Ba's, epsilon outside the corrected root.

use burn::tensor::{Gradients, Tensor};

use super::network::Layer;
use crate::TrainConfig;

/// The numbers of one optimiser.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adam {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

/// Moments of one tensor. `step` counts its own updates: a tensor without gradient is left alone.
#[derive(Clone, Debug, Default)]
struct Moments {
    step: i32,
    first: Vec<f32>,
    second: Vec<f32>,
}

/// Moments of one layer.
#[derive(Clone, Debug, Default)]
pub(super) struct LayerMoments {
    weight: Moments,
    bias: Moments,
}

impl Adam {
    pub(super) fn new(config: &TrainConfig) -> Self {
        Self { beta_1: config.beta_1, beta_2: config.beta_2, epsilon: config.epsilon }
    }

    /// Moves `layer` against the gradients of its recording copy, which is used up.
    pub(super) fn step(
        self,
        layer: Layer,
        recording: Layer,
        gradients: &mut Gradients,
        moments: &mut LayerMoments,
        learning_rate: f64,
    ) -> Layer {
        let weight = recording.weight.grad_remove(gradients);
        let bias = recording.bias.grad_remove(gradients);
        // The copies share the values; without them the update below happens in place.
        drop(recording);
        Layer {
            weight: self.update(layer.weight, weight, &mut moments.weight, learning_rate),
            bias: self.update(layer.bias, bias, &mut moments.bias, learning_rate),
        }
    }

    fn update<const D: usize>(
        self,
        values: Tensor<D>,
        gradient: Option<Tensor<D>>,
        moments: &mut Moments,
        learning_rate: f64,
    ) -> Tensor<D> {
        let Some(gradient) = gradient else { return values };
        let device = values.device();
        let (mut values, gradient) = (values.into_data(), gradient.into_data());
        let numbers = values.as_mut_slice::<f32>().expect("weights hold f32");
        let slopes = gradient.as_slice::<f32>().expect("gradients hold f32");
        self.update_values(numbers, slopes, moments, learning_rate);
        Tensor::from_data(values, &device)
    }

    fn update_values(self, values: &mut [f32], gradient: &[f32], moments: &mut Moments, learning_rate: f64) {
        moments.first.resize(values.len(), 0.0);
        moments.second.resize(values.len(), 0.0);
        moments.step += 1;
        let step_size = (learning_rate / (1.0 - self.beta_1.powi(moments.step))) as f32;
        let correction = (1.0 / (1.0 - self.beta_2.powi(moments.step)).sqrt()) as f32;
        let (keep_1, add_1) = (self.beta_1 as f32, (1.0 - self.beta_1) as f32);
        let (keep_2, add_2) = (self.beta_2 as f32, (1.0 - self.beta_2) as f32);
        let epsilon = self.epsilon as f32;
        let moments = moments.first.iter_mut().zip(&mut moments.second);
        for ((value, slope), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
            *first = keep_1 * *first + add_1 * slope;
            *second = keep_2 * *second + add_2 * slope * slope;
            *value -= step_size * *first / (second.sqrt() * correction + epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three steps worked out in `f64` from the definition.
    #[test]
    fn steps_follow_the_definition() {
        let adam = Adam::new(&TrainConfig::default());
        let (mut values, mut moments) = (vec![0.5f32, -1.0], Moments::default());
        let gradients = [[0.1f32, -2.0], [0.3, 0.0], [-0.2, 1.0]];
        let mut expected = [0.5f64, -1.0];
        let (mut first, mut second) = ([0.0f64; 2], [0.0f64; 2]);
        for (step, gradient) in (1..).zip(&gradients) {
            adam.update_values(&mut values, gradient, &mut moments, 0.01);
            for index in 0..2 {
                let slope = f64::from(gradient[index]);
                first[index] = 0.9 * first[index] + 0.1 * slope;
                second[index] = 0.999 * second[index] + 0.001 * slope * slope;
                let (m, v) =
                    (first[index] / (1.0 - 0.9f64.powi(step)), second[index] / (1.0 - 0.999f64.powi(step)));
                expected[index] -= 0.01 * m / (v.sqrt() + 1e-8);
            }
        }
        for (value, expected) in values.iter().zip(expected) {
            assert!((f64::from(*value) - expected).abs() < 1e-6, "{value} {expected}");
        }
    }
}
