//! Huber's loss.

use burn::tensor::Tensor;
use trimtab_program::loss::Huber;

/// `e^2 / 2` of an error `e` of at most `delta` either way, and `delta (|e| - delta / 2)` beyond, the mean over rows (Huber 1964, "Robust
/// estimation of a location parameter").
///
/// # Shapes
/// - outputs, targets: `[rows, 1]`
/// - loss: `[1]`
pub fn huber(loss: &Huber, outputs: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let error = outputs - targets;
    let near = error.clone().clamp(-loss.delta, loss.delta);
    (near.clone() * (error - near / 2.0)).mean()
}
