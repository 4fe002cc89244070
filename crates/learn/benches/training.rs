//! One training of the example's parameters, timed by phase, beside burn's own bare loop: `cargo bench -p learn`.
//!
//! The bare loop is the usual burn training step (2-128-128-2, ReLU, burn's Adam and cross-entropy, batches of 64 rows
//! built from a host vector), so that one run tells what of our time is burn's. No harness: a training is long
//! enough to be its own measurement, and what matters is where its time goes.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a benchmark reports on its standard output"
)]

use std::time::Instant;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use learn::{Control, DataConfig, Phase, TrainConfig, TrainEvent, generate, train};

/// The allocator of the `pipe` binary: the tensors' buffers are many, short-lived, and copied when badly aligned.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let data = generate(&DataConfig::default()).expect("defaults are valid");
    let config = TrainConfig {
        lr: 1e-3,
        warm_up_epochs: 40,
        adaptation_epochs: 60,
        num_layers: 3,
        seeds_per_layer: 2,
        ..TrainConfig::default()
    };
    for _ in 0..3 {
        bare_loop();
        measure(&data, &config);
    }
    // The trainer's own defaults: 8 blocks, 50 and 200 epochs.
    measure(&data, &TrainConfig::default());
}

fn measure(data: &learn::Dataset, config: &TrainConfig) {
    let mut batches = [(0usize, 0.0f64); 2];
    let mut epochs = 0.0;
    let start = Instant::now();
    let outcome = train(config, data, &mut |event| {
        match event {
            TrainEvent::Step { phase, seconds, .. } => {
                let (count, sum) = &mut batches[usize::from(phase == Phase::Two)];
                *count += 1;
                *sum += seconds;
            }
            TrainEvent::Epoch { seconds, .. } => epochs += seconds,
            _ => {}
        }
        Control::Continue
    });
    let total = start.elapsed().as_secs_f64();
    let outcome = outcome.expect("the example trains");
    let [(one, one_seconds), (two, two_seconds)] = batches;
    println!(
        "total {total:.3} s, best accuracy {:.4}, {} germinations; phase 1: {one} steps in {one_seconds:.3} s ({:.0}/s); phase 2: {two} \
         steps in {two_seconds:.3} s ({:.0}/s); validation, health and events {:.3} s; setup {:.3} s",
        outcome.metrics.best_acc.unwrap_or(f64::NAN),
        outcome.metrics.germinations,
        one as f64 / one_seconds,
        two as f64 / two_seconds,
        epochs - one_seconds - two_seconds,
        total - epochs,
    );
}

#[derive(Module, Debug)]
struct Probe {
    first: Linear,
    second: Linear,
    last: Linear,
}

/// Steps per second of burn's bare loop.
fn bare_loop() {
    const STEPS: usize = 3000;
    const ROWS: usize = 64;
    let device = Device::flex().autodiff();
    let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(&device);
    let mut model = Probe { first: linear(2, 128), second: linear(128, 128), last: linear(128, 2) };
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let criterion = CrossEntropyLossConfig::new().init(&device);
    let start = Instant::now();
    for step in 0..STEPS {
        let rows: Vec<f32> = (0..ROWS * 2).map(|at| ((step * ROWS + at) % 97) as f32 / 97.0 - 0.5).collect();
        let classes: Vec<i32> = (0..ROWS).map(|row| i32::from(rows[row * 2] > 0.0)).collect();
        let input = Tensor::<2>::from_data(TensorData::new(rows, [ROWS, 2]), &device);
        let targets = Tensor::<1, Int>::from_data(TensorData::new(classes, [ROWS]), &device);
        let hidden = relu(model.second.forward(relu(model.first.forward(input))));
        let loss = criterion.forward(model.last.forward(hidden), targets);
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(1e-3, model, gradients);
    }
    println!("burn's bare loop, 2-128-128-2: {:.0} steps/s", STEPS as f64 / start.elapsed().as_secs_f64());
}
