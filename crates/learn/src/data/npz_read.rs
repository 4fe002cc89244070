//! Reads a data set from numpy's `.npz`: either memory order, either byte order, stored or deflated.
//!
//! `ndarray-npy` reads the arrays. Before it does, every declared size is compared here with the bytes that are
//! there: a broken or hostile file costs an error, no memory. Only plain numbers are read; text, records and
//! pickled objects are refused by the name of their type.

use std::io::{Cursor, Read};
use std::path::Path;

use ndarray::{Array2, Dimension};
use ndarray_npy::{ReadNpyExt, ReadableElement};
use zip::ZipArchive;

use super::{DataError, Dataset, Points};

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

/// Reads `X` as [`read_npz`] does, and `y` where there is one, of which only the number and the type matter.
///
/// # Errors
/// As [`read_npz`], except for what is said of labels there.
pub fn read_points(path: &Path) -> Result<Points, DataError> {
    let bytes = disk::read(path)?;
    let fault = |fault| DataError::Content { path: path.to_owned(), fault };
    points_from_npz(&bytes).map_err(fault)
}

/// What is wrong with the content of an npz; the path is added by [`read_npz`].
fn dataset_from_npz(bytes: &[u8]) -> Result<Dataset, String> {
    let mut archive = open(bytes)?;
    let features = Npy::parse(entry(&mut archive, "X")?, "X")?;
    let labels = Npy::parse(entry(&mut archive, "y")?, "y")?;
    let (features, labels) =
        (check_features(&features, Some(&labels))?, labels.integers::<ndarray::Ix1>()?.to_vec());
    check_labels(&labels)?;
    Ok(Dataset { features, labels })
}

fn points_from_npz(bytes: &[u8]) -> Result<Points, String> {
    let mut archive = open(bytes)?;
    let features = Npy::parse(entry(&mut archive, "X")?, "X")?;
    let has_labels = archive.file_names().any(|name| name.strip_suffix(".npy").unwrap_or(name) == "y");
    let labels = has_labels.then(|| Npy::parse(entry(&mut archive, "y")?, "y")).transpose()?;
    let features = check_features(&features, labels.as_ref())?;
    let labels =
        labels.map(|labels| Ok::<_, String>(labels.integers::<ndarray::Ix1>()?.to_vec())).transpose()?;
    Ok(Points { features, labels })
}

fn open(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, String> {
    ZipArchive::new(Cursor::new(bytes)).map_err(|fault| format!("not an npz archive ({fault})"))
}

/// The rows of `X`, which must be numbers and as many as there are labels.
fn check_features(features: &Npy<'_>, labels: Option<&Npy<'_>>) -> Result<Array2<f32>, String> {
    let (rows, columns) = match features.shape[..] {
        [rows, columns] => (rows, columns),
        _ => {
            return Err(format!("array X has {} axes but must have 2 (rows, columns)", features.shape.len()));
        }
    };
    let count = match labels.map(|labels| &labels.shape[..]) {
        None => rows,
        Some([count]) => *count,
        Some(shape) => return Err(format!("array y has {} axes but must have 1", shape.len())),
    };
    if rows == 0 || columns == 0 {
        return Err(format!("array X is empty (shape {rows} x {columns})"));
    }
    if rows != count {
        return Err(format!("array X has {rows} rows but y has {count} labels"));
    }
    let features = features.floats()?;
    if let Some(((row, column), value)) = features.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(format!("array X has {value} at row {row}, column {column}"));
    }
    Ok(features)
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

/// One array as it lies in an npy file, whose declared size was found to be true.
struct Npy<'a> {
    name: &'a str,
    /// numpy's type string: byte order, kind, size.
    kind: String,
    shape: Vec<usize>,
    /// The whole file.
    bytes: Vec<u8>,
}

impl<'a> Npy<'a> {
    fn parse(bytes: Vec<u8>, name: &'a str) -> Result<Self, String> {
        let broken = |what: &str| format!("array {name} is no npy array ({what})");
        let version = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(|| broken("wrong magic"))?;
        let (start, length) = match version {
            [1, _, low, high, ..] => (10usize, usize::from(u16::from_le_bytes([*low, *high]))),
            [2 | 3, _, a, b, c, d, ..] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
            _ => return Err(broken("unknown version")),
        };
        let end = start.saturating_add(length);
        let header = bytes.get(start..end).ok_or_else(|| broken("header cut off"))?;
        let header = std::str::from_utf8(header).map_err(|_| broken("header is no text"))?;
        let kind = field(header, "descr").ok_or_else(|| broken("no 'descr'"))?;
        let kind = kind.strip_prefix('\'').and_then(|kind| kind.split('\'').next());
        // A record type has a list here.
        let kind = kind.map_or_else(|| "a record".to_owned(), str::to_owned);
        let shape = field(header, "shape").and_then(shape).ok_or_else(|| broken("no readable 'shape'"))?;
        let array = Self { name, kind, shape, bytes };
        array.check_length(array.bytes.len() - end)?;
        Ok(array)
    }

    /// Compares the declared shape with the bytes of data that are there.
    fn check_length(&self, data: usize) -> Result<(), String> {
        let size = self.element_size().ok_or_else(|| self.unreadable("a plain number"))?;
        let declared = self.shape.iter().try_fold(size, |product, axis| product.checked_mul(*axis));
        if declared == Some(data) {
            return Ok(());
        }
        let Self { name, shape, .. } = self;
        Err(format!("array {name} declares the shape {shape:?} but holds {data} bytes of data"))
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

    /// Reads the array with the element type that its header names.
    fn read<T: ReadableElement, D: Dimension>(&self) -> Result<ndarray::Array<T, D>, String> {
        let array = ndarray::Array::<T, D>::read_npy(self.bytes.as_slice());
        array.map_err(|fault| format!("array {} cannot be read ({fault})", self.name))
    }

    fn floats(&self) -> Result<Array2<f32>, String> {
        match &self.kind[1..] {
            "f4" => self.read(),
            "f8" => Ok(self.read::<f64, _>()?.mapv(|value| value as f32)),
            _ => Ok(self.integers::<ndarray::Ix2>()?.mapv(|value| value as f32)),
        }
    }

    fn integers<D: Dimension>(&self) -> Result<ndarray::Array<i64, D>, String> {
        match &self.kind[1..] {
            "i1" => Ok(self.read::<i8, D>()?.mapv(i64::from)),
            "u1" => Ok(self.read::<u8, D>()?.mapv(i64::from)),
            "i2" => Ok(self.read::<i16, D>()?.mapv(i64::from)),
            "u2" => Ok(self.read::<u16, D>()?.mapv(i64::from)),
            "i4" => Ok(self.read::<i32, D>()?.mapv(i64::from)),
            "u4" => Ok(self.read::<u32, D>()?.mapv(i64::from)),
            "i8" => self.read(),
            "u8" => Ok(self.read::<u64, D>()?.mapv(|value| i64::try_from(value).unwrap_or(i64::MAX))),
            _ => Err(self.unreadable("an integer")),
        }
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
