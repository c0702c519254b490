//! Losses of a batch with their gradients with respect to the outputs.

use crate::elementary::exp;
use crate::vectorised;

/// The mean cross-entropy of `outputs` as logits, `-log softmax(z)_y`, and in `gradient` its gradient `(softmax(z) - onehot(y)) / rows`.
///
/// # Shapes
/// - outputs, gradient: `[rows, classes]`
/// - labels: `[rows]`, each below the number of classes
///
/// # Panics
/// If a label is not below the number of classes.
pub fn cross_entropy(outputs: &[f32], labels: &[u32], gradient: &mut Vec<f32>) -> f64 {
    let (rows, classes) = (labels.len(), outputs.len() / labels.len().max(1));
    gradient.resize(outputs.len(), 0.0);
    let mut sum = 0.0;
    // The sum of logarithms is that of a product, of far fewer logarithms.
    let mut product = 1f64;
    vectorised(
        #[inline(always)]
        || {
            for (shifted, row) in gradient
                .chunks_exact_mut(classes)
                .zip(outputs.chunks_exact(classes))
            {
                let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                for (shifted, x) in shifted.iter_mut().zip(row) {
                    *shifted = x - largest;
                }
            }
            // The loss is log sum exp less the logit of the label.
            for (shifted, label) in gradient.chunks_exact(classes).zip(labels) {
                sum -= f64::from(shifted[*label as usize]);
            }
            gradient.iter_mut().for_each(|x| *x = exp(*x));
            for (row, label) in gradient.chunks_exact_mut(classes).zip(labels) {
                let total: f32 = row.iter().sum();
                if product > 1e290 {
                    sum += std::mem::replace(&mut product, 1.0).ln();
                }
                product *= f64::from(total);
                let scale = 1.0 / (total * rows as f32);
                row.iter_mut().for_each(|x| *x *= scale);
                row[*label as usize] -= 1.0 / rows as f32;
            }
        },
    );
    (sum + product.ln()) / rows as f64
}

/// The mean squared error of `outputs`, and in `gradient` its gradient `2 (y - t) / rows`.
///
/// # Shapes
/// - all: `[rows]`
pub fn squared_error(outputs: &[f32], targets: &[f32], gradient: &mut Vec<f32>) -> f64 {
    let rows = targets.len();
    gradient.resize(outputs.len(), 0.0);
    let mut sum = 0.0;
    for ((slope, y), target) in gradient.iter_mut().zip(outputs).zip(targets) {
        let error = y - target;
        sum += f64::from(error * error);
        *slope = 2.0 * error / rows as f32;
    }
    sum / rows as f64
}
