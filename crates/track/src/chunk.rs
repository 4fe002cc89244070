//! The byte form of a stretch of metric history: one column each for steps, times and values.
//!
//! Steps and times are kept as differences, zigzag and in base 128, which is one or two bytes each
//! for a regular series; values are eight bytes, bit for bit. docs/design/run-store.md has the layout
//! and `tests/golden/` a chunk of every kind. Which metric it is, the row around it says.

use base::Timestamp;

/// The first byte of a chunk.
pub const CHUNK_VERSION: u8 = 1;

/// A point without its key: step, time, value.
pub type Point = (i64, Timestamp, f64);

/// Bytes that are no chunk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A later version of `pipe` wrote it.
    #[error("metric chunk has version {0}, this pipe knows {CHUNK_VERSION}")]
    Version(u8),
    /// It ends early, or has bytes too many.
    #[error("metric chunk is damaged")]
    Damaged,
}

/// Writes points in the order given; any order is allowed, a sorted one is small.
pub fn encode_chunk(points: &[Point]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + points.len() * 11);
    bytes.push(CHUNK_VERSION);
    push_varint(&mut bytes, points.len() as u64);
    push_deltas(&mut bytes, points.iter().map(|point| point.0));
    push_deltas(&mut bytes, points.iter().map(|point| point.1.0));
    for (_, _, value) in points {
        bytes.extend_from_slice(&value.to_bits().to_le_bytes());
    }
    bytes
}

/// Reads the points back in the order written.
///
/// # Errors
/// When the bytes are of another version, cut off, or longer than they say.
pub fn decode_chunk(bytes: &[u8]) -> Result<Vec<Point>, ChunkError> {
    let mut reader = Reader::new(bytes);
    let version = reader.byte()?;
    if version != CHUNK_VERSION {
        return Err(ChunkError::Version(version));
    }
    let count = usize::try_from(reader.varint()?).map_err(|_| ChunkError::Damaged)?;
    // A point takes ten bytes at least: a false count must not make us reserve memory.
    if count > reader.bytes.len() / 10 {
        return Err(ChunkError::Damaged);
    }
    let steps = reader.deltas(count)?;
    let times = reader.deltas(count)?;
    if reader.bytes.len() != count * 8 {
        return Err(ChunkError::Damaged);
    }
    let values =
        reader.bytes.as_chunks::<8>().0.iter().map(|bytes| f64::from_bits(u64::from_le_bytes(*bytes)));
    let points = steps.into_iter().zip(times).zip(values);
    Ok(points.map(|((step, time), value)| (step, Timestamp(time), value)).collect())
}

/// The values alone, without a look at what lies before them.
///
/// # Errors
/// When the bytes are of another version or too short for them.
pub(crate) fn chunk_values(bytes: &[u8]) -> Result<&[[u8; 8]], ChunkError> {
    let mut reader = Reader::new(bytes);
    let version = reader.byte()?;
    if version != CHUNK_VERSION {
        return Err(ChunkError::Version(version));
    }
    let count = usize::try_from(reader.varint()?).map_err(|_| ChunkError::Damaged)?;
    let length = count.checked_mul(8).ok_or(ChunkError::Damaged)?;
    let start = reader.bytes.len().checked_sub(length).ok_or(ChunkError::Damaged)?;
    Ok(reader.bytes[start..].as_chunks::<8>().0)
}

fn push_deltas(bytes: &mut Vec<u8>, numbers: impl Iterator<Item = i64>) {
    let mut last = 0_i64;
    for number in numbers {
        // Wrapping, since the two ends of int64 are legal steps and their difference is not.
        let delta = number.wrapping_sub(last);
        push_varint(bytes, ((delta << 1) ^ (delta >> 63)) as u64);
        last = number;
    }
}

pub(crate) fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes bytes from the front.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    /// So many bytes.
    pub(crate) fn take(&mut self, length: u64) -> Result<&'a [u8], ChunkError> {
        let length = usize::try_from(length).map_err(|_| ChunkError::Damaged)?;
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(ChunkError::Damaged)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, ChunkError> {
        let (first, rest) = self.bytes.split_first().ok_or(ChunkError::Damaged)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, ChunkError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(ChunkError::Damaged)
    }

    fn deltas(&mut self, count: usize) -> Result<Vec<i64>, ChunkError> {
        let mut last = 0_i64;
        (0..count)
            .map(|_| {
                let zigzag = self.varint()?;
                last = last.wrapping_add((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
                Ok(last)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(points: &[Point]) -> Vec<(i64, i64, u64)> {
        points.iter().map(|(step, time, value)| (*step, time.0, value.to_bits())).collect()
    }

    proptest! {
        #[test]
        fn any_points_read_back(points in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u64>()), 0..50)) {
            let points: Vec<Point> =
                points.into_iter().map(|(step, time, value)| (step, Timestamp(time), f64::from_bits(value))).collect();
            let read = decode_chunk(&encode_chunk(&points)).expect("what was written");
            prop_assert_eq!(bits(&read), bits(&points));
        }

        #[test]
        fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), versioned: bool) {
            let mut bytes = bytes;
            if versioned && !bytes.is_empty() {
                bytes[0] = CHUNK_VERSION;
            }
            let _ = decode_chunk(&bytes);
        }
    }

    #[test]
    fn a_cut_or_grown_chunk_is_refused() {
        let whole = encode_chunk(&[(1, Timestamp(1000), 0.5), (2, Timestamp(2000), 0.25)]);
        for length in 0..whole.len() {
            assert!(decode_chunk(&whole[..length]).is_err(), "{length}");
        }
        assert_eq!(decode_chunk(&[whole.as_slice(), &[0]].concat()), Err(ChunkError::Damaged));
        assert_eq!(decode_chunk(&[2, 0]), Err(ChunkError::Version(2)));
    }

    #[test]
    fn a_regular_series_takes_eleven_bytes_a_point() {
        let points: Vec<Point> = (0..1000).map(|i| (i, Timestamp(1_763_721_727_045 + i * 20), 0.1)).collect();
        assert!(encode_chunk(&points).len() < 10_100);
    }
}
