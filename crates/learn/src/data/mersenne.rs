//! numpy's legacy generator (`RandomState`, MT19937), bit for bit: polar normals and the shuffle.
//!
//! scikit-learn's moons and blobs still draw from it. The generator is the one of Matsumoto and Nishimura (1998).

const WORDS: usize = 624;
const SHIFT: usize = 397;

/// numpy's `RandomState(seed)`.
pub(super) struct RandomState {
    words: [u32; WORDS],
    position: usize,
    /// The second value of the last polar pair.
    spare: Option<f64>,
}

impl RandomState {
    pub(super) fn new(seed: u32) -> Self {
        let mut words = [0u32; WORDS];
        words[0] = seed;
        for index in 1..WORDS {
            let previous = words[index - 1];
            words[index] = (previous ^ previous >> 30).wrapping_mul(1_812_433_253).wrapping_add(index as u32);
        }
        Self { words, position: WORDS, spare: None }
    }

    fn refill(&mut self) {
        for index in 0..WORDS {
            let joined = self.words[index] & 0x8000_0000 | self.words[(index + 1) % WORDS] & 0x7fff_ffff;
            let twist = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.words[index] = self.words[(index + SHIFT) % WORDS] ^ joined >> 1 ^ twist;
        }
        self.position = 0;
    }

    fn next_u32(&mut self) -> u32 {
        if self.position == WORDS {
            self.refill();
        }
        let mut word = self.words[self.position];
        self.position += 1;
        word ^= word >> 11;
        word ^= word << 7 & 0x9d2c_5680;
        word ^= word << 15 & 0xefc6_0000;
        word ^ word >> 18
    }

    fn uniform(&mut self) -> f64 {
        let high = f64::from(self.next_u32() >> 5);
        let low = f64::from(self.next_u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// Standard normal by the polar method; the pair's second value is kept for the next call.
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let x = 2.0 * self.uniform() - 1.0;
            let y = 2.0 * self.uniform() - 1.0;
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(factor * x);
                return factor * y;
            }
        }
    }

    /// A random order of 0..count, as `shuffle` leaves `arange(count)`.
    pub(super) fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            let mask = u32::MAX >> (last as u32).leading_zeros();
            let other = loop {
                let word = (self.next_u32() & mask) as usize;
                if word <= last {
                    break word;
                }
            };
            order.swap(last, other);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normals_are_numpys() {
        let mut state = RandomState::new(42);
        assert_eq!(state.normal(), 0.496_714_153_011_232_7);
        assert_eq!(state.normal(), -0.138_264_301_171_184_66);
    }

    #[test]
    fn shuffle_is_numpys() {
        assert_eq!(RandomState::new(42).permutation(10), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
    }
}
