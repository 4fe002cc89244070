//! Data sets and models: the only crate that knows burn.
//!
//! It makes, writes and reads data sets, and trains on them. It knows neither pipelines nor stores: training emits
//! [`TrainEvent`]s to a closure, and files are written where the caller says. Without the cargo feature `train` only
//! data sets and the description of a training are left.

mod data;
mod parameter;
#[cfg(feature = "train")]
mod train;
mod train_config;

#[cfg(feature = "train")]
pub use data::write_prediction;
pub use data::{
    DATA_ALGORITHM_VERSION, DataConfig, DataError, Dataset, Points, ProblemType, generate, parse_radii,
    read_npz, read_points, write_npz,
};
pub use parameter::ParameterError;
#[cfg(feature = "train")]
pub use train::*;
pub use train_config::{Profile, TRAIN_ALGORITHM_VERSION, TrainConfig, TrainDevice};
