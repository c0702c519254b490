//! When the best weights come back at once, because updates have ruined those that are there.

use super::*;

/// The segments of twenty that begin at the best weights, and how many times the set-point of a fresh training the last has, where
/// training and validation losses are these in the segments from the second on, and better than ever in the last two.
fn backtracked(guard: Guard, context: Context, train: f64, validation: f64) -> (Vec<usize>, f64) {
    let servo = ContextServo { guard, ..servo() };
    let both = |train: f64, validation: f64| Report {
        train: TrainLoss::of(&[train]),
        ..validated(1e-2, validation)
    };
    let mut steering = Steering::new(servo, context, 0.1);
    steering.probed(&both(1.0, 1.0));
    let fresh = steering.clone();
    let mut back = Vec::new();
    for segment in 0..20 {
        let f = segment as f64 / 20.0;
        if steering.settings(f, &Offsets::default()).from_best() {
            back.push(segment);
        }
        steering.record(&match segment {
            0 => both(0.9, 0.9),
            18.. => both(0.5, 0.5),
            _ => both(train, validation),
        });
    }
    let last = [&steering, &fresh].map(|steering| steering.set_point(0.99, &Offsets::default()));
    (back, last[0] / last[1])
}

#[test]
fn the_best_weights_come_back_at_once_where_both_losses_are_above_the_first() {
    let guard = Guard {
        backtracks: 2,
        backtrack: 0.5,
        ..Guard::OFF
    };
    let both = backtracked(guard, CONTEXT, 1.5, 1.5);
    assert_eq!(both.0, [2, 3]);
    // For good, although the last validation is better than ever.
    assert!((both.1 / 0.25 - 1.0).abs() < 1e-9, "{}", both.1);
    // Data that are yet to come are in the validation alone, and a hard minibatch in the training loss alone.
    for (train, validation) in [(0.5, 5.0), (5.0, 0.95), (1.0, 1.0)] {
        let neither = backtracked(guard, CONTEXT, train, validation);
        assert_eq!(neither, (vec![], 1.0), "{train} {validation}");
    }
    assert!(backtracked(Guard::OFF, CONTEXT, 1.5, 1.5).0.is_empty());
    // Weights of an earlier training begin with a loss that is low.
    let pretrained = Context {
        pretrained: true,
        ..CONTEXT
    };
    assert!(backtracked(guard, pretrained, 1.5, 1.5).0.is_empty());
}

/// Where a validation is not made after each segment, the one before tells.
#[test]
fn the_last_validation_tells_whether_weights_are_ruined() {
    let mut steering = Steering::new(servo(), CONTEXT, 0.1);
    steering.servo.guard = Guard {
        backtracks: 1,
        ..Guard::OFF
    };
    let losses = |train: f64| Report {
        train: TrainLoss::of(&[train]),
        ..measured(1e-2)
    };
    steering.probed(&losses(1.0));
    for (report, back) in [
        (losses(1.5), false),
        (validated(1e-2, 1.5), false),
        (losses(1.5), true),
        (losses(1.5), false),
    ] {
        steering.record(&report);
        let settings = steering.settings(0.1, &Offsets::default());
        assert_eq!(settings.from_best(), back, "{report:?}");
    }
}

/// Whether the best weights come back at once from losses of 1.5 at this share of the budget, after a validation with this loss; that of
/// the first update is 1.
fn is_ruined(f: f64, validation: f64) -> bool {
    let mut steering = Steering::new(servo(), CONTEXT, 0.1);
    steering.servo.guard = Guard {
        backtracks: 1,
        ..Guard::OFF
    };
    let losses = |loss: f64| Report {
        train: TrainLoss::of(&[loss]),
        ..validated(1e-2, loss)
    };
    steering.probed(&losses(1.0));
    steering.settings(f, &Offsets::default());
    steering.record(&losses(validation));
    steering.settings(f, &Offsets::default());
    steering.record(&losses(1.5));
    steering.settings(f, &Offsets::default()).from_best()
}

/// Labels that turn to noise spoil what was learned, whatever the size of the updates.
#[test]
fn weights_are_ruined_by_updates_at_the_start_alone() {
    assert!(is_ruined(0.1, 0.6));
    assert!(!is_ruined(0.1, 0.4));
    assert!(is_ruined(0.24, 0.6));
    assert!(!is_ruined(0.26, 0.6));
}

/// One minibatch may have an outlier.
#[test]
fn a_bad_minibatch_is_no_ruin() {
    for (train, back) in [
        ([0.5, 50.0], false),
        ([50.0, 0.5], false),
        ([1.1, 50.0], true),
    ] {
        let mut steering = Steering::new(servo(), CONTEXT, 0.1);
        steering.servo.guard = Guard {
            backtracks: 1,
            ..Guard::OFF
        };
        let losses = |losses: &[f64], validation| Report {
            train: TrainLoss::of(losses),
            ..validated(1e-2, validation)
        };
        steering.probed(&losses(&[1.0], 1.0));
        steering.record(&losses(&train, 1.5));
        let settings = steering.settings(0.1, &Offsets::default());
        assert_eq!(settings.from_best(), back, "{train:?}");
    }
}

/// A class that comes late is in the validation from the beginning, and in the training loss once it is there.
#[test]
fn a_class_that_comes_late_is_no_ruin() {
    let mut steering = Steering::new(servo(), CONTEXT, 0.1);
    steering.servo.guard = Guard {
        backtracks: 2,
        ..Guard::OFF
    };
    let losses = |train: f64, validation: f64| Report {
        train: TrainLoss::of(&[train]),
        ..validated(1e-2, validation)
    };
    steering.probed(&losses(1.0, 1.0));
    for (train, validation) in [(0.8, 0.9), (0.3, 2.0), (0.2, 3.0), (4.0, 1.5), (2.0, 0.8)] {
        steering.record(&losses(train, validation));
        let settings = steering.settings(0.1, &Offsets::default());
        assert!(!settings.from_best(), "{train} {validation}");
    }
}
