//! Probabilities that mean what they say: temperature scaling.

use trimtab_env::metrics::log_loss;

/// Temperatures that are tried.
const LOWEST: f64 = 0.05;
const HIGHEST: f64 = 20.0;

/// The temperature `T` at which `softmax(z / T)` has the lowest log loss (Guo et al., "On Calibration of Modern Neural Networks", 2017,
/// section 4.2), found by golden section on its logarithm; 1 if nothing is better. `logits` has a row of `classes` for each of `truth`.
pub(super) fn temperature(logits: &[f64], truth: &[usize], classes: usize) -> f64 {
    let loss = |log: f64| {
        let probabilities = softmax(logits, classes, log.exp());
        log_loss(truth, &probabilities, classes).unwrap_or(f64::INFINITY)
    };
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (LOWEST.ln(), HIGHEST.ln());
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_a, mut at_b) = (loss(a), loss(b));
    while high - low > 1e-3 {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - golden * (high - low);
            at_a = loss(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + golden * (high - low);
            at_b = loss(b);
        }
    }
    let best = (low + high) / 2.0;
    if loss(best) < loss(0.0) {
        best.exp()
    } else {
        1.0
    }
}

/// The softmax of rows of logits over a temperature.
pub(super) fn softmax(logits: &[f64], classes: usize, temperature: f64) -> Vec<f64> {
    let mut probabilities = Vec::with_capacity(logits.len());
    for row in logits.chunks(classes) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let start = probabilities.len();
        probabilities.extend(row.iter().map(|z| ((z - largest) / temperature).exp()));
        let sum: f64 = probabilities[start..].iter().sum();
        probabilities[start..].iter_mut().for_each(|p| *p /= sum);
    }
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_that_are_too_sure_are_divided_by_how_much_they_are() {
        // 8 of 10 are right: the right logit is ln 4, and all are given five times that.
        let logit = 5.0 * 4f64.ln();
        let logits: Vec<f64> = (0..100).flat_map(|_| [logit, 0.0]).collect();
        let truth: Vec<usize> = (0..100).map(|row| usize::from(row % 5 == 0)).collect();
        let found = temperature(&logits, &truth, 2);
        assert!((found / 5.0 - 1.0).abs() < 2e-3, "{found}");
        let calm = softmax(&logits, 2, found);
        assert!((calm[0] - 0.8).abs() < 1e-3);
    }

    #[test]
    fn the_order_of_probabilities_stays() {
        let logits = [2.0, 1.0, -700.0, 800.0, 3.0, 2.0];
        for temperature in [0.05, 1.0, 20.0] {
            let rows = softmax(&logits, 3, temperature);
            assert!(rows[0] > rows[1] && rows[1] >= rows[2] && rows[3] > rows[4]);
            assert!((rows[..3].iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
