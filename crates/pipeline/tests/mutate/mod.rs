//! Random changes to texts that a parser knows, for as long as `PIPE_TEST_FUZZ_SECONDS` says (2 by default).
//!
//! Each input follows from the seed and its number alone; `PIPE_TEST_FUZZ_SEED` repeats a session. A parser that
//! panics, or thinks for longer than anybody waits, is told with the text that made it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// No text of a few thousand characters may take longer, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A splitmix generator: small, and nobody else's.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound.max(1) as u64).expect("below the bound")
    }
}

#[allow(clippy::disallowed_methods, reason = "a test asks its caller how long it may take")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// The same each time, so that what passes once passes always; `PIPE_TEST_FUZZ_SEED` names another, and `now` one that was not
/// there before.
#[allow(clippy::disallowed_methods, reason = "a test asks its caller where it begins")]
fn seed() -> u64 {
    match std::env::var("PIPE_TEST_FUZZ_SEED").as_deref() {
        Err(_) => 1,
        Ok("now") => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
            u64::from(now.subsec_nanos()) << 16
        }
        Ok(text) => text.parse().expect("a number, or `now`"),
    }
}

/// Gives `parser` mutations of `corpus` until the time is over. `words` are put in between.
#[allow(clippy::disallowed_macros, clippy::print_stdout, reason = "a seed that nobody sees repeats nothing")]
pub fn fuzz(name: &str, corpus: &[&str], words: &[&str], parser: impl Fn(&[u8])) {
    let seconds = number("PIPE_TEST_FUZZ_SECONDS").unwrap_or(2);
    let seed = seed();
    println!("{name}: {seconds} s from PIPE_TEST_FUZZ_SEED={seed}");
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut count = 0_u64;
    while Instant::now() < end {
        let mut random = Random(seed.wrapping_add(count).wrapping_mul(0xd134_2543_de82_ef95));
        let bytes = mutated(&mut random, corpus, words);
        let begun = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| parser(&bytes)));
        let told = || format!("{name}: input {count} of seed {seed}:\n{}", String::from_utf8_lossy(&bytes));
        assert!(ended.is_ok(), "a panic; {}", told());
        assert!(begun.elapsed() < PATIENCE, "{:?}; {}", begun.elapsed(), told());
        count += 1;
    }
    println!("{name}: {count} inputs");
}

fn mutated(random: &mut Random, corpus: &[&str], words: &[&str]) -> Vec<u8> {
    let pick = |random: &mut Random, from: &[&str]| from[random.below(from.len())].as_bytes().to_vec();
    let mut bytes = pick(random, corpus);
    for _ in 0..1 + random.below(6) {
        let at = random.below(bytes.len() + 1);
        let length = [1, 2, 8, 40][random.below(4)].min(bytes.len() - at);
        match random.below(10) {
            0 => drop(bytes.drain(at..at + length)),
            1 => {
                let copy = bytes[at..at + length].to_vec();
                bytes.splice(at..at, copy);
            }
            2 | 3 => {
                let word = pick(random, words);
                bytes.splice(at..at + length * random.below(2), word);
            }
            4 => {
                let word = pick(random, words).repeat(1 + random.below(300));
                bytes.splice(at..at, word);
            }
            5 => {
                let other = pick(random, corpus);
                let from = random.below(other.len() + 1);
                let until = (from + random.below(80)).min(other.len());
                bytes.splice(at..at + length, other[from..until].to_vec());
            }
            6 => {
                let other = bytes.clone();
                let from = random.below(other.len() + 1);
                let until = (from + length).min(other.len());
                bytes.splice(at..at + length, other[from..until].to_vec());
            }
            7 => bytes.truncate(at),
            8 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).expect("a byte"),
            _ if at < bytes.len() => bytes[at] ^= 1 << random.below(7),
            _ => {}
        }
        bytes.truncate(8192);
    }
    bytes
}
