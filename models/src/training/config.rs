//! What a training needs beside its task.

use crate::network::weights::size;
use crate::training::delayed_classes::DelayedClasses;
use crate::training::evaluation;
use crate::training::intermittent_label_noise::IntermittentLabelNoise;
use crate::training::pruning::Pruning;
use crate::{Error, OptimizerConfig, Result, Task};
use serde::{Deserialize, Serialize};
use trimtab_env::metrics::Metric;
use trimtab_env::settings::{OF_TRAININGS, PRUNE};
use trimtab_env::{CostModel, TraineeSpec};

/// What a training needs beside its task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TraineeConfig {
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// How many updates at the beginning of each segment are looked at for gradient statistics; 0 switches them off.
    pub gradient_samples: u64,
    /// After how many updates the weights are decayed and averaged, as if they had been the same since the last time; more than 1
    /// saves time. Decay and average follow each update that is looked at. At the end of a segment the average is never behind, and
    /// the decay only if no gradients are looked at.
    pub smoothing_interval: u64,
    /// At most this many rows of the validation split are evaluated after each segment: the first ones, always the
    /// same. `None` takes all.
    pub validation_rows: Option<usize>,
    /// Delayed classes.
    pub delayed_classes: Option<DelayedClasses>,
    /// Intermittent label noise.
    pub intermittent_label_noise: Option<IntermittentLabelNoise>,
    /// How the network is pruned; by default it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruning: Option<Pruning>,
    /// How cost is counted.
    pub cost: CostModel,
    /// Metrics of every evaluation, beside the accuracy of classes or the root mean squared error of values. They cost no
    /// more than the evaluation.
    pub metrics: Vec<Metric>,
}

impl Default for TraineeConfig {
    fn default() -> Self {
        Self {
            optimizer: OptimizerConfig::sgd(),
            gradient_samples: 8,
            smoothing_interval: 1,
            validation_rows: None,
            delayed_classes: None,
            intermittent_label_noise: None,
            pruning: None,
            cost: CostModel::default(),
            metrics: Vec::new(),
        }
    }
}

impl TraineeConfig {
    /// What is known of a training of `model` for `task` before it.
    ///
    /// # Errors
    /// As [`TaskTrainee::new`].
    pub(super) fn spec<T: Task>(&self, task: &T, model: &T::Model) -> Result<TraineeSpec> {
        let split = task.split();
        self.optimizer.init()?;
        if let Some(delayed_classes) = &self.delayed_classes {
            delayed_classes.validate()?;
        }
        if let Some(noise) = &self.intermittent_label_noise {
            noise.validate()?;
        }
        let rows = self
            .validation_rows
            .unwrap_or(usize::MAX)
            .min(split.validation.rows());
        if rows == 0 {
            return Err(Error::Config {
                field: "validation_rows".to_owned(),
                given: "0".to_owned(),
                allowed: "at least 1 validation row".to_owned(),
            });
        }
        let targets = &split.validation.targets;
        evaluation::check(&self.metrics, targets)?;
        let size = size(model, None);
        let own = task.settings();
        let prune = self.pruning.is_some().then_some(PRUNE);
        let all = OF_TRAININGS.into_iter().chain(prune);
        let settings = all.map(str::to_owned).chain(own);
        Ok(TraineeSpec {
            name: task.name(),
            train_examples: split.train.rows(),
            validation_examples: rows,
            parameters: size.weights,
            layers: size.layers,
            units: size.units,
            adaptive: match task.optimizer() {
                Some(own) => own.is_adaptive(),
                None => self.optimizer.is_adaptive(),
            },
            pretrained: task.is_pretrained(),
            targets_per_example: task.targets_per_example(),
            cost: self.cost,
            metrics: std::iter::once(evaluation::usual(targets))
                .chain(self.metrics.iter().copied())
                .map(|metric| metric.name().to_owned())
                .chain(task.figures(0.0).into_keys())
                .collect(),
            settings: settings.collect(),
            lowest_loss: task.lowest_loss().unwrap_or(0.0),
            warnings: Vec::new(),
        })
    }
}
