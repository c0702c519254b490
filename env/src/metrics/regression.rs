//! Errors of predicted numbers.

use super::check_lengths;
use crate::Result;

/// Root of the mean squared error.
///
/// # Errors
/// [`crate::Error::Config`] if the arrays differ in length or are empty.
pub fn root_mean_squared_error(truth: &[f64], predicted: &[f64]) -> Result<f64> {
    check_lengths("predicted", truth.len(), predicted.len())?;
    Ok((squared_error(truth, predicted) / truth.len() as f64).sqrt())
}

/// Mean absolute error.
///
/// # Errors
/// [`crate::Error::Config`] if the arrays differ in length or are empty.
pub fn mean_absolute_error(truth: &[f64], predicted: &[f64]) -> Result<f64> {
    check_lengths("predicted", truth.len(), predicted.len())?;
    let sum: f64 = truth
        .iter()
        .zip(predicted)
        .map(|(t, p)| (t - p).abs())
        .sum();
    Ok(sum / truth.len() as f64)
}

/// Coefficient of determination, `1 - sum (t - p)^2 / sum (t - mean t)^2`. Where the truth is constant: 1 for predictions
/// without error and 0 otherwise. NaN for a single example.
///
/// # Errors
/// [`crate::Error::Config`] if the arrays differ in length or are empty.
pub fn r2(truth: &[f64], predicted: &[f64]) -> Result<f64> {
    check_lengths("predicted", truth.len(), predicted.len())?;
    let mean = truth.iter().sum::<f64>() / truth.len() as f64;
    let spread: f64 = truth.iter().map(|t| (t - mean).powi(2)).sum();
    let error = squared_error(truth, predicted);
    // The mean of equal numbers may be rounded to another one.
    let constant = spread == 0.0 || truth.windows(2).all(|pair| pair[0] == pair[1]);
    Ok(match (truth.len(), constant, error == 0.0) {
        (1, _, _) => f64::NAN,
        (_, false, _) => 1.0 - error / spread,
        (_, true, true) => 1.0,
        (_, true, false) => 0.0,
    })
}

fn squared_error(truth: &[f64], predicted: &[f64]) -> f64 {
    truth
        .iter()
        .zip(predicted)
        .map(|(t, p)| (t - p).powi(2))
        .sum()
}
