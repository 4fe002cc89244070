//! Reads a data set from numpy's `.npz`: either memory order, either byte order, stored or deflated.
//!
//! The npy headers are parsed here and every declared size is compared with the bytes that are there before anything
//! is allocated by it: a broken or hostile file costs an error, no memory. Only plain numbers are read; text,
//! records and pickled objects are refused by the name of their type.

use std::io::{Cursor, Read};
use std::path::Path;

use ndarray::{Array2, ShapeBuilder};
use zip::ZipArchive;

use super::{DataError, Dataset};

/// No entry may unpack to more: four times what `pipe data generate` can make.
const MOST_BYTES: u64 = 4 << 30;

/// Reads `X` (n rows, d columns; any float of 4 or 8 bytes or integer) and `y` (n classes 0..K; any integer).
///
/// # Errors
/// When the file cannot be read or is no npz, when `X` or `y` is missing (the message lists what is there), has the
/// wrong number of axes, an unreadable type, a different length, holds NaN or infinity (row and column are named),
/// no rows, or labels that are not 0..K.
pub fn read_npz(path: &Path) -> Result<Dataset, DataError> {
    let bytes = disk::read(path)?;
    let fault = |fault| DataError::Content { path: path.to_owned(), fault };
    dataset_from_npz(&bytes).map_err(fault)
}

/// What is wrong with the content of an npz; the path is added by [`read_npz`].
fn dataset_from_npz(bytes: &[u8]) -> Result<Dataset, String> {
    let mut archive =
        ZipArchive::new(Cursor::new(bytes)).map_err(|fault| format!("not an npz archive ({fault})"))?;
    let features = Npy::parse(&entry(&mut archive, "X")?, "X")?;
    let labels = Npy::parse(&entry(&mut archive, "y")?, "y")?;
    let (rows, columns) = match features.shape[..] {
        [rows, columns] => (rows, columns),
        _ => {
            return Err(format!("array X has {} axes but must have 2 (rows, columns)", features.shape.len()));
        }
    };
    let [count] = labels.shape[..] else {
        return Err(format!("array y has {} axes but must have 1", labels.shape.len()));
    };
    if rows == 0 || columns == 0 {
        return Err(format!("array X is empty (shape {rows} x {columns})"));
    }
    if rows != count {
        return Err(format!("array X has {rows} rows but y has {count} labels"));
    }
    let values = features.floats()?;
    let shape = (rows, columns).set_f(features.by_columns);
    let features = Array2::from_shape_vec(shape, values).map_err(|fault| format!("array X: {fault}"))?;
    if let Some(((row, column), value)) = features.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(format!("array X has {value} at row {row}, column {column}"));
    }
    let labels = labels.integers()?;
    check_labels(&labels)?;
    Ok(Dataset { features, labels })
}

/// Labels must be the classes 0..K, each of them present.
fn check_labels(labels: &[i64]) -> Result<(), String> {
    let most = labels.len() as i64;
    if let Some((row, label)) = labels.iter().enumerate().find(|(_, label)| !(0..most).contains(*label)) {
        return Err(format!(
            "array y has label {label} at row {row}, but labels must be 0, 1, ... without gaps"
        ));
    }
    let mut seen = vec![false; labels.iter().max().map_or(0, |label| *label as usize + 1)];
    for label in labels {
        seen[*label as usize] = true;
    }
    match seen.iter().position(|seen| !seen) {
        Some(missing) => {
            Err(format!("array y has no label {missing}, but labels must be 0, 1, ... without gaps"))
        }
        None => Ok(()),
    }
}

/// The unpacked bytes of an array, whose entry may be named with or without `.npy`.
fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, String> {
    let mut names: Vec<String> =
        archive.file_names().map(|name| name.strip_suffix(".npy").unwrap_or(name).to_owned()).collect();
    names.sort();
    let full = if archive.index_for_name(name).is_some() { name.to_owned() } else { format!("{name}.npy") };
    let Some(index) = archive.index_for_name(&full) else {
        let there =
            if names.is_empty() { "it is empty".to_owned() } else { format!("it has {}", names.join(", ")) };
        return Err(format!("no array {name} in the archive ({there})"));
    };
    let fault = |fault: &dyn std::fmt::Display| format!("array {name} cannot be unpacked ({fault})");
    let file = archive.by_index(index).map_err(|error| fault(&error))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| fault(&error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(fault(&"it is larger than 4 GiB"));
    }
    Ok(bytes)
}

/// One array as it lies in an npy file.
struct Npy<'a> {
    name: &'a str,
    /// numpy's type string: byte order, kind, size.
    kind: String,
    by_columns: bool,
    shape: Vec<usize>,
    /// Exactly the declared number of elements.
    data: Vec<u8>,
}

impl<'a> Npy<'a> {
    fn parse(bytes: &[u8], name: &'a str) -> Result<Self, String> {
        let broken = |what: &str| format!("array {name} is no npy array ({what})");
        let version = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| broken("wrong magic"))?;
        let (start, length) = match version {
            [1, _, low, high, ..] => (10usize, usize::from(u16::from_le_bytes([*low, *high]))),
            [2 | 3, _, a, b, c, d, ..] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            _ => return Err(broken("unknown version")),
        };
        let header =
            bytes.get(start..start.saturating_add(length)).ok_or_else(|| broken("header cut off"))?;
        let header = std::str::from_utf8(header).map_err(|_| broken("header is no text"))?;
        let kind = field(header, "descr").ok_or_else(|| broken("no 'descr'"))?;
        let kind = kind.strip_prefix('\'').and_then(|kind| kind.split('\'').next());
        // A record type has a list here; its text up to the shape is shown as the type's name.
        let kind = kind.map_or_else(|| "a record".to_owned(), str::to_owned);
        let by_columns = field(header, "fortran_order").is_some_and(|order| order.starts_with("True"));
        let shape = field(header, "shape").and_then(shape).ok_or_else(|| broken("no readable 'shape'"))?;
        let data = bytes[start + length..].to_vec();
        let array = Self { name, kind, by_columns, shape, data };
        array.check_length()?;
        Ok(array)
    }

    /// Compares the declared shape with the bytes that are there.
    fn check_length(&self) -> Result<(), String> {
        let size = self.element_size().ok_or_else(|| self.unreadable("a plain number"))?;
        let declared = self.shape.iter().try_fold(size, |product, axis| product.checked_mul(*axis));
        if declared == Some(self.data.len()) {
            return Ok(());
        }
        let Self { name, shape, data, .. } = self;
        Err(format!("array {name} declares the shape {shape:?} but holds {} bytes of data", data.len()))
    }

    fn element_size(&self) -> Option<usize> {
        match self.kind.get(1..)? {
            "i1" | "u1" => Some(1),
            "i2" | "u2" => Some(2),
            "f4" | "i4" | "u4" => Some(4),
            "f8" | "i8" | "u8" => Some(8),
            _ => None,
        }
    }

    fn unreadable(&self, wanted: &str) -> String {
        format!("array {} has the type {:?} but must be {wanted}", self.name, self.kind)
    }

    /// The elements' bytes in little-endian order, one after the other.
    fn elements<const SIZE: usize>(&self) -> impl Iterator<Item = [u8; SIZE]> {
        let big = self.kind.starts_with('>');
        self.data.as_chunks::<SIZE>().0.iter().map(move |chunk| {
            let mut bytes = *chunk;
            if big {
                bytes.reverse();
            }
            bytes
        })
    }

    fn floats(&self) -> Result<Vec<f32>, String> {
        match &self.kind[1..] {
            "f4" => Ok(self.elements().map(f32::from_le_bytes).collect()),
            "f8" => Ok(self.elements().map(|bytes| f64::from_le_bytes(bytes) as f32).collect()),
            _ => Ok(self.integers()?.into_iter().map(|value| value as f32).collect()),
        }
    }

    fn integers(&self) -> Result<Vec<i64>, String> {
        let integers = match &self.kind[1..] {
            "i1" => self.elements().map(|bytes| i64::from(i8::from_le_bytes(bytes))).collect(),
            "u1" => self.elements().map(|bytes| i64::from(u8::from_le_bytes(bytes))).collect(),
            "i2" => self.elements().map(|bytes| i64::from(i16::from_le_bytes(bytes))).collect(),
            "u2" => self.elements().map(|bytes| i64::from(u16::from_le_bytes(bytes))).collect(),
            "i4" => self.elements().map(|bytes| i64::from(i32::from_le_bytes(bytes))).collect(),
            "u4" => self.elements().map(|bytes| i64::from(u32::from_le_bytes(bytes))).collect(),
            "i8" => self.elements().map(i64::from_le_bytes).collect(),
            "u8" => self
                .elements()
                .map(|bytes| i64::try_from(u64::from_le_bytes(bytes)).unwrap_or(i64::MAX))
                .collect(),
            _ => return Err(self.unreadable("an integer")),
        };
        Ok(integers)
    }
}

/// The text after `'name':` in the header's dictionary.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let start = header.find(&format!("'{name}':"))? + name.len() + 3;
    Some(header[start..].trim_start())
}

/// Reads `(2000, 3)`, `(2000,)` or `()`.
fn shape(text: &str) -> Option<Vec<usize>> {
    let inner = text.strip_prefix('(')?.split(')').next()?;
    inner.split(',').map(str::trim).filter(|axis| !axis.is_empty()).map(|axis| axis.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
