//! A network as burn tensors, and its forward pass.
//!
//! Weights are kept without autodiff; a training step makes recording copies of those that train, so that frozen
//! layers before the first contributing seed cost no graph at all. Nothing here draws random numbers.

use burn::tensor::activation::relu;
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor, TensorData};

use super::buffer::Buffers;
use super::drift::{Drift, drift};
use super::model::{Child, Dense, Trunk};
use super::seed::{Seed, SeedState};

/// A layer's weights (inputs, outputs) and biases (outputs).
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) weight: Tensor<2>,
    pub(super) bias: Tensor<1>,
}

impl Layer {
    pub(super) fn new(dense: &Dense, device: &Device) -> Self {
        let weight = TensorData::new(dense.weight.clone(), [dense.inputs, dense.outputs]);
        let bias = TensorData::new(dense.bias.clone(), [dense.outputs]);
        Self { weight: Tensor::from_data(weight, device), bias: Tensor::from_data(bias, device) }
    }

    pub(super) fn dense(&self) -> Dense {
        let [inputs, outputs] = self.weight.dims();
        Dense { inputs, outputs, weight: floats(self.weight.clone()), bias: floats(self.bias.clone()) }
    }

    /// A copy whose gradients are recorded.
    pub(super) fn recording(&self) -> Self {
        Self {
            weight: self.weight.clone().autodiff().require_grad(),
            bias: self.bias.clone().autodiff().require_grad(),
        }
    }

    fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        linear(input, self.weight.clone(), Some(self.bias.clone()))
    }
}

/// The values of a tensor in row-major order.
pub(super) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec_as::<f32>().expect("tensors of this crate hold f32")
}

/// A child as tensors.
#[derive(Clone, Debug)]
pub(super) struct ChildLayers {
    pub(super) expand: Layer,
    pub(super) contract: Layer,
}

impl ChildLayers {
    pub(super) fn new(child: &Child, device: &Device) -> Self {
        Self { expand: Layer::new(&child.expand, device), contract: Layer::new(&child.contract, device) }
    }

    pub(super) fn recording(&self) -> Self {
        Self { expand: self.expand.recording(), contract: self.contract.recording() }
    }

    pub(super) fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        self.contract.forward(relu(self.expand.forward(input)))
    }

    pub(super) fn child(&self) -> Child {
        Child { expand: self.expand.dense(), contract: self.contract.dense() }
    }
}

/// All layers. `layers` is input, blocks, output; `children` is by seed, layer after layer.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) layers: Vec<Layer>,
    pub(super) children: Vec<Option<ChildLayers>>,
    pub(super) seeds_per_layer: usize,
}

/// What a forward pass may leave behind.
#[derive(Default)]
pub(super) struct Watch<'a> {
    /// Receives each block's activations.
    pub(super) buffers: Option<&'a mut Buffers>,
    /// Receives, by seed position, how far each contributing seed moved its input.
    pub(super) drifts: Option<&'a mut Vec<(usize, Drift)>>,
}

impl Network {
    pub(super) fn new(
        trunk: &Trunk,
        children: &[Option<Child>],
        seeds_per_layer: usize,
        device: &Device,
    ) -> Self {
        let layers = std::iter::once(&trunk.input).chain(&trunk.blocks).chain([&trunk.output]);
        Self {
            layers: layers.map(|dense| Layer::new(dense, device)).collect(),
            children: children
                .iter()
                .map(|child| child.as_ref().map(|child| ChildLayers::new(child, device)))
                .collect(),
            seeds_per_layer,
        }
    }

    pub(super) fn trunk(&self) -> Trunk {
        let mut layers: Vec<Dense> = self.layers.iter().map(Layer::dense).collect();
        let output = layers.pop().expect("a network has an output layer");
        let input = layers.remove(0);
        Trunk { input, blocks: layers, output }
    }

    /// Logits (rows, classes) of standardised `input` (rows, columns).
    pub(super) fn forward(&self, input: Tensor<2>, seeds: &[Seed], watch: &mut Watch<'_>) -> Tensor<2> {
        let (output, hidden) = self.layers.split_last().expect("a network has an output layer");
        let mut activation = relu(hidden[0].forward(input));
        for (block, layer) in hidden[1..].iter().enumerate() {
            activation = relu(layer.forward(activation));
            if let Some(buffers) = watch.buffers.as_deref_mut() {
                buffers.push(block, &activation, self.of_block(seeds, block));
            }
            activation = self.pass_seeds(block, activation, seeds, watch);
        }
        output.forward(activation)
    }

    fn of_block<'a, T>(&self, items: &'a [T], block: usize) -> &'a [T] {
        &items[block * self.seeds_per_layer..(block + 1) * self.seeds_per_layer]
    }

    /// The mean of the block's seeds' outputs.
    ///
    /// Each output is `keep * x + share * f(x)` with keep 1 and share 0 (dormant, training), 1 - alpha and alpha
    /// (blending), 1 and 1 (active); the shares of x are summed first, which changes nothing but rounding.
    fn pass_seeds(&self, block: usize, x: Tensor<2>, seeds: &[Seed], watch: &mut Watch<'_>) -> Tensor<2> {
        let seeds = self.of_block(seeds, block);
        if !seeds.iter().any(Seed::contributes) {
            return x;
        }
        let count = seeds.len() as f64;
        let keep: f64 = seeds.iter().map(|seed| mix(seed).0).sum();
        let mut output = x.clone().mul_scalar((keep / count) as f32);
        for (index, seed) in seeds.iter().enumerate().filter(|(_, seed)| seed.contributes()) {
            let position = block * self.seeds_per_layer + index;
            let child = self.children[position].as_ref().expect("a contributing seed has a child");
            let copied = child.forward(x.clone());
            if let Some(drifts) = watch.drifts.as_deref_mut() {
                drifts.push((position, drift(&x, &copied, mix(seed))));
            }
            output = output + copied.mul_scalar((mix(seed).1 / count) as f32);
        }
        output
    }
}

/// Shares of input and child in a seed's output.
pub(super) fn mix(seed: &Seed) -> (f64, f64) {
    match seed.state {
        SeedState::Dormant | SeedState::Training => (1.0, 0.0),
        SeedState::Blending => (1.0 - seed.alpha, seed.alpha),
        SeedState::Active => (1.0, 1.0),
    }
}
