//! Rollouts, collected from several environments.

use crate::policy::{Policy, Scratch, Selection};
use crate::rollout::trajectory::{Earlier, RolloutConfig, Trajectory};
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::vector::VectorEnvironment;
use trimtab_env::{Action, Environment, Observation, Status, stream};

/// Collects rollouts. What it returns follows from the seed and the policies alone: neither the number of threads nor a
/// restart in between changes it.
///
/// ```
/// use trimtab_agent::{Algorithm, Collector, Learner, PolicyConfig, RolloutConfig};
/// use trimtab_env::{Environment, suite::CartPole, mdp::vector::VectorEnvironment};
/// let environments = (0..4).map(|_| Box::new(CartPole::new()) as Box<dyn Environment>).collect();
/// let environments = VectorEnvironment::new(environments, 1)?;
/// let algorithm = Algorithm::Ppo(Default::default());
/// let mut learner =
///     Learner::new(environments.spec(), &PolicyConfig::default(), algorithm, 1)?;
/// let rollout = RolloutConfig::Steps { environments: 4, steps: 32 };
/// let mut collector = Collector::new(environments, rollout, 1)?;
/// let trajectories = collector.collect(&learner.policy())?;
/// assert_eq!(trajectories.iter().map(|trajectory| trajectory.len()).sum::<usize>(), 4 * 32);
/// learner.update(&trajectories, 0.0)?;
/// # Ok::<(), trimtab_agent::Error>(())
/// ```
pub struct Collector {
    environments: VectorEnvironment,
    rollout: RolloutConfig,
    seed: u64,
    /// Episodes begun, where whole ones are played.
    begun: u64,
    /// The episode under way in each environment, where they go on from rollout to rollout.
    players: Vec<Mutex<Player>>,
}

/// The episode under way in one environment of a [`Collector`]. An environment that was given its seed and its actions
/// is where this one is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Number of the episode in this environment, from 0.
    episode: u64,
    /// Every choice so far.
    actions: Vec<usize>,
    /// The stream that draws the next ones.
    rng: ChaCha8Rng,
}

/// What a [`Collector`] needs to go on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CollectorState {
    begun: u64,
    under_way: Vec<UnderWay>,
}

impl Collector {
    /// A collector with nothing played yet. Every random draw of episode `i` comes from streams of `seed` and `i`.
    ///
    /// # Errors
    /// [`Error::Config`] if `rollout` is empty, or if it is of steps and its environments are not as many as there are.
    pub fn new(environments: VectorEnvironment, rollout: RolloutConfig, seed: u64) -> Result<Self> {
        Self::resume(environments, rollout, seed, &CollectorState::default())
    }

    /// A collector that goes on from [`Collector::state`]: the episodes under way are played again up to where they were.
    ///
    /// # Errors
    /// As [`Collector::new`], and the environments' errors.
    pub fn resume(
        mut environments: VectorEnvironment,
        rollout: RolloutConfig,
        seed: u64,
        state: &CollectorState,
    ) -> Result<Self> {
        rollout.validate()?;
        let mut players = Vec::new();
        if let RolloutConfig::Steps {
            environments: wanted,
            ..
        } = rollout
        {
            if wanted != environments.len() {
                return Err(Error::config(
                    "rollout.Steps.environments",
                    wanted,
                    format!("give {}, the number of environments", environments.len()),
                ));
            }
            let count = environments.len() as u64;
            players = environments.for_each(|index, environment| {
                Player::at(
                    environment,
                    seed,
                    index as u64,
                    count,
                    state.under_way.get(index),
                )
            })?;
        }
        Ok(Self {
            environments,
            rollout,
            seed,
            begun: state.begun,
            players: players.into_iter().map(Mutex::new).collect(),
        })
    }

    /// The environments.
    pub fn environments(&self) -> &VectorEnvironment {
        &self.environments
    }

    /// What is needed to go on after a restart.
    pub fn state(&self) -> CollectorState {
        CollectorState {
            begun: self.begun,
            under_way: self
                .players
                .iter()
                .map(|player| lock(player).under_way.clone())
                .collect(),
        }
    }

    /// Plays one rollout. Trajectories come in the order of episodes or of environments, and within an environment in
    /// the order of time.
    ///
    /// # Errors
    /// [`Error::OtherSpec`] if the policy does not fit, and the errors of the environments and of [`Policy::act`].
    pub fn collect(&mut self, policy: &Policy) -> Result<Vec<Trajectory>> {
        policy.check(self.environments.spec())?;
        match self.rollout {
            RolloutConfig::Episodes(episodes) => {
                let (seed, first) = (self.seed, self.begun);
                let trajectories = self.environments.share(episodes, |index, environment| {
                    play(
                        environment,
                        policy,
                        episode_seed(seed, first + index as u64),
                    )
                })?;
                self.begun += episodes as u64;
                Ok(trajectories)
            }
            RolloutConfig::Steps { steps, .. } => {
                let players = &self.players;
                let trajectories = self.environments.for_each(|index, environment| {
                    lock(&players[index]).play(environment, policy, steps)
                })?;
                Ok(trajectories.into_iter().flatten().collect())
            }
        }
    }
}

fn lock(player: &Mutex<Player>) -> std::sync::MutexGuard<'_, Player> {
    // A poisoned lock means that a thread panicked, which ended the collection already.
    player.lock().unwrap_or_else(PoisonError::into_inner)
}

fn episode_seed(seed: u64, episode: u64) -> u64 {
    derived_seed(seed, "episode", episode)
}

/// Plays one whole episode. Everything in it follows from the policy and `seed`.
///
/// # Errors
/// The environment's, and those of [`Policy::act`].
pub fn play(
    environment: &mut dyn Environment,
    policy: &Policy,
    seed: u64,
) -> trimtab_env::Result<Trajectory> {
    let mut rng = stream(seed, "actions", 0);
    let observation = environment.reset(seed)?;
    let mut recorder = Recorder::new(policy, seed, 0, Earlier::default(), observation);
    while !recorder.trajectory.status.is_over() {
        recorder.step(environment, policy, &mut rng)?;
    }
    Ok(recorder.finish().0)
}

/// One environment whose episodes go on from rollout to rollout.
struct Player {
    seed: u64,
    index: u64,
    count: u64,
    under_way: UnderWay,
    earlier: Earlier,
    observation: Observation,
}

impl Player {
    /// A player that has taken the actions of `under_way`, or none yet. Environment `index` of `count` plays the episodes
    /// `index`, `index + count`, ... of the run.
    fn at(
        environment: &mut dyn Environment,
        seed: u64,
        index: u64,
        count: u64,
        under_way: Option<&UnderWay>,
    ) -> trimtab_env::Result<Self> {
        let episode = under_way.map_or(0, |under_way| under_way.episode);
        let episode_seed = episode_seed(seed, index + episode * count);
        let mut player = Self {
            seed,
            index,
            count,
            under_way: UnderWay {
                episode,
                actions: Vec::new(),
                rng: stream(episode_seed, "actions", 0),
            },
            earlier: Earlier::default(),
            observation: environment.reset(episode_seed)?,
        };
        if let Some(under_way) = under_way {
            let heads = environment.spec().heads.len().max(1);
            for choices in under_way.actions.chunks_exact(heads) {
                let step = environment.step(&Action::new(choices.to_vec()))?;
                player.earlier.steps += 1;
                player.earlier.total_reward += f64::from(step.reward);
                player.observation = step.observation;
            }
            player.under_way = under_way.clone();
        }
        Ok(player)
    }

    fn seed(&self) -> u64 {
        episode_seed(self.seed, self.index + self.under_way.episode * self.count)
    }

    /// Takes `steps` steps. An episode that ends is followed by the next one.
    fn play(
        &mut self,
        environment: &mut dyn Environment,
        policy: &Policy,
        steps: usize,
    ) -> trimtab_env::Result<Vec<Trajectory>> {
        let mut trajectories = Vec::new();
        let mut left = steps;
        while left > 0 {
            let observation = std::mem::take(&mut self.observation);
            let index = self.index as usize;
            let mut recorder = Recorder::new(policy, self.seed(), index, self.earlier, observation);
            while left > 0 && !recorder.trajectory.status.is_over() {
                recorder.step(environment, policy, &mut self.under_way.rng)?;
                left -= 1;
            }
            let (trajectory, observation) = recorder.finish();
            if trajectory.status.is_over() {
                self.under_way.episode += 1;
                self.under_way.actions.clear();
                self.under_way.rng = stream(self.seed(), "actions", 0);
                self.earlier = Earlier::default();
                self.observation = environment.reset(self.seed())?;
            } else {
                self.under_way
                    .actions
                    .extend_from_slice(&trajectory.actions);
                self.earlier = Earlier {
                    steps: trajectory.episode_length(),
                    total_reward: trajectory.episode_return(),
                };
                self.observation = observation;
            }
            trajectories.push(trajectory);
        }
        Ok(trajectories)
    }
}

/// Acts, and writes down what comes of it.
struct Recorder {
    trajectory: Trajectory,
    observation: Observation,
    choices: Vec<usize>,
    scratch: Scratch,
    action: Action,
}

impl Recorder {
    fn new(
        policy: &Policy,
        seed: u64,
        environment: usize,
        earlier: Earlier,
        observation: Observation,
    ) -> Self {
        Self {
            trajectory: Trajectory {
                seed,
                environment,
                earlier,
                observations: Vec::new(),
                allowed: Vec::new(),
                actions: Vec::new(),
                log_probs: Vec::new(),
                rewards: Vec::new(),
                last_observation: Vec::new(),
                status: Status::Running,
                cost: 0.0,
            },
            observation,
            choices: policy.spec().choices(),
            scratch: Scratch::default(),
            action: Action::new(Vec::new()),
        }
    }

    fn step(
        &mut self,
        environment: &mut dyn Environment,
        policy: &Policy,
        rng: &mut ChaCha8Rng,
    ) -> trimtab_env::Result<()> {
        let Self {
            trajectory,
            observation,
            choices,
            scratch,
            action,
        } = self;
        let log_prob = policy.act_into(observation, Selection::Sampled, rng, scratch, action)?;
        trajectory
            .observations
            .extend_from_slice(&observation.features);
        let all: usize = choices.iter().sum();
        match &observation.mask {
            Some(mask) => {
                // Masks may begin in the middle of an episode: the steps before allowed everything.
                trajectory
                    .allowed
                    .resize(trajectory.rewards.len() * all, true);
                trajectory.allowed.extend(mask.allowed.iter().flatten());
            }
            None if trajectory.allowed.is_empty() => {}
            None => trajectory.allowed.extend(std::iter::repeat_n(true, all)),
        }
        // The start of an episode has its price too.
        let first = trajectory.earlier.steps == 0 && trajectory.rewards.is_empty();
        let before = if first { 0.0 } else { environment.spent() };
        let step = environment.step(action)?;
        trajectory.cost += environment.spent() - before;
        trajectory.actions.extend_from_slice(&action.choices);
        trajectory.log_probs.push(log_prob);
        trajectory.rewards.push(step.reward);
        trajectory.status = step.status;
        *observation = step.observation;
        Ok(())
    }

    fn finish(mut self) -> (Trajectory, Observation) {
        self.trajectory
            .last_observation
            .clone_from(&self.observation.features);
        (self.trajectory, self.observation)
    }
}

#[cfg(test)]
mod tests;
