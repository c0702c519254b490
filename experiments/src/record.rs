//! What an experiment writes: one JSON object a line, complete before anything is drawn.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_env::{Outcome, Status, tuning::Segment};

/// One line of `events.jsonl`. No event holds a wall-clock time, so that the file is the same bits for the same seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A training episode of the agent ended.
    Episode(EpisodeRecord),
    /// The agent learned from a rollout.
    Update(UpdateRecord),
    /// A fixed setting was chosen as the reference of a task.
    Reference(ReferenceRecord),
    /// A controller was evaluated on one seed of one task.
    Evaluation(EvaluationRecord),
}

/// One training episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpisodeRecord {
    /// Number of the episode, from 0.
    pub episode: u64,
    /// Number of the update whose rollout it was part of, from 0.
    pub update: u64,
    /// Its seed.
    pub seed: u64,
    /// Undiscounted sum of its rewards.
    #[serde(rename = "return")]
    pub total_reward: f64,
    /// Number of its steps.
    pub length: u64,
    /// How it ended.
    pub status: Status,
}

/// One update of the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateRecord {
    /// Number of the update, from 0.
    pub update: u64,
    /// Environment steps so far.
    pub steps: u64,
    /// Losses and diagnostics by name, such as `policy_loss` and `approx_kl`.
    pub metrics: BTreeMap<String, f64>,
    /// How often each choice was taken in the rollout: `actions[head][choice]`.
    pub actions: Vec<Vec<u64>>,
}

/// The fixed setting that is the reference of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReferenceRecord {
    /// Name of the task.
    pub task: String,
    /// Learning rate.
    pub learning_rate: f64,
    /// Batch size.
    pub batch_size: usize,
    /// Mean best validation loss over the reruns with fresh seeds.
    pub loss: f64,
    /// Cost of finding it: every run of the grid and every rerun.
    pub cost: f64,
}

/// One evaluation run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// Name of the controller: `policy`, `default`, `best_static`, `random`.
    pub controller: String,
    /// Name of the task.
    pub task: String,
    /// Its seed.
    pub seed: u64,
    /// Undiscounted sum of the rewards.
    #[serde(rename = "return")]
    pub total_reward: f64,
    /// Figures of the finished training: `best_validation_loss`, `cost`, `cost_to_target`, `test_accuracy`, ...
    pub outcome: Outcome,
    /// The training segment by segment; empty for environments that are no trainings.
    pub segments: Vec<Segment>,
}

/// Names of the heads and of their choices, and of the features, kept in `spec.json`.
pub type Spec = trimtab_env::EnvironmentSpec;
