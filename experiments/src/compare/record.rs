//! What a comparison writes: one JSON object a line.

use super::config::CompareConfig;
use super::ledger::Ledger;
use crate::record::events::tagged;
use crate::record::statistics::median;
use serde::{Deserialize, Serialize};
use trimtab_agent::controller::{Found, Schedule, ServoParameters};
use trimtab_env::{Outcome, Settings};

/// One method on one task with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareRecord {
    /// Name of the method.
    pub method: String,
    /// Name of the task.
    pub task: String,
    /// Number of the seed, from 0. Methods share the seeds.
    pub seed: u64,
    /// What one run may cost.
    pub budget: f64,
    /// What was spent, and with what result.
    pub ledger: Ledger,
    /// Figures of the finished training; of a search, of its best run: `test_loss`, `test_accuracy`, ...
    pub outcome: Outcome,
    /// What a range test saw, of a method with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range_test: Option<Found>,
}

/// The best of a grid on one task, run again with fresh seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    /// The schedule whose peak was tuned.
    pub schedule: Schedule,
    /// Name of the task.
    pub task: String,
    /// Every point of the grid with its best validation loss.
    pub grid: Vec<(Settings, f64)>,
    /// The point with the smallest loss.
    pub best: Settings,
    /// Best validation losses of that point on fresh seeds. The loss that won the grid was lucky and is never quoted.
    pub reruns: Vec<f64>,
    /// Cost of the grid and the reruns.
    pub cost: f64,
}

/// A servo fitted without one data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The data set that was left out: the first task on it.
    pub without: String,
    /// The parameters: the mean of the best trials of the last generation.
    pub parameters: ServoParameters,
    /// The best trial's mean log ratio of the final validation loss to the references of the tasks of the fit. As the best
    /// of many it is optimistic.
    pub loss: f64,
    /// Cost of the fit.
    pub cost: f64,
    /// Runs of the fit.
    pub runs: u64,
}

/// A line of `records.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Line {
    /// A tuned reference.
    Tuned(Tuned),
    /// A fitted servo.
    Fitted(Fitted),
    /// A method's result.
    Result(CompareRecord),
}

tagged!(Line, "record", "tuned" => Tuned, "fitted" => Fitted, "result" => Result);

impl Line {
    /// The tuned reference, if it is one.
    pub fn tuned(&self) -> Option<&Tuned> {
        match self {
            Self::Tuned(tuned) => Some(tuned),
            Self::Result(_) | Self::Fitted(_) => None,
        }
    }

    /// The fitted servo, if it is one.
    pub fn fitted(&self) -> Option<&Fitted> {
        match self {
            Self::Fitted(fitted) => Some(fitted),
            Self::Result(_) | Self::Tuned(_) => None,
        }
    }

    /// The result of a method, if it is one.
    pub fn result(&self) -> Option<&CompareRecord> {
        match self {
            Self::Result(record) => Some(record),
            Self::Fitted(_) | Self::Tuned(_) => None,
        }
    }
}

/// The target of a task by the rule of the config.
pub fn target(config: &CompareConfig, lines: &[Line], task: &str) -> Option<f64> {
    let schedule = config.target.schedule();
    let mut all = lines.iter().filter_map(Line::tuned);
    let tuned = all.find(|tuned| tuned.schedule == schedule && tuned.task == task)?;
    median(&tuned.reruns)
}
