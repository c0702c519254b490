//! The losses of the policy-gradient algorithms on tensors.

use crate::categorical::MASKED;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};

/// Log-probabilities of the actions taken and entropies of the policy, over all heads.
pub struct Evaluated {
    /// `log pi(a | s)`, summed over the heads, `[batch]`.
    pub log_probs: Tensor<1>,
    /// Entropy, summed over the heads, `[batch]`.
    pub entropy: Tensor<1>,
}

/// Evaluates actions under logits. The heads are independent given the observation, so that log-probabilities and
/// entropies add.
///
/// # Shapes
/// - logits: `[batch, sum of choices]`, one block a head, masked choices at [`MASKED`]
/// - actions: `[batch, heads]`
pub fn evaluate_actions(
    logits: Tensor<2>,
    actions: Tensor<2, Int>,
    choices: &[usize],
) -> Evaluated {
    let [batch, _] = logits.dims();
    let mut start = 0;
    let mut log_probs: Option<Tensor<1>> = None;
    let mut entropy: Option<Tensor<1>> = None;
    let add = |sum: Option<Tensor<1>>, x: Tensor<1>| {
        Some(match sum {
            Some(sum) => sum + x,
            None => x,
        })
    };
    for (head, count) in choices.iter().enumerate() {
        let block = logits.clone().slice([0..batch, start..start + count]);
        let all = activation::log_softmax(block, 1);
        let taken = all
            .clone()
            .gather(1, actions.clone().slice([0..batch, head..head + 1]));
        log_probs = add(log_probs, taken.reshape([batch]));
        let each = (all.clone().exp() * all).sum_dim(1).neg();
        entropy = add(entropy, each.reshape([batch]));
        start += count;
    }
    let none = || Tensor::zeros([batch], &logits.device());
    Evaluated {
        log_probs: log_probs.unwrap_or_else(none),
        entropy: entropy.unwrap_or_else(none),
    }
}

/// What is added to the logits so that masked choices have no probability, `[batch, sum of choices]`.
pub fn mask_bias(allowed: &[bool], choices: usize, device: &Device) -> Tensor<2> {
    let bias: Vec<f32> = allowed
        .iter()
        .map(|a| if *a { 0.0 } else { MASKED })
        .collect();
    let rows = bias.len() / choices.max(1);
    Tensor::from_data(TensorData::new(bias, [rows, choices]), device)
}

/// PPO's clipped surrogate (Schulman et al. 2017, eq. 7), to be minimised:
/// `-mean min(ratio A, clip(ratio, 1 - clip, 1 + clip) A)` with `ratio = pi(a|s) / pi_old(a|s)`.
pub fn clipped_surrogate(
    log_probs: Tensor<1>,
    old_log_probs: Tensor<1>,
    advantages: Tensor<1>,
    clip: f32,
) -> Tensor<1> {
    let ratio = (log_probs - old_log_probs).exp();
    let clipped = ratio.clone().clamp(1.0 - clip, 1.0 + clip) * advantages.clone();
    (ratio * advantages).min_pair(clipped).mean().neg()
}

/// The score-function loss of REINFORCE and A2C, to be minimised: `-mean log pi(a|s) A` (Williams 1992).
pub fn policy_gradient(log_probs: Tensor<1>, advantages: Tensor<1>) -> Tensor<1> {
    (log_probs * advantages).mean().neg()
}

/// The critic's mean squared error. With `clip`, the value may move by at most that much from `old_values` before its
/// error stops counting: `max` of both squares (detail 9 of CleanRL's list).
pub fn value_loss(
    values: Tensor<1>,
    old_values: Tensor<1>,
    returns: Tensor<1>,
    clip: Option<f32>,
) -> Tensor<1> {
    let error = values.clone() - returns.clone();
    let plain = error.clone() * error;
    match clip {
        None => plain.mean(),
        Some(clip) => {
            let moved = old_values.clone() + (values - old_values).clamp(-clip, clip);
            let error = moved - returns;
            plain.max_pair(error.clone() * error).mean()
        }
    }
}

/// An estimate of `KL(pi_old || pi)` from the samples: `mean (ratio - 1 - log ratio)` (Schulman 2020, "Approximating KL
/// divergence", k3).
pub fn approx_kl(log_probs: &[f32], old_log_probs: &[f32]) -> f64 {
    let n = log_probs.len().max(1) as f64;
    let each = |(new, old): (&f32, &f32)| {
        let log_ratio = f64::from(*new) - f64::from(*old);
        log_ratio.exp() - 1.0 - log_ratio
    };
    log_probs.iter().zip(old_log_probs).map(each).sum::<f64>() / n
}

/// The share of samples whose ratio is outside the clip range.
pub fn clip_fraction(log_probs: &[f32], old_log_probs: &[f32], clip: f32) -> f64 {
    let outside = |(new, old): &(&f32, &f32)| ((*new - *old).exp() - 1.0).abs() > clip;
    log_probs.iter().zip(old_log_probs).filter(outside).count() as f64
        / log_probs.len().max(1) as f64
}

#[cfg(test)]
mod tests;
