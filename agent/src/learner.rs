//! An actor and a critic with a learning rule.

use crate::network::ActorCritic;
use crate::perceptron::Perceptron;
use crate::policy::{OBSERVATION_CLIP, read_json, write_json};
use crate::returns::{discounted_returns, explained_variance, gae};
use crate::{Error, Policy, PolicyConfig, Result, Trajectory};
use crate::{a2c, loss, ppo, reinforce};
use base64::Engine as _;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Bytes, Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use trimtab_env::wrappers::{ReturnScale, RunningMoments};
use trimtab_env::{EnvironmentSpec, stream};

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
}

impl Default for Common {
    /// The values that the calibration of the tuning environment found good; the gradient clip is CleanRL's.
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
        match self.max_gradient_norm {
            Some(norm) => check(
                "max_gradient_norm",
                norm.into(),
                norm > 0.0,
                "give a finite number above 0, or None",
            ),
            None => Ok(()),
        }
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

/// What the learning rules work on.
pub(crate) struct Core {
    pub(crate) network: Option<ActorCritic>,
    pub(crate) optimizer: ModuleOptimizer,
    pub(crate) device: Device,
    pub(crate) choices: Vec<usize>,
    pub(crate) features: usize,
    moments: Option<RunningMoments>,
    return_scale: Option<ReturnScale>,
}

/// A rollout as flat arrays, with what the critic says of it.
pub(crate) struct Samples {
    pub(crate) observations: Vec<f32>,
    pub(crate) allowed: Vec<bool>,
    pub(crate) actions: Vec<i32>,
    pub(crate) log_probs: Vec<f32>,
    pub(crate) values: Vec<f32>,
    pub(crate) advantages: Vec<f32>,
    pub(crate) returns: Vec<f32>,
}

/// Some samples as tensors.
pub(crate) struct Minibatch {
    pub(crate) observations: Tensor<2>,
    pub(crate) mask: Tensor<2>,
    pub(crate) actions: Tensor<2, Int>,
    pub(crate) log_probs: Tensor<1>,
    pub(crate) values: Tensor<1>,
    pub(crate) advantages: Tensor<1>,
    pub(crate) returns: Tensor<1>,
}

/// How advantages are estimated.
pub(crate) enum Estimator {
    /// The discounted return to the end, less the value.
    MonteCarlo,
    /// Generalised advantage estimation with this lambda.
    Gae(f32),
}

/// Everything that a learner needs to go on after a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    version: u64,
    spec: EnvironmentSpec,
    algorithm: Algorithm,
    seed: u64,
    updates: u64,
    actor: Perceptron,
    critic: Perceptron,
    /// State of Adam: burn's own format, in base64.
    optimizer: String,
    moments: Option<RunningMoments>,
    return_scale: Option<ReturnScale>,
}

const CHECKPOINT_VERSION: u64 = 1;

impl Checkpoint {
    /// Writes the checkpoint as JSON, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_json(path.as_ref(), self)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Version`] or [`Error::Damaged`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let checkpoint: Self = read_json(path, "checkpoint", CHECKPOINT_VERSION)?;
        let outputs = checkpoint.spec.choices().iter().sum();
        let features = checkpoint.spec.features.len();
        if checkpoint.actor.fits(features, outputs) && checkpoint.critic.fits(features, 1) {
            Ok(checkpoint)
        } else {
            Err(Error::Damaged {
                path: path.to_owned(),
                kind: "checkpoint",
                problem: "its weights do not fit its specification".to_owned(),
            })
        }
    }
}

fn adam() -> ModuleOptimizer {
    // Detail 3 of CleanRL's list: Adam with epsilon 1e-5.
    AdamConfig::new().with_epsilon(1e-5).init()
}

impl Learner {
    /// A learner with fresh weights from the stream `policy` of `seed`. `device` is without autodiff.
    ///
    /// # Errors
    /// [`Error::Config`] naming the option that is out of range.
    pub fn new(
        spec: &EnvironmentSpec,
        config: &PolicyConfig,
        algorithm: Algorithm,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        algorithm.validate()?;
        if config.hidden.contains(&0) {
            return Err(Error::config(
                "policy.hidden",
                format!("{:?}", config.hidden),
                "give widths of at least 1",
            ));
        }
        let choices = spec.choices();
        let features = spec.features.len();
        let device = device.clone().autodiff();
        let logits = choices.iter().sum();
        let mut rng = stream(seed, "policy", 0);
        let network = ActorCritic::new(features, &config.hidden, logits, &device, &mut rng);
        let mut actor = network.actor.to_perceptron();
        if let Some(layer) = actor.layers.last_mut() {
            let labels = spec.heads.iter().flat_map(|head| &head.choices);
            for (bias, label) in layer.bias.iter_mut().zip(labels) {
                if label == "x1" {
                    *bias += config.no_change_bias;
                }
            }
        }
        let network = ActorCritic::from_layers(&actor, &network.critic.to_perceptron(), &device);
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
                network: Some(network),
                optimizer: adam(),
                device,
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
    /// [`Error::Config`] if its algorithm is impossible or the optimiser's state cannot be read.
    pub fn resume(checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        checkpoint.algorithm.validate()?;
        let device = device.clone().autodiff();
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(&checkpoint.optimizer)
            .map_err(|error| {
                Error::config(
                    "checkpoint.optimizer",
                    error,
                    "take another copy of the checkpoint",
                )
            })?;
        let optimizer = if bytes.is_empty() {
            adam()
        } else {
            adam()
                .from_bytes(Bytes::from_bytes_vec(bytes))
                .map_err(|error| {
                    Error::config(
                        "checkpoint.optimizer",
                        error,
                        "take another copy of the checkpoint",
                    )
                })?
        };
        Ok(Self {
            spec: checkpoint.spec.clone(),
            algorithm: checkpoint.algorithm.clone(),
            seed: checkpoint.seed,
            updates: checkpoint.updates,
            core: Core {
                network: Some(ActorCritic::from_layers(
                    &checkpoint.actor,
                    &checkpoint.critic,
                    &device,
                )),
                optimizer,
                device,
                choices: checkpoint.spec.choices(),
                features: checkpoint.spec.features.len(),
                moments: checkpoint.moments.clone(),
                return_scale: checkpoint.return_scale.clone(),
            },
        })
    }

    /// The state to go on from.
    ///
    /// # Errors
    /// [`Error::Config`] if the optimiser's state cannot be written.
    pub fn checkpoint(&self) -> Result<Checkpoint> {
        let network = self.core.network()?;
        let optimizer = if self.updates == 0 {
            Vec::new()
        } else {
            let bytes = self.core.optimizer.into_bytes();
            bytes
                .map_err(|error| Error::config("optimizer", error, "its state cannot be written"))?
                .to_vec()
        };
        Ok(Checkpoint {
            version: CHECKPOINT_VERSION,
            spec: self.spec.clone(),
            algorithm: self.algorithm.clone(),
            seed: self.seed,
            updates: self.updates,
            actor: network.actor.to_perceptron(),
            critic: network.critic.to_perceptron(),
            optimizer: base64::engine::general_purpose::STANDARD.encode(optimizer),
            moments: self.core.moments.clone(),
            return_scale: self.core.return_scale.clone(),
        })
    }

    /// Number of updates so far.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The policy as it stands, to act with.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if an earlier update failed.
    pub fn policy(&self) -> Result<Policy> {
        let actor = self.core.network()?.actor.to_perceptron();
        Ok(Policy::new(
            self.spec.clone(),
            self.core.moments.clone(),
            actor,
        ))
    }

    /// Learns from a rollout of the present policy. `progress` is the share of the training that is done, from 0 to 1.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if the weights are not finite afterwards.
    pub fn update(&mut self, rollout: &[Trajectory], progress: f64) -> Result<Metrics> {
        let common = self.algorithm.common().clone();
        let left = (1.0 - progress).clamp(0.0, 1.0);
        let schedule = Schedule {
            learning_rate: common.learning_rate
                * if common.anneal_learning_rate {
                    left
                } else {
                    1.0
                },
            entropy: common.entropy
                * if common.anneal_entropy {
                    left as f32
                } else {
                    1.0
                },
        };
        let estimator = match &self.algorithm {
            Algorithm::Reinforce(_) => Estimator::MonteCarlo,
            Algorithm::A2c(config) => Estimator::Gae(config.lambda),
            Algorithm::Ppo(config) => Estimator::Gae(config.lambda),
        };
        let samples = self.core.samples(rollout, &common, &estimator)?;
        let mut metrics = match &self.algorithm {
            Algorithm::Reinforce(config) => {
                reinforce::update(&mut self.core, config, &schedule, &samples)?
            }
            Algorithm::A2c(config) => a2c::update(&mut self.core, config, &schedule, &samples)?,
            Algorithm::Ppo(config) => {
                let mut rng = stream(self.seed, "minibatches", self.updates);
                ppo::update(&mut self.core, config, &schedule, &samples, &mut rng)?
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
        let policy = self.core.network()?.actor.to_perceptron();
        if !policy.fits(self.core.features, self.core.choices.iter().sum()) {
            return Err(Error::NotFinite {
                update: self.updates,
            });
        }
        Ok(metrics)
    }
}

/// The annealed options of one update.
pub(crate) struct Schedule {
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

impl Samples {
    pub(crate) fn len(&self) -> usize {
        self.log_probs.len()
    }
}

impl Core {
    pub(crate) fn network(&self) -> Result<&ActorCritic> {
        self.network.as_ref().ok_or(Error::NotFinite { update: 0 })
    }

    /// Flattens trajectories, asks the critic and estimates advantages and returns.
    fn samples(
        &mut self,
        rollout: &[Trajectory],
        common: &Common,
        estimator: &Estimator,
    ) -> Result<Samples> {
        let mut samples = Samples {
            observations: Vec::new(),
            allowed: Vec::new(),
            actions: Vec::new(),
            log_probs: Vec::new(),
            values: Vec::new(),
            advantages: Vec::new(),
            returns: Vec::new(),
        };
        let mut last = Vec::new();
        for trajectory in rollout {
            samples
                .observations
                .extend_from_slice(&trajectory.observations);
            samples.allowed.extend_from_slice(&trajectory.allowed);
            samples
                .actions
                .extend(trajectory.actions.iter().map(|choice| *choice as i32));
            samples.log_probs.extend_from_slice(&trajectory.log_probs);
            last.extend_from_slice(&trajectory.last_observation);
        }
        if let Some(moments) = &self.moments {
            for vector in samples
                .observations
                .chunks_exact_mut(self.features)
                .chain(last.chunks_exact_mut(self.features))
            {
                moments.normalise(vector, OBSERVATION_CLIP);
            }
        }
        samples.values = self.values(&samples.observations)?;
        let last_values = self.values(&last)?;
        let mut start = 0;
        for (trajectory, last_value) in rollout.iter().zip(&last_values) {
            let values = &samples.values[start..start + trajectory.len()];
            start += trajectory.len();
            let rewards = self.scaled(trajectory);
            let last_value = trajectory.bootstrap(*last_value);
            match estimator {
                Estimator::MonteCarlo => {
                    let returns = discounted_returns(&rewards, last_value, common.gamma);
                    samples
                        .advantages
                        .extend(returns.iter().zip(values).map(|(g, v)| g - v));
                    samples.returns.extend(returns);
                }
                Estimator::Gae(lambda) => {
                    let advantages = gae(&rewards, values, last_value, common.gamma, *lambda);
                    samples
                        .returns
                        .extend(advantages.iter().zip(values).map(|(a, v)| a + v));
                    samples.advantages.extend(advantages);
                }
            }
        }
        Ok(samples)
    }

    fn scaled(&mut self, trajectory: &Trajectory) -> Vec<f32> {
        match &mut self.return_scale {
            None => trajectory.rewards.clone(),
            Some(scale) => {
                scale.begin();
                trajectory
                    .rewards
                    .iter()
                    .for_each(|reward| scale.update(*reward));
                let divisor = scale.scale();
                trajectory
                    .rewards
                    .iter()
                    .map(|reward| reward / divisor)
                    .collect()
            }
        }
    }

    /// The critic's values, without an autodiff graph.
    fn values(&self, observations: &[f32]) -> Result<Vec<f32>> {
        let critic = self.network()?.critic.to_perceptron();
        let mut scratch = Default::default();
        Ok(observations
            .chunks_exact(self.features.max(1))
            .map(|vector| critic.forward(vector, &mut scratch)[0])
            .collect())
    }

    /// The samples `rows` as tensors.
    pub(crate) fn minibatch(
        &self,
        samples: &Samples,
        rows: &[usize],
        advantages: &[f32],
    ) -> Minibatch {
        let n = rows.len();
        let device = &self.device;
        let floats = |values: &[f32]| -> Tensor<1> {
            let picked: Vec<f32> = rows.iter().map(|row| values[*row]).collect();
            Tensor::from_data(TensorData::new(picked, [n]), device)
        };
        let (features, heads) = (self.features, self.choices.len());
        let logits: usize = self.choices.iter().sum();
        let pick = |row: &usize| {
            samples.observations[row * features..(row + 1) * features]
                .iter()
                .copied()
        };
        let observations: Vec<f32> = rows.iter().flat_map(pick).collect();
        let actions: Vec<i32> = rows
            .iter()
            .flat_map(|row| {
                samples.actions[row * heads..(row + 1) * heads]
                    .iter()
                    .copied()
            })
            .collect();
        let allowed: Vec<bool> = rows
            .iter()
            .flat_map(|row| {
                samples.allowed[row * logits..(row + 1) * logits]
                    .iter()
                    .copied()
            })
            .collect();
        Minibatch {
            observations: Tensor::from_data(TensorData::new(observations, [n, features]), device),
            mask: loss::mask_bias(&allowed, logits, device),
            actions: Tensor::from_data(TensorData::new(actions, [n, heads]), device),
            log_probs: floats(&samples.log_probs),
            values: floats(&samples.values),
            advantages: Tensor::from_data(TensorData::new(advantages.to_vec(), [n]), device),
            returns: floats(&samples.returns),
        }
    }

    /// Minimises a loss by one step of Adam and returns the gradient's norm before clipping.
    pub(crate) fn descend(
        &mut self,
        loss: &Tensor<1>,
        learning_rate: f64,
        max_norm: Option<f32>,
    ) -> Result<f32> {
        let network = self.network.take().ok_or(Error::NotFinite { update: 0 })?;
        let mut gradients = GradientsParams::from_grads(loss.backward(), &network);
        let norm = crate::gradients::clip_global_norm(
            &network,
            &mut gradients,
            max_norm.unwrap_or(f32::INFINITY),
        );
        self.network = Some(self.optimizer.step(learning_rate, network, gradients));
        Ok(norm)
    }
}

/// The mean of a one-number tensor as a metric.
pub(crate) fn number(tensor: &Tensor<1>) -> f64 {
    f64::from(tensor.clone().into_scalar::<f32>())
}

#[cfg(test)]
mod tests;
