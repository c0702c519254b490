//! An actor and a critic with a learning rule.

use crate::batch::{Core, Estimator};
use crate::checkpoint::{CHECKPOINT_VERSION, Checkpoint};
use crate::network::ActorCritic;
use crate::returns::explained_variance;
use crate::{Error, Policy, PolicyConfig, Result, Trajectory};
use crate::{a2c, ppo, reinforce};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_env::wrappers::{ReturnScale, RunningMoments};
use trimtab_env::{EnvironmentSpec, stream};
use trimtab_program::Adam;

/// A learning rule with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Algorithm {
    /// REINFORCE with a learned baseline.
    Reinforce(reinforce::ReinforceConfig),
    /// Advantage actor-critic.
    A2c(a2c::A2cConfig),
    /// Proximal policy optimisation.
    Ppo(ppo::PpoConfig),
}

/// Options that all learning rules share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Common {
    /// Discount factor, from 0 to 1.
    pub gamma: f32,
    /// Learning rate of Adam at the start.
    pub learning_rate: f64,
    /// Whether it falls linearly to 0 over the training.
    pub anneal_learning_rate: bool,
    /// Weight of the entropy bonus at the start.
    pub entropy: f32,
    /// Whether it falls linearly to 0 over the training.
    pub anneal_entropy: bool,
    /// Weight of the critic's loss.
    pub value: f32,
    /// The gradient's global norm is clipped to this; `None` leaves it.
    pub max_gradient_norm: Option<f32>,
    /// Whether rewards are divided by the running deviation of the discounted return.
    pub scale_rewards: bool,
    /// What the size of a scaled reward is clipped to; `None` leaves it. Rewards that are not scaled are not clipped.
    pub clip_rewards: Option<f32>,
}

impl Default for Common {
    /// The values that the calibration of the tuning environment found good; the clip of the gradient is CleanRL's, that of scaled
    /// rewards Stable-Baselines3's and CleanRL's.
    fn default() -> Self {
        Self {
            gamma: 0.99,
            learning_rate: 1e-3,
            anneal_learning_rate: true,
            entropy: 0.003,
            anneal_entropy: true,
            value: 0.5,
            max_gradient_norm: Some(0.5),
            scale_rewards: false,
            clip_rewards: Some(10.0),
        }
    }
}

impl Common {
    pub(crate) fn validate(&self) -> Result<()> {
        let check = |field: &str, value: f64, good: bool, allowed: &str| {
            if good && value.is_finite() {
                Ok(())
            } else {
                Err(Error::config(field, value, allowed))
            }
        };
        let (gamma, lr) = (f64::from(self.gamma), self.learning_rate);
        check(
            "gamma",
            gamma,
            (0.0..=1.0).contains(&gamma),
            "give a number from 0 to 1",
        )?;
        check(
            "learning_rate",
            lr,
            lr > 0.0,
            "give a finite number above 0",
        )?;
        check(
            "entropy",
            self.entropy.into(),
            self.entropy >= 0.0,
            "give a finite number of at least 0",
        )?;
        check(
            "value",
            self.value.into(),
            self.value >= 0.0,
            "give a finite number of at least 0",
        )?;
        let bounds = [
            ("max_gradient_norm", self.max_gradient_norm),
            ("clip_rewards", self.clip_rewards),
        ];
        for (field, bound) in bounds {
            let bound = bound.map_or(1.0, f64::from);
            let allowed = "give a finite number above 0, or None";
            check(field, bound, bound > 0.0, allowed)?;
        }
        Ok(())
    }
}

/// Diagnostics of one update, by name. The crate's page says what each means.
pub type Metrics = BTreeMap<String, f64>;

/// An actor and a critic, their optimiser and their learning rule.
pub struct Learner {
    spec: EnvironmentSpec,
    algorithm: Algorithm,
    seed: u64,
    updates: u64,
    pub(crate) core: Core,
}

/// Adam with the decays of its paper; epsilon is detail 3 of CleanRL's list.
fn adam() -> Adam {
    Adam::new(0.9, 0.999, 1e-5)
}

impl Learner {
    /// A learner with fresh weights from the stream `policy` of `seed`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that is out of range.
    pub fn new(
        spec: &EnvironmentSpec,
        config: &PolicyConfig,
        algorithm: Algorithm,
        seed: u64,
    ) -> Result<Self> {
        algorithm.validate()?;
        let choices = spec.choices();
        let features = spec.features.len();
        let logits = choices.iter().sum();
        config.validate(features)?;
        let mut rng = stream(seed, "policy", 0);
        let network = ActorCritic::new(
            features,
            &config.hidden,
            config.activation,
            logits,
            &mut rng,
        );
        let mut actor = network.actor();
        if let Some(layer) = actor.layers.last_mut() {
            let mut biases = &mut layer.bias[..];
            for head in &spec.heads {
                let (own, rest) = biases.split_at_mut(head.choices.len());
                biases = rest;
                if let Some(choice) = head.unchanged() {
                    own[choice] += config.no_change_bias;
                }
            }
        }
        let network = ActorCritic::from_perceptrons(&actor, &network.critic());
        let common = algorithm.common();
        let return_scale = common
            .scale_rewards
            .then(|| ReturnScale::new(common.gamma.into()));
        Ok(Self {
            spec: spec.clone(),
            algorithm,
            seed,
            updates: 0,
            core: Core {
                network,
                optimizer: adam(),
                gradient: Vec::new(),
                choices,
                features,
                moments: config
                    .normalise_observations
                    .then(|| RunningMoments::new(features)),
                return_scale,
            },
        })
    }

    /// A learner that goes on from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Config`] if its algorithm is impossible, or its parts do not fit each other.
    pub fn resume(checkpoint: &Checkpoint) -> Result<Self> {
        checkpoint.algorithm.validate()?;
        if !checkpoint.fits() {
            let allowed = "take another copy of the checkpoint";
            return Err(Error::config(
                "checkpoint",
                "parts that do not fit",
                allowed,
            ));
        }
        Ok(Self {
            spec: checkpoint.spec.clone(),
            algorithm: checkpoint.algorithm.clone(),
            seed: checkpoint.seed,
            updates: checkpoint.updates,
            core: Core {
                network: ActorCritic::from_perceptrons(&checkpoint.actor, &checkpoint.critic),
                optimizer: checkpoint.optimizer.clone(),
                gradient: Vec::new(),
                choices: checkpoint.spec.choices(),
                features: checkpoint.spec.features.len(),
                moments: checkpoint.moments.clone(),
                return_scale: checkpoint.return_scale.clone(),
            },
        })
    }

    /// The state to go on from.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            version: CHECKPOINT_VERSION,
            spec: self.spec.clone(),
            algorithm: self.algorithm.clone(),
            seed: self.seed,
            updates: self.updates,
            actor: self.core.network.actor(),
            critic: self.core.network.critic(),
            optimizer: self.core.optimizer.clone(),
            moments: self.core.moments.clone(),
            return_scale: self.core.return_scale.clone(),
        }
    }

    /// Number of updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The policy as it stands, to act with.
    pub fn policy(&self) -> Policy {
        Policy::new(
            self.spec.clone(),
            self.core.moments.clone(),
            self.core.network.actor(),
        )
    }

    /// Learns from a rollout of the present policy. `progress` is the share of the training that is done, from 0 to 1.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if a loss is not finite, a weight afterwards, or what the policy says of an observation of the rollout.
    pub fn update(&mut self, rollout: &[Trajectory], progress: f64) -> Result<Metrics> {
        let common = self.algorithm.common().clone();
        let left = (1.0 - progress).clamp(0.0, 1.0);
        let annealed = |anneal: bool| if anneal { left } else { 1.0 };
        let schedule = Schedule {
            left: left as f32,
            learning_rate: common.learning_rate * annealed(common.anneal_learning_rate),
            entropy: common.entropy * annealed(common.anneal_entropy) as f32,
        };
        let estimator = match &self.algorithm {
            Algorithm::Reinforce(_) => Estimator::MonteCarlo,
            Algorithm::A2c(config) => Estimator::Gae(config.lambda),
            Algorithm::Ppo(config) => Estimator::Gae(config.lambda),
        };
        let samples = self.core.samples(rollout, &common, &estimator)?;
        if !samples.are_finite() {
            // The critic's weights are finite, but what the last update made of them says what is not.
            return Err(Error::NotFinite {
                update: self.updates,
            });
        }
        let mut metrics = match &self.algorithm {
            Algorithm::Reinforce(config) => {
                reinforce::update(&mut self.core, config, &schedule, &samples)
            }
            Algorithm::A2c(config) => a2c::update(&mut self.core, config, &schedule, &samples),
            Algorithm::Ppo(config) => {
                let mut rng = stream(self.seed, "minibatches", self.updates);
                ppo::update(&mut self.core, config, &schedule, &samples, &mut rng)
            }
        };
        metrics.insert("learning_rate".to_owned(), schedule.learning_rate);
        metrics.insert(
            "explained_variance".to_owned(),
            explained_variance(&samples.values, &samples.returns),
        );
        // The policy acted on the old statistics, so they move only now.
        if let Some(moments) = &mut self.core.moments {
            for trajectory in rollout {
                moments.update(&trajectory.observations);
            }
        }
        self.updates += 1;
        // Where a loss is not finite, its gradient says nothing either, though clipping may have hidden that from the weights.
        let lost = metrics.values().any(|metric| !metric.is_finite());
        if lost || !self.core.is_finite(&samples.observations) {
            return Err(Error::NotFinite {
                update: self.updates,
            });
        }
        Ok(metrics)
    }
}

/// The annealed options of one update.
pub(crate) struct Schedule {
    /// The share of the training that is left.
    pub(crate) left: f32,
    pub(crate) learning_rate: f64,
    pub(crate) entropy: f32,
}

impl Algorithm {
    /// The options that all learning rules share.
    pub fn common(&self) -> &Common {
        match self {
            Self::Reinforce(config) => &config.common,
            Self::A2c(config) => &config.common,
            Self::Ppo(config) => &config.common,
        }
    }

    /// A short name for tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reinforce(_) => "reinforce",
            Self::A2c(_) => "a2c",
            Self::Ppo(_) => "ppo",
        }
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first one out of range.
    pub fn validate(&self) -> Result<()> {
        self.common().validate()?;
        match self {
            Self::Reinforce(_) => Ok(()),
            Self::A2c(config) => share("lambda", config.lambda),
            Self::Ppo(config) => config.validate(),
        }
    }
}

/// Checks that an option is a share.
pub(crate) fn share(field: &str, value: f32) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::config(field, value, "give a number from 0 to 1"))
}

#[cfg(test)]
mod tests;
