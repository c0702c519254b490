//! Rollouts as arrays, and the gradient step on them.

use crate::learner::common::Common;
use crate::learner::gradients::clip_global_norm;
use crate::learner::returns::{discounted_returns, gae};
use crate::policy::OBSERVATION_CLIP;
use crate::policy::network::ActorCritic;
use crate::{Error, Result, Trajectory};
use trimtab_env::wrappers::{ReturnScale, RunningMoments};
use trimtab_program::Adam;

/// What the learning rules work on.
pub(crate) struct Core {
    pub(crate) network: ActorCritic,
    pub(crate) optimizer: Adam,
    pub(crate) gradient: Vec<f32>,
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
    pub(crate) actions: Vec<u32>,
    pub(crate) log_probs: Vec<f32>,
    pub(crate) values: Vec<f32>,
    pub(crate) advantages: Vec<f32>,
    pub(crate) returns: Vec<f32>,
}

/// How advantages are estimated.
pub(crate) enum Estimator {
    /// The discounted return to the end, less the value.
    MonteCarlo,
    /// Generalised advantage estimation with this lambda.
    Gae(f32),
}

impl Samples {
    /// The samples `rows`, `features` numbers and `heads` choices each.
    pub(crate) fn select(&self, rows: &[usize], features: usize, heads: usize) -> Self {
        fn pick<T: Copy>(all: &[T], rows: &[usize], width: usize) -> Vec<T> {
            let mut picked = Vec::with_capacity(rows.len() * width);
            for row in rows {
                picked.extend_from_slice(&all[row * width..(row + 1) * width]);
            }
            picked
        }
        let logits = self.allowed.len() / self.len().max(1);
        Self {
            observations: pick(&self.observations, rows, features),
            allowed: pick(&self.allowed, rows, logits),
            actions: pick(&self.actions, rows, heads),
            log_probs: pick(&self.log_probs, rows, 1),
            values: pick(&self.values, rows, 1),
            advantages: pick(&self.advantages, rows, 1),
            returns: pick(&self.returns, rows, 1),
        }
    }

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
                .extend(trajectory.actions.iter().map(|choice| *choice as u32));
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
        samples.values = self.network.values(&samples.observations).to_vec();
        let last_values = self.network.values(&last).to_vec();
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

    /// The rewards, divided by the standard deviation of the return and clipped if that is wanted.
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
    pub(crate) fn is_finite(&mut self, observations: &[f32]) -> bool {
        let finite = |numbers: &[f32]| numbers.iter().all(|x| x.is_finite());
        finite(&self.network.weights) && finite(self.network.forward(observations).0)
    }

    /// One step of Adam on the gradient that follows from those with respect to the logits and values of the network's last forward
    /// pass over `observations`. Returns the gradient's norm before clipping.
    pub(crate) fn descend(
        &mut self,
        observations: &[f32],
        logit_gradient: &[f32],
        value_gradient: &[f32],
        learning_rate: f64,
        max_norm: Option<f32>,
    ) -> f32 {
        let Self {
            network,
            optimizer,
            gradient,
            ..
        } = self;
        network.backward(observations, logit_gradient, value_gradient, gradient);
        let norm = clip_global_norm(gradient, max_norm.unwrap_or(f32::INFINITY));
        optimizer.step(learning_rate, &mut network.weights, gradient);
        norm
    }
}
