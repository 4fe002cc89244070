//! One training of the example's parameters, timed by phase: `cargo bench -p learn`.
//!
//! No harness: a training is long enough to be its own measurement, and what matters is where its time goes.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    reason = "a benchmark reports on its standard output"
)]

use std::time::Instant;

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
