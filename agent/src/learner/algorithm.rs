//! Which learning rule, with its options.

use crate::Result;
use crate::learner::batch::{Core, Estimator, Samples};
use crate::learner::common::{Common, Metrics, Schedule, share};
use crate::learner::rules::{a2c, ppo, reinforce};
use rand::Rng;
use serde::{Deserialize, Serialize};

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
    /// [`crate::Error::Config`] naming the first one out of range.
    pub fn validate(&self) -> Result<()> {
        self.common().validate()?;
        match self {
            Self::Reinforce(_) => Ok(()),
            Self::A2c(config) => share("lambda", config.lambda),
            Self::Ppo(config) => config.validate(),
        }
    }

    /// How it estimates advantages.
    pub(crate) fn estimator(&self) -> Estimator {
        match self {
            Self::Reinforce(_) => Estimator::MonteCarlo,
            Self::A2c(config) => Estimator::Gae(config.lambda),
            Self::Ppo(config) => Estimator::Gae(config.lambda),
        }
    }

    /// Its gradient steps on one rollout, with random draws from `rng`.
    pub(crate) fn update(
        &self,
        core: &mut Core,
        schedule: &Schedule,
        samples: &Samples,
        rng: &mut impl Rng,
    ) -> Metrics {
        match self {
            Self::Reinforce(config) => reinforce::update(core, config, schedule, samples),
            Self::A2c(config) => a2c::update(core, config, schedule, samples),
            Self::Ppo(config) => ppo::update(core, config, schedule, samples, rng),
        }
    }
}
