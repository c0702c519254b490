//! Something that can be trained a little further and asked how it does.

use crate::error::nearest::did_you_mean;
use crate::tuning::settings::ROLLBACK;
use crate::{Cost, CostModel, Error, Result, Settings};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::collections::BTreeMap;

/// A training that goes on in steps.
///
/// A burn model with its data is a trainee; so is a table of recorded learning curves. Nothing at this boundary is a
/// tensor. Implementations own all of their randomness: the same seed and the same settings give the same bits.
pub trait Trainee: Send + Any {
    /// What is known of it before any training.
    fn spec(&self) -> &TraineeSpec;

    /// Begins anew from fresh weights and reports the validation loss before any update.
    ///
    /// # Errors
    /// When the training cannot be set up.
    fn start(&mut self, seed: u64) -> Result<Report>;

    /// Trains with `settings` until `budget` is spent, the evaluation at the end included, with at least one update.
    /// A change of settings acts on the very next update and keeps the optimiser's state.
    ///
    /// A loss that is not finite ends the segment and is reported in [`Report::diverged`]; it is not an error.
    ///
    /// # Errors
    /// When a setting is absent or impossible, or the training itself cannot go on.
    fn advance(&mut self, settings: &Settings, budget: Cost) -> Result<Report>;

    /// Makes this many updates with `settings`, fewer if a loss is not finite, and evaluates nothing: the report has losses
    /// and gradient statistics of the updates but no validation, and the cost is that of the updates alone. For short
    /// tries from a [`Trainee::snapshot`], such as a range test.
    ///
    /// # Errors
    /// As [`Trainee::advance`].
    fn probe(&mut self, settings: &Settings, updates: u64) -> Result<Report>;

    /// The present state, to come back to with [`Trainee::restore`].
    fn snapshot(&self) -> Snapshot;

    /// Goes back to a snapshot of this trainee.
    ///
    /// # Errors
    /// [`crate::Error::ForeignSnapshot`] if another kind of trainee made it.
    fn restore(&mut self, snapshot: &Snapshot, what: Restore) -> Result<()>;

    /// Evaluates the present weights on the test split. For reports only: the type that it returns goes nowhere near
    /// an observation or a reward.
    ///
    /// # Errors
    /// When the evaluation fails.
    fn test(&mut self) -> Result<TestReport>;

    /// All of the present state, and a snapshot, for a trainee of the same task in another process: after [`Trainee::load`] it makes the same
    /// updates, to the bit. `None` if that cannot be written down, as it is for a trainee that says nothing else; then a training
    /// that is paused goes on in its own process alone.
    fn save(&self, snapshot: &Snapshot) -> Option<Vec<u8>> {
        let _ = snapshot;
        None
    }

    /// Goes on from what [`Trainee::save`] wrote, and returns the snapshot.
    ///
    /// # Errors
    /// [`crate::Error::ForeignSnapshot`] if it is of another kind of trainee, or cannot be read.
    fn load(&mut self, saved: &[u8]) -> Result<Snapshot> {
        let _ = saved;
        Err(Error::ForeignSnapshot {
            trainee: self.spec().name.clone(),
        })
    }
}

/// What is known of a trainee before any training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraineeSpec {
    /// A name for tables and records.
    pub name: String,
    /// Examples in the training split; no batch is larger.
    pub train_examples: usize,
    /// Examples evaluated after each segment.
    pub validation_examples: usize,
    /// Number of weights.
    pub parameters: usize,
    /// Layers of weights: how many of them have two dimensions or more. Hidden layers are one fewer.
    #[serde(default)]
    pub layers: usize,
    /// Units of the largest hidden layer, see [`NetworkSize::hidden_units`](crate::NetworkSize::hidden_units); 0 where that is not known.
    #[serde(default)]
    pub units: usize,
    /// Whether the optimiser normalises its updates for each weight, as Adam does.
    #[serde(default)]
    pub adaptive: bool,
    /// Whether its weights at the start are those of an earlier training.
    #[serde(default)]
    pub pretrained: bool,
    /// Targets an example has: 1 for a row of a table, as many as tokens for a window of text.
    #[serde(default = "one_target")]
    pub targets_per_example: usize,
    /// How its cost is counted.
    pub cost: CostModel,
    /// Names of the metrics that its validations have beside the loss.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Names of the settings that it understands. Others are refused: they would be recorded, drawn and learned, and do nothing.
    #[serde(default)]
    pub settings: Vec<String>,
    /// The lowest value that its loss can take, 0 for most. Ratios of losses are taken of their distances from it, so that a
    /// constant in a loss changes nothing.
    #[serde(default)]
    pub lowest_loss: f64,
    /// What may make its results other than expected, in words.
    #[serde(default)]
    pub warnings: Vec<String>,
}

fn one_target() -> usize {
    1
}

impl TraineeSpec {
    /// Checks that a setting of this name is understood, by the training or, as [`ROLLBACK`] is, by the environment around it.
    ///
    /// # Errors
    /// [`Error::Setting`] with the nearest names.
    pub fn understands(&self, name: &str) -> Result<()> {
        if name == ROLLBACK || self.settings.iter().any(|known| known == name) {
            return Ok(());
        }
        let meant = did_you_mean(name, self.settings.iter().map(String::as_str));
        Err(Error::Setting {
            name: name.to_owned(),
            problem: format!(
                "training `{}` does not understand it{meant}; it understands {}",
                self.name,
                self.settings.join(", "),
            ),
        })
    }

    /// Checks that all settings are understood.
    ///
    /// # Errors
    /// As [`TraineeSpec::understands`], for the first that is not.
    pub fn understands_all(&self, settings: &Settings) -> Result<()> {
        settings
            .iter()
            .try_for_each(|(name, _)| self.understands(name))
    }

    /// Cost of one pass over the training examples at `batch_size`; `None` if cost is measured.
    pub fn epoch_cost(&self, batch_size: usize) -> Option<Cost> {
        match self.cost {
            CostModel::Modelled(time) => {
                let updates = self.train_examples.div_ceil(batch_size.max(1));
                Some(updates as f64 * time.update(batch_size))
            }
            CostModel::Measured => None,
        }
    }
}

/// What a trainee says after a segment. It has no place for anything of the test split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Updates made in the segment.
    pub updates: u64,
    /// Examples seen in the segment, repetitions counted.
    pub examples: u64,
    /// What the segment cost, its evaluation included; [`Trainee::probe`] has none.
    pub cost: Cost,
    /// Whether a loss or weight was not finite, or the loss left every reasonable range.
    pub diverged: bool,
    /// Minibatch losses; `None` before any update.
    pub train: Option<TrainLoss>,
    /// Evaluation at the end; `None` if the segment diverged, and after [`Trainee::probe`].
    pub validation: Option<Validation>,
    /// Gradient statistics; `None` where the trainee has none or no update was made.
    pub gradients: Option<GradientStatistics>,
    /// Share of the hardware's throughput that was used, between 0 and 1.
    pub utilisation: f64,
    /// What is left of the network; `None` where nothing is pruned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Pruned>,
    /// The share of the hidden units that no example of the last batch moves, as those of a ReLU whose input is below 0 for all; `None` where
    /// that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_units: Option<f64>,
}

/// What pruning has left of a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pruned {
    /// The share that is left, of what the training counts: weights, operations or units.
    pub left: f64,
    /// By how much that is more than it is meant to be in the end; 0 where nothing is asked for. A network that is nearer to it
    /// is better than any that is further away, whatever their losses are.
    pub excess: f64,
    /// Weights that are left.
    pub weights: usize,
    /// Units that are left of each layer that has some that can leave.
    pub units: Vec<usize>,
}

impl Report {
    /// By how much the network is larger than it is meant to be in the end.
    pub fn excess(&self) -> f64 {
        self.pruned.as_ref().map_or(0.0, |pruned| pruned.excess)
    }

    /// The same report with losses as their distances from `lowest`.
    pub fn above(mut self, lowest: f64) -> Self {
        if let Some(train) = &mut self.train {
            for loss in [
                &mut train.mean,
                &mut train.first_half,
                &mut train.second_half,
            ] {
                *loss -= lowest;
            }
        }
        if let Some(validation) = &mut self.validation {
            validation.loss -= lowest;
        }
        self
    }
}

/// Minibatch losses over a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainLoss {
    /// Mean.
    pub mean: f64,
    /// Standard deviation (population), 0 for a single update.
    pub deviation: f64,
    /// Mean of the first half of the updates.
    pub first_half: f64,
    /// Mean of the second half of the updates.
    pub second_half: f64,
}

impl TrainLoss {
    /// Summarises the losses of a segment's updates; `None` if there are none.
    pub fn of(losses: &[f64]) -> Option<Self> {
        if losses.is_empty() {
            return None;
        }
        let mean_of = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let mean = mean_of(losses);
        let variance =
            losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / losses.len() as f64;
        let half = losses.len().div_ceil(2);
        Some(Self {
            mean,
            deviation: variance.sqrt(),
            first_half: mean_of(&losses[..half]),
            second_half: mean_of(&losses[losses.len() - half..]),
        })
    }
}

/// An evaluation on the fixed validation subset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean loss, the quantity that is minimised.
    pub loss: f64,
    /// Further figures by name, such as `accuracy`.
    pub metrics: BTreeMap<String, f64>,
}

/// An evaluation on the test split, for reports only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// Mean loss.
    pub loss: f64,
    /// Further figures by name, such as `accuracy`.
    pub metrics: BTreeMap<String, f64>,
}

/// Statistics of the minibatch gradients `g` and updates `dw` over some updates of a segment, all weights taken as one
/// vector `w`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GradientStatistics {
    /// Number of updates `K` that were looked at.
    pub samples: u64,
    /// Batch size of those updates.
    pub batch_size: u64,
    /// Mean of `|g|^2`.
    pub mean_square_norm: f64,
    /// `|mean g|^2`.
    pub square_mean_norm: f64,
    /// Mean of `|dw| / |w|`: the relative size of an update. Weights that begin at zero have no size of their own at first; burn models and
    /// PyTorch's take `|w|` as at least a quarter of that of an ordinary layer of as many, `N^(1/4) / sqrt(3)` for `N` weights.
    pub update_ratio: f64,
    /// Mean cosine between a gradient and the negative of the update before it; `None` with a single sample.
    pub cosine: Option<f64>,
    /// `|w_end - w_start| / sum |dw|` over the segment: 1 on a straight line, near 0 in a random walk.
    pub straightness: f64,
}

impl GradientStatistics {
    /// The gradient signal-to-noise, as the share `r = S / (S + N)` of the signal in the whole: an unbiased estimate of
    /// `|E g|^2 / E |g|^2` from `K` samples: `(K |mean g|^2 / mean |g|^2 - 1) / (K - 1)`, kept within `[1e-6, 1]`. `None` with a
    /// single sample.
    pub fn signal_to_noise(&self) -> Option<f64> {
        if self.samples < 2 || self.mean_square_norm <= 0.0 {
            return None;
        }
        let k = self.samples as f64;
        let ratio = self.square_mean_norm / self.mean_square_norm;
        Some(((k * ratio - 1.0) / (k - 1.0)).clamp(1e-6, 1.0))
    }

    /// The simple noise scale in examples, `b (1/r - 1)`: the batch size at which noise and signal are equal
    /// (McCandlish et al. 2018, "An empirical model of large-batch training", eq. 2.9).
    pub fn noise_scale(&self) -> Option<f64> {
        self.signal_to_noise()
            .map(|signal_to_noise| self.batch_size as f64 * (1.0 / signal_to_noise - 1.0))
    }

    /// Whether every figure is finite.
    pub fn is_finite(&self) -> bool {
        [
            self.mean_square_norm,
            self.square_mean_norm,
            self.update_ratio,
            self.cosine.unwrap_or(0.0),
            self.straightness,
        ]
        .iter()
        .all(|figure| figure.is_finite())
    }

    /// The gradient variance summed over the weights, unbiased: `K / (K - 1) (mean |g|^2 - |mean g|^2)`.
    pub fn variance(&self) -> Option<f64> {
        if self.samples < 2 {
            return None;
        }
        let k = self.samples as f64;
        Some((self.mean_square_norm - self.square_mean_norm).max(0.0) * k / (k - 1.0))
    }
}

/// What [`Trainee::restore`] brings back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// Weights, optimiser state, position in the data: training goes on as if nothing had happened since.
    Everything,
    /// All but the position in the data: what was drawn since stays drawn.
    AllButData,
    /// The weights alone; the optimiser starts afresh, as after a divergence.
    Weights,
}

/// The state of a trainee at one moment, opaque to all but the trainee that made it.
pub struct Snapshot(Box<dyn Any + Send>);

impl Snapshot {
    /// Wraps a state.
    pub fn new<T: Any + Send>(state: T) -> Self {
        Self(Box::new(state))
    }

    /// The state inside, if it is a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Snapshot(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> TraineeSpec {
        TraineeSpec {
            name: "digits".to_owned(),
            train_examples: 100,
            validation_examples: 10,
            parameters: 10,
            layers: 1,
            units: 0,
            adaptive: true,
            pretrained: false,
            targets_per_example: 1,
            cost: CostModel::default(),
            metrics: Vec::new(),
            settings: ["learning_rate", "independent_weight_decay", "dropout"]
                .map(str::to_owned)
                .to_vec(),
            lowest_loss: 0.0,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_setting_that_nothing_understands_is_refused_with_the_nearest() {
        for (name, nearest) in [
            ("weight_decai", "`independent_weight_decay`"),
            ("drop_out", "`dropout`"),
            ("learning_rat", "`learning_rate`"),
        ] {
            let message = spec().understands(name).unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
            assert!(
                message.contains(&format!("did you mean {nearest}?")),
                "{message}"
            );
        }
        let message = spec().understands("momentum").unwrap_err().to_string();
        assert!(
            !message.contains("did you mean") && message.contains("dropout"),
            "{message}"
        );
        spec().understands(ROLLBACK).unwrap();
        spec()
            .understands_all(&Settings::default().with("dropout", 0.1))
            .unwrap();
    }

    #[test]
    fn losses_are_summarised_by_halves() {
        let loss = TrainLoss::of(&[4.0, 2.0, 0.0]).unwrap();
        assert_eq!(
            (loss.mean, loss.first_half, loss.second_half),
            (2.0, 3.0, 1.0)
        );
        assert!((loss.deviation - (8.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(TrainLoss::of(&[]), None);
    }

    #[test]
    fn equal_gradients_agree_fully_and_opposite_ones_not_at_all() {
        let equal = GradientStatistics {
            samples: 4,
            batch_size: 32,
            mean_square_norm: 9.0,
            square_mean_norm: 9.0,
            ..Default::default()
        };
        assert_eq!(equal.signal_to_noise(), Some(1.0));
        assert_eq!(equal.noise_scale(), Some(0.0));
        assert_eq!(equal.variance(), Some(0.0));
        let opposite = GradientStatistics {
            square_mean_norm: 0.0,
            ..equal
        };
        assert_eq!(opposite.signal_to_noise(), Some(1e-6));
        assert_eq!(opposite.variance(), Some(12.0));
        assert_eq!(
            GradientStatistics {
                samples: 1,
                ..equal
            }
            .signal_to_noise(),
            None
        );
    }
}
