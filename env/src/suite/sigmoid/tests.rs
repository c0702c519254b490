//! Comparison with recorded episodes and exact returns of DACBench.

use super::*;
use crate::suite::replay::{assert_close, features, read_lines};
use crate::{CheckOptions, Status, check_environment};
use serde::Deserialize;

const DIMENSIONS: [usize; 4] = [1, 2, 3, 5];

fn environment(dimensions: usize, part: Part, order: Order, encoding: Encoding) -> Sigmoid {
    let set = SigmoidInstance::bundled(dimensions).unwrap();
    Sigmoid::new(InstanceSource::new(set, part, order).unwrap(), encoding).unwrap()
}

fn part(split: &str) -> Part {
    match split {
        "train" => Part::Train,
        "test" => Part::Test,
        other => panic!("{other}"),
    }
}

#[derive(Deserialize)]
struct Trace {
    split: String,
    instance_id: usize,
    policy: String,
    a: Vec<f64>,
    b: Vec<f64>,
    reset_state: Vec<f64>,
    actions: Vec<Vec<usize>>,
    targets: Vec<Vec<f64>>,
    states: Vec<Vec<f64>>,
    rewards: Vec<f64>,
}

#[test]
fn replays_the_reference() {
    for dimensions in DIMENSIONS {
        let traces: Vec<Trace> = read_lines(&format!("dac/sigmoid_traces_{dimensions}d.jsonl.gz"));
        assert_eq!(traces.len(), 16);
        let set = SigmoidInstance::bundled(dimensions).unwrap();
        for trace in traces {
            let instance = set.part(part(&trace.split))[trace.instance_id].clone();
            let slopes: Vec<f64> = instance.curves.iter().map(|curve| curve.slope).collect();
            let shifts: Vec<f64> = instance.curves.iter().map(|curve| curve.shift).collect();
            assert_eq!((slopes, shifts), (trace.a.clone(), trace.b.clone()));
            let only = InstanceSet::new(vec![instance], vec![]);
            let source = InstanceSource::new(only, Part::Train, Order::InTurn).unwrap();
            let mut environment = Sigmoid::new(source, Encoding::Raw).unwrap();
            let seen = environment.reset(0).unwrap();
            assert_close(&features(&seen), &trace.reset_state, 1e-6, "reset");
            for (t, choices) in trace.actions.iter().enumerate() {
                let context = format!("{dimensions}d {} step {t}", trace.policy);
                if trace.policy == "greedy_optimal" {
                    assert_eq!(&environment.optimal_action().choices, choices, "{context}");
                }
                for (curve, target) in environment.instance().curves.iter().zip(&trace.targets[t]) {
                    assert_close(&[curve.at(t + 1)], &[*target], 1e-12, &context);
                }
                let step = environment.step(&Action::new(choices.clone())).unwrap();
                assert_close(
                    &features(&step.observation),
                    &trace.states[t],
                    1e-6,
                    &context,
                );
                assert_close(
                    &[f64::from(step.reward)],
                    &[trace.rewards[t]],
                    1e-6,
                    &context,
                );
                let last = t + 1 == trace.actions.len();
                let expected = if last {
                    Status::Terminated(Termination::Finished)
                } else {
                    Status::Running
                };
                assert_eq!(step.status, expected, "{context}");
            }
        }
    }
}

#[derive(Deserialize)]
struct Returns {
    d: usize,
    split: String,
    optimal_return_per_instance: Vec<f64>,
    optimal_mean_return: f64,
    static_mean_return: Vec<f64>,
    uniform_random_expected_mean_return: f64,
}

/// Plays every instance in turn; the mean of return + regret is the mean best return whatever is played.
fn play_all(environment: &mut Sigmoid, policy: impl Fn(&Sigmoid) -> Action) -> (Vec<f64>, f64) {
    let (mut returns, mut regret) = (Vec::new(), 0.0);
    for _ in 0..300 {
        environment.reset(0).unwrap();
        let mut total = 0.0;
        loop {
            let step = environment.step(&policy(environment)).unwrap();
            total += f64::from(step.reward);
            if step.status.is_over() {
                break;
            }
        }
        returns.push(total);
        regret += environment.outcome().unwrap()["regret"];
    }
    (returns, regret / 300.0)
}

#[test]
fn returns_of_every_instance_equal_the_reference() {
    let cases: Vec<Returns> = read_lines("dac/sigmoid_returns.jsonl.gz");
    assert_eq!(cases.len(), 8);
    for case in cases {
        let context = format!("{}d {}", case.d, case.split);
        let mut environment = environment(case.d, part(&case.split), Order::InTurn, Encoding::Raw);
        let mut random = 0.0;
        for best in &case.optimal_return_per_instance {
            environment.reset(0).unwrap();
            assert_close(&[environment.optimal_return()], &[*best], 1e-12, &context);
            random += environment.random_return() / 300.0;
        }
        let wanted = case.uniform_random_expected_mean_return;
        assert_close(&[random], &[wanted], 1e-9, &context);
        // The best policy gets what the closed form says. Ten rewards of 32 bits are summed.
        let (returns, regret) = play_all(&mut environment, Sigmoid::optimal_action);
        assert_close(&returns, &case.optimal_return_per_instance, 1e-6, &context);
        assert_eq!(regret, 0.0, "{context}");
        for (choice, mean) in case.static_mean_return.iter().enumerate() {
            let (returns, regret) =
                play_all(&mut environment, |_| Action::new(vec![choice; case.d]));
            let measured = returns.iter().sum::<f64>() / 300.0;
            assert_close(&[measured], &[*mean], 1e-6, &context);
            let best = case.optimal_mean_return;
            assert_close(&[measured + regret], &[best], 1e-6, &context);
        }
    }
}

#[test]
fn keeps_the_contract_in_both_encodings() {
    for dimensions in DIMENSIONS {
        for encoding in [Encoding::Raw, Encoding::Normalised, Encoding::Engineered] {
            for part in [Part::Train, Part::Test] {
                let mut environment = environment(dimensions, part, Order::Random, encoding);
                let options = CheckOptions {
                    episodes: 30,
                    ..Default::default()
                };
                assert_eq!(check_environment(&mut environment, &options), []);
            }
        }
    }
}

#[test]
fn the_normalised_encoding_is_the_raw_one_on_another_scale() {
    let mut raw = environment(2, Part::Train, Order::Random, Encoding::Raw);
    let mut normalised = environment(2, Part::Train, Order::Random, Encoding::Normalised);
    let scales = [10.0, 10.0, 10.0, 10.0, 10.0, 2.0, 2.0];
    let mut pair = (raw.reset(4).unwrap(), normalised.reset(4).unwrap());
    for choices in [[2, 0], [1, 1]] {
        let scaled = pair.1.features.iter().zip(scales).map(|(x, s)| x * s);
        let scaled: Vec<f64> = scaled.map(f64::from).collect();
        assert_close(&scaled, &features(&pair.0), 1e-5, "scaled");
        let action = Action::new(choices);
        pair = (
            raw.step(&action).unwrap().observation,
            normalised.step(&action).unwrap().observation,
        );
    }
}

#[test]
fn the_engineered_encoding_shows_where_the_best_choice_changes() {
    let mut shown = environment(2, Part::Test, Order::InTurn, Encoding::Engineered);
    // y = 1/4 and y = 3/4 are where the exponent is -ln 3 and ln 3.
    let edge = 3f32.ln();
    for seed in 0..300 {
        let mut observation = shown.reset(seed).unwrap();
        for _ in 0..10 {
            let exponents = &observation.features[observation.features.len() - 2..];
            let best = exponents
                .iter()
                .map(|z| usize::from(*z > -edge) + usize::from(*z > edge));
            let best = Action::new(best.collect::<Vec<_>>());
            assert_eq!(best, shown.optimal_action());
            observation = shown.step(&best).unwrap().observation;
        }
    }
}

#[test]
fn impossible_instances_are_refused_by_row() {
    let curve = Curve {
        slope: 1.0,
        shift: 2.0,
    };
    let build = |curves: Vec<Vec<Curve>>| {
        let train = curves.into_iter().map(|curves| SigmoidInstance { curves });
        let set = InstanceSet::new(train.collect(), vec![]);
        let source = InstanceSource::new(set, Part::Train, Order::Random).unwrap();
        Sigmoid::new(source, Encoding::Raw).unwrap_err().to_string()
    };
    let error = build(vec![vec![curve], vec![curve, curve]]);
    assert!(
        error.starts_with("instances[1].curves: 2 curves"),
        "{error}"
    );
    assert!(build(vec![vec![]]).starts_with("instances[0].curves: 0 curves"));
    let wild = Curve {
        slope: f64::NAN,
        ..curve
    };
    assert!(build(vec![vec![curve], vec![wild]]).starts_with("instances[1].curves[0].slope: NaN"));
    assert!(Sigmoid::bundled(4).is_err());
    assert!(
        parse("header\n0,0,x,1")
            .unwrap_err()
            .to_string()
            .contains("line 2")
    );
}
