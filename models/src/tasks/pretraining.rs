//! Trainings that begin with weights of an earlier one.

use crate::network::weights::flat_state;
use crate::training::delayed_classes::DelayedSampler;
use crate::{Batch, DelayedClasses, Error, Optimizer, OptimizerConfig, Result, Task};
use burn::optim::GradientsParams;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use trimtab_env::stream;

/// Fine-tuning: the weights that all runs begin with have been trained on part of the data, at the optimiser's default learning
/// rate with batches of 64, and the runs themselves are on all of them. It leaves nothing but weights, and costs the runs nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pretraining {
    /// The share of the training rows that it did not see: those of the last classes, or with the largest values. Above 0 and
    /// below 1.
    pub unseen: f64,
    /// How long it was: as many examples as this many passes over all training rows have.
    pub passes: f64,
}

/// Examples of each of its updates.
const BATCH_SIZE: usize = 64;

impl Pretraining {
    /// Checks both numbers.
    ///
    /// # Errors
    /// [`Error::Config`] naming the one that is out of range.
    pub fn validate(&self) -> Result<()> {
        let fault = |field: &str, value: f64, allowed: &str| {
            Err(Error::number("pretraining", field, value, allowed))
        };
        if !(self.unseen > 0.0 && self.unseen < 1.0) {
            return fault("unseen", self.unseen, "a number above 0 and below 1");
        }
        if !(0.0..=1e6).contains(&self.passes) {
            return fault("passes", self.passes, "a number from 0 to 1e6");
        }
        Ok(())
    }

    /// The weights of a model of `task` after it, in the order of [`flat_state`]. Everything random in it follows from `seed`.
    ///
    /// # Errors
    /// As [`OptimizerConfig::init`].
    pub(crate) fn weights<T: Task>(
        &self,
        task: &T,
        optimizer: &OptimizerConfig,
        seed: u64,
    ) -> Result<Vec<f32>> {
        let lr = optimizer.default_learning_rate();
        let mut optimizer: Optimizer = optimizer.init()?;
        let device = Device::flex().autodiff();
        let model = task.model(&device);
        let mut model = task.initialise(model, &mut stream(seed, "pretraining weights", 0));
        let train = &task.split().train;
        let seen = DelayedClasses {
            share: self.unseen,
            after: self.passes,
        };
        let mut sampler = DelayedSampler::new(train, seen, stream(seed, "pretraining", 0));
        let mut rows = Vec::new();
        while sampler.draw(BATCH_SIZE, &mut rows) {
            let batch = Batch::gather(train, &rows, &device);
            let outputs = task.forward(&model, batch.inputs);
            let loss = task.loss(outputs, &batch.targets);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(lr, model, gradients);
        }
        let mut weights = Vec::new();
        flat_state(&optimizer.evaluated(model), &mut weights);
        Ok(weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Embedded, SplitConfig};
    use crate::network::mlp::Activation;
    use crate::{DataConfig, ModelConfig, TaskConfig};
    use trimtab_env::CostModel;

    fn first_loss(pretraining: Option<Pretraining>, split_seed: u64) -> f64 {
        let task = TaskConfig {
            pretraining,
            split: SplitConfig {
                seed: split_seed,
                ..Default::default()
            },
            ..TaskConfig::new(
                DataConfig::Embedded(Embedded::Digits),
                ModelConfig::Mlp {
                    hidden: vec![16],
                    activation: Activation::Relu,
                },
                OptimizerConfig::adam(),
            )
        };
        let prepared = task.prepare().unwrap();
        let device = Device::flex();
        let mut trainee = prepared.trainee(CostModel::default(), &device).unwrap();
        assert_eq!(trainee.spec().pretrained, pretraining.is_some());
        let loss = trainee.start(1).unwrap().validation.unwrap().loss;
        if pretraining.is_some() {
            // Every run begins with the same weights.
            assert_eq!(trainee.start(2).unwrap().validation.unwrap().loss, loss);
        }
        loss
    }

    /// Of ten classes it has seen about nine: it knows those, and is sure that the tenth is none of them.
    #[test]
    fn it_learns_what_it_sees_and_that_alone() {
        let pretraining = |unseen| {
            Some(Pretraining {
                unseen,
                passes: 40.0,
            })
        };
        let untrained = first_loss(None, 1);
        let most = first_loss(pretraining(0.1), 1);
        let half = first_loss(pretraining(0.5), 1);
        assert!(most < 0.6 * untrained, "{most} {untrained}");
        assert!(half > untrained, "{half} {untrained}");
        assert_eq!(first_loss(pretraining(0.1), 1), most);
    }

    #[test]
    fn impossible_numbers_are_named() {
        for (unseen, passes, field) in [
            (0.0, 1.0, "pretraining.unseen"),
            (0.5, f64::INFINITY, "pretraining.passes"),
        ] {
            let fault = Pretraining { unseen, passes }.validate().unwrap_err();
            assert!(fault.to_string().contains(field));
        }
    }
}
