//! Focal loss.

use super::classes::{of_right_class, per_class};
use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Int, Tensor};
use trimtab_program::loss::Focal;

/// `-alpha_y (1 - p_y)^gamma log p_y` with `p = softmax(z)`, the mean over rows (Lin et al. 2017, "Focal loss for dense object detection",
/// equation 5). By the odds `d = log sum over c != y of e^(z_c) - z_y`, `1 - p_y = sigmoid(d)` and `-log p_y = -log sigmoid(-d)`.
///
/// # Shapes
/// - outputs: `[rows, classes]`, of at least two classes
/// - labels: `[rows]`
/// - loss: `[1]`
pub fn focal(loss: &Focal, outputs: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    /// Far below all logits, and its exponential 0.
    const OUT_OF_THE_WAY: f64 = -1e30;
    let right = of_right_class(&outputs, labels);
    let alpha = (per_class(loss.alpha.as_deref(), &outputs) * right.clone()).sum_dim(1);
    let logit = (outputs.clone() * right.clone()).sum_dim(1);
    let wrong = outputs.mask_fill(right.greater_elem(0.5), OUT_OF_THE_WAY);
    let largest = wrong.clone().detach().max_dim(1);
    let d = (wrong - largest.clone()).exp().sum_dim(1).log() + largest - logit;
    let doubt = (log_sigmoid(d.clone()) * loss.gamma).exp();
    (alpha * doubt * log_sigmoid(d.neg()).neg()).mean()
}
