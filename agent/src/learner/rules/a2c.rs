//! Advantage actor-critic (Mnih et al. 2016, in its synchronous form):
//!
//! ```text
//! maximise  mean log pi(a_t | s_t) A_t + entropy   and   minimise  (R_t - V(s_t))^2
//! ```
//!
//! with `A_t` by generalised advantage estimation and `R_t = A_t + V(s_t)`.

use crate::learner::batch::{Core, Samples};
use crate::learner::common::{Common, Metrics, Schedule};
use crate::learner::rules::reinforce::single_step;
use serde::{Deserialize, Serialize};

/// Options of A2C.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct A2cConfig {
    /// Options that all learning rules share.
    pub common: Common,
    /// Lambda of the advantage estimate; 1 is the n-step return of the paper.
    pub lambda: f32,
    /// Whether advantages are standardised over the rollout.
    pub normalise_advantages: bool,
}

impl Default for A2cConfig {
    fn default() -> Self {
        Self {
            common: Common {
                learning_rate: 3e-3,
                ..Default::default()
            },
            lambda: 0.95,
            normalise_advantages: true,
        }
    }
}

/// One gradient step on the whole rollout.
pub(crate) fn update(
    core: &mut Core,
    config: &A2cConfig,
    schedule: &Schedule,
    samples: &Samples,
) -> Metrics {
    single_step(
        core,
        &config.common,
        config.normalise_advantages,
        schedule,
        samples,
    )
}
