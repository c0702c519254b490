//! An actor and a critic with a learning rule.
//!
//! Input: [`Trajectory`]s of the present policy. Output: a better [`Policy`] and the metrics of the update.
//!
//! | to find | look in |
//! |---|---|
//! | the learning rules | [`rules`]; which one, [`Algorithm`] |
//! | options that all of them share, annealing, metrics | [`common`] |
//! | advantages and returns | [`returns`] |
//! | losses as formulas, and their gradients; clipping the gradient's norm | [`loss`]; [`gradients`] |
//! | samples of a rollout as arrays, backward pass and optimiser step | `batch` |
//! | the checkpoint, to resume from | [`checkpoint`] |
//!
//! ```
//! use trimtab_agent::{Algorithm, Collector, Learner, PolicyConfig, RolloutConfig};
//! use trimtab_env::{Environment, suite::Identity, vector::VectorEnvironment};
//! let environments = (0..4).map(|_| Box::new(Identity::new(2, 10)) as Box<dyn Environment>).collect();
//! let environments = VectorEnvironment::new(environments, 2)?;
//! let algorithm = Algorithm::Ppo(Default::default());
//! let mut learner = Learner::new(environments.spec(), &PolicyConfig::default(), algorithm, 1)?;
//! let mut collector = Collector::new(environments, RolloutConfig::Episodes(8), 1)?;
//! for update in 0..3 {
//!     let rollout = collector.collect(&learner.policy())?;
//!     let metrics = learner.update(&rollout, f64::from(update) / 3.0)?;
//!     assert!(metrics["entropy"] > 0.0);
//! }
//! # Ok::<(), trimtab_agent::Error>(())
//! ```

mod algorithm;
mod batch;
pub mod checkpoint;
pub mod common;
pub mod gradients;
pub mod loss;
pub mod returns;
pub mod rules;

pub use algorithm::Algorithm;
pub use common::{Common, Metrics};
pub use rules::{A2cConfig, PpoConfig, ReinforceConfig};

use crate::learner::batch::Core;
use crate::learner::checkpoint::{CHECKPOINT_VERSION, Checkpoint};
use crate::learner::common::Schedule;
use crate::learner::returns::explained_variance;
use crate::policy::network::ActorCritic;
use crate::{Error, Policy, PolicyConfig, Result, Trajectory};
use trimtab_env::wrappers::{ReturnScale, RunningMoments};
use trimtab_env::{EnvironmentSpec, stream};
use trimtab_program::Adam;

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
                if let Some(choice) = head.no_op() {
                    own[choice] += config.no_op_bias;
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
        let _span = tracing::info_span!("update", update = self.updates as i64).entered();
        let common = self.algorithm.common().clone();
        let left = (1.0 - progress).clamp(0.0, 1.0);
        let annealed = |anneal: bool| if anneal { left } else { 1.0 };
        let schedule = Schedule {
            left: left as f32,
            learning_rate: common.learning_rate * annealed(common.anneal_learning_rate),
            entropy: common.entropy * annealed(common.anneal_entropy) as f32,
        };
        let samples = self
            .core
            .samples(rollout, &common, &self.algorithm.estimator())?;
        if !samples.are_finite() {
            // The critic's weights are finite, but since the last update its values are not.
            return Err(Error::NotFinite {
                update: self.updates,
            });
        }
        let mut rng = stream(self.seed, "minibatches", self.updates);
        let mut metrics = self
            .algorithm
            .update(&mut self.core, &schedule, &samples, &mut rng);
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
        tracing::info!(
            target: "trimtab::update",
            learning_rate = schedule.learning_rate,
            explained_variance = metrics.get("explained_variance").copied(),
            "update done"
        );
        Ok(metrics)
    }
}

#[cfg(test)]
mod tests;
