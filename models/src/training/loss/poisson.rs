//! Poisson loss with a logarithmic link.

use burn::tensor::Tensor;

/// Half the deviance of a Poisson distribution of the mean `e^z`: `e^z - t - t (z - log t)`, the mean over rows (Nelder and Wedderburn 1972,
/// "Generalized linear models"). Targets are at least 0.
///
/// # Shapes
/// - outputs, targets: `[rows, 1]`
/// - loss: `[1]`
pub fn poisson(outputs: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    // t log t is 0 at 0.
    let logs = targets.clone().clamp_min(f32::MIN_POSITIVE).log();
    (outputs.clone().exp() - targets.clone() - targets * (outputs - logs)).mean()
}
