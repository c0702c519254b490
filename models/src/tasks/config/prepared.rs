//! Tasks whose data are read and split.

use super::{ModelConfig, TaskConfig};
use crate::data::Split;
use crate::tasks::cnn::CnnTask;
use crate::tasks::mlp::MlpTask;
use crate::tasks::transformer::TransformerTask;
use crate::{FineTuning, OptimizerConfig, Pretraining, Result, Task, TaskTrainee, TraineeConfig};
use burn::tensor::Device;
use std::sync::Arc;
use trimtab_env::metrics::Metric;
use trimtab_env::{CostModel, Trainee};

/// What is known of a table beside its numbers.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// The names of its features.
    pub columns: Vec<String>,
    /// How many rows were left out because they have no target, of the test file too.
    pub without_target: usize,
}

/// A task whose data are read and split, from which any number of trainings can be made.
#[derive(Clone, Debug)]
pub struct PreparedTask {
    pub(super) config: TaskConfig,
    pub(super) name: String,
    pub(super) split: Arc<Split>,
    pub(super) read: Option<Arc<Read>>,
    /// The weights that runs begin with, where they have been trained before.
    pub(super) weights: Option<Arc<Vec<f32>>>,
}

impl PreparedTask {
    /// The configuration it came from.
    pub fn config(&self) -> &TaskConfig {
        &self.config
    }

    /// The same task, by the same name, with another optimiser.
    pub fn with_optimizer(&self, optimizer: OptimizerConfig) -> Self {
        let mut other = self.clone();
        other.config.optimizer = optimizer;
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
    /// [`crate::Error::Setting`] if they are not as many as those of the model.
    pub fn fine_tuning(mut self, weights: Vec<f32>) -> Result<Self> {
        self.visit_untrained(Counted(&weights))?;
        self.weights = Some(Arc::new(weights));
        Ok(self)
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
    /// [`crate::Error::Setting`] if an option is out of range.
    pub fn trainee(&self, cost: CostModel, device: &Device) -> Result<Box<dyn Trainee>> {
        let config = TraineeConfig {
            optimizer: self.config.optimizer,
            gradient_samples: self.config.gradient_samples,
            validation_rows: self.config.validation_rows,
            delayed_classes: self.config.delayed_classes,
            intermittent_label_noise: self.config.intermittent_label_noise,
            cost,
            metrics: self.config.metrics.clone(),
            ..TraineeConfig::default()
        };
        self.visit(TraineeOf { config, device })
    }

    /// Shows the task to `visitor`: a [`FineTuning`] if its runs begin with given weights.
    pub fn visit<V: TaskVisitor>(&self, visitor: V) -> V::Output {
        match &self.weights {
            Some(weights) => self.visit_untrained(GoingOn {
                visitor,
                weights: weights.to_vec(),
            }),
            None => self.visit_untrained(visitor),
        }
    }

    fn visit_untrained<V: TaskVisitor>(&self, visitor: V) -> V::Output {
        let split = Arc::clone(&self.split);
        match &self.config.model {
            ModelConfig::Mlp { hidden, activation } => {
                visitor.visit(MlpTask::new(&self.name, split, hidden, *activation))
            }
            ModelConfig::Cnn { channels } => {
                visitor.visit(CnnTask::new(&self.name, split, channels))
            }
            ModelConfig::Transformer(shape) => {
                visitor.visit(TransformerTask::new(&self.name, split, *shape))
            }
        }
    }
}

/// What is done with a task of any model: [`PreparedTask::visit`].
pub trait TaskVisitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<T: Task>(self, task: T) -> Self::Output;
}

struct GoingOn<V> {
    visitor: V,
    weights: Vec<f32>,
}

impl<V: TaskVisitor> TaskVisitor for GoingOn<V> {
    type Output = V::Output;

    fn visit<T: Task>(self, task: T) -> V::Output {
        let task = FineTuning::from_weights(task, self.weights);
        self.visitor.visit(task)
    }
}

/// Whether there are as many weights as the model has.
struct Counted<'a>(&'a [f32]);

impl TaskVisitor for Counted<'_> {
    type Output = Result<()>;

    fn visit<T: Task>(self, task: T) -> Result<()> {
        FineTuning::with_weights(task, self.0.to_vec()).map(drop)
    }
}

struct TraineeOf<'a> {
    config: TraineeConfig,
    device: &'a Device,
}

impl TaskVisitor for TraineeOf<'_> {
    type Output = Result<Box<dyn Trainee>>;

    fn visit<T: Task>(self, task: T) -> Self::Output {
        Ok(Box::new(TaskTrainee::new(task, self.config, self.device)?))
    }
}

/// The weights after a training on part of the data.
pub(super) struct Pretrained<'a> {
    pub pretraining: Pretraining,
    pub optimizer: &'a OptimizerConfig,
    pub seed: u64,
}

impl TaskVisitor for Pretrained<'_> {
    type Output = Result<Vec<f32>>;

    fn visit<T: Task>(self, task: T) -> Self::Output {
        self.pretraining.weights(&task, self.optimizer, self.seed)
    }
}
