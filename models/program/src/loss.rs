//! Losses of a batch, and their gradients with respect to the outputs.
//!
//! The usual two, [`cross_entropy`] and [`squared_error`], are functions. [`Term`] is any of the losses, each in a file of its own with its
//! formula, and [`WeightedSum`] is what a network is trained with.
//!
//! ```
//! use trimtab_program::loss::{Focal, Targets, Term, WeightedSum};
//! let mut loss = WeightedSum::from(Term::Focal(Focal { alpha: None, gamma: 2.0 }));
//! let mut gradient = Vec::new();
//! // Two rows of two classes, the first of which is told well.
//! loss.differentiate(&[3.0, 0.0, 0.0, 0.0], Targets::Classes(&[0, 1]), &mut gradient);
//! assert!(gradient[0].abs() < 0.01 * gradient[2].abs());
//! ```

mod cross_entropy;
mod focal;
mod huber;
mod mean;
mod poisson;
mod quantile;
mod rows;
mod term;
mod weighted_sum;

pub use cross_entropy::CrossEntropy;
pub use focal::Focal;
pub use huber::Huber;
pub use mean::{Mean, Together};
pub use poisson::poisson;
pub use quantile::Quantile;
pub use term::{OutOfRange, Targets, Term};
pub use weighted_sum::WeightedSum;

use crate::elementary::exp;
use crate::rows::first;
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
    gradient.resize(outputs.len(), 0.0);
    let rows = labels.len() as f32;
    softmax(
        outputs,
        labels,
        gradient,
        #[inline(always)]
        |row, label, total| {
            let scale = 1.0 / (total * rows);
            row.iter_mut().for_each(|x| *x *= scale);
            row[label] -= 1.0 / rows;
        },
    )
}

/// The mean cross-entropy with labels of which a part is spread evenly over all classes: the target is `q = (1 - s) onehot(y) + s / classes`,
/// the loss `-q log softmax(z)`, and its gradient, put into `gradient`, `(softmax(z) - q) / rows` (Szegedy et al. 2016, "Rethinking the
/// inception architecture for computer vision", section 7).
///
/// # Shapes
/// - as [`cross_entropy`]
///
/// # Panics
/// If a label is not below the number of classes.
pub fn smoothed_cross_entropy(
    outputs: &[f32],
    labels: &[u32],
    smoothing: f32,
    gradient: &mut Vec<f32>,
) -> f64 {
    let plain = cross_entropy(outputs, labels, gradient);
    if smoothing == 0.0 {
        return plain;
    }
    let (rows, classes) = (labels.len(), outputs.len() / labels.len().max(1));
    let (share, spread) = (smoothing / rows as f32, smoothing / (rows * classes) as f32);
    // -q log softmax(z) is the cross-entropy and s (z_y - mean z).
    let mut above_mean = 0.0;
    for ((slopes, row), label) in (gradient.chunks_exact_mut(classes))
        .zip(outputs.chunks_exact(classes))
        .zip(labels)
    {
        slopes.iter_mut().for_each(|slope| *slope -= spread);
        slopes[*label as usize] += share;
        let mean = total(row) / classes as f32;
        above_mean += f64::from(row[*label as usize] - mean);
    }
    plain + f64::from(smoothing) * above_mean / rows as f64
}

/// The mean cross-entropy alone. `scratch` is a buffer for reuse.
///
/// # Shapes
/// - outputs: `[rows, classes]`
/// - labels: `[rows]`, each below the number of classes
///
/// # Panics
/// If a label is not below the number of classes.
pub fn mean_cross_entropy(outputs: &[f32], labels: &[u32], scratch: &mut Vec<f32>) -> f64 {
    let scratch = first(scratch, outputs.len());
    softmax(
        outputs,
        labels,
        scratch,
        #[inline(always)]
        |_, _, _| {},
    )
}

/// The mean cross-entropy. `finish` is shown each row of `e^(z - max z)`, its label and its sum.
#[inline(always)]
fn softmax(
    outputs: &[f32],
    labels: &[u32],
    exponentials: &mut [f32],
    finish: impl Fn(&mut [f32], usize, f32),
) -> f64 {
    let (rows, classes) = (labels.len(), outputs.len() / labels.len().max(1));
    let mut sum = 0.0;
    // The sum of logarithms is that of a product, of far fewer logarithms.
    let mut product = 1f64;
    vectorised(
        #[inline(always)]
        || {
            let shifted = exponentials.chunks_exact_mut(classes);
            for ((shifted, row), label) in shifted.zip(outputs.chunks_exact(classes)).zip(labels) {
                let largest = largest(row);
                for (shifted, x) in shifted.iter_mut().zip(row) {
                    *shifted = x - largest;
                }
                // The loss is log sum exp less the logit of the label.
                sum -= f64::from(shifted[*label as usize]);
            }
            exponentials.iter_mut().for_each(|x| *x = exp(*x));
            for (row, label) in exponentials.chunks_exact_mut(classes).zip(labels) {
                let total = total(row);
                finish(row, *label as usize, total);
                if product > 1e290 {
                    sum += std::mem::replace(&mut product, 1.0).ln();
                }
                product *= f64::from(total);
            }
        },
    );
    (sum + product.ln()) / rows as f64
}

/// Numbers that are compared or summed side by side.
const LANES: usize = 8;

/// The larger number, the first where they cannot be compared.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The largest number; what is not a number is passed over.
#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, *x);
        }
    }
    let rest = rest.iter().copied().fold(f32::NEG_INFINITY, larger);
    lanes.into_iter().fold(rest, larger)
}

/// The sum.
#[inline(always)]
fn total(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += x;
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothed_labels_are_those_of_the_definition() {
        let (outputs, labels) = ([0.5f32, -1.0, 2.0, 0.0, 3.0, 1.0], [1, 2]);
        let (mut gradient, mut wanted) = (Vec::new(), 0.0);
        let mut slopes = Vec::new();
        for (row, label) in outputs.chunks(3).zip(labels) {
            let sum: f64 = row.iter().map(|z| f64::from(*z).exp()).sum();
            for (class, z) in row.iter().enumerate() {
                let p = f64::from(*z).exp() / sum;
                let q = 0.3 / 3.0 + if class == label as usize { 0.7 } else { 0.0 };
                wanted -= q * p.ln() / 2.0;
                slopes.push((p - q) / 2.0);
            }
        }
        let loss = smoothed_cross_entropy(&outputs, &labels, 0.3, &mut gradient);
        assert!((loss - wanted).abs() < 1e-6, "{loss} {wanted}");
        for (slope, wanted) in gradient.iter().zip(slopes) {
            assert!(
                (f64::from(*slope) - wanted).abs() < 1e-7,
                "{slope} {wanted}"
            );
        }
        let plain = cross_entropy(&outputs, &labels, &mut gradient);
        assert_eq!(
            smoothed_cross_entropy(&outputs, &labels, 0.0, &mut gradient),
            plain
        );
    }

    /// Far more rows than the product of their sums has room for, logits of all sizes, and what is not finite.
    #[test]
    fn cross_entropies_are_those_of_the_definition() {
        for classes in [2, 9, 26] {
            let rows = 1000;
            let logit = |i: usize| ((i * 2_654_435_761) % 4001) as f32 / 100.0 - 20.0;
            let mut outputs: Vec<f32> = (0..rows * classes).map(logit).collect();
            let labels: Vec<u32> = (0..rows).map(|i| (i % classes) as u32).collect();
            let wanted = outputs.chunks(classes).zip(&labels).map(|(row, label)| {
                let wide = row.iter().map(|z| f64::from(*z).exp());
                wide.sum::<f64>().ln() - f64::from(row[*label as usize])
            });
            let wanted = wanted.sum::<f64>() / rows as f64;
            let (mut gradient, mut scratch) = (Vec::new(), Vec::new());
            let loss = cross_entropy(&outputs, &labels, &mut gradient);
            assert!((loss / wanted - 1.0).abs() < 1e-6, "{loss} {wanted}");
            assert_eq!(mean_cross_entropy(&outputs, &labels, &mut scratch), loss);
            let row: f32 = gradient[..classes].iter().sum();
            assert!(row.abs() < 1e-7, "{row}");
            for spoilt in [f32::NAN, f32::INFINITY] {
                outputs[7] = spoilt;
                let loss = cross_entropy(&outputs, &labels, &mut gradient);
                assert!(!loss.is_finite(), "{spoilt}: {loss}");
            }
        }
    }
}
