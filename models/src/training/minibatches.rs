//! The training examples as a run sees them, one minibatch after the other.

use crate::data::Dataset;
use crate::training::delayed_classes::DelayedSampler;
use crate::training::sampler::EpochSampler;
use crate::{IntermittentLabelNoise, Result, TraineeConfig};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use trimtab_env::stream;

/// Draws the minibatches of a run. It is cheap to clone, for snapshots.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Minibatches {
    seed: u64,
    /// What is drawn from as long as data are missing.
    early: Option<DelayedSampler>,
    sampler: EpochSampler,
    /// Intermittent label noise, and the data with it, which follow from the seed.
    #[serde(skip)]
    noise: Option<(IntermittentLabelNoise, Arc<Dataset>)>,
    /// Whether it was there when the last minibatch was drawn.
    noisy: bool,
    /// Examples drawn.
    drawn: u64,
}

impl Minibatches {
    /// The beginning of a run on `train`.
    pub(crate) fn new(train: &Dataset, config: &TraineeConfig, seed: u64) -> Result<Self> {
        Ok(Self {
            seed,
            early: config.delayed_classes.map(|delayed_classes| {
                DelayedSampler::new(train, delayed_classes, stream(seed, "early sampler", 0))
            }),
            sampler: EpochSampler::new(train.rows(), stream(seed, "sampler", 0)),
            noise: noise(train, config, seed)?,
            noisy: false,
            drawn: 0,
        })
    }

    /// Those that were written down, on the same `train`; `None` if they are of other data.
    pub(crate) fn go_on(self, train: &Dataset, config: &TraineeConfig) -> Result<Option<Self>> {
        let early = self.early.as_ref();
        if !self.sampler.is_of(train.rows())
            || early.is_some_and(|early| !early.is_of(train.rows()))
        {
            return Ok(None);
        }
        let noise = noise(train, config, self.seed)?;
        Ok(Some(Self { noise, ..self }))
    }

    /// Puts the rows of the next minibatch into `rows`.
    pub(crate) fn draw(&mut self, train: &Dataset, batch_size: usize, rows: &mut Vec<u32>) {
        if !self
            .early
            .as_mut()
            .is_some_and(|early| early.draw(batch_size, rows))
        {
            self.early = None;
            self.sampler.draw(batch_size, rows);
        }
        let passes = self.drawn as f64 / train.rows() as f64;
        self.noisy = (self.noise.as_ref()).is_some_and(|(noise, _)| noise.is_there(passes));
        self.drawn += batch_size as u64;
    }

    /// What the rows of the last minibatch are rows of.
    pub(crate) fn data<'a>(&'a self, train: &'a Dataset) -> &'a Dataset {
        match &self.noise {
            Some((_, noisy)) if self.noisy => noisy,
            _ => train,
        }
    }
}

/// The noise of a run, if there is any, and `train` with it.
fn noise(
    train: &Dataset,
    config: &TraineeConfig,
    seed: u64,
) -> Result<Option<(IntermittentLabelNoise, Arc<Dataset>)>> {
    let noise = config.intermittent_label_noise.map(|noise| {
        let noisy = noise.noisy(train, seed)?;
        Result::Ok((noise, Arc::new(noisy)))
    });
    noise.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Embedded;

    /// The labels are noisy when it is time, the inputs and the order of the rows never change.
    #[test]
    fn noise_changes_labels_and_nothing_else() {
        let train = Embedded::Digits.load().unwrap();
        let minibatches = |intermittent_label_noise| {
            let config = TraineeConfig {
                intermittent_label_noise,
                ..Default::default()
            };
            Minibatches::new(&train, &config, 1).unwrap()
        };
        let mut clean = minibatches(None);
        let mut noisy = minibatches(Some(IntermittentLabelNoise {
            share: 1.0,
            every: 2.0,
            lasting: 0.5,
        }));
        let (mut wanted, mut rows) = (Vec::new(), Vec::new());
        let quarter = train.rows().div_ceil(4);
        let mut differ = Vec::new();
        for _ in 0..16 {
            clean.draw(&train, quarter, &mut wanted);
            noisy.draw(&train, quarter, &mut rows);
            assert_eq!(rows, wanted);
            assert_eq!(noisy.data(&train).inputs, train.inputs);
            differ.push(noisy.data(&train).targets != clean.data(&train).targets);
        }
        let there = [6, 7, 14, 15];
        assert!(
            (0..16).all(|k| differ[k] == there.contains(&k)),
            "{differ:?}"
        );
    }
}
