//! What the environment answered to the policy.

use crate::Result;
use serde::{Deserialize, Serialize};
use trimtab_env::bounds::check_count;
use trimtab_env::{Cost, Status};

/// What the value of the state after the last step counts for: the critic's `value` of it, unless the process ended
/// there.
pub fn bootstrap(status: Status, value: f32) -> f32 {
    match status {
        Status::Running | Status::Truncated(_) => value,
        Status::Terminated(_) => 0.0,
    }
}

/// How much is played for one update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum RolloutConfig {
    /// So many whole episodes. Every return is then complete, which REINFORCE needs.
    Episodes(usize),
    /// A fixed number of steps in each of several environments, whose episodes go on from one rollout to the next
    /// (detail 1 of CleanRL's list). The critic's value stands for what comes after the last step.
    Steps {
        /// Environments side by side.
        environments: usize,
        /// Steps in each of them.
        steps: usize,
    },
}

impl RolloutConfig {
    /// Checks that there is something to play, and not more than can be held.
    ///
    /// # Errors
    /// [`crate::Error::Environment`] naming the number that is 0 or more than there can be.
    pub fn validate(&self) -> Result<()> {
        let numbers = match *self {
            Self::Episodes(episodes) => vec![("rollout.Episodes", episodes, 1_000_000)],
            Self::Steps {
                environments,
                steps,
            } => vec![
                ("rollout.Steps.environments", environments, 65_536),
                ("rollout.Steps.steps", steps, 10_000_000),
            ],
        };
        for (field, number, most) in numbers {
            check_count(field, number, 1..=most)?;
        }
        Ok(())
    }
}

/// Consecutive steps of one episode, as plain arrays. It can be made anywhere and sent to the learner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// Seed of the episode.
    pub seed: u64,
    /// Which environment played it; 0 where whole episodes are played, by whichever environment is free.
    pub environment: usize,
    /// What came before in the same episode.
    pub earlier: Earlier,
    /// Observations before each action, one after the other: `steps * features` numbers.
    pub observations: Vec<f32>,
    /// Which choices were allowed, one after the other: `steps * sum of choices`; empty if all were, at every step.
    pub allowed: Vec<bool>,
    /// The choices: `steps * heads`.
    pub actions: Vec<usize>,
    /// `log pi(a | s)` of the policy that acted.
    pub log_probs: Vec<f32>,
    /// The rewards.
    pub rewards: Vec<f32>,
    /// The observation after the last step.
    pub last_observation: Vec<f32>,
    /// Whether and how the episode ended with the last step.
    pub status: Status,
    /// What the steps cost, in seconds of the environment's cost model.
    pub cost: Cost,
}

/// The part of an episode before a trajectory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Earlier {
    /// Number of its steps.
    pub steps: u64,
    /// Undiscounted sum of its rewards.
    pub total_reward: f64,
}

impl Trajectory {
    /// Number of steps.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// The undiscounted sum of the rewards of the episode up to the last step here.
    pub fn episode_return(&self) -> f64 {
        let own: f64 = self.rewards.iter().map(|r| f64::from(*r)).sum();
        self.earlier.total_reward + own
    }

    /// The number of steps of the episode up to the last step here.
    pub fn episode_length(&self) -> u64 {
        self.earlier.steps + self.len() as u64
    }

    /// What the state after the last step counts for, given the critic's value of it.
    pub fn bootstrap(&self, value: f32) -> f32 {
        bootstrap(self.status, value)
    }
}
