//! Going on from the weights of an earlier training.

use crate::data::Split;
use crate::network::weights::{flat_state, with_state};
use crate::training::optimizer::UpdateRule;
use crate::{Batch, Error, Pass, Result, TargetBatch, Task};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use trimtab_env::Settings;
use trimtab_program::Program;
use trimtab_program::loss::WeightedSum;
use trimtab_program::pruning::Prunable;

/// A task whose trainings begin with the weights of a model, instead of random ones; the servo knows of it
/// ([`Task::is_pretrained`]).
///
/// ```no_run
/// use burn::tensor::Device;
/// use trimtab_models::MlpTask;
/// use trimtab_models::mlp::Activation;
/// use trimtab_models::{FineTuning, TrainConfig, data::{Embedded, SplitConfig, split}, train};
/// let data = split(&*Embedded::Digits.load()?, &SplitConfig::default())?;
/// let task = MlpTask::new("digits", std::sync::Arc::new(data), &[64], Activation::Relu);
/// let trained = train(task.clone(), &TrainConfig::default(), &Device::flex())?;
/// // More data would come now.
/// let again = FineTuning::new(task, &trained.model)?;
/// let trained = train(again, &TrainConfig { epochs: 5.0, ..Default::default() }, &Device::flex())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FineTuning<T> {
    task: T,
    weights: Vec<f32>,
}

impl<T: Task> FineTuning<T> {
    /// `task`, going on from `model`.
    ///
    /// # Errors
    /// [`Error::Config`] if the model has not as many weights as those of the task.
    pub fn new(task: T, model: &T::Model) -> Result<Self> {
        let mut weights = Vec::new();
        flat_state(model, &mut weights);
        Self::with_weights(task, weights)
    }

    /// `task`, going on from the numbers of a model of it, running statistics included, in the order of [`flat_state`].
    ///
    /// # Errors
    /// As [`FineTuning::new`].
    pub fn with_weights(task: T, weights: Vec<f32>) -> Result<Self> {
        Self::check(&task.name(), &task.model(&Device::flex()), &weights)?;
        Ok(Self { task, weights })
    }

    /// Whether `weights` are as many as those of `model`.
    pub(crate) fn check(name: &str, model: &T::Model, weights: &[f32]) -> Result<()> {
        let mut wanted = Vec::new();
        flat_state(model, &mut wanted);
        if weights.len() == wanted.len() {
            return Ok(());
        }
        Err(Error::Config {
            field: "model".to_owned(),
            given: format!("{} weights", weights.len()),
            allowed: format!("{}, as many as task `{name}` has", wanted.len()),
        })
    }
}

impl<T: Task> Task for FineTuning<T> {
    type Model = T::Model;

    fn name(&self) -> String {
        self.task.name()
    }

    fn split(&self) -> &Split {
        self.task.split()
    }

    fn model(&self, device: &Device) -> T::Model {
        self.task.model(device)
    }

    fn forward(&self, model: &T::Model, inputs: Tensor<2>) -> Tensor<2> {
        self.task.forward(model, inputs)
    }

    fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        self.task.loss(outputs, targets)
    }

    fn evaluate(&self, model: &T::Model, batch: Batch) -> (Tensor<2>, Tensor<1>) {
        self.task.evaluate(model, batch)
    }

    fn optimizer(&self) -> Option<Box<dyn UpdateRule>> {
        self.task.optimizer()
    }

    fn initialise(&self, model: T::Model, rng: &mut ChaCha8Rng) -> T::Model {
        if self.weights.is_empty() {
            return self.task.initialise(model, rng);
        }
        with_state(&model, &self.weights)
    }

    fn prunable(&self) -> Option<Prunable> {
        self.task.prunable()
    }

    /// Without weights to begin with, which are of the network as it was.
    fn resized(&self, units: &[usize]) -> Option<Self> {
        Some(Self {
            task: self.task.resized(units)?,
            weights: Vec::new(),
        })
    }

    fn targets_per_example(&self) -> usize {
        self.task.targets_per_example()
    }

    fn is_pretrained(&self) -> bool {
        true
    }

    fn settings(&self) -> Vec<String> {
        self.task.settings()
    }

    fn training_loss(&self, model: &T::Model, batch: Batch, pass: &mut Pass) -> Tensor<1> {
        self.task.training_loss(model, batch, pass)
    }

    fn figures(&self, loss: f64) -> BTreeMap<String, f64> {
        self.task.figures(loss)
    }

    fn relative_cost(&self, settings: &Settings) -> Result<f64> {
        self.task.relative_cost(settings)
    }

    fn lowest_loss(&self) -> Option<f64> {
        self.task.lowest_loss()
    }

    fn members(&self, model: &T::Model, inputs: Tensor<2>) -> Tensor<3> {
        self.task.members(model, inputs)
    }

    fn chosen_loss(&self, settings: &Settings) -> Result<Option<WeightedSum>> {
        self.task.chosen_loss(settings)
    }

    fn label_smoothing(&self) -> f64 {
        self.task.label_smoothing()
    }

    fn program(&self) -> Option<Box<dyn Program>> {
        self.task.program()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Embedded, SplitConfig, split};
    use crate::network::mlp::Activation;
    use crate::tasks::mlp::MlpTask;
    use crate::{TrainConfig, train};
    use std::sync::Arc;

    fn task(hidden: usize) -> MlpTask {
        let config = SplitConfig {
            max_train: Some(400),
            ..Default::default()
        };
        let data = split(&Embedded::Digits.load().unwrap(), &config).unwrap();
        MlpTask::new("digits", Arc::new(data), &[hidden], Activation::Relu)
    }

    /// It begins where the first training ended, with smaller updates, and never comes out worse.
    #[test]
    fn a_training_goes_on_from_where_another_ended() {
        let device = Device::flex();
        let config = |epochs| TrainConfig {
            epochs,
            ..Default::default()
        };
        let first = train(task(16), &config(20.0), &device).unwrap();
        let loss = first.outcome["best_validation_loss"];
        let again = FineTuning::new(task(16), &first.model).unwrap();
        let tuned = train(again, &config(5.0), &device).unwrap();
        let ended = tuned.outcome["best_validation_loss"];
        assert!(ended <= loss * (1.0 + 1e-6), "{ended} {loss}");
        let anew = train(task(16), &config(5.0), &device).unwrap();
        assert!(anew.outcome["best_validation_loss"] > 1.5 * ended);
    }

    #[test]
    fn a_model_of_another_size_is_refused() {
        let other = task(8).model(&Device::flex());
        let message = FineTuning::new(task(16), &other).unwrap_err().to_string();
        assert!(
            message.contains("610") && message.contains("1210"),
            "{message}"
        );
    }
}
