//! Random streams of a training: one ChaCha8 stream per (seed, purpose, index), and the few laws drawn from them.
//!
//! The laws are written out because a library may change how it shuffles or draws a range in a minor release, and
//! the same seed must give the same bytes for as long as the algorithm's version stands.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

/// What a stream is for. Streams of different purposes share nothing, so a change in one leaves the others alone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Split,
    TrunkInit,
    BatchOrder,
    ChildInit,
    Shadow,
}

impl Purpose {
    /// At most 16 bytes.
    fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::TrunkInit => "trunk-init",
            Self::BatchOrder => "batch-order",
            Self::ChildInit => "child-init",
            Self::Shadow => "shadow",
        }
    }
}

/// One stream.
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    /// The key is the seed, the purpose's name and the index, side by side: distinct by construction.
    pub(super) fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let name = purpose.name().as_bytes();
        key[8..8 + name.len()].copy_from_slice(name);
        key[24..].copy_from_slice(&index.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in [0, 1) with 53 bits.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// Uniform in 0..`bound`, without bias, by masked rejection. `bound` is at least 1.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let most = bound as u64 - 1;
        let Some(mask) = u64::MAX.checked_shr(most.leading_zeros()) else { return 0 };
        loop {
            let word = self.0.next_u64() & mask;
            if word <= most {
                return word as usize;
            }
        }
    }

    /// Standard normal by Box and Muller; the second value of the pair is dropped, so draws do not depend on each other.
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.uniform()).cos()
    }

    /// Fisher and Yates.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// `count` different numbers of 0..`bound`, or all of them in random order when there are fewer.
    pub(super) fn sample(&mut self, bound: usize, count: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..bound).collect();
        let count = count.min(bound);
        for index in 0..count {
            numbers.swap(index, index + self.below(bound - index));
        }
        numbers.truncate(count);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let first = |seed, purpose, index| Stream::new(seed, purpose, index).0.next_u64();
        let base = first(1, Purpose::Split, 0);
        assert_eq!(base, first(1, Purpose::Split, 0));
        for other in [first(2, Purpose::Split, 0), first(1, Purpose::Shadow, 0), first(1, Purpose::Split, 1)]
        {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn draws_keep_to_their_laws() {
        let mut stream = Stream::new(3, Purpose::Split, 0);
        let mut counts = [0; 5];
        for _ in 0..50_000 {
            counts[stream.below(5)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        let normals: Vec<f64> = (0..50_000).map(|_| stream.normal()).collect();
        let mean = normals.iter().sum::<f64>() / 50_000.0;
        let variance = normals.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 50_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn samples_are_distinct_and_shuffles_keep_all() {
        let mut stream = Stream::new(3, Purpose::Split, 0);
        let mut sample = stream.sample(100, 30);
        sample.sort_unstable();
        sample.dedup();
        assert_eq!(sample.len(), 30);
        assert_eq!(stream.sample(3, 64).len(), 3);
        let mut items: Vec<usize> = (0..50).collect();
        stream.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
