//! Poisson loss with a logarithmic link.

/// Half the deviance of a Poisson distribution of the mean `e^z`: `e^z - t - t (z - log t)` (Nelder and Wedderburn 1972, "Generalized linear
/// models"). It is minus the log-likelihood, but for what does not depend on `z`, and 0 where `e^z = t`. Targets are at least 0.
///
/// Returns loss and slope of one output `z`.
pub fn poisson(output: f64, target: f64) -> (f64, f64) {
    let mean = output.exp();
    // t log t is 0 at 0.
    let log = if target > 0.0 { target.ln() } else { 0.0 };
    (mean - target - target * (output - log), mean - target)
}
