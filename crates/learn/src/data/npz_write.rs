//! Writes a data set as numpy's `savez` does, byte for byte.
//!
//! The layout is fixed, so it is spelt out here: two stored entries, `X.npy` and `y.npy`, dated 1980, each with a
//! zip64 field in its local header because numpy asks for one before it knows the size. Nothing else is supported.

use std::path::Path;

use super::{DataError, Dataset};

/// MS-DOS date of 1 January 1980, the zip format's first day.
const FIRST_DAY: u16 = 0x21;
/// Version 4.5 of the format, the first with zip64.
const ZIP64_VERSION: u16 = 45;
/// Made on Unix, where an entry's permissions are 0600.
const MADE_BY: u16 = 3 << 8 | ZIP64_VERSION;
const PERMISSIONS: u32 = 0o600 << 16;

/// Writes the arrays `X` (n, d) as `<f4` and `y` (n) as `<i8`, in the memory order of `features`.
///
/// # Errors
/// [`DataError::Disk`] when the file cannot be written; an old one stands then. [`DataError::TooLarge`] for a data
/// set above 4 GiB, which this writer's plain zip fields cannot hold.
pub fn write_npz(path: &Path, dataset: &Dataset) -> Result<(), DataError> {
    check_size(path, 4 * dataset.features.len() as u64 + 8 * dataset.labels.len() as u64)?;
    disk::replace(path, &npz_bytes(dataset))?;
    Ok(())
}

/// Writes what a model says of points: the arrays `classes` (n) as `<i8` and `probabilities` (n, K) as `<f4`.
///
/// # Errors
/// As [`write_npz`].
#[cfg(feature = "train")]
pub fn write_prediction(path: &Path, prediction: &crate::Prediction) -> Result<(), DataError> {
    let (rows, columns) = prediction.probabilities.dim();
    check_size(path, 8 * rows as u64 + 4 * (rows * columns) as u64)?;
    let mut classes = header("<i8", false, &[rows]);
    classes.extend(prediction.classes.iter().flat_map(|class| (*class as i64).to_le_bytes()));
    let mut probabilities = header("<f4", false, &[rows, columns]);
    probabilities.extend(prediction.probabilities.iter().flat_map(|value| value.to_le_bytes()));
    disk::replace(path, &archive(&[("classes.npy", &classes), ("probabilities.npy", &probabilities)]))?;
    Ok(())
}

/// Refuses arrays that, with their headers, are more than the format's plain fields can tell.
fn check_size(path: &Path, arrays: u64) -> Result<(), DataError> {
    let bytes = arrays + 1024;
    if bytes > u64::from(u32::MAX) {
        return Err(DataError::TooLarge { path: path.to_owned(), bytes });
    }
    Ok(())
}

/// The bytes that [`write_npz`] writes.
pub(super) fn npz_bytes(dataset: &Dataset) -> Vec<u8> {
    let by_columns = dataset.by_columns();
    let (rows, columns) = dataset.features.dim();
    let mut features = header("<f4", by_columns, &[rows, columns]);
    if by_columns {
        features.extend(dataset.features.t().iter().flat_map(|value| value.to_le_bytes()));
    } else {
        features.extend(dataset.features.iter().flat_map(|value| value.to_le_bytes()));
    }
    let mut labels = header("<i8", false, &[rows]);
    labels.extend(dataset.labels.iter().flat_map(|label| label.to_le_bytes()));
    archive(&[("X.npy", &features), ("y.npy", &labels)])
}

/// The header of an npy file, version 1.0: a Python dictionary and spaces up to a multiple of 64 bytes.
///
/// numpy leaves room for the slowest axis to grow to 21 digits, and a whole block of spaces where none is needed.
fn header(kind: &str, by_columns: bool, shape: &[usize]) -> Vec<u8> {
    let order = if by_columns { "True" } else { "False" };
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if axes.len() == 1 { "," } else { "" };
    let growing = if by_columns { axes.last() } else { axes.first() };
    let mut text =
        format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': ({}{comma}), }}", axes.join(", "));
    text.push_str(&" ".repeat(21 - growing.map_or(21, String::len)));
    text.push_str(&" ".repeat(64 - (10 + text.len() + 1) % 64));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// A zip archive of stored entries.
pub(super) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let offset = bytes.len() as u32;
        let (checksum, size) = (crc32(content), content.len());
        bytes.extend(b"PK\x03\x04");
        put_common(&mut bytes, checksum, u32::MAX, name);
        bytes.extend(20u16.to_le_bytes());
        bytes.extend(name.as_bytes());
        bytes.extend([1, 0, 16, 0]);
        bytes.extend((size as u64).to_le_bytes());
        bytes.extend((size as u64).to_le_bytes());
        bytes.extend(*content);

        directory.extend(b"PK\x01\x02");
        directory.extend(MADE_BY.to_le_bytes());
        put_common(&mut directory, checksum, size as u32, name);
        // No extra field, no comment, first disk, no internal attributes.
        directory.extend([0; 8]);
        directory.extend(PERMISSIONS.to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let offset = bytes.len() as u32;
    let count = entries.len() as u16;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend(count.to_le_bytes());
    bytes.extend(count.to_le_bytes());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// The fields that a local header and a directory entry share: version to the length of the name.
fn put_common(bytes: &mut Vec<u8>, checksum: u32, size: u32, name: &str) {
    for field in [ZIP64_VERSION, 0, 0, 0, FIRST_DAY] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(checksum.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend(size.to_le_bytes());
    bytes.extend((name.len() as u16).to_le_bytes());
}

/// The checksum of the zip format (reflected polynomial 0xEDB88320).
fn crc32(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|index| {
        (0..8)
            .fold(index as u32, |value, _| if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 })
    });
    !bytes.iter().fold(!0, |sum, byte| table[(sum as u8 ^ byte) as usize] ^ sum >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_of_the_standard_text() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn header_is_a_multiple_of_sixty_four() {
        for shape in [&[4, 3][..], &[2000, 2], &[usize::MAX, usize::MAX], &[7]] {
            let bytes = header("<f4", false, shape);
            assert_eq!(bytes.len() % 64, 0, "{shape:?}");
            assert_eq!(bytes.last(), Some(&b'\n'));
        }
    }
}
