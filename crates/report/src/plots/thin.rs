//! Fewer points where a drawing could not show them anyway.

/// A line is drawn with no more points than about this: several for each pixel of its width.
pub(crate) const MOST_POINTS: usize = 5000;

/// The points of a line with no more than about `limit` of them. The line is cut into stretches of equally
/// many points, and of each its first, lowest, highest and last are kept: no peak is lost. Gaps (NaN) stay
/// as one point where a whole stretch has no value.
pub(crate) fn thinned(points: &[(f64, f64)], limit: usize) -> Vec<(f64, f64)> {
    if points.len() <= limit {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil((limit / 4).max(1));
    let mut kept = Vec::with_capacity(limit + 4);
    for stretch in points.chunks(stretch) {
        let last = stretch.len() - 1;
        let value = |at: &usize| stretch[*at].1;
        let known = || (0..=last).filter(|at| !value(at).is_nan());
        let lowest = known().min_by(|a, b| value(a).total_cmp(&value(b))).unwrap_or(0);
        let highest = known().max_by(|a, b| value(a).total_cmp(&value(b))).unwrap_or(0);
        let mut places = [0, lowest, highest, last];
        places.sort_unstable();
        for (at, place) in places.iter().enumerate() {
            if at == 0 || places[at - 1] != *place {
                kept.push(stretch[*place]);
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_and_ends_are_kept() {
        let mut points: Vec<(f64, f64)> =
            (0..100_000).map(|x| (f64::from(x), f64::from(x % 7) / 10.0)).collect();
        points[31_234].1 = 99.0;
        points[77_777].1 = -99.0;
        let kept = thinned(&points, 1000);
        assert!(kept.len() <= 1004, "{}", kept.len());
        for point in [points[0], points[31_234], points[77_777], points[99_999]] {
            assert!(kept.contains(&point), "{point:?}");
        }
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(thinned(&points[..1000], 1000), points[..1000]);
    }

    #[test]
    fn a_stretch_without_values_is_a_gap() {
        let points: Vec<(f64, f64)> = (0..100).map(|x| (f64::from(x), f64::NAN)).collect();
        assert!(thinned(&points, 8).iter().all(|(_, y)| y.is_nan()));
    }
}
