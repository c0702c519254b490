//! What goes wrong in a loop: divergences, losses that are no number, validations that do not come, options that cannot be.

use super::*;

#[test]
fn a_divergence_brings_back_the_best_weights_and_lowers_the_rate() {
    let spoil = |validation: usize, loss: f64| match validation {
        6 => f64::NAN,
        9 => 1e3,
        _ => loss,
    };
    let (tuner, weights) = own_loop(OptimizerConfig::adam(), 1e-3, spoil, None);
    let segments = tuner.segments();
    let diverged: Vec<usize> = (0..segments.len())
        .filter(|i| segments[*i].report.diverged)
        .collect();
    // The first validation is that before training.
    assert_eq!(diverged, [5, 8]);
    for index in diverged {
        let rate = |i: usize| segments[i].settings.number(LEARNING_RATE).unwrap();
        assert!((rate(index + 1) / rate(index) - 0.25).abs() < 1e-9);
        assert!(segments[index].report.validation.is_none());
    }
    assert!(
        tuner.best_loss() < segments[8].best_loss,
        "training went on"
    );
    assert!(weights.iter().all(|weight| weight.is_finite()));
}

/// One update on the first rows, without a validation.
fn unvalidated<M: Module>(
    tuner: &mut Tuner<M>,
    model: M,
    forward: impl Fn(&M, Batch) -> burn::tensor::Tensor<1>,
) -> M {
    let rows: Vec<u32> = (0..tuner.batch_size() as u32).collect();
    let batch = Batch::gather(&digits().train, &rows, &Device::flex().autodiff());
    let loss = forward(&model, batch);
    let value = loss.clone().into_scalar();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    tuner.step(model, gradients, value)
}

#[test]
fn a_loop_that_does_not_validate_ends_with_its_budget() {
    let task = task();
    let forward = |model: &_, batch: Batch| {
        let outputs = task.forward(model, batch.inputs);
        task.loss(outputs, &batch.targets)
    };
    let training = Training {
        epochs: 5.0,
        ..training(0.01, true)
    };
    let time = UpdateTime::default();
    for validations in 0..3 {
        let mut model = task.model(&Device::flex().autodiff());
        let mut tuner = Tuner::new(&model, burns(OptimizerConfig::adam()), training).unwrap();
        let (mut asked, mut spent) = (0, time.evaluation(training.validation_examples));
        while !tuner.is_over() {
            spent += time.update(tuner.batch_size());
            assert!(
                spent < 1.01 * tuner.steered.budget() + time.update(tuner.batch_size()),
                "it goes on"
            );
            model = unvalidated(&mut tuner, model, forward);
            if tuner.wants_validation() && asked < validations {
                asked += 1;
                if asked > 1 {
                    spent += time.evaluation(training.validation_examples);
                }
                model = tuner.validated(model, 2.0);
            }
        }
        assert!(spent > tuner.steered.budget(), "it ended early");
        assert_eq!(tuner.segments().len(), usize::from(validations == 2));
        let unknown = tuner.best_loss() == f64::MAX;
        assert_eq!(unknown, validations == 0);
    }
}

#[test]
fn a_validation_that_is_not_wanted_changes_nothing() {
    let task = task();
    let forward = |model: &_, batch: Batch| {
        let outputs = task.forward(model, batch.inputs);
        task.loss(outputs, &batch.targets)
    };
    let mut model = task.model(&Device::flex().autodiff());
    let training = training(0.01, true);
    let mut tuner = Tuner::new(&model, burns(OptimizerConfig::adam()), training).unwrap();
    model = tuner.validated(model, f64::NAN);
    assert!(tuner.is_probing() && tuner.best_loss() == f64::MAX);
    model = unvalidated(&mut tuner, model, forward);
    // The first segments are of one update.
    while tuner.wants_validation() {
        model = tuner.validated(model, 2.0);
        model = unvalidated(&mut tuner, model, forward);
    }
    let segments = tuner.segments().len();
    let (settings, share) = (tuner.settings().clone(), tuner.spent_share());
    let (mut before, mut after) = (Vec::new(), Vec::new());
    flat_state(&model, &mut before);
    model = tuner.validated(model, 0.1);
    model = tuner.validated(model, f64::NAN);
    flat_state(&model, &mut after);
    assert_eq!(before, after);
    assert_eq!((&settings, share), (tuner.settings(), tuner.spent_share()));
    assert_eq!(tuner.best_loss(), 2.0);
    assert_eq!(tuner.segments().len(), segments);
}

/// A loss that is not a number ends its segment at once, and the model that comes back is sound.
#[test]
fn a_loss_that_is_no_number_is_taken_back_within_the_step() {
    let task = task();
    let device = Device::flex().autodiff();
    let mut model = task.model(&device);
    let mut tuner = Tuner::new(&model, SgdConfig::new().init(), training(0.01, false)).unwrap();
    let data = digits();
    let step = |tuner: &mut Tuner<_>, model, spoilt: bool| {
        let rows: Vec<u32> = (0..tuner.batch_size() as u32).collect();
        let batch = Batch::gather(&data.train, &rows, &device);
        let mut loss = task.loss(task.forward(&model, batch.inputs), &batch.targets);
        if spoilt {
            loss = loss * f32::NAN;
        }
        let value = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        tuner.step(model, gradients, value)
    };
    model = step(&mut tuner, model, false);
    assert!(tuner.wants_validation());
    model = tuner.validated(model, 2.3);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    flat_state(&model, &mut before);
    model = step(&mut tuner, model, true);
    assert!(tuner.segments()[0].report.diverged && !tuner.wants_validation());
    flat_state(&model, &mut after);
    assert_eq!(before, after);
}

#[test]
fn what_cannot_be_is_refused_by_field() {
    let model = task().model(&Device::flex().autodiff());
    let good = training(0.01, true);
    let refused = |training: Training, field: &str| {
        let error = Tuner::new(&model, AdamConfig::new().init(), training).err();
        let error = error.unwrap().to_string();
        assert!(error.starts_with(field), "{error}");
    };
    refused(
        Training {
            examples: 0,
            ..good
        },
        "examples",
    );
    let none = Training {
        validation_examples: 0,
        ..good
    };
    refused(none, "validation_examples");
    let endless = Training {
        epochs: f64::INFINITY,
        ..good
    };
    refused(endless, "epochs");
    let frozen = Training {
        learning_rate: 0.0,
        ..good
    };
    refused(frozen, "learning_rate");
    let servo = ContextServo {
        probe: false,
        ..Default::default()
    };
    let error = Tuner::with_servo(&model, AdamConfig::new().init(), good, servo).err();
    assert!(error.unwrap().to_string().starts_with("servo.probe"));
    let policy = ResidualPolicy {
        residual: Residual {
            knobs: vec![Knob::batch_size(&[8], 8, Moves::Absolute)],
            observation: ObservationConfig::default(),
        },
        choose: Arc::new(|_| Action::new(vec![0])),
        text: None,
    };
    let tuner = Tuner::new(&model, AdamConfig::new().init(), good).unwrap();
    let error = tuner.with_policy(policy).err().unwrap().to_string();
    assert!(error.starts_with("knobs[0].moves"), "{error}");
}

/// With the same weights, batches and optimiser, one call and a loop of one's own are the same training.
#[test]
fn one_call_and_a_loop_of_ones_own_decide_alike() {
    for (optimizer, lr) in [
        (OptimizerConfig::adam(), 1e-3),
        (OptimizerConfig::sgd(), 0.5),
    ] {
        let (tuner, weights) = own_loop(optimizer, lr, |_, loss| loss, None);
        let config = TrainConfig {
            optimizer,
            learning_rate: Some(lr),
            epochs: EPOCHS,
            seed: SEED,
            ..Default::default()
        };
        // By the same gradients to the last bit.
        let trained = train(Differentiated(task()), &config, &Device::flex()).unwrap();
        assert_eq!(trained.segments.len(), tuner.segments().len());
        for (one, other) in trained.segments.iter().zip(tuner.segments()) {
            assert_eq!(one.settings, other.settings);
            assert_eq!(one.best_loss, other.best_loss);
        }
        let mut same = Vec::new();
        flat_state(&trained.model, &mut same);
        assert_eq!(weights, same);
    }
}
