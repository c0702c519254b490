//! Tasks as configuration: data, model, optimiser.

mod data;
mod loss;
mod model;
mod prepared;

pub use data::DataConfig;
pub use loss::{ClassWeights, LossConfig, SumTerm};
pub use model::ModelConfig;
pub use prepared::PreparedTask;

use crate::data::{
    Dataset, LogTarget, Number, Read, Split, SplitConfig, TableConfig, Targets, corruption, pool,
    read_idx, split, split_table, split_text, with_imbalance, with_label_noise,
};
use crate::tasks::custom::{CustomConfig, Extensions};
use crate::{
    DelayedClasses, Error, IntermittentLabelNoise, OptimizerConfig, Pretraining, Pruning, Result,
    TraineeConfig,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;
use trimtab_env::metrics::Metric;

/// One training task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// A name for tables; by default made of data, model and optimiser.
    #[serde(default)]
    pub name: Option<String>,
    /// The data.
    pub data: DataConfig,
    /// Average pooling of images by this factor, 1 for none.
    #[serde(default = "one")]
    pub pool: usize,
    /// How the data are split and standardised.
    #[serde(default)]
    pub split: SplitConfig,
    /// The share of labels, or of the standard deviation of values, that is noise: [`with_label_noise`].
    #[serde(default)]
    pub label_noise: f64,
    /// How much rarer the last class is than the first: [`with_imbalance`]; 1 leaves the classes as they are.
    #[serde(default = "balanced")]
    pub imbalance: f64,
    /// Delayed classes; none by default.
    #[serde(default)]
    pub delayed_classes: Option<DelayedClasses>,
    /// Intermittent label noise; none by default.
    #[serde(default)]
    pub intermittent_label_noise: Option<IntermittentLabelNoise>,
    /// Training on part of the data before the run, for fine-tuning; none by default.
    #[serde(default)]
    pub pretraining: Option<Pretraining>,
    /// The model.
    pub model: ModelConfig,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// An optimiser of the program's own, in place of `optimizer`, which then only says the default learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_rule: Option<CustomConfig>,
    /// A loss in place of plain cross-entropy and mean squared error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossConfig>,
    /// How the network is pruned where a knob or a setting `prune` says so; by default it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruning: Option<Pruning>,
    /// How many updates of each segment are looked at for gradient statistics.
    #[serde(default = "default_gradient_samples")]
    pub gradient_samples: u64,
    /// At most this many validation rows are evaluated after each segment.
    #[serde(default)]
    pub validation_rows: Option<usize>,
    /// Metrics of every evaluation, beside the accuracy of classes or the root mean squared error of values.
    #[serde(default)]
    pub metrics: Vec<Metric>,
}

fn one() -> usize {
    1
}

fn balanced() -> f64 {
    1.0
}

fn default_gradient_samples() -> u64 {
    TraineeConfig::default().gradient_samples
}

impl TaskConfig {
    /// A task with the default of everything else.
    pub fn new(data: DataConfig, model: ModelConfig, optimizer: OptimizerConfig) -> Self {
        Self {
            name: None,
            data,
            pool: one(),
            split: SplitConfig::default(),
            label_noise: 0.0,
            imbalance: balanced(),
            delayed_classes: None,
            intermittent_label_noise: None,
            pretraining: None,
            model,
            optimizer,
            update_rule: None,
            loss: None,
            pruning: None,
            gradient_samples: default_gradient_samples(),
            validation_rows: None,
            metrics: Vec::new(),
        }
    }

    /// Checks everything that can be checked without data.
    ///
    /// # Errors
    /// What is out of range, by field.
    pub fn validate(&self) -> Result<()> {
        let own_test = matches!(&self.data, DataConfig::Table(table) if table.test.is_some());
        self.split.validate(own_test)?;
        corruption::validate(self.label_noise, self.imbalance)?;
        if let Some(delayed_classes) = &self.delayed_classes {
            delayed_classes.validate()?;
        }
        if let Some(noise) = &self.intermittent_label_noise {
            noise.validate()?;
        }
        if let Some(pretraining) = &self.pretraining {
            pretraining.validate()?;
        }
        if let DataConfig::Teacher(teacher) = &self.data {
            teacher.validate()?;
        }
        if let DataConfig::Text(text) = &self.data {
            text.validate()?;
            self.goes_with_text()?;
        }
        self.model.validate(1)?;
        if let Some(loss) = &self.loss {
            loss.validate()?;
            self.smooths_once(loss)?;
        }
        if let Some(pruning) = &self.pruning {
            pruning.validate()?;
        }
        self.optimizer.init()?;
        for (field, rows) in [
            ("pool", Some(self.pool)),
            ("validation_rows", self.validation_rows),
        ] {
            if rows == Some(0) {
                return Err(Error::Config {
                    field: field.to_owned(),
                    given: "0".to_owned(),
                    allowed: "at least 1".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Texts have tokens in order, which nothing may shuffle, and are for models of tokens.
    fn goes_with_text(&self) -> Result<()> {
        let custom = matches!(self.model, ModelConfig::Custom { .. });
        for (field, plain) in [
            ("model", custom),
            ("pool", self.pool == 1),
            ("label_noise", self.label_noise == 0.0),
            ("imbalance", self.imbalance == 1.0),
            ("delayed_classes", self.delayed_classes.is_none()),
            (
                "intermittent_label_noise",
                self.intermittent_label_noise.is_none(),
            ),
            ("pretraining", self.pretraining.is_none()),
        ] {
            if !plain {
                return Err(Error::Config {
                    field: field.to_owned(),
                    given: "one that is not for a text".to_owned(),
                    allowed: "with data: Text(..) only the default of it, and a model that the program adds, as \
                              Custom(name: \"llama\") of trimtab-llama"
                        .to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Labels are smoothed by the loss or by the model.
    fn smooths_once(&self, loss: &LossConfig) -> Result<()> {
        match &self.model {
            ModelConfig::Tabular(model) if model.label_smoothing != 0.0 => Err(Error::Config {
                field: "model.label_smoothing".to_owned(),
                given: format!("{} with the loss `{}`", model.label_smoothing, loss.name()),
                allowed:
                    "0 where there is a `loss`; CrossEntropy(label_smoothing: ..) smooths labels"
                        .to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Whether the network predicts the logarithm of the target's mean.
    fn has_log_link(&self) -> bool {
        self.loss == Some(LossConfig::Poisson)
    }

    /// Reads and splits the data.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the fields, by name.
    pub fn prepare(&self) -> Result<PreparedTask> {
        self.prepare_with(&Extensions::default(), &[])
    }

    /// Whether both are trained by the same optimiser with the same options.
    pub fn has_optimizer_of(&self, other: &Self) -> bool {
        (&self.optimizer, &self.update_rule) == (&other.optimizer, &other.update_rule)
    }

    fn read(&self, extensions: &Extensions) -> Result<PreparedTask> {
        let (split, read) = match &self.data {
            DataConfig::Embedded(embedded) => (self.split_of(&*embedded.load()?)?, None),
            DataConfig::Table(table) => {
                let change = |data: Dataset<f64>| self.changed(&data).map(Cow::into_owned);
                let log_target = match self.has_log_link() {
                    true => LogTarget::Never,
                    false => table.log_target,
                };
                let table = TableConfig {
                    log_target,
                    ..table.clone()
                };
                let (split, read) = split_table(&table, &self.split, change)?;
                self.model.check(split.train.shape, &split.train.name)?;
                (split, Some(read))
            }
            DataConfig::Teacher(teacher) => (self.split_of(&teacher.dataset()?)?, None),
            DataConfig::Idx { images, labels } => {
                (self.split_of(&read_idx(images, labels)?)?, None)
            }
            DataConfig::Text(text) => (split_text(text, &self.split)?, None),
        };
        let split = match (&split.train.targets, self.has_log_link()) {
            (Targets::Values(_), true) => split.with_log_link()?,
            _ => split,
        };
        self.ready(Arc::new(split), read.map(Arc::new), extensions)
    }

    /// The same as [`prepare`](Self::prepare), where model, loss and optimiser may be ones that the program adds. Data that one of `earlier` has read and split
    /// alike are shared with it: a file is read once, however many models and optimisers are trained on it.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare), and if there is none of such a name.
    pub fn prepare_with(
        &self,
        extensions: &Extensions,
        earlier: &[PreparedTask],
    ) -> Result<PreparedTask> {
        self.validate()?;
        self.model.check_known(extensions)?;
        let loss = self.loss.as_ref().map(LossConfig::name);
        let rule = self.update_rule.as_ref().map(CustomConfig::name);
        if let (ModelConfig::Custom { .. }, Some(part)) = (&self.model, loss.or(rule)) {
            return Err(Error::Config {
                field: "model".to_owned(),
                given: format!("Custom(..) with `{part}`"),
                allowed:
                    "no `loss` and no `update_rule` with it; a model of your own brings them along"
                        .to_owned(),
            });
        }
        let losses = self.loss.iter().flat_map(LossConfig::own_parts);
        extensions.check(losses, self.update_rule.as_ref())?;
        let alike = |other: &&PreparedTask| {
            let other = other.config();
            other.has_log_link() == self.has_log_link()
                && (&other.data, &other.split, other.pool) == (&self.data, &self.split, self.pool)
                && (other.label_noise, other.imbalance) == (self.label_noise, self.imbalance)
        };
        let Some(other) = earlier.iter().find(alike) else {
            return self.read(extensions);
        };
        let train = &other.split().train;
        self.model.check(train.shape, &train.name)?;
        self.ready(Arc::clone(other.split()), other.read.clone(), extensions)
    }

    fn ready(
        &self,
        split: Arc<Split>,
        read: Option<Arc<Read>>,
        extensions: &Extensions,
    ) -> Result<PreparedTask> {
        let task = self.with_shared(split, read, extensions);
        if self.loss.is_some() || self.update_rule.is_some() {
            task.task().map(drop)?;
        }
        let Some(pretraining) = &self.pretraining else {
            return Ok(task);
        };
        let seed = self.split.seed;
        let weights = task
            .task()?
            .pretrained(pretraining, &self.optimizer, seed)?;
        task.fine_tuning(weights)
    }

    /// The data as the task changes them, split.
    fn split_of<N: Number>(&self, data: &Dataset<N>) -> Result<Split> {
        let data = self.changed(data)?;
        self.model.check(data.shape, &data.name)?;
        split(&data, &self.split)
    }

    /// The data as the task changes them.
    fn changed<'a, N: Number>(&self, data: &'a Dataset<N>) -> Result<Cow<'a, Dataset<N>>> {
        let mut data = Cow::Borrowed(data);
        if self.pool != 1 {
            data = Cow::Owned(pool(&data, self.pool)?);
        }
        if self.imbalance != 1.0 {
            data = Cow::Owned(with_imbalance(&data, self.imbalance, self.split.seed)?);
        }
        if self.label_noise != 0.0 {
            data = Cow::Owned(with_label_noise(&data, self.label_noise, self.split.seed)?);
        }
        Ok(data)
    }

    /// The task with data that have been read and split already; its own data settings are ignored.
    pub fn with_split(&self, split: Split, extensions: &Extensions) -> PreparedTask {
        self.with_shared(Arc::new(split), None, extensions)
    }

    fn with_shared(
        &self,
        split: Arc<Split>,
        read: Option<Arc<Read>>,
        extensions: &Extensions,
    ) -> PreparedTask {
        let name = self.name.clone().unwrap_or_else(|| {
            let (model, widths) = match &self.model {
                ModelConfig::Mlp { hidden, .. } => ("mlp", hidden.clone()),
                ModelConfig::Tabular(config) => ("tabular", config.hidden.clone()),
                ModelConfig::Cnn { channels } => ("cnn", channels.clone()),
                ModelConfig::Transformer(config) => {
                    ("transformer", vec![config.width; config.blocks])
                }
                ModelConfig::Custom { name, .. } => (name.as_str(), Vec::new()),
            };
            let widths: Vec<String> = widths.iter().map(ToString::to_string).collect();
            let rule = self.update_rule.as_ref();
            let optimizer = rule.map_or(self.optimizer.name(), CustomConfig::name);
            let loss = self.loss.as_ref().map_or("", LossConfig::name);
            let widths = widths.join("-");
            let parts = [&split.train.name, model, &widths, optimizer, loss];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            parts.join(" ")
        });
        let mut config = self.clone();
        // Which inputs are numbers is known once the table is.
        if let (ModelConfig::Tabular(tabular), Some(read)) = (&mut config.model, &read) {
            tabular.numbers = tabular.numbers.or(Some(read.preprocessor.numbers()));
        }
        PreparedTask {
            config,
            name,
            split,
            read,
            weights: None,
            extensions: extensions.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
