//! Run ids: 32 lower-case hexadecimal digits, ordered by the time of their making.
//!
//! The layout is that of UUID version 7 (48 bits of milliseconds, version, 12 random bits, variant,
//! 62 random bits), written without dashes since MLflow's clients expect 32 hex digits.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use base::Timestamp;
use rand::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The identity of a run. Its order is the order of creation, within one process strictly.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(u128);

/// A text that is no run id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a run id: expected 32 lower-case hexadecimal digits")]
pub struct ParseRunIdError {
    text: String,
}

/// The newest id of this process; a clock that stands still or goes back must not undo the order.
static NEWEST: Mutex<u128> = Mutex::new(0);

const VERSION: u128 = 0x7 << 76;
const VERSION_MASK: u128 = 0xf << 76;
const VARIANT: u128 = 0b10 << 62;
const VARIANT_MASK: u128 = 0b11 << 62;

impl RunId {
    /// An id made now, greater than every id that this process made before.
    pub fn new(now: Timestamp, random: &mut impl Rng) -> Self {
        let drawn =
            Self::from_parts(now, (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64()));
        let mut newest = NEWEST.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = drawn.0.max(successor(*newest));
        RunId(*newest)
    }

    /// The id of the given moment and random bits, of which the lowest 80 are used (six of them give
    /// way to version and variant). A moment before 1970 counts as 1970.
    pub fn from_parts(now: Timestamp, random: u128) -> Self {
        let millis = u128::from(now.0.max(0).unsigned_abs()) & 0xffff_ffff_ffff;
        let random = random & ((1 << 80) - 1) & !VERSION_MASK & !VARIANT_MASK;
        RunId((millis << 80) | VERSION | VARIANT | random)
    }

    /// The same, or the next one after `other`, where it would not come after it.
    #[must_use]
    pub fn after(self, other: RunId) -> RunId {
        RunId(self.0.max(successor(other.0)))
    }

    /// The moment of its making, as far as the id tells: ids from other systems say nothing true.
    pub fn time(self) -> Timestamp {
        Timestamp((self.0 >> 80) as i64)
    }

    /// The last eight digits, for people: ids of one time begin alike, so short ids are the end of an id.
    pub fn short(self) -> String {
        self.to_string()[24..].to_owned()
    }

    /// The lowest 62 bits, which are random.
    pub(crate) fn random_bits(self) -> u64 {
        (self.0 as u64) & (u64::MAX >> 2)
    }
}

/// The next id in order; the carry skips over the fixed bits.
fn successor(id: u128) -> u128 {
    let random = (1 << 62) - 1;
    if id & random != random { id + 1 } else { RunId::from_parts(Timestamp(((id >> 80) + 1) as i64), 0).0 }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RunId {
    type Err = ParseRunIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || ParseRunIdError { text: text.to_owned() };
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(lower_hex) {
            return Err(fault());
        }
        u128::from_str_radix(text, 16).map(RunId).map_err(|_| fault())
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    #[test]
    fn layout_is_that_of_uuid_version_7() {
        let text = RunId::from_parts(Timestamp(0x0123_4567_89ab), u128::MAX).to_string();
        assert_eq!(text, "0123456789ab7fffbfffffffffffffff");
    }

    #[test]
    fn ordered_even_when_the_clock_stands_still_or_goes_back() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut last = RunId::new(Timestamp(1_000_000), &mut random);
        for step in 0..1000_i64 {
            let next = RunId::new(Timestamp(1_000_000 - step), &mut random);
            assert!(next > last, "{next} after {last}");
            last = next;
        }
    }

    #[test]
    fn text_reads_back_and_nothing_else_does() {
        let id = RunId::from_parts(Timestamp(1_763_721_727_045), 42);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.time(), Timestamp(1_763_721_727_045));
        for bad in ["", "0123", &"G".repeat(32), &"A".repeat(32), &"+0".repeat(16)] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn successor_skips_the_fixed_bits() {
        let full = RunId::from_parts(Timestamp(5), u128::MAX);
        let next = RunId(successor(full.0));
        assert_eq!(next.to_string(), "00000000000670008000000000000000");
    }
}
