//! A smooth line through noisy points: local linear regression (LOESS), as DVC's template `smooth` has it.

/// The share of the points that each place of the line looks at; DVC's number.
const BANDWIDTH: f64 = 0.3;

/// The line is known at no more places than this: the cost stays linear in the number of points.
const PLACES: usize = 300;

/// The smoothed line, ascending in `x`. Points that are not finite are left out.
pub(crate) fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> =
        points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = points.len();
    // Two points beside the place itself are the least that a slope can be told from.
    let near = ((count as f64 * BANDWIDTH).round() as usize).max(3).min(count);
    let places = count.min(PLACES);
    let mut first = 0;
    let mut line = Vec::with_capacity(places);
    for place in 0..places {
        let at = if places > 1 { place * (count - 1) / (places - 1) } else { 0 };
        let x = points[at].0;
        // The window of the nearest points only ever moves to the right.
        while first + near < count && points[first + near].0 - x < x - points[first].0 {
            first += 1;
        }
        line.push((x, local(&points[first..first + near], x)));
    }
    line
}

/// The value at `x` of the line that fits `points` best, near ones counting more.
fn local(points: &[(f64, f64)], x: f64) -> f64 {
    let reach = points.iter().map(|point| (point.0 - x).abs()).fold(0.0, f64::max);
    let (mut weights, mut sum_x, mut sum_y, mut sum_xx, mut sum_xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (px, y) in points {
        // Distances as shares of the reach, so that no square overflows.
        let distance = if reach > 0.0 { (px - x) / reach } else { 0.0 };
        let weight = (1.0 - distance.abs().powi(3)).max(0.0).powi(3);
        weights += weight;
        sum_x += weight * distance;
        sum_y += weight * y;
        sum_xx += weight * distance * distance;
        sum_xy += weight * distance * y;
    }
    let spread = weights * sum_xx - sum_x * sum_x;
    // All weight on one place: there is no slope, and the mean is the value.
    if spread.abs() < 1e-12 { sum_y / weights } else { (sum_xx * sum_y - sum_x * sum_xy) / spread }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_stays_straight() {
        let line: Vec<(f64, f64)> = (0..1000).map(|x| (f64::from(x), 2.0 * f64::from(x) + 1.0)).collect();
        let smooth = smoothed(&line);
        assert_eq!((smooth.len(), smooth[0].0, smooth[PLACES - 1].0), (PLACES, 0.0, 999.0));
        for (x, y) in smooth {
            assert!((y - (2.0 * x + 1.0)).abs() < 1e-6, "{x} {y}");
        }
    }

    #[test]
    fn noise_is_evened_out() {
        let noisy: Vec<(f64, f64)> = (0..100_i32).map(|x| (f64::from(x), f64::from(x % 2))).collect();
        assert!(smoothed(&noisy).iter().all(|(_, y)| (y - 0.5).abs() < 0.2));
    }

    #[test]
    fn few_and_odd_points() {
        assert_eq!(smoothed(&[]), []);
        assert_eq!(smoothed(&[(1.0, f64::NAN)]), []);
        assert_eq!(smoothed(&[(1.0, 5.0)]), [(1.0, 5.0)]);
        assert_eq!(smoothed(&[(1.0, 4.0), (1.0, 6.0)]), [(1.0, 5.0), (1.0, 5.0)]);
        assert_eq!(smoothed(&[(2.0, 1.0), (1.0, f64::INFINITY), (0.0, 3.0)]).len(), 2);
    }
}
