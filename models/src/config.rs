//! Tasks as configuration: data, model, optimiser.

use crate::bank::Member;
use crate::cnn::CnnTask;
use crate::data::corruption;
use crate::data::{
    CsvOptions, Dataset, Embedded, Number, Split, SplitConfig, TargetKind, Teacher, pool, read_csv,
    read_idx, read_more, split, split_apart, with_imbalance, with_label_noise,
};
use crate::mlp::{Activation, MlpTask};
use crate::transformer::{TransformerConfig, TransformerTask};
use crate::{
    Error, FineTuning, Late, OptimizerConfig, PassingNoise, Pretraining, Result, Task, TaskTrainee,
    TraineeConfig,
};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use trimtab_env::bounds::check_widths;
use trimtab_env::metrics::Metric;
use trimtab_env::{CostModel, Trainee};

/// Where data come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DataConfig {
    /// A data set that is part of this crate.
    Embedded(Embedded),
    /// A CSV file with a header.
    Csv {
        /// The file; gzip is recognised.
        path: PathBuf,
        /// The column to predict.
        target: String,
        /// Classification, regression, or found out from the column.
        #[serde(default)]
        kind: TargetKind,
        /// A file of the same columns for the test, in place of a share of the rows. Its rows are taken as they are,
        /// without `label_noise` and `imbalance`.
        #[serde(default)]
        test: Option<PathBuf>,
    },
    /// Synthetic data.
    Teacher(Teacher),
    /// A pair of IDX files, as MNIST comes in.
    Idx {
        /// Images, `u8`.
        images: PathBuf,
        /// Labels, `u8`.
        labels: PathBuf,
    },
}

/// What is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ModelConfig {
    /// A multilayer perceptron.
    Mlp {
        /// Widths of the hidden layers.
        hidden: Vec<usize>,
        /// The nonlinearity.
        #[serde(default)]
        activation: Activation,
    },
    /// A convolutional network; for images.
    Cnn {
        /// Channels of the convolutions.
        channels: Vec<usize>,
    },
    /// A transformer; for images in patches, or with `patch: 1` for tables.
    Transformer(TransformerConfig),
}

impl ModelConfig {
    /// Checks the sizes of the architecture by themselves, before anything is allocated: for `inputs` numbers, or channels
    /// of an image.
    ///
    /// # Errors
    /// [`Error::Bounds`] naming the size, or what all of them would take.
    pub fn validate(&self, inputs: usize) -> Result<()> {
        match self {
            Self::Mlp { hidden, .. } => check_widths("model.hidden", inputs, hidden, 1)?,
            Self::Cnn { channels } => {
                check_widths(
                    "model.channels",
                    inputs,
                    channels,
                    crate::cnn::KERNEL.pow(2),
                )?;
            }
            Self::Transformer(config) => config.validate()?,
        }
        Ok(())
    }

    /// Checks the architecture against the inputs that it is for: of `shape` (channels, height, width), and what they are called.
    ///
    /// # Errors
    /// [`Error::Setting`] naming what does not fit.
    pub fn check(&self, shape: [usize; 3], inputs: &str) -> Result<()> {
        let features = match self {
            Self::Mlp { .. } => shape.iter().product(),
            Self::Cnn { .. } | Self::Transformer(_) => shape[0],
        };
        self.validate(features)?;
        if let Self::Transformer(config) = self {
            return config.check(shape, inputs);
        }
        if matches!(self, Self::Cnn { .. }) && shape[1].min(shape[2]) < 2 {
            return Err(Error::Setting {
                field: "model".to_owned(),
                value: format!("Cnn on `{inputs}`"),
                allowed: "a Cnn only on images; use Mlp for tables".to_owned(),
            });
        }
        Ok(())
    }
}

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
    /// The share of labels, or of the deviation of values, that is noise: [`with_label_noise`].
    #[serde(default)]
    pub label_noise: f64,
    /// How much rarer the last class is than the first: [`with_imbalance`]; 1 leaves the classes as they are.
    #[serde(default = "balanced")]
    pub imbalance: f64,
    /// Training data part of which come late; none by default.
    #[serde(default)]
    pub late: Option<Late>,
    /// Label noise that comes and goes; none by default.
    #[serde(default)]
    pub passing_noise: Option<PassingNoise>,
    /// Training on part of the data before the run, for fine-tuning; none by default.
    #[serde(default)]
    pub pretraining: Option<Pretraining>,
    /// The model.
    pub model: ModelConfig,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
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
    config: TaskConfig,
    name: String,
    split: Arc<Split>,
    read: Option<Arc<Read>>,
    /// The weights that runs begin with, where they have been trained before.
    weights: Option<Arc<Vec<f32>>>,
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
            late: None,
            passing_noise: None,
            pretraining: None,
            model,
            optimizer,
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
        let own_test = matches!(&self.data, DataConfig::Csv { test: Some(_), .. });
        self.split.validate(own_test)?;
        corruption::validate(self.label_noise, self.imbalance)?;
        if let Some(late) = &self.late {
            late.validate()?;
        }
        if let Some(noise) = &self.passing_noise {
            noise.validate()?;
        }
        if let Some(pretraining) = &self.pretraining {
            pretraining.validate()?;
        }
        if let DataConfig::Teacher(teacher) = &self.data {
            teacher.validate()?;
        }
        self.model.validate(1)?;
        self.optimizer.init()?;
        for (field, rows) in [
            ("pool", Some(self.pool)),
            ("validation_rows", self.validation_rows),
        ] {
            if rows == Some(0) {
                return Err(Error::Setting {
                    field: field.to_owned(),
                    value: "0".to_owned(),
                    allowed: "at least 1".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Reads and splits the data.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the fields, by name.
    pub fn prepare(&self) -> Result<PreparedTask> {
        self.validate()?;
        let (split, read) = match &self.data {
            DataConfig::Embedded(embedded) => (self.split_of(&*embedded.load()?, None)?, None),
            DataConfig::Csv {
                path,
                target,
                kind,
                test,
            } => {
                let options = CsvOptions {
                    target: target.clone(),
                    kind: *kind,
                };
                let table = read_csv(path, &options)?;
                let mut read = Read {
                    columns: table.columns,
                    without_target: table.without_target,
                };
                let test = test
                    .as_ref()
                    .map(|test| read_more(test, &read.columns, target, &table.data.targets))
                    .transpose()?;
                read.without_target += test.as_ref().map_or(0, |test| test.without_target);
                let test = test.as_ref().map(|test| &test.data);
                (self.split_of(&table.data, test)?, Some(read))
            }
            DataConfig::Teacher(teacher) => (self.split_of(&teacher.dataset()?, None)?, None),
            DataConfig::Idx { images, labels } => {
                (self.split_of(&read_idx(images, labels)?, None)?, None)
            }
        };
        let mut task = self.with_split(split);
        task.read = read.map(Arc::new);
        if let Some(pretraining) = &self.pretraining {
            let weights = task.visit(Pretrained {
                pretraining: *pretraining,
                optimizer: &self.optimizer,
                seed: self.split.seed,
            })?;
            task = task.fine_tuning(weights)?;
        }
        Ok(task)
    }

    /// The data as the task changes them, split; `apart` is a test of its own.
    fn split_of<N: Number>(&self, data: &Dataset<N>, apart: Option<&Dataset<N>>) -> Result<Split> {
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
        self.model.check(data.shape, &data.name)?;
        match apart {
            Some(test) => split_apart(&data, test, &self.split),
            None => split(&data, &self.split),
        }
    }

    /// The task with data that have been read and split already; what it says about data has no say.
    pub fn with_split(&self, split: Split) -> PreparedTask {
        let name = self.name.clone().unwrap_or_else(|| {
            let (model, widths) = match &self.model {
                ModelConfig::Mlp { hidden, .. } => ("mlp", hidden.clone()),
                ModelConfig::Cnn { channels } => ("cnn", channels.clone()),
                ModelConfig::Transformer(config) => {
                    ("transformer", vec![config.width; config.blocks])
                }
            };
            let widths: Vec<String> = widths.iter().map(ToString::to_string).collect();
            format!(
                "{} {model} {} {}",
                split.train.name,
                widths.join("-"),
                self.optimizer.name()
            )
        });
        PreparedTask {
            config: self.clone(),
            name,
            split: Arc::new(split),
            read: None,
            weights: None,
        }
    }
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
    /// [`flat_weights`](crate::weights::flat_weights).
    ///
    /// # Errors
    /// [`Error::Setting`] if they are not as many as those of the model.
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

    /// A training of the task: of an MLP on `flex` a [`Member`], which can be trained together with others.
    ///
    /// # Errors
    /// [`Error::Setting`] if an option is out of range.
    pub fn trainee(&self, cost: CostModel, device: &Device) -> Result<Box<dyn Trainee>> {
        let config = TraineeConfig {
            optimizer: self.config.optimizer,
            gradient_samples: self.config.gradient_samples,
            validation_rows: self.config.validation_rows,
            late: self.config.late,
            passing_noise: self.config.passing_noise,
            cost,
            metrics: self.config.metrics.clone(),
            ..TraineeConfig::default()
        };
        // The weights of a member are on the CPU; on another device they would go to and fro at every update.
        if let (ModelConfig::Mlp { hidden, activation }, true) =
            (&self.config.model, *device == Device::flex())
        {
            let task = MlpTask::new(&self.name, Arc::clone(&self.split), hidden, *activation);
            let member = Member::new(task, config, device)?;
            return Ok(Box::new(match &self.weights {
                Some(weights) => member.fine_tuning(weights.to_vec()),
                None => member,
            }));
        }
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

struct Pretrained<'a> {
    pretraining: Pretraining,
    optimizer: &'a OptimizerConfig,
    seed: u64,
}

impl TaskVisitor for Pretrained<'_> {
    type Output = Result<Vec<f32>>;

    fn visit<T: Task>(self, task: T) -> Self::Output {
        self.pretraining.weights(&task, self.optimizer, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> TaskConfig {
        ron::from_str(text).unwrap()
    }

    #[test]
    fn the_short_form_takes_the_defaults() {
        let config = parse(
            "(data: Embedded(\"digits\"), model: Mlp(hidden: [32, 16]), optimizer: AdamW(epsilon: 1e-7))",
        );
        assert_eq!((config.pool, config.gradient_samples), (1, 8));
        assert_eq!(config.split, SplitConfig::default());
        let task = config.prepare().unwrap();
        assert_eq!(task.name(), "digits mlp 32-16 adamw");
        let trainee = task.trainee(CostModel::default(), &Device::flex()).unwrap();
        let parameters = (64 * 32 + 32) + (32 * 16 + 16) + (16 * 10 + 10);
        assert_eq!(trainee.spec().parameters, parameters);
        let any: &dyn std::any::Any = &*trainee;
        assert!(any.is::<Member>());
    }

    #[test]
    fn an_unknown_field_is_named() {
        for text in [
            "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Sgd(), learning_rat: 0.1)",
            "(data: Embedded(\"digits\"), model: Mlp(hidden: [8], learning_rat: 1), optimizer: Sgd())",
            "(data: Embedded(\"digits\"), model: Mlp(hidden: [8]), optimizer: Sgd(learning_rat: 0.1))",
        ] {
            let message = ron::from_str::<TaskConfig>(text).unwrap_err().to_string();
            assert!(message.contains("learning_rat"), "{message}");
        }
    }

    #[test]
    fn models_that_cannot_be_built_are_named() {
        for (text, words) in [
            (
                "(data: Embedded(\"digits\"), model: Mlp(hidden: [8, 0]), optimizer: Sgd())",
                ["model.hidden[1]", "from 1 to"],
            ),
            (
                "(data: Embedded(\"fashion-mnist\"), model: Cnn(channels: [0]), optimizer: Sgd())",
                ["model.channels[0]", "from 1 to"],
            ),
            (
                "(data: Embedded(\"letter\"), model: Cnn(channels: [8]), optimizer: Sgd())",
                ["Cnn on `letter`", "use Mlp"],
            ),
            (
                "(data: Embedded(\"digits\"), pool: 3, model: Cnn(channels: [8]), optimizer: Sgd())",
                ["8x8", "by 3"],
            ),
            (
                "(data: Embedded(\"digits\"), model: Transformer((heads: 5)), optimizer: Sgd())",
                ["model.heads", "divides the width, 32"],
            ),
            (
                "(data: Embedded(\"digits\"), model: Transformer((patch: 3)), optimizer: Sgd())",
                ["model.patch", "8x8"],
            ),
            (
                "(data: Embedded(\"letter\"), model: Transformer((blocks: 0)), optimizer: Sgd())",
                ["model.blocks", "from 1 to"],
            ),
        ] {
            let message = parse(text).prepare().unwrap_err().to_string();
            for word in words {
                assert!(message.contains(word), "{message}");
            }
        }
    }

    #[test]
    fn sizes_out_of_bounds_are_named_before_anything_is_allocated() {
        for (model, word) in [
            ("Mlp(hidden: [64, 18446744073709551615])", "model.hidden[1]"),
            (
                "Mlp(hidden: [65536, 65536, 65536, 65536, 65536, 65536, 65536])",
                "GB of memory",
            ),
            ("Cnn(channels: [100000000000])", "model.channels[0]"),
            (
                "Transformer((blocks: 18446744073709551615))",
                "model.blocks",
            ),
            (
                "Transformer((width: 100000000000, heads: 1))",
                "model.width",
            ),
            ("Transformer((width: 65536, blocks: 1000))", "GB of memory"),
        ] {
            let text = format!("(data: Embedded(\"digits\"), model: {model}, optimizer: Sgd())");
            let task = parse(&text);
            for message in [task.validate().unwrap_err(), task.prepare().unwrap_err()] {
                assert!(message.to_string().contains(word), "{message}");
            }
        }
    }
}
