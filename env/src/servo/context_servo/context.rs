//! What is known of a training before it begins, and numbers that depend on it.

use crate::{Cost, TraineeSpec};
use serde::{Deserialize, Serialize};

/// Up to so many layers, one more counts by itself, as in a perceptron; beyond, their ratio to this number counts. The deepest
/// perceptrons that the servo was fitted to had as many.
const SHALLOW: f64 = 5.0;

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
    /// Whether the optimiser normalises its updates for each weight, as Adam does.
    pub adaptive: bool,
    /// Whether the training goes on from weights of an earlier one, as fine-tuning does.
    #[serde(default)]
    pub pretrained: bool,
}

impl Context {
    /// The context of a training with this budget; `None` if its cost is measured, so that nobody knows beforehand how many
    /// passes the budget buys.
    pub fn new(spec: &TraineeSpec, budget: Cost) -> Option<Self> {
        let epoch = spec.epoch_cost(crate::Budget::REFERENCE_BATCH)?;
        Some(Self {
            epochs: budget / epoch,
            examples: spec.train_examples as f64,
            parameters: spec.parameters as f64,
            layers: spec.layers as f64,
            adaptive: spec.adaptive,
            pretrained: spec.pretrained,
        })
    }

    /// The names of [`Context::features`].
    pub const FEATURES: [&str; 9] = [
        "epochs",
        "updates",
        "adaptive",
        "capacity",
        "depth",
        "width",
        "blocks_adaptive",
        "blocks_plain",
        "pretrained",
    ];

    /// The numbers that set-points depend on: `log10(epochs / 20)`, `log10(epochs examples / (20 * 4096))` for the updates, which at
    /// the same batch size are as many as passes times examples, -1/2 or 1/2 for the optimiser,
    /// `log10(parameters / (3 examples))`, hidden layers less 2 for up to five layers, `log10(width / 64)` with the side of a
    /// square layer of mean size as the width, and `log10(layers / 5)` for more than five, with an adaptive optimiser or with
    /// another, and 1 for weights of an earlier training; each kept within -3 and 3, far beyond what any fit has seen.
    pub fn features(&self) -> [f64; 9] {
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
        ];
        std::iter::zip(of_features, context.features())
            .fold(self.base, |sum, (change, feature)| sum + change * feature)
    }
}
