//! Quantile loss.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use trimtab_program::loss::Quantile;

/// `q e` of an output that is `e` too low, and `(1 - q) |e|` of one that is too high, the mean over rows (Koenker and Bassett 1978,
/// "Regression quantiles").
///
/// # Shapes
/// - outputs, targets: `[rows, 1]`
/// - loss: `[1]`
pub fn quantile(loss: &Quantile, outputs: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let error = targets - outputs;
    (relu(error.clone()) * loss.quantile + relu(error.neg()) * (1.0 - loss.quantile)).mean()
}
