//! Statistics of gradients and updates, taken over some updates of a segment.

use super::update_ratio::least_size;
use std::ops::Range;
use trimtab_env::GradientStatistics;
use trimtab_program::vectorised;

/// Gathers [`GradientStatistics`] from flat gradients and weights. It owns its buffers, so that a segment allocates
/// nothing.
#[derive(Clone, Debug, Default)]
pub struct SampledUpdates {
    samples: u64,
    batch_size: u64,
    squares: f64,
    sum: Vec<f32>,
    start: Vec<f32>,
    before: Vec<f32>,
    update: Vec<f32>,
    ratios: f64,
    /// Of the last update.
    length: f64,
    lengths: f64,
    cosines: f64,
    cosine_samples: u64,
    /// Where the weights that updates move are.
    moved: Vec<Range<usize>>,
}

impl SampledUpdates {
    /// Begins a segment at these weights.
    pub fn begin(&mut self, weights: &[f32], batch_size: usize) {
        self.samples = 0;
        self.batch_size = batch_size as u64;
        self.squares = 0.0;
        self.sum.clear();
        self.sum.resize(weights.len(), 0.0);
        self.start.clear();
        self.start.extend_from_slice(weights);
        self.before.clear();
        self.before.extend_from_slice(weights);
        self.update.clear();
        self.ratios = 0.0;
        self.lengths = 0.0;
        self.cosines = 0.0;
        self.cosine_samples = 0;
    }

    /// Takes one update: its gradient and the numbers after it, of which those within `ranges` are the weights that it moves. Updates are
    /// given one after the other from the beginning of the segment, without gaps.
    pub fn record(&mut self, gradient: &[f32], weights: &[f32], ranges: &[Range<usize>]) {
        self.samples += 1;
        let first = self.update.is_empty();
        if first {
            self.update.resize(weights.len(), 0.0);
        }
        // One pass over all five vectors, whose memory is what takes the time.
        let (mut whole, mut rest) = ([[0.0; LANES]; 4], [[0.0; LANES]; 4]);
        for range in ranges {
            let (gradients, gradient) = gradient[range.clone()].as_chunks::<LANES>();
            let (afters, after) = weights[range.clone()].as_chunks::<LANES>();
            let (sums, sum) = self.sum[range.clone()].as_chunks_mut::<LANES>();
            let (updates, update) = self.update[range.clone()].as_chunks_mut::<LANES>();
            let (befores, before) = self.before[range.clone()].as_chunks_mut::<LANES>();
            let old = sums.iter_mut().zip(updates).zip(befores);
            let whole = &mut whole;
            vectorised(
                #[inline(always)]
                || {
                    for ((gradient, after), ((sum, update), before)) in
                        gradients.iter().zip(afters).zip(old)
                    {
                        pass(gradient, after, sum, update, before, whole);
                    }
                },
            );
            pass(gradient, after, sum, update, before, &mut rest);
        }
        self.moved = ranges.to_vec();
        let total = |quantity: usize| {
            let partial = whole[quantity].iter().map(|x| f64::from(*x));
            partial.sum::<f64>() + f64::from(rest[quantity].iter().sum::<f32>())
        };
        let [square, against, moved, size] = [0, 1, 2, 3].map(total);
        if !first {
            let length = self.length * square.sqrt();
            if length > 0.0 {
                self.cosines -= against / length;
                self.cosine_samples += 1;
            }
        }
        self.squares += square;
        self.length = moved.sqrt();
        self.lengths += self.length;
        self.ratios += self.length / size.sqrt().max(least_size(ranges));
    }

    /// The statistics of the segment, which ended at `weights` after `updates` updates; `None` if none was recorded.
    pub fn finish(&mut self, weights: &[f32], updates: u64) -> Option<GradientStatistics> {
        if self.samples == 0 {
            return None;
        }
        let k = self.samples as f64;
        let squares = self.moved.iter().map(|range| {
            let moved = self.start[range.clone()]
                .iter()
                .zip(&weights[range.clone()]);
            self.update.clear();
            self.update.extend(moved.map(|(a, b)| a - b));
            dot(&self.update, &self.update)
        });
        let distance = squares.sum::<f64>().sqrt();
        // The path of the updates that were not looked at is estimated from those that were.
        let path = self.lengths / k * updates as f64;
        Some(GradientStatistics {
            samples: self.samples,
            batch_size: self.batch_size,
            mean_square_norm: self.squares / k,
            square_mean_norm: dot(&self.sum, &self.sum) / (k * k),
            update_ratio: self.ratios / k,
            cosine: (self.cosine_samples > 0).then(|| self.cosines / self.cosine_samples as f64),
            straightness: (distance / path.max(1e-30)).min(1.0),
        })
    }
}

/// One pass of [`SampledUpdates::record`] over vectors of the same length, at most [`LANES`]: adds up `|g|^2`, `g` times the
/// update before, `|dw|^2` and `|w|^2`.
#[inline(always)]
fn pass(
    gradient: &[f32],
    after: &[f32],
    sum: &mut [f32],
    update: &mut [f32],
    before: &mut [f32],
    [square, against, moved, size]: &mut [[f32; LANES]; 4],
) {
    for lane in 0..gradient.len() {
        square[lane] += gradient[lane] * gradient[lane];
        against[lane] += gradient[lane] * update[lane];
        size[lane] += before[lane] * before[lane];
        sum[lane] += gradient[lane];
        update[lane] = after[lane] - before[lane];
        moved[lane] += update[lane] * update[lane];
        before[lane] = after[lane];
    }
}

/// Numbers that are summed side by side, so that a sum can be vectorised.
const LANES: usize = 8;

/// The dot product, in eight partial sums so that it can be vectorised.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let mut partial = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            partial[lane] += x[lane] * y[lane];
        }
    }
    partial.iter().map(|x| f64::from(*x)).sum::<f64>() + f64::from(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn only(range: Range<usize>) -> Vec<Range<usize>> {
        std::iter::once(range).collect()
    }

    #[test]
    fn statistics_of_two_updates_by_hand() {
        let mut probe = SampledUpdates::default();
        probe.begin(&[3.0, 4.0], 16);
        // Plain descent with rate 0.1 on the gradients (10, 0) and (0, 20).
        let both = only(0..2);
        probe.record(&[10.0, 0.0], &[2.0, 4.0], &both);
        probe.record(&[0.0, 20.0], &[2.0, 2.0], &both);
        let statistics = probe.finish(&[2.0, 2.0], 2).unwrap();
        assert_eq!(statistics.samples, 2);
        assert_eq!(statistics.batch_size, 16);
        assert_eq!(statistics.mean_square_norm, 250.0);
        assert_eq!(statistics.square_mean_norm, 125.0);
        assert!((statistics.update_ratio - 0.5 * (1.0 / 5.0 + 2.0 / 20f64.sqrt())).abs() < 1e-9);
        assert_eq!(statistics.cosine, Some(0.0));
        assert!((statistics.straightness - 5f64.sqrt() / 3.0).abs() < 1e-9);
        // Orthogonal gradients of different size: the estimate of the signal-to-noise is (2 * 0.5 - 1) / 1, kept above 0.
        assert_eq!(statistics.signal_to_noise(), Some(1e-6));
    }

    #[test]
    fn following_the_gradient_has_cosine_one_and_a_straight_line() {
        let mut probe = SampledUpdates::default();
        probe.begin(&[1.0, 1.0], 1);
        for step in 1..=3 {
            probe.record(
                &[1.0, 2.0],
                &[1.0 - 0.1 * step as f32, 1.0 - 0.2 * step as f32],
                &only(0..2),
            );
        }
        let statistics = probe.finish(&[0.7, 0.4], 3).unwrap();
        assert!((statistics.cosine.unwrap() - 1.0).abs() < 1e-6);
        assert!((statistics.straightness - 1.0).abs() < 1e-5);
        assert!((statistics.signal_to_noise().unwrap() - 1.0).abs() < 1e-6);
    }

    /// Constants and running statistics beside the weights, whatever becomes of them, are no part of anything.
    #[test]
    fn what_is_no_weight_is_not_seen() {
        let statistics = |extra: &[f32], ranges: &[Range<usize>], lead: usize| {
            let place = |weights: [f32; 2]| {
                let mut all = extra.to_vec();
                all.splice(lead..lead, weights);
                all
            };
            let mut probe = SampledUpdates::default();
            probe.begin(&place([3.0, 4.0]), 16);
            probe.record(&place([10.0, 0.0]), &place([2.0, 4.0]), ranges);
            probe.record(&place([0.0, 20.0]), &place([2.0, 2.0]), ranges);
            let mut last = place([2.0, 2.0]);
            last.iter_mut().take(lead).for_each(|x| *x += 100.0);
            probe.finish(&last, 2).unwrap()
        };
        let alone = statistics(&[], &only(0..2), 0);
        let among = statistics(&[0.0; 9], &only(4..6), 4);
        assert_eq!(alone, among);
    }

    proptest! {
        #[test]
        fn dot_equals_the_plain_sum(values in proptest::collection::vec((-10f32..10.0, -10f32..10.0), 0..100)) {
            let (a, b): (Vec<f32>, Vec<f32>) = values.iter().copied().unzip();
            let plain: f64 = values.iter().map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            prop_assert!((dot(&a, &b) - plain).abs() < 1e-2);
        }
    }
}
