//! What is played for a rollout, in parts that can be played anywhere, and how a part is played.

use crate::Result;
use crate::policy::{Policy, Scratch, Selection};
use crate::rollout::trajectory::{Earlier, RolloutConfig, Trajectory};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use trimtab_env::mdp::stream::derived_seed;
use trimtab_env::{Action, Environment, Observation, Status, stream};

/// A part of a rollout: all that is needed to play it but the policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Part {
    /// A whole episode with this seed.
    Episode(u64),
    /// Some steps in one of several environments, whose episodes go on from one rollout to the next.
    Steps {
        /// Which of them.
        environment: usize,
        /// How many.
        steps: usize,
        /// Its episode so far.
        under_way: Box<UnderWay>,
    },
}

/// The result of a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Played {
    /// In the order of time.
    pub trajectories: Vec<Trajectory>,
    /// The episode that goes on in the next rollout.
    pub under_way: Option<UnderWay>,
}

/// The episode under way in one of several environments. Its seed and its actions bring any environment to the same state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Number of the episode in this environment, from 0.
    episode: u64,
    /// Every choice so far.
    actions: Vec<usize>,
    /// The stream that draws the next ones.
    rng: ChaCha8Rng,
}

/// What a [`Plan`] needs to go on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CollectorState {
    begun: u64,
    under_way: Vec<UnderWay>,
}

/// What is to be played for each rollout, wherever it is played. Every random draw of episode `i` comes from streams of the seed
/// and `i`.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    rollout: RolloutConfig,
    seed: u64,
    state: CollectorState,
}

impl Plan {
    /// A plan that goes on from [`Plan::state`]; from the beginning with the default.
    ///
    /// # Errors
    /// [`crate::Error::Environment`] if `rollout` is empty.
    pub fn resume(rollout: RolloutConfig, seed: u64, state: &CollectorState) -> Result<Self> {
        rollout.validate()?;
        let mut state = state.clone();
        if let RolloutConfig::Steps { environments, .. } = rollout {
            let at = state.under_way.len();
            let fresh = (at..environments).map(|index| UnderWay {
                episode: 0,
                actions: Vec::new(),
                rng: stream(episode_seed(seed, index as u64), "actions", 0),
            });
            state.under_way.extend(fresh);
            state.under_way.truncate(environments);
        }
        Ok(Self {
            rollout,
            seed,
            state,
        })
    }

    /// What is needed to go on after a restart.
    pub fn state(&self) -> &CollectorState {
        &self.state
    }

    /// The seed of the run, from which those of its episodes follow.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The parts of the next rollout.
    pub fn parts(&self) -> Vec<Part> {
        match self.rollout {
            RolloutConfig::Episodes(episodes) => {
                let first = self.state.begun;
                let seed = |episode| Part::Episode(episode_seed(self.seed, episode));
                (first..first + episodes as u64).map(seed).collect()
            }
            RolloutConfig::Steps { steps, .. } => {
                let under_way = self.state.under_way.iter().cloned().enumerate();
                let part = |(environment, under_way)| Part::Steps {
                    environment,
                    steps,
                    under_way: Box::new(under_way),
                };
                under_way.map(part).collect()
            }
        }
    }

    /// Takes the results of the parts of a rollout, in their order. Trajectories come in the order of episodes or of environments,
    /// and within an environment in the order of time.
    pub fn take(&mut self, played: Vec<Played>) -> Vec<Trajectory> {
        let mut trajectories = Vec::with_capacity(played.len());
        match self.rollout {
            RolloutConfig::Episodes(_) => self.state.begun += played.len() as u64,
            RolloutConfig::Steps { .. } => self.state.under_way.clear(),
        }
        for part in played {
            trajectories.extend(part.trajectories);
            self.state.under_way.extend(part.under_way);
        }
        trajectories
    }
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

/// Where one of several environments stands.
#[derive(Debug, Default)]
pub struct Standing(Option<At>);

#[derive(Debug)]
struct At {
    environment: usize,
    under_way: UnderWay,
    earlier: Earlier,
    observation: Observation,
}

impl Standing {
    /// Plays a part of a plan with this `seed` for so many `environments` in `environment`, which stands here; if the part goes on
    /// from somewhere else, it is brought there first by the actions that led there.
    ///
    /// # Errors
    /// The environment's, and those of [`Policy::act`].
    pub fn play(
        &mut self,
        environment: &mut dyn Environment,
        policy: &Policy,
        part: &Part,
        plan: (u64, usize),
    ) -> trimtab_env::Result<Played> {
        match part {
            Part::Episode(seed) => {
                self.0 = None;
                Ok(Played {
                    trajectories: vec![play(environment, policy, *seed)?],
                    under_way: None,
                })
            }
            Part::Steps {
                environment: index,
                steps,
                under_way,
            } => {
                let here = self.0.take();
                let here =
                    here.filter(|at| at.environment == *index && at.under_way == **under_way);
                let mut at = match here {
                    Some(at) => at,
                    None => At::reached(environment, *index, under_way, plan)?,
                };
                let trajectories = at.play(environment, policy, *steps, plan)?;
                let under_way = Some(at.under_way.clone());
                self.0 = Some(at);
                Ok(Played {
                    trajectories,
                    under_way,
                })
            }
        }
    }
}

impl At {
    /// An environment that has taken the actions of `under_way`.
    fn reached(
        environment: &mut dyn Environment,
        index: usize,
        under_way: &UnderWay,
        plan: (u64, usize),
    ) -> trimtab_env::Result<Self> {
        let mut at = Self {
            environment: index,
            under_way: under_way.clone(),
            earlier: Earlier::default(),
            observation: Observation::default(),
        };
        at.observation = environment.reset(at.seed(plan))?;
        let heads = environment.spec().heads.len().max(1);
        for choices in under_way.actions.chunks_exact(heads) {
            let step = environment.step(&Action::new(choices.to_vec()))?;
            at.earlier.steps += 1;
            at.earlier.total_reward += f64::from(step.reward);
            at.observation = step.observation;
        }
        Ok(at)
    }

    /// The seed of the episode. Environment `index` of `count` plays the episodes `index`, `index + count`, ... of the run.
    fn seed(&self, (seed, count): (u64, usize)) -> u64 {
        episode_seed(
            seed,
            self.environment as u64 + self.under_way.episode * count as u64,
        )
    }

    /// Takes `steps` steps. An episode that ends is followed by the next one.
    fn play(
        &mut self,
        environment: &mut dyn Environment,
        policy: &Policy,
        steps: usize,
        plan: (u64, usize),
    ) -> trimtab_env::Result<Vec<Trajectory>> {
        let mut trajectories = Vec::new();
        let mut left = steps;
        while left > 0 {
            let observation = std::mem::take(&mut self.observation);
            let seed = self.seed(plan);
            let mut recorder =
                Recorder::new(policy, seed, self.environment, self.earlier, observation);
            while left > 0 && !recorder.trajectory.status.is_over() {
                recorder.step(environment, policy, &mut self.under_way.rng)?;
                left -= 1;
            }
            let (trajectory, observation) = recorder.finish();
            if trajectory.status.is_over() {
                self.under_way.episode += 1;
                self.under_way.actions.clear();
                let seed = self.seed(plan);
                self.under_way.rng = stream(seed, "actions", 0);
                self.earlier = Earlier::default();
                self.observation = environment.reset(seed)?;
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
        if self.trajectory.status.is_over() {
            tracing::info!(
                target: "trimtab::episode",
                // A count, and no event of a trace: an episode may be a few steps of a toy.
                parent: None,
                total_reward = self.trajectory.episode_return(),
                length = self.trajectory.episode_length() as i64,
                "episode ended"
            );
        }
        self.trajectory
            .last_observation
            .clone_from(&self.observation.features);
        (self.trajectory, self.observation)
    }
}
