//! The contract between an agent and what it acts on.

use crate::{Action, EnvironmentSpec, Observation, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Cost in seconds: of the modelled machine, or of the wall clock.
pub type Cost = f64;

/// A Markov decision process with discrete actions.
///
/// The contract, which [`crate::check_environment`] checks:
///
/// - `reset(seed)` begins an episode; the same seed and the same actions give the same bits.
/// - every observation fits [`Environment::spec`] and is finite;
/// - an episode ends within `spec().horizon` steps; after its end, and before the first reset, `step` is an error;
/// - an action that does not fit the specification or the mask is an error and changes nothing.
///
/// ```
/// use trimtab_env::{Action, Environment, suite::Identity};
/// let mut environment = Identity::new(4, 10);
/// let observation = environment.reset(1)?;
/// let shown = observation.features.iter().position(|x| *x == 1.0).unwrap();
/// assert_eq!(environment.step(&Action::from(shown))?.reward, 1.0);
/// # Ok::<(), trimtab_env::Error>(())
/// ```
pub trait Environment: Send {
    /// What observations and actions look like. It never changes.
    fn spec(&self) -> &EnvironmentSpec;

    /// Begins an episode. Everything random in it follows from `seed`.
    ///
    /// # Errors
    /// When the episode cannot be begun, for example because its data cannot be read.
    fn reset(&mut self, seed: u64) -> Result<Observation>;

    /// Takes one action.
    ///
    /// # Errors
    /// On an action outside the specification or the mask, before the first reset, after the end of the episode, and
    /// when the process behind the environment fails. A *bad* outcome, such as a training that diverges, is no error.
    fn step(&mut self, action: &Action) -> Result<Step>;

    /// Figures of the episode so far that are for reports only, such as a test accuracy or the regret to a known
    /// optimum. Nothing here ever reaches the agent.
    ///
    /// # Errors
    /// When a figure cannot be computed.
    fn outcome(&mut self) -> Result<Outcome> {
        Ok(Outcome::new())
    }

    /// What the episode so far has cost, in seconds of the cost model; 0 where nothing is trained.
    fn spent(&self) -> Cost {
        0.0
    }
}

impl<E: Environment + ?Sized> Environment for Box<E> {
    fn spec(&self) -> &EnvironmentSpec {
        (**self).spec()
    }

    fn reset(&mut self, seed: u64) -> Result<Observation> {
        (**self).reset(seed)
    }

    fn step(&mut self, action: &Action) -> Result<Step> {
        (**self).step(action)
    }

    fn outcome(&mut self) -> Result<Outcome> {
        (**self).outcome()
    }

    fn spent(&self) -> Cost {
        (**self).spent()
    }
}

/// Figures of an episode by name, for reports only. A figure that does not exist (a target never reached) is absent.
pub type Outcome = BTreeMap<String, f64>;

/// The answer to an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What is seen now; of the final state if the episode is over.
    pub observation: Observation,
    /// The reward of the action.
    pub reward: f32,
    /// Whether the episode goes on.
    pub status: Status,
}

/// Whether an episode goes on, and if not, in which of the two ways it ended.
///
/// The difference matters for learning (Pardo et al. 2018, "Time limits in reinforcement learning"): the value of a
/// terminal state is zero, whereas a truncated episode would have gone on and its last state keeps its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The episode goes on.
    Running,
    /// The process itself ended: nothing comes after this state.
    Terminated(Termination),
    /// The process was cut off from outside: the last state still has a value.
    Truncated(Truncation),
}

impl Status {
    /// Whether the episode has ended in either way.
    pub fn is_over(self) -> bool {
        match self {
            Self::Running => false,
            Self::Terminated(_) | Self::Truncated(_) => true,
        }
    }
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Termination {
    /// What was asked for is reached: a goal state, a target loss.
    Reached,
    /// The process failed: a pole fell.
    Failed,
    /// A training diverged more often than the configuration allows.
    Diverged,
    /// The budget is spent. It is part of the task and of the observation, so the state is terminal.
    BudgetSpent,
    /// The task has this many steps by definition, and the observation counts them.
    Finished,
}

/// Why a process was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Truncation {
    /// A limit on the number of steps that the observation does not show.
    TimeLimit,
    /// Someone stopped it.
    Interrupted,
}
