//! Files as numpy writes them, and everything that can be wrong with one.

use super::super::npz_write::archive;
use super::*;

/// An npy file with the given header fields.
fn npy(kind: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// An archive of a good `X` of two rows and two columns and a given `y`, or the other way round.
fn with_labels(labels: &[u8]) -> Vec<u8> {
    archive(&[("X.npy", &npy("'<f4'", "False", "(2, 2)", &floats(&[1.0, 2.0, 3.0, 4.0]))), ("y.npy", labels)])
}

fn with_features(features: &[u8]) -> Vec<u8> {
    archive(&[("X.npy", features), ("y.npy", &npy("'|u1'", "False", "(2,)", &[0, 1]))])
}

#[track_caller]
fn assert_fault(bytes: &[u8], expected: &str) {
    let fault = dataset_from_npz(bytes).expect_err("the file is broken");
    assert!(fault.contains(expected), "{fault:?} does not say {expected:?}");
}

/// Made by numpy 2.4: savez_compressed of X = [[1.5, -2], [3, 4], [5, 6.25]] as >f8 in Fortran order, y = [0, 1, 1] as u1.
const DEFLATED: &str = "\
    504b03042d0000000800000021007501b545ffffffffffffffff05001400582e6e707901001000b00000000000000059\
    000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9766a1aea3a09e965f54529498179f5f94920a\
    120f292a4d050a17672416a402b91ac63a0a469a3a0ab50ae4032efb1f0c60e0c001a54520f40106285f004a4b426800\
    504b03042d000000080000002100f2bb6f75ffffffffffffffff05001400792e6e707901001000830000000000000047\
    000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a05e536aa8aea3a09e965f54529498179f5f94920a\
    12774bcc294e058a17672416a402f91ac63a9a3a0ab50a14002e06464600504b01022d032d0000000800000021007501\
    b54559000000b0000000050000000000000000000000800100000000582e6e7079504b01022d032d0000000800000021\
    00f2bb6f754700000083000000050000000000000000000000800190000000792e6e7079504b05060000000002000200\
    660000000e0100000000";

fn from_hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hex digit") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

#[test]
fn deflated_big_endian_fortran_order_reads() {
    let dataset = dataset_from_npz(&from_hex(DEFLATED)).expect("numpy wrote it");
    assert_eq!(dataset.features, ndarray::arr2(&[[1.5f32, -2.0], [3.0, 4.0], [5.0, 6.25]]));
    assert_eq!(dataset.labels, [0, 1, 1]);
}

#[test]
fn every_kind_of_number_reads() {
    let ones = |kind: &str, one: &[u8]| {
        let data: Vec<u8> = one.repeat(4);
        let dataset = dataset_from_npz(&with_features(&npy(&format!("'{kind}'"), "False", "(2, 2)", &data)));
        assert_eq!(dataset.expect(kind).features, ndarray::arr2(&[[1.0f32, 1.0], [1.0, 1.0]]), "{kind}");
    };
    ones("<f4", &1f32.to_le_bytes());
    ones("<f8", &1f64.to_le_bytes());
    ones(">f4", &1f32.to_be_bytes());
    ones("<i4", &1i32.to_le_bytes());
    ones("<i8", &1i64.to_le_bytes());
    ones("|i1", &[1]);
    let labels = |kind: &str, zero: &[u8], one: &[u8]| {
        let bytes = with_labels(&npy(&format!("'{kind}'"), "False", "(2,)", &[zero, one].concat()));
        assert_eq!(dataset_from_npz(&bytes).expect(kind).labels, [0, 1], "{kind}");
    };
    labels("<i2", &[0, 0], &[1, 0]);
    labels(">i4", &[0; 4], &[0, 0, 0, 1]);
    labels("<u8", &[0; 8], &1u64.to_le_bytes());
}

#[test]
fn what_is_no_npz_is_refused() {
    assert_fault(b"", "not an npz archive");
    assert_fault(b"X,y\n1,2\n", "not an npz archive");
    let whole = with_labels(&npy("'|u1'", "False", "(2,)", &[0, 1]));
    assert!(dataset_from_npz(&whole).is_ok());
    for end in 0..whole.len() {
        assert!(dataset_from_npz(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn no_single_wrong_byte_is_a_panic() {
    let whole = with_labels(&npy("'|u1'", "False", "(2,)", &[0, 1]));
    for index in 0..whole.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[index] ^= flip;
            let _ = dataset_from_npz(&bytes);
        }
    }
}

#[test]
fn missing_arrays_are_named_with_those_that_are_there() {
    assert_fault(&archive(&[("a.npy", b""), ("b.npy", b"")]), "no array X in the archive (it has a, b)");
    assert_fault(&archive(&[]), "no array X in the archive (it is empty)");
}

#[test]
fn wrong_types_and_shapes_are_named() {
    let features = |kind, shape, size| with_features(&npy(kind, "False", shape, &vec![0; size]));
    assert_fault(&features("'<f2'", "(2, 2)", 8), "array X has the type \"<f2\"");
    assert_fault(&features("'<U2'", "(2, 2)", 32), "array X has the type \"<U2\"");
    assert_fault(&features("'|O'", "(2, 2)", 32), "array X has the type \"|O\"");
    assert_fault(&features("[('a', '<i4'), ('b', '<f8')]", "(2,)", 24), "array X has the type \"a record\"");
    assert_fault(&features("'<f4'", "(4,)", 16), "array X has 1 axes but must have 2");
    assert_fault(&features("'<f4'", "()", 4), "array X has 0 axes");
    assert_fault(&features("'<f4'", "(0, 2)", 0), "array X is empty (shape 0 x 2)");
    assert_fault(&features("'<f4'", "(3, 2)", 24), "array X has 3 rows but y has 2 labels");
    let float_labels = npy("'<f8'", "False", "(2,)", &[0; 16]);
    assert_fault(&with_labels(&float_labels), "array y has the type \"<f8\" but must be an integer");
    assert_fault(
        &with_labels(&npy("'|u1'", "False", "(2, 1)", &[0, 1])),
        "array y has 2 axes but must have 1",
    );
}

#[test]
fn declared_sizes_allocate_nothing() {
    let huge = npy("'<f8'", "False", "(4611686018427387904, 4)", &[0; 32]);
    assert_fault(&with_features(&huge), "declares the shape");
    let large = npy("'<f4'", "False", "(100000000000, 2)", &[0; 16]);
    assert_fault(&with_features(&large), "holds 16 bytes of data");
}

#[test]
fn bad_values_are_placed() {
    let nan = npy("'<f4'", "False", "(2, 2)", &floats(&[1.0, 2.0, f32::NAN, 4.0]));
    assert_fault(&with_features(&nan), "array X has NaN at row 1, column 0");
    let infinite = npy("'<f4'", "True", "(2, 2)", &floats(&[1.0, 2.0, f32::INFINITY, 4.0]));
    assert_fault(&with_features(&infinite), "array X has inf at row 0, column 1");
}

#[test]
fn labels_must_be_classes_without_gaps() {
    assert_fault(&with_labels(&npy("'|i1'", "False", "(2,)", &[0, 0xff])), "label -1 at row 1");
    assert_fault(&with_labels(&npy("'|i1'", "False", "(2,)", &[0, 9])), "label 9 at row 1");
    assert_fault(&with_labels(&npy("'|i1'", "False", "(2,)", &[1, 1])), "no label 0");
}

#[test]
fn points_need_no_labels_and_not_every_class() {
    let features = npy("'<f4'", "False", "(2, 2)", &floats(&[1.0, 2.0, 3.0, 4.0]));
    let points = points_from_npz(&archive(&[("X", &features)])).expect("no labels");
    assert_eq!((points.features.dim(), points.labels), ((2, 2), None));
    let labels = |shape: &str, data: &[u8]| with_labels(&npy("'|u1'", "False", shape, data));
    let points = points_from_npz(&labels("(2,)", &[7, 7])).expect("labels of one class");
    assert_eq!(points.labels, Some(vec![7, 7]));
    for (file, told) in [
        (labels("(3,)", &[0, 1, 0]), "X has 2 rows but y has 3 labels"),
        (labels("(1, 2)", &[0, 1]), "array y has 2 axes"),
        (archive(&[("y.npy", &features)]), "no array X"),
    ] {
        let fault = points_from_npz(&file).expect_err("the file is broken");
        assert!(fault.contains(told), "{fault:?} does not say {told:?}");
    }
}
