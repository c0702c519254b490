//! The environment of an experiment.

use crate::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_env::{CostModel, TuningConfig};
use trimtab_models::{TaskConfig, TaskDistribution};

/// What the agent acts on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum EnvironmentConfig {
    /// Trainings of burn models.
    Tuning {
        /// The training tasks; each episode draws one.
        #[serde(default)]
        tasks: Vec<TaskConfig>,
        /// More of them, drawn from a distribution.
        #[serde(default)]
        drawn: Option<Box<DrawnTasks>>,
        /// How cost is counted.
        #[serde(default)]
        cost: CostModel,
        /// Knobs, segments, budget, reward, features.
        process: Box<TuningConfig>,
    },
    /// An environment of the registry, by name: those of the suite, and those that a program adds.
    Named {
        /// The name.
        name: String,
        /// Numbers that its constructor reads.
        #[serde(default)]
        parameters: BTreeMap<String, f64>,
    },
}

/// Tasks that are drawn from a distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawnTasks {
    /// How many.
    pub count: usize,
    /// They follow from this, and not from the seed of the experiment: other seeds learn on the same tasks.
    pub seed: u64,
    /// Where from.
    pub distribution: TaskDistribution,
}

impl EnvironmentConfig {
    /// The training tasks: those that are listed, and then those that are drawn.
    ///
    /// # Errors
    /// What is wrong with the distribution, by field.
    pub fn tasks(&self) -> Result<Vec<TaskConfig>> {
        let Self::Tuning { tasks, drawn, .. } = self else {
            return Ok(Vec::new());
        };
        let mut all = tasks.clone();
        if let Some(drawn) = drawn {
            all.extend(drawn.distribution.draw(drawn.seed, drawn.count)?);
        }
        Ok(all)
    }
}
