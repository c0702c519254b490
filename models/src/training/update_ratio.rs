//! The relative size of single updates.

use std::ops::Range;

/// Numbers that are summed side by side, so that a sum can be vectorised.
const LANES: usize = 8;

/// The mean of `|dw| / |w|` over updates that need not follow one another.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpdateRatio {
    before: Vec<f32>,
    ratios: f64,
    samples: u64,
}

impl UpdateRatio {
    /// Forgets all updates.
    pub(crate) fn begin(&mut self) {
        (self.ratios, self.samples) = (0.0, 0);
    }

    /// Takes the weights before an update, and leaves a vector to be written over in their place.
    pub(crate) fn before(&mut self, weights: &mut Vec<f32>) {
        std::mem::swap(&mut self.before, weights);
    }

    /// Takes the numbers after the same update. Those within `ranges` are the weights that it moves, of which a decay that belongs
    /// to it will leave the part `kept`.
    pub(crate) fn after(&mut self, weights: &[f32], ranges: &[Range<usize>], kept: f32) {
        let (mut moved, mut size) = ([0.0; LANES], [0.0; LANES]);
        for range in ranges {
            let (befores, before) = self.before[range.clone()].as_chunks::<LANES>();
            let (afters, after) = weights[range.clone()].as_chunks::<LANES>();
            for (before, after) in befores.iter().zip(afters) {
                add(before, after, kept, &mut moved, &mut size);
            }
            add(before, after, kept, &mut moved, &mut size);
        }
        let length = |squares: [f32; LANES]| {
            let squares = squares.iter().map(|square| f64::from(*square));
            squares.sum::<f64>().sqrt()
        };
        self.ratios += length(moved) / length(size).max(1e-30);
        self.samples += 1;
    }

    /// The mean, and of how many updates; `None` if there was none.
    pub(crate) fn mean(&self) -> Option<(f64, u64)> {
        (self.samples > 0).then(|| (self.ratios / self.samples as f64, self.samples))
    }
}

/// Adds up `|dw|^2` and `|w|^2` over at most [`LANES`] weights.
#[inline(always)]
fn add(
    before: &[f32],
    after: &[f32],
    kept: f32,
    moved: &mut [f32; LANES],
    size: &mut [f32; LANES],
) {
    for lane in 0..before.len() {
        let update = kept * after[lane] - before[lane];
        moved[lane] += update * update;
        size[lane] += before[lane] * before[lane];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(range: Range<usize>) -> Vec<Range<usize>> {
        std::iter::once(range).collect()
    }

    #[test]
    fn the_mean_of_two_updates_by_hand() {
        let mut ratio = UpdateRatio::default();
        assert_eq!(ratio.mean(), None);
        let mut weights = [0.0; 11];
        (weights[0], weights[10]) = (3.0, 4.0);
        for (step, wanted) in [(1.0, 0.2), (2.0, 0.3)] {
            let mut after = weights;
            after[9] += step;
            ratio.before(&mut weights.to_vec());
            ratio.after(&after, &only(0..11), 1.0);
            let (mean, _) = ratio.mean().unwrap();
            assert!((mean - wanted).abs() < 1e-9, "{mean}");
        }
        assert_eq!(ratio.mean().unwrap().1, 2);
        // A decay of a half, which halves what stays.
        ratio.begin();
        ratio.before(&mut weights.to_vec());
        ratio.after(&weights, &only(0..11), 0.5);
        assert!((ratio.mean().unwrap().0 - 0.5).abs() < 1e-9);
        ratio.begin();
        assert_eq!(ratio.mean(), None);
        // The size is that of the weights that are moved: here of 3 alone.
        let mut after = weights;
        after[0] += 0.3;
        ratio.before(&mut weights.to_vec());
        ratio.after(&after, &[0..4, 5..6], 1.0);
        assert!((ratio.mean().unwrap().0 - 0.1).abs() < 1e-7);
    }
}
