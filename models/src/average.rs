//! Averaged weights.

use crate::weights::flat_weights;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// The average of the weights over the updates so far, `e <- e + (w - e) / (1 + averaging t)` with `t` updates before:
/// polynomial-decay averaging (Shamir and Zhang 2013, "Stochastic gradient descent for non-smooth optimization", section 4) of
/// degree `1 / averaging - 1`. With `averaging` 1 it is the mean of all weights, with 0 the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AveragedWeights {
    weights: Vec<f32>,
    updates: u64,
}

impl AveragedWeights {
    /// Takes the weights after an update.
    pub fn update(&mut self, weights: &[f32], averaging: f64) {
        let rate = self.rate(averaging);
        if self.updates == 0 {
            self.weights.clear();
            self.weights.extend_from_slice(weights);
        } else {
            approach(&mut self.weights, weights, rate);
        }
        self.updates += 1;
    }

    /// Takes the weights of a module after an update, without putting them side by side first.
    pub fn update_from<M: Module>(&mut self, module: &M, averaging: f64) {
        if self.updates == 0 {
            flat_weights(module, &mut self.weights);
        } else {
            let rate = self.rate(averaging);
            module.visit(&mut Approach {
                average: &mut self.weights,
                rate,
            });
        }
        self.updates += 1;
    }

    /// How far the average goes towards the next weights.
    fn rate(&self, averaging: f64) -> f32 {
        (1.0 / (1.0 + averaging * self.updates as f64)) as f32
    }

    /// The average, empty before the first update.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }
}

fn approach(average: &mut [f32], weights: &[f32], rate: f32) {
    for (average, weight) in average.iter_mut().zip(weights) {
        *average += (weight - *average) * rate;
    }
}

/// Moves an average towards the parameters that it is shown, one after the other.
struct Approach<'a> {
    average: &'a mut [f32],
    rate: f32,
}

impl ModuleVisitor for Approach<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data();
        let (average, rest) = std::mem::take(&mut self.average).split_at_mut(data.num_elements());
        self.average = rest;
        match data.as_slice::<f32>() {
            Ok(weights) => approach(average, weights, self.rate),
            // A backend may keep its floats in another type.
            Err(_) => approach(average, &data.iter::<f32>().collect::<Vec<_>>(), self.rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn average(values: &[f32], averaging: f64) -> f32 {
        let mut averaged = AveragedWeights::default();
        for value in values {
            averaged.update(&[*value], averaging);
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
