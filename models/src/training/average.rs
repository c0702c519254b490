//! Averaged weights.

use serde::{Deserialize, Serialize};
use trimtab_program::pruning::Removal;

/// The average of the weights over the updates so far, `e <- e + (w - e) / (1 + averaging t)` with `t` updates before:
/// polynomial-decay averaging (Shamir and Zhang 2013, "Stochastic gradient descent for non-smooth optimization", section 4) of
/// degree `1 / averaging - 1`. With `averaging` 1 it is the mean of all weights, with 0 the last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AveragedWeights {
    weights: Vec<f32>,
    updates: u64,
}

impl AveragedWeights {
    /// Takes the weights after `updates` more updates, all of which count as these.
    pub fn update(&mut self, weights: &[f32], averaging: f64, updates: u64) {
        self.step(averaging, updates).take(weights);
    }

    /// As [`AveragedWeights::update`], for weights that come part by part.
    pub fn step(&mut self, averaging: f64, updates: u64) -> AveragingStep<'_> {
        // That many steps towards the same weights are one step.
        let rate = (self.updates > 0).then(|| {
            (0..updates).fold(0.0, |rate, i| {
                rate + (1.0 - rate) / (1.0 + averaging * (self.updates + i) as f64)
            }) as f32
        });
        if rate.is_none() {
            self.weights.clear();
        }
        self.updates += updates;
        AveragingStep {
            weights: &mut self.weights,
            taken: 0,
            rate,
        }
    }

    /// Goes on with the weights of a smaller network.
    pub(crate) fn shrink(&mut self, removal: &Removal) {
        removal.apply(&mut self.weights, 1);
    }

    /// The average, empty before the first update.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }
}

/// A step of [`AveragedWeights`], made once all parts of the weights are taken.
pub struct AveragingStep<'a> {
    weights: &'a mut Vec<f32>,
    taken: usize,
    /// How far to go; `None` for the first, which has nothing to go from.
    rate: Option<f32>,
}

impl AveragingStep<'_> {
    /// Takes the next part of the weights.
    pub fn take(&mut self, part: &[f32]) {
        let Some(rate) = self.rate else {
            return self.weights.extend_from_slice(part);
        };
        for (average, weight) in self.weights[self.taken..].iter_mut().zip(part) {
            *average += (weight - *average) * rate;
        }
        self.taken += part.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn average(values: &[f32], averaging: f64) -> f32 {
        let mut averaged = AveragedWeights::default();
        for value in values {
            averaged.update(&[*value], averaging, 1);
        }
        averaged.weights()[0]
    }

    #[test]
    fn one_is_the_mean_and_zero_the_last() {
        assert_eq!(average(&[1.0, 2.0, 6.0], 1.0), 3.0);
        assert_eq!(average(&[1.0, 2.0, 6.0], 0.0), 6.0);
        // 1; 1 + (2 - 1) / 1.5; then + (6 - e) / 2.
        let second = 1.0 + 1.0 / 1.5;
        assert!((average(&[1.0, 2.0, 6.0], 0.5) - (second + (6.0 - second) / 2.0)).abs() < 1e-6);
    }

    #[test]
    fn several_updates_at_once_are_as_many_with_the_same_weights() {
        let (mut each, mut once) = (AveragedWeights::default(), AveragedWeights::default());
        for (weight, times) in [(1.0, 3), (2.0, 4), (-1.0, 1)] {
            (0..times).for_each(|_| each.update(&[weight], 0.3, 1));
            once.update(&[weight], 0.3, times);
        }
        assert!((each.weights()[0] - once.weights()[0]).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn an_average_lies_between_its_values(
            values in proptest::collection::vec(-5f32..5.0, 1..50), averaging in 0.0..=1.0f64,
        ) {
            let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
            let average = average(&values, averaging);
            prop_assert!(average >= low - 1e-5 && average <= high + 1e-5);
        }
    }
}
