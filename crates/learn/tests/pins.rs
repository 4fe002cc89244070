//! The behaviour of the original that must not move: counts, timeline, range of results, equal bytes.
//!
//! Full trainings; meant for `cargo test --release`. What is expected here comes from measurements of the original
//! program, not from this code.
#![cfg(feature = "train")]
#![allow(clippy::disallowed_methods, reason = "tests read what was written as others do")]

use std::path::Path;
use std::sync::OnceLock;
use std::thread;

use learn::{
    Control, DataConfig, Dataset, Phase, ProblemType, SeedState, TrainConfig, TrainError, TrainEvent,
    TrainOutcome, generate, load_model, predict, train, write_outputs,
};

/// The example project's parameters.
fn example() -> TrainConfig {
    TrainConfig {
        lr: 1e-3,
        warm_up_epochs: 40,
        adaptation_epochs: 60,
        num_layers: 3,
        seeds_per_layer: 2,
        ..TrainConfig::default()
    }
}

/// Short and narrow, but with whole lives of seeds: a germination, blending, an active seed.
fn small() -> TrainConfig {
    TrainConfig { hidden_dim: 16, warm_up_epochs: 3, adaptation_epochs: 30, num_layers: 2, ..example() }
}

fn data(problem_type: ProblemType) -> Dataset {
    generate(&DataConfig { problem_type, ..DataConfig::default() }).expect("defaults are valid")
}

fn run(config: &TrainConfig, data: &Dataset) -> (TrainOutcome, Vec<TrainEvent>) {
    let mut events = Vec::new();
    let outcome = train(config, data, &mut |event| {
        events.push(event);
        Control::Continue
    });
    (outcome.expect("the training is sound"), events)
}

/// The example's training, made once for all tests.
fn reference() -> &'static (TrainOutcome, Vec<TrainEvent>) {
    static REFERENCE: OnceLock<(TrainOutcome, Vec<TrainEvent>)> = OnceLock::new();
    REFERENCE.get_or_init(|| run(&example(), &data(ProblemType::Spirals)))
}

#[test]
fn parameters_are_counted_as_in_the_original() {
    let (outcome, events) = reference();
    let Some(TrainEvent::Started(started)) = events.first() else { panic!("no start") };
    assert_eq!((started.params_trunk, started.params_child), (50_306, 131_712));
    assert_eq!(outcome.metrics.params_total, 50_306 + 131_712 * outcome.metrics.germinations);
    let deep = TrainConfig { warm_up_epochs: 0, adaptation_epochs: 1, ..TrainConfig::default() };
    assert_eq!(run(&deep, &data(ProblemType::Spirals)).0.metrics.params_trunk, 132_866);
}

#[test]
fn a_germination_keeps_the_originals_timeline() {
    let (outcome, events) = reference();
    let first = &outcome.metrics.events[0];
    assert_eq!(first.epoch, 56, "warm_up_epochs + 16");
    let state = |epoch: usize| {
        let status = outcome.history[epoch - 1].seeds.iter().find(|status| status.seed == first.seed);
        let status = status.expect("every seed is in every record");
        (status.state, (status.alpha * 30.0).round() / 30.0)
    };
    assert_eq!(state(55), (SeedState::Dormant, 0.0));
    assert_eq!(state(56), (SeedState::Training, 0.0));
    assert_eq!(state(58), (SeedState::Training, 0.0));
    assert_eq!(state(59), (SeedState::Blending, 16.0 / 30.0));
    assert_eq!(state(60), (SeedState::Active, 1.0));

    let steps: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            TrainEvent::SeedTransition { seed, step, .. } if *seed == first.seed => Some(*step),
            _ => None,
        })
        .collect();
    // Germination, then 60 shadow steps; the last of them is also the first of 30 blend steps.
    assert_eq!((steps[1] - steps[0], steps[2] - steps[1]), (60, 29));
    assert_eq!(steps[0], 40 * 25, "nothing trains between warm-up and germination");
    let alphas = outcome.seed_rows.iter().filter(|row| row.seed == first.seed && row.step > steps[0]);
    let moves = alphas.filter(|row| row.step <= steps[2]).map(|row| row.alpha.to_bits());
    assert_eq!(moves.collect::<std::collections::BTreeSet<_>>().len(), 30);
}

#[test]
fn nothing_trains_before_the_first_germination() {
    let (outcome, _) = reference();
    let waiting = &outcome.history[40..56];
    assert!(waiting.iter().all(|record| record.phase == Phase::Two && record.train_loss.is_none()));
    assert!(waiting.iter().all(|record| record.val_loss == waiting[0].val_loss));
    assert!(outcome.history[56].train_loss.is_some());
}

#[test]
fn the_trunk_does_not_change_in_phase_two() {
    let data = data(ProblemType::Spirals);
    let warm_up = TrainConfig { adaptation_epochs: 0, ..example() };
    let (outcome, _) = reference();
    assert!(outcome.metrics.active_seeds > 0, "phase 2 did something");
    assert_eq!(run(&warm_up, &data).0.model.trunk, outcome.model.trunk);
}

#[test]
fn the_originals_two_figures_see_nothing() {
    let (outcome, _) = reference();
    assert_eq!(outcome.metrics.recovery_time, Some(0));
    assert!(outcome.metrics.accuracy_dip.is_some_and(|dip| dip.abs() <= 0.02));
    assert!(outcome.metrics.events[0].switch_jump.is_some());
    assert!(outcome.metrics.events[0].dip_acc.is_some());
}

#[test]
fn easy_sets_never_germinate() {
    let expected = [
        (ProblemType::Moons, 0.99),
        (ProblemType::ComplexMoons, 0.97),
        (ProblemType::Clusters, 0.99),
        (ProblemType::Spheres, 0.99),
    ];
    let results = thread::scope(|scope| {
        let start = |(kind, least): (ProblemType, f64)| {
            scope.spawn(move || (kind, least, run(&example(), &data(kind)).0))
        };
        expected.map(start).map(|handle| handle.join().expect("the training ends"))
    });
    for (kind, least, outcome) in results {
        assert_eq!(outcome.metrics.germinations, 0, "{kind}");
        assert!(outcome.metrics.best_acc >= Some(least), "{kind}: {:?}", outcome.metrics.best_acc);
    }
}

#[test]
fn ten_seeds_reach_the_originals_range() {
    let data = data(ProblemType::Spirals);
    let half = |seeds: std::ops::Range<u64>| -> Vec<TrainOutcome> {
        seeds.map(|seed| run(&TrainConfig { seed, ..example() }, &data).0).collect()
    };
    let outcomes = thread::scope(|scope| {
        let (low, high) = (scope.spawn(|| half(0..5)), scope.spawn(|| half(5..10)));
        [low.join().expect("ends"), high.join().expect("ends")].concat()
    });
    let best: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.metrics.best_acc).collect();
    let mean = best.iter().sum::<f64>() / 10.0;
    assert!((0.78..=0.84).contains(&mean), "mean {mean} of {best:?}");
    assert!(outcomes.iter().all(|outcome| outcome.metrics.events[0].epoch == 56));
}

fn files(folder: &Path, outcome: &TrainOutcome) -> Vec<Vec<u8>> {
    let paths = write_outputs(folder, outcome).expect("the folder is writable");
    [paths.model, paths.metrics, paths.history, paths.seeds, paths.events]
        .iter()
        .map(|path| std::fs::read(path).expect("it was just written"))
        .collect()
}

#[test]
fn equal_seeds_give_equal_bytes_alone_and_in_parallel() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = data(ProblemType::Spirals);
    let alone = files(folder.path(), &run(&small(), &data).0);
    let together = thread::scope(|scope| {
        let handles = [(); 4].map(|()| scope.spawn(|| run(&small(), &data).0));
        handles.map(|handle| files(folder.path(), &handle.join().expect("the training ends")))
    });
    assert!(together.iter().all(|files| *files == alone));
    let other = files(folder.path(), &run(&TrainConfig { seed: 43, ..small() }, &data).0);
    assert_ne!(other[0], alone[0]);
}

#[test]
fn a_saved_model_predicts_what_it_was_trained_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = data(ProblemType::Spirals);
    let outcome = &reference().0;
    let paths = write_outputs(folder.path(), outcome).expect("the folder is writable");
    let model = load_model(&paths.model).expect("our own file");
    assert!(model == outcome.model, "the model reads back bit for bit");
    let prediction = predict(&model, &data.features).expect("the columns fit");
    let hits = prediction
        .classes
        .iter()
        .zip(&data.labels)
        .filter(|(class, label)| **class as i64 == **label)
        .count();
    let accuracy = hits as f64 / data.rows() as f64;
    assert!((accuracy - outcome.metrics.val_acc_last.expect("epochs ended")).abs() < 0.05, "{accuracy}");
    let sums = prediction.probabilities.rows().into_iter().map(|row| row.sum());
    assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-5));
    assert!(predict(&model, &ndarray::Array2::zeros((1, 2))).is_err());
}

#[test]
fn metrics_write_unknown_values_as_null() {
    let config = TrainConfig { warm_up_epochs: 1, adaptation_epochs: 1, ..small() };
    let outcome = run(&config, &data(ProblemType::Spirals)).0;
    let json: serde_json::Value = serde_json::from_str(&outcome.metrics.to_json()).expect("metrics are JSON");
    assert!(json["accuracy_dip"].is_null() && json["recovery_time"].is_null());
    assert_eq!(json["seeds_activated"], false);
    assert_eq!(json["schema"], 1);
    assert!(json["best_acc"].is_number() && json["params_ratio"] == 1.0);
}

#[test]
fn a_diverging_training_ends_with_an_error() {
    for lr in [1e30, 1e12] {
        let config = TrainConfig { lr, ..small() };
        let error =
            train(&config, &data(ProblemType::Spirals), &mut |_| Control::Continue).expect_err("it diverges");
        let TrainError::Diverged { epoch, step, .. } = &error else { panic!("{error}") };
        assert!(*epoch >= 1 && *step >= 1);
        assert!(error.to_string().contains("smaller learning rate"), "{error}");
    }
    let blown = TrainConfig { shadow_lr: 1e30, ..small() };
    let error =
        train(&blown, &data(ProblemType::Spirals), &mut |_| Control::Continue).expect_err("it diverges");
    assert!(error.to_string().contains("shadow loss"), "{error}");
}

#[test]
fn a_stop_ends_the_training_with_what_there_is() {
    let mut steps = 0;
    let outcome = train(&small(), &data(ProblemType::Spirals), &mut |event| {
        steps += usize::from(matches!(event, TrainEvent::Step { .. }));
        if steps < 30 { Control::Continue } else { Control::Stop }
    })
    .expect("a stop is no error");
    assert!(outcome.metrics.early_stopped);
    assert_eq!((outcome.metrics.total_steps, outcome.metrics.total_epochs), (30, 1));
    let outcome =
        train(&small(), &data(ProblemType::Spirals), &mut |_| Control::Stop).expect("a stop is no error");
    assert_eq!((outcome.metrics.best_acc, outcome.metrics.total_steps), (None, 0));
}

#[test]
fn data_that_contradict_the_parameters_are_refused() {
    let data = data(ProblemType::Spirals);
    let fault = |config: TrainConfig| {
        train(&config, &data, &mut |_| Control::Continue).expect_err("the data do not fit").to_string()
    };
    let columns = TrainConfig { input_dim: Some(2), ..small() };
    assert_eq!(fault(columns), "input_dim is 2 but must be the number of columns of the data");
    let tiny = TrainConfig { train_frac: 1e-9, ..small() };
    assert!(fault(tiny).starts_with("train_frac is 0.000000001"));
}

#[test]
fn the_smallest_data_and_three_classes_train() {
    let tiny = Dataset { features: ndarray::arr2(&[[0.0f32], [1.0]]), labels: vec![0, 1] };
    let outcome = run(&TrainConfig { hidden_dim: 1, ..small() }, &tiny).0;
    assert_eq!(outcome.history.len(), 33);
    let labels = (0..90).map(|row| row % 3).collect::<Vec<i64>>();
    let features = ndarray::Array2::from_shape_fn((90, 2), |(row, column)| ((row % 3) * (column + 1)) as f32);
    let three = Dataset { features, labels };
    let config = TrainConfig { lr: 1e-2, warm_up_epochs: 20, ..small() };
    let outcome = run(&config, &three).0;
    assert_eq!((outcome.model.architecture.classes, outcome.metrics.best_acc), (3, Some(1.0)));
}
