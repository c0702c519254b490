//! The losses of the policy-gradient algorithms, with their gradients in closed form.

use crate::policy::categorical::{MASKED, log_softmax_in_place};

/// A mean over samples, with its gradient with respect to one number of each sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Loss {
    /// The mean.
    pub mean: f64,
    /// Its derivatives, `[batch]`.
    pub gradient: Vec<f32>,
}

impl Loss {
    /// The mean of `each`, which gives value and derivative of a sample.
    fn mean(batch: usize, each: impl Fn(usize) -> (f32, f32)) -> Self {
        let n = batch.max(1) as f32;
        let mut sum = 0.0;
        let gradient = (0..batch).map(|i| {
            let (value, derivative) = each(i);
            sum += f64::from(value);
            derivative / n
        });
        let gradient = gradient.collect();
        Self {
            mean: sum / f64::from(n),
            gradient,
        }
    }
}

/// PPO's clipped surrogate (Schulman et al. 2017, eq. 7), to be minimised, with its gradient with respect to the log-probabilities:
/// `-mean min(ratio A, clip(ratio, 1 - clip, 1 + clip) A)` with `ratio = pi(a|s) / pi_old(a|s)`, whose derivative is `ratio`.
///
/// # Shapes
/// - all: `[batch]`
pub fn clipped_surrogate(
    log_probs: &[f32],
    old_log_probs: &[f32],
    advantages: &[f32],
    clip: f32,
) -> Loss {
    Loss::mean(log_probs.len(), |i| {
        let ratio = (log_probs[i] - old_log_probs[i]).exp();
        let plain = ratio * advantages[i];
        let clipped = ratio.clamp(1.0 - clip, 1.0 + clip) * advantages[i];
        if clipped < plain {
            // Where the clipped term is the smaller one, the ratio is out of range and has no gradient.
            (-clipped, 0.0)
        } else {
            (-plain, -plain)
        }
    })
}

/// The score-function loss of REINFORCE and A2C, to be minimised, with its gradient with respect to the log-probabilities:
/// `-mean log pi(a|s) A` (Williams 1992).
///
/// # Shapes
/// - all: `[batch]`
pub fn policy_gradient(log_probs: &[f32], advantages: &[f32]) -> Loss {
    Loss::mean(log_probs.len(), |i| {
        (-log_probs[i] * advantages[i], -advantages[i])
    })
}

/// The critic's mean squared error, with its gradient with respect to the values. With `clip`, the value may move by at most that much
/// from `old_values` before its error stops counting: `max` of both squares (detail 9 of CleanRL's list).
///
/// # Shapes
/// - all: `[batch]`
pub fn value_loss(values: &[f32], old_values: &[f32], returns: &[f32], clip: Option<f32>) -> Loss {
    Loss::mean(values.len(), |i| {
        let error = values[i] - returns[i];
        let plain = (error * error, 2.0 * error);
        let moved = values[i] - old_values[i];
        let Some(clip) = clip.filter(|clip| moved.abs() > *clip) else {
            return plain;
        };
        let error = old_values[i] + clip.copysign(moved) - returns[i];
        if error * error > plain.0 {
            // The clipped value has no gradient.
            (error * error, 0.0)
        } else {
            plain
        }
    })
}

/// Log-probabilities of the actions taken and entropies of the policy, over all heads.
#[derive(Clone, Debug)]
pub struct Evaluated<'a> {
    /// `log pi(a | s)`, summed over the heads, `[batch]`.
    pub log_probs: Vec<f32>,
    /// Entropy, summed over the heads, `[batch]`.
    pub entropy: Vec<f32>,
    /// Log-probabilities of all choices, `[batch, sum of choices]`.
    all: Vec<f32>,
    actions: &'a [u32],
    choices: &'a [usize],
}

/// Evaluates actions under logits. The heads are independent given the observation, so that log-probabilities and
/// entropies add.
///
/// # Shapes
/// - logits: `[batch, sum of choices]`, one block a head
/// - allowed: as the logits, or empty if everything is allowed
/// - actions: `[batch, heads]`
pub fn evaluate_actions<'a>(
    logits: &[f32],
    allowed: &[bool],
    actions: &'a [u32],
    choices: &'a [usize],
) -> Evaluated<'a> {
    let mut all = logits.to_vec();
    for (logit, allowed) in all.iter_mut().zip(allowed) {
        *logit += if *allowed { 0.0 } else { MASKED };
    }
    let (mut log_probs, mut entropy) = (Vec::new(), Vec::new());
    let width = choices.iter().sum::<usize>().max(1);
    let rows = all.chunks_exact_mut(width);
    for (mut row, actions) in rows.zip(actions.chunks_exact(choices.len().max(1))) {
        let (mut log_prob, mut sum) = (0.0, 0.0);
        for (count, action) in choices.iter().zip(actions) {
            let (head, rest) = row.split_at_mut(*count);
            row = rest;
            log_softmax_in_place(head);
            log_prob += head[*action as usize];
            sum -= head.iter().map(|l| l.exp() * l).sum::<f32>();
        }
        log_probs.push(log_prob);
        entropy.push(sum);
    }
    Evaluated {
        log_probs,
        entropy,
        all,
        actions,
        choices,
    }
}

impl Evaluated<'_> {
    /// The mean entropy.
    pub fn mean_entropy(&self) -> f64 {
        let sum: f64 = self.entropy.iter().map(|x| f64::from(*x)).sum();
        sum / self.entropy.len().max(1) as f64
    }

    /// The gradient with respect to the logits of a loss whose gradient with respect to the log-probabilities is `log_probs`, less
    /// `entropy` times the mean entropy:
    ///
    /// ```text
    /// d log pi(a) / d z_k = [k = a] - p_k        d H / d z_k = -p_k (log p_k + H)
    /// ```
    ///
    /// # Shapes
    /// - log_probs: `[batch]`
    /// - gradient: `[batch, sum of choices]`
    pub fn logit_gradient(&self, log_probs: &[f32], entropy: f32) -> Vec<f32> {
        let mut gradient = self.all.clone();
        let bonus = entropy / log_probs.len().max(1) as f32;
        let width = self.choices.iter().sum::<usize>().max(1);
        let rows = gradient.chunks_exact_mut(width);
        let actions = self.actions.chunks_exact(self.choices.len().max(1));
        for ((mut row, actions), slope) in rows.zip(actions).zip(log_probs) {
            for (count, action) in self.choices.iter().zip(actions) {
                let (head, rest) = row.split_at_mut(*count);
                row = rest;
                let h = -head.iter().map(|l| l.exp() * l).sum::<f32>();
                for l in head.iter_mut() {
                    let p = l.exp();
                    *l = p * (bonus * (*l + h) - slope);
                }
                head[*action as usize] += slope;
            }
        }
        gradient
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
