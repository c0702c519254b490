//! From the numbers of a network to those of a smaller one.

use crate::Program;
use std::ops::Range;

/// What becomes of numbers, one for each weight, when units leave.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    /// Where those are that stay, ascending.
    kept: Vec<usize>,
    /// Tensors of the smaller network whose [factors](Program::factors) are others, with the old one over the new.
    factors: Vec<(Range<usize>, f32)>,
}

impl Removal {
    /// The weights at `kept`, which [`kept`](super::kept) gives, make the network `to` of the network `from`.
    pub fn new(kept: Vec<usize>, from: &dyn Program, to: &dyn Program) -> Self {
        let factors = from.factors().into_iter().zip(to.factors());
        let all = to.tensors().iter().cloned().zip(factors);
        let others = all.filter(|(_, (old, new))| old != new);
        Self {
            kept,
            factors: others.map(|(at, (old, new))| (at, old / new)).collect(),
        }
    }

    /// The weights at `kept` make the smaller network as they are.
    pub fn of(kept: Vec<usize>) -> Self {
        Self {
            kept,
            factors: Vec::new(),
        }
    }

    /// Leaves of `numbers`, one for each weight or none at all, those that stay. With `power` 1 they are weights, with -1 gradients, with -2 squares of
    /// gradients: where a weight counts by another factor, they change so that the network computes what it did.
    ///
    /// # Panics
    /// If there are fewer numbers than weights.
    pub fn apply(&self, numbers: &mut Vec<f32>, power: i32) {
        if numbers.is_empty() {
            return;
        }
        // They ascend, so that nothing is read after it was written over.
        for (to, from) in self.kept.iter().enumerate() {
            numbers[to] = numbers[*from];
        }
        numbers.truncate(self.kept.len());
        for (tensor, factor) in &self.factors {
            let factor = factor.powi(power);
            numbers[tensor.clone()]
                .iter_mut()
                .for_each(|x| *x *= factor);
        }
    }
}
