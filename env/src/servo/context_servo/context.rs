//! What is known of a training before it begins, and numbers that depend on it.

use crate::{Cost, CostModel, TraineeSpec, UpdateTime};
use serde::{Deserialize, Serialize};

/// Up to so many layers, one more counts by itself, as in a perceptron; beyond, their ratio to this number counts. The deepest
/// perceptrons that the servo was fitted to had as many.
const SHALLOW: f64 = 5.0;

/// An update that costs as much as so many examples beside its own: what the servo was fitted to, and the default [`UpdateTime`].
const UPDATE_COST: f64 = 70.0;
/// Common logarithms of the least and most times [`UPDATE_COST`] that make a difference: from 1 example, since a batch has one, to
/// 700, the most that was tried.
const UPDATE_COSTS: (f64, f64) = (-1.845, 1.0);

/// Up to so many units of a hidden layer the weights say how wide a network is: the widest that the servo was fitted to has 256.
const MOST_UNITS: f64 = 512.0;

/// What is known of a training before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// Passes over the training examples that the budget buys at a batch size of 64.
    pub epochs: f64,
    /// Training examples.
    pub examples: f64,
    /// Number of weights.
    pub parameters: f64,
    /// Layers of weights; hidden layers are one fewer.
    pub layers: f64,
    /// Units of the largest hidden layer; 0 where that is not known.
    #[serde(default)]
    pub units: f64,
    /// Whether the optimiser normalises its updates for each weight, as Adam does.
    pub adaptive: bool,
    /// Whether the training goes on from weights of an earlier one, as fine-tuning does.
    #[serde(default)]
    pub pretrained: bool,
    /// What an update costs beside its examples, in examples: 70 for a small perceptron on a CPU, a few for a language model.
    #[serde(default = "usual_update_cost")]
    pub update_cost: f64,
    /// Targets an example has: 1 for a row of a table, as many as tokens for a window of text.
    #[serde(default = "one_target")]
    pub targets: f64,
}

impl Default for Context {
    fn default() -> Self {
        Self::BASE
    }
}

fn one_target() -> f64 {
    1.0
}

fn usual_update_cost() -> f64 {
    UPDATE_COST
}

/// The cost of an update beside its examples, in examples.
fn in_examples(time: UpdateTime) -> f64 {
    time.per_update / time.per_example.max(f64::MIN_POSITIVE)
}

impl Context {
    /// Adam and 20 epochs of 4,096 examples, with three times as many weights in three layers of 64 units, at the usual cost of an update:
    /// where [`Terms`] are their base. It is the default.
    pub const BASE: Self = Self {
        epochs: 20.0,
        examples: 4096.0,
        parameters: 12288.0,
        layers: 3.0,
        units: 0.0,
        adaptive: true,
        pretrained: false,
        update_cost: UPDATE_COST,
        targets: 1.0,
    };

    /// The context of a training with this budget; `None` if its cost is measured, so that nobody knows beforehand how many
    /// passes the budget buys.
    pub fn new(spec: &TraineeSpec, budget: Cost) -> Option<Self> {
        let epoch = spec.epoch_cost(crate::Budget::REFERENCE_BATCH)?;
        Some(Self {
            epochs: budget / epoch,
            examples: spec.train_examples as f64,
            parameters: spec.parameters as f64,
            layers: spec.layers as f64,
            units: spec.units as f64,
            adaptive: spec.adaptive,
            pretrained: spec.pretrained,
            update_cost: match spec.cost {
                CostModel::Modelled(time) => in_examples(time),
                CostModel::Measured => UPDATE_COST,
            },
            targets: spec.targets_per_example as f64,
        })
    }

    /// How many times the units of the largest hidden layer are more than 512, and more than a square layer of all weights would have; 1 if
    /// they are not. A single layer of 4,096 has as many weights as square ones of a few hundred, but its outputs add up 4,096 numbers.
    pub fn excess_units(&self) -> f64 {
        (self.units / self.parameters.sqrt().max(MOST_UNITS)).max(1.0)
    }

    /// The names of [`Context::features`].
    pub const FEATURES: [&str; 11] = [
        "epochs",
        "updates",
        "adaptive",
        "capacity",
        "depth",
        "width",
        "blocks_adaptive",
        "blocks_plain",
        "pretrained",
        "update_cost",
        "targets",
    ];

    /// The numbers that set-points depend on: `log10(epochs / 20)`, `log10(epochs examples / (20 * 4096))` for the updates, which at
    /// the same batch size are as many as passes times examples, -1/2 or 1/2 for the optimiser,
    /// `log10(parameters / (3 examples))`, hidden layers less 2 for up to five layers, `log10(width / 64)` with the side of a
    /// square layer of mean size as the width, and `log10(layers / 5)` for more than five, with an adaptive optimiser or with
    /// another, 1 for weights of an earlier training, `log10(update_cost / 70)`, kept within -1.845 and 1, and `log10(targets)`; each kept
    /// within -3 and 3, far beyond what any fit has seen.
    pub fn features(&self) -> [f64; 11] {
        let log = |ratio: f64| ratio.max(1e-30).log10();
        let blocks = log(self.layers.max(SHALLOW) / SHALLOW);
        let (adaptive, plain) = if self.adaptive {
            (1.0, 0.0)
        } else {
            (0.0, 1.0)
        };
        [
            log(self.epochs / 20.0),
            log(self.epochs * self.examples / (20.0 * 4096.0)),
            adaptive - 0.5,
            log(self.parameters / (3.0 * self.examples.max(1.0))),
            self.layers.min(SHALLOW) - 3.0,
            log((self.parameters / self.layers.max(1.0)).sqrt() / 64.0),
            adaptive * blocks,
            plain * blocks,
            f64::from(self.pretrained),
            log(self.update_cost / UPDATE_COST).clamp(UPDATE_COSTS.0, UPDATE_COSTS.1),
            log(self.targets.max(1.0)),
        ]
        .map(|feature| feature.clamp(-3.0, 3.0))
    }
}

/// A number that depends on the context: linear in [`Context::features`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// The number for 20 epochs of 4,096 examples, three times as many parameters, and two hidden layers of 64 units.
    pub base: f64,
    /// Change for ten times the epochs.
    pub epochs: f64,
    /// Change for ten times the updates. Where noise moves the weights, `n` updates of the size `rho` take them as far as
    /// `rho sqrt(n)`, as in a random walk: the same distance would be -1/2 in a set-point.
    pub updates: f64,
    /// Difference between an adaptive optimiser and another.
    pub adaptive: f64,
    /// Change for ten times the parameters an example.
    pub capacity: f64,
    /// Change for one more layer, up to five.
    pub depth: f64,
    /// Change for ten times the width. Of a layer `n` wide, an update of a few directions that changes the outputs as much
    /// is smaller by the square root of `n` relative to the weights (Yang, Simon and Bernstein 2023, "A spectral condition
    /// for feature learning"), which would be -1/2 in a set-point.
    pub width: f64,
    /// Change for ten times the layers, beyond five, with an adaptive optimiser. So many layers come in blocks whose inputs are
    /// added to their outputs, as in a transformer.
    pub blocks_adaptive: f64,
    /// The same with another optimiser.
    pub blocks_plain: f64,
    /// Change for weights of an earlier training.
    pub pretrained: f64,
    /// Change for an update that costs ten times as many examples. Where so many updates, and so many examples, are least that a loss
    /// needs, the batch that costs least is the square root of the product of their ratio and this cost (McCandlish et al. 2018, "An
    /// empirical model of large-batch training"): log2(10) / 2 = 1.66 in a binary logarithm of the batch size.
    pub update_cost: f64,
    /// Change for ten times the targets an example. The gradient of an example is then the mean of ten that are not quite
    /// independent, and less noisy: between 0 and -log2(10) = -3.32 in a binary logarithm of the batch size. In the set-point at the end it is negative too: windows of
    /// text are learned in so few passes, and by so many layers, that the terms for these, fitted on tables and images, make it larger
    /// than at the start.
    pub targets: f64,
}

impl Terms {
    /// The number in this context.
    pub fn at(&self, context: &Context) -> f64 {
        let of_features = [
            self.epochs,
            self.updates,
            self.adaptive,
            self.capacity,
            self.depth,
            self.width,
            self.blocks_adaptive,
            self.blocks_plain,
            self.pretrained,
            self.update_cost,
            self.targets,
        ];
        std::iter::zip(of_features, context.features())
            .fold(self.base, |sum, (change, feature)| sum + change * feature)
    }
}
