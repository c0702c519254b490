//! Proximal policy optimisation (Schulman et al. 2017), with the details that CleanRL lists (Huang et al. 2022, "The 37
//! implementation details of proximal policy optimization") as named options:
//!
//! ```text
//! L = -min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) + value (R - V)^2 - entropy H
//! ```

use crate::learner::batch::{Core, Samples};
use crate::learner::common::{Common, Metrics, Schedule, share};
use crate::learner::loss::{
    approx_kl, clip_fraction, clipped_surrogate, evaluate_actions, value_loss,
};
use crate::learner::returns::standardise;
use crate::{Error, Result};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use trimtab_env::bounds::check_count;

/// Options of PPO.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PpoConfig {
    /// Options that all learning rules share.
    pub common: Common,
    /// Lambda of the advantage estimate (detail 5).
    pub lambda: f32,
    /// Clip range of the probability ratio (detail 8) at the start.
    pub clip: f32,
    /// Whether it falls linearly to 0 over the training, as the PPO paper has it for Atari.
    pub anneal_clip: bool,
    /// Clip range of the value's change; `None` leaves it, as Engstrom et al. 2020 advise (detail 9).
    pub clip_value: Option<f32>,
    /// Passes over each rollout.
    pub epochs: usize,
    /// Samples of a gradient step (detail 6).
    pub minibatch: usize,
    /// Whether advantages are standardised over each minibatch (detail 7).
    pub normalise_advantages: bool,
    /// The passes stop once `approx_kl` of a pass exceeds this; `None` never stops (detail of Dossa et al. 2021).
    pub target_kl: Option<f32>,
}

impl Default for PpoConfig {
    /// Lambda, clip and epochs of the paper; the minibatch that the calibration of the tuning environment used.
    fn default() -> Self {
        Self {
            common: Common::default(),
            lambda: 0.95,
            clip: 0.2,
            anneal_clip: false,
            clip_value: None,
            epochs: 4,
            minibatch: 256,
            normalise_advantages: true,
            target_kl: None,
        }
    }
}

impl PpoConfig {
    pub(crate) fn validate(&self) -> Result<()> {
        share("lambda", self.lambda)?;
        let positive = |field: &str, value: f32| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(Error::config(field, value, "give a finite number above 0"))
        };
        positive("clip", self.clip)?;
        self.clip_value
            .map_or(Ok(()), |value| positive("clip_value", value))?;
        self.target_kl
            .map_or(Ok(()), |value| positive("target_kl", value))?;
        check_count("epochs", self.epochs, 1..=MOST_EPOCHS)?;
        check_count("minibatch", self.minibatch, 1..=usize::MAX)?;
        Ok(())
    }
}

/// The most passes over one rollout: the paper and the usual implementations make 3 to 10, and a request to stop is seen only after
/// the last.
const MOST_EPOCHS: usize = 1_000;

/// Several passes of minibatch steps over the rollout.
pub(crate) fn update(
    core: &mut Core,
    config: &PpoConfig,
    schedule: &Schedule,
    samples: &Samples,
    rng: &mut impl Rng,
) -> Metrics {
    let mut rows: Vec<usize> = (0..samples.len()).collect();
    let mut sums = BTreeMap::<&str, f64>::new();
    let mut steps = 0.0;
    let mut passes = 0;
    for _ in 0..config.epochs {
        for i in (1..rows.len()).rev() {
            rows.swap(i, rng.random_range(0..=i as u32) as usize);
        }
        let (mut kl, mut minibatches) = (0.0, 0.0);
        for rows in rows.chunks(config.minibatch) {
            let batch = samples.select(rows, core.features, core.choices.len());
            let metrics = step(core, config, schedule, batch);
            minibatches += 1.0;
            for (name, value) in metrics {
                *sums.entry(name).or_default() += value;
                if name == APPROX_KL {
                    kl += value;
                }
            }
            steps += 1.0;
        }
        passes += 1;
        if config
            .target_kl
            .is_some_and(|target| kl / minibatches > f64::from(target))
        {
            break;
        }
    }
    let mut metrics: Metrics = sums
        .into_iter()
        .map(|(name, sum)| (name.to_owned(), sum / f64::max(steps, 1.0)))
        .collect();
    metrics.insert("epochs".to_owned(), f64::from(passes));
    metrics
}

/// The metric that ends the passes.
const APPROX_KL: &str = "approx_kl";

/// One gradient step on one minibatch.
fn step(
    core: &mut Core,
    config: &PpoConfig,
    schedule: &Schedule,
    mut batch: Samples,
) -> [(&'static str, f64); 6] {
    // A range of 0 would have no gradient at all.
    let clip = if config.anneal_clip {
        (config.clip * schedule.left).max(1e-3)
    } else {
        config.clip
    };
    if config.normalise_advantages {
        standardise(&mut batch.advantages);
    }
    let (logits, values) = core.network.forward(&batch.observations);
    let evaluated = evaluate_actions(logits, &batch.allowed, &batch.actions, &core.choices);
    let (new, old) = (&evaluated.log_probs, &batch.log_probs);
    let policy = clipped_surrogate(new, old, &batch.advantages, clip);
    let mut value = value_loss(values, &batch.values, &batch.returns, config.clip_value);
    let entropy = evaluated.mean_entropy();
    let (kl, clipped) = (approx_kl(new, old), clip_fraction(new, old, clip));

    // total = policy + common.value value - schedule.entropy entropy
    let logit_gradient = evaluated.logit_gradient(&policy.gradient, schedule.entropy);
    let weight = config.common.value;
    value.gradient.iter_mut().for_each(|x| *x *= weight);
    let norm = core.descend(
        &batch.observations,
        &logit_gradient,
        &value.gradient,
        schedule.learning_rate,
        config.common.max_gradient_norm,
    );
    [
        ("policy_loss", policy.mean),
        ("value_loss", value.mean),
        ("entropy", entropy),
        ("gradient_norm", f64::from(norm)),
        (APPROX_KL, kl),
        ("clip_fraction", clipped),
    ]
}
