//! When a seed germinates, and which: the original's plateau rule and its variance rule.
//!
//! Pure: losses and buffers' variances come in as numbers. The rule compares consecutive epochs, not the best so
//! far; with a frozen trunk the loss is constant and the rule is a clock (first germination after patience + 1).

use super::seed::{Seed, SeedState};
use crate::TrainConfig;

/// Counts epochs without improvement.
#[derive(Clone, Debug)]
pub(super) struct Plateau {
    pub(super) count: usize,
    previous_loss: f64,
}

impl Plateau {
    pub(super) fn new() -> Self {
        Self { count: 0, previous_loss: f64::INFINITY }
    }

    /// One epoch's validation result in; whether a seed should germinate out. The count then starts anew, whether
    /// or not a seed can be found.
    pub(super) fn step(&mut self, val_loss: f64, val_acc: f64, config: &TrainConfig) -> bool {
        let improved = self.previous_loss - val_loss >= config.delta;
        self.count = if improved { 0 } else { self.count + 1 };
        self.previous_loss = val_loss;
        let due = val_acc < config.acc_threshold && self.count >= config.patience;
        if due {
            self.count = 0;
        }
        due
    }
}

/// The dormant seed whose layer has the smallest health (mean variance of its buffered activations); the first of
/// equals. Infinite health, that of a buffer too short, never wins. `health` is per layer.
pub(super) fn select(seeds: &[Seed], health: &[f64]) -> Option<usize> {
    let mut best = None;
    let mut smallest = f64::INFINITY;
    for (position, seed) in seeds.iter().enumerate() {
        let health = health[seed.id.layer - 1];
        if seed.state == SeedState::Dormant && health < smallest {
            smallest = health;
            best = Some(position);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::seed::SeedId;
    use super::*;

    #[test]
    fn a_constant_loss_is_due_after_patience_plus_one() {
        let config = TrainConfig::default();
        let mut plateau = Plateau::new();
        let due: Vec<usize> = (1..=40).filter(|_| plateau.step(0.5, 0.7, &config)).collect();
        assert_eq!(due, [16, 31]);
    }

    #[test]
    fn accuracy_above_the_threshold_holds_it_back() {
        let config = TrainConfig::default();
        let mut plateau = Plateau::new();
        assert!((0..40).all(|_| !plateau.step(0.1, 0.95, &config)));
        assert_eq!(plateau.count, 39);
        assert!(plateau.step(0.1, 0.9, &config));
    }

    #[test]
    fn a_falling_loss_resets_the_count() {
        let config = TrainConfig::default();
        let mut plateau = Plateau::new();
        for epoch in 0..30 {
            plateau.step(1.0 - 0.001 * f64::from(epoch), 0.7, &config);
        }
        assert_eq!(plateau.count, 0);
    }

    #[test]
    fn the_first_of_the_smallest_dormant_is_chosen() {
        let mut seeds: Vec<Seed> =
            [(1, 1), (1, 2), (2, 1), (2, 2)].map(|(layer, index)| Seed::new(SeedId { layer, index })).into();
        assert_eq!(select(&seeds, &[2.0, 1.0]), Some(2));
        assert_eq!(select(&seeds, &[1.0, 1.0]), Some(0));
        seeds[2].germinate();
        assert_eq!(select(&seeds, &[2.0, 1.0]), Some(3));
        assert_eq!(select(&seeds, &[f64::INFINITY, f64::INFINITY]), None);
    }
}
