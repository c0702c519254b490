//! REINFORCE with a learned baseline (Williams 1992; Sutton and Barto 2018, section 13.4):
//!
//! ```text
//! maximise  mean log pi(a_t | s_t) (G_t - V(s_t))   and   minimise  (G_t - V(s_t))^2
//! ```

use crate::learner::batch::{Core, Samples};
use crate::learner::common::{Common, Metrics, Schedule};
use crate::learner::loss::{evaluate_actions, policy_gradient, value_loss};
use crate::learner::returns::standardise;
use serde::{Deserialize, Serialize};

/// Options of REINFORCE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReinforceConfig {
    /// Options that all learning rules share.
    pub common: Common,
    /// Whether `G - V` is standardised over the rollout. It is what makes one learning rate serve all scales of reward.
    pub normalise_advantages: bool,
}

impl Default for ReinforceConfig {
    fn default() -> Self {
        Self {
            common: Common {
                learning_rate: 3e-3,
                ..Default::default()
            },
            normalise_advantages: true,
        }
    }
}

/// One gradient step on the whole rollout.
pub(crate) fn update(
    core: &mut Core,
    config: &ReinforceConfig,
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

/// The step that REINFORCE and A2C share; they differ in how the advantages were estimated.
pub(crate) fn single_step(
    core: &mut Core,
    common: &Common,
    normalise: bool,
    schedule: &Schedule,
    samples: &Samples,
) -> Metrics {
    let mut advantages = samples.advantages.clone();
    if normalise {
        standardise(&mut advantages);
    }
    let (logits, values) = core.network.forward(&samples.observations);
    let evaluated = evaluate_actions(logits, &samples.allowed, &samples.actions, &core.choices);
    let policy = policy_gradient(&evaluated.log_probs, &advantages);
    let mut value = value_loss(values, &samples.values, &samples.returns, None);
    let entropy = evaluated.mean_entropy();
    // total = policy + common.value value - schedule.entropy entropy
    let logit_gradient = evaluated.logit_gradient(&policy.gradient, schedule.entropy);
    value.gradient.iter_mut().for_each(|x| *x *= common.value);
    let norm = core.descend(
        &samples.observations,
        &logit_gradient,
        &value.gradient,
        schedule.learning_rate,
        common.max_gradient_norm,
    );
    Metrics::from([
        ("policy_loss".to_owned(), policy.mean),
        ("value_loss".to_owned(), value.mean),
        ("entropy".to_owned(), entropy),
        ("gradient_norm".to_owned(), f64::from(norm)),
    ])
}
