//! Rollouts, collected from several environments of this process.

use crate::policy::Policy;
use crate::rollout::plan::{CollectorState, Plan, Standing};
use crate::rollout::trajectory::{RolloutConfig, Trajectory};
use crate::{Error, Result};
use std::sync::{Mutex, PoisonError};
use trimtab_env::vector::VectorEnvironment;

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
    plan: Plan,
    /// Where each environment stands, if episodes go on from rollout to rollout.
    standing: Vec<Mutex<Standing>>,
    steps: bool,
}

impl Collector {
    /// A collector with nothing played yet. Every random draw of episode `i` comes from streams of `seed` and `i`.
    ///
    /// # Errors
    /// [`Error::Config`] if `rollout` is empty, or is of steps in another number of environments.
    pub fn new(environments: VectorEnvironment, rollout: RolloutConfig, seed: u64) -> Result<Self> {
        Self::resume(environments, rollout, seed, &CollectorState::default())
    }

    /// A collector that goes on from [`Collector::state`]: the episodes under way are played again up to where they were.
    ///
    /// # Errors
    /// As [`Collector::new`].
    pub fn resume(
        environments: VectorEnvironment,
        rollout: RolloutConfig,
        seed: u64,
        state: &CollectorState,
    ) -> Result<Self> {
        let plan = Plan::resume(rollout, seed, state)?;
        if let RolloutConfig::Steps {
            environments: wanted,
            ..
        } = rollout
            && wanted != environments.len()
        {
            return Err(Error::config(
                "rollout.Steps.environments",
                wanted,
                format!("give {}, the number of environments", environments.len()),
            ));
        }
        Ok(Self {
            standing: (0..environments.len()).map(|_| Mutex::default()).collect(),
            environments,
            plan,
            steps: matches!(rollout, RolloutConfig::Steps { .. }),
        })
    }

    /// The environments.
    pub fn environments(&self) -> &VectorEnvironment {
        &self.environments
    }

    /// What is needed to go on after a restart.
    pub fn state(&self) -> CollectorState {
        self.plan.state().clone()
    }

    /// Plays one rollout. Trajectories come in the order of episodes or of environments, and within an environment in
    /// the order of time.
    ///
    /// # Errors
    /// [`Error::OtherSpec`] if the policy does not fit, and the errors of the environments and of [`Policy::act`].
    pub fn collect(&mut self, policy: &Policy) -> Result<Vec<Trajectory>> {
        policy.check(self.environments.spec())?;
        let parts = self.plan.parts();
        let plan = (self.plan.seed(), self.environments.len());
        let played = if self.steps {
            let standing = &self.standing;
            self.environments.for_each(|index, environment| {
                // A poisoned lock means that a thread panicked, which ended the collection already.
                let mut at = standing[index]
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                at.play(environment, policy, &parts[index], plan)
            })?
        } else {
            self.environments.share(parts.len(), |index, environment| {
                Standing::default().play(environment, policy, &parts[index], plan)
            })?
        };
        Ok(self.plan.take(played))
    }
}

#[cfg(test)]
mod tests;
