//! Trainings that begin with weights of an earlier one.

use crate::late::LateSampler;
use crate::{Batch, Error, Late, Optimizer, OptimizerConfig, Result, Task};
use burn::optim::GradientsParams;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use trimtab_env::stream;

/// Fine-tuning: the weights that a run begins with have been trained on part of the data, at the optimiser's default learning
/// rate with batches of 64, and the run itself is on all of them. That training costs the run nothing, and it leaves weights alone.
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
    /// [`Error::Setting`] naming the one that is out of range.
    pub fn validate(&self) -> Result<()> {
        let fault = |field: &str, value: f64, allowed: &str| {
            Err(Error::Setting {
                field: format!("pretraining.{field}"),
                value: value.to_string(),
                allowed: allowed.to_owned(),
            })
        };
        if !(self.unseen > 0.0 && self.unseen < 1.0) {
            return fault("unseen", self.unseen, "a number above 0 and below 1");
        }
        if !(self.passes.is_finite() && self.passes >= 0.0) {
            return fault("passes", self.passes, "a finite number of at least 0");
        }
        Ok(())
    }

    /// The weights that it leaves of `model`, which is on `device`.
    ///
    /// # Errors
    /// As [`OptimizerConfig::init`].
    pub(crate) fn of<T: Task>(
        &self,
        task: &T,
        mut model: T::Model,
        optimizer: &OptimizerConfig,
        device: &Device,
        seed: u64,
    ) -> Result<T::Model> {
        let lr = optimizer.default_learning_rate();
        let mut optimizer: Optimizer = optimizer.init()?;
        let train = &task.split().train;
        let seen = Late {
            share: self.unseen,
            after: self.passes,
        };
        let mut sampler = LateSampler::new(train, seen, stream(seed, "pretraining", 0));
        let mut rows = Vec::new();
        while sampler.draw(BATCH_SIZE, &mut rows) {
            let batch = Batch::gather(train, &rows, device);
            let outputs = task.forward(&model, batch.inputs);
            let loss = task.loss(outputs, &batch.targets);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(lr, model, gradients);
        }
        Ok(optimizer.evaluated(model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Embedded, SplitConfig, split};
    use crate::mlp::{Activation, MlpTask};
    use crate::{TaskTrainee, TraineeConfig};
    use std::sync::Arc;
    use trimtab_env::Trainee;

    fn first_loss(pretraining: Option<Pretraining>, seed: u64) -> f64 {
        let data = split(&Embedded::Digits.load().unwrap(), &SplitConfig::default()).unwrap();
        let task = MlpTask::new("digits", Arc::new(data), &[16], Activation::Relu);
        let config = TraineeConfig {
            optimizer: OptimizerConfig::adam(),
            pretraining,
            ..Default::default()
        };
        let mut trainee = TaskTrainee::new(task, config, &Device::flex()).unwrap();
        trainee.start(seed).unwrap().validation.unwrap().loss
    }

    /// Of ten classes it has seen about nine: it knows those, and is sure that the tenth is none of them.
    #[test]
    fn it_learns_what_it_sees_and_that_alone() {
        let pretraining = |unseen, passes| Some(Pretraining { unseen, passes });
        let untrained = first_loss(None, 1);
        assert_eq!(first_loss(pretraining(0.1, 0.0), 1), untrained);
        let most = first_loss(pretraining(0.1, 20.0), 1);
        let half = first_loss(pretraining(0.5, 20.0), 1);
        assert!(most < 0.6 * untrained, "{most} {untrained}");
        assert!(half > untrained, "{half} {untrained}");
        assert_eq!(first_loss(pretraining(0.1, 20.0), 1), most);
        assert_ne!(first_loss(pretraining(0.1, 20.0), 2), most);
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
