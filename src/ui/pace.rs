//! How long a transfer will still take. Each byte takes its time, and so does each file, whatever its size: both are
//! learned from what was moved of late, by least squares. By bytes alone, thousands of small files behind a few large ones
//! would be done in a second; by files alone, they would take as long each as the large ones.

use std::time::Duration;

use cache::Tally;

/// Nothing is foretold before that.
const FIRST: Duration = Duration::from_secs(1);

/// How much of what was learned still counts when as many seconds have gone by as there are here: a third.
const MEMORY: f64 = 4.0;

/// What was learned so far.
#[derive(Debug, Default)]
pub struct Pace {
    /// When something was moved last, and how much there was then.
    last: (Duration, Tally),
    /// Sums over what was moved, the newest counting most.
    sums: Sums,
}

/// Of bytes, files and seconds, the sums of their products.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    bytes_bytes: f64,
    bytes_files: f64,
    files_files: f64,
    bytes_time: f64,
    files_time: f64,
}

impl Pace {
    /// Learns from how much is `done` after the time `elapsed`.
    pub fn note(&mut self, elapsed: Duration, done: Tally) {
        let (since, before) = self.last;
        let files = done.count.saturating_sub(before.count) as f64;
        let bytes = done.bytes.saturating_sub(before.bytes) as f64;
        // The time in which nothing came belongs to what comes next.
        if files + bytes == 0.0 {
            return;
        }
        self.last = (elapsed, done);
        let time = elapsed.saturating_sub(since).as_secs_f64();
        let fade = (-time / MEMORY).exp();
        let sums = &mut self.sums;
        for (sum, more) in [
            (&mut sums.bytes_bytes, bytes * bytes),
            (&mut sums.bytes_files, bytes * files),
            (&mut sums.files_files, files * files),
            (&mut sums.bytes_time, bytes * time),
            (&mut sums.files_time, files * time),
        ] {
            *sum = *sum * fade + more;
        }
    }

    /// The seconds until `all` is done, rounded up; `None` while that cannot be told, or where nothing is left.
    pub fn left(&self, elapsed: Duration, all: Tally) -> Option<u64> {
        let (_, done) = self.last;
        let files = all.count.saturating_sub(done.count) as f64;
        let bytes = all.bytes.saturating_sub(done.bytes) as f64;
        if elapsed < FIRST || files + bytes == 0.0 {
            return None;
        }
        let seconds = self.sums.seconds(bytes, files)?;
        Some(seconds.min(1e12).ceil().max(1.0) as u64)
    }
}

impl Sums {
    /// How long so many bytes and files take.
    fn seconds(&self, bytes: f64, files: f64) -> Option<f64> {
        let per = |time: f64, square: f64| (square > 0.0).then(|| time / square);
        let by_bytes = per(self.bytes_time, self.bytes_bytes).map(|per| per * bytes);
        let by_files = per(self.files_time, self.files_files).map(|per| per * files);
        let (square, product) = (self.bytes_bytes * self.files_files, self.bytes_files * self.bytes_files);
        let determinant = square - product;
        // Where each file was as large as the others, what takes the time cannot be told apart: the larger counts.
        if determinant <= 1e-6 * square {
            return [by_bytes, by_files].into_iter().flatten().reduce(f64::max);
        }
        let per_byte =
            (self.bytes_time * self.files_files - self.files_time * self.bytes_files) / determinant;
        let per_file =
            (self.files_time * self.bytes_bytes - self.bytes_time * self.bytes_files) / determinant;
        match (per_byte < 0.0, per_file < 0.0) {
            (true, _) => by_files,
            (_, true) => by_bytes,
            _ => Some(per_byte * bytes + per_file * files),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// Moves files one after the other, each taking 10 ns for each byte and a millisecond beside, and tells at each tenth of
    /// a second what is foretold and what is true.
    fn foretold(sizes: &[u64]) -> Vec<(Option<u64>, f64)> {
        let all = Tally { count: sizes.len(), bytes: sizes.iter().sum() };
        let cost = |size: u64| size as f64 * 1e-8 + 1e-3;
        let whole: f64 = sizes.iter().map(|size| cost(*size)).sum();
        let (mut pace, mut told) = (Pace::default(), Vec::new());
        let (mut done, mut gone, mut at) = (Tally::default(), 0.0, 0);
        for tick in 1..(whole * 10.0) as u32 {
            let now = f64::from(tick) / 10.0;
            while at < sizes.len() && gone + cost(sizes[at]) <= now {
                gone += cost(sizes[at]);
                done.bytes = sizes[..=at].iter().sum();
                done.count += 1;
                at += 1;
            }
            // Of the file that is under way, the bytes that went over.
            let part = sizes.get(at).map_or(0, |size| (((now - gone) * 1e8) as u64).min(*size));
            let elapsed = Duration::from_secs_f64(now);
            pace.note(elapsed, Tally { bytes: done.bytes + part, ..done });
            told.push((pace.left(elapsed, all), whole - now));
        }
        told
    }

    #[test]
    fn many_small_files_behind_large_ones_take_their_time() {
        let sizes: Vec<u64> = std::iter::repeat_n(50 * MB, 6).chain(std::iter::repeat_n(100, 4096)).collect();
        let told = foretold(&sizes);
        assert!(told[..9].iter().all(|(left, _)| left.is_none()), "none in the first second: {told:?}");
        assert!(told[9..].iter().all(|(left, _)| left.is_some()), "{told:?}");
        // From when the first small ones have gone over.
        for (left, is) in &told[34..] {
            let left = left.expect("an estimate") as f64;
            assert!(left >= is * 0.7 && left <= is * 1.4 + 1.0, "{left} for {is} in {told:?}");
        }
        // And never hours, as if each small one took as long as a large one.
        assert!(told.iter().all(|(left, _)| left.is_none_or(|left| left < 20)), "{told:?}");
    }

    #[test]
    fn files_of_one_size_take_as_long_as_those_before() {
        for size in [10, MB / 10, 20 * MB] {
            let told = foretold(&vec![size; (5.0 / (size as f64 * 1e-8 + 1e-3)) as usize]);
            for (left, is) in told.iter().skip(12) {
                let left = left.expect("an estimate") as f64;
                assert!(
                    left >= is * 0.7 && left <= is * 1.3 + 1.0,
                    "{left} for {is} of files of {size}: {told:?}"
                );
            }
        }
    }

    #[test]
    fn time_in_which_nothing_comes_counts() {
        let (mut pace, all) = (Pace::default(), Tally { count: 1, bytes: 100 * MB });
        for tick in 1..=40_u32 {
            let seconds = u64::from(tick) / 10;
            pace.note(Duration::from_millis(u64::from(tick) * 100), Tally { count: 0, bytes: seconds * MB });
        }
        assert_eq!(pace.left(Duration::from_secs(4), all), Some(96));
        assert_eq!(Pace::default().left(Duration::from_secs(4), all), None);
        pace.note(Duration::from_secs(5), all);
        assert_eq!(pace.left(Duration::from_secs(5), all), None, "nothing is left");
    }
}
