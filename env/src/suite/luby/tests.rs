//! Comparison with recorded episodes of DACBench.

use super::*;
use crate::suite::replay::{features, read_lines};
use crate::{CheckOptions, Status, check_environment};
use serde::Deserialize;

fn environment(instances: Vec<LubyInstance>, horizon: usize, encoding: Encoding) -> Result<Luby> {
    let set = InstanceSet::new(instances, vec![]);
    let source = InstanceSource::new(set, Part::Train, Order::Random)?;
    Luby::new(source, horizon, encoding)
}

#[test]
fn the_sequence_equals_the_reference() {
    #[derive(Deserialize)]
    struct Sequence {
        log2_luby_from_1: Vec<u32>,
    }
    let [sequence]: [Sequence; 1] = read_lines("dac/luby_sequence.jsonl.gz")
        .try_into()
        .ok()
        .unwrap();
    let ours: Vec<u32> = (1..)
        .take(sequence.log2_luby_from_1.len())
        .map(log2_luby)
        .collect();
    assert_eq!(ours, sequence.log2_luby_from_1);
    assert_eq!((log2_luby(0), log2_luby((1 << 40) - 1)), (0, 39));
    assert_eq!(log2_luby(u64::MAX), 63);
}

#[derive(Deserialize)]
struct Trace {
    source: String,
    start_shift: f64,
    sticky_shift: f64,
    #[serde(rename = "T")]
    horizon: usize,
    policy: String,
    reset_state: Vec<f64>,
    actions: Vec<usize>,
    targets: Vec<u32>,
    states: Vec<Vec<f64>>,
    rewards: Vec<f32>,
    static_returns: Vec<f64>,
    optimal_return: f64,
}

fn of(trace: &Trace) -> Luby {
    let instance = LubyInstance {
        start: trace.start_shift,
        sticky: trace.sticky_shift,
    };
    environment(vec![instance], trace.horizon, Encoding::Raw).unwrap()
}

#[test]
fn replays_the_reference() {
    let traces: Vec<Trace> = read_lines("dac/luby_traces.jsonl.gz");
    assert_eq!(traces.len(), 32);
    for trace in &traces {
        let mut environment = of(trace);
        let seen = environment.reset(0).unwrap();
        assert_eq!(features(&seen), trace.reset_state);
        let mut total = 0.0;
        for (t, &action) in trace.actions.iter().enumerate() {
            let context = format!("{} {} step {t}", trace.source, trace.policy);
            assert_eq!(environment.target(), trace.targets[t], "{context}");
            if trace.policy == "optimal" {
                assert_eq!(environment.optimal_action(), Action::from(action));
            }
            let step = environment.step(&Action::from(action)).unwrap();
            assert_eq!(features(&step.observation), trace.states[t], "{context}");
            assert_eq!(step.reward, trace.rewards[t], "{context}");
            total += f64::from(step.reward);
            let expected = if t + 1 == trace.horizon {
                Status::Terminated(Termination::Finished)
            } else {
                Status::Running
            };
            assert_eq!(step.status, expected, "{context}");
        }
        assert_eq!(trace.actions.len(), trace.horizon);
        let outcome = environment.outcome().unwrap();
        assert_eq!(outcome["optimal_return"], trace.optimal_return);
        assert_eq!(outcome["regret"], trace.optimal_return - total);
    }
}

#[test]
fn constant_actions_return_what_the_reference_says() {
    for trace in read_lines::<Trace>("dac/luby_traces.jsonl.gz") {
        let mut environment = of(&trace);
        for (action, expected) in trace.static_returns.iter().enumerate() {
            environment.reset(0).unwrap();
            while !environment
                .step(&Action::from(action))
                .unwrap()
                .status
                .is_over()
            {}
            assert_eq!(environment.outcome().unwrap()["regret"], -expected);
        }
    }
}

#[test]
fn an_element_that_no_action_names_is_no_regret() {
    // Element 127 is 64 = 2^6, the last with an action; element 255 is 2^7.
    let start = |start| vec![LubyInstance { start, sticky: 0.0 }];
    let reachable = environment(start(126.0), 8, Encoding::Raw).unwrap();
    assert_eq!((reachable.target(), reachable.optimal_return()), (6, 0.0));
    let mut beyond = environment(start(254.0), 8, Encoding::Raw).unwrap();
    assert_eq!((beyond.target(), beyond.optimal_return()), (7, -1.0));
    beyond.reset(0).unwrap();
    let step = beyond.step(&beyond.optimal_action()).unwrap();
    assert_eq!(step.reward, -1.0);
    assert_eq!(beyond.outcome().unwrap()["regret"], 0.0);
}

#[test]
fn shifted_instances_are_two_samples_of_what_is_documented() {
    let set = LubyInstance::shifted(0);
    assert_eq!(set, LubyInstance::shifted(0));
    assert_ne!(set.train, set.test);
    assert_eq!((set.train.len(), set.test.len()), (200, 200));
    for instance in set.iter() {
        assert!((0.0..=39.0).contains(&instance.start) && instance.start.fract() == 0.0);
        assert!(instance.sticky.abs() <= 0.2);
        let environment = environment(vec![*instance], 64, Encoding::Raw).unwrap();
        assert_eq!(environment.optimal_return(), 0.0, "{instance:?}");
    }
}

#[test]
fn keeps_the_contract_in_every_encoding() {
    for encoding in [Encoding::Raw, Encoding::Normalised, Encoding::Engineered] {
        for horizon in [8, 64] {
            let set = LubyInstance::shifted(1);
            let source = InstanceSource::new(set, Part::Test, Order::Random).unwrap();
            let mut environment = Luby::new(source, horizon, encoding).unwrap();
            let options = CheckOptions {
                episodes: 20,
                ..Default::default()
            };
            assert_eq!(check_environment(&mut environment, &options), []);
        }
    }
}

#[test]
fn the_engineered_encoding_shows_the_number_of_the_next_element() {
    let instances = LubyInstance::shifted(1).test;
    let mut environment = environment(instances, 64, Encoding::Engineered).unwrap();
    for seed in 0..50 {
        let mut observation = environment.reset(seed).unwrap();
        loop {
            let digits = &observation.features[HISTORY + 1..];
            let number: u64 = (0..)
                .zip(digits)
                .map(|(i, digit)| (*digit as u64) << i)
                .sum();
            assert_eq!(log2_luby(number), environment.target());
            let step = environment.step(&environment.optimal_action()).unwrap();
            if step.status.is_over() {
                break;
            }
            observation = step.observation;
        }
    }
}

#[test]
fn what_is_not_allowed_is_named() {
    for horizon in [7, 65] {
        assert!(Luby::plain(horizon).is_err());
    }
    let wild = LubyInstance {
        start: 0.0,
        sticky: f64::INFINITY,
    };
    let error = environment(vec![LubyInstance::default(), wild], 8, Encoding::Raw).unwrap_err();
    assert!(
        error.to_string().starts_with("instances[1].sticky: inf"),
        "{error}"
    );
}
