//! Categorical distributions over the choices of one head, from logits: plain arithmetic.

use rand::{Rng, RngExt};

/// What is added to the logit of a masked choice. Its probability is then exactly zero in `f32`.
pub const MASKED: f32 = -1e9;

/// `log softmax` of the logits, computed with the largest one taken out.
pub fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let mut log_probs = logits.to_vec();
    log_softmax_in_place(&mut log_probs);
    log_probs
}

/// [`log_softmax`] in place.
pub fn log_softmax_in_place(logits: &mut [f32]) {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|x| (x - largest).exp()).sum();
    // The largest is taken off first: added to the logarithm it would swallow its digits.
    let log_sum = sum.ln();
    for x in logits {
        *x = (*x - largest) - log_sum;
    }
}

/// Shannon entropy in nats.
pub fn entropy(log_probs: &[f32]) -> f32 {
    -log_probs
        .iter()
        .map(|lp| {
            if *lp > MASKED / 2.0 {
                lp.exp() * lp
            } else {
                0.0
            }
        })
        .sum::<f32>()
}

/// The Kullback-Leibler divergence `KL(p || q)` in nats.
pub fn kl(p_log_probs: &[f32], q_log_probs: &[f32]) -> f32 {
    p_log_probs
        .iter()
        .zip(q_log_probs)
        .map(|(p, q)| {
            if *p > MASKED / 2.0 {
                p.exp() * (p - q)
            } else {
                0.0
            }
        })
        .sum()
}

/// The most probable choice, the first of several.
pub fn mode(log_probs: &[f32]) -> usize {
    (0..log_probs.len()).fold(0, |best, i| {
        if log_probs[i] > log_probs[best] {
            i
        } else {
            best
        }
    })
}

/// Draws a choice by inverting the distribution function. A masked choice is never drawn.
pub fn sample(log_probs: &[f32], rng: &mut impl Rng) -> usize {
    let mut left: f32 = rng.random();
    let mut last = mode(log_probs);
    for (choice, log_prob) in log_probs.iter().enumerate() {
        let probability = log_prob.exp();
        if probability > 0.0 {
            last = choice;
            left -= probability;
            if left < 0.0 {
                return choice;
            }
        }
    }
    // Rounding left a little over.
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use trimtab_env::stream;

    fn numbers(value: &Value) -> Vec<f32> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap() as f32)
            .collect()
    }

    fn close(got: f32, wanted: &Value) {
        let wanted = wanted.as_f64().unwrap() as f32;
        assert!(
            (got - wanted).abs() <= 1e-5 * (1.0 + wanted.abs()),
            "{got} against {wanted}"
        );
    }

    #[test]
    fn distribution_equals_pytorch() {
        for line in include_str!("../../fixtures/categorical.jsonl").lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            let p = log_softmax(&numbers(&case["logits"]));
            let q = log_softmax(&numbers(&case["q_logits"]));
            for (got, wanted) in p.iter().zip(case["log_probs"].as_array().unwrap()) {
                close(*got, wanted);
            }
            close(entropy(&p), &case["entropy"]);
            close(kl(&p, &q), &case["kl_p_q"]);
            assert_eq!(mode(&p) as u64, case["mode"].as_u64().unwrap());
        }
    }

    #[test]
    fn samples_follow_the_probabilities_and_never_the_mask() {
        let log_probs = log_softmax(&[0.0, 1.0, MASKED, 2.0]);
        let mut rng = stream(1, "sample", 0);
        let mut counts = [0u32; 4];
        let draws = 100_000;
        for _ in 0..draws {
            counts[sample(&log_probs, &mut rng)] += 1;
        }
        assert_eq!(counts[2], 0);
        for (count, log_prob) in counts.iter().zip(&log_probs) {
            let p = f64::from(log_prob.exp());
            let deviation = (p * (1.0 - p) / f64::from(draws)).sqrt();
            assert!((f64::from(*count) / f64::from(draws) - p).abs() <= 4.5 * deviation);
        }
        assert!((entropy(&log_probs) - entropy(&log_softmax(&[0.0, 1.0, 2.0]))).abs() < 1e-6);
    }
}
