//! How well scores put the positive examples before the negative ones.

use super::{Average, check_lengths, check_probabilities};
use crate::{Error, Result};

/// Area under the receiver operating characteristic: the probability that a positive example has a higher score than a
/// negative one, ties counting one half (Mann and Whitney 1947). NaN if only one class occurs.
///
/// # Errors
/// [`Error::Config`] if the arrays differ in length or are empty, or a score is not a number.
pub fn roc_auc(truth: &[bool], scores: &[f64]) -> Result<f64> {
    let mut area = 0.0;
    let (mut positives, mut negatives) = (0.0, 0.0);
    // From the highest score down: a negative example is below all positives before it and level with those of its group.
    for (found, missed) in groups(truth, scores)? {
        area += missed * (positives + found / 2.0);
        positives += found;
        negatives += missed;
    }
    Ok(area / (positives * negatives))
}

/// Average precision: `sum (R_k - R_(k-1)) P_k` over the distinct thresholds, from the highest score down, with recall `R`
/// and precision `P`; 0 if no example is positive.
///
/// # Errors
/// [`Error::Config`] if the arrays differ in length or are empty, or a score is not a number.
pub fn average_precision(truth: &[bool], scores: &[f64]) -> Result<f64> {
    let positives = truth.iter().filter(|positive| **positive).count() as f64;
    let (mut sum, mut found_so_far, mut seen) = (0.0, 0.0, 0.0);
    for (found, missed) in groups(truth, scores)? {
        found_so_far += found;
        seen += found + missed;
        sum += found * found_so_far / seen;
    }
    Ok(if positives == 0.0 {
        0.0
    } else {
        sum / positives
    })
}

/// [`roc_auc`] of each class against the rest, averaged. `Macro`: NaN if the truth lacks a class or has nothing else.
/// `Weighted`: classes that do not occur are left out. For two classes both equal the binary figure.
///
/// # Errors
/// [`Error::Config`] if the arrays do not fit each other or are empty, a class is out of range, or the average is another
/// one.
pub fn roc_auc_one_vs_rest(
    truth: &[usize],
    probabilities: &[f64],
    classes: usize,
    average: Average,
) -> Result<f64> {
    check_probabilities(truth, probabilities, classes)?;
    let weight = |support: f64| match average {
        Average::Macro => Ok(1.0),
        Average::Weighted => Ok(support),
        Average::Binary | Average::Micro => Err(Error::config(
            "average",
            format!("{average:?}"),
            "one class against the rest is averaged by Macro or Weighted",
        )),
    };
    let (mut sum, mut weights) = (0.0, 0.0);
    for class in 0..classes {
        let is_class: Vec<bool> = truth.iter().map(|t| *t == class).collect();
        let scores: Vec<f64> = probabilities
            .iter()
            .skip(class)
            .step_by(classes)
            .copied()
            .collect();
        let support = is_class.iter().filter(|is| **is).count() as f64;
        let weight = weight(support)?;
        if weight > 0.0 {
            sum += weight * roc_auc(&is_class, &scores)?;
            weights += weight;
        }
    }
    Ok(sum / weights)
}

/// How many positives and negatives there are at each distinct score, the highest first.
fn groups(truth: &[bool], scores: &[f64]) -> Result<Vec<(f64, f64)>> {
    check_lengths("scores", truth.len(), scores.len())?;
    if scores.iter().any(|score| score.is_nan()) {
        return Err(Error::config("scores", "NaN", "give numbers"));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    Ok(order
        // By value: 0 and -0 are the same score.
        .chunk_by(|a, b| scores[*a] == scores[*b])
        .map(|group| {
            let found = group.iter().filter(|i| truth[**i]).count();
            (found as f64, (group.len() - found) as f64)
        })
        .collect())
}
