//! How probable the truth was.

use super::{check_lengths, check_probabilities};
use crate::Result;

/// Mean negative natural logarithm of the probability of the true class, `probabilities` being a row of `classes` for each
/// example. Probabilities are kept `f64::EPSILON` away from 0 and 1.
///
/// # Errors
/// [`crate::Error::Config`] if the arrays do not fit each other or are empty, or a class is out of range.
pub fn log_loss(truth: &[usize], probabilities: &[f64], classes: usize) -> Result<f64> {
    check_probabilities(truth, probabilities, classes)?;
    let sum: f64 = probabilities
        .chunks(classes)
        .zip(truth)
        .map(|(row, class)| -clipped(row[*class]).ln())
        .sum();
    Ok(sum / truth.len() as f64)
}

/// The same of two classes, from the probability of the positive one.
///
/// # Errors
/// [`crate::Error::Config`] if the arrays differ in length or are empty.
pub fn binary_log_loss(truth: &[bool], probabilities: &[f64]) -> Result<f64> {
    check_lengths("probabilities", truth.len(), probabilities.len())?;
    let of = |(positive, p): (&bool, &f64)| {
        let p = clipped(*p);
        -(if *positive { p } else { 1.0 - p }).ln()
    };
    Ok(truth.iter().zip(probabilities).map(of).sum::<f64>() / truth.len() as f64)
}

/// Exponential of the mean negative log-likelihood of a sequence, given the natural log-likelihood of each token: how many
/// equally likely tokens would be as hard to guess.
///
/// # Errors
/// [`crate::Error::Config`] if there is no token.
pub fn perplexity(log_likelihoods: &[f64]) -> Result<f64> {
    check_lengths(
        "log_likelihoods",
        log_likelihoods.len(),
        log_likelihoods.len(),
    )?;
    Ok((-log_likelihoods.iter().sum::<f64>() / log_likelihoods.len() as f64).exp())
}

fn clipped(probability: f64) -> f64 {
    probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON)
}
