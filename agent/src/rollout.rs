//! What the environment answered to the policy.

use crate::Result;
use crate::policy::{Policy, Scratch, Selection};
use crate::returns::bootstrap;
use serde::{Deserialize, Serialize};
use trimtab_env::stream::derived_seed;
use trimtab_env::vector::VectorEnvironment;
use trimtab_env::{Environment, Status, stream};

/// One stretch of one episode, as plain arrays. It can be made anywhere and sent to the learner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// Seed of the episode.
    pub seed: u64,
    /// Observations before each action, one after the other: `steps * features` numbers.
    pub observations: Vec<f32>,
    /// Which choices were allowed, one after the other: `steps * sum of choices`.
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

    /// The undiscounted sum of the rewards.
    pub fn total_reward(&self) -> f64 {
        self.rewards.iter().map(|r| f64::from(*r)).sum()
    }

    /// What the state after the last step counts for, given the critic's value of it.
    pub fn bootstrap(&self, value: f32) -> f32 {
        bootstrap(self.status, value)
    }
}

/// Plays one whole episode. Everything in it follows from the policy and `seed`.
///
/// # Errors
/// The environment's.
pub fn play(environment: &mut dyn Environment, policy: &Policy, seed: u64) -> Result<Trajectory> {
    let choices: Vec<usize> = policy.spec().choices();
    let mut rng = stream(seed, "actions", 0);
    let mut scratch = Scratch::default();
    let mut observation = environment.reset(seed)?;
    let mut trajectory = Trajectory {
        seed,
        observations: Vec::new(),
        allowed: Vec::new(),
        actions: Vec::new(),
        log_probs: Vec::new(),
        rewards: Vec::new(),
        last_observation: Vec::new(),
        status: Status::Running,
    };
    while !trajectory.status.is_over() {
        let (action, log_prob) =
            policy.act(&observation, Selection::Sampled, &mut rng, &mut scratch);
        trajectory
            .observations
            .extend_from_slice(&observation.features);
        match &observation.mask {
            Some(mask) => trajectory.allowed.extend(mask.allowed.iter().flatten()),
            None => trajectory
                .allowed
                .extend(choices.iter().flat_map(|n| std::iter::repeat_n(true, *n))),
        }
        let step = environment.step(&action)?;
        trajectory.actions.extend_from_slice(&action.choices);
        trajectory.log_probs.push(log_prob);
        trajectory.rewards.push(step.reward);
        trajectory.status = step.status;
        observation = step.observation;
    }
    trajectory.last_observation = observation.features;
    Ok(trajectory)
}

/// Plays the episodes numbered `first .. first + count` of the run with this `seed`. The result does not depend on the
/// number of threads.
///
/// # Errors
/// [`crate::Error::OtherSpec`] if the policy does not fit, and the environments' errors.
pub fn collect(
    environments: &mut VectorEnvironment,
    policy: &Policy,
    seed: u64,
    first: u64,
    count: usize,
) -> Result<Vec<Trajectory>> {
    policy.check(environments.spec())?;
    let trajectories = environments.share(count, |index, environment| {
        let episode_seed = derived_seed(seed, "episode", first + index as u64);
        play(environment, policy, episode_seed).map_err(|error| match error {
            crate::Error::Environment(error) => error,
            other => trimtab_env::Error::other("episode", other),
        })
    })?;
    Ok(trajectories)
}
