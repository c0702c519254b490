//! How a training in one call trains.

use crate::training::optimizer::OptimizerConfig;
use crate::training::pruning::Pruning;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use trimtab_env::mdp::stream::stream;
use trimtab_env::servo::context_servo::Offsets;
use trimtab_env::{
    Budget, ContextServo, Domain, Error, Initial, Knob, Moves, ObservationConfig, RecordedSchedule,
    ResidualPolicy, RewardConfig, Segments, Settings, TuningConfig, UpdateTime,
};

/// How [`train`](super::train()) trains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// Where the start probe begins; `None` for the optimiser's default. A bad one costs an update or a few.
    pub learning_rate: Option<f64>,
    /// The budget: the cost of this many passes over the training examples with batches of 64.
    pub epochs: f64,
    /// Where initial weights and the order of the examples come from.
    pub seed: u64,
    /// Runs, each with the whole budget; the one with the best validation loss is what is returned. Those after the first begin
    /// with other weights, and a little off what the servo wants: [`offsets`].
    pub runs: usize,
    /// At most this many rows of the validation split are evaluated after each segment; `None` takes all.
    pub validation_rows: Option<usize>,
    /// What regulates the training.
    pub servo: ContextServo,
    /// A policy that adds to what the servo wants, before every segment. Files do without.
    #[serde(skip)]
    pub policy: Option<ResidualPolicy>,
    /// The schedule of an earlier run, in place of the servo. On the same task, seed and budget it is that run again, if its
    /// shares are of the budget ([`RecordedSchedule::within`]).
    #[serde(default)]
    pub replay: Option<RecordedSchedule>,
    /// How the network is pruned on the way; by default it is not. The cost of an update falls with the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruning: Option<Pruning>,
    /// How the budget is cut into segments.
    pub segments: Segments,
    /// What an update costs.
    pub cost: UpdateTime,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            optimizer: OptimizerConfig::adam(),
            learning_rate: None,
            epochs: 20.0,
            seed: 0,
            runs: 1,
            validation_rows: None,
            servo: ContextServo::default(),
            policy: None,
            replay: None,
            pruning: None,
            segments: Segments::default(),
            cost: UpdateTime::default(),
        }
    }
}

/// Factors between which the runs after the first differ from what the servo wants, in the order of [`Offsets`]: the size of the
/// updates, the batch size, the weight decay. Wider ones are worse, none at all is a little worse: `several_runs.ron` of the
/// experiments.
const FACTORS: [(f64, f64); 3] = [(0.7, 1.4), (0.7, 1.4), (0.3, 3.0)];

/// What run `run` of a training with this seed adds to what the servo wants: nothing in the first run, else factors near 1,
/// log-uniform.
pub fn offsets(seed: u64, run: usize) -> Offsets {
    if run == 0 {
        return Offsets::default();
    }
    let mut rng = stream(seed, "offsets", run as u64);
    let [update_ratio, batch_size, weight_decay] =
        FACTORS.map(|(low, high)| rng.random_range(low.ln()..high.ln()));
    Offsets {
        update_ratio,
        batch_size,
        weight_decay,
    }
}

pub(super) fn initial_rate(config: &TrainConfig) -> trimtab_env::Result<f64> {
    let lr = config
        .learning_rate
        .unwrap_or(config.optimizer.default_learning_rate());
    if lr.is_finite() && lr > 0.0 {
        return Ok(lr);
    }
    let allowed = "give a finite number above 0";
    Err(Error::config("learning_rate", lr, allowed))
}

/// A process whose settings come from outside; its one knob has one choice, to change nothing.
pub(super) fn process(config: &TrainConfig) -> trimtab_env::Result<TuningConfig> {
    let initial = Initial::Fixed(initial_rate(config)?.into());
    let any = Domain::LogUniform(1e-100, 1e100);
    let nothing = Moves::Relative(vec![1.0]);
    Ok(TuningConfig {
        knobs: vec![Knob::learning_rate(any, initial, nothing)],
        base_controller: None,
        settings: Settings::default(),
        segments: config.segments,
        budget: Budget::Epochs(config.epochs),
        reward: RewardConfig::default(),
        observation: ObservationConfig::default(),
        divergence: Default::default(),
        stop_at_target: false,
        objective: Default::default(),
    })
}
