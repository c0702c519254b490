//! Whether what is said to be probable in so many cases of a hundred is true in as many.

use super::check_probabilities;
use crate::Result;

/// The mean squared distance of the probabilities of an example from 1 for its true class and 0 for all others (Brier, "Verification of
/// forecasts expressed in terms of probability", 1950): from 0 to 2, `probabilities` being a row of `classes` for each example.
///
/// scikit-learn's `brier_score_loss` halves it for two classes.
///
/// # Errors
/// [`crate::Error::Config`] if the arrays do not fit each other or are empty, or a class is out of range.
///
/// ```
/// use trimtab_env::metrics::brier_score;
/// assert_eq!(brier_score(&[0, 1], &[0.5, 0.5, 0.0, 1.0], 2)?, 0.25);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
pub fn brier_score(truth: &[usize], probabilities: &[f64], classes: usize) -> Result<f64> {
    check_probabilities(truth, probabilities, classes)?;
    let of = |(row, class): (&[f64], &usize)| {
        let each = row.iter().enumerate();
        let distance =
            |(other, p): (usize, &f64)| (p - f64::from(u8::from(other == *class))).powi(2);
        each.map(distance).sum::<f64>()
    };
    let sum: f64 = probabilities.chunks(classes).zip(truth).map(of).sum();
    Ok(sum / truth.len() as f64)
}

/// Predictions whose largest probability is alike.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReliabilityBin {
    /// The mean of the largest probabilities.
    pub confidence: f64,
    /// The share of the predictions that are right.
    pub accuracy: f64,
    /// How many predictions.
    pub count: u64,
}

/// The predictions in `bins` bins of equal width by their largest probability, those that are not empty, in order: a reliability
/// diagram (Guo et al., "On Calibration of Modern Neural Networks", 2017, equations 1 and 2).
///
/// # Errors
/// As [`brier_score`].
pub fn reliability(
    truth: &[usize],
    probabilities: &[f64],
    classes: usize,
    bins: usize,
) -> Result<Vec<ReliabilityBin>> {
    check_probabilities(truth, probabilities, classes)?;
    let mut sums = vec![ReliabilityBin::default(); bins.max(1)];
    for (row, class) in probabilities.chunks(classes).zip(truth) {
        let best = (0..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        // Bins are open below and closed above.
        let at = (row[best] * sums.len() as f64).ceil() as usize;
        let last = sums.len() - 1;
        let bin = &mut sums[at.saturating_sub(1).min(last)];
        bin.confidence += row[best];
        bin.accuracy += f64::from(u8::from(best == *class));
        bin.count += 1;
    }
    let mean = |bin: ReliabilityBin| {
        let count = bin.count as f64;
        ReliabilityBin {
            confidence: bin.confidence / count,
            accuracy: bin.accuracy / count,
            ..bin
        }
    };
    Ok(sums
        .into_iter()
        .filter(|bin| bin.count > 0)
        .map(mean)
        .collect())
}

/// The expected calibration error: the mean of `|accuracy - confidence|` over the bins of [`reliability`], each weighted by its
/// predictions (Guo et al., equation 3).
///
/// # Errors
/// As [`brier_score`].
pub fn expected_calibration_error(
    truth: &[usize],
    probabilities: &[f64],
    classes: usize,
    bins: usize,
) -> Result<f64> {
    let all = reliability(truth, probabilities, classes, bins)?;
    let gap = |bin: &ReliabilityBin| bin.count as f64 * (bin.accuracy - bin.confidence).abs();
    Ok(all.iter().map(gap).sum::<f64>() / truth.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_certain_and_right_is_calibrated() {
        let (truth, certain) = ([0, 1, 2], [1., 0., 0., 0., 1., 0., 0., 0., 1.]);
        assert_eq!(brier_score(&truth, &certain, 3).unwrap(), 0.0);
        assert_eq!(
            expected_calibration_error(&truth, &certain, 3, 15).unwrap(),
            0.0
        );
        // Certain and wrong: 1 for the class that it is not, 1 for the one that it is.
        assert_eq!(brier_score(&[1, 2, 0], &certain, 3).unwrap(), 2.0);
        assert_eq!(
            expected_calibration_error(&[1, 2, 0], &certain, 3, 15).unwrap(),
            1.0
        );
    }

    #[test]
    fn bins_are_weighted_by_their_predictions() {
        // Three at 0.8, two of them right, and one at 0.6, right.
        let probabilities = [0.8, 0.2, 0.8, 0.2, 0.8, 0.2, 0.4, 0.6];
        let truth = [0, 0, 1, 1];
        let bins = reliability(&truth, &probabilities, 2, 10).unwrap();
        assert_eq!(bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [1, 3]);
        let error = expected_calibration_error(&truth, &probabilities, 2, 10).unwrap();
        let wanted = 0.75 * (0.8 - 2.0 / 3.0) + 0.25 * 0.4;
        assert!((error - wanted).abs() < 1e-12, "{error}");
    }
}
