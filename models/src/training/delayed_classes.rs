//! Delayed classes: training data part of which are missing at first.

use crate::data::{Dataset, Targets};
use crate::training::sampler::EpochSampler;
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A training that is not stationary: at first the rows of the last classes, or with the largest values, are missing, and after
/// some time they are there. Validation and test rows are complete from the beginning, so that a loss means the same all along.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DelayedClasses {
    /// The share of the training rows that are delayed, above 0 and below 1.
    pub share: f64,
    /// When they arrive: after as many examples as this many passes over all training rows have.
    pub after: f64,
}

impl DelayedClasses {
    /// Checks both numbers.
    ///
    /// # Errors
    /// [`Error::Config`] naming the one that is out of range.
    pub fn validate(&self) -> Result<()> {
        let fault = |field: &str, value: f64, allowed: &str| {
            Err(Error::number("delayed_classes", field, value, allowed))
        };
        if !(self.share > 0.0 && self.share < 1.0) {
            return fault("share", self.share, "a number above 0 and below 1");
        }
        if !(self.after.is_finite() && self.after >= 0.0) {
            return fault("after", self.after, "a finite number of at least 0");
        }
        Ok(())
    }
}

/// Draws minibatches from the rows that are there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DelayedSampler {
    /// The rows in the order of their targets.
    order: Arc<[u32]>,
    early: EpochSampler,
    /// Examples still to be drawn from the early rows.
    left: u64,
}

impl DelayedSampler {
    /// A sampler of the early rows of `data`, in an order that comes from `rng`.
    pub(crate) fn new(data: &Dataset, delayed_classes: DelayedClasses, rng: ChaCha8Rng) -> Self {
        let mut order: Vec<u32> = (0..data.rows() as u32).collect();
        match &data.targets {
            Targets::Classes { labels, .. } => order.sort_by_key(|row| labels[*row as usize]),
            Targets::Values(values) => {
                order.sort_by(|a, b| values[*a as usize].total_cmp(&values[*b as usize]));
            }
        }
        let rows = data.rows() as f64;
        let early = (rows * (1.0 - delayed_classes.share)).round().max(1.0);
        Self {
            order: order.into(),
            early: EpochSampler::new(early as usize, rng),
            left: (delayed_classes.after * rows).round() as u64,
        }
    }

    /// Whether it draws from so many examples.
    pub(crate) fn is_of(&self, examples: usize) -> bool {
        let inside = |index: &u32| (*index as usize) < examples;
        self.early.is_of(self.order.len()) && self.order.iter().all(inside)
    }

    /// Puts the indices of the next examples into `batch`; `false` once the other rows are there too and have to be drawn
    /// from another sampler.
    pub(crate) fn draw(&mut self, batch_size: usize, batch: &mut Vec<u32>) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left = self.left.saturating_sub(batch_size as u64);
        self.early.draw(batch_size, batch);
        for row in batch {
            *row = self.order[*row as usize];
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_env::stream;

    #[test]
    fn the_last_classes_come_late() {
        let labels: Vec<u32> = (0..40).map(|row| (7 * row) % 4).collect();
        let names = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let targets = Targets::Classes {
            labels: labels.clone(),
            names,
        };
        let data = Dataset::new("toy", [1, 1, 1], vec![0.0; 40], targets).unwrap();
        let delayed_classes = DelayedClasses {
            share: 0.5,
            after: 2.0,
        };
        let mut sampler = DelayedSampler::new(&data, delayed_classes, stream(1, "sampler", 0));
        let mut batch = Vec::new();
        let mut drawn = 0;
        while sampler.draw(8, &mut batch) {
            drawn += batch.len();
            assert!(
                batch.iter().all(|row| labels[*row as usize] < 2),
                "{batch:?}"
            );
        }
        assert_eq!(drawn, 80);
    }

    #[test]
    fn impossible_shares_and_times_are_named() {
        for (delayed_classes, field) in [
            (
                DelayedClasses {
                    share: 1.0,
                    after: 1.0,
                },
                "delayed_classes.share",
            ),
            (
                DelayedClasses {
                    share: 0.5,
                    after: f64::NAN,
                },
                "delayed_classes.after",
            ),
        ] {
            assert!(
                delayed_classes
                    .validate()
                    .unwrap_err()
                    .to_string()
                    .contains(field)
            );
        }
    }
}
