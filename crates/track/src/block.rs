//! The byte form of what one set of changes logged to a run: for each metric its number and a chunk of its points.
//!
//! docs/design/run-store.md has the layout and `tests/golden/` a block. A reader of one metric passes over the others
//! without reading them.

use crate::chunk::{Point, Reader, push_varint};
use crate::{ChunkError, decode_chunk, encode_chunk};

/// The first byte of a block.
pub const BLOCK_VERSION: u8 = 1;

/// Writes points of some metrics.
pub fn encode_block<'a>(series: impl Iterator<Item = (i64, &'a [Point])>) -> Vec<u8> {
    let mut bytes = vec![BLOCK_VERSION];
    for (key, points) in series {
        let chunk = encode_chunk(points);
        push_varint(&mut bytes, key as u64);
        push_varint(&mut bytes, chunk.len() as u64);
        bytes.extend(chunk);
    }
    bytes
}

/// Reads all points back, metric by metric, in the order written.
///
/// # Errors
/// When the bytes are of another version, or damaged.
pub fn decode_block(bytes: &[u8]) -> Result<Vec<(i64, Vec<Point>)>, ChunkError> {
    let mut series = Vec::new();
    each(bytes, |key, chunk| {
        series.push((key, decode_chunk(chunk)?));
        Ok(())
    })?;
    Ok(series)
}

/// Reads the points of one metric.
pub(crate) fn points_of(bytes: &[u8], wanted: i64) -> Result<Vec<Point>, ChunkError> {
    let mut points = Vec::new();
    each(bytes, |key, chunk| {
        if key == wanted {
            points.extend(decode_chunk(chunk)?);
        }
        Ok(())
    })?;
    Ok(points)
}

fn each(bytes: &[u8], mut take: impl FnMut(i64, &[u8]) -> Result<(), ChunkError>) -> Result<(), ChunkError> {
    let mut reader = Reader::new(bytes);
    let version = reader.byte()?;
    if version != BLOCK_VERSION {
        return Err(ChunkError::Version(version));
    }
    while !reader.is_at_end() {
        let key = reader.varint()? as i64;
        let length = reader.varint()?;
        take(key, reader.take(length)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use base::Timestamp;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_metric_is_found_among_others() {
        let point = |step| (step, Timestamp(1000 + step), 0.5);
        let series = [(1, vec![point(1), point(2)]), (300, vec![point(7)])];
        let block = encode_block(series.iter().map(|(key, points)| (*key, points.as_slice())));
        assert_eq!(decode_block(&block), Ok(series.to_vec()));
        assert_eq!(points_of(&block, 300), Ok(vec![point(7)]));
        assert_eq!(points_of(&block, 2), Ok(vec![]));
        for length in 2..block.len() {
            // Cut between two metrics it is a block of the first.
            assert!(
                decode_block(&block[..length]).is_err()
                    || decode_block(&block[..length]) == Ok(vec![series[0].clone()])
            );
        }
        assert_eq!(decode_block(&[2]), Err(ChunkError::Version(2)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_block(&bytes);
            let _ = decode_block(&[&[BLOCK_VERSION], bytes.as_slice()].concat());
        }
    }
}
