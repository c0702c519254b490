//! A task with a loss or an optimiser in place of its own.

use crate::data::Split;
use crate::training::loss::Loss;
use crate::training::optimizer::UpdateRule;
use crate::{Batch, Pass, TargetBatch, Task};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use trimtab_program::Program;

/// A task with other parts, where there are any.
pub(super) struct Own<T> {
    pub task: T,
    pub loss: Option<Arc<dyn Loss>>,
    pub optimizer: Option<Box<dyn UpdateRule>>,
}

impl<T: Task> Task for Own<T> {
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
        match &self.loss {
            Some(own) => own.loss(outputs, targets),
            None => self.task.loss(outputs, targets),
        }
    }

    fn settings(&self) -> Vec<String> {
        self.task.settings()
    }

    fn training_loss(&self, model: &T::Model, batch: Batch, pass: &mut Pass) -> Tensor<1> {
        match &self.loss {
            Some(own) => own.loss(self.forward(model, batch.inputs), &batch.targets),
            None => self.task.training_loss(model, batch, pass),
        }
    }

    fn evaluate(&self, model: &T::Model, batch: Batch) -> (Tensor<2>, Tensor<1>) {
        match &self.loss {
            Some(own) => {
                let outputs = self.forward(model, batch.inputs);
                let loss = own.loss(outputs.clone(), &batch.targets);
                (outputs, loss)
            }
            None => self.task.evaluate(model, batch),
        }
    }

    fn lowest_loss(&self) -> Option<f64> {
        match &self.loss {
            Some(own) => own.lowest_loss(),
            None => self.task.lowest_loss(),
        }
    }

    fn label_smoothing(&self) -> f64 {
        self.task.label_smoothing()
    }

    /// It has the task's loss written out, and no other.
    fn program(&self) -> Option<Box<dyn Program>> {
        self.task.program().filter(|_| self.loss.is_none())
    }

    fn optimizer(&self) -> Option<Box<dyn UpdateRule>> {
        self.optimizer.clone().or_else(|| self.task.optimizer())
    }

    fn initialise(&self, model: T::Model, rng: &mut ChaCha8Rng) -> T::Model {
        self.task.initialise(model, rng)
    }

    fn is_pretrained(&self) -> bool {
        self.task.is_pretrained()
    }
}
