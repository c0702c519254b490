//! Updates against traces that PyTorch 2.9 recorded: linear regression, a batch that changes its size, a learning rate
//! that changes at every step (to 0 at times), 30 steps.

use super::*;
use crate::network::weights::flat_state;
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;

#[derive(Module, Debug)]
struct Affine {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

fn numbers(value: &Value) -> Vec<f32> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap() as f32)
        .collect()
}

/// The configuration of a recorded case, if this crate has that optimiser and option.
fn config_of(case: &Value) -> Option<OptimizerConfig> {
    let hyper = &case["hyper"];
    let number = |name: &str| hyper[name].as_f64().unwrap();
    let varies = |name: &str| !case[name].is_null();
    if varies("momentum_per_step") || varies("weight_decay_per_step") {
        return None;
    }
    let weight_decay = number("weight_decay") as f32;
    let beta = |i: usize| hyper["betas"][i].as_f64().unwrap() as f32;
    match case["optimizer"].as_str().unwrap() {
        "SGD" if number("dampening") == 0.0 => Some(OptimizerConfig::Sgd {
            momentum: number("momentum"),
            nesterov: hyper["nesterov"].as_bool().unwrap(),
            weight_decay,
        }),
        "Adam" if hyper["amsgrad"] == false => Some(OptimizerConfig::Adam {
            beta_1: beta(0),
            beta_2: beta(1),
            epsilon: number("eps") as f32,
            weight_decay,
        }),
        "AdamW" if hyper["amsgrad"] == false => Some(OptimizerConfig::AdamW {
            beta_1: beta(0),
            beta_2: beta(1),
            epsilon: number("eps") as f32,
            weight_decay,
        }),
        _ => None,
    }
}

#[test]
fn updates_equal_pytorch_while_rate_and_batch_size_change() {
    let problem: Value =
        serde_json::from_str(include_str!("../../../fixtures/optim_problem.jsonl").trim()).unwrap();
    let inputs: Vec<Vec<f32>> = problem["X"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .collect();
    let targets = numbers(&problem["y"]);
    let first = numbers(&problem["initial_params_w_then_bias"]);
    let features = first.len() - 1;
    let device = Device::flex().autodiff();
    let tensor = |values: Vec<f32>, rows: usize, columns: usize| {
        Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), &device)
    };

    let mut seen = std::collections::BTreeMap::new();
    for line in include_str!("../../../fixtures/optim_traces.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let Some(config) = config_of(&case) else {
            continue;
        };
        *seen.entry(config.name()).or_insert(0) += 1;
        let mut optimizer = config.init().unwrap();
        let mut model = Affine {
            weight: Param::from_data(
                TensorData::new(first[..features].to_vec(), [features, 1]),
                &device,
            ),
            bias: Param::from_data(TensorData::new(first[features..].to_vec(), [1]), &device),
        };
        for step in 0..30 {
            let rows: Vec<usize> = problem["batch_indices_per_step"][step]
                .as_array()
                .unwrap()
                .iter()
                .map(|i| i.as_u64().unwrap() as usize)
                .collect();
            let x = tensor(
                rows.iter().flat_map(|i| inputs[*i].clone()).collect(),
                rows.len(),
                features,
            );
            let y = tensor(rows.iter().map(|i| targets[*i]).collect(), rows.len(), 1);
            let error = x.matmul(model.weight.val()) + model.bias.val().unsqueeze::<2>() - y;
            let gradients = (error.clone() * error).mean().backward();
            let gradients = GradientsParams::from_grads(gradients, &model);
            let lr = case["lr_per_step"][step].as_f64().unwrap();
            model = optimizer.step(lr, model, gradients);

            let wanted = numbers(&case["params_after_step"][step]);
            let mut got = Vec::new();
            flat_state(&model, &mut got);
            // Relative to the size of the parameter vector: single numbers pass through zero.
            let size = wanted.iter().map(|w| w * w).sum::<f32>().sqrt();
            for (g, w) in got.iter().zip(&wanted) {
                let error = (g - w).abs() / size;
                assert!(error < 1e-5, "{config:?} step {step}: {g} against {w}");
            }
        }
    }
    assert_eq!(
        seen,
        [("adam", 2), ("adamw", 2), ("sgd", 5)]
            .into_iter()
            .collect()
    );
}

#[derive(Module, Debug)]
struct TwoLayers {
    hidden_weight: Param<Tensor<2>>,
    hidden_bias: Param<Tensor<1>>,
    unused: Param<Tensor<1>>,
    output_weight: Param<Tensor<2>>,
    output_bias: Param<Tensor<1>>,
}

/// Updates against traces that the authors' packages recorded, with several parameters, one of which has no gradient.
#[test]
fn learning_rate_free_updates_equal_the_authors_packages() {
    let mut lines = include_str!("../../../fixtures/learning_rate_free.jsonl").lines();
    let problem: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let device = Device::flex().autodiff();
    let data = |field: &str, columns: usize| {
        let values = numbers(&problem[field]);
        let rows = values.len() / columns;
        Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), &device)
    };
    let (inputs, targets) = (data("inputs", 2), data("targets", 1));
    let parameters = |name: &str| numbers(&problem["parameters"][name]);
    let matrix = |name: &str, shape: [usize; 2]| {
        Param::from_data(TensorData::new(parameters(name), shape), &device)
    };
    let vector = |name: &str| {
        let values = parameters(name);
        let length = values.len();
        Param::from_data(TensorData::new(values, [length]), &device)
    };

    let mut seen = std::collections::BTreeMap::new();
    for line in lines {
        let case: Value = serde_json::from_str(line).unwrap();
        let config: OptimizerConfig = serde_json::from_value(case["optimizer"].clone()).unwrap();
        *seen.entry(config.name()).or_insert(0) += 1;
        let mut optimizer = config.init().unwrap();
        let mut model = TwoLayers {
            hidden_weight: matrix("hidden_weight", [2, 3]),
            hidden_bias: vector("hidden_bias"),
            unused: vector("unused"),
            output_weight: matrix("output_weight", [3, 1]),
            output_bias: vector("output_bias"),
        };
        let rates = case["learning_rates"].as_array().unwrap();
        assert_eq!(rates.len(), 50);
        let mut before = Vec::new();
        flat_state(&model, &mut before);
        for (step, lr) in rates.iter().enumerate() {
            let half = if step % 2 == 0 { 0..8 } else { 8..16 };
            // At the recorded weights: this training would multiply differences in rounding by up to a hundred.
            let at = with_weights(model.clone(), &before);
            let hidden = inputs
                .clone()
                .slice([half.clone()])
                .matmul(at.hidden_weight.val())
                + at.hidden_bias.val().unsqueeze::<2>();
            let outputs = hidden.tanh().matmul(at.output_weight.val())
                + at.output_bias.val().unsqueeze::<2>();
            let error = outputs - targets.clone().slice([half]);
            let gradients = (error.clone() * error).mean().backward();
            let gradients = GradientsParams::from_grads(gradients, &at);
            model = optimizer.step(lr.as_f64().unwrap(), model, gradients);
            before = numbers(&case["weights"][step]);

            let compare = |model: &TwoLayers, wanted: &Value| {
                let (mut got, wanted) = (Vec::new(), numbers(wanted));
                flat_state(model, &mut got);
                assert_eq!(got.len(), wanted.len());
                let size = wanted.iter().map(|w| w * w).sum::<f32>().sqrt();
                for (g, w) in got.iter().zip(&wanted) {
                    let error = (g - w).abs() / size;
                    assert!(error < 1e-5, "{config:?} step {step}: {g} against {w}");
                }
            };
            compare(&model, &case["weights"][step]);
            let evaluated = optimizer.evaluated(model.clone());
            match &optimizer {
                Optimizer::Prodigy(prodigy) => {
                    compare(&evaluated, &case["weights"][step]);
                    let wanted = case["d"][step].as_f64().unwrap();
                    let error = (prodigy.d() / wanted - 1.0).abs();
                    assert!(error < 1e-5, "step {step}: d off by {error}");
                }
                _ => compare(&evaluated, &case["evaluated"][step]),
            }
        }
    }
    let wanted = [("prodigy", 4), ("schedule-free-adamw", 4)];
    assert_eq!(seen, wanted.into_iter().collect());
}

#[derive(Module, Debug)]
struct Vector {
    weights: Param<Tensor<1>>,
}

/// Rates of 0 at the start, in the middle and at the end, and gradients of 0, against what the packages recorded.
#[test]
fn updates_at_rates_and_gradients_of_0_equal_the_packages() {
    let device = Device::flex().autodiff();
    let tensor = |values: &[f32]| Tensor::<1>::from_floats(values, &device);
    let mut cases = 0;
    for line in include_str!("../../../fixtures/odd_rates.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let given = |name: &str| case["arguments"][name].as_f64();
        let decay = given("weight_decay").unwrap_or(0.0);
        let library = case["library"].as_str().unwrap();
        let config = match library {
            "prodigyopt 1.1.2" => OptimizerConfig::Prodigy(ProdigyConfig {
                weight_decay: decay,
                d0: given("d0").unwrap_or(1e-6),
                bias_correction: case["arguments"]["use_bias_correction"] == true,
                safeguard_warmup: case["arguments"]["safeguard_warmup"] == true,
                ..Default::default()
            }),
            "schedulefree 1.4.1" => OptimizerConfig::ScheduleFreeAdamW(ScheduleFreeConfig {
                weight_decay: decay,
                warmup_steps: given("warmup_steps").unwrap_or(0.0) as u64,
                ..Default::default()
            }),
            "torch 2.9.0 AdamW" => OptimizerConfig::adam_w(),
            "torch 2.9.0 Adam" => ron::from_str(&format!("Adam(weight_decay: {decay})")).unwrap(),
            "torch 2.9.0 SGD" => OptimizerConfig::Sgd {
                momentum: 0.9,
                nesterov: true,
                weight_decay: decay as f32,
            },
            other => panic!("{other}"),
        };
        let mut optimizer = config.init().unwrap();
        let mut model = Vector {
            weights: Param::from_tensor(tensor(&numbers(&case["initial"]))),
        };
        for (step, wanted) in case["steps"].as_array().unwrap().iter().enumerate() {
            let gradient = tensor(&numbers(&wanted["gradient"]));
            let loss = (model.weights.val() * gradient).sum();
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(wanted["rate"].as_f64().unwrap(), model, gradients);
            let compare = |model: &Vector, wanted: &Value| {
                let mut got = Vec::new();
                flat_state(model, &mut got);
                for (g, w) in got.iter().zip(numbers(wanted)) {
                    let error = (g - w).abs();
                    assert!(error < 1e-5, "{library} step {step}: {g} against {w}");
                }
            };
            compare(&model, &wanted["weights"]);
            if wanted["averaged"].is_array() {
                compare(&optimizer.evaluated(model.clone()), &wanted["averaged"]);
            }
            if let (Optimizer::Prodigy(prodigy), Some(d)) = (&optimizer, wanted["d"].as_f64()) {
                assert!(
                    (prodigy.d() / d - 1.0).abs() < 1e-4,
                    "{step}: {} {d}",
                    prodigy.d()
                );
            }
        }
        cases += 1;
    }
    assert_eq!(cases, 11);
}

#[test]
fn impossible_options_are_named() {
    for (text, field) in [
        ("Prodigy((beta_1: 1.0))", "beta_1"),
        ("Prodigy((beta_3: Some(1.0)))", "beta_3"),
        ("Prodigy((d0: 0.0))", "d0"),
        ("Prodigy((growth_rate: Some(0.5)))", "growth_rate"),
        ("Prodigy((slice_p: 0))", "slice_p"),
        ("ScheduleFreeAdamW((epsilon: 0.0))", "epsilon"),
        ("ScheduleFreeAdamW((weight_decay: -1.0))", "weight_decay"),
        ("ScheduleFreeAdamW((r: -1.0))", "optimizer.r"),
    ] {
        let config: OptimizerConfig = ron::from_str(text).unwrap();
        let message = config.init().err().unwrap().to_string();
        assert!(message.contains(field), "{text}: {message}");
    }

    let config = OptimizerConfig::Sgd {
        momentum: 1.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    assert!(
        config
            .init()
            .err()
            .unwrap()
            .to_string()
            .contains("optimizer.momentum")
    );
    let parsed: OptimizerConfig = ron::from_str("Sgd(momentum: 0.5)").unwrap();
    assert_eq!(
        parsed,
        OptimizerConfig::Sgd {
            momentum: 0.5,
            nesterov: false,
            weight_decay: 0.0
        }
    );
    assert_eq!(
        ron::from_str::<OptimizerConfig>("Adam()").unwrap(),
        OptimizerConfig::adam()
    );
}
