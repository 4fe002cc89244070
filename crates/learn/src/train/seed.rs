//! A seed: a slot after a block, and its one state machine.
//!
//! dormant -> training -> blending -> active. Every transition goes through [`Seed::tick`] or [`Seed::germinate`],
//! so they can be counted there. The child's weights live in the network, not here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::TrainConfig;

/// Where a seed stands. The order is that of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedState {
    /// Passes its input on; its child does not exist yet.
    Dormant,
    /// Passes its input on while the child learns to copy it.
    Training,
    /// Mixes input and child: `(1 - alpha) x + alpha f(x)`.
    Blending,
    /// Adds the child: `x + f(x)`. Terminal.
    Active,
}

impl SeedState {
    /// The name in logs, files and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dormant => "dormant",
            Self::Training => "training",
            Self::Blending => "blending",
            Self::Active => "active",
        }
    }
}

impl fmt::Display for SeedState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Names a seed by its block and its place in it, both from 1: `seed1_2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SeedId {
    /// The block, from 1.
    pub layer: usize,
    /// The place in the block, from 1.
    pub index: usize,
}

impl fmt::Display for SeedId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "seed{}_{}", self.layer, self.index)
    }
}

impl From<SeedId> for String {
    fn from(id: SeedId) -> String {
        id.to_string()
    }
}

impl FromStr for SeedId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.strip_prefix("seed").and_then(|rest| rest.split_once('_'));
        let numbers = parts.and_then(|(layer, index)| Some((layer.parse().ok()?, index.parse().ok()?)));
        let (layer, index) = numbers.ok_or_else(|| format!("{text:?} is no seed id"))?;
        Ok(Self { layer, index })
    }
}

impl TryFrom<String> for SeedId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// One seed without its weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    /// Its name.
    pub id: SeedId,
    /// Where it stands.
    pub state: SeedState,
    /// Share of the child in the output: 0 before blending; when active it stands where the blend ended, near 1.
    pub alpha: f64,
    /// Grows with each shadow step, from 0 to at most 1.
    pub progress: f64,
}

/// What one tick did to a seed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tick {
    /// Transitions in order; the batch that ends training also starts blending, and with few steps ends it.
    pub(super) began_blending: bool,
    pub(super) became_active: bool,
    pub(super) alpha_moved: bool,
}

impl Seed {
    pub(super) fn new(id: SeedId) -> Self {
        Self { id, state: SeedState::Dormant, alpha: 0.0, progress: 0.0 }
    }

    /// Starts a dormant seed's life.
    pub(super) fn germinate(&mut self) {
        self.state = SeedState::Training;
        self.progress = 0.0;
    }

    /// Called after every training batch, `shadowed` when the child made a shadow step in it.
    ///
    /// Progress is added up in steps of 0.01 and compared with `>`, as in the original: with its rounding the
    /// threshold 0.6 is passed at the 60th step.
    pub(super) fn tick(&mut self, shadowed: bool, config: &TrainConfig) -> Tick {
        let mut tick = Tick::default();
        if self.state == SeedState::Training && shadowed {
            self.progress = (self.progress + config.progress_step).min(1.0);
            if self.progress > config.progress_thresh {
                self.state = SeedState::Blending;
                self.alpha = 0.0;
                tick.began_blending = true;
            }
        }
        if self.state == SeedState::Blending {
            self.alpha = (self.alpha + 1.0 / config.blend_steps as f64).min(1.0);
            tick.alpha_moved = true;
            if self.alpha >= config.blend_done {
                self.state = SeedState::Active;
                tick.became_active = true;
            }
        }
        tick
    }

    /// Whether the child's output reaches the network's.
    pub(super) fn contributes(&self) -> bool {
        matches!(self.state, SeedState::Blending | SeedState::Active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shadow steps and blend steps of a whole life.
    fn life(progress_thresh: f64, blend_steps: usize) -> (usize, usize) {
        let config = TrainConfig { progress_thresh, blend_steps, ..TrainConfig::default() };
        let mut seed = Seed::new(SeedId { layer: 1, index: 1 });
        seed.germinate();
        let (mut shadow, mut blend) = (0, 0);
        while seed.state != SeedState::Active {
            let tick = seed.tick(true, &config);
            shadow += usize::from(seed.state == SeedState::Training || tick.began_blending);
            blend += usize::from(tick.alpha_moved);
        }
        (shadow, blend)
    }

    #[test]
    fn lives_last_as_long_as_the_originals() {
        for (thresh, shadow) in [(0.5, 50), (0.6, 60), (0.7, 70), (0.8, 80)] {
            assert_eq!(life(thresh, 30).0, shadow, "threshold {thresh}");
        }
        for (steps, blend) in [(1, 1), (10, 10), (20, 20), (30, 30), (50, 50), (100, 99), (200, 198)] {
            assert_eq!(life(0.6, steps).1, blend, "blend_steps {steps}");
        }
    }

    #[test]
    fn without_shadow_steps_nothing_moves() {
        let mut seed = Seed::new(SeedId { layer: 2, index: 1 });
        assert_eq!(seed.tick(true, &TrainConfig::default()), Tick::default());
        seed.germinate();
        assert_eq!(seed.tick(false, &TrainConfig::default()), Tick::default());
        assert_eq!(seed.state, SeedState::Training);
    }

    #[test]
    fn ids_read_back() {
        let id = SeedId { layer: 3, index: 12 };
        assert_eq!(id.to_string(), "seed3_12");
        assert_eq!("seed3_12".parse(), Ok(id));
        assert!("seed3".parse::<SeedId>().is_err());
    }
}
