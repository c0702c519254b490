//! What a steered training has to know of a training.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a [`SteeredTraining`](super::SteeredTraining) has to know of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Examples to train on.
    pub examples: usize,
    /// Examples in each validation.
    pub validation_examples: usize,
    /// The budget: the cost of this many passes over the examples with batches of 64, by the default [`crate::UpdateTime`].
    pub epochs: f64,
    /// Whether the optimiser normalises its updates for each weight, as Adam does and SGD does not.
    pub adaptive: bool,
    /// Where the start probe begins, such as the optimiser's usual learning rate. A bad one costs an update or a few.
    pub learning_rate: f64,
}

impl Training {
    pub(super) fn validate(&self) -> Result<()> {
        for (field, count) in [
            ("examples", self.examples),
            ("validation_examples", self.validation_examples),
        ] {
            if count == 0 {
                return Err(Error::config(field, count, "give at least 1"));
            }
        }
        for (field, number) in [
            ("epochs", self.epochs),
            ("learning_rate", self.learning_rate),
        ] {
            if !(number.is_finite() && number > 0.0) {
                return Err(Error::config(field, number, "give a finite number above 0"));
            }
        }
        Ok(())
    }
}
