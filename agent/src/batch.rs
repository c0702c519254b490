//! Rollouts as arrays and tensors, and the gradient step on them.

use crate::learner::Common;
use crate::loss;
use crate::network::ActorCritic;
use crate::perceptron::Perceptron;
use crate::policy::OBSERVATION_CLIP;
use crate::returns::{discounted_returns, gae};
use crate::{Error, Result, Trajectory};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};
use trimtab_env::wrappers::{ReturnScale, RunningMoments};

/// What the learning rules work on.
pub(crate) struct Core {
    pub(crate) network: Option<ActorCritic>,
    pub(crate) optimizer: ModuleOptimizer,
    pub(crate) device: Device,
    pub(crate) choices: Vec<usize>,
    pub(crate) features: usize,
    pub(crate) moments: Option<RunningMoments>,
    pub(crate) return_scale: Option<ReturnScale>,
}

/// A rollout as flat arrays, with what the critic says of it.
pub(crate) struct Samples {
    pub(crate) observations: Vec<f32>,
    /// Empty if everything was allowed all along.
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
    /// What is added to the logits, if anything was forbidden.
    pub(crate) mask: Option<Tensor<2>>,
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

impl Samples {
    pub(crate) fn len(&self) -> usize {
        self.log_probs.len()
    }

    /// Whether what the critic says, and what follows from it, are numbers.
    pub(crate) fn are_finite(&self) -> bool {
        let all = self
            .values
            .iter()
            .chain(&self.advantages)
            .chain(&self.returns);
        all.into_iter().all(|x| x.is_finite())
    }
}

impl Core {
    pub(crate) fn network(&self) -> Result<&ActorCritic> {
        self.network.as_ref().ok_or(Error::NotFinite { update: 0 })
    }

    /// Flattens trajectories, asks the critic and estimates advantages and returns.
    pub(crate) fn samples(
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
        let masked = rollout
            .iter()
            .any(|trajectory| !trajectory.allowed.is_empty());
        let logits: usize = self.choices.iter().sum();
        for trajectory in rollout {
            samples
                .observations
                .extend_from_slice(&trajectory.observations);
            samples
                .actions
                .extend(trajectory.actions.iter().map(|choice| *choice as i32));
            samples.log_probs.extend_from_slice(&trajectory.log_probs);
            if masked {
                samples.allowed.extend_from_slice(&trajectory.allowed);
                samples.allowed.resize(samples.len() * logits, true);
            }
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
        let critic = self.network()?.critic.to_perceptron();
        samples.values = self.values(&critic, &samples.observations);
        let last_values = self.values(&critic, &last);
        let mut start = 0;
        for (trajectory, last_value) in rollout.iter().zip(&last_values) {
            let values = &samples.values[start..start + trajectory.len()];
            start += trajectory.len();
            let rewards = self.scaled(trajectory, common.clip_rewards);
            if let Some(reward) = rewards.iter().find(|reward| !reward.is_finite()) {
                let allowed = "an environment gives finite rewards";
                return Err(Error::config("reward", reward, allowed));
            }
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

    /// The rewards, divided by the deviation of the return and clipped if that is wanted.
    fn scaled(&mut self, trajectory: &Trajectory, clip: Option<f32>) -> Vec<f32> {
        match &mut self.return_scale {
            None => trajectory.rewards.clone(),
            Some(scale) => {
                let environment = trajectory.environment;
                if trajectory.earlier.steps == 0 {
                    scale.begin(environment);
                }
                for reward in &trajectory.rewards {
                    scale.update(environment, *reward);
                }
                let clip = clip.unwrap_or(f32::INFINITY);
                let scaled = trajectory.rewards.iter();
                scaled.map(|reward| scale.scaled(*reward, clip)).collect()
            }
        }
    }

    /// Whether all weights are finite, and what the actor says of these observations.
    pub(crate) fn is_finite(&self, observations: &[f32]) -> Result<bool> {
        let network = self.network()?;
        let (actor, critic) = (
            network.actor.to_perceptron(),
            network.critic.to_perceptron(),
        );
        let logits = self.choices.iter().sum();
        if !actor.fits(self.features, logits) || !critic.fits(self.features, 1) {
            return Ok(false);
        }
        let mut scratch = Default::default();
        let mut vectors = observations.chunks_exact(self.features.max(1));
        Ok(vectors.all(|vector| {
            let logits = actor.forward(vector, &mut scratch);
            logits.iter().all(|logit| logit.is_finite())
        }))
    }

    /// The critic's values, without an autodiff graph.
    fn values(&self, critic: &Perceptron, observations: &[f32]) -> Vec<f32> {
        let mut scratch = Default::default();
        observations
            .chunks_exact(self.features.max(1))
            .map(|vector| critic.forward(vector, &mut scratch)[0])
            .collect()
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
        let allowed: Vec<bool> = if samples.allowed.is_empty() {
            Vec::new()
        } else {
            rows.iter()
                .flat_map(|row| &samples.allowed[row * logits..(row + 1) * logits])
                .copied()
                .collect()
        };
        Minibatch {
            observations: Tensor::from_data(TensorData::new(observations, [n, features]), device),
            mask: (!allowed.is_empty()).then(|| loss::mask_bias(&allowed, logits, device)),
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
