//! The activations that pass each block, kept for shadow training and for choosing a seed.
//!
//! All seeds of a block see the same activations, so they are kept once per block, as handles to tensors that exist
//! anyway: filling the buffer copies nothing. At most `buffer_length` batches per block stay, the oldest go first;
//! that caps the memory at `num_layers * buffer_length * rows per batch * hidden_dim * 4` bytes.

use std::collections::VecDeque;

use burn::tensor::{Tensor, TensorData};

use super::network::floats;
use super::random::Stream;
use super::seed::{Seed, SeedState};
use crate::TrainConfig;

/// One ring of batches per block.
pub(super) struct Buffers {
    rings: Vec<VecDeque<Tensor<2>>>,
    length: usize,
}

impl Buffers {
    pub(super) fn new(blocks: usize, length: usize) -> Self {
        Self { rings: vec![VecDeque::new(); blocks], length }
    }

    /// Keeps a batch (rows, width) for the seeds of its block; active seeds take none.
    pub(super) fn push(&mut self, block: usize, activation: &Tensor<2>, seeds: &[Seed]) {
        let ring = &mut self.rings[block];
        if seeds.iter().all(|seed| seed.state == SeedState::Active) {
            ring.clear();
            return;
        }
        if ring.len() == self.length {
            ring.pop_front();
        }
        ring.push_back(activation.clone().inner());
    }

    pub(super) fn batches(&self, block: usize) -> usize {
        self.rings[block].len()
    }

    /// Mean over features of the unbiased variance over all kept rows; infinite for a buffer too short to judge.
    pub(super) fn health(&self, block: usize, minimum: usize) -> f64 {
        let ring = &self.rings[block];
        if ring.len() < minimum {
            return f64::INFINITY;
        }
        let width = ring[0].dims()[1];
        let batches: Vec<Vec<f32>> = ring.iter().map(|batch| floats(batch.clone())).collect();
        let rows = batches.iter().map(|batch| batch.len() / width).sum::<usize>();
        let mut mean = vec![0.0f64; width];
        for row in batches.iter().flat_map(|batch| batch.chunks_exact(width)) {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value));
        }
        for mean in &mut mean {
            *mean /= rows as f64;
        }
        let mut squares = vec![0.0f64; width];
        for row in batches.iter().flat_map(|batch| batch.chunks_exact(width)) {
            for ((square, mean), value) in squares.iter_mut().zip(&mean).zip(row) {
                *square += (f64::from(*value) - mean).powi(2);
            }
        }
        squares.iter().sum::<f64>() / (rows.max(2) - 1) as f64 / width as f64
    }

    /// Rows for one shadow step: some batches without replacement, then some of their rows.
    pub(super) fn sample(&self, block: usize, config: &TrainConfig, stream: &mut Stream) -> TensorData {
        let ring = &self.rings[block];
        let batches = stream.sample(ring.len(), config.shadow_entries);
        let places: Vec<(usize, usize)> =
            batches.iter().flat_map(|batch| (0..ring[*batch].dims()[0]).map(|row| (*batch, row))).collect();
        let mut chosen: Vec<(usize, usize)> = stream
            .sample(places.len(), config.shadow_batch_size)
            .iter()
            .map(|place| places[*place])
            .collect();
        // By batch, so that each batch is read once; the order of rows means nothing to a mean.
        chosen.sort_unstable();
        let width = ring.front().map_or(0, |batch| batch.dims()[1]);
        let mut values = Vec::with_capacity(chosen.len() * width);
        for group in chosen.chunk_by(|a, b| a.0 == b.0) {
            let batch = floats(ring[group[0].0].clone());
            for (_, row) in group {
                values.extend_from_slice(&batch[row * width..(row + 1) * width]);
            }
        }
        TensorData::new(values, [chosen.len(), width])
    }
}

#[cfg(test)]
mod tests {
    use super::super::random::Purpose;
    use super::super::seed::SeedId;
    use super::*;
    use burn::tensor::Device;

    fn filled(batches: usize) -> Buffers {
        let mut buffers = Buffers::new(1, 12);
        let seeds = [Seed::new(SeedId { layer: 1, index: 1 })];
        for batch in 0..batches {
            let first = 2.0 * batch as f32;
            let data = TensorData::new(vec![first, 1.0, first + 1.0, 1.0], [2, 2]);
            buffers.push(0, &Tensor::from_data(data, &Device::flex()), &seeds);
        }
        buffers
    }

    #[test]
    fn health_is_the_mean_unbiased_variance() {
        assert_eq!(filled(9).health(0, 10), f64::INFINITY);
        // The first feature runs 0..20, with variance 20 * 21 / 12; the second is constant.
        assert!((filled(10).health(0, 10) - 17.5).abs() < 1e-9);
    }

    #[test]
    fn the_oldest_batches_go_first() {
        let buffers = filled(15);
        assert_eq!(buffers.batches(0), 12);
        // 24 rows remain, 6..30, with variance 24 * 25 / 12.
        assert!((buffers.health(0, 10) - 25.0).abs() < 1e-9);
    }

    #[test]
    fn samples_are_distinct_kept_rows() {
        let config = TrainConfig { shadow_entries: 5, shadow_batch_size: 8, ..TrainConfig::default() };
        let data = filled(12).sample(0, &config, &mut Stream::new(1, Purpose::Shadow, 0));
        assert_eq!(data.shape().to_vec(), [8, 2]);
        let rows: Vec<f32> =
            data.try_into_vec_as::<f32>().expect("f32").chunks(2).map(|row| row[0]).collect();
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]) && rows[7] < 24.0, "{rows:?}");
    }

    #[test]
    fn active_seeds_keep_nothing() {
        let mut buffers = filled(3);
        let mut seed = Seed::new(SeedId { layer: 1, index: 1 });
        seed.state = SeedState::Active;
        let data = TensorData::new(vec![0.0f32, 0.0], [1, 2]);
        buffers.push(0, &Tensor::from_data(data, &Device::flex()), &[seed]);
        assert_eq!(buffers.batches(0), 0);
    }
}
