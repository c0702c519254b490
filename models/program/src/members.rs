//! What several networks predict together.

use crate::elementary::exp;
use crate::vectorised;

/// The mean of values over members.
///
/// # Shapes
/// - outputs: `[members, rows]`
/// - mean: `[rows]`
pub fn mean_values(outputs: &[f32], members: usize, mean: &mut Vec<f32>) {
    mean.clear();
    mean.resize(outputs.len() / members.max(1), 0.0);
    let share = 1.0 / members as f32;
    for row in outputs.chunks_exact(mean.len().max(1)) {
        for (mean, value) in mean.iter_mut().zip(row) {
            *mean += share * value;
        }
    }
}

/// The logits of the mean over members of the probabilities that are theirs: `log mean over m of softmax(z_m)`.
///
/// # Shapes
/// - outputs: `[members, rows, classes]`
/// - mean: `[rows, classes]`
pub fn mean_logits(outputs: &[f32], members: usize, classes: usize, mean: &mut Vec<f32>) {
    mean.clear();
    mean.resize(outputs.len() / members.max(1), 0.0);
    let mut shares = vec![0.0; classes];
    vectorised(
        #[inline(always)]
        || {
            for member in outputs.chunks_exact(mean.len().max(1)) {
                let rows = mean.chunks_exact_mut(classes);
                for (mean, row) in rows.zip(member.chunks_exact(classes)) {
                    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    for (share, z) in shares.iter_mut().zip(row) {
                        *share = exp(z - largest);
                    }
                    let scale = 1.0 / (members as f32 * shares.iter().sum::<f32>());
                    for (mean, share) in mean.iter_mut().zip(&shares) {
                        *mean += scale * share;
                    }
                }
            }
        },
    );
    mean.iter_mut().for_each(|p| *p = p.ln());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_and_values_are_averaged() {
        let mut mean = Vec::new();
        mean_values(&[1.0, 2.0, 3.0, 6.0], 2, &mut mean);
        assert_eq!(mean, [2.0, 4.0]);
        // Odds of 3 to 1, and of 1 to 1: five eighths together.
        let three = 3f32.ln();
        mean_logits(&[three + 2.0, 2.0, -5.0, -5.0], 2, 2, &mut mean);
        for (z, wanted) in mean.iter().zip([5f32 / 8.0, 3.0 / 8.0]) {
            assert!((z - wanted.ln()).abs() < 1e-6, "{z}");
        }
        // What is not a number is seen.
        mean_logits(&[f32::NAN, 0.0], 1, 2, &mut mean);
        assert!(mean.iter().all(|z| z.is_nan()), "{mean:?}");
    }
}
