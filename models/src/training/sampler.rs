//! The order in which training examples are drawn.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Draws minibatches without replacement, epoch after epoch, at a batch size that may change between any two updates.
///
/// Batches are always full: where an epoch ends inside a batch, the batch goes on with the next epoch's order. So the
/// draws `n k .. n (k + 1)` are a permutation of the `n` examples for every `k`, whatever the batch sizes were.
///
/// A clone costs next to nothing, however many examples there are: the order is shared until one of the two draws a new one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EpochSampler {
    order: Arc<Vec<u32>>,
    next: usize,
    rng: ChaCha8Rng,
}

impl EpochSampler {
    /// A sampler of `examples` examples (at least 1), in an order that comes from `rng`.
    pub fn new(examples: usize, rng: ChaCha8Rng) -> Self {
        let mut sampler = Self {
            order: Arc::new((0..examples.max(1) as u32).collect()),
            next: 0,
            rng,
        };
        sampler.shuffle();
        sampler
    }

    /// Whether it draws from so many examples. One that was read may be of others.
    pub(crate) fn is_of(&self, examples: usize) -> bool {
        let inside = |index: &u32| (*index as usize) < examples;
        self.next <= self.order.len() && !self.order.is_empty() && self.order.iter().all(inside)
    }

    /// Puts the indices of the next `batch_size` examples into `batch`.
    pub fn draw(&mut self, batch_size: usize, batch: &mut Vec<u32>) {
        batch.clear();
        while batch.len() < batch_size {
            if self.next == self.order.len() {
                self.shuffle();
                self.next = 0;
            }
            let wanted = batch_size - batch.len();
            let end = self.order.len().min(self.next + wanted);
            batch.extend_from_slice(&self.order[self.next..end]);
            self.next = end;
        }
    }

    /// Fisher and Yates; the algorithm is spelt out because its results are part of the records.
    fn shuffle(&mut self) {
        let order = Arc::make_mut(&mut self.order);
        for i in (1..order.len()).rev() {
            let j = self.rng.random_range(0..=i as u32) as usize;
            order.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use trimtab_env::stream;

    proptest! {
        #[test]
        fn every_epoch_is_a_permutation_whatever_the_batch_sizes(
            examples in 1usize..50,
            sizes in proptest::collection::vec(1usize..70, 1..30),
            seed: u64,
        ) {
            let mut sampler = EpochSampler::new(examples, stream(seed, "sampler", 0));
            let (mut drawn, mut batch) = (Vec::new(), Vec::new());
            for size in sizes {
                sampler.draw(size, &mut batch);
                prop_assert_eq!(batch.len(), size);
                drawn.extend_from_slice(&batch);
            }
            for epoch in drawn.chunks_exact(examples) {
                let mut sorted = epoch.to_vec();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, (0..examples as u32).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_clone_shares_the_order_until_an_epoch_ends() {
        let mut sampler = EpochSampler::new(20, stream(1, "sampler", 0));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        sampler.draw(12, &mut first);
        let mut clone = sampler.clone();
        clone.draw(8, &mut second);
        assert!(Arc::ptr_eq(&sampler.order, &clone.order));
        clone.draw(8, &mut second);
        assert!(!Arc::ptr_eq(&sampler.order, &clone.order));
        sampler.draw(16, &mut first);
        assert_eq!(first[8..], second);
    }

    #[test]
    fn epochs_differ_and_the_seed_decides() {
        let first_epochs = |seed| {
            let mut sampler = EpochSampler::new(20, stream(seed, "sampler", 0));
            let mut batch = Vec::new();
            sampler.draw(40, &mut batch);
            batch
        };
        let drawn = first_epochs(1);
        assert_ne!(drawn[..20], drawn[20..]);
        assert_eq!(drawn, first_epochs(1));
        assert_ne!(drawn, first_epochs(2));
    }
}
