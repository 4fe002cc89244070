//! What a data set is made from: one field per flag of `pipe data generate`, with the original's defaults.
//!
//! Checks values only; making the points is the business of `generators`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::parameter::{ParameterError, check, check_count, check_not_negative, check_positive};

/// The most values (rows times columns) one data set may have: 1 GiB of `f32`.
const MOST_VALUES: usize = 1 << 28;

/// The kind of data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemType {
    /// Two interleaved spiral arms.
    Spirals,
    /// Two half-moons, stretched along the first axis.
    Moons,
    /// Two half-moons and two Gaussian clouds.
    ComplexMoons,
    /// Isotropic Gaussian blobs, of alternating class.
    Clusters,
    /// Concentric shells, of alternating class.
    Spheres,
}

impl ProblemType {
    /// Every kind, in the order in which help texts list them.
    pub const ALL: [ProblemType; 5] =
        [Self::Spirals, Self::Moons, Self::ComplexMoons, Self::Clusters, Self::Spheres];

    /// The name in flags, parameters and file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spirals => "spirals",
            Self::Moons => "moons",
            Self::ComplexMoons => "complex_moons",
            Self::Clusters => "clusters",
            Self::Spheres => "spheres",
        }
    }
}

impl fmt::Display for ProblemType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for ProblemType {
    type Err = ParameterError;

    fn from_str(text: &str) -> Result<Self, ParameterError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| ParameterError {
            flag: "problem_type",
            value: format!("{text:?}"),
            rule: "one of spirals, moons, complex_moons, clusters, spheres",
        })
    }
}

/// All parameters of all generators; a generator reads its own and ignores the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// Which generator.
    pub problem_type: ProblemType,
    /// Number of points asked for; spirals round down to even, clusters and spheres to a multiple of their count.
    pub n_samples: usize,
    /// Number of columns. Spirals, moons and complex moons live in the first two; the others are standard normal.
    pub input_dim: usize,
    /// Seed of every draw. The original always uses 42.
    pub data_seed: u32,
    /// Spirals: width of the uniform jitter, in units of the radius (largest radius `2π·rotations`).
    pub noise: f64,
    /// Spirals: turns of each arm.
    pub rotations: u32,
    /// Moons and complex moons: standard deviation of the normal jitter (a moon has radius 1).
    pub moon_noise: f64,
    /// Moons: the first axis is stretched by `1 + moon_sep`.
    pub moon_sep: f64,
    /// Clusters: number of blobs; blob `i` has class `i mod 2`.
    pub cluster_count: usize,
    /// Accepted for compatibility and ignored: a blob has `n_samples / cluster_count` points.
    pub cluster_size: usize,
    /// Clusters: standard deviation of a blob.
    pub cluster_std: f64,
    /// Clusters: distance of the centres from the origin.
    pub cluster_sep: f64,
    /// Spheres: number of shells; shell `i` has class `i mod 2`.
    pub sphere_count: usize,
    /// Accepted for compatibility and ignored: a shell has `n_samples / sphere_count` points.
    pub sphere_size: usize,
    /// Spheres: radius of each shell.
    pub sphere_radii: Vec<f64>,
    /// Spheres: standard deviation of the normal jitter per coordinate.
    pub sphere_noise: f64,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            problem_type: ProblemType::Spirals,
            n_samples: 2000,
            input_dim: 3,
            data_seed: 42,
            noise: 0.25,
            rotations: 4,
            moon_noise: 0.1,
            moon_sep: 0.5,
            cluster_count: 2,
            cluster_size: 500,
            cluster_std: 0.5,
            cluster_sep: 3.0,
            sphere_count: 2,
            sphere_size: 500,
            sphere_radii: vec![1.0, 2.0],
            sphere_noise: 0.05,
        }
    }
}

impl DataConfig {
    /// Checks every value, those of other generators included: a wrong flag is a mistake wherever it stands.
    ///
    /// # Errors
    /// Names the first flag that breaks its rule, and the value.
    pub fn validate(&self) -> Result<(), ParameterError> {
        check("n_samples", self.n_samples, self.n_samples >= 2, "2 or more")?;
        check("input_dim", self.input_dim, self.input_dim >= 2, "2 or more")?;
        check_not_negative("noise", self.noise)?;
        check("rotations", self.rotations, self.rotations >= 1, "1 or more")?;
        check_not_negative("moon_noise", self.moon_noise)?;
        check_not_negative("moon_sep", self.moon_sep)?;
        check_count("cluster_count", self.cluster_count)?;
        check_count("cluster_size", self.cluster_size)?;
        check_positive("cluster_std", self.cluster_std)?;
        check_positive("cluster_sep", self.cluster_sep)?;
        check_count("sphere_count", self.sphere_count)?;
        check_count("sphere_size", self.sphere_size)?;
        check_not_negative("sphere_noise", self.sphere_noise)?;
        for radius in &self.sphere_radii {
            check_positive("sphere_radii", *radius)?;
        }
        self.validate_sizes()
    }

    /// The rules that tie two parameters together; they bind the chosen generator only.
    fn validate_sizes(&self) -> Result<(), ParameterError> {
        let values = self.n_samples.saturating_mul(self.input_dim);
        check("n_samples", self.n_samples, values <= MOST_VALUES, "at most 268435456 / input_dim")?;
        let groups = match self.problem_type {
            ProblemType::Clusters => self.cluster_count,
            ProblemType::Spheres => self.sphere_count,
            _ => return Ok(()),
        };
        check(
            "n_samples",
            self.n_samples,
            self.n_samples >= groups,
            "at least one point per cluster or sphere",
        )?;
        let (radii, matching) = (&self.sphere_radii, self.sphere_radii.len() == self.sphere_count);
        let matching = matching || self.problem_type != ProblemType::Spheres;
        check("sphere_radii", format!("{radii:?}"), matching, "one radius for each of sphere_count spheres")
    }
}

/// Reads radii written as `1,2`.
///
/// # Errors
/// When a part between commas is no number.
pub fn parse_radii(text: &str) -> Result<Vec<f64>, ParameterError> {
    text.split(',')
        .map(|part| {
            part.trim().parse().map_err(|_| ParameterError {
                flag: "sphere_radii",
                value: format!("{text:?}"),
                rule: "numbers separated by commas",
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(change: impl FnOnce(&mut DataConfig)) -> String {
        let mut config = DataConfig::default();
        change(&mut config);
        config.validate().expect_err("the change breaks a rule").to_string()
    }

    #[test]
    fn errors_name_the_flag_and_the_value() {
        assert_eq!(fault(|config| config.n_samples = 1), "n_samples is 1 but must be 2 or more");
        assert_eq!(fault(|config| config.noise = -0.5), "noise is -0.5 but must be 0 or more");
        assert_eq!(fault(|config| config.cluster_std = f64::NAN), "cluster_std is NaN but must be above 0");
        let radii = fault(|config| {
            config.problem_type = ProblemType::Spheres;
            config.sphere_radii = vec![1.0];
        });
        assert_eq!(radii, "sphere_radii is [1.0] but must be one radius for each of sphere_count spheres");
    }

    #[test]
    fn names_read_back() {
        for kind in ProblemType::ALL {
            assert_eq!(kind.name().parse::<ProblemType>().expect("a name reads back"), kind);
        }
        assert!("spiral".parse::<ProblemType>().is_err());
        assert!(parse_radii("1,x").is_err());
        assert_eq!(parse_radii("1, 2.5").expect("numbers"), [1.0, 2.5]);
    }
}
