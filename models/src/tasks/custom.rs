//! Tasks of any type behind one interface; models, losses and optimisers that a program adds by name.
//!
//! ```
//! use burn::nn::{Linear, LinearConfig};
//! use burn::tensor::{Device, Tensor};
//! use std::sync::Arc;
//! use trimtab_models::data::Split;
//! use trimtab_models::tasks::custom::{Extensions, any};
//! use trimtab_models::{Task, TaskConfig};
//!
//! struct Softmax(String, Arc<Split>);
//!
//! impl Task for Softmax {
//!     type Model = Linear;
//!     fn name(&self) -> String {
//!         self.0.clone()
//!     }
//!     fn split(&self) -> &Split {
//!         &self.1
//!     }
//!     fn model(&self, device: &Device) -> Linear {
//!         LinearConfig::new(self.1.train.features, self.1.train.outputs()).init(device)
//!     }
//!     fn forward(&self, model: &Linear, inputs: Tensor<2>) -> Tensor<2> {
//!         model.forward(inputs)
//!     }
//! }
//!
//! let models = Extensions::default().with_model("softmax", |_, task| Ok(any(Softmax(task.name, task.split))));
//! let text = "(data: Embedded(\"digits\"), model: Custom(name: \"softmax\"), optimizer: Adam())";
//! let task: TaskConfig = ron::from_str(text)?;
//! assert_eq!(task.prepare_with(&models, &[])?.name(), "digits softmax adam");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::data::{Dataset, Split};
use crate::network::weights::{flat_state, with_state};
use crate::steering::train::{TrainConfig, Underway, train_run};
use crate::training::loss::Loss;
use crate::training::optimizer::UpdateRule;
use crate::{
    Error, FineTuning, OptimizerConfig, Pretraining, Result, Task, TaskTrainee, TraineeConfig,
};
use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use trimtab_env::error::nearest::did_you_mean;
use trimtab_env::{Outcome, Pruned, Segment, TestReport, Trainee};

/// What a task is called, and its data.
#[derive(Clone, Debug)]
pub struct TaskOf {
    /// Its name in tables and records.
    pub name: String,
    /// Its data.
    pub split: Arc<Split>,
}

/// The result of a training, with the weights as plain numbers in the order of [`flat_state`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainedWeights {
    /// Those with the best validation loss.
    pub weights: Vec<f32>,
    /// What happened, segment after segment.
    pub segments: Vec<Segment>,
    /// Best validation loss, cost, divergences.
    pub outcome: Outcome,
    /// The model on the test split.
    pub test: TestReport,
    /// What pruning has left of the model, whose weights are those of a smaller one; `None` where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Pruned>,
}

/// A [`Task`] of any type; [`any`] makes it one.
pub trait AnyTask: Send + Sync {
    /// Checks that these are as many weights as its model has.
    ///
    /// # Errors
    /// As [`FineTuning::with_weights`].
    fn check_weights(&self, weights: &[f32]) -> Result<()>;

    /// A training of it, which begins with the weights `from` if there are any.
    ///
    /// # Errors
    /// As [`TaskTrainee::new`] and [`FineTuning::with_weights`].
    fn trainee(
        self: Box<Self>,
        from: Option<&[f32]>,
        config: TraineeConfig,
        device: &Device,
    ) -> Result<Box<dyn Trainee>>;

    /// Run number `number` of a training of it, as [`train_run`], which begins with the weights `from` if there are any.
    ///
    /// # Errors
    /// As there.
    fn train(
        self: Box<Self>,
        from: Option<&[f32]>,
        config: &TrainConfig,
        number: usize,
        device: &Device,
        watch: &mut dyn FnMut(Underway) -> ControlFlow<()>,
    ) -> trimtab_env::Result<TrainedWeights>;

    /// The weights after a training on part of the data.
    ///
    /// # Errors
    /// As [`OptimizerConfig::init`].
    fn pretrained(
        &self,
        pretraining: &Pretraining,
        optimizer: &OptimizerConfig,
        seed: u64,
    ) -> Result<Vec<f32>>;

    /// A model with these weights as a record of burn. The same weights make the same record.
    ///
    /// # Errors
    /// As [`FineTuning::with_weights`].
    fn record_of(&self, weights: &[f32]) -> Result<ModuleRecord>;

    /// The weights of a model in a record of burn.
    ///
    /// # Errors
    /// burn's, if it is a record of another model.
    fn weights_of(&self, record: ModuleRecord) -> std::result::Result<Vec<f32>, RecordError>;

    /// The model with these weights, as a function of a batch of inputs.
    ///
    /// # Errors
    /// As [`FineTuning::with_weights`].
    fn model_with<'a>(&'a self, weights: &[f32], device: &Device) -> Result<Model<'a>>;
}

fn train<T: Task>(
    task: T,
    config: &TrainConfig,
    number: usize,
    device: &Device,
    watch: &mut dyn FnMut(Underway) -> ControlFlow<()>,
) -> trimtab_env::Result<TrainedWeights> {
    let trained = train_run(task, config, number, device, &mut |now| {
        trimtab_env::Result::Ok(watch(now))
    })?;
    let mut weights = Vec::new();
    flat_state(&trained.model, &mut weights);
    Ok(TrainedWeights {
        weights,
        segments: trained.segments,
        outcome: trained.outcome,
        test: trained.test,
        pruned: trained.pruned,
    })
}

/// A model as a function of a batch of inputs, `[batch, features]`, to its outputs, `[batch, outputs]`.
pub type Model<'a> = Box<dyn Fn(Tensor<2>) -> Tensor<2> + 'a>;

/// A task as one of any type.
pub fn any(task: impl Task) -> Box<dyn AnyTask> {
    Box::new(task)
}

impl<T: Task> AnyTask for T {
    fn check_weights(&self, weights: &[f32]) -> Result<()> {
        FineTuning::<T>::check(&self.name(), &self.model(&Device::flex()), weights)
    }

    fn trainee(
        self: Box<Self>,
        from: Option<&[f32]>,
        config: TraineeConfig,
        device: &Device,
    ) -> Result<Box<dyn Trainee>> {
        Ok(match from {
            None => Box::new(TaskTrainee::new(*self, config, device)?),
            Some(weights) => {
                let task = FineTuning::with_weights(*self, weights.to_vec())?;
                Box::new(TaskTrainee::new(task, config, device)?)
            }
        })
    }

    fn train(
        self: Box<Self>,
        from: Option<&[f32]>,
        config: &TrainConfig,
        number: usize,
        device: &Device,
        watch: &mut dyn FnMut(Underway) -> ControlFlow<()>,
    ) -> trimtab_env::Result<TrainedWeights> {
        match from {
            None => train(*self, config, number, device, watch),
            Some(weights) => {
                let name = self.name();
                let task = FineTuning::with_weights(*self, weights.to_vec());
                let task = task.map_err(|error| trimtab_env::Error::other(&name, error))?;
                train(task, config, number, device, watch)
            }
        }
    }

    fn pretrained(
        &self,
        pretraining: &Pretraining,
        optimizer: &OptimizerConfig,
        seed: u64,
    ) -> Result<Vec<f32>> {
        pretraining.weights(self, optimizer, seed)
    }

    fn record_of(&self, weights: &[f32]) -> Result<ModuleRecord> {
        let fresh = self.model(&Device::flex());
        FineTuning::<T>::check(&self.name(), &fresh, weights)?;
        let model = with_state(&fresh, weights);
        Ok(model.map(&mut Numbered(0)).into_record())
    }

    fn weights_of(&self, record: ModuleRecord) -> std::result::Result<Vec<f32>, RecordError> {
        let model = self.model(&Device::flex()).try_load_record(record)?;
        let mut weights = Vec::new();
        flat_state(&model, &mut weights);
        Ok(weights)
    }

    fn model_with<'a>(&'a self, weights: &[f32], device: &Device) -> Result<Model<'a>> {
        let fresh = self.model(device);
        FineTuning::<T>::check(&self.name(), &fresh, weights)?;
        let model = with_state(&fresh, weights);
        Ok(Box::new(move |inputs| self.forward(&model, inputs)))
    }
}

/// Gives parameters the identities 1, 2, 3, .. in place of random ones.
struct Numbered(u64);

impl ModuleMapper for Numbered {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        let (_, weights, mapper) = param.consume();
        Param::from_mapped_value(ParamId::from(self.0), weights, mapper)
    }
}

/// Numbers that the constructor of a model reads.
pub type Parameters = BTreeMap<String, f64>;

/// Something that a program has added, in a config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum CustomConfig {
    /// By its name there.
    Custom {
        /// The name.
        name: String,
        /// What its constructor reads.
        #[serde(default)]
        parameters: Parameters,
    },
}

impl CustomConfig {
    /// The one of this name, without parameters.
    pub fn named(name: &str) -> Self {
        Self::Custom {
            name: name.to_owned(),
            parameters: Parameters::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        let Self::Custom { name, .. } = self;
        name
    }
}

type MakeTask = dyn Fn(&Parameters, TaskOf) -> Result<Box<dyn AnyTask>> + Send + Sync;
type MakeLoss = dyn Fn(&Parameters, &Dataset) -> Result<Arc<dyn Loss>> + Send + Sync;
type MakeOptimizer = dyn Fn(&Parameters) -> Result<Box<dyn UpdateRule>> + Send + Sync;

/// Models, losses and optimisers that a program adds, by name: `model: Custom(name: ..)`, `loss: Custom(name: ..)` and
/// `update_rule: Custom(name: ..)` in the config of a task.
#[derive(Clone, Default)]
pub struct Extensions {
    models: BTreeMap<String, Arc<MakeTask>>,
    losses: BTreeMap<String, Arc<MakeLoss>>,
    optimizers: BTreeMap<String, Arc<MakeOptimizer>>,
}

/// They are equal if their names are.
impl PartialEq for Extensions {
    fn eq(&self, other: &Self) -> bool {
        self.models.keys().eq(other.models.keys())
            && self.losses.keys().eq(other.losses.keys())
            && self.optimizers.keys().eq(other.optimizers.keys())
    }
}

impl std::fmt::Debug for Extensions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.models.keys();
        let all = all.chain(self.losses.keys()).chain(self.optimizers.keys());
        formatter.debug_set().entries(all).finish()
    }
}

impl Extensions {
    /// These and one more model. Its constructor is given the parameters of the config, and the name and the data of the task.
    #[must_use]
    pub fn with_model(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(&Parameters, TaskOf) -> Result<Box<dyn AnyTask>> + Send + Sync + 'static,
    ) -> Self {
        self.models.insert(name.into(), Arc::new(constructor));
        self
    }

    /// These and one more loss. Its constructor is given the training examples too, so that a loss of values can refuse classes.
    #[must_use]
    pub fn with_loss(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(&Parameters, &Dataset) -> Result<Arc<dyn Loss>> + Send + Sync + 'static,
    ) -> Self {
        self.losses.insert(name.into(), Arc::new(constructor));
        self
    }

    /// These and one more optimiser.
    #[must_use]
    pub fn with_optimizer(
        mut self,
        name: impl Into<String>,
        constructor: impl Fn(&Parameters) -> Result<Box<dyn UpdateRule>> + Send + Sync + 'static,
    ) -> Self {
        self.optimizers.insert(name.into(), Arc::new(constructor));
        self
    }

    /// The constructor of a model.
    ///
    /// # Errors
    /// [`Error::Config`] with the names that there are.
    pub(super) fn model(&self, name: &str) -> Result<&MakeTask> {
        found(&self.models, "model", name)
    }

    /// Whether there is a model of this name.
    pub fn has_model(&self, name: &str) -> bool {
        self.models.contains_key(name)
    }

    /// Whether there is a loss of this name.
    pub fn has_loss(&self, name: &str) -> bool {
        self.losses.contains_key(name)
    }

    /// Checks that there are parts of these names.
    ///
    /// # Errors
    /// [`Error::Config`] with the names that there are.
    pub(super) fn check<'a>(
        &self,
        losses: impl IntoIterator<Item = &'a str>,
        update_rule: Option<&CustomConfig>,
    ) -> Result<()> {
        for loss in losses {
            found(&self.losses, "loss", loss)?;
        }
        if let Some(rule) = update_rule {
            found(&self.optimizers, "update_rule", rule.name())?;
        }
        Ok(())
    }

    /// The loss of this name, for these training examples.
    ///
    /// # Errors
    /// [`Error::Config`] with the names that there are, and the constructor's.
    pub(super) fn loss(
        &self,
        name: &str,
        parameters: &Parameters,
        train: &Dataset,
    ) -> Result<Arc<dyn Loss>> {
        found(&self.losses, "loss", name)?(parameters, train)
    }

    /// The optimiser of a config.
    ///
    /// # Errors
    /// [`Error::Config`] with the names that there are, and the constructor's.
    pub(super) fn optimizer(&self, config: &CustomConfig) -> Result<Box<dyn UpdateRule>> {
        let CustomConfig::Custom { name, parameters } = config;
        found(&self.optimizers, "update_rule", name)?(parameters)
    }
}

fn found<'a, C: ?Sized>(
    added: &'a BTreeMap<String, Arc<C>>,
    field: &str,
    name: &str,
) -> Result<&'a C> {
    let names = || added.keys().map(String::as_str);
    added.get(name).map(Arc::as_ref).ok_or_else(|| {
        let own = match field {
            "model" => "Mlp, Tabular, Cnn, Transformer, or ",
            "loss" => {
                "CrossEntropy(..), Focal(..), SquaredError, Huber(..), Quantile(..), Poisson, Sum([..]), or "
            }
            _ => "",
        };
        let near = did_you_mean(name, names());
        let all: Vec<&str> = names().collect();
        Error::Config {
            field: field.to_owned(),
            given: format!("Custom(name: \"{name}\")"),
            allowed: match all.as_slice() {
                [] => format!("{own}the name of one that the program adds; this one adds none"),
                all => format!(
                    "{own}one of those that the program adds, {}{near}",
                    all.join(", ")
                ),
            },
        }
    })
}
