//! The relative size of single updates.

use std::ops::Range;

/// The part of an ordinary layer's size that weights are taken to have at least. Networks that train are above it; weights that begin at
/// zero, such as those of gates, have no size of their own at first, and no update would be small enough for them.
const LEAST: f64 = 0.25;

/// The least size `|w|` of the weights within `ranges`. An ordinary layer has weights from `U(-1 / sqrt(n), 1 / sqrt(n))`, where `n` is its
/// number of inputs, as PyTorch and burn draw them, so that `N` of them as a square matrix have `|w|^2 = N / (3 sqrt(N))`. Adafactor bounds
/// what its updates are relative to for the same reason (Shazeer & Stern 2018, section 8), by a root mean square of 0.001.
pub(crate) fn least_size(ranges: &[Range<usize>]) -> f64 {
    let squares = ranges.iter().map(|range| (range.len() as f64).sqrt() / 3.0);
    LEAST * squares.sum::<f64>().sqrt()
}

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
        self.ratios += length(moved) / length(size).max(least_size(ranges));
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

    #[test]
    fn weights_that_begin_at_zero_count_as_a_quarter_of_an_ordinary_layer() {
        // 256 weights of 16 inputs: from U(-1/4, 1/4), |w|^2 = 256 / 48.
        let wanted = 0.25 * (256.0_f64 / 48.0).sqrt();
        assert!((least_size(&only(0..256)) - wanted).abs() < 1e-12);
        let mut ratio = UpdateRatio::default();
        ratio.before(&mut vec![0.0; 256]);
        let mut after = vec![0.0; 256];
        after[7] = wanted as f32 / 100.0;
        ratio.after(&after, &only(0..256), 1.0);
        assert!((ratio.mean().unwrap().0 - 0.01).abs() < 1e-8);
    }
}
