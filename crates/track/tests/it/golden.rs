//! Chunks written by version 1 must read for ever. The golden bytes were put together by hand from
//! docs/design/run-store.md, not by the encoder.

use base::Timestamp;
use track::{decode_chunk, encode_chunk};

const CHUNK_1: &str = include_str!("../golden/chunk-1.hex");

fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text.lines().filter_map(|line| line.split('#').next()).collect();
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal"))
        .collect()
}

#[test]
fn a_chunk_of_version_1() {
    let points = [
        (-1, Timestamp(1_000), 1.0),
        (0, Timestamp(1_020), -0.5),
        (300, Timestamp(1_010), f64::INFINITY),
        (i64::MAX, Timestamp(1_010), f64::NAN),
    ];
    assert_eq!(encode_chunk(&points), bytes(CHUNK_1));
    let read = decode_chunk(&bytes(CHUNK_1)).expect("a chunk");
    let bits = |points: &[(i64, Timestamp, f64)]| -> Vec<(i64, Timestamp, u64)> {
        points.iter().map(|point| (point.0, point.1, point.2.to_bits())).collect()
    };
    assert_eq!(bits(&read), bits(&points));
}
