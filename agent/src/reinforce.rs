//! REINFORCE with a learned baseline (Williams 1992; Sutton and Barto 2018, section 13.4):
//!
//! ```text
//! maximise  mean log pi(a_t | s_t) (G_t - V(s_t))   and   minimise  (G_t - V(s_t))^2
//! ```

use crate::Result;
use crate::batch::{Core, Samples, number};
use crate::learner::{Common, Metrics, Schedule};
use crate::loss::{evaluate_actions, policy_gradient, value_loss};
use crate::returns::standardise;
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
) -> Result<Metrics> {
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
) -> Result<Metrics> {
    let mut advantages = samples.advantages.clone();
    if normalise {
        standardise(&mut advantages);
    }
    let rows: Vec<usize> = (0..samples.len()).collect();
    let batch = core.minibatch(samples, &rows, &advantages);
    let network = core.network()?;
    let logits = network.actor.forward(batch.observations.clone());
    let logits = match batch.mask {
        Some(mask) => logits + mask,
        None => logits,
    };
    let values = network
        .critic
        .forward(batch.observations)
        .reshape([rows.len()]);
    let evaluated = evaluate_actions(logits, batch.actions, &core.choices);
    let policy = policy_gradient(evaluated.log_probs, batch.advantages);
    let value = value_loss(values, batch.values, batch.returns, None);
    let entropy = evaluated.entropy.mean();
    let total = policy.clone() + value.clone().mul_scalar(common.value)
        - entropy.clone().mul_scalar(schedule.entropy);
    let norm = core.descend(&total, schedule.learning_rate, common.max_gradient_norm)?;
    Ok(Metrics::from([
        ("policy_loss".to_owned(), number(&policy)),
        ("value_loss".to_owned(), number(&value)),
        ("entropy".to_owned(), number(&entropy)),
        ("gradient_norm".to_owned(), f64::from(norm)),
    ]))
}
