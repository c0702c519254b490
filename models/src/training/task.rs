//! What a user brings: a burn model, its loss and its data.

use crate::Result;
use crate::data::{Dataset, Split, Targets};
use crate::training::optimizer::UpdateRule;
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use trimtab_env::Settings;
use trimtab_program::Program;
use trimtab_program::loss::WeightedSum;
use trimtab_program::pruning::Prunable;

/// A supervised task: a burn model, its data and its loss. Everything else, from minibatches to gradient statistics, is
/// provided by [`crate::TaskTrainee`].
///
/// ```no_run
/// use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::{Device, Tensor}};
/// use trimtab_models::{Task, data::{Embedded, Split, SplitConfig, split}};
///
/// struct Softmax { split: Split }
///
/// impl Task for Softmax {
///     type Model = Linear;
///     fn name(&self) -> String { "softmax regression".into() }
///     fn split(&self) -> &Split { &self.split }
///     fn model(&self, device: &Device) -> Linear { LinearConfig::new(64, 10).init(device) }
///     fn forward(&self, model: &Linear, inputs: Tensor<2>) -> Tensor<2> { model.forward(inputs) }
/// }
///
/// let data = Embedded::Digits.load()?;
/// let task = Softmax { split: split(&data, &SplitConfig::default())? };
/// # Ok::<(), trimtab_models::Error>(())
/// ```
pub trait Task: Send + Sync + 'static {
    /// The model. Any burn module will do.
    type Model: Module + 'static;

    /// A name for tables and records.
    fn name(&self) -> String;

    /// The data, split into train, validation and test.
    fn split(&self) -> &Split;

    /// A model on `device`. Its random weights are drawn again by [`Task::initialise`].
    fn model(&self, device: &Device) -> Self::Model;

    /// The model's outputs.
    ///
    /// A row of the data holds everything that is known of an example, one input after the other, each flattened. So a model may have
    /// inputs of any rank, and several of them: it cuts its columns out of the row and gives them their shape, and takes tokens of a
    /// sequence as whole numbers (`several_inputs_of_any_rank_and_tokens_lie_in_a_row`, a test, is an example).
    ///
    /// # Shapes
    /// - inputs: `[batch, features]`; images are flattened as `[channels, height, width]`
    /// - output: `[batch, classes]` logits, or `[batch, 1]` values
    fn forward(&self, model: &Self::Model, inputs: Tensor<2>) -> Tensor<2>;

    /// The mean loss over the batch, as one number. By default the cross-entropy of logits for classes and the mean
    /// squared error for values.
    ///
    /// # Shapes
    /// - outputs: `[batch, classes]` or `[batch, 1]`
    /// - loss: `[1]`
    fn loss(&self, outputs: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        match targets {
            TargetBatch::Classes(labels) => log_softmax(outputs, 1)
                .gather(1, labels.clone().unsqueeze_dim::<2>(1))
                .mean()
                .neg(),
            TargetBatch::Values(values) => {
                let error = outputs - values.clone();
                (error.clone() * error).mean()
            }
        }
    }

    /// The settings that this task understands beside those of every training ([`trimtab_env::settings::OF_TRAININGS`]): whatever its
    /// [`Task::training_loss`] reads from the settings of the segment. They can be knobs, or parameters of a search, as any other. By
    /// default none.
    fn settings(&self) -> Vec<String> {
        Vec::new()
    }

    /// The loss of a minibatch that gradients are taken of. By default the [`Task::loss`] of [`Task::forward`], which is also what
    /// evaluations take; a task that trains otherwise than it is evaluated, with dropout or smoothed labels, says so here.
    ///
    /// ```
    /// # use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::{Device, Tensor}};
    /// # use trimtab_models::{Batch, Pass, Task, data::Split, dropout};
    /// # struct Digits { split: Split }
    /// impl Task for Digits {
    /// #   type Model = Linear;
    /// #   fn name(&self) -> String { "digits".into() }
    /// #   fn split(&self) -> &Split { &self.split }
    /// #   fn model(&self, device: &Device) -> Linear { LinearConfig::new(64, 10).init(device) }
    /// #   fn forward(&self, model: &Linear, inputs: Tensor<2>) -> Tensor<2> { model.forward(inputs) }
    ///     // ..
    ///     fn settings(&self) -> Vec<String> {
    ///         vec!["dropout".to_owned()]
    ///     }
    ///     fn training_loss(&self, model: &Linear, batch: Batch, pass: &mut Pass) -> Tensor<1> {
    ///         let inputs = dropout(batch.inputs, pass.number("dropout", 0.0), pass.rng());
    ///         self.loss(self.forward(model, inputs), &batch.targets)
    ///     }
    /// }
    /// ```
    ///
    /// # Shapes
    /// - loss: `[1]`
    fn training_loss(&self, model: &Self::Model, batch: Batch, pass: &mut Pass) -> Tensor<1> {
        let _ = pass;
        self.loss(self.forward(model, batch.inputs), &batch.targets)
    }

    /// The outputs and the mean loss of an evaluation. By default [`Task::forward`] and the [`Task::loss`] of what it gives. A task whose
    /// loss needs the inputs too, as that of the next token of a sequence does, says so here.
    ///
    /// # Shapes
    /// - outputs: as those of [`Task::forward`]; metrics are of these
    /// - loss: `[1]`
    fn evaluate(&self, model: &Self::Model, batch: Batch) -> (Tensor<2>, Tensor<1>) {
        let outputs = self.forward(model, batch.inputs);
        let loss = self.loss(outputs.clone(), &batch.targets);
        (outputs, loss)
    }

    /// Further figures of an evaluation that follow from its mean loss, by name, beside the metrics of a config: the perplexity of a
    /// language model, for one. The names do not depend on the loss. By default none.
    fn figures(&self, loss: f64) -> BTreeMap<String, f64> {
        let _ = loss;
        BTreeMap::new()
    }

    /// What an example of an update costs under these settings, relative to what the cost model says: below 1 where a setting shortens
    /// sequences. Costs by the clock do without. By default 1.
    ///
    /// # Errors
    /// [`crate::Error`] naming a setting of the task's own that is out of range.
    fn relative_cost(&self, settings: &Settings) -> Result<f64> {
        let _ = settings;
        Ok(1.0)
    }

    /// An optimiser of the task's own, before its first update, in place of the one in the config, and of those
    /// that a comparison trains each task with. By default there is none.
    fn optimizer(&self) -> Option<Box<dyn UpdateRule>> {
        None
    }

    /// The lowest value that [`Task::loss`] can take. Ratios of losses are ratios of what they are above it, so that a constant in a
    /// loss, or its sign, changes nothing. By default it is the loss of perfect predictions: of the targets themselves where they are
    /// values, and of logits that are sure of the right class; 0 where the outputs have other shapes.
    fn lowest_loss(&self) -> Option<f64> {
        None
    }

    /// The network written out, which then makes the updates of [`crate::TaskTrainee`] on burn's Flex: several times faster for small
    /// ones than a graph of tensors. Its weights are in the order of [`crate::network::weights::flat_state`], its outputs are those of
    /// [`Task::forward`], and losses are as [`Task::loss`] and [`Task::training_loss`] are by default, or the latter is the mean over the
    /// members that it has, with [smoothed labels](Task::label_smoothing). By default there is none, and burn
    /// differentiates.
    fn program(&self) -> Option<Box<dyn Program>> {
        None
    }

    /// Where the units are that can leave a network that burn differentiates, in the order of [`crate::network::weights::flat_state`]; one that is
    /// [written out](Task::program) says it itself. By default there is none, and the network cannot be pruned.
    fn prunable(&self) -> Option<Prunable> {
        None
    }

    /// The same task, but its network has these numbers of units in the layers of [`Program::units`] or [`Task::prunable`], in their order: what
    /// is left when the others have left in a training that prunes. By default there is none, and the network cannot be pruned.
    fn resized(&self, units: &[usize]) -> Option<Self>
    where
        Self: Sized,
    {
        let _ = units;
        None
    }

    /// The share of every label that is spread evenly over all classes in training. [`Task::program`] trains with it; a task that has one
    /// has it in its [`Task::training_loss`] too. By default 0.
    fn label_smoothing(&self) -> f64 {
        0.0
    }

    /// The outputs of every network that the model is at once, each of which learns from every row: one that is no ensemble is alone.
    /// A [loss that a config chooses](crate::LossConfig) is the mean over them.
    ///
    /// # Shapes
    /// - inputs: `[batch, features]`
    /// - outputs: `[members, batch, outputs]`
    fn members(&self, model: &Self::Model, inputs: Tensor<2>) -> Tensor<3> {
        self.forward(model, inputs).unsqueeze_dim::<3>(0)
    }

    /// The loss on plain vectors, with its numbers as the settings of a segment have them, if a config has chosen one that can be written
    /// out: then [`Task::program`] trains with it, and what is evaluated is this loss without settings. By default there is none, and the
    /// program has the usual losses.
    ///
    /// # Errors
    /// [`crate::Error`] naming a setting of the loss that is out of range.
    fn chosen_loss(&self, settings: &Settings) -> Result<Option<WeightedSum>> {
        let _ = settings;
        Ok(None)
    }

    /// Draws the initial weights from a stream that belongs to the training. By default
    /// [`crate::network::initializer::fresh_weights`].
    fn initialise(&self, model: Self::Model, rng: &mut ChaCha8Rng) -> Self::Model {
        crate::network::initializer::fresh_weights(model, rng)
    }

    /// Targets an example has: as many as tokens for a window of text. By default 1. The more there are, the less noisy is the gradient of
    /// an example, and the smaller are the batches of the servo.
    fn targets_per_example(&self) -> usize {
        1
    }

    /// Whether [`Task::initialise`] brings weights of an earlier training, which are to be fine-tuned: the servo then begins with
    /// smaller updates. By default it does not.
    fn is_pretrained(&self) -> bool {
        false
    }
}

/// One forward pass of a training, as [`Task::training_loss`] sees it.
#[derive(Debug)]
pub struct Pass<'a> {
    settings: &'a Settings,
    rng: &'a mut ChaCha8Rng,
}

impl<'a> Pass<'a> {
    /// A pass under these settings, whose randomness comes from `rng`.
    pub fn new(settings: &'a Settings, rng: &'a mut ChaCha8Rng) -> Self {
        Self { settings, rng }
    }

    /// The settings of the segment.
    pub fn settings(&self) -> &Settings {
        self.settings
    }

    /// The number that a setting has now, or `otherwise` if it is not set to one.
    pub fn number(&self, name: &str, otherwise: f64) -> f64 {
        self.settings.number(name).unwrap_or(otherwise)
    }

    /// A stream that belongs to the training: what is drawn from it follows from the seed, and no other training draws from it.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        self.rng
    }
}

/// Some examples as tensors.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, features]`
    pub inputs: Tensor<2>,
    /// One target an example.
    pub targets: TargetBatch,
}

/// The targets of a batch.
#[derive(Clone, Debug)]
pub enum TargetBatch {
    /// Class indices, `[batch]`.
    Classes(Tensor<1, Int>),
    /// Standardised values, `[batch, 1]`.
    Values(Tensor<2>),
}

impl Batch {
    /// The rows `rows` of a data set on `device`.
    pub fn gather(data: &Dataset, rows: &[u32], device: &Device) -> Self {
        let mut inputs = Vec::with_capacity(rows.len() * data.features);
        for row in rows {
            inputs.extend_from_slice(data.row(*row as usize));
        }
        let inputs =
            Tensor::from_data(TensorData::new(inputs, [rows.len(), data.features]), device);
        let targets = match &data.targets {
            Targets::Classes { labels, .. } => {
                let labels: Vec<i32> = rows
                    .iter()
                    .map(|row| labels[*row as usize] as i32)
                    .collect();
                let length = labels.len();
                TargetBatch::Classes(Tensor::from_data(TensorData::new(labels, [length]), device))
            }
            Targets::Values(values) => {
                let values: Vec<f32> = rows.iter().map(|row| values[*row as usize]).collect();
                let length = values.len();
                TargetBatch::Values(Tensor::from_data(
                    TensorData::new(values, [length, 1]),
                    device,
                ))
            }
        };
        Self { inputs, targets }
    }
}
