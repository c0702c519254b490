//! Losses and their gradients against PyTorch, and against burn's autodiff.

use super::*;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use proptest::prelude::*;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap() as f32],
    }
}

fn choices(value: &Value) -> Vec<u32> {
    numbers(value).into_iter().map(|x| x as u32).collect()
}

fn close(what: &str, got: &[f32], wanted: &Value) {
    let wanted = numbers(wanted);
    assert_eq!(got.len(), wanted.len(), "{what}");
    for (g, w) in got.iter().zip(&wanted) {
        assert!(
            (g - w).abs() <= 1e-5 * (1.0 + w.abs()),
            "{what}: {g} against {w}"
        );
    }
}

#[test]
fn ppo_equals_pytorch_with_its_gradients() {
    for line in include_str!("../../../fixtures/ppo.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let n = case["n_actions"].as_u64().unwrap() as usize;
        let number = |name: &str| case[name].as_f64().unwrap() as f32;
        let values = numbers(&case["values"]);
        let mut advantages = numbers(&case["advantages"]);
        if case["normalize_advantage"] == true {
            crate::learner::returns::standardise(&mut advantages);
        }
        close("advantages", &advantages, &case["advantages_used"]);
        let (actions, heads) = (choices(&case["actions"]), [n]);
        let evaluated = evaluate_actions(&numbers(&case["logits"]), &[], &actions, &heads);
        let old = numbers(&case["old_log_probs"]);
        let log_probs = &evaluated.log_probs;
        close("log_probs", log_probs, &case["log_probs"]);
        let kl = approx_kl(log_probs, &old) as f32;
        close("approx_kl", &[kl], &case["approx_kl"]);
        let clip = number("clip_range");
        let clipped = clip_fraction(log_probs, &old, clip) as f32;
        close("clip_fraction", &[clipped], &case["clip_fraction"]);
        let policy = clipped_surrogate(log_probs, &old, &advantages, clip);
        close("policy_loss", &[policy.mean as f32], &case["policy_loss"]);
        let entropy = evaluated.mean_entropy() as f32;
        close("entropy", &[entropy], &case["entropy_mean"]);
        let old_values = numbers(&case["old_values"]);
        let returns = numbers(&case["returns"]);
        // The fixture's clipped variant without the maximum is not ours; ours is checked against its other figure.
        match case["clip_range_vf"].as_f64() {
            None => {
                let mut value = value_loss(&values, &old_values, &returns, None);
                close("value_loss", &[value.mean as f32], &case["value_loss"]);
                let weight = number("vf_coef");
                let total =
                    policy.mean as f32 - entropy * number("ent_coef") + value.mean as f32 * weight;
                close("total", &[total], &case["total_loss"]);
                let logits = evaluated.logit_gradient(&policy.gradient, number("ent_coef"));
                close("d logits", &logits, &case["d_total_d_logits"]);
                value.gradient.iter_mut().for_each(|x| *x *= weight);
                close("d values", &value.gradient, &case["d_total_d_values"]);
            }
            Some(clip) => {
                let value = value_loss(&values, &old_values, &returns, Some(clip as f32));
                let half = 0.5 * value.mean as f32;
                close("value_loss", &[half], &case["value_loss_max_half_variant"]);
                let logits = evaluated.logit_gradient(&policy.gradient, 0.0);
                close("d logits", &logits, &case["d_policy_loss_d_logits"]);
            }
        }
    }
}

#[test]
fn several_heads_equal_stable_baselines() {
    for line in include_str!("../../../fixtures/multidiscrete.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let heads: Vec<usize> = numbers(&case["head_sizes"])
            .iter()
            .map(|x| *x as usize)
            .collect();
        let actions = choices(&case["actions"]);
        let evaluated = evaluate_actions(&numbers(&case["logits"]), &[], &actions, &heads);
        close("log_prob", &evaluated.log_probs, &case["log_prob"]);
        close("entropy", &evaluated.entropy, &case["entropy"]);
    }
}

#[test]
fn reinforce_equals_pytorch_with_its_gradient() {
    for line in include_str!("../../../fixtures/reinforce.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let returns = numbers(&case["returns"]);
        let baseline = case["baseline"].as_f64().unwrap() as f32;
        let logits = numbers(&case["logits"]);
        let (actions, heads) = (choices(&case["actions"]), [logits.len() / returns.len()]);
        let evaluated = evaluate_actions(&logits, &[], &actions, &heads);
        let plain = policy_gradient(&evaluated.log_probs, &returns);
        close("mean", &[plain.mean as f32], &case["loss_mean_no_baseline"]);
        let advantages: Vec<f32> = returns.iter().map(|g| g - baseline).collect();
        let mut loss = policy_gradient(&evaluated.log_probs, &advantages);
        close("baseline", &[loss.mean as f32], &case["loss_mean_baseline"]);
        // The fixture's gradient is that of the sum.
        let n = returns.len() as f32;
        loss.gradient.iter_mut().for_each(|x| *x *= n);
        let gradient = evaluated.logit_gradient(&loss.gradient, 0.0);
        close("d logits", &gradient, &case["d_loss_sum_baseline_d_logits"]);
    }
}

#[test]
fn masked_choices_have_no_probability_and_no_entropy() {
    let allowed = [true, false, true];
    let evaluated = evaluate_actions(&[1.0, 2.0, 3.0], &allowed, &[0], &[3]);
    let two = crate::policy::categorical::log_softmax(&[1.0, 3.0]);
    assert!((evaluated.log_probs[0] - two[0]).abs() < 1e-6);
    assert!((evaluated.entropy[0] - crate::policy::categorical::entropy(&two)).abs() < 1e-6);
    let gradient = evaluated.logit_gradient(&[1.0], -1.0);
    assert!(
        gradient.iter().all(|g| g.is_finite()) && gradient[1] == 0.0,
        "{gradient:?}"
    );
}

/// One sample: logits of heads of 2 and 3 choices, actions, log-probability before, advantage, value, value before, return.
type Sample = ([f32; 5], [u32; 2], f32, f32, f32, f32, f32);

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let number = || -2f32..2.0;
    let sample = (
        proptest::array::uniform5(-3f32..3.0),
        (0u32..2, 0u32..3).prop_map(|(a, b)| [a, b]),
        -4f32..-0.5,
        number(),
        number(),
        number(),
        number(),
    );
    proptest::collection::vec(sample, 1..20)
}

fn column(samples: &[Sample], of: impl Fn(&Sample) -> f32) -> Vec<f32> {
    samples.iter().map(of).collect()
}

proptest! {
    /// The gradients in closed form are those that burn's autodiff finds of the losses as they are written in the papers.
    #[test]
    fn gradients_are_those_of_autodiff(
        samples in samples(),
        clip in 0.05f32..0.5,
        clip_value in proptest::option::of(0.05f32..1.0),
        weights in (0f32..1.0, 0f32..1.0),
        surrogate: bool,
    ) {
        let (value_weight, entropy_weight) = weights;
        let n = samples.len();
        let device = Device::flex().autodiff();
        let vector = |of: fn(&Sample) -> f32| -> Tensor<1> {
            Tensor::from_data(TensorData::new(column(&samples, of), [n]), &device)
        };
        let flat: Vec<f32> = samples.iter().flat_map(|s| s.0).collect();
        let actions: Vec<u32> = samples.iter().flat_map(|s| s.1).collect();
        let logits = Tensor::<2>::from_data(TensorData::new(flat.clone(), [n, 5]), &device);
        let (logits, values) = (logits.require_grad(), vector(|s| s.4).require_grad());
        let head = |columns: std::ops::Range<usize>, which: usize| {
            let taken: Vec<i32> = samples.iter().map(|s| s.1[which] as i32).collect();
            let taken = Tensor::<2, Int>::from_data(TensorData::new(taken, [n, 1]), &device);
            let all = activation::log_softmax(logits.clone().slice([0..n, columns]), 1);
            let log_probs: Tensor<1> = all.clone().gather(1, taken).reshape([n]);
            let entropy: Tensor<1> = (all.clone().exp() * all).sum_dim(1).neg().reshape([n]);
            (log_probs, entropy)
        };
        let ((first, first_entropy), (second, second_entropy)) = (head(0..2, 0), head(2..5, 1));
        let (log_probs, entropy) = (first + second, first_entropy + second_entropy);
        let advantages = vector(|s| s.3);
        let policy = if surrogate {
            let ratio = (log_probs - vector(|s| s.2)).exp();
            let clipped = ratio.clone().clamp(1.0 - clip, 1.0 + clip) * advantages.clone();
            (ratio * advantages).min_pair(clipped).mean().neg()
        } else {
            (log_probs * advantages).mean().neg()
        };
        let (old_values, returns) = (vector(|s| s.5), vector(|s| s.6));
        let squares = |x: Tensor<1>| x.clone() * x;
        let plain = squares(values.clone() - returns.clone());
        let value = match clip_value {
            None => plain.mean(),
            Some(clip) => {
                let moved = (values.clone() - old_values.clone()).clamp(-clip, clip);
                plain.max_pair(squares(old_values + moved - returns)).mean()
            }
        };
        let total = policy + value.mul_scalar(value_weight) - entropy.mean().mul_scalar(entropy_weight);
        let gradients = total.clone().backward();
        let list = |data: TensorData| data.iter::<f32>().collect::<Vec<f32>>();
        let wanted = list(logits.grad(&gradients).unwrap().into_data());
        let wanted_values = list(values.grad(&gradients).unwrap().into_data());

        let evaluated = evaluate_actions(&flat, &[], &actions, &[2, 3]);
        let (new, old) = (&evaluated.log_probs, column(&samples, |s| s.2));
        let advantages = column(&samples, |s| s.3);
        let policy = if surrogate {
            clipped_surrogate(new, &old, &advantages, clip)
        } else {
            policy_gradient(new, &advantages)
        };
        let value = value_loss(
            &column(&samples, |s| s.4),
            &column(&samples, |s| s.5),
            &column(&samples, |s| s.6),
            clip_value,
        );
        let got = policy.mean + f64::from(value_weight) * value.mean
            - f64::from(entropy_weight) * evaluated.mean_entropy();
        let total = f64::from(total.into_scalar::<f32>());
        prop_assert!((got - total).abs() < 1e-5 * (1.0 + total.abs()), "{got} {total}");
        let logits = evaluated.logit_gradient(&policy.gradient, entropy_weight);
        for (got, wanted) in logits.iter().zip(&wanted) {
            prop_assert!((got - wanted).abs() < 1e-5 * (1.0 + wanted.abs()), "{got} {wanted}");
        }
        for (got, wanted) in value.gradient.iter().zip(&wanted_values) {
            let got = got * value_weight;
            prop_assert!((got - wanted).abs() < 1e-5 * (1.0 + wanted.abs()), "{got} {wanted}");
        }
    }
}
