//! Data sets: the original's five generators, numpy's file format both ways.
//!
//! The generators reproduce the original's bytes, so numpy's generators are rebuilt here (`pcg`, `mersenne`). This
//! module knows nothing of training and needs no cargo feature.

mod config;
mod generators;
mod mersenne;
mod npz_read;
mod npz_write;
mod pcg;
#[cfg(test)]
mod tests;
mod ziggurat;

use std::path::PathBuf;

use ndarray::Array2;

use crate::parameter::ParameterError;
pub use config::{DataConfig, ProblemType, parse_radii};
pub use generators::generate;
pub use npz_read::{read_npz, read_points};
pub use npz_write::write_npz;
#[cfg(feature = "train")]
pub use npz_write::write_prediction;

/// Version of the generators' algorithm: part of the stage key of `pipe data generate`, raised when the same
/// configuration would give other bytes.
pub const DATA_ALGORITHM_VERSION: u32 = 1;

/// Points with their classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// One row per point (n, d). The memory order is kept: it shows in the file's bytes.
    pub features: Array2<f32>,
    /// Class of each row, 0..K.
    pub labels: Vec<i64>,
}

impl Dataset {
    /// Number of points.
    pub fn rows(&self) -> usize {
        self.features.nrows()
    }

    /// Number of features per point.
    pub fn columns(&self) -> usize {
        self.features.ncols()
    }

    /// Number of classes: the largest label plus one.
    pub fn classes(&self) -> usize {
        self.labels.iter().max().map_or(0, |label| usize::try_from(*label).unwrap_or(0) + 1)
    }

    /// Whether `features` lies in memory column after column (what numpy calls Fortran order).
    pub fn by_columns(&self) -> bool {
        !self.features.is_standard_layout() && self.features.t().is_standard_layout()
    }
}

/// Points that a model is asked about, with their classes where these are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// One row per point (n, d).
    pub features: Array2<f32>,
    /// Class of each row; any numbers, since not every class need be there.
    pub labels: Option<Vec<i64>>,
}

/// Why a data set could not be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A parameter breaks its rule.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The file could not be read or written.
    #[error(transparent)]
    Disk(#[from] disk::DiskError),
    /// The file was read but is not a data set.
    #[error("failed to read data set {}: {fault}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it: the array, and where possible row and column.
        fault: String,
    },
    /// The data set does not fit the plain zip format.
    #[error("failed to write data set {}: {bytes} bytes are more than the 4 GiB of a zip file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Size of the arrays, in bytes.
        bytes: u64,
    },
}
