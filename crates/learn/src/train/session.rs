//! The moving parts of one training: network, seeds, buffers, optimiser, random streams, and a step of each kind.
//!
//! It decides nothing: when to train, germinate or stop is the business of `classic`.

use burn::tensor::{Device, Tensor, TensorData};

use super::adam::{Adam, LayerMoments};
use super::buffer::Buffers;
use super::drift::Drift;
use super::loss::{BatchLoss, cross_entropy};
use super::model::{Architecture, Child, Model, Scaler, Trunk};
use super::network::{ChildLayers, Layer, Network, Watch, floats};
use super::random::{Purpose, Stream};
use super::seed::{Seed, SeedState};
use crate::TrainConfig;
use crate::data::Dataset;

/// State of one training.
pub(super) struct Session<'a> {
    pub(super) config: &'a TrainConfig,
    pub(super) architecture: Architecture,
    pub(super) seeds: Vec<Seed>,
    pub(super) buffers: Buffers,
    /// Rows that train, in the order of the split.
    pub(super) train_rows: Vec<usize>,
    network: Network,
    scaler: Scaler,
    device: Device,
    /// Standardised values of all rows, row-major.
    values: Vec<f32>,
    labels: Vec<usize>,
    validation: Vec<Batch>,
    adam: Adam,
    /// Of the main optimiser, by layer and by seed.
    layer_moments: Vec<LayerMoments>,
    child_moments: Vec<[LayerMoments; 2]>,
    /// Of each seed's own optimiser.
    shadow_moments: Vec<[LayerMoments; 2]>,
    batch_order: Stream,
    shadow: Stream,
}

/// Input (rows, columns) and classes.
struct Batch {
    input: Tensor<2>,
    labels: Vec<usize>,
}

/// Result of a pass over the validation part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evaluation {
    /// Unweighted mean over batches.
    pub(super) loss: f64,
    /// Share of the points classified rightly.
    pub(super) accuracy: f64,
}

/// What trains on the task's loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trained {
    Trunk,
    Children,
}

impl<'a> Session<'a> {
    /// Splits and standardises the data and draws the trunk.
    pub(super) fn new(config: &'a TrainConfig, data: &Dataset) -> Self {
        let architecture = Architecture {
            input_dim: data.columns(),
            hidden_dim: config.hidden_dim,
            num_layers: config.num_layers,
            seeds_per_layer: config.seeds_per_layer,
            classes: data.classes().max(2),
        };
        let mut rows: Vec<usize> = (0..data.rows()).collect();
        let all = rows.clone();
        Stream::new(config.seed, Purpose::Split, 0).shuffle(&mut rows);
        let val_rows = rows.split_off(config.train_rows(data.rows()));
        let scaler = Scaler::fit(&data.features, if config.leak_compat { &all } else { &rows });
        let seeds: Vec<Seed> = architecture.seed_ids().into_iter().map(Seed::new).collect();
        let trunk = Trunk::draw(&architecture, &mut Stream::new(config.seed, Purpose::TrunkInit, 0));
        let device = Device::flex();
        let children = vec![None; seeds.len()];
        let mut session = Self {
            config,
            architecture,
            buffers: Buffers::new(config.num_layers, config.buffer_length),
            train_rows: rows,
            network: Network::new(&trunk, &children, config.seeds_per_layer, &device),
            values: scaler.apply(&data.features),
            labels: data.labels.iter().map(|label| *label as usize).collect(),
            scaler,
            device,
            validation: Vec::new(),
            adam: Adam::new(config),
            layer_moments: vec![LayerMoments::default(); config.num_layers + 2],
            child_moments: vec![Default::default(); seeds.len()],
            shadow_moments: vec![Default::default(); seeds.len()],
            seeds,
            batch_order: Stream::new(config.seed, Purpose::BatchOrder, 0),
            shadow: Stream::new(config.seed, Purpose::Shadow, 0),
        };
        let size = config.batch_size.saturating_mul(config.validation_batch_factor);
        session.validation = val_rows.chunks(size).map(|rows| session.batch(rows)).collect();
        session
    }

    fn batch(&self, rows: &[usize]) -> Batch {
        let columns = self.architecture.input_dim;
        let mut values = Vec::with_capacity(rows.len() * columns);
        for row in rows {
            values.extend_from_slice(&self.values[row * columns..(row + 1) * columns]);
        }
        let input = Tensor::from_data(TensorData::new(values, [rows.len(), columns]), &self.device);
        Batch { input, labels: rows.iter().map(|row| self.labels[*row]).collect() }
    }

    /// The training rows in a new random order.
    pub(super) fn shuffled_rows(&mut self) -> Vec<usize> {
        let mut rows = self.train_rows.clone();
        self.batch_order.shuffle(&mut rows);
        rows
    }

    /// Forward, backward and one move of the main optimiser. Loss and hits are those before the move; the gradient
    /// is left out of use when the loss is not finite. Drifts are of the contributing seeds.
    pub(super) fn task_step(
        &mut self,
        rows: &[usize],
        trained: Trained,
        learning_rate: f64,
        drifts: &mut Vec<(usize, Drift)>,
    ) -> BatchLoss {
        let batch = self.batch(rows);
        let recording = self.recording(trained);
        let blending = self.seeds.iter().any(|seed| seed.state == SeedState::Blending);
        let mut watch = Watch { buffers: Some(&mut self.buffers), drifts: blending.then_some(drifts) };
        let logits = recording.forward(batch.input, &self.seeds, &mut watch);
        let classes = self.architecture.classes;
        let loss = cross_entropy(&floats(logits.clone().inner()), &batch.labels, classes);
        if loss.loss.is_finite() && logits.is_tracked() {
            let slope = TensorData::new(loss.gradient.clone(), [rows.len(), classes]);
            // The derivative of sum(logits * slope) by the logits is the slope: backward continues from there.
            let surrogate = (logits * Tensor::from_data(slope, &self.device)).sum();
            self.move_weights(&surrogate, recording, trained, learning_rate);
        }
        loss
    }

    /// A copy of the network in which what trains records its gradients.
    fn recording(&self, trained: Trained) -> Network {
        let mut network = self.network.clone();
        match trained {
            Trained::Trunk => network.layers.iter_mut().for_each(|layer| *layer = layer.recording()),
            Trained::Children => {
                for (child, seed) in network.children.iter_mut().zip(&self.seeds) {
                    if let Some(child) = child.as_mut().filter(|_| seed.contributes()) {
                        *child = child.recording();
                    }
                }
            }
        }
        network
    }

    fn move_weights(&mut self, loss: &Tensor<1>, recording: Network, trained: Trained, learning_rate: f64) {
        let mut gradients = loss.backward();
        let adam = self.adam;
        match trained {
            Trained::Trunk => {
                let moments = self.layer_moments.iter_mut();
                let layers = std::mem::take(&mut self.network.layers).into_iter().zip(recording.layers);
                self.network.layers = layers
                    .zip(moments)
                    .map(|((layer, copy), moments)| {
                        adam.step(layer, copy, &mut gradients, moments, learning_rate)
                    })
                    .collect();
            }
            Trained::Children => {
                let copies = recording.children.into_iter().zip(&mut self.child_moments).zip(&self.seeds);
                for (child, ((copy, moments), seed)) in self.network.children.iter_mut().zip(copies) {
                    if !seed.contributes() {
                        continue;
                    }
                    let (Some(layers), Some(copy)) = (child.take(), copy) else { continue };
                    *child = Some(adam_child(adam, layers, copy, &mut gradients, moments, learning_rate));
                }
            }
        }
    }

    /// One step of a child's own optimiser towards copying what passes it. The loss is the mean squared error before
    /// the step; `None` when the buffer is too short to learn from.
    pub(super) fn shadow_step(&mut self, position: usize) -> Option<f64> {
        let block = self.seeds[position].id.layer - 1;
        if self.buffers.batches(block) < self.config.buffer_minimum {
            return None;
        }
        let child = self.network.children[position].take().expect("a training seed has a child");
        let rows = self.buffers.sample(block, self.config, &mut self.shadow);
        let input = Tensor::<2>::from_data(rows, &self.device);
        let recording = child.recording();
        let loss = (recording.forward(input.clone()) - input).square().mean();
        let value = f64::from(floats(loss.clone().inner())[0]);
        let mut gradients = loss.backward();
        let moments = &mut self.shadow_moments[position];
        let moved = adam_child(self.adam, child, recording, &mut gradients, moments, self.config.shadow_lr);
        self.network.children[position] = Some(moved);
        Some(value)
    }

    /// Validates with the given seeds, leaving nothing behind.
    pub(super) fn evaluate(&self, seeds: &[Seed]) -> Evaluation {
        evaluate(&self.network, &self.validation, seeds, self.architecture.classes, &mut Watch::default())
    }

    /// Validates at the end of an epoch: activations enter the buffers where the configuration says so, and the
    /// drifts of contributing seeds are returned, by position, one per batch.
    pub(super) fn evaluate_epoch(&mut self) -> (Evaluation, Vec<(usize, Drift)>) {
        let mut drifts = Vec::new();
        let buffers = self.config.leak_compat.then_some(&mut self.buffers);
        let mut watch = Watch { buffers, drifts: Some(&mut drifts) };
        let classes = self.architecture.classes;
        let evaluation = evaluate(&self.network, &self.validation, &self.seeds, classes, &mut watch);
        (evaluation, drifts)
    }

    /// Draws the seed's child and starts its life. The main optimiser loses all its moments, as in the original.
    pub(super) fn germinate(&mut self, position: usize) {
        self.seeds[position].germinate();
        let child = Child::draw(self.config.hidden_dim, self.config.seed, position);
        self.network.children[position] = Some(ChildLayers::new(&child, &self.device));
        self.child_moments.fill_with(Default::default);
    }

    /// The variance of each block's buffer, by block.
    pub(super) fn health(&self) -> Vec<f64> {
        (0..self.config.num_layers)
            .map(|block| self.buffers.health(block, self.config.buffer_minimum))
            .collect()
    }

    /// The network as plain numbers.
    pub(super) fn model(&self) -> Model {
        Model {
            config: self.config.clone(),
            architecture: self.architecture,
            scaler: self.scaler.clone(),
            seeds: self.seeds.clone(),
            trunk: self.network.trunk(),
            children: self
                .network
                .children
                .iter()
                .map(|child| child.as_ref().map(ChildLayers::child))
                .collect(),
        }
    }

    pub(super) fn val_rows(&self) -> usize {
        self.validation.iter().map(|batch| batch.labels.len()).sum()
    }
}

fn adam_child(
    adam: Adam,
    child: ChildLayers,
    copy: ChildLayers,
    gradients: &mut burn::tensor::Gradients,
    moments: &mut [LayerMoments; 2],
    learning_rate: f64,
) -> ChildLayers {
    let [expand, contract] = moments;
    let mut step =
        |layer: Layer, copy: Layer, moments| adam.step(layer, copy, gradients, moments, learning_rate);
    ChildLayers {
        expand: step(child.expand, copy.expand, expand),
        contract: step(child.contract, copy.contract, contract),
    }
}

fn evaluate(
    network: &Network,
    batches: &[Batch],
    seeds: &[Seed],
    classes: usize,
    watch: &mut Watch<'_>,
) -> Evaluation {
    let (mut loss, mut hits, mut rows) = (0.0, 0, 0);
    for batch in batches {
        let logits = floats(network.forward(batch.input.clone(), seeds, watch));
        let result = cross_entropy(&logits, &batch.labels, classes);
        loss += result.loss;
        hits += result.hits;
        rows += batch.labels.len();
    }
    Evaluation { loss: loss / batches.len() as f64, accuracy: hits as f64 / rows as f64 }
}
