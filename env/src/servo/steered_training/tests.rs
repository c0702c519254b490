use super::*;

const TRAINING: Training = Training {
    examples: 1000,
    validation_examples: 1,
    epochs: 20.0,
    adaptive: false,
    learning_rate: 0.1,
};

const SIZE: NetworkSize = NetworkSize {
    weights: 1000,
    layers: 2,
    units: 40,
};

/// Updates as large as the rate, and a loss that falls to half with each segment, in batches that may not be the servo's to choose.
fn played(batch_size: Option<usize>) -> (SteeredTraining, u64) {
    let mut steered = SteeredTraining::new(TRAINING, ContextServo::default(), SIZE).unwrap();
    if let Some(size) = batch_size {
        steered = steered.with_batch_size(size).unwrap();
    }
    let mut tally = Tally::new(steered.cost());
    let (mut loss, mut examples) = (4.0, 0);
    while !steered.is_over(&tally) {
        tally.count(steered.settings().batch_size().unwrap());
        tally.see(loss);
        if !steered.is_at_end_of_updates(&tally) {
            continue;
        }
        let report = tally.report(Some(GradientStatistics {
            update_ratio: steered.settings().learning_rate().unwrap(),
            ..Default::default()
        }));
        examples += report.examples;
        if steered.is_probing() {
            steered.probed(report, SIZE);
            // Its cost is told.
            tally.begin(steered.settings().batch_size().unwrap());
        } else if steered.trained(report).is_none() {
            loss *= 0.5;
        }
        if steered.wants_validation() {
            steered.validated(loss, &mut tally).unwrap();
            steered.decide();
        }
        tally.begin(steered.settings().batch_size().unwrap());
    }
    (steered, examples)
}

#[test]
fn batches_of_ones_own_make_as_many_passes_as_were_asked_for() {
    for size in [8, 64, 128, 1000] {
        let (steered, examples) = played(Some(size));
        let left = 20_000.0 - examples as f64;
        // What is left is less than an update, and what the validations cost, of an example before the first segment and after each.
        let CostModel::Modelled(time) = steered.cost() else {
            unreachable!("cost is modelled")
        };
        let validations = (steered.segments().len() + 1) as f64 * time.evaluation(1);
        let most = size as f64 * (1.0 + validations / time.update(size));
        assert!(
            (-(size as f64)..most).contains(&left),
            "{size}: {left} of {most}"
        );
        let sizes = steered.segments().iter().map(|s| &s.settings);
        assert!(sizes.into_iter().all(|s| s.batch_size().unwrap() == size));
    }
}

/// The first segment already makes updates of the size that is wanted for such batches, and so do those after it.
#[test]
fn batches_of_ones_own_change_the_set_point() {
    let servo = ContextServo::default();
    for size in [16, 256] {
        let (steered, _) = played(Some(size));
        for segment in &steered.segments()[..1] {
            let lr = segment.settings.learning_rate().unwrap();
            let at =
                |b: f64| servo.set_point(steered.steering().context(), &Default::default(), 0.0, b);
            assert!((lr / at(size as f64) - 1.0).abs() < 1e-9, "{size}: {lr}");
        }
    }
    let rate = |(steered, _): (SteeredTraining, u64), index: usize| {
        steered.segments()[index].settings.learning_rate().unwrap()
    };
    for index in [0, 6] {
        let times = rate(played(Some(256)), index) / rate(played(Some(16)), index);
        let wanted = 16f64.powf(servo.batch_exponent);
        assert!(
            (times / wanted - 1.0).abs() < 0.05,
            "{index}: {times}, {wanted}"
        );
    }
}

#[test]
fn a_training_goes_on_as_it_was_written() {
    let (steered, _) = played(None);
    let text = crate::json::to_vec(&steered).unwrap();
    let again: SteeredTraining = crate::json::from_slice(&text).unwrap();
    assert_eq!(crate::json::to_vec(&again).unwrap(), text);
    assert_eq!(again.segments(), steered.segments());
}

#[test]
fn batches_of_nothing_are_refused() {
    let steered = SteeredTraining::new(TRAINING, ContextServo::default(), SIZE).unwrap();
    let error = steered.with_batch_size(0).unwrap_err().to_string();
    assert!(error.starts_with("batch_size"), "{error}");
}

/// The budget is as many passes with batches of 64, at any cost of an update, and whichever is said first.
#[test]
fn a_budget_is_passes_whatever_an_update_costs() {
    let new = || SteeredTraining::new(TRAINING, ContextServo::default(), SIZE).unwrap();
    assert_eq!(
        crate::json::to_vec(&new().update_cost(70.0).unwrap()).unwrap(),
        crate::json::to_vec(&new()).unwrap(),
    );
    for examples in [0.0, 3.0, 700.0] {
        let steered = new().update_cost(examples).unwrap();
        let CostModel::Modelled(time) = steered.cost() else {
            unreachable!("cost is modelled")
        };
        let passes = steered.budget() / (16.0 * time.update(64));
        assert!((passes - 20.0).abs() < 1e-9, "{examples}: {passes}");
        let first = new().update_cost(examples).unwrap().with_batch_size(16);
        let last = new().with_batch_size(16).unwrap().update_cost(examples);
        assert_eq!(
            crate::json::to_vec(&first.unwrap()).unwrap(),
            crate::json::to_vec(&last.unwrap()).unwrap(),
        );
    }
}

#[test]
fn batches_follow_what_an_update_costs_and_the_targets_of_an_example() {
    let new = || {
        let training = Training {
            examples: 100_000,
            ..TRAINING
        };
        SteeredTraining::new(training, ContextServo::default(), SIZE).unwrap()
    };
    let size = |steered: SteeredTraining| steered.settings().batch_size().unwrap();
    let usual = size(new());
    assert!(size(new().update_cost(5.0).unwrap()) < usual);
    assert!(size(new().update_cost(300.0).unwrap()) > usual);
    assert!(size(new().targets_per_example(64).unwrap()) < usual);
}

#[test]
fn costs_and_targets_that_cannot_be_are_refused() {
    let new = || SteeredTraining::new(TRAINING, ContextServo::default(), SIZE).unwrap();
    for examples in [-1.0, f64::NAN, f64::INFINITY, 1e10] {
        let error = new().update_cost(examples).unwrap_err().to_string();
        assert!(error.starts_with("update_cost"), "{error}");
    }
    let error = new().targets_per_example(0).unwrap_err().to_string();
    assert!(error.starts_with("targets_per_example"), "{error}");
}
