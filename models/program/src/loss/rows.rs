//! The mean of a loss over rows, given that of one, in 64 bits.

use super::Mean;

/// Puts `softmax(z)` into `shares` and gives `log sum e^z`.
pub(super) fn softmax(logits: &[f64], shares: &mut [f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for (share, logit) in shares.iter_mut().zip(logits) {
        *share = (logit - largest).exp();
    }
    let total: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= total);
    largest + total.ln()
}

/// The sum over rows divided by `weight`; `row` is given logits, label, and room for the gradient of one row.
pub(super) fn over_classes(
    outputs: &[f32],
    labels: &[u32],
    weight: f64,
    gradient: &mut Vec<f32>,
    row: impl Fn(&[f64], usize, &mut [f64]) -> f64,
) -> Mean {
    gradient.resize(outputs.len(), 0.0);
    let classes = (outputs.len() / labels.len().max(1)).max(1);
    let (mut logits, mut slopes) = (vec![0.0; classes], vec![0.0; classes]);
    let mut sum = 0.0;
    for ((outputs, gradient), label) in (outputs.chunks_exact(classes))
        .zip(gradient.chunks_exact_mut(classes))
        .zip(labels)
    {
        for (logit, output) in logits.iter_mut().zip(outputs) {
            *logit = f64::from(*output);
        }
        sum += row(&logits, *label as usize, &mut slopes);
        for (gradient, slope) in gradient.iter_mut().zip(&slopes) {
            *gradient = (slope / weight) as f32;
        }
    }
    Mean {
        value: sum / weight,
        weight,
    }
}

/// The mean over rows; `row` gives loss and slope of an output and its target.
pub(super) fn over_values(
    outputs: &[f32],
    targets: &[f32],
    gradient: &mut Vec<f32>,
    row: impl Fn(f64, f64) -> (f64, f64),
) -> Mean {
    gradient.resize(outputs.len(), 0.0);
    let weight = targets.len() as f64;
    let mut sum = 0.0;
    for ((gradient, output), target) in gradient.iter_mut().zip(outputs).zip(targets) {
        let (loss, slope) = row(f64::from(*output), f64::from(*target));
        sum += loss;
        *gradient = (slope / weight) as f32;
    }
    Mean {
        value: sum / weight,
        weight,
    }
}
