//! Losses and their gradients against PyTorch.

use super::*;
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap() as f32],
    }
}

fn vector(values: &[f32]) -> Tensor<1> {
    Tensor::from_data(
        TensorData::new(values.to_vec(), [values.len()]),
        &Device::flex().autodiff(),
    )
}

fn matrix(value: &Value, columns: usize) -> Tensor<2> {
    let values = numbers(value);
    let rows = values.len() / columns;
    Tensor::from_data(
        TensorData::new(values, [rows, columns]),
        &Device::flex().autodiff(),
    )
}

fn actions(value: &Value, heads: usize) -> Tensor<2, Int> {
    let values: Vec<i32> = numbers(value).into_iter().map(|x| x as i32).collect();
    let rows = values.len() / heads;
    Tensor::from_data(
        TensorData::new(values, [rows, heads]),
        &Device::flex().autodiff(),
    )
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

fn list<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[test]
fn ppo_equals_pytorch_with_its_gradients() {
    for line in include_str!("../../fixtures/ppo.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let n = case["n_actions"].as_u64().unwrap() as usize;
        let number = |name: &str| case[name].as_f64().unwrap() as f32;
        let logits = matrix(&case["logits"], n).require_grad();
        let values = vector(&numbers(&case["values"])).require_grad();
        let mut advantages = numbers(&case["advantages"]);
        if case["normalize_advantage"] == true {
            crate::returns::standardise(&mut advantages);
        }
        close("advantages", &advantages, &case["advantages_used"]);
        let evaluated = evaluate_actions(logits.clone(), actions(&case["actions"], 1), &[n]);
        let old = numbers(&case["old_log_probs"]);
        let log_probs = list(evaluated.log_probs.clone());
        close("log_probs", &log_probs, &case["log_probs"]);
        close(
            "approx_kl",
            &[approx_kl(&log_probs, &old) as f32],
            &case["approx_kl"],
        );
        let clip = number("clip_range");
        close(
            "clip_fraction",
            &[clip_fraction(&log_probs, &old, clip) as f32],
            &case["clip_fraction"],
        );
        let policy =
            clipped_surrogate(evaluated.log_probs, vector(&old), vector(&advantages), clip);
        close("policy_loss", &list(policy.clone()), &case["policy_loss"]);
        let entropy = evaluated.entropy.mean();
        close("entropy", &list(entropy.clone()), &case["entropy_mean"]);
        let old_values = vector(&numbers(&case["old_values"]));
        let returns = vector(&numbers(&case["returns"]));
        // The fixture's clipped variant without the maximum is not ours; ours is checked against its other figure.
        match case["clip_range_vf"].as_f64() {
            None => {
                let value = value_loss(values.clone(), old_values, returns, None);
                close("value_loss", &list(value.clone()), &case["value_loss"]);
                let total = policy - entropy.mul_scalar(number("ent_coef"))
                    + value.mul_scalar(number("vf_coef"));
                close("total", &list(total.clone()), &case["total_loss"]);
                let gradients = total.backward();
                close(
                    "d logits",
                    &list(logits.grad(&gradients).unwrap()),
                    &case["d_total_d_logits"],
                );
                close(
                    "d values",
                    &list(values.grad(&gradients).unwrap()),
                    &case["d_total_d_values"],
                );
            }
            Some(clip) => {
                let value = value_loss(values, old_values, returns, Some(clip as f32));
                close(
                    "value_loss",
                    &list(value.mul_scalar(0.5)),
                    &case["value_loss_max_half_variant"],
                );
                let gradients = policy.backward();
                close(
                    "d logits",
                    &list(logits.grad(&gradients).unwrap()),
                    &case["d_policy_loss_d_logits"],
                );
            }
        }
    }
}

#[test]
fn several_heads_equal_stable_baselines() {
    for line in include_str!("../../fixtures/multidiscrete.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let heads: Vec<usize> = numbers(&case["head_sizes"])
            .iter()
            .map(|x| *x as usize)
            .collect();
        let logits = matrix(&case["logits"], heads.iter().sum());
        let evaluated = evaluate_actions(logits, actions(&case["actions"], heads.len()), &heads);
        close("log_prob", &list(evaluated.log_probs), &case["log_prob"]);
        close("entropy", &list(evaluated.entropy), &case["entropy"]);
    }
}

#[test]
fn reinforce_equals_pytorch_with_its_gradient() {
    for line in include_str!("../../fixtures/reinforce.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let returns = numbers(&case["returns"]);
        let baseline = case["baseline"].as_f64().unwrap() as f32;
        let n = numbers(&case["logits"]).len() / returns.len();
        let logits = matrix(&case["logits"], n).require_grad();
        let evaluated = evaluate_actions(logits.clone(), actions(&case["actions"], 1), &[n]);
        let plain = policy_gradient(evaluated.log_probs.clone(), vector(&returns));
        close("mean", &list(plain), &case["loss_mean_no_baseline"]);
        let advantages: Vec<f32> = returns.iter().map(|g| g - baseline).collect();
        let loss = policy_gradient(evaluated.log_probs, vector(&advantages));
        close("baseline", &list(loss.clone()), &case["loss_mean_baseline"]);
        let gradients = loss.mul_scalar(returns.len() as f32).backward();
        close(
            "d logits",
            &list(logits.grad(&gradients).unwrap()),
            &case["d_loss_sum_baseline_d_logits"],
        );
    }
}

#[test]
fn masked_choices_have_no_probability_and_no_entropy() {
    let device = Device::flex().autodiff();
    let logits = Tensor::<2>::from_data(TensorData::new(vec![1f32, 2.0, 3.0], [1, 3]), &device)
        .require_grad();
    let masked = logits.clone() + mask_bias(&[true, false, true], 3, &device);
    let taken = Tensor::<2, Int>::from_data(TensorData::new(vec![0i32], [1, 1]), &device);
    let evaluated = evaluate_actions(masked, taken, &[3]);
    let two = crate::categorical::log_softmax(&[1.0, 3.0]);
    assert!((list(evaluated.log_probs.clone())[0] - two[0]).abs() < 1e-6);
    assert!((list(evaluated.entropy.clone())[0] - crate::categorical::entropy(&two)).abs() < 1e-6);
    let gradients = (evaluated.log_probs + evaluated.entropy).sum().backward();
    let gradient = list(logits.grad(&gradients).unwrap());
    assert!(
        gradient.iter().all(|g| g.is_finite()) && gradient[1] == 0.0,
        "{gradient:?}"
    );
}
