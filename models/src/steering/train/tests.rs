use super::*;
use crate::OptimizerConfig;
use crate::data::{Embedded, SplitConfig, split};
use crate::network::mlp::Activation;
use crate::network::weights::flat_state;
use crate::tasks::mlp::MlpTask;
use std::sync::Arc;
use trimtab_env::servo::context_servo::{Guard, Memory};
use trimtab_env::servo::residual::Choose;
use trimtab_env::{Action, Observation, Residual};
use trimtab_env::{
    ContextServo, Knob, Moves, ObservationConfig, ResidualPolicy, Settings, TuningConfig,
};

fn task() -> MlpTask {
    let config = SplitConfig {
        max_train: Some(400),
        ..Default::default()
    };
    let data = split(&Embedded::Digits.load().unwrap(), &config).unwrap();
    MlpTask::new("digits", Arc::new(data), &[16], Activation::Relu)
}

#[test]
fn a_bad_learning_rate_is_left_and_the_best_weights_come_back() {
    let config = TrainConfig {
        learning_rate: Some(1e-6),
        epochs: 40.0,
        ..Default::default()
    };
    let trained = train(task(), &config, &Device::flex()).unwrap();
    assert!(
        trained.test.metrics["accuracy"] > 0.85,
        "{:?}",
        trained.test
    );
    let last = trained.segments.last().unwrap();
    assert_eq!(trained.outcome["best_validation_loss"], last.best_loss);
    assert_eq!(trained.outcome["test_loss"], trained.test.loss);

    let again = train(task(), &config, &Device::flex()).unwrap();
    assert_eq!(again.segments, trained.segments);
    let (mut a, mut b) = (Vec::new(), Vec::new());
    flat_state(&trained.model, &mut a);
    flat_state(&again.model, &mut b);
    assert_eq!(a, b);
}

/// Everything that happens is told, and what follows it is what was announced.
#[test]
fn who_watches_sees_every_segment_and_what_is_wanted_next() {
    let mut probes = Vec::new();
    let mut seen = Vec::new();
    let config = TrainConfig {
        learning_rate: Some(1e-6),
        // With no memory and no rule for spikes the last measurement alone decides.
        servo: ContextServo {
            memory: Memory::default(),
            loss_spike: 0.0,
            guard: Guard::OFF,
            ..Default::default()
        },
        ..Default::default()
    };
    let trained = train_watched::<_, Error>(task(), &config, &Device::flex(), &mut |now| {
        match now {
            Underway::Probed(p) => {
                assert!(seen.is_empty());
                let ratio = p.report.gradients.unwrap().update_ratio;
                probes.push((rate(p.settings), ratio, p.wanted, p.then, p.again));
            }
            Underway::Ended(e) => seen.push((e.segment.clone(), e.budget, e.next)),
            Underway::Begun(_) => panic!("there is one run"),
        }
        Ok(ControlFlow::Continue(()))
    });
    let segments: Vec<Segment> = seen.iter().map(|(segment, ..)| segment.clone()).collect();
    assert_eq!(segments, trained.unwrap().segments);
    let [(tried, ratio, wanted, then, false)] = probes[..] else {
        panic!("{probes:?}")
    };
    assert_eq!(tried, 1e-6);
    assert!((then / (tried * wanted / ratio) - 1.0).abs() < 1e-9);
    assert_eq!(then, rate(&segments[0].settings));

    for pair in seen.windows(2) {
        let [(segment, _, next), (following, ..)] = pair else {
            unreachable!("windows of two")
        };
        let Next::Servo {
            update_ratio: wanted,
            learning_rate,
            from_best: false,
        } = next
        else {
            panic!("{next:?}")
        };
        assert_eq!(*learning_rate, rate(&following.settings));
        let ratio = segment.report.gradients.unwrap().update_ratio;
        let expected = (wanted / ratio).clamp(1.0 / 64.0, 64.0);
        let factor = rate(&following.settings) / rate(&segment.settings);
        assert!(
            (factor / expected - 1.0).abs() < 1e-9,
            "{factor} {expected}"
        );
    }
    let (last, budget, next) = seen.last().unwrap();
    assert_eq!(*next, Next::Over);
    assert!(last.spent > 0.95 * budget);
}

fn rate(settings: &Settings) -> f64 {
    settings.learning_rate().unwrap()
}

/// A rate at which the first update makes the loss infinite is tried again, lower.
#[test]
fn a_probe_that_diverges_says_so_and_goes_on() {
    let config = TrainConfig {
        optimizer: OptimizerConfig::sgd(),
        learning_rate: Some(1e30),
        ..Default::default()
    };
    let mut probes = Vec::new();
    train_watched::<_, Error>(task(), &config, &Device::flex(), &mut |now| {
        let Underway::Probed(probed) = now else {
            return Ok(ControlFlow::Break(()));
        };
        probes.push((rate(probed.settings), probed.then, probed.again));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert!(probes.len() > 1, "{probes:?}");
    for pair in probes.windows(2) {
        assert!(pair[0].2 && pair[0].1 == pair[1].0 && pair[1].0 < pair[0].0);
    }
}

/// Without and with a policy, the settings of the servo are those of an environment whose base controller it is.
#[test]
fn it_is_an_episode_under_the_base_controller() {
    // A choice that depends on all that is seen.
    fn choose(observation: &Observation) -> Action {
        let sum: f32 = observation.features.iter().sum();
        Action::new([3.0, 5.0].map(|x| (x * sum.abs()) as usize % 2).to_vec())
    }
    let config = TrainConfig {
        learning_rate: Some(1.0),
        seed: 5,
        ..Default::default()
    };
    let knobs = |factors: &[f64]| {
        let mut knobs = process(&config).unwrap().knobs;
        knobs[0].moves = Moves::Residual {
            factors: factors.to_vec(),
            max_offset: 1.0,
            accumulates: false,
        };
        knobs
    };
    let nothing: (_, Choose) = (knobs(&[1.0]), Arc::new(|_| Action::new(vec![0])));
    let mut moved: (_, Choose) = (knobs(&[1.0, 0.4]), Arc::new(choose));
    moved.0.push(Knob::rollback());
    let mut runs = Vec::new();
    for (policy, (knobs, choose)) in [(false, nothing), (true, moved)] {
        let residual = Residual {
            knobs: knobs.clone(),
            observation: ObservationConfig::default(),
        };
        let config = TrainConfig {
            policy: policy.then(|| ResidualPolicy {
                residual,
                choose: choose.clone(),
                text: None,
            }),
            ..config.clone()
        };
        let trained = train(task(), &config, &Device::flex()).unwrap();
        let process = TuningConfig {
            knobs,
            base_controller: Some(config.servo),
            ..process(&config).unwrap()
        };
        // Without a policy that sees gradients, none are looked at.
        let look = (!policy).then_some(Look::Ratio);
        assert_eq!(played(&config, process, look, &choose), trained.segments);
        runs.push(trained.segments);
    }
    let went_back = runs[1]
        .iter()
        .filter(|segment| segment.settings.from_best());
    assert!(went_back.count() > 1);
    assert_ne!(
        runs[0].last().unwrap().report,
        runs[1].last().unwrap().report
    );
}

/// The segments of an episode in an environment.
fn played(
    config: &TrainConfig,
    process: TuningConfig,
    look: Option<Look>,
    choose: &Choose,
) -> Vec<Segment> {
    let trainee = TraineeConfig {
        optimizer: config.optimizer,
        smoothing_interval: SMOOTHING_INTERVAL,
        ..TraineeConfig::default()
    };
    let mut trainee = TaskTrainee::new(task(), trainee, &Device::flex()).unwrap();
    if let Some(look) = look {
        trainee.look_at(look);
    }
    let instance = trimtab_env::Instance::from(Box::new(trainee) as Box<dyn trimtab_env::Trainee>);
    let mut environment = TuningEnv::new(vec![instance], process).unwrap();
    let mut observation = environment.reset(config.seed).unwrap();
    loop {
        let step = environment.step(&choose(&observation)).unwrap();
        if step.status.is_over() {
            return environment.segments().to_vec();
        }
        observation = step.observation;
    }
}

#[test]
fn a_replay_is_the_run_again() {
    let config = TrainConfig {
        learning_rate: Some(1.0),
        epochs: 8.0,
        ..Default::default()
    };
    let mut budget = 0.0;
    let first = train_watched::<_, Error>(task(), &config, &Device::flex(), &mut |now| {
        if let Underway::Ended(ended) = now {
            budget = ended.budget;
        }
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    let schedule = RecordedSchedule::within(&first.segments, budget).unwrap();
    let text = ron::to_string(&schedule).unwrap();
    let replay = TrainConfig {
        learning_rate: None,
        replay: Some(ron::from_str(&text).unwrap()),
        ..config
    };
    let mut recorded = 0;
    let again = train_watched::<_, Error>(task(), &replay, &Device::flex(), &mut |now| {
        match now {
            Underway::Ended(ended) => recorded += usize::from(ended.next == Next::Recorded),
            Underway::Probed(_) | Underway::Begun(_) => panic!("a replay only trains"),
        }
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    let what = |run: &Trained<_>| -> Vec<_> {
        let segments = run.segments.iter();
        segments
            .map(|s| (s.settings.clone(), s.report.clone(), s.best_loss))
            .collect()
    };
    assert_eq!(what(&again), what(&first));
    assert_eq!(again.test, first.test);
    assert_eq!(recorded + 1, again.segments.len());

    let large = r#"[(share: 0.0, settings: {"learning_rate": 0.1, "batch_size": 401})]"#;
    let large = TrainConfig {
        replay: Some(ron::from_str(large).unwrap()),
        ..replay
    };
    let error = train(task(), &large, &Device::flex()).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("replay[0].settings") && message.contains("401"),
        "{message}"
    );
}

#[test]
fn who_watches_can_stop_a_training_and_keeps_what_it_came_to() {
    let ends = |after: usize, error: bool| {
        let mut segments = 0;
        train_watched(
            task(),
            &TrainConfig::default(),
            &Device::flex(),
            &mut |now| {
                segments += usize::from(matches!(now, Underway::Ended(_)));
                if segments < after {
                    return Ok(ControlFlow::Continue(()));
                }
                if error {
                    return Err(Error::config("test", "stop", "none"));
                }
                Ok(ControlFlow::Break(()))
            },
        )
    };
    assert!(ends(3, true).is_err());
    let whole = train(task(), &TrainConfig::default(), &Device::flex()).unwrap();
    let stopped = ends(12, false).unwrap();
    assert_eq!(stopped.segments, whole.segments[..12]);
    assert_eq!(
        stopped.outcome["best_validation_loss"],
        stopped.segments[11].best_loss
    );
    assert_eq!(stopped.outcome["test_loss"], stopped.test.loss);
}

#[test]
fn what_cannot_be_is_refused_by_field() {
    let refused = |config: TrainConfig, field: &str| {
        let error = train(task(), &config, &Device::flex()).unwrap_err();
        assert!(error.to_string().starts_with(field), "{error}");
    };
    let negative = TrainConfig {
        learning_rate: Some(-1.0),
        ..Default::default()
    };
    refused(negative, "learning_rate");
    let none = TrainConfig {
        epochs: 0.0,
        ..Default::default()
    };
    refused(none, "budget");
    let spiked = TrainConfig {
        servo: ContextServo {
            loss_spike: 0.5,
            ..Default::default()
        },
        ..Default::default()
    };
    refused(spiked, "servo.loss_spike");
}

/// The best of several runs, the first of which is the only one of a single run; the cost of all of them counts.
#[test]
fn several_runs_keep_the_best_and_count_the_cost_of_all() {
    let config = TrainConfig {
        epochs: 6.0,
        seed: 2,
        ..Default::default()
    };
    let one = train(task(), &config, &Device::flex()).unwrap();
    let several = TrainConfig { runs: 4, ..config };
    let (mut losses, mut costs) = (Vec::new(), Vec::new());
    let mut begun = Vec::new();
    let best = train_watched::<_, Error>(task(), &several, &Device::flex(), &mut |now| {
        match now {
            Underway::Begun(run) => begun.push((run.run, run.best_loss, run.offsets)),
            Underway::Ended(ended) if ended.next == Next::Over => {
                losses.push(ended.segment.best_loss);
                costs.push(ended.segment.spent);
            }
            Underway::Ended(_) | Underway::Probed(_) => {}
        }
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!(losses.len(), 4);
    assert_eq!(losses[0], one.outcome["best_validation_loss"]);
    let least = |losses: &[f64]| losses.iter().copied().fold(f64::MAX, f64::min);
    assert_eq!(best.outcome["best_validation_loss"], least(&losses));
    assert!(losses.iter().skip(1).all(|loss| *loss != losses[0]));
    assert!((best.outcome["cost"] - costs.iter().sum::<f64>()).abs() < 1e-12);
    assert_eq!(
        best.segments.last().unwrap().best_loss,
        best.outcome["best_validation_loss"]
    );
    for (run, (number, so_far, offsets)) in begun.iter().enumerate() {
        assert_eq!(*number, run + 1);
        assert_eq!(*so_far, least(&losses[..=run]));
        assert_eq!(*offsets, super::offsets(2, *number));
        assert!(offsets.update_ratio.exp() > 0.69 && offsets.update_ratio.exp() < 1.41);
    }
    assert_eq!(begun.len(), 3);

    // A watcher can do without the rest.
    let mut runs = 0;
    train_watched::<_, Error>(task(), &several, &Device::flex(), &mut |now| {
        runs += usize::from(matches!(now, Underway::Ended(e) if e.next == Next::Over));
        Ok(match now {
            Underway::Begun(_) => ControlFlow::Break(()),
            Underway::Ended(_) | Underway::Probed(_) => ControlFlow::Continue(()),
        })
    })
    .unwrap();
    assert_eq!(runs, 1);

    let none = TrainConfig { runs: 0, ..several };
    let message = train(task(), &none, &Device::flex()).unwrap_err();
    assert!(message.to_string().starts_with("runs"), "{message}");
}
