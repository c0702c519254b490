mod backtracking;

use super::super::tests::{CONTEXT, servo};
use super::*;
use crate::servo::context_servo::{Feedback, Guard, Memory};
use crate::{GradientStatistics, Pruned, TrainLoss, Validation};
use proptest::prelude::*;

fn measured(ratio: f64) -> Report {
    Report {
        gradients: Some(GradientStatistics {
            update_ratio: ratio,
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn a_probe_finds_the_rate_in_one_update() {
    let mut steering = Steering::new(servo(), CONTEXT, 1.0);
    // The size of the updates is a hundredth of the rate.
    assert!(steering.probe().is_some());
    steering.probed(&measured(0.01));
    assert!(steering.probe().is_none());
    let settings = steering.settings(0.0, &Offsets::default());
    let size = settings.number(BATCH_SIZE).unwrap();
    let wanted = servo().set_point(&CONTEXT, &History::default(), 0.0, size);
    let lr = settings.learning_rate().unwrap();
    assert!((0.01 * lr / wanted - 1.0).abs() < 1e-12, "{lr}");
}

#[test]
fn a_probe_that_diverges_is_tried_again_at_a_tenth_but_not_for_ever() {
    let mut steering = Steering::new(ContextServo::default(), CONTEXT, 1.0);
    let diverged = Report {
        diverged: true,
        ..Default::default()
    };
    let mut rates = Vec::new();
    while let Some(settings) = steering.probe() {
        rates.push(settings.learning_rate().unwrap());
        steering.probed(&diverged);
    }
    assert_eq!(rates.len(), PROBES);
    assert!((rates[5] / 1e-5 - 1.0).abs() < 1e-9, "{rates:?}");
}

#[test]
fn segments_regulate_the_size_of_the_updates() {
    let servo = ContextServo {
        probe: false,
        ..servo()
    };
    let mut steering = Steering::new(servo, CONTEXT, 0.1);
    assert!(steering.probe().is_none());
    let before = steering.settings(0.1, &Offsets::default());
    assert_eq!(before.learning_rate().unwrap(), 0.1);
    steering.record(&measured(0.02));
    let after = steering.settings(0.1, &Offsets::default());
    let rho = servo.set_point(
        &CONTEXT,
        &History::default(),
        0.1,
        after.number(BATCH_SIZE).unwrap(),
    );
    let wanted = 0.1 * rho / 0.02;
    assert!((after.learning_rate().unwrap() / wanted - 1.0).abs() < 1e-12);
    // A measurement counts once; a divergence quarters what there is.
    steering.record(&Report {
        diverged: true,
        ..Default::default()
    });
    let quarter = steering.settings(0.1, &Offsets::default());
    assert!((quarter.learning_rate().unwrap() / (0.25 * wanted) - 1.0).abs() < 1e-12);
}

#[test]
fn offsets_are_factors() {
    let mut steering = Steering::new(servo(), CONTEXT, 0.1);
    steering.record(&measured(0.02));
    let mut other = steering.clone();
    let plain = steering.settings(0.5, &Offsets::default());
    let offsets = Offsets {
        update_ratio: 2f64.ln(),
        weight_decay: 3f64.ln(),
        batch_size: 0.0,
    };
    let moved = other.settings(0.5, &offsets);
    let ratio = |name: &str| moved.number(name).unwrap() / plain.number(name).unwrap();
    assert!((ratio(LEARNING_RATE) - 2.0).abs() < 1e-12);
    // The decay goes with the set-point, and has a factor of its own.
    assert!((ratio(INDEPENDENT_WEIGHT_DECAY) - 6.0).abs() < 1e-9);
    assert_eq!(ratio(BATCH_SIZE), 1.0);
}

/// A loss that falls to a hundredth lowers the wanted updates by the exponent's share of two decades.
#[test]
fn the_history_moves_the_set_point_and_the_decay() {
    let servo = ContextServo {
        feedback: Feedback {
            progress: 0.5,
            gap: -0.25,
        },
        decay_feedback: Feedback {
            progress: 0.0,
            gap: 1.0,
        },
        ..servo()
    };
    let mut steering = Steering::new(servo, CONTEXT, 0.1);
    let losses = |train: f64, validation: f64| Report {
        train: TrainLoss::of(&[train]),
        validation: Some(Validation {
            loss: validation,
            ..Default::default()
        }),
        ..measured(0.02)
    };
    steering.record(&losses(1.0, 1.0));
    let before = steering.set_point(0.5, &Offsets::default());
    let decay = |steering: &mut Steering| {
        let settings = steering.settings(0.5, &Offsets::default());
        settings.number(INDEPENDENT_WEIGHT_DECAY).unwrap()
    };
    let decay_before = decay(&mut steering);
    steering.record(&losses(0.01, 0.1));
    let after = steering.set_point(0.5, &Offsets::default());
    assert!((after / before / 10f64.powf(-1.0 - 0.25) - 1.0).abs() < 1e-9);
    let times = decay(&mut steering) / decay_before;
    assert!(
        (times / 10f64.powf(-1.25 + 1.0) - 1.0).abs() < 1e-9,
        "{times}"
    );
}

/// Delayed classes make gradients a thousand times larger than those that were measured: the rate goes down at once,
/// and what was learned of the updates is forgotten.
#[test]
fn a_loss_spike_lowers_the_rate() {
    let mut steering = Steering::new(servo(), CONTEXT, 1.0);
    let report = |losses: &[f64], ratio: f64| Report {
        train: TrainLoss::of(losses),
        ..measured(ratio)
    };
    let mut lr = |report: Report| {
        steering.record(&report);
        let settings = steering.settings(0.5, &Offsets::default());
        settings.learning_rate().unwrap()
    };
    let before = lr(report(&[0.01, 0.01], 0.01));
    // Not yet one: tenfold is noise where losses are small.
    let same = lr(report(&[0.01, 0.09], before * 0.01));
    assert!((same / before - 1.0).abs() < 1e-9);
    let after = lr(report(&[0.05, 1.0], before * 0.01));
    assert!((after / before - 0.05).abs() < 1e-9, "{before} {after}");
    // And from there the next measurement counts in full.
    let next = lr(report(&[1.0, 1.0], after));
    assert!((next / before - 0.01).abs() < 1e-9, "{next}");
}

/// A loss that rises because units have left says nothing against the rate, nor against the weights.
#[test]
fn a_smaller_network_is_another_network() {
    let run = |weights: usize| {
        let servo = ContextServo {
            guard: Guard {
                patience: 0.1,
                ceiling: 0.0,
                ..Guard::default()
            },
            ..servo()
        };
        let mut steering = Steering::new(servo, CONTEXT, 1.0);
        let mut lr = |f: f64, loss: f64, weights: usize| {
            steering.record(&Report {
                train: TrainLoss::of(&[loss, loss]),
                pruned: Some(Pruned {
                    weights,
                    ..Default::default()
                }),
                ..validated(0.01, loss)
            });
            let settings = steering.settings(f, &Offsets::default());
            (settings.learning_rate().unwrap(), settings.from_best())
        };
        let whole = CONTEXT.parameters as usize;
        let (before, _) = lr(0.2, 0.01, whole);
        let (after, back) = lr(0.4, 1.0, weights);
        (after / before, back)
    };
    let whole = CONTEXT.parameters as usize;
    let (spike, back) = run(whole);
    assert!(spike < 0.1 && back, "{spike} {back}");
    let (smaller, back) = run(whole / 2);
    assert!(smaller > 0.5 && !back, "{smaller} {back}");
}

#[test]
fn units_that_leave_make_a_network_less_wide() {
    let context = Context {
        parameters: 4096.0 * 40.0,
        units: 4096.0,
        ..CONTEXT
    };
    let mut steering = Steering::new(servo(), context, 0.1);
    assert_eq!(steering.context().excess_units(), 8.0);
    steering.record(&Report {
        pruned: Some(Pruned {
            weights: 1024 * 40,
            units: vec![1024],
            ..Default::default()
        }),
        ..validated(0.01, 1.0)
    });
    assert_eq!(steering.context().excess_units(), 2.0);
}

/// With gradients that vanish, updates shrink at the same rate: the rate follows as far as the memory lets it.
#[test]
fn memory_keeps_the_rate_from_chasing_updates_that_vanish() {
    let run = |memory: f64| {
        let servo = ContextServo {
            memory: Memory {
                raise: memory,
                lower: 0.0,
            },
            ..servo()
        };
        let mut steering = Steering::new(servo, CONTEXT, 1.0);
        let mut gain = 1.0;
        let mut lr = 1.0;
        for _ in 0..20 {
            steering.record(&measured(gain * lr));
            lr = steering
                .settings(0.5, &Offsets::default())
                .learning_rate()
                .unwrap();
            gain *= 0.8;
        }
        lr
    };
    let (last, all) = (run(0.0), run(1.0));
    assert!(
        (last / all / 0.8f64.powf(-9.5) - 1.0).abs() < 1e-6,
        "{last} {all}"
    );
}

fn validated(ratio: f64, loss: f64) -> Report {
    Report {
        validation: Some(Validation {
            loss,
            ..Default::default()
        }),
        ..measured(ratio)
    }
}

fn guarded(guard: Guard) -> Steering {
    let mut steering = Steering::new(ContextServo { guard, ..servo() }, CONTEXT, 0.1);
    steering.probed(&measured(0.01));
    steering
}

/// Updates that vanish ask for a higher rate at each segment. Without a guard it has no end.
#[test]
fn a_rate_stays_near_the_last_that_improved_the_validation() {
    let run = |guard| {
        let mut steering = guarded(guard);
        let mut rates = Vec::new();
        for segment in 0..20 {
            let f = (f64::from(segment) + 0.5) / 20.0;
            let settings = steering.settings(f, &Offsets::default());
            rates.push(settings.learning_rate().unwrap());
            // Three segments improve, then units die.
            let loss = 1.0 - 0.1 * f64::from(segment.min(2));
            let ratio = rates[segment as usize] * 0.1 * 0.4f64.powi(segment);
            steering.record(&validated(ratio, loss));
        }
        rates
    };
    let rise = Guard {
        rise: 3.0,
        ..Guard::OFF
    };
    let climb = Guard {
        climb: 2.0,
        ..Guard::OFF
    };
    let (free, bounded, low) = (run(Guard::OFF), run(rise), run(climb));
    assert!((low[19] / low[0] - 2.0).abs() < 1e-9, "{low:?}");
    assert!(free[19] > 1e3 * free[2], "{free:?}");
    for rate in &bounded[3..] {
        assert!(*rate <= 3.0 * bounded[2] * (1.0 + 1e-12), "{bounded:?}");
    }
    // It may rise as long as that helps.
    assert!(bounded[2] > 1.5 * bounded[1], "{bounded:?}");
}

#[test]
fn the_best_weights_come_back_once_the_validation_has_been_above_its_best_for_too_long() {
    let mut steering = guarded(Guard::default());
    let mut back = Vec::new();
    for segment in 0..20 {
        let f = (f64::from(segment) + 0.5) / 20.0;
        let before = steering.set_point(f, &Offsets::default());
        let settings = steering.settings(f, &Offsets::default());
        if settings.from_best() {
            let after = steering.set_point(f, &Offsets::default());
            assert!((after / before - 0.25).abs() < 1e-12, "{after} {before}");
            back.push(segment);
        }
        let loss = if segment == 3 { 0.5 } else { 1.0 };
        steering.record(&validated(1e-2, loss));
    }
    // More than a quarter of the budget after the best segment, and after each return: six segments of twenty.
    assert_eq!(back, [9, 15]);
    // Once the validation is better than ever, the set-point is what it was.
    let fresh = guarded(Guard::default());
    steering.settings(0.99, &Offsets::default());
    steering.record(&validated(1e-2, 0.4));
    let [after, planned] =
        [&steering, &fresh].map(|steering| steering.set_point(0.99, &Offsets::default()));
    assert!((after / planned - 1.0).abs() < 1e-9, "{after} {planned}");
    // Not where the last validation loss is the best.
    let mut steering = guarded(Guard::default());
    for segment in 0..20 {
        let settings = steering.settings(f64::from(segment) / 20.0, &Offsets::default());
        assert!(!settings.from_best());
        steering.record(&validated(1e-2, 1.0 / f64::from(segment + 1)));
    }
}

/// The first rates of a training whose updates are this small at a rate of 0.1, where the servo wants one of more than 0.1, and the
/// last of 20 segments in which they vanish though the loss falls.
fn rates(guard: Guard, adaptive: bool, ratio: f64) -> (f64, f64) {
    let context = Context {
        adaptive,
        ..CONTEXT
    };
    let servo = ContextServo { guard, ..servo() };
    let mut steering = Steering::new(servo, context, 0.1);
    steering.probed(&measured(ratio));
    let rates = (0..20).map(|segment| {
        let f = f64::from(segment) / 20.0;
        let settings = steering.settings(f, &Offsets::default());
        let lr = settings.learning_rate().unwrap();
        let vanishing = 10.0 * lr * ratio * 0.5f64.powi(segment);
        steering.record(&validated(vanishing, 1.0 / f64::from(segment + 1)));
        lr
    });
    let rates: Vec<f64> = rates.collect();
    (rates[0], rates[19])
}

#[test]
fn an_adaptive_rate_has_a_ceiling() {
    let guard = Guard {
        ceiling: 0.1,
        ..Guard::OFF
    };
    let (first, last) = rates(Guard::OFF, true, 1e-3);
    assert!(first > 0.5 && last > 1e3, "{first} {last}");
    assert_eq!(rates(guard, true, 1e-3), (0.1, 0.1));
    // Not where the rate is not what each weight moves by: without normalised updates, and in another unit.
    assert_eq!(rates(guard, false, 1e-3), rates(Guard::OFF, false, 1e-3));
    assert_eq!(rates(guard, true, 1e-6), rates(Guard::OFF, true, 1e-6));
}

#[test]
fn a_set_point_is_bounded_where_updates_are_few() {
    let servo = ContextServo::default();
    let free = ContextServo {
        guard: Guard::OFF,
        ..servo
    };
    let of = |servo: &ContextServo, epochs| {
        let few = Context {
            epochs,
            examples: 200.0,
            ..CONTEXT
        };
        servo.set_point(&few, &History::default(), 0.0, 64.0)
    };
    // Three layers of weights change what the network computes by 0.6 of it.
    let change = (1.0 + of(&servo, 1.0)).powi(3) - 1.0;
    assert!((change - 0.6).abs() < 1e-12, "{change}");
    assert!(of(&free, 1.0) > 0.25, "{}", of(&free, 1.0));
    assert_eq!(of(&servo, 40.0), of(&free, 40.0));
}

/// `(1 + rho)^L - 1` is what is bounded, from two layers of weights to five.
#[test]
fn the_largest_set_point_shrinks_with_the_layers() {
    let guard = Guard {
        largest_change: 0.6,
        ..Guard::OFF
    };
    let largest = |layers| {
        let servo = ContextServo { guard, ..servo() };
        let context = Context {
            layers,
            epochs: 1e-3,
            ..CONTEXT
        };
        servo.set_point(&context, &History::default(), 0.0, 1e6)
    };
    for (layers, power) in [(1.0, 2), (2.0, 2), (3.0, 3), (5.0, 5), (50.0, 5)] {
        let change = (1.0 + largest(layers)).powi(power) - 1.0;
        assert!((change - 0.6).abs() < 1e-12, "{layers} layers: {change}");
    }
}

/// The factor that a policy puts on the updates of one segment is neither bounded nor counted as what worked.
#[test]
fn the_guard_is_on_what_the_servo_wants_by_itself() {
    let mut steering = guarded(Guard {
        ceiling: 0.0,
        ..Guard::default()
    });
    let mut lr = steering
        .settings(0.0, &Offsets::default())
        .learning_rate()
        .unwrap();
    for (segment, factor) in [10.0f64, 0.2, 1.0].into_iter().enumerate() {
        steering.record(&validated(lr * 0.1, 1.0 / (segment + 1) as f64));
        let offsets = Offsets {
            update_ratio: factor.ln(),
            ..Default::default()
        };
        let wanted = steering.set_point(0.1, &offsets) / 0.1;
        let settings = steering.settings(0.1, &offsets);
        lr = settings.learning_rate().unwrap();
        assert!((lr / wanted - 1.0).abs() < 1e-9, "{factor}: {lr} {wanted}");
    }
}

proptest! {
    /// A constant in the loss, of which the training's lowest loss knows, changes no decision.
    #[test]
    fn a_constant_in_the_loss_changes_nothing(
        constant in -1e3..1e3f64,
        losses in proptest::collection::vec((1e-3..10.0f64, 1e-3..10.0f64, 1e-4..0.3f64), 20),
    ) {
        let run = |constant: f64| {
            let servo = ContextServo { loss_spike: 3.0, ..ContextServo::default() };
            let mut steering = Steering::new(servo, CONTEXT, 0.1).lowest_loss(constant);
            steering.probed(&measured(0.01));
            let mut all = Vec::new();
            for (segment, (train, validation, ratio)) in losses.iter().enumerate() {
                let f = (segment as f64 + 0.5) / 20.0;
                all.push(steering.settings(f, &Offsets::default()));
                steering.record(&Report {
                    train: TrainLoss::of(&[*train + constant, *validation + constant]),
                    ..validated(*ratio, *validation + constant)
                });
            }
            all
        };
        for (plain, shifted) in run(0.0).iter().zip(run(constant)) {
            prop_assert_eq!(plain.from_best(), shifted.from_best());
            for name in crate::tuning::settings::OF_TRAININGS {
                let [a, b] = [plain, &shifted].map(|settings| settings.number(name).unwrap());
                prop_assert!((a / b - 1.0).abs() < 1e-6, "{}: {} {}", name, a, b);
            }
        }
    }

    /// Whatever the training is, the settings are possible ones.
    #[test]
    fn settings_are_always_possible(
        epochs in 1e-3..1e6f64, examples in 1.0..1e9f64, parameters in 1.0..1e12f64, layers in 1.0..200.0f64,
        units in 0.0..1e6f64, update_cost in 0.0..1e9f64, targets in 1.0..1e6f64, adaptive: bool, pretrained: bool, f in 0.0..=1.0f64, ratio in 1e-12..1e3f64, z in -5.0..5.0f64,
    ) {
        let context = Context { epochs, examples: examples.round(), parameters, layers, units, adaptive, pretrained, update_cost, targets };
        let mut steering = Steering::new(ContextServo::default(), context, 0.1);
        steering.record(&measured(ratio));
        let offsets = Offsets { update_ratio: z, batch_size: z, weight_decay: z };
        let settings = steering.settings(f, &offsets);
        prop_assert!(settings.learning_rate().is_ok());
        prop_assert!(settings.batch_size().unwrap() as f64 <= context.examples);
        let decay = settings.number(INDEPENDENT_WEIGHT_DECAY).unwrap();
        prop_assert!((0.0..=MAX_DECAY).contains(&decay));
    }
}
