use super::*;
use crate::OptimizerConfig;
use crate::data::{Embedded, Split, SplitConfig, Targets, split};
use crate::network::mlp::Activation;
use crate::network::weights::flat_state;
use crate::tasks::mlp::MlpTask;
use crate::training::optimizer::{FlatOptimizer, ProdigyConfig, ScheduleFreeConfig};
use std::sync::Arc;
use trimtab_env::UpdateTime;
use trimtab_env::settings::{AVERAGING, INDEPENDENT_WEIGHT_DECAY};

fn digits() -> Arc<Split> {
    let config = SplitConfig {
        max_train: Some(300),
        ..Default::default()
    };
    Arc::new(split(&Embedded::Digits.load().unwrap(), &config).unwrap())
}

fn trainee(config: TraineeConfig) -> TaskTrainee<MlpTask> {
    let task = MlpTask::new("digits", digits(), &[16], Activation::Relu);
    TaskTrainee::new(task, config, &Device::flex()).unwrap()
}

/// A budget that buys exactly this many updates and one evaluation.
fn budget(trainee: &TaskTrainee<MlpTask>, updates: usize, batch_size: usize) -> Cost {
    let time = UpdateTime::default();
    updates as f64 * time.update(batch_size) + time.evaluation(trainee.spec.validation_examples)
}

fn flat(trainee: &TaskTrainee<MlpTask>) -> Vec<f32> {
    let mut flat = Vec::new();
    flat_state(&trainee.model().unwrap(), &mut flat);
    flat
}

#[test]
fn training_learns_and_reports_what_it_did() {
    let mut trainee = trainee(TraineeConfig::default());
    let first = trainee.start(1).unwrap();
    let first_loss = first.validation.unwrap().loss;
    assert!((first_loss - 10f64.ln()).abs() < 0.3, "{first_loss}");
    let budget = budget(&trainee, 100, 32);
    let report = trainee.advance(&Settings::new(0.1, 32), budget).unwrap();
    assert_eq!((report.updates, report.examples), (100, 3200));
    assert!((report.cost / budget - 1.0).abs() < 1e-9);
    assert!(!report.diverged);
    let validation = report.validation.unwrap();
    assert!(validation.loss < 0.4 * first_loss, "{}", validation.loss);
    assert!(validation.metrics["accuracy"] > 0.85);
    let gradients = report.gradients.unwrap();
    assert_eq!(gradients.samples, 8);
    assert!(gradients.update_ratio > 1e-4 && gradients.update_ratio < 1.0);
    assert!(trainee.test().unwrap().metrics["accuracy"] > 0.8);
}

#[test]
fn the_same_seed_gives_the_same_bits_alone_or_beside_others() {
    let run = |seed| {
        let mut trainee = trainee(TraineeConfig::default());
        trainee.start(seed).unwrap();
        let budget = budget(&trainee, 30, 16);
        let reports: Vec<Report> = [(0.05, 16), (0.1, 64), (0.02, 8)]
            .into_iter()
            .map(|(lr, batch)| trainee.advance(&Settings::new(lr, batch), budget).unwrap())
            .collect();
        (reports, flat(&trainee))
    };
    let alone: Vec<_> = (0..4).map(run).collect();
    let beside: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|seed| scope.spawn(move || run(seed))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(alone, beside);
    assert_ne!(alone[0].1, alone[1].1);
}

#[test]
fn a_probe_makes_its_updates_and_evaluates_nothing() {
    let (mut probed, mut advanced) = (
        trainee(TraineeConfig::default()),
        trainee(TraineeConfig::default()),
    );
    probed.start(1).unwrap();
    advanced.start(1).unwrap();
    let settings = Settings::new(0.1, 32);
    let snapshot = probed.snapshot();
    let report = probed.probe(&settings, 7).unwrap();
    let budget = budget(&advanced, 7, 32);
    let expected = advanced.advance(&settings, budget).unwrap();
    // The same updates as of a segment, without the price of its evaluation.
    assert_eq!(flat(&probed), flat(&advanced));
    assert_eq!(report.updates, 7);
    assert!((report.cost - 7.0 * UpdateTime::default().update(32)).abs() < 1e-12);
    assert_eq!(report.validation, None);
    assert_eq!(
        (report.train, report.gradients),
        (expected.train, expected.gradients)
    );

    // It ends at the first loss that is not finite, and the way back leads to where it began.
    let report = probed.probe(&Settings::new(1e30, 32), 50).unwrap();
    assert!(report.diverged && report.updates < 50 && report.train.is_none());
    probed.restore(&snapshot, Restore::Everything).unwrap();
    probed.probe(&settings, 7).unwrap();
    assert_eq!(flat(&probed), flat(&advanced));
}

#[test]
fn restore_goes_on_as_if_nothing_had_happened() {
    let mut trainee = trainee(TraineeConfig {
        optimizer: OptimizerConfig::adam(),
        ..Default::default()
    });
    trainee.start(3).unwrap();
    let budget = budget(&trainee, 10, 32);
    let settings = Settings::new(0.003, 32);
    trainee.advance(&settings, budget).unwrap();
    let snapshot = trainee.snapshot();
    let expected = trainee.advance(&settings, budget).unwrap();
    let weights = flat(&trainee);
    trainee.advance(&settings, budget).unwrap();
    trainee.restore(&snapshot, Restore::Everything).unwrap();
    assert_eq!(trainee.advance(&settings, budget).unwrap(), expected);
    assert_eq!(flat(&trainee), weights);
    // The data go on where they were, so the same segment ends elsewhere; and elsewhere again if Adam starts afresh.
    let there = trainee.snapshot();
    let mut after = |what: Restore| {
        trainee.restore(&there, Restore::Everything).unwrap();
        trainee.restore(&snapshot, what).unwrap();
        trainee.advance(&settings, budget).unwrap()
    };
    let (other_data, afresh) = (after(Restore::AllButData), after(Restore::Weights));
    assert_ne!(other_data, expected);
    assert_ne!(afresh, other_data);
    assert_eq!(afresh.updates, other_data.updates);
    let foreign = Snapshot::new(5u8);
    assert!(trainee.restore(&foreign, Restore::Everything).is_err());
}

/// Both have state beyond each number's moments: Prodigy's estimate, and the two sequences of Schedule-Free.
#[test]
fn restore_brings_back_estimates_and_averages_or_starts_them_afresh() {
    for (optimizer, lr) in [
        (OptimizerConfig::Prodigy(ProdigyConfig::default()), 1.0),
        (
            OptimizerConfig::ScheduleFreeAdamW(ScheduleFreeConfig::default()),
            0.0025,
        ),
    ] {
        let mut trainee = trainee(TraineeConfig {
            optimizer,
            ..Default::default()
        });
        trainee.start(3).unwrap();
        let budget = budget(&trainee, 30, 32);
        let settings = Settings::new(lr, 32);
        let before = trainee.advance(&settings, budget).unwrap().validation;
        let snapshot = trainee.snapshot();
        let at_snapshot = flat(&trainee);
        let expected = trainee.advance(&settings, budget).unwrap();
        let weights = flat(&trainee);
        trainee.advance(&settings, budget).unwrap();
        trainee.restore(&snapshot, Restore::Everything).unwrap();
        assert_eq!(flat(&trainee), at_snapshot);
        assert_eq!(trainee.advance(&settings, budget).unwrap(), expected);
        assert_eq!(flat(&trainee), weights);

        // The weights that were evaluated, and an optimiser that does what a new one does from there.
        trainee.restore(&snapshot, Restore::Weights).unwrap();
        assert_eq!(flat(&trainee), at_snapshot);
        assert_eq!(trainee.validate().unwrap(), before.unwrap());
        let state = trainee.state.as_ref().unwrap();
        let Network::Flat {
            weights: trained,
            optimizer: fresh,
        } = &state.network
        else {
            panic!("an MLP has a program");
        };
        assert_eq!(trained.0, at_snapshot);
        match fresh {
            FlatOptimizer::Prodigy(prodigy) => assert_eq!(prodigy.d(), ProdigyConfig::default().d0),
            FlatOptimizer::ScheduleFree(free) => assert!(free.average().is_empty()),
            FlatOptimizer::Sgd { .. } | FlatOptimizer::Adam(_) | FlatOptimizer::Own(_) => {
                panic!("{optimizer:?}")
            }
        }
        assert_ne!(trainee.advance(&settings, budget).unwrap(), expected);
    }
}

#[test]
fn validation_and_test_are_of_the_averaged_weights() {
    let mut trainee = trainee(TraineeConfig {
        optimizer: OptimizerConfig::ScheduleFreeAdamW(ScheduleFreeConfig::default()),
        ..Default::default()
    });
    let first = trainee.start(1).unwrap().validation.unwrap();
    let budget = budget(&trainee, 100, 32);
    let settings = Settings::new(0.0025, 32);
    let report = trainee.advance(&settings, budget).unwrap();
    let validation = report.validation.unwrap();
    assert!(validation.loss < 0.7 * first.loss, "{validation:?}");
    let tested = trainee.test().unwrap().loss;
    // The same again, of a model that has these weights for good.
    let model = trainee.model().unwrap();
    let state = trainee.state.as_mut().unwrap();
    let sgd = OptimizerConfig::sgd();
    let fixed = Network::begin(model, (&sgd, None), true, false).unwrap();
    let weights = |network: &Network<_>| match network {
        Network::Flat { weights, .. } => weights.clone(),
        Network::Module { .. } => panic!("an MLP has a program"),
    };
    assert_ne!(weights(&fixed), weights(&state.network));
    state.network = fixed;
    assert_eq!(trainee.validate().unwrap(), validation);
    assert_eq!(trainee.test().unwrap().loss, tested);
}

#[test]
fn a_change_of_learning_rate_acts_on_the_next_update_and_keeps_the_momentum() {
    let mut trainee = trainee(TraineeConfig::default());
    trainee.start(5).unwrap();
    let one = budget(&trainee, 1, 32);
    trainee.advance(&Settings::new(0.1, 32), one).unwrap();
    let before = flat(&trainee);
    let snapshot = trainee.snapshot();
    let step = |trainee: &mut TaskTrainee<MlpTask>, lr: f64| -> Vec<f32> {
        trainee.restore(&snapshot, Restore::Everything).unwrap();
        trainee.advance(&Settings::new(lr, 32), one).unwrap();
        flat(trainee)
            .iter()
            .zip(&before)
            .map(|(a, b)| a - b)
            .collect()
    };
    // PyTorch's momentum holds no learning rate, so the update is proportional to the new one.
    let (small, large) = (step(&mut trainee, 0.01), step(&mut trainee, 0.04));
    let norm = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    assert!((norm(&large) / norm(&small) - 4.0).abs() < 1e-3);
    assert_eq!(norm(&step(&mut trainee, 0.0)), 0.0);
}

#[test]
fn a_divergence_is_an_outcome() {
    let mut trainee = trainee(TraineeConfig::default());
    trainee.start(1).unwrap();
    let budget = budget(&trainee, 50, 32);
    let report = trainee.advance(&Settings::new(1e6, 32), budget).unwrap();
    assert!(report.diverged && report.validation.is_none());
    assert!(report.cost > 0.0 && report.cost <= budget * (1.0 + 1e-9));
}

#[test]
fn impossible_settings_are_errors_and_leave_the_training_alone() {
    let mut trainee = trainee(TraineeConfig::default());
    assert!(
        trainee.advance(&Settings::new(0.1, 32), 1.0).is_err(),
        "not started"
    );
    trainee.start(1).unwrap();
    let before = flat(&trainee);
    for (settings, word) in [
        (Settings::new(0.1, 301), "300 examples"),
        (Settings::new(0.1, 0), "batch_size"),
        (Settings::new(f64::NAN, 32), "learning_rate"),
    ] {
        let message = trainee.advance(&settings, 1.0).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    assert_eq!(flat(&trainee), before);
}

/// The test split is for reports only: no report changes when its labels do.
#[test]
fn nothing_of_the_test_split_reaches_a_report() {
    let run = |split: Split| {
        let task = MlpTask::new("digits", Arc::new(split), &[16], Activation::Relu);
        let mut trainee =
            TaskTrainee::new(task, TraineeConfig::default(), &Device::flex()).unwrap();
        let first = trainee.start(1).unwrap();
        let report = trainee.advance(&Settings::new(0.1, 32), 0.01).unwrap();
        (first, report, trainee.test().unwrap().loss)
    };
    let honest = (*digits()).clone();
    let mut changed = honest.clone();
    if let Targets::Classes { labels, .. } = &mut changed.test.targets {
        labels
            .iter_mut()
            .for_each(|label| *label = (*label + 1) % 10);
    }
    changed.test.inputs.iter_mut().for_each(|x| *x = -*x);
    let (a, b) = (run(honest), run(changed));
    assert_eq!((a.0, a.1), (b.0, b.1));
    assert_ne!(a.2, b.2);
}

#[test]
fn a_cnn_trains() {
    let pictures = crate::data::pool(&Embedded::FashionMnist.load().unwrap(), 2).unwrap();
    let config = SplitConfig {
        max_train: Some(256),
        ..Default::default()
    };
    let pictures = Arc::new(split(&pictures, &config).unwrap());
    let task = crate::tasks::cnn::CnnTask::new("clothes", pictures, &[4, 8]);
    let config = TraineeConfig {
        validation_rows: Some(200),
        ..Default::default()
    };
    let mut trainee = TaskTrainee::new(task, config, &Device::flex()).unwrap();
    // Two convolutions and, the 14x14 pictures halved twice to 3x3 pixels of 8 channels, the head.
    let weights = (9 * 4 + 4) + (9 * 4 * 8 + 8) + (8 * 9 * 10 + 10);
    assert_eq!(trainee.spec().parameters, weights);
    let first = trainee.start(1).unwrap().validation.unwrap();
    let time = UpdateTime::default();
    let budget = 40.0 * time.update(32) + time.evaluation(200);
    let report = trainee.advance(&Settings::new(0.1, 32), budget).unwrap();
    assert_eq!(report.updates, 40);
    let last = report.validation.unwrap();
    assert!(last.loss < 0.8 * first.loss, "{first:?} {last:?}");
    // Guessing is right for 1 in 10, give or take 0.02 with 200 rows.
    assert!(last.metrics["accuracy"] > 0.3, "{last:?}");
}

#[test]
fn a_regression_reports_its_error_in_the_units_of_the_target() {
    let mut wines = (*Embedded::WineQuality.load().unwrap()).clone();
    let Targets::Classes { labels, names } = &wines.targets else {
        panic!("the wines are classes");
    };
    let qualities: Vec<f32> = names.iter().map(|name| name.parse().unwrap()).collect();
    wines.targets = Targets::Values(labels.iter().map(|l| qualities[*l as usize]).collect());
    let wines = Arc::new(split(&wines, &SplitConfig::default()).unwrap());
    let scale = wines.standardiser.target_scale;
    // The standard deviation of the qualities, about 0.81: the error of always saying the mean.
    assert!(scale > 0.7 && scale < 0.9, "{scale}");
    let task = MlpTask::new("wines", wines, &[16], Activation::Tanh);
    let mut trainee = TaskTrainee::new(task, TraineeConfig::default(), &Device::flex()).unwrap();
    trainee.start(1).unwrap();
    let time = UpdateTime::default();
    let budget = 150.0 * time.update(32) + time.evaluation(trainee.spec.validation_examples);
    let report = trainee.advance(&Settings::new(0.02, 32), budget).unwrap();
    let validation = report.validation.unwrap();
    let rmse = validation.metrics["rmse"];
    // The loss is the mean squared error of standardised targets. Both are sums of the same f32 errors.
    let expected = validation.loss.sqrt() * scale;
    assert!((rmse / expected - 1.0).abs() < 1e-5, "{rmse} {expected}");
    assert!(rmse < scale, "no better than the mean: {rmse}");
}

#[test]
fn a_loss_that_is_not_a_number_ends_the_segment_as_an_outcome() {
    let mut trainee = trainee(TraineeConfig::default());
    trainee.start(1).unwrap();
    let snapshot = trainee.snapshot();
    let budget = budget(&trainee, 50, 32);
    let report = trainee.advance(&Settings::new(1e30, 32), budget).unwrap();
    // No report of what has not diverged holds a number that is not finite.
    assert!(
        report.train.is_none() && report.gradients.is_none(),
        "{report:?}"
    );
    assert!(report.diverged && report.validation.is_none());
    assert!(report.updates < 50, "went on for {}", report.updates);
    trainee.restore(&snapshot, Restore::Everything).unwrap();
    let again = trainee.advance(&Settings::new(0.1, 32), budget).unwrap();
    assert!(!again.diverged && again.validation.is_some());
}

/// With a learning rate of 0 nothing but the decay changes the weights.
#[test]
fn weight_decay_shrinks_the_weights_at_every_update() {
    let mut trainee = trainee(TraineeConfig::default());
    trainee.start(1).unwrap();
    let before = flat(&trainee);
    let budget = budget(&trainee, 10, 16);
    let settings = Settings::new(0.0, 16).with(INDEPENDENT_WEIGHT_DECAY, 0.01);
    trainee.advance(&settings, budget).unwrap();
    let factor = 0.99f32.powi(10);
    for (after, before) in flat(&trainee).iter().zip(&before) {
        assert!((after - before * factor).abs() < 1e-5);
    }
}

/// The averages that are evaluated equal those made of the weights after each update, and do not change the training.
#[test]
fn averaged_weights_are_evaluated_and_leave_the_training_alone() {
    let averaging = 0.3;
    let mut plain = trainee(TraineeConfig::default());
    let mut averaged = trainee(TraineeConfig::default());
    plain.start(1).unwrap();
    averaged.start(1).unwrap();
    let one = budget(&plain, 1, 16);
    let settings = Settings::new(0.1, 16);
    let mut expected = AveragedWeights::default();
    for _ in 0..20 {
        plain.advance(&settings, one).unwrap();
        expected.update(&flat(&plain), averaging, 1);
        averaged
            .advance(&settings.clone().with(AVERAGING, averaging), one)
            .unwrap();
    }
    assert_eq!(flat(&averaged), expected.weights());
    assert_ne!(flat(&averaged), flat(&plain));
    let snapshot = averaged.snapshot();
    // Without averaging the same weights are evaluated as if there had never been any.
    plain.advance(&settings, one).unwrap();
    averaged.advance(&settings, one).unwrap();
    assert_eq!(flat(&averaged), flat(&plain));
    // The average is part of what a snapshot brings back.
    averaged.restore(&snapshot, Restore::Everything).unwrap();
    assert_eq!(flat(&averaged), expected.weights());
}

#[test]
fn the_specification_knows_layers_and_optimiser() {
    let spec = trainee(TraineeConfig::default()).spec().clone();
    assert_eq!((spec.layers, spec.adaptive), (2, false));
    let adam = TraineeConfig {
        optimizer: OptimizerConfig::adam(),
        ..Default::default()
    };
    assert!(trainee(adam).spec().adaptive);
}

#[test]
fn decay_and_averaging_out_of_range_are_refused_by_name() {
    let mut trainee = trainee(TraineeConfig::default());
    trainee.start(1).unwrap();
    for name in [INDEPENDENT_WEIGHT_DECAY, AVERAGING] {
        for value in [-0.1, 1.5, f64::NAN] {
            let settings = Settings::new(0.1, 16).with(name, value);
            let error = trainee.advance(&settings, 1.0).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}

#[test]
fn units_that_no_example_moves_are_counted() {
    let dead = |trainee: &mut TaskTrainee<MlpTask>| {
        let budget = budget(trainee, 1, 300);
        let report = trainee.advance(&Settings::new(1e-9, 300), budget).unwrap();
        report.dead_units.unwrap()
    };
    let mut trainee = trainee(TraineeConfig::default());
    trainee.start(1).unwrap();
    let before = dead(&mut trainee);
    assert!(before < 0.3, "{before}");
    // Half of the 16 units are far below 0 for every example; nothing has changed for the others.
    let biases = trainee.written_out.as_ref().unwrap().biases();
    assert_eq!(biases.len(), 16);
    let state = trainee.state.as_mut().unwrap();
    let Network::Flat { weights, .. } = &mut state.network else {
        panic!("a perceptron is written out")
    };
    biases[..8].iter().for_each(|at| weights.0[*at] = -1e6);
    let after = dead(&mut trainee);
    assert!((0.5..=0.5 + before).contains(&after), "{after}");
    // A smooth unit always moves a little.
    let task = MlpTask::new("digits", digits(), &[16], Activation::Tanh);
    let mut smooth = TaskTrainee::new(task, TraineeConfig::default(), &Device::flex()).unwrap();
    smooth.start(1).unwrap();
    assert_eq!(dead(&mut smooth), 0.0);
}
