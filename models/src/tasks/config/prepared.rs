//! Tasks whose data are read and split.

use super::{ModelConfig, TaskConfig};
use crate::data::{Dataset, Read, Split, Targets};
use crate::steering::train::{TrainConfig, Underway};
use crate::tasks::cnn::CnnTask;
use crate::tasks::custom::{AnyTask, Extensions, TaskOf, TrainedWeights, any};
use crate::tasks::mlp::MlpTask;
use crate::tasks::own::Own;
use crate::tasks::tabular::TabularTask;
use crate::tasks::transformer::TransformerTask;
use crate::{OptimizerConfig, Result, Task, TraineeConfig};
use burn::tensor::Device;
use std::ops::ControlFlow;
use std::sync::Arc;
use trimtab_env::metrics::Metric;
use trimtab_env::{CostModel, Trainee};
use trimtab_program::loss::{self, WeightedSum};

/// A task whose data are read and split, from which any number of trainings can be made.
#[derive(Clone, Debug)]
pub struct PreparedTask {
    pub(super) config: TaskConfig,
    pub(super) name: String,
    pub(super) split: Arc<Split>,
    pub(super) read: Option<Arc<Read>>,
    /// The weights that runs begin with, where they have been trained before.
    pub(super) weights: Option<Arc<Vec<f32>>>,
    /// Where what the program adds is found.
    pub(super) extensions: Extensions,
}

impl PreparedTask {
    /// The configuration it came from.
    pub fn config(&self) -> &TaskConfig {
        &self.config
    }

    /// The same task, by the same name, with another optimiser, also in place of one of the program's own.
    pub fn with_optimizer(&self, optimizer: OptimizerConfig) -> Self {
        let mut other = self.clone();
        other.config.optimizer = optimizer;
        other.config.update_rule = None;
        other
    }

    /// The same task with other metrics in its reports.
    pub fn with_metrics(&self, metrics: Vec<Metric>) -> Self {
        let mut other = self.clone();
        other.config.metrics = metrics;
        other
    }

    /// The same task with what is known of the table that its data are from.
    pub fn with_read(mut self, read: Read) -> Self {
        self.read = Some(Arc::new(read));
        self
    }

    /// What is known of the table that its data are from; `None` for other data.
    pub fn read(&self) -> Option<&Read> {
        self.read.as_deref()
    }

    /// The same task by another name.
    pub fn named(&self, name: impl Into<String>) -> Self {
        let mut other = self.clone();
        other.name = name.into();
        other
    }

    /// The same task, but its runs begin with these weights of an earlier training, which are those of a model of it in the order of
    /// [`flat_state`](crate::network::weights::flat_state).
    ///
    /// # Errors
    /// [`crate::Error::Config`] if they are not as many as those of the model.
    pub fn fine_tuning(mut self, weights: Vec<f32>) -> Result<Self> {
        self.task()?.check_weights(&weights)?;
        self.weights = Some(Arc::new(weights));
        Ok(self)
    }

    /// The weights that runs begin with, if they were given by [`PreparedTask::fine_tuning`] and do not follow from the config.
    pub fn given_weights(&self) -> Option<&[f32]> {
        let follow = self.config.pretraining.is_some();
        self.from().filter(|_| !follow)
    }

    /// The task's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The data.
    pub fn split(&self) -> &Arc<Split> {
        &self.split
    }

    /// A training of the task.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if an option is out of range.
    pub fn trainee(&self, cost: CostModel, device: &Device) -> Result<Box<dyn Trainee>> {
        let config = TraineeConfig {
            optimizer: self.config.optimizer,
            gradient_samples: self.config.gradient_samples,
            validation_rows: self.config.validation_rows,
            delayed_classes: self.config.delayed_classes,
            intermittent_label_noise: self.config.intermittent_label_noise,
            pruning: self.config.pruning.clone(),
            cost,
            metrics: self.config.metrics.clone(),
            ..TraineeConfig::default()
        };
        self.task()?.trainee(self.from(), config, device)
    }

    /// Run number `number` of a training of the task, as [`train_run`](crate::train_run).
    ///
    /// # Errors
    /// As there.
    pub fn train(
        &self,
        config: &TrainConfig,
        number: usize,
        device: &Device,
        watch: &mut dyn FnMut(Underway) -> ControlFlow<()>,
    ) -> trimtab_env::Result<TrainedWeights> {
        let task = self.task();
        let task = task.map_err(|error| trimtab_env::Error::other(&self.name, error))?;
        task.train(self.from(), config, number, device, watch)
    }

    /// The weights that runs begin with, where they have been trained before.
    fn from(&self) -> Option<&[f32]> {
        self.weights.as_ref().map(|weights| weights.as_slice())
    }

    /// The mean of the loss that the config chooses, of the outputs of a network for all rows of `data`; `None` if it chooses none, or one of
    /// the program's own.
    ///
    /// # Shapes
    /// - outputs: `[rows, classes]` logits, or `[rows, 1]` values
    ///
    /// # Errors
    /// As [`PreparedTask::task`].
    pub fn loss_of(&self, outputs: &[f32], data: &Dataset) -> Result<Option<f64>> {
        let Some(mut chosen) = self.chosen_loss()? else {
            return Ok(None);
        };
        let targets = match &data.targets {
            Targets::Classes { labels, .. } => loss::Targets::Classes(labels),
            Targets::Values(values) => loss::Targets::Values(values),
        };
        let mut means = Vec::new();
        chosen.measure(outputs, targets, &mut means);
        Ok(Some(chosen.total(&means)))
    }

    /// The loss that the config chooses, on plain vectors; `None` if it chooses none, or one of the program's own.
    ///
    /// # Errors
    /// As [`PreparedTask::task`].
    pub(crate) fn chosen_loss(&self) -> Result<Option<WeightedSum>> {
        let Some(loss) = &self.config.loss else {
            return Ok(None);
        };
        Ok(loss
            .build(&self.split.train, &self.extensions)?
            .written_out())
    }

    /// The task itself, as it is without weights to begin with.
    ///
    /// # Errors
    /// That of the constructor of a model that a program has added.
    pub fn task(&self) -> Result<Box<dyn AnyTask>> {
        let (name, split) = (self.name.clone(), Arc::clone(&self.split));
        Ok(match &self.config.model {
            ModelConfig::Mlp { hidden, activation } => {
                self.with_parts(MlpTask::new(name, split, hidden, *activation))?
            }
            ModelConfig::Tabular(config) => {
                self.with_parts(TabularTask::new(name, split, config.clone()))?
            }
            ModelConfig::Cnn { channels } => {
                self.with_parts(CnnTask::new(name, split, channels))?
            }
            ModelConfig::Transformer(shape) => {
                self.with_parts(TransformerTask::new(name, split, *shape))?
            }
            ModelConfig::Custom {
                name: own,
                parameters,
            } => self.extensions.model(own)?(parameters, TaskOf { name, split })?,
        })
    }

    /// The task with the loss and the optimiser that the config names.
    fn with_parts(&self, task: impl Task) -> Result<Box<dyn AnyTask>> {
        let (extensions, config) = (&self.extensions, &self.config);
        let loss = config.loss.as_ref();
        let loss = loss.map(|loss| loss.build(&self.split.train, extensions));
        let rule = config.update_rule.as_ref();
        let optimizer = rule.map(|rule| extensions.optimizer(rule));
        if loss.is_none() && optimizer.is_none() {
            return Ok(any(task));
        }
        Ok(any(Own {
            task,
            loss: loss.transpose()?,
            optimizer: optimizer.transpose()?,
        }))
    }
}
