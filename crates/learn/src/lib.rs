//! Data sets and models: the only crate that knows burn.
//!
//! It makes, writes and reads data sets, and trains on them. It knows neither pipelines nor stores: training emits
//! [`TrainEvent`]s to a closure, and files are written where the caller says.

mod data;

pub use data::{
    DATA_ALGORITHM_VERSION, DataConfig, DataError, Dataset, ProblemType, generate, parse_radii, read_npz, write_npz,
};
