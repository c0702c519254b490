//! A task with a loss or an optimiser in place of its own.

use crate::data::Split;
use crate::training::loss::{Loss, SETTINGS, within};
use crate::training::optimizer::UpdateRule;
use crate::{Batch, Pass, Result, TargetBatch, Task};
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use trimtab_env::Settings;
use trimtab_program::Program;
use trimtab_program::loss::WeightedSum;
use trimtab_program::pruning::Prunable;

/// A task with other parts, where there are any.
pub(crate) struct Own<T> {
    pub task: T,
    pub loss: Option<Arc<dyn Loss>>,
    pub optimizer: Option<Box<dyn UpdateRule>>,
}

impl<T> Own<T> {
    /// The loss with its parameters as these settings have them.
    fn loss_under(&self, settings: &Settings) -> Result<Option<Arc<dyn Loss>>> {
        let Some(own) = &self.loss else {
            return Ok(None);
        };
        let names = settings.iter().map(|(name, _)| name);
        let numbers = names.filter(|name| name.starts_with(SETTINGS));
        let numbers = numbers.map(|name| Ok((name, settings.number(name)?)));
        let numbers: Vec<(&str, f64)> = numbers.collect::<Result<_>>()?;
        let parameters = within(numbers, SETTINGS);
        Ok(Some(match parameters.is_empty() {
            true => Arc::clone(own),
            false => own.with(&parameters)?,
        }))
    }
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
        let mut all = self.task.settings();
        if let Some(own) = &self.loss {
            let names = own.parameters().into_iter();
            all.extend(names.map(|name| format!("{SETTINGS}{name}")));
        }
        all
    }

    /// A loss that is written out is the mean over the members, as it is there; another one is of what they predict together.
    fn training_loss(&self, model: &T::Model, batch: Batch, pass: &mut Pass) -> Tensor<1> {
        // Whoever trains has asked for the chosen loss with these settings before, and was told what is wrong with them.
        let Some(own) = self.loss_under(pass.settings()).ok().flatten() else {
            return self.task.training_loss(model, batch, pass);
        };
        if own.written_out().is_none() {
            return own.loss(self.forward(model, batch.inputs), &batch.targets);
        }
        let outputs = self.task.members(model, batch.inputs);
        let [members, rows, width] = outputs.dims();
        let targets = match batch.targets {
            TargetBatch::Classes(labels) => TargetBatch::Classes(labels.repeat_dim(0, members)),
            TargetBatch::Values(values) => TargetBatch::Values(values.repeat_dim(0, members)),
        };
        own.loss(outputs.reshape([members * rows, width]), &targets)
    }

    fn members(&self, model: &T::Model, inputs: Tensor<2>) -> Tensor<3> {
        self.task.members(model, inputs)
    }

    fn chosen_loss(&self, settings: &Settings) -> Result<Option<WeightedSum>> {
        let own = self.loss_under(settings)?;
        Ok(own.and_then(|own| own.written_out()))
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

    fn figures(&self, loss: f64) -> BTreeMap<String, f64> {
        self.task.figures(loss)
    }

    fn relative_cost(&self, settings: &Settings) -> Result<f64> {
        self.task.relative_cost(settings)
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

    /// It has the losses that are written out.
    fn program(&self) -> Option<Box<dyn Program>> {
        let own = self.loss.as_ref();
        let possible = own.is_none_or(|own| own.written_out().is_some());
        self.task.program().filter(|_| possible)
    }

    fn prunable(&self) -> Option<Prunable> {
        self.task.prunable()
    }

    fn resized(&self, units: &[usize]) -> Option<Self> {
        Some(Self {
            task: self.task.resized(units)?,
            loss: self.loss.clone(),
            optimizer: self.optimizer.clone(),
        })
    }

    fn optimizer(&self) -> Option<Box<dyn UpdateRule>> {
        self.optimizer.clone().or_else(|| self.task.optimizer())
    }

    fn initialise(&self, model: T::Model, rng: &mut ChaCha8Rng) -> T::Model {
        self.task.initialise(model, rng)
    }

    fn targets_per_example(&self) -> usize {
        self.task.targets_per_example()
    }

    fn is_pretrained(&self) -> bool {
        self.task.is_pretrained()
    }
}
