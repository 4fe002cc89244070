//! The five generators, draw for draw as the original makes them with numpy and scikit-learn.
//!
//! Everything is computed in `f64` and rounded to `f32` once at the end; the order of draws and of floating-point
//! operations is part of the law, since the bytes are compared with the original's.

use std::f64::consts::PI;

use ndarray::{Array2, ShapeBuilder};

use super::mersenne::RandomState;
use super::pcg::Pcg64;
use super::{DataConfig, DataError, Dataset, ProblemType};

/// Points as rows of `f64`, with their classes.
struct Points {
    rows: Vec<Vec<f64>>,
    labels: Vec<i64>,
}

/// Makes the data set that `config` describes. Equal configurations give equal bytes.
///
/// # Errors
/// [`DataError::Parameter`] when a value breaks its rule.
pub fn generate(config: &DataConfig) -> Result<Dataset, DataError> {
    config.validate()?;
    let mut pcg = Pcg64::new(u64::from(config.data_seed));
    let points = match config.problem_type {
        ProblemType::Spirals => spirals(config, &mut pcg),
        ProblemType::Moons => moons(config),
        ProblemType::ComplexMoons => complex_moons(config, &mut pcg),
        ProblemType::Clusters => clusters(config, &mut pcg),
        ProblemType::Spheres => spheres(config, &mut pcg),
    };
    let columns = match config.problem_type {
        ProblemType::Clusters | ProblemType::Spheres => 0,
        _ => config.input_dim - 2,
    };
    let points = pad(points, columns, &mut pcg);
    Ok(dataset(&points, config))
}

/// Rounds to `f32`. Spirals are laid out by columns, as the original leaves them: the file's bytes show it.
fn dataset(points: &Points, config: &DataConfig) -> Dataset {
    let shape = (points.rows.len(), config.input_dim);
    let by_columns = config.problem_type == ProblemType::Spirals;
    let mut features = Array2::zeros(shape.set_f(by_columns));
    for (mut to, from) in features.rows_mut().into_iter().zip(&points.rows) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from as f32;
        }
    }
    Dataset { features, labels: points.labels.clone() }
}

/// Appends standard normal columns, drawn row by row.
fn pad(mut points: Points, columns: usize, pcg: &mut Pcg64) -> Points {
    for row in &mut points.rows {
        row.extend((0..columns).map(|_| pcg.normal()));
    }
    points
}

fn spirals(config: &DataConfig, pcg: &mut Pcg64) -> Points {
    let count = config.n_samples / 2;
    let angles: Vec<f64> =
        pcg.uniforms(count).iter().map(|draw| draw.sqrt() * f64::from(config.rotations) * 2.0 * PI).collect();
    let (jitter_x, jitter_y) = (pcg.uniforms(count), pcg.uniforms(count));
    let arm: Vec<[f64; 2]> = (0..count)
        .map(|index| {
            let angle = angles[index];
            let x = angle * angle.cos() + config.noise * jitter_x[index];
            let y = angle * angle.sin() + config.noise * jitter_y[index];
            [x, y]
        })
        .collect();
    let rows = arm.iter().map(|[x, y]| vec![*x, *y]).chain(arm.iter().map(|[x, y]| vec![-x, -y])).collect();
    let labels = (0..2 * count).map(|index| i64::from(index >= count)).collect();
    Points { rows, labels }
}

/// scikit-learn's half-moons: outer then inner, shuffled, then jittered.
fn half_moons(count: usize, noise: f64, seed: u32) -> Points {
    let outer = linspace_to_pi(count / 2).map(|angle| ([angle.cos(), angle.sin()], 0));
    let inner =
        linspace_to_pi(count - count / 2).map(|angle| ([1.0 - angle.cos(), 1.0 - angle.sin() - 0.5], 1));
    let ordered: Vec<([f64; 2], i64)> = outer.chain(inner).collect();
    let mut state = RandomState::new(seed);
    let (mut rows, mut labels) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for index in state.permutation(count) {
        let (point, label) = ordered[index];
        rows.push(point.to_vec());
        labels.push(label);
    }
    for value in rows.iter_mut().flatten() {
        if noise > 0.0 {
            *value += 0.0 + noise * state.normal();
        }
    }
    Points { rows, labels }
}

fn linspace_to_pi(count: usize) -> impl Iterator<Item = f64> {
    let step = PI / (count.max(2) - 1) as f64;
    (0..count).map(move |index| if index > 0 && index + 1 == count { PI } else { index as f64 * step })
}

fn moons(config: &DataConfig) -> Points {
    let mut points = half_moons(config.n_samples, config.moon_noise, config.data_seed);
    for row in &mut points.rows {
        row[0] *= 1.0 + config.moon_sep;
    }
    points
}

fn complex_moons(config: &DataConfig, pcg: &mut Pcg64) -> Points {
    let moons = half_moons(config.n_samples / 2, config.moon_noise, config.data_seed);
    let clouds = config.n_samples - config.n_samples / 2;
    let upper = cloud(clouds / 2, 2.0, UPPER_CLOUD, pcg);
    let lower = cloud(clouds - clouds / 2, -2.0, LOWER_CLOUD, pcg);
    let mut labels = moons.labels;
    labels.extend(upper.iter().map(|_| 0).chain(lower.iter().map(|_| 1)));
    let rows: Vec<Vec<f64>> = moons.rows.into_iter().chain(upper).chain(lower).collect();
    permute(&rows, &labels, pcg)
}

/// `U sqrt(S)` of the singular value decomposition of `[[0.5, 0.1], [0.1, 0.5]]`, by which numpy turns standard
/// normals into that covariance. The vectors lie on the diagonals; signs and last digits are those LAPACK gives.
const UPPER_CLOUD: [[f64; 2]; 2] =
    [[-0.547_722_557_505_166_3, -0.447_213_595_499_957_9], [-0.547_722_557_505_166, 0.447_213_595_499_958]];
/// The same of `[[0.5, -0.1], [-0.1, 0.5]]`.
const LOWER_CLOUD: [[f64; 2]; 2] =
    [[-0.547_722_557_505_166_3, 0.447_213_595_499_957_9], [0.547_722_557_505_166, 0.447_213_595_499_958]];

/// A correlated Gaussian around `(centre, centre)`.
fn cloud(count: usize, centre: f64, factor: [[f64; 2]; 2], pcg: &mut Pcg64) -> Vec<Vec<f64>> {
    (0..count)
        .map(|_| {
            let (first, second) = (pcg.normal(), pcg.normal());
            factor.map(|[of_first, of_second]| first * of_first + second * of_second + centre).to_vec()
        })
        .collect()
}

fn clusters(config: &DataConfig, pcg: &mut Pcg64) -> Points {
    let (count, dimensions) = (config.cluster_count, config.input_dim);
    let centres: Vec<Vec<f64>> =
        (0..count).map(|index| centre(index, count, dimensions, config.cluster_sep, pcg)).collect();
    let mut state = RandomState::new(config.data_seed);
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for (index, centre) in centres.iter().enumerate() {
        for _ in 0..config.n_samples / count {
            rows.push(centre.iter().map(|centre| centre + config.cluster_std * state.normal()).collect());
            labels.push((index % 2) as i64);
        }
    }
    let order = state.permutation(rows.len());
    reorder(&rows, &labels, &order)
}

fn centre(index: usize, count: usize, dimensions: usize, distance: f64, pcg: &mut Pcg64) -> Vec<f64> {
    let angle = 2.0 * PI * index as f64 / count as f64;
    match dimensions {
        2 => vec![distance * angle.cos(), distance * angle.sin()],
        3 => {
            let polar = PI * index as f64 / count as f64;
            let (flat, height) = (polar.sin(), polar.cos());
            vec![distance * angle.cos() * flat, distance * angle.sin() * flat, distance * height]
        }
        _ => [angle.cos(), angle.sin()]
            .into_iter()
            .chain((2..dimensions).map(|_| pcg.normal()))
            .map(|coordinate| distance * coordinate)
            .collect(),
    }
}

fn spheres(config: &DataConfig, pcg: &mut Pcg64) -> Points {
    let size = config.n_samples / config.sphere_count;
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for (index, radius) in config.sphere_radii.iter().enumerate() {
        let mut shell = unit_shell(size, config.input_dim, pcg);
        shell.iter_mut().flatten().for_each(|value| *value *= radius);
        if config.sphere_noise > 0.0 {
            shell.iter_mut().flatten().for_each(|value| *value += 0.0 + config.sphere_noise * pcg.normal());
        }
        rows.append(&mut shell);
        labels.extend(std::iter::repeat_n((index % 2) as i64, size));
    }
    permute(&rows, &labels, pcg)
}

/// Points on the unit sphere of the given dimension: by angles in two and three, by normalised Gaussians above.
fn unit_shell(size: usize, dimensions: usize, pcg: &mut Pcg64) -> Vec<Vec<f64>> {
    if dimensions > 3 {
        return (0..size).map(|_| normalised(pcg.normals(dimensions))).collect();
    }
    let azimuths: Vec<f64> = pcg.uniforms(size).iter().map(|draw| 2.0 * PI * draw).collect();
    if dimensions == 2 {
        return azimuths.iter().map(|azimuth| vec![azimuth.cos(), azimuth.sin()]).collect();
    }
    let polars: Vec<f64> = pcg.uniforms(size).iter().map(|draw| (2.0 * draw - 1.0).acos()).collect();
    azimuths
        .iter()
        .zip(&polars)
        .map(|(azimuth, polar)| vec![polar.sin() * azimuth.cos(), polar.sin() * azimuth.sin(), polar.cos()])
        .collect()
}

fn normalised(row: Vec<f64>) -> Vec<f64> {
    let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
    row.iter().map(|value| value / length).collect()
}

fn permute(rows: &[Vec<f64>], labels: &[i64], pcg: &mut Pcg64) -> Points {
    reorder(rows, labels, &pcg.permutation(rows.len()))
}

fn reorder(rows: &[Vec<f64>], labels: &[i64], order: &[usize]) -> Points {
    Points {
        rows: order.iter().map(|index| rows[*index].clone()).collect(),
        labels: order.iter().map(|index| labels[*index]).collect(),
    }
}
