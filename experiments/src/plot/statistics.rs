//! Means and standard deviations.

/// Whether a value can be drawn. Beyond 1e150 sums of squares overflow.
pub(super) fn drawable(value: f64) -> bool {
    value.abs() <= 1e150
}

/// Mean and sample standard deviation (`n - 1`), which is 0 for a single value; `None` without values.
pub(super) fn mean_and_deviation(values: &[f64]) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (squares / (n - 1.0).max(1.0)).sqrt()))
}

/// Mean and standard deviation of the last `window` values at each point; points that cannot be drawn are left out of
/// both. The first points have fewer values behind them.
pub(super) fn moving(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64, f64)> {
    let points: Vec<(f64, f64)> = points.iter().copied().filter(|p| drawable(p.1)).collect();
    let values: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
    (points.iter().enumerate())
        .filter_map(|(i, (x, _))| {
            let first = (i + 1).saturating_sub(window.max(1));
            let (mean, deviation) = mean_and_deviation(values.get(first..=i)?)?;
            Some((*x, mean, deviation))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_are_those_of_a_sample() {
        assert_eq!(mean_and_deviation(&[]), None);
        assert_eq!(mean_and_deviation(&[3.0]), Some((3.0, 0.0)));
        assert_eq!(mean_and_deviation(&[1.0, 3.0]), Some((2.0, 2f64.sqrt())));
    }

    #[test]
    fn moving_mean_looks_back_and_skips_what_is_not_finite() {
        let points = [(0.0, 1.0), (1.0, f64::NAN), (2.0, 3.0), (3.0, 5.0)];
        let means: Vec<_> = moving(&points, 2).iter().map(|p| (p.0, p.1)).collect();
        assert_eq!(means, [(0.0, 1.0), (2.0, 2.0), (3.0, 4.0)]);
        assert!(moving(&[], 5).is_empty());
    }
}
