//! How far a seed moves what passes it: cosine drift, the original's alarm, and relative drift, which sees scale too.

use burn::tensor::Tensor;
use serde::Serialize;

use super::network::floats;

/// Means over the rows of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Drift {
    /// `1 - cos(x, y)`: 0 when the direction is kept, blind to scale.
    pub cosine: f64,
    /// `||y - x|| / ||x||`.
    pub relative: f64,
}

impl Drift {
    /// The mean over batches.
    pub(super) fn mean(drifts: &[Drift]) -> Option<Drift> {
        let count = drifts.len() as f64;
        let mean = |part: fn(&Drift) -> f64| drifts.iter().map(part).sum::<f64>() / count;
        let drift = Drift { cosine: mean(|drift| drift.cosine), relative: mean(|drift| drift.relative) };
        (!drifts.is_empty()).then_some(drift)
    }
}

/// Drift of `y = keep * x + share * f(x)` from `x` (rows, width).
pub(super) fn drift(x: &Tensor<2>, child: &Tensor<2>, (keep, share): (f64, f64)) -> Drift {
    let width = x.dims()[1];
    let (x, child) = (floats(x.clone()), floats(child.clone()));
    let rows: Vec<Drift> = x
        .chunks_exact(width)
        .zip(child.chunks_exact(width))
        .map(|(x, child)| row_drift(x, child, keep as f32, share as f32))
        .collect();
    Drift::mean(&rows).unwrap_or_default()
}

fn row_drift(x: &[f32], child: &[f32], keep: f32, share: f32) -> Drift {
    let (mut dot, mut x_square, mut y_square, mut moved) = (0.0f32, 0.0f32, 0.0f32, 0.0f32);
    for (x, child) in x.iter().zip(child) {
        let y = keep * x + share * child;
        dot += x * y;
        x_square += x * x;
        y_square += y * y;
        moved += (y - x) * (y - x);
    }
    let (x_norm, y_norm) = (f64::from(x_square).sqrt(), f64::from(y_square).sqrt());
    let cosine = 1.0 - f64::from(dot) / (x_norm * y_norm).max(1e-8);
    Drift { cosine, relative: f64::from(moved).sqrt() / x_norm.max(1e-8) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_has_no_cosine_drift_but_a_relative_one() {
        let drift = row_drift(&[3.0, 4.0], &[3.0, 4.0], 1.0, 1.0);
        assert!(drift.cosine.abs() < 1e-12 && (drift.relative - 1.0).abs() < 1e-12, "{drift:?}");
    }

    #[test]
    fn a_right_angle_has_cosine_drift_one() {
        let drift = row_drift(&[1.0, 0.0], &[0.0, 1.0], 0.0, 1.0);
        assert!((drift.cosine - 1.0).abs() < 1e-12, "{drift:?}");
        assert!(row_drift(&[0.0, 0.0], &[0.0, 0.0], 1.0, 1.0).relative.is_finite());
    }
}
