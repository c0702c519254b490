//! Cross-entropy with class weights and smoothed labels.

use super::classes::{of_right_class, per_class};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use trimtab_program::loss::CrossEntropy;

/// `-sum over c of q_c w_c log softmax(z)_c` with `q = (1 - s) onehot(y) + s / classes`, summed over rows and divided by the sum of `w_y`
/// (Szegedy et al. 2016, "Rethinking the inception architecture for computer vision", section 7).
///
/// # Shapes
/// - outputs: `[rows, classes]`
/// - labels: `[rows]`
/// - loss: `[1]`
pub fn cross_entropy(loss: &CrossEntropy, outputs: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    let [_, classes] = outputs.dims();
    let right = of_right_class(&outputs, labels);
    let weights = per_class(loss.class_weights.as_deref(), &outputs);
    let smoothed =
        right.clone() * (1.0 - loss.label_smoothing) + loss.label_smoothing / classes as f64;
    let losses = log_softmax(outputs, 1).neg() * smoothed * weights.clone();
    losses.sum() / (right * weights).sum()
}
