//! Everything about a tuning environment but its trainees.

use crate::servo::context_servo::ContextServo;
use crate::{Budget, Knob, Objective, ObservationConfig, RewardConfig, Segments, Settings};
use serde::{Deserialize, Serialize};

/// Everything about a [`TuningEnv`](crate::TuningEnv) but its trainees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuningConfig {
    /// The hyperparameters that the agent moves: one head each.
    pub knobs: Vec<Knob>,
    /// A context servo that decides first; knobs with [`Moves::Residual`](crate::Moves::Residual) add to it. `None` leaves
    /// it to the knobs alone.
    #[serde(default)]
    pub base_controller: Option<ContextServo>,
    /// Fixed values of hyperparameters that no knob moves.
    #[serde(default)]
    pub settings: Settings,
    /// How the budget is cut into segments.
    #[serde(default)]
    pub segments: Segments,
    /// What one training may spend.
    pub budget: Budget,
    /// Weights of the reward.
    #[serde(default)]
    pub reward: RewardConfig,
    /// Choice and clipping of the features.
    #[serde(default)]
    pub observation: ObservationConfig,
    /// What happens when a segment diverges.
    #[serde(default)]
    pub divergence: Divergence,
    /// Whether an episode ends as soon as its target is reached.
    #[serde(default)]
    pub stop_at_target: bool,
    /// What is minimised; by default the validation loss.
    #[serde(default)]
    pub objective: Objective,
}

/// What happens when a segment diverges: the best weights come back, the optimiser starts afresh, the learning rate
/// shrinks, and what the segment cost is spent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Divergence {
    /// Factor on the learning rate, above 0 and at most 1. A base controller has a factor of its own.
    pub learning_rate_factor: f64,
    /// The episode is terminated at this many divergences; `None` goes on until the budget is spent.
    pub limit: Option<usize>,
}

impl Default for Divergence {
    fn default() -> Self {
        Self {
            learning_rate_factor: 0.25,
            limit: None,
        }
    }
}
