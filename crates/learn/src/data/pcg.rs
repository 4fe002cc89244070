//! numpy's default generator, bit for bit: `SeedSequence`, PCG64 (XSL-RR), uniforms, ziggurat normals, permutations.
//!
//! Only what the data sets draw is here. The laws are those of numpy's `Generator`; the tests hold values printed
//! by numpy 2.4 itself. The rare outer branches of the ziggurat call `exp` and `ln_1p`, the only place where two
//! platforms could differ.

use super::ziggurat::{ACCEPT_BELOW, DENSITY_BITS, WIDTH_BITS};

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
/// Right edge of the base layer of the ziggurat, and its inverse.
const EDGE: f64 = 3.654_152_885_361_009;
const INVERSE_EDGE: f64 = 0.273_661_237_329_758_3;

/// numpy's `Generator(PCG64(seed))`.
#[derive(Clone, Debug)]
pub(super) struct Pcg64 {
    state: u128,
    increment: u128,
    /// The upper half of the last 64 bits, when only the lower was handed out.
    half: Option<u32>,
}

impl Pcg64 {
    /// Seeded as `default_rng(seed)`.
    pub(super) fn new(seed: u64) -> Self {
        let words = seed_words(seed);
        let state = u128::from(words[0]) << 64 | u128::from(words[1]);
        let sequence = u128::from(words[2]) << 64 | u128::from(words[3]);
        let mut pcg = Self { state: 0, increment: sequence << 1 | 1, half: None };
        pcg.advance();
        pcg.state = pcg.state.wrapping_add(state);
        pcg.advance();
        pcg
    }

    fn advance(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        self.advance();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let word = self.next_u64();
        self.half = Some((word >> 32) as u32);
        word as u32
    }

    /// Uniform in [0, 1) with 53 bits.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    pub(super) fn uniforms(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.uniform()).collect()
    }

    /// Standard normal by the ziggurat of 256 layers.
    pub(super) fn normal(&mut self) -> f64 {
        loop {
            let word = self.next_u64();
            let layer = (word & 0xff) as usize;
            let negative = word >> 8 & 1 == 1;
            let draw = word >> 9 & 0x000f_ffff_ffff_ffff;
            let size = draw as f64 * f64::from_bits(WIDTH_BITS[layer]);
            let value = if negative { -size } else { size };
            if draw < ACCEPT_BELOW[layer] {
                return value;
            }
            if layer == 0 {
                return self.tail(draw >> 8 & 1 == 1);
            }
            let (upper, lower) =
                (f64::from_bits(DENSITY_BITS[layer - 1]), f64::from_bits(DENSITY_BITS[layer]));
            if (upper - lower) * self.uniform() + lower < (-0.5 * value * value).exp() {
                return value;
            }
        }
    }

    /// Beyond the base layer, by Marsaglia's exponential rejection.
    fn tail(&mut self, negative: bool) -> f64 {
        loop {
            let x = -INVERSE_EDGE * (-self.uniform()).ln_1p();
            let y = -(-self.uniform()).ln_1p();
            if y + y > x * x {
                return if negative { -(EDGE + x) } else { EDGE + x };
            }
        }
    }

    pub(super) fn normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.normal()).collect()
    }

    /// Uniform in 0..=max by masked rejection, of 32 bits where they suffice.
    fn bounded(&mut self, max: usize) -> usize {
        let max = max as u64;
        let Some(mask) = u64::MAX.checked_shr(max.leading_zeros()) else { return 0 };
        loop {
            let word = if max <= u64::from(u32::MAX) { u64::from(self.next_u32()) } else { self.next_u64() };
            if word & mask <= max {
                return (word & mask) as usize;
            }
        }
    }

    /// A random order of 0..count.
    pub(super) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            let other = self.bounded(last);
            order.swap(last, other);
        }
        order
    }
}

/// The four 64-bit words that `SeedSequence(seed)` hands to PCG64.
fn seed_words(seed: u64) -> [u64; 4] {
    let pool = seed_pool(seed);
    let mut constant = 0x8b51_f9dd_u32;
    let mut halves = [0u32; 8];
    for (index, half) in halves.iter_mut().enumerate() {
        let mut value = pool[index % 4] ^ constant;
        constant = constant.wrapping_mul(0x58f3_8ded);
        value = value.wrapping_mul(constant);
        *half = value ^ value >> 16;
    }
    std::array::from_fn(|index| u64::from(halves[2 * index]) | u64::from(halves[2 * index + 1]) << 32)
}

/// The entropy pool of `SeedSequence(seed)`: each word of the seed hashed in, then every word mixed into every other.
fn seed_pool(seed: u64) -> [u32; 4] {
    let mut constant = 0x43b0_d7e5_u32;
    let mut hash = |value: u32| {
        let mut value = value ^ constant;
        constant = constant.wrapping_mul(0x931e_8875);
        value = value.wrapping_mul(constant);
        value ^ value >> 16
    };
    let entropy = [seed as u32, (seed >> 32) as u32, 0, 0];
    let mut pool = entropy.map(&mut hash);
    for source in 0..4 {
        for target in 0..4 {
            if source != target {
                let mixed = 0xca01_f9dd_u32
                    .wrapping_mul(pool[target])
                    .wrapping_sub(0x4973_f715_u32.wrapping_mul(hash(pool[source])));
                pool[target] = mixed ^ mixed >> 16;
            }
        }
    }
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_sequence_gives_numpys_words() {
        let expected =
            [0x9f1e_2e6d_cd54_0ab7, 0xd578_73dc_79fb_94b6, 0x7d28_2a1b_64d4_20b7, 0x3365_7971_4692_d5ff];
        assert_eq!(seed_words(42), expected);
    }

    #[test]
    fn state_and_first_words_are_numpys() {
        let mut pcg = Pcg64::new(42);
        assert_eq!(pcg.state, 0xcea4_4f67_9879_8f2a_acbc_7c9d_6886_0ac8);
        assert_eq!(pcg.increment, 0xfa50_5436_c9a8_416e_66ca_f2e2_8d25_abff);
        assert_eq!([pcg.next_u64(), pcg.next_u64()], [0xc621_fbcd_16d9_2688, 0x705a_5661_a791_ffc1]);
    }

    #[test]
    fn uniforms_and_normals_are_numpys() {
        assert_eq!(Pcg64::new(42).uniforms(2), [0.773_956_048_555_963_3, 0.438_878_439_752_052_3]);
        assert_eq!(Pcg64::new(42).normals(2), [0.304_717_079_754_431_35, -1.039_984_106_240_495_5]);
    }

    // Sums over a million draws pass through every layer, the wedges and the tail.
    #[test]
    fn a_million_normals_are_numpys() {
        let normals = Pcg64::new(MILLION_SEED).normals(1_000_000);
        let folded = normals.iter().fold(0u64, |sum, value| sum.rotate_left(1) ^ value.to_bits());
        assert_eq!(folded, MILLION_FOLDED);
    }

    const MILLION_SEED: u64 = 7;
    const MILLION_FOLDED: u64 = 0xc60e1b4f40d92612;

    #[test]
    fn permutation_is_numpys() {
        assert_eq!(Pcg64::new(42).permutation(10), [5, 6, 0, 7, 3, 2, 4, 9, 1, 8]);
        assert_eq!(Pcg64::new(42).permutation(0), [0usize; 0]);
    }
}
